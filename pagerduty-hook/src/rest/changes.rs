//! Alerts and change events, each once in effect.

use chrono::{Duration, SecondsFormat};
use runbook_core::ports::{EventAction, PagerError};
use serde_json::Value;

use super::{PAGE, PagerDutyClient, list, permanent};
use crate::events::{Change, EventsClient, KEY_FIELD};

/// How long before its own time one of ours is looked for: clocks differ.
const BEFORE: Duration = Duration::hours(1);
/// Pages of change events that are looked through.
const PAGES: usize = 10;

impl PagerDutyClient {
    fn events(&self) -> Result<&EventsClient, PagerError> {
        self.events.as_ref().ok_or_else(|| {
            permanent("no routing key is set; hint: set PAGERDUTY_ROUTING_KEY in the environment".to_owned())
        })
    }

    pub(super) async fn alert(&self, key: &str, action: &EventAction) -> Result<(), PagerError> {
        self.events()?.alert(key, action).await
    }

    /// Tells of a change; where an earlier attempt may have, it is looked for first.
    pub(super) async fn tell_change(&self, change: &Change<'_>, look_first: bool) -> Result<(), PagerError> {
        let events = self.events()?;
        if look_first && self.has_change(change).await? {
            return Ok(());
        }
        events.change(change).await
    }

    /// Whether PagerDuty has this change event.
    async fn has_change(&self, change: &Change<'_>) -> Result<bool, PagerError> {
        let since = (change.at - BEFORE).to_rfc3339_opts(SecondsFormat::Secs, true);
        let limit = PAGE.to_string();
        for page in 0..PAGES {
            let offset = (page * PAGE).to_string();
            let query = [("since", since.as_str()), ("limit", &limit), ("offset", &offset)];
            let found = self.get(self.url(&["change_events"], &query)?, "look for a change event").await?;
            if has_key(&found, change.key) {
                return Ok(true);
            }
            if !found.get("more").and_then(Value::as_bool).unwrap_or(false) {
                break;
            }
        }
        Ok(false)
    }
}

/// Whether a list of change events has the one of ours with this key.
pub(crate) fn has_key(changes: &Value, key: &str) -> bool {
    let is_it = |one: &Value| {
        one.get("custom_details").and_then(|details| details.get(KEY_FIELD)).and_then(Value::as_str)
            == Some(key)
    };
    list(changes, "change_events").any(is_it)
}
