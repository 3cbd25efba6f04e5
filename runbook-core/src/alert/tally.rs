//! How many alerts an incident has, and the first of them: what the card and the timeline say of a storm.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::notice::AlertLink;

/// Groups of which is kept how many were left out.
const GROUPS: usize = 100;

/// Alerts of one incident, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertCount {
    /// Those that fire.
    pub firing: u64,
    /// All that ever came to it.
    pub total: u64,
}

/// What stands on an incident's timeline of its alerts: counts, and the first few.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Who told of them.
    pub sources: Vec<String>,
    /// Those that fire.
    pub firing: u64,
    /// All that ever came to it.
    pub total: u64,
    /// Those that the senders left out of their messages, or that could not be read, by the newest word of each.
    #[serde(default, skip_serializing_if = "is_none_left_out")]
    pub left_out: u64,
    /// How many of them each group of a sender left out, by [`group_key`]; nothing where that was told before it was kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out_of: BTreeMap<String, u64>,
    /// The groups that have left some out, however many they leave out now: what a sender has cut away it names no more when it ends.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub cut: BTreeSet<String>,
    /// The first of them, those that fire before the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first: Vec<String>,
    /// Where people can look.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<AlertLink>,
}

fn is_none_left_out(left_out: &u64) -> bool {
    *left_out == 0
}

/// What a sender's group is called among those that left some out: groups may have long names. The sender is which of those of that
/// name it is.
#[must_use]
pub fn group_key(source: &str, sender: Option<&str>, group: Option<&str>) -> String {
    let digest = hex::encode(&Sha256::digest(group.unwrap_or_default())[..8]);
    match sender {
        Some(sender) => format!("{source}/{sender}/{digest}"),
        None => format!("{source}/{digest}"),
    }
}

impl Tally {
    /// Takes the newest word of these groups over: each speaks for itself alone.
    pub fn leave_out(&mut self, newest: &BTreeMap<String, u64>) {
        if newest.is_empty() {
            return;
        }
        for (group, count) in newest {
            if *count == 0 {
                self.left_out_of.remove(group);
            } else if self.left_out_of.len() < GROUPS || self.left_out_of.contains_key(group) {
                self.left_out_of.insert(group.clone(), *count);
                if self.cut.len() < GROUPS {
                    self.cut.insert(group.clone());
                }
            }
        }
        self.left_out = self.left_out_of.values().fold(0, |sum, count| sum.saturating_add(*count));
    }

    /// Takes over what was left out of the alerts of an incident that is a part of this one from now on.
    pub fn leave_out_along(&mut self, other: &Tally) {
        // of whom that is nobody has kept: it counts until the next word
        let unnamed = self.unnamed().saturating_add(other.unnamed());
        let mut both = other.left_out_of.clone();
        for (group, count) in &mut both {
            // both may know of the same group
            *count = self.left_out_of.get(group).copied().unwrap_or_default().max(*count);
        }
        self.leave_out(&both);
        let rest = GROUPS.saturating_sub(self.cut.len());
        let new: Vec<String> = other.cut.difference(&self.cut).take(rest).cloned().collect();
        self.cut.extend(new);
        let named = self.left_out_of.values().fold(0_u64, |sum, count| sum.saturating_add(*count));
        self.left_out = named.saturating_add(unnamed);
    }

    /// The groups in which something is, or was, that no message names.
    #[must_use]
    pub fn groups_cut(&self) -> BTreeSet<String> {
        self.left_out_of.keys().chain(&self.cut).cloned().collect()
    }

    fn unnamed(&self) -> u64 {
        self.left_out_of.values().fold(self.left_out, |rest, count| rest.saturating_sub(*count))
    }

    /// Whether nothing of them fires that is known, and something was left out.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.firing == 0 && self.left_out > 0
    }

    /// `5 of 8 alerts fire`, and what was left out.
    #[must_use]
    pub fn words(&self) -> String {
        let left_out = match self.left_out {
            0 => String::new(),
            1 => ", and 1 more was left out".to_owned(),
            more => format!(", and {more} more were left out"),
        };
        let fire = match (self.firing, self.total) {
            (1, 1) => "1 of 1 alert fires".to_owned(),
            (0, 1) => "the one alert has ended".to_owned(),
            (0, total) => format!("all {total} alerts have ended"),
            (1, total) => format!("1 of {total} alerts fires"),
            (firing, total) => format!("{firing} of {total} alerts fire"),
        };
        fire + &left_out
    }

    /// How many of them are shown, where not all are: `5 of 500`.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        let shown = self.first.len() as u64;
        (shown < self.total).then(|| format!("the first {shown} of {}", self.total))
    }
}

/// `3 alerts`, `1 alert`.
#[must_use]
pub fn counted(count: u64) -> String {
    if count == 1 { "1 alert".to_owned() } else { format!("{count} alerts") }
}
