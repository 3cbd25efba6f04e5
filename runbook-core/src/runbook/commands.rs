//! Splits one fence into commands, each with the expectations that follow it.
//!
//! The text up to an expectation is one command, however many shell lines it has; so is each part that a blank line
//! and a comment of its own set apart, unless options or jobs of the shell tie the parts together. Quotes,
//! here-documents, loops and conditions are never cut: an expectation inside one is kept for a person to judge.

use std::ops::Range;

use super::branches;
use super::comments::{self, Comment};
use super::lines::Lines;
use super::pasted;
use super::prompts::{self, Prompt};
use super::shell::{self, Kind, Lexed, Token, all_simple, lex};
use crate::expectation::{Check, Expectation, classify};

/// One command of a fence.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piece {
    /// 1-based line in the file.
    pub(crate) line: u32,
    /// The comment just above.
    pub(crate) title: Option<String>,
    /// What the shell gets.
    pub(crate) text: String,
    /// What must hold afterwards.
    pub(crate) expectations: Vec<Expectation>,
    /// What the text ends inside of, when it is not finished.
    pub(crate) unfinished: Option<&'static str>,
    /// Its title is one of several environments that the fence has commands for: `# staging`, `# production`.
    pub(crate) alternative: bool,
    /// Which of the fence's tokens the text consists of, when it is complete and stands there as it is.
    pub(crate) tokens: Option<Range<usize>>,
}

/// A fence's commands, and the lines of expectations that have no command before them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Split<'a> {
    pub(crate) pieces: Vec<Piece>,
    /// The fence taken apart.
    pub(crate) tokens: Vec<Token<'a>>,
    pub(crate) stray: Vec<u32>,
    /// The lines of comments below a command that look like a misspelt expectation.
    pub(crate) misspelt: Vec<u32>,
    /// The first line that stands where a command begins and is none.
    pub(crate) odd: Option<(u32, Odd)>,
}

/// What stands where a command begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Odd {
    /// A prompt of this shell.
    Prompt,
    /// A prompt of root, of another program or of nobody knows whom.
    OtherPrompt,
    /// `#{pod}`, which a shell takes for a comment.
    Template,
    /// What a program wrote; its shape.
    Output(&'static str),
}

/// What begins a command of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Nothing: the fence has a name or a purpose, so it is meant as one command.
    Nowhere,
    /// A comment of its own behind a blank line.
    AtTitles,
    /// Each line that does not go on from the one above: in a session, each prompt.
    AtLines,
}

/// What does not outlive a command of a run: text that uses it stays in one piece.
const TIES: &[&str] = &[
    "set", "shopt", "trap", "alias", "umask", "ulimit", "exec", "exit", "wait", "enable", "disown", "return",
];

/// Splits a fence's text whose first line is `first_line` of the file. `cut` says what begins a command
/// beside an expectation above it.
pub(crate) fn split(text: &str, first_line: u32, cut: Cut) -> Split<'_> {
    let lexed = lex(text);
    let lines = Lines::new(text);
    let mut splitter = Splitter {
        text,
        lexed: &lexed,
        lines: &lines,
        first_line,
        done: vec![],
        stray: vec![],
        misspelt: vec![],
        now: None,
        above: None,
        mid_command: false,
        cut,
        tied: None,
        environments: names_environments(text, &lexed),
    };
    let mut odd = None;
    let mut i = 0;
    while let Some(token) = lexed.tokens.get(i) {
        let begins = i
            .checked_sub(1)
            .and_then(|before| lexed.tokens.get(before))
            .is_none_or(|before| matches!(before.kind, Kind::Newline | Kind::HereDoc | Kind::Comment));
        if begins && odd.is_none() {
            odd = splitter.odd(token);
        }
        i += 1;
        match token.kind {
            Kind::Comment => {
                if !begins
                    && odd.is_none()
                    && is_template(text.get(token.start..token.end).unwrap_or_default())
                {
                    odd = Some((first_line + splitter.lines.line(token.start) - 1, Odd::Template));
                }
                i = splitter.comment(token, i);
            }
            Kind::Newline => {}
            _ => splitter.code(token, i - 1, begins),
        }
    }
    let misspelt = std::mem::take(&mut splitter.misspelt);
    let (pieces, stray) = splitter.finish();
    Split { pieces, tokens: lexed.tokens, stray, misspelt, odd }
}

