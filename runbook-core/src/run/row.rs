//! The read-model row of a run.

use super::state::Run;
use crate::ports::RunRow;

impl Run {
    /// The read-model row.
    #[must_use]
    pub fn row(&self) -> RunRow {
        RunRow {
            id: self.id,
            incident: self.incident,
            runbook: self.plan.runbook.clone(),
            target: self.plan.target.clone(),
            mutating: self.plan.is_mutating() && !self.unasked,
            status: self.word().to_owned(),
            open: self.status.is_open(),
            created_at: self.created_at,
            fingerprint: Some(self.fingerprint.clone()),
        }
    }
}
