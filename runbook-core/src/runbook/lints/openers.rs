//! Sessions that a block opens on another side: `ssh web-1`, `kubectl exec -it web -- bash`, `sudo -i`, `psql`.
//!
//! Whoever types the lines behind them types them there. A run has no keyboard, so the session ends at once and the
//! same lines would run here: `rm -rf /data` on the wrong machine.

use super::super::codes;
use super::super::diagnostic::Diagnostic;
use super::super::model::{Document, Step};
use super::super::shell::Word;
use super::calls::{Call, calls, last_line, quote};
use super::interactive::client_waits;
use super::kubectl;
use super::script::Script;

/// Why a command does not run.
const REASON: &str = "it stands behind the opening of a session, and would run here";
/// How deeply programs that start programs are looked into.
const DEEPEST: usize = 4;
/// Shells, and interpreters that read what is typed.
const SHELLS: &[&str] = &[
    "bash", "sh", "zsh", "ash", "dash", "ksh", "fish", "python", "python3", "ipython", "irb", "node", "iex",
];
/// Options of ssh that take the next word.
const SSH_VALUES: &str = "bcDEeFIiJLlmOopQRSWw";
/// Options of `docker run` and `docker exec` that take the next word.
const DOCKER_VALUES: &[&str] = &[
    "-e",
    "-h",
    "-l",
    "-m",
    "-p",
    "-u",
    "-v",
    "-w",
    "-c",
    "-a",
    "--add-host",
    "--cap-add",
    "--cap-drop",
    "--cpus",
    "--device",
    "--dns",
    "--entrypoint",
    "--env",
    "--env-file",
    "--gpus",
    "--hostname",
    "--ipc",
    "--label",
    "--link",
    "--log-driver",
    "--log-opt",
    "--memory",
    "--mount",
    "--name",
    "--net",
    "--network",
    "--network-alias",
    "--pid",
    "--platform",
    "--publish",
    "--pull",
    "--restart",
    "--security-opt",
    "--tmpfs",
    "--ulimit",
    "--user",
    "--volume",
    "--volumes-from",
    "--workdir",
];
/// Options of `docker compose` that take the next word.
const COMPOSE_VALUES: &[&str] = &[
    "-f",
    "-p",
    "-e",
    "-u",
    "-w",
    "-v",
    "--file",
    "--profile",
    "--project-name",
    "--env",
    "--env-file",
    "--user",
    "--workdir",
    "--index",
    "--entrypoint",
    "--volume",
    "--name",
];

/// Every opener that has more lines behind it in its block.
pub(super) fn openers(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    let mut units = script.units.iter().peekable();
    let blocks = &script.document.blocks;
    while let Some(unit) = units.next() {
        let place = blocks.partition_point(|block| block.line_start < unit.command.line);
        let block = place.checked_sub(1).and_then(|at| blocks.get(at));
        let end = block.map_or(u32::MAX, |block| block.line_end);
        // the lines of the block's next command, if it has one
        let next = units.peek().map(|next| next.command.line).filter(|line| *line <= end);
        let own = |call: &&Call<'_>| !call.remote && !call.captured;
        let closes = |call: &&Call<'_>| matches!(call.program(), "done" | "fi" | "esac" | "}");
        let code = unit.calls.iter().filter(own).filter(|call| !closes(call));
        let last = code.map(|call| call.line).max().unwrap_or_default();
        let last = next.unwrap_or_default().max(last);
        let opener = unit.calls.iter().filter(own).find(|call| call.line < last && opens(call, 0));
        if let Some(call) = opener {
            found.push(script.at_call(
                codes::SESSION_OPENER,
                call,
                format!(
                    "`{}` opens a session here, and the lines behind it are meant for that side: a run would run \
                     them HERE, so none of them runs",
                    call.program
                ),
                "give the session its commands (`ssh HOST 'COMMANDS'`, `exec POD -- COMMAND`, `psql -c`, a here-document)",
            ));
        }
    }
}

/// Takes the right to run from every command of the block from the opener on.
pub(super) fn stop(document: &mut Document, found: &[Diagnostic]) {
    let ranges: Vec<(u32, u32)> = found
        .iter()
        .filter(|finding| finding.code == codes::SESSION_OPENER)
        .map(|finding| {
            let at = document.blocks.partition_point(|block| block.line_start < finding.line);
            let block = at.checked_sub(1).and_then(|at| document.blocks.get(at));
            (finding.line, block.map_or(finding.line, |block| block.line_end))
        })
        .collect();
    if ranges.is_empty() {
        return;
    }
    for command in document.steps.iter_mut().flat_map(Step::all_commands_mut) {
        let last = last_line(command.line, &command.text);
        // blocks come in order, so at most one of the ranges that begin above the command's end reaches it
        let at = ranges.partition_point(|(start, _)| *start <= last);
        if ranges.get(..at).and_then(<[_]>::last).is_some_and(|(_, end)| command.line <= *end) {
            command.not_runnable.get_or_insert_with(|| REASON.to_owned());
        }
    }
}

