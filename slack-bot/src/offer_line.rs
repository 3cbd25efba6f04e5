//! A button that types a line: what it carries, and which line a press of one is.

use serde::{Deserialize, Serialize};

/// How the action ids of such buttons begin; a number follows, since each id stands once in a message.
const WORD: &str = "line_";
/// Longest line that a button carries, in bytes: the longest of ours names a run.
const LINE_MAX: usize = 200;

/// What the button carries. Untrusted when it comes back: it is read as if the person had typed it, with their authority.
#[derive(Debug, Serialize, Deserialize)]
struct LineValue {
    line: String,
}

/// The end of the action id of the button with this number, and what it carries; `None` when it is too long for a button.
pub(crate) fn button(number: usize, line: &str) -> Option<(String, String)> {
    let fits = !line.is_empty() && line.len() <= LINE_MAX;
    let value = serde_json::to_string(&LineValue { line: line.to_owned() }).ok()?;
    fits.then(|| (format!("{WORD}{number}"), value))
}

/// The line behind a press; `None` when it is another button.
pub(crate) fn line(id: &str, value: Option<&str>) -> Option<String> {
    id.strip_prefix(WORD).filter(|number| number.parse::<u8>().is_ok())?;
    let value: LineValue = serde_json::from_str(value?).ok()?;
    Some(value.line).filter(|line| line.len() <= LINE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_press_is_the_line_that_the_button_carries() {
        let (id, value) = button(3, "runbook status 0192").unwrap();
        assert_eq!(line(&id, Some(&value)).as_deref(), Some("runbook status 0192"));
        for (id, value) in [
            ("line_x", Some(value.as_str())),
            ("approve", Some(&value)),
            ("line_1", None),
            ("line_1", Some("{}")),
        ] {
            assert_eq!(line(id, value), None, "{id} {value:?}");
        }
        assert_eq!(button(0, ""), None);
        assert_eq!(button(0, &"x".repeat(201)), None);
    }
}
