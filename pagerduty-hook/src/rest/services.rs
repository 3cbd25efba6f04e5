//! A service, asked for by its id.

use http::Method;
use runbook_core::ports::PagerError;
use serde_json::Value;

use super::pace::Purpose;
use super::{PagerDutyClient, checked};

/// The longest name of one, in characters.
const LONGEST: usize = 200;

impl PagerDutyClient {
    /// What the service of this id is called; `None` where there is none, or the token may not see it.
    ///
    /// # Errors
    /// [`PagerError`] when it is no id, or PagerDuty does not say.
    pub async fn service_name(&self, id: &str) -> Result<Option<String>, PagerError> {
        let id = checked(id)?;
        let doing = format!("read the service {id}");
        let url = self.url(&["services", id], &[])?;
        let answer = {
            let _turn = self.turn.lock().await;
            self.health.may(Purpose::Look)?;
            self.send(Method::GET, &url, None, None, &doing).await?
        };
        match answer {
            // it is there, whatever it is called
            Ok(answer) => Ok(Some(name_of(&answer).unwrap_or_else(|| id.to_owned()))),
            Err(problem) if problem.status == 404 => Ok(None),
            Err(problem) => Err(self.error(&problem, &doing)),
        }
    }
}

/// The name that an answer about one service says, on one line; `None` where it says none.
pub(crate) fn name_of(answer: &Value) -> Option<String> {
    let name = answer.pointer("/service/name").and_then(Value::as_str)?;
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    let name: String = name.chars().map(shown).collect();
    let name: String = name.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONGEST).collect();
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{Peer, refusal, turn};
    use super::*;

    #[tokio::test]
    async fn a_service_is_called_by_its_name_or_is_not_there() {
        let called = |name: Value| json!({ "service": { "id": "PFLOW01", "type": "service", "name": name } });
        let peer = Peer::start(vec![
            turn("GET /pd/services/PFLOW01", 200, called(json!("flow\u{1b}[31m\n engine"))),
            turn("GET /pd/services/PFLOW01", 200, called(json!(7))),
            turn("GET /pd/services/PGONE", 404, refusal(2100, "Not Found")),
            turn("GET /pd/services/PFLOW01", 403, refusal(2010, "Access Denied")),
        ])
        .await;
        let client = peer.client();
        assert_eq!(client.service_name("PFLOW01").await, Ok(Some("flow [31m engine".to_owned())));
        assert_eq!(client.service_name("PFLOW01").await, Ok(Some("PFLOW01".to_owned())));
        assert_eq!(client.service_name("PGONE").await, Ok(None));
        assert!(matches!(client.service_name("PFLOW01").await, Err(PagerError::Permanent { .. })));
        assert!(matches!(client.service_name("../users").await, Err(PagerError::Permanent { .. })));
        peer.is_content();
    }
}
