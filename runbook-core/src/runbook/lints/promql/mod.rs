//! PromQL that runs and answers something else than what was asked.

mod ask;
mod read;

use super::super::codes;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::lines::{Lines, to_u32};
use super::super::model::CommandKind;
use super::calls::Call;
use super::links::decoded;
use super::script::Script;

/// What is wrong in a text: the code, the byte offset, the message and the hint.
pub(super) struct Trap {
    pub(super) code: Code,
    pub(super) at: usize,
    pub(super) message: String,
    pub(super) hint: &'static str,
}

/// The traps of a text that holds one query or several.
pub(super) fn traps(text: &str) -> Vec<Trap> {
    let mut found = Vec::new();
    for query in read::queries(text) {
        ask::visit(&query, &mut found);
    }
    found
}

/// promql blocks, and queries given to curl and promtool.
pub(super) fn traps_of_queries(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    for fence in script.fences.iter().filter(|fence| fence.kind == CommandKind::Promql) {
        let lines = Lines::new(&fence.text);
        for Trap { code, at, message, hint } in traps(&fence.text) {
            let line = fence.line.saturating_add(lines.line(at));
            found.push(codes::finding(code, (line, column(script, line, &lines, at)), message, hint));
        }
    }
    for (_, call) in script.all_calls() {
        for query in queries_of(call) {
            for Trap { code, message, hint, .. } in traps(&query) {
                found.push(script.at_call(code, call, message, hint));
            }
        }
    }
}

/// The column in the file: the fence may be indented.
fn column(script: &Script<'_>, line: u32, lines: &Lines<'_>, at: usize) -> u32 {
    let inner = lines.line(at);
    let own = lines.text_of(inner);
    let indent = script.lines.text_of(line).find(own.trim_end()).unwrap_or(0);
    to_u32(indent).saturating_add(lines.column(at))
}

/// `query=` of an address or a form field, and promtool's last argument.
fn queries_of(call: &Call<'_>) -> Vec<String> {
    if !matches!(call.program(), "promtool" | "curl" | "wget") {
        return Vec::new();
    }
    let texts = call.texts();
    match call.program() {
        "promtool" if texts.starts_with(&["query"]) => {
            texts.last().map(|text| (*text).to_owned()).into_iter().collect()
        }
        "curl" | "wget" => {
            let field = |text: &str| -> Option<String> {
                let text = text.strip_prefix("--data-urlencode=").unwrap_or(text);
                if let Some(query) = text.strip_prefix("query=") {
                    return Some(
                        decoded(query).filter(|_| !query.contains('{')).unwrap_or_else(|| query.to_owned()),
                    );
                }
                if !text.contains("query=") {
                    return None;
                }
                let (_, rest) = text.split_once("?query=").or_else(|| text.split_once("&query="))?;
                let query = rest.split('&').next().unwrap_or_default().replace('+', " ");
                Some(decoded(&query).unwrap_or(query))
            };
            texts.into_iter().filter_map(field).collect()
        }
        _ => Vec::new(),
    }
}
