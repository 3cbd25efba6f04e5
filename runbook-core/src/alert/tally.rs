//! How many alerts an incident has, and the first of them: what the card and the timeline say of a storm.

use serde::{Deserialize, Serialize};

use super::notice::AlertLink;

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
    /// Those that were left out of the sender's messages, or could not be read, by its newest word.
    #[serde(default, skip_serializing_if = "is_none_left_out")]
    pub left_out: u64,
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

impl Tally {
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
