//! What is wrong with a configuration or a machine is said before anything starts, with what to do.

use std::collections::BTreeMap;
use std::path::Path;

use blocks_exec::find_program;
use blocks_tests::{AppConfig, Finished, TestApp, base_environment, blocks, run_in};

async fn with_file(text: &str, words: &[&str], folder: &Path) -> Finished {
    std::fs::write(folder.join("blocks.toml"), text).unwrap();
    run_in(&blocks(), words, &base_environment(None, folder), folder).await
}

#[tokio::test]
async fn a_bad_file_is_shown_with_line_reason_and_hint_and_nothing_starts() {
    for (text, line, reason) in [
        ("[server]\nlisten = 7070\n", 2, "string"),
        ("[server]\nlisten = \"127.0.0.1:0\"\n[servre]\nx = 1\n", 3, "servre"),
        ("[store]\nurl = \"postgres://db/blocks\"\n", 2, "postgres"),
        ("[slack]\nmode = \"sockets\"\n", 2, "sockets"),
        ("[pagerduty]\nmode = \"poll\"\npoll_s = 1\n", 3, "no pause between two looks"),
        ("[pagerduty]\nmode = \"poll\"\n[[service]]\nname = \"x\"\n", 2, "no [[service]] has one"),
        ("[time]\nzone = \"Mars/Olympus\"\n", 2, "Mars"),
        ("[[service]]\nname = \"x\"\nseverity = \"P9\"\n", 3, "P9"),
        ("[[person]]\nname = \"ana\"\nrole = [\"commander\"]\n", 3, "role"),
        ("[[person]]\nname = \"ana\"\nroles = [\"boss\"]\n", 3, "boss"),
        ("[server\n", 1, ""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for words in [&["serve"][..], &["doctor"], &["incident", "list"], &["runbook", "list"]] {
            let finished = with_file(text, words, folder.path()).await;
            assert_eq!(finished.code, 2, "{words:?} with {text:?}: {finished:?}");
            let place = format!("blocks.toml:{line}");
            for said in [place.as_str(), reason, "hint: "] {
                assert!(finished.stderr.contains(said), "'{said}' is missing, {text:?}: {}", finished.stderr);
            }
            assert_eq!(finished.stdout, "", "{words:?}");
        }
        assert!(!folder.path().join("blocks-data").exists(), "nothing was started");
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_and_a_secret_that_is_not_set_are_usage_errors() {
    let folder = tempfile::tempdir().unwrap();
    let environment = base_environment(None, folder.path());
    let absent = run_in(&blocks(), &["serve", "--config", "nowhere.toml"], &environment, folder.path()).await;
    assert_eq!(absent.code, 2, "{absent:?}");
    assert!(absent.stderr.contains("nowhere.toml") && absent.stderr.contains("hint: "), "{absent:?}");

    let slack = "[server]\nlisten = \"127.0.0.1:0\"\n[slack]\nmode = \"http\"\n";
    let secretless = with_file(slack, &["serve"], folder.path()).await;
    assert_eq!(secretless.code, 2, "{secretless:?}");
    assert!(secretless.stderr.contains("SLACK_") && secretless.stderr.contains("_FILE"), "{secretless:?}");

    let handing_on = "[exec]\nenv = [\"PATH\", \"SLACK_BOT_TOKEN\"]\n";
    let leaking = with_file(handing_on, &["serve"], folder.path()).await;
    assert_eq!(leaking.code, 2, "a command must not be given Blocks' own secrets: {leaking:?}");
    assert!(leaking.stderr.contains("SLACK_BOT_TOKEN"), "{leaking:?}");
}

/// A PATH on which everything is but one program.
fn without(missing: &str, folder: &Path) -> BTreeMap<String, String> {
    let bin = folder.join(format!("without-{missing}"));
    std::fs::create_dir(&bin).unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    for name in ["bash", "curl", "sh", "cat"] {
        if name != missing
            && let Some(found) = find_program(name, &path)
        {
            std::os::unix::fs::symlink(found, bin.join(name)).unwrap();
        }
    }
    let mut environment = base_environment(None, folder);
    environment.insert("PATH".to_owned(), bin.display().to_string());
    environment
}

#[tokio::test]
async fn without_bash_or_curl_it_is_said_before_anything_starts() {
    for missing in ["bash", "curl"] {
        let folder = tempfile::tempdir().unwrap();
        let environment = without(missing, folder.path());
        std::fs::write(
            folder.path().join("a.md"),
            "# A\n\n## Step\n\n```bash {effect=once}\ntouch it-ran\n```\n",
        )
        .unwrap();
        for words in [&["serve"][..], &["demo", "--dir", "played"], &["runbook", "run", "a.md", "--yes"]] {
            let finished = run_in(&blocks(), words, &environment, folder.path()).await;
            assert_eq!(finished.code, 1, "{words:?} without {missing}: {finished:?}");
            let said = format!("{missing} is not on PATH");
            assert!(finished.stderr.contains(&said) && finished.stderr.contains("hint: "), "{finished:?}");
        }
        for trace in ["blocks-data", "played", "it-ran"] {
            assert!(!folder.path().join(trace).exists(), "without {missing}, {trace} was made");
        }
        let doctor = run_in(&blocks(), &["doctor", "-o", "json"], &environment, folder.path()).await;
        assert_eq!((doctor.code, &doctor.json()["ok"]), (1, &serde_json::json!(false)), "{doctor:?}");
    }
}

#[tokio::test]
async fn doctor_reads_each_ca_file_and_lint_knows_what_is_handed_on() {
    let folder = tempfile::tempdir().unwrap();
    let environment = without("nothing", folder.path());
    let config = "[exec]\nenv = [\"PATH\", \"HOME\", \"TEAM_REGION\"]\n[[connection]]\nname = \"db\"\nkind = \"postgres\"\n\
                  url = \"postgres://h/d?sslmode=verify-full\"\nca_file = \"ca.pem\"\n";
    std::fs::write(folder.path().join("blocks.toml"), config).unwrap();
    for (text, part) in [(None, "No such file"), (Some("no certificate"), "there are none")] {
        if let Some(text) = text {
            std::fs::write(folder.path().join("ca.pem"), text).unwrap();
        }
        let doctor = run_in(&blocks(), &["doctor", "-o", "json"], &environment, folder.path()).await;
        let shown = doctor.json();
        let check = shown["checks"].as_array().unwrap().iter().find(|check| check["name"] == "ca_file of db");
        let check = check.unwrap();
        assert_eq!(check["ok"], false, "{check}");
        assert!(check["detail"].as_str().unwrap().contains(part), "{check}");
    }
    let text = "# A\n\n## Step 1: Look\n\n```bash\nls \"$TEAM_REGION\" \"$OTHER_REGION\"\n```\n";
    std::fs::write(folder.path().join("a.mdx"), text).unwrap();
    let lint = run_in(&blocks(), &["runbook", "lint", "a.mdx"], &environment, folder.path()).await;
    assert!(lint.stdout.contains("$OTHER_REGION") && !lint.stdout.contains("$TEAM_REGION"), "{lint:?}");
}

#[tokio::test]
async fn a_second_engine_on_the_same_folder_is_refused_and_told_who_has_it() {
    let mut app = TestApp::start(&AppConfig::default()).await;
    let holder = app.server_pid();
    for words in [&["serve"][..], &["runbook", "run", "./own.md", "--yes"]] {
        std::fs::write(app.dir.join("own.md"), "# Own\n\n## Step\n\n```bash {effect=read}\necho hi\n```\n")
            .unwrap();
        let mut arguments = words.to_vec();
        let config = app.config_file();
        arguments.extend(["--config", &config]);
        let second = run_in(&blocks(), &arguments, app.environment(), &app.dir).await;
        assert_eq!(second.code, 3, "{words:?}: {second:?}");
        assert!(second.stderr.contains(&format!("pid {holder}")), "{words:?}: {second:?}");
    }
    assert_eq!(app.page_of("/health").await.status, 200, "the first one goes on");
    // A dead engine is in nobody's way, however it died.
    app.kill_9().await;
    app.start_server().await;
    assert_ne!(app.server_pid(), holder);
    assert_eq!(app.end_server().await, 0);
    assert!(!app.dir.join("data/engine.sock").exists(), "an engine that ended leaves no socket");
}
