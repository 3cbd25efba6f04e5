//! What the pager tells of its incidents, and what that means for ours.

use runbook_core::ids::IncidentId;
use runbook_core::incident::{
    Incident, IncidentCommand, IncidentEvent, Joining, OpenIncident, PageSeverity, PagerRef, SAME_SERVICE,
    Word,
};
use runbook_core::journal::{Cause, Envelope};
use runbook_core::people::Actor;
use runbook_core::ports::{
    Answer, Commit, InboxItem, InboxOutcome, PagerEvent, PagerEventKind, PagerIncident,
};
use runbook_core::rules::Choice;

use crate::early::{self, Early};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::Origin;

/// What came of something that the pager tells.
pub(crate) enum Heeded {
    /// It is so here by now.
    Acted,
    /// It was so before.
    KnownAlready,
    /// It means nothing here, and why.
    Not(&'static str),
    /// It is about an incident that is not known here, and why that means nothing now.
    Early(&'static str),
    /// An incident is open by it. What was told before is to be acted on first, and then this, where it tells more than that.
    Opened,
}

impl Engine {
    /// Acts on what the pager has told. `true` when messages wait now that came before this one.
    pub(crate) async fn pager_event(
        &self,
        item: &InboxItem,
        event: &PagerEvent,
    ) -> Result<bool, EngineError> {
        let cause = Cause::Inbox { source: item.source.clone(), id: item.id.clone() };
        let origin = Origin {
            occurred_at: Some(event.occurred_at),
            inbox: Some((item.source.clone(), item.id.clone())),
            ..Origin::of(self.pager_actor(event).await, cause)
        };
        self.is_told(event);
        match self.heed(event, &origin, Some(item)).await? {
            Heeded::Acted => {}
            Heeded::KnownAlready => self.done(item).await?,
            Heeded::Not(why) => self.keep(item, why).await?,
            Heeded::Early(why) => {
                let outcome = InboxOutcome::Kept { reason: why.to_owned() };
                let inbox_done = Some((item.source.clone(), item.id.clone(), outcome));
                let kept = early::kept(item, event, self.now());
                self.store().commit(Commit { inbox_done, kept, ..Commit::default() }).await?;
            }
            Heeded::Opened => return Ok(true),
        }
        Ok(false)
    }

    /// Makes so here what has happened at the pager, as this message tells, or as was seen.
    pub(crate) async fn heed(
        &self,
        event: &PagerEvent,
        origin: &Origin,
        told_by: Option<&InboxItem>,
    ) -> Result<Heeded, EngineError> {
        // a webhook and a look that tell of the same page open one incident
        let _gate = self.inner.pager_gate.lock().await;
        if let PagerEventKind::CallAnswered(page) = &event.kind {
            return self.call_answered(*page, event.occurred_at, origin, told_by).await;
        }
        let known = self.incident_of_pager(&event.incident.id).await?;
        let id = match (known, &event.kind) {
            (Some(id), _) => id,
            (None, PagerEventKind::Triggered | PagerEventKind::Acknowledged | PagerEventKind::Reopened) => {
                let early = self.told_early(&event.incident.id).await?;
                // the pager has ended it since then, and told that first
                if told_by.is_some() && early.is_over_since(event.occurred_at) {
                    return Ok(Heeded::Early("told after the end of an incident that is not known here"));
                }
                let is_all = event.kind == PagerEventKind::Triggered;
                let opening = if is_all { origin.clone() } else { Origin { inbox: None, ..origin.clone() } };
                let opened = self.open_from_pager(event, &opening, &early).await?;
                match (is_all, told_by.is_some() && !early.is_empty()) {
                    (_, true) => return Ok(Heeded::Opened),
                    (true, false) => return Ok(Heeded::Acted),
                    (false, false) => opened,
                }
            }
            // About one that was over before Blocks knew it, or that is yet to be told.
            (None, _) => return Ok(Heeded::Early("about an incident that is not known here")),
        };
        if self.is_said_already(id, event, told_by.is_some()).await? {
            return Ok(Heeded::KnownAlready);
        }
        let actor = origin.actor.clone();
        let command = match &event.kind {
            PagerEventKind::Triggered | PagerEventKind::CallAnswered(_) => return Ok(Heeded::KnownAlready),
            PagerEventKind::Acknowledged => {
                IncidentCommand::Acknowledge { by: actor, via: "pagerduty".to_owned(), email: None }
            }
            PagerEventKind::Unacknowledged => {
                IncidentCommand::Unacknowledge { occurred_at: event.occurred_at }
            }
            PagerEventKind::Resolved => IncidentCommand::PagerResolved { occurred_at: event.occurred_at },
            PagerEventKind::Reopened => IncidentCommand::PagerReopened { occurred_at: event.occurred_at },
            PagerEventKind::MergedInto { other } => {
                return self.pager_merged(id, other, event, origin).await.map(|()| Heeded::Acted);
            }
            PagerEventKind::PriorityChanged => self.priority_change(event, told_by.is_some()),
            PagerEventKind::ServiceChanged => self.service_change(id, event).await?,
            PagerEventKind::BridgeChanged { url, numbers } => {
                IncidentCommand::ChangeBridge { url: url.clone(), numbers: numbers.clone() }
            }
            PagerEventKind::Responder { id, name, answer, message } => {
                let who = self.pager_user(id.as_deref(), name.as_deref()).await;
                responder(who, *answer, message.as_deref())
            }
            PagerEventKind::UpdateGiven { text } if text.trim().is_empty() => {
                return Ok(Heeded::Not("an update without words"));
            }
            PagerEventKind::UpdateGiven { text } => {
                IncidentCommand::GiveUpdate { by: actor, text: text.clone() }
            }
            PagerEventKind::Note { id, text } => IncidentCommand::NotePager {
                what: "note".to_owned(),
                text: Some(text.clone()),
                id: id.clone(),
            },
            PagerEventKind::Told { what, text } => note(what, text.as_ref()),
        };
        let IncidentCommand::Acknowledge { by, .. } = &command else {
            self.change_incident(id, &command, origin, None).await?;
            return Ok(Heeded::Acted);
        };
        // The message is dealt with when both are done. What a crash cuts off is done again, and what it has done is not: told late, it
        // would take what nobody has by the pager's account a second time.
        let has_taken = |one: &Envelope<IncidentEvent>| {
            one.cause == origin.cause && matches!(one.event, IncidentEvent::Acknowledged { .. })
        };
        let loaded = load_incident(self.store(), id).await?;
        let after = match loaded.filter(|loaded| told_by.is_some() && loaded.events.iter().any(has_taken)) {
            Some(loaded) => loaded.state,
            None => {
                self.change_incident(id, &command, &Origin { inbox: None, ..origin.clone() }, None).await?
            }
        };
        // told late, it took nothing: nobody acts by it
        if !after.waits_for_somebody() {
            self.commander_comes(id, by).await?;
        }
        if let Some(item) = told_by {
            self.done(item).await?;
        }
        Ok(Heeded::Acted)
    }

    /// Whether this is the pager's answer to what it was told, or older than what it has said since: a look sees how it is now.
    async fn is_said_already(
        &self,
        id: IncidentId,
        event: &PagerEvent,
        is_told: bool,
    ) -> Result<bool, EngineError> {
        let is_said_again = matches!(
            event.kind,
            PagerEventKind::Acknowledged
                | PagerEventKind::ServiceChanged
                | PagerEventKind::BridgeChanged { .. }
        );
        let Some(ours) = (if is_said_again { self.incident(id).await? } else { None }) else {
            return Ok(false);
        };
        let is_echo =
            event.kind == PagerEventKind::Acknowledged && self.is_echo_of_taking(&ours, event).await;
        Ok(is_echo || (is_told && ours.knows_later_word(&event.kind, event.occurred_at)))
    }

    fn priority_change(&self, event: &PagerEvent, is_told: bool) -> IncidentCommand {
        match self.severity_named(&event.incident) {
            Some(to) => {
                let target_s = self.settings().target_s(&to);
                let word = match is_told {
                    true => Word::Pager { occurred_at: event.occurred_at },
                    false => Word::Seen { looked_at: event.occurred_at },
                };
                IncidentCommand::ChangeSeverity { to, target_s, word }
            }
            None => note("priority_changed", event.incident.priority.as_ref()),
        }
    }

    /// The severity that the pager's priority is: the one whose priority is configured, or the one of its name.
    pub(crate) fn severity_named(&self, page: &PagerIncident) -> Option<String> {
        let settings = self.settings();
        let is_it = |(_, id): &(&String, &String)| page.priority_id.as_ref() == Some(*id);
        if let Some((severity, _)) = settings.pager_priorities.iter().find(is_it) {
            return Some(severity.clone());
        }
        let scheme = settings.severities.default_scheme();
        let name = page.priority.as_deref()?;
        // `P1 - Critical` is P1
        let first = name.split([' ', ':', '-', '(']).next().unwrap_or_default();
        scheme.get(name).or_else(|| scheme.get(first)).map(|severity| severity.id.clone())
    }

    /// The pager has made an incident a part of another one, and ended it. Where the other is known here it is so here, too;
    /// where that cannot be, it has ended.
    async fn pager_merged(
        &self,
        id: IncidentId,
        other: &str,
        event: &PagerEvent,
        origin: &Origin,
    ) -> Result<(), EngineError> {
        let ended = IncidentCommand::PagerResolved { occurred_at: event.occurred_at };
        // no alert of it comes or ends until it is the other's; what is read before that may not hold any more
        let _gate = self.inner.alert_gate.lock().await;
        let into = match self.incident_of_pager(other).await? {
            Some(into) if into != id => load_incident(self.store(), into).await?.map(|loaded| loaded.state),
            _ => None,
        };
        let from = load_incident(self.store(), id).await?.map(|loaded| loaded.state);
        let (Some(into), Some(from)) = (into, from) else {
            let text = format!("into PagerDuty incident {other}, which is not known here");
            // noted once, however often that is told or seen
            let noted = Some(format!("merged/{other}"));
            let command =
                IncidentCommand::NotePager { what: "merged".to_owned(), text: Some(text), id: noted };
            self.change_incident(id, &command, &Origin { inbox: None, ..origin.clone() }, None).await?;
            return self.change_incident(id, &ended, origin, None).await.map(|_| ());
        };
        // nothing of a private one becomes part of what others read
        if from.private != into.private {
            return self.change_incident(id, &ended, origin, None).await.map(|_| ());
        }
        let along = self.alerts_along(&from, &into).await?;
        let (other, occurred_at) = (into.number, event.occurred_at);
        let leave = IncidentCommand::PagerMerged { id: into.id, other, occurred_at };
        let take = IncidentCommand::TakeIn {
            id,
            other: from.number,
            title: from.title.clone(),
            on_page: from.drafts.pages_to_take(),
            alerts: along.told,
        };
        match self.change_incidents(&[(id, leave), (into.id, take)], &along.rows, origin, None).await {
            Ok(_) => self.page_goes_along(id).await,
            Err(error) if error.is_passing() => Err(error),
            // a run is left, or one of them is over
            Err(_) => self.change_incident(id, &ended, origin, None).await.map(|_| ()),
        }
    }

    /// It belongs to another service now: what is configured for that one counts, and nobody has looked at it yet.
    async fn service_change(
        &self,
        id: IncidentId,
        event: &PagerEvent,
    ) -> Result<IncidentCommand, EngineError> {
        let page = &event.incident;
        let known = page.service_id.as_deref().and_then(|id| self.settings().service_by_pager_id(id));
        let name = known.map(|service| service.name.clone()).or_else(|| page.service_name.clone());
        let ours = self.incident(id).await?.map(|ours| ours.service);
        Ok(match name {
            // that it was said is kept: what was said before may still come
            Some(to) if ours.as_ref() == Some(&to) => note(SAME_SERVICE, Some(&to)),
            Some(to) => {
                let chosen = self.choose(&self.facts_of(page)).chosen;
                let triage = !chosen.triage.is_empty() || self.rules_need_details();
                IncidentCommand::MoveToService { to, triage, chosen: Some(Box::new(chosen)) }
            }
            None => note("its service changed", None),
        })
    }

    pub(crate) async fn incident_of_pager(&self, pager_id: &str) -> Result<Option<IncidentId>, EngineError> {
        Ok(self.store().incident_of_pager(pager_id.to_owned()).await?.map(|row| row.id))
    }

    async fn open_from_pager(
        &self,
        event: &PagerEvent,
        origin: &Origin,
        early: &Early,
    ) -> Result<IncidentId, EngineError> {
        let settings = self.settings();
        let page = &event.incident;
        let facts = self.facts_of(page);
        let choice = self.choose(&facts);
        let service_name = facts.service;
        let private = self.is_led_privately(&service_name, &choice.chosen.triage);
        // an alert of the same that comes in this moment finds what is opened here
        let _gate = self.inner.alert_gate.lock().await;
        if let Some((incident, why)) = self.incident_of_page(page, &service_name, private).await? {
            // before it: what is cut off here finds them waiting, and once it is known they would be early no more
            let mut commit = Commit::default();
            self.wait_again(&mut commit, early).await?;
            if !commit.inbox_also.is_empty() {
                self.store().commit(commit).await?;
            }
            let joining = self.joining(page, &incident, why, &choice);
            let command = IncidentCommand::JoinPager(Box::new(joining));
            match self.change_incident(incident.id, &command, origin, None).await {
                Ok(joined) => return Ok(joined.id),
                Err(error) if error.is_passing() => return Err(error),
                // it has ended in this moment
                Err(_) => {}
            }
        }
        let opened = self
            .open_incident(
                origin,
                &|id, number| OpenIncident {
                    id,
                    number,
                    target_s: settings.target_s(&choice.severity),
                    severity: choice.severity.clone(),
                    severity_reason: choice.severity_reason.clone(),
                    service: service_name.clone(),
                    title: page.title.clone().unwrap_or_else(|| format!("PagerDuty incident {}", page.id)),
                    pager: Some(pager_ref(page)),
                    detected_at: page.created_at.unwrap_or(event.occurred_at),
                    triage: !choice.chosen.triage.is_empty() || self.rules_need_details(),
                    private,
                    severity_guessed: choice.severity_guessed,
                    // more people read there than a private one is for
                    tells_pager: settings.tells_pager && !private,
                    note: None,
                    chosen: Some(Box::new(choice.chosen.clone())),
                },
                None,
                early,
            )
            .await?;
        Ok(opened.id)
    }

    /// What a page means for the incident of alerts that it is about.
    fn joining(&self, page: &PagerIncident, incident: &Incident, why: String, choice: &Choice) -> Joining {
        let settings = self.settings();
        let scheme = settings.severities.default_scheme();
        let is_more = scheme.rank(&choice.severity) < scheme.rank(&incident.severity);
        let severity = (!choice.severity_guessed || is_more).then(|| PageSeverity {
            to: choice.severity.clone(),
            target_s: settings.target_s(&choice.severity),
            rule: choice.severity_guessed.then(|| choice.severity_reason.clone()),
        });
        let commander = incident.commander.as_ref().and_then(|one| self.directory().person_of(&one.who));
        Joining {
            pager: pager_ref(page),
            why,
            severity,
            // more people read there than a private one is for
            tells_pager: settings.tells_pager && !incident.private,
            email: commander.and_then(|person| person.pagerduty_email.clone()),
        }
    }
}

/// The pager's side of an incident, as it stays with it.
fn pager_ref(page: &PagerIncident) -> PagerRef {
    PagerRef { id: page.id.clone(), url: page.url.clone(), key: page.key.clone() }
}

/// Something for the record.
fn note(what: &str, text: Option<&String>) -> IncidentCommand {
    IncidentCommand::NotePager { what: what.to_owned(), text: text.cloned(), id: None }
}

/// Whoever was asked to come, or says whether they do.
fn responder(who: Actor, answer: Answer, message: Option<&str>) -> IncidentCommand {
    let text = message.map_or_else(|| who.to_string(), |message| format!("{who}: {message}"));
    IncidentCommand::HearResponder { text: Some(text), who, answer }
}
