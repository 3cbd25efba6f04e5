//! Diagnostics must not become the outage: few run on a target at a time, and incidents of a service that come together are
//! looked at together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use runbook_core::ids::{IncidentId, IncidentNumber, RunId};
use runbook_core::incident::{ChangeNoted, Incident, IncidentCommand, IncidentEvent, LookEnd, Taken};
use runbook_core::journal::Cause;
use runbook_core::plan::Fingerprint;
use runbook_core::run::{CommandPhase, Run, Status};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::Origin;
use crate::runs::load_run;
use crate::suggesting::LastShelf;

/// So many runs are looked through for one that has just looked.
const LOOK: usize = 1_000;
const FEW: usize = 32;

/// So many incidents are remembered for which runbooks were looked for.
const MOST_SUGGESTED: usize = 10_000;

/// What was seen of changes; nothing where it could not be seen.
type Seen = Option<Vec<ChangeNoted>>;

/// What this process knows of looks; all of it is a hint, and the store says the same.
#[derive(Default)]
pub(crate) struct Sharing {
    /// Who waits for a run of another incident.
    waiting: Mutex<BTreeMap<RunId, Vec<IncidentId>>>,
    /// Turns at each target.
    turns: Mutex<BTreeMap<String, Arc<Semaphore>>>,
    /// For which incidents, of which service, runbooks that may help were looked for.
    suggested: Mutex<BTreeSet<(IncidentId, String, Option<String>)>>,
    /// What was seen of changes where that was asked for, and when; nothing where it could not be seen.
    changes: Mutex<BTreeMap<String, (Instant, Seen)>>,
    /// At which incidents what was seen there is noted.
    noted: Mutex<BTreeSet<(IncidentId, String)>>,
    /// Where runbooks that may help are looked for.
    pub(crate) shelf: LastShelf,
    /// One looks into repositories at a time.
    pub(crate) looking: tokio::sync::Mutex<()>,
    /// When the pager last did not tell what it was asked.
    quiet_since: Mutex<Option<Instant>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sharing {
    /// For how many runs somebody waits.
    #[cfg(test)]
    pub(crate) fn waited_for(&self) -> usize {
        locked(&self.waiting).len()
    }

    /// Whether what changed is not noted at this incident yet, as far as it was asked for there: the pager, a repository.
    pub(crate) fn wants_changes(&self, incident: IncidentId, asked: &str) -> bool {
        !locked(&self.noted).contains(&(incident, asked.to_owned()))
    }

    /// It is noted.
    pub(crate) fn has_changes(&self, incident: IncidentId, asked: &str) {
        let mut all = locked(&self.noted);
        if all.len() >= MOST_SUGGESTED {
            all.clear();
        }
        all.insert((incident, asked.to_owned()));
    }

    /// What has just been seen there; nothing inside where it could not be.
    pub(crate) fn changes_of(&self, asked: &str, lately: Duration) -> Option<Option<Vec<ChangeNoted>>> {
        let all = locked(&self.changes);
        let (_, changes) = all.get(asked).filter(|(at, _)| at.elapsed() < lately)?;
        Some(changes.clone())
    }

    /// What is seen there now.
    pub(crate) fn keep_changes(&self, asked: &str, changes: Option<Vec<ChangeNoted>>) {
        locked(&self.changes).insert(asked.to_owned(), (Instant::now(), changes));
    }

    /// Whether runbooks that may help this incident are to be looked for: once in a process, and once more at another service
    /// or by another rule.
    pub(crate) fn is_first_look(&self, incident: IncidentId, service: &str, rule: Option<&str>) -> bool {
        let mut all = locked(&self.suggested);
        if all.len() >= MOST_SUGGESTED {
            all.clear();
        }
        all.insert((incident, service.to_owned(), rule.map(str::to_owned)))
    }

    /// The pager does not tell what it is asked.
    pub(crate) fn quiet(&self) {
        *locked(&self.quiet_since) = Some(Instant::now());
    }

    /// Whether the pager did not tell, so lately.
    pub(crate) fn is_quiet(&self, lately: Duration) -> bool {
        locked(&self.quiet_since).is_some_and(|since| since.elapsed() < lately)
    }
}

/// A run of another incident that counts for this one.
pub(crate) struct Other {
    pub(crate) run: RunId,
    pub(crate) from: IncidentNumber,
    pub(crate) looked_at: DateTime<Utc>,
}

impl Engine {
    /// Waits until something may look at the target; `None` when the engine ends meanwhile.
    pub(crate) async fn slot_at(&self, target: &str) -> Option<OwnedSemaphorePermit> {
        let most = usize::try_from(self.settings().triage.per_target.max(1)).unwrap_or(usize::MAX);
        let turns = {
            let mut all = locked(&self.inner.sharing.turns);
            // those that nobody holds are forgotten
            all.retain(|name, turns| name == target || Arc::strong_count(turns) > 1);
            let new = || Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
            all.entry(target.to_owned()).or_insert_with(new).clone()
        };
        let mut stop = self.inner.draining.subscribe();
        if self.is_draining() {
            return None;
        }
        tokio::select! {
            biased;
            slot = turns.acquire_owned() => slot.ok(),
            _ = stop.changed() => None,
        }
    }

