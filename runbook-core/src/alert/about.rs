//! What an alert is about: title, service and severity, each from what it says, and said where it says nothing.

use super::notice::SentAlert;
use super::policy::AlertPolicy;
use crate::severity::SeverityScheme;

/// The service of an alert that names none.
pub const UNKNOWN_SERVICE: &str = "unknown service";

/// Longest title, in characters.
const TITLE_MAX: usize = 200;
/// Longest name of a service, in characters.
const NAME_MAX: usize = 100;
/// Longest word of the sender's that is repeated in a reason, in characters.
const WORD_MAX: usize = 40;
/// The word for what opens no incident.
const NONE: &str = "none";
/// What monitoring systems call their severities: the words, and the place in the scheme, counted from the most severe.
const WORDS: &[(&[&str], usize)] = &[
    (&["critical", "emergency", "fatal", "disaster", "sev1", "1"], 0),
    (&["page", "error", "high", "major", "sev2", "2"], 1),
    (&["warning", "warn", "medium", "average", "sev3", "3"], 2),
    (&["info", "information", "informational", "low", "minor", "notice", "sev4", "4"], 3),
];

/// Title and service of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// What it is about, in one line.
    pub title: String,
    /// The service's name; [`UNKNOWN_SERVICE`] where nothing names one.
    pub service: String,
    /// It is the alert's kind by which a storm of unknown services is known: its name at the sender.
    pub name: Option<String>,
}

impl About {
    /// Whether nothing names its service.
    #[must_use]
    pub fn is_of_nobody(&self) -> bool {
        self.service == UNKNOWN_SERVICE
    }
}

/// What its sender calls an alert, on one line: by that a storm of unknown services is known.
#[must_use]
pub fn alert_name(alert: &SentAlert) -> Option<String> {
    let name = alert.labels.get("alertname").filter(|name| !name.trim().is_empty());
    name.map(|name| line(name, TITLE_MAX))
}

/// What an alert is about.
#[must_use]
pub fn about(alert: &SentAlert, policy: &AlertPolicy) -> About {
    let label = |name: &str| alert.labels.get(name).filter(|value| !value.trim().is_empty());
    let name = alert_name(alert);
    let said = |name: &str| alert.annotations.get(name).filter(|text| !text.trim().is_empty());
    let title = alert
        .title
        .as_ref()
        .filter(|title| !title.trim().is_empty())
        .or_else(|| said("summary"))
        .map(|title| line(title, TITLE_MAX))
        .or_else(|| name.clone())
        .or_else(|| said("description").map(|text| line(text, TITLE_MAX)))
        .unwrap_or_else(|| format!("alert {}", line(&alert.fingerprint, WORD_MAX)));
    let service = alert
        .service
        .as_ref()
        .filter(|service| !service.trim().is_empty())
        .map(|service| line(service, NAME_MAX))
        .or_else(|| {
            let known = policy.services.iter().find(|service| service.fits(&alert.labels));
            known.map(|service| service.service.clone())
        })
        .or_else(|| {
            policy.service_labels.iter().find_map(|name| label(name)).map(|name| line(name, NAME_MAX))
        })
        .unwrap_or_else(|| UNKNOWN_SERVICE.to_owned());
    About { title, service, name }
}

/// The severity of an alert, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeverityFound {
    /// It is this one.
    Is {
        /// The severity's id.
        id: String,
        /// Why.
        reason: String,
        /// The alert has not named it.
        guessed: bool,
    },
    /// It opens no incident.
    OpensNone {
        /// Why.
        reason: String,
    },
}

/// The severity of an alert: what it names by the configured words, else by the usual ones, else the service's own.
#[must_use]
pub fn severity(
    alert: &SentAlert,
    policy: &AlertPolicy,
    scheme: &SeverityScheme,
    of_service: Option<&str>,
) -> SeverityFound {
    let labelled =
        policy.severity_labels.iter().find_map(|name| Some((name.as_str(), alert.labels.get(name)?)));
    let named = alert.severity.as_ref().map(|word| ("severity", word)).or(labelled);
    let named = named.filter(|(_, word)| !word.trim().is_empty());
    let unknown = named.map(|(name, word)| (name, line(word, WORD_MAX)));
    if let Some((name, word)) = named {
        let shown = line(word, WORD_MAX);
        let lower = word.trim().to_lowercase();
        let mapped = policy.severities.get(&lower);
        if mapped.map_or(lower == NONE, |id| id == NONE) {
            return SeverityFound::OpensNone {
                reason: format!("its {name} is {shown}, which opens no incident"),
            };
        }
        let usual = || {
            let (_, place) = WORDS.iter().find(|(words, _)| words.contains(&lower.as_str()))?;
            scheme.severities.get((*place).min(scheme.severities.len().checked_sub(1)?))
        };
        let found = match mapped {
            Some(id) => scheme.get(id),
            None => scheme.get(word.trim()).or_else(usual),
        };
        if let Some(found) = found {
            if !found.opens_incident {
                let reason = format!("its {name} is {shown}, and {} goes to the backlog", found.id);
                return SeverityFound::OpensNone { reason };
            }
            let reason = format!("the alert's {name} is {shown}");
            return SeverityFound::Is { id: found.id.clone(), reason, guessed: false };
        }
    }
    let why = match unknown {
        Some((name, word)) => format!("nothing says what the alert's {name} {word} means"),
        None => "the alert names no severity".to_owned(),
    };
    let (id, of) = match of_service.and_then(|id| scheme.get(id)) {
        Some(own) => (own.id.clone(), "the service's default counts"),
        None => {
            let lowest = scheme.severities.iter().rev().find(|severity| severity.opens_incident);
            (lowest.map_or_else(|| "P4".to_owned(), |severity| severity.id.clone()), "the lowest counts")
        }
    };
    SeverityFound::Is { id, reason: format!("{why}, so {of}"), guessed: true }
}

/// Somebody else's text on one line, without what a terminal would act on.
pub(super) fn line(text: &str, most: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= most {
        return words;
    }
    let mut cut: String = words.chars().take(most.saturating_sub(1)).collect();
    cut.push('…');
    cut
}
