//! Each defect that is put in on purpose is caught within 500 worlds. In a process of its own: a defect is switched on for
//! all of it.

use std::num::NonZero;

use blocks_sim::{Options, run};
use runbook_core::sabotage::ALL;

#[test]
fn every_defect_is_caught() {
    let folder = std::env::temp_dir().join(format!("blocks-sabotage-{}", std::process::id()));
    let options = Options {
        seed: 1,
        seeds: 0,
        only: None,
        folder: folder.clone(),
        sabotage_within: 500,
        plain: false,
        jobs: NonZero::<usize>::MIN,
    };
    let report = run(&options, &|_| {});
    let _ = std::fs::remove_dir_all(folder);
    println!("{:?}", report.sabotage);
    let here = ALL.iter().filter(|(_, which)| !which.needs_processes()).count();
    assert_eq!(
        (report.sabotage.len(), here),
        (here, 7),
        "all but those that need a disk, a wire or processes"
    );
    assert!(report.is_good(), "not every defect is caught: {:?}", report.sabotage);
}
