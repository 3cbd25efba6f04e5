//! What happens in a world, written down before it begins: every action with its time, all from the seed.

use runbook_core::ports::PagerEventKind;

use crate::organisation::Who;
use crate::random::Random;
use crate::sides::Sides;

/// What a world is like, apart from what happens in it.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    /// How many other people policy asks for.
    pub(crate) others: u8,
    /// Seconds that an approval may take.
    pub(crate) approval_window_s: u32,
    /// Seconds within which the same again is a repetition.
    pub(crate) repeat_window_s: u32,
    /// The store answers late, so many times in a hundred.
    pub(crate) slow_store: u64,
    /// What else there is.
    pub(crate) sides: Sides,
}

/// Everything about one world.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) shape: Shape,
    pub(crate) actions: Vec<Timed>,
}

/// An action and when it happens, in milliseconds from the beginning.
#[derive(Debug, Clone)]
pub(crate) struct Timed {
    pub(crate) at_ms: u64,
    pub(crate) action: Action,
}

/// Something that happens from outside.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// The pager tells something; a second time under the same id it is a duplicate.
    Webhook(Webhook),
    /// The sender of alerts tells how a group stood at some time.
    Alerts {
        /// Names the message: `a3`.
        number: u64,
        /// Which group.
        group: usize,
        /// When it stood so.
        as_of_ms: u64,
    },
    /// Somebody asks for something.
    Ask(Ask),
    /// The process dies at the `after`th outside effect from now, and the next one perhaps too.
    Crash { after: u64, again: Option<u64>, takes_machine: bool },
    /// The store misbehaves.
    Disk(DiskFault),
    /// Chat or pager misbehave so many times.
    Outside { fault: OutsideFault, times: u32 },
    /// The clock is set.
    Clock { jump_ms: i64 },
    /// The process is ended in good order and started again, perhaps with another version of a runbook.
    Deploy { changes: Option<usize> },
}

#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    /// Names the message: `w3`.
    pub(crate) number: u64,
    /// Which of the pager's incidents.
    pub(crate) incident: usize,
    pub(crate) kind: PagerEventKind,
    /// Who did it.
    pub(crate) agent: Option<Who>,
    /// When it happened; it may arrive much later.
    pub(crate) occurred_ms: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask {
    pub(crate) who: Who,
    pub(crate) way: Way,
    pub(crate) what: What,
    pub(crate) run: Which,
    /// So long from what the person saw to its arrival.
    pub(crate) late_ms: u64,
    /// It is sent a second time, so much later.
    pub(crate) again_ms: Option<u64>,
}

/// How somebody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Chat,
    /// A shell on the machine.
    Shell,
    /// The API, with a token.
    Token,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Run(usize),
    Rollback,
    Approve(Code),
    Refuse,
    Pause,
    Resume,
    Skip,
    TakeOver,
    Cancel,
    Yes,
    No,
    Retry,
    MarkDone,
    Undo,
    Ack,
    Severity(usize),
    Resolve,
    /// One of the incident's other verbs.
    Verb(u64),
    Status,
    /// One of what makes sense where the run stands.
    Sensible(u64),
}

/// Which plan a yes names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Own,
    OfAnother,
    Nothing,
}

/// Which run is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Newest,
    /// The newest that has not ended.
    Open,
    Any(u64),
    Unnamed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DiskFault {
    /// So many commits are refused.
    Refuses(u32),
    /// So many commits are written, and the answer is lost.
    LosesAnswers(u32),
    /// So many commits find that somebody else was faster.
    Conflicts(u32),
    /// Nothing is read or written for so long.
    Away(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutsideFault {
    ChatBusy,
    ChatRefuses,
    ChatLosesAnswer,
    PagerBusy,
    PagerRefuses,
    PagerLosesAnswer,
    PagerKeepsNames,
}

impl Action {
    /// The word that a report counts it under.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Action::Webhook(_) => "webhook",
            Action::Alerts { .. } => "alerts",
            Action::Ask(ask) => match ask.what {
                What::Run(_) | What::Rollback => "run",
                What::Approve(_) | What::Refuse => "decide",
                What::Sensible(_) => "answer",
                What::Cancel | What::Yes | What::No | What::Retry | What::MarkDone | What::Undo => "verb",
                What::Pause | What::Resume | What::Skip | What::TakeOver => "hold",
                What::Ack | What::Severity(_) | What::Resolve | What::Verb(_) => "incident",
                What::Status => "look",
            },
            Action::Crash { .. } => "crash",
            Action::Disk(_) => "disk",
            Action::Outside { .. } => "outside",
            Action::Clock { .. } => "clock",
            Action::Deploy { .. } => "deploy",
        }
    }
}

