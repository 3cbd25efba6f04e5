//! What happens when something is asked of an incident: events, and effects to perform.

use chrono::{DateTime, Duration, Utc};

use super::alerts;
use super::calls;
use super::capture;
use super::changes::merged;
use super::clock;
use super::command::{IncidentCommand, OpenIncident, Rejection, Word};
use super::event::{IncidentEvent, RunOutcome};
use super::handover;
use super::join;
use super::late::RUN_OUT;
use super::look;
use super::pager;
use super::reminders;
use super::state::{Incident, Status};
use super::tell::{self, Heard};
use super::verbs;
use crate::ids::{IncidentId, RunId};
use crate::message::Outgoing;
use crate::people::Actor;
use crate::ports::{PageUrgency, PagerCall, UNDO_FAILED_KEY};

/// The name of an undelivered request to the pager to resolve.
pub(super) const PAGER_RESOLVE: &str = "pager resolve";
/// The name of such a request that was taken back before it left: the pager never heard of it.
pub const RESOLVE_WITHDRAWN: &str = "pager resolve, taken back before it left";
/// The same of one that was tried: the pager may have heard of it.
pub const RESOLVE_NOT_REPEATED: &str = "pager resolve, taken back after it was tried";
/// What is noted of one that was open at the pager for days before Blocks looked: nobody is called for it by the clock.
pub const LEFT_OPEN: &str = "left open";
/// The name of an undelivered acknowledgement.
pub(super) const PAGER_ACK: &str = "pager ack";
/// The name of one that was taken back before it left, because nobody has the incident any more.
pub const ACK_WITHDRAWN: &str = "pager ack, taken back before it left";
/// The same of one that was tried: the pager may have heard of it.
pub const ACK_NOT_REPEATED: &str = "pager ack, taken back after it was tried";
/// What is noted when the pager is told again that somebody has it.
pub(super) const TOLD_AGAIN: &str = "told again";
/// The name of an undelivered request to the pager to ask somebody to come.
const PAGER_ASK: &str = "pager ask";
/// The pager's word that changes nothing here, kept for its time: what it said before that may still come.
pub(super) const PAGER_REOPENED: &str = "reopened";
/// The same for an end.
pub(super) const PAGER_ENDED: &str = "resolved";
/// Where something was said that the pager said.
pub(super) const PAGER: &str = "pagerduty";
/// Where something was said that was said in Blocks.
pub(super) const HERE: &str = "blocks";
/// Where something was said by acknowledging a page by which Blocks had called somebody: the pager's own incident has heard nothing of it.
pub(super) const CALL: &str = "page";
/// The pager's word for a note.
pub(super) const PAGER_NOTE: &str = "note";
/// The name of an undelivered request to open the incident's own channel.
pub(super) const CHANNEL: &str = "channel";
/// The name of an undelivered card.
pub(super) const CARD: &str = "card";
/// The name of an undelivered line in the shared channel.
pub(super) const BRIEF: &str = "brief";
/// The names of what shows how it stands, whenever that may have changed.
pub(super) const SHOWN_AGAIN: [&str; 3] = [CARD, BRIEF, "progress"];
/// The name of a file with what a diagnostic printed that was not shared.
pub(super) const OUTPUT: &str = "output";

/// What a decision comes to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    /// What happened, for the journal.
    pub events: Vec<IncidentEvent>,
    /// What to do about it once the events are durable.
    pub effects: Vec<Effect>,
}

/// Something to do after the events are durable.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// A message must leave. Written to the outbox in the same transaction as the events.
    Send(Outgoing),
    /// Start the service's diagnostics.
    StartTriage {
        /// The incident.
        incident: IncidentId,
    },
    /// Draft the review.
    DraftReview {
        /// The incident.
        incident: IncidentId,
    },
    /// Look at the target at that time.
    TargetTimer {
        /// The incident.
        incident: IncidentId,
        /// When.
        due: DateTime<Utc>,
    },
    /// Count its alerts at that time: while it was over, nobody did.
    AlertsTimer {
        /// The incident.
        incident: IncidentId,
        /// When.
        due: DateTime<Utc>,
    },
    /// The target no longer matters.
    ClearTargetTimer {
        /// The incident.
        incident: IncidentId,
    },
    /// Look at that time whether what was passed on has been taken.
    OfferTimer {
        /// The incident.
        incident: IncidentId,
        /// The run that was passed on; command when absent.
        run: Option<RunId>,
        /// When.
        due: DateTime<Utc>,
    },
}