/// A command being collected, as byte offsets.
#[derive(Default)]
struct Open {
    start: usize,
    end: usize,
    /// The same as positions of tokens.
    tokens: Range<usize>,
    title: Option<String>,
    expectations: Vec<Expectation>,
    /// Expectation comments inside the text, to be taken out.
    cuts: Vec<(usize, usize)>,
    /// An expectation has ended it: the next code begins another one.
    closed: bool,
    /// Its title is a condition, or names one of several ways: the next comment begins another one.
    branch: bool,
}

/// Whether a comment behind code is a template's value: `#{pod}`.
fn is_template(comment: &str) -> bool {
    let inside = comment.strip_prefix("#{").and_then(|rest| rest.split_once('}')).map(|(inside, _)| inside);
    inside.is_some_and(|inside| inside.starts_with(|c: char| c.is_ascii_alphabetic()) && inside.len() <= 80)
}

/// The environment that a comment names, and nothing else: `# staging`, `# For production:`.
fn environment(comment: &str) -> Option<&'static str> {
    const NAMES: &[&str] = &[
        "staging",
        "stage",
        "production",
        "prod",
        "development",
        "dev",
        "test",
        "testing",
        "qa",
        "sandbox",
        "preprod",
    ];
    let comment = comment.trim_start_matches('#').trim().trim_end_matches(':');
    // a short text alone can be one
    let lower = comment.get(..).filter(|comment| comment.len() <= 32)?.to_ascii_lowercase();
    let bare = ["for ", "in ", "on ", "the "]
        .iter()
        .find_map(|lead| lower.strip_prefix(lead))
        .unwrap_or(&lower)
        .trim_end_matches(" environment")
        .trim_end_matches(" only");
    NAMES.iter().find(|name| **name == bare).copied()
}

/// Whether the comments of a fence name more than one environment.
fn names_environments(text: &str, lexed: &Lexed<'_>) -> bool {
    let comments = lexed.tokens.iter().filter(|token| token.kind == Kind::Comment && token.depth == 0);
    let mut names =
        comments.filter_map(|token| environment(text.get(token.start..token.end).unwrap_or_default()));
    names.next().is_some_and(|first| names.any(|name| name != first))
}

struct Splitter<'a> {
    text: &'a str,
    lexed: &'a Lexed<'a>,
    lines: &'a Lines<'a>,
    first_line: u32,
    done: Vec<Open>,
    stray: Vec<u32>,
    misspelt: Vec<u32>,
    now: Option<Open>,
    /// The last code token asks for more, so a comment stands in the middle of a command.
    mid_command: bool,
    /// The comment lines just above.
    above: Option<Above>,
    cut: Cut,
    /// Whether options or jobs of the shell tie the parts together, once somebody had to know.
    tied: Option<bool>,
    /// Comments name several environments, so that what stands below each is for that one.
    environments: bool,
}

/// Comment lines without a line between them: the lines of the first and the last, and the first one's text.
struct Above {
    first: u32,
    last: u32,
    text: String,
}

