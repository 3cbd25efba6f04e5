//! One run, from the wish to its rest: the kills that its plan asks for, and a person who answers.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use blocks_crash::Place;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::facts::{in_question, live, settled_keys, started_keys};
use super::ledger;
use super::plan::{AtPoint, Moment, Outside, RunPlan, Victim};
use super::world::World;

/// Between two looks at everything.
const LOOK: Duration = Duration::from_millis(15);
/// Starts of an engine in a row that may be cut short.
const STARTS: u32 = 5;
/// How often a person tries a failed command again before they undo.
const TRIES: u32 = 3;

/// What was killed.
#[derive(Debug, Clone)]
pub(super) struct Kill {
    /// A point's name, `living` or `any-time`.
    pub(super) moment: &'static str,
    pub(super) victim: Victim,
    /// A command that must not be repeated had begun, and had not ended.
    pub(super) while_once_lived: bool,
    /// The attempt that had an intent and no outcome.
    pub(super) live: Option<u64>,
}

/// What happened to one run.
#[derive(Debug, Clone, Default)]
pub(super) struct RunLog {
    pub(super) number: u64,
    /// Its id, once somebody was told.
    pub(super) id: Option<String>,
    pub(super) kills: Vec<Kill>,
    /// What people asked for and were told is done.
    pub(super) acknowledged: Vec<&'static str>,
    /// Where it came to rest; empty when it did not.
    pub(super) rest: String,
    /// Attempts that had begun while the journal did not know them.
    pub(super) without_intent: BTreeSet<String>,
    /// Engines that ended by themselves.
    pub(super) ended_alone: Vec<String>,
}

pub(super) struct Playing<'a> {
    world: &'a mut World,
    plan: &'a RunPlan,
    log: RunLog,
    outside: VecDeque<Outside>,
    /// Nobody has come to the point yet.
    is_ordered: bool,
    yes_at: Option<Instant>,
    retries: u32,
    gave_up: bool,
}

impl<'a> Playing<'a> {
    pub(super) fn new(world: &'a mut World, plan: &'a RunPlan) -> Self {
        Playing {
            world,
            plan,
            log: RunLog { number: plan.number, ..RunLog::default() },
            outside: plan.outside.iter().copied().collect(),
            is_ordered: false,
            yes_at: None,
            retries: 0,
            gave_up: false,
        }
    }

    /// Plays it until it rests, or the time is over.
    pub(super) async fn play(mut self, limit: Duration) -> RunLog {
        let deadline = Instant::now() + limit;
        self.world.write("runbooks/verdict", if self.plan.is_undone { "bad\n" } else { "good\n" });
        if !self.plan.at_point.with_the_yes {
            self.order();
        }
        while Instant::now() < deadline {
            self.tend().await;
            let rests = match self.log.id.clone() {
                None => {
                    self.begin().await;
                    false
                }
                Some(run) => self.go_on(&run).await,
            };
            if rests && self.is_over() {
                return self.log;
            }
            sleep(LOOK).await;
        }
        let _late = self.world.take_order_back();
        let _late = self.world.order_was_taken();
        self.log.rest.clear();
        self.log
    }

    /// At rest, an order that nobody has come to is taken back; one that was just taken is tended to first.
    fn is_over(&mut self) -> bool {
        if !self.is_ordered || self.world.take_order_back() {
            self.is_ordered = false;
            return true;
        }
        false
    }

    fn order(&mut self) {
        let AtPoint { point, passes, linger_ms, .. } = self.plan.at_point;
        self.world.give_order(&format!("{} {passes} {linger_ms} {}", point.name(), self.plan.number));
        self.is_ordered = true;
    }

    async fn begin(&mut self) {
        let asked = json!({ "request": "runbook_rollback", "service": "shop", "params": {} });
        let answer = self.world.ask("ana", &asked).await;
        if answer.status == 200 {
            self.log.id = answer.json()["data"]["id"].as_str().map(str::to_owned);
        }
    }

    /// Sees who has died, kills who is to die, and has the engine live again.
    async fn tend(&mut self) {
        self.see_the_point().await;
        if self.is_due()
            && let Some(kill) = self.outside.pop_front()
        {
            sleep(Duration::from_millis(kill.delay_ms)).await;
            self.kill(kill).await;
        }
        for _ in 0..STARTS {
            if self.world.is_up() {
                return;
            }
            // Every death but a kill's is a finding.
            if !self.see_the_point().await && self.world.has_ended_alone() {
                self.log.ended_alone.push(self.world.log());
            }
            if !self.world.start().await && !self.see_the_point().await {
                self.log.ended_alone.push(self.world.log());
            }
        }
    }

    /// Whether somebody has come to the point now.
    async fn see_the_point(&mut self) -> bool {
        if !self.is_ordered || !self.world.order_was_taken() {
            return false;
        }
        self.is_ordered = false;
        self.has_died(self.plan.at_point).await;
        true
    }

    /// Somebody came to the point.
    async fn has_died(&mut self, at_point: AtPoint) {
        let victim = at_point.victim();
        // The one that took the order is on its way out.
        match (at_point.point.place(), at_point.both) {
            (Place::Engine, both) => {
                self.world.kill_engine().await;
                if both && let Some(run) = &self.log.id {
                    self.world.kill_supervisor(run);
                }
            }
            (Place::Supervisor, true) => self.world.kill_engine().await,
            (Place::Supervisor, false) => {}
        }
        self.note(at_point.point.name(), victim);
    }

