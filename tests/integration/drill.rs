//! `blocks drill run`: led to its end by two people in the sandbox's workspace, and left alone.

use std::path::{Path, PathBuf};

use blocks_tests::{Finished, base_environment, blocks, client, rollback_of, run_in, until};
use serde_json::{Value, json};

/// A drill in a folder of its own.
async fn drill(folder: &Path, more: &[&str]) -> Finished {
    let dir = folder.join("played").display().to_string();
    let mut words = vec!["drill", "run", "-o", "json", "--dir", &dir];
    words.extend(more);
    run_in(&blocks(), &words, &base_environment(None, folder), folder).await
}

/// Those who lead it, with what anybody has before a browser and a shell.
struct Team {
    dir: PathBuf,
    folder: PathBuf,
    sandbox: String,
}

impl Team {
    /// They come when there is a card.
    async fn called(folder: &Path) -> Team {
        let dir = folder.join("played");
        let sandbox = until("the drill's configuration", async || {
            let config = std::fs::read_to_string(dir.join("blocks.toml")).ok()?;
            let config: toml::Table = config.parse().ok()?;
            let api = config["slack"]["api_url"].as_str()?;
            Some(api.trim_end_matches("/slack/api").to_owned())
        })
        .await;
        let team = Team { dir, folder: folder.to_owned(), sandbox };
        team.incident_when("its channel", |shown| !shown["channel"].is_null()).await;
        team
    }

    async fn incident_when(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let config = self.dir.join("blocks.toml").display().to_string();
        let words = ["incident", "show", "INC-1", "-o", "json", "--config", &config];
        let environment = base_environment(None, &self.folder);
        until(what, async || {
            let shown = run_in(&blocks(), &words, &environment, &self.folder).await;
            (shown.code == 0).then(|| shown.json()).filter(&fits)
        })
        .await
    }

    /// Somebody types in the incident's channel.
    async fn types(&self, user: &str, line: &str) {
        let shown = self.incident_when("its channel", |shown| !shown["channel"].is_null()).await;
        let body = json!({ "user": user, "channel": shown["channel"], "text": line });
        let answer =
            client().post(format!("{}/control/slack/command", self.sandbox)).json(&body).send().await;
        assert_eq!(answer.unwrap().json::<Value>().await.unwrap()["http_status"], 200, "{line}");
    }

    async fn lead(&self) {
        for line in ["ack", "role communications me", "role scribe @ben", "runbook rollback flowengine"] {
            self.types("U0ANA", line).await;
        }
        let waits = |shown: &Value| rollback_of(shown)["status"] == "waiting_for_approval";
        let shown = self.incident_when("a plan that waits", waits).await;
        let code = rollback_of(&shown)["code"].as_str().unwrap_or_default().to_owned();
        self.types("U0BEN", &format!("runbook approve --fingerprint {code}")).await;
        self.incident_when("the impact to stop", |shown| shown["status"] == "monitoring").await;
        self.types("U0ANA", "update \"it is rolled back\"").await;
        self.types("U0ANA", "resolve").await;
    }
}

fn missed(report: &Value) -> Vec<&str> {
    let points = report["points"].as_array().unwrap_or_else(|| panic!("no points: {report}"));
    points.iter().filter(|one| one["met"] != true).map(|one| one["id"].as_str().unwrap_or("?")).collect()
}

#[tokio::test]
async fn a_drill_that_is_led_to_its_end_is_scored() {
    let folder = tempfile::tempdir().unwrap();
    let team = async { Team::called(folder.path()).await.lead().await };
    let (finished, ()) = tokio::join!(drill(folder.path(), &[]), team);
    assert_eq!(finished.code, 0, "{finished:?}");
    let report = finished.json();
    assert_eq!((&report["incident"], &report["end"]), (&json!("INC-1"), &json!("played")), "{report}");
    assert_eq!(missed(&report), Vec::<&str>::new(), "{report}");
    assert_eq!((&report["met"], &report["of"]), (&json!(8), &json!(8)), "{report}");
    // each point names what is on the timeline
    let config = folder.path().join("played/blocks.toml").display().to_string();
    let words = ["incident", "show", "INC-1", "-o", "json", "--config", &config];
    let shown = run_in(&blocks(), &words, &base_environment(None, folder.path()), folder.path()).await.json();
    let of_incident = |seq: &Value, kind: &str| {
        shown["timeline"].as_array().into_iter().flatten().any(|one| {
            one["seq"] == *seq
                && one["event"]["type"] == kind
                && one["stream"].to_string().contains("incident")
        })
    };
    let types = [
        ("acknowledged", "acknowledged"),
        ("commander", "commander_taken"),
        ("communications", "role_given"),
        ("scribe", "role_given"),
        ("mitigated", "mitigated"),
        ("proven", "run_ended"),
        ("updates", "update_given"),
        ("resolved", "resolved"),
    ];
    for (id, kind) in types {
        let point = report["points"].as_array().into_iter().flatten().find(|one| one["id"] == id);
        let point = point.unwrap_or_else(|| panic!("{id} is no point: {report}"));
        assert!(of_incident(&point["event"], kind), "{id}: {point} is no {kind} of {shown}");
    }
}

#[tokio::test]
async fn a_drill_that_nobody_leads_ends_by_its_limit_and_has_missed_what_is_due() {
    let folder = tempfile::tempdir().unwrap();
    let finished = drill(folder.path(), &["--limit", "1s"]).await;
    assert_eq!(finished.code, 1, "{finished:?}");
    let report = finished.json();
    assert_eq!(report["end"], "time_up", "{report}");
    // news are due in half an hour
    let due = ["acknowledged", "commander", "communications", "scribe", "mitigated", "proven", "resolved"];
    assert_eq!(missed(&report), due, "{report}");
    assert!(finished.stderr.contains("Lead it at http://127.0.0.1:"), "{finished:?}");
}
