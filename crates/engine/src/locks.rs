//! One run that may change a target at a time: who holds it, taking it over, and what was done there a short while ago.

use std::collections::BTreeSet;

use chrono::Duration;
use runbook_core::duration::for_people;
use runbook_core::ids::RunId;
use runbook_core::message::Answer;
use runbook_core::next;
use runbook_core::people::Actor;
use runbook_core::plan::Plan;
use runbook_core::ports::RunRow;
use runbook_core::request::Request;
use runbook_core::run::{Decision, LOCK_COUNTER, Run, RunCommand, Status, take_target, takes_target};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::origin::{Asker, Origin, Reply};
use crate::runs::load_run;
use crate::sees::Hidden;

/// How many open runs are looked through.
const LOOK: usize = 10_000;

impl Engine {
    /// Refuses when another run that may change the same target has begun, and says whose it is.
    ///
    /// A failed undo holds its target too: nothing more happens there until a person has looked.
    pub(crate) async fn check_target(&self, row: &RunRow, asker: &Asker) -> Result<(), EngineError> {
        if !row.mutating {
            return Ok(());
        }
        let runs = self.store().runs_on(row.target.clone(), None).await?;
        for other in runs.into_iter().filter(|other| other.id != row.id && other.status != "planned") {
            // A row does not say whether one that waits for a yes has begun.
            let Some(loaded) = load_run(self.store(), other.id).await? else { continue };
            if loaded.state.holds_target() {
                let hidden = self.hidden_from(asker).await?;
                let is_hidden = hidden.hides(loaded.state.incident);
                let whose = if is_hidden {
                    by_a_private_run(&loaded.state, &hidden)
                } else {
                    self.whose(&loaded.state)
                };
                return Err(EngineError::Locked(whose));
            }
        }
        Ok(())
    }

    /// Who holds a target, since when, and what can be done about it.
    fn whose(&self, holder: &Run) -> String {
        let since = holder.started_at.unwrap_or(holder.created_at);
        let ago = for_people((self.now() - since).num_seconds().max(0).unsigned_abs());
        let id = holder.id;
        let waits_for_yes = matches!(holder.status, Status::WaitingForApproval { .. });
        let hint = if waits_for_yes && holder.undoing {
            format!("its undo waits for a yes: `blocks runbook status {id}` says whose")
        } else if waits_for_yes {
            format!(
                "it has begun, and waits for a fresh yes: `blocks runbook status {id}` says whose, or `blocks runbook take-over {id} --reason 'say why'`"
            )
        } else if matches!(holder.status, Status::UndoFailed { .. }) {
            let line = next::command_of(Answer::PutRight, holder);
            format!(
                "look by hand and put right what its undo left, then `{line}`; `blocks runbook status {id}`"
            )
        } else if holder.waits_for_person() && holder.undoing {
            format!("it is half undone, and waits for a person: `blocks runbook status {id}`")
        } else if holder.waits_for_person() {
            format!(
                "it waits for a person: `blocks runbook status {id}`, or `blocks runbook take-over {id} --reason 'say why'`"
            )
        } else if holder.hold.is_some() {
            format!(
                "it is paused, and its command goes on to its end: `blocks runbook resume {id}` lets it go on, `blocks runbook cancel {id}` ends it"
            )
        } else if holder.undoing {
            format!(
                "it is being undone, and goes on by itself: wait for it (`blocks runbook attach {id}`); where it hangs, `blocks runbook cancel {id}` ends it as a failed undo"
            )
        } else {
            format!(
                "it goes on by itself: wait for it (`blocks runbook attach {id}`), or `blocks runbook cancel {id}`"
            )
        };
        format!(
            "{} is locked by run {id} ({}, {}) of {} since {} UTC ({ago}); hint: {hint}",
            holder.plan.target,
            holder.plan.runbook,
            holder.word(),
            holder.requester,
            since.format("%H:%M:%S"),
        )
    }

    /// Ends a holder that only waits for a person, on the record.
    pub(crate) async fn take_over(
        &self,
        request: &Request,
        reason: &str,
        asker: &Asker,
        origin: &Origin,
    ) -> Result<Reply, EngineError> {
        // of those that wait for a yes, only what has begun holds anything
        let begun = self.begun_and_waiting().await?;
        let fits = |row: &RunRow| {
            row.mutating && (matches!(row.status.as_str(), "paused" | "in_doubt") || begun.contains(&row.id))
        };
        let own = |holder: &Run| holder.requester == asker.actor;
        self.require_standing(asker, "take a target over")?;
        let row = self.find_run(request, asker, fits).await?;
        if matches!(asker.actor, Actor::Local(_)) {
            let holder = load_run(self.store(), row.id).await?;
            if !holder.is_some_and(|holder| own(&holder.state)) {
                return Err(EngineError::Forbidden(format!(
                    "{} may not take over what another person has begun; hint: a [[person]] in blocks.toml with the role commander or responder may",
                    asker.actor
                )));
            }
        }
        let _gate = self.inner.target_gate.lock().await;
        let command = RunCommand::TakeOver { by: asker.actor.clone(), reason: reason.to_owned() };
        self.run_verb(row.id, &command, origin).await
    }

