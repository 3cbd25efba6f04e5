//! `blocks doctor`: what works, what does not, and how to mend it.

mod changes;
mod oncall;
mod pager;
mod slack;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use blocks_engine::{Clock as _, EngineError, Hidden, SystemClock, read, unsent};
use blocks_exec::find_program;
use blocks_server::EngineInfo;
use pagerduty_hook::{PagerDutyClient, Scope, Subscription};
use runbook_core::ports::{Letters, Store as _};
use serde_json::json;

use super::client;
use super::compose::{NEEDED_PROGRAMS, heartbeat, pagerduty_client, smtp, statuspage};
use super::shared::open_journal;
use crate::config::{self, Config, PagerDutyMode, Secrets, authority_files, connections};
use crate::exit::{Code, Stop};
use crate::printer::{self, Output};

/// So often, and so long apart, it is looked whether a ping has come.
const PING_LOOKS: u32 = 60;
const PING_LOOK: Duration = Duration::from_millis(250);
/// What was kept lately is looked through for it.
const LATELY: usize = 100;
/// What was given up is told for so long.
const GIVEN_UP_FOR: chrono::TimeDelta = chrono::TimeDelta::days(7);
/// How a ping stands in the inbox.
const PINGED: &str = "not acted on: pagey.ping";

struct Check {
    name: String,
    ok: bool,
    /// Nothing is broken, and somebody should know.
    warns: bool,
    detail: String,
    /// For programs, what the words say.
    data: Option<serde_json::Value>,
}

impl Check {
    fn new(name: &str, result: Result<String, String>) -> Check {
        let ok = result.is_ok();
        let detail = match result {
            Ok(text) | Err(text) => text,
        };
        Check { name: name.to_owned(), ok, warns: false, detail, data: None }
    }

    fn warning(name: &str, detail: String) -> Check {
        Check { name: name.to_owned(), ok: true, warns: true, detail, data: None }
    }
}

/// Runs every check; exit 1 when one fails.
pub(crate) async fn run(config: Option<&Path>, output: Output) -> Result<Code, Stop> {
    let mut checks: Vec<Check> = NEEDED_PROGRAMS.iter().map(|name| program(name)).collect();
    let config = Config::load(config)?;
    checks.push(Check::new(
        "configuration",
        Ok(config.path.as_ref().map_or_else(
            || "no blocks.toml: the defaults of a lone machine".to_owned(),
            |path| format!("{} reads", path.display()),
        )),
    ));
    let secrets = Secrets::read()?;
    checks.push(engine(&config).await);
    checks.push(store(&config).await);
    checks.extend(inbox(&config).await);
    checks.extend(outbox(&config).await);
    checks.extend(repository(&config));
    checks.extend(runbooks(&config));
    if !config.file.connection.is_empty() {
        let resolved = connections(&config).map_err(|error| error.to_string());
        let count = config.file.connection.len();
        checks.push(Check::new(
            "connections",
            resolved.map(|_| format!("{count} configured, secrets are set")),
        ));
        checks.extend(authority_files(&config).into_iter().map(|(name, path)| authorities(name, &path)));
    }
    checks.extend(slack::checks(&config, &secrets).await);
    if let Some(pagerduty) = config.file.pagerduty.as_ref().filter(|p| p.mode != PagerDutyMode::Off) {
        if pagerduty.has_webhooks() {
            checks.push(secret(&secrets, "PAGERDUTY_WEBHOOK_SECRET"));
        }
        checks.push(match secrets.get("PAGERDUTY_API_TOKEN") {
            None => secret(&secrets, "PAGERDUTY_API_TOKEN"),
            Some(token) => {
                let client = pagerduty_client(&pagerduty.api_url, token, pagerduty.from.clone())?;
                Check::new("pagerduty", client.check().await.map_err(|error| error.to_string()))
            }
        });
        checks.extend(circuit(&config).await);
        checks.extend(pager::last_look(&config).await);
        if let Some(token) = secrets.get("PAGERDUTY_API_TOKEN") {
            let client = pagerduty_client(&pagerduty.api_url, token, pagerduty.from.clone())?;
            checks.extend(pager::services(&config, &client).await);
            checks.extend(pager::left_open(&config, &client).await);
            if pagerduty.has_webhooks() {
                checks.extend(webhooks(&config, &client).await);
            }
        }
    }
    checks.extend(oncall::standing(&config).await);
    checks.extend(alerts(&config, &secrets));
    checks.extend(changes::checks(&config, &secrets).await);
    checks.push(watcher(&config, &secrets));
    if config.file.smtp.is_some() {
        checks.push(match smtp(&config, &secrets) {
            Ok(Some(mail)) => Check::new("smtp", mail.check().await.map_err(|error| error.to_string())),
            Ok(None) => Check::new("smtp", Ok("is off".to_owned())),
            Err(stop) => Check::new("smtp", Err(stop.text)),
        });
    }
    if config.file.statuspage.is_some() {
        checks.push(match statuspage(&config, &secrets) {
            Ok(Some(page)) => Check::new("statuspage", page.check().await.map_err(|error| error.to_string())),
            Ok(None) => Check::new("statuspage", Ok("is off".to_owned())),
            Err(stop) => Check::new("statuspage", Err(stop.text)),
        });
    }
    let ok = checks.iter().all(|check| check.ok);
    match output {
        Output::Json => {
            let list: Vec<_> = checks
                .iter()
                .map(|check| {
                    let mut shown = json!({
                        "name": check.name, "ok": check.ok, "warning": check.warns, "detail": check.detail
                    });
                    if let (Some(data), Some(object)) = (&check.data, shown.as_object_mut()) {
                        object.insert(check.name.clone(), data.clone());
                    }
                    shown
                })
                .collect();
            printer::json(&json!({ "ok": ok, "checks": list }));
        }
        Output::Text => {
            for check in &checks {
                let word = match check.ok {
                    false => "FAIL",
                    true if check.warns => "warn",
                    true => "ok  ",
                };
                printer::data(&format!("{word} {:<26} {}", check.name, check.detail));
            }
        }
    }
    Ok(if ok { Code::Success } else { Code::Failed })
}