/// Opens an incident.
#[must_use]
pub fn open(request: &OpenIncident, now: DateTime<Utc>) -> Decision {
    let incident = request.id;
    let mut effects =
        vec![Effect::Send(Outgoing::Channel { incident }), Effect::Send(Outgoing::Card { incident })];
    if let Some(target_s) = request.target_s {
        let due = (request.detected_at + Duration::seconds(i64::from(target_s))).max(now);
        effects.push(Effect::TargetTimer { incident, due });
    }
    if request.triage {
        effects.push(Effect::StartTriage { incident });
    }
    let mut events = vec![IncidentEvent::Opened {
        number: request.number,
        severity: request.severity.clone(),
        severity_reason: request.severity_reason.clone(),
        service: request.service.clone(),
        title: request.title.clone(),
        pager: request.pager.clone(),
        detected_at: request.detected_at,
        target_s: request.target_s,
        private: request.private,
        severity_guessed: request.severity_guessed,
        tells_pager: request.tells_pager,
        alerted: false,
        chosen: request.chosen.clone(),
    }];
    events.extend(request.note.clone().map(|text| IncidentEvent::NoteAdded { text, source: None }));
    Decision { events, effects }
}

/// Decides about one command. Redelivered facts decide to nothing: no events, no effects.
///
/// # Errors
/// When a person asks for something that is not possible now.
pub fn decide(
    state: &Incident,
    command: &IncidentCommand,
    now: DateTime<Utc>,
) -> Result<Decision, Rejection> {
    let mut decision = decide_alone(state, command, now)?;
    let again = crate::update::shown_again(state, &decision.events);
    decision.effects.extend(again);
    Ok(decision)
}

