//! A fence's info string: its language and the attributes in braces.
//!
//! Both spellings that Runme writes are understood: `bash {name=x effect=once}` and `bash {"name":"x"}`. A bare
//! value runs to the next blank, so that `pattern=[0-9]{1,4}` needs no quotes. An unknown attribute is an error, and
//! so are those that only Runme knows (`interactive`, `background`, ...): half-understood annotations on a command
//! that changes things are worse than none.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::codes;
use super::diagnostic::Code;
use super::flow;
use super::model::{Capture, CommandKind, Effect, Flow, Until};
use super::names::{check_variable, nearest};
use crate::pattern::Pattern;

/// Every attribute that a fence may carry.
pub(crate) const ATTRIBUTES: &[&str] = &[
    "name",
    "effect",
    "timeout",
    "retries",
    "capture",
    "type",
    "pattern",
    "max",
    "lines",
    "undo",
    "probe",
    "baseline",
    "connection",
    "when",
    "foreach",
    "concurrency",
    "canary",
    "budget",
    "parallel",
    "until",
    "every",
    "conditional",
];

/// Longest `timeout=`: a day.
const LONGEST_TIMEOUT_MS: u64 = 24 * 60 * 60 * 1000;
/// Accepted length of a captured value when `max=` says nothing, in bytes.
const DEFAULT_MAX_BYTES: u32 = 256;
/// Largest `max=`, in bytes.
const LARGEST_MAX_BYTES: u32 = 4096;
/// Most problems that one info string tells of: a machine wrote one with more.
const MOST_PROBLEMS: usize = 20;
/// Largest `retries=`.
const MOST_RETRIES: u8 = 10;

/// What a fence is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    /// Commands of the step.
    #[default]
    Main,
    /// The step's declared inverse.
    Undo,
    /// Tells whether the step's effect has happened.
    Probe,
    /// Runs before the step's first effect.
    Baseline,
}

/// A problem in an info string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InfoProblem {
    /// Its code.
    pub code: Code,
    /// What is wrong, in lowercase.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// The text to point at.
    pub at: String,
}

/// An info string as understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Info {
    /// The language, lowercase; empty for an untagged fence.
    pub language: String,
    /// `name=`.
    pub name: Option<String>,
    /// `effect=`.
    pub effect: Option<Effect>,
    /// `timeout=` in milliseconds.
    pub timeout_ms: Option<u64>,
    /// `retries=`; 0 when it says nothing.
    pub retries: u8,
    /// `connection=`.
    pub connection: Option<String>,
    /// `when=`, `foreach=`, `parallel=` and `until=`.
    pub flow: Flow,
    /// `conditional=no`: it runs in its turn, whatever the text above it seems to say.
    pub unconditional: bool,
    /// `capture=` or `baseline=NAME` with its bounds.
    pub capture: Option<Capture>,
    /// `undo`, `probe` or `baseline`.
    pub role: Role,
    /// What is wrong with the attributes. With a problem the fence's commands do not run.
    pub problems: Vec<InfoProblem>,
}

impl Info {
    /// What carries the fence out; `None` when nothing does.
    #[must_use]
    pub fn kind(&self) -> Option<CommandKind> {
        kind_of(&self.language)
    }

    /// Whether somebody wrote attributes, which nobody does for a fence that is only shown.
    #[must_use]
    pub(crate) fn has_attributes(&self) -> bool {
        *self != Info { language: self.language.clone(), ..Info::default() }
    }

    /// Whether the attributes mean the fence as a whole: it is one command then, up to an expectation.
    #[must_use]
    pub fn is_one_command(&self) -> bool {
        self.name.is_some()
            || self.capture.is_some()
            || self.retries > 0
            || !self.flow.is_plain()
            || self.role != Role::Main
    }
}

/// What carries a language out, in any case of its letters; `None` when nothing does.
pub(crate) fn kind_of(language: &str) -> Option<CommandKind> {
    const KINDS: &[(&str, CommandKind)] = &[
        ("bash", CommandKind::Shell),
        ("sh", CommandKind::Shell),
        ("shell", CommandKind::Shell),
        ("zsh", CommandKind::Shell),
        ("console", CommandKind::Shell),
        ("http", CommandKind::Http),
        ("promql", CommandKind::Promql),
        ("sql", CommandKind::Sql),
        ("include", CommandKind::Include),
    ];
    // the braces of attributes may follow at once: `bash{name=x}`
    let word = language.split('{').next().unwrap_or_default();
    KINDS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, kind)| *kind)
}

