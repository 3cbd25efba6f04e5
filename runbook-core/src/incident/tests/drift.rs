//! What the pager has, compared with what is here.

use chrono::{DateTime, Utc};

use super::kit::*;
use crate::incident::{Drifted, Incident, IncidentCommand, drift};
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
fn the_later_word_counts() {
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
    let ack = |second: i64| (second, acknowledge("ana", "pagerduty"));
    let unack = |second: i64| (second, IncidentCommand::Unacknowledge);
    let end = |second: i64| (second, pager_ends(second));
    let new = ours(&[]);
    let taken = ours(&[ack(60)]);
    let lost = ours(&[ack(60), unack(120)]);
    let over = ours(&[ack(60), end(120)]);
    type Row<'a> = (&'a str, Option<&'a Incident>, SeenStatus, i64, &'a [&'a str]);
    let rows: &[Row<'_>] = &[
        ("nobody told of it", None, Triggered, 0, &["Triggered at 0"]),
        ("nor who has it", None, Acknowledged, 50, &["Triggered at 0", "Acknowledged at 50"]),
        ("over before it was known", None, Resolved, 50, &[]),
        ("the same", Some(&new), Triggered, 0, &[]),
        ("taken there", Some(&new), Acknowledged, 50, &["Acknowledged at 50"]),
        ("over there", Some(&new), Resolved, 50, &["Resolved at 50"]),
        ("merged there", Some(&new), merged(), 50, &["MergedInto at 50"]),
        ("both have it", Some(&taken), Acknowledged, 55, &[]),
        ("it has not been told yet", Some(&taken), Triggered, 0, &[]),
        ("it ran out", Some(&taken), Triggered, 90, &["Unacknowledged at 90"]),
        ("over there, too", Some(&taken), Resolved, 90, &["Resolved at 90"]),
        ("it ran out on both sides", Some(&lost), Triggered, 119, &[]),
        ("taken before it ran out", Some(&lost), Acknowledged, 61, &[]),
        ("taken again", Some(&lost), Acknowledged, 150, &["Acknowledged at 150"]),
        ("over on both sides", Some(&over), Resolved, 120, &[]),
        ("it has come back", Some(&over), Triggered, 150, &["Reopened at 150"]),
        ("what was so before the end", Some(&over), Triggered, 100, &[]),
        ("what may still be told", Some(&new), Acknowledged, 5_000, &[]),
    ];
    for (what, ours, status, since, wanted) in rows {
        let all = drift(*ours, &seen(status.clone(), *since), at(1_000));
        assert_eq!(words(&all), *wanted, "{what}");
    }
    let early = SeenIncident {
        incident: PagerIncident { id: "Q2".to_owned(), ..PagerIncident::default() },
        ..seen(Triggered, 2_000)
    };
    assert_eq!(drift(None, &early, at(1_000)), []);
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
    there.notes = Some(vec![note("N1", 10, "looking"), note("N2", 20, "found"), note("N3", 5_000, "later")]);
    there.bridge = Some("https://meet.example.com/1".to_owned());
    let all = drift(Some(&bench.incident), &there, at(1_000));
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
    assert_eq!(drift(Some(&bench.incident), &there, at(1_000)), []);
    // one that is told of without its id is another one
    let note = IncidentCommand::NotePager { what: "note".to_owned(), text: Some("looking".into()), id: None };
    assert_eq!(bench.learns(&note).events.len(), 1);
    there.bridge = None;
    assert_eq!(drift(Some(&bench.incident), &there, at(1_000)), [], "taken off there is told by the webhook");
}