    /// A run of another incident of the same service that is, or was, exactly this look, begun within the window.
    pub(crate) async fn just_looked(
        &self,
        incident: &Incident,
        fingerprint: &Fingerprint,
    ) -> Result<Option<Other>, EngineError> {
        let window = i64::from(self.settings().triage.share_s);
        let since = self.now() - chrono::Duration::seconds(window);
        if window == 0 {
            return Ok(None);
        }
        // newest first: seldom are so many of the window
        let mut rows = self.store().runs(None, false, FEW).await?;
        if rows.len() == FEW && rows.last().is_some_and(|row| row.created_at >= since) {
            rows = self.store().runs(None, false, LOOK).await?;
        }
        for row in rows.into_iter().take_while(|row| row.created_at >= since) {
            let Some(other) = row.incident.filter(|other| *other != incident.id) else { continue };
            if row.mutating || row.fingerprint.as_ref() != Some(fingerprint) {
                continue;
            }
            let Some(loaded) = load_incident(self.store(), other).await? else { continue };
            let is_look = loaded.state.runs.iter().any(|link| link.run == row.id && link.triage);
            // nothing of a private one stands where others read
            if is_look && !loaded.state.private && loaded.state.service == incident.service {
                let (run, looked_at) = (row.id, row.created_at);
                return Ok(Some(Other { run, from: loaded.state.number, looked_at }));
            }
        }
        Ok(None)
    }

    /// It counts what another's run finds, from now on.
    pub(crate) async fn share(
        &self,
        id: IncidentId,
        runbook: String,
        other: &Other,
    ) -> Result<(), EngineError> {
        let (run, from, looked_at) = (other.run, other.from, other.looked_at);
        let command = IncidentCommand::ShareTriage { run, runbook, from, looked_at };
        locked(&self.inner.sharing.waiting).entry(run).or_default().push(id);
        self.change_incident(id, &command, &of_triage(), None).await?;
        let taken = self.take_shared(id, run).await;
        // it may have ended, and been handed on, before this one waited: then nobody hands it on again
        if load_run(self.store(), run).await?.is_none_or(|loaded| !loaded.state.status.is_open()) {
            self.forget_waiting(id, run);
        }
        taken
    }

    /// It has what that run has found, or the reconciler sees to it.
    fn forget_waiting(&self, id: IncidentId, run: RunId) {
        let mut waiting = locked(&self.inner.sharing.waiting);
        if let Some(ids) = waiting.get_mut(&run) {
            ids.retain(|one| *one != id);
            if ids.is_empty() {
                waiting.remove(&run);
            }
        }
    }

    /// A look has ended: whoever waits for it gets what it has found.
    pub(crate) fn hand_on(&self, run: RunId) {
        let Some(waiting) = locked(&self.inner.sharing.waiting).remove(&run) else { return };
        let engine = self.clone();
        self.spawn(Box::pin(async move {
            for id in waiting {
                if let Err(error) = engine.take_shared(id, run).await {
                    // the reconciler hands it on
                    tracing::warn!(%error, "what another incident's diagnostics found is not here yet");
                }
            }
        }));
    }

    /// The same for everything that an incident still waits for, whoever told or did not tell.
    pub(crate) async fn take_all_shared(&self, incident: &Incident) -> Result<(), EngineError> {
        for look in incident.looks.shared.iter().filter(|look| !look.ended) {
            self.take_shared(incident.id, look.run).await?;
        }
        Ok(())
    }

    /// What another's run has found by now, and its end.
    async fn take_shared(&self, id: IncidentId, run: RunId) -> Result<(), EngineError> {
        let Some(source) = load_run(self.store(), run).await?.map(|loaded| loaded.state) else {
            return Ok(());
        };
        let Some(other) = source.incident else { return Ok(()) };
        let Some(loaded) = load_incident(self.store(), other).await? else { return Ok(()) };
        let mut evidence = Vec::new();
        for envelope in &loaded.events {
            if let IncidentEvent::EvidenceFound {
                run: of,
                command,
                title,
                expected,
                outcome,
                reason,
                output_sha256,
                ..
            } = &envelope.event
                && *of == run
            {
                evidence.push(Taken {
                    command: command.clone(),
                    title: title.clone(),
                    expected: expected.clone(),
                    outcome: *outcome,
                    reason: reason.clone(),
                    output_sha256: output_sha256.clone(),
                    at: envelope.at,
                });
            }
        }
        let end = (!source.status.is_open()).then(|| end_of(&source));
        let Some(taker) = load_incident(self.store(), id).await? else { return Ok(()) };
        // it may have been moved since: what was changed at another service says nothing here
        let changes = match taker.state.service == loaded.state.service {
            true => loaded.state.changes,
            false => Vec::new(),
        };
        let command = IncidentCommand::TakeEvidence { run, evidence, changes, end };
        self.change_incident(id, &command, &of_triage(), None).await.map(|_| ())
    }
}

fn of_triage() -> Origin {
    Origin::system("triage", Cause::Engine)
}

fn end_of(run: &Run) -> LookEnd {
    let ran = run.commands.values().filter(|phase| CommandPhase::may_have_happened(phase)).count();
    let cut = match &run.status {
        Status::Succeeded => None,
        Status::Failed { reason } => Some(format!("{} was cut off: {reason}", run.plan.runbook)),
        _ => Some(format!("{} was cut off", run.plan.runbook)),
    };
    LookEnd { commands: u32::try_from(ran).unwrap_or(u32::MAX), cut }
}
