//! What there is around an alert: its row, and the incidents that could take it. Read once for a batch, and kept up to date by what
//! the batch decides.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use runbook_core::alert::{About, AlertCount, AlertRow, Around, Holder, Tally, pager_key};
use runbook_core::ids::IncidentId;
use runbook_core::incident::{End, IncidentEvent};
use runbook_core::ports::{AlertsOf, IncidentRow, Store};

use super::open::Open;
use crate::error::EngineError;
use crate::incidents::load_incident;

/// How many open incidents are read, the newest first. An older one is read when one of its own alerts is told of.
const LOOK: usize = 10_000;
/// How many alerts of a group are looked through for one whose incident is open.
const GROUP_LOOK: usize = 20;

/// Source and fingerprint.
pub(super) type Key = (String, String);

/// What is known so far.
#[derive(Default)]
pub(super) struct Known {
    rows: BTreeMap<Key, Option<AlertRow>>,
    open: Open,
    closed: BTreeMap<IncidentId, Option<Holder>>,
    merged: BTreeMap<IncidentId, IncidentId>,
    groups: BTreeMap<(String, String, bool), Option<IncidentId>>,
    paged: BTreeMap<(String, bool), Option<IncidentId>>,
    counts: BTreeMap<IncidentId, AlertCount>,
    tallies: BTreeMap<IncidentId, Tally>,
}

impl Known {
    /// Reads which incidents are open, and the rows of these alerts.
    pub(super) async fn read(store: &dyn Store, keys: Vec<Key>) -> Result<Known, EngineError> {
        let open = store.incidents(true, LOOK).await?;
        let mut known = Known { open: Open::of(open), ..Known::default() };
        let most = keys.len();
        known.rows = keys.iter().map(|key| (key.clone(), None)).collect();
        for row in store.alerts(AlertsOf::These(keys), most).await? {
            known.rows.insert((row.source.clone(), row.fingerprint.clone()), Some(row));
        }
        Ok(known)
    }

    /// The alert's row.
    pub(super) fn row(&self, key: &Key) -> Option<&AlertRow> {
        self.rows.get(key).and_then(Option::as_ref)
    }

    /// An open incident's row.
    pub(super) fn open(&self, id: IncidentId) -> Option<&IncidentRow> {
        self.open.get(id)
    }

    /// The open incidents of which this group has left something out.
    pub(super) fn held_by(&self, group: &str) -> impl Iterator<Item = IncidentId> {
        self.open.held_by(group)
    }

    /// An incident is open, or was opened again.
    pub(super) fn opened(&mut self, mut row: IncidentRow) {
        self.closed.remove(&row.id);
        // what the batch has heard may not be written yet
        if let Some(tally) = self.tallies.get(&row.id) {
            row.left_out = tally.groups_cut();
        }
        self.open.put(row);
    }

    /// An incident is about to be opened: nothing of it is in the store.
    pub(super) fn opens(&mut self, row: IncidentRow) {
        self.counts.insert(row.id, AlertCount::default());
        self.tallies.insert(row.id, Tally::default());
        self.opened(row);
    }

    /// How many alerts an incident has, with what the batch has decided so far.
    pub(super) async fn count(
        &mut self,
        store: &dyn Store,
        id: IncidentId,
    ) -> Result<AlertCount, EngineError> {
        if let Some(count) = self.counts.get(&id) {
            return Ok(*count);
        }
        let count = store.alert_count(id).await?;
        self.counts.insert(id, count);
        Ok(count)
    }

