//! The simple commands of a shell text, with what stands before and behind each.

use super::super::super::names::is_identifier;
use super::super::super::shell::{Kind, Token, Word};

/// Words before a program's name.
const KEYWORDS: &[&str] =
    &["if", "then", "else", "elif", "while", "until", "do", "!", "{", "time", "command", "builtin"];

/// A word of a simple command as it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'t, 'a> {
    pub(super) word: &'t Word<'a>,
    pub(super) raw: &'a str,
    pub(super) at: usize,
    pub(super) end: usize,
}

impl<'a> Part<'_, 'a> {
    /// Its text where it is plain; a quoted word is no keyword.
    pub(super) fn plain(&self) -> &str {
        if self.word.quoted { "" } else { self.word.text() }
    }

    /// The name in `NAME=value`, which gives the variable a value whatever it had.
    pub(super) fn assigned(&self) -> Option<&'a str> {
        self.raw.split_once('=').map(|(name, _)| name).filter(|name| is_identifier(name))
    }
}

/// A simple command.
#[derive(Debug, Clone, Default)]
pub(super) struct Simple<'t, 'a> {
    /// Its words, without the targets of redirections.
    pub(super) parts: Vec<Part<'t, 'a>>,
    /// What its input comes from, where that is a file (`<`), or where it is a text (`<<<`), which is marked.
    pub(super) inputs: Vec<(bool, Part<'t, 'a>)>,
    /// It has redirections.
    pub(super) redirects: bool,
    /// How many compounds are open where it begins.
    pub(super) depth: usize,
    /// In how many subshells it stands.
    pub(super) subshells: usize,
    /// The operator before it; nothing at the beginning of a line.
    pub(super) before: &'static str,
    /// The operator behind it; nothing at the end of a line.
    pub(super) after: &'static str,
}

impl<'t, 'a> Simple<'t, 'a> {
    /// Its program and the arguments; nothing where it only sets variables.
    pub(super) fn program(&self) -> Option<(&Part<'t, 'a>, &[Part<'t, 'a>])> {
        let is_before = |part: &Part<'_, '_>| KEYWORDS.contains(&part.plain()) || part.assigned().is_some();
        let first = self.parts.iter().position(|part| !is_before(part))?;
        self.parts.get(first..)?.split_first()
    }

    /// The word that begins a loop here, and what stands behind it.
    pub(super) fn loop_head(&self) -> Option<(&Part<'t, 'a>, &[Part<'t, 'a>])> {
        let is_loop = |part: &Part<'_, '_>| matches!(part.plain(), "for" | "select" | "while" | "until");
        let first = self.parts.iter().position(is_loop)?;
        let before = self.parts.get(..first)?;
        before.iter().all(|part| KEYWORDS.contains(&part.plain())).then_some(())?;
        self.parts.get(first..)?.split_first()
    }
}

/// The simple commands of a text that these are the tokens of.
pub(super) fn simples<'t, 'a>(text: &'a str, tokens: &'t [Token<'a>]) -> Vec<Simple<'t, 'a>> {
    let (mut all, mut now) = (Vec::new(), Simple::default());
    let (mut is_target, mut input) = (false, None);
    // a test is one command, whatever stands between its brackets
    let mut in_test = false;
    let is_word = |token: &Token<'_>, text: &str| matches!(&token.kind, Kind::Word(word) if !word.quoted && word.text() == text);
    let last_test = tokens.iter().rposition(|token| is_word(token, "]]")).unwrap_or_default();
    for (index, token) in tokens.iter().enumerate() {
        if in_test && matches!(token.kind, Kind::Op(_) | Kind::Newline) {
            continue;
        }
        if is_word(token, "]]") {
            in_test = false;
        } else if index < last_test && is_word(token, "[[") {
            in_test = now.parts.iter().all(|part| KEYWORDS.contains(&part.plain()));
        }
        let (op, ends_line) = match &token.kind {
            Kind::Word(word) if std::mem::take(&mut is_target) => {
                let raw = text.get(token.start..token.end).unwrap_or_default();
                let part = Part { word, raw, at: token.start, end: token.end };
                now.inputs.extend(input.take().map(|is_text| (is_text, part)));
                continue;
            }
            Kind::Word(word) => {
                if now.parts.is_empty() {
                    now.depth = token.depth;
                }
                let raw = text.get(token.start..token.end).unwrap_or_default();
                now.parts.push(Part { word, raw, at: token.start, end: token.end });
                continue;
            }
            Kind::Redirect(op) => {
                (is_target, now.redirects) = (true, true);
                let is_file = op.ends_with('<') && !op.ends_with("<<");
                input = (is_file || op.ends_with("<<<")).then_some(!is_file);
                continue;
            }
            Kind::HereDoc | Kind::Comment => continue,
            Kind::Op(op) => (*op, false),
            Kind::Newline => ("", true),
        };
        is_target = false;
        // a line goes on behind `&&`, `||` and `|`
        let goes_on = ends_line && now.parts.is_empty() && matches!(now.before, "&&" | "||" | "|");
        if goes_on {
            continue;
        }
        let mut subshells = now.subshells;
        match op {
            "(" => subshells += 1,
            ")" => subshells = subshells.saturating_sub(1),
            _ => {}
        }
        now.after = op;
        if !now.parts.is_empty() || now.redirects {
            all.push(std::mem::take(&mut now));
        }
        now = Simple { subshells, before: op, ..Simple::default() };
    }
    if !now.parts.is_empty() || now.redirects {
        all.push(now);
    }
    all
}
