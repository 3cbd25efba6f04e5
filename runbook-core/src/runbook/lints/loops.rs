//! Loops: those that ignore their variable, those without an end, those over many machines.

use std::ops::Range;

use super::super::codes;
use super::super::diagnostic::Diagnostic;
use super::super::effects;
use super::super::lines::Lines;
use super::super::shell::{Kind, Token, lex};
use super::calls::{Call, calls};
use super::effectful;
use super::script::{Script, Unit};

/// A loop of a shell text, as token positions.
pub(super) struct Loop {
    /// `for`, `while`, `until`.
    pub(super) keyword: &'static str,
    /// Byte offset of the keyword.
    pub(super) start: usize,
    /// What stands between the keyword and `do`, as bytes.
    pub(super) head: Range<usize>,
    /// What stands between `do` and `done`, as bytes.
    pub(super) body: Range<usize>,
    /// What follows `done` in the same command: redirections.
    pub(super) tail: Range<usize>,
}

/// The loops of a text, inner ones included.
pub(super) fn loops(text: &str, tokens: &[Token<'_>]) -> Vec<Loop> {
    struct Open {
        keyword: &'static str,
        start: usize,
        head: Range<usize>,
        body: Option<usize>,
    }
    let mut open: Vec<Open> = Vec::new();
    let mut all = Vec::new();
    let mut command_position = true;
    for (at, token) in tokens.iter().enumerate() {
        let Kind::Word(word) = &token.kind else {
            command_position = matches!(token.kind, Kind::Op(_) | Kind::Newline);
            continue;
        };
        let keyword = if command_position && !word.quoted { word.text() } else { "" };
        match keyword {
            "for" | "while" | "until" => {
                let keyword = match keyword {
                    "for" => "for",
                    "while" => "while",
                    _ => "until",
                };
                open.push(Open { keyword, start: token.start, head: token.end..token.end, body: None });
            }
            "do" => {
                if let Some(last) = open.last_mut().filter(|last| last.body.is_none()) {
                    last.head.end = token.start;
                    last.body = Some(token.end);
                }
            }
            "done" => {
                if let Some(Open { keyword, start, head, body: Some(body) }) = open.pop() {
                    let end = tokens
                        .iter()
                        .skip(at + 1)
                        .find(|next| matches!(next.kind, Kind::Op(_) | Kind::Newline));
                    let end = end.map_or(text.len(), |next| next.start);
                    all.push(Loop { keyword, start, head, body: body..token.start, tail: token.end..end });
                }
            }
            _ => {}
        }
        command_position = matches!(
            keyword,
            "do" | "then" | "else" | "if" | "elif" | "while" | "until" | "!" | "{" | "time"
        );
    }
    all
}

/// A loop with its place and what it goes over.
struct Seen<'a> {
    of: &'a Loop,
    head: &'a str,
    body: &'a str,
    line: u32,
}

fn each_loop(script: &Script<'_>, mut visit: impl FnMut(&Unit<'_>, &Seen<'_>)) {
    for unit in script.units.iter().filter(|unit| !unit.loops.is_empty()) {
        let text = &unit.command.text;
        let lines = Lines::new(text);
        for of in &unit.loops {
            let (Some(head), Some(body)) = (text.get(of.head.clone()), text.get(of.body.clone())) else {
                continue;
            };
            let line = unit.command.line.saturating_add(lines.line(of.start).saturating_sub(1));
            visit(unit, &Seen { of, head, body, line });
        }
    }
}

/// The variables that a loop sets; empty when it sets none.
fn variables<'a>(keyword: &str, head: &'a str) -> Vec<&'a str> {
    let mut words = head.split_whitespace();
    if keyword == "for" {
        return words.next().filter(|name| super::super::names::is_identifier(name)).into_iter().collect();
    }
    let words: Vec<&str> =
        words.skip_while(|word| *word != "read" && !word.ends_with("read")).skip(1).collect();
    let names = words.into_iter().take_while(|word| *word != ";" && *word != "do" && !word.starts_with('<'));
    names
        .map(|word| word.trim_end_matches(';'))
        .filter(|word| super::super::names::is_identifier(word))
        .collect()
}

/// A retry or a count: the variable is there to count and nothing else.
fn only_counts(head: &str) -> bool {
    let list = head.split_once(" in ").map_or(head, |(_, list)| list).trim().trim_end_matches(';').trim();
    list.starts_with("((")
        || list.starts_with("$(seq")
        || list.starts_with("`seq")
        || list.split_whitespace().all(|word| {
            word.chars().all(|c| c.is_ascii_digit())
                || (word.starts_with('{') && word.ends_with('}') && word.contains(".."))
        })
}

/// Whether the body's words hold the variable; comments do not count.
fn uses(body: &str, name: &str) -> bool {
    lex(body).tokens.iter().any(|token| {
        !matches!(token.kind, Kind::Comment | Kind::Newline)
            && body.get(token.start..token.end).is_some_and(|raw| holds_name(raw, name))
    })
}

