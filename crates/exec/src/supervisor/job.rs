//! One command of a run, from its files to its outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use blocks_crash::{Point, at};
use runbook_core::ports::{Exit, Finished, Job, Output, StateOutcome};
use tokio::process::{ChildStderr, ChildStdout};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::Checked;
use super::children::Children;
use crate::config::ExecConfig;
use crate::environment;
use crate::folder::{self, Attempt};
use crate::output;
use crate::record::{Ended, Records, begun_before};
use crate::redact::Redactor;
use crate::script::NO_VALUE;
use crate::spool::Spool;

/// How long the readers get after everybody we know of has ended: an unknown process may hold the pipe for ever.
const READ_WAIT: Duration = Duration::from_secs(2);
/// Ends the error output of a command whose variables cannot be handed on.
const SECRET_IN_STATE: &str = "\n[blocks: an array, a function or a changed form of a secret would be kept on disk, so no variable is handed on]\n";

/// Carries a command out, unless it was begun before. The flag says whether this has begun it, so that its outcome is
/// to be kept. `seen` is that of [`folder::prepare`].
pub(super) async fn carry_out(
    config: &ExecConfig,
    job: &Job,
    (records, seen): (&Records, bool),
    children: &Arc<Children>,
    checked: Checked,
    mut cancelled: watch::Receiver<bool>,
) -> (Ended, bool) {
    let (ready, is_first) = match prepare(config, job, records, seen).await {
        Ok(prepared) => prepared,
        Err(reason) => return (Ended::NotStarted(reason), false),
    };
    if !is_first {
        return (Ended::Lost(begun_before(job.attempt)), false);
    }
    at(Point::AfterMark);
    // Checked while the disk was busy.
    let may_start = tokio::select! {
        biased;
        _ = cancelled.wait_for(|cancelled| *cancelled) => Err("it was cancelled before".to_owned()),
        says = checked => says.unwrap_or_else(|_| Err("Blocks ended before bash had read it".to_owned())),
    };
    if let Err(reason) = may_start {
        return (Ended::NotStarted(reason), true);
    }
    let ended = supervise(config, job, records, children, &ready, &mut cancelled).await;
    if matches!(ended, Err(Ended::Lost(_))) {
        children.end_all(job.attempt, config.grace).await;
    }
    children.forget(job.attempt);
    (ended.map_or_else(|failed| failed, Ended::Finished), true)
}

struct Ready {
    attempt: Attempt,
    variables: BTreeMap<String, String>,
    redactor: Redactor,
}

/// Writes the files and begins the attempt. The flag is false when somebody else has begun it.
async fn prepare(
    config: &ExecConfig,
    job: &Job,
    records: &Records,
    seen: bool,
) -> Result<(Ready, bool), String> {
    let temporary = folder::temporary(records.folder());
    let variables = environment::build(config, job, &temporary).map_err(|error| error.to_string())?;
    let given = |name: &&String| config.env.contains_key(*name);
    let mut handed_on: BTreeSet<String> = config.env_names.iter().filter(given).cloned().collect();
    handed_on.insert("TMPDIR".to_owned());
    let (for_files, for_folder) = (records.clone(), job.clone());
    // In one go: each turn of another thread is waited for.
    let (attempt, is_first) = off_thread(move || {
        let attempt = folder::prepare(&for_files, &for_folder, &handed_on, seen)?;
        at(Point::BeforeMark);
        let is_first = for_files
            .begin(for_folder.attempt)
            .map_err(|error| format!("that it begins could not be kept on disk: {error}"))?;
        Ok::<_, String>((attempt, is_first))
    })
    .await??;
    let redactor = Redactor::new(&config.secrets).for_job(&config.secrets, job);
    Ok((Ready { attempt, variables, redactor }, is_first))
}

