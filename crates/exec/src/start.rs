//! Starting a supervisor, and finding one that lives.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use runbook_core::ids::RunId;
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::config::{ConfigError, ExecConfig};
use crate::leftovers::SUPERVISES;
use crate::supervisor::address;
use crate::wire::{self, Tell};

/// How long a supervisor may take until it can be reached.
const START_WAIT: Duration = Duration::from_secs(20);
/// `O_CLOEXEC`, as `/proc/PID/fdinfo` shows it.
const CLOSE_ON_EXEC: u32 = 0o2_000_000;
/// Closes what is open besides the three that are meant, then becomes the program.
const CLOSING: &str = "for n in $1; do exec {n}>&-; done; shift; exec -a blocks \"$@\"";

/// The program that becomes a supervisor, held open: whatever is put in its place, this one is executed.
#[derive(Debug)]
pub(crate) struct Program {
    file: File,
    arguments: Vec<OsString>,
    bash: PathBuf,
}

impl Program {
    /// # Errors
    ///
    /// It cannot be opened.
    pub(crate) fn open(config: &ExecConfig) -> Result<Self, ConfigError> {
        let (path, arguments) = &config.supervisor;
        let file =
            File::open(path).map_err(|source| ConfigError::Supervisor { path: path.clone(), source })?;
        Ok(Self { file, arguments: arguments.clone(), bash: config.bash.clone() })
    }

    /// Starts the supervisor of a run in its folder, and gives the connection to its standard input.
    ///
    /// # Errors
    ///
    /// A sentence for people. Whatever was started ends by itself.
    #[expect(clippy::disallowed_methods, reason = "this crate is the home of process spawning")]
    pub(crate) async fn start(&self, folder: &Path, run: RunId) -> Result<UnixStream, String> {
        let unusable = |error: io::Error| format!("a supervisor cannot be started: {error}");
        let (ours, theirs) = StdUnixStream::pair().map_err(unusable)?;
        ours.set_nonblocking(true).map_err(unusable)?;
        // Not `self`: that would be whoever follows the name.
        let path = format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd());
        let left_open = left_open();
        let mut command = if left_open.is_empty() {
            let mut command = Command::new(&path);
            command.arg0("blocks");
            command
        } else {
            // What this process was started with, everything below would inherit.
            let mut command = Command::new(&self.bash);
            command.args(["--noprofile", "--norc", "-c", CLOSING, "bash", &left_open, &path]);
            command
        };
        let mut log = OpenOptions::new();
        log.create(true).append(true).mode(0o600);
        let log = log.open(folder.join("supervisor.log")).map_err(unusable)?;
        command
            .args(&self.arguments)
            .env_clear()
            .env(SUPERVISES, run.to_string())
            .envs(blocks_crash::handed_on())
            .current_dir(folder)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(unusable)?;
        drop(command);
        let mut stream = UnixStream::from_std(ours).map_err(unusable)?;
        match timeout(START_WAIT, wire::read(&mut stream)).await {
            Ok(Ok(Some(Tell::Ready))) => Ok(stream),
            Ok(_) => {
                Err("its supervisor ended before it could be asked; see supervisor.log in the run's folder"
                    .to_owned())
            }
            Err(_) => Err(format!("its supervisor was not there within {} s", START_WAIT.as_secs())),
        }
    }
}

/// A connection to the supervisor that lives in a run's folder.
pub(crate) async fn connect(folder: &Path) -> Option<UnixStream> {
    let folder = File::open(folder).ok()?;
    UnixStream::connect(address(&folder)).await.ok()
}

/// Numbers of open files that a started program would inherit, besides the first three.
fn left_open() -> String {
    let Ok(entries) = fs::read_dir("/proc/self/fdinfo") else { return String::new() };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let inherited =
        numbers.filter(|number| number.parse::<u32>().is_ok_and(|number| number > 2) && is_inherited(number));
    inherited.collect::<Vec<_>>().join(" ")
}

fn is_inherited(number: &str) -> bool {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    flags
        .and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok())
        .is_some_and(|flags| flags & CLOSE_ON_EXEC == 0)
}