/// Who notices that Blocks itself stands still. No beat is sent: one from here would hide that the engine sends none.
fn watcher(config: &Config, secrets: &Secrets) -> Check {
    match heartbeat(config, secrets) {
        Ok(Some(_)) => Check::new("heartbeat", Ok("somebody is called when no beat comes".to_owned())),
        Ok(None) => Check::warning(
            "heartbeat",
            "nobody is told when Blocks itself stands still; hint: set [heartbeat] url, or let Prometheus alert on \
             blocks_heartbeat_timestamp_seconds (docs/operations.md)"
                .to_owned(),
        ),
        Err(stop) => Check::new("heartbeat", Err(stop.text)),
    }
}

/// A connection's `ca_file`: what is wrong with it would otherwise come up in the middle of a run.
fn authorities(connection: &str, path: &Path) -> Check {
    let shown = path.display();
    let result = match blocks_exec::count_authorities(path) {
        Ok(1) => Ok(format!("{shown} holds 1 certificate")),
        Ok(count) => Ok(format!("{shown} holds {count} certificates")),
        Err(reason) => Err(format!(
            "{reason}; hint: name the PEM file with the server's certificate authority in ca_file"
        )),
    };
    Check::new(&format!("ca_file of {connection}"), result)
}

fn program(name: &str) -> Check {
    let path = std::env::var_os("PATH").unwrap_or_default();
    Check::new(
        name,
        match find_program(name, &path) {
            Some(found) => Ok(found.display().to_string()),
            None => Err(format!("not on PATH; hint: install {name} with the system's package manager")),
        },
    )
}

fn secret(secrets: &Secrets, name: &str) -> Check {
    Check::new(
        name,
        match secrets.get(name) {
            Some(_) => Ok("is set".to_owned()),
            None => Err(format!(
                "is not set; hint: set it in the environment, or {name}_FILE to a file that holds it"
            )),
        },
    )
}

/// Who may send alerts: their secrets are set, and what is told of maintenance is not over.
fn alerts(config: &Config, secrets: &Secrets) -> Vec<Check> {
    let mut checks: Vec<Check> =
        config::alerts::needed(&config.file).into_iter().map(|(name, _)| secret(secrets, name)).collect();
    if let Some(grafana) = &config.file.alerts.grafana {
        let is_set = |name: &str| secrets.get(name).is_some();
        checks.push(match (is_set("GRAFANA_WEBHOOK_SECRET"), is_set("BLOCKS_ALERTS_TOKEN")) {
            (true, _) if grafana.timestamp_header.is_none() => Check::warning(
                "grafana",
                "GRAFANA_WEBHOOK_SECRET is set, and no time is signed: a repeated message that says the same again is taken for a replay; hint: name a timestamp header in the contact point and as timestamp_header here".to_owned(),
            ),
            (true, _) => Check::new("grafana", Ok("GRAFANA_WEBHOOK_SECRET is set".to_owned())),
            (false, true) => Check::new("grafana", Ok("BLOCKS_ALERTS_TOKEN is set".to_owned())),
            (false, false) => secret(secrets, "GRAFANA_WEBHOOK_SECRET"),
        });
    }
    checks.extend(maintenance(config));
    checks
}