impl Splitter<'_> {
    /// What the line of a token is instead of a command, if the token is code.
    fn odd(&self, token: &Token<'_>) -> Option<(u32, Odd)> {
        if matches!(token.kind, Kind::Newline | Kind::Comment | Kind::HereDoc) {
            return None;
        }
        let mut lines = self.text.get(token.start..).unwrap_or_default().lines();
        let line = lines.next().unwrap_or_default();
        let found = match prompts::read(line, false) {
            Some(Prompt::Shell(_)) => Odd::Prompt,
            Some(_) => Odd::OtherPrompt,
            None if prompts::marked(line).is_some() => Odd::Prompt,
            None if prompts::is_unclear(line) => Odd::OtherPrompt,
            // an array's elements may look like anything
            None if token.depth > 0 || self.mid_command => return None,
            None => Odd::Output(pasted::shape(line, lines.next().unwrap_or_default())?),
        };
        Some((self.first_line + self.lines.line(token.start) - 1, found))
    }

    fn code(&mut self, token: &Token<'_>, index: usize, begins_line: bool) {
        // the body of a here-document belongs to the command above it, whatever its line says at its end
        if token.kind != Kind::HereDoc && self.now.as_ref().is_some_and(|open| open.closed) {
            self.done.extend(self.now.take());
        }
        let was_at_rest = !self.mid_command;
        if token.kind != Kind::HereDoc {
            self.mid_command = matches!(token.kind, Kind::Op("|" | "&&" | "||"));
        }
        let branch = self.above.as_ref().is_some_and(|above| self.is_branch(&above.text));
        let line = self.lines.line(token.start);
        // a line may be left empty behind `# OR`
        let near = |last: u32| last + 1 == line || branch && last + 2 == line;
        let above = self.above.take().filter(|above| !above.text.is_empty() && near(above.last));
        let branch = branch && above.is_some();
        let may_begin = begins_line && token.kind != Kind::HereDoc;
        if was_at_rest && may_begin && token.depth == 0 && self.begins_another(above.as_ref()) {
            self.done.extend(self.now.take());
        }
        let open = self.now.get_or_insert_with(|| Open {
            start: token.start,
            tokens: index..index,
            title: above.map(|above| above.text),
            branch,
            ..Open::default()
        });
        open.end = token.end;
        open.tokens.end = index + 1;
    }

    /// Whether code at the beginning of a line begins a command although one is open.
    fn begins_another(&mut self, above: Option<&Above>) -> bool {
        if self.now.is_none() {
            return false;
        }
        match (self.cut, above) {
            (Cut::Nowhere, _) | (Cut::AtTitles, None) => false,
            (Cut::AtLines, _) => !self.is_tied(),
            (Cut::AtTitles, Some(above)) => {
                let set_apart = self.lines.text_of(above.first.saturating_sub(1)).trim().is_empty();
                let behind = self.now.as_ref().is_some_and(|open| open.branch);
                (set_apart || behind || self.is_branch(&above.text)) && !self.is_tied()
            }
        }
    }

    /// Whether a comment says when the commands below it run, or instead of which.
    fn is_branch(&self, comment: &str) -> bool {
        // "if this fails, stop here" is no condition, and what stands above it is judged by itself
        let stops = comment.get(..3).is_some_and(|lead| lead.eq_ignore_ascii_case("if "));
        stops || branches::of_text(comment).is_some() || self.environments && environment(comment).is_some()
    }

    fn is_tied(&mut self) -> bool {
        let tokens = &self.lexed.tokens;
        *self.tied.get_or_insert_with(|| {
            tokens.iter().any(|token| token.depth == 0 && token.kind == Kind::Op("&"))
                || !all_simple(tokens, |simple| {
                    simple.words.first().is_none_or(|word| !TIES.contains(&word.text()))
                })
        })
    }

    /// Handles the comment before `next`; returns the index of the first token that is not part of it.
    fn comment(&mut self, token: &Token<'_>, next: usize) -> usize {
        let written = &self.text[token.start..token.end];
        let line = self.lines.line(token.start);
        let before = self.before(next - 1);
        let own_line = !matches!(before, Before::Code { line: end } if end == line);
        let text = match comments::read(written) {
            Comment::Expected(text) => text,
            Comment::Perhaps(text) if !own_line || self.below_command_only(&before, line, next) => text,
            Comment::Shows(text) if !matches!(before, Before::Nothing) => text,
            Comment::Perhaps(text) | Comment::Plain(text) | Comment::Shows(text) => {
                if self.now.is_some() && comments::is_misspelt(written) {
                    self.misspelt.push(self.first_line + line - 1);
                }
                if own_line {
                    self.note_title(line, text);
                }
                return next;
            }
        };
        let (text, after) = if own_line { self.continued(text, written, line, next) } else { (text, next) };
        let (text, lines_below) = self.with_lines_below(text, after);
        let after = after + 2 * lines_below;
        let inside = token.depth > 0 || self.mid_command;
        let mut expectation = classify(&text);
        expectation.line = self.first_line + line - 1;
        let word = comments::is_mere_word(written, &expectation);
        if lines_below > 0 || word || comments::is_request(&expectation.text) {
            // what goes on below is read by nobody else, and may ask for more
            expectation.check = Check::Person;
        }
        self.above = None;
        match &mut self.now {
            Some(open) if inside => {
                // one line of a loop's output proves nothing about the others
                expectation.check = Check::Person;
                open.expectations.push(expectation);
                let end = self.lexed.tokens.get(after - 1).map_or(token.end, |last| last.end);
                open.cuts.push((token.start, end));
            }
            Some(open) => {
                if open.expectations.is_empty() {
                    // there is mostly one
                    open.expectations.reserve_exact(1);
                }
                open.expectations.push(expectation);
                open.closed = true;
            }
            None => self.stray.push(expectation.line),
        }
        after
    }

    fn note_title(&mut self, line: u32, text: String) {
        match &mut self.above {
            Some(above) if above.last + 1 == line => {
                above.last = line;
                if above.text.is_empty() {
                    above.text = text;
                }
            }
            above => *above = Some(Above { first: line, last: line, text }),
        }
    }

    /// What stands before the token at `index`, line breaks aside.
    fn before(&self, index: usize) -> Before {
        let tokens = &self.lexed.tokens[..index];
        match tokens.iter().rev().find(|token| token.kind != Kind::Newline) {
            None => Before::Nothing,
            Some(token) => {
                let line = self.lines.line(token.end.saturating_sub(1).max(token.start));
                if token.kind == Kind::Comment { Before::Comment { line } } else { Before::Code { line } }
            }
        }
    }

    /// Directly below a command or its expectation, and not directly above another command.
    fn below_command_only(&self, before: &Before, line: u32, next: usize) -> bool {
        let below = match before {
            Before::Code { line: end } => *end + 1 == line,
            Before::Comment { line: end } => {
                *end + 1 == line
                    && self.now.as_ref().is_some_and(|open| open.closed || self.is_below(open, line))
            }
            Before::Nothing => false,
        };
        let above_code = self.lexed.tokens[next..]
            .iter()
            .find(|token| token.kind != Kind::Newline)
            .is_some_and(|token| token.kind != Kind::Comment && self.lines.line(token.start) == line + 1);
        below && !above_code
    }

    /// Whether nothing but comment lines without a blank one stands between a command and a line.
    fn is_below(&self, open: &Open, line: u32) -> bool {
        let above = self.above.as_ref().filter(|above| above.last + 1 == line);
        above.is_some_and(|above| self.lines.line(open.end.saturating_sub(1)) + 1 == above.first)
    }

    /// Joins the comment lines below that are indented more deeply, or that an unfinished text asks for.
    fn continued(&self, text: String, written: &str, line: u32, next: usize) -> (String, usize) {
        let mut text = text;
        let mut after = next;
        let mut last_line = line;
        while let [newline, comment, ..] = &self.lexed.tokens[after..] {
            if newline.kind != Kind::Newline || comment.kind != Kind::Comment {
                break;
            }
            let more = &self.text[comment.start..comment.end];
            let asked = text.is_empty() || text.ends_with([',', '+', '(']);
            let deeper = comments::indent(more) > comments::indent(written);
            let directly_below = self.lines.line(comment.start) == last_line + 1;
            if !directly_below || !(asked || deeper) || !matches!(comments::read(more), Comment::Plain(_)) {
                break;
            }
            let more = more.trim_start_matches('#').trim();
            if !text.is_empty() && !more.is_empty() {
                text.push(' ');
            }
            text.push_str(more);
            last_line += 1;
            after += 2;
        }
        (text, after)
    }

    /// Adds the comment lines directly below, from the token at `from`: they belong to the expectation, but for the
    /// title of a command directly below them. Gives how many lines that are.
    fn with_lines_below(&self, text: String, from: usize) -> (String, usize) {
        let tokens = &self.lexed.tokens;
        let line_of = |token: &Token<'_>| self.lines.line(token.start);
        let mut last_line = from.checked_sub(1).and_then(|last| tokens.get(last)).map_or(0, line_of);
        let mut run: Vec<&str> = Vec::new();
        let mut at = from;
        while let Some([newline, comment]) = tokens.get(at..at + 2) {
            let more = &self.text[comment.start..comment.end];
            let goes_on = newline.kind == Kind::Newline
                && comment.kind == Kind::Comment
                && line_of(comment) == last_line + 1
                && comments::says_nothing_of_its_own(more);
            if !goes_on {
                break;
            }
            run.push(more);
            last_line += 1;
            at += 2;
        }
        let next = tokens[at..].iter().find(|token| token.kind != Kind::Newline);
        if next.is_some_and(|next| next.kind != Kind::Comment && line_of(next) == last_line + 1) {
            let title = run.iter().position(|more| comments::is_numbered(more));
            // the last line is the command's title, unless it plainly goes on
            let goes_on = run.last().is_some_and(|last| comments::goes_on_expecting(last));
            let end = if goes_on { run.len() } else { run.len().saturating_sub(1) };
            run.truncate(title.unwrap_or(end));
        }
        if !run.iter().any(|more| more.contains(char::is_alphanumeric)) {
            return (text, 0);
        }
        let below = run.iter().map(|more| more.trim_start_matches('#').trim());
        let parts: Vec<&str> =
            [text.as_str()].into_iter().chain(below).filter(|part| !part.is_empty()).collect();
        (parts.join("\n"), run.len())
    }

    /// The pieces, and the lines of what is stray.
    fn finish(mut self) -> (Vec<Piece>, Vec<u32>) {
        self.done.extend(self.now.take());
        // only at its end can a text be open: whatever a command is inside of, the next one is as well
        let unfinished = self.lexed.open.or(self.lexed.dangling.then_some("a continued line"));
        // a here-document's text may stand behind the expectation of the command that it belongs to
        let documents = self.lexed.tokens.iter().any(|token| token.kind == Kind::HereDoc);
        let count = self.done.len();
        let piece = |(at, open): (usize, Open)| {
            let mut text = String::with_capacity(open.end - open.start + 1);
            let mut from = open.start;
            let cuts = open.cuts.into_iter().filter(|&(_, end)| end <= open.end);
            let mut whole = true;
            for (start, end) in cuts {
                text.push_str(&self.text[from..start]);
                from = end;
                whole = false;
            }
            text.push_str(&self.text[from..open.end]);
            text.truncate(text.trim_end_matches('\n').len());
            text.push('\n');
            let is_last = at + 1 == count;
            let alternative = self.environments && open.title.as_deref().and_then(environment).is_some();
            let known = whole && !documents && !(is_last && self.lexed.open.is_some());
            let tokens = Some(open.tokens).filter(|range| {
                known
                    && self
                        .lexed
                        .tokens
                        .get(range.clone())
                        .is_some_and(|tokens| shell::ends_at_rest(&text, tokens))
            });
            Piece {
                line: self.first_line + self.lines.line(open.start) - 1,
                title: open.title,
                text,
                expectations: open.expectations,
                unfinished: unfinished.filter(|_| is_last),
                alternative,
                tokens,
            }
        };
        let pieces = self.done.into_iter().enumerate().map(piece).collect();
        (pieces, self.stray)
    }
}

