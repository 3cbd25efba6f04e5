//! Whether PagerDuty is asked at all: after several failures of the other side in a row it is left alone for a while, so that
//! nobody waits for time-outs and nothing piles up on what is ill. Pure: times and spread come in as numbers.
//!
//! | state | a call | what ends it |
//! | --- | --- | --- |
//! | closed | is made | the fifth failure in a row opens it |
//! | open | is not made; says how long that lasts | its pause is over |
//! | half open | one is made, to see | its answer closes it; its failure, or being given up, opens it again, for twice as long |

use runbook_core::ports::Circuit;

/// Failures in a row that open it.
pub(super) const FAILURES: u32 = 5;
/// The first pause, in milliseconds.
pub(super) const PAUSE_MS: u64 = 2_000;
/// The longest pause, in milliseconds.
const MAX_PAUSE_MS: u64 = 30_000;
/// So long a call that looks whether it is well again may take until another may, in milliseconds.
const PROBE_MS: u64 = 15_000;

/// So much longer, in milliseconds, a call that only looks leaves the first one to a change.
const LOOKS_LATER_MS: u64 = 1_000;

/// What an ended call says of the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// It answers, whatever it says.
    Lives,
    /// It gave no answer of its own, or said that it cannot.
    Ill,
}

/// The circuit breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Breaker {
    state: State,
    /// How often it has opened out of being closed.
    pub(super) opened: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: u64, pause: u64 },
    HalfOpen { since: u64, pause: u64 },
}

impl Default for Breaker {
    fn default() -> Self {
        Breaker { state: State::Closed { failures: 0 }, opened: 0 }
    }
}

impl Breaker {
    /// Whether a call may be made at `now`; else for how many milliseconds not.
    pub(super) fn closed_for(&self, now: u64) -> Option<u64> {
        match self.state {
            State::Closed { .. } => None,
            State::Open { until, .. } => Some(until.saturating_sub(now)).filter(|wait| *wait > 0),
            State::HalfOpen { since, .. } => {
                Some((since + PROBE_MS).saturating_sub(now)).filter(|wait| *wait > 0)
            }
        }
    }

    /// The same for a call that only looks: when a pause is over, a change goes first, so that none waits for what a look finds.
    pub(super) fn closed_to_looks_for(&self, now: u64) -> Option<u64> {
        match self.state {
            State::Open { until, .. } => {
                Some((until + LOOKS_LATER_MS).saturating_sub(now)).filter(|wait| *wait > 0)
            }
            State::Closed { .. } | State::HalfOpen { .. } => self.closed_for(now),
        }
    }

    /// A call is about to be made, where [`Breaker::closed_for`] has let it.
    pub(super) fn begins(&mut self, now: u64) {
        if let State::Open { pause, .. } | State::HalfOpen { pause, .. } = self.state {
            self.state = State::HalfOpen { since: now, pause };
        }
    }

    /// A call has ended. `spread` is any number: it draws the pause apart, so that several do not come back at once.
    pub(super) fn ended(&mut self, sign: Sign, now: u64, spread: u64) {
        self.state = match (&self.state, sign) {
            (_, Sign::Lives) => State::Closed { failures: 0 },
            (State::Closed { failures }, Sign::Ill) if failures + 1 < FAILURES => {
                State::Closed { failures: failures + 1 }
            }
            (State::Closed { .. }, Sign::Ill) => {
                self.opened += 1;
                open(now, PAUSE_MS, spread)
            }
            // one that was begun before it opened tells nothing new
            (State::Open { until, pause }, Sign::Ill) => State::Open { until: *until, pause: *pause },
            (State::HalfOpen { pause, .. }, Sign::Ill) => {
                open(now, pause.saturating_mul(2).min(MAX_PAUSE_MS), spread)
            }
        };
    }

    /// How it stands at `now`.
    pub(super) fn circuit(&self, now: u64) -> Circuit {
        match self.state {
            State::Closed { .. } => Circuit::Closed,
            State::Open { until, .. } if now < until => Circuit::Open,
            State::Open { .. } | State::HalfOpen { .. } => Circuit::HalfOpen,
        }
    }
}

