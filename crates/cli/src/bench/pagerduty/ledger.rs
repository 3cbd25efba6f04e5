//! What really happened, by what is on disk: the journal, and the stamps of commands that have begun.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::exit::Stop;

/// How long a question may wait for whoever writes.
const PATIENCE: Duration = Duration::from_secs(10);

/// The store of a running Blocks, read only.
pub(super) struct Ledger {
    file: PathBuf,
}

impl Ledger {
    pub(super) fn of(file: PathBuf) -> Ledger {
        Ledger { file }
    }

    fn open(&self) -> Result<Connection, Stop> {
        let store = Connection::open_with_flags(&self.file, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(Stop::failed)?;
        store.busy_timeout(PATIENCE).map_err(Stop::failed)?;
        Ok(store)
    }

    fn number(&self, question: &str) -> Result<u64, Stop> {
        let number: i64 = self.open()?.query_row(question, [], |row| row.get(0)).map_err(Stop::failed)?;
        Ok(u64::try_from(number).unwrap_or_default())
    }

    /// Webhooks of PagerDuty's that are there, whatever became of them.
    pub(super) fn webhooks(&self) -> Result<u64, Stop> {
        self.number("SELECT count(*) FROM inbox WHERE source = 'pagerduty'")
    }

    /// Runs that were begun, and those that go on.
    pub(super) fn runs(&self) -> Result<(u64, u64), Stop> {
        let all = self.number("SELECT count(*) FROM runs")?;
        Ok((all, self.number("SELECT count(*) FROM runs WHERE open = 1")?))
    }

    /// The incident of each page, as its commands name it: `INC-1`.
    pub(super) fn incidents(&self) -> Result<BTreeMap<String, String>, Stop> {
        let mut found = BTreeMap::new();
        self.each("SELECT 'INC-' || number, row FROM incidents", |number, row| {
            if let Some(page) = row["pager_id"].as_str() {
                found.insert(page.to_owned(), number);
            }
        })?;
        Ok(found)
    }

    /// When the first evidence of each page was in the journal, in microseconds since 1970.
    pub(super) fn evidence(&self) -> Result<BTreeMap<String, i64>, Stop> {
        let mut pages = BTreeMap::new();
        self.each("SELECT 'incident/' || id, row FROM incidents", |stream, row| {
            if let Some(page) = row["pager_id"].as_str() {
                pages.insert(stream, page.to_owned());
            }
        })?;
        let mut found = BTreeMap::new();
        let events = "SELECT stream, CAST(bytes AS TEXT) FROM events WHERE stream LIKE 'incident/%' ORDER BY stream, seq";
        self.each(events, |stream, event| {
            if let (Some(page), Some(at)) = (pages.get(&stream), first_evidence(&event)) {
                found.entry(page.clone()).or_insert(at);
            }
        })?;
        Ok(found)
    }

    fn each(&self, question: &str, mut take: impl FnMut(String, Value)) -> Result<(), Stop> {
        let store = self.open()?;
        let mut asked = store.prepare(question).map_err(Stop::failed)?;
        let mut rows = asked.query([]).map_err(Stop::failed)?;
        while let Some(row) = rows.next().map_err(Stop::failed)? {
            let (key, text): (String, String) =
                (row.get(0).map_err(Stop::failed)?, row.get(1).map_err(Stop::failed)?);
            take(key, serde_json::from_str(&text).map_err(Stop::failed)?);
        }
        Ok(())
    }
}

/// When this event says that a diagnostic has found something.
fn first_evidence(event: &Value) -> Option<i64> {
    let is_it = event["event"]["type"] == "evidence_found";
    let at = event["at"].as_str().filter(|_| is_it)?;
    Some(at.parse::<DateTime<Utc>>().ok()?.timestamp_micros())
}

/// When each command said first that it had begun, in microseconds since 1970: lines of a name and `$EPOCHREALTIME`.
pub(super) fn stamps(file: &Path) -> BTreeMap<String, i64> {
    let mut first: BTreeMap<String, i64> = BTreeMap::new();
    for line in std::fs::read_to_string(file).unwrap_or_default().lines() {
        let mut words = line.split_whitespace();
        let (Some(name), Some(at)) = (words.next(), words.next().and_then(micros)) else { continue };
        first.entry(name.to_owned()).and_modify(|known| *known = at.min(*known)).or_insert(at);
    }
    first
}

/// Lines of a file; several commands of one name count several times.
pub(super) fn lines(file: &Path) -> u64 {
    std::fs::read_to_string(file).map_or(0, |text| text.lines().count() as u64)
}

/// `1764523456.123456` in microseconds.
fn micros(text: &str) -> Option<i64> {
    let (seconds, rest) = text.split_once(['.', ','])?;
    if rest.len() != 6 {
        return None;
    }
    seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(rest.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn stamps_are_read_and_the_first_of_a_name_counts() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stamps");
        assert!(stamps(&file).is_empty(), "nothing has begun");
        std::fs::write(
            &file,
            "INC-2 1764523456.000500\nINC-1 12.345678\nINC-2 1764523456.000400\nhalf\nINC-3 x.1\n",
        )
        .unwrap();
        let wanted = [("INC-1", 12_345_678), ("INC-2", 1_764_523_456_000_400)];
        assert_eq!(stamps(&file), wanted.map(|(name, at)| (name.to_owned(), at)).into());
        assert_eq!(lines(&file), 5);
        for (text, at) in [("1.000001", Some(1_000_001)), ("1.1", None), ("1", None), ("", None)] {
            assert_eq!(micros(text), at, "{text}");
        }
    }

    #[test]
    fn evidence_is_what_the_journal_calls_so() {
        let event = |kind: &str| json!({ "at": "2026-01-05T09:00:00.250Z", "event": { "type": kind } });
        assert_eq!(first_evidence(&event("evidence_found")), Some(1_767_603_600_250_000));
        assert_eq!(first_evidence(&event("triage_started")), None);
    }

    #[test]
    fn a_store_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("blocks.db");
        let store = Connection::open(&file).unwrap();
        store
            .execute_batch(
                "CREATE TABLE incidents (id TEXT, number INTEGER, row TEXT);
                 CREATE TABLE events (stream TEXT, seq INTEGER, bytes BLOB);
                 CREATE TABLE inbox (source TEXT, state TEXT);
                 CREATE TABLE runs (open INTEGER);
                 INSERT INTO incidents VALUES ('a', 7, '{\"pager_id\":\"P7\"}'), ('b', 8, '{\"pager_id\":null}');
                 INSERT INTO events VALUES
                   ('incident/a', 2, CAST('{\"at\":\"1970-01-01T00:00:00.002Z\",\"event\":{\"type\":\"evidence_found\"}}' AS BLOB)),
                   ('incident/a', 3, CAST('{\"at\":\"1970-01-01T00:00:00.003Z\",\"event\":{\"type\":\"evidence_found\"}}' AS BLOB)),
                   ('incident/b', 2, CAST('{\"at\":\"1970-01-01T00:00:00.001Z\",\"event\":{\"type\":\"evidence_found\"}}' AS BLOB));
                 INSERT INTO inbox VALUES ('pagerduty', 'done'), ('pagerduty', 'pending'), ('slack', 'done');
                 INSERT INTO runs VALUES (0), (1), (0);",
            )
            .unwrap();
        let ledger = Ledger::of(file);
        assert_eq!(ledger.incidents().unwrap(), [("P7".to_owned(), "INC-7".to_owned())].into());
        assert_eq!(ledger.evidence().unwrap(), [("P7".to_owned(), 2_000)].into());
        assert_eq!(ledger.webhooks().unwrap(), 2);
        assert_eq!(ledger.runs().unwrap(), (3, 1));
    }
}
