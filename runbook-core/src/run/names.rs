//! Which values a text of any kind reads, as far as words show it: for refusing to go on without a command that gives one.
//! A name too many costs a question, a name too few an empty value where one was meant.

/// Whether a text reads a variable: `$NAME`, `${NAME...}`.
pub(super) fn mentions(text: &str, name: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        rest = rest.get(at + 1..).unwrap_or_default();
        let word = rest.strip_prefix('{').unwrap_or(rest).trim_start_matches(['#', '!']);
        if leading_name(word) == name {
            return true;
        }
    }
    false
}

fn leading_name(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    let name = text.get(..end).unwrap_or_default();
    if name.starts_with(|c: char| c.is_ascii_digit()) { "" } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read() {
        for (text, reads) in [
            ("echo $POD", true),
            ("echo \"${POD:-none}\"", true),
            ("echo ${#POD}", true),
            ("echo $PODS", false),
            ("echo POD", false),
        ] {
            assert_eq!(mentions(text, "POD"), reads, "{text}");
        }
    }
}
