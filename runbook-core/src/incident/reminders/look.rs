//! A look at an incident: who is to be asked for what now, and when to look again.

use chrono::{DateTime, Duration, Utc};

use super::topic::{Rules, Topic, Urgency, Waiting};
use super::words;
use crate::incident::decide::{Decision, Effect};
use crate::incident::event::{IncidentEvent, RunOutcome};
use crate::incident::state::{Incident, Status};
use crate::message::Outgoing;
use crate::people::{Actor, Role};

/// Between two mentions of one incident.
const QUIET_S: i64 = 60;
/// Where a severity has no phases, nobody has found a runbook by then.
const NO_RUNBOOK_S: u32 = 300;
/// Marks on the way to the target at which the card is shown anew.
const MARKS: i64 = 4;

/// What is known when somebody looks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// What the configuration says.
    pub rules: Rules,
    /// Its runs that wait for a person.
    pub waiting: Vec<Waiting>,
    /// Time has passed that the card shows.
    pub refresh: bool,
}

/// Whom an incident asks for something, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// Who; nobody in particular when absent.
    pub to: Option<Actor>,
    /// Whether they want to be mentioned; the quiet rule may still be against it.
    pub mention: bool,
    /// The words.
    pub text: String,
    /// It is a reminder, which can be held.
    pub may_snooze: bool,
}

fn asking(state: &Incident, look: &Look, about: &Topic, now: DateTime<Utc>) -> Asking {
    let to = asks(state, look, about);
    let mention = to.as_ref().is_some_and(|to| may_mention(state, &look.rules, about, to, now));
    let text = words::text(state, look, about, now);
    Asking { to, mention, text, may_snooze: about.urgency() == Urgency::Reminder }
}

/// Asks for the most urgent thing that is due, if the quiet rule lets it: one at a time, one mention a minute.
pub(in crate::incident) fn look(state: &Incident, look: &Look, now: DateTime<Utc>) -> Decision {
    let incident = state.id;
    let mut decision = Decision::default();
    if !state.status.is_open() {
        return decision;
    }
    if look.refresh {
        decision.effects.push(Effect::Send(Outgoing::Card { incident }));
    }
    let mut due: Vec<Topic> = candidates(state, &look.rules)
        .into_iter()
        .filter(|(_, at)| *at <= now)
        .map(|(topic, _)| topic)
        .collect();
    let asked = &state.reminders.asked;
    due.extend(
        look.waiting.iter().map(|waiting| waiting.topic.clone()).filter(|topic| !asked.contains_key(topic)),
    );
    // What is alike keeps its order: runs by age, people as the configuration names them.
    due.sort_by_key(Topic::rank);
    let Some(about) = due.into_iter().find(|topic| may_ask_from(state, topic).is_none_or(|at| at <= now))
    else {
        return decision;
    };
    let Asking { to, mention, .. } = asking(state, look, &about, now);
    decision.effects.push(Effect::Send(Outgoing::Ask { incident, about: about.clone(), mention, at: now }));
    decision.events.push(IncidentEvent::Asked { about, to, mention });
    decision
}

/// When to look at it again; `None` when nothing of it depends on time any more. Never before `now`.
#[must_use]
pub fn next_look(state: &Incident, rules: &Rules, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if !state.status.is_open() {
        return None;
    }
    let asks = candidates(state, rules)
        .into_iter()
        .map(|(topic, at)| at.max(may_ask_from(state, &topic).unwrap_or(at)));
    let quiet_ends = quiet_ends(state).filter(|at| *at > now);
    asks.chain(quiet_ends).chain(marks(state, rules).filter(|at| *at > now)).min().map(|at| at.max(now))
}

/// When to look at it after it has changed. A run of it may wait for somebody who could not be mentioned yet, and the look that
/// was to find that out may have been due already: it is not put off by the change.
#[must_use]
pub fn next_look_after_change(state: &Incident, rules: &Rules, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let overdue = quiet_ends(state).filter(|at| state.status.is_open() && *at <= now).map(|_| now);
    overdue.or_else(|| next_look(state, rules, now))
}

/// From when somebody may be mentioned again, where a run may wait for that.
fn quiet_ends(state: &Incident) -> Option<DateTime<Utc>> {
    let is_left =
        |outcome: Option<RunOutcome>| outcome.is_none_or(|outcome| outcome == RunOutcome::UndoFailed);
    let may_wait = state.runs.iter().any(|run| !run.triage && is_left(run.outcome));
    state.reminders.pinged_at.filter(|_| may_wait).map(|at| at + Duration::seconds(QUIET_S))
}