/// What precedes a comment, and the line where it ends.
enum Before {
    Nothing,
    Code { line: u32 },
    Comment { line: u32 },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Title, text and expectation texts of each piece.
    fn pieces(text: &str) -> Vec<(Option<String>, String, Vec<String>)> {
        split(text, 10, Cut::AtTitles)
            .pieces
            .into_iter()
            .map(|p| (p.title, p.text, p.expectations.into_iter().map(|e| e.text).collect()))
            .collect()
    }

    fn row(title: &str, text: &str, expected: &[&str]) -> (Option<String>, String, Vec<String>) {
        let title = (!title.is_empty()).then(|| title.to_owned());
        (title, text.to_owned(), expected.iter().map(|&e| e.to_owned()).collect())
    }

    #[test]
    fn pairs_of_command_and_expectation() {
        let text = "# Look\nkubectl get deploy web -n prod\n# Expected: 3/3 ready\n\n# Count\npsql -c \"select\n  1;\"\n\n# Expected: < 5\n";
        assert_eq!(
            pieces(text),
            [
                row("Look", "kubectl get deploy web -n prod\n", &["3/3 ready"]),
                row("Count", "psql -c \"select\n  1;\"\n", &["< 5"]),
            ]
        );
        let split = split(text, 10, Cut::AtTitles);
        assert_eq!((split.pieces[0].line, split.pieces[1].line), (11, 15));
        assert_eq!(split.pieces[1].expectations[0].line, 18);
    }

