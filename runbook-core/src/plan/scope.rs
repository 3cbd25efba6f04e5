//! Which values the commands of one document see: given, configured, default.

use std::collections::{BTreeMap, BTreeSet};

use super::build::PlanRequest;
use super::error::PlanError;
use super::values;
use crate::expectation::{Expectation, Value, references, with_values};
use crate::runbook::placeholders::{Guard, Unresolved, assigned, resolve};
use crate::runbook::variables;
use crate::runbook::variables::places::Flows;
use crate::runbook::{
    Command, CommandKind, Document, Param, ParamType, ParameterSource, check_value, check_variable,
    parameter_of,
};

/// The values of one document's parameters.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    document: &'a Document,
    /// By parameter name; secret ones are not here.
    pub(super) values: BTreeMap<String, String>,
    /// HMAC of each secret value, by parameter name.
    pub(super) secrets: BTreeMap<String, String>,
    /// From a placeholder's name to the variable that stands for it.
    variables: BTreeMap<String, String>,
    /// Variables that the document's shell text or captures set.
    taken: BTreeSet<String>,
    /// Variables that the machine hands on to commands.
    environment: &'a [String],
}

/// What is known about values beside the document.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    pub(super) given: &'a BTreeMap<String, String>,
    pub(super) configured: &'a BTreeMap<String, String>,
    pub(super) secrets: &'a BTreeMap<String, String>,
    /// Why a value cannot be had from where the machine holds it.
    unreadable: &'a BTreeMap<String, String>,
    environment: &'a [String],
}

impl<'a> Sources<'a> {
    pub(super) fn new(given: &'a BTreeMap<String, String>, request: &'a PlanRequest) -> Sources<'a> {
        let PlanRequest { configured, secrets, unreadable, environment, .. } = request;
        Sources { given, configured, secrets, unreadable, environment }
    }
}

