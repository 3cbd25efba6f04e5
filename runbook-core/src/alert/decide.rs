//! What becomes of one alert, and why.

use chrono::{DateTime, TimeDelta, Utc};

use super::about::{About, SeverityFound};
use super::notice::SentAlert;
use super::policy::AlertPolicy;
use super::row::AlertRow;
use crate::duration::for_people;
use crate::ids::{IncidentId, IncidentNumber};

/// So long after an alert's end it may still be told that it had begun: messages come in any order. A sender's clock may be as much
/// ahead of ours.
const LATE: TimeDelta = TimeDelta::seconds(60);
/// Turns that are kept of one alert.
const TURNS_KEPT: usize = 32;

/// One alert as it was told.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// Who sends it.
    pub source: &'a str,
    /// Which of those of that name.
    pub sender: Option<&'a str>,
    /// The sender's group.
    pub group: Option<&'a str>,
    /// The alert.
    pub alert: &'a SentAlert,
    /// What it is about.
    pub about: &'a About,
    /// How severe it is.
    pub severity: &'a SeverityFound,
    /// Its service is led privately.
    pub private: bool,
    /// It joins an open incident of its service however long nothing has come to that.
    pub anytime: bool,
    /// No message names it: its whole group is over.
    pub with_group: bool,
    /// When the message was received that tells of it: it may have waited, also among the dead letters.
    pub received_at: DateTime<Utc>,
}

/// An incident that an alert may belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its identity.
    pub id: IncidentId,
    /// Its display number.
    pub number: IncidentNumber,
    /// When it ended; `None` while it is open.
    pub ended_at: Option<DateTime<Utc>>,
    /// When it was opened, where the pager has it, too, and it is open.
    pub paged_at: Option<DateTime<Utc>>,
    /// A person ended it in a way that is not taken back: as no incident, or as a part of another.
    pub is_final: bool,
    /// Few may read it.
    pub private: bool,
}

/// What there is around an alert that could take it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Around {
    /// The incident that it belonged to last; the other one, where that has become part of another.
    pub own: Option<Holder>,
    /// The open incident that holds alerts of the sender's group.
    pub group: Option<Holder>,
    /// The open incident whose page has the key of the sender's group.
    pub paged: Option<Holder>,
    /// The open incident of its service (of its name, where nothing names the service), and when that opened or the last alert came
    /// to it.
    pub storm: Option<(Holder, DateTime<Utc>)>,
}

/// What becomes of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It opens an incident.
    Opens,
    /// It joins this one.
    Joins(IncidentId),
    /// It fires again in this one, which is open.
    FiresAgain(IncidentId),
    /// It opens this one again.
    Reopens(IncidentId),
    /// It has ended; its incident, where it has one.
    Ends(Option<IncidentId>),
    /// Its incident has become a part of this one, and it goes along; it says nothing new itself.
    Follows(IncidentId),
    /// It was so already, or says nothing new.
    Stays,
    /// Maintenance silences it.
    Silenced,
    /// Its severity opens no incident.
    OpensNone,
}

/// Decides about one alert: what becomes of it, and its row after that. An opened incident's id is put into the row by whoever
/// opens it.
#[must_use]
pub fn decide(
    told: Told<'_>,
    known: Option<&AlertRow>,
    around: &Around,
    policy: &AlertPolicy,
    now: DateTime<Utc>,
) -> (What, AlertRow) {
    let followed = known.and_then(|row| followed(row, around, now));
    let before = followed.as_ref().or(known);
    let (what, row) = heard(told, before, around, policy, now);
    let row = discreet(what, row, told, before, around);
    (follows(what, followed.as_ref()), row)
}

/// The row as others may read it: in an incident that is not private an alert whose service is private by now is shown as it was
/// told before.
fn discreet(
    what: What,
    mut row: AlertRow,
    told: Told<'_>,
    before: Option<&AlertRow>,
    around: &Around,
) -> AlertRow {
    let is_there = |own: &Holder| !own.private && row.incident == Some(own.id) && what != What::Opens;
    let stays = told.private && around.own.as_ref().is_some_and(is_there);
    if let Some(before) = before.filter(|_| stays) {
        row.title.clone_from(&before.title);
        row.alert.links.clone_from(&before.alert.links);
    }
    row
}