/// What is told of maintenance is not over, and of services that are there. An alert may name a service of its own, so another name is
/// no error.
fn maintenance(config: &Config) -> Option<Check> {
    let (all, now) = (&config.settings.alerts.maintenance, SystemClock.now());
    let mut wrong = Vec::new();
    let over: Vec<&str> = all.iter().filter(|one| one.until <= now).map(|one| one.reason.as_str()).collect();
    if !over.is_empty() {
        wrong.push(format!("over, and can be taken out: {}", over.join(", ")));
    }
    let is_there = |name: &str| config.settings.services.iter().any(|service| service.name == name);
    let unknown: BTreeSet<&str> =
        all.iter().filter_map(|one| one.service.as_deref()).filter(|name| !is_there(name)).collect();
    if !unknown.is_empty() {
        let names: Vec<String> = unknown.iter().map(|name| format!("'{name}'")).collect();
        wrong.push(format!(
            "of {}, which no [[service]] is named: only alerts that carry just that name are silenced; hint: see whether it is spelt right",
            names.join(", ")
        ));
    }
    (!wrong.is_empty()).then(|| Check::warning("maintenance", wrong.join("; ")))
}

async fn store(config: &Config) -> Check {
    let shown = config.database.display();
    match config.database.try_exists() {
        Ok(true) => {}
        Ok(false) => return Check::new("store", Ok(format!("{shown} is made at the first start"))),
        Err(error) => return Check::new("store", Err(format!("{shown} cannot be looked at: {error}"))),
    }
    let result = match blocks_store::SqliteStore::open_read_only(&config.database) {
        Ok(store) => match read::verify(&store, None).await {
            Ok(reply) if reply.data["verified"] == true => Ok(reply.text.trim().to_owned()),
            Ok(reply) => Err(reply.text.trim().to_owned()),
            Err(error) => Err(format!("{}: {error}", error.code())),
        },
        Err(error) => Err(format!("{}: {error}; hint: {}", error.code(), error.hint())),
    };
    Check::new("store", result)
}

/// The check of a webhook.
const WEBHOOK: &str = "pagerduty webhook";

/// Whether the webhooks arrive, of each subscription of ours: one for the account, or one for each of several services.
async fn webhooks(config: &Config, client: &PagerDutyClient) -> Vec<Check> {
    let found = match client.subscriptions().await {
        Ok(found) => found,
        Err(error) => {
            return vec![Check::warning(WEBHOOK, format!("the subscriptions cannot be read: {error}"))];
        }
    };
    let all: Vec<_> = found.iter().filter(|one| one.is_ours()).collect();
    // one that is made anew waits beside it, switched off
    let is_replaced = |one: &Subscription| {
        !one.active && all.iter().any(|other| other.active && other.scope.overlaps(&one.scope))
    };
    let ours: Vec<_> = all.iter().filter(|one| !is_replaced(one)).copied().collect();
    if ours.is_empty() {
        let text = "no subscription of `blocks pagerduty setup` is there, so none is tried; hint: `blocks pagerduty setup --url URL --dry-run` says what it would do";
        return vec![Check::warning(WEBHOOK, text.to_owned())];
    }
    let tell_the_same = |(at, one): (usize, &&Subscription)| {
        ours.iter().skip(at + 1).any(|other| other.scope.overlaps(&one.scope))
    };
    if ours.iter().enumerate().any(tell_the_same) {
        let text = format!(
            "{} subscriptions of Blocks are there that tell of the same; hint: delete all but one at PagerDuty",
            ours.len()
        );
        return vec![Check::new(WEBHOOK, Err(text))];
    }
    let mut checks = Vec::new();
    for one in &ours {
        checks.push(webhook(config, client, one, &found).await);
    }
    for service in &config.settings.services {
        let Some(id) = &service.pagerduty_id else { continue };
        if ours.iter().all(|one| !one.scope.overlaps(&Scope::service(id))) {
            let text = format!(
                "none tells of {} ({id}): its pages are seen when PagerDuty is looked at next; hint: `blocks pagerduty setup --url URL --service {}` makes one",
                service.name, service.name
            );
            checks.push(Check::warning(WEBHOOK, text));
        }
    }
    checks
}

