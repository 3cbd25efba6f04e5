//! What a person is asked about a run that rests, and what they may say, the safest first.
//!
//! Looking again and waiting come before stopping, stopping before undoing. Going back to what a rollback left is called
//! by its name and stands last.

use sha2::{Digest as _, Sha256};

use crate::expectation::Outcome;
use crate::going_on::{skip_lines, untried_words};
use crate::message::{Answer, QuestionView};
use crate::next;
use crate::run::{CommandPhase, Question, Run, Status, Unit, UnitRole, of_group};
use crate::runbook::Effect;
use crate::stays::what_stays;
use crate::view::{outcome_word, paused_words, verdict_text};

/// Characters of a question's short name: enough that no two of one run share it.
const ASKED: usize = 16;

/// What a run that rests asks of people; `None` when there is nothing to say.
#[must_use]
pub fn question(run: &Run) -> Option<QuestionView> {
    match &run.status {
        Status::Paused { question } => Some(paused(run, question)),
        Status::Running | Status::Undoing if run.hold.is_some() => Some(QuestionView {
            text: "It is paused. Go on?".to_owned(),
            evidence: vec![paused_words(run)],
            answers: vec![Answer::Resume],
        }),
        Status::Failed { reason } => {
            let mut evidence = vec![reason.clone()];
            evidence.extend(what_stays(run));
            evidence.extend(run.stopped_at().and_then(|unit| no_word_for(run, unit)));
            evidence.extend(missing_before(run));
            evidence.extend(skip_lines(run));
            Some(QuestionView {
                text: "It stopped. What now?".to_owned(),
                evidence,
                answers: with_undo(run, after_failure(run)),
            })
        }
        Status::Cancelled => {
            let mut evidence = doubts(run);
            let answers = with_undo(run, Vec::new());
            evidence.extend(what_stays(run));
            let text = "It was cancelled. What it had done is still there.".to_owned();
            (!answers.is_empty() || !evidence.is_empty()).then_some(QuestionView { text, evidence, answers })
        }
        Status::UndoFailed { reason } => Some(QuestionView {
            text: format!(
                "The undo failed, and {} is in a state that nobody has seen. Nothing more changes it until somebody has \
                 looked. What now?",
                run.plan.target
            ),
            evidence: [reason.clone()].into_iter().chain(what_stays(run)).collect(),
            answers: match run.next_undo() {
                Some(_) => vec![Answer::Retry, Answer::PutRight],
                None => vec![Answer::PutRight],
            },
        }),
        _ => None,
    }
}

/// What a run asks of people now, as a short name: an answer to what it asked before has another one. `None` when it asks
/// nothing.
#[must_use]
pub fn asked(run: &Run) -> Option<String> {
    let words = match &run.status {
        Status::WaitingForApproval { expires_at } => format!("approval/{}", expires_at.timestamp_millis()),
        Status::Paused { question } => paused_about(run, question),
        _ => {
            question(run)?;
            format!("{}/{}", run.word(), run.attempts)
        }
    };
    let digest = hex::encode(Sha256::digest(words.as_bytes()));
    digest.get(..ASKED).map(str::to_owned)
}

/// What a paused run asks: about which command, in which attempt, and what about it.
pub(crate) fn paused_about(run: &Run, asked: &Question) -> String {
    let unit = next::in_question(run);
    let name = unit.and_then(|unit| next::name_of(run, unit)).unwrap_or_default();
    let attempt = match unit.and_then(|unit| run.commands.get(&unit)) {
        Some(CommandPhase::Ended { attempt, .. } | CommandPhase::InDoubt { attempt, .. }) => *attempt,
        Some(CommandPhase::Started { attempt }) => attempt.number,
        _ => 0,
    };
    let kind = match asked {
        Question::Check { .. } => "check",
        Question::Late { .. } => "late",
        Question::Doubt { .. } => "doubt",
        Question::Blocked { .. } => "blocked",
        Question::Guard { .. } => "guard",
        Question::Canary { .. } => "first of a loop",
        // Each of its times may be over, one after the other.
        Question::Overrun { reason, .. } => reason.as_str(),
    };
    format!("{kind}/{name}/{attempt}")
}

/// The first item of a loop that tries it alone.
fn is_tried_alone(run: &Run, unit: Unit) -> bool {
    let foreach = run.command(unit).and_then(|command| command.flow.foreach.as_ref());
    unit.item == Some(0) && foreach.is_some_and(|foreach| foreach.canary)
}

