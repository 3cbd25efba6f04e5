//! Who acts at the pager. It knows them by its own ids; their e-mail says who they are here, and is kept: somebody's acknowledgement is
//! theirs also while the pager has no time to say who they are.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use runbook_core::people::{Actor, Credential};
use runbook_core::ports::{Commit, Kept, PagerError, PagerEvent};

use crate::engine::Engine;

/// How long the pager may take to say who somebody is; other messages wait meanwhile.
const PATIENCE: Duration = Duration::from_secs(3);
/// Once it took longer, nobody waits for it for so long.
const PAUSE: TimeDelta = TimeDelta::seconds(30);
/// So long what it said is not asked for again, and so long it counts where the pager does not say.
const FRESH: TimeDelta = TimeDelta::days(1);
const OLD: TimeDelta = TimeDelta::days(30);
/// How the keys begin under which e-mails are kept.
const KEY: &str = "pager-user/";

/// Until when the pager is not asked who somebody is, in milliseconds since 1970.
#[derive(Debug, Default)]
pub(crate) struct NotAsked(pub(crate) AtomicI64);

impl Engine {
    /// Who acted at the pager.
    pub(crate) async fn pager_actor(&self, event: &PagerEvent) -> Actor {
        match &event.agent_id {
            Some(id) => self.pager_user(Some(id), event.agent_name.as_deref()).await,
            None => Actor::system("pagerduty"),
        }
    }

    /// A user of the pager, by their e-mail there. When that is not known, the record says whom it named, and nobody gets authority
    /// from it.
    pub(crate) async fn pager_user(&self, id: Option<&str>, name: Option<&str>) -> Actor {
        let unknown = || Actor::Outside(format!("pagerduty:{}", name.or(id).unwrap_or("somebody")));
        let Some(id) = id else { return unknown() };
        let Some(email) = self.pager_email(id).await else { return unknown() };
        match self.directory().actor(&Credential::PagerDuty { email }) {
            Actor::Outside(_) => unknown(),
            known => known,
        }
    }

    /// The e-mail of a user of the pager, where it says that or has said it.
    pub(crate) async fn pager_email(&self, id: &str) -> Option<String> {
        let pager = self.inner.parts.pager.as_ref()?;
        let now = self.now();
        let kept = self.kept_email(id).await;
        let younger = |age: TimeDelta| kept.clone().filter(|(at, _)| now - *at < age).map(|(_, email)| email);
        if let Some(email) = younger(FRESH) {
            return Some(email);
        }
        let not_asked = &self.inner.not_asked.0;
        if now.timestamp_millis() < not_asked.load(Ordering::Relaxed) {
            return younger(OLD);
        }
        let slow = || {
            not_asked.store((self.now() + PAUSE).timestamp_millis(), Ordering::Relaxed);
            Err(PagerError::Retry { after_ms: None, reason: "it took too long".to_owned() })
        };
        let asked = tokio::time::timeout(PATIENCE, pager.user_email(id)).await;
        match asked.unwrap_or_else(|_| slow()) {
            Ok(Some(email)) => {
                self.keep_email(id, &email).await;
                Some(email)
            }
            Ok(None) => None,
            Err(error) => {
                tracing::warn!(%error, "PagerDuty did not say who that is");
                younger(OLD)
            }
        }
    }

    async fn kept_email(&self, id: &str) -> Option<(DateTime<Utc>, String)> {
        let key = format!("{KEY}{id}");
        let all = self.store().kept(key.clone()).await.unwrap_or_default();
        let kept = all.into_iter().find(|kept| kept.key == key)?;
        Some((kept.at, serde_json::from_str(&kept.value).ok()?))
    }

    /// What is not kept is asked for again.
    async fn keep_email(&self, id: &str, email: &str) {
        let value = serde_json::Value::from(email).to_string();
        let kept = vec![Kept { key: format!("{KEY}{id}"), at: self.now(), value }];
        if let Err(error) = self.store().commit(Commit { kept, ..Commit::default() }).await {
            tracing::debug!(%error, "who that is could not be kept");
        }
    }
}
