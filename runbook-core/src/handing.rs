//! What whoever takes over has to know: of one incident, and of a whole shift. Read from what is on record; what nobody
//! recorded is written as unknown.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use serde::Serialize;

use crate::incident::{Incident, RunOutcome};
use crate::incident_text::{self, action_line};
use crate::journal::millis;
use crate::people::{Actor, Person};
use crate::run::{CommandPhase, Run, Status};
use crate::severity::Severity;
use crate::stays;
use crate::view;

/// Lines of one kind; how many more there are is said.
const FEW: usize = 5;
/// Hours that are looked through for a time of day that a zone has.
const LONGEST_GAP_MIN: i64 = 24 * 60;

/// One incident, for whoever takes it over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// `INC-12`.
    pub number: String,
    /// What it is about.
    pub title: String,
    /// Only named people see it.
    pub private: bool,
    /// Severity id.
    pub severity: String,
    /// The service.
    pub service: String,
    /// Status word.
    pub status: String,
    /// The phase that it should be in; unknown where the severity has none now.
    pub phase: Option<String>,
    /// Time to mitigate against its target, in words.
    pub target: String,
    /// Who commands.
    pub commander: Option<String>,
    /// What people had done.
    pub done: Vec<String>,
    /// Runs that have not ended.
    pub open_runs: Vec<String>,
    /// What waits for a person: approvals and questions, with whom they are for where that is known.
    pub waits: Vec<String>,
    /// What people outside were told last.
    pub update: Option<String>,
    /// When they are to be told next.
    #[serde(with = "millis::option")]
    pub update_due: Option<DateTime<Utc>>,
    /// What can go wrong from here.
    pub risks: Vec<String>,
    /// What is on offer to somebody who has not taken it yet.
    pub offered: Vec<String>,
    /// What was to be done by now, and is not.
    pub overdue: Vec<String>,
}

/// How one incident stands. `today` is the date where the team is.
#[must_use]
pub fn standing(
    incident: &Incident,
    runs: &[Run],
    severity: Option<&Severity>,
    now: DateTime<Utc>,
    today: NaiveDate,
) -> Standing {
    let card = view::card(incident, runs, severity, None, &BTreeMap::new(), now);
    let asked: Vec<&Run> = runs.iter().filter(|run| !run.unasked).collect();
    let named = |run: &Run| format!("{} {}", run.plan.title, view::state_words(run));
    let is_over = |run: &&&Run| !run.status.is_open();
    let holder = |run: &Run| {
        let holder = incident.holder_of(run.id, &run.requester);
        format!("{} (run {}, answers to {holder})", named(run), run.id)
    };
    Standing {
        number: card.number.clone(),
        title: card.title.clone(),
        private: incident.private,
        severity: card.severity.clone(),
        service: card.service.clone(),
        status: card.status.clone(),
        phase: card.phase.clone(),
        target: match card.target_s {
            Some(_) => incident_text::target(&card, now),
            None => format!("{}; no target is known", incident_text::target(&card, now)),
        },
        commander: card.commander.clone(),
        done: asked.iter().filter(is_over).map(|run| named(run)).collect(),
        open_runs: asked.iter().filter(|run| run.status.is_open()).map(|run| holder(run)).collect(),
        waits: asked.iter().filter(|run| view::waits_for_people(run)).map(|run| waits(run)).collect(),
        update: card.update.clone(),
        update_due: card.update_due,
        risks: asked.iter().flat_map(|run| risks(run)).collect(),
        offered: incident
            .passed
            .offers
            .iter()
            .map(|offer| {
                let what = offer.run.map_or_else(|| "command".to_owned(), |run| format!("run {run}"));
                let until = offer.until.format("%H:%M UTC");
                format!("{what}, to {}, who has not taken it yet (until {until})", offer.to)
            })
            .collect(),
        overdue: overdue(incident, today),
    }
}

/// What was to be done by now, and is not.
#[must_use]
pub fn overdue(incident: &Incident, today: NaiveDate) -> Vec<String> {
    let is_late = |due: Option<NaiveDate>| due.is_some_and(|due| due < today);
    let late = incident.actions.iter().filter(|item| item.done_at.is_none() && is_late(item.due));
    late.map(action_line).collect()
}

fn waits(run: &Run) -> String {
    let until = match run.status {
        Status::WaitingForApproval { expires_at } => format!(", until {}", expires_at.format("%H:%M UTC")),
        _ => String::new(),
    };
    format!("{} {}{until}: `/blocks runbook status {}`", run.plan.title, view::state_words(run), run.id)
}

