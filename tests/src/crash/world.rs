//! One folder with its engine: the real program, people who ask over HTTP, and hands that kill.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use blocks_server::EngineInfo;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::ledger::NOTE;
use crate::app::{Answer, client, send};
use crate::process::{Process, base_environment, run};
use crate::view;

const RUNBOOK: &str = include_str!("count.md");
const CONFIG: &str = r#"[server]
listen = "127.0.0.1:0"
[store]
url = "sqlite:data/blocks.db"
[runbooks]
paths = ["runbooks"]
[[service]]
name = "shop"
rollback = "count"
approvals = 1
[[person]]
name = "ana"
roles = ["commander", "responder"]
[[person]]
name = "ben"
roles = ["responder"]
"#;
/// Looks, and the pause between them, until an engine that lives must listen.
const LOOKS: u32 = 3_000;
const PAUSE: Duration = Duration::from_millis(10);

/// Blocks in a folder of its own. Dropping it ends the engine.
pub(super) struct World {
    binary: PathBuf,
    dir: PathBuf,
    environment: BTreeMap<String, String>,
    server: Option<Process>,
    address: String,
    http: reqwest::Client,
    tokens: BTreeMap<&'static str, String>,
    _folder: tempfile::TempDir,
}

impl World {
    pub(super) async fn new(binary: &Path, sabotage: Option<&str>) -> World {
        let folder =
            tempfile::Builder::new().prefix("blocks-crash-").tempdir().expect("a folder can be made");
        let dir = folder.path().canonicalize().expect("the folder is there");
        let mut environment = base_environment(None, &dir);
        environment.insert(blocks_crash::FILE.to_owned(), dir.join("order").display().to_string());
        environment.insert("RUST_LOG".to_owned(), "warn".to_owned());
        environment.extend(sabotage.map(|name| (blocks_crash::SABOTAGE.to_owned(), name.to_owned())));
        fs::create_dir(dir.join("runbooks")).expect("the folder can be written");
        for (name, text) in [("blocks.toml", CONFIG), ("runbooks/count.md", RUNBOOK), ("runbooks/note", NOTE)]
        {
            fs::write(dir.join(name), text).expect("the folder can be written");
        }
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(dir.join("runbooks/note"), executable).expect("the folder can be written");
        let mut world = World {
            binary: binary.to_path_buf(),
            dir,
            environment,
            server: None,
            address: String::new(),
            http: client(),
            tokens: BTreeMap::new(),
            _folder: folder,
        };
        for person in ["ana", "ben"] {
            let token = world.blocks(&["token", "create", "--person", person, "-o", "json"]).await;
            world.tokens.insert(person, view::text(&token["token"]));
        }
        world
    }

    /// Where the runbook's commands run, and write.
    pub(super) fn books(&self) -> PathBuf {
        self.dir.join("runbooks")
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.join(name), text).expect("the folder can be written");
    }

    /// A command of the program, as a person on this machine.
    pub(super) async fn blocks(&self, words: &[&str]) -> Value {
        let config = self.dir.join("blocks.toml").display().to_string();
        let words = [words, &["--config", &config]].concat();
        let finished = run(&self.binary, &words, &self.environment).await;
        serde_json::from_str(&finished.stdout).unwrap_or_else(|_| json!({ "failed": finished.stderr }))
    }

    /// Starts the engine. `false`: it ended before it listened.
    pub(super) async fn start(&mut self) -> bool {
        let config = self.dir.join("blocks.toml").display().to_string();
        let words = ["serve", "--end-with-stdin", "--config", &config];
        let log = self.dir.join("server.log");
        let mut server = Process::start(&self.binary, &words, &self.environment, &log, false).await;
        for _ in 0..LOOKS {
            let info = EngineInfo::find(&self.dir.join("data")).filter(|info| info.pid == server.pid());
            if let Some(address) = info.and_then(|info| info.address) {
                self.address = address;
                self.server = Some(server);
                return true;
            }
            if server.has_ended().is_some() {
                return false;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("an engine neither listens nor ends: {}", self.log());
    }

    /// Whether the engine lives.
    pub(super) fn is_up(&mut self) -> bool {
        self.server.as_mut().is_some_and(|server| server.has_ended().is_none())
    }

    /// Whether the engine has ended and nobody has killed it.
    pub(super) fn has_ended_alone(&mut self) -> bool {
        self.server.take().is_some()
    }

    /// Kills the engine, if it lives.
    pub(super) async fn kill_engine(&mut self) {
        let is_up = self.is_up();
        if let (true, Some(mut server)) = (is_up, self.server.take()) {
            server.kill_9().await;
        }
        self.server = None;
    }

    /// Asks the engine to end.
    pub(super) async fn end(&mut self) {
        let is_up = self.is_up();
        if let (true, Some(mut server)) = (is_up, self.server.take()) {
            server.end().await;
        }
    }

    /// Kills the supervisor of a run, and no other process of its number. `false`: there is none.
    pub(super) fn kill_supervisor(&self, run: &str) -> bool {
        let file = self.dir.join("data/runs").join(run).join("supervisor.json");
        let said: Value =
            fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        let Some(number) = said["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()) else { return false };
        let is_it = started(number).is_some() && started(number) == said["start_ticks"].as_u64();
        match Pid::from_raw(number) {
            Some(pid) if is_it => kill_process(pid, Signal::KILL).is_ok(),
            _ => false,
        }
    }

    /// One request of a person; status 0 when nobody answered.
    pub(super) async fn ask(&self, person: &str, request: &Value) -> Answer {
        let url = format!("http://{}/api/v1/requests", self.address);
        let token = self.tokens.get(person).cloned().unwrap_or_default();
        send(self.http.post(url).json(request).bearer_auth(token)).await
    }

    /// The journal's events of a run, read as anybody who may read the file could.
    pub(super) fn events(&self, run: &str) -> Vec<Value> {
        let path = self.dir.join("data/blocks.db");
        let read = || {
            let store = rusqlite::Connection::open(path)?;
            store.busy_timeout(Duration::from_secs(10))?;
            let mut select = store.prepare("SELECT bytes FROM events WHERE stream = ?1 ORDER BY seq")?;
            let rows = select.query_map([format!("run/{run}")], |row| row.get::<_, Vec<u8>>(0))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let rows = read().unwrap_or_else(|error| panic!("the store does not read: {error}"));
        let event = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).expect("an event is JSON");
        rows.into_iter().map(|bytes| event(bytes)["event"].take()).collect()
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

    /// Somebody has taken the order.
    pub(super) fn order_was_taken(&self) -> bool {
        fs::remove_file(self.order().with_extension("done")).is_ok()
    }

    /// Takes the order back. `false`: there is none any more.
    pub(super) fn take_order_back(&self) -> bool {
        fs::remove_file(self.order()).is_ok()
    }

    /// The end of the engine's log.
    pub(super) fn log(&self) -> String {
        let text = fs::read_to_string(self.dir.join("server.log")).unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
    }
}

/// When a process started, in ticks since boot.
fn started(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // behind the name, which may hold anything, the 20th word
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}
