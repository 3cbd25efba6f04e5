//! Incidents and runs as JSON for programs: stable names, times in UTC with milliseconds.

use chrono::{DateTime, Utc};
use runbook_core::choices;
use runbook_core::expectation::Outcome;
use runbook_core::ids::{IncidentId, IncidentNumber, RunId};
use runbook_core::incident::{ActionItem, End, Incident, Triage, Update};
use runbook_core::incident_text;
use runbook_core::journal::{StreamId, millis};
use runbook_core::message::Answer;
use runbook_core::next::{self, Next};
use runbook_core::people::Actor;
use runbook_core::plan::Provenance;
use runbook_core::run::{Approval, CommandPhase, Hold, Question, Run, Status, UnitRole};
use runbook_core::stays::what_stays;
use runbook_core::view::{state_words, step_detail, step_state};
use serde::Serialize;

/// An incident with its runs and timeline.
#[derive(Debug, Clone, Serialize)]
pub struct IncidentShow {
    /// Identity.
    pub id: IncidentId,
    /// `INC-12`.
    pub number: String,
    /// Status word.
    pub status: &'static str,
    /// Severity id.
    pub severity: String,
    /// The service.
    pub service: String,
    /// What it is about.
    pub title: String,
    /// Who commands.
    pub commander: Option<String>,
    /// The chat channel.
    pub channel: Option<String>,
    /// When the impact was detected.
    #[serde(with = "millis")]
    pub detected_at: DateTime<Utc>,
    /// When it was opened.
    #[serde(with = "millis")]
    pub opened_at: DateTime<Utc>,
    /// When somebody took it.
    #[serde(with = "millis::option")]
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// When the impact stopped.
    #[serde(with = "millis::option")]
    pub mitigated_at: Option<DateTime<Utc>>,
    /// When it was over.
    #[serde(with = "millis::option")]
    pub resolved_at: Option<DateTime<Utc>>,
    /// How the diagnostics ended.
    pub triage: Option<Triage>,
    /// The review's file name.
    pub review_file: Option<String>,
    /// Only named people see it.
    pub private: bool,
    /// Why it is over, where it is no end like others, in words.
    pub ended: Option<String>,
    /// The same for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// Others that have become part of it.
    pub merged: Vec<String>,
    /// Roles beside the commander, `scribe: cat`.
    pub roles: Vec<String>,
    /// What people outside were told last.
    pub update: Option<Update>,
    /// What is to be done because of it.
    pub actions: Vec<ActionShow>,
    /// Its runs, oldest first.
    pub runs: Vec<RunShow>,
    /// Everything that happened, in order of time.
    pub timeline: Vec<TimelineEntry>,
}

/// Something to do because of an incident.
#[derive(Debug, Clone, Serialize)]
pub struct ActionShow {
    /// `INC-12`.
    pub incident: String,
    /// Counted from 1 in the incident.
    pub number: u32,
    /// What.
    pub text: String,
    /// Who does it.
    pub owner: Option<String>,
    /// By when.
    pub due: Option<String>,
    /// When it was done.
    #[serde(with = "millis::option")]
    pub done_at: Option<DateTime<Utc>>,
}

impl ActionShow {
    pub(crate) fn new(incident: IncidentNumber, item: &ActionItem) -> ActionShow {
        ActionShow {
            incident: incident.to_string(),
            number: item.number,
            text: item.text.clone(),
            owner: item.owner.clone(),
            due: item.due.map(|due| due.to_string()),
            done_at: item.done_at,
        }
    }
}

