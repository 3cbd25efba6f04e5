//! What a comment in a fence says: an expectation, a check for a person, or just a title.

use super::prose;
use crate::expectation::{Check, Expectation, classify};

/// A comment as understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Comment {
    /// `# Expected: 5/5`: an expectation wherever it stands.
    Expected(String),
    /// `# Verify all keys`, `# Expect a login page`: an expectation only below a command, else a title.
    Perhaps(String),
    /// `# => 5`: what the command above gives; nothing without one.
    Shows(String),
    /// Anything else, without its number.
    Plain(String),
}

/// Reads one comment, `#` included.
pub(crate) fn read(comment: &str) -> Comment {
    // an allow is for the linter: no title, no expectation
    if super::lints::allow_comment(comment).is_some() {
        return Comment::Plain(String::new());
    }
    let text = without_number(comment.trim_start_matches('#').trim());
    let plain = Comment::Plain(text.trim_end_matches(':').to_owned());
    // `✅ Expected: ...`
    let marked = |c: char| !c.is_ascii() && !c.is_alphanumeric() && !ARROWS.contains(&c);
    let text = text.trim_start_matches(marked).trim_start();
    if let Some(rest) = arrow(text) {
        return if rest.is_empty() { plain } else { Comment::Shows(rest.to_owned()) };
    }
    for word in ["expectations", "expectation", "wanted"] {
        let value = after(text, word).and_then(|rest| rest.trim_start().strip_prefix(':'));
        if let Some(value) = value {
            return Comment::Expected(value.trim().to_owned());
        }
    }
    for word in ["expected", "expects", "expect"] {
        let Some(rest) = after(text, word) else { continue };
        if rest.starts_with(|c: char| c.is_alphanumeric()) {
            continue;
        }
        return expected(text, rest);
    }
    for lead in ["should return ", "should show ", "should print ", "should output ", "should report "] {
        if let Some(rest) = after(text, lead) {
            return Comment::Expected(rest.trim().to_owned());
        }
    }
    for lead in ["returns ", "shows ", "prints ", "outputs "] {
        if let Some(rest) = after(text, lead) {
            let rest = rest.trim().to_owned();
            // a number is no title of what is below
            let typed = !matches!(classify(&rest).check, Check::Person | Check::Contains { .. });
            return if typed { Comment::Shows(rest) } else { Comment::Perhaps(text.to_owned()) };
        }
    }
    // `You should see 3 pods`, `output should be 5`: what a person says of the command above
    if let Some(wanted) =
        prose::read(text).filter(|wanted| wanted.shown && !wanted.below && after(text, "should ").is_none())
    {
        let clear = wanted.first && !wanted.partly && !wanted.condition && !wanted.text.is_empty();
        return if wanted.open || wanted.text.is_empty() {
            plain
        } else {
            Comment::Shows(if clear { wanted.text } else { text.to_owned() })
        };
    }
    if is_request(text) {
        return Comment::Perhaps(text.to_owned());
    }
    let checks = [
        "must be ",
        "must show ",
        "must return ",
        "must print ",
        "should ",
        "verify ",
        "confirm ",
        "ensure ",
        "make sure ",
        "check that ",
    ];
    if checks.iter().any(|lead| after(text, lead).is_some()) {
        return Comment::Perhaps(text.to_owned());
    }
    plain
}

/// Arrows that stand between a command and what it gives.
const ARROWS: &[char] = &['\u{2192}', '\u{21d2}', '\u{27f6}'];

/// What stands behind `=>`, `->` or an arrow.
fn arrow(text: &str) -> Option<&str> {
    let rest = ["==>", "-->", "=>", "->"]
        .iter()
        .find_map(|arrow| text.strip_prefix(arrow))
        .or_else(|| text.strip_prefix(ARROWS))?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim())
}

/// Whether a text begins like `Expected:` with a slip or two of the pen.
pub(crate) fn is_misspelt(text: &str) -> bool {
    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    let length = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, rest) = text.split_at(length);
    let rest = rest.trim_start_matches(['*', '_']);
    let colon = [" output:", " result:", " results:", ":"].iter().any(|lead| after(rest, lead).is_some());
    if !colon || !(6..=10).contains(&length) {
        return false;
    }
    let word = word.to_ascii_lowercase();
    !WORDS_NEAR_EXPECTED.contains(&word.as_str()) && slips(word.as_bytes(), b"expected") <= 2
}

/// Words of their own that are two letters away from `expected`.
const WORDS_NEAR_EXPECTED: &[&str] = &[
    "elected",
    "ejected",
    "erected",
    "exacted",
    "excepted",
    "executed",
    "exempted",
    "exerted",
    "expect",
    "expects",
    "expected",
    "expelled",
    "expended",
    "exported",
    "inspected",
    "respected",
    "selected",
    "suspected",
];

