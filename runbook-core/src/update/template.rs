//! A template: a Handlebars text behind a small front matter that says for whom it is and where it goes.

use std::collections::BTreeMap;

use handlebars::Handlebars;
use serde::{Deserialize, Serialize};

use super::clean::{lines, one_line, room};
use super::fill::Values;
use super::page::{ComponentStatus, Impact, PageState};

/// Longest text, by [`room`]: a chat shows it whole, and what is sent is what was seen.
pub const TEXT_MAX: usize = 2_700;
/// Longest subject, in characters.
pub const SUBJECT_MAX: usize = 150;
/// Largest template file, in bytes.
const FILE_MAX: usize = 64 * 1024;
/// Most parameters of one template.
const PARAMS_MAX: usize = 30;
/// What stands for everything that nobody has said.
pub const UNKNOWN: &str = "unknown";

/// Who reads an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// People of the organisation.
    Internal,
    /// Everybody: customers read it.
    Public,
}

impl Audience {
    /// The word for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Audience::Internal => "internal",
            Audience::Public => "public",
        }
    }
}

/// A way on which an update can leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A channel of the chat.
    Slack,
    /// E-mail.
    Email,
    /// The public status page.
    Statuspage,
}

/// What the status page is set to, beside the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnPage {
    /// Where the incident stands there.
    pub status: PageState,
    /// How bad it is shown to be; the page's own reckoning when absent.
    #[serde(default)]
    pub impact: Option<Impact>,
    /// What the service's component is set to; left as it is when absent.
    #[serde(default)]
    pub component: Option<ComponentStatus>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontMatter {
    title: String,
    audience: Audience,
    channels: Vec<Channel>,
    subject: String,
    #[serde(default)]
    statuspage: Option<OnPage>,
    #[serde(default)]
    params: BTreeMap<String, String>,
}

/// A template that reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its name: the file's, without `.md.hbs`.
    pub name: String,
    /// What it is for.
    pub title: String,
    /// Who reads it.
    pub audience: Audience,
    /// Where it goes.
    pub channels: Vec<Channel>,
    /// What the status page is set to.
    pub on_page: Option<OnPage>,
    /// What a person may give, with what it is.
    pub params: BTreeMap<String, String>,
    subject: String,
    body: String,
}

