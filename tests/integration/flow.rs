//! Loops, groups and waits with the real binary: what really runs at once, and what is left of it when it is killed.

use std::path::Path;

use blocks_tests::{Finished, base_environment, blocks, run_in, text};
use serde_json::{Value, json};

async fn alone(words: &[&str], folder: &Path) -> Finished {
    run_in(&blocks(), words, &base_environment(None, folder), folder).await
}

fn written(folder: &Path, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Writes a runbook about `hosts` and runs it to where it rests.
async fn run(body: &str, hosts: &str) -> (Finished, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let front = format!("---\nparams:\n  hosts: {{ default: \"{hosts}\" }}\n---\n# Small\n");
    std::fs::write(folder.path().join("small.md"), format!("{front}{body}")).unwrap();
    let finished = alone(&["runbook", "run", "small.md", "-o", "json", "--yes"], folder.path()).await;
    (finished, folder)
}

fn step(run: &Value, index: usize) -> (String, String) {
    let step = &run["steps"][index];
    (text(&step["status"]), text(&step["detail"]))
}

const ROLLING: &str = r#"
## Step 1: Make a place to meet

```bash {effect=idempotent}
mkfifo meet
```

## Step 2: Each host

```bash {effect=once foreach="host in hosts" canary concurrency=2 budget=1}
echo "$host" >> done.txt
case "$host" in
  web-2) echo hello > meet ;;
  web-3) cat meet > heard.txt ;;
  bad-*) exit 1 ;;
esac
```

```bash {undo effect=idempotent}
echo "$host" >> undone.txt
```

## Step 3: After

```bash {effect=idempotent}
echo after >> done.txt
```
"#;

#[tokio::test]
async fn a_loop_tries_its_first_item_alone_and_then_runs_two_at_once() {
    // web-2 and web-3 each wait for the other: neither would end alone
    let (finished, folder) = run(ROLLING, "web-1, web-2, web-3, bad-1, web-5").await;
    let run = finished.json();
    assert_eq!((finished.code, &run["status"]), (0, &json!("succeeded")), "{finished:?}");
    assert_eq!(step(&run, 1), ("passed".to_owned(), "5 of 5, 1 failed".to_owned()), "{finished:?}");
    assert_eq!(written(folder.path(), "heard.txt"), ["hello"]);
    let mut done = written(folder.path(), "done.txt");
    assert_eq!((done.remove(0).as_str(), done.pop().as_deref()), ("web-1", Some("after")));
    done.sort();
    assert_eq!(done, ["bad-1", "web-2", "web-3", "web-5"]);
    // and all of it is undone, the last one first
    let undone = alone(&["runbook", "undo", &text(&run["id"]), "-o", "json"], folder.path()).await;
    assert_eq!(undone.json()["status"], "undone", "{undone:?}");
    assert_eq!(written(folder.path(), "undone.txt"), ["web-5", "bad-1", "web-3", "web-2", "web-1"]);
}

#[tokio::test]
async fn a_canary_that_fails_keeps_the_others_from_it() {
    let (finished, folder) = run(ROLLING, "bad-1, web-2, web-3").await;
    assert_eq!((finished.code, &finished.json()["status"]), (1, &json!("failed")), "{finished:?}");
    assert_eq!(step(&finished.json(), 1), ("failed".to_owned(), "1 of 3, 1 failed".to_owned()));
    assert_eq!(written(folder.path(), "done.txt"), ["bad-1"]);
}

#[tokio::test]
async fn a_list_that_appears_at_run_time_is_shown_and_asked_about() {
    let body = "\n## Step 1: Find\n\n```bash {effect=read capture=PODS pattern=[a-z0-9-]+ lines}\nprintf 'web-a\\nweb-b\\n'\n```\n\n## Step 2: Each\n\n```bash {effect=once foreach=\"pod in PODS\"}\necho \"$pod\" >> done.txt\n```\n";
    let (waits, folder) = run(body, "").await;
    let run = waits.json();
    assert_eq!((waits.code, &run["status"]), (3, &json!("waiting_for_approval")), "{waits:?}");
    assert_eq!(written(folder.path(), "done.txt"), [""; 0]);
    let id = text(&run["id"]);
    let shown = alone(&["runbook", "status", &id], folder.path()).await;
    assert!(shown.stdout.contains("2 in all: web-a, web-b"), "{shown:?}");
    let goes_on =
        alone(&["runbook", "approve", &id, "--reason", "the list is right", "-o", "json"], folder.path())
            .await;
    assert_eq!((goes_on.code, &goes_on.json()["status"]), (0, &json!("succeeded")), "{goes_on:?}");
    assert_eq!(written(folder.path(), "done.txt"), ["web-a", "web-b"]);
}

#[tokio::test]
async fn members_of_a_group_run_at_once_and_know_nothing_of_each_other() {
    let body = "\n## Step 1: Before\n\n```bash {effect=idempotent}\nmkfifo meet\nOWN=set\n```\n\n## Step 2: Both\n\n```bash {effect=idempotent parallel=both}\nOTHER=leaks\necho \"one ${OWN-nothing}\" > meet\n```\n\n```bash {effect=idempotent parallel=both}\ncat meet > heard.txt\n```\n\n## Step 3: After\n\n```bash {effect=idempotent}\necho \"$OWN ${OTHER-nothing}\" > after.txt\n```\n";
    let (finished, folder) = run(body, "").await;
    assert_eq!((finished.code, &finished.json()["status"]), (0, &json!("succeeded")), "{finished:?}");
    assert_eq!(written(folder.path(), "heard.txt"), ["one nothing"]);
    assert_eq!(written(folder.path(), "after.txt"), ["set nothing"]);
}

#[tokio::test]
async fn a_wait_looks_until_it_is_there_and_is_late_when_it_never_comes() {
    let body = |what: &str| {
        format!(
            "\n## Step 1: Wait\n\n```bash {{effect=read until={what} every=1s timeout=5s}}\necho x >> looks.txt\ntest \"$(wc -l < looks.txt)\" -ge 3\n```\n"
        )
    };
    let (finished, folder) = run(&body("2m"), "").await;
    assert_eq!((finished.code, &finished.json()["status"]), (0, &json!("succeeded")), "{finished:?}");
    assert_eq!(written(folder.path(), "looks.txt").len(), 3);
    let (late, folder) = run(&body("1s").replace("-ge 3", "-ge 300"), "").await;
    assert_eq!((late.code, &late.json()["status"]), (3, &json!("paused")), "{late:?}");
    assert_eq!(step(&late.json(), 0).0, "late");
    let id = text(&late.json()["id"]);
    let ended = alone(&["runbook", "answer", &id, "no", "-o", "json"], folder.path()).await;
    assert_eq!(ended.json()["status"], "failed", "{ended:?}");
}
