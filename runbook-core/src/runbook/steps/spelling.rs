//! Languages that look like a slip of the pen for one that runs, or that are another name for it.

/// The languages of this shell, and those of the other kinds.
const KNOWN: &[&str] = &["bash", "shell", "console", "promql", "include", "http", "zsh", "sql", "sh"];
/// Languages of their own that are one letter away.
const OTHERS: &[&str] = &[
    "aql", "ash", "bas", "base", "bat", "cash", "cql", "csh", "dash", "eql", "esql", "fish", "gql", "gsql",
    "hash", "hql", "html", "httpd", "https", "isql", "kql", "ksh", "ksql", "mysql", "osql", "pql", "psql",
    "sml", "sol", "soql", "spl", "ssh", "ssl", "tsql", "usql", "xsh",
];
/// Names that other tools have for what runs here.
const ALIASES: &[(&str, &str)] = &[
    ("shell-session", "console"),
    ("sh-session", "console"),
    ("shellsession", "console"),
    ("terminal", "bash"),
    ("cmd", "bash"),
    ("psql", "sql"),
    ("pgsql", "sql"),
    ("postgres", "sql"),
    ("postgresql", "sql"),
    ("prometheus", "promql"),
];
/// Languages of tools that runbooks use, and how to write what they do.
const TOOLS: &[(&str, &str)] = &[
    ("mysql", MYSQL),
    ("mariadb", MYSQL),
    ("redis", "call the program in a ```bash block: `redis-cli -h HOST ...`"),
    ("mongodb", "call the program in a ```bash block: `mongosh --quiet --eval ...`"),
    ("mongo", "call the program in a ```bash block: `mongosh --quiet --eval ...`"),
];
const MYSQL: &str =
    "`sql` blocks ask PostgreSQL; for this one call the program in a ```bash block: `mysql -h HOST -e ...`";

/// How to write what a block in the language of another tool does.
pub(super) fn other_tool(language: &str) -> Option<&'static str> {
    TOOLS.iter().find(|(tool, _)| *tool == language).map(|(_, instead)| *instead)
}

/// The language that was probably meant.
pub(super) fn meant(language: &str) -> Option<&'static str> {
    if let Some((_, known)) = ALIASES.iter().find(|(alias, _)| *alias == language) {
        return Some(known);
    }
    // `bash,ignore`, `bash{1,3}`, `sh:title`: other tools' attributes
    if let Some((head, _)) = language.split_once([',', '{', ':', ';']) {
        return KNOWN.iter().copied().find(|known| *known == head);
    }
    if language.len() < 3 || language.len() > 12 || OTHERS.contains(&language) || KNOWN.contains(&language) {
        return None;
    }
    KNOWN.iter().copied().find(|known| known.len() > 2 && one_slip(language.as_bytes(), known.as_bytes()))
}

/// One letter more, less or different, or two neighbours exchanged.
fn one_slip(a: &[u8], b: &[u8]) -> bool {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.get(same..).unwrap_or_default(), b.get(same..).unwrap_or_default());
    match (a, b) {
        ([_, a @ ..], [_, b @ ..]) if a == b => true,
        ([a1, a2, a @ ..], [b1, b2, b @ ..]) if (a1, a2) == (b2, b1) && a == b => true,
        ([_, a @ ..], b) if a == b => true,
        (a, [_, b @ ..]) => a == b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn slips_are_told_from_other_languages() {
        let rows = [
            ("bahs", Some("bash")),
            ("bsh", Some("bash")),
            ("bashh", Some("bash")),
            ("shel", Some("shell")),
            ("consol", Some("console")),
            ("conosle", Some("console")),
            ("promq", Some("promql")),
            ("shell-session", Some("console")),
            ("sh-session", Some("console")),
            ("shellsession", Some("console")),
            ("terminal", Some("bash")),
            ("cmd", Some("bash")),
            ("psql", Some("sql")),
            ("postgresql", Some("sql")),
            ("prometheus", Some("promql")),
            ("bash,ignore", Some("bash")),
            ("sh:title", Some("sh")),
            ("bash{1,3}", Some("bash")),
            ("js,ignore", None),
            ("kql", None),
            ("sol", None),
            ("bash", None),
            ("fish", None),
            ("yaml", None),
            ("ssh", None),
            ("text", None),
            ("s", None),
            ("", None),
        ];
        for (language, known) in rows {
            assert_eq!(meant(language), known, "{language}");
        }
    }
}
