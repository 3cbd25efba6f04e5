//! Slack's own markup, `mrkdwn`, as HTML. Linear in the length of the text, whatever it is.
//!
//! Source of the rules: Slack, "Formatting text for app surfaces".

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::html::Html;

/// Who and what an id stands for.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    /// Names of people, by id.
    pub(super) users: BTreeMap<String, String>,
    /// Names of channels, by id.
    pub(super) channels: BTreeMap<String, String>,
}

/// Renders a text.
pub(super) fn render(text: &str, names: &Names) -> Html {
    let mut html = Html::new();
    // Every second part lies between fences; a fence without its end is text.
    let parts: Vec<&str> = text.split("```").collect();
    let last = parts.len() - 1;
    for (at, part) in parts.iter().enumerate() {
        if at % 2 == 1 && at < last {
            html.raw("<pre><code>");
            html.text(decode(&plain_marks(part.trim_matches('\n'), names)));
            html.raw("</code></pre>");
        } else {
            if at % 2 == 1 {
                html.text("```");
            }
            // The line breaks around a block of code are its own.
            let part = if at > 0 && at % 2 == 0 { part.strip_prefix('\n').unwrap_or(part) } else { part };
            let part = if at < last { part.strip_suffix('\n').unwrap_or(part) } else { part };
            lines(part, names, &mut html);
        }
    }
    html
}

/// Text without any markup, as `plain_text` has it.
pub(super) fn plain(text: &str) -> Html {
    let mut html = Html::new();
    html.text(text);
    html
}

fn lines(text: &str, names: &Names, html: &mut Html) {
    let mut is_quote = false;
    for (at, line) in text.split('\n').enumerate() {
        let quoted = line.strip_prefix("&gt;").or_else(|| line.strip_prefix('>'));
        match (quoted.is_some(), is_quote) {
            (true, false) => {
                html.raw("<blockquote>");
            }
            (false, true) => {
                html.raw("</blockquote>");
            }
            _ if at > 0 => {
                html.raw("\n");
            }
            _ => {}
        }
        is_quote = quoted.is_some();
        inline(quoted.map_or(line, |rest| rest.strip_prefix(' ').unwrap_or(rest)), names, &[], html);
    }
    if is_quote {
        html.raw("</blockquote>");
    }
}

const SIGNS: [char; 4] = ['`', '*', '_', '~'];

/// One line. A sign that is already open around it is text.
fn inline(line: &str, names: &Names, open: &[char], html: &mut Html) {
    // Where each sign could close last: a search that starts before it always succeeds, so none is in vain.
    let closes = |at: usize, sign: char| {
        let before = line[..at].chars().next_back();
        let after = line[at + sign.len_utf8()..].chars().next();
        before.is_some_and(|c| !c.is_whitespace()) && after.is_none_or(|c| !c.is_alphanumeric())
    };
    let mut last: BTreeMap<char, usize> = BTreeMap::new();
    for (at, c) in line.char_indices().filter(|(_, c)| SIGNS.contains(c)) {
        if closes(at, c) {
            last.insert(c, at);
        }
    }
    let (mut at, mut begun) = (0, 0);
    let last_angle = line.rfind('>').unwrap_or(0);
    while let Some(c) = line[at..].chars().next() {
        let next = at + c.len_utf8();
        if c == '<' && at < last_angle {
            let end = line[next..].find('>').map_or(line.len(), |found| next + found);
            html.text(decode(&line[begun..at]));
            angle(&line[next..end], names, html);
            at = end + 1;
            begun = at;
            continue;
        }
        let is_start = SIGNS.contains(&c)
            && !open.contains(&c)
            && line[..at].chars().next_back().is_none_or(|b| !b.is_alphanumeric())
            && line[next..].chars().next().is_some_and(|a| !a.is_whitespace() && a != c)
            && last.get(&c).is_some_and(|close| *close > next);
        let close = if is_start {
            line[next..]
                .match_indices(c)
                .map(|(found, _)| next + found)
                .find(|found| *found > next && closes(*found, c))
        } else {
            None
        };
        let Some(close) = close else {
            at = next;
            continue;
        };
        html.text(decode(&line[begun..at]));
        let inner = &line[next..close];
        let (tag, end) = match c {
            '*' => ("<strong>", "</strong>"),
            '_' => ("<em>", "</em>"),
            '~' => ("<s>", "</s>"),
            _ => ("<code>", "</code>"),
        };
        html.raw(tag);
        if c == '`' {
            html.text(decode(&plain_marks(inner, names)));
        } else {
            let mut around = open.to_vec();
            around.push(c);
            inline(inner, names, &around, html);
        }
        html.raw(end);
        at = close + 1;
        begun = at;
    }
    html.text(decode(&line[begun..]));
}

