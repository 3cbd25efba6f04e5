//! Forms: what a typed line leaves out is asked for, and what comes back is looked at before it is taken.
//!
//! What opens a form lives for three seconds. It goes through the outbox all the same, in the first lane: a crash in between
//! loses nothing, and when it comes too late the person is told what to type.

use std::collections::BTreeMap;

use runbook_core::form::{
    DESCRIPTION, FieldKind, Form, FormField, FormFor, PRIVATE, SERVICE, SEVERITY, TITLE, YES,
};
use runbook_core::message::{Outgoing, ReplyTo};
use runbook_core::people::Credential;
use runbook_core::plan::{PlanError, PlanRequest, draft};
use runbook_core::ports::{Commit, OutboxResult, OutboxRow};
use runbook_core::request::Request;
use runbook_core::runbook::{Param, ParamType, Parameter, ParameterSource, check_value};
use serde_json::json;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::library::LibraryEntry;
use crate::origin::{Asker, Origin, Pace, Reply, outbox_item};
use crate::plans::{Asked, request_of};
use crate::said::Said;

/// A chat's form takes no more than these.
const FIELDS_MAX: usize = 90;
const VALUE_MAX: usize = 3_000;
const NAME_MAX: usize = 200;
const OPTIONS_MAX: usize = 100;
const OPTION_MAX: usize = 75;
/// Longest title, and longest text of a note; what is too long is said at the field.
const TITLE_MAX: u32 = 200;
const NOTE_MAX: u32 = 1_500;

impl Engine {
    /// Asks for what a declaration leaves out, where there can be a form.
    pub(crate) async fn ask_for_declaration(
        &self,
        request: &Request,
        asker: &Asker,
        origin: &Origin,
    ) -> Result<Reply, EngineError> {
        let Request::IncidentDeclare { severity, service, private, .. } = request else {
            return Err(EngineError::Refused("that declares nothing".to_owned()));
        };
        let slash = if asker.channel.is_some() { "/" } else { "" };
        // what is typed instead is as private as what was asked for
        let instead = format!(
            "{slash}blocks declare TITLE --severity {}{}{}",
            severity.as_deref().map_or_else(|| "P2".to_owned(), word),
            service.as_deref().map_or_else(String::new, |name| format!(" --service {}", word(name))),
            if *private { " --private" } else { "" },
        );
        let Some(trigger) = origin.trigger.clone() else {
            return Err(EngineError::Usage(format!(
                "the title is missing; hint: write it behind the command: `{instead}`"
            )));
        };
        let settings = self.settings();
        let scheme = settings.severities.default_scheme();
        let levels = scheme.severities.iter().filter(|severity| severity.opens_incident);
        let levels: Vec<_> = levels.map(|severity| (severity.id.clone(), severity.id.clone())).collect();
        let services: Vec<_> =
            settings.services.iter().map(|one| (one.name.clone(), one.name.clone())).collect();
        let mut fields = vec![field(TITLE, "What is it about?", FieldKind::Line { max: TITLE_MAX }, true)];
        let mut optional = |name: &str, label: &str, help: &str, kind: FieldKind, value: Option<String>| {
            fields.push(FormField { help: Some(help.to_owned()), value, ..field(name, label, kind, false) });
        };
        if is_choice(&levels) {
            let kind = FieldKind::Choice { options: levels };
            optional(SEVERITY, "Severity", "The service's own when left empty.", kind, severity.clone());
        }
        if services.len() > 1 && is_choice(&services) {
            let kind = FieldKind::Choice { options: services };
            optional(
                SERVICE,
                "Service",
                "Which service it is about, as far as is known.",
                kind,
                service.clone(),
            );
        }
        let tick = FieldKind::Tick { text: "named people only: a private channel".to_owned() };
        optional(
            PRIVATE,
            "Private",
            "Nothing of it stands in a public channel.",
            tick,
            private.then(|| YES.to_owned()),
        );
        let text = FieldKind::Text { max: NOTE_MAX };
        optional(DESCRIPTION, "What is known?", "The first note on its timeline.", text, None);
        let form = Form {
            about: FormFor::Declare,
            channel: asker.channel.clone().unwrap_or_default(),
            title: "Declare an incident".to_owned(),
            lead: "Until somebody takes it, people are called by the steps of its severity.".to_owned(),
            submit: "Declare".to_owned(),
            fields,
        };
        self.open_form(trigger, form, instead, origin).await
    }

