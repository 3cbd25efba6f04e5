//! Changes to a run: read, decide, write (the incident's side in the same transaction), then perform.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use runbook_core::ids::{IncidentId, RunId};
use runbook_core::incident::{IncidentCommand, decide as decide_incident};
use runbook_core::journal::{Head, StreamId};
use runbook_core::message::Outgoing;
use runbook_core::ports::{
    BoxFuture, Commit, CommitError, CounterRaise, ExecError, Job, RowChange, Store, Timer, TimerChange,
};
use runbook_core::run::{
    Decision, Effect, LOCK_COUNTER, NewRun, Run, RunCommand, RunEvent, Unit, UnitRole, decide, evolve,
    plan_run, taken_epoch,
};
use runbook_core::runbook::{CommandKind, Effect as CommandEffect};
use runbook_core::sabotage::{self, Sabotage};

use crate::approval_page::asked_until;
use crate::carry_on::carry_on;
use crate::crash;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::held::Kept;
use crate::incidents::{MAX_TRIES, apply_incident, load_incident};
use crate::origin::{Origin, Pace};
use crate::secrets;
use crate::settings::Settings;
use crate::streams::{Loaded, apply, load};
use crate::under_way::What;

/// Between two tries at what must not be lost: at first, and at most.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Reads and folds a run; `None` when there is none.
pub(crate) async fn load_run(
    store: &dyn Store,
    id: RunId,
) -> Result<Option<Loaded<Run, RunEvent>>, EngineError> {
    load(store, StreamId::Run(id), evolve).await
}

/// What a command of a run may change.
pub(crate) fn what(run: &Run, unit: Unit) -> What {
    let changes = run.command(unit).is_none_or(|command| command.effect != CommandEffect::Read);
    What { target: run.plan.target.clone(), changes, unasked: run.unasked }
}

/// What the person who asked is told about a decided run.
pub(crate) type Say<'a> = &'a (dyn Fn(&Run, &Decision) -> String + Sync);

/// Says nothing: for changes that nobody asked for.
pub(crate) fn silent(_: &Run, _: &Decision) -> String {
    String::new()
}

impl Engine {
    /// Plans a run.
    pub(crate) async fn create_run(
        &self,
        request: &NewRun,
        origin: &Origin,
        say: Say<'_>,
    ) -> Result<Run, EngineError> {
        for _ in 0..MAX_TRIES {
            let now = self.now();
            let decision = &mut plan_run(request, now);
            // What looks by itself locks nothing and waits for nobody: its first intents are written with it.
            let goes_on = request.unasked && !self.is_draining();
            let written = self
                .write_run(
                    request.id,
                    (None, Head::EMPTY),
                    request.incident,
                    decision,
                    goes_on,
                    origin,
                    say,
                    now,
                )
                .await?;
            if let Some((run, _, rest)) = written {
                tracing::info!(run = %run.id, runbook = %run.plan.runbook, status = run.status.word(), "run planned");
                self.perform_run(request.id, rest);
                return Ok(run);
            }
        }
        Err(EngineError::Contended(format!("run {}", request.id)))
    }

    /// Changes a run.
    pub(crate) async fn change_run(
        &self,
        id: RunId,
        command: &RunCommand,
        origin: &Origin,
        say: Say<'_>,
    ) -> Result<(Arc<Run>, Decision), EngineError> {
        self.change_run_if(id, command, origin, say, &|_| Ok(())).await
    }

    /// The same, if the run is as whoever asked has seen it: that is looked at in the state that is decided about.
    pub(crate) async fn change_run_if(
        &self,
        id: RunId,
        command: &RunCommand,
        origin: &Origin,
        say: Say<'_>,
        is_as_seen: &(dyn Fn(&Run) -> Result<(), EngineError> + Sync),
    ) -> Result<(Arc<Run>, Decision), EngineError> {
        let mut turn = self.inner.held.turn(id).await;
        for _ in 0..MAX_TRIES {
            let now = self.now();
            let held = turn.take();
            let is_held = held.is_some();
            let (state, head) = match held {
                Some(held) => held,
                None => self.replay(id).await?,
            };
            let decided =
                is_as_seen(&state).and_then(|()| decide(&state, command, now).map_err(EngineError::from));
            let mut decision = match decided {
                // What is written is checked against the store. What is not is decided from what the store has.
                Ok(decision) if is_held && decision.events.is_empty() => continue,
                Err(_) if is_held => continue,
                decided => decided?,
            };
            self.lock(&state, &mut decision).await?;
            let then = self.inner.refusals.bound(&state, &mut decision, now);
            if decision.events.is_empty() && decision.effects.is_empty() && origin.inbox.is_none() {
                self.inner.refusals.settle(id, then, now);
                turn.keep(&state, head);
                return Ok((state, decision));
            }
            let incident = state.incident;
            let before = (Some(Arc::unwrap_or_clone(state)), head);
            // What follows from a command's end by itself is written with it.
            let goes_on = matches!(command, RunCommand::Finish { .. }) && !self.is_draining();
            let written =
                self.write_run(id, before, incident, &mut decision, goes_on, origin, say, now).await?;
            if let Some((run, head, rest)) = written {
                let run = Arc::new(run);
                turn.keep(&run, head);
                self.inner.refusals.settle(id, then, now);
                self.perform_run(id, rest);
                return Ok((run, decision));
            }
        }
        Err(EngineError::Contended(format!("run {id}")))
    }

