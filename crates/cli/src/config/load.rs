//! From the file to settings, with file and line for every mistake.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use blocks_engine::{
    HandoverSettings, HeartbeatSettings, Library, PirSettings, SecretSource, ServiceSettings, Settings,
};
use chrono::{Offset as _, TimeZone as _};
use runbook_core::duration::parse_seconds;
use runbook_core::people::Directory;
use runbook_core::plan::ApprovalPolicy;
use runbook_core::severity;
use slack_bot::CommandWord;

use super::file::{
    ConfigFile, HeartbeatTable, PagerDutyMode, PagerDutyTable, ParamValue, ServiceTable, SlackMode,
};
use super::places;

/// The configuration file that is used when none is named.
const DEFAULT_FILE: &str = "blocks.toml";
/// The data folder that is used without a configuration file.
const DEFAULT_DATA_DIR: &str = "blocks-data";
/// Seconds that an approval may take.
const APPROVAL_WINDOW_S: u32 = 30 * 60;
/// What to write instead of an unknown severity.
const SEVERITY_HINT: &str = "one of P1, P2, P3, P4";

/// A configuration that holds together.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The file as read.
    pub(crate) file: ConfigFile,
    /// `None`: no file was named and none is there.
    pub(crate) path: Option<PathBuf>,
    /// The SQLite file.
    pub(crate) database: PathBuf,
    /// The folder of the database, the lock and the socket.
    pub(crate) data_dir: PathBuf,
    /// What the engine needs.
    pub(crate) settings: Settings,
    /// The runbooks.
    pub(crate) library: Library,
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("RB0001: {path} cannot be read: {source}\nhint: name another file with --config")]
    Unreadable { path: String, source: std::io::Error },
    #[error(
        "RB0002: {path}:{line}:{column}: {message}\nhint: docs/reference/configuration.md lists every key"
    )]
    Form { path: String, line: usize, column: usize, message: String },
    #[error("RB0003: {path}:{line}: {message}\nhint: {hint}")]
    Meaning { path: String, line: usize, message: String, hint: String },
}

