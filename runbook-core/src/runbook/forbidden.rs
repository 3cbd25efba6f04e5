//! What a document says against running a block: "do not run this", "bad example", "wrong:".
//!
//! Only what plainly means the block itself, without a condition, is a prohibition. A condition ("not on a Friday",
//! "never without approval") is for people, because no run can know whether it holds.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::phrases::search;
use super::shell::{Kind, lex};

/// How a text speaks against running something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// Not at all.
    Never,
    /// Not under a condition that only a person can judge.
    Depends,
}

/// Words that a text begins with when it calls something wrong; a colon or nothing follows.
const LABELS: &[&str] = &[
    "anti-pattern",
    "anti-patterns",
    "antipattern",
    "avoid",
    "avoid doing this",
    "avoid running this",
    "avoid these",
    "avoid the following",
    "avoid this",
    "bad",
    "bad example",
    "bad examples",
    "bad practice",
    "do not",
    "don't",
    "don'ts",
    "dont",
    "incorrect",
    "never",
    "not like this",
    "the wrong way",
    "things to avoid",
    "what not to do",
    "wrong",
    "wrong way",
];
/// What a person does with a block.
const VERBS: &[&str] =
    &["run", "execute", "use", "do", "try", "copy", "paste", "type", "issue", "enter", "rerun", "re-run"];
/// The same, done to it.
const PARTICIPLES: &[&str] = &["run", "executed", "used", "copied", "pasted", "typed", "issued", "entered"];
/// What stands for the block.
const POINTERS: &[&str] =
    &["this", "these", "that", "those", "it", "them", "following", "below", "above", "anything"];
/// What a block is called.
const NOUNS: &[&str] = &[
    "block",
    "blocks",
    "code",
    "command",
    "commands",
    "example",
    "examples",
    "line",
    "lines",
    "one",
    "queries",
    "query",
    "script",
    "scripts",
    "snippet",
    "snippets",
    "statement",
    "statements",
    "step",
    "steps",
];
/// What may stand before the verb's negation at the beginning of a clause.
const LEADS: &[&str] = &[
    "also",
    "and",
    "attention",
    "but",
    "careful",
    "caution",
    "danger",
    "important",
    "must",
    "note",
    "please",
    "should",
    "so",
    "then",
    "warning",
];
/// Words that begin a condition, wherever they stand in the sentence.
const CONDITIONS: &[&str] = &[
    "after", "before", "during", "except", "if", "once", "outside", "unless", "until", "when", "whenever",
    "while", "without",
];
/// Words behind the block's name that make it a condition.
const LIMITS: &[&str] = &["again", "against", "manually", "twice", "yet"];
/// Words that go on with the sentence of a comment in its next line.
const GOES_ON: &[&str] =
    &["against", "as", "at", "for", "from", "in", "into", "on", "to", "twice", "with", "yet"];
/// Bytes of a comment that are looked at.
const LONGEST_COMMENT: usize = 400;
/// Part of every text that says something, so that the others are passed over quickly.
static SIGNS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    search(
        &[
            "not",
            "n't",
            "n\u{2019}t",
            "dont",
            "never",
            "no ",
            "bad",
            "wrong",
            "avoid",
            "instead",
            "incorrect",
            "anti",
        ],
        true,
    )
});

/// What a text says about running the block with this code below it.
pub(crate) fn said(text: &str, code: &str) -> Option<Said> {
    if !SIGNS.is_match(text) {
        return None;
    }
    let text = text.to_lowercase().replace(['\u{2019}', '\u{2018}'], "'");
    if label(&text) {
        return Some(Said::Never);
    }
    let sentences: Vec<&str> = sentences(&text).collect();
    let last = sentences.last().copied()?;
    let found =
        sentences.iter().enumerate().find_map(|(at, sentence)| Some((at, clause(&words(sentence), code)?)));
    if let Some((at, said)) = found {
        // what introduces the block comes later, so the prohibition may be about something else
        let introduced = at + 1 < sentences.len() && last.ends_with(':');
        return Some(if introduced { Said::Depends } else { said });
    }
    (label(last) || instead_of(last) || bad_example(last)).then_some(Said::Never)
}

