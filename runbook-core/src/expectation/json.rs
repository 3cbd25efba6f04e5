//! JSON that keeps what other readers throw away: a name that stands twice in one object.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    /// `null`, `true`, `7`, as written.
    Plain(String),
    /// A number, as text.
    Number(String),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// Names and values in order, doubles included.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// A value that is not a list or an object, as text.
    pub(crate) fn scalar(&self) -> Option<String> {
        match self {
            Json::Plain(text) | Json::Number(text) | Json::Text(text) => Some(text.clone()),
            Json::List(_) | Json::Object(_) => None,
        }
    }

    /// The only value of a name; `None` when there is none or more than one.
    pub(crate) fn get(&self, name: &str) -> Option<&Json> {
        let Json::Object(object) = self else { return None };
        let mut found = object.iter().filter(|(key, _)| key == name).map(|(_, value)| value);
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    /// A string.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Says that an answer is an error itself: `{"error": "quota exceeded"}`, `{"ok": false}`. The name and what it says.
pub(crate) fn own_error(text: &str) -> Option<(String, String)> {
    let documents = documents(text)?;
    let [Json::Object(object)] = documents.as_slice() else { return None };
    object.iter().find_map(|(name, value)| {
        let bad = match (name.as_str(), value) {
            ("error", Json::Text(said)) => !said.is_empty() && !said.eq_ignore_ascii_case("none"),
            ("error", Json::Object(_)) => true,
            ("errors", Json::List(items)) => !items.is_empty(),
            ("ok" | "success", Json::Plain(said)) => said == "false",
            _ => false,
        };
        bad.then(|| (name.clone(), value.scalar().unwrap_or_else(|| "...".to_owned())))
    })
}

/// The text as one or more JSON objects or lists; `None` when it is anything else.
pub(crate) fn documents(text: &str) -> Option<Vec<Json>> {
    let text = text.trim();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    serde_json::Deserializer::from_str(text).into_iter::<Json>().collect::<Result<Vec<_>, _>>().ok()
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Plain("null".to_owned()))
    }
    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Plain(value.to_string()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }
    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = map.next_entry()? {
            items.push(item);
        }
        Ok(Json::Object(items))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_kept() {
        let found = documents("{\"a\": 1, \"a\": true} [null]").expect("JSON");
        let a = |value: Json| ("a".to_owned(), value);
        let object = Json::Object(vec![a(Json::Number("1".into())), a(Json::Plain("true".into()))]);
        assert_eq!(found, [object.clone(), Json::List(vec![Json::Plain("null".into())])]);
        assert_eq!(object.get("a"), None);
        assert_eq!(documents("{\"a\": 1"), None);
        assert_eq!(documents("7"), None);
        assert_eq!(documents(&"[".repeat(100_000)), None);
    }
}
