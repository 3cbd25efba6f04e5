//! A yes: whose counts, to what, and who is named as one who may give it.

use std::path::Path;
use std::time::Duration;

use runbook_core::approvers::Approvers;
use runbook_core::ids::IncidentId;
use runbook_core::people::{Actor, Directory, Role};
use runbook_core::request::Request;
use runbook_core::run::{Run, RunCommand, decide};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::library::{LibraryEntry, named_in};
use crate::origin::{Asker, Origin, Reply};
use crate::read;
use crate::runs::load_run;
use crate::sees::may_see;

impl Engine {
    pub(crate) async fn approve(
        &self,
        request: &Request,
        asker: &Asker,
        origin: &Origin,
    ) -> Result<Reply, EngineError> {
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
    pub(crate) fn approvers_line(&self, people: &Directory, run: &Run) -> String {
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
}
