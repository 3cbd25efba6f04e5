//! Each fuzz function on its seeds, on the corpus where it is at hand, and on changed inputs for a while.
//!
//! `BLOCKS_FUZZ_SECS` says how long (1 s when not set; `cargo xtask test` sets 30), `BLOCKS_FUZZ_SEED` says from where.
//! A failure prints the line that repeats it.

use std::collections::BTreeSet;

use blocks_tests::fuzz::{Plan, Settings, run, targets};
use blocks_tests::repository;

fn fuzz(name: &'static str, target: fn(&[u8])) {
    let settings = Settings::from_environment(&repository(), name);
    let seeds = settings.folders.first().map(|folder| std::fs::read_dir(folder).unwrap().count());
    assert!(seeds.is_some_and(|seeds| seeds > 2), "{name} has no seeds");
    let corpus = settings.folders.last().is_some_and(|folder| folder.is_dir());
    println!("{name}: BLOCKS_FUZZ_SEED={} for {} s", settings.seed, settings.time.as_secs());
    let plan = Plan { name, target };
    match run(plan, &settings) {
        Ok(done) => println!(
            "{name}: {} executions, {} files replayed, {}",
            done.executions,
            done.files,
            if corpus { "the corpus among them" } else { "no corpus: ../shared/corpus is not there" }
        ),
        Err(failure) => {
            let text = format!(
                "{name}: {}\nthe input, kept in {} (a copy in tests/fuzz-seeds/{name} is looked at from then on):\n{}\n\
                 call {} of BLOCKS_FUZZ_SEED={}; to see it again:\n    {}",
                failure.said,
                failure.path.display(),
                String::from_utf8_lossy(&failure.input),
                failure.call,
                settings.seed,
                failure.replay(plan, &settings),
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

macro_rules! fuzzed {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(#[test]
        fn $name() {
            fuzz(stringify!($name), targets::$name);
        })*
    };
}

fuzzed!(parser info_string front_matter expectation prompt_reader judging planning alertmanager grafana alerts_json changes
    pager_webhook pager_answers pager_events promql_answer);

#[test]
fn every_function_is_fuzzed_here_and_by_cargo_fuzz() {
    let root = repository();
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let names: BTreeSet<String> = NAMES.iter().map(|&name| name.to_owned()).collect();

    let source = read("tests/src/fuzz/targets/mod.rs");
    let public = source.lines().filter_map(|line| line.strip_prefix("pub use ")?.split_once("::"));
    let functions: BTreeSet<String> = public
        .flat_map(|(_, names)| names.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    assert_eq!(functions, names, "tests/src/fuzz/targets/mod.rs");

    let files = |folder: &str| -> BTreeSet<String> {
        let entries = std::fs::read_dir(root.join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert_eq!(files("tests/fuzz-seeds"), names, "tests/fuzz-seeds");
    let sources: BTreeSet<String> = names.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(files("fuzz/fuzz_targets"), sources, "fuzz/fuzz_targets");
    for name in &names {
        let source = read(&format!("fuzz/fuzz_targets/{name}.rs"));
        assert!(source.contains(&format!("targets::{name}(data)")), "{source}");
    }
    let manifest: toml::Table = read("fuzz/Cargo.toml").parse().unwrap();
    let bins = manifest["bin"].as_array().unwrap();
    let listed: BTreeSet<String> = bins.iter().map(|bin| bin["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, names, "fuzz/Cargo.toml");
}
