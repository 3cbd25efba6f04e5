//! `blocks journal export`: every event as one line of JSON, exactly as stored.

use runbook_core::journal::StoredEvent;
use runbook_core::ports::Store;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::exit::{Code, Stop};
use crate::printer;

/// One event.
#[derive(Serialize)]
struct Line<'a> {
    stream: &'a str,
    seq: u64,
    /// Lowercase hex, over the stream's name, the hash before it and the bytes of `event`.
    hash: String,
    /// The stored bytes as they are, so that the hash can be computed from the line.
    event: &'a RawValue,
}

/// Writes the streams whose name begins with `wanted`, in order of opening, one at a time.
pub(super) async fn run(store: &dyn Store, wanted: Option<&str>) -> Result<Code, Stop> {
    let streams = store.streams().await.map_err(Stop::failed)?;
    let mut found = false;
    for summary in streams {
        let name = summary.stream.to_string();
        if wanted.is_some_and(|wanted| !name.starts_with(wanted)) {
            continue;
        }
        found = true;
        for event in store.load(summary.stream).await.map_err(Stop::failed)? {
            printer::raw_line(&line(&name, &event)?);
        }
    }
    match wanted {
        Some(wanted) if !found => Err(Stop::usage(format!(
            "no stream begins with `{wanted}`\nhint: streams are incident/ID and run/ID; `blocks incident show -o json` names them"
        ))),
        _ => Ok(Code::Success),
    }
}

fn line(stream: &str, event: &StoredEvent) -> Result<String, Stop> {
    let unreadable = |error: serde_json::Error| {
        Stop::failed(format!(
            "{stream}: event {} is no JSON: {error}\nhint: `blocks journal verify` says what else is wrong",
            event.seq
        ))
    };
    let raw = serde_json::from_slice(&event.bytes).map_err(unreadable)?;
    let line = Line { stream, seq: event.seq, hash: event.hash.to_string(), event: raw };
    serde_json::to_string(&line).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use runbook_core::journal::{GENESIS, Hash, StreamId, link};

    use super::*;

    #[test]
    fn a_line_holds_the_stored_bytes() {
        let stream: StreamId = "run/00000000-0000-7000-8000-000000000001".parse().unwrap();
        // spaces, an escape and a number that a reader would write in another way
        let bytes = br#"{"v": 1,  "x":"\u00e9", "n":1.0e2}"#.to_vec();
        let event = StoredEvent { seq: 1, hash: link(&stream, &GENESIS, &bytes), bytes: bytes.clone() };
        let text = line(&stream.to_string(), &event).unwrap();
        let read: std::collections::BTreeMap<String, Box<RawValue>> = serde_json::from_str(&text).unwrap();
        assert_eq!(read["event"].get().as_bytes(), bytes);
        let hash: String = serde_json::from_str(read["hash"].get()).unwrap();
        assert_eq!(hash, link(&stream, &GENESIS, read["event"].get().as_bytes()).to_string());
        assert!(line("run/x", &StoredEvent { seq: 2, bytes: b"{".to_vec(), hash: Hash([0; 32]) }).is_err());
    }
}
