//! What people are shown, made from what is: card, plan and progress as views of the states.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::duration::for_people;
use crate::expectation::Outcome;
use crate::incident::{Incident, RunOutcome, Status as IncidentStatus};
use crate::message::{
    Answer, CardView, EvidenceLine, PlanStepView, PlanView, ProgressStepView, ProgressView, QuestionView,
};
use crate::plan::PlanStep;
use crate::run::{Budget, CommandPhase, Question, Run, Status, Unit, UnitRole};
use crate::runbook::Effect;
use crate::severity::Severity;

/// The incident's card. `outputs` holds the beginnings of command outputs by SHA-256, as far as they are to be shown.
#[must_use]
pub fn card(
    incident: &Incident,
    runs: &[Run],
    severity: Option<&Severity>,
    rollback: Option<&str>,
    outputs: &BTreeMap<String, String>,
    now: DateTime<Utc>,
) -> CardView {
    let since_s = u32::try_from((now - incident.detected_at).num_seconds().max(0)).unwrap_or(u32::MAX);
    let phase = severity.filter(|_| incident.status.is_open()).and_then(|severity| {
        severity
            .phase_at(since_s)
            .map(|phase| format!("{} ({}-{} min)", phase.name, phase.from_s / 60, phase.to_s / 60))
    });
    CardView {
        number: incident.number.to_string(),
        title: incident.title.clone(),
        severity: incident.severity.clone(),
        status: incident.status.word().to_owned(),
        service: incident.service.clone(),
        phase,
        detected_at: incident.detected_at,
        target_s: incident.target_s,
        mitigated_at: incident.mitigated_at,
        resolved_at: incident.resolved_at,
        commander: incident.commander.as_ref().map(|commander| {
            if commander.acting { format!("{} (acting)", commander.who) } else { commander.who.to_string() }
        }),
        pager_url: incident.pager.as_ref().and_then(|pager| pager.url.clone()),
        evidence: incident
            .evidence
            .iter()
            .map(|line| EvidenceLine {
                outcome: line.outcome,
                title: line.title.clone(),
                detail: verdict_text(&line.expected, &line.reason),
                output: line.output_sha256.as_ref().and_then(|sha256| outputs.get(sha256)).cloned(),
            })
            .collect(),
        triage: triage_line(incident),
        changes: incident.changes.iter().map(|change| change.text.clone()).collect(),
        runs: runs.iter().rev().filter(|run| !run.unasked).map(run_line).collect(),
        suggestions: suggestions(incident, rollback),
    }
}

fn triage_line(incident: &Incident) -> Option<String> {
    if let Some(triage) = incident.triage {
        let asks = if triage.ask > 0 { format!(", {} for you to check", triage.ask) } else { String::new() };
        return Some(format!(
            "{} commands ran: {} passed, {} failed{asks}",
            triage.commands, triage.passed, triage.failed
        ));
    }
    if incident.triage_impossible {
        return Some("the diagnostics could not start: nobody looked yet (the timeline says why)".to_owned());
    }
    incident.runs.iter().any(|run| run.triage).then(|| "diagnostics are running".to_owned())
}

fn run_line(run: &Run) -> String {
    let total = run.units().count();
    let settled = run.commands.values().filter(|phase| phase.is_settled()).count();
    let progress = match run.status {
        Status::Running | Status::Paused { .. } => format!(", {settled} of {total} commands"),
        _ => String::new(),
    };
    format!("{} (code {}): {}{progress}", run.plan.title, run.fingerprint.code(), state_words(run))
}

fn suggestions(incident: &Incident, rollback: Option<&str>) -> Vec<String> {
    let mut lines = Vec::new();
    if incident.commander.is_none() && incident.status.is_open() {
        lines.push("`/blocks incident ack` to take it: nobody commands yet".to_owned());
    }
    let failing = incident.evidence.iter().any(|line| line.outcome == Outcome::Fail);
    let rolling = incident
        .runs
        .iter()
        .any(|run| run.mutating && !matches!(run.outcome, Some(RunOutcome::Failed | RunOutcome::Cancelled)));
    if let (true, false, Some(_)) =
        (failing && incident.status < IncidentStatus::Monitoring, rolling, rollback)
    {
        lines.push(format!(
            "`/blocks runbook rollback {}`: a diagnostic failed, and this service names a rollback",
            incident.service
        ));
    }
    if incident.status == IncidentStatus::Monitoring && !incident.resolve_requested {
        lines.push("`/blocks incident resolve` once you have seen that it holds".to_owned());
    }
    lines
}

