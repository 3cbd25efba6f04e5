//! Drafts shown in chat, and what a person has sent on its ways.

use chrono::Duration;
use runbook_core::ids::{DraftId, IncidentId};
use runbook_core::incident::{Incident, IncidentCommand, IncidentEvent};
use runbook_core::message::ChatMessage;
use runbook_core::ports::{
    ChatReceipt, Letter, OutboxResult, OutboxRow, Published, SendError, StatusPage, StatusPost,
};
use runbook_core::update::{Arrival, DraftState, Held, UpdateCommand, Way, view};

use crate::deliver::Rendered;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::Origin;

/// What did not leave for so long leaves no more: it tells of what was.
const TOO_OLD_H: i64 = 24;
/// Most merges, one behind the other, that are followed.
const MERGES_MAX: usize = 16;

/// What a try to let an update leave came to.
enum Tried {
    There(Arrival),
    /// The page does not know this incident any more.
    Gone(String),
}

impl Engine {
    /// The draft's message.
    pub(crate) async fn render_draft(
        &self,
        incident: IncidentId,
        draft: DraftId,
    ) -> Result<Rendered, EngineError> {
        let Some(incident) = self.incident(incident).await? else { return Ok(Rendered::Obsolete) };
        let Some(held) = incident.drafts.get(draft) else { return Ok(Rendered::Obsolete) };
        let (channel, ts) = match &held.message {
            Some((channel, ts)) => (channel.clone(), Some(ts.clone())),
            None => match self.channel_of(&incident) {
                Ok(channel) => (channel, None),
                Err(rendered) => return Ok(rendered),
            },
        };
        let thread = incident.thread();
        let view = view(&incident, held, &self.settings().updates.send_public);
        Ok(Rendered::Chat(Box::new(ChatMessage::Draft { channel, ts, thread, view })))
    }

    /// What was sent, for a channel of the chat.
    pub(crate) async fn render_update(
        &self,
        incident: IncidentId,
        draft: DraftId,
        way: u32,
    ) -> Result<Rendered, EngineError> {
        let Some(incident) = self.incident(incident).await? else { return Ok(Rendered::Obsolete) };
        let Some((held, Way::Slack { channel })) = sent(&incident, draft, way) else {
            return Ok(Rendered::Obsolete);
        };
        let (channel, thread) = match channel {
            Some(channel) => (channel.clone(), None),
            None => match self.channel_of(&incident) {
                Ok(channel) => (channel, incident.thread()),
                Err(rendered) => return Ok(rendered),
            },
        };
        let text = format!("{}\n\n{}", held.draft.subject, held.draft.text);
        Ok(Rendered::Chat(Box::new(ChatMessage::Note { channel, thread, text })))
    }

    /// Sends what a person has sent, where the chat is not the way. `None`: the chat is.
    pub(crate) async fn deliver_update(
        &self,
        row: &OutboxRow,
        (incident, draft, way): (IncidentId, DraftId, u32),
    ) -> Result<Option<()>, EngineError> {
        let Some(state) = self.incident(incident).await? else {
            return self.settle(row, OutboxResult::Sent).await.map(Some);
        };
        // Rendered from the journal: what is not on record as sent does not leave, whatever asks for it.
        let Some((held, place)) = sent(&state, draft, way) else {
            return self.settle(row, OutboxResult::Sent).await.map(Some);
        };
        if held.deliveries.contains_key(&way) {
            return self.settle(row, OutboxResult::Sent).await.map(Some);
        }
        if let DraftState::Sent { at, .. } = &held.state
            && self.now() > *at + Duration::hours(TOO_OLD_H)
        {
            let reason = format!(
                "it did not leave within {TOO_OLD_H} h and is too old now; `blocks doctor` looks at the mail server and the page"
            );
            self.update_failed(incident, draft, way, reason.clone()).await?;
            return self.bury(row, reason).await.map(Some);
        }
        let parts = &self.inner.parts;
        let result = match place {
            Way::Slack { .. } => return Ok(None),
            Way::Mail { to } => {
                let Some(mail) = parts.mail.clone() else {
                    return self.leave(row, "no e-mail is configured here").await.map(Some);
                };
                let letter = Letter {
                    to: to.clone(),
                    subject: held.draft.subject.clone(),
                    text: held.draft.text.clone(),
                    thread: incident.to_string(),
                };
                self.store().outbox_attempt(row.key.clone(), None).await?;
                mail.send(&row.key, row.attempts + 1, &letter).await.map(Tried::There)
            }
            Way::StatusPage { status, impact, component } => {
                let Some(page) = parts.status_page.clone() else {
                    return self.leave(row, "no status page is configured here").await.map(Some);
                };
                let post = StatusPost {
                    on_page: None,
                    name: held.draft.subject.clone(),
                    body: held.draft.text.clone(),
                    status: *status,
                    impact: *impact,
                    component: component.as_ref().map(|one| (one.id.clone(), one.status)),
                };
                self.store().outbox_attempt(row.key.clone(), None).await?;
                publish(page.as_ref(), row, &post, &state).await
            }
        };
        match result {
            Ok(Tried::Gone(page)) => {
                let reason = format!(
                    "Statuspage does not know {page} any more, somebody has deleted it there; it is forgotten here, and the next update begins a new one"
                );
                let gone = Some(page);
                let command = UpdateCommand::RecordFailure { draft, way, reason: reason.clone(), gone };
                self.record_update(incident, command).await?;
                self.bury(row, reason).await?;
            }
            Ok(Tried::There(arrival)) => {
                self.inner.metrics.count("blocks_outbox_sent_total", "to=\"updates\"".to_owned());
                self.update_arrived(incident, draft, way, arrival).await?;
                self.settle(row, OutboxResult::Sent).await?;
            }
            Err(SendError::Retry { after_ms, reason }) => self.again(row, after_ms, reason).await?,
            Err(SendError::Permanent { reason }) => {
                self.update_failed(incident, draft, way, reason.clone()).await?;
                self.bury(row, reason).await?;
            }
        }
        Ok(Some(()))
    }

