//! What is measured and what it is compared with, each a process of its own in a fresh folder.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::time::Instant;

use super::ledger::Ledger;
use super::standin::EVIDENCE;
use crate::bench::process::Process;
use crate::bench::servers::{SECRET, environment, free_address, status};
use crate::exit::Stop;

/// How long a server may take to answer, and between two looks.
const START: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(5);

/// The token of whoever sends alerts.
pub(super) const ALERTS_TOKEN: &str = "bench-alerts-token";
/// Where Blocks takes pages.
pub(super) const PAGES: &str = "/hooks/pagerduty";

/// A server that answers.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) process: Process,
    folder: TempDir,
}

/// How a server is started: its program and words.
struct Start {
    name: &'static str,
    program: PathBuf,
    words: Vec<String>,
    /// What its health must be; anything will do when absent.
    health: Option<u16>,
}

impl Server {
    async fn start(make: impl FnOnce(&Path, SocketAddr) -> Result<Start, Stop>) -> Result<Server, Stop> {
        let folder = tempfile::Builder::new().prefix("blocks-bench-").tempdir().map_err(Stop::failed)?;
        let address = free_address().await?;
        let Start { name, program, words, health } = make(folder.path(), address)?;
        let log = folder.path().join("log");
        let mut environment = environment(folder.path());
        for (name, value) in [
            ("SLACK_BOT_TOKEN", "xoxb-bench"),
            ("SLACK_SIGNING_SECRET", "bench-signing-secret"),
            ("BLOCKS_ALERTS_TOKEN", ALERTS_TOKEN),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
        let mut process = Process::start(name, &program, &words, &environment, &log)?;
        let began = Instant::now();
        loop {
            match (status(address, "/health").await, health) {
                (Some(said), Some(wanted)) if said == wanted => break,
                (Some(_), None) => break,
                _ => {}
            }
            if let Some(status) = process.has_ended() {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                return Err(Stop::failed(format!("{name} ended with {status}: {}", said.trim())));
            }
            if began.elapsed() > START {
                return Err(Stop::failed(format!("{name} does not answer on {address}")));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(Server { address, process, folder })
    }

    /// Where commands say that they have begun.
    pub(super) fn stamps(&self) -> PathBuf {
        stamps(self.folder.path())
    }

    /// The store of Blocks.
    pub(super) fn ledger(&self) -> Ledger {
        Ledger::of(self.folder.path().join("data/blocks.db"))
    }

    /// The bare server that runs a command for each hook, as many at once as it does by itself.
    pub(super) async fn floor(floor: &Path) -> Result<Server, Stop> {
        Server::start(|folder, address| {
            let stamp = stamping_script(folder)?;
            let words = [
                "serve",
                "--mode",
                "sqlite+run",
                "--port",
                &address.port().to_string(),
                "--data",
                &folder.join("data").display().to_string(),
                "--bin",
                &stamp.display().to_string(),
                "--mark",
                &stamps(folder).display().to_string(),
            ];
            Ok(Start {
                name: "the floor",
                program: floor.to_owned(),
                words: words.map(str::to_owned).to_vec(),
                health: None,
            })
        })
        .await
    }

    /// Debian's `webhook`: the signature is checked by its rules, and a command run.
    pub(super) async fn webhook(program: &Path) -> Result<Server, Stop> {
        Server::start(|folder, address| {
            let stamp = stamping_script(folder)?;
            let hooks = json!([{
                "id": "hook", "execute-command": stamp,
                "pass-arguments-to-command": [
                    { "source": "string", "name": stamps(folder) }, { "source": "payload", "name": "event.id" },
                ],
                "trigger-rule-mismatch-http-response-code": 403,
                "trigger-rule": { "match": {
                    "type": "payload-hmac-sha256", "secret": SECRET,
                    "parameter": { "source": "header", "name": "X-Hub-Signature-256" },
                } },
            }]);
            let file = folder.join("hooks.json");
            std::fs::write(&file, hooks.to_string()).map_err(Stop::failed)?;
            let words = ["-hooks", &file.display().to_string(), "-ip", "127.0.0.1", "-port", &address.port().to_string()];
            Ok(Start { name: "webhook", program: program.to_owned(), words: words.map(str::to_owned).to_vec(), health: None })
        })
        .await
    }

    /// Alertmanager, which tells of each alert at once and by itself.
    pub(super) async fn alertmanager(program: &Path, receiver: &str) -> Result<Server, Stop> {
        Server::start(|folder, address| {
            // JSON is YAML
            let config = json!({
                "route": { "receiver": "bench", "group_by": ["id"], "group_wait": "0s", "group_interval": "5m", "repeat_interval": "4h" },
                "receivers": [{ "name": "bench", "webhook_configs": [{ "url": receiver, "send_resolved": false }] }],
            });
            let file = folder.join("alertmanager.yml");
            std::fs::write(&file, config.to_string()).map_err(Stop::failed)?;
            let words = [
                format!("--config.file={}", file.display()),
                format!("--storage.path={}", folder.join("data").display()),
                format!("--web.listen-address={address}"),
                "--cluster.listen-address=".to_owned(),
            ];
            let program = super::peers::startable(program, folder)?;
            Ok(Start { name: "alertmanager", program, words: words.to_vec(), health: None })
        })
        .await
    }

    /// Blocks as it is installed.
    pub(super) async fn blocks(setup: &Setup<'_>) -> Result<Server, Stop> {
        Server::start(|folder, address| {
            let runbooks = folder.join("runbooks");
            std::fs::create_dir_all(&runbooks).map_err(Stop::failed)?;
            let text = look(&stamps(folder), setup.commands);
            std::fs::write(runbooks.join("look.md"), text).map_err(Stop::failed)?;
            let file = folder.join("blocks.toml");
            std::fs::write(&file, setup.config(address)).map_err(Stop::failed)?;
            let words = ["serve".to_owned(), "--config".to_owned(), file.display().to_string()];
            let program = std::env::current_exe().map_err(Stop::failed)?;
            Ok(Start { name: "blocks serve", program, words: words.to_vec(), health: Some(200) })
        })
        .await
    }
}

fn stamps(folder: &Path) -> PathBuf {
    folder.join("stamps")
}

/// What bash does for each page outside of Blocks: the same line.
pub(super) fn stamping_script(folder: &Path) -> Result<PathBuf, Stop> {
    let file = folder.join("stamp");
    let text = "#!/bin/bash\necho \"$2 $EPOCHREALTIME\" >> \"$1\"\n";
    std::fs::write(&file, text).map_err(Stop::failed)?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).map_err(Stop::failed)?;
    Ok(file)
}

/// How Blocks is set up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Setup<'a> {
    /// So many services, each with a channel and a target of its own.
    pub(super) services: usize,
    /// Stands for Slack; without it there is no chat.
    pub(super) slack: Option<&'a str>,
    /// Stands for PagerDuty; without it there is none.
    pub(super) pager: Option<&'a str>,
    /// Commands of the diagnostics behind the one that says that they have begun; without any they are not shared.
    pub(super) commands: usize,
    /// Alerts come: each is an incident of its own.
    pub(super) alerts: bool,
}

/// PagerDuty's id of a service.
pub(super) fn service_id(number: usize) -> String {
    format!("PSERV{number:04}")
}

/// Our name of a service.
pub(super) fn service_name(number: usize) -> String {
    format!("service-{number:04}")
}

impl Setup<'_> {
    fn config(&self, address: SocketAddr) -> String {
        let mut text = format!(
            "[server]\nlisten = \"{address}\"\n[store]\nurl = \"sqlite:data/blocks.db\"\n[runbooks]\npaths = [\"runbooks\"]\n"
        );
        match self.slack {
            Some(url) => {
                // a service's incidents are led in its channel: Slack lets few channels be opened in a minute
                let _ = write!(
                    text,
                    "[slack]\nmode = \"http\"\napi_url = \"{url}/slack/api\"\nchannel_per_incident = []\n"
                );
            }
            None => text.push_str("[slack]\nmode = \"off\"\n"),
        }
        if let Some(url) = self.pager {
            let _ = write!(
                text,
                "[pagerduty]\nmode = \"webhook\"\napi_url = \"{url}\"\nfrom = \"bench@example.com\"\ndiagnostics = false\n"
            );
        }
        if self.commands == 0 {
            text.push_str("[triage]\nshare_s = 0\nper_target = 100\nbudget_s = 3600\n");
        }
        if self.alerts {
            text.push_str(
                "[alerts]\nstorm_window = \"0 s\"\n[[alerts.json]]\nname = \"bench\"\nalerts = \"/alerts\"\nfingerprint = \"/id\"\n\
                 status = \"/status\"\ntitle = \"/title\"\nservice = \"/service\"\nseverity = \"/severity\"\n",
            );
        }
        for number in 0..self.services {
            let (name, id) = (service_name(number), service_id(number));
            let _ = write!(text, "[[service]]\nname = \"{name}\"\nchannel = \"c{number:04}\"\n");
            if self.pager.is_some() {
                let _ = write!(text, "pagerduty_id = \"{id}\"\ntriage = \"look\"\n");
            }
        }
        text
    }
}

