//! Each fuzz function on its seeds, on the corpus where it is at hand, and on changed inputs for a while.
//!
//! `BLOCKS_FUZZ_SECS` says how long (1 s when not set; `cargo xtask test` sets 30), `BLOCKS_FUZZ_SEED` repeats a run.

use blocks_tests::fuzz::{Plan, Settings, run, targets};
use blocks_tests::repository;

fn fuzz(name: &'static str, target: fn(&[u8])) {
    let settings = Settings::from_environment(&repository(), name);
    let seeds = settings.folders.first().map(|folder| std::fs::read_dir(folder).unwrap().count());
    assert!(seeds.is_some_and(|seeds| seeds > 2), "{name} has no seeds");
    let corpus = settings.folders.last().is_some_and(|folder| folder.is_dir());
    println!("{name}: BLOCKS_FUZZ_SEED={} for {} s", settings.seed, settings.time.as_secs());
    match run(Plan { name, target }, &settings) {
        Ok(done) => println!(
            "{name}: {} executions, {} files replayed, {}",
            done.executions,
            done.files,
            if corpus { "the corpus among them" } else { "no corpus: ../shared/corpus is not there" }
        ),
        Err(failure) => {
            let text = format!(
                "{name}: {}\nBLOCKS_FUZZ_SEED={}, input kept in {}:\n{}",
                failure.said,
                settings.seed,
                failure.path.display(),
                String::from_utf8_lossy(&failure.input)
            );
            if failure.endless {
                // the thread that never ends may take all memory while the other tests go on
                eprintln!("{text}");
                std::process::exit(101);
            }
            panic!("{text}")
        }
    }
}

#[test]
fn parser() {
    fuzz("parser", targets::parser);
}

#[test]
fn info_string() {
    fuzz("info_string", targets::info_string);
}

#[test]
fn front_matter() {
    fuzz("front_matter", targets::front_matter);
}

#[test]
fn expectation() {
    fuzz("expectation", targets::expectation);
}

#[test]
fn prompt_reader() {
    fuzz("prompt_reader", targets::prompt_reader);
}

#[test]
fn judging() {
    fuzz("judging", targets::judging);
}
