//! Parameters: what is declared in the front matter, then the placeholders that commands leave open.

use std::collections::BTreeMap;

use super::info::parse_duration_ms;
use super::lines::Lines;
use super::model::{Document, Param, ParamType, Parameter, ParameterSource};
use super::names::check_variable;
use super::placeholders;
use super::variables;
use crate::pattern::Pattern;

/// The longest value in bytes: an environment variable may not be much longer on every system.
pub const MAX_VALUE_BYTES: usize = 65_536;

/// Whether a value fits what is declared about a parameter. The reason never repeats the value, which may be secret.
///
/// # Errors
/// Why it does not fit, in lowercase.
pub fn check_value(declared: &Param, value: &str) -> Result<(), String> {
    check_type(declared, value)?;
    let Some(source) = &declared.pattern else { return Ok(()) };
    let pattern = Pattern::new(source).map_err(|error| format!("its pattern does not read: {error}"))?;
    check_pattern(&pattern, value)
}

/// As [`check_value`], with the declared pattern read already.
pub(crate) fn check_value_by(declared: &Param, pattern: Option<&Pattern>, value: &str) -> Result<(), String> {
    check_type(declared, value)?;
    pattern.map_or(Ok(()), |pattern| check_pattern(pattern, value))
}

fn check_pattern(pattern: &Pattern, value: &str) -> Result<(), String> {
    if pattern.is_match(value) {
        Ok(())
    } else {
        Err(format!("it does not match the pattern {}", pattern.as_str()))
    }
}

fn check_type(declared: &Param, value: &str) -> Result<(), String> {
    if value.contains('\0') {
        return Err("it holds a NUL byte".to_owned());
    }
    if value.len() > MAX_VALUE_BYTES {
        return Err(format!("it is longer than {MAX_VALUE_BYTES} bytes"));
    }
    match declared.kind {
        ParamType::String => {}
        ParamType::Integer if is_integer(value) => {}
        ParamType::Integer => return Err("it is not a whole number such as -3 or 42".to_owned()),
        ParamType::Boolean if matches!(value, "true" | "false") => {}
        ParamType::Boolean => return Err("it is neither true nor false".to_owned()),
        ParamType::Enum if declared.values.iter().any(|known| known == value) => {}
        ParamType::Enum => return Err(format!("it is none of {}", declared.values.join(", "))),
        ParamType::Duration if parse_duration_ms(value).is_some() => {}
        ParamType::Duration => {
            return Err("it is not a length of time such as 500ms, 45s, 10m or 2h".to_owned());
        }
    }
    Ok(())
}

/// A whole number in its one spelling, within 64 bits: shells and programs must not read it as octal.
fn is_integer(value: &str) -> bool {
    value.parse::<i64>().is_ok_and(|number| number.to_string() == value)
}

/// The parameters of a document: declared ones by name, then those of placeholders in the order they are met.
pub(crate) fn collect(document: &Document, lines: &BTreeMap<String, u32>) -> Vec<Parameter> {
    let mut all: Vec<Parameter> = document
        .front
        .params
        .iter()
        .map(|(name, declared)| Parameter {
            name: name.clone(),
            source: ParameterSource::Declared,
            line: lines.get(name).copied().unwrap_or(1),
            declared: declared.clone(),
            spellings: Vec::new(),
        })
        .collect();
    let mut known: BTreeMap<String, usize> =
        all.iter().enumerate().map(|(index, param)| (param.name.clone(), index)).collect();
    let commands = document.steps.iter().flat_map(|step| step.all_commands().map(|(_, command)| command));
    for command in commands.filter(|command| !command.placeholders.is_empty()) {
        let lines = Lines::new(&command.text);
        let line = |start: usize| command.line.saturating_add(lines.line(start) - 1);
        let is_variable = |spelling: &String| variables::of_placeholder(spelling).is_some();
        let written = if command.placeholders.iter().all(is_variable) {
            Vec::new()
        } else {
            placeholders::named(&command.text)
        };
        let written = written.into_iter().filter(|found| !found.name.is_empty());
        let written = written.map(|found| {
            let name = parameter_of(&document.front.params, &found.name);
            (name, found.text.to_owned(), line(found.start))
        });
        let variables = command.placeholders.iter().filter_map(|spelling| {
            let name = variables::of_placeholder(spelling).filter(|name| check_variable(name).is_ok())?;
            let start = variables::place(&command.text, name);
            Some((name.to_owned(), spelling.clone(), line(start)))
        });
        for (name, spelling, line) in written.chain(variables) {
            let index = *known.entry(name.clone()).or_insert_with(|| {
                all.push(placeholder(name, line));
                all.len() - 1
            });
            if let Some(param) = all.get_mut(index)
                && param.spellings.len() < placeholders::MOST
                && !param.spellings.contains(&spelling)
            {
                param.spellings.push(spelling);
            }
        }
    }
    all
}

