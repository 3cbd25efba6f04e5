use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::pattern::Pattern;
use crate::severity::{Severities, parse};

const SCHEME: &str = r#"
default = "p"
[[scheme]]
id = "p"
name = "P"
[[scheme.severity]]
id = "P1"
name = "Critical"
definition = "x"
[[scheme.severity]]
id = "P2"
name = "High"
definition = "x"
[[scheme.severity]]
id = "P3"
name = "Medium"
definition = "x"
[[scheme.severity]]
id = "P4"
name = "Low"
definition = "x"
"#;

fn severities() -> Severities {
    parse(SCHEME).unwrap_or_else(|error| panic!("{error}"))
}

fn pattern(text: &str) -> Pattern {
    Pattern::new(text).unwrap()
}

fn named(pairs: &[(&str, &str)]) -> BTreeMap<String, Pattern> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), pattern(text))).collect()
}

fn facts() -> Facts {
    Facts {
        service: "flowengine".to_owned(),
        title: "Connection POOL is full\n(200 of 200)".to_owned(),
        priority: None,
        high_urgency: Some(true),
        is_unlisted: false,
        labels: [("team".to_owned(), "data".to_owned())].into(),
        details: [("pool.used".to_owned(), "200".to_owned())].into(),
    }
}

fn rule(name: &str, when: When, say: Say) -> Rule {
    Rule { name: name.to_owned(), when, say }
}

fn asked(rules: &[Rule], facts: &Facts, severity: Option<&str>) -> Choice {
    let severities = severities();
    let defaults =
        Defaults { scheme: severities.default_scheme(), severity, triage: Some("flow_failure_response") };
    choose(rules, facts, defaults)
}

#[test]
fn each_thing_that_a_rule_names_has_to_be_so() {
    let yes = [
        When::default(),
        When { service: Some("flowengine".to_owned()), ..When::default() },
        When { title: Some(pattern(".*pool is full.*")), ..When::default() },
        When { high_urgency: Some(true), ..When::default() },
        When { labels: named(&[("team", "data|infra")]), ..When::default() },
        When { details: named(&[("pool.used", "19\\d|200")]), ..When::default() },
    ];
    for when in yes {
        assert!(when.matches(&facts()).is_some(), "{when:?}");
    }
    let no = [
        When { service: Some("flow".to_owned()), ..When::default() },
        When { title: Some(pattern("pool is full")), ..When::default() },
        When { priority: Some("P1".to_owned()), ..When::default() },
        When { high_urgency: Some(false), ..When::default() },
        When { labels: named(&[("team", "dat")]), ..When::default() },
        When { labels: named(&[("team", "data"), ("pool.used", "200")]), ..When::default() },
        When { details: named(&[("pool.free", ".*")]), ..When::default() },
    ];
    for when in no {
        assert!(when.matches(&facts()).is_none(), "{when:?}");
    }
    let unsaid = Facts { high_urgency: None, ..facts() };
    let low = When { high_urgency: Some(false), ..When::default() };
    assert!(low.matches(&unsaid).is_none(), "what nobody says is not low");
}

#[test]
fn the_first_that_matches_wins_and_says_why() {
    let pool = rule(
        "pool",
        When { details: named(&[("pool.used", "200")]), ..When::default() },
        Say {
            severity: Some("P1".to_owned()),
            triage: Some(vec!["pool".to_owned(), "db".to_owned()]),
            suggest: vec!["grow_pool".to_owned()],
        },
    );
    let any = rule("any", When::default(), Say { severity: Some("P3".to_owned()), ..Say::default() });
    let choice = asked(&[pool.clone(), any.clone()], &facts(), Some("P2"));
    assert_eq!((choice.severity.as_str(), choice.severity_guessed), ("P1", true));
    assert_eq!(choice.severity_reason, "rule 'pool': detail pool.used");
    assert_eq!(choice.chosen.triage, ["pool", "db"]);
    assert_eq!(choice.chosen.suggest, ["grow_pool"]);
    assert_eq!(choice.words(), "P1 (rule 'pool': detail pool.used); pool, db looks");

    // a rule may go below the floor, and what it does not say stays
    let choice = asked(&[any, pool], &facts(), Some("P2"));
    assert_eq!((choice.severity.as_str(), choice.severity_reason.as_str()), ("P3", "rule 'any'"));
    assert_eq!(choice.chosen.triage, ["flow_failure_response"]);
    assert_eq!(choice.chosen.reason, "the service's diagnostics");
}

