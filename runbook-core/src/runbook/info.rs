//! A fence's info string: its language and the attributes in braces.
//!
//! Both spellings that Runme writes are understood: `bash {name=x effect=once}` and `bash {"name":"x"}`. A bare
//! value runs to the next blank, so that `pattern=[0-9]{1,4}` needs no quotes. An unknown attribute is an error:
//! half-understood annotations on a command that changes things are worse than none.

use super::codes;
use super::diagnostic::Code;
use super::model::{Capture, CommandKind, Effect, Flow};
use super::names::check_variable;
use crate::pattern::Pattern;

/// Longest `timeout=`: a day.
const LONGEST_TIMEOUT_MS: u64 = 24 * 60 * 60 * 1000;
/// Accepted length of a captured value when `max=` says nothing, in bytes.
const DEFAULT_MAX_BYTES: u32 = 256;
/// Largest `max=`, in bytes.
const LARGEST_MAX_BYTES: u32 = 4096;

/// What a fence is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Role {
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

/// A problem in an info string: its code, what is wrong, what to do, and the text to point at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) hint: String,
    pub(crate) at: String,
}

/// An info string as understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Info {
    /// The language, lowercase; empty for an untagged fence.
    pub(crate) language: String,
    pub(crate) name: Option<String>,
    pub(crate) effect: Option<Effect>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) retries: u8,
    pub(crate) connection: Option<String>,
    pub(crate) flow: Flow,
    pub(crate) capture: Option<Capture>,
    pub(crate) role: Role,
    /// What is wrong with the attributes. With a problem the fence's commands do not run.
    pub(crate) problems: Vec<Problem>,
}

impl Info {
    /// What carries the fence out; `None` when nothing does.
    pub(crate) fn kind(&self) -> Option<CommandKind> {
        match self.language.as_str() {
            "bash" | "sh" | "shell" | "zsh" | "console" => Some(CommandKind::Shell),
            "http" => Some(CommandKind::Http),
            "promql" => Some(CommandKind::Promql),
            "sql" => Some(CommandKind::Sql),
            "include" => Some(CommandKind::Include),
            _ => None,
        }
    }
}

/// Reads the raw text after the fence's marks. Attributes of fences that nothing carries out are left alone.
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
        info.problems.push(Problem {
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

fn malformed(at: &str, message: impl Into<String>) -> Problem {
    Problem {
        code: codes::ATTRIBUTE_VALUE,
        message: message.into(),
        hint: "write {key=value flag} or {\"key\":\"value\"}".to_owned(),
        at: at.to_owned(),
    }
}

fn json_pairs(text: &str) -> Result<Vec<(String, String)>, Problem> {
    // a list of pairs instead of a map, so that a repeated key is seen
    struct Pairs(Vec<(String, serde_json::Value)>);
    impl<'de> serde::Deserialize<'de> for Pairs {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = Pairs;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object of attributes")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                    let mut pairs = Vec::new();
                    while let Some(pair) = map.next_entry()? {
                        pairs.push(pair);
                    }
                    Ok(Pairs(pairs))
                }
            }
            deserializer.deserialize_map(Visitor)
        }
    }
    let pairs: Pairs = serde_json::from_str(text)
        .map_err(|e| malformed(text, format!("the attributes are not JSON: {e}")))?;
    pairs
        .0
        .into_iter()
        .map(|(key, value)| match value {
            serde_json::Value::String(value) => Ok((key, value)),
            serde_json::Value::Bool(_) | serde_json::Value::Number(_) => Ok((key, value.to_string())),
            _ => Err(malformed(&key, format!("`{key}` needs a text, a number, true or false"))),
        })
        .collect()
}

/// What stands between attributes. Everything that ends a key must be passed over here, or reading never ends.
fn is_between(c: char) -> bool {
    c.is_whitespace() || c == ','
}

/// Splits `key=value flag key="two words"`; a flag gets the value `true`.
fn split_pairs(inside: &str) -> Result<Vec<(String, String)>, Problem> {
    let mut pairs = Vec::new();
    let mut rest = inside.trim_start_matches(is_between);
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let key = rest[..end].trim_end_matches(',').to_owned();
        rest = &rest[end..];
        let Some(after) = rest.strip_prefix('=') else {
            pairs.push((key, "true".to_owned()));
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
        pairs.push((key, value.to_owned()));
        rest = rest.trim_start_matches(is_between);
    }
    Ok(pairs)
}

/// Collects what only makes sense together.
#[derive(Default)]
struct Reader {
    roles: Vec<Role>,
    captures: Vec<String>,
    pattern: Option<String>,
    max: Option<u32>,
}

impl Reader {
    fn read(mut self, pairs: &[(String, String)], info: &mut Info) {
        for (i, (key, value)) in pairs.iter().enumerate() {
            if pairs[..i].iter().any(|(earlier, _)| earlier == key) {
                info.problems.push(Problem {
                    code: codes::ATTRIBUTE_TWICE,
                    message: format!("`{key}` is given twice"),
                    hint: "keep one of them".to_owned(),
                    at: key.clone(),
                });
                continue;
            }
            if let Err(problem) = self.attribute(key, value, info) {
                info.problems.push(problem);
            }
        }
        self.together(info);
    }

    fn attribute(&mut self, key: &str, value: &str, info: &mut Info) -> Result<(), Problem> {
        let bad = |hint: &str| Problem {
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
            "capture" => self.capture(value)?,
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
                return Err(Problem {
                    code: codes::ATTRIBUTE,
                    message: format!("unknown attribute `{key}`"),
                    hint: "known are name, effect, timeout, capture, pattern, max, undo, probe and baseline"
                        .to_owned(),
                    at: key.to_owned(),
                });
            }
        }
        Ok(())
    }

    fn capture(&mut self, name: &str) -> Result<(), Problem> {
        check_variable(name).map_err(|message| Problem {
            code: codes::VARIABLE_NAME,
            message,
            hint: "choose a name of the runbook's own, such as PREVIOUS_REVISION".to_owned(),
            at: name.to_owned(),
        })?;
        self.captures.push(name.to_owned());
        Ok(())
    }

    fn together(self, info: &mut Info) {
        let mut conflict = |message: &str, hint: &str, at: &str| {
            info.problems.push(Problem {
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
        if !self.captures.is_empty() && self.pattern.is_none() {
            conflict(
                "a captured value needs a pattern: it reaches later commands",
                "add pattern=..., such as pattern=[0-9]{1,6}",
                "{",
            );
        }
        if self.captures.is_empty() && (self.pattern.is_some() || self.max.is_some()) {
            conflict(
                "`pattern` and `max` belong to a captured value",
                "add capture=NAME or remove them",
                "{",
            );
        }
        info.role = self.roles.first().copied().unwrap_or_default();
        if let (Some(name), Some(pattern)) = (self.captures.into_iter().next(), self.pattern) {
            info.capture = Some(Capture { name, pattern, max_bytes: self.max.unwrap_or(DEFAULT_MAX_BYTES) });
        }
    }
}

fn checked_name(name: &str) -> Option<String> {
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
            ("bash {capture=A pattern=(a)}", &[codes::ATTRIBUTE_VALUE, codes::ATTRIBUTE_CONFLICT]),
            ("bash {capture=A pattern=a max=0}", &[codes::ATTRIBUTE_VALUE]),
        ];
        for (raw, expected) in rows {
            let found: Vec<Code> = parse(raw).problems.into_iter().map(|p| p.code).collect();
            assert_eq!(found, *expected, "{raw}");
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
