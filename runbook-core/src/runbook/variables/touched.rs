//! What a shell text may set, seen widely: for knowing which values are in doubt when it did not run to a good end.

use std::collections::BTreeSet;

use super::super::lints::defined_functions;
use super::super::names::is_identifier_byte;
use super::scan::scan;

/// The names that a text may set.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// Their names, those that its functions set among them.
    pub(crate) names: BTreeSet<String>,
    /// The functions that it defines.
    pub(crate) functions: Vec<String>,
}

/// What a text may set.
pub(crate) fn touched(text: &str) -> Touched {
    let scanner = scan(text);
    let functions = if scanner.defines { defined_functions(text) } else { Vec::new() };
    let mut names = scanner.sets.names;
    names.extend(scanner.sets.elsewhere);
    for (builtin, name) in [("read", "REPLY"), ("mapfile", "MAPFILE"), ("readarray", "MAPFILE")] {
        if words(text).any(|word| word == builtin) {
            names.insert(name.to_owned());
        }
    }
    Touched { names, functions }
}

/// Every run of letters, digits and underscores in a text: each name that it can be about, wherever it stands.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii() || !is_identifier_byte(c as u8)).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_seen_wherever_they_stand() {
        for (text, names) in [
            ("DIR=work", "DIR"),
            ("if true; then export CTX=prod; fi", "CTX"),
            ("choose() { CLUSTER=blue; }", "CLUSTER"),
            ("read -r <<< web", "REPLY"),
            ("mapfile -t < list", "MAPFILE"),
            ("kubectl get pods", ""),
        ] {
            assert_eq!(touched(text).names.into_iter().collect::<Vec<_>>().join(" "), names, "{text}");
        }
        assert_eq!(touched("choose() { CLUSTER=blue; }").functions, ["choose"]);
    }
}
