//! A number in the output, compared.

use super::json::{self, Json};
use super::judge::shorten;
use super::model::Judgement;
use super::output::Shown;
use super::phrase::decimal;
use super::prometheus::{self, Answer};
use super::rows::{self, Kind, Rows};
use super::scan::{self, Scan};
use super::want::{Amount, Verdict, Want};

pub(crate) fn judge(want: &Want, shown: &Shown) -> Judgement {
    let stdout = shown.quiet.as_str();
    if stdout.trim().is_empty() {
        let reason = format!("no output, wanted a number {}", want.said());
        return if shown.warned { Judgement::ask(reason) } else { Judgement::fail(reason) };
    }
    match prometheus::answer(stdout) {
        Some(Answer::Series(values)) => return judge_series(want, &values),
        Some(Answer::Failed(reason)) => {
            return Judgement::fail(format!("the query failed: {}", shorten(&reason)));
        }
        Some(Answer::Other(reason)) => return Judgement::ask(reason),
        None => {}
    }
    if let Some(documents) = json::documents(stdout) {
        return judge_json(want, &documents);
    }
    if stdout.trim_start().starts_with(['{', '[']) && stdout.contains('"') {
        return Judgement::ask("the output begins like JSON and is not complete");
    }
    let rows = rows::read(stdout);
    if rows.contradicts_itself() {
        return Judgement::ask("the table's own count and its rows differ");
    }
    if rows.more {
        return Judgement::ask("the output holds more than one table");
    }
    if rows.header.iter().any(|cell| scan::doubtful(cell) || scan::scales(cell)) {
        return Judgement::ask("a column's title says that its numbers are not simply what was measured");
    }
    if want.every {
        return judge_every(want, &rows);
    }
    let mut scans: Vec<Scan> = rows.lines.iter().map(|line| scan::line(line)).collect();
    for (scan, line) in scans.iter_mut().zip(&rows.lines) {
        // df's titles: what is left stands in another column than the share
        scan.left &= !line.split_whitespace().any(|word| matches!(word, "Use%" | "IUse%" | "Capacity"));
    }
    // beside a table's numbers with a unit others may stand: of other columns
    let table = rows.kind != Kind::Plain || rows.lines.first().is_some_and(|line| titles(line));
    for scan in &mut scans {
        scan.rival &= !table;
    }
    if rows.foreign {
        for amount in scans.iter_mut().flat_map(|scan| &mut scan.amounts) {
            amount.guarded |= amount.or.is_some();
        }
    }
    let alone = match rows.lines.as_slice() {
        [line] if rows.kind == Kind::Plain || rows.header.len() == 1 => decimal(line.trim()),
        _ => None,
    };
    judge_one(want, &scans, alone)
}

/// The output must hold one number that this is clearly about.
fn judge_one(want: &Want, scans: &[Scan], alone: Option<f64>) -> Judgement {
    let amounts: Vec<&Amount> = scans.iter().flat_map(|scan| &scan.amounts).collect();
    let matching: Vec<&Amount> =
        amounts.iter().copied().filter(|found| want.comparable(found.unit)).collect();
    let odd = scans.iter().any(|scan| match want.unit {
        Some(unit) => scan.odd_families.contains(&unit.family),
        None => scan.odd,
    });
    let unclear = || Judgement::ask("the output holds no single number that this is clearly about");
    match matching.as_slice() {
        [only] if !odd && (want.unit.is_some() || amounts.len() == 1) => {
            let bare = want.unit.is_none();
            let suspicious = scans.iter().any(|scan| {
                scan.suspicious
                    || scan.left && want.is_share_at_most()
                    || scan.loss && want.is_share_at_least()
                    || scan.gloomy && want.is_something()
                    || scan.blank && bare
                    || scan.rival && !bare && scan.amounts.iter().any(|found| want.comparable(found.unit))
            });
            let reason = reason(want, only);
            match want.judge(only) {
                Verdict::Yes if suspicious => {
                    Judgement::ask(format!("{reason}, in words that say something else"))
                }
                Verdict::Yes => Judgement::pass(reason),
                Verdict::No => Judgement::fail(reason),
                Verdict::Unclear => Judgement::ask(reason),
            }
        }
        [] if amounts.is_empty() && scans.iter().all(|scan| !scan.odd) => {
            Judgement::fail(format!("no number in the output, wanted {}", want.said()))
        }
        // `curl -w '%{time_total}'` prints seconds without saying so
        [] => match alone.map(|value| (want.judge_bare(value), value)) {
            Some((Verdict::Yes, value)) if value >= 0.0 => {
                Judgement::pass(format!("found {value}, wanted {}", want.said()))
            }
            Some((Verdict::No, value)) => Judgement::fail(format!("found {value}, wanted {}", want.said())),
            _ => unclear(),
        },
        _ => unclear(),
    }
}

fn reason(want: &Want, found: &Amount) -> String {
    let unit = found.unit.map(|unit| format!(" {}", unit.name)).unwrap_or_default();
    format!("found {}{unit}, wanted {}", found.value, want.said())
}

