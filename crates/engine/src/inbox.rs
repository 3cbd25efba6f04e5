//! The inbox: what came in durably is understood and acted on, each message once.

use std::time::Duration;

use runbook_core::choices;
use runbook_core::ids::{IncidentId, RunId};
use runbook_core::incident::{IncidentCommand, OpenIncident, PagerRef};
use runbook_core::journal::Cause;
use runbook_core::message::ReplyTo;
use runbook_core::people::{Actor, Credential};
use runbook_core::ports::{
    ChatSignal, Commit, InboxItem, InboxOutcome, PagerError, PagerEvent, PagerEventKind, Signal, Translated,
};
use runbook_core::request::Request;
use runbook_core::run::Status;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::origin::{Asker, Origin};
use crate::runs::load_run;

/// Messages taken up in one go.
const BATCH: usize = 64;
/// How many of the messages that nobody knew what to do with are looked at when a page comes.
const LATELY_KEPT: usize = 200;
/// How long the pager may take to say who acted; other messages wait meanwhile.
const WHO_PATIENCE: Duration = Duration::from_secs(3);

impl Engine {
    /// Acts on what is pending, oldest first; returns how many were dealt with.
    pub(crate) async fn process_inbox(&self) -> Result<usize, EngineError> {
        let items = self.understood().await?;
        let count = items.len();
        for item in items {
            if self.is_draining() {
                return Ok(0);
            }
            if let Err(error) = self.process(&item).await {
                if error.is_passing() {
                    return Err(error);
                }
                // Nothing that was accepted is lost: it is kept, with the reason, for a person to look at.
                tracing::warn!(source = %item.source, id = %item.id, %error, "a message could not be acted on");
                self.keep(&item, &error.to_string()).await?;
            }
        }
        Ok(count)
    }

    /// The oldest messages that this process understands. What only another configuration understands stays for it,
    /// and does not hold up the rest, however much of it there is.
    async fn understood(&self) -> Result<Vec<InboxItem>, EngineError> {
        let mut limit = BATCH;
        loop {
            let mut items = self.store().inbox_pending(limit).await?;
            let all = items.len() < limit;
            items.retain(|item| self.inner.translators.contains_key(item.source.as_str()));
            if all || !items.is_empty() {
                return Ok(items);
            }
            limit *= 2;
        }
    }

    async fn process(&self, item: &InboxItem) -> Result<(), EngineError> {
        let Some(translator) = self.inner.translators.get(item.source.as_str()) else {
            return Ok(());
        };
        match translator.translate(item) {
            Translated::Signal(Signal::Pager(event)) => self.pager_event(item, &event).await,
            Translated::Signal(Signal::Chat(signal)) => self.chat_signal(item, signal).await,
            Translated::Signal(Signal::Answer(answer)) => {
                let origin = Origin {
                    inbox: Some((item.source.clone(), item.id.clone())),
                    reply_to: Some(answer.reply_to),
                    ..Origin::engine()
                };
                let mut commit = Commit::default();
                origin.settle_with(&mut commit, Some(&answer.text), answer.offers, self.now());
                self.store().commit(commit).await?;
                self.touch();
                Ok(())
            }
            Translated::Signal(Signal::Mark(mark)) => self.chat_mark(item, mark).await,
            Translated::Ignored { kind } => self.keep(item, &format!("not acted on: {kind}")).await,
            Translated::Unreadable { reason } => {
                self.inner
                    .metrics
                    .count("blocks_dead_letters_total", format!("source=\"{}\"", translator.source()));
                self.keep(item, &format!("dead letter: {reason}")).await
            }
        }
    }

    async fn keep(&self, item: &InboxItem, reason: &str) -> Result<(), EngineError> {
        let outcome = InboxOutcome::Kept { reason: reason.to_owned() };
        let commit =
            Commit { inbox_done: Some((item.source.clone(), item.id.clone(), outcome)), ..Commit::default() };
        Ok(self.store().commit(commit).await?)
    }

    async fn done(&self, item: &InboxItem) -> Result<(), EngineError> {
        let commit = Commit {
            inbox_done: Some((item.source.clone(), item.id.clone(), InboxOutcome::Done)),
            ..Commit::default()
        };
        Ok(self.store().commit(commit).await?)
    }

