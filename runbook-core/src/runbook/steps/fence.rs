//! From a code block to the commands of a step, and to what is said about the block.

use super::super::blocks::Fence;
use super::super::codes;
use super::super::comments::{announces_output, is_sample};
use super::super::console;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::forbidden;
use super::super::info::{self, Info, Role};
use super::super::kinds;
use super::super::lines::{Lines, to_u32};
use super::super::model::{CodeBlock, Command, CommandKind, Effect, EffectSource};
use super::super::outline::{INDENTED_SHELL, LOST_FENCE, UNTAGGED_SHELL};
use super::super::prompts;
use super::super::prose;
use super::shell::is_no_command;
use super::{Builder, Place, same_name, spelling};
use crate::expectation::{Check, Expectation};

/// The largest block that is read as commands, in bytes.
const LARGEST: usize = 1 << 20;
/// Why a block is not run that shows what a command writes.
const OUTPUT: &str = "sample output";
/// Bytes of a block that are looked at to tell whether it looks like shell.
const GLANCE: usize = 64 * 1024;

/// Lines below an admonition's title that are looked at.
const MOST_LINES: u32 = 100;

impl Builder<'_> {
    /// Takes a fence.
    pub(super) fn fence(&mut self, fence: &Fence<'_>) {
        let info = info::parse(fence.info);
        let language = fence.info.split_whitespace().next().unwrap_or_default().to_owned();
        let index = self.built.blocks.len();
        self.built.blocks.push(CodeBlock {
            language,
            info: fence.info.to_owned(),
            line_start: fence.line,
            line_end: fence.end_line,
            fenced: true,
            in_list: fence.in_list,
            closed: fence.closed,
            runnable: false,
            reason: None,
        });
        if !fence.closed {
            self.note(
                codes::UNCLOSED_FENCE,
                (fence.line, self.lines.indent(fence.line)),
                "the code fence is never closed, so the rest of the document is inside it",
                "add a closing line of the same marks",
            );
        }
        let above = std::mem::take(&mut self.paragraph);
        // a block directly below another one is below the same text
        if !above.is_empty() {
            self.said_above = forbidden::said(&above, &fence.text);
        }
        let output = self.is_output(fence, &info, &above);
        let sample = is_sample(&above);
        self.before_fence(info.kind().is_some() && !output);
        let reason = self.fence_reason(fence, &info, output.then_some(sample), &above);
        self.after_fence(fence.end_line, fence.in_list, output);
        self.branches.fence();
        if let Some(block) = self.built.blocks.get_mut(index) {
            // what its commands say about it is known when all of the document is
            block.runnable = reason.is_none();
            block.reason = reason;
        }
    }

    /// Whether the fence shows what the command above it writes.
    fn is_output(&self, fence: &Fence<'_>, info: &Info, above: &str) -> bool {
        let plain = info.name.is_none() && info.problems.is_empty();
        let is_command = match info.kind() {
            None => false,
            // a line that says what is expected may also introduce the command itself
            Some(CommandKind::Shell) => {
                !plain
                    || is_session(fence)
                    || looks_like_shell(&fence.text)
                    || prose::read(above).is_some_and(|wanted| !wanted.text.is_empty())
            }
            Some(_) => true,
        };
        let announced = announces_output(above) && !is_command;
        // a line that says itself what is expected need not be about the block below it
        let shown = info.kind().is_none() && self.shows_output();
        (announced || shown) && self.has_command()
    }

    /// Reads the fence's commands; gives the reason why there are none that run.
    fn fence_reason(
        &mut self,
        fence: &Fence<'_>,
        info: &Info,
        output: Option<bool>,
        above: &str,
    ) -> Option<String> {
        let at = |lines: &Lines<'_>| (fence.line, lines.indent(fence.line));
        let kind = info.kind();
        if let Some(sample) = output {
            // an open fence at the end of the document has no line inside it
            self.output_text(&fence.text, (fence.line + 1).min(fence.end_line), sample);
            return Some(OUTPUT.to_owned());
        }
        let Some(kind) = kind else {
            if !info.language.is_empty() {
                let language = &info.language;
                if let Some(instead) = spelling::other_tool(language) {
                    let message = format!("`{language}` blocks are not run");
                    self.note(codes::UNTAGGED_FENCE, at(self.lines), message, instead);
                    return Some(format!("{language} is not run"));
                }
                let Some(meant) = spelling::meant(language) else {
                    return Some(format!("{language} is not run"));
                };
                self.note(
                    codes::UNTAGGED_FENCE,
                    at(self.lines),
                    format!(
                        "`{language}` is no known language, so this block never runs; was `{meant}` meant?"
                    ),
                    &format!("open it with ```{meant}, or with ```text to say that it is not a command"),
                );
                return Some(format!("{language} is not run; was `{meant}` meant?"));
            }
            if looks_like_shell(&fence.text) {
                self.untagged(at(self.lines));
                return Some(UNTAGGED_SHELL.to_owned());
            }
            return Some("no language".to_owned());
        };
        if fence.too_deep {
            return Some("nested too deeply".to_owned());
        }
        if fence.text.len() > LARGEST {
            self.note(
                codes::TOO_LARGE,
                at(self.lines),
                "this block is larger than 1 MiB, so its commands are not read",
                "keep data in a file of its own",
            );
            return Some("larger than 1 MiB".to_owned());
        }
        for problem in &info.problems {
            let at = (fence.line, self.lines.column_of(fence.line, &problem.at));
            self.note(problem.code, at, problem.message.clone(), &problem.hint);
        }
        let Some(read) = kinds::read(kind, &fence.text, fence.line + 1) else {
            return self.shell(fence, info, above);
        };
        let forbidden = self.not_meant_to_run(fence, info, forbidden::said_at_head(&fence.text), above);
        // an open fence at the end of the document has no line inside it to point at
        let end = fence.end_line;
        let inside =
            read.diagnostics.into_iter().map(|found| Diagnostic { line: found.line.min(end), ..found });
        self.built.diagnostics.extend(inside);
        if read.pieces.is_empty() {
            return Some("it holds no command".to_owned());
        }
        self.open_step_for(fence);
        let several = read.pieces.len() > 1;
        for (n, piece) in read.pieces.into_iter().enumerate() {
            let blocked = forbidden.map(str::to_owned).or(piece.blocked);
            let piece = kinds::Piece { blocked, ..piece };
            self.command(
                fence,
                info,
                n,
                several,
                Read {
                    kind,
                    piece,
                    unfinished: None,
                    fault: None,
                    placeholders: Vec::new(),
                    alternative: false,
                },
            );
        }
        forbidden.map(str::to_owned)
    }

    /// Takes an indented block.
    pub(super) fn indented(&mut self, text: &str, line: u32, end_line: u32, in_list: bool) {
        let output = announces_output(&self.paragraph) && self.has_command();
        let shell = looks_like_shell(text) && !output;
        self.before_fence(false);
        if output {
            self.output_text(text, line, is_sample(&self.paragraph));
        }
        self.after_fence(end_line, in_list, output);
        if shell {
            self.untagged((line, self.lines.indent(line)));
        }
        let glance = text.get(..text.floor_char_boundary(GLANCE)).unwrap_or(text);
        let lost = (line..).zip(glance.lines()).find(|(_, written)| opens_fence(written));
        if let Some((at, _)) = lost {
            self.lost_fence(at);
        }
        self.paragraph.clear();
        self.built.blocks.push(CodeBlock {
            language: String::new(),
            info: String::new(),
            line_start: line,
            line_end: end_line,
            fenced: false,
            in_list,
            closed: true,
            runnable: false,
            reason: Some(
                match (lost, output, shell) {
                    (Some(_), _, _) => LOST_FENCE,
                    (None, true, _) => OUTPUT,
                    (None, false, true) => INDENTED_SHELL,
                    (None, false, false) => "indented code is not run",
                }
                .to_owned(),
            ),
        });
    }

    /// Tells of a fence in line `at` that Markdown takes for text.
    fn lost_fence(&mut self, at: u32) {
        self.note(
            codes::LOST_FENCE,
            (at, self.lines.indent(at)),
            "this fence is indented by four blanks or more, so Markdown takes it for text and nothing of it runs",
            "begin it at the left margin, outside of the admonition or tab (`!!! note`), or at its list item's text",
        );
    }

    /// An admonition's or tab's title with the fence directly below it, which makes both one paragraph.
    pub(super) fn admonition(&mut self, text: &str, line: u32) {
        if !["!!!", "???", "==="].iter().any(|mark| text.starts_with(mark)) {
            return;
        }
        let below = line.saturating_add(1)..line.saturating_add(MOST_LINES);
        let written =
            below.map(|at| (at, self.lines.text_of(at))).take_while(|(_, text)| !text.trim().is_empty());
        let lost = written.filter(|(_, text)| opens_fence(text)).map(|(at, _)| at).next();
        if let Some(at) = lost {
            self.lost_fence(at);
        }
    }

    fn untagged(&mut self, at: (u32, u32)) {
        self.note(
            codes::UNTAGGED_FENCE,
            at,
            "this block looks like shell and has no language, so it never runs",
            "open it with ```bash to run it, or with ```text to say that it is not a command",
        );
    }

    fn has_command(&self) -> bool {
        (self.open.is_some() || self.is_below_commands())
            && self.built.steps.last().is_some_and(|step| !step.commands.is_empty())
    }

    /// Output that the document shows; `sample` says that it is only an example.
    fn output_text(&mut self, text: &str, line: u32, sample: bool) {
        let Some(command) = self.built.steps.last_mut().and_then(|step| step.commands.last_mut()) else {
            return;
        };
        let text = text.trim();
        let whole = text.len() <= GLANCE;
        let text = text.get(..text.floor_char_boundary(GLANCE)).unwrap_or(text).to_owned();
        let check = if whole && !text.is_empty() {
            Check::Output { text: text.clone(), sample }
        } else {
            Check::Person
        };
        command.expectations.push(Expectation { line, text, check, within_ms: None });
    }

    pub(super) fn open_step_for(&mut self, fence: &Fence<'_>) {
        if let Some(line) = fence.item {
            self.holds_commands(line);
        }
        let Some(within) = fence.within.as_ref() else {
            self.step(Place::Heading);
            return;
        };
        // an item with commands is not a manual one
        let popped = self.list.pending.pop_if(|pending| pending.number == within.number);
        let place = if self.title.announced {
            self.step(Place::Heading);
            Place::Heading
        } else {
            self.list.has_commands = true;
            let before = std::mem::take(&mut self.list.pending);
            self.item_steps(before);
            let place = Place::OrderedItem(within.number);
            if self.open != Some(place) {
                self.begin_item(within.number, &within.text, within.line);
            }
            place
        };
        let Some(popped) = popped else { return };
        // with its first command below one of its items, the others say what else to do
        let goes_on =
            !popped.parts.is_empty() && (place != Place::Heading || popped.item.text.ends_with(':'));
        self.list.goes_on = goes_on.then_some(popped.number);
        let others = popped.parts.into_iter().filter(|part| Some(part.line) != fence.item);
        if goes_on {
            self.step(place).manual_items.extend(others);
        } else {
            self.text_items(others.count());
        }
    }

    pub(super) fn command(&mut self, fence: &Fence<'_>, info: &Info, n: usize, several: bool, read: Read) {
        let Read { kind, piece, unfinished, fault, placeholders, alternative } = read;
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
        let together = match (&info.flow.foreach, &info.flow.parallel) {
            (Some(_), _) => Some("goes through a list"),
            (None, Some(_)) => Some("runs beside others"),
            (None, None) => None,
        };
        if let Some(why) = together.filter(|_| several) {
            blocked.get_or_insert_with(|| format!("its block {why} and holds several commands"));
        }
        if let Some(why) = &piece.blocked {
            blocked.get_or_insert_with(|| why.clone());
        }
        let line = piece.line;
        let at = |lines: &Lines<'_>| (line, lines.indent(line));
        if let Some(inside) = unfinished {
            self.note(
                codes::UNFINISHED_SHELL,
                at(self.lines),
                format!("the command ends inside {inside}"),
                "close it in the same block; one command cannot continue in the next block",
            );
            blocked.get_or_insert_with(|| format!("its text ends inside {inside}"));
        }
        let shown_only = piece.blocked.as_deref().is_some_and(is_no_command);
        let repeats = if info.flow.until.is_some() { Some("until") } else { None };
        let repeats = repeats.or((info.retries > 0).then_some("retries"));
        if let Some(key) = repeats
            && info.effect.is_none()
            && effect == Effect::Once
            && !shown_only
        {
            self.note(
                codes::ATTRIBUTE_CONFLICT,
                (fence.line, self.lines.column_of(fence.line, key)),
                format!("the block has `{key}`, and it is not known that its command may be repeated"),
                &format!("add effect=read or effect=idempotent when repeating it is safe, or remove {key}"),
            );
            blocked.get_or_insert_with(|| {
                format!("its block has `{key}`, and it is not known that it may be repeated")
            });
        }
        if let Some(found) =
            fault.filter(|fault| !shown_only && (unfinished.is_none() || fault.code == codes::TYPOGRAPHY))
        {
            let line = line_at(&piece, found.at);
            let at = (line, self.lines.column_of(line, &found.what));
            self.note(found.code, at, found.reason.clone(), &found.hint);
            blocked.get_or_insert(found.reason);
        }
        let placeholders = if shown_only { Vec::new() } else { placeholders };
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
                at(self.lines),
                format!("a {role} must change nothing, and this command is not known to be read-only"),
                "use a known read-only command, or add effect=read when you know that it changes nothing",
            );
            blocked.get_or_insert_with(|| format!("a {role} must be read-only"));
        }
        let id = self.command_id(info, n, line).unwrap_or_else(|(unique, taken)| {
            blocked.get_or_insert_with(|| same_name(&taken));
            self.twice.insert(taken);
            unique
        });
        let only_if = self.only_if(fence, info, (piece.title.as_deref(), alternative), line);
        let command = Command {
            id,
            line,
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
            only_if,
        };
        self.add(info.role, command);
    }

    /// `name=`, or the step's id with a number. Where that is taken: one that is not, and the one that is.
    fn command_id(&mut self, info: &Info, n: usize, line: u32) -> Result<String, (String, String)> {
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
            return Ok(id);
        }
        self.note(
            codes::DUPLICATE_NAME,
            (line, self.lines.indent(line)),
            same_name(&id),
            "names are unique within a runbook: rename one of them",
        );
        // the document is not planned; a unique id keeps it showable
        let unique = format!("{id}~{line}");
        self.names.insert(unique.clone());
        Err((unique, id))
    }

    fn add(&mut self, role: Role, command: Command) {
        let line = command.line;
        let Some(step) = self.built.steps.last_mut() else { return };
        if role != Role::Probe || step.probe.is_none() {
            self.added(role);
        }
        let Some(step) = self.built.steps.last_mut() else { return };
        match role {
            Role::Main => push_few(&mut step.commands, command),
            Role::Baseline => push_few(&mut step.baselines, command),
            Role::Undo => push_few(&mut step.undo, command),
            Role::Probe if step.probe.is_none() => step.probe = Some(Box::new(command)),
            Role::Probe => self.note(
                codes::SECOND_PROBE,
                (line, self.lines.indent(line)),
                "the step has more than one probe, so its answer would be ambiguous",
                "put everything that the probe asks into one command",
            ),
        }
    }
}

