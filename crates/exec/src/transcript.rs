//! What a command that is no process writes: redacted and bounded like a process's output.

use runbook_core::ports::Output;

use crate::output::Bounded;
use crate::redact::Redactor;

/// Both streams of one command.
pub(crate) struct Transcript {
    stdout: Stream,
    stderr: Stream,
    /// Bytes kept of each stream's head, and as many of its tail.
    limit: usize,
}

struct Stream {
    redactor: Redactor,
    kept: Bounded,
}

impl Stream {
    fn new(redactor: &Redactor, limit: usize) -> Self {
        Self { redactor: redactor.clone(), kept: Bounded::new(limit) }
    }

    fn push(&mut self, bytes: &[u8]) {
        let kept = &mut self.kept;
        self.redactor.push(bytes, &mut |bytes| kept.push(bytes));
    }

    fn finish(mut self) -> Output {
        let kept = &mut self.kept;
        self.redactor.finish(&mut |bytes| kept.push(bytes));
        self.kept.finish()
    }
}

impl Transcript {
    pub(crate) fn new(redactor: &Redactor, limit: usize) -> Self {
        Self { stdout: Stream::new(redactor, limit), stderr: Stream::new(redactor, limit), limit }
    }

    /// How much is worth gathering before it is written.
    pub(crate) fn worth_keeping(&self) -> usize {
        self.limit.saturating_mul(4)
    }

    /// Data.
    pub(crate) fn out(&mut self, bytes: impl AsRef<[u8]>) {
        self.stdout.push(bytes.as_ref());
    }

    /// Data that is left out; the output says how much.
    pub(crate) fn skip(&mut self, bytes: u64) {
        self.stdout.kept.skip(bytes);
    }

    /// A line for people.
    pub(crate) fn err(&mut self, line: &str) {
        self.stderr.push(line.trim_end().as_bytes());
        self.stderr.push(b"\n");
    }

    /// Standard output and standard error.
    pub(crate) fn finish(self) -> (Output, Output) {
        (self.stdout.finish(), self.stderr.finish())
    }
}
