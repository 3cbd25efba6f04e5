//! What people ask about drafts: to write, to change, to send, to throw away, to see them.

use runbook_core::form::{FieldKind, Form, FormField, FormFor, TEXT};
use runbook_core::ids::DraftId;
use runbook_core::incident::{Incident, IncidentCommand, IncidentEvent};
use runbook_core::people::Actor;
use runbook_core::ports::IncidentRow;
use runbook_core::request::Request;
use runbook_core::update::{
    Audience, Channel, Component, ComponentStatus, Draft, Held, Impact, Known, RECIPIENTS_MAX, Refusal,
    Template, UpdateCommand, Values, Way, address, as_text, eta as read_eta, may_publish, view,
};
use serde_json::json;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::{Asker, Origin, Reply};
use crate::said::by_name;
use crate::streams::Loaded;
use crate::updates::read;

/// Longest name of a template that is shown back.
const ECHO_MAX: usize = 40;
/// Longest text that a form takes, in characters; what is too long is refused afterwards, with the reason.
const FORM_MAX: u32 = 2_700;

impl Engine {
    /// Does what somebody asks about drafts.
    pub(crate) async fn update_request(
        &self,
        request: &Request,
        asker: &Asker,
        origin: &Origin,
    ) -> Result<Reply, EngineError> {
        match request {
            Request::UpdateDraft { incident, .. } => {
                self.require_known(asker, "draft an update")?;
                let row = self.update_incident(incident.as_deref(), asker).await?;
                self.draft_update(request, &row, asker, origin).await
            }
            Request::UpdateEdit { incident, draft, text } => {
                self.require_known(asker, "change a draft")?;
                let found = self.draft_named(incident.as_deref(), draft, asker).await;
                let (row, held) = found.map_err(|error| with_text(error, text))?;
                if text.trim().is_empty() {
                    return self.ask_for_text(&row, &held, asker, origin).await;
                }
                let typed = text;
                let text = text.lines().map(|line| by_name(line, self.directory()));
                let text = text.collect::<Vec<_>>().join("\n");
                let command =
                    UpdateCommand::Edit { draft: held.draft.id, code: held.draft.code.clone(), text };
                // Its new code is known before it is written: it follows from the text alone.
                let kept = self.about_draft(&row, command, held.draft.id, asker, origin).await;
                kept.map_err(|error| with_text(error, typed))
            }
            Request::UpdateSend { incident, draft } => {
                self.require_known(asker, "send an update")?;
                let (row, held) = self.draft_named(incident.as_deref(), draft, asker).await?;
                let senders = self.settings().updates.send_public.clone();
                let may_publish = may_publish(self.directory().person_of(&asker.actor), &senders);
                if held.draft.audience == Audience::Public && !may_publish {
                    return Err(EngineError::Forbidden(
                        Refusal::NotPublic { by: asker.actor.clone(), who: senders.join(", ") }.to_string(),
                    ));
                }
                let command = UpdateCommand::Send {
                    draft: held.draft.id,
                    code: held.draft.code.clone(),
                    by: asker.actor.clone(),
                    may_publish,
                };
                self.about_draft(&row, command, held.draft.id, asker, origin).await
            }
            Request::UpdateDiscard { incident, draft } => {
                self.require_known(asker, "throw a draft away")?;
                let (row, held) = self.draft_named(incident.as_deref(), draft, asker).await?;
                let command = UpdateCommand::Discard { draft: held.draft.id };
                self.about_draft(&row, command, held.draft.id, asker, origin).await
            }
            Request::UpdateDrafts { incident } => {
                let row = self.find_any_incident(incident.as_deref(), asker).await.ok();
                if row.is_none() && incident.is_some() {
                    self.find_any_incident(incident.as_deref(), asker).await?;
                }
                let reply = self.list_drafts(row.as_ref(), asker).await?;
                self.answer(origin, reply).await
            }
            other => Err(EngineError::Refused(format!("{other:?} is not about an update"))),
        }
    }

    /// A draft stands on an incident's timeline, so there has to be one.
    async fn update_incident(&self, named: Option<&str>, asker: &Asker) -> Result<IncidentRow, EngineError> {
        match self.find_any_incident(named, asker).await {
            Err(EngineError::NotFound(reason)) if named.is_none() => Err(EngineError::NotFound(format!(
                "{reason}; an update is kept on an incident's timeline: name one (`update draft TEMPLATE INC-1`), or \
                 `declare` one for a launch or a week, with a low severity"
            ))),
            other => other,
        }
    }

