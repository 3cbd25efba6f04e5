//! Following a run: where it stands, and what its commands have written since the last look.
//!
//! Nothing is remembered between two looks. A cursor says how much of which attempt was handed out: `ATTEMPT.OUT.ERR`.

use runbook_core::ids::RunId;
use runbook_core::run::{CommandPhase, Run, Unit, UnitRole};
use runbook_core::view;
use serde::Serialize;
use serde_json::json;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::origin::Reply;
use crate::read;
use crate::runs::load_run;

/// What stands where the middle of an output was dropped; before that point nothing of it changes any more.
const DROPPED: &str = "\n[... ";

/// A piece of what a command wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Piece {
    attempt: u32,
    /// Its step's id.
    step: String,
    /// `main`, `baseline`, `undo` or `probe`.
    role: UnitRole,
    /// `stdout` or `stderr`.
    stream: &'static str,
    text: String,
}

/// How much was handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    attempt: u32,
    stdout: usize,
    stderr: usize,
}

impl Cursor {
    fn read(text: &str) -> Option<Cursor> {
        let mut parts = text.split('.');
        let cursor = Cursor {
            attempt: parts.next()?.parse().ok()?,
            stdout: parts.next()?.parse().ok()?,
            stderr: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(cursor)
    }

    fn word(self) -> String {
        format!("{}.{}.{}", self.attempt, self.stdout, self.stderr)
    }
}

impl Engine {
    /// Where a run stands, with `output` and the `cursor` for the next look. Without a cursor it begins with the command
    /// under way.
    pub(crate) async fn attach(&self, id: RunId, cursor: Option<&str>) -> Result<Reply, EngineError> {
        let run = &self.run_as_it_is(id).await?;
        let mut reply = self.show(run).await?;
        let begin = || Cursor {
            attempt: run.live_unit().map_or(run.attempts + 1, |(_, live)| live.number),
            stdout: 0,
            stderr: 0,
        };
        let mut cursor = match cursor {
            None => begin(),
            Some(text) => Cursor::read(text).ok_or_else(|| {
                EngineError::NotFound(format!(
                    "there is no place '{text}' in a run's output; hint: give the `cursor` of the last answer, or none"
                ))
            })?,
        };
        let mut pieces = Vec::new();
        for (unit, attempt, phase) in attempts(run, cursor.attempt) {
            if attempt > cursor.attempt {
                cursor = Cursor { attempt, stdout: 0, stderr: 0 };
            }
            let is_live = matches!(phase, CommandPhase::Started { .. });
            let written = match phase {
                CommandPhase::Ended { stdout_sha256, stderr_sha256, .. } => {
                    Some((self.text(stdout_sha256.as_ref()).await?, self.text(stderr_sha256.as_ref()).await?))
                }
                _ => {
                    let written = self.inner.parts.executor.written(id, attempt).await;
                    written.map(|written| (written.stdout, written.stderr))
                }
            };
            let Some((stdout, stderr)) = written else { continue };
            let step = run.plan.steps.get(unit.step).map_or_else(String::new, |step| step.id.clone());
            for (stream, text, from) in
                [("stdout", stdout, &mut cursor.stdout), ("stderr", stderr, &mut cursor.stderr)]
            {
                let (more, to) = beyond(&text, *from, is_live);
                if !more.is_empty() {
                    let text = more.to_owned();
                    pieces.push(Piece { attempt, step: step.clone(), role: unit.role, stream, text });
                }
                *from = to;
            }
        }
        reply.data["output"] = json!(pieces);
        reply.data["cursor"] = json!(cursor.word());
        Ok(reply)
    }

    /// Where a run stands, with what is left of its time.
    pub(crate) async fn status(&self, id: RunId) -> Result<Reply, EngineError> {
        self.show(&self.run_as_it_is(id).await?).await
    }

    async fn run_as_it_is(&self, id: RunId) -> Result<Run, EngineError> {
        let loaded = load_run(self.store(), id).await?;
        loaded
            .map(|loaded| loaded.state)
            .ok_or_else(|| EngineError::NotFound(format!("there is no run {id}")))
    }

