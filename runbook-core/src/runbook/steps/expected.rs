//! Expectations that stand in prose beside a block: whose they are, and who judges them.
//!
//! One directly below a block is about its last command, and one directly above the first block of its title or item
//! about the last command of that one. Everywhere else it is a guess, so a person judges it and a finding says so.

use super::super::codes;
use super::super::comments;
use super::super::info::Role;
use super::super::model::Command;
use super::super::prose::{self, Wanted};
use super::Builder;
use crate::expectation::{Check, Expectation, classify};

/// Expectations above a block that are kept until it comes.
const MOST_HELD: usize = 100;

/// Lines around an expectation that are looked at.
const MOST_BETWEEN: u32 = 40;

fn is_fence(written: &str) -> bool {
    written.starts_with("```") || written.starts_with("~~~")
}

/// The expectations and the commands near the block at hand.
#[derive(Default)]
pub(super) struct Near {
    /// The last block with commands below the title at hand.
    below: Option<Below>,
    /// Expectations above which no command stands.
    held: Vec<Held>,
    /// The block at hand has added a command, with this purpose.
    added: Option<Role>,
    /// Where the commands of the block at hand are about to be added.
    commands: usize,
    /// `Expected:` stands above, and what is expected comes below it.
    announced: Option<Announced>,
    /// The line of an expectation that may as well be about a block directly below it.
    unsure: Option<u32>,
    /// The line of a request to look, which is about a block directly below it where one stands there.
    request: Option<u32>,
    /// The last one came from prose that announces output and says what it is as well.
    with_output: bool,
}

/// A block with commands, as seen from below.
struct Below {
    role: Role,
    end_line: u32,
    /// Nothing that is no expectation stands between.
    adjacent: bool,
    in_list: bool,
    list_over: bool,
}

/// An expectation above a block.
struct Held {
    line: u32,
    wanted: Wanted,
    marked: bool,
    adjacent: bool,
}

/// A line that announces what is expected.
struct Announced {
    line: u32,
    /// In how many lists it stands.
    depth: usize,
    /// It said so itself that only one of several holds, or that something is missing.
    partly: bool,
    /// Something of it has come.
    came: bool,
}

/// Whether a heading stands for `Sample output:`.
pub(super) fn is_sample_title(title: &str) -> bool {
    let title = title.trim().trim_end_matches(':').to_ascii_lowercase();
    matches!(
        title.as_str(),
        "output" | "sample output" | "example output" | "sample response" | "example response"
    )
}

/// Whether a heading stands for `Expected output:`, or for an example of it.
pub(super) fn is_announcing_title(title: &str) -> bool {
    if is_sample_title(title) {
        return true;
    }
    let title = title.trim().trim_end_matches(':').to_ascii_lowercase();
    matches!(
        title.as_str(),
        "expected"
            | "expected output"
            | "expected result"
            | "expected results"
            | "expected outcome"
            | "expected response"
    )
}

