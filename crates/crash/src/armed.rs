//! The points, alive.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use runbook_core::sabotage;
use rustix::process::{Signal, getpid, kill_process};

use crate::{FILE, Point, SABOTAGE};

#[cfg(not(debug_assertions))]
compile_error!("the feature `crash-points` is for test builds, and a release build must never have it");

/// The order that this process has seen last, and how often its point was passed since.
static PASSED: Mutex<(String, u64)> = Mutex::new((String::new(), 0));

/// Switches on the defect that the environment names.
///
/// A name that nobody knows ends the process: a harness that looks for a defect which is not there would find nothing.
pub fn arm() {
    let Some(name) = std::env::var_os(SABOTAGE) else { return };
    match sabotage::ALL.iter().find(|(known, _)| name == *known) {
        Some((_, defect)) => sabotage::switch(Some(*defect)),
        None => std::process::exit(2),
    }
}

/// Variables that a supervisor needs in order to end at its points.
#[must_use]
pub fn handed_on() -> Vec<(&'static str, OsString)> {
    [FILE, SABOTAGE].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))).collect()
}

/// This point is passed: the process ends here when it was told to.
pub fn at(point: Point) {
    let Some(file) = std::env::var_os(FILE).map(PathBuf::from) else { return };
    let Ok(order) = std::fs::read_to_string(&file) else { return };
    let mut words = order.split_whitespace();
    if words.next() != Some(point.name()) {
        return;
    }
    let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0_u64);
    let (before, linger) = (number(), number());
    {
        let mut passed = PASSED.lock().unwrap_or_else(PoisonError::into_inner);
        if passed.0 != order {
            *passed = (order.clone(), 0);
        }
        passed.1 += 1;
        if passed.1 <= before {
            return;
        }
    }
    // Only this thread stands still: a commit that is slow, a process that does not get its turn.
    std::thread::sleep(Duration::from_millis(linger));
    // Of two processes that are there at once, one takes the order.
    if std::fs::rename(&file, file.with_extension("done")).is_err() {
        return;
    }
    loop {
        let _never_returns = kill_process(getpid(), Signal::KILL);
    }
}
