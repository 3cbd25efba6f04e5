//! The command line: which verbs there are and which flags each takes.

use super::Failure;

/// A verb and its flags; `=` marks flags that take a value.
const VERBS: [(&str, &[&str]); 7] = [
    ("get", &["namespace=", "output=", "selector=", "no-headers", "all-namespaces"]),
    ("rollout undo", &["namespace=", "to-revision="]),
    ("rollout status", &["namespace=", "timeout=", "watch", "revision="]),
    ("rollout history", &["namespace=", "revision="]),
    ("scale", &["namespace=", "replicas=", "current-replicas=", "timeout="]),
    ("set env", &["namespace="]),
    ("logs", &["namespace=", "selector=", "tail=", "container=", "prefix"]),
];

const SHORT: [(char, &str); 6] = [
    ('n', "namespace"),
    ('o', "output"),
    ('l', "selector"),
    ('A', "all-namespaces"),
    ('w', "watch"),
    ('c', "container"),
];

/// A command line that this kubectl understands.
pub(super) struct Parsed {
    pub(super) verb: &'static str,
    pub(super) positional: Vec<String>,
    flags: Vec<(&'static str, String)>,
}

impl Parsed {
    /// The last value given for a flag; switches have `true` or `false`.
    pub(super) fn flag(&self, name: &str) -> Option<&str> {
        self.flags.iter().rev().find(|(n, _)| *n == name).map(|(_, v)| v.as_str())
    }

    /// As with the real one, `default` unless named.
    pub(super) fn namespace(&self) -> &str {
        self.flag("namespace").unwrap_or("default")
    }
}

/// Splits a command line, or says what is wrong with it in kubectl's words.
pub(super) fn parse(args: &[String]) -> Result<Parsed, Failure> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    // Global flags may stand before the verb.
    let verb_at = first_word(&words);
    let first = verb_at.map_or("", |i| words[i]);
    let group = matches!(first, "rollout" | "set");
    let second_at = verb_at.and_then(|i| first_word(&words[i + 1..]).map(|j| i + 1 + j)).filter(|_| group);
    let wanted = match second_at {
        Some(j) => format!("{first} {}", words[j]),
        None => first.to_owned(),
    };
    let Some((verb, allowed)) = VERBS.iter().find(|(v, _)| *v == wanted) else {
        return Err(Failure(match (first, second_at) {
            ("", _) => "error: no command given to \"kubectl\"".into(),
            (_, Some(j)) => format!("error: unknown command \"{}\" for \"kubectl {first}\"", words[j]),
            _ if group => format!("error: a subcommand is required after \"kubectl {first}\""),
            _ => format!("error: unknown command \"{first}\" for \"kubectl\""),
        }));
    };
    let mut parsed = Parsed { verb, positional: Vec::new(), flags: Vec::new() };
    let mut index = 0;
    while index < words.len() {
        let word = words[index];
        if Some(index) == verb_at || Some(index) == second_at {
        } else if let Some((name, value)) = flag(word) {
            let known = allowed.iter().find(|f| f.trim_end_matches('=') == name);
            let Some(known) = known else {
                let shown = if word.starts_with("--") {
                    format!("unknown flag: --{name}")
                } else {
                    format!("unknown shorthand flag: '{name}' in {word}")
                };
                return Err(Failure(format!("error: {shown}\nSee 'kubectl {verb} --help' for usage.")));
            };
            let name = known.trim_end_matches('=');
            let value = match (value, known.ends_with('=')) {
                (Some(value), _) => value,
                (None, false) => "true".to_owned(),
                (None, true) => {
                    index += 1;
                    match words.get(index) {
                        Some(value) => (*value).to_owned(),
                        None => return Err(Failure(format!("error: flag needs an argument: --{name}"))),
                    }
                }
            };
            parsed.flags.push((name, value));
        } else {
            parsed.positional.push(word.to_owned());
        }
        index += 1;
    }
    Ok(parsed)
}

/// Index of the first word that is neither a flag nor the value of `-n`.
fn first_word(words: &[&str]) -> Option<usize> {
    let mut index = 0;
    while index < words.len() {
        match words[index] {
            "-n" | "--namespace" => index += 2,
            word if word.starts_with('-') => index += 1,
            _ => return Some(index),
        }
    }
    None
}

/// `--name`, `--name=value`, `-n`, `-nvalue`, `-n=value`.
fn flag(word: &str) -> Option<(String, Option<String>)> {
    if let Some(long) = word.strip_prefix("--") {
        return Some(match long.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (long.to_owned(), None),
        });
    }
    let mut short = word.strip_prefix('-')?.chars();
    let letter = short.next()?;
    let name =
        SHORT.iter().find(|(c, _)| *c == letter).map_or_else(|| letter.to_string(), |(_, n)| (*n).to_owned());
    let value = short.as_str();
    let value = value.strip_prefix('=').unwrap_or(value);
    Some((name, (!value.is_empty()).then(|| value.to_owned())))
}
