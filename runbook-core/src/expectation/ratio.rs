//! `5/5`, and rows that each carry a word.

use super::judge::shorten;
use super::model::Judgement;
use super::phrase::ratio;
use super::rows;

pub(crate) fn judge(have: u64, want: u64, word: Option<&str>, stdout: &str) -> Judgement {
    let rows = rows::read(stdout);
    if rows.lines.is_empty() {
        return Judgement::fail(format!("no output rows, wanted {have}/{want}"));
    }
    let found: Vec<Vec<(u64, u64)>> = rows.lines.iter().map(|line| ratios(line)).collect();
    let all: Vec<(u64, u64)> = found.iter().flatten().copied().collect();
    match word {
        None => match all.as_slice() {
            [] => by_rows(have, want, "ready", &rows, &found),
            [one] if *one == (have, want) => match rows.lines.iter().find(|line| sounds_bad(line)) {
                Some(line) => Judgement::ask(format!("found {have}/{want}, in `{}`", shorten(line))),
                None => Judgement::pass(format!("found {have}/{want}")),
            },
            [(a, b)] => Judgement::fail(format!("found {a}/{b}, wanted {have}/{want}")),
            many => many_ratios(have, want, many),
        },
        Some(word) => match (rows.lines.as_slice(), all.as_slice()) {
            ([line], [(a, b)]) if *b == want && want > 1 => {
                if *a != have {
                    Judgement::fail(format!("found {a}/{b}, wanted {have}/{want}"))
                } else if carries(line, word) {
                    Judgement::pass(format!("found {have}/{want} {word}"))
                } else {
                    Judgement::fail(format!("found {a}/{b} without {word}"))
                }
            }
            _ => by_rows(have, want, word, &rows, &found),
        },
    }
}

/// `5/5 checks failed` is a ratio too.
fn sounds_bad(line: &str) -> bool {
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
    ];
    line.split(|c: char| !c.is_alphanumeric()).any(|word| BAD.contains(&word.to_ascii_lowercase().as_str()))
}

/// Several ratios where one was expected.
fn many_ratios(have: u64, want: u64, many: &[(u64, u64)]) -> Judgement {
    if have == want
        && let Some((a, b)) = many.iter().find(|(a, b)| a != b)
    {
        return Judgement::fail(format!("found {a}/{b}, wanted {have}/{want}"));
    }
    Judgement::ask(format!("found {} ratios, and which one is meant is not clear", many.len()))
}

/// `want` rows, `have` of them carrying the word, and none of those half ready.
fn by_rows(have: u64, want: u64, word: &str, rows: &rows::Rows<'_>, found: &[Vec<(u64, u64)>]) -> Judgement {
    let total = rows.lines.len() as u64;
    let carrying: Vec<usize> = (0..rows.lines.len())
        .filter(|&i| rows.lines.get(i).is_some_and(|line| carries(line, word)))
        .collect();
    let count = carrying.len() as u64;
    if count == 0 {
        return Judgement::fail(format!("no row says {word}, wanted {have}/{want}"));
    }
    if let Some((a, b)) = carrying.iter().filter_map(|&i| found.get(i)).flatten().find(|(a, b)| a != b) {
        return Judgement::fail(format!("a row says {word} and {a}/{b}"));
    }
    if (count, total) == (have, want) {
        return Judgement::pass(format!("{count} of {total} rows say {word}"));
    }
    Judgement::fail(format!("{count} of {total} rows say {word}, wanted {have}/{want}"))
}

/// Whether a row carries a word as a column other than its name.
fn carries(line: &str, word: &str) -> bool {
    line.split_whitespace().skip(1).any(|cell| cell.eq_ignore_ascii_case(word))
}

fn ratios(line: &str) -> Vec<(u64, u64)> {
    line.split_whitespace()
        .filter_map(|cell| {
            ratio(cell.trim_matches(|c: char| matches!(c, '(' | ')' | '[' | ']' | ',' | ';' | '.')))
        })
        .collect()
}