/// The first comment of shell text that says something, with its 0-based line.
pub(crate) fn said_in_comments(shell: &str) -> Option<(u32, Said)> {
    let found = comments(shell)?;
    // a here-document or a quote may hold lines that only look like comments
    let is_comment = |at: usize| {
        lex(shell)
            .tokens
            .iter()
            .any(|token| token.kind == Kind::Comment && (token.start..token.end).contains(&at))
    };
    is_comment(found.0).then(|| (line_of(shell, found.0), found.1))
}

/// The same for the comments at the head of a block in another language.
pub(crate) fn said_at_head(text: &str) -> Option<(u32, Said)> {
    let head = text.lines().take_while(|line| {
        let line = line.trim_start();
        line.is_empty() || line.starts_with(['#', '-']) || line.starts_with("//")
    });
    let length = head.map(|line| line.len() + 1).sum::<usize>().min(text.len());
    let head = text.get(..length)?;
    let marked = head.replace("--", " #").replace("//", " #");
    comments(&marked).map(|(at, said)| (line_of(head, at), said))
}

fn line_of(text: &str, at: usize) -> u32 {
    super::lines::to_u32(text.get(..at).unwrap_or_default().matches('\n').count())
}

/// Where the first comment that says something begins, and what it says.
fn comments(text: &str) -> Option<(usize, Said)> {
    let mut at = 0;
    let mut group = String::new();
    let mut begins = 0;
    for line in text.split_inclusive('\n') {
        let start = line.match_indices('#').map(|(start, _)| start).find(|&start| {
            let before = line.get(..start).unwrap_or_default();
            before.is_empty() || before.ends_with([' ', '\t'])
        });
        let own = start.is_some_and(|start| line.get(..start).unwrap_or_default().trim().is_empty());
        let comment = start.and_then(|start| line.get(start..)).unwrap_or_default();
        let comment = comment.trim_start_matches('#').trim();
        let comment = comment.get(..comment.floor_char_boundary(LONGEST_COMMENT)).unwrap_or(comment);
        let first = comment.split_whitespace().next().unwrap_or_default();
        if own && (GOES_ON.contains(&first) || CONDITIONS.contains(&first)) && group.len() < LONGEST_COMMENT {
            group.push(' ');
        } else {
            if let Some(said) = said(&group, "") {
                return Some((begins, said));
            }
            group.clear();
            begins = at + start.unwrap_or_default();
        }
        group.push_str(comment);
        at += line.len();
    }
    said(&group, "").map(|said| (begins, said))
}

/// `Wrong:`, `Bad example`, `Avoid this:`.
fn label(text: &str) -> bool {
    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    let Some(longest) =
        LABELS.iter().filter(|label| text.starts_with(**label)).max_by_key(|label| label.len())
    else {
        return false;
    };
    let rest = text.get(longest.len()..).unwrap_or_default().trim_end_matches(['*', '_', '!', '.']);
    rest.is_empty() || rest.starts_with(':')
}

/// `... instead of:`, `Instead of running this:`.
fn instead_of(sentence: &str) -> bool {
    let Some((_, rest)) = sentence.rsplit_once("instead of") else { return false };
    words(rest).iter().all(|word| {
        let word = word.text;
        POINTERS.contains(&word)
            || NOUNS.contains(&word)
            || matches!(word, "the" | "running" | "doing" | "using")
    })
}

/// `A bad example:`, `This is what not to do:`.
fn bad_example(sentence: &str) -> bool {
    let shows =
        ["this is ", "these are ", "here is ", "here's "].iter().find_map(|lead| sentence.strip_prefix(lead));
    if shows.is_some_and(|shown| matches!(shown.trim_end(), "what not to do:" | "how not to do it:")) {
        return true;
    }
    sentence.trim_end().ends_with(':')
        && ["bad example", "wrong example", "wrong way", "bad way"].iter().any(|call| sentence.contains(call))
        && !sentence.contains("not ")
}

pub(super) fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        let end = rest
            .bytes()
            .enumerate()
            .filter(|(_, byte)| matches!(byte, b'.' | b'!' | b'?' | b';'))
            .map(|(at, _)| at + 1)
            .find(|&end| rest.get(end..).is_none_or(|more| more.starts_with(char::is_whitespace)))
            .unwrap_or(rest.len());
        let (sentence, more) = rest.split_at(end);
        rest = more;
        Some(sentence)
    })
}

