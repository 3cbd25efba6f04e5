//! Text from outside, made harmless: in the review it is text and nothing else.

/// Characters that can begin Markdown or HTML structure inside a line.
const STRUCTURAL: &[char] = &['\\', '`', '*', '_', '[', ']', '<', '>', '|', '~', '&', '#', '$', '^'];

/// Escapes text for one line of Markdown: a title, a table cell or a list item.
///
/// Line breaks become spaces, since a new line could begin a heading, a list or a table row. Control characters and those
/// that reorder text are shown as U+FFFD, so that what a reader sees is what is there. A bare address stays text.
#[must_use]
pub fn escape_markdown(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let mut out = String::with_capacity(line.len() + 8);
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    for (index, c) in line.char_indices() {
        let rest = &line[index + c.len_utf8()..];
        let before = &line[..index];
        let opens_a_list = match c {
            '-' | '+' | '=' => index == 0,
            '.' | ')' => index > 0 && index == digits,
            _ => false,
        };
        // Some renderers make a link of these without being asked.
        let opens_a_link = match c {
            ':' => rest.starts_with("//"),
            '.' => before.len() >= 3 && before.as_bytes()[before.len() - 3..].eq_ignore_ascii_case(b"www"),
            _ => false,
        };
        if STRUCTURAL.contains(&c) || opens_a_list || opens_a_link {
            out.push('\\');
        }
        out.push(if is_invisible(c) { '\u{FFFD}' } else { c });
    }
    out
}

/// Control characters, and those that change the order in which text is shown.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

    use super::escape_markdown;

    #[test]
    fn what_could_be_structure_is_escaped_and_plain_text_stays_readable() {
        for (text, escaped) in [
            ("v1.2 failed 3/5 (exit 1)", "v1.2 failed 3/5 (exit 1)"),
            ("a|b `c` *d* _e_", "a\\|b \\`c\\` \\*d\\* \\_e\\_"),
            ("<b>[x](y)", "\\<b\\>\\[x\\](y)"),
            ("one\r\n\n# two", "one \\# two"),
            ("- item", "\\- item"),
            ("1. item", "1\\. item"),
            ("12) item", "12\\) item"),
            ("see https://x.test or www.x.test", "see https\\://x.test or www\\.x.test"),
            ("a\u{202E}b\u{0}", "a\u{FFFD}b\u{FFFD}"),
            ("back\\|slash", "back\\\\\\|slash"),
            ("", ""),
        ] {
            assert_eq!(escape_markdown(text), escaped, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_table_cell_holds_the_text_and_no_structure(
            text in "([-`*_#<>|\\[\\]()~&!\\\\+=.:/0-9a-z \n\"';{}$@^]|www\\.|https://|<b>|&amp;|!\\[){0,40}"
        ) {
            let page = format!("| head |\n| --- |\n| {} |\n", escape_markdown(&text));
            let mut shown = String::new();
            for event in Parser::new_ext(&page, Options::all()) {
                match event {
                    Event::Text(part) => shown.push_str(&part),
                    Event::Start(Tag::Table(_) | Tag::TableHead | Tag::TableRow | Tag::TableCell)
                    | Event::End(TagEnd::Table | TagEnd::TableHead | TagEnd::TableRow | TagEnd::TableCell) => {}
                    other => prop_assert!(false, "{other:?} in {page}"),
                }
            }
            let wanted = format!("head{}", text.split_whitespace().collect::<Vec<_>>().join(" "));
            // Smart punctuation is the renderer's; it changes quotes, dashes and dots, never structure.
            let plain = |text: &str| -> String { text.chars().filter(char::is_ascii_alphanumeric).collect() };
            prop_assert_eq!(plain(&shown), plain(&wanted), "{}", page);
        }

        #[test]
        fn a_list_item_holds_the_text_and_no_structure(
            text in "[-`*_#<>|\\[\\]()~&!\\\\+=.:/0-9a-z \n{}$@^]{0,40}"
        ) {
            let page = format!("- {}\n", escape_markdown(&text));
            for event in Parser::new(&page) {
                let fits = matches!(
                    event,
                    Event::Text(_) | Event::Start(Tag::List(None) | Tag::Item) | Event::End(TagEnd::List(_) | TagEnd::Item)
                );
                prop_assert!(fits, "{event:?} in {page}");
            }
        }
    }
}
