//! The JSON Schema of the front matter, for editors: the YAML language server completes and checks keys with it.

use serde_json::{Value, json};

use super::names::{OWN_SECRETS, PROXIED, RESERVED, RESERVED_PREFIXES, RESERVED_SUFFIXES};

/// A length of time as the reader takes it: `15 min`, `~1 h`, `10-15 min`.
const TIMEBOX: &str = "^\\s*[~≤<]*\\s*([0-9]+\\s*[-–]\\s*)*0*[1-9][0-9]*\\s*([sS]([eE][cC]([oO][nN][dD])?[sS]?)?|[mM]([iI][nN]([uU][tT][eE])?[sS]?)?|[hH](([oO][uU])?[rR][sS]?)?|[dD]([aA][yY][sS]?)?)\\s*$";
/// Text with something to read in it.
const SOMETHING: &str = "\\S";

/// The front matter's JSON Schema (draft 7, which the YAML language server understands).
///
/// `docs/reference/front-matter.schema.json` is this value. A schema cannot say everything: patterns outside the small subset
/// of [`crate::pattern`], and defaults that do not fit them, are found by the linter.
#[must_use]
pub fn front_matter_schema() -> Value {
    let text = |description: &str| json!({ "type": "string", "minLength": 1, "pattern": SOMETHING, "description": description });
    let reserved: Vec<&str> = RESERVED.iter().chain(&OWN_SECRETS).copied().collect();
    let one = json!({ "type": "string", "minLength": 1, "pattern": SOMETHING });
    let texts = |description: &str| {
        json!({
            "description": description,
            "anyOf": [one, { "type": "array", "items": one }],
        })
    };
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Front matter of a runbook",
        "description": "The YAML between the two --- lines at the top of a runbook.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "title": text("Title of the runbook; the first heading when left out."),
            "service": text("The service that the runbook acts on; also the default lock."),
            "kind": text("What the runbook is for, such as triage or rollback. One for security runs in private incidents alone."),
            "severity": texts("Severities that it is meant for, such as P1."),
            "match": texts("Words of an alert's title that make this runbook fit."),
            "params": {
                "description": "Parameters by name. A value reaches the shell as an environment variable of that name.",
                "type": "object",
                "propertyNames": {
                    "pattern": "^[A-Za-z_][A-Za-z0-9_]*$",
                    "maxLength": 64,
                    "not": { "anyOf": [
                        { "enum": reserved },
                        { "pattern": format!("^({})", RESERVED_PREFIXES.join("|")) },
                        { "pattern": format!("({})$", RESERVED_SUFFIXES.join("|")) },
                        { "pattern": proxies() },
                    ] },
                },
                "additionalProperties": { "anyOf": [{ "$ref": "#/definitions/param" }, { "type": "null" }] },
            },
            "approvals": {
                "description": "How many other people must approve. It may only raise what policy asks for.",
                "type": "integer",
                "minimum": 0,
                "maximum": 255,
            },
            "lock": text("Name of the target lock; the service when left out."),
            "timebox": {
                "type": "string",
                "pattern": TIMEBOX,
                "description": "Limit for the whole runbook, such as 15 min.",
            },
            "owner": text("Who keeps this runbook true."),
        },
        "definitions": { "param": param() },
    })
}

/// `HTTP_PROXY` and the like in any case; JSON Schema has no flag for that.
fn proxies() -> String {
    let any_case = |word: &str| -> String {
        let letter = |c: char| match c.is_ascii_alphabetic() {
            true => format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase()),
            false => c.to_string(),
        };
        word.chars().map(letter).collect()
    };
    let known: Vec<String> = PROXIED.iter().map(|word| any_case(word)).collect();
    format!("^({}){}$", known.join("|"), any_case("_PROXY"))
}