/// The diagnostics.
fn look(stamps: &Path, commands: usize) -> String {
    let mut text = format!(
        "---\ntitle: First look\nkind: triage\n---\n# First look\n\n## Begin\n\n```bash {{effect=read}}\necho \"$BLOCKS_INCIDENT $EPOCHREALTIME\" >> \"{}\"\n```\n",
        stamps.display()
    );
    for number in 1..=commands {
        let _ = write!(
            text,
            "\n## {EVIDENCE} {number}\n\n```bash {{effect=read}}\n# {EVIDENCE} {number}\ntest -r /proc/loadavg && echo readable\n# Expected: readable\n```\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configurations_read_and_have_what_they_measure() {
        let pages = Setup {
            services: 3,
            slack: Some("http://127.0.0.1:1"),
            pager: Some("http://127.0.0.1:2"),
            commands: 2,
            alerts: false,
        };
        let alerts = Setup { services: 2, pager: None, commands: 0, alerts: true, ..pages };
        for setup in [pages, alerts] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir(folder.path().join("runbooks")).unwrap();
            std::fs::write(
                folder.path().join("runbooks/look.md"),
                look(&stamps(folder.path()), setup.commands),
            )
            .unwrap();
            let file = folder.path().join("blocks.toml");
            std::fs::write(&file, setup.config(([127, 0, 0, 1], 1).into())).unwrap();
            let settings = crate::config::Config::load(Some(&file)).unwrap().settings;
            assert_eq!(settings.services.len(), setup.services);
            assert_eq!(settings.services[1].channel.as_deref(), Some("c0001"));
            assert_eq!(settings.services[1].triage.is_some(), setup.pager.is_some());
            assert_eq!(settings.triage.share_s == 0, setup.commands == 0, "each page is looked at by itself");
            assert_eq!(settings.alerts.storm.is_zero(), setup.alerts, "each alert is an incident of its own");
        }
    }

    #[test]
    fn the_diagnostics_stamp_first_and_then_find_something() {
        let text = look(Path::new("/tmp/stamps"), 3);
        assert_eq!(text.matches("```bash {effect=read}").count(), 4);
        assert!(text.find("EPOCHREALTIME").unwrap() < text.find(EVIDENCE).unwrap());
        assert!(!look(Path::new("/tmp/stamps"), 0).contains(EVIDENCE));
    }
}
