//! A folder with a configuration and an empty store, and the engine in it: the real one, as a terminal's own run has it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use blocks_engine::{Asker, Engine, LibraryEntry, Parts, SystemClock, UuidV7};
use blocks_exec::{Connections, ExecConfig, KindExecutor, find_program};
use blocks_server::SocketUser;
use blocks_store::SqliteStore;
use runbook_core::ids::RunId;
use runbook_core::people::Credential;
use runbook_core::ports::Executor;
use runbook_core::request::Request;
use tempfile::TempDir;

use crate::config::Config;
use crate::exit::Stop;
use crate::secret_key;

/// Nothing that is measured takes longer; a run that does is stuck.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at whether runs are over. Far below what a measured stretch takes.
pub(super) const LOOK: Duration = Duration::from_millis(5);

/// A fresh folder.
pub(super) struct Place {
    folder: TempDir,
}

impl Place {
    /// Makes it, with a configuration by which whoever measures may run and approve.
    pub(super) fn new() -> Result<Place, Stop> {
        let folder = tempfile::Builder::new().prefix("blocks-bench-").tempdir().map_err(Stop::failed)?;
        let user = own_user();
        let text = format!(
            "[store]\nurl = \"sqlite:data/blocks.db\"\n[approvals]\nreversible = 0\nirreversible = 0\n\
             [[person]]\nname = \"bench\"\nos_user = \"{user}\"\nroles = [\"commander\", \"responder\"]\n"
        );
        std::fs::write(folder.path().join("blocks.toml"), text).map_err(Stop::failed)?;
        Ok(Place { folder })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The configuration's file.
    pub(super) fn config(&self) -> PathBuf {
        self.path().join("blocks.toml")
    }

    /// Where the runs' folders are.
    pub(super) fn runs(&self) -> PathBuf {
        self.path().join("data/runs")
    }

    /// Writes a runbook.
    pub(super) fn runbook(&self, name: &str, text: &str) -> Result<PathBuf, Stop> {
        let path = self.path().join(format!("{name}.md"));
        std::fs::write(&path, text).map_err(Stop::failed)?;
        Ok(path)
    }

    /// The engine with the executor that it really has.
    pub(super) fn engine(&self) -> Result<Owned, Stop> {
        let mut exec = ExecConfig::new(bash()?, self.runs());
        exec.env = std::env::vars().collect::<BTreeMap<_, _>>();
        let executor = KindExecutor::new(exec, Connections::default()).map_err(Stop::usage)?;
        self.engine_with(Arc::new(executor))
    }

    /// The engine with another executor.
    pub(super) fn engine_with(&self, executor: Arc<dyn Executor>) -> Result<Owned, Stop> {
        let config = Config::load(Some(&self.config()))?;
        let store = SqliteStore::open(&config.database).map_err(Stop::failed)?;
        let mut settings = config.settings.clone();
        settings.secret_key = Some(secret_key::needed(&config.data_dir)?);
        let engine = Engine::new(Parts {
            store: Arc::new(store),
            executor,
            chat: None,
            pager: None,
            mail: None,
            status_page: None,
            meter: None,
            watcher: None,
            translators: Vec::new(),
            clock: Arc::new(SystemClock),
            ids: Arc::new(UuidV7),
            library: config.library.clone(),
            settings,
        });
        let actor = engine.directory().actor(&Credential::OsUser { name: own_user() });
        Ok(Owned { engine, asker: Asker { actor, channel: None } })
    }
}

/// An engine and who asks it.
pub(super) struct Owned {
    pub(super) engine: Engine,
    asker: Asker,
}

impl Owned {
    /// Plans a run and says yes to it where a yes is needed. It goes on by itself then.
    pub(super) async fn begin(&self, entry: &LibraryEntry) -> Result<RunId, Stop> {
        let reply = self.engine.run_entry(entry, &BTreeMap::new(), None, &self.asker).await?;
        let id = reply.data["id"].as_str().and_then(|id| id.parse::<RunId>().ok());
        let id = id.ok_or_else(|| Stop::failed(format!("no run came of it: {}", reply.text)))?;
        if reply.data["status"] == "waiting_for_approval" {
            let yes = Request::RunbookApprove {
                run: Some(id.to_string()),
                fingerprint: None,
                reason: Some("measured".to_owned()),
            };
            self.engine.request(&yes, &self.asker).await?;
        }
        Ok(id)
    }

    /// Waits until no run is open, and says how many ended well.
    pub(super) async fn rest(&self) -> Result<usize, Stop> {
        let over = async {
            loop {
                let open = self.engine.store().runs(None, true, usize::MAX).await.map_err(Stop::failed)?;
                if open.is_empty() {
                    return Ok::<_, Stop>(());
                }
                if let Some(stuck) =
                    open.iter().find(|row| !matches!(row.status.as_str(), "planned" | "running"))
                {
                    return Err(Stop::failed(format!(
                        "run {} came to '{}' while it was measured",
                        stuck.id, stuck.status
                    )));
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(PATIENCE, over)
            .await
            .map_err(|_| Stop::failed("a measured run does not end"))??;
        let rows = self.engine.store().runs(None, false, usize::MAX).await.map_err(Stop::failed)?;
        Ok(rows.iter().filter(|row| row.status == "succeeded").count())
    }
}

/// The bash that everything is measured with.
pub(super) fn bash() -> Result<PathBuf, Stop> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    find_program("bash", &path).ok_or_else(|| Stop::failed("bash is not on PATH\nhint: install bash"))
}

fn own_user() -> String {
    SocketUser::from_uid(rustix::process::geteuid().as_raw()).name
}

/// A runbook of so many commands, each of its own text, none of which may be repeated.
pub(super) fn steps(service: &str, commands: usize, effect: &str) -> String {
    use std::fmt::Write as _;
    let mut text = format!("---\nservice: {service}\n---\n# Measured\n");
    for number in 1..=commands {
        let _ = write!(text, "\n## Step {number}\n\n```bash {{effect={effect}}}\n{}\n```\n", command(number));
    }
    text
}

/// What each command does, here and on every other side.
pub(super) fn command(number: usize) -> String {
    format!("echo \"command {number}\"")
}