    async fn draft_update(
        &self,
        request: &Request,
        row: &IncidentRow,
        asker: &Asker,
        origin: &Origin,
    ) -> Result<Reply, EngineError> {
        let Request::UpdateDraft { template, params, eta, to, impact, component, .. } = request else {
            return Err(EngineError::Refused("that drafts nothing".to_owned()));
        };
        let updates = &self.settings().updates;
        let Some(template) = updates.template(template) else {
            let known: Vec<_> = updates.templates.iter().map(|one| one.name.as_str()).collect();
            let shown: String = template.chars().filter(|c| !c.is_control()).take(ECHO_MAX).collect();
            return Err(EngineError::NotFound(format!(
                "there is no update template '{shown}'; hint: one of {}",
                known.join(", ")
            )));
        };
        let loaded = self.loaded(row).await?;
        let severity = self.settings().severities.default_scheme().get(&loaded.state.severity);
        let named = |text: &String| by_name(text, self.directory());
        let zone = &self.settings().handover.zone;
        let eta = eta.as_ref().map(|text| read_eta(&named(text), self.now(), zone)).transpose();
        let eta = eta.map_err(EngineError::Usage)?;
        let known = Known { events: &loaded.events, severity, eta: eta.as_deref(), now: self.now() };
        let params = params.iter().map(|(name, value)| (name.clone(), named(value))).collect();
        let (subject, text) = template
            .fill(&Values::of(&loaded.state, known), &params)
            .map_err(|error| EngineError::Usage(error.to_string()))?;
        let on_page = OnPageAsked::read(impact.as_deref(), component.as_deref())?;
        let ways = self.ways(template, &loaded.state, to, &on_page)?;
        let is_public = template.audience == Audience::Public || self.stranger(&ways).is_some();
        let draft = Draft {
            id: DraftId(self.inner.parts.ids.fresh()),
            template: template.name.clone(),
            title: template.title.clone(),
            audience: if is_public { Audience::Public } else { Audience::Internal },
            subject,
            text,
            ways,
            code: String::new(),
        };
        let draft = Box::new(draft.sealed(loaded.state.id));
        let id = draft.id;
        self.about_draft(row, UpdateCommand::Draft(draft), id, asker, origin).await
    }

    /// Where it goes: the template's channels, as far as they are set up here.
    fn ways(
        &self,
        template: &Template,
        incident: &Incident,
        to: &[String],
        on_page: &OnPageAsked,
    ) -> Result<Vec<Way>, EngineError> {
        let updates = &self.settings().updates;
        let goes_to = |channel| template.channels.contains(&channel);
        let refused = |text: &str| Err(EngineError::Refused(text.to_owned()));
        if !to.is_empty() && !goes_to(Channel::Email) {
            return refused("this template sends no e-mail; hint: leave --to out");
        }
        if !to.is_empty() && !updates.has_mail {
            return refused("no e-mail is set up here; hint: [smtp] in blocks.toml");
        }
        if to.len() > RECIPIENTS_MAX {
            return Err(EngineError::Refused(Refusal::TooMany(to.len()).to_string()));
        }
        let mut ways = Vec::new();
        if goes_to(Channel::Slack) && self.settings().has_chat {
            let channel = updates.channel.clone().filter(|_| !incident.private);
            ways.push(Way::Slack { channel });
        }
        if goes_to(Channel::Email) && updates.has_mail {
            let configured = updates.recipients(&incident.service, template.audience);
            // Whoever names recipients means them; of those configured, none of a private incident is told.
            let recipients = if to.is_empty() && incident.private { &[] } else { configured };
            let recipients = if to.is_empty() { recipients } else { to };
            for recipient in recipients {
                let to = address(recipient).map_err(EngineError::Usage)?;
                let way = Way::Mail { to };
                if !ways.contains(&way) {
                    ways.push(way);
                }
            }
        }
        if goes_to(Channel::Statuspage)
            && updates.has_status_page
            && let Some(defaults) = template.on_page
        {
            let id = updates.components.get(&incident.service);
            if on_page.component.is_some() && id.is_none() {
                return Err(EngineError::Refused(format!(
                    "the status page has no component for '{}'; hint: [statuspage.components] in blocks.toml names them by service",
                    incident.service
                )));
            }
            let status = on_page.component.or(defaults.component);
            let component = id.zip(status).map(|(id, status)| Component {
                id: id.clone(),
                service: incident.service.clone(),
                status,
            });
            ways.push(Way::StatusPage {
                status: defaults.status,
                impact: on_page.impact.or(defaults.impact),
                component,
            });
        } else if on_page.is_given() {
            return refused(
                "this update does not go to a status page; hint: leave --impact and --component out, or set up [statuspage]",
            );
        }
        Ok(ways)
    }

