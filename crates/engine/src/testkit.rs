//! In-memory adapters with steerable faults, a paused clock, and the story that crash tests play.
//!
//! What survives a crash ([`World`], [`Data`]) is shared; what dies with the process holds a [`Life`].

mod bench;
mod chat;
mod checker;
mod executor;
mod gate;
mod life;
mod meter;
mod outside;
mod pager;
mod pings;
pub(crate) mod samples;
mod story;

pub(crate) use bench::Bench;
pub(crate) use blocks_store::memory::Data;
pub(crate) use chat::{ChatFault, ChatState, FakeChat, Posted};
pub(crate) use checker::check;
pub(crate) use executor::{Act, Start};
pub(crate) use gate::{Faults, LifeGate, MemStore};
pub(crate) use life::Life;
pub(crate) use meter::MeterState;
pub(crate) use outside::{FakeOutside, OutsideState};
pub(crate) use pager::PagerState;
pub(crate) use pings::pings;
pub(crate) use samples::{ROLLBACK, page};
pub(crate) use story::{Course, Doubt, play};

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock that a failed assertion elsewhere does not poison.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The outside: it does not notice when the engine dies.
#[derive(Default)]
pub(crate) struct World {
    /// What commands come to, by a word of their text; the last act of each repeats.
    pub(crate) script: Mutex<BTreeMap<String, Vec<Act>>>,
    /// Commands that were really started.
    pub(crate) starts: Mutex<Vec<Start>>,
    /// Whether commands outlive the engine, so that the next one hears their end.
    pub(crate) supervisors_survive: AtomicBool,
    /// The chat system.
    pub(crate) chat: Mutex<ChatState>,
    /// The pager.
    pub(crate) pager: Mutex<PagerState>,
    /// The server of numbers.
    pub(crate) meter: Mutex<MeterState>,
    /// The mail server and the status page.
    pub(crate) outside: Mutex<OutsideState>,
    /// What the harness gets wrong on purpose.
    pub(crate) sabotage: Mutex<Option<Sabotage>>,
}

/// A defect put in on purpose: the checker must find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// Every command that changes something runs twice.
    DoubleEffect,
    /// The chat posts again without looking, although an earlier attempt may have arrived.
    PostBlindly,
    /// The read models are not written.
    ForgetRows,
    /// Intents of commands are lost: the events of a run end before its last started command.
    ForgetIntents,
}

impl World {
    pub(crate) fn is_sabotaged(&self, how: Sabotage) -> bool {
        *locked(&self.sabotage) == Some(how)
    }

    /// From now on this command comes to these, one after the other; the last one repeats.
    pub(crate) fn will(&self, word: &str, acts: &[Act]) {
        locked(&self.script).insert(word.to_owned(), acts.to_vec());
    }

    /// How often a command was really started.
    pub(crate) fn started(&self, word: &str) -> usize {
        locked(&self.starts).iter().filter(|start| start.text.contains(word)).count()
    }
}
