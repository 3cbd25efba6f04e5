//! The processes of a benchmark: started here, ended here.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::exit::Stop;

/// How long a server may take to end when it is told to.
const PATIENCE: Duration = Duration::from_secs(15);

/// A server under measurement. It is killed when this is dropped.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
}

/// The one place where a benchmark makes a process.
#[expect(clippy::disallowed_methods, reason = "a benchmark starts its own binary, the floor and git")]
fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

impl Process {
    /// Starts a server with exactly this environment. What it says goes to a file.
    pub(crate) fn start(
        name: &'static str,
        program: &Path,
        arguments: &[String],
        environment: &BTreeMap<String, String>,
        log: &Path,
    ) -> Result<Process, Stop> {
        let failed = |error: std::io::Error| Stop::failed(format!("{name} cannot be started: {error}"));
        let log = std::fs::File::create(log).map_err(failed)?;
        let mut command = command(program);
        command.args(arguments).env_clear().envs(environment).stdout(Stdio::null()).stderr(log);
        Ok(Process { name, child: command.spawn().map_err(failed)? })
    }

    /// How it ended, if it has.
    pub(crate) fn has_ended(&mut self) -> Option<String> {
        self.child.try_wait().ok().flatten().map(|status| status.to_string())
    }

    /// Its memory now (resident set), in bytes.
    pub(crate) fn resident(&self) -> Option<u64> {
        memory(self.child.id()?, "VmRSS:")
    }

    /// The most memory that it has had (resident set), in bytes.
    pub(crate) fn peak(&self) -> Option<u64> {
        peak_of(self.child.id()?)
    }

    /// Tells it to end (TERM) and waits.
    pub(crate) async fn end(mut self) -> Result<(), Stop> {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Stop::failed(format!("{} cannot be waited for: {error}", self.name))),
            Err(_) => {
                let _ = self.child.kill().await;
                Err(Stop::failed(format!("{} had to be killed", self.name)))
            }
        }
    }
}

/// The most memory that a process has had (resident set), in bytes, while it lives.
pub(crate) fn peak_of(pid: u32) -> Option<u64> {
    memory(pid, "VmHWM:")
}

fn memory(pid: u32, what: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(what))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// What a program printed, whatever its exit status says.
pub(crate) async fn said(program: &Path, arguments: &[String], limit: Duration) -> Result<String, Stop> {
    let output = run(program, arguments, None, limit).await?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program to its end in a folder; anything but success is an error.
pub(crate) async fn in_folder(
    program: &Path,
    arguments: &[String],
    folder: &Path,
    limit: Duration,
) -> Result<(), Stop> {
    let output = run(program, arguments, Some(folder), limit).await?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Stop::failed(format!("{} ended with {}: {}", program.display(), output.status, said.trim())))
}

async fn run(
    program: &Path,
    arguments: &[String],
    folder: Option<&Path>,
    limit: Duration,
) -> Result<std::process::Output, Stop> {
    let name = program.display();
    let mut command = command(program);
    command.args(arguments);
    if let Some(folder) = folder {
        command.current_dir(folder);
    }
    tokio::time::timeout(limit, command.output())
        .await
        .map_err(|_| Stop::failed(format!("{name} does not end within {} s", limit.as_secs())))?
        .map_err(|error| Stop::failed(format!("{name} cannot be run: {error}")))
}

/// Runs a program to its end and returns what it printed.
pub(crate) async fn output(program: &Path, arguments: &[String], limit: Duration) -> Result<String, Stop> {
    let name = program.display();
    let output = tokio::time::timeout(limit, command(program).args(arguments).output())
        .await
        .map_err(|_| Stop::failed(format!("{name} does not end within {} s", limit.as_secs())))?
        .map_err(|error| Stop::failed(format!("{name} cannot be run: {error}\nhint: see --floor")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Stop::failed(format!("{name} ended with {}: {}", output.status, said.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
