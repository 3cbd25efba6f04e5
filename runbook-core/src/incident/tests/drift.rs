//! What the pager has, compared with what is here.

use chrono::{DateTime, Utc};

use super::kit::*;
use crate::incident::{
    Before, Drifted, Incident, IncidentCommand, RunOutcome, Status, drift, is_to_tell_again, missed_notes,
};
use crate::ports::{PagerEventKind, PagerIncident, PagerUser, SeenIncident, SeenNote, SeenStatus};

fn at(second: i64) -> DateTime<Utc> {
    start_of_day() + chrono::Duration::seconds(second)
}

fn seen(status: SeenStatus, since: i64) -> SeenIncident {
    SeenIncident {
        incident: PagerIncident { id: "Q1".to_owned(), created_at: Some(at(0)), ..PagerIncident::default() },
        status,
        since: Some(at(since)),
        by: Some(PagerUser { id: "PANA".to_owned(), name: Some("Ana".to_owned()) }),
        ..SeenIncident::default()
    }
}

fn words(all: &[Drifted]) -> Vec<String> {
    let word = |one: &Drifted| {
        let kind = format!("{:?}", one.kind);
        let kind = kind.split([' ', '{']).next().unwrap().to_owned();
        format!("{kind} at {}", (one.at - start_of_day()).num_seconds())
    };
    all.iter().map(word).collect()
}

