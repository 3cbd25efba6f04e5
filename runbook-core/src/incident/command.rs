//! What can be asked of an incident, and why it may be refused.

use chrono::{DateTime, NaiveDate, Utc};

use super::alerts::AlertsTold;
use super::calls::CallAnswer;
use super::capture::{NoteChange, NoteSource};
use super::clock::Rung;
use super::event::{ChangeNoted, PagerRef, RunOutcome};
use super::handover::Escalate;
use super::join::Joining;
use super::reminders::Look;
use crate::expectation::Outcome;
use crate::ids::{IncidentId, IncidentNumber, RunId};
use crate::people::{Actor, Role};
use crate::ports::Answer;
use crate::rules::{Choice, Chosen};
use crate::suggest::Suggestion;
use crate::update::{PageState, Refusal, UpdateCommand};

/// Everything that opening needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIncident {
    /// Identity, given by the shell.
    pub id: IncidentId,
    /// Display number, raised in the same transaction.
    pub number: IncidentNumber,
    /// Severity id.
    pub severity: String,
    /// Why this severity.
    pub severity_reason: String,
    /// Seconds to mitigate that the severity allows.
    pub target_s: Option<u32>,
    /// The service's name.
    pub service: String,
    /// What it is about.
    pub title: String,
    /// The pager's side.
    pub pager: Option<PagerRef>,
    /// When the impact was detected.
    pub detected_at: DateTime<Utc>,
    /// `true`: diagnostics are configured and start at once.
    pub triage: bool,
    /// Only named people see it.
    pub private: bool,
    /// The severity is what a rule made of it: nobody has named one.
    pub severity_guessed: bool,
    /// The pager is told what the diagnostics found.
    pub tells_pager: bool,
    /// What else whoever declared it knows.
    pub note: Option<String>,
    /// Which runbooks look at it, and why; whichever its service names when absent.
    pub chosen: Option<Box<Chosen>>,
}

/// Something that was found for another incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The command's id.
    pub command: String,
    /// What was asked.
    pub title: String,
    /// What was expected.
    pub expected: String,
    /// The verdict.
    pub outcome: Outcome,
    /// Why.
    pub reason: String,
    /// SHA-256 of the standard output.
    pub output_sha256: Option<String>,
    /// When it was found.
    pub at: DateTime<Utc>,
}

/// How a run that only looks ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookEnd {
    /// Commands that ran.
    pub commands: u32,
    /// Why it was not all, where it was cut off.
    pub cut: Option<String>,
}

/// Whose word a severity is: that of somebody here is told to the pager, and the pager's is not told back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Somebody said it here.
    Here {
        /// Their e-mail at the pager, when known.
        email: Option<String>,
    },
    /// A rule says so: nobody has named it.
    Rule {
        /// Why.
        why: String,
    },
    /// The pager says so.
    Pager {
        /// When, by its account.
        occurred_at: DateTime<Utc>,
    },
    /// The pager shows it, and everything that was said here before the look has got there.
    Seen {
        /// When it was looked at, by our clock.
        looked_at: DateTime<Utc>,
    },
}

/// Somebody is asked to come, through the pager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskAtPager {
    /// E-mail of whoever asks.
    pub from: Option<String>,
    /// E-mail of whoever is to come.
    pub to: String,
}

