//! Processes that are to be ended, and what is said about those that were.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use rustix::process::{Signal, getpgrp, kill_process_group};

use crate::process::{Pid, Stat, signal};

/// How long KILL may take to show. Longer means that the kernel will not let go of it (a dead disk).
pub(crate) const KILL_WAIT: Duration = Duration::from_secs(2);
/// How often processes that are being ended are looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A living process that belongs to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) pid: Pid,
    name: String,
    group: Option<Pid>,
    started: u64,
}

impl Member {
    pub(crate) fn new(pid: Pid, stat: Stat) -> Self {
        Self { pid, name: stat.name, group: stat.group, started: stat.started }
    }

    /// Tells it from a later process of the same number.
    pub(crate) fn identity(&self) -> (Pid, u64) {
        (self.pid, self.started)
    }
}

/// Signals all of them.
pub(crate) fn tell(members: &[Member], what: Signal) {
    for member in members {
        signal(member.pid, member.started, what);
        if what == Signal::TERM {
            // A stopped process takes TERM only when it goes on.
            signal(member.pid, member.started, Signal::CONT);
        }
    }
    if what == Signal::KILL {
        // A process that forks faster than it can be looked for is still in a group that was seen.
        let groups: HashSet<Pid> = members.iter().filter_map(|member| member.group).collect();
        for group in groups.into_iter().filter(|group| *group != getpgrp()) {
            let _gone = kill_process_group(group, what);
        }
    }
}

/// What outlived its command: noted when it is seen, told at the end.
#[derive(Debug, Default)]
pub(crate) struct Survivors(BTreeMap<i32, String>);

impl Survivors {
    pub(crate) fn note(&mut self, members: &[Member]) {
        self.0.extend(members.iter().map(|member| (member.pid.as_raw_nonzero().get(), member.name.clone())));
    }

    /// `pid name` of each; `left` are those that are still there.
    pub(crate) fn tell(self, left: &[Member]) -> Vec<String> {
        let is_left = |pid: i32| left.iter().any(|member| member.pid.as_raw_nonzero().get() == pid);
        let line = |(pid, name): (i32, String)| {
            let note = if is_left(pid) { " (could not be ended)" } else { "" };
            format!("{pid} {name}{note}")
        };
        self.0.into_iter().map(line).collect()
    }
}
