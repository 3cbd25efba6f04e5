//! What people are shown, made from what is: card, plan and progress as views of the states.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::choices;
use crate::duration::for_people;
use crate::expectation::Outcome;
use crate::going_on;
use crate::incident::{
    Alerts, ChangeNoted, End, Evidence, Excerpt, Incident, RunOutcome, Status as IncidentStatus,
};
use crate::incident_text;
use crate::message::{
    AlertsView, BriefView, CardButton, CardView, EvidenceLine, PlanStepView, PlanView, ProgressStepView,
    ProgressView,
};
use crate::next;
use crate::people::Actor;
use crate::plan::{Plan, PlannedCommand, Provenance, Reversal};
use crate::rules;
use crate::run::{Budget, CommandPhase, Question, Run, Status, Unit, UnitRole};
use crate::runbook::{Effect, Foreach};
use crate::severity::Severity;
use crate::stays;

/// So many commands that run again are named in a line.
const SHOWN_REPEATED: usize = 5;
/// So many runbooks that may help stand on the card.
const SHOWN_SUGGESTIONS: usize = 3;
/// So many items of a loop are named in a plan.
const SHOWN_ITEMS: usize = 32;

/// The incident's card. `outputs` holds what is shown of command outputs, by SHA-256.
#[must_use]
pub fn card(
    incident: &Incident,
    runs: &[Run],
    severity: Option<&Severity>,
    rollback: Option<&str>,
    outputs: &BTreeMap<String, Excerpt>,
    now: DateTime<Utc>,
) -> CardView {
    let since_s = u32::try_from((now - incident.detected_at).num_seconds().max(0)).unwrap_or(u32::MAX);
    let phase = severity.filter(|_| incident.status.is_open()).and_then(|severity| phase(severity, since_s));
    CardView {
        number: incident.number.to_string(),
        title: incident.title.clone(),
        severity: incident.severity.clone(),
        status: incident.status.word().to_owned(),
        service: incident.service.clone(),
        phase,
        detected_at: incident.detected_at,
        target_s: incident.target_s,
        target_quarters: target_quarters(incident, now),
        mitigated_at: incident.mitigated_at,
        resolved_at: incident.resolved_at,
        commander: commander(incident),
        pager_url: incident.pager.as_ref().and_then(|pager| pager.url.clone()),
        bridge: incident.bridge.url.clone(),
        dial: incident.bridge.numbers.clone(),
        alerts: incident.alerts.as_ref().map(|alerts| Box::new(alerts_view(incident, alerts))),
        evidence: incident.evidence.iter().map(|line| evidence_line(incident, line, outputs)).collect(),
        triage: triage_line(incident),
        why: incident.chosen.as_ref().map(|_| why(incident)),
        changes: incident.changes.iter().map(ChangeNoted::words).collect(),
        runs: runs.iter().rev().filter(|run| !run.unasked).map(run_line).collect(),
        suggestions: suggestions(incident, rollback),
        roles: incident_text::roles(incident),
        update: incident.update.as_ref().map(incident_text::update_line),
        update_due: incident.update_due(severity.and_then(|severity| severity.update_interval_s)),
        reminders: incident.reminders.words(now).filter(|_| incident.status.is_open()),
        ended: incident.end.as_ref().map(End::words),
        private: incident.private,
        buttons: buttons(incident, severity, rollback),
    }
}

fn alerts_view(incident: &Incident, alerts: &Alerts) -> AlertsView {
    let tally = &alerts.tally;
    AlertsView {
        count: tally.words(),
        held: incident.held_by_what_is_left_out().map(str::to_owned),
        sources: tally.sources.clone(),
        shown: tally.shown(),
        first: tally.first.clone(),
        links: tally.links.iter().map(|link| (link.what.clone(), link.url.clone())).collect(),
        damped: alerts.damped.clone(),
    }
}

/// An incident in two lines. `home` is the id of its own channel.
#[must_use]
pub fn brief(incident: &Incident, home: String) -> BriefView {
    BriefView {
        number: incident.number.to_string(),
        title: incident.title.clone(),
        severity: incident.severity.clone(),
        status: incident.status.word().to_owned(),
        service: incident.service.clone(),
        detected_at: incident.detected_at,
        commander: commander(incident),
        ended: incident.end.as_ref().map(End::words),
        home,
    }
}