/// Whether a webhook of this one arrives: PagerDuty is asked to send a ping, and the running engine's inbox is looked at.
async fn webhook(
    config: &Config,
    client: &PagerDutyClient,
    one: &Subscription,
    found: &[Subscription],
) -> Check {
    const NAME: &str = WEBHOOK;
    let is_beside =
        |other: &Subscription| other.active && other.url == one.url && other.scope.overlaps(&one.scope);
    if !one.active && found.iter().any(is_beside) {
        let text = format!(
            "{} was made anew and is switched off, so none is tried; hint: once the engine knows both secrets, `blocks pagerduty setup` switches it on",
            one.id
        );
        return Check::warning(NAME, text);
    }
    if one.disabled || !one.active {
        let text = format!(
            "{} is switched off, and no webhook comes; hint: `blocks pagerduty setup` enables it",
            one.id
        );
        return Check::new(NAME, Err(text));
    }
    if EngineInfo::find(&config.data_dir).is_none() {
        return Check::warning(
            NAME,
            format!("{} sends to {}; no engine runs here, so none is tried", one.id, one.url),
        );
    }
    let before = SystemClock.now();
    if let Err(error) = client.ping(&one.id).await {
        return Check::new(NAME, Err(format!("no ping was sent: {error}")));
    }
    for _ in 0..PING_LOOKS {
        if pinged(config, before).await {
            return Check::new(NAME, Ok(format!("a ping to {} has arrived", one.url)));
        }
        tokio::time::sleep(PING_LOOK).await;
    }
    Check::new(
        NAME,
        Err(format!(
            "a ping to {} did not arrive here within {} s; hint: it must lead to this engine from the internet, and PAGERDUTY_WEBHOOK_SECRET must be that of {} (`blocks_inbox_refused_total` counts what is refused)",
            one.url,
            (PING_LOOK * PING_LOOKS).as_secs(),
            one.id
        )),
    )
}

/// Whether a ping has come since then.
async fn pinged(config: &Config, since: chrono::DateTime<chrono::Utc>) -> bool {
    let Ok(store) = open_journal(config) else { return false };
    let which =
        Letters { source: Some(pagerduty_hook::SOURCE.to_owned()), body: Some(0), ..Letters::default() };
    let kept = store.letters(which, LATELY).await.unwrap_or_default();
    kept.iter().any(|one| one.reason == PINGED && one.item.received_at >= since)
}

/// Whether the engine asks PagerDuty at all.
async fn circuit(config: &Config) -> Option<Check> {
    let metrics = client::page(&EngineInfo::find(&config.data_dir)?, "/metrics").await?;
    let is = |state: &str| metrics.contains(&format!("blocks_pager_circuit{{state=\"{state}\"}} 1"));
    if is("open") || is("half_open") {
        let text = "pagerduty gave the engine no answer several times in a row: it is asked again every half minute at most, and what is to be told it waits; hint: see status.pagerduty.com, and the way out of this machine";
        return Some(Check::warning("pagerduty circuit", text.to_owned()));
    }
    is("closed").then(|| Check::new("pagerduty circuit", Ok("closed: the engine asks pagerduty".to_owned())))
}

/// What came in and nobody understood. Nothing of it is lost, and somebody should look.
async fn inbox(config: &Config) -> Option<Check> {
    // what is wrong with the store is told by its own check
    let counts = open_journal(config).ok()?.dead_letters().await.ok()?;
    if counts.is_empty() {
        return Some(Check::new("inbox", Ok("all that came in was understood".to_owned())));
    }
    let counts: Vec<_> = counts.iter().map(|(source, count)| format!("{count} from {source}")).collect();
    let text = format!(
        "dead letters: {}; hint: `blocks inbox list` says why, `blocks inbox retry` takes one up again",
        counts.join(", ")
    );
    Some(Check::warning("inbox", text))
}

/// What waits to leave, and what never will.
async fn outbox(config: &Config) -> Option<Check> {
    const NAME: &str = "outbox";
    // what is wrong with the store is told by its own check
    let store = open_journal(config).ok()?;
    let now = SystemClock.now();
    let backlog = unsent::backlog(&store, now - GIVEN_UP_FOR, &Hidden::default()).await.ok()?;
    let lines = backlog.lines(now);
    let mut check = if lines.is_empty() {
        Check::new(NAME, Ok("nothing waits to leave".to_owned()))
    } else {
        let hint = "what waits leaves by itself once it is taken; what was given up stands on the timeline of its incident, and the log says why";
        Check::warning(NAME, format!("{}; hint: {hint}", lines.join("; ")))
    };
    check.data = Some(backlog.data(now));
    Some(check)
}

