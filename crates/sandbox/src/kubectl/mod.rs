//! A `kubectl` for the sandbox: it knows the verbs that runbooks use, words its answers as the real one does, and talks
//! to the target named in `$HOME/.blocks-sandbox/target` and to nothing else. It starts no process and reads no
//! kubeconfig; what it does not know it refuses.

mod args;
mod get;
mod http;
mod jsonpath;
mod rollout;
mod yaml;

use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use args::Parsed;
use http::Target;

/// Where, under the home directory, the target's URL stands.
pub const TARGET_FILE: &str = ".blocks-sandbox/target";

/// A message for stderr; the exit status is always 1.
struct Failure(String);

/// Runs one command line (without the program's name) and returns the exit status: 0, or 1 with a message on `err`.
/// `home` is the private home directory of the sandbox's commands; without [`TARGET_FILE`] in it everything is refused.
/// Every invocation leaves at least one line in the target's `/_log`, refused ones too.
pub fn run(args: &[String], out: &mut dyn Write, err: &mut dyn Write, home: &Path) -> u8 {
    let target = match Target::from_home(home, args) {
        Ok(target) => target,
        Err(message) => {
            let _ = writeln!(err, "{message}");
            return 1;
        }
    };
    let outcome = args::parse(args).and_then(|parsed| dispatch(&parsed, &target, out, err));
    match outcome {
        Ok(()) => 0,
        Err(Failure(message)) => {
            if target.requests() == 0 {
                // Refused before anything was asked: leave a trace of it.
                let _ = target.send("POST", "/_control/refused", Some(&json!({"message": message})));
            }
            let _ = writeln!(err, "{message}");
            1
        }
    }
}

fn dispatch(
    parsed: &Parsed,
    target: &Target,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    match parsed.verb {
        "get" => get::get(parsed, target, out, err),
        "rollout undo" => rollout::undo(parsed, target, out),
        "rollout status" => rollout::status(parsed, target, out),
        "rollout history" => rollout::history(parsed, target, out),
        "scale" => scale(parsed, target, out),
        "set env" => set_env(parsed, target, out),
        _ => get::logs(parsed, target, out),
    }
}

/// `deployment/NAME` or `deployment NAME`, followed by what is left.
fn deployment_name(parsed: &Parsed) -> Result<(&str, &[String]), Failure> {
    let rest = parsed.positional.as_slice();
    let (kind, name, rest) = match rest {
        [joined, rest @ ..] if joined.contains('/') => {
            let (kind, name) = joined.split_once('/').unwrap_or((joined, ""));
            (kind, name, rest)
        }
        [kind, name, rest @ ..] => (kind.as_str(), name.as_str(), rest),
        _ => return Err(Failure("error: required resource not specified".into())),
    };
    if !is_deployment(kind) {
        return Err(unknown_resource(kind));
    }
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(Failure(format!("error: invalid resource name \"{name}\"")));
    }
    Ok((name, rest))
}

fn is_deployment(kind: &str) -> bool {
    matches!(kind, "deployment" | "deployments" | "deploy" | "deployment.apps" | "deployments.apps")
}

fn unknown_resource(kind: &str) -> Failure {
    Failure(format!("error: the server doesn't have a resource type \"{kind}\""))
}

fn deployment_path(parsed: &Parsed, name: &str) -> String {
    format!("/apis/apps/v1/namespaces/{}/deployments/{name}", parsed.namespace())
}

fn scale(parsed: &Parsed, target: &Target, out: &mut dyn Write) -> Result<(), Failure> {
    let (name, _) = deployment_name(parsed)?;
    let replicas: u32 = match parsed.flag("replicas") {
        None => {
            return Err(Failure(
                "error: required flag(s) \"replicas\" not set".into(),
            ));
        }
        Some(text) => text.parse().map_err(|_| {
            Failure(format!("error: invalid argument \"{text}\" for \"--replicas\" flag: strconv.ParseInt: parsing \"{text}\": invalid syntax"))
        })?,
    };
    let path = format!("{}/scale", deployment_path(parsed, name));
    target.json("PATCH", &path, Some(&json!({"spec": {"replicas": replicas}})))?;
    let _ = writeln!(out, "deployment.apps/{name} scaled");
    Ok(())
}

fn set_env(parsed: &Parsed, target: &Target, out: &mut dyn Write) -> Result<(), Failure> {
    let (name, changes) = deployment_name(parsed)?;
    let mut wanted = serde_json::Map::new();
    for change in changes {
        match (change.split_once('='), change.strip_suffix('-')) {
            (Some((key, value)), _) if !key.is_empty() => wanted.insert(key.to_owned(), json!(value)),
            (None, Some(key)) if !key.is_empty() => wanted.insert(key.to_owned(), Value::Null),
            _ => {
                return Err(Failure(format!(
                    "error: invalid environment setting \"{change}\": use NAME=value or NAME-"
                )));
            }
        };
    }
    if wanted.is_empty() {
        return Err(Failure("error: at least one environment variable must be provided".into()));
    }
    let path = format!("{}/env", deployment_path(parsed, name));
    let answer = target.json("PATCH", &path, Some(&Value::Object(wanted)))?;
    // The real one says nothing when nothing changed.
    if answer["changed"] == true {
        let _ = writeln!(out, "deployment.apps/{name} env updated");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
