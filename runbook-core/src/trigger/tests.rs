//! A trigger from answer to answer.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use proptest::prelude::*;

use super::*;

fn trigger(when: Comparison, limit: f64, for_s: u32) -> Trigger {
    Trigger {
        name: "failure-rate".to_owned(),
        says: "failure rate over 10 %".to_owned(),
        ask: Ask::Query { connection: None, query: "x".to_owned() },
        when,
        limit,
        for_s,
        every_s: 60,
        severity: Some("P1".to_owned()),
        service: None,
        channel: None,
        page: None,
        plan: None,
        propose: None,
        window_s: 3_600,
    }
}

fn start() -> DateTime<Utc> {
    "2026-11-30T10:00:00Z".parse().unwrap()
}

fn value(value: f64) -> Reading {
    Reading::Values(vec![Sample { labels: BTreeMap::new(), value }])
}

/// What was held back and turns once more while its time to count waits to be dealt with has another time to count.
#[test]
fn each_time_to_count_has_a_name() {
    let name = |minutes| {
        let (held_at, since) = (start(), start() + Duration::minutes(minutes));
        let turn = Turn::Counts { since, held_at, firing: true };
        TriggerNotice { trigger: "failure-rate".to_owned(), turn }.key(start())
    };
    assert_eq!(name(-5), name(0), "what fired before it was held back");
    assert_ne!(name(0), name(9));
}

/// The words of what is told, minute by minute.
fn told(trigger: &Trigger, readings: &[Reading]) -> Vec<(i64, &'static str)> {
    let mut standing = Standing::default();
    let mut all = Vec::new();
    for (minute, reading) in (0..).zip(readings) {
        let (next, turns) = step(&standing, trigger, reading, start() + Duration::minutes(minute));
        // what is kept is read back by the next process
        standing = serde_json::from_str(&serde_json::to_string(&next).unwrap()).unwrap();
        assert_eq!(standing, next);
        all.extend(turns.iter().map(|turn| {
            let word = match turn {
                Turn::Fires { .. } => "fires",
                Turn::Resolves { .. } => "resolves",
                Turn::NoNumber { .. } => "no number",
                Turn::NoAnswer { .. } => "no answer",
                Turn::Answers { .. } => "answers",
                Turn::Counts { .. } | Turn::Removed { .. } => panic!("no answer says so"),
            };
            (minute, word)
        }));
    }
    all
}

#[test]
fn it_fires_when_it_was_bad_for_long_enough_and_resolves_once() {
    let (bad, good) = (|| value(0.2), || value(0.05));
    let nothing = || Reading::Values(Vec::new());
    let nan = || value(f64::NAN);
    let failed = || Reading::Failed("the server could not be reached".to_owned());
    let three = trigger(Comparison::Above, 0.1, 180);
    for (what, readings, wanted) in [
        (
            "bad for three minutes",
            vec![bad(), bad(), bad(), bad(), bad(), good(), good()],
            vec![(3, "fires"), (5, "resolves")],
        ),
        ("a break begins anew", vec![bad(), bad(), bad(), good(), bad(), bad(), bad()], vec![]),
        (
            "as much as the limit is not more",
            vec![value(0.1), value(0.1), value(0.1), value(0.1), value(0.1)],
            vec![],
        ),
        (
            "missing is told once, and is not healthy",
            vec![bad(), nothing(), nan(), nothing(), bad()],
            vec![(2, "no number"), (4, "answers"), (4, "fires")],
        ),
        ("one missing answer tells nobody", vec![good(), nothing(), good()], vec![]),
        (
            "while it fires, nothing resolves by silence",
            vec![bad(), bad(), bad(), bad(), nothing(), nothing(), failed(), failed()],
            vec![(3, "fires"), (5, "no number")],
        ),
        (
            "an error is told once, and is not healthy",
            vec![good(), failed(), failed(), failed(), good()],
            vec![(2, "no answer"), (4, "answers")],
        ),
        ("one error tells nobody", vec![bad(), failed(), bad(), bad()], vec![(3, "fires")]),
    ] {
        assert_eq!(told(&three, &readings), wanted, "{what}");
    }
    let at_once = trigger(Comparison::Below, 60.0, 0);
    assert_eq!(told(&at_once, &[value(61.0), value(59.9), value(60.0)]), [(1, "fires"), (2, "resolves")]);
    for (when, limit, bad) in [
        (Comparison::AtLeast, 5.0, true),
        (Comparison::AtMost, 5.0, true),
        (Comparison::Above, 5.0, false),
        (Comparison::Below, 5.0, false),
    ] {
        assert_eq!(!told(&trigger(when, limit, 0), &[value(5.0)]).is_empty(), bad, "{}", when.sign());
    }
}

