//! What people ask of incidents: who may, which one is meant, what is recorded, what is answered.

use chrono::Duration;
use runbook_core::ids::IncidentId;
use runbook_core::incident::{AskAtPager, Incident, IncidentCommand, OpenIncident, Status, Word};
use runbook_core::people::{Actor, Person, Role};
use runbook_core::ports::IncidentRow;
use runbook_core::request::Request;
use runbook_core::rules::Facts;
use serde_json::json;

use crate::alerts::{Along, explain, explain_loose};
use crate::early::Early;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::incident_reads;
use crate::incidents::load_incident;
use crate::on_call;
use crate::origin::{Asker, Origin, Reply};
use crate::read;
use crate::said::{self, Said};

/// How many incidents are looked through.
const LOOK: usize = 10_000;
/// An incident that ended so lately is meant by `reopen` without a name.
const LATELY: Duration = Duration::days(7);

impl Engine {
    /// Does what somebody asks of an incident.
    pub(crate) async fn incident_request(
        &self,
        request: &Request,
        asker: &Asker,
        origin: &Origin,
    ) -> Result<Reply, EngineError> {
        if request.is_read() {
            let reply = self.look_at_incidents(request, asker).await?;
            return self.answer(origin, reply).await;
        }
        let by = || asker.actor.clone();
        match request {
            Request::IncidentDeclare { .. } => self.declare(request, asker, origin).await,
            Request::IncidentAck { incident } => {
                self.require_standing(asker, "take an incident")?;
                let id = self.find_incident(incident.as_deref(), asker).await?.id;
                let text = self.who_has_it(id, asker).await?;
                let email = self.email_of(asker);
                let command = IncidentCommand::Acknowledge { by: by(), via: "blocks".to_owned(), email };
                let reply = self.incident_verb(id, &command, origin, &text).await?;
                self.commander_comes(id, &asker.actor).await?;
                Ok(reply)
            }
            Request::IncidentSeverity { incident, severity } => {
                self.require_standing(asker, "change a severity")?;
                let row = self.find_incident(incident.as_deref(), asker).await?;
                let (to, target_s) = self.severity(severity)?;
                let text = format!("{} is {to} now.", row.number);
                let word = Word::Here { email: self.email_of(asker) };
                let command = IncidentCommand::ChangeSeverity { to, target_s, word };
                let incident = self.change_incident(row.id, &command, origin, Some(&text)).await?;
                Ok(Reply { text, data: serde_json::to_value(incident.row()).unwrap_or_default() })
            }
            Request::IncidentResolve { incident } => {
                self.require_standing(asker, "resolve an incident")?;
                let row = self.find_incident(incident.as_deref(), asker).await?;
                let command = IncidentCommand::Resolve { by: by(), email: self.email_of(asker) };
                let text = match row.pager_id {
                    Some(_) => {
                        "Noted: you vouch for the fix. PagerDuty is asked to resolve it; the review is drafted when it has."
                    }
                    None => "It is resolved: you vouch for the fix. The review is drafted.",
                };
                self.incident_verb(row.id, &command, origin, text).await
            }
            Request::IncidentReopen { incident, reason } => {
                self.require_standing(asker, "open an incident again")?;
                let row = self.find_ended(incident.as_deref(), asker).await?;
                let reason = self.said(Said::Reason, reason)?;
                let pager = match row.pager_id {
                    Some(_) => " PagerDuty keeps its own over and gets a note; nobody is paged.",
                    None => "",
                };
                let text = format!("It is open again.{pager}");
                self.on_record(&row, &IncidentCommand::Reopen { by: by(), reason }, origin, &text).await
            }
            Request::IncidentNone { incident, reason } => {
                self.require_standing(asker, "end an incident")?;
                let row = self.find_incident(incident.as_deref(), asker).await?;
                let reason = self.said(Said::Reason, reason)?;
                let command = IncidentCommand::EndAsNone { by: by(), email: self.email_of(asker), reason };
                let text = "It is closed as no incident: no target counts, and no review is drafted.";
                self.on_record(&row, &command, origin, text).await
            }
            Request::IncidentMerge { incident, into } => {
                self.require_standing(asker, "merge incidents")?;
                self.merge(incident.as_deref(), into, asker, origin).await
            }
            Request::IncidentRole { incident, role, who } => {
                self.require_standing(asker, "give a role")?;
                let row = self.find_incident(incident.as_deref(), asker).await?;
                let person = self.person_meant(who, asker)?;
                let to = Actor::Person(person.name.clone());
                if *role == Role::Commander && !self.has_standing(&to) {
                    return Err(EngineError::Refused(format!(
                        "{to} may not command; hint: a [[person]] with the role commander or responder in blocks.toml may"
                    )));
                }
                let text = match role {
                    Role::Commander => format!("{to} commands from now on."),
                    role => format!("{to} is {} from now on.", role.words()),
                };
                let ask = self.ask_at_pager(person, asker);
                let command = IncidentCommand::GiveRole { by: by(), role: *role, to, ask };
                self.on_record(&row, &command, origin, &text).await
            }
            Request::IncidentUpdate { incident, text } => {
                self.require_known(asker, "give an update")?;
                let row = self.find_any_incident(incident.as_deref(), asker).await?;
                let text = self.said(Said::Text, text)?;
                let severities = self.settings().severities.default_scheme();
                let interval = severities.get(&row.severity).and_then(|severity| severity.update_interval_s);
                let next = match interval.filter(|_| row.open) {
                    Some(s) => format!(
                        " The next one is due by {}.",
                        (self.now() + Duration::seconds(i64::from(s))).format("%H:%M UTC")
                    ),
                    None => String::new(),
                };
                let command = IncidentCommand::GiveUpdate { by: by(), text };
                self.on_record(&row, &command, origin, &format!("The update is on the record.{next}")).await
            }
            Request::TimelineAdd { incident, text } => {
                self.require_known(asker, "write on a timeline")?;
                let row = self.find_any_incident(incident.as_deref(), asker).await?;
                let (email, text) = (self.email_of(asker), self.said(Said::Text, text)?);
                let command = IncidentCommand::AddNote { by: by(), email, text };
                self.on_record(&row, &command, origin, "It is on the timeline.").await
            }
            Request::ActionAdd { incident, text, owner, due } => {
                self.require_known(asker, "add an action")?;
                let row = self.find_any_incident(incident.as_deref(), asker).await?;
                let owner = match owner.as_deref() {
                    Some(owner) => Some(self.person_meant(owner, asker)?.name.clone()),
                    None => None,
                };
                let today = self.now().with_timezone(&self.settings().pir.zone).date_naive();
                let due = match due.as_deref() {
                    Some(due) => Some(said::day(due, today).map_err(EngineError::Usage)?),
                    None => None,
                };
                let text = self.said(Said::Text, text)?;
                let command = IncidentCommand::AddAction { text, owner, due };
                let say = "The action is on the record; `action list` shows it, and the review when it is drafted next.";
                self.on_record(&row, &command, origin, say).await
            }
            Request::ActionDone { incident, number } => {
                self.require_known(asker, "end an action")?;
                let row = self.find_any_incident(incident.as_deref(), asker).await?;
                let command = IncidentCommand::EndAction { number: *number };
                self.on_record(&row, &command, origin, &format!("Action {number} is done.")).await
            }
            other => self.reminder_request(other, asker, origin).await,
        }
    }

