//! Block-style YAML out of JSON, as `kubectl -o yaml` prints it: keys sorted, lists not indented.

use serde_json::Value;

/// One document with a final line break.
pub(super) fn document(value: &Value) -> String {
    let mut out = String::new();
    write(value, 0, &mut out);
    out
}

fn write(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                out.push_str(&" ".repeat(depth));
                pair(key, inner, depth, out);
            }
        }
        Value::Array(list) => {
            for inner in list {
                out.push_str(&" ".repeat(depth));
                out.push_str("- ");
                match inner {
                    Value::Object(map) if !map.is_empty() => {
                        for (index, (key, value)) in map.iter().enumerate() {
                            if index > 0 {
                                out.push_str(&" ".repeat(depth + 2));
                            }
                            pair(key, value, depth + 2, out);
                        }
                    }
                    other => {
                        out.push_str(&scalar(other));
                        out.push('\n');
                    }
                }
            }
        }
        other => {
            out.push_str(&scalar(other));
            out.push('\n');
        }
    }
}

fn pair(key: &str, value: &Value, depth: usize, out: &mut String) {
    out.push_str(key);
    out.push(':');
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            write(value, depth + 2, out);
        }
        Value::Array(list) if !list.is_empty() => {
            out.push('\n');
            write(value, depth, out);
        }
        other => {
            out.push(' ');
            out.push_str(&scalar(other));
            out.push('\n');
        }
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        Value::String(text) => Value::String(text.clone()).to_string(),
        Value::Object(_) => "{}".into(),
        Value::Array(_) => "[]".into(),
        other => other.to_string(),
    }
}

/// Whether text may stand unquoted: it must not read back as a number, a boolean, null or a date.
fn is_plain(text: &str) -> bool {
    let starts_plainly = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let word = matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    starts_plainly
        && !word
        && !text.contains(": ")
        && !text.contains(" #")
        && text.chars().all(|c| c.is_ascii_alphanumeric() || " ./:_-,=".contains(c))
        && !text.ends_with([':', ' '])
}

#[cfg(test)]
mod tests {
    #[test]
    fn kubectl_style() {
        let value = serde_json::json!({
            "spec": {"containers": [{"image": "flowengine:v1.1", "env": [{"name": "A", "value": "true"}]}], "replicas": 5},
            "empty": {},
        });
        let expected = "empty: {}\nspec:\n  containers:\n  - env:\n    - name: A\n      value: \"true\"\n    image: flowengine:v1.1\n  replicas: 5\n";
        assert_eq!(super::document(&value), expected);
    }
}
