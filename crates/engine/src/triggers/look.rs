//! Asking: when a trigger's time has come, its question is asked beside the loops, and what is to be told goes into the inbox.

use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::time::Duration;

use chrono::{DateTime, Utc};
use runbook_core::ids::IncidentId;
use runbook_core::journal::StreamId;
use runbook_core::ports::{Commit, InboxItem, Kept, Signal, Timer, TimerChange, Translated, Translator};
use runbook_core::trigger::{
    Ask, Counted, Is, Reading, Sample, Standing, Trigger, TriggerNotice, Turn, step,
};
use uuid::Uuid;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;

/// The timer's word; the trigger's name is in its key.
pub(crate) const TRIGGER: &str = "trigger";
/// Where it stands is kept under its name behind this, and its timer is called so.
pub(super) const KEY: &str = "trigger/";
/// What was handed in is acted on by then.
const HANDED_IN: chrono::TimeDelta = chrono::TimeDelta::minutes(1);
/// So long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(15);
/// How many rows are counted.
const LOOK: usize = 10_000;

/// What a turn of a trigger means: it is our own message.
pub(crate) struct TriggerTranslator;

impl Translator for TriggerTranslator {
    fn source(&self) -> &'static str {
        TRIGGER
    }

    fn translate(&self, item: &InboxItem) -> Translated {
        match serde_json::from_slice::<TriggerNotice>(&item.body) {
            Ok(notice) => Translated::Signal(Signal::Trigger(notice)),
            Err(error) => Translated::Unreadable { reason: error.to_string() },
        }
    }
}

fn timer(trigger: &Trigger, due: DateTime<Utc>) -> TimerChange {
    TimerChange::Set(Timer {
        key: format!("{KEY}{}", trigger.name),
        due,
        // it belongs to no incident; the store keeps a stream with each timer
        stream: StreamId::Incident(IncidentId(Uuid::nil())),
        what: TRIGGER.to_owned(),
    })
}

fn kept(name: &str, standing: &Standing, at: DateTime<Utc>) -> Result<Kept, EngineError> {
    let value = serde_json::to_string(standing).map_err(|error| EngineError::Journal(error.to_string()))?;
    Ok(Kept { key: format!("{KEY}{name}"), at, value })
}

/// Nothing is known of this trigger.
pub(super) fn begun_anew(name: &str, at: DateTime<Utc>) -> Result<Kept, EngineError> {
    kept(name, &Standing::default(), at)
}

impl Engine {
    /// Sets the timers of the triggers: each is asked when it would have been, or at once where that has passed.
    pub(crate) async fn wind_triggers(&self) -> Result<(), EngineError> {
        let (now, kept) = (self.now(), self.store().kept(KEY.to_owned()).await?);
        let due = |trigger: &Trigger| {
            let last = kept.iter().find(|kept| kept.key == format!("{KEY}{}", trigger.name));
            let next = last.map(|kept| kept.at + chrono::Duration::seconds(i64::from(trigger.every_s)));
            next.unwrap_or(now).clamp(now, now + chrono::Duration::seconds(i64::from(trigger.every_s)))
        };
        let timers: Vec<_> =
            self.settings().triggers.iter().map(|trigger| timer(trigger, due(trigger))).collect();
        if !timers.is_empty() {
            self.store().commit(Commit { timers, ..Commit::default() }).await?;
        }
        let is_configured = |name: &str| self.settings().triggers.iter().any(|trigger| trigger.name == name);
        for one in kept {
            let name = one.key.strip_prefix(KEY).unwrap_or_default();
            let standing: Standing = serde_json::from_str(&one.value).unwrap_or_default();
            if !is_configured(name) && standing != Standing::default() {
                let turn = Turn::Removed { asked_at: one.at };
                self.hand_turn_in(&TriggerNotice { trigger: name.to_owned(), turn }, now).await?;
            }
        }
        Ok(())
    }

    /// Its time has come: the next one is set, and it is asked beside the other timers, which wait for no server. Whether it is
    /// still configured.
    pub(crate) async fn trigger_is_due(&self, fired: &Timer) -> Result<bool, EngineError> {
        let name = fired.key.strip_prefix(KEY).unwrap_or_default();
        let Some(trigger) = self.settings().triggers.iter().find(|one| one.name == name).cloned() else {
            return Ok(false);
        };
        let next = self.now() + chrono::Duration::seconds(i64::from(trigger.every_s));
        let timers = vec![timer(&trigger, next)];
        self.store().commit(Commit { timers, ..Commit::default() }).await?;
        let is_new = {
            let mut asking = self.inner.asking.lock().unwrap_or_else(PoisonError::into_inner);
            asking.insert(trigger.name.clone())
        };
        // an answer that takes longer than the pause is not waited for twice
        if is_new {
            let (engine, guard) = (self.clone(), Asking(self.clone(), trigger.name.clone()));
            self.spawn(Box::pin(async move {
                let _guard = guard;
                if let Err(error) = engine.look_at_trigger(&trigger).await {
                    tracing::warn!(trigger = %trigger.name, %error, "what a trigger has read cannot be kept now");
                }
            }));
        }
        Ok(true)
    }

