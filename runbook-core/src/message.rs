//! What leaves Blocks, in our words. Adapters turn it into Block Kit and REST.
//!
//! Texts from outside are carried as they are: escaping is the adapter's duty, at its edge.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::expectation::Outcome;
use crate::form::Form;
use crate::ids::{DraftId, IncidentId, RunId};
use crate::incident::{NoteChange, Topic, Via};
use crate::people::Actor;
use crate::ports::{EventAction, PagerCall, Quote, Spot};
use crate::run::ChangeMoment;
use crate::update::DraftView;

/// A message in the outbox. What it shows is read from the journal when it leaves, so that it is never stale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum Outgoing {
    /// Open the incident's channel.
    Channel {
        /// The incident.
        incident: IncidentId,
    },
    /// Let somebody into the incident's own channel who came to it later.
    Invite {
        /// The incident.
        incident: IncidentId,
        /// Who.
        who: Actor,
    },
    /// Post or edit the incident's card.
    Card {
        /// The incident.
        incident: IncidentId,
    },
    /// Post or edit what the shared channel shows of an incident that has one of its own.
    Brief {
        /// The incident.
        incident: IncidentId,
    },
    /// Show a plan and ask for approval, or edit it once it was decided.
    Plan {
        /// The run.
        run: RunId,
    },
    /// Post or edit a run's progress.
    Progress {
        /// The run.
        run: RunId,
    },
    /// A line in the incident's channel.
    Note {
        /// The incident.
        incident: IncidentId,
        /// The text.
        text: String,
    },
    /// Somebody is asked for something. Not sent when nobody needs it any more.
    Ask {
        /// The incident.
        incident: IncidentId,
        /// For what.
        about: Topic,
        /// Whether somebody may be mentioned: one mention a minute. Who, and in which words, is looked up when it leaves.
        mention: bool,
        /// When that was decided.
        #[serde(with = "crate::journal::millis")]
        at: DateTime<Utc>,
    },
    /// Somebody is asked to take command, or a run, over. Not sent when it is not on offer to them any more.
    Offer {
        /// The incident.
        incident: IncidentId,
        /// The run; command when absent.
        run: Option<RunId>,
        /// Who is to take it.
        to: Actor,
    },
    /// One person is asked to come.
    Call {
        /// The incident.
        incident: IncidentId,
        /// Who.
        to: Actor,
        /// The text.
        text: String,
    },
    /// A line in a channel that belongs to no incident.
    Notice {
        /// The channel.
        channel: String,
        /// The text.
        text: String,
    },
    /// Who is on call, with numbers, where the pager cannot be reached. No number stands in it: they are looked up when it leaves.
    WhomToCall {
        /// The incident.
        incident: IncidentId,
    },
    /// A part of what the next shift is told, where shifts are told.
    Shift {
        /// The text.
        text: String,
        /// The one person who is mentioned.
        to: Option<Actor>,
        /// Which of its parts, so that they keep their order.
        part: u32,
    },
    /// Page somebody whose yes a plan waits for. Not sent when it does not wait any more.
    ApprovalPage {
        /// The incident.
        incident: IncidentId,
        /// The run.
        run: RunId,
        /// When the offer ends; another one has another end.
        #[serde(with = "crate::journal::millis")]
        until: DateTime<Utc>,
        /// Who.
        to: Actor,
    },
    /// The request that such a page was for is over: what was opened at the pager for it ends there.
    ApprovalOver {
        /// The incident.
        incident: IncidentId,
        /// The run.
        run: RunId,
        /// When the offer would have ended.
        #[serde(with = "crate::journal::millis")]
        until: DateTime<Utc>,
    },
    /// The review, as a file in the incident's channel.
    Review {
        /// The incident.
        incident: IncidentId,
    },
    /// All of what a diagnostic printed, as a file below the incident's card.
    Output {
        /// The incident.
        incident: IncidentId,
        /// SHA-256 of what it printed.
        sha256: String,
    },
    /// An answer for one person.
    Reply {
        /// Where it goes.
        to: ReplyTo,
        /// The answer.
        text: String,
        /// Lines, without the command's name, that one press types: our own words.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        offers: Vec<String>,
    },
    /// A change at the pager.
    Pager {
        /// The incident.
        incident: IncidentId,
        /// The change.
        call: PagerCall,
    },
    /// Others are told of a run that changes something. Which words, and whether at all, is looked up when it leaves.
    Change {
        /// The run.
        run: RunId,
        /// When it begins to, or how it ended.
        moment: ChangeMoment,
    },
    /// An alert of ours at the pager that belongs to no incident.
    Alert {
        /// What it is about; the same alert has the same one.
        key: String,
        /// What becomes of it.
        action: EventAction,
    },
    /// Open a form before one person, in the moment that the chat gives for it.
    Form {
        /// What opens it, once.
        trigger: String,
        /// The form.
        form: Box<Form>,
        /// Where it is told that it could not be opened.
        reply_to: Option<ReplyTo>,
        /// What to type instead.
        instead: String,
    },
    /// Look at a message of the chat, and note it or its end.
    Look(Box<Look>),
    /// Show the draft of an update, or edit that once it was decided.
    Draft {
        /// The incident.
        incident: IncidentId,
        /// The draft.
        draft: DraftId,
    },
    /// An update that a person has sent, on one of its ways.
    Update {
        /// The incident.
        incident: IncidentId,
        /// The draft.
        draft: DraftId,
        /// The place of the way among the draft's.
        way: u32,
        /// What names its other end: what goes there leaves in the order in which it was sent.
        to: String,
    },
}

