//! From a runbook to a plan, with the configured values of its service. Needs no store.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use runbook_core::plan::{Fingerprint, Plan, PlanError, PlanRequest, Problem, assess, build, draft};
use runbook_core::runbook::Document;
use serde_json::json;

use crate::error::EngineError;
use crate::library::LibraryEntry;
use crate::origin::Reply;
use crate::settings::Settings;

/// What a person or the engine asks a plan for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Parameter values given for this run.
    pub params: &'a BTreeMap<String, String>,
    /// One section of the document; all of it when absent.
    pub section: Option<&'a str>,
    /// The incident's service, where the document names none.
    pub service: Option<&'a str>,
}

/// Plans a runbook with the configured values of its service.
pub(crate) fn plan_of(
    settings: &Settings,
    entry: &LibraryEntry,
    asked: &Asked<'_>,
) -> Result<Plan, EngineError> {
    build(&entry.document, &request_of(settings, entry, asked)).map_err(refused)
}

/// The same for a run that nobody asked for: it carries out nothing but what only reads.
pub(crate) fn plan_to_look(
    settings: &Settings,
    entry: &LibraryEntry,
    asked: &Asked<'_>,
) -> Result<Plan, EngineError> {
    let request = PlanRequest { only_looks: true, ..request_of(settings, entry, asked) };
    build(&entry.document, &request).map_err(refused)
}

/// What would run and everything that stands in the way of it: for showing, whether or not it can be run.
///
/// # Errors
/// When a value is given for something that is no parameter, or for a secret.
pub fn draft_reply(
    settings: &Settings,
    entry: &LibraryEntry,
    asked: &Asked<'_>,
) -> Result<Reply, EngineError> {
    let draft = draft(&entry.document, &request_of(settings, entry, asked)).map_err(refused)?;
    let is_whole = draft.problems.is_empty();
    let mut problems = draft.problems;
    problems.extend(draft.plan.check_runnable().err().map(Problem::from));
    let needed = approvals_needed(settings, &draft.plan, entry, asked.service);
    let mut reply = describe_plan(&draft.plan, needed, is_whole, &problems)?;
    if !draft.warnings.is_empty() {
        reply.text.push_str("\nWarnings about these lines:\n");
    }
    for warning in &draft.warnings {
        let _ = writeln!(reply.text, "  {}", crate::describe::finding_line(&entry.source, warning));
    }
    reply.data["warnings"] = json!(draft.warnings);
    if !problems.is_empty() {
        reply.text.push_str("\nThis cannot run as it stands:\n");
    }
    for problem in &problems {
        let _ = writeln!(reply.text, "  {}: {}", problem.code, problem.message);
        if let Some(hint) = &problem.hint {
            let _ = writeln!(reply.text, "    hint: {hint}");
        }
    }
    reply.data["runnable"] = json!(problems.is_empty());
    reply.data["problems"] = json!(problems);
    Ok(reply)
}

/// Why a plan is not made or not run, with the code of what a run does not carry out.
pub(crate) fn refused(error: PlanError) -> EngineError {
    match error {
        PlanError::Flow { .. } | PlanError::UnknownCondition { .. } => EngineError::Flow(error.to_string()),
        PlanError::SecretParam { .. } | PlanError::SecretGiven { .. } => {
            EngineError::Secret(error.to_string())
        }
        other => EngineError::Plan(other.to_string()),
    }
}

