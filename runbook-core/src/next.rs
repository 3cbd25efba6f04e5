//! What a person can type next about a run. Every line works as it stands when it is pasted into a shell.

use crate::choices;
use crate::ids::RunId;
use crate::message::Answer;
use crate::request::Request;
use crate::run::{Question, Run, Status, Unit};

/// Stands where the person says why: the line works without a change, and asks for one.
const WHY: &str = "say why";

/// A line to type, and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// The line.
    pub command: String,
    /// What it does.
    pub means: &'static str,
}

/// What can be typed about a run as it stands, the safest first; nothing when there is nothing to decide.
#[must_use]
pub fn next(run: &Run) -> Vec<Next> {
    let waits = matches!(run.status, Status::WaitingForApproval { .. });
    let mut answers = match choices::question(run) {
        _ if waits => vec![Answer::Approve, Answer::Refuse],
        Some(question) => question.answers,
        None => Vec::new(),
    };
    if run.hold.is_some() && run.status.is_open() {
        if !answers.contains(&Answer::Resume) {
            answers.insert(0, Answer::Resume);
        }
        if !answers.contains(&Answer::Cancel) {
            answers.push(Answer::Cancel);
        }
    }
    let is_undo = |answer: &Answer| matches!(answer, Answer::Undo | Answer::GoBack);
    let line = |answer: &Answer| Next { command: command_of(*answer, run), means: meaning(*answer, run) };
    let (undo, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(is_undo);
    // undoing comes last, whatever else there is
    others.iter().map(line).chain(skips(run)).chain(undo.iter().map(line)).collect()
}

/// Going on without what failed, where that would not be refused.
fn skips(run: &Run) -> Vec<Next> {
    if !matches!(run.status, Status::Failed { .. }) {
        return Vec::new();
    }
    let one = run.would_pass_over(false);
    let all = Some(run.would_pass_over(true)).filter(|all| *all != one).unwrap_or_default();
    let skip = |rest, means| {
        let request =
            Request::RunbookSkip { run: Some(run.id.to_string()), reason: WHY.to_owned(), rest, step: None };
        Next { command: typed(&request).unwrap_or_default(), means }
    };
    let one = (!one.is_empty()).then(|| skip(false, "go on without what failed"));
    let all = (!all.is_empty()).then(|| skip(true, "go on without the rest of its loop or group, too"));
    one.into_iter().chain(all).collect()
}

/// The command that an answer, `retry`, `skip` or `mark-done` would be about now.
#[must_use]
pub fn in_question(run: &Run) -> Option<Unit> {
    match &run.status {
        Status::Paused { question } => Some(question.unit()),
        Status::Failed { .. } => run.stopped_at(),
        Status::UndoFailed { .. } => run.next_undo(),
        _ => None,
    }
}

/// What a command is called where a person names it: its id, in a loop with the item (`restart[web-2]`).
#[must_use]
pub fn name_of(run: &Run, unit: Unit) -> Option<String> {
    let id = &run.command(unit)?.id;
    Some(run.item(unit).map_or_else(|| id.clone(), |(_, item)| format!("{id}[{item}]")))
}

/// Whether a person means this command by that name: by its own, or by that of a step that holds nothing else.
#[must_use]
pub fn is_named(run: &Run, unit: Unit, name: &str) -> bool {
    let of_step = || {
        let step = run.plan.steps.get(unit.step).filter(|step| step.id == name);
        step.is_some_and(|step| step.commands.len() == 1 && unit.item.is_none())
    };
    name_of(run, unit).is_some_and(|own| own == name) || of_step()
}

fn meaning(answer: Answer, run: &Run) -> &'static str {
    match answer {
        // what is asked while it runs has a code of its own
        Answer::Approve if run.yeses_due() > 0 && run.fingerprint != run.planned_as => {
            "another person's yes to what it waits for, as its state says"
        }
        Answer::Approve if run.yeses_due() > 0 => "another person's yes to this plan",
        Answer::Approve => "yes, run it",
        Answer::Refuse if run.stands_again().is_some() => {
            "no: it stands where it stood before that was ordered"
        }
        Answer::Refuse => "no: it ends",
        Answer::Yes => "it is as expected: go on",
        // a no may be one of the failures that a loop's budget covers
        Answer::No if in_question(run).is_some_and(|unit| run.would_tolerate(unit)) => {
            "it is not as expected: it counts as failed, and the others go on"
        }
        Answer::No => "it is not as expected: stop here",
        Answer::WaitOn => "wait on: look again",
        Answer::Retry => "run it again",
        Answer::MarkDone => "it has happened: go on",
        Answer::GoOn if matches!(run.status, Status::Paused { question: Question::Canary { .. } }) => {
            "run the others, although the first was not seen to be good"
        }
        Answer::GoOn => "go on although it failed",
        Answer::PutRight => "somebody has looked and put this right: undo what is left",
        Answer::Resume => "let it go on",
        Answer::Cancel if run.undoing => "stop here: the undo has failed then",
        Answer::Cancel => "stop here",
        Answer::Undo => "undo what was done",
        Answer::GoBack => "undo: goes back to the bad version",
    }
}

