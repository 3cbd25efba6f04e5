//! A plan, for the person who decides about it.

use runbook_core::message::{Answer, PlanStepView, PlanView};

use super::page::{Page, Rendered};
use super::text::{fence, line, span};
use crate::command_word::CommandWord;
use crate::translate::REASON;
use crate::wire::ButtonValue;

/// Most room for one step's commands, and for its undo.
const COMMANDS_MAX: usize = 1_900;
const UNDO_MAX: usize = 600;
/// Most commands that are named as running again.
const AGAIN_MAX: usize = 20;
/// Most parameters that are shown.
const PARAMS_MAX: usize = 20;

/// Most room for a parameter's name, and for its value, as they are escaped.
const NAME_MAX: usize = 60;
const VALUE_MAX: usize = 300;

/// Renders the plan: what is asked, what it risks, exactly what would run, what undoes it. Buttons only while they do
/// something.
pub(crate) fn plan(word: &CommandWord, view: &PlanView) -> Rendered {
    let mut page = Page::new(&format!("Plan: {}", view.title));
    page.lines(head(view));
    if !view.again.is_empty() {
        page.lines(again(view));
    }
    if view.again.len() > AGAIN_MAX {
        page.mark_cut();
    }
    if view.params.len() > PARAMS_MAX || view.params.iter().any(|(name, value)| param(name, value).1) {
        page.mark_cut();
    }
    for (number, step) in (1..).zip(&view.steps) {
        let (text, is_cut) = step_text(number, step);
        if is_cut {
            page.mark_cut();
        }
        page.section(text);
    }
    if page.is_cut() {
        // A yes covers all of it, so the one who says it must know that there is more.
        page.must(&word.said(&format!(
            "*Not all of this plan fits here, so it cannot be approved by a button.* Read all of it with \
             `blocks runbook status {}` in a shell; then `/blocks runbook approve {} --fingerprint {}{}`.",
            view.run,
            view.run,
            line(&view.code, 20),
            if view.approvals_needed == 0 { " --reason 'say why'" } else { "" },
        )));
    }
    if view.waiting {
        let value = ButtonValue {
            run: view.run.to_string(),
            fingerprint: Some(line(&view.fingerprint, 200)),
            step: None,
            asked: view.asked.clone(),
        };
        if view.approvals_needed == 0 && !page.is_cut() {
            page.field(REASON, "Why? It goes into the review", 500);
        }
        if page.is_cut() {
            page.buttons(&[(Answer::Refuse, "Refuse")], &value, false);
        } else {
            page.buttons(&[(Answer::Approve, "Approve"), (Answer::Refuse, "Refuse")], &value, true);
        }
        if view.approvals_needed > 0 {
            page.small("Approve works for another person than the one who asked.");
        }
    }
    page.finish(&format!(
        "Plan for {}: {}, code {}, {}, {}",
        view.target, view.title, view.code, view.risk, view.state
    ))
}

/// What a yes lets run again: of the plan below, that is what it is about.
fn again(view: &PlanView) -> Vec<String> {
    let mut lines = vec!["*A yes lets this run again:*".to_owned()];
    lines.extend(view.again.iter().take(AGAIN_MAX).map(|title| format!("• {}", line(title, 200))));
    lines.push("_and then what is left of the plan:_".to_owned());
    lines
}

fn head(view: &PlanView) -> Vec<String> {
    let mut lines = vec![
        format!("*Code:* `{}`   *Target:* {}", line(&view.code, 20), line(&view.target, 200)),
        format!("*State:* {}   *Asked by:* {}", line(&view.state, 200), line(&view.requested_by, 100)),
    ];
    lines.extend(view.approvers.as_deref().map(|who| line(who, 400).to_string()));
    lines.extend(view.incident.as_deref().map(|incident| format!("*Incident:* {}", line(incident, 50))));
    lines.push(format!("*Risk:* {}", line(&view.risk, 100)));
    lines.extend(view.risk_reasons.iter().take(10).map(|reason| format!("• {}", line(reason, 200))));
    lines.extend(view.provenance.iter().take(10).map(|said| format!("_{}_", line(said, 300))));
    lines.extend(view.params.iter().take(PARAMS_MAX).map(|(name, value)| param(name, value).0));
    let boxes = span(i64::from(view.boxes_s));
    lines.push(match view.limit_s {
        Some(limit) => {
            let verdict = if view.boxes_s <= limit { "within" } else { "over" };
            format!("*Time boxes:* {boxes}, {verdict} the limit of {}", span(i64::from(limit)))
        }
        None => format!("*Time boxes:* {boxes}"),
    });
    if view.waiting {
        lines.push(match view.approvals_needed {
            0 => "*Needs:* the commander's yes, and why".to_owned(),
            1 => "*Needs:* the yes of one other person".to_owned(),
            many => format!("*Needs:* the yes of {many} other people"),
        });
        let target = view.deadline;
        lines.extend(target.map(|at| format!("*Target passes:* {}", at.format("%Y-%m-%d %H:%M:%S UTC"))));
        lines.extend(
            view.expires_at.map(|at| format!("*Offer ends:* {}", at.format("%Y-%m-%d %H:%M:%S UTC"))),
        );
    }
    lines
}

/// A parameter as it is bound, and whether some of it is not shown. Blanks that a line would fold stand in a fence.
fn param(name: &str, value: &str) -> (String, bool) {
    let shown_name = line(name, NAME_MAX);
    let is_cut = shown_name != line(name, usize::MAX);
    if value.split_whitespace().collect::<Vec<_>>().join(" ") != value {
        let fenced = fence(value, VALUE_MAX);
        return (format!("*{shown_name}* =\n{}", fenced.text), is_cut || fenced.is_cut);
    }
    let shown = line(value, VALUE_MAX);
    let is_cut = is_cut || shown != line(value, usize::MAX);
    (format!("*{shown_name}* = {shown}"), is_cut)
}

/// One step, and whether some of it is not shown.
fn step_text(number: usize, step: &PlanStepView) -> (String, bool) {
    let mut text = format!("*{number}. {}* ({}", line(&step.title, 200), line(&step.effect, 30));
    if let Some(seconds) = step.timebox_s {
        text.push_str(&format!(", {}", span(i64::from(seconds))));
    }
    text.push(')');
    let mut is_cut = false;
    if !step.baselines.is_empty() {
        text.push_str("\nCaptured first:");
        let fenced = fence(&step.baselines.join("\n"), UNDO_MAX);
        is_cut |= fenced.is_cut;
        text.push('\n');
        text.push_str(&fenced.text);
    }
    let mut block = |commands: &str, max| {
        let fenced = fence(commands, max);
        is_cut |= fenced.is_cut;
        text.push('\n');
        text.push_str(&fenced.text);
    };
    if !step.commands.is_empty() {
        block(&step.commands.join("\n"), COMMANDS_MAX);
    }
    match step.undo.as_deref() {
        Some(undo) => {
            text.push_str(if step.reversal.is_empty() { "\nUndo:" } else { "\nUndo (" });
            if !step.reversal.is_empty() {
                text.push_str(&line(&step.reversal, 100));
                text.push_str("):");
            }
            let fenced = fence(undo, UNDO_MAX);
            is_cut |= fenced.is_cut;
            text.push('\n');
            text.push_str(&fenced.text);
        }
        None if step.effect == "read" => {}
        None if step.reversal.is_empty() => text.push_str("\nUndo: none"),
        None => text.push_str(&format!("\n*{}*", line(&step.reversal, 100))),
    }
    (text, is_cut)
}
