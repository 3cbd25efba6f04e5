//! Steps of a document as steps of a plan, with those of included documents in their place.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::build::{PlanRequest, document_errors};
use super::curl;
use super::error::PlanError;
use super::loops;
use super::model::{PlanStep, PlannedCommand};
use super::scope::{Scope, Sources};
use super::section;
use super::values;
use crate::expectation::{Check, Expectation};
use crate::runbook::variables::places::Flows;
use crate::runbook::{
    Command, CommandKind, Document, Effect, EffectSource, Flow, Step, condition, items_of, reference,
};

/// Milliseconds that a command may take when nothing else is said.
const DEFAULT_TIMEOUT_MS: u64 = 60_000;
/// How deep runbooks may include each other.
const MAX_DEPTH: usize = 16;
/// How many steps and includes a plan may have; people follow a dozen.
const MAX_STEPS: usize = 1_000;

/// Counts an item's place from the first command of its part of a step.
fn settle_items(step: &mut PlanStep, from: usize) {
    let from = u32::try_from(from).unwrap_or(u32::MAX);
    for item in &mut step.manual_items {
        item.after_commands = item.after_commands.map(|after| after.saturating_sub(from));
    }
}

/// Collects the steps of a plan.
pub(super) struct Expander<'a> {
    request: &'a PlanRequest,
    pub(super) problems: Vec<PlanError>,
    pub(super) steps: Vec<PlanStep>,
    pub(super) included: BTreeMap<String, String>,
    pub(super) secrets: BTreeMap<String, String>,
    /// Values that only commands outside the planned section capture.
    outside: BTreeSet<String>,
    /// What becomes of values in the commands of the document and of what it may include; read when a value asks for it.
    flows: OnceCell<Flows>,
    first: &'a Document,
    /// The runbooks that are being gone through, outermost first.
    way: Vec<String>,
    /// What the ids of the document at hand begin with.
    prefix: String,
    /// The line of the section that was asked for: a condition in or above it is chosen with it.
    selected: Option<u32>,
    /// Steps and includes so far.
    size: usize,
}

impl<'a> Expander<'a> {
    pub(super) fn new(
        request: &'a PlanRequest,
        first: &'a Document,
        problems: Vec<PlanError>,
        outside: BTreeSet<String>,
    ) -> Self {
        Expander {
            request,
            problems,
            steps: Vec::new(),
            included: BTreeMap::new(),
            secrets: BTreeMap::new(),
            outside,
            flows: OnceCell::new(),
            first,
            way: Vec::new(),
            prefix: String::new(),
            selected: None,
            size: 0,
        }
    }

    /// Plans the section whose heading stands in this line.
    pub(super) fn select(&mut self, line: Option<u32>) {
        self.selected = line;
    }

    /// Adds the steps of a document. Values that hold in them only are the caller's to add.
    pub(super) fn document(&mut self, document: &Document, scope: &Scope<'_>, steps: Range<usize>) {
        self.secrets.extend(scope.secrets.clone());
        self.way.push(document.name.clone());
        for step in document.steps.get(steps).unwrap_or_default() {
            self.step(step, scope);
            // what is included is not gone through further than the limit
            if self.size > MAX_STEPS && self.way.len() > 1 {
                break;
            }
        }
        self.way.pop();
    }