/// A failed read is looked at again. What changes something may have done it although it says that it failed.
fn after_failure(run: &Run) -> Vec<Answer> {
    match run.stopped_at() {
        Some(unit) if effect(run, unit) != Effect::Read && run.may_have_happened(unit) => {
            match run.missed_later(unit) {
                None => vec![Answer::Retry, Answer::MarkDone],
                Some(_) => vec![Answer::Retry],
            }
        }
        _ => vec![Answer::Retry],
    }
}

/// What the command that was not started may have missed, and which command was to bring it.
fn missing_before(run: &Run) -> Vec<String> {
    let is_not_started =
        |unit: &Unit| matches!(run.commands.get(unit), Some(CommandPhase::NotStarted { .. }));
    let Some(unit) = run.stopped_at().filter(is_not_started) else { return Vec::new() };
    let line = |(name, from): (String, Unit)| {
        format!("{name} was to come from {}; running this one again does not bring it", title(run, from))
    };
    run.may_be_missing(unit).into_iter().map(line).collect()
}

/// Why going on past a command is not offered, where later ones need what it did not hand on.
fn no_word_for(run: &Run, unit: Unit) -> Option<String> {
    let missed = run.missed_later(unit)?;
    let since = match run.may_have_set_anything(unit) {
        true => "it failed, so nobody knows what is there",
        false => "that was not handed on",
    };
    Some(format!("nobody can vouch for it: {missed}, and {since}"))
}

fn paused(run: &Run, question: &Question) -> QuestionView {
    let unit = question.unit();
    let title = title(run, unit);
    let (text, answers) = match question {
        Question::Check { .. } => (format!("{title}: is it as expected?"), vec![Answer::Yes, Answer::No]),
        // one look failed after the other: going on is as after a failure
        Question::Late { .. } if run.was_missed(unit) && !run.undoing => (
            format!("{title}: late, and the last look failed. It may still come. Wait on?"),
            match run.missed_later(unit) {
                None => vec![Answer::WaitOn, Answer::No, Answer::GoOn],
                Some(_) => vec![Answer::WaitOn, Answer::No],
            },
        ),
        // to wait on is to look again; what changes something is not repeated for that
        Question::Late { .. } if effect(run, unit) == Effect::Read => (
            format!("{title}: late, and it may still come. Wait on?"),
            vec![Answer::WaitOn, Answer::Yes, Answer::No],
        ),
        Question::Late { .. } => (
            format!("{title}: late, and it may still come. Look whether it has: is it as expected?"),
            vec![Answer::Yes, Answer::No, Answer::Retry],
        ),
        Question::Doubt { .. } => (
            format!("{title}: it was started and nobody saw its end. Did it run?"),
            match run.missed_later(unit) {
                None => vec![Answer::MarkDone, Answer::Retry, Answer::Cancel],
                Some(_) => vec![Answer::Retry, Answer::Cancel],
            },
        ),
        // to wait on is to do nothing
        Question::Overrun { reason, .. } => {
            (format!("{title}: {reason}. Nothing runs. Go on?"), vec![Answer::Yes, Answer::Cancel])
        }
        Question::Blocked { reason, .. } => match run.missed_later(unit) {
            None => (format!("{title}: {reason}. Go on?"), vec![Answer::Yes, Answer::No]),
            Some(_) => (format!("{title}: {reason}. What now?"), vec![Answer::Retry, Answer::No]),
        },
        Question::Guard { .. } => {
            let others = is_tried_alone(run, unit);
            let after =
                if others { "the others wait for it" } else { "what comes after it changes something" };
            (
                format!("{title}: it failed, and {after}. Look again?"),
                match run.why_not_passed_over(unit) {
                    None => vec![Answer::Retry, Answer::No, Answer::GoOn],
                    Some(_) => vec![Answer::Retry, Answer::No],
                },
            )
        }
        // not to run the others is the safe answer, and to repeat the first may be another change
        Question::Canary { .. } => {
            let others = untried_words(run).unwrap_or_default();
            let answers = match effect(run, unit) {
                Effect::Read => vec![Answer::Retry, Answer::No, Answer::GoOn],
                _ => vec![Answer::No, Answer::GoOn, Answer::Retry],
            };
            (format!("{title}: it is tried alone, before the others. Go on all the same: {others}?"), answers)
        }
    };
    let mut evidence = evidence(run, question);
    if matches!(question, Question::Doubt { .. } | Question::Guard { .. } | Question::Blocked { .. })
        || matches!(question, Question::Late { .. }) && run.was_missed(unit)
    {
        evidence.extend(no_word_for(run, unit));
    }
    let mut answers = answers;
    if answers.contains(&Answer::No) && run.would_tolerate(unit) {
        answers.push(Answer::Cancel);
        evidence.push("a no is one of the failures that its loop may have: the others go on".to_owned());
    }
    evidence.extend(skip_lines(run));
    QuestionView { text, evidence, answers: with_undo(run, answers) }
}

