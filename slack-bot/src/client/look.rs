//! A message of somebody else's, read because a person marked it.

use runbook_core::ports::{ChatReceipt, Quote, SendError};
use serde::Deserialize;
use serde_json::Value;

use super::{Method, SlackChat, read};
use crate::quote::{address, quote};

#[derive(Deserialize)]
struct Messages {
    #[serde(default)]
    messages: Vec<Value>,
}

impl SlackChat {
    /// Reads one message, wherever it stands. Where it cannot be read, what came along of it has to do.
    pub(super) async fn look(
        &self,
        channel: &str,
        ts: &str,
        given: Option<&Quote>,
    ) -> Result<ChatReceipt, SendError> {
        let seen = match (self.message(channel, ts).await, given) {
            (Ok(Some(message)), _) => quote(&message),
            (Ok(None) | Err(SendError::Permanent { .. }), Some(given)) => given.clone(),
            (Ok(None), None) => {
                return Err(SendError::Permanent { reason: "the message is not there any more".to_owned() });
            }
            (Err(error), _) => return Err(error),
        };
        let permalink = self.permalink(channel, ts).await?;
        Ok(ChatReceipt {
            channel: Some(channel.to_owned()),
            ts: Some(ts.to_owned()),
            seen: Some(Box::new(Quote { permalink, ..seen })),
        })
    }

    async fn message(&self, channel: &str, ts: &str) -> Result<Option<Value>, SendError> {
        let method = Method::Replies;
        let (channel, at, yes, few) = (channel.to_owned(), ts.to_owned(), "true".to_owned(), "5".to_owned());
        // Of a thread Slack answers with its beginning too, whatever is asked for.
        let params = vec![
            ("channel", Some(&channel)),
            ("ts", Some(&at)),
            ("oldest", Some(&at)),
            ("latest", Some(&at)),
            ("inclusive", Some(&yes)),
            ("limit", Some(&few)),
        ];
        match self.get(method, &params).await.and_then(read::<Messages>) {
            Ok(found) => Ok(found.messages.into_iter().find(|message| message["ts"] == ts)),
            Err(error) if error.is_one_of(&["thread_not_found", "message_not_found"]) => Ok(None),
            Err(error) => Err(error.into_send(method)),
        }
    }

    /// Where people find it; a message without a link is better than none.
    async fn permalink(&self, channel: &str, ts: &str) -> Result<Option<String>, SendError> {
        let (method, channel, ts) = (Method::Permalink, channel.to_owned(), ts.to_owned());
        let params = vec![("channel", Some(&channel)), ("message_ts", Some(&ts))];
        match self.get(method, &params).await {
            Ok(answer) => Ok(answer.get("permalink").and_then(Value::as_str).and_then(address)),
            Err(error) => match error.into_send(method) {
                SendError::Permanent { .. } => Ok(None),
                retry => Err(retry),
            },
        }
    }
}
