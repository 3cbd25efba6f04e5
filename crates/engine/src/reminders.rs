//! Who is asked for what, and when: the core decides, this looks at the time and at the runs for it.

use chrono::{DateTime, Duration, Utc};
use runbook_core::ids::IncidentId;
use runbook_core::incident::{
    Incident, IncidentCommand, Look, Rules, RunOutcome, Waiting, decide, next_look, waiting,
};
use runbook_core::journal::{Cause, StreamId};
use runbook_core::message::Outgoing;
use runbook_core::people::{Actor, Person, Role};
use runbook_core::ports::{Commit, Timer, TimerChange};
use runbook_core::request::Request;
use runbook_core::run::{Run, Status};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::handover::passed_on;
use crate::incidents::{MAX_TRIES, load_incident};
use crate::origin::{Asker, Origin, Pace, Reply};
use crate::runs::load_run;
use crate::said::Said;
use crate::sees::may_see;

/// The timer's word for a look at who is to be asked.
pub(crate) const LOOK: &str = "look";

/// Why somebody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// Its time has come: what the card shows of the time may have changed.
    Timer,
    /// A process begins: the timer may be missing.
    Start,
    /// Nobody gave a hint: only what is overdue is done.
    Reconcile,
}

impl Engine {
    /// Looks whom an incident asks for what, and when to look again. Whether the timer of the next look was set with that.
    pub(crate) async fn remind(&self, id: IncidentId, occasion: Occasion) -> Result<bool, EngineError> {
        if !self.settings().has_chat {
            return Ok(false); // nobody would hear it
        }
        let origin = Origin::system("timer", Cause::Timer);
        for _ in 0..MAX_TRIES {
            let now = self.now();
            let Some(loaded) = load_incident(self.store(), id).await? else { return Ok(false) };
            if !loaded.state.status.is_open() {
                return Ok(false);
            }
            let look = Look { refresh: occasion == Occasion::Timer, ..self.look_of(&loaded.state).await? };
            let decision = decide(&loaded.state, &IncidentCommand::Look(Box::new(look)), now)?;
            if decision.events.is_empty() && occasion == Occasion::Reconcile {
                return Ok(false);
            }
            let next = |commit: &mut Commit, state: &Incident| {
                if occasion == Occasion::Timer {
                    self.enqueue(commit, &Outgoing::Card { incident: id }, "", Pace::AtOnce, now);
                }
                commit.timers.extend(self.look_timer(state, now, next_look));
            };
            if self.commit_guarded(loaded, &decision, (&origin, now), next).await? {
                return Ok(true);
            }
        }
        Err(EngineError::Contended(format!("incident {id}")))
    }

    /// The timer of the next look; none where nobody would hear what is asked.
    pub(crate) fn look_timer(
        &self,
        state: &Incident,
        now: DateTime<Utc>,
        next: fn(&Incident, &Rules, DateTime<Utc>) -> Option<DateTime<Utc>>,
    ) -> Option<TimerChange> {
        if !self.settings().has_chat {
            return None;
        }
        // Never the time of the one that has just fired.
        let soon = now + Duration::milliseconds(1);
        Some(match next(state, &self.rules_of(state), now) {
            Some(due) => look_at(state.id, due.max(soon)),
            None => TimerChange::Clear(key(state.id)),
        })
    }

    /// Has an incident looked at as soon as this is written, when its run now waits for a person.
    pub(crate) fn look_when_it_waits(
        &self,
        commit: &mut Commit,
        incident: IncidentId,
        run: &Run,
        now: DateTime<Utc>,
    ) {
        let waits = matches!(
            run.status,
            Status::WaitingForApproval { .. } | Status::Paused { .. } | Status::UndoFailed { .. }
        );
        if waits && !run.unasked && self.settings().has_chat {
            commit.timers.push(look_at(incident, now + Duration::milliseconds(1)));
        }
    }

    /// What has to be known to ask people for what an incident lacks.
    pub(crate) async fn look_of(&self, incident: &Incident) -> Result<Look, EngineError> {
        let waiting = self.waiting_runs(incident).await?;
        Ok(Look { rules: self.rules_of(incident), waiting, refresh: false })
    }

    async fn waiting_runs(&self, incident: &Incident) -> Result<Vec<Waiting>, EngineError> {
        let mut all = Vec::new();
        let may_wait = |outcome: &Option<RunOutcome>| matches!(outcome, None | Some(RunOutcome::UndoFailed));
        for link in incident.runs.iter().filter(|link| !link.triage && may_wait(&link.outcome)) {
            if let Some(loaded) = load_run(self.store(), link.run).await? {
                let waiting = self.waiting(&loaded.state, incident);
                all.extend(waiting.map(|waiting| passed_on(incident, link.run, waiting)));
            }
        }
        Ok(all)
    }

    /// What a run waits for, if it is for a person.
    fn waiting(&self, run: &Run, incident: &Incident) -> Option<Waiting> {
        let mut names = self.approvers(run).map(|approvers| approvers.names).unwrap_or_default();
        // of a private incident nobody hears who may not see it
        let people = self.directory().people();
        names.retain(|name| people.iter().any(|one| one.name == *name && may_hear(one, incident)));
        waiting(run, &names)
    }

