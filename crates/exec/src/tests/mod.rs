//! The executor with a real bash.

mod carry;
mod connections;
mod echo;
mod ending;
mod environment;
mod http;
mod output;
mod placeholders;
mod recovery;
mod secrets;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use runbook_core::ids::RunId;
use runbook_core::ports::{ExecError, Executor as _, Exit, Finished, Job, StateOutcome};
use runbook_core::runbook::{CommandKind, Effect};
use tempfile::TempDir;

use crate::{ExecConfig, ShellExecutor, find_program};

/// An executor in a folder of its own, and one run.
struct Bench {
    folder: TempDir,
    executor: ShellExecutor,
    run: RunId,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut ExecConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("work")).unwrap();
        let path = std::env::var("PATH").unwrap();
        let bash = find_program("bash", path.as_ref()).unwrap();
        let mut config = ExecConfig::new(bash, folder.path().join("blocks's data/runs"));
        config.env.insert("PATH".to_owned(), path);
        config.env.insert("HOME".to_owned(), folder.path().to_str().unwrap().to_owned());
        config.env.insert("NOT_NAMED".to_owned(), "x".to_owned());
        config.grace = Duration::from_millis(300);
        config.supervisor = this_program();
        change(&mut config);
        Self { folder, executor: ShellExecutor::new(config).unwrap(), run: new_run() }
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn run_folder(&self) -> PathBuf {
        self.folder.path().join("blocks's data/runs").join(self.run.to_string())
    }

    fn job(&self, attempt: u32, text: &str) -> Job {
        Job {
            kind: CommandKind::Shell,
            connection: None,
            effect: Effect::Once,
            run: self.run,
            incident: "INC-7".to_owned(),
            step: "step-1".to_owned(),
            attempt,
            text: text.to_owned(),
            variables: BTreeMap::new(),
            environment: crate::DEFAULT_ENV_NAMES.map(str::to_owned).to_vec(),
            secrets: BTreeMap::new(),
            directory: self.work(),
            timeout_ms: 60_000,
            carry_from: attempt.checked_sub(1).filter(|before| *before > 0),
            must_be_set: BTreeSet::new(),
        }
    }

    async fn run(&self, text: &str) -> Finished {
        self.executor.run(self.job(1, text)).await.unwrap()
    }

    async fn refused(&self, job: Job) -> String {
        match self.executor.run(job).await {
            Err(ExecError::NotStarted(reason)) => reason,
            other => panic!("was started: {other:?}"),
        }
    }

    /// Runs commands one after the other, each from the state of the one before; gives the last one's end.
    async fn chain(&self, texts: &[&str]) -> Finished {
        let mut last = None;
        for (text, attempt) in texts.iter().zip(1..) {
            last = Some(self.executor.run(self.job(attempt, text)).await.unwrap());
        }
        last.unwrap()
    }
}

/// What the executors of the tests start as their supervisors.
fn this_program() -> (PathBuf, Vec<OsString>) {
    let arguments = ["--exact", "tests::supervisor", "--ignored", "--nocapture", "--test-threads=1"];
    ("/proc/self/exe".into(), arguments.map(Into::into).to_vec())
}

/// This program as a supervisor.
#[test]
#[ignore = "is no test: a process of its own"]
fn supervisor() {
    if std::env::var_os(crate::leftovers::SUPERVISES).is_some() {
        let _code = crate::supervise();
    }
}

/// An id that no other test has, in this process or in one beside it.
fn new_run() -> RunId {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:08x}-0000-7000-8000-{number:012x}", std::process::id()).parse().unwrap()
}

fn code(finished: &Finished) -> i32 {
    match finished.exit {
        Exit::Code { code } => code,
        other => panic!("{other:?}: {finished:?}"),
    }
}

#[tokio::test]
async fn status_output_and_line_numbers() {
    let bench = Bench::new();
    let cases = [
        ("true", 0, "", ""),
        ("exit 3", 3, "", ""),
        ("return 4", 4, "", ""),
        ("(exit 5)", 5, "", ""),
        ("kill -9 $BASHPID", -9, "", ""),
        ("echo out; echo err >&2", 0, "out\n", "err\n"),
        ("false | true", 1, "", ""),
        ("false; echo on", 0, "on\n", ""),
        ("set -x; true", 0, "", "++ true\n"),
        ("set -eu; false; echo never", 1, "", ""),
        ("cat; echo $?", 0, "0\n", ""),
        ("echo $-", 0, "hB\n", ""),
        ("f() { exit 6; }; f", 6, "", ""),
        ("cat <<'x'\n\nbody\nx\n", 0, "\nbody\n", ""),
    ];
    for ((text, expected, stdout, stderr), attempt) in cases.into_iter().zip(1..) {
        let finished =
            bench.executor.run(Job { carry_from: None, ..bench.job(attempt, text) }).await.unwrap();
        let exit =
            if expected < 0 { Exit::Signal { signal: -expected } } else { Exit::Code { code: expected } };
        assert_eq!(finished.exit, exit, "{text}");
        assert_eq!(finished.stdout.text, stdout, "{text}");
        assert_eq!(finished.stderr.text, stderr, "{text}");
        assert_eq!(finished.survivors, Vec::<String>::new(), "{text}");
    }
    let job = Job { carry_from: None, ..bench.job(80, "true\n\nno-such-program") };
    let finished = bench.executor.run(job).await.unwrap();
    assert_eq!(code(&finished), 127);
    assert!(
        finished.stderr.text.contains("80.command.sh: line 3: no-such-program: command not found"),
        "{finished:?}"
    );
    let reason = bench.refused(Job { carry_from: None, ..bench.job(90, "echo one\nif then") }).await;
    assert!(reason.contains("bash cannot read it: line 2"), "{reason}");
}

#[tokio::test]
async fn what_cannot_be_started_says_so() {
    let bench = Bench::new();
    let reason = bench.refused(Job { directory: bench.work().join("gone"), ..bench.job(1, "touch x") }).await;
    assert!(reason.contains("gone is not there"), "{reason}");
    let reason = bench.refused(Job { directory: "relative".into(), ..bench.job(1, "touch x") }).await;
    assert!(reason.contains("absolute"), "{reason}");
    let reason = bench.refused(Job { carry_from: Some(9), ..bench.job(1, "touch x") }).await;
    assert!(reason.contains("attempt 9"), "{reason}");
    let huge = BTreeMap::from([("v".to_owned(), "x".repeat(4 << 20))]);
    let reason = bench.refused(Job { variables: huge, ..bench.job(1, "touch x") }).await;
    assert!(reason.contains("cannot be run"), "{reason}");
    assert!(std::fs::read_dir(bench.work()).unwrap().next().is_none());

    let bench = Bench::with(|config| config.bash = "/no/such/bash".into());
    let reason = bench.refused(bench.job(1, "true")).await;
    assert!(reason.contains("/no/such/bash cannot be run"), "{reason}");
}

#[tokio::test]
async fn the_runs_folder_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    assert_eq!(bench.run("umask 000; a=1").await.state, StateOutcome::Written);
    let folder = bench.run_folder();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    for name in ["1.command.sh", "1.wrapper.sh", "1.state", "1.directory", "1.begun", "1.outcome", "socket"] {
        assert!(files.iter().any(|file| file.ends_with(name)), "{name} in {files:?}");
    }
    for file in files {
        let expected = if file.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&file), expected, "{file:?}");
    }
}
