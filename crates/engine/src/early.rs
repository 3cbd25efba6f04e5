//! What the pager tells of an incident before it tells of the incident: kept, and acted on once the incident is open.
//!
//! The pager's messages about one incident come in order, but for what it sends again after a failure; others that stand between may
//! change the order, too. Which of the kept messages are about which incident is kept beside them.

use chrono::{DateTime, Utc};
use runbook_core::ports::{
    Commit, EARLY_KEY, InboxItem, InboxOutcome, InboxStand, Kept, PagerEvent, PagerEventKind,
};
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::error::EngineError;

/// A message that came before its incident was known.
#[derive(Debug, Serialize, Deserialize)]
struct Letter {
    /// The incident's id at the pager.
    about: String,
    source: String,
    id: String,
    /// It says that the incident was over then.
    ended_at: Option<DateTime<Utc>>,
}

/// What came of an incident before it was known.
#[derive(Debug, Default)]
pub(crate) struct Early(Vec<Letter>);

/// What is kept beside a message about an incident that is not known.
pub(crate) fn kept(item: &InboxItem, event: &PagerEvent, now: DateTime<Utc>) -> Vec<Kept> {
    let letter = Letter {
        about: event.incident.id.clone(),
        source: item.source.clone(),
        id: item.id.clone(),
        ended_at: matches!(event.kind, PagerEventKind::Resolved | PagerEventKind::MergedInto { .. })
            .then_some(event.occurred_at),
    };
    let key = format!("{EARLY_KEY}{}/{}/{}", letter.about, letter.source, letter.id);
    // a struct of texts and a time always becomes JSON
    let value = serde_json::to_string(&letter).ok();
    value.map(|value| Kept { key, at: now, value }).into_iter().collect()
}

impl Early {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the pager has said that it was over then, or later.
    pub(crate) fn is_over_since(&self, occurred_at: DateTime<Utc>) -> bool {
        self.0.iter().filter_map(|letter| letter.ended_at).any(|ended_at| ended_at >= occurred_at)
    }
}

impl Engine {
    /// What the pager has told of this incident before it was known.
    pub(crate) async fn told_early(&self, pager_id: &str) -> Result<Early, EngineError> {
        let kept = self.store().kept(format!("{EARLY_KEY}{pager_id}/")).await?;
        let letters = kept.iter().filter_map(|one| serde_json::from_str::<Letter>(&one.value).ok());
        // an id may be the beginning of another one
        Ok(Early(letters.filter(|letter| letter.about == pager_id).collect()))
    }

    /// Adds to the commit that opens the incident that these wait again, where nobody has taken them up meanwhile.
    pub(crate) async fn wait_again(&self, commit: &mut Commit, early: &Early) -> Result<(), EngineError> {
        for Letter { source, id, .. } in &early.0 {
            if let Some(InboxStand::Kept { .. }) =
                self.store().inbox_stand(source.clone(), id.clone()).await?
            {
                commit.inbox_also.push((source.clone(), id.clone(), InboxOutcome::Again));
            }
        }
        Ok(())
    }
}
