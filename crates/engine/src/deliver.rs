//! The outbox: each message is rendered from the journal when it leaves, sent, and its receipt recorded in the
//! transaction that settles it.

use chrono::{DateTime, Duration, Utc};
use runbook_core::backoff;
use runbook_core::ids::{IncidentId, RunId};
use runbook_core::incident::{
    ACK_NOT_REPEATED, ACK_WITHDRAWN, Asking, Incident, IncidentCommand, RESOLVE_NOT_REPEATED,
    RESOLVE_WITHDRAWN, Urgency,
};
use runbook_core::message::{Bookmark, ChatMessage, Outgoing, PlanView};
use runbook_core::people::{Actor, Person, Role};
use runbook_core::ports::{
    Attempt, CallPage, ChatReceipt, Commit, ESCALATE_KEY, OutboxResult, OutboxRow, PagerCall, PagerError,
    SendError, TEST_KEY, UNDO_FAILED_KEY,
};
use runbook_core::run::{MessageKind, Run, RunCommand};
use runbook_core::update::Arrival;
use runbook_core::view;

use sha2::{Digest as _, Sha256};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::handover::has_come;
use crate::incidents::load_incident;
use crate::late;
use crate::origin::{Origin, card_key, plan_key};
use crate::pings::{self, Turn};
use crate::runs::{load_run, silent};
use crate::sees::may_see;
use crate::triggers::is_of_a_past_test;

/// So long an incident waits for a channel of its own before it is shown in the shared one.
const CHANNEL_PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
/// An incident without a channel of its own after so long is shown in the shared one, whatever keeps it.
const CHANNEL_LATE: Duration = Duration::seconds(20);
/// What opens a form lives so long.
const FORM_PATIENCE_MS: u64 = 3_000;
/// Longest wait between two attempts, in seconds.
const MAX_BACKOFF_S: i64 = 60;
/// A page that has waited so long without a try has the pager counted as away.
const UNTRIED: Duration = Duration::seconds(30);
/// The wait after a first attempt, and the longest, in milliseconds; the half of each is spread.
const FIRST_BACKOFF_MS: u64 = 1_000;
const MAX_BACKOFF_MS: u64 = 60_000;

/// What a call to the pager came to.
pub(crate) enum Called {
    Made,
    /// It is tried again.
    Later,
    /// It never will be made as it is: why.
    Refused(String),
}

/// What rendering a message came to.
pub(crate) enum Rendered {
    Chat(Box<ChatMessage>),
    /// There is nothing to send any more.
    Obsolete,
    /// What it belongs to (a channel, a card, a plan) is not there yet.
    NotYet,
    /// It is looked at again then.
    At(DateTime<Utc>),
    /// There is no place for it, and there will be none.
    Nowhere,
}

