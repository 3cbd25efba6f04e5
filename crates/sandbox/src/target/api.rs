//! The target's routes, as a plain function over its state.

use http::Method;
use serde_json::{Value, json};

use super::deployment::{Deployment, NAMESPACE, Undo};
use super::world::World;
use crate::shared::{Reply, Request};

/// Answers one request.
pub(super) fn route(world: &mut World, request: &Request) -> Reply {
    let segments = request.segments();
    let get = request.method == Method::GET;
    let post = request.method == Method::POST;
    match segments.as_slice() {
        ["healthz"] if get => {
            let ready = world.deployments.get("flowengine").map_or(0, Deployment::ready);
            if ready > 0 { Reply::text(200, "ok\n") } else { Reply::text(503, "no replica is ready\n") }
        }
        ["metrics"] if get => {
            Reply { content_type: "text/plain; version=0.0.4", ..Reply::text(200, world.prometheus()) }
        }
        ["_log"] if get => Reply::json(200, &json!({"requests": world.log})),
        ["_state"] if get => Reply::json(200, &world.whole()),
        ["_control", "deploy"] if post => deploy(world, request),
        ["_control", "faults"] if post => match body(request).get("stays_bad").and_then(Value::as_bool) {
            Some(stays_bad) => {
                world.stays_bad = stays_bad;
                Reply::json(200, &json!({"stays_bad": stays_bad}))
            }
            None => Reply::json(400, &json!({"error": "expected {\"stays_bad\": true|false}"})),
        },
        ["_control", "refused"] if post => Reply::json(200, &json!({"noted": true})),
        ["api", "v1", "stats"] if get => Reply::json(200, &world.stats()),
        ["api", "v1", "stats", field] if get => match world.stats().get(*field) {
            Some(Value::String(text)) => Reply::text(200, format!("{text}\n")),
            Some(value) => Reply::text(200, format!("{value}\n")),
            None => not_found(&request.path),
        },
        ["api", "v1", "flows"] if get => flows(world, request),
        ["api", "v1", "flows"] if post => match world.test_flow() {
            Some((true, flow)) => Reply::json(200, &flow),
            Some((false, flow)) => Reply::json(500, &flow),
            None => Reply::json(503, &json!({"error": "no replica of flowengine is ready"})),
        },
        ["api", "v1", "rollouts"] if get => {
            let rollouts = world.deployments.get("flowengine").map_or(Value::Null, Deployment::rollouts_json);
            Reply::json(200, &json!({"deployment": "flowengine", "rollouts": rollouts}))
        }
        ["api", "v1", "repos"] if get => Reply::json(200, &json!({"repos": world.repos()})),
        ["api", "v1", "repos", name] if get => {
            let repos = world.repos();
            let found = repos.as_array().and_then(|all| all.iter().find(|r| r["repo"] == **name));
            found.map_or_else(|| not_found(&request.path), |repo| Reply::json(200, repo))
        }
        ["api", "v1", "namespaces", namespace, "pods", rest @ ..] if get => {
            pods(world, request, namespace, rest)
        }
        ["apis", "apps", "v1", "namespaces", namespace, "deployments", rest @ ..] => {
            deployments(world, request, namespace, rest)
        }
        _ => not_found(&request.path),
    }
}

fn not_found(path: &str) -> Reply {
    Reply::json(404, &json!({"error": format!("nothing at {path}")}))
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap_or(Value::Null)
}

/// A failure as the Kubernetes API words it.
fn status(code: u16, reason: &str, message: &str) -> Reply {
    Reply::json(
        code,
        &json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code}),
    )
}

fn missing(resource: &str, name: &str) -> Reply {
    status(404, "NotFound", &format!("{resource} \"{name}\" not found"))
}

fn deploy(world: &mut World, request: &Request) -> Reply {
    let (now_ms, now) = (world.now_ms, world.now);
    let wanted = body(request);
    let Some(version) = wanted.get("version").and_then(Value::as_str).filter(|v| is_tag(v)) else {
        return Reply::json(400, &json!({"error": "expected {\"version\": \"v1.2\"}"}));
    };
    let Some(engine) = world.deployments.get_mut("flowengine") else { return not_found("flowengine") };
    let mut template = engine.current().template.clone();
    template.image = format!("flowengine:{version}");
    let cause = wanted.get("change_cause").and_then(Value::as_str).map(str::to_owned);
    let changed = engine.set_template(
        template,
        Some(cause.unwrap_or_else(|| format!("release {version}"))),
        now_ms,
        now,
    );
    Reply::json(200, &json!({"changed": changed, "rollouts": engine.rollouts_json()}))
}

