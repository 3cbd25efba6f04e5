//! `update ...`: what people outside are told. A text is recorded as it stands; `draft`, `edit`, `send`, `discard` and `drafts`
//! as its first word are about an update that is written from a template and sent by a person.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use clap::Args;
use runbook_core::ids::IncidentNumber;
use runbook_core::request::Request;

use crate::command::{Params, RequestError, incident_number};
use crate::incident::{Said, is_incident};

/// More words than these behind one of the verbs are a text: "send the mail to everybody".
const WORDS_MAX: usize = 2;
/// Longest code of a draft, in characters.
const CODE_MAX: usize = 64;

/// A text, or something about a draft.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct UpdateArgs {
    /// The text
    #[command(flatten)]
    pub said: Said,
    /// With `draft`: what the template asks for
    #[command(flatten)]
    pub params: Params,
    /// With `draft`: when it should be over, such as `30 min` or `14:30`
    #[arg(long, value_name = "WHEN")]
    pub eta: Option<String>,
    /// With `draft`: an e-mail address, in place of those that are configured; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    pub to: Vec<String>,
    /// With `draft`: how bad the status page shows it to be
    #[arg(long, value_name = "none|minor|major|critical")]
    pub impact: Option<String>,
    /// With `draft`: what the service's component of the status page is set to, such as `partial_outage`
    #[arg(long, value_name = "STATUS")]
    pub component: Option<String>,
}

/// What the first word asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Draft,
    Edit,
    Send,
    Discard,
    Drafts,
}

impl Verb {
    fn read(word: &str) -> Option<Verb> {
        Some(match word.to_lowercase().as_str() {
            "draft" => Verb::Draft,
            "edit" => Verb::Edit,
            "send" => Verb::Send,
            "discard" => Verb::Discard,
            "drafts" => Verb::Drafts,
            _ => return None,
        })
    }
}

impl UpdateArgs {
    /// The request that this stands for.
    ///
    /// # Errors
    /// When something that has to be said is missing.
    pub fn to_request(&self) -> Result<Request, RequestError> {
        let words = self.said.words.as_slice();
        let (first, words) = match words {
            [incident, rest @ ..] if self.said.incident.is_none() && is_incident(incident) => {
                (Some(incident_number(incident)), rest)
            }
            words => (None, words),
        };
        let verb = words.split_first().and_then(|(word, rest)| Some((Verb::read(word)?, rest)));
        match verb {
            Some((verb, rest)) if self.is_about_a_draft(verb, rest) => {
                let named = self.said.incident.as_deref().map(incident_number).or(first);
                self.about_a_draft(verb, rest, named)
            }
            _ if self.has_options() => Err(RequestError::OnlyWithDraft),
            _ => {
                let (incident, text) = self.said.read("the text")?;
                Ok(Request::IncidentUpdate { incident, text })
            }
        }
    }

    fn has_options(&self) -> bool {
        let is_given = |option: &Option<String>| option.is_some();
        !self.params.values.is_empty()
            || !self.to.is_empty()
            || [&self.eta, &self.impact, &self.component].into_iter().any(is_given)
    }

    /// A text may begin with any word: it is one when there are more words than the verb takes, or when a code is none.
    fn is_about_a_draft(&self, verb: Verb, rest: &[String]) -> bool {
        match verb {
            Verb::Draft => self.has_options() || rest.len() <= WORDS_MAX,
            Verb::Edit => rest.first().is_some_and(|code| is_code(code)),
            Verb::Send | Verb::Discard | Verb::Drafts => rest.len() <= WORDS_MAX,
        }
    }

    fn about_a_draft(
        &self,
        verb: Verb,
        rest: &[String],
        named: Option<String>,
    ) -> Result<Request, RequestError> {
        if verb != Verb::Draft && self.has_options() {
            return Err(RequestError::OnlyWithDraft);
        }
        if let (Verb::Edit, [code, text @ ..]) = (verb, rest) {
            let text = text.join(" ").trim().to_owned();
            if text.is_empty() {
                return Err(RequestError::NothingSaid("the text", "`update edit 4F2A we know the cause`"));
            }
            return Ok(Request::UpdateEdit { incident: named, draft: code.clone(), text });
        }
        let (names, incident) = match (named, rest) {
            (None, [before @ .., last]) if is_incident(last) || (verb == Verb::Drafts && is_number(last)) => {
                (before, Some(incident_number(last)))
            }
            (named, rest) => (rest, named),
        };
        Ok(match (verb, names) {
            (Verb::Drafts, []) => Request::UpdateDrafts { incident },
            (Verb::Draft, []) if !self.has_options() => Request::UpdateDrafts { incident },
            (Verb::Draft, [template]) => Request::UpdateDraft {
                incident,
                template: template.to_lowercase(),
                params: self.params.to_map()?,
                eta: self.eta.clone(),
                to: self.to.iter().map(|to| bare_address(to)).collect(),
                impact: self.impact.clone(),
                component: self.component.clone(),
            },
            (Verb::Send, [code]) if is_code(code) => Request::UpdateSend { incident, draft: code.clone() },
            (Verb::Discard, [code]) if is_code(code) => {
                Request::UpdateDiscard { incident, draft: code.clone() }
            }
            (verb, _) => return Err(RequestError::NoDraft(usage(verb))),
        })
    }
}

