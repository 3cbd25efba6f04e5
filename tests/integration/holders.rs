//! A target has one hand on it, also after somebody ended a run twice over; and what is half undone is ended and put right
//! step by step.

use std::path::Path;

use blocks_tests::{Finished, base_environment, blocks, run_in, text};
use serde_json::json;

/// `sh -c LINE` in a folder, where `blocks` is the program under test.
async fn pasted(line: &str, folder: &Path) -> Finished {
    let beside = blocks().parent().map(Path::to_path_buf);
    let environment = base_environment(beside.as_deref(), folder);
    run_in(Path::new("/bin/sh"), &["-c", line], &environment, folder).await
}

/// Goes on when it is told to end.
const STUBBORN: &str = "---\nservice: shop\n---\n# Stubborn\n\n## Step 1: Go on\n\n```bash {name=on effect=once}\ntrap '' TERM INT; echo $$ > pid; touch began; while :; do sleep 0.05; done\n```\n";
/// Changes the same target, and sees whether it is alone.
const OTHER: &str = "---\nservice: shop\n---\n# Other\n\n## Step 1: Alone\n\n```bash {name=alone effect=once}\n[ ! -d \"/proc/$(cat pid)\" ] && touch other\n```\n";

#[tokio::test]
async fn nothing_begins_on_a_target_beside_what_a_run_that_was_ended_twice_left_alive() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("stubborn.md"), STUBBORN).unwrap();
    std::fs::write(folder.path().join("other.md"), OTHER).unwrap();
    let twice = "blocks runbook run stubborn.md --yes > said 2>&1 & pid=$!
        while [ ! -e began ]; do sleep 0.02; done; kill -INT $pid
        while ! blocks runbook runs --all | grep -q cancelled; do sleep 0.02; done; kill -INT $pid; wait $pid";
    assert_eq!(pasted(twice, folder.path()).await.code, 4);
    let other = pasted("blocks runbook run other.md --yes", folder.path()).await;
    assert_eq!(other.code, 0, "{other:?}");
    assert!(folder.path().join("other").exists());
}

/// Two steps, of which the undo of the second hangs.
const HANGS: &str = "# Hangs\n\n## Step 1: One\n\n```bash {name=one effect=once}\necho one >> led\n```\n\n```bash {undo effect=idempotent}\necho back >> led\n```\n\n## Step 2: Two\n\n```bash {name=two effect=once}\necho two >> led\n```\n\n```bash {undo effect=idempotent timeout=1h}\ntouch hangs; while :; do sleep 0.05; done\n```\n";

#[tokio::test]
async fn an_undo_that_hangs_is_cancelled_and_its_word_is_about_no_other() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hangs.md"), HANGS).unwrap();
    assert_eq!(pasted("blocks runbook run hangs.md --yes", folder.path()).await.code, 0);
    let cancelled = "blocks runbook undo > said 2>&1 & pid=$!; while [ ! -e hangs ]; do sleep 0.02; done
        blocks runbook cancel --reason 'it hangs' > cancelled 2>&1; wait $pid";
    assert_eq!(pasted(cancelled, folder.path()).await.code, 4);
    let runs = pasted("blocks runbook runs -o json", folder.path()).await.json();
    let look = format!("blocks runbook status {} -o json", text(&runs["runs"][0]["id"]));
    let status = pasted(&look, folder.path()).await.json();
    assert_eq!(status["status"], "undo_failed", "{status}");
    assert!(text(&status["state"]).contains("undoing was stopped: cancelled by"), "{status}");
    assert!(text(&status["state"]).contains("it hangs"), "{status}");
    let next: Vec<_> = status["next"].as_array().unwrap().iter().map(|next| text(&next["command"])).collect();
    let put_right = next.iter().find(|line| line.contains("mark-done")).unwrap();
    let done = pasted(&format!("{put_right} --reason 'two is gone' -o json"), folder.path()).await.json();
    assert_eq!(done["status"], "undone", "{done}");
    assert_eq!(std::fs::read_to_string(folder.path().join("led")).unwrap(), "one\ntwo\nback\n");
    let stays = json!(["nobody saw the end of its undo, and a person says that it is done: Step 2: Two"]);
    assert_eq!(done["stays"], stays, "{done}");
    let second = pasted(put_right, folder.path()).await;
    assert_eq!(second.code, 3, "{second:?}");
}
