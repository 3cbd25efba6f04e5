//! What the timelines must be: a small, plain account of what the messages say, which knows nothing of how Blocks decides.
//!
//! It is told the messages in the order in which Blocks took them, each once. See docs/deliveries.md for the rules.

use std::collections::{BTreeMap, BTreeSet};

use super::life::{Act, Agent, Event, Life, Reply, What};
use super::wire::{APART, TOLD, told_text};

/// The severity of an incident of which nobody names one: the services' own.
const DEFAULT: &str = "P3";

/// A message: its life's number, and its place in it.
pub(super) type Key = (u64, usize);

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// It is acted on, or known already.
    Done,
    /// It is kept: nothing here is to be done about it.
    Kept,
    /// It is kept for a person: nobody can read it.
    Dead,
}

/// Where an incident stands for the pager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Triggered,
    Acknowledged,
    Over,
    /// Part of another.
    Merged,
}

/// An incident as it must be.
#[derive(Debug, Clone)]
pub(super) struct Incident {
    /// Its timeline.
    pub(super) lines: Vec<String>,
    title: String,
    stands: Stands,
    severity: String,
    guessed: bool,
    service: String,
    bridge: (Option<String>, bool),
    commanded: bool,
    /// When it was opened again last: whoever had it before then has it no more.
    reopened_at: Option<i64>,
    over_there: bool,
    /// The last word on whether it is over; on the severity, the service, the bridge, and who has it.
    said_at: i64,
    severity_at: i64,
    service_at: i64,
    bridge_at: i64,
    taken_at: Option<i64>,
    responders: BTreeSet<&'static str>,
    notes: BTreeSet<String>,
}

/// How it stands in the end, whatever the way there was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub(super) status: &'static str,
    pub(super) severity: String,
    pub(super) service: String,
    pub(super) bridge: Option<String>,
}

impl Incident {
    pub(super) fn end(&self) -> End {
        let status = match self.stands {
            Stands::Triggered => "triggered",
            Stands::Acknowledged => "acknowledged",
            Stands::Over => "resolved",
            Stands::Merged => "closed",
        };
        let (severity, service) = (self.severity.clone(), self.service.clone());
        End { status, severity, service, bridge: self.bridge.0.clone() }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Ideal {
    incidents: BTreeMap<String, Incident>,
    /// Messages about an incident that was not known yet, in the order in which they came.
    early: BTreeMap<String, Vec<Key>>,
}

/// Who, when and by which message.
struct Stamp<'a> {
    by: String,
    event: &'a Event,
}

impl Stamp<'_> {
    fn line(&self, what: impl std::fmt::Display) -> String {
        format!("{what} | {} | {} | {}", self.by, self.event.at, self.event.message_id())
    }
}

/// Who that is here.
pub(super) fn actor(agent: Agent) -> &'static str {
    match agent {
        Agent::Ana => "person:ana",
        Agent::Ben => "person:ben",
        Agent::Zed => "outside:pagerduty:Zed",
        Agent::Service | Agent::Nobody => "system:pagerduty",
    }
}

/// How they are called in a text.
fn called(agent: Agent) -> &'static str {
    match agent {
        Agent::Ana => "ana",
        Agent::Ben => "ben",
        _ => "outside:pagerduty:Zed",
    }
}

impl Ideal {
    /// The incident with the pager's id.
    pub(super) fn incident(&self, pager: &str) -> Option<&Incident> {
        self.incidents.get(pager)
    }

    /// Takes a message; says what becomes of it, and of those before it that waited for this one.
    pub(super) fn take(&mut self, life: &Life, place: usize, fates: &mut BTreeMap<Key, Fate>) {
        let Some(event) = life.events.get(place) else { return };
        let key = (life.number, place);
        if let What::Apart { which } = event.what {
            let reads = APART.get(which).is_some_and(|(_, reads)| *reads);
            fates.insert(key, if reads { Fate::Kept } else { Fate::Dead });
            return;
        }
        if self.incidents.contains_key(&life.pager) {
            self.tell(life, event);
            fates.insert(key, Fate::Done);
            return;
        }
        let waiting = self.early.get(&life.pager).cloned().unwrap_or_default();
        let ended = waiting.iter().filter_map(|(_, place)| life.events.get(*place));
        let is_over = ended.filter(|early| early.what == What::Resolved).any(|end| end.at >= event.at);
        let opens = matches!(event.what, What::Triggered | What::Acknowledged | What::Reopened);
        if !opens || is_over {
            self.early.entry(life.pager.clone()).or_default().push(key);
            fates.insert(key, Fate::Kept);
            return;
        }
        self.open(life, event);
        // what came before it was known is acted on now, and then what this one says beside that
        for (number, place) in self.early.remove(&life.pager).unwrap_or_default() {
            if let Some(event) = life.events.get(place) {
                self.tell(life, event);
            }
            fates.insert((number, place), Fate::Done);
        }
        self.tell(life, event);
        fates.insert(key, Fate::Done);
    }

