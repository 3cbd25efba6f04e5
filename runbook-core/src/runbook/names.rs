//! Which names a parameter or a captured value may have, since it becomes an environment variable.

/// Names that steer the shell or the programs it starts.
const RESERVED: &[&str] = &[
    "PATH",
    "HOME",
    "IFS",
    "ENV",
    "SHELL",
    "USER",
    "LOGNAME",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "PWD",
    "OLDPWD",
    "CDPATH",
    "KUBECONFIG",
    "SSH_AUTH_SOCK",
    "PS1",
    "PS2",
    "PS3",
    "PS4",
    "PROMPT_COMMAND",
    "SHELLOPTS",
    "OPTIND",
    "OPTARG",
    "OPTERR",
    "RANDOM",
    "SRANDOM",
    "SECONDS",
    "LINENO",
    "UID",
    "EUID",
    "PPID",
    "GROUPS",
    "GLOBIGNORE",
    "POSIXLY_CORRECT",
    "FUNCNAME",
    "FUNCNEST",
    "REPLY",
    "DIRSTACK",
    "PIPESTATUS",
    "HOSTNAME",
    "HOSTTYPE",
    "OSTYPE",
    "MACHTYPE",
    "EPOCHSECONDS",
    "EPOCHREALTIME",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "NODE_OPTIONS",
    "RUBYOPT",
    "RUBYLIB",
    "INPUTRC",
    "MAILCHECK",
    "TMOUT",
    "TIMEFORMAT",
    "EXECIGNORE",
    "FIGNORE",
    "IGNOREEOF",
    "COPROC",
    "MAPFILE",
];

/// Beginnings of such names.
const RESERVED_PREFIXES: &[&str] =
    &["BASH", "LD_", "DYLD_", "LC_", "BLOCKS_", "PYTHON", "PERL5", "GIT_", "HIST", "COMP_", "READLINE_"];

/// Checks a name that will be an environment variable.
///
/// # Errors
/// The reason, in lowercase, when it is not an identifier or when it would steer the shell.
pub fn check_variable(name: &str) -> Result<(), String> {
    if !is_identifier(name) {
        return Err(format!(
            "`{name}` is not a variable name: use letters, digits and _, not beginning with a digit"
        ));
    }
    if name.len() > 64 {
        return Err("a variable name has at most 64 characters".to_owned());
    }
    if is_reserved(name) {
        return Err(format!(
            "`{name}` steers the shell or the programs it starts, so a runbook may not set it"
        ));
    }
    Ok(())
}

/// Whether the text has the shape of a shell variable: `[A-Za-z_][A-Za-z0-9_]*`.
pub(crate) fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether a byte may stand in a variable's name.
pub(crate) fn is_identifier_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether the name belongs to the shell, to Blocks or to a program's loader.
pub(crate) fn is_reserved(name: &str) -> bool {
    name == "_" || RESERVED.contains(&name) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The known word that a misspelt one most likely means: at most two letters away, or a third of its length.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    if let Some(same) = known.iter().find(|known| known.eq_ignore_ascii_case(word)) {
        return Some(*same);
    }
    let word: Vec<char> = word.chars().take(40).flat_map(char::to_lowercase).collect();
    let allowed = (word.len() / 3).min(2);
    known
        .iter()
        .map(|candidate| (distance(&word, candidate), *candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many letters differ, are missing or are too many.
fn distance(word: &[char], other: &str) -> usize {
    let mut row: Vec<usize> = (0..=word.len()).collect();
    for (i, letter) in other.chars().enumerate() {
        let mut corner = i;
        let mut left = i + 1;
        for (cell, same) in row.iter_mut().skip(1).zip(word.iter().map(|own| *own == letter)) {
            let best = (corner + usize::from(!same)).min(left + 1).min(*cell + 1);
            corner = *cell;
            *cell = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{check_variable, nearest};

    #[test]
    fn misspelt_words_find_what_was_meant() {
        let known = ["name", "effect", "timeout", "retries"];
        for (word, meant) in [
            ("efect", Some("effect")),
            ("Effect", Some("effect")),
            ("timeuot", Some("timeout")),
            ("retry", None),
            ("nam", Some("name")),
            ("x", None),
            ("", None),
            ("colour", None),
        ] {
            assert_eq!(nearest(word, &known), meant, "{word}");
        }
    }

    #[test]
    fn only_harmless_identifiers_pass() {
        for name in ["REV", "previous_revision", "_x", "n1", "path", "NAMESPACE"] {
            assert_eq!(check_variable(name), Ok(()), "{name}");
        }
        for name in [
            "",
            "1a",
            "a-b",
            "a b",
            "PATH",
            "IFS",
            "HOME",
            "BASH_ENV",
            "LD_PRELOAD",
            "BLOCKS_RUN",
            "_",
            "é",
            "a=b",
            "PYTHONPATH",
            "GIT_SSH_COMMAND",
        ] {
            assert!(check_variable(name).is_err(), "{name}");
        }
    }
}
