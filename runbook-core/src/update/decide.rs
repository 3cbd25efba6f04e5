//! What can be done with a draft, and why it may be refused. Nothing public leaves by anything but a person's send.

use super::clean::one_line;
use super::draft::{Arrival, Delivery, Draft, DraftState, RECIPIENTS_MAX, Way};
use super::page::PageState;
use super::state::{Held, Outdated};
use super::template::{Audience, bounded};
use crate::ids::{DraftId, IncidentNumber};
use crate::incident::{Decision, Effect, End, Incident, IncidentEvent, Rejection};
use crate::message::Outgoing;
use crate::people::{Actor, Person};

/// Most drafts of one incident that wait at once.
const WAITING_MAX: usize = 20;
/// How much of a text the card repeats.
const TOLD_MAX: usize = 300;

/// A change that somebody asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum UpdateCommand {
    /// Keep a draft, and show it.
    Draft(Box<Draft>),
    /// Its text is another one now.
    Edit {
        /// Which.
        draft: DraftId,
        /// The code of the text that it replaces.
        code: String,
        /// The text.
        text: String,
    },
    /// Send it.
    Send {
        /// Which.
        draft: DraftId,
        /// The code of what the person has seen.
        code: String,
        /// Who.
        by: Actor,
        /// Whether this person may send what is public.
        may_publish: bool,
    },
    /// Throw it away.
    Discard {
        /// Which.
        draft: DraftId,
    },
    /// Its message is posted.
    RecordPosted {
        /// Which.
        draft: DraftId,
        /// The channel's id.
        channel: String,
        /// The message's id.
        ts: String,
    },
    /// It arrived on one of its ways.
    RecordArrival {
        /// Which.
        draft: DraftId,
        /// The place of the way.
        way: u32,
        /// What it is called there.
        arrival: Arrival,
    },
    /// It will never arrive on one of its ways.
    RecordFailure {
        /// Which.
        draft: DraftId,
        /// The place of the way.
        way: u32,
        /// Why.
        reason: String,
        /// What the status page called the incident and does not know any more.
        gone: Option<String>,
    },
    /// What stands at the status page of an incident that became part of this one is this one's from now on.
    TakePage {
        /// What the page calls it.
        page: String,
        /// Where it stands there.
        status: PageState,
        /// The other incident.
        from: IncidentNumber,
    },
}

/// Why it was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such draft.
    #[error("{0} has no such draft; hint: `update drafts {0}`")]
    NoDraft(IncidentNumber),
    /// It waits for nobody any more.
    #[error("draft {code} is {state}, nothing was done; hint: `update draft` writes another one")]
    Settled {
        /// Its code.
        code: String,
        /// What has become of it.
        state: String,
    },
    /// It says something else now.
    #[error(
        "the draft says something else by now, its code is {now}, and nothing was done; hint: read it, then `update send {now}`"
    )]
    Changed {
        /// The code now.
        now: String,
    },
    /// This person may not send what is public.
    #[error("{by} may not send what is public; hint: somebody with one of {who} may")]
    NotPublic {
        /// Who asked.
        by: Actor,
        /// Who may.
        who: String,
    },
    /// It leads out of a private incident.
    #[error(
        "{number} is private: nothing of it leaves its channel, and this would go to {way}; hint: a template with the channel slack alone, or tell them otherwise"
    )]
    Private {
        /// The incident.
        number: IncidentNumber,
        /// Where it would go.
        way: String,
    },
    /// It goes nowhere.
    #[error(
        "this update would reach nobody: none of its channels is set up here; hint: [updates], [smtp] and [statuspage] of blocks.toml, or --to name@example.com"
    )]
    Nowhere,
    /// Too many recipients.
    #[error(
        "{0} recipients are too many; hint: a mailing list is one address, and {RECIPIENTS_MAX} are the most"
    )]
    TooMany(usize),
    /// Too many drafts wait.
    #[error("{WAITING_MAX} drafts of {0} wait already; hint: `update drafts {0}`, then send or discard some")]
    Crowded(IncidentNumber),
    /// It says what no longer holds.
    #[error(
        "draft {code} was written {before}, and everybody would read it: nothing was sent; hint: `update draft {template} {number}` writes it anew, `update discard {code} {number}` throws this one away"
    )]
    Outdated {
        /// The incident.
        number: IncidentNumber,
        /// Its code.
        code: String,
        /// Before what.
        before: String,
        /// Its template.
        template: String,
    },
    /// It says that it is over, and it is not.
    #[error(
        "{number} is {status}, and this would tell everybody that it is over: nothing was done; hint: `incident resolve {number}` first, then `update draft {template} {number}`"
    )]
    NotOver {
        /// The incident.
        number: IncidentNumber,
        /// Its status word.
        status: &'static str,
        /// The template.
        template: String,
    },
    /// It is part of another incident.
    #[error(
        "{number} is part of {into}, which tells everybody how it goes on: nothing was done; hint: `update draft {template} {into}`"
    )]
    Merged {
        /// The incident.
        number: IncidentNumber,
        /// The other.
        into: IncidentNumber,
        /// The template.
        template: String,
    },
    /// The text cannot be sent.
    #[error("{0}")]
    Text(String),
}

