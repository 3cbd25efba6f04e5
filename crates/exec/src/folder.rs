//! A run's private folder: command texts, scripts and shell states, one set per attempt.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use runbook_core::ids::RunId;
use runbook_core::ports::{Job, StateOutcome};

use crate::record::{Records, private};
use crate::redact::Redactor;
use crate::script::{self, Parts};

/// Files of one attempt. Folder 0700, files 0600.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    /// The script to give to bash.
    pub(crate) wrapper: PathBuf,
    /// Where the command starts.
    pub(crate) directory: PathBuf,
    new_state: PathBuf,
    new_directory: PathBuf,
    state: PathBuf,
    state_directory: PathBuf,
    refused: PathBuf,
}

/// Makes the folder that all runs' folders are in, and gives its absolute path.
///
/// # Errors
///
/// What the file system said.
pub(crate) fn make_root(path: &Path) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    path.canonicalize()
}

/// Makes a run's folder, with the folder for its commands' temporary files, and gives it.
///
/// # Errors
///
/// A sentence for people.
pub(crate) fn make(root: &Path, run: RunId) -> Result<PathBuf, String> {
    let folder = root.join(run.to_string());
    for path in [&folder, &temporary(&folder)] {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o700)))
            .map_err(|error| unusable(&folder, &error))?;
    }
    Ok(folder)
}

/// Whether [`make`] has nothing to do.
pub(crate) fn is_made(folder: &Path) -> bool {
    [folder, &temporary(folder)].into_iter().all(|path| {
        fs::symlink_metadata(path)
            .is_ok_and(|there| there.is_dir() && there.permissions().mode() & 0o7777 == 0o700)
    })
}

/// What an attempt hands on: its state and its directory.
pub(crate) fn state_files(records: &Records, attempt: u32) -> [PathBuf; 2] {
    ["state", "directory"].map(|kind| records.file(attempt, kind))
}

/// Removes what the shell of an attempt wrote last, where nobody is left to search it for secrets and take it over.
pub(crate) fn remove_unsearched(records: &Records, attempt: u32) {
    for kind in ["state.new", "directory.new"] {
        let path = records.file(attempt, kind);
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %path.display(), "variables that nobody searched could not be removed");
        }
    }
}

/// Where a run's commands put their temporary files.
pub(crate) fn temporary(folder: &Path) -> PathBuf {
    folder.join("tmp")
}

fn unusable(folder: &Path, error: &io::Error) -> String {
    format!("the run's folder {} cannot be written: {error}", folder.display())
}

/// Writes what bash needs for one attempt. `seen` says that this process has been there since the state was written that it
/// starts from.
///
/// # Errors
///
/// A sentence for people: the carried state or the working directory is not there, or files cannot be written.
pub(crate) fn prepare(
    records: &Records,
    job: &Job,
    handed_on: &BTreeSet<String>,
    seen: bool,
) -> Result<Attempt, String> {
    let folder = records.folder();
    let unusable = |error: io::Error| unusable(folder, &error);
    let file = |number: u32, kind: &str| folder.join(format!("{number}.{kind}"));
    let (carried, directory) = match job.carry_from {
        None => (None, job.directory.clone()),
        Some(number) => {
            let state = file(number, "state");
            let is_whole = seen
                || records
                    .hand_on_again(number, job.attempt, &state_files(records, number))
                    .map_err(unusable)?;
            if !is_whole || !state.is_file() {
                return Err(format!("there is no shell state of attempt {number} to start from"));
            }
            let directory = fs::read(file(number, "directory")).map_err(unusable)?;
            let line = directory.strip_suffix(b"\n").unwrap_or(&directory);
            (Some(state), PathBuf::from(OsString::from_vec(line.to_vec())))
        }
    };
    if !directory.is_absolute() {
        return Err(format!("the working directory {} is not an absolute path", directory.display()));
    }
    if !directory.is_dir() {
        return Err(format!("the working directory {} is not there", directory.display()));
    }

    let attempt = Attempt {
        wrapper: file(job.attempt, "wrapper.sh"),
        directory,
        new_state: file(job.attempt, "state.new"),
        new_directory: file(job.attempt, "directory.new"),
        state: file(job.attempt, "state"),
        state_directory: file(job.attempt, "directory"),
        refused: file(job.attempt, "refused"),
    };
    attempt.remove_state();
    let command = file(job.attempt, "command.sh");
    let secrets: BTreeSet<String> = job.given_secrets().map(|(name, _)| name.clone()).collect();
    let parameters = job.variables.keys().chain(&secrets).cloned().collect();
    let wrapper = script::wrapper(&Parts {
        command: &command,
        new_state: &attempt.new_state,
        new_directory: &attempt.new_directory,
        carried: carried.as_deref(),
        refused: &attempt.refused,
        handed_on,
        parameters: &parameters,
        secrets: &secrets,
        must_be_set: &job.must_be_set,
    });
    private(&command).and_then(|mut file| file.write_all(job.text.as_bytes())).map_err(unusable)?;
    private(&attempt.wrapper).and_then(|mut file| file.write_all(&wrapper)).map_err(unusable)?;
    Ok(attempt)
}

impl Attempt {
    /// Whether the script stopped before the command because the carried state did not load.
    pub(crate) fn was_refused(&self) -> bool {
        self.refused.exists()
    }

    /// Takes over a state that was written to its end; anything less is removed. It is on disk with the outcome or in it
    /// ([`Records::keep`]), without which nobody looks for it.
    ///
    /// `true` besides when it held a secret, so that nothing of it is kept.
    pub(crate) fn take_state(&self, redactor: &Redactor) -> (StateOutcome, bool) {
        let mut has_secret = false;
        let mut taken = || -> io::Result<bool> {
            let text = fs::read(&self.new_state)?;
            has_secret = text.ends_with(script::STATE_SECRET) || redactor.is_in(&text);
            let complete = text.ends_with(script::STATE_END) && !has_secret;
            if complete {
                // The state's own name is what a later attempt looks for, so it comes last.
                for (from, to) in
                    [(&self.new_directory, &self.state_directory), (&self.new_state, &self.state)]
                {
                    fs::rename(from, to)?;
                }
            }
            Ok(complete)
        };
        let outcome = match taken() {
            Ok(true) => StateOutcome::Written,
            Ok(false) => self.drop_state(),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(%error, state = %self.state.display(), "the shell's state could not be kept");
                }
                self.drop_state()
            }
        };
        (outcome, has_secret)
    }

    /// Leaves no state of this attempt behind.
    pub(crate) fn drop_state(&self) -> StateOutcome {
        self.remove_state();
        StateOutcome::Missing
    }

    fn remove_state(&self) {
        let left = [&self.state, &self.state_directory, &self.new_state, &self.new_directory, &self.refused];
        for path in left {
            if let Err(error) = fs::remove_file(path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(%error, path = %path.display(), "an old shell state could not be removed");
            }
        }
    }
}
