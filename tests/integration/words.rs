//! What a person reads and types about runs, with the real binary: every line that is printed to be typed works.

use std::collections::BTreeSet;
use std::path::Path;

use blocks_tests::{AppConfig, Finished, TestApp, base_environment, blocks, run_in, text, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

/// `sh -c LINE` in a folder, where `blocks` is the program under test.
async fn pasted(line: &str, folder: &Path) -> Finished {
    let beside = blocks().parent().map(Path::to_path_buf);
    let environment = base_environment(beside.as_deref(), folder);
    run_in(Path::new("/bin/sh"), &["-c", line], &environment, folder).await
}

/// Every line that a person is told to type.
fn lines_to_type(said: &Finished) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for line in said.stdout.lines().chain(said.stderr.lines()) {
        let quoted = line.split('`').skip(1).step_by(2);
        // a list has what the line does beside it, two blanks apart
        let listed = line.trim_start().split("  ").take(1);
        let found = quoted.chain(listed).filter(|found| found.starts_with("blocks runbook "));
        lines.extend(found.map(str::to_owned));
    }
    lines
}

fn copied(from: &Path) -> std::io::Result<tempfile::TempDir> {
    let to = tempfile::tempdir()?;
    let mut folders = vec![from.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let there = to.path().join(entry.path().strip_prefix(from).map_err(std::io::Error::other)?);
            let kind = entry.file_type()?;
            if kind.is_dir() {
                std::fs::create_dir_all(&there)?;
                folders.push(entry.path());
            } else if kind.is_file() {
                std::fs::copy(entry.path(), &there)?;
            }
        }
    }
    Ok(to)
}

const DOCUMENT: &str = "# Small\n\n## Step 1: Do it\n\n```bash {name=doit effect=once}\necho did >> effects\n[ -e fine ]\n```\n\n```bash {undo effect=idempotent}\necho undone >> effects\n[ -e undofine ]\n```\n\n## Step 2: Look\n\n```bash {name=look effect=read}\necho colours\n# Expected: the dashboard looks healthy\n```\n";

/// What is typed before the lines that are then tried, and what must be among them.
const SITUATIONS: [(&str, &[&str], &[&str]); 10] = [
    ("it waits for a yes", &["blocks runbook run small.md"], &["approve", "refuse"]),
    (
        "the same again waits for a yes",
        &[
            "cp small.md fine; blocks runbook run small.md --yes; blocks runbook answer yes",
            "blocks runbook run small.md --yes",
        ],
        &["approve"],
    ),
    (
        "two wait",
        &[
            "blocks runbook run small.md",
            "cp small.md other.md; blocks runbook run other.md",
            "blocks runbook approve",
        ],
        &["status"],
    ),
    (
        "two are named",
        &[
            "blocks runbook run small.md",
            "cp small.md other.md; blocks runbook run other.md",
            "blocks runbook runs",
        ],
        &["status"],
    ),
    ("it failed", &["blocks runbook run small.md --yes"], &["retry", "mark-done", "skip", "undo"]),
    (
        "it failed, and is named among the runs",
        &["blocks runbook run small.md --yes", "blocks runbook runs"],
        &["status"],
    ),
    (
        "a repetition waits",
        &["blocks runbook run small.md --yes", "blocks runbook retry; blocks runbook status"],
        &["approve", "refuse"],
    ),
    ("it asks", &["touch fine; blocks runbook run small.md --yes"], &["answer", "undo"]),
    (
        "its undo failed",
        &["blocks runbook run small.md --yes", "blocks runbook undo"],
        &["retry", "mark-done"],
    ),
    (
        "none is open",
        &[
            "touch fine; blocks runbook run small.md --yes; blocks runbook answer yes",
            "blocks runbook status",
        ],
        &["runs", "status"],
    ),
];

#[tokio::test]
async fn every_line_that_is_printed_to_be_typed_works() {
    for (situation, typed, wanted) in SITUATIONS {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("small.md"), DOCUMENT).unwrap();
        let mut said = None;
        for line in typed {
            said = Some(pasted(line, folder.path()).await);
        }
        let said = said.unwrap();
        let lines = lines_to_type(&said);
        for verb in wanted {
            let begins = format!("blocks runbook {verb}");
            assert!(lines.iter().any(|line| line.starts_with(&begins)), "{situation}: no {verb}: {said:?}");
        }
        for line in &lines {
            let place = copied(folder.path()).unwrap();
            let done = pasted(line, place.path()).await;
            assert!(!done.stderr.contains("error: ") && done.code != 2, "{situation}: {line}: {done:?}");
        }
    }
}

