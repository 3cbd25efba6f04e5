//! Reads output as rows: psql's tables, kubectl's tables, tables drawn in boxes, plain lines.

/// Output as rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rows<'a> {
    /// What kind of table it is.
    pub(crate) kind: Kind,
    /// The header's cells; empty for plain lines.
    pub(crate) header: Vec<&'a str>,
    /// Where the header's cells begin, in bytes; empty where cells are found in another way.
    starts: Vec<usize>,
    /// Cells are separated by tabs.
    tabs: bool,
    /// The data rows as written.
    pub(crate) lines: Vec<&'a str>,
    /// psql's `(5 rows)`.
    pub(crate) declared: Option<u64>,
    /// Another table follows; only the first one was read.
    pub(crate) more: bool,
    /// The footer is in another language than English: numbers may be written in its way.
    pub(crate) foreign: bool,
}

/// How rows are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No header.
    Plain,
    /// A header in capitals, columns by blanks.
    Columns,
    /// psql and mysql: a rule under the header, columns by `|`.
    Ruled,
    /// Boxes whose layout is not understood.
    Drawn,
}

impl<'a> Rows<'a> {
    fn plain(lines: Vec<&'a str>) -> Self {
        let (header, starts) = (Vec::new(), Vec::new());
        Rows {
            kind: Kind::Plain,
            header,
            starts,
            tabs: false,
            lines,
            declared: None,
            more: false,
            foreign: false,
        }
    }

    /// The cell of a row below a column; `None` when the row does not fit the header.
    pub(crate) fn cell(&self, line: &'a str, column: usize) -> Option<&'a str> {
        if self.kind == Kind::Ruled {
            let cells = bars(line);
            return if cells.len() == self.header.len() { cells.get(column).copied() } else { None };
        }
        if self.tabs {
            return line.split('\t').nth(column).map(str::trim).filter(|cell| !cell.is_empty());
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.len() == self.header.len() {
            return words.get(column).copied();
        }
        let start = *self.starts.get(column)?;
        let end = self.starts.get(column + 1).map_or(line.len(), |end| (*end).min(line.len()));
        let fits = start == 0 || line.as_bytes().get(start - 1) == Some(&b' ');
        let ends = end == line.len() || line.as_bytes().get(end.checked_sub(1)?) == Some(&b' ');
        line.get(start..end).map(str::trim).filter(|cell| fits && ends && !cell.is_empty())
    }

    /// The column of a name, in any capitals.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        let mut found = self.header.iter().enumerate().filter(|(_, cell)| cell.eq_ignore_ascii_case(name));
        let (at, _) = found.next()?;
        found.next().is_none().then_some(at)
    }

    /// Whether psql's own count is all that there is.
    pub(crate) fn is_footer_alone(&self) -> bool {
        self.declared.is_some() && self.lines.is_empty() && self.header == [""]
    }

    /// Whether psql's own count contradicts the rows that are there.
    pub(crate) fn contradicts_itself(&self) -> bool {
        self.declared.is_some_and(|n| n != self.lines.len() as u64 && !self.is_footer_alone())
    }
}

/// The cells of a line with `|` between them.
fn bars(line: &str) -> Vec<&str> {
    let line = line.trim();
    let line = line.strip_prefix(['|', '│']).unwrap_or(line);
    let line = line.strip_suffix(['|', '│']).unwrap_or(line);
    line.split(['|', '│']).map(str::trim).collect()
}

/// Reads output.
pub(crate) fn read(output: &str) -> Rows<'_> {
    // psql pads an empty cell with blanks: only lines with nothing at all are no rows of its tables
    let padded: Vec<&str> = output.lines().filter(|line| !line.is_empty()).collect();
    let lines: Vec<&str> = padded.iter().copied().filter(|line| !line.trim().is_empty()).collect();
    if lines.iter().any(|line| line.starts_with("Empty set (")) {
        return Rows { declared: (lines.len() == 1).then_some(0), ..Rows::plain(Vec::new()) };
    }
    if let Some(rows) = boxed(&lines).or_else(|| ruled(&padded)).or_else(|| unaligned(&lines)) {
        return rows;
    }
    if let [first, rest @ ..] = lines.as_slice() {
        let underlined = rest.first().is_some_and(|rule| underlines(first, rule));
        if underlined || is_header(first) {
            let rest = rest.get(usize::from(underlined)..).unwrap_or_default();
            // systemctl explains its columns below the rows
            let legend = rest.iter().position(|line| {
                line.starts_with("LOAD  ")
                    || line.starts_with("Legend: ")
                    || line.contains(" loaded units listed")
            });
            let lines = rest.get(..legend.unwrap_or(rest.len())).unwrap_or_default().to_vec();
            let (header, starts) = header_cells(first);
            let tabs = first.contains('\t');
            // kubectl prints one table after the other for `pods,deploy`
            let more = lines.iter().any(|line| is_header(line));
            return Rows { kind: Kind::Columns, header, starts, tabs, more, ..Rows::plain(lines) };
        }
    }
    Rows::plain(lines)
}

