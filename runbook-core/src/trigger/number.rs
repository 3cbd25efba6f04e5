//! Values in JSON, which has no word for what is without end: it is written as text. Without this it would be written as `null`, and
//! what was written would not be read again.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};

/// More than any number.
const PLUS: &str = "+Inf";
/// Less than any number.
const MINUS: &str = "-Inf";

/// Writes a number, or `"+Inf"` or `"-Inf"`.
///
/// # Errors
/// Never by itself; what the serializer says.
pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_infinite() {
        return serializer.serialize_str(if value.is_sign_positive() { PLUS } else { MINUS });
    }
    serializer.serialize_f64(*value)
}

/// Reads a number, or `"+Inf"` or `"-Inf"`.
///
/// # Errors
/// When it is neither.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    deserializer.deserialize_any(Number)
}

struct Number;

impl Visitor<'_> for Number {
    type Value = f64;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a number, \"{PLUS}\" or \"{MINUS}\"")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<f64, E> {
        Ok(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
        match text {
            PLUS => Ok(f64::INFINITY),
            MINUS => Ok(f64::NEG_INFINITY),
            _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
        }
    }
}

/// The same for a value that may be missing.
pub mod option {
    use serde::{Deserialize, Deserializer, Serializer};

    /// A value by the functions above.
    #[derive(Deserialize)]
    struct Value(#[serde(deserialize_with = "super::deserialize")] f64);

    /// Writes the value or `null`.
    ///
    /// # Errors
    /// Never by itself; what the serializer says.
    pub fn serialize<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => super::serialize(value, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads the value or `null`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        Ok(Option::<Value>::deserialize(deserializer)?.map(|value| value.0))
    }
}
