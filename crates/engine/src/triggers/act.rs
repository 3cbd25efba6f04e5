//! What comes of a trigger's turn: an incident that is opened or joined, somebody who is paged, a plan, a line in a channel.
//!
//! The inbox message is settled last, with the line. Everything before it finds what it has done already when it is done again.

use std::collections::BTreeMap;

use chrono::Duration;
use runbook_core::ids::IncidentId;
use runbook_core::incident::{Escalate, IncidentCommand, IncidentEvent, OpenIncident, Word};
use runbook_core::journal::Cause;
use runbook_core::message::Outgoing;
use runbook_core::people::Actor;
use runbook_core::ports::{Commit, InboxItem, IncidentRow, Kept};
use runbook_core::rules::Facts;
use runbook_core::trigger::{Trigger, TriggerNotice, Turn};

use crate::early::Early;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::{Asker, Origin, Pace};
use crate::sees::may_see;

/// When a trigger's plan was made last is kept under its name behind this: the turn, and behind a line's end what is announced.
const PLAN_KEY: &str = "trigger-plan/";
/// How many incidents are looked through.
const LOOK: usize = 10_000;

impl Engine {
    /// Acts on what a trigger tells.
    pub(crate) async fn trigger_turns(
        &self,
        item: &InboxItem,
        notice: &TriggerNotice,
    ) -> Result<(), EngineError> {
        let settings = self.settings();
        let Some(trigger) = settings.triggers.iter().find(|one| one.name == notice.trigger) else {
            return self.keep(item, "a trigger that blocks.toml does not name any more").await;
        };
        let cause = Cause::Inbox { source: item.source.clone(), id: item.id.clone() };
        let origin = Origin::of(Actor::system("trigger"), cause);
        let text = notice.words(trigger);
        let mut line = text.clone();
        match (&notice.turn, trigger.severity.as_deref()) {
            (Turn::Fires { .. }, Some(severity)) => {
                let row = self.raise(trigger, severity, &text, &origin).await?;
                line = format!("{text}\n{} has it.", row.number);
                self.page_for_trigger(trigger, row.id, &origin).await?;
                self.plan_for_trigger(trigger, &row, &origin).await?;
            }
            (Turn::Resolves { .. }, Some(_)) => self.note_where_it_fired(trigger, &text, &origin).await?,
            // no channel is told of it: whoever is in its incident is
            (_, Some(_)) if self.is_told_privately(trigger) => {
                self.note_where_it_fired(trigger, &text, &origin).await?;
            }
            _ => {}
        }
        let mut commit = Commit::default();
        let now = self.now();
        let channel = trigger.channel.clone().or_else(|| self.channel_of_trigger(trigger, &notice.turn));
        if let Some(channel) = channel.filter(|_| !self.is_told_privately(trigger)) {
            let message = Outgoing::Notice { channel, text: line };
            self.enqueue(&mut commit, &message, &item.id, Pace::AtOnce, now);
        }
        Origin { inbox: Some((item.source.clone(), item.id.clone())), ..origin }.settle(
            &mut commit,
            None,
            now,
        );
        self.store().commit(commit).await?;
        self.touch();
        Ok(())
    }

    /// Where a trigger without a channel of its own is told of: what opens an incident is told there, the rest where its severity
    /// is, else where the least urgent things are.
    fn channel_of_trigger(&self, trigger: &Trigger, turn: &Turn) -> Option<String> {
        if trigger.severity.is_some() && matches!(turn, Turn::Fires { .. } | Turn::Resolves { .. }) {
            return None;
        }
        let scheme = self.settings().severities.default_scheme();
        let own = trigger.severity.as_deref().and_then(|severity| scheme.get(severity));
        let told = own.into_iter().chain(scheme.severities.iter().rev());
        told.filter_map(|severity| severity.channels.first()).next().cloned()
    }

    /// The service that a trigger's incident is of: the only one where it names none.
    fn service_of_trigger<'a>(&'a self, trigger: &'a Trigger) -> Option<&'a str> {
        match (&trigger.service, self.settings().services.as_slice()) {
            (Some(name), _) => Some(name),
            (None, [only]) if trigger.severity.is_some() => Some(&only.name),
            (None, _) => None,
        }
    }

    /// Whether its incident is private: it is told of there alone.
    pub(super) fn is_told_privately(&self, trigger: &Trigger) -> bool {
        self.service_of_trigger(trigger).is_some_and(|service| {
            let title = trigger.says.clone();
            let facts = Facts { service: service.to_owned(), title, ..Facts::default() };
            self.is_led_privately(service, &self.choose(&facts).chosen.triage)
        })
    }

