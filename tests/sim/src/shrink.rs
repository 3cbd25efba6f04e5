//! Makes a failing world smaller: leaves out actions, halves first, then one by one, while it still fails the same way.

use std::path::Path;

use crate::play::World;

/// The fewest actions found with which the world still breaks that rule.
pub(crate) fn shrink(world: &World, rule: &str, folder: &Path) -> Vec<usize> {
    let fails = |keep: &[usize]| {
        let outcome = world.only(keep).play(folder, false);
        outcome.failure().is_some_and(|(broken, _)| broken == rule)
    };
    let mut keep: Vec<usize> = (0..world.actions()).collect();
    let mut size = keep.len().div_ceil(2);
    while size > 0 {
        let mut start = 0;
        let mut smaller = false;
        while start < keep.len() {
            let mut without = keep.clone();
            without.drain(start..(start + size).min(without.len()));
            if fails(&without) {
                keep = without;
                smaller = true;
            } else {
                start += size;
            }
        }
        // A single action may have become needless through another one that went after it.
        if size > 1 || !smaller {
            size /= 2;
        }
    }
    keep
}
