//! An incident becomes a part of another one, and its alerts go along: what is told of them later is about the other.

use runbook_core::alert::{Holder, along};
use runbook_core::incident::{AlertsTold, Incident};
use runbook_core::ports::{AlertsOf, RowChange};

use super::around::Known;
use super::batch::{CAME_ALONG, Touched};
use super::tell::by_incident;
use crate::engine::Engine;
use crate::error::EngineError;

/// What a merge means for the alerts of the incident that ends by it.
#[derive(Default)]
pub(crate) struct Along {
    /// Their rows, which belong to the other from now on.
    pub(crate) rows: Vec<RowChange>,
    /// What the other is told.
    pub(crate) told: Option<Box<AlertsTold>>,
}

impl Engine {
    /// The alerts of one incident, as those of another that it becomes a part of. Whoever asks holds the gate of alerts until that is
    /// written, in one commit with the merge: no alert ends in between, counted here or there.
    pub(crate) async fn alerts_along(&self, from: &Incident, into: &Incident) -> Result<Along, EngineError> {
        let all = self.store().alerts(AlertsOf::Incident(from.id), usize::MAX).await?;
        if all.is_empty() {
            return Ok(Along::default());
        }
        let (mut known, mut touched) = (Known::default(), Touched::default());
        let holder = Holder {
            id: into.id,
            number: into.number,
            ended_at: None,
            paged_at: None,
            is_final: false,
            private: into.private,
        };
        touched.counted(2, CAME_ALONG.to_owned(), all.len() as u64);
        let mut rows = Vec::with_capacity(all.len());
        for row in all {
            let row = along(row, &holder, self.now());
            known.take(self.store(), (row.source.clone(), row.fingerprint.clone()), row.clone()).await?;
            rows.push(RowChange::Alert(Box::new(row)));
        }
        let its = from.alerts.iter().flat_map(|alerts| &alerts.tally.sources);
        let mut told = self.all_told(&mut known, &touched, &by_incident(&rows), into).await?;
        if let Some(alerts) = &from.alerts {
            told.tally.leave_out_along(&alerts.tally);
        }
        told.tally.sources.extend(its.cloned());
        told.tally.sources.sort();
        told.tally.sources.dedup();
        told.source = told.tally.sources.first().cloned().unwrap_or_default();
        Ok(Along { rows, told: Some(Box::new(told)) })
    }
}
