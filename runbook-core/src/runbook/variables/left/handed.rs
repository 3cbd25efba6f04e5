//! Texts that a command hands on, quoted, to a program that reads variables in them: `sh -c '...'`, a here-document of
//! `ssh`, `environ["NAME"]`. What any other program does with a `$` in them is its own.

use std::collections::VecDeque;

use super::super::super::shell::{Kind, Token, lex};
use super::super::expansion::Form;
use super::super::scan::scan;
use super::facts::facts_within;
use super::functions::without_functions;
use super::simple::{Part, Simple, simples};
use super::walk::substitutions;

/// Programs that read a text as a shell does, behind `-c` or from their input.
const SHELLS: &[&str] = &["sh", "bash", "dash", "zsh", "ksh", "ash"];
/// Those of which any argument may be such a text.
const TAKING: &[&str] = &["ssh", "eval", "watch", "parallel"];
/// Those that give a text behind `-c` to a shell.
const HANDING: &[&str] = &["su", "runuser", "script", "flock"];
/// Words with which programs ask for variables by name.
const ASKING: &[&str] = &["environ", "getenv", "printenv", "ENV", "env.", "envsubst"];

/// The variables that such texts read before they set them, and where the texts stand.
pub(super) fn handed(
    text: &str,
    tokens: &[Token<'_>],
    simple: &[Simple<'_, '_>],
    deeper: usize,
) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    if deeper == 0 {
        return found;
    }
    let mut feeds = false;
    for one in simple.iter().rev() {
        let is_fed = one.after == "|" && feeds;
        feeds = is_fed || one.parts.iter().any(|part| is_shell(part));
        of_command(one, is_fed, deeper, &mut found);
    }
    of_documents(text, tokens, deeper, &mut found);
    for token in tokens {
        let Kind::Word(word) = &token.kind else { continue };
        let raw = text.get(token.start..token.end).unwrap_or_default();
        for place in if word.runs { substitutions(raw) } else { Vec::new() } {
            let inside = raw.get(place).unwrap_or_default();
            let lexed = lex(inside);
            let simple = simples(inside, &lexed.tokens);
            let names = handed(inside, &lexed.tokens, &simple, deeper - 1);
            found.extend(names.into_iter().map(|(name, _)| (name, token.start)));
        }
    }
    found
}

fn of_command(one: &Simple<'_, '_>, is_fed: bool, deeper: usize, found: &mut Vec<(String, usize)>) {
    let mut scripts: Vec<&Part<'_, '_>> = Vec::new();
    let mut behind: Option<&str> = None;
    for (index, part) in one.parts.iter().enumerate() {
        let word = part.plain();
        let program = word.rsplit('/').next().unwrap_or_default();
        if TAKING.contains(&program) {
            scripts.extend(one.parts.get(index + 1..).unwrap_or_default());
        } else if SHELLS.contains(&program) || HANDING.contains(&program) {
            behind = Some(program);
        } else if behind.is_some() && word.starts_with('-') && !word.starts_with("--") && word.contains('c') {
            scripts.extend(one.parts.get(index + 1));
        }
    }
    if is_fed {
        scripts.extend(&one.parts);
    }
    // `NAME=value sh -c '...'`
    let is_given =
        |name: &str, at: usize| one.parts.iter().any(|part| part.at < at && part.assigned() == Some(name));
    for script in scripts.iter().filter(|script| script.raw.contains('$')) {
        let names = read_in(&as_handed(script.raw, false), deeper);
        found.extend(
            names.into_iter().filter(|name| !is_given(name, script.at)).map(|name| (name, script.at)),
        );
    }
    if one.parts.iter().any(|part| asks(part.raw)) {
        for part in one.parts.iter().filter(|part| part.assigned().is_none()) {
            let names = super::super::words(part.raw).filter(|name| !is_given(name, part.at));
            found.extend(names.map(|name| (name.to_owned(), part.at)));
        }
    }
}

/// Here-documents, which belong to the line that they are announced on.
fn of_documents(text: &str, tokens: &[Token<'_>], deeper: usize, found: &mut Vec<(String, usize)>) {
    let (mut documents, mut is_announced, mut shell) = (VecDeque::new(), false, false);
    for token in tokens {
        match &token.kind {
            Kind::Redirect(op) if (op.ends_with("<<") || op.ends_with("<<-")) && !op.ends_with("<<<") => {
                is_announced = true;
                documents.push_back((token.start, false));
            }
            Kind::Word(word) if is_announced => {
                is_announced = false;
                if let Some((_, quoted)) = documents.back_mut() {
                    *quoted = word.quoted;
                }
            }
            Kind::Word(word) if !word.quoted => shell |= is_program(word.text()),
            Kind::Newline if documents.is_empty() => shell = false,
            Kind::HereDoc => {
                let Some((at, quoted)) = documents.pop_front() else { continue };
                let body = text.get(token.start..token.end).unwrap_or_default();
                if shell {
                    let script = if quoted { body.to_owned() } else { as_handed(body, true) };
                    found.extend(read_in(&script, deeper).into_iter().map(|name| (name, at)));
                }
                if asks(body) {
                    found.extend(super::super::words(body).map(|name| (name.to_owned(), at)));
                }
                shell &= !documents.is_empty();
            }
            _ => {}
        }
    }
}

fn is_program(word: &str) -> bool {
    let program = word.rsplit('/').next().unwrap_or_default();
    SHELLS.contains(&program) || program == "ssh"
}

fn is_shell(part: &Part<'_, '_>) -> bool {
    is_program(part.plain())
}

fn asks(raw: &str) -> bool {
    ASKING.iter().any(|word| raw.contains(word))
}

/// The variables that a shell reads in a text which it is given, before the text sets them.
fn read_in(script: &str, deeper: usize) -> Vec<String> {
    if scan(script).defines {
        let reads = scan(script).reads;
        return reads
            .iter()
            .filter(|read| read.form == Form::Plain)
            .map(|read| read.name.to_owned())
            .collect();
    }
    let (facts, _) = facts_within(&without_functions(script), deeper - 1);
    let first = facts.bare.into_iter().filter(|(name, at)| !facts.sure.is_given(name, *at));
    first.map(|(name, _)| name).collect()
}

/// A word as a program is given it, without what the shell itself has put in: its `$` are those that are quoted.
fn as_handed(raw: &str, quoted: bool) -> String {
    let mut text = String::with_capacity(raw.len());
    let (mut single, mut double) = (false, quoted);
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' if single || !double => single = !single,
            '"' if !single && !quoted => double = !double,
            '\\' if !single => text.extend(chars.next()),
            '$' | '`' if !single => text.push('_'),
            _ => text.push(c),
        }
    }
    text
}
