//! Asking one person more: the next of the severity's steps, or whom somebody names.

use runbook_core::ids::IncidentId;
use runbook_core::incident::{Escalate, Incident, IncidentCommand, IncidentEvent, PagedOver};
use runbook_core::people::{Actor, Person};
use runbook_core::ports::{CallPage, OutboxRow, PageUrgency, PagerCall};
use runbook_core::request::Request;
use serde_json::json;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::{Asker, Origin, Reply};
use crate::said::Said;
use crate::sees::may_see;

/// Who can be asked, and which step of the severity they stand for.
struct Candidate<'a> {
    person: &'a Person,
    step: Option<String>,
}

impl Candidate<'_> {
    fn words(&self) -> String {
        match &self.step {
            Some(step) => format!("{} ({step})", self.person.name),
            None => self.person.name.clone(),
        }
    }
}

impl Engine {
    /// Pages one person more, and asks them to come.
    pub(crate) async fn escalate(
        &self,
        request: &Request,
        asker: &Asker,
        origin: &Origin,
    ) -> Result<Reply, EngineError> {
        let Request::Escalate { incident, who, reason } = request else {
            return Err(EngineError::Refused("that asks nobody".to_owned()));
        };
        self.require_known(asker, "escalate")?;
        let row = self.find_incident(incident.as_deref(), asker).await?;
        let Some(loaded) = load_incident(self.store(), row.id).await? else {
            return Err(EngineError::NotFound(format!("there is no incident {}", row.number)));
        };
        let incident = loaded.state;
        if incident.private {
            self.may_call_to_private(&incident, asker)?;
        }
        let reason = match reason.as_deref() {
            Some(reason) => Some(self.said(Said::Reason, reason)?),
            None => None,
        };
        if who.is_none() {
            self.no_name_in_front(reason.as_deref())?;
        }
        let left = self.left_to_ask(&incident, &asker.actor);
        let chosen = match who.as_deref() {
            Some(named) => self.named_or_on_duty(named, &incident, asker)?,
            None => left.into_iter().next().ok_or_else(|| self.nobody_left(&incident))?,
        };
        let to = Actor::Person(chosen.person.name.clone());
        if to == asker.actor {
            return Err(EngineError::Refused(format!(
                "{to} is you; hint: `escalate to @NAME`, or `escalate` alone for the next one"
            )));
        }
        let is_again = incident.passed.asked_lately(&to, self.now());
        let page = self.page_for(&incident, chosen.person);
        let next = self
            .left_to_ask(&incident, &asker.actor)
            .into_iter()
            .find(|one| one.person.name != chosen.person.name);
        let next_words = next.as_ref().map_or_else(
            || format!("nobody is left of the steps of {}", incident.severity),
            |next| format!("`escalate` reaches {} next", next.words()),
        );
        let text = if is_again {
            format!(
                "{} was asked less than a minute ago, and is not paged again; {next_words}.",
                chosen.words()
            )
        } else {
            format!(
                "{} is asked to come{}; {next_words}.",
                chosen.words(),
                self.how_paged(chosen.person, page.as_ref())
            )
        };
        let data = json!({
            "to": chosen.person.name,
            "step": chosen.step,
            "paged": page.is_some() && !is_again,
            "next": next.as_ref().map(|next| json!({ "to": next.person.name, "step": next.step })),
        });
        let command = IncidentCommand::Escalate(Box::new(Escalate {
            by: asker.actor.clone(),
            to,
            step: chosen.step,
            reason,
            page,
            // only somebody with standing comes so far
            shown: incident.private && who.is_some(),
            unanswered_min: None,
        }));
        let reply = self.on_record(&row, &command, origin, &text).await?;
        Ok(Reply { text: reply.text, data: json!({ "incident": reply.data, "escalated": data }) })
    }

    /// Whoever calls somebody to a private incident has to see it, and to have standing.
    fn may_call_to_private(&self, incident: &Incident, asker: &Asker) -> Result<(), EngineError> {
        self.require_standing(asker, "call anybody to a private incident")?;
        let sees = self.directory().person_of(&asker.actor).is_none_or(|person| may_see(person, incident));
        if sees {
            return Ok(());
        }
        Err(EngineError::Forbidden(format!(
            "{} is private; hint: whoever is named in it calls others",
            incident.number
        )))
    }

    /// `escalate ben is asleep` may mean either: it is asked for, before the wrong one is woken.
    fn no_name_in_front(&self, reason: Option<&str>) -> Result<(), EngineError> {
        let first = reason.and_then(|reason| reason.split_whitespace().next()).unwrap_or_default();
        // `ben, wake up`, `(ben)`, `ben's phone is off`: all of them name ben.
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@');
        let first = first.trim_start_matches(|c: char| !is_part(c));
        let first = first.split(|c: char| !is_part(c)).next().unwrap_or_default();
        let first = first.trim_matches(['.', '-', '_', '@']);
        let is_somebody = self.directory().named(first).is_some() || self.on_duty(first).next().is_some();
        if !is_somebody {
            return Ok(());
        }
        Err(EngineError::Refused(format!(
            "{first} can be asked, and it is not clear whether that is meant: nobody is paged; hint: `escalate to {first} WHY`, or begin the reason with another word"
        )))
    }

    fn on_duty<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Person> {
        self.directory().people().iter().filter(move |person| person.stands_for(name))
    }

