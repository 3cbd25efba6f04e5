//! What the pager has where it is looked at: everything that happened there, in the order in which it did, and what that comes to.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SubsecRound as _, Utc};
use runbook_core::ports::{
    LookAt, PAGE_KEY_PREFIX, PagerCall, PagerEventKind, PagerIncident, PagerUser, SeenIncident, SeenNote,
    SeenStatus,
};

use super::clock::true_time;
use crate::organisation::SERVICES;

/// Something that happened there.
#[derive(Debug, Clone)]
pub(crate) struct Happening {
    pub(crate) at_ms: u64,
    /// Names it.
    pub(crate) number: u64,
    pub(crate) incident: String,
    pub(crate) kind: PagerEventKind,
    /// The pager's id of whoever did it.
    pub(crate) by: Option<String>,
    /// The priority that it names.
    pub(crate) priority: String,
}

/// An incident there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held {
    pub(crate) seen: SeenIncident,
    pub(crate) notes: Vec<SeenNote>,
    /// When it was last opened or ended.
    said_at: DateTime<Utc>,
    /// Priorities that somebody has named there.
    pub(crate) named: BTreeSet<String>,
}

/// How it stands at some time.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    pub(crate) incidents: BTreeMap<String, Held>,
    /// What came about: what makes no sense where an incident stands does not.
    pub(crate) took: BTreeSet<u64>,
}

/// A page of ours.
#[derive(Debug, Clone)]
struct Page {
    service: String,
    is_open: bool,
}

/// Its books.
#[derive(Default)]
pub(crate) struct Account {
    history: Vec<Happening>,
    pages: BTreeMap<String, Page>,
    /// Incidents of which it has refused an acknowledgement.
    pub(crate) refused: BTreeSet<String>,
    calls: u64,
}

/// What the pager did by our word begins with this number.
const BY_CALL: u64 = 1_000_000;

impl Account {
    /// It will happen, or has.
    pub(crate) fn happens(&mut self, happening: Happening) {
        if !self.history.iter().any(|known| known.number == happening.number) {
            self.history.push(happening);
        }
    }

    /// What of it had come about by then.
    pub(crate) fn at(&self, ms: u64) -> Standing {
        let mut past: Vec<&Happening> = self.history.iter().filter(|one| one.at_ms <= ms).collect();
        past.sort_by_key(|one| one.at_ms);
        let mut standing = Standing::default();
        for one in past {
            if standing.take(one) {
                standing.took.insert(one.number);
            }
        }
        standing
    }

    /// Whether each of its incidents is over, and since when it is so.
    pub(crate) fn truth(&self, ms: u64) -> BTreeMap<String, (DateTime<Utc>, bool)> {
        let over = |held: &Held| held.seen.status == SeenStatus::Resolved;
        self.at(ms).incidents.into_iter().map(|(id, held)| (id, (held.said_at, over(&held)))).collect()
    }

    /// What a look sees.
    pub(crate) fn look(&self, at: &LookAt, ms: u64) -> Vec<SeenIncident> {
        let mut seen: Vec<SeenIncident> = self.at(ms).incidents.into_values().map(|held| held.seen).collect();
        seen.extend(self.pages.iter().enumerate().filter(|(_, (_, page))| page.is_open).map(
            |(number, (key, page))| SeenIncident {
                incident: PagerIncident {
                    id: format!("OURS{number}"),
                    service_id: Some(page.service.clone()),
                    ..PagerIncident::default()
                },
                key: Some(key.clone()),
                ..SeenIncident::default()
            },
        ));
        seen.retain(|one| {
            let is_open = matches!(one.status, SeenStatus::Triggered | SeenStatus::Acknowledged);
            let is_of_these = one.incident.service_id.as_ref().is_some_and(|id| at.services.contains(id));
            is_open && is_of_these || at.incidents.contains(&one.incident.id)
        });
        seen
    }

