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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Code(pub u16);

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RB{:04}", self.0)
    }
}