/// `expected: reason`, leaving out what is empty.
fn verdict_text(expected: &str, reason: &str) -> String {
    match (expected, reason) {
        ("", reason) => reason.to_owned(),
        (expected, "") => format!("expected {expected}"),
        (expected, reason) => format!("expected {expected}: {reason}"),
    }
}

/// Where a run stands, for people.
#[must_use]
pub fn state_words(run: &Run) -> String {
    match &run.status {
        Status::Paused { question: Question::Overrun { reason, .. } } => {
            format!("waits for an answer: {reason}")
        }
        Status::Planned => "planned".to_owned(),
        Status::WaitingForApproval { .. } if run.approvals_needed == 0 => {
            format!("waits for {} to confirm", run.requester)
        }
        Status::WaitingForApproval { .. } => {
            format!(
                "waits for approval by {} other {} ({} given)",
                run.approvals_needed,
                if run.approvals_needed == 1 { "person" } else { "people" },
                run.approvals.len()
            ) + &passed_over_words(run).map_or_else(String::new, |without| format!(" to go on {without}"))
        }
        Status::Running | Status::Undoing if run.hold.is_some() => paused_words(run),
        Status::Running => "running".to_owned(),
        Status::Paused { question: Question::Doubt { .. } } => "in doubt: did it run?".to_owned(),
        Status::Paused { .. } => "waits for an answer".to_owned(),
        Status::Succeeded => match passed_over_words(run) {
            Some(without) => format!("ended, {without}"),
            None => "succeeded".to_owned(),
        },
        Status::Failed { reason } => format!("failed: {reason}"),
        Status::Cancelled => "cancelled".to_owned(),
        Status::Undoing => "undoing".to_owned(),
        Status::Undone => "undone".to_owned(),
        Status::UndoFailed { reason } => format!("UNDO FAILED, a person must look: {reason}"),
    }
}

/// `12 min left until the target`, or by how much it has passed.
#[must_use]
pub fn until_target(left_ms: i64) -> String {
    let span = for_people(left_ms.unsigned_abs().div_ceil(1_000));
    if left_ms < 0 {
        format!("the target passed {span} ago")
    } else {
        format!("{span} left until the target")
    }
}

/// What is left of a run's time; empty when nothing limits it.
#[must_use]
pub fn budget_words(budget: &Budget) -> String {
    let mut parts = Vec::new();
    if let (Some(step), Some(left)) = (&budget.step, budget.box_left_ms) {
        let span = for_people(left.unsigned_abs().div_ceil(1_000));
        let words = if left < 0 { format!("over by {span}") } else { format!("{span} left") };
        parts.push(format!("box of {step}: {words}"));
    }
    if budget.boxes_s > 0 {
        let left = for_people(budget.boxes_left_s.unsigned_abs());
        parts.push(format!("boxes: {left} of {} left", for_people(u64::from(budget.boxes_s))));
    }
    if let Some(left) = budget.deadline_left_ms {
        let short = if budget.exceeds_deadline { " (less than its boxes)" } else { "" };
        parts.push(format!("{}{short}", until_target(left)));
    }
    parts.join(", ")
}

fn paused_words(run: &Run) -> String {
    let by = run.hold.as_ref().map_or_else(String::new, |hold| {
        let reason = hold.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
        format!(" by {}{reason}", hold.by)
    });
    let undo = if run.status == Status::Undoing { " while it is undone" } else { "" };
    let live = if run.live_unit().is_some() { "; the command under way goes on to its end" } else { "" };
    format!("paused{by}{undo}{live}")
}

/// What people have passed over: such a run is not simply a success.
fn passed_over_words(run: &Run) -> Option<String> {
    let lines: Vec<_> = run
        .passed_over()
        .map(|(unit, by, reason)| {
            let title =
                run.command(unit).map_or("", |command| command.title.as_deref().unwrap_or(&command.id));
            format!("{title}, which {by} passed over ({reason})")
        })
        .collect();
    (!lines.is_empty()).then(|| format!("without {}", lines.join("; ")))
}