impl Script {
    /// The world of a seed, with webhooks, people and faults alone.
    pub(crate) fn of(seed: u64) -> Script {
        let mut random = Random::of(seed, "script", 0);
        let shape = Shape {
            others: random.weighted(&[(2, 0), (5, 1), (2, 2)]),
            approval_window_s: random.pick(&[20, 60, 900]),
            repeat_window_s: random.pick(&[0, 30, 1_800]),
            slow_store: random.pick(&[0, 0, 5, 25]),
            sides: Sides::default(),
        };
        let mut actions = webhooks(&mut random);
        // Of ten worlds, two are quiet, six have their troubles, two have nothing else.
        let trouble = random.pick(&[0, 0, 12, 12, 12, 25, 25, 25, 50, 50]);
        let mut at_ms = 0;
        for _ in 0..random.between(6, 30) {
            at_ms += random.weighted(&[(2, 0), (3, 50), (4, 700), (4, 2_500), (1, 8_000)]);
            let action = if random.percent(trouble) { fault(&mut random) } else { ask(&mut random) };
            actions.push(Timed { at_ms, action });
        }
        actions.extend(verbs(seed, at_ms));
        actions.sort_by_key(|timed| timed.at_ms);
        Script { seed, shape, actions }
    }

    /// The same world with its sides: looks at the pager, alerts, looks that are shared.
    pub(crate) fn with_sides(mut self) -> Script {
        let until_ms = self.actions.last().map_or(0, |timed| timed.at_ms);
        self.shape.sides = Sides::of(self.seed, until_ms);
        self.actions.extend(self.shape.sides.actions(self.seed, until_ms));
        self.actions.sort_by_key(|timed| timed.at_ms);
        self
    }

    /// Somebody sets the clock.
    pub(crate) fn sets_clock(&self) -> bool {
        self.actions.iter().any(|timed| matches!(timed.action, Action::Clock { .. }))
    }

    /// The same world with these actions alone.
    pub(crate) fn only(&self, keep: &[usize]) -> Script {
        let kept = keep.iter().filter_map(|index| self.actions.get(*index).cloned());
        Script { actions: kept.collect(), ..self.clone() }
    }
}

/// In every second world people also do other things to incidents than taking and resolving them. From a source of their
/// own, so that everything else of a seed stays what it was.
fn verbs(seed: u64, until_ms: u64) -> Vec<Timed> {
    let mut random = Random::of(seed, "verbs", 0);
    let count = if random.percent(50) { random.between(1, 10) } else { 0 };
    let one = |_| {
        let who = random.weighted(&[(5, Who::Ana), (4, Who::Ben), (2, Who::Cora), (1, Who::Stranger)]);
        let way = if matches!(who, Who::Stranger) {
            Way::Chat
        } else {
            random.pick(&[Way::Chat, Way::Chat, Way::Token])
        };
        let ask = Ask {
            who,
            way,
            what: What::Verb(random.next()),
            run: Which::Unnamed,
            late_ms: random.weighted(&[(8, 0), (1, 900), (1, 6_000)]),
            again_ms: random.weighted(&[(9, None), (1, Some(0)), (1, Some(1_500))]),
        };
        Timed { at_ms: random.below(until_ms + 8_000), action: Action::Ask(ask) }
    };
    (0..count).map(one).collect()
}

/// One or two of the pager's incidents, told late, twice and out of order.
fn webhooks(random: &mut Random) -> Vec<Timed> {
    let mut actions = Vec::new();
    let mut number = 0;
    for incident in 0..random.pick(&[1, 1, 1, 2]) {
        let mut occurred_ms = random.below(5_000) * u64::from(incident > 0);
        let mut kinds = vec![PagerEventKind::Triggered];
        for _ in 0..random.below(4) {
            kinds.push(match random.below(8) {
                0..=3 => PagerEventKind::Acknowledged,
                4 => PagerEventKind::Unacknowledged,
                5 => PagerEventKind::PriorityChanged,
                _ => PagerEventKind::Note { id: None, text: "somebody looks".to_owned() },
            });
        }
        if random.percent(25) {
            kinds.push(PagerEventKind::Resolved);
            if random.percent(40) {
                kinds.push(PagerEventKind::Reopened);
                if random.percent(50) {
                    kinds.push(PagerEventKind::Resolved);
                }
            }
        }
        let disorder = random.pick(&[0, 500, 15_000]);
        for kind in kinds {
            let agent = random.pick(&[None, Some(Who::Ana), Some(Who::Ben), Some(Who::Stranger)]);
            let agent = agent.filter(|_| kind != PagerEventKind::Triggered);
            let webhook = Webhook { number, incident, kind, agent, occurred_ms };
            let arrives = occurred_ms + random.below(disorder + 1);
            actions.push(Timed { at_ms: arrives, action: Action::Webhook(webhook.clone()) });
            if random.percent(25) {
                let at_ms = arrives + random.below(20_000);
                actions.push(Timed { at_ms, action: Action::Webhook(webhook) });
            }
            number += 1;
            occurred_ms += random.between(200, 15_000);
        }
    }
    actions
}

