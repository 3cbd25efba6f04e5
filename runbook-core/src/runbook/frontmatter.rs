//! The optional YAML block between two `---` lines at the top of a document.
//!
//! It is read as a tree, so that every mistake is reported at its place, not only the first one. Site generators use
//! such a block too: one that holds no key of ours but `title` is theirs, and only its title is taken.

use std::collections::{BTreeMap, BTreeSet};

use super::codes::{self, finding};
use super::diagnostic::Diagnostic;
use super::lines::Lines;
use super::model::ParamType;
use super::model::{FrontMatter, Param};
use super::names::{check_variable, nearest};
use super::params::check_value_by;
use super::titles::parse_span_s;
use super::yaml::{self, Node, Value};
use crate::pattern::Pattern;

/// Largest front matter in bytes; real ones stay below two thousand.
const MAX_BYTES: usize = 65_536;
/// The keys of the front matter.
pub(crate) const KEYS: &[&str] =
    &["title", "service", "kind", "severity", "match", "params", "approvals", "lock", "timebox", "owner"];
/// The keys of a parameter.
pub(crate) const PARAM_KEYS: &[&str] =
    &["description", "type", "default", "required", "values", "pattern", "secret"];

/// Words that people write for our keys, and the keys.
const ALIASES: &[(&str, &str)] = &[
    ("parameters", "params"),
    ("parameter", "params"),
    ("args", "params"),
    ("arguments", "params"),
    ("approved", "approvals"),
    ("approval", "approvals"),
    ("approvers", "approvals"),
    ("timeout", "timebox"),
    ("time_box", "timebox"),
    ("time-box", "timebox"),
    ("services", "service"),
    ("owners", "owner"),
    ("severities", "severity"),
    ("name", "title"),
    ("locks", "lock"),
];
/// Keys like ours that other tools have too: alone they do not make a block ours.
const SHARED: &[&str] = &["title", "owners", "name", "locale"];
/// Keys of Hugo, Jekyll, Docusaurus, MkDocs and their like.
const GENERATORS: &[&str] = &[
    "aliases",
    "author",
    "authors",
    "categories",
    "comments",
    "date",
    "description",
    "draft",
    "excerpt",
    "has_children",
    "hide",
    "hide_title",
    "id",
    "image",
    "keywords",
    "lastmod",
    "layout",
    "menu",
    "nav_order",
    "parent",
    "pagination_next",
    "permalink",
    "published",
    "redirect_from",
    "sidebar_label",
    "sidebar_position",
    "slug",
    "status",
    "summary",
    "tags",
    "template",
    "toc",
    "type",
    "url",
    "weight",
];
/// Unknown keys that the first of them names.
const MOST_NAMED: usize = 8;
/// How many lines are searched for the end of a block that does not begin as it should.
const MOST_LINES: usize = 200;

/// Front matter, where the rest of the document begins, and findings.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) front: FrontMatter,
    /// Byte offset of the first line after the front matter.
    pub(crate) body: usize,
    /// The line of each declared parameter.
    pub(crate) param_lines: BTreeMap<String, u32>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Reads the front matter of a document, if it begins with one.
pub(crate) fn parse(text: &str, lines: &Lines<'_>) -> Parsed {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut parsed = Parsed { body: start, ..Parsed::default() };
    let mut rest = text[start..].split_inclusive('\n');
    let Some(first) = rest.next().filter(|line| line.trim_end() == "---") else {
        if let Some(misplaced) = misplaced(&text[start..]) {
            parsed.body = start + misplaced.end;
            parsed.diagnostics.push(misplaced.finding);
        }
        return parsed;
    };
    let yaml_start = start + first.len();
    let mut at = yaml_start;
    let mut close = None;
    for line in rest {
        if matches!(line.trim_end(), "---" | "...") {
            close = Some((at, at + line.len()));
            break;
        }
        at += line.len();
    }
    let Some((yaml_end, body)) = close else {
        // a lone `---` is a thematic break; with a key below it, it is front matter that somebody forgot to close
        if looks_like_key(lines.text_of(2)) {
            parsed.diagnostics.push(finding(
                codes::FRONT_MATTER,
                (1, 1),
                "the front matter has no closing `---`, so nothing of it is understood",
                "add a line `---` below the last key",
            ));
        }
        return parsed;
    };
    parsed.body = body;
    let yaml = &text[yaml_start..yaml_end];
    if yaml.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return parsed;
    }
    if yaml.len() > MAX_BYTES {
        parsed.diagnostics.push(finding(
            codes::FRONT_MATTER,
            (1, 1),
            format!("the front matter is larger than {MAX_BYTES} bytes, so nothing of it is understood"),
            "keep data elsewhere; the front matter holds a few keys only",
        ));
        return parsed;
    }
    let mut reader = Reader::default();
    match yaml::read(yaml) {
        Ok(root) => reader.document(&root),
        Err(error) => reader.found.push(finding(
            codes::FRONT_MATTER,
            below_fence(error.at),
            format!("the front matter cannot be read: {}", error.reason),
            "correct the YAML between the two `---` lines; docs/reference/runbook-format.md lists the keys",
        )),
    }
    parsed.front = reader.front;
    parsed.param_lines = reader.param_lines;
    parsed.diagnostics.extend(reader.found);
    parsed
}

