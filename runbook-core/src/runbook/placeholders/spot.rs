//! Which parts of a command text a person was meant to fill in.
//!
//! What shell, kubectl, jq and regular expressions write with the same characters is left alone.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::super::shell::{Kind, Lexed, Token, Word, lex};
use super::{redirect, samples, stand_in, whole};

/// Programs whose quoted arguments are programs of their own, full of braces and brackets.
const LANGUAGES: &[&str] =
    &["jq", "yq", "awk", "gawk", "sed", "perl", "python", "python3", "ruby", "node", "rename"];
/// Programs whose arguments are patterns.
const SEARCHERS: &[&str] = &["grep", "egrep", "fgrep", "zgrep", "rg", "ag", "tr", "find", "sed"];
/// Bracketed words that log lines begin with.
const LOG_WORDS: &[&str] =
    &["INFO", "WARN", "WARNING", "ERROR", "DEBUG", "TRACE", "FATAL", "OK", "FAIL", "PASS", "DONE"];

/// Programs whose arguments are templates, in which `{{ name }}` is a variable.
const TEMPLATERS: &[&str] =
    &["ansible", "ansible-playbook", "consul-template", "gomplate", "helm", "j2", "jinja2", "nomad"];
/// Words of Go templates that stand alone.
const TEMPLATE_WORDS: &[&str] = &["end", "else", "range", "if", "with", "break", "continue", "now"];
/// Programs whose arguments hold `%` for something else.
const FORMATTERS: &[&str] =
    &["date", "printf", "stat", "git", "find", "ps", "strftime", "curl", "cmd", "cmd.exe"];
/// What commit messages and chat write in brackets.
const MARKS: &[&str] =
    &["skip ci", "ci skip", "no ci", "x", "wip", "todo", "deleted", "redacted", "truncated"];
/// Elements without a closing tag.
const VOID_TAGS: &[&str] = &["br", "hr", "p", "li"];
/// Longest placeholder in bytes.
pub(super) const LONGEST: usize = 80;

/// Where placeholders stand in a command text: byte offsets of start and end, in order. Comments hold none.
pub(super) fn spots(text: &str) -> Vec<(usize, usize)> {
    spots_within(text, 0)
}

/// The same for what stands in so many substitutions.
pub(super) fn spots_within(text: &str, depth: usize) -> Vec<(usize, usize)> {
    // most commands hold nothing that could be one, and need not be taken apart
    let whole = whole::may_hold_one(text);
    if !whole && !may_hold_one(text) {
        return Vec::new();
    }
    // what a shell would take as redirections is found first, because quotes and `#` in it would mislead the lexer
    let angles = redirect::angles(text);
    let masked = redirect::mask(text, &angles);
    let lexed = lex(&masked);
    let visible = without_comments(&masked, &lexed);
    let context = Context {
        text: &visible,
        words: words(&lexed.tokens),
        documents: documents(&lexed.tokens),
        closing_tags: closing_tags(&visible),
        has_range: visible.contains("{range"),
        variables: OnceCell::new(),
        delimiters: OnceCell::new(),
    };
    let mut found = Vec::new();
    let mut at = 0;
    let mut angles = angles.into_iter().peekable();
    loop {
        // most of a text begins nothing
        let limit = angles.peek().map_or(visible.len(), |angle| angle.start.max(at));
        let passed = visible.as_bytes().get(at..limit).unwrap_or_default();
        at += passed.iter().position(may_begin).unwrap_or(passed.len());
        let Some(c) = visible.get(at..).and_then(|rest| rest.chars().next()) else { break };
        if let Some(angle) = angles.next_if(|angle| angle.start <= at) {
            if !(angle.escaped && context.in_pattern(angle.start)) {
                found.push((angle.start, angle.end));
            }
            at = angle.end;
            continue;
        }
        // from where it begins, which may lie before what it was noticed by
        let free = found.last().map_or(0, |&(_, end)| end);
        let mut begin = at;
        let mut all_of = |(start, end): (usize, usize)| {
            begin = start;
            (start >= free && end > at).then(|| end - at)
        };
        let length = match c {
            '<' => context.angle(at),
            '{' => context.double_brace(at).or_else(|| context.brace(at)),
            '[' => context
                .bracket(at)
                .or_else(|| context.prose_bracket(at))
                .or_else(|| context.bracketed_dots(at)),
            'x' | 'X' => context.address(at).and_then(&mut all_of).or_else(|| context.run_of_x(at)),
            '/' => context.sample_path(at).and_then(&mut all_of),
            'A'..='Z' => context.shouted(at).or_else(|| context.to_do(at)).or_else(|| context.stand_in(at)),
            'y' => context.yours(at),
            '%' => context.percent(at),
            '_' | '@' => context.fenced(at, c),
            'c' => context.to_do(at),
            '.' | '…' => context.ellipsis(at),
            '«' | '‹' | '⟨' => context.guillemets(at, c),
            _ => None,
        };
        if let Some(length) = length {
            found.push((begin, at + length));
        }
        at += length.unwrap_or(c.len_utf8());
    }
    let mut nested = context.nested(depth);
    if whole {
        nested.extend(whole::find(&visible, &context.words));
    }
    if !nested.is_empty() {
        let variables = context.variables.get_or_init(|| variables(&visible));
        let fixed = |&(start, end): &(usize, usize)| {
            visible.get(start..end).is_none_or(|word| !variables.contains(word))
        };
        found.extend(nested.into_iter().filter(fixed));
        found.sort_unstable();
        let mut last = 0;
        found.retain(|&(start, end)| {
            let free = start >= last;
            last = if free { end } else { last };
            free
        });
    }
    found
}

