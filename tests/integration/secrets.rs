//! Secret parameters: a command sees the value, and nothing else does.

use std::path::{Path, PathBuf};

use blocks_tests::{AppConfig, TestApp, base_environment, blocks, run_in, text};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const FROM_FILE: &str = "f1le-8c1/7e+$HOME'\"d04";
const FROM_ENVIRONMENT: &str = "env-5b2f-90a1-77cc";
const CHANGED: &str = "changed-61d0-4410-aa";

fn sha256(value: &str) -> String {
    hex::encode(Sha256::digest(value))
}

/// A runbook whose commands fail unless they have both values.
fn guarded() -> String {
    let (token, other) = (sha256(FROM_FILE), sha256(FROM_ENVIRONMENT));
    let same = |value: &str, hash: &str| {
        format!("[ \"$(printf %s \"{value}\" | sha256sum | cut -d' ' -f1)\" = {hash} ] || exit 9")
    };
    let (first, second) = (same("$TOKEN", &token), same("$OTHER", &other));
    let carried = same("${auth#Bearer }", &token);
    format!(
        "---\ntitle: Guarded\nservice: vault\nparams:\n  TOKEN: {{ secret: true }}\n  OTHER: {{ secret: true }}\n---\n# Guarded\n\n## Step 1: Use\n\n```bash {{name=use effect=once}}\n{first}\n{second}\necho ran >> effects\necho \"the token is $TOKEN\"\necho \"the other is $OTHER\" >&2\nprintf %s \"$TOKEN\" | base64\nauth=\"Bearer $TOKEN\"\n```\n\n## Step 2: Again\n\n```bash {{name=again effect=once}}\n{carried}\necho ran >> effects\n```\n"
    )
}

async fn app() -> TestApp {
    let config = AppConfig {
        triage: None,
        runbooks: vec![("guarded", guarded())],
        environment: vec![("BLOCKS_PARAM_OTHER", FROM_ENVIRONMENT.to_owned())],
        more: "[[service]]\nname = \"vault\"\nchannel = \"incidents\"\nparams = { TOKEN = { file = \"token\" } }\n".to_owned(),
        ..AppConfig::default()
    };
    let app = TestApp::start(&config).await;
    put(&app, FROM_FILE);
    app
}

fn put(app: &TestApp, value: &str) {
    std::fs::write(app.dir.join("token"), format!("{value}\n")).unwrap();
}

/// Files below a folder that hold one of these, as it is or as JSON, hex or base64 would have it.
fn holding(folder: &Path, values: &[&str]) -> Vec<PathBuf> {
    let json = |value: &str| json!(value).to_string().trim_matches('"').to_owned();
    let spellings: Vec<String> = values
        .iter()
        .flat_map(|value| [(*value).to_owned(), json(value), hex::encode(value), base64_start(value)])
        .collect();
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path)
                && let whole = String::from_utf8_lossy(&bytes)
                && spellings.iter().any(|one| whole.contains(one.as_str()))
            {
                found.push(path);
            }
        }
    }
    found
}

/// The base64 of the first whole groups of a value that is at the start.
fn base64_start(value: &str) -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = value.as_bytes().chunks_exact(3).map(|group| {
        let bits = group.iter().fold(0_usize, |bits, byte| (bits << 8) | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(digits[(bits >> shift) & 63])).iter().collect::<String>()
    });
    groups.collect()
}

async fn planned(app: &TestApp, person: &str) -> String {
    let asked = json!({ "request": "runbook_run", "name": "guarded", "params": {} });
    let answer = app.api(Some(person), asked).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    text(&answer.json()["data"]["id"])
}

#[tokio::test]
async fn a_command_sees_a_secret_and_nothing_keeps_it() {
    let mut app = app().await;
    let (ana, ben) = (app.token("ana").await, app.token("ben").await);
    let shown = app.blocks(&["runbook", "plan", "guarded"]).await;
    assert!(shown.code == 0 && shown.stdout.contains("TOKEN (secret)"), "{shown:?}");
    let run = planned(&app, &ana).await;
    let approved = app.approve(&ben, &run).await;
    assert_eq!(approved.status, 200, "{approved:?}");
    let status = app.run_when(&run, "succeeded").await;
    assert_eq!(app.effects("effects"), 2, "both commands had both values: {status}");
    app.outbox_is_empty().await;

    let slack = app.state().await.to_string();
    assert!(slack.contains("Guarded"), "the plan was shown: {slack}");
    let answers = format!("{shown:?}{status}{slack}");
    for value in [FROM_FILE, FROM_ENVIRONMENT] {
        assert!(!answers.contains(value), "it is shown: {answers}");
    }
    assert!(app.blocks(&["journal", "verify"]).await.code == 0 && app.end_server().await == 0);
    assert!(
        !holding(&app.dir.join("data"), &["the token is [redacted]"]).is_empty(),
        "the output is kept, masked"
    );
    assert_eq!(holding(&app.dir, &[FROM_FILE, FROM_ENVIRONMENT]), [app.dir.join("token")]);
}

