//! The demo's world: a fresh folder, fresh secrets, the sandbox, and the server configured for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use blocks_exec::find_program;
use blocks_server::EngineInfo;
use serde_json::json;

use super::clients::Control;
use super::processes::Process;
use super::story::Story;
use crate::args::Fault;
use crate::commands::sandbox::fresh_dir;
use crate::exit::Stop;
use crate::random::hex_secret;

/// How long the server may take to listen.
const START: Duration = Duration::from_secs(15);
/// The runbook whose expectation `--break expectation-wrong` changes.
const ROLLBACK: &str = "rollback_to_previous_version";

/// Everything that the demo started.
pub(crate) struct World {
    pub(crate) dir: PathBuf,
    pub(crate) program: PathBuf,
    pub(crate) control: Control,
    url: String,
    sandbox: Process,
    server: Process,
}

impl World {
    /// Builds it.
    pub(crate) async fn build(
        dir: Option<&Path>,
        fault: Option<Fault>,
        story: &mut Story,
    ) -> Result<World, Stop> {
        let program = std::env::current_exe().map_err(Stop::failed)?;
        let dir = match dir {
            Some(dir) => {
                std::fs::create_dir_all(dir).map_err(Stop::failed)?;
                std::fs::canonicalize(dir).map_err(Stop::failed)?
            }
            None => fresh_dir("blocks-demo")?,
        };
        if dir.join("blocks.toml").exists() {
            return Err(Stop::usage(format!(
                "{} has been played in already\nhint: name a fresh folder with --dir, or leave it out",
                dir.display()
            )));
        }
        let secrets = secrets()?;
        let mut environment = base_environment(&dir);
        environment.extend(secrets);
        let sandbox_dir = dir.join("sandbox").display().to_string();
        let mut sandbox = Process::start(
            "the sandbox",
            &program,
            &["sandbox", "--end-with-stdin", "-o", "json", "--dir", &sandbox_dir],
            &environment,
            &dir.join("sandbox.log"),
        )?;
        let line = sandbox.first_line().await?;
        let said: serde_json::Value = serde_json::from_str(&line)
            .map_err(|_| Stop::failed(format!("the sandbox said something unexpected: {line}")))?;
        let (url, target) = (text(&said["url"]), text(&said["target"]));
        let (bin, home) = (text(&said["bin"]), text(&said["home"]));
        story.tell(&format!(
            "the sandbox stands: a Slack workspace, a PagerDuty account, and the service flowengine on v1.1; its page is {url}/"
        ));

        environment.insert("PATH".to_owned(), server_path(&bin));
        environment.insert("HOME".to_owned(), home);
        environment.insert("KUBECONFIG".to_owned(), "/dev/null".to_owned());
        check_kubectl(&bin, &environment, &program).await?;
        write_config(&dir, (&url, &target), &text(&said["smtp"]))?;
        if fault == Some(Fault::ExpectationWrong) {
            write_wrong_runbook(&dir)?;
        }
        let config = dir.join("blocks.toml").display().to_string();
        let mut server = Process::start(
            "the server",
            &program,
            &["serve", "--end-with-stdin", "--config", &config],
            &environment,
            &dir.join("server.log"),
        )?;
        let address = wait_for_server(&dir, &mut server).await?;
        let control = Control::new(&url, &target)?;
        control.post("blocks-url", json!({ "url": format!("http://{address}") })).await?;
        story.tell(&format!(
            "blocks serve listens on {address}; its journal is {}",
            dir.join("data/blocks.db").display()
        ));
        Ok(World { dir, program, control, url, sandbox, server })
    }

    /// Where a browser shows it.
    pub(crate) fn page(&self) -> String {
        format!("{}/", self.url)
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.dir.join("blocks.toml")
    }

    /// Whether the server is gone, and how.
    pub(crate) fn server_end(&mut self) -> Option<String> {
        self.server.has_ended()
    }

