//! The words that pass something on, and that call one person more.

use clap::Args;
use runbook_core::request::Request;

use crate::command::{RequestError, incident_number};
use crate::incident::is_incident;

/// `handover ...`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct HandOverArgs {
    /// `INC-12 to WHO`, with a note behind it; `take`, or `shift`
    #[arg(value_name = "WORDS", required = true, allow_negative_numbers = true)]
    pub words: Vec<String>,
    /// A run instead of command
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Of a shift: post it where shifts are told, and at PagerDuty
    #[arg(long)]
    pub post: bool,
}

/// `escalate ...`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct EscalateArgs {
    /// The incident, then `to` and whom, then why; all of it may be left out
    #[arg(value_name = "WORDS", allow_negative_numbers = true)]
    pub words: Vec<String>,
}

fn is_word(word: &str, wanted: &str) -> bool {
    word.eq_ignore_ascii_case(wanted)
}

/// Words of a person, where they say something.
fn text(words: &[String]) -> Option<String> {
    Some(words.join(" ").trim().to_owned()).filter(|text| !text.is_empty())
}

/// A name without the comma that people write behind it: `@ben, wake up`.
fn name(word: &str) -> String {
    let bare = word.trim_end_matches([',', ':', ';', '.', '!', '?']);
    if bare.is_empty() { word.to_owned() } else { bare.to_owned() }
}

/// The incident before the other words, where there is one: `INC-12`, or a bare number before `to`.
fn leading(words: &[String]) -> (Option<String>, &[String]) {
    match words {
        [first, rest @ ..] if is_incident(first) => (Some(incident_number(first)), rest),
        [first, rest @ ..]
            if first.chars().all(|c| c.is_ascii_digit())
                && rest.first().is_some_and(|word| is_word(word, "to")) =>
        {
            (Some(incident_number(first)), rest)
        }
        all => (None, all),
    }
}

impl HandOverArgs {
    /// The request that this command stands for.
    ///
    /// # Errors
    /// When it does not say what is passed on, and to whom.
    pub fn to_request(&self) -> Result<Request, RequestError> {
        let run = self.run.clone();
        Ok(match self.words.as_slice() {
            [shift, rest @ ..] if is_word(shift, "shift") => {
                let to = match rest {
                    [] => None,
                    [who] if !is_word(who, "to") => Some(who.clone()),
                    [to, who] if is_word(to, "to") => Some(who.clone()),
                    _ => return Err(RequestError::HandOverOfWhat),
                };
                if run.is_some() {
                    return Err(RequestError::HandOverOfWhat);
                }
                Request::HandOverShift { post: self.post || to.is_some(), to }
            }
            _ if self.post => return Err(RequestError::HandOverOfWhat),
            [take] if is_word(take, "take") => Request::HandOverTake { incident: None, run },
            [take, number] if is_word(take, "take") => {
                Request::HandOverTake { incident: Some(incident_number(number)), run }
            }
            words => {
                let (incident, rest) = leading(words);
                let rest = match rest {
                    [to, rest @ ..] if is_word(to, "to") => rest,
                    rest => rest,
                };
                let [who, note @ ..] = rest else { return Err(RequestError::HandOverOfWhat) };
                Request::HandOver { incident, who: name(who), run, note: text(note) }
            }
        })
    }
}

impl EscalateArgs {
    /// The request that this command stands for. A first word is a person only where it says so (`@ben`, a mention, behind
    /// `to`) or stands alone: `escalate nobody answers` pages the next one.
    #[must_use]
    pub fn to_request(&self) -> Request {
        let (incident, rest) = leading(&self.words);
        let is_name = |word: &str| word.starts_with('@') || word.starts_with("<@");
        let (who, reason) = match rest {
            [to, who, reason @ ..] if is_word(to, "to") => (Some(name(who)), text(reason)),
            [who, reason @ ..] if is_name(who) => (Some(name(who)), text(reason)),
            [alone] if !alone.contains(char::is_whitespace) => (Some(name(alone)), None),
            reason => (None, text(reason)),
        };
        Request::Escalate { incident, who, reason }
    }
}