/// A template cannot be used, or not with these values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The file's form is not that of a template.
    #[error("the update template '{name}' does not read: {reason}; hint: {hint}")]
    Form {
        /// The template.
        name: String,
        /// Why.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// It asks for a value that there is not.
    #[error(
        "the update template '{name}' cannot be filled in: {reason}; hint: docs/updates.md lists the values, and a parameter of its own stands under `params`"
    )]
    Fill {
        /// The template.
        name: String,
        /// Why.
        reason: String,
    },
    /// A parameter that it does not know.
    #[error("'{template}' knows no parameter '{param}'; hint: {known}")]
    NoParam {
        /// The template.
        template: String,
        /// What was given.
        param: String,
        /// What it knows.
        known: String,
    },
    /// The text is too long, or empty.
    #[error(
        "the text is {what}; hint: an update has between 1 and {TEXT_MAX} characters, where &, < and > count five each"
    )]
    Length {
        /// How.
        what: &'static str,
    },
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// When front matter or text do not read, or ask for values that no incident has.
    pub fn parse(name: &str, text: &str) -> Result<Template, TemplateError> {
        let form = |reason: String, hint| TemplateError::Form { name: name.to_owned(), reason, hint };
        let is_name = !name.is_empty()
            && name.len() <= 60
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if !is_name {
            return Err(form("its name is none".to_owned(), "letters, digits, - and _, as in outage.md.hbs"));
        }
        if text.len() > FILE_MAX {
            return Err(form(format!("it is larger than {FILE_MAX} bytes"), "an update is a short text"));
        }
        let begin = "begin it with a line ---, then title, audience, channels and subject, then ---";
        let text = text.replace("\r\n", "\n");
        let rest =
            text.strip_prefix("---\n").ok_or_else(|| form("it has no front matter".to_owned(), begin))?;
        let (front, body) = rest
            .split_once("\n---\n")
            .ok_or_else(|| form("its front matter has no end".to_owned(), begin))?;
        let front: FrontMatter = serde_saphyr::from_str(front).map_err(|error| {
            let reason = error.without_snippet().to_string();
            form(one_line(&reason), "the keys are title, audience, channels, subject, statuspage, params")
        })?;
        let template = Template {
            name: name.to_owned(),
            title: one_line(&front.title),
            audience: front.audience,
            channels: front.channels,
            on_page: front.statuspage,
            params: front.params,
            subject: front.subject,
            body: body.to_owned(),
        };
        template.check()?;
        Ok(template)
    }

    fn check(&self) -> Result<(), TemplateError> {
        let form = |reason: &str, hint| TemplateError::Form {
            name: self.name.clone(),
            reason: reason.to_owned(),
            hint,
        };
        let goes_to = |channel| self.channels.contains(&channel);
        if self.title.is_empty() || self.title.chars().count() > SUBJECT_MAX {
            return Err(form("its title is empty or too long", "say in a few words what it is for"));
        }
        let is_twice = |(index, channel)| self.channels.iter().take(index).any(|other| other == channel);
        if self.channels.is_empty() || self.channels.iter().enumerate().any(is_twice) {
            return Err(form("its channels are none, or one of them twice", "slack, email, statuspage"));
        }
        if goes_to(Channel::Statuspage) && self.audience != Audience::Public {
            return Err(form("a status page is public", "write audience: public, or leave statuspage out"));
        }
        if goes_to(Channel::Statuspage) != self.on_page.is_some() {
            return Err(form(
                "one of the channel statuspage and the key statuspage is missing",
                "write statuspage: {status: identified}, and statuspage among the channels",
            ));
        }
        if self.params.len() > PARAMS_MAX || self.params.keys().any(|name| !is_param(name)) {
            return Err(form("a parameter's name is none", "letters, digits and _, as in what_happened"));
        }
        // Asked for nothing that there is not, whatever the incident: better said now than at three in the morning.
        self.fill(&Values::unknown(), &BTreeMap::new()).map(|_| ())
    }

    /// The subject and the text. What nobody has said is [`UNKNOWN`].
    ///
    /// # Errors
    /// When a parameter is not one of the template's, or the text comes out empty or too long.
    pub fn fill(
        &self,
        values: &Values,
        params: &BTreeMap<String, String>,
    ) -> Result<(String, String), TemplateError> {
        if let Some(param) = params.keys().find(|param| !self.params.contains_key(*param)) {
            return Err(TemplateError::NoParam {
                template: self.name.clone(),
                param: param.chars().filter(|c| !c.is_control()).take(40).collect(),
                known: self.known_params(),
            });
        }
        let given = |name: &String| {
            let value = params.get(name).map(|value| one_line(value)).filter(|value| !value.is_empty());
            (name.clone(), value.unwrap_or_else(|| UNKNOWN.to_owned()))
        };
        let filled = Filled { values, param: self.params.keys().map(given).collect() };
        let mut engine = Handlebars::new();
        // Plain text: each value is cleaned of what is no text when it is put in, and escaped by whoever sends it.
        engine.register_escape_fn(handlebars::no_escape);
        engine.set_strict_mode(true);
        let render = |part: &str| {
            engine.render_template(part, &filled).map_err(|error| TemplateError::Fill {
                name: self.name.clone(),
                reason: one_line(&error.to_string()),
            })
        };
        let subject: String = one_line(&render(&self.subject)?).chars().take(SUBJECT_MAX).collect();
        let subject = if subject.is_empty() { self.title.clone() } else { subject };
        Ok((subject, bounded(&render(&self.body)?)?))
    }

    /// Its parameters, for whoever has to give them.
    #[must_use]
    pub fn known_params(&self) -> String {
        if self.params.is_empty() {
            return "it has no parameters".to_owned();
        }
        let known: Vec<String> = self.params.iter().map(|(name, what)| format!("{name} ({what})")).collect();
        format!("it knows {}", known.join(", "))
    }
}

/// A text as it may be sent: cleaned, and neither empty nor too long.
///
/// # Errors
/// When it is empty or too long.
pub fn bounded(text: &str) -> Result<String, TemplateError> {
    if text.len() > TEXT_MAX * 8 {
        return Err(TemplateError::Length { what: "too long" });
    }
    let text = lines(text);
    match room(&text) {
        0 => Err(TemplateError::Length { what: "empty" }),
        size if size > TEXT_MAX => Err(TemplateError::Length { what: "too long" }),
        _ => Ok(text),
    }
}

fn is_param(name: &str) -> bool {
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic());
    starts_well && name.len() <= 40 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// What a template sees.
#[derive(Serialize)]
struct Filled<'a> {
    #[serde(flatten)]
    values: &'a Values,
    param: BTreeMap<String, String>,
}
