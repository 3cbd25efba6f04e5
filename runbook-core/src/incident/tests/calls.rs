//! Pages by which people were called: whose acknowledgement takes the incident, and when they end.

use chrono::Duration;

use super::kit::{Bench, RUN, acknowledge, link, pager_ends, pager_reopens, person, request, start_of_day};
use crate::ids::IncidentId;
use crate::incident::{
    CallAnswer, Decision, Effect, Escalate, IncidentCommand, IncidentEvent, PagedOver, Status,
};
use crate::message::Outgoing;
use crate::people::Actor;
use crate::ports::{CallPage, PageUrgency, PagerCall};

/// Somebody is called: by the clock, or by a person.
fn called(bench: &mut Bench, by_clock: bool) -> u64 {
    let by = if by_clock { Actor::system("escalation") } else { person("ana") };
    let ask = Escalate {
        by: by.clone(),
        to: person("ben"),
        step: None,
        reason: None,
        page: Some(PagedOver {
            email: Some("ben@example.com".to_owned()),
            service: Some("PFLOW".to_owned()),
            urgency: PageUrgency::High,
        }),
        shown: false,
        unanswered_min: by_clock.then_some(5),
    };
    bench.now += Duration::seconds(100);
    bench.give_as(by, &IncidentCommand::Escalate(Box::new(ask))).unwrap();
    bench.incident.seq
}

/// They acknowledge it, so many seconds later than the last thing happened.
fn answers(bench: &mut Bench, call: u64, by: &Actor, after_s: i64) -> Decision {
    bench.now += Duration::seconds(1);
    let occurred_at = bench.now + Duration::seconds(after_s);
    let (by, email) = (by.clone(), Some("ben@example.com".to_owned()));
    let command = IncidentCommand::AnswerCall(CallAnswer { call, by: by.clone(), email, occurred_at });
    bench.give_as(by, &command).unwrap()
}

fn over(bench: &Bench, since: u64) -> Vec<u64> {
    bench.incident.pages_over_since(since).map(|page| page.seq).collect()
}

#[test]
fn a_key_is_one_page_and_nothing_that_looks_like_it() {
    let page = CallPage { incident: IncidentId(uuid::Uuid::from_u128(0x11)), seq: 7 };
    assert_eq!(CallPage::of_key(&page.key()), Some(page));
    let id = page.incident;
    for other in [
        String::new(),
        format!("blocks/escalate/{id}"),
        format!("blocks/escalate/{id}/07"),
        format!("blocks/escalate/{id}/+7"),
        format!("blocks/escalate/{id}/7/8"),
        format!("blocks/escalate/{}/7", id.0.simple()),
        format!("blocks/escalate/{}/7", id.to_string().to_uppercase()).replace("11", "AB"),
        format!("blocks/test/{id}/7"),
        format!("blocks/undo-failed/{id}"),
        "blocks/escalate/INC-1/7".to_owned(),
    ] {
        assert_eq!(CallPage::of_key(&other), None, "{other}");
    }
}

#[test]
fn whoever_acknowledges_the_page_has_the_incident_and_the_pagers_own_is_acknowledged() {
    for paged in [true, false] {
        let (mut bench, _) = Bench::open(&request(paged), start_of_day());
        let call = called(&mut bench, true);
        let before = bench.incident.seq;
        let taken = answers(&mut bench, call, &person("ben"), 0);
        let wanted = [
            IncidentEvent::Acknowledged { via: "page".to_owned() },
            IncidentEvent::CommanderTaken { commander: person("ben"), acting: true },
            IncidentEvent::CallAnswered { call },
        ];
        assert_eq!(taken.events, wanted);
        let tells = taken.effects.iter().find_map(|effect| match effect {
            Effect::Send(Outgoing::Pager { call: PagerCall::Acknowledge { incident, from }, .. }) => {
                Some((incident.clone(), from.clone()))
            }
            _ => None,
        });
        assert_eq!(tells, paged.then(|| ("Q1".to_owned(), Some("ben@example.com".to_owned()))));
        let incident = &bench.incident;
        assert_eq!(incident.status, Status::Acknowledged);
        assert!(!incident.waits_for_somebody());
        // the pager's own waits until it has been told: that it still rings takes nothing back, and its answer gives nobody command
        assert!(!incident.taken_at_pager && incident.awaits_echo_of_taking(None, bench.now));
        assert_eq!(over(&bench, before), [call], "its page rings for nobody any more");
        assert_eq!(answers(&mut bench, call, &person("ben"), 0), Decision::default(), "told twice");
        assert_eq!(bench.incident, bench.replayed());
    }
}

