//! Groups blocks into steps.
//!
//! A heading, a bold `Step N` line or an ordered-list item becomes a step when it holds commands or manual items;
//! a title without any is only a section. A title that announces itself as a step (a number, a time box) keeps the
//! commands of its list items; under any other heading each ordered item with commands is a step of its own.

use std::collections::BTreeSet;

use super::blocks::{Block, Fence};
use super::codes;
use super::commands::{self, split};
use super::comments::announces_output;
use super::console;
use super::diagnostic::{Code, Diagnostic};
use super::effects;
use super::info::{self, Info, Role};
use super::kinds;
use super::lines::Lines;
use super::model::{Command, CommandKind, Effect, EffectSource, ManualItem, Step};
use super::placeholders;
use super::titles::{self, Slugs};
use crate::expectation::{Check, Expectation, classify};

/// The steps and what was noticed while building them.
pub(crate) struct Built {
    pub(crate) steps: Vec<Step>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) boxes: Vec<SectionBox>,
}

/// A time box on a title that is not a step itself: the limit for the steps below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SectionBox {
    pub(crate) line: u32,
    pub(crate) title: String,
    pub(crate) limit_s: u32,
    /// The range of steps below it.
    pub(crate) steps: std::ops::Range<usize>,
    /// The title holds commands itself, so the box is a step's.
    is_step: bool,
}

/// A title that may become a step.
struct Heading {
    raw: String,
    line: u32,
    /// Twice the heading level; one more for a bold line, which is nested in its heading.
    rank: u8,
    /// It announces itself as a step.
    announced: bool,
}

/// Where commands are added.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Heading,
    OrderedItem(usize),
}

/// Builds steps from blocks in document order.
pub(crate) struct Builder<'a> {
    lines: &'a Lines<'a>,
    slugs: Slugs,
    names: BTreeSet<String>,
    built: Built,
    heading: Heading,
    /// The step that is being added to, and for which place.
    open: Option<Place>,
    /// Boxed titles whose section is not over: rank and index into `boxes`.
    sections: Vec<(u8, usize)>,
    /// The paragraph just above the block at hand.
    paragraph: String,
}

impl<'a> Builder<'a> {
    /// Starts a document; commands above the first heading belong to its title.
    pub(crate) fn new(title: &str, lines: &'a Lines<'a>) -> Self {
        Self {
            lines,
            slugs: Slugs::default(),
            names: BTreeSet::new(),
            built: Built { steps: Vec::new(), diagnostics: Vec::new(), boxes: Vec::new() },
            heading: Heading { raw: title.to_owned(), line: 1, rank: 2, announced: false },
            open: None,
            sections: Vec::new(),
            paragraph: String::new(),
        }
    }

    /// Takes the next block.
    pub(crate) fn block(&mut self, block: &Block) {
        let mut paragraph = String::new();
        match block {
            Block::Heading { level, text, line } => self.title(text, *line, level.saturating_mul(2)),
            Block::Paragraph { text, bold, line } => {
                let boxed = titles::parse(text).timebox_s.is_some();
                if *bold && (titles::is_numbered(text) || boxed) {
                    self.title(text, *line, (self.heading.rank & !1) + 1);
                }
                paragraph.clone_from(text);
            }
            Block::Item(item) => {
                if item.task {
                    let text = item.text.trim().to_owned();
                    self.step(Place::Heading).manual_items.push(ManualItem { line: item.line, text });
                }
                paragraph.clone_from(&item.text);
            }
            Block::Fence(fence) => self.fence(fence),
            Block::Indented { text, line } => {
                if console::is_session(text) {
                    self.untagged(*line);
                }
            }
        }
        self.paragraph = paragraph;
    }

    /// Ends the document.
    pub(crate) fn finish(mut self) -> Built {
        self.close_sections(0);
        self.built.boxes.retain(|section| !section.is_step);
        self.built
    }

