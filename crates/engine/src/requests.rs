//! Requests of people: who may, what is meant, what is answered. The one way in for chat, API and terminal.

use std::time::Duration;

use runbook_core::form::FormFor;
use runbook_core::ids::RunId;
use runbook_core::journal::Cause;
use runbook_core::next;
use runbook_core::people::{Actor, Directory};
use runbook_core::ports::{Commit, IncidentRow, RunRow, StoreError};
use runbook_core::request::Request;
use runbook_core::run::{Run, RunCommand, Status, decide};
use runbook_core::view;
use serde_json::json;
use tokio::sync::oneshot;

use crate::describe;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::library::LibraryEntry;
use crate::origin::{Asker, Origin, Reply};
use crate::plans::{Asked, draft_reply};
use crate::read;
use crate::review::Occasion;
use crate::runs::load_run;
use crate::said::{by_name, one_line};
use crate::triggers;
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
        let origin = Origin::of(asker.actor.clone(), Cause::Request);
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
            Request::RunbookSuggest { .. } => {
                let reply = self.suggest_request(request, asker).await?;
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
            | Request::IncidentExplain { .. }
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
            | Request::OnCall { .. }
            | Request::OnCallExport { .. }
            | Request::Menu { .. } => self.incident_request(request, asker, origin).await,
            Request::HandOver { .. }
            | Request::HandOverTake { .. }
            | Request::HandOverShift { .. }
            | Request::Escalate { .. } => self.handing_request(request, asker, origin).await,
            Request::OnCallTest { service } => {
                let reply = self.test_escalation(service.as_deref(), asker).await?;
                self.answer(origin, reply).await
            }
            Request::TriggerList => {
                let reply = triggers::list(Some(self.store()), &self.triggers_shown_to(asker)).await?;
                self.answer(origin, reply).await
            }
            Request::TriggerTest { name } => {
                let reply = self.test_trigger(name, asker).await?;
                self.answer(origin, reply).await
            }
            Request::InboxList { .. } | Request::InboxRetry { .. } => {
                let reply = self.letter_request(request, asker).await?;
                self.answer(origin, reply).await
            }
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

    pub(crate) fn entry(&self, name: &str) -> Result<LibraryEntry, EngineError> {
        self.library().find(name).map_err(EngineError::from)
    }

    /// Asks the repository of the runbooks, if it was not asked for that long; whoever else wants something waits no longer than
    /// a moment for one that does not answer. Then the last good commit counts, as it does where it cannot be reached.
    pub(crate) async fn look_at_repository(&self, patience: Duration) {
        let asked = tokio::time::timeout(REPOSITORY, self.refresh_runbooks(patience)).await;
        if asked.is_err() {
            tracing::warn!("the runbooks' repository is slow, and the last good commit is used");
        }
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

    /// Whether somebody asks in the channel that was opened for this incident.
    pub(crate) async fn is_asked_in(&self, row: &IncidentRow, asker: &Asker) -> Result<bool, EngineError> {
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
    pub(crate) async fn optional_incident(
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
