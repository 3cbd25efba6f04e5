//! From a runbook to a plan, with the configured values of its service. Needs no store.

use std::collections::BTreeMap;

use runbook_core::plan::{Plan, PlanRequest, Risk, assess, build};
use serde_json::json;

use crate::error::EngineError;
use crate::library::LibraryEntry;
use crate::origin::Reply;
use crate::settings::Settings;

/// What would run, as it would be shown to whoever decides.
///
/// # Errors
/// When the document or the parameters do not make a plan.
pub fn plan_reply(
    settings: &Settings,
    entry: &LibraryEntry,
    params: &BTreeMap<String, String>,
) -> Result<Reply, EngineError> {
    describe_plan(settings, &plan_of(settings, entry, params, None)?)
}

/// Plans a runbook with the configured values of its service.
pub(crate) fn plan_of(
    settings: &Settings,
    entry: &LibraryEntry,
    params: &BTreeMap<String, String>,
    service: Option<&str>,
) -> Result<Plan, EngineError> {
    let service_name = entry.document.front.service.clone().or_else(|| service.map(str::to_owned));
    let service = service_name.as_deref().and_then(|name| settings.service(name));
    let declared = &entry.document.front.params;
    let configured = service.map_or_else(BTreeMap::new, |service| {
        // A configured value that this runbook does not declare is for another one.
        let known = service.params.iter().filter(|(name, _)| declared.contains_key(*name));
        known.map(|(name, value)| (name.clone(), value.clone())).collect()
    });
    let request = PlanRequest {
        given: params.clone(),
        configured,
        target: service_name,
        environment: settings.exec_env.clone(),
    };
    build(&entry.document, &request).map_err(|error| EngineError::Plan(error.to_string()))
}

pub(crate) fn describe_plan(settings: &Settings, plan: &Plan) -> Result<Reply, EngineError> {
    let fingerprint = plan.fingerprint().map_err(|error| EngineError::Journal(error.to_string()))?;
    let risk = assess(plan, false);
    let needed = approvals_needed(settings, plan, risk.risk);
    let text = crate::describe::plan_text(plan, &fingerprint, &risk, needed);
    let data = json!({
        "runbook": plan.runbook,
        "title": plan.title,
        "target": plan.target,
        "fingerprint": fingerprint,
        "code": fingerprint.code(),
        "risk": risk.risk,
        "risk_reasons": risk.reasons,
        "approvals_needed": needed,
        "boxes_s": plan.boxes_s(),
        "limit_s": plan.limit_s,
        "params": plan.params,
        "steps": plan.steps,
    });
    Ok(Reply { text, data })
}

/// How many other people must approve this plan.
pub(crate) fn approvals_needed(settings: &Settings, plan: &Plan, risk: Risk) -> u8 {
    let service = settings.service(&plan.target).and_then(|service| service.approvals);
    settings.policy.needed(risk, plan.approvals, service)
}
