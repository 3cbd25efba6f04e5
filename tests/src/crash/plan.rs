//! What is killed when: everything that a seed decides.

use blocks_crash::{Place, Point};

/// Numbers from a seed (SplitMix64).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn of(seed: u64, number: u64) -> Random {
        Random(mix(seed ^ mix(number ^ 0x9E37_79B9_7F4A_7C15)))
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0) % limit.max(1)
    }

    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Victim {
    Engine,
    Supervisor,
    Both,
}

impl Victim {
    pub(super) fn name(self) -> &'static str {
        match self {
            Victim::Engine => "engine",
            Victim::Supervisor => "supervisor",
            Victim::Both => "both",
        }
    }
}

/// A process ends itself at a named point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AtPoint {
    pub(super) point: Point,
    /// How often it is passed before.
    pub(super) passes: u64,
    /// How long it stands still there, while the rest of the process goes on.
    pub(super) linger_ms: u64,
    /// The other one is killed as soon as it is seen.
    pub(super) both: bool,
    /// The order is given when the yes is, not when the run is asked for.
    pub(super) with_the_yes: bool,
}

impl AtPoint {
    pub(super) fn victim(self) -> Victim {
        match (self.both, self.point.place()) {
            (true, _) => Victim::Both,
            (false, Place::Engine) => Victim::Engine,
            (false, Place::Supervisor) => Victim::Supervisor,
        }
    }
}

/// A kill from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outside {
    pub(super) moment: Moment,
    pub(super) victim: Victim,
    /// After the moment.
    pub(super) delay_ms: u64,
}

/// When a kill from outside comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// While the `once` command of a step lives; steps count from 1.
    Living(u64),
    /// Some time after the yes, whatever happens then.
    AnyTime,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunPlan {
    pub(super) number: u64,
    /// Its last check fails, and it is undone.
    pub(super) is_undone: bool,
    pub(super) at_point: AtPoint,
    pub(super) outside: Vec<Outside>,
    /// In doubt, the person gives up and undoes.
    pub(super) gives_up: bool,
}

/// Steps with a command that must not be repeated.
pub(super) const STEPS: u64 = 3;

impl RunPlan {
    /// Every point comes in turn, so that each gets its part whatever the seed says.
    pub(super) fn of(seed: u64, number: u64) -> RunPlan {
        let mut random = Random::of(seed, number);
        let turn = usize::try_from(number).unwrap_or(0) % Point::ALL.len();
        let point = Point::ALL[turn];
        let in_undo = matches!(point, Point::BeforeUndoIntent | Point::AfterUndoIntent);
        let passes = match point {
            Point::InCommit => random.below(12),
            Point::BeforeUndoIntent | Point::AfterUndoIntent => random.below(STEPS),
            Point::BeforeApproval
            | Point::AfterApproval
            | Point::BeforeCheckpoint
            | Point::AfterCheckpoint => 0,
            _ => random.below(STEPS),
        };
        let at_point = AtPoint {
            point,
            passes,
            linger_ms: if random.percent(30) { random.below(60) } else { 0 },
            both: random.percent(30),
            with_the_yes: point == Point::InCommit && random.percent(50),
        };
        let mut outside = vec![Outside::living(&mut random)];
        if random.percent(70) {
            outside.push(Outside::living(&mut random));
        }
        if random.percent(10) {
            let victim = Outside::victim(&mut random);
            outside.push(Outside { moment: Moment::AnyTime, victim, delay_ms: random.below(1_500) });
        }
        outside.sort_by_key(|kill| match kill.moment {
            Moment::Living(step) => step,
            Moment::AnyTime => 0,
        });
        let is_undone = in_undo || random.percent(20);
        RunPlan { number, is_undone, at_point, outside, gives_up: random.percent(10) }
    }

    /// A run in which a defect shows, when there is one.
    pub(super) fn for_sabotage(name: &str, seed: u64, number: u64) -> RunPlan {
        let mut plan = RunPlan::of(seed, number);
        plan.gives_up = false;
        plan.is_undone = false;
        match name {
            // What was started too early has time to begin.
            "skip-intent" => {
                plan.at_point = AtPoint {
                    point: Point::BeforeIntent,
                    passes: 1,
                    linger_ms: 600,
                    both: false,
                    with_the_yes: false,
                };
            }
            // Whoever hears too early has time to hear.
            "skip-fsync" => {
                plan.at_point = AtPoint {
                    point: Point::InCommit,
                    passes: 0,
                    linger_ms: 300,
                    both: false,
                    with_the_yes: true,
                };
                plan.outside.clear();
            }
            _ => plan.outside.iter_mut().for_each(|kill| kill.victim = Victim::Both),
        }
        plan
    }
}

impl Outside {
    fn living(random: &mut Random) -> Outside {
        let moment = Moment::Living(1 + random.below(STEPS));
        Outside { moment, victim: Outside::victim(random), delay_ms: random.below(200) }
    }

    fn victim(random: &mut Random) -> Victim {
        match random.below(10) {
            0..=4 => Victim::Engine,
            5..=6 => Victim::Supervisor,
            _ => Victim::Both,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_decides_everything_and_every_point_has_its_turn() {
        let plans = |seed| (0..34).map(|number| RunPlan::of(seed, number)).collect::<Vec<_>>();
        assert_eq!(plans(7), plans(7));
        assert_ne!(plans(7), plans(8));
        let points: BTreeSet<_> = plans(7).iter().map(|plan| plan.at_point.point).collect();
        assert_eq!(points.len(), Point::ALL.len());
        let in_undo = |plan: &RunPlan| plan.at_point.point == Point::AfterUndoIntent;
        assert!(plans(7).iter().filter(|plan| in_undo(plan)).all(|plan| plan.is_undone));
    }
}