fn evidence(run: &Run, question: &Question) -> Vec<String> {
    match run.commands.get(&question.unit()) {
        Some(CommandPhase::Ended { verdicts, .. }) => verdicts
            .iter()
            .map(|one| format!("{}: {}", outcome_word(one.outcome), verdict_text(&one.text, &one.reason)))
            .collect(),
        Some(CommandPhase::InDoubt { reason: known, .. }) => match question {
            // what the probe had to say stands in the question
            Question::Doubt { reason, .. } => vec![reason.clone()],
            _ => vec![known.clone()],
        },
        Some(CommandPhase::NotStarted { reason }) => vec![format!("not started: {reason}")],
        Some(CommandPhase::PassedOver { by, reason, .. }) => vec![format!("{by} passed it over: {reason}")],
        Some(CommandPhase::MarkedDone) => vec![said(run, question.unit())],
        Some(CommandPhase::Probed) => vec!["its probe says that it has happened".to_owned()],
        _ => Vec::new(),
    }
}

/// Whose word it is that a command has happened.
#[must_use]
pub fn said(run: &Run, unit: Unit) -> String {
    match run.words.get(&unit) {
        Some(word) => format!("{} says that it has happened{}", word.by, word.because()),
        None => "a person says that it has happened".to_owned(),
    }
}

/// The commands that a person ordered to run again, where that waits for a yes.
#[must_use]
pub fn repetition(run: &Run) -> Vec<String> {
    run.to_repeat().into_iter().map(|unit| title(run, unit)).collect()
}

/// What people call a command: with the item of its loop, and what it undoes.
fn title(run: &Run, unit: Unit) -> String {
    let Some(command) = run.command(unit) else { return String::new() };
    let of_step = || run.plan.steps.get(unit.step).map(|step| step.title.clone());
    let title = match &command.title {
        Some(title) => of_group(command, title.clone()),
        None if command.flow.parallel.is_some() => of_group(command, of_step().unwrap_or_default()),
        None => command.id.clone(),
    };
    let title = run.item(unit).map_or(title.clone(), |(_, item)| format!("{title} [{item}]"));
    match (unit.role, run.plan.steps.get(unit.step)) {
        (UnitRole::Undo, Some(step)) => format!("Undo of {}: {title}", step.title),
        _ => title,
    }
}

fn effect(run: &Run, unit: Unit) -> Effect {
    run.command(unit).map_or(Effect::Once, |command| command.effect)
}

/// Undoing comes last, whatever else there is, and is called what it is.
fn with_undo(run: &Run, mut answers: Vec<Answer>) -> Vec<Answer> {
    if !run.undoing && run.next_undo().is_some() {
        answers.push(if run.undo_goes_back() { Answer::GoBack } else { Answer::Undo });
    }
    answers
}

fn doubts(run: &Run) -> Vec<String> {
    let in_doubt = run.commands.iter().filter_map(|(unit, phase)| match phase {
        CommandPhase::InDoubt { reason, .. } => {
            Some(format!("look what it did: {} ({reason})", title(run, *unit)))
        }
        _ => None,
    });
    in_doubt.collect()
}

/// Commands that only looked, failed, and were passed over.
#[must_use]
pub fn noted_failures(run: &Run) -> Vec<String> {
    let noted = run.commands.iter().filter_map(|(unit, phase)| match phase {
        CommandPhase::Ended { noted: true, verdicts, .. } => {
            let failed = verdicts.iter().find(|verdict| verdict.outcome == Outcome::Fail)?;
            Some(format!("{}: {}", title(run, *unit), verdict_text(&failed.text, &failed.reason)))
        }
        _ => None,
    });
    noted.collect()
}
