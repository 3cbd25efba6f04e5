//! What the commands themselves say they did. Only they write it: line by line, each on disk before they go on.

use std::collections::BTreeSet;
use std::path::Path;

/// Appends one line and waits for the disk. `O_APPEND` keeps lines of two commands apart.
pub(super) const NOTE: &str = "#!/bin/sh\n\
    echo \"$1 $BLOCKS_RUN/$BLOCKS_STEP/$BLOCKS_ATTEMPT\" >> ledger && exec sync ledger\n";

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// `begin`, `effect`, `end`, the same with `undo`, or `again`.
    pub(super) what: String,
    /// `run/step/attempt`.
    pub(super) key: String,
}

impl Entry {
    /// `run/step`.
    pub(super) fn step(&self) -> &str {
        self.key.rsplit_once('/').map_or("", |(step, _)| step)
    }
}

/// All lines of one run, in order. A line that is not whole was never said.
pub(super) fn of_run(folder: &Path, run: &str) -> Vec<Entry> {
    let text = std::fs::read_to_string(folder.join("ledger")).unwrap_or_default();
    let whole = text.rfind('\n').and_then(|end| text.get(..end)).unwrap_or_default();
    let entry = |line: &str| {
        let (what, key) = line.split_once(' ')?;
        Some(Entry { what: what.to_owned(), key: key.to_owned() })
    };
    whole.lines().filter_map(entry).filter(|entry| entry.key.starts_with(run)).collect()
}

/// Attempts that have begun and have not said that they end, in order. Some of them may be gone.
pub(super) fn open(entries: &[Entry]) -> Vec<String> {
    let ended: BTreeSet<_> =
        entries.iter().filter(|entry| entry.what.ends_with("end")).map(|entry| entry.key.as_str()).collect();
    let begun = entries.iter().filter(|entry| entry.what.ends_with("begin"));
    begun.filter(|entry| !ended.contains(entry.key.as_str())).map(|entry| entry.key.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_began_and_has_not_ended_is_open() {
        let folder = tempfile::tempdir().unwrap();
        let text = "begin r/a/1\neffect r/a/1\nend r/a/1\nbegin r/b/2\nbegin s/a/1\nundo-begin r/a/3\nundo-end r/a/3\neff";
        std::fs::write(folder.path().join("ledger"), text).unwrap();
        let entries = of_run(folder.path(), "r");
        assert_eq!(entries.len(), 6);
        assert_eq!(open(&entries), ["r/b/2"]);
        assert_eq!(entries[0].step(), "r/a");
        assert!(of_run(&folder.path().join("none"), "r").is_empty());
    }
}