impl Config {
    /// Reads the configuration: the named file, else `./blocks.toml`, else the defaults of a lone machine.
    pub(crate) fn load(named: Option<&Path>) -> Result<Config, ConfigError> {
        let default = Path::new(DEFAULT_FILE);
        let path = match named {
            Some(path) => Some(path),
            // What may not be looked at is not absent: reading it says why.
            None => (!matches!(default.try_exists(), Ok(false))).then_some(default),
        };
        let Some(path) = path else { return Config::from_text("", None) };
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.display().to_string(), source })?;
        Config::from_text(&text, Some(path))
    }

    fn from_text(text: &str, path: Option<&Path>) -> Result<Config, ConfigError> {
        let shown = path.map_or_else(|| DEFAULT_FILE.to_owned(), |path| path.display().to_string());
        let file: ConfigFile = toml::from_str(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            let (line, column) = places::position(text, offset);
            ConfigError::Form { path: shown.clone(), line, column, message: error.message().to_owned() }
        })?;
        let wrong = |key: &str, message: String, hint: &str| ConfigError::Meaning {
            path: shown.clone(),
            line: places::line(text, key),
            message,
            hint: hint.to_owned(),
        };
        let base = path.and_then(Path::parent).map_or_else(PathBuf::new, Path::to_path_buf);
        let base = if base.as_os_str().is_empty() { PathBuf::from(".") } else { base };
        let database = match file.store.url.strip_prefix("sqlite:") {
            Some(relative) => real(base.join(relative)),
            None => {
                return Err(wrong(
                    "store.url",
                    format!(
                        "the store '{}' cannot be used: this release keeps its journal in SQLite",
                        file.store.url
                    ),
                    "write url = \"sqlite:blocks-data/blocks.db\"",
                ));
            }
        };
        let data_dir = match (path, database.parent()) {
            (None, _) => PathBuf::from(DEFAULT_DATA_DIR),
            (Some(_), Some(parent)) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            (Some(_), _) => base.clone(),
        };
        let severities = match &file.runbooks.severities {
            None => severity::parse(runbooks::SEVERITIES).map_err(|error| {
                wrong("severity", error.to_string(), "this is a defect of the build: please report it")
            })?,
            Some(own) => {
                let key = "runbooks.severities";
                let text = std::fs::read_to_string(base.join(own)).map_err(|error| {
                    wrong(key, format!("'{own}' cannot be read: {error}"), "a file beside this one")
                })?;
                severity::parse(&text).map_err(|error| {
                    wrong(key, format!("{own}: {error}"), "runbooks/severities.toml of Blocks is an example")
                })?
            }
        };
        check_modes(&file).map_err(|(key, message, hint)| wrong(key, message, hint))?;
        let unknown_severity = |id: &String| severities.default_scheme().get(id).is_none();
        let mut named = file.slack.iter().flat_map(|slack| slack.channel_per_incident.iter().enumerate());
        if let Some((index, id)) = named.find(|(_, id)| unknown_severity(id)) {
            let message = format!("channel_per_incident names the unknown severity '{id}'");
            return Err(wrong(&format!("slack.channel_per_incident.{index}"), message, SEVERITY_HINT));
        }
        let mut priorities = file.pagerduty.iter().flat_map(|pagerduty| pagerduty.priorities.keys());
        if let Some(id) = priorities.find(|id| unknown_severity(id)) {
            let message = format!("[pagerduty.priorities] names the unknown severity '{id}'");
            return Err(wrong(&format!("pagerduty.priorities.{id}"), message, SEVERITY_HINT));
        }
        let bridges = file.slack.iter().map(|slack| ("slack.bridge".to_owned(), &slack.bridge));
        let of_services = file.service.iter().enumerate();
        let of_services =
            of_services.map(|(index, service)| (format!("service.{index}.bridge"), &service.bridge));
        for (key, bridge) in bridges.chain(of_services) {
            if let Some(address) = bridge.as_ref().filter(|address| !is_web_address(address)) {
                let message = format!("the bridge '{address}' is no address of the web");
                return Err(wrong(&key, message, "write it as https://meet.example.com/incidents"));
            }
        }
        let directory = Directory::new(file.person.clone()).map_err(|error| {
            // The one to change is the first with whom it does not fit.
            let fits =
                |count: &usize| Directory::new(file.person.iter().take(*count).cloned().collect()).is_ok();
            let index = (1..=file.person.len()).take_while(fits).count();
            wrong(&format!("person.{index}"), error.to_string(), "give each [[person]] their own ids")
        })?;
        for (index, group) in file.group.iter().enumerate() {
            // Slack's ids of user groups; a handle is somebody's to change
            if !group.slack_id.starts_with('S')
                || group.slack_id.contains(|c: char| !c.is_ascii_alphanumeric())
            {
                let message = format!("'{}' is no id of a Slack user group", group.slack_id);
                let hint = "it is S0123ABCD in the group's address in Slack";
                return Err(wrong(&format!("group.{index}.slack_id"), message, hint));
            }
        }
        for (index, service) in file.service.iter().enumerate() {
            if file.service.iter().take(index).any(|other| other.name == service.name) {
                let message = format!("two services are named '{}'", service.name);
                let key = format!("service.{index}.name");
                return Err(wrong(&key, message, "give each [[service]] its own name"));
            }
            if let Some(id) = service.severity.as_ref().filter(|id| unknown_severity(id)) {
                let message = format!("service '{}' has the unknown severity '{id}'", service.name);
                return Err(wrong(&format!("service.{index}.severity"), message, SEVERITY_HINT));
            }
            for (name, value) in &service.params {
                if let Some((message, hint)) = wrong_source(&file, name, value) {
                    return Err(wrong(&format!("service.{index}.params.{name}"), message, hint));
                }
            }
        }
        super::connections::check(&file.connection).map_err(|(index, (key, message, hint))| {
            wrong(&format!("connection.{index}.{key}"), message, hint)
        })?;
        let updates = super::updates::settings(&file, &base)
            .map_err(|(key, message, hint)| wrong(&key, message, hint))?;
        let alerts = super::alerts::policy(&file, severities.default_scheme())
            .map_err(|(key, message, hint)| wrong(&key, message, hint))?;
        super::changes::check(&file).map_err(|(key, message, hint)| wrong(&key, message, hint))?;
        let zone = zone(&file.time.zone).ok_or_else(|| {
            wrong(
                "time.zone",
                format!("there is no time zone '{}'", file.time.zone),
                "a name such as UTC or Europe/Madrid",
            )
        })?;
        let handover_at = match file.handover.at.as_deref() {
            None => None,
            Some(at) => Some(chrono::NaiveTime::parse_from_str(at, "%H:%M").map_err(|_| {
                wrong("handover.at", format!("'{at}' is no time of day"), "hours and minutes, such as 18:00")
            })?),
        };
        let HeartbeatTable { every_s, gap_s, .. } = file.heartbeat;
        if !(1..=86_400).contains(&every_s) || gap_s <= every_s || gap_s > 30 * 86_400 {
            return Err(wrong(
                "heartbeat.gap_s",
                format!("a silence of {gap_s} s cannot be told where one beats every {every_s} s"),
                "every_s from 1 to 86400, and gap_s above it: three of them at least make sense",
            ));
        }
        let repeat_window_s = parse_seconds(&file.locks.repeat_window).ok_or_else(|| {
            wrong(
                "locks.repeat_window",
                format!("'{}' is not a duration", file.locks.repeat_window),
                "such as 30 min; 0 s for never",
            )
        })?;
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let data_dir = absolute(data_dir);
        let git = super::git::source(&file.runbooks, &base, &data_dir)
            .map_err(|(key, message, hint)| wrong(&format!("runbooks.{key}"), message, hint))?;
        let bridge = file.slack.as_ref().and_then(|slack| slack.bridge.as_deref());
        let folders = file.runbooks.paths.iter().map(|path| absolute(base.join(path))).collect();
        let library = Library::new(folders, runbooks::RUNBOOKS, data_dir.clone()).with_git(git.clone());
        let triggers = super::triggers::triggers(&file, &severities, &library)
            .map_err(|(key, message, hint)| wrong(&key, message, hint))?;
        let rules = super::rules::rules(&file, &severities, &library)
            .map_err(|(key, message, hint)| wrong(&key, message, hint))?;
        let triage =
            super::rules::triage(&file).map_err(|(key, message, hint)| wrong(&key, message, hint))?;
        let settings = Settings {
            rules,
            triage,
            git,
            drilled: file.runbooks.drilled.clone(),
            services: file.service.iter().map(|table| service(table, bridge, &absolute, &base)).collect(),
            directory: directory.into(),
            groups: file.group.clone(),
            severities,
            // Without a file there is nobody else to ask: the local user confirms by typing the target's name.
            policy: if path.is_some() {
                ApprovalPolicy {
                    reversible: file.approvals.reversible,
                    irreversible: file.approvals.irreversible,
                }
            } else {
                ApprovalPolicy { reversible: 0, irreversible: 0 }
            },
            approval_window_s: APPROVAL_WINDOW_S,
            page_approvals: file.approvals.page,
            handover: HandoverSettings {
                at: handover_at,
                channel: file.handover.channel.clone(),
                // read just above
                zone: file.time.zone.parse().unwrap_or(chrono_tz::UTC),
            },
            repeat_window_s,
            channel_per_incident: file
                .slack
                .as_ref()
                .map_or_else(Vec::new, |slack| slack.channel_per_incident.clone()),
            exec_env: file.exec.env.clone(),
            connections: file.connection.iter().map(super::connections::place).collect(),
            data_dir: data_dir.clone(),
            has_chat: file.slack.as_ref().is_some_and(|slack| slack.mode != SlackMode::Off),
            has_pager: file.pagerduty.as_ref().is_some_and(|pagerduty| pagerduty.mode != PagerDutyMode::Off),
            heartbeat: Some(HeartbeatSettings {
                every: Duration::from_secs(file.heartbeat.every_s),
                gap: Duration::from_secs(file.heartbeat.gap_s),
            }),
            // whether there is a routing key is known where the engine is built
            pager_from: file.pagerduty.as_ref().and_then(|pagerduty| pagerduty.from.clone()),
            sends_events: false,
            tells_changes: false,
            tells_pager: file.pagerduty.as_ref().is_some_and(|pagerduty| {
                let has_chat = file.slack.as_ref().is_some_and(|slack| slack.mode != SlackMode::Off);
                pagerduty.mode != PagerDutyMode::Off && pagerduty.diagnostics.unwrap_or(!has_chat)
            }),
            triggers,
            rotations: super::rotations::rotations(&file)
                .map_err(|(key, message, hint)| wrong(&key, message, hint))?,
            pager_priorities: file
                .pagerduty
                .as_ref()
                .map(|pagerduty| pagerduty.priorities.clone())
                .unwrap_or_default(),
            pager_look: file.pagerduty.as_ref().and_then(PagerDutyTable::look),
            updates,
            alerts,
            secret_key: None,
            pir: PirSettings {
                dir: absolute(base.join(&file.pir.dir)),
                template: runbooks::PIR_TEMPLATE.to_owned(),
                zone,
            },
        };
        Ok(Config {
            path: path.map(Path::to_path_buf),
            database: absolute(database),
            data_dir,
            settings,
            library,
            file,
        })
    }
}