    /// A step becomes one step of the plan; includes among its commands cut it into parts.
    fn step(&mut self, step: &Step, scope: &Scope<'_>) {
        let mut now = self.begin(step, scope);
        let mut parts = 1;
        // items keep their place: `from` is the first command of the part at hand
        let mut from = 0;
        for (index, command) in step.commands.iter().enumerate() {
            if command.kind != CommandKind::Include {
                let mut planned = self.command(command, scope);
                self.on_condition(command, std::slice::from_mut(&mut planned));
                now.commands.push(planned);
                continue;
            }
            if !step.undo.is_empty() || step.probe.is_some() || !step.baselines.is_empty() {
                let reason = "its step has an undo, a probe or a baseline of its own; hint: give the include a step of its own";
                self.refuse_include(command, reason);
                continue;
            }
            let (before, behind): (Vec<_>, Vec<_>) = std::mem::take(&mut now.manual_items)
                .into_iter()
                .partition(|item| item.after_commands.is_some_and(|after| after as usize <= index));
            now.manual_items = behind;
            if !now.commands.is_empty() || !before.is_empty() {
                parts += 1;
                let rest = PlanStep {
                    id: format!("{}{}~{parts}", self.prefix, step.id),
                    commands: Vec::new(),
                    // the box is for the step as a whole: its first part keeps it
                    timebox_s: None,
                    starts_s: None,
                    ..now.clone()
                };
                let mut part = PlanStep { manual_items: before, ..std::mem::replace(&mut now, rest) };
                settle_items(&mut part, from);
                self.steps.push(part);
            }
            from = index + 1;
            let first = self.steps.len();
            self.include(command, scope);
            let mut included = self.steps.split_off(first.min(self.steps.len()));
            for step in &mut included {
                self.on_condition(command, &mut step.commands);
            }
            self.steps.extend(included);
        }
        settle_items(&mut now, from);
        let only_includes = step.commands.iter().any(|command| command.kind == CommandKind::Include);
        if !only_includes || !now.commands.is_empty() || !now.manual_items.is_empty() {
            self.steps.push(now);
        }
        self.grow();
    }

    fn begin(&mut self, step: &Step, scope: &Scope<'_>) -> PlanStep {
        let mut all = |commands: &[Command]| -> Vec<PlannedCommand> {
            commands.iter().map(|command| self.command(command, scope)).collect()
        };
        let baselines = all(&step.baselines);
        let probe = step.probe.as_deref().and_then(|probe| all(std::slice::from_ref(probe)).pop());
        let undo = all(&step.undo);
        for (role, command) in baselines
            .iter()
            .map(|command| ("baseline", command))
            .chain(probe.iter().map(|probe| ("probe", probe)))
        {
            if command.effect != Effect::Read {
                self.problems.push(PlanError::NotReadOnly { role, command: command.id.clone() });
            }
        }
        PlanStep {
            id: format!("{}{}", self.prefix, step.id),
            title: step.title.clone(),
            params: BTreeMap::new(),
            timebox_s: step.timebox_s,
            starts_s: step.starts_s,
            due_s: step.due_s,
            baselines,
            commands: Vec::new(),
            probe,
            undo,
            manual_items: step.manual_items.clone(),
        }
    }

    fn command(&mut self, command: &Command, scope: &Scope<'_>) -> PlannedCommand {
        let id = format!("{}{}", self.prefix, command.id);
        let text = scope.text(command).unwrap_or_else(|reason| {
            self.problems.push(PlanError::NotRunnable { command: id.clone(), line: command.line, reason });
            command.text.clone()
        });
        let mut expectations = scope.expectations(command);
        let wants_status = |expectation: &Expectation| matches!(expectation.check, Check::HttpStatus { .. });
        if command.kind == CommandKind::Shell && curl::may_get_several_answers(&text) {
            for expectation in expectations.iter_mut().filter(|one| wants_status(one)) {
                expectation.check = Check::Person;
            }
        }
        let text = match curl::asked_for_the_status(&text) {
            Some(asked) if command.kind == CommandKind::Shell && expectations.iter().any(wants_status) => {
                asked
            }
            _ => text,
        };
        if command.retries > 0 && command.effect == Effect::Once && command.not_runnable.is_none() {
            self.problems.push(PlanError::Retries { command: id.clone(), line: command.line });
        }
        if let Some(name) = section::reads(&command.text, &self.outside) {
            let name = name.clone();
            self.problems.push(PlanError::OutsideCapture { command: id.clone(), line: command.line, name });
        }
        // what the table knows holds for words, not for options that a value may turn out to be
        let odd = if command.kind == CommandKind::Shell { scope.not_plain(&text) } else { None };
        let flow = self.flow(command, scope, &id);
        let odd_item =
            flow.foreach.as_ref().is_some_and(|foreach| loops::is_odd(foreach, &text, values::is_plain_item));
        let known = command.effect_source != EffectSource::Table
            || (!scope.has_option(command) && odd.is_none() && !odd_item && !scope.names_credentials(&text));
        let syntax = if command.kind == CommandKind::Shell {
            scope.becomes_syntax(&text, || self.flows())
        } else {
            None
        };
        if let Some((name, why)) = syntax {
            self.problems.push(PlanError::NotRunnable {
                command: id.clone(),
                line: command.line,
                reason: format!("the value of '{name}' cannot stand where the command puts it: {why}"),
            });
        }
        let (effect, effect_source) = if known {
            (command.effect, command.effect_source)
        } else {
            (Effect::Once, EffectSource::Unknown)
        };
        // a value may have made it one that must not be repeated
        let waits = command.flow.until.is_some();
        if waits && effect == Effect::Once && command.not_runnable.is_none() {
            self.problems.push(PlanError::Waits { command: id.clone(), line: command.line });
        }
        PlannedCommand {
            id,
            title: command.title.clone(),
            kind: command.kind,
            text,
            connection: command.connection.clone(),
            retries: command.retries,
            flow,
            effect,
            effect_source,
            timeout_ms: command.timeout_ms.unwrap_or(DEFAULT_TIMEOUT_MS),
            capture: command.capture.clone(),
            condition: None,
            expectations,
        }
    }

