//! What comes of a trigger's turn: an incident that is opened or joined, somebody who is paged, a plan, a line in a channel.
//!
//! The inbox message is settled last, with the line. Everything before it finds what it has done already when it is done again.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use runbook_core::alert::AlertRow;
use runbook_core::ids::IncidentId;
use runbook_core::incident::{Callee, Escalate, Incident, IncidentCommand, IncidentEvent, Rejection, Word};
use runbook_core::journal::{Cause, Envelope};
use runbook_core::message::Outgoing;
use runbook_core::people::Actor;
use runbook_core::ports::{Commit, InboxItem, InboxOutcome, IncidentRow, Kept, RowChange};
use runbook_core::run::Run;
use runbook_core::trigger::{Trigger, TriggerNotice, Turn, removed};
use runbook_core::view;

use super::alert::{begins_to_be_damped, is_held_back};
use super::look::begun_anew;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::{Asker, Origin, Pace};
use crate::ringing::Ringing;
use crate::runs::load_run;
use crate::streams::Loaded;

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
            return match &notice.turn {
                Turn::Removed { .. } => self.trigger_is_gone(item, &notice.trigger).await,
                _ => self.keep(item, "a trigger that blocks.toml does not name any more").await,
            };
        };
        if self.is_overtaken(&trigger.name, &notice.turn, item).await? {
            return self.keep(item, "its trigger has turned again since").await;
        }
        let cause = Cause::Inbox { source: item.source.clone(), id: item.id.clone() };
        let origin = Origin::of(Actor::system("trigger"), cause);
        let text = notice.words(trigger);
        let line = match &notice.turn {
            Turn::Fires { .. } => {
                let row = self.hear_turn(trigger, true, item).await?;
                self.fires(trigger, row, text, &origin).await?
            }
            Turn::FiresOn { incident, .. } => {
                let fired = self.row_of_trigger(&trigger.name).await?.is_some_and(|row| row.alert.firing);
                let row = self.hear_turn(trigger, true, item).await?;
                // opened again meanwhile, or still over: there it was told already, unless its end was taken for true
                let row = row.filter(|row| !fired || row.incident != Some(*incident));
                self.fires(trigger, row, text, &origin).await?
            }
            Turn::Resolves { .. } => {
                // before its incident may be over by it
                let before = self.row_of_trigger(&trigger.name).await?;
                if let Some(before) = before.filter(|row| !row.damped) {
                    self.note_where_it_fires(&before, &text, &origin).await?;
                }
                let row = self.hear_turn(trigger, false, item).await?;
                row.filter(|row| !is_held_back(row)).map(|row| self.with_damping(&row, text))
            }
            Turn::Counts { held_at, .. } => {
                if let Some(row) = self.row_of_trigger(&trigger.name).await? {
                    self.settle_rows(&[row], &origin).await?;
                }
                let Some(row) = self.row_of_trigger(&trigger.name).await? else {
                    return self.done(item).await;
                };
                // as it is now, whatever it was when that was handed in
                let (firing, since, held_at) = (row.alert.firing, row.turned_at, *held_at);
                let turn = Turn::Counts { firing, since, held_at };
                let text = TriggerNotice { turn, ..notice.clone() }.words(trigger);
                if firing {
                    self.fires(trigger, Some(row), text, &origin).await?
                } else {
                    (!is_held_back(&row)).then_some(text)
                }
            }
            // it is back, and is asked again
            Turn::Removed { .. } => return self.done(item).await,
            Turn::NoNumber { .. } | Turn::NoAnswer { .. } | Turn::Answers { .. } => {
                // no channel is told of it: whoever is in its incident is
                if self.is_told_privately(trigger)
                    && let Some(row) = self.row_of_trigger(&trigger.name).await?
                {
                    self.note_where_it_fires(&row, &text, &origin).await?;
                }
                Some(text)
            }
        };
        let mut commit = Commit::default();
        let now = self.now();
        let channel = trigger.channel.clone().or_else(|| self.channel_of_trigger(trigger, &notice.turn));
        if let Some(channel) = channel.filter(|_| !self.is_told_privately(trigger))
            && let Some(text) = line
        {
            let message = Outgoing::Notice { channel, text };
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

    /// Its alert ends, and its incident is left to people: nobody says whether that is over. Named again, it begins anew.
    async fn trigger_is_gone(&self, item: &InboxItem, name: &str) -> Result<(), EngineError> {
        let cause = Cause::Inbox { source: item.source.clone(), id: item.id.clone() };
        let origin = Origin::of(Actor::system("trigger"), cause);
        if let Some(row) = self.row_of_trigger(name).await? {
            self.note_where_it_fires(&row, &removed(name), &origin).await?;
        }
        let _gate = self.inner.alert_gate.lock().await;
        let fires = self.row_of_trigger(name).await?.filter(|row| row.firing || row.alert.firing);
        let given_up = fires.map(|mut row| {
            row.give_up(removed(name), self.now());
            RowChange::Alert(Box::new(row))
        });
        let rows = given_up.into_iter().collect();
        let kept = vec![begun_anew(name, self.now())?];
        let inbox_done = Some((item.source.clone(), item.id.clone(), InboxOutcome::Done));
        Ok(self.store().commit(Commit { rows, kept, inbox_done, ..Commit::default() }).await?)
    }

    /// What comes of it that it fires, by what the alerts' way has made of it; returns what its channel is told, where it is.
    async fn fires(
        &self,
        trigger: &Trigger,
        alert: Option<AlertRow>,
        text: String,
        origin: &Origin,
    ) -> Result<Option<String>, EngineError> {
        // one that is held back calls nobody and plans nothing; `incident explain` says why
        let Some(alert) = alert.filter(|alert| !is_held_back(alert)) else { return Ok(None) };
        let mut line = text.clone();
        if let Some(id) = alert.incident.filter(|_| alert.firing)
            && let Some(row) = self.raise(trigger, id, &text, origin).await?
        {
            line = format!("{text}\n{} has it.", row.number);
            self.page_for_trigger(trigger, row.id, alert.turned_at, origin).await?;
            self.plan_for_trigger(trigger, &row, origin).await?;
        }
        Ok(Some(self.with_damping(&alert, line)))
    }

    /// What is told, and that it is the last for a while where it comes and goes.
    fn with_damping(&self, alert: &AlertRow, text: String) -> String {
        if !begins_to_be_damped(alert) {
            return text;
        }
        let steady = self.settings().alerts.steady.num_seconds().unsigned_abs();
        format!(
            "{text}\nIt comes and goes, and is not told of again until it is steady for {}.",
            runbook_core::duration::for_people(steady)
        )
    }

    /// Where a trigger without a channel of its own is told of: what opens an incident is told there, the rest where its severity
    /// is, else where the least urgent things are.
    fn channel_of_trigger(&self, trigger: &Trigger, turn: &Turn) -> Option<String> {
        if trigger.severity.is_some()
            && matches!(
                turn,
                Turn::Fires { .. } | Turn::FiresOn { .. } | Turn::Resolves { .. } | Turn::Counts { .. }
            )
        {
            return None;
        }
        let scheme = self.settings().severities.default_scheme();
        let own = trigger.severity.as_deref().and_then(|severity| scheme.get(severity));
        let told = own.into_iter().chain(scheme.severities.iter().rev());
        told.filter_map(|severity| severity.channels.first()).next().cloned()
    }

    /// The triggers that somebody who asks may know of: those of a private service are for whoever sees every private incident.
    pub(crate) fn triggers_shown_to(&self, asker: &Asker) -> Vec<Trigger> {
        let sees_all = self.seer(asker).sees_all();
        let is_shown = |trigger: &&Trigger| sees_all || !self.is_told_privately(trigger);
        self.settings().triggers.iter().filter(is_shown).cloned().collect()
    }

    /// Says in the incident of a firing trigger what it has read, and makes it as severe as the trigger says; `None` where it is over.
    async fn raise(
        &self,
        trigger: &Trigger,
        id: IncidentId,
        text: &str,
        origin: &Origin,
    ) -> Result<Option<IncidentRow>, EngineError> {
        let Some(loaded) = load_incident(self.store(), id).await? else { return Ok(None) };
        let row = loaded.state.row();
        if !row.open || says(&loaded, text) {
            return Ok(Some(row).filter(|row| row.open));
        }
        if let Some(severity) = &trigger.severity {
            let (severity, target_s) = self.severity(severity)?;
            let scheme = self.settings().severities.default_scheme();
            if scheme.more_severe(&row.severity, &severity) != row.severity {
                let word = Word::Rule { why: format!("the trigger {} says so", trigger.name) };
                let command = IncidentCommand::ChangeSeverity { to: severity, target_s, word };
                self.change_incident(id, &command, origin, None).await?;
            }
        }
        let command =
            IncidentCommand::AddNote { by: origin.actor.clone(), email: None, text: text.to_owned() };
        Ok(Some(self.change_incident(id, &command, origin, None).await?.row()))
    }

    /// Pages the one person whom the trigger names, where nobody has paged them since it fires.
    async fn page_for_trigger(
        &self,
        trigger: &Trigger,
        id: IncidentId,
        since: DateTime<Utc>,
        origin: &Origin,
    ) -> Result<(), EngineError> {
        let Some(name) = &trigger.page else { return Ok(()) };
        let Some(loaded) = load_incident(self.store(), id).await? else { return Ok(()) };
        // as a step of the clock finds them: whom the pager can ring for first
        let people = self.stand_ins(&loaded.state, name, &Ringing::default()).people;
        let can_ring = people.iter().find(|one| one.page.is_some());
        let Some(Callee { to, page, .. }) = can_ring.or(people.first()).cloned() else {
            let text = format!(
                "trigger {}: nobody stands for {name}, so nobody is paged by it; `duties` in blocks.toml, or a [[rotation]], says who does",
                trigger.name
            );
            return self.note_once(&loaded.state.row(), &text, origin).await;
        };
        // that somebody has the incident, or was called for it before, says nothing of what came to it since
        let calls_them = |one: &Envelope<IncidentEvent>| match &one.event {
            IncidentEvent::Escalated { to: called, paged, .. } => {
                *called == to && one.at >= since && (*paged || one.actor == origin.actor)
            }
            _ => false,
        };
        if loaded.events.iter().any(calls_them) {
            return Ok(());
        }
        let command = IncidentCommand::Escalate(Box::new(Escalate {
            by: origin.actor.clone(),
            to,
            step: Some(name.clone()),
            reason: Some(trigger.says.clone()),
            page,
            shown: false,
            unanswered_min: None,
        }));
        match self.change_incident(id, &command, origin, None).await {
            // it has just ended: nobody is needed any more
            Err(EngineError::Incident(Rejection::NotOpen { .. })) => Ok(()),
            done => done.map(|_| ()),
        }
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
        // the process may have ended when it was planned and before that was kept
        if let Some(run) = self.planned_by(row.id, origin).await? {
            let what = format!("{}: {}", run.plan.title, view::state_words(&run));
            let text = planned_text(trigger, name, &what, &run.id.to_string());
            return self.keep_plan(key, (run.created_at, &text), row, origin).await;
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
                let run = reply.data["id"].as_str().unwrap_or_default();
                planned_text(trigger, name, &reply.text, run)
            }
            Err(error) if error.is_passing() => return Err(error),
            // there is no plan, so the next turn may make one
            Err(error) => {
                let text = format!("trigger {}: {name} could not be planned: {error}", trigger.name);
                return self.say_once(row, &text, origin).await;
            }
        };
        self.keep_plan(key, (self.now(), &text), row, origin).await
    }

    /// The run that this very turn has planned.
    async fn planned_by(&self, incident: IncidentId, origin: &Origin) -> Result<Option<Run>, EngineError> {
        for row in self.store().runs(Some(incident), false, LOOK).await? {
            let loaded = load_run(self.store(), row.id).await?;
            let of_turn = loaded.filter(|loaded| {
                loaded
                    .events
                    .first()
                    .is_some_and(|one| (&one.actor, &one.cause) == (&origin.actor, &origin.cause))
            });
            if let Some(loaded) = of_turn {
                return Ok(Some(loaded.state));
            }
        }
        Ok(None)
    }

    /// Keeps that the window's plan is made, with what is announced, and announces it.
    async fn keep_plan(
        &self,
        key: String,
        (at, text): (DateTime<Utc>, &str),
        row: &IncidentRow,
        origin: &Origin,
    ) -> Result<(), EngineError> {
        let value = format!("{}\n{text}", trigger_of(origin));
        let kept = vec![Kept { key, at, value }];
        self.store().commit(Commit { kept, ..Commit::default() }).await?;
        self.say_once(row, text, origin).await
    }

    /// On the timeline of the open incident in which it fires.
    async fn note_where_it_fires(
        &self,
        alert: &AlertRow,
        text: &str,
        origin: &Origin,
    ) -> Result<(), EngineError> {
        let Some(id) = alert.incident.filter(|_| alert.firing) else { return Ok(()) };
        match load_incident(self.store(), id).await? {
            Some(loaded) if loaded.state.status.is_open() => {
                self.say_once(&loaded.state.row(), text, origin).await
            }
            _ => Ok(()),
        }
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
        let is_there = says(&loaded, text);
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

/// What is announced of a plan.
fn planned_text(trigger: &Trigger, runbook: &str, what: &str, run: &str) -> String {
    format!(
        "trigger {} has planned {runbook}: {what}. `/blocks runbook cancel {run}` stops it.",
        trigger.name
    )
}

/// Whether this stands on an incident's timeline.
fn says(loaded: &Loaded<Incident, IncidentEvent>, text: &str) -> bool {
    loaded
        .events
        .iter()
        .any(|one| matches!(&one.event, IncidentEvent::NoteAdded { text: noted, .. } if noted == text))
}

/// What this turn is known by.
fn trigger_of(origin: &Origin) -> String {
    match &origin.cause {
        Cause::Inbox { id, .. } => id.clone(),
        _ => String::new(),
    }
}
