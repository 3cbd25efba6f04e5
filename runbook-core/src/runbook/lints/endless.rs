//! Commands that do not end by themselves.

use super::super::codes;
use super::super::diagnostic::Diagnostic;
use super::calls::Call;
use super::kubectl;
use super::script::Script;

/// Every call without an end, unless a limit or the next program ends it.
pub(super) fn never_ending(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    for unit in &script.units {
        for (at, call) in unit.calls.iter().enumerate() {
            if call.limited || call.background {
                continue;
            }
            let Some(instead) = goes_on(call) else { continue };
            let cut = unit.pipeline(at).skip(1).any(|next| {
                next.program == "head"
                    || (next.program.ends_with("grep") && (next.has_letter('m') || next.has_letter('q')))
            });
            if !cut {
                let message = format!(
                    "`{}` does not end by itself here: the run waits until its time is up and calls it failed",
                    call.program
                );
                found.push(script.at_call(codes::NEVER_ENDING, call, message, instead));
            }
        }
    }
}

/// What to use instead, when the call goes on for ever.
fn goes_on(call: &Call<'_>) -> Option<&'static str> {
    const LIMIT: &str = "limit it with `timeout 30s ...`";
    const TAIL: &str =
        "show the last lines only, such as --tail=100 or -n 100, or limit it with `timeout 30s ...`";
    // most programs end, and are not asked any of this
    let operands = || -> Vec<&str> { call.operands().collect() };
    let first = || call.operands().next().unwrap_or_default();
    let follows = || {
        call.has(&["-f", "-F", "--follow", "--follow=true"])
            || call.args.iter().any(|arg| arg.value.starts_with("--follow="))
    };
    // `-fn`, `-fu web`: the letter among short options
    let follows_short = || follows() || call.has_letter('f') || call.has_letter('F');
    match call.program() {
        "watch" | "stern" | "kubetail" | "tailf" | "iotop" | "iftop" => {
            Some("look once, or wait with `kubectl wait --timeout=60s`")
        }
        "tail" => follows_short().then_some(TAIL),
        "kubectl" | "oc" => match kubectl::words(call).as_slice() {
            ["logs", ..] => {
                (follows() || kubectl::own_args(call).any(|arg| arg.starts_with("-f"))).then_some(TAIL)
            }
            ["get" | "events" | "top", ..] => {
                let watches = kubectl::own_args(call)
                    .any(|arg| matches!(arg, "-w" | "--watch" | "--watch=true" | "--watch-only"));
                let limited = kubectl::own_args(call).any(|arg| arg.starts_with("--request-timeout"));
                (watches && !limited)
                    .then_some("wait with `kubectl wait --for=... --timeout=60s` or `kubectl rollout status`")
            }
            ["port-forward" | "proxy", ..] => {
                Some("run it in a terminal of its own, or use `kubectl exec` or `kubectl get --raw`")
            }
            ["attach", ..] => Some(LIMIT),
            _ => None,
        },
        "docker" | "podman" => match operands().as_slice() {
            ["logs", ..] | ["compose" | "service", "logs", ..] => follows_short().then_some(TAIL),
            ["stats", ..] => (!call.has(&["--no-stream"])).then_some("add --no-stream"),
            ["compose", "up", ..] => (!call.has(&["-d", "--detach", "--wait"])).then_some("add -d"),
            ["events", ..] => {
                (!call.texts().iter().any(|arg| arg.starts_with("--until"))).then_some("add --until")
            }
            _ => None,
        },
        "docker-compose" => (first() == "logs" && follows_short()).then_some(TAIL),
        "journalctl" => (follows() || call.has_letter('f')).then_some(TAIL),
        "dmesg" => call.has(&["-w", "--follow"]).then_some(TAIL),
        "aws" => (operands().starts_with(&["logs", "tail"]) && follows()).then_some(TAIL),
        "ping" | "ping6" => (!call.texts().iter().any(|arg| arg.starts_with("-c") || arg.starts_with("-w"))
            && call.operands().next().is_some())
        .then_some("add -c 3"),
        "top" => (!call
            .texts()
            .iter()
            .any(|arg| arg.starts_with("-n") || (arg.starts_with("-b") && arg.contains('n'))))
        .then_some("use `top -b -n 1`"),
        "tcpdump" => (!call
            .texts()
            .iter()
            .any(|arg| arg.starts_with("-c") || arg.starts_with("-r") || matches!(*arg, "-D" | "-G")))
        .then_some("add -c 100"),
        "vmstat" | "iostat" | "mpstat" => (operands().len() == 1
            && first().chars().all(|c| c.is_ascii_digit()))
        .then_some("add how often: `vmstat 1 5`"),
        "redis-cli" => (call.has(&["--stat", "--latency"])
            || call.operands().any(|word| word.eq_ignore_ascii_case("monitor")))
        .then_some(LIMIT),
        "ssh" => (call.has(&["-N"]) && !call.has(&["-f"])).then_some("run it in a terminal of its own"),
        _ => None,
    }
}
