//! Calls that are known to change something, and those that destroy.

use super::super::effects;
use super::super::shell::Word;
use super::calls::Call;
use super::kubectl;

/// SQL given on the command line.
pub(super) fn sql_text<'c>(call: &'c Call<'_>) -> Option<&'c str> {
    let options: &[&str] = match call.program() {
        "psql" => &["-c", "--command"],
        "mysql" | "mariadb" => &["-e", "--execute"],
        _ => return None,
    };
    let mut args = call.args.iter().map(|word| &*word.value);
    while let Some(arg) = args.next() {
        if let Some((_, text)) = arg.split_once('=').filter(|(name, _)| options.contains(name)) {
            return Some(text);
        }
        let combined = arg.starts_with('-')
            && !arg.starts_with("--")
            && options.iter().any(|option| option.len() == 2 && arg.ends_with(&option[1..]));
        if options.contains(&arg) || combined {
            return args.next();
        }
    }
    None
}

/// What in a SQL text destroys: `drop`, `truncate` or `delete from`.
pub(super) fn destructive_sql(sql: &str) -> Option<&'static str> {
    let lower = sql.to_ascii_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect();
    let follows =
        |first: &str, then: &[&str]| words.windows(2).any(|pair| pair[0] == first && then.contains(&pair[1]));
    if follows("drop", &["table", "database", "schema", "index", "view", "column", "role", "user", "owned"]) {
        Some("DROP")
    } else if words.first() == Some(&"truncate") || follows("truncate", &["table"]) {
        Some("TRUNCATE")
    } else if follows("delete", &["from"]) {
        Some("DELETE FROM")
    } else {
        None
    }
}

/// Whether the call is a trap or a cleanup of the run's own folder, which is no effect on the world.
pub(super) fn removes_own_files(call: &Call<'_>) -> bool {
    call.program == "rm" && call.operands().all(|path| path.starts_with("/tmp/") || path.starts_with("$TMP"))
}

