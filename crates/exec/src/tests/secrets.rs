//! Secret parameters: the command sees them, nothing keeps them.

use std::path::Path;

use runbook_core::ports::SecretValue;

use super::*;

/// Every character that a shell or bash's own way of writing values treats in a way of its own.
const VALUE: &str = "p$HOME`id`\"q'\\ *?;&|<>(){}~#!-tok/en+=1";

fn with(bench: &Bench, attempt: u32, text: &str, secrets: &[(&str, &str)]) -> Job {
    let secret = |(name, value): &(&str, &str)| (name.to_string(), SecretValue::new(value.to_string()));
    Job { secrets: secrets.iter().map(secret).collect(), ..bench.job(attempt, text) }
}

/// Every file below a folder that holds the text in some spelling.
fn holding(folder: &Path, value: &str) -> Vec<PathBuf> {
    let redactor = crate::Redactor::new(&[value]);
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if redactor.is_in(&std::fs::read(&path).unwrap()) {
                found.push(path);
            }
        }
    }
    found
}

#[tokio::test]
async fn a_command_sees_a_secret_that_its_output_does_not_show() {
    let bench = Bench::new();
    let text =
        "printf '%s' \"$TOKEN\"; echo; printf %s \"$TOKEN\" | base64 -w0; echo; printf %s \"$TOKEN\" >&2
                printf %s ${#TOKEN}; set -x; : \"$OTHER\"";
    let other = "another-value-12";
    let job = with(&bench, 1, text, &[("TOKEN", VALUE), ("OTHER", other)]);
    assert!(!format!("{job:?}").contains("tok/en") && !format!("{job:?}").contains(other), "{job:?}");
    let finished = bench.executor.run(job).await.unwrap();
    let lines: Vec<&str> = finished.stdout.text.lines().collect();
    assert_eq!(lines[0], "[redacted]");
    assert!(lines[1].contains("[redacted]") && lines[1].len() < 15, "{lines:?}");
    assert_eq!(lines[2], VALUE.len().to_string(), "the command had the value");
    assert_eq!(finished.stderr.text, "[redacted]++ : [redacted]\n");
    let next = bench.executor.run(bench.job(2, "echo another-value-12")).await.unwrap();
    assert_eq!(next.stdout.text, "another-value-12\n", "only that job's output is searched for it");
}

#[tokio::test]
async fn a_withheld_secret_is_not_there_and_is_taken_out_all_the_same() {
    let bench = Bench::new();
    let file = bench.work().join("kept");
    std::fs::write(&file, "another-value-12\n").unwrap();
    let mut job =
        with(&bench, 1, "echo \"[${OTHER-}] $TOKEN\"; cat kept; left=$(cat kept)", &[("TOKEN", VALUE)]);
    job.secrets.insert("OTHER".to_owned(), SecretValue::new("another-value-12".to_owned()).withheld());
    let finished = bench.executor.run(job).await.unwrap();
    assert_eq!(finished.stdout.text, "[] [redacted]\n[redacted]\n", "{finished:?}");
    assert_eq!(
        finished.state,
        StateOutcome::Missing,
        "a variable holds it, and the next command may not have it"
    );
}

#[tokio::test]
async fn what_holds_a_secret_carries_and_is_on_no_disk() {
    let bench = Bench::new();
    let secrets = [("TOKEN", VALUE), ("OTHER", "second secret 2")];
    let text = "plain=1; auth=\"Bearer $TOKEN\"; both=\"$OTHER$TOKEN <$OTHER> $TOKEN\"; export twice=\"$TOKEN$TOKEN\"
                readonly fixed=\"x$TOKEN\"; TOKEN=changed";
    let first = bench.executor.run(with(&bench, 1, text, &secrets)).await.unwrap();
    assert_eq!((first.state, first.stderr.text.as_str()), (StateOutcome::Written, ""), "{first:?}");
    assert_eq!(holding(bench.folder.path(), VALUE), Vec::<PathBuf>::new());
    assert_eq!(holding(bench.folder.path(), "second secret 2"), Vec::<PathBuf>::new());
    let text = "is() { [ \"$1\" = \"$2\" ] && echo yes || echo no; }
                is \"$auth\" \"Bearer $TOKEN\"; is \"$both\" \"$OTHER$TOKEN <$OTHER> $TOKEN\"
                is \"$(printenv twice)\" \"$TOKEN$TOKEN\"; is \"$fixed\" \"x$TOKEN\"; is $plain 1; is ${#TOKEN} ";
    let text = format!("{text}{}", VALUE.len());
    let second = bench.executor.run(with(&bench, 2, &text, &secrets)).await.unwrap();
    assert_eq!(second.stdout.text, "yes\nyes\nyes\nyes\nyes\nyes\n", "{second:?}");
    assert_eq!(holding(bench.folder.path(), VALUE), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_state_that_cannot_do_without_a_secret_is_not_kept() {
    for text in [
        "list=(a \"b $TOKEN\")",
        "declare -A map=([k]=\"$TOKEN\")",
        "coded=$(printf %s \"user:$TOKEN\" | base64 -w0)",
        "eval \"f() { echo '$TOKEN'; }\"",
        "BLOCKS_s0=; x=$TOKEN",
        "BLOCKS_s0=other; x=$TOKEN",
    ] {
        let bench = Bench::new();
        let value = "tok/en+12345678-abc";
        let finished = bench.executor.run(with(&bench, 1, text, &[("TOKEN", value)])).await.unwrap();
        assert_eq!(
            (finished.exit, finished.state),
            (Exit::Code { code: 0 }, StateOutcome::Missing),
            "{text}"
        );
        assert!(finished.stderr.text.contains("no variable is handed on"), "{text}: {finished:?}");
        assert_eq!(holding(bench.folder.path(), value), Vec::<PathBuf>::new(), "{text}");
    }
}

#[tokio::test]
async fn several_lines_are_found_one_by_one_and_short_ones_are_refused() {
    let bench = Bench::new();
    let value = "-----BEGIN-----\nfirst-line-of-it\nsecond-line-of-it\n-----END-----";
    let job = with(&bench, 1, "k=$KEY; echo \"$KEY\" | sed -n 2,3p", &[("KEY", value)]);
    let finished = bench.executor.run(job).await.unwrap();
    assert_eq!(
        (finished.stdout.text.as_str(), finished.state),
        ("[redacted]\n[redacted]\n", StateOutcome::Written)
    );
    assert_eq!(holding(bench.folder.path(), "second-line-of-it"), Vec::<PathBuf>::new());
    let job = with(&bench, 2, "[ \"$k\" = \"$KEY\" ] && echo same", &[("KEY", value)]);
    assert_eq!(bench.executor.run(job).await.unwrap().stdout.text, "same\n");
    let reason = bench.refused(with(&bench, 3, "touch ran", &[("KEY", "1234567")])).await;
    assert!(reason.contains("KEY") && !reason.contains("1234567"), "{reason}");
}
