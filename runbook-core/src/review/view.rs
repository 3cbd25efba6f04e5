//! What the template sees. Its shape is that of `runbooks/templates/pir.sample.json`; every text in it is Markdown already.

use serde::Serialize;

use super::cite::Said;

/// The whole review.
#[derive(Serialize)]
pub(super) struct View {
    pub(super) title: String,
    pub(super) incident: String,
    pub(super) date: String,
    pub(super) zone: String,
    pub(super) drafted: String,
    pub(super) severity: Said,
    pub(super) duration: Option<Span>,
    pub(super) commander: Option<Said>,
    pub(super) time_to_mitigate: Option<Measured>,
    pub(super) time_to_resolve: Option<Span>,
    pub(super) review_due: Option<String>,
    pub(super) phases: Vec<PhaseRow>,
    pub(super) observations: Vec<Said>,
    pub(super) impact: Impact,
    pub(super) went_well: Vec<Said>,
    pub(super) went_wrong: Vec<Said>,
    pub(super) triage: Vec<TriageRow>,
    pub(super) runbooks: Vec<RunSection>,
    pub(super) approvals: Vec<ApprovalRow>,
    pub(super) actions: Vec<ActionRow>,
    pub(super) lessons: Vec<Said>,
    pub(super) timeline: Vec<TimelineRow>,
    pub(super) streams: Vec<StreamRow>,
}

/// A time span with the names of both ends.
#[derive(Serialize)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) start: String,
    pub(super) start_name: String,
    pub(super) end: String,
    pub(super) end_name: String,
    pub(super) refs: String,
}

/// A time span held against the target.
#[derive(Serialize)]
pub(super) struct Measured {
    #[serde(flatten)]
    pub(super) span: Span,
    pub(super) target: Option<String>,
    pub(super) verdict: Option<String>,
}

/// One of the four named moments.
#[derive(Serialize)]
pub(super) struct PhaseRow {
    pub(super) name: String,
    pub(super) at: Option<String>,
    pub(super) text: Option<String>,
    pub(super) refs: String,
}

/// Whom it touched: for people to fill in.
#[derive(Serialize)]
pub(super) struct Impact {
    pub(super) repositories: Option<Said>,
    pub(super) flows: Option<Said>,
    pub(super) users: Option<Said>,
}

/// One judged expectation of the diagnostics.
#[derive(Serialize)]
pub(super) struct TriageRow {
    pub(super) title: String,
    pub(super) expected: String,
    pub(super) outcome: String,
    pub(super) reason: String,
    pub(super) refs: String,
}

/// One run.
#[derive(Serialize)]
pub(super) struct RunSection {
    pub(super) title: String,
    pub(super) run: String,
    pub(super) fingerprint: String,
    pub(super) risk: String,
    pub(super) by: String,
    pub(super) status: String,
    pub(super) undo: String,
    pub(super) reason: Option<String>,
    pub(super) refs: String,
    pub(super) steps: Vec<StepRow>,
    pub(super) checks: Vec<CheckRow>,
}

/// One step of a run.
#[derive(Serialize)]
pub(super) struct StepRow {
    pub(super) title: String,
    pub(super) outcome: String,
    pub(super) passed: usize,
    pub(super) total: usize,
    pub(super) refs: String,
}

/// What one command showed, or what was decided about it.
#[derive(Serialize)]
pub(super) struct CheckRow {
    pub(super) step: String,
    pub(super) command: String,
    pub(super) expected: String,
    pub(super) outcome: String,
    pub(super) reason: String,
    pub(super) refs: String,
}

/// One yes, no or unanswered question about a plan.
#[derive(Serialize)]
pub(super) struct ApprovalRow {
    pub(super) at: String,
    pub(super) by: String,
    pub(super) decision: String,
    #[serde(rename = "for")]
    pub(super) plan: String,
    pub(super) reason: Option<String>,
    pub(super) refs: String,
}

/// Something to do after the incident.
#[derive(Serialize)]
pub(super) struct ActionRow {
    pub(super) text: String,
    pub(super) owner: Option<String>,
    pub(super) due: Option<String>,
    pub(super) refs: String,
}

/// One event.
#[derive(Serialize)]
pub(super) struct TimelineRow {
    #[serde(rename = "ref")]
    pub(super) label: String,
    pub(super) at: String,
    pub(super) actor: String,
    pub(super) text: String,
}

/// What a mark's letter stands for.
#[derive(Serialize)]
pub(super) struct StreamRow {
    pub(super) label: String,
    pub(super) stream: String,
}
