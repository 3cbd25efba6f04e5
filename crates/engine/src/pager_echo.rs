//! What the pager tells of an acknowledgement that it was told itself: whoever that call was made as has not taken the incident.
//!
//! The pager says as whom, not that it was us. So one such message is ours, where its user is the one whom the call named or
//! `pagerduty.from`; anybody else, or a second one, is somebody at the pager.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use runbook_core::ids::IncidentId;
use runbook_core::incident::Incident;
use runbook_core::ports::{PagerCall, PagerEvent};

use crate::engine::Engine;

/// The last acknowledgement that was told, by incident. A process that starts knows of none, and goes by the record.
#[derive(Debug, Default)]
pub(crate) struct Echoes(Mutex<BTreeMap<IncidentId, Called>>);

#[derive(Debug, Clone)]
struct Called {
    at: DateTime<Utc>,
    /// Whom it named.
    from: Option<String>,
    /// It has come back.
    is_heard: bool,
}

/// So many are known at most: what is older than a call to so many others has come back.
const MOST: usize = 10_000;

impl Engine {
    /// The pager is told this now: its answer may come before its receipt.
    pub(crate) fn awaits_echo(&self, incident: IncidentId, call: &PagerCall) {
        let PagerCall::Acknowledge { from, .. } = call else { return };
        let mut called = self.inner.echoes.0.lock().unwrap_or_else(PoisonError::into_inner);
        if called.len() >= MOST {
            called.clear();
        }
        called.insert(incident, Called { at: self.now(), from: from.clone(), is_heard: false });
    }

    /// Whether the acknowledgement that the pager tells of is the one that it was told; once.
    pub(crate) async fn is_echo_of_taking(&self, ours: &Incident, event: &PagerEvent) -> bool {
        let called = {
            let called = self.inner.echoes.0.lock().unwrap_or_else(PoisonError::into_inner);
            called.get(&ours.id).cloned()
        };
        let told_at = called.as_ref().map(|called| called.at);
        if called.as_ref().is_some_and(|called| called.is_heard)
            || !ours.awaits_echo_of_taking(told_at, self.now())
        {
            return false;
        }
        let email = match &event.agent_id {
            Some(agent) => self.pager_email(agent).await,
            None => None,
        };
        let named = called.as_ref().and_then(|called| called.from.as_ref());
        let ours_there = self.settings().pager_from.as_ref();
        let is_same = |known: Option<&String>, email: &str| {
            known.is_some_and(|known| known.eq_ignore_ascii_case(email))
        };
        let is_echo = match email {
            Some(email) => {
                // a token of somebody's own names nobody: it may be anybody's
                is_same(named, &email) || ours_there.is_none() || is_same(ours_there, &email)
            }
            None => true,
        };
        if is_echo {
            let mut called = self.inner.echoes.0.lock().unwrap_or_else(PoisonError::into_inner);
            let at = told_at.unwrap_or_else(|| self.now());
            called.entry(ours.id).or_insert(Called { at, from: None, is_heard: true }).is_heard = true;
        }
        is_echo
    }
}
