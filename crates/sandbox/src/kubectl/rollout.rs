//! `kubectl rollout undo|status|history`.

use std::io::Write;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use super::args::Parsed;
use super::http::Target;
use super::{Failure, deployment_name, deployment_path};

const POLL: Duration = Duration::from_millis(50);

fn number(parsed: &Parsed, flag: &str) -> Result<u64, Failure> {
    parsed.flag(flag).map_or(Ok(0), |text| {
        text.parse().map_err(|_| Failure(format!("error: invalid argument \"{text}\" for \"--{flag}\" flag")))
    })
}

pub(super) fn undo(parsed: &Parsed, target: &Target, out: &mut dyn Write) -> Result<(), Failure> {
    let (name, _) = deployment_name(parsed)?;
    let to = number(parsed, "to-revision")?;
    let path = format!("{}/rollback", deployment_path(parsed, name));
    let answer = target.json("POST", &path, Some(&json!({"to_revision": to})))?;
    let line = match answer["outcome"].as_str() {
        Some("rolled_back") => format!("deployment.apps/{name} rolled back"),
        Some("skipped") => format!(
            "deployment.apps/{name} skipped rollback (current template already matches revision {})",
            answer["revision"]
        ),
        Some("no_such_revision") => {
            return Err(Failure(format!("error: unable to find specified revision {to} in history")));
        }
        _ => return Err(Failure(format!("error: no rollout history found for deployment \"{name}\""))),
    };
    let _ = writeln!(out, "{line}");
    Ok(())
}

/// The sentence for the present state, and whether the rollout is complete. Follows the real one's order of checks.
pub(super) fn progress(name: &str, deployment: &Value) -> (String, bool) {
    let count = |field: &str| deployment["status"][field].as_u64().unwrap_or(0);
    let wanted = deployment["spec"]["replicas"].as_u64().unwrap_or(0);
    let (all, updated, available) = (count("replicas"), count("updatedReplicas"), count("availableReplicas"));
    let waiting = format!("Waiting for deployment \"{name}\" rollout to finish:");
    if updated < wanted {
        (format!("{waiting} {updated} out of {wanted} new replicas have been updated..."), false)
    } else if all > updated {
        (format!("{waiting} {} old replicas are pending termination...", all - updated), false)
    } else if available < updated {
        (format!("{waiting} {available} of {updated} updated replicas are available..."), false)
    } else {
        (format!("deployment \"{name}\" successfully rolled out"), true)
    }
}

pub(super) fn status(parsed: &Parsed, target: &Target, out: &mut dyn Write) -> Result<(), Failure> {
    let (name, _) = deployment_name(parsed)?;
    let patience = parsed.flag("timeout").map(duration).transpose()?.filter(|d| !d.is_zero());
    let once = parsed.flag("watch") == Some("false");
    let path = deployment_path(parsed, name);
    let mut waited = Duration::ZERO;
    let mut last = String::new();
    loop {
        let (line, done) = progress(name, &target.json("GET", &path, None)?);
        if line != last {
            let _ = writeln!(out, "{line}");
            let _ = out.flush();
            last = line;
        }
        if done || once {
            return Ok(());
        }
        if patience.is_some_and(|p| waited >= p) {
            return Err(Failure("error: timed out waiting for the condition".into()));
        }
        sleep(POLL);
        waited += POLL;
    }
}

/// Go's duration notation, as far as people use it here: `45s`, `2m`, `1m30s`, `500ms`, `0`.
fn duration(text: &str) -> Result<Duration, Failure> {
    let invalid = || {
        Failure(format!(
            "error: invalid argument \"{text}\" for \"--timeout\" flag: time: invalid duration \"{text}\""
        ))
    };
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|n| *n > 0).ok_or_else(invalid)?;
        let amount: u64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        let (unit_ms, unit) = [(1, "ms"), (1_000, "s"), (60_000, "m"), (3_600_000, "h")]
            .into_iter()
            .find(|(_, unit)| rest.starts_with(unit))
            .ok_or_else(invalid)?;
        total += Duration::from_millis(amount.saturating_mul(unit_ms));
        rest = &rest[unit.len()..];
    }
    Ok(total)
}

pub(super) fn history(parsed: &Parsed, target: &Target, out: &mut dyn Write) -> Result<(), Failure> {
    let (name, _) = deployment_name(parsed)?;
    let wanted = number(parsed, "revision")?;
    let answer = target.json("GET", &format!("{}/revisions", deployment_path(parsed, name)), None)?;
    let revisions = answer["revisions"].as_array().cloned().unwrap_or_default();
    if wanted > 0 {
        let Some(revision) = revisions.iter().find(|r| r["revision"] == wanted) else {
            return Err(Failure(format!("error: unable to find the specified revision {wanted}")));
        };
        let _ = writeln!(out, "deployment.apps/{name} with revision #{wanted}");
        let _ = writeln!(out, "Pod Template:\n  Labels:\tapp={name}\n  Containers:\n   {name}:");
        let _ = writeln!(out, "    Image:\t{}", revision["image"].as_str().unwrap_or_default());
        let _ = writeln!(out, "    Environment:");
        for (key, value) in revision["env"].as_object().into_iter().flatten() {
            let _ = writeln!(out, "      {key}:\t{}", value.as_str().unwrap_or_default());
        }
        let _ = writeln!(out);
        return Ok(());
    }
    let _ = writeln!(out, "deployment.apps/{name} ");
    let _ = writeln!(out, "REVISION  CHANGE-CAUSE");
    for revision in &revisions {
        let cause = revision["change_cause"].as_str().unwrap_or("<none>");
        let _ = writeln!(out, "{:<8}  {cause}", revision["revision"].as_u64().unwrap_or(0));
    }
    let _ = writeln!(out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, ms) in [
            ("45s", Some(45_000)),
            ("1m30s", Some(90_000)),
            ("500ms", Some(500)),
            ("0", Some(0)),
            ("45", None),
            ("s", None),
        ] {
            assert_eq!(duration(text).ok().map(|d| d.as_millis()), ms, "{text}");
        }
    }

    #[test]
    fn progress_is_worded_as_the_real_one_words_it() {
        let state = |updated: u64, all: u64, available: u64| json!({"spec": {"replicas": 5}, "status": {"replicas": all, "updatedReplicas": updated, "availableReplicas": available}});
        for (value, expected) in [
            (
                state(2, 5, 4),
                "Waiting for deployment \"flowengine\" rollout to finish: 2 out of 5 new replicas have been updated...",
            ),
            (
                state(5, 6, 5),
                "Waiting for deployment \"flowengine\" rollout to finish: 1 old replicas are pending termination...",
            ),
            (
                state(5, 5, 4),
                "Waiting for deployment \"flowengine\" rollout to finish: 4 of 5 updated replicas are available...",
            ),
            (state(5, 5, 5), "deployment \"flowengine\" successfully rolled out"),
        ] {
            assert_eq!(progress("flowengine", &value).0, expected);
        }
    }
}
