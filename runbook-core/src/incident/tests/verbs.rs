//! What people ask of an incident beside taking and resolving it.

use chrono::Duration;

use super::kit::*;
use super::{drafts, end, link, mitigating, pager_calls, words};
use crate::ids::{IncidentId, IncidentNumber};
use crate::incident::{
    Decision, Effect, End, IncidentCommand, RESOLVE_NOT_REPEATED, RESOLVE_WITHDRAWN, Rejection, RunOutcome,
};
use crate::message::Outgoing;
use crate::people::{Actor, Role};
use crate::ports::PagerCall;
use crate::update::PageState;

const OTHER_ID: IncidentId = IncidentId(uuid::Uuid::from_u128(0x12));

fn reopen(who: &str) -> IncidentCommand {
    IncidentCommand::Reopen { by: person(who), reason: "it fails again".to_owned() }
}

fn none(who: &str) -> IncidentCommand {
    IncidentCommand::EndAsNone { by: person(who), email: None, reason: "a load test".to_owned() }
}

fn merge(who: &str) -> IncidentCommand {
    IncidentCommand::MergeInto { by: person(who), email: None, id: OTHER_ID, other: IncidentNumber(2) }
}

fn role(by: &str, role: Role, to: &str) -> IncidentCommand {
    IncidentCommand::GiveRole { by: person(by), role, to: person(to), ask: None }
}

fn notes(decision: &Decision) -> Vec<&str> {
    let text = |effect| match effect {
        &Effect::Send(Outgoing::Note { ref text, .. }) => Some(text.as_str()),
        _ => None,
    };
    decision.effects.iter().filter_map(text).collect()
}

fn clears_target(decision: &Decision) -> bool {
    decision.effects.iter().any(|effect| matches!(effect, Effect::ClearTargetTimer { .. }))
}

fn note_of(text: &str) -> IncidentCommand {
    IncidentCommand::NotePager { what: "note".to_owned(), text: Some(text.to_owned()), id: None }
}

#[test]
fn what_was_no_incident_ends_without_target_or_review() {
    for command in [none("ana"), merge("ana")] {
        for paged in [true, false] {
            let (mut bench, _) = Bench::open(&request(paged), start_of_day());
            let ended = bench.learns(&command);
            assert_eq!(drafts(&ended), 0);
            assert!(clears_target(&ended));
            assert_eq!(bench.status(), "closed");
            assert!(!bench.incident.is_reviewed());
            assert_eq!(bench.incident.resolved_at, Some(bench.now));
            let calls = pager_calls(&ended);
            match calls.as_slice() {
                [] => assert!(!paged),
                [PagerCall::Note { .. }, PagerCall::Resolve { incident, .. }] => {
                    assert!(paged && incident == "Q1");
                }
                other => panic!("{other:?}"),
            }
            bench.now += Duration::hours(2);
            assert_eq!(bench.learns(&IncidentCommand::TargetPassed), Decision::default());
            // what the pager says of it then changes nothing but its time
            if paged {
                assert_eq!(words(&bench.learns(&pager_ends(60))), ["pager_noted"]);
            }
            assert_eq!(bench.status(), "closed");
            for again in [none("ana"), merge("ana"), resolve("ana")] {
                assert!(matches!(bench.give(&again), Err(Rejection::NotOpen { .. })), "{again:?}");
            }
            assert_eq!(bench.replayed(), bench.incident);
        }
    }
}

#[test]
fn strangers_end_nothing_and_nobody_while_a_run_is_open() {
    let mut bench = mitigating();
    for command in [none("ana"), merge("ana")] {
        assert!(matches!(bench.give(&command), Err(Rejection::RunOpen { run: RUN, .. })), "{command:?}");
    }
    bench.learns(&end(RUN, RunOutcome::Failed));
    for by in
        [Actor::Outside("slack:U0X".to_owned()), Actor::Service("api".to_owned()), Actor::system("timer")]
    {
        let reason = "so".to_owned();
        for command in [
            IncidentCommand::EndAsNone { by: by.clone(), email: None, reason: reason.clone() },
            IncidentCommand::MergeInto {
                by: by.clone(),
                email: None,
                id: OTHER_ID,
                other: IncidentNumber(2),
            },
            IncidentCommand::Reopen { by: by.clone(), reason },
        ] {
            assert!(matches!(bench.give(&command), Err(Rejection::UnknownPerson { .. })), "{command:?}");
        }
    }
    let own = IncidentCommand::MergeInto {
        by: person("ana"),
        email: None,
        id: bench.incident.id,
        other: IncidentNumber(1),
    };
    assert!(matches!(bench.give(&own), Err(Rejection::IntoItself { .. })));
}