    fn open(&mut self, life: &Life, event: &Event) {
        let stamp = Stamp { by: actor(event.agent).to_owned(), event };
        let severity = event.priority.map_or_else(|| DEFAULT.to_owned(), |n| format!("P{n}"));
        let service = event.service.1.to_owned();
        let line = format!("opened {severity} {service} {:?} {}", life.title, life.created);
        let incident = Incident {
            lines: vec![stamp.line(line)],
            title: life.title.clone(),
            stands: Stands::Triggered,
            severity,
            guessed: event.priority.is_none(),
            service,
            bridge: (None, false),
            commanded: false,
            reopened_at: None,
            over_there: false,
            said_at: event.at,
            severity_at: event.at,
            service_at: event.at,
            bridge_at: i64::MIN,
            taken_at: None,
            responders: BTreeSet::new(),
            notes: BTreeSet::new(),
        };
        self.incidents.insert(life.pager.clone(), incident);
    }

    /// What a message says of an incident that is known.
    fn tell(&mut self, life: &Life, event: &Event) {
        if let What::Merged { into } = &event.what {
            return self.merge(life, event, into);
        }
        let Some(one) = self.incidents.get_mut(&life.pager) else { return };
        let stamp = Stamp { by: actor(event.agent).to_owned(), event };
        match &event.what {
            What::Triggered | What::Merged { .. } | What::Apart { .. } => {}
            What::Acknowledged => one.acknowledge(&stamp),
            What::Unacknowledged => one.unacknowledge(&stamp),
            What::Resolved => one.resolve(&stamp),
            What::Reopened => one.reopen(&stamp),
            What::PriorityUpdated => one.name_severity(&stamp),
            What::ServiceUpdated => one.belong(&stamp),
            What::Note { id, text } => {
                if one.notes.insert(id.clone()) {
                    one.lines.push(stamp.line(format!("noted note: {text}")));
                }
            }
            What::Responder { who, reply } => one.hear_responder(&stamp, *who, *reply),
            What::Bridge { url } => one.meet(&stamp, url.as_ref()),
            What::StatusUpdate { text } => one.lines.push(stamp.line(format!("update {text}"))),
            What::Told { which, x } => {
                let what = TOLD.get(*which).map_or("", |(_, what)| what);
                one.lines.push(stamp.line(format!("noted {what}: {}", told_text(*which, *x))));
            }
        }
    }

    fn merge(&mut self, life: &Life, event: &Event, into: &str) {
        let stamp = Stamp { by: actor(event.agent).to_owned(), event };
        let other_is_led = self.incidents.get(into).map(Incident::is_led);
        let Some(one) = self.incidents.get_mut(&life.pager) else { return };
        match other_is_led {
            Some(true) if one.is_led() && one.said_at <= event.at => {
                one.lines.push(stamp.line("noted resolved: -"));
                one.lines.push(stamp.line(format!("merged into {into}")));
                (one.stands, one.over_there, one.said_at) = (Stands::Merged, true, event.at);
                let title = one.title.clone();
                if let Some(other) = self.incidents.get_mut(into) {
                    other.lines.push(stamp.line(format!("merged from {} {title:?}", life.pager)));
                }
            }
            Some(_) => one.resolve(&stamp),
            None => {
                let text = format!("into PagerDuty incident {into}, which is not known here");
                one.lines.push(stamp.line(format!("noted merged: {text}")));
                one.resolve(&stamp);
            }
        }
    }

    /// People here do this.
    pub(super) fn act(&mut self, pager: &str, act: &Act) {
        let Some(one) = self.incidents.get_mut(pager) else { return };
        let mut add = |what: &str| one.lines.push(format!("{what} | person:ana | - | request"));
        match act {
            Act::Take => {
                add("acknowledged blocks");
                add("commander person:ana");
                one.stands = Stands::Acknowledged;
                one.commanded = true;
                one.taken_at = Some(i64::MAX);
            }
            Act::Note { text } => add(&format!("note {text}")),
        }
    }
}

impl Incident {
    fn is_led(&self) -> bool {
        matches!(self.stands, Stands::Triggered | Stands::Acknowledged)
    }

    fn command(&mut self, stamp: &Stamp<'_>) {
        let is_somebody = matches!(stamp.event.agent, Agent::Ana | Agent::Ben | Agent::Zed);
        if is_somebody && !self.commanded {
            self.commanded = true;
            self.lines.push(stamp.line(format!("commander {}", stamp.by)));
        }
    }

