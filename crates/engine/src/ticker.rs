//! The loops: inbox, timers, reconciler (the outbox has its own, `outbox.rs`). Each re-reads the store; a wake-up only makes it sooner.
//!
//! What is due at the same moment is taken in the order written here: a simulated day then always goes the same way.

use std::time::Duration;

use blocks_crash::{Point, at};
use runbook_core::ids::{IncidentId, RunId};
use runbook_core::incident::IncidentCommand;
use runbook_core::journal::{Cause, StreamId};
use runbook_core::ports::{Commit, Timer, TimerChange};
use runbook_core::run::RunCommand;
use runbook_core::sabotage::{self, Sabotage};
use tokio::time::{MissedTickBehavior, interval};

use crate::alerts;
use crate::climb;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::handover;
use crate::heartbeat::{self, Loop};
use crate::origin::Origin;
use crate::reminders::{self, Occasion};
use crate::runs::silent;
use crate::triage;
use crate::triggers;

/// How often a loop looks without having been woken.
const TICK: Duration = Duration::from_millis(500);
/// So many timers are fired in one go; what is not kept here must not hide the rest.
const DUE_AT_ONCE: usize = 1_024;
/// How often everything is looked at for what a passing fault left undone.
const RECONCILE: Duration = Duration::from_secs(30);
/// How often the heads of all streams are recorded.
const CHECKPOINT: Duration = Duration::from_secs(3_600);
/// So long what came in, was understood and is of no consequence can be looked at, and so much of it goes in an hour.
const KEPT_FOR: chrono::TimeDelta = chrono::TimeDelta::days(7);
const GO_AT_ONCE: usize = 100_000;
/// So many bytes of dead letters are kept of each sender, and so many of them: one that sends nothing else than what nobody reads must
/// not fill the disk.
const DEAD_BYTES: u64 = 64 * 1024 * 1024;
const DEAD_ROWS: u64 = 20_000;

/// What became of a timer that fired.
enum Fired {
    /// It is to be cleared.
    Done,
    /// The next one took its place when what came of it was written. One that is due by now was set by somebody else
    /// meanwhile, perhaps for the same moment, and is not to be lost.
    Replaced,
}

