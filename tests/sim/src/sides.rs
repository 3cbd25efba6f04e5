//! What a world may have beside its webhooks, people and faults: looks at the pager with webhooks that are lost, alerts, and looks
//! that incidents share. Drawn from sources of their own, so that everything else of a seed stays what it was.

use std::collections::BTreeMap;

use blocks_engine::PagerTells;
use chrono::{DateTime, Duration, Utc};
use runbook_core::alert::{AlertNotice, SentAlert};
use runbook_core::ports::PagerEventKind;

use crate::outside::true_time;
use crate::random::Random;
use crate::script::{Action, Timed, Webhook};

/// Who sends the alerts.
pub(crate) const SENDER: &str = "alertmanager";

/// Which of these a world has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sides {
    /// How the pager tells, where it is looked at, too.
    pub(crate) tells: Option<PagerTells>,
    /// Webhooks that never come, of a hundred.
    pub(crate) lost: u64,
    /// Seconds within which incidents of a service are looked at together.
    pub(crate) share_s: u32,
    /// The alerts there are, by group.
    pub(crate) groups: Vec<Group>,
    /// One of the services is being worked on for a while.
    pub(crate) maintenance: bool,
}

/// Alerts that are sent together.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) alerts: Vec<Story>,
}

/// One alert: when it begins and ends, in turns.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    pub(crate) fingerprint: String,
    labels: BTreeMap<String, String>,
    /// Milliseconds; the first one is a beginning.
    turns: Vec<u64>,
}

impl Story {
    /// How it stands then; `None` before its first beginning.
    pub(crate) fn at(&self, ms: u64) -> Option<SentAlert> {
        let turns: Vec<u64> = self.turns.iter().copied().filter(|turn| *turn <= ms).collect();
        let (last, firing) = (turns.last()?, turns.len() % 2 == 1);
        let began = if firing { last } else { turns.iter().rev().nth(1)? };
        Some(SentAlert {
            fingerprint: self.fingerprint.clone(),
            firing,
            labels: self.labels.clone(),
            starts_at: Some(true_time(*began)),
            ends_at: (!firing).then(|| true_time(*last)),
            ..SentAlert::default()
        })
    }
}

impl Group {
    /// When anything of it begins or ends.
    pub(crate) fn turns(&self) -> impl Iterator<Item = u64> {
        self.alerts.iter().flat_map(|alert| alert.turns.iter().copied())
    }

    /// What its sender says of it then.
    pub(crate) fn notice(&self, ms: u64) -> AlertNotice {
        let alerts: Vec<SentAlert> = self.alerts.iter().filter_map(|alert| alert.at(ms)).collect();
        AlertNotice {
            source: SENDER.to_owned(),
            group: Some(self.name.clone()),
            firing: alerts.iter().any(|alert| alert.firing),
            alerts,
            ..AlertNotice::default()
        }
    }
}

impl Sides {
    /// Those of a seed; what happens lasts about that long.
    pub(crate) fn of(seed: u64, until_ms: u64) -> Sides {
        let mut random = Random::of(seed, "sides", 0);
        let tells = random.pick(&[
            None,
            None,
            None,
            Some(PagerTells::Webhooks),
            Some(PagerTells::Both),
            Some(PagerTells::Nothing),
        ]);
        Sides {
            tells,
            lost: random.pick(&[0, 20, 50, 90]),
            share_s: random.pick(&[0, 0, 60]),
            groups: if random.percent(35) { groups(seed, until_ms) } else { Vec::new() },
            maintenance: random.percent(25),
        }
    }

    /// What happens of them.
    pub(crate) fn actions(&self, seed: u64, until_ms: u64) -> Vec<Timed> {
        let mut actions = Vec::new();
        if self.share_s > 0 {
            // two more pages of the service that has diagnostics
            let mut random = Random::of(seed, "more pages", 0);
            for (number, incident) in [(500, 2), (501, 4)] {
                let occurred_ms = random.below(until_ms.min(20_000) + 1);
                let kind = PagerEventKind::Triggered;
                let webhook = Webhook { number, incident, kind, agent: None, occurred_ms };
                actions.push(Timed { at_ms: occurred_ms, action: Action::Webhook(webhook) });
            }
        }
        let mut random = Random::of(seed, "notices", 0);
        let mut number = 0;
        for (group, of) in self.groups.iter().enumerate() {
            let mut times: Vec<u64> = of.turns().collect();
            times.sort_unstable();
            times.dedup();
            let disorder = random.pick(&[0, 500, 15_000]);
            for as_of_ms in times {
                // one of several that come close together tells of all of them
                if random.percent(20) {
                    continue;
                }
                let copies = random.weighted(&[(7, 1), (2, 2)]);
                for _ in 0..copies {
                    let at_ms = as_of_ms + random.below(disorder + 1);
                    actions.push(Timed { at_ms, action: Action::Alerts { number, group, as_of_ms } });
                    number += 1;
                }
            }
        }
        actions
    }

    /// When one of the services is worked on.
    pub(crate) fn maintained() -> (DateTime<Utc>, DateTime<Utc>) {
        (true_time(5_000), true_time(5_000) + Duration::seconds(40))
    }
}

/// Alerts that come one by one, in a storm, or again and again.
fn groups(seed: u64, until_ms: u64) -> Vec<Group> {
    let mut random = Random::of(seed, "alerts", 0);
    let mut groups = Vec::new();
    for group in 0..random.between(1, 3) {
        let service = random.pick(&["shop", "shop", "bank", ""]);
        let severity = random.pick(&["critical", "warning", "info", ""]);
        let count = random.weighted(&[(5, 1), (4, 3), (1, 12)]);
        let mut alerts = Vec::new();
        for alert in 0..count {
            let turns = random.weighted(&[(3, 1), (5, 2), (2, 3), (1, 9)]);
            let mut at = random.below(until_ms + 1);
            let mut times = Vec::new();
            for _ in 0..turns {
                times.push(at);
                at += random.weighted(&[(3, 900), (3, 6_000), (1, 40_000)]) + random.below(400);
            }
            let mut labels = BTreeMap::from([("alertname".to_owned(), format!("Down{group}"))]);
            for (name, value) in [("service", service), ("severity", severity)] {
                if !value.is_empty() {
                    labels.insert(name.to_owned(), value.to_owned());
                }
            }
            alerts.push(Story { fingerprint: format!("f{group}-{alert}"), labels, turns: times });
        }
        groups.push(Group { name: format!("group {group}"), alerts });
    }
    groups
}
