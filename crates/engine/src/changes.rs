//! What changed at an incident's service, as the pager was told.

use std::time::Duration;

use runbook_core::ids::IncidentId;
use runbook_core::incident::{ChangeNoted, IncidentCommand};
use runbook_core::journal::Cause;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::Origin;

/// So long the pager may take to say it.
const PATIENCE: Duration = Duration::from_secs(5);
/// So long what it said of a service is not asked again: incidents that come together ask once.
const LATELY: Duration = Duration::from_secs(60);
/// So long nobody asks after it has not said what it was asked.
const PAUSE: Duration = Duration::from_secs(20);
/// So long before the impact was detected changes are looked for, in hours.
const WINDOW_H: i64 = 24;
/// Of an incident that was opened so long ago nobody asks any more, in minutes.
const LONG_AGO_MIN: i64 = 60;

impl Engine {
    /// Asks the pager once what changed at the incident's service, and notes it. Where it does not say, the reconciler asks again.
    pub(crate) async fn find_changes(&self, id: IncidentId) -> Result<(), EngineError> {
        let Some(pager) = self.inner.parts.pager.clone() else { return Ok(()) };
        let Some(loaded) = load_incident(self.store(), id).await? else { return Ok(()) };
        let incident = loaded.state;
        let is_old = self.now() - incident.opened_at > chrono::Duration::minutes(LONG_AGO_MIN);
        let sharing = &self.inner.sharing;
        let service = self.settings().service(&incident.service);
        let Some(service) = service.and_then(|service| service.pagerduty_id.as_deref()) else {
            return Ok(());
        };
        if is_old || !incident.status.is_open() || !sharing.wants_changes(id, service) {
            return Ok(());
        }
        let changes = match sharing.changes_of(service, LATELY) {
            Some(known) => known,
            None if sharing.is_quiet(PAUSE) => return Ok(()),
            None => {
                let since = incident.detected_at - chrono::Duration::hours(WINDOW_H);
                let Ok(Ok(seen)) = tokio::time::timeout(PATIENCE, pager.changes(service, since)).await else {
                    tracing::warn!(incident = %incident.number, "PagerDuty does not tell what changed now");
                    sharing.quiet();
                    return Ok(());
                };
                let source = || Some("PagerDuty".to_owned());
                let noted = seen.into_iter().map(|one| ChangeNoted {
                    text: one.text,
                    at: one.at,
                    source: source(),
                    url: one.url,
                });
                let noted: Vec<ChangeNoted> = noted.collect();
                sharing.keep_changes(service, noted.clone());
                noted
            }
        };
        if !changes.is_empty() {
            let origin = Origin::system("triage", Cause::Engine);
            self.change_incident(id, &IncidentCommand::NoteChanges { changes }, &origin, None).await?;
        }
        sharing.has_changes(id, service);
        Ok(())
    }
}
