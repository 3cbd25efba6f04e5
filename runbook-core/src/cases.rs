//! How many cases a property is tried on.

use proptest::test_runner::Config;

/// So many, or what `PROPTEST_CASES` says: a number in the source would win over it without a word.
pub(crate) fn cases(usual: u32) -> Config {
    let asked = Config::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { asked.cases } else { usual };
    Config { cases, failure_persistence: None, ..asked }
}
