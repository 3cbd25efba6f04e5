//! What diagnostics printed: what is shown of it, and when all of it is asked for as a file.

use super::kit::*;
use crate::expectation::Outcome;
use crate::incident::{Decision, Effect, IncidentCommand, excerpt};
use crate::message::Outgoing;

fn evidence(command: &str, sha256: &str, outcome: Outcome, is_long: bool) -> IncidentCommand {
    IncidentCommand::AddEvidence {
        run: RUN,
        command: command.to_owned(),
        title: "How full is the pool?".to_owned(),
        verdicts: vec![("< 80 %".to_owned(), outcome, "as seen".to_owned())],
        output_sha256: Some(sha256.to_owned()),
        is_long,
        changes: Vec::new(),
    }
}

/// The outputs that a decision asks for as files.
fn asked(decision: &Decision) -> Vec<&str> {
    let effects = decision.effects.iter();
    effects
        .filter_map(|effect| match effect {
            Effect::Send(Outgoing::Output { sha256, .. }) => Some(sha256.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn what_is_shown_in_part_is_asked_for_as_a_file_once() {
    let mut bench = Bench::paged();
    for (command, sha256, outcome, is_long, wanted) in [
        ("usage", "a", Outcome::Fail, true, &["a"][..]),
        ("usage", "a", Outcome::Fail, true, &[]),
        ("again", "a", Outcome::Ask, true, &[]),
        // the card shows all of it, or none
        ("short", "b", Outcome::Fail, false, &[]),
        ("passed", "c", Outcome::Pass, true, &[]),
        ("failed after all", "c", Outcome::Late, true, &["c"]),
    ] {
        let decision = bench.learns(&evidence(command, sha256, outcome, is_long));
        assert_eq!(asked(&decision), wanted, "{command} {sha256}");
    }
    let look = IncidentCommand::AddEvidence {
        run: RUN,
        command: "look".to_owned(),
        title: "Look".to_owned(),
        verdicts: vec![(String::new(), Outcome::Pass, String::new())],
        output_sha256: Some("d".to_owned()),
        is_long: true,
        changes: Vec::new(),
    };
    assert_eq!(asked(&bench.learns(&look)), ["d"], "it is only there to be read");
    for number in 5..=10 {
        let decision = bench.learns(&evidence("more", &number.to_string(), Outcome::Fail, true));
        assert_eq!(asked(&decision).len(), usize::from(number <= 8), "{number}");
    }
    assert_eq!(bench.incident.shown_outputs().len(), 8);
}

#[test]
fn a_file_is_named_after_its_diagnostic_and_as_no_other_is() {
    let mut bench = Bench::paged();
    for (command, sha256) in
        [("pool-usage", "a"), ("pool-usage", "b"), ("<!here> ../../Übersicht/1", "c"), ("→", "d")]
    {
        bench.learns(&evidence(command, sha256, Outcome::Fail, true));
    }
    bench.learns(&evidence(&"x".repeat(200), "e", Outcome::Fail, true));
    let shown = bench.incident.shown_outputs();
    let names: Vec<_> = shown.iter().map(|shown| shown.file.as_str()).collect();
    let long = format!("INC-1-{}.txt", "x".repeat(60));
    let wanted = [
        "INC-1-pool-usage.txt",
        "INC-1-pool-usage-2.txt",
        "INC-1-here-bersicht-1.txt",
        "INC-1-output.txt",
        &long,
    ];
    assert_eq!(names, wanted);
    let words = |bench: &Bench, sha256: &str| bench.incident.whole_words(sha256).unwrap_or_default();
    assert_eq!(words(&bench, "b"), "all of it: `INC-1-pool-usage-2.txt`, a file in this thread");
    assert_eq!(words(&bench, "unknown"), "");
    let (channel, ts) = ("C0".to_owned(), "1.0".to_owned());
    bench.learns(&IncidentCommand::RecordCard { channel, ts });
    bench.learns(&IncidentCommand::RecordChannel { channel: "C1".to_owned() });
    assert!(
        words(&bench, "b").ends_with("in this thread or in that of the shared channel"),
        "it stays there"
    );
}

/// It is one scope or setting that is missing, and no file would leave.
#[test]
fn files_that_cannot_be_shared_are_told_of_once() {
    let mut bench = Bench::paged();
    bench.learns(&evidence("usage", "a", Outcome::Fail, true));
    let failure = |reason: &str| IncidentCommand::RecordDeliveryFailure {
        what: "output".to_owned(),
        reason: reason.to_owned(),
    };
    let first = bench.learns(&failure("missing_scope"));
    let card = Effect::Send(Outgoing::Card { incident: bench.incident.id });
    assert_eq!((first.events.len(), first.effects), (1, vec![card]), "the card names no file any more");
    assert!(bench.incident.whole_words("a").unwrap().contains("not every file of it could be shared"));
    assert_eq!(bench.learns(&failure("missing_scope")), Decision::default());
}

#[test]
fn a_card_shows_the_beginning_and_knows_whether_that_is_all() {
    let wide = "x".repeat(161);
    for (output, text, is_whole) in [
        ("", "", true),
        ("33 %\n", "33 %", true),
        ("a\nb\nc\nd\n\n", "a\nb\nc\nd", true),
        ("a\r\nb\r\n", "a\nb", true),
        ("a\nb\nc\nd\ne", "a\nb\nc\nd", false),
        (&wide, &wide[1..], false),
    ] {
        let shown = excerpt(output);
        assert_eq!((shown.text.as_str(), shown.is_whole), (text, is_whole), "{output:?}");
    }
    let much = format!("{0}\n{0}\n{0}", "y".repeat(150));
    assert!(!excerpt(&much).is_whole, "a card has no room for all of that");
}
