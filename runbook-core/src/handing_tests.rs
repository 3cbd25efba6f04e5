use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[test]
fn a_text_is_split_between_lines() {
    assert_eq!(parts("ab\ncd\nef", 6), ["ab\ncd", "ef"]);
    assert_eq!(parts("abcdefgh\ni", 4), ["abcd", "i"]);
    assert_eq!(parts("", 4), Vec::<String>::new());
    assert!(parts(&"x\n".repeat(500), 100).iter().all(|part| part.chars().count() <= 100));
}

/// Central Europe: two zones that a day may belong to, and the hours between.
#[derive(Clone)]
struct Madrid;

#[derive(Clone, Debug)]
struct Offset(i32);

impl chrono::Offset for Offset {
    fn fix(&self) -> chrono::FixedOffset {
        chrono::FixedOffset::east_opt(self.0 * 3_600).unwrap()
    }
}

impl std::fmt::Display for Offset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "+{}", self.0)
    }
}

fn is_summer(utc: NaiveDateTime) -> bool {
    utc >= at("2026-03-29T01:00:00Z").naive_utc() && utc < at("2026-10-25T01:00:00Z").naive_utc()
}

impl TimeZone for Madrid {
    type Offset = Offset;
    fn from_offset(_: &Offset) -> Madrid {
        Madrid
    }
    fn offset_from_local_date(&self, _: &NaiveDate) -> chrono::LocalResult<Offset> {
        chrono::LocalResult::None
    }
    fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> chrono::LocalResult<Offset> {
        let fits = |hours: i32| {
            let utc = *local - chrono::Duration::hours(i64::from(hours));
            (is_summer(utc) == (hours == 2)).then_some(Offset(hours))
        };
        match (fits(2), fits(1)) {
            (Some(first), Some(second)) => chrono::LocalResult::Ambiguous(first, second),
            (Some(one), None) | (None, Some(one)) => chrono::LocalResult::Single(one),
            (None, None) => chrono::LocalResult::None,
        }
    }
    fn offset_from_utc_date(&self, _: &NaiveDate) -> Offset {
        Offset(1)
    }
    fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> Offset {
        Offset(if is_summer(*utc) { 2 } else { 1 })
    }
}

#[test]
fn a_time_of_day_is_the_clocks_also_where_they_are_changed() {
    let table = [
        // the wall says 18:00, whatever that is in UTC
        ("18:00:00", "2026-01-05T16:59:59Z", "2026-01-05T17:00:00Z"),
        ("18:00:00", "2026-01-05T17:00:00Z", "2026-01-06T17:00:00Z"),
        ("18:00:00", "2026-03-28T17:00:00Z", "2026-03-29T16:00:00Z"),
        ("18:00:00", "2026-10-24T16:00:00Z", "2026-10-25T17:00:00Z"),
        // 02:30 is not there: the first moment behind the gap
        ("02:30:00", "2026-03-28T23:00:00Z", "2026-03-29T01:00:00Z"),
        ("02:30:00", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"),
        // 02:30 is there twice: once, and not again an hour later
        ("02:30:00", "2026-10-24T23:00:00Z", "2026-10-25T00:30:00Z"),
        ("02:30:00", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
        ("00:00:00", "2026-01-05T23:00:00Z", "2026-01-06T23:00:00Z"),
    ];
    for (time, after, wanted) in table {
        assert_eq!(next_at(&Madrid, time.parse().unwrap(), at(after)), Some(at(wanted)), "{time} {after}");
    }
    assert_eq!(
        next_at(&Utc, "18:00:00".parse().unwrap(), at("2026-12-31T18:00:00Z")),
        Some(at("2027-01-01T18:00:00Z"))
    );
}