    /// A run as the store has it, and where its stream ends.
    async fn replay(&self, id: RunId) -> Result<Kept, EngineError> {
        let loaded = load_run(self.store(), id).await?;
        let loaded = loaded.ok_or_else(|| EngineError::NotFound(format!("there is no run {id}")))?;
        Ok((Arc::new(loaded.state), loaded.head))
    }

    /// Writes a decision with everything that belongs to it, and when the run `goes_on` with what follows by itself; `None`
    /// when somebody else was faster.
    #[expect(
        clippy::too_many_arguments,
        reason = "one transaction has many parts; a struct would only rename them"
    )]
    async fn write_run(
        &self,
        id: RunId,
        (state, head): (Option<Run>, Head),
        incident: Option<IncidentId>,
        decision: &mut Decision,
        goes_on: bool,
        origin: &Origin,
        say: Say<'_>,
        now: DateTime<Utc>,
    ) -> Result<Option<(Run, Head, Vec<Effect>)>, EngineError> {
        let mut commit = Commit::default();
        let asked = state.as_ref().and_then(asked_until);
        let changing = state.as_ref().map(Run::changing).unwrap_or_default();
        let (run, end) = match (state, decision.events.is_empty()) {
            (Some(state), true) => (state, head),
            (state, _) => {
                let (mut append, mut run, mut end) =
                    apply(StreamId::Run(id), state, head, &decision.events, (origin, now), evolve)?;
                if goes_on {
                    (run, end) = carry_on((run, end), &mut append, decision, (origin, now))?;
                }
                commit.rows.push(RowChange::Run(run.row()));
                commit.appends.push(append);
                (run, end)
            }
        };
        commit.blobs = std::mem::take(&mut decision.blobs);
        commit.counter = taken_epoch(decision).map(|epoch| CounterRaise {
            name: LOCK_COUNTER,
            from: epoch.saturating_sub(1),
            by: 1,
        });
        let cause = format!("run/{id}/{}", head.seq + 1);
        let pace =
            if decision.events.iter().any(RunEvent::changes_status) { Pace::AtOnce } else { Pace::Gather };
        let mut rest = Vec::new();
        let mut told = Vec::new();
        for effect in &decision.effects {
            match effect {
                Effect::Send(message) => self.enqueue(&mut commit, message, &cause, pace, now),
                Effect::TellIncident(command) => told.push(command.clone()),
                Effect::ApprovalTimer { due } => commit.timers.push(TimerChange::Set(Timer {
                    key: format!("approval/{id}"),
                    due: *due,
                    stream: StreamId::Run(id),
                    what: "approval".to_owned(),
                })),
                Effect::RetryTimer { attempt, due } => commit.timers.push(TimerChange::Set(Timer {
                    key: format!("retry/{id}/{attempt}"),
                    due: *due,
                    stream: StreamId::Run(id),
                    what: "retry".to_owned(),
                })),
                Effect::ClearApprovalTimer => {
                    commit.timers.push(TimerChange::Clear(format!("approval/{id}")));
                }
                Effect::Execute { unit, attempt } => {
                    self.inner.under_way.intend(id, *attempt, what(&run, *unit));
                    rest.push(effect.clone());
                }
                Effect::Continue(_) | Effect::EndProcesses => rest.push(effect.clone()),
            }
        }
        if let (Some(incident), true, 0) = (incident, run.unasked, head.seq) {
            commit.timers.push(self.budget_timer(incident, id, now));
        }
        if !decision.events.is_empty() {
            self.tell_change(&mut commit, changing, &run, (&cause, now));
        }
        let mut incident_rest = Vec::new();
        if let (Some(incident), false) = (incident, told.is_empty()) {
            incident_rest = self.tell_incident(&mut commit, incident, &told, origin, now).await?;
        }
        if let (Some(incident), false) = (incident, decision.events.is_empty()) {
            self.look_when_it_waits(&mut commit, incident, &run, now);
            self.page_approver(&mut commit, incident, &run, decision, now).await?;
            if let Some(until) = asked.filter(|until| asked_until(&run) != Some(*until)) {
                let over = Outgoing::ApprovalOver { incident, run: id, until };
                self.enqueue(&mut commit, &over, "", Pace::AtOnce, now);
            }
        }
        let text = if origin.reply_to.is_some() { say(&run, decision) } else { String::new() };
        origin.settle(&mut commit, (!text.is_empty()).then_some(text.as_str()), now);
        if sabotage::is_on(Sabotage::SkipIntent) {
            self.perform_run(id, std::mem::take(&mut rest));
            // What was started too early must not wait behind this task, which a test build may hold here.
            tokio::task::yield_now().await;
        }
        crash::before(decision);
        match self.store().commit(commit).await {
            Ok(()) => {
                crash::after(decision);
                self.touch();
                self.perform_incident(incident_rest);
                if run.unasked && !run.status.is_open() {
                    self.hand_on(id);
                }
                Ok(Some((run, end, rest)))
            }
            Err(CommitError::Conflict(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Adds the incident's side to the same commit.
    async fn tell_incident(
        &self,
        commit: &mut Commit,
        id: IncidentId,
        told: &[IncidentCommand],
        origin: &Origin,
        now: DateTime<Utc>,
    ) -> Result<Vec<runbook_core::incident::Effect>, EngineError> {
        let Some(loaded) = load_incident(self.store(), id).await? else { return Ok(Vec::new()) };
        let mut events = Vec::new();
        let mut decision = runbook_core::incident::Decision::default();
        let mut state = loaded.state.clone();
        for command in told {
            let decided = match decide_incident(&state, command, now) {
                Ok(decided) => decided,
                Err(rejection) => {
                    tracing::warn!(incident = %id, %rejection, "the incident did not take a fact from its run");
                    continue;
                }
            };
            events.extend(decided.events);
            decision.effects.extend(decided.effects);
            let (_, next) =
                apply_incident(id, Some(loaded.state.clone()), loaded.head, &events, origin, now)?;
            state = next;
        }
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let (append, next) = apply_incident(id, Some(loaded.state), loaded.head, &events, origin, now)?;
        let rest = self.incident_effects(commit, &append, &decision, &next, now);
        commit.rows.push(RowChange::Incident(next.row()));
        commit.appends.push(append);
        Ok(rest)
    }

    fn perform_run(&self, id: RunId, effects: Vec<Effect>) {
        for effect in effects {
            let engine = self.clone();
            match effect {
                Effect::Execute { unit, attempt } => {
                    self.spawn(Box::pin(async move { engine.execute(id, unit, attempt).await }));
                }
                Effect::Continue(_) => self.spawn(engine.advance(id)),
                Effect::EndProcesses => {
                    let before = self.inner.under_way.next_order();
                    self.spawn(Box::pin(async move { engine.end_attempts(id, before).await }));
                }
                Effect::Send(_)
                | Effect::TellIncident(_)
                | Effect::ApprovalTimer { .. }
                | Effect::RetryTimer { .. }
                | Effect::ClearApprovalTimer => {}
            }
        }
    }

    /// Carries a run on. Boxed, because carrying on starts commands whose end carries on.
    pub(crate) fn advance(&self, id: RunId) -> BoxFuture<'static, ()> {
        let engine = self.clone();
        Box::pin(async move {
            if engine.is_draining() {
                return; // the next start carries on
            }
            engine.insist(id, &RunCommand::Advance).await;
        })
    }

    /// Runs one command whose intent is durable, and records what came of it. Of two calls for one attempt, the second
    /// does nothing.
    pub(crate) async fn execute(&self, id: RunId, unit: Unit, attempt: u32) {
        // what looks by itself waits for its turn at the target
        let target = self.inner.under_way.looks_at(id, attempt);
        let _slot = match target {
            Some(target) => match self.slot_at(&target).await {
                Some(slot) => Some(slot),
                None => return, // the next start takes it up
            },
            None => None,
        };
        let Some(begun) = self.inner.under_way.begin(id, attempt) else { return };
        let Some(run) = self.look_surely(id).await else { return };
        // Somebody cancelled it, and what they cancelled may still be ending. What the run means to be alive beside this
        // one is in nobody's way.
        let together: BTreeSet<u32> = run.live_units().map(|(_, live)| live.number).collect();
        let in_the_way = self.inner.under_way.in_the_way_of(&begun, &together);
        for other in &in_the_way {
            self.end_attempts(*other, begun.order).await;
        }
        // that took its time, and it may have been cancelled meanwhile
        let run = match in_the_way.is_empty() {
            true => run,
            false => match self.look_surely(id).await {
                Some(run) => run,
                None => return,
            },
        };
        let is_live = run.live_units().any(|(_, live)| live.number == attempt);
        if !is_live && !sabotage::is_on(Sabotage::SkipIntent) {
            return; // it was cancelled before it began
        }
        let command = match job(self.settings(), &run, unit, attempt) {
            None => return,
            Some(Err(reason)) => RunCommand::NotStarted { attempt, reason },
            Some(Ok(job)) => {
                let executor = &self.inner.parts.executor;
                let foresee = async {
                    if let Some(next) = next_text(&run, unit) {
                        executor.foresee(next);
                    }
                    // whoever changes the run next need not copy it
                    drop(run);
                };
                // first this one is on its way
                match tokio::join!(executor.run(job), foresee).0 {
                    Ok(finished) => RunCommand::Finish { attempt, finished: Box::new(finished) },
                    Err(ExecError::NotStarted(reason)) => RunCommand::NotStarted { attempt, reason },
                    Err(ExecError::Lost(reason)) => RunCommand::Lost { attempt, reason },
                }
            }
        };
        begun.ended();
        if sabotage::is_on(Sabotage::ForgetOutcome) {
            return;
        }
        self.insist(id, &command).await;
    }

    /// The run as it is now; a store that does not answer is asked again. `None` when there is none that reads.
    async fn look_surely(&self, id: RunId) -> Option<Arc<Run>> {
        let mut wait = FIRST_WAIT;
        loop {
            match self.look(id).await {
                Ok(run) => return Some(run),
                Err(EngineError::NotFound(_)) => return None,
                Err(error) if error.is_passing() => {
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                Err(error) => {
                    tracing::error!(run = %id, %error, "a run cannot go on");
                    return None;
                }
            }
        }
    }

    /// The run as it is now. Whoever changes it is waited for: they may be cancelling it.
    async fn look(&self, id: RunId) -> Result<Arc<Run>, EngineError> {
        if sabotage::is_on(Sabotage::SkipIntent) {
            return Ok(self.replay(id).await?.0);
        }
        let mut turn = self.inner.held.turn(id).await;
        if let Some(run) = turn.look() {
            return Ok(run);
        }
        let (run, head) = self.replay(id).await?;
        turn.keep(&run, head);
        Ok(run)
    }

    /// Makes a change that must not be lost: a store that is full or busy is tried again until it takes it.
    pub(crate) async fn insist(&self, id: RunId, command: &RunCommand) {
        let mut wait = FIRST_WAIT;
        loop {
            match self.change_run(id, command, &Origin::engine(), &silent).await {
                Ok(_) => return,
                Err(error) if error.is_passing() => {
                    tracing::warn!(run = %id, %error, "an outcome is not durable yet, trying again");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                Err(error) => {
                    tracing::error!(run = %id, %error, "a run cannot go on");
                    return;
                }
            }
        }
    }
}

/// The text of the shell command behind this one.
fn next_text(run: &Run, unit: Unit) -> Option<&str> {
    let next = run.units().skip_while(|one| *one != unit).nth(1)?;
    run.command(next).filter(|next| next.kind == CommandKind::Shell).map(|next| next.text.as_str())
}

/// What a unit of the plan is for the executor; an error says why it must not start.
fn job(settings: &Settings, run: &Run, unit: Unit, attempt: u32) -> Option<Result<Job, String>> {
    let command = run.command(unit)?;
    let step = run.plan.steps.get(unit.step)?;
    if unit.item.is_some() && run.item(unit).is_none() {
        return Some(Err("which item it is about is not known".to_owned()));
    }
    let mut secrets = match secrets::values(settings, &run.plan) {
        Ok(secrets) => secrets,
        Err(reason) => return Some(Err(reason)),
    };
    let given = run.plan.secrets_for(&command.id);
    for (name, value) in secrets.iter_mut().filter(|(name, _)| !given.contains(name.as_str())) {
        tracing::debug!(%name, command = %command.id, "a secret that the command does not name is withheld");
        *value = value.clone().withheld();
    }
    Some(Ok(Job {
        run: run.id,
        incident: run.incident_number.clone().unwrap_or_default(),
        step: step.id.clone(),
        attempt,
        kind: command.kind,
        connection: command.connection.clone(),
        effect: command.effect,
        text: command.text.clone(),
        variables: run.variables(unit),
        environment: run.plan.environment.clone(),
        secrets,
        directory: run.directory.clone().into(),
        timeout_ms: command.timeout_ms,
        // members of a group know nothing of what is beside them, nor of what was set before
        carry_from: run.carry.filter(|_| unit.role == UnitRole::Main && command.flow.parallel.is_none()),
        must_be_set: run.must_be_set(unit),
    }))
}
