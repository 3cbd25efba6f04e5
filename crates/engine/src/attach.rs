//! Following a run: where it stands, and what its commands have written since the last look.
//!
//! Nothing is remembered between two looks. A cursor says how much of which attempts was handed out: `ATTEMPT.OUT.ERR`,
//! separated by commas; of whatever is newer than the last of them, nothing was.

use std::collections::BTreeMap;

use runbook_core::ids::RunId;
use runbook_core::journal::Envelope;
use runbook_core::run::{Run, RunEvent, Unit, UnitRole};
use runbook_core::view;
use serde::Serialize;
use serde_json::json;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::origin::Reply;
use crate::read;
use crate::runs::load_run;
use crate::streams::Loaded;

/// What stands where the middle of an output was dropped; before that point nothing of it changes any more.
const DROPPED: [&str; 2] = ["\n[... ", " bytes dropped ...]\n"];

/// A piece of what a command wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Piece {
    attempt: u32,
    /// Its step's id.
    step: String,
    /// Which of several it is, where several may be alive: an item, or the id of a group's member.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<String>,
    /// `main`, `baseline`, `undo` or `probe`.
    role: UnitRole,
    /// `stdout` or `stderr`.
    stream: &'static str,
    text: String,
}

/// How much of one attempt was handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    attempt: u32,
    stdout: usize,
    stderr: usize,
}

/// How much was handed out: of each attempt that may still write, and from which attempt on nothing yet.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cursor(Vec<Place>);

impl Cursor {
    /// Nothing of what is under way now, and nothing of what comes.
    fn begin(run: &Run) -> Cursor {
        let alive = run.live_units().map(|(_, live)| live.number);
        let mut attempts: Vec<u32> = alive.chain([run.attempts.saturating_add(1)]).collect();
        attempts.sort_unstable();
        Cursor(attempts.into_iter().map(|attempt| Place { attempt, stdout: 0, stderr: 0 }).collect())
    }

    fn read(text: &str) -> Option<Cursor> {
        let place = |text: &str| {
            let mut parts = text.split('.');
            let place = Place {
                attempt: parts.next()?.parse().ok()?,
                stdout: parts.next()?.parse().ok()?,
                stderr: parts.next()?.parse().ok()?,
            };
            parts.next().is_none().then_some(place)
        };
        let places: Vec<Place> = text.split(',').map(place).collect::<Option<_>>()?;
        let ascends = places.windows(2).all(|two| matches!(two, [one, next] if one.attempt < next.attempt));
        ascends.then_some(Cursor(places))
    }

    fn word(&self) -> String {
        let places = self.0.iter();
        let words: Vec<_> =
            places.map(|place| format!("{}.{}.{}", place.attempt, place.stdout, place.stderr)).collect();
        words.join(",")
    }

    /// What was handed out of an attempt; `None` when all of it was.
    fn place_of(&self, attempt: u32) -> Option<Place> {
        let is_new = self.0.last().is_none_or(|last| last.attempt < attempt);
        let known = self.0.binary_search_by_key(&attempt, |place| place.attempt).ok();
        let known = known.and_then(|index| self.0.get(index)).copied();
        known.or(is_new.then_some(Place { attempt, stdout: 0, stderr: 0 }))
    }
}

/// An attempt as the journal tells it.
struct Told<'a> {
    unit: Unit,
    /// What it wrote, once it has ended.
    ended: Option<[Option<&'a String>; 2]>,
}

/// Every attempt that was started, also those that others have followed: what they wrote is not forgotten.
fn attempts(events: &[Envelope<RunEvent>]) -> BTreeMap<u32, Told<'_>> {
    let mut attempts = BTreeMap::new();
    for envelope in events {
        match &envelope.event {
            RunEvent::CommandStarted { unit, attempt, .. } => {
                attempts.insert(*attempt, Told { unit: *unit, ended: None });
            }
            RunEvent::CommandEnded { attempt, stdout_sha256, stderr_sha256, .. } => {
                if let Some(told) = attempts.get_mut(attempt) {
                    told.ended = Some([stdout_sha256.as_ref(), stderr_sha256.as_ref()]);
                }
            }
            RunEvent::CommandNotStarted { attempt, .. } => {
                attempts.remove(attempt);
            }
            _ => {}
        }
    }
    attempts
}