    /// What was told of an incident's alerts last, and what the batch has heard since.
    async fn tally(&mut self, store: &dyn Store, id: IncidentId) -> Result<&mut Tally, EngineError> {
        match self.tallies.entry(id) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(unknown) => {
                let alerts = load_incident(store, id).await?.and_then(|loaded| loaded.state.alerts);
                Ok(unknown.insert(alerts.map(|alerts| alerts.tally).unwrap_or_default()))
            }
        }
    }

    /// Whether one of these groups leaves out now what may fire in an incident.
    pub(super) async fn is_held_by(
        &mut self,
        store: &dyn Store,
        id: IncidentId,
        groups: &BTreeMap<String, u64>,
    ) -> Result<bool, EngineError> {
        let tally = self.tally(store, id).await?;
        Ok(groups.keys().any(|group| tally.left_out_of.contains_key(group)))
    }

    /// Hears how many alerts groups leave out; whether that is new to the incident.
    pub(super) async fn leaves_out(
        &mut self,
        store: &dyn Store,
        id: IncidentId,
        newest: &BTreeMap<String, u64>,
    ) -> Result<bool, EngineError> {
        let tally = self.tally(store, id).await?;
        let before = tally.left_out;
        let known = |group: &String| tally.left_out_of.get(group).copied().unwrap_or_default();
        let is_new = newest.iter().any(|(group, count)| known(group) != *count);
        tally.leave_out(newest);
        if !is_new && tally.left_out == before {
            return Ok(false);
        }
        let groups = tally.groups_cut();
        self.open.holds(id, groups);
        Ok(true)
    }

    /// Hears who tells of an incident's alerts; whether that is new to it.
    pub(super) async fn is_told_by(
        &mut self,
        store: &dyn Store,
        id: IncidentId,
        source: &str,
    ) -> Result<bool, EngineError> {
        let tally = self.tally(store, id).await?;
        let is_new = !tally.sources.iter().any(|known| known == source);
        if is_new {
            tally.sources.push(source.to_owned());
        }
        Ok(is_new)
    }

    /// Reads the alerts of a sender's group that came to an incident and fire, or are watched.
    pub(super) async fn read_group(
        &mut self,
        store: &dyn Store,
        source: &str,
        group: &str,
        most: usize,
    ) -> Result<(), EngineError> {
        let which = AlertsOf::GroupNow { source: source.to_owned(), group: group.to_owned() };
        for row in store.alerts(which, most).await? {
            // what the batch has decided is newer
            self.rows.entry((row.source.clone(), row.fingerprint.clone())).or_insert(Some(row));
        }
        Ok(())
    }

    /// Those that are known of a sender's group.
    pub(super) fn of_group<'a>(
        &'a self,
        source: &'a str,
        group: &'a str,
    ) -> impl Iterator<Item = &'a AlertRow> {
        let rows = self.rows.values().flatten();
        rows.filter(move |row| row.source == source && row.group.as_deref() == Some(group))
    }

    /// Takes a decision over: counts, the group's incident, and who came last.
    pub(super) async fn take(
        &mut self,
        store: &dyn Store,
        key: Key,
        row: AlertRow,
    ) -> Result<(), EngineError> {
        let before = self.row(&key).cloned();
        for id in before.iter().chain([&row]).filter_map(|row| row.incident) {
            self.count(store, id).await?;
        }
        if let Some(before) = &before
            && let Some(count) = before.incident.and_then(|id| self.counts.get_mut(&id))
        {
            count.total = count.total.saturating_sub(1);
            count.firing = count.firing.saturating_sub(u64::from(before.firing));
        }
        if let Some(count) = row.incident.and_then(|id| self.counts.get_mut(&id)) {
            count.total += 1;
            count.firing += u64::from(row.firing);
        }
        let came = before.as_ref().and_then(|before| before.incident) != row.incident;
        if let Some(id) = row.incident.filter(|_| came) {
            self.open.came(id, &row);
            if let Some(group) = row.group.clone() {
                self.groups.insert((row.source.clone(), group, row.private), Some(id));
            }
        }
        self.rows.insert(key, Some(row));
        Ok(())
    }

    /// What could take an alert.
    pub(super) async fn around(
        &mut self,
        store: &dyn Store,
        (source, group): (&str, Option<&str>),
        about: &About,
        private: bool,
        own: Option<IncidentId>,
    ) -> Result<Around, EngineError> {
        let own = match own {
            Some(id) => self.holder(store, id).await?,
            None => None,
        };
        let paged = group.and_then(|group| self.paged(group, private));
        let group = match group {
            Some(group) => self.group(store, source, group, private).await?,
            None => None,
        };
        let last = self.open.last(store, about, private).await?;
        let storm = last.and_then(|(id, since)| Some((self.open_holder(id)?, since)));
        Ok(Around { own, group, paged, storm })
    }

    /// The open incident whose page has the key of this group.
    fn paged(&mut self, group: &str, private: bool) -> Option<Holder> {
        let known = self.paged.get(&(group.to_owned(), private)).copied();
        let found = known.unwrap_or_else(|| {
            let key = pager_key(group);
            let fits = |row: &&IncidentRow| {
                let its = row.pager_key.as_ref().filter(|_| row.private == private);
                its.is_some_and(|its| its.eq_ignore_ascii_case(&key))
            };
            self.open.all().filter(fits).max_by_key(|row| row.number).map(|row| row.id)
        });
        self.paged.insert((group.to_owned(), private), found);
        self.open_holder(found?)
    }

    fn open_holder(&self, id: IncidentId) -> Option<Holder> {
        let row = self.open.get(id)?;
        let paged_at = row.pager_id.as_ref().map(|_| row.opened_at);
        Some(Holder {
            id,
            number: row.number,
            ended_at: None,
            paged_at,
            is_final: false,
            private: row.private,
        })
    }

    /// The incident that an alert was in; the other one, where it has become a part of that, and so on. One that was opened again
    /// is a part of nothing, so nothing is walked through twice.
    async fn holder(&mut self, store: &dyn Store, id: IncidentId) -> Result<Option<Holder>, EngineError> {
        let (mut at, mut walked) = (id, BTreeSet::new());
        while walked.insert(at) {
            if let Some(holder) = self.open_holder(at) {
                return Ok(Some(holder));
            }
            if let Some(known) = self.closed.get(&at) {
                return Ok(known.clone());
            }
            if let Some(into) = self.merged.get(&at) {
                at = *into;
                continue;
            }
            let Some(loaded) = load_incident(store, at).await? else { return Ok(None) };
            let incident = &loaded.state;
            if matches!(incident.end, Some(End::Merged { .. })) {
                let into = loaded.events.iter().rev().find_map(|one| match one.event {
                    IncidentEvent::MergedInto { id, .. } => Some(id),
                    _ => None,
                });
                let Some(into) = into else { return Ok(None) };
                self.merged.insert(at, into);
                at = into;
                continue;
            }
            if incident.status.is_open() {
                // there are more open ones than were read
                self.opened(incident.row());
                return Ok(self.open_holder(at));
            }
            let holder = Holder {
                id: at,
                number: incident.number,
                ended_at: Some(incident.resolved_at.unwrap_or(incident.opened_at)),
                paged_at: None,
                is_final: matches!(incident.end, Some(End::NotAnIncident { .. })),
                private: incident.private,
            };
            self.closed.insert(at, Some(holder.clone()));
            return Ok(Some(holder));
        }
        Ok(None)
    }

    /// The open incident that holds alerts of this group. Nothing private joins what others read, nor the other way round.
    async fn group(
        &mut self,
        store: &dyn Store,
        source: &str,
        group: &str,
        private: bool,
    ) -> Result<Option<Holder>, EngineError> {
        let key = (source.to_owned(), group.to_owned(), private);
        if !self.groups.contains_key(&key) {
            let which = AlertsOf::Group { source: key.0.clone(), group: key.1.clone() };
            let rows = store.alerts(which, GROUP_LOOK).await?;
            let fits = |id: &IncidentId| self.open.get(*id).is_some_and(|row| row.private == private);
            let found = rows.iter().filter_map(|row| row.incident).find(fits);
            self.groups.insert(key.clone(), found);
        }
        Ok(self.groups.get(&key).copied().flatten().and_then(|id| self.open_holder(id)))
    }
}
