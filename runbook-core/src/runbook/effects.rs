//! Which commands are known to change nothing.
//!
//! A text is read-only when every command of its lists and pipelines is in the table with options that only read.
//! Whatever is not understood (a redirection to a file, a substitution, a background job, a loop, an unknown
//! program or option) is not read-only. The table may be too strict; it must never be too generous.

use super::model::{Effect, EffectSource};
use super::names::{is_identifier, is_reserved};
use super::shell::{Kind, Simple, Word, lex, simple_commands};

/// The effect of a command text by the table, with where that comes from.
pub(crate) fn of(text: &str) -> (Effect, EffectSource) {
    if is_read_only(text) {
        (Effect::Read, EffectSource::Table)
    } else {
        (Effect::Once, EffectSource::Unknown)
    }
}

/// Whether the table knows that the text changes nothing.
pub(crate) fn is_read_only(text: &str) -> bool {
    let lexed = lex(text);
    if !lexed.complete() {
        return false;
    }
    let plain = lexed.tokens.iter().all(|token| match &token.kind {
        Kind::Op(op) => matches!(*op, ";" | "&&" | "||" | "|"),
        Kind::Word(word) => !word.runs,
        // an unquoted here-document may hold substitutions
        Kind::HereDoc => false,
        Kind::Redirect(_) | Kind::Newline | Kind::Comment => true,
    });
    let commands = simple_commands(&lexed.tokens);
    plain && !commands.is_empty() && commands.iter().all(command_reads)
}

fn command_reads(command: &Simple) -> bool {
    if !command.words.iter().all(|word| expands_plainly(&word.value)) {
        return false;
    }
    command.redirects.iter().all(|(op, target)| redirect_reads(op, target)) && words_read(&command.words)
}

/// Only `${NAME}` and `${NAME:-default}` and the like: other forms calculate, or expand a value once more.
fn expands_plainly(value: &str) -> bool {
    value.split("${").skip(1).all(|rest| {
        let tail = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        tail.len() < rest.len() && ["}", ":-", ":+", ":?"].iter().any(|form| tail.starts_with(form))
    })
}

fn redirect_reads(op: &str, target: &str) -> bool {
    let op = op.trim_start_matches(|c: char| c.is_ascii_digit());
    match op {
        "<" | "<<<" => true,
        ">&" | "<&" => matches!(target, "1" | "2" | "0" | "-"),
        ">" | ">>" | "&>" | "&>>" => target == "/dev/null",
        _ => false,
    }
}

fn words_read(words: &[Word]) -> bool {
    let Some(first) = words.first() else { return true };
    if first.value.contains('=') && !first.quoted {
        return words.iter().all(assignment_reads);
    }
    if first.splits || first.quoted || words.iter().any(|word| word.splits) {
        // an unquoted expansion may become several words, options among them
        return false;
    }
    let args: Vec<&str> = words[1..].iter().map(|word| word.value.as_str()).collect();
    program_reads(&first.value, &args)
}

/// `NAME=value` alone changes one variable of the run and nothing outside it.
fn assignment_reads(word: &Word) -> bool {
    let Some((name, _)) = word.value.split_once('=') else { return false };
    // names that other programs take orders from
    let steers = [
        "KUBE", "CURL", "AWS", "PG", "JQ", "GREP", "HELM", "DOCKER", "LESS", "MAN", "SSL", "HTTP", "NO_PROXY",
    ];
    is_identifier(name) && !is_reserved(name) && !steers.iter().any(|prefix| name.starts_with(prefix))
}

