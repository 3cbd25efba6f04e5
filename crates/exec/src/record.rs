//! What a run's folder says about its attempts, whoever dies: begun or not, and how it ended.
//!
//! `N.begun` is made before the process, by whoever is first, and is on disk before that starts. `N.outcome` is written
//! once, after everything of the attempt is gone: on disk before it has its name, and its name before the run's next process
//! starts.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use runbook_core::ports::{ExecError, Finished};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::process::Identity;

/// What `N.begun` holds when it stands in the way of a beginning.
const VOID: &[u8] = b"void\n";
const SUPERVISOR: &str = "supervisor.json";
/// What an attempt hands on is kept in its outcome up to here, in bytes.
const LONGEST_STATE: usize = 64 * 1_024;

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ended {
    /// It was heard to its end.
    Finished(Finished),
    /// Nothing was started.
    NotStarted(String),
    /// It was started and its end is not known.
    Lost(String),
}

impl From<Ended> for Result<Finished, ExecError> {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Finished(finished) => Ok(finished),
            Ended::NotStarted(reason) => Err(ExecError::NotStarted(reason)),
            Ended::Lost(reason) => Err(ExecError::Lost(reason)),
        }
    }
}

/// The whole of `N.outcome`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// `run/step/attempt`.
    pub(crate) key: String,
    /// How it ended.
    pub(crate) ended: Ended,
    /// What it hands on, when the files that hold it are not on disk themselves: one file is synced sooner than three.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hands_on: Option<HandsOn>,
}

/// The shell's state and directory after an attempt, as their files hold them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HandsOn {
    pub(crate) state: String,
    pub(crate) directory: String,
}

impl HandsOn {
    /// Reads the two files. `None` when they are better synced as files: they are long, or no text.
    ///
    /// # Errors
    ///
    /// What the file system said.
    pub(crate) fn read([state, directory]: &[PathBuf; 2]) -> io::Result<Option<Self>> {
        let read = |path| fs::read(path).map(|bytes| String::from_utf8(bytes).ok());
        let both = read(state)?.zip(read(directory)?);
        let both = both.filter(|(state, directory)| state.len() + directory.len() <= LONGEST_STATE);
        Ok(both.map(|(state, directory)| Self { state, directory }))
    }
}

/// Whether an attempt was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Nobody has begun it.
    None,
    /// It was begun: its process may have existed.
    Begun,
    /// It was not, and never can be.
    Void,
}

/// The answer to an order to begin an attempt that is not to be begun any more.
pub(crate) fn begun_before(attempt: u32) -> String {
    format!("attempt {attempt} was begun before, and is not begun again")
}

/// The records in one run's folder.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    folder: PathBuf,
}

impl Records {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn file(&self, attempt: u32, kind: &str) -> PathBuf {
        self.folder.join(format!("{attempt}.{kind}"))
    }

