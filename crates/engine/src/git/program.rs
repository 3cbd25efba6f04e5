//! The system's `git`, started so that nothing in a repository or in the caller's environment makes it do more than it is
//! asked: no hooks, no prompts, no transport helpers, no submodules, and an end in time and size.

use std::io::Read;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

/// What of the caller's environment `git` and what it starts may see: where things are, who asks, how the network is reached.
const KEPT: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "XDG_CONFIG_HOME",
    "SSH_AUTH_SOCK",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "GIT_SSL_CAINFO",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];
/// Settings that a repository's own configuration does not get to decide.
const SET: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.askPass=",
    "credential.interactive=false",
    "protocol.ext.allow=never",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
];
/// How often a process that should end is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long is waited for the end of its output once it has ended.
const READ_WAIT: Duration = Duration::from_secs(5);
/// Most of what it complains that is kept.
const MOST_WORDS: u64 = 64 * 1024;

/// Whether it may reach other repositories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Only what is here: not even an object that is missing is asked for elsewhere.
    Here,
    /// Over https, ssh, or a path.
    Remote,
}

/// What ends it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds<'a> {
    /// Time that it may take.
    pub(super) time: Duration,
    /// Bytes that it may print.
    pub(super) output: u64,
    /// A folder, and the bytes that it may come to hold.
    pub(super) folder: Option<(&'a Path, u64)>,
}

/// `git` in a folder, without words yet.
pub(super) fn git(folder: &Path, reach: Reach) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where git is started; it is no command of a runbook"
    )]
    let mut command = Command::new("git");
    command.env_clear();
    for name in KEPT {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
        .env("LC_ALL", "C")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ASKPASS", "/bin/false")
        .env("SSH_ASKPASS", "/bin/false")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_NO_LAZY_FETCH", "1")
        // a folder above has nothing to say about this one
        .env("GIT_CEILING_DIRECTORIES", folder.parent().unwrap_or(folder))
        .env("GIT_ALLOW_PROTOCOL", if reach == Reach::Remote { "file:https:ssh" } else { "none" });
    if reach == Reach::Remote {
        // without these ssh asks the terminal about keys and passwords, waits for ever for a host that says nothing, and leaves
        // a process behind that holds our pipes
        command.env(
            "GIT_SSH_COMMAND",
            "ssh -oBatchMode=yes -oConnectTimeout=15 -oServerAliveInterval=5 -oServerAliveCountMax=3 \
             -oControlMaster=no -oControlPersist=no",
        );
    }
    command.args(["--no-pager", "--no-replace-objects", "--literal-pathspecs"]);
    command.args(SET.iter().flat_map(|set| ["-c", set]));
    command.arg("-C").arg(folder).stdin(Stdio::null()).current_dir("/");
    command
}

/// Runs it to its end and gives what it printed.
///
/// # Errors
/// What it says is wrong, or which bound ended it.
pub(super) fn run(mut command: Command, bounds: Bounds<'_>) -> Result<Vec<u8>, String> {
    let mut child = spawn(command.stdout(Stdio::piped()))?;
    let stdout = child.stdout.take().map(|pipe| read_beside(pipe, bounds.output + 1));
    let stderr = child.stderr.take().map(|pipe| read_beside(pipe, MOST_WORDS));
    let mut waited = Duration::ZERO;
    let too_much = loop {
        match child.try_wait() {
            Ok(Some(_)) => break None,
            Ok(None) => {}
            Err(error) => break Some(error.to_string()),
        }
        if waited >= bounds.time {
            break Some(format!("git did not end within {} s", bounds.time.as_secs()));
        }
        if let Some((folder, most)) = bounds.folder
            && size_of(folder) > most
        {
            break Some(format!(
                "the repository is larger than the {} MiB that are fetched",
                most / (1024 * 1024)
            ));
        }
        std::thread::sleep(LOOK);
        waited += LOOK;
    };
    if too_much.is_some() {
        end(&mut child);
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    if let Some(reason) = too_much {
        return Err(reason);
    }
    let heard = |pipe: Option<Receiver<Vec<u8>>>| pipe.and_then(|pipe| pipe.recv_timeout(READ_WAIT).ok());
    let complaints = heard(stderr).unwrap_or_default();
    let printed = heard(stdout).ok_or("somebody whom git has started still holds its output")?;
    if printed.len() as u64 > bounds.output {
        return Err(format!("git printed more than {} bytes", bounds.output));
    }
    if status.success() { Ok(printed) } else { Err(complaint(&complaints)) }
}

/// Starts it as a group of its own, so that all of it can be ended.
pub(super) fn spawn(command: &mut Command) -> Result<Child, String> {
    let started = command.stderr(Stdio::piped()).process_group(0).spawn();
    started.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "git is not on PATH".to_owned(),
        _ => format!("git does not start: {error}"),
    })
}

