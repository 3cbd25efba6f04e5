//! Starting programs, and telling the person who runs a chore.

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};

/// Why a chore stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A step ran and failed; what it had to say is on the terminal.
    #[error("`{0}` failed")]
    Step(String),
    /// A step could not be started.
    #[error("`{step}` could not be started: {source}")]
    Start { step: String, source: std::io::Error },
    /// A program without which nothing goes.
    #[error("not run: {0} is missing; hint: install it with the system's package manager")]
    Missing(&'static str),
    /// A step ran unseen and failed.
    #[error("`{step}` failed: {said}")]
    Quiet { step: String, said: String },
    /// A file or folder of our own.
    #[error("{path} cannot be written: {source}")]
    File { path: String, source: std::io::Error },
    /// Tools for the tests that are neither there nor to be had.
    #[error("{0}")]
    Tools(String),
}

/// Runs cargo in sight of the person.
pub(crate) fn cargo(arguments: &[&str], environment: &[(&str, &OsStr)]) -> Result<(), Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsStr::new("cargo").to_owned());
    run("cargo", &cargo, arguments, environment)
}

/// Runs a program in sight of the person, who reads its name.
pub(crate) fn run(
    name: &str,
    path: impl AsRef<OsStr>,
    arguments: &[&str],
    environment: &[(&str, &OsStr)],
) -> Result<(), Failure> {
    let step = format!("{name} {}", arguments.join(" "));
    say(&format!("== {step}"));
    let status = program(path)
        .args(arguments)
        .envs(environment.iter().copied())
        .status()
        .map_err(|source| Failure::Start { step: step.clone(), source })?;
    if status.success() { Ok(()) } else { Err(Failure::Step(step)) }
}

/// Whether a program is on PATH and starts.
pub(crate) fn runs(name: &str) -> bool {
    program(name)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs a command unseen; its standard output, or its last words.
pub(crate) fn quiet(command: &mut Command) -> Result<String, Failure> {
    let step = command.get_program().to_string_lossy().into_owned();
    let Output { status, stdout, stderr } = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Failure::Start { step: step.clone(), source })?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    let all = String::from_utf8_lossy(&stderr);
    let last: Vec<_> = all.lines().filter(|line| !line.trim().is_empty()).rev().take(3).collect();
    let said = last.into_iter().rev().collect::<Vec<_>>().join(" / ");
    Err(Failure::Quiet { step, said })
}

/// A command of a chore.
#[expect(clippy::disallowed_methods, reason = "chores start cargo and the system's package tools")]
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    Command::new(name)
}

/// Whether an unattended machine runs this: there, what is not run is a failure.
pub(crate) fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty())
}

#[expect(clippy::print_stderr, reason = "a chore speaks to the person who runs it")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}
