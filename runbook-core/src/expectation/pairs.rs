//! Names and values in JSON, YAML, tables and text.

use serde_json::Value;

use super::judge::shorten;
use super::model::Judgement;
use super::phrase::quoted;
use super::rows::{self, Kind};

/// Deepest JSON that is searched.
const DEEPEST: usize = 64;

/// What the output says about a name.
#[derive(Debug, Default)]
struct Said {
    values: Vec<String>,
    /// The name is there in a way that is not understood.
    unclear: bool,
}

pub(crate) fn judge(pairs: &[(String, String)], stdout: &str) -> Judgement {
    if stdout.trim().is_empty() {
        return Judgement::fail("no output");
    }
    let json = documents(stdout);
    if json.is_none() && stdout.trim_start().starts_with('{') {
        return Judgement::ask("the output begins like JSON and is not complete");
    }
    let mut doubt = None;
    for (key, wanted) in pairs {
        let said = match &json {
            Some(documents) => in_json(documents, key),
            None => in_text(stdout, key),
        };
        let same = said.values.iter().filter(|value| *value == wanted).count();
        match said.values.first() {
            None if said.unclear => {
                doubt.get_or_insert_with(|| format!("`{key}` is there, but its value is not clear"));
            }
            None => {
                return Judgement::fail(format!(
                    "`{key}` is not in the output, wanted `{}`",
                    shorten(wanted)
                ));
            }
            Some(first) if same == 0 => {
                if said.values.iter().any(|value| begins_with_word(value, wanted)) {
                    doubt
                        .get_or_insert_with(|| format!("`{key}` is `{}`, wanted `{wanted}`", shorten(first)));
                    continue;
                }
                return Judgement::fail(format!(
                    "`{key}` is `{}`, wanted `{}`",
                    shorten(first),
                    shorten(wanted)
                ));
            }
            Some(_) if same < said.values.len() || said.unclear => {
                doubt.get_or_insert_with(|| {
                    format!("`{key}` has several values, `{}` among them", shorten(wanted))
                });
            }
            Some(_) => {}
        }
    }
    match doubt {
        Some(reason) => Judgement::ask(reason),
        None => Judgement::pass(
            pairs.iter().map(|(key, value)| format!("{key} is {value}")).collect::<Vec<_>>().join(", "),
        ),
    }
}

/// `true (cached)` begins with `true`: close enough to ask.
fn begins_with_word(value: &str, wanted: &str) -> bool {
    value.strip_prefix(wanted).is_some_and(|rest| rest.starts_with([' ', ',', ';']))
}

/// A JSON scalar as text.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) | Value::Null => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// The output as one or more JSON objects or lists; `None` when it is anything else.
fn documents(stdout: &str) -> Option<Vec<Value>> {
    let text = stdout.trim();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    serde_json::Deserializer::from_str(text).into_iter::<Value>().collect::<Result<Vec<_>, _>>().ok()
}

fn in_json(documents: &[Value], key: &str) -> Said {
    let mut said = Said::default();
    let mut open: Vec<(&Value, usize)> = documents.iter().map(|value| (value, 0)).collect();
    while let Some((value, depth)) = open.pop() {
        if depth > DEEPEST {
            said.unclear = true;
            continue;
        }
        match value {
            Value::Object(object) => {
                for (name, value) in object {
                    if name.eq_ignore_ascii_case(key) {
                        match scalar(value) {
                            Some(text) if name == key => said.values.push(text),
                            _ => said.unclear = true,
                        }
                    }
                    open.push((value, depth + 1));
                }
            }
            Value::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            _ => {}
        }
    }
    said
}

fn in_text(stdout: &str, key: &str) -> Said {
    let mut said = Said::default();
    let rows = rows::read(stdout);
    if rows.kind != Kind::Plain
        && let Some(column) = rows.header.iter().position(|name| name.eq_ignore_ascii_case(key))
    {
        for line in &rows.lines {
            let cells = rows.cells(line);
            match cells.get(column) {
                Some(cell) if cells.len() == rows.header.len() => said.values.push((*cell).to_owned()),
                _ => said.unclear = true,
            }
        }
        return said;
    }
    for line in stdout.lines() {
        // tables drawn with `|` hold a pair per row
        let cells: Vec<&str> = line.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect();
        if line.contains('|') && matches!(cells.as_slice(), [name, _] if *name == key) {
            said.values.extend(cells.get(1).map(|cell| (*cell).to_owned()));
            continue;
        }
        read_line(line, key, &mut said);
    }
    said
}

fn read_line(line: &str, key: &str, said: &mut Said) {
    let line = line.trim();
    if line.starts_with('#') {
        return;
    }
    let item = line.strip_prefix("- ").unwrap_or(line).trim();
    if let Some((name, value)) = item.split_once([':', '='])
        && name.trim().trim_matches(['"', '\'']) == key
        && (item[name.len()..].starts_with('=') || value.is_empty() || value.starts_with([' ', '\t']))
    {
        // several `a=1 b=2` on one line are read word by word below
        if !(item[name.len()..].starts_with('=') && value.contains('=')) {
            match clean(value) {
                Some(value) => said.values.push(value),
                None => said.unclear = true,
            }
            return;
        }
    }
    for word in
        line.split(|c: char| c.is_whitespace() || c == ',' || c == ';').filter(|word| !word.is_empty())
    {
        if let Some((name, value)) = word.split_once('=')
            && name == key
        {
            said.values.push(quoted(value).unwrap_or(value).to_owned());
        } else if word.trim_matches(|c: char| "\"':=".contains(c)) == key {
            // the name stands in the middle of a line
            said.unclear = true;
        }
    }
}

/// A value without its quotes, trailing comma and comment; `None` when nothing is left.
fn clean(value: &str) -> Option<String> {
    let value = value.trim().trim_end_matches(',').trim_end();
    if let Some(inside) = quoted(value) {
        return Some(inside.to_owned());
    }
    let value = value.split(" #").next().unwrap_or_default().trim_end();
    let value = quoted(value).unwrap_or(value);
    (!value.is_empty()).then(|| value.to_owned())
}