    async fn look_at_incidents(&self, request: &Request, asker: &Asker) -> Result<Reply, EngineError> {
        let (store, settings, now) = (self.store(), self.settings(), self.now());
        let reply = match request {
            Request::IncidentList { all } => {
                read::incidents(store, *all, &self.hidden_from(asker).await?).await?
            }
            Request::IncidentShow { incident } => {
                let row = self.find_any_incident(incident.as_deref(), asker).await?;
                read::incident(store, &row).await?
            }
            Request::IncidentStatus { incident } => {
                let hidden = self.hidden_from(asker).await?;
                let row = match self.find_any_incident(incident.as_deref(), asker).await {
                    Err(error) if incident.is_none() => {
                        return Err(incident_reads::no_status(store, error, &hidden, now).await);
                    }
                    found => found?,
                };
                incident_reads::status(store, settings, &row, &hidden, now).await?
            }
            Request::IncidentCatchUp { incident } => {
                let row = self.find_any_incident(incident.as_deref(), asker).await?;
                incident_reads::catch_up(store, settings, &row, now).await?
            }
            Request::IncidentExplain { incident } => {
                let found = self.find_any_incident(incident.as_deref(), asker).await;
                match (incident, found) {
                    (_, Ok(row)) => explain(store, &row).await?,
                    (Some(_), Err(error)) => return Err(error),
                    (None, Err(error)) if error.is_passing() => return Err(error),
                    (None, Err(_)) => explain_loose(store, self.seer(asker).sees_all()).await?,
                }
            }
            Request::ActionList { incident, all } => {
                let row = match all {
                    true => None,
                    false => Some(self.find_any_incident(incident.as_deref(), asker).await?),
                };
                incident_reads::actions(store, row.as_ref(), &self.hidden_from(asker).await?).await?
            }
            Request::Report { since, service } => {
                let which = (since.as_deref(), service.as_deref());
                let hidden = self.hidden_from(asker).await?;
                incident_reads::report(store, settings, which, &hidden, now).await?
            }
            Request::OnCallExport { from, until } => {
                on_call::export(settings, (from.as_deref(), until.as_deref()), now)?
            }
            Request::OnCall { service } => {
                let here = self.find_incident(None, asker).await.ok();
                let here = match &here {
                    Some(row) => Some((row, incident_reads::commander(store, row).await?)),
                    None => None,
                };
                self.tell_on_call(service.as_deref(), here, asker).await?
            }
            Request::Menu { incident } => {
                let row =
                    match (incident.as_deref(), self.find_any_incident(incident.as_deref(), asker).await) {
                        (_, Ok(row)) => {
                            Some(row).filter(|row| incident.is_some() || self.is_meant(row, asker))
                        }
                        (None, Err(error)) if !error.is_passing() => None,
                        (_, Err(error)) => return Err(error),
                    };
                incident_reads::menu(store, settings, row.as_ref(), &self.hidden_from(asker).await?).await?
            }
            other => return Err(EngineError::Refused(format!("{other:?} is not about an incident"))),
        };
        // What is printed to be typed is typed with a slash in chat alone.
        let text = match asker.channel {
            Some(_) => reply.text,
            None => incident_reads::for_a_shell(&reply.text),
        };
        Ok(Reply { text, ..reply })
    }

