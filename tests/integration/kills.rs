//! A short run of the crash harness: about sixty kills of the real binary, and each defect that it must find.
//!
//! `cargo xtask crash` plays as many as you like (docs/crash-harness.md).

use std::path::PathBuf;
use std::sync::Arc;

use blocks_tests::crash::{Options, SABOTAGES, run};
use blocks_tests::servers::not_run;
use blocks_tests::{blocks, blocks_with_points};

/// Runs, of which each is killed once or a few times.
const RUNS: u64 = 26;
/// Another one in each build would say little more: the moments are never the same.
const SEED: u64 = 1;

/// The binary in which the named points are alive, when it is of this build.
pub(crate) fn with_points(what: &str) -> Option<PathBuf> {
    let built = |path: &PathBuf| path.metadata().and_then(|file| file.modified()).ok();
    let binary = blocks_with_points();
    let why = match (built(&binary), built(&blocks())) {
        (None, _) => "is not built",
        (Some(with_points), Some(plain)) if with_points < plain => "is older than the program",
        _ => return Some(binary),
    };
    not_run(what, &format!("{} {why}; `cargo xtask crash` builds it", binary.display()));
    None
}

fn options(binary: PathBuf) -> Options {
    Options { binary, seed: SEED, runs: RUNS, seconds: 3_600, worlds: 4, sabotage_within: 0 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_nothing_is_lost_doubled_or_made_up() {
    let Some(binary) = with_points("the crash harness") else { return };
    let report = run(&options(binary), Arc::new(|_| {})).await;
    assert!(report.is_good(), "{report:#?}");
    assert_eq!((report.runs, report.rest.get("none")), (RUNS, None), "{report:#?}");
    assert!(report.kills >= RUNS, "{report:#?}");
    assert!(report.kills_while_once_lived * 2 >= report.kills, "{report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_defect_on_purpose_is_found() {
    let Some(binary) = with_points("the crash harness") else { return };
    let report = run(&Options { runs: 0, sabotage_within: 12, ..options(binary) }, Arc::new(|_| {})).await;
    assert_eq!(report.sabotage.len(), SABOTAGES.len());
    assert!(report.sabotage.values().all(Option::is_some), "{:?}", report.sabotage);
}
