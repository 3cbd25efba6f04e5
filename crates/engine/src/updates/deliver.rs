//! Drafts shown in chat, and what a person has sent on its ways.

use runbook_core::ids::{DraftId, IncidentId};
use runbook_core::incident::{Incident, IncidentCommand};
use runbook_core::message::ChatMessage;
use runbook_core::ports::{ChatReceipt, Letter, OutboxResult, OutboxRow, SendError, StatusPost};
use runbook_core::update::{Arrival, DraftState, Held, UpdateCommand, Way, view};

use crate::deliver::Rendered;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::origin::Origin;

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
        let thread = self.own_thread(&incident);
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
                Ok(channel) => (channel, self.own_thread(&incident)),
                Err(rendered) => return Ok(rendered),
            },
        };
        let text = format!("{}\n\n{}", held.draft.subject, held.draft.text);
        Ok(Rendered::Chat(Box::new(ChatMessage::Note { channel, thread, text })))
    }

    /// In a channel that others share, the incident speaks in its card's thread.
    fn own_thread(&self, incident: &Incident) -> Option<String> {
        let is_own = self.has_own_channel(incident) && !incident.channel_failed;
        incident.card_ts.clone().filter(|_| !is_own)
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
                self.store().outbox_attempt(row.key.clone()).await?;
                mail.send(&row.key, row.attempts + 1, &letter).await
            }
            Way::StatusPage { status, impact, component } => {
                let Some(page) = parts.status_page.clone() else {
                    return self.leave(row, "no status page is configured here").await.map(Some);
                };
                let post = StatusPost {
                    on_page: state.drafts.open_on_page().map(str::to_owned),
                    name: held.draft.subject.clone(),
                    body: held.draft.text.clone(),
                    status: *status,
                    impact: *impact,
                    component: component.as_ref().map(|one| (one.id.clone(), one.status)),
                };
                self.store().outbox_attempt(row.key.clone()).await?;
                page.publish(&row.key, row.attempts + 1, &post).await
            }
        };
        match result {
            Ok(arrival) => {
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
        self.record_update(incident, UpdateCommand::RecordArrival { draft, way, arrival }).await
    }

    /// What was sent never will.
    pub(crate) async fn update_failed(
        &self,
        incident: IncidentId,
        draft: DraftId,
        way: u32,
        reason: String,
    ) -> Result<(), EngineError> {
        self.record_update(incident, UpdateCommand::RecordFailure { draft, way, reason }).await
    }

    async fn record_update(&self, incident: IncidentId, command: UpdateCommand) -> Result<(), EngineError> {
        let command = IncidentCommand::Update(command);
        self.change_incident(incident, &command, &Origin::engine(), None).await.map(|_| ())
    }
}

/// The draft and the way, when a person has sent it.
fn sent(incident: &Incident, draft: DraftId, way: u32) -> Option<(&Held, &Way)> {
    let held = incident.drafts.get(draft)?;
    let is_sent = matches!(held.state, DraftState::Sent { .. });
    let is_whole = held.draft.code == held.draft.code_for(incident.id);
    Some((held, held.way(way)?)).filter(|_| is_sent && is_whole)
}
