//! Webhook subscriptions: read, made, put right.

use http::Method;
use runbook_core::ports::PagerError;
use serde_json::Value;

use super::{PagerDutyClient, checked, permanent};
use crate::Secret;
use crate::setup::{Step, Subscription, body};

impl PagerDutyClient {
    /// Every webhook subscription of the account.
    ///
    /// # Errors
    /// [`PagerError`] when they cannot be read.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, PagerError> {
        let doing = "list the webhook subscriptions";
        let all = self.pages(&["webhook_subscriptions"], &[], "webhook_subscriptions", doing).await?;
        Ok(all.iter().filter_map(Subscription::read).collect())
    }

    /// Does one step of a set-up; one that makes a subscription gives its secret, which PagerDuty shows this once.
    ///
    /// # Errors
    /// [`PagerError`] when it is refused, or its outcome is not known: then look before doing it again.
    pub async fn take_step(&self, step: &Step, url: &str) -> Result<Option<Secret>, PagerError> {
        let _turn = self.turn.lock().await;
        match step {
            Step::Create { scope } => {
                let doing = "make the webhook subscription";
                let to = self.url(&["webhook_subscriptions"], &[])?;
                let made = self
                    .changed(Method::POST, &to, Some(&body(Some(url), scope, false, None)), doing)
                    .await?;
                let secret = secret_of(&made).ok_or_else(|| {
                    permanent("pagerduty made the subscription and shows no secret; hint: delete it there, and try again".to_owned())
                })?;
                let secret = Secret::new(secret);
                let id = made.pointer("/webhook_subscription/id").and_then(Value::as_str).unwrap_or_default();
                // without it nobody can find out later who knows the secret; the secret itself must not be lost by that
                if let Err(error) = self.put(id, &body(None, scope, false, Some(&secret.mark()))).await {
                    tracing::warn!(%error, "whose secret is whose could not be kept at PagerDuty");
                }
                Ok(Some(secret))
            }
            Step::Update { id, scope, mark, .. } => {
                self.put(id, &body(None, scope, true, mark.as_deref())).await.map(|()| None)
            }
            Step::Enable { id, .. } => {
                let to = self.url(&["webhook_subscriptions", checked(id)?, "enable"], &[])?;
                self.changed(Method::POST, &to, None, "enable the webhook subscription").await?;
                Ok(None)
            }
            Step::Delete { id, .. } => {
                let to = self.url(&["webhook_subscriptions", checked(id)?], &[])?;
                self.changed(Method::DELETE, &to, None, "delete the webhook subscription").await?;
                Ok(None)
            }
        }
    }

    /// Has PagerDuty send a ping to the address of a subscription.
    ///
    /// # Errors
    /// [`PagerError`] when it does not.
    pub async fn ping(&self, id: &str) -> Result<(), PagerError> {
        let _turn = self.turn.lock().await;
        let to = self.url(&["webhook_subscriptions", checked(id)?, "ping"], &[])?;
        self.changed(Method::POST, &to, None, "send a ping").await.map(|_| ())
    }

    async fn put(&self, id: &str, wish: &Value) -> Result<(), PagerError> {
        let to = self.url(&["webhook_subscriptions", checked(id)?], &[])?;
        self.changed(Method::PUT, &to, Some(wish), "change the webhook subscription").await.map(|_| ())
    }

    async fn changed(
        &self,
        method: Method,
        to: &url::Url,
        body: Option<&Value>,
        doing: &str,
    ) -> Result<Value, PagerError> {
        self.send(method, to, None, body, doing).await?.map_err(|problem| self.error(&problem, doing))
    }
}

/// The secret that is shown of a new subscription.
pub(crate) fn secret_of(made: &Value) -> Option<&str> {
    let secret = made.pointer("/webhook_subscription/delivery_method/secret").and_then(Value::as_str);
    secret.filter(|secret| !secret.is_empty())
}
