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
use super::account::{Account, Happening};
use crate::life::Life;
use crate::locked;

/// What the pager holds, and what it does wrong next.
#[derive(Default)]
pub(crate) struct PagerState {
    /// When each of its incidents was last opened or ended, and whether it is over since then; where nobody looks.
    truth: BTreeMap<String, (DateTime<Utc>, bool)>,
    /// All that it has, where it is looked at.
    pub(crate) account: Option<Account>,
    /// What it was asked to do and has not yet told about: incident and kind.
    pub(crate) to_tell: Vec<(String, PagerEventKind)>,
    /// The same, where it is looked at.
    pub(crate) to_tell_of: Vec<Happening>,
    /// Keys under which somebody was paged once more.
    pub(crate) paged_twice: Vec<String>,
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

    /// Whether each of its incidents is over, and since when it is so.
    pub(crate) fn truth(&self, now_ms: u64) -> BTreeMap<String, (DateTime<Utc>, bool)> {
        self.account.as_ref().map_or_else(|| self.truth.clone(), |account| account.truth(now_ms))
    }

    fn call(&mut self, call: &PagerCall, (key, attempt): (&str, u32), now_ms: u64) -> Result<(), PagerError> {
        let retry = |reason: &str| Err(PagerError::Retry { after_ms: None, reason: reason.to_owned() });
        if super::take(&mut self.busy) {
            return retry("busy");
        }
        if super::take(&mut self.refuses) {
            if let (PagerCall::Acknowledge { incident, .. }, Some(account)) = (call, &mut self.account) {
                account.refused.insert(incident.clone());
            }
            return Err(PagerError::Permanent { reason: "the token may not do that".to_owned() });
        }
        if let Some(account) = &mut self.account {
            let (happens, rang_again) = account.does(call, attempt, now_ms);
            self.to_tell_of.extend(happens);
            self.paged_twice.extend(rang_again.then(|| key.to_owned()));
            if super::take(&mut self.loses_answers) {
                return retry("the connection broke");
            }
            return Ok(());
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
                let now_ms = outside.elapsed_ms();
                let result = outside.pager.call(call, (key, attempt), now_ms);
                if let PagerCall::Note { text, .. } = call {
                    outside.judge.ours_at_pager.insert(text.clone());
                }
                for key in std::mem::take(&mut outside.pager.paged_twice) {
                    outside.judge.accuse("paged-twice", format!("{key} rang, was ended, and rang again"));
                }
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

    fn look<'a>(&'a self, at: &'a LookAt) -> BoxFuture<'a, Result<Vec<SeenIncident>, PagerError>> {
        Box::pin(async move {
            self.life.alive().await;
            let mut outside = locked(&self.outside);
            let now_ms = outside.elapsed_ms();
            if super::take(&mut outside.pager.busy) {
                return Err(PagerError::Retry { after_ms: None, reason: "busy".to_owned() });
            }
            let Some(account) = &outside.pager.account else { return Ok(Vec::new()) };
            let seen = account.look(at, now_ms);
            outside.count("seen");
            outside.tell(|| format!("a look at the pager: {seen:?}"));
            Ok(seen)
        })
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

    fn notes<'a>(&'a self, incident: &'a str) -> BoxFuture<'a, Result<Vec<SeenNote>, PagerError>> {
        Box::pin(async move {
            self.life.alive().await;
            let outside = locked(&self.outside);
            let standing = outside.pager.account.as_ref().map(|account| account.at(outside.elapsed_ms()));
            let held = standing.and_then(|mut standing| standing.incidents.remove(incident));
            Ok(held.map(|held| held.notes).unwrap_or_default())
        })
    }
}
