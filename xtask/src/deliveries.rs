//! `cargo xtask deliveries`: webhooks by the hundred thousand, and the binary that takes them.

use std::ffi::OsStr;

use crate::steps::{Failure, cargo, program, quiet, run};
use crate::tools;

const HARNESS: &str = "blocks-deliveries-harness";
/// Both as fast as a build with defects to switch on may be. Features are named for the package that has them.
const BUILD: &[&str] = &[
    "build",
    "--locked",
    "--profile",
    "sim",
    "--package",
    "blocks-cli",
    "--package",
    "blocks-crash",
    "--package",
    "blocks-tests",
    "--features",
    "blocks-crash/crash-points",
    "--bin",
    "blocks",
    "--bin",
    HARNESS,
];

/// Builds both, and runs the harness with the words behind `deliveries`.
pub(crate) fn deliveries() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(2).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    cargo(BUILD, &[])?;
    let built = tools::repository().join("target/sim");
    let binary = built.join("blocks");
    let head =
        quiet(program("git").args(["rev-parse", "--short=12", "HEAD"]).current_dir(tools::repository()));
    let commit = head.unwrap_or_default();
    let environment =
        [("BLOCKS_CRASH_BIN", OsStr::new(&binary)), ("BLOCKS_COMMIT", OsStr::new(commit.trim()))];
    run(HARNESS, built.join(HARNESS), &words, &environment)
}
