//! From a document and parameter values to a plan, or the reasons why not.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{PLAN_FORMAT, Plan, PlanStep, PlannedCommand, RESERVED_VARIABLES};
use crate::pattern::Pattern;
use crate::runbook::{Command, Document, Effect, Level, Step};

/// Milliseconds that a command may take when nothing else is said.
pub(super) const DEFAULT_TIMEOUT_MS: u64 = 60_000;

/// What a plan needs beside the document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanRequest {
    /// Values given for this run, by name.
    pub given: BTreeMap<String, String>,
    /// Values that the configuration holds for the service, by name; used where none is given.
    pub configured: BTreeMap<String, String>,
    /// What it acts on when the document names nothing.
    pub target: Option<String>,
    /// Names of the environment variables that commands may see.
    pub environment: Vec<String>,
}

/// Builds the plan.
///
/// # Errors
/// When the document has errors, a command is not runnable, or a parameter is missing, unknown or ill-formed.
pub fn build(document: &Document, request: &PlanRequest) -> Result<Plan, PlanError> {
    if let Some(error) = document.diagnostics.iter().find(|finding| finding.level == Level::Error) {
        return Err(PlanError::Document {
            name: document.name.clone(),
            line: error.line,
            code: error.code.to_string(),
            message: error.message.clone(),
        });
    }
    let params = resolve_params(document, request)?;
    let target = document
        .front
        .lock
        .clone()
        .or_else(|| document.front.service.clone())
        .or_else(|| request.target.clone())
        .unwrap_or_else(|| document.name.clone());
    let steps = document.steps.iter().map(plan_step).collect::<Result<Vec<_>, _>>()?;
    let mut environment = request.environment.clone();
    environment.sort();
    environment.dedup();
    let plan = Plan {
        format: PLAN_FORMAT,
        runbook: document.name.clone(),
        title: document.title.clone(),
        document_sha256: document.sha256.clone(),
        included: BTreeMap::new(),
        section: None,
        target,
        params,
        environment,
        steps,
        limit_s: document.front.timebox.as_deref().and_then(crate::duration::parse_seconds),
        approvals: document.front.approvals,
    };
    check_ids(&plan)?;
    Ok(plan)
}

fn resolve_params(document: &Document, request: &PlanRequest) -> Result<BTreeMap<String, String>, PlanError> {
    for name in request.given.keys() {
        if !document.front.params.contains_key(name) {
            return Err(PlanError::UnknownParam {
                name: name.clone(),
                known: document.front.params.keys().cloned().collect::<Vec<_>>().join(", "),
            });
        }
    }
    let mut values = BTreeMap::new();
    for (name, declared) in &document.front.params {
        check_variable_name(name)?;
        if declared.secret {
            return Err(PlanError::SecretParam { name: name.clone() });
        }
        let value = request
            .given
            .get(name)
            .or_else(|| request.configured.get(name))
            .or(declared.default.as_ref())
            .ok_or_else(|| PlanError::MissingParam {
                name: name.clone(),
                description: declared.description.clone().unwrap_or_default(),
            })?;
        if value.contains('\0') {
            return Err(PlanError::BadParam { name: name.clone(), reason: "it holds a NUL byte".into() });
        }
        if let Some(pattern) = &declared.pattern {
            let compiled = Pattern::new(pattern).map_err(|error| PlanError::BadParam {
                name: name.clone(),
                reason: format!("its pattern does not read: {error}"),
            })?;
            if !compiled.is_match(value) {
                return Err(PlanError::BadParam {
                    name: name.clone(),
                    reason: format!("the value does not match the pattern {pattern}"),
                });
            }
        }
        values.insert(name.clone(), value.clone());
    }
    Ok(values)
}

fn check_variable_name(name: &str) -> Result<(), PlanError> {
    let mut chars = name.chars();
    let starts_well = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let well_formed = starts_well && chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
    let reserved = RESERVED_VARIABLES.contains(&name)
        || ["BASH", "LD_", "BLOCKS_", "LC_"].iter().any(|prefix| name.starts_with(prefix));
    if well_formed && !reserved {
        return Ok(());
    }
    Err(PlanError::BadParam {
        name: name.to_owned(),
        reason: "the name is reserved, or not letters, digits and underscores".to_owned(),
    })
}

