//! A number in the output, compared.

use super::model::{Comparison, Judgement};
use super::phrase::{decimal, unit as known_unit};
use super::rows::{self, Kind};

/// A number of the output with the unit that follows it.
#[derive(Debug, Clone, PartialEq)]
struct Found {
    value: f64,
    unit: String,
}

/// The numbers of a line, and whether it holds digits that are not a plain number (`1,000`, `2/3`, a date).
#[derive(Debug, Default)]
struct Scan {
    numbers: Vec<Found>,
    odd: bool,
}

pub(crate) fn judge(op: Comparison, bound: f64, every: bool, unit: Option<&str>, stdout: &str) -> Judgement {
    if stdout.trim().is_empty() {
        return Judgement::fail("no output, wanted a number");
    }
    if let Some(values) = prometheus(stdout) {
        return judge_series(op, bound, every, unit, &values);
    }
    let rows = rows::read(stdout);
    if rows.contradicts_itself() {
        return Judgement::ask("the table's own count and its rows differ");
    }
    if every {
        return judge_every(op, bound, unit, &rows);
    }
    let mut scan = Scan::default();
    for line in &rows.lines {
        let more = read(line);
        scan.numbers.extend(more.numbers);
        scan.odd |= more.odd;
    }
    let matching: Vec<&Found> = scan.numbers.iter().filter(|found| fits(found, unit)).collect();
    match matching.as_slice() {
        [only] if unit.is_some() || (scan.numbers.len() == 1 && !scan.odd) => {
            verdict(op, bound, only.value, unit)
        }
        [] if scan.numbers.is_empty() && !scan.odd => {
            Judgement::fail(format!("no number in the output, wanted {}", wanted(op, bound, unit)))
        }
        _ => Judgement::ask("the output holds no single number that this is clearly about"),
    }
}

fn judge_every(op: Comparison, bound: f64, unit: Option<&str>, rows: &rows::Rows<'_>) -> Judgement {
    let mut lines = rows.lines.as_slice();
    // a header in any spelling: a first line without digits above lines with them
    if rows.kind == Kind::Plain
        && let [first, rest @ ..] = lines
        && !rest.is_empty()
        && !first.contains(|c: char| c.is_ascii_digit())
        && !first.contains('%')
        && first.split_whitespace().count() >= 2
        && first.split_whitespace().all(|word| word.starts_with(|c: char| c.is_uppercase()))
    {
        lines = rest;
    }
    if lines.is_empty() {
        return Judgement::fail("no rows in the output");
    }
    let mut without = None;
    for line in lines {
        let scan = read(line);
        let matching: Vec<&Found> = scan.numbers.iter().filter(|found| fits(found, unit)).collect();
        if let Some(bad) = matching.iter().find(|found| !holds(op, bound, found.value)) {
            return Judgement::fail(format!("found {}, wanted {}", bad.value, wanted(op, bound, unit)));
        }
        let clear = !matching.is_empty() && (unit.is_some() || (scan.numbers.len() == 1 && !scan.odd));
        if !clear {
            without.get_or_insert(*line);
        }
    }
    match without {
        Some(line) => Judgement::ask(format!("no clear number in `{}`", super::judge::shorten(line))),
        None => Judgement::pass(format!("all {} rows are {}", lines.len(), wanted(op, bound, unit))),
    }
}

/// The values of a Prometheus query answer; `None` when the output is something else.
fn prometheus(stdout: &str) -> Option<Vec<Option<f64>>> {
    let value: serde_json::Value = serde_json::from_str(stdout.trim()).ok()?;
    let data = value.get("data")?;
    match data.get("resultType")?.as_str()? {
        "vector" => {}
        _ => return None,
    }
    let sample = |series: &serde_json::Value| series.get("value")?.get(1)?.as_str().and_then(decimal);
    Some(data.get("result")?.as_array()?.iter().map(sample).collect())
}

