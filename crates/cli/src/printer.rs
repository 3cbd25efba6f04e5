//! The one place that writes to the terminal: data on stdout, everything else on stderr.

use std::io::Write as _;

use blocks_engine::Reply;

/// `-o text` or `-o json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs: stable.
    Json,
}

/// Writes a reply as data. A closed pipe ends quietly: the reader has what it wanted.
pub(crate) fn reply(reply: &Reply, output: Output) {
    match output {
        Output::Text => data(reply.text.trim_end()),
        Output::Json => json(&reply.data),
    }
}

/// Writes one JSON value on a line.
pub(crate) fn json(value: &serde_json::Value) {
    data(&value.to_string());
}

/// Writes a line of data to stdout.
pub(crate) fn data(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Writes a line for people to stderr.
pub(crate) fn note(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Writes an error to stderr, in the house's form.
pub(crate) fn error(text: &str) {
    note(&format!("error: {text}"));
}