/// The repository that runbooks come from: asked now, so that what is wrong is known before it is needed.
fn repository(config: &Config) -> Option<Check> {
    let (source, _) = config.library.git()?;
    let asked = config.library.refresh(None);
    let (_, fetched) = config.library.git()?;
    let shown = source.shown();
    let result = match (asked, fetched) {
        (Ok(()), Ok(fetched)) => {
            let left_out = match fetched.left_out {
                0 => String::new(),
                count => format!(
                    "; {count} of its files are left out (links that lead out, submodules, unusual names)"
                ),
            };
            Ok(format!("{shown} is at commit {}{left_out}", fetched.commit))
        }
        (Err(reason), Ok(fetched)) => Err(format!(
            "RB0050: {shown} cannot be fetched: {reason}; the last good commit is used, {}; hint: try `git ls-remote` as this user",
            fetched.commit
        )),
        (_, Err(reason)) => Err(format!(
            "RB0050: {shown} cannot be fetched, and nothing of it is here: {reason}; hint: try `git ls-remote` as this user"
        )),
    };
    Some(Check::new("runbooks' repository", result))
}

/// The engine: alive, or not there; and then whether a run is left without one.
async fn engine(config: &Config) -> Check {
    let Some(info) = EngineInfo::find(&config.data_dir) else {
        return match without_engine(config).await {
            Ok(left) => left,
            Err(error) => Check::new("engine", Err(format!("not running; its runs do not read: {error}"))),
        };
    };
    let silence = client::silence_of(&info, "so its runs stand still").await;
    Check::new(
        "engine",
        match silence {
            Some(stop) => Err(stop.text.replace('\n', "; ")),
            None => {
                Ok(format!("pid {} listens on {}", info.pid, info.address.as_deref().unwrap_or("nothing")))
            }
        },
    )
}

/// No engine is at work. That is no fault on a machine that only runs by hand, unless something was left half done.
async fn without_engine(config: &Config) -> Result<Check, EngineError> {
    let nothing = Check::new("engine", Ok("not running".to_owned()));
    // what is wrong with the journal is told by its own check
    let Ok(store) = open_journal(config) else { return Ok(nothing) };
    let open = read::open_runs(&store).await?;
    if open.is_empty() {
        return Ok(nothing);
    }
    let count = match open.len() {
        1 => "one run is open".to_owned(),
        several => format!("{several} runs are open"),
    };
    if read::any_moves(&store, &open).await? {
        let text = format!(
            "not running, so nothing carries on what was under way ({count}); hint: `blocks runbook recover` takes it up, or \
             start `blocks serve`"
        );
        return Ok(Check::new("engine", Err(text)));
    }
    let text = format!("not running, and {count}: `blocks runbook runs` names what waits for a person");
    Ok(Check::warning("engine", text))
}

/// Every runbook that a service names must make a plan: better said now than at 3 a.m.
fn runbooks(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    for service in &config.settings.services {
        let triage = service.triage.as_ref().and_then(|name| config.library.find(name).ok());
        if !service.private && triage.is_some_and(|entry| entry.document.front.is_private()) {
            let text = "its diagnostics are a security runbook, and only as long as that can be read are its incidents private; hint: set `private = true` under its [[service]]";
            checks.push(Check::warning(&format!("privacy of {}", service.name), text.to_owned()));
        }
        for name in service.triage.iter().chain(&service.rollback) {
            let planned = config
                .library
                .find(name)
                .map_err(|error| error.to_string())
                .and_then(|entry| {
                    let asked = blocks_engine::Asked {
                        params: &std::collections::BTreeMap::new(),
                        section: None,
                        service: Some(&service.name),
                    };
                    let reply = blocks_engine::draft_reply(&config.settings, &entry, &asked)
                        .map_err(|error| error.to_string())?;
                    match reply.data["problems"][0]["message"].as_str() {
                        Some(problem) => Err(problem.to_owned()),
                        None => Ok(()),
                    }
                })
                .map(|_| format!("{name} makes a plan"));
            checks.push(Check::new(&format!("runbook of {}", service.name), planned));
        }
    }
    // those from a repository may be others by now than when the file was written
    let of_rules = config.settings.rules.iter().flat_map(|rule| {
        let names = rule.say.triage.iter().flatten().chain(&rule.say.suggest);
        names.map(|name| (format!("runbook of the rule {}", rule.name), name))
    });
    let of_triggers = config.settings.triggers.iter().flat_map(|trigger| {
        let names = trigger.plan.iter().chain(&trigger.propose);
        names.map(|name| (format!("runbook of the trigger {}", trigger.name), name))
    });
    for (what, name) in of_rules.chain(of_triggers) {
        if let Err(error) = config.library.find(name) {
            checks.push(Check::new(&what, Err(error.to_string())));
        }
    }
    checks
}