    #[test]
    fn a_part_with_a_title_of_its_own_is_a_command() {
        assert_eq!(
            pieces("a\n\n# then\nb\n# Expected: x\n# Expected: y\nc # why\n"),
            [row("", "a\n", &[]), row("then", "b\n", &["x", "y"]), row("", "c\n", &[])]
        );
    }

    #[test]
    fn parts_that_the_shell_ties_together_stay_one_command() {
        for text in [
            "set -e\n\n# then\nb\n",
            "a &\n\n# then\nwait\n",
            "for i in 1 2; do\n  a\n\n  # then\n  b\ndone\n",
            "a\n# then\nb\n",
            "a |\n\n# then\nb\n",
            "trap 'c' EXIT\na\n\n# then\nb\n",
        ] {
            assert_eq!(pieces(text), [row("", text, &[])], "{text}");
        }
        let session = split("a\nb \\\n  c\n\nd\n", 1, Cut::AtLines).pieces;
        assert_eq!(
            session.iter().map(|piece| piece.text.as_str()).collect::<Vec<_>>(),
            ["a\n", "b \\\n  c\n", "d\n"]
        );
        assert_eq!(
            split("a\n\n# then\nb\n", 1, Cut::Nowhere).pieces.len(),
            1,
            "a fence with a name is one command"
        );
    }