/// The row of an alert whose incident has become a part of another one: it belongs to that.
#[must_use]
pub fn along(row: AlertRow, into: &Holder, now: DateTime<Utc>) -> AlertRow {
    let why = format!("the incident where it was has become a part of {}", into.number);
    decided(joins(row, into.id, now), "followed", why, now)
}

fn followed(row: &AlertRow, around: &Around, now: DateTime<Utc>) -> Option<AlertRow> {
    let own = around.own.as_ref().filter(|own| row.incident.is_some_and(|was| was != own.id))?;
    Some(along(row.clone(), own, now))
}

/// What went along and says nothing else has at least to be counted there.
fn follows(what: What, followed: Option<&AlertRow>) -> What {
    match (what, followed.and_then(|row| row.incident)) {
        (What::Stays, Some(into)) => What::Follows(into),
        (what, _) => what,
    }
}

fn heard(
    told: Told<'_>,
    known: Option<&AlertRow>,
    around: &Around,
    policy: &AlertPolicy,
    now: DateTime<Utc>,
) -> (What, AlertRow) {
    let mut sent = told.alert.clone();
    sent.starts_at = credible(sent.starts_at, now);
    let told = Told { alert: &sent, received_at: told.received_at.min(now), ..told };
    let mut row = known.cloned().unwrap_or_else(|| fresh(told, now));
    let was = known.map(|row| row.alert.clone());
    if let Some(was) = &was
        && let Some(why) =
            is_older(&row, told.received_at, now).or_else(|| is_late(&row, was, told.alert, now))
    {
        return (What::Stays, decided(row, "told_late", why, now));
    }
    let turned = was.as_ref().is_none_or(|was| was.firing != told.alert.firing);
    row.sender = told.sender.map(str::to_owned);
    row.group = told.group.map(str::to_owned).or(row.group);
    row.ended_unnamed = told.with_group;
    row.alert.clone_from(told.alert);
    row.title.clone_from(&told.about.title);
    row.service.clone_from(&told.about.service);
    row.private = told.private;
    row.seen_at = told.received_at;
    if turned && was.is_some() {
        row.turned_at = now;
        row.turns.retain(|at| *at > now - policy.flap);
        row.turns.push(now);
        let surplus = row.turns.len().saturating_sub(TURNS_KEPT);
        row.turns.drain(..surplus);
    }
    if row.damped {
        return (What::Stays, row);
    }
    let flaps = turned && policy.flap_turns > 0 && row.turns.len() >= policy.flap_turns;
    if !flaps {
        return if told.alert.firing {
            fires(told, row, turned, around, policy, now)
        } else {
            ends(row, turned, now)
        };
    }
    // what comes and goes holds its incident open
    let (what, mut row) =
        if told.alert.firing { fires(told, row, true, around, policy, now) } else { (What::Stays, row) };
    row.damped = true;
    let (count, window) = (row.turns.len(), span(policy.flap));
    let why = format!(
        "it began or ended {count} times within {window}: nothing changes by it until it is steady for {}",
        span(policy.steady)
    );
    (what, decided(row, "damped", why, now))
}

/// Decides about a row that is watched, without anything new: maintenance may be over, and what was damped may be steady. `None`
/// while it is not.
#[must_use]
pub fn settle(
    told: Told<'_>,
    row: &AlertRow,
    around: &Around,
    policy: &AlertPolicy,
    now: DateTime<Utc>,
) -> Option<(What, AlertRow)> {
    let followed = followed(row, around, now);
    let (what, row) = steadied(told, followed.as_ref().unwrap_or(row), around, policy, now)?;
    Some((follows(what, followed.as_ref()), row))
}

fn steadied(
    told: Told<'_>,
    row: &AlertRow,
    around: &Around,
    policy: &AlertPolicy,
    now: DateTime<Utc>,
) -> Option<(What, AlertRow)> {
    if !is_due(told.about, row, policy, now) {
        return None;
    }
    let mut row = row.clone();
    if row.damped {
        row.damped = false;
        row.turns.clear();
        if !told.alert.firing {
            let was_firing = row.firing;
            return Some(ends(row, was_firing, now));
        }
        let why = format!("it is steady: it fires since {}", clock(row.turned_at));
        let was_firing = row.firing;
        return Some(fires(told, decided(row, "steady", why, now), !was_firing, around, policy, now));
    }
    row.silenced = false;
    Some(fires(told, row, true, around, policy, now))
}

