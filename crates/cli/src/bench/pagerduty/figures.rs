//! What was measured.

use crate::bench::aims::Pair;
use crate::bench::load::Load;
use crate::bench::times::Times;

/// Commands that were to run, one for each page.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Commands {
    /// Pages that were answered with success.
    pub(super) acknowledged: u64,
    /// Pages that were not.
    pub(super) refused: u64,
    /// Of the acknowledged ones, those whose command said that it had begun.
    pub(super) ran: u64,
    /// From the page to that, in milliseconds.
    pub(super) started: Times,
    /// From the first page to the last command's beginning, in seconds.
    pub(super) seconds: f64,
}

impl Commands {
    /// Acknowledged, and never run.
    pub(super) fn lost(&self) -> u64 {
        self.acknowledged.saturating_sub(self.ran)
    }

    /// Commands a second.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub(super) fn per_second(&self) -> Option<f64> {
        (self.ran > 0 && self.seconds > 0.0).then(|| self.ran as f64 / self.seconds)
    }
}

/// Acknowledgements at 32 connections, and what became of what was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Burst {
    pub(super) load: Load,
    /// Everything that was acknowledged, also while warming up.
    pub(super) acknowledged: u64,
    /// Of that, what is there: in Blocks' inbox, or as a command that has run.
    pub(super) kept: u64,
}

impl Burst {
    pub(super) fn lost(&self) -> u64 {
        self.acknowledged.saturating_sub(self.kept)
    }
}

/// Alerts in, notifications out.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Told {
    /// Alerts that were taken.
    pub(super) taken: u64,
    /// Of them, those that a notification told of.
    pub(super) told: u64,
    /// From the first alert to the last notification, in seconds.
    pub(super) seconds: f64,
    /// From an alert to its notification, in milliseconds.
    pub(super) times: Times,
    /// The most memory that it had, in MiB.
    pub(super) peak: Option<f64>,
}

impl Told {
    pub(super) fn lost(&self) -> u64 {
        self.taken.saturating_sub(self.told)
    }

    /// Notifications a second.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub(super) fn per_second(&self) -> Option<f64> {
        (self.told > 0 && self.seconds > 0.0).then(|| self.told as f64 / self.seconds)
    }
}

/// How soon pages had evidence, in milliseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Seen {
    pub(super) pages: u64,
    /// From the page to its first evidence in the journal.
    pub(super) evidence: Times,
    /// The same of the last pages alone.
    pub(super) last: Times,
    /// From the page to a card that shows evidence.
    pub(super) shown: Times,
    /// Runs of diagnostics that were begun for all of them.
    pub(super) runs: u64,
}

impl Seen {
    /// Pages that never had any.
    pub(super) fn lost(&self) -> u64 {
        self.pages.saturating_sub(self.evidence.len() as u64)
    }
}

/// One thing on both sides.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Both<T> {
    /// The floor, or what a user would pick instead.
    pub(super) other: Option<T>,
    pub(super) ours: Option<T>,
}

impl<T> Default for Both<T> {
    fn default() -> Self {
        Both { other: None, ours: None }
    }
}

impl<T> Both<T> {
    /// A figure of each.
    pub(super) fn pair(&self, pick: impl Fn(&T) -> Option<f64>) -> Pair {
        Pair { floor: self.other.as_ref().and_then(&pick), ours: self.ours.as_ref().and_then(&pick) }
    }
}

/// Everything once.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Round {
    pub(super) floor_first: bool,
    /// 100 pages a second.
    pub(super) acknowledge: Both<Load>,
    /// 32 connections, acknowledgements.
    pub(super) burst: Both<Load>,
    /// What of ours was kept, and what Debian's `webhook` ran.
    pub(super) kept: Both<Burst>,
    /// A page at a time.
    pub(super) started: Both<Commands>,
    /// A bare start of bash, from the decision to the same stamp, in milliseconds.
    pub(super) process: Times,
    /// 32 connections, a command for each page.
    pub(super) commands: Both<Commands>,
    /// 10,000 alerts; the other side is Alertmanager.
    pub(super) alerts: Both<Told>,
    pub(super) single: Option<Seen>,
    pub(super) storm: Option<Seen>,
}

impl Round {
    /// Whatever Blocks had acknowledged and lost.
    pub(super) fn lost(&self) -> u64 {
        let commands = [&self.started, &self.commands].into_iter().filter_map(|both| both.ours.as_ref());
        let seen = [&self.single, &self.storm].into_iter().flatten();
        self.kept.ours.as_ref().map_or(0, Burst::lost)
            + commands.map(Commands::lost).sum::<u64>()
            + self.alerts.ours.as_ref().map_or(0, Told::lost)
            + seen.map(Seen::lost).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_what_was_taken_and_is_not_there() {
        let load = Load { answers: 10, per_second: 1.0, refused: 0, p50: 1.0, p99: 1.0 };
        let commands = |acknowledged, ran| {
            let commands = Commands { acknowledged, ran, ..Commands::default() };
            Both {
                other: Some(Commands { acknowledged: 1_000, ..Commands::default() }),
                ours: Some(commands),
            }
        };
        let seen =
            |pages, evidence| Some(Seen { pages, evidence: Times(vec![1.0; evidence]), ..Seen::default() });
        let round = Round {
            kept: Both {
                other: Some(Burst { load, acknowledged: 500, kept: 0 }),
                ours: Some(Burst { load, acknowledged: 11, kept: 10 }),
            },
            started: commands(4, 2),
            commands: commands(8, 4),
            alerts: Both {
                other: Some(Told { taken: 9, ..Told::default() }),
                ours: Some(Told { taken: 10, told: 2, ..Told::default() }),
            },
            single: seen(17, 1),
            storm: seen(32, 0),
            ..Round::default()
        };
        assert_eq!(round.lost(), 1 + 2 + 4 + 8 + 16 + 32, "ours alone, each of it");
        assert_eq!(Round::default().lost(), 0);
    }

    #[test]
    fn a_rate_needs_something_that_came() {
        let commands = |ran, seconds| Commands { ran, seconds, ..Commands::default() }.per_second();
        assert_eq!(commands(100, 4.0), Some(25.0));
        assert_eq!(commands(0, 4.0), None);
        assert_eq!(commands(1, 0.0), None);
        let told = Told { taken: 30, told: 30, seconds: 2.0, ..Told::default() };
        assert_eq!((told.per_second(), Told::default().per_second()), (Some(15.0), None));
    }

    #[test]
    fn a_pair_has_what_was_measured() {
        let both = Both { other: None, ours: Some(Told { peak: Some(3.0), ..Told::default() }) };
        assert_eq!(both.pair(|told| told.peak), Pair { floor: None, ours: Some(3.0) });
    }
}
