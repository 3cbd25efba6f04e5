//! What one person alone is shown: answers where they asked, and forms.

use runbook_core::form::Form;
use runbook_core::ports::{Attempt, ChatReceipt, SendError};
use serde_json::{Value, json};

use super::{Method, NOTE_MAX, Place, SlackChat};
use crate::render::text::prose;
use crate::render::{self, Rendered};

/// Slack's words for a place in which that person cannot be told anything.
const NO_PLACE: &[&str] =
    &["not_in_channel", "channel_not_found", "user_not_in_channel", "is_archived", "restricted_action"];

impl SlackChat {
    /// Answers one person where they asked, and directly where the bot may not speak there.
    pub(super) async fn whisper(
        &self,
        key: &str,
        attempt: Attempt<'_>,
        (user, channel, thread): (&str, &str, Option<&str>),
        (text, offers): (&str, &[String]),
    ) -> Result<ChatReceipt, SendError> {
        let blocks = render::offers(&self.word, text, offers).unwrap_or_default();
        let text = prose(&self.word, text, NOTE_MAX);
        if !channel.is_empty() {
            let mut body = json!({
                "channel": channel, "user": user, "text": text, "parse": "none", "link_names": false,
            });
            if !blocks.is_empty() {
                body["blocks"] = json!(blocks);
            }
            // Slack shows such an answer only in a thread that has one.
            if let Some(thread) = thread {
                body["thread_ts"] = json!(thread);
            }
            match self.post(Method::PostEphemeral, &body).await {
                Ok(_) => return Ok(ChatReceipt::default()),
                Err(error) if error.is_one_of(NO_PLACE) => {}
                Err(error) => return Err(error.into_send(Method::PostEphemeral)),
            }
        }
        let rendered = Rendered { text, blocks };
        self.show(key, attempt, Some(Place::direct(user)), rendered).await
    }

    /// Opens a form. The trigger lives for three seconds and works once, so a second attempt that finds it used has
    /// opened the form the first time.
    pub(super) async fn open_form(
        &self,
        attempt: u32,
        trigger: &str,
        form: &Form,
    ) -> Result<ChatReceipt, SendError> {
        let body: Value = json!({"trigger_id": trigger, "view": render::form(&self.word, form)});
        match self.post(Method::OpenView, &body).await {
            Ok(_) => Ok(ChatReceipt::default()),
            Err(error) if attempt > 1 && error.is_one_of(&["exchanged_trigger_id"]) => {
                Ok(ChatReceipt::default())
            }
            Err(error) => Err(error.into_send(Method::OpenView)),
        }
    }
}