    async fn chat_signal(&self, item: &InboxItem, signal: ChatSignal) -> Result<(), EngineError> {
        let credential = Credential::Slack { user_id: signal.user_id.clone() };
        let asker =
            Asker { actor: self.directory().actor(&credential), channel: Some(signal.channel.clone()) };
        let origin = Origin {
            actor: asker.actor.clone(),
            cause: Cause::Inbox { source: item.source.clone(), id: item.id.clone() },
            occurred_at: None,
            inbox: Some((item.source.clone(), item.id.clone())),
            reply_to: signal.reply_to.clone(),
            trigger: signal.trigger.clone(),
        };
        let mut signal = signal;
        // Several incidents may live in one channel, each in the thread of its card.
        if let Some(ReplyTo::Person { channel, thread: Some(thread), .. }) = &signal.reply_to
            && let Some(number) = self.incident_of_thread(channel, thread).await?
        {
            signal.request.name_incident(&number.to_string());
        }
        let handled = match self.still_asked(&signal, &asker).await {
            Ok(()) => self.handle(&signal.request, &asker, &origin).await.map(|_| ()),
            Err(over) => Err(over),
        };
        match handled {
            Ok(()) => Ok(()),
            Err(error) if error.is_passing() => Err(error),
            Err(error) => {
                // A refusal is an answer too, and the person gets it.
                let mut commit = Commit::default();
                origin.settle(&mut commit, Some(&error.to_string()), self.now());
                self.store().commit(commit).await?;
                self.touch();
                Ok(())
            }
        }
    }

    /// A button answers what stood beside it. A press that comes when that is decided, or when something else is asked, does
    /// nothing: a message is edited after what it shows, and Slack may be slow.
    async fn still_asked(&self, signal: &ChatSignal, asker: &Asker) -> Result<(), EngineError> {
        let (Some(asked), Some(run)) = (&signal.asked, signal.request.run()) else { return Ok(()) };
        // whoever is not known here does not learn how it stands
        if !matches!(asker.actor, Actor::Person(_)) {
            return Ok(());
        }
        let Some(loaded) = load_run(self.store(), RunId(run.parse().unwrap_or_default())).await? else {
            return Ok(());
        };
        let run = &loaded.state;
        let waits = matches!(run.status, Status::WaitingForApproval { .. });
        // whose yes comes too late, and why, is said by the one check of approvals
        let is_decided = matches!(signal.request, Request::RunbookApprove { .. }) && !waits;
        if is_decided || choices::asked(run).as_ref() == Some(asked) {
            return Ok(());
        }
        Err(EngineError::Refused(format!(
            "what this button answers is decided, and nothing was done: {} is {} now; hint: `/blocks runbook status {}` says what it asks, and what can be said",
            run.plan.title,
            run.word(),
            run.id
        )))
    }

    async fn pager_event(&self, item: &InboxItem, event: &PagerEvent) -> Result<(), EngineError> {
        let actor = self.pager_actor(event).await;
        let origin = Origin {
            actor: actor.clone(),
            cause: Cause::Inbox { source: item.source.clone(), id: item.id.clone() },
            occurred_at: Some(event.occurred_at),
            inbox: Some((item.source.clone(), item.id.clone())),
            reply_to: None,
            trigger: None,
        };
        let known = self.incident_of_pager(&event.incident.id).await?;
        let id = match (known, &event.kind) {
            (Some(id), _) => id,
            (None, kind) if *kind != PagerEventKind::Resolved && self.is_over_since(item, event).await? => {
                return self.keep(item, "told after the end of an incident that is not known here").await;
            }
            (None, PagerEventKind::Triggered | PagerEventKind::Acknowledged | PagerEventKind::Reopened) => {
                let opening = Origin { inbox: None, ..origin.clone() };
                let opening = if event.kind == PagerEventKind::Triggered { origin.clone() } else { opening };
                let opened = self.open_from_pager(event, &opening).await?;
                if event.kind == PagerEventKind::Triggered {
                    return Ok(());
                }
                opened
            }
            // About an incident that was over before Blocks knew it.
            (None, _) => return self.keep(item, "about an incident that is not known here").await,
        };
        let command = match &event.kind {
            PagerEventKind::Triggered => return self.done(item).await,
            PagerEventKind::Acknowledged => {
                IncidentCommand::Acknowledge { by: actor, via: "pagerduty".to_owned() }
            }
            PagerEventKind::Unacknowledged => IncidentCommand::Unacknowledge,
            PagerEventKind::Resolved => IncidentCommand::PagerResolved { occurred_at: event.occurred_at },
            PagerEventKind::Reopened => IncidentCommand::PagerReopened { occurred_at: event.occurred_at },
            PagerEventKind::MergedInto { other } => IncidentCommand::NotePager {
                what: "merged".to_owned(),
                text: Some(format!("merged into PagerDuty incident {other}")),
            },
            PagerEventKind::PriorityChanged => self.priority_change(event),
            PagerEventKind::Note { text } => {
                IncidentCommand::NotePager { what: "note".to_owned(), text: Some(text.clone()) }
            }
        };
        self.change_incident(id, &command, &origin, None).await.map(|_| ())
    }

    /// Whether the pager has ended this incident since that event, and told it first: nobody knew what it was about.
    async fn is_over_since(&self, item: &InboxItem, event: &PagerEvent) -> Result<bool, EngineError> {
        let Some(translator) = self.inner.translators.get(item.source.as_str()) else { return Ok(false) };
        let kept = self.store().dead_letters(LATELY_KEPT).await?;
        Ok(kept.iter().filter(|letter| letter.item.source == item.source).any(|letter| {
            matches!(translator.translate(&letter.item), Translated::Signal(Signal::Pager(end))
                if end.kind == PagerEventKind::Resolved
                    && end.incident.id == event.incident.id
                    && end.occurred_at >= event.occurred_at)
        }))
    }