/// The same, but for what else is to be shown anew.
fn decide_alone(
    state: &Incident,
    command: &IncidentCommand,
    now: DateTime<Utc>,
) -> Result<Decision, Rejection> {
    let incident = state.id;
    let card = Effect::Send(Outgoing::Card { incident });
    let with_card = |events: Vec<IncidentEvent>| Decision { events, effects: vec![card.clone()] };
    let nothing = Decision::default();
    Ok(match command {
        IncidentCommand::Acknowledge { by, via, email } => {
            let mut decision = acknowledge(state, by, (via, email.as_ref()), card.clone());
            // who takes it has come by that
            if decision.events.is_empty() && via == HERE && state.status.is_open() {
                decision.events = state.come(by);
            }
            decision
        }
        // one that was told late says nothing of who has taken it since
        IncidentCommand::Unacknowledge { occurred_at }
            if state.may_run_out() && state.taken_at.is_none_or(|taken_at| *occurred_at >= taken_at) =>
        {
            with_card(vec![IncidentEvent::Unacknowledged])
        }
        // the acknowledgement that ran out is yet to be told
        IncidentCommand::Unacknowledge { occurred_at }
            if state.status == Status::Triggered && !state.knows_who_has_it_at(*occurred_at) =>
        {
            let what = RUN_OUT.to_owned();
            Decision {
                events: vec![IncidentEvent::PagerNoted { what, text: None, id: None }],
                effects: Vec::new(),
            }
        }
        IncidentCommand::Unacknowledge { .. } => nothing,
        IncidentCommand::ChangeSeverity { to, target_s, word } => match state.hears_severity(to, word) {
            Heard::Receipt => tell::receipt(to),
            Heard::Late => nothing,
            Heard::New => change_severity(state, (to, *target_s, word), now),
        },
        IncidentCommand::NotePager { what, text, .. }
            if what == PAGER_NOTE && text.as_deref().is_some_and(|text| state.wrote_at_pager(text)) =>
        {
            nothing
        }
        IncidentCommand::NotePager { id: Some(id), .. } if state.noted_at_pager.contains(id) => nothing,
        IncidentCommand::NotePager { what, text, id } => {
            let (what, text, id) = (what.clone(), text.clone(), id.clone());
            Decision { events: vec![IncidentEvent::PagerNoted { what, text, id }], effects: Vec::new() }
        }
        IncidentCommand::RecordChannel { channel } if !state.in_own_channel => {
            with_card(vec![IncidentEvent::ChannelOpened { channel: channel.clone() }])
        }
        IncidentCommand::RecordChannel { .. } => nothing,
        // What was on its way when its own channel opened stands where others read along: from now on it says where the
        // incident is led, as one that was known by then does.
        IncidentCommand::RecordCard { channel, ts }
            if state.in_own_channel
                && !state.private
                && state.channel.as_ref() != Some(channel)
                && state.brief.as_ref() != Some(&(channel.clone(), ts.clone())) =>
        {
            let mut decision =
                with_card(vec![IncidentEvent::BriefPosted { channel: channel.clone(), ts: ts.clone() }]);
            decision.effects.push(Effect::Send(Outgoing::Brief { incident }));
            decision
        }
        // One that could not be edited any more stands somewhere else now.
        IncidentCommand::RecordCard { channel, ts }
            if state.card_ts.as_ref() != Some(ts)
                && state.channel.as_ref().is_none_or(|known| known == channel) =>
        {
            Decision {
                events: vec![IncidentEvent::CardPosted { channel: channel.clone(), ts: ts.clone() }],
                effects: Vec::new(),
            }
        }
        IncidentCommand::RecordCard { .. } => nothing,
        IncidentCommand::RecordBrief { channel, ts }
            if state.brief.as_ref().is_none_or(|(_, known)| known != ts) =>
        {
            Decision {
                events: vec![IncidentEvent::BriefPosted { channel: channel.clone(), ts: ts.clone() }],
                effects: Vec::new(),
            }
        }
        IncidentCommand::RecordBrief { .. } => nothing,
        IncidentCommand::LinkRun { run, runbook, mutating, triage } => {
            if state.runs.iter().any(|link| link.run == *run) {
                return Ok(nothing);
            }
            with_card(vec![IncidentEvent::RunPlanned {
                run: *run,
                runbook: runbook.clone(),
                mutating: *mutating,
                triage: *triage,
            }])
        }
        IncidentCommand::AddEvidence { run, command, title, verdicts, output_sha256, is_long, changes } => {
            let mut events: Vec<_> = verdicts
                .iter()
                .map(|(expected, outcome, reason)| IncidentEvent::EvidenceFound {
                    run: *run,
                    command: command.clone(),
                    title: title.clone(),
                    expected: expected.clone(),
                    outcome: *outcome,
                    reason: reason.clone(),
                    output_sha256: output_sha256.clone(),
                    shared: None,
                })
                .collect();
            if !changes.is_empty() && state.is_about_its_service(*run) {
                // those of the diagnostics before it are over; what others told stays
                let others = state.changes.iter().filter(|change| change.source.is_some());
                let all = others.chain(changes).cloned().collect();
                events.push(IncidentEvent::ChangesFound { changes: merged(all, state.detected_at) });
            }
            let mut decision = with_card(events);
            let said = verdicts.iter().map(|(expected, outcome, _)| (*outcome, expected.clone()));
            if let Some(sha256) = output_sha256.clone().filter(|sha256| state.is_newly_shown(sha256, said))
                && *is_long
            {
                decision.effects.push(Effect::Send(Outgoing::Output { incident, sha256 }));
            }
            decision
        }
        IncidentCommand::FailTriage { .. }
        | IncidentCommand::EndTriage { .. }
        | IncidentCommand::HearDetails { .. }
        | IncidentCommand::ShareTriage { .. }
        | IncidentCommand::Suggest { .. }
        | IncidentCommand::NoteChanges { .. }
        | IncidentCommand::TakeEvidence { .. } => look::decide(state, command, now),
        IncidentCommand::StartMitigation { run } if state.status.is_open() => {
            let mut decision = with_card(vec![IncidentEvent::MitigationStarted { run: *run }]);
            if let (Some(_), Some(target_s)) = (state.mitigated_at, state.target_s) {
                let due = (state.detected_at + Duration::seconds(i64::from(target_s))).max(now);
                decision.effects.push(Effect::TargetTimer { incident, due });
            }
            decision
        }
        // What goes on after the incident's end opens nothing again; reopened, the incident knows that it has not ended.
        IncidentCommand::StartMitigation { run } if has_ended(state, *run) => {
            with_card(vec![IncidentEvent::MitigationStarted { run: *run }])
        }
        IncidentCommand::StartMitigation { .. } => nothing,
        IncidentCommand::TakeUpRun { run } if has_ended(state, *run) => {
            with_card(vec![IncidentEvent::RunTakenUp { run: *run }])
        }
        IncidentCommand::TakeUpRun { .. } => nothing,
        IncidentCommand::EndRun { run, outcome, reason } => {
            let mut decision = look::cut_off(state, *run, *outcome, reason.as_deref());
            let end = end_run(state, *run, *outcome, reason.as_deref(), card.clone());
            decision.events.extend(end.events);
            decision.effects.extend(end.effects);
            decision
        }
        // people were told when it ended
        IncidentCommand::StandAgain { run, outcome, reason } => {
            match state.runs.iter().find(|link| link.run == *run) {
                Some(link) if link.outcome != Some(*outcome) => with_card(vec![IncidentEvent::RunEnded {
                    run: *run,
                    runbook: link.runbook.clone(),
                    outcome: *outcome,
                    reason: Some(reason.clone()),
                }]),
                _ => nothing,
            }
        }
        IncidentCommand::Resolve { by, email } => resolve(state, by, email.as_ref(), card.clone())?,
        IncidentCommand::PagerResolved { occurred_at } | IncidentCommand::PagerReopened { occurred_at }
            if state.knows_later(*occurred_at) =>
        {
            nothing
        }
        // It ends what was asked of it before a person took that back, or tells once more of an end that is no longer one.
        IncidentCommand::PagerResolved { occurred_at } if state.is_taken_back(*occurred_at) => {
            noted(state, PAGER_ENDED, *occurred_at)
        }
        IncidentCommand::PagerResolved { occurred_at } => pager_resolved(state, *occurred_at, card.clone()),
        IncidentCommand::PagerReopened { .. } if !state.status.is_open() || state.pager_resolved => {
            let (via, anew) = (PAGER.to_owned(), !state.status.is_open());
            let mut decision = with_card(vec![IncidentEvent::Reopened { via, reason: None, anew }]);
            // The impact is back, and the time to mitigate it still counts from its detection.
            if let Some(target_s) = state.target_s {
                let due = (state.detected_at + Duration::seconds(i64::from(target_s))).max(now);
                decision.effects.push(Effect::TargetTimer { incident, due });
            }
            // they may have gone to another one since its end
            if state.alerts.is_some() {
                decision.effects.push(Effect::AlertsTimer { incident, due: now });
            }
            decision
        }
        IncidentCommand::PagerReopened { occurred_at } => noted(state, PAGER_REOPENED, *occurred_at),
        IncidentCommand::RecordReview { file, sha256, post } => {
            let mut decision =
                with_card(vec![IncidentEvent::ReviewDrafted { file: file.clone(), sha256: sha256.clone() }]);
            if *post {
                decision.effects.push(Effect::Send(Outgoing::Review { incident }));
            }
            decision
        }
        IncidentCommand::TargetPassed => match state.target_s {
            Some(target_s)
                if state.mitigated_at.is_none()
                    && state.status.is_open()
                    && state.target_missed != Some(target_s)
                    && now >= state.detected_at + Duration::seconds(i64::from(target_s)) =>
            {
                // Who is told of it is decided with everything else that people are asked for.
                with_card(vec![IncidentEvent::TargetMissed { target_s }])
            }
            _ => nothing,
        },
        // It is one scope or setting that is missing: said once, and the card says so.
        IncidentCommand::RecordDeliveryFailure { what, .. } if what == OUTPUT && state.file_failed => nothing,
        // what is shown again and again fails again and again
        IncidentCommand::RecordDeliveryFailure { what, reason }
            if state.not_shown.get(what) == Some(reason) =>
        {
            nothing
        }
        IncidentCommand::RecordDeliveryFailure { what, reason } => {
            let mut decision = Decision {
                events: vec![IncidentEvent::DeliveryFailed { what: what.clone(), reason: reason.clone() }],
                effects: Vec::new(),
            };
            if what == PAGER_RESOLVE {
                decision.effects.push(card);
                let here = if state.status.is_open() {
                    ", or say `/blocks incident resolve` again to end it here alone"
                } else {
                    ": it is over here, and still open there"
                };
                let text = format!(
                    "{}: PagerDuty refused to resolve it: {reason}. Mend that and resolve it there{here}.",
                    state.number
                );
                decision.effects.push(Effect::Send(Outgoing::Note { incident, text }));
            } else if what == PAGER_ASK {
                // Somebody counts on it.
                let text = format!(
                    "{}: PagerDuty does not ask them to come: {reason}. Tell them, or page them: `/blocks escalate`.",
                    state.number
                );
                decision.effects.push(Effect::Send(Outgoing::Note { incident, text }));
            } else if what == CHANNEL || what == OUTPUT {
                // It has to be shown somewhere else now, or not to name a file that nobody finds.
                decision.effects.push(card);
            }
            decision
        }
        // Somebody was told that it is on its way, and counts on it.
        IncidentCommand::RecordPageFailure { whom, reason, text } => Decision {
            events: vec![IncidentEvent::DeliveryFailed {
                what: format!("a page to {whom}"),
                reason: reason.clone(),
            }],
            effects: vec![Effect::Send(Outgoing::Note { incident, text: text.clone() })],
        },
        IncidentCommand::Look(look) => reminders::look(state, look, now),
        IncidentCommand::Climb(rungs) => clock::climb(state, rungs, now),
        IncidentCommand::NotePagerAway => clock::pager_away(state),
        IncidentCommand::AnswerCall(answer) => calls::answered(state, answer, card.clone()),
        IncidentCommand::TellRotation { to } => tell_rotation(state, to),
        IncidentCommand::TakeByRotation { by, severity_asks } => take_by_rotation(state, by, *severity_asks),
        IncidentCommand::Update(command) => return crate::update::decide(state, command),
        IncidentCommand::Snooze { .. }
        | IncidentCommand::SetReminders { .. }
        | IncidentCommand::RequestRollback { .. }
        | IncidentCommand::Reopen { .. }
        | IncidentCommand::EndAsNone { .. }
        | IncidentCommand::MergeInto { .. }
        | IncidentCommand::TakeIn { .. }
        | IncidentCommand::GiveRole { .. }
        | IncidentCommand::GiveUpdate { .. }
        | IncidentCommand::AddNote { .. }
        | IncidentCommand::AddAction { .. }
        | IncidentCommand::EndAction { .. } => return verbs::decide(state, command, now),
        IncidentCommand::OfferHandover { .. }
        | IncidentCommand::TakeHandover { .. }
        | IncidentCommand::LapseHandover
        | IncidentCommand::TellShift { .. }
        | IncidentCommand::Escalate(_) => return handover::decide(state, command, now),
        IncidentCommand::JoinPager(page) => return join::decide(state, page, now),
        IncidentCommand::TellAlerts(told) => alerts::decide(state, told, now),
        IncidentCommand::HearResponder { .. }
        | IncidentCommand::TellAgain { .. }
        | IncidentCommand::MoveToService { .. }
        | IncidentCommand::ChangeBridge { .. }
        | IncidentCommand::PagerMerged { .. } => return pager::decide(state, command),
        IncidentCommand::CaptureNote { .. } | IncidentCommand::FollowNote { .. } => {
            capture::decide(state, command)
        }
    })
}

