//! What a timer decides about an incident: its events, or the next timer alone, which is only right for what was read.

use chrono::{DateTime, Utc};
use runbook_core::incident::{Decision, Incident, IncidentEvent};
use runbook_core::journal::StreamId;
use runbook_core::ports::{Append, Commit, CommitError, RowChange};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::apply_incident;
use crate::origin::Origin;
use crate::streams::Loaded;

impl Engine {
    /// Writes what was decided, or, where that is nothing, what `otherwise` adds: only when nobody was faster, who knows better then.
    /// Whether it is written; else it is to be read and decided again.
    pub(crate) async fn commit_guarded(
        &self,
        loaded: Loaded<Incident, IncidentEvent>,
        decision: &Decision,
        (origin, now): (&Origin, DateTime<Utc>),
        otherwise: impl FnOnce(&mut Commit, &Incident),
    ) -> Result<bool, EngineError> {
        let (id, mut commit) = (loaded.state.id, Commit::default());
        if decision.events.is_empty() {
            let stream = StreamId::Incident(id);
            commit.appends.push(Append { stream, after: loaded.head, events: Vec::new() });
            otherwise(&mut commit, &loaded.state);
        } else {
            let (append, next) =
                apply_incident(id, Some(loaded.state), loaded.head, &decision.events, origin, now)?;
            self.incident_effects(&mut commit, &append, decision, &next, now);
            commit.rows.push(RowChange::Incident(next.row()));
            commit.appends.push(append);
        }
        match self.store().commit(commit).await {
            Ok(()) => {
                self.touch();
                Ok(true)
            }
            Err(CommitError::Conflict(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
