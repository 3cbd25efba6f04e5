//! The page for whoever has to say yes: one for each request, and none once it is answered. Whoever asks again for the same
//! plan in a moment wakes nobody twice; where the pager refuses one person, the next is paged. What a page has opened at the
//! pager ends with the request.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};
use runbook_core::ids::{IncidentId, RunId};
use runbook_core::incident::{Incident, IncidentCommand};
use runbook_core::journal::Envelope;
use runbook_core::message::Outgoing;
use runbook_core::people::{Actor, Person};
use runbook_core::plan::Fingerprint;
use runbook_core::ports::{
    Commit, OutboxResult, OutboxRow, PAGE_KEY_PREFIX, PageUrgency, PagerCall, PagerError,
};
use runbook_core::run::{Decision, Run, RunEvent, Status};

use crate::deliver::Called;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::{Origin, Pace, approval_pages};
use crate::runs::load_run;
use crate::sees::may_see;

/// Within so many minutes one person is paged once for one plan of one incident, however often it is asked for.
const ONE_PAGE_MIN: i64 = 10;

/// Pause before a page is looked at again while another for the same is under way.
const A_MOMENT_S: i64 = 5;

/// Whom this process has paged for a yes to what, by which row, and when. After a restart somebody may be paged once more.
#[derive(Default)]
pub(crate) struct AskedFor(Mutex<HashMap<Asked, Page>>);

type Asked = (IncidentId, Actor, Fingerprint);

struct Page {
    row: String,
    request: Waits,
    at: DateTime<Utc>,
    has_left: bool,
}

/// The run that waits, and until when: asked for again, it has another end.
type Waits = (RunId, DateTime<Utc>);

/// Whether a page may leave beside others for the same.
enum Turn {
    Now,
    /// Another is under way, and may come to nothing.
    Later,
    /// Another has left a moment ago, for that request.
    After(Waits),
}

impl AskedFor {
    /// Notes a page that is about to leave.
    fn begin(&self, asked: &Asked, row: &str, request: Waits, now: DateTime<Utc>) -> Turn {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, page| now < page.at + Duration::minutes(ONE_PAGE_MIN));
        match known.get(asked) {
            Some(page) if page.row != row && page.has_left => Turn::After(page.request),
            Some(page) if page.row != row => Turn::Later,
            _ => {
                known.insert(asked.clone(), Page { row: row.to_owned(), request, at: now, has_left: false });
                Turn::Now
            }
        }
    }

    /// It has left, or it was no page after all.
    fn end(&self, asked: &Asked, has_left: bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get_mut(asked) {
            Some(page) if has_left => page.has_left = true,
            _ => drop(known.remove(asked)),
        }
    }
}

/// Until when a run waits for a yes, where it does.
pub(crate) fn asked_until(run: &Run) -> Option<DateTime<Utc>> {
    match run.status {
        Status::WaitingForApproval { expires_at } => Some(expires_at),
        _ => None,
    }
}

/// What the pager knows such a page by.
fn page_key(run: RunId, until: DateTime<Utc>, to: &str) -> String {
    format!("{PAGE_KEY_PREFIX}approval/{run}/{}/{to}", until.timestamp_millis())
}

/// Whether this person has said something to a request.
fn has_answered(events: &[Envelope<RunEvent>], who: &Actor) -> bool {
    let answers = |event: &RunEvent| matches!(event, RunEvent::Approved { .. } | RunEvent::Cancelled { .. });
    events.iter().any(|envelope| answers(&envelope.event) && envelope.actor == *who)
}

/// How a page ends that nobody needs any more. One that was tried may have left: it is looked for when the request is over.
fn not_needed(row: &OutboxRow) -> OutboxResult {
    if row.attempts > 0 {
        return OutboxResult::Sent;
    }
    OutboxResult::Dead { error: "nobody had to be paged any more".to_owned() }
}

