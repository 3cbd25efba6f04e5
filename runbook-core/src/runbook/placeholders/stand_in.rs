//! Words in capitals that stand for something to fill in: `kubectl logs POD_NAME -n NAMESPACE`.
//!
//! Programs write capitals too (SQL, HTTP methods, signals, names of variables), so only words count that hardly mean
//! anything else, and only where an argument stands.

use super::samples;

/// The last part of `POD_NAME`, `VPC_ID` and the like.
const NOUNS: &[&str] = &["NAME", "ID", "IP", "HOST", "HOSTNAME", "ARN", "NAMESPACE", "ADDRESS", "BUCKET"];
/// Whole arguments.
const WORDS: &[&str] = &[
    "NAMESPACE",
    "HOSTNAME",
    "USERNAME",
    "PASSWORD",
    "CLUSTER",
    "REGION",
    "BUCKET",
    "POD",
    "NODE",
    "DEPLOYMENT",
    "CONTAINER",
    "INSTANCE",
    "SERVICE",
    "PROJECT",
];
/// Of these, the ones that are no value of a setting either: `MODE=CLUSTER` is one.
const NEVER_A_SETTING: &[&str] = &["NAMESPACE", "HOSTNAME", "USERNAME", "PASSWORD"];
/// Programs whose arguments are text, patterns or names of variables.
const OTHERWISE: &[&str] = &[
    "echo", "printf", "export", "unset", "read", "declare", "typeset", "local", "readonly", "printenv",
    "env", "set", "test", "[", "[[", "trap", "kill", "make", "ps", "top", "lsblk", "findmnt", "column", "gh",
    "heroku", "fly", "flyctl", "wrangler", "vercel", "doppler", "railway", "netlify", "op", "git", "awk",
    "sed", "grep", "tr", "for", "case", "select", "function",
];
/// Programs with verbs in capitals of their own.
const VERBS: &[&str] = &[
    "redis-cli",
    "valkey-cli",
    "psql",
    "mysql",
    "mariadb",
    "sqlite3",
    "cqlsh",
    "mongo",
    "mongosh",
    "nodetool",
];
/// Parts of an option's name behind which a word in capitals is one of a few that the program knows.
const KNOWING: &[&str] = &[
    "env",
    "field",
    "column",
    "output",
    "format",
    "sort",
    "query",
    "type",
    "kind",
    "scope",
    "level",
    "mode",
    "resource",
    "request",
    "metric",
    "attribute",
    "dimension",
    "status",
    "state",
];

/// Where a word in capitals stands.
pub(super) struct Around<'a> {
    /// The program of its command.
    pub(super) program: &'a str,
    /// The word before it in its command.
    pub(super) option: &'a str,
    /// What stands before it in its own word, and behind it.
    pub(super) head: &'a str,
    pub(super) tail: &'a str,
    /// Its own word is the first one of its command.
    pub(super) first: bool,
}

/// The length of the capitals at the beginning of a text, when they may be a stand-in.
pub(super) fn length(rest: &str) -> Option<usize> {
    let length = rest
        .bytes()
        .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
        .count();
    let word = rest.get(..length).filter(|word| (3..=40).contains(&word.len()))?;
    (WORDS.contains(&word) || is_named(word) || samples::is_shouted(word)).then_some(length)
}

pub(super) fn is_named(word: &str) -> bool {
    word.rsplit_once('_').is_some_and(|(lead, noun)| !lead.is_empty() && NOUNS.contains(&noun))
}

/// Whether the word is something to fill in there.
pub(super) fn is_one(word: &str, around: &Around<'_>) -> bool {
    let Around { program, option, head, tail, first } = around;
    let assigned = head.strip_suffix('=').filter(|name| !name.starts_with('-') && *first);
    let of_option = |option: &str| {
        option == "-e"
            || option == "-o"
            || option == "-X"
            || option.starts_with('-') && KNOWING.iter().any(|part| option.contains(part))
    };
    if OTHERWISE.contains(program) || *first && assigned.is_none() || of_option(option) || of_option(head) {
        return false;
    }
    if samples::is_shouted(word) {
        return false;
    }
    if is_named(word) {
        let begins = head.is_empty() || head.ends_with(['/', ':', '@', '.', ',', '=']);
        let ends = tail.is_empty() || tail.starts_with(['/', ':', '@', '.', ',']);
        return begins && ends;
    }
    // `USERNAME@HOSTNAME`
    let host = head.ends_with('@') && tail.is_empty() || head.is_empty() && tail.starts_with('@');
    let whole = host || tail.is_empty() && (head.is_empty() || head.ends_with('='));
    let setting = head.ends_with('=') && !head.starts_with('-');
    whole && !VERBS.contains(program) && (!setting || NEVER_A_SETTING.contains(&word))
}
