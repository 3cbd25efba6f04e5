//! Processes as `/proc` shows them, and how one of them is told apart from a later one of the same number.

use std::fs;
use std::time::Duration;

use rustix::process::{PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

pub(crate) use rustix::process::Pid;

/// How often, and with which pause, a killed process is looked at.
const KILL_LOOKS: u32 = 200;
const KILL_LOOK_EVERY: Duration = Duration::from_millis(10);

/// What `/proc/PID/stat` says.
#[derive(Debug, Clone)]
pub(crate) struct Stat {
    pub(crate) name: String,
    /// Neither a zombie nor gone.
    pub(crate) alive: bool,
    pub(crate) parent: Option<Pid>,
    pub(crate) group: Option<Pid>,
    pub(crate) session: Option<Pid>,
    /// In the kernel's ticks since boot.
    pub(crate) started: u64,
}

impl Stat {
    pub(crate) fn read(pid: Pid) -> Option<Self> {
        let stat = fs::read(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
        Self::parse(&String::from_utf8_lossy(&stat))
    }

    /// `pid (name) state parent group session ... started ...`; the name may hold anything, so the last bracket counts.
    fn parse(stat: &str) -> Option<Self> {
        let (front, back) = stat.rsplit_once(')')?;
        let name = front.split_once('(')?.1.to_owned();
        let mut fields = back.split_whitespace();
        let alive = !matches!(fields.next()?, "Z" | "X");
        let parent = fields.next()?.parse().ok().and_then(positive);
        let group = fields.next()?.parse().ok().and_then(positive);
        let session = fields.next()?.parse().ok().and_then(positive);
        // The 22nd field of all; the session was the 6th.
        let started = fields.nth(15)?.parse().ok()?;
        Some(Self { name, alive, parent, group, session, started })
    }
}

/// A process number; the kernel writes -1 as the group of a process that is just going away.
pub(crate) fn positive(raw: i32) -> Option<Pid> {
    if raw > 0 { Pid::from_raw(raw) } else { None }
}

/// Every process there is. `/proc` is no snapshot: some may be missing that were born meanwhile.
pub(crate) fn all() -> Vec<(Pid, Stat)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(positive).filter_map(|pid| Some((pid, Stat::read(pid)?))).collect()
}

/// The environment that a process was started with; `None` when it cannot be read, empty between two programs.
pub(crate) fn environment(pid: Pid) -> Option<Vec<u8>> {
    // Not readable: another user's process, hence not one that we started and could end.
    fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).ok()
}

/// Whether a process shows with which words it was started. Between two programs it does not.
pub(crate) fn has_command_line(pid: Pid) -> bool {
    fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).is_ok_and(|line| !line.is_empty())
}

/// Signals the process that was started then, and no later one of the same number.
pub(crate) fn signal(pid: Pid, started: u64, signal: Signal) {
    let handle = pidfd_open(pid, PidfdFlags::empty());
    if Stat::read(pid).is_none_or(|stat| stat.started != started) {
        return;
    }
    // No such process any more is as good as done.
    let _gone = match handle {
        Ok(handle) => pidfd_send_signal(handle, signal),
        // A kernel without process handles.
        Err(_) => kill_process(pid, signal),
    };
}

/// A process for ever: number, start and boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) pid: i32,
    pub(crate) start_ticks: u64,
    pub(crate) boot_id: String,
}

impl Identity {
    /// This process.
    pub(crate) fn own() -> Option<Self> {
        let pid = rustix::process::getpid();
        let start_ticks = Stat::read(pid)?.started;
        Some(Self { pid: pid.as_raw_nonzero().get(), start_ticks, boot_id: boot_id()? })
    }

    /// Its number, while it lives.
    pub(crate) fn alive(&self) -> Option<Pid> {
        let pid = positive(self.pid).filter(|_| self.is_of_this_boot())?;
        Stat::read(pid).filter(|stat| stat.alive && stat.started == self.start_ticks).map(|_| pid)
    }

    /// Whether anything that it started can be alive at all.
    pub(crate) fn is_of_this_boot(&self) -> bool {
        boot_id().as_ref() == Some(&self.boot_id)
    }

    /// KILL, and a while for it to show: what is below it is nobody's before.
    pub(crate) async fn kill(&self) {
        let Some(pid) = self.alive() else { return };
        signal(pid, self.start_ticks, Signal::KILL);
        for _ in 0..KILL_LOOKS {
            if self.alive().is_none() {
                return;
            }
            tokio::time::sleep(KILL_LOOK_EVERY).await;
        }
    }
}

fn boot_id() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_is_read() {
        let text = "12 (a) b (c) S 1 12 11 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 99 0\n";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.name.as_str(), stat.alive, stat.started), ("a) b (c", true, 4711));
        assert_eq!((stat.parent, stat.group, stat.session), (positive(1), positive(12), positive(11)));
        assert!(
            !Stat::parse("12 (x) Z 1 12 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 99 0").unwrap().alive
        );
        let going = Stat::parse("12 (x) R 0 -1 -1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 99 0").unwrap();
        assert_eq!((going.parent, going.group), (None, None));
        assert!(Stat::parse("12 (x) S").is_none());
    }

    #[test]
    fn a_later_process_of_the_same_number_is_another() {
        let own = Identity::own().unwrap();
        assert_eq!(own.alive(), Some(rustix::process::getpid()));
        let others = [
            Identity { start_ticks: own.start_ticks + 1, ..own.clone() },
            Identity { boot_id: "another".to_owned(), ..own.clone() },
            Identity { pid: i32::MAX, ..own.clone() },
            Identity { pid: -1, ..own },
        ];
        for other in others {
            assert_eq!(other.alive(), None, "{other:?}");
        }
    }
}
