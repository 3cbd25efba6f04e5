//! Reads output as rows: psql's tables, kubectl's tables, plain lines.

/// Output as rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rows<'a> {
    /// What kind of table it is.
    pub(crate) kind: Kind,
    /// The header's cells; empty for plain lines.
    pub(crate) header: Vec<&'a str>,
    /// The data rows as written.
    pub(crate) lines: Vec<&'a str>,
    /// psql's `(5 rows)`.
    pub(crate) declared: Option<u64>,
}

/// How rows are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No header.
    Plain,
    /// A header in capitals, columns by blanks.
    Columns,
    /// psql: a rule under the header, columns by `|`.
    Psql,
}

impl<'a> Rows<'a> {
    /// The cells of a row; columns may be separated by single blanks only where no cell holds one.
    pub(crate) fn cells(&self, line: &'a str) -> Vec<&'a str> {
        match self.kind {
            Kind::Psql => line.split('|').map(str::trim).collect(),
            Kind::Plain | Kind::Columns => line.split_whitespace().collect(),
        }
    }

    /// Whether psql's own count contradicts the rows that are there.
    pub(crate) fn contradicts_itself(&self) -> bool {
        self.declared.is_some_and(|n| n != self.lines.len() as u64)
    }
}

/// Reads output.
pub(crate) fn read(output: &str) -> Rows<'_> {
    let lines: Vec<&str> = output.lines().filter(|line| !line.trim().is_empty()).collect();
    if let Some(rule) = lines.iter().position(|line| is_rule(line)).filter(|&at| at > 0) {
        let after = &lines[rule + 1..];
        let footer = after.iter().position(|line| footer(line).is_some());
        let body = &after[..footer.unwrap_or(after.len())];
        return Rows {
            kind: Kind::Psql,
            header: lines[rule - 1].split('|').map(str::trim).collect(),
            lines: body.to_vec(),
            declared: footer.and_then(|at| self::footer(after[at])),
        };
    }
    match lines.split_first() {
        Some((first, rest)) if is_header(first) => Rows {
            kind: Kind::Columns,
            header: first.split_whitespace().collect(),
            lines: rest.to_vec(),
            declared: None,
        },
        _ => Rows { kind: Kind::Plain, header: Vec::new(), lines, declared: None },
    }
}

/// psql's line below the header: `----+----`.
fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.len() >= 3 && line.starts_with('-') && line.chars().all(|c| matches!(c, '-' | '+'))
}

/// `(5 rows)`.
fn footer(line: &str) -> Option<u64> {
    let inside = line.trim().strip_prefix('(')?.strip_suffix(')')?;
    let (count, word) = inside.split_once(' ')?;
    matches!(word, "row" | "rows").then(|| super::phrase::whole(count)).flatten()
}

/// A header is words in capitals, `NAME` or `READY` among them, or at least three of them.
fn is_header(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let capital = |word: &str| {
        word.chars().any(|c| c.is_ascii_uppercase())
            && word.chars().all(|c| c.is_ascii_uppercase() || matches!(c, '-' | '_' | '(' | ')' | '%' | '/'))
    };
    let known = ["NAME", "NAMESPACE", "READY", "STATUS", "REVISION"];
    words.iter().all(|word| capital(word))
        && (words.len() >= 3 || words.iter().any(|word| known.contains(word)))
}

/// A line that reports an error although the command may have ended well.
pub(crate) fn error_line(output: &str) -> Option<&str> {
    output.lines().map(str::trim).find(|line| {
        let lower: String = line.chars().take(24).collect::<String>().to_ascii_lowercase();
        let starts = [
            "error:",
            "error from",
            "fatal:",
            "panic:",
            "traceback ",
            "unable to ",
            "failed to ",
            "psql: error",
            "curl: (",
        ];
        starts.iter().any(|start| lower.starts_with(start))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_recognised() {
        let psql = read(" repo | at\n------+----\n a | 1\n b | 2\n(2 rows)\n\n");
        assert_eq!((psql.kind, psql.lines.len(), psql.declared), (Kind::Psql, 2, Some(2)));
        assert_eq!(psql.cells(psql.lines[0]), ["a", "1"]);
        let empty = read(" repo\n------\n(0 rows)\n");
        assert_eq!((empty.lines.len(), empty.declared), (0, Some(0)));
        let kubectl = read("NAME   READY   UP-TO-DATE\nweb 3/3 3\n");
        assert_eq!((kubectl.kind, kubectl.lines.len()), (Kind::Columns, 1));
        let plain = read("web-1 1/1 Running\n\nweb-2 1/1 Running\n");
        assert_eq!((plain.kind, plain.lines.len()), (Kind::Plain, 2));
        assert_eq!(read("OK\n").kind, Kind::Plain);
        assert_eq!(read("---\n").kind, Kind::Plain);
    }

    #[test]
    fn error_lines() {
        assert!(error_line("a\nError from server (NotFound): x\n").is_some());
        assert!(error_line("no errors\nerrors 0\n").is_none());
    }
}