    /// A draft's message is posted.
    pub(crate) async fn draft_posted(
        &self,
        incident: IncidentId,
        draft: DraftId,
        receipt: &ChatReceipt,
    ) -> Result<(), EngineError> {
        let (Some(channel), Some(ts)) = (&receipt.channel, &receipt.ts) else { return Ok(()) };
        let command = UpdateCommand::RecordPosted { draft, channel: channel.clone(), ts: ts.clone() };
        self.record_update(incident, command).await
    }

    /// What was sent has arrived.
    pub(crate) async fn update_arrived(
        &self,
        incident: IncidentId,
        draft: DraftId,
        way: u32,
        arrival: Arrival,
    ) -> Result<(), EngineError> {
        self.record_update(incident, UpdateCommand::RecordArrival { draft, way, arrival }).await?;
        self.page_goes_along(incident).await
    }

    /// What stands at the status page of an incident that has become part of another one is the other's from then on: also
    /// what arrived there only after the merge.
    pub(crate) async fn page_goes_along(&self, mut incident: IncidentId) -> Result<(), EngineError> {
        for _ in 0..MERGES_MAX {
            let Some(loaded) = load_incident(self.store(), incident).await? else { return Ok(()) };
            if loaded.state.end.is_none() {
                return Ok(());
            }
            let into = loaded.events.iter().rev().find_map(|envelope| match &envelope.event {
                IncidentEvent::MergedInto { id, .. } => Some(*id),
                _ => None,
            });
            let Some(into) = into else { return Ok(()) };
            for (page, status) in loaded.state.drafts.standing_on_page() {
                let from = loaded.state.number;
                let command = UpdateCommand::TakePage { page: page.to_owned(), status, from };
                self.record_update(into, command).await?;
            }
            incident = into;
        }
        Ok(())
    }

    /// What was sent never will.
    pub(crate) async fn update_failed(
        &self,
        incident: IncidentId,
        draft: DraftId,
        way: u32,
        reason: String,
    ) -> Result<(), EngineError> {
        self.record_update(incident, UpdateCommand::RecordFailure { draft, way, reason, gone: None }).await
    }

    async fn record_update(&self, incident: IncidentId, command: UpdateCommand) -> Result<(), EngineError> {
        let command = IncidentCommand::Update(command);
        self.change_incident(incident, &command, &Origin::engine(), None).await.map(|_| ())
    }
}

/// Publishes it for the incident, and for what came with incidents that have become part of it.
async fn publish(
    page: &dyn StatusPage,
    row: &OutboxRow,
    post: &StatusPost,
    incident: &Incident,
) -> Result<Tried, SendError> {
    let attempt = row.attempts + 1;
    let mut open = incident.drafts.open_on_page();
    let own = open.next();
    let first = StatusPost { on_page: own.map(str::to_owned), ..post.clone() };
    let arrival = match (page.publish(&row.key, attempt, &first).await?, own) {
        (Published::There(arrival), _) => arrival,
        (Published::Gone, own) => return Ok(Tried::Gone(own.unwrap_or_default().to_owned())),
    };
    for other in open {
        let post = StatusPost { on_page: Some(other.to_owned()), ..post.clone() };
        match page.publish(&format!("{}/{other}", row.key), attempt, &post).await {
            Ok(_) => {}
            Err(SendError::Permanent { reason }) => {
                let reason =
                    format!("published, but not for {other}, which came with a merged incident: {reason}");
                return Err(SendError::Permanent { reason });
            }
            Err(retry) => return Err(retry),
        }
    }
    Ok(Tried::There(arrival))
}

/// The draft and the way, when a person has sent it.
fn sent(incident: &Incident, draft: DraftId, way: u32) -> Option<(&Held, &Way)> {
    let held = incident.drafts.get(draft)?;
    let is_sent = matches!(held.state, DraftState::Sent { .. });
    let is_whole = held.draft.code == held.draft.code_for(incident.id);
    Some((held, held.way(way)?)).filter(|_| is_sent && is_whole)
}