#[test]
fn only_what_is_over_is_reopened_and_then_it_counts_again() {
    for how in ["pager", "here", "none", "merged"] {
        let (mut bench, _) = Bench::open(&request(how != "here"), start_of_day());
        bench.learns(&acknowledge("ana", "blocks"));
        assert!(matches!(
            bench.give(&reopen("ana")),
            Err(Rejection::StillOpen { status: "acknowledged", .. })
        ));
        match how {
            "pager" => drop(bench.learns(&pager_ends(60))),
            "here" => drop(bench.learns(&resolve("ana"))),
            "none" => drop(bench.learns(&none("ana"))),
            _ => drop(bench.learns(&merge("ana"))),
        }
        let opened = bench.learns(&reopen("ben"));
        assert_eq!(words(&opened), ["reopened"], "{how}");
        assert_eq!(bench.status(), "acknowledged", "{how}");
        assert_eq!((bench.incident.resolved_at, &bench.incident.end), (None, &None), "{how}");
        assert_eq!(notes(&opened), ["INC-1 is open again, by ben: it fails again"], "{how}");
        let due = start_of_day() + Duration::seconds(900);
        let timer = Effect::TargetTimer { incident: bench.incident.id, due };
        assert!(opened.effects.contains(&timer), "{how}: {:?}", opened.effects);
        assert_eq!(pager_calls(&opened).len(), usize::from(how != "here"), "{how}");
        assert!(matches!(bench.give(&reopen("ben")), Err(Rejection::StillOpen { .. })), "{how}");
        assert_eq!(bench.replayed(), bench.incident, "{how}");
    }
}

/// The pager keeps its own over: what is reopened here ends here, and no message of the pager's about the first end does it.
#[test]
fn the_first_end_at_the_pager_does_not_end_what_was_reopened() {
    let mut bench = Bench::paged();
    bench.learns(&pager_ends(60));
    bench.learns(&reopen("ana"));
    for told in [pager_ends(60), pager_ends(30)] {
        assert_eq!(bench.learns(&told), Decision::default(), "told once more");
    }
    assert_eq!(bench.status(), "triggered");
    let done = bench.learns(&resolve("ana"));
    assert_eq!(words(&done), ["resolve_requested", "mitigated", "resolved"]);
    assert_eq!(pager_calls(&done).len(), 0, "it has it as over already");
    // reopened at the pager as well: then it has the last word again
    bench.learns(&reopen("ana"));
    assert_eq!(words(&bench.learns(&pager_reopens(90))), ["reopened"]);
    assert_eq!(words(&bench.learns(&resolve("ana"))), ["resolve_requested", "mitigated"]);
    assert_eq!(words(&bench.learns(&pager_ends(120))), ["resolved"]);
    assert_eq!(bench.replayed(), bench.incident);
}

/// Taken back before the pager has done what was asked of it: its answer is no new end.
#[test]
fn an_end_that_was_taken_back_is_not_ended_by_the_pagers_answer() {
    let mut bench = Bench::paged();
    bench.learns(&none("ana"));
    bench.learns(&reopen("ana"));
    assert_eq!(words(&bench.learns(&pager_ends(60))), ["pager_noted"]);
    assert_eq!(bench.status(), "triggered");
    let done = bench.learns(&resolve("ana"));
    assert_eq!(words(&done), ["resolve_requested", "mitigated", "resolved"], "the pager has it as over");
    assert_eq!(bench.replayed(), bench.incident);

    // a look has seconds only, and it may be the second in which it began
    let mut bench = Bench::paged();
    bench.learns(&none("ana"));
    bench.learns(&reopen("ana"));
    assert_eq!(words(&bench.learns(&pager_ends(0))), ["pager_noted"]);
    assert!(bench.incident.pager_over && bench.incident.pager_resolved);
    assert_eq!(bench.learns(&pager_ends(0)), Decision::default(), "seen twice");

    // asked for again before the first answer came, either answer is the end
    let mut bench = Bench::paged();
    bench.learns(&none("ana"));
    bench.learns(&reopen("ana"));
    assert_eq!(words(&bench.learns(&resolve("ana"))), ["resolve_requested", "mitigated"]);
    assert_eq!(words(&bench.learns(&pager_ends(60))), ["resolved"]);
    assert_eq!(bench.learns(&pager_ends(60)), Decision::default(), "told twice");

    // and when it refuses to end it, it is still open there, and a person ends it here
    let mut bench = Bench::paged();
    bench.learns(&none("ana"));
    let refused = IncidentCommand::RecordDeliveryFailure {
        what: "pager resolve".to_owned(),
        reason: "no such user".to_owned(),
    };
    let told = bench.learns(&refused);
    assert!(notes(&told).iter().all(|text| text.contains("still open there")), "{told:?}");
    bench.learns(&reopen("ana"));
    assert_eq!(words(&bench.learns(&pager_ends(60))), ["resolved"], "its own word");
}

