//! What happens at the pager, from a seed: lives of incidents, event by event, and messages that are about none.

use std::collections::BTreeSet;

use crate::crash::Random;

/// The services by their ids at the pager; the last one is not configured here.
pub(super) const SERVICES: [(&str, &str); 4] =
    [("PSHOP01", "shop"), ("PPAY001", "pay"), ("PSTOCK1", "stock"), ("PLEGACY", "legacy")];
/// The service whose incidents are looked at with a runbook.
pub(super) const LOOKED: (&str, &str) = ("PLOOK01", "search");
/// Where time begins, in milliseconds since 1970: 2026-01-01.
const BEGIN: i64 = 1_767_225_600_000;
/// Events of one incident are at least so far apart: what happens within one second has no order that the pager tells.
const APART: u64 = 1_500;

/// How an incident's messages are sent, and what else happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// In the order in which they happened, as the pager promises.
    Orderly,
    /// In another order, which is more than the pager may do.
    Disordered,
    /// In order, and people here take it and write notes, which the pager is told.
    Acted,
    /// In order, and a runbook looks at it and tells the pager.
    Looked,
    /// One message comes again some hundred times.
    Storm,
    /// Messages that are about no incident, or that nobody can read.
    Apart,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Orderly => "in order",
            Kind::Disordered => "out of order",
            Kind::Acted => "led from both sides",
            Kind::Looked => "looked at",
            Kind::Storm => "stormy",
            Kind::Apart => "about no incident",
        }
    }

    fn of(number: u64, random: &mut Random) -> Kind {
        match (Kind::rare(number), random.below(100)) {
            (Some(kind), _) => kind,
            (None, 0..6) => Kind::Apart,
            (None, 6..24) => Kind::Disordered,
            (None, _) => Kind::Orderly,
        }
    }

    /// Each of these is there early, so that a short run has it.
    fn rare(number: u64) -> Option<Kind> {
        match number {
            3 => Some(Kind::Acted),
            5 => Some(Kind::Looked),
            7 => Some(Kind::Storm),
            _ if number % 250 == 103 => Some(Kind::Acted),
            _ if number % 400 == 205 => Some(Kind::Looked),
            _ if number % 2_000 == 1_007 => Some(Kind::Storm),
            _ => None,
        }
    }
}

/// Who does it at the pager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Agent {
    /// Known here as `ana`.
    Ana,
    /// Known here as `ben`.
    Ben,
    /// A user there and nobody here.
    Zed,
    /// A service there.
    Service,
    /// Nobody is named.
    Nobody,
}

impl Agent {
    fn user(random: &mut Random) -> Agent {
        match random.below(5) {
            0 | 1 => Agent::Ana,
            2 | 3 => Agent::Ben,
            _ => Agent::Zed,
        }
    }

    fn any(random: &mut Random) -> Agent {
        match random.below(8) {
            0 => Agent::Service,
            1 => Agent::Nobody,
            _ => Agent::user(random),
        }
    }
}

/// A responder's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    Added,
    Accepted,
    Declined,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Triggered,
    Acknowledged,
    Unacknowledged,
    Resolved,
    Reopened,
    PriorityUpdated,
    ServiceUpdated,
    /// Merged into the incident with this id.
    Merged {
        into: String,
    },
    /// A note with this id.
    Note {
        id: String,
        text: String,
    },
    Responder {
        who: Agent,
        reply: Reply,
    },
    /// The bridge is there now; nowhere when absent.
    Bridge {
        url: Option<String>,
    },
    StatusUpdate {
        text: String,
    },
    /// One of [`super::wire::TOLD`].
    Told {
        which: usize,
        x: u64,
    },
    /// One of [`super::wire::APART`].
    Apart {
        which: usize,
    },
}

/// One message of the pager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// The event's id.
    pub(super) id: String,
    /// The delivery's, the same each time.
    pub(super) webhook: String,
    /// When it happened, in milliseconds since 1970.
    pub(super) at: i64,
    pub(super) agent: Agent,
    pub(super) what: What,
    /// The incident as it stands by then.
    pub(super) priority: Option<u8>,
    pub(super) service: (&'static str, &'static str),
    pub(super) status: &'static str,
}

/// What a person here does once the incident is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Takes it.
    Take,
    /// Writes this down.
    Note { text: String },
}

