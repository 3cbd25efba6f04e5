//! Escalation by the clock: whom a step tells, when, and what stops it.

use chrono::{DateTime, Duration, Utc};
use proptest::prelude::*;

use super::kit::{Bench, RUN, acknowledge, link, pager_ends, person, request, start_of_day};
use crate::incident::{
    Callee, Decision, Effect, IncidentCommand, IncidentEvent, OpenIncident, PagedOver, PagerRings, Rung,
    StandIns,
};
use crate::message::Outgoing;
use crate::people::Actor;
use crate::ports::{PageUrgency, PagerCall};
use crate::severity::EscalationStep;

/// The steps of a P1: minutes, and whom they name.
const P1: [(u32, &[&str]); 4] =
    [(0, &["primary"]), (5, &["secondary"]), (10, &["commander"]), (15, &["product", "business"])];

fn steps(of: &[(u32, &[&str])]) -> Vec<EscalationStep> {
    let step = |(min, who): &(u32, &[&str])| EscalationStep {
        after_s: min * 60,
        who: who.iter().map(|name| (*name).to_owned()).collect(),
    };
    of.iter().map(step).collect()
}

/// `pri` stands for primary, `sec` for secondary, and so on; the pager rings for the first two.
fn rungs(of: &[(u32, &[&str])], pager_rings: bool) -> Vec<Rung> {
    let callee = |name: &str| Callee {
        to: person(&name[..3]),
        page: Some(PagedOver {
            email: Some(format!("{}@example.com", &name[..3])),
            service: Some("PFLOW".to_owned()),
            urgency: PageUrgency::High,
        }),
        rings: match pager_rings && matches!(name, "primary" | "secondary") {
            true => PagerRings::Now,
            false => PagerRings::No,
        },
    };
    let who = |name: &&str| StandIns { name: (*name).to_owned(), people: vec![callee(name)] };
    let rung =
        |(min, names): &(u32, &[&str])| Rung { after_s: min * 60, who: names.iter().map(who).collect() };
    of.iter().map(rung).collect()
}

/// Opened by a person, who is none of those that are told: the bench opens what it opens as the pager does.
fn declared() -> Bench {
    let (mut bench, _) = Bench::open(&request(false), start_of_day());
    bench.incident.opened_by = person("zoe");
    bench
}

/// What wakes nobody keeps nobody from being woken once it is more severe.
#[test]
fn a_page_of_low_urgency_uses_up_nothing() {
    let low = |mut all: Vec<Rung>| {
        for callee in all.iter_mut().flat_map(|rung| &mut rung.who).flat_map(|names| &mut names.people) {
            if let Some(page) = &mut callee.page {
                page.urgency = PageUrgency::Low;
            }
        }
        all
    };
    let late: [(u32, &[&str]); 1] = [(120, &["primary"])];
    let mut bench = declared();
    let told = looks(&mut bench, 7_200, &low(rungs(&late, false)));
    assert_eq!(mentions(&told), ["pri"]);
    assert_eq!(bench.incident.next_step_at(&steps(&late)), None, "once");
    let raised = IncidentCommand::ChangeSeverity {
        to: "P2".to_owned(),
        target_s: None,
        word: crate::incident::Word::Here { email: None },
    };
    bench.learns(&raised);
    assert_eq!(mentions(&looks(&mut bench, 7_300, &rungs(&P1, false))), ["pri"]);
}

/// The clock looks, so many seconds after the page.
fn looks(bench: &mut Bench, second: i64, rungs: &[Rung]) -> Decision {
    bench.now = start_of_day() + Duration::seconds(second);
    bench.give_as(Actor::system("escalation"), &IncidentCommand::Climb(rungs.to_vec())).unwrap()
}

fn pages(decision: &Decision) -> Vec<(String, String)> {
    let page = |effect: &Effect| match effect {
        Effect::Send(Outgoing::Pager { call: PagerCall::Page { to, title, .. }, .. }) => {
            Some((to.clone().unwrap_or_default(), title.clone()))
        }
        _ => None,
    };
    decision.effects.iter().filter_map(page).collect()
}

fn mentions(decision: &Decision) -> Vec<String> {
    let call = |effect: &Effect| match effect {
        Effect::Send(Outgoing::Call { to, .. }) => Some(to.to_string()),
        _ => None,
    };
    decision.effects.iter().filter_map(call).collect()
}

