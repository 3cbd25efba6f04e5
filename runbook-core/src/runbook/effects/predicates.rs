//! What options alone cannot tell: programs whose arguments are programs, and programs that write by position.

use super::super::shell::Word;
use super::{may_become_option, program_reads, select};

/// Nothing more to ask.
pub(super) fn any(_: &[Word<'_>]) -> bool {
    true
}

/// No arguments at all, or options only.
pub(super) fn no_operands(args: &[Word<'_>]) -> bool {
    args.iter().all(|arg| arg.value.starts_with('-'))
}

/// Nothing follows.
pub(super) fn nothing(args: &[Word<'_>]) -> bool {
    args.is_empty()
}

/// Exactly one plain word follows.
pub(super) fn one(args: &[Word<'_>]) -> bool {
    matches!(args, [arg] if !arg.value.starts_with('-'))
}

/// `-v` looks into arrays, and can run a substitution hidden in a value. A value that is not known may stand only
/// where a literal operator makes it an operand: elsewhere it could be the operator.
pub(super) fn test(args: &[Word<'_>]) -> bool {
    if args.iter().any(|arg| matches!(arg.text(), "-v" | "-R")) {
        return false;
    }
    if !args.iter().any(|arg| arg.expands) {
        return true;
    }
    let args = match args {
        [inner @ .., last] if !last.expands && last.text() == "]" => inner,
        _ => args,
    };
    let args = match args {
        [not, inner @ ..] if !not.expands && not.text() == "!" => inner,
        _ => args,
    };
    match args {
        [operator, _] => !operator.expands && UNARY.contains(&operator.text()),
        [_, operator, _] => !operator.expands && BINARY.contains(&operator.text()),
        _ => false,
    }
}

const UNARY: &[&str] =
    &["-n", "-z", "-e", "-f", "-d", "-s", "-r", "-w", "-x", "-h", "-L", "-p", "-S", "-b", "-c"];
const BINARY: &[&str] = &["=", "==", "!=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"];

/// As [`test()`]; `[[ a -eq b ]]` calculates as well.
pub(super) fn double_bracket(args: &[Word<'_>]) -> bool {
    let calculates = ["-v", "-R", "-eq", "-ne", "-lt", "-le", "-gt", "-ge"];
    !args.iter().any(|arg| calculates.contains(&arg.text()))
}

/// `-v NAME` and `%n` set a variable, and what a value in the format says is not known.
pub(super) fn printf(args: &[Word<'_>]) -> bool {
    let args = match args {
        [end, rest @ ..] if end.text() == "--" => rest,
        _ => args,
    };
    let Some((format, values)) = args.split_first() else { return true };
    !format.value.starts_with("-v")
        && !may_become_option(format)
        && (!format.expands || values.is_empty())
        && !args.iter().any(|arg| sets_variable(arg.text()))
}

/// `%n`, with a width or a size as well.
fn sets_variable(format: &str) -> bool {
    let between = |c: char| c.is_ascii_digit() || "-+ #.*'hlLjzt".contains(c);
    format.split('%').skip(1).any(|rest| rest.trim_start_matches(between).starts_with('n'))
}

/// Files that have no end.
pub(super) fn endless(file: &str) -> bool {
    ["/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"].iter().any(|device| file.contains(device))
}

/// Reads no file without an end.
pub(super) fn ends(args: &[Word<'_>]) -> bool {
    !args.iter().any(|arg| endless(arg.text()))
}

/// At most an hour, written as numbers.
pub(super) fn sleep(args: &[Word<'_>]) -> bool {
    let seconds = |arg: &Word<'_>| {
        let text = arg.text();
        let number = text.trim_end_matches(['s', 'm', 'h', 'd']);
        let factor = match text.get(number.len()..)? {
            "" | "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        number.parse::<f64>().ok().filter(|_| plain).map(|number| number * factor)
    };
    args.iter().map(seconds).sum::<Option<f64>>().is_some_and(|sum| sum <= 3600.0)
}

/// Asks a number of times that is written, and no flood.
pub(super) fn ping(args: &[Word<'_>]) -> bool {
    let mut counted = false;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let Some(letters) = arg.value.strip_prefix('-') else { continue };
        for (at, letter) in letters.char_indices() {
            if matches!(letter, 'f' | '-') {
                return false;
            }
            if "ciIlmMpQsStTwWFe".contains(letter) {
                let attached = letters.get(at + letter.len_utf8()..).unwrap_or_default();
                let next = if attached.is_empty() { args.next().map(Word::text) } else { Some(attached) };
                if letter == 'c' {
                    counted = next
                        .and_then(|count| count.parse::<u32>().ok())
                        .is_some_and(|count| (1..=3600).contains(&count));
                    if !counted {
                        return false;
                    }
                }
                break;
            }
        }
    }
    counted
}

/// `docker stats --no-stream`: without it, it shows and shows.
pub(super) fn once_only(args: &[Word<'_>]) -> bool {
    args.iter().any(|arg| arg.text() == "--no-stream")
        && !args.iter().any(|arg| arg.value.starts_with("--no-stream="))
}

/// Only known options. The value of `-n` may be missing, so it counts as one only when it is a number.
pub(super) fn journalctl(args: &[Word<'_>]) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let text = arg.text();
        let (name, attached) = match text.split_once('=') {
            Some((name, _)) if name.starts_with("--") => (name, true),
            _ => (text, false),
        };
        let known = if text == "-n" {
            args.next().is_some_and(|value| number(value.text()))
        } else if let Some(lines) = text.strip_prefix("--lines=").or_else(|| text.strip_prefix("-n")) {
            number(lines)
        } else if JOURNAL_VALUES.contains(&name) {
            attached || args.next().is_some()
        } else {
            JOURNAL_FLAGS.contains(&name) || !(text.starts_with('-') || may_become_option(arg))
        };
        if !known {
            return false;
        }
    }
    true
}

const JOURNAL_FLAGS: &[&str] = &[
    "--no-pager",
    "-b",
    "--boot",
    "-k",
    "--dmesg",
    "-r",
    "--reverse",
    "-x",
    "-e",
    "-xe",
    "-q",
    "--utc",
    "-a",
    "--all",
];
const JOURNAL_VALUES: &[&str] = &[
    "-u",
    "--unit",
    "--since",
    "--until",
    "-S",
    "-U",
    "-o",
    "--output",
    "-p",
    "--priority",
    "-t",
    "-g",
    "--grep",
    "-xeu",
    "-xu",
    "-eu",
];

/// Only shows the time: anything else sets it.
pub(super) fn date(args: &[Word<'_>]) -> bool {
    args.iter().all(|arg| {
        let arg = arg.text();
        arg.starts_with('+') || matches!(arg, "-u" | "--utc" | "-R") || arg.starts_with("-I")
    })
}

/// A second operand is a file that it writes.
pub(super) fn at_most_one_operand(args: &[Word<'_>]) -> bool {
    args.iter().filter(|arg| !arg.value.starts_with('-')).count() <= 1
}

/// `awk '{print $2}'`: a program that can neither start another one nor write a file.
pub(super) fn awk(args: &[Word<'_>]) -> bool {
    let mut program = None;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.text() {
            "-F" => {
                args.next();
            }
            option if option.starts_with("-F") => {}
            option if option.starts_with('-') => return false,
            _ => program = program.or(Some(arg)),
        }
    }
    let starts = ["system", "getline", ">", "|", "@", "close", "fflush", "extension"];
    // a value inside the program could be any program
    program.is_some_and(|word| !word.expands && !starts.iter().any(|bad| word.value.contains(bad)))
}

/// `sed -n '1,5p'`: lines by number and nothing else.
pub(super) fn sed(args: &[Word<'_>]) -> bool {
    let [option, script, rest @ ..] = args else { return false };
    let numbers = script.value.chars().all(|c| c.is_ascii_digit() || matches!(c, ',' | '$' | 'p'));
    option.value == "-n"
        && !script.expands
        && script.value.ends_with('p')
        && numbers
        && rest.iter().all(|arg| !arg.value.starts_with('-') && !may_become_option(arg))
}

/// `timeout 30 PROGRAM ...`.
pub(super) fn timeout(args: &[Word<'_>]) -> bool {
    match args {
        [limit, program, rest @ ..] if limit.value.starts_with(|c: char| c.is_ascii_digit()) => {
            !program.quoted && program_reads(&program.value, rest)
        }
        _ => false,
    }
}

/// `kubectl get --raw` can reach any service through the interface's proxy, and `-w` never ends.
pub(super) fn kubectl_get(args: &[Word<'_>]) -> bool {
    let raw = args.iter().any(|arg| arg.value.starts_with("--raw"));
    !args.iter().any(|arg| kubectl_goes_on(arg, 'w', "--watch"))
        && (!raw
            || args
                .iter()
                .all(|arg| !arg.value.contains("proxy") && !arg.value.contains('%') && !arg.expands))
}

/// `-f` never ends.
pub(super) fn kubectl_logs(args: &[Word<'_>]) -> bool {
    !args.iter().any(|arg| kubectl_goes_on(arg, 'f', "--follow"))
}

/// Whether an option is the long one, or has the letter among the short ones: `-Aw`, but not `-nweb`.
fn kubectl_goes_on(arg: &Word<'_>, letter: char, long: &str) -> bool {
    let letters = arg.value.strip_prefix('-').filter(|letters| !letters.starts_with('-')).unwrap_or_default();
    let flags = letters.chars().take_while(|&c| c == letter || !"nlocsvLfk".contains(c));
    arg.value.starts_with(long) || flags.into_iter().any(|c| c == letter)
}

/// At least one `-c`, and each a statement that only reads.
pub(super) fn psql(args: &[Word<'_>]) -> bool {
    let mut statements = 0;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let option = arg.text();
        // `-tAc` is `-t -A -c`
        let is_command = option == "--command"
            || option
                .strip_prefix('-')
                .and_then(|letters| letters.strip_suffix('c'))
                .is_some_and(|letters| letters.chars().all(|letter| "tAqXxw".contains(letter)));
        if !is_command {
            let flags = option.strip_prefix('-').is_some_and(|letters| {
                !letters.is_empty() && letters.chars().all(|letter| "tAqXxw".contains(letter))
            });
            if PSQL_VALUES.contains(&option) {
                args.next();
            } else if !flags
                && !PSQL_FLAGS.contains(&option)
                && (option.starts_with('-') || leads_with_value(arg))
            {
                return false;
            }
            continue;
        }
        let statement = args.next();
        match statement {
            Some(word) if !word.expands && select::reads(&word.value) => statements += 1,
            _ => return false,
        }
    }
    statements > 0
}

/// A database's name or address that is not known as written may be an option.
fn leads_with_value(arg: &Word<'_>) -> bool {
    arg.expands && arg.value.starts_with('$')
}

const PSQL_FLAGS: &[&str] =
    &["--tuples-only", "--no-align", "--quiet", "--no-psqlrc", "--no-password", "--csv"];
const PSQL_VALUES: &[&str] = &["-h", "-p", "-U", "-d", "-F", "--host", "--port", "--username", "--dbname"];

/// The first word that is no option is a verb that only reads.
pub(super) fn redis(args: &[Word<'_>]) -> bool {
    let mut args = args.iter().map(|arg| &*arg.value);
    let mut words = Vec::new();
    while let Some(arg) = args.next() {
        match arg {
            "-h" | "-p" | "-n" | "-u" | "--user" | "--cacert" if words.is_empty() => {
                args.next();
            }
            "--raw" | "--no-raw" | "--tls" | "--json" | "--no-auth-warning" | "-c" if words.is_empty() => {}
            option if words.is_empty() && option.starts_with('-') => return false,
            word => words.push(word.to_ascii_lowercase()),
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [verb, ..] if REDIS_VERBS.contains(verb) => true,
        ["slowlog", "get" | "len", ..]
        | ["client", "list" | "info" | "id", ..]
        | ["cluster", "info" | "nodes" | "slots", ..]
        | ["config", "get", ..]
        | ["memory", "usage" | "stats" | "doctor", ..]
        | ["sentinel", "masters" | "master" | "replicas" | "get-master-addr-by-name", ..] => true,
        _ => false,
    }
}

const REDIS_VERBS: &[&str] = &[
    "get",
    "mget",
    "exists",
    "ttl",
    "pttl",
    "type",
    "strlen",
    "llen",
    "lrange",
    "lindex",
    "hget",
    "hgetall",
    "hlen",
    "hkeys",
    "hexists",
    "scard",
    "smembers",
    "sismember",
    "zcard",
    "zrange",
    "zscore",
    "zcount",
    "dbsize",
    "info",
    "ping",
    "lastsave",
    "scan",
    "xlen",
    "xinfo",
    "xrange",
    "role",
    "time",
];

/// aws: `describe-*` and `list-*` of any service; what begins with `get-` may write a file or give a secret, so only
/// where it is known.
pub(super) fn aws(args: &[Word<'_>]) -> bool {
    let [service, verb, ..] = args else { return false };
    if service.expands || verb.expands || service.value.starts_with('-') {
        return false;
    }
    let verb = verb.text();
    if verb == "get-activity-task" {
        // it takes the task
        return false;
    }
    if verb.starts_with("describe-") || verb.starts_with("list-") {
        return true;
    }
    match service.text() {
        "s3" => verb == "ls",
        "sts" => verb == "get-caller-identity",
        "s3api" => {
            verb.starts_with("get-bucket-")
                || matches!(
                    verb,
                    "get-object-lock-configuration"
                        | "get-object-tagging"
                        | "get-object-attributes"
                        | "get-object-acl"
                        | "get-public-access-block"
                        | "head-object"
                        | "head-bucket"
                )
        }
        "logs" => matches!(verb, "filter-log-events" | "get-log-events" | "get-query-results"),
        "dynamodb" => matches!(verb, "get-item" | "query" | "scan"),
        "sqs" => matches!(verb, "get-queue-attributes" | "get-queue-url"),
        "cloudwatch" | "iam" | "route53" | "ce" | "wafv2" | "guardduty" | "stepfunctions"
        | "codepipeline" => verb.starts_with("get-"),
        "lambda" => {
            verb.starts_with("get-function") || verb == "get-policy" || verb == "get-account-settings"
        }
        "ec2" => verb == "get-console-output",
        "sns" => verb == "get-topic-attributes",
        "kms" => verb == "get-key-policy" || verb == "get-key-rotation-status",
        "cloudfront" => verb == "get-distribution" || verb == "get-distribution-config",
        _ => false,
    }
}

/// `ip addr`, `ip -br link show`, `ip route get ADDRESS`.
pub(super) fn ip(args: &[Word<'_>]) -> bool {
    let shows = ["-4", "-6", "-br", "-brief", "-j", "-json", "-s", "-o", "-d", "-details", "-c"];
    let mut words = args.iter().map(|arg| &*arg.value).skip_while(|arg| shows.contains(arg));
    let object = words.next();
    let verb = words.next();
    matches!(object, Some("a" | "addr" | "address" | "l" | "link" | "r" | "route" | "n" | "neigh" | "rule"))
        && (matches!(verb, None | Some("show" | "list" | "ls"))
            || (verb == Some("get") && matches!(object, Some("r" | "route"))))
}