/// From here on something may run: what goes wrong is [`Ended::Lost`] unless nothing was started.
async fn supervise(
    config: &ExecConfig,
    job: &Job,
    records: &Records,
    children: &Arc<Children>,
    ready: &Ready,
    cancelled: &mut watch::Receiver<bool>,
) -> Result<Finished, Ended> {
    let started = Instant::now();
    let mut shell = children
        .start(job.attempt, || spawn(&config.bash, ready))
        .map_err(|error| Ended::NotStarted(format!("{} cannot be run: {error}", config.bash.display())))?;
    at(Point::ChildBegan);
    let (stop, stopped) = watch::channel(false);
    let spool = |kind: &str| Spool::new(records.file(job.attempt, kind));
    let limit = config.output_limit_bytes;
    let unread =
        |error: &dyn std::fmt::Display| Ended::Lost(format!("its output could not be read: {error}"));
    let pipe = shell.stdout.take().map(ChildStdout::from_std).transpose().map_err(|error| unread(&error))?;
    let stdout =
        tokio::spawn(output::collect(pipe, ready.redactor.clone(), limit, spool("stdout"), stopped.clone()));
    let pipe = shell.stderr.take().map(ChildStderr::from_std).transpose().map_err(|error| unread(&error))?;
    let stderr = tokio::spawn(output::collect(pipe, ready.redactor.clone(), limit, spool("stderr"), stopped));

    let by_itself = tokio::select! {
        biased;
        exit = children.shell_ended(job.attempt) => Ok(exit),
        _ = cancelled.wait_for(|cancelled| *cancelled) => Err(Exit::Cancelled),
        () = tokio::time::sleep(Duration::from_millis(job.timeout_ms)) => Err(Exit::TimedOut),
    };
    let (exit, elapsed, survivors) = match by_itself {
        Ok(exit) => {
            let elapsed = started.elapsed();
            let exit = exit.ok_or_else(|| Ended::Lost("its end was missed".to_owned()))?;
            (exit, elapsed, children.end_rest(job.attempt, config.grace).await)
        }
        Err(exit) => {
            let survivors = children.end_all(job.attempt, config.grace).await;
            if !children.shell_has_ended(job.attempt) {
                return Err(Ended::Lost("it could not be ended, even by KILL".to_owned()));
            }
            (exit, started.elapsed(), survivors)
        }
    };

    let mut read = pin!(async { tokio::join!(stdout, stderr) });
    let (stdout, stderr) = match timeout(READ_WAIT, &mut read).await {
        Ok(both) => both,
        Err(_) => {
            tracing::warn!(run = %job.run, step = %job.step, "an unknown process still holds the command's output");
            stop.send_replace(true);
            read.await
        }
    };
    let whole = |output: Result<std::io::Result<Output>, tokio::task::JoinError>| {
        output.map_err(|error| unread(&error))?.map_err(|error| unread(&error))
    };
    let (stdout, mut stderr) = (whole(stdout)?, whole(stderr)?);

    let for_state = ready.attempt.clone();
    let for_secrets = ready.redactor.clone();
    let (refused, (state, held_secret)) = off_thread(move || match exit {
        Exit::Code { .. } => (for_state.was_refused(), for_state.take_state(&for_secrets)),
        _ => (false, (for_state.drop_state(), false)),
    })
    .await
    .unwrap_or((false, (StateOutcome::Missing, false)));
    if held_secret {
        stderr.text.push_str(SECRET_IN_STATE);
    }
    if refused {
        let said = stderr.text.trim();
        let reason = if said.ends_with(NO_VALUE) {
            said.to_owned()
        } else {
            format!("the shell state to start from does not load: {said}")
        };
        return Err(Ended::NotStarted(reason));
    }
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    Ok(Finished { exit, stdout, stderr, elapsed_ms, state, survivors })
}

#[expect(clippy::disallowed_methods, reason = "this crate is the home of process spawning")]
fn spawn(bash: &Path, ready: &Ready) -> std::io::Result<Child> {
    use std::os::unix::process::CommandExt as _;
    Command::new(bash)
        .args(["--noprofile", "--norc"])
        .arg(&ready.attempt.wrapper)
        .env_clear()
        .envs(&ready.variables)
        // bash would set it anyway; given, a path through a symbolic link stays as the command left it.
        .env("PWD", &ready.attempt.directory)
        .current_dir(&ready.attempt.directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| format!("a file task failed: {error}"))
}
