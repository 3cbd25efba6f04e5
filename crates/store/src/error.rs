//! What can go wrong, in the port's words.

use std::path::PathBuf;

use runbook_core::ports::{CommitError, StoreError};
use rusqlite::ErrorCode;

/// The store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file, or its folder, cannot be made or opened.
    #[error("cannot open {}: {reason} (check that the folder exists and belongs to this user)", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why, as the system says it.
        reason: String,
    },
    /// It is there, and it is another program's.
    #[error("{} is not a store of Blocks (application id {found:#x}): name another file", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What stands where our application id should.
        found: i64,
    },
    /// A newer release has changed its layout.
    #[error(
        "{} has layout {found}, this release knows layouts up to {supported}: use the newer release, or restore a copy from before it ran",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: i64,
        /// The newest that this release knows.
        supported: i64,
    },
    /// An older layout that a read-only opening may not change.
    #[error(
        "{} has layout {found}, this release reads layout {supported}: start the engine once to bring it up to date",
        path.display()
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: i64,
        /// The only one that this release reads.
        supported: i64,
    },
    /// SQLite refuses.
    #[error("cannot set up {}: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What it says.
        source: rusqlite::Error,
    },
}

impl OpenError {
    /// Its code; each has a page under `docs/errors/`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            OpenError::Newer { .. } | OpenError::Older { .. } => "RB0060",
            OpenError::NotOurs { .. } => "RB0061",
            OpenError::Database { source, .. } if matches!(store_error(source), StoreError::Corrupt(_)) => {
                "RB0061"
            }
            OpenError::File { .. } | OpenError::Database { .. } => "RB0020",
        }
    }

    /// What to do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self.code() {
            "RB0060" => "`blocks --version` says which release this is; nothing was changed",
            "RB0061" => {
                "put a copy from before it in its place, or another file in [store] url; nothing was changed"
            }
            _ => "check the folder's owner and free space",
        }
    }
}

/// Why a piece of work on a connection did not succeed; becomes the port's error at the border.
#[derive(Debug)]
pub(crate) enum Fault {
    Sql(rusqlite::Error),
    Store(StoreError),
    /// What somebody else changed meanwhile.
    Conflict(String),
}

impl Fault {
    pub(crate) fn corrupt(what: impl Into<String>) -> Fault {
        Fault::Store(StoreError::Corrupt(what.into()))
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        Fault::Sql(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Fault {
        Fault::Store(error)
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> StoreError {
        match fault {
            Fault::Sql(error) => store_error(&error),
            Fault::Store(error) => error,
            Fault::Conflict(what) => {
                StoreError::Unavailable(format!("somebody else changed {what} meanwhile"))
            }
        }
    }
}

impl From<Fault> for CommitError {
    fn from(fault: Fault) -> CommitError {
        match fault {
            Fault::Conflict(what) => CommitError::Conflict(what),
            other => CommitError::Store(other.into()),
        }
    }
}

/// SQLite's error as one that may pass, or one that says that the file's content is wrong.
pub(crate) fn store_error(error: &rusqlite::Error) -> StoreError {
    let Some(code) = error.sqlite_error_code() else {
        return StoreError::Corrupt(error.to_string());
    };
    let plain = match code {
        ErrorCode::DiskFull => "the disk is full",
        ErrorCode::SystemIoFailure => "the disk reports an input or output error",
        ErrorCode::ReadOnly => "the file cannot be written",
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => "another process is writing to it",
        ErrorCode::CannotOpen => "the file cannot be opened",
        ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied => {
            "access to the file is denied"
        }
        ErrorCode::OutOfMemory => "out of memory",
        ErrorCode::FileLockingProtocolFailed => "the file cannot be locked",
        ErrorCode::OperationInterrupted | ErrorCode::OperationAborted => "the operation was interrupted",
        _ => return StoreError::Corrupt(error.to_string()),
    };
    StoreError::Unavailable(plain.to_owned())
}