/// Ends it and what it started. Whether it had ended already is no matter.
pub(super) fn end(child: &mut Child) {
    // once it was waited for, its number may be another's
    let is_there = matches!(child.try_wait(), Ok(None));
    if is_there && let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _gone = kill_process_group(group, Signal::KILL);
    }
    let _ended = child.wait();
}

/// The line of a complaint that says what is wrong, in a form that a terminal can show.
pub(super) fn complaint(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let told = lines().find(|line| line.starts_with("fatal:") || line.starts_with("error:"));
    let told = told.or_else(|| lines().next_back()).unwrap_or("git failed without a word");
    let told = told.trim_start_matches("fatal:").trim_start_matches("error:").trim();
    told.chars().filter(|c| !c.is_control()).take(300).collect()
}

/// Reads to the end beside what else is done, and keeps that much.
fn read_beside(mut pipe: impl Read + Send + 'static, most: u64) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        let _read = pipe.by_ref().take(most).read_to_end(&mut kept);
        // whoever writes on must not wait for ever
        let _rest = std::io::copy(&mut pipe, &mut std::io::sink());
        // nobody may be left to hear it
        let _heard = sender.send(kept);
    });
    receiver
}

/// Bytes of all files below a folder.
fn size_of(folder: &Path) -> u64 {
    let mut waiting = vec![folder.to_path_buf()];
    let mut bytes = 0;
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(data) if data.is_dir() => waiting.push(entry.path()),
                Ok(data) => bytes += data.len(),
                Err(_) => {}
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bound_ends_it_and_says_which() {
        let folder = tempfile::tempdir().unwrap();
        let wide = Bounds { time: Duration::from_secs(60), output: 1 << 20, folder: None };
        let mut version = git(folder.path(), Reach::Here);
        version.arg("--version");
        assert!(run(version, wide).unwrap().starts_with(b"git version"));
        let mut narrow = git(folder.path(), Reach::Here);
        narrow.arg("--version");
        assert!(run(narrow, Bounds { output: 3, ..wide }).unwrap_err().contains("more than 3 bytes"));
        let waits = || {
            let mut waits = git(folder.path(), Reach::Here);
            // an alias of git's own is the only way to make it wait
            waits.args(["-c", "alias.wait=!sleep 600", "wait"]);
            waits
        };
        let late = run(waits(), Bounds { time: Duration::ZERO, ..wide }).unwrap_err();
        assert!(late.contains("did not end within 0 s"), "{late}");
        std::fs::write(folder.path().join("large"), [0; 100]).unwrap();
        let large = run(waits(), Bounds { folder: Some((folder.path(), 99)), ..wide }).unwrap_err();
        assert!(large.contains("larger than"), "{large}");
    }

    /// Fetches from a remote that takes the call and says nothing, and waits until everybody who called has hung up.
    fn asks_the_silent(url: &str, wanted: &str) {
        let folder = tempfile::tempdir().unwrap();
        let wide = Bounds { time: Duration::from_secs(60), output: 1 << 20, folder: None };
        let mut init = git(folder.path(), Reach::Here);
        init.args(["init", "--quiet", "--bare", "."]);
        run(init, wide).unwrap();
        let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = silent.local_addr().unwrap().port();
        let mut fetch = git(folder.path(), Reach::Remote);
        fetch.env("HOME", folder.path());
        fetch.args(["fetch", "--quiet", "--", &url.replace("PORT", &port.to_string())]);
        let called = std::thread::spawn(move || {
            let (mut caller, _) = silent.accept().unwrap();
            // to the end: nobody whom git has started holds the line any more
            std::io::copy(&mut caller, &mut std::io::sink()).unwrap_or_default();
        });
        let came = run(fetch, Bounds { time: Duration::from_secs(2), ..wide }).unwrap_err();
        assert_eq!(came, wanted, "{url}");
        called.join().unwrap();
    }

    #[test]
    fn a_remote_that_says_nothing_is_given_up_and_nobody_stays_on_the_line() {
        for url in ["https://127.0.0.1:PORT/r.git", "ssh://git@127.0.0.1:PORT/r.git"] {
            asks_the_silent(url, "git did not end within 2 s");
        }
    }

    #[test]
    fn ssh_asks_nobody_and_does_not_wait_for_ever() {
        let command = git(Path::new("/"), Reach::Remote);
        let mut told =
            command.get_envs().filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?)));
        let ssh = told.find(|(name, _)| *name == "GIT_SSH_COMMAND").map(|(_, value)| value).unwrap();
        for option in ["BatchMode=yes", "ConnectTimeout=15", "ServerAliveInterval=5", "ControlMaster=no"] {
            assert!(ssh.contains(&format!("-o{option}")), "{option}: {ssh}");
        }
    }

    #[test]
    fn a_complaint_is_one_line_that_a_terminal_can_show() {
        assert_eq!(complaint(b"warning: x\nfatal: no \x1b[31msuch\x07 thing\nmore\n"), "no [31msuch thing");
        assert_eq!(complaint(b"\n"), "git failed without a word");
        assert_eq!(complaint(b"one\ntwo\n"), "two");
    }
}
