//! What must hold in the end: the store, read as anybody who may read the file could, against the plan, the ideal and the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use chrono::DateTime;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::ideal::{Fate, Ideal, Incident, Key};
use super::life::{Act, Kind, Life, What};
use super::pager::Done;
use super::play::Played;
use super::report::Report;

/// What Blocks does by itself, beside what it is told.
const OWN: [&str; 9] = [
    "run_planned",
    "evidence_found",
    "run_ended",
    "look_ended",
    "triage_ended",
    "runbooks_suggested",
    "changes_found",
    "review_drafted",
    "rules_asked",
];
/// What a line about another incident begins with; its number here stands for the pager's id.
const SEP: &str = " | ";

/// Opens the store to read it.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let store = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    store.busy_timeout(Duration::from_secs(20))?;
    Ok(store)
}

/// How much waits: messages in, and messages out.
pub(super) fn waiting(store: &Connection) -> rusqlite::Result<(i64, i64)> {
    let count = |sql: &str| store.query_row(sql, [], |row| row.get::<_, i64>(0));
    Ok((
        count("SELECT count(*) FROM inbox WHERE state = 'pending'")?,
        count("SELECT count(*) FROM outbox WHERE state = 'waiting'")?,
    ))
}

/// An incident of the journal.
struct Found {
    lines: Vec<String>,
    status: String,
    severity: String,
    service: String,
    own: BTreeMap<String, u64>,
}

/// Compares everything.
pub(super) fn judge(
    store: &Connection,
    seed: u64,
    played: &Played,
    ledger: &BTreeMap<String, Done>,
    report: &mut Report,
) -> rusqlite::Result<()> {
    let (arrivals, fates) = arrivals(store, seed, played, report)?;
    let (mut ideal, mut expected) = (Ideal::default(), BTreeMap::new());
    let mut lives: BTreeMap<u64, Life> = BTreeMap::new();
    let mut last_place: BTreeMap<u64, usize> = BTreeMap::new();
    for (number, place) in arrivals {
        let life = lives.entry(number).or_insert_with(|| Life::of(seed, number));
        let before = last_place.insert(number, place);
        if before.is_some_and(|before| before > place) {
            report.overtaken += 1;
            if !matches!(life.kind, Kind::Disordered | Kind::Apart) {
                report.complain(format!("{}: message {place} was taken out of order", life.pager));
            }
        }
        ideal.take(life, place, &mut expected);
        if place == 0 {
            life.acts.iter().for_each(|act| ideal.act(&life.pager, act));
        }
    }
    for (key, expected) in &expected {
        let found = fates.get(key);
        if found != Some(expected) {
            report.other_fates += 1;
            report.complain(format!("message {key:?} should be {expected:?}, and is {found:?}"));
        }
    }
    report.dead_letters = fates.values().filter(|fate| **fate == Fate::Dead).count() as u64;
    let found = incidents(store, report)?;
    for life in lives.values() {
        if life.kind == Kind::Apart {
            continue;
        }
        report.keys += 1;
        compare(life, &ideal, found.get(&life.pager), report);
    }
    for pager in found.keys().filter(|pager| ideal.incident(pager).is_none()) {
        report.doubled += 1;
        report.complain(format!("{pager}: an incident that nobody has told of"));
    }
    effects(&lives, &found, ledger, report);
    outbox(store, report)
}

/// The messages in the order in which they were taken, and what has become of each.
fn arrivals(
    store: &Connection,
    seed: u64,
    played: &Played,
    report: &mut Report,
) -> rusqlite::Result<(Vec<Key>, BTreeMap<Key, Fate>)> {
    let mut wanted: BTreeMap<String, Key> = BTreeMap::new();
    for number in 0..played.lives {
        let life = Life::of(seed, number);
        for (place, event) in life.events.iter().enumerate() {
            wanted.insert(event.message_id().to_owned(), (number, place));
            report.seen_types.insert(event.kind());
            *report.messages.entry(life.kind.name()).or_default() += 1;
        }
    }
    report.seen_types.remove("");
    report.types = report.seen_types.len();
    let (mut order, mut fates, mut echoes) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
    let mut select = store.prepare("SELECT id, state, reason FROM inbox ORDER BY n")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (id, state): (String, String) = (row.get(0)?, row.get(1)?);
        let reason: Option<String> = row.get(2)?;
        let is_dead = reason.is_some_and(|reason| reason.starts_with("dead letter: "));
        let fate = match (state.as_str(), is_dead) {
            ("done", _) => Some(Fate::Done),
            ("kept", true) => Some(Fate::Dead),
            ("kept", false) => Some(Fate::Kept),
            _ => None,
        };
        let Some(fate) = fate else {
            report.lost += 1;
            report.complain(format!("message {id} still waits"));
            continue;
        };
        match wanted.remove(&id) {
            Some(key) => {
                order.push(key);
                fates.insert(key, fate);
            }
            None if played.echoes.contains(&id) => {
                echoes.insert(id.clone());
                if fate != Fate::Done {
                    report.other_fates += 1;
                    report.complain(format!("the echo {id} is {fate:?}"));
                }
            }
            None => {
                report.doubled += 1;
                report.complain(format!("message {id} is on record, and was never sent as that"));
            }
        }
    }
    for id in played.echoes.iter().filter(|id| !echoes.contains(*id)).chain(wanted.keys()) {
        report.lost += 1;
        report.complain(format!("message {id} was taken, and is not on record"));
    }
    Ok((order, fates))
}

