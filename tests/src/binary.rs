//! Where the program under test is.

use std::path::{Path, PathBuf};

/// The `blocks` binary: `BLOCKS_BIN`, else the one beside the running test.
///
/// # Panics
/// When it is not there, with what to do.
#[must_use]
pub fn blocks() -> PathBuf {
    if let Some(named) = std::env::var_os("BLOCKS_BIN").map(PathBuf::from) {
        assert!(named.is_file(), "BLOCKS_BIN names {}, which is not there", named.display());
        return named;
    }
    let test = std::env::current_exe().expect("a running test has a path");
    // target/debug/deps/integration-HASH -> target/debug/blocks
    let beside = test.parent().and_then(Path::parent).map(|folder| folder.join("blocks"));
    match beside {
        Some(found) if found.is_file() => found,
        _ => panic!(
            "the blocks binary is not built: run `cargo xtask test`, or `cargo build --bin blocks` first"
        ),
    }
}

/// The repository's root.
///
/// # Panics
/// Never on a checkout.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository").to_path_buf()
}

/// The binary in which the named points are alive, where `cargo xtask crash` puts it; it need not be there.
#[must_use]
pub fn blocks_with_points() -> PathBuf {
    repository().join("target/crash-points/blocks")
}