impl Engine {
    /// Sends one message, and records what came of it.
    pub(crate) async fn deliver(&self, row: OutboxRow) -> Result<(), EngineError> {
        let message: Outgoing = match serde_json::from_value(row.payload.clone()) {
            Ok(message) => message,
            Err(error) => {
                return self
                    .settle(&row, OutboxResult::Dead { error: format!("does not read: {error}") })
                    .await;
            }
        };
        if let Outgoing::Pager { incident, call } = &message {
            return self.deliver_to_pager(&row, *incident, call).await;
        }
        if let Outgoing::Update { incident, draft, way, .. } = &message
            && self.deliver_update(&row, (*incident, *draft, *way)).await?.is_some()
        {
            return Ok(());
        }
        if matches!(message, Outgoing::ApprovalPage { .. }) {
            return self.deliver_approval_page(&row, &message).await;
        }
        if let Outgoing::Change { run, moment } = &message {
            return self.deliver_change(&row, *run, moment).await;
        }
        if let Outgoing::Alert { key, action } = &message {
            return self.deliver_alert(&row, key, action).await;
        }
        if let Outgoing::ApprovalOver { run, until, .. } = &message {
            return self.end_approval_pages(&row, &message, (*run, *until)).await;
        }
        let Some(chat) = self.inner.parts.chat.clone() else {
            return self.leave(&row, "no chat is configured here").await;
        };
        let rendered = match self.render(&message, &row.key).await? {
            Rendered::Chat(rendered) => late::marked(rendered, row.created_at, self.inner.since, self.now()),
            Rendered::Obsolete => return self.settle(&row, OutboxResult::Sent).await,
            Rendered::NotYet => {
                // Soon at first; what does not come for a while is worth a look now and then.
                let waited = self.now() - row.created_at;
                let pause = (waited / 4).clamp(Duration::milliseconds(50), Duration::seconds(30));
                let error = "waits for what it belongs to: a channel, a card or a plan".to_owned();
                self.settle(&row, OutboxResult::Retry { at: self.now() + pause, error }).await?;
                self.look_at_the_outbox_in(pause);
                return Ok(());
            }
            Rendered::At(at) => {
                let error = "others have mentioned the same person a moment ago".to_owned();
                return self.settle(&row, OutboxResult::Held { until: at, error }).await;
            }
            Rendered::Nowhere => {
                let reason =
                    "it has no channel: its own did not open, or no `channel` is set under its [[service]]"
                        .to_owned();
                return self.give_up(&row, &message, reason).await;
            }
        };
        if let Some(wait) = chat.not_before(&rendered) {
            if matches!(message, Outgoing::Form { .. }) && wait.as_millis() >= u128::from(FORM_PATIENCE_MS) {
                return self.give_up(&row, &message, "held back for the chat's limits".to_owned()).await;
            }
            // No attempt: nothing was tried, so there is nothing to look for before the next one.
            let until = self.now() + Duration::from_std(wait).unwrap_or(Duration::seconds(MAX_BACKOFF_S));
            self.inner.metrics.count("blocks_outbox_held_total", String::new());
            // What it shows when it is asked for again may be worth more than what it shows now.
            let error = "held back for the chat's limits".to_owned();
            return self.settle(&row, OutboxResult::Held { until, error }).await;
        }
        self.store().outbox_attempt(row.key.clone(), rendered.spot()).await?;
        let attempt = Attempt { number: row.attempts + 1, tried: &row.tried };
        match chat.send(&row.key, attempt, &rendered).await {
            Ok(receipt) => {
                self.inner.metrics.count("blocks_outbox_sent_total", "to=\"chat\"".to_owned());
                if let ChatMessage::Ask { mention: Some(who), .. }
                | ChatMessage::Offer { mention: Some(who), .. } = &*rendered
                {
                    self.inner.pings.called(who, &row.key, self.now());
                }
                self.record_receipt(&message, &receipt).await?;
                self.settle(&row, OutboxResult::Sent).await
            }
            // What opens a form is used up by then.
            Err(SendError::Retry { after_ms: Some(FORM_PATIENCE_MS..), reason })
                if matches!(message, Outgoing::Form { .. }) =>
            {
                self.give_up(&row, &message, reason).await
            }
            Err(SendError::Retry { after_ms, reason }) => self.again(&row, after_ms, reason).await,
            Err(SendError::Permanent { reason }) => self.give_up(&row, &message, reason).await,
        }
    }

    pub(crate) async fn deliver_to_pager(
        &self,
        row: &OutboxRow,
        incident: IncidentId,
        call: &PagerCall,
    ) -> Result<(), EngineError> {
        if self.page_is_late(incident, call).await? {
            return self.settle(row, OutboxResult::Sent).await;
        }
        if matches!(call, PagerCall::Resolve { .. }) && self.is_resolve_over(row, incident).await? {
            return self.settle(row, OutboxResult::Sent).await;
        }
        if matches!(call, PagerCall::Acknowledge { .. }) && self.is_taking_over(row, incident).await? {
            return self.settle(row, OutboxResult::Sent).await;
        }
        let Some(call) = self.addressed(incident, call).await? else {
            return self.settle(row, OutboxResult::Sent).await;
        };
        let call = &call;
        self.awaits_echo(incident, call);
        match self.call_pager(row, call).await? {
            Called::Refused(reason) if matches!(call, PagerCall::Page { .. }) => {
                self.page_failed(row, incident, call, reason).await
            }
            Called::Refused(reason) => {
                let message = Outgoing::Pager { incident, call: call.clone() };
                self.give_up(row, &message, reason).await
            }
            // The first try may have been a hiccup; somebody counts on this one. Behind others that are tried first, it waits untried.
            Called::Later
                if matches!(call, PagerCall::Page { .. })
                    && (row.attempts > 0 || self.now() - row.created_at >= UNTRIED) =>
            {
                self.pager_is_away(incident).await
            }
            Called::Made | Called::Later => Ok(()),
        }
    }

    /// Makes one call, and settles it unless the pager refuses it for good.
    pub(crate) async fn call_pager(&self, row: &OutboxRow, call: &PagerCall) -> Result<Called, EngineError> {
        let Some(pager) = self.inner.parts.pager.clone() else {
            return self.leave(row, "no pager is configured here").await.map(|()| Called::Later);
        };
        // what was asked of it meanwhile may show that it is ill
        pager.free().await;
        if let Some(wait) = pager.not_before(call) {
            // No attempt: nothing was tried, so there is nothing to look for before the next one.
            let until = self.now() + Duration::from_std(wait).unwrap_or(Duration::seconds(MAX_BACKOFF_S));
            self.inner.metrics.count("blocks_outbox_held_total", String::new());
            let error = "the pager is not asked for a while".to_owned();
            return self.settle(row, OutboxResult::Held { until, error }).await.map(|()| Called::Later);
        }
        self.store().outbox_attempt(row.key.clone(), None).await?;
        match pager.call(&row.key, row.attempts + 1, call).await {
            Ok(()) => {
                self.inner.metrics.count("blocks_outbox_sent_total", "to=\"pager\"".to_owned());
                self.settle(row, OutboxResult::Sent).await?;
                Ok(Called::Made)
            }
            Err(PagerError::Retry { after_ms, reason }) => {
                self.again(row, after_ms, reason).await.map(|()| Called::Later)
            }
            Err(PagerError::Permanent { reason }) => Ok(Called::Refused(reason)),
        }
    }