    /// Ends both processes.
    pub(crate) async fn end(&mut self) -> Result<(), Stop> {
        let server = self.server.end().await;
        let sandbox = self.sandbox.end().await;
        server.and(sandbox)
    }
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Secrets of this one demo, known to nobody else.
fn secrets() -> Result<Vec<(String, String)>, Stop> {
    [
        ("SLACK_BOT_TOKEN", "xoxb-"),
        ("SLACK_SIGNING_SECRET", ""),
        ("PAGERDUTY_WEBHOOK_SECRET", ""),
        ("PAGERDUTY_API_TOKEN", "pd-"),
        ("SMTP_PASSWORD", "mail-"),
        ("STATUSPAGE_API_KEY", "page-"),
    ]
    .into_iter()
    .map(|(name, prefix)| Ok((name.to_owned(), format!("{prefix}{}", hex_secret(24)?))))
    .collect()
}

/// From nothing: the caller's tokens, proxies and cluster settings never reach the demo's processes.
fn base_environment(dir: &Path) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::new();
    environment.insert("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned());
    environment.insert("HOME".to_owned(), dir.display().to_string());
    environment.insert("LANG".to_owned(), "C.UTF-8".to_owned());
    environment.insert("TZ".to_owned(), "UTC".to_owned());
    if let Ok(filter) = std::env::var("RUST_LOG") {
        environment.insert("RUST_LOG".to_owned(), filter);
    }
    environment
}

/// The private folder first, then the system's own; bash and curl wherever the caller has them.
fn server_path(bin: &str) -> String {
    let caller = std::env::var_os("PATH").unwrap_or_default();
    let mut parts =
        vec![bin.to_owned(), "/usr/local/bin".to_owned(), "/usr/bin".to_owned(), "/bin".to_owned()];
    for name in ["bash", "curl"] {
        let folder = find_program(name, &caller).and_then(|path| path.parent().map(Path::to_path_buf));
        if let Some(folder) = folder.map(|folder| folder.display().to_string())
            && !parts.contains(&folder)
        {
            parts.push(folder);
        }
    }
    parts.join(":")
}

/// Nothing runs before it is certain that `kubectl` is the sandbox's: a demo must never reach a real cluster.
#[expect(clippy::disallowed_methods, reason = "asks bash which kubectl it would run, before anything runs")]
async fn check_kubectl(
    bin: &str,
    environment: &BTreeMap<String, String>,
    program: &Path,
) -> Result<(), Stop> {
    let path = std::ffi::OsString::from(environment.get("PATH").cloned().unwrap_or_default());
    let bash = find_program("bash", &path)
        .ok_or_else(|| Stop::failed("RB0006: bash is not on PATH\nhint: install bash"))?;
    let output = tokio::process::Command::new(bash)
        .args(["--noprofile", "--norc", "-c", "type -P kubectl"])
        .env_clear()
        .envs(environment)
        .output()
        .await
        .map_err(Stop::failed)?;
    let found = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let ours = Path::new(bin).join("kubectl");
    let is_ours = found == ours
        && std::fs::canonicalize(&found).ok() == std::fs::canonicalize(program).ok()
        && environment.get("KUBECONFIG").map(String::as_str) == Some("/dev/null");
    if is_ours {
        return Ok(());
    }
    Err(Stop::failed(format!(
        "kubectl would be {}, not the sandbox's {}: nothing was run\nhint: this guards real clusters; please report it",
        found.display(),
        ours.display()
    )))
}

fn write_config(dir: &Path, (url, target): (&str, &str), smtp: &str) -> Result<(), Stop> {
    let (mail_host, mail_port) =
        smtp.rsplit_once(':').ok_or_else(|| Stop::failed("the sandbox has no mail server"))?;
    let config = format!(
        r#"# Made by `blocks demo`. Everything here points at the sandbox on this machine.
[server]
listen = "127.0.0.1:0"
[store]
url = "sqlite:data/blocks.db"
[runbooks]
paths = ["runbooks"]
[slack]
mode = "http"
api_url = "{url}/slack/api"
[pagerduty]
mode = "webhook"
api_url = "{url}/pagerduty"
events_url = "{url}/events"
from = "ana@example.com"
[smtp]
host = "{mail_host}"
port = {mail_port}
from = "Blocks <updates@example.com>"
user = "blocks"
tls = "none"
[statuspage]
page_id = "pg0sandbox"
api_url = "{url}/statuspage"
components = {{ flowengine = "cmp0flowengine" }}
[updates]
to = ["team@example.com"]
public_to = ["customers@example.org"]
[[service]]
name = "flowengine"
pagerduty_id = "PFLOW01"
channel = "incidents"
severity = "P2"
triage = "flow_failure_response"
rollback = "{ROLLBACK}"
approvals = 1
params = {{ service_url = "{target}", settle_seconds = "6" }}
[[person]]
name = "ana"
slack_id = "U0ANA"
pagerduty_email = "ana@example.com"
roles = ["commander", "responder"]
[[person]]
name = "ben"
slack_id = "U0BEN"
pagerduty_email = "ben@example.com"
roles = ["responder"]
"#
    );
    std::fs::write(dir.join("blocks.toml"), config).map_err(Stop::failed)
}

/// The shipped rollback, but it waits for something that is not there.
fn write_wrong_runbook(dir: &Path) -> Result<(), Stop> {
    let shipped =
        runbooks::find(ROLLBACK).ok_or_else(|| Stop::failed("the rollback runbook is not embedded"))?;
    let wrong = shipped.replace("# Expected: stable: yes", "# Expected: stable: certainly");
    if wrong == shipped {
        return Err(Stop::failed("the shipped rollback no longer has the expectation that this breaks"));
    }
    let folder = dir.join("runbooks");
    std::fs::create_dir_all(&folder).map_err(Stop::failed)?;
    std::fs::write(folder.join(format!("{ROLLBACK}.md")), wrong).map_err(Stop::failed)
}

async fn wait_for_server(dir: &Path, server: &mut Process) -> Result<String, Stop> {
    let data = dir.join("data");
    let listening = async {
        loop {
            if let Some(address) = EngineInfo::find(&data).and_then(|info| info.address) {
                return Ok(address);
            }
            if let Some(status) = server.has_ended() {
                let log = std::fs::read_to_string(dir.join("server.log")).unwrap_or_default();
                let last = log.lines().last().unwrap_or_default().to_owned();
                return Err(Stop::failed(format!("the server ended with {status}: {last}")));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(START, listening).await.map_err(|_| {
        Stop::failed(format!("the server does not listen\nhint: see {}", dir.join("server.log").display()))
    })?
}
