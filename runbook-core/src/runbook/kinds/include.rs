//! The `include` step kind: another runbook whose steps stand in the block's place.
//!
//! Its text is YAML: `runbook:` names the other one, `params:` gives it values. A value that is `$NAME` alone stands for a
//! parameter of the including runbook; nothing else is expanded, and no value is ever part of a command's text.

use std::collections::{BTreeMap, BTreeSet};

use super::super::codes::{self, finding};
use super::super::diagnostic::Diagnostic;
use super::super::model::{Effect, EffectSource, Include};
use super::super::names::{check_variable, is_identifier, nearest};
use super::super::yaml::{self, Node, Value};
use super::{Piece, Pieces};

const HINT: &str =
    "write `runbook: NAME` and below it, if it takes values, `params:` with indented `NAME: value` lines";
const KEYS: &[&str] = &["runbook", "params"];

pub(crate) fn read(text: &str, first_line: u32) -> Pieces {
    if text.trim().is_empty() {
        let found = finding(
            codes::INCLUDE,
            (first_line.saturating_sub(1).max(1), 1),
            "the include names no runbook",
            HINT,
        );
        return Pieces { pieces: Vec::new(), diagnostics: vec![found] };
    }
    let mut reader = Reader { first_line, include: Include::default(), found: Vec::new() };
    match yaml::read(text) {
        Ok(root) => reader.root(&root),
        Err(error) => reader.bad(error.at, format!("the include cannot be read: {}", error.reason)),
    }
    let blocked = reader.found.first().map(|finding| finding.message.clone());
    let piece = Piece {
        line: first_line,
        title: None,
        text: format!("{}\n", text.trim_end()),
        expectations: Vec::new(),
        // its own steps say what they do; until they are known it may be anything
        effect: (Effect::Once, EffectSource::Unknown),
        include: blocked.is_none().then_some(reader.include),
        blocked,
    };
    Pieces { pieces: vec![piece], diagnostics: reader.found }
}

struct Reader {
    first_line: u32,
    include: Include,
    found: Vec<Diagnostic>,
}

impl Reader {
    fn bad(&mut self, at: (u32, u32), message: String) {
        let at = (self.first_line.saturating_add(at.0).saturating_sub(1), at.1);
        self.found.push(finding(codes::INCLUDE, at, message, HINT));
    }

    fn root(&mut self, root: &Node) {
        let Value::Map(pairs) = &root.value else {
            return self.bad(root.at, format!("the include is {}, not keys with values", root.value.what()));
        };
        let mut seen = BTreeSet::new();
        for (key, value) in pairs {
            let name = key.value.scalar().unwrap_or_default();
            if !seen.insert(name.clone()) {
                self.bad(key.at, format!("the key `{name}` is given twice"));
                continue;
            }
            match name.as_str() {
                "runbook" => self.runbook(value),
                "params" => self.params(value),
                _ => {
                    let meant = nearest(&name, KEYS)
                        .map_or_else(String::new, |meant| format!(", did you mean `{meant}`?"));
                    self.bad(key.at, format!("unknown key `{name}` in an include{meant}"));
                }
            }
        }
        if !seen.contains("runbook") {
            self.bad(root.at, "the include names no runbook".to_owned());
        }
    }

    fn runbook(&mut self, node: &Node) {
        let name = node.value.scalar().unwrap_or_default();
        if !is_runbook_name(&name) {
            let message =
                format!("`{name}` names no runbook: give its file name without `.md` and without folders");
            return self.bad(node.at, message);
        }
        self.include.runbook = name;
    }

    fn params(&mut self, node: &Node) {
        let pairs = match &node.value {
            Value::Null => return,
            Value::Map(pairs) => pairs,
            other => {
                return self
                    .bad(node.at, format!("`params` takes names with values, and this is {}", other.what()));
            }
        };
        for (key, value) in pairs {
            let name = key.value.scalar().unwrap_or_default();
            if let Err(reason) = check_variable(&name) {
                self.bad(key.at, reason);
                continue;
            }
            let Some(text) = value.value.scalar().filter(|text| !text.contains('\0')) else {
                self.bad(value.at, format!("the value of `{name}` is {}", value.value.what()));
                continue;
            };
            if self.include.params.insert(name.clone(), text).is_some() {
                self.bad(key.at, format!("the value of `{name}` is given twice"));
            }
        }
    }
}

/// A name that stays inside the library: the file name of a runbook without `.md`.
fn is_runbook_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 200
        && !name.starts_with('.')
        && !name.ends_with(".md")
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' '))
}

/// The parameter of the including runbook that a value stands for: `$NAME` and nothing else.
pub(crate) fn reference(value: &str) -> Option<&str> {
    value.strip_prefix('$').filter(|name| is_identifier(name))
}

/// What an include's values refer to in the including runbook.
impl Include {
    /// Names of the including runbook's parameters that its values stand for.
    #[must_use]
    pub fn references(&self) -> BTreeMap<&str, &str> {
        self.params.iter().filter_map(|(name, value)| Some((name.as_str(), reference(value)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_runbook_and_its_values() {
        let found = read(
            "runbook: check_capacity\nparams:\n  NAMESPACE: $NAMESPACE\n  COUNT: 3\n  TEXT: \"$(x) $Y\"\n",
            7,
        );
        assert_eq!(found.diagnostics, []);
        let include = found.pieces[0].include.clone().unwrap();
        assert_eq!(include.runbook, "check_capacity");
        assert_eq!(include.params["COUNT"], "3");
        assert_eq!(include.references(), BTreeMap::from([("NAMESPACE", "NAMESPACE")]));
        assert_eq!((found.pieces[0].line, found.pieces[0].blocked.clone()), (7, None));
    }

    #[test]
    fn mistakes_point_at_their_line() {
        for (text, line) in [
            ("", 6),
            ("params: {}\n", 7),
            ("runbook: ../x\n", 7),
            ("runbook: x.md\n", 7),
            ("runbook: a/b\n", 7),
            ("runbook: x\nrunbok: y\n", 8),
            ("runbook: x\nrunbook: y\n", 8),
            ("runbook: x\nparams: [a]\n", 8),
            ("runbook: x\nparams:\n  PATH: a\n", 9),
            ("runbook: x\nparams:\n  A: [1]\n", 9),
            ("runbook: x\nparams:\n  A: 1\n  A: 2\n", 10),
            ("just text\n", 7),
            ("runbook: [x\n", 8),
        ] {
            let found = read(text, 7);
            let places: Vec<_> = found.diagnostics.iter().map(|d| (d.code, d.line)).collect();
            assert_eq!(places.first().map(|place| place.0), Some(codes::INCLUDE), "{text}");
            assert!(places[0].1 == line || text.contains("[x"), "{text}: {places:?}");
            assert!(
                found.pieces.iter().all(|piece| piece.blocked.is_some() && piece.include.is_none()),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "[ -~\n]{0,60}") {
            let found = read(&text, 1);
            prop_assert!(found.diagnostics.is_empty() == found.pieces.iter().any(|piece| piece.include.is_some()));
        }
    }
}