/// From a place in the YAML to the one in the file, whose first line is `---`.
fn below_fence(at: (u32, u32)) -> (u32, u32) {
    (at.0.saturating_add(1), at.1)
}

fn looks_like_key(line: &str) -> bool {
    line.split_once(':').is_some_and(|(key, _)| {
        !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
    })
}

/// The key that a word is or is meant to be.
fn meant(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let alias = ALIASES.iter().find(|(word, key)| word.eq_ignore_ascii_case(name) && known.contains(key));
    alias.map(|(_, key)| *key).or_else(|| nearest(name, known))
}

/// Whether a key shows that the block is for us, and not for a site generator.
fn is_ours(key: &str) -> bool {
    !SHARED.iter().any(|shared| shared.eq_ignore_ascii_case(key)) && meant(key, KEYS).is_some()
}

/// Front matter of ours that does not begin as it should, so that nothing of it would be read.
struct Misplaced {
    finding: Diagnostic,
    /// Where the line after it begins.
    end: usize,
}

/// Finds a block with keys of ours below blank lines, behind blanks, or between `+++` lines.
fn misplaced(text: &str) -> Option<Misplaced> {
    let mut lines = text.split_inclusive('\n').enumerate();
    let mut end = 0;
    let (at, first) = lines.find(|(_, line)| {
        end += line.len();
        !line.trim().is_empty()
    })?;
    let fence = first.trim();
    if !matches!(fence, "---" | "+++") {
        return None;
    }
    let mut found = None;
    for (inside, (_, line)) in lines.take(MOST_LINES).enumerate() {
        end += line.len();
        let line = line.trim_end();
        if line.trim_start() == fence || (fence == "---" && line.trim_start() == "...") {
            found?;
            let (message, hint) = if fence == "---" {
                (
                    "front matter begins on the first line with `---`, so nothing of this block is understood",
                    "remove the blank lines above `---` and the blanks before it",
                )
            } else {
                (
                    "front matter is YAML between `---` lines, so nothing of this block is understood",
                    "write `key: value` lines between two `---` lines",
                )
            };
            let place = (u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1), 1);
            return Some(Misplaced { finding: finding(codes::FRONT_MATTER, place, message, hint), end });
        }
        let key = loose_key(line);
        if inside == 0 {
            key?;
        }
        if key.is_some_and(is_ours) {
            found = key;
        }
    }
    None
}

/// The key of a line of YAML or TOML: `approvals: 2`, `approvals = 2`, `[params.NAME]`.
fn loose_key(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let (key, _) = match line.strip_prefix('[') {
        Some(table) => table.split_once([']', '.'])?,
        None => line.split_once([':', '='])?,
    };
    let key = key.trim().trim_matches(['"', '\'']);
    let word = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    word.then_some(key)
}

/// Collects what the tree says, and what is wrong with it.
#[derive(Default)]
struct Reader {
    front: FrontMatter,
    param_lines: BTreeMap<String, u32>,
    found: Vec<Diagnostic>,
}

impl Reader {
    fn bad(&mut self, node: &Node, message: impl Into<String>, hint: &str) {
        self.found.push(finding(codes::FRONT_MATTER_VALUE, below_fence(node.at), message, hint));
    }

