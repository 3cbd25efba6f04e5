//! The functions that the stable tests fuzz too, for cargo-fuzz.

#[path = "../../tests/src/fuzz/targets/mod.rs"]
pub mod targets;
