//! Rotations as configured.

use blocks_engine::RotationSettings;
use chrono::{NaiveDate, NaiveTime};
use runbook_core::duration::parse_seconds;
use runbook_core::oncall::{Rotation, ShiftLength};

use super::file::{ConfigFile, RotationTable};

const HOUR_S: u32 = 3_600;
const DAY_S: u32 = 24 * HOUR_S;

/// A key that cannot work: the key, why, and what to write.
type Wrong = (String, String, &'static str);

/// The rotations of the file.
pub(super) fn rotations(file: &ConfigFile) -> Result<Vec<RotationSettings>, Wrong> {
    let mut all = Vec::new();
    for (index, table) in file.rotation.iter().enumerate() {
        let wrong = |(key, message, hint): (&str, String, &'static str)| {
            (format!("rotation.{index}.{key}"), message, hint)
        };
        let is_same = |other: &RotationTable| other.name == table.name && shares(other, table);
        if file.rotation.iter().take(index).any(is_same) {
            let message = format!("two rotations are named '{}' for the same service", table.name);
            return Err(wrong(("name", message, "give each its own `services`")));
        }
        all.push(rotation(file, table).map_err(wrong)?);
    }
    Ok(all)
}

fn shares(one: &RotationTable, other: &RotationTable) -> bool {
    one.services.is_empty()
        || other.services.is_empty()
        || one.services.iter().any(|service| other.services.contains(service))
}

fn rotation(
    file: &ConfigFile,
    table: &RotationTable,
) -> Result<RotationSettings, (&'static str, String, &'static str)> {
    let name = &table.name;
    if let Some(who) = table.people.iter().find(|who| file.person.iter().all(|person| person.name != **who)) {
        let message = format!("the rotation '{name}' names '{who}', who is nobody here");
        return Err(("people", message, "names of [[person]]"));
    }
    if let Some(one) =
        table.services.iter().find(|one| file.service.iter().all(|service| service.name != **one))
    {
        let message = format!("the rotation '{name}' names the unknown service '{one}'");
        return Err(("services", message, "names of [[service]], or nothing for all of them"));
    }
    let start: NaiveDate = table
        .start
        .parse()
        .map_err(|_| ("start", format!("'{}' is no day", table.start), "write it as 2026-11-30"))?;
    let at = NaiveTime::parse_from_str(&table.at, "%H:%M").map_err(|_| {
        ("at", format!("'{}' is no time of day", table.at), "hours and minutes, such as 09:00")
    })?;
    let zone = table.zone.as_ref().unwrap_or(&file.time.zone);
    let zone: chrono_tz::Tz = zone.parse().map_err(|_| {
        ("zone", format!("there is no time zone '{zone}'"), "a name such as UTC or Europe/Madrid")
    })?;
    let length_hint = "whole days such as 7 days, or 1, 2, 3, 4, 6, 8 or 12 hours";
    let length = match parse_seconds(&table.length) {
        Some(s) if s > 0 && s % DAY_S == 0 => ShiftLength::Days(s / DAY_S),
        Some(s) if s > 0 && s % HOUR_S == 0 => ShiftLength::Hours(s / HOUR_S),
        _ => return Err(("length", format!("'{}' is no length of a shift", table.length), length_hint)),
    };
    let (services, people) = (table.services.clone(), table.people.clone());
    let rotation = Rotation { name: name.clone(), services, people, start, at, length };
    match rotation.check() {
        Ok(()) => Ok(RotationSettings { rotation, zone }),
        Err(error) if rotation.people.is_empty() => {
            Err(("people", format!("the rotation '{name}': {error}"), "names of [[person]]"))
        }
        Err(error) => Err(("length", format!("the rotation '{name}': {error}"), length_hint)),
    }
}