fn program_reads(program: &str, args: &[&str]) -> bool {
    match program {
        "cat" | "head" | "tail" | "wc" | "grep" | "egrep" | "fgrep" | "zgrep" | "jq" | "echo" | "printf"
        | "true" | "false" | ":" | "ls" | "pwd" | "cd" | "whoami" | "id" | "groups" | "uname" | "uptime"
        | "df" | "du" | "free" | "ps" | "stat" | "cut" | "tr" | "tac" | "rev" | "nl" | "paste" | "join"
        | "comm" | "cmp" | "md5sum" | "sha1sum" | "sha256sum" | "basename" | "dirname" | "realpath"
        | "readlink" | "sleep" | "seq" | "dig" | "host" | "ping" | "which" | "nproc" | "lsblk" | "lscpu"
        | "printenv" => program != "printf" || args.first() != Some(&"-v"),
        // `-v` looks into arrays, and `[[ a -eq b ]]` calculates: both can run a substitution hidden in a value
        "test" | "[" => !args.contains(&"-v"),
        "[[" => !args.iter().any(|arg| matches!(*arg, "-v" | "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge")),
        "date" => args.iter().all(|arg| {
            arg.starts_with('+') || matches!(*arg, "-u" | "--utc" | "-R" | "-I") || arg.starts_with("-I")
        }),
        "uniq" => args.iter().filter(|arg| !arg.starts_with('-')).count() <= 1,
        "sort" => !args.iter().any(|arg| {
            arg.starts_with("--o")
                || arg.starts_with("--co")
                || arg.starts_with("--t")
                || short_has(arg, "oT")
        }),
        "awk" => awk_reads(args),
        "sed" => {
            matches!(args, ["-n", script, ..] if script.ends_with('p')
            && script.chars().all(|c| c.is_ascii_digit() || matches!(c, ',' | '$' | 'p')))
                && args[1..].iter().all(|arg| !arg.starts_with('-'))
        }
        "find" => !args.iter().any(|arg| {
            arg.starts_with("-exec")
                || arg.starts_with("-ok")
                || arg.starts_with("-f") && *arg != "-follow"
                || *arg == "-delete"
        }),
        "timeout" => match args {
            [limit, program, rest @ ..] if limit.starts_with(|c: char| c.is_ascii_digit()) => {
                program_reads(program, rest)
            }
            _ => false,
        },
        "kubectl" => kubectl_reads(args),
        "curl" => curl_reads(args),
        "helm" => {
            first_words(args, &[&["list"], &["ls"], &["status"], &["history"], &["version"]])
                && !args
                    .iter()
                    .any(|arg| arg.starts_with("--post-renderer") || arg.starts_with("--output-dir"))
        }
        "docker" => {
            first_words(args, &[&["ps"], &["logs"], &["inspect"], &["images"], &["version"], &["info"]])
        }
        "systemctl" => first_words(args, &[&["status"], &["is-active"], &["is-enabled"], &["is-failed"]]),
        "journalctl" => args.iter().filter(|arg| arg.starts_with('-')).all(|arg| {
            let name = arg.split('=').next().unwrap_or_default();
            JOURNALCTL.contains(&name)
        }),
        "git" => {
            first_words(args, &[&["status"], &["log"], &["rev-parse"], &["describe"]])
                && !args.iter().any(|arg| arg.starts_with("--o") || arg.starts_with("--e"))
        }
        "aws" => aws_reads(args),
        _ => false,
    }
}

/// journalctl's options that only select and show.
const JOURNALCTL: &[&str] = &[
    "-u",
    "--unit",
    "-n",
    "--lines",
    "-f",
    "--follow",
    "--since",
    "--until",
    "-S",
    "-U",
    "--no-pager",
    "-o",
    "--output",
    "-p",
    "--priority",
    "-b",
    "--boot",
    "-k",
    "--dmesg",
    "-r",
    "--reverse",
    "-x",
    "-e",
    "-t",
    "-g",
    "--grep",
    "-xe",
    "-xeu",
];

/// Whether a combined short option such as `-rn` holds one of the letters.
fn short_has(arg: &str, letters: &str) -> bool {
    arg.starts_with('-') && !arg.starts_with("--") && arg.chars().any(|c| letters.contains(c))
}

