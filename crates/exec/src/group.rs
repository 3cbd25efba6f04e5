//! What a command leaves running: found through `/proc`, told to end, then made to.
//!
//! A process belongs to a command when it is in the command's process group, or when the environment it was started
//! with names exactly this run and attempt (that finds who left the group with `setsid`). One that left the group
//! *and* cleared its environment is not found.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use runbook_core::ids::RunId;
use rustix::process::{PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open, pidfd_send_signal};
use tokio::time::Instant;

pub(crate) use rustix::process::Pid;

/// How often `/proc` is looked at while waiting for processes to end.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What ends by itself just after the shell (a process substitution draining its pipe) is nobody's survivor.
const SETTLE: Duration = Duration::from_millis(500);
/// How long KILL may take to show. Longer means that the kernel will not let go of it (a dead disk).
const KILL_WAIT: Duration = Duration::from_secs(2);
/// Pause before looking again at a process that is between two programs, and how often at most.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
const MAX_LOOKS: u32 = 10;

/// Whose processes are looked for.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    /// The shell, leader of its group. Must not have been reaped, or its number may belong to somebody else.
    leader: Option<Pid>,
    /// When the shell was started, in the kernel's ticks since boot: what is older is nobody of ours.
    since: u64,
    /// Entries (`NAME=value`) that must all be in a process's environment.
    marks: Vec<String>,
}

/// A process of a family.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    pid: Pid,
    name: String,
    in_group: bool,
}

impl Family {
    /// Everything started by one attempt of a run.
    pub(crate) fn of_attempt(leader: Pid, run: RunId, attempt: u32) -> Self {
        let since = Stat::read(leader).map_or(0, |stat| stat.started);
        let marks = vec![format!("BLOCKS_RUN={run}"), format!("BLOCKS_ATTEMPT={attempt}")];
        Self { leader: Some(leader), since, marks }
    }

    /// Everything that carries a run's mark, whichever attempt started it.
    pub(crate) fn of_run(run: RunId) -> Self {
        Self { leader: None, since: 0, marks: vec![format!("BLOCKS_RUN={run}")] }
    }

    /// Sends a signal to all, the leader too.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            // No such group any more is as good as done.
            let _gone = kill_process_group(leader, signal);
            if signal == Signal::TERM {
                // A stopped process takes TERM only when it goes on.
                let _gone = kill_process_group(leader, Signal::CONT);
            }
        }
        for member in self.members().iter().filter(|member| !member.in_group) {
            self.signal_one(member.pid, signal);
        }
    }

    /// As [`Family::signal`], off the runtime's threads.
    pub(crate) async fn tell(&self, signal: Signal) {
        let family = self.clone();
        if tokio::task::spawn_blocking(move || family.signal(signal)).await.is_err() {
            tracing::error!("processes of a command could not be signalled");
        }
    }

    /// Ends what is alive besides the leader, and says what that was: `pid name`.
    pub(crate) async fn end(&self, grace: Duration) -> Vec<String> {
        if self.wait_gone(SETTLE, &mut BTreeMap::new()).await {
            return Vec::new();
        }
        let mut seen = BTreeMap::new();
        if self.wait_gone(Duration::ZERO, &mut seen).await {
            return Vec::new();
        }
        self.tell(Signal::TERM).await;
        if !self.wait_gone(grace, &mut seen).await {
            let deadline = Instant::now() + KILL_WAIT;
            // Again and again: a process may fork while it is being looked for.
            while Instant::now() < deadline {
                self.tell(Signal::KILL).await;
                if self.wait_gone(LOOK_EVERY, &mut seen).await {
                    break;
                }
            }
        }
        let left = self.members_off_thread().await;
        let alive = |pid: i32| left.iter().any(|member| member.pid.as_raw_nonzero().get() == pid);
        seen.iter()
            .map(|(pid, name)| {
                let note = if alive(*pid) { " (could not be ended)" } else { "" };
                format!("{pid} {name}{note}")
            })
            .collect()
    }

    /// Waits until no member is left, noting those that are seen. False when `patience` ended first.
    async fn wait_gone(&self, patience: Duration, seen: &mut BTreeMap<i32, String>) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            let members = self.members_off_thread().await;
            if members.is_empty() {
                return true;
            }
            seen.extend(members.into_iter().map(|member| (member.pid.as_raw_nonzero().get(), member.name)));
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn members_off_thread(&self) -> Vec<Member> {
        let family = self.clone();
        match tokio::task::spawn_blocking(move || family.members()).await {
            Ok(members) => members,
            Err(error) => {
                // "Nobody" would be a guess.
                tracing::error!(%error, "looking for a command's processes failed; looking again");
                self.members()
            }
        }
    }

    /// Whether anybody but the leader is alive.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.members().is_empty()
    }

    /// Living members, without the leader.
    ///
    /// `/proc` is no snapshot: a process may fork behind the reader's back, or be just between two programs. So
    /// "nobody" counts only when it was seen twice with nothing left open.
    fn members(&self) -> Vec<Member> {
        let mut seen_nobody = 0;
        for _ in 0..MAX_LOOKS {
            let (members, undecided) = self.look();
            if !members.is_empty() {
                return members;
            }
            if undecided {
                std::thread::sleep(LOOK_AGAIN);
                continue;
            }
            seen_nobody += 1;
            if seen_nobody == 2 {
                break;
            }
        }
        Vec::new()
    }

    /// One pass over `/proc`, and whether a process could not be told.
    fn look(&self) -> (Vec<Member>, bool) {
        let (mut members, mut undecided) = (Vec::new(), false);
        let Ok(entries) = fs::read_dir("/proc") else { return (members, undecided) };
        for entry in entries.flatten() {
            let pid = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(positive);
            let Some(pid) = pid.filter(|pid| Some(*pid) != self.leader && *pid != rustix::process::getpid())
            else {
                continue;
            };
            let Some(stat) = Stat::read(pid).filter(|stat| stat.alive && stat.started >= self.since) else {
                continue;
            };
            let in_group = stat.group.is_some() && stat.group == self.leader;
            let marked = if in_group { Some(true) } else { self.is_marked(pid) };
            match marked {
                Some(true) => members.push(Member { pid, name: stat.name, in_group }),
                Some(false) => {}
                None => undecided = true,
            }
        }
        (members, undecided)
    }

    /// None while the process is between two programs: the kernel shows no environment then.
    fn is_marked(&self, pid: Pid) -> Option<bool> {
        if self.marks.is_empty() {
            return Some(false);
        }
        // Not readable: another user's process, hence not one that we started and could end.
        let Ok(environment) = fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())) else {
            return Some(false);
        };
        let has = |mark: &String| environment.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes());
        if environment.is_empty() { None } else { Some(self.marks.iter().all(has)) }
    }

    /// Signals a process outside the group, making sure that the number still means the process that was looked at.
    fn signal_one(&self, pid: Pid, signal: Signal) {
        let handle = pidfd_open(pid, PidfdFlags::empty());
        if self.is_marked(pid) != Some(true) {
            return;
        }
        let _gone = match handle {
            Ok(handle) => pidfd_send_signal(handle, signal),
            // A kernel without process handles.
            Err(_) => kill_process(pid, signal),
        };
    }
}

