//! Passing command or a run on, telling the next shift, and asking one person more.
//!
//! What is passed on stays where it is until the one person who was named takes it. A run that somebody takes over answers
//! to them from then on; whose yes counts for it does not change by that.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};

use super::command::{IncidentCommand, Rejection};
use super::decide::{Decision, Effect};
use super::event::IncidentEvent;
use super::state::Incident;
use crate::ids::RunId;
use crate::journal::Envelope;
use crate::message::Outgoing;
use crate::people::Actor;
use crate::ports::{CallPage, PageUrgency, PagerCall};

/// Seconds within which what is handed over can be taken.
pub const HANDOVER_WINDOW_S: u32 = 15 * 60;
/// Within so many seconds nobody is paged twice.
const ONE_PAGE_S: i64 = 60;

/// Something that somebody is asked to take over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Who passes it on.
    pub from: Actor,
    /// Who is to take it.
    pub to: Actor,
    /// The run; command when absent.
    pub run: Option<RunId>,
    /// What they should know beside what is on record.
    pub note: Option<String>,
    /// Until when they can.
    pub until: DateTime<Utc>,
}

/// What is passed on, to whom runs were passed, and who was asked beside those who had it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passed {
    /// What is on offer: command once at most, and each run once at most.
    pub offers: Vec<Offer>,
    /// Who answers for a run that its requester has passed on.
    pub holders: BTreeMap<RunId, Actor>,
    /// Who was asked beside those who had it, and when last.
    pub escalated: BTreeMap<Actor, DateTime<Utc>>,
    /// Whom somebody with the authority for it has shown a private incident by asking them.
    pub shown: Vec<Actor>,
}

/// Whom to ask, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalate {
    /// Who asks.
    pub by: Actor,
    /// Whom.
    pub to: Actor,
    /// What they stand for in the severity's steps, where that chose them.
    pub step: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// How they are paged; not at all when absent.
    pub page: Option<PagedOver>,
    /// It is a private incident, and this shows it to them.
    pub shown: bool,
    /// It is the clock that asks: nobody has acknowledged for so many minutes.
    pub unanswered_min: Option<u32>,
}

/// How somebody is paged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagedOver {
    /// Their e-mail at the pager; whoever is on call there when absent.
    pub email: Option<String>,
    /// The pager's service, for an incident that the pager does not know.
    pub service: Option<String>,
    /// How loud.
    pub urgency: PageUrgency,
}

impl Passed {
    /// What is on offer of this kind.
    #[must_use]
    pub fn offer(&self, run: Option<RunId>) -> Option<&Offer> {
        self.offers.iter().find(|offer| offer.run == run)
    }

    /// Whether a private incident is shown to somebody because of what was passed on to them.
    #[must_use]
    pub fn shows(&self, who: &Actor) -> bool {
        self.shown.contains(who)
            || self.offers.iter().any(|offer| offer.to == *who)
            || self.holders.values().any(|holder| holder == who)
    }

    /// Whether somebody was asked a moment ago.
    #[must_use]
    pub fn asked_lately(&self, who: &Actor, now: DateTime<Utc>) -> bool {
        self.escalated.get(who).is_some_and(|at| now < *at + Duration::seconds(ONE_PAGE_S))
    }

    /// Applies one event.
    pub(super) fn hear(&mut self, envelope: &Envelope<IncidentEvent>) {
        match &envelope.event {
            IncidentEvent::HandoverOffered { to, run, note, until } => {
                self.offers.retain(|offer| offer.run != *run);
                self.offers.push(Offer {
                    from: envelope.actor.clone(),
                    to: to.clone(),
                    run: *run,
                    note: note.clone(),
                    until: *until,
                });
            }
            IncidentEvent::HandoverTaken { run, .. } => {
                self.offers.retain(|offer| offer.run != *run);
                if let Some(run) = run {
                    self.holders.insert(*run, envelope.actor.clone());
                }
            }
            IncidentEvent::HandoverLapsed { run, .. } => self.offers.retain(|offer| offer.run != *run),
            // Who commands now has not offered it.
            IncidentEvent::CommanderTaken { .. } => self.offers.retain(|offer| offer.run.is_some()),
            IncidentEvent::RunEnded { run, .. } => self.offers.retain(|offer| offer.run != Some(*run)),
            IncidentEvent::Resolved { .. }
            | IncidentEvent::NotAnIncident { .. }
            | IncidentEvent::MergedInto { .. } => self.offers.clear(),
            IncidentEvent::Escalated { to, shown, low, .. } => {
                // what wakes nobody keeps nobody from being woken
                if !low {
                    self.escalated.insert(to.clone(), envelope.at);
                }
                if *shown && !self.shown.contains(to) {
                    self.shown.push(to.clone());
                }
            }
            // Whoever was asked before its end, or before somebody took it and did not stay, is asked anew.
            IncidentEvent::Reopened { .. } | IncidentEvent::Unacknowledged => self.escalated.clear(),
            _ => {}
        }
    }
}

