//! Triggers as configured.

use blocks_engine::{Library, LibraryError};
use runbook_core::duration::parse_seconds;
use runbook_core::severity::Severities;
use runbook_core::trigger::{Ask, Trigger};

use super::file::{ConfigFile, ConnectionWord, TriggerTable};

/// How often one is asked where nobody says so.
const EVERY_S: u32 = 60;
/// More often than this none is asked.
const EVERY_LEAST_S: u32 = 5;
/// A plan is made by itself once in this time where nobody says so.
const WINDOW_S: u32 = 24 * 3_600;
/// What Blocks counts, where nobody says for how long.
const WITHIN_S: u32 = 3_600;

/// A key that cannot work: the key, why, and what to write.
type Wrong = (String, String, &'static str);

/// The triggers of the file.
pub(super) fn triggers(
    file: &ConfigFile,
    severities: &Severities,
    library: &Library,
) -> Result<Vec<Trigger>, Wrong> {
    let mut all: Vec<Trigger> = Vec::new();
    for (index, table) in file.trigger.iter().enumerate() {
        let wrong = |(key, message, hint): (&str, String, &'static str)| {
            (format!("trigger.{index}.{key}"), message, hint)
        };
        if all.iter().any(|other| other.name == table.name) {
            let message = format!("two triggers are named '{}'", table.name);
            return Err(wrong(("name", message, "give each [[trigger]] its own name")));
        }
        let one = trigger(file, severities, table).map_err(wrong)?;
        for (key, name) in [("plan", &table.plan), ("propose", &table.propose)] {
            let Some(name) = name else { continue };
            // what is in a repository is known when that is fetched, and may be another thing tomorrow: `doctor` says so
            if file.runbooks.git.is_none()
                && let Err(LibraryError::Unknown { .. }) = library.find(name)
            {
                let message = format!("trigger '{}': there is no runbook '{name}'", table.name);
                return Err(wrong((key, message, "`blocks runbook list` shows their names")));
            }
        }
        all.push(one);
    }
    Ok(all)
}

fn seconds(
    key: &'static str,
    text: Option<&String>,
    usual: u32,
) -> Result<u32, (&'static str, String, &'static str)> {
    match text {
        None => Ok(usual),
        Some(text) => parse_seconds(text)
            .ok_or_else(|| (key, format!("'{text}' is not a duration"), "such as 30 min, or 1 h")),
    }
}

fn trigger(
    file: &ConfigFile,
    severities: &Severities,
    table: &TriggerTable,
) -> Result<Trigger, (&'static str, String, &'static str)> {
    let name = &table.name;
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || !name.chars().all(is_word) {
        let hint = "lowercase letters, digits and `-`";
        return Err(("name", format!("'{name}' cannot be a trigger's name"), hint));
    }
    if table.says.trim().is_empty() {
        return Err(("says", format!("trigger '{name}' says nothing"), "a few words for a title"));
    }
    if !table.limit.is_finite() {
        return Err(("limit", format!("the limit of trigger '{name}' is no number"), "such as 0.1"));
    }
    let ask = match (&table.query, table.count) {
        (Some(query), None) if !query.trim().is_empty() => {
            let of_prometheus =
                || file.connection.iter().filter(|one| one.kind == ConnectionWord::Prometheus);
            match &table.connection {
                Some(wanted) if of_prometheus().all(|one| one.name != *wanted) => {
                    let message = format!(
                        "trigger '{name}' names '{wanted}', which is no connection of kind prometheus"
                    );
                    return Err((
                        "connection",
                        message,
                        "the name of a [[connection]] with kind = \"prometheus\"",
                    ));
                }
                None if of_prometheus().count() != 1 => {
                    let message = format!(
                        "trigger '{name}' names no connection, and there is not just one of kind prometheus"
                    );
                    return Err(("name", message, "write connection = \"NAME\""));
                }
                _ => {}
            }
            Ask::Query { connection: table.connection.clone(), query: query.clone() }
        }
        (None, Some(what)) => {
            Ask::Count { what, within_s: seconds("within", table.within.as_ref(), WITHIN_S)?.max(1) }
        }
        _ => {
            let hint = "write query = \"...\", or count = \"failed_runs\" or \"incidents\"";
            return Err(("name", format!("trigger '{name}' asks for nothing, or for two things"), hint));
        }
    };
    let severity = match &table.severity {
        None => None,
        Some(id) => match severities.default_scheme().get(id) {
            Some(known) if known.opens_incident => Some(known.id.clone()),
            _ => {
                let message = format!("trigger '{name}' has the severity '{id}', which opens no incident");
                return Err(("severity", message, "one of P1, P2, P3, P4, or none to tell a channel alone"));
            }
        },
    };
    if let Some(service) =
        table.service.as_ref().filter(|one| file.service.iter().all(|known| known.name != **one))
    {
        let message = format!("trigger '{name}' names the unknown service '{service}'");
        return Err(("service", message, "the name of a [[service]]"));
    }
    if severity.is_none() {
        let needs = [("page", &table.page), ("plan", &table.plan), ("propose", &table.propose)];
        if let Some((key, _)) = needs.into_iter().find(|(_, value)| value.is_some()) {
            let message = format!("trigger '{name}' has `{key}`, and no severity: it opens no incident");
            return Err((key, message, "write a severity, too"));
        }
        let is_private = |name: &String| file.service.iter().any(|one| one.name == *name && one.private);
        if let Some(service) = table.service.as_ref().filter(|one| is_private(one)) {
            let message = format!(
                "trigger '{name}' has no severity, and its service '{service}' is private: no channel is told, so it would tell nobody"
            );
            return Err(("service", message, "write severity = \"P3\": its private incident is told"));
        }
        if table.channel.is_none() {
            let message =
                format!("trigger '{name}' has neither a severity nor a channel: it would tell nobody");
            return Err(("name", message, "write severity = \"P3\", or channel = \"ops-alerts\""));
        }
    }
    let every_s = seconds("every", table.every.as_ref(), EVERY_S)?;
    if every_s < EVERY_LEAST_S {
        let message = format!("trigger '{name}' would be asked every {every_s} s");
        return Err(("every", message, "5 s at least"));
    }
    Ok(Trigger {
        name: name.clone(),
        says: table.says.trim().to_owned(),
        ask,
        when: table.when,
        limit: table.limit,
        for_s: seconds("for", table.lasts.as_ref(), 0)?,
        every_s,
        severity,
        service: table.service.clone(),
        channel: table.channel.clone(),
        page: table.page.clone(),
        plan: table.plan.clone(),
        propose: table.propose.clone(),
        window_s: seconds("window", table.window.as_ref(), WINDOW_S)?,
    })
}