    fn title(&mut self, raw: &str, line: u32, rank: u8) {
        self.close_sections(rank);
        self.open = None;
        let title = titles::parse(raw);
        if let Some(limit_s) = title.timebox_s {
            let start = self.built.steps.len();
            self.sections.push((rank, self.built.boxes.len()));
            self.built.boxes.push(SectionBox {
                line,
                title: title.text,
                limit_s,
                steps: start..start,
                is_step: false,
            });
        }
        let announced = titles::is_numbered(raw) || title.timebox_s.is_some() || title.due_s.is_some();
        self.heading = Heading { raw: raw.to_owned(), line, rank, announced };
    }

    fn close_sections(&mut self, rank: u8) {
        let end = self.built.steps.len();
        while let Some(&(open_rank, index)) = self.sections.last()
            && (open_rank >= rank)
        {
            self.sections.pop();
            if let Some(section) = self.built.boxes.get_mut(index) {
                section.steps.end = end;
            }
        }
    }

    /// The step for a place, begun if it is not the one that is open.
    fn step(&mut self, place: Place) -> &mut Step {
        if self.open != Some(place) || self.built.steps.is_empty() {
            let (raw, line) = (self.heading.raw.clone(), self.heading.line);
            self.begin(place, &raw, line);
        }
        let last = self.built.steps.len() - 1;
        &mut self.built.steps[last]
    }

    fn begin(&mut self, place: Place, raw: &str, line: u32) {
        let title = titles::parse(raw);
        // a box limits its own step, not a section
        if place == Place::Heading
            && let Some(section) = self.built.boxes.last_mut().filter(|section| section.line == line)
        {
            section.is_step = true;
        }
        let id = self.slugs.unique(&title.text);
        self.built.steps.push(Step {
            id,
            title: title.text,
            line,
            phases: Vec::new(),
            timebox_s: title.timebox_s,
            due_s: title.due_s,
            commands: Vec::new(),
            baselines: Vec::new(),
            probe: None,
            undo: Vec::new(),
            manual_items: Vec::new(),
        });
        self.open = Some(place);
    }

    fn note(&mut self, code: Code, at: (u32, u32), message: impl Into<String>, hint: &str) {
        self.built.diagnostics.push(codes::finding(code, at, message, hint));
    }

    fn untagged(&mut self, line: u32) {
        self.note(
            codes::UNTAGGED_FENCE,
            (line, self.lines.indent(line)),
            "this block looks like shell and has no language, so it never runs",
            "open it with ```bash to run it, or with ```text to say that it is not a command",
        );
    }

    fn fence(&mut self, fence: &Fence) {
        let info = info::parse(&fence.info);
        if !fence.closed {
            self.note(
                codes::UNCLOSED_FENCE,
                (fence.line, self.lines.indent(fence.line)),
                "the code fence is never closed, so the rest of the document is inside it",
                "add a closing line of the same marks",
            );
        }
        if let Some(kind) = info.kind() {
            self.runnable(fence, &info, kind);
        } else if announces_output(&self.paragraph) && self.open.is_some() {
            self.output(fence);
        } else if info.language.is_empty() && looks_like_shell(&fence.text) {
            self.untagged(fence.line);
        }
    }

    /// An output fence below "Expected output:".
    fn output(&mut self, fence: &Fence) {
        let Some(command) = self.built.steps.last_mut().and_then(|step| step.commands.last_mut()) else {
            return;
        };
        let text = fence.text.trim();
        let mut expectation = classify(&format!("\"{text}\""));
        if text.lines().count() != 1 || text.contains('"') {
            // sample output of several lines has times and names that differ on every run
            expectation.check = Check::Person;
        }
        command.expectations.push(Expectation { line: fence.line + 1, text: text.to_owned(), ..expectation });
    }

    /// A fence of a kind that can run.
    fn runnable(&mut self, fence: &Fence, info: &Info, kind: CommandKind) {
        for problem in &info.problems {
            let at = (fence.line, self.lines.column_of(fence.line, &problem.at));
            self.note(problem.code, at, problem.message.clone(), &problem.hint);
        }
        let Some(read) = kinds::read(kind, &fence.text, fence.line + 1) else {
            return self.shell(fence, info);
        };
        self.built.diagnostics.extend(read.diagnostics);
        if read.pieces.is_empty() {
            return;
        }
        self.open_step_for(fence);
        let several = read.pieces.len() > 1;
        for (n, piece) in read.pieces.into_iter().enumerate() {
            self.command(fence, info, n, several, Read { kind, piece, unfinished: None });
        }
    }

