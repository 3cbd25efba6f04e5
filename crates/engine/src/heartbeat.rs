//! The heartbeat: whoever watches Blocks hears from it while it works, and not merely while its process is there.
//!
//! A beat is: every loop has turned lately, the store took a write, and where looking is the only way to the pager it is heard. The write moves a timer; should that timer ever be due,
//! nothing has beaten for that long, and since when is known ([ADR 0040](../../../docs/adr/0040-what-is-asked-of-pagerduty-and-when.md)).

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use runbook_core::duration::for_people;
use runbook_core::ids::IncidentId;
use runbook_core::journal::StreamId;
use runbook_core::message::Outgoing;
use runbook_core::ports::{Commit, EventAction, EventSeverity, OutboxRow, PagerCall, Timer, TimerChange};
use uuid::Uuid;

use crate::deliver::Called;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::origin::Pace;

/// The timer's word, and its key.
pub(crate) const SILENCE: &str = "heartbeat";
/// A loop that has not turned for so long stands still, in milliseconds.
const STANDS_STILL_MS: i64 = 60_000;
/// Timers that are looked through at the start.
const LOOK: usize = 1_024;

/// How often Blocks beats, and from when on its silence is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatSettings {
    /// Pause between two beats.
    pub every: Duration,
    /// A silence that was longer is told of when it is over.
    pub gap: Duration,
}

/// The loops of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loop {
    Inbox,
    Outbox,
    Timers,
}

/// When each loop turned last, in milliseconds since 1970; 0: never.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    inbox: AtomicI64,
    outbox: AtomicI64,
    timers: AtomicI64,
    /// The last beat.
    beat: AtomicI64,
}

impl Pulse {
    fn of(&self, which: Loop) -> &AtomicI64 {
        match which {
            Loop::Inbox => &self.inbox,
            Loop::Outbox => &self.outbox,
            Loop::Timers => &self.timers,
        }
    }

    /// A loop turns.
    pub(crate) fn turned(&self, which: Loop, now: DateTime<Utc>) {
        self.of(which).store(now.timestamp_millis(), Ordering::Relaxed);
    }

    /// The loop that stands still.
    fn standing_still(&self, now: DateTime<Utc>) -> Option<Loop> {
        let still =
            |which: &Loop| now.timestamp_millis() - self.of(*which).load(Ordering::Relaxed) > STANDS_STILL_MS;
        [Loop::Inbox, Loop::Outbox, Loop::Timers].into_iter().find(still)
    }
}

impl Engine {
    /// When it was last seen to work; `None`: not yet.
    #[must_use]
    pub fn last_beat(&self) -> Option<DateTime<Utc>> {
        let ms = self.inner.pulse.beat.load(Ordering::Relaxed);
        DateTime::from_timestamp_millis(ms).filter(|_| ms > 0)
    }

    /// Beats until the engine is drained.
    pub(crate) async fn heartbeat_loop(&self, settings: HeartbeatSettings) {
        let mut stop = self.inner.draining.subscribe();
        while !self.is_draining() {
            if let Err(why) = self.beat(&settings).await {
                self.inner.metrics.count("blocks_heartbeat_missed_total", String::new());
                tracing::warn!("no heartbeat: {why}");
            }
            tokio::select! {
                biased;
                () = tokio::time::sleep(settings.every) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Beats once, if it works.
    async fn beat(&self, settings: &HeartbeatSettings) -> Result<(), String> {
        let now = self.now();
        if let Some(which) = self.inner.pulse.standing_still(now) {
            return Err(format!("the loop of the {} stands still", format!("{which:?}").to_lowercase()));
        }
        let commit =
            Commit { timers: vec![TimerChange::Set(silence(now, settings.gap))], ..Commit::default() };
        self.store().commit(commit).await.map_err(|error| error.to_string())?;
        // everything works, and no page comes in: whoever watches has to know, and no silence is told of afterwards
        if let Some(since) = self.pager_unheard_since() {
            return Err(format!("PagerDuty has not been heard since {since}"));
        }
        self.inner.pulse.beat.store(now.timestamp_millis(), Ordering::Relaxed);
        match &self.inner.parts.watcher {
            Some(watcher) => watcher.beat().await,
            None => Ok(()),
        }
    }

    /// At the start: tells of a silence that is over now. Whoever ended it in order has left none.
    pub(crate) async fn look_for_silence(&self) -> Result<(), EngineError> {
        let due = self.store().timers_due(self.now(), LOOK).await?;
        match due.into_iter().find(|timer| timer.key == SILENCE) {
            Some(timer) => self.was_silent(timer.due).await,
            None => Ok(()),
        }
    }

    /// Nothing has beaten for longer than it may.
    pub(crate) async fn was_silent(&self, due: DateTime<Utc>) -> Result<(), EngineError> {
        let Some(settings) = &self.settings().heartbeat else { return Ok(()) };
        let now = self.now();
        let from = due - TimeDelta::from_std(settings.gap).unwrap_or_default();
        let seconds = u64::try_from((now - from).num_seconds()).unwrap_or_default();
        let at = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let summary =
            format!("Blocks did not work from {} to {} ({})", at(from), at(now), for_people(seconds));
        tracing::warn!("{summary}");
        self.inner.metrics.count("blocks_silences_total", String::new());
        let key = format!("blocks/silence/{}", from.timestamp());
        let source = "blocks".to_owned();
        let trigger = EventAction::Trigger { summary, source, severity: EventSeverity::Info };
        let mut commit =
            Commit { timers: vec![TimerChange::Fired { key: SILENCE.to_owned(), due }], ..Commit::default() };
        // it is over as soon as it is told: what there is to do is to look at it in the morning
        for action in [trigger, EventAction::Resolve] {
            let message = Outgoing::Alert { key: key.clone(), action };
            self.enqueue(&mut commit, &message, &key, Pace::AtOnce, now);
        }
        self.store().commit(commit).await?;
        self.touch();
        Ok(())
    }

    /// It ends in order: its silence from now on is meant.
    pub(crate) async fn rest(&self) {
        let clear = TimerChange::Clear(SILENCE.to_owned());
        let commit = Commit { timers: vec![clear], ..Commit::default() };
        if let Err(error) = self.store().commit(commit).await {
            tracing::warn!(%error, "the next start will tell that nothing worked until then");
        }
    }

    pub(crate) async fn deliver_alert(
        &self,
        row: &OutboxRow,
        key: &str,
        action: &EventAction,
    ) -> Result<(), EngineError> {
        let call = PagerCall::Event { key: key.to_owned(), action: action.clone() };
        match self.call_pager(row, &call).await? {
            Called::Refused(reason) => self.bury(row, reason).await,
            Called::Made | Called::Later => Ok(()),
        }
    }
}

fn silence(now: DateTime<Utc>, gap: Duration) -> Timer {
    // It belongs to no incident; the store keeps a stream with each timer.
    let stream = StreamId::Incident(IncidentId(Uuid::nil()));
    let due = now + TimeDelta::from_std(gap).unwrap_or(TimeDelta::days(1));
    Timer { key: SILENCE.to_owned(), due, stream, what: SILENCE.to_owned() }
}
