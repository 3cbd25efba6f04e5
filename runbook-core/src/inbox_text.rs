//! What a person is shown of a message that nobody understood: its beginning, without what may be a secret.
//!
//! Such a body may be anything, so nothing is parsed: the values of fields that usually hold a secret are taken out whatever
//! stands around them, and so is what looks like a token by itself.

use crate::ports::REDACTED;
use crate::update::one_line;

/// So much of a body is looked at, in bytes: more than is ever shown of it.
const LOOK: usize = 16 * 1024;

/// A word of letters and digits that is so long is taken for a token, in characters. The ids of webhooks are shorter.
const TOKEN: usize = 32;

/// Fields whose value is not shown; any name that ends so.
const FIELDS: [&str; 14] = [
    "token",
    "secret",
    "password",
    "passwd",
    "authorization",
    "cookie",
    "signature",
    "response_url",
    "trigger_id",
    "routing_key",
    "integration_key",
    "api_key",
    "apikey",
    "access_key",
];

/// Hosts whose addresses let whoever has them write.
const HOSTS: [&str; 1] = ["hooks.slack.com"];

/// The beginning of a body in one line, of `most` characters at most.
#[must_use]
pub fn beginning(body: &[u8], most: usize) -> String {
    let text = String::from_utf8_lossy(body.get(..LOOK).unwrap_or(body));
    let text =
        if text.contains("%22") || text.contains("%3A") { unescaped(&text) } else { text.into_owned() };
    let line = one_line(&redacted(&text));
    if line.chars().count() <= most {
        return line;
    }
    let kept: String = line.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// The text of a form, as it was before it was escaped.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-')
}

/// The text without the values of secret fields, without tokens, and without addresses that let one write.
fn redacted(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        if end == 0 {
            let one = rest.chars().next().map_or(0, char::len_utf8);
            let (other, after) = rest.split_at(one);
            shown.push_str(other);
            rest = after;
            continue;
        }
        if let Some(host) = HOSTS.iter().find(|host| begins_with(rest, host)) {
            shown.push_str(host);
            let after = rest.get(host.len()..).unwrap_or_default();
            let end =
                after.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '|' | '&'));
            shown.push('/');
            shown.push_str(REDACTED);
            rest = after.get(end.unwrap_or(after.len())..).unwrap_or_default();
            continue;
        }
        let (word, after) = rest.split_at(end);
        shown.push_str(if is_token(word) { REDACTED } else { word });
        rest = after;
        if is_secret_field(word)
            && let Some((between, value)) = value_of(after)
        {
            shown.push_str(between);
            shown.push_str(REDACTED);
            rest = after.get(between.len() + value..).unwrap_or_default();
        }
    }
    shown
}

fn begins_with(text: &str, wanted: &str) -> bool {
    text.get(..wanted.len()).is_some_and(|start| start.eq_ignore_ascii_case(wanted))
}

fn is_secret_field(word: &str) -> bool {
    let name = word.to_lowercase().replace('-', "_");
    FIELDS.iter().any(|field| name.ends_with(field))
}

fn is_token(word: &str) -> bool {
    word.chars().count() >= TOKEN && word.contains(|c: char| c.is_ascii_digit())
}

/// What stands between a field's name and its value, and how long the value is in bytes; `None` where no value follows.
fn value_of(after: &str) -> Option<(&str, usize)> {
    let is_between =
        |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\' | ':' | '=' | '[' | '{' | '(');
    let start = after.find(|c| !is_between(c)).unwrap_or(after.len());
    let (between, value) = after.split_at(start);
    let sign = between.find([':', '='])?;
    // behind the sign a quote may open the value; its like closes it
    let quote = between.get(sign..)?.chars().rev().find(|c| matches!(c, '"' | '\''));
    let ends = |c: char| match quote {
        Some(quote) => c == quote,
        None => matches!(c, '&' | ',' | ';' | '}' | ')' | ']' | '\n' | '\r' | '"' | '\''),
    };
    let end = value.find(ends).unwrap_or(value.len());
    (end > 0).then_some((between, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        for (body, wanted) in [
            ("{\"event\": this is no json", "{\"event\": this is no json"),
            (r#"{"token":"gIkuvaNzQIHg97ATvDxqgjtO","team":"T1"}"#, r#"{"token":"[redacted]","team":"T1"}"#),
            (r#"{"bot_token" : "two words" , "a": 1}"#, r#"{"bot_token" : "[redacted]" , "a": 1}"#),
            (r#"{"api-key":12345}"#, r#"{"api-key":[redacted]}"#),
            (r#"{\"password\":\"hunter2\"}"#, r#"{\"password\":\"[redacted]"}"#),
            (
                "token=abc&user_id=U1&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1%2F2%2Fx&text=ack",
                "token=[redacted]&user_id=U1&response_url=[redacted]&text=ack",
            ),
            (
                "payload=%7B%22token%22%3A%22abc%22%2C%22type%22%3A%22block_actions%22%7D",
                r#"payload={"token":"[redacted]","type":"block_actions"}"#,
            ),
            ("Authorization: Bearer abc.def\nnext", "Authorization: [redacted] next"),
            (
                "see https://hooks.slack.com/services/T0/B0/xyz now",
                "see https://hooks.slack.com/[redacted] now",
            ),
            ("key 0123456789abcdef0123456789abcdef end", "key [redacted] end"),
            ("01CH754SM17TWPE2V2H4VPBRO7", "01CH754SM17TWPE2V2H4VPBRO7"),
            ("the token is lost", "the token is lost"),
            ("\u{1b}[2Jline\r\nnext\u{0}", "[2Jline next"),
            ("\u{fffd}\u{202e}abc", "\u{fffd}abc"),
            ("", ""),
        ] {
            assert_eq!(beginning(body.as_bytes(), 200), wanted, "{body}");
        }
    }

    #[test]
    fn it_is_bounded_whatever_comes() {
        let long = "x ".repeat(1_000_000);
        assert_eq!(beginning(long.as_bytes(), 10).chars().count(), 10);
        let cut = [&b"ab"[..], &[0xe2, 0x82]].concat();
        assert_eq!(beginning(&cut, 10), "ab\u{fffd}");
        let secret = format!("{}\"secret\":\"{}", " ".repeat(LOOK - 20), "s3cret-".repeat(100));
        assert!(
            !beginning(secret.as_bytes(), 2_000).contains("s3cret"),
            "one that is cut off is none either"
        );
        for body in [&b"token"[..], b"token:", b"token=\"", b"%", b"%2", b"secret=%22", b"hooks.slack.com"] {
            assert!(beginning(body, 100).len() < 60);
        }
    }
}
