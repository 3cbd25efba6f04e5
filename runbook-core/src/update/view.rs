//! A draft as people see it.

use serde::{Deserialize, Serialize};

use super::decide::void;
use super::draft::DraftState;
use super::state::Held;
use super::template::Audience;
use crate::incident::Incident;

/// A draft, for the person who sends it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DraftView {
    /// `INC-12`.
    pub incident: String,
    /// What the template is for.
    pub title: String,
    /// `internal` or `public`.
    pub audience: String,
    /// Whether everybody can read it.
    pub is_public: bool,
    /// The whole code, lowercase hex.
    pub code: String,
    /// The four characters people compare.
    pub short_code: String,
    /// Subject of the e-mail, name on the status page.
    pub subject: String,
    /// The text, as it leaves.
    pub text: String,
    /// To whom it goes, and how that went: a line each.
    pub ways: Vec<String>,
    /// What has become of it.
    pub state: String,
    /// Who may send it.
    pub senders: String,
    /// `true` while buttons make sense.
    pub waiting: bool,
    /// Why it can be sent no more though it waits: a send would be refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void: Option<String>,
}

/// What a draft's message shows. `senders` are the roles and duties that may send what is public.
#[must_use]
pub fn view(incident: &Incident, held: &Held, senders: &[String]) -> DraftView {
    let draft = &held.draft;
    let is_public = draft.audience == Audience::Public;
    DraftView {
        incident: incident.number.to_string(),
        title: draft.title.clone(),
        audience: draft.audience.word().to_owned(),
        is_public,
        code: draft.code.clone(),
        short_code: draft.short_code(),
        subject: draft.subject.clone(),
        text: draft.text.clone(),
        ways: held.way_lines(),
        state: held.state_words(),
        senders: if is_public {
            format!("a person who is {}", senders.join(" or "))
        } else {
            "anybody in blocks.toml".to_owned()
        },
        waiting: held.state == DraftState::Drafted,
        void: void(incident, held),
    }
}

/// The same as text, with what to type next; `slash` stands before `blocks` in chat.
#[must_use]
pub fn as_text(view: &DraftView, slash: &str) -> String {
    let mut lines = vec![
        format!("{}: draft {} ({}, {})", view.incident, view.short_code, view.title, view.audience),
        format!("state: {}", view.state),
    ];
    lines.extend(view.ways.iter().map(|way| format!("to {way}")));
    lines.push(format!("subject: {}", view.subject));
    lines.push(String::new());
    lines.extend(view.text.lines().map(|line| format!("  {line}")));
    if let Some(why) = &view.void {
        lines.push(String::new());
        lines.push(format!(
            "It cannot be sent any more: {why}. `{slash}blocks update discard {} {}` throws it away; draft it again if it is still wanted.",
            view.short_code, view.incident
        ));
    } else if view.waiting {
        lines.push(String::new());
        lines.push(format!(
            "`{slash}blocks update send {code} {incident}` sends it ({senders} may), `{slash}blocks update edit {code} TEXT` replaces the text, `{slash}blocks update discard {code} {incident}` throws it away.",
            code = view.short_code,
            incident = view.incident,
            senders = view.senders,
        ));
    }
    lines.join("\n")
}
