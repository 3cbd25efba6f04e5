//! From a document and parameter values to a plan, and what stands in the way of running it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::error::{PlanError, Problem};
use super::expand::Expander;
use super::kinds;
use super::loops;
use super::model::{PLAN_FORMAT, Plan};
use super::provenance::Provenance;
use super::scope::{Scope, Sources};
use super::section;
use super::values;
use crate::runbook::{CommandKind, Diagnostic, Document, Level, ParameterSource, codes};

/// What a plan needs beside the document.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PlanRequest {
    /// Values given for this run, by name.
    pub given: BTreeMap<String, String>,
    /// Values that the configuration holds for the service, by name; used where none is given.
    pub configured: BTreeMap<String, String>,
    /// HMAC-SHA256 (lowercase hex) of each secret parameter's value, by name; the values stay with the caller.
    pub secrets: BTreeMap<String, String>,
    /// Why a parameter's value cannot be had from where the machine holds it, by name, with a hint.
    pub unreadable: BTreeMap<String, String>,
    /// The runbooks that includes may name, by name.
    pub documents: BTreeMap<String, Document>,
    /// Runbooks that are there and may not be included, with the reason.
    pub refused: BTreeMap<String, String>,
    /// The commit that the document comes from, when it lies in Git.
    pub provenance: Option<Provenance>,
    /// Plan only this section: its id, its title, or a beginning of either that only one has.
    pub section: Option<String>,
    /// The configured connections by kind and name; `None` when nobody knows them, and they are not looked at.
    pub connections: Option<Vec<(CommandKind, String)>>,
    /// What it acts on when the document names nothing.
    pub target: Option<String>,
    /// Names of the environment variables that commands may see.
    pub environment: Vec<String>,
    /// The run carries out nothing but what only reads, so what else there is on a condition does not stand in its way.
    pub only_looks: bool,
}

/// A plan with everything that stands in the way of running it.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// What would run. A command that is in the way is shown as it is written.
    pub plan: Plan,
    /// What is in the way; a plan without any can be run.
    pub problems: Vec<Problem>,
    /// Warnings about the planned lines: whoever decides should have seen them.
    pub warnings: Vec<Diagnostic>,
}

/// Builds the plan.
///
/// # Errors
/// When the document has errors, a command is not runnable, or a parameter is missing, unknown or ill-formed.
pub fn build(document: &Document, request: &PlanRequest) -> Result<Plan, PlanError> {
    let draft = draft(document, request)?;
    match draft.problems.into_iter().next() {
        None => Ok(draft.plan),
        Some(problem) => Err(problem.error),
    }
}

/// Builds the plan as far as it goes, with what stands in the way: for showing, not for running.
///
/// # Errors
/// When the request itself is wrong: it gives a value to something that is no parameter or to a secret, or names no section.
pub fn draft(document: &Document, request: &PlanRequest) -> Result<Draft, PlanError> {
    check_given(document, request)?;
    let chosen = request.section.as_deref().map(|wanted| section::find(document, wanted)).transpose()?;
    let lines = chosen.map_or(0..u32::MAX, |chosen| section::lines(document, chosen));
    let mut problems = document_errors(document, &lines);
    let sources = Sources::new(&request.given, request);
    let scope = Scope::new(document, sources, &mut problems);
    let steps = chosen.map_or(0..document.steps.len(), |chosen| chosen.steps.clone());
    let outside = section::captured_outside(document, &steps);
    if chosen.is_some() {
        section::set_outside(document, &steps, &outside, &request.environment, &mut problems);
    }
    let mut expander = Expander::new(request, document, problems, outside);
    expander.select(chosen.map(|chosen| chosen.line));
    expander.document(document, &scope, steps);
    let Expander { mut problems, mut steps, included, secrets, .. } = expander;
    values::note_places(&mut steps);
    let taken: BTreeSet<&str> = scope.values.keys().chain(secrets.keys()).map(String::as_str).collect();
    loops::settle(&mut steps, &taken, &mut problems);
    let target = document
        .front
        .lock
        .clone()
        .or_else(|| document.front.service.clone())
        .or_else(|| request.target.clone())
        .unwrap_or_else(|| document.name.clone());
    let mut environment = request.environment.clone();
    environment.sort();
    environment.dedup();
    let raised = included.keys().filter_map(|name| request.documents.get(name)?.front.approvals);
    let approvals = document.front.approvals.into_iter().chain(raised).max();
    let own_limit = document.front.timebox.as_deref().and_then(crate::duration::parse_seconds);
    let plan = Plan {
        format: PLAN_FORMAT,
        runbook: document.name.clone(),
        title: document.title.clone(),
        document_sha256: document.sha256.clone().unwrap_or_default(),
        included,
        provenance: request.provenance.clone(),
        section: chosen.map(|chosen| chosen.id.clone()),
        target,
        params: scope.values,
        secrets_of: request.target.clone().filter(|_| !secrets.is_empty()),
        secrets,
        environment,
        steps,
        limit_s: chosen.and_then(|chosen| chosen.timebox_s).or(own_limit),
        approvals,
        rolls_back: document.front.kind.as_deref() == Some("rollback"),
    };
    check_ids(&plan, &mut problems);
    kinds::check(&plan, request.connections.as_deref(), &mut problems);
    check_secret_names(&plan, &mut problems);
    // whatever stops its commands is said already
    if plan.steps.is_empty() && problems.is_empty() {
        problems.push(empty(document));
    }
    let problems: Vec<Problem> = problems.into_iter().map(Problem::from).collect();
    let settled = settled(document, &problems);
    let warnings = document
        .diagnostics
        .iter()
        .filter(|finding| finding.level == Level::Warning && lines.contains(&finding.line))
        // who asked for the section has decided about what its heading says
        .filter(|finding| {
            finding.code != codes::CONDITIONAL || chosen.is_none_or(|chosen| chosen.line != finding.line)
        })
        // a placeholder whose value is there is none any more
        .filter(|finding| {
            !matches!(finding.code, codes::PLACEHOLDER | codes::UNSET_VARIABLE)
                || settled.range(..=finding.line).next_back().is_none_or(|(_, last)| finding.line > *last)
        })
        .cloned()
        .collect();
    Ok(Draft { plan, problems, warnings })
}

