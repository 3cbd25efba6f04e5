//! What the parser and the linter notice, pointing at file, line and column.

use serde::{Deserialize, Serialize};

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Its code, such as `RB0101`; each has a page under `docs/errors/`.
    pub code: Code,
    /// Whether it stops the runbook from being planned.
    pub level: Level,
    /// 1-based line from the top of the file, front matter included.
    pub line: u32,
    /// 1-based column in characters.
    pub column: u32,
    /// What is wrong and why, in lowercase.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Worth knowing; the runbook runs as written.
    Warning,
    /// It would run wrongly or not at all, so it is not planned.
    Error,
}

/// A stable code with a page under `docs/errors/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

/// As `RB0101`.
impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text.strip_prefix("RB").and_then(|digits| digits.parse().ok());
        number
            .map(Code)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a code like RB0101")))
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RB{:04}", self.0)
    }
}
