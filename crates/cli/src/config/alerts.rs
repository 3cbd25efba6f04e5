//! `[alerts]`, `[[alerts.json]]` and `[[maintenance]]`: who may send alerts, and how they become incidents.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::HeaderName;
use blocks_alerts::{AlertTranslator, Basic, HmacCheck, Hook, JsonMapping, Kind, Pointer, Proof, Secret};
use chrono::{DateTime, TimeDelta, Utc};
use runbook_core::alert::{AlertPolicy, Maintenance, ServiceMatch};
use runbook_core::duration::parse_seconds;
use runbook_core::severity::SeverityScheme;
use serde::Deserialize;

use super::file::ConfigFile;
use super::secrets::{SecretError, Secrets};

/// A wrong key: where it is, what is wrong, and what to write.
type Wrong = (String, String, &'static str);

/// So many turns of an alert are kept.
const MOST_TURNS: usize = 30;
/// What to write where a duration is meant.
const SPAN_HINT: &str = "such as 10 min";
/// Longest span of these, in seconds.
const SPAN_MAX_S: u32 = 7 * 86_400;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AlertsTable {
    /// Takes what Alertmanager sends.
    pub(crate) alertmanager: Option<AlertmanagerTable>,
    /// Takes what Grafana sends.
    pub(crate) grafana: Option<GrafanaTable>,
    /// Takes other JSON.
    pub(crate) json: Vec<JsonTable>,
    pub(crate) storm_window: String,
    pub(crate) reopen_window: String,
    pub(crate) flap_turns: usize,
    pub(crate) flap_window: String,
    pub(crate) steady_after: String,
    pub(crate) service_labels: Vec<String>,
    pub(crate) severity_labels: Vec<String>,
    /// What a value of these labels means: a severity, or `none`.
    pub(crate) severities: BTreeMap<String, String>,
}

impl Default for AlertsTable {
    fn default() -> Self {
        let AlertPolicy { flap_turns, service_labels, severity_labels, .. } = AlertPolicy::default();
        AlertsTable {
            alertmanager: None,
            grafana: None,
            json: Vec::new(),
            storm_window: "10 min".to_owned(),
            reopen_window: "30 min".to_owned(),
            flap_turns,
            flap_window: "30 min".to_owned(),
            steady_after: "10 min".to_owned(),
            service_labels,
            severity_labels,
            severities: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AlertmanagerTable {
    /// The user of a basic login; its password is the token.
    pub(crate) user: String,
}

impl Default for AlertmanagerTable {
    fn default() -> Self {
        AlertmanagerTable { user: "blocks".to_owned() }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GrafanaTable {
    /// The header with the signature.
    pub(crate) signature_header: String,
    /// The header with the time that is signed too.
    pub(crate) timestamp_header: Option<String>,
    /// How far that time may be from ours.
    pub(crate) tolerance: String,
}

impl Default for GrafanaTable {
    fn default() -> Self {
        GrafanaTable {
            signature_header: "X-Grafana-Alerting-Signature".to_owned(),
            timestamp_header: None,
            tolerance: "5 min".to_owned(),
        }
    }
}

/// A sender of JSON, and where the parts of an alert stand in it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JsonTable {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) alerts: Option<String>,
    pub(crate) fingerprint: String,
    #[serde(default)]
    pub(crate) status: Option<String>,
    #[serde(default = "resolved_words")]
    pub(crate) resolved: Vec<String>,
    #[serde(default)]
    pub(crate) title: Option<String>,
    #[serde(default)]
    pub(crate) service: Option<String>,
    #[serde(default)]
    pub(crate) severity: Option<String>,
    #[serde(default)]
    pub(crate) group: Option<String>,
    #[serde(default)]
    pub(crate) starts_at: Option<String>,
    #[serde(default)]
    pub(crate) labels: Option<String>,
    #[serde(default)]
    pub(crate) links: BTreeMap<String, String>,
}

fn resolved_words() -> Vec<String> {
    ["resolved", "ok", "up", "closed", "recovered"].map(str::to_owned).to_vec()
}

/// A time in which alerts are expected.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MaintenanceTable {
    #[serde(default)]
    pub(crate) service: Option<String>,
    #[serde(default, rename = "match")]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) from: Option<String>,
    pub(crate) until: String,
    pub(crate) reason: String,
}

/// How alerts become incidents.
pub(super) fn policy(file: &ConfigFile, scheme: &SeverityScheme) -> Result<AlertPolicy, Wrong> {
    let table = &file.alerts;
    let span = |key: &str, text: &str| {
        let seconds = parse_seconds(text).filter(|seconds| *seconds <= SPAN_MAX_S);
        seconds.map(|seconds| TimeDelta::seconds(i64::from(seconds))).ok_or_else(|| {
            (format!("alerts.{key}"), format!("'{text}' is not a duration of a week at most"), SPAN_HINT)
        })
    };
    let mut severities = BTreeMap::new();
    for (word, id) in &table.severities {
        let known = scheme.get(id).map(|severity| severity.id.clone());
        let id = known.or_else(|| (id == "none").then(|| id.clone())).ok_or_else(|| {
            let message = format!("'{word}' stands for the unknown severity '{id}'");
            (format!("alerts.severities.{word}"), message, "one of P1, P2, P3, P4, or none")
        })?;
        severities.insert(word.trim().to_lowercase(), id);
    }
    let mut names = BTreeSet::new();
    for (index, json) in table.json.iter().enumerate() {
        let is_name = !json.name.is_empty()
            && json.name.len() <= 40
            && json.name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if !is_name || !names.insert(&json.name) {
            let message = format!("'{}' cannot be the name of a sender, or is another's", json.name);
            let hint = "letters, digits, - and _; it is the end of its address, /hooks/json/NAME";
            return Err((format!("alerts.json.{index}.name"), message, hint));
        }
        mapping(json).map_err(|(key, message)| {
            (format!("alerts.json.{index}.{key}"), message, "write it as /alert/status")
        })?;
    }
    if let Some(grafana) = &table.grafana {
        header(&grafana.signature_header).map_err(|message| {
            ("alerts.grafana.signature_header".to_owned(), message, "as it stands in the contact point")
        })?;
        if let Some(name) = &grafana.timestamp_header {
            header(name).map_err(|message| {
                ("alerts.grafana.timestamp_header".to_owned(), message, "as it stands in the contact point")
            })?;
        }
        span("grafana.tolerance", &grafana.tolerance)?;
    }
    if table.flap_turns > MOST_TURNS {
        let message = format!("flap_turns = {} is more than is kept of an alert", table.flap_turns);
        return Err(("alerts.flap_turns".to_owned(), message, "30 at most; 0 damps nothing"));
    }
    Ok(AlertPolicy {
        storm: span("storm_window", &table.storm_window)?,
        reopen: span("reopen_window", &table.reopen_window)?,
        flap_turns: table.flap_turns,
        flap: span("flap_window", &table.flap_window)?,
        steady: span("steady_after", &table.steady_after)?,
        keep: AlertPolicy::default().keep,
        service_labels: table.service_labels.clone(),
        severity_labels: table.severity_labels.clone(),
        severities,
        services: file
            .service
            .iter()
            .filter(|service| !service.alert_labels.is_empty())
            .map(|service| ServiceMatch {
                service: service.name.clone(),
                labels: service.alert_labels.clone(),
            })
            .collect(),
        maintenance: file.maintenance.iter().enumerate().map(maintenance).collect::<Result<_, _>>()?,
    })
}

fn maintenance((index, table): (usize, &MaintenanceTable)) -> Result<Maintenance, Wrong> {
    let at = |key: &str, text: &str| {
        DateTime::parse_from_rfc3339(text).map(|at| at.with_timezone(&Utc)).map_err(|_| {
            let message = format!("'{text}' is no time with a zone");
            (format!("maintenance.{index}.{key}"), message, "write it as \"2026-12-01T22:00:00Z\"")
        })
    };
    if table.service.is_none() && table.labels.is_empty() {
        let message = "this maintenance would silence every alert".to_owned();
        let hint = "name a service, or labels: match = { alertname = \"Down\" }";
        return Err((format!("maintenance.{index}"), message, hint));
    }
    let from = table.from.as_deref().map(|text| at("from", text)).transpose()?;
    let until = at("until", &table.until)?;
    if from.is_some_and(|from| from >= until) {
        let message = "this maintenance ends before it begins".to_owned();
        return Err((format!("maintenance.{index}.until"), message, "until is the later of the two"));
    }
    if table.reason.trim().is_empty() {
        let message = "this maintenance has no reason".to_owned();
        return Err((
            format!("maintenance.{index}.reason"),
            message,
            "say what is done: it is shown with what is silenced",
        ));
    }
    Ok(Maintenance {
        service: table.service.clone(),
        labels: table.labels.clone(),
        from,
        until,
        reason: table.reason.trim().to_owned(),
    })
}

fn header(name: &str) -> Result<HeaderName, String> {
    HeaderName::try_from(name).map_err(|_| format!("'{name}' is no name of a header"))
}

fn mapping(table: &JsonTable) -> Result<JsonMapping, (&'static str, String)> {
    let at = |key: &'static str, text: &Option<String>| {
        text.as_deref().map(Pointer::new).transpose().map_err(|message| (key, message))
    };
    let link = |(what, text): (&String, &String)| {
        Pointer::new(text).map(|pointer| (what.clone(), pointer)).map_err(|message| ("links", message))
    };
    Ok(JsonMapping {
        name: table.name.clone(),
        alerts: at("alerts", &table.alerts)?,
        fingerprint: Pointer::new(&table.fingerprint).map_err(|message| ("fingerprint", message))?,
        status: at("status", &table.status)?,
        resolved: table.resolved.clone(),
        title: at("title", &table.title)?,
        service: at("service", &table.service)?,
        severity: at("severity", &table.severity)?,
        group: at("group", &table.group)?,
        starts_at: at("starts_at", &table.starts_at)?,
        labels: at("labels", &table.labels)?,
        links: table.links.iter().map(link).collect::<Result<_, _>>()?,
    })
}

/// The secrets that the configured senders need, each with what asks for it.
pub(crate) fn needed(file: &ConfigFile) -> Vec<(&'static str, &'static str)> {
    let table = &file.alerts;
    let mut names = Vec::new();
    names.extend(table.alertmanager.as_ref().map(|_| ("ALERTMANAGER_TOKEN", "[alerts.alertmanager]")));
    names.extend((!table.json.is_empty()).then_some(("BLOCKS_ALERTS_TOKEN", "[[alerts.json]]")));
    names
}

/// What says what alerts mean, for each configured source.
pub(crate) fn translators(file: &ConfigFile) -> Vec<AlertTranslator> {
    let table = &file.alerts;
    let mut all = Vec::new();
    all.extend(table.alertmanager.as_ref().map(|_| AlertTranslator::Alertmanager));
    all.extend(table.grafana.as_ref().map(|_| AlertTranslator::Grafana));
    if !table.json.is_empty() {
        // each was checked when the file was read
        let mappings = table.json.iter().filter_map(|json| mapping(json).ok());
        all.push(AlertTranslator::Json(mappings.collect()));
    }
    all
}

/// The addresses that take alerts, with how each sender proves who it is.
pub(crate) fn hooks(file: &ConfigFile, secrets: &Secrets) -> Result<Vec<Hook>, SecretError> {
    let table = &file.alerts;
    let mut hooks = Vec::new();
    if let Some(alertmanager) = &table.alertmanager {
        let tokens = Secret::list(secrets.need("ALERTMANAGER_TOKEN", "[alerts.alertmanager]")?);
        let basic = Some(Basic { user: alertmanager.user.clone() });
        hooks.push(Hook { kind: Kind::Alertmanager, proof: Proof { tokens, basic, hmac: None } });
    }
    if let Some(grafana) = &table.grafana {
        let tokens = secrets.get("BLOCKS_ALERTS_TOKEN").map(Secret::list).unwrap_or_default();
        let keys = match secrets.get("GRAFANA_WEBHOOK_SECRET") {
            Some(keys) => Some(keys),
            // a token will do
            None if tokens.is_empty() => Some(secrets.need("GRAFANA_WEBHOOK_SECRET", "[alerts.grafana]")?),
            None => None,
        };
        let hmac = keys.zip(header(&grafana.signature_header).ok()).map(|(keys, signature)| HmacCheck {
            secrets: Secret::list(keys),
            signature,
            timestamp: grafana.timestamp_header.as_deref().and_then(|name| header(name).ok()),
            tolerance_s: i64::from(parse_seconds(&grafana.tolerance).unwrap_or(300)),
        });
        hooks.push(Hook { kind: Kind::Grafana, proof: Proof { tokens, basic: None, hmac } });
    }
    for json in &table.json {
        let tokens = Secret::list(secrets.need("BLOCKS_ALERTS_TOKEN", "[[alerts.json]]")?);
        let proof = Proof { tokens, ..Proof::default() };
        hooks.push(Hook { kind: Kind::Json(json.name.clone()), proof });
    }
    Ok(hooks)
}