/// What of a run can go wrong from here: what cannot be taken back, what nobody knows, and what keeps others out.
fn risks(run: &Run) -> Vec<String> {
    let about = |what: String| format!("{} (run {}): {what}", run.plan.title, run.id);
    let mut lines = Vec::new();
    if let Status::UndoFailed { reason } = &run.status {
        lines.push(about(format!("UNDO FAILED: {reason}")));
    }
    let doubts = run.commands.values().filter(|phase| matches!(phase, CommandPhase::InDoubt { .. })).count();
    if doubts > 0 && run.status.is_open() {
        lines.push(about(format!("in doubt: it is not known whether {doubts} of its commands ran")));
    }
    if run.status != Status::Undone {
        // What an undo can still take back is no risk of its own.
        let gone = stays::what_stays(run).into_iter().filter(|line| line.contains("no return"));
        lines.extend(gone.map(about));
    }
    if run.holds_target() {
        lines.push(about(format!("it keeps {} locked for others", run.plan.target)));
    }
    lines
}

impl Standing {
    /// All of it, a line for each thing, without the number and title that stand above it.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let phase = self.phase.as_ref().map_or_else(String::new, |phase| format!(", should be in {phase}"));
        let mut lines = vec![
            format!("{}{phase}; {}", self.status, self.target),
            format!("commander: {}", self.commander.as_deref().unwrap_or("nobody")),
            format!("done: {}", few(&self.done, "no runbook has ended that people ran")),
            format!("open runs: {}", few(&self.open_runs, "none")),
            format!("waits for people: {}", few(&self.waits, "nothing")),
            self.told(),
            format!("risks: {}", few(&self.risks, "none on record")),
        ];
        lines.extend((!self.offered.is_empty()).then(|| format!("on offer: {}", few(&self.offered, ""))));
        lines.extend((!self.overdue.is_empty()).then(|| format!("overdue: {}", few(&self.overdue, ""))));
        lines.into_iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    fn told(&self) -> String {
        let last = self.update.as_deref().unwrap_or("unknown, nothing was recorded");
        let next = match self.update_due {
            Some(due) => format!("due by {}", due.format("%H:%M UTC")),
            None => "unknown, the severity sets no interval".to_owned(),
        };
        format!("people outside were told: {last}; next update: {next}")
    }

    /// Its headline.
    #[must_use]
    pub fn head(&self) -> String {
        format!("{} {} {}: {}", self.number, self.severity, self.service, self.title)
    }
}

/// A whole shift.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shift {
    /// When it was looked at.
    #[serde(with = "millis")]
    pub at: DateTime<Utc>,
    /// Who takes it, where somebody is named.
    pub to: Option<String>,
    /// Every open incident that is told here.
    pub incidents: Vec<Standing>,
    /// How many open ones are private and not told here.
    pub private_hidden: usize,
    /// Open runs that serve no incident.
    pub other_runs: Vec<String>,
    /// What waits for a person of these.
    pub other_waits: Vec<String>,
    /// What can go wrong with these.
    pub other_risks: Vec<String>,
    /// What was to be done because of incidents that are over.
    pub overdue: Vec<String>,
    /// Who can be called, and who cannot.
    pub contacts: Vec<Contact>,
}

/// Whether somebody can be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contact {
    /// The person.
    pub name: String,
    /// What they are for: `commands INC-1`, `takes the shift`, `primary`.
    pub why: Vec<String>,
    /// A number is configured.
    pub has_phone: bool,
    /// The number, where whoever reads this may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

impl Shift {
    /// Adds a run that serves no incident.
    pub fn other_run(&mut self, run: &Run) {
        if run.status.is_open() {
            self.other_runs.push(format!("{} {} (run {})", run.plan.title, view::state_words(run), run.id));
        }
        self.other_waits.extend(view::waits_for_people(run).then(|| waits(run)));
        self.other_risks.extend(risks(run));
    }

    /// Adds whom somebody who takes over may have to call.
    pub fn contact(&mut self, person: &Person, why: &str, shows_number: bool) {
        let known = self.contacts.iter_mut().find(|contact| contact.name == person.name);
        if let Some(known) = known {
            if !known.why.iter().any(|known| known == why) {
                known.why.push(why.to_owned());
            }
            return;
        }
        let number = person.phone.as_ref().map(|phone| phone.number().to_owned());
        self.contacts.push(Contact {
            name: person.name.clone(),
            why: vec![why.to_owned()],
            has_phone: number.is_some(),
            phone: number.filter(|_| shows_number),
        });
    }