/// A message of the chat that somebody marked, or does not mark any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// Its channel.
    pub channel: String,
    /// Its id within it.
    pub ts: String,
    /// Who marked it.
    pub by: Actor,
    /// How; `None` where the mark was taken off.
    pub via: Option<Via>,
    /// The message as it came along, in case that it cannot be looked at.
    #[serde(default)]
    pub given: Option<Box<Quote>>,
    /// Where an answer for this person goes.
    #[serde(default)]
    pub reply_to: Option<ReplyTo>,
    /// What has become of it while it was being looked at: noted behind that, and nobody looks again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<NoteChange>,
    /// What asked for it: it is answered once.
    pub cause: (String, String),
}

/// Where an answer for one person goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ReplyTo {
    /// The address that the request carried: a bearer secret, never logged.
    Address(String),
    /// To that person alone, where they asked.
    Person {
        /// The chat's id of the person.
        user: String,
        /// The channel; a direct message when empty.
        channel: String,
        /// The thread within it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        thread: Option<String>,
    },
}

impl From<String> for ReplyTo {
    fn from(address: String) -> ReplyTo {
        ReplyTo::Address(address)
    }
}

/// A link at the top of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bookmark {
    /// What it is called.
    pub title: String,
    /// Where it leads.
    pub url: String,
}

