//! What Blocks understood of a document, in the shape of `blocks runbook show -o json`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::codes;
use super::diagnostic::{Code, Diagnostic, Level};
use super::lines::to_u32;
use super::model::{
    CodeBlock, Command, CommandKind, Document, Effect, EffectSource, Heading, ManualItem, OnlyIf, Parameter,
    Section, Step,
};
use crate::expectation::{Check, JudgedBy};

/// Why a fence that looks like commands does not run.
pub(crate) const UNTAGGED_SHELL: &str = "no language, and it looks like shell";
/// Why a console block without a prompt that looks like commands does not run.
pub(crate) const CONSOLE_SHELL: &str = "console without a prompt, and it looks like shell";
/// How the reason of a command that needs values begins.
const UNRESOLVED: &str = "unresolved placeholder";
/// Why no command of a document runs that has an error about all of it.
pub(crate) const STOPPED: &str = "nothing of the document runs";
/// Why a fence in indented code does not run.
pub(crate) const LOST_FENCE: &str = "an indented fence is text to Markdown";
/// Why indented code that looks like commands does not run.
pub(crate) const INDENTED_SHELL: &str = "indented code is not run, and it looks like shell";

/// A document as `show` gives it.
#[derive(Debug, Clone, Serialize)]
pub struct Outline<'a> {
    /// The title.
    pub title: &'a str,
    /// Every heading.
    pub headings: &'a [Heading],
    /// Every code block.
    pub blocks: &'a [CodeBlock],
    /// What can be planned by itself.
    pub sections: &'a [Section],
    /// Every step.
    pub steps: Vec<StepOutline<'a>>,
    /// Declared and found parameters.
    pub params: &'a [Parameter],
    /// How much of it runs and is judged.
    pub coverage: Coverage,
    /// Every finding.
    pub diagnostics: &'a [Diagnostic],
}

/// One step.
#[derive(Debug, Clone, Serialize)]
pub struct StepOutline<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its title.
    pub title: &'a str,
    /// 1-based line.
    pub line: u32,
    /// What its commands are: `shell`, `http`, ..., `mixed`; `manual` without commands, `action` with a due date.
    pub kind: &'static str,
    /// Headings around it.
    pub phases: &'a [String],
    /// Its box in seconds.
    pub timebox_s: Option<u32>,
    /// Where its box begins, in seconds, when it is a window.
    pub starts_s: Option<u32>,
    /// Due so many seconds after the run.
    pub due_s: Option<u32>,
    /// The strongest effect of its commands; absent without any.
    pub effect: Option<Effect>,
    /// Where that is known from.
    pub effect_source: Option<EffectSource>,
    /// Commands, then those of its baselines, probe and undo.
    pub commands: Vec<CommandOutline<'a>>,
    /// What its commands must show.
    pub expectations: Vec<ExpectationOutline<'a>>,
    /// What a person does.
    pub manual_items: &'a [ManualItem],
}

/// One command.
#[derive(Debug, Clone, Serialize)]
pub struct CommandOutline<'a> {
    /// Its id.
    pub id: &'a str,
    /// What it is in its step: `main`, `baseline`, `probe` or `undo`.
    pub role: &'static str,
    /// What carries it out.
    pub kind: CommandKind,
    /// 1-based line.
    pub line: u32,
    /// Its title.
    pub title: Option<&'a str>,
    /// What is carried out.
    pub text: &'a str,
    /// What it does to the world.
    pub effect: Effect,
    /// Where that is known from.
    pub effect_source: EffectSource,
    /// Whether it runs as it stands.
    pub runnable: bool,
    /// Why not.
    pub reason: Option<String>,
    /// Placeholders as written.
    pub placeholders: &'a [String],
    /// The document's own words for when it runs, or instead of what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<&'a OnlyIf>,
}

/// One expectation.
#[derive(Debug, Clone, Serialize)]
pub struct ExpectationOutline<'a> {
    /// 1-based line.
    pub line: u32,
    /// As written.
    pub text: &'a str,
    /// What kind of check it is.
    pub kind: &'static str,
    /// `machine` or `person`.
    pub judged_by: JudgedBy,
}