/// What about the call destroys something, in words.
pub(super) fn destroys(call: &Call<'_>) -> Option<String> {
    let tries = call.args.iter().any(|arg| arg.value.starts_with("--dry-run") || arg.value == "--help");
    if tries {
        return None;
    }
    let shown = |words: &str| Some(format!("{} {words}", call.program));
    match call.program() {
        "kubectl" | "oc" => match kubectl::words(call).as_slice() {
            [verb @ ("delete" | "drain"), ..] => shown(verb),
            ["scale", ..] if kubectl::value_of(call, &["--replicas"]) == Some("0") => {
                shown("scale --replicas=0")
            }
            ["replace", ..] if call.has(&["--force"]) => shown("replace --force"),
            ["apply", ..] if call.has(&["--prune"]) => shown("apply --prune"),
            _ => None,
        },
        "helm" => call
            .operands()
            .next()
            .filter(|verb| matches!(*verb, "uninstall" | "delete" | "del"))
            .and_then(shown),
        "rm" if call.has_letter('r') || call.has_letter('R') || call.has(&["--recursive"]) => shown("-r"),
        "truncate" | "shred" | "dropdb" | "dropuser" | "wipefs" | "mkswap" | "lvremove" | "vgremove"
        | "pvremove" | "userdel" | "groupdel" | "deluser" | "reboot" | "poweroff" | "halt" | "shutdown" => {
            // a shutdown that is planned can be taken back, and this takes it back
            (!call.has(&["-c"])).then(|| call.program().to_owned())
        }
        program if program == "mkfs" || program.starts_with("mkfs.") => Some(program.to_owned()),
        "systemctl" => call
            .operands()
            .next()
            .filter(|verb| matches!(*verb, "reboot" | "poweroff" | "halt" | "kexec"))
            .and_then(shown),
        "init" | "telinit" => {
            call.operands().next().filter(|level| matches!(*level, "0" | "6")).and_then(shown)
        }
        "iptables" | "ip6tables" | "iptables-nft" | "ip6tables-nft" => {
            let flushes =
                call.args.iter().find(|arg| matches!(arg.text(), "-F" | "--flush" | "-X" | "--delete-chain"));
            flushes.and_then(|arg| shown(arg.text()))
        }
        "nft" => match call.operands().collect::<Vec<_>>().as_slice() {
            [verb @ ("flush" | "delete" | "destroy"), ..] => shown(verb),
            _ => None,
        },
        "ipvsadm" if call.has(&["-C", "--clear"]) => shown("-C"),
        "zpool" | "zfs" => call
            .operands()
            .next()
            .filter(|verb| matches!(*verb, "destroy" | "labelclear" | "rollback"))
            .and_then(shown),
        "crontab" if call.has_letter('r') => shown("-r"),
        "git" => git(call).and_then(shown),
        "curl" => method(call)
            .filter(|method| method.eq_ignore_ascii_case("DELETE"))
            .and_then(|_| shown("-X DELETE")),
        "http" | "https" | "xh" => call.operands().next().filter(|verb| *verb == "DELETE").and_then(shown),
        "mongo" | "mongosh" => {
            let script = call.args.iter().map(Word::text);
            let verbs = ["dropDatabase(", ".drop(", "deleteMany(", ".remove(", "dropIndexes("];
            script
                .flat_map(|text| verbs.iter().filter(move |verb| text.contains(**verb)))
                .next()
                .and_then(|verb| shown(&format!("{})", verb.trim_start_matches('.'))))
        }
        "kafka-topics" | "kafka-topics.sh" | "kafka-consumer-groups" | "kafka-consumer-groups.sh"
            if call.has(&["--delete"]) =>
        {
            shown("--delete")
        }
        "rabbitmqctl" => call
            .operands()
            .next()
            .filter(|verb| {
                verb.starts_with("delete_") || matches!(*verb, "purge_queue" | "reset" | "force_reset")
            })
            .and_then(shown),
        "dd" if call.args.iter().any(|arg| arg.value.starts_with("of=/dev/")) => shown("of=/dev/..."),
        "find" if call.has(&["-delete"]) => shown("-delete"),
        "aws" => {
            let words: Vec<&str> = call.operands().take(4).collect();
            let verb = words
                .iter()
                .copied()
                .find(|word| word.starts_with("delete-") || word.starts_with("terminate-"));
            let s3 = words
                .windows(2)
                .find(|pair| pair[0] == "s3" && matches!(pair[1], "rm" | "rb"))
                .map(|pair| pair[1]);
            verb.or(s3).and_then(shown)
        }
        "gcloud" | "az" => {
            call.operands().take(5).find(|word| matches!(*word, "delete" | "purge")).and_then(shown)
        }
        "docker" | "podman" => match call.texts().as_slice() {
            [verb @ ("rm" | "rmi"), ..] => shown(verb),
            ["volume" | "image" | "container" | "network" | "system", verb @ ("rm" | "prune"), ..] => {
                shown(verb)
            }
            _ => None,
        },
        "terraform" | "tofu" => call.operands().next().filter(|verb| *verb == "destroy").and_then(shown),
        "redis-cli" | "valkey-cli" => call
            .operands()
            .find(|word| matches!(word.to_ascii_lowercase().as_str(), "flushall" | "flushdb"))
            .and_then(shown),
        "pulumi" => call.operands().next().filter(|verb| *verb == "destroy").and_then(shown),
        "etcdctl" => call.operands().next().filter(|verb| *verb == "del").and_then(shown),
        "psql" | "mysql" | "mariadb" => sql_text(call).and_then(destructive_sql).map(str::to_owned),
        _ => None,
    }
}