fn change_severity(
    state: &Incident,
    (to, target_s, word): (&str, Option<u32>, &Word),
    now: DateTime<Utc>,
) -> Decision {
    let tell = tell::severity(state, to, word);
    let told = tell.is_some();
    if to == state.severity {
        // what a rule says once more confirms nothing; the pager's later word does, or an older one would count that is yet to come
        let is_later =
            matches!(word, Word::Pager { occurred_at } if state.is_later_on_severity(*occurred_at));
        let is_news = state.reminders.is_severity_guessed || is_later;
        if !is_news || matches!(word, Word::Rule { .. }) {
            return Decision::default();
        }
        let card = Effect::Send(Outgoing::Card { incident: state.id });
        let effects = [card].into_iter().chain(tell).collect();
        return Decision { events: vec![IncidentEvent::SeverityConfirmed { told }], effects };
    }
    let reason = match word {
        Word::Rule { why } => Some(why.clone()),
        Word::Here { .. } | Word::Pager { .. } | Word::Seen { .. } => None,
    };
    let mut decision = severity_changed(state, to, target_s, (reason, told), now);
    decision.effects.extend(tell);
    decision
}

pub(super) fn acknowledge(
    state: &Incident,
    by: &Actor,
    (via, email): (&str, Option<&String>),
    card: Effect,
) -> Decision {
    if !state.status.is_open() {
        return Decision::default();
    }
    let mut events = Vec::new();
    // One that is being mitigated may ring still: nobody ever took it there, or that ran out or was refused. And a run that nobody
    // asked for may be under way, and still nobody have it.
    let is_taken =
        state.status == Status::Triggered || state.waits_for_somebody() || state.is_untaken_at_pager();
    if is_taken {
        events.push(IncidentEvent::Acknowledged { via: via.to_owned() });
    }
    if state.commander.is_none() && matches!(by, Actor::Person(_) | Actor::Outside(_)) {
        events.push(IncidentEvent::CommanderTaken { commander: by.clone(), acting: true });
    }
    if events.is_empty() {
        return Decision::default();
    }
    let mut effects = vec![card];
    if state.commander.is_none() {
        // where it is private, nobody has let them in yet
        effects.push(Effect::Send(Outgoing::Invite { incident: state.id, who: by.clone() }));
    }
    // The pager must stop ringing when somebody took it elsewhere.
    if let (Some(pager), HERE | CALL, true) = (&state.pager, via, is_taken && state.pager_rings()) {
        let call = PagerCall::Acknowledge { incident: pager.id.clone(), from: email.cloned() };
        effects.push(Effect::Send(Outgoing::Pager { incident: state.id, call }));
    }
    Decision { events, effects }
}

