//! Severity and runbooks of a page: by what is known at once, and again when its details are there.

use std::time::Duration;

use runbook_core::ids::IncidentId;
use runbook_core::incident::{Incident, IncidentCommand};
use runbook_core::journal::Cause;
use runbook_core::ports::{PageDetails, PagerIncident};
use runbook_core::rules::{Choice, Defaults, Facts, choose};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::Origin;
use crate::settings::Settings;

/// So long the first look at an incident waits for its details.
const PATIENCE: Duration = Duration::from_secs(2);
/// So long nobody asks for details after the pager has not said any.
const PAUSE: Duration = Duration::from_secs(20);
/// Of an incident that was opened so long ago nobody asks for details any more, in minutes.
const LONG_AGO_MIN: i64 = 60;

impl Engine {
    /// What is known of a page by its first message.
    pub(crate) fn facts_of(&self, page: &PagerIncident) -> Facts {
        let known = page.service_id.as_deref().and_then(|id| self.settings().service_by_pager_id(id));
        let name = known.map(|service| service.name.clone()).or_else(|| page.service_name.clone());
        Facts {
            service: name.unwrap_or_else(|| "unknown service".to_owned()),
            title: page.title.clone().unwrap_or_default(),
            // a priority is the severity that it stands for
            priority: self.severity_named(page).or_else(|| page.priority.clone()),
            high_urgency: page.high_urgency,
            is_unlisted: self.settings().is_unlisted(page),
            ..Facts::default()
        }
    }

    /// Severity and runbooks, and why.
    pub(crate) fn choose(&self, facts: &Facts) -> Choice {
        choice(self.settings(), facts)
    }

    /// Whether some rule looks at what a page's first message does not tell.
    pub(crate) fn rules_need_details(&self) -> bool {
        self.settings().has_pager && self.settings().rules.iter().any(|rule| rule.when.needs_details())
    }

    /// Asks the pager what an incident's alerts tell, where a rule wants to know, and the rules again. It goes on by what is
    /// known when the pager does not say it soon; the reconciler asks once more.
    pub(crate) async fn learn_details(&self, id: IncidentId) -> Result<(), EngineError> {
        let Some(pager) = self.inner.parts.pager.clone().filter(|_| self.rules_need_details()) else {
            return Ok(());
        };
        let Some(loaded) = load_incident(self.store(), id).await? else { return Ok(()) };
        let state = loaded.state;
        let is_old = self.now() - state.opened_at > chrono::Duration::minutes(LONG_AGO_MIN);
        let Some(page) = state.pager.as_ref().filter(|_| !is_old && !state.looks.details_known) else {
            return Ok(());
        };
        if !state.status.is_open() || self.inner.sharing.is_quiet(PAUSE) {
            return Ok(());
        }
        let details = match tokio::time::timeout(PATIENCE, pager.details(&page.id)).await {
            Ok(Ok(details)) => details,
            failed => {
                let reason = failed.map_or_else(
                    |_| "it took too long".to_owned(),
                    |asked| asked.err().map(|error| error.to_string()).unwrap_or_default(),
                );
                tracing::warn!(incident = %state.number, reason, "PagerDuty does not tell the details now");
                self.inner.sharing.quiet();
                return Ok(());
            }
        };
        let count = details.labels.len().saturating_add(details.details.len());
        let choice = self.choose(&facts_with(&state, details));
        let command = IncidentCommand::HearDetails {
            facts: u32::try_from(count).unwrap_or(u32::MAX),
            target_s: self.settings().target_s(&choice.severity),
            choice: Box::new(choice),
        };
        let origin = Origin::system("rules", Cause::Engine);
        self.change_incident(id, &command, &origin, None).await.map(|_| ())
    }
}

/// Severity and runbooks, and why, by what is configured.
pub(crate) fn choice(settings: &Settings, facts: &Facts) -> Choice {
    let service = settings.service(&facts.service);
    let defaults = Defaults {
        scheme: settings.severities.default_scheme(),
        severity: service.and_then(|service| service.severity.as_deref()),
        triage: service.and_then(|service| service.triage.as_deref()),
    };
    choose(&settings.rules, facts, defaults)
}

fn facts_with(state: &Incident, details: PageDetails) -> Facts {
    let chosen = state.chosen.as_ref();
    let facts = Facts {
        service: state.service.clone(),
        title: state.title.clone(),
        priority: chosen.and_then(|chosen| chosen.priority.clone()),
        high_urgency: chosen.and_then(|chosen| chosen.high_urgency),
        is_unlisted: chosen.is_some_and(|chosen| chosen.is_unlisted),
        labels: details.labels,
        details: details.details,
    };
    facts.bounded()
}
