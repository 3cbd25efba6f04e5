//! A run, live, with its question when it has one.

use runbook_core::message::{Answer, ProgressView, QuestionView};

use super::card::evidence_line;
use super::page::{Page, Rendered};
use super::text::{line, prose, span};
use crate::command_word::CommandWord;
use crate::wire::ButtonValue;

/// Longest name of a command that a button carries, in bytes.
const STEP_MAX: usize = 1_200;

/// Renders a run's progress.
pub(crate) fn progress(word: &CommandWord, view: &ProgressView) -> Rendered {
    let mut page = Page::new(&format!("Run: {}", view.title));
    page.lines([format!("*State:* {}   *Run:* `{}`", line(&view.state, 200), view.run)]);
    page.lines(view.deadline.map(|at| {
        format!(
            "*Target passes:* {}   *Time boxes:* {}",
            at.format("%Y-%m-%d %H:%M:%S UTC"),
            span(i64::from(view.boxes_s))
        )
    }));
    let mut lines = Vec::new();
    for (number, step) in (1..).zip(&view.steps) {
        let state = line(&step.state, 60);
        lines.push(format!("{} *{number}. {}*: {state}", sign(&step.state), line(&step.title, 200)));
        lines.extend(step.verdicts.iter().map(|verdict| format!("        {}", evidence_line(verdict))));
    }
    page.lines(lines);
    if page.is_cut() {
        let all = format!("Not everything fits here: `/blocks runbook status {}` has all of it.", view.run);
        page.must(&word.said(&all));
    }
    if let Some(question) = &view.question {
        ask(word, &mut page, view, question);
    }
    page.finish(&format!("Run of {}: {}", view.title, view.state))
}

fn ask(word: &CommandWord, page: &mut Page, view: &ProgressView, question: &QuestionView) {
    let evidence: Vec<String> =
        question.evidence.iter().take(3).map(|known| format!("• {}", line(known, 180))).collect();
    page.must(&format!("*{}*\n{}", prose(word, &question.text, 300).replace('\n', " "), evidence.join("\n")));
    let answers: Vec<(Answer, &str)> =
        question.answers.iter().map(|answer| (*answer, label(*answer))).collect();
    // The first answer is the safest one.
    // Slack takes so much for the value of a button
    let step = view.step.clone().filter(|step| step.len() <= STEP_MAX);
    let (run, asked) = (view.run.to_string(), view.asked.clone());
    page.buttons(&answers, &ButtonValue { run, fingerprint: None, step, asked }, true);
}

fn label(answer: Answer) -> &'static str {
    match answer {
        Answer::Approve => "Approve",
        Answer::Refuse => "Refuse",
        Answer::Yes => "Yes, as expected",
        Answer::No => "No",
        Answer::MarkDone => "It has happened",
        Answer::Resume => "Go on",
        Answer::Retry => "Run it again",
        Answer::Cancel => "Stop here",
        Answer::Undo => "Undo what was done",
        Answer::WaitOn => "Wait on: look again",
        Answer::GoOn => "Go on all the same",
        Answer::GoBack => "Undo: back to the BAD version",
        Answer::PutRight => "It is put right",
    }
}

/// A sign that helps to find the line; the word beside it carries the meaning.
fn sign(state: &str) -> char {
    match state {
        "passed" => '✓',
        "failed" | "undo failed" => '✗',
        "running" | "undoing" => '▶',
        "undone" => '↩',
        "late" => '◷',
        "skipped" => '–',
        "waiting" => '○',
        _ => '?',
    }
}
