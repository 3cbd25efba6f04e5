//! The two sides: the floor's bare server and `blocks serve`, each in a fresh folder with an empty store.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Json;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::process::Process;
use crate::exit::Stop;

/// The secret with which the load generator signs.
pub(crate) const SECRET: &str = "peersecret";
/// How long a server may take to answer.
const START: Duration = Duration::from_secs(15);
/// Between two looks whether it answers.
const LOOK: Duration = Duration::from_millis(1);
/// How long one look may take.
const ANSWER: Duration = Duration::from_secs(1);

/// Which side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Floor,
    Ours,
}

/// What both sides are started from.
pub(crate) struct Programs {
    /// The floor's binary, when it is given.
    pub(crate) floor: Option<PathBuf>,
    /// This binary.
    pub(crate) ours: PathBuf,
    /// Stands for PagerDuty's REST API.
    pub(crate) pager_url: String,
}

/// A running server.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    /// Where it takes webhooks.
    pub(crate) path: &'static str,
    /// From the process's start to its first answer.
    pub(crate) start_up: Duration,
    pub(crate) process: Process,
    folder: TempDir,
}

impl Running {
    /// Starts one side and waits for its first answer.
    pub(crate) async fn start(side: Side, programs: &Programs) -> Result<Running, Stop> {
        let folder = tempfile::Builder::new().prefix("blocks-bench-").tempdir().map_err(Stop::failed)?;
        let address = free_address().await?;
        let log = folder.path().join("log");
        let environment = environment(folder.path());
        let (name, program, words) = match side {
            Side::Floor => {
                let program = programs.floor.as_deref().ok_or_else(|| Stop::usage("no --floor was given"))?;
                let data = folder.path().join("data").display().to_string();
                let port = address.port().to_string();
                (
                    "the floor",
                    program,
                    ["serve", "--mode", "sqlite", "--port", &port, "--data", &data]
                        .map(str::to_owned)
                        .to_vec(),
                )
            }
            Side::Ours => {
                let file = folder.path().join("blocks.toml");
                std::fs::write(&file, config(address, &programs.pager_url)).map_err(Stop::failed)?;
                let file = file.display().to_string();
                (
                    "blocks serve",
                    programs.ours.as_path(),
                    ["serve", "--config", &file].map(str::to_owned).to_vec(),
                )
            }
        };
        let began = Instant::now();
        let mut process = Process::start(name, program, &words, &environment, &log)?;
        loop {
            match status(address, "/health").await {
                // The floor has no such page: that it says so is its first answer.
                Some(200) => break,
                Some(_) if side == Side::Floor => break,
                _ => {}
            }
            if let Some(status) = process.has_ended() {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                let last = said.lines().last().unwrap_or_default();
                return Err(Stop::failed(format!("{name} ended with {status}: {last}")));
            }
            if began.elapsed() > START {
                return Err(Stop::failed(format!("{name} does not answer on {address}")));
            }
            tokio::time::sleep(LOOK).await;
        }
        let path = if side == Side::Floor { "/hook" } else { "/hooks/pagerduty" };
        Ok(Running { address, path, start_up: began.elapsed(), process, folder })
    }

    /// Where its store is. Ours only.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("data/blocks.db")
    }

    /// How many webhooks fell away as seen before. Ours only: that would be cheaper than what is to be measured.
    pub(crate) async fn duplicates(&self) -> Result<u64, Stop> {
        let text =
            get(self.address, "/metrics").await.ok_or_else(|| Stop::failed("/metrics does not answer"))?;
        Ok(duplicates_in(&text))
    }
}

fn duplicates_in(metrics: &str) -> u64 {
    let counters = metrics.lines().filter(|line| line.starts_with("blocks_inbox_accepted_total"));
    let duplicates = counters.filter(|line| line.contains("outcome=\"duplicate\""));
    duplicates.filter_map(|line| line.rsplit(' ').next()?.trim().parse::<u64>().ok()).sum()
}

/// Nothing of the caller's but where programs are found.
pub(crate) fn environment(folder: &Path) -> BTreeMap<String, String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let home = folder.display().to_string();
    [
        ("PATH", path.as_str()),
        ("HOME", home.as_str()),
        ("TZ", "UTC"),
        ("PAGERDUTY_WEBHOOK_SECRET", SECRET),
        ("PAGERDUTY_API_TOKEN", "bench-token"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn config(address: SocketAddr, pager_url: &str) -> String {
    format!(
        "[server]\nlisten = \"{address}\"\n[store]\nurl = \"sqlite:data/blocks.db\"\n[slack]\nmode = \"off\"\n\
         [pagerduty]\nmode = \"webhook\"\napi_url = \"{pager_url}\"\nfrom = \"bench@example.com\"\n"
    )
}

/// A port that is free now. The floor cannot be asked which one it took.
pub(crate) async fn free_address() -> Result<SocketAddr, Stop> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(Stop::failed)?;
    listener.local_addr().map_err(Stop::failed)
}

pub(crate) async fn status(address: SocketAddr, path: &str) -> Option<u16> {
    let answer = get(address, path).await?;
    answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// The whole answer, head and body; `None` while nothing listens. No client library: start-up is measured with this.
async fn get(address: SocketAddr, path: &str) -> Option<String> {
    let asked = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        Some(String::from_utf8_lossy(&answer).into_owned())
    };
    tokio::time::timeout(ANSWER, asked).await.ok().flatten()
}

/// Stands for PagerDuty's REST API until the program ends: everybody has an address, every note is taken.
pub(crate) async fn pager_stand_in() -> Result<String, Stop> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(Stop::failed)?;
    let address = listener.local_addr().map_err(Stop::failed)?;
    let app = axum::Router::new()
        .fallback(|| async { Json(json!({ "user": { "email": "someone@example.com" } })) });
    tokio::spawn(async move {
        let _ = axum::serve(listener, app).await;
    });
    Ok(format!("http://{address}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_found_among_the_counters() {
        let text = "blocks_inbox_accepted_total{source=\"pagerduty\",outcome=\"duplicate\"} 3\n\
             blocks_inbox_accepted_total{source=\"pagerduty\",outcome=\"new\"} 500\n";
        assert_eq!(duplicates_in(text), 3);
        assert_eq!(duplicates_in("blocks_outbox_backlog 2\n"), 0);
    }

    #[tokio::test]
    async fn the_stand_in_answers_and_the_looker_reads_it() {
        let url = pager_stand_in().await.unwrap();
        let address = url.strip_prefix("http://").unwrap().parse().unwrap();
        assert_eq!(status(address, "/users/P1").await, Some(200));
        assert!(get(address, "/users/P1").await.unwrap().contains("someone@example.com"));
        let nobody = free_address().await.unwrap();
        assert_eq!(status(nobody, "/health").await, None);
    }

    #[test]
    fn the_configuration_reads() {
        let text = config(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), "http://127.0.0.1:2");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("blocks.toml");
        std::fs::write(&file, text).unwrap();
        let config = crate::config::Config::load(Some(&file)).unwrap();
        assert!(config.settings.services.is_empty(), "no service, so no triage");
    }
}
