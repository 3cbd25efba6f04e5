//! A message under construction, held to Slack's limits as it grows.

use runbook_core::message::{Answer, CardButton};
use slack_morphism::prelude::{
    SlackActionBlockElement, SlackActionsBlock, SlackBlock, SlackBlockButtonElement, SlackBlockButtonStyle,
    SlackBlockConfirmItem, SlackBlockMarkDownText, SlackBlockPlainText, SlackBlockPlainTextInputElement,
    SlackContextBlock, SlackHeaderBlock, SlackInputBlock, SlackSectionBlock,
};

use super::text::{clip, line, units};
use crate::card_button::{self, CardValue};
use crate::translate::{ACTION_PREFIX, answer_word};
use crate::wire::ButtonValue;

/// Longest text of one section.
pub(crate) const SECTION_MAX: usize = 3_000;
/// Longest header.
pub(crate) const HEADER_MAX: usize = 150;
/// Longest label of a button.
pub(crate) const BUTTON_MAX: usize = 75;
/// All text of one message together: Slack refuses more than about 12 000, and does not say where it starts to.
pub(crate) const TOTAL_MAX: usize = 9_000;
/// Most blocks of one message.
pub(crate) const BLOCKS_MAX: usize = 50;
/// Longest fallback text.
pub(crate) const FALLBACK_MAX: usize = 400;
/// Kept back for what must not be missing: the question, the note that something was cut, the buttons.
const TAIL: usize = 4;

/// A message, ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rendered {
    /// Shown in notifications and where blocks are not.
    pub(crate) text: String,
    /// What is shown.
    pub(crate) blocks: Vec<SlackBlock>,
}

/// The blocks so far, and how much more may come.
pub(crate) struct Page {
    blocks: Vec<SlackBlock>,
    left: usize,
    is_cut: bool,
}

impl Page {
    /// Starts with a header: plain text, so that nothing in it is markup.
    pub(crate) fn new(title: &str) -> Page {
        let title = line(title, HEADER_MAX);
        let left = TOTAL_MAX - 1_000 - units(&title);
        let text =
            SlackBlockPlainText::new(if title.is_empty() { "-".to_owned() } else { title }).with_emoji(false);
        Page { blocks: vec![SlackHeaderBlock::new(text.into()).into()], left, is_cut: false }
    }

    /// Adds lines of markup, in as many sections as they need; a line longer than a section is cut, lines beyond the
    /// message's limit are left out, and the message says so.
    pub(crate) fn lines(&mut self, lines: impl IntoIterator<Item = String>) {
        let mut section = String::new();
        for line in lines {
            let line = clip(&line, SECTION_MAX);
            if units(&section) + 1 + units(&line) > SECTION_MAX {
                self.section(std::mem::take(&mut section));
            }
            if !section.is_empty() {
                section.push('\n');
            }
            section.push_str(&line);
        }
        self.section(section);
    }

    /// Adds one section, whole or not at all.
    pub(crate) fn section(&mut self, text: String) {
        let size = units(&text);
        if text.trim().is_empty() {
            return;
        }
        if size > self.left || size > SECTION_MAX || self.blocks.len() + TAIL >= BLOCKS_MAX {
            self.is_cut = true;
            return;
        }
        self.left -= size;
        self.push_section(text);
    }

    /// Notes that something is not shown in full.
    pub(crate) fn mark_cut(&mut self) {
        self.is_cut = true;
    }

    /// `true` when something is not shown in full.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Adds a section that must be there, from what is kept back: at most 900 long.
    pub(crate) fn must(&mut self, text: &str) {
        self.push_section(clip(text, 900));
    }

    /// Adds buttons; the first is the primary one when `primary` says so.
    pub(crate) fn buttons(&mut self, answers: &[(Answer, &str)], value: &ButtonValue, primary: bool) {
        let mut seen = Vec::new();
        let mut elements: Vec<SlackActionBlockElement> = Vec::new();
        let value = serde_json::to_string(value).unwrap_or_default();
        for (answer, label) in answers {
            // An action id must be unique within its block.
            if seen.contains(answer) {
                continue;
            }
            let text = SlackBlockPlainText::new(line(label, BUTTON_MAX)).with_emoji(false);
            let mut button = SlackBlockButtonElement::new(text.into())
                .with_action_id(format!("{ACTION_PREFIX}{}", answer_word(*answer)).into())
                .with_value(value.clone());
            // undoing, and what closes a case by a claim, is never what a finger falls on
            let is_quiet = matches!(answer, Answer::Undo | Answer::GoBack | Answer::GoOn | Answer::PutRight);
            if primary && seen.is_empty() && !is_quiet {
                button = button.with_style(SlackBlockButtonStyle::Primary);
            }
            seen.push(*answer);
            elements.push(button.into());
        }
        if !elements.is_empty() {
            self.blocks.push(SlackActionsBlock::new(elements).into());
        }
    }

    /// Adds the card's buttons, none of them primary: each only begins something.
    pub(crate) fn card_buttons(&mut self, buttons: &[CardButton], value: &CardValue) {
        let value = serde_json::to_string(value).unwrap_or_default();
        let elements: Vec<SlackActionBlockElement> = buttons
            .iter()
            .map(|button| {
                let text = SlackBlockPlainText::new(card_button::label(*button).to_owned()).with_emoji(false);
                let id = format!("{ACTION_PREFIX}{}", card_button::word(*button));
                let mut element = SlackBlockButtonElement::new(text.into())
                    .with_action_id(id.into())
                    .with_value(value.clone());
                if let Some(words) = card_button::confirm(*button) {
                    element = element.with_confirm(sure(words));
                }
                element.into()
            })
            .collect();
        if !elements.is_empty() {
            self.blocks.push(SlackActionsBlock::new(elements).into());
        }
    }

    /// Adds a line of text that a person may fill in; it comes back with whichever button is pressed.
    pub(crate) fn field(&mut self, action_id: &str, label: &str, most: u64) {
        let element = SlackBlockPlainTextInputElement::new()
            .with_action_id(action_id.to_owned().into())
            .with_max_length(most);
        let label = SlackBlockPlainText::new(label.to_owned()).with_emoji(false);
        self.blocks.push(SlackInputBlock::new(label.into(), element.into()).with_optional(true).into());
    }

    /// Adds small print.
    pub(crate) fn small(&mut self, text: &str) {
        let text = clip(text, 300);
        if !text.is_empty() && self.blocks.len() < BLOCKS_MAX {
            self.blocks.push(SlackContextBlock::new(vec![markup(text).into()]).into());
        }
    }

    /// The message.
    pub(crate) fn finish(self, fallback: &str) -> Rendered {
        Rendered { text: line(fallback, FALLBACK_MAX), blocks: self.blocks }
    }

    fn push_section(&mut self, text: String) {
        self.blocks.push(SlackSectionBlock::new().with_text(markup(text).into()).into());
    }
}

/// A finger that slips is asked once more: the question, what happens, yes and no.
pub(super) fn sure([question, what, yes, no]: [&str; 4]) -> SlackBlockConfirmItem {
    let plain = |text: &str| SlackBlockPlainText::new(text.to_owned()).with_emoji(false);
    SlackBlockConfirmItem::new(
        plain(question).into(),
        plain(what).into(),
        plain(yes).into(),
        plain(no).into(),
    )
}

/// Markup that Slack does not look for names and links in on its own.
pub(super) fn markup(text: String) -> SlackBlockMarkDownText {
    SlackBlockMarkDownText::new(text).with_verbatim(true)
}
