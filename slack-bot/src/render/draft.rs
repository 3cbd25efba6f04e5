//! The draft of an update, for the person who sends it.

use runbook_core::update::DraftView;
use slack_morphism::prelude::{
    SlackActionBlockElement, SlackActionsBlock, SlackBlock, SlackBlockButtonElement, SlackBlockPlainText,
};

use super::page::{Page, Rendered, sure};
use super::text::{fence, line, units};
use crate::command_word::CommandWord;
use crate::draft_button::{DraftButton, DraftValue};

/// Most lines about recipients; how many more there are is said.
const WAYS_MAX: usize = 12;
/// Room for the text with its fence: the core bounds it so that it always fits.
const TEXT_MAX: usize = 2_950;

/// Renders the draft: for whom, to whom, and exactly what would leave. Buttons only while they do something.
pub(crate) fn draft(word: &CommandWord, view: &DraftView) -> Rendered {
    let mut page = Page::new(&format!("Update: {}", view.title));
    let mut head = vec![
        format!(
            "*Code:* `{}`   *For:* {}   *Incident:* {}",
            line(&view.short_code, 20),
            line(&view.audience, 20),
            line(&view.incident, 50)
        ),
        format!("*State:* {}", line(&view.state, 200)),
    ];
    head.extend(view.ways.iter().take(WAYS_MAX).map(|way| format!("• to {}", line(way, 400))));
    if let Some(more) = view.ways.len().checked_sub(WAYS_MAX).filter(|more| *more > 0) {
        let all =
            format!("• and {more} more: `/blocks update drafts {}` names all", line(&view.incident, 50));
        head.push(word.said(&all).into_owned());
    }
    head.push(format!("*Subject:* {}", line(&view.subject, 900)));
    page.lines(head);
    let text = fence(&view.text, TEXT_MAX);
    if text.is_cut || units(&text.text) > TEXT_MAX {
        page.mark_cut();
    }
    page.section(text.text);
    let mut buttons = DraftButton::ALL.to_vec();
    if let Some(why) = &view.void {
        // An edit would not help: the values were filled in before it.
        buttons.retain(|button| *button == DraftButton::Discard);
        page.must(&format!(
            "*It cannot be sent any more:* {}. Draft it again if it is still wanted.",
            line(why, 300)
        ));
    }
    if page.is_cut() {
        // What is sent is what was seen: what does not fit is not sent by a button.
        buttons.retain(|button| *button != DraftButton::Send);
        page.must(&format!(
            "*Not all of this fits here, so it cannot be sent by a button.* Read it with `blocks update drafts {}` in a shell.",
            line(&view.incident, 50)
        ));
    }
    if view.waiting && view.void.is_none() {
        page.small(&format!("Sent by {}, nobody else.", line(&view.senders, 200)));
    }
    let value = DraftValue { incident: view.incident.clone(), draft: view.code.clone() };
    let fallback =
        format!("Update {} for {}: {}, {}", view.short_code, view.incident, view.title, view.state);
    let mut rendered = page.finish(&fallback);
    if view.waiting {
        rendered.blocks.push(actions(&buttons, &value, view.is_public));
    }
    rendered
}

fn actions(buttons: &[DraftButton], value: &DraftValue, is_public: bool) -> SlackBlock {
    let value = serde_json::to_string(value).unwrap_or_default();
    let element = |button: &DraftButton| -> SlackActionBlockElement {
        let label = SlackBlockPlainText::new(button.label(is_public).to_owned()).with_emoji(false);
        let mut element = SlackBlockButtonElement::new(label.into())
            .with_action_id(button.action_id().into())
            .with_value(value.clone());
        if *button == DraftButton::Send && is_public {
            element = element.with_confirm(sure(SURE));
        }
        element.into()
    };
    SlackActionsBlock::new(buttons.iter().map(element).collect()).into()
}

/// Everybody reads it: a finger that slips is asked once more.
const SURE: [&str; 4] =
    ["Send it to everybody?", "Everybody outside reads this, exactly as it is shown.", "Send", "Not yet"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::tests::texts;

    fn view(text: &str, ways: usize) -> DraftView {
        DraftView {
            incident: "INC-1".to_owned(),
            title: "An outage <!channel>".to_owned(),
            audience: "public".to_owned(),
            is_public: true,
            code: "4f".repeat(32),
            short_code: "4F4F".to_owned(),
            subject: "flowengine: <!here> `x`".to_owned(),
            text: text.to_owned(),
            ways: (0..ways).map(|n| format!("e-mail: a{n}@example.com")).collect(),
            state: "drafted by ana, not sent".to_owned(),
            senders: "a person who is commander".to_owned(),
            waiting: true,
            void: None,
        }
    }

    #[test]
    fn it_shows_all_of_it_and_pings_nobody() {
        let rendered =
            draft(&CommandWord::default(), &view("``` <!channel> & <@U0ANA>\n<https://x.example|y>", 15));
        let shown = serde_json::to_string(&rendered.blocks).unwrap();
        assert!(!shown.contains("<!") && !shown.contains("<@") && !shown.contains("<http"), "{shown}");
        for wanted in ["blocks:draft_send", "blocks:draft_edit", "blocks:draft_discard", "and 3 more", "4F4F"]
        {
            assert!(shown.contains(wanted), "{wanted}: {shown}");
        }
        let word = CommandWord::new("/incident").unwrap();
        let renamed = texts(&draft(&word, &view("see `/blocks x`", 15)));
        assert!(renamed.contains("`/incident update drafts INC-1` names all"), "{renamed}");
        assert!(renamed.contains("see `/blocks x`"), "what is sent is what is shown: {renamed}");
        let sent = DraftView { waiting: false, ..view("x", 1) };
        assert!(
            !serde_json::to_string(&draft(&CommandWord::default(), &sent).blocks)
                .unwrap()
                .contains("draft_send")
        );
    }

    #[test]
    fn what_holds_no_more_says_why_and_has_no_send() {
        let why = "it was written before INC-1 was over <!channel>".to_owned();
        let rendered = draft(&CommandWord::default(), &DraftView { void: Some(why), ..view("x", 1) });
        let shown = serde_json::to_string(&rendered.blocks).unwrap();
        assert!(
            shown.contains("It cannot be sent any more:* it was written before INC-1 was over &lt;"),
            "{shown}"
        );
        assert!(shown.contains("blocks:draft_discard"), "{shown}");
        for gone in ["blocks:draft_send", "blocks:draft_edit", "Sent by"] {
            assert!(!shown.contains(gone), "{gone}: {shown}");
        }
    }

    #[test]
    fn what_the_core_lets_through_is_shown_whole() {
        let longest = "<".repeat(runbook_core::update::TEXT_MAX / 5);
        let shown =
            serde_json::to_string(&draft(&CommandWord::default(), &view(&longest, 50)).blocks).unwrap();
        assert!(shown.contains("draft_send") && !shown.contains("Not all of this"), "{shown}");
        let more = draft(&CommandWord::default(), &view(&"<".repeat(3_000), 1));
        assert!(!serde_json::to_string(&more.blocks).unwrap().contains("draft_send"));
    }
}
