//! Whether the pager is heard. Where looking is the only way, a look that never comes back well is a page that nobody gets: then the
//! heartbeat stops, and the channel of the most urgent severity is told.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use runbook_core::message::Outgoing;
use runbook_core::ports::Commit;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::origin::Pace;
use crate::settings::PagerTells;

/// So long no look may come to anything before the pager counts as not heard.
const DEAF: TimeDelta = TimeDelta::minutes(5);

/// When the pager was looked at, in milliseconds since 1970; 0: never.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    /// Since when it is to be.
    since: AtomicI64,
    /// The last time with success.
    last: AtomicI64,
    /// Since when it has not been heard, where that was told.
    told: AtomicI64,
}

fn read(ms: &AtomicI64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(ms.load(Ordering::Relaxed)).filter(|at| at.timestamp_millis() > 0)
}

impl Engine {
    /// When the pager was last looked at with success; `None`: not yet.
    #[must_use]
    pub fn last_pager_look(&self) -> Option<DateTime<Utc>> {
        read(&self.inner.hearing.last)
    }

    /// Since when nothing is heard of the pager, where looking is the only way and has come to nothing for minutes.
    #[must_use]
    pub fn pager_unheard_since(&self) -> Option<DateTime<Utc>> {
        let look = self.settings().pager_look.as_ref()?;
        let since = self.last_pager_look().or_else(|| read(&self.inner.hearing.since))?;
        (look.tells == PagerTells::Nothing && self.now() - since > DEAF).then_some(since)
    }

    /// From now on the pager is looked at.
    pub(crate) fn begins_to_listen(&self) {
        self.inner.hearing.since.store(self.now().timestamp_millis(), Ordering::Relaxed);
    }

    /// A look has come to something; whoever was told that none does is told.
    pub(crate) async fn pager_was_heard(&self) {
        self.inner.hearing.last.store(self.now().timestamp_millis(), Ordering::Relaxed);
        let Some(since) = read(&self.inner.hearing.told) else { return };
        let text = format!("PagerDuty is heard again: nothing was since {}.", word(since));
        match self.tell_of_hearing("heard", since, text).await {
            Ok(()) => self.inner.hearing.told.store(0, Ordering::Relaxed),
            Err(error) => tracing::warn!(%error, "that PagerDuty is heard again could not be told now"),
        }
    }

    /// A look has come to nothing: once it has been so for minutes, somebody is told.
    pub(crate) async fn pager_was_not_heard(&self, why: &str) {
        let Some(since) = self.pager_unheard_since() else { return };
        if read(&self.inner.hearing.told).is_some() {
            return;
        }
        tracing::error!(%since, why, "PagerDuty is not heard: no page comes in here");
        let text = format!(
            "PagerDuty has not been heard since {}: no page of it opens an incident here until that is over. It says: {why}",
            word(since)
        );
        match self.tell_of_hearing("not-heard", since, text).await {
            Ok(()) => self.inner.hearing.told.store(since.timestamp_millis(), Ordering::Relaxed),
            Err(error) => tracing::warn!(%error, "that PagerDuty is not heard could not be told now"),
        }
    }

    async fn tell_of_hearing(
        &self,
        what: &str,
        since: DateTime<Utc>,
        text: String,
    ) -> Result<(), EngineError> {
        let scheme = self.settings().severities.default_scheme();
        // where the most urgent pages would have been told
        let Some(channel) = scheme.severities.iter().find_map(|severity| severity.channels.first()) else {
            return Ok(());
        };
        let mut commit = Commit::default();
        let message = Outgoing::Notice { channel: channel.clone(), text };
        let cause = format!("pager/{what}/{}", since.timestamp_millis());
        self.enqueue(&mut commit, &message, &cause, Pace::AtOnce, self.now());
        self.store().commit(commit).await?;
        self.touch();
        Ok(())
    }
}

fn word(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