fn evidence_line(incident: &Incident, line: &Evidence, outputs: &BTreeMap<String, Excerpt>) -> EvidenceLine {
    let output = line.output_sha256.as_ref().and_then(|sha256| outputs.get_key_value(sha256));
    EvidenceLine {
        outcome: line.outcome,
        title: line.title.clone(),
        detail: detail_of(incident, line),
        output: output.map(|(_, shown)| shown.text.clone()),
        whole: output
            .filter(|(_, shown)| !shown.is_whole)
            .and_then(|(sha256, _)| incident.whole_words(sha256)),
    }
}

fn detail_of(incident: &Incident, line: &Evidence) -> String {
    let text = verdict_text(&line.expected, &line.reason);
    let Some(shared) = line.shared else { return text };
    let before_s = (incident.opened_at - shared.at).num_seconds();
    let span = for_people(before_s.unsigned_abs());
    let when = if before_s < 0 { "after" } else { "before" };
    let of = format!("looked at for {}, {span} {when} this was opened", shared.from);
    if text.is_empty() { of } else { format!("{text} ({of})") }
}

fn commander(incident: &Incident) -> Option<String> {
    let commander = incident.commander.as_ref()?;
    Some(if commander.acting { format!("{} (acting)", commander.who) } else { commander.who.to_string() })
}

/// The phase that it should be in, `Triage (5-10 min)`, or that the last one is over.
fn phase(severity: &Severity, since_s: u32) -> Option<String> {
    if let Some(phase) = severity.phase_at(since_s) {
        return Some(format!("{} ({}-{} min)", phase.name, phase.from_s / 60, phase.to_s / 60));
    }
    let last = severity.phases.last().filter(|last| since_s >= last.to_s)?;
    Some(format!("past {}, which was to end after {} min", last.name, last.to_s / 60))
}

/// How many quarters of the time to mitigate have passed while the impact lasts; 4: all of it.
fn target_quarters(incident: &Incident, now: DateTime<Utc>) -> Option<u8> {
    let target_s = i64::from(incident.target_s.filter(|s| *s > 0)?);
    let lasts = incident.mitigated_at.is_none() && incident.status.is_open();
    let passed = (now - incident.detected_at).num_milliseconds().max(0) / (target_s * 250);
    lasts.then(|| u8::try_from(passed.min(4)).unwrap_or(4))
}

/// Why this severity and why these diagnostics, in one line.
#[must_use]
pub fn why(incident: &Incident) -> String {
    rules::words(&incident.severity, &incident.severity_reason, incident.chosen.as_ref())
}

fn triage_line(incident: &Incident) -> Option<String> {
    if let Some(triage) = incident.triage {
        let asks = if triage.ask > 0 { format!(", {} for you to check", triage.ask) } else { String::new() };
        let cut = incident.looks.cut.iter().map(|line| format!("; {line}"));
        let failed = incident.looks.failed.iter();
        let failed = failed.map(|name| format!("; {name} could not start (the timeline says why)"));
        let rest: String = cut.chain(failed).collect();
        return Some(format!(
            "{} commands ran: {} passed, {} failed{asks}{rest}",
            triage.commands, triage.passed, triage.failed
        ));
    }
    if incident.triage_impossible {
        return Some("the diagnostics could not start: nobody looked yet (the timeline says why)".to_owned());
    }
    if incident.is_looked_at() {
        let shared = incident.looks.shared.iter().find(|look| !look.ended);
        return Some(match shared {
            Some(look) => {
                format!("diagnostics are running for {}: what they find stands here, too", look.from)
            }
            None => "diagnostics are running".to_owned(),
        });
    }
    let chosen = incident.chosen.as_ref().filter(|chosen| chosen.triage.is_empty())?;
    Some(format!("nobody looks by themselves: {}", chosen.reason))
}

