//! How many lines or rows the output has.

use super::model::Judgement;
use super::phrase::whole;
use super::rows::{self, Kind};

pub(crate) fn judge(min: u64, max: u64, stdout: &str, stderr: &str) -> Judgement {
    let wanted = match (min, max) {
        (min, u64::MAX) => format!("at least {min}"),
        (min, max) if min == max => min.to_string(),
        (min, max) => format!("{min} to {max}"),
    };
    let text = stdout.trim();
    if text.is_empty() {
        let said = stderr.trim();
        return if min > 0 {
            Judgement::fail(format!("no output, wanted {wanted} rows"))
        } else if said.is_empty() || said.starts_with("No resources found") {
            Judgement::pass("no output")
        } else {
            Judgement::ask("no output, but there is something on standard error")
        };
    }
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() && text.starts_with(['{', '[']) {
        return Judgement::ask("the output is JSON, whose lines are not rows");
    }
    let rows = rows::read(stdout);
    if rows.contradicts_itself() {
        return Judgement::ask("the table's own count and its rows differ");
    }
    let count = rows.lines.len() as u64;
    // every way to read the output must agree
    let mut readings = vec![count];
    if rows.kind == Kind::Columns {
        readings.push(count + 1);
    }
    if let [line] = rows.lines.as_slice()
        && let Some(number) = whole(line.trim())
    {
        readings.push(number);
    }
    let fits = readings.iter().filter(|n| (min..=max).contains(n)).count();
    if fits == readings.len() {
        Judgement::pass(format!("found {count}, wanted {wanted}"))
    } else if fits == 0 {
        Judgement::fail(format!("found {count}, wanted {wanted}"))
    } else {
        Judgement::ask(format!("found {count}, wanted {wanted}; the output can be counted in two ways"))
    }
}