/// How many letters differ, are missing, are too many or are exchanged with their neighbour.
fn slips(a: &[u8], b: &[u8]) -> usize {
    // rows of the table of distances: of the last two letters of `a`, and of the one at hand
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut now = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut least =
                (at(&last, j) + usize::from(x != y)).min(at(&last, j + 1) + 1).min(at(&now, j) + 1);
            let exchanged = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if exchanged {
                least = least.min(at(&before, j - 1) + 1);
            }
            now.push(least);
        }
        before = std::mem::replace(&mut last, now);
    }
    last.last().copied().unwrap_or_default()
}

/// Whether a comment line directly below an expectation, and directly above a command, goes on with the expectation
/// instead of being the command's title: `and image: web:v2`, `replicas: 5`.
pub(crate) fn goes_on_expecting(comment: &str) -> bool {
    let text = comment.trim_start_matches('#').trim();
    if without_number(text) != text {
        return false;
    }
    let connects = ["and ", "or ", "but ", "with ", "without ", "plus ", "no ", "not ", "all ", "also "];
    if connects.iter().any(|word| text.starts_with(word)) {
        return true;
    }
    match classify(text).check {
        Check::Person => false,
        // one word may be a title
        Check::Contains { .. } => {
            text.starts_with(['"', '\'', '`']) || text.contains(|c: char| c.is_ascii_digit())
        }
        _ => true,
    }
}

/// Whether an expectation is one plain word behind `returns` or an arrow, which is not yet a word of the output.
pub(crate) fn is_mere_word(comment: &str, expectation: &Expectation) -> bool {
    matches!(expectation.check, Check::Contains { .. })
        && expectation.text.chars().all(|c| c.is_lowercase() || c == '-')
        && !matches!(read(comment), Comment::Expected(_))
}

/// Whether a text asks somebody to look, with a colon behind the word: `Verify: 5/5`, `Output: ready`.
pub(crate) fn is_request(text: &str) -> bool {
    let rest = [
        "verify:", "confirm:", "output:", "result:", "results:", "prints:", "returns:", "shows:", "must be:",
    ]
    .iter()
    .find_map(|lead| after(text, lead));
    rest.is_some_and(|rest| !rest.trim().is_empty())
}

/// Whether a comment is neither an expectation nor a word to the linter.
pub(crate) fn says_nothing_of_its_own(comment: &str) -> bool {
    super::lints::allow_comment(comment).is_none()
        && after(comment.trim_start_matches('#').trim(), "shellcheck ").is_none()
        && matches!(read(comment), Comment::Plain(_))
}

/// Whether a comment begins with a number of its own, as a title does: `# 2. Restart it`.
pub(crate) fn is_numbered(comment: &str) -> bool {
    let text = comment.trim_start_matches('#').trim();
    without_number(text) != text
}

/// What follows a beginning, whatever the case of its letters.
fn after<'a>(text: &'a str, lead: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(lead.len())?;
    head.eq_ignore_ascii_case(lead).then_some(rest)
}

/// What follows `Expected`: a colon at once, or after `output`, `result` or `response`; otherwise more words.
fn expected(text: &str, rest: &str) -> Comment {
    let words = rest.trim_start();
    let behind = ["outputs", "output", "results", "result", "response", "value"]
        .iter()
        .find_map(|word| after(words, word))
        .unwrap_or(words);
    if let Some(value) = behind.trim_start().strip_prefix(':') {
        return Comment::Expected(value.trim().to_owned());
    }
    // a condition before the colon (`Expected before going back: ...`) belongs to the text
    if rest.contains(':') {
        Comment::Expected(text.to_owned())
    } else {
        Comment::Perhaps(rest.trim().to_owned())
    }
}

/// `2. Look at the pods` -> `Look at the pods`.
fn without_number(text: &str) -> &str {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &text[digits..];
    match rest.strip_prefix(['.', ')']) {
        Some(rest) if (1..=2).contains(&digits) && rest.starts_with(' ') => rest.trim_start(),
        _ => text,
    }
}

/// How far a comment's text is indented behind its `#`.
pub(crate) fn indent(comment: &str) -> usize {
    comment.trim_start_matches('#').chars().take_while(|c| c.is_whitespace()).count()
}

/// Whether a paragraph announces the output fence below it: `Expected output:`.
pub(crate) fn announces_output(paragraph: &str) -> bool {
    let Some(last) = announcing(paragraph) else { return false };
    [
        "expected output",
        "expected result",
        "expected",
        "should see",
        "should output",
        "should return",
        "should look like",
        "success looks like",
        "output looks like",
        "output will look like",
        "output is similar to",
        "output similar to",
    ]
    .iter()
    .any(|phrase| last.contains(phrase))
        || is_sample(paragraph)
}

/// Whether a paragraph announces only an example of output: `Sample output:`, "something like this:".
pub(crate) fn is_sample(paragraph: &str) -> bool {
    let Some(last) = announcing(paragraph) else { return false };
    ["output", "example output", "sample output", "typical output", "example response", "sample response"]
        .contains(&last.trim_matches(|c: char| !c.is_alphanumeric()))
        || ["look like", "looks like", "something like", "similar to", "for example", "e.g"]
            .iter()
            .any(|phrase| last.contains(phrase))
            && !last.contains("success")
}