fn first_words(args: &[&str], allowed: &[&[&str]]) -> bool {
    allowed.iter().any(|words| args.starts_with(words))
}

/// `awk '{print $2}'`: a program that can neither start another one nor write a file.
fn awk_reads(args: &[&str]) -> bool {
    let mut program = None;
    let mut i = 0;
    while i < args.len() {
        match args[i] {
            "-F" => i += 1,
            arg if arg.starts_with("-F") => {}
            arg if arg.starts_with('-') => return false,
            arg => program = program.or(Some(arg)),
        }
        i += 1;
    }
    program.is_some_and(|text| {
        !["system", "getline", ">", "|", "@", "close"].iter().any(|bad| text.contains(bad))
    })
}

/// kubectl's options that take their value as the next word.
const KUBECTL_VALUES: &[&str] = &[
    "-n",
    "--namespace",
    "--context",
    "--cluster",
    "-l",
    "--selector",
    "-o",
    "--output",
    "--request-timeout",
];

/// kubectl's verb and what follows it, global options skipped; empty when options hide it.
pub(crate) fn kubectl_verb<'a>(args: &[&'a str]) -> Vec<&'a str> {
    let mut words = Vec::new();
    let mut i = 0;
    while i < args.len() {
        let arg = args[i];
        if arg.starts_with('-') {
            if KUBECTL_VALUES.contains(&arg) {
                i += 1;
            }
        } else {
            words.push(arg);
        }
        i += 1;
    }
    words
}

fn kubectl_reads(args: &[&str]) -> bool {
    // before the verb only options that we know, so that a value is never taken for the verb
    let mut rest = args;
    while let [option, after @ ..] = rest
        && option.starts_with('-')
    {
        let (name, has_value) = option.split_once('=').map_or((*option, false), |(name, _)| (name, true));
        if !KUBECTL_VALUES.contains(&name) {
            return false;
        }
        rest = if has_value { after } else { after.get(1..).unwrap_or_default() };
    }
    // options that write files or take other settings
    let writes = ["--profile", "--log-", "--log_", "--output-dir", "--cache-dir", "--kubeconfig", "--kuberc"];
    if args.iter().any(|arg| writes.iter().any(|bad| arg.starts_with(bad))) {
        return false;
    }
    matches!(
        rest,
        [
            "get"
                | "describe"
                | "logs"
                | "top"
                | "version"
                | "api-resources"
                | "api-versions"
                | "explain"
                | "events",
            ..
        ] | ["wait", ..]
            | ["rollout", "status" | "history", ..]
            | ["auth", "can-i" | "whoami", ..]
            | ["config", "view" | "current-context" | "get-contexts" | "get-clusters", ..]
            | ["cluster-info"]
    )
}

/// curl's short options without a value that only read; `G` makes a request a GET.
const CURL_SHORT: &str = "sSfkLIivgG46#N";
/// curl's short options with a value; `o`, `X` and `d` read with some values only.
const CURL_SHORT_VALUE: &str = "mHuwAeoXd";
/// curl's long options without a value that only read.
const CURL_LONG: &[&str] = &[
    "--silent",
    "--show-error",
    "--fail",
    "--fail-with-body",
    "--insecure",
    "--location",
    "--head",
    "--include",
    "--verbose",
    "--globoff",
    "--get",
    "--compressed",
    "--http1.1",
    "--http2",
    "--ipv4",
    "--ipv6",
    "--no-buffer",
    "--retry-connrefused",
    "--retry-all-errors",
    "--no-progress-meter",
];
/// curl's long options with a value; those of [`CURL_SHORT_VALUE`]'s last three are judged like them.
const CURL_LONG_VALUE: &[&str] = &[
    "--max-time",
    "--connect-timeout",
    "--retry",
    "--retry-delay",
    "--retry-max-time",
    "--header",
    "--user",
    "--write-out",
    "--user-agent",
    "--referer",
    "--resolve",
    "--cacert",
    "--url",
    "--limit-rate",
    "--max-filesize",
    "--output",
    "--request",
    "--data",
    "--data-urlencode",
];

