//! One mention a minute for each person, however many incidents ask them: each incident keeps that rule for itself, and this
//! keeps it for all of them.
//!
//! What is remembered dies with the process: after a restart somebody may be mentioned once more within the minute.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};
use runbook_core::incident::{Topic, Urgency};

/// So far apart are two mentions of one person.
const BETWEEN: Duration = Duration::minutes(1);

/// When each person is mentioned, or is going to be: by their id in the chat, each with the key of its message.
#[derive(Default)]
pub(crate) struct Pings(Mutex<BTreeMap<String, Vec<Slot>>>);

struct Slot {
    key: String,
    at: DateTime<Utc>,
}

/// Whether somebody may be mentioned.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// They may.
    Now,
    /// Others are before it. That time is kept for it.
    At(DateTime<Utc>),
    /// Not for this: it is said, and mentions nobody.
    Silent,
}

impl Turn {
    fn of(at: DateTime<Utc>, now: DateTime<Utc>) -> Turn {
        if at <= now { Turn::Now } else { Turn::At(at) }
    }
}

/// How much a mention for this matters among those of other incidents. That nobody commands is asked once: it waits for its turn.
pub(crate) fn urgency(about: &Topic) -> Urgency {
    match about {
        Topic::Commander => Urgency::Said,
        other => other.urgency(),
    }
}

impl Pings {
    /// Whether the message `key` may mention `who`. What is to be heard waits a minute at most; then it is said without, or, where
    /// something waits for it, mentions them whatever else there is.
    pub(crate) fn turn(&self, who: &str, key: &str, urgency: Urgency, now: DateTime<Utc>) -> Turn {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, slots| {
            slots.retain(|slot| now < slot.at + BETWEEN);
            !slots.is_empty()
        });
        let slots = all.entry(who.to_owned()).or_default();
        let kept = slots.iter().find(|slot| slot.key == key).map(|slot| slot.at);
        let others = slots.iter().filter(|slot| slot.key != key).map(|slot| slot.at);
        let after = |at: Option<DateTime<Utc>>| at.map_or(now, |at| (at + BETWEEN).max(now));
        let last = others.clone().filter(|at| *at <= now).max();
        let turn = match (kept, urgency) {
            (Some(at), _) if now < at => Turn::At(at),
            // it was before them when its time came
            (Some(_), Urgency::Said) if last.is_some_and(|last| kept < Some(last)) => Turn::Silent,
            (Some(_), _) => Turn::Now,
            // one that is only kept for what can be said without is no reason to wait
            (None, Urgency::Must) => Turn::of(after(last), now),
            (None, _) => Turn::of(after(others.max()), now),
        };
        let turn = match (turn, urgency) {
            (Turn::At(_), Urgency::Reminder) => Turn::Silent,
            (Turn::At(at), Urgency::Said) if at > now + BETWEEN => Turn::Silent,
            (turn, _) => turn,
        };
        let at = match turn {
            Turn::Now => now,
            Turn::At(at) => at,
            Turn::Silent => return Turn::Silent,
        };
        if kept.is_none() {
            slots.push(Slot { key: key.to_owned(), at });
        }
        turn
    }

    /// This message mentions nobody after all: the time that was kept for it is free.
    pub(crate) fn release(&self, key: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for slots in all.values_mut() {
            slots.retain(|slot| slot.key != key);
        }
    }

    /// Somebody was mentioned, now: in their turn, or because a person wanted it.
    pub(crate) fn called(&self, who: &str, key: &str, now: DateTime<Utc>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slots = all.entry(who.to_owned()).or_default();
        slots.retain(|slot| slot.key != key);
        slots.push(Slot { key: key.to_owned(), at: now });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::seconds(second)
    }

    #[test]
    fn one_person_is_mentioned_once_a_minute() {
        let pings = Pings::default();
        let turn = |who, key, urgency, second| pings.turn(who, key, urgency, at(second));
        assert_eq!(turn("ana", "ask/1", Urgency::Must, 0), Turn::Now);
        assert_eq!(turn("ana", "ask/1", Urgency::Must, 1), Turn::Now, "the same message, tried again");
        assert_eq!(turn("ben", "ask/2", Urgency::Reminder, 1), Turn::Now);
        assert_eq!(turn("ana", "ask/3", Urgency::Reminder, 10), Turn::Silent);
        assert_eq!(turn("ana", "ask/4", Urgency::Said, 10), Turn::At(at(60)));
        assert_eq!(turn("ana", "ask/5", Urgency::Said, 20), Turn::Silent, "its turn would be too far away");
        assert_eq!(
            turn("ana", "ask/6", Urgency::Must, 20),
            Turn::At(at(60)),
            "what must be heard goes before it"
        );
        assert_eq!(turn("ana", "ask/6", Urgency::Must, 60), Turn::Now);
        assert_eq!(turn("ana", "ask/4", Urgency::Said, 61), Turn::Now, "both were due at once");
        assert_eq!(turn("ana", "ask/7", Urgency::Must, 70), Turn::At(at(120)));
        assert_eq!(turn("ana", "ask/8", Urgency::Must, 80), Turn::At(at(120)), "a minute at most");
        assert_eq!(turn("ana", "ask/7", Urgency::Reminder, 181), Turn::Now);
        pings.called("ana", "call/1", at(200));
        assert_eq!(turn("ana", "ask/9", Urgency::Must, 230), Turn::At(at(260)));
        assert_eq!(turn("ana", "ask/11", Urgency::Said, 230), Turn::Silent);
        pings.release("ask/9");
        assert_eq!(turn("ana", "ask/11", Urgency::Said, 230), Turn::At(at(260)), "nobody else is before it");
        assert_eq!(turn("cora", "ask/10", Urgency::Said, 1_000), Turn::Now);
        assert_eq!(pings.0.lock().unwrap().len(), 1, "what is over is forgotten");
    }
}