/// Moments at which the card says something else without anything having happened.
fn marks(state: &Incident, rules: &Rules) -> impl Iterator<Item = DateTime<Utc>> {
    let detected = state.detected_at;
    let phases = rules.severity.iter().flat_map(|severity| &severity.phases);
    let bounds: Vec<u32> = phases.flat_map(|phase| [phase.from_s, phase.to_s]).collect();
    let target = state.target_s.filter(|_| state.mitigated_at.is_none()).map(|s| i64::from(s) * 1_000);
    let quarters =
        target.into_iter().flat_map(|ms| (1..=MARKS).map(move |mark| (ms * mark).div_euclid(MARKS)));
    let quarters: Vec<i64> = quarters.collect();
    let bounds = bounds.into_iter().map(move |s| detected + Duration::seconds(i64::from(s)));
    bounds.chain(quarters.into_iter().map(move |ms| detected + Duration::milliseconds(ms)))
}

/// What is there to be asked for, without what runs wait for, and from when.
fn candidates(state: &Incident, rules: &Rules) -> Vec<(Topic, DateTime<Utc>)> {
    let mut all = Vec::new();
    if !state.status.is_open() {
        return all;
    }
    let after = |s: u32| state.detected_at + Duration::seconds(i64::from(s));
    let lasts = state.mitigated_at.is_none() && state.status < Status::Monitoring;
    if lasts {
        decisions(state, rules, &mut all);
        if let (Some(target_s), Some(at)) = (state.target_s, state.deadline()) {
            all.push((Topic::Target { target_s }, at));
        }
    }
    let asked = &state.reminders.asked;
    all.retain(|(topic, _)| !asked.contains_key(topic));
    let is_off = state.reminders.all_off || rules.is_quiet;
    let Some(severity) = rules.severity.as_ref().filter(|_| !is_off) else { return all };
    let mut reminders = Vec::new();
    if let Some(s) = severity.remind_commander_after_s.filter(|_| state.commander.is_none()) {
        reminders.push((Topic::Commander, after(s)));
    }
    if let Some(s) = severity.remind_severity_after_s.filter(|_| state.reminders.is_severity_guessed) {
        reminders.push((Topic::Severity, after(s)));
    }
    if let Some(s) = severity.remind_roles_after_s.filter(|_| !missing_roles(state).is_empty()) {
        reminders.push((Topic::Roles, after(s)));
    }
    reminders.retain(|(topic, _)| !asked.contains_key(topic));
    if let (Some(at), Some(interval_s)) =
        (state.update_due(severity.update_interval_s), severity.update_interval_s)
    {
        let again = asked.get(&Topic::Update).map(|last| *last + Duration::seconds(i64::from(interval_s)));
        reminders.push((Topic::Update, again.map_or(at, |again| again.max(at))));
    }
    let held = state.reminders.snoozed_until;
    all.extend(reminders.into_iter().map(|(topic, at)| (topic, held.map_or(at, |held| held.max(at)))));
    all
}

/// What whoever commands has to decide while the impact lasts.
fn decisions(state: &Incident, rules: &Rules, all: &mut Vec<(Topic, DateTime<Utc>)>) {
    let after = |s: u32| state.detected_at + Duration::seconds(i64::from(s));
    let rolls_back = |runbook: &str| rules.rollback.as_deref() == Some(runbook);
    if !state.unfinished_runs().any(|run| rolls_back(&run.runbook)) {
        // one question about all that have come since the last one
        let last = u32::try_from(state.reminders.rollback_requests.len()).ok().filter(|number| *number > 0);
        all.extend(last.map(|number| (Topic::RollbackRequested { number }, state.opened_at)));
    }
    if state.unfinished_runs().next().is_some() {
        return; // somebody is at it
    }
    let last = state.runs.iter().rfind(|run| run.mutating && !run.triage);
    if let Some(last) = last.filter(|run| run.outcome == Some(RunOutcome::Failed)) {
        all.push((Topic::MitigationFailed { run: last.run }, state.opened_at));
    }
    let Some(severity) = &rules.severity else { return };
    let title = state.title.to_lowercase();
    if severity.rollback_at_once.iter().any(|word| title.contains(&word.trim().to_lowercase())) {
        all.push((Topic::RollbackAtStake, state.opened_at));
    }
    if let Some(s) = severity.propose_rollback_after_s {
        all.push((Topic::RollbackOverdue, after(s)));
    }
    // With diagnostics under way it is not known yet.
    let is_over = state.triage.is_some() || state.triage_impossible || !rules.has_diagnostics;
    if is_over && rules.rollback.is_none() && last.is_none() && !severity.ask_without_runbook.is_empty() {
        let at = after(severity.phases.get(1).map_or(NO_RUNBOOK_S, |phase| phase.from_s));
        let who: Vec<Option<Actor>> = match rules.without_runbook.as_slice() {
            [] => vec![None],
            known => known.iter().cloned().map(Some).collect(),
        };
        all.extend(who.into_iter().map(|who| (Topic::NoRunbook { who }, at)));
    }
}

