//! Reports over a few incidents, with the times of each.

use chrono::Duration;
use uuid::Uuid;

use super::*;
use crate::ids::{IncidentId, IncidentNumber, RunId};
use crate::incident::tests::kit::{Bench, acknowledge, person, request, start_of_day};
use crate::incident::{IncidentCommand, OpenIncident};

const SEVERITIES: &[&str] = &["P1", "P2", "P3"];

/// What happened to one incident, in minutes after its detection.
struct Story {
    severity: &'static str,
    target_min: Option<u32>,
    taken: Option<i64>,
    over: Option<i64>,
}

/// The incident of that number, detected so many hours after the start of the day.
fn told(number: u64, hours: i64, story: &Story) -> Bench {
    let detected_at = start_of_day() + Duration::hours(hours);
    let opened = OpenIncident {
        id: IncidentId(Uuid::from_u128(0x100 + u128::from(number))),
        number: IncidentNumber(number),
        severity: story.severity.to_owned(),
        target_s: story.target_min.map(|minutes| minutes * 60),
        detected_at,
        ..request(false)
    };
    let (mut bench, _) = Bench::open(&opened, detected_at);
    let by = person("ana");
    if let Some(minutes) = story.taken {
        bench.now = detected_at + Duration::minutes(minutes);
        bench.give_as(by.clone(), &acknowledge("ana", "blocks")).unwrap();
    }
    if let Some(minutes) = story.over {
        bench.now = detected_at + Duration::minutes(minutes);
        bench.give_as(by.clone(), &IncidentCommand::Resolve { by, email: None }).unwrap();
    }
    bench
}

fn week() -> Period {
    let now = start_of_day() + Duration::days(2);
    Period::since(Some("7d"), now, &Utc).unwrap()
}

fn of(benches: &[Bench], service: Option<&str>) -> Report {
    let period = week();
    report(benches.iter().map(|bench| &bench.incident), period, service, SEVERITIES, period.last_day)
}

fn numbers(named: &[Named]) -> Vec<&str> {
    named.iter().map(|one| one.number.as_str()).collect()
}

#[test]
fn times_are_counted_from_the_detection_and_held_against_each_target() {
    let p1 = |taken, over| Story { severity: "P1", target_min: Some(15), taken, over };
    let benches = [
        told(1, 0, &p1(Some(1), Some(10))),
        told(2, 1, &p1(Some(3), Some(15))),
        told(3, 2, &p1(Some(2), Some(40))),
        told(4, 3, &p1(None, None)),
        told(5, 4, &Story { severity: "P3", target_min: None, taken: Some(30), over: Some(600) }),
    ];
    let report = of(&benches, None);
    assert_eq!((report.incidents, numbers(&report.open)), (5, vec!["INC-4"]));
    assert_eq!(numbers(&report.missed), ["INC-3", "INC-4"], "one that is open counts as soon as it is late");
    let [p1, p3] = report.severities.as_slice() else { panic!("{:?}", report.severities) };
    assert_eq!((p1.severity.as_str(), p1.incidents, p1.open, p1.met, p1.missed), ("P1", 4, 1, 2, 2));
    assert_eq!(p1.acknowledged, Some(Spread { count: 3, median_s: 120, slowest_s: 180 }));
    assert_eq!(p1.mitigated, Some(Spread { count: 3, median_s: 900, slowest_s: 2_400 }));
    assert_eq!((p3.met, p3.missed), (0, 0), "without a target there is none to meet");
    assert_eq!(
        report.text(),
        "2025-12-04 to 2025-12-11: 5 incidents\n\
         P1: 4 incidents; taken after 2 min (median; slowest 3 min); mitigated after 15 min (median; slowest 40 min); target met by 2 of 4; 1 open\n\
         P3: 1 incident; taken after 30 min; mitigated after 10 h\n\
         missed their target:\n  \
           INC-3 P1 flowengine, 40 min, target 15 min: More than 10 % of the flows fail\n  \
           INC-4 P1 flowengine, 45 h, target 15 min: More than 10 % of the flows fail\n\
         open:\n  \
           INC-4 P1 flowengine, 45 h, target 15 min: More than 10 % of the flows fail"
    );
}

#[test]
fn what_was_none_or_belongs_to_another_or_lies_outside_is_not_counted() {
    let p2 = Story { severity: "P2", target_min: Some(60), taken: None, over: Some(5) };
    let open = Story { over: None, ..p2 };
    let mut none = told(2, 0, &open);
    let (by, email) = (person("ana"), None);
    let end =
        IncidentCommand::EndAsNone { by: by.clone(), email: email.clone(), reason: "a drill".to_owned() };
    none.give_as(by.clone(), &end).unwrap();
    let mut merged = told(3, 0, &open);
    let (id, other) = (IncidentId(Uuid::from_u128(0x101)), IncidentNumber(1));
    merged.give_as(by.clone(), &IncidentCommand::MergeInto { by, email, id, other }).unwrap();
    let benches = [told(1, 0, &p2), none, merged, told(4, -24 * 6, &p2), told(5, 48, &p2)];
    let report = of(&benches, None);
    assert_eq!((report.incidents, report.not_incidents, report.merged), (1, 1, 1));
    assert_eq!(
        report.text().lines().next(),
        Some(
            "2025-12-04 to 2025-12-11: 1 incident, beside 1 that ended as none, and 1 that became part of another"
        )
    );
    assert_eq!(of(&benches, Some("checkout")).incidents, 0, "another service's");
    assert_eq!(of(&benches, Some("flowengine")).incidents, 1);
}

#[test]
fn runbooks_and_actions_are_counted_by_how_they_ended() {
    let mut bench = told(1, 0, &Story { severity: "P1", target_min: None, taken: Some(1), over: None });
    let by = person("ana");
    for (nth, outcome) in
        [Some(RunOutcome::Failed), Some(RunOutcome::UndoFailed), None].into_iter().enumerate()
    {
        let run = RunId(Uuid::from_u128(0x200 + nth as u128));
        let (runbook, mutating) = ("rollback".to_owned(), true);
        bench
            .give_as(by.clone(), &IncidentCommand::LinkRun { run, runbook, mutating, triage: false })
            .unwrap();
        if let Some(outcome) = outcome {
            bench.give_as(by.clone(), &IncidentCommand::EndRun { run, outcome, reason: None }).unwrap();
        }
    }
    let today = week().last_day;
    for due in [None, Some(today), today.pred_opt()] {
        let text = "raise the limit".to_owned();
        bench.give_as(by.clone(), &IncidentCommand::AddAction { text, owner: None, due }).unwrap();
    }
    bench.give_as(by, &IncidentCommand::EndAction { number: 1 }).unwrap();
    let report = of(&[bench], None);
    assert_eq!(report.actions, OfActions { done: 1, open: 2, overdue: 1 }, "due today is not late");
    let text = report.text();
    assert!(text.contains("rollback: 3 runs: 1 failed, 1 undo failed, 1 not ended"), "{text}");
    assert!(text.ends_with("actions: 2 to do (1 overdue), 1 done"), "{text}");
    let cut = Report { newest_only: Some(1_000), ..report }.text();
    assert!(cut.contains("there were more: only the newest 1000 incidents are counted"), "{cut}");
}
