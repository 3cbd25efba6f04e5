//! The incidents that are open, found by service, by whether they are private, and by the name of what came to them last: what an
//! alert could join is looked up, however many are open.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use runbook_core::alert::{About, AlertRow, alert_name};
use runbook_core::ids::IncidentId;
use runbook_core::ports::{AlertsOf, IncidentRow, Store};

use crate::error::EngineError;

/// The newest alert of an incident: when it came, and its name at the sender.
type Newest = (DateTime<Utc>, Option<String>);

/// A service, and whether the incident is private.
type Side = (String, bool);

/// Which are open, and what is known of their newest alerts.
#[derive(Default)]
pub(super) struct Open {
    rows: BTreeMap<IncidentId, IncidentRow>,
    newest: BTreeMap<IncidentId, Option<Newest>>,
    /// Those of a service, by the name of their newest alert.
    places: BTreeMap<Side, BTreeMap<Option<String>, BTreeSet<IncidentId>>>,
    /// Where each of them is in those.
    filed: BTreeMap<IncidentId, (Side, Option<String>)>,
    /// Those whose newest alert has not been read.
    unread: BTreeMap<Side, BTreeSet<IncidentId>>,
    /// Those in which something may fire that a group has left out, by the group's key.
    held: BTreeMap<String, BTreeSet<IncidentId>>,
}

impl Open {
    pub(super) fn of(rows: Vec<IncidentRow>) -> Open {
        let mut open = Open::default();
        rows.into_iter().for_each(|row| open.put(row));
        open
    }

    pub(super) fn get(&self, id: IncidentId) -> Option<&IncidentRow> {
        self.rows.get(&id)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &IncidentRow> {
        self.rows.values()
    }

    /// An incident as it is now: it may have ended, or be of another service.
    pub(super) fn put(&mut self, mut row: IncidentRow) {
        let id = row.id;
        let left_out = std::mem::take(&mut row.left_out);
        self.holds(id, BTreeSet::new());
        if row.open {
            self.rows.insert(id, row);
            self.holds(id, left_out);
        } else {
            self.rows.remove(&id);
        }
        self.file(id);
    }

    /// The groups, by their keys, that have left out what may fire in an incident.
    pub(super) fn holds(&mut self, id: IncidentId, left_out: BTreeSet<String>) {
        let Some(row) = self.rows.get_mut(&id) else { return };
        let before = std::mem::replace(&mut row.left_out, left_out);
        for key in before.difference(&row.left_out) {
            if let Some(ids) = self.held.get_mut(key) {
                ids.remove(&id);
            }
        }
        for key in row.left_out.difference(&before) {
            self.held.entry(key.clone()).or_default().insert(id);
        }
    }

    /// The incidents of which this group has left something out.
    pub(super) fn held_by(&self, key: &str) -> impl Iterator<Item = IncidentId> {
        self.held.get(key).into_iter().flatten().copied()
    }

    /// An alert has come to an incident.
    pub(super) fn came(&mut self, id: IncidentId, alert: &AlertRow) {
        self.newest.insert(id, Some(newest(alert)));
        self.file(id);
    }

    /// Puts an incident where it is found by what is known of it.
    fn file(&mut self, id: IncidentId) {
        if let Some((side, name)) = self.filed.remove(&id) {
            if let Some(ids) = self.places.get_mut(&side).and_then(|names| names.get_mut(&name)) {
                ids.remove(&id);
            }
            if let Some(ids) = self.unread.get_mut(&side) {
                ids.remove(&id);
            }
        }
        let Some(row) = self.rows.get(&id) else { return };
        let side = (row.service.clone(), row.private);
        let known = self.newest.get(&id);
        if known.is_none() {
            self.unread.entry(side.clone()).or_default().insert(id);
        }
        let name = known.and_then(Option::as_ref).and_then(|(_, name)| name.clone());
        self.places.entry(side.clone()).or_default().entry(name.clone()).or_default().insert(id);
        self.filed.insert(id, (side, name));
    }

    /// The open incident of the service to which something came last, and when. Of what names no service, only what has the same name
    /// belongs together.
    pub(super) async fn last(
        &mut self,
        store: &dyn Store,
        about: &About,
        private: bool,
    ) -> Result<Option<(IncidentId, DateTime<Utc>)>, EngineError> {
        let side = (about.service.clone(), private);
        self.read(store, &side).await?;
        let Some(names) = self.places.get(&side) else { return Ok(None) };
        let named = about.is_of_nobody().then_some(&about.name);
        if named == Some(&None) {
            return Ok(None);
        }
        let ids = match named {
            Some(name) => names.get(name).into_iter().flatten().collect::<BTreeSet<_>>(),
            None => names.values().flatten().collect(),
        };
        let mut best: Option<(IncidentId, DateTime<Utc>)> = None;
        for row in ids.into_iter().filter_map(|id| self.rows.get(id)) {
            let came = self.newest.get(&row.id).and_then(Option::as_ref);
            let since = came.map_or(row.opened_at, |(at, _)| row.opened_at.max(*at));
            if best.is_none_or(|(_, known)| known < since) {
                best = Some((row.id, since));
            }
        }
        Ok(best)
    }

    /// Reads the newest alerts of a service's incidents, those that are not known, all at once.
    async fn read(&mut self, store: &dyn Store, side: &Side) -> Result<(), EngineError> {
        let Some(ids) = self.unread.get(side).filter(|ids| !ids.is_empty()).cloned() else { return Ok(()) };
        let found = store.alerts(AlertsOf::NewestOf(ids.iter().copied().collect()), ids.len()).await?;
        self.newest.extend(ids.iter().map(|id| (*id, None)));
        for alert in found {
            let Some(id) = alert.incident else { continue };
            self.newest.insert(id, Some(newest(&alert)));
        }
        ids.into_iter().for_each(|id| self.file(id));
        Ok(())
    }
}

fn newest(row: &AlertRow) -> Newest {
    (row.joined_at.unwrap_or(row.seen_at), alert_name(&row.alert))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use blocks_store::memory::{Data, Gate, MemoryStore};
    use runbook_core::alert::{AlertPolicy, SentAlert, UNKNOWN_SERVICE, about};
    use runbook_core::ids::IncidentNumber;
    use runbook_core::ports::{BoxFuture, Commit, CommitError, StoreError};
    use uuid::Uuid;

    use super::*;

    /// Counts what is read.
    #[derive(Clone, Default)]
    struct Reads(Arc<AtomicUsize>);

    impl Gate for Reads {
        fn before_read(&self) -> BoxFuture<'_, Result<(), StoreError>> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Box::pin(async { Ok(()) })
        }

        fn before_write(&self) -> BoxFuture<'_, Result<(), StoreError>> {
            Box::pin(async { Ok(()) })
        }

