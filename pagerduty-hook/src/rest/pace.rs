//! How fast PagerDuty may be asked: what its answers say of the limit, and when the next call may be made. Pure.
//!
//! A token has so many calls a minute. What only looks leaves the last ones to what changes something; at the limit nothing is
//! asked until it is lifted. A 429 may come without saying when that is: then the pause grows with each that follows.

use runbook_core::backoff;

/// So many calls of a minute are left for changes.
const FOR_CHANGES: u32 = 60;
/// The first pause after a 429 that does not say how long, and the longest, in milliseconds.
const FIRST_MS: u64 = 1_000;
const LONGEST_MS: u64 = 60_000;
/// The longest wait that the other side may ask for, in milliseconds.
const MAX_WAIT_MS: u64 = 3_600_000;

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It only looks.
    Look,
    /// It changes something, or looks before that.
    Change,
}

/// What an answer says of the limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// It was refused for the limit (429).
    pub(super) limited: bool,
    /// `ratelimit-remaining`: calls that are left.
    pub(super) left: Option<u32>,
    /// `ratelimit-reset` or `retry-after`, the longer one, in milliseconds.
    pub(super) reset_ms: Option<u64>,
}

/// The pace of one token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pace {
    /// Nothing is asked before that.
    all_after: u64,
    /// Nothing that only looks is asked before that.
    looks_after: u64,
    /// Refusals in a row.
    limited: u32,
}

impl Pace {
    /// Milliseconds until a call of that purpose may be made; `None` at once.
    pub(super) fn wait(&self, purpose: Purpose, now: u64) -> Option<u64> {
        let after = match purpose {
            Purpose::Look => self.all_after.max(self.looks_after),
            Purpose::Change => self.all_after,
        };
        Some(after.saturating_sub(now)).filter(|wait| *wait > 0)
    }

    /// Takes in what an answer says. `spread` is any number: see [`backoff::pause_ms`].
    pub(super) fn heard(&mut self, heard: Heard, now: u64, spread: u64) {
        let reset = heard.reset_ms.map(|reset| reset.min(MAX_WAIT_MS));
        if heard.limited {
            let pause =
                reset.unwrap_or_else(|| backoff::pause_ms(self.limited, FIRST_MS, LONGEST_MS, spread));
            self.limited = self.limited.saturating_add(1);
            self.all_after = self.all_after.max(now + pause);
            return;
        }
        self.limited = 0;
        match (heard.left, reset) {
            (Some(0), Some(reset)) => self.all_after = self.all_after.max(now + reset),
            (Some(left), Some(reset)) if left < FOR_CHANGES => self.looks_after = now + reset,
            (Some(_), _) => self.looks_after = 0,
            (None, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: Heard = Heard { limited: false, left: Some(900), reset_ms: Some(30_000) };

    #[test]
    fn what_an_answer_says_sets_the_pace() {
        let left = |left| Heard { left: Some(left), ..SAID };
        let limited = |reset_ms| Heard { limited: true, left: None, reset_ms };
        for (what, heard, look, change) in [
            ("plenty is left", vec![SAID], None, None),
            ("nothing is said", vec![Heard::default()], None, None),
            ("little is left", vec![left(59)], Some(30_000), None),
            ("the last one for looking", vec![left(60)], None, None),
            ("nothing is left", vec![left(0)], Some(30_000), Some(30_000)),
            (
                "nothing is left, and nobody says until when",
                vec![Heard { reset_ms: None, ..left(0) }],
                None,
                None,
            ),
            ("little was left, and is plenty again", vec![left(5), SAID], None, None),
            ("refused, with a time", vec![limited(Some(7_000))], Some(7_000), Some(7_000)),
            ("refused, with no time", vec![limited(None)], Some(1_000), Some(1_000)),
            ("refused again and again", vec![limited(None); 4], Some(8_000), Some(8_000)),
            ("an absurd time", vec![limited(Some(u64::MAX))], Some(3_600_000), Some(3_600_000)),
            (
                "a call that was under way is answered well",
                vec![limited(Some(7_000)), SAID],
                Some(7_000),
                Some(7_000),
            ),
        ] {
            let mut pace = Pace::default();
            for one in heard {
                pace.heard(one, 100, u64::MAX / 2 * 2);
            }
            let at_most = |found: Option<u64>, wanted: Option<u64>| match (found, wanted) {
                (Some(found), Some(wanted)) => found <= wanted && found >= wanted / 2,
                (found, wanted) => found == wanted,
            };
            assert!(at_most(pace.wait(Purpose::Look, 100), look), "{what}: {pace:?}");
            assert!(at_most(pace.wait(Purpose::Change, 100), change), "{what}: {pace:?}");
        }
    }

    #[test]
    fn a_wait_ends() {
        let mut pace = Pace::default();
        pace.heard(Heard { limited: true, left: None, reset_ms: Some(7_000) }, 100, 0);
        for (now, wait) in [(100, Some(7_000)), (7_099, Some(1)), (7_100, None), (u64::MAX, None)] {
            assert_eq!(pace.wait(Purpose::Change, now), wait, "{now}");
        }
    }
}
