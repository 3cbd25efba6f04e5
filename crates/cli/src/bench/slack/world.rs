//! The sandbox's Slack and PagerDuty in this process, and `blocks serve` in one of its own, both on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use blocks_sandbox::{Sandbox, SandboxConfig};
use blocks_server::EngineInfo;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::bench::process::Process;
use crate::bench::servers::environment;
use crate::demo::clients::Control;
use crate::exit::Stop;

/// How long the server may take to listen, and a message to show.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

pub(super) const COMMANDER: &str = "U0ANA";
pub(super) const CHANNEL: &str = "incidents";
pub(super) const SERVICE: &str = "flowengine";
const PAGED: &str = "PFLOW01";

/// A command each two seconds for some minutes: a run in flight that waits for nobody.
const HOLD: &str = "hold";
const COMMANDS_OF_HOLD: usize = 150;

/// How Slack reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Http,
    Socket,
}

impl Way {
    fn mode(self) -> &'static str {
        match self {
            Way::Http => "http",
            Way::Socket => "socket",
        }
    }
}

/// Both sides, fresh.
pub(super) struct World {
    pub(super) control: Control,
    sandbox: Sandbox,
    server: Process,
    folder: TempDir,
}

impl World {
    /// Starts them and waits until a command would be taken.
    pub(super) async fn start(way: Way) -> Result<World, Stop> {
        let folder = tempfile::Builder::new().prefix("blocks-bench-").tempdir().map_err(Stop::failed)?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let config = SandboxConfig::demo(listen);
        let mut environment = environment(folder.path());
        let webhook_secret = config.pagerduty.webhook_secrets.first().cloned().unwrap_or_default();
        for (name, value) in [
            ("SLACK_BOT_TOKEN", &config.slack.bot_token),
            ("SLACK_APP_TOKEN", &config.slack.app_token),
            ("SLACK_SIGNING_SECRET", &config.slack.signing_secret),
            ("PAGERDUTY_WEBHOOK_SECRET", &webhook_secret),
            ("PAGERDUTY_API_TOKEN", &config.pagerduty.api_token),
        ] {
            environment.insert(name.to_owned(), value.clone());
        }
        let listener = TcpListener::bind(listen).await.map_err(Stop::failed)?;
        let sandbox = blocks_sandbox::start(config, listener).await.map_err(Stop::failed)?;
        let url = sandbox.url();
        let runbooks = folder.path().join("runbooks");
        std::fs::create_dir_all(&runbooks).map_err(Stop::failed)?;
        for (name, text) in [(HOLD, hold()), ("back", BACK.to_owned())] {
            std::fs::write(runbooks.join(format!("{name}.md")), text).map_err(Stop::failed)?;
        }
        let file = folder.path().join("blocks.toml");
        std::fs::write(&file, config_text(way, &url)).map_err(Stop::failed)?;
        let words = ["serve", "--config", &file.display().to_string()].map(str::to_owned);
        let program = std::env::current_exe().map_err(Stop::failed)?;
        let log = folder.path().join("log");
        let mut server = Process::start("blocks serve", &program, &words, &environment, &log)?;
        let data = folder.path().join("data");
        let began = Instant::now();
        let address = loop {
            if let Some(address) = EngineInfo::find(&data).and_then(|info| info.address) {
                break address;
            }
            if let Some(status) = server.has_ended() {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                let last = said.lines().last().unwrap_or_default();
                return Err(Stop::failed(format!("blocks serve ended with {status}: {last}")));
            }
            if began.elapsed() > PATIENCE {
                return Err(Stop::failed("blocks serve does not listen"));
            }
            tokio::time::sleep(LOOK).await;
        };
        let control = Control::new(&url, &url)?;
        let world = World { control, sandbox, server, folder };
        world.control.post("blocks-url", json!({ "url": format!("http://{address}") })).await?;
        if way == Way::Socket {
            world
                .until("the connections", PATIENCE, |state| {
                    (state["slack"]["sockets"]["live"].as_u64() >= Some(2)).then_some(())
                })
                .await?;
        }
        Ok(world)
    }

