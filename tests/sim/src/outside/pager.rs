//! A pager that keeps what it is told, and tells it to whoever listens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use runbook_core::oncall::PagerTurn;
use runbook_core::ports::{
    BoxFuture, LookAt, PageDetails, Pager, PagerCall, PagerError, PagerEventKind, SeenChange, SeenIncident,
    SeenNote,
};

use super::Outside;
use crate::life::Life;
use crate::locked;

/// What the pager holds, and what it does wrong next.
#[derive(Default)]
pub(crate) struct PagerState {
    /// When each of its incidents was last opened or ended, and whether it is over since then.
    pub(crate) truth: BTreeMap<String, (DateTime<Utc>, bool)>,
    /// What it was asked to do and has not yet told about: incident and kind.
    pub(crate) to_tell: Vec<(String, PagerEventKind)>,
    pub(crate) busy: u32,
    pub(crate) refuses: u32,
    pub(crate) loses_answers: u32,
    pub(crate) keeps_names: u32,
}

impl PagerState {
    /// Something happened to one of its incidents.
    pub(crate) fn happened(&mut self, incident: &str, kind: &PagerEventKind, at: DateTime<Utc>) {
        let is_over = match kind {
            PagerEventKind::Triggered | PagerEventKind::Reopened => false,
            PagerEventKind::Resolved => true,
            _ => return,
        };
        let known = self.truth.entry(incident.to_owned()).or_insert((at, is_over));
        if known.0 <= at {
            *known = (at, is_over);
        }
    }

    fn call(&mut self, call: &PagerCall) -> Result<(), PagerError> {
        let retry = |reason: &str| Err(PagerError::Retry { after_ms: None, reason: reason.to_owned() });
        if super::take(&mut self.busy) {
            return retry("busy");
        }
        if super::take(&mut self.refuses) {
            return Err(PagerError::Permanent { reason: "the token may not do that".to_owned() });
        }
        match call {
            PagerCall::Acknowledge { incident, .. } => {
                self.to_tell.push((incident.clone(), PagerEventKind::Acknowledged));
            }
            PagerCall::Resolve { incident, .. } => {
                // Resolving what is over is success, and nothing happens.
                if self.truth.get(incident).is_none_or(|(_, is_over)| !is_over) {
                    self.to_tell.push((incident.clone(), PagerEventKind::Resolved));
                }
            }
            PagerCall::Note { .. }
            | PagerCall::Page { .. }
            | PagerCall::EndPage { .. }
            | PagerCall::Event { .. }
            | PagerCall::Change { .. }
            | PagerCall::Severity { .. }
            | PagerCall::AskResponder { .. } => {}
        }
        if super::take(&mut self.loses_answers) {
            return retry("the connection broke");
        }
        Ok(())
    }
}

/// The way to the pager; one per life.
pub(crate) struct PagerLine {
    pub(crate) outside: Arc<Mutex<Outside>>,
    pub(crate) life: Life,
}

impl Pager for PagerLine {
    fn call<'a>(
        &'a self,
        key: &'a str,
        attempt: u32,
        call: &'a PagerCall,
    ) -> BoxFuture<'a, Result<(), PagerError>> {
        Box::pin(async move {
            self.life.point().await;
            let result = {
                let mut outside = locked(&self.outside);
                outside.count("message");
                let result = outside.pager.call(call);
                outside.tell(|| format!("pager {key} attempt {attempt} {call:?}: {result:?}"));
                result
            };
            self.life.point().await;
            result
        })
    }

    fn user_email<'a>(&'a self, user_id: &'a str) -> BoxFuture<'a, Result<Option<String>, PagerError>> {
        Box::pin(async move {
            self.life.alive().await;
            if super::take(&mut locked(&self.outside).pager.keeps_names) {
                return Err(PagerError::Permanent { reason: "the token may not read users".to_owned() });
            }
            Ok(user_id.strip_prefix("P-").map(|name| format!("{name}@example.com")))
        })
    }

    fn look<'a>(&'a self, _: &'a LookAt) -> BoxFuture<'a, Result<Vec<SeenIncident>, PagerError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn details<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<PageDetails, PagerError>> {
        Box::pin(async { Ok(PageDetails::default()) })
    }

    fn on_call<'a>(
        &'a self,
        _: &'a [String],
    ) -> BoxFuture<'a, Result<BTreeMap<String, Vec<PagerTurn>>, PagerError>> {
        Box::pin(async { Ok(BTreeMap::new()) })
    }

    fn changes<'a>(
        &'a self,
        _: &'a str,
        _: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Vec<SeenChange>, PagerError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn notes<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<SeenNote>, PagerError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
