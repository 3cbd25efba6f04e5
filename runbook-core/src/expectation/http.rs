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
    let also = statuses(stderr);
    let found = shown(stdout).or_else(|| also.last().copied());
    let wanted = u64::from(status);
    if let Some(found) = found
        && let Some(other) = also.iter().find(|other| **other != found)
        && (found == wanted || also.contains(&wanted))
    {
        return Judgement::ask(format!("several answers: status {other} and status {found}"));
    }
    match found {
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
    let answer = response(text)?;
    (!is_tunnel(answer.head.lines().next().unwrap_or_default())).then_some(answer.status)
}

/// Reads header blocks. Interim answers, redirects and proxies come first, the answer last; behind it a body may
/// say anything.
pub(crate) fn response(stdout: &str) -> Option<Response<'_>> {
    let mut last = None;
    let mut rest = stdout.trim_start();
    while let Some(status) = rest.lines().next().and_then(status_line) {
        let (head, body) = blank_line(rest);
        last = Some(Response { status, head, body });
        if !goes_on(status) && !is_tunnel(rest.lines().next().unwrap_or_default()) {
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

/// Each `< HTTP/1.1 200 OK` that `-v` prints, and each `HTTP 200` that the plan has asked curl for. Interim answers,
/// redirects and proxies come first: they count only where no other answer follows.
pub(crate) fn statuses(stderr: &str) -> Vec<u64> {
    let mut found = Vec::new();
    let mut interim = None;
    for line in stderr.lines() {
        if let Some(code) = line.strip_prefix("HTTP ").filter(|code| code.len() == 3).and_then(whole) {
            found.push(code);
            interim = None;
            continue;
        }
        let Some(line) = line.strip_prefix("< ") else { continue };
        match status_line(line) {
            Some(_) if is_tunnel(line) => {}
            Some(code) if goes_on(code) => interim = Some(code),
            Some(code) => {
                found.push(code);
                interim = None;
            }
            None => {}
        }
    }
    found.extend(interim);
    found
}

/// Whether another answer may follow one with this status.
fn goes_on(status: u64) -> bool {
    matches!(status, 100..=199 | 300..=399 | 401 | 407)
}

/// A proxy's `HTTP/1.1 200 Connection established`: it says nothing about the server behind it.
fn is_tunnel(line: &str) -> bool {
    line.to_ascii_lowercase().contains("connection established")
}

fn status_line(line: &str) -> Option<u64> {
    let rest = line.trim().strip_prefix("HTTP/")?;
    let code = rest.split_whitespace().nth(1)?;
    (code.len() == 3).then(|| whole(code)).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::model::Outcome;
    use super::*;

    #[test]
    fn several_answers_never_pass() {
        for (stdout, stderr, wanted) in [
            ("", "HTTP 500\nHTTP 200\n", Outcome::Ask),
            ("", "HTTP 200\nHTTP 500\n", Outcome::Ask),
            ("", "HTTP 200\nHTTP 200\n", Outcome::Pass),
            ("", "HTTP 500\nHTTP 503\n", Outcome::Fail),
            ("200", "HTTP 500\n", Outcome::Ask),
            ("", "< HTTP/1.1 301 Moved\n< HTTP/1.1 200 OK\n", Outcome::Pass),
            ("", "< HTTP/1.1 500 No\n< HTTP/1.1 200 OK\n", Outcome::Ask),
            ("", "< HTTP/1.1 200 OK\n< HTTP/1.1 301 Moved\n", Outcome::Ask),
            ("", "< HTTP/1.1 200 Connection established\n", Outcome::Ask),
            ("HTTP/1.1 200 Connection established\n\n", "", Outcome::Ask),
            ("HTTP/1.1 200 Connection established\n\nHTTP/1.1 200 OK\n\n", "", Outcome::Pass),
        ] {
            assert_eq!(judge(200, stdout, stderr).outcome, wanted, "{stdout:?} {stderr:?}");
        }
    }
}