impl Builder<'_> {
    /// A title begins: what is above belongs to another one.
    pub(super) fn expected_title(&mut self, raw: &str, line: u32) {
        self.announced_nothing();
        if is_announcing_title(raw) && self.near.below.as_ref().is_some_and(|below| below.adjacent) {
            self.near.announced = Some(Announced { line, depth: 0, partly: false, came: false });
            return;
        }
        self.near = Near::default();
    }

    /// Takes a paragraph; `true` when it is an expectation and nothing else.
    pub(super) fn expected_paragraph(&mut self, text: &str, whole: bool, line: u32) -> bool {
        // the text of a bold line is that line alone
        let goes_on = whole && !self.written(line.saturating_add(1)).is_empty();
        if let Some(announced) = self.near.announced.take()
            && !announced.came
            && prose::read(text).is_none()
        {
            self.attach_prose(text, line, true);
            return true;
        }
        let depth = self.list.depth();
        self.expected(text, goes_on, line, depth, true)
    }

    /// Takes an item that is no task; `true` when it is an expectation and nothing else.
    pub(super) fn expected_item(&mut self, text: &str, line: u32, depth: usize) -> bool {
        match &mut self.near.announced {
            Some(announced) if depth > announced.depth => {
                announced.came = true;
                let partly = announced.partly;
                if !text.is_empty() {
                    self.attach_prose(text, line, partly);
                }
                return true;
            }
            _ => self.announced_nothing(),
        }
        self.near.held.clear();
        !text.is_empty() && self.expected(text, false, line, depth, false)
    }

    fn expected(&mut self, text: &str, goes_on: bool, line: u32, depth: usize, paragraph: bool) -> bool {
        self.near.unsure = None;
        self.near.request = None;
        self.near.with_output = false;
        let parted = self.near.below.as_ref().is_some_and(|below| self.is_parted(below.end_line, line));
        if parted && let Some(below) = &mut self.near.below {
            below.adjacent = false;
        }
        let adjacent = self.near.below.as_ref().is_some_and(|below| below.adjacent);
        let Some(mut wanted) = prose::read(text) else {
            if adjacent && comments::is_misspelt(text) {
                self.misspelt(line);
            }
            self.pass();
            return false;
        };
        if wanted.request && !(adjacent && paragraph && wanted.first) {
            self.pass();
            return false;
        }
        let request = wanted.request.then_some(line);
        // below a table or a rule, what stands directly above a block is about that one
        let of_next = parted && self.opens_below(line);
        wanted.partly |= goes_on;
        let marked = wanted.text.len() > 1 && {
            let (written, text) = (self.lines.text_of(line), wanted.text.trim_end_matches('.'));
            ["`", "\"", "**"].iter().any(|mark| written.contains(&format!("{mark}{text}{mark}")))
        };
        let above = self.near.below.as_ref().filter(|below| {
            !wanted.below
                && !of_next
                && if below.adjacent { wanted.first || paragraph } else { wanted.label && wanted.first }
        });
        let Some(below) = above else {
            if self.near.held.len() < MOST_HELD && !wanted.text.is_empty() {
                self.near.held.push(Held { line, wanted, marked, adjacent: true });
            }
            if let Some(below) = &mut self.near.below {
                below.adjacent = false;
            }
            return false;
        };
        let far = !below.adjacent || below.list_over && below.end_line + 1 < line;
        if wanted.text.is_empty() {
            if !far {
                let partly = wanted.partly;
                self.near.announced = Some(Announced { line, depth, partly, came: false });
            }
            return false;
        }
        let output = wanted.label && text.to_ascii_lowercase().contains("output");
        let (first, is_sure) = (line, wanted.first && paragraph && !wanted.open);
        let why = if far { Why::Far } else { Why::Sentence };
        self.attach(line, wanted, marked, why);
        // `Now the next one. You should see ...`, a line with a colon, and every item may be about what comes below
        self.near.unsure = (!is_sure && request.is_none()).then_some(first);
        self.near.request = request;
        self.near.with_output = output && !far;
        true
    }

    /// Something that is no expectation stands here.
    pub(super) fn pass(&mut self) {
        if let Some(below) = &mut self.near.below {
            below.adjacent = false;
        }
        for held in &mut self.near.held {
            held.adjacent = false;
        }
        self.near.unsure = None;
        self.near.request = None;
        self.near.with_output = false;
        self.announced_nothing();
    }

    /// Whether a table, a rule or a line of markup stands between a block's end and a line.
    fn is_parted(&self, end_line: u32, line: u32) -> bool {
        let from = line.saturating_sub(MOST_BETWEEN).max(end_line.saturating_add(1));
        (from..line).any(|at| {
            let written = self.written(at);
            let rule = written.len() >= 3
                && ['-', '*', '_'].iter().any(|mark| written.chars().all(|c| c == *mark || c == ' '));
            rule || written.starts_with('|') || written.starts_with("<br") || written.starts_with("<hr")
        })
    }

    /// Whether a fence opens directly below the paragraph that begins in a line.
    fn opens_below(&self, line: u32) -> bool {
        let below = (line..line.saturating_add(MOST_BETWEEN)).map(|at| self.written(at));
        let next = below
            .skip_while(|written| !written.is_empty() && !is_fence(written))
            .find(|written| !written.is_empty());
        next.is_some_and(is_fence)
    }

    /// The outermost list is over.
    pub(super) fn expected_list_end(&mut self) {
        if self.near.announced.as_ref().is_some_and(|announced| announced.came) {
            self.near.announced = None;
        }
        if let Some(below) = self.near.below.as_mut().filter(|below| below.in_list) {
            below.list_over = true;
        }
    }

    /// Whether a fence below `Expected output: 5/5`, which says already what is expected, is sample output.
    pub(super) fn shows_output(&self) -> bool {
        self.near.with_output
    }

    /// Whether a block with commands stands above below the same title.
    pub(super) fn is_below_commands(&self) -> bool {
        self.near.below.is_some()
    }

    /// A block begins that may hold commands; `is_command` says whether its language runs.
    pub(super) fn before_fence(&mut self, is_command: bool) {
        if let Some(announced) = &mut self.near.announced {
            announced.came |= !is_command;
        }
        self.announced_nothing();
        if let Some(line) = self.near.unsure.take().filter(|_| is_command) {
            let expectation = self.last_command().and_then(|command| {
                command.expectations.iter_mut().rev().find(|expectation| expectation.line == line)
            });
            if let Some(expectation) = expectation {
                expectation.check = Check::Person;
                self.unclear(line, Why::Between);
            }
        }
        if let Some(line) = self.near.request.take().filter(|_| is_command)
            && let Some(command) = self.last_command()
        {
            command.expectations.retain(|expectation| expectation.line != line);
        }
        self.near.added = None;
        self.near.commands = 0;
    }

    /// A command was added.
    pub(super) fn added(&mut self, role: Role) {
        self.near.added = Some(role);
        self.near.commands += 1;
    }

    /// A block is over.
    pub(super) fn after_fence(&mut self, end_line: u32, in_list: bool, output: bool) {
        let Some(role) = self.near.added.take() else {
            if output {
                self.near.with_output = false;
            } else {
                self.pass();
            }
            return;
        };
        self.near.below = Some(Below { role, end_line, adjacent: true, in_list, list_over: false });
        self.near.with_output = false;
        let several = self.near.commands > 1;
        for held in std::mem::take(&mut self.near.held) {
            let why = match (held.adjacent, several) {
                (true, false) => Why::Sentence,
                (true, true) => Why::Several,
                // a sentence further above may be about anything
                (false, _) if !held.wanted.label => continue,
                (false, _) => Why::Far,
            };
            self.attach(held.line, held.wanted, held.marked, why);
        }
    }

    fn attach(&mut self, line: u32, wanted: Wanted, marked: bool, why: Why) {
        let Wanted { text, label, partly, condition, .. } = wanted;
        let mut expectation = classify(&text);
        // a word of a sentence is not yet a word of the output
        let plain =
            !label && !marked && text.trim_end_matches('.').chars().all(|c| c.is_lowercase() || c == '-');
        let why = if condition { Why::Condition } else { why };
        let unclear = !matches!(why, Why::Sentence);
        if partly || unclear || plain && matches!(expectation.check, Check::Contains { .. }) {
            expectation.check = Check::Person;
        }
        if !self.put(Expectation { line, ..expectation }) {
            self.note(
                codes::STRAY_EXPECTATION,
                (line, self.lines.indent(line)),
                "no command is there for this expectation, so nothing is judged by it",
                "write it as a comment `# Expected: ...` below the command that it is about",
            );
        } else if unclear {
            self.unclear(line, why);
        }
    }

    /// What stands below `Expected:`.
    fn attach_prose(&mut self, text: &str, line: u32, partly: bool) {
        let text = text.trim().trim_end_matches(':');
        let wanted = Wanted {
            text: text.to_owned(),
            label: true,
            first: true,
            partly,
            condition: false,
            below: false,
            open: false,
            shown: false,
            request: false,
        };
        self.attach(line, wanted, false, Why::Sentence);
    }

    fn put(&mut self, expectation: Expectation) -> bool {
        let Some(command) = self.last_command() else { return false };
        command.expectations.push(expectation);
        true
    }

    /// The last command of the last block.
    fn last_command(&mut self) -> Option<&mut Command> {
        let role = self.near.below.as_ref()?.role;
        let step = self.built.steps.last_mut()?;
        let command = match role {
            Role::Main => step.commands.last_mut(),
            Role::Undo => step.undo.last_mut(),
            Role::Baseline => step.baselines.last_mut(),
            Role::Probe => step.probe.as_deref_mut(),
        };
        command.filter(|command| command.include.is_none())
    }

    fn announced_nothing(&mut self) {
        let Some(announced) = self.near.announced.take() else { return };
        if !announced.came {
            self.unclear(announced.line, Why::Nothing);
        }
    }

    fn unclear(&mut self, line: u32, why: Why) {
        let (message, hint) = match why {
            Why::Sentence => return,
            Why::Condition => (
                "this expectation has a condition, so a person judges it",
                "say in a comment `# Expected: ...` below the command what must always hold",
            ),
            Why::Far | Why::Between | Why::Several => (
                "it is not clear which command this expectation is about, so a person judges it",
                "write it as a comment `# Expected: ...` below the command",
            ),
            Why::Nothing => (
                "this line announces what is expected, and nothing follows that could be it",
                "write it as a comment `# Expected: ...` below the command, or put the output into a block below this line",
            ),
        };
        self.note(codes::UNCLEAR_EXPECTATION, (line, self.lines.indent(line)), message, hint);
    }

    pub(super) fn misspelt(&mut self, line: u32) {
        self.note(
            codes::MISSPELT_EXPECTATION,
            (line, self.lines.indent(line)),
            "this looks like `Expected:` with a slip of the pen, so nothing is judged by it",
            "write `Expected:`, or other words when it is no expectation",
        );
    }

    fn written(&self, line: u32) -> &str {
        self.lines.text_of(line).trim_matches([' ', '\t', '>', '\r'])
    }
}

/// Why a machine does not judge an expectation.
#[derive(Clone, Copy)]
enum Why {
    /// It is a sentence like every other one, so it may.
    Sentence,
    Condition,
    /// Something stands between it and the command.
    Far,
    /// A block stands directly above and below it.
    Between,
    /// The block below it holds several commands.
    Several,
    /// Nothing is there to be judged.
    Nothing,
}