/// A change that somebody or something asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum IncidentCommand {
    /// Somebody took it.
    Acknowledge {
        /// Who.
        by: Actor,
        /// Where.
        via: String,
        /// Their e-mail at the pager, when known.
        email: Option<String>,
    },
    /// The acknowledgement ran out.
    Unacknowledge {
        /// When, by the pager's account.
        occurred_at: DateTime<Utc>,
    },
    /// Change the severity.
    ChangeSeverity {
        /// The new one.
        to: String,
        /// Its target in seconds.
        target_s: Option<u32>,
        /// Whose word it is.
        word: Word,
    },
    /// The pager told something for the record.
    NotePager {
        /// Its event.
        what: String,
        /// Its text.
        text: Option<String>,
        /// The pager's id of it, where it may be told of more than once.
        id: Option<String>,
    },
    /// Somebody more was asked for at the pager, or has answered that.
    HearResponder {
        /// Who, and what they said.
        text: Option<String>,
        /// Who.
        who: Actor,
        /// What they say.
        answer: Answer,
    },
    /// The pager never took the acknowledgement that it has here: tell it again.
    TellAgain {
        /// E-mail at the pager of whoever has it, when known.
        email: Option<String>,
    },
    /// The pager has given it to another service.
    MoveToService {
        /// The service's name.
        to: String,
        /// `true`: diagnostics are configured and start at once.
        triage: bool,
        /// Which runbooks look at it then, and why.
        chosen: Option<Box<Chosen>>,
    },
    /// What its sender tells beside the page is known: the rules have been asked again.
    HearDetails {
        /// So many labels and details.
        facts: u32,
        /// What the rules say now.
        choice: Box<Choice>,
        /// Seconds to mitigate that this severity allows.
        target_s: Option<u32>,
    },
    /// Another incident of the service has just been looked at with the same runbook.
    ShareTriage {
        /// The other's run.
        run: RunId,
        /// The runbook's name.
        runbook: String,
        /// The other.
        from: IncidentNumber,
        /// When that run was planned.
        looked_at: DateTime<Utc>,
    },
    /// Others than the diagnostics say what changed at the service.
    NoteChanges {
        /// The service that was changed: they say nothing of another one.
        service: String,
        /// In any order.
        changes: Vec<ChangeNoted>,
    },
    /// Runbooks that may help were found.
    Suggest {
        /// The best first.
        all: Vec<Suggestion>,
    },
    /// What that has found by now.
    TakeEvidence {
        /// The other's run.
        run: RunId,
        /// What was found, in order.
        evidence: Vec<Taken>,
        /// What has changed, where the diagnostics say so.
        changes: Vec<ChangeNoted>,
        /// How it ended; `None` while it goes on.
        end: Option<LookEnd>,
    },
    /// The pager says where people talk about it.
    ChangeBridge {
        /// The address; nowhere any more when absent.
        url: Option<String>,
        /// Telephone numbers, each with what it is called.
        numbers: Vec<String>,
    },
    /// The pager has made it a part of another one.
    PagerMerged {
        /// The other's identity.
        id: IncidentId,
        /// The other.
        other: IncidentNumber,
        /// When, by the pager's account.
        occurred_at: DateTime<Utc>,
    },
    /// The pager pages for what an alert has opened.
    JoinPager(Box<Joining>),
    /// Monitoring systems tell of its alerts.
    TellAlerts(Box<AlertsTold>),
    /// The channel is open.
    RecordChannel {
        /// The chat's id.
        channel: String,
    },
    /// The card is posted.
    RecordCard {
        /// The channel's id.
        channel: String,
        /// The message's id.
        ts: String,
    },
    /// What the shared channel shows is posted.
    RecordBrief {
        /// The channel's id.
        channel: String,
        /// The message's id.
        ts: String,
    },
    /// A run was planned.
    LinkRun {
        /// The run.
        run: RunId,
        /// The runbook's name.
        runbook: String,
        /// It may change something.
        mutating: bool,
        /// The diagnostics that start by themselves.
        triage: bool,
    },
    /// A diagnostic was judged.
    AddEvidence {
        /// The run.
        run: RunId,
        /// The command's id.
        command: String,
        /// What was asked.
        title: String,
        /// Expectation text, verdict and reason.
        verdicts: Vec<(String, Outcome, String)>,
        /// SHA-256 of the standard output.
        output_sha256: Option<String>,
        /// It is longer than what the card shows of it.
        is_long: bool,
        /// Lines of a command that reports changes.
        changes: Vec<ChangeNoted>,
    },
    /// The diagnostics are through.
    EndTriage {
        /// The run.
        run: RunId,
        /// Commands that ran.
        commands: u32,
    },
    /// The diagnostics could not be planned.
    FailTriage {
        /// The runbook's name.
        runbook: String,
        /// Why.
        reason: String,
    },
    /// A run that may change something has begun.
    StartMitigation {
        /// The run.
        run: RunId,
    },
    /// A run that had ended is to go on, once somebody says yes.
    TakeUpRun {
        /// The run.
        run: RunId,
    },
    /// A run ended.
    EndRun {
        /// The run.
        run: RunId,
        /// How.
        outcome: RunOutcome,
        /// Why, when it did not succeed.
        reason: Option<String>,
    },
    /// A run that had ended, and was to go on, has ended as it had: nobody agreed, and nothing of it happened.
    StandAgain {
        /// The run.
        run: RunId,
        /// How it had ended.
        outcome: RunOutcome,
        /// Why.
        reason: String,
    },
    /// A person vouches for the fix.
    Resolve {
        /// Who.
        by: Actor,
        /// Their e-mail at the pager, when known.
        email: Option<String>,
    },
    /// A person says that it is not over.
    Reopen {
        /// Who.
        by: Actor,
        /// Why.
        reason: String,
    },
    /// A person says that it never was an incident.
    EndAsNone {
        /// Who.
        by: Actor,
        /// Their e-mail at the pager, when known.
        email: Option<String>,
        /// Why.
        reason: String,
    },
    /// A person says that it is part of another one.
    MergeInto {
        /// Who.
        by: Actor,
        /// Their e-mail at the pager, when known.
        email: Option<String>,
        /// The other's identity.
        id: IncidentId,
        /// The other.
        other: IncidentNumber,
    },
    /// Another one becomes part of it.
    TakeIn {
        /// The other's identity.
        id: IncidentId,
        /// The other.
        other: IncidentNumber,
        /// What the other is about.
        title: String,
        /// What stands at the status page for the other: the page's id, and where it stands there.
        on_page: Vec<(String, PageState)>,
        /// The other's alerts, which come along.
        alerts: Option<Box<AlertsTold>>,
    },
    /// Give somebody a role.
    GiveRole {
        /// Who gives it.
        by: Actor,
        /// Which.
        role: Role,
        /// To whom.
        to: Actor,
        /// How the pager asks whoever is to respond; `None` where it does not know one of the two.
        ask: Option<Box<AskAtPager>>,
    },
    /// Record what people outside are told.
    GiveUpdate {
        /// Who tells them.
        by: Actor,
        /// The text.
        text: String,
    },
    /// Something about the draft of an update.
    Update(UpdateCommand),
    /// Write something down.
    AddNote {
        /// Who.
        by: Actor,
        /// Their e-mail at the pager, when known.
        email: Option<String>,
        /// The text.
        text: String,
    },
    /// Put a message of the chat on the record.
    CaptureNote {
        /// Its text.
        text: String,
        /// Which message it is.
        source: Box<NoteSource>,
    },
    /// A message of the chat has changed.
    FollowNote {
        /// Its channel.
        channel: String,
        /// Its id within it.
        ts: String,
        /// What became of it.
        change: NoteChange,
    },
    /// Something is to be done because of it.
    AddAction {
        /// What.
        text: String,
        /// Who does it, by name.
        owner: Option<String>,
        /// By when.
        due: Option<NaiveDate>,
    },
    /// One of these is done.
    EndAction {
        /// Its number.
        number: u32,
    },
    /// The pager says it is over.
    PagerResolved {
        /// When that happened there; it may be told late.
        occurred_at: DateTime<Utc>,
    },
    /// The pager says it is open again.
    PagerReopened {
        /// When that happened there; it may be told late.
        occurred_at: DateTime<Utc>,
    },
    /// The review was drafted.
    RecordReview {
        /// The file.
        file: String,
        /// SHA-256 of the draft.
        sha256: String,
        /// Post it to the channel.
        post: bool,
    },
    /// The time to mitigate has passed.
    TargetPassed,
    /// Time has passed, or a run waits: who is to be asked for what?
    Look(Box<Look>),
    /// Hold reminders for a while.
    Snooze {
        /// For so many minutes.
        minutes: u32,
    },
    /// Turn reminders on or off.
    SetReminders {
        /// On.
        on: bool,
        /// For everybody, not only for whoever asks.
        all: bool,
    },
    /// Ask whoever commands for a rollback. Starts nothing.
    RequestRollback {
        /// Why.
        reason: String,
    },
    /// Ask somebody to take command, or a run, over.
    OfferHandover {
        /// Who passes it on.
        by: Actor,
        /// Who is to take it.
        to: Actor,
        /// The run, and whose it was when it was planned; command when absent.
        run: Option<(RunId, Actor)>,
        /// What they should know beside what is on record.
        note: Option<String>,
    },
    /// Take over what was passed on.
    TakeHandover {
        /// Who.
        by: Actor,
        /// The run; command when absent.
        run: Option<RunId>,
    },
    /// Time has passed: what nobody took stays where it was.
    LapseHandover,
    /// The next shift is told of it.
    TellShift {
        /// Who takes the shift, where somebody is named.
        to: Option<Actor>,
        /// What the pager is told.
        text: String,
    },
    /// Ask one person more, at once.
    Escalate(Box<Escalate>),
    /// Tell the people of the severity's step that is due, where nobody has acknowledged: its steps, with whom each tells now.
    Climb(Vec<Rung>),
    /// The pager takes no page about it.
    NotePagerAway,
    /// Somebody has acknowledged a page by which Blocks had called them.
    AnswerCall(CallAnswer),
    /// Somebody commands by the rotation, and another acts meanwhile: they are told.
    TellRotation {
        /// Who commands by the rotation.
        to: Actor,
    },
    /// Somebody has come who commands by the rotation.
    TakeByRotation {
        /// Who.
        by: Actor,
        /// The severity is one that has its commander from the rotation.
        severity_asks: bool,
    },
    /// A message could not be delivered, for good.
    RecordDeliveryFailure {
        /// Which.
        what: String,
        /// Why.
        reason: String,
    },
    /// Somebody could not be paged, for good.
    RecordPageFailure {
        /// Who.
        whom: String,
        /// Why.
        reason: String,
        /// The same for people, with who asked for it and what to do.
        text: String,
    },
}