fn holds_name(raw: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    raw.match_indices(name).any(|(at, _)| {
        let before = raw.get(..at).unwrap_or_default();
        let after = raw.get(at + name.len()..).unwrap_or_default();
        let expands =
            before.ends_with('$') || before.contains("${") || before.contains("((") || before.contains("$[");
        expands && !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

/// A loop whose turns all do the same.
pub(super) fn ignored_variable(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    each_loop(script, |_, seen| {
        let names = variables(seen.of.keyword, seen.head);
        let counts = seen.of.keyword == "for" && only_counts(seen.head);
        // `while read x y`: one of them is enough
        let ignored = !names.is_empty() && !names.iter().any(|name| *name == "_" || uses(seen.body, name));
        let hidden = seen.body.contains("eval ") || seen.body.contains("export ");
        if ignored && !counts && !hidden {
            found.push(script.at(
                codes::LOOP_VARIABLE,
                seen.line,
                seen.of.keyword,
                format!("the loop never uses `{}`: each turn does the same", names.join("`, `")),
                "use the variable in quotes inside the loop, or take out the loop",
            ));
        }
    });
}

/// `while true` without a way out.
pub(super) fn endless_loop(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    each_loop(script, |_, seen| {
        let condition = seen.head.trim().trim_end_matches(';').trim();
        let forever = match seen.of.keyword {
            "while" => {
                matches!(condition, "true" | ":" | "[ 1 ]" | "[ true ]" | "[[ 1 ]]" | "(( 1 ))" | "((1))")
            }
            "until" => condition == "false",
            _ => condition.replace(' ', "") == "((;;))",
        };
        let leaves = || {
            lex(seen.body).tokens.iter().any(|token| {
                matches!(&token.kind, Kind::Word(word) if matches!(word.text(), "break" | "exit" | "return"))
            })
        };
        if forever && !leaves() {
            found.push(script.at(
                codes::NEVER_ENDING,
                seen.line,
                seen.of.keyword,
                "this loop has no end: the run waits until its time is up and calls it failed",
                "leave it with `break` when what it waits for is there, or when its time is over",
            ));
        }
    });
}

/// A change of each of as many machines as there are.
pub(super) fn unbounded(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    let mut note = |line: u32, needle: &str| {
        found.push(script.at(
            codes::UNBOUNDED_LOOP,
            line,
            needle,
            "this changes every machine that the list holds, however many they are",
            "bound the list (`| head -n 1` first), check the first one, then do the rest",
        ));
    };
    each_loop(script, |unit, seen| {
        let tail = unit.command.text.get(seen.of.tail.clone()).unwrap_or_default();
        // `kubectl get pods | while read pod`: what feeds the loop stands before it on its line
        let before =
            unit.command.text.get(..seen.of.start).unwrap_or_default().lines().last().unwrap_or_default();
        let before = if before.trim_end().ends_with('|') { before } else { "" };
        let source = if seen.of.keyword == "for" {
            seen.head.split_once(" in ").map_or("", |(_, list)| list).to_owned()
        } else {
            format!("{before} {tail}")
        };
        let names = variables(seen.of.keyword, seen.head);
        let fed =
            source.contains('$') || source.contains('`') || source.contains('<') || source.contains('|');
        let bounded = ["head", "tail", "sed -n", "shuf -n", "limit"].iter().any(|word| source.contains(word))
            || seen.body.contains("break")
            || seen.body.contains("read -");
        let machines = names.iter().any(|name| is_machine(name))
            || source.split(|c: char| !c.is_alphanumeric()).any(is_machine);
        if !names.is_empty() && fed && !bounded && machines && calls(seen.body, 1).iter().any(changes_machine)
        {
            note(seen.line, seen.of.keyword);
        }
    });
    // `kubectl get nodes -o name | xargs kubectl drain`
    for unit in &script.units {
        for (at, call) in
            unit.calls.iter().enumerate().filter(|(_, call)| call.piped_out && lists_machines(call))
        {
            let rest: Vec<&Call<'_>> = unit.pipeline(at).skip(1).collect();
            let bounded = rest.iter().any(|next| matches!(next.program(), "head" | "tail" | "shuf"));
            if !bounded && rest.last().is_some_and(|last| last.piped_in && effectful::changes(last)) {
                note(call.line, &call.program);
            }
        }
    }
}

fn lists_machines(call: &Call<'_>) -> bool {
    call.operands().take(3).any(is_machine)
        && (call.has(&["get", "list"]) || call.texts().iter().any(|arg| arg.starts_with("describe-")))
}

fn changes_machine(call: &Call<'_>) -> bool {
    let remote = matches!(call.program(), "scp" | "rsync");
    let read = effects::is_read_only(&call.texts().join(" "));
    effectful::changes(call) || (remote && !read)
}

/// Words for a machine.
const MACHINES: &[&str] =
    &["node", "pod", "host", "server", "instance", "machine", "vm", "po", "hostname", "droplet"];

fn is_machine(word: &str) -> bool {
    let word = word.trim_end_matches(['s', 'S']);
    MACHINES.iter().any(|machine| machine.eq_ignore_ascii_case(word))
}
