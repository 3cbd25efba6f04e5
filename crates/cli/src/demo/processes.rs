//! The demo's two processes. Each ends when its standard input closes, so neither can outlive the demo.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use crate::exit::Stop;

/// How long a process may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(15);

/// A process that the demo started.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    /// Kept open: closing it would end a process that prints.
    lines: tokio::io::Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts this program again with another command, with exactly this environment. Its log goes to a file.
    #[expect(clippy::disallowed_methods, reason = "the demo starts its own binary")]
    pub(crate) fn start(
        name: &'static str,
        program: &Path,
        arguments: &[&str],
        environment: &BTreeMap<String, String>,
        log: &Path,
    ) -> Result<Process, Stop> {
        let failed = |error: std::io::Error| Stop::failed(format!("{name} cannot be started: {error}"));
        let log = std::fs::File::create(log).map_err(failed)?;
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let stdout = child.stdout.take().ok_or_else(|| Stop::failed(format!("{name} has no output")))?;
        Ok(Process { name, child, lines: BufReader::new(stdout).lines() })
    }

    /// The first line that it prints.
    pub(crate) async fn first_line(&mut self) -> Result<String, Stop> {
        let ended = || Stop::failed(format!("{} ended before it said where it listens", self.name));
        tokio::time::timeout(PATIENCE, self.lines.next_line())
            .await
            .map_err(|_| Stop::failed(format!("{} does not say where it listens", self.name)))?
            .map_err(Stop::failed)?
            .ok_or_else(ended)
    }

    /// How it ended, if it has.
    pub(crate) fn has_ended(&mut self) -> Option<String> {
        self.child.try_wait().ok().flatten().map(|status| status.to_string())
    }

    /// Asks it to end (TERM) and waits; ends it when it does not.
    pub(crate) async fn end(&mut self) -> Result<(), Stop> {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(Stop::failed(format!("{} ended with {status}", self.name))),
            Ok(Err(error)) => Err(Stop::failed(format!("{} cannot be waited for: {error}", self.name))),
            Err(_) => {
                let _ = self.child.kill().await;
                Err(Stop::failed(format!("{} had to be killed", self.name)))
            }
        }
    }
}