#[tokio::test]
async fn a_run_that_waits_is_one_json_document_and_is_carried_on_by_its_own_hint() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("small.md"), DOCUMENT).unwrap();
    std::fs::write(folder.path().join("fine"), "").unwrap();
    let waits = pasted("blocks runbook run small.md -o json", folder.path()).await;
    let run = waits.json();
    assert_eq!((waits.code, &run["status"]), (3, &json!("waiting_for_approval")), "{waits:?}");
    assert!(text(&run["state"]).contains("to confirm"), "{run}");
    let line = text(&run["next"][0]["command"]);
    assert!(waits.stderr.contains(&line), "{waits:?}");
    assert_eq!(pasted(&line, folder.path()).await.code, 3, "it asks what only a person can tell");
    let runs = pasted("blocks runbook runs --all -o json", folder.path()).await.json();
    assert_eq!(
        (&runs["runs"][0]["status"], runs["runs"].as_array().map(Vec::len)),
        (&json!("paused"), Some(1))
    );
    let ended = pasted("blocks runbook answer yes --reason \"it's green\"", folder.path()).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let record = pasted("blocks journal export | grep answered_yes", folder.path()).await;
    assert!(record.stdout.contains("it's green"), "{record:?}");
    // what is said of a yes is true
    let confirmed = pasted("cp small.md other.md; blocks runbook run other.md --yes", folder.path()).await;
    assert_eq!(confirmed.code, 3, "{confirmed:?}");
    let record = pasted("blocks journal export", folder.path()).await;
    assert!(record.stdout.contains("confirmed with --yes, without a terminal"), "{record:?}");
}

#[tokio::test]
async fn a_run_that_nobody_may_approve_says_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("small.md"), DOCUMENT).unwrap();
    std::fs::write(folder.path().join("blocks.toml"), "[approvals]\nirreversible = 1\nreversible = 1\n")
        .unwrap();
    let waits = pasted("blocks runbook run small.md -o json --yes", folder.path()).await;
    let run = waits.json();
    assert_eq!(
        (waits.code, &run["status"], &run["approvers"]),
        (3, &json!("waiting_for_approval"), &json!([]))
    );
    let told = "nobody with standing in blocks.toml can approve it";
    assert!(text(&run["hint"]).contains(told), "{run}");
    assert!(waits.stderr.contains(told), "{waits:?}");
}

/// A command that runs until it is told to end, and one that nobody sees the end of.
const SLOW: &str = "# Slow\n\n## Step 1: Wait\n\n```bash {name=slow effect=once}\ntouch began; while [ ! -e go ]; do sleep 0.02; done\n```\n";

#[tokio::test]
async fn a_run_whose_engine_was_killed_says_so_and_names_the_line_that_takes_it_up() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("slow.md"), SLOW).unwrap();
    let begun = "blocks runbook run slow.md --yes >/dev/null 2>&1 & pid=$!; while [ ! -e began ]; do sleep 0.02; done";
    pasted(&format!("{begun}; kill -9 $pid; wait $pid; true"), folder.path()).await;
    for (verb, code) in [("status", 0), ("runs", 0), ("attach", 3)] {
        let said = pasted(&format!("blocks runbook {verb}"), folder.path()).await;
        assert_eq!(said.code, code, "{verb}: {said:?}");
        assert!(said.stdout.contains("no engine is at work"), "{verb}: {said:?}");
        assert!(lines_to_type(&said).contains("blocks runbook recover"), "{verb}: {said:?}");
        let said = pasted(&format!("blocks runbook {verb} -o json"), folder.path()).await.json();
        let run = if verb == "runs" { &said["runs"][0] } else { &said };
        assert_eq!(run["engine"], "none", "{verb}: {said}");
    }
    let doctor = pasted("blocks doctor", folder.path()).await;
    assert!(doctor.code == 1 && doctor.stdout.contains("`blocks runbook recover`"), "{doctor:?}");
    std::fs::write(folder.path().join("go"), "").unwrap();
    let taken_up = pasted("blocks runbook recover", folder.path()).await;
    assert_eq!(taken_up.code, 0, "{taken_up:?}");
}

/// Two members whose ends nobody sees.
const PAIR: &str = "# Pair\n\n## Step 1: Both\n\n```bash {name=p1 effect=once parallel=both timeout=1s}\nwhile :; do sleep 1; done\n```\n\n```bash {name=p2 effect=once parallel=both timeout=1s}\nwhile :; do sleep 1; done\n```\n";

