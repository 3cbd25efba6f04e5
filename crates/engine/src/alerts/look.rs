//! Alerts that have to be looked at again although nobody tells of them: maintenance ends, and what came and went gets steady.

use std::sync::PoisonError;
use std::time::Duration;

use runbook_core::alert::AlertRow;
use runbook_core::journal::Cause;
use runbook_core::ports::AlertsOf;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::origin::Origin;
use crate::triggers::TRIGGER;

/// So many are read at once.
const AT_ONCE: usize = 1_000;
/// So often in one look: the ticker has other things to do, too.
const PAGES: usize = 10;
/// How often what has ended long ago is forgotten.
pub(crate) const PRUNE: Duration = Duration::from_secs(3_600);

impl Engine {
    /// Looks at them, from where the last look stopped: however many there are, and whatever becomes of some of them, each has its
    /// turn. A new process begins with the first.
    pub(crate) async fn look_at_alerts(&self) -> Result<(), EngineError> {
        let origin = Origin::system("alerts", Cause::Timer);
        for _ in 0..PAGES {
            let mut rows = self.store().alerts(AlertsOf::Watched(self.alerts_looked(None)), AT_ONCE).await?;
            let last = rows.last().filter(|_| rows.len() == AT_ONCE);
            let next = last.map(|row| (row.source.clone(), row.fingerprint.clone()));
            let is_last = next.is_none();
            // before they are dealt with: a page that cannot be keeps no other waiting
            self.alerts_looked(Some(next));
            // more than a row comes of a trigger's, while it is one
            let is_trigger = |row: &mut AlertRow| {
                let mut all = self.settings().triggers.iter();
                row.source == TRIGGER && all.any(|trigger| trigger.name == row.fingerprint)
            };
            for row in rows.extract_if(.., is_trigger) {
                self.trigger_counts_again(&row).await?;
            }
            if !rows.is_empty() {
                self.settle_rows(&rows, &origin).await?;
            }
            if is_last {
                break;
            }
        }
        Ok(())
    }

    /// Forgets alerts that have ended long ago and whose incident is over, a bounded number at a time: the next round goes on.
    pub(crate) async fn prune_alerts(&self) -> Result<(), EngineError> {
        let before = self.settings().alerts.kept_since(self.now());
        for _ in 0..PAGES {
            let _gate = self.inner.alert_gate.lock().await;
            if self.store().prune_alerts(before, AT_ONCE).await? < AT_ONCE as u64 {
                break;
            }
        }
        Ok(())
    }

    /// Where the next look begins, which is put there first where it is given.
    fn alerts_looked(&self, next: Option<Option<(String, String)>>) -> Option<(String, String)> {
        let mut looked = self.inner.alerts_looked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = next {
            *looked = next;
        }
        looked.clone()
    }
}