/// What was to end it at the pager ends nothing once the impact is back, or somebody has opened it again; whether the pager may have
/// heard of it says whether its next word is an answer.
#[test]
fn a_request_to_end_it_is_taken_back() {
    let mut bench = Bench::paged();
    assert!(bench.incident.has_taken_resolve_back(), "nobody has asked for it");
    bench.learns(&resolve("ana"));
    assert!(!bench.incident.has_taken_resolve_back());
    bench.learns(&link(RUN, true));
    bench.learns(&IncidentCommand::StartMitigation { run: RUN });
    assert!(bench.incident.has_taken_resolve_back(), "it is being mitigated again");
    let ended = IncidentCommand::EndRun { run: RUN, outcome: RunOutcome::Succeeded, reason: None };
    bench.learns(&ended);
    assert_eq!(bench.status(), "monitoring");
    assert!(bench.incident.has_taken_resolve_back(), "nobody has vouched for it since");
    assert_eq!(words(&bench.learns(&resolve("ana"))), ["resolve_requested"]);
    assert!(!bench.incident.has_taken_resolve_back());

    for (what, then) in [(RESOLVE_WITHDRAWN, "resolved"), (RESOLVE_NOT_REPEATED, "pager_noted")] {
        let mut bench = Bench::paged();
        bench.learns(&none("ana"));
        assert!(!bench.incident.has_taken_resolve_back(), "it is over here");
        bench.learns(&reopen("ana"));
        assert!(bench.incident.has_taken_resolve_back());
        let said =
            IncidentCommand::RecordDeliveryFailure { what: what.to_owned(), reason: "back".to_owned() };
        let said = bench.learns(&said);
        assert_eq!(words(&said), ["delivery_failed"]);
        assert_eq!(said.effects, []);
        assert_eq!(words(&bench.learns(&pager_ends(60))), [then], "{what}");
        assert_eq!(bench.replayed(), bench.incident);
    }
}

#[test]
fn our_own_notes_at_the_pager_do_not_come_back() {
    let mut bench = Bench::paged();
    bench.learns(&none("ana"));
    let reopened = bench.learns(&reopen("ana"));
    let Some(PagerCall::Note { text, .. }) = pager_calls(&reopened).first().copied() else {
        panic!("{reopened:?}")
    };
    let begun: String = text.chars().take(20).collect();
    for ours in [text.clone(), format!(" {text}\n"), format!("{begun} [...]")] {
        assert_eq!(bench.learns(&note_of(&ours)), Decision::default(), "{ours}");
    }
    let closed = "INC-1 is closed in Blocks as no incident, by ana: a load test";
    assert_eq!(bench.learns(&note_of(closed)), Decision::default());
    for theirs in ["INC-1 is open again", "[...]", ""] {
        assert_eq!(words(&bench.learns(&note_of(theirs))), ["pager_noted"], "{theirs}");
    }
}

