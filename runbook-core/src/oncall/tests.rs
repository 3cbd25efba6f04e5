//! Rotations across changes of the clocks, whom a name stands for, and the export.

use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::*;
use crate::people::{Directory, Person, Phone};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn rotation(start: &str, time: &str, length: ShiftLength) -> Rotation {
    Rotation {
        name: "primary".to_owned(),
        services: Vec::new(),
        people: ["ana", "ben", "cat"].map(str::to_owned).to_vec(),
        start: start.parse().unwrap(),
        at: NaiveTime::parse_from_str(time, "%H:%M").unwrap(),
        length,
    }
}

fn person(name: &str, duties: &[&str]) -> Person {
    Person {
        name: name.to_owned(),
        slack_id: None,
        pagerduty_email: Some(format!("{name}@example.com")),
        os_user: None,
        roles: Vec::new(),
        duties: duties.iter().map(|duty| (*duty).to_owned()).collect(),
        phone: (name != "cat").then(|| Phone::new("+34 600 000 000")),
        reminders: true,
    }
}

#[test]
fn who_has_it_and_until_when() {
    let madrid: Tz = "Europe/Madrid".parse().unwrap();
    let weekly = rotation("2026-03-16", "09:00", ShiftLength::Days(7));
    let daily = rotation("2026-03-27", "02:30", ShiftLength::Days(1));
    let half_days = rotation("2026-10-24", "08:00", ShiftLength::Hours(12));
    for (rotation, now, who, from, until) in [
        (&weekly, "2026-03-16T08:00:00Z", "ana", "2026-03-16T08:00:00Z", "2026-03-23T08:00:00Z"),
        // an hour less: the clocks go forward on the 29th, and it changes hands at nine all the same
        (&weekly, "2026-03-30T06:59:59Z", "ben", "2026-03-23T08:00:00Z", "2026-03-30T07:00:00Z"),
        (&weekly, "2026-03-30T07:00:00Z", "cat", "2026-03-30T07:00:00Z", "2026-04-06T07:00:00Z"),
        (&weekly, "2026-04-06T07:00:00Z", "ana", "2026-04-06T07:00:00Z", "2026-04-13T07:00:00Z"),
        // there is no half past two on the 29th: at three, the first moment behind the gap
        (&daily, "2026-03-29T00:59:59Z", "ben", "2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z"),
        (&daily, "2026-03-29T01:00:00Z", "cat", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"),
        // a night with an hour more
        (&half_days, "2026-10-25T06:59:59Z", "ben", "2026-10-24T18:00:00Z", "2026-10-25T07:00:00Z"),
    ] {
        let shift = rotation.at(&madrid, at(now)).unwrap();
        assert_eq!(shift, Shift { who: who.to_owned(), from: at(from), until: at(until) }, "{now}");
    }
    assert_eq!(weekly.at(&madrid, at("2026-03-16T07:59:59Z")), None, "before it begins");
    // of the two half past twos of that night, the first
    let night = rotation("2026-10-24", "02:30", ShiftLength::Days(1)).at(&madrid, at("2026-10-25T00:30:00Z"));
    assert_eq!(night.unwrap().from, at("2026-10-25T00:30:00Z"));
}

#[test]
fn what_cannot_be_counted_is_refused_and_says_nothing() {
    let rotation = rotation("2026-03-16", "09:00", ShiftLength::Days(1));
    let now = at("2026-03-20T08:00:00Z");
    for (length, fits) in [
        (ShiftLength::Days(0), false),
        (ShiftLength::Days(367), false),
        (ShiftLength::Hours(5), false),
        (ShiftLength::Hours(0), false),
        (ShiftLength::Hours(24), false),
        (ShiftLength::Hours(8), true),
        (ShiftLength::Days(366), true),
    ] {
        let one = Rotation { length, ..rotation.clone() };
        assert_eq!(one.check().is_ok(), fits, "{length:?}");
        assert_eq!(one.at(&Utc, now).is_some(), fits, "{length:?}");
    }
    let empty = Rotation { people: Vec::new(), ..rotation };
    assert_eq!((empty.check(), empty.at(&Utc, now)), (Err(RotationError::Nobody), None));
    assert_eq!(empty.between(&Utc, now, now + Duration::days(9), 10), []);
}

/// Zones whose clocks are turned by an hour, by half an hour, not at all, and that have skipped a whole day.
fn zones() -> impl Strategy<Value = Tz> {
    prop::sample::select(vec![
        Tz::Europe__Madrid,
        Tz::America__Santiago,
        Tz::Australia__Lord_Howe,
        Tz::Asia__Kolkata,
        Tz::Pacific__Apia,
        Tz::UTC,
    ])
}

fn lengths() -> impl Strategy<Value = ShiftLength> {
    prop_oneof![
        (1_u32..15).prop_map(ShiftLength::Days),
        prop::sample::select(vec![1_u32, 2, 3, 4, 6, 8, 12]).prop_map(ShiftLength::Hours),
    ]
}

proptest! {
    /// Exactly one person has it at every moment, their turn is one of those that are exported, and turns follow one another.
    #[test]
    fn there_is_always_exactly_one(
        zone in zones(), length in lengths(), hour in 0_u32..24, minute in 0_u32..60,
        start in 0_i64..1_500, later_min in 0_i64..600_000,
    ) {
        let start = NaiveDate::from_ymd_opt(2010, 1, 1).unwrap() + Duration::days(start);
        let rotation = Rotation {
            start,
            at: NaiveTime::from_hms_opt(hour, minute, 0).unwrap(),
            ..rotation("2010-01-01", "09:00", length)
        };
        let now = start.and_time(NaiveTime::MIN).and_utc() + Duration::days(3) + Duration::minutes(later_min);
        let shift = rotation.at(&zone, now).unwrap();
        prop_assert!(shift.from <= now && now < shift.until);
        let around = rotation.between(&zone, now - Duration::days(2), now + Duration::days(20), 1_000);
        prop_assert_eq!(around.iter().filter(|one| one.from <= now && now < one.until).count(), 1);
        prop_assert!(around.contains(&shift));
        for two in around.windows(2) {
            prop_assert_eq!(two[0].until, two[1].from);
        }
        // the next one begins when this one ends, whoever asks
        let next = rotation.at(&zone, shift.until).unwrap();
        prop_assert_eq!(next.from, shift.until);
    }
}

#[test]
fn a_name_stands_for_whoever_has_it_now_first() {
    let directory = Directory::new(vec![
        person("ana", &["primary"]),
        person("ben", &["secondary"]),
        person("cat", &["product"]),
    ])
    .unwrap();
    let now = at("2026-11-30T10:00:00Z");
    let turn = |level, who: &str, until: Option<&str>| PagerTurn {
        level,
        email: Some(format!("{who}@Example.com")),
        name: None,
        schedule: None,
        until: until.map(at),
    };
    let roster = Roster {
        pager: Some(vec![
            turn(1, "ben", Some("2026-11-30T12:00:00Z")),
            turn(2, "cat", Some("2026-11-30T09:00:00Z")),
            turn(2, "zoe", None),
        ]),
        asked_at: Some(now - Duration::minutes(37)),
        turns: vec![Turn { rotation: "primary".to_owned(), who: "cat".to_owned(), until: now }],
        now,
    };
    let names = |roster: &Roster, name: &str| -> Vec<String> {
        roster.stand_for(name, &directory).iter().map(|person| person.name.clone()).collect()
    };
    assert_eq!(names(&roster, "primary"), ["ben", "cat", "ana"]);
    assert_eq!(names(&roster, "secondary"), ["ben"], "cat's turn has ended, and zoe is nobody here");
    assert_eq!(names(&roster, "product"), ["cat"]);
    let never = Roster { pager: None, ..roster.clone() };
    assert_eq!(names(&never, "primary"), ["cat", "ana"]);
    for (roster, who, is_in_it) in
        [(&roster, "ben", true), (&roster, "cat", false), (&roster, "ana", false), (&never, "ben", false)]
    {
        assert_eq!(roster.is_in_policy(&format!("{who}@example.com")), is_in_it, "{who}");
    }
    // whom the pager has and nobody here knows is called before those who only have the duty
    let called = |roster: &Roster, name: &str| -> Vec<String> {
        let word = |one: &ToCall<'_>| match one {
            ToCall::Person(person) => person.name.clone(),
            ToCall::Stranger(turn) => turn.email.clone().unwrap(),
        };
        roster.to_call(name, &directory).iter().map(word).collect()
    };
    assert_eq!(called(&roster, "primary"), ["ben", "cat", "ana"]);
    assert_eq!(called(&roster, "secondary"), ["zoe@Example.com", "ben"]);
    assert_eq!(called(&roster, "product"), ["cat"], "no level of the pager's has that name");
    assert_eq!(called(&never, "secondary"), ["ben"]);
    assert!(roster.is_outdated() && never.is_outdated());
    let fresh = Roster { pager: Some(vec![turn(1, "ben", None)]), ..roster.clone() };
    assert!(!fresh.is_outdated());
    let lines = roster_lines(&roster, &directory, true, now).join("\n");
    for wanted in [
        "level 1: ben +34 600",
        "(ended since)",
        "(37 min ago)",
        "cat (no phone on file)",
        "zoe@Example.com (no [[person]]",
    ] {
        assert!(lines.contains(wanted), "{wanted}: {lines}");
    }
    let without = roster_lines(&roster, &directory, false, now).join("\n");
    assert!(!without.contains("+34") && !without.contains("phone"), "{without}");
}

#[test]
fn a_calendar_has_no_line_that_a_name_has_made() {
    let shift = |who: &str| Shift {
        who: who.to_owned(),
        from: at("2026-11-30T09:00:00Z"),
        until: at("2026-12-07T09:00:00Z"),
    };
    let odd = format!("ana\r\nBEGIN:VALARM; {}", "é".repeat(80));
    let text = calendar(&[("primary".to_owned(), shift(&odd))], at("2026-11-01T00:00:00Z"));
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert!(lines.iter().all(|line| line.len() <= 75 && !line.contains('\n')), "{text}");
    assert!(!lines.iter().any(|line| line.starts_with("BEGIN:VALARM")), "{text}");
    let unfolded = text.replace("\r\n ", "");
    assert!(unfolded.contains("SUMMARY:primary: ana\\nBEGIN:VALARM\\; ééé"), "{unfolded}");
    for line in ["DTSTART:20261130T090000Z", "DTEND:20261207T090000Z", "UID:primary-20261130T090000Z@blocks"]
    {
        assert!(lines.contains(&line), "{line}: {text}");
    }
}
