//! What changed at an incident's service: as whoever changed it told, as the pager was told, and as its repository shows.

use std::time::Duration;

use runbook_core::change::{ChangeRow, KEPT_DAYS, ToldChange};
use runbook_core::ids::IncidentId;
use runbook_core::incident::{ChangeNoted, Incident, IncidentCommand};
use runbook_core::journal::Cause;
use runbook_core::ports::{Commit, InboxItem, RowChange};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::Origin;
use crate::settings::ServiceSettings;

/// So long the pager may take to say it.
const PATIENCE: Duration = Duration::from_secs(5);
/// So long what was seen of a service is not asked again: incidents that come together ask once.
const LATELY: Duration = Duration::from_secs(60);
/// So long nobody asks after it has not said what it was asked.
const PAUSE: Duration = Duration::from_secs(20);
/// So long before the impact was detected changes are looked for, in hours.
const WINDOW_H: i64 = 24;
/// Of an incident that was opened so long ago nobody asks any more, in minutes.
const LONG_AGO_MIN: i64 = 60;
/// So many of those that were told are looked through.
const MOST: usize = 50;
/// So many open incidents are looked through for one that a change is about.
const OPEN: usize = 1_000;

impl Engine {
    /// Keeps a change that somebody tells of, and notes it at the open incidents of its service.
    ///
    /// It is kept before anybody looks for incidents, so that one that opens meanwhile finds it; and it is dealt with when all is
    /// done, so that what a crash cuts off is done again. Noting twice changes nothing.
    pub(crate) async fn change_told(&self, item: &InboxItem, change: &ToldChange) -> Result<(), EngineError> {
        let service = self.settings().service_told(&change.service);
        let as_told = || change.service.first().cloned().unwrap_or_default();
        let name = service.map_or_else(as_told, |service| service.name.clone());
        let row = change.row(&name, item.received_at);
        if row.at < row.keeps_since() {
            return self
                .keep(item, &format!("not acted on: a change of more than {KEPT_DAYS} days ago"))
                .await;
        }
        if service.is_none() {
            tracing::warn!(
                service = name,
                "a change of a service that blocks.toml does not name is kept; hint: write it into aliases of its [[service]]"
            );
        }
        let changes = vec![row.noted()];
        let rows = vec![RowChange::Change(Box::new(row))];
        self.store().commit(Commit { rows, ..Commit::default() }).await?;
        let cause = Cause::Inbox { source: item.source.clone(), id: item.id.clone() };
        let origin = Origin::system("triage", cause);
        for incident in self.store().incidents(true, OPEN).await? {
            if incident.service == name {
                let (service, changes) = (name.clone(), changes.clone());
                let command = IncidentCommand::NoteChanges { service, changes };
                self.change_incident(incident.id, &command, &origin, None).await?;
            }
        }
        self.done(item).await
    }

    /// Notes what was told of changes of the incident's service, and what the pager says of them. Where that does not say, the
    /// reconciler asks again.
    pub(crate) async fn find_changes(&self, id: IncidentId) -> Result<(), EngineError> {
        let Some(incident) = self.wants_to_know(id).await? else { return Ok(()) };
        self.note_told(&incident).await?;
        self.ask_pager(&incident).await
    }

    /// The incident, where what changed is still of interest.
    async fn wants_to_know(&self, id: IncidentId) -> Result<Option<Incident>, EngineError> {
        let incident = load_incident(self.store(), id).await?.map(|loaded| loaded.state);
        let long_ago = self.now() - chrono::Duration::minutes(LONG_AGO_MIN);
        Ok(incident.filter(|incident| incident.status.is_open() && incident.opened_at >= long_ago))
    }

    async fn note_told(&self, incident: &Incident) -> Result<(), EngineError> {
        let asked = format!("told/{}", incident.service);
        if !self.inner.sharing.wants_changes(incident.id, &asked) {
            return Ok(());
        }
        let service = self.settings().service(&incident.service);
        let names = service.map_or_else(|| vec![incident.service.clone()], ServiceSettings::names);
        let rows = self.store().changes(names, since(incident), MOST).await?;
        let changes = rows.iter().map(ChangeRow::noted).collect();
        self.note(incident, changes, &asked).await
    }