fn run_line(run: &Run) -> String {
    let total = run.units().count();
    let is_over =
        |unit: &Unit| run.commands.get(unit).is_some_and(CommandPhase::is_settled) || run.is_tolerated(*unit);
    let settled = run.units().filter(is_over).count();
    let progress = match run.status {
        Status::Running | Status::Paused { .. } => {
            format!(", {settled} of {total} commands{}", running_step(run))
        }
        Status::WaitingForApproval { expires_at } => format!(", until {}", expires_at.format("%H:%M UTC")),
        _ => String::new(),
    };
    format!("{} (code {}): {}{progress}", run.plan.title, run.fingerprint.code(), state_words(run))
}

/// The step that is under way, with its box: the run's progress shows what is left of that.
fn running_step(run: &Run) -> String {
    let Some(step) = run.live_unit().and_then(|(unit, _)| run.plan.steps.get(unit.step)) else {
        return String::new();
    };
    let timebox = step.timebox_s.map(|box_s| format!(" (box {})", for_people(u64::from(box_s))));
    format!("; now: {}{}", step.title, timebox.unwrap_or_default())
}

fn is_free(incident: &Incident) -> bool {
    incident.commander.is_none() && incident.status.is_open()
}

/// Something that may help is planned, under way, or has helped.
fn is_helped(incident: &Incident) -> bool {
    let failed =
        |outcome: Option<RunOutcome>| matches!(outcome, Some(RunOutcome::Failed | RunOutcome::Cancelled));
    incident.runs.iter().any(|run| run.mutating && !failed(run.outcome))
}

fn is_rollback_next(incident: &Incident, rollback: Option<&str>) -> bool {
    let failing = incident.evidence.iter().any(|line| line.outcome == Outcome::Fail);
    failing && incident.status < IncidentStatus::Monitoring && !is_helped(incident) && rollback.is_some()
}

fn buttons(incident: &Incident, severity: Option<&Severity>, rollback: Option<&str>) -> Vec<CardButton> {
    let lasts = incident.status < IncidentStatus::Monitoring;
    let has_steps = severity.is_some_and(|severity| !severity.escalation.is_empty());
    [
        (is_free(incident), CardButton::Ack),
        (is_rollback_next(incident, rollback), CardButton::Rollback),
        (lasts && has_steps, CardButton::Escalate),
    ]
    .into_iter()
    .filter_map(|(is_shown, button)| is_shown.then_some(button))
    .collect()
}

fn suggestions(incident: &Incident, rollback: Option<&str>) -> Vec<String> {
    let mut lines = Vec::new();
    if is_free(incident) {
        lines.push("`/blocks incident ack` to take it: nobody commands yet".to_owned());
    }
    if is_rollback_next(incident, rollback) {
        lines.push(format!(
            "`/blocks runbook rollback {}`: a diagnostic failed, and this service names a rollback",
            incident.service
        ));
    }
    let lasts = incident.status < IncidentStatus::Monitoring;
    if lasts && !is_helped(incident) {
        let others = incident.suggested.iter().filter(|one| Some(one.runbook.as_str()) != rollback);
        lines.extend(
            others
                .take(SHOWN_SUGGESTIONS)
                .map(|one| format!("`/blocks runbook run {}`: {}", one.runbook, one.words())),
        );
    }
    if let Some(request) =
        incident.reminders.rollback_requests.last().filter(|_| lasts && !is_helped(incident))
    {
        lines.push(format!("{} asks for a rollback: {}", request.by, request.reason));
    }
    if incident.status == IncidentStatus::Monitoring && !incident.resolve_requested {
        lines.push("`/blocks incident resolve` once you have seen that it holds".to_owned());
    }
    lines
}