/// The last sentence of a paragraph that ends in a colon, in small letters.
fn announcing(paragraph: &str) -> Option<String> {
    let head = paragraph.trim().strip_suffix(':')?.to_ascii_lowercase();
    Some(head.rsplit(['.', ';']).next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_told_apart() {
        let expected = |text: &str| Comment::Expected(text.to_owned());
        let perhaps = |text: &str| Comment::Perhaps(text.to_owned());
        let plain = |text: &str| Comment::Plain(text.to_owned());
        let rows = [
            ("# Expected: 3/3 ready", expected("3/3 ready")),
            ("#expected: x", expected("x")),
            ("# Expect: x", expected("x")),
            ("## Expected output: x", expected("x")),
            ("# Expected result:", expected("")),
            ("# 2. Expected: x", expected("x")),
            ("# Expected before it: \"a\"", expected("Expected before it: \"a\"")),
            ("# Should return 0 hits", expected("0 hits")),
            ("# Expect HTTP 200", perhaps("HTTP 200")),
            ("# Expectation management", plain("Expectation management")),
            ("# Expectation: 3/3", expected("3/3")),
            ("# Wanted: 3/3", expected("3/3")),
            ("# You should see 3 pods", Comment::Shows("3 pods".to_owned())),
            ("# This should print 3 rows", Comment::Shows("3 rows".to_owned())),
            ("# output should be 5", Comment::Shows("5".to_owned())),
            (
                "# You should see 3 pods after a minute",
                Comment::Shows("You should see 3 pods after a minute".to_owned()),
            ),
            ("# You should see the following:", plain("You should see the following")),
            ("# You should be root", plain("You should be root")),
            ("# Must be 5", perhaps("Must be 5")),
            ("# Result: 5", perhaps("Result: 5")),
            ("# prints: 5", perhaps("prints: 5")),
            ("# ==> 3", Comment::Shows("3".to_owned())),
            ("# Verify all keys", perhaps("Verify all keys")),
            ("# Verify", plain("Verify")),
            ("# Verify:", plain("Verify")),
            ("# Verify: 5/5", perhaps("Verify: 5/5")),
            ("# confirm: all is up", perhaps("confirm: all is up")),
            ("# Output: ready", perhaps("Output: ready")),
            ("# => 5", Comment::Shows("5".to_owned())),
            ("# -> 5", Comment::Shows("5".to_owned())),
            ("# \u{2192} 5", Comment::Shows("5".to_owned())),
            ("# ->", plain("->")),
            ("# ->x", plain("->x")),
            ("# \u{2705} Expected: 5/5", expected("5/5")),
            ("# \u{2705} Done", plain("\u{2705} Done")),
            ("# returns 5", Comment::Shows("5".to_owned())),
            ("# Returns the pods", perhaps("Returns the pods")),
            ("# Should return 5", expected("5")),
            ("# should be root", perhaps("should be root")),
            ("# 1. Look at pods:", plain("Look at pods")),
            ("# 8.00 o'clock", plain("8.00 o'clock")),
            ("#", plain("")),
        ];
        for (comment, meaning) in rows {
            assert_eq!(read(comment), meaning, "{comment}");
        }
    }

    #[test]
    fn slips_of_the_pen() {
        for yes in ["Exepcted: 5/5", "expcted: x", "Expcetd: x", "**Excpected:** x", "Exepected output: x"] {
            assert!(is_misspelt(yes), "{yes}");
        }
        for no in [
            "Expected: x",
            "Executed: x",
            "Exported: x",
            "Exepcted",
            "Exepcted to fail",
            "Expect: x",
            "Selected: x",
            "Step: x",
        ] {
            assert!(!is_misspelt(no), "{no}");
        }
    }

    #[test]
    fn lines_that_go_on_with_an_expectation() {
        for yes in [
            "# replicas: 5",
            "# and image web",
            "# 3/3 ready",
            "# \"up\"",
            "# HTTP 200",
            "# < 50",
            "# web:v2",
        ] {
            assert!(goes_on_expecting(yes), "{yes}");
        }
        for no in ["# Restart it", "# next", "# 2. 5/5", "# Look at the pods", "#", "# ----"] {
            assert!(!goes_on_expecting(no), "{no}");
        }
    }

    #[test]
    fn paragraphs_that_announce_output() {
        for yes in [
            "Expected output:",
            "Look again. You should see:",
            "The expected result is:",
            "Output:",
            "Success looks like:",
            "The output should look like this:",
        ] {
            assert!(announces_output(yes), "{yes}");
        }
        for no in ["Expected output", "Run this:", "Do not expect much. Then run:"] {
            assert!(!announces_output(no), "{no}");
        }
    }
}