/// psql: header, rule, rows, `(5 rows)`.
fn ruled<'a>(lines: &[&'a str]) -> Option<Rows<'a>> {
    let at = lines.windows(2).position(|pair| matches!(pair, [header, rule] if is_rule(header, rule)))?;
    let after = lines.get(at + 2..)?;
    let end = after.iter().position(|line| footer(line).is_some());
    // without a footer, a rule of one column may be a line of something else
    let header = *lines.get(at)?;
    if end.is_none() && !header.starts_with(' ') && !header.contains(['|', '│']) {
        return None;
    }
    let rest = after.get(end.map_or(after.len(), |end| end + 1)..).unwrap_or_default();
    let another = |pair: &[&str]| matches!(pair, [header, rule] if is_rule(header, rule));
    let more = rest.windows(2).any(another) || (end.is_none() && after.windows(2).any(another));
    let (declared, foreign) = end.and_then(|end| footer(after.get(end)?)).unzip();
    Some(Rows {
        kind: Kind::Ruled,
        header: bars(header),
        declared,
        more,
        foreign: foreign.unwrap_or(false),
        ..Rows::plain(after.get(..end.unwrap_or(after.len()))?.to_vec())
    })
}

/// psql without alignment (`-A`): header, rows, `(5 rows)`; and its `(0 rows)` alone.
fn unaligned<'a>(lines: &[&'a str]) -> Option<Rows<'a>> {
    let (last, before) = lines.split_last()?;
    let (count, foreign) = footer(last)?;
    let (header, data) = match before {
        [] => ("", before),
        [header, data @ ..] if data.len() as u64 == count => (*header, data),
        _ => return None,
    };
    let bars_of = |line: &str| line.matches('|').count();
    let even = data.iter().all(|line| bars_of(line) == bars_of(header));
    even.then(|| Rows {
        kind: Kind::Ruled,
        header: bars(header),
        declared: Some(count),
        foreign,
        ..Rows::plain(data.to_vec())
    })
}

/// mysql's boxes (rule, header, rule, rows, rule), and any other drawing.
fn boxed<'a>(lines: &[&'a str]) -> Option<Rows<'a>> {
    let edge = |line: &str| {
        let line = line.trim();
        line.len() >= 3
            && line.starts_with(['+', '┌', '├', '└', '╔', '╚', '|', '-'])
            && line.chars().all(|c| "+-=|┌┬┐├┼┤└┴┘─═╔╗╚╝╠╣".contains(c))
    };
    let drawn = lines.iter().any(|line| edge(line) && !line.trim().starts_with('-'));
    if !drawn {
        return None;
    }
    let edges: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| edge(line)).map(|(at, _)| at).collect();
    if let &[top, middle, bottom] = edges.as_slice()
        && middle == top + 2
    {
        let declared = lines.get(bottom + 1).and_then(|line| {
            let (count, rest) = line.split_once(' ')?;
            (rest.starts_with("row in set") || rest.starts_with("rows in set"))
                .then(|| super::phrase::whole(count))
                .flatten()
        });
        let header = bars(lines.get(top + 1)?);
        // the last edge says that the box is whole
        let data = lines.get(middle + 1..bottom)?;
        return Some(Rows {
            kind: Kind::Ruled,
            header,
            declared: declared.or(Some(data.len() as u64)),
            ..Rows::plain(data.to_vec())
        });
    }
    let data: Vec<&str> = lines.iter().filter(|line| !edge(line)).copied().collect();
    Some(Rows { kind: Kind::Drawn, ..Rows::plain(data) })
}

/// psql's line below the header: `----+----`, as many columns as the header has.
fn is_rule(header: &str, line: &str) -> bool {
    let line = line.trim();
    let dashes = line.len() >= 3
        && line.starts_with(['-', '─', '═'])
        && line.chars().all(|c| matches!(c, '-' | '+' | '─' | '┼' | '═' | '╪'));
    let joints = line.chars().filter(|c| matches!(c, '+' | '┼' | '╪')).count();
    let borders = header.chars().filter(|c| matches!(c, '|' | '│')).count();
    let wide = line.chars().count() + 1 >= header.trim().chars().count();
    dashes && joints == borders && wide
}