fn curl_reads(args: &[&str]) -> bool {
    let Some(options) = curl_options(args) else { return false };
    let is_get = options.iter().any(|(name, _)| matches!(name.as_str(), "G" | "--get"));
    options.iter().all(|(name, value)| match name.as_str() {
        "o" | "--output" => *value == "/dev/null",
        "X" | "--request" => matches!(*value, "GET" | "HEAD"),
        "d" | "--data" | "--data-urlencode" => is_get && !value.starts_with('@'),
        "url" | "--url" => {
            !value.contains("://") || ["http://", "https://"].iter().any(|scheme| value.starts_with(scheme))
        }
        // a write-out format can name a file, and a header can turn a GET into something else
        _ => {
            let value = value.to_ascii_lowercase();
            !value.contains("output{") && !value.contains("override") && !value.starts_with('@')
        }
    })
}

/// curl's options with their values, addresses as `url`; `None` when one is unknown or has no value.
fn curl_options<'a>(args: &[&'a str]) -> Option<Vec<(String, &'a str)>> {
    let mut options = Vec::new();
    let mut args = args.iter().copied();
    while let Some(arg) = args.next() {
        if arg.starts_with("--") {
            let takes_value = CURL_LONG_VALUE.contains(&arg);
            if !takes_value && !CURL_LONG.contains(&arg) {
                return None;
            }
            options.push((arg.to_owned(), if takes_value { args.next()? } else { "" }));
        } else if let Some(letters) = arg.strip_prefix('-') {
            for (at, letter) in letters.char_indices() {
                if CURL_SHORT.contains(letter) {
                    options.push((letter.to_string(), ""));
                    continue;
                }
                if !CURL_SHORT_VALUE.contains(letter) {
                    return None;
                }
                let attached = &letters[at + letter.len_utf8()..];
                let value = if attached.is_empty() { args.next()? } else { attached };
                options.push((letter.to_string(), value));
                break;
            }
        } else {
            options.push(("url".to_owned(), arg));
        }
    }
    Some(options)
}

