//! What was delivered, what it cost, and what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

/// So many texts of what is wrong are kept; the rest is counted.
const KEPT: usize = 60;

/// What a process has used, or several one after the other.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Use {
    /// The most memory of one of them, in KiB.
    pub(super) peak_kib: u64,
    /// Processor time of all of them, in clock ticks.
    pub(super) ticks: u64,
}

impl Use {
    /// What a process has used so far.
    pub(super) fn of(pid: u32) -> Option<Use> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // behind the name, which may hold anything
        let mut words = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let mut ticks = || words.next()?.parse::<u64>().ok();
        Some(Use { peak_kib: peak.split_whitespace().next()?.parse().ok()?, ticks: ticks()? + ticks()? })
    }

    pub(super) fn add(&mut self, other: Use) {
        self.peak_kib = self.peak_kib.max(other.peak_kib);
        self.ticks += other.ticks;
    }
}

/// What one sender counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) attempts: u64,
    pub(super) retries: BTreeMap<&'static str, u64>,
    /// Milliseconds until an answer, in tenths.
    pub(super) answers: Vec<u32>,
    pub(super) refused_503: u64,
}

impl Tally {
    pub(super) fn answered(&mut self, status: u16, took: Duration) {
        self.answers.push(u32::try_from(took.as_micros() / 100).unwrap_or(u32::MAX));
        self.refused_503 += u64::from(status != 202);
    }

    pub(super) fn add(&mut self, other: Tally) {
        self.attempts += other.attempts;
        self.refused_503 += other.refused_503;
        self.answers.extend(other.answers);
        for (why, count) in other.retries {
            *self.retries.entry(why).or_default() += count;
        }
    }
}

/// The report.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// What the plan was made from.
    pub seed: u64,
    /// Messages that were sent, each until it was taken: first ones and duplicates.
    pub deliveries: u64,
    /// Of those, how many were not the first of their message.
    pub duplicates: u64,
    /// Attempts, of which each delivery has one or more.
    pub attempts: u64,
    /// Why there was another attempt.
    pub retries: BTreeMap<&'static str, u64>,
    /// Messages by how their incident was told.
    pub messages: BTreeMap<&'static str, u64>,
    /// How many types of events there were among them.
    pub types: usize,
    /// Messages that came before one that had happened earlier to the same incident.
    pub overtaken: u64,
    /// Kills of the server, by moment.
    pub kills: BTreeMap<&'static str, u64>,
    /// Keys: incidents at the pager of which something was told.
    pub keys: u64,
    /// Of those, incidents here.
    pub incidents: u64,
    /// Of the others: the pager told their end first, and never that they were opened again.
    pub over_before_known: u64,
    /// Events on the timelines that were compared.
    pub timeline_events: u64,
    /// Messages that were taken and are not on record.
    pub lost: u64,
    /// Messages, incidents or effects that are there more than once.
    pub doubled: u64,
    /// Incidents whose timeline is not the ideal one.
    pub other_timelines: u64,
    /// Incidents told out of order that do not end as they would have in order.
    pub other_ends: u64,
    /// Messages that came to something else than they should.
    pub other_fates: u64,
    /// Messages that were dropped for good (4xx).
    pub dropped: u64,
    /// Servers that ended and were not killed.
    pub ended_alone: u64,
    /// Effects at the pager (notes, acknowledgements), each wanted once.
    pub effects: u64,
    /// Messages that nobody could read, kept for a person: as many as were sent.
    pub dead_letters: u64,
    /// The journal is whole.
    pub verified: bool,
    /// From the first delivery to the last answer, in seconds.
    pub seconds: f64,
    /// Deliveries in a second meanwhile.
    pub per_second: f64,
    /// From the last answer until nothing waited any more, in seconds.
    pub settled_after_s: f64,
    /// Time until an answer, in milliseconds: half of them, 99 of 100, the longest.
    pub answer_ms: [f64; 3],
    /// The most memory of a server, in MiB.
    pub peak_mib: u64,
    /// Processor time of all servers, in seconds.
    pub cpu_s: f64,
    /// The store in the end, in MiB.
    pub store_mib: u64,
    /// For each defect on purpose, what it was caught by.
    pub sabotage: BTreeMap<String, Option<String>>,
    /// What is wrong.
    pub wrong: Vec<String>,
    /// How many texts there would be.
    pub wrong_in_all: u64,
    #[serde(skip)]
    pub(super) seen_types: BTreeSet<&'static str>,
}

impl Report {
    /// Nothing is wrong, and every defect is caught.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.holds() && self.sabotage.values().all(Option::is_some)
    }

    /// Nothing is wrong.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.wrong_in_all == 0
    }

    pub(super) fn complain(&mut self, text: String) {
        self.wrong_in_all += 1;
        if self.wrong.len() < KEPT {
            self.wrong.push(text);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub(super) fn tally(&mut self, mut all: Tally) {
        self.attempts += all.attempts;
        self.retries.extend(std::mem::take(&mut all.retries));
        all.answers.sort_unstable();
        let at = |part: usize| {
            let last = all.answers.len().saturating_sub(1);
            f64::from(all.answers.get(last * part / 1_000).copied().unwrap_or_default()) / 10.0
        };
        self.answer_ms = [at(500), at(990), at(1_000)];
        self.per_second = (self.deliveries as f64 / self.seconds.max(0.001)).round();
    }

    pub(super) fn used(&mut self, used: Use) {
        self.peak_mib = used.peak_kib.div_ceil(1_024);
        // Linux tells 100 ticks a second to every program
        self.cpu_s = f64::from(u32::try_from(used.ticks).unwrap_or(u32::MAX)) / 100.0;
    }
}