impl Incident {
    /// Who answers for a run: whoever took it over, else who asked for it.
    #[must_use]
    pub fn holder_of<'a>(&'a self, run: RunId, requester: &'a Actor) -> &'a Actor {
        self.passed.holders.get(&run).unwrap_or(requester)
    }
}

/// Decides about one of these.
pub(super) fn decide(
    state: &Incident,
    command: &IncidentCommand,
    now: DateTime<Utc>,
) -> Result<Decision, Rejection> {
    let (incident, number) = (state.id, state.number);
    // Nothing is passed on, and nobody called, for what is over.
    if !state.status.is_open() {
        return match command {
            IncidentCommand::LapseHandover | IncidentCommand::TellShift { .. } => Ok(Decision::default()),
            _ => Err(Rejection::NotOpen { number, status: state.status.word() }),
        };
    }
    Ok(match command {
        IncidentCommand::OfferHandover { by, to, run, note } => {
            may_offer(state, by, run.as_ref())?;
            let run = run.as_ref().map(|(run, _)| *run);
            let until = now + Duration::seconds(i64::from(HANDOVER_WINDOW_S));
            // Twice in a minute is one mention.
            let is_same = |offer: &&Offer| offer.to == *to && offer.note == *note && offer.from == *by;
            let lately = |offer: &Offer| until < offer.until + Duration::seconds(ONE_PAGE_S);
            if state.passed.offer(run).filter(is_same).is_some_and(lately) {
                return Ok(Decision::default());
            }
            Decision {
                events: vec![IncidentEvent::HandoverOffered {
                    to: to.clone(),
                    run,
                    note: note.clone(),
                    until,
                }],
                effects: vec![
                    Effect::Send(Outgoing::Invite { incident, who: to.clone() }),
                    Effect::Send(Outgoing::Offer { incident, run, to: to.clone() }),
                    Effect::OfferTimer { incident, run, due: until },
                ],
            }
        }
        IncidentCommand::TakeHandover { by, run } => take(state, by, *run, now)?,
        IncidentCommand::LapseHandover => lapse(state, now),
        IncidentCommand::TellShift { to, text } => {
            let mut effects = Vec::new();
            if let Some(pager) = &state.pager {
                let call = PagerCall::Note { incident: pager.id.clone(), from: None, text: text.clone() };
                effects.push(Effect::Send(Outgoing::Pager { incident, call }));
            }
            let events = vec![IncidentEvent::ShiftHandedOver { to: to.clone(), text: text.clone() }];
            Decision { events, effects }
        }
        // Twice in a minute is one page.
        IncidentCommand::Escalate(ask) if state.passed.asked_lately(&ask.to, now) => Decision::default(),
        IncidentCommand::Escalate(ask) => escalate(state, ask, state.seq + 1),
        _ => Decision::default(),
    })
}

/// What is handed over, in words.
fn what(run: Option<RunId>) -> String {
    run.map_or_else(|| "command".to_owned(), |run| format!("run {run}"))
}

fn may_offer(state: &Incident, by: &Actor, run: Option<&(RunId, Actor)>) -> Result<(), Rejection> {
    let number = state.number;
    let commander = state.commander.as_ref().map(|commander| &commander.who);
    let holder = run.map(|(run, requester)| state.holder_of(*run, requester));
    if commander == Some(by) || holder == Some(by) {
        return Ok(());
    }
    let name = "`/blocks role commander @NAME` makes somebody its commander";
    Err(Rejection::NotTheirs {
        number,
        what: what(run.map(|(run, _)| *run)),
        whose: match (holder, commander) {
            (Some(holder), Some(commander)) if holder != commander => {
                format!("{holder}'s, or its commander {commander}'s,")
            }
            (Some(who), _) | (None, Some(who)) => format!("{who}'s"),
            (None, None) => "nobody's".to_owned(),
        },
        hint: match (run, commander) {
            (None, None) => format!("nobody commands yet: `/blocks ack {number}` takes it"),
            _ => name.to_owned(),
        },
    })
}