#[tokio::test]
async fn another_value_than_the_approved_one_does_not_run() {
    let app = app().await;
    let (ana, ben) = (app.token("ana").await, app.token("ben").await);
    let codes = async || text(&app.blocks_json(&["runbook", "plan", "guarded"]).await["fingerprint"]);
    let before = codes().await;
    assert_eq!((before.len(), codes().await == before), (64, true), "the same value is the same plan");
    let run = planned(&app, &ana).await;
    put(&app, CHANGED);
    assert_ne!(codes().await, before, "another value is another plan");
    assert_eq!(app.approve(&ben, &run).await.status, 200);
    app.run_when(&run, "failed").await;
    let reason = "not the one that the plan was made with";
    app.state_when("Slack is told why", |state| state.to_string().contains(reason).then_some(())).await;
    assert_eq!(app.effects("effects"), 0);

    // Nothing to read, and nothing that can be kept out of output, is no plan.
    put(&app, "short");
    let refused = app.blocks(&["runbook", "plan", "guarded"]).await;
    assert!(refused.code == 1 && refused.stdout.contains("RB0043"), "{refused:?}");
    std::fs::remove_file(app.dir.join("token")).unwrap();
    let refused = app.blocks(&["runbook", "plan", "guarded"]).await;
    assert!(refused.code == 1 && refused.stdout.contains("/token cannot be read"), "{refused:?}");
    let run = app.blocks(&["runbook", "run", "guarded"]).await;
    assert!(run.code == 2 && run.stderr.contains("RB0043"), "what cannot be planned does not run: {run:?}");
    assert_eq!(holding(&app.dir, &[FROM_FILE, FROM_ENVIRONMENT, CHANGED]), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn on_a_lone_machine_the_environment_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let document = "---\nparams: { TOKEN: { secret: true } }\n---\n# S\n\n## Step 1: Use\n\n```bash {effect=read}\necho \"it is $TOKEN\"\n```\n";
    std::fs::write(folder.join("small.md"), document).unwrap();
    let mut environment = base_environment(None, folder);
    let plan = ["runbook", "plan", "small.md", "-o", "json"];
    let missing = run_in(&blocks(), &plan, &environment, folder).await;
    assert!(missing.code == 1 && missing.stdout.contains("BLOCKS_PARAM_TOKEN"), "{missing:?}");
    let given = ["runbook", "plan", "small.md", "--param", "TOKEN=env-5b2f-90a1-77cc"];
    let given = run_in(&blocks(), &given, &environment, folder).await;
    assert!(given.code == 2 && !given.stderr.contains(FROM_ENVIRONMENT), "{given:?}");

    environment.insert("BLOCKS_PARAM_TOKEN".to_owned(), FROM_ENVIRONMENT.to_owned());
    let shown = run_in(&blocks(), &plan, &environment, folder).await;
    assert_eq!(
        (shown.code, &shown.json()["code"], &shown.json()["secrets"]),
        (0, &Value::Null, &json!(["TOKEN"]))
    );
    assert!(!folder.join("blocks-data").exists(), "showing a plan makes nothing");
    let run = ["runbook", "run", "small.md", "--yes", "-o", "json"];
    let run = run_in(&blocks(), &run, &environment, folder).await;
    assert_eq!((run.code, &run.json()["status"]), (0, &json!("succeeded")), "{run:?}");
    let shown = run_in(&blocks(), &plan, &environment, folder).await;
    assert_eq!(shown.json()["code"].as_str().map(str::len), Some(4), "{shown:?}");
    assert_eq!(holding(folder, &[FROM_ENVIRONMENT]), Vec::<PathBuf>::new());
    assert!(!holding(folder, &["it is [redacted]"]).is_empty());

    let config = "[[service]]\nname = \"x\"\nparams = { TOKEN = \"env-5b2f-90a1-77cc\" }\n";
    std::fs::write(folder.join("blocks.toml"), config).unwrap();
    std::fs::write(folder.join("small.md"), document.replace("---\nparams", "---\nservice: x\nparams"))
        .unwrap();
    let plain = run_in(&blocks(), &plan, &environment, folder).await;
    let said = plain.stdout + &plain.stderr;
    assert!(plain.code == 1 && said.contains("file = ") && !said.contains(FROM_ENVIRONMENT), "{said}");
}