    /// Asks for the parameters that a runbook needs and has no values for, where there can be a form; `None` when nothing
    /// is missing.
    pub(crate) async fn ask_for_values(
        &self,
        entry: &LibraryEntry,
        asked: &Asked<'_>,
        about: &(dyn Fn() -> FormFor + Sync),
        asker: &Asker,
        origin: &Origin,
    ) -> Result<Option<Reply>, EngineError> {
        let Some(trigger) = origin.trigger.clone() else { return Ok(None) };
        let request = request_of(self.settings(), entry, asked);
        let Ok(draft) = draft(&entry.document, &request) else { return Ok(None) };
        let is_broken = |error: &PlanError| matches!(error, PlanError::Document { .. });
        let missing = missing(&entry.document.params, &request);
        if missing.is_empty() || draft.problems.iter().any(|problem| is_broken(&problem.error)) {
            return Ok(None);
        }
        let about = about();
        let Some(fields) = fields(&entry.document.params, &request) else { return Ok(None) };
        let values = values(&missing, &entry.document.params, asked.params);
        let option = |name: &str, value: &Option<String>| {
            value.as_deref().map_or_else(String::new, |value| format!(" --{name} {}", word(value)))
        };
        let command = match &about {
            FormFor::Rollback { service, incident } => {
                let service = service.as_deref().map_or_else(String::new, |name| format!(" {}", word(name)));
                format!("rollback{service}{}", option("incident", incident))
            }
            FormFor::Run { name, section, incident } => {
                let (section, incident) = (option("section", section), option("incident", incident));
                format!("run {}{section}{incident}", word(name))
            }
            FormFor::Declare | FormFor::UpdateText { .. } => return Ok(None),
        };
        let form = Form {
            about,
            channel: asker.channel.clone().unwrap_or_default(),
            title: "Run a runbook".to_owned(),
            lead: format!(
                "{}: what it needs to know. Its plan is shown next; nothing runs by this.",
                entry.document.title
            ),
            submit: "Show the plan".to_owned(),
            fields,
        };
        self.open_form(trigger, form, format!("/blocks runbook {command}{values}"), origin).await.map(Some)
    }

    pub(crate) async fn open_form(
        &self,
        trigger: String,
        form: Form,
        instead: String,
        origin: &Origin,
    ) -> Result<Reply, EngineError> {
        let now = self.now();
        let mut commit = Commit::default();
        origin.settle(&mut commit, None, now);
        let (source, id) = origin.inbox.clone().unwrap_or_default();
        let message =
            Outgoing::Form { trigger, form: Box::new(form), reply_to: origin.reply_to.clone(), instead };
        self.enqueue(&mut commit, &message, &format!("{source}/{id}"), Pace::AtOnce, now);
        self.store().commit(commit).await?;
        self.touch();
        Ok(Reply { text: "A form asks for the rest.".to_owned(), data: json!({}) })
    }

    /// Tells that a form could not be opened, and what to type.
    pub(crate) async fn form_did_not_open(
        &self,
        row: &OutboxRow,
        reply_to: Option<&ReplyTo>,
        instead: &str,
        reason: String,
    ) -> Result<(), EngineError> {
        let why = if reason.contains("trigger") { "it took too long" } else { reason.as_str() };
        let text = format!(
            "The form could not be opened: {why}. Nothing was started.\nType it instead: `{instead}`"
        );
        let mut commit = Commit::default();
        if let Some(to) = reply_to {
            let message = Outgoing::Reply { to: to.clone(), text, offers: Vec::new() };
            commit.outbox.extend(outbox_item(&message, &row.key, Pace::AtOnce, self.now()));
        }
        commit.outbox_settled.push((row.key.clone(), row.version, OutboxResult::Dead { error: reason }));
        self.store().commit(commit).await?;
        self.touch();
        Ok(())
    }

