//! What a process does to become a supervisor, once it is executed.

use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream as StdUnixStream;

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, geteuid, getpid, set_child_subreaper, setrlimit, setsid, umask};
use tokio::net::UnixStream;

/// Leaves the engine's session, adopts whoever loses its parent below it, and makes what is created private.
///
/// # Errors
///
/// What the system refused.
pub(super) fn become_supervisor() -> io::Result<()> {
    setsid()?;
    set_child_subreaper(Some(getpid()))?;
    umask(Mode::RWXG | Mode::RWXO);
    // A core dump of it, or of a command, would hold secrets.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // In a list of processes it would be a number, that of the file it was executed from.
    rustix::thread::set_name(c"blocks-run")?;
    let open = inherited();
    if !open.is_empty() {
        tracing::warn!(?open, "files were left open for a supervisor, and its commands get them too");
    }
    Ok(())
}

/// What is open besides the three that are meant for it.
fn inherited() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return Vec::new() };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let open: Vec<u32> = numbers.filter(|number| *number > 2).collect();
    // The folder itself was among them.
    open.into_iter()
        .filter(|number| fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok())
        .collect()
}

/// Standard input, over which the first orders come.
///
/// # Errors
///
/// It is no socket.
pub(super) fn stdin() -> io::Result<StdUnixStream> {
    let stream = StdUnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    stream.set_nonblocking(true)?;
    stream.peer_addr()?;
    Ok(stream)
}

/// Whether the same user is at the other end.
pub(super) fn is_ours(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == geteuid().as_raw())
}
