//! What a run's commands left alive when their supervisor is gone: found through `/proc`, told to end, then made to.
//!
//! A process belongs to a run when the environment that it was started with names the run, or when it is in the
//! session of a supervisor that was seen to end just now. One that left the session *and* cleared its environment
//! is not found; as long as the supervisor lives, nothing escapes it (`children.rs`).

use std::collections::BTreeSet;
use std::time::Duration;

use runbook_core::ids::RunId;
use rustix::process::{Signal, getpid};
use tokio::time::Instant;

use crate::members::{KILL_WAIT, LOOK_EVERY, Member, Survivors, tell};
use crate::process::{self, Identity, Pid, Stat, positive};

/// In a command's environment: its run.
const RUN: &str = "BLOCKS_RUN";
/// In a supervisor's environment: its run.
pub(crate) const SUPERVISES: &str = "BLOCKS_SUPERVISES";
/// Pause before looking again at a process that cannot be told.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// How often at most: at one that shows a command line and no environment, which is rarely one that just begins.
const MAX_LOOKS: u32 = 10;
/// And at one that shows neither: it is between two programs, on a busy machine for longer than one would think.
const MAX_LOOKS_BETWEEN: u32 = 200;

/// What is left of one run.
#[derive(Debug, Clone)]
pub(crate) struct Leftovers {
    marks: Vec<Vec<u8>>,
    session: Option<(Pid, u64)>,
}

/// What one look at all processes has left open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Open {
    Nothing,
    /// One without an environment.
    Bare,
    /// One between two programs.
    Between,
}

impl Open {
    /// How often to look before it is taken for nothing.
    fn looks(self) -> u32 {
        if self == Open::Between { MAX_LOOKS_BETWEEN } else { MAX_LOOKS }
    }

    fn of(pid: Pid) -> Self {
        if process::has_command_line(pid) { Open::Bare } else { Open::Between }
    }
}

impl Leftovers {
    /// Every process that carries the run's mark.
    pub(crate) fn of_run(run: RunId) -> Self {
        Self { marks: vec![format!("{RUN}={run}").into_bytes()], session: None }
    }

    /// And whatever its supervisor had just forked when it was killed: that has the supervisor's environment until it
    /// is a program of its own. Only when no supervisor of the run lives.
    pub(crate) fn and_forks_of_supervisor(mut self, run: RunId) -> Self {
        self.marks.push(format!("{SUPERVISES}={run}").into_bytes());
        self
    }

    /// And every process in the session of a supervisor that has ended a moment ago. Later its number may be
    /// somebody else's.
    pub(crate) fn and_session_of(mut self, supervisor: Option<&Identity>) -> Self {
        let ended = supervisor.filter(|supervisor| supervisor.is_of_this_boot());
        self.session = ended.and_then(|ended| Some((positive(ended.pid)?, ended.start_ticks)));
        if let Some((pid, started)) = self.session
            && Stat::read(pid).is_some_and(|stat| stat.started != started)
        {
            self.session = None;
        }
        self
    }

    /// TERM, grace, KILL. Gives what could not be ended, and what was.
    pub(crate) async fn end(self, grace: Duration) -> Vec<String> {
        let mut seen = Survivors::default();
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
        seen.tell(&self.members_off_thread().await)
    }

    /// Waits until nobody is left, noting those that are seen. False when `patience` ended first.
    async fn wait_gone(&self, patience: Duration, seen: &mut Survivors) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            let members = self.members_off_thread().await;
            if members.is_empty() {
                return true;
            }
            seen.note(&members);
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn tell(&self, signal: Signal) {
        let leftovers = self.clone();
        if tokio::task::spawn_blocking(move || tell(&leftovers.members(), signal)).await.is_err() {
            tracing::error!("processes of a command could not be signalled");
        }
    }

