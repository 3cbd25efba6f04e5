//! `kubectl get` and `kubectl logs`.

use std::io::Write;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::args::Parsed;
use super::http::Target;
use super::{Failure, deployment_name, deployment_path, is_deployment, jsonpath, unknown_resource, yaml};
use crate::clock;
use crate::target::NAMESPACE;

pub(super) fn get(
    parsed: &Parsed,
    target: &Target,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    let Some(first) = parsed.positional.first() else {
        return Err(Failure("error: Required resource not specified.".into()));
    };
    let (kind, name) = match first.split_once('/') {
        Some((kind, name)) => (kind, Some(name)),
        None => (first.as_str(), parsed.positional.get(1).map(String::as_str)),
    };
    let namespace =
        if parsed.flag("all-namespaces") == Some("true") { NAMESPACE } else { parsed.namespace() };
    let (collection, pods) = match kind {
        "pod" | "pods" | "po" => (format!("/api/v1/namespaces/{namespace}/pods"), true),
        kind if is_deployment(kind) => (format!("/apis/apps/v1/namespaces/{namespace}/deployments"), false),
        kind => return Err(unknown_resource(kind)),
    };
    let answer = match name {
        Some(name) => target.json("GET", &format!("{collection}/{name}"), None)?,
        None => {
            let mut answer = target.json("GET", &collection, None)?;
            if let Some(selector) = parsed.flag("selector") {
                let app = app_selector(selector)?;
                if let Some(items) = answer["items"].as_array_mut() {
                    items.retain(|item| item["metadata"]["labels"]["app"] == app);
                }
            }
            answer["kind"] = json!("List");
            answer["apiVersion"] = json!("v1");
            answer
        }
    };
    match parsed.flag("output") {
        None | Some("wide") => table(&answer, pods, parsed, namespace, out, err),
        Some("json") => {
            // kubectl indents by four.
            let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
            let mut text = Vec::new();
            let _ = serde::Serialize::serialize(
                &answer,
                &mut serde_json::Serializer::with_formatter(&mut text, formatter),
            );
            let _ = out.write_all(&text);
            let _ = writeln!(out);
        }
        Some("yaml") => {
            let _ = write!(out, "{}", yaml::document(&answer));
        }
        Some("name") => {
            let prefix = if pods { "pod" } else { "deployment.apps" };
            for item in items(&answer) {
                let _ = writeln!(out, "{prefix}/{}", text(&item["metadata"]["name"]));
            }
        }
        Some(other) => match other.strip_prefix("jsonpath=") {
            Some(template) => {
                let shown = jsonpath::evaluate(template, &answer).map_err(|reason| {
                    Failure(format!("error: error parsing jsonpath {template}, {reason}"))
                })?;
                let _ = write!(out, "{shown}");
            }
            None => {
                return Err(Failure(format!(
                    "error: unable to match a printer suitable for the output format \"{other}\", allowed formats are: json,jsonpath,name,wide,yaml"
                )));
            }
        },
    }
    Ok(())
}

fn app_selector(selector: &str) -> Result<&str, Failure> {
    selector
        .strip_prefix("app=")
        .ok_or_else(|| Failure(format!("error: selector \"{selector}\" is not known here: use app=NAME")))
}

fn items(answer: &Value) -> Vec<&Value> {
    answer["items"].as_array().map_or_else(|| vec![answer], |items| items.iter().collect())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn table(
    answer: &Value,
    pods: bool,
    parsed: &Parsed,
    namespace: &str,
    out: &mut dyn Write,
    err: &mut dyn Write,
) {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for item in items(answer) {
        let age = age(text(&item["metadata"]["creationTimestamp"]), clock::now());
        let name = text(&item["metadata"]["name"]).to_owned();
        let count = |field: &str| item["status"][field].as_u64().unwrap_or(0);
        if pods {
            let ready = item["status"]["containerStatuses"][0]["ready"] == true;
            let state = if ready { "Running" } else { "ContainerCreating" };
            rows.push(vec![name, format!("{}/1", u8::from(ready)), state.into(), "0".into(), age]);
        } else {
            let wanted = item["spec"]["replicas"].as_u64().unwrap_or(0);
            rows.push(vec![
                name,
                format!("{}/{wanted}", count("readyReplicas")),
                count("updatedReplicas").to_string(),
                count("availableReplicas").to_string(),
                age,
            ]);
        }
    }
    if rows.is_empty() {
        let _ = writeln!(err, "No resources found in {namespace} namespace.");
        return;
    }
    if parsed.flag("no-headers") != Some("true") {
        let heads = if pods {
            ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
        } else {
            ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
        };
        rows.insert(0, heads.map(String::from).to_vec());
    }
    let widths: Vec<usize> =
        (0..5).map(|c| rows.iter().map(|r| r[c].chars().count()).max().unwrap_or(0)).collect();
    for row in &rows {
        let cells: Vec<String> = row
            .iter()
            .enumerate()
            .map(
                |(c, cell)| {
                    if c == 4 { cell.clone() } else { format!("{cell:<width$}", width = widths[c] + 3) }
                },
            )
            .collect();
        let _ = writeln!(out, "{}", cells.concat());
    }
}

/// kubectl's short age: seconds up to two minutes, then minutes, hours, days.
fn age(since: &str, now: DateTime<Utc>) -> String {
    let Ok(since) = since.parse::<DateTime<Utc>>() else { return "<unknown>".into() };
    let seconds = (now - since).num_seconds().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

pub(super) fn logs(parsed: &Parsed, target: &Target, out: &mut dyn Write) -> Result<(), Failure> {
    let collection = format!("/api/v1/namespaces/{}/pods", parsed.namespace());
    // With a selector the real one shows the last ten lines of each pod unless told otherwise.
    let tail = parsed.flag("tail").unwrap_or(if parsed.flag("selector").is_some() { "10" } else { "200" });
    if tail.parse::<i64>().is_err() {
        return Err(Failure(format!("error: invalid argument \"{tail}\" for \"--tail\" flag")));
    }
    let names: Vec<String> = if let Some(selector) = parsed.flag("selector") {
        pod_names(target, &collection, app_selector(selector)?)?
    } else {
        match parsed.positional.first() {
            None => {
                return Err(Failure(
                    "error: expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.".into(),
                ));
            }
            Some(name) if name.contains('/') => {
                let (app, _) = deployment_name(parsed)?;
                target.json("GET", &deployment_path(parsed, app), None)?;
                pod_names(target, &collection, app)?.into_iter().take(1).collect()
            }
            Some(name) => vec![name.clone()],
        }
    };
    for name in names {
        let text = target.text("GET", &format!("{collection}/{name}/log?tailLines={tail}"), None)?;
        let _ = write!(out, "{text}");
    }
    Ok(())
}

fn pod_names(target: &Target, collection: &str, app: &str) -> Result<Vec<String>, Failure> {
    let answer = target.json("GET", &format!("{collection}?labelSelector=app={app}"), None)?;
    Ok(items(&answer).into_iter().map(|p| text(&p["metadata"]["name"]).to_owned()).collect())
}
