//! What people ask of an incident beside taking and resolving it: to end it otherwise, to open it again, and to record.

use chrono::{DateTime, Duration, Utc};

use super::command::{AskAtPager, IncidentCommand, Rejection};
use super::decide::{Decision, Effect, HERE};
use super::event::IncidentEvent;
use super::pager::{merged_note, no_incident_note, reopened_note};
use super::state::{Incident, Status};
use super::tell;
use crate::message::Outgoing;
use crate::people::{Actor, Role};
use crate::ports::PagerCall;

/// Decides about one of these.
pub(super) fn decide(
    state: &Incident,
    command: &IncidentCommand,
    now: DateTime<Utc>,
) -> Result<Decision, Rejection> {
    let incident = state.id;
    let card = Effect::Send(Outgoing::Card { incident });
    let with_card = |event: IncidentEvent| Decision { events: vec![event], effects: vec![card.clone()] };
    Ok(match command {
        IncidentCommand::Reopen { by, reason } => reopen(state, by, reason, now)?,
        IncidentCommand::EndAsNone { by, email, reason } => {
            may_end(state, by)?;
            let event = IncidentEvent::NotAnIncident { reason: reason.clone() };
            end(state, event, email.as_ref(), no_incident_note(state.number, by, reason))
        }
        IncidentCommand::MergeInto { by, email, id, other } => {
            if *id == incident {
                return Err(Rejection::IntoItself { number: state.number });
            }
            may_end(state, by)?;
            let event = IncidentEvent::MergedInto { id: *id, other: *other };
            end(state, event, email.as_ref(), merged_note(state.number, by, *other))
        }
        IncidentCommand::TakeIn { id, other, title, on_page, alerts } => {
            is_open(state)?;
            let mut decision =
                with_card(IncidentEvent::MergedFrom { id: *id, other: *other, title: title.clone() });
            for (page, status) in on_page {
                let (page, status) = (page.clone(), *status);
                decision.events.push(IncidentEvent::PageTaken { page, status, from: *other });
            }
            if let Some(told) = alerts {
                let theirs = super::alerts::decide(state, told, now);
                decision.events.extend(theirs.events);
                decision.effects.extend(theirs.effects);
            }
            decision
        }
        IncidentCommand::GiveRole { by, role, to, ask } => {
            is_open(state)?;
            give_role(state, (by, to), *role, ask.as_deref())
        }
        IncidentCommand::GiveUpdate { by, text } => {
            let mut decision = with_card(IncidentEvent::UpdateGiven { text: text.clone() });
            let text = format!("{} update by {by}: {text}", state.number);
            decision.effects.push(Effect::Send(Outgoing::Note { incident, text }));
            decision
        }
        IncidentCommand::AddNote { by, email, text } => Decision {
            events: vec![IncidentEvent::NoteAdded { text: text.clone(), source: None }],
            effects: tell::note(state, by, email.as_ref(), text).into_iter().collect(),
        },
        IncidentCommand::AddAction { text, owner, due } => {
            let number = u32::try_from(state.actions.len()).unwrap_or(u32::MAX).saturating_add(1);
            let (text, owner) = (text.clone(), owner.clone());
            Decision {
                events: vec![IncidentEvent::ActionAdded { number, text, owner, due: *due }],
                effects: Vec::new(),
            }
        }
        IncidentCommand::EndAction { number } => {
            match state.actions.iter().find(|item| item.number == *number) {
                None => return Err(Rejection::NoAction { number: state.number, action: *number }),
                Some(item) if item.done_at.is_some() => Decision::default(),
                Some(_) => Decision {
                    events: vec![IncidentEvent::ActionDone { number: *number }],
                    effects: Vec::new(),
                },
            }
        }
        IncidentCommand::Snooze { minutes } => {
            is_open(state)?;
            let until = now + Duration::minutes(i64::from(*minutes));
            with_card(IncidentEvent::RemindersSnoozed { until })
        }
        IncidentCommand::SetReminders { on, all } => {
            is_open(state)?;
            with_card(IncidentEvent::RemindersSet { on: *on, all: *all })
        }
        IncidentCommand::RequestRollback { reason } => {
            is_open(state)?;
            if state.status >= Status::Monitoring {
                return Err(Rejection::NotOpen { number: state.number, status: state.status.word() });
            }
            with_card(IncidentEvent::RollbackRequested { reason: reason.clone() })
        }
        _ => Decision::default(),
    })
}

fn is_person(by: &Actor) -> Result<(), Rejection> {
    if matches!(by, Actor::Person(_) | Actor::Local(_)) {
        Ok(())
    } else {
        Err(Rejection::UnknownPerson { who: by.to_string() })
    }
}