/// A message for a chat system, ready to be rendered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ChatMessage {
    /// Open a channel, set its topic, invite people. A taken name gets a suffix.
    OpenChannel {
        /// Wanted name, already in the chat's alphabet.
        name: String,
        /// Topic.
        topic: String,
        /// The chat's ids of the people to invite; unknown ones are skipped.
        invite: Vec<String>,
        /// Nobody else finds it.
        #[serde(default)]
        private: bool,
        /// What stands at the top of it.
        #[serde(default)]
        bookmarks: Vec<Bookmark>,
    },
    /// Let somebody into a channel; who is there already stays.
    Invite {
        /// Channel id.
        channel: String,
        /// The chat's id of the person.
        who: String,
    },
    /// The incident's card.
    Card {
        /// Channel id.
        channel: String,
        /// The message to edit; a new one when absent.
        ts: Option<String>,
        /// What it shows.
        view: CardView,
    },
    /// An incident in two lines, where it is not talked about.
    Brief {
        /// Channel id.
        channel: String,
        /// The message to edit; a new one when absent.
        ts: Option<String>,
        /// What it shows.
        view: BriefView,
    },
    /// A plan, with buttons while it waits.
    Plan {
        /// Channel id.
        channel: String,
        /// The message to edit; a new one when absent.
        ts: Option<String>,
        /// What it shows.
        view: PlanView,
    },
    /// A run's progress.
    Progress {
        /// Channel id.
        channel: String,
        /// The message to edit; a new one when absent.
        ts: Option<String>,
        /// The thread that it belongs to.
        thread: Option<String>,
        /// What it shows.
        view: ProgressView,
    },
    /// A line of text.
    Note {
        /// Channel id.
        channel: String,
        /// The thread that it belongs to.
        thread: Option<String>,
        /// The text.
        text: String,
    },
    /// Somebody is asked for something.
    Ask {
        /// Channel id.
        channel: String,
        /// The thread that it belongs to.
        thread: Option<String>,
        /// The chat's id of the one person who is mentioned.
        mention: Option<String>,
        /// The text.
        text: String,
        /// `INC-12`, where buttons offer to hold its reminders.
        snooze: Option<String>,
    },
    /// The draft of an update, with buttons while it waits.
    Draft {
        /// Channel id.
        channel: String,
        /// The message to edit; a new one when absent.
        ts: Option<String>,
        /// The thread that it belongs to.
        thread: Option<String>,
        /// What it shows.
        view: DraftView,
    },
    /// Somebody is asked to take something over, with one press.
    Offer {
        /// Channel id.
        channel: String,
        /// The thread that it belongs to.
        thread: Option<String>,
        /// The chat's id of the one person who is mentioned.
        mention: Option<String>,
        /// The text.
        text: String,
        /// `INC-12`.
        incident: String,
        /// The run; command when absent.
        run: Option<RunId>,
    },
    /// A file.
    Upload {
        /// Channel id.
        channel: String,
        /// The thread that it belongs to.
        thread: Option<String>,
        /// File name.
        filename: String,
        /// Title.
        title: String,
        /// The line that goes with it.
        comment: String,
        /// Its text.
        content: String,
    },
    /// An answer for one person.
    Reply {
        /// Where it goes.
        to: ReplyTo,
        /// The answer.
        text: String,
        /// Lines, without the command's name, that one press types: our own words.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        offers: Vec<String>,
    },
    /// A form before one person.
    Form {
        /// What opens it, once.
        trigger: String,
        /// The form.
        form: Box<Form>,
    },
    /// Look at a message: the receipt tells what it says.
    Look {
        /// Channel id.
        channel: String,
        /// The message's id within it.
        ts: String,
        /// The message as it came along, in case that it cannot be looked at.
        given: Option<Box<Quote>>,
    },
}

impl ChatMessage {
    /// Where a message is to stand that stands somewhere.
    #[must_use]
    pub fn spot(&self) -> Option<Spot> {
        let thread = match self {
            ChatMessage::Progress { thread, .. }
            | ChatMessage::Note { thread, .. }
            | ChatMessage::Ask { thread, .. }
            | ChatMessage::Draft { thread, .. }
            | ChatMessage::Offer { thread, .. }
            | ChatMessage::Upload { thread, .. } => thread.clone(),
            _ => None,
        };
        self.channel().map(|channel| Spot { channel: channel.to_owned(), thread })
    }

    /// The channel of a message that stands in one.
    #[must_use]
    pub fn channel(&self) -> Option<&str> {
        match self {
            ChatMessage::Card { channel, .. }
            | ChatMessage::Brief { channel, .. }
            | ChatMessage::Plan { channel, .. }
            | ChatMessage::Draft { channel, .. }
            | ChatMessage::Progress { channel, .. }
            | ChatMessage::Note { channel, .. }
            | ChatMessage::Ask { channel, .. }
            | ChatMessage::Offer { channel, .. }
            | ChatMessage::Upload { channel, .. } => Some(channel),
            ChatMessage::OpenChannel { .. }
            | ChatMessage::Invite { .. }
            | ChatMessage::Reply { .. }
            | ChatMessage::Form { .. }
            | ChatMessage::Look { .. } => None,
        }
    }

    /// Whether it shows how things stand, and is edited when they change; what is said stays as it was said.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(
            self,
            ChatMessage::Card { .. }
                | ChatMessage::Brief { .. }
                | ChatMessage::Plan { .. }
                | ChatMessage::Draft { .. }
                | ChatMessage::Progress { .. }
        )
    }

    /// The id of the message that is edited.
    #[must_use]
    pub fn edits(&self) -> Option<&str> {
        match self {
            ChatMessage::Card { ts, .. }
            | ChatMessage::Brief { ts, .. }
            | ChatMessage::Plan { ts, .. }
            | ChatMessage::Draft { ts, .. }
            | ChatMessage::Progress { ts, .. } => ts.as_deref(),
            _ => None,
        }
    }
}

