//! What a look has found while webhooks are taken, too: it is acted on at once, and where no webhook tells of it soon, that is worth
//! knowing. A restart in those seconds forgets that one came to be so by a look, nothing else.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use chrono::{DateTime, Utc};
use runbook_core::ids::IncidentId;
use runbook_core::incident::IncidentCommand;
use runbook_core::journal::Cause;
use runbook_core::ports::{PagerEvent, PagerEventKind};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::origin::Origin;
use crate::pager_look::word;

/// So long a webhook may still tell of what was seen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What is so here by a look, by the pager's id and what that was.
#[derive(Debug, Default)]
pub(crate) struct Untold(BTreeMap<(String, String), Found>);

#[derive(Debug, Clone)]
struct Found {
    id: IncidentId,
    word: &'static str,
    until: DateTime<Utc>,
}

/// What a look and a webhook call the same.
fn key(event: &PagerEvent) -> (String, String) {
    let what = match &event.kind {
        // several may be written in that time
        PagerEventKind::Note { id: Some(id), .. } => format!("note {id}"),
        kind => word(kind).to_owned(),
    };
    (event.incident.id.clone(), what)
}

impl Engine {
    /// A look has made this so here.
    pub(crate) fn is_found(&self, event: &PagerEvent, id: IncidentId) {
        let found = Found { id, word: word(&event.kind), until: self.now() + PATIENCE };
        self.inner.untold.lock().unwrap_or_else(PoisonError::into_inner).0.insert(key(event), found);
    }

    /// A webhook tells this.
    pub(crate) fn is_told(&self, event: &PagerEvent) {
        self.inner.untold.lock().unwrap_or_else(PoisonError::into_inner).0.remove(&key(event));
    }

    /// Counts what no webhook has told in its time, and says so on the timelines.
    ///
    /// # Errors
    /// When the store does not take it now: what is left is told the next time.
    pub(crate) async fn tell_of_untold(&self) -> Result<(), EngineError> {
        let now = self.now();
        let due: Vec<_> = {
            let untold = self.inner.untold.lock().unwrap_or_else(PoisonError::into_inner);
            untold
                .0
                .iter()
                .filter(|(_, one)| one.until <= now)
                .map(|(k, one)| (k.clone(), one.clone()))
                .collect()
        };
        for (key, found) in due {
            match self.receipt(found.id, found.word).await {
                Err(error) if error.is_passing() => return Err(error),
                Err(error) => tracing::warn!(%error, "that no webhook told of it is not on its timeline"),
                Ok(()) => {}
            }
            self.inner.untold.lock().unwrap_or_else(PoisonError::into_inner).0.remove(&key);
        }
        Ok(())
    }

    /// Nobody was told of it: the webhook may be broken.
    ///
    /// # Errors
    /// When the store does not take it.
    pub(crate) async fn receipt(&self, id: IncidentId, word: &'static str) -> Result<(), EngineError> {
        let receipt = IncidentCommand::NotePager {
            what: "seen by looking".to_owned(),
            text: Some(format!("{word}, and no webhook said so")),
            id: None,
        };
        self.change_incident(id, &receipt, &Origin::system("pagerduty", Cause::Engine), None).await?;
        self.inner.metrics.count("blocks_pager_drift_total", format!("what=\"{word}\""));
        Ok(())
    }
}