    async fn ask_pager(&self, incident: &Incident) -> Result<(), EngineError> {
        let Some(pager) = self.inner.parts.pager.clone() else { return Ok(()) };
        let sharing = &self.inner.sharing;
        let service = self.settings().service(&incident.service);
        let Some(service) = service.and_then(|service| service.pagerduty_id.as_deref()) else {
            return Ok(());
        };
        let asked = format!("pager/{service}");
        if !sharing.wants_changes(incident.id, &asked) {
            return Ok(());
        }
        let changes = match sharing.changes_of(&asked, LATELY).flatten() {
            Some(known) => known,
            None if sharing.is_quiet(PAUSE) => return Ok(()),
            None => {
                let told = tokio::time::timeout(PATIENCE, pager.changes(service, since(incident))).await;
                let Ok(Ok(seen)) = told else {
                    tracing::warn!(incident = %incident.number, "PagerDuty does not tell what changed now");
                    sharing.quiet();
                    return Ok(());
                };
                let noted = seen.into_iter().map(|one| ChangeNoted {
                    text: one.text,
                    at: one.at,
                    source: Some("PagerDuty".to_owned()),
                    url: one.url,
                    version: None,
                });
                let noted: Vec<ChangeNoted> = noted.collect();
                sharing.keep_changes(&asked, Some(noted.clone()));
                noted
            }
        };
        self.note(incident, changes, &asked).await
    }

    /// Looks for deployments beside everything else: a repository that is slow holds nothing up.
    pub(crate) fn look_for_deployments(&self, id: IncidentId) {
        let engine = self.clone();
        self.spawn(Box::pin(async move {
            if let Err(error) = engine.find_deployments(id).await {
                tracing::warn!(%error, "deployments cannot be noted now");
            }
        }));
    }

    /// Notes what the repository of the incident's service shows of deployments, when everything that is more urgent has begun.
    async fn find_deployments(&self, id: IncidentId) -> Result<(), EngineError> {
        let Some(incident) = self.wants_to_know(id).await? else { return Ok(()) };
        let service = self.settings().service(&incident.service);
        let Some(deployments) = service.and_then(|service| service.deployments.clone()) else {
            return Ok(());
        };
        let asked = format!("git/{}", incident.service);
        let sharing = &self.inner.sharing;
        if !sharing.wants_changes(incident.id, &asked) {
            return Ok(());
        }
        let _one = sharing.looking.lock().await;
        // whoever waited behind another look for the same incident has nothing left to do
        if !sharing.wants_changes(incident.id, &asked) {
            return Ok(());
        }
        let changes = match sharing.changes_of(&asked, LATELY) {
            Some(known) => known,
            None => {
                let from = since(&incident);
                let seen = match tokio::task::spawn_blocking(move || deployments.since(from)).await {
                    Ok(seen) => seen,
                    Err(error) => Err(error.to_string()),
                };
                let seen = seen.inspect_err(|reason| {
                    let service = &incident.service;
                    tracing::warn!(service, reason, "its repository does not show its deployments now");
                });
                sharing.keep_changes(&asked, seen.clone().ok());
                seen.ok()
            }
        };
        let Some(changes) = changes else { return Ok(()) };
        self.note(&incident, changes, &asked).await
    }

    /// Notes at the incident what was seen there for its service.
    async fn note(&self, of: &Incident, changes: Vec<ChangeNoted>, asked: &str) -> Result<(), EngineError> {
        if !changes.is_empty() {
            let origin = Origin::system("triage", Cause::Engine);
            let command = IncidentCommand::NoteChanges { service: of.service.clone(), changes };
            self.change_incident(of.id, &command, &origin, None).await?;
        }
        self.inner.sharing.has_changes(of.id, asked);
        Ok(())
    }
}

/// From when on changes are of interest.
fn since(incident: &Incident) -> chrono::DateTime<chrono::Utc> {
    incident.detected_at - chrono::Duration::hours(WINDOW_H)
}
