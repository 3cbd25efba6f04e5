//! The inbox: what came in durably is understood and acted on, each message once.

use runbook_core::choices;
use runbook_core::ids::RunId;
use runbook_core::journal::Cause;
use runbook_core::message::ReplyTo;
use runbook_core::people::{Actor, Credential};
use runbook_core::ports::{
    ChatSignal, Commit, CommitError, DEAD_LETTER, InboxItem, InboxOutcome, Signal, Translated,
};
use runbook_core::request::Request;
use runbook_core::run::Status;

use crate::alerts::Handed;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::origin::{Asker, Origin};
use crate::runs::load_run;

/// Messages taken up in one go.
const BATCH: usize = 64;
/// Alerts decided about in one go.
const ALERTS_AT_ONCE: usize = 2_000;

impl Engine {
    /// Acts on what is pending, oldest first; returns how many were dealt with.
    pub(crate) async fn process_inbox(&self) -> Result<usize, EngineError> {
        let items = self.understood().await?;
        let count = items.len();
        let (mut notices, mut alerts) = (Vec::new(), 0);
        for item in items {
            if self.is_draining() {
                return Ok(0);
            }
            let Some(translator) = self.inner.translators.get(item.source.as_str()) else { continue };
            match translator.translate(&item) {
                Translated::Signal(Signal::Alerts(notice)) => {
                    alerts += notice.alerts.len();
                    notices.push(Handed {
                        source: item.source,
                        id: item.id,
                        received_at: item.received_at,
                        notice,
                        settles: true,
                    });
                    if alerts >= ALERTS_AT_ONCE {
                        self.take_notices(&notices).await?;
                        notices.clear();
                        alerts = 0;
                    }
                }
                meaning => match self.process(&item, meaning).await {
                    // what waits now comes before the rest of these
                    Ok(true) => break,
                    Ok(false) => {}
                    Err(error) => self.kept_unless_passing(&item.source, &item.id, error).await?,
                },
            }
        }
        if !notices.is_empty() {
            self.take_notices(&notices).await?;
        }
        Ok(count)
    }

    /// Acts on notices of alerts together; where that fails, one after the other, so that only what cannot be acted on is kept.
    async fn take_notices(&self, notices: &[Handed]) -> Result<(), EngineError> {
        match self.alert_notices(notices).await {
            Err(error) if !error.is_passing() && notices.len() > 1 => {
                for notice in notices.chunks(1) {
                    if let Err(error) = self.alert_notices(notice).await {
                        let Some(one) = notice.first() else { continue };
                        self.kept_unless_passing(&one.source, &one.id, error).await?;
                    }
                }
                Ok(())
            }
            Err(error) => match notices.first() {
                Some(one) => self.kept_unless_passing(&one.source, &one.id, error).await,
                None => Ok(()),
            },
            Ok(()) => Ok(()),
        }
    }

    /// Nothing that was accepted is lost: it is kept, with the reason, for a person to look at; unless it can be tried again.
    async fn kept_unless_passing(
        &self,
        source: &str,
        id: &str,
        error: EngineError,
    ) -> Result<(), EngineError> {
        if error.is_passing() {
            return Err(error);
        }
        tracing::warn!(source, id, %error, "a message could not be acted on");
        self.count_dead_letter(source);
        let outcome = InboxOutcome::Kept { reason: format!("{DEAD_LETTER}could not be acted on: {error}") };
        let done = Some((source.to_owned(), id.to_owned(), outcome));
        match self.store().commit(Commit { inbox_done: done, ..Commit::default() }).await {
            // what had been dealt with before it failed
            Err(CommitError::Conflict(_)) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
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

    /// Acts on one message. `true` when others wait now that came before it.
    async fn process(&self, item: &InboxItem, meaning: Translated) -> Result<bool, EngineError> {
        match meaning {
            Translated::Signal(Signal::Pager(event)) => return self.pager_event(item, &event).await,
            Translated::Signal(Signal::Chat(signal)) => self.chat_signal(item, signal).await?,
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
            }
            Translated::Signal(Signal::Trigger(notice)) => self.trigger_turns(item, &notice).await?,
            Translated::Signal(Signal::Alerts(notice)) => {
                let (source, id) = (item.source.clone(), item.id.clone());
                let received_at = item.received_at;
                self.alert_notices(&[Handed { source, id, received_at, notice, settles: true }]).await?;
            }
            Translated::Signal(Signal::Mark(mark)) => self.chat_mark(item, mark).await?,
            Translated::Signal(Signal::Change(change)) => self.change_told(item, &change).await?,
            Translated::Ignored { kind } => self.keep(item, &format!("not acted on: {kind}")).await?,
            Translated::Unreadable { reason } => {
                self.count_dead_letter(&item.source);
                self.keep(item, &format!("{DEAD_LETTER}{reason}")).await?;
            }
        }
        Ok(false)
    }

    pub(crate) fn count_dead_letter(&self, source: &str) {
        // only sources that somebody here understands are taken up
        let labels = format!("source=\"{source}\"");
        self.inner.metrics.count("blocks_dead_letters_total", labels);
    }

    pub(crate) async fn keep(&self, item: &InboxItem, reason: &str) -> Result<(), EngineError> {
        let outcome = InboxOutcome::Kept { reason: reason.to_owned() };
        let commit =
            Commit { inbox_done: Some((item.source.clone(), item.id.clone(), outcome)), ..Commit::default() };
        Ok(self.store().commit(commit).await?)
    }

    pub(crate) async fn done(&self, item: &InboxItem) -> Result<(), EngineError> {
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
}
