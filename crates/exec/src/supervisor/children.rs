//! Everything that a supervisor's commands have started.
//!
//! The supervisor is a child subreaper: whoever loses its parent becomes its child, whatever session, group or
//! environment it has. So every process below the supervisor belongs to one of its commands, and "no child" means
//! that nobody is left. Where several commands run at once, what is known to be another's is left alone.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use runbook_core::ports::Exit;
use rustix::io::Errno;
use rustix::process::{Signal, WaitOptions, WaitStatus, getpid, kill_process_group, wait};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::leftovers::is_marked;
use crate::members::{KILL_WAIT, LOOK_EVERY, Member, Survivors, tell};
use crate::process::{self, Pid, Stat, positive};

/// What ends by itself just after the shell (a process substitution draining its pipe) is nobody's survivor.
const SETTLE: Duration = Duration::from_millis(500);
/// The children are looked at again this often, should their signal have been missed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The processes of all commands under way.
pub(super) struct Children {
    /// By attempt. Locked while a shell is started and while processes are looked for, so that neither sees half of
    /// the other.
    shells: Mutex<BTreeMap<u32, Shell>>,
    /// What could not be ended (another user's, or the kernel does not let go of it), with its start. It was told once
    /// and is nobody's any more.
    given_up: Mutex<HashSet<(Pid, u64)>>,
    /// Raised whenever a child has ended.
    ended: watch::Sender<u64>,
}

/// One command's bash.
#[derive(Debug, Clone, Copy)]
enum Shell {
    /// Being started.
    Coming,
    /// Its number and group are nobody else's: it has not been waited for.
    Alive(Pid),
    /// Waited for.
    Ended(Exit),
}

impl Children {
    /// Needs a runtime with signals.
    ///
    /// # Errors
    ///
    /// The signal of a child's end cannot be had.
    pub(super) fn new() -> std::io::Result<Arc<Self>> {
        let mut child_ended = signal(SignalKind::child())?;
        let children = Arc::new(Self {
            shells: Mutex::default(),
            given_up: Mutex::default(),
            ended: watch::Sender::new(0),
        });
        let weak = Arc::downgrade(&children);
        tokio::spawn(async move {
            loop {
                // Either way it is looked.
                let _woken = timeout(LOOK_AGAIN, child_ended.recv()).await;
                let Some(children) = weak.upgrade() else { return };
                children.reap();
            }
        });
        Ok(children)
    }

    /// Starts an attempt's shell, leader of a process group.
    ///
    /// # Errors
    ///
    /// As `spawn`.
    pub(super) fn start(
        &self,
        attempt: u32,
        spawn: impl FnOnce() -> std::io::Result<Child>,
    ) -> std::io::Result<Child> {
        let mut shells = self.lock();
        shells.insert(attempt, Shell::Coming);
        let started = spawn();
        let pid = started.as_ref().ok().and_then(|child| i32::try_from(child.id()).ok()).and_then(positive);
        match pid {
            Some(pid) => shells.insert(attempt, Shell::Alive(pid)),
            None => shells.remove(&attempt),
        };
        started
    }

    /// Waits until the shell has ended.
    pub(super) async fn shell_ended(&self, attempt: u32) -> Option<Exit> {
        let mut ended = self.ended.subscribe();
        loop {
            ended.borrow_and_update();
            match self.lock().get(&attempt) {
                Some(Shell::Ended(exit)) => return Some(*exit),
                Some(_) => {}
                None => return None,
            }
            if ended.changed().await.is_err() {
                return None;
            }
        }
    }

    /// After the shell's end: lets those end that are about to, ends the others, and says what they were.
    pub(super) async fn end_rest(self: &Arc<Self>, attempt: u32, grace: Duration) -> Vec<String> {
        if self.all_gone(attempt, Instant::now() + SETTLE).await {
            return Vec::new();
        }
        let members = self.members(attempt).await;
        if members.is_empty() {
            return Vec::new();
        }
        let mut seen = Survivors::default();
        seen.note(&members);
        self.end(attempt, grace, seen).await
    }

    /// TERM, grace, KILL, for the shell and everything else. Gives what outlived the grace.
    pub(super) async fn end_all(self: &Arc<Self>, attempt: u32, grace: Duration) -> Vec<String> {
        self.end(attempt, grace, Survivors::default()).await
    }

    async fn end(self: &Arc<Self>, attempt: u32, grace: Duration, mut seen: Survivors) -> Vec<String> {
        self.tell(attempt, Signal::TERM).await;
        if self.all_gone(attempt, Instant::now() + grace).await {
            return seen.tell(&[]);
        }
        let deadline = Instant::now() + KILL_WAIT;
        // Again and again: a process may fork while it is being looked for.
        while Instant::now() < deadline {
            let had_ended = self.shell_has_ended(attempt);
            let members = self.tell(attempt, Signal::KILL).await;
            // What goes down together with its shell has not outlived it.
            if had_ended {
                seen.note(&members);
            }
            if self.all_gone(attempt, Instant::now() + LOOK_EVERY).await {
                return seen.tell(&[]);
            }
        }
        let left = self.members(attempt).await;
        self.given_up().extend(left.iter().map(Member::identity));
        seen.tell(&left)
    }

    /// The attempt is over: what is still alive of it, nobody could end.
    pub(super) fn forget(&self, attempt: u32) {
        self.lock().remove(&attempt);
    }