    /// What is wrong with a form, by field. Who is not known here learns nothing, and is refused when it is acted on.
    pub(crate) fn faults_of(&self, user_id: &str, request: &Request) -> BTreeMap<String, String> {
        let actor = self.directory().actor(&Credential::Slack { user_id: user_id.to_owned() });
        if self.directory().person_of(&actor).is_none() {
            return BTreeMap::new();
        }
        match request {
            Request::IncidentDeclare { title, severity, service, description, .. } => {
                let checked = [
                    (TITLE, self.said(Said::Title, title).map(|_| ())),
                    (SEVERITY, severity.as_deref().map_or(Ok(()), |named| self.opens(named))),
                    (
                        DESCRIPTION,
                        description.as_deref().map_or(Ok(()), |text| self.said(Said::Text, text).map(|_| ())),
                    ),
                    (SERVICE, service.as_deref().map_or(Ok(()), |name| self.has_service(name))),
                ];
                let faults = checked.into_iter().filter_map(|(name, outcome)| Some((name, outcome.err()?)));
                faults.map(|(name, error)| (name.to_owned(), error.to_string())).collect()
            }
            Request::RunbookRun { name, params, section, .. } => {
                self.value_faults(name, params, section.as_deref())
            }
            Request::RunbookRollback { service, params, .. } => {
                let service = service.as_deref().and_then(|name| self.settings().service(name));
                match service.and_then(|service| service.rollback.as_deref()) {
                    Some(runbook) => self.value_faults(runbook, params, None),
                    None => BTreeMap::new(),
                }
            }
            _ => BTreeMap::new(),
        }
    }

    fn opens(&self, named: &str) -> Result<(), EngineError> {
        let (id, _) = self.severity(named)?;
        match self.settings().severities.default_scheme().get(&id) {
            Some(severity) if !severity.opens_incident => {
                Err(EngineError::Refused(format!("{id} opens no incident: it goes to the backlog")))
            }
            _ => Ok(()),
        }
    }

    fn has_service(&self, name: &str) -> Result<(), EngineError> {
        match self.settings().service(name) {
            Some(_) => Ok(()),
            None => Err(EngineError::NotFound(format!("there is no service '{name}'"))),
        }
    }

    fn value_faults(
        &self,
        runbook: &str,
        params: &BTreeMap<String, String>,
        section: Option<&str>,
    ) -> BTreeMap<String, String> {
        // What cannot be read is told when it is acted on.
        let Ok(entry) = self.entry(runbook) else { return BTreeMap::new() };
        let request = request_of(self.settings(), &entry, &Asked { params, section, service: None });
        let mut faults = BTreeMap::new();
        for param in entry.document.params.iter().filter(|param| !param.declared.secret) {
            let fault = match value_of(param, &request) {
                Some(value) => check_value(&param.declared, value).err(),
                None => is_needed(param, &request).then(|| "a value is needed".to_owned()),
            };
            if let Some(fault) = fault {
                faults.insert(param.name.clone(), fault);
            }
        }
        faults
    }
}

/// One word of a line that somebody is to type.
fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '=');
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("\"{}\"", text.replace('"', "'"))
    }
}

/// The parameters of a line that somebody is to type: what was typed already, and what is missing. What is secret, or
/// cannot be typed in chat as it is, is left open.
fn values(missing: &[String], params: &[Parameter], given: &BTreeMap<String, String>) -> String {
    let is_secret = |name: &str| params.iter().any(|param| param.name == name && param.declared.secret);
    let given = given.iter().map(|(name, value)| {
        let is_open = is_secret(name) || value.contains(['"', '\n', '`']);
        format!(" --param {}", word(&format!("{name}={}", if is_open { "VALUE" } else { value })))
    });
    given.chain(missing.iter().map(|name| format!(" --param {name}=VALUE"))).collect()
}

