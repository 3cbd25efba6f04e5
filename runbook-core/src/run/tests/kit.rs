//! A run on the test bench: every decision is sealed, stored and applied, as the engine does it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use crate::expectation::{Check, Expectation};
use crate::ids::{IncidentId, RunId};
use crate::incident::IncidentCommand;
use crate::journal::{Cause, Envelope, Head, Stamp, StoredEvent, StreamId, open, seal};
use crate::people::Actor;
use crate::plan::{Plan, PlanStep, PlannedCommand, Risk, RiskAssessment};
use crate::ports::{Exit, Finished, Output, StateOutcome};
use crate::run::{Decision, Effect, NewRun, Rejection, Run, RunCommand, RunEvent, decide, evolve, plan_run};
use crate::runbook::{Capture, CommandKind, Effect as CommandEffect, EffectSource, Flow, ManualItem};

pub(crate) fn start_of_day() -> DateTime<Utc> {
    "2025-12-09T14:02:11Z".parse().unwrap()
}

pub(crate) fn person(name: &str) -> Actor {
    Actor::Person(name.to_owned())
}

pub(crate) fn expectation(text: &str, check: Check, within_ms: Option<u64>) -> Expectation {
    Expectation { line: 1, text: text.to_owned(), check, within_ms }
}

pub(crate) fn command(id: &str, effect: CommandEffect) -> PlannedCommand {
    PlannedCommand {
        id: id.to_owned(),
        title: None,
        kind: CommandKind::Shell,
        text: format!("{id}\n"),
        connection: None,
        retries: 0,
        flow: Flow::default(),
        effect,
        effect_source: EffectSource::Declared,
        timeout_ms: 60_000,
        capture: None,
        condition: None,
        expectations: Vec::new(),
    }
}

pub(crate) fn capturing(id: &str) -> PlannedCommand {
    let capture = Capture {
        name: "REVISION".to_owned(),
        pattern: "[0-9]+".to_owned(),
        max_bytes: 8,
        lines: false,
        places: BTreeSet::new(),
    };
    PlannedCommand { capture: Some(capture), ..command(id, CommandEffect::Read) }
}

pub(crate) fn step(id: &str, commands: Vec<PlannedCommand>, undo: Vec<PlannedCommand>) -> PlanStep {
    PlanStep {
        id: id.to_owned(),
        title: format!("Step {id}"),
        params: BTreeMap::new(),
        timebox_s: None,
        starts_s: None,
        due_s: None,
        baselines: Vec::new(),
        commands,
        probe: None,
        undo,
        manual_items: Vec::new(),
    }
}

/// A step that is due after the run and that only a person can do.
pub(crate) fn follow_up(id: &str, due_s: u32) -> PlanStep {
    PlanStep {
        due_s: Some(due_s),
        manual_items: vec![ManualItem::new(9, format!("look at {id}"))],
        ..step(id, Vec::new(), Vec::new())
    }
}

pub(crate) fn plan(steps: Vec<PlanStep>) -> Plan {
    Plan {
        format: 1,
        runbook: "rollback".to_owned(),
        title: "Roll back".to_owned(),
        document_sha256: "00".repeat(32),
        included: BTreeMap::new(),
        provenance: None,
        section: None,
        target: "flowengine".to_owned(),
        params: [("namespace".to_owned(), "production".to_owned())].into(),
        secrets: BTreeMap::new(),
        secrets_of: None,
        environment: vec!["PATH".to_owned()],
        steps,
        limit_s: None,
        approvals: None,
        rolls_back: false,
    }
}

/// Asked for by `ana`, for incident 1.
pub(crate) fn request(plan: Plan, approvals_needed: u8) -> NewRun {
    NewRun {
        id: RunId(Uuid::from_u128(0x21)),
        incident: Some(IncidentId(Uuid::from_u128(0x11))),
        incident_number: Some("INC-1".to_owned()),
        fingerprint: plan.fingerprint().unwrap(),
        plan,
        risk: RiskAssessment { risk: Risk::Irreversible, reasons: vec!["not drilled lately".to_owned()] },
        requester: person("ana"),
        approvals_needed,
        directory: "/".to_owned(),
        unasked: false,
        approval_window_s: 900,
        announce: true,
        deadline: None,
        repeats: None,
    }
}

/// What a person names who has looked at the plan: [`Bench::give_as`] puts the run's own code in its place.
pub(crate) const AS_SHOWN: &str = "as shown";

pub(crate) fn approve(name: &str) -> RunCommand {
    let fingerprint = Some(AS_SHOWN.to_owned());
    RunCommand::Approve { by: person(name), may_approve: true, fingerprint, reason: None }
}

pub(crate) fn finished(exit: Exit) -> Finished {
    Finished {
        exit,
        stdout: Output { text: "42\n".to_owned(), dropped_bytes: 0 },
        stderr: Output::default(),
        elapsed_ms: 7,
        state: StateOutcome::Written,
        survivors: Vec::new(),
    }
}

pub(crate) fn finish(attempt: u32, finished: Finished) -> RunCommand {
    RunCommand::Finish { attempt, finished: Box::new(finished) }
}

/// Ends with status 0 and prints a number.
pub(crate) fn ok(attempt: u32) -> RunCommand {
    finish(attempt, finished(Exit::Code { code: 0 }))
}

pub(crate) fn fails(attempt: u32) -> RunCommand {
    finish(attempt, finished(Exit::Code { code: 1 }))
}

