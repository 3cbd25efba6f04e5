//! What was meant for a moment and leaves well after it says so.
//!
//! A card, a plan and a progress show how things are when they leave, however late; a line and an answer show how they were.

use chrono::{DateTime, Duration, Utc};
use runbook_core::message::ChatMessage;

/// A message that is no later than this needs no word about it.
const UNREMARKABLE: Duration = Duration::seconds(60);

/// The message, with how late it is. `asked` is when it was asked for, `since` when this process began.
pub(crate) fn marked(
    message: Box<ChatMessage>,
    asked: DateTime<Utc>,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Box<ChatMessage> {
    let Some(mark) = mark(asked, since, now) else { return message };
    let with = |text: String| format!("{mark}\n{text}");
    Box::new(match *message {
        ChatMessage::Note { channel, thread, text } => {
            ChatMessage::Note { channel, thread, text: with(text) }
        }
        ChatMessage::Reply { to, text, offers } => ChatMessage::Reply { to, text: with(text), offers },
        other => other,
    })
}

/// The word about it; `None` where there is nothing to say.
pub(crate) fn mark(asked: DateTime<Utc>, since: DateTime<Utc>, now: DateTime<Utc>) -> Option<String> {
    let late = now - asked;
    if late <= UNREMARKABLE {
        return None;
    }
    // What was asked for before this process began may have waited for Blocks itself.
    let by = if asked < since { "" } else { " by Slack" };
    let (at, minutes) = (asked.format("%H:%M UTC"), late.num_minutes());
    Some(format!("Delayed{by}: this is from {at}, {minutes} min ago."))
}

#[cfg(test)]
mod tests {
    use runbook_core::message::CardView;

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn only_what_is_late_says_so_and_slack_is_blamed_for_no_restart() {
        for (asked, since, now, wanted) in [
            (0, 0, 0, None),
            (0, 0, 60, None),
            (0, 0, 61, Some("Delayed by Slack: this is from 00:00 UTC, 1 min ago.")),
            (60, 0, 660, Some("Delayed by Slack: this is from 00:01 UTC, 10 min ago.")),
            (60, 61, 660, Some("Delayed: this is from 00:01 UTC, 10 min ago.")),
            // a message that is due later than now, or a clock that went back
            (600, 0, 0, None),
        ] {
            assert_eq!(mark(at(asked), at(since), at(now)).as_deref(), wanted, "{asked} {since} {now}");
        }
    }

    #[test]
    fn lines_and_answers_are_marked_and_what_shows_the_present_is_not() {
        let texts = [
            ChatMessage::Note { channel: "C1".into(), thread: None, text: "it is back".into() },
            ChatMessage::Reply { to: "x".to_owned().into(), text: "it is back".into(), offers: Vec::new() },
        ];
        for message in texts {
            let shown = format!("{:?}", marked(Box::new(message), at(0), at(0), at(120)));
            assert!(shown.contains("2 min ago.\\nit is back"), "{shown}");
        }
        let view: CardView = serde_json::from_value(serde_json::json!({
            "number": "INC-1", "title": "", "severity": "P1", "status": "", "service": "", "phase": null,
            "detected_at": at(0), "target_s": null, "mitigated_at": null, "resolved_at": null, "commander": null,
            "pager_url": null, "evidence": [], "triage": null, "changes": [], "runs": [], "suggestions": [],
        }))
        .unwrap();
        let card = ChatMessage::Card { channel: "C1".into(), ts: None, view };
        assert_eq!(*marked(Box::new(card.clone()), at(0), at(0), at(9_000)), card);
    }
}