fn value_of<'a>(param: &'a Parameter, request: &'a PlanRequest) -> Option<&'a String> {
    let configured = request.configured.get(&param.name);
    request.given.get(&param.name).or(configured).or(param.declared.default.as_ref())
}

/// Whether it must have a value. What stands in a text of a runbook is not needed where only a section of it is asked for.
fn is_needed(param: &Parameter, request: &PlanRequest) -> bool {
    let may_be_elsewhere = param.source == ParameterSource::Placeholder && request.section.is_some();
    param.declared.required != Some(false) && !may_be_elsewhere
}

fn missing(params: &[Parameter], request: &PlanRequest) -> Vec<String> {
    let open = params.iter().filter(|param| {
        !param.declared.secret
            && is_needed(param, request)
            && value_of(param, request).is_none()
            && !request.unreadable.contains_key(&param.name)
    });
    open.map(|param| param.name.clone()).collect()
}

/// One field for each parameter; `None` when a form cannot hold them.
fn fields(params: &[Parameter], request: &PlanRequest) -> Option<Vec<FormField>> {
    let shown: Vec<&Parameter> = params.iter().filter(|param| !param.declared.secret).collect();
    if shown.len() > FIELDS_MAX || shown.iter().any(|param| param.name.len() > NAME_MAX) {
        return None;
    }
    let one = |param: &&Parameter| {
        let value = value_of(param, request).filter(|value| !value.is_empty());
        if value.is_some_and(|value| value.chars().count() > VALUE_MAX) {
            return None;
        }
        let has_other = param.declared.default.is_some() || request.configured.contains_key(&param.name);
        Some(FormField {
            help: help(&param.declared),
            value: value.cloned(),
            ..field(
                &param.name,
                &param.name,
                kind(&param.declared, value),
                is_needed(param, request) && !has_other,
            )
        })
    };
    shown.iter().map(one).collect()
}

fn field(name: &str, label: &str, kind: FieldKind, is_required: bool) -> FormField {
    FormField { name: name.to_owned(), label: label.to_owned(), help: None, kind, value: None, is_required }
}

fn kind(declared: &Param, value: Option<&String>) -> FieldKind {
    let choice =
        |values: &[String]| values.iter().map(|value| (value.clone(), value.clone())).collect::<Vec<_>>();
    let options = match declared.kind {
        ParamType::Boolean => choice(&["true".to_owned(), "false".to_owned()]),
        ParamType::Enum => choice(&declared.values),
        ParamType::String | ParamType::Integer | ParamType::Duration => Vec::new(),
    };
    let max = u32::try_from(VALUE_MAX).unwrap_or(u32::MAX);
    match value {
        _ if is_choice(&options) => FieldKind::Choice { options },
        Some(value) if value.contains('\n') => FieldKind::Text { max },
        _ => FieldKind::Line { max },
    }
}

/// Whether a chat's menu can hold these.
fn is_choice(options: &[(String, String)]) -> bool {
    let fits = |text: &str| !text.trim().is_empty() && text.chars().count() <= OPTION_MAX;
    (1..=OPTIONS_MAX).contains(&options.len()) && options.iter().all(|(value, _)| fits(value))
}

fn help(declared: &Param) -> Option<String> {
    let kind = match declared.kind {
        ParamType::Integer => Some("a whole number".to_owned()),
        ParamType::Duration => Some("a length of time, such as 45s or 10m".to_owned()),
        ParamType::String => declared.pattern.as_ref().map(|pattern| format!("it must match {pattern}")),
        ParamType::Boolean | ParamType::Enum => None,
    };
    let default = declared.default.as_ref().map(|default| format!("{default} when left empty"));
    let said = [declared.description.clone(), kind, default];
    let said: Vec<String> = said.into_iter().flatten().filter(|text| !text.trim().is_empty()).collect();
    (!said.is_empty()).then(|| said.join("; "))
}
