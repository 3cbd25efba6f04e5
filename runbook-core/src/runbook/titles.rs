//! Step titles: the time box or due date in brackets, and the id made from the rest.

use std::collections::{BTreeMap, BTreeSet};

use super::mojibake;

/// A title taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Title {
    /// Without its time box or due date.
    pub(crate) text: String,
    /// `(5 min)` in seconds.
    pub(crate) timebox_s: Option<u32>,
    /// Where the range of `(5-10 min)` begins, in seconds; its end is the box.
    pub(crate) from_s: Option<u32>,
    /// `(Next 24h)` or `(48h after ...)` in seconds.
    pub(crate) due_s: Option<u32>,
}

impl Title {
    /// Both ends of `(5-10 min)` in seconds.
    pub(crate) fn range_s(&self) -> Option<(u32, u32)> {
        self.from_s.zip(self.timebox_s)
    }
}

/// Takes a title apart. Brackets that hold anything else stay in the text.
pub(crate) fn parse(raw: &str) -> Title {
    let mut title = Title { text: tidy(raw), ..Title::default() };
    let mut from = 0;
    while let Some(open) = title.text[from..].find('(').map(|at| at + from) {
        let Some(close) = title.text[open..].find(')').map(|at| at + open) else { break };
        let inside = title.text[open + 1..close].trim();
        if let Some(box_s) = parse_span_s(inside) {
            title.timebox_s = Some(box_s);
            title.from_s = range_start_s(inside).filter(|from_s| *from_s < box_s);
        } else if let Some(due_s) = parse_due_s(inside) {
            title.due_s = Some(due_s);
        } else {
            from = close + 1;
            continue;
        }
        title.text = tidy(&format!("{}{}", title.text[..open].trim_end(), &title.text[close + 1..]));
        break;
    }
    title
}

fn tidy(text: &str) -> String {
    text.trim().trim_end_matches(':').trim_end().to_owned()
}

/// `5 min`, `45 s`, `1 h`, `~10 minutes`, `5-10 min` (the longer) in seconds.
pub(crate) fn parse_span_s(text: &str) -> Option<u32> {
    let text = text.trim().trim_start_matches(['~', '≤', '<']).trim_start();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &text[digits..];
    if digits == 0 {
        return None;
    }
    if let Some(upper) = rest.trim_start().strip_prefix(['-', '–']) {
        let upper = upper.trim_start();
        return upper.starts_with(|c: char| c.is_ascii_digit()).then(|| parse_span_s(upper)).flatten();
    }
    let amount: u32 = text[..digits].parse().ok().filter(|&n| n > 0)?;
    amount.checked_mul(unit_s(rest.trim())?)
}

/// The shorter one of `5-10 min` in seconds.
fn range_start_s(text: &str) -> Option<u32> {
    let (lower, upper) = text.split_once(['-', '–'])?;
    let unit = unit_s(upper.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' '))?;
    lower.trim().parse::<u32>().ok()?.checked_mul(unit)
}

fn unit_s(unit: &str) -> Option<u32> {
    match unit.to_ascii_lowercase().as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(1),
        "m" | "min" | "mins" | "minute" | "minutes" => Some(60),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(3600),
        "d" | "day" | "days" => Some(86_400),
        _ => None,
    }
}

/// `Next 24h`, `in the next 2 days`, `48h after the rollback` in seconds.
fn parse_due_s(text: &str) -> Option<u32> {
    let lower = text.to_ascii_lowercase();
    for lead in ["next ", "in the next ", "within the next "] {
        if let Some(span) = lower.strip_prefix(lead) {
            return parse_span_s(span);
        }
    }
    lower.split_once(" after").and_then(|(span, _)| parse_span_s(span))
}

/// Makes ids: a slug of the title, made unique by `-2`, `-3` and so on.
#[derive(Debug, Default)]
pub(crate) struct Slugs {
    taken: BTreeSet<String>,
    /// The last number tried for each slug, so that a thousand equal titles stay cheap.
    last: BTreeMap<String, u32>,
}

impl Slugs {
    /// A slug that this document has not used yet.
    pub(crate) fn unique(&mut self, title: &str) -> String {
        // an id is typed by people: what was misread is put right in it
        let repaired = if title.is_ascii() { None } else { mojibake::repair(title) };
        let slug = slug(repaired.as_deref().unwrap_or(title));
        if self.taken.insert(slug.clone()) {
            return slug;
        }
        let n = self.last.entry(slug.clone()).or_insert(1);
        loop {
            *n = n.saturating_add(1);
            let candidate = format!("{slug}-{n}");
            if self.taken.insert(candidate.clone()) {
                return candidate;
            }
        }
    }
}

