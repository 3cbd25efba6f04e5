//! Somebody is asked to take something over: one mention, and one button.

use runbook_core::ids::RunId;
use slack_morphism::prelude::{
    SlackActionBlockElement, SlackActionsBlock, SlackBlockButtonElement, SlackBlockPlainText,
};

use super::ask::ask;
use super::page::Rendered;
use crate::command_word::CommandWord;
use crate::offer_button::{action_id, value};

/// Renders the message. `mention` is the id of the one person who is mentioned.
pub(crate) fn offer(
    word: &CommandWord,
    mention: Option<&str>,
    text: &str,
    incident: &str,
    run: Option<RunId>,
) -> Rendered {
    let mut rendered = ask(word, mention, text, None);
    let text = SlackBlockPlainText::new("Take it over".to_owned()).with_emoji(false);
    let button: SlackActionBlockElement = SlackBlockButtonElement::new(text.into())
        .with_action_id(action_id().into())
        .with_value(value(incident, run))
        .into();
    rendered.blocks.push(SlackActionsBlock::new(vec![button]).into());
    rendered
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn one_person_is_mentioned_and_one_button_takes_it() {
        let rendered = offer(
            &CommandWord::default(),
            Some("U0BEN"),
            "INC-1: ana hands <!channel> over\n<@U0ANA>",
            "INC-1",
            None,
        );
        let blocks: Vec<Value> =
            serde_json::from_value(serde_json::to_value(&rendered.blocks).unwrap()).unwrap();
        let said = blocks[0]["text"]["text"].as_str().unwrap();
        assert!(said.starts_with("<@U0BEN> INC-1: ana hands &lt;!channel&gt; over"), "{said}");
        assert_eq!(said.matches("<@").count(), 1, "{said}");
        let button = &blocks[1]["elements"][0];
        assert_eq!(button["action_id"], "blocks:take_handover");
        assert_eq!(button["value"], json!({ "incident": "INC-1" }).to_string());
        assert_eq!(blocks[1]["elements"].as_array().map(Vec::len), Some(1));
    }
}