/// What planning needs beside the document: given and configured values, included runbooks.
pub(crate) fn request_of(settings: &Settings, entry: &LibraryEntry, asked: &Asked<'_>) -> PlanRequest {
    let service_name = entry.document.front.service.clone().or_else(|| asked.service.map(str::to_owned));
    let service = service_name.as_deref().and_then(|name| settings.service(name));
    let documents: Vec<&Document> = std::iter::once(&entry.document).chain(entry.included.values()).collect();
    let takes =
        |name: &str| documents.iter().any(|document| document.params.iter().any(|param| param.name == name));
    let configured = service.map_or_else(BTreeMap::new, |service| {
        // A configured value that this runbook does not take is for another one.
        let known = service.params.iter().filter(|(name, _)| takes(name));
        known.map(|(name, value)| (name.clone(), value.clone())).collect()
    });
    let found = crate::secrets::find(settings, &documents, service_name.as_deref());
    PlanRequest {
        given: asked.params.clone(),
        configured,
        provenance: crate::git::provenance_of(settings, entry),
        section: asked.section.map(str::to_owned),
        connections: Some(settings.connections.clone()),
        secrets: found.macs,
        unreadable: found.unreadable,
        documents: entry.included.clone(),
        refused: entry.refused.clone(),
        target: service_name,
        environment: settings.exec_env.clone(),
        only_looks: false,
    }
}

/// What people compare. A plan whose secrets are not bound to it has none: any value would have the same.
pub(crate) fn code_of(plan: &Plan, fingerprint: &Fingerprint) -> Option<String> {
    let is_bound = plan.secrets.values().all(|mac| !mac.is_empty());
    is_bound.then(|| fingerprint.code())
}

/// A plan as text and data. One that is not whole has no fingerprint: there is nothing to say yes to.
pub(crate) fn describe_plan(
    plan: &Plan,
    needed: u8,
    is_whole: bool,
    problems: &[Problem],
) -> Result<Reply, EngineError> {
    let fingerprint = plan.fingerprint().map_err(|error| EngineError::Journal(error.to_string()))?;
    let risk = assess(plan, false);
    let code = code_of(plan, &fingerprint).filter(|_| is_whole);
    let mut text = crate::describe::plan_text(plan, code.as_deref(), &risk, needed, problems);
    if is_whole && code.is_none() {
        text.push_str("\nNo code: a secret is bound to its plan only where Blocks has its data folder.\n");
    }
    let data = json!({
        "runbook": plan.runbook,
        "title": plan.title,
        "target": plan.target,
        "fingerprint": code.as_ref().map(|_| &fingerprint),
        "code": code,
        "risk": risk.risk,
        "risk_reasons": risk.reasons,
        "approvals_needed": needed,
        "boxes_s": plan.boxes_s(),
        "limit_s": plan.limit_s,
        "params": plan.params,
        "secrets": plan.secrets.keys().collect::<Vec<_>>(),
        "included": plan.included,
        "commit": plan.provenance.as_ref().map(|provenance| &provenance.commit),
        "changed_since_drilled": plan.provenance.as_ref().map(|provenance| provenance.drilled.has_changed()),
        "provenance": plan.provenance,
        "section": plan.section,
        "steps": steps_data(plan),
    });
    Ok(Reply { text, data })
}

/// The steps with what is not theirs to say: what becomes of each when the run is undone.
fn steps_data(plan: &Plan) -> serde_json::Value {
    let mut steps = json!(plan.steps);
    for (index, step) in steps.as_array_mut().into_iter().flatten().enumerate() {
        step["reversal"] = json!(plan.reversal(index));
    }
    steps
}

/// How many other people must approve this plan: policy, raised by the documents and by every service that it may touch
/// (that of its target, of its documents, or of the incident), whatever its lock is called.
pub(crate) fn approvals_needed(
    settings: &Settings,
    plan: &Plan,
    entry: &LibraryEntry,
    incident_service: Option<&str>,
) -> u8 {
    let included = plan.included.keys().filter_map(|name| entry.included.get(name));
    let documents = std::iter::once(&entry.document).chain(included);
    let services = documents.filter_map(|document| document.front.service.as_deref());
    // as for its values: the incident says which service it is only where the document does not
    let incident_service = incident_service.filter(|_| entry.document.front.service.is_none());
    let services = services.chain(incident_service).chain(std::iter::once(plan.target.as_str()));
    let raised = services.filter_map(|name| settings.service(name)?.approvals).max();
    settings.policy.needed(assess(plan, false).risk, plan.approvals, raised)
}
