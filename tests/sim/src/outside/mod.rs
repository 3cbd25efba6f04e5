//! The outside: it does not notice when the engine dies. Clock, chat, pager and processes, and the eyes of the judge.

mod account;
mod chat;
mod clock;
mod pager;
mod processes;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use blocks_store::memory::Data;
use tokio::time::Instant;

use crate::judge::Judge;

pub(crate) use account::{Account, Happening, Held};
pub(crate) use chat::{ChatRoom, Room};
pub(crate) use clock::{Numbered, SetClock, true_time};
pub(crate) use pager::{PagerLine, PagerState};
pub(crate) use processes::{Machine, Processes};

/// Takes one of what is left.
fn take(left: &mut u32) -> bool {
    let is_some = *left > 0;
    *left = left.saturating_sub(1);
    is_some
}

/// What survives every life, and what is known about it.
pub(crate) struct Outside {
    pub(crate) judge: Judge,
    pub(crate) chat: Room,
    pub(crate) pager: PagerState,
    pub(crate) processes: Processes,
    /// How often each kind of thing happened.
    pub(crate) counts: BTreeMap<&'static str, u64>,
    start: Instant,
    trace: Option<String>,
}

impl Outside {
    pub(crate) fn new(judge: Judge, traced: bool) -> Outside {
        Outside {
            judge,
            chat: Room::default(),
            pager: PagerState::default(),
            processes: Processes::default(),
            counts: BTreeMap::new(),
            start: Instant::now(),
            trace: traced.then(String::new),
        }
    }

    /// Milliseconds since the world began.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Writes a line of the trace, when there is one.
    pub(crate) fn tell(&mut self, line: impl FnOnce() -> String) {
        let at = self.elapsed_ms();
        if let Some(trace) = &mut self.trace {
            let _ = writeln!(trace, "{at:>8} {}", line());
        }
    }

    /// The trace so far.
    pub(crate) fn trace(&mut self) -> String {
        self.trace.take().unwrap_or_default()
    }

    /// The machine stops: no process of it goes on.
    pub(crate) fn stop_machine(&mut self) {
        self.processes.end_all();
        self.judge.all_ended();
        self.tell(|| "the machine stops".to_owned());
    }

    /// Something was written to the store.
    pub(crate) fn wrote(&mut self, data: &Data) {
        let mut told = Vec::new();
        let now_ms = self.elapsed_ms();
        let pager = self.pager.account.as_ref().map(|account| account.at(now_ms).incidents);
        let news = self.judge.wrote(data, &pager.unwrap_or_default(), |stream, stored| {
            told.push((stream.to_string(), stored.seq, String::from_utf8_lossy(&stored.bytes).into_owned()));
        });
        if news > 0 {
            *self.counts.entry("event").or_default() += news;
        }
        for (stream, seq, bytes) in told {
            self.tell(|| format!("event {stream}/{seq} {bytes}"));
        }
    }
}
