//! Texts that a command hands on, quoted, to a program that reads variables in them: `sh -c '...'`, a here-document of
//! `ssh`, `environ["NAME"]`. What any other program does with a `$` in them is its own.

use std::collections::{BTreeMap, VecDeque};

use super::super::super::names::is_identifier;
use super::super::super::shell::{Kind, Token, lex};
use super::super::expansion::Form;
use super::super::scan::scan;
use super::calls::Calls;
use super::facts::{facts_within, mentioned};
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
/// Programs that are given variables by their names.
const CONTAINERS: &[&str] = &["docker", "podman", "nerdctl", "docker-compose"];
/// Variables that name a shell.
const NAMING: &[&str] = &["BASH", "SHELL"];

/// The values that variables are given in a text, as they are written: some are texts for a shell.
#[derive(Debug, Default)]
struct Values<'v> {
    own: BTreeMap<&'v str, Vec<&'v str>>,
    /// Those of the text around it.
    outer: Option<&'v Values<'v>>,
}

impl<'v> Values<'v> {
    fn of(simple: &[Simple<'_, 'v>], outer: Option<&'v Values<'v>>) -> Values<'v> {
        let mut own: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for part in simple.iter().flat_map(|one| &one.parts).filter(|part| part.raw.contains('$')) {
            if let Some((name, value)) = part.raw.split_once('=') {
                own.entry(name.trim_end_matches('+')).or_default().push(value);
            }
        }
        Values { own, outer }
    }

    fn given_to(&self, name: &str) -> Vec<&'v str> {
        let mut all = self.outer.map(|outer| outer.given_to(name)).unwrap_or_default();
        all.extend(self.own.get(name).into_iter().flatten());
        all
    }
}

/// How texts are looked at.
#[derive(Clone, Copy)]
struct Look<'v> {
    values: &'v Values<'v>,
    /// What is printed is given to a shell.
    is_fed: bool,
    deeper: usize,
}

/// The variables that such texts read before they set them, and where the texts stand.
pub(super) fn handed(
    text: &str,
    tokens: &[Token<'_>],
    simple: &[Simple<'_, '_>],
    deeper: usize,
) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let values = Values::of(simple, None);
    within(text, tokens, simple, Look { values: &values, is_fed: false, deeper }, &mut found);
    found
}

fn within(
    text: &str,
    tokens: &[Token<'_>],
    simple: &[Simple<'_, '_>],
    look: Look<'_>,
    found: &mut Vec<(String, usize)>,
) {
    if look.deeper == 0 {
        return;
    }
    let mut feeds = false;
    for one in simple.iter().rev() {
        let is_fed = look.is_fed || one.after == "|" && feeds;
        feeds = is_fed || one.parts.iter().any(is_shell);
        of_command(one, Look { is_fed, ..look }, found);
    }
    of_documents(text, tokens, look, found);
    for token in tokens {
        let Kind::Word(word) = &token.kind else { continue };
        let raw = text.get(token.start..token.end).unwrap_or_default();
        for place in if word.runs { substitutions(raw) } else { Vec::new() } {
            let inside = raw.get(place).unwrap_or_default();
            let names = read_inside(inside, Look { is_fed: false, ..look });
            found.extend(names.into_iter().map(|name| (name, token.start)));
        }
    }
}

/// What the texts in a substitution read.
fn read_inside(inside: &str, look: Look<'_>) -> Vec<String> {
    let lexed = lex(inside);
    let simple = simples(inside, &lexed.tokens);
    let values = Values::of(&simple, Some(look.values));
    let mut found = Vec::new();
    let look = Look { values: &values, deeper: look.deeper - 1, ..look };
    within(inside, &lexed.tokens, &simple, look, &mut found);
    found.into_iter().map(|(name, _)| name).collect()
}

fn of_command(one: &Simple<'_, '_>, look: Look<'_>, found: &mut Vec<(String, usize)>) {
    // `NAME=value sh -c '...'`
    let is_given =
        |name: &str, at: usize| one.parts.iter().any(|part| part.at < at && part.assigned() == Some(name));
    for script in scripts(one, look.is_fed).into_iter().filter(|script| script.raw.contains('$')) {
        let names = read_by(script, look);
        found.extend(
            names.into_iter().filter(|name| !is_given(name, script.at)).map(|name| (name, script.at)),
        );
    }
    let loads = one.program().is_some_and(|(program, _)| matches!(program.plain(), "." | "source"));
    if loads || look.is_fed || one.parts.iter().any(is_shell) {
        // a shell reads what is printed there: `bash <(...)`, `. <(...)`, `bash < <(...)`
        let targets = one.inputs.iter().filter(|(is_text, _)| !is_text).map(|(_, part)| part);
        for part in one.parts.iter().chain(targets).filter(|part| part.raw.starts_with("<(")) {
            found.extend(printed(part, look).into_iter().map(|name| (name, part.at)));
        }
        for (_, text) in one.inputs.iter().filter(|(is_text, _)| *is_text) {
            found.extend(read_by(text, look).into_iter().map(|name| (name, text.at)));
        }
    }
    if one.parts.iter().any(|part| CONTAINERS.contains(&part.plain())) {
        // `docker run -e NAME` hands it on
        for pair in one.parts.windows(2) {
            if let [option, name] = pair
                && matches!(option.plain(), "-e" | "--env")
                && is_identifier(name.raw)
                && !is_given(name.raw, name.at)
            {
                found.push((name.raw.to_owned(), name.at));
            }
        }
    }
    if one.parts.iter().any(|part| asks(part.raw)) {
        for part in one.parts.iter().filter(|part| part.assigned().is_none()) {
            let names = super::super::words(part.raw).filter(|name| !is_given(name, part.at));
            found.extend(names.map(|name| (name.to_owned(), part.at)));
        }
    }
}

/// The words of a command that a shell reads as texts.
fn scripts<'s, 't, 'a>(one: &'s Simple<'t, 'a>, is_fed: bool) -> Vec<&'s Part<'t, 'a>> {
    let mut scripts: Vec<&Part<'_, '_>> = Vec::new();
    // what is started may be in a variable
    let mut hands =
        one.program().is_some_and(|(program, _)| program.raw.trim_start_matches('"').starts_with('$'));
    for (index, part) in one.parts.iter().enumerate() {
        let word = part.plain();
        let program = word.rsplit('/').next().unwrap_or_default();
        if TAKING.contains(&program) {
            scripts.extend(one.parts.get(index + 1..).unwrap_or_default());
        } else if is_shell(part) || HANDING.contains(&program) {
            hands = true;
        } else if hands && word.starts_with('-') && !word.starts_with("--") && word.contains('c') {
            // options may stand between, and what stands behind the text is seldom one
            scripts.extend(one.parts.get(index + 1..).unwrap_or_default());
            hands = false;
        } else if hands && part.raw.starts_with("--command") {
            scripts.extend(one.parts.get(index..index + 2).or(one.parts.get(index..)).unwrap_or_default());
        }
    }
    if is_fed {
        scripts.extend(&one.parts);
    }
    scripts
}