/// Reads a fence's info string: the raw text after its marks. Any text gives an [`Info`]; what is wrong with it is in
/// [`Info::problems`]. Attributes of fences that nothing carries out are left alone.
///
/// ```
/// let info = runbook_core::runbook::read_info("bash {name=check effect=read timeout=30s}");
/// assert_eq!(info.name.as_deref(), Some("check"));
/// assert_eq!(info.timeout_ms, Some(30_000));
/// assert!(info.problems.is_empty());
/// ```
#[must_use]
pub fn read_info(raw: &str) -> Info {
    parse(raw)
}

pub(crate) fn parse(raw: &str) -> Info {
    let raw = raw.trim();
    let split = raw.find(|c: char| c.is_whitespace() || c == '{').unwrap_or(raw.len());
    let (language, rest) = raw.split_at(split);
    let mut info = Info { language: language.to_ascii_lowercase(), ..Info::default() };
    let rest = rest.trim();
    if rest.is_empty() || info.kind().is_none() {
        return info;
    }
    let Some(inside) = rest.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        info.problems.push(InfoProblem {
            code: codes::ATTRIBUTE,
            message: format!("`{rest}` after the language is not a list of attributes"),
            hint: "write attributes in braces: bash {name=check effect=read}".to_owned(),
            at: rest.to_owned(),
        });
        return info;
    };
    let pairs = if inside.trim_start().starts_with('"') { json_pairs(rest) } else { split_pairs(inside) };
    match pairs {
        Ok(pairs) => Reader::default().read(&pairs, &mut info),
        Err(problem) => info.problems.push(problem),
    }
    info
}

fn malformed(at: &str, message: impl Into<String>) -> InfoProblem {
    InfoProblem {
        code: codes::ATTRIBUTE_VALUE,
        message: message.into(),
        hint: "write {key=value flag} or {\"key\":\"value\"}".to_owned(),
        at: at.to_owned(),
    }
}

fn json_pairs(text: &str) -> Result<Pairs<'static>, InfoProblem> {
    // a list of pairs instead of a map, so that a repeated key is seen
    struct Values(Vec<(String, serde_json::Value)>);
    impl<'de> serde::Deserialize<'de> for Values {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = Values;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object of attributes")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Values, A::Error> {
                    let mut pairs = Vec::new();
                    while let Some(pair) = map.next_entry()? {
                        pairs.push(pair);
                    }
                    Ok(Values(pairs))
                }
            }
            deserializer.deserialize_map(Visitor)
        }
    }
    let pairs: Values = serde_json::from_str(text)
        .map_err(|e| malformed(text, format!("the attributes are not JSON: {e}")))?;
    pairs
        .0
        .into_iter()
        .map(|(key, value)| match value {
            serde_json::Value::String(value) => Ok((Cow::Owned(key), Cow::Owned(value))),
            serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {
                Ok((Cow::Owned(key), Cow::Owned(value.to_string())))
            }
            _ => Err(malformed(&key, format!("`{key}` needs a text, a number, true or false"))),
        })
        .collect()
}

/// Keys with their values as they are written.
type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// What stands between attributes. Everything that ends a key must be passed over here, or reading never ends.
fn is_between(c: char) -> bool {
    c.is_whitespace() || c == ','
}

/// Splits `key=value flag key="two words"`; a flag gets the value `true`.
fn split_pairs(inside: &str) -> Result<Pairs<'_>, InfoProblem> {
    let mut pairs = Vec::new();
    let mut rest = inside.trim_start_matches(is_between);
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let key = rest[..end].trim_end_matches(',');
        rest = &rest[end..];
        let Some(after) = rest.strip_prefix('=') else {
            pairs.push((Cow::Borrowed(key), Cow::Borrowed("true")));
            rest = rest.trim_start_matches(is_between);
            continue;
        };
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
        let value = if let Some(quote) = quote {
            let body = &after[1..];
            let close = body
                .find(quote)
                .ok_or_else(|| malformed(after, format!("the value of `{key}` has no closing {quote}")))?;
            rest = &body[close + 1..];
            if !rest.is_empty() && !rest.starts_with(is_between) {
                return Err(malformed(after, format!("text follows the closing quote of `{key}`")));
            }
            &body[..close]
        } else {
            let close = after.find(char::is_whitespace).unwrap_or(after.len());
            rest = &after[close..];
            &after[..close]
        };
        pairs.push((Cow::Borrowed(key), Cow::Borrowed(value)));
        rest = rest.trim_start_matches(is_between);
    }
    Ok(pairs)
}

