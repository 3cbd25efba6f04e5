//! Exit statuses, HTTP statuses, text, and names with values.

use crate::expectation::json;
use crate::expectation::model::Check;
use crate::expectation::phrase::{decimal, quoted, whole};

/// What servers write behind a status code.
const REASONS: &[&str] = &[
    "ok",
    "created",
    "accepted",
    "no content",
    "moved permanently",
    "found",
    "not modified",
    "temporary redirect",
    "permanent redirect",
    "bad request",
    "unauthorized",
    "forbidden",
    "not found",
    "conflict",
    "too many requests",
    "internal server error",
    "bad gateway",
    "service unavailable",
    "gateway timeout",
];

/// `exit code 0`, `exits with status 1`.
pub(super) fn exit_status(lower: &str) -> Option<Check> {
    let leads = [
        "exits with status ",
        "exits with code ",
        "exits with ",
        "exit code is ",
        "exit code: ",
        "exit code ",
        "exit status: ",
        "exit status ",
        "exits ",
        "exit ",
    ];
    let rest = leads.iter().find_map(|lead| lower.strip_prefix(lead))?;
    let status = whole(rest).and_then(|status| u8::try_from(status).ok())?;
    Some(if status == 0 { Check::ExitZero } else { Check::ExitStatus { status: i32::from(status) } })
}

/// `active (running)`, as `systemctl status` has it.
pub(super) fn unit_state(head: &str, inside: &str) -> Option<Check> {
    const STATES: &[&str] = &["active", "inactive", "failed", "activating", "deactivating"];
    const SUBSTATES: &[&str] = &[
        "running",
        "exited",
        "dead",
        "waiting",
        "listening",
        "mounted",
        "plugged",
        "failed",
        "elapsed",
        "start",
        "start-pre",
        "start-post",
        "stop",
        "auto-restart",
    ];
    let known = STATES.contains(&head) && SUBSTATES.contains(&inside);
    known.then(|| Check::Contains { text: format!("{head} ({inside})") })
}

/// `HTTP 200`, `HTTP/1.1 200 OK`, `status code 204`, `200 OK`.
pub(super) fn http_status(lower: &str) -> Option<Check> {
    let leads =
        ["http status code ", "http status ", "status code ", "http code ", "http/1.1 ", "http/2 ", "http "];
    let lead = leads.iter().find_map(|lead| lower.strip_prefix(lead));
    let rest = lead.unwrap_or(lower).trim();
    let (code, reason) =
        rest.split_once(' ').map_or((rest, None), |(code, reason)| (code, Some(reason.trim())));
    let digits = code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit());
    let status = code.parse::<u16>().ok().filter(|status| digits && (100..600).contains(status))?;
    let reason_known = reason.is_none_or(|reason| REASONS.contains(&reason));
    (reason_known && (lead.is_some() || reason.is_some())).then_some(Check::HttpStatus { status })
}

/// Text to look for. Text that stands for something else (`...`, `<name>`, `*`) is for a person.
pub(super) fn contains(text: &str) -> Option<Check> {
    let text = text.trim();
    let stands_for_more = ["...", "…", "<", ">", "*", "{", "}", "\n"].iter().any(|mark| text.contains(mark));
    let says_something = text.chars().any(char::is_alphanumeric);
    (says_something && !stands_for_more).then(|| Check::Contains { text: text.to_owned() })
}

/// `enabled: true`, `Mode=COMPLIANCE, Years=7`, `{"status":"ready"}`.
pub(super) fn pairs(text: &str) -> Option<Check> {
    if text.starts_with('{') {
        return json_pairs(text);
    }
    let mut pairs = Vec::new();
    for part in text.split([',', ';']).flat_map(|part| part.split(" and ")) {
        pairs.push(pair(part.trim())?);
    }
    // one name with two values cannot be
    let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let twice = names.windows(2).any(|pair| matches!(pair, [a, b] if a == b));
    (!twice).then_some(Check::Pairs { pairs })
}

fn pair(part: &str) -> Option<(String, String)> {
    let at = part.find(['=', ':'])?;
    let (key, rest) = part.split_at_checked(at)?;
    let (mark, value) = rest.split_at_checked(1)?;
    let key = key.trim_end();
    // `"status": "ok"`, as JSON has it
    let key = quoted(key).unwrap_or(key);
    // `web:v1` is a name, `key: value` a pair
    if mark == ":" && !value.starts_with(' ') {
        return None;
    }
    let value = value.trim();
    let key_fits = key.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'));
    let value_fits = match quoted(value) {
        Some(inside) => !inside.contains(['*', '…', '<', '>']) && !inside.contains("..."),
        None => {
            value.chars().any(char::is_alphanumeric)
                && value.chars().all(|c| c.is_alphanumeric() || "_.:/@+-".contains(c))
                && !value.contains("...")
        }
    };
    (key_fits && value_fits).then(|| (key.to_owned(), quoted(value).unwrap_or(value).to_owned()))
}

fn json_pairs(text: &str) -> Option<Check> {
    let documents = json::documents(text)?;
    let [json::Json::Object(object)] = documents.as_slice() else { return None };
    let mut names: Vec<&str> = object.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    // a name that is nothing, or there twice, names no field
    let is_vague = names.windows(2).any(|pair| matches!(pair, [a, b] if a == b));
    if is_vague || names.iter().any(|name| name.trim().is_empty()) {
        return None;
    }
    let pairs: Option<Vec<(String, String)>> =
        object.iter().map(|(key, value)| value.scalar().map(|value| (key.clone(), value))).collect();
    let mut pairs = pairs.filter(|pairs| !pairs.is_empty())?;
    pairs.sort();
    Some(Check::Pairs { pairs })
}

/// One word of output, such as `web:v1.1` or `Running`.
pub(super) fn token(text: &str) -> Option<Check> {
    let plain = text.len() >= 2
        && text.starts_with(|c: char| c.is_alphanumeric() || c == '/')
        && text.ends_with(|c: char| c.is_alphanumeric())
        && text.chars().all(|c| c.is_alphanumeric() || "_.:/@+-#".contains(c));
    // `20-10` is a range that cannot be
    let backwards = text.split_once('-').is_some_and(|(a, b)| decimal(a).is_some() && decimal(b).is_some());
    // psql's words for true and false
    let letter = matches!(text, "t" | "f");
    ((plain || letter) && !backwards && !text.contains("..."))
        .then(|| Check::Contains { text: text.to_owned() })
}
