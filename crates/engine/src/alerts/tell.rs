//! What a batch of alerts writes: one commit of rows, incidents' events, messages, and what came in.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use runbook_core::alert::{AlertLink, AlertRow, Tally};
use runbook_core::ids::IncidentId;
use runbook_core::incident::{
    Alerts, AlertsTold, Effect, Incident, IncidentCommand, OpenIncident, Raise, decide, open_for_alerts,
};
use runbook_core::journal::{Cause, Head, StreamId};
use runbook_core::ports::{AlertsOf, Commit, CommitError, CounterRaise, RowChange, Timer, TimerChange};

use super::TELL;
use super::around::Known;
use super::batch::{Kinds, Opening, Pending, Touched};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::{INCIDENT_COUNTER, apply_incident, load_incident};
use crate::origin::Origin;

/// Alerts that a timeline and a card name.
const FIRST: usize = 5;
/// Addresses of alerts that a card names.
const LINKS: usize = 6;
/// So many rows of an incident are read at first for those that a batch leaves alone.
const READ: usize = 50;
/// Least time between two events about alerts of one incident, unless something changes by them.
const PACE: TimeDelta = TimeDelta::seconds(5);

impl Engine {
    /// Writes everything that a batch has decided, or nothing: `false` when somebody else was faster.
    pub(super) async fn tell_all(
        &self,
        known: &mut Known,
        pending: Pending,
        rows: Vec<RowChange>,
    ) -> Result<bool, EngineError> {
        let now = self.now();
        let origin = pending.origin.unwrap_or_else(Origin::engine);
        let mut commit = Commit::default();
        let mut done = pending.done.into_iter();
        commit.inbox_done = done.next();
        commit.inbox_also = done.collect();
        if !pending.opening.is_empty() {
            let by = pending.opening.len() as u64;
            commit.counter = Some(CounterRaise { name: INCIDENT_COUNTER, from: pending.counter, by });
        }
        let changed = by_incident(&rows);
        let (mut effects, mut states, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        for (id, mut touched) in pending.touched {
            if let Some(Opening { request, origin }) = pending.opening.get(&id) {
                let tally = self.tally_of(known, id, &touched, &changed, None).await?;
                let raised = self.raised(request, &touched);
                let decision = open_for_alerts(&raised, tally, touched.reasons(), now);
                let (append, state) = apply_incident(id, None, Head::EMPTY, &decision.events, origin, now)?;
                commit.rows.push(RowChange::Incident(state.row()));
                effects.extend(self.incident_effects(&mut commit, &append, &decision, &state, now));
                commit.appends.push(append);
                states.push(state);
            } else if let Some(due) = self.may_wait(known, id, &touched, now).await? {
                commit.timers.push(tell_timer(id, due));
                waiting.push((id, touched.kinds));
            } else if let Some(loaded) = load_incident(self.store(), id).await? {
                self.with_waiting(id, &mut touched);
                let told = self.all_told(known, &touched, &changed, &loaded.state).await?;
                let command = IncidentCommand::TellAlerts(Box::new(told));
                let decision = decide(&loaded.state, &command, now)?;
                if decision.events.is_empty() {
                    continue;
                }
                let state = Some(loaded.state);
                let (append, state) = apply_incident(id, state, loaded.head, &decision.events, &origin, now)?;
                commit.rows.push(RowChange::Incident(state.row()));
                effects.extend(self.incident_effects(&mut commit, &append, &decision, &state, now));
                commit.appends.push(append);
                states.push(state);
            }
        }
        drop(changed);
        commit.rows.extend(rows);
        if commit == Commit::default() {
            return Ok(true);
        }
        match self.store().commit(commit).await {
            Ok(()) => {
                self.waits(&states, waiting);
                self.has_told(known, &states, effects, now);
            }
            Err(CommitError::Conflict(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    /// An incident opens as severe as the most severe of what has come to it until then.
    fn raised(&self, request: &OpenIncident, touched: &Touched) -> OpenIncident {
        let scheme = self.settings().severities.default_scheme();
        let more = |raise: &&Raise| scheme.rank(&raise.to) < scheme.rank(&request.severity);
        match touched.raises.as_ref().filter(more) {
            Some(raise) => OpenIncident {
                severity: raise.to.clone(),
                severity_reason: raise.reason.clone(),
                target_s: raise.target_s,
                severity_guessed: false,
                ..request.clone()
            },
            None => request.clone(),
        }
    }

    /// Adds the reasons that have waited. They are kept by no store: a process that ends takes them along, not what they are of.
    fn with_waiting(&self, id: IncidentId, touched: &mut Touched) {
        let waiting = self.inner.alerts_waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for ((order, why), count) in waiting.get(&id).into_iter().flatten() {
            touched.counted(*order, why.clone(), *count);
        }
    }

    /// Keeps the reasons that have to wait, and forgets those that were told.
    fn waits(&self, told: &[Incident], new: Vec<(IncidentId, Kinds)>) {
        let mut waiting = self.inner.alerts_waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for state in told {
            waiting.remove(&state.id);
        }
        for (id, kinds) in new {
            let its = waiting.entry(id).or_default();
            for (kind, count) in kinds {
                *its.entry(kind).or_default() += count;
            }
        }
    }

    fn has_told(&self, known: &mut Known, states: &[Incident], effects: Vec<Effect>, now: DateTime<Utc>) {
        let mut paced = self.inner.alerts_told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        paced.retain(|_, at| *at > now - PACE);
        for state in states {
            known.opened(state.row());
            paced.insert(state.id, now);
        }
        drop(paced);
        self.touch();
        self.perform_incident(effects);
    }

    /// Until when this can wait: something was told just now, and nothing but counts changes.
    async fn may_wait(
        &self,
        known: &mut Known,
        id: IncidentId,
        touched: &Touched,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, EngineError> {
        let count = known.count(self.store(), id).await?;
        let Some(row) = known.open(id) else { return Ok(None) };
        let scheme = self.settings().severities.default_scheme();
        let raises =
            touched.raises.as_ref().is_some_and(|raise| scheme.rank(&raise.to) < scheme.rank(&row.severity));
        let matters = touched.reopens.is_some()
            || !touched.damped.is_empty()
            || !touched.steady.is_empty()
            || raises
            // the end waits for what is left out, and a timer knows neither that nor who has told of it
            || !touched.left_out.is_empty()
            || !touched.new_sources.is_empty()
            || count.firing == 0
            || touched.was_quiet;
        let paced = self.inner.alerts_told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let due = paced.get(&id).map(|at| *at + PACE).filter(|due| *due > now);
        Ok(due.filter(|_| !matters))
    }

    /// Everything that is told of an incident's alerts.
    pub(super) async fn all_told(
        &self,
        known: &mut Known,
        touched: &Touched,
        changed: &Changed<'_>,
        state: &Incident,
    ) -> Result<AlertsTold, EngineError> {
        let before = state.alerts.as_ref().map(|alerts| &alerts.tally);
        let before = before.cloned().unwrap_or_default();
        let tally = self.tally_of(known, state.id, touched, changed, Some(&before)).await?;
        let mut reasons = touched.reasons();
        let scheme = self.settings().severities.default_scheme();
        let more = |raise: &&Raise| scheme.rank(&raise.to) < scheme.rank(&state.severity);
        let mut raises = None;
        if let Some(raise) = touched.raises.as_ref().filter(more) {
            let from_alerts = state.alerts.as_ref().is_some_and(Alerts::say_severity);
            if state.severity_by_hand || !(from_alerts || state.reminders.is_severity_guessed) {
                let who = if state.severity_by_hand { "a person" } else { "the pager" };
                reasons.push(format!(
                    "{} would be {}, and stays {}: {who} has said how severe it is",
                    raise.reason, raise.to, state.severity
                ));
            } else {
                reasons.push(format!("severity {} from now on: {}", raise.to, raise.reason));
                raises = Some(raise.clone());
            }
        }
        Ok(AlertsTold {
            source: touched.source.clone(),
            tally,
            reasons,
            reopens: touched.reopens.clone(),
            damped: touched.damped.clone(),
            steady: touched.steady.clone(),
            raises,
        })
    }

    /// An incident's alerts, counted, with the first of them, and what was told before; nothing where it is yet to be opened.
    async fn tally_of(
        &self,
        known: &mut Known,
        id: IncidentId,
        touched: &Touched,
        changed: &Changed<'_>,
        before: Option<&Tally>,
    ) -> Result<Tally, EngineError> {
        let count = known.count(self.store(), id).await?;
        let mut its: Vec<&AlertRow> = changed.of.get(&id).into_iter().flatten().copied().collect();
        its.sort_by_key(|row| (!row.firing, row.joined_at));
        let mut first = match before {
            Some(_) => self.first_of_unchanged(id, changed).await?,
            None => Vec::new(),
        };
        first.extend(its.into_iter().take(FIRST).cloned());
        first.sort_by_key(|row| (!row.firing, row.joined_at));
        first.truncate(FIRST);
        let mut sources: BTreeSet<String> =
            before.into_iter().flat_map(|one| &one.sources).cloned().collect();
        sources.extend(touched.new_sources.iter().cloned());
        if !touched.source.is_empty() {
            sources.insert(touched.source.clone());
        }
        let mut tally = before.cloned().unwrap_or_default();
        tally.leave_out(&touched.left_out);
        Ok(Tally {
            sources: sources.into_iter().collect(),
            firing: count.firing,
            total: count.total,
            first: first.iter().map(line).collect(),
            links: links(&first),
            ..tally
        })
    }

    /// The first of an incident's alerts that a batch leaves alone. The store has the others as they were: it is read on behind them,
    /// and no further than there can be any.
    async fn first_of_unchanged(
        &self,
        id: IncidentId,
        changed: &Changed<'_>,
    ) -> Result<Vec<AlertRow>, EngineError> {
        let most = FIRST + changed.keys.len();
        let mut rows = READ.min(most);
        loop {
            let mut first = self.store().alerts(AlertsOf::Incident(id), rows).await?;
            let is_all = first.len() < rows || rows == most;
            first.retain(|row| !changed.keys.contains(&(row.source.as_str(), row.fingerprint.as_str())));
            first.truncate(FIRST);
            if is_all || first.len() == FIRST {
                return Ok(first);
            }
            rows = (rows * 8).min(most);
        }
    }

    /// Tells of what came in a hurry and had to wait.
    pub(crate) async fn alerts_are_due(&self, id: IncidentId) -> Result<(), EngineError> {
        let _gate = self.inner.alert_gate.lock().await;
        let Some(loaded) = load_incident(self.store(), id).await? else { return Ok(()) };
        let mut known = Known::default();
        let source = loaded.state.alerts.as_ref().and_then(|alerts| alerts.tally.sources.first());
        let mut touched = Touched { source: source.cloned().unwrap_or_default(), ..Touched::default() };
        self.with_waiting(id, &mut touched);
        let told = self.all_told(&mut known, &touched, &Changed::default(), &loaded.state).await?;
        let origin = Origin::system("alerts", Cause::Timer);
        let command = IncidentCommand::TellAlerts(Box::new(told));
        let state = self.change_incident(id, &command, &origin, None).await?;
        self.waits(&[state], Vec::new());
        Ok(())
    }
}

/// Rows that are about to be written: which there are, and which of them belong to which incident.
#[derive(Default)]
pub(super) struct Changed<'a> {
    keys: BTreeSet<(&'a str, &'a str)>,
    of: BTreeMap<IncidentId, Vec<&'a AlertRow>>,
}

pub(super) fn by_incident(rows: &[RowChange]) -> Changed<'_> {
    let mut changed = Changed::default();
    for row in rows {
        let RowChange::Alert(row) = row else { continue };
        changed.keys.insert((&row.source, &row.fingerprint));
        if let Some(id) = row.incident {
            changed.of.entry(id).or_default().push(row);
        }
    }
    changed
}

pub(crate) fn tell_timer(id: IncidentId, due: DateTime<Utc>) -> TimerChange {
    TimerChange::Set(Timer {
        key: format!("{TELL}/{id}"),
        due,
        stream: StreamId::Incident(id),
        what: TELL.to_owned(),
    })
}

/// An alert in one line.
fn line(row: &AlertRow) -> String {
    let began = row.alert.starts_at.unwrap_or(row.turned_at).format("%H:%M UTC");
    match (row.firing, row.damped) {
        (_, true) => format!("{}: comes and goes", row.title),
        (true, false) => format!("{}: fires since {began}", row.title),
        (false, false) => format!("{}: ended at {}", row.title, row.turned_at.format("%H:%M UTC")),
    }
}

/// Where people can look: what to do before what there is to see, each address once.
fn links(rows: &[AlertRow]) -> Vec<AlertLink> {
    let mut seen = BTreeSet::new();
    let all = rows.iter().flat_map(|row| &row.alert.links);
    let (todo, to_see): (Vec<_>, Vec<_>) = all.partition(|link| link.what == "runbook");
    let links = todo.into_iter().chain(to_see).filter(|link| seen.insert(link.url.clone()));
    links.take(LINKS).cloned().collect()
}