    /// Waits until the shell and everybody else of the attempt are gone. False when the time came first.
    async fn all_gone(self: &Arc<Self>, attempt: u32, deadline: Instant) -> bool {
        let mut ended = self.ended.subscribe();
        loop {
            ended.borrow_and_update();
            if self.is_gone(attempt).await {
                return true;
            }
            // Not every end is a child's: with others about, only looking tells.
            let pause = if self.is_plain() { LOOK_AGAIN } else { LOOK_EVERY };
            let next = deadline.min(Instant::now() + pause);
            let woken = timeout_at(next, ended.changed()).await;
            if woken.is_err() && Instant::now() >= deadline {
                return self.is_gone(attempt).await;
            }
        }
    }

    pub(super) fn shell_has_ended(&self, attempt: u32) -> bool {
        !matches!(self.lock().get(&attempt), Some(Shell::Coming | Shell::Alive(_)))
    }

    async fn is_gone(self: &Arc<Self>, attempt: u32) -> bool {
        let nobody = self.reap();
        if !self.shell_has_ended(attempt) {
            return false;
        }
        // Twice, because `/proc` is no snapshot.
        nobody
            || !self.is_plain()
                && self.members(attempt).await.is_empty()
                && self.members(attempt).await.is_empty()
    }

    /// Whether every child is the same command's.
    fn is_plain(&self) -> bool {
        self.lock().len() < 2 && self.given_up().is_empty()
    }

    fn members_of(&self, shells: &BTreeMap<u32, Shell>, attempt: u32) -> Vec<Member> {
        let given_up = self.given_up();
        let members = members_of(shells, attempt).into_iter();
        members.filter(|member| !given_up.contains(&member.identity())).collect()
    }

    fn given_up(&self) -> MutexGuard<'_, HashSet<(Pid, u64)>> {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of every child that has ended. True when there is no child at all.
    fn reap(&self) -> bool {
        let mut shells = self.lock();
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => {
                    let is_it = |shell: &&mut Shell| matches!(shell, Shell::Alive(alive) if *alive == pid);
                    if let Some(shell) = shells.values_mut().find(is_it) {
                        *shell = Shell::Ended(exit_of(status));
                    }
                    self.ended.send_modify(|count| *count += 1);
                }
                Ok(None) => return false,
                Err(Errno::INTR) => {}
                Err(Errno::CHILD) => return true,
                Err(error) => {
                    tracing::error!(%error, "waiting for children failed");
                    return false;
                }
            }
        }
    }

    /// Signals everything of an attempt, and gives what that was besides the shell.
    async fn tell(self: &Arc<Self>, attempt: u32, signal: Signal) -> Vec<Member> {
        self.off_thread(move |children| {
            let shells = children.lock();
            if let Some(Shell::Alive(leader)) = shells.get(&attempt) {
                let _gone = kill_process_group(*leader, signal);
                if signal == Signal::TERM {
                    // A stopped process takes TERM only when it goes on.
                    let _gone = kill_process_group(*leader, Signal::CONT);
                }
            }
            let members = children.members_of(&shells, attempt);
            tell(&members, signal);
            members
        })
        .await
    }

    /// Everything alive of an attempt but its shell.
    async fn members(self: &Arc<Self>, attempt: u32) -> Vec<Member> {
        self.off_thread(move |children| children.members_of(&children.lock(), attempt)).await
    }

    async fn off_thread<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl Fn(&Self) -> T + Send + Sync + Clone + 'static,
    ) -> T {
        let (children, again) = (Arc::clone(self), work.clone());
        match tokio::task::spawn_blocking(move || work(&children)).await {
            Ok(done) => done,
            Err(error) => {
                // "Nobody" would be a guess.
                tracing::error!(%error, "looking for a command's processes failed; looking again");
                again(self)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Shell>> {
        self.shells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn members_of(shells: &BTreeMap<u32, Shell>, attempt: u32) -> Vec<Member> {
    let table: HashMap<Pid, Stat> = process::all().into_iter().collect();
    let own = match shells.get(&attempt) {
        Some(Shell::Alive(leader)) => Some(*leader),
        _ => None,
    };
    let others = shells.iter().filter(|(number, _)| **number != attempt);
    let leaders: Vec<Pid> = others
        .clone()
        .filter_map(|(_, shell)| match shell {
            Shell::Alive(leader) => Some(*leader),
            Shell::Coming | Shell::Ended(_) => None,
        })
        .collect();
    let marks: Vec<Vec<u8>> =
        others.map(|(number, _)| format!("BLOCKS_ATTEMPT={number}").into_bytes()).collect();
    let is_anothers = |pid: Pid, stat: &Stat, line: &[Pid]| {
        leaders.iter().any(|leader| line.contains(leader) || stat.group == Some(*leader))
            || marks.iter().any(|mark| is_marked(pid, mark) == Some(true))
    };
    let alive = table.iter().filter(|(pid, stat)| stat.alive && Some(**pid) != own);
    alive
        .filter(|(pid, stat)| line_of(**pid, &table).is_some_and(|line| !is_anothers(**pid, stat, &line)))
        .map(|(pid, stat)| Member::new(*pid, stat.clone()))
        .collect()
}

/// A process and those above it, up to this one; `None` when it is not below.
fn line_of(pid: Pid, table: &HashMap<Pid, Stat>) -> Option<Vec<Pid>> {
    let (own, mut line) = (getpid(), vec![pid]);
    loop {
        let parent = table.get(line.last()?)?.parent?;
        if parent == own {
            return Some(line);
        }
        // A number may come again while the table is read; a line is never longer than the table.
        if line.len() > table.len() {
            return None;
        }
        line.push(parent);
    }
}

fn exit_of(status: WaitStatus) -> Exit {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Exit::Code { code },
        (None, signal) => Exit::Signal { signal: signal.unwrap_or_default() },
    }
}
