//! An HTTP status in what curl printed.

use super::model::{Judgement, Observed};
use super::phrase::whole;

/// Judges a request that curl ended with exit status 0.
pub(crate) fn judge(status: u16, stdout: &str, stderr: &str) -> Judgement {
    match shown(stdout).or_else(|| verbose(stderr)) {
        Some(found) if found == u64::from(status) => Judgement::pass(format!("status {found}")),
        Some(found) => Judgement::fail(format!("status {found}, wanted {status}")),
        None if stdout.trim().is_empty() && stderr.trim().is_empty() => {
            Judgement::ask("no output: the status is not shown; add -o /dev/null -w '%{http_code}'")
        }
        None => Judgement::ask("the status is not in the output; add -o /dev/null -w '%{http_code}'"),
    }
}

/// Judges a request that curl itself reports as failed: with `-f`, status 22 names the server's answer.
pub(crate) fn judge_failed(status: u16, observed: &Observed<'_>, exit_code: i32) -> Judgement {
    let named = observed
        .stderr
        .lines()
        .find_map(|line| line.trim().strip_prefix("curl: (22) The requested URL returned error: "))
        .and_then(|rest| whole(rest.split_whitespace().next()?));
    match named {
        Some(found) if exit_code == 22 && found == u64::from(status) && !observed.truncated => {
            Judgement::pass(format!("status {found}"))
        }
        Some(found) if exit_code == 22 => {
            Judgement::fail(format!("exit status 22: status {found}, wanted {status}"))
        }
        _ => Judgement::fail(format!("exit status {exit_code}")),
    }
}

/// The status on standard output: a bare code, or the header blocks that `-i` and `-I` print.
fn shown(stdout: &str) -> Option<u64> {
    let text = stdout.trim();
    if text.len() == 3 {
        return whole(text);
    }
    if let Some(code) = text.strip_prefix("HTTP ").filter(|code| code.len() == 3) {
        return whole(code);
    }
    // interim answers, redirects and proxies come first, the answer last; behind it a body may say anything
    let mut last = None;
    let mut in_headers = false;
    for line in text.lines() {
        if in_headers {
            in_headers = !line.trim().is_empty();
            continue;
        }
        let Some(code) = status_line(line) else { break };
        last = Some(code);
        let goes_on = matches!(code, 100..=199 | 300..=399 | 401 | 407)
            || line.to_ascii_lowercase().contains("connection established");
        if !goes_on {
            break;
        }
        in_headers = true;
    }
    last
}

/// The last `< HTTP/1.1 200 OK` that `-v` prints.
fn verbose(stderr: &str) -> Option<u64> {
    stderr.lines().rev().find_map(|line| line.strip_prefix("< ").and_then(status_line))
}

fn status_line(line: &str) -> Option<u64> {
    let rest = line.trim().strip_prefix("HTTP/")?;
    let code = rest.split_whitespace().nth(1)?;
    (code.len() == 3).then(|| whole(code)).flatten()
}
