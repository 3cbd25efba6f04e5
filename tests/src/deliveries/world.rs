//! One folder with its server: the real program, killed and started again, and what of it can be seen from outside.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use blocks_server::EngineInfo;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::life::{LOOKED, SERVICES};
use super::report::Use;
use crate::process::{Process, base_environment, run};
use crate::view;

/// What the pager signs with.
pub(super) const SECRET: &str = "a-secret-of-the-subscription";
const SEVERITIES: &str = include_str!("severities.toml");
const LOOK: &str = include_str!("look.md");
/// Looks, and the pause between them, until a server that lives must listen.
const LOOKS: u32 = 24_000;
const PAUSE: Duration = Duration::from_millis(5);

/// Blocks in a folder of its own. Dropping it ends the server.
pub(super) struct World {
    binary: PathBuf,
    dir: PathBuf,
    environment: BTreeMap<String, String>,
    server: Option<Process>,
    address: watch::Sender<String>,
    /// What all its servers have used.
    pub(super) used: Use,
    seen: Use,
    _folder: tempfile::TempDir,
}

impl World {
    pub(super) fn new(binary: &Path, pager: &str, sabotage: Option<&str>) -> World {
        let folder =
            tempfile::Builder::new().prefix("blocks-deliveries-").tempdir().expect("a folder can be made");
        let dir = folder.path().canonicalize().expect("the folder is there");
        let mut environment = base_environment(None, &dir);
        environment.insert(blocks_crash::FILE.to_owned(), dir.join("order").display().to_string());
        environment.insert("RUST_LOG".to_owned(), "error".to_owned());
        environment.insert("PAGERDUTY_WEBHOOK_SECRET".to_owned(), SECRET.to_owned());
        environment.insert("PAGERDUTY_API_TOKEN".to_owned(), "a-token-of-the-account".to_owned());
        environment.extend(sabotage.map(|name| (blocks_crash::SABOTAGE.to_owned(), name.to_owned())));
        fs::create_dir(dir.join("runbooks")).expect("the folder can be written");
        let config = config(pager);
        for (name, text) in
            [("blocks.toml", config.as_str()), ("runbooks/look.md", LOOK), ("severities.toml", SEVERITIES)]
        {
            fs::write(dir.join(name), text).expect("the folder can be written");
        }
        World {
            binary: binary.to_path_buf(),
            dir,
            environment,
            server: None,
            address: watch::Sender::new(String::new()),
            used: Use::default(),
            seen: Use::default(),
            _folder: folder,
        }
    }

    /// Where the server listens; where the last one did while there is none.
    pub(super) fn address(&self) -> watch::Receiver<String> {
        self.address.subscribe()
    }

    pub(super) fn database(&self) -> PathBuf {
        self.dir.join("data/blocks.db")
    }

    /// A command of the program, as a person on this machine.
    pub(super) async fn blocks(&self, words: &[&str]) -> Value {
        let config = self.dir.join("blocks.toml").display().to_string();
        let words = [words, &["--config", &config, "-o", "json"]].concat();
        let finished = run(&self.binary, &words, &self.environment).await;
        serde_json::from_str(&finished.stdout).unwrap_or_else(|_| json!({ "failed": finished.stderr }))
    }

    /// A person's token.
    pub(super) async fn token(&self, person: &str) -> String {
        view::text(&self.blocks(&["token", "create", "--person", person]).await["token"])
    }

    /// Starts the server. `false`: it ended before it listened.
    pub(super) async fn start(&mut self) -> bool {
        let config = self.dir.join("blocks.toml").display().to_string();
        let words = ["serve", "--end-with-stdin", "--config", &config];
        let log = self.dir.join("server.log");
        let mut server = Process::start(&self.binary, &words, &self.environment, &log, false).await;
        for _ in 0..LOOKS {
            let info = EngineInfo::find(&self.dir.join("data")).filter(|info| info.pid == server.pid());
            if let Some(address) = info.and_then(|info| info.address) {
                self.address.send_replace(address);
                self.server = Some(server);
                return true;
            }
            if server.has_ended().is_some() {
                return false;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("a server neither listens nor ends: {}", self.log());
    }

    /// Whether the server lives; what it has used is looked at meanwhile.
    pub(super) fn is_up(&mut self) -> bool {
        let Some(server) = self.server.as_mut().filter(|server| server.pid() != 0) else { return false };
        let pid = server.pid();
        if server.has_ended().is_none() {
            self.seen = Use::of(pid).unwrap_or(self.seen);
            return true;
        }
        false
    }

    /// Whether it has ended and nobody has killed it.
    pub(super) fn has_ended_alone(&mut self) -> bool {
        self.server.is_some() && !self.is_up()
    }

    /// Kills the server, if it lives, and forgets it.
    pub(super) async fn kill(&mut self) {
        let is_up = self.is_up();
        if let (true, Some(mut server)) = (is_up, self.server.take()) {
            server.kill_9().await;
        }
        self.forget();
    }

    /// It is gone: what it used counts.
    pub(super) fn forget(&mut self) {
        self.server = None;
        self.used.add(std::mem::take(&mut self.seen));
    }

    /// Asks it to end.
    pub(super) async fn end(&mut self) {
        let is_up = self.is_up();
        if let (true, Some(mut server)) = (is_up, self.server.take()) {
            server.end().await;
        }
        self.forget();
    }

    fn order(&self) -> PathBuf {
        self.dir.join("order")
    }

    /// Has the process that comes to a point end itself there.
    pub(super) fn give_order(&self, order: &str) {
        let new = self.dir.join("order.new");
        fs::write(&new, order)
            .and_then(|()| fs::rename(new, self.order()))
            .expect("the folder can be written");
    }

    /// Takes the order back. `false`: somebody has taken it.
    pub(super) fn take_order_back(&self) -> bool {
        let is_there = fs::remove_file(self.order()).is_ok();
        let _taken = fs::remove_file(self.order().with_extension("done"));
        is_there
    }

    /// The end of the server's log.
    pub(super) fn log(&self) -> String {
        let text = fs::read_to_string(self.dir.join("server.log")).unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
    }

    /// Bytes of the store's files.
    pub(super) fn store_bytes(&self) -> u64 {
        let files = fs::read_dir(self.dir.join("data")).into_iter().flatten().flatten();
        let stores = files.filter(|file| file.file_name().to_string_lossy().starts_with("blocks.db"));
        stores.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
    }
}

/// No Slack: what is delivered here is what is looked at. No times: nobody is reminded or paged while it goes on.
fn config(pager: &str) -> String {
    let mut text = format!(
        r#"[server]
listen = "127.0.0.1:0"
[store]
url = "sqlite:data/blocks.db"
[runbooks]
paths = ["runbooks"]
severities = "severities.toml"
[pagerduty]
mode = "webhook"
api_url = "{pager}"
from = "ana@example.com"
[triage]
share_s = 0
"#
    );
    for (id, name) in SERVICES.iter().take(3).chain([&LOOKED]) {
        text.push_str(&format!(
            "[[service]]\nname = \"{name}\"\npagerduty_id = \"{id}\"\nseverity = \"P3\"\n"
        ));
        if *name == LOOKED.1 {
            text.push_str("triage = \"look\"\n");
        }
    }
    for name in ["ana", "ben"] {
        text.push_str(&format!(
            "[[person]]\nname = \"{name}\"\npagerduty_email = \"{name}@example.com\"\nroles = [\"commander\", \"responder\"]\n"
        ));
    }
    text
}
