//! Small pieces of text that several checks read.

/// Row words: what the status column of each row may be asked for.
pub(crate) const ROW_WORDS: &[&str] =
    &["running", "ready", "healthy", "bound", "completed", "active", "up", "succeeded"];

/// Every kind of quotation mark becomes a plain double one, so that quote style does not matter.
pub(crate) fn fold_quotes(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\'' | '`' | '"' | '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' => '"',
            c => c,
        })
        .collect()
}

/// The text inside one pair of quotation marks that encloses all of it.
pub(crate) fn quoted(text: &str) -> Option<&str> {
    let first = text.chars().next()?;
    let close = match first {
        '"' | '\'' | '`' => first,
        '\u{201c}' => '\u{201d}',
        '\u{2018}' => '\u{2019}',
        _ => return None,
    };
    let inside = text.get(first.len_utf8()..)?.strip_suffix(close)?;
    (!inside.contains([first, close]) && !inside.trim().is_empty()).then_some(inside)
}

/// A non-negative whole number without sign or separators.
pub(crate) fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= 18 && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// A plain decimal number: digits, at most one point between digits, an optional sign.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (left, right) = body.split_once('.').map_or((body, None), |(left, right)| (left, Some(right)));
    let digits =
        |part: &str| !part.is_empty() && part.len() <= 18 && part.bytes().all(|b| b.is_ascii_digit());
    (digits(left) && right.is_none_or(digits)).then(|| text.parse().ok()).flatten()
}

/// Splits `12/34`.
pub(crate) fn ratio(text: &str) -> Option<(u64, u64)> {
    let (have, want) = text.split_once('/')?;
    Some((whole(have)?, whole(want)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes() {
        assert_eq!(quoted("\"a 'b' c\""), Some("a 'b' c"));
        assert_eq!(quoted("“a”"), Some("a"));
        assert_eq!(quoted("`a`"), Some("a"));
        for bad in ["a", "\"a", "\"a\" or \"b\"", "\"\"", "'", ""] {
            assert_eq!(quoted(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(decimal("-1.50"), Some(-1.5));
        for bad in ["", "1.", ".5", "1e5", "NaN", "inf", "1.2.3", "1,000", "--1", "0x1"] {
            assert_eq!(decimal(bad), None, "{bad}");
        }
        assert_eq!(ratio("3/5"), Some((3, 5)));
        assert_eq!(ratio("3/5/6"), None);
    }
}