/// A run.
#[derive(Debug, Clone, Serialize)]
pub struct RunShow {
    /// Identity.
    pub id: RunId,
    /// The runbook.
    pub runbook: String,
    /// Its title.
    pub title: String,
    /// What it acts on.
    pub target: String,
    /// Full fingerprint.
    pub fingerprint: String,
    /// The four characters people compare.
    pub code: String,
    /// Risk word.
    pub risk: &'static str,
    /// The commit that it comes from.
    pub provenance: Option<Provenance>,
    /// Status word.
    pub status: &'static str,
    /// Where it stands, for people.
    pub state: String,
    /// Who paused it; absent while nobody has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_by: Option<HoldShow>,
    /// Diagnostics that started by themselves.
    pub unasked: bool,
    /// Who asked for it.
    pub requester: String,
    /// Other people needed.
    pub approvals_needed: u8,
    /// Yeses that count.
    pub approvals: Vec<ApprovalShow>,
    /// Yeses that did not.
    pub refused_approvals: Vec<RefusalShow>,
    /// A command is under way.
    pub live: bool,
    /// The run that did the same on the same target a short while before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<RunId>,
    /// Under which number it holds, or last held, its target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_epoch: Option<u64>,
    /// When the incident's target passes.
    #[serde(skip_serializing_if = "Option::is_none", with = "millis::option")]
    pub deadline: Option<DateTime<Utc>>,
    /// The steps.
    pub steps: Vec<StepShow>,
    /// What it asks of people, when it rests.
    pub question: Option<QuestionShow>,
    /// What a person can type next, the safest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<NextShow>,
    /// What a yes lets run again, where one is waited for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub repeated: Vec<String>,
    /// What it changed that is not taken back, once it has ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stays: Vec<String>,
    /// Commands that only looked, failed and were passed over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub noted_failures: Vec<String>,
}

/// A line to type.
#[derive(Debug, Clone, Serialize)]
pub struct NextShow {
    /// The line, whole.
    pub command: String,
    /// What it does.
    pub means: &'static str,
}

impl From<Next> for NextShow {
    fn from(next: Next) -> Self {
        NextShow { command: next.command, means: next.means }
    }
}

/// What a run asks of people.
#[derive(Debug, Clone, Serialize)]
pub struct QuestionShow {
    /// The question.
    pub text: String,
    /// The command that is in question, as a person names it (`--step`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What is known.
    pub evidence: Vec<String>,
    /// What a person may say, the safest first.
    pub choices: Vec<ChoiceShow>,
}

/// One of the answers.
#[derive(Debug, Clone, Serialize)]
pub struct ChoiceShow {
    /// Its word.
    pub answer: Answer,
    /// What to type for it.
    pub command: String,
}

impl QuestionShow {
    fn new(run: &Run) -> Option<QuestionShow> {
        let asked = choices::question(run)?;
        let choice = |answer| ChoiceShow { answer, command: next::command_of(answer, run) };
        Some(QuestionShow {
            text: asked.text,
            step: next::in_question(run).and_then(|unit| next::name_of(run, unit)),
            evidence: asked.evidence,
            choices: asked.answers.into_iter().map(choice).collect(),
        })
    }
}

/// A pause.
#[derive(Debug, Clone, Serialize)]
pub struct HoldShow {
    /// Who.
    pub by: String,
    /// When.
    #[serde(with = "millis")]
    pub at: DateTime<Utc>,
    /// Why.
    pub reason: Option<String>,
}

impl From<&Hold> for HoldShow {
    fn from(hold: &Hold) -> Self {
        HoldShow { by: hold.by.to_string(), at: hold.at, reason: hold.reason.clone() }
    }
}

/// A yes that counts.
#[derive(Debug, Clone, Serialize)]
pub struct ApprovalShow {
    /// Who.
    pub by: String,
    /// When.
    #[serde(with = "millis")]
    pub at: DateTime<Utc>,
    /// Why.
    pub reason: Option<String>,
}

impl From<&Approval> for ApprovalShow {
    fn from(approval: &Approval) -> Self {
        ApprovalShow { by: approval.by.to_string(), at: approval.at, reason: approval.reason.clone() }
    }
}

/// A yes that does not count.
#[derive(Debug, Clone, Serialize)]
pub struct RefusalShow {
    /// Who.
    pub by: String,
    /// Why not.
    pub reason: String,
}

