//! What is passed on stays where it is until it is taken, by the one who was named, in time.

use chrono::Duration;

use super::kit::*;
use crate::incident::{
    Decision, Effect, Escalate, HANDOVER_WINDOW_S, IncidentCommand, IncidentEvent, PagedOver, Rejection,
};
use crate::message::Outgoing;
use crate::people::Actor;
use crate::ports::{PageUrgency, PagerCall};

fn led() -> Bench {
    let mut bench = Bench::paged();
    bench.give(&acknowledge("ana", "blocks")).unwrap();
    bench
}

fn offer(by: &str, to: &str) -> IncidentCommand {
    IncidentCommand::OfferHandover { by: person(by), to: person(to), run: None, note: None }
}

fn pass_run(by: &str, to: &str) -> IncidentCommand {
    let run = Some((RUN, person("cora")));
    IncidentCommand::OfferHandover { by: person(by), to: person(to), run, note: None }
}

fn take(by: &str) -> IncidentCommand {
    IncidentCommand::TakeHandover { by: person(by), run: None }
}

fn as_said(bench: &mut Bench, by: &str, command: &IncidentCommand) -> Result<Decision, Rejection> {
    bench.give_as(person(by), command)
}

fn commander(bench: &Bench) -> String {
    bench.incident.commander.as_ref().map_or_else(String::new, |commander| commander.who.to_string())
}

#[test]
fn command_is_the_old_ones_until_the_named_one_takes_it() {
    let mut bench = led();
    let offered = as_said(&mut bench, "ana", &offer("ana", "ben")).unwrap();
    assert!(offered.effects.iter().any(
        |effect| matches!(effect, Effect::Send(Outgoing::Offer { to, run: None, .. }) if *to == person("ben"))
    ));
    assert_eq!(commander(&bench), "ana", "nothing has changed");
    assert!(matches!(as_said(&mut bench, "cora", &take("cora")), Err(Rejection::ForAnother { .. })));
    assert!(matches!(as_said(&mut bench, "ana", &take("ana")), Err(Rejection::ForAnother { .. })));
    as_said(&mut bench, "ben", &take("ben")).unwrap();
    assert_eq!(commander(&bench), "ben");
    assert!(!bench.incident.commander.as_ref().unwrap().acting);
    // a second press changes nothing, and what is taken is not taken again
    assert_eq!(as_said(&mut bench, "ben", &take("ben")).unwrap(), Decision::default());
    assert!(matches!(as_said(&mut bench, "ana", &take("ana")), Err(Rejection::NothingOffered { .. })));
    assert!(matches!(as_said(&mut bench, "ana", &offer("ana", "cora")), Err(Rejection::NotTheirs { .. })));
}

#[test]
fn whoever_is_named_anew_is_the_only_one() {
    let mut bench = led();
    as_said(&mut bench, "ana", &offer("ana", "ben")).unwrap();
    as_said(&mut bench, "ana", &offer("ana", "cora")).unwrap();
    assert!(matches!(as_said(&mut bench, "ben", &take("ben")), Err(Rejection::ForAnother { .. })));
    as_said(&mut bench, "cora", &take("cora")).unwrap();
    assert_eq!(commander(&bench), "cora");
}

/// Whoever presses twice mentions nobody twice; another word, or a minute later, is asked for again.
#[test]
fn the_same_offer_twice_in_a_minute_is_one_mention() {
    let mut bench = led();
    as_said(&mut bench, "ana", &offer("ana", "ben")).unwrap();
    bench.now += Duration::seconds(59);
    assert_eq!(as_said(&mut bench, "ana", &offer("ana", "ben")).unwrap(), Decision::default());
    let noted = IncidentCommand::OfferHandover {
        by: person("ana"),
        to: person("ben"),
        run: None,
        note: Some("the pool is full".to_owned()),
    };
    assert_ne!(as_said(&mut bench, "ana", &noted).unwrap(), Decision::default());
    bench.now += Duration::seconds(60);
    assert_ne!(as_said(&mut bench, "ana", &noted).unwrap(), Decision::default());
}

#[test]
fn what_nobody_took_in_time_is_told_once_and_stays() {
    let mut bench = led();
    as_said(&mut bench, "ana", &offer("ana", "ben")).unwrap();
    assert_eq!(bench.learns(&IncidentCommand::LapseHandover), Decision::default(), "not yet");
    bench.now += Duration::seconds(i64::from(HANDOVER_WINDOW_S));
    assert!(matches!(as_said(&mut bench, "ben", &take("ben")), Err(Rejection::TooLate { .. })));
    let lapsed = bench.learns(&IncidentCommand::LapseHandover);
    assert!(matches!(lapsed.events.as_slice(), [IncidentEvent::HandoverLapsed { run: None, .. }]));
    let told = lapsed.effects.iter().any(|effect| {
        matches!(effect, Effect::Send(Outgoing::Note { text, .. }) if text.contains("ana still commands"))
    });
    assert!(told, "{lapsed:?}");
    assert_eq!(bench.learns(&IncidentCommand::LapseHandover), Decision::default());
    assert_eq!(commander(&bench), "ana");
}