    /// An end that waited while the pager was away, and that nobody asks for any more, ends nothing: the timeline says so.
    async fn is_resolve_over(&self, row: &OutboxRow, id: IncidentId) -> Result<bool, EngineError> {
        if !self.incident(id).await?.is_some_and(|state| state.has_taken_resolve_back()) {
            return Ok(false);
        }
        let what = if row.attempts == 0 { RESOLVE_WITHDRAWN } else { RESOLVE_NOT_REPEATED };
        let reason = "the impact is back, or it was opened again".to_owned();
        let command = IncidentCommand::RecordDeliveryFailure { what: what.to_owned(), reason };
        self.change_incident(id, &command, &Origin::engine(), None).await?;
        Ok(true)
    }

    /// An acknowledgement that waited while the pager was away, and whose incident waits for somebody again by now, would have the
    /// pager call nobody: it stays unsaid, and the timeline says so.
    async fn is_taking_over(&self, row: &OutboxRow, id: IncidentId) -> Result<bool, EngineError> {
        let Some(state) = self.incident(id).await? else { return Ok(false) };
        if !state.status.is_open() || !state.waits_for_somebody() {
            return Ok(false);
        }
        let what = if row.attempts == 0 { ACK_WITHDRAWN } else { ACK_NOT_REPEATED };
        let reason = "it waits for somebody again".to_owned();
        let command = IncidentCommand::RecordDeliveryFailure { what: what.to_owned(), reason };
        self.change_incident(id, &command, &Origin::engine(), None).await?;
        Ok(true)
    }

    /// Nobody is woken for what is over, nor to come where they are already. What an undo has left half done is not over with its incident.
    async fn page_is_late(&self, incident: IncidentId, call: &PagerCall) -> Result<bool, EngineError> {
        let PagerCall::Page { key, to, .. } = call else { return Ok(false) };
        if key.starts_with(TEST_KEY) {
            return Ok(is_of_a_past_test(key, self.now()));
        }
        if key.starts_with(UNDO_FAILED_KEY) {
            return Ok(false);
        }
        let Some(loaded) = load_incident(self.store(), incident).await? else { return Ok(true) };
        let person = self.directory().people().iter().find(|one| to.is_some() && one.pagerduty_email == *to);
        let called = person.filter(|_| key.starts_with(ESCALATE_KEY));
        let is_there = called.is_some_and(|person| has_come(&loaded, &Actor::Person(person.name.clone())));
        let is_over = CallPage::of_key(key)
            .is_some_and(|page| page.incident == incident && loaded.state.is_call_over(page.seq));
        Ok(!loaded.state.status.is_open() || is_there || is_over)
    }

    /// The call with the service that it is about, where the pager does not know the incident; of a private one it is for
    /// whoever commands. `None` where there is nobody to page.
    async fn addressed(
        &self,
        incident: IncidentId,
        call: &PagerCall,
    ) -> Result<Option<PagerCall>, EngineError> {
        if let PagerCall::Severity { incident: known, from, severity, .. } = call {
            // what has been said since then leaves by itself
            let is_still = self.incident(incident).await?.is_some_and(|state| state.severity == *severity);
            let priority = self.settings().pager_priorities.get(severity).cloned();
            let (known, from, severity) = (known.clone(), from.clone(), severity.clone());
            let call = PagerCall::Severity { incident: known, from, severity, priority };
            return Ok(is_still.then_some(call));
        }
        let PagerCall::Page { incident: known, key, title, text, to, service: None, urgency } = call else {
            return Ok(Some(call.clone()));
        };
        let Some(state) = self.incident(incident).await? else { return Ok(None) };
        if !known.is_empty() && !state.private {
            return Ok(Some(call.clone()));
        }
        let service = match known.is_empty() {
            true => match self.pager_service(&state) {
                Some(service) => Some(service),
                None => return Ok(None),
            },
            false => None,
        };
        let commander =
            state.commander.as_ref().and_then(|commander| self.directory().person_of(&commander.who));
        let commander =
            commander.or_else(|| self.directory().people().iter().find(|one| may_see(one, &state)));
        let to = match (to, state.private) {
            (None, true) => match commander.and_then(|person| person.pagerduty_email.clone()) {
                Some(email) => Some(email),
                None => return Ok(None),
            },
            (to, _) => to.clone(),
        };
        let (incident, key, title, text) = (known.clone(), key.clone(), title.clone(), text.clone());
        Ok(Some(PagerCall::Page { incident, key, title, text, to, service, urgency: *urgency }))
    }

