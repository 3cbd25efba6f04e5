//! What diagnostics printed: its beginning for the card, and all of it as a file below that.

use std::collections::BTreeMap;

use runbook_core::ids::IncidentId;
use runbook_core::incident::{Excerpt, Incident, excerpt};
use runbook_core::message::ChatMessage;

use crate::deliver::Rendered;
use crate::engine::Engine;
use crate::error::EngineError;

/// Longest file, in bytes: Slack shows a text of that size, and not a longer one.
const FILE_MAX: usize = 1_000_000;

impl Engine {
    /// What the card shows of what diagnostics printed, by its SHA-256.
    pub(crate) async fn shown_outputs(
        &self,
        incident: &Incident,
    ) -> Result<BTreeMap<String, Excerpt>, EngineError> {
        let mut outputs = BTreeMap::new();
        for shown in incident.shown_outputs() {
            if let Some(bytes) = self.store().blob(shown.sha256.to_owned()).await? {
                outputs.insert(shown.sha256.to_owned(), excerpt(&String::from_utf8_lossy(&bytes)));
            }
        }
        Ok(outputs)
    }

    /// All of one output, where the card is and nowhere else.
    pub(crate) async fn render_output(&self, id: IncidentId, sha256: &str) -> Result<Rendered, EngineError> {
        let Some(incident) = self.incident(id).await? else { return Ok(Rendered::Obsolete) };
        let channel = match self.channel_of(&incident) {
            Ok(channel) => channel,
            Err(rendered) => return Ok(rendered),
        };
        if self.waits_for_card(&incident).await? {
            return Ok(Rendered::NotYet);
        }
        let shown = incident.shown_outputs().into_iter().find(|shown| shown.sha256 == sha256);
        let (Some(shown), Some(bytes)) = (shown, self.store().blob(sha256.to_owned()).await?) else {
            return Ok(Rendered::Obsolete);
        };
        Ok(Rendered::Chat(Box::new(ChatMessage::Upload {
            channel,
            thread: incident.card_ts.clone(),
            title: shown.file.clone(),
            filename: shown.file,
            comment: format!("{}: all that a diagnostic printed.", incident.number),
            content: held(&String::from_utf8_lossy(&bytes)),
        })))
    }
}

/// As much of a text as one file takes, which says so.
fn held(text: &str) -> String {
    if text.len() <= FILE_MAX {
        return text.to_owned();
    }
    let kept = text.get(..text.floor_char_boundary(FILE_MAX)).unwrap_or_default();
    format!("{kept}\n[... {} bytes more, which one file does not take ...]\n", text.len() - kept.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_cut_says_so() {
        assert_eq!(held("short"), "short");
        assert_eq!(held(&"x".repeat(FILE_MAX)).len(), FILE_MAX);
        let cut = held(&"é".repeat(FILE_MAX));
        assert!(cut.ends_with("é\n[... 1000000 bytes more, which one file does not take ...]\n"));
    }
}
