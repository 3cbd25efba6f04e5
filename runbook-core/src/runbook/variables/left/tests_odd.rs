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

#[test]
fn a_signal_that_nothing_is_trapped_for_leaves_unset_what_is_under_way() {
    are_as_told(
        "W",
        &[
            ("trap 'rm -rf \"/srv/$W\"' EXIT\nW=$(k get x)\nmake", true),
            ("trap 'rm -rf \"/srv/$W\"' EXIT\nexport W=$(k get x)\nmake", true),
            ("trap 'rm -rf \"/srv/$W\"' EXIT INT\nW=$(k get x)\nmake", true),
            ("trap 'rm -rf \"/srv/$W\"' EXIT\nW=$(mktemp -d; sleep 9)\nmake", true),
            ("trap 'rm -rf \"/srv/$W\"' EXIT SIGINT TERM HUP\nW=$(k get x)\nmake", false),
            ("trap 'rm -rf \"/srv/$W\"' EXIT\nW=\"$(mktemp -d)\"\nmake", false),
            ("trap 'rm -rf \"/srv/$W\"' EXIT\nW=x\nmake", false),
            // what asks for a value may end the shell
            ("trap 'rm -rf \"/srv/$W\"' EXIT; : \"${A:?}\"; W=x", true),
            ("trap 'rm -rf \"/srv/$W\"' EXIT; X=${A:?}; W=x", true),
            ("trap 'rm -rf \"/srv/$W\"' EXIT; echo ${A:-${B?}}; W=x", true),
            (": \"${A:?}\"; trap 'rm -rf \"/srv/$W\"' EXIT; W=x", false),
            ("trap 'rm -rf \"/srv/$W\"' EXIT; echo \"${A:-a}\"; W=x", false),
        ],
    );
}

#[test]
fn what_looks_like_a_value_may_be_none() {
    are_as_told(
        "DIR",
        &[
            ("[ -n \"$DIR\" ] || exec {fd}>log; rm -rf \"/srv/$DIR\"", true),
            ("[ -n \"$DIR\" ] || exec true; rm -rf \"/srv/$DIR\"", false),
            ("rm -rf /srv/`basename \\$DIR`", true),
            ("rm -rf \"/srv/`basename \\\"\\${DIR}\\\"`\"", true),
            ("rm -rf /srv/`echo '\\$DIR'`", false),
            ("X=`ps | awk '{print \\$2}'`; DIR=x; rm /srv/$DIR", false),
            ("DIR[1]=x; rm -rf \"/srv/$DIR\"", true),
            ("DIR[0]=x; rm -rf \"/srv/$DIR\"", false),
            ("DIR=x command; rm /srv/$DIR", true),
            ("command DIR=x; rm /srv/$DIR", true),
            ("DIR=x command true; rm /srv/$DIR", true),
            ("command export DIR=x; rm /srv/$DIR", false),
        ],
    );
}