/// What a person types in a shell to give an answer.
#[must_use]
pub fn command_of(answer: Answer, run: &Run) -> String {
    let named = Some(run.id.to_string());
    let reason = None;
    let step = in_question(run).and_then(|unit| name_of(run, unit));
    // what failed in a loop is run again together
    let asked = step.clone().filter(|_| matches!(run.status, Status::Paused { .. }));
    let request = match answer {
        Answer::Approve => Request::RunbookApprove {
            run: named,
            fingerprint: run.needs_code().then(|| run.fingerprint.code()),
            reason: run.needs_reason().then(|| WHY.to_owned()),
        },
        Answer::Refuse => Request::RunbookRefuse { run: named, reason },
        Answer::Yes | Answer::GoOn => Request::RunbookAnswer { run: named, yes: true, reason, step: asked },
        Answer::No => Request::RunbookAnswer { run: named, yes: false, reason, step: asked },
        Answer::MarkDone | Answer::PutRight => Request::RunbookMarkDone { run: named, reason, step },
        Answer::Retry | Answer::WaitOn => Request::RunbookRetry { run: named, reason, step: asked },
        Answer::Resume => Request::RunbookResume { run: named, reason },
        Answer::Cancel => Request::RunbookCancel { run: named, reason },
        Answer::Undo | Answer::GoBack => Request::RunbookUndo { run: named, reason },
    };
    typed(&request).unwrap_or_default()
}

/// What to type to look at a run that stands there (its status word in JSON).
#[must_use]
pub fn look(run: RunId, status: &str) -> String {
    let verb = if matches!(status, "running" | "undoing") { "attach" } else { "status" };
    format!("blocks runbook {verb} {run}")
}

/// A request about a run as it is typed in a shell; `None` for any other request.
#[must_use]
pub fn typed(request: &Request) -> Option<String> {
    let verb = match request {
        Request::RunbookStatus { .. } => "status",
        Request::RunbookApprove { .. } => "approve",
        Request::RunbookRefuse { .. } => "refuse",
        Request::RunbookPause { .. } => "pause",
        Request::RunbookResume { .. } => "resume",
        Request::RunbookSkip { .. } => "skip",
        Request::RunbookAttach { .. } => "attach",
        Request::RunbookTakeOver { .. } => "take-over",
        Request::RunbookCancel { .. } => "cancel",
        Request::RunbookAnswer { .. } => "answer",
        Request::RunbookRetry { .. } => "retry",
        Request::RunbookMarkDone { .. } => "mark-done",
        Request::RunbookUndo { .. } => "undo",
        _ => return None,
    };
    let mut line = format!("blocks runbook {verb}");
    let mut add = |word: &str| {
        line.push(' ');
        line.push_str(word);
    };
    if let Some(run) = request.run() {
        add(&quoted(run));
    }
    match request {
        Request::RunbookAnswer { yes, .. } => add(if *yes { "yes" } else { "no" }),
        Request::RunbookApprove { fingerprint: Some(code), .. } => {
            add(&format!("--fingerprint {}", quoted(code)));
        }
        Request::RunbookSkip { rest: true, .. } => add("--rest"),
        _ => {}
    }
    if let Some(step) = request.step() {
        add(&format!("--step {}", quoted(step)));
    }
    if let Some(reason) = request.reason() {
        add(&format!("--reason {}", quoted(reason)));
    }
    Some(line)
}

/// One word for a shell, whatever it holds.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_typed_with_what_it_holds() {
        let run = || Some("0199".to_owned());
        let why = |text: &str| Some(text.to_owned());
        for (request, line) in [
            (Request::RunbookStatus { run: None }, "blocks runbook status"),
            (Request::RunbookCancel { run: run(), reason: None }, "blocks runbook cancel 0199"),
            (
                Request::RunbookAnswer { run: run(), yes: true, reason: why("it's up"), step: why("look") },
                "blocks runbook answer 0199 yes --step look --reason 'it'\\''s up'",
            ),
            (
                Request::RunbookApprove { run: run(), fingerprint: why("4F2A"), reason: why("$(x)") },
                "blocks runbook approve 0199 --fingerprint 4F2A --reason '$(x)'",
            ),
            (
                Request::RunbookMarkDone { run: run(), reason: None, step: why("up[web 1]") },
                "blocks runbook mark-done 0199 --step 'up[web 1]'",
            ),
            (
                Request::RunbookSkip { run: run(), reason: "gone".to_owned(), rest: true, step: None },
                "blocks runbook skip 0199 --rest --reason gone",
            ),
            (
                Request::RunbookTakeOver { run: run(), reason: "gone".to_owned() },
                "blocks runbook take-over 0199 --reason gone",
            ),
        ] {
            assert_eq!(typed(&request).as_deref(), Some(line));
        }
        assert_eq!(typed(&Request::RunbookList), None);
    }
}