/// Whoever commands by the rotation hears, once, that somebody acts for them. Nothing rings: somebody is there.
fn tell_rotation(state: &Incident, to: &Actor) -> Decision {
    let acting = state.commander.as_ref().filter(|commander| commander.acting && commander.who != *to);
    let Some(acting) = acting.filter(|_| state.status.is_open()) else { return Decision::default() };
    if state.passed.escalated.contains_key(to) || *to == state.opened_by {
        return Decision::default();
    }
    let (incident, number) = (state.id, state.number);
    let text = format!(
        "{number}: {} acts as commander, and by the rotation you command. `/blocks ack {number}` takes command, `/blocks catch-up {number}` tells what you need.",
        acting.who
    );
    let event = IncidentEvent::Escalated {
        to: to.clone(),
        step: Some("commander".to_owned()),
        reason: None,
        paged: false,
        low: false,
        shown: false,
    };
    let effects = vec![
        Effect::Send(Outgoing::Invite { incident, who: to.clone() }),
        Effect::Send(Outgoing::Call { incident, to: to.clone(), text }),
    ];
    Decision { events: vec![event], effects }
}

/// Whoever commands by the rotation has come: until then somebody else was acting.
fn take_by_rotation(state: &Incident, by: &Actor, severity_asks: bool) -> Decision {
    let has_it = state.commander.as_ref().is_none_or(|commander| commander.acting);
    if !severity_asks || !state.status.is_open() || !has_it || !matches!(by, Actor::Person(_)) {
        return Decision::default();
    }
    let incident = state.id;
    let mut effects = vec![Effect::Send(Outgoing::Card { incident })];
    if let Some(before) = state.commander.as_ref().filter(|commander| commander.who != *by) {
        let text = format!(
            "{}: {by} commands from now on, by the rotation; {} was acting.",
            state.number, before.who
        );
        effects.push(Effect::Send(Outgoing::Note { incident, text }));
    }
    effects.push(Effect::Send(Outgoing::Invite { incident, who: by.clone() }));
    let event = IncidentEvent::CommanderTaken { commander: by.clone(), acting: false };
    Decision { events: vec![event], effects }
}

