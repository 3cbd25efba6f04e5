//! A rotation: people who take turns, changing at a time of day on the clocks of a zone.
//!
//! Turns are counted on the local calendar, so that a shift of a day begins at the same time of day all year: across a change
//! of the clocks it is 23 or 25 hours long. A change-over at a time that a day does not have is the first moment behind the
//! gap; at one that it has twice, the first of the two.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};

use crate::handing;

/// How long one person has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShiftLength {
    /// So many days; never 0.
    Days(u32),
    /// So many hours on the clock, a divisor of 24: shifts of a day change at the same hours each day.
    Hours(u32),
}

/// People who take turns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// What whoever has it stands for, such as `primary` or `commander`: a name of the severities' steps.
    pub name: String,
    /// The services that it is for; all of them when empty.
    pub services: Vec<String>,
    /// Their names, in their order; never empty.
    pub people: Vec<String>,
    /// The day on which the first of them begins for the first time.
    pub start: NaiveDate,
    /// The time of day at which it changes hands.
    pub at: NaiveTime,
    /// How long one of them has it.
    pub length: ShiftLength,
}

/// One person's turn: from its beginning, to the moment at which the next one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// Who.
    pub who: String,
    /// Its first moment.
    pub from: DateTime<Utc>,
    /// The first moment after it.
    pub until: DateTime<Utc>,
}

/// A rotation says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    /// Nobody is in it.
    #[error("nobody is in it; hint: people = [\"ana\", \"ben\"]")]
    Nobody,
    /// Its shifts have no length that fits.
    #[error(
        "a shift is whole days long, or 1, 2, 3, 4, 6, 8 or 12 hours; hint: length = \"7 days\", at most a year"
    )]
    Length,
}

/// The longest shift: a year, in days.
const LONGEST_DAYS: u32 = 366;

impl Rotation {
    /// Whether it can be counted.
    ///
    /// # Errors
    /// When nobody is in it, or its shifts have no length that fits.
    pub fn check(&self) -> Result<(), RotationError> {
        if self.people.is_empty() {
            return Err(RotationError::Nobody);
        }
        match self.length {
            ShiftLength::Days(days) if (1..=LONGEST_DAYS).contains(&days) => Ok(()),
            ShiftLength::Hours(hours) if hours > 0 && hours < 24 && 24 % hours == 0 => Ok(()),
            _ => Err(RotationError::Length),
        }
    }

    /// Whether it is for this service.
    #[must_use]
    pub fn is_for(&self, service: &str) -> bool {
        self.services.is_empty() || self.services.iter().any(|known| known == service)
    }

    /// Who has it at this moment, and from when to when. `None` before it begins.
    #[must_use]
    pub fn at<Z: TimeZone>(&self, zone: &Z, now: DateTime<Utc>) -> Option<Shift> {
        self.check().ok()?;
        let local = now.with_timezone(zone).naive_local();
        // The clocks may have been turned meanwhile: the shift is this one, or a neighbour of it.
        let about = (local - self.first()).num_minutes().div_euclid(self.minutes());
        let reach = (LONGEST_TURN_MIN / self.minutes()).max(1) + 1;
        (about - reach..=about + reach)
            .rev()
            .filter(|number| *number >= 0)
            .filter_map(|number| self.shift(zone, number))
            .find(|shift| shift.from <= now && now < shift.until)
    }

    /// The shifts that have a part between two moments, in order; at most so many.
    #[must_use]
    pub fn between<Z: TimeZone>(
        &self,
        zone: &Z,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        most: usize,
    ) -> Vec<Shift> {
        if self.check().is_err() {
            return Vec::new();
        }
        let local = from.with_timezone(zone).naive_local();
        let reach = (LONGEST_TURN_MIN / self.minutes()).max(1) + 1;
        let first = (local - self.first()).num_minutes().div_euclid(self.minutes()) - reach;
        (first.max(0)..)
            .map_while(|number| self.shift(zone, number).filter(|shift| shift.from < until))
            .filter(|shift| shift.until > from && shift.from < shift.until)
            .take(most)
            .collect()
    }

    fn first(&self) -> NaiveDateTime {
        self.start.and_time(self.at)
    }

    fn minutes(&self) -> i64 {
        match self.length {
            ShiftLength::Days(days) => i64::from(days.max(1)) * 24 * 60,
            ShiftLength::Hours(hours) => i64::from(hours.max(1)) * 60,
        }
    }

    /// The shift of that number, counted from 0; it may be empty where the clocks skip all of it.
    fn shift<Z: TimeZone>(&self, zone: &Z, number: i64) -> Option<Shift> {
        let begin = |number: i64| {
            let offset = chrono::Duration::try_minutes(number.checked_mul(self.minutes())?)?;
            handing::moment(zone, self.first().checked_add_signed(offset)?)
        };
        let people = i64::try_from(self.people.len()).ok()?;
        let index = usize::try_from(number.rem_euclid(people.max(1))).ok()?;
        Some(Shift {
            who: self.people.get(index)?.clone(),
            from: begin(number)?,
            until: begin(number.checked_add(1)?)?,
        })
    }
}

/// Clocks are turned by less than that, in minutes, and no zone has ever skipped more than a day.
const LONGEST_TURN_MIN: i64 = 24 * 60;