    /// The people of the severity's steps who have not been asked, in their order.
    fn left_to_ask<'a>(&'a self, incident: &Incident, asker: &Actor) -> Vec<Candidate<'a>> {
        let severity = self.settings().severities.default_scheme().get(&incident.severity);
        let mut left: Vec<Candidate<'_>> = Vec::new();
        for step in severity.into_iter().flat_map(|severity| &severity.escalation) {
            // Whoever is on call when it begins, the pager has called.
            if step.after_s == 0 && incident.pager.is_some() {
                continue;
            }
            for name in &step.who {
                for person in self.on_duty(name) {
                    let actor = Actor::Person(person.name.clone());
                    let is_there = actor == *asker
                        || incident.commander.as_ref().is_some_and(|commander| commander.who == actor)
                        || incident.passed.escalated.contains_key(&actor)
                        || left.iter().any(|known| known.person.name == person.name);
                    if !is_there && (!incident.private || may_see(person, incident)) {
                        left.push(Candidate { person, step: Some(name.clone()) });
                    }
                }
            }
        }
        left
    }

    fn nobody_left(&self, incident: &Incident) -> EngineError {
        EngineError::NotFound(format!(
            "nobody is left to ask by the steps of {}; hint: `escalate to @NAME`, and `oncall` names people",
            incident.severity
        ))
    }

    /// A person by name, else the first who stands for a duty and was not asked yet.
    fn named_or_on_duty<'a>(
        &'a self,
        named: &str,
        incident: &Incident,
        asker: &Asker,
    ) -> Result<Candidate<'a>, EngineError> {
        if let Ok(person) = self.person_meant(named, asker) {
            return Ok(Candidate { person, step: None });
        }
        let duty = named.trim_start_matches('@').to_lowercase();
        let actor = |person: &Person| Actor::Person(person.name.clone());
        let mut on_duty: Vec<&Person> = self
            .directory()
            .people()
            .iter()
            .filter(|person| person.stands_for(&duty) && actor(person) != asker.actor)
            .collect();
        on_duty.sort_by_key(|person| incident.passed.escalated.contains_key(&actor(person)));
        match on_duty.into_iter().next() {
            Some(person) => Ok(Candidate { person, step: Some(duty) }),
            // says who could be named
            None => self.person_meant(named, asker).map(|person| Candidate { person, step: None }),
        }
    }

    /// How somebody is paged about an incident; `None` where no pager knows of it.
    pub(crate) fn page_for(&self, incident: &Incident, person: &Person) -> Option<PagedOver> {
        self.page_over(incident, person.pagerduty_email.clone())
    }

    /// The same for whoever has this e-mail there, and for whoever is on call without one.
    pub(crate) fn page_over(&self, incident: &Incident, email: Option<String>) -> Option<PagedOver> {
        if !self.settings().has_pager {
            return None;
        }
        let service = self.pager_service(incident);
        let urgency = PageUrgency::High;
        (incident.pager.is_some() || service.is_some()).then_some(PagedOver { email, service, urgency })
    }

    /// The same where nobody asks for it: what the severity says is not urgent can wait until they are up.
    pub(crate) fn page_unasked(&self, incident: &Incident, email: Option<String>) -> Option<PagedOver> {
        let urgency = self.settings().severities.default_scheme().page_urgency(&incident.severity);
        self.page_over(incident, email).map(|page| PagedOver { urgency, ..page })
    }

    /// The pager's service for an incident that the pager does not know itself.
    pub(crate) fn pager_service(&self, incident: &Incident) -> Option<String> {
        let service = self.settings().service(&incident.service);
        service.filter(|_| incident.pager.is_none()).and_then(|service| service.pagerduty_id.clone())
    }

    /// The pager has refused a page for good: those who count on it are told, by name.
    pub(crate) async fn page_failed(
        &self,
        row: &OutboxRow,
        incident: IncidentId,
        call: &PagerCall,
        reason: String,
    ) -> Result<(), EngineError> {
        let (Some(loaded), PagerCall::Page { key, to, .. }) =
            (load_incident(self.store(), incident).await?, call)
        else {
            return self.bury(row, reason).await;
        };
        let number = loaded.state.number;
        let on_call = || "whoever is on call for the service".to_owned();
        let asked = loaded.events.iter().find_map(|envelope| match &envelope.event {
            IncidentEvent::Escalated { to, .. }
                if CallPage::of_key(key) == Some(CallPage { incident, seq: envelope.seq }) =>
            {
                Some((to, &envelope.actor))
            }
            _ => None,
        });
        let (whom, text) = match asked {
            Some((who, by)) => {
                let whom = to.as_ref().map_or_else(on_call, |_| who.to_string());
                let though = match by {
                    Actor::System(_) => "though nobody has acknowledged".to_owned(),
                    by => format!("though {by} asked for {who}"),
                };
                let text = format!(
                    "{number}: {whom} was NOT paged, {though}: {reason}. Call {who}, or `/blocks escalate {number} to @NAME` asks another."
                );
                (whom, text)
            }
            None => {
                let whom = on_call();
                let text = format!("{number}: {whom} was NOT paged: {reason}. Call somebody.");
                (whom, text)
            }
        };
        let command = IncidentCommand::RecordPageFailure { whom, reason: reason.clone(), text };
        self.change_incident(incident, &command, &Origin::engine(), None).await?;
        self.bury(row, reason).await
    }

    fn how_paged(&self, person: &Person, page: Option<&PagedOver>) -> String {
        match page {
            Some(PagedOver { email: Some(_), .. }) => ", and a page is on its way".to_owned(),
            Some(PagedOver { email: None, .. }) => format!(
                ", and a page is on its way to whoever is on call for the service, because {} has no `pagerduty_email` in blocks.toml",
                person.name
            ),
            None if self.settings().has_pager => {
                ", and not paged: PagerDuty knows neither the incident nor its service".to_owned()
            }
            None => ", and not paged: no pager is configured".to_owned(),
        }
    }
}