impl Engine {
    /// Takes up what an earlier process left, then starts the loops. They end with [`Engine::drain`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn start(&self) -> Result<(), EngineError> {
        if sabotage::is_on(Sabotage::ForgetInbox) {
            for item in self.store().inbox_pending(usize::MAX).await? {
                self.done(&item).await?;
            }
        }
        self.recover().await?;
        at(Point::BeforeCheckpoint);
        self.store().checkpoint(self.now()).await?;
        at(Point::AfterCheckpoint);
        self.recall_on_call().await?;
        self.wind_triggers().await?;
        self.keep_shift_time().await?;
        self.look_for_silence().await?;
        for which in [Loop::Inbox, Loop::Outbox, Loop::Timers] {
            self.inner.pulse.turned(which, self.now());
        }
        let engine = self.clone();
        self.spawn(Box::pin(async move { engine.inbox_loop().await }));
        let engine = self.clone();
        self.spawn(Box::pin(async move { engine.outbox_loop().await }));
        let engine = self.clone();
        self.spawn(Box::pin(async move { engine.timer_loop().await }));
        if let Some(heartbeat) = self.settings().heartbeat.clone() {
            let engine = self.clone();
            self.spawn(Box::pin(async move { engine.heartbeat_loop(heartbeat).await }));
        }
        if let Some(look) = self.settings().pager_look.clone() {
            let engine = self.clone();
            self.spawn(Box::pin(async move { engine.pager_loop(look).await }));
            let engine = self.clone();
            self.spawn(Box::pin(async move { engine.on_call_loop().await }));
        }
        if !self.settings().groups.is_empty() {
            let engine = self.clone();
            self.spawn(Box::pin(async move { engine.groups_loop().await }));
        }
        Ok(())
    }

    /// Keeps the time of runs alone, for a process that leaves everything else to the server: retries, approvals that
    /// run out, boxes.
    pub fn keep_time(&self) {
        let engine = self.clone();
        self.spawn(Box::pin(async move {
            let mut stop = engine.inner.draining.subscribe();
            while !engine.is_draining() {
                if let Err(error) = engine.fire_due(false).await {
                    tracing::warn!(%error, "timers cannot be read now");
                }
                tokio::select! {
                    biased;
                    () = tokio::time::sleep(TICK) => {}
                    _ = stop.changed() => {}
                }
            }
        }));
    }

    /// Starts nothing new, and waits for what is under way, at most that long.
    pub async fn drain(&self, patience: Duration) {
        self.inner.draining.send_replace(true);
        self.inner.inbox_wake.notify_waiters();
        self.inner.outbox_wake.notify_waiters();
        if let Err(error) = self.store().checkpoint(self.now()).await {
            tracing::warn!(%error, "the closing checkpoint could not be written");
        }
        let engine = self.clone();
        let all_done = async move {
            loop {
                let next = {
                    let mut tasks =
                        engine.inner.tasks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    std::mem::take(&mut *tasks)
                };
                if next.is_empty() {
                    return;
                }
                next.join_all().await;
            }
        };
        if tokio::time::timeout(patience, all_done).await.is_err() {
            tracing::warn!("some commands outlast the drain; they go on, and the next start takes them up");
        }
        if self.last_beat().is_some() {
            self.rest().await;
        }
    }

    async fn inbox_loop(&self) {
        let mut stop = self.inner.draining.subscribe();
        while !self.is_draining() {
            self.inner.pulse.turned(Loop::Inbox, self.now());
            match self.process_inbox().await {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => tracing::warn!(%error, "the inbox cannot be read now"),
            }
            tokio::select! {
                biased;
                () = self.inner.inbox_wake.notified() => {}
                () = tokio::time::sleep(TICK) => {}
                _ = stop.changed() => {}
            }
        }
    }

    async fn timer_loop(&self) {
        let mut stop = self.inner.draining.subscribe();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut checkpoint = interval(CHECKPOINT);
        checkpoint.set_missed_tick_behavior(MissedTickBehavior::Skip);
        checkpoint.tick().await; // the first one fires at once
        let mut reconcile = interval(RECONCILE);
        reconcile.set_missed_tick_behavior(MissedTickBehavior::Skip);
        reconcile.tick().await; // the start has just done it
        // at once: a process that never lives for so long forgets, too
        let mut prune = interval(alerts::PRUNE);
        prune.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while !self.is_draining() {
            self.inner.pulse.turned(Loop::Timers, self.now());
            tokio::select! {
                biased;
                _ = reconcile.tick() => {
                    let done = match self.reconcile_runs().await {
                        Ok(()) => self.reconcile(Occasion::Reconcile).await,
                        Err(error) => Err(error),
                    };
                    let done = match done {
                        Ok(()) => self.look_at_alerts().await,
                        Err(error) => Err(error),
                    };
                    if let Err(error) = done {
                        tracing::warn!(%error, "the reconciler could not look at everything");
                    }
                }
                _ = tick.tick() => {
                    if let Err(error) = self.fire_due(true).await {
                        tracing::warn!(%error, "timers cannot be read now");
                    }
                }
                _ = checkpoint.tick() => {
                    if let Err(error) = self.store().checkpoint(self.now()).await {
                        tracing::warn!(%error, "the checkpoint could not be written");
                    }
                    if let Err(error) = self.store().let_go(self.now() - KEPT_FOR, GO_AT_ONCE).await {
                        tracing::warn!(%error, "what came in and is of no consequence could not be let go");
                    }
                    match self.store().let_go_dead(DEAD_BYTES, DEAD_ROWS).await {
                        Ok(0) => {}
                        Ok(gone) => {
                            tracing::warn!(gone, "the oldest dead letters are let go: there are too many");
                        }
                        Err(error) => tracing::warn!(%error, "the oldest dead letters could not be let go"),
                    }
                }
                _ = prune.tick() => {
                    if let Err(error) = self.prune_alerts().await {
                        tracing::warn!(%error, "alerts that have ended could not be forgotten");
                    }
                }
                _ = stop.changed() => {}
            }
        }
    }

    /// Fires what is due: of everything, or of runs alone.
    async fn fire_due(&self, incidents_too: bool) -> Result<(), EngineError> {
        for timer in self.store().timers_due(self.now(), DUE_AT_ONCE).await? {
            // one may wait for the pager's answer: as long as one after the other is dealt with, the loop lives
            self.inner.pulse.turned(Loop::Timers, self.now());
            if !incidents_too && matches!(timer.stream, StreamId::Incident(_)) {
                continue;
            }
            match self.fire(&timer).await {
                Ok(Fired::Replaced) => continue,
                Ok(Fired::Done) => {}
                Err(error) if error.is_passing() => return Err(error),
                Err(error) => tracing::warn!(timer = %timer.key, %error, "a timer had nothing to do"),
            }
            if self.now() < timer.due {
                continue; // the clock went back meanwhile, so its time is yet to come
            }
            let fired = TimerChange::Fired { key: timer.key, due: timer.due };
            self.store().commit(Commit { timers: vec![fired], ..Commit::default() }).await?;
        }
        Ok(())
    }

    async fn fire(&self, timer: &Timer) -> Result<Fired, EngineError> {
        let origin = Origin::system("timer", Cause::Timer);
        match (timer.stream, timer.what.as_str()) {
            (StreamId::Incident(_), heartbeat::SILENCE) => {
                return self.was_silent(timer.due).await.map(|()| Fired::Replaced);
            }
            (StreamId::Incident(id), "target") => self.target_passed(id, &origin).await,
            (StreamId::Incident(id), reminders::LOOK) => {
                return Ok(if self.remind(id, Occasion::Timer).await? {
                    Fired::Replaced
                } else {
                    Fired::Done
                });
            }
            (StreamId::Incident(id), climb::CLIMB) => {
                return Ok(if self.climb(id).await? { Fired::Replaced } else { Fired::Done });
            }
            (StreamId::Incident(id), alerts::TELL) => self.alerts_are_due(id).await,
            (StreamId::Incident(id), triage::BUDGET) => self.end_looking(id, &origin).await,
            (StreamId::Incident(id), handover::OFFER) => self.offers_lapse(id, &origin).await,
            (StreamId::Incident(_), triggers::TRIGGER) => {
                return Ok(if self.trigger_is_due(timer).await? { Fired::Replaced } else { Fired::Done });
            }
            (StreamId::Incident(_), handover::SHIFT) => self.shift_is_due(timer.due).await,
            (StreamId::Run(id), "approval") => self.approval_expired(id, &origin).await,
            (StreamId::Run(id), "retry") => {
                self.change_run(id, &RunCommand::Advance, &origin, &silent).await.map(|_| ())
            }
            (stream, what) => {
                tracing::warn!(%stream, what, "an unknown timer fired");
                Ok(())
            }
        }
        .map(|()| Fired::Done)
    }

    async fn target_passed(&self, id: IncidentId, origin: &Origin) -> Result<(), EngineError> {
        self.change_incident(id, &IncidentCommand::TargetPassed, origin, None).await.map(|_| ())
    }

    async fn approval_expired(&self, id: RunId, origin: &Origin) -> Result<(), EngineError> {
        self.change_run(id, &RunCommand::Expire, origin, &silent).await.map(|_| ())
    }
}
