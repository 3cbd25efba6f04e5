//! Building an engine from a configuration.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use blocks_changes::ChangeTranslator;
use blocks_engine::{Engine, Parts, SystemClock, UuidV7};
use blocks_exec::{ExecConfig, KindExecutor, PromqlMeter, find_program};
use blocks_notices::{
    AtlassianPage, HeartbeatConfig, HttpHeartbeat, SmtpConfig, SmtpMail, SmtpTls, StatuspageConfig,
};
use blocks_store::{OpenError, SqliteStore};
use pagerduty_hook::{EventsConfig, PagerDutyClient, PagerDutyConfig, PagerDutyTranslator};
use runbook_core::ports::{Chat, Mail, Pager, StatusPage, Translator, Watcher};
use slack_bot::{SlackChat, SlackTranslator};

use crate::config::{Config, HeartbeatMethod, PagerDutyMode, Secrets, SlackMode, SmtpTlsWord, connections};
use crate::exit::{Code, Stop};
use crate::secret_key;

/// How long one call to PagerDuty may take.
const PAGERDUTY_TIMEOUT: Duration = Duration::from_secs(10);

/// Programs that runbooks are written for. Without them nothing is started.
pub(crate) const NEEDED_PROGRAMS: [&str; 2] = ["bash", "curl"];

/// Says what is missing before anything starts.
pub(crate) fn check_programs() -> Result<(), Stop> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    for name in NEEDED_PROGRAMS {
        if find_program(name, &path).is_none() {
            return Err(Stop::new(
                Code::Failed,
                format!(
                    "RB0006: {name} is not on PATH, and runbooks need it\nhint: install {name} with the system's package manager"
                ),
            ));
        }
    }
    Ok(())
}

/// Whether the engine talks to the outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adapters {
    /// Slack and PagerDuty as configured.
    Configured,
    /// None: a terminal's own run.
    None,
}

/// Opens the store, or says why not.
pub(crate) fn open_store(config: &Config) -> Result<Arc<SqliteStore>, Stop> {
    SqliteStore::open(&config.database).map(Arc::new).map_err(|error| not_opened(&error))
}

/// A store that cannot be opened, with its code.
pub(crate) fn not_opened(error: &OpenError) -> Stop {
    Stop::failed(format!("{}: {error}\nhint: {}", error.code(), error.hint()))
}

/// Builds the engine.
pub(crate) fn engine(
    config: &Config,
    secrets: &Secrets,
    store: Arc<SqliteStore>,
    adapters: Adapters,
) -> Result<Engine, Stop> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let bash = find_program("bash", &path)
        .ok_or_else(|| Stop::failed("RB0006: bash is not on PATH\nhint: install bash"))?;
    let connections = connections(config)?;
    let meter = PromqlMeter::new(connections.clone());
    let executor =
        KindExecutor::new(exec_config(config, secrets, &bash), connections).map_err(Stop::usage)?;
    let mut translators: Vec<Arc<dyn Translator>> = Vec::new();
    let mut chat: Option<Arc<dyn Chat>> = None;
    let mut pager: Option<Arc<dyn Pager>> = None;
    if adapters == Adapters::Configured {
        if let Some(slack) = config.file.slack.as_ref().filter(|slack| slack.mode != SlackMode::Off) {
            let token = slack_bot::Secret::new(secrets.need("SLACK_BOT_TOKEN", "[slack]")?);
            let client = SlackChat::new(&slack.api_url, &token).map_err(Stop::usage)?;
            chat = Some(Arc::new(client.with_command(slack.word())));
            translators.push(Arc::new(SlackTranslator::new(&slack.api_url)));
        }
        if let Some(pagerduty) = config.file.pagerduty.as_ref().filter(|p| p.mode != PagerDutyMode::Off) {
            translators.push(Arc::new(PagerDutyTranslator));
            let token = secrets.need("PAGERDUTY_API_TOKEN", "[pagerduty]")?;
            let client = pagerduty_client(&pagerduty.api_url, token, pagerduty.from.clone())?;
            pager = Some(match events_config(config, secrets)? {
                Some(events) => Arc::new(client.with_events(events).map_err(Stop::usage)?),
                None => Arc::new(client),
            });
        }
        let alerts = crate::config::alerts::translators(&config.file).into_iter();
        translators.extend(alerts.map(|translator| Arc::new(translator) as Arc<dyn Translator>));
        // what was stored while there was a token is understood without one
        translators.push(Arc::new(ChangeTranslator));
    }
    let mut mail: Option<Arc<dyn Mail>> = None;
    let mut status_page: Option<Arc<dyn StatusPage>> = None;
    if adapters == Adapters::Configured {
        mail = smtp(config, secrets)?.map(|mail| Arc::new(mail) as Arc<dyn Mail>);
        status_page = statuspage(config, secrets)?.map(|page| Arc::new(page) as Arc<dyn StatusPage>);
    }
    let watcher = match adapters {
        Adapters::Configured => heartbeat(config, secrets)?.map(|one| Arc::new(one) as Arc<dyn Watcher>),
        Adapters::None => None,
    };
    let mut settings = config.settings.clone();
    settings.sends_events = events_config(config, secrets)?.is_some();
    settings.tells_changes = settings.sends_events
        && config.file.pagerduty.as_ref().is_some_and(|pagerduty| pagerduty.change_events != Some(false));
    settings.secret_key = Some(secret_key::needed(&config.data_dir)?);
    Ok(Engine::new(Parts {
        store,
        executor: Arc::new(executor),
        chat,
        pager,
        mail,
        status_page,
        meter: Some(Arc::new(meter)),
        watcher,
        translators,
        clock: Arc::new(SystemClock),
        ids: Arc::new(UuidV7),
        library: config.library.clone(),
        settings,
    }))
}