impl Engine {
    /// Adds a page to the commit that asks for an approval, where somebody can be paged for it.
    pub(crate) async fn page_approver(
        &self,
        commit: &mut Commit,
        id: IncidentId,
        run: &Run,
        decision: &Decision,
        now: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        let settings = self.settings();
        let asks = decision.events.iter().any(|event| matches!(event, RunEvent::ApprovalAsked { .. }));
        let Status::WaitingForApproval { expires_at } = run.status else { return Ok(()) };
        if !asks || !settings.page_approvals || !settings.has_pager || run.yeses_due() == 0 {
            return Ok(());
        }
        let Some(loaded) = load_incident(self.store(), id).await? else { return Ok(()) };
        let incident = loaded.state;
        if incident.pager.is_none() && self.pager_service(&incident).is_none() {
            return Ok(()); // nobody there knows of it
        }
        if let Some(person) = self.approvers_to_page(run, &incident).first() {
            let to = Actor::Person(person.name.clone());
            let page = Outgoing::ApprovalPage { incident: id, run: run.id, until: expires_at, to };
            self.enqueue(commit, &page, "", Pace::AtOnce, now);
        }
        Ok(())
    }

    /// Whose yes would count, the commander before the others; the pager has to know them.
    fn approvers_to_page(&self, run: &Run, incident: &Incident) -> Vec<&Person> {
        let Some(names) = self.approvers(run).map(|approvers| approvers.names) else { return Vec::new() };
        let mut may: Vec<&Person> = self
            .directory()
            .people()
            .iter()
            .filter(|person| names.contains(&person.name) && person.pagerduty_email.is_some())
            .filter(|person| !incident.private || may_see(person, incident))
            .filter(|person| run.requester != Actor::Person(person.name.clone()))
            .collect();
        may.sort_by_key(|person| {
            let who = Actor::Person(person.name.clone());
            incident.commander.as_ref().is_none_or(|commander| commander.who != who)
        });
        may
    }

    /// Sends such a page, if the request still stands.
    pub(crate) async fn deliver_approval_page(
        &self,
        row: &OutboxRow,
        message: &Outgoing,
    ) -> Result<(), EngineError> {
        let Outgoing::ApprovalPage { incident: id, run, until, to } = message else { return Ok(()) };
        let run = load_run(self.store(), *run).await?.map(|loaded| loaded.state);
        let incident = load_incident(self.store(), *id).await?.map(|loaded| loaded.state);
        let waits = |run: &Run| asked_until(run) == Some(*until);
        let person = self.directory().person_of(to);
        let (Some(run), Some(incident), Some(email)) =
            (run.filter(waits), incident, person.and_then(|person| person.pagerduty_email.clone()))
        else {
            return self.settle(row, not_needed(row)).await;
        };
        // Their yes may have been given while another's is still missing, or the offer is over.
        if self.now() >= *until || run.approvals.iter().any(|yes| yes.by == *to) {
            return self.settle(row, not_needed(row)).await;
        }
        let asked = (*id, to.clone(), run.fingerprint.clone());
        let mut turn = self.inner.asked.begin(&asked, &row.key, (run.id, *until), self.now());
        if let Turn::After((other, other_until)) = turn {
            let other = load_run(self.store(), other).await?;
            let rings = other.as_ref().is_some_and(|other| asked_until(&other.state) == Some(other_until));
            let has_answered = other.as_ref().is_some_and(|other| has_answered(&other.events, to));
            turn = match (rings, has_answered) {
                // as long as that one rings, nobody is woken twice
                (true, _) => Turn::Later,
                (false, true) => {
                    tracing::info!(key = %row.key, "they have just answered the same, and are not paged again");
                    return self.settle(row, not_needed(row)).await;
                }
                // whoever has not answered may not have seen it, and nothing rings any more
                (false, false) => {
                    self.inner.asked.end(&asked, false);
                    self.inner.asked.begin(&asked, &row.key, (run.id, *until), self.now())
                }
            };
        }
        if !matches!(turn, Turn::Now) {
            let until = self.now() + Duration::seconds(A_MOMENT_S);
            let error = "another page for the same rings".to_owned();
            return self.settle(row, OutboxResult::Held { until, error }).await;
        }
        let call = self.approval_call(&run, &incident, *until, to, email);
        let called = self.call_pager(row, &call).await;
        self.inner.asked.end(&asked, matches!(called, Ok(Called::Made)));
        let Called::Refused(reason) = called? else { return Ok(()) };
        let people = self.approvers_to_page(&run, &incident);
        let place = people.iter().position(|person| Actor::Person(person.name.clone()) == *to);
        let next = place.and_then(|place| people.get(place + 1)).map(|next| Actor::Person(next.name.clone()));
        self.next_approver(row, (&run, &incident, *until), (to, next), reason).await
    }