    /// An incident that is over is meant by nobody outside its channel.
    fn is_meant(&self, row: &IncidentRow, asker: &Asker) -> bool {
        row.open || (asker.channel.is_some() && row.channel == asker.channel)
    }

    async fn declare(&self, request: &Request, asker: &Asker, origin: &Origin) -> Result<Reply, EngineError> {
        let Request::IncidentDeclare { title, severity, service, private, description } = request else {
            return Err(EngineError::Refused("that declares nothing".to_owned()));
        };
        if !matches!(asker.actor, Actor::Service(_)) {
            self.require_known(asker, "declare an incident")?;
        }
        let settings = self.settings();
        if title.trim().is_empty() {
            return self.ask_for_declaration(request, asker, origin).await;
        }
        let title = self.said(Said::Title, title)?;
        let note = match description.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            Some(text) => Some(self.said(Said::Text, text)?),
            None => None,
        };
        let configured = match service.as_deref() {
            Some(name) => Some(settings.named_service(name)?),
            None => match settings.services.as_slice() {
                [only] => Some(only),
                _ => None,
            },
        };
        let scheme = settings.severities.default_scheme();
        let own = configured.and_then(|service| service.severity.as_deref());
        // Whoever declares one means that it is urgent, until somebody says otherwise.
        let second =
            scheme.severities.get(1).or(scheme.severities.last()).map(|severity| severity.id.as_str());
        let name = configured.map_or_else(|| "unknown service".to_owned(), |service| service.name.clone());
        let facts = Facts { service: name, title: title.clone(), ..Facts::default() };
        let choice = self.choose(&facts);
        let ruled = choice.rule_says_severity(&settings.rules).then_some(choice.severity.as_str());
        let (named, why) = match (severity.as_deref(), ruled, own) {
            (Some(named), _, _) => (named, "as declared"),
            (None, Some(ruled), _) => (ruled, choice.severity_reason.as_str()),
            (None, None, Some(own)) => (own, "the service's default"),
            (None, None, None) => (second.unwrap_or("P2"), "nobody named one"),
        };
        let named_by_nobody = severity.is_none();
        let (severity, target_s) = self.severity(named)?;
        if scheme.get(&severity).is_some_and(|severity| !severity.opens_incident) {
            return Err(EngineError::Refused(format!(
                "{severity} opens no incident: it goes to the backlog; hint: name another with --severity"
            )));
        }
        let service = configured.map_or_else(|| "unknown service".to_owned(), |service| service.name.clone());
        let alike = self.open_alike(&service).await?;
        let private = *private || self.is_led_privately(&service, &choice.chosen.triage);
        let shell = asker.channel.is_none();
        let now = self.now();
        let calls = scheme.get(&severity).is_some_and(|severity| !severity.escalation.is_empty());
        let say = |incident: &Incident| declared(incident, &alike, shell, calls);
        let incident = self
            .open_incident(
                origin,
                &|id, number| OpenIncident {
                    id,
                    number,
                    severity: severity.clone(),
                    severity_reason: why.to_owned(),
                    target_s,
                    service: service.clone(),
                    title: title.clone(),
                    pager: None,
                    detected_at: now,
                    triage: !choice.chosen.triage.is_empty(),
                    private,
                    severity_guessed: named_by_nobody,
                    tells_pager: false,
                    note: note.clone(),
                    chosen: Some(Box::new(choice.chosen.clone())),
                },
                Some(&say),
                &Early::default(),
            )
            .await?;
        let data = serde_json::to_value(incident.row()).unwrap_or_default();
        Ok(Reply { text: say(&incident), data })
    }

    /// Open incidents of the same service: perhaps one of them is it.
    async fn open_alike(&self, service: &str) -> Result<Vec<String>, EngineError> {
        let rows = self.store().incidents(true, LOOK).await?;
        let alike = rows.into_iter().filter(|row| row.service == service && !row.private);
        Ok(alike.take(3).map(|row| row.number.to_string()).collect())
    }

    async fn merge(
        &self,
        named: Option<&str>,
        into: &str,
        asker: &Asker,
        origin: &Origin,
    ) -> Result<Reply, EngineError> {
        let into = self.find_incident(Some(into), asker).await?;
        let from = match (named, self.channel_incident(asker).await) {
            (Some(named), _) => self.find_incident(Some(named), asker).await?,
            (None, Ok(here)) => here,
            (None, Err(_)) => {
                let hidden = self.hidden_from(asker).await?;
                let rows = self.store().incidents(true, LOOK).await?;
                let mut others =
                    rows.into_iter().filter(|row| row.id != into.id && !hidden.hides(Some(row.id)));
                match (others.next(), others.next()) {
                    (Some(only), None) => only,
                    _ => {
                        return Err(EngineError::NotFound(format!(
                            "which incident is part of {}? hint: `merge INC-2 into {}`",
                            into.number, into.number
                        )));
                    }
                }
            }
        };
        if from.private != into.private {
            return Err(EngineError::Refused(format!(
                "one of {} and {} is private and the other is not; hint: close one with `not-an-incident`",
                from.number, into.number
            )));
        }
        let email = self.email_of(asker);
        let leave =
            IncidentCommand::MergeInto { by: asker.actor.clone(), email, id: into.id, other: into.number };
        // no alert of it comes or ends until it is the other's
        let _gate = self.inner.alert_gate.lock().await;
        let leaves = load_incident(self.store(), from.id).await?.map(|loaded| loaded.state);
        let goes_on = load_incident(self.store(), into.id).await?.map(|loaded| loaded.state);
        let on_page = leaves.as_ref().map(|leaves| leaves.drafts.pages_to_take()).unwrap_or_default();
        let along = match (&leaves, &goes_on) {
            (Some(leaves), Some(goes_on)) if leaves.id != goes_on.id => {
                self.alerts_along(leaves, goes_on).await?
            }
            _ => Along::default(),
        };
        let (other, title) = (from.number, from.title.clone());
        let take = IncidentCommand::TakeIn { id: from.id, other, title, on_page, alerts: along.told };
        let text = format!(
            "{} is merged into {}, which goes on; its timeline and runs stay with it: `incident show {}`.",
            from.number, into.number, from.number
        );
        let changed = self
            .change_incidents(&[(from.id, leave), (into.id, take)], &along.rows, origin, Some(&text))
            .await?;
        // what arrived there in the same moment
        self.page_goes_along(from.id).await?;
        let rows: Vec<_> = changed.iter().map(Incident::row).collect();
        Ok(Reply { text, data: json!({ "merged": rows.first(), "into": rows.get(1) }) })
    }

    /// Changes one, and answers with its number before the text.
    pub(crate) async fn on_record(
        &self,
        row: &IncidentRow,
        command: &IncidentCommand,
        origin: &Origin,
        text: &str,
    ) -> Result<Reply, EngineError> {
        let text = format!("{}: {text}", row.number);
        let incident = self.change_incident(row.id, command, origin, Some(&text)).await?;
        Ok(Reply { text, data: serde_json::to_value(incident.row()).unwrap_or_default() })
    }

    /// What somebody is told who takes an incident: whether it is theirs.
    async fn who_has_it(&self, id: IncidentId, asker: &Asker) -> Result<String, EngineError> {
        let Some(loaded) = load_incident(self.store(), id).await? else { return Ok(String::new()) };
        let incident = &loaded.state;
        let number = incident.number;
        let rings = incident.status > Status::Triggered && incident.is_untaken_at_pager();
        let and_told =
            if rings { " PagerDuty, where it may still ring, is told that somebody has it." } else { "" };
        Ok(match &incident.commander {
            _ if !incident.status.is_open() => {
                format!("{number} is {}: there is nothing to take.", incident.status.word())
            }
            Some(commander) if commander.who != asker.actor => {
                format!(
                    "{} has {number}; `role commander me {number}` makes you its commander.{and_told}",
                    commander.who
                )
            }
            _ => format!("You have it.{and_told}"),
        })
    }

    async fn incident_verb(
        &self,
        id: IncidentId,
        command: &IncidentCommand,
        origin: &Origin,
        text: &str,
    ) -> Result<Reply, EngineError> {
        let incident = self.change_incident(id, command, origin, Some(text)).await?;
        Ok(Reply {
            text: format!("{}: {text}", incident.number),
            data: serde_json::to_value(incident.row()).unwrap_or_default(),
        })
    }

    /// The incident that is to be opened again: the named one, the channel's, or the only one that ended lately.
    async fn find_ended(&self, named: Option<&str>, asker: &Asker) -> Result<IncidentRow, EngineError> {
        if named.is_some() {
            return self.find_any_incident(named, asker).await;
        }
        if let Ok(row) = self.channel_incident(asker).await {
            return Ok(row);
        }
        let since = self.now() - LATELY;
        let hidden = self.hidden_from(asker).await?;
        let rows = self.store().incidents(false, LOOK).await?;
        let mut ended = rows
            .into_iter()
            .filter(|row| row.resolved_at.is_some_and(|at| at >= since) && !hidden.hides(Some(row.id)));
        match (ended.next(), ended.count()) {
            (Some(only), 0) => Ok(only),
            (None, _) => Err(EngineError::NotFound(
                "no incident ended lately; hint: name it, as in `reopen INC-1 it fails again`".to_owned(),
            )),
            (Some(_), more) => Err(EngineError::NotFound(format!(
                "{} incidents ended lately; hint: name one, as in `reopen INC-1 it fails again`",
                more + 1
            ))),
        }
    }

    pub(crate) fn severity(&self, named: &str) -> Result<(String, Option<u32>), EngineError> {
        let scheme = self.settings().severities.default_scheme();
        let Some(known) = scheme.get(named) else {
            let names: Vec<_> = scheme.severities.iter().map(|severity| severity.id.as_str()).collect();
            return Err(EngineError::NotFound(format!(
                "there is no severity '{named}'; hint: one of {}",
                names.join(", ")
            )));
        };
        Ok((known.id.clone(), known.mttr_target_s))
    }

    /// How the pager asks this person to come, where it knows them.
    fn ask_at_pager(&self, person: &Person, asker: &Asker) -> Option<Box<AskAtPager>> {
        let to = person.pagerduty_email.clone()?;
        Some(Box::new(AskAtPager { from: self.email_of(asker), to }))
    }

    fn email_of(&self, asker: &Asker) -> Option<String> {
        self.directory().person_of(&asker.actor).and_then(|person| person.pagerduty_email.clone())
    }

    /// The person whom somebody names; `me` is whoever asks.
    pub(crate) fn person_meant(&self, named: &str, asker: &Asker) -> Result<&Person, EngineError> {
        let directory = self.directory();
        let found = if named.eq_ignore_ascii_case("me") {
            directory.person_of(&asker.actor)
        } else {
            directory.named(named)
        };
        found.ok_or_else(|| {
            let known: Vec<_> = directory.people().iter().map(|person| person.name.as_str()).collect();
            let shown: String = named.chars().filter(|c| !c.is_control()).take(60).collect();
            EngineError::NotFound(format!(
                "'{shown}' is nobody in blocks.toml; hint: one of {}",
                known.join(", ")
            ))
        })
    }

    pub(crate) fn said(&self, what: Said, text: &str) -> Result<String, EngineError> {
        said::said(what, text, self.directory()).map_err(EngineError::Usage)
    }

    /// Whether the configuration names whoever asks, with whichever role.
    pub(crate) fn require_known(&self, asker: &Asker, what: &str) -> Result<(), EngineError> {
        match &asker.actor {
            Actor::Local(_) if asker.channel.is_none() => Ok(()),
            actor if self.directory().person_of(actor).is_some() => Ok(()),
            actor => Err(EngineError::Forbidden(format!(
                "{actor} may not {what}; hint: a [[person]] in blocks.toml may"
            ))),
        }
    }
}

fn declared(incident: &Incident, alike: &[String], shell: bool, calls: bool) -> String {
    let (number, slash) = (incident.number, if shell { "" } else { "/" });
    let private = if incident.private { ", private" } else { "" };
    let who = match calls {
        true => format!("Until somebody takes it, the steps of {} call people.", incident.severity),
        false => "Nobody is paged by this.".to_owned(),
    };
    let mut text = format!(
        "{number} is open as {} for {}{private}: {}\n{who} `{slash}blocks ack {number}` takes it.",
        incident.severity, incident.service, incident.title
    );
    if !alike.is_empty() {
        text.push_str(&format!(
            "\nOpen for {} as well: {}. If it is the same: `{slash}blocks merge {number} into {}`.",
            incident.service,
            alike.join(", "),
            alike.first().map_or("INC-1", String::as_str)
        ));
    }
    text
}