#[test]
fn another_commander_or_an_end_takes_the_offer_back() {
    let mut bench = led();
    as_said(&mut bench, "ana", &offer("ana", "ben")).unwrap();
    let role = crate::people::Role::Commander;
    let given = IncidentCommand::GiveRole { by: person("dan"), role, to: person("dan"), ask: None };
    as_said(&mut bench, "dan", &given).unwrap();
    assert!(matches!(as_said(&mut bench, "ben", &take("ben")), Err(Rejection::NothingOffered { .. })));
    as_said(&mut bench, "dan", &offer("dan", "ben")).unwrap();
    bench.learns(&pager_ends(100));
    assert!(bench.incident.passed.offers.is_empty());
    assert!(matches!(as_said(&mut bench, "ben", &take("ben")), Err(Rejection::NotOpen { .. })));
}

#[test]
fn a_run_is_passed_on_by_whoever_answers_for_it_or_commands() {
    let mut bench = led();
    bench.learns(&link(RUN, true));
    assert!(matches!(as_said(&mut bench, "ben", &pass_run("ben", "dan")), Err(Rejection::NotTheirs { .. })));
    as_said(&mut bench, "cora", &pass_run("cora", "ben")).unwrap();
    as_said(&mut bench, "ben", &IncidentCommand::TakeHandover { by: person("ben"), run: Some(RUN) }).unwrap();
    assert_eq!(bench.incident.holder_of(RUN, &person("cora")), &person("ben"));
    assert_eq!(commander(&bench), "ana", "command is another thing");
    // it is no longer hers, and still the commander's to give
    assert!(matches!(
        as_said(&mut bench, "cora", &pass_run("cora", "dan")),
        Err(Rejection::NotTheirs { .. })
    ));
    as_said(&mut bench, "ana", &pass_run("ana", "dan")).unwrap();
}

fn ask_for(to: &str) -> IncidentCommand {
    IncidentCommand::Escalate(Box::new(Escalate {
        by: person("ana"),
        to: person(to),
        step: Some("secondary".to_owned()),
        reason: Some("nobody answers".to_owned()),
        page: Some(PagedOver {
            email: Some(format!("{to}@example.com")),
            service: None,
            urgency: PageUrgency::High,
        }),
        shown: false,
        unanswered_min: None,
    }))
}

fn pages(decision: &Decision) -> Vec<PagerCall> {
    let call = |effect: &Effect| match effect {
        Effect::Send(Outgoing::Pager { call, .. }) => Some(call.clone()),
        _ => None,
    };
    decision.effects.iter().filter_map(call).collect()
}

#[test]
fn twice_in_a_minute_is_one_page_and_after_it_another() {
    let mut bench = led();
    let first = as_said(&mut bench, "ana", &ask_for("ben")).unwrap();
    let [PagerCall::Page { to, key, title, .. }] = &pages(&first)[..] else { panic!("{first:?}") };
    assert_eq!(to.as_deref(), Some("ben@example.com"));
    assert_eq!(title, "INC-1 P1 flowengine: ana asks for ben");
    assert_eq!(as_said(&mut bench, "ana", &ask_for("ben")).unwrap(), Decision::default());
    assert_eq!(pages(&as_said(&mut bench, "ana", &ask_for("dan")).unwrap()).len(), 1, "another person");
    bench.now += Duration::seconds(60);
    let again = as_said(&mut bench, "ana", &ask_for("ben")).unwrap();
    let [PagerCall::Page { key: other, .. }] = &pages(&again)[..] else { panic!("{again:?}") };
    assert_ne!(key, other, "a page that is still open must not swallow it");
}

#[test]
fn a_private_incident_is_named_by_its_number_alone() {
    let (mut bench, _) =
        Bench::open(&crate::incident::OpenIncident { private: true, ..request(true) }, start_of_day());
    let asked = as_said(&mut bench, "ana", &ask_for("ben")).unwrap();
    let [PagerCall::Page { title, text, .. }] = &pages(&asked)[..] else { panic!("{asked:?}") };
    assert_eq!(title, "INC-1: ana asks for ben");
    assert!(!text.contains("flows") && !text.contains("nobody answers"), "{text}");
    assert!(!bench.incident.passed.shows(&Actor::Person("ben".to_owned())), "asking by a step shows nothing");
}
