//! Many seeds in a row: what failed and how to see it again, what happened, and which defects were caught.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::locked;
use crate::play::{Outcome, World};
use crate::shrink::shrink;

/// So many failing seeds are made smaller and listed; the others are only counted.
const LISTED: usize = 5;

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The first seed.
    pub seed: u64,
    /// How many.
    pub seeds: u64,
    /// These actions of the first seed alone.
    pub only: Option<Vec<usize>>,
    /// Where a world keeps its files.
    pub folder: PathBuf,
    /// A seed must be caught among so many, for each defect.
    pub sabotage_within: u64,
    /// Without their sides: webhooks, people and faults alone.
    pub plain: bool,
    /// How many worlds are played at the same time. Each has a thread of its own, so it changes none of them.
    pub jobs: NonZero<usize>,
}

/// One failing seed.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The broken rule.
    pub rule: &'static str,
    /// What happened.
    pub text: String,
    /// The actions without which it does not.
    pub only: Vec<usize>,
    /// What to type to see it again.
    pub replay: String,
}

/// What a run over many seeds came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// How many worlds were played.
    pub seeds: u64,
    /// How many of them broke a rule.
    pub failed: u64,
    /// Actions over all of them.
    pub actions: u64,
    /// Lives that ended over all of them.
    pub crashes: u64,
    /// How often each kind of thing happened.
    pub by_kind: BTreeMap<&'static str, u64>,
    /// For each defect the seed that caught it, counted from the first one; `null` where none did.
    pub sabotage: BTreeMap<&'static str, Option<u64>>,
    /// The first failing seeds.
    pub failures: Vec<Failure>,
}

impl Report {
    /// Nothing failed, and every defect was caught.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.failed == 0 && self.sabotage.values().all(Option::is_some)
    }

    fn add(&mut self, outcome: &Outcome) {
        self.seeds += 1;
        self.actions += outcome.actions;
        self.crashes += outcome.crashes;
        for (what, times) in &outcome.by_kind {
            *self.by_kind.entry(what).or_default() += times;
        }
    }
}

/// A seed that failed once and is played again for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The seed.
    pub seed: u64,
    /// Its actions alone; all of them when absent.
    pub only: Option<Vec<usize>>,
    /// Without its sides: it was kept before there were any.
    pub plain: bool,
}

/// Reads `seeds.txt`: on each line a seed, perhaps `plain` and `only=1,5,9`, and behind `#` what it once broke.
///
/// # Errors
/// With the line that does not read.
pub fn kept(text: &str) -> Result<Vec<Kept>, String> {
    let mut seeds = Vec::new();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(seed) = words.next() else { continue };
        let wrong = |_| format!("this is no seed with its actions: {line}");
        let mut kept = Kept { seed: seed.parse().map_err(wrong)?, only: None, plain: false };
        for word in words {
            match word {
                "plain" => kept.plain = true,
                word => kept.only = Some(numbers(word.trim_start_matches("only=")).map_err(wrong)?),
            }
        }
        seeds.push(kept);
    }
    Ok(seeds)
}

/// `1,5,9`.
fn numbers(text: &str) -> Result<Vec<usize>, std::num::ParseIntError> {
    text.split(',').filter(|word| !word.is_empty()).map(str::parse).collect()
}

/// The world of a seed, or what is left of it.
fn world(seed: u64, plain: bool, only: Option<&Vec<usize>>) -> World {
    let world = if plain { World::plain(seed) } else { World::of(seed) };
    match only {
        Some(keep) => world.only(keep),
        None => world,
    }
}

/// Plays every seed; tells each failure as it is found.
pub fn run(options: &Options, tell: &(dyn Fn(&Failure) + Sync)) -> Report {
    let report = Mutex::new(Report::default());
    let (next, end) = (AtomicU64::new(options.seed), options.seed + options.seeds);
    std::thread::scope(|threads| {
        for job in 0..options.jobs.get() {
            let (report, next) = (&report, &next);
            threads.spawn(move || {
                let folder = options.folder.join(job.to_string());
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    play(options, seed, &folder, report, tell);
                }
            });
        }
    });
    let mut report = report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    report.failures.sort_by_key(|failure| failure.seed);
    report.sabotage = sabotage(options);
    report
}

/// Plays one seed, and makes it smaller when it fails.
fn play(
    options: &Options,
    seed: u64,
    folder: &Path,
    report: &Mutex<Report>,
    tell: &(dyn Fn(&Failure) + Sync),
) {
    let world = world(seed, options.plain, options.only.as_ref());
    let outcome = world.play(folder, false);
    let broken = outcome.failure();
    {
        let mut report = locked(report);
        report.add(&outcome);
        report.failed += u64::from(broken.is_some());
        if report.failures.len() >= LISTED {
            return;
        }
    }
    let Some((rule, text)) = broken else { return };
    let only = match &options.only {
        Some(only) => only.clone(),
        None => shrink(&world, rule, folder),
    };
    let failure = failure(options, seed, rule, text, only);
    tell(&failure);
    locked(report).failures.push(failure);
}

fn failure(options: &Options, seed: u64, rule: &'static str, text: String, only: Vec<usize>) -> Failure {
    let list: Vec<_> = only.iter().map(usize::to_string).collect();
    let replay = format!("cargo xtask sim --seed {seed} --seeds 1 --only {} --trace", list.join(","));
    let replay = if options.plain { format!("{replay} --plain") } else { replay };
    Failure { seed, rule, text, only, replay }
}

#[cfg(not(feature = "sabotage"))]
fn sabotage(_: &Options) -> BTreeMap<&'static str, Option<u64>> {
    BTreeMap::new()
}

/// Switches each defect on in turn, and looks for it.
#[cfg(feature = "sabotage")]
fn sabotage(options: &Options) -> BTreeMap<&'static str, Option<u64>> {
    use runbook_core::sabotage::{ALL, switch};

    let caught = |seed: u64| World::of(seed).play(&options.folder, false).failure().is_some();
    let mut found = BTreeMap::new();
    if options.sabotage_within == 0 {
        return found;
    }
    // A store in memory has no disk to be early for, and a world of one process no wire: other harnesses find those.
    for (name, which) in ALL.into_iter().filter(|(_, which)| !which.needs_processes()) {
        switch(Some(which));
        let at = (options.seed..options.seed + options.sabotage_within)
            .find(|seed| caught(*seed))
            .map(|seed| seed - options.seed + 1);
        switch(None);
        found.insert(name, at);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_seeds_read() {
        let text = "# what failed once\n7 # a lost run\n9 plain only=1,5,9 # an early yes\n\n";
        let wanted = [
            Kept { seed: 7, only: None, plain: false },
            Kept { seed: 9, only: Some(vec![1, 5, 9]), plain: true },
        ];
        assert_eq!(kept(text).unwrap(), wanted);
        assert!(kept("x").is_err() && kept("1 only=x").is_err());
    }
}
