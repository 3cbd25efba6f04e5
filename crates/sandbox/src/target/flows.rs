//! The flows that the target executes: made up, but counted honestly, so that rates move because versions change.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::clock::iso;

/// Length of the sliding window over which rates are computed, milliseconds.
pub(super) const WINDOW_MS: u64 = 1_000;
/// One flow ends every this many milliseconds while at least one replica is ready.
pub(super) const FLOW_EVERY_MS: u64 = 5;
/// Upper bounds of the duration histogram, seconds.
const BUCKETS: [f64; 7] = [30.0, 60.0, 90.0, 120.0, 180.0, 240.0, 300.0];
const KEEP: usize = 200;

/// How a version behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Behaviour {
    /// Share of flows that fail, 0 to 1.
    pub(super) failure: f64,
    /// 95th percentile of a flow's duration, seconds.
    pub(super) p95: f64,
}

const GOOD: Behaviour = Behaviour { failure: 0.005, p95: 95.0 };
const BAD: Behaviour = Behaviour { failure: 0.34, p95: 180.0 };

/// v1.2 is the bad release; every other version is good, unless the fault `stays_bad` makes all of them bad.
pub(super) fn behaviour(version: &str, stays_bad: bool) -> Behaviour {
    if stays_bad || version == "v1.2" { BAD } else { GOOD }
}

#[derive(Debug, Clone)]
struct Flow {
    id: String,
    at_ms: u64,
    at: DateTime<Utc>,
    version: String,
    ok: bool,
    seconds: f64,
}

impl Flow {
    fn json(&self) -> Value {
        let mut flow = json!({
            "id": self.id,
            "status": if self.ok { "success" } else { "failed" },
            "version": self.version,
            "duration_seconds": round1(self.seconds),
            "finished_at": iso(self.at),
        });
        if !self.ok {
            flow["error"] = json!("context pruning dropped a required block");
        }
        flow
    }
}

/// Counters, the sliding window and the last flows.
#[derive(Debug, Default)]
pub(super) struct Flows {
    sequence: u64,
    tests: u64,
    carry: f64,
    window: VecDeque<Flow>,
    recent: VecDeque<Flow>,
    recent_failed: VecDeque<Flow>,
    success: u64,
    failed: u64,
    seconds_sum: f64,
    buckets: [u64; BUCKETS.len()],
}

impl Flows {
    /// One background flow of `version` ends. Failures are spread evenly, so that the window shows the rate itself.
    pub(super) fn run(&mut self, version: &str, how: Behaviour, at_ms: u64, at: DateTime<Utc>) {
        self.carry += how.failure;
        let ok = self.carry < 1.0;
        if !ok {
            self.carry -= 1.0;
        }
        self.record(version, how, ok, at_ms, at);
    }

    /// One flow that a person or a runbook asked for. A good version succeeds; a bad one fails, then succeeds twice.
    pub(super) fn run_test(
        &mut self,
        version: &str,
        how: Behaviour,
        at_ms: u64,
        at: DateTime<Utc>,
    ) -> (bool, Value) {
        let ok = how.failure < 0.05 || !self.tests.is_multiple_of(3);
        self.tests = if how.failure < 0.05 { 0 } else { self.tests + 1 };
        let flow = self.record(version, how, ok, at_ms, at);
        (ok, flow)
    }

    fn record(&mut self, version: &str, how: Behaviour, ok: bool, at_ms: u64, at: DateTime<Utc>) -> Value {
        self.sequence += 1;
        // The golden ratio walks the unit interval evenly: 95 % of the durations lie below `p95`, without randomness.
        let u = (self.sequence as f64 * 0.618_033_988_749_895).fract();
        let seconds = how.p95 * (0.35 + 0.65 * (u / 0.95).powi(3));
        let flow = Flow {
            id: format!("flow-{:06}", self.sequence),
            at_ms,
            at,
            version: version.to_owned(),
            ok,
            seconds,
        };
        if ok {
            self.success += 1;
        } else {
            self.failed += 1;
        }
        self.seconds_sum += seconds;
        for (count, bound) in self.buckets.iter_mut().zip(BUCKETS) {
            if seconds <= bound {
                *count += 1;
            }
        }
        let json = flow.json();
        keep(&mut self.recent, flow.clone());
        if !ok {
            keep(&mut self.recent_failed, flow.clone());
        }
        self.window.push_back(flow);
        json
    }