    fn is_due(&self) -> bool {
        let (Some(kill), Some(run)) = (self.outside.front(), &self.log.id) else { return false };
        match kill.moment {
            Moment::AnyTime => self.yes_at.is_some(),
            Moment::Living(least) => {
                let open = ledger::open(&ledger::of_run(&self.world.books(), run));
                let is_late_enough = |key: &String| {
                    let step = key.split("/step-").nth(1).and_then(|rest| rest.split('-').next());
                    // Four steps, of which the third repeats as it likes.
                    step.and_then(|step| step.parse().ok()).is_some_and(|step: u64| step >= least)
                };
                let mut open = open.into_iter().filter(is_late_enough).peekable();
                if open.peek().is_none() {
                    return false;
                }
                let gone = settled_keys(&self.world.events(run));
                open.any(|key| !gone.contains(&key))
            }
        }
    }

    async fn kill(&mut self, kill: Outside) {
        let Some(run) = self.log.id.clone() else { return };
        let moment = if kill.moment == Moment::AnyTime { "any-time" } else { "living" };
        let before = self.world.events(&run);
        let mut victim = kill.victim;
        if victim != Victim::Engine && !self.world.kill_supervisor(&run) {
            victim = Victim::Engine;
        }
        if victim == Victim::Supervisor {
            self.note_with(moment, victim, &before);
            return;
        }
        if self.world.is_up() {
            self.world.kill_engine().await;
            self.note(moment, victim);
        }
    }

    fn note(&mut self, moment: &'static str, victim: Victim) {
        let events = self.log.id.as_ref().map(|run| self.world.events(run)).unwrap_or_default();
        self.note_with(moment, victim, &events);
    }

    fn note_with(&mut self, moment: &'static str, victim: Victim, events: &[Value]) {
        let mut while_once_lived = false;
        if let Some(run) = &self.log.id {
            let entries = ledger::of_run(&self.world.books(), run);
            let gone = settled_keys(events);
            while_once_lived = ledger::open(&entries).iter().any(|key| !gone.contains(key));
            if !self.world.is_up() {
                // Nobody writes to the journal now, so what began is in it or began too early.
                let known = started_keys(&self.world.events(run));
                let unknown = entries.iter().map(|entry| &entry.key).filter(|key| !known.contains(*key));
                self.log.without_intent.extend(unknown.cloned());
            }
        }
        self.log.kills.push(Kill { moment, victim, while_once_lived, live: live(events) });
    }

    /// One look at the run, and what a person does about it. `true` when it rests.
    async fn go_on(&mut self, run: &str) -> bool {
        let asked = json!({ "request": "runbook_status", "run": run });
        let answer = self.world.ask("ana", &asked).await;
        if answer.status != 200 {
            return false;
        }
        let data = answer.json()["data"].take();
        let status = data["status"].as_str().unwrap_or_default().to_owned();
        match status.as_str() {
            "waiting_for_approval" => {
                if self.yes_at.is_none() && self.plan.at_point.with_the_yes && !self.is_ordered {
                    self.order();
                }
                let yes = json!({ "request": "runbook_approve", "run": run, "fingerprint": data["code"] });
                self.decide("ben", "approved", yes).await;
                self.yes_at.get_or_insert_with(Instant::now);
            }
            "in_doubt" => self.look(run).await,
            "paused" => {
                let yes = json!({ "request": "runbook_answer", "run": run, "yes": true });
                self.decide("ana", "answered_yes", yes).await;
            }
            "failed" if !self.plan.is_undone && self.retries < TRIES => {
                self.retries += 1;
                self.decide("ana", "retry_ordered", json!({ "request": "runbook_retry", "run": run })).await;
            }
            "cancelled" | "failed" => {
                let undo = json!({ "request": "runbook_undo", "run": run });
                // Refused: nothing has happened that could be undone.
                if self.decide("ana", "undo_started", undo).await == 409 {
                    self.log.rest = status;
                    return true;
                }
            }
            "undo_failed" => {
                // Somebody looks, and puts right what the undo left.
                let done = json!({ "request": "runbook_mark_done", "run": run });
                self.decide("ana", "undone", done).await;
            }
            "succeeded" | "undone" => {
                self.log.rest = status;
                return true;
            }
            _ => {}
        }
        false
    }

    /// In doubt, a person looks at what is there: it has happened, or it has not.
    async fn look(&mut self, run: &str) {
        let events = self.world.events(run);
        let Some(step) = in_question(&events) else { return };
        let doubt = events.iter().rev().find(|event| event["type"] == "command_in_doubt");
        let is_undo = doubt.is_some_and(|doubt| doubt["unit"]["role"] == "undo");
        if self.plan.gives_up && !self.gave_up {
            self.gave_up = true;
            // half an undo is no end
            let end = if is_undo { "undo_failed" } else { "cancelled" };
            self.decide("ana", end, json!({ "request": "runbook_cancel", "run": run })).await;
            return;
        }
        let wanted = if is_undo { "undo" } else { "effect" };
        let entries = ledger::of_run(&self.world.books(), run);
        let has_happened = entries.iter().any(|entry| entry.what == wanted && entry.step() == step);
        if has_happened {
            let done = json!({ "request": "runbook_mark_done", "run": run, "reason": "it is in the ledger" });
            self.decide("ana", "answered_yes", done).await;
        } else {
            self.decide("ana", "retry_ordered", json!({ "request": "runbook_retry", "run": run })).await;
        }
    }

    /// Asks, and remembers what was acknowledged.
    async fn decide(&mut self, person: &str, event: &'static str, request: Value) -> u16 {
        let answer = self.world.ask(person, &request).await;
        if answer.status == 200 {
            self.log.acknowledged.push(event);
        }
        answer.status
    }
}