    /// The triggers that somebody who asks may know of: those of a private service are for whoever sees every private incident.
    pub(crate) fn triggers_shown_to(&self, asker: &Asker) -> Vec<Trigger> {
        let sees_all = self.seer(asker).sees_all();
        let is_shown = |trigger: &&Trigger| sees_all || !self.is_told_privately(trigger);
        self.settings().triggers.iter().filter(is_shown).cloned().collect()
    }

    /// The incident that a firing trigger is about: the one that has this already, else an open one of its service, else a new one.
    async fn raise(
        &self,
        trigger: &Trigger,
        severity: &str,
        text: &str,
        origin: &Origin,
    ) -> Result<IncidentRow, EngineError> {
        let settings = self.settings();
        let service = self.service_of_trigger(trigger).unwrap_or("unknown service").to_owned();
        let facts = Facts { service: service.clone(), title: trigger.says.clone(), ..Facts::default() };
        let chosen = self.choose(&facts).chosen;
        let private = self.is_led_privately(&service, &chosen.triage);
        let (severity, target_s) = self.severity(severity)?;
        let rows = self.store().incidents(true, LOOK).await?;
        let mut open: Option<IncidentRow> = None;
        for row in rows.into_iter().filter(|row| row.service == service && row.private == private) {
            let Some(loaded) = load_incident(self.store(), row.id).await? else { continue };
            let has_it = loaded.events.iter().any(
                |one| matches!(&one.event, IncidentEvent::NoteAdded { text: noted, .. } if noted == text),
            );
            if has_it {
                return Ok(row);
            }
            open.get_or_insert(row);
        }
        if let Some(row) = open {
            let scheme = settings.severities.default_scheme();
            let more = scheme.more_severe(&row.severity, &severity) != row.severity;
            if more {
                let word = Word::Rule { why: format!("the trigger {} says so", trigger.name) };
                let command = IncidentCommand::ChangeSeverity { to: severity, target_s, word };
                self.change_incident(row.id, &command, origin, None).await?;
            }
            let command =
                IncidentCommand::AddNote { by: origin.actor.clone(), email: None, text: text.to_owned() };
            return Ok(self.change_incident(row.id, &command, origin, None).await?.row());
        }
        let now = self.now();
        let incident = self
            .open_incident(
                origin,
                &|id, number| OpenIncident {
                    id,
                    number,
                    severity: severity.clone(),
                    severity_reason: format!("the trigger {} says so", trigger.name),
                    target_s,
                    service: service.clone(),
                    title: trigger.says.clone(),
                    pager: None,
                    detected_at: now,
                    triage: !chosen.triage.is_empty(),
                    chosen: Some(Box::new(chosen.clone())),
                    private,
                    severity_guessed: false,
                    tells_pager: false,
                    note: Some(text.to_owned()),
                },
                None,
                &Early::default(),
            )
            .await?;
        Ok(incident.row())
    }

    /// Pages the one person whom the trigger names, where they were not asked already.
    async fn page_for_trigger(
        &self,
        trigger: &Trigger,
        id: IncidentId,
        origin: &Origin,
    ) -> Result<(), EngineError> {
        let Some(name) = &trigger.page else { return Ok(()) };
        let Some(loaded) = load_incident(self.store(), id).await? else { return Ok(()) };
        let incident = loaded.state;
        let roster = self.roster(&incident.service);
        let people = roster.stand_for(name, self.directory());
        let Some(person) = people.into_iter().find(|person| !incident.private || may_see(person, &incident))
        else {
            let text = format!(
                "trigger {}: nobody stands for {name}, so nobody is paged by it; `duties` in blocks.toml, or a [[rotation]], says who does",
                trigger.name
            );
            return self.note_once(&incident.row(), &text, origin).await;
        };
        let to = Actor::Person(person.name.clone());
        // that somebody has the incident says nothing of what came to it since
        if incident.passed.escalated.contains_key(&to) {
            return Ok(());
        }
        let command = IncidentCommand::Escalate(Box::new(Escalate {
            by: origin.actor.clone(),
            to,
            step: Some(name.clone()),
            reason: Some(trigger.says.clone()),
            page: self.page_for(&incident, person).filter(|page| page.email.is_some()),
            shown: false,
            unanswered_min: None,
        }));
        self.change_incident(id, &command, origin, None).await.map(|_| ())
    }