/// What stands between angle brackets: a mention, a channel, a special word, a date or a link.
fn angle(inside: &str, names: &Names, html: &mut Html) {
    let (head, label) = inside.split_once('|').map_or((inside, None), |(head, label)| (head, Some(label)));
    let mention = |html: &mut Html, shown: String| {
        html.raw("<span class=\"mention\">").text(shown).raw("</span>");
    };
    if let Some(id) = head.strip_prefix('@') {
        let name = names.users.get(id).cloned().or(label.map(decode)).unwrap_or_else(|| id.to_owned());
        mention(html, format!("@{name}"));
    } else if let Some(id) = head.strip_prefix('#') {
        let name = names.channels.get(id).cloned().or(label.map(decode)).unwrap_or_else(|| id.to_owned());
        mention(html, format!("#{name}"));
    } else if let Some(rest) = head.strip_prefix("!date^") {
        date(rest, label, html);
    } else if let Some(word) = head.strip_prefix('!') {
        let word = label.map_or_else(|| word.split('^').next().unwrap_or(word).to_owned(), decode);
        mention(html, format!("@{}", word.trim_start_matches('@')));
    } else {
        link(&decode(head), label.map(decode).as_deref(), html);
    }
}

/// A link that only the web and mail follow; anything else is text.
pub(super) fn link(address: &str, label: Option<&str>, html: &mut Html) {
    let lower = address.to_ascii_lowercase();
    if ["http://", "https://", "mailto:"].iter().any(|scheme| lower.starts_with(scheme)) {
        html.raw("<a target=\"_blank\" rel=\"noopener noreferrer\"").attr("href", address).raw(">");
        html.text(label.unwrap_or(address)).raw("</a>");
    } else {
        html.text(label.map_or_else(|| address.to_owned(), |label| format!("{label} ({address})")));
    }
}

/// `<!date^SECONDS^FORMAT|FALLBACK>`, in UTC.
fn date(rest: &str, fallback: Option<&str>, html: &mut Html) {
    let mut parts = rest.splitn(3, '^');
    let at =
        parts.next().and_then(|s| s.parse::<i64>().ok()).and_then(|s| DateTime::<Utc>::from_timestamp(s, 0));
    let (Some(at), Some(format)) = (at, parts.next()) else {
        html.text(decode(fallback.unwrap_or(rest)));
        return;
    };
    let mut shown = decode(format);
    for (token, pattern) in [
        ("{date_num}", "%Y-%m-%d"),
        ("{date_slash}", "%m/%d/%Y"),
        ("{date_short_pretty}", "%b %-d, %Y"),
        ("{date_short}", "%b %-d, %Y"),
        ("{date_long_pretty}", "%A, %B %-d, %Y"),
        ("{date_long}", "%A, %B %-d, %Y"),
        ("{date_pretty}", "%B %-d, %Y"),
        ("{date}", "%B %-d, %Y"),
        ("{time_secs}", "%H:%M:%S UTC"),
        ("{time}", "%H:%M UTC"),
    ] {
        if shown.contains(token) {
            shown = shown.replace(token, &at.format(pattern).to_string());
        }
    }
    html.raw("<time").attr("datetime", at.to_rfc3339()).raw(">").text(shown).raw("</time>");
}

