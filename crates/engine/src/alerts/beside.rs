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

/// How many open incidents with alerts are looked through.
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
        let now = self.now();
        let storm = self.settings().alerts.storm;
        let mut best: Option<(DateTime<Utc>, Incident)> = None;
        let rows = self.store().incidents_with_alerts(LOOK).await?;
        let named: BTreeSet<IncidentId> = match &page.key {
            Some(key) if !rows.is_empty() => {
                let which = AlertsOf::OfPage { key: key.clone(), service: service.to_owned() };
                let alerts = self.store().alerts(which, LOOK).await?;
                alerts.into_iter().filter_map(|alert| alert.incident).collect()
            }
            _ => BTreeSet::new(),
        };
        for row in rows.into_iter().filter(|row| row.private == private) {
            let key = page.key.as_deref().filter(|_| named.contains(&row.id));
            // most are about something else: nothing of them is read
            if key.is_none() && (row.service != service || service == UNKNOWN_SERVICE) {
                continue;
            }
            let Some(loaded) = load_incident(self.store(), row.id).await? else { continue };
            let incident = loaded.state;
            let is_theirs = incident.alerts.as_ref().is_some_and(|alerts| alerts.opened || alerts.again);
            if !incident.status.is_open() || incident.pager_rings() || !is_theirs {
                continue;
            }
            if let Some(key) = key {
                let why = format!("its key at PagerDuty, {key}, is that of an alert of {}", incident.number);
                return Ok(Some((incident, why)));
            }
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
}
