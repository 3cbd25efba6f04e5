//! What holds for any bytes. Each function panics when it does not.
//!
//! Only `runbook-core`, `blocks-alerts`, `blocks-changes`, `blocks-exec`, `pagerduty-hook`, `chrono` and `serde_json` are used here:
//! `fuzz/` includes this folder by its path.

mod alerts;
mod changes;
mod document;
mod expectation;
mod fences;
mod judging;
mod pager;
mod planning;
mod promql;

pub use alerts::{alertmanager, alerts_json, grafana};
pub use changes::changes;
pub use document::parser;
pub use expectation::expectation;
pub use fences::{front_matter, info_string, prompt_reader};
pub use judging::judging;
pub use pager::{pager_answers, pager_events, pager_webhook};
pub use planning::planning;
pub use promql::promql_answer;

/// Bytes as the parser gets them.
fn decoded(data: &[u8]) -> String {
    String::from_utf8_lossy(data).into_owned()
}