    /// Does what it is told; what it tells of that, and whether somebody was paged twice for one thing.
    pub(crate) fn does(&mut self, call: &PagerCall, attempt: u32, ms: u64) -> (Option<Happening>, bool) {
        let user = |from: &Option<String>| {
            from.as_ref().and_then(|from| from.split('@').next().map(|name| format!("P-{name}")))
        };
        let (incident, kind, by, priority) = match call {
            PagerCall::Acknowledge { incident, from } => {
                (incident, PagerEventKind::Acknowledged, user(from), String::new())
            }
            PagerCall::Resolve { incident, from } => {
                (incident, PagerEventKind::Resolved, user(from), String::new())
            }
            PagerCall::Severity { incident, from, severity, .. } => {
                (incident, PagerEventKind::PriorityChanged, user(from), severity.clone())
            }
            PagerCall::Note { incident, from, text } => {
                let has = self
                    .at(ms)
                    .incidents
                    .get(incident)
                    .is_some_and(|held| held.notes.iter().any(|note| note.text == *text));
                // as the adapter looks before it writes again
                if attempt > 1 && has {
                    return (None, false);
                }
                let id = Some(format!("ours-{}", self.calls));
                (incident, PagerEventKind::Note { id, text: text.clone() }, user(from), String::new())
            }
            PagerCall::Page { key, service, incident, .. } => {
                let shop = SERVICES[0].1.to_owned();
                let of = self
                    .at(ms)
                    .incidents
                    .get(incident)
                    .and_then(|held| held.seen.incident.service_id.clone());
                let service = service.clone().or(of).unwrap_or(shop);
                let rang = self.pages.insert(key.clone(), Page { service, is_open: true });
                return (None, rang.is_some_and(|page| !page.is_open) || !key.starts_with(PAGE_KEY_PREFIX));
            }
            PagerCall::EndPage { key } => {
                if let Some(page) = self.pages.get_mut(key) {
                    page.is_open = false;
                }
                return (None, false);
            }
            PagerCall::Event { .. } | PagerCall::Change { .. } | PagerCall::AskResponder { .. } => {
                return (None, false);
            }
        };
        self.calls += 1;
        let number = BY_CALL + self.calls;
        let one = Happening { at_ms: ms, number, incident: incident.clone(), kind, by, priority };
        self.history.push(one.clone());
        let took = self.at(ms).took.contains(&number);
        if !took {
            self.history.pop();
        }
        (took.then_some(one), false)
    }
}

impl Standing {
    fn take(&mut self, one: &Happening) -> bool {
        let at = true_time(one.at_ms);
        if one.kind == PagerEventKind::Triggered {
            let number: usize = one.incident.trim_start_matches('Q').parse().unwrap_or(0);
            let (service, pager_id, ..) = SERVICES[number % SERVICES.len()];
            if self.incidents.contains_key(&one.incident) {
                return false;
            }
            let incident = PagerIncident {
                id: one.incident.clone(),
                title: Some(format!("{service} is in trouble")),
                service_id: Some(pager_id.to_owned()),
                service_name: Some(service.to_owned()),
                priority: Some(one.priority.clone()),
                high_urgency: Some(one.number.is_multiple_of(2)),
                created_at: Some(at.trunc_subsecs(0)),
                ..PagerIncident::default()
            };
            let seen = SeenIncident { incident, since: Some(at.trunc_subsecs(0)), ..SeenIncident::default() };
            let named = BTreeSet::from([one.priority.clone()]);
            let held = Held { seen, said_at: at, named, notes: Vec::new() };
            self.incidents.insert(one.incident.clone(), held);
            return true;
        }
        let Some(held) = self.incidents.get_mut(&one.incident) else { return false };
        let now = held.seen.status.clone();
        let is_open = matches!(now, SeenStatus::Triggered | SeenStatus::Acknowledged);
        let by = one
            .by
            .as_ref()
            .map(|id| PagerUser { id: id.clone(), name: Some(id.trim_start_matches("P-").to_owned()) });
        let becomes = match &one.kind {
            PagerEventKind::Acknowledged if now == SeenStatus::Triggered => SeenStatus::Acknowledged,
            PagerEventKind::Unacknowledged if now == SeenStatus::Acknowledged => SeenStatus::Triggered,
            PagerEventKind::Resolved if is_open => SeenStatus::Resolved,
            PagerEventKind::Reopened if now == SeenStatus::Resolved => SeenStatus::Triggered,
            PagerEventKind::PriorityChanged if is_open => {
                if one.number < BY_CALL {
                    held.named.insert(one.priority.clone());
                }
                let is_new = held.seen.incident.priority.as_ref() != Some(&one.priority);
                held.seen.incident.priority = Some(one.priority.clone());
                return is_new;
            }
            PagerEventKind::Note { id, text } => {
                let id = id.clone().unwrap_or_else(|| format!("note-{}", one.number));
                held.notes.push(SeenNote { id, at: Some(at.trunc_subsecs(0)), by, text: text.clone() });
                return true;
            }
            _ => return false,
        };
        if matches!(one.kind, PagerEventKind::Resolved | PagerEventKind::Reopened) {
            held.said_at = at;
        }
        held.seen.status = becomes;
        held.seen.since = Some(at.trunc_subsecs(0));
        held.seen.by = by;
        true
    }
}