    fn acknowledge(&mut self, stamp: &Stamp<'_>) {
        if !self.is_led() {
            return;
        }
        if self.stands == Stands::Triggered {
            self.lines.push(stamp.line("acknowledged pagerduty"));
            // that it has run out, or was opened again, may have been told first
            let is_lost =
                [self.taken_at, self.reopened_at].into_iter().flatten().any(|at| at > stamp.event.at);
            if !is_lost {
                self.stands = Stands::Acknowledged;
            }
            self.taken_at = self.taken_at.max(Some(stamp.event.at));
        }
        self.command(stamp);
    }

    fn unacknowledge(&mut self, stamp: &Stamp<'_>) {
        if !self.is_led() || self.taken_at.is_some_and(|at| at > stamp.event.at) {
            return;
        }
        self.taken_at = Some(stamp.event.at);
        match self.stands {
            Stands::Acknowledged => {
                self.lines.push(stamp.line("unacknowledged"));
                self.stands = Stands::Triggered;
            }
            _ => self.lines.push(stamp.line("noted unacknowledged: -")),
        }
    }

    fn resolve(&mut self, stamp: &Stamp<'_>) {
        if self.said_at > stamp.event.at {
            return;
        }
        if self.is_led() {
            self.lines.push(stamp.line("resolved pagerduty"));
            self.stands = Stands::Over;
            (self.over_there, self.said_at) = (true, stamp.event.at);
        } else {
            self.note_word(stamp, true);
        }
    }

    fn reopen(&mut self, stamp: &Stamp<'_>) {
        if self.said_at > stamp.event.at {
            return;
        }
        if self.is_led() {
            return self.note_word(stamp, false);
        }
        self.lines.push(stamp.line("reopened pagerduty"));
        // it waits for somebody, whoever had it before
        self.stands = Stands::Triggered;
        self.reopened_at = self.reopened_at.max(Some(stamp.event.at));
        // what a person took here has no time of the pager's
        self.taken_at = self.taken_at.filter(|at| *at < i64::MAX);
        (self.over_there, self.said_at) = (false, stamp.event.at);
    }

    /// It says what is so here: when it said so is kept, where that is news.
    fn note_word(&mut self, stamp: &Stamp<'_>, over: bool) {
        let at = stamp.event.at;
        let is_same_second = self.over_there == over && self.said_at / 1_000 >= at / 1_000;
        if self.said_at >= at || is_same_second {
            return;
        }
        let word = if over { "resolved" } else { "reopened" };
        self.lines.push(stamp.line(format!("noted {word}: -")));
        self.said_at = at;
        self.over_there |= over;
    }

    fn name_severity(&mut self, stamp: &Stamp<'_>) {
        let Some(n) = stamp.event.priority else {
            return self.lines.push(stamp.line("noted priority_changed: -"));
        };
        if self.severity_at > stamp.event.at {
            return;
        }
        let to = format!("P{n}");
        if to != self.severity {
            self.lines.push(stamp.line(format!("severity {} -> {to}", self.severity)));
        } else if self.guessed || self.severity_at < stamp.event.at {
            self.lines.push(stamp.line("severity confirmed"));
        }
        (self.severity, self.guessed, self.severity_at) = (to, false, stamp.event.at);
    }

    fn belong(&mut self, stamp: &Stamp<'_>) {
        if self.service_at > stamp.event.at {
            return;
        }
        let to = stamp.event.service.1;
        if to == self.service {
            self.lines.push(stamp.line(format!("noted service: {to}")));
        } else {
            self.lines.push(stamp.line(format!("service {} -> {to}", self.service)));
        }
        (self.service, self.service_at) = (to.to_owned(), stamp.event.at);
    }

    fn meet(&mut self, stamp: &Stamp<'_>, url: Option<&String>) {
        if self.bridge_at > stamp.event.at {
            return;
        }
        let next = (url.cloned(), true);
        if next != self.bridge {
            let at = url.map_or("-", String::as_str);
            self.lines.push(stamp.line(format!("bridge {at} desk: +1 555 0100")));
            (self.bridge, self.bridge_at) = (next, stamp.event.at);
        }
    }

    fn hear_responder(&mut self, stamp: &Stamp<'_>, who: Agent, reply: Reply) {
        let what = match reply {
            Reply::Added => "a responder was asked",
            Reply::Accepted => "a responder comes",
            Reply::Declined => "a responder does not come",
        };
        self.lines.push(stamp.line(format!("noted {what}: {}: Please come", called(who))));
        let is_known = matches!(who, Agent::Ana | Agent::Ben);
        if reply == Reply::Accepted && is_known && self.is_led() && self.responders.insert(actor(who)) {
            self.lines.push(stamp.line(format!("role responder {}", actor(who))));
        }
    }
}