/// Inside code a link shows its address and a mention its name.
fn plain_marks(text: &str, names: &Names) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        let Some((inside, tail)) = after.split_once('>') else { break };
        shown.push_str(before);
        let head = inside.split('|').next().unwrap_or_default();
        match head.strip_prefix('@').and_then(|id| names.users.get(id)) {
            Some(name) => shown.push_str(&format!("@{name}")),
            None => shown.push_str(head),
        }
        rest = tail;
    }
    shown.push_str(rest);
    shown
}

/// Slack's three entities back to characters.
fn decode(text: &str) -> String {
    if text.contains('&') {
        // `&amp;` last: `&amp;lt;` is the text `&lt;`.
        text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names {
            users: [("U0ANA".to_owned(), "ana".to_owned())].into(),
            channels: [("C1".to_owned(), "incidents".to_owned())].into(),
        }
    }

    #[test]
    fn each_mark_becomes_its_tag_and_nothing_else_does() {
        let cases = [
            ("plain", "plain"),
            ("*bold* _it_ ~gone~ `code`", "<strong>bold</strong> <em>it</em> <s>gone</s> <code>code</code>"),
            ("*bold _and it_*", "<strong>bold <em>and it</em></strong>"),
            ("snake_case_name and 2*3*4", "snake_case_name and 2*3*4"),
            ("* no* and *no *", "* no* and *no *"),
            ("*State:* x   *Run:* `r`", "<strong>State:</strong> x   <strong>Run:</strong> <code>r</code>"),
            ("`*not bold*`", "<code>*not bold*</code>"),
            ("a\nb", "a\nb"),
            ("&gt; said\n&gt; twice\nafter", "<blockquote>said\ntwice</blockquote>after"),
            ("```\n1 &lt; 2\n*x*\n```", "<pre><code>1 &lt; 2\n*x*</code></pre>"),
            ("before\n```x```\nafter", "before<pre><code>x</code></pre>after"),
            ("open ``` end", "open ``` end"),
            (
                "<@U0ANA> in <#C1|old>",
                "<span class=\"mention\">@ana</span> in <span class=\"mention\">#incidents</span>",
            ),
            ("<@U9|ben> <@U8>", "<span class=\"mention\">@ben</span> <span class=\"mention\">@U8</span>"),
            (
                "<!here> <!channel>",
                "<span class=\"mention\">@here</span> <span class=\"mention\">@channel</span>",
            ),
            ("<!subteam^S1|@dba>", "<span class=\"mention\">@dba</span>"),
            (
                "<https://e.example/a?b&amp;c|it>",
                "<a target=\"_blank\" rel=\"noopener noreferrer\" href=\"https://e.example/a?b&amp;c\">it</a>",
            ),
            ("<javascript:alert(1)|click>", "click (javascript:alert(1))"),
            (
                "<!date^0^{date_num} {time}|then>",
                "<time datetime=\"1970-01-01T00:00:00+00:00\">1970-01-01 00:00 UTC</time>",
            ),
            ("<!date^x^y|then>", "then"),
            ("`<https://e.example|e>`", "<code>https://e.example</code>"),
            ("5 < 6", "5 &lt; 6"),
            ("&amp;lt; is &lt;", "&amp;lt; is &lt;"),
            ("<b>", "b"),
            ("*", "*"),
            ("**", "**"),
            ("ä*fett*", "ä*fett*"),
            ("„*fett*“", "„<strong>fett</strong>“"),
        ];
        for (text, expected) in cases {
            assert_eq!(render(text, &names()).as_str(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_long_line_of_signs_takes_no_longer_than_its_length() {
        // A quadratic search would take minutes for these.
        for sign in ["*a ", "<", "_x", "`a ", "*a_b~", "&", "```", "<@", "* a*"] {
            let text = sign.repeat(400_000);
            assert!(render(&text, &names()).as_str().len() >= text.len() / 8, "{sign}");
        }
    }
}