fn judge_every(want: &Want, rows: &Rows<'_>) -> Judgement {
    let mut lines: Vec<&str> =
        rows.lines.iter().copied().filter(|line| line.contains(char::is_alphanumeric)).collect();
    if rows.kind == Kind::Plain && lines.len() > 1 && lines.first().is_some_and(|line| titles(line)) {
        lines.remove(0);
    }
    let scans: Vec<(String, Scan)> = lines.iter().map(|line| (shorten(line), scan::line(line))).collect();
    every_row(want, &scans)
}

/// A header in any spelling: two words or more, each with a capital and without digits.
pub(super) fn titles(line: &str) -> bool {
    // `Mounted on`, `Eingehängt auf`
    let words =
        || line.split_whitespace().filter(|word| !matches!(*word, "on" | "auf" | "sur" | "en" | "su"));
    words().count() >= 2
        && words()
            .all(|word| word.starts_with(char::is_uppercase) && !word.contains(|c: char| c.is_numeric()))
}

fn every_row(want: &Want, rows: &[(String, Scan)]) -> Judgement {
    if rows.is_empty() {
        return Judgement::fail("no rows in the output");
    }
    let mut doubt = None;
    for (line, scan) in rows {
        let matching: Vec<&Amount> =
            scan.amounts.iter().filter(|found| want.comparable(found.unit)).collect();
        let odd = match want.unit {
            Some(unit) => scan.odd_families.contains(&unit.family),
            None => scan.odd || scan.amounts.len() != 1,
        };
        let verdict = matching.iter().map(|found| want.judge(found)).reduce(Verdict::and);
        let odd = odd || scan.left && want.is_share_at_most();
        match verdict {
            Some(Verdict::No) if !odd => {
                return Judgement::fail(format!("`{line}`, wanted {}", want.said()));
            }
            Some(Verdict::Yes) if !odd && !scan.suspicious => {}
            _ => {
                doubt.get_or_insert(line);
            }
        }
    }
    match doubt {
        Some(line) => Judgement::ask(format!("no clear number in `{line}`")),
        None => Judgement::pass(format!("all {} rows are {}", rows.len(), want.said())),
    }
}

/// The numbers of JSON are its numbers and those in its strings; names do not count.
fn judge_json(want: &Want, documents: &[Json]) -> Judgement {
    if want.every {
        let rows: Vec<(String, Scan)> = match documents {
            [Json::List(items)] => {
                items.iter().map(|item| (String::from("an item"), leaves(&[item]))).collect()
            }
            [Json::Object(object)] => {
                object.iter().map(|(name, value)| (shorten(name), leaves(&[value]))).collect()
            }
            many => many.iter().map(|one| (String::from("a document"), leaves(&[one]))).collect(),
        };
        return every_row(want, &rows);
    }
    let all: Vec<&Json> = documents.iter().collect();
    let leaves = leaves(&all);
    judge_one(want, &[Scan { rival: false, blank: false, ..leaves }], None)
}

fn leaves(values: &[&Json]) -> Scan {
    let mut scan = Scan::default();
    let mut open: Vec<(&Json, &str)> = values.iter().map(|value| (*value, "")).collect();
    while let Some((value, name)) = open.pop() {
        match value {
            Json::Object(object) => open.extend(object.iter().map(|(name, value)| (value, name.as_str()))),
            Json::List(items) => open.extend(items.iter().map(|item| (item, name))),
            // `"partial": true`
            Json::Plain(text) => scan.suspicious |= text == "true" && scan::doubtful(name),
            Json::Number(text) | Json::Text(text) => {
                let mut more = scan::line(text);
                let number = matches!(value, Json::Number(_));
                for amount in &mut more.amounts {
                    // JSON has one way to write a number
                    amount.or = amount.or.filter(|_| !number);
                    amount.guarded |= scan::limit(name) || scan::doubtful(name) || scan::scales(name);
                }
                scan.amounts.extend(more.amounts);
                scan.odd |= more.odd;
                scan.odd_families.extend(more.odd_families);
                scan.suspicious |= more.suspicious;
                scan.left |= more.left || matches!(name, "free" | "available" | "remaining");
            }
        }
    }
    scan
}

/// Every series of a query's answer must hold, whether the text says "every" or not.
fn judge_series(want: &Want, values: &[f64]) -> Judgement {
    if values.is_empty() {
        return Judgement::fail("no series");
    }
    let mut doubt = None;
    for value in values {
        match want.judge_bare(*value) {
            _ if value.is_nan() => return Judgement::fail("a series is NaN"),
            Verdict::No => return Judgement::fail(format!("found {value}, wanted {}", want.said())),
            Verdict::Yes if value.is_finite() => {}
            _ => {
                doubt.get_or_insert(value);
            }
        }
    }
    match (doubt, values) {
        (Some(value), _) => Judgement::ask(format!("found {value}, wanted {}: not clear", want.said())),
        (None, [one]) => Judgement::pass(format!("found {one}, wanted {}", want.said())),
        (None, many) => Judgement::pass(format!("all {} series are {}", many.len(), want.said())),
    }
}
