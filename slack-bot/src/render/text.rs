//! Outside text made safe for Slack: it can neither ping, nor fake a link, nor end our formatting, nor grow too long.

use url::Url;

use crate::command_word::CommandWord;

/// How long a text is for Slack. It does not say what it counts; UTF-16 units are never fewer than characters.
pub(crate) fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Escapes what Slack reads as markup for pings and links, and shows characters that a person could not see.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\r' => {}
            '\n' | '\t' => safe.push(c),
            // Direction marks can make a command read as another one.
            '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {
                safe.push_str(&format!("[U+{:04X}]", u32::from(c)));
            }
            c if c.is_control() => safe.push('\u{FFFD}'),
            c => safe.push(c),
        }
    }
    safe
}

/// Outside text on one line: escaped, white space folded, backticks unable to open or close code, at most `max` long.
pub(crate) fn line(text: &str, max: usize) -> String {
    let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
    clip(&escape(&folded).replace('`', "\u{200B}`\u{200B}"), max)
}

/// Our own words, possibly with outside words in them: escaped, backticks and line ends kept, the command named as it is
/// typed here, at most `max` long.
pub(crate) fn prose(word: &CommandWord, text: &str, max: usize) -> String {
    clip(&escape(&word.said(text.trim())), max)
}

/// Text in a code fence that nothing inside can end. `max` counts the fence too.
pub(crate) fn fence(text: &str, max: usize) -> Fenced {
    const FRAME: usize = "```\n\n```".len();
    let mut safe = String::new();
    for c in escape(text).chars() {
        if c == '`' && safe.ends_with('`') {
            safe.push('\u{200B}');
        }
        safe.push(c);
    }
    let clipped = clip(&safe, max.saturating_sub(FRAME));
    let is_cut = clipped != safe;
    Fenced { text: format!("```\n{clipped}\n```"), is_cut }
}

/// A code fence, and whether all of the text is in it.
pub(crate) struct Fenced {
    /// The fence.
    pub(crate) text: String,
    /// `true` when some of the text is not shown.
    pub(crate) is_cut: bool,
}

/// At most `max` units of an escaped text; never ends inside an entity. A cut shows as `…`.
pub(crate) fn clip(escaped: &str, max: usize) -> String {
    if units(escaped) <= max {
        return escaped.to_owned();
    }
    let mut kept = String::new();
    let mut left = max.saturating_sub(1);
    for c in escaped.chars() {
        let Some(rest) = left.checked_sub(c.len_utf16()) else { break };
        left = rest;
        kept.push(c);
    }
    // Every `&` of an escaped text starts an entity.
    if let Some(start) = kept.rfind('&')
        && !kept.get(start..).unwrap_or_default().contains(';')
    {
        kept.truncate(start);
    }
    if max > 0 {
        kept.push('…');
    }
    kept
}

/// A link with our label, when the address is one of the web.
pub(crate) fn link(address: &str, label: &str) -> Option<String> {
    let url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let safe = url.as_str().replace('|', "%7C").replace('<', "%3C").replace('>', "%3E").replace('&', "&amp;");
    (units(&safe) <= 500).then(|| format!("<{safe}|{}>", label.replace('|', " ")))
}

/// Seconds as people write them: `45 s`, `5 min`, `1 h 5 min`.
pub(crate) fn span(seconds: i64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let parts: Vec<String> = [(hours, "h"), (minutes, "min"), (rest, "s")]
        .into_iter()
        .filter(|(count, _)| *count != 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pings_and_links_become_text() {
        assert_eq!(escape("<!channel> & <@U1>"), "&lt;!channel&gt; &amp; &lt;@U1&gt;");
        assert_eq!(escape("&lt;!here&gt;"), "&amp;lt;!here&amp;gt;");
        assert_eq!(escape("a\u{0}b\u{202e}c\r\n"), "a\u{fffd}b[U+202E]c\n");
    }

    #[test]
    fn a_line_is_one_line_and_no_code() {
        assert_eq!(line(" a\n\n*b*  `c`", 100), "a *b* \u{200b}`\u{200b}c\u{200b}`\u{200b}");
    }

    #[test]
    fn clipping_counts_after_escaping_and_spares_entities() {
        let table = [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("a&amp;b", 7, "a&amp;b"),
            ("a&amp;bc", 7, "a&amp;…"),
            ("a&amp;b", 5, "a…"),
            ("&amp;&amp;", 9, "&amp;…"),
            ("𝄞𝄞𝄞", 5, "𝄞𝄞…"),
            ("abc", 0, ""),
        ];
        for (text, max, expected) in table {
            assert_eq!(clip(text, max), expected, "{text} {max}");
            assert!(units(&clip(text, max)) <= max, "{text} {max}");
        }
    }

    #[test]
    fn nothing_inside_ends_a_fence() {
        let fenced = fence("echo ```\n<!here>", 3_000);
        assert_eq!(fenced.text, "```\necho `\u{200b}`\u{200b}`\n&lt;!here&gt;\n```");
        assert!(!fenced.is_cut);
        let cut = fence(&"x".repeat(100), 50);
        assert!(cut.is_cut && units(&cut.text) <= 50, "{}", cut.text);
    }

    #[test]
    fn links_are_of_the_web() {
        assert_eq!(
            link("https://x.example/a?b=1&c=|", "here").as_deref(),
            Some("<https://x.example/a?b=1&amp;c=%7C|here>")
        );
        for bad in ["javascript:alert(1)", "x", "", "mailto:a@b", "!channel"] {
            assert_eq!(link(bad, "x"), None, "{bad}");
        }
        assert!(!link("https://x.example/<!channel>", "x").unwrap().contains("<!"));
    }

    #[test]
    fn spans() {
        for (seconds, text) in
            [(0, "0 s"), (45, "45 s"), (300, "5 min"), (3900, "1 h 5 min"), (61, "1 min 1 s")]
        {
            assert_eq!(span(seconds), text);
        }
    }
}
