//! What a comment in a fence says: an expectation, a check for a person, or just a title.

/// A comment as understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Comment {
    /// `# Expected: 5/5`: an expectation wherever it stands.
    Expected(String),
    /// `# Verify all keys`, `# Expect a login page`: an expectation only below a command, else a title.
    Perhaps(String),
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
    if is_request(text) {
        return Comment::Perhaps(text.to_owned());
    }
    let checks = ["should ", "verify ", "confirm ", "ensure ", "make sure ", "check that "];
    if checks.iter().any(|lead| after(text, lead).is_some()) {
        return Comment::Perhaps(text.to_owned());
    }
    Comment::Plain(text.trim_end_matches(':').to_owned())
}

/// Whether a text asks somebody to look, with a colon behind the word: `Verify: 5/5`, `Output: ready`.
pub(crate) fn is_request(text: &str) -> bool {
    let rest = ["verify:", "confirm:", "output:", "=>"].iter().find_map(|lead| after(text, lead));
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
    let Some(head) = paragraph.trim().strip_suffix(':') else { return false };
    let head = head.to_ascii_lowercase();
    let last = head.rsplit(['.', ';']).next().unwrap_or_default();
    ["expected output", "expected result", "expected", "should see", "should output", "should return"]
        .iter()
        .any(|phrase| last.contains(phrase))
        || ["output", "example output", "sample output"].contains(&last.trim())
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
            ("# Verify all keys", perhaps("Verify all keys")),
            ("# Verify", plain("Verify")),
            ("# Verify:", plain("Verify")),
            ("# Verify: 5/5", perhaps("Verify: 5/5")),
            ("# confirm: all is up", perhaps("confirm: all is up")),
            ("# Output: ready", perhaps("Output: ready")),
            ("# => 5", perhaps("=> 5")),
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
    fn paragraphs_that_announce_output() {
        for yes in ["Expected output:", "Look again. You should see:", "The expected result is:", "Output:"] {
            assert!(announces_output(yes), "{yes}");
        }
        for no in ["Expected output", "Run this:", "Do not expect much. Then run:"] {
            assert!(!announces_output(no), "{no}");
        }
    }
}
