//! What the process says when it ends: one error type, one exit code each (design section 9).

use blocks_engine::EngineError;

/// Exit codes of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// It is done.
    Success = 0,
    /// Failed, cancelled, undone, a lint error, a missing program.
    Failed = 1,
    /// Usage or configuration.
    Usage = 2,
    /// Refused, or stopped to wait for a person.
    Refused = 3,
    /// In doubt, or an undo failed.
    Doubt = 4,
}

/// Why the command did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Stop {
    pub(crate) code: Code,
    pub(crate) text: String,
}

impl Stop {
    /// What failed, why, and what to do. A text without a code of its own gets the one of its kind.
    pub(crate) fn new(code: Code, text: impl Into<String>) -> Stop {
        let text = text.into();
        if text.starts_with("RB") {
            return Stop { code, text };
        }
        let kind = match code {
            Code::Success | Code::Failed => "RB0010",
            Code::Usage => "RB0011",
            Code::Refused => "RB0012",
            Code::Doubt => "RB0013",
        };
        Stop { code, text: format!("{kind}: {text}") }
    }

    /// Whether it has this code.
    pub(crate) fn is(&self, code: &str) -> bool {
        self.text.strip_prefix(code).is_some_and(|rest| rest.starts_with(':'))
    }

    pub(crate) fn failed(text: impl std::fmt::Display) -> Stop {
        Stop::new(Code::Failed, text.to_string())
    }

    pub(crate) fn usage(text: impl std::fmt::Display) -> Stop {
        Stop::new(Code::Usage, text.to_string())
    }
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        let code = match &error {
            EngineError::Refused(_)
            | EngineError::Forbidden(_)
            | EngineError::Run(_)
            | EngineError::Locked(_)
            | EngineError::Flow(_)
            | EngineError::Incident(_) => Code::Refused,
            EngineError::Usage(_)
            | EngineError::NotFound(_)
            | EngineError::Plan(_)
            | EngineError::Secret(_) => Code::Usage,
            _ => Code::Failed,
        };
        Stop::new(code, format!("{}: {error}", error.code()))
    }
}

impl From<crate::config::ConfigError> for Stop {
    fn from(error: crate::config::ConfigError) -> Self {
        Stop::usage(error)
    }
}

impl From<crate::config::SecretError> for Stop {
    fn from(error: crate::config::SecretError) -> Self {
        Stop::usage(error)
    }
}
