//! Which days a report is about.

use chrono::{DateTime, Duration, NaiveDate, NaiveTime, TimeZone, Utc};
use serde::Serialize;

use crate::duration::parse_seconds;
use crate::journal::millis;

/// Days of a report when nobody says.
pub const DAYS: i64 = 30;

/// From when to when. The days are those of the configured zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Period {
    /// What was detected before is not told of.
    #[serde(with = "millis")]
    pub from: DateTime<Utc>,
    /// What is detected from here on is not, either.
    #[serde(with = "millis")]
    pub to: DateTime<Utc>,
    /// The day on which it begins.
    pub first_day: NaiveDate,
    /// The day on which it ends.
    pub last_day: NaiveDate,
}

/// Nothing that a period could begin with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPeriod {
    /// It is neither a length nor a day.
    #[error("'{0}' is neither a length of time nor a day; hint: `--since 30d`, or `--since 2026-11-01`")]
    Unclear(String),
    /// It has not come.
    #[error("'{0}' has not come yet; hint: `--since` says from when on, as `30d` or a day that is over")]
    Ahead(String),
}

impl Period {
    /// Up to now, since when somebody says: `30d` (so long ago), or a day in that zone (from its beginning on).
    ///
    /// # Errors
    /// When it is neither, or not in the past.
    pub fn since<Z: TimeZone>(said: Option<&str>, now: DateTime<Utc>, zone: &Z) -> Result<Period, NoPeriod> {
        let from = match said.map(str::trim) {
            None => now - Duration::days(DAYS),
            Some(text) => begins(text, now, zone).ok_or_else(|| NoPeriod::Unclear(shown(text)))?,
        };
        if from >= now {
            return Err(NoPeriod::Ahead(shown(said.unwrap_or_default())));
        }
        let day = |at: DateTime<Utc>| at.with_timezone(zone).date_naive();
        Ok(Period { from, to: now, first_day: day(from), last_day: day(now) })
    }

    /// Whether this moment is in it.
    #[must_use]
    pub fn holds(&self, at: DateTime<Utc>) -> bool {
        self.from <= at && at < self.to
    }
}

fn begins<Z: TimeZone>(text: &str, now: DateTime<Utc>, zone: &Z) -> Option<DateTime<Utc>> {
    if let Some(seconds) = parse_seconds(text) {
        return now.checked_sub_signed(Duration::seconds(i64::from(seconds)));
    }
    let day: NaiveDate = text.parse().ok()?;
    // where the clock is put forward at midnight, the day begins an hour later
    let hours = (0..24).filter_map(|hour| NaiveTime::from_hms_opt(hour, 0, 0));
    let first = hours.filter_map(|time| zone.from_local_datetime(&day.and_time(time)).earliest()).next()?;
    Some(first.with_timezone(&Utc))
}

/// What somebody typed, short enough to say it back.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(30).collect()
}

#[cfg(test)]
mod tests {
    use chrono::FixedOffset;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_period_begins_so_long_ago_or_with_a_day_of_the_zone() {
        let now = at("2026-11-29T10:00:00Z");
        let zone = FixedOffset::east_opt(2 * 3_600).unwrap_or_else(|| panic!("an offset"));
        for (said, from) in [
            (None, "2026-10-30T10:00:00Z"),
            (Some("7d"), "2026-11-22T10:00:00Z"),
            (Some(" 12 h "), "2026-11-28T22:00:00Z"),
            (Some("2026-11-01"), "2026-10-31T22:00:00Z"),
        ] {
            let period = Period::since(said, now, &zone).unwrap_or_else(|error| panic!("{said:?}: {error}"));
            assert_eq!((period.from, period.to), (at(from), now), "{said:?}");
        }
        let day = Period::since(Some("2026-11-01"), now, &zone).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(day.first_day.to_string(), "2026-11-01", "the day that was said");
        assert!(day.holds(day.from) && !day.holds(day.to), "the end is not in it");
    }

    #[test]
    fn what_begins_no_period_is_said_back() {
        let now = at("2026-11-29T10:00:00Z");
        for said in ["", "soon", "30", "2026-13-01", "99999999999 d"] {
            let refused = Period::since(Some(said), now, &Utc);
            assert_eq!(refused, Err(NoPeriod::Unclear(said.to_owned())), "{said}");
        }
        for said in ["2026-12-01", "0 d", "2026-11-30"] {
            assert_eq!(Period::since(Some(said), now, &Utc), Err(NoPeriod::Ahead(said.to_owned())), "{said}");
        }
    }
}