/// The variables that a shell reads in a word that it is given: in what is quoted, in what a variable in it was given,
/// and in what is printed for it.
fn read_by(script: &Part<'_, '_>, look: Look<'_>) -> Vec<String> {
    let mut names = read_in(&as_handed(script.raw, false), look.deeper);
    if script.word.expands {
        for read in scan(script.raw).reads {
            for value in look.values.given_to(read.name) {
                names.extend(read_in(&as_handed(value, false), look.deeper));
                if value.contains("<<") {
                    names.extend(mentioned(value).map(str::to_owned));
                }
            }
        }
    }
    names.extend(printed(script, look));
    names
}

/// The variables that a shell reads in what the substitutions of a word print.
fn printed(part: &Part<'_, '_>, look: Look<'_>) -> Vec<String> {
    if !part.word.runs {
        return Vec::new();
    }
    let places = substitutions(part.raw).into_iter().filter_map(|place| part.raw.get(place));
    places.flat_map(|inside| read_inside(inside, Look { is_fed: true, ..look })).collect()
}

/// Here-documents, which belong to the line that they are announced on.
fn of_documents(text: &str, tokens: &[Token<'_>], look: Look<'_>, found: &mut Vec<(String, usize)>) {
    let (mut documents, mut is_announced, mut shell) = (VecDeque::new(), false, false);
    // `while read -r line; do eval "$line"; done << END`
    let (mut evals, mut fills) = (false, false);
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
            Kind::Word(word) => {
                evals |= word.text() == "eval";
                let takes = matches!(word.text(), "." | "source") || evals && word.text() == "done";
                shell |= takes || is_program(word.text());
                fills |= word.text() == "envsubst";
            }
            Kind::Newline if documents.is_empty() => (shell, fills) = (false, false),
            Kind::HereDoc => {
                let Some((at, quoted)) = documents.pop_front() else { continue };
                let body = text.get(token.start..token.end).unwrap_or_default();
                if shell || look.is_fed {
                    let script = if quoted { body.to_owned() } else { as_handed(body, true) };
                    found.extend(read_in(&script, look.deeper).into_iter().map(|name| (name, at)));
                }
                // whatever is quoted in it
                if fills {
                    found.extend(mentioned(body).map(|name| (name.to_owned(), at)));
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
    let variable = word.strip_prefix("${").or_else(|| word.strip_prefix('$')).unwrap_or_default();
    let variable = variable.split([':', '-', '}']).next().unwrap_or_default();
    SHELLS.contains(&program) || matches!(program, "ssh" | "envsubst") || NAMING.contains(&variable)
}

fn is_shell(part: &Part<'_, '_>) -> bool {
    is_program(part.word.text())
}

fn asks(raw: &str) -> bool {
    ASKING.iter().any(|word| raw.contains(word))
}

/// The variables that a shell reads in a text which it is given, before the text sets them.
pub(super) fn read_in(script: &str, deeper: usize) -> Vec<String> {
    if deeper == 0 {
        return mentioned(script).map(str::to_owned).collect();
    }
    if scan(script).defines {
        let reads = scan(script).reads;
        return reads
            .iter()
            .filter(|read| read.form == Form::Plain)
            .map(|read| read.name.to_owned())
            .collect();
    }
    let (facts, _) = facts_within(&without_functions(script), &Calls::default(), deeper - 1);
    let first = facts.bare.into_iter().filter(|(name, at)| !facts.sure.is_given(name, *at));
    first.map(|(name, _)| name).collect()
}

/// A word as a program is given it, without what the shell itself has put in: its `$` are those that are quoted.
pub(super) fn as_handed(raw: &str, quoted: bool) -> String {
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
