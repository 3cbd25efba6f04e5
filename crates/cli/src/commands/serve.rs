//! `blocks serve`: the server.

use std::sync::Arc;
use std::time::Duration;

use blocks_server::{ApiToken, EngineLock, Server, ServerParts};
use runbook_core::ports::Intake;
use slack_bot::SocketMode;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::compose::{Adapters, check_programs, engine, open_store};
use super::logs;
use crate::args::ServeArgs;
use crate::config::{Config, Secrets, alerts, changes};
use crate::exit::{Code, Stop};

/// How long running commands may still take when the server is told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until it is told to stop.
pub(crate) async fn run(args: &ServeArgs, config: Option<&std::path::Path>) -> Result<Code, Stop> {
    let config = Config::load(config);
    let secrets = Secrets::read();
    logs::init(&secrets.as_ref().map(Secrets::all).unwrap_or_default());
    check_programs()?;
    let (config, secrets) = (config?, secrets?);
    let mut lock =
        EngineLock::acquire(&config.data_dir).map_err(|error| Stop::new(Code::Refused, error.to_string()))?;
    let store = open_store(&config)?;
    let engine = engine(&config, &secrets, store, Adapters::Configured)?;
    let listen = &config.file.server.listen;
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        Stop::failed(format!(
            "RB0030: cannot listen on {listen}: {error}\nhint: change [server] listen, or stop what listens there"
        ))
    })?;
    let socket = config.data_dir.join("engine.sock");
    let parts = ServerParts {
        listener,
        socket: socket.clone(),
        token: secrets.get("BLOCKS_API_TOKEN").map(|token| ApiToken::new(token.to_owned())),
        adapters: adapters(&config, &secrets, &engine)?,
    };
    // Before anybody can ask for anything: what begins now is not to be taken for what an earlier process left. Whoever
    // comes meanwhile waits at the listener.
    engine.keep_runbooks_fresh().await;
    engine.start().await?;
    let sockets = sockets(&config, &secrets, &engine)?;
    let server = Server::start(&engine, parts).map_err(Stop::failed)?;
    let (stop, stopped) = watch::channel(false);
    let sockets = sockets.map(|sockets| tokio::spawn(sockets.run(stopped)));
    lock.publish(Some(server.address.to_string()), Some(socket)).map_err(Stop::failed)?;
    tracing::info!(address = %server.address, "serving");
    wait_for_the_end(args.end_with_stdin).await?;
    tracing::info!("stopping: finishing what is under way");
    let _ = stop.send(true);
    if let Some(sockets) = sockets {
        // They end by themselves well before; a peer that takes nothing must not keep the server from ending.
        if tokio::time::timeout(DRAIN, sockets).await.is_err() {
            tracing::warn!("a slack connection does not end, and is left");
        }
    }
    server.stop().await;
    engine.drain(DRAIN).await;
    Ok(Code::Success)
}

fn adapters(
    config: &Config,
    secrets: &Secrets,
    engine: &blocks_engine::Engine,
) -> Result<Vec<axum::Router>, Stop> {
    let intake: Arc<dyn Intake> = Arc::new(engine.clone());
    let mut routers = Vec::new();
    if let Some(pagerduty) = &config.file.pagerduty
        && pagerduty.has_webhooks()
    {
        let secret = secrets.need("PAGERDUTY_WEBHOOK_SECRET", "[pagerduty] mode = \"webhook\"")?;
        let hook = pagerduty_hook::HookConfig { secrets: pagerduty_hook::Secret::list(secret) };
        routers.push(pagerduty_hook::router(hook, intake.clone()));
    }
    let hooks = alerts::hooks(&config.file, secrets)?;
    if !hooks.is_empty() {
        routers.push(blocks_alerts::router(hooks, &intake));
    }
    let tokens = changes::tokens(secrets);
    if !tokens.is_empty() {
        routers.push(blocks_changes::router(tokens, intake.clone()));
    }
    if let Some(slack) = &config.file.slack
        && slack.mode.has_http()
    {
        let secret = secrets.need("SLACK_SIGNING_SECRET", "[slack] mode = \"http\"")?;
        let inbound = slack_bot::InboundConfig {
            signing_secret: slack_bot::Secret::new(secret),
            command: slack.word(),
        };
        routers.push(slack_bot::router(inbound, intake));
    }
    Ok(routers)
}

/// Socket Mode, where it is configured.
fn sockets(
    config: &Config,
    secrets: &Secrets,
    engine: &blocks_engine::Engine,
) -> Result<Option<SocketMode>, Stop> {
    let Some(slack) = config.file.slack.as_ref().filter(|slack| slack.mode.has_sockets()) else {
        return Ok(None);
    };
    let token = slack_bot::Secret::new(secrets.need("SLACK_APP_TOKEN", "[slack] mode = \"socket\"")?);
    SocketMode::new(&slack.api_url, &token, slack.word(), Arc::new(engine.clone()))
        .map(Some)
        .map_err(Stop::usage)
}

/// Waits for TERM, INT, or the end of standard input when a parent asked for that.
pub(crate) async fn wait_for_the_end(end_with_stdin: bool) -> Result<(), Stop> {
    let mut term = signal(SignalKind::terminate()).map_err(Stop::failed)?;
    let mut int = signal(SignalKind::interrupt()).map_err(Stop::failed)?;
    let stdin_closed = async {
        if !end_with_stdin {
            std::future::pending::<()>().await;
        }
        let mut stdin = tokio::io::stdin();
        let mut buffer = [0_u8; 64];
        while stdin.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
        () = stdin_closed => {}
    }
    Ok(())
}