/// Whether [`settle`] has something to decide about a row: what came and went is steady, or the maintenance that silenced what fires
/// is over.
#[must_use]
pub fn is_due(about: &About, row: &AlertRow, policy: &AlertPolicy, now: DateTime<Utc>) -> bool {
    if row.damped {
        return now >= row.turned_at + policy.steady;
    }
    row.silenced && row.alert.firing && silenced(about, &row.alert, policy, now).is_none()
}

fn fires(
    told: Told<'_>,
    mut row: AlertRow,
    turned: bool,
    around: &Around,
    policy: &AlertPolicy,
    now: DateTime<Utc>,
) -> (What, AlertRow) {
    if !turned && row.silenced && silenced(told.about, told.alert, policy, now).is_some() {
        return (What::Stays, row);
    }
    // what maintenance had silenced has not been dealt with
    let turned = turned || row.silenced;
    // what a person has ended stays ended while its alert goes on, for as long as it would be opened again
    let is_dealt_with = match &around.own {
        Some(own) => own.is_final || own.ended_at.is_none_or(|at| now < at + policy.reopen),
        None => row.became() == "no_incident",
    };
    if !turned && is_dealt_with {
        return (What::Stays, row);
    }
    // what has become private since goes into nothing that others read
    let own = around.own.as_ref().filter(|own| own.private || !told.private);
    if let Some(own) = own.filter(|own| own.ended_at.is_none()) {
        row.firing = true;
        let why = format!("the same alert is in {}, which is open", own.number);
        return (What::FiresAgain(own.id), decided(joins(row, own.id, now), "fires_again", why, now));
    }
    if let Some(why) = silenced(told.about, told.alert, policy, now) {
        row.silenced = true;
        row.firing = false;
        return (What::Silenced, decided(row, "silenced", why, now));
    }
    row.silenced = false;
    if let SeverityFound::OpensNone { reason } = told.severity {
        row.firing = false;
        let reason = reason.clone();
        return (What::OpensNone, decided(row, "no_incident", reason, now));
    }
    row.firing = true;
    let ended = own.and_then(|own| Some((own, own.ended_at?)));
    let storm = around.storm.as_ref().filter(|(_, since)| told.anytime || now < *since + policy.storm);
    // the page for what fires again now was faster, and has opened one
    let pages = || around.paged.iter().chain(storm.map(|(other, _)| other));
    let is_paged_since =
        |at: DateTime<Utc>| pages().any(|other| other.paged_at.is_some_and(|paged_at| paged_at >= at));
    let before = match ended {
        Some((own, at)) if !own.is_final && turned && now < at + policy.reopen && !is_paged_since(at) => {
            let why = format!(
                "the same alert fires again {} after {} ended, within {}",
                span(now - at),
                own.number,
                span(policy.reopen)
            );
            return (What::Reopens(own.id), decided(joins(row, own.id, now), "reopened", why, now));
        }
        // few know of that one, and many read this reason
        Some((own, _)) if own.private && !told.private => String::new(),
        Some((own, _)) if own.is_final => format!("; {}, where it was, is closed for good", own.number),
        Some((own, at)) => format!("; {}, where it was, ended {} ago", own.number, span(now - at)),
        None => String::new(),
    };
    if let Some(other) = &around.group {
        let why = format!("{} holds alerts of the same group of {}{before}", other.number, told.source);
        return (What::Joins(other.id), decided(joins(row, other.id, now), "joined", why, now));
    }
    if let Some(other) = &around.paged {
        let why = format!("the page of {} has the key of its group of {}{before}", other.number, told.source);
        return (What::Joins(other.id), decided(joins(row, other.id, now), "joined", why, now));
    }
    if let Some((other, _)) = storm {
        let of = if told.about.is_of_nobody() {
            format!("alerts of the name {} came to it", told.about.name.as_deref().unwrap_or("it has"))
        } else {
            format!("is of the same service, {}", told.about.service)
        };
        let how_long = if told.anytime {
            "is open".to_owned()
        } else {
            format!("has gathered for less than {}", span(policy.storm))
        };
        let why = format!("{} {of}, and {how_long}{before}", other.number);
        return (What::Joins(other.id), decided(joins(row, other.id, now), "joined", why, now));
    }
    let of_service = if told.anytime {
        "is of its service".to_owned()
    } else {
        format!("alerts of its service within {}", span(policy.storm))
    };
    let why = format!("no open incident holds this alert, its group, or {of_service}{before}");
    row.joined_at = Some(now);
    (What::Opens, decided(row, "opened", why, now))
}

