//! What stands behind the thing expected: a bracket, a deadline.

use crate::expectation::phrase::whole;

/// Splits off `within 45s` and a bracket at the end, in either order.
pub(super) fn take_apart(text: &str) -> (&str, Option<&str>, Option<u64>) {
    let mut head = text.trim().trim_end_matches('.').trim_end();
    let (mut note, mut within_ms) = (None, None);
    for _ in 0..2 {
        if note.is_none()
            && let Some((before, inside)) = bracket(head)
        {
            note = Some(inside);
            head = before;
        }
        if within_ms.is_none()
            && let Some((before, ms)) = deadline(head)
        {
            within_ms = Some(ms);
            head = before.trim_end().trim_end_matches(',').trim_end();
        }
    }
    (head, note, within_ms)
}

/// `... (a note)`: what stands before, and what the bracket holds.
fn bracket(text: &str) -> Option<(&str, &str)> {
    let (before, inside) = text.strip_suffix(')')?.rsplit_once('(')?;
    (!inside.contains(')')).then(|| (before.trim_end(), inside.trim()))
}

/// `... within 45s`, `... within 1 min`: what stands before, and milliseconds.
fn deadline(text: &str) -> Option<(&str, u64)> {
    const WORD: &str = "within ";
    let at =
        text.as_bytes().windows(WORD.len()).rposition(|part| part.eq_ignore_ascii_case(WORD.as_bytes()))?;
    let (before, rest) = (text.get(..at)?, text.get(at + WORD.len()..)?);
    if !(before.is_empty() || before.ends_with(' ')) {
        return None;
    }
    let span = rest.trim();
    let digits = span.bytes().take_while(u8::is_ascii_digit).count();
    let (amount, unit) = span.split_at_checked(digits)?;
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "ms" | "milliseconds" => 1,
        "s" | "sec" | "secs" | "second" | "seconds" => 1000,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
        "h" | "hr" | "hour" | "hours" => 3_600_000,
        _ => return None,
    };
    Some((before, whole(amount)?.checked_mul(factor)?))
}