/// The lines (first and last) of the commands that have placeholders and with which nothing is wrong: they have their values.
fn settled(document: &Document, problems: &[Problem]) -> BTreeMap<u32, u32> {
    let open: BTreeSet<&str> = problems.iter().filter_map(|problem| problem.command.as_deref()).collect();
    let commands = document.steps.iter().flat_map(|step| step.all_commands().map(|(_, command)| command));
    commands
        .filter(|command| !command.placeholders.is_empty() && !open.contains(command.id.as_str()))
        .map(|command| {
            let lines = u32::try_from(command.text.lines().count()).unwrap_or(u32::MAX);
            (command.line, command.line.saturating_add(lines.saturating_sub(1)))
        })
        .collect()
}

/// A plan of nothing would succeed without a word.
fn empty(document: &Document) -> PlanError {
    let coverage = document.coverage();
    let counted = |count: u32, one: &str, several: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{count} {several}")),
    };
    let left: Vec<String> = [
        counted(coverage.unmarked, "block that looks like commands", "blocks that look like commands"),
        counted(coverage.text_items, "list item that is text", "list items that are text"),
    ]
    .into_iter()
    .flatten()
    .collect();
    PlanError::Empty {
        name: document.name.clone(),
        left: if left.is_empty() { String::new() } else { format!(" (it has {})", left.join(" and ")) },
        hint: "open blocks of commands with ```bash, and write what a person does as `- [ ]` items",
    }
}

/// Names that a person gave must be parameters, and none of them a secret.
fn check_given(document: &Document, request: &PlanRequest) -> Result<(), PlanError> {
    let found = document.params.iter().filter(|param| param.source == ParameterSource::Placeholder);
    let mut known: Vec<&str> = document.front.params.keys().map(String::as_str).collect();
    known.extend(found.map(|param| param.name.as_str()));
    for name in request.given.keys() {
        if !known.contains(&name.as_str()) {
            return Err(PlanError::UnknownParam { name: name.clone(), known: known.join(", ") });
        }
        if document.front.params.get(name).is_some_and(|declared| declared.secret) {
            return Err(PlanError::SecretGiven { name: name.clone() });
        }
    }
    Ok(())
}

/// The document's errors within these lines, and those about all of it.
pub(super) fn document_errors(document: &Document, lines: &Range<u32>) -> Vec<PlanError> {
    let errors = document
        .diagnostics
        .iter()
        .filter(|finding| finding.level == Level::Error)
        .filter(|finding| lines.contains(&finding.line) || document.is_everywhere(finding.code, finding.line))
        .map(|error| PlanError::Document {
            name: document.name.clone(),
            line: error.line,
            code: error.code.to_string(),
            message: error.message.clone(),
        });
    let no_hash = document.sha256.is_none().then(|| PlanError::NoHash { name: document.name.clone() });
    errors.chain(no_hash).collect()
}

/// One name is one variable: what is secret in one place of the plan is not something plain in another.
fn check_secret_names(plan: &Plan, problems: &mut Vec<PlanError>) {
    for name in plan.secrets.keys() {
        let plain = plan.params.contains_key(name)
            || plan.steps.iter().any(|step| step.params.contains_key(name))
            || plan
                .all_commands()
                .filter_map(|command| command.capture.as_ref())
                .any(|made| made.name == *name);
        if plain {
            let reason = "it is secret, and a parameter or a captured value that is not has the same name; hint: rename one of them";
            problems.push(PlanError::BadParam { name: name.clone(), reason: reason.to_owned() });
        }
    }
}

/// Ids name commands in events, so two commands must never share one.
fn check_ids(plan: &Plan, problems: &mut Vec<PlanError>) {
    let mut seen = BTreeSet::new();
    for command in plan.all_commands() {
        if !seen.insert(command.id.as_str()) {
            problems.push(PlanError::DuplicateId { id: command.id.clone() });
        }
    }
}