    /// Text and data are of one moment.
    async fn show(&self, run: &Run) -> Result<Reply, EngineError> {
        let mut reply = read::show_run(self.store(), run).await?;
        reply.data = self.run_data(run);
        if let Some(who) = self.approvers(run) {
            reply.text.push_str(&format!("  {who}\n"));
        }
        if run.status.is_open() {
            let left = view::budget_words(&run.budget(self.now()));
            if !left.is_empty() {
                reply.text.push_str(&format!("  {left}\n"));
            }
        }
        Ok(reply)
    }

    /// A run as JSON, with what is left of its time.
    pub(crate) fn run_data(&self, run: &Run) -> serde_json::Value {
        let mut data = read::run_data(run);
        if run.status.is_open() {
            data["budget"] = json!(run.budget(self.now()));
        }
        if let Some(who) = self.approvers(run) {
            data["approvers"] = json!(who);
        }
        data
    }

    async fn text(&self, sha256: Option<&String>) -> Result<String, EngineError> {
        let Some(sha256) = sha256 else { return Ok(String::new()) };
        let bytes = self.store().blob(sha256.clone()).await?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// The attempts from one on, in order, as far as the run still knows them.
fn attempts(run: &Run, from: u32) -> Vec<(Unit, u32, &CommandPhase)> {
    let number = |phase: &CommandPhase| match phase {
        CommandPhase::Started { attempt } => Some(attempt.number),
        CommandPhase::Ended { attempt, .. } | CommandPhase::InDoubt { attempt, .. } => Some(*attempt),
        _ => None,
    };
    let all = run.commands.iter().filter_map(|(unit, phase)| Some((*unit, number(phase)?, phase)));
    let mut found: Vec<_> = all.filter(|(_, attempt, _)| *attempt >= from).collect();
    found.sort_by_key(|(_, attempt, _)| *attempt);
    found
}

/// What is new of a text after so many bytes of it, and where that ends. Of a text that still grows whole lines alone,
/// and nothing behind the place where its middle is dropped: that moves.
fn beyond(text: &str, from: usize, is_live: bool) -> (&str, usize) {
    let fixed = text.find(DROPPED);
    let end = match (is_live, fixed) {
        (false, _) => text.len(),
        (true, Some(fixed)) => fixed + 1,
        (true, None) => text.rfind('\n').map_or(0, |last| last + 1),
    };
    // what was handed out before the middle was dropped may reach into what moved
    let begin = if is_live { from } else { fixed.map_or(from, |fixed| from.min(fixed + 1)) };
    match text.get(begin..end) {
        Some(more) => (more, end),
        None => ("", from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_while_it_grows_and_the_rest_at_its_end() {
        for (text, from, is_live, more, to) in [
            ("", 0, true, "", 0),
            ("one\ntw", 0, true, "one\n", 4),
            ("one\ntwo\n", 4, true, "two\n", 8),
            ("one\ntw", 4, true, "", 4),
            ("one\ntw", 4, false, "tw", 6),
            ("one", 3, false, "", 3),
            ("é\né", 1, true, "", 1),
            ("head\n[... 9 bytes dropped ...]\ntail\n", 0, true, "head\n", 5),
            ("head\n[... 9 bytes dropped ...]\ntail\n", 5, true, "", 5),
            ("head\n[... 9 bytes dropped ...]\ntail\n", 9, true, "", 9),
            ("head\n[... 9 bytes dropped ...]\nt", 9, false, "[... 9 bytes dropped ...]\nt", 32),
        ] {
            assert_eq!(beyond(text, from, is_live), (more, to), "{text:?} from {from}");
        }
    }

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let cursor = Cursor { attempt: 3, stdout: 10, stderr: 0 };
        assert_eq!(Cursor::read(&cursor.word()), Some(cursor));
        for wrong in ["", "1", "1.2", "1.2.3.4", "a.b.c", "1.2.-3"] {
            assert_eq!(Cursor::read(wrong), None, "{wrong}");
        }
    }
}