/// The file that a link leads to: the lock lies beside the journal, by whatever name it is called.
fn real(database: PathBuf) -> PathBuf {
    std::fs::canonicalize(&database).unwrap_or(database)
}

/// Seconds between two looks at PagerDuty: fewer would use up what it takes in a minute.
const MIN_POLL_S: u64 = 2;
const MAX_POLL_S: u64 = 60;

/// What a key says that cannot work: the key, why, and what to write.
fn check_modes(file: &ConfigFile) -> Result<(), (&'static str, String, &'static str)> {
    if !is_address(&file.server.listen) {
        return Err((
            "server.listen",
            format!("'{}' is not an address to listen on", file.server.listen),
            "write address and port, such as listen = \"127.0.0.1:7070\"",
        ));
    }
    if let Some(slack) = &file.slack
        && CommandWord::new(&slack.command).is_err()
    {
        return Err(("slack.command", format!("'{}' is no slash command", slack.command), CommandWord::RULE));
    }
    if let Some(pagerduty) = &file.pagerduty
        && !(MIN_POLL_S..=MAX_POLL_S).contains(&pagerduty.poll_s)
    {
        return Err((
            "pagerduty.poll_s",
            format!("{} is no pause between two looks at PagerDuty", pagerduty.poll_s),
            "write 2 to 60 seconds, such as poll_s = 5",
        ));
    }
    // the look lists the incidents of these services alone, and nothing else would tell of a page
    if let Some(pagerduty) = &file.pagerduty
        && pagerduty.mode == PagerDutyMode::Poll
        && !file.names_pager_services()
    {
        return Err((
            "pagerduty.mode",
            "with mode = \"poll\" Blocks looks at the services that have a `pagerduty_id`, and no [[service]] has one: it would never hear of a page".to_owned(),
            "write pagerduty_id = \"PXXXXXX\" under a [[service]]: it stands in the address of the service's page at PagerDuty; mode = \"webhook\" needs none",
        ));
    }
    Ok(())
}

