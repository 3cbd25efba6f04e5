//! How an incident stands at the pager, compared with how it stands here: what the pager has told, and nobody heard.
//!
//! The pager's word on its own side counts where it is the later one. What it does not know yet because it has not been told
//! is no drift: that is on its way.

use chrono::{DateTime, Utc};

use super::state::{Incident, Status};
use crate::ports::{PagerEventKind, PagerUser, SeenIncident, SeenStatus};

/// Something that the pager would have told, and that is not so here.
#[derive(Debug, Clone, PartialEq)]
pub struct Drifted {
    /// What.
    pub kind: PagerEventKind,
    /// When it happened there.
    pub at: DateTime<Utc>,
    /// Who did it there, where that was a user.
    pub by: Option<PagerUser>,
}

/// What has happened to an incident at the pager and is not so here, in the order in which it is to be made up for. What happened
/// there after `until` may still be told: it is left for the next look.
#[must_use]
pub fn drift(ours: Option<&Incident>, seen: &SeenIncident, until: DateTime<Utc>) -> Vec<Drifted> {
    let opened = seen.incident.created_at.or(seen.since);
    let (Some(ours), is_open) = (ours, is_open(&seen.status)) else {
        return match (is_open(&seen.status), opened) {
            (true, Some(at)) if at <= until => {
                let opening = Drifted { kind: PagerEventKind::Triggered, at, by: None };
                let taken = (seen.status == SeenStatus::Acknowledged && seen.since <= Some(until))
                    .then(|| changed(PagerEventKind::Acknowledged, seen, seen.since.unwrap_or(at)));
                std::iter::once(opening).chain(taken).collect()
            }
            _ => Vec::new(),
        };
    };
    let at = seen.since.or(opened).unwrap_or(until);
    let mut all = Vec::new();
    if at <= until {
        let is_later =
            |than: Option<DateTime<Utc>>| seen.since.is_none_or(|since| than.is_none_or(|than| since > than));
        let comes_back = is_open && !ours.status.is_open() && ours.pager_over && is_later(ours.pager_said_at);
        if comes_back {
            all.push(changed(PagerEventKind::Reopened, seen, at));
        }
        let is_led = ours.status.is_open() || comes_back;
        match &seen.status {
            SeenStatus::Acknowledged if is_led && ours.acknowledged_at.is_none() => {
                all.push(changed(PagerEventKind::Acknowledged, seen, at));
            }
            SeenStatus::Acknowledged if ours.status == Status::Triggered && is_later(ours.taken_at) => {
                all.push(changed(PagerEventKind::Acknowledged, seen, at));
            }
            SeenStatus::Triggered if ours.status == Status::Acknowledged && is_later(ours.taken_at) => {
                all.push(changed(PagerEventKind::Unacknowledged, seen, at));
            }
            SeenStatus::Resolved if !ours.pager_over && is_later(ours.pager_said_at) => {
                all.push(changed(PagerEventKind::Resolved, seen, at));
            }
            SeenStatus::MergedInto { other } if !ours.pager_over && is_later(ours.pager_said_at) => {
                all.push(changed(PagerEventKind::MergedInto { other: other.clone() }, seen, at));
            }
            _ => {}
        }
    }
    if is_open && seen.bridge.is_some() && seen.bridge != ours.bridge.url {
        let numbers = ours.bridge.numbers.clone();
        let kind = PagerEventKind::BridgeChanged { url: seen.bridge.clone(), numbers };
        all.push(Drifted { kind, at: until, by: None });
    }
    let notes = seen.notes.iter().flatten();
    let missed = notes.filter(|note| {
        note.at.is_none_or(|at| at <= until)
            && !ours.noted_at_pager.contains(&note.id)
            && !ours.wrote_at_pager(&note.text)
    });
    all.extend(missed.map(|note| Drifted {
        kind: PagerEventKind::Note { id: Some(note.id.clone()), text: note.text.clone() },
        at: note.at.unwrap_or(until),
        by: note.by.clone(),
    }));
    all
}

fn is_open(status: &SeenStatus) -> bool {
    matches!(status, SeenStatus::Triggered | SeenStatus::Acknowledged)
}

fn changed(kind: PagerEventKind, seen: &SeenIncident, at: DateTime<Utc>) -> Drifted {
    Drifted { kind, at, by: seen.by.clone() }
}
