//! Whether bash can read a command to its end, asked before its first line runs.
//!
//! bash reads and runs a file piece by piece: with a mistake in the last line, all lines before it have run already.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Nothing runs, so it is quick or something is very wrong.
const LIMIT: Duration = Duration::from_secs(10);

/// Asks bash to read the text without running it.
///
/// # Errors
///
/// What bash says about it, or why it could not be asked.
#[expect(clippy::disallowed_methods, reason = "this crate is the home of process spawning")]
pub(crate) async fn check(bash: &Path, text: &str) -> Result<(), String> {
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