fn judge_series(
    op: Comparison,
    bound: f64,
    every: bool,
    unit: Option<&str>,
    values: &[Option<f64>],
) -> Judgement {
    if unit.is_some() {
        return Judgement::ask("a query's answer has no units");
    }
    match values {
        [] => Judgement::fail("the query has no series"),
        [Some(one)] => verdict(op, bound, *one, unit),
        many if every => match many.iter().find(|value| value.is_none_or(|value| !holds(op, bound, value))) {
            Some(Some(bad)) => Judgement::fail(format!("found {bad}, wanted {}", wanted(op, bound, unit))),
            Some(None) => Judgement::ask("a series has no plain number"),
            None => Judgement::pass(format!("all {} series are {}", many.len(), wanted(op, bound, unit))),
        },
        [None] => Judgement::fail("the query's answer is not a plain number"),
        many => Judgement::ask(format!("the query has {} series", many.len())),
    }
}

fn verdict(op: Comparison, bound: f64, value: f64, unit: Option<&str>) -> Judgement {
    let reason = format!("found {value}, wanted {}", wanted(op, bound, unit));
    if holds(op, bound, value) { Judgement::pass(reason) } else { Judgement::fail(reason) }
}

fn holds(op: Comparison, bound: f64, value: f64) -> bool {
    match op {
        Comparison::Less => value < bound,
        Comparison::AtMost => value <= bound,
        Comparison::Greater => value > bound,
        Comparison::AtLeast => value >= bound,
        Comparison::Equal => value == bound,
    }
}

fn wanted(op: Comparison, bound: f64, unit: Option<&str>) -> String {
    let sign = match op {
        Comparison::Less => "<",
        Comparison::AtMost => "<=",
        Comparison::Greater => ">",
        Comparison::AtLeast => ">=",
        Comparison::Equal => "=",
    };
    let unit = unit.map(|unit| format!(" {unit}")).unwrap_or_default();
    format!("{sign} {bound}{unit}")
}

fn fits(found: &Found, unit: Option<&str>) -> bool {
    unit.is_none_or(|unit| found.unit == unit) && (unit.is_some() || found.unit.is_empty())
}

/// Reads the numbers of one line.
fn read(line: &str) -> Scan {
    let mut scan = Scan::default();
    let words: Vec<&str> =
        line.split(|c: char| c.is_whitespace() || c == '|').filter(|word| !word.is_empty()).collect();
    let mut i = 0;
    while let Some(word) = words.get(i) {
        i += 1;
        let word = word.trim_matches(|c: char| "()[]{},;:\"'`".contains(c));
        let word = word.trim_end_matches('.');
        // `load=0.5` and `"load":0.5` are about their right side
        let word = match word.rsplit_once(['=', ':']) {
            Some((left, right)) if left.contains(|c: char| c.is_alphabetic()) => {
                right.trim_matches(|c: char| "\"'".contains(c))
            }
            _ => word,
        };
        let begins = word.trim_start_matches(['-', '+', '<', '>', '=', '~', '$']);
        if !begins.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        let end = word
            .char_indices()
            .find(|&(at, c)| !(c.is_ascii_digit() || c == '.' || at == 0 && matches!(c, '-' | '+')))
            .map_or(word.len(), |(at, _)| at);
        let (digits, attached) = word.split_at(end);
        let Some(value) = decimal(digits) else {
            scan.odd = true;
            continue;
        };
        if attached.is_empty() {
            let unit = words.get(i).and_then(|next| known_unit(next.trim_end_matches([',', ';', '.'])));
            i += usize::from(unit.is_some());
            scan.numbers.push(Found { value, unit: unit.unwrap_or_default().to_owned() });
        } else if let Some(unit) = known_unit(attached) {
            scan.numbers.push(Found { value, unit: unit.to_owned() });
        } else {
            scan.odd = true;
        }
    }
    scan
}