    /// Changes a draft, and answers with what it is then.
    async fn about_draft(
        &self,
        row: &IncidentRow,
        command: UpdateCommand,
        id: DraftId,
        asker: &Asker,
        origin: &Origin,
    ) -> Result<Reply, EngineError> {
        // What is answered is written in the same commit, so it is worked out ahead on the state that is there.
        let loaded = self.loaded(row).await?;
        let now = self.now();
        let after = foreseen(&loaded, &command, &asker.actor, now)?;
        let text = self.told(&after, id, &command, asker);
        let command = IncidentCommand::Update(command);
        let incident = self.change_incident(row.id, &command, origin, Some(&text)).await?;
        let data = incident.drafts.get(id).map_or(json!(null), |held| self.shown(&incident, held));
        Ok(Reply { text, data })
    }

    /// Opens a form with the text, where there can be one.
    async fn ask_for_text(
        &self,
        row: &IncidentRow,
        held: &Held,
        asker: &Asker,
        origin: &Origin,
    ) -> Result<Reply, EngineError> {
        let (slash, code) = (if asker.channel.is_some() { "/" } else { "" }, held.draft.short_code());
        let instead = format!("{slash}blocks update edit {code} TEXT --incident {}", row.number);
        let Some(trigger) = origin.trigger.clone() else {
            return Err(EngineError::Usage(format!("the text is missing; hint: `{instead}`")));
        };
        let form = Form {
            about: FormFor::UpdateText { incident: row.number.to_string(), draft: held.draft.code.clone() },
            channel: asker.channel.clone().unwrap_or_default(),
            title: "Edit the update".to_owned(),
            lead: format!(
                "{}: {}. It gets a new code, and is sent by a person as before.",
                row.number, held.draft.title
            ),
            submit: "Keep it".to_owned(),
            fields: vec![FormField {
                name: TEXT.to_owned(),
                label: "The text, as it leaves".to_owned(),
                help: None,
                kind: FieldKind::Text { max: FORM_MAX },
                value: Some(held.draft.text.clone()),
                is_required: true,
            }],
        };
        self.open_form(trigger, form, instead, origin).await
    }

    fn told(&self, incident: &Incident, id: DraftId, command: &UpdateCommand, asker: &Asker) -> String {
        let Some(held) = incident.drafts.get(id) else { return String::new() };
        let slash = if asker.channel.is_some() { "/" } else { "" };
        let shown = view(incident, held, &self.settings().updates.send_public);
        let (number, code) = (incident.number, held.draft.short_code());
        match command {
            UpdateCommand::Send { .. } => {
                let ways: Vec<_> = held.draft.ways.iter().map(Way::words).collect();
                format!("{number}: update {code} is sent: {}.", ways.join("; "))
            }
            UpdateCommand::Discard { .. } => {
                format!("{number}: draft {code} is thrown away; nothing was sent.")
            }
            UpdateCommand::Draft(draft) => {
                let template = self.settings().updates.template(&draft.template);
                let is_internal = template.is_some_and(|one| one.audience == Audience::Internal);
                let why = self.stranger(&draft.ways).filter(|_| is_internal).map_or_else(String::new, |to| {
                    format!(
                        "\nIt counts as public: {to} is no recipient that [updates] names, nor of a domain in [updates] domains."
                    )
                });
                format!("{}{why}", as_text(&shown, slash))
            }
            _ => as_text(&shown, slash),
        }
    }

