//! What senders leave out of their messages: it may fire, and holds the incidents of its group open.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use runbook_core::alert::{AlertNotice, AlertRow, SentAlert, group_key};
use runbook_core::ids::IncidentId;

use super::around::Known;
use super::batch::{Handed, Pending, Touched};
use super::with_group::GROUP_ENDS;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::triggers::TRIGGER;

/// What a notice says of what its group leaves out.
pub(super) struct LeftOut(BTreeMap<String, u64>);

impl LeftOut {
    /// Nothing of a trigger's, as there is never more than its one alert, and of a message of which something was received before the
    /// newest word of it: what was left out then may have been told since. A newest word that is yet to come is none to go by.
    pub(super) fn of(handed: &Handed, known: &Known, now: DateTime<Utc>) -> Option<LeftOut> {
        let notice = &handed.notice;
        let is_older = |alert: &SentAlert| {
            let row = known.row(&(notice.source.clone(), alert.fingerprint.clone()));
            row.is_some_and(|row| handed.received_at < row.seen_at && row.seen_at <= now)
        };
        if notice.source == TRIGGER || notice.alerts.iter().any(is_older) {
            return None;
        }
        let key = |sender| group_key(&notice.source, sender, notice.group.as_deref());
        // what was kept before it was kept of whom it is, is whoever's speaks next
        let unnamed = notice.sender.as_ref().map(|_| (key(None), 0));
        let own = (key(notice.sender.as_deref()), notice.left_out);
        Some(LeftOut(unnamed.into_iter().chain([own]).collect()))
    }

    /// How many each group leaves out from now on.
    pub(super) fn newest(&self) -> &BTreeMap<String, u64> {
        &self.0
    }

    /// That none of them leaves anything out.
    fn none(&self) -> BTreeMap<String, u64> {
        self.0.keys().map(|key| (key.clone(), 0)).collect()
    }

    /// The open incidents of which something was left out.
    pub(super) fn holds(&self, known: &Known) -> BTreeSet<IncidentId> {
        self.0.keys().flat_map(|key| known.held_by(key)).collect()
    }
}

impl Engine {
    /// Takes over how many alerts a group leaves out, where that is new to an incident in which its alerts are, or in which something
    /// of it is: that may be all that holds it open, and no alert that is named needs to change by it. What has no group speaks for the
    /// incidents of its own alerts, until the sender's next message: nothing names what was left out of one in another.
    pub(super) async fn hear_left_out(
        &self,
        notice: &AlertNotice,
        left_out: &LeftOut,
        known: &mut Known,
        pending: &mut Pending,
    ) -> Result<(), EngineError> {
        let mut named: BTreeSet<IncidentId> = BTreeSet::new();
        for alert in &notice.alerts {
            let row = known.row(&(notice.source.clone(), alert.fingerprint.clone()));
            named.extend(row.and_then(|row| row.incident));
        }
        // cut away behind alerts that are in no open incident: it is where others of its group fire
        let is_nowhere = notice.left_out > 0 && !named.iter().any(|id| known.open(*id).is_some());
        if let Some(group) = notice.group.as_ref().filter(|_| is_nowhere) {
            known.read_group(self.store(), &notice.source, group, GROUP_ENDS).await?;
            let is_its = |row: &&AlertRow| row.firing && row.sender == notice.sender;
            let firing = known.of_group(&notice.source, group).filter(is_its);
            named.extend(firing.filter_map(|row| row.incident));
        }
        let none = left_out.none();
        for id in named.union(&left_out.holds(known)) {
            let is_meant = notice.group.is_some() || named.contains(id);
            let newest = if is_meant { left_out.newest() } else { &none };
            // one that it has set free is held again by what is left out of its own alerts alone
            let is_over = !named.contains(id) && !known.is_held_by(self.store(), *id, newest).await?;
            if is_over || known.open(*id).is_none() || !known.leaves_out(self.store(), *id, newest).await? {
                continue;
            }
            let was_quiet = known.count(self.store(), *id).await?.firing == 0;
            let touched =
                pending.touched.entry(*id).or_insert_with(|| Touched { was_quiet, ..Touched::default() });
            notice.source.clone_into(&mut touched.source);
            touched.left_out.extend(newest.clone());
        }
        Ok(())
    }
}
