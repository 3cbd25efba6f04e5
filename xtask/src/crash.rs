//! `cargo xtask crash`: the crash harness, and the binary that it kills.

use std::fs;
use std::path::PathBuf;

use crate::steps::{Failure, cargo};
use crate::tools;

/// Features are named for the package that has them: the binary's own package has none to ask for.
const WITH_POINTS: &[&str] = &[
    "build",
    "--locked",
    "--package",
    "blocks-cli",
    "--package",
    "blocks-crash",
    "--features",
    "blocks-crash/crash-points",
    "--bin",
    "blocks",
];
const HARNESS: &[&str] =
    &["run", "--quiet", "--locked", "--package", "blocks-tests", "--bin", "blocks-crash-harness", "--"];

/// Builds the binary, then the harness, and runs it with the words behind `crash`.
pub(crate) fn crash() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(2).collect();
    if words != ["--help"] {
        build()?;
    }
    cargo(&[HARNESS, &words.iter().map(String::as_str).collect::<Vec<_>>()].concat(), &[])
}

/// Builds the binary in which the named points are alive, as `target/crash-points/blocks`.
pub(crate) fn build() -> Result<(), Failure> {
    let target = tools::repository().join("target");
    let (built, aside, kept) =
        (target.join("debug/blocks"), target.join("debug/blocks.aside"), target.join("crash-points/blocks"));
    // cargo puts both under one name; the one without points gets it back.
    let had_one = fs::rename(&built, &aside).is_ok();
    let done = cargo(WITH_POINTS, &[]).and_then(|()| {
        let file = |path: &PathBuf, source| Failure::File { path: path.display().to_string(), source };
        fs::create_dir_all(target.join("crash-points")).map_err(|source| file(&kept, source))?;
        // Not written over: a harness may be executing it.
        let _old = fs::remove_file(&kept);
        fs::copy(&built, &kept).map_err(|source| file(&kept, source))?;
        Ok(())
    });
    let _with_points = fs::remove_file(&built);
    if had_one {
        fs::rename(&aside, &built)
            .map_err(|source| Failure::File { path: built.display().to_string(), source })?;
    }
    done
}