fn second(at: Option<DateTime<Utc>>) -> Option<i64> {
    at.map(|at| (at - start_of_day()).num_seconds())
}

#[test]
fn one_step_after_the_other_at_its_time() {
    let mut bench = declared();
    let rungs = rungs(&P1, false);
    for (at, whom) in [
        (0, vec!["pri"]),
        (299, vec![]),
        (300, vec!["sec"]),
        (301, vec![]),
        (600, vec!["com"]),
        (900, vec!["pro", "bus"]),
        (9_999, vec![]),
    ] {
        let told = looks(&mut bench, at, &rungs);
        assert_eq!(mentions(&told), whom, "{at}");
        let paged: Vec<String> = whom.iter().map(|who| format!("{who}@example.com")).collect();
        assert_eq!(pages(&told).into_iter().map(|(to, _)| to).collect::<Vec<_>>(), paged, "{at}");
    }
    assert_eq!(bench.incident.next_step_at(&steps(&P1)), None);
    let named = |event: &crate::journal::Envelope<IncidentEvent>| match &event.event {
        IncidentEvent::StepDue { after_s, who, .. } => Some((*after_s, who.join(","))),
        _ => None,
    };
    let on_record: Vec<_> = bench.events.iter().filter_map(named).collect();
    let wanted = [(0, "primary"), (300, "secondary"), (600, "commander"), (900, "product,business")];
    assert_eq!(on_record, wanted.map(|(at, who)| (at, who.to_owned())));
}