    pub(crate) async fn settle(&self, row: &OutboxRow, result: OutboxResult) -> Result<(), EngineError> {
        let commit =
            Commit { outbox_settled: vec![(row.key.clone(), row.version, result)], ..Commit::default() };
        Ok(self.store().commit(commit).await?)
    }

    /// Leaves a message for the process that has what it needs.
    pub(crate) async fn leave(&self, row: &OutboxRow, why: &str) -> Result<(), EngineError> {
        let at = self.now() + Duration::seconds(MAX_BACKOFF_S);
        self.settle(row, OutboxResult::Retry { at, error: why.to_owned() }).await
    }

    pub(crate) async fn again(
        &self,
        row: &OutboxRow,
        after_ms: Option<u64>,
        reason: String,
    ) -> Result<(), EngineError> {
        // The same message waits the same time whoever counts, and another one another time.
        let spread = spread(&row.key, row.attempts);
        let backoff_ms = backoff::pause_ms(row.attempts, FIRST_BACKOFF_MS, MAX_BACKOFF_MS, spread);
        let wait =
            Duration::milliseconds(i64::try_from(after_ms.unwrap_or(backoff_ms)).unwrap_or(i64::MAX / 2));
        self.inner.metrics.count("blocks_outbox_retries_total", String::new());
        tracing::warn!(key = %row.key, attempt = row.attempts + 1, %reason, "a message did not leave, trying again");
        self.settle(row, OutboxResult::Retry { at: self.now() + wait, error: reason }).await
    }

    /// Settles what will never leave; whoever calls has told of it.
    pub(crate) async fn bury(&self, row: &OutboxRow, reason: String) -> Result<(), EngineError> {
        tracing::error!(key = %row.key, %reason, "a message will never leave as it is");
        self.inner.metrics.count("blocks_outbox_dead_total", String::new());
        self.settle(row, OutboxResult::Dead { error: reason }).await
    }

    pub(crate) async fn give_up(
        &self,
        row: &OutboxRow,
        message: &Outgoing,
        reason: String,
    ) -> Result<(), EngineError> {
        if let Outgoing::Update { incident, draft, way, .. } = message {
            self.update_failed(*incident, *draft, *way, reason.clone()).await?;
            return self.bury(row, reason).await;
        }
        tracing::error!(key = %row.key, %reason, "a message will never leave as it is");
        self.inner.metrics.count("blocks_outbox_dead_total", String::new());
        let incident = match message {
            Outgoing::Channel { incident }
            | Outgoing::Invite { incident, .. }
            | Outgoing::Card { incident }
            | Outgoing::Brief { incident }
            | Outgoing::Note { incident, .. }
            | Outgoing::Ask { incident, .. }
            | Outgoing::Review { incident }
            | Outgoing::Output { incident, .. }
            | Outgoing::Draft { incident, .. }
            | Outgoing::Update { incident, .. }
            | Outgoing::Offer { incident, .. }
            | Outgoing::Call { incident, .. }
            | Outgoing::WhomToCall { incident }
            | Outgoing::ApprovalPage { incident, .. }
            | Outgoing::ApprovalOver { incident, .. }
            | Outgoing::Pager { incident, .. } => Some(*incident),
            Outgoing::Plan { run } | Outgoing::Progress { run } | Outgoing::Change { run, .. } => {
                load_run(self.store(), *run).await?.and_then(|loaded| loaded.state.incident)
            }
            Outgoing::Reply { .. }
            | Outgoing::Shift { .. }
            | Outgoing::Notice { .. }
            | Outgoing::Alert { .. } => None,
            Outgoing::Form { reply_to, instead, .. } => {
                return self.form_did_not_open(row, reply_to.as_ref(), instead, reason).await;
            }
            Outgoing::Look(look) => {
                self.not_looked(look, &reason).await?;
                None
            }
        };
        // a test is about none
        let incident = incident.filter(|incident| !incident.0.is_nil());
        if let Some(incident) = incident {
            // Replies carry a bearer address in their key's message, so only the kind of message is recorded.
            let mut words = row.key.split('/');
            let what = match (words.next(), words.next()) {
                (Some("pager"), Some(verb)) => format!("pager {verb}"),
                (Some(kind), _) => kind.to_owned(),
                (None, _) => "message".to_owned(),
            };
            let command = IncidentCommand::RecordDeliveryFailure { what, reason: reason.clone() };
            self.change_incident(incident, &command, &Origin::engine(), None).await?;
        }
        self.settle(row, OutboxResult::Dead { error: reason }).await
    }