    async fn members_off_thread(&self) -> Vec<Member> {
        let leftovers = self.clone();
        match tokio::task::spawn_blocking(move || leftovers.members()).await {
            Ok(members) => members,
            Err(error) => {
                // "Nobody" would be a guess.
                tracing::error!(%error, "looking for a command's processes failed; looking again");
                self.members()
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.members().is_empty()
    }

    /// `/proc` is no snapshot: a process may fork behind the reader's back, or be just between two programs. So
    /// "nobody" counts only when it was seen twice with nothing left open.
    fn members(&self) -> Vec<Member> {
        let (mut seen_nobody, mut looks) = (0, 0);
        while seen_nobody < 2 {
            let (members, open) = self.look();
            if !members.is_empty() {
                return members;
            }
            if open == Open::Nothing {
                seen_nobody += 1;
                continue;
            }
            looks += 1;
            if looks >= open.looks() {
                break;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        Vec::new()
    }

    /// One pass over `/proc`, and what it has left open.
    fn look(&self) -> (Vec<Member>, Open) {
        let (mut members, mut open) = (Vec::new(), Open::Nothing);
        for (pid, stat) in process::all() {
            // The kernel's own are in no session, and show an empty environment for ever.
            if pid == getpid() || !stat.alive || stat.session.is_none() {
                continue;
            }
            let in_session = self.session.is_some_and(|(session, since)| {
                stat.session == Some(session) && stat.started >= since && pid != session
            });
            let marked = if in_session { Some(true) } else { is_marked_by_one(pid, &self.marks) };
            match marked {
                Some(true) => members.push(Member::new(pid, stat)),
                Some(false) => {}
                None => open = open.max(Open::of(pid)),
            }
        }
        (members, open)
    }
}

/// `None` while the process is between two programs: the kernel shows no environment then.
pub(crate) fn is_marked(pid: Pid, mark: &[u8]) -> Option<bool> {
    let Some(environment) = process::environment(pid) else { return Some(false) };
    let has = || environment.split(|byte| *byte == 0).any(|entry| entry == mark);
    if environment.is_empty() { None } else { Some(has()) }
}

fn is_marked_by_one(pid: Pid, marks: &[Vec<u8>]) -> Option<bool> {
    let Some(environment) = process::environment(pid) else { return Some(false) };
    let is_mark = |entry: &[u8]| marks.iter().any(|mark| mark == entry);
    let has = || environment.split(|byte| *byte == 0).any(is_mark);
    if environment.is_empty() { None } else { Some(has()) }
}

/// Every run of which a process or a supervisor is alive, of this engine or another.
pub(crate) fn runs_alive() -> BTreeSet<RunId> {
    let (mut runs, mut seen_all, mut looks) = (BTreeSet::new(), 0, 0);
    // As with one run: only what is not seen twice is not there.
    while seen_all < 2 {
        let mut open = Open::Nothing;
        for (pid, stat) in process::all() {
            let environment = process::environment(pid).filter(|_| stat.alive && stat.session.is_some());
            if environment.as_ref().is_some_and(Vec::is_empty) {
                open = open.max(Open::of(pid));
            }
            runs.extend(environment.as_deref().and_then(run_of));
        }
        if open == Open::Nothing {
            seen_all += 1;
            continue;
        }
        looks += 1;
        if looks >= open.looks() {
            break;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    runs
}

fn run_of(environment: &[u8]) -> Option<RunId> {
    let entries = environment.split(|byte| *byte == 0).filter_map(|entry| std::str::from_utf8(entry).ok());
    let mut values = entries.filter_map(|entry| match entry.split_once('=')? {
        (RUN | SUPERVISES, value) => Some(value),
        _ => None,
    });
    values.find_map(|value| value.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_the_mark_of_a_run_that_never_was() {
        let run = "00000000-0000-7000-8000-0000000000ff".parse().unwrap();
        assert_eq!(Leftovers::of_run(run).members(), Vec::new());
        assert!(!runs_alive().contains(&run));
    }

    #[test]
    fn a_session_whose_number_is_somebody_elses_is_left_alone() {
        let run = "00000000-0000-7000-8000-0000000000fe".parse().unwrap();
        let own = Identity::own().unwrap();
        let earlier = Identity { start_ticks: own.start_ticks - 1, ..own.clone() };
        let other_boot = Identity { boot_id: "another".to_owned(), ..own };
        for ended in [earlier, other_boot] {
            assert_eq!(Leftovers::of_run(run).and_session_of(Some(&ended)).session, None, "{ended:?}");
        }
    }
}