/// Collects what only makes sense together.
#[derive(Default)]
struct Reader<'p> {
    roles: Vec<Role>,
    captures: Vec<String>,
    /// What `type=` says: the pattern that it stands for.
    kind: Option<&'static str>,
    pattern: Option<String>,
    max: Option<u32>,
    /// `lines`: the value has several.
    lines: bool,
    /// What `every=` says, in milliseconds.
    every_ms: Option<u64>,
    /// What `concurrency=`, `budget=` and `canary` say about a loop.
    concurrency: Option<u16>,
    budget: Option<u16>,
    canary: bool,
    /// Which attributes are there, for what goes with which kind of fence.
    present: BTreeSet<&'p str>,
}

impl<'p> Reader<'p> {
    fn read(mut self, pairs: &'p Pairs<'_>, info: &mut Info) {
        for (key, value) in pairs {
            // one problem is enough to keep the commands from running
            if info.problems.len() >= MOST_PROBLEMS {
                break;
            }
            if !self.present.insert(key) {
                info.problems.push(InfoProblem {
                    code: codes::ATTRIBUTE_TWICE,
                    message: format!("`{key}` is given twice"),
                    hint: "keep one of them".to_owned(),
                    at: key.to_string(),
                });
                continue;
            }
            if let Err(problem) = self.attribute(key, value, info) {
                info.problems.push(problem);
            }
        }
        self.together(info);
    }

    fn attribute(&mut self, key: &str, value: &str, info: &mut Info) -> Result<(), InfoProblem> {
        let bad = |hint: &str| InfoProblem {
            code: codes::ATTRIBUTE_VALUE,
            message: format!("`{key}={value}` is not valid"),
            hint: hint.to_owned(),
            at: key.to_owned(),
        };
        match key {
            "name" => info.name = Some(checked_name(value).ok_or_else(|| {
                bad("a name has 1 to 64 letters, digits, `.`, `_` and `-`, and begins with a letter or digit")
            })?),
            "effect" => {
                info.effect = Some(match value {
                    "read" => Effect::Read,
                    "idempotent" => Effect::Idempotent,
                    "once" => Effect::Once,
                    _ => return Err(bad("effect is read, idempotent or once")),
                });
            }
            "timeout" => {
                info.timeout_ms = Some(
                    parse_duration_ms(value).filter(|ms| (1..=LONGEST_TIMEOUT_MS).contains(ms)).ok_or_else(
                        || bad("write a whole number with ms, s, m or h: 500ms, 45s, 2m; at most 24h"),
                    )?,
                );
            }
            "retries" => {
                // `+1` and `01` are other spellings of a number, and here nobody means them
                let digits =
                    value.bytes().all(|b| b.is_ascii_digit()) && (value == "0" || !value.starts_with('0'));
                info.retries = value
                    .parse()
                    .ok()
                    .filter(|retries| digits && *retries <= MOST_RETRIES)
                    .ok_or_else(|| bad("retries is a whole number from 0 to 10"))?;
            }
            "connection" => {
                info.connection = Some(checked_name(value).ok_or_else(|| {
                    bad("a connection is named as in the configuration: letters, digits, `.`, `_` and `-`")
                })?);
            }
            "when" => {
                flow::condition(value).map_err(|why| bad_flow(key, value, &why))?;
                info.flow.when = Some(value.to_owned());
            }
            "foreach" => {
                info.flow.foreach = Some(flow::foreach(value).map_err(|why| bad_flow(key, value, &why))?);
            }
            "concurrency" => {
                let most = flow::MOST_AT_ONCE;
                let number = flow::bound(value, 1, most).map_err(|why| bad_flow(key, value, &why))?;
                self.concurrency = Some(number);
            }
            "budget" => {
                let number = flow::bound(value, 0, 255).map_err(|why| bad_flow(key, value, &why))?;
                self.budget = Some(number);
            }
            "canary" => match value {
                "true" => self.canary = true,
                "false" => {}
                _ => return Err(bad("it is a flag: write it without a value")),
            },
            "parallel" => {
                info.flow.parallel = Some(flow::group(value).map_err(|why| bad_flow(key, value, &why))?);
            }
            "until" => {
                let deadline_ms = flow::wait(value).map_err(|why| bad_flow(key, value, &why))?;
                info.flow.until = Some(Until { deadline_ms, every_ms: None });
            }
            "every" => {
                let every_ms = flow::interval(value).map_err(|why| bad_flow(key, value, &why))?;
                self.every_ms = Some(every_ms);
            }
            "conditional" => match value {
                "no" => info.unconditional = true,
                _ => {
                    return Err(bad(
                        "write conditional=no when the block runs in its turn, whatever the text above it says",
                    ));
                }
            },
            "capture" => self.capture(value)?,
            "type" => {
                self.kind = Some(match value {
                    "string" => ".+",
                    "integer" => "-?[0-9]{1,19}",
                    "boolean" => "true|false",
                    "duration" => "[0-9]{1,9}[smh]|[0-9]{1,9}ms",
                    _ => return Err(bad("type is string, integer, boolean or duration")),
                });
            }
            "pattern" if value.is_empty() => return Err(bad("an empty pattern fits no value")),
            "pattern" => {
                Pattern::new(value).map_err(|e| bad(&e.to_string()))?;
                self.pattern = Some(value.to_owned());
            }
            "max" => {
                self.max = Some(
                    value
                        .parse()
                        .ok()
                        .filter(|max| (1..=LARGEST_MAX_BYTES).contains(max))
                        .ok_or_else(|| bad("max is a number of bytes from 1 to 4096"))?,
                );
            }
            "lines" => match value {
                "true" => self.lines = true,
                "false" => {}
                _ => return Err(bad("it is a flag: write it without a value")),
            },
            "undo" | "probe" => match value {
                "true" => self.roles.push(if key == "undo" { Role::Undo } else { Role::Probe }),
                "false" => {}
                _ => return Err(bad("it is a flag: write it without a value")),
            },
            "baseline" => match value {
                "true" => self.roles.push(Role::Baseline),
                "false" => {}
                name => {
                    self.roles.push(Role::Baseline);
                    self.capture(name)?;
                }
            },
            _ => {
                return Err(InfoProblem {
                    code: codes::ATTRIBUTE,
                    message: format!("unknown attribute `{key}`"),
                    hint: unknown(key),
                    at: key.to_owned(),
                });
            }
        }
        Ok(())
    }