fn slug(title: &str) -> String {
    let mut slug = String::with_capacity(title.len().min(64));
    for c in title.chars() {
        if slug.len() >= 60 {
            break;
        }
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if c.is_alphanumeric() {
            slug.extend(c.to_lowercase());
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    if slug.is_empty() { "step".to_owned() } else { slug }
}

/// Whether a title announces itself as a step by a number: `Step 3: ...`, `3. ...`, `3) ...`, `A.1 ...`, `1.2 ...`.
pub(crate) fn is_numbered(text: &str) -> bool {
    without_number(text).is_some()
}

/// Whether a title calls itself a step: `Step 3`, `Task 2`.
pub(crate) fn is_called_step(text: &str) -> bool {
    ["step", "task"].iter().any(|word| after_word(text.trim_start(), word).is_some_and(starts_with_digit))
}

/// The title behind its number; `None` without one.
fn without_number(text: &str) -> Option<&str> {
    let text = text.trim_start();
    for word in ["step", "phase", "stage", "task"] {
        if let Some(rest) = after_word(text, word).filter(|rest| starts_with_digit(rest)) {
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
            return Some(rest.trim_start_matches([' ', ':', ')', '-', '–', '—']));
        }
    }
    // `A.1`, `2.10`, `3`
    let letter = text.starts_with(|c: char| c.is_ascii_uppercase()) && text.get(1..2) == Some(".");
    let number = if letter { text.get(2..)? } else { text };
    let digits = number.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let (number, rest) = number.split_at(digits);
    let short =
        number.split('.').all(|part| part.len() <= 2) && number.starts_with(|c: char| c.is_ascii_digit());
    let marked = letter || number.contains('.');
    let rest = match rest.strip_prefix([')', ':']) {
        Some(rest) => rest,
        None if marked || [" - ", " – ", " — "].iter().any(|dash| rest.starts_with(dash)) => rest,
        None => return None,
    };
    (short && (rest.is_empty() || rest.starts_with(char::is_whitespace))).then(|| rest.trim_start())
}

fn after_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(word.len())?;
    (head.eq_ignore_ascii_case(word) && rest.starts_with(' ')).then(|| rest.trim_start())
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// Beginnings of words in the titles of sections that say what to do.
const DOING: &[&str] = &[
    "action",
    "assess",
    "check",
    "cleanup",
    "configur",
    "contain",
    "debug",
    "deploy",
    "diagnos",
    "eradicat",
    "escalat",
    "execut",
    "failover",
    "fix",
    "how",
    "instruction",
    "install",
    "investigat",
    "migrat",
    "mitigat",
    "playbook",
    "procedure",
    "process",
    "recover",
    "remediat",
    "repair",
    "resolv",
    "resolution",
    "respon",
    "restart",
    "restor",
    "revert",
    "roll",
    "rollback",
    "step",
    "todo",
    "triag",
    "troubleshoot",
    "upgrad",
    "validat",
    "verif",
    "workaround",
    "workflow",
];

/// Ends of words that begin like one of these and say nothing to do: `responsibilities`, `executive`.
const NOT_DOING: &[&str] = &["ibilities", "ibility", "executive", "executives"];

/// Words in the titles of sections that explain.
const EXPLAINING: &[&str] = &[
    "about",
    "appendix",
    "architecture",
    "assumptions",
    "background",
    "causes",
    "changelog",
    "contact",
    "contacts",
    "contents",
    "context",
    "criteria",
    "dashboards",
    "definition",
    "definitions",
    "description",
    "details",
    "example",
    "examples",
    "faq",
    "glossary",
    "goals",
    "history",
    "impact",
    "information",
    "introduction",
    "lessons",
    "levels",
    "links",
    "meaning",
    "metadata",
    "metrics",
    "monitoring",
    "note",
    "notes",
    "objectives",
    "overview",
    "owners",
    "prerequisites",
    "purpose",
    "reference",
    "references",
    "related",
    "requirements",
    "resources",
    "responsibilities",
    "roles",
    "scope",
    "severity",
    "summary",
    "symptoms",
    "terminology",
    "thresholds",
    "triggers",
    "why",
];

/// Whether a section's title says that it tells what to do.
pub(crate) fn says_what_to_do(title: &str) -> bool {
    let why = words(title).next().is_some_and(|first| first == "why");
    !why && words(title).any(|word| {
        DOING.iter().any(|begin| word.starts_with(begin)) && !NOT_DOING.iter().any(|end| word.ends_with(end))
    })
}

/// Whether a section's title says that it only explains.
pub(crate) fn explains(title: &str) -> bool {
    !says_what_to_do(title) && words(title).any(|word| EXPLAINING.contains(&word.as_str()))
}

fn words(title: &str) -> impl Iterator<Item = String> {
    let short = title.get(..title.floor_char_boundary(200)).unwrap_or_default();
    short.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// The first sentence of running text.
pub(crate) fn first_sentence(text: &str) -> &str {
    let end = text.match_indices(['.', '!', '?', ':']).map(|(at, mark)| at + mark.len()).find(|&end| {
        text.get(end..).is_none_or(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
    });
    text.get(..end.unwrap_or(text.len())).unwrap_or(text).trim()
}

/// How many seconds steps add up to, without overflow.
pub(crate) fn sum_s(boxes: impl Iterator<Item = u32>) -> u32 {
    boxes.fold(0, |sum: u32, next| sum.saturating_add(next))
}

/// `25 min`, `1 h 30 min`, `45 s` for messages.
pub(crate) fn span_text(seconds: u32) -> String {
    match (seconds / 60, seconds % 60) {
        (0, s) => format!("{s} s"),
        (m, 0) => format!("{m} min"),
        (m, s) => format!("{m} min {s} s"),
    }
}

/// Truncates at a character, for titles taken from running text.
pub(crate) fn shorten(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    text.chars().take(chars.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_and_due_dates_leave_the_title() {
        let rows = [
            ("Step 1: Go back (5 min)", "Step 1: Go back", Some(300), None),
            ("Look around (45 s)", "Look around", Some(45), None),
            ("Wait (1 h):", "Wait", Some(3600), None),
            ("Procedure (30 minutes):", "Procedure", Some(1800), None),
            ("Check (5-10 min)", "Check", Some(600), None),
            ("Cause (Next 24h)", "Cause", None, Some(86_400)),
            ("Decide (48h after going back)", "Decide", None, Some(172_800)),
            ("Scope (emergency) (5 min)", "Scope (emergency)", Some(300), None),
            ("Version (v1.2)", "Version (v1.2)", None, None),
            ("Open (5 min", "Open (5 min", None, None),
            ("Never (0 min)", "Never (0 min)", None, None),
            ("Long (4294967295 h)", "Long (4294967295 h)", None, None),
        ];
        for (raw, text, timebox_s, due_s) in rows {
            let title = parse(raw);
            assert_eq!(
                (title.text.as_str(), title.timebox_s, title.due_s),
                (text, timebox_s, due_s),
                "{raw}"
            );
        }
    }

    #[test]
    fn ranges_have_a_beginning() {
        let rows = [
            ("Look (0-5 min)", Some(0), Some(300)),
            ("Look (5 – 10 min)", Some(300), Some(600)),
            ("Look (1-2 h):", Some(3600), Some(7200)),
            ("Look (10-5 min)", None, Some(300)),
            ("Look (~5-10 min)", None, Some(600)),
            ("Look (5 min)", None, Some(300)),
            ("Look (5-10)", None, None),
            ("Look (4294967295-4294967296 h)", None, None),
        ];
        for (raw, from_s, timebox_s) in rows {
            let title = parse(raw);
            assert_eq!((title.from_s, title.timebox_s), (from_s, timebox_s), "{raw}");
        }
    }

    #[test]
    fn slugs_are_stable_and_unique() {
        let mut slugs = Slugs::default();
        assert_eq!(slugs.unique("Step 1: Go back!"), "step-1-go-back");
        assert_eq!(slugs.unique("Step 1 - go back"), "step-1-go-back-2");
        assert_eq!(slugs.unique("Prüfen & fertig"), "prüfen-fertig");
        assert_eq!(slugs.unique("Ã¼ber â€“ PrÃ¼fung"), "über-prüfung");
        assert_eq!(slugs.unique("—"), "step");
        assert_eq!(slugs.unique(""), "step-2");
    }

    #[test]
    fn numbered_titles() {
        for yes in [
            "Step 1: a",
            "step 12 b",
            "3. c",
            "4) d",
            "8: e",
            "A.1 Look",
            "1.2 Look",
            "2.10. Look",
            "Phase 2",
            "Step 3",
            "Task 4 - f",
            "5 — Verify",
            "0 - Look",
            "1.",
        ] {
            assert!(is_numbered(yes), "{yes}");
        }
        for no in [
            "Verification",
            "Steps",
            "Step one",
            "24h later",
            "",
            "é",
            "8:00 e",
            "2024 review",
            "2024. Review",
            "v1.2 b",
            "3 things",
            "Stepping 2",
            "A. b",
            "1.e",
        ] {
            assert!(!is_numbered(no), "{no}");
        }
        assert!(is_called_step("Step 2: a") && !is_called_step("Phase 2: a") && !is_called_step("2. a"));
    }

    #[test]
    fn sections_that_do_and_sections_that_explain() {
        for title in ["Rollback", "How to restart", "Resolution steps", "Triage", "Severity triage"] {
            assert!(says_what_to_do(title) && !explains(title), "{title}");
        }
        for title in [
            "1. Overview",
            "Background & context",
            "Related links",
            "Roles and responsibilities",
            "Why we roll back",
        ] {
            assert!(explains(title) && !says_what_to_do(title), "{title}");
        }
        assert!(explains("Executive summary"));
        assert!(!says_what_to_do("Alpha") && !explains("Alpha"));
    }

    #[test]
    fn first_sentences() {
        let rows = [("Call them. Then wait.", "Call them."), ("Use v1.2 now", "Use v1.2 now"), ("", "")];
        for (text, first) in rows {
            assert_eq!(first_sentence(text), first);
        }
    }
}