/// What cannot work about where a secret parameter's value is.
fn wrong_source(file: &ConfigFile, name: &str, value: &ParamValue) -> Option<(String, &'static str)> {
    match value {
        ParamValue::Text(_) => None,
        ParamValue::Env { env } if env.is_empty() || env.contains(['=', '\0']) => {
            Some((format!("'{env}' cannot be a variable's name"), "write { env = \"NAME\" }"))
        }
        ParamValue::Env { env } if file.exec.env.contains(env) => Some((
            format!(
                "the value of the parameter '{name}' is in {env}, which `[exec] env` hands to every command"
            ),
            "take it out of `[exec] env`: a command gets the secrets of its own runbook only",
        )),
        ParamValue::File { file } if file.is_empty() => {
            Some((format!("the parameter '{name}' names no file"), "write { file = \"path\" }"))
        }
        ParamValue::Env { .. } | ParamValue::File { .. } => None,
    }
}

/// An address with a port, or the name of a host with one.
fn is_address(text: &str) -> bool {
    let is_host = |host: &str| {
        !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
    };
    text.parse::<std::net::SocketAddr>().is_ok()
        || text.rsplit_once(':').is_some_and(|(host, port)| is_host(host) && port.parse::<u16>().is_ok())
}

/// A service; files of secrets are relative to the configuration's folder.
fn service(
    table: &ServiceTable,
    bridge: Option<&str>,
    absolute: &dyn Fn(PathBuf) -> PathBuf,
    base: &Path,
) -> ServiceSettings {
    let mut params = BTreeMap::new();
    let mut secrets = BTreeMap::new();
    for (name, value) in &table.params {
        let source = match value {
            ParamValue::Text(value) => {
                params.insert(name.clone(), value.clone());
                continue;
            }
            ParamValue::Env { env } => SecretSource::Env(env.clone()),
            ParamValue::File { file } => SecretSource::File(absolute(base.join(file))),
        };
        secrets.insert(name.clone(), source);
    }
    ServiceSettings {
        name: table.name.clone(),
        aliases: table.aliases.clone(),
        // it was checked when the file was read
        deployments: super::changes::deployments(table, base).ok().flatten(),
        // a blank one is none, as for everybody who asks whether there is one
        pagerduty_id: table
            .pagerduty_id
            .as_deref()
            .map(str::trim)
            .filter(|id| !id.is_empty())
            .map(str::to_owned),
        channel: table.channel.clone(),
        bridge: table.bridge.clone().or_else(|| bridge.map(str::to_owned)),
        severity: table.severity.clone(),
        triage: table.triage.clone(),
        rollback: table.rollback.clone(),
        approvals: table.approvals,
        private: table.private,
        quiet: table.quiet,
        params,
        secrets,
    }
}