/// A command as its kind's reader gives it.
pub(super) struct Read {
    pub(super) kind: CommandKind,
    pub(super) piece: kinds::Piece,
    /// What shell text ends inside of.
    pub(super) unfinished: Option<&'static str>,
    /// What no shell takes in it.
    pub(super) fault: Option<Fault>,
    /// The spellings of what somebody has to fill in.
    pub(super) placeholders: Vec<String>,
    /// Its title names one of several environments.
    pub(super) alternative: bool,
}

/// Something in a command's text that keeps it from running.
pub(super) struct Fault {
    pub(super) code: Code,
    /// Its first byte in the text.
    pub(super) at: usize,
    /// What to point at.
    pub(super) what: String,
    pub(super) reason: String,
    pub(super) hint: String,
}

/// Adds to a list that mostly holds one: what is not needed of a list's usual room is most of a large document's memory.
fn push_few(commands: &mut Vec<Command>, command: Command) {
    if commands.len() < 4 {
        commands.reserve_exact(1);
    }
    commands.push(command);
}

/// Whether a line would open a fence if it were not indented.
fn opens_fence(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("```") || line.starts_with("~~~")
}

/// The file line on which a command's text first holds `needle`.
fn line_of(piece: &kinds::Piece, needle: &str) -> u32 {
    line_at(piece, piece.text.find(needle).unwrap_or_default())
}

/// The file line of a byte of a command's text.
fn line_at(piece: &kinds::Piece, at: usize) -> u32 {
    let before = piece.text.get(..at).unwrap_or(&piece.text);
    piece.line.saturating_add(to_u32(before.matches('\n').count()))
}

/// Whether the block's first line begins with a prompt.
pub(super) fn is_session(fence: &Fence<'_>) -> bool {
    console::is_session(&fence.text)
}

/// An untagged block looks like shell when its first line begins with a prompt or a well-known program.
pub(super) fn looks_like_shell(text: &str) -> bool {
    let glance = text.get(..text.floor_char_boundary(GLANCE)).unwrap_or(text);
    console::is_session(glance)
        || glance
            .lines()
            .map(str::trim_start)
            .find(|line| !line.is_empty() && !line.starts_with('#'))
            .is_some_and(prompts::looks_like_command)
}
