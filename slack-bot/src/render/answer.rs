//! An answer with what makes sense next, one press each.

use slack_morphism::prelude::{
    SlackActionBlockElement, SlackActionsBlock, SlackBlock, SlackBlockButtonElement, SlackBlockPlainText,
    SlackSectionBlock,
};

use super::page::{BUTTON_MAX, SECTION_MAX, markup};
use super::text::{clip, line, prose, units};
use crate::command_word::CommandWord;
use crate::offer_line;
use crate::translate::ACTION_PREFIX;

/// Most buttons below an answer.
const OFFERS_MAX: usize = 10;

/// The answer's text and its buttons; `None` where there is nothing to press, and the text alone is enough.
pub(crate) fn offers(word: &CommandWord, text: &str, lines: &[String]) -> Option<Vec<SlackBlock>> {
    let button = |(number, line_of): (usize, &String)| -> Option<SlackActionBlockElement> {
        let (id, value) = offer_line::button(number, line_of)?;
        let label = SlackBlockPlainText::new(clip(&line(line_of, BUTTON_MAX), BUTTON_MAX)).with_emoji(false);
        let element = SlackBlockButtonElement::new(label.into());
        Some(element.with_action_id(format!("{ACTION_PREFIX}{id}").into()).with_value(value).into())
    };
    let buttons: Vec<_> = lines.iter().take(OFFERS_MAX).enumerate().filter_map(button).collect();
    if buttons.is_empty() {
        return None;
    }
    let mut blocks: Vec<SlackBlock> = sections(&prose(word, text, SECTION_MAX * 3))
        .into_iter()
        .map(|part| SlackSectionBlock::new().with_text(markup(part).into()).into())
        .collect();
    blocks.push(SlackActionsBlock::new(buttons).into());
    Some(blocks)
}

/// The text in parts that each fit a section, between lines.
fn sections(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for one in text.lines() {
        let one = clip(one, SECTION_MAX);
        let is_full = parts.last().is_some_and(|part| units(part) + 1 + units(&one) > SECTION_MAX);
        if is_full {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut() {
            if !part.is_empty() {
                part.push('\n');
            }
            part.push_str(&one);
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_nothing_more_is_one_press() {
        let word = CommandWord::new("/incident").unwrap();
        let lines = ["status".to_owned(), "runbook rollback".to_owned()];
        let shown =
            serde_json::to_value(offers(&word, "`/blocks status`: <!channel>", &lines).unwrap()).unwrap();
        assert_eq!(shown[0]["text"]["text"], "`/incident status`: &lt;!channel&gt;");
        let buttons = shown[1]["elements"].as_array().unwrap();
        assert_eq!(buttons[1]["text"]["text"], "runbook rollback");
        assert_eq!(buttons[1]["action_id"], "blocks:line_1");
        assert_eq!(buttons[1]["value"], r#"{"line":"runbook rollback"}"#);
        assert_eq!(offers(&word, "x", &[]), None);
    }

    #[test]
    fn a_long_answer_stays_within_the_limits() {
        let text = format!("{}\n", "<".repeat(900)).repeat(20);
        let lines: Vec<String> = (0..30).map(|n| format!("status INC-{n}")).collect();
        let blocks = offers(&CommandWord::default(), &text, &lines).unwrap();
        let shown = serde_json::to_value(&blocks).unwrap();
        let shown = shown.as_array().unwrap();
        assert_eq!(shown.last().unwrap()["elements"].as_array().map(Vec::len), Some(OFFERS_MAX));
        for section in &shown[..shown.len() - 1] {
            assert!(section["text"]["text"].as_str().unwrap().chars().count() <= SECTION_MAX);
        }
    }
}