    /// Ends at the pager what was opened there for a request that is over.
    pub(crate) async fn end_approval_pages(
        &self,
        row: &OutboxRow,
        message: &Outgoing,
        (run, until): (RunId, DateTime<Utc>),
    ) -> Result<(), EngineError> {
        let prefix = approval_pages(run, until);
        let left = self.store().outbox_left(prefix.clone()).await?;
        if left.is_empty() {
            return self.settle(row, OutboxResult::Sent).await;
        }
        let Some(pager) = self.inner.parts.pager.clone() else {
            return self.leave(row, "no pager is configured here").await;
        };
        self.store().outbox_attempt(row.key.clone(), None).await?;
        for page in left {
            let to = page.strip_prefix(&prefix).unwrap_or_default();
            let call = PagerCall::EndPage { key: page_key(run, until, to) };
            match pager.call(&row.key, row.attempts + 1, &call).await {
                Ok(()) => {}
                Err(PagerError::Retry { after_ms, reason }) => {
                    return self.again(row, after_ms, reason).await;
                }
                Err(PagerError::Permanent { reason }) => return self.give_up(row, message, reason).await,
            }
        }
        self.inner.metrics.count("blocks_outbox_sent_total", "to=\"pager\"".to_owned());
        self.settle(row, OutboxResult::Sent).await
    }

    /// The pager has refused to page one approver: that is told, and the next is paged.
    async fn next_approver(
        &self,
        row: &OutboxRow,
        (run, incident, until): (&Run, &Incident, DateTime<Utc>),
        (to, next): (&Actor, Option<Actor>),
        reason: String,
    ) -> Result<(), EngineError> {
        let then = match &next {
            Some(next) => format!("{next} is paged instead"),
            None => {
                format!("nobody else can be paged: ask somebody for it before {}", until.format("%H:%M UTC"))
            }
        };
        let text = format!(
            "{}: {to} was NOT paged for a yes to {} (code {}), which {} asked for: {reason}. {then}.",
            incident.number,
            run.plan.title,
            run.fingerprint.code(),
            run.requester
        );
        let whom = to.to_string();
        let command = IncidentCommand::RecordPageFailure { whom, reason: reason.clone(), text };
        self.change_incident(incident.id, &command, &Origin::engine(), None).await?;
        if let Some(to) = next {
            let mut commit = Commit::default();
            let page = Outgoing::ApprovalPage { incident: incident.id, run: run.id, until, to };
            self.enqueue(&mut commit, &page, "", Pace::AtOnce, self.now());
            self.store().commit(commit).await?;
            self.inner.outbox_wake.notify_one();
        }
        self.bury(row, reason).await
    }

    fn approval_call(
        &self,
        run: &Run,
        incident: &Incident,
        until: DateTime<Utc>,
        to: &Actor,
        email: String,
    ) -> PagerCall {
        let (number, code, end) = (incident.number, run.fingerprint.code(), until.format("%H:%M UTC"));
        // The pager does not know a private incident, and more people read there than it is for.
        let (place, about) = if incident.private {
            (String::new(), "a plan".to_owned())
        } else {
            (format!(" {} {}", incident.severity, incident.service), run.plan.title.clone())
        };
        PagerCall::Page {
            key: page_key(run.id, until, &to.to_string()),
            title: format!("{number}{place}: {about} waits for the yes of {to} until {end}"),
            text: format!(
                "{about} (code {code}), asked for by {}, waits for a yes until {end}. Look at the plan before you say it: `blocks runbook status {}`, or the plan's message in the incident's channel.",
                run.requester, run.id
            ),
            to: Some(email),
            service: self.pager_service(incident),
            urgency: PageUrgency::High,
            incident: incident.pager.as_ref().map(|pager| pager.id.clone()).unwrap_or_default(),
        }
    }
}