/// Whether a call waits for what is typed into another shell or program.
fn opens(call: &Call<'_>, depth: usize) -> bool {
    if call.has_input() || call.background || depth > DEEPEST {
        return false;
    }
    let first = call.operands().next().unwrap_or_default();
    let rest = |at: usize| call.args.get(at..).unwrap_or_default();
    let inner = |at: usize| -> bool {
        let words: Vec<String> = rest(at).iter().map(|word| quote(&word.value)).collect();
        opens_text(&words.join(" "), depth)
    };
    // the position of the first operand, where these options take a value
    let operand = |from: usize, values: &dyn Fn(&str) -> bool| -> usize {
        let mut at = from;
        while let Some(arg) = call.args.get(at).map(Word::text).filter(|arg| arg.starts_with('-')) {
            at += if values(arg) { 2 } else { 1 };
        }
        at
    };
    let keyboard = || {
        let mut own = kubectl::own_args(call);
        own.any(|arg| {
            matches!(arg, "-i" | "-t" | "--stdin" | "--tty" | "--interactive" | "--stdin=true" | "--tty=true")
                || arg.starts_with("-it")
                || arg.starts_with("-ti")
        })
    };
    match call.program() {
        "ssh" | "mosh" | "autossh" => {
            if call.has(&["-N", "-f", "-T", "-O", "-fN", "-Nf", "-V", "-G", "-Q", "-W"]) {
                return false;
            }
            let values = |arg: &str| arg.len() == 2 && arg.ends_with(|c| SSH_VALUES.contains(c));
            let after = operand(operand(0, &values) + 1, &values);
            match rest(after) {
                [] => call.args.len() > after.saturating_sub(1),
                [only] => opens_text(only.text(), depth),
                _ => inner(after),
            }
        }
        "kubectl" | "oc" => {
            let words = kubectl::words(call);
            let separator = call.args.iter().position(|word| word.value == "--");
            match words.first().copied() {
                Some("exec") => match separator {
                    Some(at) => inner(at + 1),
                    None => words.get(2).is_some_and(|program| is_shell(program) && words.len() == 3),
                },
                Some("run" | "debug") => match separator {
                    Some(at) => keyboard() && inner(at + 1),
                    None => keyboard() || call.program() == "oc" && words.first() == Some(&"debug"),
                },
                Some("attach") => keyboard(),
                Some("rsh") => words.len() <= 2,
                _ => false,
            }
        }
        "docker" | "podman" | "nerdctl" | "docker-compose" => {
            let compose = call.program() == "docker-compose" || first == "compose";
            let values = |arg: &str| if compose { COMPOSE_VALUES } else { DOCKER_VALUES }.contains(&arg);
            let mut verb = operand(0, &values);
            if first == "compose" || first == "container" {
                verb = operand(verb + 1, &values);
            }
            let image = operand(verb + 1, &values);
            match call.args.get(verb).map(Word::text) {
                Some("exec") => inner(image + 1),
                Some("run") => {
                    let detached = call.has(&["-d", "--detach", "-itd", "-dit", "-T"]);
                    let command = rest(image + 1);
                    !detached
                        && (compose || keyboard())
                        && (command.is_empty() && !compose || inner(image + 1))
                }
                Some("attach") => true,
                _ => false,
            }
        }
        "su" => !call.texts().iter().any(|arg| {
            arg.starts_with("--command")
                || arg.starts_with('-') && !arg.starts_with("--") && arg.contains('c')
        }),
        // the wrapper with a program behind it is looked through
        "sudo" | "doas" => call.args.iter().any(|word| {
            let letters = word.text().strip_prefix('-').filter(|rest| !rest.starts_with('-'));
            letters.is_some_and(|letters| letters.contains(['i', 's']))
                || matches!(word.text(), "--login" | "--shell")
        }),
        "nsenter" => {
            let program = operand(0, &|arg| matches!(arg, "-t" | "--target" | "-S" | "-G"));
            rest(program).is_empty() || inner(program)
        }
        "chroot" => {
            let folder = operand(0, &|_| false);
            call.args.len() == folder + 1 || call.args.len() > folder + 1 && inner(folder + 1)
        }
        "psql" | "mysql" | "mariadb" | "redis-cli" | "mongo" | "mongosh" => {
            client_waits(call) && !call.has(&["--help", "-?", "--version"])
        }
        "sqlite3" => call.operands().count() == 1,
        "cqlsh" => !call.has(&["-e", "-f", "--execute", "--file", "--version"]),
        "sftp" | "ftp" | "telnet" => !call.has(&["-b"]),
        "aws" => {
            call.has(&["start-session", "execute-command"]) && !call.has(&["--parameters", "--document-name"])
        }
        "gcloud" => {
            call.has(&["ssh"])
                && call.has(&["compute", "cloud-shell"])
                && !call.texts().iter().any(|arg| *arg == "--" || arg.starts_with("--command"))
        }
        "vagrant" | "minikube" | "docker-machine" => {
            first == "ssh" && !call.has(&["-c", "--command", "--"]) && call.operands().count() <= 2
        }
        "newgrp" | "virsh" => call.program() == "newgrp" || first == "console",
        "rails" => matches!(first, "c" | "console"),
        program => is_shell(program) && rest(0).iter().all(|word| is_plain_option(word.text())),
    }
}

/// The same of the last program of a text that is given to another one.
fn opens_text(text: &str, depth: usize) -> bool {
    let inner = calls(text, 1);
    inner.iter().rev().find(|call| !call.remote && !call.captured).is_some_and(|call| opens(call, depth + 1))
}

fn is_shell(program: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or_default();
    SHELLS.contains(&name)
}

/// An option with which a shell still reads what is typed.
fn is_plain_option(arg: &str) -> bool {
    matches!(
        arg,
        "-" | "-l" | "-i" | "-il" | "-li" | "-x" | "-e" | "--login" | "--norc" | "--noprofile" | "-u"
    )
}