/// Why a change was refused. The text is for the person who asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It is over.
    #[error("{number} is already {status}")]
    NotOpen {
        /// The incident.
        number: IncidentNumber,
        /// Its status word.
        status: &'static str,
    },
    /// A run that may change something has not ended, or its undo failed.
    #[error("{number} stays open: run {run} ({runbook}) {why}; hint: see `/blocks runbook status {run}`")]
    RunOpen {
        /// The incident.
        number: IncidentNumber,
        /// The run.
        run: RunId,
        /// Its runbook.
        runbook: String,
        /// What is left of it.
        why: &'static str,
    },
    /// It is not over.
    #[error("{number} is {status}, it is not over; hint: `/blocks status {number}`")]
    StillOpen {
        /// The incident.
        number: IncidentNumber,
        /// Its status word.
        status: &'static str,
    },
    /// An incident is no part of itself.
    #[error(
        "{number} cannot be merged into itself; hint: name two incidents, as in `merge INC-2 into INC-1`"
    )]
    IntoItself {
        /// The incident.
        number: IncidentNumber,
    },
    /// No action has that number.
    #[error("{number} has no action {action}; hint: `/blocks action list {number}`")]
    NoAction {
        /// The incident.
        number: IncidentNumber,
        /// What was named.
        action: u32,
    },
    /// The draft of an update does not allow it.
    #[error(transparent)]
    Update(#[from] Refusal),
    /// Somebody passes on what is another's.
    #[error("{what} of {number} is {whose} to hand over; hint: {hint}")]
    NotTheirs {
        /// The incident.
        number: IncidentNumber,
        /// `command`, `run ...`.
        what: String,
        /// Whose it is.
        whose: String,
        /// What to do instead.
        hint: String,
    },
    /// Nothing of this kind is passed on.
    #[error("{number}: {what} is not handed over to anybody now; hint: {hint}")]
    NothingOffered {
        /// The incident.
        number: IncidentNumber,
        /// `command`, `run ...`.
        what: String,
        /// What to do instead.
        hint: String,
    },
    /// It is passed on to somebody else.
    #[error("{number}: {what} is handed over to {to}, who alone can take it; hint: {from} can name another")]
    ForAnother {
        /// The incident.
        number: IncidentNumber,
        /// `command`, `run ...`.
        what: String,
        /// Who is to take it.
        to: Actor,
        /// Who passes it on.
        from: Actor,
    },
    /// They took too long.
    #[error("{number}: the time to take {what} over has passed; hint: {from} hands it over again")]
    TooLate {
        /// The incident.
        number: IncidentNumber,
        /// `command`, `run ...`.
        what: String,
        /// Who passed it on.
        from: Actor,
    },
    /// Only a known person may do this.
    #[error(
        "{who} is not known here: only a person in blocks.toml may do this; hint: add a [[person]] entry"
    )]
    UnknownPerson {
        /// Who asked.
        who: String,
    },
}
