//! What can happen to an incident. These are the timeline.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::capture::{NoteChange, NoteSource};
use super::reminders::Topic;
use crate::alert::Tally;
use crate::expectation::Outcome;
use crate::ids::{DraftId, IncidentId, IncidentNumber, RunId};
use crate::journal::millis;
use crate::people::{Actor, Role};
use crate::rules::Chosen;
use crate::suggest::Suggestion;
use crate::update::{Arrival, Draft, PageState};

/// The pager's side of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PagerRef {
    /// The pager's id.
    pub id: String,
    /// Where a person can look at it.
    pub url: Option<String>,
    /// What whoever paged calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Something that changed at the service lately, as a diagnostic or somebody else reported it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeNoted {
    /// One line, as reported.
    pub text: String,
    /// When, where that is told apart from the line.
    #[serde(default, with = "millis::option", skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// Who reported it; a diagnostic when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Where a person can look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What runs since then, where that is told apart from the line: a version, a tag, a commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// For which other incident something was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedFrom {
    /// The other.
    pub from: IncidentNumber,
    /// When.
    #[serde(with = "millis")]
    pub at: DateTime<Utc>,
}

/// How a run of this incident ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Every command ran and nothing failed.
    Succeeded,
    /// It ran to its end, and a person passed over something that was to change the target: not known to help.
    Incomplete,
    /// It ran to its end, and a change of it is done by a person's word alone: not known to help.
    Vouched,
    /// A command failed.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// Its effects were undone.
    Undone,
    /// Undoing failed: the target needs a person.
    UndoFailed,
}

impl IncidentEvent {
    /// `true` for what people must see at once: a new status, commander or severity, or the end of triage.
    #[must_use]
    pub fn changes_status(&self) -> bool {
        matches!(
            self,
            IncidentEvent::Opened { .. }
                | IncidentEvent::Acknowledged { .. }
                | IncidentEvent::Unacknowledged
                | IncidentEvent::CommanderTaken { .. }
                | IncidentEvent::SeverityChanged { .. }
                | IncidentEvent::TriageEnded { .. }
                | IncidentEvent::TriageFailed { .. }
                | IncidentEvent::MitigationStarted { .. }
                | IncidentEvent::Mitigated { .. }
                | IncidentEvent::ResolveHeld { .. }
                | IncidentEvent::Resolved { .. }
                | IncidentEvent::Reopened { .. }
                | IncidentEvent::NotAnIncident { .. }
                | IncidentEvent::MergedInto { .. }
        )
    }
}

