//! A pager that keeps what it is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, SubsecRound as _, Utc};
use runbook_core::oncall::PagerTurn;
use runbook_core::ports::{
    BoxFuture, LookAt, PageDetails, Pager, PagerCall, PagerError, PagerIncident, PagerUser, SeenChange,
    SeenIncident, SeenNote, SeenStatus,
};

use super::bench::FakeClock;
use super::{Life, World, locked};
use crate::clock::Clock as _;

/// What the pager holds.
#[derive(Default)]
pub(crate) struct PagerState {
    /// Every call that it took.
    pub(crate) calls: Vec<PagerCall>,
    /// E-mails by user id; an unlisted user does not exist.
    pub(crate) emails: BTreeMap<String, String>,
    /// Whom it does not know: a page to this address is refused for good.
    pub(crate) unknown: Vec<String>,
    /// It refuses so many calls for good: the token may not do that.
    pub(crate) refuses: usize,
    /// It does not let anybody look: the token was taken away.
    pub(crate) refuses_looks: bool,
    /// It cannot be reached.
    pub(crate) is_away: bool,
    /// It can be looked at, and takes nothing.
    pub(crate) takes_nothing: bool,
    /// It says nothing for so long to whoever calls it; then it cannot be reached.
    pub(crate) hangs: Option<std::time::Duration>,
    /// After a call that got no answer nobody may call it until then.
    pub(crate) spared_until: Option<DateTime<Utc>>,
    /// How many calls were begun.
    pub(crate) begun: usize,
    /// So many calls are taken, and their answers lost.
    pub(crate) loses_answers: usize,
    /// So long it takes to say who its users are.
    pub(crate) emails_take: std::time::Duration,
    /// How often it was asked for that.
    pub(crate) emails_asked: usize,
    /// It does not say who its users are.
    pub(crate) keeps_users_secret: bool,
    /// What it has.
    pub(crate) seen: Vec<SeenIncident>,
    /// What the alerts of its incidents tell.
    pub(crate) details: BTreeMap<String, PageDetails>,
    /// How long it takes to say that.
    pub(crate) details_take: std::time::Duration,
    /// How often it was asked for that.
    pub(crate) details_asked: usize,
    /// Who is on call, by its ids of services.
    pub(crate) on_call: BTreeMap<String, Vec<PagerTurn>>,
    /// What it was told of changes, by its id of the service.
    pub(crate) changes: BTreeMap<String, Vec<SeenChange>>,
    /// How often it was asked for that.
    pub(crate) changes_asked: usize,
    /// So many times it does not tell notes, and may the next time.
    pub(crate) notes_fail: usize,
    /// The notes of its incidents; of others none may be read.
    pub(crate) notes: BTreeMap<String, Vec<SeenNote>>,
}

impl PagerState {
    /// Somebody asked it to resolve an incident.
    pub(crate) fn was_asked_to_resolve(&self) -> bool {
        self.calls.iter().any(|call| matches!(call, PagerCall::Resolve { .. }))
    }
}

impl PagerState {
    /// What it has of this incident.
    pub(crate) fn one(&mut self, id: &str) -> Option<&mut SeenIncident> {
        self.seen.iter_mut().find(|one| one.incident.id == id)
    }

    /// The incident is so from now on.
    fn becomes(&mut self, id: &str, status: SeenStatus, by: Option<&String>, now: DateTime<Utc>) {
        let user = by.and_then(|email| self.emails.iter().find(|(_, known)| *known == email));
        let by = user.map(|(id, _)| PagerUser { id: id.clone(), name: Some(id.clone()) });
        if let Some(one) = self.one(id).filter(|one| one.status != status) {
            (one.status, one.since, one.by) = (status, Some(now), by);
        }
    }

