//! Requests of people: who may, what is meant, what is answered. The one way in for chat, API and terminal.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use runbook_core::approvers::Approvers;
use runbook_core::duration::for_people;
use runbook_core::form::FormFor;
use runbook_core::ids::{IncidentId, RunId};
use runbook_core::incident::IncidentCommand;
use runbook_core::journal::Cause;
use runbook_core::next;
use runbook_core::people::{Actor, Directory, Role};
use runbook_core::plan::{Plan, assess};
use runbook_core::ports::{Commit, IncidentRow, RunRow, StoreError};
use runbook_core::request::Request;
use runbook_core::run::{NewRun, Run, RunCommand, Status, decide};
use runbook_core::view;
use serde_json::json;
use tokio::sync::oneshot;

use crate::describe;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::library::{LibraryEntry, named_in};
use crate::origin::{Asker, Origin, Reply};
use crate::plans::{Asked, approvals_needed, code_of, draft_reply, plan_of, plan_to_look, refused};
use crate::read;
use crate::review::Occasion;
use crate::runs::load_run;
use crate::said::{by_name, one_line};
use crate::sees::may_see;
use crate::which::{self, Typed};

/// Before something is planned, the repository of the runbooks is asked again when it was not for that long.
const BEFORE_A_PLAN: Duration = Duration::from_secs(15);
/// So long it is waited for.
const REPOSITORY: Duration = Duration::from_secs(4);
/// How many rows are looked through for a name.
const LOOK: usize = 10_000;

impl Engine {
    /// Does what somebody asks over the API, the socket or a terminal.
    ///
    /// To its end, also when whoever asks leaves meanwhile: what is written must be followed by what it leads to.
    ///
    /// # Errors
    /// When it is refused or cannot be done; the text is for the person who asked.
    pub async fn request(&self, request: &Request, asker: &Asker) -> Result<Reply, EngineError> {
        let origin = Origin {
            actor: asker.actor.clone(),
            cause: Cause::Request,
            occurred_at: None,
            inbox: None,
            reply_to: None,
            trigger: None,
        };
        let (tell, told) = oneshot::channel();
        let (engine, request, asker) = (self.clone(), request.clone(), asker.clone());
        self.spawn(Box::pin(async move {
            // Nobody may be there any more to hear it.
            let _heard = tell.send(engine.handle(&request, &asker, &origin).await);
        }));
        told.await.unwrap_or_else(|_| {
            let text =
                "the request ended without an answer; look with `blocks runbook status` what it came to";
            Err(EngineError::Store(StoreError::Unavailable(text.to_owned())))
        })
    }

