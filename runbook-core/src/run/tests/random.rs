//! Any order of anything: the laws hold, and replay comes to the same.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::kit::*;
use super::laws;
use crate::cases::cases;
use crate::expectation::Check;
use crate::people::Actor;
use crate::plan::{PlanStep, PlannedCommand};
use crate::ports::{Exit, Finished, Output, StateOutcome};
use crate::run::{MessageKind, NewRun, RunCommand};
use crate::runbook::{Effect, Flow, Foreach, Until};

/// Something that happens to a run.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    Approves(u8, bool, bool),
    Refuses(u8),
    Passes(u16),
    Advances,
    Ends(Exit, &'static str, bool, bool),
    NotStarted,
    Lost,
    NeverBegun,
    Crashes,
    Answers(bool),
    MarksDone,
    Retries(u8),
    Pauses,
    Resumes,
    PassesOver(u8, bool),
    TakesOver(u8),
    Cancels,
    Undoes,
    Posts,
    Repeats,
}

const NAMES: [&str; 3] = ["ana", "ben", "eva"];

pub(crate) fn happening() -> impl Strategy<Value = Happening> {
    let exit = prop_oneof![
        6 => Just(Exit::Code { code: 0 }),
        2 => Just(Exit::Code { code: 1 }),
        1 => Just(Exit::TimedOut),
        1 => Just(Exit::Signal { signal: 9 }),
    ];
    let output = prop_oneof![3 => Just("42\n"), 1 => Just("no | number\n"), 1 => Just("")];
    prop_oneof![
        4 => (0..3u8, prop::bool::weighted(0.9), prop::bool::weighted(0.9)).prop_map(|(who, may, right)| Happening::Approves(who, may, right)),
        1 => (0..3u8).prop_map(Happening::Refuses),
        1 => (1..2_000u16).prop_map(Happening::Passes),
        10 => Just(Happening::Advances),
        10 => (exit, output, any::<bool>(), prop::bool::weighted(0.1)).prop_map(|(exit, text, state, stale)| Happening::Ends(exit, text, state, stale)),
        1 => Just(Happening::NotStarted),
        1 => Just(Happening::Lost),
        1 => Just(Happening::NeverBegun),
        1 => Just(Happening::Crashes),
        2 => any::<bool>().prop_map(Happening::Answers),
        2 => Just(Happening::MarksDone),
        3 => (0..3u8).prop_map(Happening::Retries),
        1 => Just(Happening::Pauses),
        2 => Just(Happening::Resumes),
        2 => (0..3u8, any::<bool>()).prop_map(|(who, rest)| Happening::PassesOver(who, rest)),
        1 => (0..3u8).prop_map(Happening::TakesOver),
        1 => Just(Happening::Cancels),
        2 => Just(Happening::Undoes),
        1 => Just(Happening::Posts),
        2 => Just(Happening::Repeats),
    ]
}

fn effect() -> impl Strategy<Value = Effect> {
    prop_oneof![Just(Effect::Read), Just(Effect::Idempotent), Just(Effect::Once)]
}

/// A third of the commands are loops, members of a group, or waited for.
fn flow() -> impl Strategy<Value = Flow> {
    (0..8u8, 1..4u16, any::<bool>(), 0..3u16).prop_map(|(kind, concurrency, canary, budget)| {
        let items = ["a", "b", "c"].map(str::to_owned).to_vec();
        let list = |source: &str, items| Foreach {
            name: "host".to_owned(),
            source: source.to_owned(),
            items,
            concurrency,
            canary,
            budget,
            places: BTreeSet::new(),
        };
        match kind {
            0 => Flow { foreach: Some(list("hosts", Some(items))), ..Flow::default() },
            1 => Flow { foreach: Some(list("REVISION", None)), ..Flow::default() },
            2 => Flow { parallel: Some("group".to_owned()), ..Flow::default() },
            3 => {
                let until = Until { deadline_ms: 60_000, every_ms: Some(10_000) };
                Flow { until: Some(until), ..Flow::default() }
            }
            _ => Flow::default(),
        }
    })
}

fn planned(id: &'static str, effect: impl Strategy<Value = Effect>) -> impl Strategy<Value = PlannedCommand> {
    (effect, 0..5u8, flow(), 0..3u8).prop_map(move |(effect, kind, flow, retries)| {
        let mut planned = PlannedCommand { flow, ..command(id, effect) };
        planned.retries = if planned.flow.until.is_none() { retries } else { 0 };
        planned.expectations = match kind {
            0 => vec![expectation("a person looks", Check::Person, None)],
            1 => vec![expectation("within 5s", Check::ExitZero, Some(5_000))],
            _ => Vec::new(),
        };
        planned
    })
}