/// `expected: reason`, leaving out what is empty.
pub(crate) fn verdict_text(expected: &str, reason: &str) -> String {
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
        Status::WaitingForApproval { .. } if run.yeses_due() == 0 => {
            let why = if run.plan.is_mutating() { " and say why" } else { "" };
            format!("waits for {} to confirm{why}{}", run.requester, repetition_words(run))
        }
        Status::WaitingForApproval { .. } => {
            format!(
                "waits for approval by {} other {} ({} given){}",
                run.yeses_due(),
                if run.yeses_due() == 1 { "person" } else { "people" },
                run.approvals.len(),
                why_more(run),
            ) + &to_what(run)
                + &repetition_words(run)
        }
        Status::Running | Status::Undoing if run.hold.is_some() => paused_words(run),
        Status::Running => "running".to_owned(),
        Status::Paused { question: Question::Doubt { .. } } if run.undoing => {
            "the undo is in doubt: did it run?".to_owned()
        }
        Status::Paused { question: Question::Doubt { .. } } => "in doubt: did it run?".to_owned(),
        Status::Paused { .. } if run.undoing => "the undo waits for an answer".to_owned(),
        Status::Paused { .. } => "waits for an answer".to_owned(),
        Status::Succeeded => {
            let how = match (passed_over_words(run), choices::noted_failures(run).as_slice()) {
                (Some(without), _) => format!("ended, {without}"),
                (None, []) => "succeeded".to_owned(),
                (None, [one]) => format!("succeeded; one look failed and was passed over: {one}"),
                (None, many) => format!("succeeded; {} looks failed and were passed over", many.len()),
            };
            let said = going_on::vouched_words(run).map_or_else(String::new, |said| format!(", and {said}"));
            how + &said + &going_on::empty_lists(run)
        }
        Status::Failed { reason } => format!("failed: {reason}"),
        Status::Cancelled => "cancelled".to_owned(),
        Status::Undoing => "undoing".to_owned(),
        Status::Undone => stays::undone_words(run),
        Status::UndoFailed { reason } => format!("UNDO FAILED, a person must look: {reason}"),
    }
}

/// Whether it goes on only when somebody says something.
#[must_use]
pub fn waits_for_people(run: &Run) -> bool {
    let may_go_on = matches!(run.status, Status::Failed { .. } | Status::UndoFailed { .. });
    matches!(run.status, Status::WaitingForApproval { .. } | Status::Paused { .. })
        || (run.hold.is_some() && run.status.is_open())
        || (may_go_on && choices::question(run).is_some())
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

pub(crate) fn paused_words(run: &Run) -> String {
    let by = run.hold.as_ref().map_or_else(String::new, |hold| {
        let reason = hold.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
        format!(" by {}{reason}", hold.by)
    });
    let undo = if run.status == Status::Undoing { " while it is undone" } else { "" };
    let live = if run.live_unit().is_some() { "; the command under way goes on to its end" } else { "" };
    format!("paused{by}{undo}{live}")
}

/// Why more people are asked than usual: nobody knows who some user of the machine is.
fn why_more(run: &Run) -> String {
    let unknown = |actor: &Actor| matches!(actor, Actor::Local(_));
    let asked = unknown(&run.requester).then_some("asked for it");
    let went_on = run.asked_for_by().into_iter().any(unknown);
    let repeats = !run.to_repeat().is_empty();
    let went_on = went_on.then_some(if repeats { "ordered the repetition" } else { "went past a command" });
    let did: Vec<&str> = asked.into_iter().chain(went_on).collect();
    let more = match run.yeses_due().saturating_sub(run.approvals_needed) {
        0 => return String::new(),
        1 => "one more".to_owned(),
        2 => "two more".to_owned(),
        more => format!("{more} more"),
    };
    let did = did.join(" and ");
    format!("; {more} than usual, because a user of the machine whom blocks.toml does not name {did}")
}

/// What a yes to going on is a yes to, where somebody went past something. What others said yes to before is not asked again.
fn to_what(run: &Run) -> String {
    let is_asked = |unit: Unit| run.is_word_in_question(unit);
    let without = passed_over(run, is_asked).map(|without| format!("go on {without}"));
    let vouched = going_on::vouched(run, is_asked).map(|said| format!("go on, where {said}"));
    let parts: Vec<_> = without.into_iter().chain(vouched).chain(going_on::untried_words(run)).collect();
    if parts.is_empty() { String::new() } else { format!(" to {}", parts.join(" and to ")) }
}

/// What people have passed over: such a run is not simply a success.
pub(crate) fn passed_over_words(run: &Run) -> Option<String> {
    passed_over(run, |_| true)
}

fn passed_over(run: &Run, is_meant: impl Fn(Unit) -> bool) -> Option<String> {
    let passed: Vec<_> = run.passed_over().filter(|(unit, ..)| is_meant(*unit)).collect();
    let at_once = passed.chunk_by(|(one, by, why), (other, also_by, also_why)| {
        (one.step, one.index, by, why) == (other.step, other.index, also_by, also_why)
    });
    let lines: Vec<_> = at_once
        .filter_map(|passed| {
            let (_, by, reason) = passed.first()?;
            let units: Vec<Unit> = passed.iter().map(|(unit, ..)| *unit).collect();
            Some(format!("{}, which {by} passed over ({reason})", going_on::named(run, &units)))
        })
        .collect();
    (!lines.is_empty()).then(|| format!("without {}", lines.join("; ")))
}

/// What a yes lets run again.
fn repetition_words(run: &Run) -> String {
    let again = choices::repetition(run);
    let shown = again.iter().take(SHOWN_REPEATED).cloned().collect::<Vec<_>>().join(", ");
    match again.len().saturating_sub(SHOWN_REPEATED) {
        _ if again.is_empty() => String::new(),
        0 => format!(" to run again: {shown}"),
        more => format!(" to run again: {shown} and {more} more"),
    }
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
        asked: choices::asked(run),
        title: run.plan.title.clone(),
        incident: run.incident_number.clone(),
        target: run.plan.target.clone(),
        fingerprint: run.fingerprint.to_string(),
        code: run.fingerprint.code(),
        risk: run.risk.risk.word().to_owned(),
        risk_reasons: run.risk.reasons.clone(),
        provenance: run.plan.provenance.as_ref().map_or_else(Vec::new, Provenance::lines),
        boxes_s: run.plan.boxes_s(),
        limit_s: run.plan.limit_s,
        deadline: run.deadline,
        params: run.plan.params.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        steps: {
            let plan = run.bound_plan();
            (0..plan.steps.len()).filter_map(|step| plan_step(&plan, step)).collect()
        },
        again: choices::repetition(run),
        requested_by: run.requester.to_string(),
        approvals_needed: run.yeses_due(),
        approvers: None,
        state,
        waiting,
        expires_at: match run.status {
            Status::WaitingForApproval { expires_at } => Some(expires_at),
            _ => None,
        },
    }
}