    /// Asks, and keeps where the trigger stands. What is to be told is handed in first: it has a name, so that it is told once.
    async fn look_at_trigger(&self, trigger: &Trigger) -> Result<(), EngineError> {
        let reading = self.read_trigger(trigger).await;
        let now = self.now();
        let before = self.standing_of_trigger(&trigger.name).await?;
        let (after, mut turns) = step(&before, trigger, &reading, now);
        if let (Is::Firing { .. }, Is::Firing { since }, Some(value)) = (before.is, after.is, after.value) {
            turns.extend(self.fires_on(&trigger.name, (since, value), now).await?);
        }
        for turn in turns {
            self.hand_turn_in(&TriggerNotice { trigger: trigger.name.clone(), turn }, now).await?;
        }
        let kept = vec![kept(&trigger.name, &after, now)?];
        Ok(self.store().commit(Commit { kept, ..Commit::default() }).await?)
    }

    /// What is to be told of a trigger that fires on: it never repeats itself, as a monitoring system does, so once its incident has
    /// been over for longer than it would be opened again, that it fires still is told by this. So it is where its alert does not fire:
    /// that it is quiet was told, and the process ended before that was kept.
    async fn fires_on(
        &self,
        name: &str,
        (since, value): (DateTime<Utc>, f64),
        now: DateTime<Utc>,
    ) -> Result<Option<Turn>, EngineError> {
        let row = self.row_of_trigger(name).await?;
        // what is damped or silenced is told of when it counts again
        let Some(row) = row.filter(|row| !row.is_watched()) else { return Ok(None) };
        let Some(incident) = row.incident else { return Ok(None) };
        // what has just been handed in may wait
        if !row.alert.firing {
            let is_lost = now >= since.max(row.turned_at) + HANDED_IN;
            return Ok(is_lost.then_some(Turn::FiresOn { since, value, incident, ended_at: row.turned_at }));
        }
        let Some(loaded) = load_incident(self.store(), incident).await? else { return Ok(None) };
        let state = &loaded.state;
        // no incident, or a part of another, with which its alert goes along
        let is_final = state.status.is_open() || state.end.is_some();
        let ended_at = state.resolved_at.filter(|at| !is_final && now >= *at + self.settings().alerts.reopen);
        Ok(ended_at.map(|ended_at| Turn::FiresOn { since, value, incident, ended_at }))
    }

    /// Hands in what is to be told, under its name.
    pub(super) async fn hand_turn_in(
        &self,
        notice: &TriggerNotice,
        now: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        let item = InboxItem {
            source: TRIGGER.to_owned(),
            id: notice.key(now),
            kind: TRIGGER.to_owned(),
            body: serde_json::to_vec(notice).map_err(|error| EngineError::Journal(error.to_string()))?,
            received_at: now,
        };
        self.store().accept(item).await?;
        self.inner.inbox_wake.notify_one();
        Ok(())
    }

    /// Where a trigger stands; at its beginning where what is kept does not read any more.
    pub(super) async fn standing_of_trigger(&self, name: &str) -> Result<Standing, EngineError> {
        let key = format!("{KEY}{name}");
        let kept = self.store().kept(key.clone()).await?.into_iter().find(|kept| kept.key == key);
        Ok(kept.and_then(|kept| serde_json::from_str(&kept.value).ok()).unwrap_or_default())
    }

    /// One answer.
    pub(super) async fn read_trigger(&self, trigger: &Trigger) -> Reading {
        match &trigger.ask {
            Ask::Query { connection, query } => {
                let Some(meter) = self.inner.parts.meter.clone() else {
                    return Reading::Failed("no server that keeps numbers is reached from here".to_owned());
                };
                match tokio::time::timeout(PATIENCE, meter.ask(connection.as_deref(), query)).await {
                    Ok(Ok(samples)) => Reading::Values(samples),
                    Ok(Err(reason)) => Reading::Failed(reason),
                    Err(_) => Reading::Failed(format!("no answer within {} s", PATIENCE.as_secs())),
                }
            }
            Ask::Count { what, within_s } => {
                let since = self.now() - chrono::Duration::seconds(i64::from(*within_s));
                match self.count_since(*what, trigger.service.as_deref(), since).await {
                    Ok(count) => Reading::Values(vec![Sample {
                        labels: std::collections::BTreeMap::new(),
                        value: f64::from(u32::try_from(count).unwrap_or(u32::MAX)),
                    }]),
                    Err(error) => Reading::Failed(error.to_string()),
                }
            }
        }
    }

    /// Blocks' own counts. Of private incidents nothing is counted: a number tells of them too.
    async fn count_since(
        &self,
        what: Counted,
        service: Option<&str>,
        since: DateTime<Utc>,
    ) -> Result<usize, EngineError> {
        let incidents = self.store().incidents(false, LOOK).await?;
        let private: BTreeSet<IncidentId> =
            incidents.iter().filter(|row| row.private).map(|row| row.id).collect();
        let is_of = |name: &str| service.is_none_or(|service| service == name);
        Ok(match what {
            Counted::Incidents => incidents
                .iter()
                .filter(|row| !row.private && row.opened_at >= since && is_of(&row.service))
                .count(),
            Counted::FailedRuns => {
                let failed = |status: &str| matches!(status, "failed" | "undo_failed");
                let runs = self.store().runs(None, false, LOOK).await?;
                runs.iter()
                    .filter(|row| row.created_at >= since && failed(&row.status) && is_of(&row.target))
                    .filter(|row| row.incident.is_none_or(|incident| !private.contains(&incident)))
                    .count()
            }
        })
    }
}

/// Takes a trigger off the list of those that are being asked, however that ends.
struct Asking(Engine, String);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.inner.asking.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}
