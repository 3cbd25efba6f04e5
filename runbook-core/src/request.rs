//! What can be asked of Blocks, whatever the way: terminal, chat, API. Made by `crates/grammar`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::people::Role;
use crate::rules::TriedPage;

/// A request. Who asks travels beside it, never in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// The runbooks that can be named.
    RunbookList,
    /// The runbooks that may help, and why; and which rule chooses what.
    RunbookSuggest {
        /// For this incident; the one that is meant here when nothing is named.
        #[serde(default)]
        incident: Option<String>,
        /// For a page that nobody sent, without an incident.
        #[serde(flatten)]
        page: TriedPage,
    },
    /// What Blocks understood of a runbook.
    RunbookShow {
        /// Its name.
        name: String,
    },
    /// What would run.
    RunbookPlan {
        /// Its name.
        name: String,
        /// Parameter values.
        params: BTreeMap<String, String>,
        /// One section of it, by id, title or the start of either; the whole when absent.
        #[serde(default)]
        section: Option<String>,
    },
    /// Run it.
    RunbookRun {
        /// Its name.
        name: String,
        /// Parameter values.
        params: BTreeMap<String, String>,
        /// One section of it, by id, title or the start of either; the whole when absent.
        #[serde(default)]
        section: Option<String>,
        /// The incident (`INC-12`); the channel's, or the only open one, when absent.
        incident: Option<String>,
    },
    /// Run the rollback that the configuration names for a service.
    RunbookRollback {
        /// The service; the incident's when absent.
        service: Option<String>,
        /// Parameter values.
        params: BTreeMap<String, String>,
        /// The incident (`INC-12`); the channel's, or the only open one if it is about that service, when absent.
        #[serde(default)]
        incident: Option<String>,
    },
    /// The runs at a glance, newest first.
    RunbookRuns {
        /// Those that have ended too.
        #[serde(default)]
        all: bool,
        /// Only those of this incident (`INC-12`).
        #[serde(default)]
        incident: Option<String>,
    },
    /// Where a run stands.
    RunbookStatus {
        /// Id, unique prefix, or the only active one.
        run: Option<String>,
    },
    /// Yes to one fingerprint.
    RunbookApprove {
        /// Id, unique prefix, or the only one that waits.
        run: Option<String>,
        /// The fingerprint that the person saw (full, or its code); a different one refuses.
        fingerprint: Option<String>,
        /// Why, recorded.
        reason: Option<String>,
    },
    /// No to a run that waits: it is cancelled.
    RunbookRefuse {
        /// Id, unique prefix, or the only one that waits.
        run: Option<String>,
        /// Why, recorded.
        reason: Option<String>,
    },
    /// Start nothing more of a run; what runs goes on to its end.
    RunbookPause {
        /// Id, unique prefix, or the only active one.
        run: Option<String>,
        /// Why, recorded.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Let a paused run go on.
    RunbookResume {
        /// Id, unique prefix, or the only one that is paused.
        run: Option<String>,
        /// Why, recorded.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Go on without the command in question.
    RunbookSkip {
        /// Id, unique prefix, or the only active one.
        run: Option<String>,
        /// Why, recorded.
        reason: String,
        /// And without all that is left of its loop or group.
        #[serde(default)]
        rest: bool,
        /// What they looked at, as for [`Request::RunbookMarkDone`].
        #[serde(default)]
        step: Option<String>,
    },
    /// Where a run stands, and what its command has written since.
    RunbookAttach {
        /// Id, unique prefix, or the only active one.
        run: Option<String>,
        /// Where the last answer ended; from the beginning of what runs now when absent.
        #[serde(default)]
        cursor: Option<String>,
    },
    /// End a run that only waits, so that its target is free.
    RunbookTakeOver {
        /// Id, unique prefix, or the only one that holds a target and waits.
        run: Option<String>,
        /// Why, recorded.
        reason: String,
    },
    /// Stop a run.
    RunbookCancel {
        /// Id, unique prefix, or the only active one.
        run: Option<String>,
        /// Why, recorded.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Answer an `ask` expectation.
    RunbookAnswer {
        /// Id, unique prefix, or the only one that asks.
        run: Option<String>,
        /// `true`: it is as expected.
        yes: bool,
        /// What they saw, recorded.
        #[serde(default)]
        reason: Option<String>,
        /// What they looked at, as for [`Request::RunbookMarkDone`].
        #[serde(default)]
        step: Option<String>,
    },
    /// Run the step in question again.
    RunbookRetry {
        /// Id, unique prefix, or the only active one.
        run: Option<String>,
        /// Why, recorded.
        #[serde(default)]
        reason: Option<String>,
        /// What they looked at, as for [`Request::RunbookMarkDone`].
        #[serde(default)]
        step: Option<String>,
    },
    /// A person saw that the step in question has happened.
    RunbookMarkDone {
        /// Id, unique prefix, or the only active one.
        run: Option<String>,
        /// What they saw, recorded.
        reason: Option<String>,
        /// What they looked at: the command's id, with its item in brackets in a loop. Refused when something else is in
        /// question now.
        #[serde(default)]
        step: Option<String>,
    },
    /// Undo what a run did.
    RunbookUndo {
        /// Id, unique prefix, or the only one.
        run: Option<String>,
        /// Why, recorded.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Incidents at a glance.
    IncidentList {
        /// Resolved ones too.
        all: bool,
    },
    /// One incident with its timeline.
    IncidentShow {
        /// `INC-12`; the channel's, or the only open one, when absent.
        incident: Option<String>,
    },
    /// Take it.
    IncidentAck {
        /// `INC-12`; the channel's, or the only open one, when absent.
        incident: Option<String>,
    },
    /// Change its severity.
    IncidentSeverity {
        /// `INC-12`; the channel's, or the only open one, when absent.
        incident: Option<String>,
        /// The new severity's id.
        severity: String,
    },
    /// It is over: the person vouches for the fix.
    IncidentResolve {
        /// `INC-12`; the channel's, or the only open one, when absent.
        incident: Option<String>,
    },
    /// Open one without the pager.
    IncidentDeclare {
        /// What it is about; a form asks for it when it is empty and there can be one.
        title: String,
        /// The severity's id; the service's, else the scheme's second, when absent.
        #[serde(default)]
        severity: Option<String>,
        /// The service; the only one, when absent and there is one.
        #[serde(default)]
        service: Option<String>,
        /// Only named people see it.
        #[serde(default)]
        private: bool,
        /// What else is known: a note on its timeline.
        #[serde(default)]
        description: Option<String>,
    },
    /// How one stands: what its card says.
    IncidentStatus {
        /// `INC-12`; the channel's, or the only open one, when absent.
        incident: Option<String>,
    },
    /// What somebody needs who joins now.
    IncidentCatchUp {
        /// `INC-12`; the channel's, or the only open one, when absent.
        incident: Option<String>,
    },
    /// Why it is as it is: what opened it, its severity, what became of each alert.
    IncidentExplain {
        /// `INC-12`; the channel's, or the only open one, when absent. Without any, what became of alerts that are in none.
        #[serde(default)]
        incident: Option<String>,
    },
    /// It is not over after all.
    IncidentReopen {
        /// `INC-12`; the channel's, or the only one that is over, when absent.
        incident: Option<String>,
        /// Why, recorded.
        reason: String,
    },
    /// It never was an incident.
    IncidentNone {
        /// `INC-12`; the channel's, or the only open one, when absent.
        incident: Option<String>,
        /// Why, recorded.
        reason: String,
    },
    /// It is part of another one.
    IncidentMerge {
        /// `INC-12`; the channel's, or the only other open one, when absent.
        incident: Option<String>,
        /// The one that goes on.
        into: String,
    },
    /// Give somebody a role.
    IncidentRole {
        /// `INC-12`; the channel's, or the only open one, when absent.
        incident: Option<String>,
        /// Which.
        role: Role,
        /// Whom: a name, a chat mention, or `me`.
        who: String,
    },
    /// Record what people outside are told.
    IncidentUpdate {
        /// `INC-12`; the channel's, or the only open one, when absent.
        incident: Option<String>,
        /// What they are told.
        text: String,
    },
    /// Write an update for people outside from a template, and show it.
    UpdateDraft {
        /// `INC-12`; the channel's, or the only open one, when absent.
        incident: Option<String>,
        /// The template's name.
        template: String,
        /// What the template asks for.
        #[serde(default)]
        params: BTreeMap<String, String>,
        /// When it should be over: a length of time, or words.
        #[serde(default)]
        eta: Option<String>,
        /// E-mail addresses in place of those that are configured.
        #[serde(default)]
        to: Vec<String>,
        /// How bad the status page shows it to be.
        #[serde(default)]
        impact: Option<String>,
        /// What the service's component of the status page is set to.
        #[serde(default)]
        component: Option<String>,
    },
    /// Replace a draft's text.
    UpdateEdit {
        /// `INC-12`; the channel's, or the only one, when absent.
        #[serde(default)]
        incident: Option<String>,
        /// The code of what the person has seen, or at least four characters of it.
        draft: String,
        /// The text.
        text: String,
    },
    /// Send a draft as it was seen.
    UpdateSend {
        /// `INC-12`; the channel's, or the only one, when absent.
        #[serde(default)]
        incident: Option<String>,
        /// The code of what the person has seen, or at least four characters of it.
        draft: String,
    },
    /// Throw a draft away.
    UpdateDiscard {
        /// `INC-12`; the channel's, or the only one, when absent.
        #[serde(default)]
        incident: Option<String>,
        /// Its code, or at least four characters of it.
        draft: String,
    },
    /// The drafts of an incident, and the templates.
    UpdateDrafts {
        /// `INC-12`; the channel's, or the only one, when absent.
        #[serde(default)]
        incident: Option<String>,
    },
    /// Write something down.
    TimelineAdd {
        /// `INC-12`; the channel's, or the only open one, when absent.
        incident: Option<String>,
        /// The text.
        text: String,
    },
    /// Something is to be done because of an incident.
    ActionAdd {
        /// `INC-12`; the channel's, or the only one, when absent.
        incident: Option<String>,
        /// What.
        text: String,
        /// Who does it: a name, a chat mention, or `me`.
        #[serde(default)]
        owner: Option<String>,
        /// By when: `2026-12-31`, `today`, `tomorrow`, `5d`.
        #[serde(default)]
        due: Option<String>,
    },
    /// What is to be done because of an incident.
    ActionList {
        /// `INC-12`; the channel's, or the only one, when absent.
        incident: Option<String>,
        /// Of every incident, what is not done.
        #[serde(default)]
        all: bool,
    },
    /// How the incidents of some days went.
    Report {
        /// Since when: `30d`, or a day; so many days when absent as a report tells of.
        #[serde(default)]
        since: Option<String>,
        /// Only those of this service.
        #[serde(default)]
        service: Option<String>,
    },
    /// Something of it is done.
    ActionDone {
        /// `INC-12`; the channel's, or the only one, when absent.
        incident: Option<String>,
        /// Its number.
        number: u32,
    },
    /// Hold an incident's reminders.
    IncidentSnooze {
        /// `INC-12`; the channel's, or the only open one, when absent.
        incident: Option<String>,
        /// For so many minutes: 30, 60 or 90.
        minutes: u32,
    },
    /// Turn an incident's reminders on or off.
    IncidentReminders {
        /// `INC-12`; the channel's, or the only open one, when absent.
        incident: Option<String>,
        /// On.
        on: bool,
        /// For everybody, not only for whoever asks.
        #[serde(default)]
        all: bool,
    },
    /// Ask whoever commands for a rollback. Starts nothing.
    RollbackRequest {
        /// `INC-12`; the channel's, or the only open one, when absent.
        incident: Option<String>,
        /// Why, recorded.
        reason: String,
    },
    /// Pass command, or a run, on to somebody, who has to take it.
    HandOver {
        /// `INC-12`; the channel's, or the only open one, when absent.
        incident: Option<String>,
        /// To whom: a name or a chat mention.
        who: String,
        /// The run, by id or unique prefix; command when absent.
        #[serde(default)]
        run: Option<String>,
        /// What they should know beside what is on record.
        #[serde(default)]
        note: Option<String>,
    },
    /// Take over what somebody passes on.
    HandOverTake {
        /// `INC-12`; the channel's, or the only open one, when absent.
        incident: Option<String>,
        /// The run, by id or unique prefix, or `command`; the one thing on offer to whoever asks when absent.
        #[serde(default)]
        run: Option<String>,
    },
    /// What the next shift has to know.
    HandOverShift {
        /// Who takes the shift, and is told of it: a name or a chat mention.
        #[serde(default)]
        to: Option<String>,
        /// Post it where shifts are told, and at the pager.
        #[serde(default)]
        post: bool,
    },
    /// Ask one person more, and page them.
    Escalate {
        /// `INC-12`; the channel's, or the only open one, when absent.
        incident: Option<String>,
        /// Whom: a name, a chat mention or a duty; the next of the severity's steps when absent.
        #[serde(default)]
        who: Option<String>,
        /// Why, recorded.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Who is on call, and whom to ask.
    OnCall {
        /// For this service; each of them when absent.
        #[serde(default)]
        service: Option<String>,
    },
    /// Page everybody whom the steps of a severity would, as a test, and measure it.
    OnCallTest {
        /// The service; the only one when absent.
        #[serde(default)]
        service: Option<String>,
    },
    /// Where the triggers stand.
    TriggerList,
    /// Send what a trigger sends, as a test, and measure it.
    TriggerTest {
        /// Its name.
        name: String,
    },
    /// The shifts of the rotations.
    OnCallExport {
        /// From this day (`2026-11-30`); today when absent.
        #[serde(default)]
        from: Option<String>,
        /// Until this day; four weeks later when absent.
        #[serde(default)]
        until: Option<String>,
    },
    /// What makes sense to type next.
    Menu {
        /// `INC-12`; the channel's, or the only open one, when absent.
        incident: Option<String>,
    },
    /// Draft the post-incident review again.
    PirDraft {
        /// `INC-12`; the channel's, or the only one, when absent.
        incident: Option<String>,
    },
    /// Walk the journal's chains.
    JournalVerify {
        /// A head that an earlier walk printed (lowercase hex); it must still be part of the chain.
        #[serde(default)]
        expect: Option<String>,
    },
    /// What came in, was accepted, and could not be understood or acted on.
    InboxList {
        /// Only what came from there.
        #[serde(default)]
        source: Option<String>,
        /// What was understood and is of no consequence too.
        #[serde(default)]
        all: bool,
        /// With the beginning of each body.
        #[serde(default)]
        body: bool,
    },
    /// Take it up again.
    InboxRetry {
        /// The one of this id; all dead letters when absent.
        #[serde(default)]
        id: Option<String>,
        /// Only what came from there.
        #[serde(default)]
        source: Option<String>,
    },
    /// What can be asked.
    Help {
        /// About what.
        topic: Option<String>,
    },
}

impl Request {
    /// Whether it decides about, or follows, one run that is there already.
    #[must_use]
    pub fn is_run_verb(&self) -> bool {
        matches!(
            self,
            Request::RunbookApprove { .. }
                | Request::RunbookRefuse { .. }
                | Request::RunbookPause { .. }
                | Request::RunbookResume { .. }
                | Request::RunbookSkip { .. }
                | Request::RunbookAttach { .. }
                | Request::RunbookTakeOver { .. }
                | Request::RunbookCancel { .. }
                | Request::RunbookAnswer { .. }
                | Request::RunbookRetry { .. }
                | Request::RunbookMarkDone { .. }
                | Request::RunbookUndo { .. }
        )
    }

    /// The run that it names.
    #[must_use]
    pub fn run(&self) -> Option<&str> {
        match self {
            Request::RunbookStatus { run }
            | Request::RunbookApprove { run, .. }
            | Request::RunbookRefuse { run, .. }
            | Request::RunbookPause { run, .. }
            | Request::RunbookResume { run, .. }
            | Request::RunbookSkip { run, .. }
            | Request::RunbookAttach { run, .. }
            | Request::RunbookTakeOver { run, .. }
            | Request::RunbookCancel { run, .. }
            | Request::RunbookAnswer { run, .. }
            | Request::RunbookRetry { run, .. }
            | Request::RunbookMarkDone { run, .. }
            | Request::RunbookUndo { run, .. } => run.as_deref(),
            _ => None,
        }
    }

    /// The command that it is about, where it names one.
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        match self {
            Request::RunbookSkip { step, .. }
            | Request::RunbookAnswer { step, .. }
            | Request::RunbookRetry { step, .. }
            | Request::RunbookMarkDone { step, .. } => step.as_deref(),
            _ => None,
        }
    }

    /// Names the command that it is about where it could name one and does not.
    pub fn name_step(&mut self, named: &str) {
        if let Request::RunbookSkip { step, .. }
        | Request::RunbookAnswer { step, .. }
        | Request::RunbookRetry { step, .. }
        | Request::RunbookMarkDone { step, .. } = self
        {
            step.get_or_insert_with(|| named.to_owned());
        }
    }

    /// Why, where the request says so.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Request::RunbookSkip { reason, .. } | Request::RunbookTakeOver { reason, .. } => Some(reason),
            Request::RunbookApprove { reason, .. }
            | Request::RunbookRefuse { reason, .. }
            | Request::RunbookPause { reason, .. }
            | Request::RunbookResume { reason, .. }
            | Request::RunbookCancel { reason, .. }
            | Request::RunbookAnswer { reason, .. }
            | Request::RunbookRetry { reason, .. }
            | Request::RunbookMarkDone { reason, .. }
            | Request::RunbookUndo { reason, .. } => reason.as_deref(),
            _ => None,
        }
    }

    /// Changes the reason that it gives; a reason that it may leave out is left out when nothing is left of it.
    pub fn change_reason(&mut self, change: impl FnOnce(&str) -> String) {
        match self {
            Request::RunbookSkip { reason, .. } | Request::RunbookTakeOver { reason, .. } => {
                *reason = change(reason);
            }
            Request::RunbookApprove { reason, .. }
            | Request::RunbookRefuse { reason, .. }
            | Request::RunbookPause { reason, .. }
            | Request::RunbookResume { reason, .. }
            | Request::RunbookCancel { reason, .. }
            | Request::RunbookAnswer { reason, .. }
            | Request::RunbookRetry { reason, .. }
            | Request::RunbookMarkDone { reason, .. }
            | Request::RunbookUndo { reason, .. } => {
                *reason = reason.as_deref().map(change).filter(|reason| !reason.is_empty());
            }
            _ => {}
        }
    }

    /// Names an incident where it could name one and does not.
    pub fn name_incident(&mut self, named: &str) {
        match self {
            Request::RunbookSuggest { page, .. } if !page.is_empty() => {}
            Request::RunbookSuggest { incident, .. }
            | Request::RunbookRun { incident, .. }
            | Request::RunbookRollback { incident, .. }
            | Request::IncidentShow { incident }
            | Request::IncidentAck { incident }
            | Request::IncidentSeverity { incident, .. }
            | Request::IncidentResolve { incident }
            | Request::IncidentStatus { incident }
            | Request::IncidentCatchUp { incident }
            | Request::IncidentExplain { incident }
            | Request::IncidentReopen { incident, .. }
            | Request::IncidentNone { incident, .. }
            | Request::IncidentMerge { incident, .. }
            | Request::IncidentRole { incident, .. }
            | Request::IncidentUpdate { incident, .. }
            | Request::UpdateDraft { incident, .. }
            | Request::UpdateEdit { incident, .. }
            | Request::UpdateSend { incident, .. }
            | Request::UpdateDiscard { incident, .. }
            | Request::UpdateDrafts { incident }
            | Request::TimelineAdd { incident, .. }
            | Request::IncidentSnooze { incident, .. }
            | Request::IncidentReminders { incident, .. }
            | Request::RollbackRequest { incident, .. }
            | Request::HandOver { incident, .. }
            | Request::HandOverTake { incident, .. }
            | Request::Escalate { incident, .. }
            | Request::ActionAdd { incident, .. }
            | Request::ActionList { incident, all: false }
            | Request::ActionDone { incident, .. }
            | Request::Menu { incident }
            | Request::PirDraft { incident } => {
                incident.get_or_insert_with(|| named.to_owned());
            }
            _ => {}
        }
    }

    /// Names a run where it names none.
    pub fn name_run(&mut self, named: &str) {
        if self.run().is_none() {
            self.set_run(named);
        }
    }

    /// Makes it about this run, whichever it named.
    pub fn set_run(&mut self, named: &str) {
        match self {
            Request::RunbookStatus { run }
            | Request::RunbookApprove { run, .. }
            | Request::RunbookRefuse { run, .. }
            | Request::RunbookPause { run, .. }
            | Request::RunbookResume { run, .. }
            | Request::RunbookSkip { run, .. }
            | Request::RunbookAttach { run, .. }
            | Request::RunbookTakeOver { run, .. }
            | Request::RunbookCancel { run, .. }
            | Request::RunbookAnswer { run, .. }
            | Request::RunbookRetry { run, .. }
            | Request::RunbookMarkDone { run, .. }
            | Request::RunbookUndo { run, .. } => {
                *run = Some(named.to_owned());
            }
            _ => {}
        }
    }

    /// Whether it is about an incident, or about people and actions around it.
    #[must_use]
    pub fn is_about_incidents(&self) -> bool {
        matches!(
            self,
            Request::IncidentList { .. }
                | Request::IncidentShow { .. }
                | Request::IncidentAck { .. }
                | Request::IncidentSeverity { .. }
                | Request::IncidentResolve { .. }
                | Request::IncidentDeclare { .. }
                | Request::IncidentStatus { .. }
                | Request::IncidentCatchUp { .. }
                | Request::IncidentExplain { .. }
                | Request::IncidentReopen { .. }
                | Request::IncidentNone { .. }
                | Request::IncidentMerge { .. }
                | Request::IncidentRole { .. }
                | Request::IncidentUpdate { .. }
                | Request::UpdateDraft { .. }
                | Request::UpdateEdit { .. }
                | Request::UpdateSend { .. }
                | Request::UpdateDiscard { .. }
                | Request::UpdateDrafts { .. }
                | Request::TimelineAdd { .. }
                | Request::ActionAdd { .. }
                | Request::ActionList { .. }
                | Request::ActionDone { .. }
                | Request::IncidentSnooze { .. }
                | Request::IncidentReminders { .. }
                | Request::RollbackRequest { .. }
                | Request::HandOver { .. }
                | Request::HandOverTake { .. }
                | Request::HandOverShift { .. }
                | Request::Escalate { .. }
                | Request::Report { .. }
                | Request::OnCall { .. }
                | Request::OnCallExport { .. }
                | Request::OnCallTest { .. }
                | Request::TriggerList
                | Request::TriggerTest { .. }
                | Request::Menu { .. }
        )
    }

    /// Whether it only looks: nothing is written and nobody is told.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(
            self,
            Request::RunbookList
                | Request::RunbookSuggest { .. }
                | Request::RunbookRuns { .. }
                | Request::RunbookShow { .. }
                | Request::RunbookPlan { .. }
                | Request::RunbookStatus { .. }
                | Request::RunbookAttach { .. }
                | Request::IncidentList { .. }
                | Request::IncidentShow { .. }
                | Request::IncidentStatus { .. }
                | Request::IncidentCatchUp { .. }
                | Request::IncidentExplain { .. }
                | Request::ActionList { .. }
                | Request::UpdateDrafts { .. }
                | Request::HandOverShift { to: None, post: false }
                | Request::Report { .. }
                | Request::OnCall { .. }
                | Request::OnCallExport { .. }
                | Request::TriggerList
                | Request::Menu { .. }
                | Request::JournalVerify { .. }
                | Request::InboxList { .. }
                | Request::Help { .. }
        )
    }
}
