//! The words of a status page, in ours.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where an incident stands on the status page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageState {
    /// Somebody looks for the cause.
    Investigating,
    /// The cause is known.
    Identified,
    /// It is mended and watched.
    Monitoring,
    /// It is over.
    Resolved,
}

/// How bad an incident is shown to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Impact {
    /// Nobody notices.
    None,
    /// Some notice.
    Minor,
    /// Many do.
    Major,
    /// Nothing works.
    Critical,
}

/// What a component of the status page is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComponentStatus {
    /// It works.
    Operational,
    /// It is slow, or worse than usual.
    DegradedPerformance,
    /// Some of it does not work.
    PartialOutage,
    /// It does not work.
    MajorOutage,
    /// It is being worked on.
    UnderMaintenance,
}

/// A word that is none of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is one of {0}")]
pub struct NoWord(String);

macro_rules! words {
    ($name:ident: $($variant:ident = $word:literal),+) => {
        impl $name {
            /// Every one of them.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word, as a status page writes it.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $($name::$variant => $word),+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }

        impl FromStr for $name {
            type Err = NoWord;

            /// Dashes and blanks are as good as underscores.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let word = text.trim().to_ascii_lowercase().replace(['-', ' '], "_");
                let found = $name::ALL.iter().find(|known| known.word() == word).copied();
                found.ok_or_else(|| NoWord([$($word),+].join(", ")))
            }
        }
    };
}

words!(PageState: Investigating = "investigating", Identified = "identified", Monitoring = "monitoring", Resolved = "resolved");
words!(Impact: None = "none", Minor = "minor", Major = "major", Critical = "critical");
words!(ComponentStatus: Operational = "operational", DegradedPerformance = "degraded_performance",
    PartialOutage = "partial_outage", MajorOutage = "major_outage", UnderMaintenance = "under_maintenance");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_as_they_were() {
        for status in ComponentStatus::ALL {
            assert_eq!(status.word().parse(), Ok(*status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.word());
        }
        assert_eq!("Major outage".parse(), Ok(ComponentStatus::MajorOutage));
        assert_eq!("critical".parse(), Ok(Impact::Critical));
        let error = "broken".parse::<PageState>().unwrap_err().to_string();
        assert_eq!(error, "it is one of investigating, identified, monitoring, resolved");
    }
}
