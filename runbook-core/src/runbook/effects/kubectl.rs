//! kubectl: what would never end, show a Secret's values, or give its own credentials away.

use super::super::shell::Word;

/// Options with a value that may stand apart.
const VALUES: &[&str] = &[
    "--namespace",
    "--selector",
    "--output",
    "--context",
    "--cluster",
    "--field-selector",
    "--sort-by",
    "--chunk-size",
    "--request-timeout",
    "--label-columns",
    "--for",
    "--timeout",
    "--as",
];
/// Options without one.
const FLAGS: &[&str] = &[
    "--all-namespaces",
    "--no-headers",
    "--show-labels",
    "--show-kind",
    "--show-managed-fields",
    "--ignore-not-found",
    "--all",
    "--client",
    "--minify",
];
/// Short options with a value.
const SHORT_VALUES: &str = "nlocsvLfk";

/// What holds for every verb. `-v` logs answers and headers, `-s` takes the credentials to another server.
pub(super) fn is_discreet(args: &[Word<'_>]) -> bool {
    let logs = |arg: &Word<'_>| {
        has(arg, 'v', "--v=")
            || arg.text() == "--v"
            || arg.value.starts_with("--vmodule")
            || has(arg, 's', "--server")
    };
    !args.iter().any(logs) && (!shows_content(args) || kinds_are_harmless(args))
}

/// `kubectl get --raw` can reach any service through the interface's proxy, and `-w` never ends.
pub(super) fn get(args: &[Word<'_>]) -> bool {
    let raw = args.iter().any(|arg| arg.value.starts_with("--raw"));
    let harmless = |arg: &Word<'_>| {
        let lower = arg.value.to_ascii_lowercase();
        !arg.expands
            && !["proxy", "%", "secret", "watch", "follow", "exec", "attach", "portforward", "configmap"]
                .iter()
                .any(|bad| lower.contains(bad))
    };
    // a file or an address of objects may be anything
    let given = |arg: &Word<'_>| has(arg, 'f', "--filename") || has(arg, 'k', "--kustomize");
    !args.iter().any(|arg| has(arg, 'w', "--watch") || given(arg)) && (!raw || args.iter().all(harmless))
}

/// `-f` never ends.
pub(super) fn logs(args: &[Word<'_>]) -> bool {
    !args.iter().any(|arg| has(arg, 'f', "--follow"))
}

/// Whether an option is the long one, or has the letter among the short ones: `-Aw`, but not `-nweb`.
fn has(arg: &Word<'_>, letter: char, long: &str) -> bool {
    let letters = arg.value.strip_prefix('-').filter(|letters| !letters.starts_with('-')).unwrap_or_default();
    let flags = letters.chars().take_while(|&c| c == letter || !SHORT_VALUES.contains(c));
    arg.value.starts_with(long) || flags.into_iter().any(|c| c == letter)
}

/// A short option with a value among the letters of one word: the option, and the value where it is attached.
fn short_value<'w>(arg: &'w Word<'_>) -> Option<(char, &'w str)> {
    let letters = arg.value.strip_prefix('-').filter(|letters| !letters.starts_with('-'))?;
    let (at, letter) = letters.char_indices().find(|(_, letter)| SHORT_VALUES.contains(*letter))?;
    Some((letter, letters.get(at + letter.len_utf8()..)?))
}

/// Whether more is printed than the table that shows of a Secret how many values it has.
fn shows_content(args: &[Word<'_>]) -> bool {
    args.iter().enumerate().any(|(at, arg)| {
        let apart = args.get(at + 1);
        let format = if let Some(('o', attached)) = short_value(arg) {
            if attached.is_empty() { apart.map(|next| (next, next.text())) } else { Some((arg, attached)) }
        } else if arg.text() == "--output" {
            apart.map(|next| (next, next.text()))
        } else if let Some(value) = arg.value.strip_prefix("--output=") {
            Some((arg, value))
        } else {
            return arg.value.starts_with("--template");
        };
        format.is_none_or(|(word, value)| {
            word.expands || !matches!(value.trim_start_matches('='), "wide" | "name")
        })
    })
}

/// Whether it is plain which kinds of objects are asked for, and no Secret is among them.
fn kinds_are_harmless(args: &[Word<'_>]) -> bool {
    let mut operands = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg.value.starts_with("--") {
            let name = arg.value.split_once('=').map_or(arg.text(), |(name, _)| name);
            let attached = name.len() < arg.value.len();
            if !attached && VALUES.contains(&name) {
                args.next();
            } else if matches!(name, "--filename" | "--kustomize") || !(attached || FLAGS.contains(&name)) {
                return false;
            }
        } else if let Some((letter, attached)) = short_value(arg) {
            // a file may hold anything
            if matches!(letter, 'f' | 'k') {
                return false;
            }
            if attached.is_empty() {
                args.next();
            }
        } else if !arg.value.starts_with('-') {
            operands.push(arg);
        }
    }
    // the verb comes first, then the kinds, then names; each may be `kind/name`
    operands.iter().enumerate().all(|(at, operand)| {
        let kinds = operand.value.split('$').next().unwrap_or_default();
        let is_plain = !operand.expands || kinds.contains('/') || at > 1;
        is_plain && kinds.split(',').all(|kind| !is_secret(kind))
    })
}

fn is_secret(kind: &str) -> bool {
    let name = kind.split(['/', '.']).next().unwrap_or_default();
    name.eq_ignore_ascii_case("secret") || name.eq_ignore_ascii_case("secrets")
}
