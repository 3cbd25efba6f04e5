//! A secret's value on the screen, and so in the journal and on the card.

use super::super::codes;
use super::super::diagnostic::Diagnostic;
use super::super::effects::{is_secret_name, secret_variable};
use super::super::model::Step;
use super::calls::Call;
use super::kubectl;
use super::script::{Script, Unit};
use crate::expectation::references;
use crate::runbook::shell::Word;

/// A secret parameter in an expectation, which is shown, kept and bound by the fingerprint.
pub(super) fn expected(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    let params = &script.document.front.params;
    if !params.values().any(|declared| declared.secret) {
        return;
    }
    for (_, command) in script.document.steps.iter().flat_map(Step::all_commands) {
        for expectation in &command.expectations {
            let secret = references(&expectation.text)
                .find(|name| params.get(*name).is_some_and(|declared| declared.secret));
            if let Some(name) = secret {
                found.push(script.at(
                    codes::SECRET_EXPECTED,
                    expectation.line,
                    name,
                    format!(
                        "this expectation names the secret `{name}`, and expectations are shown and kept"
                    ),
                    "compare in the command, and expect what that says",
                ));
            }
        }
    }
}

/// `set -x` before a command with a secret in it: the shell prints each command with what its variables hold.
pub(super) fn traced(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    for unit in &script.units {
        let mut tracing: Option<&Call<'_>> = None;
        for call in &unit.calls {
            if call.program() == "set" {
                let args = call.texts();
                let on = call.has_letter('x') || args == ["-o", "xtrace"];
                let off = args == ["+o", "xtrace"]
                    || args.iter().any(|arg| arg.starts_with('+') && arg.contains('x'));
                tracing = if on {
                    tracing.or(Some(call))
                } else if off {
                    None
                } else {
                    tracing
                };
                continue;
            }
            let Some(set) = tracing else { continue };
            let Some(what) = call.args.iter().find_map(held) else { continue };
            found.push(script.at_call(
                codes::SECRET_PRINTED,
                set,
                format!("this prints each command below with what its variables hold, and with that {what}"),
                "leave `set -x` out, or say `set +x` before commands that hold a secret",
            ));
            break;
        }
    }
}

/// The secret that an argument holds.
fn held(word: &Word<'_>) -> Option<String> {
    if let Some(name) = secret_variable(word) {
        return Some(format!("`${name}`"));
    }
    let lower = word.text().to_ascii_lowercase();
    let header = ["bearer ", "authorization:", "x-api-key:", "private-token:"];
    header.iter().any(|lead| lower.contains(lead)).then(|| "the token of a request".to_owned())
}

/// Programs that print a secret, unless a later one of the pipeline keeps it quiet.
pub(super) fn printed(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    for unit in &script.units {
        for (at, call) in unit.calls.iter().enumerate() {
            let Some(what) = secret(unit, at, call) else { continue };
            if !call.captured && reaches_screen(unit, at) {
                found.push(script.at_call(
                    codes::SECRET_PRINTED,
                    call,
                    format!(
                        "this prints {what}: it goes into the journal, onto the card and into the review"
                    ),
                    "ask for names or a count only, or give it to the next program without showing it",
                ));
            }
        }
    }
}

/// What secret the call gives.
fn secret(unit: &Unit<'_>, at: usize, call: &Call<'_>) -> Option<String> {
    let plain = |text: &str| Some(text.to_owned());
    let operands = || -> Vec<&str> { call.operands().collect() };
    match call.program() {
        "kubectl" | "oc" => kubernetes_secret(call).then(|| "the values of a Kubernetes secret".to_owned()),
        "cat" | "head" | "tail" | "less" | "more" | "bat" | "strings" => {
            call.operands().find(|path| is_secret_file(path)).map(|path| format!("the file `{path}`"))
        }
        "printenv" if call.operands().next().is_none() => environment(unit, at),
        "printenv" => call.operands().find(|name| is_secret_name(name)).map(|name| format!("`{name}`")),
        "env" if call.args.is_empty() => environment(unit, at),
        "aws" => match operands().as_slice() {
            [.., "get-secret-value"] => plain("a secret's value"),
            words if words.contains(&"get-secret-value") => plain("a secret's value"),
            words if words.contains(&"ssm") && call.has(&["--with-decryption"]) => {
                plain("a decrypted parameter")
            }
            _ => None,
        },
        "vault" => match operands().as_slice() {
            ["read", path, ..] if !path.starts_with("sys/") && !path.starts_with("auth/") => {
                plain("a secret of Vault")
            }
            ["kv", "get", ..] => plain("a secret of Vault"),
            _ => None,
        },
        "gcloud" => match operands().as_slice() {
            ["secrets", "versions", "access", ..] => plain("a secret's value"),
            ["auth", "print-access-token" | "print-identity-token", ..] => plain("an access token"),
            _ => None,
        },
        "az" if operands().starts_with(&["keyvault", "secret", "show"]) => plain("a secret's value"),
        "echo" | "printf" => call.args.iter().find_map(secret_variable).map(|name| format!("`${name}`")),
        _ => None,
    }
}

