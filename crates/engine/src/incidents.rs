//! Changes to an incident: read, decide, write; again when somebody else was faster.

use runbook_core::ids::{IncidentId, IncidentNumber};
use runbook_core::incident::{
    Decision, Effect, Incident, IncidentCommand, IncidentEvent, OpenIncident, decide, evolve,
    next_look_after_change, open,
};
use runbook_core::journal::{Head, StreamId};
use runbook_core::message::Outgoing;
use runbook_core::ports::{
    Append, Commit, CommitError, CounterRaise, PagerCall, RowChange, Store, Timer, TimerChange,
};

use crate::alerts::tell_timer;
use crate::early::Early;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::handover::OFFER;
use crate::origin::{Origin, Pace, outbox_item};
use crate::review::Occasion;
use crate::streams::{Loaded, apply, load};

/// How often a change is decided again before giving up.
pub(crate) const MAX_TRIES: u32 = 32;

/// The counter of display numbers.
pub(crate) const INCIDENT_COUNTER: &str = "incident";

/// Reads and folds an incident; `None` when there is none.
pub(crate) async fn load_incident(
    store: &dyn Store,
    id: IncidentId,
) -> Result<Option<Loaded<Incident, IncidentEvent>>, EngineError> {
    load(store, StreamId::Incident(id), evolve).await
}