#[tokio::test]
async fn what_was_looked_at_is_marked_as_done_and_a_second_paste_marks_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pair.md"), PAIR).unwrap();
    let asks = pasted("blocks runbook run pair.md --yes", folder.path()).await;
    assert_eq!(asks.code, 4, "{asks:?}");
    let lines = lines_to_type(&asks);
    let line = lines.iter().find(|line| line.starts_with("blocks runbook mark-done ")).unwrap();
    assert!(line.ends_with(" --step p1"), "{asks:?}");
    assert_eq!(pasted(line, folder.path()).await.code, 4, "the other is in doubt, too");
    let again = pasted(line, folder.path()).await;
    assert!(again.code == 3 && again.stderr.contains("p2 is"), "{again:?}");
    let other = line.replace("--step p1", "--step p2");
    assert_eq!(pasted(&other, folder.path()).await.code, 0);
}

/// Two questions that look alike.
const TWICE: &str = "# Twice\n\n## Step 1: First\n\n```bash {name=one effect=once}\necho 1\n# Expected: the graph looks right\n```\n\n## Step 2: Second\n\n```bash {name=two effect=once}\necho 2\n# Expected: the graph looks right\n```\n";

#[tokio::test]
async fn an_answer_is_to_the_question_that_was_seen() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("twice.md"), TWICE).unwrap();
    let asks = pasted("blocks runbook run twice.md --yes", folder.path()).await;
    assert_eq!(asks.code, 3, "{asks:?}");
    let lines = lines_to_type(&asks);
    let line = lines.iter().find(|line| line.contains(" yes --step one")).unwrap();
    assert_eq!(pasted(line, folder.path()).await.code, 3, "the second one is asked");
    let again = pasted(line, folder.path()).await;
    assert!(again.code == 3 && again.stderr.contains("two is, and nothing was done"), "{again:?}");
    let second = line.replace("--step one", "--step two");
    assert_eq!(pasted(&second, folder.path()).await.code, 0);
}

#[tokio::test]
async fn a_refusal_is_one_json_document_and_a_reason_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("small.md"), DOCUMENT).unwrap();
    assert_eq!(pasted("blocks runbook run small.md --yes", folder.path()).await.code, 1);
    let locked =
        pasted("blocks runbook skip -o json --reason \"$(printf '\\342\\200\\213')\"", folder.path()).await;
    let document = locked.json();
    assert!(locked.code == 3 && text(&document["error"]).contains("needs a reason"), "{locked:?}");
    assert!(text(&document["code"]).starts_with("RB"), "{document}");
    let forged = "blocks runbook skip --reason \"$(printf 'x)\\nStep 1: passed\\nwaits for nobody')\"";
    pasted(forged, folder.path()).await;
    let record = pasted("blocks journal export | grep passed_over", folder.path()).await;
    assert!(record.stdout.contains("x) Step 1: passed waits for nobody"), "{record:?}");
}

/// Two members, each of which has written its last line before the other writes its second.
const BESIDE: &str = "# Beside\n\n## Step 1: Both\n\n```bash {name=left effect=once parallel=both}\nfor i in 1 2 3 4; do echo \"left $i\"; touch left-$i; while [ ! -e right-$i ]; do sleep 0.02; done; done\n```\n\n```bash {name=right effect=once parallel=both}\nfor i in 1 2 3 4; do while [ ! -e left-$i ]; do sleep 0.02; done; echo \"right $i\"; touch right-$i; done\n```\n\n## Step 2: Each\n\n```bash {name=each effect=once foreach=\"host in [web-1, web-2]\" concurrency=2}\necho \"up $host\"\n[ \"$host\" = web-1 ] || [ -e fine ]\n```\n";

#[tokio::test]
async fn no_line_is_lost_of_commands_that_run_at_the_same_time_and_each_says_whose_it_is() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("beside.md"), BESIDE).unwrap();
    let followed = pasted("blocks runbook run beside.md --yes", folder.path()).await;
    assert_eq!(followed.code, 1, "{followed:?}");
    for side in ["left", "right"] {
        let told: Vec<_> =
            followed.stderr.lines().filter(|line| line.contains(&format!("| [{side}] "))).collect();
        let wanted: Vec<_> = (1..=4).map(|i| format!("  | [{side}] {side} {i}")).collect();
        assert_eq!(told, wanted, "{followed:?}");
    }
    for host in ["web-1", "web-2"] {
        let line = format!("  | [{host}] up {host}");
        assert_eq!(followed.stderr.lines().filter(|told| **told == line).count(), 1, "{followed:?}");
    }
    // what runs again is named, and nothing else of the plan
    let again = pasted("blocks runbook retry; blocks runbook status", folder.path()).await;
    let asked = again.stdout.split("A yes lets this run again").nth(1).unwrap_or_default();
    let asked = asked.split("The plan, as it would run").next().unwrap_or_default();
    assert!(asked.contains("each [web-2]") && !asked.contains("[web-1]"), "{again:?}");
    let shown = pasted("blocks runbook status -o json", folder.path()).await.json();
    assert_eq!(shown["repeated"], json!(["each [web-2]"]), "{shown}");
}

