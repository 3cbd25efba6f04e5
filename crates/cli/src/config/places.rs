//! Where a key stands in the file.

use toml::de::{DeTable, DeValue};

/// The line of a key such as `slack.mode` or `service.1.name` (a number counts from 0 in a list). When the key is not
/// there, the line of the nearest table around it; 1 when there is none.
pub(super) fn line(text: &str, path: &str) -> usize {
    let Ok(root) = DeTable::parse(text) else { return 1 };
    let mut value = &DeValue::Table(root.into_inner());
    let mut offset = 0;
    for step in path.split('.') {
        let next = match value {
            DeValue::Table(table) => table
                .iter()
                .find(|(key, _)| key.get_ref() == step)
                .map(|(key, value)| (key.span().start, value.get_ref())),
            DeValue::Array(items) => step
                .parse::<usize>()
                .ok()
                .and_then(|index| items.get(index))
                .map(|item| (item.span().start, item.get_ref())),
            _ => None,
        };
        let Some(found) = next else { break };
        (offset, value) = found;
    }
    position(text, offset).0
}

/// Line and column, both from 1, of a place in bytes.
pub(super) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_its_own_table() {
        let text = "[slack]\nmode = \"http\"\n[pagerduty]\nmode = \"poll\"\n\n[[service]]\nname = \"a\"\n\n[[service]]\n# b\nname = \"b\"\nchannel = \"x\"\n[lists]\nof = [\n  \"P1\",\n  \"P9\",\n]\n";
        for (path, wanted) in [
            ("slack.mode", 2),
            ("pagerduty.mode", 4),
            ("pagerduty.from", 3),
            ("service.0.name", 7),
            ("service.1.name", 11),
            ("service.1.severity", 9),
            ("lists.of.1", 16),
            ("time.zone", 1),
        ] {
            assert_eq!(line(text, path), wanted, "{path}");
        }
        assert_eq!(line("= 1", "a"), 1);
    }
}
