//! A file into a channel: ask for an address, send the bytes there, say that it is complete.

use runbook_core::ports::{Attempt, ChatReceipt, SendError, Spot};
use serde::Deserialize;
use serde_json::Value;
use slack_morphism::prelude::{
    SlackApiFilesComplete, SlackApiFilesCompleteUploadExternalRequest, SlackFileId,
};

use super::{Method, NOTE_MAX, PastMessage, SlackChat, read, receipt};
use crate::render::text::prose;

/// A file to be shared.
pub(super) struct File<'a> {
    pub(super) filename: &'a str,
    pub(super) title: &'a str,
    pub(super) comment: &'a str,
    pub(super) content: &'a str,
}

impl SlackChat {
    /// Shares the file. The message's id is not known: Slack shares in its own time.
    pub(super) async fn upload(
        &self,
        attempt: Attempt<'_>,
        spot: &Spot,
        file: &File<'_>,
    ) -> Result<ChatReceipt, SendError> {
        // A file's message carries no metadata: it is recognised by what it is.
        if let Some((channel, _)) = self.find(attempt, spot, |message| file.is_in(message)).await? {
            return Ok(receipt(&channel, None));
        }
        let Some(channel) = self.channel_id(&spot.channel).await? else {
            let channel = &spot.channel;
            let reason = format!(
                "slack has no channel `{channel}` that the bot sees, and takes files by its id alone\nhint: configure the channel's id, or give the app the scopes channels:read and groups:read"
            );
            return Err(SendError::Permanent { reason });
        };
        let method = Method::GetUploadUrl;
        let (filename, length) = (file.filename.to_owned(), file.content.len().to_string());
        let params = vec![("filename", Some(&filename)), ("length", Some(&length))];
        let target: Target =
            self.get(method, &params).await.and_then(read).map_err(|error| error.into_send(method))?;
        let url = self.hosts.check(&target.upload_url).ok_or_else(|| SendError::Permanent {
            reason: "slack named an upload address that is not its own; the file is not sent".to_owned(),
        })?;
        self.put_bytes(url, file.content.as_bytes()).await.map_err(|error| error.into_send("the upload"))?;

        let method = Method::CompleteUpload;
        let part = SlackApiFilesComplete::new(SlackFileId(target.file_id)).with_title(file.title.to_owned());
        let mut request = SlackApiFilesCompleteUploadExternalRequest::new(vec![part])
            .with_channel_id(channel.as_str().into())
            .with_initial_comment(prose(&self.word, file.comment, NOTE_MAX));
        if let Some(thread) = &spot.thread {
            request = request.with_thread_ts(thread.as_str().into());
        }
        self.post(method, &request).await.map_err(|error| error.into_send(method))?;
        Ok(receipt(&channel, None))
    }
}

impl File<'_> {
    fn is_in(&self, message: &PastMessage) -> bool {
        let files = message.files.as_array().map(Vec::as_slice).unwrap_or_default();
        files.iter().any(|file| {
            let text = |name: &str| file.get(name).and_then(Value::as_str);
            text("name") == Some(self.filename)
                && text("title") == Some(self.title)
                && file.get("size").and_then(Value::as_u64) == u64::try_from(self.content.len()).ok()
        })
    }
}

#[derive(Deserialize)]
struct Target {
    upload_url: String,
    file_id: String,
}
