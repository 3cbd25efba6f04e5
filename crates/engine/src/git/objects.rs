//! What a repository holds, asked of one `git cat-file --batch`. No filter, hook or attribute has a say in what it prints. One
//! that does not answer, as on a disk that is gone, is ended.

use std::io::{BufRead as _, BufReader, ErrorKind, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sha2::{Digest, Sha256};

use super::program::{Reach, complaint, end, git, spawn};

/// How long it may say nothing while it is asked.
const PATIENCE: Duration = Duration::from_secs(15);
/// Longest line that names an object.
const LONGEST: u64 = 64 * 1024;

/// The conversation. It ends with this value.
#[derive(Debug)]
pub(super) struct Objects {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<Patient>,
}

/// What is read from it, and how long it may say nothing.
#[derive(Debug)]
struct Patient {
    pipe: ChildStdout,
    patience: Duration,
}

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let patience = Timespec::try_from(self.patience).map_err(std::io::Error::other)?;
        let mut waits = [PollFd::new(&self.pipe, PollFlags::IN)];
        match poll(&mut waits, Some(&patience)) {
            Ok(0) => Err(ErrorKind::TimedOut.into()),
            // asked again by whoever reads
            Err(rustix::io::Errno::INTR) => Err(ErrorKind::Interrupted.into()),
            Err(error) => Err(error.into()),
            Ok(_) => self.pipe.read(buffer),
        }
    }
}

/// One object of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Object {
    /// Its name, lowercase hex.
    pub(super) id: String,
    /// `blob`, `commit`, `tree` or `tag`.
    pub(super) kind: String,
}

impl Objects {
    /// Begins with the repository of a folder.
    pub(super) fn of(folder: &Path) -> Result<Objects, String> {
        let mut command = git(folder, Reach::Here);
        command.args(["cat-file", "--batch"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        Objects::begin(&mut command, PATIENCE)
    }

    fn begin(command: &mut Command, patience: Duration) -> Result<Objects, String> {
        let mut child = spawn(command)?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(asks), Some(answers)) => {
                Ok(Objects { child, asks, answers: BufReader::new(Patient { pipe: answers, patience }) })
            }
            _ => {
                end(&mut child);
                Err("git has no pipes".to_owned())
            }
        }
    }

    /// The SHA-256 of an object's content, with the object; `None` when there is no such object.
    pub(super) fn hash(&mut self, name: &[u8]) -> Result<Option<(Object, String)>, String> {
        let mut hasher = Hasher(Sha256::new());
        let object = self.copy(name, &mut hasher)?;
        Ok(object.map(|object| (object, hex::encode(hasher.0.finalize()))))
    }

    /// Writes an object's content; `None` when there is no such object.
    pub(super) fn copy(&mut self, name: &[u8], to: &mut dyn Write) -> Result<Option<Object>, String> {
        if name.contains(&b'\n') || name.is_empty() || name.starts_with(b"-") {
            return Ok(None);
        }
        let asked = self.asks.write_all(&[name, b"\n"].concat()).and_then(|()| self.asks.flush());
        if asked.is_err() {
            return Err(self.reason(None));
        }
        let mut head = Vec::new();
        let read = (&mut self.answers).take(LONGEST).read_until(b'\n', &mut head);
        if !read.as_ref().is_ok_and(|count| *count > 0) {
            return Err(self.reason(read.err()));
        }
        let Some((object, size)) = parse(&head) else { return Ok(None) };
        let copied = std::io::copy(&mut (&mut self.answers).take(size), to);
        let mut line_end = [0];
        match copied {
            Ok(count) if count == size && self.answers.read_exact(&mut line_end).is_ok() => Ok(Some(object)),
            Ok(_) => Err(self.reason(None)),
            Err(error) if error.kind() == ErrorKind::TimedOut => Err(self.reason(Some(error))),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Why it stopped answering.
    fn reason(&mut self, why: Option<std::io::Error>) -> String {
        end(&mut self.child);
        if why.is_some_and(|error| error.kind() == ErrorKind::TimedOut) {
            return format!("git did not answer for {} s", self.answers.get_ref().patience.as_secs());
        }
        let mut told = Vec::new();
        if let Some(stderr) = self.child.stderr.take() {
            let _read = stderr.take(LONGEST).read_to_end(&mut told);
        }
        complaint(&told)
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// `ID KIND SIZE`; anything else means that there is no such object.
fn parse(head: &[u8]) -> Option<(Object, u64)> {
    let text = std::str::from_utf8(head).ok()?;
    let mut words = text.trim_end_matches('\n').split(' ');
    let (id, kind, size) = (words.next()?, words.next()?, words.next()?);
    let is_id = matches!(id.len(), 40 | 64) && id.bytes().all(|b| b.is_ascii_hexdigit());
    let size = size.parse().ok()?;
    (is_id && words.next().is_none()).then(|| (Object { id: id.to_owned(), kind: kind.to_owned() }, size))
}

struct Hasher(Sha256);

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_does_not_answer_is_ended_and_that_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = git(folder.path(), Reach::Here);
        // an alias of git's own is the only way to make it wait
        command.args(["-c", "alias.wait=!sleep 600", "wait"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut objects = Objects::begin(&mut command, Duration::ZERO).unwrap();
        let silent = objects.hash(b"HEAD").unwrap_err();
        assert_eq!(silent, "git did not answer for 0 s");
        assert!(objects.child.try_wait().unwrap().is_some(), "it is ended");
    }
}