/// Whether a person may send what is public: a known person with one of these roles or duties. A role that was given in
/// the incident, or a button, gives no such right.
#[must_use]
pub fn may_publish(person: Option<&Person>, allowed: &[String]) -> bool {
    person.is_some_and(|person| allowed.iter().any(|name| person.stands_for(name)))
}

/// Decides about one of these.
pub(crate) fn decide(state: &Incident, command: &UpdateCommand) -> Result<Decision, Rejection> {
    let incident = state.id;
    let gone = || Refusal::NoDraft(state.number);
    let shown = |draft: DraftId| Effect::Send(Outgoing::Draft { incident, draft });
    let with =
        |event: IncidentEvent, draft: DraftId| Decision { events: vec![event], effects: vec![shown(draft)] };
    Ok(match command {
        UpdateCommand::Draft(draft) => {
            if state.drafts.get(draft.id).is_some() {
                return Ok(Decision::default());
            }
            may_be_drafted(state, draft)?;
            with(IncidentEvent::UpdateDrafted { draft: draft.clone() }, draft.id)
        }
        UpdateCommand::Edit { draft, code, text } => {
            let held = waiting(state.drafts.get(*draft).ok_or_else(gone)?, code)?;
            let text = bounded(text).map_err(|error| Refusal::Text(error.to_string()))?;
            let edited = Draft { text, ..held.draft.clone() }.sealed(incident);
            if edited.code == held.draft.code {
                return Ok(Decision::default());
            }
            with(IncidentEvent::UpdateEdited { draft: *draft, text: edited.text, code: edited.code }, *draft)
        }
        UpdateCommand::Send { draft, code, by, may_publish } => {
            let held = waiting(state.drafts.get(*draft).ok_or_else(gone)?, code)?;
            if held.draft.audience == Audience::Public && !*may_publish {
                let who = "the roles or duties of [updates] send_public".to_owned();
                return Err(Refusal::NotPublic { by: by.clone(), who }.into());
            }
            holds(state, held)?;
            let text = told(&held.draft);
            let mut decision = with(
                IncidentEvent::UpdateSent { draft: *draft, code: held.draft.code.clone(), text },
                *draft,
            );
            decision.effects.push(Effect::Send(Outgoing::Card { incident }));
            let leaves = |(index, way): (u32, &Way)| {
                let to = way.other_end();
                Effect::Send(Outgoing::Update { incident, draft: *draft, way: index, to })
            };
            decision.effects.extend((0..).zip(&held.draft.ways).map(leaves));
            decision
        }
        UpdateCommand::Discard { draft } => {
            let held = state.drafts.get(*draft).ok_or_else(gone)?;
            waiting(held, &held.draft.code)?;
            with(IncidentEvent::UpdateDiscarded { draft: *draft }, *draft)
        }
        UpdateCommand::RecordPosted { draft, channel, ts } => match state.drafts.get(*draft) {
            // one that could not be edited any more stands somewhere else now
            Some(held) if held.message.as_ref().is_none_or(|(_, known)| known != ts) => Decision {
                events: vec![IncidentEvent::DraftPosted {
                    draft: *draft,
                    channel: channel.clone(),
                    ts: ts.clone(),
                }],
                effects: Vec::new(),
            },
            _ => Decision::default(),
        },
        UpdateCommand::RecordArrival { draft, way, arrival } => match state.drafts.get(*draft) {
            Some(held) if !held.deliveries.contains_key(way) => with(
                IncidentEvent::UpdateArrived { draft: *draft, way: *way, arrival: arrival.clone() },
                *draft,
            ),
            _ => Decision::default(),
        },
        UpdateCommand::RecordFailure { draft, way, reason, gone } => match state.drafts.get(*draft) {
            Some(held) if !held.deliveries.contains_key(way) => {
                let reason = one_line(reason);
                let place = held.way(*way).map_or_else(|| "nobody".to_owned(), Way::words);
                let text = format!(
                    "{}: update {} did not leave ({place}): {reason}. Its message, and `update drafts {}`, name every place that it does not reach. Mend that and draft it again, or tell them otherwise.",
                    state.number,
                    held.draft.short_code(),
                    state.number
                );
                let is_told = tells_of_another(held, *way);
                let event =
                    IncidentEvent::UpdateFailed { draft: *draft, way: *way, reason, gone: gone.clone() };
                let mut decision = with(event, *draft);
                if !is_told {
                    decision.effects.push(Effect::Send(Outgoing::Note { incident, text }));
                }
                decision
            }
            _ => Decision::default(),
        },
        UpdateCommand::TakePage { page, status, from } => {
            if state.drafts.standing_on_page().any(|known| known == (page.as_str(), *status)) {
                return Ok(Decision::default());
            }
            let event = IncidentEvent::PageTaken { page: page.clone(), status: *status, from: *from };
            Decision { events: vec![event], effects: Vec::new() }
        }
    })
}

