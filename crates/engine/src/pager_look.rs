//! The pager is looked at: what it has told and nobody heard is made up for. Where it tells nothing by itself, that is how the
//! incident's life comes.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use runbook_core::ids::IncidentId;
use runbook_core::incident::{Drifted, Incident, IncidentCommand, drift};
use runbook_core::journal::Cause;
use runbook_core::people::Actor;
use runbook_core::ports::{LookAt, PAGE_KEY_PREFIX, PagerError, PagerEvent, PagerEventKind, SeenIncident};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::Origin;
use crate::settings::PagerLook;

/// How many of our incidents are looked through for one of the pager's.
const LOOK: usize = 10_000;
/// Longest pause after a look that failed.
const LONGEST: Duration = Duration::from_secs(120);

/// What this process saw at its last look: the priority of each incident, by the pager's id. The pager does not say since when it
/// has one.
pub(crate) type SeenPriorities = BTreeMap<String, Option<String>>;

impl Engine {
    /// Looks at the pager at once and then again and again, until the engine is drained.
    pub(crate) async fn pager_loop(&self, look: PagerLook) {
        let mut stop = self.inner.draining.subscribe();
        let mut priorities = SeenPriorities::new();
        let (mut failures, mut notes_in) = (0_u32, Duration::ZERO);
        while !self.is_draining() {
            let with_notes = notes_in.is_zero();
            let pause = match self.look_at_pager(&look, with_notes, &mut priorities).await {
                Ok(()) => {
                    failures = 0;
                    notes_in = if with_notes { look.notes_every } else { notes_in };
                    look.every
                }
                Err(LookError::Pager(PagerError::Retry { after_ms, reason })) => {
                    if failures == 0 {
                        tracing::warn!(reason, "PagerDuty cannot be looked at now");
                    }
                    failures = failures.saturating_add(1);
                    let growing =
                        look.every.saturating_mul(2_u32.saturating_pow(failures.min(6))).min(LONGEST);
                    after_ms.map_or(growing, |ms| Duration::from_millis(ms).min(LONGEST).max(look.every))
                }
                Err(error) => {
                    tracing::warn!(%error, "PagerDuty cannot be looked at");
                    LONGEST
                }
            };
            notes_in = notes_in.saturating_sub(pause);
            tokio::select! {
                biased;
                () = tokio::time::sleep(pause) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Compares what the pager has with what is here, and makes up for what is missing.
    pub(crate) async fn look_at_pager(
        &self,
        look: &PagerLook,
        with_notes: bool,
        priorities: &mut SeenPriorities,
    ) -> Result<(), LookError> {
        let Some(pager) = self.inner.parts.pager.clone() else { return Ok(()) };
        let rows = self.store().incidents(false, LOOK).await.map_err(EngineError::from)?;
        let known: BTreeMap<String, IncidentId> =
            rows.iter().filter_map(|row| Some((row.pager_id.clone()?, row.id))).collect();
        let services = self.settings().services.iter().filter_map(|service| service.pagerduty_id.clone());
        let at = LookAt {
            services: services.collect(),
            incidents: rows.into_iter().filter(|row| row.open).filter_map(|row| row.pager_id).collect(),
            with_notes,
        };
        // what happens while it is being read is seen by the next look
        let until = self.now() - look.patience;
        let seen = pager.look(&at).await?;
        priorities.retain(|id, _| seen.iter().any(|one| one.incident.id == *id));
        for one in &seen {
            // a page that Blocks itself made is about an incident that is there already
            if one.key.as_deref().is_some_and(|key| key.starts_with(PAGE_KEY_PREFIX)) {
                continue;
            }
            let ours = known.get(&one.incident.id).copied();
            if let Err(error) = self.make_up_for(one, ours, (look, until), priorities).await {
                if error.is_passing() {
                    return Err(error.into());
                }
                tracing::warn!(incident = %one.incident.id, %error, "what PagerDuty has of it cannot be so here");
            }
        }
        Ok(())
    }

    async fn make_up_for(
        &self,
        seen: &SeenIncident,
        ours: Option<IncidentId>,
        (look, until): (&PagerLook, DateTime<Utc>),
        priorities: &mut SeenPriorities,
    ) -> Result<(), EngineError> {
        let ours = match ours {
            Some(id) => load_incident(self.store(), id).await?.map(|loaded| loaded.state),
            None => None,
        };
        let mut all = drift(ours.as_ref(), seen, until);
        if let Some(ours) = &ours {
            all.extend(self.moved(ours, seen, until));
            let before = priorities.insert(seen.incident.id.clone(), seen.incident.priority.clone());
            all.extend(self.reprioritised(ours, seen, before, until));
        }
        for one in all {
            self.make_up_for_one(seen, one, look).await?;
        }
        Ok(())
    }

    /// It is another service's at the pager.
    fn moved(&self, ours: &Incident, seen: &SeenIncident, at: DateTime<Utc>) -> Option<Drifted> {
        let page = &seen.incident;
        let known = page.service_id.as_deref().and_then(|id| self.settings().service_by_pager_id(id));
        let name = known.map(|service| &service.name).or(page.service_name.as_ref())?;
        let is_moved = ours.status.is_open() && *name != ours.service;
        is_moved.then_some(Drifted { kind: PagerEventKind::ServiceChanged, at, by: None })
    }

    /// Its priority has changed there since the last look; at the first one, what a rule made of it gives way to what somebody has
    /// said there.
    fn reprioritised(
        &self,
        ours: &Incident,
        seen: &SeenIncident,
        before: Option<Option<String>>,
        at: DateTime<Utc>,
    ) -> Option<Drifted> {
        let now = seen.incident.priority.as_deref()?;
        let severity = &self.settings().severities.default_scheme().get(now)?.id;
        let is_new = match before {
            Some(before) => before.as_deref() != Some(now),
            None => ours.reminders.is_severity_guessed,
        };
        let differs =
            ours.status.is_open() && (*severity != ours.severity || ours.reminders.is_severity_guessed);
        (is_new && differs).then_some(Drifted { kind: PagerEventKind::PriorityChanged, at, by: None })
    }

    async fn make_up_for_one(
        &self,
        seen: &SeenIncident,
        one: Drifted,
        look: &PagerLook,
    ) -> Result<(), EngineError> {
        let Drifted { kind, at, by } = one;
        let actor = match &by {
            Some(user) => self.pager_user(Some(&user.id), user.name.as_deref()).await,
            None => Actor::system("pagerduty"),
        };
        let origin = Origin {
            actor,
            cause: Cause::Engine,
            occurred_at: Some(at),
            inbox: None,
            reply_to: None,
            trigger: None,
        };
        let word = word(&kind);
        let (agent_id, agent_name) = by.map_or((None, None), |user| (Some(user.id), user.name));
        let event =
            PagerEvent { kind, incident: seen.incident.clone(), agent_id, agent_name, occurred_at: at };
        let before = self.head_of_pager(&seen.incident.id).await?;
        self.heed(&event, &origin).await?;
        let after = self.head_of_pager(&seen.incident.id).await?;
        if !look.leaves_receipts || after == before {
            return Ok(());
        }
        // that nobody was told of it is worth knowing: the webhook may be broken
        let text = format!("{word} at {}, and no webhook said so", at.format("%H:%M:%S UTC"));
        let receipt =
            IncidentCommand::NotePager { what: "seen by looking".to_owned(), text: Some(text), id: None };
        if let Some(id) = self.incident_of_pager(&seen.incident.id).await? {
            self.inner.metrics.count("blocks_pager_drift_total", format!("what=\"{word}\""));
            self.change_incident(id, &receipt, &Origin::system("pagerduty", Cause::Engine), None).await?;
        }
        Ok(())
    }

    /// How many events an incident of the pager has here.
    async fn head_of_pager(&self, pager_id: &str) -> Result<Option<u64>, EngineError> {
        let Some(id) = self.incident_of_pager(pager_id).await? else { return Ok(None) };
        Ok(load_incident(self.store(), id).await?.map(|loaded| loaded.state.seq))
    }
}

/// What happened, in a word.
fn word(kind: &PagerEventKind) -> &'static str {
    match kind {
        PagerEventKind::Triggered => "triggered",
        PagerEventKind::Acknowledged => "acknowledged",
        PagerEventKind::Unacknowledged => "unacknowledged",
        PagerEventKind::Resolved => "resolved",
        PagerEventKind::Reopened => "reopened",
        PagerEventKind::MergedInto { .. } => "merged",
        PagerEventKind::PriorityChanged => "priority changed",
        PagerEventKind::ServiceChanged => "service changed",
        PagerEventKind::BridgeChanged { .. } => "bridge changed",
        PagerEventKind::Note { .. } => "note written",
        PagerEventKind::Responder { .. }
        | PagerEventKind::UpdateGiven { .. }
        | PagerEventKind::Told { .. } => "told",
    }
}

/// A look came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookError {
    /// The pager did not tell.
    #[error("{0}")]
    Pager(#[from] PagerError),
    /// The store did not take it, or does not read.
    #[error("{0}")]
    Engine(#[from] EngineError),
}