impl Engine {
    /// Where a run stands, with `output` and the `cursor` for the next look. Without a cursor it begins with the commands
    /// under way.
    pub(crate) async fn attach(&self, id: RunId, cursor: Option<&str>) -> Result<Reply, EngineError> {
        let loaded = self.load_it(id).await?;
        let run = &loaded.state;
        let mut reply = self.show(run).await?;
        let cursor = match cursor {
            None => Cursor::begin(run),
            Some(text) => Cursor::read(text).ok_or_else(|| {
                EngineError::NotFound(format!(
                    "there is no place '{text}' in a run's output; hint: give the `cursor` of the last answer, or none"
                ))
            })?,
        };
        let mut pieces = Vec::new();
        let mut places = Vec::new();
        for (attempt, told) in attempts(&loaded.events) {
            let Some(mut place) = cursor.place_of(attempt) else { continue };
            let is_live = run.live_units().any(|(_, live)| live.number == attempt);
            let written = match told.ended {
                Some([stdout, stderr]) => Some((self.text(stdout).await?, self.text(stderr).await?)),
                None => {
                    let written = self.inner.parts.executor.written(id, attempt).await;
                    written.map(|written| (written.stdout, written.stderr))
                }
            };
            if let Some((stdout, stderr)) = written {
                let step =
                    run.plan.steps.get(told.unit.step).map_or_else(String::new, |step| step.id.clone());
                for (stream, text, from) in
                    [("stdout", stdout, &mut place.stdout), ("stderr", stderr, &mut place.stderr)]
                {
                    let (more, to) = beyond(&text, *from, is_live);
                    if !more.is_empty() {
                        pieces.push(Piece {
                            attempt,
                            step: step.clone(),
                            of: one_of_several(run, told.unit),
                            role: told.unit.role,
                            stream,
                            text: more.to_owned(),
                        });
                    }
                    *from = to;
                }
            }
            if is_live {
                places.push(place);
            }
        }
        let first_new = run.attempts.saturating_add(1);
        places.push(Place { attempt: first_new, stdout: 0, stderr: 0 });
        reply.data["output"] = json!(pieces);
        reply.data["cursor"] = json!(Cursor(places).word());
        Ok(reply)
    }

    /// A run as JSON, with where to begin with the output of what was just ordered.
    pub(crate) fn followed_data(&self, run: &Run) -> serde_json::Value {
        let mut data = self.run_data(run);
        data["cursor"] = json!(Cursor::begin(run).word());
        data
    }

    /// Where a run stands, with what is left of its time.
    pub(crate) async fn status(&self, id: RunId) -> Result<Reply, EngineError> {
        self.show(&self.load_it(id).await?.state).await
    }

    async fn load_it(&self, id: RunId) -> Result<Loaded<Run, RunEvent>, EngineError> {
        let loaded = load_run(self.store(), id).await?;
        loaded.ok_or_else(|| EngineError::NotFound(format!("there is no run {id}")))
    }

    /// Text and data are of one moment.
    async fn show(&self, run: &Run) -> Result<Reply, EngineError> {
        let mut reply = read::show_run(self.store(), run).await?;
        reply.data = self.run_data(run);
        if run.status.is_open() {
            let left = view::budget_words(&run.budget(self.now()));
            if !left.is_empty() {
                reply.text.push_str(&format!("\n{left}\n"));
            }
        }
        if let Some(approvers) = self.approvers(run) {
            reply.text.push_str(&format!("{}\n", approvers.words));
        }
        Ok(reply)
    }

    /// A run as JSON, with what is left of its time.
    pub(crate) fn run_data(&self, run: &Run) -> serde_json::Value {
        let mut data = read::run_data(run);
        if run.status.is_open() {
            data["budget"] = json!(run.budget(self.now()));
        }
        if let Some(approvers) = self.approvers(run) {
            read::tell_approvers(&mut data, &approvers);
        }
        data
    }

    async fn text(&self, sha256: Option<&String>) -> Result<String, EngineError> {
        let Some(sha256) = sha256 else { return Ok(String::new()) };
        let bytes = self.store().blob(sha256.clone()).await?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// What tells a command from those that may be alive beside it.
fn one_of_several(run: &Run, unit: Unit) -> Option<String> {
    match run.item(unit) {
        Some((_, item)) => Some(item.to_owned()),
        None => run.command(unit).filter(|_| run.is_of_several(unit)).map(|command| command.id.clone()),
    }
}

/// Where the middle of a text was dropped. A command may print what begins alike.
fn dropped_at(text: &str) -> Option<usize> {
    let [before, after] = DROPPED;
    text.match_indices(before).map(|(at, _)| at).find(|at| {
        let rest = text.get(at + before.len()..).unwrap_or_default();
        let count = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        count > 0 && rest.get(count..).is_some_and(|rest| rest.starts_with(after))
    })
}

/// What is new of a text after so many bytes of it, and where that ends. Of a text that still grows whole lines alone,
/// and nothing behind the place where its middle is dropped: that moves.
fn beyond(text: &str, from: usize, is_live: bool) -> (&str, usize) {
    let fixed = dropped_at(text);
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
            ("head\n[... 3 pods\n[... \nmore", 0, true, "head\n[... 3 pods\n[... \n", 23),
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
        let place = |attempt| Place { attempt, stdout: 10, stderr: 0 };
        for cursor in [Cursor(vec![place(3)]), Cursor(vec![place(3), place(5), place(6)])] {
            assert_eq!(Cursor::read(&cursor.word()), Some(cursor));
        }
        for wrong in ["", "1", "1.2", "1.2.3.4", "a.b.c", "1.2.-3", "1.0.0,", "2.0.0,1.0.0", "1.0.0,1.0.0"] {
            assert_eq!(Cursor::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn of_what_is_not_named_only_the_newer_was_not_told() {
        let cursor = Cursor::read("3.10.4,6.0.0").unwrap();
        for (attempt, place) in
            [(1, None), (3, Some((10, 4))), (5, None), (6, Some((0, 0))), (9, Some((0, 0)))]
        {
            let found = cursor.place_of(attempt).map(|place| (place.stdout, place.stderr));
            assert_eq!(found, place, "{attempt}");
        }
    }
}