fn plan_step(step: &Step) -> Result<PlanStep, PlanError> {
    let all = |commands: &[Command]| commands.iter().map(plan_command).collect::<Result<Vec<_>, _>>();
    let read_only = |commands: Vec<PlannedCommand>, role: &'static str| match commands
        .iter()
        .find(|command| command.effect != Effect::Read)
    {
        Some(command) => Err(PlanError::NotReadOnly { role, command: command.id.clone() }),
        None => Ok(commands),
    };
    let probe = step.probe.as_ref().map(plan_command).transpose()?;
    Ok(PlanStep {
        id: step.id.clone(),
        title: step.title.clone(),
        params: BTreeMap::new(),
        timebox_s: step.timebox_s,
        due_s: step.due_s,
        baselines: read_only(all(&step.baselines)?, "baseline")?,
        commands: all(&step.commands)?,
        probe: match probe {
            Some(probe) => read_only(vec![probe], "probe")?.pop(),
            None => None,
        },
        undo: all(&step.undo)?,
        manual_items: step.manual_items.clone(),
    })
}

fn plan_command(command: &Command) -> Result<PlannedCommand, PlanError> {
    if let Some(reason) = command.reason() {
        return Err(PlanError::NotRunnable { command: command.id.clone(), line: command.line, reason });
    }
    if let Some(capture) = &command.capture {
        check_variable_name(&capture.name)?;
    }
    Ok(PlannedCommand {
        id: command.id.clone(),
        title: command.title.clone(),
        kind: command.kind,
        text: command.text.clone(),
        connection: command.connection.clone(),
        retries: command.retries,
        flow: command.flow.clone(),
        effect: command.effect,
        effect_source: command.effect_source,
        timeout_ms: command.timeout_ms.unwrap_or(DEFAULT_TIMEOUT_MS),
        capture: command.capture.clone(),
        expectations: command.expectations.clone(),
    })
}

/// Ids name commands in events, so two commands must never share one.
fn check_ids(plan: &Plan) -> Result<(), PlanError> {
    let mut seen = BTreeSet::new();
    for step in &plan.steps {
        let commands = step.baselines.iter().chain(&step.commands).chain(&step.probe).chain(&step.undo);
        for command in commands {
            if !seen.insert(command.id.as_str()) {
                return Err(PlanError::DuplicateId { id: command.id.clone() });
            }
        }
    }
    Ok(())
}

/// Why a document does not make a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// It has an error.
    #[error("{name}.md:{line}: {code}: {message}; hint: `blocks runbook lint` shows every finding")]
    Document {
        /// The runbook.
        name: String,
        /// Where.
        line: u32,
        /// Its code.
        code: String,
        /// What is wrong.
        message: String,
    },
    /// A command cannot run.
    #[error("command {command} (line {line}) is not runnable: {reason}")]
    NotRunnable {
        /// Its id.
        command: String,
        /// Where.
        line: u32,
        /// Why.
        reason: String,
    },
    /// A baseline or probe would change something.
    #[error(
        "{role} {command} is not read-only; hint: a {role} must be known to change nothing (effect=read)"
    )]
    NotReadOnly {
        /// `baseline` or `probe`.
        role: &'static str,
        /// Its id.
        command: String,
    },
    /// A parameter has no value.
    #[error(
        "parameter '{name}' has no value ({description}); hint: give it with --param {name}=VALUE or under [service.params]"
    )]
    MissingParam {
        /// Its name.
        name: String,
        /// What it is.
        description: String,
    },
    /// A value was given for something that is not a parameter.
    #[error("there is no parameter '{name}'; hint: the runbook declares: {known}")]
    UnknownParam {
        /// Its name.
        name: String,
        /// What there is.
        known: String,
    },
    /// A value or a name is not acceptable.
    #[error("parameter '{name}': {reason}")]
    BadParam {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// Secret parameters cannot be planned yet.
    #[error(
        "parameter '{name}' is secret, and secret parameters cannot be planned yet; hint: let the command read it from a file named by a parameter"
    )]
    SecretParam {
        /// Its name.
        name: String,
    },
    /// Two commands share an id.
    #[error("two commands are named '{id}'; hint: give each fence its own name=")]
    DuplicateId {
        /// The id.
        id: String,
    },
}
