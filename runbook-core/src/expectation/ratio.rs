//! `5/5`, and rows that each carry a word.

use super::json::{self, Json};
use super::judge::shorten;
use super::model::Judgement;
use super::output::Shown;
use super::phrase::{decimal, ratio, whole};
use super::rows::{self, Kind, Rows};
use super::want::Verdict;

/// Words that say that something is not as it should be, or not yet.
const BAD: &[&str] = &[
    "fail",
    "failed",
    "failing",
    "failures",
    "error",
    "errors",
    "not",
    "no",
    "notready",
    "unready",
    "unhealthy",
    "down",
    "unavailable",
    "degraded",
    "crashloopbackoff",
    "pending",
    "terminating",
    "stopped",
    "lost",
    "missing",
    "unknown",
    "evicted",
    "oomkilled",
    "imagepullbackoff",
    "paused",
    "waiting",
    "want",
    "wanted",
    "expected",
    "expecting",
    "desired",
    "target",
    "until",
    "previously",
    "was",
    "should",
    "schedulingdisabled",
    "restarting",
    "dead",
    "exited",
    "old",
    "critical",
    "alert",
    "alerts",
    "warnings",
    "broken",
    "stale",
    "skipped",
    "blocked",
];
/// Columns that say how a row is.
const STATE_COLUMNS: &[&str] = &["STATUS", "STATE", "PHASE", "HEALTH", "ACTIVE"];

pub(crate) fn judge(have: u64, want: u64, word: Option<&str>, shown: &Shown) -> Judgement {
    if let Some(documents) = json::documents(&shown.quiet) {
        return in_json(have, want, word, &documents);
    }
    let rows = rows::read(&shown.quiet);
    if rows.lines.is_empty() {
        let reason = format!("no output rows, wanted {have}/{want}");
        return if shown.warned { Judgement::ask(reason) } else { Judgement::fail(reason) };
    }
    if rows.more || rows.contradicts_itself() {
        return Judgement::ask("the output holds more than one table, or a part of one");
    }
    let found: Vec<Vec<(u64, u64)>> = rows.lines.iter().map(|line| ratios(line)).collect();
    let all: Vec<(u64, u64)> = found.iter().flatten().copied().collect();
    match word {
        None => match all.as_slice() {
            [] => match rows.lines.iter().find_map(|line| half_ratio(line)) {
                Some(cell) => Judgement::fail(format!(
                    "found `{}`, which is no ratio of whole numbers, wanted {have}/{want}",
                    shorten(cell)
                )),
                None => by_rows(have, want, "ready", &rows, &found),
            },
            [one] if *one == (have, want) => match rows.lines.iter().find(|line| sounds_bad(&rows, line)) {
                Some(line) => Judgement::ask(format!("found {have}/{want}, in `{}`", shorten(line))),
                None => Judgement::pass(format!("found {have}/{want}")),
            },
            [(a, b)] => Judgement::fail(format!("found {a}/{b}, wanted {have}/{want}")),
            many => many_ratios(have, want, many, &rows, &found),
        },
        Some(word) => match (rows.lines.as_slice(), all.as_slice()) {
            ([line], [(a, b)]) if *b == want && want > 1 => {
                let ratio = format!("found {a}/{b}, wanted {have}/{want} {word}");
                match carries(&rows, line, word) {
                    _ if *a != have => Judgement::fail(ratio),
                    Verdict::Yes if sounds_bad(&rows, line) => Judgement::ask(ratio),
                    Verdict::Yes => Judgement::pass(ratio),
                    Verdict::No => Judgement::fail(format!("found {a}/{b} without {word}")),
                    Verdict::Unclear => Judgement::ask(ratio),
                }
            }
            _ => by_rows(have, want, word, &rows, &found),
        },
    }
}