/// `---- ------` below as many words, as sqlite and az print it.
fn underlines(header: &str, rule: &str) -> bool {
    let groups = rule.split_whitespace().count();
    groups >= 2 && groups == header.split_whitespace().count() && rule.chars().all(|c| c == '-' || c == ' ')
}

/// `(5 rows)`, in any language: how many, and whether it is another language.
pub(crate) fn footer(line: &str) -> Option<(u64, bool)> {
    let inside = line.trim().strip_prefix('(')?.strip_suffix(')')?;
    let digits = inside.bytes().take_while(u8::is_ascii_digit).count();
    let (count, word) = inside.split_at_checked(digits)?;
    let word = word.trim();
    let letters = !word.is_empty() && word.chars().all(|c| c.is_alphabetic() || c == ' ');
    let n = super::phrase::whole(count).filter(|_| letters)?;
    Some((n, !matches!(word, "row" | "rows")))
}

/// A header is words in capitals, `NAME` or `READY` among them, or at least three of them.
fn is_header(line: &str) -> bool {
    const KNOWN: &[&str] = &["NAME", "NAMESPACE", "READY", "STATUS", "REVISION", "UNIT"];
    let mut words = line.split_whitespace().peekable();
    if words.peek().is_none() || line.len() > 1000 {
        return false;
    }
    let capital = |word: &str| {
        word.chars().any(|c| c.is_ascii_uppercase())
            && word.chars().all(|c| c.is_ascii_uppercase() || matches!(c, '-' | '_' | '(' | ')' | '%' | '/'))
    };
    let (mut count, mut known) = (0, false);
    for word in words {
        if !capital(word) {
            return false;
        }
        count += 1;
        known |= KNOWN.contains(&word);
    }
    count >= 3 || known
}

/// A header's cells, which may hold single blanks (`CONTAINER ID`), and where they begin.
fn header_cells(header: &str) -> (Vec<&str>, Vec<usize>) {
    if header.contains('\t') {
        return (header.split('\t').map(str::trim).collect(), Vec::new());
    }
    let by_words: Vec<&str> = header.split_whitespace().collect();
    let (mut cells, mut starts) = (Vec::new(), Vec::new());
    let mut offset = 0;
    for part in header.split("  ") {
        let inner = part.len() - part.trim_start().len();
        if !part.trim().is_empty() {
            starts.push(offset + inner);
            cells.push(part.trim());
        }
        offset += part.len() + 2;
    }
    if cells.len() >= 2 { (cells, starts) } else { (by_words, Vec::new()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_recognised() {
        let psql = read(" repo | at\n------+----\n a | 1\n b | 2\n(2 rows)\n\n");
        assert_eq!((psql.kind, psql.lines.len(), psql.declared), (Kind::Ruled, 2, Some(2)));
        assert_eq!(psql.cell(psql.lines[0], 1), Some("1"));
        let empty = read(" repo\n------\n(0 rows)\n");
        assert_eq!((empty.lines.len(), empty.declared), (0, Some(0)));
        let german = read(" repo\n------\n a\n(1 Zeile)\n");
        assert_eq!((german.lines.len(), german.foreign), (1, true));
        assert!(read(" a \n---\n 1\n(1 row)\n\n b \n---\n 2\n(1 row)\n").more);
        let mysql = read("+---+---+\n| a | b |\n+---+---+\n| 1 | 2 |\n+---+---+\n1 row in set (0.00 sec)\n");
        assert_eq!((mysql.kind, mysql.lines.len(), mysql.declared), (Kind::Ruled, 1, Some(1)));
        assert_eq!(mysql.cell(mysql.lines[0], 1), Some("2"));
        let bare = read("name|at\na|1\nb|2\n(2 rows)\n");
        assert_eq!((bare.kind, bare.lines.len(), bare.cell("b|2", 1)), (Kind::Ruled, 2, Some("2")));
        assert_eq!((read("(0 rows)\n").lines.len(), read("(0 rows)\n").declared), (0, Some(0)));
        assert!(read("NAME  READY\nweb   1/1\n\nNAME  READY\nweb   3/3\n").more);
        let kubectl = read("NAME   READY   UP-TO-DATE\nweb 3/3 3\n");
        assert_eq!((kubectl.kind, kubectl.lines.len()), (Kind::Columns, 1));
        let docker =
            read("CONTAINER ID   STATUS                 NAMES\n0a1b2c3d4e5f   Up 3 hours (healthy)   web\n");
        assert_eq!(docker.cell(docker.lines[0], 1), Some("Up 3 hours (healthy)"));
        for text in ["web-1 1/1 Running\n\nweb-2 1/1 Running\n", "OK\n", "---\n", "a: 1\n---\nb: 2\n"] {
            assert_eq!(read(text).kind, Kind::Plain, "{text}");
        }
    }
}