fn is_tag(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

fn flows(world: &World, request: &Request) -> Reply {
    let failed_only = match request.param("status") {
        None => false,
        Some("failed") => true,
        Some(other) => {
            return Reply::json(
                400,
                &json!({"error": format!("status \"{other}\" is not known: use failed")}),
            );
        }
    };
    let limit = request.param("limit").and_then(|l| l.parse().ok()).unwrap_or(20);
    Reply::json(200, &json!({"flows": world.flows.list(failed_only, limit)}))
}

fn pods(world: &World, request: &Request, namespace: &str, rest: &[&str]) -> Reply {
    let all: Vec<Value> = if namespace == NAMESPACE {
        world.deployments.values().flat_map(Deployment::pods_json).collect()
    } else {
        Vec::new()
    };
    match rest {
        [] => {
            let app = request.param("labelSelector").and_then(|s| s.strip_prefix("app="));
            let items: Vec<Value> =
                all.into_iter().filter(|p| app.is_none_or(|a| p["metadata"]["labels"]["app"] == a)).collect();
            Reply::json(200, &json!({"kind": "PodList", "apiVersion": "v1", "items": items}))
        }
        [name] => match all.iter().find(|p| p["metadata"]["name"] == *name) {
            Some(pod) => Reply::json(200, pod),
            None => missing("pods", name),
        },
        [name, "log"] => {
            let Some(pod) = all.iter().find(|p| p["metadata"]["name"] == *name) else {
                return missing("pods", name);
            };
            let tail = request.param("tailLines").and_then(|t| t.parse().ok()).unwrap_or(50);
            Reply::text(200, pod_log(world, pod, tail))
        }
        _ => not_found(&request.path),
    }
}

/// What a replica of `flowengine` would have written: one line per flow of its version. Other services are silent.
fn pod_log(world: &World, pod: &Value, tail: usize) -> String {
    let image = pod["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
    if pod["metadata"]["labels"]["app"] != "flowengine" {
        return format!("level=info msg=\"started\" image={image}\n");
    }
    let version = image.rsplit(':').next().unwrap_or_default();
    let listed = world.flows.list(false, usize::MAX);
    let mut lines: Vec<String> = listed
        .as_array()
        .into_iter()
        .flatten()
        .filter(|f| f["version"] == version)
        .take(tail)
        .map(|f| {
            let failed = f["status"] == "failed";
            format!(
                "{} level={} flow={} version={version} duration_seconds={} status={}{}",
                f["finished_at"].as_str().unwrap_or_default(),
                if failed { "error" } else { "info" },
                f["id"].as_str().unwrap_or_default(),
                f["duration_seconds"],
                f["status"].as_str().unwrap_or_default(),
                f["error"].as_str().map(|e| format!(" error=\"{e}\"")).unwrap_or_default(),
            )
        })
        .collect();
    lines.reverse();
    lines.push(String::new());
    lines.join("\n")
}

fn deployments(world: &mut World, request: &Request, namespace: &str, rest: &[&str]) -> Reply {
    let (now_ms, now) = (world.now_ms, world.now);
    if rest.is_empty() && request.method == Method::GET {
        let items: Vec<Value> = if namespace == NAMESPACE {
            world.deployments.values().map(Deployment::json).collect()
        } else {
            Vec::new()
        };
        return Reply::json(200, &json!({"kind": "DeploymentList", "apiVersion": "apps/v1", "items": items}));
    }
    let Some((name, action)) = rest.split_first() else { return not_found(&request.path) };
    let found = world.deployments.get_mut(*name).filter(|_| namespace == NAMESPACE);
    let Some(deployment) = found else { return missing("deployments.apps", name) };
    let wanted = body(request);
    match (request.method.as_str(), action) {
        ("GET", []) => Reply::json(200, &deployment.json()),
        ("GET", ["revisions"]) => Reply::json(200, &json!({"revisions": revisions(deployment)})),
        ("PATCH", ["scale"]) => {
            let replicas = wanted.pointer("/spec/replicas").and_then(Value::as_u64).filter(|r| *r <= 1000);
            let Some(replicas) = replicas.and_then(|r| u32::try_from(r).ok()) else {
                return status(422, "Invalid", "spec.replicas must be a whole number from 0 to 1000");
            };
            deployment.scale(replicas, now_ms, now);
            Reply::json(200, &deployment.json())
        }
        ("PATCH", ["env"]) => {
            let mut template = deployment.current().template.clone();
            for (key, value) in wanted.as_object().into_iter().flatten() {
                match value.as_str() {
                    Some(text) => template.env.insert(key.clone(), text.to_owned()),
                    None => template.env.remove(key),
                };
            }
            let cause = deployment.current().change_cause.clone();
            let changed = deployment.set_template(template, cause, now_ms, now);
            Reply::json(200, &json!({"changed": changed}))
        }
        ("POST", ["rollback"]) => {
            let to = wanted.get("to_revision").and_then(Value::as_u64).unwrap_or(0);
            let (outcome, revision) = match deployment.undo(to, now_ms, now) {
                Undo::RolledBack(n) => ("rolled_back", n),
                Undo::Skipped(n) => ("skipped", n),
                Undo::NoSuchRevision => ("no_such_revision", 0),
                Undo::NoHistory => ("no_history", 0),
            };
            Reply::json(200, &json!({"outcome": outcome, "revision": revision}))
        }
        _ => not_found(&request.path),
    }
}

fn revisions(deployment: &Deployment) -> Vec<Value> {
    deployment
        .revisions
        .iter()
        .map(|r| {
            json!({
                "revision": r.number,
                "change_cause": r.change_cause,
                "image": r.template.image,
                "env": r.template.env,
            })
        })
        .collect()
}
