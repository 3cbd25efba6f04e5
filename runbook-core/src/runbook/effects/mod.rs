//! Which commands are known to change nothing.
//!
//! What shows a credential is left out as well: a command that only reads may run unasked, and its output is posted.
//!
//! A text is read-only when every command of its lists and pipelines is in the [table](table::PROGRAMS) with options
//! that only read. Whatever is not understood (a redirection to a file, a substitution, a background job, a loop, an
//! unknown program or option) is not read-only. The table may be too strict; it must never be too generous.

mod clouds;
mod credentials;
mod curl;
mod kubectl;
mod machine;
mod predicates;
mod select;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use self::table::{Form, Options, PROGRAMS, Program};
use super::model::{Effect, EffectSource};
use super::names::{is_identifier, is_reserved};
use super::shell::{Kind, Simple, Token, Word, all_simple, lex};

pub(crate) use self::credentials::{
    gives_credentials, is_secret_name, secret_variable, sql_names_credentials,
};

/// The effect of a command text by the table, with where that comes from.
pub(crate) fn of(text: &str) -> (Effect, EffectSource) {
    by_table(is_read_only(text))
}

/// As [`of`], of a complete text that has been taken apart.
pub(crate) fn of_tokens(tokens: &[Token<'_>]) -> (Effect, EffectSource) {
    by_table(tokens_read(tokens))
}

fn by_table(reads: bool) -> (Effect, EffectSource) {
    if reads { (Effect::Read, EffectSource::Table) } else { (Effect::Once, EffectSource::Unknown) }
}

/// Whether the table knows that the text changes nothing.
pub(crate) fn is_read_only(text: &str) -> bool {
    let lexed = lex(text);
    lexed.complete() && tokens_read(&lexed.tokens)
}

fn tokens_read(tokens: &[Token<'_>]) -> bool {
    let plain = tokens.iter().all(|token| match &token.kind {
        Kind::Op(op) => matches!(*op, ";" | "&&" | "||" | "|"),
        // a reshaped word is not what the program gets: `{-X,DELETE}`, `$'\x2dd'`
        Kind::Word(word) => !word.runs && !word.reshaped,
        // an unquoted here-document may hold substitutions
        Kind::HereDoc => false,
        Kind::Redirect(_) | Kind::Newline | Kind::Comment => true,
    });
    let mut some = false;
    plain
        && all_simple(tokens, |command| {
            some = true;
            command_reads(command)
        })
        && some
}

fn command_reads(command: &Simple<'_>) -> bool {
    if !command.words.iter().all(|word| expands_plainly(&word.value)) {
        return false;
    }
    let target_reads = |op: &str, target: &str| expands_plainly(target) && redirect_reads(op, target);
    command.redirects.iter().all(|(op, target)| target_reads(op, target)) && words_read(&command.words)
}

/// Only `${NAME}` and `${NAME:-default}` and the like: other forms calculate, or expand a value once more. `$[...]` is
/// arithmetic in its old spelling.
fn expands_plainly(value: &str) -> bool {
    if !value.as_bytes().contains(&b'$') {
        return true;
    }
    !value.contains("$[")
        && value.split("${").skip(1).all(|rest| {
            let tail = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
            tail.len() < rest.len() && ["}", ":-", ":+", ":?"].iter().any(|form| tail.starts_with(form))
        })
}

fn redirect_reads(op: &str, target: &str) -> bool {
    let op = op.trim_start_matches(|c: char| c.is_ascii_digit());
    match op {
        // bash opens a connection for these names
        "<" => {
            !target.starts_with("/dev/tcp/")
                && !target.starts_with("/dev/udp/")
                && !credentials::endless(target)
                && !credentials::names_credentials(target)
                && !credentials::any_file(target)
        }
        "<<<" => !target.split('$').skip(1).any(|rest| {
            let name = rest.trim_start_matches('{');
            let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
            is_secret_name(name.get(..end).unwrap_or_default())
        }),
        ">&" | "<&" => matches!(target, "1" | "2" | "0" | "-"),
        ">" | ">>" | "&>" | "&>>" => target == "/dev/null",
        _ => false,
    }
}

fn words_read(words: &[Word<'_>]) -> bool {
    let Some((first, args)) = words.split_first() else { return true };
    if first.value.contains('=') && !first.quoted {
        return words.iter().all(assignment_reads);
    }
    if first.splits || first.quoted || words.iter().any(|word| word.splits) {
        // an unquoted expansion may become several words, options among them
        return false;
    }
    program_reads(&first.value, args)
}

/// Beginnings of names that other programs take orders from.
const STEERING: &[&str] = &[
    "KUBE",
    "CURL",
    "AWS",
    "PG",
    "PSQL",
    "JQ",
    "GREP",
    "HELM",
    "DOCKER",
    "LESS",
    "MAN",
    "SSL",
    "HTTP",
    "NO_PROXY",
    "TF_",
    "ETCDCTL",
    "REDIS",
    "CLOUDSDK",
    "GOOGLE",
    "AZURE",
    "SYSTEMD",
    "OPENSSL",
    "PROM",
    "VAULT",
    "GZIP",
    "AWK",
    "POSIX",
    "RES_",
    "LOCALDOMAIN",
    "HOSTALIASES",
    "GCONV",
    "NLS",
    "MALLOC",
    "GLIBC",
];

/// `NAME=value` alone changes one variable of the run and nothing outside it.
fn assignment_reads(word: &Word<'_>) -> bool {
    let Some((name, _)) = word.value.split_once('=') else { return false };
    // under another name it would be shown
    let renames = !is_secret_name(name) && secret_variable(word).is_some();
    is_identifier(name)
        && !renames
        && !is_reserved(name)
        && !STEERING.iter().any(|prefix| name.starts_with(prefix))
}

/// The table's rows by the names in them.
static BY_NAME: LazyLock<BTreeMap<&str, Vec<&Program>>> = LazyLock::new(|| {
    let mut rows: BTreeMap<&str, Vec<&Program>> = BTreeMap::new();
    for program in PROGRAMS {
        for name in program.names.split(' ') {
            rows.entry(name).or_default().push(program);
        }
    }
    rows
});

/// Looks the program up in the table and compares its arguments with each form.
fn program_reads(name: &str, args: &[Word<'_>]) -> bool {
    let rows = BY_NAME.get(name).map(Vec::as_slice).unwrap_or_default();
    let fits = |program: &Program| program.forms.iter().any(|form| form_reads(program, form, args));
    rows.iter().any(|program| (program.whole)(args) && fits(program))
}

fn form_reads(program: &Program, form: &Form, args: &[Word<'_>]) -> bool {
    let Some(args) = after_words(form.words, after_global_options(program.before, args)) else {
        return false;
    };
    let options_read = match &form.options {
        Options::Except { beginnings, letters } => args.iter().all(|arg| {
            !beginnings.iter().any(|bad| arg.value.starts_with(bad)) && !short_has(&arg.value, letters)
        }),
        Options::Only { flags, values } => only_known(args, flags, values),
    };
    options_read && (form.trusts_expansions || !args.iter().any(may_become_option)) && (form.check)(args)
}

/// Skips options before the subcommand, only those that the table knows: a value is never taken for a verb.
fn after_global_options<'a, 't>(known: &[&str], args: &'a [Word<'t>]) -> &'a [Word<'t>] {
    let mut rest = args;
    while let [option, after @ ..] = rest {
        match option.value.split_once('=') {
            Some((name, _)) if known.contains(&name) => rest = after,
            None if known.contains(&option.text()) => rest = after.get(1..).unwrap_or_default(),
            _ => break,
        }
    }
    rest
}

/// What follows the form's words (`rollout status|history`); `None` when they are others.
fn after_words<'a, 't>(words: &str, args: &'a [Word<'t>]) -> Option<&'a [Word<'t>]> {
    let mut rest = args;
    for wanted in words.split_whitespace() {
        let (first, after) = rest.split_first()?;
        if !wanted.split('|').any(|word| word == first.value) {
            return None;
        }
        rest = after;
    }
    Some(rest)
}

/// Whether every option is one of these; what is no option is a plain argument.
fn only_known(args: &[Word<'_>], flags: &[&str], values: &[&str]) -> bool {
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let (name, attached) = match arg.value.split_once('=') {
            Some((name, _)) if name.starts_with("--") => (name, true),
            _ => (arg.text(), false),
        };
        if may_become_option(arg) {
            return false;
        }
        if !name.starts_with('-') || flags.contains(&name) {
            continue;
        }
        if !values.contains(&name) || (!attached && args.next().is_none()) {
            return false;
        }
    }
    true
}

/// Whether a combined short option such as `-rn` holds one of the letters.
fn short_has(arg: &str, letters: &str) -> bool {
    arg.starts_with('-') && !arg.starts_with("--") && arg.chars().any(|c| letters.contains(c))
}

/// An argument whose first character is not known: a value or a file name could begin with `-`.
fn may_become_option(word: &Word<'_>) -> bool {
    (word.expands && word.value.starts_with('$')) || (!word.quoted && word.value.starts_with(['*', '?', '[']))
}