/// How much of a document runs and is judged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Commands in steps.
    pub commands: u32,
    /// Of those, the ones that run as they stand.
    pub runnable: u32,
    /// Of those, the ones that run once their placeholders have values.
    pub need_values: u32,
    /// Of those, the ones that cannot run.
    pub refused: u32,
    /// Why commands do not run as they stand, and how many for each reason.
    pub reasons: BTreeMap<String, u32>,
    /// Runnable commands that a machine judges, by an expectation or by the exit status.
    pub judged_by_machine: u32,
    /// Runnable commands that a person judges, wholly or in part.
    pub judged_by_person: u32,
    /// Items that only a person can do.
    pub manual_items: u32,
    /// Code blocks that look like commands and are not marked as such.
    pub unmarked: u32,
    /// List items that are read as text: nothing is asked of a person for them.
    pub text_items: u32,
    /// Why nothing of the document runs, whatever its commands are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

impl Document {
    /// What was understood, as `show` gives it.
    #[must_use]
    pub fn outline(&self) -> Outline<'_> {
        Outline {
            title: &self.title,
            headings: &self.headings,
            blocks: &self.blocks,
            sections: &self.sections,
            steps: self.steps.iter().map(|found| step(found, self.stopped_by().is_some())).collect(),
            params: &self.params,
            coverage: coverage(self),
            diagnostics: &self.diagnostics,
        }
    }
}

impl Step {
    /// Its commands with their roles: main ones, then baselines, probe and undo.
    pub fn all_commands(&self) -> impl Iterator<Item = (&'static str, &Command)> {
        let main = self.commands.iter().map(|command| ("main", command));
        let baselines = self.baselines.iter().map(|command| ("baseline", command));
        let probe = self.probe.as_deref().map(|command| ("probe", command));
        let undo = self.undo.iter().map(|command| ("undo", command));
        main.chain(baselines).chain(probe).chain(undo)
    }

    /// The same, to change them.
    pub(crate) fn all_commands_mut(&mut self) -> impl Iterator<Item = &mut Command> {
        let Step { commands, baselines, probe, undo, .. } = self;
        commands.iter_mut().chain(baselines).chain(probe.as_deref_mut()).chain(undo)
    }

    /// `shell`, `http`, ..., `mixed`; `manual` without commands, `action` with a due date.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        if self.due_s.is_some() {
            return "action";
        }
        let mut kinds = self.commands.iter().map(|command| command.kind);
        match kinds.next() {
            None => "manual",
            Some(first) if kinds.all(|kind| kind == first) => first.word(),
            Some(_) => "mixed",
        }
    }
}

fn step(step: &Step, stopped: bool) -> StepOutline<'_> {
    let strongest = step.commands.iter().max_by_key(|command| command.effect);
    StepOutline {
        id: &step.id,
        title: &step.title,
        line: step.line,
        kind: step.kind(),
        phases: &step.phases,
        timebox_s: step.timebox_s,
        starts_s: step.starts_s,
        due_s: step.due_s,
        effect: strongest.map(|command| command.effect),
        effect_source: strongest.map(|command| command.effect_source),
        commands: step.all_commands().map(|(role, found)| command(role, found, stopped)).collect(),
        expectations: step
            .all_commands()
            .flat_map(|(_, command)| &command.expectations)
            .map(|expectation| ExpectationOutline {
                line: expectation.line,
                text: &expectation.text,
                kind: expectation.check.kind(),
                judged_by: expectation.check.judged_by(),
            })
            .collect(),
        manual_items: &step.manual_items,
    }
}

fn command<'a>(role: &'static str, command: &'a Command, stopped: bool) -> CommandOutline<'a> {
    let reason = command.reason().or_else(|| stopped.then(|| STOPPED.to_owned()));
    CommandOutline {
        id: &command.id,
        role,
        kind: command.kind,
        line: command.line,
        title: command.title.as_deref(),
        text: &command.text,
        effect: command.effect,
        effect_source: command.effect_source,
        runnable: reason.is_none(),
        reason,
        placeholders: &command.placeholders,
        condition: command.only_if.as_deref(),
    }
}

