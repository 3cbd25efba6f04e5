//! What an incident is, folded from its events.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::alerts::Alerts;
use super::calls::Calls;
use super::capture::Captured;
use super::clock::Clock;
use super::decide::{
    BRIEF, CALL, CARD, CHANNEL, HERE, OUTPUT, PAGER, PAGER_ACK, PAGER_RESOLVE, RESOLVE_WITHDRAWN,
    SHOWN_AGAIN, TOLD_AGAIN,
};
use super::event::{ChangeNoted, IncidentEvent, PagerRef, RunOutcome, SharedFrom};
use super::handover::Passed;
use super::late::LastWords;
use super::look::Looks;
use super::pager::{Bridge, says_whether_it_is_over};
use super::record::{ActionItem, End, Update};
use super::reminders::Reminders;
use super::tell::Told;
use crate::expectation::Outcome;
use crate::ids::{IncidentId, IncidentNumber, RunId};
use crate::journal::{Envelope, StreamId};
use crate::people::{Actor, Role};
use crate::ports::IncidentRow;
use crate::rules::Chosen;
use crate::suggest::Suggestion;
use crate::update::Drafts;

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Somebody is being paged.
    Triggered,
    /// Somebody took it.
    Acknowledged,
    /// A run that may change something is under way or has not yet helped.
    Mitigating,
    /// The impact has stopped; it is watched.
    Monitoring,
    /// It is over.
    Resolved,
    /// It is over and its review is done.
    Closed,
}

impl Status {
    /// The word in JSON and for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Status::Triggered => "triggered",
            Status::Acknowledged => "acknowledged",
            Status::Mitigating => "mitigating",
            Status::Monitoring => "monitoring",
            Status::Resolved => "resolved",
            Status::Closed => "closed",
        }
    }

    /// `true` until it is resolved.
    #[must_use]
    pub fn is_open(self) -> bool {
        self < Status::Resolved
    }
}

/// Who commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commander {
    /// Who.
    pub who: Actor,
    /// Took it by acknowledging first.
    pub acting: bool,
}

/// A judged diagnostic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The run.
    #[serde(skip, default = "no_run")]
    pub run: RunId,
    /// The command's id.
    #[serde(skip)]
    pub command: String,
    /// What was asked.
    pub title: String,
    /// What was expected.
    pub expected: String,
    /// The verdict.
    pub outcome: Outcome,
    /// Why.
    pub reason: String,
    /// SHA-256 of the standard output, stored apart.
    pub output_sha256: Option<String>,
    /// The other incident for which that was looked at, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared: Option<SharedFrom>,
}

fn no_run() -> RunId {
    RunId(uuid::Uuid::nil())
}

/// How the diagnostics ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Triage {
    /// Commands that ran.
    pub commands: u32,
    /// Expectations that passed.
    pub passed: u32,
    /// Expectations that failed or were late.
    pub failed: u32,
    /// Expectations for a person.
    pub ask: u32,
}

/// A run of this incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLink {
    /// The run.
    pub run: RunId,
    /// The runbook's name.
    pub runbook: String,
    /// It may change something.
    pub mutating: bool,
    /// The diagnostics that started by themselves.
    pub triage: bool,
    /// How it ended; `None` while it goes on.
    pub outcome: Option<RunOutcome>,
    /// How it had ended before it was taken up again, while nobody has said yes to that.
    #[serde(skip)]
    pub taken_up: Option<RunOutcome>,
}

impl RunLink {
    /// Why it keeps the incident open, to follow its name.
    #[must_use]
    pub fn unfinished_words(&self) -> &'static str {
        match self.outcome {
            Some(RunOutcome::UndoFailed) => {
                "is half undone: somebody has to look, and then `retry` or `mark-done` it"
            }
            _ => "has not ended",
        }
    }
}

