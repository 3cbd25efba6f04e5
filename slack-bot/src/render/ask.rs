//! Somebody is asked for something: one mention at most, and a way to be asked later.

use slack_morphism::prelude::{
    SlackActionBlockElement, SlackActionsBlock, SlackBlock, SlackBlockButtonElement, SlackBlockPlainText,
    SlackSectionBlock,
};

use super::page::{FALLBACK_MAX, Rendered, markup};
use super::text::{line, prose};
use crate::command_word::CommandWord;
use crate::snooze::{MINUTES, action_id, value};

/// Longest text, so that a mention fits before it.
const TEXT_MAX: usize = 2_800;

/// Renders the message. `mention` is the id of the one person who is mentioned, `snooze` the incident whose reminders can be
/// held.
pub(crate) fn ask(word: &CommandWord, mention: Option<&str>, text: &str, snooze: Option<&str>) -> Rendered {
    // An id comes from the configuration; anything else in it would be markup.
    let is_id = |id: &&str| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric());
    let mention = mention.filter(is_id).map_or_else(String::new, |id| format!("<@{id}> "));
    let said = format!("{mention}{}", prose(word, text, TEXT_MAX));
    let mut blocks: Vec<SlackBlock> = vec![SlackSectionBlock::new().with_text(markup(said).into()).into()];
    if let Some(incident) = snooze {
        let button = |minutes: u32| -> SlackActionBlockElement {
            let text = SlackBlockPlainText::new(format!("Later: {minutes} min")).with_emoji(false);
            SlackBlockButtonElement::new(text.into())
                .with_action_id(action_id(minutes).into())
                .with_value(value(incident))
                .into()
        };
        blocks.push(SlackActionsBlock::new(MINUTES.map(button).to_vec()).into());
    }
    Rendered { text: line(&word.said(text), FALLBACK_MAX), blocks }
}

#[cfg(test)]
#[path = "ask_tests.rs"]
mod tests;