    /// All of it as text.
    #[must_use]
    pub fn text(&self) -> String {
        let count = match self.incidents.len() {
            0 => "no open incident".to_owned(),
            1 => "1 open incident".to_owned(),
            many => format!("{many} open incidents"),
        };
        let to = self.to.as_ref().map_or_else(String::new, |to| format!(" to {to}"));
        let mut lines =
            vec![format!("Hand-over of the shift{to}, {}: {count}", self.at.format("%Y-%m-%d %H:%M UTC"))];
        for standing in &self.incidents {
            lines.push(standing.head());
            lines.extend(standing.lines().into_iter().map(|line| format!("  {line}")));
        }
        lines.extend((self.private_hidden > 0).then(|| {
            format!("{} more, private, told to nobody here: `/blocks incident list`", self.private_hidden)
        }));
        if !self.other_runs.is_empty() || !self.other_risks.is_empty() {
            lines.push(format!("runs without an incident: {}", few(&self.other_runs, "none")));
            lines.push(format!("  waits for people: {}", few(&self.other_waits, "nothing")));
            lines.push(format!("  risks: {}", few(&self.other_risks, "none on record")));
        }
        lines.push(format!("overdue of what is over: {}", few(&self.overdue, "nothing")));
        lines.extend(self.contact_lines());
        lines.join("\n")
    }

    fn contact_lines(&self) -> Vec<String> {
        let named = |contact: &Contact| {
            let number = contact.phone.as_ref().map_or_else(String::new, |phone| format!(" {phone}"));
            format!("{}{number} ({})", contact.name, contact.why.join(", "))
        };
        let (has, misses): (Vec<_>, Vec<_>) = self.contacts.iter().partition(|contact| contact.has_phone);
        let has: Vec<String> = has.into_iter().map(named).collect();
        let misses: Vec<String> = misses.into_iter().map(named).collect();
        let mut lines = Vec::new();
        lines.push(format!(
            "phone on file: {}",
            if has.is_empty() { "nobody".to_owned() } else { has.join("; ") }
        ));
        if !misses.is_empty() {
            lines.push(format!("phone MISSING: {}", misses.join("; ")));
        }
        lines
    }
}

/// Splits a text between its lines into parts of at most so many characters.
#[must_use]
pub fn parts(text: &str, most: usize) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for line in text.lines() {
        let line: String = line.chars().take(most).collect();
        match parts.last_mut() {
            Some(part) if part.chars().count() + line.chars().count() < most => {
                part.push('\n');
                part.push_str(&line);
            }
            _ => parts.push(line),
        }
    }
    parts
}

/// The next moment at which clocks of a zone show this time of day, after `after`. A time that a day does not have, because
/// clocks go forward over it, is the first one behind the gap; one that it has twice is the first of the two.
#[must_use]
pub fn next_at<Z: TimeZone>(zone: &Z, at: NaiveTime, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let today = after.with_timezone(zone).date_naive();
    // Yesterday's may still come where a gap has put it behind midnight.
    [today.pred_opt(), Some(today), today.succ_opt(), today.succ_opt().and_then(|day| day.succ_opt())]
        .into_iter()
        .flatten()
        .filter_map(|day| moment(zone, day.and_time(at)))
        .find(|moment| *moment > after)
}

/// The first moment at which clocks of a zone show this, or where they skip it, what is behind the gap.
pub(crate) fn moment<Z: TimeZone>(zone: &Z, local: NaiveDateTime) -> Option<DateTime<Utc>> {
    (0..=LONGEST_GAP_MIN).find_map(|minutes| {
        let local = local.checked_add_signed(chrono::Duration::minutes(minutes))?;
        zone.from_local_datetime(&local).earliest().map(|at| at.with_timezone(&Utc))
    })
}

/// Whether a run's outcome leaves something for whoever takes over: it is open, or half undone.
#[must_use]
pub fn is_left(outcome: Option<RunOutcome>) -> bool {
    matches!(outcome, None | Some(RunOutcome::UndoFailed))
}

/// The people whom somebody may have to call because of an incident: who commands, and who has a part in it.
#[must_use]
pub fn involved(incident: &Incident) -> Vec<(&Actor, String)> {
    let commander = incident.commander.iter();
    let commander = commander.map(|commander| (&commander.who, format!("commands {}", incident.number)));
    let roles = incident.roles.iter();
    let roles = roles.map(|(role, who)| (who, format!("{} of {}", role.words(), incident.number)));
    let holders = incident.passed.holders.iter();
    let holders = holders.map(|(run, who)| (who, format!("answers for run {run}")));
    commander.chain(roles).chain(holders).collect()
}

fn few(lines: &[String], none: &str) -> String {
    if lines.is_empty() {
        return none.to_owned();
    }
    let shown = lines.iter().take(FEW).cloned().collect::<Vec<_>>().join("; ");
    match lines.len().saturating_sub(FEW) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

#[cfg(test)]
#[path = "handing_tests.rs"]
mod tests;
