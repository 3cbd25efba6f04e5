//! An HTTP status in what curl or a request step printed.

use super::model::{Judgement, Observed};
use super::phrase::whole;

/// An answer as `curl -i` prints it.
pub(crate) struct Response<'a> {
    /// The status of the last answer.
    pub(crate) status: u64,
    /// Its status line and headers.
    pub(crate) head: &'a str,
    /// What follows the empty line; empty when there is none.
    pub(crate) body: &'a str,
}

/// Judges a request that ended with exit status 0.
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

/// Judges a request that curl itself or a request step reports as failed: with `-f`, status 22 names the server's
/// answer.
pub(crate) fn judge_failed(status: u16, observed: &Observed<'_>, exit_code: i32) -> Judgement {
    let named = observed
        .stderr
        .lines()
        .find_map(|line| {
            let line = line.trim();
            let curl = line.strip_prefix("curl: (22) The requested URL returned error: ");
            curl.or_else(|| line.strip_prefix("http: (22) the server answered "))
        })
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
    response(text).map(|response| response.status)
}

/// Reads header blocks. Interim answers, redirects and proxies come first, the answer last; behind it a body may
/// say anything.
pub(crate) fn response(stdout: &str) -> Option<Response<'_>> {
    let mut last = None;
    let mut rest = stdout.trim_start();
    while let Some(status) = rest.lines().next().and_then(status_line) {
        let (head, body) = blank_line(rest);
        last = Some(Response { status, head, body });
        let first = rest.lines().next().unwrap_or_default().to_ascii_lowercase();
        let goes_on =
            matches!(status, 100..=199 | 300..=399 | 401 | 407) || first.contains("connection established");
        if !goes_on {
            break;
        }
        rest = body;
    }
    last
}

/// Splits at the first empty line.
fn blank_line(text: &str) -> (&str, &str) {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let next = at + line.len();
        if line.trim().is_empty() {
            return (text.get(..at).unwrap_or_default(), text.get(next..).unwrap_or_default());
        }
        at = next;
    }
    (text, "")
}

/// The last `< HTTP/1.1 200 OK` that `-v` prints, or the `HTTP 200` that the plan has asked curl for.
pub(crate) fn verbose(stderr: &str) -> Option<u64> {
    stderr.lines().rev().find_map(|line| {
        let asked = line.strip_prefix("HTTP ").filter(|code| code.len() == 3).and_then(whole);
        asked.or_else(|| line.strip_prefix("< ").and_then(status_line))
    })
}

fn status_line(line: &str) -> Option<u64> {
    let rest = line.trim().strip_prefix("HTTP/")?;
    let code = rest.split_whitespace().nth(1)?;
    (code.len() == 3).then(|| whole(code)).flatten()
}
