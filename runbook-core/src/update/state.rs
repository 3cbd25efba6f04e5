//! The drafts of one incident: what its events have made of them.

use std::collections::BTreeMap;

use super::draft::{Delivery, Draft, DraftState, Way};
use super::page::PageState;
use super::template::Audience;
use crate::ids::DraftId;
use crate::incident::IncidentEvent;
use crate::journal::Envelope;
use crate::people::Actor;

/// Every draft of an incident, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drafts {
    all: Vec<Held>,
    /// What the status page calls the incident, and where it stands there; behind it those of incidents that have become part
    /// of it.
    on_page: Vec<(String, PageState)>,
}

/// Why a draft may say what no longer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outdated {
    /// The incident has ended, or is open again, since it was written.
    Turned,
    /// Another update for everybody was sent since it was written: its code.
    Overtaken(String),
}

/// A draft, and what has become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The draft as it is now.
    pub draft: Draft,
    /// Who wrote it, or wrote it last.
    pub by: Actor,
    /// What has become of it.
    pub state: DraftState,
    /// Its message in the chat, once posted: channel and id.
    pub message: Option<(String, String)>,
    /// How each way went, by its place in the draft's.
    pub deliveries: BTreeMap<u32, Delivery>,
    /// What has happened since it was written.
    pub outdated: Option<Outdated>,
}

/// Most places that are named where one line has to do.
const NAMED_MAX: usize = 3;

impl Held {
    /// The way at that place.
    #[must_use]
    pub fn way(&self, index: u32) -> Option<&Way> {
        self.draft.ways.get(usize::try_from(index).ok()?)
    }

    /// What has become of it, for people.
    #[must_use]
    pub fn state_words(&self) -> String {
        match &self.state {
            DraftState::Drafted => format!("drafted by {}, not sent", self.by),
            DraftState::Sent { by, at } => {
                format!("sent by {by} at {}{}", at.format("%H:%M UTC"), self.missed_words())
            }
            DraftState::Discarded { by } => format!("discarded by {by}"),
        }
    }

    /// Where it did not arrive, in one line; empty where nothing failed.
    fn missed_words(&self) -> String {
        let failed = self.deliveries.iter().filter(|(_, how)| matches!(how, Delivery::Failed(_)));
        let failed: Vec<String> = failed.filter_map(|(index, _)| self.way(*index)).map(Way::words).collect();
        match failed.len() {
            0 => String::new(),
            count if count <= NAMED_MAX => format!("; NOT SENT to {}", failed.join("; ")),
            count => {
                let more = count - NAMED_MAX;
                let named = failed.get(..NAMED_MAX).unwrap_or_default().join("; ");
                format!("; NOT SENT to {named}; and {more} more")
            }
        }
    }

    /// Each way with how it went, a line each.
    #[must_use]
    pub fn way_lines(&self) -> Vec<String> {
        let line = |(index, way): (u32, &Way)| {
            let how = match (&self.state, self.deliveries.get(&index)) {
                (_, Some(Delivery::Arrived(_))) => " (arrived)".to_owned(),
                (_, Some(Delivery::Failed(reason))) => format!(" (NOT SENT: {reason})"),
                (DraftState::Sent { .. }, None) => " (on its way)".to_owned(),
                _ => String::new(),
            };
            format!("{}{how}", way.words())
        };
        (0..).zip(&self.draft.ways).map(line).collect()
    }
}