    fn shell(&mut self, fence: &Fence, info: &Info) {
        let session = info.language == "console" || console::is_session(&fence.text);
        let split = if session {
            split(&console::to_shell(&fence.text), fence.line + 1)
        } else {
            split(&fence.text, fence.line + 1)
        };
        for line in split.stray {
            self.note(
                codes::STRAY_EXPECTATION,
                (line, self.lines.indent(line)),
                "this expectation stands before any command of its block, so nothing is judged by it",
                "put it below the command that it is about",
            );
        }
        if split.pieces.is_empty() {
            let hint = if session {
                "begin each command with `$ `"
            } else {
                "add a command, or tag the block as text"
            };
            let at = (fence.line, self.lines.indent(fence.line));
            self.note(codes::NO_COMMAND, at, "this shell block holds no command", hint);
            return;
        }
        self.open_step_for(fence);
        let several = split.pieces.len() > 1;
        if several && info.capture.is_some() {
            let at = (fence.line, self.lines.indent(fence.line));
            self.note(
                codes::ATTRIBUTE_CONFLICT,
                at,
                "a captured value needs a block with one command, and expectations split this one",
                "put the command whose output is captured into a block of its own",
            );
        }
        for (n, piece) in split.pieces.into_iter().enumerate() {
            self.command(fence, info, n, several, Read::shell(piece));
        }
    }

    fn open_step_for(&mut self, fence: &Fence) {
        match &fence.ordered_item {
            Some((number, text)) if !self.heading.announced => {
                let place = Place::OrderedItem(*number);
                if self.open != Some(place) {
                    let text = titles::shorten(text.trim(), 100);
                    self.begin(place, &text, fence.line);
                }
            }
            _ => {
                self.step(Place::Heading);
            }
        }
    }

    fn command(&mut self, fence: &Fence, info: &Info, n: usize, several: bool, read: Read) {
        let Read { kind, piece, unfinished } = read;
        let placeholders = match kind {
            CommandKind::Shell => placeholders::spellings(&piece.text),
            _ => Vec::new(),
        };
        let (effect, effect_source) = match info.effect {
            Some(effect) => (effect, EffectSource::Declared),
            None => piece.effect,
        };
        let mut blocked = info.problems.first().map(|problem| problem.message.clone());
        if !fence.closed {
            blocked.get_or_insert_with(|| "its fence is never closed".to_owned());
        }
        if several && info.capture.is_some() {
            blocked.get_or_insert_with(|| "its block captures a value and holds several commands".to_owned());
        }
        if let Some(why) = &piece.blocked {
            blocked.get_or_insert_with(|| why.clone());
        }
        let at = (piece.line, self.lines.indent(piece.line));
        if let Some(inside) = unfinished {
            self.note(
                codes::UNFINISHED_SHELL,
                at,
                format!("the command ends inside {inside}"),
                "close it in the same block; one command cannot continue in the next block",
            );
            blocked.get_or_insert_with(|| format!("its text ends inside {inside}"));
        }
        if let Some(first) = placeholders.first() {
            let line = line_of(&piece, first);
            self.note(
                codes::PLACEHOLDER,
                (line, self.lines.column_of(line, first)),
                format!("`{first}` is a placeholder: the command does not run until it is resolved"),
                "declare a parameter under `params:` and write \"$NAME\" in its place",
            );
        }
        if matches!(info.role, Role::Probe | Role::Baseline) && effect != Effect::Read {
            let role = if info.role == Role::Probe { "probe" } else { "baseline" };
            self.note(
                codes::NOT_READ_ONLY,
                at,
                format!("a {role} must change nothing, and this command is not known to be read-only"),
                "use a known read-only command, or add effect=read when you know that it changes nothing",
            );
            blocked.get_or_insert_with(|| format!("a {role} must be read-only"));
        }
        let id = self.command_id(info, n, at);
        let command = Command {
            id,
            line: piece.line,
            title: piece.title,
            kind,
            text: piece.text,
            effect,
            effect_source,
            timeout_ms: info.timeout_ms,
            retries: info.retries,
            connection: info.connection.clone(),
            flow: info.flow.clone(),
            include: piece.include,
            capture: info.capture.clone().filter(|_| !several),
            expectations: piece.expectations,
            not_runnable: blocked,
            placeholders,
        };
        self.add(info.role, command, at);
    }

