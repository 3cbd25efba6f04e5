//! The account's users.

use std::time::Duration;

use http::Method;
use runbook_core::ports::PagerError;
use serde_json::Value;
use tokio::time::Instant;

use super::pace::Purpose;
use super::{PAGE, PagerDutyClient, checked, list};

/// How long an e-mail is taken from memory.
const EMAIL_AGE: Duration = Duration::from_secs(600);

/// How many e-mails are kept in memory.
const MAX_EMAILS: usize = 1000;

impl PagerDutyClient {
    /// The id of the user with this e-mail.
    pub(super) async fn user_with(&self, email: &str) -> Result<Option<String>, PagerError> {
        let limit = PAGE.to_string();
        let found =
            self.get(self.url(&["users"], &[("query", email), ("limit", &limit)])?, "list users").await?;
        id_of(&found, email).map(|id| checked(id).map(str::to_owned)).transpose()
    }

    /// The e-mail of a user, from memory while it is fresh.
    pub(super) async fn email(&self, user_id: &str) -> Result<Option<String>, PagerError> {
        let Ok(user_id) = checked(user_id) else { return Ok(None) };
        if let Some((read_at, email)) = self.emails.lock().await.get(user_id)
            && read_at.elapsed() < EMAIL_AGE
        {
            return Ok(Some(email.clone()));
        }
        // who acted is worth as much as a change, and is not waited for where nothing is asked anyway
        self.health.may(Purpose::Change)?;
        let _turn = self.turn.lock().await;
        let doing = format!("read the user {user_id}");
        let url = self.url(&["users", user_id], &[])?;
        let answer = match self.send(Method::GET, &url, None, None, &doing).await? {
            Ok(answer) => answer,
            Err(problem) if problem.status == 404 => return Ok(None),
            Err(problem) => return Err(self.error(&problem, &doing)),
        };
        let Some(email) = email_of(&answer) else { return Ok(None) };
        let mut emails = self.emails.lock().await;
        if emails.len() >= MAX_EMAILS {
            emails.clear();
        }
        emails.insert(user_id.to_owned(), (Instant::now(), email.to_owned()));
        Ok(Some(email.to_owned()))
    }
}

/// The id of the user with this e-mail, as a list of users has it.
pub(crate) fn id_of<'a>(users: &'a Value, email: &str) -> Option<&'a str> {
    let is_theirs = |user: &&Value| {
        user.get("email").and_then(Value::as_str).is_some_and(|known| known.eq_ignore_ascii_case(email))
    };
    list(users, "users").find(is_theirs).and_then(|user| user.get("id")).and_then(Value::as_str)
}

/// The e-mail that a user has.
pub(crate) fn email_of(user: &Value) -> Option<&str> {
    user.pointer("/user/email").and_then(Value::as_str).filter(|email| !email.is_empty())
}
