//! A YAML text as a tree whose every node knows its place, so that each mistake in it can be pointed at.
//!
//! Scalars keep the text that was written: a default of `1.10` is not the number 1.1.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::plain_yaml;

/// A value and where it stands: 1-based line and column within the YAML text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: (u32, u32),
    pub(crate) value: Value,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Nothing after the colon, or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as it was written.
    Number(String),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Pairs in their order, repeated keys included.
    Map(Vec<(Node, Node)>),
}

impl Value {
    /// What a scalar says, as text; `None` for nothing, a list or a map.
    pub(crate) fn scalar(&self) -> Option<String> {
        match self {
            Value::Bool(value) => Some(value.to_string()),
            Value::Number(text) | Value::Text(text) => Some(text.clone()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// What it is, for messages.
    pub(crate) fn what(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a group of keys",
        }
    }
}

/// Why a text is not YAML, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotYaml {
    pub(crate) at: (u32, u32),
    pub(crate) reason: String,
}

/// Reads one YAML document. Aliases, depth and size are bounded, so a small text cannot become a large tree.
pub(crate) fn read(text: &str) -> Result<Node, NotYaml> {
    plain_yaml::read(text).map_or_else(|| read_any(text), Ok)
}

/// As [`read`], whatever the text holds.
pub(super) fn read_any(text: &str) -> Result<Node, NotYaml> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 20_000,
            max_aliases: 32,
            max_anchors: 32,
            max_recorded_anchor_events: 2_000,
            max_recorded_anchor_bytes: 65_536,
            max_depth: 16,
            max_documents: 1,
            max_nodes: 10_000,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 2_000,
            max_replay_stack_depth: 4,
            max_alias_expansions_per_anchor: 32,
        },
        // both are kept and seen below, so that each repeated key is reported at its place
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins,
        merge_keys: serde_saphyr::options::MergeKeyPolicy::AsOrdinary,
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options)
        .map(|raw| place(raw, &text.lines().collect::<Vec<_>>()))
        .map_err(|error| {
            let error = error.without_snippet();
            let at = error.location().map_or((1, 1), |location| position(&location));
            let reason = error.to_string().lines().next().unwrap_or_default().to_owned();
            NotYaml { at, reason }
        })
}

fn position(location: &serde_saphyr::Location) -> (u32, u32) {
    let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX).max(1);
    (number(location.line()), number(location.column()))
}

/// A node as serde gives it, before numbers get their text back.
enum Raw {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

fn place(raw: Spanned<Raw>, lines: &[&str]) -> Node {
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Bool(value) => Value::Bool(value),
        Raw::Number(read) => Value::Number(written(&raw.defined, lines).unwrap_or(read)),
        Raw::Text(text) => Value::Text(text),
        Raw::List(items) => Value::List(items.into_iter().map(|item| place(item, lines)).collect()),
        Raw::Map(pairs) => Value::Map(
            pairs.into_iter().map(|(key, value)| (place(key, lines), place(value, lines))).collect(),
        ),
    };
    Node { at: position(&raw.referenced), value }
}

/// The characters of a plain number in the text.
fn written(location: &serde_saphyr::Location, lines: &[&str]) -> Option<String> {
    let line = lines.get(usize::try_from(location.line()).ok()?.checked_sub(1)?)?;
    let column = usize::try_from(location.column()).ok()?.checked_sub(1)?;
    let number: String = line
        .chars()
        .skip(column)
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '_'))
        .collect();
    number.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | '+' | '-')).then_some(number)
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Raw::Map(pairs))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(text: &str) -> Vec<(String, (u32, u32), Value)> {
        let Value::Map(pairs) = read(text).unwrap().value else { panic!("{text} is no map") };
        pairs.into_iter().map(|(key, value)| (key.value.scalar().unwrap(), key.at, value.value)).collect()
    }

    #[test]
    fn scalars_keep_their_text() {
        let found =
            pairs("a: 1.10\nb: 007\nc: '5'\nd: true\ne: yes\nf:\ng: -3 # note\nh: 0x1F\ni: 1_000\nj: x y\n");
        let values: Vec<Value> = found.into_iter().map(|(_, _, value)| value).collect();
        let number = |text: &str| Value::Number(text.to_owned());
        let text = |text: &str| Value::Text(text.to_owned());
        for (value, expected) in values.iter().zip([
            number("1.10"),
            number("007"),
            text("5"),
            Value::Bool(true),
            text("yes"),
            Value::Null,
            number("-3"),
            number("0x1F"),
            number("1_000"),
            text("x y"),
        ]) {
            assert_eq!(value.scalar(), expected.scalar());
        }
        assert_eq!(values[3], Value::Bool(true));
        assert_eq!(values[5], Value::Null);
        assert_eq!(values[6], number("-3"));
    }

    #[test]
    fn repeated_keys_are_all_seen_with_their_place() {
        let found = pairs("a: 1\nb: {c: 1, c: 2}\na: 2\n");
        let keys: Vec<(&str, (u32, u32))> = found.iter().map(|(key, at, _)| (key.as_str(), *at)).collect();
        assert_eq!(keys, [("a", (1, 1)), ("b", (2, 1)), ("a", (3, 1))]);
        let Value::Map(inner) = &found[1].2 else { panic!() };
        assert_eq!(inner.len(), 2);
    }

    #[test]
    fn a_bomb_is_refused() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for n in 1..10 {
            let one = format!("*a{}", n - 1);
            text.push_str(&format!("a{n}: &a{n} [{}]\n", [one.as_str(); 10].join(", ")));
        }
        assert!(read(&text).is_err());
        assert!(read(&"[".repeat(5_000)).is_err());
        assert!(read(&"- ".repeat(5_000)).is_err());
        assert!(read("a: &x 1\nb: *x\n").is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "[ -~\n\té]{0,80}") {
            let _ = read(&text);
        }
    }
}
