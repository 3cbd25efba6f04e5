//! Project chores. `cargo xtask test` is what the README names and what CI runs.
//!
//! It finds or fetches what the tests start, checks the form (rustfmt, clippy, rustdoc), builds the binary under test,
//! and runs every test. What a machine cannot do is said as "not run" with the reason; in CI that is a failure.

mod apt;
mod crash;
mod deliveries;
mod find;
mod steps;
mod tools;

use std::ffi::OsStr;
use std::process::ExitCode;

use steps::{Failure, cargo, is_ci, runs, say};

/// Programs that the tests start. All of them come with a plain Linux, or from its package manager.
const NEEDED: &[&str] = &["bash", "curl", "python3"];

/// Where tests write down what they could not run (`tests/src/servers/mod.rs`): the runner hides what a passing test says.
const NOT_RUN: &str = "BLOCKS_NOT_RUN";

const USAGE: &str = "usage: cargo xtask test | check | tools | sim | crash | deliveries | screenshots
  test   tools, form, build and every test (what CI runs)
  check  form only: rustfmt, clippy, rustdoc
  tools  find PostgreSQL (15 or later), Prometheus and Chromium, or fetch Debian's packages of them into target/tools/;
         BLOCKS_TOOLS=download uses only what lies there, even where the system has the program;
         remove target/tools/ to fetch anew
  sim    play worlds from seeds (tests/sim): [--seeds N] [--seed S] [-o json]; --help says more
  crash  kill the real binary again and again (tests/src/crash): [--runs N] [--seed S] [-o json]; --help says more
  deliveries  deliver webhooks by the hundred thousand to the real binary and kill it meanwhile (tests/src/deliveries):
         [--deliveries N] [--seed S] [-o json]; --help says more
  screenshots  take the pictures in docs/images/ again, with a real browser before the sandbox's page";

fn main() -> ExitCode {
    let task = std::env::args().nth(1).unwrap_or_default();
    let done = match task.as_str() {
        "test" => test(),
        "check" => check(),
        "tools" => tools::tools(),
        "sim" => sim(),
        "crash" => crash::crash(),
        "deliveries" => deliveries::deliveries(),
        "screenshots" => screenshots(),
        _ => {
            say(USAGE);
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&format!("xtask: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn check() -> Result<(), Failure> {
    cargo(&["fmt", "--all", "--check"], &[])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"], &[])?;
    cargo(
        &["doc", "--workspace", "--no-deps", "--locked", "--document-private-items"],
        &[("RUSTDOCFLAGS", OsStr::new("-D warnings"))],
    )
}

/// The pictures are made by the test that drives the page in a browser; here it is told to keep them.
fn screenshots() -> Result<(), Failure> {
    tools::tools()?;
    cargo(&["build", "--locked", "--bin", "blocks"], &[])?;
    let test = ["test", "--locked", "--package", "blocks-tests", "--test", "integration", "--", "page::"];
    cargo(&test, &[("BLOCKS_SCREENSHOTS", OsStr::new("1"))])
}

/// What the simulator is built as: with defects to switch on, which no build that is released has.
const SIM: &[&str] = &["--package", "blocks-sim", "--features", "sabotage", "--locked"];

fn sim() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    let arguments = arguments.iter().map(String::as_str);
    let cargo_arguments = ["run", "--quiet", "--profile", "sim"].into_iter().chain(SIM.iter().copied());
    cargo(&cargo_arguments.chain(["--"]).chain(arguments).collect::<Vec<_>>(), &[])
}

fn test() -> Result<(), Failure> {
    for program in NEEDED {
        if !runs(program) {
            return Err(Failure::Missing(program));
        }
    }
    match tools::tools() {
        // Each test that needs it says so again, and is listed at the end.
        Err(Failure::Tools(why)) if !is_ci() => say(&why),
        done => done?,
    }
    // The licence test reads every platform's packages without asking the network again.
    cargo(&["fetch", "--locked"], &[])?;
    check()?;
    cargo(&["build", "--locked", "--bin", "blocks"], &[])?;
    crash::build()?;
    let list = tools::repository().join("target/not-run.txt");
    let _ = std::fs::remove_file(&list);
    let seed = fuzz_seed();
    say(&format!("== fuzzing from BLOCKS_FUZZ_SEED={seed}"));
    let environment = [
        (NOT_RUN, list.as_os_str()),
        ("BLOCKS_FUZZ_SECS", OsStr::new("30")), // for each function
        ("BLOCKS_FUZZ_SEED", OsStr::new(&seed)),
    ];
    let tested = cargo(&["test", "--workspace", "--locked", "--no-fail-fast"], &environment);
    let sabotage = [&["test", "--test", "sabotage", "--test", "authority"][..], SIM].concat();
    let tested = tested.and(cargo(&sabotage, &[]));
    if let Ok(not_run) = std::fs::read_to_string(&list) {
        say(&format!("== not run on this machine\n{}", not_run.trim_end()));
    }
    tested
}

/// What this commit is fuzzed from: its own hash, unless `BLOCKS_FUZZ_SEED` is set.
///
/// One seed for ever looks at the same inputs for ever. One per commit looks at new ones each time, and in the same order
/// again when the same commit is built again. A change may so be stopped by a mistake that is older than itself. That is
/// wanted: it is always a real one (the functions know neither clock nor chance), and it is rare as long as findings are
/// mended. The failing test prints the input, made small, and one line that shows it again on any machine and any commit:
/// a minute tells whether `main` has it too. With the mend the input becomes a file in `tests/fuzz-seeds/`, which every
/// build looks at, whatever its seed.
fn fuzz_seed() -> String {
    if let Ok(seed) = std::env::var("BLOCKS_FUZZ_SEED") {
        return seed;
    }
    let head =
        steps::quiet(steps::program("git").args(["rev-parse", "HEAD"]).current_dir(tools::repository()));
    head.ok().and_then(|hash| seed_of(&hash)).unwrap_or_else(|| "1".to_owned())
}

/// The first 32 bits of a commit's hash, as a number.
fn seed_of(hash: &str) -> Option<String> {
    u32::from_str_radix(hash.get(..8)?, 16).ok().map(|seed| seed.to_string())
}

#[cfg(test)]
mod tests {
    use super::seed_of;

    #[test]
    fn each_commit_has_a_seed_of_its_own() {
        assert_eq!(seed_of("000000ff61d377a51fdbb744555983ecfa1c81a0\n").as_deref(), Some("255"));
        assert_eq!(seed_of("dcedb61d377a51fdbb744555983ecfa1c81a0e47\n").as_deref(), Some("3706566173"));
        assert_eq!(seed_of("no hash"), None);
        assert_eq!(seed_of(""), None);
    }
}
