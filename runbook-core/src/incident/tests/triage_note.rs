//! What the pager is told of the diagnostics.

use super::kit::*;
use crate::expectation::Outcome;
use crate::incident::{ChangeNoted, Decision, Effect, IncidentCommand, OpenIncident};
use crate::message::Outgoing;
use crate::ports::PagerCall;

fn note(decision: &Decision) -> Option<String> {
    decision.effects.iter().find_map(|effect| match effect {
        Effect::Send(Outgoing::Pager { call: PagerCall::Note { incident, from: None, text }, .. })
            if incident == "Q1" =>
        {
            Some(text.clone())
        }
        _ => None,
    })
}

fn found(title: &str, outcome: Outcome) -> IncidentCommand {
    IncidentCommand::AddEvidence {
        run: RUN,
        command: "replicas".to_owned(),
        title: title.to_owned(),
        verdicts: vec![("5 of 5".to_owned(), outcome, "3 of\n 5".to_owned())],
        output_sha256: None,
        is_long: false,
        changes: vec![ChangeNoted { text: "v1.2 rolled out".to_owned(), ..ChangeNoted::default() }],
    }
}

#[test]
fn what_the_diagnostics_found_is_noted_at_the_pager() {
    let told = OpenIncident { tells_pager: true, ..request(true) };
    let (mut bench, _) = Bench::open(&told, start_of_day());
    bench.learns(&link(RUN, false));
    bench.learns(&found("Are they there?", Outcome::Fail));
    bench.learns(&found(&"long ".repeat(200), Outcome::Pass));
    let ended = bench.learns(&IncidentCommand::EndTriage { run: RUN, commands: 4 });
    let text = note(&ended).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "INC-1: the diagnostics of flowengine are through: 4 commands, 1 as expected, 1 not, 0 for a person"
    );
    assert_eq!(lines[1], "fail: Are they there?: expected 5 of 5: 3 of 5");
    assert!(lines[2].starts_with("pass: long long") && lines[2].chars().count() == 303, "{}", lines[2]);
    assert_eq!(lines[3..], ["changed: v1.2 rolled out"]);
    // it comes back as everybody's notes do
    let echo = |text: String| IncidentCommand::NotePager { what: "note".into(), text: Some(text), id: None };
    assert_eq!(bench.learns(&echo(text)).events, []);
    assert_eq!(bench.replayed(), bench.incident);

    let (mut bench, _) = Bench::open(&told, start_of_day());
    let fail =
        IncidentCommand::FailTriage { runbook: "triage".to_owned(), reason: "no such file".to_owned() };
    let text = note(&bench.learns(&fail)).unwrap();
    assert_eq!(text, "INC-1: nobody has looked: the diagnostics triage could not start: no such file");
    assert_eq!(bench.learns(&echo(text)).events, []);

    // nobody is told where nobody asked for it, or where the pager does not know the incident
    for request in [request(true), OpenIncident { tells_pager: true, ..request(false) }] {
        let (mut bench, _) = Bench::open(&request, start_of_day());
        bench.learns(&link(RUN, false));
        assert_eq!(note(&bench.learns(&IncidentCommand::EndTriage { run: RUN, commands: 1 })), None);
    }
    // thousands of lines are some, and how many more there are
    let (mut bench, _) = Bench::open(&told, start_of_day());
    bench.learns(&link(RUN, false));
    for number in 0..500 {
        bench.learns(&found(&format!("{number}"), Outcome::Pass));
    }
    let text = note(&bench.learns(&IncidentCommand::EndTriage { run: RUN, commands: 500 })).unwrap();
    assert!(text.contains("\n... and 470 more\nchanged:") && text.len() < 12_000, "{}", text.len());
}