/// A plan, for the person who decides about it.
#[must_use]
pub fn plan(run: &Run) -> PlanView {
    let waiting = matches!(run.status, Status::WaitingForApproval { .. });
    let approved_by: Vec<_> = run.approvals.iter().map(|approval| approval.by.to_string()).collect();
    let state = if waiting || approved_by.is_empty() {
        state_words(run)
    } else {
        format!("approved by {}; {}", approved_by.join(", "), state_words(run))
    };
    PlanView {
        run: run.id,
        title: run.plan.title.clone(),
        incident: run.incident_number.clone(),
        target: run.plan.target.clone(),
        fingerprint: run.fingerprint.to_string(),
        code: run.fingerprint.code(),
        risk: run.risk.risk.word().to_owned(),
        risk_reasons: run.risk.reasons.clone(),
        boxes_s: run.plan.boxes_s(),
        limit_s: run.plan.limit_s,
        deadline: run.deadline,
        params: run.plan.params.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        steps: run.plan.steps.iter().map(plan_step).collect(),
        requested_by: run.requester.to_string(),
        approvals_needed: run.approvals_needed,
        state,
        waiting,
        expires_at: match run.status {
            Status::WaitingForApproval { expires_at } => Some(expires_at),
            _ => None,
        },
    }
}

fn plan_step(step: &PlanStep) -> PlanStepView {
    let effect = match step.effect() {
        _ if step.commands.is_empty() => "manual",
        Effect::Read => "read",
        Effect::Idempotent => "idempotent",
        Effect::Once => "once",
    };
    let commands = if step.commands.is_empty() {
        step.manual_items.iter().map(|item| item.text.clone()).collect()
    } else {
        step.commands.iter().map(|command| command.text.trim_end().to_owned()).collect()
    };
    let undo: Vec<_> = step.undo.iter().map(|command| command.text.trim_end().to_owned()).collect();
    PlanStepView {
        title: step.title.clone(),
        timebox_s: step.timebox_s,
        effect: effect.to_owned(),
        baselines: step.baselines.iter().map(|command| command.text.trim_end().to_owned()).collect(),
        commands,
        undo: (!undo.is_empty()).then(|| undo.join("\n")),
    }
}

/// A run, live.
#[must_use]
pub fn progress(run: &Run) -> ProgressView {
    ProgressView {
        run: run.id,
        title: run.plan.title.clone(),
        state: state_words(run),
        boxes_s: run.plan.boxes_s(),
        deadline: run.deadline,
        steps: (0..run.plan.steps.len()).map(|index| progress_step(run, index)).collect(),
        question: question(run),
    }
}

fn progress_step(run: &Run, index: usize) -> ProgressStepView {
    let title = run.plan.steps.get(index).map_or_else(String::new, |step| step.title.clone());
    ProgressStepView { title, state: step_state(run, index).to_owned(), verdicts: step_verdicts(run, index) }
}

/// Where a step of a run stands, in the card's words.
#[must_use]
pub fn step_state(run: &Run, index: usize) -> &'static str {
    let Some(step) = run.plan.steps.get(index) else { return "waiting" };
    if step.commands.is_empty() {
        return "manual";
    }
    let of_step = |role| {
        run.commands
            .iter()
            .filter(move |(unit, _)| unit.step == index && unit.role == role)
            .map(|(_, phase)| phase)
    };
    if of_step(UnitRole::Undo).any(CommandPhase::is_settled) {
        return "undone";
    }
    let passed_over = of_step(UnitRole::Main).any(|phase| matches!(phase, CommandPhase::PassedOver { .. }));
    let waits = run.waits_until.is_some() && run.status.is_open();
    if waits && run.next_unit().is_some_and(|unit| unit.step == index) {
        return "trying again";
    }
    let phases: Vec<_> = of_step(UnitRole::Baseline).chain(of_step(UnitRole::Main)).collect();
    let outcome_is = |wanted: Outcome| {
        phases.iter().any(|phase| match phase {
            CommandPhase::Ended { verdicts, vouched: false, .. } => {
                verdicts.iter().any(|verdict| verdict.outcome == wanted)
            }
            _ => false,
        })
    };
    if phases.iter().any(|phase| matches!(phase, CommandPhase::InDoubt { .. })) {
        "unknown: did it run?"
    } else if phases.iter().any(|phase| matches!(phase, CommandPhase::NotStarted { .. }))
        || outcome_is(Outcome::Fail)
    {
        "failed"
    } else if outcome_is(Outcome::Late) {
        "late"
    } else if outcome_is(Outcome::Ask) {
        "you check"
    } else if phases.iter().any(|phase| matches!(phase, CommandPhase::Started { .. })) {
        "running"
    } else if phases.len() == step.baselines.len() + step.commands.len() {
        if passed_over || phases.iter().all(|phase| matches!(phase, CommandPhase::Skipped { .. })) {
            "skipped"
        } else {
            "passed"
        }
    } else if phases.is_empty() {
        "waiting"
    } else if run.status.is_open() {
        "running"
    } else {
        "stopped"
    }
}