#[test]
fn without_a_rule_priority_service_and_urgency_say_it() {
    for (priority, service, urgent, id, guessed) in [
        (Some("P1"), Some("P3"), Some(true), "P1", false),
        (Some("P3"), None, Some(false), "P3", false),
        (Some("P3"), None, Some(true), "P2", true),
        (None, Some("P3"), None, "P3", true),
        (None, None, None, "P4", true),
        (Some("urgent"), None, Some(true), "P2", true),
    ] {
        let facts = Facts { priority: priority.map(str::to_owned), high_urgency: urgent, ..Facts::default() };
        let choice = asked(&[], &facts, service);
        assert_eq!((choice.severity.as_str(), choice.severity_guessed), (id, guessed), "{facts:?}");
    }
}

#[test]
fn a_rule_may_say_that_nobody_looks() {
    let none = rule("none", When::default(), Say { triage: Some(Vec::new()), ..Say::default() });
    let choice = asked(&[none], &facts(), None);
    assert!(choice.chosen.triage.is_empty());
    assert!(choice.words().ends_with("; no diagnostics (rule 'none')"), "{}", choice.words());
}

#[test]
fn facts_are_bounded() {
    let many = (0..500).map(|n| (format!("k{n:03}"), "x \n".repeat(2_000))).collect();
    let facts = Facts { details: many, ..Facts::default() }.bounded();
    assert_eq!(facts.details.len(), MOST_FACTS);
    assert!(
        facts.details.values().all(|value| value.chars().count() <= LONGEST_FACT && !value.contains('\n'))
    );
}

proptest! {
    /// Whatever is known: high urgency is below the second of the scheme only where a rule says so.
    #[test]
    fn high_urgency_has_a_floor(
        priority in proptest::option::of("P[1-5]"),
        service in proptest::option::of("P[1-5]"),
        title in ".{0,40}",
        by_rule in proptest::option::of("P[1-5]"),
    ) {
        let facts = Facts { priority, title, high_urgency: Some(true), ..Facts::default() };
        let rules: Vec<Rule> = by_rule
            .iter()
            .map(|id| rule("r", When::default(), Say { severity: Some(id.clone()), ..Say::default() }))
            .collect();
        let choice = asked(&rules, &facts, service.as_deref());
        let severities = severities();
        let known = severities.default_scheme();
        prop_assert!(known.get(&choice.severity).is_some());
        let of_rule = by_rule.filter(|id| known.get(id).is_some());
        match of_rule {
            Some(id) => prop_assert_eq!(choice.severity, id),
            None => prop_assert!(matches!(choice.severity.as_str(), "P1" | "P2"), "{:?}", choice),
        }
    }

    /// Rules behind the one that wins change nothing.
    #[test]
    fn what_comes_behind_the_first_is_not_asked(behind in proptest::collection::vec("P[1-4]", 0..4)) {
        let first = rule("first", When::default(), Say { severity: Some("P2".to_owned()), ..Say::default() });
        let more = behind.iter().map(|id| rule(id, When::default(), Say { severity: Some(id.clone()), ..Say::default() }));
        let rules: Vec<Rule> = std::iter::once(first.clone()).chain(more).collect();
        prop_assert_eq!(asked(&rules, &facts(), None), asked(&[first], &facts(), None));
    }
}