    /// `name=`, or the step's id with a number.
    fn command_id(&mut self, info: &Info, n: usize, at: (u32, u32)) -> String {
        let id = match (&info.name, self.built.steps.last()) {
            (Some(name), _) if n == 0 => name.clone(),
            (Some(name), _) => format!("{name}-{}", n + 1),
            (None, Some(step)) => match info.role {
                Role::Main => format!("{}/{}", step.id, step.commands.len() + 1),
                Role::Baseline => format!("{}/baseline-{}", step.id, step.baselines.len() + 1),
                Role::Undo => format!("{}/undo-{}", step.id, step.undo.len() + 1),
                Role::Probe => format!("{}/probe-{}", step.id, usize::from(step.probe.is_some()) + 1),
            },
            (None, None) => format!("step/{}", n + 1),
        };
        if self.names.insert(id.clone()) {
            return id;
        }
        self.note(
            codes::DUPLICATE_NAME,
            at,
            format!("two commands are named `{id}`"),
            "names are unique within a runbook: rename one of them",
        );
        // the document is not planned; a unique id keeps it showable
        let unique = format!("{id}~{}", at.0);
        self.names.insert(unique.clone());
        unique
    }

    fn add(&mut self, role: Role, command: Command, at: (u32, u32)) {
        let Some(step) = self.built.steps.last_mut() else { return };
        match role {
            Role::Main => step.commands.push(command),
            Role::Baseline => step.baselines.push(command),
            Role::Undo => step.undo.push(command),
            Role::Probe if step.probe.is_none() => step.probe = Some(command),
            Role::Probe => self.note(
                codes::SECOND_PROBE,
                at,
                "the step has more than one probe, so its answer would be ambiguous",
                "put everything that the probe asks into one command",
            ),
        }
    }
}

/// A command as its kind's reader gives it.
struct Read {
    kind: CommandKind,
    piece: kinds::Piece,
    /// What shell text ends inside of.
    unfinished: Option<&'static str>,
}

impl Read {
    fn shell(piece: commands::Piece) -> Read {
        let commands::Piece { line, title, text, expectations, unfinished } = piece;
        // a placeholder becomes one quoted word, never syntax
        let effect = effects::of(&placeholders::masked(&text));
        let piece = kinds::Piece { line, title, text, expectations, effect, include: None, blocked: None };
        Read { kind: CommandKind::Shell, piece, unfinished }
    }
}

/// The file line on which a command's text first holds `needle`.
fn line_of(piece: &kinds::Piece, needle: &str) -> u32 {
    let before = piece.text.find(needle).map_or("", |at| &piece.text[..at]);
    piece.line.saturating_add(super::lines::to_u32(before.matches('\n').count()))
}

/// An untagged fence looks like shell when its first line begins with a prompt or a well-known program.
fn looks_like_shell(text: &str) -> bool {
    const PROGRAMS: &[&str] = &[
        "kubectl",
        "curl",
        "psql",
        "aws",
        "gcloud",
        "helm",
        "docker",
        "git",
        "ssh",
        "sudo",
        "systemctl",
        "journalctl",
        "oc",
        "az",
        "export",
        "cd",
        "terraform",
        "make",
        "etcdctl",
        "gh",
        "redis-cli",
        "mysql",
        "promtool",
        "blocks",
    ];
    console::is_session(text)
        || text
            .lines()
            .map(str::trim_start)
            .find(|line| !line.is_empty() && !line.starts_with('#'))
            .is_some_and(|line| {
                let mut words = line.split_whitespace();
                words.next().is_some_and(|first| PROGRAMS.contains(&first)) && words.next().is_some()
            })
}
