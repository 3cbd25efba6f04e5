//! `[[rule]]` and `[triage]`: what is wrong with them is said with file and line.

use std::collections::BTreeMap;

use blocks_engine::{Library, LibraryError, TriageSettings};
use runbook_core::pattern::Pattern;
use runbook_core::rules::{Rule, Say, When};
use runbook_core::severity::Severities;
use serde::Deserialize;

use super::file::ConfigFile;

/// What is wrong: the key, why, and what to write.
type Wrong = (String, String, &'static str);

/// Longest time that diagnostics may take, and within which they are shared.
const LONGEST_S: u32 = 3_600;
/// Most commands at a time on one target.
const MOST: u32 = 100;

/// A rule that chooses severity and runbooks.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleTable {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) service: Option<String>,
    /// A pattern for the whole title, whatever its capitals.
    #[serde(default)]
    pub(crate) title: Option<String>,
    #[serde(default)]
    pub(crate) priority: Option<String>,
    #[serde(default)]
    pub(crate) urgency: Option<UrgencyWord>,
    /// Patterns, by label.
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Patterns, by the name of a detail.
    #[serde(default)]
    pub(crate) details: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) severity: Option<String>,
    #[serde(default)]
    pub(crate) triage: Option<OneOrMore>,
    #[serde(default)]
    pub(crate) suggest: Option<OneOrMore>,
}

/// PagerDuty's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UrgencyWord {
    High,
    Low,
}

/// A name, or a list of names.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a runbook's name, or a list of names")]
pub(crate) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn names(&self) -> Vec<String> {
        match self {
            OneOrMore::One(name) => vec![name.clone()],
            OneOrMore::More(names) => names.clone(),
        }
    }
}

/// Within which bounds incidents are looked at by themselves.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TriageTable {
    /// Seconds that all diagnostics of an incident may take.
    pub(crate) budget_s: u32,
    /// Commands at a time on one target.
    pub(crate) per_target: u32,
    /// Seconds within which incidents of a service are looked at together; 0: never.
    pub(crate) share_s: u32,
}

impl Default for TriageTable {
    fn default() -> Self {
        let TriageSettings { budget_s, per_target, share_s } = TriageSettings::default();
        TriageTable { budget_s, per_target, share_s }
    }
}

/// The bounds, where they are some.
pub(super) fn triage(file: &ConfigFile) -> Result<TriageSettings, Wrong> {
    let TriageTable { budget_s, per_target, share_s } = file.triage;
    let checked = [
        ("budget_s", budget_s, 1..=LONGEST_S, "write seconds, such as budget_s = 300"),
        ("per_target", per_target, 1..=MOST, "write a number of commands, such as per_target = 4"),
        ("share_s", share_s, 0..=LONGEST_S, "write seconds, such as share_s = 60; 0 for never"),
    ];
    for (key, value, range, hint) in checked {
        if !range.contains(&value) {
            let message = format!("{value} is not between {} and {}", range.start(), range.end());
            return Err((format!("triage.{key}"), message, hint));
        }
    }
    Ok(TriageSettings { budget_s, per_target, share_s })
}

/// The rules, where each can work.
pub(super) fn rules(
    file: &ConfigFile,
    severities: &Severities,
    library: &Library,
) -> Result<Vec<Rule>, Wrong> {
    let mut all: Vec<Rule> = Vec::new();
    for (index, table) in file.rule.iter().enumerate() {
        let key = |name: &str| format!("rule.{index}.{name}");
        let named = |message: String| format!("rule '{}': {message}", table.name);
        if table.name.trim().is_empty() || all.iter().any(|rule| rule.name == table.name) {
            let message = format!("two rules are named '{}', or it is no name", table.name);
            return Err((key("name"), message, "give each [[rule]] its own name: it is said why"));
        }
        if let Some(service) = &table.service
            && !file.service.iter().any(|known| known.name == *service)
        {
            let message = named(format!("there is no service '{service}'"));
            return Err((key("service"), message, "write the name of a [[service]]"));
        }
        if let Some(id) = &table.severity
            && severities.default_scheme().get(id).is_none()
        {
            let message = named(format!("unknown severity '{id}'"));
            return Err((key("severity"), message, "one of P1, P2, P3, P4"));
        }
        let looks = table.triage.as_ref().map(OneOrMore::names);
        let suggest = table.suggest.as_ref().map(OneOrMore::names).unwrap_or_default();
        for (field, name) in looks
            .iter()
            .flatten()
            .map(|name| ("triage", name))
            .chain(suggest.iter().map(|name| ("suggest", name)))
        {
            // what is in a repository is known when that is fetched, and may be another thing tomorrow: `doctor` says so
            if file.runbooks.git.is_none()
                && let Err(LibraryError::Unknown { .. }) = library.find(name)
            {
                let message = named(format!("there is no runbook '{name}'"));
                return Err((key(field), message, "`blocks runbook list` shows their names"));
            }
        }
        let hint = "docs/triage.md says what a pattern is: it matches the whole value, such as .*timeout.*";
        let pattern = |field: String, text: &String| {
            Pattern::new(text).map_err(|error| (field, named(error.to_string()), hint))
        };
        let patterns = |field: &str, all: &BTreeMap<String, String>| {
            all.iter()
                .map(|(name, text)| Ok((name.clone(), pattern(key(&format!("{field}.{name}")), text)?)))
                .collect::<Result<BTreeMap<_, _>, Wrong>>()
        };
        let title = match &table.title {
            Some(text) => Some(
                When::title_pattern(text).map_err(|error| (key("title"), named(error.to_string()), hint))?,
            ),
            None => None,
        };
        all.push(Rule {
            name: table.name.clone(),
            when: When {
                service: table.service.clone(),
                title,
                priority: table.priority.clone(),
                high_urgency: table.urgency.map(|urgency| urgency == UrgencyWord::High),
                labels: patterns("labels", &table.labels)?,
                details: patterns("details", &table.details)?,
            },
            say: Say { severity: table.severity.clone(), triage: looks, suggest },
        });
    }
    Ok(all)
}
