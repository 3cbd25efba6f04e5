//! Step titles: the time box or due date in brackets, and the id made from the rest.

use std::collections::{BTreeMap, BTreeSet};

/// A title taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Title {
    /// Without its time box or due date.
    pub(crate) text: String,
    /// `(5 min)` in seconds.
    pub(crate) timebox_s: Option<u32>,
    /// `(Next 24h)` or `(48h after ...)` in seconds.
    pub(crate) due_s: Option<u32>,
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
        let slug = slug(title);
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
    let mut slug = String::new();
    for c in title.chars() {
        if slug.len() >= 60 {
            break;
        }
        if c.is_alphanumeric() {
            slug.extend(c.to_lowercase());
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "step".to_owned() } else { slug.to_owned() }
}

/// Whether a title announces itself as a step: `Step 3: ...` or a leading number.
pub(crate) fn is_numbered(text: &str) -> bool {
    let text = text.trim_start();
    let lower: String = text.chars().take(5).collect::<String>().to_ascii_lowercase();
    let after = if lower == "step " { text[5..].trim_start() } else { text };
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && (lower == "step " || after[digits..].starts_with(['.', ')', ':']))
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
            assert_eq!(parse(raw), Title { text: text.to_owned(), timebox_s, due_s }, "{raw}");
        }
    }

    #[test]
    fn slugs_are_stable_and_unique() {
        let mut slugs = Slugs::default();
        assert_eq!(slugs.unique("Step 1: Go back!"), "step-1-go-back");
        assert_eq!(slugs.unique("Step 1 - go back"), "step-1-go-back-2");
        assert_eq!(slugs.unique("Prüfen & fertig"), "prüfen-fertig");
        assert_eq!(slugs.unique("—"), "step");
        assert_eq!(slugs.unique(""), "step-2");
    }

    #[test]
    fn numbered_titles() {
        for yes in ["Step 1: a", "step 12 b", "3. c", "4) d", "8:00 e"] {
            assert!(is_numbered(yes), "{yes}");
        }
        for no in ["Verification", "Steps", "Step one", "24h later", "", "é"] {
            assert!(!is_numbered(no), "{no}");
        }
    }
}
