//! The drafts of one incident: what its events have made of them.

use std::collections::BTreeMap;

use super::draft::{Delivery, Draft, DraftState, Way};
use super::page::PageState;
use crate::ids::DraftId;
use crate::incident::IncidentEvent;
use crate::journal::Envelope;
use crate::people::Actor;

/// Every draft of an incident, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drafts {
    all: Vec<Held>,
    /// What the status page calls the incident, and where it stands there.
    on_page: Option<(String, PageState)>,
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
}

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
            DraftState::Sent { by, at } => format!("sent by {by} at {}", at.format("%H:%M UTC")),
            DraftState::Discarded { by } => format!("discarded by {by}"),
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

    /// What the status page calls the incident that is open there.
    #[must_use]
    pub fn open_on_page(&self) -> Option<&str> {
        let (id, state) = self.on_page.as_ref()?;
        (*state != PageState::Resolved).then_some(id.as_str())
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
                });
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
            }
            IncidentEvent::UpdateDiscarded { .. } => held.state = DraftState::Discarded { by: actor() },
            IncidentEvent::DraftPosted { channel, ts, .. } => {
                held.message = Some((channel.clone(), ts.clone()));
            }
            IncidentEvent::UpdateArrived { way, arrival, .. } => {
                if let (Some(Way::StatusPage { status, .. }), Some(page)) = (held.way(*way), &arrival.id) {
                    self.on_page = Some((page.clone(), *status));
                }
                held.deliveries.insert(*way, Delivery::Arrived(arrival.clone()));
            }
            IncidentEvent::UpdateFailed { way, reason, .. } => {
                held.deliveries.insert(*way, Delivery::Failed(reason.clone()));
            }
            _ => {}
        }
    }
}
