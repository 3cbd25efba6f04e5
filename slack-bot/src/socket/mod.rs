//! Slack in without a public address: two WebSockets that Blocks opens itself.
//!
//! Two, because Slack renews a connection every few hours and what is typed in the gap fails for the person. A
//! connection that is about to end is replaced before it ends; one that says nothing is given up ([`link`]).

mod envelope;
mod link;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use runbook_core::ports::Intake;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use self::link::Ended;
use crate::client::{SetupError, SlackChat};
use crate::command_word::CommandWord;
use crate::hosts::AllowedHosts;
use crate::signature::Secret;

/// How many connections are kept. Slack allows ten.
const CONNECTIONS: usize = 2;
/// A connection that lived so long was a good one: the next attempt is not held back.
const STEADY: Duration = Duration::from_secs(60);
/// Longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Longest pause that Slack may ask for: without a connection nobody is heard.
const LONGEST_ASKED: Duration = Duration::from_secs(300);
/// Pause after a refusal that only a person can lift: a token, a switch in the app's settings.
const REFUSED_PAUSE: Duration = Duration::from_secs(60);

/// What the connections share.
struct Shared {
    api: SlackChat,
    hosts: AllowedHosts,
    intake: Arc<dyn Intake>,
    word: CommandWord,
}

/// Socket Mode: commands and interactions over connections that this side opens.
pub struct SocketMode {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for SocketMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SocketMode")
    }
}

impl SocketMode {
    /// Connections for the app that `app_token` (`SLACK_APP_TOKEN`, `xapp-...`) belongs to, asked for at `api_url`. Answers name
    /// the slash command `word`.
    ///
    /// # Errors
    /// As [`SlackChat::new`].
    pub fn new(
        api_url: &str,
        app_token: &Secret,
        word: CommandWord,
        intake: Arc<dyn Intake>,
    ) -> Result<SocketMode, SetupError> {
        let (api, hosts) = (SlackChat::new(api_url, app_token)?, AllowedHosts::new(api_url));
        Ok(SocketMode { shared: Arc::new(Shared { api, hosts, intake, word }) })
    }

    /// Keeps the connections until `stop` is true, then acknowledges what was taken and closes them.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let keepers: Vec<_> = (0..CONNECTIONS)
            .map(|number| tokio::spawn(keep(self.shared.clone(), number, stop.clone())))
            .collect();
        for keeper in keepers {
            let _ = keeper.await;
        }
    }
}

/// Keeps one connection: when it ends, or is about to, there is a next one.
async fn keep(shared: Arc<Shared>, number: usize, mut stop: watch::Receiver<bool>) {
    let mut failures = 0_u32;
    let mut leaving = Vec::new();
    loop {
        let began = Instant::now();
        let (leaves, mut left) = oneshot::channel();
        let mut link = tokio::spawn(link::run(shared.clone(), number, stop.clone(), leaves));
        let ended = tokio::select! {
            Ok(()) = &mut left => Ended::Replaced,
            ended = &mut link => ended.unwrap_or_else(|_| Ended::Broken {
                why: "its reader failed".to_owned(),
                after: None,
            }),
        };
        failures = if began.elapsed() >= STEADY { 0 } else { failures.saturating_add(1) };
        let pause = match ended {
            Ended::Stopped => break,
            Ended::Replaced => {
                // It reads on until Slack closes it, beside its successor.
                leaving.retain(|link: &tokio::task::JoinHandle<Ended>| !link.is_finished());
                leaving.push(link);
                if failures == 0 { Duration::ZERO } else { pause_after(failures) }
            }
            Ended::Broken { why, after } => {
                let pause = pause_after(failures.max(1)).max(after.unwrap_or_default().min(LONGEST_ASKED));
                tracing::warn!(number, why, pause_s = pause.as_secs_f32(), "slack connection lost");
                pause
            }
            Ended::Refused { why } => {
                tracing::error!(number, why, "slack refuses the connection");
                REFUSED_PAUSE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stopped(&mut stop) => break,
        }
    }
    for link in leaving {
        let _ = link.await;
    }
}

/// Comes back once we are told to stop, or nobody is there any more who could.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Half a second, doubled with each failure, up to [`LONGEST_PAUSE`]; then up to half of it more, so that not everybody
/// comes back at once after an outage of Slack's.
fn pause_after(failures: u32) -> Duration {
    let pause = Duration::from_millis(250).saturating_mul(1 << failures.min(8)).min(LONGEST_PAUSE);
    // Seeded anew by the system for each state: enough to spread attempts, and not meant to be more.
    let random = RandomState::new().build_hasher().finish();
    pause + (pause / 2).mul_f64((random % 1_000) as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        for (failures, least_ms) in [(1, 500), (2, 1_000), (5, 8_000), (7, 30_000), (u32::MAX, 30_000)] {
            let pause = pause_after(failures).as_millis();
            assert!((least_ms..=least_ms * 3 / 2).contains(&pause), "{failures}: {pause}");
        }
    }
}