/// An incident in two lines, for a channel that others share: what it is, and where it is talked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BriefView {
    /// `INC-12`.
    pub number: String,
    /// What it is about.
    pub title: String,
    /// Severity id.
    pub severity: String,
    /// Status word, for people.
    pub status: String,
    /// The service.
    pub service: String,
    /// When it was detected.
    pub detected_at: DateTime<Utc>,
    /// The commander, `ana (acting)`.
    pub commander: Option<String>,
    /// Why it is over, where it is no end like others.
    pub ended: Option<String>,
    /// The id of its own channel.
    pub home: String,
}

/// One incident at a glance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CardView {
    /// `INC-12`.
    pub number: String,
    /// What it is about.
    pub title: String,
    /// Severity id.
    pub severity: String,
    /// Status word, for people.
    pub status: String,
    /// The service.
    pub service: String,
    /// Present phase and its span, such as `triage (5-10 min)`.
    pub phase: Option<String>,
    /// When it was detected.
    pub detected_at: DateTime<Utc>,
    /// Seconds to mitigate that the severity allows, from detection.
    pub target_s: Option<u32>,
    /// How many quarters of that have passed while the impact lasts; 4: all of it.
    #[serde(default)]
    pub target_quarters: Option<u8>,
    /// When the impact stopped.
    pub mitigated_at: Option<DateTime<Utc>>,
    /// When it was resolved.
    pub resolved_at: Option<DateTime<Utc>>,
    /// The commander, `ana (acting)`.
    pub commander: Option<String>,
    /// Where the pager shows it.
    pub pager_url: Option<String>,
    /// Where people talk about it.
    #[serde(default)]
    pub bridge: Option<String>,
    /// Telephone numbers for it, each with what it is called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dial: Vec<String>,
    /// Its alerts, where monitoring systems tell of some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alerts: Option<Box<AlertsView>>,
    /// Diagnostics, in order.
    pub evidence: Vec<EvidenceLine>,
    /// How triage ended, or that it still runs.
    pub triage: Option<String>,
    /// Why this severity, and why these diagnostics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What changed lately, newest first.
    pub changes: Vec<String>,
    /// What the runs of this incident do now, newest first.
    pub runs: Vec<String>,
    /// What to do next, as typed commands with the reason.
    pub suggestions: Vec<String>,
    /// Roles beside the commander, `scribe: cat`.
    #[serde(default)]
    pub roles: Vec<String>,
    /// What people outside were told last, with its time and who told them.
    #[serde(default)]
    pub update: Option<String>,
    /// When they are to be told next.
    #[serde(default)]
    pub update_due: Option<DateTime<Utc>>,
    /// That reminders are held or off, so that nobody takes silence for a good sign.
    #[serde(default)]
    pub reminders: Option<String>,
    /// Why it is over, where it is no end like others.
    #[serde(default)]
    pub ended: Option<String>,
    /// Only named people see it.
    #[serde(default)]
    pub private: bool,
    /// What of the suggestions can be asked for with one press.
    #[serde(default)]
    pub buttons: Vec<CardButton>,
}

/// The alerts of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertsView {
    /// `5 of 8 alerts fire`.
    pub count: String,
    /// What holds the incident open where none of them fires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// Who tells of them.
    pub sources: Vec<String>,
    /// Which of them are shown, where not all are: `the first 5 of 500`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
    /// The first of them.
    pub first: Vec<String>,
    /// Where people can look: what is there, and the address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<(String, String)>,
    /// Those that come and go, and are damped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damped: Vec<String>,
}

/// What a button on the card asks for. It starts nothing that has not been seen: a rollback is planned, and shown; that one
/// person more is woken is asked once more before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CardButton {
    /// Take the incident.
    Ack,
    /// Plan the service's rollback.
    Rollback,
    /// Ask the next of the severity's steps to come.
    Escalate,
}

/// One judged diagnostic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvidenceLine {
    /// The verdict.
    pub outcome: Outcome,
    /// What was asked, for people.
    pub title: String,
    /// What was expected and what came.
    pub detail: String,
    /// The beginning of what the command printed, where that says more than the verdict.
    pub output: Option<String>,
    /// Where all of it is, when it is longer than that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<String>,
}