fn param() -> Value {
    let scalar =
        |description: &str| json!({ "type": ["string", "number", "boolean"], "description": description });
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "description": {
                "type": "string",
                "minLength": 1,
                "pattern": SOMETHING,
                "description": "What to enter, for people.",
            },
            "type": {
                "description": "What kind of value it takes; string when left out.",
                "enum": ["string", "integer", "boolean", "enum", "duration"],
            },
            "default": scalar("Value used when none is given. A secret has none."),
            "required": {
                "description": "false: without a value the variable is empty. Otherwise a value or a default is needed.",
                "type": "boolean",
            },
            "values": {
                "description": "The values that type: enum takes.",
                "type": "array",
                "minItems": 1,
                "uniqueItems": true,
                "items": scalar("One value."),
            },
            "pattern": {
                "type": "string",
                "minLength": 1,
                "description": "What the whole value must match: literals, classes, quantifiers and whole alternatives.",
            },
            "secret": {
                "description": "The value is never shown, journaled or fingerprinted in the clear.",
                "type": "boolean",
            },
        },
        "allOf": [{
            "if": { "properties": { "type": { "const": "enum" } }, "required": ["type"] },
            "then": { "required": ["values"] },
            "else": { "not": { "required": ["values"] } },
        }, {
            "if": { "properties": { "secret": { "const": true } }, "required": ["secret"] },
            "then": { "not": { "required": ["default"] } },
        }],
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::frontmatter::{KEYS, PARAM_KEYS};
    use super::super::model::{FrontMatter, Param};
    use super::*;

    fn keys(value: &Value) -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    }

    fn words(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn it_has_the_keys_that_are_read_and_no_others() {
        let schema = front_matter_schema();
        let front = keys(&serde_json::to_value(FrontMatter::default()).unwrap());
        assert_eq!(keys(&schema["properties"]), front);
        assert_eq!(front, words(KEYS));
        let param = keys(&serde_json::to_value(Param::default()).unwrap());
        assert_eq!(keys(&schema["definitions"]["param"]["properties"]), param);
        assert_eq!(param, words(PARAM_KEYS));
    }

    #[test]
    fn every_key_is_described() {
        let schema = front_matter_schema();
        for properties in [&schema["properties"], &schema["definitions"]["param"]["properties"]] {
            for (key, value) in properties.as_object().unwrap() {
                assert!(value["description"].as_str().is_some_and(|text| text.ends_with('.')), "{key}");
            }
        }
    }

    #[test]
    fn it_refuses_the_names_that_the_reader_refuses() {
        let schema = front_matter_schema();
        let refused = &schema["properties"]["params"]["propertyNames"]["not"]["anyOf"];
        let names = refused[0]["enum"].as_array().unwrap();
        for name in names {
            assert!(super::super::check_variable(name.as_str().unwrap()).is_err(), "{name}");
        }
        assert!(names.len() > 100);
        let patterns: Vec<&str> =
            refused.as_array().unwrap().iter().filter_map(|one| one["pattern"].as_str()).collect();
        let [beginnings, endings, proxies] = patterns.as_slice() else { panic!("{patterns:?}") };
        assert!(beginnings.starts_with("^(BASH|LD_|") && endings.ends_with("_BROWSER)$"), "{patterns:?}");
        assert!(
            proxies.contains("|[Hh][Tt][Tt][Pp]|") && proxies.ends_with("_[Pp][Rr][Oo][Xx][Yy]$"),
            "{proxies}"
        );
    }

    fn path() -> std::path::PathBuf {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/front-matter.schema.json")
    }

    #[test]
    fn the_documentation_holds_this_schema() {
        let text = std::fs::read_to_string(path()).unwrap();
        let written: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            written,
            front_matter_schema(),
            "run: cargo test -p runbook-core write_the_schema -- --ignored"
        );
    }

    #[test]
    #[ignore = "writes docs/reference/front-matter.schema.json"]
    fn write_the_schema() {
        let text = serde_json::to_string_pretty(&front_matter_schema()).unwrap();
        std::fs::write(path(), format!("{text}\n")).unwrap();
    }
}