    /// Does what it is told, where it has the incident.
    fn does(&mut self, call: &PagerCall, now: DateTime<Utc>) {
        match call {
            PagerCall::Acknowledge { incident, from } => {
                if self.one(incident).is_some_and(|one| one.status == SeenStatus::Triggered) {
                    self.becomes(incident, SeenStatus::Acknowledged, from.as_ref(), now);
                }
            }
            PagerCall::Resolve { incident, from } => {
                self.becomes(incident, SeenStatus::Resolved, from.as_ref(), now);
            }
            PagerCall::Severity { incident, severity, .. } => {
                if let Some(one) = self.one(incident) {
                    one.incident.priority = Some(severity.clone());
                }
            }
            PagerCall::Note { incident, text, .. } => {
                let notes = self.notes.entry(incident.clone()).or_default();
                let id = format!("N-{}-{}", incident, notes.len());
                notes.push(SeenNote { id, at: Some(now), by: None, text: text.clone() });
            }
            PagerCall::Page { incident, key, title, service, .. } => {
                let is_open =
                    |one: &SeenIncident| one.key.as_ref() == Some(key) && one.status != SeenStatus::Resolved;
                if self.seen.iter().any(is_open) {
                    return;
                }
                let of_it = self.one(incident).and_then(|one| one.incident.service_id.clone());
                let page = PagerIncident {
                    id: format!("PAGE-{}", self.seen.len()),
                    title: Some(title.clone()),
                    service_id: service.clone().or(of_it),
                    ..PagerIncident::default()
                };
                let (key, since) = (Some(key.clone()), Some(now));
                self.seen.push(SeenIncident { incident: page, key, since, ..SeenIncident::default() });
            }
            PagerCall::EndPage { key } => {
                for one in self.seen.iter_mut().filter(|one| one.key.as_ref() == Some(key)) {
                    (one.status, one.since) = (SeenStatus::Resolved, Some(now));
                }
            }
            PagerCall::AskResponder { .. } | PagerCall::Event { .. } | PagerCall::Change { .. } => {}
        }
    }
}

/// The way to the pager; one per life.
pub(crate) struct FakePager {
    pub(crate) clock: FakeClock,
    pub(crate) world: Arc<World>,
    pub(crate) life: Life,
}