    /// Forgets what has left the window.
    pub(super) fn slide(&mut self, now_ms: u64) {
        while self.window.front().is_some_and(|f| f.at_ms + WINDOW_MS < now_ms) {
            self.window.pop_front();
        }
    }

    /// Failed and all flows in the window.
    pub(super) fn window_counts(&self) -> (usize, usize) {
        (self.window.iter().filter(|f| !f.ok).count(), self.window.len())
    }

    /// Failed share of the window in percent, one decimal; 0 without flows.
    pub(super) fn failure_percent(&self) -> f64 {
        let (failed, total) = self.window_counts();
        if total == 0 { 0.0 } else { round1(failed as f64 * 100.0 / total as f64) }
    }

    /// 95th percentile of the window's durations, seconds, one decimal; 0 without flows.
    pub(super) fn p95_seconds(&self) -> f64 {
        let mut all: Vec<f64> = self.window.iter().map(|f| f.seconds).collect();
        all.sort_by(f64::total_cmp);
        let index = (all.len() * 95).div_ceil(100).saturating_sub(1);
        all.get(index).copied().map_or(0.0, round1)
    }

    /// The newest flows first; only the failed ones if asked.
    pub(super) fn list(&self, failed_only: bool, limit: usize) -> Value {
        let from = if failed_only { &self.recent_failed } else { &self.recent };
        Value::Array(from.iter().rev().take(limit).map(Flow::json).collect())
    }

    /// How many of the window's flows each version ran.
    pub(super) fn by_version(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for flow in &self.window {
            *counts.entry(flow.version.clone()).or_insert(0) += 1;
        }
        counts
    }

    /// The flows' part of the Prometheus text.
    pub(super) fn prometheus(&self) -> String {
        let total = self.success + self.failed;
        let mut text = format!(
            "# HELP flow_status_total Flows by outcome.\n# TYPE flow_status_total counter\n\
             flow_status_total{{status=\"success\"}} {}\nflow_status_total{{status=\"failed\"}} {}\n\
             # HELP flow_duration_seconds Duration of flows.\n# TYPE flow_duration_seconds histogram\n",
            self.success, self.failed
        );
        for (bound, count) in BUCKETS.iter().zip(self.buckets) {
            text.push_str(&format!("flow_duration_seconds_bucket{{le=\"{bound}\"}} {count}\n"));
        }
        text.push_str(&format!(
            "flow_duration_seconds_bucket{{le=\"+Inf\"}} {total}\nflow_duration_seconds_sum {:.3}\nflow_duration_seconds_count {total}\n",
            self.seconds_sum
        ));
        text
    }
}

fn keep(list: &mut VecDeque<Flow>, flow: Flow) {
    if list.len() == KEEP {
        list.pop_front();
    }
    list.push_back(flow);
}

/// One decimal.
pub(super) fn round1(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_shows_the_rate_and_p95_of_its_version() {
        for (version, percent, p95) in [("v1.1", 0.5, 95.0), ("v1.2", 34.0, 180.0)] {
            let mut flows = Flows::default();
            for ms in (0..WINDOW_MS).step_by(5) {
                flows.run(version, behaviour(version, false), ms, crate::clock::now());
            }
            assert!(
                (flows.failure_percent() - percent).abs() <= 0.6,
                "{version}: {}",
                flows.failure_percent()
            );
            assert!((flows.p95_seconds() - p95).abs() <= 4.0, "{version}: {}", flows.p95_seconds());
            flows.slide(3 * WINDOW_MS);
            assert_eq!(flows.window_counts(), (0, 0));
        }
    }

    #[test]
    fn a_test_flow_succeeds_on_a_good_version_and_first_fails_on_a_bad_one() {
        let mut flows = Flows::default();
        let at = crate::clock::now();
        let outcomes: Vec<bool> =
            (0..4).map(|_| flows.run_test("v1.2", behaviour("v1.2", false), 0, at).0).collect();
        assert_eq!(outcomes, [false, true, true, false]);
        assert!((0..300).all(|_| flows.run_test("v1.1", behaviour("v1.1", false), 0, at).0));
        assert!(!flows.run_test("v1.1", behaviour("v1.1", true), 0, at).0);
    }
}