    fn capture(&mut self, name: &str) -> Result<(), InfoProblem> {
        check_variable(name).map_err(|message| InfoProblem {
            code: codes::VARIABLE_NAME,
            message,
            hint: "choose a name of the runbook's own, such as PREVIOUS_REVISION".to_owned(),
            at: name.to_owned(),
        })?;
        self.captures.push(name.to_owned());
        Ok(())
    }

    fn together(self, info: &mut Info) {
        let mut conflicts = Vec::new();
        let mut conflict = |message: &str, hint: &str, at: &str| {
            conflicts.push(InfoProblem {
                code: codes::ATTRIBUTE_CONFLICT,
                message: message.to_owned(),
                hint: hint.to_owned(),
                at: at.to_owned(),
            });
        };
        if self.roles.len() > 1 {
            conflict(
                "a fence is an undo, a probe or a baseline, not several of them",
                "split it into one fence each",
                "{",
            );
        }
        if self.captures.len() > 1 {
            conflict(
                "`baseline=NAME` and `capture=NAME` both name the captured value",
                "keep one",
                "capture",
            );
        }
        let bounds = ["pattern", "type"].iter().any(|key| self.present.contains(key));
        if !self.captures.is_empty() && !bounds {
            conflict(
                "a captured value needs a pattern or a type: it reaches later commands",
                "add pattern=..., such as pattern=[0-9]{1,6}, or type=integer",
                "{",
            );
        }
        let bounded = self.pattern.is_some() || self.kind.is_some() || self.max.is_some() || self.lines;
        if self.captures.is_empty() && bounded {
            conflict(
                "`pattern`, `type`, `max` and `lines` belong to a captured value",
                "add capture=NAME or remove them",
                "{",
            );
        }
        let role = self.roles.first().copied().unwrap_or_default();
        if info.retries > 0 && info.effect == Some(Effect::Once) {
            conflict(
                "a command that must not be repeated has `retries`",
                "remove retries, or say effect=idempotent when repeating it is safe",
                "retries",
            );
        }
        let of_loops = ["concurrency", "canary", "budget"];
        match &mut info.flow.foreach {
            Some(foreach) => {
                foreach.concurrency = self.concurrency.unwrap_or(1);
                foreach.budget = self.budget.unwrap_or_default();
                foreach.canary = self.canary;
            }
            None if self.present.contains("foreach") => {}
            None => {
                for key in of_loops.into_iter().filter(|key| self.present.contains(key)) {
                    conflict(
                        &format!("`{key}` is about the items of a loop, and there is none"),
                        "add foreach=\"NAME in SOURCE\" or remove it",
                        key,
                    );
                }
            }
        }
        if info.flow.foreach.is_some() && info.flow.parallel.is_some() {
            conflict(
                "`foreach` stands in a parallel group",
                "say concurrency=... for items at the same time, or take it out of the group",
                "parallel",
            );
        }
        if info.flow.foreach.is_some() && !self.captures.is_empty() {
            conflict(
                "`foreach` captures a value, and each item would give another one",
                "capture in a block of its own",
                "capture",
            );
        }
        match (&mut info.flow.until, self.every_ms) {
            (Some(until), every_ms) => until.every_ms = every_ms,
            (None, Some(_)) if !self.present.contains("until") => conflict(
                "`every` says how often to look, and nothing says for how long",
                "add until=..., such as until=10m, or remove every",
                "every",
            ),
            (None, _) => {}
        }
        if info.flow.until.is_some() && info.retries > 0 {
            conflict(
                "`until` and `retries` both say when it is tried again",
                "keep `until` for what takes time to come true, and `retries` for what fails by chance",
                "retries",
            );
        }
        if info.flow.until.is_some() && info.effect == Some(Effect::Once) {
            conflict(
                "a command that must not be repeated has `until`, which repeats it",
                "wait in a block of its own that only looks (effect=read)",
                "until",
            );
        }
        if role != Role::Main && !info.flow.is_plain() {
            conflict(
                "`when`, `foreach`, `parallel` and `until` belong to a step's own commands, not to its undo, probe or baseline",
                "remove them here",
                "{",
            );
        }
        for key in self.present.iter().filter(|key| !fits(key, info.kind())) {
            let kind = info.kind().map_or("this", CommandKind::word);
            conflict(
                &format!("`{key}` means nothing for {kind} commands"),
                "remove it, or choose the language that it belongs to",
                key,
            );
        }
        info.problems.extend(conflicts);
        info.problems.truncate(MOST_PROBLEMS);
        info.role = role;
        let pattern = self.pattern.or(self.kind.map(str::to_owned));
        if let (Some(name), Some(pattern)) = (self.captures.into_iter().next(), pattern) {
            let default = if self.lines { LARGEST_MAX_BYTES } else { DEFAULT_MAX_BYTES };
            let max_bytes = self.max.unwrap_or(default);
            info.capture =
                Some(Capture { name, pattern, max_bytes, lines: self.lines, places: BTreeSet::new() });
        }
    }
}

