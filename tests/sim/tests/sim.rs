//! Worlds from seeds that everybody plays: they hold, and each goes the same way every time.
//!
//! `cargo xtask sim` plays as many as you like, with the defects that must be caught.

use std::num::NonZero;
use std::path::PathBuf;

use blocks_sim::{Options, World, kept, run};

/// A folder for one test's worlds.
fn folder(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("blocks-sim-{name}-{}", std::process::id()))
}

#[test]
fn worlds_from_seeds_hold() {
    let folder = folder("hold");
    let options = Options {
        seed: 1,
        seeds: 300,
        only: None,
        folder: folder.clone(),
        sabotage_within: 0,
        plain: false,
        jobs: NonZero::new(2).unwrap(),
    };
    let report = run(&options, &|_| {});
    let _ = std::fs::remove_dir_all(folder);
    assert!(report.is_good(), "{:#?}", report.failures);
    // A world in which little happens shows little.
    for what in [
        "event", "process", "message", "crash", "answer", "decide", "webhook", "disk", "clock", "alerts",
        "seen", "lost",
    ] {
        assert!(report.by_kind.get(what).is_some_and(|times| *times > 50), "{what}: {:?}", report.by_kind);
    }
    assert!(report.crashes > 100, "{} crashes", report.crashes);
}

#[test]
fn worlds_that_failed_once_hold() {
    let folder = folder("kept");
    let seeds = kept(include_str!("../seeds.txt")).unwrap();
    for seed in seeds {
        let world = if seed.plain { World::plain(seed.seed) } else { World::of(seed.seed) };
        let world = seed.only.as_ref().map_or_else(|| world.clone(), |keep| world.only(keep));
        assert_eq!(world.play(&folder, false).failure(), None, "{seed:?}");
    }
    let _ = std::fs::remove_dir_all(folder);
}

/// Whatever else may have decided something (a hash table, a thread, the wall clock) would show here.
#[test]
fn the_same_seed_goes_the_same_way_byte_for_byte() {
    let folder = folder("twice");
    let mut lines = 0;
    for seed in 1_000..1_025 {
        let first = World::of(seed).play(&folder, true).trace;
        let second = World::of(seed).play(&folder, true).trace;
        let differs = first.lines().zip(second.lines()).find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(first.len(), second.len(), "seed {seed}");
        lines += first.lines().count();
    }
    let _ = std::fs::remove_dir_all(folder);
    assert!(lines > 2_000, "the traces say too little: {lines} lines");
}