    /// Runs that have begun, and wait for a fresh yes to go on.
    async fn begun_and_waiting(&self) -> Result<BTreeSet<RunId>, EngineError> {
        let mut begun = BTreeSet::new();
        for row in self.store().runs(None, true, LOOK).await? {
            if row.status == "waiting_for_approval"
                && load_run(self.store(), row.id).await?.is_some_and(|run| run.state.holds_target())
            {
                begun.insert(row.id);
            }
        }
        Ok(begun)
    }

    /// Adds to a decision that sets a run going that it takes its target, under the next number.
    pub(crate) async fn lock(&self, state: &Run, decision: &mut Decision) -> Result<(), EngineError> {
        if takes_target(state, decision) {
            let last = self.store().counter(LOCK_COUNTER).await?;
            take_target(decision, last + 1);
        }
        Ok(())
    }

    /// A plan that waited while the same was done is not carried out by a yes that did not know of it: it is void, and asked
    /// for again it needs another person's yes.
    pub(crate) async fn check_repetition(&self, run: &Run, asker: &Asker) -> Result<(), EngineError> {
        if run.attempts > 0 || run.repeats.is_some() {
            return Ok(());
        }
        let Some(earlier) = self.repeats(&run.plan).await? else { return Ok(()) };
        let reason = |named: &str| {
            format!(
                "the same ran on {} since this was planned ({named}), and nobody who says yes to it knew",
                run.plan.target
            )
        };
        // what is on record is shown to whoever sees this run
        let on_record = reason(&self.run_words(earlier, None).await?);
        let said = reason(&self.run_words(earlier, Some(asker)).await?);
        let command = RunCommand::VoidPlan { reason: on_record };
        self.change_run(run.id, &command, &Origin::engine(), &crate::runs::silent).await?;
        Err(EngineError::Refused(format!(
            "{said}, so this plan is void; hint: look what came of that one; asked for again, it needs a person's yes to its code"
        )))
    }

    /// A run as it is named for somebody who may not see every incident, or for anybody.
    pub(crate) async fn run_words(&self, id: RunId, asker: Option<&Asker>) -> Result<String, EngineError> {
        let incident = load_run(self.store(), id).await?.and_then(|loaded| loaded.state.incident);
        let is_hidden = match (asker, incident) {
            (Some(asker), incident) => self.hidden_from(asker).await?.hides(incident),
            (None, Some(incident)) => self.incident(incident).await?.is_some_and(|incident| incident.private),
            (None, None) => false,
        };
        Ok(match is_hidden {
            true => "a run of a private incident".to_owned(),
            false => format!("run {id}"),
        })
    }

    /// The last run that did the same on the same target within the window.
    pub(crate) async fn repeats(&self, plan: &Plan) -> Result<Option<RunId>, EngineError> {
        let window = i64::from(self.settings().repeat_window_s);
        if window == 0 || !plan.is_mutating() {
            return Ok(None);
        }
        let since = self.now() - Duration::seconds(window);
        for row in self.store().runs_on(plan.target.clone(), Some(since)).await? {
            if row.runbook != plan.runbook {
                continue;
            }
            let Some(loaded) = load_run(self.store(), row.id).await? else { continue };
            // one that never began did nothing
            if loaded.state.attempts > 0 {
                return Ok(Some(row.id));
            }
        }
        Ok(None)
    }

    /// Whether somebody else than this actor could say yes.
    pub(crate) fn has_others(&self, requester: &Actor) -> bool {
        self.directory().people().iter().any(|person| {
            let actor = Actor::Person(person.name.clone());
            actor != *requester && self.has_standing(&actor)
        })
    }
}

/// What is told to somebody who may not know which incident holds a target.
fn by_a_private_run(holder: &Run, hidden: &Hidden) -> String {
    format!(
        "{} is locked by a run of a private incident since {} UTC; hint: ask {}, who can see it and take it over",
        holder.plan.target,
        holder.started_at.unwrap_or(holder.created_at).format("%H:%M:%S"),
        hidden.whom_to_ask(),
    )
}
