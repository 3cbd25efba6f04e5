//! What makes a telephone ring, counted on the wire: what Slack and PagerDuty were really sent.
//!
//! Counted is what was posted, not what it was edited to: an edit notifies nobody in Slack, also when it adds a mention. Not
//! counted are answers that only the person sees who asked, and invitations to the incident's channel.

use serde_json::Value;

/// How Slack writes a mention of a person, of whoever is there, of a channel, of a group.
const MENTIONS: [&str; 5] = ["<@", "<!here", "<!channel", "<!everyone", "<!subteam"];
/// How the keys of our own pages begin at PagerDuty.
const OUR_PAGES: &str = "blocks/";

/// Every message of ours that called somebody, and every page that we asked for, with the reason.
#[must_use]
pub fn pings(state: &Value) -> Vec<String> {
    let each = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut found = Vec::new();
    for channel in each(&state["slack"]["channels"]) {
        for message in each(&channel["messages"]) {
            if message.pointer("/metadata/event_type").is_none_or(|kind| kind != "blocks") {
                continue; // somebody else's
            }
            // The first version is what was posted.
            let posted = message.pointer("/edits/0").unwrap_or(&message);
            let texts = format!("{} {}", posted["text"], posted["blocks"]);
            let mention = MENTIONS.iter().find(|mention| texts.contains(**mention));
            match mention {
                _ if channel["is_im"] == true => found.push(format!("a direct message: {texts}")),
                Some(mention) => found.push(format!("{mention} in {}: {texts}", channel["name"])),
                None => {}
            }
        }
    }
    for incident in each(&state["pagerduty"]["incidents"]) {
        let key = incident["incident_key"].as_str().unwrap_or_default();
        if key.starts_with(OUR_PAGES) {
            found.push(format!("a page: {}", incident["title"]));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state(message: &Value, is_im: bool, key: &str) -> Value {
        json!({
            "slack": { "channels": [{ "name": "x", "is_im": is_im, "messages": [message] }] },
            "pagerduty": { "incidents": [{ "title": "x", "incident_key": key }] },
        })
    }

    fn ours(text: &str) -> Value {
        json!({ "text": text, "blocks": null, "metadata": { "event_type": "blocks" } })
    }

    #[test]
    fn each_way_to_call_somebody_counts_once_and_nothing_else_does() {
        let in_block = json!({
            "text": "", "blocks": [{ "text": { "text": "<!here> look" } }], "metadata": { "event_type": "blocks" },
        });
        let edited = json!({
            "text": "<@U1> look", "blocks": null, "metadata": { "event_type": "blocks" },
            "edits": [{ "text": "look", "blocks": null }, { "text": "<@U1> look", "blocks": null }],
        });
        let foreign = json!({ "text": "<!channel> lunch", "blocks": null, "metadata": null });
        for (message, is_im, key, wanted) in [
            (ours("look"), false, "F1", 0),
            (ours("&lt;!channel&gt; look"), false, "F1", 0),
            (ours("<@U1> look"), false, "F1", 1),
            (ours("<!subteam^S1> look"), false, "F1", 1),
            (in_block, false, "F1", 1),
            (ours("look"), true, "F1", 1),
            (ours("look"), false, "blocks/approval/1", 1),
            (edited, false, "F1", 0),
            (foreign, false, "F1", 0),
        ] {
            let state = state(&message, is_im, key);
            assert_eq!(pings(&state).len(), wanted, "{state}");
        }
    }
}