    /// When and how often it runs; the items of a loop over a parameter are known now.
    fn flow(&mut self, command: &Command, scope: &Scope<'_>, id: &str) -> Flow {
        let mut flow = command.flow.clone();
        if let Some(foreach) = flow.foreach.as_mut().filter(|foreach| foreach.items.is_none()) {
            if scope.secrets.contains_key(&foreach.source) {
                self.problems.push(PlanError::NotRunnable {
                    command: id.to_owned(),
                    line: command.line,
                    reason: format!(
                        "{} is secret, and a list is shown; hint: use another parameter",
                        foreach.source
                    ),
                });
            }
            foreach.items = scope.values.get(&foreach.source).map(|value| items_of(value));
        }
        flow
    }

    fn flows(&self) -> &Flows {
        let documents = || std::iter::once(self.first).chain(self.request.documents.values());
        self.flows.get_or_init(|| values::flows(documents()))
    }

    /// Notes the document's condition on a command, and that what may change something does not run because of it.
    fn on_condition(&mut self, command: &Command, planned: &mut [PlannedCommand]) {
        let Some(only_if) = &command.only_if else { return };
        let chosen = self.way.len() <= 1 && self.selected.is_some_and(|line| only_if.line <= line);
        for planned in planned {
            planned.condition.get_or_insert_with(|| only_if.text.clone());
            if planned.effect != Effect::Read && !chosen && !only_if.allowed && !self.request.only_looks {
                self.problems.push(PlanError::Conditional {
                    command: planned.id.clone(),
                    line: command.line,
                    words: only_if.text.clone(),
                    words_line: only_if.line,
                });
            }
        }
    }

    fn refuse_include(&mut self, command: &Command, reason: &str) {
        let runbook = command.include.as_ref().map_or_else(String::new, |include| include.runbook.clone());
        let id = format!("{}{}", self.prefix, command.id);
        self.problems.push(PlanError::Include {
            command: id,
            line: command.line,
            runbook,
            reason: reason.to_owned(),
        });
    }

