//! Changes that somebody tells of: whatever comes is read or said to be unreadable, twice the same, and what is read can be kept and
//! noted at an incident.

use blocks_changes::ChangeTranslator;
use chrono::{DateTime, TimeDelta, Utc};
use runbook_core::ports::{InboxItem, Signal, Translated, Translator};

/// A change in our own words, and as an event.
pub fn changes(data: &[u8]) {
    check("change", data);
    check("cloudevent", data);
}

fn check(kind: &str, data: &[u8]) {
    let now = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000);
    let item = InboxItem {
        source: ChangeTranslator.source().to_owned(),
        id: "1".to_owned(),
        kind: kind.to_owned(),
        body: data.to_vec(),
        received_at: now,
    };
    let meaning = ChangeTranslator.translate(&item);
    assert_eq!(ChangeTranslator.translate(&item), meaning, "read twice, understood in two ways");
    let change = match meaning {
        Translated::Signal(Signal::Change(change)) => change,
        Translated::Unreadable { reason } => return assert!(!reason.is_empty()),
        Translated::Ignored { .. } => return,
        Translated::Signal(other) => panic!("it is no change: {other:?}"),
    };
    assert!(change.service.iter().all(|name| !name.is_empty() && name.chars().count() <= 200), "{change:?}");
    let row = change.row("shop", now);
    assert!(row.at <= row.told_at && !row.text.is_empty(), "{row:?}");
    assert!(row.text.chars().count() <= 700 && !row.text.chars().any(char::is_control), "{row:?}");
    assert!(row.link.as_ref().is_none_or(|link| link.starts_with("http")), "{row:?}");
    let words = row.noted().words();
    assert!(words.contains(&row.text) && !words.contains('\n'), "{words:?}");
}
