//! Forms: what is asked for where a typed line leaves something out, and what comes back.
//!
//! A form carries names, never decisions: what it is about is read anew when it is sent in, and so is who sends it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::request::Request;

/// The fields of a declaration.
pub const TITLE: &str = "title";
/// The severity.
pub const SEVERITY: &str = "severity";
/// The service.
pub const SERVICE: &str = "service";
/// Whether it is private: [`YES`] when it is.
pub const PRIVATE: &str = "private";
/// What else is known.
pub const DESCRIPTION: &str = "description";
/// A text that is written anew.
pub const TEXT: &str = "text";
/// What a ticked field holds.
pub const YES: &str = "yes";

/// What a form is about. It comes back from outside, so it names things and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case", deny_unknown_fields)]
pub enum FormFor {
    /// An incident that is declared.
    Declare,
    /// A runbook whose parameters are asked for.
    Run {
        /// Its name.
        name: String,
        /// One section of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        section: Option<String>,
        /// The incident.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        incident: Option<String>,
    },
    /// The text of an update's draft.
    UpdateText {
        /// The incident.
        incident: String,
        /// The code of what was shown: a text that has changed since is not replaced.
        draft: String,
    },
    /// A service's rollback whose parameters are asked for.
    Rollback {
        /// The service.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<String>,
        /// The incident.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        incident: Option<String>,
    },
}

impl FormFor {
    /// What is asked by sending it in: the same request that a typed line makes. Fields that were left empty are not
    /// there.
    #[must_use]
    pub fn request(&self, mut filled: BTreeMap<String, String>) -> Request {
        filled.retain(|_, value| !value.trim().is_empty());
        match self {
            FormFor::Declare => Request::IncidentDeclare {
                title: filled.remove(TITLE).unwrap_or_default(),
                severity: filled.remove(SEVERITY),
                service: filled.remove(SERVICE),
                private: filled.remove(PRIVATE).is_some_and(|value| value == YES),
                description: filled.remove(DESCRIPTION),
            },
            FormFor::Run { name, section, incident } => Request::RunbookRun {
                name: name.clone(),
                params: filled,
                section: section.clone(),
                incident: incident.clone(),
            },
            FormFor::UpdateText { incident, draft } => Request::UpdateEdit {
                incident: Some(incident.clone()),
                draft: draft.clone(),
                text: filled.remove(TEXT).unwrap_or_default(),
            },
            FormFor::Rollback { service, incident } => Request::RunbookRollback {
                service: service.clone(),
                params: filled,
                incident: incident.clone(),
            },
        }
    }
}

/// A form before one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// What it is about.
    pub about: FormFor,
    /// The channel in which it was asked for: answers go there.
    pub channel: String,
    /// Its title.
    pub title: String,
    /// A line above the fields.
    pub lead: String,
    /// What its button says.
    pub submit: String,
    /// What is asked for.
    pub fields: Vec<FormField>,
}

/// Something that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormField {
    /// Its name.
    pub name: String,
    /// What to enter, in a word or two.
    pub label: String,
    /// More about it.
    #[serde(default)]
    pub help: Option<String>,
    /// How it is filled in.
    pub kind: FieldKind,
    /// What stands in it at first.
    #[serde(default)]
    pub value: Option<String>,
    /// It may not be left empty.
    pub is_required: bool,
}

/// How a field is filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum FieldKind {
    /// A line of text, with the most characters that it takes.
    Line {
        /// Longest text, in characters.
        max: u32,
    },
    /// Several lines of text.
    Text {
        /// Longest text, in characters.
        max: u32,
    },
    /// One of these.
    Choice {
        /// Each with what is shown for it.
        options: Vec<(String, String)>,
    },
    /// Yes or no: [`YES`] when it is ticked.
    Tick {
        /// What is shown beside it.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(values: &[(&str, &str)]) -> BTreeMap<String, String> {
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_sent_in_is_what_a_typed_line_asks_for() {
        let declared = FormFor::Declare.request(filled(&[
            ("title", "checkout is slow"),
            ("severity", "P2"),
            ("private", "yes"),
            ("description", " "),
            ("other", "x"),
        ]));
        let expected = Request::IncidentDeclare {
            title: "checkout is slow".to_owned(),
            severity: Some("P2".to_owned()),
            service: None,
            private: true,
            description: None,
        };
        assert_eq!(declared, expected);
        let run = FormFor::Run { name: "a".to_owned(), section: None, incident: Some("INC-1".to_owned()) };
        let Request::RunbookRun { params, incident, .. } = run.request(filled(&[("x", "1"), ("y", "")]))
        else {
            panic!("a run")
        };
        assert_eq!((params, incident.as_deref()), (filled(&[("x", "1")]), Some("INC-1")));
    }

    #[test]
    fn what_it_is_about_comes_back_as_it_was_and_nothing_else_is_taken() {
        let run = FormFor::Run { name: "a".to_owned(), section: Some("b".to_owned()), incident: None };
        let text = serde_json::to_string(&run).unwrap();
        assert_eq!(text, r#"{"form":"run","name":"a","section":"b"}"#);
        assert_eq!(serde_json::from_str::<FormFor>(&text).unwrap(), run);
        for other in
            [r#"{"form":"approve"}"#, r#"{"form":"run"}"#, r#"{"form":"run","name":"a","x":1}"#, "{}"]
        {
            assert!(serde_json::from_str::<FormFor>(other).is_err(), "{other}");
        }
    }
}