fn coverage(document: &Document) -> Coverage {
    let stopped = document.stopped_by();
    let mut sum = Coverage {
        text_items: document.text_items,
        stopped: stopped.map(|found| format!("{} ({}, line {})", found.message, found.code, found.line)),
        ..Coverage::default()
    };
    for command in document.steps.iter().flat_map(|step| step.all_commands().map(|(_, command)| command)) {
        sum.commands += 1;
        if stopped.is_some() {
            *sum.reasons.entry(STOPPED.to_owned()).or_default() += 1;
            sum.refused += 1;
        } else if let Some(reason) = command.reason() {
            *sum.reasons.entry(reason).or_default() += 1;
            let counter =
                if command.not_runnable.is_some() { &mut sum.refused } else { &mut sum.need_values };
            *counter += 1;
        } else {
            sum.runnable += 1;
            if command.expectations.iter().any(|expectation| expectation.check == Check::Person) {
                sum.judged_by_person += 1;
            } else {
                sum.judged_by_machine += 1;
            }
        }
    }
    let items = document.steps.iter().map(|step| step.manual_items.len()).sum::<usize>();
    sum.manual_items = to_u32(items);
    let unmarked = |block: &&CodeBlock| {
        matches!(block.reason.as_deref(), Some(UNTAGGED_SHELL | INDENTED_SHELL | CONSOLE_SHELL))
    };
    sum.unmarked = to_u32(document.blocks.iter().filter(unmarked).count());
    sum
}

impl Coverage {
    /// The same in one line for people.
    ///
    /// `12 commands: 9 runnable (6 judged by machine, 3 need a person), 2 need values, 1 refused (its fence is never
    /// closed); 4 manual items; 2 unmarked blocks`
    #[must_use]
    pub fn line(&self) -> String {
        let mut parts = Vec::new();
        if self.runnable > 0 {
            let mut judges = Vec::new();
            push_count(&mut judges, self.judged_by_machine, "judged by machine", "judged by machine");
            push_count(&mut judges, self.judged_by_person, "needs a person", "need a person");
            parts.push(format!("{} runnable ({})", self.runnable, judges.join(", ")));
        }
        push_count(&mut parts, self.need_values, "needs values", "need values");
        if self.refused > 0 {
            let reasons = self.reasons.iter().filter(|(reason, _)| !reason.starts_with(UNRESOLVED));
            let first: Vec<&str> = reasons.map(|(reason, _)| reason.as_str()).take(2).collect();
            parts.push(format!("{} refused ({})", self.refused, first.join("; ")));
        }
        let mut line = count(self.commands, "command", "commands");
        if let Some(why) = &self.stopped {
            line = format!("{line}: {STOPPED}: {why}");
        } else if !parts.is_empty() {
            line = format!("{line}: {}", parts.join(", "));
        }
        let mut rest = vec![line];
        push_count(&mut rest, self.manual_items, "manual item", "manual items");
        push_count(&mut rest, self.unmarked, "unmarked block", "unmarked blocks");
        rest.join("; ")
    }
}

impl Document {
    /// The first error that keeps all of the document from running.
    #[must_use]
    pub fn stopped_by(&self) -> Option<&Diagnostic> {
        let everywhere = |found: &&Diagnostic| self.is_everywhere(found.code, found.line);
        self.diagnostics.iter().filter(|found| found.level == Level::Error).find(everywhere)
    }

    /// Whether a finding is about the whole document, wherever it stands.
    pub(crate) fn is_everywhere(&self, code: Code, line: u32) -> bool {
        let whole = [
            codes::FRONT_MATTER,
            codes::FRONT_MATTER_KEY,
            codes::FRONT_MATTER_VALUE,
            codes::TOO_LARGE,
            codes::NOT_UTF8,
            codes::NUL,
        ];
        let declares = || {
            let here = |param: &&Parameter| param.line == line;
            self.params.iter().filter(here).any(|param| self.front.params.contains_key(&param.name))
        };
        whole.contains(&code) || code == codes::VARIABLE_NAME && declares()
    }

    /// How much of the document runs and is judged.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        coverage(self)
    }

    /// The same in one line for people; see [`Coverage::line`].
    #[must_use]
    pub fn coverage_line(&self) -> String {
        self.coverage().line()
    }
}

fn count(n: u32, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn push_count(parts: &mut Vec<String>, n: u32, one: &str, many: &str) {
    if n > 0 {
        parts.push(count(n, one, many));
    }
}