        fn before_commit<'a>(&'a self, _: &'a mut Commit) -> BoxFuture<'a, Result<(), CommitError>> {
            Box::pin(async { Ok(()) })
        }

        fn wrote(&self, _: &Data) {}

        fn after_write(&self) -> BoxFuture<'_, Result<(), StoreError>> {
            Box::pin(async { Ok(()) })
        }
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn id(n: u64) -> IncidentId {
        IncidentId(Uuid::from_u128(n.into()))
    }

    fn incident(n: u64, open: bool) -> IncidentRow {
        IncidentRow {
            id: id(n),
            number: IncidentNumber(n),
            status: "triggered".to_owned(),
            open,
            severity: "P3".to_owned(),
            service: UNKNOWN_SERVICE.to_owned(),
            title: "it is down".to_owned(),
            pager_id: None,
            pager_key: None,
            channel: None,
            opened_at: at(0),
            resolved_at: None,
            private: false,
            brief: None,
            reviewed: false,
            left_out: BTreeSet::new(),
        }
    }

    fn alert(n: u64, name: &str, second: i64) -> AlertRow {
        AlertRow {
            source: "alertmanager".to_owned(),
            fingerprint: format!("{name}-{n}-{second}"),
            sender: None,
            group: None,
            alert: SentAlert {
                labels: BTreeMap::from([("alertname".to_owned(), name.to_owned())]),
                ..SentAlert::default()
            },
            title: String::new(),
            service: UNKNOWN_SERVICE.to_owned(),
            private: false,
            firing: true,
            incident: Some(id(n)),
            joined_at: Some(at(second)),
            ended_unnamed: false,
            turned_at: at(second),
            seen_at: at(second),
            turns: Vec::new(),
            damped: false,
            silenced: false,
            decisions: Vec::new(),
        }
    }

    /// However many incidents of alerts that name no service are open, the one of a name is found, and all of them are read once.
    #[tokio::test]
    async fn of_what_names_no_service_the_same_name_is_looked_up() {
        let (mut data, reads, long) = (Data::default(), Reads::default(), "n".repeat(300));
        for n in 1..=300 {
            let row = alert(n, &format!("n{}", n % 150), i64::try_from(n).unwrap());
            data.alerts.insert((row.source.clone(), row.fingerprint.clone()), row);
        }
        let store = MemoryStore::new(Arc::new(Mutex::new(data)), reads.clone());
        let mut open = Open::of((1..=301).map(|n| incident(n, true)).collect());
        let of = |name: Option<&str>| About {
            title: String::new(),
            service: UNKNOWN_SERVICE.to_owned(),
            name: name.map(str::to_owned),
        };
        for n in 0..150 {
            let found = open.last(&store, &of(Some(&format!("n{n}"))), false).await.unwrap();
            let newest = if n == 0 { 300 } else { n + 150 };
            assert_eq!(found, Some((id(newest), at(i64::try_from(newest).unwrap()))), "the newer one of two");
        }
        for (name, private) in [(Some("another"), false), (None, false), (Some("n7"), true)] {
            assert_eq!(open.last(&store, &of(name), private).await.unwrap(), None, "{name:?}");
        }
        assert_eq!(reads.0.load(Ordering::SeqCst), 1);
        // by the name as it is looked for: on one line, and cut
        for (n, name) in [(400, " a\tname\u{7}of its own "), (401, long.as_str())] {
            open.put(incident(n, true));
            open.came(id(n), &alert(n, name, 5));
            let known = about(&alert(n, name, 5).alert, &AlertPolicy::default());
            assert_ne!(known.name.as_deref(), Some(name));
            assert_eq!(open.last(&store, &known, false).await.unwrap(), Some((id(n), at(5))));
        }
        // what has ended is found no more, and what came last names it
        open.put(incident(157, false));
        assert_eq!(open.last(&store, &of(Some("n7")), false).await.unwrap(), Some((id(7), at(7))));
        open.came(id(7), &alert(7, "another", 900));
        assert_eq!(open.last(&store, &of(Some("n7")), false).await.unwrap(), None);
        assert_eq!(open.last(&store, &of(Some("another")), false).await.unwrap(), Some((id(7), at(900))));
    }
}