/// It is of another severity from now on; with a reason where the rules say so. `told`: the pager is told.
pub(super) fn severity_changed(
    state: &Incident,
    to: &str,
    target_s: Option<u32>,
    (reason, told): (Option<String>, bool),
    now: DateTime<Utc>,
) -> Decision {
    let incident = state.id;
    let (from, to) = (state.severity.clone(), to.to_owned());
    let mut effects = vec![Effect::Send(Outgoing::Card { incident })];
    if !state.in_own_channel {
        // It may now be one that has a channel of its own.
        effects.push(Effect::Send(Outgoing::Channel { incident }));
    }
    effects.push(match target_s {
        Some(target_s) if state.mitigated_at.is_none() => Effect::TargetTimer {
            incident,
            due: (state.detected_at + Duration::seconds(i64::from(target_s))).max(now),
        },
        _ => Effect::ClearTargetTimer { incident },
    });
    Decision { events: vec![IncidentEvent::SeverityChanged { from, to, target_s, reason, told }], effects }
}

fn has_ended(state: &Incident, run: RunId) -> bool {
    state.runs.iter().any(|link| link.run == run && link.outcome.is_some())
}

fn end_run(
    state: &Incident,
    run: RunId,
    outcome: RunOutcome,
    reason: Option<&str>,
    card: Effect,
) -> Decision {
    let Some(link) = state.runs.iter().find(|link| link.run == run) else { return Decision::default() };
    if link.outcome == Some(outcome) {
        return Decision::default();
    }
    let mut events = vec![IncidentEvent::RunEnded {
        run,
        runbook: link.runbook.clone(),
        outcome,
        reason: reason.map(str::to_owned),
    }];
    let mut effects = vec![card];
    if outcome == RunOutcome::UndoFailed {
        let text = pager::undo_failed_note(state.number, run, &link.runbook, reason);
        effects.push(Effect::Send(Outgoing::Note { incident: state.id, text: text.clone() }));
        if let Some(pager) = state.pager.as_ref().filter(|_| state.tells_of_people()) {
            let call = PagerCall::Note { incident: pager.id.clone(), from: None, text: text.clone() };
            effects.push(Effect::Send(Outgoing::Pager { incident: state.id, call }));
        }
        // more people read at the pager than a private one is for
        let (title, text) = match state.private {
            true => {
                (format!("{}: UNDO FAILED", state.number), format!("{} says what it is about", state.number))
            }
            false => (format!("{}: UNDO FAILED for {}", state.number, link.runbook), text),
        };
        // Whoever acknowledged the incident hears nothing of a note. Of one that the pager does not know, whoever sends the
        // page knows the pager's service.
        let call = PagerCall::Page {
            incident: state.pager.as_ref().map(|pager| pager.id.clone()).unwrap_or_default(),
            key: format!("{UNDO_FAILED_KEY}{run}"),
            title,
            text,
            to: None,
            service: None,
            // what is half undone waits for nobody to be up, however severe it is
            urgency: PageUrgency::High,
        };
        effects.push(Effect::Send(Outgoing::Pager { incident: state.id, call }));
    }
    // what only waits to go on changes nothing: the impact may be over without it
    let is_still =
        |other: &&super::RunLink| other.taken_up.is_some_and(|before| before != RunOutcome::UndoFailed);
    let others_open = state.unfinished_runs().any(|other| other.run != run && !is_still(&other));
    if link.mutating && outcome == RunOutcome::Succeeded && state.status < Status::Monitoring && !others_open
    {
        events.push(IncidentEvent::Mitigated {
            reason: format!(
                "{} succeeded: its expectations were met, or a person vouched for them",
                link.runbook
            ),
        });
        effects.push(Effect::ClearTargetTimer { incident: state.id });
    }
    Decision { events, effects }
}