/// A step of a run.
#[derive(Debug, Clone, Serialize)]
pub struct StepShow {
    /// Its id in the document.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Where it stands, in snake_case.
    pub status: String,
    /// How far it is: what it waits for and until when, how many of how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Its time box in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timebox_s: Option<u32>,
    /// What its commands had to show.
    pub expectations: Vec<ExpectationShow>,
    /// What its undo had to show.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undo: Vec<ExpectationShow>,
}

/// Where a run stands after somebody took it up.
#[derive(Debug, Clone, Serialize)]
pub struct RecoveredRun {
    /// Identity.
    pub id: RunId,
    /// The runbook.
    pub runbook: String,
    /// Status word.
    pub status: &'static str,
    /// The steps.
    pub steps: Vec<RecoveredStep>,
}

/// A step of it.
#[derive(Debug, Clone, Serialize)]
pub struct RecoveredStep {
    /// Its id in the document.
    pub id: String,
    /// Where it stands, in snake_case.
    pub status: String,
    /// Why it is not simply done.
    pub reason: Option<String>,
}

impl RecoveredRun {
    /// A run as it is now.
    #[must_use]
    pub fn new(run: &Run) -> RecoveredRun {
        let shown = RunShow::new(run);
        let steps = shown.steps.into_iter().enumerate();
        let steps = steps.map(|(index, step)| RecoveredStep {
            reason: reason(run, index),
            id: step.id,
            status: step.status,
        });
        RecoveredRun { id: run.id, runbook: shown.runbook, status: shown.status, steps: steps.collect() }
    }
}

/// Why the last of a step's commands that is not as it should be is not.
fn reason(run: &Run, index: usize) -> Option<String> {
    if let Status::Paused {
        question:
            Question::Doubt { unit, reason }
            | Question::Blocked { unit, reason }
            | Question::Guard { unit, reason }
            | Question::Overrun { unit, reason, .. },
    } = &run.status
        && unit.step == index
    {
        return Some(reason.clone());
    }
    let of_step = run.commands.iter().filter(|(unit, _)| unit.step == index);
    of_step.rev().find_map(|(unit, phase)| match phase {
        CommandPhase::InDoubt { reason, .. }
        | CommandPhase::NotStarted { reason }
        | CommandPhase::Skipped { reason } => Some(reason.clone()),
        CommandPhase::PassedOver { by, reason, .. } => Some(format!("{by} passed it over: {reason}")),
        CommandPhase::Ended { verdicts, vouched: false, .. } => {
            let missed = verdicts.iter().find(|verdict| verdict.outcome != Outcome::Pass)?;
            let text = if missed.text.is_empty() { "exit status 0" } else { &missed.text };
            Some(format!("expected {text}: {}", missed.reason))
        }
        CommandPhase::Probed => Some("its probe says that it has happened".to_owned()),
        CommandPhase::MarkedDone => Some(choices::said(run, *unit)),
        CommandPhase::Ended { .. } | CommandPhase::Started { .. } => None,
    })
}

/// A judged expectation.
#[derive(Debug, Clone, Serialize)]
pub struct ExpectationShow {
    /// The item of a loop that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// As written; `exit status 0` when nothing was said.
    pub text: String,
    /// The verdict.
    pub outcome: Outcome,
    /// Why.
    pub reason: String,
}

/// One event of the timeline.
#[derive(Debug, Clone, Serialize)]
pub struct TimelineEntry {
    /// Its stream.
    pub stream: StreamId,
    /// Its sequence.
    pub seq: u64,
    /// When.
    #[serde(with = "millis")]
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: Actor,
    /// What, as journaled.
    pub event: serde_json::Value,
}

