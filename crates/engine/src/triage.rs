//! The diagnostics with which an incident begins.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use runbook_core::ids::{IncidentId, RunId};
use runbook_core::incident::{Incident, IncidentCommand};
use runbook_core::journal::{Cause, StreamId};
use runbook_core::people::Actor;
use runbook_core::ports::{IncidentRow, Timer, TimerChange};
use runbook_core::run::RunCommand;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::Origin;
use crate::plans::{Asked, plan_to_look};
use crate::runs::silent;

/// How many runs of an incident are looked through.
const LOOK: usize = 1_000;
/// The time of all diagnostics of an incident is over.
pub(crate) const BUDGET: &str = "triage";

impl Engine {
    /// Whether an incident of this service is private from its beginning: the configuration says so, or one of the runbooks
    /// that look is a security runbook. One that does not read says nothing, which is why `doctor` asks for the first.
    pub(crate) fn is_led_privately(&self, service: &str, looks: &[String]) -> bool {
        let is_private = |name: &String| self.entry(name).is_ok_and(|entry| entry.is_private());
        self.settings().service(service).is_some_and(|service| service.private)
            || looks.iter().any(is_private)
    }

    /// Starts the diagnostics that the rules or its service name, each once. Only their `read` commands run.
    pub(crate) async fn start_triage(&self, id: IncidentId) -> Result<(), EngineError> {
        // what is not known soon does not keep anybody from looking
        self.learn_details(id).await?;
        {
            let _gate = self.inner.reconcile_gate.lock().await;
            let Some(loaded) = load_incident(self.store(), id).await? else { return Ok(()) };
            for name in self.due_looks(&loaded.state) {
                self.look_with(&name, &loaded.state).await?;
            }
        }
        self.find_changes(id).await?;
        self.suggest_runbooks(id).await?;
        self.look_for_deployments(id);
        Ok(())
    }

    /// The runbooks that are to look and have not begun.
    fn due_looks(&self, incident: &Incident) -> Vec<String> {
        if incident.chosen.is_some() {
            return incident.looks_left();
        }
        // of an older journal: begun already, or found impossible and said so on the record
        let service = self.settings().service(&incident.service);
        let named = service.and_then(|service| service.triage.clone());
        named.filter(|_| !incident.is_looked_at()).into_iter().collect()
    }

    /// Looks with one runbook, or counts what it has just found for another incident of the service.
    async fn look_with(&self, name: &str, incident: &Incident) -> Result<(), EngineError> {
        let row = incident.row();
        let origin = Origin::system("triage", Cause::Engine);
        let request = match self.look_request(name, &row) {
            Ok(request) => request,
            Err(error) => {
                // The incident must say that nobody looked, or silence would read as "all well".
                let command =
                    IncidentCommand::FailTriage { runbook: name.to_owned(), reason: error.to_string() };
                return self.change_incident(incident.id, &command, &origin, None).await.map(|_| ());
            }
        };
        if let Some(other) = self.just_looked(incident, &request.fingerprint).await? {
            return self.share(incident.id, name.to_owned(), &other).await;
        }
        self.create_run(&request, &origin, &silent).await.map(|_| ())
    }

    /// When the time of a look is over.
    pub(crate) fn budget_timer(&self, incident: IncidentId, run: RunId, now: DateTime<Utc>) -> TimerChange {
        TimerChange::Set(Timer {
            key: format!("{BUDGET}/{incident}/{run}"),
            due: now + chrono::Duration::seconds(i64::from(self.settings().triage.budget_s)),
            stream: StreamId::Incident(incident),
            what: BUDGET.to_owned(),
        })
    }

    fn look_request(&self, name: &str, row: &IncidentRow) -> Result<runbook_core::run::NewRun, EngineError> {
        let entry = self.entry(name)?;
        let asked = Asked { params: &BTreeMap::new(), section: None, service: Some(&row.service) };
        let plan = plan_to_look(self.settings(), &entry, &asked)?;
        if plan.runbook != name {
            return Err(EngineError::NotFound(format!(
                "the runbook '{name}' is called '{}'; hint: write that name in blocks.toml",
                plan.runbook
            )));
        }
        self.run_request_of(plan, &entry, Some(row), Actor::system("triage"), true)
    }

    /// Ends the diagnostics of an incident whose time is over: what they have found until then counts, and the record says
    /// that it is not all.
    pub(crate) async fn end_looking(&self, id: IncidentId, origin: &Origin) -> Result<(), EngineError> {
        let budget_s = self.settings().triage.budget_s;
        let since = self.now() - chrono::Duration::seconds(i64::from(budget_s));
        let Some(loaded) = load_incident(self.store(), id).await? else { return Ok(()) };
        let is_look = |link: &&runbook_core::incident::RunLink| link.triage && link.outcome.is_none();
        if loaded.state.runs.iter().filter(is_look).count() == 0 {
            return Ok(());
        }
        for row in self.store().runs(Some(id), true, LOOK).await? {
            let is_look = loaded.state.runs.iter().any(|link| link.run == row.id && link.triage);
            if !is_look || row.created_at > since {
                continue;
            }
            let reason = Some(format!("the {budget_s} s for diagnostics are over"));
            match self.change_run(row.id, &RunCommand::Cancel { reason }, origin, &silent).await {
                Err(error) if error.is_passing() => return Err(error),
                // it has just ended
                _ => {}
            }
        }
        Ok(())
    }
}