fn ask(random: &mut Random) -> Action {
    let what = match random.below(100) {
        0..=7 => What::Rollback,
        8..=17 => What::Run(random.index(4)),
        18..=26 => {
            What::Approve(random.weighted(&[(6, Code::Own), (2, Code::OfAnother), (1, Code::Nothing)]))
        }
        27..=38 => random.pick(&[
            What::Refuse,
            What::Pause,
            What::Pause,
            What::Resume,
            What::Skip,
            What::TakeOver,
            What::TakeOver,
            What::Cancel,
            What::Cancel,
            What::Yes,
            What::No,
            What::Retry,
            What::Retry,
            What::MarkDone,
            What::Undo,
            What::Undo,
        ]),
        39..=46 => {
            let severity = random.index(4);
            random.pick(&[What::Ack, What::Severity(severity), What::Resolve, What::Resolve])
        }
        47..=49 => What::Status,
        _ => What::Sensible(random.next()),
    };
    let starts = matches!(what, What::Rollback | What::Run(_));
    let who = random.weighted(&[
        (if starts { 60 } else { 34 }, Who::Ana),
        (24, Who::Ben),
        (18, Who::Dan),
        (5, Who::Cora),
        (4, Who::Stranger),
        (6, Who::Root),
    ]);
    let way = match who {
        Who::Stranger => Way::Chat,
        Who::Root => Way::Shell,
        _ => random.weighted(&[(7, Way::Chat), (2, Way::Shell), (1, Way::Token)]),
    };
    Action::Ask(Ask {
        who,
        way,
        what,
        run: random.weighted(&[(5, Which::Open), (3, Which::Newest), (2, Which::Unnamed)]).or_any(random),
        late_ms: random.weighted(&[(8, 0), (1, 900), (1, 6_000)]),
        again_ms: random.weighted(&[(9, None), (1, Some(0)), (1, Some(1_500))]),
    })
}

impl Which {
    fn or_any(self, random: &mut Random) -> Which {
        if random.percent(10) { Which::Any(random.next()) } else { self }
    }
}

fn fault(random: &mut Random) -> Action {
    match random.below(20) {
        0..=8 => Action::Crash {
            after: random.weighted(&[(3, 6), (3, 20), (2, 60)]).max(1) - random.below(6),
            again: random.percent(25).then(|| random.between(1, 12)),
            takes_machine: random.percent(30),
        },
        9..=12 => Action::Disk(match random.below(4) {
            0 => DiskFault::Refuses(1 + u32::from(random.percent(30)) * 6),
            1 => DiskFault::LosesAnswers(1 + u32::from(random.percent(30))),
            2 => DiskFault::Conflicts(1 + u32::from(random.percent(30)) * 19),
            _ => DiskFault::Away(random.pick(&[200, 3_000, 20_000])),
        }),
        13..=15 => Action::Outside {
            fault: random.pick(&[
                OutsideFault::ChatBusy,
                OutsideFault::ChatLosesAnswer,
                OutsideFault::ChatLosesAnswer,
                OutsideFault::ChatRefuses,
                OutsideFault::PagerBusy,
                OutsideFault::PagerRefuses,
                OutsideFault::PagerLosesAnswer,
                OutsideFault::PagerKeepsNames,
            ]),
            times: random.pick(&[1, 1, 3]),
        },
        16..=18 => Action::Clock {
            jump_ms: random.pick(&[-3_600_000, -30_000, -400, 700, 30_000, 1_000_000, 3_700_000]),
        },
        _ => Action::Deploy { changes: random.percent(50).then(|| random.index(4)) },
    }
}
