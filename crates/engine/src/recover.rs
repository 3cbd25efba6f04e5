//! What an earlier process left, and what a passing fault left undone: the same questions, asked of everything.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use runbook_core::ids::{IncidentId, RunId};
use runbook_core::journal::Cause;
use runbook_core::ports::{Begun, ExecError, Finished, Resumed};
use runbook_core::request::Request;
use runbook_core::run::{Run, RunCommand, Unit};
use tokio::sync::oneshot;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::Origin;
use crate::reminders;
use crate::review::Occasion;
use crate::runs::{load_run, silent, what};
use crate::which;

/// How many open incidents and runs are looked at in one go.
const LIMIT: usize = 10_000;
/// A review is drafted for an incident that ended this lately; older ones are asked for.
const LOOK_BACK_DAYS: i64 = 7;

impl Engine {
    /// Looks at every open run. A command that was under way is taken up again; one whose end nobody can know is in
    /// doubt, or runs again when that cannot hurt. Only for a start: afterwards a started command is one that runs.
    pub(crate) async fn recover(&self) -> Result<(), EngineError> {
        self.recover_runs().await?;
        self.reconcile(reminders::Occasion::Start).await
    }

    /// The same for runs alone, for a process that leaves incidents to the server. Gives the runs that were open.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn recover_runs(&self) -> Result<Vec<RunId>, EngineError> {
        let mut open = Vec::new();
        let (mut under_way, mut others) = (Vec::new(), Vec::new());
        for row in self.store().runs(None, true, LIMIT).await? {
            open.push(row.id);
            let begun = self.under_way(row.id).await?;
            // Where some of it was under way, nothing more starts until it is known what became of that: whoever ends what
            // is left of a run ends all of it.
            if begun.is_empty() && matches!(row.status.as_str(), "running" | "undoing") {
                others.push(row.id);
            }
            if !begun.is_empty() {
                under_way.push((row.id, begun));
            }
        }
        // What is left of other commands is ended first: nobody could judge a target that still changes.
        let own = self.inner.under_way.alive().into_iter().map(|(run, _)| run);
        let runs = under_way.iter().map(|(run, _)| *run).chain(own).collect::<BTreeSet<_>>();
        self.inner.parts.executor.end_leftovers(runs).await;
        for (run, begun) in under_way {
            self.take_up(run, begun);
        }
        // Nothing of them was under way. What is by now, this process has begun, and there is no doubt about it.
        for id in others {
            self.spawn(self.advance(id));
        }
        // a failed undo waits for a person as long as nobody has looked
        let all = self.store().runs(None, false, LIMIT).await?;
        open.extend(all.into_iter().filter(|row| row.status == "undo_failed").map(|row| row.id));
        Ok(open)
    }

    /// Ends what earlier processes left of runs that have ended, or that only wait: it may still change a target that nobody
    /// holds any more. For a process that looks at no other run; what is under way by the journal is left to whoever takes
    /// it up, and its run holds its target.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn end_leftovers(&self) -> Result<(), EngineError> {
        let mut under_way = BTreeSet::new();
        for row in self.store().runs(None, true, LIMIT).await? {
            if !self.live_attempts(row.id).await?.is_empty() {
                under_way.insert(row.id);
            }
        }
        self.inner.parts.executor.end_leftovers(under_way).await;
        Ok(())
    }

    /// What [`Engine::recover_runs`] does, for one run: for a process that deals with this run alone.
    ///
    /// # Errors
    /// When no run, or more than one, is meant; when the store cannot be read.
    pub async fn recover_run(&self, named: Option<&str>) -> Result<(), EngineError> {
        let request = Request::RunbookStatus { run: named.map(str::to_owned) };
        let id = which::find(self.store(), &request).await?;
        let under_way = self.under_way(id).await?;
        if !under_way.is_empty() {
            // It fails only together with the engine.
            let _known = self.take_up(id, under_way).await;
            return Ok(());
        }
        self.end_processes(id).await;
        self.change_run(id, &RunCommand::Recover, &recovery(), &silent).await.map(|_| ())
    }

    async fn under_way(&self, id: RunId) -> Result<Vec<Begun>, EngineError> {
        let Some(loaded) = load_run(self.store(), id).await? else { return Ok(Vec::new()) };
        let run = &loaded.state;
        let mut all = Vec::new();
        for (unit, begun) in begun(run) {
            if self.inner.under_way.knows(id, begun.attempt) {
                continue; // this process's own
            }
            // known as alive before anybody can cancel it
            self.inner.under_way.take_up(id, begun.attempt, what(run, unit));
            all.push(begun);
        }
        Ok(all)
    }

    /// Records what became of the commands of one run that an earlier process had started. Tells when that is recorded, or
    /// when it is known that they go on.
    fn take_up(&self, run: RunId, all: Vec<Begun>) -> oneshot::Receiver<()> {
        let (tell, known) = oneshot::channel();
        let engine = self.clone();
        self.spawn(Box::pin(async move {
            let (mut ends, mut go_on) = (Vec::new(), Vec::new());
            for begun in all {
                let attempt = begun.attempt;
                match engine.inner.parts.executor.resume(begun).await {
                    Resumed::Ended(end) => ends.push((attempt, end)),
                    Resumed::UnderWay(end) => {
                        tracing::info!(%run, attempt, "a command of an earlier process goes on");
                        go_on.push((attempt, end));
                    }
                }
            }
            // An intent is written while what was cancelled before it may still be ending: nothing begins beside that.
            let never_began = ends.iter().any(|(_, end)| matches!(end, Err(ExecError::NotStarted(_))));
            if never_began && go_on.is_empty() {
                engine.end_processes(run).await;
            }
            for (attempt, end) in ends {
                let alive = engine.inner.under_way.taken_up(run, attempt);
                alive.ended();
                engine.insist(run, &of_end(attempt, end)).await;
            }
            if !go_on.is_empty() {
                // others may be due beside them
                engine.spawn(engine.advance(run));
            }
            let _heard = tell.send(());
            join_all(go_on.into_iter().map(async |(attempt, end)| {
                let end = end.await;
                let alive = engine.inner.under_way.taken_up(run, attempt);
                alive.ended();
                engine.insist(run, &of_end(attempt, end)).await;
            }))
            .await;
        }));
        known
    }

    /// Looks at every run, without a hint from anybody: one that nothing carries on is carried on, and a command that
    /// nobody waits for any more is ended. What was written may not have been heard of: a store can lose its answer.
    pub(crate) async fn reconcile_runs(&self) -> Result<(), EngineError> {
        for (id, attempt) in self.inner.under_way.alive() {
            let before = self.inner.under_way.next_order();
            if self.live_attempts(id).await?.iter().all(|(_, live)| *live != attempt) {
                self.end_attempts(id, before).await;
            }
        }
        for row in self.store().runs(None, true, LIMIT).await? {
            let goes_on = matches!(row.status.as_str(), "running" | "undoing");
            if !goes_on && row.status != "paused" {
                continue;
            }
            for (unit, attempt) in self.live_attempts(row.id).await? {
                // Its intent was written by this process, which never heard of it.
                if self.inner.under_way.is_only_intended(row.id, attempt) {
                    let engine = self.clone();
                    self.spawn(Box::pin(async move { engine.execute(row.id, unit, attempt).await }));
                }
            }
            if goes_on {
                self.spawn(self.advance(row.id));
            }
        }
        Ok(())
    }

    /// The commands of a run that have an intent and no outcome.
    async fn live_attempts(&self, id: RunId) -> Result<Vec<(Unit, u32)>, EngineError> {
        let Some(loaded) = load_run(self.store(), id).await? else { return Ok(Vec::new()) };
        Ok(loaded.state.live_units().map(|(unit, attempt)| (unit, attempt.number)).collect())
    }

    /// Looks at every incident, without a hint from anybody: diagnostics and reviews that are due and have not begun,
    /// begin, and whoever is to be asked is asked. One that cannot be dealt with now does not keep the others from it.
    pub(crate) async fn reconcile(&self, occasion: reminders::Occasion) -> Result<(), EngineError> {
        let lately = self.now() - chrono::Duration::days(LOOK_BACK_DAYS);
        for row in self.store().incidents(false, LIMIT).await? {
            // of one that is over and has its review nothing is due, however many there are
            let is_done = !row.open && row.reviewed;
            if is_done || row.resolved_at.is_some_and(|at| at < lately) {
                continue;
            }
            if let Err(error) = self.reconcile_incident(row.id, occasion).await {
                if error.is_passing() {
                    return Err(error);
                }
                tracing::warn!(incident = %row.number, %error, "an incident cannot be brought up to date");
            }
        }
        Ok(())
    }

    async fn reconcile_incident(
        &self,
        id: IncidentId,
        occasion: reminders::Occasion,
    ) -> Result<(), EngineError> {
        let Some(loaded) = load_incident(self.store(), id).await? else { return Ok(()) };
        if loaded.state.status.is_open() {
            self.end_looking(id, &Origin::system("triage", Cause::Engine)).await?;
            if occasion == reminders::Occasion::Start {
                self.wind_the_clock(&loaded.state).await?;
            }
            self.start_triage(id).await?;
            self.take_all_shared(&loaded.state).await?;
            self.remind(id, occasion).await.map(|_| ())
        } else if loaded.state.is_reviewed() && loaded.state.review_file.is_none() {
            self.draft_review(id, Occasion::Due).await.map(|_| ())
        } else {
            Ok(())
        }
    }
}

fn recovery() -> Origin {
    Origin::system("recovery", Cause::Recovery)
}

/// The commands of a run that have an intent and no end.
fn begun(run: &Run) -> impl Iterator<Item = (Unit, Begun)> {
    run.live_units().filter_map(|(unit, attempt)| {
        let command = run.command(unit)?;
        let begun = Begun {
            run: run.id,
            step: run.plan.steps.get(unit.step)?.id.clone(),
            attempt: attempt.number,
            kind: command.kind,
            timeout_ms: command.timeout_ms,
        };
        Some((unit, begun))
    })
}

fn of_end(attempt: u32, end: Result<Finished, ExecError>) -> RunCommand {
    match end {
        Ok(finished) => RunCommand::Finish { attempt, finished: Box::new(finished) },
        // It is known that nothing happened, so nothing keeps it from running now.
        Err(ExecError::NotStarted(reason)) => RunCommand::NeverBegun { attempt, reason },
        Err(ExecError::Lost(reason)) => RunCommand::Lost { attempt, reason },
    }
}
