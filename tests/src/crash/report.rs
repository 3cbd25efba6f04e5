//! What a number of runs came to.

use std::collections::BTreeMap;

use blocks_crash::Point;
use serde::Serialize;

use super::facts::is_settled_alone;
use super::judge::Judged;
use super::plan::Victim;
use super::play::RunLog;

/// Below this many kills a part of them says nothing.
const ENOUGH_KILLS: u64 = 200;

/// Doubts: commands with an intent and no outcome when somebody was killed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Doubts {
    /// How many.
    pub in_doubt: u64,
    /// Of those, how many were settled without a person.
    pub resolved: u64,
}

/// What a number of runs came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Processes' ends: one for each moment, also where both were killed.
    pub kills: u64,
    /// By a point's name, `living` (from outside, while a `once` command lived) or `any-time`.
    pub kills_by_point: BTreeMap<String, u64>,
    /// By who was killed.
    pub kills_by_victim: BTreeMap<&'static str, u64>,
    /// Kills at which a `once` command had begun and had not ended.
    pub kills_while_once_lived: u64,
    /// Runs.
    pub runs: u64,
    /// By where they came to rest.
    pub rest: BTreeMap<String, u64>,
    /// Runs and acknowledged requests that are not in the journal.
    pub lost: u64,
    /// Effects that happened twice.
    pub duplicated_once_effects: u64,
    /// Steps of runs that say success, of which the ledger says otherwise.
    pub false_success: u64,
    /// Attempts that began before the journal knew of them.
    pub without_intent: u64,
    /// Runs that neither came to an end nor to a question.
    pub stuck: u64,
    /// Engines that ended and were not killed.
    pub ended_alone: u64,
    /// Journals that do not verify.
    pub broken_journals: u64,
    /// Commands with an intent and no outcome at a kill.
    pub in_doubt: u64,
    /// Of those, settled without a person.
    pub in_doubt_resolved: u64,
    /// The same where nobody but the engine was killed while the command was under way.
    pub engine_alone: Doubts,
    /// Those of `engine_alone` that a person had to settle.
    pub unsettled: Vec<String>,
    /// For each defect on purpose, after how many runs it was caught.
    pub sabotage: BTreeMap<String, Option<u64>>,
    /// What is wrong, and in which run.
    pub wrong: Vec<String>,
}

impl Report {
    /// Nothing is wrong, every defect is caught, and enough was tried.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.holds() && self.unmet_aims().is_empty() && self.sabotage.values().all(Option::is_some)
    }

    /// Nothing is wrong.
    pub(super) fn holds(&self) -> bool {
        self.wrong.is_empty()
    }

    /// What is too little to show anything.
    #[must_use]
    pub fn unmet_aims(&self) -> Vec<String> {
        let mut unmet = Vec::new();
        if self.kills < ENOUGH_KILLS {
            return unmet;
        }
        for point in Point::ALL.map(Point::name) {
            let kills = self.kills_by_point.get(point).copied().unwrap_or_default();
            if kills * 100 < self.kills {
                unmet.push(format!("{point} has {kills} of {} kills: less than 1 %", self.kills));
            }
        }
        if self.kills_while_once_lived * 2 < self.kills {
            unmet.push(
                "less than half of the kills came while a command lived that must not be repeated".to_owned(),
            );
        }
        let Doubts { in_doubt, resolved } = self.engine_alone;
        if resolved * 10 < in_doubt * 9 {
            unmet.push(format!(
                "of {in_doubt} doubts that the engine's death alone left, {resolved} were settled: less than 90 %"
            ));
        }
        unmet
    }

    pub(super) fn add(&mut self, log: &RunLog, judged: &Judged, events: &[serde_json::Value]) {
        self.runs += 1;
        for kill in &log.kills {
            self.kills += 1;
            *self.kills_by_point.entry(kill.moment.to_owned()).or_default() += 1;
            *self.kills_by_victim.entry(kill.victim.name()).or_default() += 1;
            self.kills_while_once_lived += u64::from(kill.while_once_lived);
            let Some(attempt) = kill.live else { continue };
            let resolved = u64::from(is_settled_alone(events, attempt));
            self.in_doubt += 1;
            self.in_doubt_resolved += resolved;
            // Whoever was killed a second time in the middle of the same command was not killed alone.
            let mut of_it = log.kills.iter().filter(|other| other.live == Some(attempt));
            if of_it.all(|other| other.victim == Victim::Engine) {
                self.engine_alone.in_doubt += 1;
                self.engine_alone.resolved += resolved;
                if resolved == 0 {
                    self.unsettled.push(format!(
                        "run {} ({}): attempt {attempt}, {}",
                        log.number,
                        log.id.as_deref().unwrap_or_default(),
                        kill.moment
                    ));
                }
            }
        }
        let rest = if log.rest.is_empty() { "none" } else { log.rest.as_str() };
        *self.rest.entry(rest.to_owned()).or_default() += 1;
        self.lost += judged.lost.len() as u64;
        self.duplicated_once_effects += judged.duplicated.len() as u64;
        self.false_success += judged.false_success.len() as u64;
        self.without_intent += judged.without_intent.len() as u64;
        self.stuck += u64::from(log.rest.is_empty());
        self.ended_alone += log.ended_alone.len() as u64;
        let before = self.wrong.len();
        let named = [
            ("lost", &judged.lost),
            ("done twice", &judged.duplicated),
            ("false success", &judged.false_success),
            ("begun without intent", &judged.without_intent),
            ("an engine ended by itself", &log.ended_alone),
        ];
        for (what, texts) in named {
            self.wrong.extend(texts.iter().map(|text| format!("run {}: {what}: {text}", log.number)));
        }
        if log.rest.is_empty() {
            let last = events.last().map(|event| event["type"].to_string()).unwrap_or_default();
            let id = log.id.as_deref().unwrap_or("never planned");
            self.wrong
                .push(format!("run {} ({id}) does not come to rest; its last event is {last}", log.number));
        }
        if self.wrong.len() > before {
            let kills = log.kills.iter().map(|kill| (kill.moment, kill.victim.name(), kill.live));
            let doubts = events.iter().filter(|event| event["type"] == "command_in_doubt");
            let doubts = doubts.map(|event| format!("attempt {}: {}", event["attempt"], event["reason"]));
            self.wrong.push(format!(
                "run {}: its kills: {:?}; its doubts: {:?}",
                log.number,
                kills.collect::<Vec<_>>(),
                doubts.collect::<Vec<_>>()
            ));
        }
    }

    pub(super) fn add_broken_journal(&mut self, said: &serde_json::Value) {
        self.broken_journals += 1;
        self.wrong.push(format!("a journal does not verify: {said}"));
    }
}