/// Drafts that people see and that may hold no longer once these events are there: their messages say so, and lose what would
/// be refused.
pub(crate) fn shown_again(state: &Incident, events: &[IncidentEvent]) -> Vec<Effect> {
    let incident = state.id;
    let is_public = |held: &Held| held.draft.audience == Audience::Public;
    let may_change = |event: &IncidentEvent| match event {
        IncidentEvent::Resolved { .. }
        | IncidentEvent::Reopened { .. }
        | IncidentEvent::NotAnIncident { .. }
        | IncidentEvent::MergedInto { .. } => true,
        IncidentEvent::UpdateSent { draft, .. } => state.drafts.get(*draft).is_some_and(is_public),
        _ => false,
    };
    if !events.iter().any(may_change) {
        return Vec::new();
    }
    let is_sent = |held: &Held| {
        let id = held.draft.id;
        events.iter().any(|event| matches!(event, IncidentEvent::UpdateSent { draft, .. } if *draft == id))
    };
    // The one that is sent is shown by its own decision.
    let others = state.drafts.waiting().filter(|held| is_public(held) && !is_sent(held));
    others.map(|held| Effect::Send(Outgoing::Draft { incident, draft: held.draft.id })).collect()
}

/// Why this draft can be sent no more, for its message; `None` while it can.
pub(super) fn void(state: &Incident, held: &Held) -> Option<String> {
    if held.state != DraftState::Drafted {
        return None;
    }
    Some(match holds(state, held).err()? {
        Refusal::Outdated { before, .. } => format!("it was written {before}"),
        Refusal::NotOver { number, status, .. } => {
            format!("{number} is {status}, and this tells everybody that it is over")
        }
        Refusal::Merged { number, into, .. } => {
            format!("{number} is part of {into}, which tells everybody how it goes on")
        }
        other => other.to_string(),
    })
}

/// Whether people were told already that it did not leave on a way like this one: fifty addresses that are refused are one
/// message, a status page beside them is another.
fn tells_of_another(held: &Held, way: u32) -> bool {
    let kind = |way: u32| held.way(way).map(std::mem::discriminant);
    held.deliveries.iter().any(|(other, how)| matches!(how, Delivery::Failed(_)) && kind(*other) == kind(way))
}

/// What everybody reads has to hold when it leaves.
fn holds(state: &Incident, held: &Held) -> Result<(), Refusal> {
    let draft = &held.draft;
    fits(state, draft)?;
    if draft.audience != Audience::Public {
        return Ok(());
    }
    let before = match &held.outdated {
        None => return Ok(()),
        Some(Outdated::Turned) if state.status.is_open() => {
            format!("before {} was opened again", state.number)
        }
        Some(Outdated::Turned) => format!("before {} was over", state.number),
        Some(Outdated::Overtaken(code)) => format!("before update {code} was sent"),
    };
    let (code, template) = (draft.short_code(), draft.template.clone());
    Err(Refusal::Outdated { number: state.number, code, before, template })
}

/// Whether this incident is one that tells everybody such a thing.
fn fits(state: &Incident, draft: &Draft) -> Result<(), Refusal> {
    let (number, template) = (state.number, draft.template.clone());
    match &state.end {
        Some(End::Merged { into }) if draft.audience == Audience::Public => {
            Err(Refusal::Merged { number, into: *into, template })
        }
        _ if draft.says_over() && state.status.is_open() => {
            Err(Refusal::NotOver { number, status: state.status.word(), template })
        }
        _ => Ok(()),
    }
}

fn may_be_drafted(state: &Incident, draft: &Draft) -> Result<(), Refusal> {
    if draft.ways.is_empty() {
        return Err(Refusal::Nowhere);
    }
    let recipients = draft.ways.iter().filter(|way| matches!(way, Way::Mail { .. })).count();
    if recipients > RECIPIENTS_MAX {
        return Err(Refusal::TooMany(recipients));
    }
    if let Some(way) = draft.ways.iter().find(|way| state.private && way.leaves_the_incident()) {
        return Err(Refusal::Private { number: state.number, way: way.words() });
    }
    fits(state, draft)?;
    if state.drafts.waiting().count() >= WAITING_MAX {
        return Err(Refusal::Crowded(state.number));
    }
    let text = bounded(&draft.text).map_err(|error| Refusal::Text(error.to_string()))?;
    if text != draft.text || draft.code != draft.code_for(state.id) {
        return Err(Refusal::Text("the draft is not as it was written; hint: draft it again".to_owned()));
    }
    Ok(())
}

/// The draft, when it waits for a person and says what the person has seen.
fn waiting<'a>(held: &'a Held, code: &str) -> Result<&'a Held, Refusal> {
    if held.state != DraftState::Drafted {
        return Err(Refusal::Settled { code: held.draft.short_code(), state: held.state_words() });
    }
    if held.draft.code != code {
        return Err(Refusal::Changed { now: held.draft.short_code() });
    }
    Ok(held)
}

/// What the card repeats of it.
fn told(draft: &Draft) -> String {
    let text = one_line(&draft.text);
    if text.chars().count() <= TOLD_MAX {
        return text;
    }
    let begun: String = text.chars().take(TOLD_MAX).collect();
    format!("{begun}…")
}
