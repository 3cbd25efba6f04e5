//! Which variables a command text sets by itself. A placeholder's variable must not be among them: the text would read
//! what the shell has put there, not what was given.

use std::collections::BTreeSet;

use super::super::names::is_identifier;
use super::super::shell::{Kind, lex};
use super::{find, mask};

/// Builtins whose arguments are names that they set.
const SETTERS: &[&str] = &[
    "for",
    "select",
    "read",
    "mapfile",
    "readarray",
    "getopts",
    "export",
    "declare",
    "typeset",
    "local",
    "readonly",
    "unset",
    "let",
    "printf",
    "coproc",
];

/// The names that a shell text assigns to. `pod=<pod>` does not count for `pod`: it says the same.
pub(crate) fn assigned(text: &str) -> BTreeSet<String> {
    let found = find(text);
    let spots: Vec<(usize, usize)> = found.iter().map(|found| (found.start, found.end)).collect();
    let masked = mask(text, &spots);
    let mut names = BTreeSet::new();
    let mut setter = false;
    let mut begins = true;
    for token in lex(&masked).tokens {
        let Kind::Word(word) = &token.kind else {
            if matches!(token.kind, Kind::Op(_) | Kind::Newline) {
                (setter, begins) = (false, true);
            }
            continue;
        };
        let value = word.text();
        let (name, assigns) = match value.split_once('=') {
            Some((name, _)) => (name.trim_end_matches('+'), true),
            None => (value, false),
        };
        let name = name.split('[').next().unwrap_or(name);
        let index = found.partition_point(|found| found.end <= token.start);
        let same = found.get(index).is_some_and(|found| {
            found.name == name && found.end == token.end && found.start == token.start + name.len() + 1
        });
        // `-l app=x` is an argument
        if is_identifier(name) && (assigns && begins || setter) && !same {
            names.insert(name.to_owned());
        }
        if begins && !assigns {
            setter = SETTERS.contains(&value);
            begins = matches!(
                value,
                "if" | "then" | "else" | "while" | "until" | "do" | "!" | "{" | "command" | "builtin"
            );
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::assigned;

    #[test]
    fn what_a_text_sets_is_known() {
        for (text, names) in [
            ("pod=x; ls", vec!["pod"]),
            ("pod=<pod>; ls", vec![]),
            ("pod=<host>", vec!["pod"]),
            ("pod=\"<pod>\"", vec!["pod"]),
            ("for pod in a b; do ls; done", vec!["a", "b", "in", "pod"]),
            ("export pod", vec!["pod"]),
            ("if true; then read -r a b; fi", vec!["a", "b"]),
            ("list[0]=1 n+=2", vec!["list", "n"]),
            ("kubectl get pods -l app=x", vec![]),
            ("echo pod", vec![]),
        ] {
            let found: Vec<String> = assigned(text).into_iter().collect();
            assert_eq!(found, names, "{text}");
        }
    }
}
