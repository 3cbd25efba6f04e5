//! Alerts that have to be looked at again although nobody tells of them: maintenance ends, and what came and went gets steady.

use runbook_core::journal::Cause;
use runbook_core::ports::AlertsOf;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::origin::Origin;

/// So many in one look.
const AT_ONCE: usize = 1_000;

impl Engine {
    /// Looks at them.
    pub(crate) async fn look_at_alerts(&self) -> Result<(), EngineError> {
        let rows = self.store().alerts(AlertsOf::Watched, AT_ONCE).await?;
        if rows.is_empty() {
            return Ok(());
        }
        self.settle_rows(&rows, &Origin::system("alerts", Cause::Timer)).await
    }
}