    fn priority_change(&self, event: &PagerEvent) -> IncidentCommand {
        let known = event.incident.priority.as_deref().and_then(|name| {
            self.settings().severities.default_scheme().get(name).map(|severity| severity.id.clone())
        });
        match known {
            Some(to) => {
                let target_s = self.settings().target_s(&to);
                IncidentCommand::ChangeSeverity { to, target_s }
            }
            None => IncidentCommand::NotePager {
                what: "priority_changed".to_owned(),
                text: event.incident.priority.clone(),
            },
        }
    }

    /// Who acted at the pager. Their e-mail is asked of the pager; when it does not answer, the record says who it
    /// named, and nobody gets authority from it.
    async fn pager_actor(&self, event: &PagerEvent) -> Actor {
        let Some(id) = &event.agent_id else { return Actor::system("pagerduty") };
        let unknown = || Actor::Outside(format!("pagerduty:{}", event.agent_name.as_deref().unwrap_or(id)));
        let Some(pager) = &self.inner.parts.pager else { return unknown() };
        let asked = tokio::time::timeout(WHO_PATIENCE, pager.user_email(id)).await;
        let slow = || PagerError::Retry { after_ms: None, reason: "it took too long".to_owned() };
        match asked.unwrap_or_else(|_| Err(slow())) {
            Ok(Some(email)) => match self.directory().actor(&Credential::PagerDuty { email }) {
                Actor::Outside(_) => unknown(),
                known => known,
            },
            Ok(None) => unknown(),
            Err(error) => {
                tracing::warn!(%error, "PagerDuty did not say who acted");
                unknown()
            }
        }
    }

    async fn incident_of_pager(&self, pager_id: &str) -> Result<Option<IncidentId>, EngineError> {
        let rows = self.store().incidents(false, 10_000).await?;
        Ok(rows.iter().find(|row| row.pager_id.as_deref() == Some(pager_id)).map(|row| row.id))
    }

    async fn open_from_pager(&self, event: &PagerEvent, origin: &Origin) -> Result<IncidentId, EngineError> {
        let settings = self.settings();
        let page = &event.incident;
        let service = page.service_id.as_deref().and_then(|id| settings.service_by_pager_id(id));
        let (severity, severity_reason, severity_guessed) = self.severity_of(event);
        let service_name = service
            .map(|service| service.name.clone())
            .or_else(|| page.service_name.clone())
            .unwrap_or_else(|| "unknown service".to_owned());
        let private = self.is_led_privately(&service_name);
        let opened = self
            .open_incident(
                origin,
                &|id, number| OpenIncident {
                    id,
                    number,
                    target_s: settings.target_s(&severity),
                    severity: severity.clone(),
                    severity_reason: severity_reason.clone(),
                    service: service_name.clone(),
                    title: page.title.clone().unwrap_or_else(|| format!("PagerDuty incident {}", page.id)),
                    pager: Some(PagerRef { id: page.id.clone(), url: page.url.clone() }),
                    detected_at: page.created_at.unwrap_or(event.occurred_at),
                    triage: service.is_some_and(|service| service.triage.is_some()),
                    private,
                    severity_guessed,
                    note: None,
                },
                None,
            )
            .await?;
        Ok(opened.id)
    }

    /// The severity of a page, why, and whether nobody has named it. High urgency is never below P2 (the second of the scheme).
    fn severity_of(&self, event: &PagerEvent) -> (String, String, bool) {
        let settings = self.settings();
        let scheme = settings.severities.default_scheme();
        let service = event.incident.service_id.as_deref().and_then(|id| settings.service_by_pager_id(id));
        let named = event
            .incident
            .priority
            .as_deref()
            .and_then(|name| settings.severities.default_scheme().get(name));
        let configured = service
            .and_then(|service| service.severity.as_deref())
            .and_then(|id| settings.severities.default_scheme().get(id));
        let lowest = scheme.severities.last().map_or("P4", |severity| severity.id.as_str());
        let (id, reason) = match (named, configured) {
            (Some(severity), _) => (severity.id.as_str(), "PagerDuty's priority".to_owned()),
            (None, Some(severity)) => (severity.id.as_str(), "the service's default".to_owned()),
            (None, None) => (lowest, "nothing names a severity".to_owned()),
        };
        let floor = scheme.severities.get(1).map_or(lowest, |severity| severity.id.as_str());
        if event.incident.high_urgency == Some(true) && scheme.more_severe(id, floor) != id {
            let reason = format!("high urgency is never below {floor} ({reason} says {id})");
            return (floor.to_owned(), reason, true);
        }
        (id.to_owned(), reason, named.is_none())
    }
}
