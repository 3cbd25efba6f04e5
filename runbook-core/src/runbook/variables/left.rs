//! What a shell text leaves in its shell, and whether a later one uses it: for refusing to go on where it was not left.
//!
//! A use too many costs a question, a use too few an empty value, another folder or another cluster.

use std::collections::{BTreeMap, BTreeSet};

use super::super::lints::defined_functions;
use super::super::names::is_identifier_byte;
use super::super::shell::{Kind, Token, Word, lex};
use super::scan::scan;

/// Builtins after which the shell is in another folder.
const MOVES: &[&str] = &["cd", "pushd", "popd"];
/// How the shell's own arguments are read.
const ARGUMENTS: &[&str] = &["$1", "$@", "$*", "$#", "${1", "${@", "${*", "${#}"];

/// A shell text that comes later, as far as it begins from the shell of those before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Later<'a> {
    /// The text.
    pub(crate) text: &'a str,
    /// It runs in any case, so what it sets is set from there on.
    pub(crate) always: bool,
}

/// What of a text a later one uses; `None` when none of them misses anything.
pub(crate) fn used_later(text: &str, later: &[Later<'_>]) -> Option<String> {
    if later.is_empty() {
        return None;
    }
    let scanner = scan(text);
    if scanner.sets.unknown {
        return Some("later commands may use what it loads (`source`, `eval`)".to_owned());
    }
    if let Some(name) = first_read(&scanner.sets.names, later) {
        return Some(format!("later commands read ${name}, which it sets"));
    }
    if let Some(name) = exported(text).first() {
        return Some(format!("later commands begin with {name}, which it exports"));
    }
    if scanner.moves && goes_elsewhere(text) && later.first().is_some_and(|next| !begins_elsewhere(next)) {
        return Some("later commands begin in the folder that it goes to".to_owned());
    }
    if scanner.defines {
        let words: BTreeSet<&str> = later.iter().flat_map(|later| words(later.text)).collect();
        if let Some(name) = defined_functions(text).iter().find(|name| words.contains(name.as_str())) {
            return Some(format!("later commands call {name}, which it defines"));
        }
    }
    let arguments = |later: &Later<'_>| ARGUMENTS.iter().any(|read| later.text.contains(read));
    (scanner.sets.arguments && later.iter().any(arguments))
        .then(|| "later commands read the shell's arguments, which it sets".to_owned())
}

/// Whether a text reads a value that it is given as a variable, as far as its words show.
pub(crate) fn reads(text: &str, name: &str) -> bool {
    let asks = || ["environ", "getenv", "printenv", "ENV"].iter().any(|word| text.contains(word));
    scan(text).reads.iter().any(|read| read.name == name) || asks() && has_word(text, name)
}

/// The first of these variables that some of them reads before it is set anew for sure.
fn first_read<'n>(names: &'n BTreeSet<String>, later: &[Later<'_>]) -> Option<&'n String> {
    let mut open: BTreeSet<&String> = names.iter().collect();
    for Later { text, always } in later {
        let after = scan(text);
        if after.sets.unknown {
            return open.first().copied();
        }
        let sure = set_for_sure(text);
        let too_early = |name: &str, at: usize| sure.get(name).is_none_or(|set| at < *set);
        let read = after.reads.iter().find(|read| {
            names.get(read.name).is_some_and(|name| open.contains(name)) && too_early(read.name, read.at)
        });
        if let Some(read) = read {
            return names.get(read.name);
        }
        if *always {
            for name in sure.keys().filter_map(|name| names.get(*name)) {
                open.remove(name);
            }
        }
    }
    None
}

/// The variables that a text sets whatever happens before: at the beginning of a command, in no branch and no subshell. The
/// place is that after the value, which may read what was there before.
fn set_for_sure(text: &str) -> BTreeMap<&str, usize> {
    let tokens = lex(text).tokens;
    let mut sure = BTreeMap::new();
    let mut begins = true;
    for (index, token) in tokens.iter().enumerate() {
        match &token.kind {
            Kind::Word(word) => {
                let raw = text.get(token.start..token.end).unwrap_or_default();
                // `NAME=value program` sets it for the program alone
                let stands_alone = matches!(
                    tokens.get(index + 1).map(|next| &next.kind),
                    None | Some(Kind::Newline | Kind::Comment | Kind::Op(";" | "&&" | "||"))
                );
                if let Some((name, _)) =
                    raw.split_once('=').filter(|_| token.depth == 0 && begins && stands_alone)
                {
                    sure.entry(name).or_insert(token.end);
                }
                begins = begins && word.text() == "export";
            }
            Kind::Op(op) => begins = *op == ";",
            Kind::Newline => begins = true,
            Kind::Redirect(_) | Kind::HereDoc | Kind::Comment => {}
        }
    }
    sure
}

/// The variables that a text exports: whatever is started later sees them, without a word of it.
fn exported(text: &str) -> Vec<String> {
    let mut names = BTreeSet::new();
    for (words, _) in commands(&lex(text).tokens) {
        let Some((program, arguments)) = words.split_first() else { continue };
        let is_option = |word: &&Word<'_>| word.text().starts_with('-');
        let takes_back =
            arguments.iter().any(|word| is_option(word) && word.text().contains(['n', 'f', 'p']));
        let exports = match program.text() {
            "export" => !takes_back,
            "declare" | "typeset" => {
                arguments.iter().any(|word| is_option(word) && word.text().contains('x'))
            }
            _ => false,
        };
        if exports {
            let named = arguments.iter().filter(|word| !is_option(word));
            names.extend(
                named.map(|word| word.text().split(['=', '+']).next().unwrap_or_default().to_owned()),
            );
        }
    }
    names.into_iter().filter(|name| !name.is_empty()).collect()
}

/// Whether it goes to another folder in the shell itself, and not in a subshell of its own.
fn goes_elsewhere(text: &str) -> bool {
    let moves = |words: &[&Word<'_>]| words.iter().any(|word| MOVES.contains(&word.text()));
    commands(&lex(text).tokens).iter().any(|(words, nested)| *nested == 0 && moves(words))
}

/// Whether a text goes to a folder of its own before it does anything else.
fn begins_elsewhere(later: &Later<'_>) -> bool {
    let tokens = lex(later.text).tokens;
    let mut words = tokens.iter().filter_map(|token| match &token.kind {
        Kind::Comment | Kind::Newline => None,
        Kind::Word(word) => Some(word.text()),
        _ => Some(""),
    });
    later.always
        && matches!(words.next(), Some("cd" | "pushd"))
        && words.next().is_some_and(|folder| folder.starts_with(['/', '~']))
}

/// The words of each simple command, and in how many subshells it stands.
fn commands<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<(Vec<&'t Word<'a>>, usize)> {
    let (mut all, mut words, mut nested) = (Vec::new(), Vec::new(), 0_usize);
    for token in tokens {
        match &token.kind {
            Kind::Word(word) => words.push(word),
            Kind::Op(_) | Kind::Newline => {
                all.push((std::mem::take(&mut words), nested));
                match &token.kind {
                    Kind::Op("(") => nested += 1,
                    Kind::Op(")") => nested = nested.saturating_sub(1),
                    _ => {}
                }
            }
            Kind::Redirect(_) | Kind::HereDoc | Kind::Comment => {}
        }
    }
    all.push((words, nested));
    all
}

/// What could be a function's name in a text, wherever it stands.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':')))
}

/// Whether a name stands in a text as a word of its own.
fn has_word(text: &str, name: &str) -> bool {
    let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| is_identifier_byte(*byte) || *byte == b'-');
    let bytes = text.as_bytes();
    text.match_indices(name).any(|(at, _)| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        !is_part(before) && !is_part(bytes.get(at + name.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_later_text_misses() {
        for (text, later, missed) in [
            ("NS=prod; cd /usr", &["kubectl -n $NS get pods"][..], "read $NS"),
            ("TMP=$(mktemp -d)", &["ls", "rm -rf \"$TMP\"/*"], "read $TMP"),
            ("read -r LINE < f", &["echo ${LINE:-none}"], "read $LINE"),
            ("export KUBECONFIG=/prod", &["kubectl get pods"], "KUBECONFIG, which it exports"),
            ("declare -x A=1", &["ls"], "A, which it exports"),
            ("cd /srv/web", &["make"], "folder"),
            ("true && pushd /srv", &["make"], "folder"),
            ("popd", &["make", "cd /a"], "folder"),
            ("if true; then cd /srv; fi", &["make"], "folder"),
            ("target() { echo web; }", &["kubectl get $(target)"], "call target"),
            ("function roll-back {\n echo web\n}", &["roll-back now"], "call roll-back"),
            ("source env.sh", &["ls"], "what it loads"),
            ("set -- a b", &["echo \"$@\""], "arguments"),
            ("X=1", &["X=$X:2", "echo hi"], "read $X"),
            ("X=1", &["if a; then X=2; fi", "echo $X"], "read $X"),
            ("X=1", &["X=2 env", "echo $X"], "read $X"),
            ("X=1", &["(X=2)", "echo $X"], "read $X"),
        ] {
            let later: Vec<Later<'_>> = later.iter().map(|text| Later { text, always: true }).collect();
            let said = used_later(text, &later).unwrap_or_default();
            assert!(said.contains(missed), "{text}: {said:?}");
        }
        for (text, later) in [
            ("NS=prod kubectl get pods", &["kubectl -n $NS get pods"][..]),
            ("NS=prod", &["kubectl get pods", "echo NS"]),
            ("NS=prod", &["NS=staging\nkubectl -n $NS get pods", "echo $NS"]),
            ("NS=prod", &["export NS=staging; kubectl -n $NS get pods"]),
            ("(cd /srv/web && make)", &["make"]),
            ("X=$(cd /srv && pwd)", &["make"]),
            ("cd /srv/web", &["# here\ncd /srv/api\nmake", "make"]),
            ("target() { echo web; }", &["kubectl get targets", "echo my-target"]),
            ("kubectl apply -f x", &["kubectl get pods", "source x"]),
            ("cd /srv; export A=1; . ./x", &[]),
            ("export -n A", &["ls"]),
        ] {
            let later: Vec<Later<'_>> = later.iter().map(|text| Later { text, always: true }).collect();
            assert_eq!(used_later(text, &later), None, "{text}");
        }
        // what has a condition may set nothing
        for (text, later) in [("NS=prod", "NS=x; echo $NS"), ("cd /srv", "cd /a")] {
            let next = [Later { text: later, always: false }, Later { text: "echo $NS", always: true }];
            assert!(used_later(text, &next).is_some(), "{text}");
        }
    }

    #[test]
    fn how_a_value_is_read() {
        for (text, is) in [
            ("echo $ID", true),
            ("echo \"${ID:-none}\"", true),
            ("echo $((ID + 1))", true),
            ("printenv ID", true),
            ("python3 -c 'import os; print(os.environ[\"ID\"])'", true),
            ("echo ID", false),
            ("echo $IDS", false),
        ] {
            assert_eq!(reads(text, "ID"), is, "{text}");
        }
    }
}
