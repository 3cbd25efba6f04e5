//! An Alertmanager that tells one receiver at once.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::find::ALERTMANAGER;
use super::server::{Home, Server, free_port};
use super::{Outcome, TRIES};
use crate::app::client;
use crate::until_or_show;

/// Whom it tells.
#[derive(Debug, Clone)]
pub struct AlertmanagerConfig {
    /// The receiver's address.
    pub receiver: String,
    /// The bearer token that it shows there.
    pub token: String,
}

/// A server of its own; ended when dropped.
#[derive(Debug)]
pub struct Alertmanager {
    /// Declared before its folder: it ends before its folder goes.
    _server: Server,
    /// Kept: it goes when the server does.
    home: Home,
    address: String,
}

impl Alertmanager {
    /// Starts it, as another user when the test is root's.
    ///
    /// # Panics
    /// When a program that is there does not start.
    pub async fn start(config: &AlertmanagerConfig) -> Outcome<Alertmanager> {
        let home = match Home::new(&ALERTMANAGER) {
            Ok(home) => home,
            Err(why) => return Outcome::NotHere(why),
        };
        // its own, so that another server at the same port is not taken for it; newer releases do not show the address
        let name: String =
            config.receiver.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        // JSON is YAML.
        let file = home.write(
            "alertmanager.yml",
            &json!({
                "route": {
                    "receiver": name, "group_by": ["alertname"],
                    "group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h",
                },
                "receivers": [{
                    "name": name,
                    "webhook_configs": [{
                        "url": config.receiver, "send_resolved": true,
                        "http_config": { "authorization": { "type": "Bearer", "credentials": config.token } },
                    }],
                }],
            })
            .to_string(),
        );
        let program = match program(&home) {
            Ok(program) => program,
            Err(why) => return Outcome::NotHere(why),
        };
        let http = client();
        for _ in 0..TRIES {
            let address = format!("127.0.0.1:{}", free_port());
            let mut command = home.command_of(&program);
            command.arg(format!("--config.file={}", file.display()));
            command.arg(format!("--storage.path={}", home.path().join("data").display()));
            command.arg(format!("--web.listen-address={address}"));
            // alone: it waits for no other
            command.arg("--cluster.listen-address=");
            let mut server = home.start(command, Signal::TERM);
            let ready = until_or_show("Alertmanager is ready", async || {
                if server.has_ended() {
                    return Ok(false);
                }
                let asked = http.get(format!("http://{address}/api/v2/status")).send().await;
                let text = match asked {
                    Ok(answer) if answer.status().is_success() => answer.text().await.unwrap_or_default(),
                    _ => String::new(),
                };
                let status: Value = serde_json::from_str(&text).unwrap_or_default();
                // another server may have taken the port: only ours has this receiver
                let is_ours = status["config"]["original"].as_str().is_some_and(|text| text.contains(&name));
                if is_ours { Ok(true) } else { Err(home.last_words()) }
            })
            .await;
            if ready {
                return Outcome::Started(Alertmanager { _server: server, home, address });
            }
        }
        panic!("Alertmanager does not start:\n{}", home.last_words())
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The end of what it had to say.
    #[must_use]
    pub fn last_words(&self) -> String {
        self.home.last_words()
    }
}

/// Where Debian's program looks for its templates: it has none of its own.
const FILES: &[u8] = b"/usr/share/prometheus/alertmanager";

/// The program. One that is only unpacked gets a copy that looks for its templates in the folder that it is started in: nothing is
/// installed for it.
fn program(home: &Home) -> Result<PathBuf, String> {
    let installed = home.program("prometheus-alertmanager");
    let Some(tree) = home.tree() else { return Ok(installed) };
    let unread = |error: std::io::Error| format!("{}: {error}", installed.display());
    let mut bytes = std::fs::read(&installed).map_err(unread)?;
    // of the same length: slashes more mean nothing
    let name = "files";
    let other = format!(".{}{name}", "/".repeat(FILES.len() - 1 - name.len()));
    let places: Vec<usize> = places_of_files(&bytes);
    for at in places {
        if let Some(place) = bytes.get_mut(at..at + FILES.len()) {
            place.copy_from_slice(other.as_bytes());
        }
    }
    let files = tree.join(String::from_utf8_lossy(FILES).trim_start_matches('/'));
    std::os::unix::fs::symlink(files, home.path().join(name)).map_err(unread)?;
    let copy = home.path().join("alertmanager");
    let file = OpenOptions::new().write(true).create_new(true).mode(0o755).open(&copy);
    file.and_then(|mut file| file.write_all(&bytes)).map_err(unread)?;
    Ok(copy)
}

fn places_of_files(bytes: &[u8]) -> Vec<usize> {
    bytes.windows(FILES.len()).enumerate().filter(|(_, window)| *window == FILES).map(|(at, _)| at).collect()
}