/// Every incident of the journal by the pager's id.
fn incidents(store: &Connection, report: &mut Report) -> rusqlite::Result<BTreeMap<String, Found>> {
    let mut rows_of: BTreeMap<String, Value> = BTreeMap::new();
    let mut select = store.prepare("SELECT id, row FROM incidents")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let text: String = row.get(1)?;
        rows_of.insert(row.get(0)?, serde_json::from_str(&text).unwrap_or_default());
    }
    let pager_of = |id: &Value| {
        let row = id.as_str().and_then(|id| rows_of.get(id));
        row.and_then(|row| row["pager_id"].as_str()).unwrap_or("?").to_owned()
    };
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    let mut numbers = BTreeSet::new();
    let mut select = store.prepare("SELECT bytes FROM events WHERE stream = ?1 ORDER BY seq")?;
    for (id, row) in &rows_of {
        let mut one = Found {
            lines: Vec::new(),
            status: row["status"].as_str().unwrap_or_default().to_owned(),
            severity: row["severity"].as_str().unwrap_or_default().to_owned(),
            service: row["service"].as_str().unwrap_or_default().to_owned(),
            own: BTreeMap::new(),
        };
        let mut events = select.query([format!("incident/{id}")])?;
        while let Some(event) = events.next()? {
            let bytes: Vec<u8> = event.get(0)?;
            let envelope: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let kind = envelope["event"]["type"].as_str().unwrap_or_default();
            if OWN.contains(&kind) {
                *one.own.entry(kind.to_owned()).or_default() += 1;
            } else {
                one.lines.push(line(&envelope, &pager_of));
            }
        }
        if !numbers.insert(row["number"].to_string()) {
            report.doubled += 1;
            report.complain(format!("two incidents have the number {}", row["number"]));
        }
        let pager = row["pager_id"].as_str().unwrap_or_default().to_owned();
        if found.insert(pager.clone(), one).is_some() {
            report.doubled += 1;
            report.complain(format!("{pager} has two incidents"));
        }
    }
    report.incidents = found.len() as u64;
    Ok(found)
}

/// An event of the journal in the words of the ideal.
fn line(envelope: &Value, pager_of: &dyn Fn(&Value) -> String) -> String {
    let event = &envelope["event"];
    let text = |name: &str| event[name].as_str().unwrap_or("-");
    let what = match text("type") {
        "opened" => {
            format!(
                "opened {} {} {:?} {}",
                text("severity"),
                text("service"),
                text("title"),
                ms(&event["detected_at"])
            )
        }
        "acknowledged" => format!("acknowledged {}", text("via")),
        "commander_taken" => format!("commander {}", text("commander")),
        "severity_changed" => format!("severity {} -> {}", text("from"), text("to")),
        "severity_confirmed" => "severity confirmed".to_owned(),
        "pager_noted" => format!("noted {}: {}", text("what"), text("text")),
        "service_changed" => format!("service {} -> {}", text("from"), text("to")),
        "bridge_changed" => {
            let numbers = event["numbers"].as_array().into_iter().flatten().filter_map(Value::as_str);
            format!("bridge {} {}", text("url"), numbers.collect::<Vec<_>>().join(", "))
        }
        "resolved" => format!("resolved {}", text("via")),
        "reopened" => format!("reopened {}", text("via")),
        "merged_into" => format!("merged into {}", pager_of(&event["id"])),
        "merged_from" => format!("merged from {} {:?}", pager_of(&event["id"]), text("title")),
        "role_given" => format!("role {} {}", text("role"), text("to")),
        "update_given" => format!("update {}", text("text")),
        "note_added" => format!("note {}", text("text")),
        other => other.to_owned(),
    };
    let cause = &envelope["cause"];
    let by = cause["id"].as_str().or(cause["from"].as_str()).unwrap_or("-");
    let at = match envelope["occurred_at"].is_null() {
        true => "-".to_owned(),
        false => ms(&envelope["occurred_at"]),
    };
    [what.as_str(), envelope["actor"].as_str().unwrap_or("-"), at.as_str(), by].join(SEP)
}

fn ms(time: &Value) -> String {
    let time = time.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    time.map_or_else(|| "?".to_owned(), |time| time.timestamp_millis().to_string())
}