    /// Begins an attempt: on disk when this returns. `false` when somebody else was first.
    ///
    /// # Errors
    ///
    /// What the file system said; the attempt is not begun then.
    pub(crate) fn begin(&self, attempt: u32) -> io::Result<bool> {
        let path = self.file(attempt, "begun");
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(_empty) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(error),
        }
        // The file is empty: it is whole as soon as its name is on disk.
        self.sync_names().inspect_err(|_| {
            let _left = fs::remove_file(&path);
        })?;
        Ok(true)
    }

    /// Makes sure that an attempt is never begun. `false` when it was.
    ///
    /// # Errors
    ///
    /// What the file system said.
    pub(crate) fn forbid(&self, attempt: u32) -> io::Result<bool> {
        let (void, begun) = (self.file(attempt, "void"), self.file(attempt, "begun"));
        write_synced(&void, VOID)?;
        // Under its name it must be there whole or not at all, and never in another's place.
        let linked = match fs::hard_link(&void, &begun) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(error),
        };
        fs::remove_file(&void)?;
        self.sync_names()?;
        Ok(linked)
    }

    /// # Errors
    ///
    /// What the file system said.
    pub(crate) fn mark(&self, attempt: u32) -> io::Result<Mark> {
        match fs::read(self.file(attempt, "begun")) {
            Ok(text) if text == VOID => Ok(Mark::Void),
            Ok(_) => Ok(Mark::Begun),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Mark::None),
            Err(error) => Err(error),
        }
    }

    /// Keeps how an attempt ended, and the files that go with it: on disk when this returns, and never written over. Their
    /// names are on disk after [`Records::sync_names`], which is not waited for: whoever hears of an outcome has it on disk in
    /// the journal before anything comes of it, and whoever does not, and loses the machine now, is in doubt as before.
    ///
    /// # Errors
    ///
    /// What the file system said; nothing is kept then.
    pub(crate) fn keep(&self, attempt: u32, outcome: &Outcome, with: &[PathBuf]) -> io::Result<()> {
        let (new, kept) = (self.file(attempt, "outcome.new"), self.file(attempt, "outcome"));
        for file in with {
            File::open(file)?.sync_data()?;
        }
        write_synced(&new, &serde_json::to_vec(outcome)?)?;
        match renameat_with(CWD, &new, CWD, &kept, RenameFlags::NOREPLACE) {
            // A file system that cannot. Only who has begun the attempt comes here, so nobody else writes the name.
            Err(Errno::INVAL | Errno::NOSYS) if !kept.exists() => fs::rename(&new, &kept)?,
            renamed => renamed?,
        }
        Ok(())
    }

    /// Makes the files anew that an attempt hands on, from its outcome: whoever has not seen them written cannot know
    /// whether the machine has lost them since. Where the outcome does not hold them, they were synced. `false` when there
    /// is no outcome. Several attempts may start from one state at once: each writes beside and renames.
    ///
    /// # Errors
    ///
    /// What the file system said.
    pub(crate) fn hand_on_again(&self, attempt: u32, to: u32, files: &[PathBuf; 2]) -> io::Result<bool> {
        let Some(outcome) = self.outcome(attempt)? else { return Ok(false) };
        let Some(hands_on) = outcome.hands_on else { return Ok(true) };
        let [state, directory] = files;
        for (path, text) in [(directory, hands_on.directory), (state, hands_on.state)] {
            let new = path.with_extension(format!("for-{to}"));
            private(&new)?.write_all(text.as_bytes())?;
            fs::rename(new, path)?;
        }
        Ok(true)
    }

    /// How an attempt ended, when that is kept.
    ///
    /// # Errors
    ///
    /// What the file system said, or a file that is not what was written.
    pub(crate) fn outcome(&self, attempt: u32) -> io::Result<Option<Outcome>> {
        match fs::read(self.file(attempt, "outcome")) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Says which process is the run's supervisor. Worth nothing after a restart of the machine, so not synced.
    ///
    /// # Errors
    ///
    /// What the file system said.
    pub(crate) fn introduce(&self, supervisor: &Identity) -> io::Result<()> {
        let new = self.folder.join("supervisor.json.new");
        private(&new)?.write_all(&serde_json::to_vec(supervisor)?)?;
        fs::rename(&new, self.folder.join(SUPERVISOR))
    }

    /// The process that was the run's last supervisor.
    pub(crate) fn supervisor(&self) -> Option<Identity> {
        serde_json::from_slice(&fs::read(self.folder.join(SUPERVISOR)).ok()?).ok()
    }

    /// Takes the introduction back.
    pub(crate) fn take_leave(&self) {
        let _gone = fs::remove_file(self.folder.join(SUPERVISOR));
    }

    /// Every name in the folder is on disk when this returns.
    ///
    /// # Errors
    ///
    /// What the file system said.
    pub(crate) fn sync_names(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

/// A new file for its owner alone, instead of whatever is there.
///
/// # Errors
///
/// What the file system said.
pub(crate) fn private(path: &Path) -> io::Result<File> {
    // Never into a file that is already there: it may be open to others.
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = private(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use runbook_core::ports::{Exit, Output, StateOutcome};

    use super::*;

    fn records() -> (tempfile::TempDir, Records) {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::new(folder.path().to_path_buf());
        (folder, records)
    }

    #[test]
    fn an_attempt_is_begun_or_forbidden_once() {
        let (_folder, records) = records();
        assert_eq!(records.mark(1).unwrap(), Mark::None);
        assert!(records.begin(1).unwrap());
        assert!(!records.begin(1).unwrap() && !records.forbid(1).unwrap());
        assert_eq!(records.mark(1).unwrap(), Mark::Begun);
        assert!(records.forbid(2).unwrap());
        assert!(!records.begin(2).unwrap() && !records.forbid(2).unwrap());
        assert_eq!(records.mark(2).unwrap(), Mark::Void);
        assert!(!records.file(2, "void").exists());
    }

    #[test]
    fn an_outcome_is_kept_once_and_as_it_was() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_folder, records) = records();
        let finished = Finished {
            exit: Exit::Code { code: 3 },
            stdout: Output { text: "a\u{FFFD}\n".to_owned(), dropped_bytes: 7 },
            stderr: Output::default(),
            elapsed_ms: 12,
            state: StateOutcome::Written,
            survivors: vec!["12 sleep".to_owned()],
        };
        let outcome = Outcome { key: "r/s/1".to_owned(), ended: Ended::Finished(finished), hands_on: None };
        assert_eq!(records.outcome(1).unwrap(), None);
        records.keep(1, &outcome, &[]).unwrap();
        let other = Outcome { ended: Ended::Lost("no".to_owned()), ..outcome.clone() };
        assert!(records.keep(1, &other, &[]).is_err());
        assert_eq!(records.outcome(1).unwrap(), Some(outcome));
        let mode = records.file(1, "outcome").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(records.file(2, "outcome"), "{\"key\":").unwrap();
        assert!(records.outcome(2).is_err(), "half an outcome is none, and not nothing either");
    }
}
