//! `engine.lock`: who is the engine of this data folder, and where to reach it.
//!
//! Two engines on one journal would both act on it, so the lock is a real one (`flock`), held for life; the file's
//! text tells everybody else where the engine listens.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// The file's name in the data folder.
const FILE: &str = "engine.lock";
/// A process that the engine was just starting when it was killed holds the lock until it is a program of its own.
const LET_GO: Duration = Duration::from_millis(20);
const LET_GO_LOOKS: u32 = 250;

/// Who the engine is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineInfo {
    /// Process id.
    pub pid: u32,
    /// Start time of that process in clock ticks since boot (field 22 of `/proc/PID/stat`).
    pub start_ticks: u64,
    /// The machine's boot id.
    pub boot_id: String,
    /// Where it listens for HTTP; `None` for an engine without a server.
    pub address: Option<String>,
    /// Its unix socket.
    pub socket: Option<PathBuf>,
}

/// The lock, held until dropped.
#[derive(Debug)]
pub struct EngineLock {
    file: File,
    path: PathBuf,
}

/// The lock is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another engine has it.
    #[error(
        "RB0028: another engine ({holder}) works on {}; hint: use it (commands find it by themselves), or stop it",
        path.display(), holder = holder_words(*pid)
    )]
    Held {
        /// Its process id; 0 when it did not say yet.
        pid: u32,
        /// The lock file.
        path: PathBuf,
    },
    /// The file cannot be used.
    #[error(
        "RB0029: the lock {path} cannot be used: {source}; hint: check the folder's owner and free space"
    )]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl EngineLock {
    /// Takes the lock of a data folder, which is created when it is not there (0700).
    ///
    /// # Errors
    /// When another engine has it, or the folder cannot be written.
    pub fn acquire(data_dir: &Path) -> Result<EngineLock, LockError> {
        let path = data_dir.join(FILE);
        let io = |source| LockError::Io { path: path.clone(), source };
        create_private_dir(data_dir).map_err(io)?;
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        let mut looks = 0;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(EngineLock { file, path }),
                Err(Errno::WOULDBLOCK) => {}
                Err(error) => return Err(io(error.into())),
            }
            let mut text = String::new();
            file.rewind().map_err(io)?;
            file.read_to_string(&mut text).map_err(io)?;
            let holder = serde_json::from_str::<EngineInfo>(&text).ok();
            if looks == LET_GO_LOOKS || holder.as_ref().is_none_or(EngineInfo::is_alive) {
                return Err(LockError::Held { pid: holder.map_or(0, |holder| holder.pid), path });
            }
            looks += 1;
            std::thread::sleep(LET_GO);
        }
    }

    /// Tells everybody else where the engine listens.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn publish(
        &mut self,
        address: Option<String>,
        socket: Option<PathBuf>,
    ) -> Result<EngineInfo, LockError> {
        let io = |source| LockError::Io { path: self.path.clone(), source };
        let pid = std::process::id();
        let info = EngineInfo {
            pid,
            start_ticks: start_ticks(pid).unwrap_or_default(),
            boot_id: boot_id(),
            address,
            socket,
        };
        let text = serde_json::to_string(&info).map_err(|error| io(error.into()))?;
        self.file.set_len(0).map_err(io)?;
        self.file.rewind().map_err(io)?;
        self.file.write_all(text.as_bytes()).map_err(io)?;
        self.file.sync_all().map_err(io)?;
        Ok(info)
    }
}

impl EngineInfo {
    /// The living engine of a data folder; `None` when there is none. A reused pid is not mistaken for it.
    #[must_use]
    pub fn find(data_dir: &Path) -> Option<EngineInfo> {
        let text = std::fs::read_to_string(data_dir.join(FILE)).ok()?;
        let info: EngineInfo = serde_json::from_str(&text).ok()?;
        info.is_alive().then_some(info)
    }

    /// The state of its process as the kernel tells it, such as `T` for stopped.
    #[must_use]
    pub fn process_state(&self) -> Option<char> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).ok()?;
        stat.rsplit_once(')')?.1.trim_start().chars().next()
    }

    fn is_alive(&self) -> bool {
        // one that was killed and that its parent has not asked about yet does nothing any more
        let has_ended = matches!(self.process_state(), Some('Z' | 'X'));
        self.boot_id == boot_id() && start_ticks(self.pid) == Some(self.start_ticks) && !has_ended
    }
}

fn create_private_dir(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

fn holder_words(pid: u32) -> String {
    if pid == 0 { "which is just starting".to_owned() } else { format!("pid {pid}") }
}

fn start_ticks(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold spaces, so count from its end: field 22 is the 20th after it.
    let after_name = stat.rsplit_once(')')?.1;
    after_name.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_engine_is_refused_and_told_who_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = EngineLock::acquire(dir.path()).unwrap();
        let info = first.publish(Some("127.0.0.1:1".to_owned()), None).unwrap();
        assert_eq!(EngineInfo::find(dir.path()), Some(info.clone()));
        match EngineLock::acquire(dir.path()) {
            Err(LockError::Held { pid, .. }) => assert_eq!(pid, std::process::id()),
            other => panic!("{other:?}"),
        }
        drop(first);
        EngineLock::acquire(dir.path()).unwrap();
    }

    #[test]
    fn what_a_dead_engine_was_just_starting_holds_the_lock_for_a_moment_only() {
        let dir = tempfile::tempdir().unwrap();
        let mut dead = EngineLock::acquire(dir.path()).unwrap();
        let info = dead.publish(None, None).unwrap();
        let other = EngineInfo { start_ticks: info.start_ticks + 1, ..info };
        std::fs::write(dir.path().join(FILE), serde_json::to_string(&other).unwrap()).unwrap();
        std::thread::scope(|scope| {
            let next = scope.spawn(|| EngineLock::acquire(dir.path()));
            drop(dead);
            assert!(next.join().unwrap().is_ok());
        });
    }

    #[test]
    fn a_reused_pid_is_not_mistaken_for_the_engine() {
        let dir = tempfile::tempdir().unwrap();
        let mut lock = EngineLock::acquire(dir.path()).unwrap();
        let info = lock.publish(None, None).unwrap();
        for wrong in [
            EngineInfo { start_ticks: info.start_ticks + 1, ..info.clone() },
            EngineInfo { boot_id: "another".to_owned(), ..info.clone() },
            EngineInfo { pid: u32::MAX, ..info },
        ] {
            std::fs::write(dir.path().join(FILE), serde_json::to_string(&wrong).unwrap()).unwrap();
            assert_eq!(EngineInfo::find(dir.path()), None);
        }
    }
}
