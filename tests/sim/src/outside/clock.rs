//! The clock, which somebody may set, and identifiers in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use blocks_engine::{Clock, Ids};
use chrono::{DateTime, Duration, SubsecRound as _, Utc};
use tokio::time::Instant;
use uuid::Uuid;

/// When every world begins: 2026-01-05, 09:00 UTC.
const MORNING_S: i64 = 1_767_603_600;

/// That long after the beginning, by a clock that nobody set.
pub(crate) fn true_time(ms: u64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
        + Duration::seconds(MORNING_S)
        + Duration::milliseconds(i64::try_from(ms).unwrap_or(i64::MAX / 2))
}

/// Virtual time as times of a day, moved by what it was set by.
#[derive(Clone)]
pub(crate) struct SetClock {
    start: Instant,
    set_by_ms: Arc<AtomicI64>,
    /// The most that it was ever set by.
    furthest_ms: Arc<AtomicI64>,
}

impl SetClock {
    pub(crate) fn new() -> SetClock {
        SetClock { start: Instant::now(), set_by_ms: Arc::default(), furthest_ms: Arc::default() }
    }

    pub(crate) fn jump(&self, ms: i64) {
        let set_by = self.set_by_ms.fetch_add(ms, Ordering::SeqCst) + ms;
        self.furthest_ms.fetch_max(set_by, Ordering::SeqCst);
    }

    /// The clock is put right: it is never behind what it has shown, or waits would last as long as it was set back.
    pub(crate) fn mend(&self) {
        self.set_by_ms.fetch_max(self.furthest_ms.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> DateTime<Utc> {
        let elapsed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let set_by = Duration::milliseconds(self.set_by_ms.load(Ordering::SeqCst));
        (true_time(elapsed) + set_by).trunc_subsecs(3)
    }
}

/// 1, 2, 3: the number leads, so that a short prefix names one.
#[derive(Default)]
pub(crate) struct Numbered(AtomicU64);

impl Ids for Numbered {
    fn fresh(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::SeqCst) + 1) << 96)
    }
}