fn plan_step(plan: &Plan, index: usize) -> Option<PlanStepView> {
    let step = plan.steps.get(index)?;
    let effect = match step.effect() {
        _ if step.commands.is_empty() => "manual",
        Effect::Read => "read",
        Effect::Idempotent => "idempotent",
        Effect::Once => "once",
    };
    let commands = if step.commands.is_empty() {
        step.manual_items.iter().map(|item| item.text.clone()).collect()
    } else {
        step.commands.iter().map(|command| shown(command, UnitRole::Main)).collect()
    };
    let undo: Vec<_> = step.undo.iter().map(|command| shown(command, UnitRole::Undo)).collect();
    Some(PlanStepView {
        title: step.title.clone(),
        timebox_s: step.timebox_s,
        effect: effect.to_owned(),
        baselines: step.baselines.iter().map(|command| command.text.trim_end().to_owned()).collect(),
        commands,
        undo: (!undo.is_empty()).then(|| undo.join("\n")),
        reversal: reversal_words(plan.reversal(index)).to_owned(),
    })
}

/// What becomes of a step's effect when the run is undone, for people; empty where nothing has to be said.
#[must_use]
pub fn reversal_words(reversal: Reversal) -> &'static str {
    match reversal {
        Reversal::None | Reversal::Undo => "",
        Reversal::GoesBack => "goes back to what is rolled back here: the bad version",
        Reversal::Stays => "no undo: repeating it is safe, and what it did stays",
        Reversal::NoReturn => "no undo: a point of no return",
    }
}

/// A run, live.
#[must_use]
pub fn progress(run: &Run) -> ProgressView {
    ProgressView {
        is_over: !run.status.is_open(),
        run: run.id,
        title: run.plan.title.clone(),
        state: state_words(run),
        boxes_s: run.plan.boxes_s(),
        deadline: run.deadline,
        steps: (0..run.plan.steps.len()).map(|index| progress_step(run, index)).collect(),
        question: choices::question(run),
        step: next::in_question(run).and_then(|unit| next::name_of(run, unit)),
        asked: choices::asked(run),
    }
}

