//! Shell texts whose answer is their exit status: what they print, if anything, is beside the point.

use super::shell::{Kind, lex};

/// Words after which a command's status steers the shell, and is no answer for whoever ran it.
const STEERING: &[&str] = &["if", "elif", "while", "until"];
/// Words that stand before a program and change nothing about what its status means.
const BEFORE: &[&str] = &["then", "else", "do", "!", "{", "time", "command", "sudo", "env"];
/// Programs that are asked for nothing but their status.
const CHECKS: &[&str] = &["test", "[", "[[", "cmp", "diff", "false", "mountpoint", "pg_isready", "ping"];

/// Whether some command of the text is a check by its exit status: `pg_isready`, `grep -q`, `kubectl wait`, `exit 1`.
pub(crate) fn answers_by_status(text: &str) -> bool {
    let lexed = lex(text);
    let mut words: Vec<&str> = Vec::new();
    for token in &lexed.tokens {
        match &token.kind {
            Kind::Word(word) => words.push(word.text()),
            Kind::Op(_) | Kind::Newline => {
                if is_check(&words) {
                    return true;
                }
                words.clear();
            }
            Kind::Redirect(_) | Kind::HereDoc | Kind::Comment => {}
        }
    }
    is_check(&words)
}

fn is_check(words: &[&str]) -> bool {
    let first = words.iter().position(|word| !BEFORE.contains(word) && !is_assignment(word));
    let Some((program, arguments)) = first.and_then(|first| words.get(first..)?.split_first()) else {
        return false;
    };
    if STEERING.contains(program) {
        return false;
    }
    let program = program.rsplit('/').next().unwrap_or(program);
    let has = |wanted: &[&str]| arguments.iter().any(|argument| wanted.contains(argument));
    let short = |letter: char| {
        arguments.iter().any(|argument| {
            argument.starts_with('-') && !argument.starts_with("--") && argument.contains(letter)
        })
    };
    match program {
        "grep" | "egrep" | "fgrep" | "rg" => short('q') || has(&["--quiet", "--silent"]),
        "kubectl" | "oc" => has(&["wait", "can-i"]) || has(&["rollout"]) && has(&["status"]),
        "systemctl" => arguments.iter().any(|argument| argument.starts_with("is-")),
        "exit" | "return" => arguments.first().is_some_and(|status| *status != "0"),
        "redis-cli" => has(&["ping", "PING"]),
        "nc" => short('z'),
        _ => CHECKS.contains(&program),
    }
}

fn is_assignment(word: &str) -> bool {
    let name = word.split('=').next().filter(|name| name.len() < word.len());
    name.is_some_and(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_is_the_answer_is_told_from_output_to_look_at() {
        for text in [
            "pg_isready -h db",
            "[ -f /etc/ready ]",
            "grep -q ready /tmp/state",
            "kubectl get nodes | grep -Eqv NotReady",
            "kubectl -n prod rollout status deployment/web",
            "kubectl wait --for=condition=Ready pod/web",
            "systemctl is-active web",
            "X=1 test \"$X\" = 1",
            "curl -fsS http://x/ || exit 1",
            "if ! curl -fsS http://x/; then exit 1; fi",
            "/usr/bin/diff a b",
        ] {
            assert!(answers_by_status(text), "{text}");
        }
        for text in [
            "kubectl get pods",
            "curl -fsS http://x/api | tail -n 10",
            "kubectl rollout history deployment/web",
            "while :; do if [ \"$left\" = 0 ]; then break; fi; sleep 1; done; echo \"$left\"",
            "grep -c ERROR /var/log/web",
            "echo test",
            "# test",
            "exit 0",
        ] {
            assert!(!answers_by_status(text), "{text}");
        }
    }
}
