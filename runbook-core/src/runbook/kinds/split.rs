//! Cuts a fence into commands at its expectations: what the kinds with comments in their language share.

use crate::expectation::{Check, Expectation, classify};
use crate::runbook::comments::{self, Comment};
use crate::runbook::lines::Lines;

/// A part of a fence, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// A comment, as bytes of the text. `written` begins with `#`, whatever the language writes.
    Comment {
        start: usize,
        end: usize,
        written: String,
        /// It stands in the middle of a command, which it cannot end.
        inside: bool,
    },
    /// Something to carry out, as bytes of the text.
    Code { start: usize, end: usize },
    /// The command before ends here.
    Break,
}

/// A command with what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) title: Option<String>,
    pub(crate) expectations: Vec<Expectation>,
    /// An expectation has ended it.
    closed: bool,
}

/// Cuts. `first_line` is the file's line of the text's first one. The second list holds where expectations stand that
/// have no command before them.
pub(crate) fn split(text: &str, items: &[Item], first_line: u32) -> (Vec<Group>, Vec<usize>) {
    let mut splitter = Splitter {
        lines: Lines::new(text),
        items,
        first_line,
        done: Vec::new(),
        now: None,
        above: None,
        last_line: 0,
        last_is_check: false,
        stray: Vec::new(),
    };
    let mut at = 0;
    while let Some(item) = items.get(at) {
        at += 1;
        match item {
            Item::Break => splitter.done.extend(splitter.now.take()),
            Item::Code { start, end } => splitter.code(*start, *end),
            Item::Comment { start, end, written, inside } => {
                at = splitter.comment((*start, *end), written, *inside, at);
            }
        }
    }
    splitter.done.extend(splitter.now.take());
    (splitter.done, splitter.stray)
}

struct Splitter<'a> {
    lines: Lines<'a>,
    items: &'a [Item],
    first_line: u32,
    done: Vec<Group>,
    now: Option<Group>,
    /// The comment lines just above: the last one's line and the first one's text.
    above: Option<(u32, String)>,
    /// Where the last code or expectation ended.
    last_line: u32,
    last_is_check: bool,
    stray: Vec<usize>,
}

impl Splitter<'_> {
    fn code(&mut self, start: usize, end: usize) {
        if self.now.as_ref().is_some_and(|group| group.closed) {
            self.done.extend(self.now.take());
        }
        let line = self.lines.line(start);
        let title = self.above.take().filter(|(last, text)| last + 1 == line && !text.is_empty());
        let group = self.now.get_or_insert_with(|| Group {
            start,
            end,
            title: title.map(|(_, text)| text),
            expectations: Vec::new(),
            closed: false,
        });
        group.end = end;
        self.last_line = self.lines.line(end.saturating_sub(1).max(start));
        self.last_is_check = false;
    }

    /// Handles the comment before item `next`; returns the index of the first item that is not part of it.
    fn comment(&mut self, at: (usize, usize), written: &str, inside: bool, next: usize) -> usize {
        let line = self.lines.line(at.0);
        let own_line = self.last_is_check || self.last_line != line || self.now.is_none();
        let text = match comments::read(written) {
            Comment::Expected(text) => text,
            Comment::Perhaps(text)
                if !own_line || self.directly_below(line) && !self.above_code(at.1, next) =>
            {
                text
            }
            Comment::Shows(text) if self.now.is_some() => text,
            Comment::Perhaps(text) | Comment::Plain(text) | Comment::Shows(text) => {
                if own_line {
                    match &mut self.above {
                        Some((last, _)) if *last + 1 == line => *last = line,
                        above => *above = Some((self.lines.line(at.1.saturating_sub(1)), text)),
                    }
                }
                return next;
            }
        };
        let (text, after, last) = self.continued(text, written, own_line, self.lines.line(at.1), next);
        let below = self.lines_below(last, after);
        let after = after + below.len();
        let last = last.saturating_add(u32::try_from(below.len()).unwrap_or(u32::MAX));
        let mut expectation = classify(&text);
        expectation.line = self.first_line.saturating_add(line - 1);
        if below.iter().any(|more| more.contains(char::is_alphanumeric)) {
            // what goes on below is read by nobody else, and may ask for more
            let below = below.iter().map(|more| more.trim_start_matches('#').trim());
            let parts: Vec<&str> =
                [text.as_str()].into_iter().chain(below).filter(|part| !part.is_empty()).collect();
            expectation.text = parts.join("\n");
            expectation.check = Check::Person;
        } else if comments::is_request(&expectation.text) || comments::is_mere_word(written, &expectation) {
            expectation.check = Check::Person;
        }
        self.above = None;
        match &mut self.now {
            Some(group) => {
                group.expectations.push(expectation);
                group.closed |= !inside;
                self.last_line = last;
                self.last_is_check = true;
            }
            None => self.stray.push(at.0),
        }
        after
    }

    /// Directly below a command or its expectation.
    fn directly_below(&self, line: u32) -> bool {
        self.now.is_some() && self.last_line.saturating_add(1) == line
    }

    fn above_code(&self, end: usize, next: usize) -> bool {
        let below = self.lines.line(end.saturating_sub(1)).saturating_add(1);
        matches!(self.items.get(next), Some(Item::Code { start, .. }) if self.lines.line(*start) == below)
    }

    /// The comment lines directly below `line` that belong to the expectation there, but for a title of the code
    /// directly below them.
    fn lines_below(&self, line: u32, next: usize) -> Vec<&str> {
        let mut run: Vec<&str> = Vec::new();
        let (mut last, mut end) = (line, None);
        for item in self.items.get(next..).unwrap_or_default() {
            let Item::Comment { start, end: stop, written, .. } = item else { break };
            if self.lines.line(*start) != last.saturating_add(1)
                || !comments::says_nothing_of_its_own(written)
            {
                break;
            }
            run.push(written);
            last = last.saturating_add(1);
            end = Some(*stop);
        }
        let goes_on = run.last().is_some_and(|last| comments::goes_on_expecting(last));
        if !goes_on && end.is_some_and(|end| self.above_code(end, next + run.len())) {
            run.pop();
        }
        run
    }

    /// Joins the comment lines below that are indented more deeply, or that an unfinished text asks for.
    fn continued(
        &self,
        text: String,
        written: &str,
        own_line: bool,
        line: u32,
        next: usize,
    ) -> (String, usize, u32) {
        let (mut text, mut after, mut last) = (text, next, line);
        while let Some(Item::Comment { start, written: more, .. }) =
            self.items.get(after).filter(|_| own_line)
        {
            let asked = text.is_empty() || text.ends_with([',', '+', '(']);
            let deeper = comments::indent(more) > comments::indent(written);
            let directly_below = self.lines.line(*start) == last.saturating_add(1);
            if !directly_below || !(asked || deeper) || !matches!(comments::read(more), Comment::Plain(_)) {
                break;
            }
            text = format!("{text} {}", more.trim_start_matches('#').trim()).trim().to_owned();
            last = last.saturating_add(1);
            after += 1;
        }
        (text, after, last)
    }
}