impl Drafts {
    /// All of them, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Held> {
        self.all.iter()
    }

    /// Those that wait for a person.
    pub fn waiting(&self) -> impl Iterator<Item = &Held> {
        self.all.iter().filter(|held| held.state == DraftState::Drafted)
    }

    /// The one with this identity.
    #[must_use]
    pub fn get(&self, id: DraftId) -> Option<&Held> {
        self.all.iter().find(|held| held.draft.id == id)
    }

    /// Those whose code, as it is now, somebody has named.
    #[must_use]
    pub fn named(&self, typed: &str) -> Vec<&Held> {
        self.all.iter().filter(|held| held.draft.is_named_by(typed)).collect()
    }

    /// What the status page calls the incident that is open there, and those that came with others: its own first.
    pub fn open_on_page(&self) -> impl Iterator<Item = &str> {
        self.standing_on_page().map(|(id, _)| id)
    }

    /// The same, with where each stands there.
    pub fn standing_on_page(&self) -> impl Iterator<Item = (&str, PageState)> {
        let open = self.on_page.iter().filter(|(_, state)| *state != PageState::Resolved);
        open.map(|(id, state)| (id.as_str(), *state))
    }

    /// What an incident that this one becomes part of takes along.
    #[must_use]
    pub fn pages_to_take(&self) -> Vec<(String, PageState)> {
        self.standing_on_page().map(|(page, state)| (page.to_owned(), state)).collect()
    }

    /// The incident has ended, or is open again: what was written before says what no longer holds.
    pub(crate) fn turn(&mut self) {
        for held in self.all.iter_mut().filter(|held| held.state == DraftState::Drafted) {
            held.outdated = Some(Outdated::Turned);
        }
    }

    /// Applies one event.
    pub(crate) fn hear(&mut self, envelope: &Envelope<IncidentEvent>) {
        let actor = || envelope.actor.clone();
        let id = match &envelope.event {
            IncidentEvent::UpdateDrafted { draft } => {
                self.all.push(Held {
                    draft: (**draft).clone(),
                    by: actor(),
                    state: DraftState::Drafted,
                    message: None,
                    deliveries: BTreeMap::new(),
                    outdated: None,
                });
                return;
            }
            IncidentEvent::PageTaken { page, status, .. } => {
                self.stands(page, *status);
                return;
            }
            IncidentEvent::UpdateEdited { draft, .. }
            | IncidentEvent::UpdateSent { draft, .. }
            | IncidentEvent::UpdateDiscarded { draft }
            | IncidentEvent::DraftPosted { draft, .. }
            | IncidentEvent::UpdateArrived { draft, .. }
            | IncidentEvent::UpdateFailed { draft, .. } => *draft,
            _ => return,
        };
        let Some(held) = self.all.iter_mut().find(|held| held.draft.id == id) else { return };
        match &envelope.event {
            IncidentEvent::UpdateEdited { text, code, .. } => {
                held.draft.text.clone_from(text);
                held.draft.code.clone_from(code);
                held.by = actor();
            }
            IncidentEvent::UpdateSent { .. } => {
                held.state = DraftState::Sent { by: actor(), at: envelope.at };
                let (is_public, code) = (held.draft.audience == Audience::Public, held.draft.short_code());
                for other in self.all.iter_mut().filter(|held| held.state == DraftState::Drafted) {
                    if is_public && other.outdated.is_none() {
                        other.outdated = Some(Outdated::Overtaken(code.clone()));
                    }
                }
            }
            IncidentEvent::UpdateDiscarded { .. } => held.state = DraftState::Discarded { by: actor() },
            IncidentEvent::DraftPosted { channel, ts, .. } => {
                held.message = Some((channel.clone(), ts.clone()));
            }
            IncidentEvent::UpdateArrived { way, arrival, .. } => {
                held.deliveries.insert(*way, Delivery::Arrived(arrival.clone()));
                if let (Some(Way::StatusPage { status, .. }), Some(page)) =
                    (held.way(*way).cloned(), &arrival.id)
                {
                    // What came with other incidents was told the same.
                    for (_, known) in self.on_page.iter_mut().filter(|(_, one)| *one != PageState::Resolved) {
                        *known = status;
                    }
                    self.stands(page, status);
                }
            }
            IncidentEvent::UpdateFailed { way, reason, gone, .. } => {
                held.deliveries.insert(*way, Delivery::Failed(reason.clone()));
                self.on_page.retain(|(page, _)| Some(page) != gone.as_ref());
            }
            _ => {}
        }
    }

    fn stands(&mut self, page: &str, status: PageState) {
        match self.on_page.iter_mut().find(|(known, _)| known == page) {
            Some((_, known)) => *known = status,
            None => self.on_page.push((page.to_owned(), status)),
        }
    }
}