/// The first bytes of what is looked at in [`spots`].
const MAY_BEGIN: [bool; 256] = {
    let mut begins = [false; 256];
    let bytes = b"<{[xy%_@c./ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut at = 0;
    while at < bytes.len() {
        begins[bytes[at] as usize] = true;
        at += 1;
    }
    // the first bytes of an ellipsis and of guillemets
    begins[0xE2] = true;
    begins[0xC2] = true;
    begins
};

fn may_begin(byte: &u8) -> bool {
    MAY_BEGIN[usize::from(*byte)]
}

/// Whether a placeholder of any kind could begin somewhere: what [`Context`] asks of its first two bytes.
fn may_hold_one(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(passed) = bytes.get(from..).and_then(|rest| rest.iter().position(may_begin)) {
        let at = from + passed;
        from = at + 1;
        let byte = bytes.get(at).copied().unwrap_or_default();
        let before = at.checked_sub(1).and_then(|before| bytes.get(before)).copied().unwrap_or(b' ');
        let next = || bytes.get(at + 1).copied().unwrap_or_default();
        let begins_word = !(before.is_ascii_alphanumeric() || matches!(before, b'_' | b'$'));
        let rest = || bytes.get(at..).unwrap_or_default();
        let found = match byte {
            b'<' => !matches!(next(), b' ' | b'\t' | b'\n' | b'(' | b'<' | b'&' | b'>'),
            b'_' => begins_word && next() == b'_',
            b'@' => begins_word && next().is_ascii_uppercase(),
            b'c' => begins_word && rest().starts_with(b"change-me"),
            b'T' | b'F' if TO_DO.iter().any(|what| rest().starts_with(what.as_bytes())) => begins_word,
            b'{' => {
                !matches!(before, b'$' | b'{' | b'%' | b'\\')
                    && (next() == b'{' || next().is_ascii_alphabetic())
            }
            b'[' => {
                next().is_ascii_alphabetic()
                    || ["[...", "[…"].iter().any(|dots| rest().starts_with(dots.as_bytes()))
            }
            b'x' | b'X' => {
                let dotted = before == b'.' || next() == b'.';
                begins_word && (dotted || bytes.get(at + 1..at + 3).is_some_and(|two| two == [byte, byte]))
            }
            b'/' => rest().starts_with(b"/to") && text.get(..at).is_some_and(|lead| lead.ends_with("path")),
            b'A'..=b'Z' if begins_word => {
                LEADS.iter().any(|lead| rest().starts_with(lead.as_bytes()))
                    || text.get(at..).is_some_and(|rest| stand_in::length(rest).is_some())
            }
            b'y' => rest().starts_with(b"your"),
            b'%' => next().is_ascii_uppercase(),
            // a continued line may stand between the dots
            b'.' => [&b"..."[..], b".\\", b"..\\"].iter().any(|dots| rest().starts_with(dots)),
            // the first byte of an ellipsis
            0xE2 | 0xC2 => ["…", "«", "‹", "⟨"].iter().any(|mark| rest().starts_with(mark.as_bytes())),
            _ => false,
        };
        if found {
            return true;
        }
    }
    false
}

