//! What bash makes of what stands seldom in a runbook: brackets in substitutions, calculations, descriptors, feeding of programs.

use super::*;

/// Whether each of these texts misses a variable, all those together for which it is not as it should be.
fn are_as_told(name: &str, texts: &[(&str, bool)]) {
    let misses =
        |text: &str| !Shell::new(std::iter::once(text), &[]).missed(text, std::iter::once(name)).is_empty();
    let wrong: Vec<&(&str, bool)> = texts.iter().filter(|(text, missed)| misses(text) != *missed).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// `N++` is nought and one where `N` is missing.
#[test]
fn what_counts_on_reads_what_it_counts() {
    are_as_told(
        "N",
        &[
            ("k scale --replicas=$((N++))", true),
            ("k scale --replicas=$((--N))", true),
            ("N=$((++N)); k scale --replicas=$N", true),
            ("N=$((N += 2)); k scale --replicas=$N", true),
            ("while (( N-- > 0 )); do x; done", true),
            ("until x || (( --N == 0 )); do y; done", true),
            ("let N++", true),
            ("echo $((N=3))", false),
            ("N=0; for i in a b; do ((N++)); done; echo $N", false),
            ("N=3; until x || (( --N == 0 )); do y; done", false),
            ("for ((N=0; N<3; N++)); do echo $N; done", false),
            ("for ((N=0, i=1; N<3; N++, i+=2)); do echo $N; done", false),
        ],
    );
}
