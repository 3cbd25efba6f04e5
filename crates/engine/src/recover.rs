//! What an earlier process left: the same questions that a normal day asks, asked of everything that is open.

use runbook_core::journal::Cause;
use runbook_core::run::RunCommand;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::Origin;
use crate::runs::silent;

/// How many open incidents and runs are looked at in one go.
const LIMIT: usize = 10_000;

impl Engine {
    /// Looks at every open run and incident. A command that was cut off is in doubt, or runs again when that
    /// cannot hurt; diagnostics and reviews that were due and did not begin, begin.
    pub(crate) async fn recover(&self) -> Result<(), EngineError> {
        let origin = Origin::system("recovery", Cause::Recovery);
        for row in self.store().runs(None, true, LIMIT).await? {
            self.change_run(row.id, &RunCommand::Recover, &origin, &silent).await?;
        }
        for row in self.store().incidents(false, LIMIT).await? {
            let Some(loaded) = load_incident(self.store(), row.id).await? else { continue };
            let incident = loaded.state;
            let triaged = incident.runs.iter().any(|run| run.triage);
            if incident.status.is_open() && !triaged {
                self.start_triage(row.id).await?;
            }
            if !incident.status.is_open() && incident.review_file.is_none() {
                self.draft_review(row.id).await?;
            }
        }
        Ok(())
    }
}