#[test]
fn the_worst_series_decides_and_the_bad_ones_are_named() {
    let sample = |repo: &str, value| Sample {
        labels: BTreeMap::from([
            ("repo".to_owned(), repo.to_owned()),
            ("__name__".to_owned(), "cost".to_owned()),
        ]),
        value,
    };
    let flagged = trigger(Comparison::Above, 5.0, 0);
    let reading =
        Reading::Values(vec![sample("a", 6.5), sample("b", 2.0), sample("c", f64::NAN), sample("d", 9.0)]);
    let (standing, turns) = step(&Standing::default(), &flagged, &reading, start());
    assert_eq!(standing.value, Some(9.0));
    let [Turn::Fires { over, value, .. }] = &turns[..] else { panic!("{turns:?}") };
    assert_eq!((over.join(", "), *value), ("repo=d (9), repo=a (6.50)".to_owned(), 9.0));
    let many = Reading::Values((0..30).map(|n| sample(&format!("r{n}"), 7.0)).collect());
    let (_, turns) = step(&Standing::default(), &flagged, &many, start());
    let [Turn::Fires { over, .. }] = &turns[..] else { panic!("{turns:?}") };
    assert_eq!((over.len(), over[5].as_str()), (6, "25 more"));
}

#[test]
fn a_value_is_shown_with_what_it_says() {
    for (value, text) in
        [(72.0, "72"), (0.1234567, "0.1235"), (151.26, "151.3"), (1.5, "1.50"), (f64::INFINITY, "inf")]
    {
        assert_eq!(shown(value), text);
    }
}

/// JSON has no word for what is without end: it is carried all the same, in where a trigger stands and in what it tells.
#[test]
fn what_is_without_end_is_written_and_read() {
    for value in [f64::INFINITY, f64::NEG_INFINITY, 0.5, 72.0, -3.0] {
        let (over, since) = (vec![format!("repo=a ({})", shown(value))], start());
        for turn in
            [Turn::Fires { since, value, over }, Turn::Resolves { since, value }, Turn::Answers { value }]
        {
            let notice = TriggerNotice { trigger: "rate".to_owned(), turn };
            let text = serde_json::to_string(&notice).unwrap();
            assert_eq!(serde_json::from_str::<TriggerNotice>(&text).unwrap(), notice, "{text}");
        }
        let standing = Standing { value: Some(value), ..Standing::default() };
        let text = serde_json::to_string(&standing).unwrap();
        assert_eq!(serde_json::from_str::<Standing>(&text).unwrap(), standing, "{text}");
    }
    // as it was written before
    for (text, value) in [("{}", None), (r#"{"value":null}"#, None), (r#"{"value":7}"#, Some(7.0))] {
        assert_eq!(serde_json::from_str::<Standing>(text).unwrap().value, value, "{text}");
    }
    assert!(serde_json::from_str::<Standing>(r#"{"value":"7"}"#).is_err());
    let endless = trigger(Comparison::Above, 0.1, 0);
    assert_eq!(told(&endless, &[value(f64::INFINITY), value(0.0)]), [(0, "fires"), (1, "resolves")]);
}

fn readings() -> impl Strategy<Value = Vec<Reading>> {
    let one = prop_oneof![
        4 => (0.0_f64..0.3).prop_map(value),
        1 => Just(Reading::Values(Vec::new())),
        1 => Just(Reading::Failed("no".to_owned())),
    ];
    prop::collection::vec(one, 1..60)
}

proptest! {
    /// It fires only after it was bad for long enough with no good answer between, resolves only by a good answer, and the two
    /// follow one another; of what is not known it is told once until there are numbers again.
    #[test]
    fn what_is_told_follows_from_the_answers(readings in readings(), for_min in 0_u32..6) {
        let one = trigger(Comparison::Above, 0.1, for_min * 60);
        let mut standing = Standing::default();
        let (mut fires, mut unknown, mut bad_since) = (false, false, None);
        for (minute, reading) in (0..).zip(&readings) {
            let now = start() + Duration::minutes(minute);
            let number = match reading {
                Reading::Values(samples) => samples.first().map(|sample| sample.value),
                Reading::Failed(_) => None,
            };
            let (next, turns) = step(&standing, &one, reading, now);
            if let Some(number) = number {
                bad_since = if number > 0.1 { bad_since.or(Some(now)) } else { None };
            }
            for turn in &turns {
                match turn {
                    Turn::Fires { since, .. } => {
                        prop_assert!(!fires && Some(*since) == bad_since);
                        prop_assert!(now - *since >= Duration::minutes(i64::from(for_min)));
                        fires = true;
                    }
                    Turn::Resolves { .. } => {
                        prop_assert!(fires && number.is_some_and(|number| number <= 0.1));
                        fires = false;
                    }
                    Turn::NoNumber { .. } | Turn::NoAnswer { .. } => {
                        prop_assert!(!unknown && number.is_none());
                        unknown = true;
                    }
                    Turn::Answers { .. } => {
                        prop_assert!(unknown && number.is_some());
                        unknown = false;
                    }
                    Turn::Counts { .. } | Turn::Removed { .. } => prop_assert!(false, "no answer says so"),
                }
            }
            prop_assert_eq!(fires, matches!(next.is, Is::Firing { .. }));
            standing = next;
        }
    }
}
