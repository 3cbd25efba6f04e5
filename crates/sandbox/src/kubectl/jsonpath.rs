//! The part of kubectl's JSONPath that runbooks use: `{.a.b[0].c}`, `[*]`, escaped dots, literal text, `{"\n"}`.

use serde_json::Value;

/// Evaluates a template. A field that does not exist prints nothing, as with kubectl.
pub(super) fn evaluate(template: &str, root: &Value) -> Result<String, String> {
    let mut out = String::new();
    // Without braces the whole template is one path, as with kubectl.
    let whole = if template.contains('{') { template.to_owned() } else { format!("{{{template}}}") };
    let mut rest = whole.as_str();
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        let close = rest[open..].find('}').ok_or("unclosed action")? + open;
        let action = rest[open + 1..close].trim();
        if let Some(literal) = action.strip_prefix('"').and_then(|a| a.strip_suffix('"')) {
            out.push_str(&literal.replace("\\n", "\n").replace("\\t", "\t"));
        } else {
            let found = walk(action, root)?;
            out.push_str(&found.into_iter().map(show).collect::<Vec<_>>().join(" "));
        }
        rest = &rest[close + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

fn show(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn walk<'a>(path: &str, root: &'a Value) -> Result<Vec<&'a Value>, String> {
    let mut found = vec![root];
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('[') {
            let (index, after) = after.split_once(']').ok_or("unterminated array")?;
            found = match index {
                "*" => found.into_iter().filter_map(Value::as_array).flatten().collect(),
                index => {
                    let index: usize = index.parse().map_err(|_| format!("invalid array index {index}"))?;
                    found.into_iter().filter_map(|v| v.get(index)).collect()
                }
            };
            rest = after;
        } else if let Some(after) = rest.strip_prefix('.') {
            let (name, after) = field(after);
            if !name.is_empty() {
                found = found.into_iter().filter_map(|v| v.get(&name)).collect();
            }
            rest = after;
        } else {
            return Err(format!("unrecognized character in action: {rest}"));
        }
    }
    Ok(found)
}

/// Reads a field's name up to the next unescaped `.` or `[`.
fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => name.extend(chars.next().map(|(_, escaped)| escaped)),
            '.' | '[' => return (name, &text[at..]),
            c => name.push(c),
        }
    }
    (name, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let root = serde_json::json!({
            "metadata": {"annotations": {"deployment.kubernetes.io/revision": "3"}},
            "spec": {"replicas": 5, "template": {"spec": {"containers": [{"image": "flowengine:v1.1"}]}}},
            "items": [{"n": "a"}, {"n": "b"}],
        });
        for (template, expected) in [
            ("{.spec.template.spec.containers[0].image}", Ok("flowengine:v1.1")),
            (r"{.metadata.annotations.deployment\.kubernetes\.io/revision}", Ok("3")),
            ("{.spec.replicas}", Ok("5")),
            (".spec.replicas", Ok("5")),
            ("{.status.readyReplicas}", Ok("")),
            ("{.items[*].n}{\"\\n\"}", Ok("a b\n")),
            ("n={.spec.replicas}!", Ok("n=5!")),
            ("{.spec", Err(())),
            ("{spec}", Err(())),
        ] {
            assert_eq!(evaluate(template, &root).map_err(|_| ()), expected.map(str::to_owned), "{template}");
        }
    }
}