#[test]
fn a_commander_passes_command_on_and_the_others_have_their_roles() {
    let mut bench = Bench::paged();
    bench.learns(&acknowledge("ana", "blocks"));
    let passed = bench.learns(&role("ana", Role::Commander, "ben"));
    assert_eq!(words(&passed), ["commander_taken"]);
    assert_eq!(notes(&passed), ["INC-1: ben commands from now on, by ana"]);
    let commander = bench.incident.commander.clone().unwrap();
    assert_eq!((commander.who, commander.acting), (person("ben"), false));
    assert_eq!(bench.learns(&role("ana", Role::Commander, "ben")), Decision::default());
    // whoever takes it needs not be told
    assert_eq!(notes(&bench.learns(&role("ana", Role::Commander, "ana"))), Vec::<&str>::new());

    for (which, to) in [
        (Role::Scribe, "cat"),
        (Role::Scribe, "dan"),
        (Role::CommunicationsLead, "ben"),
        (Role::Responder, "ana"),
        (Role::Responder, "ben"),
    ] {
        assert_eq!(words(&bench.learns(&role("ana", which, to))), ["role_given"]);
        assert_eq!(bench.learns(&role("ana", which, to)), Decision::default(), "again");
    }
    let lines = crate::incident_text::roles(&bench.incident);
    assert_eq!(lines, ["communications lead: ben", "scribe: dan", "responder: ana, ben"]);
    bench.learns(&pager_ends(60));
    assert!(matches!(bench.give(&role("ana", Role::Scribe, "ana")), Err(Rejection::NotOpen { .. })));
    assert_eq!(bench.replayed(), bench.incident);
}

#[test]
fn updates_move_the_next_one_and_notes_do_not() {
    let mut bench = Bench::paged();
    let due = |bench: &Bench| bench.incident.update_due(Some(1_800));
    assert_eq!(due(&bench), Some(start_of_day() + Duration::seconds(1_800)), "counted from the detection");
    bench.learns(&IncidentCommand::AddNote {
        by: person("ana"),
        email: None,
        text: "the provider says it is them".to_owned(),
    });
    assert_eq!(due(&bench), Some(start_of_day() + Duration::seconds(1_800)));
    let given =
        bench.learns(&IncidentCommand::GiveUpdate { by: person("ana"), text: "we look at it".to_owned() });
    assert_eq!(notes(&given), ["INC-1 update by ana: we look at it"]);
    assert_eq!(due(&bench), Some(bench.now + Duration::seconds(1_800)));
    assert_eq!(bench.incident.update_due(None), None, "the severity asks for none");
    bench.learns(&pager_ends(60));
    assert_eq!(due(&bench), None, "it is over");
}

#[test]
fn actions_are_counted_and_done_once() {
    let mut bench = Bench::paged();
    for text in ["alert on p95", "raise the limit"] {
        let command = IncidentCommand::AddAction {
            text: text.to_owned(),
            owner: Some("ana".to_owned()),
            due: Some("2025-12-12".parse().unwrap()),
        };
        assert_eq!(words(&bench.learns(&command)), ["action_added"]);
    }
    assert_eq!(words(&bench.learns(&IncidentCommand::EndAction { number: 2 })), ["action_done"]);
    assert_eq!(bench.learns(&IncidentCommand::EndAction { number: 2 }), Decision::default());
    for number in [0, 3] {
        let refused = bench.give(&IncidentCommand::EndAction { number });
        assert!(matches!(refused, Err(Rejection::NoAction { .. })), "{number}");
    }
    let lines: Vec<_> = bench.incident.actions.iter().map(crate::incident_text::action_line).collect();
    assert_eq!(
        lines,
        ["1. alert on p95 (ana, due 2025-12-12)", "2. raise the limit (ana, due 2025-12-12, done)"]
    );
}

#[test]
fn the_one_that_goes_on_says_what_became_part_of_it() {
    let mut bench = Bench::paged();
    bench.learns(&link(RUN, false));
    let take = IncidentCommand::TakeIn {
        id: OTHER_ID,
        other: IncidentNumber(2),
        title: "the same".to_owned(),
        on_page: vec![("p1".to_owned(), PageState::Identified)],
        alerts: None,
    };
    assert_eq!(words(&bench.learns(&take)), ["merged_from", "page_taken"]);
    assert_eq!(bench.incident.merged, [IncidentNumber(2)]);
    let on_page: Vec<_> = bench.incident.drafts.standing_on_page().collect();
    assert_eq!(on_page, [("p1", PageState::Identified)], "what people outside read of it");
    bench.learns(&merge("ana"));
    assert_eq!(bench.incident.end, Some(End::Merged { into: IncidentNumber(2) }));
    assert!(matches!(bench.give(&take), Err(Rejection::NotOpen { .. })));
}
