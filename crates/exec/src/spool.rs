//! A command's output on disk while it runs: what is kept of it, redacted, as a text that can be read at any time.
//!
//! Nothing depends on it. It lets people watch, and is what is left to look at when the supervisor is killed; the
//! outcome holds the same and takes its place.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::output::Bounded;
use crate::record::private;

/// A tail that moves is written this often.
const EVERY: Duration = Duration::from_millis(250);

/// The file of one stream. It is made when there is something to put into it: making a file is the dearest part of a short
/// command, and most say nothing on one of the two.
pub(crate) struct Spool {
    path: Option<PathBuf>,
    file: Option<File>,
    written: usize,
    /// When the moved tail is to be written.
    due: Option<Instant>,
}

impl Spool {
    /// A new file. When it cannot be made, the command runs all the same.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path: Some(path), file: None, written: 0, due: None }
    }

    fn open(&mut self) {
        let Some(path) = self.path.take() else { return };
        let file = private(&path)
            .inspect_err(|error| tracing::warn!(%error, path = %path.display(), "output cannot be watched"));
        self.file = file.ok();
    }

    /// Nowhere.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self { path: None, file: None, written: 0, due: None }
    }

    /// More is kept now.
    pub(crate) fn follow(&mut self, kept: &Bounded) {
        self.open();
        let Some(file) = &self.file else { return };
        let Some(more) = kept.beyond(self.written) else {
            match self.due {
                None => self.due = Some(Instant::now() + EVERY),
                Some(due) if due <= Instant::now() => self.rewrite(kept),
                Some(_) => {}
            }
            return;
        };
        let written = file.write_all_at(&more, self.written as u64);
        self.written += more.len();
        self.check(written);
    }

    /// Returns when the tail is to be written.
    pub(crate) async fn due(&self) {
        match self.due {
            Some(due) => sleep_until(due).await,
            None => std::future::pending().await,
        }
    }

    /// Writes the tail as it is now.
    pub(crate) fn rewrite(&mut self, kept: &Bounded) {
        self.due = None;
        let Some(file) = &self.file else { return };
        let (at, rest) = kept.after_head();
        let written =
            file.write_all_at(&rest, at as u64).and_then(|()| file.set_len((at + rest.len()) as u64));
        self.check(written);
    }

    fn check(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            tracing::warn!(%error, "output can no longer be watched");
            self.file = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_file_shows_what_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.stdout");
        let (mut spool, mut kept) = (Spool::new(path.clone()), Bounded::new(4));
        let text = || std::fs::read_to_string(&path).unwrap();
        for (chunk, shown) in [("abc", "abc"), ("defg", "abcdefg")] {
            kept.push(chunk.as_bytes());
            spool.follow(&kept);
            assert_eq!(text(), shown);
        }
        kept.push(b"hijklm");
        spool.follow(&kept);
        assert_eq!(text(), "abcdefg", "not at once");
        spool.due().await;
        spool.rewrite(&kept);
        assert_eq!(text(), "abcd\n[... 5 bytes dropped ...]\njklm");
        let mut full = Spool::new("/dev/full/1".into());
        full.follow(&kept);
    }
}
