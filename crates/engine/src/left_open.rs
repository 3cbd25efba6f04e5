//! What was left open at the pager before Blocks was there. It is opened as everything else is, but nobody is called for what nobody has
//! looked at for days: that is said in one line instead.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use runbook_core::incident::{IncidentCommand, LEFT_OPEN, Status};
use runbook_core::journal::Cause;
use runbook_core::message::Outgoing;
use runbook_core::ports::{Commit, Kept, SeenIncident};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::{Origin, Pace};

/// Where it is kept when the pager was first looked at.
const KEY: &str = "pager-first-look";
/// What has been open for longer was left open.
const OLD: TimeDelta = TimeDelta::days(1);
/// The first looks: what webhooks may still tell has to be seen twice.
const FIRST: TimeDelta = TimeDelta::minutes(10);

impl Engine {
    /// When the pager was first looked at with this store: now, where it never was.
    pub(crate) async fn first_look(&self) -> Result<DateTime<Utc>, EngineError> {
        let kept = self.store().kept(KEY.to_owned()).await?;
        if let Some(first) = kept.into_iter().find(|kept| kept.key == KEY) {
            return Ok(first.at);
        }
        let now = self.now();
        let kept = vec![Kept { key: KEY.to_owned(), at: now, value: "null".to_owned() }];
        self.store().commit(Commit { kept, ..Commit::default() }).await?;
        Ok(now)
    }

    /// Calls nobody for what a first look has found left open; whether this was one.
    pub(crate) async fn call_nobody_for(
        &self,
        one: &SeenIncident,
        first: DateTime<Utc>,
    ) -> Result<bool, EngineError> {
        let Some(created) = one.incident.created_at else { return Ok(false) };
        if first - created < OLD || self.now() - first > FIRST {
            return Ok(false);
        }
        let Some(id) = self.incident_of_pager(&one.incident.id).await? else { return Ok(false) };
        let Some(loaded) = load_incident(self.store(), id).await? else { return Ok(false) };
        let state = loaded.state;
        // an alert that fires in it is of today, whoever's page joined it
        if state.alerts.as_ref().is_some_and(|alerts| alerts.tally.firing > 0) {
            return Ok(false);
        }
        // what was opened before that is somebody's business already
        if state.status != Status::Triggered || state.opened_at < first {
            return Ok(false);
        }
        // by a look that was cut off before it could say how many there are
        if state.is_left_open() {
            return Ok(true);
        }
        let since = created.to_rfc3339_opts(SecondsFormat::Secs, true);
        let text = format!(
            "since {since}, before Blocks looked for the first time: nobody is called for it by the clock"
        );
        let note = IncidentCommand::NotePager {
            what: LEFT_OPEN.to_owned(),
            text: Some(text),
            id: Some(LEFT_OPEN.to_owned()),
        };
        self.change_incident(id, &note, &Origin::system("pagerduty", Cause::Engine), None).await?;
        Ok(true)
    }

    /// Says once how many there were.
    pub(crate) async fn tell_of_left_open(
        &self,
        count: usize,
        first: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        tracing::info!(count, "PagerDuty had incidents open for more than a day when it was first looked at");
        let scheme = self.settings().severities.default_scheme();
        let Some(channel) = scheme.severities.iter().find_map(|severity| severity.channels.first()) else {
            return Ok(());
        };
        let are = if count == 1 { "incident was" } else { "incidents were" };
        let text = format!(
            "{count} {are} open at PagerDuty for more than a day before Blocks looked for the first time. They are open here now, and nobody is called for them: resolve there what is over."
        );
        let mut commit = Commit::default();
        let message = Outgoing::Notice { channel: channel.clone(), text };
        let cause = format!("pager/left-open/{}", first.timestamp_millis());
        self.enqueue(&mut commit, &message, &cause, Pace::AtOnce, self.now());
        self.store().commit(commit).await?;
        self.touch();
        Ok(())
    }
}
