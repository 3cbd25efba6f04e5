//! The diagnostics with which an incident begins.

use std::collections::BTreeMap;

use runbook_core::ids::IncidentId;
use runbook_core::incident::IncidentCommand;
use runbook_core::journal::Cause;
use runbook_core::people::Actor;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::Origin;
use crate::plans::{Asked, plan_to_look};

/// How many incidents are looked through for one.
const LOOK: usize = 10_000;

impl Engine {
    /// Whether an incident of this service is private from its beginning: the configuration says so, or its diagnostics are a
    /// security runbook. One that does not read says nothing, which is why `doctor` asks for the first.
    pub(crate) fn is_led_privately(&self, service: &str) -> bool {
        let is_private = |name: &String| self.entry(name).is_ok_and(|entry| entry.is_private());
        let service = self.settings().service(service);
        service.is_some_and(|service| service.private || service.triage.as_ref().is_some_and(is_private))
    }

    /// Starts the diagnostics that a service names. Only its `read` commands run.
    pub(crate) async fn start_triage(&self, id: IncidentId) -> Result<(), EngineError> {
        let _gate = self.inner.reconcile_gate.lock().await;
        let Some(loaded) = load_incident(self.store(), id).await? else { return Ok(()) };
        // Begun already, or found impossible and said so on the record.
        if loaded.state.is_looked_at() {
            return Ok(());
        }
        let rows = self.store().incidents(false, LOOK).await?;
        let Some(row) = rows.into_iter().find(|row| row.id == id) else { return Ok(()) };
        let settings = self.settings();
        let Some(name) = settings.service(&row.service).and_then(|service| service.triage.clone()) else {
            return Ok(());
        };
        let planned = self.entry(&name).and_then(|entry| {
            let asked = Asked { params: &BTreeMap::new(), section: None, service: Some(&row.service) };
            let plan = plan_to_look(self.settings(), &entry, &asked)?;
            self.run_request_of(plan, &entry, Some(&row), Actor::system("triage"), true)
        });
        let origin = Origin::system("triage", Cause::Engine);
        match planned {
            Ok(request) => self.create_run(&request, &origin, &crate::runs::silent).await.map(|_| ()),
            Err(error) => {
                // The incident must say that nobody looked, or silence would read as "all well".
                let command = IncidentCommand::FailTriage { runbook: name, reason: error.to_string() };
                self.change_incident(id, &command, &origin, None).await.map(|_| ())
            }
        }
    }
}