fn placeholder(name: String, line: u32) -> Parameter {
    Parameter {
        name,
        source: ParameterSource::Placeholder,
        line,
        declared: Param::default(),
        spellings: Vec::new(),
    }
}

/// The parameter that a placeholder stands for: a declared one whatever its case, else one of its own.
pub(crate) fn parameter_of(declared: &BTreeMap<String, Param>, name: &str) -> String {
    if declared.contains_key(name) {
        return name.to_owned();
    }
    let mut same = declared.keys().filter(|known| known.eq_ignore_ascii_case(name));
    match (same.next(), same.next()) {
        (Some(one), None) => one.clone(),
        // two that differ by case only: neither is meant for sure
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn values_fit_their_types() {
        let rows: &[(ParamType, &[&str], &[&str])] = &[
            (ParamType::String, &["", "a b", "$(x)", "two\nlines", "é"], &["a\0b"]),
            (
                ParamType::Integer,
                &["0", "-3", "42", "9223372036854775807"],
                &["", "+1", "007", "-0", "1.0", "1e3", " 1", "0x1", "9223372036854775808", "a[$(x)]"],
            ),
            (ParamType::Boolean, &["true", "false"], &["", "True", "yes", "1"]),
            (ParamType::Enum, &["eu", "us"], &["", "EU", "eu "]),
            (ParamType::Duration, &["45s", "10m", "500ms", "2h"], &["", "10", "10 m", "-1s", "1d"]),
        ];
        for (kind, fits, misfits) in rows {
            let values = if *kind == ParamType::Enum { vec!["eu".into(), "us".into()] } else { vec![] };
            let declared = Param { kind: *kind, values, ..Param::default() };
            for value in *fits {
                assert_eq!(check_value(&declared, value), Ok(()), "{kind:?} {value:?}");
            }
            for value in *misfits {
                assert!(check_value(&declared, value).is_err(), "{kind:?} {value:?}");
            }
        }
        let declared = Param { pattern: Some("[a-z]+".into()), ..Param::default() };
        assert!(check_value(&declared, "abc").is_ok() && check_value(&declared, "a-b").is_err());
        assert!(check_value(&Param::default(), &"a".repeat(MAX_VALUE_BYTES + 1)).is_err());
    }

    #[test]
    fn a_reason_never_holds_the_value() {
        for kind in [ParamType::Integer, ParamType::Boolean, ParamType::Enum, ParamType::Duration] {
            let declared = Param { kind, pattern: Some("x".into()), ..Param::default() };
            assert!(!check_value(&declared, "hunter2").unwrap_err().contains("hunter2"));
        }
    }

    #[test]
    fn declared_ones_come_first_and_each_is_there_once() {
        let text = "---\nparams:\n  NAMESPACE: { default: prod }\n  POD:\n---\n## S\n```bash\nkubectl logs <pod> -n <namespace>\n\
                    kubectl exec <pod> -c <container-name>\n```\n## T\n```bash\nkubectl logs <CONTAINER NAME>\n```\n";
        let document = parse("x", text);
        let found: Vec<(&str, u32, Vec<&str>)> = document
            .params
            .iter()
            .map(|p| (p.name.as_str(), p.line, p.spellings.iter().map(String::as_str).collect()))
            .collect();
        assert_eq!(
            found,
            [
                ("NAMESPACE", 3, vec!["<namespace>"]),
                ("POD", 4, vec!["<pod>"]),
                ("container_name", 9, vec!["<container-name>", "<CONTAINER NAME>"]),
            ]
        );
    }
}