    /// What the configuration says about this incident.
    fn rules_of(&self, incident: &Incident) -> Rules {
        let settings = self.settings();
        let directory = self.directory();
        let severity = settings.severities.default_scheme().get(&incident.severity);
        let service = settings.service(&incident.service);
        let hears = |person: &&Person| may_hear(person, incident);
        let roster = self.roster(&incident.service);
        let on_duty =
            |name: &String| roster.stand_for(name, directory).into_iter().find(|person| hears(person));
        let actor = |person: &Person| Actor::Person(person.name.clone());
        let paged = severity.into_iter().flat_map(|severity| {
            severity.page.iter().chain(severity.escalation.iter().flat_map(|step| &step.who))
        });
        let with = |role: Role| {
            directory.people().iter().filter(hears).find(move |person| person.roles.contains(&role))
        };
        let on_call = paged.clone().find_map(on_duty).or(with(Role::Commander)).or(with(Role::Responder));
        let mut without_runbook: Vec<Actor> = Vec::new();
        for name in severity.into_iter().flat_map(|severity| &severity.ask_without_runbook) {
            without_runbook.extend(on_duty(name).map(actor).filter(|who| !without_runbook.contains(who)));
        }
        Rules {
            severity: severity.cloned(),
            on_call: on_call.map(actor),
            without_runbook,
            has_diagnostics: service.is_some_and(|service| service.triage.is_some()),
            rollback: service.and_then(|service| service.rollback.clone()),
            is_quiet: service.is_some_and(|service| service.quiet),
            quiet: directory.people().iter().filter(|person| !person.reminders).map(actor).collect(),
        }
    }

    /// Holds reminders, turns them on or off, or asks for a rollback.
    pub(crate) async fn reminder_request(
        &self,
        request: &Request,
        asker: &Asker,
        origin: &Origin,
    ) -> Result<Reply, EngineError> {
        match request {
            Request::IncidentSnooze { incident, minutes } => {
                self.require_known(asker, "hold reminders")?;
                if !matches!(minutes, 30 | 60 | 90) {
                    return Err(EngineError::Usage(
                        "reminders are held for 30, 60 or 90 minutes; hint: `snooze 30`".to_owned(),
                    ));
                }
                let row = self.find_incident(incident.as_deref(), asker).await?;
                let until = self.now() + Duration::minutes(i64::from(*minutes));
                let text = format!(
                    "Reminders are held until {}. Approvals and questions still come; `reminders on` ends it.",
                    until.format("%H:%M UTC")
                );
                self.on_record(&row, &IncidentCommand::Snooze { minutes: *minutes }, origin, &text).await
            }
            Request::IncidentReminders { incident, on, all } => {
                self.require_known(asker, "turn reminders on or off")?;
                let row = self.find_incident(incident.as_deref(), asker).await?;
                let text = match (on, all) {
                    (true, true) => "Reminders are on.",
                    (true, false) => "Reminders mention you again, and none is held.",
                    (false, true) => {
                        "No reminders any more, for anybody. Approvals and questions still come; `reminders on --all` turns them on."
                    }
                    (false, false) => {
                        "No reminder mentions you any more. Approvals and questions still do; `reminders on` turns them on."
                    }
                };
                let command = IncidentCommand::SetReminders { on: *on, all: *all };
                self.on_record(&row, &command, origin, text).await
            }
            Request::RollbackRequest { incident, reason } => {
                self.require_known(asker, "ask for a rollback")?;
                let row = self.find_incident(incident.as_deref(), asker).await?;
                self.may_ask_rollback(asker, &row.severity)?;
                let reason = self.said(Said::Reason, reason)?;
                let Some(loaded) = load_incident(self.store(), row.id).await? else {
                    return Err(EngineError::NotFound(format!("there is no incident {}", row.number)));
                };
                let whom = match &loaded.state.commander {
                    Some(commander) => format!("{} is asked", commander.who),
                    None => "nobody commands yet, so whoever is on call is asked".to_owned(),
                };
                let text = format!("It is on the record: {whom}. Nothing is started by this.");
                self.on_record(&row, &IncidentCommand::RequestRollback { reason }, origin, &text).await
            }
            other => Err(EngineError::Refused(format!("{other:?} is not about reminders"))),
        }
    }

    /// Whoever may plan a rollback, and whom the severity names.
    fn may_ask_rollback(&self, asker: &Asker, severity: &str) -> Result<(), EngineError> {
        if self.require_standing(asker, "ask for a rollback").is_ok() {
            return Ok(());
        }
        let severity = self.settings().severities.default_scheme().get(severity);
        let names = severity.map_or(&[][..], |severity| severity.may_ask_rollback.as_slice());
        let person = self.directory().person_of(&asker.actor);
        if person.is_some_and(|person| names.iter().any(|name| person.stands_for(name))) {
            return Ok(());
        }
        let names = if names.is_empty() {
            String::new()
        } else {
            format!(", or one of the duties {},", names.join(", "))
        };
        Err(EngineError::Forbidden(format!(
            "{} may not ask for a rollback; hint: a [[person]] in blocks.toml with the role commander or responder{names} may",
            asker.actor
        )))
    }
}

/// Of a private incident nobody hears who may not see it.
fn may_hear(person: &Person, incident: &Incident) -> bool {
    !incident.private || may_see(person, incident)
}

fn key(incident: IncidentId) -> String {
    format!("{LOOK}/{incident}")
}

fn look_at(incident: IncidentId, due: DateTime<Utc>) -> TimerChange {
    TimerChange::Set(Timer {
        key: key(incident),
        due,
        stream: StreamId::Incident(incident),
        what: LOOK.to_owned(),
    })
}