#[test]
fn a_page_of_the_clock_says_since_when_nobody_answers() {
    let mut bench = declared();
    let rungs = rungs(&P1, false);
    looks(&mut bench, 0, &rungs);
    let told = looks(&mut bench, 300, &rungs);
    let title = "INC-1 P1 flowengine: nobody has acknowledged for 5 min".to_owned();
    assert_eq!(pages(&told), [("sec@example.com".to_owned(), title)]);
    let text = told.effects.iter().find_map(|effect| match effect {
        Effect::Send(Outgoing::Call { text, .. }) => Some(text.clone()),
        _ => None,
    });
    let text = text.unwrap();
    assert!(text.contains("and you are next (secondary)") && text.contains("`/blocks ack INC-1`"), "{text}");
    // each page is one of its own, so that none swallows another
    let war_room = {
        looks(&mut bench, 600, &rungs);
        looks(&mut bench, 900, &rungs)
    };
    let keys: std::collections::BTreeSet<_> = war_room
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send(Outgoing::Pager { call: PagerCall::Page { key, .. }, .. }) => Some(key.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(keys.len(), 2);
    for key in keys {
        let seq: u64 = key.rsplit('/').next().unwrap().parse().unwrap();
        let event = bench.events.iter().find(|one| one.seq == seq).unwrap();
        assert!(matches!(event.event, IncidentEvent::Escalated { .. }), "{event:?}");
    }
}

#[test]
fn for_whom_the_pager_rings_is_mentioned_and_not_paged_again() {
    let mut bench = Bench::paged();
    let rungs = rungs(&P1, true);
    assert_eq!(second(bench.incident.next_step_at(&steps(&P1))), Some(300), "the first is the pager's own");
    assert_eq!(looks(&mut bench, 299, &rungs), Decision::default());
    let told = looks(&mut bench, 300, &rungs);
    assert_eq!((mentions(&told), pages(&told)), (vec!["sec".to_owned()], vec![]));
    assert!(matches!(&told.events[0], IncidentEvent::StepDue { rings, .. } if *rings == [person("sec")]));
    let told = looks(&mut bench, 600, &rungs);
    assert_eq!((mentions(&told).len(), pages(&told).len()), (1, 1), "the commander is in no policy");
}

#[test]
fn whom_the_pagers_policy_may_just_come_to_is_paged_when_it_does_not() {
    let rings = |rings| {
        let mut all = rungs(&P1, false);
        all[1].who[0].people[0].rings = rings;
        all
    };
    for (at, now, paged) in [
        (300, PagerRings::Soon, None),
        (319, PagerRings::Soon, None),
        (320, PagerRings::Soon, Some(1)),
        (10_000, PagerRings::Taken, None),
        (300, PagerRings::No, Some(1)),
        (305, PagerRings::Now, Some(0)),
    ] {
        let mut bench = Bench::paged();
        let told = looks(&mut bench, at, &rings(now));
        let done = (!told.events.is_empty()).then(|| pages(&told).len());
        assert_eq!(done, paged, "{at} {now:?}");
        assert_eq!(mentions(&told).len(), usize::from(paged.is_some()), "{at} {now:?}");
    }
}

#[test]
fn of_what_is_not_urgent_there_the_first_step_is_ours() {
    for (urgency, first) in [(None, 300), (Some(true), 300), (Some(false), 60)] {
        let chosen = crate::rules::Chosen { high_urgency: urgency, ..crate::rules::Chosen::default() };
        let asked = OpenIncident { chosen: Some(Box::new(chosen)), ..request(true) };
        let (mut bench, _) = Bench::open(&asked, start_of_day());
        assert_eq!(second(bench.incident.next_step_at(&steps(&P1))), Some(first), "{urgency:?}");
        let told = looks(&mut bench, first, &rungs(&P1, false));
        assert_eq!(pages(&told).len(), 1, "{urgency:?}");
    }
}

#[test]
fn of_a_service_that_is_not_named_nobody_is_called_until_it_is_one_that_is() {
    let chosen = |is_unlisted: bool| {
        Some(Box::new(crate::rules::Chosen { is_unlisted, ..crate::rules::Chosen::default() }))
    };
    let asked = OpenIncident { chosen: chosen(true), ..request(true) };
    let (mut bench, _) = Bench::open(&asked, start_of_day());
    let rungs = rungs(&P1, false);
    for at in [0, 300, 1_200] {
        assert_eq!(looks(&mut bench, at, &rungs), Decision::default(), "{at}");
        assert_eq!(bench.incident.next_step_at(&steps(&P1)), None);
    }
    assert!(bench.incident.waits_for_somebody());
    // somebody has it, and does not stay
    bench.learns(&acknowledge("ben", "blocks"));
    bench.learns(&super::kit::ran_out(1_300));
    assert_eq!(bench.incident.next_step_at(&steps(&P1)), None);
    let moves = |to: &str, is_unlisted: bool| IncidentCommand::MoveToService {
        to: to.to_owned(),
        triage: false,
        chosen: chosen(is_unlisted),
    };
    bench.now = start_of_day() + Duration::seconds(2_000);
    bench.learns(&moves("billing", false));
    assert_eq!(second(bench.incident.next_step_at(&steps(&P1))), Some(2_001 + 300));
    assert_eq!(mentions(&looks(&mut bench, 2_301, &rungs)), ["sec"]);
    bench.learns(&moves("payroll", true));
    assert_eq!(bench.incident.next_step_at(&steps(&P1)), None);
    // what is merged into it may be of ours
    bench.now = start_of_day() + Duration::seconds(2_400);
    bench.learns(&IncidentCommand::TakeIn {
        id: crate::ids::IncidentId(uuid::Uuid::from_u128(0x99)),
        other: crate::ids::IncidentNumber(9),
        title: "ours".to_owned(),
        on_page: Vec::new(),
        alerts: None,
    });
    assert!(bench.incident.next_step_at(&steps(&P1)).is_some());
    assert_eq!(bench.replayed(), bench.incident);
}

#[test]
fn what_stops_it() {
    let stops: [(&str, IncidentCommand); 5] = [
        ("an acknowledgement here", acknowledge("ben", "blocks")),
        ("an acknowledgement there", acknowledge("ben", "pagerduty")),
        ("its end", pager_ends(400)),
        (
            "a commander",
            IncidentCommand::GiveRole {
                by: person("ben"),
                role: crate::people::Role::Commander,
                to: person("ben"),
                ask: None,
            },
        ),
        (
            "a merge",
            IncidentCommand::PagerMerged {
                id: crate::ids::IncidentId(uuid::Uuid::from_u128(0x99)),
                other: crate::ids::IncidentNumber(9),
                occurred_at: start_of_day() + Duration::seconds(400),
            },
        ),
    ];
    for (what, command) in stops {
        let mut bench = Bench::paged();
        let rungs = rungs(&P1, true);
        looks(&mut bench, 300, &rungs);
        bench.give(&command).unwrap();
        assert_eq!(bench.incident.next_step_at(&steps(&P1)), None, "{what}");
        assert_eq!(looks(&mut bench, 9_999, &rungs), Decision::default(), "{what}");
    }
    // somebody who plans a rollback is there; what starts by itself is nobody
    for (who, next) in [(person("ben"), None), (Actor::system("trigger"), Some(300))] {
        let mut bench = Bench::paged();
        bench.give_as(who, &link(RUN, true)).unwrap();
        assert_eq!(second(bench.incident.next_step_at(&steps(&P1))), next);
    }
}

#[test]
fn an_acknowledgement_that_runs_out_begins_anew() {
    let mut bench = Bench::paged();
    let rungs = rungs(&P1, true);
    looks(&mut bench, 300, &rungs);
    bench.give(&acknowledge("ben", "pagerduty")).unwrap();
    bench.now = start_of_day() + Duration::seconds(2_000);
    let runs_out = IncidentCommand::Unacknowledge { occurred_at: bench.now };
    bench.give_as(Actor::system("pagerduty"), &runs_out).unwrap();
    assert_eq!(second(bench.incident.next_step_at(&steps(&P1))), Some(2_300));
}

/// Whom it called before the plan may be called again behind it.
#[test]
fn behind_a_plan_that_is_called_off_everybody_is_called_anew() {
    let (mut bench, rungs) = (declared(), rungs(&P1, false));
    let mut called = Vec::new();
    for second in [60, 360] {
        called.extend(pages(&looks(&mut bench, second, &rungs)));
    }
    bench.give_as(person("ben"), &link(RUN, true)).unwrap();
    bench.now = start_of_day() + Duration::seconds(1_000);
    let end =
        IncidentCommand::EndRun { run: RUN, outcome: crate::incident::RunOutcome::Cancelled, reason: None };
    bench.give_as(Actor::system("engine"), &end).unwrap();
    let mut again = Vec::new();
    for second in [1_060, 1_360] {
        again.extend(pages(&looks(&mut bench, second, &rungs)));
    }
    let emails = |all: &[(String, String)]| all.iter().map(|(email, _)| email.clone()).collect::<Vec<_>>();
    assert_eq!((called.len(), emails(&called)), (2, emails(&again)));
}

#[test]
fn a_run_that_a_person_plans_counts_while_it_goes_on() {
    use crate::incident::RunOutcome::{Cancelled, Failed, Succeeded, Undone};
    for (outcome, begun, first) in [
        (None, false, None),
        (Some(Cancelled), false, Some(700)),
        (Some(Failed), true, Some(700)),
        (Some(Undone), true, Some(700)),
        (Some(Succeeded), true, None),
    ] {
        for acknowledged in [false, true] {
            let mut bench = Bench::paged();
            if acknowledged {
                bench.give(&acknowledge("cat", "blocks")).unwrap();
            }
            bench.give_as(person("ben"), &link(RUN, true)).unwrap();
            if begun {
                bench.give_as(person("ben"), &IncidentCommand::StartMitigation { run: RUN }).unwrap();
            }
            assert!(!bench.incident.waits_for_somebody());
            bench.now = start_of_day() + Duration::seconds(400);
            if let Some(outcome) = outcome {
                let end = IncidentCommand::EndRun { run: RUN, outcome, reason: None };
                bench.give_as(Actor::system("engine"), &end).unwrap();
            }
            let first = first.filter(|_| !acknowledged);
            let next = second(bench.incident.next_step_at(&steps(&P1)));
            assert_eq!(next, first, "{outcome:?}, acknowledged: {acknowledged}");
            assert_eq!(bench.incident, bench.replayed());
        }
    }
    // of two, the one that goes on counts, and what is taken up again counts again
    let mut bench = Bench::paged();
    for run in [RUN, super::kit::OTHER] {
        bench.give_as(person("ben"), &link(run, true)).unwrap();
    }
    let end = |run| IncidentCommand::EndRun { run, outcome: Cancelled, reason: None };
    bench.learns(&end(RUN));
    assert!(!bench.incident.waits_for_somebody());
    bench.learns(&end(super::kit::OTHER));
    assert!(bench.incident.waits_for_somebody());
    bench.give_as(person("ben"), &IncidentCommand::TakeUpRun { run: RUN }).unwrap();
    assert!(!bench.incident.waits_for_somebody());
}

#[test]
fn an_acknowledgement_runs_out_behind_a_run_that_did_not_help() {
    use crate::incident::RunOutcome::{Cancelled, Failed, UndoFailed};
    for (outcome, begins) in
        [(None, false), (Some(Failed), true), (Some(Cancelled), true), (Some(UndoFailed), false)]
    {
        let mut bench = Bench::paged();
        bench.give(&acknowledge("ben", "pagerduty")).unwrap();
        bench.give_as(person("ben"), &link(RUN, true)).unwrap();
        bench.give_as(person("ben"), &IncidentCommand::StartMitigation { run: RUN }).unwrap();
        if let Some(outcome) = outcome {
            bench.learns(&IncidentCommand::EndRun { run: RUN, outcome, reason: None });
        }
        bench.now = start_of_day() + Duration::seconds(2_000);
        let runs_out = IncidentCommand::Unacknowledge { occurred_at: bench.now };
        bench.give_as(Actor::system("pagerduty"), &runs_out).unwrap();
        let first = begins.then_some(2_300);
        assert_eq!(second(bench.incident.next_step_at(&steps(&P1))), first, "{outcome:?}");
        // told twice, or told and seen, it begins once
        bench.now += Duration::seconds(100);
        let again = IncidentCommand::Unacknowledge { occurred_at: bench.now };
        assert_eq!(
            bench.give_as(Actor::system("pagerduty"), &again).unwrap(),
            Decision::default(),
            "{outcome:?}"
        );
        if begins {
            assert_eq!(bench.status(), "mitigating");
            let taken = bench.give(&acknowledge("ben", "blocks")).unwrap();
            assert!(matches!(&taken.events[..], [IncidentEvent::Acknowledged { .. }]), "{taken:?}");
            assert_eq!(bench.incident.next_step_at(&steps(&P1)), None);
        }
        assert_eq!(bench.incident, bench.replayed());
    }
}

#[test]
fn what_is_overdue_is_made_up_for_in_order_a_minute_apart() {
    let mut bench = declared();
    let rungs = rungs(&P1, false);
    // nothing ran for an hour
    let told: Vec<(i64, Vec<String>)> = (3_600..3_900)
        .map(|at| (at, mentions(&looks(&mut bench, at, &rungs))))
        .filter(|(_, told)| !told.is_empty())
        .collect();
    let at: Vec<i64> = told.iter().map(|(at, _)| *at).collect();
    assert_eq!(at, [3_600, 3_660, 3_720, 3_780]);
    assert_eq!(told[3].1, ["pro", "bus"]);
}

#[test]
fn an_incident_of_the_pagers_that_was_found_late_gets_a_minute() {
    let (mut bench, _) = Bench::open(&request(true), start_of_day() + Duration::hours(3));
    assert_eq!(second(bench.incident.next_step_at(&steps(&P1))), Some(3 * 3_600 + 60));
    assert_eq!(looks(&mut bench, 3 * 3_600 + 59, &rungs(&P1, true)), Decision::default());
}

#[test]
fn a_raised_severity_tells_those_who_were_not_told() {
    let p2: [(u32, &[&str]); 2] = [(0, &["primary"]), (5, &["engineering-tl"])];
    let mut bench = declared();
    looks(&mut bench, 0, &rungs(&p2, false));
    looks(&mut bench, 300, &rungs(&p2, false));
    bench.learns(&IncidentCommand::ChangeSeverity {
        to: "P1".to_owned(),
        target_s: Some(900),
        word: super::kit::said(),
    });
    assert_eq!(second(bench.incident.next_step_at(&steps(&P1))), Some(360));
    assert_eq!(mentions(&looks(&mut bench, 1_000, &rungs(&P1, false))), ["sec"]);
    assert_eq!(mentions(&looks(&mut bench, 1_060, &rungs(&P1, false))), ["com"]);
}

#[test]
fn nobody_is_told_twice_and_a_step_for_which_nobody_is_left_is_on_record() {
    let mut bench = declared();
    let one: [(u32, &[&str]); 3] = [(0, &["primary"]), (5, &["primary-too"]), (10, &["nobody"])];
    let mut rungs = rungs(&one, false);
    rungs[2].who[0].people.clear();
    assert_eq!(mentions(&looks(&mut bench, 0, &rungs)), ["pri"]);
    for at in [300, 600] {
        let told = looks(&mut bench, at, &rungs);
        assert_eq!((mentions(&told), pages(&told).len()), (vec![], 0), "{at}");
        assert!(format!("{told:?}").contains("INC-1: nobody is called for"), "{told:?}");
        assert!(
            matches!(&told.events[..], [IncidentEvent::StepDue { nobody, .. }] if nobody.len() == 1),
            "{at}"
        );
    }
    // who stands for two names of one step is told once, and whoever opened it knows of it
    let both: [(u32, &[&str]); 1] = [(5, &["product", "product-too"])];
    let mut bench = declared();
    let told = looks(&mut bench, 300, &self::rungs(&both, false));
    assert_eq!(mentions(&told), ["pro"]);
    assert!(matches!(&told.events[0], IncidentEvent::StepDue { nobody, .. } if nobody.is_empty()));
}

#[test]
fn of_a_private_incident_a_page_has_the_number_alone() {
    let (mut bench, _) = Bench::open(&OpenIncident { private: true, ..request(false) }, start_of_day());
    bench.incident.opened_by = person("zoe");
    let told = looks(&mut bench, 0, &rungs(&P1, false));
    assert_eq!(pages(&told)[0].1, "INC-1: nobody has acknowledged for 0 min");
    assert!(!format!("{:?}", pages(&told)).contains("flows"));
    assert!(!bench.incident.passed.shows(&person("pri")));
}

#[test]
fn what_opens_it_by_itself_may_call_somebody_first() {
    let rungs = rungs(&P1, false);
    let (mut bench, _) = Bench::open(&request(false), start_of_day());
    assert_eq!(second(bench.incident.next_step_at(&steps(&P1))), Some(5));
    assert_eq!(mentions(&looks(&mut bench, 5, &rungs)), ["pri"], "it has called nobody");
    let (mut bench, _) = Bench::open(&request(false), start_of_day());
    let ask = crate::incident::Escalate {
        by: Actor::system("trigger"),
        to: person("com"),
        step: Some("commander".to_owned()),
        reason: Some("failure rate over 10 %".to_owned()),
        page: Some(PagedOver {
            email: Some("com@example.com".to_owned()),
            service: Some("PFLOW".to_owned()),
            urgency: PageUrgency::High,
        }),
        shown: false,
        unanswered_min: None,
    };
    let (mut mentioned, _) = Bench::open(&request(false), start_of_day());
    bench.learns(&IncidentCommand::Escalate(Box::new(ask.clone())));
    assert_eq!(
        second(bench.incident.next_step_at(&steps(&P1))),
        Some(300),
        "somebody is called: one at a time"
    );
    let ask = crate::incident::Escalate { page: None, ..ask };
    mentioned.learns(&IncidentCommand::Escalate(Box::new(ask)));
    let first = mentioned.incident.next_step_at(&steps(&P1));
    assert_eq!(second(first), Some(5), "a message rings for nobody");
}

#[test]
fn only_what_opened_it_calls_in_the_place_of_the_first_step() {
    for (who, after_s, first) in [
        (Actor::system("trigger"), 5, 300),
        (Actor::system("trigger"), 6, 5),
        (person("ana"), 1, 5),
        (Actor::system("escalation"), 1, 5),
    ] {
        let (mut bench, _) = Bench::open(&request(false), start_of_day());
        let ask = crate::incident::Escalate {
            by: who.clone(),
            to: person("zed"),
            step: None,
            reason: None,
            page: Some(PagedOver {
                email: None,
                service: Some("PFLOW".to_owned()),
                urgency: PageUrgency::High,
            }),
            shown: false,
            unanswered_min: None,
        };
        bench.now = start_of_day() + Duration::seconds(after_s);
        bench.give_as(who.clone(), &IncidentCommand::Escalate(Box::new(ask))).unwrap();
        assert_eq!(second(bench.incident.next_step_at(&steps(&P1))), Some(first), "{who} {after_s}");
    }
}

#[test]
fn that_the_pager_is_away_is_said_once() {
    let mut bench = Bench::paged();
    let first = bench.learns(&IncidentCommand::NotePagerAway);
    assert!(matches!(&first.effects[..], [Effect::Send(Outgoing::WhomToCall { .. })]), "{first:?}");
    assert_eq!(bench.learns(&IncidentCommand::NotePagerAway), Decision::default());
    bench.give(&acknowledge("ben", "pagerduty")).unwrap();
    let runs_out = IncidentCommand::Unacknowledge { occurred_at: bench.now };
    bench.learns(&runs_out);
    assert_eq!(bench.learns(&IncidentCommand::NotePagerAway), Decision::default());
}

#[test]
fn whoever_commands_by_the_rotation_takes_it_from_whoever_was_acting() {
    let comes = |who: &str, severity_asks| IncidentCommand::TakeByRotation { by: person(who), severity_asks };
    let mut bench = Bench::paged();
    bench.give(&acknowledge("ben", "blocks")).unwrap();
    assert_eq!(bench.learns(&comes("ana", false)), Decision::default());
    let taken = bench.learns(&comes("ana", true));
    assert!(matches!(&taken.events[..], [IncidentEvent::CommanderTaken { acting: false, .. }]), "{taken:?}");
    let said = format!("{taken:?}");
    assert!(said.contains("ana commands from now on, by the rotation; ben was acting"), "{said}");
    assert_eq!(bench.learns(&comes("ana", true)), Decision::default());
    // who was given command keeps it
    assert_eq!(bench.learns(&comes("cat", true)), Decision::default());
}

#[test]
fn whoever_commands_by_the_rotation_hears_once_that_another_acts() {
    let tell = IncidentCommand::TellRotation { to: person("ana") };
    let mut bench = Bench::paged();
    assert_eq!(bench.learns(&tell), Decision::default(), "nobody acts");
    bench.give(&acknowledge("ben", "blocks")).unwrap();
    let told = bench.learns(&tell);
    assert_eq!((mentions(&told), pages(&told)), (vec!["ana".to_owned()], vec![]));
    assert_eq!(bench.learns(&tell), Decision::default(), "once");
    // nobody is told of whom command was given to by name, nor of themselves
    for (who, acting) in [("ana", true), ("ben", false)] {
        let mut bench = Bench::paged();
        bench.give(&acknowledge(who, "blocks")).unwrap();
        if !acting {
            bench.learns(&IncidentCommand::TakeByRotation { by: person(who), severity_asks: true });
        }
        assert_eq!(bench.learns(&tell), Decision::default(), "{who}");
    }
}

proptest! {
    /// However often and whenever somebody looks: each name is told once, in order, never early, and never after an answer.
    #[test]
    fn the_clock_is_right_whenever_it_looks(
        moments in prop::collection::vec(0_i64..1_500, 1..40), answer in prop::option::of(0_i64..1_500), paged in any::<bool>(),
    ) {
        let mut bench = if paged { Bench::paged() } else { declared() };
        let rungs = rungs(&P1, paged);
        let mut moments: Vec<(i64, bool)> = moments.into_iter().map(|at| (at.max(2), false)).collect();
        moments.extend(answer.map(|at| (at.max(2), true)));
        moments.sort_unstable();
        let mut told: Vec<(i64, Vec<String>)> = Vec::new();
        let mut answered_at = None;
        for (at, is_answer) in moments {
            if is_answer {
                bench.now = start_of_day() + Duration::seconds(at);
                bench.give_as(person("ben"), &acknowledge("ben", "blocks")).unwrap();
                answered_at.get_or_insert(at);
                continue;
            }
            let due = second(bench.incident.next_step_at(&steps(&P1)));
            let whom = mentions(&looks(&mut bench, at, &rungs));
            prop_assert_eq!(!whom.is_empty(), due.is_some_and(|due| due <= at));
            if !whom.is_empty() {
                prop_assert!(answered_at.is_none());
                told.push((at, whom));
            }
        }
        let order: Vec<String> = told.iter().flat_map(|(_, whom)| whom.clone()).collect();
        let all = ["pri", "sec", "com", "pro", "bus"];
        let skipped = usize::from(paged);
        prop_assert_eq!(&order[..], &all[skipped..skipped + order.len()]);
        for two in told.windows(2) {
            prop_assert!(two[1].0 >= two[0].0 + 60);
        }
        let after: [(&str, i64); 4] = [("pri", 0), ("sec", 300), ("com", 600), ("pro", 900)];
        for (who, soonest) in after {
            let when = told.iter().find(|(_, whom)| whom.iter().any(|one| one == who)).map(|(at, _)| *at);
            prop_assert!(when.is_none_or(|when| when >= soonest));
        }
    }
}
