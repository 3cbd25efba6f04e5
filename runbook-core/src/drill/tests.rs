//! Incidents of a drill: all in time, all too late, and nothing done.

use chrono::Duration;

use super::*;
use crate::incident::tests::kit::{Bench, RUN, acknowledge, link, person, request, start_of_day};
use crate::incident::{IncidentCommand, OpenIncident};
use crate::severity::Severities;

const SCHEME: &str = r#"
default = "s"
[[scheme]]
id = "s"
name = "s"
[[scheme.severity]]
id = "P1"
name = "Critical"
definition = "it is down"
mttr_target_min = 15
update_interval_min = 30
remind_commander_after_min = 2
remind_severity_after_min = 5
remind_roles_after_min = 10
escalation = [{ after_min = 0, who = ["primary"] }, { after_min = 5, who = ["secondary"] }]
"#;

fn severities() -> Severities {
    crate::severity::parse(SCHEME).unwrap()
}

fn opened(severity_guessed: bool) -> Bench {
    let request = OpenIncident { severity_guessed, triage: false, ..request(false) };
    Bench::open(&request, start_of_day()).0
}

/// A command of ana's, so many minutes after the detection.
fn at(bench: &mut Bench, minutes: i64, command: &IncidentCommand) {
    bench.now = start_of_day() + Duration::minutes(minutes);
    bench.give_as(person("ana"), command).unwrap_or_else(|refusal| panic!("{command:?}: {refusal}"));
}

fn role(role: Role) -> IncidentCommand {
    IncidentCommand::GiveRole { by: person("ana"), role, to: person("ben"), ask: None }
}

fn update(text: &str) -> IncidentCommand {
    IncidentCommand::GiveUpdate { by: person("ana"), text: text.to_owned() }
}

fn scored(bench: &Bench, minutes: i64) -> Score {
    let severities = severities();
    let now = start_of_day() + Duration::minutes(minutes);
    score(&bench.incident, &bench.events, severities.default_scheme().get("P1"), now)
}

fn missed(score: &Score) -> Vec<&'static str> {
    score.points.iter().filter(|point| !point.met).map(|point| point.id).collect()
}

/// Everything that is to be done, each so many minutes after its turn would be.
fn played(late: i64) -> Bench {
    let mut bench = opened(true);
    at(&mut bench, 1 + late, &acknowledge("ana", "blocks"));
    at(
        &mut bench,
        2 + late,
        &IncidentCommand::ChangeSeverity {
            to: "P1".to_owned(),
            target_s: Some(900),
            word: crate::incident::Word::Here { email: None },
        },
    );
    at(&mut bench, 3 + late, &role(Role::CommunicationsLead));
    at(&mut bench, 3 + late, &role(Role::Scribe));
    at(&mut bench, 4 + late, &link(RUN, true));
    at(&mut bench, 4 + late, &IncidentCommand::StartMitigation { run: RUN });
    at(
        &mut bench,
        6 + late,
        &IncidentCommand::EndRun { run: RUN, outcome: RunOutcome::Succeeded, reason: None },
    );
    at(&mut bench, 8 + late, &update("it is rolled back"));
    at(&mut bench, 10 + late, &IncidentCommand::Resolve { by: person("ana"), email: None });
    bench
}

#[test]
fn what_is_done_in_time_is_met_and_each_point_names_its_event() {
    let bench = played(0);
    let score = scored(&bench, 60);
    assert_eq!((missed(&score), score.met), (Vec::new(), 9), "{}", score.text());
    for point in &score.points {
        let seq = point.event.unwrap_or_else(|| panic!("{} names no event", point.id));
        assert!(bench.events.iter().any(|event| event.seq == seq), "{}", point.id);
    }
    let text = score.text();
    assert!(
        text.contains(
            "met     somebody took it, before the next one had to be asked: after 1 min (within 5 min; event "
        ),
        "{text}"
    );
    assert!(text.ends_with("9 of 9 points"), "{text}");
}

#[test]
fn what_is_done_late_is_missed_and_what_has_no_time_is_not() {
    let score = scored(&played(30), 60);
    let late = ["acknowledged", "commander", "severity", "communications", "scribe", "mitigated", "updates"];
    assert_eq!(missed(&score), late, "{}", score.text());
}

#[test]
fn nothing_done_is_no_point() {
    let score = scored(&opened(false), 31);
    assert_eq!(score.met, 0, "{}", score.text());
    let updates = score.points.iter().find(|point| point.id == "updates").unwrap();
    assert_eq!((updates.took_s, updates.event), (Some(31 * 60), None));
    assert!(score.points.iter().all(|point| point.id != "severity"), "a person had named it");
    // while there is still time for it, nobody has been without news for too long
    assert_eq!(scored(&opened(false), 29).met, 1);
}

/// A fix that somebody vouched for is a fix; that it helped was not shown.
#[test]
fn a_word_alone_proves_nothing() {
    for outcome in [RunOutcome::Vouched, RunOutcome::Incomplete, RunOutcome::Failed] {
        let mut bench = opened(false);
        at(&mut bench, 1, &acknowledge("ana", "blocks"));
        at(&mut bench, 2, &link(RUN, true));
        at(&mut bench, 2, &IncidentCommand::StartMitigation { run: RUN });
        at(&mut bench, 3, &IncidentCommand::EndRun { run: RUN, outcome, reason: None });
        at(&mut bench, 4, &IncidentCommand::Resolve { by: person("ana"), email: None });
        let score = scored(&bench, 5);
        assert!(missed(&score).contains(&"proven"), "{outcome:?}: {}", score.text());
    }
}

/// What was taken back does not count, and what is left half done keeps the last point.
#[test]
fn an_end_that_was_taken_back_is_none() {
    let mut bench = played(0);
    at(&mut bench, 20, &IncidentCommand::Reopen { by: person("ana"), reason: "it fails again".to_owned() });
    let score = scored(&bench, 25);
    assert!(missed(&score).contains(&"resolved"), "{}", score.text());
}