/// Between half of the pause and all of it.
fn open(now: u64, pause: u64, spread: u64) -> State {
    let half = pause / 2;
    State::Open { until: now + half + spread % (pause - half + 1), pause }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays signs at their times, with the longest pause of each; what a call at the end is told.
    fn played(signs: &[(u64, Sign)]) -> Breaker {
        let mut breaker = Breaker::default();
        for (now, sign) in signs {
            if breaker.closed_for(*now).is_none() {
                breaker.begins(*now);
            }
            breaker.ended(*sign, *now, 1_000);
        }
        breaker
    }

    use Sign::{Ill, Lives};

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_after_one_answer() {
        let ill = |count: u64| (0..count).map(|now| (now, Ill)).collect::<Vec<_>>();
        type Case = (&'static str, Vec<(u64, Sign)>, u64, Circuit, Option<u64>);
        let cases: [Case; 9] = [
            ("nothing yet", vec![], 0, Circuit::Closed, None),
            ("too few", ill(4), 4, Circuit::Closed, None),
            (
                "an answer between them",
                [ill(4), vec![(4, Lives), (5, Ill)]].concat(),
                6,
                Circuit::Closed,
                None,
            ),
            ("enough", ill(5), 4, Circuit::Open, Some(2_000)),
            ("a while later", ill(5), 1_004, Circuit::Open, Some(1_000)),
            ("its pause is over", ill(5), 2_004, Circuit::HalfOpen, None),
            (
                "it looks, and it is well",
                [ill(5), vec![(2_004, Lives)]].concat(),
                2_004,
                Circuit::Closed,
                None,
            ),
            (
                "it looks, and it is not: twice the pause, less what the spread takes",
                [ill(5), vec![(2_004, Ill)]].concat(),
                2_004,
                Circuit::Open,
                Some(3_000),
            ),
            (
                "an old call fails late",
                [ill(5), vec![(900, Ill)]].concat(),
                1_004,
                Circuit::Open,
                Some(1_000),
            ),
        ];
        for (what, signs, now, circuit, wait) in cases {
            let breaker = played(&signs);
            assert_eq!((breaker.circuit(now), breaker.closed_for(now)), (circuit, wait), "{what}");
        }
    }

    #[test]
    fn one_call_looks_and_the_others_wait_for_what_it_finds() {
        let mut breaker = played(&(0..5).map(|now| (now, Ill)).collect::<Vec<_>>());
        assert_eq!(breaker.closed_for(2_004), None);
        breaker.begins(2_004);
        assert_eq!(breaker.closed_for(2_005), Some(PROBE_MS - 1));
        assert_eq!(breaker.circuit(2_005), Circuit::HalfOpen);
        // its caller was given up on: another may look some time later
        assert_eq!(breaker.closed_for(2_004 + PROBE_MS), None);
        breaker.ended(Lives, 2_006, 0);
        assert_eq!((breaker.circuit(2_006), breaker.opened), (Circuit::Closed, 1));
    }

    #[test]
    fn a_change_goes_first_when_a_pause_is_over_and_a_look_where_there_is_none() {
        let mut breaker = played(&(0..5).map(|now| (now, Ill)).collect::<Vec<_>>());
        for (now, change, look) in [
            (2_003, Some(1), Some(1_001)),
            (2_004, None, Some(1_000)),
            (3_003, None, Some(1)),
            (3_004, None, None),
        ] {
            assert_eq!((breaker.closed_for(now), breaker.closed_to_looks_for(now)), (change, look), "{now}");
        }
        breaker.begins(3_004);
        assert_eq!(breaker.closed_to_looks_for(3_005), Some(PROBE_MS - 1), "one looks");
        breaker.ended(Lives, 3_006, 0);
        assert_eq!(breaker.closed_to_looks_for(3_006), None);
    }

    #[test]
    fn the_pause_grows_to_a_bound_whatever_the_spread_is() {
        for spread in [0, 1, 999, 15_000, u64::MAX] {
            let mut breaker = Breaker::default();
            let (mut now, mut pauses) = (0, Vec::new());
            for _ in 0..20 {
                while breaker.closed_for(now).is_none() {
                    breaker.begins(now);
                    breaker.ended(Ill, now, spread);
                }
                let wait = breaker.closed_for(now).unwrap();
                pauses.push(wait);
                now += wait;
            }
            assert!((PAUSE_MS / 2..=PAUSE_MS).contains(&pauses[0]), "{spread}: {pauses:?}");
            assert!(pauses.iter().all(|pause| *pause <= MAX_PAUSE_MS), "{spread}: {pauses:?}");
            assert!(pauses.last().unwrap() >= &(MAX_PAUSE_MS / 2), "{spread}: {pauses:?}");
            assert_eq!(breaker.opened, 1, "it did not close between");
        }
    }
}
