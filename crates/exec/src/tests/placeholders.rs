//! What stands in a placeholder's place reaches the program as it was given, whatever it holds.

use std::collections::BTreeMap;

use proptest::prelude::*;
use runbook_core::ports::{Executor as _, Job};
use runbook_core::runbook::placeholders::{Guard, find, resolve};

use super::Bench;

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("$(touch ran)".to_owned()),
        Just("`touch ran`".to_owned()),
        Just("; touch ran;".to_owned()),
        Just("\ntouch ran\n".to_owned()),
        Just("' touch ran '".to_owned()),
        Just("\"; touch ran; \"".to_owned()),
        Just("'\"; touch ran #".to_owned()),
        Just("*".to_owned()),
        Just("~".to_owned()),
        Just("{a,b}".to_owned()),
        Just("\\".to_owned()),
        Just("${pod}".to_owned()),
        Just("<pod>".to_owned()),
        Just("\nEOF\ntouch ran\n".to_owned()),
        Just("> ran".to_owned()),
        Just("a[$(touch ran)]".to_owned()),
        Just("é漢\u{1}\t\r".to_owned()),
        "[^\0]{0,12}",
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// Each way of quoting, with what it must print for a value.
const PLACES: &[(&str, &str)] = &[
    ("printf '%s|' <pod> \"<pod>-x\" '<pod>' y-<pod>-z", "V|V-x|V|y-V-z|"),
    ("printf '%s|' \"a $(printf %s '[POD NAME]' x) b\"", "a Vx b|"),
    ("printf '%s|' $'<pod>\\t' '{{pod}}'\"'<pod>'\"", "V\t|V'V'|"),
    ("cat <<EOF\n<pod> \"<pod>\" '<pod>'\nEOF", "V \"V\" 'V'\n"),
    ("printf '%s|' YOUR_POD \"to [the pod]. It's [the pod]\"", "V|to V. It's V|"),
];

proptest! {
    // Each case starts a shell for each place.
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_value_arrives_as_it_was_given(value in hostile()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new();
            for (attempt, (text, expected)) in (1..).zip(PLACES) {
                let names: BTreeMap<String, String> =
                    find(text).into_iter().map(|found| (found.name, "pod".to_owned())).collect();
                let resolved = resolve(text, &names).unwrap();
                let variables = BTreeMap::from([("pod".to_owned(), value.clone())]);
                let finished =
                    bench.executor.run(Job { variables, ..bench.job(attempt, &resolved.text) }).await.unwrap();
                assert_eq!(finished.stdout.text, expected.replace('V', &value), "{}", resolved.text);
                assert_eq!(finished.stderr.text, "", "{}", resolved.text);
                let made: Vec<_> = std::fs::read_dir(bench.work()).unwrap().collect();
                assert!(made.is_empty(), "{made:?}");
            }
        });
    }
}

/// Places where another program reads its argument as a language: what passes the guard changes nothing but the word.
#[tokio::test]
async fn a_plain_value_stays_a_word_for_the_program_behind() {
    let bench = Bench::new();
    let places = [
        "bash -c 'printf %s <pod>'",
        "eval \"printf %s <pod>\"",
        "awk 'BEGIN { printf \"%s\", \"<pod>\" }'",
        "printf '<pod>'",
        "pod_copy=<pod>; eval \"printf %s $pod_copy\"",
        "bash <<EOF\nprintf %s <pod>\nEOF",
    ];
    let hostile = [
        "$(touch ran)",
        "a;touch ran",
        "a\ntouch ran",
        "`touch ran`",
        "a b",
        "a|touch ran",
        "a>ran",
        "%s",
        "*",
        "-x",
        "",
    ];
    let mut attempt = 0;
    for text in places {
        let names = BTreeMap::from([("pod".to_owned(), "pod".to_owned())]);
        let resolved = resolve(text, &names).unwrap();
        assert_eq!(resolved.guards["pod"], Guard::Plain, "{text}");
        for value in hostile {
            assert!(Guard::Plain.check(value, true).is_err(), "{value:?}");
        }
        for value in ["web-1", "a.b_c", "/srv/x:y@z"] {
            assert_eq!(Guard::Plain.check(value, false), Ok(()));
            attempt += 1;
            let variables = BTreeMap::from([("pod".to_owned(), value.to_owned())]);
            let job = Job { variables, ..bench.job(attempt, &resolved.text) };
            let finished = bench.executor.run(job).await.unwrap();
            assert_eq!(finished.stdout.text, value, "{text}");
        }
    }
    assert!(!bench.work().join("ran").exists());
}
