//! Who tells of changes, of services that nobody knows among them; and repositories that show deployments.

use runbook_core::ports::Store as _;

use super::Check;
use crate::commands::shared::open_journal;
use crate::config::{self, Config, Secrets};

/// So many services that nobody knows are named.
const NAMED: usize = 5;

pub(super) async fn checks(config: &Config, secrets: &Secrets) -> Vec<Check> {
    // what is wrong with the store is told by its own check
    let told = match open_journal(config) {
        Ok(store) => store.changed_services().await.unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    let is_taken = !config::changes::tokens(secrets).is_empty();
    let is_unknown = |name: &String| config.settings.service_told(std::slice::from_ref(name)).is_none();
    let unknown: Vec<String> = told
        .iter()
        .filter(|(name, _)| is_unknown(name))
        .map(|(name, count)| format!("'{}' ({count})", name.escape_debug()))
        .collect();
    let mut checks = Vec::new();
    if !unknown.is_empty() {
        let more = unknown.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let named = unknown.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        checks.push(Check::warning(
            "changes",
            format!(
                "told of services that blocks.toml does not name: {named}{more}; hint: write the name into aliases of its [[service]]"
            ),
        ));
    } else if is_taken {
        let count: u64 = told.iter().map(|(_, count)| count).sum();
        checks.push(Check::new("changes", Ok(format!("POST /hooks/change is taken; {count} are kept"))));
    }
    for service in &config.settings.services {
        let Some(deployments) = &service.deployments else { continue };
        let shown = deployments.repository().display();
        let result = match deployments.newest() {
            Ok(Some(newest)) => Ok(format!("{shown}: the newest is {}", newest.words())),
            Ok(None) => Ok(format!("{shown}: nothing in it counts as a deployment yet")),
            Err(reason) => Err(format!(
                "{shown} does not show its deployments: {reason}; hint: it is a clone that this user can read"
            )),
        };
        checks.push(Check::new(&format!("deployments of {}", service.name), result));
    }
    checks
}