    /// Plans what the trigger names, at most once in its window, and proposes what it proposes. What may change anything waits for
    /// a person's yes, as anybody's plan does: whoever asked is nobody, and never approves.
    async fn plan_for_trigger(
        &self,
        trigger: &Trigger,
        row: &IncidentRow,
        origin: &Origin,
    ) -> Result<(), EngineError> {
        if let Some(name) = &trigger.propose {
            let own = self.settings().service(&row.service).and_then(|service| service.rollback.as_ref());
            let line = if own == Some(name) {
                format!("`/blocks runbook rollback {}`", row.service)
            } else {
                format!("`/blocks runbook run {name} --incident {}`", row.number)
            };
            let text = format!(
                "trigger {} proposes {name}: {line} plans it. Nothing is started by this.",
                trigger.name
            );
            self.note_once(row, &text, origin).await?;
        }
        let Some(name) = &trigger.plan else { return Ok(()) };
        let key = format!("{PLAN_KEY}{}", trigger.name);
        let last = self.store().kept(key.clone()).await?.into_iter().find(|kept| kept.key == key);
        let window = Duration::seconds(i64::from(trigger.window_s));
        let of_this = last.as_ref().and_then(|last| last.value.strip_prefix(&trigger_of(origin)));
        if let Some(rest) = of_this.filter(|rest| rest.is_empty() || rest.starts_with('\n')) {
            // the same turn once more is no second one, and may not have been announced
            return match rest.strip_prefix('\n') {
                Some(announced) => self.say_once(row, announced, origin).await,
                None => Ok(()),
            };
        }
        if let Some(last) = last.filter(|last| self.now() < last.at + window) {
            let text = format!(
                "trigger {}: {name} is not planned again: that was at {}, and once in {} is its limit",
                trigger.name,
                last.at.format("%H:%M UTC"),
                runbook_core::duration::for_people(u64::from(trigger.window_s))
            );
            return self.note_once(row, &text, origin).await;
        }
        let asker = Asker { actor: origin.actor.clone(), channel: None };
        let planned = match self.entry(name) {
            Ok(entry) => {
                self.new_run(&entry, (&BTreeMap::new(), None), Some(row.clone()), &asker, origin).await
            }
            Err(error) => Err(error),
        };
        let text = match planned {
            Ok(reply) => {
                let run = reply.data["id"].as_str().unwrap_or_default().to_owned();
                format!(
                    "trigger {} has planned {name}: {}. `/blocks runbook cancel {run}` stops it.",
                    trigger.name, reply.text
                )
            }
            Err(error) if error.is_passing() => return Err(error),
            // there is no plan, so the next turn may make one
            Err(error) => {
                let text = format!("trigger {}: {name} could not be planned: {error}", trigger.name);
                return self.say_once(row, &text, origin).await;
            }
        };
        let value = format!("{}\n{text}", trigger_of(origin));
        let kept = vec![Kept { key, at: self.now(), value }];
        self.store().commit(Commit { kept, ..Commit::default() }).await?;
        self.say_once(row, &text, origin).await
    }

    /// On the timeline of the open incidents that have that it fires.
    async fn note_where_it_fired(
        &self,
        trigger: &Trigger,
        text: &str,
        origin: &Origin,
    ) -> Result<(), EngineError> {
        let begins = format!("trigger {} fires: ", trigger.name);
        for row in self.store().incidents(true, LOOK).await? {
            let Some(loaded) = load_incident(self.store(), row.id).await? else { continue };
            let has_it = loaded.events.iter().any(
                |one| matches!(&one.event, IncidentEvent::NoteAdded { text, .. } if text.starts_with(&begins)),
            );
            if has_it {
                self.say_once(&row, text, origin).await?;
            }
        }
        Ok(())
    }

    /// A note on the timeline, once.
    async fn note_once(&self, row: &IncidentRow, text: &str, origin: &Origin) -> Result<(), EngineError> {
        self.once(row, text, false, origin).await
    }

    /// A note on the timeline and a line in its channel, once.
    async fn say_once(&self, row: &IncidentRow, text: &str, origin: &Origin) -> Result<(), EngineError> {
        self.once(row, text, true, origin).await
    }

    async fn once(
        &self,
        row: &IncidentRow,
        text: &str,
        aloud: bool,
        origin: &Origin,
    ) -> Result<(), EngineError> {
        let Some(loaded) = load_incident(self.store(), row.id).await? else { return Ok(()) };
        let is_there = loaded
            .events
            .iter()
            .any(|one| matches!(&one.event, IncidentEvent::NoteAdded { text: noted, .. } if noted == text));
        if !is_there {
            let command =
                IncidentCommand::AddNote { by: origin.actor.clone(), email: None, text: text.to_owned() };
            self.change_incident(row.id, &command, origin, None).await?;
        }
        // its key is the turn's: what left, or waits, is not said twice
        if aloud {
            let message = Outgoing::Note { incident: row.id, text: format!("{}: {text}", row.number) };
            let mut commit = Commit::default();
            self.enqueue(
                &mut commit,
                &message,
                &format!("{}/{}", trigger_of(origin), row.number),
                Pace::AtOnce,
                self.now(),
            );
            self.store().commit(commit).await?;
        }
        Ok(())
    }
}

/// What this turn is known by.
fn trigger_of(origin: &Origin) -> String {
    match &origin.cause {
        Cause::Inbox { id, .. } => id.clone(),
        _ => String::new(),
    }
}