    #[test]
    fn an_expectation_may_follow_on_the_same_line() {
        assert_eq!(pieces("a  # Expected: 1\nb  # note\n"), [row("", "a\n", &["1"]), row("", "b\n", &[])]);
    }

    #[test]
    fn loops_quotes_and_here_documents_are_never_cut() {
        let text = "for i in 1 2; do\n  a $i\n  # Expected: 1\n  b\ndone\n# Expected: 2\nc\n";
        let found = split(text, 1, Cut::AtTitles);
        assert_eq!(found.pieces.len(), 2);
        assert_eq!(found.pieces[0].text, "for i in 1 2; do\n  a $i\n  \n  b\ndone\n");
        assert_eq!(found.pieces[0].expectations[0].check, Check::Person);
        assert_eq!(found.pieces[0].expectations.len(), 2);
        let quoted = "cat <<EOF\n# Expected: 1\nEOF\necho '\n# Expected: 2\n'\n";
        assert_eq!(pieces(quoted), [row("", quoted, &[])]);
        let body = "cat <<E # Expected: 1\nrm x\nE\nls\n";
        assert_eq!(pieces(body), [row("", "cat <<E # Expected: 1\nrm x\nE\n", &["1"]), row("", "ls\n", &[])]);
        let piped = split("cat <<E |\nx\nE\n# Expected: 1\nwc -l\n", 1, Cut::AtTitles).pieces;
        assert_eq!((piped.len(), piped[0].unfinished), (1, None));
    }

    #[test]
    fn verify_is_a_title_above_and_a_check_below() {
        assert_eq!(
            pieces("a\n# Verify all keys are there\n\n# Verify\nb\n# Expected: x: y\n"),
            [row("", "a\n", &["Verify all keys are there"]), row("Verify", "b\n", &["x: y"])]
        );
        assert_eq!(pieces("a\n# Verify pods are up\nb\n"), [row("", "a\n# Verify pods are up\nb\n", &[])]);
        assert_eq!(pieces("# Verify pods are up\nb\n"), [row("Verify pods are up", "b\n", &[])]);
    }

    #[test]
    fn long_expectations_go_on_below() {
        assert_eq!(
            pieces("a\n# Expected: one,\n# two\n#   three\n# next\nb\n"),
            [row("", "a\n", &["one, two three"]), row("next", "b\n", &[])]
        );
        assert_eq!(pieces("a\n# Expected output:\n# 5/5\n"), [row("", "a\n", &["5/5"])]);
    }