/// Whether a known attribute makes sense for a kind of command. An unknown one has its own finding.
fn fits(key: &str, kind: Option<CommandKind>) -> bool {
    match (kind, key) {
        (Some(CommandKind::Shell), "connection") => false,
        // a query changes nothing, so there is nothing to undo
        (Some(CommandKind::Promql), "undo") => false,
        // an include is several steps: going through them for each item, or beside others, is not carried out
        (Some(CommandKind::Include), "name" | "when") => true,
        (Some(CommandKind::Include), key) => !ATTRIBUTES.contains(&key),
        _ => true,
    }
}

/// Attributes that Runme acts on and Blocks does not.
const RUNME: &[&str] = &[
    "background",
    "category",
    "closeTerminalOnSuccess",
    "cwd",
    "excludeFromRunAll",
    "id",
    "interactive",
    "interpreter",
    "mimeType",
    "promptEnv",
    "tag",
    "terminalRows",
];

fn unknown(key: &str) -> String {
    if RUNME.contains(&key) {
        return format!(
            "`{key}` is Runme's and nothing here acts on it: remove it, or keep the block as text"
        );
    }
    let known = ATTRIBUTES.join(", ");
    match nearest(key, ATTRIBUTES) {
        Some(meant) => format!("did you mean `{meant}`? known are {known}"),
        None => format!("known are {known}"),
    }
}