fn take(state: &Incident, by: &Actor, run: Option<RunId>, now: DateTime<Utc>) -> Result<Decision, Rejection> {
    let (incident, number) = (state.id, state.number);
    let Some(offer) = state.passed.offer(run) else {
        let has_it = match run {
            Some(run) => state.passed.holders.get(&run) == Some(by),
            None => state.commander.as_ref().is_some_and(|commander| commander.who == *by),
        };
        if has_it {
            return Ok(Decision::default()); // a second press
        }
        let hint = match run {
            Some(run) => format!("`/blocks handover {number} to @NAME --run {run}` hands it over"),
            None => format!("whoever commands says `/blocks handover {number} to @NAME`"),
        };
        return Err(Rejection::NothingOffered { number, what: what(run), hint });
    };
    if offer.to != *by {
        let (to, from) = (offer.to.clone(), offer.from.clone());
        return Err(Rejection::ForAnother { number, what: what(run), to, from });
    }
    if now >= offer.until {
        return Err(Rejection::TooLate { number, what: what(run), from: offer.from.clone() });
    }
    let from = offer.from.clone();
    let mut events = vec![IncidentEvent::HandoverTaken { from: from.clone(), run }];
    let text = match run {
        None => {
            events.push(IncidentEvent::CommanderTaken { commander: by.clone(), acting: false });
            format!("{number}: {by} commands from now on, taken over from {from}.")
        }
        Some(run) => {
            let link = state.runs.iter().find(|link| link.run == run);
            let name = link.map_or("a runbook", |link| link.runbook.as_str());
            format!("{number}: {by} answers for run {run} ({name}) from now on, taken over from {from}.")
        }
    };
    let effects =
        vec![Effect::Send(Outgoing::Card { incident }), Effect::Send(Outgoing::Note { incident, text })];
    Ok(Decision { events, effects })
}

fn lapse(state: &Incident, now: DateTime<Utc>) -> Decision {
    let mut decision = Decision::default();
    let mut texts = Vec::new();
    for Offer { from, to, run, until, .. } in &state.passed.offers {
        if now < *until {
            continue;
        }
        decision.events.push(IncidentEvent::HandoverLapsed { to: to.clone(), run: *run });
        let stays = match run {
            None => format!("{from} still commands"),
            Some(_) => format!("it stays {from}'s"),
        };
        texts.push(format!("{to} has not taken {} over: {stays}", what(*run)));
    }
    if !texts.is_empty() {
        let text = format!(
            "{}: {}. `/blocks handover {} to @NAME` asks again, or somebody else.",
            state.number,
            texts.join("; "),
            state.number
        );
        decision.effects.push(Effect::Send(Outgoing::Note { incident: state.id, text }));
    }
    decision
}

/// Asks one person, by an event of that sequence.
pub(super) fn escalate(state: &Incident, ask: &Escalate, seq: u64) -> Decision {
    let (incident, number) = (state.id, state.number);
    let Escalate { by, to, step, reason, page, shown, unanswered_min } = ask;
    let why = reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"));
    let mut effects = Vec::new();
    // What the pager keeps, more people read than a private incident is for.
    let (place, told) = if state.private {
        (String::new(), String::new())
    } else {
        (format!(" {} {}", state.severity, state.service), format!("\n{}{why}", state.title))
    };
    let stands_for = step.as_deref().map_or_else(String::new, |step| format!(" ({step})"));
    let by = match by {
        Actor::System(part) => format!("Blocks ({part})"),
        by => by.to_string(),
    };
    let (asks_for, asks, asks_you) = match unanswered_min {
        None => (
            format!("{by} asks for {to}"),
            format!("{by} asks {to} to come to {number}."),
            format!("{by} asks for you"),
        ),
        Some(minutes) => (
            format!("nobody has acknowledged for {minutes} min"),
            format!("Nobody has acknowledged {number} for {minutes} min, and {to}{stands_for} is next."),
            format!("nobody has acknowledged for {minutes} min, and you are next{stands_for}"),
        ),
    };
    let how = match unanswered_min {
        Some(_) => format!(
            "Acknowledge this page to take {number}: nobody else is called then. The page ends, and {number} goes on in Blocks."
        ),
        None => format!(
            "Acknowledge this page to say that you come; where nobody has {number}, that takes it. The page ends, and {number} goes on in Blocks."
        ),
    };
    let at = state.pager.as_ref().map(|pager| pager.id.clone());
    let page = page.as_ref().filter(|page| at.is_some() || page.service.is_some());
    if let Some(PagedOver { email, service, urgency }) = page {
        let call = PagerCall::Page {
            key: CallPage { incident, seq }.key(),
            title: format!("{number}{place}: {asks_for}"),
            text: format!("{asks}\n{how}{told}"),
            to: email.clone(),
            service: service.clone().filter(|_| at.is_none()),
            urgency: *urgency,
            incident: at.unwrap_or_default(),
        };
        effects.push(Effect::Send(Outgoing::Pager { incident, call }));
    }
    let text = format!(
        "{number}: {asks_you}{why}. `/blocks catch-up {number}` tells what you need, `/blocks ack {number}` says that you are there."
    );
    effects.push(Effect::Send(Outgoing::Invite { incident, who: to.clone() }));
    effects.push(Effect::Send(Outgoing::Call { incident, to: to.clone(), text }));
    let event = IncidentEvent::Escalated {
        to: to.clone(),
        step: step.clone(),
        reason: reason.clone(),
        paged: page.is_some(),
        low: page.is_some_and(|page| page.urgency == PageUrgency::Low),
        shown: *shown && state.private,
    };
    Decision { events: vec![event], effects }
}