/// One event of an incident's timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum IncidentEvent {
    /// It exists.
    Opened {
        /// Display number.
        number: IncidentNumber,
        /// Severity id.
        severity: String,
        /// Why this severity, in a few words.
        severity_reason: String,
        /// The service's name.
        service: String,
        /// What it is about.
        title: String,
        /// The pager's side.
        pager: Option<PagerRef>,
        /// When the impact was detected: the pager's trigger time. The clock of the target starts here.
        #[serde(with = "millis")]
        detected_at: DateTime<Utc>,
        /// Seconds to mitigate that the severity allows.
        target_s: Option<u32>,
        /// Only named people see it: its channel is private, and nothing of it stands in another.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        private: bool,
        /// The severity is what a rule made of it: nobody has named one.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        severity_guessed: bool,
        /// The pager is told what the diagnostics found.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        tells_pager: bool,
        /// An alert has opened it: it is over when all its alerts are.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        alerted: bool,
        /// Which runbooks look at it, and why; in older journals, whichever its service names.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chosen: Option<Box<Chosen>>,
    },
    /// What its sender tells beside the page is known, and the rules were asked again.
    RulesAsked {
        /// So many labels and details.
        facts: u32,
        /// Which runbooks look at it now, and why.
        chosen: Box<Chosen>,
    },
    /// Somebody took it.
    Acknowledged {
        /// Where: `pagerduty`, `blocks`, or `page` for a page by which Blocks had called somebody.
        via: String,
    },
    /// The acknowledgement ran out at the pager.
    Unacknowledged,
    /// Somebody commands from now on.
    CommanderTaken {
        /// Who.
        commander: Actor,
        /// `true`: took it by acknowledging first, until somebody takes over.
        acting: bool,
    },
    /// Its severity changed.
    SeverityChanged {
        /// Before.
        from: String,
        /// After.
        to: String,
        /// Seconds to mitigate that the new severity allows.
        target_s: Option<u32>,
        /// The pager is told.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        told: bool,
        /// What the rules say of it, where they changed it: nobody has named it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Somebody says that it is as severe as a rule had made it.
    SeverityConfirmed {
        /// The pager is told.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        told: bool,
    },
    /// The pager told something that changes nothing here but belongs to the record.
    PagerNoted {
        /// Its event, such as `priority_changed`.
        what: String,
        /// The text, when there is one.
        text: Option<String>,
        /// The pager's id of it, so that it is noted once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// It belongs to another service from now on. What was looked at before was another one.
    ServiceChanged {
        /// Before.
        from: String,
        /// After.
        to: String,
        /// Which runbooks look at that one, and why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chosen: Option<Box<Chosen>>,
    },
    /// People talk about it there from now on.
    BridgeChanged {
        /// The address; nowhere any more when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        /// Telephone numbers, each with what it is called.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        numbers: Vec<String>,
    },
    /// Alerts came to it, began or ended: counted, however many they were.
    AlertsChanged {
        /// All of them as of then.
        tally: Box<Tally>,
        /// What became of which, and why.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        reasons: Vec<String>,
    },
    /// Alerts of it come and go: nothing changes by them until they are steady.
    AlertsDamped {
        /// What they are about.
        alerts: Vec<String>,
    },
    /// Damped alerts of it are steady again, and count.
    AlertsSteady {
        /// What they are about.
        alerts: Vec<String>,
    },
    /// Its channel is open.
    ChannelOpened {
        /// The chat's id.
        channel: String,
    },
    /// Its card is posted.
    CardPosted {
        /// The channel's id.
        channel: String,
        /// The message's id.
        ts: String,
    },
    /// What the shared channel shows of it is posted.
    BriefPosted {
        /// The channel's id.
        channel: String,
        /// The message's id.
        ts: String,
    },
    /// A run was planned for it.
    RunPlanned {
        /// The run.
        run: RunId,
        /// The runbook's name.
        runbook: String,
        /// `true` when it may change something.
        mutating: bool,
        /// `true` for the diagnostics that start by themselves.
        triage: bool,
    },
    /// Diagnostics of another incident of the service have just looked: what they find counts here, and nothing is run twice.
    TriageShared {
        /// The other's run.
        run: RunId,
        /// The runbook's name.
        runbook: String,
        /// The other.
        from: IncidentNumber,
        /// When that run was planned.
        #[serde(with = "millis")]
        looked_at: DateTime<Utc>,
    },
    /// Runbooks that may help were found.
    RunbooksSuggested {
        /// The best first.
        all: Vec<Suggestion>,
    },
    /// A diagnostic was judged.
    EvidenceFound {
        /// The run.
        run: RunId,
        /// The command's id.
        command: String,
        /// What was asked.
        title: String,
        /// What was expected, as written.
        expected: String,
        /// The verdict.
        outcome: Outcome,
        /// Why.
        reason: String,
        /// SHA-256 of the standard output, stored apart.
        output_sha256: Option<String>,
        /// The other incident for which that was looked at, and when.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shared: Option<SharedFrom>,
    },
    /// What changed at the service lately.
    ChangesFound {
        /// Newest first.
        changes: Vec<ChangeNoted>,
    },
    /// One of several runbooks that look has ended; others have not.
    LookEnded {
        /// The run.
        run: RunId,
        /// Commands that ran.
        commands: u32,
        /// Why it was not all, where it was cut off.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cut: Option<String>,
    },
    /// The diagnostics are through.
    TriageEnded {
        /// The run that ended last.
        run: RunId,
        /// Commands that ran in all.
        commands: u32,
        /// Expectations that passed.
        passed: u32,
        /// Expectations that failed or were late.
        failed: u32,
        /// Expectations for a person.
        ask: u32,
        /// Why that run was not all, where it was cut off.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cut: Option<String>,
    },
    /// The diagnostics could not be planned: nobody looked.
    TriageFailed {
        /// The runbook's name.
        runbook: String,
        /// Why.
        reason: String,
    },
    /// A run that may change something is under way.
    MitigationStarted {
        /// The run.
        run: RunId,
    },
    /// A run that had ended is to go on, once somebody says yes: nothing of it happens before.
    RunTakenUp {
        /// The run.
        run: RunId,
    },
    /// A run ended.
    RunEnded {
        /// The run.
        run: RunId,
        /// The runbook's name.
        runbook: String,
        /// How.
        outcome: RunOutcome,
        /// Why, when it did not succeed.
        reason: Option<String>,
    },
    /// The impact has stopped: from here on it is watched.
    Mitigated {
        /// What shows it.
        reason: String,
    },
    /// A person vouched for the fix and asked to resolve.
    ResolveRequested,
    /// The pager says it is over, but a run or a question is still open here: watched until a person decides.
    ResolveHeld {
        /// What is still open.
        reason: String,
    },
    /// It is over.
    Resolved {
        /// Where it was said: `pagerduty`, `blocks`.
        via: String,
    },
    /// The pager pages for it, too, which an alert had opened: from now on it is the pager's as well.
    PagerJoined {
        /// The pager's side.
        pager: PagerRef,
        /// Why it is the same.
        why: String,
        /// The pager is told what the diagnostics find.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        tells_pager: bool,
        /// The pager is told that somebody has it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        told: bool,
        /// The pager is told the severity that a person had said.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        severity_told: bool,
        /// The page names the severity.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        severity_named: bool,
    },
    /// It is open again.
    Reopened {
        /// Where it was said.
        via: String,
        /// Why, where a person said so here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Nobody has it: whoever had taken it before its end is called anew, as for a new one.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        anew: bool,
    },
    /// It ends as no incident: there was nothing to mitigate, and nobody reviews it.
    NotAnIncident {
        /// Why.
        reason: String,
    },
    /// It ends as part of another one, which goes on.
    MergedInto {
        /// The other's identity.
        id: IncidentId,
        /// The other.
        other: IncidentNumber,
    },
    /// Another one has become part of this one.
    MergedFrom {
        /// The other's identity.
        id: IncidentId,
        /// The other.
        other: IncidentNumber,
        /// What the other was about.
        title: String,
    },
    /// Somebody has a role from now on; a commander has [`IncidentEvent::CommanderTaken`].
    RoleGiven {
        /// Which.
        role: Role,
        /// Who.
        to: Actor,
        /// The pager asks them to come.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        asked: bool,
    },
    /// People outside the incident were told how it stands.
    UpdateGiven {
        /// What they were told.
        text: String,
    },
    /// An update is written from a template, and waits for a person.
    UpdateDrafted {
        /// The draft.
        draft: Box<Draft>,
    },
    /// A draft says something else now.
    UpdateEdited {
        /// Which.
        draft: DraftId,
        /// The text.
        text: String,
        /// The code of what it says now.
        code: String,
    },
    /// A person has sent a draft: people outside the incident are told how it stands.
    UpdateSent {
        /// Which.
        draft: DraftId,
        /// The code of what was sent.
        code: String,
        /// The beginning of it, in one line.
        text: String,
    },
    /// A person has thrown a draft away.
    UpdateDiscarded {
        /// Which.
        draft: DraftId,
    },
    /// A draft's message is posted.
    DraftPosted {
        /// Which.
        draft: DraftId,
        /// The channel's id.
        channel: String,
        /// The message's id.
        ts: String,
    },
    /// What was sent has arrived on one of its ways.
    UpdateArrived {
        /// Which.
        draft: DraftId,
        /// The place of the way among the draft's.
        way: u32,
        /// What it is called there.
        arrival: Arrival,
    },
    /// What was sent will never arrive on one of its ways.
    UpdateFailed {
        /// Which.
        draft: DraftId,
        /// The place of the way among the draft's.
        way: u32,
        /// Why.
        reason: String,
        /// What the status page called the incident and does not know any more: it is forgotten here, too.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gone: Option<String>,
    },
    /// What stands at the status page of an incident that has become part of this one is kept up to date from here.
    PageTaken {
        /// What the page calls it.
        page: String,
        /// Where it stands there.
        status: PageState,
        /// The other incident.
        from: IncidentNumber,
    },
    /// Somebody wrote something down, or marked what somebody wrote in chat.
    NoteAdded {
        /// The text.
        text: String,
        /// The message that it is, where it was written in chat.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<Box<NoteSource>>,
    },
    /// A message whose text is on the timeline has changed, or is no part of it any more. What was noted before stays.
    NoteFollowed {
        /// The message's channel.
        channel: String,
        /// The message's id within it.
        ts: String,
        /// What became of it.
        change: NoteChange,
    },
    /// Something is to be done because of it.
    ActionAdded {
        /// Counted from 1 in this incident.
        number: u32,
        /// What.
        text: String,
        /// Who does it, by name; nobody yet when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
        /// By when; no date yet when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<NaiveDate>,
    },
    /// One of these is done.
    ActionDone {
        /// Its number.
        number: u32,
    },
    /// The review was drafted.
    ReviewDrafted {
        /// The file, relative to the configured folder.
        file: String,
        /// SHA-256 of the draft, stored apart.
        sha256: String,
    },
    /// A severity's time box passed without an end.
    TargetMissed {
        /// Seconds that were allowed.
        target_s: u32,
    },
    /// Somebody is asked for something: a reminder, an answer, a decision.
    Asked {
        /// For what.
        about: Topic,
        /// Who; nobody in particular when absent.
        to: Option<Actor>,
        /// The message mentions them.
        #[serde(default)]
        mention: bool,
    },
    /// Reminders are held until then.
    RemindersSnoozed {
        /// Until when.
        #[serde(with = "millis")]
        until: DateTime<Utc>,
    },
    /// Reminders are turned on or off, for whoever says so or for everybody.
    RemindersSet {
        /// On.
        on: bool,
        /// For everybody.
        #[serde(default)]
        all: bool,
    },
    /// Somebody asks whoever commands for a rollback. Nothing starts by this.
    RollbackRequested {
        /// Why.
        reason: String,
    },
    /// Somebody is asked to take command, or a run, over. Until they do, nothing has changed.
    HandoverOffered {
        /// Who is to take it.
        to: Actor,
        /// The run; command when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        /// What they should know beside what is on record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        /// Until when they can take it.
        #[serde(with = "millis")]
        until: DateTime<Utc>,
    },
    /// Somebody has taken over what was passed on; command has [`IncidentEvent::CommanderTaken`] beside it.
    HandoverTaken {
        /// Who passed it on.
        from: Actor,
        /// The run; command when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
    },
    /// Nobody took it in time: it stays where it was.
    HandoverLapsed {
        /// Who was to take it.
        to: Actor,
        /// The run; command when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
    },
    /// The next shift was told of it.
    ShiftHandedOver {
        /// Who takes the shift, where somebody was named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Actor>,
        /// What the pager was told.
        text: String,
    },
    /// One person more is asked, at once.
    Escalated {
        /// Who.
        to: Actor,
        /// What they stand for in the severity's steps, where that chose them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
        /// Why, where somebody said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The pager is asked to ring for them.
        #[serde(default)]
        paged: bool,
        /// It rings with low urgency: it wakes nobody.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        low: bool,
        /// They were named by somebody who may show them a private incident.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        shown: bool,
    },
    /// Somebody has acknowledged the page by which they were called.
    CallAnswered {
        /// Sequence of the event that called them.
        call: u64,
    },
    /// Nobody has acknowledged by then: a step of the severity is due.
    StepDue {
        /// Seconds from the page at which it is due.
        after_s: u32,
        /// Whom it names, such as `secondary`.
        who: Vec<String>,
        /// Those of them for whom nobody was left to tell.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        nobody: Vec<String>,
        /// For whom the pager itself rings: Blocks mentions them, and does not page them too.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rings: Vec<Actor>,
    },
    /// The pager takes no page about it now: people have to be called.
    PagerAway,
    /// A message could not be delivered, for good.
    DeliveryFailed {
        /// Which.
        what: String,
        /// Why.
        reason: String,
    },
}