    pub(crate) async fn handle(
        &self,
        request: &Request,
        asker: &Asker,
        origin: &Origin,
    ) -> Result<Reply, EngineError> {
        let request = &in_one_line(request, self.directory());
        let stranger = asker.channel.is_some() && !matches!(asker.actor, Actor::Person(_));
        // A channel may be shared with another company: whoever is not known here learns nothing. Their yes to one run, named
        // as a button names it, goes on to the one check of approvals, which refuses it on the record.
        let names_one = matches!(request, Request::RunbookApprove { run: Some(run), .. } if run.parse::<uuid::Uuid>().is_ok());
        if stranger && !names_one {
            return Err(EngineError::Forbidden(format!(
                "{} is not known here; hint: add a [[person]] with this slack_id to blocks.toml",
                asker.actor
            )));
        }
        match request {
            Request::RunbookPlan { name, params, section } => {
                self.look_at_repository(BEFORE_A_PLAN).await;
                let entry = self.entry(name)?;
                let asked = Asked { params, section: section.as_deref(), service: None };
                self.answer(origin, draft_reply(self.settings(), &entry, &asked)?).await
            }
            Request::RunbookRun { name, params, section, incident } => {
                self.require_standing(asker, "run a runbook")?;
                self.look_at_repository(BEFORE_A_PLAN).await;
                let incident = self.optional_incident(incident.as_deref(), asker).await?;
                let entry = self.entry(name)?;
                let asked = Engine::asked(params, section.as_deref(), incident.as_ref());
                let about = || FormFor::Run {
                    name: name.clone(),
                    section: section.clone(),
                    incident: incident.as_ref().map(|row| row.number.to_string()),
                };
                if let Some(form) = self.ask_for_values(&entry, &asked, &about, asker, origin).await? {
                    return Ok(form);
                }
                self.new_run(&entry, (params, section.as_deref()), incident, asker, origin).await
            }
            Request::RunbookRollback { .. } => {
                self.require_standing(asker, "ask for a rollback")?;
                self.look_at_repository(BEFORE_A_PLAN).await;
                self.rollback(request, asker, origin).await
            }
            Request::RunbookApprove { .. } => self.approve(request, asker, origin).await,
            Request::RunbookRefuse { reason, .. } => {
                let row = self.find_run(request, asker, |row| row.status == "waiting_for_approval").await?;
                let command = RunCommand::Refuse {
                    by: asker.actor.clone(),
                    may_approve: self.has_standing(&asker.actor),
                    reason: reason.clone(),
                };
                self.run_verb(row.id, &command, origin).await
            }
            Request::RunbookPause { reason, .. } => {
                let command = RunCommand::Pause { reason: reason.clone() };
                let fits = |row: &RunRow| matches!(row.status.as_str(), "running" | "undoing");
                self.run_request(request, asker, origin, fits, command).await
            }
            Request::RunbookResume { reason, .. } => {
                let command = RunCommand::Resume { reason: reason.clone() };
                self.run_request(request, asker, origin, |row| row.status == "paused", command).await
            }
            Request::RunbookSkip { reason, rest, .. } => {
                let command = RunCommand::PassOver { rest: *rest, reason: reason.clone() };
                let fits = |row: &RunRow| matches!(row.status.as_str(), "paused" | "failed");
                self.run_request(request, asker, origin, fits, command).await
            }
            Request::RunbookAttach { cursor, .. } => {
                let row = self.find_run(request, asker, |row| row.open).await?;
                let reply = self.attach(row.id, cursor.as_deref()).await?;
                self.answer(origin, reply).await
            }
            Request::RunbookTakeOver { reason, .. } => self.take_over(request, reason, asker, origin).await,
            Request::RunbookCancel { reason, .. } => {
                let mut why = format!("cancelled by {}", asker.actor);
                if let Some(reason) = said(reason.as_deref()) {
                    why.push_str(&format!(": {reason}"));
                }
                self.run_request(
                    request,
                    asker,
                    origin,
                    |row| row.open,
                    RunCommand::Cancel { reason: Some(why) },
                )
                .await
            }
            Request::RunbookAnswer { yes, reason, .. } => {
                let reason = said(reason.as_deref()).map(str::to_owned);
                let command = RunCommand::Answer { yes: *yes, reason };
                self.run_request(request, asker, origin, |row| row.status == "paused", command).await
            }
            Request::RunbookRetry { reason, .. } => {
                let fits = |row: &RunRow| {
                    matches!(row.status.as_str(), "paused" | "in_doubt" | "failed" | "undo_failed")
                };
                self.run_request(request, asker, origin, fits, because(RunCommand::Retry, "retry", reason))
                    .await
            }
            Request::RunbookMarkDone { reason, .. } => {
                let command = RunCommand::MarkDone { reason: reason.clone() };
                self.run_request(
                    request,
                    asker,
                    origin,
                    |row| matches!(row.status.as_str(), "in_doubt" | "failed" | "undo_failed"),
                    command,
                )
                .await
            }
            Request::RunbookUndo { reason, .. } => {
                let fits = |row: &RunRow| {
                    let stopped = ["failed", "cancelled", "succeeded", "paused", "in_doubt"];
                    row.mutating && stopped.contains(&row.status.as_str())
                };
                self.run_request(request, asker, origin, fits, because(RunCommand::Undo, "undo", reason))
                    .await
            }
            Request::PirDraft { incident } => {
                self.require_standing(asker, "draft a review")?;
                let row = self.find_any_incident(incident.as_deref(), asker).await?;
                let file = self.draft_review(row.id, Occasion::Asked).await?;
                let path = self.settings().pir.dir.join(&file);
                let data = json!({ "incident": row.number.to_string(), "path": path });
                self.answer(origin, Reply { text: format!("drafted {}", path.display()), data }).await
            }
            Request::RunbookStatus { .. } => {
                let row = self.find_run(request, asker, |row| row.open).await?;
                let reply = self.status(row.id).await?;
                self.answer(origin, reply).await
            }
            Request::RunbookRuns { all, incident } => {
                let reply = {
                    let which = (*all, incident.as_deref());
                    let hidden = self.hidden_from(asker).await?;
                    which::shown_runs(self.store(), which, (None, &hidden), typed(asker), self.now()).await?
                };
                self.answer(origin, reply).await
            }
            Request::RunbookList => self.answer(origin, describe::runbooks(self.library())).await,
            Request::RunbookShow { name } => {
                let reply = describe::runbook(&self.entry(name)?, &self.settings().exec_env)?;
                self.answer(origin, reply).await
            }
            Request::JournalVerify { expect } => {
                if self.store().verify().await?.uncovered > 0 {
                    // whoever keeps the printed head wants it to stand for everything up to now
                    self.store().checkpoint(self.now()).await?;
                }
                let reply = read::verify(self.store(), expect.as_deref()).await?;
                self.answer(origin, reply).await
            }
            Request::UpdateDraft { .. }
            | Request::UpdateEdit { .. }
            | Request::UpdateSend { .. }
            | Request::UpdateDiscard { .. }
            | Request::UpdateDrafts { .. } => self.update_request(request, asker, origin).await,
            Request::IncidentList { .. }
            | Request::IncidentShow { .. }
            | Request::IncidentAck { .. }
            | Request::IncidentSeverity { .. }
            | Request::IncidentResolve { .. }
            | Request::IncidentDeclare { .. }
            | Request::IncidentStatus { .. }
            | Request::IncidentCatchUp { .. }
            | Request::IncidentReopen { .. }
            | Request::IncidentNone { .. }
            | Request::IncidentMerge { .. }
            | Request::IncidentRole { .. }
            | Request::IncidentUpdate { .. }
            | Request::TimelineAdd { .. }
            | Request::ActionAdd { .. }
            | Request::ActionList { .. }
            | Request::ActionDone { .. }
            | Request::IncidentSnooze { .. }
            | Request::IncidentReminders { .. }
            | Request::RollbackRequest { .. }
            | Request::Report { .. }
            | Request::OnCall
            | Request::Menu { .. } => self.incident_request(request, asker, origin).await,
            Request::HandOver { .. }
            | Request::HandOverTake { .. }
            | Request::HandOverShift { .. }
            | Request::Escalate { .. } => self.handing_request(request, asker, origin).await,
            Request::Help { topic } => {
                let text =
                    format!("help for {} is given where it is asked", topic.as_deref().unwrap_or("blocks"));
                self.answer(origin, Reply { text, data: json!({}) }).await
            }
        }
    }