/// What sealing a decision about an incident came to: the append, and the state after it.
pub(crate) fn apply_incident(
    id: IncidentId,
    state: Option<Incident>,
    head: Head,
    events: &[IncidentEvent],
    origin: &Origin,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(Append, Incident), EngineError> {
    let (append, state, _) = apply(StreamId::Incident(id), state, head, events, (origin, now), evolve)?;
    Ok((append, state))
}

impl Engine {
    /// Opens an incident and returns it. `make` gets the fresh identity and number; `say` makes the answer for the person
    /// who asked; what was told of it before it was known waits again with that.
    pub(crate) async fn open_incident(
        &self,
        origin: &Origin,
        make: &(dyn Fn(IncidentId, IncidentNumber) -> OpenIncident + Sync),
        say: Option<&(dyn Fn(&Incident) -> String + Sync)>,
        early: &Early,
    ) -> Result<Incident, EngineError> {
        let id = IncidentId(self.inner.parts.ids.fresh());
        for _ in 0..MAX_TRIES {
            let now = self.now();
            let from = self.store().counter(INCIDENT_COUNTER).await?;
            let request = make(id, IncidentNumber(from + 1));
            let decision = open(&request, now);
            let (append, state) = apply_incident(id, None, Head::EMPTY, &decision.events, origin, now)?;
            let mut commit = Commit {
                counter: Some(CounterRaise { name: INCIDENT_COUNTER, from, by: 1 }),
                rows: vec![RowChange::Incident(state.row())],
                ..Commit::default()
            };
            let effects = self.incident_effects(&mut commit, &append, &decision, &state, now);
            commit.appends.push(append);
            let answer = say.map(|say| say(&state));
            origin.settle(&mut commit, answer.as_deref(), now);
            self.wait_again(&mut commit, early).await?;
            match self.store().commit(commit).await {
                Ok(()) => {
                    tracing::info!(incident = %state.number, severity = %state.severity, "incident opened");
                    self.touch();
                    self.perform_incident(effects);
                    return Ok(state);
                }
                Err(CommitError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(EngineError::Contended("the incident counter".to_owned()))
    }

    /// Changes an incident. `say` makes the answer for the person who asked.
    pub(crate) async fn change_incident(
        &self,
        id: IncidentId,
        command: &IncidentCommand,
        origin: &Origin,
        say: Option<&str>,
    ) -> Result<Incident, EngineError> {
        for _ in 0..MAX_TRIES {
            let now = self.now();
            let loaded = load_incident(self.store(), id)
                .await?
                .ok_or_else(|| EngineError::NotFound(format!("there is no incident {id}")))?;
            let decision = decide(&loaded.state, command, now)?;
            let mut commit = Commit::default();
            origin.settle(&mut commit, say, now);
            let mut state = loaded.state.clone();
            let mut effects = Vec::new();
            if decision.events.is_empty() && commit == Commit::default() {
                return Ok(state);
            }
            if !decision.events.is_empty() {
                let (append, next) =
                    apply_incident(id, Some(loaded.state), loaded.head, &decision.events, origin, now)?;
                effects = self.incident_effects(&mut commit, &append, &decision, &next, now);
                commit.rows.push(RowChange::Incident(next.row()));
                commit.appends.push(append);
                state = next;
            }
            match self.store().commit(commit).await {
                Ok(()) => {
                    self.touch();
                    self.perform_incident(effects);
                    return Ok(state);
                }
                Err(CommitError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(EngineError::Contended(format!("incident {id}")))
    }

    /// Changes several incidents, all of them or none, each as its command says, and these rows with them. Returns them in the same
    /// order.
    pub(crate) async fn change_incidents(
        &self,
        commands: &[(IncidentId, IncidentCommand)],
        rows: &[RowChange],
        origin: &Origin,
        say: Option<&str>,
    ) -> Result<Vec<Incident>, EngineError> {
        for _ in 0..MAX_TRIES {
            let now = self.now();
            let mut commit = Commit { rows: rows.to_vec(), ..Commit::default() };
            origin.settle(&mut commit, say, now);
            let (mut states, mut effects) = (Vec::new(), Vec::new());
            for (id, command) in commands {
                let loaded = load_incident(self.store(), *id)
                    .await?
                    .ok_or_else(|| EngineError::NotFound(format!("there is no incident {id}")))?;
                let decision = decide(&loaded.state, command, now)?;
                if decision.events.is_empty() {
                    states.push(loaded.state);
                    continue;
                }
                let (append, next) =
                    apply_incident(*id, Some(loaded.state), loaded.head, &decision.events, origin, now)?;
                effects.extend(self.incident_effects(&mut commit, &append, &decision, &next, now));
                commit.rows.push(RowChange::Incident(next.row()));
                commit.appends.push(append);
                states.push(next);
            }
            match self.store().commit(commit).await {
                Ok(()) => {
                    self.touch();
                    self.perform_incident(effects);
                    return Ok(states);
                }
                Err(CommitError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(EngineError::Contended("these incidents".to_owned()))
    }

    /// Puts messages and timers of a decision into the commit, and when to look again at the state `after` it; returns what is left to perform after it.
    pub(crate) fn incident_effects(
        &self,
        commit: &mut Commit,
        append: &Append,
        decision: &Decision,
        after: &Incident,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Vec<Effect> {
        let mut rest = Vec::new();
        let cause = format!("{}/{}", append.stream, append.after.seq + 1);
        let pace = if decision.events.iter().any(IncidentEvent::changes_status) {
            Pace::AtOnce
        } else {
            Pace::Gather
        };
        let is_opened =
            decision.events.iter().any(|event| matches!(event, IncidentEvent::ChannelOpened { .. }));
        if (pace == Pace::AtOnce || is_opened) && after.in_own_channel && !after.private {
            // elsewhere people see where it stands, and not each thing that happens
            self.enqueue(commit, &Outgoing::Brief { incident: after.id }, &cause, Pace::Gather, now);
        }
        for effect in &decision.effects {
            match effect {
                Effect::Send(message) => self.enqueue(commit, message, &cause, pace, now),
                Effect::TargetTimer { incident, due } => commit.timers.push(TimerChange::Set(Timer {
                    key: format!("target/{incident}"),
                    due: *due,
                    stream: append.stream,
                    what: "target".to_owned(),
                })),
                Effect::AlertsTimer { incident, due } => {
                    commit.timers.push(tell_timer(*incident, *due));
                }
                Effect::OfferTimer { incident, run, due } => commit.timers.push(TimerChange::Set(Timer {
                    key: format!(
                        "{OFFER}/{incident}/{}",
                        run.map_or_else(|| "command".to_owned(), |run| run.to_string())
                    ),
                    due: *due,
                    stream: append.stream,
                    what: OFFER.to_owned(),
                })),
                Effect::ClearTargetTimer { incident } => {
                    commit.timers.push(TimerChange::Clear(format!("target/{incident}")));
                }
                Effect::StartTriage { .. } | Effect::DraftReview { .. } => rest.push(effect.clone()),
            }
        }
        for page in after.pages_over_since(append.after.seq) {
            let (incident, call) = (after.id, PagerCall::EndPage { key: page.key() });
            self.enqueue(commit, &Outgoing::Pager { incident, call }, &cause, pace, now);
        }
        if decision.events.iter().any(IncidentEvent::moves_the_clock) {
            commit.timers.extend(self.climb_timer(after, now));
        }
        commit.timers.extend(self.look_timer(after, now, next_look_after_change));
        rest
    }

    /// Adds a message to the commit, if there is somebody to deliver it.
    pub(crate) fn enqueue(
        &self,
        commit: &mut Commit,
        message: &Outgoing,
        cause: &str,
        pace: Pace,
        now: chrono::DateTime<chrono::Utc>,
    ) {
        let deliverable = match message {
            Outgoing::Pager { .. } | Outgoing::ApprovalPage { .. } | Outgoing::ApprovalOver { .. } => {
                self.settings().has_pager
            }
            Outgoing::Alert { .. } => self.settings().has_pager && self.settings().sends_events,
            Outgoing::Change { .. } => self.settings().has_pager && self.settings().tells_changes,
            // Its ways are those that were set up when it was drafted.
            Outgoing::Update { .. } => true,
            _ => self.settings().has_chat,
        };
        if deliverable {
            commit.outbox.extend(outbox_item(message, cause, pace, now));
        }
    }

    pub(crate) fn perform_incident(&self, effects: Vec<Effect>) {
        for effect in effects {
            let engine = self.clone();
            self.spawn(Box::pin(async move {
                let result = match effect {
                    Effect::StartTriage { incident } => engine.start_triage(incident).await,
                    Effect::DraftReview { incident } => {
                        engine.draft_review(incident, Occasion::Due).await.map(|_| ())
                    }
                    _ => Ok(()),
                };
                if let Err(error) = result {
                    // The reconciler looks again: nothing is lost, only late.
                    tracing::warn!(%error, "an effect could not be performed yet");
                }
            }));
        }
    }
}