    async fn record_receipt(&self, message: &Outgoing, receipt: &ChatReceipt) -> Result<(), EngineError> {
        let origin = Origin::engine();
        match (message, &receipt.channel, &receipt.ts) {
            (Outgoing::Channel { incident }, Some(channel), _) => {
                let command = IncidentCommand::RecordChannel { channel: channel.clone() };
                self.change_incident(*incident, &command, &origin, None).await?;
            }
            (Outgoing::Look(look), ..) => self.looked(look, receipt).await?,
            (Outgoing::Draft { incident, draft }, ..) => {
                self.draft_posted(*incident, *draft, receipt).await?;
            }
            (Outgoing::Update { incident, draft, way, .. }, ..) => {
                let arrival = Arrival { id: receipt.ts.clone(), link: None };
                self.update_arrived(*incident, *draft, *way, arrival).await?;
            }
            (Outgoing::Card { incident }, Some(channel), Some(ts)) => {
                let command = IncidentCommand::RecordCard { channel: channel.clone(), ts: ts.clone() };
                self.change_incident(*incident, &command, &origin, None).await?;
            }
            (Outgoing::Brief { incident }, Some(channel), Some(ts)) => {
                let command = IncidentCommand::RecordBrief { channel: channel.clone(), ts: ts.clone() };
                self.change_incident(*incident, &command, &origin, None).await?;
            }
            (Outgoing::Plan { run } | Outgoing::Progress { run }, Some(channel), Some(ts)) => {
                let kind = if matches!(message, Outgoing::Plan { .. }) {
                    MessageKind::Plan
                } else {
                    MessageKind::Progress
                };
                let Some(loaded) = load_run(self.store(), *run).await? else { return Ok(()) };
                let known = match kind {
                    MessageKind::Plan => loaded.state.plan_message,
                    MessageKind::Progress => loaded.state.progress_message,
                };
                // one that could not be edited any more stands somewhere else now
                if known.is_none_or(|(_, known)| known != *ts) {
                    let command =
                        RunCommand::RecordMessage { kind, channel: channel.clone(), ts: ts.clone() };
                    self.change_run(*run, &command, &origin, &silent).await?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn render(&self, message: &Outgoing, key: &str) -> Result<Rendered, EngineError> {
        let chat = |message: ChatMessage| Ok(Rendered::Chat(Box::new(message)));
        match message {
            Outgoing::Channel { incident } => {
                let Some(incident) = self.incident(*incident).await? else { return Ok(Rendered::Obsolete) };
                let is_late = incident.channel.is_some() && !incident.status.is_open();
                if incident.in_own_channel || is_late || !self.wants_own_channel(&incident) {
                    return Ok(Rendered::Obsolete);
                }
                chat(ChatMessage::OpenChannel {
                    name: channel_name(&incident),
                    topic: format!("{} {} {}", incident.number, incident.severity, incident.title),
                    invite: self
                        .directory()
                        .people()
                        .iter()
                        .filter(|person| self.comes_along(person, &incident))
                        .filter_map(|person| person.slack_id.clone())
                        .collect(),
                    private: incident.private,
                    bookmarks: self.bookmarks(&incident),
                })
            }
            Outgoing::Invite { incident, who } => self.render_invite(*incident, who).await,
            Outgoing::Card { incident } => {
                let Some(incident) = self.incident(*incident).await? else { return Ok(Rendered::Obsolete) };
                let channel = match self.channel_of(&incident) {
                    Ok(channel) => channel,
                    Err(rendered) => return Ok(rendered),
                };
                let runs = self.runs_of(&incident).await?;
                let settings = self.settings();
                let severity = settings.severities.default_scheme().get(&incident.severity);
                let service = settings.service(&incident.service);
                let rollback = service.and_then(|service| service.rollback.as_deref());
                let outputs = self.shown_outputs(&incident).await?;
                let mut view = view::card(&incident, &runs, severity, rollback, &outputs, self.now());
                view.bridge = self.bridge_of(&incident);
                chat(ChatMessage::Card { channel, ts: incident.card_ts.clone(), view })
            }
            Outgoing::Brief { incident } => self.render_brief(*incident).await,
            Outgoing::Plan { run } => {
                let Some((run, incident)) = self.run_and_incident(*run).await? else {
                    return Ok(Rendered::Obsolete);
                };
                let place = run.plan_message.clone();
                let channel = match place.as_ref() {
                    Some((channel, _)) => channel.clone(),
                    None => match self.channel_for(&run, incident.as_ref()) {
                        Ok(channel) => channel,
                        Err(rendered) => return Ok(rendered),
                    },
                };
                let people = self.people_of(run.incident).await?;
                let approvers = self.approvers_among(&people, &run).map(|who| who.words);
                let view = PlanView { approvers, ..view::plan(&run) };
                chat(ChatMessage::Plan { channel, ts: place.map(|(_, ts)| ts), view })
            }
            Outgoing::Progress { run } => {
                let Some((run, incident)) = self.run_and_incident(*run).await? else {
                    return Ok(Rendered::Obsolete);
                };
                if run.plan_message.is_none() && self.store().outbox_waits(plan_key(run.id)).await? {
                    return Ok(Rendered::NotYet); // it belongs below the plan
                }
                let (channel, thread) = match (run.plan_message.clone(), run.progress_message.clone()) {
                    // where it stands it is edited: a channel that is configured by its name has its id there
                    (plan, Some((channel, _))) => {
                        let thread = plan.filter(|(home, _)| *home == channel).map(|(_, thread)| thread);
                        (channel, thread)
                    }
                    (Some((channel, thread)), None) => (channel, Some(thread)),
                    (None, None) => match self.channel_for(&run, incident.as_ref()) {
                        Ok(channel) => (channel, None),
                        Err(rendered) => return Ok(rendered),
                    },
                };
                chat(ChatMessage::Progress {
                    channel,
                    ts: run.progress_message.clone().map(|(_, ts)| ts),
                    thread,
                    view: view::progress(&run),
                })
            }
            Outgoing::Note { incident, text } => {
                let Some(incident) = self.incident(*incident).await? else { return Ok(Rendered::Obsolete) };
                let channel = match self.channel_of(&incident) {
                    Ok(channel) => channel,
                    Err(rendered) => return Ok(rendered),
                };
                if self.waits_for_card(&incident).await? {
                    return Ok(Rendered::NotYet);
                }
                chat(ChatMessage::Note { channel, thread: incident.card_ts.clone(), text: text.clone() })
            }
            Outgoing::Ask { .. } => self.render_ask(message, key).await,
            Outgoing::Draft { incident, draft } => self.render_draft(*incident, *draft).await,
            Outgoing::Update { incident, draft, way, .. } => {
                self.render_update(*incident, *draft, *way).await
            }
            Outgoing::Offer { .. } | Outgoing::Call { .. } | Outgoing::Shift { .. } => {
                self.render_handing(message).await
            }
            Outgoing::Notice { channel, text } => chat(ChatMessage::Ask {
                channel: channel.clone(),
                thread: None,
                mention: None,
                text: text.clone(),
                snooze: None,
            }),
            Outgoing::WhomToCall { incident } => self.render_whom_to_call(*incident).await,
            Outgoing::Review { incident } => self.render_review(*incident).await,
            Outgoing::Output { incident, sha256 } => self.render_output(*incident, sha256).await,
            Outgoing::Form { trigger, form, .. } => {
                chat(ChatMessage::Form { trigger: trigger.clone(), form: form.clone() })
            }
            Outgoing::Look(look) if look.change.is_some() => {
                if let Some(change) = &look.change {
                    self.changed_meanwhile(look, change).await?;
                }
                Ok(Rendered::Obsolete)
            }
            Outgoing::Look(look) => chat(ChatMessage::Look {
                channel: look.channel.clone(),
                ts: look.ts.clone(),
                given: look.given.clone(),
            }),
            Outgoing::Reply { to, text, offers } => {
                let (to, text, offers) = (to.clone(), text.clone(), offers.clone());
                chat(ChatMessage::Reply { to, text, offers })
            }
            Outgoing::Pager { .. }
            | Outgoing::Change { .. }
            | Outgoing::Alert { .. }
            | Outgoing::ApprovalPage { .. }
            | Outgoing::ApprovalOver { .. } => Ok(Rendered::Obsolete),
        }
    }

    /// Who is invited when an incident's own channel opens: those who respond to incidents, and whom its severity pages. The
    /// others come when they are given something to do, or by themselves. To a private one, only those who may see it.
    fn comes_along(&self, person: &Person, incident: &Incident) -> bool {
        if incident.private {
            return may_see(person, incident);
        }
        let severity = self.settings().severities.default_scheme().get(&incident.severity);
        let roster = self.roster(&incident.service);
        let in_turn = |name: &String| roster.turn(name).is_some_and(|turn| turn.who == person.name);
        let is_paged = severity.is_some_and(|severity| {
            severity.page.iter().any(|name| in_turn(name) || person.stands_for(name))
                || severity.commander_rotation.as_ref().is_some_and(in_turn)
        });
        let responds = [Role::Commander, Role::Responder].iter().any(|role| person.roles.contains(role));
        responds || is_paged || may_see(person, incident)
    }

    /// Where people talk about it: as the pager says, else as is configured.
    fn bridge_of(&self, incident: &Incident) -> Option<String> {
        let configured =
            || self.settings().service(&incident.service).and_then(|service| service.bridge.clone());
        incident.bridge.url.clone().or_else(configured)
    }

    /// What stands at the top of an incident's own channel.
    fn bookmarks(&self, incident: &Incident) -> Vec<Bookmark> {
        let bridge = self.bridge_of(incident);
        let page = incident.pager.as_ref().and_then(|pager| pager.url.clone());
        let named =
            |title: &str, url: Option<String>| url.map(|url| Bookmark { title: title.to_owned(), url });
        named("Bridge", bridge).into_iter().chain(named("PagerDuty", page)).collect()
    }

    /// Whoever was given something to do in an incident that has a channel of its own is let in, if it is still theirs.
    async fn render_invite(&self, incident: IncidentId, who: &Actor) -> Result<Rendered, EngineError> {
        let Some(incident) = self.incident(incident).await? else { return Ok(Rendered::Obsolete) };
        let person = self.directory().person_of(who);
        let person = person.filter(|person| !incident.private || may_see(person, &incident));
        let Some(who) = person.and_then(|person| person.slack_id.clone()) else {
            return Ok(Rendered::Obsolete);
        };
        if !incident.status.is_open() || incident.channel_failed {
            return Ok(Rendered::Obsolete);
        }
        match incident.channel.clone().filter(|_| incident.in_own_channel) {
            Some(channel) => Ok(Rendered::Chat(Box::new(ChatMessage::Invite { channel, who }))),
            None if self.wants_own_channel(&incident) => Ok(Rendered::NotYet),
            None => Ok(Rendered::Obsolete),
        }
    }

    /// The shared channel of an incident with one of its own shows where that is. It is not one more place to be told in:
    /// where there is none, or its own did not open, nothing is missing.
    async fn render_brief(&self, id: IncidentId) -> Result<Rendered, EngineError> {
        let Some(incident) = self.incident(id).await? else { return Ok(Rendered::Obsolete) };
        let Some(home) = incident.channel.clone().filter(|_| incident.in_own_channel && !incident.private)
        else {
            return Ok(Rendered::Obsolete);
        };
        // A card that was on its way here when the incident moved is to take this place.
        if incident.card_ts.is_none() && self.store().outbox_waits(card_key(id)).await? {
            return Ok(Rendered::NotYet);
        }
        let (channel, ts) = match (incident.brief.clone(), self.shared_channel(&incident)) {
            (Some((channel, ts)), _) => (channel, Some(ts)),
            (None, Some(channel)) => (channel, None),
            (None, None) => return Ok(Rendered::Obsolete),
        };
        let view = view::brief(&incident, home);
        Ok(Rendered::Chat(Box::new(ChatMessage::Brief { channel, ts, view })))
    }

    async fn render_ask(&self, message: &Outgoing, key: &str) -> Result<Rendered, EngineError> {
        let Outgoing::Ask { incident, about, mention, at } = message else {
            return Ok(Rendered::Obsolete);
        };
        let Some(incident) = self.incident(*incident).await? else { return Ok(Rendered::Obsolete) };
        let look = self.look_of(&incident).await?;
        let Some(Asking { to, mention: wants, text, may_snooze }) =
            incident.still_asks(&look, about, self.now())
        else {
            return Ok(Rendered::Obsolete);
        };
        let channel = match self.channel_of(&incident) {
            Ok(channel) => channel,
            Err(rendered) => return Ok(rendered),
        };
        if self.waits_for_card(&incident).await? && about.urgency() != Urgency::Must {
            return Ok(Rendered::NotYet);
        }
        // What was late must not mention somebody beside what came after it. What something waits for does, in its turn.
        let asked = &incident.reminders;
        let is_newest = match pings::urgency(about) {
            Urgency::Must => asked.asked.get(about) == Some(at),
            _ => asked.pinged_at == Some(*at),
        };
        let person = to.as_ref().and_then(|to| self.directory().person_of(to));
        let who = person.and_then(|person| person.slack_id.clone());
        if !(*mention && wants && is_newest) {
            self.inner.pings.release(key);
        }
        let mention = match who.filter(|_| *mention && wants && is_newest) {
            Some(who) => match self.inner.pings.turn(&who, key, pings::urgency(about), self.now()) {
                Turn::Now => Some(who),
                Turn::At(at) => return Ok(Rendered::At(at)),
                Turn::Silent => None,
            },
            None => None,
        };
        let text = match (to, &mention) {
            (Some(to), None) => format!("{to}: {text}"),
            _ => text,
        };
        Ok(Rendered::Chat(Box::new(ChatMessage::Ask {
            channel,
            thread: incident.thread(),
            mention,
            text,
            snooze: may_snooze.then(|| incident.number.to_string()),
        })))
    }

    /// Whether what belongs below the incident's card has to wait: the card is not there, and is still to come. A plan waits
    /// for no card: somebody has to decide.
    pub(crate) async fn waits_for_card(&self, incident: &Incident) -> Result<bool, EngineError> {
        Ok(incident.card_ts.is_none() && self.store().outbox_waits(card_key(incident.id)).await?)
    }

    async fn render_review(&self, id: IncidentId) -> Result<Rendered, EngineError> {
        let Some(incident) = self.incident(id).await? else { return Ok(Rendered::Obsolete) };
        let channel = match self.channel_of(&incident) {
            Ok(channel) => channel,
            Err(rendered) => return Ok(rendered),
        };
        if self.waits_for_card(&incident).await? {
            return Ok(Rendered::NotYet);
        }
        let (Some(file), Some(sha256)) = (&incident.review_file, &incident.review_sha256) else {
            return Ok(Rendered::Obsolete);
        };
        let Some(bytes) = self.store().blob(sha256.clone()).await? else { return Ok(Rendered::Obsolete) };
        Ok(Rendered::Chat(Box::new(ChatMessage::Upload {
            channel,
            thread: incident.card_ts.clone(),
            filename: file.clone(),
            title: format!("Post-incident review of {}", incident.number),
            comment: format!(
                "The post-incident review of {} is drafted: every statement names the event that proves it. \
                 What only people know is marked as unknown.",
                incident.number
            ),
            content: String::from_utf8_lossy(&bytes).into_owned(),
        })))
    }

    pub(crate) async fn incident(&self, id: IncidentId) -> Result<Option<Incident>, EngineError> {
        Ok(load_incident(self.store(), id).await?.map(|loaded| loaded.state))
    }

    async fn runs_of(&self, incident: &Incident) -> Result<Vec<Run>, EngineError> {
        let mut runs = Vec::new();
        for link in &incident.runs {
            runs.extend(load_run(self.store(), link.run).await?.map(|loaded| loaded.state));
        }
        Ok(runs)
    }

    async fn run_and_incident(&self, id: RunId) -> Result<Option<(Run, Option<Incident>)>, EngineError> {
        let Some(loaded) = load_run(self.store(), id).await? else { return Ok(None) };
        let incident = match loaded.state.incident {
            Some(incident) => self.incident(incident).await?,
            None => None,
        };
        Ok(Some((loaded.state, incident)))
    }

    /// Whether an incident is one for which a channel is opened.
    fn wants_own_channel(&self, incident: &Incident) -> bool {
        incident.private || self.settings().channel_per_incident.contains(&incident.severity)
    }

    /// Where an incident is talked about: its own channel, else its service's, else its severity's.
    pub(crate) fn channel_of(&self, incident: &Incident) -> Result<String, Rendered> {
        if let Some(channel) = &incident.channel {
            return Ok(channel.clone());
        }
        let shared = self.shared_channel(incident).filter(|_| !incident.private);
        if self.wants_own_channel(incident) && !incident.channel_failed {
            // In a storm, or where something on the way to it is held back, its own channel is minutes away: until then it is
            // led where everybody sees it.
            let delay = self.inner.parts.chat.as_ref().and_then(|chat| chat.channel_delay());
            let is_late = self.now() - incident.opened_at > CHANNEL_LATE;
            return match shared {
                Some(shared) if is_late || delay.is_some_and(|delay| delay > CHANNEL_PATIENCE) => Ok(shared),
                _ => Err(Rendered::NotYet),
            };
        }
        if incident.private {
            // Where others read along is no place for it.
            return Err(Rendered::Nowhere);
        }
        shared.ok_or(Rendered::Nowhere)
    }

    /// The channel that an incident shares with others: its service's, else its severity's.
    fn shared_channel(&self, incident: &Incident) -> Option<String> {
        let settings = self.settings();
        let of_service = settings.service(&incident.service).and_then(|service| service.channel.clone());
        let severity = settings.severities.default_scheme().get(&incident.severity);
        of_service.or_else(|| severity.and_then(|severity| severity.channels.first().cloned()))
    }

    /// Where a run is shown that serves no incident: in the channel of what it changes, else of the severity that this usually
    /// has, else where the least urgent things are told.
    fn channel_of_target(&self, target: &str) -> Option<String> {
        let settings = self.settings();
        let service = settings.service(target);
        let scheme = settings.severities.default_scheme();
        let usual = service.and_then(|service| scheme.get(service.severity.as_deref()?));
        let told = usual.into_iter().chain(scheme.severities.iter().rev());
        let of_service = service.and_then(|service| service.channel.clone());
        of_service.or_else(|| told.filter_map(|severity| severity.channels.first()).next().cloned())
    }

    fn channel_for(&self, run: &Run, incident: Option<&Incident>) -> Result<String, Rendered> {
        match incident {
            Some(incident) => self.channel_of(incident),
            None => self.channel_of_target(&run.plan.target).ok_or(Rendered::Nowhere),
        }
    }
}

/// A number that belongs to one attempt of one message.
fn spread(key: &str, attempt: u32) -> u64 {
    let digest = Sha256::digest(format!("{attempt}/{key}"));
    digest.first_chunk().map_or(0, |first: &[u8; 8]| u64::from_be_bytes(*first))
}

/// `inc-12-flowengine`: lowercase letters, digits and dashes, at most 80 characters.
fn channel_name(incident: &Incident) -> String {
    let service: String = incident
        .service
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(60)
        .collect();
    format!("inc-{}-{}", incident.number.0, service.trim_matches('-'))
}
