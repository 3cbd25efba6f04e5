//! Any order of anything: replay comes to the same, facts told twice change nothing, and nothing ends while a run is open.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::kit::*;
use crate::cases::cases;
use crate::expectation::Outcome;
use crate::ids::{IncidentId, IncidentNumber, RunId};
use crate::incident::{AskAtPager, ChangeNoted, Effect, IncidentCommand, IncidentEvent, RunOutcome, Word};
use crate::people::{Actor, Role};
use crate::ports::Answer;

fn run() -> impl Strategy<Value = RunId> {
    prop_oneof![Just(RUN), Just(OTHER)]
}

fn run_outcome() -> impl Strategy<Value = RunOutcome> {
    prop_oneof![
        3 => Just(RunOutcome::Succeeded),
        1 => Just(RunOutcome::Failed),
        1 => Just(RunOutcome::Cancelled),
        1 => Just(RunOutcome::Vouched),
        1 => Just(RunOutcome::Undone),
        1 => Just(RunOutcome::UndoFailed),
    ]
}

fn judged() -> impl Strategy<Value = Outcome> {
    prop_oneof![Just(Outcome::Pass), Just(Outcome::Fail), Just(Outcome::Late), Just(Outcome::Ask)]
}

/// Text as it may come from outside.
pub(crate) fn text() -> impl Strategy<Value = String> {
    "([a-z0-9 |`*_<>\\[\\](){}#\n-]|\\[e99\\]|\\{\\{title\\}\\}){0,20}"
}

/// Commands that are no facts about a run: those come from runs.
pub(crate) fn outside() -> impl Strategy<Value = IncidentCommand> {
    let who = prop_oneof![
        Just(person("ana")),
        Just(person("ben")),
        Just(Actor::Outside("slack:U0X".to_owned())),
        Just(Actor::Local("root".to_owned())),
    ];
    let via = prop_oneof![Just("blocks".to_owned()), Just("pagerduty".to_owned())];
    let target = prop::option::of(prop_oneof![Just(900u32), Just(1_800), Just(5)]);
    prop_oneof![
        3 => (who.clone(), via).prop_map(|(by, via)| IncidentCommand::Acknowledge { by, via, email: None }),
        1 => Just(IncidentCommand::Unacknowledge { occurred_at: start_of_day() }),
        1 => (prop_oneof![Just("P1"), Just("P2")], target)
            .prop_map(|(to, target_s)| IncidentCommand::ChangeSeverity { to: to.to_owned(), target_s, word: Word::Here { email: None } }),
        1 => (text(), prop::option::of(text())).prop_map(|(what, text)| IncidentCommand::NotePager { what, text, id: None }),
        1 => text().prop_map(|channel| IncidentCommand::RecordChannel { channel }),
        1 => text().prop_map(|ts| IncidentCommand::RecordCard { channel: "C1".to_owned(), ts }),
        1 => text().prop_map(|ts| IncidentCommand::RecordBrief { channel: "C2".to_owned(), ts }),
        3 => who.clone().prop_map(|by| IncidentCommand::Resolve { by, email: None }),
        3 => by_people(who),
        3 => (0..5i64).prop_map(|minute| pager_ends(60 * minute)),
        1 => (0..5i64).prop_map(|minute| pager_reopens(60 * minute)),
        1 => text().prop_map(|file| IncidentCommand::RecordReview { file, sha256: "00".repeat(32), post: true }),
        2 => by_the_pager(),
        2 => Just(IncidentCommand::TargetPassed),
        1 => (text(), text()).prop_map(|(what, reason)| IncidentCommand::RecordDeliveryFailure { what, reason }),
    ]
}

/// What the pager tells beside its end.
fn by_the_pager() -> impl Strategy<Value = IncidentCommand> {
    let who =
        prop_oneof![Just(person("ana")), Just(person("ben")), Just(Actor::Outside("pagerduty:x".to_owned()))];
    let answer = prop_oneof![Just(Answer::Asked), Just(Answer::Comes), Just(Answer::Declines)];
    let service = prop_oneof![Just("flowengine"), Just("billing")];
    prop_oneof![
        (prop::option::of(text()), who, answer)
            .prop_map(|(text, who, answer)| IncidentCommand::HearResponder { text, who, answer }),
        (prop_oneof![Just("P1"), Just("P2")], 0..30i64).prop_map(|(to, minute)| {
            let occurred_at = start_of_day() + chrono::Duration::minutes(minute);
            IncidentCommand::ChangeSeverity {
                to: to.to_owned(),
                target_s: None,
                word: Word::Pager { occurred_at },
            }
        }),
        (service, any::<bool>()).prop_map(|(to, triage)| IncidentCommand::MoveToService {
            to: to.to_owned(),
            triage,
            chosen: None
        }),
        (prop::option::of(text()), prop::collection::vec(text(), 0..2))
            .prop_map(|(url, numbers)| IncidentCommand::ChangeBridge { url, numbers }),
        (0..5i64).prop_map(|minute| IncidentCommand::PagerMerged {
            id: IncidentId(uuid::Uuid::from_u128(0x12)),
            other: IncidentNumber(2),
            occurred_at: start_of_day() + chrono::Duration::minutes(minute),
        }),
    ]
}

