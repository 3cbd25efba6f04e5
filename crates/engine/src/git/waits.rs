//! Locks around a repository that was fetched: ours, which nobody waits for without an end, and those that a `git` left which
//! was ended in the middle.

use std::fs::{File, TryLockError};
use std::io::{Error, ErrorKind};
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::clock::{Clock as _, SystemClock};

/// How often a lock is tried.
const LOOK: Duration = Duration::from_millis(50);

/// Takes the lock.
///
/// # Errors
/// When somebody holds it longer than that.
pub(super) fn wait_for(lock: &File, most: Duration) -> std::io::Result<()> {
    let mut waited = Duration::ZERO;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if waited >= most => {
                let text = format!("another process has been fetching into it for {} s", most.as_secs());
                return Err(Error::new(ErrorKind::TimedOut, text));
            }
            Err(TryLockError::WouldBlock) => {}
        }
        std::thread::sleep(LOOK);
        waited += LOOK;
    }
}

/// Removes git's own lock files of a repository that nobody but us uses, once they are older than any `git` of ours gets.
pub(super) fn remove_old_locks(repository: &Path, age: Duration) {
    let now = SystemClock.now();
    let mut waiting = vec![repository.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(data) = entry.metadata() else { continue };
            if data.is_dir() {
                waiting.push(path);
                continue;
            }
            let is_lock = path.extension().is_some_and(|extension| extension == "lock");
            let is_old = data
                .modified()
                .is_ok_and(|at| (now - DateTime::<Utc>::from(at)).to_std().is_ok_and(|passed| passed >= age));
            if is_lock && is_old {
                tracing::warn!(file = %path.display(), "a lock that a git which was ended has left is removed");
                // one that stays is told by the git that meets it
                let _removed = std::fs::remove_file(&path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_held_is_not_waited_for_without_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = File::create(&path).unwrap();
        wait_for(&held, Duration::ZERO).unwrap();
        let second = File::create(&path).unwrap();
        let refused = wait_for(&second, Duration::ZERO).unwrap_err();
        assert!(refused.to_string().contains("another process has been fetching"), "{refused}");
        drop(held);
        wait_for(&second, Duration::ZERO).unwrap();
    }

    #[test]
    fn old_locks_of_git_go_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let refs = folder.path().join("refs/blocks");
        std::fs::create_dir_all(&refs).unwrap();
        let now: std::time::SystemTime = SystemClock.now().into();
        let old = now - Duration::from_secs(3_600);
        for (name, at) in [("old.lock", old), ("new.lock", now), ("fetched", old)] {
            let file = File::create(refs.join(name)).unwrap();
            file.set_modified(at).unwrap();
        }
        remove_old_locks(folder.path(), Duration::from_secs(60));
        let there = |name: &str| refs.join(name).exists();
        assert_eq!((there("old.lock"), there("new.lock"), there("fetched")), (false, true, true));
    }
}