fn is_web_address(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// The zone's present offset: it only names the day of a file.
fn zone(name: &str) -> Option<chrono::FixedOffset> {
    let zone: chrono_tz::Tz = name.parse().ok()?;
    let now = blocks_engine::Clock::now(&blocks_engine::SystemClock);
    Some(zone.offset_from_utc_datetime(&now.naive_utc()).fix())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_shown_with_file_and_line() {
        for (text, line, word) in [
            ("[server]\nlisten = 5\n", 2, "string"),
            ("[server]\nlisten = \"127.0.0.1:1\"\nport = 3\n", 3, "port"),
            ("[slack]\nmode = \"sockets\"\n", 2, "sockets"),
            ("[[person]]\nslack_id = \"U1\"\n", 1, "name"),
            ("[store]\nurl = \"postgres://x\"\n", 2, "SQLite"),
            ("[time]\nzone = \"Mars\"\n", 2, "Mars"),
            ("[handover]\nchannel = \"C1\"\nat = \"6 pm\"\n", 3, "6 pm"),
            ("[handover]\nwhen = \"18:00\"\n", 2, "when"),
            (
                "[[rotation]]\nname = \"primary\"\npeople = [\"ana\"]\nstart = \"2026-11-30\"\n",
                3,
                "'ana', who is nobody",
            ),
            ("[[trigger]]\nname = \"A\"\nsays = \"x\"\nwhen = \">\"\nlimit = 1\n", 2, "trigger's name"),
            ("[[trigger]]\nname = \"a\"\nsays = \"x\"\nwhen = \"=\"\nlimit = 1\n", 4, "variant"),
            ("[[trigger]]\nname = \"a\"\nsays = \"x\"\nwhen = \">\"\nlimit = 1\n", 2, "asks for nothing"),
            (
                "[[trigger]]\nname = \"a\"\nsays = \"x\"\nquery = \"up\"\nwhen = \">\"\nlimit = 1\n",
                2,
                "not just one of kind prometheus",
            ),
            (
                "[[trigger]]\nname = \"a\"\nsays = \"x\"\ncount = \"incidents\"\nwhen = \">\"\nlimit = 1\n",
                2,
                "would tell nobody",
            ),
            (
                "[[trigger]]\nname = \"a\"\nsays = \"x\"\ncount = \"incidents\"\nwhen = \">\"\nlimit = 1\nchannel = \"c\"\nplan = \"p\"\n",
                8,
                "no severity",
            ),
            (
                "[[service]]\nname = \"s\"\nprivate = true\n[[trigger]]\nname = \"a\"\nsays = \"x\"\ncount = \"incidents\"\nwhen = \">\"\nlimit = 1\nchannel = \"c\"\nservice = \"s\"\n",
                11,
                "its service 's' is private",
            ),
            (
                "[[trigger]]\nname = \"a\"\nsays = \"x\"\ncount = \"incidents\"\nwhen = \">\"\nlimit = 1\nseverity = \"P1\"\nevery = \"1 s\"\n",
                8,
                "every 1 s",
            ),
            ("[[rotation]]\nname = \"primary\"\npeople = []\nstart = \"2026-11-30\"\n", 3, "nobody is in it"),
            ("[[rotation]]\nname = \"p\"\npeople = []\nstart = \"Monday\"\n", 4, "'Monday' is no day"),
            (
                "[[person]]\nname = \"ana\"\n[[rotation]]\nname = \"p\"\npeople = [\"ana\"]\nstart = \"2026-11-30\"\nlength = \"5 h\"\n",
                7,
                "whole days",
            ),
            ("[[rotation]]\nname = \"p\"\npeople = []\nstart = \"2026-11-30\"\nzone = \"Mars\"\n", 5, "Mars"),
            (
                "[[rotation]]\nname = \"p\"\npeople = []\nservices = [\"x\"]\nstart = \"2026-11-30\"\n",
                4,
                "service 'x'",
            ),
            (
                "[[person]]\nname = \"a\"\nslack_id = \"U1\"\n[[person]]\nname = \"b\"\nslack_id = \"U1\"\n",
                4,
                "slack_id",
            ),
            ("[slack]\nmode = \"http\"\n[pagerduty]\nmode = \"poll\"\npoll_s = 1\n", 5, "no pause between"),
            ("[pagerduty]\nmode = \"poll\"\n", 2, "no [[service]] has one"),
            ("[pagerduty]\nmode = \"poll\"\n[[service]]\nname = \"a\"\n", 2, "would never hear of a page"),
            (
                "[[service]]\nname = \"a\"\npagerduty_id = \" \"\n[pagerduty]\nmode = \"poll\"\n",
                5,
                "no [[service]] has one",
            ),
            ("# url, zone and mode\n[store]\nurl = \"x\"\n", 3, "SQLite"),
            ("[[service]]\nname = \"a\"\n[[service]]\nchannel = \"c\"\nname = \"a\"\n", 5, "two services"),
            ("[slack]\nmode = \"http\"\nchannel_per_incident = [\"P1\", \"SEV1\"]\n", 3, "SEV1"),
            ("[slack]\nmode = \"http\"\ncommand = \"incident\"\n", 3, "'incident' is no slash command"),
            ("[slack]\nmode = \"http\"\nbridge = \"tel:+1\"\n", 3, "'tel:+1' is no address"),
            ("[[service]]\nname = \"a\"\nbridge = \"meet\"\n", 3, "'meet' is no address"),
            ("[server]\nlisten = \"nonsense\"\n", 2, "nonsense"),
            ("[server]\nlisten = \"127.0.0.1:70700\"\n", 2, "70700"),
            ("[[service]]\nname = \"x\"\nseverity = \"P9\"\n", 3, "P9"),
            ("[[connection]]\nname = \"a\"\nkind = \"mysql\"\n", 3, "mysql"),
            ("[[connection]]\nkind = \"http\"\nname = \"a b\"\n", 3, "a b"),
            ("[[connection]]\nkind = \"http\"\nname = \"a\"\n", 3, "one address"),
            (
                "[[connection]]\nname = \"a\"\nkind = \"http\"\nurl = \"http://x\"\nurl_env = \"X\"\n",
                2,
                "one address",
            ),
            ("[[connection]]\nname = \"a\"\nkind = \"http\"\nurl = \"nonsense\"\n", 4, "no URL"),
            (
                "[[connection]]\nname = \"a\"\nkind = \"postgres\"\nurl = \"postgres://h/d?sslmode=disable\"\nca_file = \"ca.pem\"\n",
                4,
                "sslmode=disable",
            ),
            (
                "[[connection]]\nname = \"a\"\nkind = \"postgres\"\nurl = \"postgres://u:hunter2@h/d\"\n",
                4,
                "holds a password",
            ),
            (
                "[[connection]]\nname = \"a\"\nkind = \"postgres\"\nurl = \"postgres://h/d?password=hunter2\"\n",
                4,
                "holds a password",
            ),
            (
                "[[connection]]\nname = \"a\"\nkind = \"postgres\"\nurl = \"postgres://h/d\"\nbearer_env = \"X\"\n",
                2,
                "headers",
            ),
            (
                "[[connection]]\nname = \"a\"\nkind = \"http\"\nurl_env = \"X\"\n[[connection]]\nname = \"a\"\nkind = \"http\"\nurl_env = \"X\"\n",
                6,
                "two connections",
            ),
            (
                "[[connection]]\nname = \"a\"\nkind = \"http\"\nurl_env = \"X\"\npassword = \"hunter2\"\n",
                5,
                "password",
            ),
            ("[[service]]\nname = \"x\"\nparams = { T = 5 }\n", 3, "a parameter's value is a string"),
            (
                "[[service]]\nname = \"x\"\nparams = { T = { env = \"A\", value = \"hunter2\" } }\n",
                3,
                "{ env = \"NAME\" }",
            ),
            (
                "[exec]\nenv = [\"PATH\", \"A\"]\n[[service]]\nname = \"x\"\n[service.params]\nT = { env = \"A\" }\n",
                6,
                "hands to every command",
            ),
            ("[[service]]\nname = \"x\"\nparams = { T = { file = \"\" } }\n", 3, "no file"),
            ("[[service]]\nname = \"x\"\nparams = { T = { env = \"A=B\" } }\n", 3, "A=B"),
            ("[runbooks]\nseverities = \"none.toml\"\n", 2, "cannot be read"),
            ("[runbooks]\nbranch = \"main\"\n", 2, "no repository"),
            ("[runbooks]\ngit = \"https://h/x\"\nfolder = \"a\"\n", 3, "folder"),
            ("[runbooks]\ngit = \"ext::sh -c date\"\n", 2, "blanks"),
            ("[runbooks]\ngit = \"https://ana:hunter2@h/x\"\n", 2, "password"),
            ("[runbooks]\ngit = \"/x\"\nbranch = \"-f\"\n", 3, "branch"),
            ("[runbooks]\ngit = \"/x\"\npin = \"abc1234\"\n", 3, "whole commit"),
            ("[runbooks]\ngit = \"/x\"\nfolders = [\"../x\"]\n", 3, "inside the repository"),
            ("[runbooks]\ndrilled = { a = \"v1\" }\n", 2, "whole commit"),
            ("[updates]\nto = [\"a@example.com\", \"ben\"]\n", 2, "'ben' is no e-mail address"),
            ("[updates]\nrecipients = []\n", 2, "recipients"),
            ("[updates]\ndomains = [\"example.com\", \"@example.org\"]\n", 2, "'@example.org' is no domain"),
            ("[updates]\ntemplates = \"none\"\n", 2, "cannot be read"),
            ("[[service]]\nname = \"a\"\nupdates_public_to = [\"a@b\\nBcc: c@d\"]\n", 3, "no e-mail address"),
            (
                "[smtp]\nhost = \"mail.example.com\"\nfrom = \"a@example.com\"\ntls = \"none\"\n",
                4,
                "readable",
            ),
            ("[smtp]\nhost = \"h\"\nfrom = \"a@example.com\"\npassword = \"hunter2\"\n", 4, "password"),
            ("[statuspage]\npage_id = \"abc\"\nkey = \"hunter2\"\n", 3, "key"),
            (
                "[[service]]\nname = \"a\"\n[[service]]\nname = \"b\"\naliases = [\"x\", \"a\"]\n",
                5,
                "'a' means a already",
            ),
            (
                "[[service]]\nname = \"a\"\naliases = [\"x\"]\n[[service]]\nname = \"b\"\naliases = [\"x\"]\n",
                6,
                "'x' means a already",
            ),
            ("[[service]]\nname = \"a\"\ndeployments = { git = \"g\" }\n", 3, "either tags or a branch"),
            (
                "[[service]]\nname = \"a\"\ndeployments = { git = \"https://h/x\", tags = \"v*\" }\n",
                3,
                "no folder of this machine",
            ),
            (
                "[[service]]\nname = \"a\"\n[service.deployments]\ngit = \"g\"\nbranch = \"-x\"\n",
                5,
                "'-x' cannot be a branch",
            ),
            ("[alerts]\nstorm_window = \"soon\"\n", 2, "'soon' is not a duration"),
            ("[alerts]\nwindow = \"5 min\"\n", 2, "window"),
            ("[alerts.severities]\ncritical = \"P1\"\nbad = \"P9\"\n", 3, "'P9'"),
            ("[[alerts.json]]\nname = \"a/b\"\nfingerprint = \"/id\"\n", 2, "'a/b' cannot be"),
            ("[[alerts.json]]\nname = \"a\"\nfingerprint = \"id\"\n", 3, "no JSON pointer"),
            ("[[alerts.json]]\nname = \"a\"\n", 1, "fingerprint"),
            ("[alerts.grafana]\nsignature_header = \"a b\"\n", 2, "no name of a header"),
            ("[alerts.grafana]\nsecret = \"hunter2\"\n", 2, "secret"),
            ("[[maintenance]]\nservice = \"a\"\nuntil = \"tomorrow\"\nreason = \"x\"\n", 3, "'tomorrow'"),
            ("[[maintenance]]\nuntil = \"2026-01-01T00:00:00Z\"\nreason = \"x\"\n", 1, "every alert"),
            (
                "[[maintenance]]\nservice = \"a\"\nuntil = \"2026-01-01T00:00:00Z\"\nreason = \" \"\n",
                4,
                "no reason",
            ),
            (
                "[[maintenance]]\nservice = \"a\"\nfrom = \"2026-01-02T00:00:00Z\"\nuntil = \"2026-01-01T00:00:00Z\"\nreason = \"x\"\n",
                4,
                "ends before",
            ),
            (
                "[statuspage]\npage_id = \"abc\"\ncomponents = { shop = \"c1\" }\n",
                3,
                "unknown service 'shop'",
            ),
            ("[[rule]]\nname = \"a\"\nseverity = \"P9\"\n", 3, "rule 'a': unknown severity 'P9'"),
            ("[[rule]]\nname = \"a\"\ntriage = \"none_such\"\n", 3, "no runbook 'none_such'"),
            ("[[rule]]\nname = \"a\"\nsuggest = [\"none_such\"]\n", 3, "no runbook 'none_such'"),
            ("[[rule]]\nname = \"a\"\ntitle = \"(x\"\n", 3, "rule 'a'"),
            ("[[rule]]\nname = \"a\"\nlabels = { team = \"[\" }\n", 3, "rule 'a'"),
            ("[[rule]]\nname = \"a\"\nservice = \"shop\"\n", 3, "no service 'shop'"),
            ("[[rule]]\nname = \"a\"\nurgency = \"urgent\"\n", 3, "urgent"),
            ("[[rule]]\nname = \"a\"\nwhen = \"x\"\n", 3, "when"),
            ("[[rule]]\ntitle = \"x\"\n", 1, "name"),
            ("[[rule]]\nname = \"a\"\n[[rule]]\nname = \"a\"\n", 4, "two rules"),
            ("[triage]\nbudget_s = 0\n", 2, "0 is not between"),
            ("[triage]\nper_target = 101\n", 2, "101 is not between"),
            ("[triage]\nshare_s = 5000\n", 2, "5000 is not between"),
            ("= 1\n", 1, ""),
        ] {
            let error = Config::from_text(text, Some(Path::new("b/blocks.toml"))).unwrap_err().to_string();
            assert!(error.contains(&format!("b/blocks.toml:{line}")), "{text:?}: {error}");
            assert!(error.contains(word), "{text:?}: {error}");
            assert!(error.contains("hint: "), "{text:?}: {error}");
            assert!(!error.contains("hunter2"), "{text:?}: {error}");
        }
    }

    /// Webhooks tell of every service that they are set up for; who only looks has to know where.
    #[test]
    fn webhooks_need_no_id_of_pagerduty() {
        for (mode, services) in [
            ("webhook", ""),
            ("both", "[[service]]\nname = \"a\"\n"),
            ("off", ""),
            ("poll", "[[service]]\nname = \"a\"\n[[service]]\nname = \"b\"\npagerduty_id = \"PB\"\n"),
        ] {
            let text = format!("[pagerduty]\nmode = \"{mode}\"\n{services}");
            let read = Config::from_text(&text, Some(Path::new("b/blocks.toml")));
            assert!(read.is_ok(), "{text:?}: {:?}", read.err());
        }
    }

    #[test]
    fn an_address_may_be_a_name() {
        for listen in ["127.0.0.1:0", "[::1]:7070", "localhost:7070", "0.0.0.0:80"] {
            assert!(is_address(listen), "{listen}");
        }
        for listen in ["", "7070", ":7070", "::1", "host:", "host:http", "a b:1", "http://x:1"] {
            assert!(!is_address(listen), "{listen}");
        }
    }

    /// What the documentation shows is taken as it stands.
    #[test]
    fn the_triggers_of_the_launch_are_read() {
        let world = "[[connection]]\nname = \"metrics\"\nkind = \"prometheus\"\nurl = \"http://127.0.0.1:9090\"\n\
                     [[service]]\nname = \"flowengine\"\n";
        let text = format!("{world}{}", include_str!("../../../../docs/examples/triggers.toml"));
        let triggers = Config::from_text(&text, Some(Path::new("b/blocks.toml"))).unwrap().settings.triggers;
        let shown: Vec<String> = triggers
            .iter()
            .map(|one| {
                let severity = one.severity.as_deref().unwrap_or("-");
                let proposes = one.propose.as_deref().unwrap_or("-");
                let (name, sign) = (&one.name, one.when.sign());
                format!("{name} {sign} {} {}s {severity} {proposes}", one.limit, one.for_s)
            })
            .collect();
        let wanted = [
            "failure-rate > 0.1 3600s P1 rollback_to_previous_version",
            "p95 > 150 1800s P2 -",
            "failures > 5 0s P1 -",
            "spend > 50 0s P3 -",
            "spend-breach > 75 0s P3 -",
            "feature-cost > 5 0s - -",
            "kill-rate < 0.6 0s P3 -",
            "quota-watch > 0.7 0s - -",
            "quota > 0.95 0s P1 rollback_to_previous_version",
            // more capacity first
            "pool > 190 0s P1 -",
            "pool-lasts > 190 600s P1 rollback_to_previous_version",
        ];
        assert_eq!(shown, wanted);
    }

    #[test]
    fn the_defaults_are_those_of_a_lone_machine() {
        let config = Config::from_text("", None).unwrap();
        assert!(config.data_dir.ends_with("blocks-data"));
        assert_eq!(config.settings.policy, ApprovalPolicy { reversible: 0, irreversible: 0 });
        let with_file = Config::from_text("", Some(Path::new("b/blocks.toml"))).unwrap();
        assert_eq!(with_file.settings.policy, ApprovalPolicy::default());
        assert!(with_file.database.ends_with("b/blocks-data/blocks.db"));
    }
}