fn resolve(
    state: &Incident,
    by: &Actor,
    email: Option<&String>,
    card: Effect,
) -> Result<Decision, Rejection> {
    if !matches!(by, Actor::Person(_) | Actor::Local(_)) {
        return Err(Rejection::UnknownPerson { who: by.to_string() });
    }
    if !state.status.is_open() {
        return Err(Rejection::NotOpen { number: state.number, status: state.status.word() });
    }
    verbs::has_no_run_left(state)?;
    let mut events = vec![IncidentEvent::ResolveRequested];
    let mut effects = vec![card, Effect::ClearTargetTimer { incident: state.id }];
    if state.status < Status::Monitoring {
        events.push(IncidentEvent::Mitigated { reason: format!("{by} vouches for the fix") });
    }
    if let (Some(pager), false, false) = (&state.pager, state.pager_resolved, state.pager_refused) {
        // The pager has the last word: its webhook, not this request, makes the incident resolved.
        let call = PagerCall::Resolve { incident: pager.id.clone(), from: email.cloned() };
        effects.push(Effect::Send(Outgoing::Pager { incident: state.id, call }));
    } else {
        events.push(IncidentEvent::Resolved { via: HERE.to_owned() });
        effects.push(Effect::DraftReview { incident: state.id });
    }
    Ok(Decision { events, effects })
}

