//! What all servers share: a folder of their own, an unprivileged user, and an end.

use std::fs::{File, OpenOptions};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tempfile::TempDir;

use super::find::{Found, Tool, find, is_open_to_all, is_root};

/// The user that owns nothing, on a system that does not name it.
const NOBODY: (u32, u32) = (65534, 65534);
/// A unix socket's path has 107 bytes; this leaves room for names below the folder.
const LONGEST_BASE: usize = 60;
/// How long a server may take to end before it is killed.
const GRACE: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// A server's folder and programs, and the user that it runs as.
#[derive(Debug)]
pub(super) struct Home {
    folder: TempDir,
    found: Found,
    /// Another user than the test's, when that is root.
    user: Option<(u32, u32)>,
}

impl Home {
    /// Finds the programs and makes the folder; otherwise the reason why this machine cannot.
    pub(super) fn new(tool: &Tool) -> Result<Home, String> {
        let mut found = find(&crate::repository(), tool)?;
        let user = is_root().then(nobody);
        let folder = tempfile::Builder::new().prefix("blocks-").tempdir_in(base(user.is_some())?);
        let folder = folder.map_err(|error| format!("no temporary folder: {error}"))?;
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid)).map_err(|error| format!("chown: {error}"))?;
            if let Some(tree) = found.tree.take() {
                found = open_copy(found.folder, tree, folder.path())?;
            }
        }
        Ok(Home { folder, found, user })
    }

    /// Where the server keeps everything.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where one of the tool's programs is.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.found.folder.join(name)
    }

    /// An environment from nothing.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let mut environment: Vec<_> = crate::base_environment(None, self.path()).into_iter().collect();
        let more = self.found.environment();
        environment
            .extend(more.into_iter().map(|(name, value)| (name, value.to_string_lossy().into_owned())));
        environment
    }

    /// The unpacked tree that the programs are part of, if they are not the system's own.
    pub(super) fn tree(&self) -> Option<&Path> {
        self.found.tree.as_deref()
    }

    /// A command that runs as the server's user.
    pub(super) fn command(&self, name: &str) -> Command {
        self.command_of(&self.program(name))
    }

    /// The same, of a program anywhere.
    #[expect(clippy::disallowed_methods, reason = "tests start the servers that they need")]
    pub(super) fn command_of(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment()).current_dir(self.path()).stdin(Stdio::null());
        if let Some((uid, gid)) = self.user {
            // The standard library drops root's other groups with it.
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Writes a file that only the server's user, and root, may read.
    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        use std::io::Write as _;
        let path = self.path().join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        let given = written.and_then(|()| match self.user {
            Some((uid, gid)) => chown(&path, Some(uid), Some(gid)),
            None => Ok(()),
        });
        given.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    fn log(&self) -> PathBuf {
        self.path().join("server.log")
    }

    /// The end of what the server had to say.
    pub(super) fn last_words(&self) -> String {
        let log = std::fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let lines: Vec<_> = text.lines().rev().take(15).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Starts the server; what it says goes to a log in its folder. `ending` is the signal that ends it in good order.
    pub(super) fn start(&self, mut command: Command, ending: Signal) -> Server {
        let log = File::create(self.log()).expect("the log can be made");
        let both = log.try_clone().expect("the log can be shared");
        let child = command.stdout(log).stderr(both).spawn();
        let child =
            child.unwrap_or_else(|error| panic!("{:?} cannot be started: {error}", command.get_program()));
        Server { child, ending }
    }
}

/// A running server; ended when dropped.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    ending: Signal,
}

impl Server {
    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it ended by itself.
    pub(super) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// The processes that it has started, as handles that never come to mean another process.
    fn children(&self) -> Vec<OwnedFd> {
        let tasks = Path::new("/proc").join(self.pid().to_string()).join("task");
        let lists = tasks.read_dir().into_iter().flatten().flatten();
        let texts = lists.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
        let numbers: Vec<i32> = texts
            .flat_map(|text| text.split(' ').filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
            .collect();
        let pids = numbers.into_iter().filter_map(Pid::from_raw);
        pids.filter_map(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.has_ended() {
            let children = self.children();
            let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
            if let Some(server) = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) {
                let _ = pidfd_send_signal(&server, self.ending);
                let _ = rustix::io::retry_on_intr(|| {
                    poll(&mut [PollFd::new(&server, PollFlags::IN)], Some(&GRACE))
                });
            }
            let _ = self.child.kill();
            for child in children {
                let _ = pidfd_send_signal(child, Signal::KILL);
            }
        }
        let _ = self.child.wait();
    }
}

/// A port of loopback that nobody had a moment ago.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a bound listener has an address").port()
}

/// A folder for temporary folders: short enough for sockets, and for root's servers open to their user.
fn base(must_be_open: bool) -> Result<PathBuf, String> {
    let usual = std::env::temp_dir();
    [usual.clone(), PathBuf::from("/tmp")]
        .into_iter()
        .find(|folder| folder.as_os_str().len() <= LONGEST_BASE && (!must_be_open || is_open_to_all(folder)))
        .ok_or_else(|| format!("{} is too long or closed, and so is /tmp", usual.display()))
}

/// An unpacked tree is used where it lies, or as a copy if the server's user may not go there.
fn open_copy(programs: PathBuf, tree: PathBuf, folder: &Path) -> Result<Found, String> {
    if is_open_to_all(&tree) {
        return Ok(Found { folder: programs, tree: Some(tree) });
    }
    let copy = folder.join("programs");
    let below = programs.strip_prefix(&tree).map_err(|error| error.to_string())?;
    copy_tree(&tree, &copy).map_err(|error| format!("{} cannot be copied: {error}", tree.display()))?;
    Ok(Found { folder: copy.join(below), tree: Some(copy) })
}

/// Links stay links, with what they say.
fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir(to)?;
    std::fs::set_permissions(to, from.metadata()?.permissions())?;
    for entry in from.read_dir()? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(entry.path().read_link()?, target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Who runs the servers of root.
fn nobody() -> (u32, u32) {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    users
        .lines()
        .find_map(|line| {
            let mut fields = line.strip_prefix("nobody:")?.split(':').skip(1);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        })
        .unwrap_or(NOBODY)
}