#[tokio::test]
async fn undone_says_what_stays_and_a_failed_undo_that_was_put_right_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let stays =
        "\n## Step 0: Tell\n\n```bash {name=tell effect=once}\necho told >> effects\n```\n\n## Step 1";
    let document = DOCUMENT.replace("\n## Step 1", stays);
    std::fs::write(folder.path().join("small.md"), document).unwrap();
    assert_eq!(pasted("blocks runbook run small.md --yes", folder.path()).await.code, 1);
    let failed = pasted("blocks runbook undo -o json --reason \"it made it worse\"", folder.path()).await;
    assert_eq!((failed.code, &failed.json()["steps"][1]["status"]), (4, &json!("undo_failed")), "{failed:?}");
    let put_right = "blocks runbook mark-done -o json --reason \"ana scaled it back\"";
    let over = pasted(put_right, folder.path()).await;
    let run = over.json();
    assert_eq!(
        (&run["status"], &run["steps"][1]["status"]),
        (&json!("undone"), &json!("put_right")),
        "{over:?}"
    );
    let stays: Vec<_> = run["stays"].as_array().unwrap().iter().map(text).collect();
    assert_eq!(stays.len(), 2, "{stays:?}");
    assert!(stays[0].contains("point of no return") && stays[0].contains("Step 0: Tell"), "{stays:?}");
    assert!(stays[1].contains("put right: Step 1: Do it"), "{stays:?}");
    assert!(text(&run["state"]).starts_with("undone, but not all of it: "), "{run}");
    let record = pasted("blocks journal export", folder.path()).await;
    for why in ["it made it worse", "ana scaled it back"] {
        assert!(record.stdout.contains(why), "{why}: {record:?}");
    }
}

#[tokio::test]
async fn runs_are_named_and_a_stopped_engine_keeps_nobody_waiting() {
    let app = TestApp::start(&AppConfig::with_rollback(DOCUMENT)).await;
    let (ana, ben) = (app.token("ana").await, app.token("ben").await);
    let rollback = json!({ "request": "runbook_rollback", "service": "flowengine", "params": {} });
    let mut ids = BTreeSet::new();
    for token in [&ana, &ben] {
        ids.insert(text(&app.api(Some(token), rollback.clone()).await.json()["data"]["id"]));
    }
    let several = app.api(Some(&ana), json!({ "request": "runbook_cancel", "run": null })).await;
    assert_eq!(several.status, 404, "{several:?}");
    for id in &ids {
        assert!(several.body.contains(&format!("blocks runbook cancel {id}")), "{several:?}");
    }
    let runs = app.api(Some(&ana), json!({ "request": "runbook_runs" })).await.json();
    let named: BTreeSet<_> =
        runs["data"]["runs"].as_array().unwrap().iter().map(|run| text(&run["id"])).collect();
    assert_eq!(named, ids, "{runs}");
    let first = ids.first().unwrap();
    let why = json!({ "request": "runbook_cancel", "run": first, "reason": "the page was false" });
    assert_eq!(app.api(Some(&ana), why).await.status, 200);
    let record = app.blocks(&["journal", "export", &format!("run/{first}")]).await;
    assert!(record.stdout.contains("cancelled by ana: the page was false"), "{record:?}");

    let engine = i32::try_from(app.server_pid()).ok().and_then(Pid::from_raw).unwrap();
    kill_process(engine, Signal::STOP).unwrap();
    let (looked, decided) =
        tokio::join!(app.blocks(&["runbook", "status", "-o", "json"]), app.blocks(&["runbook", "cancel"]));
    kill_process(engine, Signal::CONT).unwrap();
    assert_eq!(
        (looked.code, text(&looked.json()["status"]).as_str()),
        (0, "waiting_for_approval"),
        "{looked:?}"
    );
    for said in [&looked, &decided] {
        assert!(said.stderr.contains("RB0014") && said.stderr.contains("kill -CONT"), "{said:?}");
    }
    assert!(decided.code == 1 && decided.stderr.contains("may still do it"), "{decided:?}");
    until("it answers again", async || {
        (app.blocks(&["runbook", "runs", "-o", "json"]).await.code == 0).then_some(())
    })
    .await;
}