/// An incident, or a handful of messages about none.
#[derive(Debug, Clone)]
pub(super) struct Life {
    pub(super) number: u64,
    pub(super) kind: Kind,
    /// The pager's id of the incident.
    pub(super) pager: String,
    pub(super) title: String,
    /// When it was made there.
    pub(super) created: i64,
    pub(super) events: Vec<Event>,
    /// What people here do right after its first message.
    pub(super) acts: Vec<Act>,
}

/// The pager's id of an incident.
pub(super) fn pager_id(number: u64) -> String {
    format!("Q{number:011X}")
}

/// The events and the state at the pager while a life is made.
struct Making<'a> {
    random: &'a mut Random,
    number: u64,
    at: i64,
    status: &'static str,
    priority: Option<u8>,
    service: (&'static str, &'static str),
    events: Vec<Event>,
}

impl Making<'_> {
    fn add(&mut self, agent: Agent, what: What) {
        let place = self.events.len();
        self.events.push(Event {
            id: format!("01E{:011X}{place:04X}", self.number),
            webhook: format!("wh-{:x}-{place:x}", self.number),
            at: self.at,
            agent,
            what,
            priority: self.priority,
            service: self.service,
            status: self.status,
        });
        self.at += i64::try_from(APART + self.random.below(9_000)).unwrap_or_default();
    }

    fn told(&mut self) {
        let agent = Agent::any(self.random);
        let x = self.random.below(100_000);
        let place = self.events.len();
        let what = match self.random.below(10) {
            0..4 => {
                let text = format!("note {x}: <queue> & *workers*");
                What::Note { id: format!("PN{:X}{place:02X}", self.number), text }
            }
            4 => What::StatusUpdate { text: format!("we are on it ({x})") },
            5 => What::Bridge {
                url: (!x.is_multiple_of(7))
                    .then(|| format!("https://meet.example.com/{}/{place}", self.number)),
            },
            6 => {
                let reply = match x % 3 {
                    0 => Reply::Added,
                    1 => Reply::Accepted,
                    _ => Reply::Declined,
                };
                What::Responder { who: Agent::user(self.random), reply }
            }
            _ => {
                let count = u64::try_from(super::wire::TOLD.len()).unwrap_or(1);
                let which = usize::try_from(self.random.below(count)).unwrap_or_default();
                What::Told { which, x }
            }
        };
        self.add(agent, what);
    }

    fn name_priority(&mut self, may_be_none: bool) {
        let other = self.random.below(5);
        let next = (other > 0).then(|| u8::try_from(other).unwrap_or(1));
        if next != self.priority && (next.is_some() || may_be_none) {
            self.priority = next;
            let agent = Agent::any(self.random);
            self.add(agent, What::PriorityUpdated);
        }
    }

    fn move_on(&mut self) {
        let next = usize::try_from(self.random.below(4)).unwrap_or_default();
        if let Some(next) = SERVICES.get(next).copied().filter(|next| *next != self.service) {
            self.service = next;
            let agent = Agent::user(self.random);
            self.add(agent, What::ServiceUpdated);
        }
    }
}

impl Life {
    /// The life with this number.
    pub(super) fn of(seed: u64, number: u64) -> Life {
        let mut random = Random::of(seed, number.wrapping_add(1 << 40));
        let kind = Kind::of(number, &mut random);
        let created = BEGIN + i64::try_from(number).unwrap_or_default() * 7;
        let priority = match kind {
            // whatever opens it, it names one
            Kind::Disordered => 1 + random.below(4),
            _ => random.below(6),
        };
        let service = match kind {
            Kind::Looked => LOOKED,
            _ => SERVICES[usize::try_from(random.below(3)).unwrap_or_default()],
        };
        let mut making = Making {
            number,
            at: created,
            status: "triggered",
            // some account has none
            priority: (1..=4).contains(&priority).then(|| u8::try_from(priority).unwrap_or(1)),
            service,
            events: Vec::new(),
            random: &mut random,
        };
        let mut acts = Vec::new();
        match kind {
            Kind::Apart => apart(&mut making),
            Kind::Acted => {
                making.add(Agent::Service, What::Triggered);
                acts.push(Act::Take);
                acts.push(Act::Note { text: format!("the queue of {number} is full") });
                for _ in 0..making.random.below(5) {
                    making.told();
                }
                making.status = "resolved";
                making.add(Agent::Ben, What::Resolved);
            }
            Kind::Looked | Kind::Storm => {
                making.add(Agent::Service, What::Triggered);
                for _ in 0..making.random.below(4) {
                    making.told();
                }
            }
            Kind::Orderly | Kind::Disordered => live(&mut making, kind),
        }
        let events = making.events;
        let title = format!("Flow {number} fails: \"{}\"", random.below(1_000));
        Life { number, kind, pager: pager_id(number), title, created, events, acts }
    }