/// What each state of ours and each of the pager's come to.
#[test]
fn what_the_pager_has_and_we_have_not_is_found() {
    use SeenStatus::{Acknowledged, Resolved, Triggered};
    let merged = || SeenStatus::MergedInto { other: "Q9".to_owned() };
    let ours = |commands: &[(i64, IncidentCommand)]| {
        let (mut bench, _) = Bench::open(&request(true), start_of_day());
        for (second, command) in commands {
            bench.now = at(second - 1);
            bench.learns(command);
        }
        bench.incident
    };
    let ack = |via: &str| (60, acknowledge("ana", via));
    let unack = || (120, ran_out(120));
    let end = || (120, pager_ends(120));
    let new = ours(&[]);
    let taken = ours(&[ack("pagerduty")]);
    let here = ours(&[ack("blocks")]);
    let lost = ours(&[ack("pagerduty"), unack()]);
    let again = ours(&[ack("pagerduty"), unack(), (150, acknowledge("ben", "blocks"))]);
    let over = ours(&[ack("pagerduty"), end()]);
    let back = ours(&[
        ack("pagerduty"),
        end(),
        (150, IncidentCommand::Reopen { by: person("ana"), reason: "it fails again".to_owned() }),
    ]);
    type Row<'a> = (&'a str, Option<&'a Incident>, Option<SeenStatus>, SeenStatus, i64, &'a [&'a str]);
    let rows: &[Row<'_>] = &[
        ("nobody told of it", None, None, Triggered, 0, &["Triggered at 0"]),
        ("nor who has it", None, None, Acknowledged, 50, &["Triggered at 0", "Acknowledged at 50"]),
        ("over before it was known", None, None, Resolved, 50, &[]),
        ("the same", Some(&new), None, Triggered, 0, &[]),
        ("taken there", Some(&new), None, Acknowledged, 50, &["Acknowledged at 50"]),
        ("over there", Some(&new), None, Resolved, 50, &["Resolved at 50"]),
        ("merged there", Some(&new), None, merged(), 50, &["MergedInto at 50"]),
        ("both have it", Some(&taken), None, Acknowledged, 55, &[]),
        ("it ran out", Some(&taken), None, Triggered, 90, &["Unacknowledged at 1000"]),
        ("taken here, and not told yet", Some(&here), None, Triggered, 500, &[]),
        ("nor at the last look", Some(&here), Some(Triggered), Triggered, 500, &[]),
        (
            "told, and it ran out",
            Some(&here),
            Some(Acknowledged),
            Triggered,
            500,
            &["Unacknowledged at 1000"],
        ),
        ("over there, too", Some(&taken), None, Resolved, 90, &["Resolved at 90"]),
        ("it ran out on both sides", Some(&lost), Some(Acknowledged), Triggered, 119, &[]),
        ("taken again there", Some(&lost), None, Acknowledged, 150, &["Acknowledged at 150"]),
        ("taken again here", Some(&again), Some(Triggered), Triggered, 500, &[]),
        ("over on both sides", Some(&over), None, Resolved, 120, &[]),
        ("it has come back", Some(&over), None, Triggered, 150, &["Reopened at 150"]),
        (
            "and somebody has it still",
            Some(&over),
            None,
            Acknowledged,
            150,
            &["Reopened at 150", "Acknowledged at 150"],
        ),
        ("within the second", Some(&over), None, Triggered, 120, &["Reopened at 120"]),
        ("opened again here", Some(&back), None, Resolved, 120, &[]),
        ("and there", Some(&back), None, Triggered, 500, &["Reopened at 500", "Unacknowledged at 1000"]),
    ];
    for (what, ours, before, status, since, wanted) in rows {
        let all = drift(
            *ours,
            Before { seen: before.as_ref(), ..Before::default() },
            &seen(status.clone(), *since),
            at(1_000),
        );
        assert_eq!(words(&all), *wanted, "{what}");
    }
}

/// One that was made here has run out where the pager had taken it, and is told again, now and then, where it had not.
#[test]
fn an_acknowledgement_of_ours_has_run_out_or_never_got_there() {
    let (mut bench, _) = Bench::open(&request(true), start_of_day());
    bench.learns(&acknowledge("ana", "blocks"));
    let waits = seen(SeenStatus::Triggered, 0);
    let before = |has_taken| Before { has_taken, ..Before::default() };
    for (has_taken, now, ran_out, tells) in [
        (None, 5_000, false, false),
        (Some(true), 5_000, true, false),
        (Some(false), 5_000, false, true),
        (Some(false), 300, false, false),
    ] {
        let all = drift(Some(&bench.incident), before(has_taken), &waits, at(now));
        assert_eq!(!all.is_empty(), ran_out, "{has_taken:?} at {now}");
        assert_eq!(
            is_to_tell_again(&bench.incident, before(has_taken), &waits, at(now)),
            tells,
            "{has_taken:?} at {now}"
        );
    }
    bench.now = at(5_000);
    let again = bench.learns(&IncidentCommand::TellAgain { email: None });
    assert_eq!((again.events.len(), again.effects.len()), (1, 1));
    assert!(!is_to_tell_again(&bench.incident, before(Some(false)), &waits, at(5_100)));
    let taken = seen(SeenStatus::Acknowledged, 0);
    assert!(!is_to_tell_again(&bench.incident, before(Some(false)), &taken, at(9_000)));
    // nor does a mitigation stop it from ringing
    bench.learns(&link(RUN, true));
    bench.learns(&IncidentCommand::StartMitigation { run: RUN });
    assert!(is_to_tell_again(&bench.incident, before(Some(false)), &waits, at(9_000)));
    bench.learns(&pager_ends(9_500));
    bench.learns(&IncidentCommand::EndRun { run: RUN, outcome: RunOutcome::Succeeded, reason: None });
    bench.learns(&pager_ends(9_600));
    assert_eq!(bench.learns(&IncidentCommand::TellAgain { email: None }).events, []);
}

/// That somebody had it once tells the pager nothing: whose acknowledgement ran out does not have it again because it was opened again.
#[test]
fn nobody_is_said_to_have_what_nobody_has_taken_since_it_ran_out() {
    let waits = seen(SeenStatus::Triggered, 20_000);
    let before = Before { has_taken: Some(false), ..Before::default() };
    let reopened = IncidentCommand::Reopen { by: person("ana"), reason: "it fails again".to_owned() };
    for via in ["pagerduty", "blocks"] {
        let (mut bench, _) = Bench::open(&request(true), start_of_day());
        bench.now = at(60);
        bench.learns(&acknowledge("ana", via));
        bench.now = at(1_000);
        bench.learns(&ran_out(1_000));
        bench.learns(&pager_ends(1_100));
        bench.learns(&reopened);
        assert_eq!(bench.incident.status, Status::Acknowledged);
        assert!(!is_to_tell_again(&bench.incident, before, &waits, at(20_000)), "{via}");
        let all = words(&drift(Some(&bench.incident), before, &waits, at(20_000)));
        assert_eq!(all, ["Reopened at 20000", "Unacknowledged at 20000"], "{via}");
    }
}

/// Each note once, whether it was told of, seen, or is ours.
#[test]
fn notes_and_the_bridge_are_made_up_for_once() {
    let (mut bench, _) = Bench::open(&request(true), start_of_day());
    let note = |id: &str, second: i64, text: &str| SeenNote {
        id: id.to_owned(),
        at: Some(at(second)),
        by: None,
        text: text.to_owned(),
    };
    let mut there = seen(SeenStatus::Triggered, 0);
    let notes = [note("N1", 10, "looking"), note("N2", 20, "found"), note("N3", 5_000, "later")];
    there.bridge = Some("https://meet.example.com/1".to_owned());
    let drifted = |incident: &Incident, there: &SeenIncident| {
        let mut all = drift(Some(incident), Before::default(), there, at(1_000));
        all.extend(missed_notes(incident, &notes, at(1_000)));
        all
    };
    let all = drifted(&bench.incident, &there);
    assert_eq!(words(&all), ["BridgeChanged at 1000", "Note at 10", "Note at 20"]);
    for one in all {
        let command = match one.kind {
            PagerEventKind::Note { id, text } => {
                IncidentCommand::NotePager { what: "note".to_owned(), text: Some(text), id }
            }
            PagerEventKind::BridgeChanged { url, numbers } => IncidentCommand::ChangeBridge { url, numbers },
            other => panic!("{other:?}"),
        };
        assert_eq!(bench.learns(&command).events.len(), 1);
        assert_eq!(bench.learns(&command).events, [], "told once more");
    }
    assert_eq!(drifted(&bench.incident, &there), []);
    // one that is told of without its id is another one
    let note = IncidentCommand::NotePager { what: "note".to_owned(), text: Some("looking".into()), id: None };
    assert_eq!(bench.learns(&note).events.len(), 1);
    there.bridge = None;
    assert_eq!(drifted(&bench.incident, &there), [], "taken off there is told by the webhook");
}

/// A look sees the second in which it ended, and the webhook that comes after it tells the millisecond: that is the same end, also
/// when somebody has opened it again meanwhile.
#[test]
fn a_webhook_after_the_look_says_nothing_new() {
    let (mut bench, _) = Bench::open(&request(true), start_of_day());
    bench.learns(&pager_ends(60));
    let told = IncidentCommand::PagerResolved { occurred_at: at(60) + chrono::Duration::milliseconds(900) };
    assert_eq!(bench.learns(&told).events, []);
    bench.learns(&IncidentCommand::Reopen { by: person("ana"), reason: "it fails again".to_owned() });
    assert_eq!(bench.learns(&told).events, []);
    assert!(bench.incident.status.is_open());
}

#[test]
fn one_whose_run_has_failed_can_run_out_and_be_taken_again() {
    use crate::incident::RunOutcome::Failed;
    let (mut bench, _) = Bench::open(&request(true), start_of_day());
    bench.learns(&acknowledge("ana", "pagerduty"));
    bench.give_as(person("ana"), &link(RUN, true)).unwrap();
    bench.learns(&IncidentCommand::StartMitigation { run: RUN });
    let waits = seen(SeenStatus::Triggered, 90);
    let drifted = |bench: &Bench, seen: &SeenIncident| {
        words(&drift(Some(&bench.incident), Before::default(), seen, at(1_000)))
    };
    assert_eq!(drifted(&bench, &waits), Vec::<String>::new(), "a run is under way");
    bench.learns(&IncidentCommand::EndRun { run: RUN, outcome: Failed, reason: None });
    assert_eq!(drifted(&bench, &waits), ["Unacknowledged at 1000"]);
    bench.learns(&ran_out(1_000));
    assert_eq!(drifted(&bench, &waits), Vec::<String>::new());
    assert_eq!(drifted(&bench, &seen(SeenStatus::Acknowledged, 1_100)), ["Acknowledged at 1100"]);
    bench.learns(&acknowledge("ana", "pagerduty"));
    assert_eq!(drifted(&bench, &seen(SeenStatus::Acknowledged, 1_100)), Vec::<String>::new());
}
