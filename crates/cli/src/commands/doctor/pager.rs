//! How PagerDuty is heard, which services it has, and what is open there.

use std::time::Duration;

use blocks_engine::{Clock as _, SystemClock};
use blocks_server::EngineInfo;
use chrono::TimeDelta;
use pagerduty_hook::PagerDutyClient;
use runbook_core::ports::{LookAt, Pager as _, PagerError};

use super::super::client;
use super::Check;
use crate::config::Config;

/// What has been open for longer is worth a word.
const OLD: TimeDelta = TimeDelta::days(1);
/// A look that is older shows that PagerDuty is not heard, in seconds.
const STALE_S: i64 = 300;
/// So long what is open there is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was left open: Blocks opens it too, and at its first look calls nobody for it.
pub(super) async fn left_open(config: &Config, client: &PagerDutyClient) -> Option<Check> {
    let services = config.settings.services.iter().filter_map(|service| service.pagerduty_id.clone());
    let at = LookAt { services: services.collect(), incidents: Vec::new() };
    if at.services.is_empty() {
        return None;
    }
    // what does not work is told by its own check
    let seen = tokio::time::timeout(PATIENCE, client.look(&at)).await.ok()?.ok()?;
    let oldest = SystemClock.now() - OLD;
    let count = seen.iter().filter(|one| one.incident.created_at.is_some_and(|at| at < oldest)).count();
    (count > 0).then(|| {
        let text = format!(
            "{count} have been open there for more than a day; hint: resolve there what is over: the first look opens them here, too, and calls nobody for them"
        );
        Check::warning("pagerduty incidents", text)
    })
}

/// Each service that blocks.toml names there: what it is called there, or that it is not there. Where none is named, what that means.
pub(super) async fn services(config: &Config, client: &PagerDutyClient) -> Vec<Check> {
    if !config.file.names_pager_services() {
        let text = "no [[service]] has a `pagerduty_id`: pages come by webhooks alone, one whose webhook is lost is never seen, and nobody is asked who is on call; hint: write the id that stands in the address of the service's page at PagerDuty";
        return vec![Check::warning("pagerduty services", text.to_owned())];
    }
    let mut checks = Vec::new();
    for service in &config.settings.services {
        let Some(id) = &service.pagerduty_id else { continue };
        let name = format!("pagerduty id of {}", service.name);
        let asked = tokio::time::timeout(PATIENCE, client.service_name(id)).await;
        checks.push(match asked {
            Ok(Ok(Some(called))) => Check::new(&name, Ok(format!("{id} is \"{called}\""))),
            Ok(Ok(None)) => {
                let text = format!(
                    "PagerDuty has no service {id}, or the token may not see it: nothing of it is looked at; hint: the id stands in the address of the service's page there"
                );
                Check::new(&name, Err(text))
            }
            // an id of another shape is refused before anything is asked
            Ok(Err(error @ PagerError::Permanent { .. })) => Check::new(&name, Err(error.to_string())),
            Ok(Err(error)) => Check::warning(&name, format!("{id} cannot be asked for: {error}")),
            Err(_) => Check::warning(&name, format!("{id} was asked for, and PagerDuty does not answer")),
        });
    }
    checks
}

/// When the engine last looked at it with success.
pub(super) async fn last_look(config: &Config) -> Option<Check> {
    let metrics = client::page(&EngineInfo::find(&config.data_dir)?, "/metrics").await?;
    let look = metrics.lines().find_map(|line| line.strip_prefix("blocks_pager_look_timestamp_seconds "))?;
    let age = SystemClock.now().timestamp() - look.trim().parse::<i64>().ok()?;
    (age > STALE_S).then(|| {
        let text = format!(
            "the engine has not looked at it with success for {age} seconds; hint: its log says why, and with mode = \"poll\" no page comes in until that is over"
        );
        Check::warning("pagerduty look", text)
    })
}