/// The first place where two timelines differ.
fn difference(found: &[String], ideal: &[String]) -> Option<String> {
    let longest = found.len().max(ideal.len());
    let at = (0..longest).find(|at| found.get(*at) != ideal.get(*at))?;
    Some(format!("line {at} is {:?}, and should be {:?}", found.get(at), ideal.get(at)))
}

fn compare(life: &Life, ideal: &Ideal, found: Option<&Found>, report: &mut Report) {
    let pager = &life.pager;
    let (Some(wanted), Some(found)) = (ideal.incident(pager), found) else {
        match (ideal.incident(pager), found) {
            (None, None) => report.over_before_known += 1,
            (None, Some(_)) => {}
            (Some(_), _) => {
                report.lost += 1;
                report.complain(format!("{pager} ({}) has no incident", life.kind.name()));
            }
        }
        return;
    };
    report.timeline_events += found.lines.len() as u64;
    if let Some(difference) = difference(&found.lines, &wanted.lines) {
        report.other_timelines += 1;
        report.complain(format!("{pager} ({}): {difference}", life.kind.name()));
    }
    let end = wanted.end();
    if (found.status.as_str(), &found.severity, &found.service) != (end.status, &end.severity, &end.service) {
        report.other_ends += 1;
        let is = (&found.status, &found.severity, &found.service);
        report.complain(format!("{pager} ({}) is {is:?}, and should be {end:?}", life.kind.name()));
    }
    if life.kind == Kind::Disordered {
        as_in_order(life, wanted, report);
    }
}

/// An incident told out of order says the same, and ends the same, as if it had been told in order.
fn as_in_order(life: &Life, told: &Incident, report: &mut Report) {
    let mut ordered = Ideal::default();
    for place in 0..life.events.len() {
        ordered.take(life, place, &mut BTreeMap::new());
    }
    let Some(ordered) = ordered.incident(&life.pager) else { return };
    let (mut is, mut should) = (told.end(), ordered.end());
    if life.events.iter().any(|event| event.what == What::Reopened) {
        // whoever had it before its end may be told after that
        let open = |status: &'static str| if status == "acknowledged" { "triggered" } else { status };
        (is.status, should.status) = (open(is.status), open(should.status));
    }
    if is != should {
        report.other_ends += 1;
        report.complain(format!("{}: it ends as {is:?}, and told in order as {should:?}", life.pager));
    }
    let facts = |of: &Incident| {
        let is_fact =
            |line: &&String| line.starts_with("noted ") && !is_word(line) || line.starts_with("update ");
        let mut facts: Vec<String> = of.lines.iter().filter(is_fact).cloned().collect();
        facts.sort_unstable();
        facts
    };
    if let Some(difference) = difference(&facts(told), &facts(ordered)) {
        report.lost += 1;
        report.complain(format!("{}: of what was told, {difference}", life.pager));
    }
}

/// A word on how it stands, which may be late: what belongs on the record whenever it comes is none.
fn is_word(line: &str) -> bool {
    ["resolved", "reopened", "unacknowledged", "service"]
        .iter()
        .any(|word| line.strip_prefix("noted ").is_some_and(|rest| rest.starts_with(&format!("{word}: "))))
}

/// What was done at the pager: everything once, and nothing else.
fn effects(
    lives: &BTreeMap<u64, Life>,
    found: &BTreeMap<String, Found>,
    ledger: &BTreeMap<String, Done>,
    report: &mut Report,
) {
    let none = Done::default();
    for life in lives.values() {
        let done = ledger.get(&life.pager).unwrap_or(&none);
        let takes = life.acts.iter().filter(|act| **act == Act::Take).count() as u64;
        let looks = u64::from(life.kind == Kind::Looked);
        let notes = life.acts.len() as u64 - takes + looks;
        report.effects += takes + notes;
        let runs =
            found.get(&life.pager).and_then(|one| one.own.get("run_planned")).copied().unwrap_or_default();
        let is = (done.acknowledged, done.notes.len() as u64, runs);
        if is != (takes, notes, looks) {
            let is_more = is.0 > takes || is.1 > notes || is.2 > looks;
            report.doubled += u64::from(is_more);
            report.lost += u64::from(!is_more);
            report.complain(format!(
                "{}: acknowledged, noted and looked at {is:?} times, wanted {:?}: {:?}",
                life.pager,
                (takes, notes, looks),
                done.notes
            ));
        }
    }
    for (pager, done) in ledger.iter().filter(|(_, done)| !done.other.is_empty()) {
        report.doubled += 1;
        report.complain(format!("{pager}: nobody asked for {:?}", done.other));
    }
}

/// Nothing waits to leave, and nothing was given up.
fn outbox(store: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let mut select = store.prepare("SELECT key, state, error FROM outbox WHERE state <> 'sent'")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (key, state): (String, String) = (row.get(0)?, row.get(1)?);
        let error: Option<String> = row.get(2)?;
        report.lost += 1;
        report.complain(format!("the message {key} is {state}: {error:?}"));
    }
    Ok(())
}
