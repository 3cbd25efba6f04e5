//! The one clock of the benchmark.

use std::time::{Duration, Instant};

/// How long something takes, and what it gives.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures real time; nothing else here reads a clock"
)]
pub(crate) fn time<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let given = work();
    (start.elapsed(), given)
}

/// How much of the processor's time something takes, whoever else has some of it, and what it gives.
pub(crate) fn processor_time<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let now = || {
        let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::try_from(spent).unwrap_or_default()
    };
    let start = now();
    let given = work();
    (now().saturating_sub(start), given)
}

/// What the calendar says, for the report.
#[expect(clippy::disallowed_methods, reason = "the report says when it was taken")]
pub(crate) fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}
