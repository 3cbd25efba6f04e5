//! How many lines, rows or series the output has.

use super::json;
use super::model::Judgement;
use super::number::titles;
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
    if matches!(text.trim().to_ascii_lowercase().as_str(), "none" | "nothing" | "empty")
        && stdout.eq_ignore_ascii_case(text.trim())
    {
        return Judgement::pass(format!("found `{stdout}`"));
    }
    if stdout == "null" {
        return Judgement::ask("the output is JSON's `null`");
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
        None if stdout.starts_with(['{', '[']) && stdout.contains('"') => {
            return Judgement::ask("the output begins like JSON and is not complete");
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
    if shown.all.trim_start().starts_with('<') {
        return Err("the output is markup, whose lines are not rows");
    }
    if let ([line], Kind::Plain) = (rows.lines.as_slice(), rows.kind)
        && let Some((said, _)) = rows::footer(line)
    {
        // psql's own count, without the table above it
        return Ok(vec![said]);
    }
    if rows.kind == Kind::Plain && rows.lines.iter().any(|line| rows::footer(line).is_some()) {
        return Err("the output holds a table's own count, and not the table");
    }
    let count = rows.lines.len() as u64;
    let mut readings = vec![count];
    let about_lines = |word: &str| word.eq_ignore_ascii_case("line") || word.eq_ignore_ascii_case("lines");
    let lines = text.split(|c: char| !c.is_alphanumeric()).any(about_lines);
    let rows_said = !lines && !text.trim().is_empty() && text.contains(char::is_alphabetic);
    if let Some(declared) = rows.declared.filter(|_| rows.is_footer_alone()) {
        return Ok(if rows_said || declared == 0 { vec![declared] } else { vec![declared, 1] });
    }
    // psql -x prints a row over several lines
    let records = rows.lines.iter().filter(|line| line.starts_with("-[ RECORD ")).count() as u64;
    if records > 0 {
        return Ok(if lines { vec![records, count] } else { vec![records] });
    }
    match rows.kind {
        Kind::Columns if lines || !rows_said || text.contains("output") => readings.push(count + 1),
        Kind::Plain if rows.declared.is_none() && maybe_titled(&rows.lines, rows_said) => {
            readings.push(count.saturating_sub(1));
        }
        _ => {}
    }
    if shown.warned && rows.declared.is_none() {
        readings.push(rows::read(&shown.quiet).lines.len() as u64);
    }
    if let [line] = rows.lines.as_slice() {
        if nothing_found(line) {
            return Ok(if rows_said { vec![0] } else { vec![0, 1] });
        }
        // psql counts its rows itself, and the cell is a name rather than another count
        let identifies = |title: &str| {
            let title = title.to_ascii_lowercase();
            ["id", "pid", "port", "oid", "version"].iter().any(|name| {
                title.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
            })
        };
        let by_psql = rows.declared == Some(1) && rows.kind == Kind::Ruled;
        if by_psql && (text.trim().starts_with('(') || rows.header.iter().any(|title| identifies(title))) {
            return Ok(readings);
        }
        // the output of a command that counts
        readings.extend(bare_count(line).or_else(|| command_tag(line)).or_else(|| said(line, text)));
    }
    Ok(readings)
}

/// `23` alone, or `wc`'s `23 file`.
fn bare_count(line: &str) -> Option<u64> {
    let mut words = line.split_whitespace();
    let first = whole(words.next()?)?;
    (words.count() <= 1).then_some(first)
}

/// `migrated 42 rows`, where rows are asked for.
fn said(line: &str, text: &str) -> Option<u64> {
    let asked = |noun: &str| {
        let noun = noun.trim_matches(|c: char| !c.is_alphanumeric());
        !noun.is_empty() && text.split_whitespace().any(|word| word.eq_ignore_ascii_case(noun))
    };
    let words: Vec<&str> = line.split_whitespace().collect();
    words.windows(2).find_map(|pair| match pair {
        [count, noun] if asked(noun) => whole(count),
        _ => None,
    })
}

/// psql's `UPDATE 41` and `INSERT 0 3`.
fn command_tag(line: &str) -> Option<u64> {
    let mut words = line.split_whitespace();
    let tag = words.next()?;
    let counts = ["UPDATE", "DELETE", "INSERT", "SELECT", "COPY", "MERGE"].contains(&tag);
    words.next_back().filter(|_| counts).and_then(whole)
}

/// Lines whose first one may be a header: in capitals, or alone without digits, or with tabs or commas.
fn maybe_titled(lines: &[&str], rows_said: bool) -> bool {
    match lines {
        [first, second, ..] => {
            let tabs = first.matches('\t').count();
            let commas = |line: &str| line.matches(',').count();
            let csv = commas(first) > 0 && lines.iter().take(100).all(|line| commas(line) == commas(first));
            let letters_only = !first.contains(|c: char| c.is_numeric());
            let capitals = first.split_whitespace().count() >= 2 && !first.contains(char::is_lowercase);
            let rest = || lines.iter().skip(1).take(100);
            let numbers_below = rest().all(|line| line.contains(|c: char| c.is_numeric()));
            letters_only
                && (csv
                    || tabs > 0 && tabs == second.matches('\t').count()
                    || rows_said && (capitals || numbers_below && first.split_whitespace().count() >= 2))
        }
        // `ss` prints its titles when there is nothing below them
        [only] => rows_said && titles(only),
        [] => false,
    }
}

/// kubectl's and journalctl's sentences for an empty list.
pub(crate) fn nothing_found(text: &str) -> bool {
    let text = text.trim();
    (text.starts_with("No resources found") || text == "-- No entries --") && text.lines().count() == 1
}