/// What of git cannot be taken back: a push that overwrites or removes.
fn git(call: &Call<'_>) -> Option<&'static str> {
    if call.operands().next() != Some("push") {
        return None;
    }
    let forced = |arg: &str| {
        arg == "--force" || arg.starts_with("--force-with-lease") || arg == "--mirror" || arg == "--delete"
    };
    let removes = call.operands().skip(2).any(|name| name.starts_with('+') || name.starts_with(':'));
    if call.has_letter('f') || call.args.iter().any(|arg| forced(arg.text())) {
        Some("push --force")
    } else {
        removes.then_some("push +BRANCH or :BRANCH")
    }
}

/// The method that curl is told.
fn method<'c>(call: &'c Call<'_>) -> Option<&'c str> {
    let mut args = call.args.iter().map(Word::text);
    while let Some(arg) = args.next() {
        if let Some(method) = arg.strip_prefix("--request=") {
            return Some(method);
        }
        // `-XDELETE`, `-sX DELETE`
        let short = arg.starts_with('-') && !arg.starts_with("--");
        if arg == "--request" || short && arg.ends_with('X') {
            return args.next();
        }
        if let Some((_, method)) = arg.split_once('X').filter(|(lead, _)| {
            short && lead.chars().skip(1).all(|c| c.is_ascii_lowercase()) && lead.len() < 6
        }) {
            return Some(method);
        }
    }
    None
}

/// The file that a redirection empties, unless it is one of the run's own or of nobody's.
pub(super) fn emptied<'c>(call: &'c Call<'_>) -> Option<&'c str> {
    let writes_nothing = match call.program() {
        "" | ":" | "true" => true,
        "cat" if call.operands().next().is_some() => call.operands().all(|file| file == "/dev/null"),
        "cat" => call.redirects.iter().any(|(op, target)| op.ends_with('<') && target == "/dev/null"),
        "echo" | "printf" => call.args.iter().all(|arg| arg.text().is_empty() || arg.text() == "-n"),
        _ => false,
    };
    let targets = call.redirects.iter().filter(|(op, _)| matches!(&**op, ">" | ">|" | "1>"));
    let mut kept = targets.map(|(_, target)| &**target).filter(|target| {
        // a file without a folder is a new one of the run's own
        target.starts_with('/') && !target.starts_with("/tmp/") && !target.starts_with("/dev/")
    });
    kept.next().filter(|_| writes_nothing)
}

/// Whether the call is known to change something outside. Most programs are simply not known.
pub(super) fn changes(call: &Call<'_>) -> bool {
    if destroys(call).is_some() {
        return true;
    }
    let tries = |arg: &str| arg.starts_with("--dry-run") || matches!(arg, "--help" | "-h" | "--version");
    if call.args.iter().any(|arg| tries(arg.text())) {
        return false;
    }
    let operand = call.operands().next().unwrap_or_default();
    match call.program() {
        "kubectl" | "oc" => {
            let verb = kubectl::words(call);
            // what `exec` runs is a call of its own
            kubectl::changes(&verb) && verb.first() != Some(&"exec") && !call.has(&["--rm"])
        }
        "helm" => matches!(operand, "install" | "upgrade" | "rollback"),
        "systemctl" | "service" => call
            .operands()
            .any(|word| matches!(word, "start" | "stop" | "restart" | "reload" | "enable" | "disable")),
        "terraform" | "tofu" => matches!(operand, "apply" | "import"),
        "docker" | "podman" => {
            matches!(operand, "stop" | "start" | "restart" | "kill" | "push")
                || (operand == "run" && call.has(&["-d", "--detach"]))
        }
        "git" => operand == "push",
        "aws" => call.operands().take(4).any(|word| {
            ["create-", "update-", "put-", "modify-", "reboot-", "stop-", "start-", "set-"]
                .iter()
                .any(|lead| word.starts_with(lead))
        }),
        "reboot" | "shutdown" | "kill" | "pkill" | "killall" | "pg_restore" => true,
        "psql" | "mysql" | "mariadb" => sql_text(call).is_some_and(|sql| {
            let word = sql.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
            matches!(
                word.as_str(),
                "insert" | "update" | "alter" | "create" | "grant" | "revoke" | "vacuum" | "reindex"
            )
        }),
        "ssh" => {
            call.operands().count() > 1 && {
                let command: Vec<&str> = call.operands().skip(1).collect();
                !effects::is_read_only(&command.join(" "))
            }
        }
        _ => false,
    }
}
