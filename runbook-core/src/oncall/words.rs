//! Who is on call, in words and as a calendar.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};

use super::roster::{Roster, known};
use super::rotation::Shift;
use crate::duration::for_people;
use crate::people::{Directory, Person};

/// A name as people have it here and, where that is meant, the number to call.
fn contact(person: &Person, numbers: bool) -> String {
    match (&person.phone, numbers) {
        (_, false) => person.name.clone(),
        (Some(phone), true) => format!("{} {}", person.name, phone.number()),
        (None, true) => format!("{} (no phone on file)", person.name),
    }
}

/// One line for each level and each rotation, and how old what the pager said is. Numbers only where that is meant.
#[must_use]
pub fn roster_lines(
    roster: &Roster,
    directory: &Directory,
    numbers: bool,
    now: DateTime<Utc>,
) -> Vec<String> {
    let mut lines = Vec::new();
    for turn in roster.pager.iter().flatten() {
        let who = match known(turn, directory) {
            Some(person) => contact(person, numbers),
            None => {
                let name = turn.name.as_deref().or(turn.email.as_deref()).unwrap_or("somebody");
                format!("{name} (no [[person]] here)")
            }
        };
        let schedule = turn.schedule.as_deref().map_or_else(String::new, |name| format!(", {name}"));
        let ended = if turn.is_on(now) { "" } else { " (ended since)" };
        lines.push(format!("level {}: {who}{}{ended}{schedule}", turn.level, until(turn.until)));
    }
    for turn in &roster.turns {
        let who = directory
            .person(&turn.who)
            .map_or_else(|| format!("{} (no [[person]] here)", turn.who), |person| contact(person, numbers));
        lines.push(format!("{}: {who}{}, by the rotation", turn.rotation, until(Some(turn.until))));
    }
    match (roster.asked_at, &roster.pager) {
        (Some(at), Some(levels)) => {
            let nobody = if levels.is_empty() { "PagerDuty has nobody on call for it; " } else { "" };
            lines.push(format!(
                "{nobody}PagerDuty was asked at {} ({} ago)",
                at.format("%Y-%m-%d %H:%M UTC"),
                age(at, now)
            ));
        }
        _ => lines.push("PagerDuty has not said who is on call for it".to_owned()),
    }
    lines
}

fn until(until: Option<DateTime<Utc>>) -> String {
    until.map_or_else(String::new, |until| format!(" until {}", until.format("%Y-%m-%d %H:%M UTC")))
}

fn age(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    for_people(u64::try_from((now - at).num_seconds()).unwrap_or(0))
}

/// Shifts as a calendar that other programs read (RFC 5545): one event for each, in UTC.
#[must_use]
pub fn calendar(shifts: &[(String, Shift)], now: DateTime<Utc>) -> String {
    let mut text = String::from(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Blocks//on call//EN\r\nCALSCALE:GREGORIAN\r\n",
    );
    let stamp = |at: DateTime<Utc>| at.format("%Y%m%dT%H%M%SZ").to_string();
    for (rotation, shift) in shifts {
        for line in [
            "BEGIN:VEVENT".to_owned(),
            // the same shift has the same name in every export, so that it is replaced and not doubled
            format!("UID:{}-{}@blocks", escaped(rotation).replace(' ', "-"), stamp(shift.from)),
            format!("DTSTAMP:{}", stamp(now)),
            format!("DTSTART:{}", stamp(shift.from)),
            format!("DTEND:{}", stamp(shift.until)),
            format!("SUMMARY:{}: {}", escaped(rotation), escaped(&shift.who)),
            "TRANSP:TRANSPARENT".to_owned(),
            "END:VEVENT".to_owned(),
        ] {
            fold(&mut text, &line);
        }
    }
    text.push_str("END:VCALENDAR\r\n");
    text
}

/// A value as the format has it: no line of it begins another property.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Lines are at most 75 bytes long; what is longer goes on behind a blank.
fn fold(text: &mut String, line: &str) {
    let mut length = 0;
    for c in line.chars() {
        if length + c.len_utf8() > 75 {
            text.push_str("\r\n ");
            length = 1;
        }
        text.push(c);
        length += c.len_utf8();
    }
    // a string takes what is written to it
    let _ = text.write_str("\r\n");
}
