//! Changes of services, as whoever makes them tells of them: a deployment, a flag, a migration.
//!
//! Each is kept in a row beside the journal ([`ChangeRow`]) and asked for when an incident of its service wants to know what
//! changed; what is shown there is on the journal ([`ChangeNoted`]).

use chrono::{DateTime, Duration, SubsecRound as _, Utc};
use serde::{Deserialize, Serialize};

use crate::incident::ChangeNoted;
use crate::journal::millis;
use crate::update::one_line;

/// So many of one service are kept, the newest.
pub const MOST_OF_A_SERVICE: usize = 200;
/// So long they are kept, in days.
pub const KEPT_DAYS: i64 = 30;

/// A change, in our words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToldChange {
    /// What it is known by, however often it is told.
    pub key: String,
    /// The service, as its sender names it, and what else that may mean, the likeliest first.
    pub service: Vec<String>,
    /// When it was, by its sender's account.
    pub at: Option<DateTime<Utc>>,
    /// What was changed, in one line.
    pub summary: String,
    /// Who did it.
    pub author: Option<String>,
    /// What runs now: a version, a tag, a commit.
    pub version: Option<String>,
    /// Where a person can look at it.
    pub link: Option<String>,
    /// Who tells it.
    pub source: String,
    /// What sort of change it is.
    pub kind: Option<String>,
}

/// A change that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRow {
    /// The service: its name here or, of one that nobody knows, as its sender names it.
    pub service: String,
    /// What it is known by, however often it is told.
    pub key: String,
    /// When it was; never after it was told.
    #[serde(with = "millis")]
    pub at: DateTime<Utc>,
    /// When it was told.
    #[serde(with = "millis")]
    pub told_at: DateTime<Utc>,
    /// In one line.
    pub text: String,
    /// Who tells it.
    pub source: String,
    /// What runs now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where a person can look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl ToldChange {
    /// The row of it, of this service, told at that time. What its sender dates later than it was told was then.
    #[must_use]
    pub fn row(&self, service: &str, told_at: DateTime<Utc>) -> ChangeRow {
        ChangeRow {
            service: service.to_owned(),
            key: self.key.clone(),
            // as the journal keeps it: what is noted twice has one time
            at: self.at.map_or(told_at, |at| at.min(told_at)).trunc_subsecs(3),
            told_at,
            text: self.text(),
            source: one_line(&self.source),
            version: self.version.clone(),
            link: self.link.clone(),
        }
    }

    /// What was changed, to what, and by whom, each said once.
    fn text(&self) -> String {
        let mut text = one_line(&self.summary);
        let says = |text: &str, what: &str| text.to_lowercase().contains(&what.to_lowercase());
        for (before, what) in [(" ", &self.kind), (" ", &self.version), (" by ", &self.author)] {
            let Some(what) = what.as_deref().map(one_line).filter(|what| !what.is_empty()) else { continue };
            if says(&text, &what) {
                continue;
            }
            if before == " " {
                text.push_str(&format!(" ({what})"));
            } else {
                text.push_str(&format!("{before}{what}"));
            }
        }
        text
    }
}

impl ChangeRow {
    /// The oldest time of what is kept when this one is told.
    #[must_use]
    pub fn keeps_since(&self) -> DateTime<Utc> {
        self.told_at - Duration::days(KEPT_DAYS)
    }

    /// As an incident notes it.
    #[must_use]
    pub fn noted(&self) -> ChangeNoted {
        ChangeNoted {
            text: self.text.clone(),
            at: Some(self.at),
            source: Some(self.source.clone()),
            url: self.link.clone(),
            version: self.version.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(summary: &str, version: Option<&str>, author: Option<&str>, kind: Option<&str>) -> ToldChange {
        ToldChange {
            summary: summary.to_owned(),
            version: version.map(str::to_owned),
            author: author.map(str::to_owned),
            kind: kind.map(str::to_owned),
            source: "ci".to_owned(),
            ..ToldChange::default()
        }
    }

    #[test]
    fn a_line_says_each_thing_once() {
        for (change, wanted) in [
            (told("flag x is on", None, None, None), "flag x is on"),
            (told("shop rolled out", Some("v1.2"), Some("ana"), None), "shop rolled out (v1.2) by ana"),
            (told("V1.2 rolled out by ana", Some("v1.2"), Some("ana"), Some(" ")), "V1.2 rolled out by ana"),
            (
                told("two\nlines\u{7}", None, Some("a\nb"), Some("deployment")),
                "two lines (deployment) by a b",
            ),
        ] {
            let row = change.row("shop", DateTime::UNIX_EPOCH);
            assert_eq!(row.text, wanted);
        }
    }

    #[test]
    fn nothing_changed_later_than_it_was_told() {
        let told_at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for (at, wanted) in [
            (None, told_at),
            (Some(told_at + Duration::seconds(1)), told_at),
            (Some(told_at + Duration::days(400)), told_at),
            (Some(told_at - Duration::hours(3)), told_at - Duration::hours(3)),
            // as the journal keeps it
            (Some(told_at - Duration::microseconds(877)), told_at - Duration::milliseconds(1)),
        ] {
            let change = ToldChange { at, ..told("x", None, None, None) };
            assert_eq!(change.row("shop", told_at).at, wanted, "{at:?}");
        }
    }
}