    /// The pairs of a map with their keys as text. Keys that are no text, and repeated ones, are findings.
    fn pairs<'n>(&mut self, pairs: &'n [(Node, Node)]) -> Vec<(String, &'n Node, &'n Node)> {
        let mut seen = BTreeSet::new();
        let mut kept = Vec::new();
        for (key, value) in pairs {
            let Some(name) = key.value.scalar() else {
                let what = key.value.what();
                self.found.push(finding(
                    codes::FRONT_MATTER,
                    below_fence(key.at),
                    format!("a key is text, and this is {what}"),
                    "correct the YAML between the two `---` lines",
                ));
                continue;
            };
            if !seen.insert(name.clone()) {
                self.found.push(finding(
                    codes::FRONT_MATTER,
                    below_fence(key.at),
                    format!("the key `{name}` is given twice"),
                    "keep one of them",
                ));
                continue;
            }
            kept.push((name, key, value));
        }
        kept
    }

    fn unknown(&mut self, name: &str, key: &Node, known: &[&'static str], others: &[String]) {
        let meant = match meant(name, known) {
            Some(meant) => format!("did you mean `{meant}`? "),
            None if GENERATORS.contains(&name) => {
                "it is a key of a site generator, and a block with keys of ours must hold no others; "
                    .to_owned()
            }
            None => String::new(),
        };
        let also = if others.is_empty() { String::new() } else { format!(" (and {})", others.join(", ")) };
        self.found.push(finding(
            codes::FRONT_MATTER_KEY,
            below_fence(key.at),
            format!("unknown front matter key `{name}`{also}"),
            &format!("{meant}known here are {}; put other data elsewhere in the document", known.join(", ")),
        ));
    }

    fn document(&mut self, root: &Node) {
        let pairs = match &root.value {
            Value::Null => return,
            Value::Map(pairs) => pairs,
            other => {
                self.found.push(finding(
                    codes::FRONT_MATTER,
                    below_fence(root.at),
                    format!("the front matter is {}, not keys with values", other.what()),
                    "write `key: value` lines between the two `---` lines",
                ));
                return;
            }
        };
        let ours = |(key, _): &(Node, Node)| key.value.scalar().is_some_and(|key| is_ours(&key));
        if !pairs.iter().any(ours) {
            self.foreign(pairs);
            return;
        }
        let pairs = self.pairs(pairs);
        let mut unknown: Vec<&str> =
            pairs.iter().map(|(name, ..)| name.as_str()).filter(|name| !KEYS.contains(name)).collect();
        unknown.truncate(MOST_NAMED);
        for (name, key, value) in &pairs {
            let (name, value) = (name.as_str(), *value);
            match name {
                "title" => self.front.title = self.text(name, value),
                "service" => self.front.service = self.text(name, value),
                "kind" => self.front.kind = self.text(name, value),
                "severity" => self.front.severity = self.texts(name, value),
                "match" => self.front.match_terms = self.texts(name, value),
                "params" => self.params(value),
                "approvals" => self.front.approvals = self.approvals(value),
                "lock" => self.front.lock = self.text(name, value),
                "timebox" => self.front.timebox = self.timebox(value),
                "owner" => self.front.owner = self.text(name, value),
                _ => {
                    // the first one is what a plan shows, so it names the others as well
                    let others: Vec<String> = match unknown.split_first() {
                        Some((first, others)) if *first == name => {
                            others.iter().map(|other| format!("`{other}`")).collect()
                        }
                        _ => Vec::new(),
                    };
                    self.unknown(name, key, KEYS, &others);
                }
            }
        }
    }

    /// Another tool's block: only its title means the same here.
    fn foreign(&mut self, pairs: &[(Node, Node)]) {
        let title = pairs.iter().find(|(key, _)| key.value == Value::Text("title".to_owned()));
        self.front.title = title.and_then(|(_, value)| value.value.scalar()).filter(|title| is_text(title));
    }

    /// One line of text; nothing after the colon is as if the key were not there.
    fn text(&mut self, key: &str, node: &Node) -> Option<String> {
        if node.value == Value::Null {
            return None;
        }
        let text = node.value.scalar();
        if text.as_deref().is_none_or(|text| !is_text(text)) {
            let what = if text.is_some() { "text with a NUL or without a letter" } else { node.value.what() };
            self.bad(
                node,
                format!("`{key}` takes text, and this is {what}"),
                "write it on one line, in quotes if need be",
            );
            return None;
        }
        text
    }

    /// One text or a list of them.
    fn texts(&mut self, key: &str, node: &Node) -> Vec<String> {
        match &node.value {
            Value::List(items) => items.iter().filter_map(|item| self.text(key, item)).collect(),
            _ => self.text(key, node).into_iter().collect(),
        }
    }

    fn flag(&mut self, key: &str, node: &Node) -> Option<bool> {
        match &node.value {
            Value::Bool(value) => Some(*value),
            other => {
                self.bad(
                    node,
                    format!("`{key}` takes true or false, and this is {}", other.what()),
                    "write true or false",
                );
                None
            }
        }
    }

    fn approvals(&mut self, node: &Node) -> Option<u8> {
        let number = match &node.value {
            Value::Null => return None,
            Value::Number(text) => text.parse().ok(),
            _ => None,
        };
        if number.is_none() {
            self.bad(
                node,
                "`approvals` is not a whole number from 0 to 255",
                "write how many other people must approve",
            );
        }
        number
    }

    fn timebox(&mut self, node: &Node) -> Option<String> {
        let text = self.text("timebox", node)?;
        if parse_span_s(&text).is_none() {
            let hint = "write a number and a unit: 15 min, 45 s, 1 h";
            self.bad(node, format!("`timebox: {text}` is not a length of time"), hint);
        }
        Some(text)
    }

    fn params(&mut self, node: &Node) {
        let pairs = match &node.value {
            Value::Null => return,
            Value::Map(pairs) => pairs,
            other => {
                let message = format!(
                    "`params` takes names with what is declared about each, and this is {}",
                    other.what()
                );
                self.bad(
                    node,
                    message,
                    "write `params:` and below it, indented, `NAME: { description: ... }`",
                );
                return;
            }
        };
        for (name, key, value) in self.pairs(pairs) {
            if let Err(reason) = check_variable(&name) {
                self.found.push(finding(
                    codes::VARIABLE_NAME,
                    below_fence(key.at),
                    reason,
                    "rename the parameter",
                ));
            }
            let param = self.param(&name, key, value);
            self.param_lines.insert(name.clone(), below_fence(key.at).0);
            self.front.params.insert(name, param);
        }
    }

    fn param(&mut self, name: &str, at: &Node, node: &Node) -> Param {
        let mut param = Param::default();
        let pairs = match &node.value {
            Value::Null => return param,
            Value::Map(pairs) => pairs,
            other => {
                let message =
                    format!("`{name}` takes what is declared about it, and this is {}", other.what());
                self.bad(node, message, "write `NAME: { default: value }`");
                return param;
            }
        };
        let (mut default, mut pattern, mut values) = (None, None, None);
        for (key, key_node, value) in self.pairs(pairs) {
            match key.as_str() {
                "description" => param.description = self.text(&key, value),
                "type" => param.kind = self.kind(value),
                "default" => {
                    // an empty text is a value; a list or a map is none
                    param.default = value.value.scalar();
                    if param.default.is_none() {
                        let what = value.value.what();
                        self.bad(
                            value,
                            format!("the default of `{name}` is {what}"),
                            "write text, a number, true or false",
                        );
                    }
                    default = Some(value);
                }
                "required" => param.required = self.flag(&key, value),
                "values" => {
                    param.values = self.values(name, value);
                    values = Some(value);
                }
                "pattern" => {
                    param.pattern = self.text(&key, value);
                    pattern = Some(value);
                }
                "secret" => param.secret = self.flag(&key, value).unwrap_or(true),
                _ => self.unknown(&key, key_node, PARAM_KEYS, &[]),
            }
        }
        let compiled = match (&param.pattern, pattern) {
            (Some(source), Some(node)) => match Pattern::new(source) {
                Ok(compiled) => Some(compiled),
                Err(error) => {
                    let hint = "a pattern is literals, classes such as [a-z0-9-], quantifiers and whole alternatives";
                    self.bad(node, format!("the pattern of `{name}` is refused: {error}"), hint);
                    return param;
                }
            },
            _ => None,
        };
        match (param.kind, values) {
            (ParamType::Enum, _) if param.values.is_empty() => {
                self.bad(
                    values.unwrap_or(at),
                    format!("`{name}` is an enum without values"),
                    "add values: [one, two]",
                );
            }
            (ParamType::Enum, _) | (_, None) => {}
            (_, Some(node)) => {
                self.bad(
                    node,
                    format!("`{name}` has values and is no enum"),
                    "add type: enum, or use a pattern",
                );
            }
        }
        if let (Some(value), Some(node)) = (&param.default, default) {
            if param.secret {
                let hint =
                    "remove the default: a secret comes from the machine that runs, never from the document";
                self.bad(node, format!("`{name}` is secret and has a default in the document"), hint);
            } else if let Err(reason) = check_value_by(&param, compiled.as_ref(), value) {
                let message = format!("the default of `{name}` cannot be its value: {reason}");
                self.bad(node, message, "correct the default or the declaration");
            }
        }
        param
    }

    fn kind(&mut self, node: &Node) -> ParamType {
        let word = node.value.scalar().unwrap_or_default();
        match word.as_str() {
            "string" => ParamType::String,
            "integer" => ParamType::Integer,
            "boolean" => ParamType::Boolean,
            "enum" => ParamType::Enum,
            "duration" => ParamType::Duration,
            _ => {
                let known = ["string", "integer", "boolean", "enum", "duration"];
                let meant = nearest(&word, &known)
                    .map_or_else(String::new, |meant| format!("did you mean {meant}? "));
                let hint = format!("{meant}a type is string, integer, boolean, enum or duration");
                self.bad(node, format!("`{word}` is no type of parameter"), &hint);
                ParamType::String
            }
        }
    }

    fn values(&mut self, name: &str, node: &Node) -> Vec<String> {
        let Value::List(items) = &node.value else {
            let what = node.value.what();
            self.bad(
                node,
                format!("the values of `{name}` are a list, and this is {what}"),
                "write values: [one, two]",
            );
            return Vec::new();
        };
        let mut seen = BTreeSet::new();
        for item in items {
            match item.value.scalar() {
                Some(value) if value.contains('\0') => {
                    self.bad(item, format!("a value of `{name}` holds a NUL byte"), "remove it");
                }
                Some(value) if !seen.insert(value.clone()) => {
                    self.bad(item, format!("`{name}` has the value `{value}` twice"), "keep one of them");
                }
                Some(_) => {}
                None => {
                    let what = item.value.what();
                    self.bad(
                        item,
                        format!("a value of `{name}` is {what}"),
                        "write text, a number, true or false",
                    );
                }
            }
        }
        let mut kept = BTreeSet::new();
        items
            .iter()
            .filter_map(|item| item.value.scalar())
            .filter(|value| kept.insert(value.clone()))
            .collect()
    }
}