/// The verdicts of a step's main commands, in order.
#[must_use]
pub fn step_verdicts(run: &Run, index: usize) -> Vec<EvidenceLine> {
    let Some(step) = run.plan.steps.get(index) else { return Vec::new() };
    let mut lines = Vec::new();
    for (position, command) in step.commands.iter().enumerate() {
        let unit = Unit { step: index, role: UnitRole::Main, index: position };
        let Some(CommandPhase::Ended { verdicts, vouched, .. }) = run.commands.get(&unit) else { continue };
        for verdict in verdicts {
            let vouched =
                if *vouched && verdict.outcome != Outcome::Pass { "; a person says it is fine" } else { "" };
            lines.push(EvidenceLine {
                outcome: verdict.outcome,
                title: command.title.clone().unwrap_or_else(|| command.id.clone()),
                detail: format!("{}{vouched}", verdict_text(&verdict.text, &verdict.reason)),
                output: None,
            });
        }
    }
    lines
}

/// What a run asks people, with the answers that make sense, safest first.
#[must_use]
pub fn question(run: &Run) -> Option<QuestionView> {
    let title = |unit: &Unit| {
        run.command(*unit)
            .map_or_else(String::new, |command| command.title.clone().unwrap_or_else(|| command.id.clone()))
    };
    let undoable = run.next_undo().is_some();
    let with_undo = |mut answers: Vec<Answer>| {
        if undoable {
            answers.push(Answer::Undo);
        }
        answers
    };
    match &run.status {
        Status::Paused { question } => {
            let unit = question.unit();
            let evidence = match run.commands.get(&unit) {
                Some(CommandPhase::Ended { verdicts, .. }) => verdicts
                    .iter()
                    .map(|verdict| {
                        format!(
                            "{}: {}",
                            outcome_word(verdict.outcome),
                            verdict_text(&verdict.text, &verdict.reason)
                        )
                    })
                    .collect(),
                Some(CommandPhase::InDoubt { reason, .. }) => vec![reason.clone()],
                _ => Vec::new(),
            };
            let (text, answers) = match question {
                Question::Check { .. } => {
                    (format!("{}: is it as expected?", title(&unit)), vec![Answer::Yes, Answer::No])
                }
                Question::Late { .. } => (
                    format!("{}: late, and it may still come. Wait on?", title(&unit)),
                    vec![Answer::Retry, Answer::Yes, Answer::No],
                ),
                Question::Doubt { .. } => (
                    format!("{}: it was started and nobody saw its end. Did it run?", title(&unit)),
                    vec![Answer::MarkDone, Answer::Retry, Answer::Cancel],
                ),
                Question::Overrun { reason, .. } => (
                    format!("{}: {reason}. Nothing runs. Go on?", title(&unit)),
                    vec![Answer::Yes, Answer::Cancel],
                ),
                Question::Blocked { reason, .. } => {
                    (format!("{}: {reason}. Go on?", title(&unit)), vec![Answer::Yes, Answer::No])
                }
            };
            Some(QuestionView { text, evidence, answers: with_undo(answers) })
        }
        Status::Running | Status::Undoing if run.hold.is_some() => Some(QuestionView {
            text: "It is paused. Go on?".to_owned(),
            evidence: vec![paused_words(run)],
            answers: vec![Answer::Resume],
        }),
        Status::Failed { reason } => Some(QuestionView {
            text: "It stopped. What now?".to_owned(),
            evidence: vec![reason.clone()],
            answers: with_undo(vec![Answer::Retry]),
        }),
        _ => None,
    }
}

/// The verdict in the card's words.
#[must_use]
pub fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::Late => "late",
        Outcome::Ask => "you check",
    }
}