#[test]
fn whom_a_person_asks_for_has_answered_beside_whoever_has_it() {
    let mut bench = Bench::paged();
    bench.learns(&acknowledge("cat", "blocks"));
    let call = called(&mut bench, false);
    let before = bench.incident.seq;
    assert_eq!(over(&bench, 0), [0_u64; 0], "that somebody has it does not end the page to another");
    let answered = answers(&mut bench, call, &person("ben"), 0);
    assert_eq!(answered.events, [IncidentEvent::CallAnswered { call }]);
    assert_eq!(bench.incident.commander.as_ref().unwrap().who, person("cat"));
    assert_eq!(over(&bench, before), [call]);
}

#[test]
fn an_acknowledgement_counts_while_a_run_that_nobody_asked_for_is_under_way() {
    // one at the pager by nobody in particular gives no commander, and is one all the same
    for by in [person("ben"), Actor::system("pagerduty"), Actor::Local("root".to_owned())] {
        let mut bench = Bench::paged();
        bench.give_as(Actor::system("trigger"), &link(RUN, true)).unwrap();
        bench.learns(&IncidentCommand::StartMitigation { run: RUN });
        let call = called(&mut bench, true);
        assert!(bench.incident.waits_for_somebody());
        let taken = answers(&mut bench, call, &by, 0);
        assert!(matches!(&taken.events[0], IncidentEvent::Acknowledged { .. }), "{by}: {taken:?}");
        assert!(!bench.incident.waits_for_somebody(), "{by}");
        assert_eq!(bench.incident.status, Status::Mitigating);
    }
}

#[test]
fn what_was_acknowledged_before_somebody_had_to_take_it_anew_is_late() {
    let mut bench = Bench::paged();
    // a person called them, so that the page outlives the first acknowledgement
    let call = called(&mut bench, false);
    bench.learns(&acknowledge("cat", "pagerduty"));
    bench.now += Duration::seconds(1_800);
    let runs_out = IncidentCommand::Unacknowledge { occurred_at: bench.now };
    bench.learns(&runs_out);
    assert_eq!(answers(&mut bench, call, &person("ben"), -60), Decision::default());
    assert!(bench.incident.waits_for_somebody());
    let taken = answers(&mut bench, call, &person("ben"), 0);
    assert!(matches!(&taken.events[0], IncidentEvent::Acknowledged { .. }), "{taken:?}");
}

#[test]
fn what_ends_a_page() {
    let end: [(&str, &[IncidentCommand], [bool; 2]); 5] = [
        ("nothing", &[], [false, false]),
        ("an acknowledgement here", &[acknowledge("cat", "blocks")], [true, false]),
        ("an acknowledgement there", &[acknowledge("cat", "pagerduty")], [true, false]),
        ("its end", &[pager_ends(400)], [true, true]),
        ("its end, taken back", &[pager_ends(400), pager_reopens(500)], [true, true]),
    ];
    for (what, commands, wanted) in end {
        for (by_clock, wanted) in [true, false].into_iter().zip(wanted) {
            let mut bench = Bench::paged();
            let call = called(&mut bench, by_clock);
            let before = bench.incident.seq;
            for command in commands {
                bench.learns(command);
            }
            let wanted: Vec<u64> = if wanted { vec![call] } else { Vec::new() };
            assert_eq!(over(&bench, before), wanted, "{what}, by the clock: {by_clock}");
            // each is ended once
            assert_eq!(over(&bench, bench.incident.seq), Vec::<u64>::new(), "{what}");
            assert_eq!(bench.incident, bench.replayed());
        }
    }
}

#[test]
fn of_what_is_over_no_page_is_an_answer() {
    let mut bench = Bench::paged();
    let call = called(&mut bench, true);
    bench.learns(&pager_ends(400));
    assert_eq!(answers(&mut bench, call, &person("ben"), 0), Decision::default());
    assert_eq!(answers(&mut bench, call + 1, &person("ben"), 0), Decision::default(), "no event called them");
}

#[test]
fn a_page_says_how_it_is_taken() {
    for (by_clock, words) in [(true, "Acknowledge this page to take INC-1"), (false, "to say that you come")]
    {
        let mut bench = Bench::paged();
        let ask = Escalate {
            by: person("ana"),
            to: person("ben"),
            step: None,
            reason: None,
            page: Some(PagedOver { email: None, service: None, urgency: PageUrgency::High }),
            shown: false,
            unanswered_min: by_clock.then_some(5),
        };
        let told = bench.learns(&IncidentCommand::Escalate(Box::new(ask)));
        assert!(format!("{told:?}").contains(words), "{told:?}");
    }
}