/// JSON says a ratio in a string of its own.
fn in_json(have: u64, want: u64, word: Option<&str>, documents: &[Json]) -> Judgement {
    let mut found = Vec::new();
    let mut open: Vec<&Json> = documents.iter().collect();
    while let Some(value) = open.pop() {
        match value {
            Json::Object(object) => open.extend(object.iter().map(|(_, value)| value)),
            Json::List(items) => open.extend(items),
            Json::Text(text) => found.extend(ratio(text.trim())),
            Json::Plain(_) | Json::Number(_) => {}
        }
    }
    match (found.as_slice(), word) {
        (&[one], None) if one == (have, want) => Judgement::pass(format!("found {have}/{want}")),
        (&[(a, b)], _) if (a, b) != (have, want) => {
            Judgement::fail(format!("found {a}/{b}, wanted {have}/{want}"))
        }
        _ => Judgement::ask("the output is JSON without one clear ratio"),
    }
}

/// `10.5/5`, which is not the 5/5 that it ends with.
fn half_ratio(line: &str) -> Option<&str> {
    line.split_whitespace().find(|cell| match cell.split_once('/') {
        Some((have, want)) => {
            decimal(have).is_some() && decimal(want).is_some() && (have.contains('.') || want.contains('.'))
        }
        None => false,
    })
}

/// `All pods Running`: every row carries the word as its state, and none is half ready.
pub(crate) fn every_row(word: &str, shown: &Shown) -> Judgement {
    if json::documents(&shown.quiet).is_some() {
        return Judgement::ask("the output is JSON, whose lines are not rows");
    }
    let rows = rows::read(&shown.quiet);
    if rows.lines.is_empty() {
        let reason = format!("no output rows, wanted all of them {word}");
        return if shown.warned { Judgement::ask(reason) } else { Judgement::fail(reason) };
    }
    if rows.more || rows.contradicts_itself() {
        return Judgement::ask("the output holds more than one table, or a part of one");
    }
    let states = STATE_COLUMNS.iter().any(|name| rows.column(name).is_some());
    let mut doubt = None;
    for line in &rows.lines {
        let reason = format!("not {word}: `{}`", shorten(line));
        let ratios = ratios(line);
        // without a column of states, only kubectl's rows are known to name one behind the ratio
        let known = states || matches!(ratios.as_slice(), [_]);
        let finished = ["Completed", "Succeeded"].iter().any(|end| says(line, end));
        match carries(&rows, line, word) {
            Verdict::No if known && !finished => return Judgement::fail(reason),
            Verdict::Yes if ratios.iter().any(|(a, b)| a != b) => return Judgement::fail(reason),
            Verdict::Yes if !sounds_bad(&rows, line) && !ratios.contains(&(0, 0)) => {}
            _ => {
                doubt.get_or_insert(reason);
            }
        }
    }
    match doubt {
        Some(reason) => Judgement::ask(reason),
        None => Judgement::pass(format!("all {} rows say {word}", rows.lines.len())),
    }
}

/// `5/5 checks failed` is a ratio too. The name of a row may say what it likes.
fn sounds_bad(rows: &Rows<'_>, line: &str) -> bool {
    let bad = |word: &str| BAD.contains(&word.to_ascii_lowercase().as_str());
    let mut cells = line.split_whitespace();
    let name = cells.next().unwrap_or_default();
    (rows.kind == Kind::Plain && bad(name.trim_matches(|c: char| !c.is_alphanumeric())))
        || cells.flat_map(|cell| cell.split(|c: char| !c.is_alphanumeric())).any(bad)
}

/// Several ratios where one was expected.
fn many_ratios(
    have: u64,
    want: u64,
    many: &[(u64, u64)],
    rows: &Rows<'_>,
    found: &[Vec<(u64, u64)>],
) -> Judgement {
    // `5/5 (was 3/5)` says both
    let both = found.iter().any(|row| row.len() > 1 && row.contains(&(have, want)));
    if have == want
        && !both
        && let Some((a, b)) = many.iter().find(|(a, b)| a != b)
    {
        return Judgement::fail(format!("found {a}/{b}, wanted {have}/{want}"));
    }
    // a pod per row, each of them whole
    let whole_rows = found.iter().all(|row| matches!(row.as_slice(), [(a, b)] if a == b && *a > 0));
    let total = rows.lines.len() as u64;
    if whole_rows
        && total == have
        && have == want
        && !many.contains(&(have, want))
        && !rows.lines.iter().any(|line| sounds_bad(rows, line))
    {
        return Judgement::pass(format!("{total} rows, each of them whole"));
    }
    Judgement::ask(format!("found {} ratios, and which one is meant is not clear", many.len()))
}