fn aws_reads(args: &[&str]) -> bool {
    match args {
        ["s3", "ls", ..] | ["sts", "get-caller-identity", ..] => true,
        // `get-object` writes a file; the others print
        ["s3api", "get-object-lock-configuration" | "head-object" | "head-bucket", ..] => true,
        ["s3api", verb, ..] if verb.starts_with("get-bucket-") => true,
        [service, verb, ..] if !service.starts_with('-') => {
            verb.starts_with("describe-") || verb.starts_with("list-")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_read_only;

    #[test]
    fn known_readers() {
        for text in [
            "kubectl get pods -n prod",
            "kubectl -n prod get pods -o wide",
            "kubectl --namespace=prod describe deployment/web",
            "kubectl logs deploy/web -n prod --tail=50 | grep ERROR | wc -l",
            "kubectl rollout status deployment/web -n prod --timeout=45s",
            "kubectl rollout history deployment/web -n prod",
            "kubectl get deploy web -o jsonpath='{.spec.template.spec.containers[0].image}'",
            "kubectl top pods -n \"$NAMESPACE\"",
            "curl -fsS https://example.com/health",
            "curl -sS -o /dev/null -w '%{http_code}\\n' \"$BASE_URL/health\"",
            "curl -sI https://example.com 2>/dev/null",
            "curl -sG https://prom.example.com/api/v1/query --data-urlencode 'query=up'",
            "curl -X GET -H 'Accept: application/json' http://localhost:8080/status",
            "cat a.log; grep -c x a.log && head -5 a.log",
            "jq -r '.a | .b' < x.json",
            "NS=prod\nkubectl get pods -n \"$NS\"",
            "test -f x || echo missing",
            "date -u +%FT%TZ",
            "echo hi > /dev/null 2>&1",
            "ps aux | awk '{print $2}' | sort -n | uniq -c",
            "sed -n '1,5p' f",
            "find . -name '*.log' -mtime -1",
            "timeout 30 kubectl get nodes",
            "aws s3api get-object-lock-configuration --bucket b",
            "[ -n \"$X\" ] && echo yes",
            "[[ \"$X\" == \"${Y:-none}\" ]]",
            "journalctl -u web --since=today --no-pager",
            "# only look\nls -la",
        ] {
            assert!(is_read_only(text), "{text}");
        }
    }

    #[test]
    fn anything_else_may_change_something() {
        for text in [
            "",
            "# nothing",
            "rm -rf x",
            "kubectl delete pod x",
            "kubectl rollout undo deployment/web",
            "kubectl rollout restart deployment/web",
            "kubectl scale deployment web --replicas=0",
            "kubectl --unknown get delete pod",
            "kubectl get pods --kubeconfig /tmp/x",
            "kubectl cluster-info dump --output-directory=/tmp",
            "kubectl get pods -n $NS",
            "kubectl $VERB pods",
            "kubectl get pods > pods.txt",
            "kubectl get pods | tee pods.txt",
            "kubectl get pods | xargs kubectl delete",
            "kubectl get pods & ",
            "kubectl get pod $(cat name)",
            "kubectl get pod `cat name`",
            "cat <(rm x)",
            "cat <<EOF\n$(rm x)\nEOF",
            "curl -X POST https://example.com",
            "curl -XDELETE https://example.com",
            "curl -d a=b https://example.com",
            "curl --data-raw a https://example.com",
            "curl --json '{}' https://example.com",
            "curl -F a=b https://example.com",
            "curl -T f https://example.com",
            "curl -o out https://example.com",
            "curl -sO https://example.com/x",
            "curl -so out https://example.com/x",
            "curl https://example.com > x",
            "curl $ARGS https://example.com",
            "curl -K config",
            "curl -w '%output{x}%{http_code}' https://example.com",
            "curl -H 'X-HTTP-Method-Override: DELETE' https://example.com",
            "curl gopher://example.com",
            "curl -sHG -d x https://example.com",
            "for p in a b; do kubectl get pod \"$p\"; done",
            "if true; then ls; fi",
            "eval ls",
            "sudo ls",
            "bash -c ls",
            "sort -o f f",
            "sort -rof f",
            "uniq a b",
            "find . -delete",
            "find . -exec rm {} ;",
            "find . -fprint x",
            "awk '{system(\"rm x\")}' f",
            "awk '{print > \"x\"}' f",
            "sed -i s/a/b/ f",
            "sed -n 'w x' f",
            "date -s 2020-01-01",
            "date 010100002020",
            "PATH=/tmp ls",
            "PATH=/tmp",
            "KUBECONFIG=/tmp/x",
            "X=1 kubectl get pods",
            "export X=1",
            "psql -c 'select 1'",
            "printf -v x y",
            "ls (",
            "ls 'x",
            "unknown-program",
            "timeout 5 rm x",
            "timeout -k 5 5 ls",
            "aws s3api get-object --bucket b --key k f",
            "aws s3 rm s3://b/k",
            "git push",
            "\"ls\"",
            "[[ \"$X\" -eq 1 ]]",
            "test -v 'a[$(rm x)]'",
            "echo \"${X@P}\"",
            "echo \"${X:Y}\"",
            "echo \"${X[Y]}\"",
            "kubectl rollout --timeout status undo deployment/web",
            "curl -uGreg -d x https://example.com",
            "curl -G -d @secret https://example.com",
            "journalctl --rotate",
            "sort --com=rm f",
        ] {
            assert!(!is_read_only(text), "{text}");
        }
    }
}