/// What `/proc/PID/stat` says.
struct Stat {
    name: String,
    alive: bool,
    group: Option<Pid>,
    started: u64,
}

impl Stat {
    fn read(pid: Pid) -> Option<Self> {
        let stat = fs::read(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
        Self::parse(&String::from_utf8_lossy(&stat))
    }

    /// `pid (name) state parent group ... started ...`; the name may hold anything, so the last bracket counts.
    fn parse(stat: &str) -> Option<Self> {
        let (front, back) = stat.rsplit_once(')')?;
        let name = front.split_once('(')?.1.to_owned();
        let mut fields = back.split_whitespace();
        let alive = !matches!(fields.next()?, "Z" | "X");
        let group = fields.nth(1)?.parse().ok().and_then(positive);
        // The 22nd field of all; the group was the 5th.
        let started = fields.nth(16)?.parse().ok()?;
        Some(Self { name, alive, group, started })
    }
}

/// A process number; the kernel writes -1 as the group of a process that is just going away.
fn positive(raw: i32) -> Option<Pid> {
    if raw > 0 { Pid::from_raw(raw) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_the_mark_of_a_run_that_never_was() {
        let run = "00000000-0000-7000-8000-0000000000ff".parse().unwrap();
        assert_eq!(Family::of_run(run).members(), Vec::new());
    }

    #[test]
    fn a_name_with_brackets_is_read() {
        let text = "12 (a) b (c) S 1 12 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 99 0\n";
        let stat = Stat::parse(text).unwrap();
        assert_eq!(
            (stat.name.as_str(), stat.alive, stat.group, stat.started),
            ("a) b (c", true, Pid::from_raw(12), 4711)
        );
        assert!(
            !Stat::parse("12 (x) Z 1 12 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 99 0").unwrap().alive
        );
        let going = Stat::parse("12 (x) R 0 -1 -1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 99 0").unwrap();
        assert_eq!(going.group, None);
        assert!(Stat::parse("12 (x) S").is_none());
    }

    #[test]
    fn no_mark_means_nobody() {
        assert_eq!(Family { leader: None, since: 0, marks: Vec::new() }.members(), Vec::new());
    }
}