/// A word without the marks around it, and whether a clause ends behind it.
struct Word<'a> {
    text: &'a str,
    raw: &'a str,
    ends: bool,
}

fn words(sentence: &str) -> Vec<Word<'_>> {
    let mut words: Vec<Word<'_>> = Vec::new();
    for raw in sentence.split_whitespace() {
        let text = raw.trim_matches(|c: char| !c.is_alphanumeric());
        if text.is_empty() {
            // a dash ends a clause
            if let Some(last) = words.last_mut() {
                last.ends = true;
            }
            continue;
        }
        words.push(Word { text, raw, ends: raw.ends_with([',', ':', ';', ')', '.', '!', '?', '\u{2014}']) });
    }
    words
}

fn text_at<'a>(words: &[Word<'a>], at: usize) -> &'a str {
    words.get(at).map_or("", |word| word.text)
}

/// What one sentence says.
fn clause(words: &[Word<'_>], code: &str) -> Option<Said> {
    (0..words.len()).find_map(|at| {
        let after = negation(words, at)?;
        let (next, named) = object(words, at, after, code)?;
        Some(if named { tail(words, at, next) } else { Said::Depends })
    })
}

/// The word behind a negation that begins a clause.
fn negation(words: &[Word<'_>], at: usize) -> Option<usize> {
    let (length, modal) = match (text_at(words, at), text_at(words, at + 1)) {
        ("must" | "should" | "shall", "not" | "never") => (2, true),
        ("must" | "should" | "shall", "no") if text_at(words, at + 2) == "longer" => (3, true),
        ("under", "no") if matches!(text_at(words, at + 2), "circumstance" | "circumstances") => (3, false),
        ("mustn't" | "shouldn't", _) => (1, true),
        ("do", "not") => (2, false),
        ("don't" | "dont" | "never", _) => (1, false),
        _ => return None,
    };
    let before = at.checked_sub(1).and_then(|before| words.get(before));
    let begins = modal || before.is_none_or(|before| before.ends || LEADS.contains(&before.text));
    begins.then_some(at + length)
}

/// The word behind the verb and the block that it is about; `false` when the block only holds something like it.
fn object(words: &[Word<'_>], negation: usize, after: usize, code: &str) -> Option<(usize, bool)> {
    let mut at = after;
    while matches!(text_at(words, at), "just" | "simply" | "ever" | "directly" | "actually") {
        at += 1;
    }
    if text_at(words, at) == "be" {
        let done = PARTICIPLES.contains(&text_at(words, at + 1));
        let before = &words[..negation];
        let the_block = matches!(before, [.., the, noun] if the.text == "the" && NOUNS.contains(&noun.text));
        let block = the_block || before.iter().any(|word| POINTERS.contains(&word.text));
        return (done && block).then_some((at + 2, true));
    }
    if !VERBS.contains(&text_at(words, at)) {
        return None;
    }
    while matches!(text_at(words, at + 1), "or" | "and") && VERBS.contains(&text_at(words, at + 2)) {
        at += 2;
    }
    let ends = |at: usize| words.get(at).is_none_or(|word| word.ends);
    let mut next = at + 1;
    if ends(at) || next >= words.len() {
        return Some((next, true));
    }
    // "do not run in production" says where and not what, so it is about the block
    let orders = !matches!(text_at(words, negation), "must" | "should" | "shall" | "mustn't" | "shouldn't");
    if orders
        && text_at(words, at) != "enter"
        && matches!(text_at(words, next), "in" | "on" | "against" | "as")
    {
        return Some((next, false));
    }
    if matches!(text_at(words, next), "any" | "all" | "either" | "one") && text_at(words, next + 1) == "of" {
        next += 2;
    }
    let the = usize::from(text_at(words, next) == "the");
    // the next step is mostly another block's
    let after_next = text_at(words, next + the + 1);
    if text_at(words, next + the) == "next" && NOUNS.contains(&after_next) {
        return Some((next + the + 2, !after_next.starts_with("step")));
    }
    let pointed = POINTERS.contains(&text_at(words, next + the));
    if !pointed && (the == 0 || !NOUNS.contains(&text_at(words, next + the))) {
        return written_below(words, next, code);
    }
    next += the + 1;
    while !ends(next - 1)
        && (POINTERS.contains(&text_at(words, next)) || NOUNS.contains(&text_at(words, next)))
    {
        next += 1;
    }
    Some((next, true))
}

/// The same for a verb that has what stands in the block as its object: "never run `rm -rf /`".
fn written_below(words: &[Word<'_>], from: usize, code: &str) -> Option<(usize, bool)> {
    let to = (from..words.len()).find(|&at| words[at].ends).map_or(words.len(), |at| at + 1);
    let program = words.get(from)?.raw;
    let code = code.to_lowercase();
    let begins =
        |line: &str| line.trim_start().trim_start_matches("$ ").split_whitespace().next() == Some(program);
    if !code.lines().any(begins) {
        return None;
    }
    let object: Vec<&str> = words[from..to].iter().map(|word| word.raw).collect();
    Some((to, to > from + 1 && code.contains(object.join(" ").trim_end_matches([',', ':', ';', '.', '!']))))
}

/// What the rest of the sentence makes of it.
fn tail(words: &[Word<'_>], negation: usize, next: usize) -> Said {
    let (before, rest) = (&words[..negation], words.get(next..).unwrap_or_default());
    let condition = |word: &Word<'_>| CONDITIONS.contains(&word.text);
    let placed = matches!(text_at(before, 0), "on" | "in" | "for");
    if placed || before.iter().any(condition) {
        return Said::Depends;
    }
    if rest.iter().any(|word| condition(word) || LIMITS.contains(&word.text)) {
        return Said::Depends;
    }
    // "do not run it, use the script instead:" introduces the script
    let introduces = words.last().is_some_and(|last| last.raw.ends_with(':'));
    if introduces && rest.iter().any(|word| VERBS.contains(&word.text)) {
        return Said::Depends;
    }
    let ended = next.checked_sub(1).and_then(|last| words.get(last)).is_none_or(|last| last.ends);
    let goes_on = match (text_at(rest, 0), text_at(rest, 1)) {
        (
            "" | "because" | "since" | "anymore" | "anywhere" | "ever" | "here" | "please" | "and" | "or",
            _,
        ) => true,
        ("at", "all") | ("under" | "in" | "for", "any") => true,
        ("as", word) => word == "the" || POINTERS.contains(&word),
        _ => false,
    };
    if ended || goes_on { Said::Never } else { Said::Depends }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_prohibitions_are_told_from_conditions_and_advice() {
        let rows = [
            ("Do not run this.", Some(Said::Never)),
            ("Do not run", Some(Said::Never)),
            ("DON\u{2019}T RUN THIS!", Some(Said::Never)),
            ("Never run this command:", Some(Said::Never)),
            ("Please don't ever execute the following:", Some(Said::Never)),
            ("Warning: do NOT execute the commands below.", Some(Said::Never)),
            ("This drops the table, do not run it.", Some(Said::Never)),
            ("You must not run these commands.", Some(Said::Never)),
            ("These commands should never be run.", Some(Said::Never)),
            ("This block must not be executed", Some(Said::Never)),
            ("Do not copy or run this \u{2014} it deletes everything.", Some(Said::Never)),
            ("Do not run this because it deletes everything.", Some(Said::Never)),
            ("Never do this at all", Some(Said::Never)),
            ("Kept for the record. Do not use it.", Some(Said::Never)),
            ("Bad example", Some(Said::Never)),
            ("\u{274c} Wrong:", Some(Said::Never)),
            ("Wrong: this loses the data", Some(Said::Never)),
            ("Here is a bad example:", Some(Said::Never)),
            ("Avoid: restarting all at once", Some(Said::Never)),
            ("Avoid this:", Some(Said::Never)),
            ("What not to do", Some(Said::Never)),
            ("Instead of this:", Some(Said::Never)),
            ("Use the script instead of running the following:", Some(Said::Never)),
            ("Never run rm -rf /srv:", Some(Said::Never)),
            ("The command must never be executed:", Some(Said::Never)),
            ("The script must not be executed.", Some(Said::Never)),
            ("Under no circumstances run this.", Some(Said::Never)),
            ("Under no circumstances, run the following:", Some(Said::Never)),
            ("Under no circumstances run rm -rf /srv:", Some(Said::Never)),
            ("This should no longer be run:", Some(Said::Never)),
            ("This is what NOT to do:", Some(Said::Never)),
            ("Don't run the next line", Some(Said::Never)),
            ("DO NOT RUN IN PROD", Some(Said::Depends)),
            ("Do not run in production", Some(Said::Depends)),
            ("Never run against the primary.", Some(Said::Depends)),
            ("Do not run as root", Some(Said::Depends)),
            ("Do not run this as root:", Some(Said::Depends)),
            ("Under no circumstances run this without approval.", Some(Said::Depends)),
            ("The command must never be executed twice.", Some(Said::Depends)),
            ("Do not run the next step.", Some(Said::Depends)),
            ("Do not run this on production without approval.", Some(Said::Depends)),
            ("Do not run this on production.", Some(Said::Depends)),
            ("Do not run this more than once.", Some(Said::Depends)),
            ("Never run this command as root.", Some(Said::Depends)),
            ("If the backup is old, do not run this.", Some(Said::Depends)),
            ("On a replica, do not run this.", Some(Said::Depends)),
            ("The old tool is broken; do not use it. Run the new one:", Some(Said::Depends)),
            ("Do not run it by hand, run the job:", Some(Said::Depends)),
            ("Never run rm on the host:", Some(Said::Depends)),
            ("Run this.", None),
            ("If you do not run this, the cache stays full.", None),
            ("You do not need to run this.", None),
            ("Never run out of disk again.", None),
            ("Do not panic.", None),
            ("The service must never be stopped:", None),
            ("The service should no longer be used by anybody.", None),
            ("The service must not run as root.", None),
            ("Workers that do not run in production are listed here:", None),
            ("There is no longer a queue. Run this:", None),
            ("Here is what to do and what not to do:", None),
            ("Under no circumstances should the cache be empty.", None),
            ("Do not use in-memory state:", None),
            ("The next command shows the lag:", None),
            ("Do not use the old tool:", None),
            ("Instead of restarting the pod, drain it:", None),
            ("Run it instead of the restart", None),
            ("Find out what went wrong:", None),
            ("Avoid downtime", None),
            ("This avoids a bad state:", None),
            ("Notable: run this", None),
            ("The service must not be run twice", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(said(text, "cd /\nrm -rf /srv\n"), expected, "{text}");
        }
    }

    #[test]
    fn comments_are_read_as_the_shell_reads_them() {
        let rows = [
            ("# Do not run this\nrm x\n", Some((0, Said::Never))),
            ("ls\n\n# BAD\n# it loses data\nrm x\n", Some((2, Said::Never))),
            ("rm x  # never run this\n", Some((0, Said::Never))),
            ("ls\n# don't run the next line\nrm x\n", Some((1, Said::Never))),
            ("# no longer needed: the cache\nrm x\n", None),
            ("# Do not run this\n# on production\nrm x\n", Some((0, Said::Depends))),
            ("# Do not run this\n# Deletes everything\nrm x\n", Some((0, Said::Never))),
            ("cat <<E\n# Do not run this\nE\n", None),
            ("echo 'a\n# Do not run this\n'\n", None),
            ("echo a#b not\n# Look around\n", None),
        ];
        for (text, expected) in rows {
            assert_eq!(said_in_comments(text), expected, "{text}");
        }
        assert_eq!(said_at_head("-- look\n-- do not run this\ndrop table a;\n"), Some((1, Said::Never)));
        assert_eq!(said_at_head("// wrong:\nDELETE /a\n"), Some((0, Said::Never)));
        assert_eq!(said_at_head("select 1;\n-- do not run this\n"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(do not |run |this|never |wrong|: |# |\n|, |\\. |\u{2019}|be |the |ž){0,30}") {
            let _ = (said(&text, &text), said_in_comments(&text), said_at_head(&text));
        }
    }
}