fn progress_step(run: &Run, index: usize) -> ProgressStepView {
    let title = run.plan.steps.get(index).map_or_else(String::new, |step| step.title.clone());
    let title = step_detail(run, index).map_or(title.clone(), |detail| format!("{title}: {detail}"));
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
            // what a loop's budget covers does not make its step a failed one
            .filter(|(unit, _)| !run.is_tolerated(**unit))
            .map(|(_, phase)| phase)
    };
    if let Some(state) = stays::undo_state(run, index) {
        return state;
    }
    let passed_over = of_step(UnitRole::Main).any(|phase| matches!(phase, CommandPhase::PassedOver { .. }));
    if awaited(run, index).next().is_some() {
        return "waiting for it";
    }
    let goes_on = matches!(run.status, Status::Running | Status::Undoing);
    if goes_on && run.waits.keys().any(|unit| unit.step == index) {
        return "trying again";
    }
    let phases: Vec<_> = of_step(UnitRole::Baseline).chain(of_step(UnitRole::Main)).collect();
    let outcome_is = |wanted: Outcome| {
        phases.iter().any(|phase| match phase {
            CommandPhase::Ended { verdicts, vouched: false, noted: false, .. } => {
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
    } else if run.units().all(|unit| unit.step != index || run.commands.contains_key(&unit)) {
        if passed_over || phases.iter().all(|phase| matches!(phase, CommandPhase::Skipped { .. })) {
            "skipped"
        } else if run.vouched_for().any(|(unit, _)| unit.step == index) {
            "vouched for"
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

/// Commands of a step that are looked at again and again, from the second look on.
fn awaited(run: &Run, index: usize) -> impl Iterator<Item = Unit> {
    let looks = move |unit: &&Unit| {
        let goes_on = run.waits.contains_key(unit)
            || matches!(run.commands.get(unit), Some(CommandPhase::Started { .. }));
        unit.step == index && goes_on && run.deadline(**unit).is_some()
    };
    // a run that has ended waits for nothing
    let is_going = matches!(run.status, Status::Running | Status::Undoing);
    run.tries.keys().filter(move |unit| is_going && looks(unit)).copied()
}

/// How far a step is, beside its state: what it waits for and until when.
#[must_use]
pub fn step_detail(run: &Run, index: usize) -> Option<String> {
    let mut parts = loop_details(run, index);
    for unit in awaited(run, index) {
        let Some((command, deadline)) = run.command(unit).zip(run.deadline(unit)) else { continue };
        let expected = command.expectations.first().map(|expectation| expectation.text.as_str());
        let what = expected.unwrap_or("exit status 0");
        let item = run.item(unit).map_or_else(String::new, |(_, item)| format!("{item} "));
        parts.push(format!("{item}waits for {what}, until {}", deadline.format("%H:%M:%S UTC")));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// What a plan's reader is told about when and how often a command runs, a line each.
#[must_use]
pub fn flow_lines(command: &PlannedCommand, role: UnitRole) -> Vec<String> {
    let flow = &command.flow;
    let mut lines = Vec::new();
    if let Some(when) = &flow.when {
        lines.push(format!("when {when}"));
    }
    if let Some(group) = &flow.parallel {
        lines.push(format!("at the same time as the others of {group}, from parameters and baselines alone"));
    }
    if let Some(foreach) = &flow.foreach {
        match role {
            UnitRole::Undo => {
                lines.push(format!("for each {} that was begun, the last one first", foreach.name));
            }
            UnitRole::Probe => lines.push(format!("for the {} in doubt", foreach.name)),
            UnitRole::Baseline | UnitRole::Main => lines.extend(loop_lines(foreach, command.effect)),
        }
    }
    if let Some(until) = &flow.until {
        let span = |ms: u64| for_people(ms / 1_000);
        let every = until.every_ms.map_or_else(
            || "after 1, 2, 4, ... seconds, at most 30".to_owned(),
            |every| format!("every {}", span(every)),
        );
        lines.push(format!(
            "waits until it is as expected, at most {}; looks again {every}",
            span(until.deadline_ms)
        ));
    }
    lines
}

/// How a loop goes through what, and how much of it may fail.
fn loop_lines(foreach: &Foreach, effect: Effect) -> Vec<String> {
    let (name, source) = (&foreach.name, &foreach.source);
    let mut lines = match &foreach.items {
        Some(items) => {
            let of = if source.starts_with('[') { String::new() } else { format!(" of {source}") };
            let mut shown = items.iter().take(SHOWN_ITEMS).cloned().collect::<Vec<_>>().join(", ");
            if let more @ 1.. = items.len().saturating_sub(SHOWN_ITEMS) {
                shown.push_str(&format!(" and {more} more"));
            }
            vec![format!("for each {name}{of}, {} in all: {shown}", items.len())]
        }
        None => {
            let asks =
                if effect == Effect::Read { "" } else { "; the list is asked about before anything is done" };
            vec![format!("for each {name}, a line each of {source}, as an earlier command gives it{asks}")]
        }
    };
    let at_once = match foreach.concurrency {
        1 => "one after the other".to_owned(),
        several => format!("at most {several} at once"),
    };
    let canary = if foreach.canary { "the first alone, the others once it is as expected; " } else { "" };
    let budget = match foreach.budget {
        0 => "the first that fails ends it".to_owned(),
        1 => "one may fail".to_owned(),
        several => format!("{several} may fail"),
    };
    lines.push(format!("{canary}{at_once}; {budget}"));
    lines
}

/// `3 of 12, 1 failed` for each loop of a step that has begun.
fn loop_details(run: &Run, index: usize) -> Vec<String> {
    let commands = run.plan.steps.get(index).map_or(0, |step| step.commands.len());
    let unit = |index_of| Unit { step: index, role: UnitRole::Main, index: index_of, item: None };
    (0..commands)
        .map(unit)
        .filter(|of| run.command(*of).is_some_and(|command| command.flow.foreach.is_some()))
        .filter_map(|of| {
            let count = run.loop_count(of)?;
            match run.commands.get(&of) {
                // a list that is empty is no work that was done
                Some(CommandPhase::Skipped { reason }) if count.items == 0 => return Some(reason.clone()),
                _ if count.done + count.failed + count.alive == 0 => return None,
                _ => {}
            }
            let failed = if count.failed == 0 { String::new() } else { format!(", {} failed", count.failed) };
            Some(format!("{} of {}{failed}", count.done + count.failed, count.items))
        })
        .collect()
}

/// A command as it is shown in a plan: what is said about its turn stands above it as comments.
fn shown(command: &PlannedCommand, role: UnitRole) -> String {
    let lines = flow_lines(command, role).into_iter().map(|line| format!("# {line}\n"));
    lines.chain([command.text.trim_end().to_owned()]).collect()
}

/// The verdicts of a step's main commands and of its undo, in order.
#[must_use]
pub fn step_verdicts(run: &Run, index: usize) -> Vec<EvidenceLine> {
    let Some(step) = run.plan.steps.get(index) else { return Vec::new() };
    let mut lines = Vec::new();
    let main =
        step.commands.iter().enumerate().map(|(position, command)| (UnitRole::Main, position, command));
    let undo = step.undo.iter().enumerate().map(|(position, command)| (UnitRole::Undo, position, command));
    for (role, position, command) in main.chain(undo) {
        for (unit, phase) in run.phases_of(index, role, position) {
            let CommandPhase::Ended { verdicts, vouched, noted, .. } = phase else { continue };
            let title = command.title.clone().unwrap_or_else(|| command.id.clone());
            let title = run.item(unit).map_or(title.clone(), |(_, item)| format!("{title} [{item}]"));
            let title = if role == UnitRole::Undo { format!("undo: {title}") } else { title };
            for verdict in verdicts {
                // of many items, those are told that a person has to look at
                if unit.item.is_some() && verdict.outcome == Outcome::Pass {
                    continue;
                }
                let vouched = match verdict.outcome {
                    Outcome::Pass => String::new(),
                    _ if *vouched => match run.words.get(&unit) {
                        Some(word) => format!("; {} says to go on{}", word.by, word.because()),
                        None => "; a person says to go on".to_owned(),
                    },
                    _ if *noted => "; it only looks, so the run went on".to_owned(),
                    _ => String::new(),
                };
                lines.push(EvidenceLine {
                    outcome: verdict.outcome,
                    title: title.clone(),
                    detail: format!("{}{vouched}", verdict_text(&verdict.text, &verdict.reason)),
                    output: None,
                    whole: None,
                });
            }
        }
    }
    lines
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