/// The pager says what is so already: only when it said so may be new.
fn noted(state: &Incident, what: &str, occurred_at: DateTime<Utc>) -> Decision {
    // the same word in the same second is told and seen; another one of that second is news
    let is_same = state.pager_over == (what == PAGER_ENDED);
    if state.pager_said_at.is_some_and(|said_at| is_same && pager::is_told(said_at, occurred_at)) {
        return Decision::default();
    }
    let events = vec![IncidentEvent::PagerNoted { what: what.to_owned(), text: None, id: None }];
    Decision { events, effects: Vec::new() }
}

fn pager_resolved(state: &Incident, occurred_at: DateTime<Utc>, card: Effect) -> Decision {
    if !state.status.is_open() {
        return noted(state, PAGER_ENDED, occurred_at);
    }
    if let Some(open) = state.unfinished_runs().next() {
        if state.pager_resolved {
            return noted(state, PAGER_ENDED, occurred_at);
        }
        let reason = format!("run {} ({}) {}", open.run, open.runbook, open.unfinished_words());
        let text = format!(
            "{}: PagerDuty says it is resolved, but {reason}. It stays in monitoring: see to the run, then `/blocks incident resolve`.",
            state.number
        );
        return Decision {
            events: vec![IncidentEvent::ResolveHeld { reason }],
            effects: vec![card, Effect::Send(Outgoing::Note { incident: state.id, text })],
        };
    }
    Decision {
        events: vec![IncidentEvent::Resolved { via: "pagerduty".to_owned() }],
        effects: vec![
            card,
            Effect::ClearTargetTimer { incident: state.id },
            Effect::DraftReview { incident: state.id },
        ],
    }
}