/// A plan, for the person who decides about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanView {
    /// The run.
    pub run: RunId,
    /// The short name of what is asked, which its buttons carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// The runbook's title.
    pub title: String,
    /// `INC-12`, when it serves one.
    pub incident: Option<String>,
    /// What it acts on.
    pub target: String,
    /// Full fingerprint, lowercase hex.
    pub fingerprint: String,
    /// The four characters people compare.
    pub code: String,
    /// `read-only`, `reversible`, `irreversible`.
    pub risk: String,
    /// Why the risk is what it is.
    pub risk_reasons: Vec<String>,
    /// Which commit it comes from, and whether that was drilled: a line each.
    #[serde(default)]
    pub provenance: Vec<String>,
    /// Sum of the boxes in seconds.
    pub boxes_s: u32,
    /// The document's own limit in seconds.
    pub limit_s: Option<u32>,
    /// When the incident's target passes.
    pub deadline: Option<DateTime<Utc>>,
    /// Parameter values, by name: the commands read them as variables.
    pub params: Vec<(String, String)>,
    /// The steps.
    pub steps: Vec<PlanStepView>,
    /// What a yes lets run again, where it is about a repetition.
    #[serde(default)]
    pub again: Vec<String>,
    /// Who asked for it.
    pub requested_by: String,
    /// How many other people must approve.
    pub approvals_needed: u8,
    /// Who may still approve it, or that nobody can and what to do.
    #[serde(default)]
    pub approvers: Option<String>,
    /// Where it stands, for people: `waits for approval`, `approved by ben`, ...
    pub state: String,
    /// `true` while buttons make sense.
    pub waiting: bool,
    /// When the offer ends.
    pub expires_at: Option<DateTime<Utc>>,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanStepView {
    /// Title.
    pub title: String,
    /// Time box in seconds.
    pub timebox_s: Option<u32>,
    /// `read`, `idempotent`, `once`, `manual`.
    pub effect: String,
    /// The read-only commands whose values are captured before the step, as bash will get them.
    pub baselines: Vec<String>,
    /// The commands, as bash will get them.
    pub commands: Vec<String>,
    /// What undoes it.
    pub undo: Option<String>,
    /// What has to be said about undoing it: a point of no return, a way back to the bad version; else empty.
    #[serde(default)]
    pub reversal: String,
}

/// A run, live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProgressView {
    /// The run.
    pub run: RunId,
    /// The runbook's title.
    pub title: String,
    /// Where it stands, for people.
    pub state: String,
    /// Sum of the boxes in seconds.
    pub boxes_s: u32,
    /// When the incident's target passes.
    pub deadline: Option<DateTime<Utc>>,
    /// The steps.
    pub steps: Vec<ProgressStepView>,
    /// A question for a person, with the answers that make sense, safest first.
    pub question: Option<QuestionView>,
    /// Nothing comes after this.
    #[serde(default)]
    pub is_over: bool,
    /// The command that "it has happened" is said of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The question's short name, which its buttons carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
}

/// One step of a live run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProgressStepView {
    /// Title.
    pub title: String,
    /// `waiting`, `running`, `passed`, `failed`, `late`, `you check`, `unknown: did it run?`, `skipped`.
    pub state: String,
    /// Expectations with their outcome and reason.
    pub verdicts: Vec<EvidenceLine>,
}

/// Something only a person can decide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuestionView {
    /// The question.
    pub text: String,
    /// What is known.
    pub evidence: Vec<String>,
    /// The answers, safest first.
    pub answers: Vec<Answer>,
}

/// An answer that a button can give. The verb is read again on the server; nothing else of the button is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Yes to this fingerprint.
    Approve,
    /// No: the run is cancelled.
    Refuse,
    /// It is as expected.
    Yes,
    /// It is not as expected.
    No,
    /// It has happened; go on.
    MarkDone,
    /// Let a paused run go on.
    Resume,
    /// Run the step again.
    Retry,
    /// Stop here.
    Cancel,
    /// Undo what was done.
    Undo,
    /// It is late: look again.
    WaitOn,
    /// A check failed: go on all the same.
    GoOn,
    /// Undo a rollback: back to the bad version.
    GoBack,
    /// After a failed undo: somebody has put it right.
    PutRight,
}