    fn include(&mut self, command: &Command, scope: &Scope<'_>) {
        let Some(include) = &command.include else {
            let reason = command.reason().unwrap_or_else(|| "it cannot be read".to_owned());
            let id = format!("{}{}", self.prefix, command.id);
            return self.problems.push(PlanError::NotRunnable { command: id, line: command.line, reason });
        };
        if self.way.contains(&include.runbook) {
            let way = self.way.iter().chain([&include.runbook]).cloned().collect::<Vec<_>>().join(" > ");
            let id = format!("{}{}", self.prefix, command.id);
            return self.problems.push(PlanError::IncludeCycle { command: id, line: command.line, way });
        }
        if self.way.len() >= MAX_DEPTH {
            return self
                .refuse_include(command, "runbooks include each other too deeply; hint: at most 16 levels");
        }
        if !self.grow() {
            return;
        }
        let request = self.request;
        let Some(document) = request.documents.get(&include.runbook) else {
            let missing = "there is no such runbook; hint: put it beside this one or into the library";
            let reason = request.refused.get(&include.runbook).map_or(missing, String::as_str);
            return self.refuse_include(command, reason);
        };
        let Some(given) = self.given(command, include, document, scope) else { return };
        self.included.insert(document.name.clone(), document.sha256.clone().unwrap_or_default());
        self.problems.extend(document_errors(document, &(0..u32::MAX)));
        let sources = Sources::new(&given, request);
        let inner = Scope::new(document, sources, &mut self.problems);
        if let Some(reason) = clash(command, &inner, scope) {
            return self.refuse_include(command, &reason);
        }
        let first = self.steps.len();
        let prefix = format!("{}{}/", self.prefix, command.id);
        let outer = std::mem::replace(&mut self.prefix, prefix);
        self.document(document, &inner, 0..document.steps.len());
        self.prefix = outer;
        let mut twice_conditional = false;
        for step in self.steps.iter_mut().skip(first) {
            // steps of runbooks further in have their own values already, and those win
            for (name, value) in &inner.values {
                step.params.entry(name.clone()).or_insert_with(|| value.clone());
            }
            // a condition on the include is one on each of its commands
            let twice = step.commands.iter().any(|planned| planned.flow.when.is_some());
            if twice && command.flow.when.is_some() {
                twice_conditional = true;
            }
            for planned in &mut step.commands {
                let own = planned.flow.when.take();
                planned.flow.when = own.or_else(|| command.flow.when.clone());
            }
        }
        if twice_conditional {
            let reason = "it has a condition, and so has a command inside; hint: take one of them out";
            self.refuse_include(command, reason);
        }
    }

    /// The values for an included runbook; `None` when one of them cannot be had.
    fn given(
        &mut self,
        command: &Command,
        include: &crate::runbook::Include,
        document: &Document,
        scope: &Scope<'_>,
    ) -> Option<BTreeMap<String, String>> {
        let before = self.problems.len();
        let mut given = BTreeMap::new();
        for (name, value) in &include.params {
            if !document.params.iter().any(|param| param.name == *name) {
                self.refuse_include(
                    command,
                    &format!("it has no parameter '{name}'; hint: take that value out"),
                );
                continue;
            }
            let secret = document.front.params.get(name).is_some_and(|declared| declared.secret);
            match reference(value) {
                // one secret, known by one name everywhere
                Some(outer) if secret && outer == name && scope.secrets.contains_key(outer) => {}
                _ if secret => {
                    let reason = format!(
                        "'{name}' is secret: only ${name} of a secret of the same name may stand for it; hint: leave the value out"
                    );
                    self.refuse_include(command, &reason);
                }
                None => {
                    given.insert(name.clone(), value.clone());
                }
                Some(outer) => match scope.values.get(outer) {
                    Some(value) => {
                        given.insert(name.clone(), value.clone());
                    }
                    None if scope.secrets.contains_key(outer) => {
                        let reason = format!(
                            "${outer} is secret and '{name}' is not; hint: declare '{name}' secret there"
                        );
                        self.refuse_include(command, &reason);
                    }
                    None => {
                        let reason = format!(
                            "${outer} has no value here; hint: only parameters can be handed on, not captured values"
                        );
                        self.refuse_include(command, &reason);
                    }
                },
            }
        }
        (self.problems.len() == before).then_some(given)
    }

    /// Counts one more step or include; `false` when the plan has become too large.
    fn grow(&mut self) -> bool {
        self.size += 1;
        if self.size == MAX_STEPS + 1 {
            let name = self.way.first().cloned().unwrap_or_default();
            self.problems.push(PlanError::Document {
                name,
                line: 1,
                code: "RB0031".to_owned(),
                message: format!("with what it includes the runbook has more than {MAX_STEPS} steps"),
            });
        }
        self.size <= MAX_STEPS
    }
}

/// Why an include's condition would mean something else inside, where its commands are looked at one by one.
fn clash(command: &Command, inner: &Scope<'_>, outer: &Scope<'_>) -> Option<String> {
    let name = condition(command.flow.when.as_deref()?).ok()?.name;
    let differs = inner.values.get(&name).is_some_and(|value| outer.values.get(&name) != Some(value));
    differs.then(|| {
        format!("its condition looks at {name}, which is another parameter inside; hint: rename one of them")
    })
}