    /// In which order its messages are sent first, by place.
    pub(super) fn order(&self, seed: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.events.len()).collect();
        if self.kind == Kind::Disordered {
            let mut random = Random::of(seed, self.number.wrapping_add(1 << 41));
            // each is overtaken by a few, now and then by all of them
            let reach = if random.percent(10) { order.len() } else { 4 };
            for place in 0..order.len() {
                let most = u64::try_from(reach.min(order.len() - place)).unwrap_or(1);
                let ahead = usize::try_from(random.below(most)).unwrap_or_default();
                if random.percent(60) {
                    let taken = order.remove(place + ahead);
                    order.insert(place, taken);
                }
            }
        }
        order
    }
}

fn apart(making: &mut Making<'_>) {
    let count = u64::try_from(super::wire::APART.len()).unwrap_or(1);
    for _ in 0..2 + making.random.below(6) {
        let which = usize::try_from(making.random.below(count)).unwrap_or_default();
        let agent = Agent::any(making.random);
        making.add(agent, What::Apart { which });
    }
}

/// A life from the page to whatever becomes of it.
fn live(making: &mut Making<'_>, kind: Kind) {
    making.add(Agent::Service, What::Triggered);
    let steps = 3 + making.random.below(14);
    let mut had = BTreeSet::new();
    // Of what may happen again only the first counts where the order is lost: see docs/deliveries.md.
    let once = |had: &mut BTreeSet<&'static str>, what| kind == Kind::Orderly || had.insert(what);
    for _ in 0..steps {
        match (making.status, making.random.below(20)) {
            ("triggered", 0..8) if once(&mut had, "acknowledged") => {
                making.status = "acknowledged";
                let agent = Agent::any(making.random);
                making.add(agent, What::Acknowledged);
            }
            ("acknowledged", 0) if once(&mut had, "unacknowledged") => {
                making.status = "triggered";
                making.add(Agent::Nobody, What::Unacknowledged);
            }
            // somebody else takes it, too
            ("acknowledged", 1) if kind == Kind::Orderly => {
                let agent = Agent::user(making.random);
                making.add(agent, What::Acknowledged);
            }
            ("triggered" | "acknowledged", 8..10) => making.name_priority(kind == Kind::Orderly),
            ("triggered" | "acknowledged", 10) => making.move_on(),
            ("triggered" | "acknowledged", 11..13) if once(&mut had, "resolved") => end(making),
            ("resolved", 0..3) if once(&mut had, "reopened") => {
                making.status = "triggered";
                let agent = Agent::user(making.random);
                making.add(agent, What::Reopened);
            }
            _ => making.told(),
        }
    }
    if making.status == "resolved" {
        return;
    }
    match making.random.below(20) {
        // into the one that was paged beside it; more than a word on one incident, so only where the order is kept, and
        // where nobody here does something meanwhile
        0 if kind == Kind::Orderly && Kind::rare(making.number ^ 1).is_none() => {
            making.status = "resolved";
            let agent = Agent::user(making.random);
            making.add(agent, What::Merged { into: pager_id(making.number ^ 1) });
        }
        0..14 => end(making),
        _ => {}
    }
}

fn end(making: &mut Making<'_>) {
    making.status = "resolved";
    let agent = Agent::any(making.random);
    making.add(agent, What::Resolved);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_lives_again_and_all_kinds_of_them() {
        let mut kinds = BTreeSet::new();
        for number in 0..2_000 {
            let (life, again) = (Life::of(9, number), Life::of(9, number));
            assert_eq!(life.events, again.events);
            assert_eq!(life.order(9), again.order(9));
            assert!(life.events.windows(2).all(|two| two[0].at + 1_500 <= two[1].at), "{life:?}");
            let mut sorted = life.order(9);
            let is_in_order = sorted.is_sorted();
            assert!(is_in_order || life.kind == Kind::Disordered, "{life:?}");
            sorted.sort_unstable();
            assert_eq!(sorted, (0..life.events.len()).collect::<Vec<_>>());
            kinds.insert((life.kind, is_in_order));
        }
        assert_eq!(kinds.len(), 7, "{kinds:?}");
    }
}
