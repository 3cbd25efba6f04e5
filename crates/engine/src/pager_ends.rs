//! Ends at the pager of incidents that nobody here knew: what is told of them afterwards comes too late, and opens nothing.
//!
//! They are remembered by the pager's id; a process that starts reads the newest kept messages once.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use runbook_core::ports::{InboxItem, Letters, PagerEvent, PagerEventKind, Signal, Translated};

use crate::engine::Engine;
use crate::error::EngineError;

/// How many kept messages of the pager's are read, once.
const READ: usize = 2_000;
/// So many ends are remembered,
const MOST: usize = 20_000;
/// and this long: the pager tells for 48 hours what it could not tell.
const AGE: TimeDelta = TimeDelta::hours(50);

/// When each ended, by the pager's id; `None` until the kept messages have been read.
#[derive(Debug, Default)]
pub(crate) struct UnknownEnds(tokio::sync::Mutex<Option<BTreeMap<String, DateTime<Utc>>>>);

fn is_end(event: &PagerEvent) -> bool {
    matches!(event.kind, PagerEventKind::Resolved | PagerEventKind::MergedInto { .. })
}

fn add(ends: &mut BTreeMap<String, DateTime<Utc>>, event: &PagerEvent) {
    let at = ends.entry(event.incident.id.clone()).or_insert(event.occurred_at);
    *at = event.occurred_at.max(*at);
}

impl Engine {
    /// The pager tells something of an incident that is not known here: whether it has told its end already.
    pub(crate) async fn is_over_since(
        &self,
        item: &InboxItem,
        event: &PagerEvent,
    ) -> Result<bool, EngineError> {
        let mut ends = self.inner.unknown_ends.0.lock().await;
        if ends.is_none() {
            *ends = Some(self.read_unknown_ends(&item.source).await?);
        }
        let ends = ends.get_or_insert_default();
        if is_end(event) {
            if ends.len() >= MOST {
                let oldest = self.now() - AGE;
                ends.retain(|_, at| *at >= oldest);
            }
            if ends.len() < MOST {
                add(ends, event);
            }
            return Ok(false);
        }
        Ok(ends.get(&event.incident.id).is_some_and(|end| *end >= event.occurred_at))
    }

    async fn read_unknown_ends(&self, source: &str) -> Result<BTreeMap<String, DateTime<Utc>>, EngineError> {
        let mut ends = BTreeMap::new();
        let Some(translator) = self.inner.translators.get(source) else { return Ok(ends) };
        let which = Letters { source: Some(source.to_owned()), ..Letters::default() };
        for letter in self.store().letters(which, READ).await? {
            if let Translated::Signal(Signal::Pager(event)) = translator.translate(&letter.item)
                && is_end(&event)
            {
                add(&mut ends, &event);
            }
        }
        Ok(ends)
    }
}