/// An incident as it is now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Incident {
    /// Identity.
    pub id: IncidentId,
    /// Display number.
    pub number: IncidentNumber,
    /// Where it stands.
    pub status: Status,
    /// Severity id.
    pub severity: String,
    /// Why this severity, where nobody has named another since.
    pub severity_reason: String,
    /// Which runbooks look at it, and why; whichever its service names when absent.
    pub chosen: Option<Chosen>,
    /// What its looks have come to.
    #[serde(skip)]
    pub looks: Looks,
    /// Runbooks that may help, the best first.
    pub suggested: Vec<Suggestion>,
    /// The service's name.
    pub service: String,
    /// What it is about.
    pub title: String,
    /// The pager's side.
    pub pager: Option<PagerRef>,
    /// When the impact was detected.
    pub detected_at: DateTime<Utc>,
    /// When Blocks opened it.
    pub opened_at: DateTime<Utc>,
    /// When somebody first took it.
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// When the impact stopped.
    pub mitigated_at: Option<DateTime<Utc>>,
    /// When it was over.
    pub resolved_at: Option<DateTime<Utc>>,
    /// Seconds to mitigate that the severity allows.
    pub target_s: Option<u32>,
    /// Who commands.
    pub commander: Option<Commander>,
    /// The channel in which it is talked about, once there is something of it.
    pub channel: Option<String>,
    /// That channel was opened for it. What its severity asks for may be another thing by now.
    #[serde(skip)]
    pub in_own_channel: bool,
    /// Opening its own channel failed for good: it lives where its severity does.
    pub channel_failed: bool,
    /// The pager refused a change for good: a person may end it here.
    pub pager_refused: bool,
    /// An output could not be shared as a file for good.
    #[serde(skip)]
    pub file_failed: bool,
    /// What shows how it stands and could not be shown last, and why: said once for each reason.
    #[serde(skip)]
    pub not_shown: BTreeMap<String, String>,
    /// Its card, once posted.
    pub card_ts: Option<String>,
    /// What the shared channel shows of it, once posted: the channel's id, and the message's.
    #[serde(skip)]
    pub brief: Option<(String, String)>,
    /// Its card stood there before: what was said below it is still there.
    #[serde(skip)]
    pub has_moved: bool,
    /// Its runs, oldest first.
    pub runs: Vec<RunLink>,
    /// Judged diagnostics.
    pub evidence: Vec<Evidence>,
    /// How the diagnostics ended.
    pub triage: Option<Triage>,
    /// The diagnostics could not be planned: nobody looked.
    pub triage_impossible: bool,
    /// What changed lately.
    pub changes: Vec<ChangeNoted>,
    /// How many runs it had when it came to the service that it belongs to.
    #[serde(skip)]
    pub runs_before: usize,
    /// Where people talk about it, where the pager says so.
    #[serde(skip)]
    pub bridge: Bridge,
    /// Somebody vouched for the fix.
    pub resolve_requested: bool,
    /// The pager has said that it is over, while something was still open here.
    pub pager_resolved: bool,
    /// When the pager last opened or ended it, by its own account: what it tells of before that has come late.
    #[serde(skip)]
    pub pager_said_at: Option<DateTime<Utc>>,
    /// The target that has been noted as missed, in seconds.
    pub target_missed: Option<u32>,
    /// The newest draft of the review.
    pub review_file: Option<String>,
    /// SHA-256 of that draft.
    pub review_sha256: Option<String>,
    /// Only named people see it.
    pub private: bool,
    /// The pager is told what the diagnostics found.
    #[serde(skip)]
    pub tells_pager: bool,
    /// Who opened it.
    pub opened_by: Actor,
    /// Why it is over, where it is no end like others.
    pub end: Option<End>,
    /// Other incidents that have become part of it.
    pub merged: Vec<IncidentNumber>,
    /// Roles beside the commander, in the order in which they were given.
    pub roles: Vec<(Role, Actor)>,
    /// What people outside were told last.
    pub update: Option<Update>,
    /// What is to be done because of it.
    pub actions: Vec<ActionItem>,
    /// Messages of the chat that are, or were, on its timeline.
    pub captured: Vec<Captured>,
    /// The pager has it as over, by what it said last.
    #[serde(skip)]
    pub pager_over: bool,
    /// The pager was asked to end it for an end that is not its own, and has not said that it did.
    #[serde(skip)]
    pub pager_asked: bool,
    /// Notes that were written at the pager: it tells of them as of everybody's.
    #[serde(skip)]
    pub pager_notes: Vec<String>,
    /// The pager's ids of what is noted of it already.
    #[serde(skip)]
    pub noted_at_pager: BTreeSet<String>,
    /// It was acknowledged at the pager, and that has not run out.
    #[serde(skip)]
    pub taken_at_pager: bool,
    /// When it was last acknowledged: at the pager by its account, here by our clock.
    #[serde(skip)]
    pub taken_at: Option<DateTime<Utc>>,
    /// When the pager was last told, or told again, that somebody here has it; nobody here has taken it since it ran out when absent.
    #[serde(skip)]
    pub last_told_at: Option<DateTime<Utc>>,
    /// When nobody had it any more for the last time: by the pager's account where it said so.
    #[serde(skip)]
    pub untaken_at: Option<DateTime<Utc>>,
    /// The pager refused for good to take that.
    #[serde(skip)]
    pub ack_refused: bool,
    /// What the pager was told, and has not said to have.
    #[serde(skip)]
    pub told: Told,
    /// When the pager said last what it says again and again.
    #[serde(skip)]
    pub last_words: LastWords,
    /// Sequence of the last acknowledgement, or of its running out.
    #[serde(skip)]
    pub taken_seq: u64,
    /// Whom it asked for what, and who wants not to be asked.
    #[serde(skip)]
    pub reminders: Reminders,
    /// Updates that were written for people outside.
    #[serde(skip)]
    pub drafts: Drafts,
    /// Its alerts, where monitoring systems tell of some.
    #[serde(skip)]
    pub alerts: Option<Alerts>,
    /// A person has said how severe it is.
    #[serde(skip)]
    pub severity_by_hand: bool,
    /// What is passed on, and who was asked beside those who had it.
    #[serde(skip)]
    pub passed: Passed,
    /// Whom the clock tells while nobody has taken it.
    #[serde(skip)]
    pub clock: Clock,
    /// Pages by which people were called.
    #[serde(skip)]
    pub calls: Calls,
    /// Sequence of the last event.
    pub seq: u64,
}