/// What the words begin with that [`Context::shouted`] finds.
const LEADS: &[&str] = &["YOUR_", "REPLACE", "CHANGE", "INSERT_", "ENTER_", "PUT_"];
/// What people leave for later.
const TO_DO: &[&str] = &["change-me", "TODO", "TBD", "FIXME"];

/// The text with its comments blanked, offsets unchanged.
fn without_comments<'a>(text: &'a str, lexed: &Lexed<'_>) -> Cow<'a, str> {
    if lexed.tokens.iter().all(|token| token.kind != Kind::Comment) {
        return Cow::Borrowed(text);
    }
    let mut visible = String::with_capacity(text.len());
    let mut at = 0;
    for token in lexed.tokens.iter().filter(|token| token.kind == Kind::Comment) {
        visible.push_str(&text[at..token.start]);
        visible.push_str(&" ".repeat(token.end - token.start));
        at = token.end;
    }
    visible.push_str(&text[at..]);
    Cow::Owned(visible)
}

/// A word with the program of its command.
pub(super) struct Placed<'a> {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Where its command begins.
    pub(super) begin: usize,
    pub(super) program: &'a str,
    pub(super) word: &'a Word<'a>,
}

fn words<'a>(tokens: &'a [Token<'a>]) -> Vec<Placed<'a>> {
    let mut all = Vec::new();
    let mut program = None;
    for token in tokens {
        match &token.kind {
            Kind::Word(word) => {
                let (begin, program) = *program.get_or_insert((token.start, word.text()));
                all.push(Placed { start: token.start, end: token.end, begin, program, word });
            }
            Kind::Op(_) | Kind::Newline => program = None,
            _ => {}
        }
    }
    all
}

fn documents(tokens: &[Token<'_>]) -> Vec<(usize, usize)> {
    tokens.iter().filter(|token| token.kind == Kind::HereDoc).map(|token| (token.start, token.end)).collect()
}

/// The names in `$NAME`, `${NAME` and `NAME=`.
fn variables(text: &str) -> BTreeSet<&str> {
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let read = text.split('$').skip(1).filter_map(|rest| {
        let rest = rest.strip_prefix('{').unwrap_or(rest).trim_start_matches(['#', '!']);
        rest.get(..rest.find(|c| !name(c)).unwrap_or(rest.len()))
    });
    let assigned = text.match_indices('=').filter_map(|(at, _)| {
        let before = text.get(..at)?;
        let start = before.rfind(|c| !name(c)).map_or(0, |at| {
            at + before.get(at..).map_or(1, |rest| rest.chars().next().map_or(1, char::len_utf8))
        });
        before.get(start..)
    });
    read.chain(assigned).filter(|name| !name.is_empty()).collect()
}

fn closing_tags(text: &str) -> BTreeSet<&str> {
    text.split("</").skip(1).filter_map(|rest| rest.get(..rest.find('>')?)).collect()
}

/// A text prepared for looking around in it.
pub(super) struct Context<'a> {
    pub(super) text: &'a str,
    pub(super) words: Vec<Placed<'a>>,
    /// Here-document bodies.
    documents: Vec<(usize, usize)>,
    /// The names in `</b>`.
    closing_tags: BTreeSet<&'a str>,
    has_range: bool,
    /// The names that the text reads or assigns to as variables, once somebody had to know.
    variables: OnceCell<BTreeSet<&'a str>>,
    /// What its here-documents end with, once somebody had to know.
    delimiters: OnceCell<BTreeSet<&'a str>>,
}

impl<'a> Context<'a> {
    /// What stands between an opening bracket at `at` and its closing one, when that is near.
    fn inside(&self, at: usize, close: u8) -> Option<&'a str> {
        let rest = &self.text[at + 1..];
        let length = rest.bytes().take(LONGEST + 1).position(|b| b == close)?;
        Some(&rest[..length])
    }

    pub(super) fn word_at(&self, at: usize) -> Option<&Placed<'a>> {
        let index = self.words.partition_point(|placed| placed.end <= at);
        self.words.get(index).filter(|placed| placed.start <= at)
    }

    fn in_document(&self, at: usize) -> bool {
        let index = self.documents.partition_point(|&(_, end)| end <= at);
        self.documents.get(index).is_some_and(|&(start, _)| start <= at)
    }

    /// Whether the word there is a pattern, or a program for something like awk.
    pub(super) fn in_pattern(&self, at: usize) -> bool {
        self.word_at(at)
            .is_some_and(|placed| SEARCHERS.contains(&placed.program) || LANGUAGES.contains(&placed.program))
    }

    /// `__POD__` and `@POD@`.
    fn fenced(&self, at: usize, c: char) -> Option<usize> {
        let fence = if c == '_' { "__" } else { "@" };
        let before = &self.text[..at];
        if before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '@'))
            || before.ends_with("${")
        {
            return None;
        }
        let rest = self.text.get(at..)?.strip_prefix(fence)?;
        let length = rest
            .find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '_' | '-')))
            .unwrap_or(rest.len());
        let (inside, after) = rest.split_at(length);
        let (inside, after) = if c == '_' {
            (inside.strip_suffix(fence)?, after)
        } else {
            (inside, after.strip_prefix(fence)?)
        };
        let name = (2..=LONGEST).contains(&inside.len())
            && inside.starts_with(|c: char| c.is_ascii_uppercase())
            && inside.ends_with(|c: char| c.is_ascii_alphanumeric());
        let goes_on = after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '@'));
        // what C, PHP, Perl and Ruby know by themselves
        let known = matches!(
            inside,
            "FILE" | "LINE" | "DIR" | "FUNCTION" | "END" | "DATA" | "CLASS" | "METHOD" | "PACKAGE"
        );
        (name && !goes_on && !known && self.word_at(at).is_some() && !self.in_pattern(at))
            .then_some(inside.len() + 2 * fence.len())
    }

    /// `change-me` and `TODO`, where they are a whole argument or value.
    fn to_do(&self, at: usize) -> Option<usize> {
        let rest = self.text.get(at..)?;
        let what = TO_DO.iter().copied().find(|what| rest.starts_with(what))?;
        let placed = self.word_at(at)?;
        let value = placed.word.text();
        let head = value.strip_suffix(what)?;
        let whole = head.is_empty() || head.ends_with('=');
        let argument = placed.start > placed.begin || head.ends_with('=');
        let last = placed.end.saturating_sub(at) <= what.len() + 1;
        let searches = matches!(placed.program, "git") || self.in_pattern(at);
        (whole && argument && last && !searches).then_some(what.len())
    }

    /// `[pod]` as a whole argument outside quotes: a class of characters never stands alone.
    fn stands_alone(&self, placed: &Placed<'a>, at: usize, inside: &str) -> bool {
        let after = self.text.get(at + inside.len() + 2..).unwrap_or_default();
        let whole = placed.start == at && placed.end == at + inside.len() + 2 && placed.begin < at;
        let nested = placed.word.runs
            && self.text[..at].ends_with([' ', '\t'])
            && after.starts_with([' ', '\t', '\n', ')', '`', ';']);
        let phrase = samples::is_phrase(inside);
        let letters = inside.chars().all(|c| c.is_ascii_lowercase());
        // `pod/[pod-name]`, `--pod=[pod-name]`
        let part = phrase
            && self.text[..at].ends_with(['/', '=', ':', '@', ','])
            && !after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '*' | '_' | '-'));
        ((letters || phrase) && (whole || nested) || part) && placed.program != "case"
    }

    /// `<pod>`, `<value of the label>`, `<a|b>`.
    fn angle(&self, at: usize) -> Option<usize> {
        let before = &self.text[..at];
        if before.ends_with(['<', '\\', '?']) || before.ends_with("?P") {
            return None;
        }
        let inside = self.inside(at, b'>')?;
        let bare = self.word_at(at).is_none_or(|placed| !placed.word.quoted) && !self.in_document(at);
        let after = self.text.get(at + inside.len() + 2..).unwrap_or_default();
        if bare && redirect::is_redirection(inside, after) {
            return None;
        }
        let begins = inside.starts_with(|c: char| c.is_alphabetic());
        let ends = inside.ends_with(|c: char| c.is_alphanumeric());
        let middle = inside.chars().all(|c| c.is_alphanumeric() || " _./:|,'-".contains(c));
        // `<b>bold</b>` is markup
        let whole = || {
            self.word_at(at).is_some_and(|placed| {
                placed.word.text().len() == inside.len() + 2 && !matches!(placed.program, "echo" | "printf")
            })
        };
        let markup = (self.closing_tags.contains(inside) || VOID_TAGS.contains(&inside)) && !whole();
        (begins && ends && middle && !markup).then_some(inside.len() + 2)
    }

    /// `{repo}`.
    fn brace(&self, at: usize) -> Option<usize> {
        if self.text[..at].ends_with(['$', '{', '%', '@', '\\']) {
            return None;
        }
        let inside = self.inside(at, b'}')?;
        let name = inside.starts_with(|c: char| c.is_ascii_alphabetic())
            && inside.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        let taken = self.text[at + inside.len() + 2..].starts_with('}') || inside == "end" && self.has_range;
        let in_language = || {
            self.word_at(at).is_some_and(|placed| placed.word.quoted && LANGUAGES.contains(&placed.program))
        };
        (name && !taken && !in_language()).then_some(inside.len() + 2)
    }

    /// `[NAME]`, `[SERVICE NAME]`.
    fn bracket(&self, at: usize) -> Option<usize> {
        let inside = self.inside(at, b']')?;
        let after = &self.text[at + inside.len() + 2..];
        let shouted = inside.len() >= 2
            && inside.starts_with(|c: char| c.is_ascii_uppercase())
            && inside.ends_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit())
            && inside
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '_' | ' ' | '-'));
        // `[A-Z]` and `[A-Z0-9]` are classes
        let class = inside.len() <= 9 && inside.as_bytes().windows(3).any(is_range);
        let doubled = self.text[..at].ends_with('[') || after.starts_with(']');
        if !shouted || class || doubled || LOG_WORDS.contains(&inside) || self.is_index(at, after) {
            return None;
        }
        let in_pattern = self
            .word_at(at)
            .is_some_and(|placed| SEARCHERS.contains(&placed.program) || LANGUAGES.contains(&placed.program));
        (!in_pattern).then_some(inside.len() + 2)
    }

    /// `${MAP[KEY]}`, `${#MAP[KEY]}` and `MAP[KEY]=value`.
    fn is_index(&self, at: usize, after: &str) -> bool {
        let before = &self.text[..at];
        let head = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        head.len() < before.len()
            && (head.ends_with("${")
                || head.ends_with("${#")
                || head.ends_with("${!")
                || after.starts_with('='))
    }

    /// `{{repo}}` and `{{ repo }}`, but no Go template.
    fn double_brace(&self, at: usize) -> Option<usize> {
        let rest = self.text.get(at..)?.strip_prefix("{{")?;
        if self.text[..at].ends_with(['$', '{', '%', '\\']) {
            return None;
        }
        let length = rest.bytes().take(LONGEST).position(|b| b == b'}')?;
        let (inside, after) = rest.split_at(length);
        let name = inside.trim_matches(' ');
        let well_formed = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        let closed = after.starts_with("}}") && !after.starts_with("}}}");
        let in_template = || {
            let programs = [TEMPLATERS, LANGUAGES];
            self.word_at(at).is_some_and(|placed| programs.iter().any(|list| list.contains(&placed.program)))
        };
        (well_formed && closed && !TEMPLATE_WORDS.contains(&name) && !in_template()).then_some(length + 4)
    }

    /// `[reason]` and `[X hours]` in a message, `[replace with the version]` and `prod-[environmentname]` anywhere.
    fn prose_bracket(&self, at: usize) -> Option<usize> {
        let inside = self.inside(at, b']')?;
        let after = self.text.get(at + inside.len() + 2..)?;
        let before = &self.text[..at];
        let letters = inside.starts_with(|c: char| c.is_ascii_alphabetic())
            && inside.ends_with(|c: char| c.is_ascii_alphanumeric())
            && inside.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '\'' | '/'));
        // `a[i]`, `[text](link)`, `[[ x ]]`, `\[x]`
        let joined = before.ends_with(|c: char| c.is_alphanumeric() || "_.)]}$\\[\"'!@*?".contains(c))
            && !before.ends_with(['"', '\'']);
        let goes_on = after.starts_with(['(', '[', ']', '=', '*', '+', '?', '{', ':']);
        let lower = inside.to_lowercase();
        let known =
            LOG_WORDS.iter().any(|word| word.eq_ignore_ascii_case(inside)) || MARKS.contains(&lower.as_str());
        let placed = self.word_at(at);
        let program = placed.map_or("", |placed| placed.program);
        let in_pattern = SEARCHERS.contains(&program) || LANGUAGES.contains(&program);
        let is_label = before.ends_with(['"', '\'']) && after.starts_with(' ') && is_label(inside);
        if inside.len() < 3 || !letters || joined || goes_on || known || in_pattern || is_label {
            return None;
        }
        let several = inside.split(' ').filter(|word| word.len() > 1).count() >= 2
            || inside.split_once(' ').is_some_and(|(first, rest)| first.len() == 1 && rest.len() > 2);
        let found = if self.in_document(at) {
            several
        } else if placed.is_some_and(|placed| placed.word.quoted) {
            // a message has blanks, or is nothing but the placeholder
            placed.is_some_and(|placed| {
                // a long one is a message, and is not searched again and again
                let value = placed.word.text();
                let alone = value.len() == inside.len() + 2;
                several || alone || value.len() > 4_096 || value.replacen(inside, "", 1).contains(' ')
            })
        } else {
            several
                || names_a_letter_twice(inside)
                || placed.is_some_and(|placed| self.stands_alone(placed, at, inside))
        };
        found.then_some(inside.len() + 2)
    }

    /// `YOUR_TOKEN`, `REPLACE_ME`, `REPLACE_WITH_NAME`, `CHANGEME`, `PUT_NAME_HERE`.
    fn shouted(&self, at: usize) -> Option<usize> {
        let before = &self.text[..at];
        if before.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$'))
            || before.ends_with("${")
        {
            return None;
        }
        let rest = self.text.get(at..)?;
        let length = rest
            .find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'))
            .unwrap_or(rest.len());
        let word = rest.get(..length)?;
        if samples::is_shouted(word) {
            // `TOKEN_HERE=x` makes it a variable, and `<<SQL_HERE` the end of a here-document
            let assigned = rest.get(length..).is_some_and(|after| after.starts_with('='));
            let delimits = || self.delimiters.get_or_init(|| samples::delimiters(self.text)).contains(word);
            let variable = || self.variables.get_or_init(|| variables(self.text)).contains(word);
            return (!assigned && !self.in_pattern(at) && !delimits() && !variable()).then_some(length);
        }
        let begins = ["YOUR_", "REPLACE_WITH_", "INSERT_", "PUT_"]
            .iter()
            .position(|lead| word.strip_prefix(lead).is_some_and(|tail| !tail.is_empty()));
        let matches = match begins {
            Some(0 | 1) => true,
            // `INSERT_ROWS` may be a name; `INSERT_NAME_HERE` is none
            Some(_) => word.ends_with("_HERE"),
            None => matches!(word, "REPLACE_ME" | "CHANGE_ME" | "CHANGEME" | "REPLACEME"),
        };
        matches.then_some(length)
    }

    /// `POD_NAME`, `NAMESPACE`.
    fn stand_in(&self, at: usize) -> Option<usize> {
        let before = &self.text[..at];
        if before.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '-' | '{')) {
            return None;
        }
        let length = stand_in::length(self.text.get(at..)?)?;
        let word = self.text.get(at..at + length)?;
        let index = self.words.partition_point(|placed| placed.end <= at);
        let placed = self.words.get(index).filter(|placed| placed.start <= at)?;
        let value = placed.word.text();
        // text with blanks is a message, a statement or a program
        if placed.word.runs
            || self.in_pattern(at)
            || value.len() > 4_096
            || value.contains(char::is_whitespace) && !self.in_sql(at, word)
            || self.variables.get_or_init(|| variables(self.text)).contains(word)
        {
            return None;
        }
        let quote = |c: char| matches!(c, '"' | '\'');
        let option = index.checked_sub(1).and_then(|before| self.words.get(before));
        let option =
            option.filter(|before| before.begin == placed.begin).map_or("", |before| before.word.text());
        if value.contains(char::is_whitespace) {
            return stand_in::is_named(word).then_some(length);
        }
        let around = stand_in::Around {
            program: placed.program,
            option,
            head: self.text.get(placed.start..at)?.trim_matches(quote),
            tail: self.text.get(at + length..placed.end)?.trim_matches(quote),
            first: placed.start == placed.begin,
        };
        stand_in::is_one(word, &around).then_some(length)
    }

    /// `your-cluster-name`, `your_token`.
    fn yours(&self, at: usize) -> Option<usize> {
        let before = &self.text[..at];
        if before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '-' | '.'))
            || before.ends_with("${")
        {
            return None;
        }
        let rest = self.text.get(at..)?;
        let tail = rest.strip_prefix("your-").or_else(|| rest.strip_prefix("your_"))?;
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let length = tail.find(|c: char| !word(c)).unwrap_or(tail.len());
        let name = tail.get(..length)?.trim_end_matches(['-', '_']);
        // an assignment to `your_x` makes it a variable
        let assigned = tail.get(length..).is_some_and(|after| after.starts_with('='));
        (name.starts_with(|c: char| c.is_ascii_alphabetic()) && !assigned)
            .then_some("your-".len() + name.len())
    }

    /// `xxx`, `sg-XXXXXXXX`.
    fn run_of_x(&self, at: usize) -> Option<usize> {
        let rest = self.text.get(at..)?;
        let first = rest.bytes().next()?;
        let before = &self.text[..at];
        // looked at first, so that a long run is gone through once
        if before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '\\'))
            || before.ends_with("${")
        {
            return None;
        }
        let length = rest.bytes().take_while(|byte| *byte == first).count();
        let goes_on = rest.get(length..)?.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let placed = self.word_at(at);
        let flag = placed.is_some_and(|placed| placed.start + 1 == at && before.ends_with('-'));
        let template = placed.is_some_and(|placed| matches!(placed.program, "mktemp" | "tempfile"));
        let in_pattern = placed.is_some_and(|placed| SEARCHERS.contains(&placed.program));
        let fits = (3..=LONGEST).contains(&length);
        (fits && !goes_on && !flag && !template && !in_pattern).then_some(length)
    }

    /// `%POD_NAME%`.
    fn percent(&self, at: usize) -> Option<usize> {
        let inside = self.inside(at, b'%')?;
        let name = inside.len() >= 3
            && inside.starts_with(|c: char| c.is_ascii_uppercase())
            && inside.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        let before = &self.text[..at];
        let format = self.word_at(at).is_some_and(|placed| FORMATTERS.contains(&placed.program));
        (name && !format && !before.ends_with(['%', '$', '{', '+'])).then_some(inside.len() + 2)
    }
}

/// A class of characters names each once, so a word with one twice is a name.
fn names_a_letter_twice(inside: &str) -> bool {
    let mut seen = BTreeSet::new();
    inside.len() >= 4 && !inside.chars().filter(|c| c.is_alphabetic()).all(|c| seen.insert(c))
}

/// `[Shop Platform] Degraded`: the sender at the head of a subject, unless it names something to fill in.
fn is_label(inside: &str) -> bool {
    const TO_FILL_IN: &[&str] = &[
        "name",
        "id",
        "number",
        "service",
        "time",
        "date",
        "version",
        "reason",
        "link",
        "url",
        "team",
        "channel",
        "region",
        "environment",
        "eta",
        "impact",
        "title",
        "severity",
        "host",
        "user",
        "your",
        "insert",
        "the",
    ];
    inside.split(' ').all(|word| {
        word.starts_with(|c: char| c.is_ascii_uppercase())
            && !TO_FILL_IN.iter().any(|noun| word.eq_ignore_ascii_case(noun))
    })
}

fn is_range(window: &[u8]) -> bool {
    window[1] == b'-'
        && window[0] < window[2]
        && (window[0].is_ascii_uppercase() && window[2].is_ascii_uppercase() || window[0].is_ascii_digit())
}