    #[test]
    fn lines_below_an_expectation_belong_to_it_and_are_for_a_person() {
        let all = |text: &str| {
            let pieces = split(text, 1, Cut::AtTitles).pieces;
            let expectations = pieces.into_iter().flat_map(|piece| piece.expectations);
            expectations.map(|one| (one.text, one.check == Check::Person)).collect::<Vec<_>>()
        };
        for (text, wanted) in [
            ("a\n# Expected: enabled: true\n# replicas: 5\n", "enabled: true\nreplicas: 5"),
            ("a\n# Expected: 5/5 ready\n# image: web:v2\n\nb\n", "5/5 ready\nimage: web:v2"),
            ("a\n# Expected: < 50\n# and > 10\n\n# next\nb\n", "< 50\nand > 10"),
            ("a\n# Expected: \"up\"\n# \"ready\"", "\"up\"\n\"ready\""),
            ("a\n# Expected output:\n# 5/5\n# 3/3\n# 2/2\n", "5/5\n3/3\n2/2"),
            ("a # Expected: 5/5\n# image: web:v2\n", "5/5\nimage: web:v2"),
            ("a\n# Expected: 5/5\n#\n# 3/3\n", "5/5\n3/3"),
            ("a\n# Expected: 5/5\n# image: web:v2\n# next\nb\n", "5/5\nimage: web:v2"),
            ("a\n# Expected: 5/5\n# image: web:v2\n# 2. Next\n# by hand\nb\n", "5/5\nimage: web:v2"),
        ] {
            assert_eq!(all(text), [(wanted.to_owned(), true)], "{text}");
        }
        for text in [
            "a\n# Expected: 5/5\n# next\nb\n",
            "a\n# Expected: 5/5\n\n# far\n",
            "a\n# Expected: 5/5\n# ----\n",
            "a\n# Expected: 5/5\n# blocks: allow RB0123 it is so\n",
            "a # Expected: 5/5\n# next\nb\n",
        ] {
            assert_eq!(all(text), [("5/5".to_owned(), false)], "{text}");
        }
        assert_eq!(
            all("a\n# Expected: 5/5\n# x: y\n# Expected: < 5\n"),
            [("5/5\nx: y".to_owned(), true), ("< 5".to_owned(), false)]
        );
        assert_eq!(all("a\n# Verify: 5/5\n"), [("Verify: 5/5".to_owned(), true)]);
        assert_eq!(all("# Verify: 5/5\na\n"), []);
        let titles = split("a\n# Expected: 1\n# x: y\n# next\nb\n", 1, Cut::AtTitles).pieces;
        assert_eq!(titles[1].title.as_deref(), Some("next"));
    }

    #[test]
    fn other_forms_of_an_expectation() {
        for (comment, text, kind) in [
            ("# returns 5", "5", "number"),
            ("# should return 5", "5", "number"),
            ("# \u{2705} Expected: 5/5", "5/5", "ratio"),
            ("# => 5", "5", "number"),
            ("# -> 5", "5", "number"),
            ("# -> web:v2", "web:v2", "text"),
            ("# -> ready", "ready", "person"),
        ] {
            for text_of in
                [format!("a {comment}\nb\n"), format!("a\n{comment}\nb\n"), format!("a\n{comment}\n")]
            {
                let pieces = split(&text_of, 1, Cut::AtTitles).pieces;
                let found: Vec<_> =
                    pieces[0].expectations.iter().map(|one| (one.text.as_str(), one.check.kind())).collect();
                assert_eq!(found, [(text, kind)], "{text_of}");
                assert!(pieces.iter().all(|piece| piece.title.is_none()), "{text_of}");
            }
        }
        assert_eq!(pieces("# Returns the pods\nb\n"), [row("Returns the pods", "b\n", &[])]);
        assert_eq!(pieces("a\n# a note\n# Verify: 5/5\n"), [row("", "a\n", &["Verify: 5/5"])]);
        for (text, lines) in [
            ("a\n# Exepcted: 5\n", &[2][..]),
            ("a # expcted: 5\n", &[1]),
            ("a\n# Executed: 5\n", &[]),
            ("# Exepcted: 5\na\n", &[]),
        ] {
            assert_eq!(split(text, 1, Cut::AtTitles).misspelt, lines, "{text}");
        }
    }

    #[test]
    fn the_line_above_a_command_may_go_on_with_an_expectation() {
        let text = "a\n# Expected: enabled: true\n# replicas: 5\nb\n";
        let found = split(text, 1, Cut::AtTitles).pieces;
        assert_eq!(found[0].expectations[0].text, "enabled: true\nreplicas: 5");
        assert_eq!(found[0].expectations[0].check, Check::Person);
        assert_eq!(found[1].title, None);
    }

    #[test]
    fn titles_are_the_first_line_of_the_comment_above() {
        assert_eq!(pieces("# 1. One\n#    more\na\n"), [row("One", "a\n", &[])]);
        assert_eq!(pieces("# far away\n\na\n"), [row("", "a\n", &[])]);
    }

    #[test]
    fn unfinished_text_and_stray_expectations_are_reported() {
        let found = split("# Expected: 1\na 'b\n", 5, Cut::AtTitles);
        assert_eq!(found.stray, [5]);
        assert_eq!(found.pieces[0].unfinished, Some("a quote"));
        assert_eq!(split("a |\n", 1, Cut::AtTitles).pieces[0].unfinished, Some("a continued line"));
        let none = split("# only\n# comments\n", 1, Cut::AtTitles);
        assert_eq!((none.pieces, none.stray, none.odd), (vec![], vec![], None));
    }
}