impl Incident {
    /// When the time to mitigate is over; `None` where none is set, or it was mitigated.
    #[must_use]
    pub fn deadline(&self) -> Option<DateTime<Utc>> {
        let target_s = self.target_s.filter(|_| self.mitigated_at.is_none())?;
        Some(self.detected_at + chrono::Duration::seconds(i64::from(target_s)))
    }

    /// The message below which it speaks: its card, in a channel that others share.
    #[must_use]
    pub fn thread(&self) -> Option<String> {
        self.card_ts.clone().filter(|_| !self.in_own_channel)
    }

    /// Whether this is the thread of its card, or of the two lines that lead to its own channel: a card that has moved became
    /// these, and people go on below it. Nothing of a private one is said there.
    #[must_use]
    pub fn is_thread(&self, channel: &str, thread: &str) -> bool {
        let is_cards = self.channel.as_deref() == Some(channel) && self.card_ts.as_deref() == Some(thread);
        let brief = self.brief.as_ref().filter(|_| !self.private);
        is_cards || brief.is_some_and(|(shared, ts)| shared == channel && ts == thread)
    }

    /// Runs that may change something and have not ended, or ended half undone: each keeps the incident open.
    pub fn unfinished_runs(&self) -> impl Iterator<Item = &RunLink> {
        let is_unfinished = |run: &&RunLink| matches!(run.outcome, None | Some(RunOutcome::UndoFailed));
        self.runs.iter().filter(|run| run.mutating).filter(is_unfinished)
    }