impl<'a> Scope<'a> {
    /// Finds each parameter's value. What is missing or does not fit is added to `problems`.
    pub(super) fn new(
        document: &'a Document,
        sources: Sources<'a>,
        problems: &mut Vec<PlanError>,
    ) -> Scope<'a> {
        let mut scope = Scope {
            document,
            values: BTreeMap::new(),
            secrets: BTreeMap::new(),
            variables: BTreeMap::new(),
            taken: BTreeSet::new(),
            environment: sources.environment,
        };
        for (name, declared) in &document.front.params {
            if let Err(reason) = check_variable(name) {
                problems.push(PlanError::BadParam { name: name.clone(), reason });
            } else if declared.secret {
                scope.secret(name, declared, sources, problems);
            } else {
                scope.declared(name, declared, sources, problems);
            }
        }
        scope.placeholders(sources, problems);
        scope
    }

    fn secret(&mut self, name: &str, declared: &Param, sources: Sources<'_>, problems: &mut Vec<PlanError>) {
        if sources.given.contains_key(name) || sources.configured.contains_key(name) {
            problems.push(PlanError::SecretGiven { name: name.to_owned() });
        } else if let Some(mac) = sources.secrets.get(name) {
            self.secrets.insert(name.to_owned(), mac.clone());
        } else if let Some(reason) = sources.unreadable.get(name) {
            problems.push(PlanError::SecretParam { name: name.to_owned(), reason: reason.clone() });
        } else if declared.required != Some(false) {
            let reason = "nobody looked for a value; hint: the machine that runs it holds the value";
            problems.push(PlanError::SecretParam { name: name.to_owned(), reason: reason.to_owned() });
        }
    }

    fn declared(
        &mut self,
        name: &str,
        declared: &Param,
        sources: Sources<'_>,
        problems: &mut Vec<PlanError>,
    ) {
        let value =
            sources.given.get(name).or_else(|| sources.configured.get(name)).or(declared.default.as_ref());
        if let (None, Some(reason)) = (sources.given.get(name), sources.unreadable.get(name)) {
            problems.push(PlanError::BadParam { name: name.to_owned(), reason: reason.clone() });
            return;
        }
        let Some(value) = value else {
            if declared.required == Some(false) {
                self.values.insert(name.to_owned(), String::new());
            } else {
                let description = declared.description.clone().unwrap_or_default();
                problems.push(PlanError::MissingParam { name: name.to_owned(), description });
            }
            return;
        };
        match check_value(declared, value) {
            Ok(()) => {
                self.values.insert(name.to_owned(), value.clone());
            }
            Err(reason) => problems.push(PlanError::BadParam { name: name.to_owned(), reason }),
        }
    }

    fn placeholders(&mut self, sources: Sources<'_>, problems: &mut Vec<PlanError>) {
        let declared = &self.document.front.params;
        let found: Vec<_> = self
            .document
            .params
            .iter()
            .filter(|param| !param.spellings.is_empty() || param.source == ParameterSource::Placeholder)
            .collect();
        if found.is_empty() {
            return;
        }
        let steps = &self.document.steps;
        for command in steps.iter().flat_map(|step| step.all_commands().map(|(_, command)| command)) {
            self.taken.extend(command.capture.iter().map(|capture| capture.name.clone()));
            if command.kind == CommandKind::Shell {
                self.taken.extend(assigned(&command.text));
            }
        }
        for param in found {
            if param.source == ParameterSource::Declared {
                continue;
            }
            let Some(value) = sources.given.get(&param.name).or_else(|| sources.configured.get(&param.name))
            else {
                if let Some(reason) = sources.unreadable.get(&param.name) {
                    let (name, reason) = (param.name.clone(), reason.clone());
                    problems.push(PlanError::BadParam { name, reason });
                }
                continue;
            };
            match check_value(&param.declared, value) {
                Ok(()) => {
                    self.values.insert(param.name.clone(), value.clone());
                    self.variables.insert(param.name.clone(), param.name.clone());
                }
                Err(reason) => problems.push(PlanError::BadParam { name: param.name.clone(), reason }),
            }
        }
        // a placeholder may spell a declared name in its own way: `<namespace>` for NAMESPACE
        for name in self.values.keys().chain(self.secrets.keys()).filter(|name| declared.contains_key(*name))
        {
            let placeholder = name.to_ascii_lowercase();
            if parameter_of(declared, &placeholder) == *name {
                self.variables.insert(placeholder, name.clone());
            }
        }
    }

    /// The text that the shell gets: the command's own, its placeholders replaced.
    pub(super) fn text(&self, command: &Command) -> Result<String, String> {
        if let Some(reason) = &command.not_runnable {
            return Err(reason.clone());
        }
        if command.placeholders.is_empty() {
            return Ok(command.text.clone());
        }
        if command.kind != CommandKind::Shell {
            return Err(command.reason().unwrap_or_default());
        }
        let resolved = resolve(&command.text, &self.variables).map_err(|error| match &error {
            Unresolved::NoValue(text) => {
                let name = parameter_of(
                    &self.document.front.params,
                    &crate::runbook::placeholders::parameter_name(text),
                );
                format!("{error}; hint: give it with --param {name}=VALUE")
            }
            Unresolved::LeftOut(_) => format!("{error}; hint: write the whole command"),
            Unresolved::Nowhere { .. } => {
                format!("{error}; hint: declare a parameter and write \"$NAME\" where a value can stand")
            }
        })?;
        for (variable, guard) in &resolved.guards {
            self.check_guard(variable, *guard)?;
        }
        let variables =
            command.placeholders.iter().filter_map(|spelling| variables::of_placeholder(spelling));
        for name in variables {
            self.check_variable(name, &command.text)?;
        }
        Ok(resolved.text)
    }

    /// A variable that nothing in the document sets has a value from elsewhere, and stays one word where it stands.
    fn check_variable(&self, name: &str, text: &str) -> Result<(), String> {
        match self.values.get(name) {
            Some(value) if value.contains(variables::SPLITTING) && variables::splits(text, name) => {
                Err(format!(
                    "the value of '{name}' would be split into words, or read as a pattern; hint: write \"${name}\" in quotes"
                ))
            }
            Some(_) => Ok(()),
            None if self.environment.iter().any(|handed_on| handed_on == name) => Ok(()),
            None => Err(format!(
                "unresolved placeholder ${name}, a variable that nothing sets; hint: give it with --param {name}=VALUE"
            )),
        }
    }

    /// What the command's output must show, with the values of parameters in it. What a command captures is not known yet.
    pub(super) fn expectations(&self, command: &Command) -> Vec<Expectation> {
        let names: Vec<&str> = command.expectations.iter().flat_map(|one| references(&one.text)).collect();
        if names.is_empty() {
            return command.expectations.clone();
        }
        let mut values = BTreeMap::new();
        for name in names {
            let of_loop = command.flow.foreach.as_ref().is_some_and(|foreach| foreach.name == name);
            let later = of_loop || self.document.captured().any(|captured| captured == name);
            let value = match (self.values.get(name), self.document.front.params.get(name)) {
                _ if later => Value::Later,
                (Some(value), Some(Param { kind: ParamType::Integer | ParamType::Duration, .. })) => {
                    Value::Number(value.clone())
                }
                (Some(value), _) => Value::Text(value.clone()),
                (None, _) => continue,
            };
            values.insert(name.to_owned(), value);
        }
        // one that stands among a command's lines is in a loop or a condition
        let last = command.text.trim_end().matches('\n').count();
        let last = command.line.saturating_add(u32::try_from(last).unwrap_or(u32::MAX));
        let inside = |one: &Expectation| command.kind == CommandKind::Shell && one.line < last;
        command.expectations.iter().map(|one| with_values(one, &values, inside(one))).collect()
    }

    fn check_guard(&self, variable: &str, guard: Guard) -> Result<(), String> {
        if self.taken.contains(variable) {
            return Err(format!(
                "the runbook's own text sets ${variable}, so the placeholder would not mean the given value; hint: declare a parameter of another name"
            ));
        }
        let declared = self.document.front.params.get(variable);
        let bounded =
            declared.is_some_and(|declared| declared.pattern.is_some() || declared.kind != ParamType::String);
        match self.values.get(variable) {
            Some(value) => guard.check(value, bounded).map_err(|why| {
                format!("the value of '{variable}' cannot stand in the placeholder's place: {why}")
            }),
            None if guard == Guard::Free => Ok(()),
            None => Err(format!(
                "the secret '{variable}' cannot stand in the placeholder's place, where only plain values may; hint: write \"${variable}\" instead"
            )),
        }
    }

    /// The first parameter that the text reads and whose value is neither plain nor bound by its declaration.
    pub(super) fn not_plain(&self, text: &str) -> Option<&str> {
        values::not_plain(text, self.document, &self.values)
    }

    /// The first parameter whose value would become a part of a program in the text, with the reason.
    pub(super) fn becomes_syntax<'f>(
        &self,
        text: &str,
        flows: impl FnOnce() -> &'f Flows,
    ) -> Option<(String, &'static str)> {
        // a number is data everywhere
        if self.values.values().all(|value| Guard::Number.check(value, false).is_ok()) {
            return None;
        }
        values::becomes_syntax(text, flows(), self.document, &self.values)
    }

    /// Whether the text reads a parameter whose value names what holds credentials.
    pub(super) fn names_credentials(&self, text: &str) -> bool {
        values::name_credentials(text, &self.values)
    }

    /// Whether some value of this command's placeholders begins with `-`, which may turn it into an option.
    pub(super) fn has_option(&self, command: &Command) -> bool {
        !command.placeholders.is_empty() && self.values.values().any(|value| value.starts_with('-'))
    }
}