/// One run, live, with everything that was stored about it.
#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) run: Run,
    pub(crate) stored: Vec<StoredEvent>,
    pub(crate) events: Vec<Envelope<RunEvent>>,
    /// What the incident was told, in order.
    pub(crate) told: Vec<IncidentCommand>,
    pub(crate) now: DateTime<Utc>,
    head: Head,
}

impl Bench {
    pub(crate) fn plan(request: &NewRun, now: DateTime<Utc>) -> (Bench, Decision) {
        let decision = plan_run(request, now);
        let stream = StreamId::Run(request.id);
        let (mut stored, mut events, mut head) = (Vec::new(), Vec::new(), Head::EMPTY);
        let run =
            store(stream, None, &mut head, &mut stored, &mut events, &request.requester, &decision, now);
        let mut bench = Bench { run: run.unwrap(), stored, events, told: Vec::new(), now, head };
        bench.hear(&decision);
        (bench, decision)
    }

    /// A run of these steps that nobody has approved yet.
    pub(crate) fn of(steps: Vec<PlanStep>, approvals_needed: u8) -> Bench {
        Bench::plan(&request(plan(steps), approvals_needed), start_of_day()).0
    }

    /// The same, approved by `ben`.
    pub(crate) fn approved(steps: Vec<PlanStep>) -> Bench {
        let mut bench = Bench::of(steps, 1);
        bench.give("ben", &approve("ben")).unwrap();
        bench
    }

    /// One command by this person, a second later.
    pub(crate) fn give(&mut self, name: &str, command: &RunCommand) -> Result<Decision, Rejection> {
        self.give_as(&person(name), command)
    }

    pub(crate) fn give_as(&mut self, by: &Actor, command: &RunCommand) -> Result<Decision, Rejection> {
        self.now += Duration::seconds(1);
        let mut command = command.clone();
        if let RunCommand::Approve { fingerprint: Some(named), .. } = &mut command
            && named == AS_SHOWN
        {
            *named = self.run.fingerprint.code();
        }
        let decision = decide(&self.run, &command, self.now)?;
        self.give_decided(by, &decision);
        Ok(decision)
    }

    /// What was decided, as somebody's.
    pub(crate) fn give_decided(&mut self, by: &Actor, decision: &Decision) {
        let run = store(
            StreamId::Run(self.run.id),
            Some(self.run.clone()),
            &mut self.head,
            &mut self.stored,
            &mut self.events,
            by,
            decision,
            self.now,
        );
        self.run = run.unwrap();
        self.hear(decision);
    }

    /// By Blocks itself; it may never be refused.
    pub(crate) fn engine(&mut self, command: &RunCommand) -> Vec<RunEvent> {
        self.give_as(&Actor::system("engine"), command).unwrap().events
    }

    /// Starts the next command, and says which attempt it is.
    pub(crate) fn starts(&mut self) -> u32 {
        self.engine(&RunCommand::Advance);
        self.run.live_unit().unwrap().1.number
    }

    /// Runs commands with status 0 until nothing starts any more.
    pub(crate) fn runs_through(&mut self) {
        loop {
            self.engine(&RunCommand::Advance);
            let Some((_, attempt)) = self.run.live_unit() else { break };
            let attempt = attempt.number;
            self.engine(&ok(attempt));
        }
    }

    pub(crate) fn status(&self) -> &'static str {
        self.run.status.word()
    }

    /// The run as recovery would see it.
    pub(crate) fn replayed(&self) -> Run {
        let mut run = None;
        for stored in &self.stored {
            run = Some(evolve(run, &open(stored).unwrap()).unwrap());
        }
        run.unwrap()
    }

    /// The run as it is read after the plan in its first event was changed.
    pub(crate) fn tampered(&mut self, change: impl FnOnce(&mut Plan)) {
        let RunEvent::Planned { plan, .. } = &mut self.events[0].event else {
            panic!("it begins with a plan")
        };
        change(plan);
        let read = self.events.iter().fold(None, |run, event| Some(evolve(run, event).unwrap()));
        self.run = read.unwrap();
    }

    fn hear(&mut self, decision: &Decision) {
        for effect in &decision.effects {
            if let Effect::TellIncident(command) = effect {
                self.told.push(command.clone());
            }
        }
    }
}

/// Seals the events, and applies what was decided, not what was stored: replay has to come to the same.
#[expect(clippy::too_many_arguments, reason = "one place that stands for the engine's transaction")]
fn store(
    stream: StreamId,
    mut run: Option<Run>,
    head: &mut Head,
    stored: &mut Vec<StoredEvent>,
    events: &mut Vec<Envelope<RunEvent>>,
    by: &Actor,
    decision: &Decision,
    now: DateTime<Utc>,
) -> Option<Run> {
    let stamp = Stamp { now, occurred_at: None, actor: by.clone(), cause: Cause::Engine };
    let (sealed, next) = seal(stream, *head, &stamp, &decision.events).unwrap();
    *head = next;
    for (one, event) in sealed.into_iter().zip(&decision.events) {
        let one = StoredEvent { seq: one.seq, bytes: one.bytes, hash: one.hash };
        let envelope: Envelope<RunEvent> = open(&one).unwrap();
        let live = Envelope { event: event.clone(), ..envelope };
        run = Some(evolve(run, &live).unwrap());
        stored.push(one);
        events.push(live);
    }
    run
}