    /// Settles the inbox message of a request that changes nothing, with its answer.
    pub(crate) async fn answer(&self, origin: &Origin, reply: Reply) -> Result<Reply, EngineError> {
        if origin.inbox.is_some() {
            let mut commit = Commit::default();
            let offers = reply.data["offers"].as_array().into_iter().flatten();
            let offers = offers.filter_map(|line| line.as_str().map(str::to_owned)).collect();
            origin.settle_with(&mut commit, Some(&reply.text), offers, self.now());
            self.store().commit(commit).await?;
            self.touch();
        }
        Ok(reply)
    }

    fn asked<'a>(
        params: &'a BTreeMap<String, String>,
        section: Option<&'a str>,
        incident: Option<&'a IncidentRow>,
    ) -> Asked<'a> {
        Asked { params, section, service: incident.map(|row| row.service.as_str()) }
    }

    pub(crate) fn entry(&self, name: &str) -> Result<LibraryEntry, EngineError> {
        self.library().find(name).map_err(EngineError::from)
    }

    async fn rollback(
        &self,
        request: &Request,
        asker: &Asker,
        origin: &Origin,
    ) -> Result<Reply, EngineError> {
        let Request::RunbookRollback { service, params, incident: named } = request else {
            return Err(EngineError::Refused("that asks for no rollback".to_owned()));
        };
        let incident = self.optional_incident(named.as_deref(), asker).await?;
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
                planned_text(&run, self.now()),
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
        let say = |run: &Run| format!("{}{}", planned_text(run, now), self.approvers_line(&people, run));
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
        let origin = Origin {
            actor: asker.actor.clone(),
            cause: Cause::Request,
            occurred_at: None,
            inbox: None,
            reply_to: None,
            trigger: None,
        };
        self.require_standing(asker, "run a runbook")?;
        let entry = self.library().complete(entry.clone());
        self.new_run(&entry, (params, section), None, asker, &origin).await
    }

    fn run_request_of(
        &self,
        plan: Plan,
        entry: &LibraryEntry,
        incident: Option<&IncidentRow>,
        requester: Actor,
        unasked: bool,
    ) -> Result<NewRun, EngineError> {
        plan.check_runnable().map_err(refused)?;
        if entry.is_private() && self.settings().has_chat && !incident.is_some_and(|row| row.private) {
            return Err(EngineError::Refused(format!(
                "`{}` is a security runbook, and its plan and progress would be shown where others read along; hint: run it in a private incident: `declare --private TITLE`",
                plan.runbook
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

    /// Whether an incident of this service is private from its beginning: the configuration says so, or its diagnostics are a
    /// security runbook. One that does not read says nothing, which is why `doctor` asks for the first.
    pub(crate) fn is_led_privately(&self, service: &str) -> bool {
        let is_private = |name: &String| self.entry(name).is_ok_and(|entry| entry.is_private());
        let service = self.settings().service(service);
        service.is_some_and(|service| service.private || service.triage.as_ref().is_some_and(is_private))
    }

    /// Starts the diagnostics that a service names. Only its `read` commands run.
    pub(crate) async fn start_triage(&self, id: IncidentId) -> Result<(), EngineError> {
        let _gate = self.inner.reconcile_gate.lock().await;
        let Some(loaded) = load_incident(self.store(), id).await? else { return Ok(()) };
        // Begun already, or found impossible and said so on the record.
        if loaded.state.runs.iter().any(|run| run.triage) || loaded.state.triage_impossible {
            return Ok(());
        }
        let rows = self.store().incidents(false, LOOK).await?;
        let Some(row) = rows.into_iter().find(|row| row.id == id) else { return Ok(()) };
        let settings = self.settings();
        let Some(name) = settings.service(&row.service).and_then(|service| service.triage.clone()) else {
            return Ok(());
        };
        let planned = self.entry(&name).and_then(|entry| {
            let asked = Asked { params: &BTreeMap::new(), section: None, service: Some(&row.service) };
            let plan = plan_to_look(self.settings(), &entry, &asked)?;
            self.run_request_of(plan, &entry, Some(&row), Actor::system("triage"), true)
        });
        let origin = Origin::system("triage", Cause::Engine);
        match planned {
            Ok(request) => self.create_run(&request, &origin, &crate::runs::silent).await.map(|_| ()),
            Err(error) => {
                // The incident must say that nobody looked, or silence would read as "all well".
                let command = IncidentCommand::FailTriage { runbook: name, reason: error.to_string() };
                self.change_incident(id, &command, &origin, None).await.map(|_| ())
            }
        }
    }

    /// Asks the repository of the runbooks, if it was not asked for that long; whoever else wants something waits no longer than
    /// a moment for one that does not answer. Then the last good commit counts, as it does where it cannot be reached.
    async fn look_at_repository(&self, patience: Duration) {
        let asked = tokio::time::timeout(REPOSITORY, self.refresh_runbooks(patience)).await;
        if asked.is_err() {
            tracing::warn!("the runbooks' repository is slow, and the last good commit is used");
        }
    }

    async fn approve(&self, request: &Request, asker: &Asker, origin: &Origin) -> Result<Reply, EngineError> {
        let row = self.find_run(request, asker, |row| row.status == "waiting_for_approval").await?;
        let Request::RunbookApprove { fingerprint, .. } = request else {
            return Err(EngineError::Refused("that says yes to nothing".to_owned()));
        };
        let command = RunCommand::Approve {
            by: asker.actor.clone(),
            may_approve: self.has_standing(&asker.actor),
            fingerprint: fingerprint.clone(),
            reason: request.reason().map(str::to_owned),
        };
        // Whose yes does not count is told so by the core's one check, on the record, and learns and moves nothing else.
        let counts =
            |run: &Run| decide(run, &command, self.now()).is_ok_and(|decision| decision.refusal.is_none());
        if let Some(loaded) = load_run(self.store(), row.id).await?
            && counts(&loaded.state)
        {
            // what was approved is compared with what is there now
            self.look_at_repository(Duration::ZERO).await;
        }
        // One at a time, so that two yeses cannot start two runs on one target.
        let _gate = self.inner.target_gate.lock().await;
        if let Some(loaded) = load_run(self.store(), row.id).await?
            && counts(&loaded.state)
        {
            self.check_target(&row, asker).await?;
            self.check_repetition(&loaded.state, asker).await?;
            self.check_unchanged(&loaded.state).await?;
            self.check_code(&row, fingerprint.as_deref()).await?;
        }
        self.run_verb(row.id, &command, origin).await
    }

    /// What was approved must be what is there: a changed or missing document voids the plan.
    async fn check_unchanged(&self, run: &Run) -> Result<(), EngineError> {
        // The very file that was planned, wherever it lies; an embedded document has no file.
        let mut now: Vec<LibraryEntry> = named_in(Path::new(&run.directory), &run.plan.runbook)
            .iter()
            .filter_map(|file| LibraryEntry::from_file(file).ok())
            .collect();
        if now.is_empty() {
            let found = self.library().find(&run.plan.runbook).ok();
            now.extend(found.filter(|entry| entry.directory == Path::new(&run.directory)));
        }
        let same = |entry: LibraryEntry| {
            let entry = self.library().complete(entry);
            let included = run.plan.included.iter().all(|(name, sha256)| {
                entry.included.get(name).is_some_and(|document| document.sha256.as_ref() == Some(sha256))
            });
            entry.document.sha256.as_ref() == Some(&run.plan.document_sha256) && included
        };
        // of a repository, what it holds now counts as well: the folder of the commit that was planned never changes
        let is_fetched = run.plan.provenance.as_ref().is_some_and(|known| known.repository.is_some());
        let still_there = || !is_fetched || self.library().find(&run.plan.runbook).is_ok_and(&same);
        let reason = if !(now.into_iter().any(&same) && still_there()) {
            format!("{} has changed since it was planned", run.plan.runbook)
        } else if !self.settings().hands_on(&run.plan.environment) {
            format!(
                "which environment variables commands of {} see has changed since it was planned",
                run.plan.runbook
            )
        } else {
            return Ok(());
        };
        let command = RunCommand::VoidPlan { reason: reason.clone() };
        self.change_run(run.id, &command, &Origin::engine(), &crate::runs::silent).await?;
        let then = if run.stands_again().is_some() {
            format!(
                "nobody can say yes to this, and the run stands where it stood; hint: a new plan has what is written now; `blocks runbook status {}` says what this one can still do",
                run.id
            )
        } else {
            "this plan is void; hint: ask for it again".to_owned()
        };
        Err(EngineError::Refused(format!("{reason}, so {then}")))
    }

    async fn run_request(
        &self,
        request: &Request,
        asker: &Asker,
        origin: &Origin,
        fits: impl Fn(&RunRow) -> bool,
        command: RunCommand,
    ) -> Result<Reply, EngineError> {
        self.require_standing(asker, "decide about a run")?;
        let row = self.find_run(request, asker, fits).await?;
        let _gate = self.inner.target_gate.lock().await;
        let sets_going = matches!(
            request,
            Request::RunbookRetry { .. }
                | Request::RunbookUndo { .. }
                | Request::RunbookSkip { .. }
                | Request::RunbookMarkDone { .. }
        );
        if sets_going {
            // what cannot be asked of this run is said first: who holds its target has nothing to do with that
            self.check_possible(row.id, &command, &|run| in_question(request, run)).await?;
            self.check_target(&row, asker).await?;
        }
        self.run_verb_if(row.id, &command, origin, &|run| in_question(request, run)).await
    }

    async fn check_possible(
        &self,
        id: RunId,
        command: &RunCommand,
        is_as_seen: &(dyn Fn(&Run) -> Result<(), EngineError> + Sync),
    ) -> Result<(), EngineError> {
        let Some(loaded) = load_run(self.store(), id).await? else { return Ok(()) };
        is_as_seen(&loaded.state)?;
        decide(&loaded.state, command, self.now()).map(|_| ()).map_err(EngineError::from)
    }

    pub(crate) async fn run_verb(
        &self,
        id: RunId,
        command: &RunCommand,
        origin: &Origin,
    ) -> Result<Reply, EngineError> {
        self.run_verb_if(id, command, origin, &|_| Ok(())).await
    }

    async fn run_verb_if(
        &self,
        id: RunId,
        command: &RunCommand,
        origin: &Origin,
        is_as_seen: &(dyn Fn(&Run) -> Result<(), EngineError> + Sync),
    ) -> Result<Reply, EngineError> {
        let run = load_run(self.store(), id).await?;
        let people = self.people_of(run.and_then(|run| run.state.incident)).await?;
        let say = |run: &Run, decision: &runbook_core::run::Decision| match &decision.refusal {
            Some(refusal) => refusal.to_string(),
            None => {
                format!("{}: {}{}", run.plan.title, view::state_words(run), self.approvers_line(&people, run))
            }
        };
        let (run, decision) = self.change_run_if(id, command, origin, &say, is_as_seen).await?;
        match decision.refusal {
            // The answer for chat is in the outbox already; here the refusal is the result.
            Some(refusal) if origin.inbox.is_none() => Err(refusal.into()),
            _ => Ok(Reply { text: say(&run, &decision), data: self.followed_data(&run) }),
        }
    }

    /// Whether the configuration gives this actor the standing to decide about runs.
    #[must_use]
    pub fn has_standing(&self, actor: &Actor) -> bool {
        self.directory().person_of(actor).is_some_and(|person| {
            person.roles.iter().any(|role| matches!(role, Role::Commander | Role::Responder))
        })
    }

    /// Who may still approve a run that waits for other people, or that nobody can.
    pub(crate) fn approvers(&self, run: &Run) -> Option<Approvers> {
        read::approvers_of(self.directory(), run)
    }

    /// Who of these people may still say yes, and whom to let in where it is a private incident's and only others may.
    pub(crate) fn approvers_among(&self, people: &Directory, run: &Run) -> Option<Approvers> {
        let among = read::approvers_of(people, run)?;
        let others = self.approvers(run).filter(|all| among.names.is_empty() && !all.names.is_empty());
        Some(match others {
            Some(all) => Approvers {
                words: format!(
                    "nobody who sees this private incident may approve it; hint: let one of these in: {} (`/blocks role responder @NAME`)",
                    all.names.join(", ")
                ),
                ..among
            },
            None => among,
        })
    }

    /// The same as a line of its own; empty where there is nothing to say.
    fn approvers_line(&self, people: &Directory, run: &Run) -> String {
        self.approvers_among(people, run).map_or_else(String::new, |who| format!("\n{}", who.words))
    }

    /// Those who may be named in what is about an incident: of a private one, who sees it.
    pub(crate) async fn people_of(&self, incident: Option<IncidentId>) -> Result<Directory, EngineError> {
        let loaded = match incident {
            Some(id) => load_incident(self.store(), id).await?,
            None => None,
        };
        let people = self.directory();
        Ok(match loaded.map(|loaded| loaded.state).filter(|state| state.private) {
            Some(state) => people.only(|person| may_see(person, &state)),
            None => people.clone(),
        })
    }

    /// Whether somebody asks in the channel that was opened for this incident.
    async fn is_asked_in(&self, row: &IncidentRow, asker: &Asker) -> Result<bool, EngineError> {
        if asker.channel.is_none() || asker.channel != row.channel {
            return Ok(false);
        }
        let loaded = load_incident(self.store(), row.id).await?;
        Ok(loaded.is_some_and(|loaded| loaded.state.in_own_channel))
    }

    pub(crate) fn require_standing(&self, asker: &Asker, what: &str) -> Result<(), EngineError> {
        match &asker.actor {
            Actor::Local(_) if asker.channel.is_none() => Ok(()),
            actor if self.has_standing(actor) => Ok(()),
            actor => Err(EngineError::Forbidden(format!(
                "{actor} may not {what}; hint: a [[person]] in blocks.toml with the role commander or responder may"
            ))),
        }
    }

    pub(crate) async fn find_run(
        &self,
        request: &Request,
        asker: &Asker,
        fits: impl Fn(&RunRow) -> bool,
    ) -> Result<RunRow, EngineError> {
        let here = self.channel_incident(asker).await.ok().map(|incident| incident.id);
        let hidden = self.hidden_from(asker).await?;
        which::the_run(self.store(), request, (here, &hidden), typed(asker), fits).await
    }

    pub(crate) async fn channel_incident(&self, asker: &Asker) -> Result<IncidentRow, EngineError> {
        let none = || EngineError::NotFound("this channel has no incident".to_owned());
        let channel = asker.channel.as_deref().ok_or_else(none)?;
        let rows = self.store().incidents(false, LOOK).await?;
        let mut here = rows.into_iter().filter(|row| row.channel.as_deref() == Some(channel));
        let newest = here.next().ok_or_else(none)?;
        // Several incidents may share their severity's channel: then nothing is taken for granted.
        if here.any(|other| other.open || !newest.open) { Err(none()) } else { Ok(newest) }
    }

    pub(crate) async fn find_incident(
        &self,
        named: Option<&str>,
        asker: &Asker,
    ) -> Result<IncidentRow, EngineError> {
        self.named_or_here(named, asker, true).await
    }

    pub(crate) async fn find_any_incident(
        &self,
        named: Option<&str>,
        asker: &Asker,
    ) -> Result<IncidentRow, EngineError> {
        self.named_or_here(named, asker, false).await
    }

    /// The named incident, else the channel's, else the only (open) one.
    async fn named_or_here(
        &self,
        named: Option<&str>,
        asker: &Asker,
        open_only: bool,
    ) -> Result<IncidentRow, EngineError> {
        if named.is_none()
            && let Ok(row) = self.channel_incident(asker).await
        {
            return Ok(row);
        }
        read::find_incident(self.store(), named, open_only, &self.hidden_from(asker).await?).await
    }

    /// The incident that a run serves: the named one, the channel's, the only open one, or none.
    async fn optional_incident(
        &self,
        named: Option<&str>,
        asker: &Asker,
    ) -> Result<Option<IncidentRow>, EngineError> {
        match self.find_incident(named, asker).await {
            Ok(row) => Ok(Some(row)),
            Err(error) if named.is_some() || error.is_passing() => Err(error),
            Err(_) => Ok(None),
        }
    }
}

/// A request whose reason is one line. It stands in `status`, cards and reviews beside what Blocks itself says, so it
/// may not begin a line of its own there, nor hide or turn around what it says.
fn in_one_line(request: &Request, people: &Directory) -> Request {
    let mut request = request.clone();
    request.change_reason(|reason| one_line(&by_name(reason, people)));
    request
}

/// Refuses what is about another command than the one in question now.
fn in_question(request: &Request, run: &Run) -> Result<(), EngineError> {
    let look = format!("look with `blocks runbook status {}`", run.id);
    if let (Some(step), Some(unit)) = (request.step(), next::in_question(run))
        && !next::is_named(run, unit, step)
    {
        let now = next::name_of(run, unit).unwrap_or_default();
        return Err(EngineError::Refused(format!(
            "{step} is not what is in question now: {now} is, and nothing was done; hint: {look}"
        )));
    }
    match request {
        Request::RunbookSkip { .. } if matches!(run.status, Status::WaitingForApproval { .. }) => {
            Err(EngineError::Refused(format!(
                "run {} waits for a yes, and nothing is in question before that; hint: {look}",
                run.id
            )))
        }
        _ => Ok(()),
    }
}

/// A reason that says something.
fn said(reason: Option<&str>) -> Option<&str> {
    reason.map(str::trim).filter(|reason| !reason.is_empty())
}

fn because(order: RunCommand, verb: &'static str, reason: &Option<String>) -> RunCommand {
    match said(reason.as_deref()) {
        Some(reason) => RunCommand::Because { verb, reason: reason.to_owned(), order: Box::new(order) },
        None => order,
    }
}

fn typed(asker: &Asker) -> Typed {
    if asker.channel.is_some() { Typed::Chat } else { Typed::Shell }
}

fn planned_text(run: &Run, now: chrono::DateTime<chrono::Utc>) -> String {
    let boxes = for_people(u64::from(run.plan.boxes_s()));
    let budget = run.budget(now);
    let target = budget.deadline_left_ms.map_or_else(String::new, |left| {
        let short = if budget.exceeds_deadline { ", too little for its boxes" } else { "" };
        format!(", {}{short}", view::until_target(left))
    });
    let again = run.repeats.map_or_else(String::new, |earlier| {
        format!(
            "\nthe same ran on {} a short while ago: run {earlier}; it needs a person's yes to its code",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_that_can_be_read() {
        for (typed, kept) in [
            ("the page was false", "the page was false"),
            ("x)\nStep 1: a: passed\r\nwaits for nobody", "x) Step 1: a: passed waits for nobody"),
            ("a\u{2028}b\u{85}c\u{b}d\te", "a b c d e"),
            ("\u{202e}live\u{2066} \u{1b}[2J", "live [2J"),
            ("\u{200b}", ""),
            (" \u{200b}\u{feff}\u{3164}\u{2800}\n", ""),
            ("caf\u{e9} \u{4e2d}", "caf\u{e9} \u{4e2d}"),
        ] {
            assert_eq!(one_line(typed), kept, "{typed:?}");
            let request = Request::RunbookUndo { run: None, reason: Some(typed.to_owned()) };
            assert_eq!(
                in_one_line(&request, &Directory::default()).reason(),
                Some(kept).filter(|kept| !kept.is_empty())
            );
        }
    }
}
