//! Commands that wait for a keyboard.

use super::super::codes;
use super::super::diagnostic::Diagnostic;
use super::calls::Call;
use super::effectful::sql_text;
use super::kubectl;
use super::script::Script;

/// Every call that asks.
pub(super) fn interactive(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    for (_, call) in script.all_calls() {
        if let Some(instead) = asks(call) {
            found.push(script.at_call(
                codes::INTERACTIVE,
                call,
                format!("`{}` waits for a keyboard here, and a run has none", call.program),
                instead,
            ));
        }
    }
}

/// What to do instead, when the call asks.
fn asks(call: &Call<'_>) -> Option<&'static str> {
    const EDIT: &str = "change the file with a command, such as sed or kubectl patch";
    const SHELL: &str = "name the command to run";
    const TTY: &str = "leave out -t and -i, and name the command to run";
    const YES: &str = "add the option that answers yes";
    let operands = || -> Vec<&str> { call.operands().collect() };
    let first = call.operands().next().unwrap_or_default();
    match call.program() {
        "vi" | "vim" | "nvim" | "nano" | "emacs" | "pico" | "visudo" | "vipw" => Some(EDIT),
        "less" | "more" | "man" => Some("print it with cat or head"),
        "most" | "htop" | "k9s" | "passwd" | "su" | "lynx" | "btop"
            if first != "-c" && !(call.program == "su" && call.has(&["-c"])) && !call.has_input() =>
        {
            Some("use a command that ends by itself")
        }
        "crontab" if call.has(&["-e"]) => Some(EDIT),
        "kubectl" | "oc" => match kubectl::words(call).first().copied() {
            Some("edit") => Some("use kubectl patch, set or apply"),
            // without a terminal kubectl goes on, and what only looks asks nothing
            Some("exec" | "run" | "debug" | "attach") if has_terminal(call) && !kubectl::only_looks(call) => {
                Some(TTY)
            }
            _ => None,
        },
        "docker" | "podman" => {
            let starts = match first {
                "compose" => matches!(call.operands().nth(1), Some("exec" | "run")) && has_terminal(call),
                "exec" | "run" => has_terminal(call),
                _ => false,
            };
            starts.then_some(TTY)
        }
        "ssh" => (ssh_operands(call) == 1
            && !call.has_input()
            && !call.has(&["-N", "-f", "-T", "-O", "-fN", "-Nf"]))
        .then_some(SHELL),
        "psql" => (client_waits(call) || call.has(&["-W", "--password"]))
            .then_some("give the statement with -c or -f"),
        "mysql" | "mariadb" => (client_waits(call) || call.has(&["-p", "--password"]))
            .then_some("give the statement with -e, and the password in a file of options"),
        "redis-cli" => client_waits(call).then_some(SHELL),
        "mongo" | "mongosh" => client_waits(call).then_some("give the statement with --eval"),
        "bash" | "sh" | "zsh" | "python" | "python3" | "irb" | "node" => {
            (call.args.is_empty() && !call.remote && !call.has_input() && call.redirects.is_empty())
                .then_some(SHELL)
        }
        "sudo" => Some(SHELL),
        // the shell's own menu, from the keyboard
        "select" if call.texts().get(1) == Some(&"in") || call.args.len() == 1 => {
            Some("declare a parameter, or make it a `- [ ]` item")
        }
        "read" => call
            .texts()
            .iter()
            .any(|arg| arg.starts_with('-') && !arg.starts_with("--") && arg.ends_with('p'))
            .then_some("declare a parameter, or make it a `- [ ]` item"),
        "aws" if operands() == ["configure"] => Some("use environment variables or a profile"),
        "terraform" | "tofu" => {
            let applies = first == "destroy" || (first == "apply" && operands().len() == 1);
            let answered = call
                .texts()
                .iter()
                .any(|arg| arg.starts_with("-auto-approve") || arg.starts_with("--auto-approve"));
            (applies && !answered && !call.has_input()).then_some(YES)
        }
        "apt" | "apt-get" | "yum" | "dnf" => {
            let changes =
                matches!(first, "install" | "remove" | "upgrade" | "purge" | "autoremove" | "dist-upgrade");
            let answered = call.has_letter('y') || call.has(&["--yes", "--assume-yes", "--assumeyes"]);
            (changes && !answered && !call.has_input()).then_some(YES)
        }
        "git" => match first {
            "rebase" | "add" if call.has(&["-i", "--interactive", "-p", "--patch"]) => Some(EDIT),
            "commit"
                if !call.texts().iter().any(|arg| {
                    arg.starts_with("-m")
                        || arg.starts_with("--")
                        || arg.starts_with("-F")
                        || arg.starts_with("-C")
                        || (arg.starts_with('-') && arg.contains('m'))
                }) =>
            {
                Some("give the message with -m")
            }
            _ => None,
        },
        _ => None,
    }
}

/// Whether a database's client is given no statement.
pub(super) fn client_waits(call: &Call<'_>) -> bool {
    if call.has_input() {
        return false;
    }
    let any = |given: &dyn Fn(&str) -> bool| call.args.iter().any(|word| given(word.text()));
    let given = match call.program() {
        "psql" => {
            sql_text(call).is_some()
                || call.has(&["-f", "--file", "-l", "--list", "-V", "--version"])
                || any(&|arg| {
                    arg.starts_with("--file")
                        || arg.starts_with("-f")
                        || (arg.starts_with('-') && !arg.starts_with("--") && arg.ends_with(['c', 'f', 'l']))
                })
        }
        "mysql" | "mariadb" => {
            sql_text(call).is_some()
                || call.has(&["-V", "--version"])
                || any(&|arg| arg.starts_with("--execute") || arg.starts_with("-e"))
        }
        "redis-cli" => redis_operands(call) > 0 || any(&|arg| arg.starts_with("--")),
        "mongo" | "mongosh" => {
            any(&|arg| arg.contains("eval") || arg.ends_with(".js") || arg.starts_with("-f"))
        }
        _ => true,
    };
    !given
}

/// `-it`, `-ti`, `-t`, `--tty` among the program's own options.
fn has_terminal(call: &Call<'_>) -> bool {
    let mut own = kubectl::own_args(call);
    own.any(|arg| {
        matches!(arg, "-it" | "-ti" | "-t" | "--tty" | "--tty=true" | "-itd")
            || (arg.starts_with("-it") && !arg.starts_with("--"))
    })
}

/// ssh's destination and what follows it.
fn ssh_operands(call: &Call<'_>) -> usize {
    let mut args = call.args.iter().map(|word| &*word.value);
    let mut operands = 0;
    while let Some(arg) = args.next() {
        if arg.len() == 2 && arg.starts_with('-') && operands == 0 {
            if arg.ends_with(|c| "bcDEeFIiJLlmOopQRSWw".contains(c)) {
                args.next();
            }
        } else if !arg.starts_with('-') || operands > 0 {
            operands += 1;
        }
    }
    operands
}

/// redis-cli's command words, values of options left out.
fn redis_operands(call: &Call<'_>) -> usize {
    let mut args = call.args.iter().map(|word| &*word.value);
    let mut operands = 0;
    while let Some(arg) = args.next() {
        if operands == 0 && matches!(arg, "-h" | "-p" | "-n" | "-a" | "-u" | "-s" | "-r" | "-i") {
            args.next();
        } else if !arg.starts_with('-') {
            operands += 1;
        }
    }
    operands
}
