//! The little of HTML that says something about the commands around it: summaries, headings, comments and tabs.

use super::super::blocks::{Block, Bold};
use super::super::forbidden;
use super::super::lines::to_u32;

/// Bytes of a line that are looked at; more is no text that somebody wrote.
const LONGEST_LINE: usize = 4096;

/// Gives the blocks that stand in a block of HTML whose first line is `first_line` of the file.
pub(super) fn read<'a>(html: &str, first_line: u32, emit: &mut dyn FnMut(Block<'a>)) {
    let mut comment: Option<String> = None;
    for (number, whole) in html.lines().enumerate() {
        let line = first_line.saturating_add(to_u32(number));
        let mut rest = whole.get(..whole.floor_char_boundary(LONGEST_LINE)).unwrap_or(whole).trim();
        if comment.is_none() {
            let (before, inside) = rest.split_once("<!--").map_or((rest, None), |(a, b)| (a, Some(b)));
            tags(before, line, emit);
            let Some(inside) = inside else { continue };
            comment = Some(String::new());
            rest = inside.trim_start();
        }
        if rest.starts_with("```") || rest.starts_with("~~~") {
            // the line that closes it says nothing more
            if rest.trim_start_matches(['`', '~']).starts_with(|c: char| c.is_alphanumeric() || c == '{') {
                emit(Block::Commented { line });
            }
            continue;
        }
        let (inside, closed) = rest.split_once("-->").map_or((rest, None), |(a, b)| (a, Some(b)));
        if let Some(text) = comment.as_mut().filter(|text| text.len() < LONGEST_LINE) {
            text.push_str(inside);
            text.push(' ');
        }
        let Some(behind) = closed else { continue };
        let text = comment.take().unwrap_or_default();
        if forbidden::said(text.trim(), "").is_some() {
            emit(Block::Paragraph { text: text.trim().to_owned(), bold: Bold::No, line });
        }
        tags(behind, line, emit);
    }
}

/// What stands in tags on one line.
fn tags<'a>(line: &str, number: u32, emit: &mut dyn FnMut(Block<'a>)) {
    let lower = line.to_ascii_lowercase();
    if !lower.contains('<') {
        return;
    }
    let between = |open: &str, close: &str| -> Option<String> {
        let start = lower.find(open)?;
        let from = start + lower.get(start..)?.find('>')? + 1;
        let to = from + lower.get(from..)?.find(close)?;
        Some(plain(line.get(from..to)?))
    };
    for level in 1..=6_u8 {
        if let Some(text) =
            between(&format!("<h{level}"), &format!("</h{level}>")).filter(|text| !text.is_empty())
        {
            emit(Block::Heading { level, raw: text.clone(), text, line: number });
        }
    }
    if let Some(text) = between("<summary", "</summary>").filter(|text| !text.is_empty()) {
        emit(Block::Paragraph { text, bold: Bold::No, line: number });
    }
    // `</TabItem><TabItem ...>`: what opens last holds for what is below
    let opens = ["<tabitem", "<tab "].iter().filter_map(|tag| lower.rfind(tag)).max();
    let closes = ["</tabitem", "</tabs", "</tab>"].iter().filter_map(|tag| lower.rfind(tag)).max();
    if opens > closes {
        let tag = opens.and_then(|at| line.get(at..)).unwrap_or_default();
        let label = ["label=", "title=", "value=", "name="].iter().find_map(|name| {
            let value = tag.split_once(name)?.1;
            value.split(['"', '\'']).nth(1).map(str::to_owned)
        });
        let label = label.unwrap_or_else(|| "of several".to_owned());
        emit(Block::Tab { label: Some(label), line: number });
    } else if closes.is_some() {
        emit(Block::Tab { label: None, line: number });
    }
}

/// A text without its tags.
fn plain(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text.trim().to_owned()
}
