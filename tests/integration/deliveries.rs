//! A short run of the deliveries: three thousand, with kills, and each defect that they must find.
//!
//! `cargo xtask deliveries` makes as many as you like (docs/deliveries.md).

use std::path::PathBuf;
use std::sync::Arc;

use blocks_tests::deliveries::{Options, SABOTAGES, run};

use crate::kills::with_points;

/// Another seed in each build would say little more: the moments are never the same.
const SEED: u64 = 1;

fn options(binary: PathBuf) -> Options {
    Options {
        binary,
        points: true,
        seed: SEED,
        deliveries: 3_000,
        connections: 32,
        kills: 5,
        sabotage_within: 0,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_thousand_deliveries_come_to_the_timelines_that_they_must() {
    let Some(binary) = with_points("the deliveries") else { return };
    let report = run(&options(binary), Arc::new(|_| {})).await;
    assert!(report.is_good(), "{report:#?}");
    assert!(report.deliveries >= 3_000 && report.duplicates > 300, "{report:#?}");
    assert!(report.kills.values().sum::<u64>() >= 5, "{report:#?}");
    assert!(report.keys > 100 && report.overtaken > 20 && report.effects > 3, "{report:#?}");
    assert_eq!(report.types, 32, "all of PagerDuty's, and one that it does not have: {report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_defect_on_purpose_is_found_in_deliveries() {
    let Some(binary) = with_points("the deliveries") else { return };
    let report =
        run(&Options { deliveries: 0, sabotage_within: 1_000, ..options(binary) }, Arc::new(|_| {})).await;
    assert_eq!(report.sabotage.len(), SABOTAGES.len());
    assert!(report.sabotage.values().all(Option::is_some), "{:?}", report.sabotage);
}
