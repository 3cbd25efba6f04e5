//! A draft: an update that is written and has not left. What is sent is what was seen, by its code.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::page::{ComponentStatus, Impact, PageState};
use super::template::Audience;
use crate::ids::{DraftId, IncidentId};
use crate::people::Actor;

/// Most recipients of one draft.
pub const RECIPIENTS_MAX: usize = 50;
/// Longest address of a recipient, in characters.
const ADDRESS_MAX: usize = 254;

/// The name of the template that says that an incident is over, also where no status page is told.
const OVER: &str = "resolved";

/// One way on which a draft leaves, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Way {
    /// A channel of the chat.
    Slack {
        /// Which; the incident's own when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        channel: Option<String>,
    },
    /// An e-mail to one address: nobody sees who else gets it.
    Mail {
        /// The address.
        to: String,
    },
    /// The status page.
    StatusPage {
        /// Where the incident stands there.
        status: PageState,
        /// How bad it is shown to be.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        impact: Option<Impact>,
        /// What the service's component is set to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        component: Option<Component>,
    },
}

/// A component of the status page, and what it is set to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// The page's id of it.
    pub id: String,
    /// The service that it stands for.
    pub service: String,
    /// What it is set to.
    pub status: ComponentStatus,
}

impl Way {
    /// To whom it goes, for people.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Way::Slack { channel: None } => "Slack: the incident's channel".to_owned(),
            Way::Slack { channel: Some(channel) } => format!("Slack: {channel}"),
            Way::Mail { to } => format!("e-mail: {to}"),
            Way::StatusPage { status, impact, component } => {
                let impact = impact.map_or_else(String::new, |impact| format!(", impact {impact}"));
                let component = component.as_ref().map_or_else(
                    || ", no component changes".to_owned(),
                    |one| format!(", component {} {}", one.service, one.status),
                );
                format!("status page: {status}{impact}{component}")
            }
        }
    }

    /// What names its other end.
    #[must_use]
    pub fn other_end(&self) -> String {
        match self {
            Way::Slack { channel } => format!("slack/{}", channel.as_deref().unwrap_or_default()),
            Way::Mail { to } => format!("mail/{to}"),
            Way::StatusPage { .. } => "page".to_owned(),
        }
    }

    /// Whether what leaves on it is read outside the incident's own channel.
    #[must_use]
    pub fn leaves_the_incident(&self) -> bool {
        *self != Way::Slack { channel: None }
    }
}

/// An update that is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// Its identity; it stays when the text changes.
    pub id: DraftId,
    /// The template's name.
    pub template: String,
    /// What the template is for.
    pub title: String,
    /// Who reads it.
    pub audience: Audience,
    /// One line that it is about: an e-mail's subject, the name on the status page.
    pub subject: String,
    /// The text.
    pub text: String,
    /// Where it goes, and to whom.
    pub ways: Vec<Way>,
    /// SHA-256 over all of this, lowercase hex: a send names it.
    pub code: String,
}

impl Draft {
    /// The same draft, with the code of what it says now. A status page would read `<` as markup: what goes there has another
    /// sign, on every way, so that all of them say the same and it is what was seen.
    #[must_use]
    pub fn sealed(mut self, incident: IncidentId) -> Draft {
        if self.ways.iter().any(|way| matches!(way, Way::StatusPage { .. })) {
            for text in [&mut self.subject, &mut self.text] {
                *text = text.replace('<', "\u{2039}").replace('>', "\u{203a}");
            }
        }
        self.code = self.code_for(incident);
        self
    }

    /// Whether it tells everybody that the incident is over.
    #[must_use]
    pub fn says_over(&self) -> bool {
        let is_over = |way: &Way| matches!(way, Way::StatusPage { status: PageState::Resolved, .. });
        self.audience == Audience::Public && (self.template == OVER || self.ways.iter().any(is_over))
    }

    /// The code of what it says.
    #[must_use]
    pub fn code_for(&self, incident: IncidentId) -> String {
        let parts = (
            "blocks-update-1",
            (incident, self.id, &self.template, self.audience),
            (&self.subject, &self.text, &self.ways),
        );
        // Our own types always serialise; a failure would be a defect, and must not make two drafts look alike.
        let bytes = serde_json::to_vec(&parts).unwrap_or_else(|_| self.id.0.as_bytes().to_vec());
        hex::encode(Sha256::digest(bytes))
    }

    /// The four characters that people compare.
    #[must_use]
    pub fn short_code(&self) -> String {
        self.code.chars().take(4).collect::<String>().to_ascii_uppercase()
    }

    /// Whether what a person typed names this text: its code, or at least the first four characters of it.
    #[must_use]
    pub fn is_named_by(&self, typed: &str) -> bool {
        typed.len() >= 4 && self.code.starts_with(&typed.to_ascii_lowercase())
    }
}

/// What has become of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DraftState {
    /// It waits for a person.
    Drafted,
    /// A person has sent it.
    Sent {
        /// Who.
        by: Actor,
        /// When.
        at: DateTime<Utc>,
    },
    /// A person has thrown it away.
    Discarded {
        /// Who.
        by: Actor,
    },
}

/// How one way of a draft that was sent went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// It arrived.
    Arrived(Arrival),
    /// It never will.
    Failed(String),
}

/// What the other side calls what arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Its id there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where people can look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// An address that an e-mail can go to; the error says why it is none. The sender reads it once more, strictly.
///
/// # Errors
/// When it is none.
pub fn address(text: &str) -> Result<String, String> {
    let text = text.trim();
    let shown: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
    let is_fine = |c: char| !c.is_control() && !c.is_whitespace() && !"<>()[]\\,;:\"".contains(c);
    let is_address = text.chars().count() <= ADDRESS_MAX
        && text.chars().all(is_fine)
        && text.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && !host.is_empty() && !host.contains('@') && !host.starts_with(['.', '-'])
        });
    if is_address {
        Ok(text.to_owned())
    } else {
        Err(format!("'{shown}' is no e-mail address; hint: write it as name@example.com, nothing else"))
    }
}
