//! The demo's hands and eyes: the sandbox's control API, and the program's own read commands.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::exit::Stop;

/// The sandbox's control API.
pub(crate) struct Control {
    url: String,
    target: String,
    http: reqwest::Client,
}

impl Control {
    pub(crate) fn new(url: &str, target: &str) -> Result<Control, Stop> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .no_proxy()
            .build()
            .map_err(Stop::failed)?;
        Ok(Control { url: url.to_owned(), target: target.to_owned(), http })
    }

    /// Moves one of the sandbox's hands.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Result<Value, Stop> {
        let failed = |error: reqwest::Error| Stop::failed(format!("the sandbox does not answer: {error}"));
        let url = format!("{}/control/{path}", self.url);
        let response = self.http.post(url).json(&body).send().await.map_err(failed)?;
        let status = response.status();
        let answer: Value = response.json().await.map_err(failed)?;
        if status.is_success() {
            Ok(answer)
        } else {
            Err(Stop::failed(format!("the sandbox refuses {path}: {status} {answer}")))
        }
    }

    /// Everything that the sandbox knows.
    pub(crate) async fn state(&self) -> Result<Value, Stop> {
        self.get(&format!("{}/control/state", self.url)).await
    }

    /// What the target service says of itself.
    pub(crate) async fn target_stats(&self) -> Result<Value, Stop> {
        self.get(&format!("{}/api/v1/stats", self.target)).await
    }

    /// The target's revisions.
    pub(crate) async fn target_rollouts(&self) -> Result<Value, Stop> {
        self.get(&format!("{}/api/v1/rollouts", self.target)).await
    }

    /// Every request that the target has had.
    pub(crate) async fn target_log(&self) -> Result<Value, Stop> {
        self.get(&format!("{}/_log", self.target)).await
    }

    async fn get(&self, url: &str) -> Result<Value, Stop> {
        let failed = |error: reqwest::Error| Stop::failed(format!("the sandbox does not answer: {error}"));
        self.http.get(url).send().await.map_err(failed)?.json().await.map_err(failed)
    }
}

/// Runs a read command of this program as anybody could, and returns its JSON.
#[expect(clippy::disallowed_methods, reason = "the demo starts its own binary")]
pub(crate) async fn blocks_json(program: &Path, config: &Path, words: &[&str]) -> Result<Value, Stop> {
    let output = tokio::process::Command::new(program)
        .args(words)
        .args(["-o", "json", "--config"])
        .arg(config)
        .output()
        .await
        .map_err(Stop::failed)?;
    let said: Option<Value> = serde_json::from_slice(&output.stdout).ok();
    // A refusal is a document too, and no answer.
    said.filter(|said| !(said["error"].is_string() && said["code"].is_string())).ok_or_else(|| {
        Stop::failed(format!(
            "blocks {}: {}",
            words.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        ))
    })
}
