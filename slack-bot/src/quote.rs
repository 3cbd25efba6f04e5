//! A message of Slack's as people read it: text without Slack's marks for links, files by name.

use runbook_core::incident::FileLink;
use runbook_core::ports::Quote;
use serde_json::Value;
use url::Url;

use crate::PUSHPIN;

/// Longest text that is passed on, in characters; what is recorded is shorter.
const TEXT_MAX: usize = 4_000;
/// Files of a message that are named.
const FILES_MAX: usize = 10;
/// Longest name of a file or author, in characters.
const NAME_MAX: usize = 100;
/// Longest address, in bytes.
const URL_MAX: usize = 500;

/// Reads a message object, as it comes in events, shortcuts and answers.
pub(crate) fn quote(message: &Value) -> Quote {
    let text =
        |pointer: &str| message.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let owned = |pointer: &str| text(pointer).map(str::to_owned);
    let is_program = message.get("bot_id").is_some_and(|id| !id.is_null());
    let name = owned("/username").or_else(|| owned("/bot_profile/name"));
    let marks = message.get("reactions").and_then(Value::as_array);
    Quote {
        thread: owned("/thread_ts"),
        author_id: owned("/user").filter(|_| !is_program),
        author_name: is_program.then(|| clipped(&name.unwrap_or_else(|| "an app".to_owned()), NAME_MAX)),
        text: clipped(&said(message), TEXT_MAX),
        files: files(message),
        permalink: None,
        version: owned("/edited/ts"),
        is_marked: Some(marks.into_iter().flatten().any(|one| one["name"] == PUSHPIN)),
    }
}

/// The files of a message, by name.
pub(crate) fn files(message: &Value) -> Vec<FileLink> {
    let all = message.get("files").and_then(Value::as_array).into_iter().flatten();
    let one = |file: &Value| {
        let text = |name: &str| file.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let name = text("title").or_else(|| text("name")).unwrap_or("a file");
        let url = text("permalink").or_else(|| text("url_private")).and_then(address);
        FileLink { name: clipped(name, NAME_MAX), url }
    };
    all.take(FILES_MAX).map(one).collect()
}

/// An address that a person may follow.
pub(crate) fn address(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "https")?;
    Some(url.as_str().to_owned()).filter(|url| url.len() <= URL_MAX)
}

/// What a message says. What programs write often has its words in blocks or attachments alone.
pub(crate) fn said(message: &Value) -> String {
    let own = message.get("text").and_then(Value::as_str).unwrap_or_default();
    if !own.trim().is_empty() {
        return readable(own);
    }
    let list = |name: &str| message.get(name).and_then(Value::as_array).into_iter().flatten();
    let blocks = list("blocks").filter_map(|block| block.pointer("/text/text")?.as_str());
    let attached = list("attachments")
        .filter_map(|one| ["fallback", "text", "title"].iter().find_map(|name| one.get(*name)?.as_str()));
    readable(&blocks.chain(attached).take(FILES_MAX).collect::<Vec<_>>().join(" "))
}

/// Slack's text as people read it. Mentions stay as Slack marks them: names are for those who know people.
pub(crate) fn readable(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['<', '&']) {
        let (before, from) = rest.split_at(at);
        plain.push_str(before);
        let taken = if from.starts_with('<') { mark(from, &mut plain) } else { entity(from, &mut plain) };
        rest = from.get(taken..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

/// One mark `<...>`; returns how many bytes it took.
fn mark(from: &str, plain: &mut String) -> usize {
    // Slack's own marks are short; looking no further keeps this linear.
    let end = from.as_bytes().iter().take(URL_MAX * 8).position(|byte| *byte == b'>');
    let Some((inside, end)) = end.and_then(|end| Some((from.get(1..end)?, end))) else {
        plain.push('<');
        return 1;
    };
    if inside.starts_with(['@', '#', '!']) {
        plain.push_str(from.get(..=end).unwrap_or_default());
        return end + 1;
    }
    match inside.split_once('|') {
        Some((target, label)) if label != target && !label.is_empty() => {
            plain.push_str(&format!("{} ({})", entities(label), entities(target)));
        }
        Some((target, _)) => plain.push_str(&entities(target)),
        None => plain.push_str(&entities(inside)),
    }
    end + 1
}

fn entities(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn entity(from: &str, plain: &mut String) -> usize {
    for (entity, c) in [("&lt;", '<'), ("&gt;", '>'), ("&amp;", '&')] {
        if from.starts_with(entity) {
            plain.push(c);
            return entity.len();
        }
    }
    plain.push('&');
    1
}

fn clipped(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn marks_become_words() {
        for (text, plain) in [
            ("p95 &gt; 2 s &amp; rising", "p95 > 2 s & rising"),
            (
                "see <https://x.example/a?b=1&amp;c=2|the graph>",
                "see the graph (https://x.example/a?b=1&c=2)",
            ),
            (
                "<https://x.example> <https://y.example|https://y.example>",
                "https://x.example https://y.example",
            ),
            ("<@U1|ana> in <#C1|ops> <!channel>", "<@U1|ana> in <#C1|ops> <!channel>"),
            ("&lt;!channel&gt; a < b & c", "<!channel> a < b & c"),
            ("", ""),
        ] {
            assert_eq!(readable(text), plain);
        }
        let long = "<".repeat(200_000);
        assert_eq!(readable(&long), long);
    }

    #[test]
    fn a_message_is_read_as_far_as_it_goes() {
        let seen = quote(&json!({
            "user": "U1", "text": "look", "ts": "1.2", "thread_ts": "1.0", "edited": {"ts": "1.5"},
            "reactions": [{"name": "pushpin", "users": ["U2"], "count": 1}],
            "files": [{"name": "a.png", "permalink": "https://x.slack.com/f/1"}, {"url_private": "http://x"}, null],
        }));
        assert_eq!((seen.author_id.as_deref(), seen.thread.as_deref()), (Some("U1"), Some("1.0")));
        assert_eq!((seen.version.as_deref(), seen.is_marked), (Some("1.5"), Some(true)));
        let link = |name: &str, url: Option<&str>| FileLink { name: name.into(), url: url.map(Into::into) };
        assert_eq!(
            seen.files,
            [link("a.png", Some("https://x.slack.com/f/1")), link("a file", None), link("a file", None)]
        );
        let seen = quote(&json!({
            "bot_id": "B1", "user": "U9", "username": "Deploys", "text": "",
            "attachments": [{"fallback": "v2 is out"}],
        }));
        assert_eq!((seen.author_id, seen.author_name.as_deref()), (None, Some("Deploys")));
        assert_eq!(seen.text, "v2 is out");
        assert_eq!(quote(&Value::Null).text, "");
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in ".{0,200}") {
            let _ = readable(&text);
        }
    }
}