/// Something to read, and nothing that ends a text early.
fn is_text(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::super::diagnostic::Code;
    use super::*;

    fn read(text: &str) -> (Parsed, Vec<(Code, u32)>) {
        let parsed = parse(text, &Lines::new(text));
        let found = parsed.diagnostics.iter().map(|d| (d.code, d.line)).collect();
        (parsed, found)
    }

    #[test]
    fn every_key_is_read() {
        let text = "---\ntitle: Go back\nservice: web\nkind: rollback\nseverity: [P1, P2]\nmatch: [error rate]\n\
                    params:\n  NAMESPACE: { default: prod, pattern: '[a-z-]+' }\napprovals: 1\nlock: web\n\
                    timebox: 15 min\nowner: sre\n---\n# Title\n";
        let (parsed, found) = read(text);
        assert_eq!(found, []);
        assert_eq!(parsed.front.title.as_deref(), Some("Go back"));
        assert_eq!(parsed.front.severity, ["P1", "P2"]);
        assert_eq!(parsed.front.match_terms, ["error rate"]);
        assert_eq!(parsed.front.approvals, Some(1));
        assert_eq!(parsed.front.params["NAMESPACE"].default.as_deref(), Some("prod"));
        assert_eq!(&text[parsed.body..], "# Title\n");
    }

    #[test]
    fn parameters_keep_what_is_declared() {
        let (parsed, found) = read(
            "---\nparams:\n  N: { type: integer, default: -3 }\n  B: { type: boolean, default: true }\n  V: { default: 1.10 }\n  \
             E: { type: enum, values: [eu, 2, true], default: eu }\n  D: { type: duration, default: 10m }\n  \
             S: { secret: true }\n  O: { required: false, description: may be empty }\n  X:\n---\n",
        );
        assert_eq!(found, []);
        let params = &parsed.front.params;
        let default = |name: &str| params[name].default.as_deref();
        assert_eq!(
            [default("N"), default("B"), default("V"), default("E"), default("D"), default("S")],
            [Some("-3"), Some("true"), Some("1.10"), Some("eu"), Some("10m"), None]
        );
        assert_eq!(params["E"].values, ["eu", "2", "true"]);
        assert_eq!(params["D"].kind, ParamType::Duration);
        assert!(params["S"].secret && params["O"].required == Some(false) && params["X"] == Param::default());
        assert_eq!(parsed.param_lines["O"], 9);
    }

    #[test]
    fn a_block_of_another_tool_gives_its_title() {
        let (parsed, found) =
            read("---\ntitle: Rotate keys\nlayout: page\ntags: [a, b]\nsection: ops\n---\n");
        assert_eq!(found, []);
        assert_eq!(
            parsed.front,
            FrontMatter { title: Some("Rotate keys".to_owned()), ..FrontMatter::default() }
        );
    }

    #[test]
    fn mistakes_point_at_their_line() {
        let rows = [
            ("# no front matter\n", vec![]),
            ("---\n\n# only a line\n", vec![]),
            ("---\n# a comment\n---\n", vec![]),
            ("\u{feff}---\ntitle: x\n---\n", vec![]),
            ("---\r\ntitle: x\r\n---\r\nbody", vec![]),
            ("---\ntitle: x\n", vec![(codes::FRONT_MATTER, 1)]),
            ("---\ntitle: x\nlayout: y\nweight: 3\n---\n", vec![]),
            (
                "---\nservice: x\nlayout: y\nweight: 3\n---\n",
                vec![(codes::FRONT_MATTER_KEY, 3), (codes::FRONT_MATTER_KEY, 4)],
            ),
            ("---\nparms: {}\n---\n", vec![(codes::FRONT_MATTER_KEY, 2)]),
            ("---\n- a\n---\n", vec![(codes::FRONT_MATTER, 2)]),
            ("---\nservice: x\nservice: y\n---\n", vec![(codes::FRONT_MATTER, 3)]),
            ("---\nparams:\n  A: {}\n  A: {}\n---\n", vec![(codes::FRONT_MATTER, 4)]),
            ("---\nservice: [a]\n---\n", vec![(codes::FRONT_MATTER_VALUE, 2)]),
            ("---\nparams: [A]\n---\n", vec![(codes::FRONT_MATTER_VALUE, 2)]),
            ("---\nparams:\n  A: prod\n---\n", vec![(codes::FRONT_MATTER_VALUE, 3)]),
            ("---\nparams:\n  A: { type: number }\n---\n", vec![(codes::FRONT_MATTER_VALUE, 3)]),
            ("---\nparams:\n  A: { type: enum }\n---\n", vec![(codes::FRONT_MATTER_VALUE, 3)]),
            ("---\nparams:\n  A: { values: [a] }\n---\n", vec![(codes::FRONT_MATTER_VALUE, 3)]),
            (
                "---\nparams:\n  A: { type: enum, values: [a, a] }\n---\n",
                vec![(codes::FRONT_MATTER_VALUE, 3)],
            ),
            ("---\nparams:\n  A: { required: yes }\n---\n", vec![(codes::FRONT_MATTER_VALUE, 3)]),
            (
                "---\nparams:\n  A:\n    secret: true\n    default: x\n---\n",
                vec![(codes::FRONT_MATTER_VALUE, 5)],
            ),
            (
                "---\nparams:\n  A:\n    type: integer\n    default: x\n---\n",
                vec![(codes::FRONT_MATTER_VALUE, 5)],
            ),
            ("---\nparams:\n  A: { default: [x] }\n---\n", vec![(codes::FRONT_MATTER_VALUE, 3)]),
            (
                "---\napprovals: x\ntimebox: soon\nparams:\n  PATH: { colour: red }\n---\n",
                vec![
                    (codes::FRONT_MATTER_VALUE, 2),
                    (codes::FRONT_MATTER_VALUE, 3),
                    (codes::VARIABLE_NAME, 5),
                    (codes::FRONT_MATTER_KEY, 5),
                ],
            ),
            ("---\nparams:\n  A:\n    colour: red\n---\n", vec![(codes::FRONT_MATTER_KEY, 4)]),
            ("---\ntitle: [x\n---\n", vec![(codes::FRONT_MATTER, 2)]),
            ("---\nseverity: P1\nmatch: errors\n---\n", vec![]),
            ("---\napprovals: many\n---\n", vec![(codes::FRONT_MATTER_VALUE, 2)]),
            ("---\ntitle: x\ntimebox: soon\n---\n", vec![(codes::FRONT_MATTER_VALUE, 3)]),
            ("---\nparams:\n  PATH: {}\n---\n", vec![(codes::VARIABLE_NAME, 3)]),
            ("---\nparams:\n  A: { pattern: '(a)' }\n---\n", vec![(codes::FRONT_MATTER_VALUE, 3)]),
            (
                "---\nparams:\n  A: { pattern: '[0-9]+', default: x }\n---\n",
                vec![(codes::FRONT_MATTER_VALUE, 3)],
            ),
        ];
        for (text, expected) in rows {
            let (_, found) = read(text);
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn blocks_that_begin_in_the_wrong_way_are_not_lost() {
        for (text, line) in [
            ("\n---\napprovals: 2\n---\n# T\n", 2),
            ("  \r\n\r\n---\r\ntitle: x\r\napprovals: 2\r\n---\r\n", 3),
            (" ---\napprovals: 2\n---\n", 1),
            ("\u{feff}\n---\nparameters:\n  A: {}\n...\n", 2),
            ("+++\napprovals = 2\n+++\n# T\n", 1),
            ("\n+++\ntitle = \"x\"\n[params.A]\ndefault = \"b\"\n+++\n", 2),
        ] {
            let (parsed, found) = read(text);
            assert_eq!(found, [(codes::FRONT_MATTER, line)], "{text}");
            assert!(!text[parsed.body..].contains("approvals"), "{text}");
        }
        for text in [
            "\n---\n\ntext\n\n---\n",
            "\n---\nNote: be careful\n---\n",
            "\n---\napprovals: 2\n",
            "# T\n---\napprovals: 2\n---\n",
            "+++\ntitle = \"x\"\ndate = 2024-01-01\nweight = 3\n+++\n",
            "\n---\ntitle: x\nlayout: page\n---\n",
            "",
            "\n\n",
        ] {
            assert_eq!(read(text).1, [], "{text}");
        }
    }

    #[test]
    fn keys_that_mean_ours_are_not_lost() {
        for (word, key) in ALIASES {
            let (parsed, found) = read(&format!("---\nservice: x\n{word}: 2\n---\n"));
            assert_eq!(found, [(codes::FRONT_MATTER_KEY, 3)], "{word}");
            let hint = parsed.diagnostics[0].hint.clone().unwrap();
            assert!(hint.contains(&format!("did you mean `{key}`?")), "{hint}");
            let (_, found) = read(&format!("---\n{word}: 2\n---\n"));
            assert_eq!(found.is_empty(), SHARED.contains(word), "{word}");
        }
        for word in [
            "layout",
            "date",
            "weight",
            "tags",
            "categories",
            "owner_slack",
            "review_in",
            "last_reviewed_on",
            "section",
            "parent",
            "owners",
            "name",
            "locale",
            "description",
            "cover",
            "important",
            "related_repos",
        ] {
            assert_eq!(read(&format!("---\ntitle: x\n{word}: y\n---\n")).1, [], "{word}");
        }
    }

    #[test]
    fn the_first_unknown_key_names_the_others() {
        let text = "---\nservice: web\nlayout: page\ntags: [a]\nownr: me\n---\n# T\n";
        let found = parse(text, &Lines::new(text)).diagnostics;
        let messages: Vec<_> = found.iter().map(|found| found.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "unknown front matter key `layout` (and `tags`, `ownr`)",
                "unknown front matter key `tags`",
                "unknown front matter key `ownr`",
            ]
        );
        let hints: Vec<_> = found.iter().filter_map(|found| found.hint.as_deref()).collect();
        assert!(hints[0].starts_with("it is a key of a site generator"), "{}", hints[0]);
        assert!(hints[2].starts_with("did you mean `owner`?"), "{}", hints[2]);
    }
}
