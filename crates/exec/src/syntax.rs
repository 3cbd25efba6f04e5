//! Whether bash can read a command to its end, asked before its first line runs.
//!
//! bash reads and runs a file piece by piece: with a mistake in the last line, all lines before it have run already.
//! Asking costs a process. What bash could read once it can read again, so it is asked once for each text, and for what
//! comes next while the command before it runs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Nothing runs, so it is quick or something is very wrong.
const LIMIT: Duration = Duration::from_secs(10);
/// Texts that are remembered, and the longest of them.
const MOST: usize = 256;
const LONGEST: usize = 16 * 1_024;

/// What bash says of a text, for everybody who waits for it.
pub(crate) type Check = Shared<BoxFuture<'static, Result<(), String>>>;

/// The texts that bash was asked about.
#[derive(Debug)]
pub(crate) struct Checks {
    bash: PathBuf,
    known: Arc<Mutex<HashMap<String, Check>>>,
}

impl Checks {
    pub(crate) fn new(bash: PathBuf) -> Self {
        Self { bash, known: Arc::default() }
    }

    /// Asks about a text, unless that was done before. What could not be read is asked again: it may have been for want of
    /// a process.
    pub(crate) fn of(&self, text: &str) -> Check {
        let (bash, owned) = (self.bash.clone(), text.to_owned());
        if text.len() > LONGEST {
            return async move { check(&bash, &owned).await }.boxed().shared();
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(check) = known.get(text) {
            return check.clone();
        }
        if known.len() >= MOST {
            known.clear();
        }
        let all = Arc::clone(&self.known);
        let asked = async move {
            let says = check(&bash, &owned).await;
            if says.is_err() {
                all.lock().unwrap_or_else(PoisonError::into_inner).remove(&owned);
            }
            says
        };
        let check = asked.boxed().shared();
        known.insert(text.to_owned(), check.clone());
        check
    }

    /// Asks about a text that may come.
    pub(crate) fn foresee(&self, text: &str) {
        let check = self.of(text);
        if check.peek().is_none() {
            tokio::spawn(check);
        }
    }
}

/// Asks bash to read the text without running it.
///
/// # Errors
///
/// What bash says about it, or why it could not be asked.
#[expect(clippy::disallowed_methods, reason = "this crate is the home of process spawning")]
async fn check(bash: &Path, text: &str) -> Result<(), String> {
    let mut child = Command::new(bash)
        // a text may switch extended patterns on before it uses them, and nothing is switched on here
        .args(["--noprofile", "--norc", "-O", "extglob", "-n"])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{} cannot be run: {error}", bash.display()))?;
    let mut stdin = child.stdin.take();
    let asked = async move {
        if let Some(stdin) = &mut stdin {
            // bash stops reading at a mistake, which its answer tells better than this error
            let _written = stdin.write_all(text.as_bytes()).await;
        }
        drop(stdin);
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(LIMIT, asked)
        .await
        .map_err(|_| format!("bash has not read it within {} s", LIMIT.as_secs()))?
        .map_err(|error| format!("bash could not be asked: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let first = said.lines().next().unwrap_or_default();
    Err(format!("bash cannot read it: {}", first.rsplit("bash: ").next().unwrap_or(first)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_text_that_reads_is_asked_about_once_and_one_that_does_not_again() {
        let checks = Checks::new("bash".into());
        assert_eq!(checks.of("echo a").await, Ok(()));
        assert!(checks.of("echo a").peek().is_some(), "it is known");
        for _ in 0..2 {
            let check = checks.of("if true");
            assert!(check.peek().is_none());
            assert!(check.await.unwrap_err().contains("syntax error"));
        }
        let long = format!("echo {}", "a".repeat(LONGEST));
        assert_eq!(checks.of(&long).await, Ok(()));
        assert!(checks.of(&long).peek().is_none(), "what is long is not kept");
    }
}