fn ends(mut row: AlertRow, turned: bool, now: DateTime<Utc>) -> (What, AlertRow) {
    let was_firing = std::mem::take(&mut row.firing);
    row.silenced = false;
    if !turned {
        return (What::Stays, row);
    }
    let why = match (row.incident, row.ended_unnamed) {
        (Some(_), true) => "the sender says that its whole group is over, and left it out".to_owned(),
        (Some(_), false) => "the sender says that it has ended".to_owned(),
        (None, _) => "it has ended, and is in no incident".to_owned(),
    };
    let incident = row.incident.filter(|_| was_firing);
    (What::Ends(incident), decided(row, "ended", why, now))
}

/// A start as it is told; none where it is yet to come. Were it kept, everything that is told until then would be about a time before.
fn credible(starts_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    starts_at.filter(|at| *at <= now + LATE)
}

/// Why a word does not count that was received before the newest one, where it was. Were a clock of ours set back, nothing would count
/// until it has caught up: a newest word that is yet to come is none to go by.
fn is_older(row: &AlertRow, received_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<String> {
    let at = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%S UTC");
    (received_at < row.seen_at && row.seen_at <= now).then(|| {
        format!("it was received at {}, and newer words of it at {}", at(received_at), at(row.seen_at))
    })
}

/// Why a word comes too late to count, where it does.
fn is_late(row: &AlertRow, was: &SentAlert, told: &SentAlert, now: DateTime<Utc>) -> Option<String> {
    let (began, known) = (told.starts_at?, credible(was.starts_at, now)?);
    if !told.firing {
        // Each of a pair of senders has a start of its own, so an earlier one alone makes no end late: one that came after the known
        // start ends what is known. Where nobody says when it ended the start is all there is to go by, and an earlier one is taken
        // for the end of a former time: what is held open for too long is seen, what is closed while it fires is not.
        let is_former = began < known && told.ends_at.is_none_or(|ended| ended < known);
        return is_former.then(|| format!("it is about a time before {}, when it last began", clock(known)));
    }
    // One that fires with an earlier start, while it fires, brings that start and nothing else. After its end it is late for a while,
    // as the start of what has ended; what then still says so is believed, or the alert would be deaf to that sender. An end that nobody
    // has named makes nothing late: that it fires is said of it, and that it had ended was not.
    let is_of_the_ended = !was.firing
        && !row.ended_unnamed
        && (began <= known || was.ends_at.is_some_and(|ended| began < ended));
    (is_of_the_ended && now < row.turned_at + LATE)
        .then(|| format!("that it began at {} is told after its end", clock(began)))
}

fn silenced(about: &About, alert: &SentAlert, policy: &AlertPolicy, now: DateTime<Utc>) -> Option<String> {
    let window = policy.maintenance.iter().find(|one| one.covers(about, &alert.labels, now))?;
    let until = window.until.format("%Y-%m-%d %H:%M UTC");
    Some(format!("maintenance until {until}: {}", window.reason))
}

fn joins(mut row: AlertRow, incident: IncidentId, now: DateTime<Utc>) -> AlertRow {
    if row.incident != Some(incident) {
        row.incident = Some(incident);
        row.joined_at = Some(now);
    }
    row
}

fn decided(mut row: AlertRow, became: &str, why: String, now: DateTime<Utc>) -> AlertRow {
    row.decide(became, why, now);
    row
}

/// The row of an alert that nobody has told of before.
fn fresh(told: Told<'_>, now: DateTime<Utc>) -> AlertRow {
    AlertRow {
        source: told.source.to_owned(),
        fingerprint: told.alert.fingerprint.clone(),
        sender: None,
        group: None,
        alert: told.alert.clone(),
        title: told.about.title.clone(),
        service: told.about.service.clone(),
        private: told.private,
        firing: false,
        incident: None,
        joined_at: None,
        ended_unnamed: false,
        turned_at: now,
        seen_at: told.received_at,
        turns: Vec::new(),
        damped: false,
        silenced: false,
        decisions: Vec::new(),
    }
}

fn span(span: TimeDelta) -> String {
    for_people(span.num_seconds().unsigned_abs())
}

fn clock(at: DateTime<Utc>) -> String {
    at.format("%H:%M:%S UTC").to_string()
}