pub(super) fn is_open(state: &Incident) -> Result<(), Rejection> {
    if state.status.is_open() {
        Ok(())
    } else {
        Err(Rejection::NotOpen { number: state.number, status: state.status.word() })
    }
}

fn may_end(state: &Incident, by: &Actor) -> Result<(), Rejection> {
    is_person(by)?;
    is_open(state)?;
    has_no_run_left(state)
}

/// Nothing that an end would leave behind.
pub(super) fn has_no_run_left(state: &Incident) -> Result<(), Rejection> {
    match state.unfinished_runs().next() {
        Some(left) => Err(Rejection::RunOpen {
            number: state.number,
            run: left.run,
            runbook: left.runbook.clone(),
            why: left.unfinished_words(),
        }),
        None => Ok(()),
    }
}

/// Ends it without a resolution: no target counts any more, and no review is drafted. The pager stops ringing.
fn end(state: &Incident, event: IncidentEvent, email: Option<&String>, note: String) -> Decision {
    let incident = state.id;
    let mut effects = vec![Effect::Send(Outgoing::Card { incident }), Effect::ClearTargetTimer { incident }];
    if let Some(pager) = state.pager.as_ref() {
        let (at, from) = (pager.id.clone(), email.cloned());
        if state.tells_of_people() {
            let call = PagerCall::Note { incident: at.clone(), from: from.clone(), text: note };
            effects.push(Effect::Send(Outgoing::Pager { incident, call }));
        }
        if state.asks_pager_to_end() {
            let call = PagerCall::Resolve { incident: at, from };
            effects.push(Effect::Send(Outgoing::Pager { incident, call }));
        }
    }
    Decision { events: vec![event], effects }
}

fn reopen(state: &Incident, by: &Actor, reason: &str, now: DateTime<Utc>) -> Result<Decision, Rejection> {
    is_person(by)?;
    if state.status.is_open() {
        return Err(Rejection::StillOpen { number: state.number, status: state.status.word() });
    }
    let incident = state.id;
    let mut effects = vec![Effect::Send(Outgoing::Card { incident })];
    // The impact is back, and the time to mitigate it still counts from its detection.
    if let Some(target_s) = state.target_s {
        let due = (state.detected_at + Duration::seconds(i64::from(target_s))).max(now);
        effects.push(Effect::TargetTimer { incident, due });
    }
    // they may have ended unnoticed while it was no incident, or have gone to another one
    if state.alerts.is_some() {
        effects.push(Effect::AlertsTimer { incident, due: now });
    }
    let text = format!("{} is open again, by {by}: {reason}", state.number);
    effects.push(Effect::Send(Outgoing::Note { incident, text }));
    if let Some(pager) = state.pager.as_ref().filter(|_| state.tells_of_people()) {
        // The pager does not open again what is over there; whoever looks at it reads where it goes on.
        let text = reopened_note(state.number, by, reason);
        let call = PagerCall::Note { incident: pager.id.clone(), from: None, text };
        effects.push(Effect::Send(Outgoing::Pager { incident, call }));
    }
    // whoever opens it again is there
    let (via, reason) = (HERE.to_owned(), Some(reason.to_owned()));
    let event = IncidentEvent::Reopened { via, reason, anew: false };
    Ok(Decision { events: vec![event], effects })
}

fn give_role(state: &Incident, (by, to): (&Actor, &Actor), role: Role, ask: Option<&AskAtPager>) -> Decision {
    let incident = state.id;
    let card = Effect::Send(Outgoing::Card { incident });
    if role != Role::Commander {
        if state.roles.iter().any(|(known, who)| *known == role && who == to) {
            return Decision::default();
        }
        let asks = tell::responder(state, (by, to), role, ask);
        let event = IncidentEvent::RoleGiven { role, to: to.clone(), asked: asks.is_some() };
        let invite = Effect::Send(Outgoing::Invite { incident, who: to.clone() });
        return Decision { events: vec![event], effects: [card, invite].into_iter().chain(asks).collect() };
    }
    if state.commander.as_ref().is_some_and(|commander| !commander.acting && commander.who == *to) {
        return Decision::default();
    }
    let mut effects = vec![card, Effect::Send(Outgoing::Invite { incident, who: to.clone() })];
    if by != to {
        // Whoever is to command has to learn of it.
        let text = format!("{}: {to} commands from now on, by {by}", state.number);
        effects.push(Effect::Send(Outgoing::Note { incident, text }));
    }
    let event = IncidentEvent::CommanderTaken { commander: to.clone(), acting: false };
    Decision { events: vec![event], effects }
}
