//! A method's arguments, whichever way they came: JSON body, form body, or query.

use serde_json::{Map, Value};

use super::ApiError;
use crate::shared::{Request, pairs};

/// The arguments of one call.
#[derive(Debug, Clone, Default)]
pub(super) struct Args(Map<String, Value>);

impl Args {
    /// Reads query and body. In forms, values of nested arguments are JSON texts, as Slack documents.
    pub(super) fn read(request: &Request) -> Result<Self, ApiError> {
        let mut map = Map::new();
        for (key, value) in &request.query {
            map.insert(key.clone(), Value::String(value.clone()));
        }
        if request.body.is_empty() {
            return Ok(Self(map));
        }
        let content_type = request.header("content-type").unwrap_or_default();
        if content_type.starts_with("application/json") {
            match serde_json::from_slice(&request.body) {
                Ok(Value::Object(body)) => map.extend(body),
                Ok(_) => return Err(ApiError::new("json_not_object")),
                Err(_) => return Err(ApiError::new("invalid_json")),
            }
        } else if content_type.starts_with("application/x-www-form-urlencoded") {
            let text = std::str::from_utf8(&request.body).map_err(|_| ApiError::new("invalid_form_data"))?;
            map.extend(pairs(text).into_iter().map(|(k, v)| (k, Value::String(v))));
        } else {
            return Err(ApiError::new("invalid_post_type"));
        }
        Ok(Self(map))
    }

    #[cfg(test)]
    pub(super) fn of(value: Value) -> Self {
        match value {
            Value::Object(map) => Self(map),
            _ => Self::default(),
        }
    }

    /// A text argument; empty counts as absent. Numbers are taken as their text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A text argument that the method cannot do without.
    pub(super) fn required(&self, name: &str) -> Result<String, ApiError> {
        self.text(name).ok_or_else(|| {
            ApiError::new("invalid_arguments").message(format!("[ERROR] missing required field: {name}"))
        })
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        match self.0.get(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => matches!(text.as_str(), "true" | "1"),
            Some(Value::Number(number)) => number.as_u64() == Some(1),
            _ => false,
        }
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.text(name).and_then(|t| t.parse().ok())
    }

    /// A nested argument: JSON itself, or JSON as text. `Err` when the text does not parse.
    pub(super) fn nested(&self, name: &str) -> Result<Option<Value>, ()> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => serde_json::from_str(text).map(Some).map_err(|_| ()),
            Some(value) => Ok(Some(value.clone())),
        }
    }

    /// A list of ids: comma-separated text or a JSON array.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        match self.0.get(name) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(text)) => {
                text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        }
    }
}
