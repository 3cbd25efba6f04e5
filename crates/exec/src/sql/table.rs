//! Rows as psql's aligned table.

/// A result being gathered.
pub(super) struct Table {
    names: Vec<String>,
    /// Whether each column holds numbers, which stand on the right.
    numbers: Vec<bool>,
    rows: Vec<Vec<String>>,
    /// Rows that came.
    count: u64,
    /// Bytes that may still be kept.
    room: usize,
    /// Bytes of rows that were not kept.
    pub(super) skipped: u64,
}

impl Table {
    pub(super) fn new(names: &[String], numbers: Vec<bool>, room: usize) -> Self {
        let names = names.iter().map(|name| cell(name)).collect();
        Self { names, numbers, rows: Vec::new(), count: 0, room, skipped: 0 }
    }

    /// Adds a row; NULL is empty.
    pub(super) fn push<'a>(&mut self, row: impl Iterator<Item = Option<&'a str>>) {
        self.count += 1;
        let row: Vec<&str> = row.map(Option::unwrap_or_default).collect();
        let bytes: usize = row.iter().map(|cell| cell.len() + 3).sum();
        if bytes > self.room {
            // what comes later is smaller perhaps; a hole in the middle would mislead
            self.room = 0;
            self.skipped += bytes as u64;
            return;
        }
        self.room -= bytes;
        self.rows.push(row.into_iter().map(cell).collect());
    }

    /// The table with its count.
    pub(super) fn print(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column)).chain(self.names.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.names.len()).map(width).collect();
        let mut text = String::new();
        let head: Vec<String> =
            self.names.iter().zip(&widths).map(|(name, width)| format!(" {name:^width$} ")).collect();
        text.push_str(&head.join("|"));
        text.push('\n');
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
        text.push_str(&if rule.is_empty() { "--".to_owned() } else { rule.join("+") });
        text.push('\n');
        for row in &self.rows {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(column, (cell, width))| {
                    let right = self.numbers.get(column).copied().unwrap_or(false);
                    if right { format!(" {cell:>width$} ") } else { format!(" {cell:<width$} ") }
                })
                .collect();
            text.push_str(cells.join("|").trim_end());
            text.push('\n');
        }
        text.push_str(&format!("({} row{})\n\n", self.count, if self.count == 1 { "" } else { "s" }));
        text
    }
}

/// A value on one line. One that looks like a part of the table itself is put into quotes, so that nobody takes it
/// for one.
fn cell(value: &str) -> String {
    let mut shown = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if c.is_control() => shown.push_str(&format!("\\x{:02X}", u32::from(c))),
            c => shown.push(c),
        }
    }
    let text = shown.trim();
    let rule = text.len() > 1 && text.chars().all(|c| matches!(c, '-' | '+'));
    let footer = text.starts_with('(') && text.ends_with(')') && text.contains(' ');
    if rule || footer { format!("\"{shown}\"") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_psql_prints_it() {
        let mut table = Table::new(&["repo".into(), "n".into()], vec![false, true], 1000);
        table.push([Some("web"), Some("5")].into_iter());
        table.push([Some("a|b\nc"), None].into_iter());
        table.push([Some("(0 rows)"), Some("-12")].into_iter());
        assert_eq!(
            table.print(),
            "    repo    |  n  \n------------+-----\n web        |   5\n a|b\\nc     |\n \"(0 rows)\" | -12\n(3 rows)\n\n"
        );
        assert_eq!(Table::new(&["x".into()], vec![], 9).print(), " x \n---\n(0 rows)\n\n");
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut table = Table::new(&["x".into()], vec![], 10);
        for row in ["aaaa", "bbbbbbbb", "c"] {
            table.push([Some(row)].into_iter());
        }
        assert_eq!(table.skipped, 11 + 4);
        assert!(table.print().ends_with("(3 rows)\n\n"));
    }
}