/// The whole environment; one that is searched for names that are no secrets is fine.
fn environment(unit: &Unit<'_>, at: usize) -> Option<String> {
    let next = unit.pipeline(at).skip(1).find(|next| next.piped_in);
    let searched = next.filter(|next| next.program.ends_with("grep"));
    let names_secret = searched.is_some_and(|next| next.operands().next().is_some_and(is_secret_name));
    let quiet = next.is_some_and(|next| next.program == "cut" && next.has(&["-f1"]));
    ((searched.is_none() || names_secret) && !quiet).then(|| "the environment with its secrets".to_owned())
}

/// `get secret` with an output format that holds the values.
fn kubernetes_secret(call: &Call<'_>) -> bool {
    let words = kubectl::words(call);
    if let ["config", "view", ..] = words.as_slice() {
        return call.has(&["--raw"]);
    }
    let ["get", kind, ..] = words.as_slice() else { return false };
    let kind = kind.split('/').next().unwrap_or_default();
    let Some(format) = kubectl::value_of(call, &["-o", "--output"]) else { return false };
    let template = ["jsonpath", "go-template", "custom-columns"].iter().any(|lead| format.starts_with(lead));
    // a certificate is public; its key is not
    let public = format.contains("tls\\.crt") || format.contains("ca\\.crt") || format.contains("tls.crt");
    kind.split(',').any(|kind| matches!(kind, "secret" | "secrets"))
        && (matches!(format, "yaml" | "json")
            || (template && (format.contains(".data") || format.contains("stringData")) && !public))
}

/// Files that hold keys by convention.
fn is_secret_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let public = ["cert", "ca.", "ca-", "pub", "chain", "crt", "example", "sample", "template"]
        .iter()
        .any(|word| name.contains(word));
    let ending =
        [".pem", ".key", ".p12", ".pfx", ".jks", ".env", ".keystore"].iter().any(|end| name.ends_with(end));
    let exact = matches!(
        name.as_str(),
        ".env" | "credentials" | ".netrc" | ".pgpass" | ".git-credentials" | "id_rsa" | "id_ed25519"
    );
    (!public && (ending || exact)) || path.ends_with(".kube/config") || path.ends_with(".docker/config.json")
}

/// Whether the end of the pipeline shows what it gets.
fn reaches_screen(unit: &Unit<'_>, at: usize) -> bool {
    let mut shown = true;
    for (n, call) in unit.pipeline(at).enumerate() {
        // `kubectl exec` around the program that prints
        if n > 0 && !call.piped_in {
            continue;
        }
        shown = !call.writes_file() && (n == 0 || passes_on(call));
        if !shown || !call.piped_out {
            break;
        }
    }
    shown
}

/// Whether a program prints what it reads.
fn passes_on(call: &Call<'_>) -> bool {
    let args = call.texts();
    match call.program() {
        "jq" | "yq" => {
            !args.iter().any(|arg| arg.contains("keys") || arg.contains("length") || arg.contains("has("))
        }
        "grep" | "egrep" | "fgrep" => {
            !call.has_letter('c') && !call.has_letter('q') && !call.has(&["--count", "--quiet"])
        }
        "cut" => !call.has(&["-f1"]),
        "cat" | "base64" | "head" | "tail" | "sed" | "awk" | "tr" | "tee" | "sort" | "less" | "more"
        | "xxd" | "python" | "python3" | "column" | "fold" | "gunzip" | "uniq" | "rev" => true,
        _ => false,
    }
}
