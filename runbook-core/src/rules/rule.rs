//! A rule: what it matches, and what it says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{LONGEST_FACT, MOST_FACTS};
use crate::pattern::{Pattern, PatternError};

/// What is known of a page or an alert.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The service's name here.
    pub service: String,
    /// What it says.
    pub title: String,
    /// Name of its priority, such as `P1`.
    pub priority: Option<String>,
    /// `true` for high urgency; `None` where nobody says.
    pub high_urgency: Option<bool>,
    /// The pager pages for it, and its service is none of those that blocks.toml names there.
    pub is_unlisted: bool,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What else its sender tells, by name; what lies deeper has a name with dots.
    pub details: BTreeMap<String, String>,
}

/// A page that nobody sent, to see what the rules make of one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TriedPage {
    /// Its service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// What it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Name of its priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// `true` for high urgency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high_urgency: Option<bool>,
    /// Its labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its details, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

impl TriedPage {
    /// Whether nothing is said of it: an incident is meant.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == TriedPage::default()
    }

    /// What the rules are asked about.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let page = self.clone();
        let facts = Facts {
            service: page.service.unwrap_or_else(|| "unknown service".to_owned()),
            title: page.title.unwrap_or_default(),
            priority: page.priority,
            high_urgency: page.high_urgency,
            is_unlisted: false,
            labels: page.labels,
            details: page.details,
        };
        facts.bounded()
    }
}

impl Facts {
    /// The same within bounds: so many labels and details, each so long, each on one line.
    #[must_use]
    pub fn bounded(mut self) -> Facts {
        for all in [&mut self.labels, &mut self.details] {
            while all.len() > MOST_FACTS {
                all.pop_last();
            }
            for value in all.values_mut() {
                *value = one_line(value);
            }
        }
        self
    }
}

/// A rule of the team's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What it is called where its choice is explained.
    pub name: String,
    /// What it matches.
    pub when: When,
    /// What it says.
    pub say: Say,
}

/// What a rule matches: all of what it names. One that names nothing matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct When {
    /// The service's name.
    pub service: Option<String>,
    /// The whole title, whatever its capitals.
    pub title: Option<Pattern>,
    /// The priority's name.
    pub priority: Option<String>,
    /// `true`: high urgency.
    pub high_urgency: Option<bool>,
    /// Labels, each with its whole value.
    pub labels: BTreeMap<String, Pattern>,
    /// Details, each with its whole value.
    pub details: BTreeMap<String, Pattern>,
}

/// What a rule says. What it leaves out is as it would be without it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Say {
    /// The severity's id.
    pub severity: Option<String>,
    /// The runbooks that look at once; none where the list is empty.
    pub triage: Option<Vec<String>>,
    /// Runbooks that may help.
    pub suggest: Vec<String>,
}

impl When {
    /// A pattern for titles, which are compared whatever their capitals.
    ///
    /// # Errors
    /// When the text is no pattern.
    pub fn title_pattern(text: &str) -> Result<Pattern, PatternError> {
        // as it is written first: small letters may make an escape of what is none
        Pattern::new(text)?;
        Pattern::new(&text.to_lowercase())
    }

    /// What of the page made it match, in words; `None` where it does not match.
    #[must_use]
    pub fn matches(&self, facts: &Facts) -> Option<Vec<String>> {
        let mut seen = Vec::new();
        let mut need = |word: &str, is_so: Option<bool>| {
            if is_so == Some(true) {
                seen.push(word.to_owned());
            }
            is_so != Some(false)
        };
        let title = || one_line(&facts.title).to_lowercase();
        let holds = need("service", self.service.as_ref().map(|name| *name == facts.service))
            && need("title", self.title.as_ref().map(|pattern| pattern.is_match(&title())))
            && need("priority", self.priority.as_ref().map(|name| facts.priority.as_ref() == Some(name)))
            && need("urgency", self.high_urgency.map(|high| facts.high_urgency == Some(high)));
        if !holds {
            return None;
        }
        for (kind, wanted, known) in
            [("label", &self.labels, &facts.labels), ("detail", &self.details, &facts.details)]
        {
            for (name, pattern) in wanted {
                known.get(name).filter(|value| pattern.is_match(&one_line(value)))?;
                seen.push(format!("{kind} {name}"));
            }
        }
        Some(seen)
    }

    /// Whether it looks at what a page's first message does not tell.
    #[must_use]
    pub fn needs_details(&self) -> bool {
        !self.labels.is_empty() || !self.details.is_empty()
    }
}

/// One line of bounded length: a pattern matches no line break.
fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST_FACT) {
        Some((end, _)) => line[..end].to_owned(),
        None => line,
    }
}
