//! Programs that look at this machine and its network: what never ends, sets something, or shows an environment.

use super::super::shell::Word;
use super::may_become_option;

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

/// Processes, without their environments: `ps auxe` shows them, `ps -e` does not.
pub(super) fn ps(args: &[Word<'_>]) -> bool {
    let names_environment = |format: &str| format.to_ascii_lowercase().contains("env");
    let mut value = false;
    for arg in args {
        let text = arg.text();
        if arg.expands || names_environment(text) {
            return false;
        }
        if std::mem::take(&mut value) || text.bytes().all(|b| b.is_ascii_digit() || b == b',') {
            continue;
        }
        let cluster = text.strip_prefix('-').unwrap_or(text);
        if cluster.starts_with('-') {
            value =
                !text.contains('=') && ["--pid", "--ppid", "--user", "--format", "--sort"].contains(&text);
            continue;
        }
        // `ps -auxe` is taken for `ps auxe`, and `ps -axu e` as well
        let is_bsd = !text.starts_with('-') || cluster.contains(['a', 'x']);
        if cluster.contains('E') || (is_bsd && cluster.contains('e')) {
            return false;
        }
        value = cluster.ends_with(|c| if is_bsd { "oOkptqU" } else { "pCUuGgoOtqsN" }.contains(c));
    }
    true
}

/// Once, or a number of times that is written.
pub(super) fn samples(args: &[Word<'_>]) -> bool {
    let mut numbers = 0;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg.expands {
            return false;
        }
        if matches!(arg.text(), "-P" | "-N" | "-p" | "-S" | "-u" | "-I") {
            args.next();
        } else if arg.value.bytes().all(|b| b.is_ascii_digit()) {
            numbers += 1;
        }
    }
    matches!(numbers, 0 | 2)
}

/// `systemctl show -p NAMES UNIT`: all properties together hold the unit's environment.
pub(super) fn systemctl_show(args: &[Word<'_>]) -> bool {
    let asks = |arg: &Word<'_>| {
        let short = arg.value.starts_with("-p") || arg.value.starts_with("-P");
        short || arg.value.starts_with("--property")
    };
    args.iter().any(asks) && args.iter().all(|arg| !arg.value.to_ascii_lowercase().contains("environ"))
}
