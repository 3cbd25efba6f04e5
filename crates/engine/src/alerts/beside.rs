//! A page for what an alert has opened: Alertmanager tells Blocks and PagerDuty of the same, and either may come first.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use runbook_core::alert::UNKNOWN_SERVICE;
use runbook_core::ids::IncidentId;
use runbook_core::incident::Incident;
use runbook_core::ports::{AlertsOf, PagerIncident};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;

/// How many open incidents are looked through: of those that the page's key names, and of those with alerts.
const LOOK: usize = 1_000;

impl Engine {
    /// The open incident of alerts that this page is about, too, and why: one that holds the alert of the page's key, else the one
    /// of its service that gathers still. None that the pager has already, and nothing private with what others read. Whoever asks
    /// holds the gates of the pager and of alerts until that is written.
    pub(crate) async fn incident_of_page(
        &self,
        page: &PagerIncident,
        service: &str,
        private: bool,
    ) -> Result<Option<(Incident, String)>, EngineError> {
        let rows = self.store().incidents_with_alerts(LOOK).await?;
        // the one that the key names may be older than all of these
        if let Some(key) = page.key.as_ref().filter(|_| !rows.is_empty()) {
            let which = AlertsOf::OfPage { key: key.clone(), service: service.to_owned() };
            let named = self.store().alerts(which, LOOK).await?;
            let named: BTreeSet<IncidentId> = named.into_iter().filter_map(|alert| alert.incident).collect();
            // the newest first
            for id in named.into_iter().rev() {
                if let Some(incident) = self.takes_page(id, private).await? {
                    let why =
                        format!("its key at PagerDuty, {key}, is that of an alert of {}", incident.number);
                    return Ok(Some((incident, why)));
                }
            }
        }
        if service == UNKNOWN_SERVICE {
            return Ok(None);
        }
        // most are about something else: nothing of them is read
        let rows = rows.into_iter().filter(|row| row.private == private && row.service == service);
        let now = self.now();
        let storm = self.settings().alerts.storm;
        let mut best: Option<(DateTime<Utc>, Incident)> = None;
        for row in rows {
            let Some(incident) = self.takes_page(row.id, private).await? else { continue };
            let newest = self.store().alerts(AlertsOf::Newest(row.id), 1).await?.pop();
            let joined = newest.and_then(|alert| alert.joined_at);
            let times = [joined, incident.clock.since].into_iter().flatten();
            let since = times.fold(incident.opened_at, DateTime::max);
            if now < since + storm && best.as_ref().is_none_or(|(known, _)| *known < since) {
                best = Some((since, incident));
            }
        }
        Ok(best.map(|(_, incident)| {
            let why = format!(
                "{} is of the same service, {service}, and alerts gather in it still",
                incident.number
            );
            (incident, why)
        }))
    }

    /// An incident that a page may be about: alerts have opened it, it is open, and the pager does not have it.
    async fn takes_page(&self, id: IncidentId, private: bool) -> Result<Option<Incident>, EngineError> {
        let incident = load_incident(self.store(), id).await?.map(|loaded| loaded.state);
        Ok(incident.filter(|incident| {
            let is_theirs = incident.alerts.as_ref().is_some_and(|alerts| alerts.opened || alerts.again);
            incident.private == private && incident.status.is_open() && !incident.pager_rings() && is_theirs
        }))
    }
}
