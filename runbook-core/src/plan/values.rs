//! Whether a parameter's value is plain enough for what a command does with it.
//!
//! A value reaches the shell as a variable and never as text, and still some places read a variable's content as their
//! own language: arithmetic, `eval`, `sh -c`, `psql -c`, an option that begins with `-`. Where a pattern or a type says
//! what the value may be, its author has thought of that. Everywhere else it has to be plain there.

use std::collections::BTreeMap;

use crate::runbook::{Document, ParamType, gives_credentials, is_identifier_byte};

/// Places whose language a variable's content would become a part of.
const LANGUAGES: &[&str] =
    &["((", "$[", "let ", "eval ", "declare ", "typeset ", "printf -v", " -c ", " -c\"", " -c'", "ssh "];
/// Comparisons of `[[` and `test` that calculate, and the test that looks into arrays.
const CALCULATING: &[&str] = &[" -eq ", " -ne ", " -lt ", " -le ", " -gt ", " -ge ", " -v "];

/// The first parameter that a command reads and whose value is not plain, unless its declaration says what it may be.
pub(super) fn not_plain<'a>(
    text: &str,
    document: &Document,
    values: &'a BTreeMap<String, String>,
) -> Option<&'a str> {
    let free = values.iter().filter(|(name, value)| !is_bound(document, name, value) && !is_plain(value));
    let names: Vec<&str> = free.map(|(name, _)| name.as_str()).collect();
    if names.is_empty() {
        return None;
    }
    words(text).find_map(|word| names.iter().find(|name| **name == word).copied())
}

/// Whether the text reads a parameter whose value names a file or an address that gives credentials, whoever says so.
pub(super) fn name_credentials(text: &str, values: &BTreeMap<String, String>) -> bool {
    words(text).any(|word| values.get(word).is_some_and(|value| gives_credentials(value)))
}

/// Arithmetic reads a name without `$`, so each word may be one.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !u8::try_from(c).is_ok_and(is_identifier_byte))
}

/// Whether the text holds a place that reads values as a language.
pub(super) fn reads_a_language(text: &str) -> bool {
    LANGUAGES.iter().any(|mark| text.contains(mark))
        || ((text.contains("[[") || text.contains("test ") || text.contains("[ "))
            && CALCULATING.iter().any(|mark| text.contains(mark)))
}

/// A type, a pattern or the author's own default says what it may be.
fn is_bound(document: &Document, name: &str, value: &str) -> bool {
    document.front.params.get(name).is_some_and(|declared| {
        declared.kind != ParamType::String
            || declared.pattern.is_some()
            || declared.default.as_deref() == Some(value)
    })
}

/// Letters, digits and a few marks that no shell, calculation or option reads as anything but themselves.
fn is_plain(value: &str) -> bool {
    // curl takes other protocols from an address, and guesses them from a host's name
    let lower = value.to_ascii_lowercase();
    let guessed = ["dict", "ftp", "gopher", "ldap", "imap", "pop3", "smtp", "tftp", "telnet", "file"];
    let other = !lower.starts_with("http://")
        && !lower.starts_with("https://")
        && (lower.contains("://") || guessed.iter().any(|scheme| lower.starts_with(scheme)));
    !other
        && !value.starts_with('-')
        && value.chars().all(|c| c.is_alphanumeric() || " _.:@/,+=%-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::super::{PlanRequest, draft};
    use crate::runbook::{Effect, parse};

    fn planned(command: &str, value: &str) -> (Effect, bool) {
        let text =
            format!("---\nparams:\n  X: {{ description: d }}\n---\n# T\n\n## S\n\n```bash\n{command}\n```\n");
        let given = [("X".to_owned(), value.to_owned())].into();
        let document = parse("t", &text).with_hash_of(text.as_bytes());
        let drafted = draft(&document, &PlanRequest { given, ..PlanRequest::default() }).unwrap();
        (drafted.plan.steps[0].commands[0].effect, drafted.problems.is_empty())
    }

    #[test]
    fn a_value_that_could_be_an_option_or_code_is_nothing_that_only_reads() {
        assert_eq!(planned("ls \"$X\"", "web-1"), (Effect::Read, true));
        assert_eq!(planned("ls \"$X\"", "-R"), (Effect::Once, true));
        assert_eq!(planned("cat \"$X\"", "a[$(id)]"), (Effect::Once, true));
        assert_eq!(planned("curl -s \"$X/health\"", "http://127.0.0.1:1"), (Effect::Read, true));
        assert_eq!(planned("curl -s \"$X/health\"", "gopher://127.0.0.1:1"), (Effect::Once, true));
        assert_eq!(planned("cat \"$X\"", "/home/app/.aws/credentials"), (Effect::Once, true));
        assert_eq!(planned("curl -s \"$X/x\"", "http://169.254.169.254"), (Effect::Once, true));
        assert_eq!(planned("ls /", "-R"), (Effect::Read, true), "a command that does not read it");
    }

    #[test]
    fn no_value_is_code_where_values_are_read_as_code() {
        for command in [
            "echo $((X))",
            "echo $[X]",
            "(( X > 5 ))",
            "[[ $X -gt 5 ]]",
            "let y=X",
            "eval \"echo $X\"",
            "bash -c \"echo $X\"",
            "psql -c \"select '$X'\"",
            "ssh host \"ls $X\"",
        ] {
            assert!(planned(command, "5").1, "{command}");
            assert!(!planned(command, "a[$(id)]").1, "{command}");
        }
        assert!(planned("notify \"$X\"", "it's done; thanks!").1, "a message is a message");
    }

    #[test]
    fn a_pattern_is_the_authors_word() {
        let text = "---\nparams:\n  X: { pattern: '.*' }\n---\n# T\n\n## S\n\n```bash\necho $((X))\n```\n";
        let given = [("X".to_owned(), "(1)".to_owned())].into();
        let document = parse("t", text).with_hash_of(text.as_bytes());
        let drafted = draft(&document, &PlanRequest { given, ..PlanRequest::default() }).unwrap();
        assert!(drafted.problems.is_empty(), "{:?}", drafted.problems);
    }
}
