//! The environment is what is documented, and values are never shell.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[tokio::test]
async fn the_environment_is_exactly_what_is_documented() {
    let bench = Bench::with(|config| {
        config.env_names.push("DECOY".to_owned());
        config.secrets = vec!["xoxb-decoy-secret".to_owned()];
        config.env.insert("DECOY".to_owned(), "xoxb-decoy-secret".to_owned());
        config.env.insert("TZ".to_owned(), "see xoxb-decoy-secret here".to_owned());
        config.env.insert("SLACK_BOT_TOKEN".to_owned(), "other".to_owned());
    });
    let variables = BTreeMap::from([("pod".to_owned(), "web-1".to_owned())]);
    let finished = bench.executor.run(Job { variables, ..bench.job(1, "env") }).await.unwrap();
    let got: BTreeSet<&str> = finished.stdout.text.lines().collect();
    let home = bench.folder.path().display();
    let expected = [
        format!("PATH={}", std::env::var("PATH").unwrap()),
        format!("HOME={home}"),
        "pod=web-1".to_owned(),
        format!("BLOCKS_RUN={}", bench.run),
        "BLOCKS_STEP=step-1".to_owned(),
        "BLOCKS_ATTEMPT=1".to_owned(),
        "BLOCKS_INCIDENT=INC-7".to_owned(),
        format!("TMPDIR={}", bench.run_folder().join("tmp").display()),
        // bash's own.
        format!("PWD={home}/work"),
        "SHLVL=1".to_owned(),
        format!("_={}", find_program("env", std::env::var("PATH").unwrap().as_ref()).unwrap().display()),
    ];
    assert_eq!(got, expected.iter().map(String::as_str).collect());

    let second = bench.executor.run(bench.job(2, "env")).await.unwrap();
    let second: BTreeSet<&str> = second.stdout.text.lines().collect();
    let changed: BTreeSet<&str> = got.symmetric_difference(&second).copied().collect();
    assert_eq!(
        changed,
        BTreeSet::from(["BLOCKS_ATTEMPT=1", "BLOCKS_ATTEMPT=2"]),
        "parameters carry as variables"
    );
}

#[tokio::test]
async fn bad_names_and_values_start_nothing() {
    let cases = [
        ("PATH", "/evil", "steers the shell"),
        ("LD_PRELOAD", "x.so", "steers the shell"),
        ("BASH_ENV", "x", "steers the shell"),
        ("BLOCKS_RUN", "x", "steers the shell"),
        ("PYTHONPATH", "x", "steers the shell"),
        ("a b", "x", "not a variable name"),
        ("x=y", "x", "not a variable name"),
        ("pod", "a\0b", "NUL byte"),
        ("pod", "Bearer xoxb-decoy-secret", "own secrets"),
    ];
    let bench = Bench::with(|config| config.secrets = vec!["xoxb-decoy-secret".to_owned()]);
    for (name, value, expected) in cases {
        let variables = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let reason = bench.refused(Job { variables, ..bench.job(1, "touch ran") }).await;
        assert!(reason.contains(expected) && !reason.contains("xoxb"), "{name}: {reason}");
    }
    assert!(!bench.work().join("ran").exists());
}

proptest! {
    // Each case starts two shells.
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_value_is_never_shell(
        pieces in proptest::collection::vec(prop_oneof![
            Just("$(touch ran)".to_owned()), Just("`touch ran`".to_owned()), Just("; touch ran;".to_owned()),
            Just("\ntouch ran\n".to_owned()), Just("' touch ran '".to_owned()), Just("\"; touch ran; \"".to_owned()),
            Just("*".to_owned()), Just("~".to_owned()), Just("{a,b}".to_owned()), Just("\\".to_owned()),
            Just("() { :; }; touch ran".to_owned()), Just("-n".to_owned()), Just("> ran".to_owned()),
            Just("[$(touch ran)]".to_owned()), Just("é\u{1}\t\r".to_owned()), "[^\0]{0,12}",
        ], 0..6),
    ) {
        let value = pieces.concat();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new();
            let variables = BTreeMap::from([("v".to_owned(), value.clone())]);
            let text = "printf %s \"$v\"; copy=$v; list=(\"$v\"); declare -A map=([\"k\"]=\"$v\")";
            let finished = bench.executor.run(Job { variables, ..bench.job(1, text) }).await.unwrap();
            assert_eq!(finished.stdout.text, value);
            assert_eq!(finished.stderr.text, "");
            let again = "printf %s \"$v\" \"$copy\" \"${list[0]}\" \"${map[k]}\"";
            let finished = bench.executor.run(bench.job(2, again)).await.unwrap();
            assert_eq!(finished.stdout.text, value.repeat(4));
            assert_eq!(finished.stderr.text, "");
            let made: Vec<_> = std::fs::read_dir(bench.work()).unwrap().collect();
            assert!(made.is_empty(), "{made:?}");
        });
    }
}