/// What people do to it beside taking and resolving it.
fn by_people(who: impl Strategy<Value = Actor> + Clone + 'static) -> impl Strategy<Value = IncidentCommand> {
    let role = prop_oneof![Just(Role::Commander), Just(Role::Scribe), Just(Role::Responder)];
    let other = || (IncidentId(uuid::Uuid::from_u128(0x12)), IncidentNumber(2));
    prop_oneof![
        4 => (who.clone(), text()).prop_map(|(by, reason)| IncidentCommand::Reopen { by, reason }),
        2 => (who.clone(), text()).prop_map(|(by, reason)| IncidentCommand::EndAsNone { by, email: None, reason }),
        1 => who.clone().prop_map(move |by| {
            let (id, other) = other();
            IncidentCommand::MergeInto { by, email: None, id, other }
        }),
        1 => text().prop_map(move |title| {
            let (id, other) = other();
            IncidentCommand::TakeIn { id, other, title, on_page: Vec::new(), alerts: None }
        }),
        1 => (who.clone(), role, who.clone()).prop_map(|(by, role, to)| {
            let asked = AskAtPager { from: None, to: "cora@example.com".to_owned() };
            IncidentCommand::GiveRole { by, role, to, ask: Some(Box::new(asked)) }
        }),
        1 => (who.clone(), text()).prop_map(|(by, text)| IncidentCommand::GiveUpdate { by, text }),
        1 => (who, text()).prop_map(|(by, text)| IncidentCommand::AddNote { by, email: None, text }),
        1 => text().prop_map(|text| IncidentCommand::AddAction { text, owner: None, due: None }),
        1 => (0..4u32).prop_map(|number| IncidentCommand::EndAction { number }),
    ]
}

/// Facts about runs, in any order.
fn about_runs() -> impl Strategy<Value = IncidentCommand> {
    prop_oneof![
        3 => (run(), any::<bool>()).prop_map(|(run, mutating)| link(run, mutating)),
        2 => (run(), judged(), text()).prop_map(|(run, outcome, text)| IncidentCommand::AddEvidence {
            run,
            command: "replicas".to_owned(),
            title: text.clone(),
            verdicts: vec![(text.clone(), outcome, text.clone())],
            output_sha256: None,
            is_long: false,
            changes: vec![ChangeNoted { text, ..ChangeNoted::default() }],
        }),
        1 => run().prop_map(|run| IncidentCommand::EndTriage { run, commands: 3 }),
        3 => run().prop_map(|run| IncidentCommand::StartMitigation { run }),
        2 => run().prop_map(|run| IncidentCommand::TakeUpRun { run }),
        3 => (run(), run_outcome()).prop_map(|(run, outcome)| IncidentCommand::EndRun {
            run,
            outcome,
            reason: None,
        }),
    ]
}

/// Facts that an outside system or a queue may tell twice.
fn is_a_fact(command: &IncidentCommand) -> bool {
    matches!(
        command,
        IncidentCommand::Acknowledge { .. }
            | IncidentCommand::Unacknowledge { .. }
            | IncidentCommand::ChangeSeverity { .. }
            | IncidentCommand::RecordChannel { .. }
            | IncidentCommand::RecordCard { .. }
            | IncidentCommand::RecordBrief { .. }
            | IncidentCommand::LinkRun { .. }
            | IncidentCommand::EndTriage { .. }
            | IncidentCommand::EndRun { .. }
            | IncidentCommand::PagerResolved { .. }
            | IncidentCommand::PagerReopened { .. }
            | IncidentCommand::MoveToService { .. }
            | IncidentCommand::ChangeBridge { .. }
            | IncidentCommand::TargetPassed
    )
}

proptest! {
    #![proptest_config(cases(600))]
    #[test]
    fn the_laws_hold_whatever_happens(
        paged in any::<bool>(),
        commands in prop::collection::vec(prop_oneof![outside(), about_runs()], 0..40),
    ) {
        let (mut bench, _) = Bench::open(&request(paged), start_of_day());
        let mut open_runs = BTreeSet::new();
        for command in &commands {
            let Ok(decision) = bench.give(command) else { continue };
            for event in &decision.events {
                match event {
                    IncidentEvent::RunPlanned { run, mutating: true, .. } => {
                        open_runs.insert(*run);
                    }
                    IncidentEvent::RunEnded { run, .. } => {
                        open_runs.remove(run);
                    }
                    IncidentEvent::Resolved { .. }
                    | IncidentEvent::ResolveRequested
                    | IncidentEvent::NotAnIncident { .. }
                    | IncidentEvent::MergedInto { .. } => {
                        prop_assert!(open_runs.is_empty(), "{command:?} while {open_runs:?} are open");
                    }
                    _ => {}
                }
            }
            let resolved = decision.events.iter().any(|event| matches!(event, IncidentEvent::Resolved { .. }));
            let drafts = decision.effects.iter().filter(|effect| matches!(effect, Effect::DraftReview { .. }));
            prop_assert_eq!(drafts.count(), usize::from(resolved), "one draft per end: {:?}", command);
            // a timer that comes too early has told nothing; a second later it may be right
            let early = matches!(command, IncidentCommand::TargetPassed) && decision.events.is_empty();
            if is_a_fact(command) && !early {
                let again = bench.learns(command);
                prop_assert_eq!(again.events, [], "told twice: {:?}", command);
                prop_assert_eq!(again.effects, [], "told twice: {:?}", command);
            }
        }
        prop_assert_eq!(bench.replayed(), bench.incident);
    }
}
