//! Which variables a command's text sets and reads, as far as words show it: for refusing to go on without a command
//! whose values are needed. A name too many costs a question, a name too few an empty value where one was meant.

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

/// Names that a text sets: `NAME=`, `NAME+=`, and what follows `read`, `mapfile`, `export` or `for`.
pub(super) fn assigns(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for statement in text.split(['\n', ';', '&', '|']) {
        let mut after_setter = false;
        for word in statement.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')')) {
            let name = leading_name(word);
            let rest = word.get(name.len()..).unwrap_or_default();
            if word == "in" || word.starts_with(['<', '>']) {
                break; // what a loop goes over, or where it is from
            }
            let is_set = rest.starts_with('=') || rest.starts_with("+=") || rest.starts_with('[');
            if !name.is_empty() && (is_set || (after_setter && rest.is_empty())) {
                names.push(name);
            }
            match word {
                "read" | "mapfile" | "readarray" | "export" | "for" | "declare" | "local" | "typeset" => {
                    after_setter = true;
                }
                _ => {}
            }
        }
    }
    names
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
    fn what_is_set_and_what_is_read() {
        for (text, names) in [
            ("POD=$(kubectl get pods)\n", &["POD"][..]),
            ("export A=1 B; for X in 1 2; do echo $X; done", &["A", "B", "X"]),
            ("read -r LINE < file\nLIST+=(one)", &["LINE", "LIST"]),
            ("echo A == B", &[]),
            ("curl http://a/?b=c", &[]),
        ] {
            assert_eq!(assigns(text), names, "{text}");
        }
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