    /// Sets so many runs going, and waits until all of them are in flight.
    pub(super) async fn hold(&self, runs: usize) -> Result<(), Stop> {
        for _ in 0..runs {
            self.command(CHANNEL, &format!("runbook run {HOLD}")).await?;
        }
        let began = Instant::now();
        while self.running()? < runs {
            if began.elapsed() > PATIENCE * 4 {
                return Err(Stop::failed(format!("{} of {runs} runs are in flight", self.running()?)));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// How many runs are in flight.
    pub(super) fn running(&self) -> Result<usize, Stop> {
        self.number("SELECT count(*) FROM runs WHERE open = 1 AND row LIKE '%\"status\":\"running\"%'")
    }

    /// How many messages have not left.
    pub(super) fn waiting(&self) -> Result<usize, Stop> {
        self.number("SELECT count(*) FROM outbox WHERE state = 'waiting'")
    }

    /// How many messages were given up.
    pub(super) fn given_up(&self) -> Result<usize, Stop> {
        self.number("SELECT count(*) FROM outbox WHERE state = 'dead'")
    }

    fn number(&self, question: &str) -> Result<usize, Stop> {
        let file = self.folder.path().join("data/blocks.db");
        let store =
            Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(Stop::failed)?;
        store.busy_timeout(PATIENCE).map_err(Stop::failed)?;
        let number: i64 = store.query_row(question, [], |row| row.get(0)).map_err(Stop::failed)?;
        Ok(usize::try_from(number).unwrap_or_default())
    }

    /// Types a line as the commander; what the sandbox says of it.
    pub(super) async fn command(&self, channel: &str, text: &str) -> Result<Value, Stop> {
        let body = json!({ "user": COMMANDER, "channel": channel, "text": text });
        self.control.post("slack/command", body).await
    }

    /// Pages; PagerDuty's id of it.
    pub(super) async fn page(&self, title: &str, priority: &str) -> Result<String, Stop> {
        // High urgency is never below P2.
        let urgency = if priority <= "P2" { "high" } else { "low" };
        let body = json!({ "service_id": PAGED, "title": title, "priority": priority, "urgency": urgency });
        let paged = self.control.post("pagerduty/trigger", body).await?;
        Ok(paged["id"].as_str().unwrap_or_default().to_owned())
    }

    /// Looks at everything that the sandbox knows until it is there.
    pub(super) async fn until<T>(
        &self,
        what: &str,
        limit: Duration,
        look: impl Fn(&Value) -> Option<T>,
    ) -> Result<T, Stop> {
        let began = Instant::now();
        loop {
            if let Some(found) = look(&self.control.state().await?) {
                return Ok(found);
            }
            if began.elapsed() > limit {
                return Err(Stop::failed(format!("not there after {} s: {what}", limit.as_secs())));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Ends both.
    pub(super) async fn end(self) -> Result<(), Stop> {
        let ended = self.server.end().await;
        self.sandbox.shutdown().await;
        ended
    }
}

/// A rollback that needs another person's yes and is never given one.
const BACK: &str = "---\ntitle: Back\nservice: flowengine\n---\n# Back\n\n## Step 1: Return (5 min)\n\n```bash {effect=once}\necho back\n```\n";

fn hold() -> String {
    let mut text = "---\ntitle: Hold\nservice: flowengine\n---\n# Hold\n\n## Hold\n".to_owned();
    for number in 1..=COMMANDS_OF_HOLD {
        text.push_str(&format!("\n```bash {{effect=read}}\nsleep 2 # {number}\n```\n"));
    }
    text
}

fn config_text(way: Way, url: &str) -> String {
    let people = [("ana", "\"commander\", \"responder\""), ("ben", "\"responder\"")];
    let mut text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[store]\nurl = \"sqlite:data/blocks.db\"\n[runbooks]\npaths = [\"runbooks\"]\n\
         [slack]\nmode = \"{}\"\napi_url = \"{url}/slack/api\"\n[pagerduty]\nmode = \"webhook\"\napi_url = \"{url}/pagerduty\"\n\
         events_url = \"{url}/events\"\nfrom = \"ana@example.com\"\n[[service]]\nname = \"{SERVICE}\"\npagerduty_id = \"{PAGED}\"\n\
         channel = \"{CHANNEL}\"\nseverity = \"P2\"\nrollback = \"back\"\n",
        way.mode()
    );
    for (name, roles) in people {
        text.push_str(&format!(
            "[[person]]\nname = \"{name}\"\nslack_id = \"U0{}\"\npagerduty_email = \"{name}@example.com\"\nroles = [{roles}]\n",
            name.to_uppercase()
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_and_the_runbooks_read() {
        for way in [Way::Http, Way::Socket] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("blocks.toml");
            std::fs::write(&file, config_text(way, "http://127.0.0.1:1")).unwrap();
            let config = crate::config::Config::load(Some(&file)).unwrap();
            assert_eq!(config.settings.services[0].rollback.as_deref(), Some("back"));
        }
        assert_eq!(hold().matches("sleep 2").count(), COMMANDS_OF_HOLD);
    }
}
