//! `blocks demo`: whole, and broken in each of its six ways.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use blocks_tests::{Finished, Process, base_environment, blocks, run_in, until};
use serde_json::Value;

/// A demo that was played, and what it left.
struct Played {
    finished: Finished,
    report: Value,
    dir: PathBuf,
    folder: tempfile::TempDir,
}

impl Played {
    /// A read command on what it left.
    async fn blocks(&self, words: &[&str]) -> Value {
        let config = self.dir.join("blocks.toml").display().to_string();
        let mut arguments = words.to_vec();
        arguments.extend(["-o", "json", "--config", &config]);
        run_in(&blocks(), &arguments, &base_environment(None, &self.dir), &self.dir).await.json()
    }

    fn inbox_rows(&self) -> i64 {
        let store = rusqlite::Connection::open(self.dir.join("data/blocks.db")).unwrap();
        store.query_row("SELECT count(*) FROM inbox", [], |row| row.get(0)).unwrap()
    }

    /// The types of events that the run of the rollback has.
    async fn rollback_events(&self) -> Vec<String> {
        let shown = self.blocks(&["incident", "show", "INC-1"]).await;
        let run = self.report["run"]["id"].as_str().unwrap_or("no run").to_owned();
        let timeline = shown["timeline"].as_array().cloned().unwrap_or_default();
        let of_run = timeline.iter().filter(|entry| entry["stream"].to_string().contains(&run));
        of_run.map(|entry| entry["event"]["type"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

async fn play(arguments: &[&str], environment: impl FnOnce(&Path, &mut BTreeMap<String, String>)) -> Played {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("played");
    let shown = dir.display().to_string();
    let mut all = vec!["demo", "-o", "json", "--dir", &shown];
    all.extend(arguments);
    let mut variables = base_environment(None, folder.path());
    environment(folder.path(), &mut variables);
    let finished = run_in(&blocks(), &all, &variables, folder.path()).await;
    assert!(
        finished.stdout.ends_with('\n') && finished.stdout.trim_end().lines().count() == 1,
        "{finished:?}"
    );
    Played { report: finished.json(), finished, dir, folder }
}

async fn broken(fault: &str, failed_at: &str) -> Played {
    let played = play(&["--break", fault], |_, _| {}).await;
    let report = &played.report;
    assert_eq!(played.finished.code, 1, "{:?}", played.finished);
    assert_eq!(report["ok"], false, "{report}");
    assert_eq!(report["failed_at"], failed_at, "{report}");
    for field in ["error", "hint"] {
        assert!(report[field].as_str().is_some_and(|text| text.len() > 20), "{field}: {report}");
    }
    assert_eq!(report["pir_path"], Value::Null, "nothing is over, so nothing is reviewed: {report}");
    assert!(played.finished.stderr.contains("hint: "), "{:?}", played.finished);
    if report["journal"]["events"] != 0 {
        assert_eq!(report["journal"]["verified"], true, "{report}");
    }
    played
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} is no text: {value}"))
}

fn number(value: &Value, pointer: &str) -> i64 {
    value
        .pointer(pointer)
        .and_then(Value::as_i64)
        .unwrap_or_else(|| panic!("{pointer} is no integer: {value}"))
}

#[track_caller]
fn assert_time(value: &Value, pointer: &str) {
    let shown = text(value, pointer);
    let is_time =
        shown.len() == 24 && shown.ends_with('Z') && shown.parse::<chrono::DateTime<chrono::Utc>>().is_ok();
    assert!(is_time, "{pointer} is no UTC time with milliseconds: {shown}");
}

#[track_caller]
fn assert_keys(value: &Value, keys: &[&str]) {
    let have: BTreeSet<_> =
        value.as_object().unwrap_or_else(|| panic!("no object: {value}")).keys().cloned().collect();
    let missing: Vec<_> = keys.iter().filter(|key| !have.contains(**key)).collect();
    assert!(missing.is_empty(), "missing {missing:?} in {value}");
}

#[tokio::test]
async fn the_demo_keeps_every_promise_of_its_report() {
    let played = play(&[], |_, _| {}).await;
    let report = &played.report;
    assert_eq!(played.finished.code, 0, "{:?}", played.finished);
    assert_keys(
        report,
        &[
            "ok",
            "failed_at",
            "error",
            "incident",
            "webhook_ack_ms",
            "page_to_card_ms",
            "triage",
            "run",
            "approvals",
            "refused_approvals",
            "target",
            "pir_path",
            "journal",
            "duration_ms",
        ],
    );
    assert_eq!(report["ok"], true, "{report}");
    assert_eq!((&report["failed_at"], &report["error"]), (&Value::Null, &Value::Null));

    let incident = &report["incident"];
    assert_keys(incident, &["id", "severity", "status", "opened_at", "resolved_at"]);
    assert_eq!((text(incident, "/id"), text(incident, "/severity")), ("INC-1", "P1"));
    assert_eq!(text(incident, "/status"), "resolved");
    assert_time(incident, "/opened_at");
    assert_time(incident, "/resolved_at");
    assert!(text(incident, "/opened_at") < text(incident, "/resolved_at"), "{incident}");

    for field in ["/webhook_ack_ms", "/page_to_card_ms", "/duration_ms"] {
        assert!(number(report, field) >= 0, "{field}: {report}");
    }
    let triage = &report["triage"];
    let (commands, passed) = (number(triage, "/commands"), number(triage, "/passed"));
    assert!(commands > 0 && passed > 0 && number(triage, "/ask") >= 0, "{triage}");
    assert!(number(triage, "/failed") > 0, "the bad version must show in the diagnostics: {triage}");

    let run = &report["run"];
    assert_eq!(text(run, "/status"), "succeeded");
    assert!(text(run, "/id").parse::<uuid::Uuid>().is_ok(), "{run}");
    let fingerprint = text(run, "/fingerprint");
    assert!(fingerprint.len() == 64 && fingerprint.bytes().all(|b| b.is_ascii_hexdigit()), "{fingerprint}");
    let steps = run["steps"].as_array().unwrap();
    assert!(steps.len() >= 2, "{run}");
    let mut judged = 0;
    for step in steps {
        assert_keys(step, &["id", "title", "status", "expectations"]);
        assert!(matches!(text(step, "/status"), "passed" | "manual"), "{step}");
        for expectation in step["expectations"].as_array().unwrap() {
            assert!(!text(expectation, "/text").is_empty(), "{expectation}");
            assert_eq!(text(expectation, "/outcome"), "pass", "{expectation}");
            judged += 1;
        }
    }
    assert!(judged >= 6, "{run}");
    assert!(run.to_string().contains("rolled back"), "the rollback itself is judged: {run}");

    assert_eq!(report["approvals"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(text(report, "/approvals/0/by"), "ben");
    assert_time(report, "/approvals/0/at");
    assert_eq!(report["refused_approvals"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(text(report, "/refused_approvals/0/by"), "ana");
    assert!(text(report, "/refused_approvals/0/reason").contains("another person"), "{report}");

    assert_eq!((text(report, "/target/before"), text(report, "/target/after")), ("v1.2", "v1.1"));
    assert_eq!(report["journal"]["verified"], true);

    // What the report says is what the journal holds.
    let verified = played.blocks(&["journal", "verify"]).await;
    assert!(number(&verified, "/events") >= number(report, "/journal/events"), "{verified} {report}");
    assert_eq!(verified["verified"], true);
    let shown = played.blocks(&["incident", "show", "INC-1"]).await;
    assert_eq!(shown["opened_at"], incident["opened_at"]);

    let path = Path::new(text(report, "/pir_path"));
    let review = std::fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    assert!(name.starts_with("PIR_") && name.ends_with("_INC-1.md"), "{name}");
    for said in ["INC-1", "P1", "ana", "ben", "flowengine", "v1.2"] {
        assert!(review.contains(said), "the review does not mention {said}:\n{review}");
    }
    // Every mark is an event that the journal really has.
    let timeline = shown["timeline"].as_array().unwrap();
    let events: BTreeSet<_> =
        timeline.iter().map(|entry| (text(entry, "/stream").to_owned(), number(entry, "/seq"))).collect();
    let streams = legend(&review);
    assert!(streams.contains_key("e") && streams.contains_key("r1."), "{streams:?}");
    let cited: Vec<_> = citations(&review);
    assert!(cited.len() >= 30, "the review cites {} events:\n{review}", cited.len());
    for (prefix, seq) in cited {
        let stream =
            streams.get(&prefix).unwrap_or_else(|| panic!("[{prefix}{seq}] is of no stream: {streams:?}"));
        assert!(events.contains(&(stream.clone(), seq)), "[{prefix}{seq}] names no event of {stream}");
    }
}

/// What each mark's letters stand for: "- `r1.` is `run/...`".
fn legend(review: &str) -> BTreeMap<String, String> {
    let lines =
        review.lines().filter_map(|line| line.strip_prefix("- `")?.strip_suffix('`')?.split_once("` is `"));
    lines.map(|(prefix, stream)| (prefix.to_owned(), stream.to_owned())).collect()
}

/// The marks `[e5]` and `[r2.11]`, split into letters and number.
fn citations(review: &str) -> Vec<(String, i64)> {
    let marks = review.split('[').skip(1).filter_map(|part| {
        let (mark, after) = part.split_once(']')?;
        let digits = mark.len() - mark.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let (prefix, number) = mark.split_at(mark.len() - digits);
        let is_mark = !after.starts_with(['(', '`'])
            && (prefix == "e" || (prefix.starts_with('r') && prefix.ends_with('.')));
        is_mark.then(|| Some((prefix.to_owned(), number.parse().ok()?)))?
    });
    marks.collect()
}

#[tokio::test]
async fn without_json_the_story_goes_to_stderr_and_only_the_review_to_stdout() {
    let folder = tempfile::tempdir().unwrap();
    let environment = base_environment(None, folder.path());
    let dir = folder.path().join("played").display().to_string();
    let finished = run_in(&blocks(), &["demo", "--dir", &dir], &environment, folder.path()).await;
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(Path::new(finished.stdout.trim_end()).is_file(), "{finished:?}");
    for said in ["PagerDuty pages", "refused", "rolled back", "What to try next", "journal verifies"] {
        assert!(finished.stderr.contains(said), "{said}: {}", finished.stderr);
    }
    assert!(!finished.stderr.contains('\u{1b}'), "a pipe gets plain lines: {:?}", finished.stderr);

    let again = run_in(&blocks(), &["demo", "--dir", &dir], &environment, folder.path()).await;
    assert_eq!(again.code, 2, "a folder is played in once: {again:?}");
}

#[tokio::test]
async fn hands_on_everything_stands_until_it_is_told_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let environment = base_environment(None, folder.path());
    let dir = folder.path().join("played").display().to_string();
    let arguments = ["demo", "--hands-on", "-o", "json", "--dir", &dir];
    let log = folder.path().join("demo.log");
    let mut demo = Process::start(&blocks(), &arguments, &environment, &log, true).await;
    let said: Value = serde_json::from_str(&demo.first_line).unwrap();
    let client = blocks_tests::client();
    let answer = client.get(text(&said, "/page")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.unwrap().contains("\u{2713} Blocks"), "the server is connected");
    assert!(Path::new(&text(&said, "/config")).is_file());
    assert_eq!(demo.end().await, 0, "{:?}", std::fs::read_to_string(&log));
}

#[tokio::test]
async fn a_wrong_signature_stops_the_demo_at_the_page() {
    let played = broken("bad-signature", "page").await;
    assert_eq!(played.inbox_rows(), 0, "nothing unproven is stored");
    assert_eq!(played.report["incident"], Value::Null);
    let listed = played.blocks(&["incident", "list", "--all"]).await;
    assert_eq!(listed["incidents"], serde_json::json!([]));
}

#[tokio::test]
async fn a_lost_webhook_stops_the_demo_at_the_page() {
    let played = broken("webhook-lost", "page").await;
    assert_eq!(played.inbox_rows(), 0);
    assert_eq!(played.report["incident"], Value::Null);
    assert!(text(&played.report, "/error").contains("never arrived"), "{}", played.report);
}

#[tokio::test]
async fn a_silent_slack_stops_the_demo_at_the_card_and_nothing_else() {
    let played = broken("slack-down", "card").await;
    assert_eq!(text(&played.report, "/incident/id"), "INC-1", "the incident is open all the same");
    assert!(number(&played.report, "/triage/commands") > 0, "diagnostics go on: {}", played.report);
    assert_eq!(played.report["run"], Value::Null);
    assert_eq!(played.report["page_to_card_ms"], Value::Null);
}

#[tokio::test]
async fn the_same_person_cannot_approve_and_nothing_is_rolled_back() {
    let played = broken("same-person-approves", "approval").await;
    let report = &played.report;
    assert_eq!(report["approvals"], serde_json::json!([]));
    assert!(report["refused_approvals"].as_array().unwrap().len() >= 2, "{report}");
    assert_eq!(text(report, "/run/status"), "waiting_for_approval");
    assert_eq!((text(report, "/target/before"), text(report, "/target/after")), ("v1.2", "v1.2"));
    let events = played.rollback_events().await;
    assert!(!events.is_empty() && !events.iter().any(|kind| kind.contains("command")), "{events:?}");
}

#[tokio::test]
async fn a_target_that_stays_bad_fails_the_rollback() {
    let played = broken("target-stays-bad", "rollback").await;
    let report = &played.report;
    assert_eq!(text(report, "/run/status"), "failed");
    assert_eq!(text(report, "/target/after"), "v1.1", "the rollback itself happened");
    let missed = report["run"]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|step| step["expectations"].as_array().unwrap());
    assert!(missed.clone().any(|one| one["outcome"] == "fail"), "{report}");
    assert_ne!(text(report, "/incident/status"), "resolved");
    assert_eq!(report["incident"]["resolved_at"], Value::Null);
}

#[tokio::test]
async fn a_wrong_expectation_fails_the_rollback() {
    let played = broken("expectation-wrong", "rollback").await;
    let report = &played.report;
    assert_eq!(text(report, "/run/status"), "failed");
    assert!(text(report, "/error").contains("certainly"), "the error names the expectation: {report}");
    assert_ne!(text(report, "/incident/status"), "resolved");
}

/// A `kubectl` that leaves a trace, first on the caller's PATH, with a cluster configuration beside it.
fn decoy(folder: &Path, environment: &mut BTreeMap<String, String>) {
    let bin = folder.join("decoy");
    std::fs::create_dir(&bin).unwrap();
    let trace = folder.join("decoy-was-called");
    let program = bin.join("kubectl");
    std::fs::write(&program, format!("#!/bin/sh\necho \"$@\" >> '{}'\n", trace.display())).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), environment["PATH"]);
    environment.insert("PATH".to_owned(), path);
    environment.insert("KUBECONFIG".to_owned(), folder.join("real-cluster").display().to_string());
}

#[tokio::test]
async fn a_decoy_kubectl_of_the_caller_is_never_called() {
    let mut used = BTreeMap::new();
    let played = play(&[], |folder, environment| {
        decoy(folder, environment);
        used.clone_from(environment);
    })
    .await;
    assert_eq!(played.report["ok"], true, "{}", played.report);
    let trace = played.folder.path().join("decoy-was-called");
    assert!(!trace.exists(), "the caller's kubectl was called: {:?}", std::fs::read_to_string(&trace));
    // The trap itself works.
    let sprung = run_in(Path::new("/bin/sh"), &["-c", "kubectl get pods"], &used, played.folder.path()).await;
    assert!(sprung.code == 0 && trace.exists(), "{sprung:?}");
}

/// The environment of a process of the demo that was started with these words.
fn environment_of(dir: &Path, word: &str) -> Option<BTreeMap<String, String>> {
    let dir = dir.display().to_string();
    std::fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let line = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
        let words: Vec<_> = line.split('\0').collect();
        let is_it = words.get(1) == Some(&word) && words.iter().any(|argument| argument.starts_with(&dir));
        let environment = is_it.then(|| std::fs::read_to_string(entry.path().join("environ")).ok())??;
        let pairs = environment.split('\0').filter_map(|pair| pair.split_once('='));
        Some(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    })
}

#[tokio::test]
async fn no_secret_reaches_a_file_of_the_demo() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().canonicalize().unwrap().join("played");
    let shown = dir.display().to_string();
    let mut caller = base_environment(None, folder.path());
    caller.insert("SLACK_BOT_TOKEN".to_owned(), "xoxb-the-callers-own-token".to_owned());
    caller.insert("AWS_SECRET_ACCESS_KEY".to_owned(), "the-callers-cloud-key".to_owned());
    let program = blocks();
    let arguments = ["demo", "-o", "json", "--dir", &shown];
    let playing = run_in(&program, &arguments, &caller, folder.path());
    let looking = until("the server of the demo runs", async || environment_of(&dir, "serve"));
    let (finished, server) = tokio::join!(playing, looking);
    assert_eq!(finished.json()["ok"], true, "{finished:?}");

    let is_secret =
        |name: &str| ["TOKEN", "SECRET", "KEY", "PASSWORD"].iter().any(|word| name.contains(word));
    let mut secrets: Vec<String> =
        server.iter().filter(|(name, _)| is_secret(name)).map(|(_, value)| value.clone()).collect();
    assert_eq!(secrets.len(), 6, "the demo's own secrets, none of the caller's: {:?}", server.keys());
    let callers = ["xoxb-the-callers-own-token", "the-callers-cloud-key"];
    assert!(
        !secrets.iter().any(|secret| callers.contains(&secret.as_str())),
        "the caller's secrets were handed on"
    );
    secrets.extend(callers.map(str::to_owned));
    // Each address of an answer in Slack is a bearer secret too.
    secrets.push("/slack/response/".to_owned());
    let files = files_below(&dir);
    assert!(files.iter().any(|path| path.ends_with("server.log")), "{files:?}");
    assert!(files.iter().any(|path| path.ends_with("blocks.db")), "{files:?}");
    for path in files {
        // what was there for a moment only, such as a supervisor's socket, is gone by now
        let Ok(bytes) = std::fs::read(&path) else { continue };
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "a secret ({}...) is in {}", &secret[..6], path.display());
        }
    }
    assert!(
        secrets.iter().all(|secret| !finished.stdout.contains(secret) && !finished.stderr.contains(secret))
    );
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files.extend(files_below(&entry.path()));
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    files
}
