//! What PagerDuty was told of changes of a service.

use chrono::{DateTime, Utc};
use runbook_core::ports::{PagerError, SeenChange};
use serde_json::Value;

use super::pace::Purpose;
use super::{PagerDutyClient, checked, list};
use crate::wire::is_usual;

/// So many are read: the newest.
const CHANGES: &str = "25";
/// The longest text of one, in characters.
const LONGEST: usize = 300;

impl PagerDutyClient {
    /// The newest changes of a service since then.
    pub(super) async fn changes_of(
        &self,
        service: &str,
        since: DateTime<Utc>,
    ) -> Result<Vec<SeenChange>, PagerError> {
        let service = checked(service)?;
        let since = since.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let url =
            self.url(&["services", service, "change_events"], &[("since", &since), ("limit", CHANGES)])?;
        let answer = {
            let _turn = self.turn.lock().await;
            self.health.may(Purpose::Look)?;
            self.get(url, "read the service's changes").await?
        };
        Ok(list(&answer, "change_events").filter_map(change).collect())
    }
}

/// One change; without words it tells nothing.
pub(crate) fn change(one: &Value) -> Option<SeenChange> {
    let text = one.get("summary").and_then(Value::as_str)?;
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONGEST).collect();
    let at = one.get("timestamp").and_then(Value::as_str);
    let at = at.and_then(|at| DateTime::parse_from_rfc3339(at).ok()).map(|at| at.with_timezone(&Utc));
    let at = at.filter(is_usual);
    let is_link = |href: &&str| href.starts_with("https://") || href.starts_with("http://");
    let link = one.pointer("/links/0/href").and_then(Value::as_str).filter(is_link);
    (!text.is_empty()).then(|| SeenChange { at, text, url: link.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_as_documented_is_left_out() {
        let good = json!({
            "summary": "Deploy\n v1.2", "timestamp": "2026-01-05T09:00:00Z",
            "links": [{ "href": "https://ci.example.com/7", "text": "build" }],
        });
        let seen = change(&good).unwrap();
        assert_eq!(
            (seen.text.as_str(), seen.url.as_deref()),
            ("Deploy v1.2", Some("https://ci.example.com/7"))
        );
        assert_eq!(seen.at.map(|at| at.timestamp()), Some(1_767_603_600));
        for bad in [json!(null), json!({}), json!({ "summary": 5 }), json!({ "summary": " " }), json!([1])] {
            assert_eq!(change(&bad), None, "{bad}");
        }
        for odd in [
            json!({ "summary": "x", "timestamp": 5, "links": null }),
            json!({ "summary": "x", "timestamp": "yesterday", "links": [{ "href": "javascript:alert(1)" }] }),
            json!({ "summary": "x", "links": [null] }),
        ] {
            assert_eq!(change(&odd), Some(SeenChange { at: None, text: "x".to_owned(), url: None }), "{odd}");
        }
    }
}