impl RunShow {
    /// A run as it is now.
    #[must_use]
    pub fn new(run: &Run) -> RunShow {
        RunShow {
            id: run.id,
            runbook: run.plan.runbook.clone(),
            title: run.plan.title.clone(),
            target: run.plan.target.clone(),
            fingerprint: run.fingerprint.to_string(),
            code: run.fingerprint.code(),
            risk: run.risk.risk.word(),
            provenance: run.plan.provenance.clone(),
            status: run.word(),
            state: state_words(run),
            paused_by: run.hold.as_ref().map(HoldShow::from),
            unasked: run.unasked,
            requester: run.requester.to_string(),
            approvals_needed: run.yeses_due(),
            approvals: run.approvals.iter().map(ApprovalShow::from).collect(),
            refused_approvals: run
                .refused_approvals
                .iter()
                .map(|(by, reason)| RefusalShow { by: by.to_string(), reason: reason.clone() })
                .collect(),
            live: run.live_unit().is_some(),
            repeats: run.repeats,
            lock_epoch: run.epoch,
            deadline: run.deadline,
            steps: (0..run.plan.steps.len()).map(|index| step(run, index)).collect(),
            question: QuestionShow::new(run),
            next: next::next(run).into_iter().map(NextShow::from).collect(),
            repeated: choices::repetition(run),
            stays: if run.status.is_open() { Vec::new() } else { what_stays(run) },
            noted_failures: choices::noted_failures(run),
        }
    }
}

fn step(run: &Run, index: usize) -> StepShow {
    let planned = run.plan.steps.get(index);
    let status = match step_state(run, index) {
        "unknown: did it run?" => "in_doubt".to_owned(),
        words => words.replace(' ', "_"),
    };
    StepShow {
        id: planned.map_or_else(String::new, |step| step.id.clone()),
        title: planned.map_or_else(String::new, |step| step.title.clone()),
        status,
        timebox_s: planned.and_then(|step| step.timebox_s),
        detail: step_detail(run, index),
        expectations: expectations(run, index, UnitRole::Main),
        undo: expectations(run, index, UnitRole::Undo),
    }
}

fn expectations(run: &Run, step: usize, wanted: UnitRole) -> Vec<ExpectationShow> {
    let mut shown = Vec::new();
    for (unit, phase) in run.commands.iter().filter(|(unit, _)| unit.step == step && unit.role == wanted) {
        let CommandPhase::Ended { verdicts, .. } = phase else { continue };
        let item = run.item(*unit).map(|(_, item)| item.to_owned());
        shown.extend(verdicts.iter().map(|verdict| ExpectationShow {
            item: item.clone(),
            text: if verdict.text.is_empty() { "exit status 0".to_owned() } else { verdict.text.clone() },
            outcome: verdict.outcome,
            reason: verdict.reason.clone(),
        }));
    }
    shown
}

impl IncidentShow {
    /// An incident as it is now.
    #[must_use]
    pub fn new(incident: &Incident, runs: &[Run], timeline: Vec<TimelineEntry>) -> IncidentShow {
        IncidentShow {
            id: incident.id,
            number: incident.number.to_string(),
            status: incident.status.word(),
            severity: incident.severity.clone(),
            service: incident.service.clone(),
            title: incident.title.clone(),
            commander: incident.commander.as_ref().map(|commander| commander.who.to_string()),
            channel: incident.channel.clone(),
            detected_at: incident.detected_at,
            opened_at: incident.opened_at,
            acknowledged_at: incident.acknowledged_at,
            mitigated_at: incident.mitigated_at,
            resolved_at: incident.resolved_at,
            triage: incident.triage,
            review_file: incident.review_file.clone(),
            private: incident.private,
            ended: incident.end.as_ref().map(End::words),
            end: incident.end.clone(),
            merged: incident.merged.iter().map(ToString::to_string).collect(),
            roles: incident_text::roles(incident),
            update: incident.update.clone(),
            actions: incident.actions.iter().map(|item| ActionShow::new(incident.number, item)).collect(),
            runs: runs.iter().map(RunShow::new).collect(),
            timeline,
        }
    }
}
