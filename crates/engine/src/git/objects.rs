//! What a repository holds, asked of one `git cat-file --batch`. No filter, hook or attribute has a say in what it prints.

use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use sha2::{Digest, Sha256};

use super::program::{Reach, complaint, end, git, spawn};

/// Longest line that names an object.
const LONGEST: u64 = 64 * 1024;

/// The conversation. It ends with this value.
#[derive(Debug)]
pub(super) struct Objects {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
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
        let mut child = spawn(&mut command)?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(asks), Some(answers)) => Ok(Objects { child, asks, answers: BufReader::new(answers) }),
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
            return Err(self.reason());
        }
        let mut head = Vec::new();
        let read = (&mut self.answers).take(LONGEST).read_until(b'\n', &mut head);
        if !read.is_ok_and(|count| count > 0) {
            return Err(self.reason());
        }
        let Some((object, size)) = parse(&head) else { return Ok(None) };
        let copied = std::io::copy(&mut (&mut self.answers).take(size), to);
        let mut line_end = [0];
        match copied {
            Ok(count) if count == size && self.answers.read_exact(&mut line_end).is_ok() => Ok(Some(object)),
            Ok(_) => Err(self.reason()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Why it stopped answering.
    fn reason(&mut self) -> String {
        end(&mut self.child);
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
