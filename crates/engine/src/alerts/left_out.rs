//! What senders leave out of their messages: it may fire, and holds the incidents of its group open.

use std::collections::BTreeSet;

use runbook_core::alert::AlertNotice;
use runbook_core::ids::IncidentId;

use super::around::Known;
use super::batch::{Pending, Touched};
use super::with_group::is_over;
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Takes over how many alerts a group leaves out, where that is new to an incident in which its alerts are: it may be all that
    /// holds that open, and no alert that is named needs to change by it.
    pub(super) async fn hear_left_out(
        &self,
        notice: &AlertNotice,
        (group, count): &(String, u64),
        known: &mut Known,
        pending: &mut Pending,
    ) -> Result<(), EngineError> {
        let mut ids: BTreeSet<IncidentId> = BTreeSet::new();
        for alert in &notice.alerts {
            let row = known.row(&(notice.source.clone(), alert.fingerprint.clone()));
            ids.extend(row.and_then(|row| row.incident));
        }
        // the last of those that it left out may be named by nothing in the incident that they hold open
        if let Some(name) = notice.group.as_ref().filter(|_| is_over(notice)) {
            ids.extend(known.of_group(&notice.source, name).filter_map(|row| row.incident));
        }
        for id in ids {
            if known.open(id).is_none() || !known.leaves_out(self.store(), id, group, *count).await? {
                continue;
            }
            let was_quiet = known.count(self.store(), id).await?.firing == 0;
            let touched =
                pending.touched.entry(id).or_insert_with(|| Touched { was_quiet, ..Touched::default() });
            notice.source.clone_into(&mut touched.source);
            touched.left_out.insert(group.clone(), *count);
        }
        Ok(())
    }
}