    /// The read-model row.
    #[must_use]
    pub fn row(&self) -> IncidentRow {
        IncidentRow {
            id: self.id,
            number: self.number,
            status: self.status.word().to_owned(),
            open: self.status.is_open(),
            severity: self.severity.clone(),
            service: self.service.clone(),
            title: self.title.clone(),
            pager_id: self.pager.as_ref().map(|pager| pager.id.clone()),
            pager_key: self.pager.as_ref().and_then(|pager| pager.key.clone()),
            channel: self.channel.clone(),
            opened_at: self.opened_at,
            resolved_at: self.resolved_at,
            private: self.private,
            brief: self.brief.clone().filter(|_| !self.private),
            reviewed: self.review_file.is_some(),
            left_out: self.alerts.as_ref().map(|alerts| alerts.tally.groups_cut()).unwrap_or_default(),
        }
    }
}

/// An event does not fit the state that it should change: the journal is not one of this aggregate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {seq} of {stream} does not follow from what came before it")]
pub struct Replay {
    /// The stream.
    pub stream: StreamId,
    /// The event.
    pub seq: u64,
}

/// Applies one event. This is the only way an incident changes, live and in recovery.
///
/// # Errors
/// When the first event does not open the incident, or a later one does.
pub fn evolve(state: Option<Incident>, envelope: &Envelope<IncidentEvent>) -> Result<Incident, Replay> {
    let misfit = || Replay { stream: envelope.stream, seq: envelope.seq };
    let StreamId::Incident(id) = envelope.stream else { return Err(misfit()) };
    let at = envelope.at;
    let mut incident = match (state, &envelope.event) {
        (
            None,
            IncidentEvent::Opened {
                number,
                severity,
                severity_reason,
                service,
                title,
                pager,
                detected_at,
                target_s,
                private,
                severity_guessed,
                tells_pager,
                alerted,
                chosen,
                ..
            },
        ) => {
            let mut reminders = Reminders::default();
            reminders.hear(envelope);
            let mut clock = Clock::default();
            clock.hear(envelope);
            let mut last_words = LastWords::default();
            last_words.hear(envelope);
            return Ok(Incident {
                id,
                number: *number,
                status: Status::Triggered,
                severity: severity.clone(),
                severity_reason: severity_reason.clone(),
                chosen: chosen.as_deref().cloned(),
                looks: Looks::default(),
                suggested: Vec::new(),
                service: service.clone(),
                title: title.clone(),
                pager: pager.clone(),
                detected_at: *detected_at,
                opened_at: at,
                acknowledged_at: None,
                mitigated_at: None,
                resolved_at: None,
                target_s: *target_s,
                commander: None,
                channel: None,
                in_own_channel: false,
                channel_failed: false,
                pager_refused: false,
                file_failed: false,
                not_shown: BTreeMap::new(),
                card_ts: None,
                brief: None,
                has_moved: false,
                runs: Vec::new(),
                evidence: Vec::new(),
                triage: None,
                triage_impossible: false,
                changes: Vec::new(),
                runs_before: 0,
                bridge: Bridge::default(),
                resolve_requested: false,
                pager_resolved: false,
                pager_said_at: pager.as_ref().and(envelope.occurred_at),
                target_missed: None,
                review_file: None,
                review_sha256: None,
                private: *private,
                tells_pager: *tells_pager,
                opened_by: envelope.actor.clone(),
                end: None,
                merged: Vec::new(),
                roles: Vec::new(),
                update: None,
                actions: Vec::new(),
                captured: Vec::new(),
                pager_over: false,
                pager_asked: false,
                pager_notes: Vec::new(),
                noted_at_pager: BTreeSet::new(),
                taken_at_pager: false,
                taken_at: None,
                last_told_at: None,
                untaken_at: None,
                ack_refused: false,
                told: Told::default(),
                last_words,
                taken_seq: 0,
                reminders,
                drafts: Drafts::default(),
                alerts: alerted.then(|| Alerts { opened: true, ..Alerts::default() }),
                severity_by_hand: !severity_guessed
                    && matches!(envelope.actor, Actor::Person(_) | Actor::Local(_)),
                passed: Passed::default(),
                clock,
                calls: Calls::default(),
                seq: envelope.seq,
            });
        }
        (None, _) | (Some(_), IncidentEvent::Opened { .. }) => return Err(misfit()),
        (Some(incident), _) => incident,
    };
    incident.seq = envelope.seq;
    let was_open = incident.status.is_open();
    let is_lost_taking = incident.is_lost_taking(envelope);
    match &envelope.event {
        IncidentEvent::Opened { .. } => {}
        // it had run out by then, and that was told before it
        IncidentEvent::Acknowledged { .. } if is_lost_taking => {
            incident.acknowledged_at.get_or_insert(at);
        }
        IncidentEvent::Acknowledged { via } => {
            // by a page of ours, the pager's own incident is not taken: it is told
            incident.taken_at_pager = via != HERE && via != CALL;
            incident.last_told_at = Some(at).filter(|_| !incident.taken_at_pager);
            incident.ack_refused = false;
            incident.taken_seq = envelope.seq;
            incident.taken_at = Some(envelope.occurred_at.filter(|_| via != HERE).unwrap_or(at));
            incident.acknowledged_at.get_or_insert(at);
            if incident.status == Status::Triggered {
                incident.status = Status::Acknowledged;
            }
        }
        IncidentEvent::Unacknowledged => {
            incident.taken_at_pager = false;
            incident.last_told_at = None;
            incident.ack_refused = false;
            incident.taken_seq = envelope.seq;
            if incident.status == Status::Acknowledged {
                incident.status = Status::Triggered;
            }
        }
        IncidentEvent::CommanderTaken { commander, acting } => {
            incident.commander = Some(Commander { who: commander.clone(), acting: *acting });
        }
        IncidentEvent::SeverityChanged { to, target_s, reason, .. } => {
            incident.severity.clone_from(to);
            incident.target_s = *target_s;
            incident.severity_reason =
                reason.clone().unwrap_or_else(|| format!("{} says so", envelope.actor));
        }
        IncidentEvent::DeliveryFailed { what, reason } => {
            if SHOWN_AGAIN.contains(&what.as_str()) {
                incident.not_shown.insert(what.clone(), reason.clone());
            }
            incident.channel_failed |= what == CHANNEL;
            incident.pager_refused |= what == PAGER_RESOLVE;
            incident.file_failed |= what == OUTPUT;
            incident.ack_refused |= what == PAGER_ACK;
            incident.pager_asked &= what != PAGER_RESOLVE && what != RESOLVE_WITHDRAWN;
        }
        IncidentEvent::ChannelOpened { channel } => {
            // A card that stands where others read along says from now on where it is led.
            if let (Some(shared), Some(ts)) = (incident.channel.take(), incident.card_ts.take()) {
                incident.brief = Some((shared, ts));
                incident.has_moved = true;
            }
            incident.channel = Some(channel.clone());
            incident.in_own_channel = true;
        }
        IncidentEvent::CardPosted { channel, ts } => {
            // Without a channel of its own the incident lives where its card is; Slack edits by id, not by name.
            incident.channel.get_or_insert_with(|| channel.clone());
            incident.card_ts = Some(ts.clone());
            incident.not_shown.remove(CARD);
        }
        IncidentEvent::BriefPosted { channel, ts } => {
            incident.brief = Some((channel.clone(), ts.clone()));
            incident.not_shown.remove(BRIEF);
        }
        IncidentEvent::RunPlanned { run, runbook, mutating, triage } => incident.runs.push(RunLink {
            run: *run,
            runbook: runbook.clone(),
            mutating: *mutating,
            triage: *triage,
            outcome: None,
            taken_up: None,
        }),
        IncidentEvent::ServiceChanged { to, chosen, .. } => {
            incident.service.clone_from(to);
            incident.chosen = chosen.as_deref().cloned();
            // nobody has looked at this one
            (incident.triage, incident.triage_impossible) = (None, false);
            incident.evidence.clear();
            incident.changes.clear();
            incident.runs_before = incident.runs.len();
        }
        IncidentEvent::BridgeChanged { url, numbers } => {
            incident.bridge = Bridge { url: url.clone(), numbers: numbers.clone() };
        }
        IncidentEvent::EvidenceFound { run, .. } if !incident.is_about_its_service(*run) => {}
        IncidentEvent::EvidenceFound {
            run,
            command,
            title,
            expected,
            outcome,
            reason,
            output_sha256,
            shared,
        } => {
            incident.evidence.push(Evidence {
                run: *run,
                shared: *shared,
                command: command.clone(),
                title: title.clone(),
                expected: expected.clone(),
                outcome: *outcome,
                reason: reason.clone(),
                output_sha256: output_sha256.clone(),
            });
        }
        IncidentEvent::ChangesFound { changes } => incident.changes.clone_from(changes),
        IncidentEvent::TriageEnded { commands, passed, failed, ask, .. } => {
            incident.triage =
                Some(Triage { commands: *commands, passed: *passed, failed: *failed, ask: *ask });
        }
        IncidentEvent::RunbooksSuggested { all } => incident.suggested.clone_from(all),
        IncidentEvent::RulesAsked { chosen, .. } => incident.chosen = Some(chosen.as_ref().clone()),
        IncidentEvent::MitigationStarted { run } => {
            // A run that had ended may go on: it is retried or undone.
            if let Some(link) = incident.runs.iter_mut().find(|link| link.run == *run) {
                (link.outcome, link.taken_up) = (None, None);
            }
            if incident.status.is_open() {
                incident.status = Status::Mitigating;
                // What had stopped the impact is being repeated or undone: it no longer counts.
                incident.mitigated_at = None;
                // Whoever vouched for the fix vouched for that.
                incident.resolve_requested = false;
            }
        }
        IncidentEvent::RunTakenUp { run } => {
            if let Some(link) = incident.runs.iter_mut().find(|link| link.run == *run) {
                link.taken_up = link.outcome.take();
            }
        }
        IncidentEvent::RunEnded { run, outcome, .. } => {
            if let Some(link) = incident.runs.iter_mut().find(|link| link.run == *run) {
                (link.outcome, link.taken_up) = (Some(*outcome), None);
            }
        }
        IncidentEvent::Mitigated { .. } => {
            incident.mitigated_at.get_or_insert(at);
            incident.status = Status::Monitoring;
        }
        IncidentEvent::ResolveRequested => incident.resolve_requested = true,
        IncidentEvent::ResolveHeld { .. } => {
            incident.pager_resolved = true;
            incident.status = Status::Monitoring;
        }
        IncidentEvent::Resolved { .. } => {
            incident.mitigated_at.get_or_insert(at);
            incident.resolved_at = Some(at);
            incident.status = Status::Resolved;
        }
        IncidentEvent::Reopened { via, anew, .. } => {
            incident.resolved_at = None;
            incident.mitigated_at = None;
            incident.resolve_requested = false;
            // What is reopened here stays over at the pager: a person ends it here, next time.
            let is_theirs = via == PAGER || (via != HERE && incident.pager.is_none());
            incident.pager_resolved = !is_theirs && incident.pager_over;
            incident.end = None;
            // whoever had it there has it no more: it rings there again
            if *anew || (is_theirs && incident.pager.is_some()) {
                incident.taken_at_pager = false;
                incident.last_told_at = None;
                incident.taken_seq = envelope.seq;
            }
            incident.status = if incident.unfinished_runs().next().is_some() {
                Status::Mitigating
            } else if incident.acknowledged_at.is_some() && !anew {
                Status::Acknowledged
            } else {
                Status::Triggered
            };
        }
        IncidentEvent::ReviewDrafted { file, sha256 } => {
            incident.review_file = Some(file.clone());
            incident.review_sha256 = Some(sha256.clone());
        }
        IncidentEvent::TargetMissed { target_s } => incident.target_missed = Some(*target_s),
        IncidentEvent::PagerNoted { what, .. } if what == TOLD_AGAIN => {
            incident.last_told_at = Some(at);
            incident.ack_refused = false;
            incident.taken_seq = envelope.seq;
        }
        IncidentEvent::PagerNoted { id, .. } => incident.noted_at_pager.extend(id.clone()),
        IncidentEvent::PagerJoined { .. } => incident.has_page(envelope),
        IncidentEvent::TriageFailed { .. }
        | IncidentEvent::TriageShared { .. }
        | IncidentEvent::LookEnded { .. }
        | IncidentEvent::UpdateDrafted { .. }
        | IncidentEvent::UpdateEdited { .. }
        | IncidentEvent::UpdateDiscarded { .. }
        | IncidentEvent::DraftPosted { .. }
        | IncidentEvent::UpdateArrived { .. }
        | IncidentEvent::UpdateFailed { .. }
        | IncidentEvent::PageTaken { .. }
        | IncidentEvent::SeverityConfirmed { .. }
        | IncidentEvent::AlertsChanged { .. }
        | IncidentEvent::AlertsDamped { .. }
        | IncidentEvent::AlertsSteady { .. }
        | IncidentEvent::Asked { .. }
        | IncidentEvent::RemindersSnoozed { .. }
        | IncidentEvent::RemindersSet { .. }
        | IncidentEvent::RollbackRequested { .. }
        | IncidentEvent::HandoverOffered { .. }
        | IncidentEvent::HandoverTaken { .. }
        | IncidentEvent::HandoverLapsed { .. }
        | IncidentEvent::ShiftHandedOver { .. }
        | IncidentEvent::Escalated { .. }
        | IncidentEvent::CallAnswered { .. }
        | IncidentEvent::StepDue { .. }
        | IncidentEvent::PagerAway => {}
        IncidentEvent::NotAnIncident { .. }
        | IncidentEvent::MergedInto { .. }
        | IncidentEvent::MergedFrom { .. }
        | IncidentEvent::RoleGiven { .. }
        | IncidentEvent::UpdateGiven { .. }
        | IncidentEvent::UpdateSent { .. }
        | IncidentEvent::ActionAdded { .. }
        | IncidentEvent::ActionDone { .. } => incident.record(envelope),
        IncidentEvent::NoteAdded { .. } | IncidentEvent::NoteFollowed { .. } => {
            incident.capture(&envelope.event);
        }
    }
    incident.hear_of_looks(envelope);
    incident.reminders.hear(envelope);
    incident.drafts.hear(envelope);
    if was_open != incident.status.is_open() {
        incident.drafts.turn();
    }
    incident.passed.hear(envelope);
    if !is_lost_taking {
        let since = incident.clock.since;
        incident.clock.hear(envelope);
        // the steps begin anew: so does whom they may call
        if incident.clock.since != since {
            incident.passed.escalated.clear();
        }
    }
    incident.hear_of_calls(envelope);
    incident.hear_of_alerts(envelope);
    incident.hear_of_pager(envelope);
    incident.hear_of_taking(envelope);
    let severity = incident.severity.clone();
    incident.told.keep(&severity, envelope);
    incident.last_words.hear(envelope);
    if says_whether_it_is_over(&envelope.event) {
        incident.pager_said_at = incident.pager_said_at.max(envelope.occurred_at);
    }
    Ok(incident)
}