/// The way to send mail, when one is configured.
pub(crate) fn smtp(config: &Config, secrets: &Secrets) -> Result<Option<SmtpMail>, Stop> {
    let Some(table) = &config.file.smtp else { return Ok(None) };
    let login = match &table.user {
        Some(user) => {
            let password = secrets.need("SMTP_PASSWORD", "[smtp] user")?;
            Some((user.clone(), blocks_notices::Secret::new(password)))
        }
        None => None,
    };
    let smtp = SmtpConfig {
        host: table.host.clone(),
        port: table.port,
        from: table.from.clone(),
        tls: match table.tls {
            SmtpTlsWord::Starttls => SmtpTls::Starttls,
            SmtpTlsWord::Implicit => SmtpTls::Implicit,
            SmtpTlsWord::None => SmtpTls::None,
        },
        login,
    };
    SmtpMail::new(smtp).map(Some).map_err(Stop::usage)
}

/// Who is told that Blocks works, when somebody is.
pub(crate) fn heartbeat(config: &Config, secrets: &Secrets) -> Result<Option<HttpHeartbeat>, Stop> {
    let table = &config.file.heartbeat;
    let Some(url) = &table.url else { return Ok(None) };
    let secret = match url.contains(blocks_notices::PLACE) {
        true => Some(blocks_notices::Secret::new(secrets.need("HEARTBEAT_SECRET", "[heartbeat] url")?)),
        false => None,
    };
    let post = table.method == HeartbeatMethod::Post;
    HttpHeartbeat::new(&HeartbeatConfig { url: url.clone(), secret, post }).map(Some).map_err(Stop::usage)
}

/// The public status page, when one is configured.
pub(crate) fn statuspage(config: &Config, secrets: &Secrets) -> Result<Option<AtlassianPage>, Stop> {
    let Some(table) = &config.file.statuspage else { return Ok(None) };
    let page = StatuspageConfig {
        api_url: table.api_url.clone(),
        page_id: table.page_id.clone(),
        key: blocks_notices::Secret::new(secrets.need("STATUSPAGE_API_KEY", "[statuspage]")?),
    };
    AtlassianPage::new(&page).map(Some).map_err(Stop::usage)
}

/// Where events are sent, where there is a routing key.
fn events_config(config: &Config, secrets: &Secrets) -> Result<Option<EventsConfig>, Stop> {
    let Some(pagerduty) = config.file.pagerduty.as_ref().filter(|p| p.mode != PagerDutyMode::Off) else {
        return Ok(None);
    };
    let key = match (pagerduty.change_events, secrets.get("PAGERDUTY_ROUTING_KEY")) {
        (_, Some(key)) => key,
        (Some(true), None) => secrets.need("PAGERDUTY_ROUTING_KEY", "[pagerduty] change_events = true")?,
        (_, None) => return Ok(None),
    };
    let url = &pagerduty.events_url;
    let events_url = url
        .parse()
        .map_err(|error| Stop::usage(format!("pagerduty.events_url '{url}' is not a URL: {error}")))?;
    let routing_key = pagerduty_hook::Secret::new(key);
    Ok(Some(EventsConfig { events_url, routing_key, timeout: PAGERDUTY_TIMEOUT }))
}

/// A client of PagerDuty's REST API.
pub(crate) fn pagerduty_client(
    api_url: &str,
    token: &str,
    from: Option<String>,
) -> Result<PagerDutyClient, Stop> {
    let api_url = api_url
        .parse()
        .map_err(|error| Stop::usage(format!("pagerduty.api_url '{api_url}' is not a URL: {error}")))?;
    let config = PagerDutyConfig {
        api_url,
        token: pagerduty_hook::Secret::new(token),
        from,
        timeout: PAGERDUTY_TIMEOUT,
    };
    PagerDutyClient::new(config).map_err(Stop::usage)
}

fn exec_config(config: &Config, secrets: &Secrets, bash: &Path) -> ExecConfig {
    let mut exec = ExecConfig::new(bash.to_path_buf(), config.data_dir.join("runs"));
    exec.env_names = config.file.exec.env.clone();
    exec.env = std::env::vars().collect::<BTreeMap<_, _>>();
    exec.secrets = secrets.all();
    exec
}
