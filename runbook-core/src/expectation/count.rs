//! How many lines, rows or series the output has.

use super::json;
use super::model::Judgement;
use super::output::Shown;
use super::phrase::whole;
use super::prometheus::{self, Answer};
use super::rows::{self, Kind};

/// Judges a count; `text` is the expectation's own, whose noun says whether a header counts.
pub(crate) fn judge(min: u64, max: u64, text: &str, shown: &Shown, stderr: &str) -> Judgement {
    let wanted = match (min, max) {
        (min, u64::MAX) => format!("at least {min}"),
        (min, max) if min == max => min.to_string(),
        (min, max) => format!("{min} to {max}"),
    };
    let stdout = shown.all.trim();
    if stdout.is_empty() {
        let said = stderr.trim();
        return if min > 0 {
            Judgement::fail(format!("no output, wanted {wanted} rows"))
        } else if said.is_empty() || nothing_found(said) {
            Judgement::pass("no output")
        } else {
            Judgement::ask("no output, but there is something on standard error")
        };
    }
    let mut readings = match prometheus::answer(stdout) {
        Some(Answer::Series(values)) => vec![values.len() as u64],
        Some(Answer::Failed(reason)) => {
            return Judgement::fail(format!("the query failed: {}", super::judge::shorten(&reason)));
        }
        Some(Answer::Other(reason)) => return Judgement::ask(reason),
        None if json::documents(stdout).is_some() => {
            return Judgement::ask("the output is JSON, whose lines are not rows");
        }
        None => Vec::new(),
    };
    if readings.is_empty() {
        match counted(text, shown) {
            Ok(counts) => readings = counts,
            Err(reason) => return Judgement::ask(reason),
        }
    }
    // every way to read the output must agree
    let fits = readings.iter().filter(|n| (min..=max).contains(n)).count();
    let count = readings.first().copied().unwrap_or_default();
    if fits == readings.len() {
        Judgement::pass(format!("found {count}, wanted {wanted}"))
    } else if fits == 0 {
        Judgement::fail(format!("found {count}, wanted {wanted}"))
    } else {
        Judgement::ask(format!("found {count}, wanted {wanted}; the output can be counted in two ways"))
    }
}

/// Every number of rows that the output may be said to have.
fn counted(text: &str, shown: &Shown) -> Result<Vec<u64>, &'static str> {
    let rows = rows::read(&shown.all);
    if rows.contradicts_itself() {
        return Err("the table's own count and its rows differ");
    }
    if rows.more {
        return Err("the output holds more than one table");
    }
    if rows.kind == Kind::Drawn || (rows.kind == Kind::Ruled && rows.declared.is_none()) {
        return Err("where the table ends is not clear");
    }
    let count = rows.lines.len() as u64;
    let mut readings = vec![count];
    let about_lines = |word: &str| word.eq_ignore_ascii_case("line") || word.eq_ignore_ascii_case("lines");
    let lines = text.split(|c: char| !c.is_alphanumeric()).any(about_lines);
    let rows_said = !lines && !text.trim().is_empty() && text.contains(char::is_alphabetic);
    match rows.kind {
        Kind::Columns if lines || !rows_said || text.contains("output") => readings.push(count + 1),
        Kind::Plain if rows.declared.is_none() && maybe_titled(&rows.lines) => {
            readings.push(count.saturating_sub(1))
        }
        _ => {}
    }
    if shown.warned && rows.kind == Kind::Plain {
        readings.push(rows::read(&shown.quiet).lines.len() as u64);
    }
    match rows.lines.as_slice() {
        [line] => {
            // the output of a command that counts
            readings.extend(bare_count(line));
            if nothing_found(line) {
                readings.push(0);
            }
        }
        [] | [_, ..] => {}
    }
    Ok(readings)
}

/// `23` alone, or `wc`'s `23 file`.
fn bare_count(line: &str) -> Option<u64> {
    let mut words = line.split_whitespace();
    let first = whole(words.next()?)?;
    (words.count() <= 1).then_some(first)
}

/// Tab-separated lines whose first one may be a header.
fn maybe_titled(lines: &[&str]) -> bool {
    match lines {
        [first, second, ..] => {
            let tabs = first.matches('\t').count();
            let letters_only = !first.contains(|c: char| c.is_numeric());
            tabs > 0 && tabs == second.matches('\t').count() && letters_only
        }
        _ => false,
    }
}

/// kubectl's sentence for an empty list.
pub(crate) fn nothing_found(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("No resources found") && text.lines().count() == 1
}