fn usage(verb: Verb) -> &'static str {
    match verb {
        Verb::Draft => "update draft TEMPLATE [INC]",
        Verb::Edit => "update edit CODE TEXT",
        Verb::Send => "update send CODE [INC]",
        Verb::Discard => "update discard CODE [INC]",
        Verb::Drafts => "update drafts [INC]",
    }
}

/// The beginning of a draft's code: at least four characters of it.
fn is_code(word: &str) -> bool {
    (4..=CODE_MAX).contains(&word.len()) && word.chars().all(|c| c.is_ascii_hexdigit())
}

fn is_number(word: &str) -> bool {
    IncidentNumber::from_str(word).is_ok()
}

/// A chat makes a link of an address: `<mailto:a@b|a@b>`.
fn bare_address(word: &str) -> String {
    let inside = word.strip_prefix("<mailto:").and_then(|rest| rest.strip_suffix('>'));
    inside.map_or(word, |inside| inside.split('|').next().unwrap_or_default()).to_owned()
}

/// The values of a draft's parameters, for a chat that makes marks of what people type.
pub(crate) fn params_of(request: &mut Request) -> Option<&mut BTreeMap<String, String>> {
    match request {
        Request::UpdateDraft { params, .. } => Some(params),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ChatParse, parse_chat};

    fn read(line: &str) -> Result<Request, String> {
        match parse_chat(line) {
            ChatParse::Request(request) => Ok(request),
            ChatParse::Usage { text, .. } => Err(text),
        }
    }

    fn draft(template: &str, incident: Option<&str>) -> Request {
        Request::UpdateDraft {
            incident: incident.map(str::to_owned),
            template: template.to_owned(),
            params: BTreeMap::new(),
            eta: None,
            to: Vec::new(),
            impact: None,
            component: None,
        }
    }

    #[test]
    fn lines_about_drafts() {
        let inc = || Some("INC-3".to_owned());
        let code = || "4F2A".to_owned();
        let table = [
            ("update draft outage", draft("outage", None)),
            ("Update Draft Outage inc-3", draft("outage", Some("INC-3"))),
            ("incident update draft outage \u{2013}incident 3", draft("outage", Some("INC-3"))),
            ("update INC-3 draft outage", draft("outage", Some("INC-3"))),
            ("update send 4F2A", Request::UpdateSend { incident: None, draft: code() }),
            ("update send 4F2A INC-3", Request::UpdateSend { incident: inc(), draft: code() }),
            ("update discard 4F2A", Request::UpdateDiscard { incident: None, draft: code() }),
            ("update drafts", Request::UpdateDrafts { incident: None }),
            ("update drafts 3", Request::UpdateDrafts { incident: inc() }),
            ("update draft", Request::UpdateDrafts { incident: None }),
            (
                "update edit 4F2A we know why, see INC-2",
                Request::UpdateEdit {
                    incident: None,
                    draft: code(),
                    text: "we know why, see INC-2".to_owned(),
                },
            ),
        ];
        for (line, wanted) in table {
            assert_eq!(read(line), Ok(wanted), "{line}");
        }
        let typed = "update draft outage \u{2014}param what=\u{201c}orders are late\u{201d} --eta \"30 min\" \
             --to <mailto:a@example.com|a@example.com> --to b@example.com --impact major --component partial_outage";
        let Ok(Request::UpdateDraft { params, eta, to, impact, component, .. }) = read(typed) else {
            panic!("{:?}", read(typed))
        };
        assert_eq!(params.get("what").map(String::as_str), Some("orders are late"));
        assert_eq!(eta.as_deref(), Some("30 min"));
        assert_eq!(to, ["a@example.com", "b@example.com"]);
        assert_eq!((impact.as_deref(), component.as_deref()), (Some("major"), Some("partial_outage")));
    }

    #[test]
    fn a_text_stays_a_text_and_a_slip_is_not_recorded() {
        for text in [
            "send the mail to everybody who asks",
            "drafts are being written by support now",
            "edit the page, please",
            "discard what you read before 12",
            "draft of the notice is with legal",
            "sending works again",
        ] {
            let wanted = Request::IncidentUpdate { incident: None, text: text.to_owned() };
            assert_eq!(read(&format!("update {text}")), Ok(wanted), "{text}");
        }
        for quoted in ["send 4F2A", "draft outage"] {
            let wanted = Request::IncidentUpdate { incident: None, text: quoted.to_owned() };
            assert_eq!(read(&format!("update \"{quoted}\"")), Ok(wanted), "{quoted}");
        }
        for (line, wanted) in [
            ("update send 4F2", "update send CODE"),
            ("update send", "update send CODE"),
            ("update discard it", "update discard CODE"),
            ("update draft is ready", "update draft TEMPLATE"),
            ("update edit 4F2A", "the text is missing"),
            ("update it works --eta 5m", "belong to `update draft TEMPLATE`"),
            ("update send 4F2A --to a@example.com", "belong to `update draft TEMPLATE`"),
            ("update draft outage --param a=1 --param a=2", "given twice"),
        ] {
            let said = read(line).expect_err(line);
            assert!(said.contains(wanted), "{line}: {said}");
        }
    }
}