/// Roles that somebody should have by now.
pub(super) fn missing_roles(state: &Incident) -> Vec<Role> {
    let is_missing = |role: &Role| !state.roles.iter().any(|(known, _)| known == role);
    [Role::CommunicationsLead, Role::Scribe].into_iter().filter(is_missing).collect()
}

/// From when it may be asked for: what somebody waits for after the last mention, everything else after the last question.
fn may_ask_from(state: &Incident, topic: &Topic) -> Option<DateTime<Utc>> {
    let reminders = &state.reminders;
    let last = match topic.urgency() {
        Urgency::Must => reminders.pinged_at,
        Urgency::Said | Urgency::Reminder => reminders.pinged_at.max(reminders.said_at),
    };
    last.map(|at| at + Duration::seconds(QUIET_S))
}

/// The one person who is asked.
fn asks(state: &Incident, look: &Look, about: &Topic) -> Option<Actor> {
    let is_person = |who: &&Actor| matches!(who, Actor::Person(_));
    let commander = state.commander.as_ref().map(|commander| &commander.who).filter(is_person);
    let on_call = look.rules.on_call.as_ref();
    if let Topic::NoRunbook { who } = about {
        return who.clone();
    }
    let Some(waiting) = look.waiting.iter().find(|waiting| waiting.topic == *about) else {
        return commander.or(on_call).cloned();
    };
    if waiting.commander_first {
        // Somebody else's yes would not count.
        let of_these = |who: &&Actor| waiting.who.contains(who);
        let first = commander.filter(of_these).or(on_call.filter(of_these)).or(waiting.who.first());
        // where nobody's would, somebody has to mend that
        return first.or(commander).or(on_call).cloned();
    }
    waiting.who.iter().find(is_person).or(commander).or(on_call).cloned()
}

fn may_mention(state: &Incident, rules: &Rules, about: &Topic, to: &Actor, now: DateTime<Utc>) -> bool {
    let reminders = &state.reminders;
    let of_all = reminders.all_off || rules.is_quiet;
    let wants_none = of_all || rules.quiet.contains(to) || reminders.off.contains(to);
    let is_turned_down = match about.urgency() {
        Urgency::Must => false,
        Urgency::Said => wants_none || reminders.held_until(now).is_some(),
        Urgency::Reminder => wants_none,
    };
    // what is another team's is no reason to call whom only the configuration names
    let is_by_time = !matches!(
        about,
        Topic::Approval { .. }
            | Topic::Question { .. }
            | Topic::RollbackRequested { .. }
            | Topic::MitigationFailed { .. }
    );
    let is_called = state.is_of_others() && state.commander.is_none() && is_by_time;
    matches!(to, Actor::Person(_)) && !is_turned_down && !is_called
}

impl Incident {
    /// Whom it asks for this now, and how: a message may leave long after it was decided. `None` when it asks no more.
    #[must_use]
    pub fn still_asks(&self, look: &Look, about: &Topic, now: DateTime<Utc>) -> Option<Asking> {
        let waits = look.waiting.iter().any(|waiting| waiting.topic == *about);
        let is_of_run = matches!(about, Topic::Approval { .. } | Topic::Question { .. });
        let is_so = if is_of_run { self.status.is_open() && waits } else { self.still_lacks(about, now) };
        is_so.then(|| asking(self, look, about, now))
    }

    fn still_lacks(&self, about: &Topic, now: DateTime<Utc>) -> bool {
        let reminders = &self.reminders;
        if !self.status.is_open() {
            return false;
        }
        if about.urgency() == Urgency::Reminder && (reminders.all_off || reminders.held_until(now).is_some())
        {
            return false;
        }
        let lasts = self.mitigated_at.is_none() && self.status < Status::Monitoring;
        match about {
            Topic::Commander => self.commander.is_none(),
            Topic::Severity => reminders.is_severity_guessed,
            Topic::Roles => !missing_roles(self).is_empty(),
            Topic::Update => {
                let asked = reminders.asked.get(about);
                self.update.as_ref().is_none_or(|update| asked.is_some_and(|asked| update.at < *asked))
            }
            Topic::Target { target_s } => lasts && self.target_s == Some(*target_s),
            Topic::RollbackRequested { .. }
            | Topic::RollbackAtStake
            | Topic::RollbackOverdue
            | Topic::MitigationFailed { .. }
            | Topic::NoRunbook { .. } => lasts,
            // that a run says
            Topic::Approval { .. } | Topic::Question { .. } => false,
        }
    }
}
