//! Processes of the program under test, with an environment from nothing.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use blocks_exec::find_program;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// No command of a test takes this long; one that does hangs.
const HANGS: Duration = Duration::from_secs(120);

/// A process that a test started; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Kept open: a process that prints would end when it closes.
    _stdout: Option<tokio::io::Lines<BufReader<tokio::process::ChildStdout>>>,
    /// Its first line, when one was waited for.
    pub first_line: String,
}

/// How a command ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Exit code; -1 when a signal ended it.
    pub code: i32,
    /// What it wrote as data.
    pub stdout: String,
    /// What it wrote for people.
    pub stderr: String,
}

impl Finished {
    /// Standard output as one JSON value.
    ///
    /// # Panics
    /// When it is anything else than exactly one.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not one JSON value ({error}): {self:?}"))
    }
}

impl Process {
    /// Starts the binary with exactly this environment; its log goes to a file. It ends when the test does.
    ///
    /// # Panics
    /// When it cannot be started.
    #[expect(clippy::disallowed_methods, reason = "tests start their own binary")]
    pub async fn start(
        program: &Path,
        arguments: &[&str],
        environment: &BTreeMap<String, String>,
        log: &Path,
        wait_for_a_line: bool,
    ) -> Process {
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(log).expect("the log can be opened");
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", program.display()));
        let mut lines = child.stdout.take().map(|stdout| BufReader::new(stdout).lines());
        let mut first_line = String::new();
        if wait_for_a_line && let Some(lines) = &mut lines {
            let line =
                tokio::time::timeout(HANGS, lines.next_line()).await.expect("it says where it listens");
            first_line = line.expect("its output reads").expect("it says where it listens before it ends");
        }
        Process { child, _stdout: lines, first_line }
    }

    /// Its process id; 0 once it is gone.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// `kill -9`, and waits until it is gone.
    ///
    /// # Panics
    /// When it was gone before.
    pub async fn kill_9(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait().await;
    }

    /// TERM, and its exit code.
    ///
    /// # Panics
    /// When it was gone before, or does not end.
    pub async fn end(&mut self) -> i32 {
        self.signal(Signal::TERM);
        let status = tokio::time::timeout(HANGS, self.child.wait()).await.expect("it ends on TERM");
        status.ok().and_then(|status| status.code()).unwrap_or(-1)
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        kill_process(pid.expect("it is still there"), signal).expect("it can be signalled");
    }

    /// Its exit code, if it has ended.
    pub fn has_ended(&mut self) -> Option<i32> {
        self.child.try_wait().ok().flatten().map(|status| status.code().unwrap_or(-1))
    }
}

/// Runs a program to its end in the repository's root.
///
/// # Panics
/// When it cannot be started, or hangs.
pub async fn run<S: AsRef<OsStr>>(
    program: &Path,
    arguments: &[S],
    environment: &BTreeMap<String, String>,
) -> Finished {
    run_in(program, arguments, environment, &crate::repository()).await
}

/// Runs a program to its end in a folder. Its standard input is empty.
///
/// # Panics
/// When it cannot be started, or hangs.
#[expect(
    clippy::disallowed_methods,
    reason = "tests start their own binary, and cargo and python3 beside it"
)]
pub async fn run_in<S: AsRef<OsStr>>(
    program: &Path,
    arguments: &[S],
    environment: &BTreeMap<String, String>,
    folder: &Path,
) -> Finished {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(environment).current_dir(folder);
    finish(command, program).await
}

async fn finish(mut command: Command, program: &Path) -> Finished {
    let running = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(HANGS, running)
        .await
        .unwrap_or_else(|_| panic!("{} hangs", program.display()))
        .unwrap_or_else(|error| panic!("{} cannot be started: {error}", program.display()));
    Finished {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs a program to its end in a folder, and not as root: as a user that owns nothing when the tests run as root, and as the
/// tests' own user otherwise.
///
/// # Panics
/// When it cannot be started, or hangs.
#[expect(clippy::disallowed_methods, reason = "tests start their own binary")]
pub async fn run_unprivileged(
    program: &Path,
    arguments: &[&str],
    environment: &BTreeMap<String, String>,
    folder: &Path,
) -> Finished {
    /// `nobody`; it need not have a name.
    const NOBODY: u32 = 65_534;
    let mut command = Command::new(program);
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.args(arguments).env_clear().envs(environment).current_dir(folder);
    finish(command, program).await
}

/// From nothing: a PATH with bash and curl after `first`, a HOME, and no secret of the caller.
#[must_use]
pub fn base_environment(first: Option<&Path>, home: &Path) -> BTreeMap<String, String> {
    let caller = std::env::var_os("PATH").unwrap_or_default();
    let mut path: Vec<PathBuf> = first.map(Path::to_path_buf).into_iter().collect();
    path.extend(["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from));
    for name in ["bash", "curl"] {
        if let Some(folder) =
            find_program(name, &caller).and_then(|found| found.parent().map(Path::to_path_buf))
            && !path.contains(&folder)
        {
            path.push(folder);
        }
    }
    let path: Vec<_> = path.iter().map(|folder| folder.display().to_string()).collect();
    BTreeMap::from([
        ("PATH".to_owned(), path.join(":")),
        ("HOME".to_owned(), home.display().to_string()),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ("TZ".to_owned(), "UTC".to_owned()),
    ])
}