impl Pager for FakePager {
    fn call<'a>(
        &'a self,
        _key: &'a str,
        _attempt: u32,
        call: &'a PagerCall,
    ) -> BoxFuture<'a, Result<(), PagerError>> {
        Box::pin(async move {
            self.life.point().await;
            let hangs = {
                let mut pager = locked(&self.world.pager);
                pager.begun += 1;
                pager.hangs
            };
            if let Some(hangs) = hangs {
                tokio::time::sleep(hangs).await;
                let pause = chrono::Duration::seconds(30);
                locked(&self.world.pager).spared_until = Some(self.clock.now() + pause);
                return Err(PagerError::Retry { after_ms: None, reason: "nobody answers".to_owned() });
            }
            {
                let mut pager = locked(&self.world.pager);
                if pager.is_away || pager.takes_nothing {
                    return Err(PagerError::Retry { after_ms: None, reason: "nobody answers".to_owned() });
                }
                if let PagerCall::Page { to, .. } = call
                    && pager.unknown.contains(&to.clone().unwrap_or_default())
                {
                    return Err(PagerError::Permanent {
                        reason: "pagerduty knows no user with that address".to_owned(),
                    });
                }
                if let Some(left) = pager.refuses.checked_sub(1) {
                    pager.refuses = left;
                    return Err(PagerError::Permanent { reason: "the token may not do that".to_owned() });
                }
                pager.calls.push(call.clone());
                pager.does(call, self.clock.now());
                if let Some(left) = pager.loses_answers.checked_sub(1) {
                    pager.loses_answers = left;
                    return Err(PagerError::Retry {
                        after_ms: None,
                        reason: "the connection broke".to_owned(),
                    });
                }
            }
            self.life.point().await;
            Ok(())
        })
    }

    fn user_email<'a>(&'a self, user_id: &'a str) -> BoxFuture<'a, Result<Option<String>, PagerError>> {
        Box::pin(async move {
            self.life.alive().await;
            let slow = {
                let mut pager = locked(&self.world.pager);
                pager.emails_asked += 1;
                pager.emails_take
            };
            if !slow.is_zero() {
                tokio::time::sleep(slow).await;
            }
            let pager = locked(&self.world.pager);
            if pager.keeps_users_secret {
                return Err(PagerError::Permanent { reason: "the token may not read users".to_owned() });
            }
            Ok(pager.emails.get(user_id).cloned())
        })
    }

    fn look<'a>(&'a self, at: &'a LookAt) -> BoxFuture<'a, Result<Vec<SeenIncident>, PagerError>> {
        Box::pin(async move {
            self.life.alive().await;
            let pager = locked(&self.world.pager);
            if pager.refuses_looks {
                return Err(PagerError::Permanent { reason: "the token is not known".to_owned() });
            }
            if pager.is_away {
                return Err(PagerError::Retry { after_ms: None, reason: "nobody answers".to_owned() });
            }
            let is_open = |one: &SeenIncident| {
                let service = one.incident.service_id.as_ref();
                matches!(one.status, SeenStatus::Triggered | SeenStatus::Acknowledged)
                    && service.is_some_and(|service| at.services.contains(service))
            };
            let mut seen = pager.seen.clone();
            seen.retain(|one| is_open(one) || at.incidents.contains(&one.incident.id));
            // it tells the second alone
            for one in &mut seen {
                one.since = one.since.map(|at| at.trunc_subsecs(0));
                one.incident.created_at = one.incident.created_at.map(|at| at.trunc_subsecs(0));
            }
            Ok(seen)
        })
    }

    fn details<'a>(&'a self, incident: &'a str) -> BoxFuture<'a, Result<PageDetails, PagerError>> {
        Box::pin(async move {
            self.life.alive().await;
            let slow = locked(&self.world.pager).details_take;
            tokio::time::sleep(slow).await;
            let mut pager = locked(&self.world.pager);
            pager.details_asked += 1;
            if pager.is_away {
                return Err(PagerError::Retry { after_ms: None, reason: "nobody answers".to_owned() });
            }
            Ok(pager.details.get(incident).cloned().unwrap_or_default())
        })
    }

    fn on_call<'a>(
        &'a self,
        services: &'a [String],
    ) -> BoxFuture<'a, Result<BTreeMap<String, Vec<PagerTurn>>, PagerError>> {
        Box::pin(async move {
            self.life.alive().await;
            let pager = locked(&self.world.pager);
            if pager.is_away {
                return Err(PagerError::Retry { after_ms: None, reason: "nobody answers".to_owned() });
            }
            let mut all = pager.on_call.clone();
            all.retain(|service, _| services.contains(service));
            Ok(all)
        })
    }

    fn changes<'a>(
        &'a self,
        service: &'a str,
        since: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Vec<SeenChange>, PagerError>> {
        Box::pin(async move {
            self.life.alive().await;
            let mut pager = locked(&self.world.pager);
            pager.changes_asked += 1;
            if pager.is_away {
                return Err(PagerError::Retry { after_ms: None, reason: "nobody answers".to_owned() });
            }
            let all = pager.changes.get(service).cloned().unwrap_or_default();
            Ok(all.into_iter().filter(|change| change.at.is_none_or(|at| at >= since)).collect())
        })
    }

    fn not_before(&self, _call: &PagerCall) -> Option<std::time::Duration> {
        let until = locked(&self.world.pager).spared_until?;
        (until - self.clock.now()).to_std().ok().filter(|wait| !wait.is_zero())
    }

    fn notes<'a>(&'a self, incident: &'a str) -> BoxFuture<'a, Result<Vec<SeenNote>, PagerError>> {
        Box::pin(async move {
            self.life.alive().await;
            let mut pager = locked(&self.world.pager);
            if let Some(left) = pager.notes_fail.checked_sub(1) {
                pager.notes_fail = left;
                return Err(PagerError::Retry { after_ms: None, reason: "nobody answers".to_owned() });
            }
            let notes = pager.notes.get(incident).cloned();
            notes.ok_or_else(|| PagerError::Permanent { reason: "the notes may not be read".to_owned() })
        })
    }
}
