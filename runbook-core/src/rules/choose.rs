//! The choice, and why.

use serde::{Deserialize, Serialize};

use super::rule::{Facts, Rule};
use crate::severity::SeverityScheme;

/// What counts where no rule says otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Defaults<'a> {
    /// The severities that there are.
    pub scheme: &'a SeverityScheme,
    /// The service's own.
    pub severity: Option<&'a str>,
    /// The service's diagnostics.
    pub triage: Option<&'a str>,
}

/// What a page comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The severity's id.
    pub severity: String,
    /// Why this one.
    pub severity_reason: String,
    /// Nobody has named it: a rule, a default or the urgency made it.
    pub severity_guessed: bool,
    /// The runbooks.
    pub chosen: Chosen,
}

/// The runbooks that look at an incident, and those that may help it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Chosen {
    /// The rule that matched; none did when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The runbooks that look at once.
    pub triage: Vec<String>,
    /// Why these.
    pub reason: String,
    /// Runbooks that the rule names as a help.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suggest: Vec<String>,
    /// The priority that the page had by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Its urgency by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high_urgency: Option<bool>,
    /// Its service was none of those that blocks.toml names at the pager: by itself nobody is called for it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_unlisted: bool,
}

/// Asks the rules in their order; the first that matches wins.
#[must_use]
pub fn choose(rules: &[Rule], facts: &Facts, defaults: Defaults<'_>) -> Choice {
    let matched = rules.iter().find_map(|rule| Some((rule, rule.when.matches(facts)?)));
    let why = matched.as_ref().map(|(rule, seen)| match seen.as_slice() {
        [] => format!("rule '{}'", rule.name),
        seen => format!("rule '{}': {}", rule.name, seen.join(", ")),
    });
    let say = matched.as_ref().map(|(rule, _)| &rule.say);
    let of_rule = say.and_then(|say| defaults.scheme.get(say.severity.as_deref()?));
    let (severity, severity_reason, severity_guessed) = match (of_rule, &why) {
        (Some(severity), Some(why)) => (severity.id.clone(), why.clone(), true),
        _ => without_rule(facts, defaults),
    };
    let (triage, reason) = match (say.and_then(|say| say.triage.clone()), &why, defaults.triage) {
        (Some(triage), Some(why), _) => (triage, why.clone()),
        (_, _, Some(name)) => (vec![name.to_owned()], "the service's diagnostics".to_owned()),
        (_, _, None) => (Vec::new(), "no rule and no service names diagnostics".to_owned()),
    };
    let suggest = say.map_or_else(Vec::new, |say| say.suggest.clone());
    let rule = matched.map(|(rule, _)| rule.name.clone());
    let (priority, high_urgency) = (facts.priority.clone(), facts.high_urgency);
    let is_unlisted = facts.is_unlisted;
    let chosen = Chosen { rule, triage, reason, suggest, priority, high_urgency, is_unlisted };
    Choice { severity, severity_reason, severity_guessed, chosen }
}

/// The severity of a page where no rule says one, why, and whether nobody has named it. High urgency is never below P2 (the second of
/// the scheme).
fn without_rule(facts: &Facts, defaults: Defaults<'_>) -> (String, String, bool) {
    let scheme = defaults.scheme;
    let named = facts.priority.as_deref().and_then(|name| scheme.get(name));
    let configured = defaults.severity.and_then(|id| scheme.get(id));
    let lowest = scheme.severities.last().map_or("P4", |severity| severity.id.as_str());
    let (id, reason) = match (named, configured) {
        (Some(severity), _) => (severity.id.as_str(), "PagerDuty's priority"),
        (None, Some(severity)) => (severity.id.as_str(), "the service's default"),
        (None, None) => (lowest, "nothing names a severity"),
    };
    let floor = scheme.severities.get(1).map_or(lowest, |severity| severity.id.as_str());
    if facts.high_urgency == Some(true) && scheme.more_severe(id, floor) != id {
        let reason = format!("high urgency is never below {floor} ({reason} says {id})");
        return (floor.to_owned(), reason, true);
    }
    (id.to_owned(), reason.to_owned(), named.is_none())
}

impl Choice {
    /// Whether it is a rule that says the severity.
    #[must_use]
    pub fn rule_says_severity(&self, rules: &[Rule]) -> bool {
        let rule = rules.iter().find(|rule| Some(&rule.name) == self.chosen.rule.as_ref());
        rule.is_some_and(|rule| rule.say.severity.as_ref() == Some(&self.severity))
    }

    /// The choice in one line, for people.
    #[must_use]
    pub fn words(&self) -> String {
        words(&self.severity, &self.severity_reason, Some(&self.chosen))
    }
}

/// Why this severity and why these runbooks, in one line.
pub(crate) fn words(severity: &str, severity_reason: &str, chosen: Option<&Chosen>) -> String {
    let severity = format!("{severity} ({severity_reason})");
    match chosen {
        None => severity,
        Some(chosen) if chosen.triage.is_empty() => format!("{severity}; no diagnostics ({})", chosen.reason),
        Some(chosen) if chosen.reason == severity_reason => {
            format!("{severity}; {} looks", chosen.triage.join(", "))
        }
        Some(chosen) => format!("{severity}; {} looks ({})", chosen.triage.join(", "), chosen.reason),
    }
}