/// An undo is for the step as a whole here.
fn inverse(command: PlannedCommand) -> PlannedCommand {
    PlannedCommand { flow: Flow::default(), retries: 0, ..command }
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<PlanStep>> {
    let step = (
        prop::option::of(Just(capturing("revision"))),
        prop::collection::vec(planned("do", effect()), 0..3),
        prop::collection::vec(planned("back", effect()).prop_map(inverse), 0..3),
        prop::option::of(Just(86_400u32)),
    )
        .prop_map(|(baseline, commands, undo, due_s)| PlanStep {
            baselines: baseline.into_iter().collect(),
            due_s,
            ..step("one", commands, undo)
        });
    prop::collection::vec(step, 1..4)
}

pub(crate) fn new_run() -> impl Strategy<Value = NewRun> {
    (steps(), 0..3u8, prop::bool::weighted(0.15)).prop_map(|(steps, needed, unasked)| {
        let requester = if unasked { Actor::system("triage") } else { person("ana") };
        NewRun { unasked, requester, ..request(plan(steps), needed) }
    })
}

fn command_for(
    bench: &Bench,
    happening: &Happening,
    last: Option<&RunCommand>,
) -> Option<(Actor, RunCommand)> {
    // of several that are alive, any may be the one
    let alive: Vec<u32> = bench.run.live_units().map(|(_, attempt)| attempt.number).collect();
    let which = bench.events.len() % alive.len().max(1);
    let attempt = alive.get(which).copied().unwrap_or(bench.run.attempts);
    let engine = Actor::system("engine");
    let who = |index: u8| person(NAMES[usize::from(index)]);
    Some(match happening {
        Happening::Approves(index, may_approve, right) => {
            let fingerprint = Some(if *right { AS_SHOWN } else { "ffffffff" }.to_owned());
            let by = who(*index);
            let reason = Some("it has to be".to_owned());
            (by.clone(), RunCommand::Approve { by, may_approve: *may_approve, fingerprint, reason })
        }
        Happening::Refuses(index) => {
            let by = who(*index);
            (by.clone(), RunCommand::Refuse { by, may_approve: true, reason: None })
        }
        Happening::Passes(_) => (Actor::system("timer"), RunCommand::Expire),
        Happening::Advances => (engine, RunCommand::Advance),
        Happening::Ends(exit, text, written, stale) => {
            let ended = Finished {
                stdout: Output { text: (*text).to_owned(), dropped_bytes: 0 },
                elapsed_ms: if *exit == Exit::TimedOut { 60_000 } else { 7 },
                state: if *written { StateOutcome::Written } else { StateOutcome::Missing },
                ..finished(*exit)
            };
            (engine, finish(if *stale { attempt.saturating_sub(1) } else { attempt }, ended))
        }
        Happening::NotStarted => (engine, RunCommand::NotStarted { attempt, reason: "no bash".to_owned() }),
        Happening::Lost => (engine, RunCommand::Lost { attempt, reason: "gone".to_owned() }),
        Happening::NeverBegun => (engine, RunCommand::NeverBegun { attempt, reason: "nobody".to_owned() }),
        Happening::Crashes => (Actor::system("recovery"), RunCommand::Recover),
        Happening::Answers(yes) => (who(0), RunCommand::Answer { yes: *yes, reason: None }),
        Happening::MarksDone => (who(0), RunCommand::MarkDone { reason: Some("seen".to_owned()) }),
        Happening::Retries(index) => (who(*index), RunCommand::Retry),
        Happening::Pauses => (who(1), RunCommand::Pause { reason: None }),
        Happening::Resumes => (who(0), RunCommand::Resume { reason: None }),
        Happening::PassesOver(index, rest) => {
            (who(*index), RunCommand::PassOver { rest: *rest, reason: "not needed".to_owned() })
        }
        Happening::TakesOver(index) => {
            let by = who(*index);
            (by.clone(), RunCommand::TakeOver { by, reason: "gone".to_owned() })
        }
        Happening::Cancels => (who(0), RunCommand::Cancel { reason: None }),
        Happening::Undoes => (who(0), RunCommand::Undo),
        Happening::Posts => {
            let (channel, ts) = ("C1".to_owned(), "1.2".to_owned());
            (engine, RunCommand::RecordMessage { kind: MessageKind::Plan, channel, ts })
        }
        Happening::Repeats => (engine, last?.clone()),
    })
}

/// Lets it happen. What a person asks for may be refused; a refusal changes nothing.
pub(crate) fn happen(bench: &mut Bench, happening: &Happening, last: &mut Option<RunCommand>) {
    if let Happening::Passes(seconds) = happening {
        bench.now += chrono::Duration::seconds(i64::from(*seconds));
    }
    let Some((by, command)) = command_for(bench, happening, last.as_ref()) else { return };
    if bench.give_as(&by, &command).is_ok()
        && !matches!(command, RunCommand::Retry | RunCommand::Approve { .. })
    {
        *last = Some(command);
    }
}

proptest! {
    #![proptest_config(cases(384))]
    #[test]
    fn the_laws_hold_whatever_happens(
        new_run in new_run(),
        happenings in prop::collection::vec(happening(), 0..60),
    ) {
        let (mut bench, _) = Bench::plan(&new_run, start_of_day());
        let mut last = None;
        for happening in &happenings {
            happen(&mut bench, happening, &mut last);
        }
        laws::check(&bench);
    }
}
