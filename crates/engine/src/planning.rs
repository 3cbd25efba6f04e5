//! From what somebody asks to a run: which runbook, with what, for which incident, and what is said of it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use runbook_core::duration::for_people;
use runbook_core::form::FormFor;
use runbook_core::ids::RunId;
use runbook_core::journal::Cause;
use runbook_core::people::Actor;
use runbook_core::plan::{Plan, assess};
use runbook_core::ports::{IncidentRow, RunRow};
use runbook_core::request::Request;
use runbook_core::run::{NewRun, Run, Status};
use runbook_core::view;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::library::LibraryEntry;
use crate::origin::{Asker, Origin, Reply};
use crate::plans::{Asked, approvals_needed, code_of, plan_of, refused};
use crate::runs::load_run;

/// How many runs are looked through for one.
const LOOK: usize = 10_000;

impl Engine {
    pub(crate) fn asked<'a>(
        params: &'a BTreeMap<String, String>,
        section: Option<&'a str>,
        incident: Option<&'a IncidentRow>,
    ) -> Asked<'a> {
        Asked { params, section, service: incident.map(|row| row.service.as_str()) }
    }

    pub(crate) async fn rollback(
        &self,
        request: &Request,
        asker: &Asker,
        origin: &Origin,
    ) -> Result<Reply, EngineError> {
        let Request::RunbookRollback { service, params, incident: named } = request else {
            return Err(EngineError::Refused("that asks for no rollback".to_owned()));
        };
        let mut incident = self.optional_incident(named.as_deref(), asker).await?;
        if incident.is_none()
            && let Some(service) = service
        {
            incident = self.only_open_of(service, asker).await?;
        }
        let name = service.clone().or_else(|| incident.as_ref().map(|row| row.service.clone()));
        let Some(name) = name else {
            return Err(EngineError::NotFound(
                "no service is named, and there is no open incident to take it from; hint: `runbook rollback SERVICE`".to_owned(),
            ));
        };
        let settings = self.settings();
        let service = settings.named_service(&name)?;
        let Some(runbook) = &service.rollback else {
            return Err(EngineError::NotFound(format!(
                "service '{name}' names no rollback; hint: set `rollback` under its [[service]]"
            )));
        };
        // the only open one may be about something else; one that is named is meant, and so is that of a channel of its own:
        // nothing of a private incident is shown elsewhere, whatever it is about
        let incident = match incident {
            Some(row) if named.is_some() || row.service == name || self.is_asked_in(&row, asker).await? => {
                Some(row)
            }
            _ => None,
        };
        let entry = self.entry(runbook)?;
        let asked = Engine::asked(params, None, incident.as_ref());
        let about = || FormFor::Rollback {
            service: Some(name.clone()),
            incident: incident.as_ref().map(|row| row.number.to_string()),
        };
        if let Some(form) = self.ask_for_values(&entry, &asked, &about, asker, origin).await? {
            return Ok(form);
        }
        self.new_run(&entry, (params, None), incident, asker, origin).await
    }

    /// The only open incident of this service, among those that whoever asks may see.
    async fn only_open_of(&self, service: &str, asker: &Asker) -> Result<Option<IncidentRow>, EngineError> {
        let hidden = self.hidden_from(asker).await?;
        let rows = self.store().incidents(true, LOOK).await?;
        let mut of_it = rows.into_iter().filter(|row| row.service == service && !hidden.hides(Some(row.id)));
        let only = of_it.next();
        Ok(only.filter(|_| of_it.next().is_none()))
    }

    /// Plans a run of a runbook and answers with what happens next.
    ///
    /// # Errors
    /// When the document or the parameters do not make a plan, or the store cannot take it.
    pub(crate) async fn new_run(
        &self,
        entry: &LibraryEntry,
        (params, section): (&BTreeMap<String, String>, Option<&str>),
        incident: Option<IncidentRow>,
        asker: &Asker,
        origin: &Origin,
    ) -> Result<Reply, EngineError> {
        let service = incident.as_ref().map(|row| row.service.as_str());
        let plan = plan_of(self.settings(), entry, &Asked { params, section, service })?;
        let repeats = self.repeats(&plan).await?;
        let earlier = match repeats {
            Some(run) => self.run_words(run, Some(asker)).await?,
            None => String::new(),
        };
        let deadline = match &incident {
            Some(row) => {
                load_incident(self.store(), row.id).await?.and_then(|loaded| loaded.state.deadline())
            }
            None => None,
        };
        let people = self.people_of(incident.as_ref().map(|row| row.id)).await?;
        let mut request = self.run_request_of(plan, entry, incident.as_ref(), asker.actor.clone(), false)?;
        // two presses in one moment are one plan
        let _gate = self.inner.plan_gate.lock().await;
        if let Some(run) = self.waits_already(&request).await? {
            let text = format!(
                "this plan waits already. {}{}",
                planned_text(&run, &earlier, self.now()),
                self.approvers_line(&people, &run)
            );
            return self.answer(origin, Reply { text, data: self.followed_data(&run) }).await;
        }
        request.deadline = deadline;
        request.repeats = repeats;
        // What was done a moment ago and did not help is not done again on one person's word.
        if repeats.is_some() && self.has_others(&request.requester) {
            request.approvals_needed = request.approvals_needed.max(1);
        }
        let now = self.now();
        let say =
            |run: &Run| format!("{}{}", planned_text(run, &earlier, now), self.approvers_line(&people, run));
        let run = self.create_run(&request, origin, &|run, _| say(run)).await?;
        Ok(Reply { text: say(&run), data: self.followed_data(&run) })
    }

    /// The same plan for the same incident, which the same person has asked for and which nobody has decided about: whoever
    /// presses twice means one run.
    async fn waits_already(&self, request: &NewRun) -> Result<Option<Run>, EngineError> {
        let is_same = |row: &RunRow| {
            (row.status.as_str(), row.incident) == ("waiting_for_approval", request.incident)
                && row.fingerprint.as_ref() == Some(&request.fingerprint)
        };
        for row in self.store().runs(request.incident, true, LOOK).await?.into_iter().filter(is_same) {
            let loaded = load_run(self.store(), row.id).await?;
            let now = self.now();
            let waits = |run: &Run| matches!(run.status, Status::WaitingForApproval { expires_at } if expires_at > now);
            let is_theirs = |run: &Run| run.requester == request.requester && waits(run);
            let run = loaded.map(|loaded| loaded.state).filter(is_theirs);
            if run.is_some() {
                return Ok(run);
            }
        }
        Ok(None)
    }

    /// Runs a runbook from a file that is not in the library, for a terminal.
    ///
    /// # Errors
    /// When the document or the parameters do not make a plan, or the store cannot take it.
    pub async fn run_entry(
        &self,
        entry: &LibraryEntry,
        params: &BTreeMap<String, String>,
        section: Option<&str>,
        asker: &Asker,
    ) -> Result<Reply, EngineError> {
        let origin = Origin::of(asker.actor.clone(), Cause::Request);
        self.require_standing(asker, "run a runbook")?;
        let entry = self.library().complete(entry.clone());
        self.new_run(&entry, (params, section), None, asker, &origin).await
    }

    pub(crate) fn run_request_of(
        &self,
        plan: Plan,
        entry: &LibraryEntry,
        incident: Option<&IncidentRow>,
        requester: Actor,
        unasked: bool,
    ) -> Result<NewRun, EngineError> {
        plan.check_runnable().map_err(refused)?;
        let is_public = self.settings().has_chat && !incident.is_some_and(|row| row.private);
        let why = if entry.is_private() {
            Some(format!("`{}` is a security runbook", plan.runbook))
        } else {
            let of_private = self.settings().service(&plan.target).is_some_and(|service| service.private);
            of_private.then(|| format!("incidents of {} are private", plan.target))
        };
        if let Some(why) = why.filter(|_| is_public) {
            return Err(EngineError::Refused(format!(
                "{why}, and the plan and its progress would be shown where others read along; hint: run it in a private incident: name yours with `--incident INC-1`, or `declare --private TITLE`"
            )));
        }
        let fingerprint = plan.fingerprint().map_err(|error| EngineError::Journal(error.to_string()))?;
        if code_of(&plan, &fingerprint).is_none() {
            return Err(EngineError::Secret("there is no key to bind the plan's secrets with".to_owned()));
        }
        let risk = assess(&plan, false);
        let service = incident.map(|row| row.service.as_str());
        let approvals_needed =
            if unasked { 0 } else { approvals_needed(self.settings(), &plan, entry, service) };
        Ok(NewRun {
            id: RunId(self.inner.parts.ids.fresh()),
            incident: incident.map(|row| row.id),
            incident_number: incident.map(|row| row.number.to_string()),
            fingerprint,
            risk,
            requester,
            approvals_needed,
            directory: entry.directory.display().to_string(),
            unasked,
            approval_window_s: self.settings().approval_window_s,
            announce: !unasked,
            deadline: None,
            repeats: None,
            plan,
        })
    }
}

/// What is planned; `earlier` names the run that did the same a short while ago.
fn planned_text(run: &Run, earlier: &str, now: DateTime<Utc>) -> String {
    let boxes = for_people(u64::from(run.plan.boxes_s()));
    let budget = run.budget(now);
    let target = budget.deadline_left_ms.map_or_else(String::new, |left| {
        let short = if budget.exceeds_deadline { ", too little for its boxes" } else { "" };
        format!(", {}{short}", view::until_target(left))
    });
    let again = run.repeats.map_or_else(String::new, |_| {
        format!(
            "\nthe same ran on {} a short while ago: {earlier}; it needs a person's yes to its code",
            run.plan.target
        )
    });
    format!(
        "{} (code {}, {}, boxes {boxes}{target}): {}{again}",
        run.plan.title,
        run.fingerprint.code(),
        run.risk.risk.word(),
        view::state_words(run)
    )
}