fn bad_flow(key: &str, value: &str, why: &str) -> InfoProblem {
    InfoProblem {
        code: codes::FLOW,
        message: format!("`{key}={value}` cannot be read: {why}"),
        hint:
            "write when=\"NAME == value\", foreach=\"NAME in SOURCE\", parallel=GROUP or until=10m every=15s"
                .to_owned(),
        at: key.to_owned(),
    }
}

pub(crate) fn checked_name(name: &str) -> Option<String> {
    let good = name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    good.then(|| name.to_owned())
}

/// Milliseconds of `500ms`, `45s`, `2m` or `1h`; `None` for anything else.
pub(crate) fn parse_duration_ms(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let factor = match &text[digits..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_mean_the_same() {
        let braces = parse("bash {name=undo-rollout effect=once timeout=60s undo}");
        let json = parse(r#"bash {"name":"undo-rollout","effect":"once","timeout":"60s","undo":true}"#);
        assert_eq!(braces, json);
        assert_eq!(braces.problems, []);
        assert_eq!(braces.name.as_deref(), Some("undo-rollout"));
        assert_eq!(braces.effect, Some(Effect::Once));
        assert_eq!(braces.timeout_ms, Some(60_000));
        assert_eq!(braces.role, Role::Undo);
    }

    #[test]
    fn captures_keep_their_pattern_as_written() {
        let info = parse(r"bash {capture=REV pattern=[0-9]{1,4} max=8}");
        assert_eq!(info.problems, []);
        let capture = info.capture.unwrap();
        assert_eq!(
            (capture.name.as_str(), capture.pattern.as_str(), capture.max_bytes),
            ("REV", "[0-9]{1,4}", 8)
        );
        let info = parse(r#"sh {baseline=TAG pattern="v\d+\.\d+"}"#);
        assert_eq!(info.problems, []);
        assert_eq!(info.role, Role::Baseline);
        assert_eq!(info.capture.unwrap().pattern, r"v\d+\.\d+");
    }

    #[test]
    fn mistakes_have_codes() {
        let rows: &[(&str, &[Code])] = &[
            ("bash", &[]),
            ("bash{name=a}", &[]),
            ("Bash {}", &[]),
            ("yaml {whatever=1}", &[]),
            ("bash {undo=false}", &[]),
            ("bash {name=a\u{a0}undo}", &[]),
            ("bash {undo\u{c}name=\"a\"\u{a0}}", &[]),
            ("bash title=x", &[codes::ATTRIBUTE]),
            ("bash {colour=red}", &[codes::ATTRIBUTE]),
            ("bash {interactive=false}", &[codes::ATTRIBUTE]),
            ("bash {=x}", &[codes::ATTRIBUTE]),
            ("bash {effect=maybe}", &[codes::ATTRIBUTE_VALUE]),
            ("bash {effect}", &[codes::ATTRIBUTE_VALUE]),
            ("bash {timeout=0s}", &[codes::ATTRIBUTE_VALUE]),
            ("bash {timeout=soon}", &[codes::ATTRIBUTE_VALUE]),
            ("bash {timeout=99999999999999999999h}", &[codes::ATTRIBUTE_VALUE]),
            ("bash {timeout=25h}", &[codes::ATTRIBUTE_VALUE]),
            ("bash {name=\"a b\"}", &[codes::ATTRIBUTE_VALUE]),
            ("bash {name=\"a}", &[codes::ATTRIBUTE_VALUE]),
            ("bash {\"name\":[1]}", &[codes::ATTRIBUTE_VALUE]),
            ("bash {\"name\"", &[codes::ATTRIBUTE]),
            ("bash {\"name\":}", &[codes::ATTRIBUTE_VALUE]),
            ("bash {name=a name=b}", &[codes::ATTRIBUTE_TWICE]),
            ("bash {\"name\":\"a\",\"name\":\"b\"}", &[codes::ATTRIBUTE_TWICE]),
            ("bash {undo probe}", &[codes::ATTRIBUTE_CONFLICT]),
            ("bash {capture=A}", &[codes::ATTRIBUTE_CONFLICT]),
            ("bash {pattern=a}", &[codes::ATTRIBUTE_CONFLICT]),
            ("bash {capture=PATH pattern=.+}", &[codes::VARIABLE_NAME, codes::ATTRIBUTE_CONFLICT]),
            ("bash {capture=A pattern=(a)}", &[codes::ATTRIBUTE_VALUE]),
            ("bash {capture=A pattern=}", &[codes::ATTRIBUTE_VALUE]),
            ("bash {capture=A pattern=\"\"}", &[codes::ATTRIBUTE_VALUE]),
            ("bash {capture=A type=integer}", &[]),
            ("bash {capture=A type=integer pattern=[1-9]}", &[]),
            ("bash {capture=A type=float}", &[codes::ATTRIBUTE_VALUE]),
            ("bash {type=integer}", &[codes::ATTRIBUTE_CONFLICT]),
            ("bash {capture=A pattern=[a-z]+ lines}", &[]),
            ("bash {capture=A pattern=[a-z]+ lines=2}", &[codes::ATTRIBUTE_VALUE]),
            ("bash {capture=A lines}", &[codes::ATTRIBUTE_CONFLICT]),
            ("bash {lines}", &[codes::ATTRIBUTE_CONFLICT]),
            ("bash {retries=3 effect=read}", &[]),
            ("bash {retries=3}", &[]),
            ("bash {retries=0 effect=once}", &[]),
            ("bash {retries=3 effect=once}", &[codes::ATTRIBUTE_CONFLICT]),
            ("bash {retries=11}", &[codes::ATTRIBUTE_VALUE]),
            ("bash {retries=-1}", &[codes::ATTRIBUTE_VALUE]),
            ("bash {retries=+1}", &[codes::ATTRIBUTE_VALUE]),
            ("bash {connection=db}", &[codes::ATTRIBUTE_CONFLICT]),
            ("sql {connection=db}", &[]),
            ("sql {connection=\"a b\"}", &[codes::ATTRIBUTE_VALUE]),
            ("promql {undo}", &[codes::ATTRIBUTE_CONFLICT]),
            ("include {name=x when=\"A == b\"}", &[]),
            ("include {capture=A type=string}", &[codes::ATTRIBUTE_CONFLICT, codes::ATTRIBUTE_CONFLICT]),
            ("include {effect=once}", &[codes::ATTRIBUTE_CONFLICT]),
            ("bash {when=\"REGION == eu\"}", &[]),
            ("bash {when=\"REGION = eu\"}", &[codes::FLOW]),
            ("bash {when=\"PATH == eu\"}", &[codes::FLOW]),
            ("bash {foreach=\"host in HOSTS\"}", &[]),
            ("bash {foreach=host}", &[codes::FLOW]),
            ("bash {foreach=\"host in [a, b]\" concurrency=2 canary budget=1}", &[]),
            ("bash {foreach=\"host in A\" concurrency=0}", &[codes::FLOW]),
            ("bash {foreach=\"host in A\" concurrency=99}", &[codes::FLOW]),
            ("bash {foreach=\"host in A\" budget=-1}", &[codes::FLOW]),
            ("bash {foreach=\"host in A\" canary=yes}", &[codes::ATTRIBUTE_VALUE]),
            ("bash {foreach=\"host in A\" parallel=a}", &[codes::ATTRIBUTE_CONFLICT]),
            ("bash {foreach=\"host in A\" capture=B type=integer}", &[codes::ATTRIBUTE_CONFLICT]),
            ("bash {canary budget=1}", &[codes::ATTRIBUTE_CONFLICT, codes::ATTRIBUTE_CONFLICT]),
            ("include {foreach=\"host in A\"}", &[codes::ATTRIBUTE_CONFLICT]),
            ("include {parallel=a}", &[codes::ATTRIBUTE_CONFLICT]),
            ("bash {parallel=checks}", &[]),
            ("bash {parallel}", &[]),
            ("bash {parallel=\"a b\"}", &[codes::FLOW]),
            ("bash {until=10m}", &[]),
            ("bash {until=10m every=15s effect=read}", &[]),
            ("bash {every=15s until=10m}", &[]),
            ("bash {until=soon}", &[codes::FLOW]),
            ("bash {until=soon every=15s}", &[codes::FLOW]),
            ("bash {until=500ms}", &[codes::FLOW]),
            ("bash {until=25h}", &[codes::FLOW]),
            ("bash {until=10m every=0s}", &[codes::FLOW]),
            ("bash {until=10m every=2h}", &[codes::FLOW]),
            ("bash {every=15s}", &[codes::ATTRIBUTE_CONFLICT]),
            ("bash {until=10m retries=2}", &[codes::ATTRIBUTE_CONFLICT]),
            ("bash {until=10m effect=once}", &[codes::ATTRIBUTE_CONFLICT]),
            ("bash {undo until=10m}", &[codes::ATTRIBUTE_CONFLICT]),
            ("include {until=10m}", &[codes::ATTRIBUTE_CONFLICT]),
            ("bash {undo when=\"A == b\"}", &[codes::ATTRIBUTE_CONFLICT]),
            ("bash {colour=red size=1}", &[codes::ATTRIBUTE, codes::ATTRIBUTE]),
            ("bash {capture=A pattern=a max=0}", &[codes::ATTRIBUTE_VALUE]),
        ];
        for (raw, expected) in rows {
            let found: Vec<Code> = parse(raw).problems.into_iter().map(|p| p.code).collect();
            assert_eq!(found, *expected, "{raw}");
        }
    }

    #[test]
    fn few_of_many_problems_are_kept() {
        for (one, code) in [("name=x ", codes::ATTRIBUTE_TWICE), ("a{n}=x ", codes::ATTRIBUTE)] {
            let many: String = (0..50_000).map(|n| one.replace("{n}", &n.to_string())).collect();
            let problems = parse(&format!("bash {{{many}}}")).problems;
            assert_eq!(problems.len(), MOST_PROBLEMS);
            assert_eq!(problems.first().map(|problem| problem.code), Some(code));
        }
    }

    #[test]
    fn a_type_stands_for_a_pattern() {
        for (kind, fits, misfits) in [
            ("integer", vec!["0", "-12", "007"], vec!["", "1.5", "1e3", "x"]),
            ("boolean", vec!["true", "false"], vec!["True", "yes", ""]),
            ("duration", vec!["45s", "500ms", "2h"], vec!["45", "1 h", "s"]),
            ("string", vec!["any text"], vec!["", "two\nlines"]),
        ] {
            let capture = parse(&format!("bash {{capture=A type={kind}}}")).capture.unwrap();
            let pattern = Pattern::new(&capture.pattern).unwrap();
            for value in fits {
                assert!(pattern.is_match(value), "{kind} {value:?}");
            }
            for value in misfits {
                assert!(!pattern.is_match(value), "{kind} {value:?}");
            }
        }
    }

    #[test]
    fn an_unknown_attribute_is_told_apart() {
        for (raw, hint) in [
            ("bash {efect=read}", "did you mean `effect`?"),
            ("bash {time-out=3s}", "did you mean `timeout`?"),
            ("bash {interactive=false}", "Runme"),
            ("bash {zzzzzz=1}", "known are name, effect"),
        ] {
            let problem = parse(raw).problems.remove(0);
            assert!(problem.hint.contains(hint), "{raw}: {}", problem.hint);
        }
    }

    #[test]
    fn flow_is_kept_as_written() {
        let info = parse("bash {when=\"REGION == eu\" foreach=\"h in HOSTS\" concurrency=4 canary budget=2}");
        assert_eq!(info.problems, []);
        assert_eq!(info.flow.when.as_deref(), Some("REGION == eu"));
        let foreach = info.flow.foreach.unwrap();
        assert_eq!((foreach.name.as_str(), foreach.source.as_str()), ("h", "HOSTS"));
        assert_eq!((foreach.concurrency, foreach.canary, foreach.budget), (4, true, 2));
        assert_eq!(parse("bash {parallel=a}").flow.parallel.as_deref(), Some("a"));
    }

    proptest::proptest! {
        #[test]
        fn any_info_string_is_survived(raw in "(bash|sql|include|http|promql) ?[ -~é]{0,50}") {
            let info = parse(&raw);
            for problem in &info.problems {
                proptest::prop_assert!(!problem.message.is_empty() && !problem.hint.is_empty());
            }
        }
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration_ms("500ms"), Some(500));
        assert_eq!(parse_duration_ms("2m"), Some(120_000));
        for bad in ["", "s", "5", "5 s", "-5s", "1.5s", "5d"] {
            assert_eq!(parse_duration_ms(bad), None, "{bad}");
        }
    }
}
