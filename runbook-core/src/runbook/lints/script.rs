//! What the rules look at: the document, its commands taken apart once, and the fences as written.

use std::borrow::Cow;

use super::super::codes::finding;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::info::Role;
use super::super::lines::Lines;
use super::super::model::{Command, CommandKind, Document, Heading, Step};
use super::super::placeholders;
use super::super::shell::lex;
use super::super::steps::is_no_command;
use super::calls::{Call, calls_of};
use super::loops::{Loop, loops};
use super::written::{Fence, fences};

/// A shell command with the programs that it starts.
pub(super) struct Unit<'a> {
    pub(super) command: &'a Command,
    /// Position in [`Document::steps`].
    pub(super) step: usize,
    pub(super) role: Role,
    pub(super) calls: Vec<Call<'a>>,
    pub(super) loops: Vec<Loop>,
}

impl<'a> Unit<'a> {
    /// The programs behind the call in its pipeline, itself first.
    pub(super) fn pipeline(&self, from: usize) -> impl Iterator<Item = &Call<'a>> {
        let id = self.calls.get(from).map(|call| call.pipeline);
        // a bound keeps a long text with many calls cheap
        self.calls.iter().skip(from).take(64).filter(move |call| Some(call.pipeline) == id)
    }
}

/// A document as the rules see it.
pub(super) struct Script<'a> {
    pub(super) document: &'a Document,
    pub(super) lines: &'a Lines<'a>,
    /// Shell commands in document order, those of baselines, probes and undos behind their step's.
    pub(super) units: Vec<Unit<'a>>,
    /// Queries and requests as written.
    pub(super) fences: Vec<Fence>,
    /// Lines of the level-two headings that have deeper ones below them.
    chapters: Vec<u32>,
}

impl<'a> Script<'a> {
    pub(super) fn new(document: &'a Document, lines: &'a Lines<'a>) -> Self {
        let mut units = Vec::new();
        for (step, of) in document.steps.iter().enumerate() {
            let shell = |command: &Command| command.kind == CommandKind::Shell && !is_shown_only(command);
            for (role, command) in commands(of).filter(|(_, command)| shell(command)) {
                // taken apart once for everything that asks
                let (mut calls, mut loops) = match as_words(command) {
                    Cow::Borrowed(text) => {
                        let tokens = lex(text).tokens;
                        (calls_of(text, &tokens, command.line), loops(text, &tokens))
                    }
                    Cow::Owned(text) => {
                        let tokens = lex(&text).tokens;
                        let calls = calls_of(&text, &tokens, command.line);
                        (calls.into_iter().map(Call::into_owned).collect(), loops(&text, &tokens))
                    }
                };
                // all of them are kept until the last rule has looked
                calls.shrink_to_fit();
                loops.shrink_to_fit();
                units.push(Unit { command, step, role, calls, loops });
            }
        }
        Script {
            document,
            lines,
            units,
            fences: fences(&document.blocks, lines, &[CommandKind::Promql, CommandKind::Http]),
            chapters: chapters(&document.headings),
        }
    }

    /// Which chapter a line belongs to: what one chapter's commands do to the shell, another's do not see.
    pub(super) fn chapter_of(&self, line: u32) -> usize {
        self.chapters.partition_point(|start| *start <= line)
    }

    /// Every call with the command that it belongs to.
    pub(super) fn all_calls(&self) -> impl Iterator<Item = (&Unit<'a>, &Call<'a>)> {
        self.units.iter().flat_map(|unit| unit.calls.iter().map(move |call| (unit, call)))
    }

    /// A finding at a call.
    pub(super) fn at_call(
        &self,
        code: Code,
        call: &Call<'_>,
        message: impl Into<String>,
        hint: &str,
    ) -> Diagnostic {
        self.at(code, call.line, &call.program, message, hint)
    }

    /// A finding at a text on a line.
    pub(super) fn at(
        &self,
        code: Code,
        line: u32,
        needle: &str,
        message: impl Into<String>,
        hint: &str,
    ) -> Diagnostic {
        finding(code, (line, self.lines.column_of(line, needle)), message, hint)
    }
}

/// A command's text with a word in the place of each `<placeholder>`, whose marks are no redirections.
fn as_words(command: &Command) -> Cow<'_, str> {
    let text = command.text.as_str();
    if command.placeholders.is_empty() || !text.contains('<') {
        return Cow::Borrowed(text);
    }
    let mut words = String::with_capacity(text.len());
    let mut at = 0;
    for placeholder in placeholders::named(text).iter().filter(|found| found.text.starts_with('<')) {
        words.push_str(text.get(at..placeholder.start).unwrap_or_default());
        for c in placeholder.text.chars() {
            // the places of what follows stay the same
            if c.is_alphanumeric() { words.push(c) } else { words.extend((0..c.len_utf8()).map(|_| '_')) }
        }
        at = placeholder.start + placeholder.text.len();
    }
    words.push_str(text.get(at..).unwrap_or_default());
    Cow::Owned(words)
}

/// Whether a command is listed for people alone: it is for another program, or the document says not to run it.
pub(super) fn is_shown_only(command: &Command) -> bool {
    command.not_runnable.as_deref().is_some_and(is_no_command)
}

/// A step's commands with their roles.
pub(super) fn commands(step: &Step) -> impl Iterator<Item = (Role, &Command)> {
    let main = step.commands.iter().map(|command| (Role::Main, command));
    let baselines = step.baselines.iter().map(|command| (Role::Baseline, command));
    let probe = step.probe.as_deref().map(|command| (Role::Probe, command));
    main.chain(baselines).chain(probe).chain(step.undo.iter().map(|command| (Role::Undo, command)))
}

fn chapters(headings: &[Heading]) -> Vec<u32> {
    let mut lines = Vec::new();
    let mut open = None;
    for heading in headings {
        if heading.level <= 2 {
            open = Some(heading.line);
        } else {
            lines.extend(open.take());
        }
    }
    lines
}
