//! Citations: every statement of a review names the events that prove it.

use serde::Serialize;

use crate::journal::StreamId;

/// One event, by its place in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct EventRef {
    /// The stream.
    pub stream: StreamId,
    /// 1-based position in it.
    pub seq: u64,
}

/// A sentence of the review and its proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// The sentence as Markdown, without its marks.
    pub text: String,
    /// The events that prove it; never empty.
    pub evidence: Vec<EventRef>,
}

/// A sentence with its marks, as the template shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Said {
    /// The sentence as Markdown.
    pub(super) text: String,
    /// `[e12] [r1.7]`.
    pub(super) refs: String,
}

/// Collects the statements while the review is put together, and writes their marks.
pub(super) struct Book {
    runs: Vec<StreamId>,
    statements: Vec<Statement>,
}

impl Book {
    /// `runs` in the order in which they are numbered.
    pub(super) fn new(runs: Vec<StreamId>) -> Book {
        Book { runs, statements: Vec::new() }
    }

    /// `e12` for the incident's events, `r1.7` for those of its first run.
    pub(super) fn label(&self, event: EventRef) -> String {
        match self.runs.iter().position(|stream| *stream == event.stream) {
            Some(run) => format!("r{}.{}", run + 1, event.seq),
            None => format!("e{}", event.seq),
        }
    }

    /// Notes that this sentence rests on these events, and returns the marks to set behind it.
    pub(super) fn cite(&mut self, text: &str, evidence: &[EventRef]) -> String {
        let mut evidence = evidence.to_vec();
        evidence
            .sort_by_key(|event| (self.runs.iter().position(|stream| *stream == event.stream), event.seq));
        evidence.dedup();
        let marks: Vec<_> = evidence.iter().map(|event| format!("[{}]", self.label(*event))).collect();
        self.statements.push(Statement { text: text.to_owned(), evidence });
        marks.join(" ")
    }

    /// The same for a sentence that stands by itself.
    pub(super) fn say(&mut self, text: String, evidence: &[EventRef]) -> Said {
        let refs = self.cite(&text, evidence);
        Said { text, refs }
    }

    /// Everything that was said, in order.
    pub(super) fn into_statements(self) -> Vec<Statement> {
        self.statements
    }
}