    /// An address of these ways to which nothing internal goes: whoever reads there is outside.
    fn stranger<'a>(&self, ways: &'a [Way]) -> Option<&'a str> {
        let updates = &self.settings().updates;
        ways.iter().find_map(|way| match way {
            Way::Mail { to } if !updates.is_internal(to) => Some(to.as_str()),
            _ => None,
        })
    }

    fn shown(&self, incident: &Incident, held: &Held) -> serde_json::Value {
        serde_json::to_value(view(incident, held, &self.settings().updates.send_public)).unwrap_or_default()
    }

    async fn loaded(&self, row: &IncidentRow) -> Result<Loaded<Incident, IncidentEvent>, EngineError> {
        load_incident(self.store(), row.id)
            .await?
            .ok_or_else(|| EngineError::NotFound(format!("there is no incident {}", row.number)))
    }

    /// The draft that somebody names by its code. Characters that are typed are a name: they name nothing once two drafts
    /// have them.
    async fn draft_named(
        &self,
        named: Option<&str>,
        code: &str,
        asker: &Asker,
    ) -> Result<(IncidentRow, Held), EngineError> {
        let row = self.find_any_incident(named, asker).await?;
        let loaded = self.loaded(&row).await?;
        match loaded.state.drafts.named(code).as_slice() {
            [only] => Ok((row, (*only).clone())),
            [] => {
                let shown: String = code.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
                Err(EngineError::NotFound(format!(
                    "{number} has no draft {shown}; it may say something else by now; hint: `update drafts {number}`",
                    number = row.number
                )))
            }
            several => {
                let codes: Vec<String> =
                    several.iter().map(|held| held.draft.code.chars().take(12).collect()).collect();
                Err(EngineError::Refused(format!(
                    "{} drafts of {} begin with that; hint: type more of the code: {}",
                    several.len(),
                    row.number,
                    codes.join(", ")
                )))
            }
        }
    }

    async fn list_drafts(&self, row: Option<&IncidentRow>, asker: &Asker) -> Result<Reply, EngineError> {
        let slash = if asker.channel.is_some() { "/" } else { "" };
        read::drafts(self.store(), self.settings(), row, slash).await
    }
}

/// What was typed and not kept is given back: it is nowhere else.
fn with_text(error: EngineError, text: &str) -> EngineError {
    if text.trim().is_empty() {
        return error;
    }
    let with = |reason: String| format!("{reason}\nWhat you wrote, which was not kept:\n{text}");
    match error {
        EngineError::NotFound(reason) => EngineError::NotFound(with(reason)),
        EngineError::Refused(reason) => EngineError::Refused(with(reason)),
        EngineError::Usage(reason) => EngineError::Usage(with(reason)),
        EngineError::Incident(rejection) => EngineError::Refused(with(rejection.to_string())),
        other => other,
    }
}

/// The incident as it will be once the command is written, by whoever asks.
fn foreseen(
    loaded: &Loaded<Incident, IncidentEvent>,
    command: &UpdateCommand,
    by: &Actor,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Incident, EngineError> {
    use runbook_core::incident::decide;
    let command = IncidentCommand::Update(command.clone());
    let decision = decide(&loaded.state, &command, now)?;
    let origin = Origin { actor: by.clone(), ..Origin::engine() };
    if decision.events.is_empty() {
        return Ok(loaded.state.clone());
    }
    let (_, state) = crate::incidents::apply_incident(
        loaded.state.id,
        Some(loaded.state.clone()),
        loaded.head,
        &decision.events,
        &origin,
        now,
    )?;
    Ok(state)
}

/// What a person chooses for the status page.
struct OnPageAsked {
    impact: Option<Impact>,
    component: Option<ComponentStatus>,
}

impl OnPageAsked {
    fn read(impact: Option<&str>, component: Option<&str>) -> Result<OnPageAsked, EngineError> {
        let no = |option: &str, word: &str, error: String| {
            let shown: String = word.chars().filter(|c| !c.is_control()).take(ECHO_MAX).collect();
            EngineError::Usage(format!("'{shown}' is no {option}; hint: {error}"))
        };
        let impact = impact
            .map(|word| word.parse::<Impact>().map_err(|error| no("impact", word, error.to_string())))
            .transpose()?;
        let component = component
            .map(|word| {
                word.parse::<ComponentStatus>()
                    .map_err(|error| no("component status", word, error.to_string()))
            })
            .transpose()?;
        Ok(OnPageAsked { impact, component })
    }

    fn is_given(&self) -> bool {
        self.impact.is_some() || self.component.is_some()
    }
}
