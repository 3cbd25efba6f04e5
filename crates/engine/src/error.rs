//! Why the engine could not do something.

use runbook_core::incident;
use runbook_core::ports::{CommitError, StoreError};
use runbook_core::run;

use crate::library::LibraryError;

/// The engine could not do it. The text is for the person who asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store cannot do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal holds something that does not read.
    #[error("the journal does not read: {0}; hint: run `blocks journal verify`")]
    Journal(String),
    /// Too many others changed the same thing at the same time.
    #[error("too many changes to {0} at once; hint: try again")]
    Contended(String),
    /// The incident does not allow it.
    #[error(transparent)]
    Incident(#[from] incident::Rejection),
    /// The run does not allow it.
    #[error(transparent)]
    Run(#[from] run::Rejection),
    /// It is not there.
    #[error("{0}")]
    NotFound(String),
    /// This person may not.
    #[error("{0}")]
    Forbidden(String),
    /// It cannot be done as asked.
    #[error("{0}")]
    Refused(String),
    /// A word or a value of the request is none that can be meant, whoever asks and whenever.
    #[error("{0}")]
    Usage(String),
    /// Another run holds the target.
    #[error("{0}")]
    Locked(String),
    /// The runbook and its parameters do not make a plan.
    #[error("{0}")]
    Plan(String),
    /// A secret parameter has no usable value.
    #[error("{0}")]
    Secret(String),
    /// The repository that runbooks come from was never fetched.
    #[error("{0}")]
    NotFetched(String),
    /// The plan holds a condition, loop or group, which no run carries out yet.
    #[error("{0}")]
    Flow(String),
}

impl EngineError {
    /// Its code; each has a page under `docs/errors/`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            EngineError::Store(StoreError::Unavailable(_)) => "RB0020",
            EngineError::Store(StoreError::Corrupt(_)) | EngineError::Journal(_) => "RB0021",
            EngineError::Contended(_) => "RB0022",
            EngineError::Incident(_) => "RB0023",
            EngineError::Run(_) => "RB0024",
            EngineError::NotFound(_) => "RB0025",
            EngineError::Forbidden(_) => "RB0026",
            EngineError::Refused(_) => "RB0027",
            EngineError::Usage(_) => "RB0011",
            EngineError::Locked(_) => "RB0044",
            EngineError::Plan(_) => "RB0031",
            EngineError::Flow(_) => "RB0042",
            EngineError::Secret(_) => "RB0043",
            EngineError::NotFetched(_) => "RB0050",
        }
    }

    /// `true` when trying again later may work.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, EngineError::Store(StoreError::Unavailable(_)) | EngineError::Contended(_))
    }
}

impl From<LibraryError> for EngineError {
    fn from(error: LibraryError) -> Self {
        match error {
            LibraryError::NotFetched { .. } => EngineError::NotFetched(error.to_string()),
            _ => EngineError::NotFound(error.to_string()),
        }
    }
}

impl From<CommitError> for EngineError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict(what) => EngineError::Contended(what),
            CommitError::Store(error) => EngineError::Store(error),
        }
    }
}