/// `want` rows, `have` of them carrying the word, and none of those half ready.
fn by_rows(have: u64, want: u64, word: &str, rows: &Rows<'_>, found: &[Vec<(u64, u64)>]) -> Judgement {
    let total = rows.lines.len() as u64;
    let (mut yes, mut perhaps) = (0, 0);
    let mut bad = None;
    for (line, ratios) in rows.lines.iter().zip(found) {
        match carries(rows, line, word) {
            Verdict::No => continue,
            Verdict::Yes => yes += 1,
            Verdict::Unclear => perhaps += 1,
        }
        if let Some((a, b)) = ratios.iter().find(|(a, b)| a != b) {
            return Judgement::fail(format!("a row says {word} and {a}/{b}"));
        }
        if ratios.contains(&(0, 0)) || sounds_bad(rows, line) {
            bad.get_or_insert(*line);
        }
    }
    if yes + perhaps == 0 {
        return Judgement::fail(format!("no row says {word}, wanted {have}/{want}"));
    }
    let reason = format!("{yes} of {total} rows say {word}, wanted {have}/{want}");
    if let Some(line) = bad {
        return Judgement::ask(format!("{reason}; and one is `{}`", shorten(line)));
    }
    match () {
        () if yes + perhaps < have || total < want => Judgement::fail(reason),
        () if perhaps > 0 => Judgement::ask(reason),
        () if (yes, total) == (have, want) => Judgement::pass(reason),
        () => Judgement::fail(reason),
    }
}

/// Whether a row carries a word as its state, and not as its name or somewhere in a description.
fn carries<'a>(rows: &Rows<'a>, line: &'a str, word: &str) -> Verdict {
    let cells: Vec<&str> = line.trim_start_matches(['●', '*', ' ']).split_whitespace().collect();
    // systemctl: UNIT LOAD ACTIVE SUB DESCRIPTION
    if let [_, "loaded" | "not-found" | "masked" | "error" | "bad-setting", active, sub, ..] =
        cells.as_slice()
    {
        let either = active.eq_ignore_ascii_case(word) || sub.eq_ignore_ascii_case(word);
        return if either { Verdict::Yes } else { Verdict::No };
    }
    if let Some(column) = STATE_COLUMNS.iter().find_map(|name| rows.column(name)) {
        let Some(cell) = rows.cell(line, column) else { return Verdict::Unclear };
        return match (cell.eq_ignore_ascii_case(word), says(cell, word)) {
            (true, _) => Verdict::Yes,
            (false, true) if cell.contains(' ') => Verdict::Yes,
            (false, true) => Verdict::Unclear,
            (false, false) => Verdict::No,
        };
    }
    let elsewhere = cells.get(1..).is_some_and(|rest| rest.iter().any(|cell| says(cell, word)));
    let state = match cells.iter().position(|cell| ratio(cell).is_some()) {
        // kubectl: NAME READY STATUS
        Some(at) if at > 0 => cells.get(at + 1),
        _ => cells.get(1),
    };
    if state.is_some_and(|cell| cell.eq_ignore_ascii_case(word)) {
        Verdict::Yes
    } else if elsewhere {
        Verdict::Unclear
    } else {
        Verdict::No
    }
}

/// Whether a cell holds the word: `Up 3 hours (healthy)`, `Ready,SchedulingDisabled`.
fn says(cell: &str, word: &str) -> bool {
    cell.split(|c: char| !c.is_alphanumeric()).any(|part| part.eq_ignore_ascii_case(word))
}

fn ratios(line: &str) -> Vec<(u64, u64)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut found: Vec<(u64, u64)> = words
        .iter()
        .filter_map(|cell| {
            ratio(cell.trim_matches(|c: char| matches!(c, '(' | ')' | '[' | ']' | ',' | ';' | '.')))
        })
        .collect();
    // `3 of 5 ready`
    found.extend(words.windows(3).filter_map(|three| match three {
        [have, "of", want] => Some((whole(have)?, whole(want.trim_end_matches([',', ';', '.', ')']))?)),
        _ => None,
    }));
    found
}
