//! What options alone cannot tell: programs whose arguments are programs, and programs that write by position.

use super::super::shell::Word;
use super::credentials::{
    any_file, endless, names_credentials, reads_files, shows_no_secret_variable, template_shows_state,
};
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
        && shows_no_secret_variable(args)
}

/// `%n`, with a width or a size as well.
fn sets_variable(format: &str) -> bool {
    let between = |c: char| c.is_ascii_digit() || "-+ #.*'hlLjzt".contains(c);
    format.split('%').skip(1).any(|rest| rest.trim_start_matches(between).starts_with('n'))
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

/// `docker stats --no-stream`: without it, it shows and shows.
pub(super) fn once_only(args: &[Word<'_>]) -> bool {
    args.iter().any(|arg| arg.text() == "--no-stream")
        && !args.iter().any(|arg| arg.value.starts_with("--no-stream="))
}

/// Only shows the time: anything else sets it.
pub(super) fn date(args: &[Word<'_>]) -> bool {
    shows_no_secret_variable(args)
        && args.iter().all(|arg| {
            let arg = arg.text();
            arg.starts_with('+') || matches!(arg, "-u" | "--utc" | "-R") || arg.starts_with("-I")
        })
}

/// A second operand is a file that it writes; `-` is one as well.
pub(super) fn at_most_one_operand(args: &[Word<'_>]) -> bool {
    args.iter().filter(|arg| arg.value == "-" || !arg.value.starts_with('-')).count() <= 1
        && reads_files(args)
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
            _ if program.is_none() => program = Some(arg),
            file if endless(file) || names_credentials(file) || any_file(file) => return false,
            _ => {}
        }
    }
    let starts = [
        "system",
        "getline",
        ">",
        "|",
        "@",
        "close",
        "fflush",
        "extension",
        // the environment, and loops without an end
        "environ",
        "ENVIRON",
        "ARGV",
        "for(;",
        "for (;",
        "while",
        ";;",
        "; ;",
    ];
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
        && reads_files(rest)
}

/// A jq program by itself, whose options read nothing else: it sees neither the environment nor other files, and ends.
pub(super) fn jq(args: &[Word<'_>]) -> bool {
    if !shows_no_secret_variable(args) {
        return false;
    }
    let mut program = None;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let text = arg.text();
        if matches!(text, "--arg" | "--argjson") {
            args.next();
            args.next();
        } else if text == "--indent" {
            args.next();
        } else if text.starts_with("--") {
            if !JQ_FLAGS.contains(&text) {
                return false;
            }
        } else if let Some(letters) = text.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            if !letters.chars().all(|letter| "rcesnSMCjaR".contains(letter)) {
                return false;
            }
        } else if program.is_none() {
            program = Some(arg);
        } else if endless(text) || names_credentials(text) || any_file(text) {
            return false;
        }
    }
    program.is_some_and(|word| !word.expands && !jq_looks_around(&word.value))
}

const JQ_FLAGS: &[&str] = &[
    "--raw-output",
    "--compact-output",
    "--exit-status",
    "--slurp",
    "--null-input",
    "--sort-keys",
    "--raw-input",
    "--tab",
    "--join-output",
    "--monochrome-output",
    "--color-output",
];

/// `env`, `$ENV`, modules, and what need not end; `.env` is a field.
fn jq_looks_around(program: &str) -> bool {
    const WORDS: &[&str] = &["env", "ENV", "import", "include", "repeat", "until", "while", "infinite"];
    let part_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut before = ' ';
    program.split_inclusive(|c: char| !part_of_word(c)).any(|piece| {
        let word = piece.trim_end_matches(|c: char| !part_of_word(c));
        let bad = WORDS.contains(&word) && !matches!(before, '.' | '"');
        before = piece.chars().next_back().unwrap_or(' ');
        bad
    })
}

/// Counts no further than a million, between numbers that are written.
pub(super) fn seq(args: &[Word<'_>]) -> bool {
    args.iter().all(|arg| arg.value.len() <= 6 && arg.value.bytes().all(|b| b.is_ascii_digit() || b == b'-'))
}

/// `docker inspect --format TEMPLATE NAME`, with a template that shows neither everything nor the environment.
pub(super) fn docker_inspect(args: &[Word<'_>]) -> bool {
    let mut templates = 0;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let text = arg.text();
        let template = if matches!(text, "-f" | "--format") {
            args.next()
        } else if text.starts_with("-f") || text.starts_with("--format=") {
            Some(arg)
        } else if text == "--type" {
            args.next();
            continue;
        } else if text.starts_with('-') {
            return false;
        } else {
            continue;
        };
        match template {
            Some(word) if !word.expands && word.value.contains("{{") && template_shows_state(&word.value) => {
                templates += 1;
            }
            _ => return false,
        }
    }
    templates == 1
}

/// The usual output.
pub(super) fn no_output_format(args: &[Word<'_>]) -> bool {
    args.iter()
        .all(|arg| !arg.value.starts_with("--o") && !arg.value.starts_with("-o") && !may_become_option(arg))
}

/// Without `--raw`, kubectl's settings are shown without what is secret in them.
pub(super) fn not_raw(args: &[Word<'_>]) -> bool {
    let open = |arg: &Word<'_>| arg.value.starts_with("--raw") || arg.value.starts_with("--flatten");
    args.iter().all(|arg| !open(arg) && !may_become_option(arg))
}

/// Names or numbers of keys; a value may be anything, a cluster's Secrets among it.
pub(super) fn keys_only(args: &[Word<'_>]) -> bool {
    let only = ["--keys-only", "--count-only"];
    args.iter().any(|arg| only.contains(&arg.text())) && !args.iter().any(|arg| arg.value.contains("-only="))
}

/// No `@file`, whose lines would be arguments.
pub(super) fn no_at_files(args: &[Word<'_>]) -> bool {
    args.iter().all(|arg| !arg.value.starts_with('@') && !arg.value.contains("=@"))
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
    // by name: a pattern would show `requirepass`
    let is_open = |name: &&str| {
        name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
            && !name.contains("pass")
            && !name.contains("auth")
    };
    match words.as_slice() {
        ["config", "get", names @ ..] => names.iter().all(is_open),
        [verb, ..] if REDIS_VERBS.contains(verb) => true,
        ["slowlog", "get" | "len", ..]
        | ["client", "list" | "info" | "id", ..]
        | ["cluster", "info" | "nodes" | "slots", ..]
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
