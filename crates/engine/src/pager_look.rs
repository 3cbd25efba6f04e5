//! The pager is looked at: what it has told and nobody heard is made up for. Where it tells nothing by itself, that is how the
//! incident's life comes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use runbook_core::ids::IncidentId;
use runbook_core::incident::{
    Before, Drifted, Incident, IncidentCommand, IncidentEvent, Status, drift, is_to_tell_again, missed_notes,
};
use runbook_core::journal::{Cause, StreamId};
use runbook_core::people::Actor;
use runbook_core::ports::{
    CallPage, IncidentRow, LookAt, PAGE_KEY_PREFIX, PagerError, PagerEvent, PagerEventKind, PagerIncident,
    SeenIncident, SeenStatus,
};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::Origin;
use crate::settings::{PagerLook, PagerTells};
use crate::streams::Loaded;
use crate::untold::PATIENCE;

/// What a look has seen once: the incident's id at the pager, and what that was.
type Once = BTreeSet<(String, &'static str)>;

/// How many open incidents are looked at.
const LOOK: usize = 10_000;
/// Longest pause after a look that failed.
const LONGEST: Duration = Duration::from_secs(120);
/// The notes of so many incidents are read in one look: a page that comes meanwhile does not wait for all of them.
const NOTES_AT_ONCE: usize = 20;

/// So often an end waits for its notes: nobody looks at it any more once it is known here.
const NOTES_TRIES: u32 = 5;

/// What this process saw at its last looks.
#[derive(Default)]
pub(crate) struct Seen {
    /// Each incident by the pager's id, as of when all of it was so here.
    last: BTreeMap<String, Last>,
    /// What was seen once, and may still be told.
    once: Once,
    /// When the pager was looked at for the first time.
    first: Option<DateTime<Utc>>,
    /// Incidents whose notes are still to be read in this round.
    notes_left: Vec<String>,
    /// How often the notes of one that has ended could not be read.
    unread: BTreeMap<String, u32>,
    /// Those that the pager had ended as it was asked, and were open there in a look after that.
    ended: BTreeSet<String>,
}

/// An incident at the last look.
struct Last {
    status: SeenStatus,
    priority: Option<String>,
    /// The acknowledgement that it had here: of a later one the status says nothing.
    taken_seq: u64,
    /// The event that said the severity here, which the pager had been told by then.
    told_seq: Option<u64>,
}

/// What has become of the severity that somebody said here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// Nobody has, since the pager did.
    Nothing,
    /// It is on its way to the pager.
    Waits,
    /// The pager was told it, perhaps while it was looked at.
    JustTold(u64),
    /// The pager was told it before it was looked at: what it has now is its own word.
    Told(u64),
    /// The pager did not take it.
    Refused,
}

impl Engine {
    /// Looks at the pager at once and then again and again, until the engine is drained.
    pub(crate) async fn pager_loop(&self, look: PagerLook) {
        let mut stop = self.inner.draining.subscribe();
        let mut seen = Seen::default();
        let (mut failures, mut notes_in) = (0_u32, Duration::ZERO);
        self.begins_to_listen();
        while !self.is_draining() {
            // one round is read to its end before the next begins
            let starts_round = notes_in.is_zero() && failures == 0 && seen.notes_left.is_empty();
            let looked = self.look_at_pager(&look, starts_round, &mut seen).await;
            match &looked {
                Ok(()) => self.pager_was_heard().await,
                Err(error) => self.pager_was_not_heard(&error.to_string()).await,
            }
            let pause = match looked {
                Ok(()) => {
                    failures = 0;
                    notes_in = if starts_round { look.notes_every } else { notes_in };
                    if seen.once.is_empty() { look.every } else { look.every.min(PATIENCE) }
                }
                Err(LookError::Pager(PagerError::Retry { after_ms, reason })) => {
                    if failures == 0 {
                        tracing::warn!(reason, "PagerDuty cannot be looked at now");
                    }
                    failures = failures.saturating_add(1);
                    let growing =
                        look.every.saturating_mul(2_u32.saturating_pow(failures.min(6))).min(LONGEST);
                    after_ms.map_or(growing, |ms| Duration::from_millis(ms).min(LONGEST).max(look.every))
                }
                Err(LookError::Engine(error)) if error.is_passing() => look.every,
                Err(error) => {
                    tracing::warn!(%error, "PagerDuty cannot be looked at");
                    LONGEST
                }
            };
            notes_in = notes_in.saturating_sub(pause);
            tokio::select! {
                biased;
                () = tokio::time::sleep(pause) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Compares what the pager has with what is here, and makes up for what is missing; then reads some of the notes.
    pub(crate) async fn look_at_pager(
        &self,
        look: &PagerLook,
        starts_round: bool,
        seen: &mut Seen,
    ) -> Result<(), LookError> {
        let Some(pager) = self.inner.parts.pager.clone() else { return Ok(()) };
        self.tell_of_untold().await?;
        let rows = self.store().incidents(true, LOOK).await.map_err(EngineError::from)?;
        let services = self.settings().services.iter().filter_map(|service| service.pagerduty_id.clone());
        let at = LookAt {
            services: services.collect(),
            incidents: rows.iter().filter_map(|row| row.pager_id.clone()).collect(),
        };
        let known: BTreeMap<String, IncidentId> =
            rows.iter().rev().filter_map(|row| Some((row.pager_id.clone()?, row.id))).collect();
        let taken = self.taken_by_pager(&rows).await?;
        let began = self.now();
        let all = pager.look(&at).await?;
        let first = match seen.first {
            Some(first) => first,
            None => *seen.first.insert(self.first_look().await?),
        };
        let mut left_open = 0;
        seen.last.retain(|id, _| all.iter().any(|one| one.incident.id == *id));
        seen.unread.retain(|id, _| all.iter().any(|one| one.incident.id == *id));
        seen.ended.retain(|id| all.iter().any(|one| one.incident.id == *id));
        let before = std::mem::take(&mut seen.once);
        for one in &all {
            // a page that Blocks itself made is about an incident that is there already
            if let Some(key) = one.key.as_deref().filter(|key| key.starts_with(PAGE_KEY_PREFIX)) {
                if let Err(error) = self.look_at_call(key, one, look, (&before, &mut seen.once)).await {
                    if error.is_passing() {
                        return Err(error.into());
                    }
                    tracing::warn!(key, %error, "its acknowledgement cannot be so here");
                }
                continue;
            }
            let ours = match known.get(&one.incident.id) {
                Some(ours) => Some(*ours),
                None => self.incident_of_pager(&one.incident.id).await?,
            };
            if let Err(error) = self.make_up_for(one, ours, (look, began, &taken), (&before, seen)).await {
                if error.is_passing() {
                    return Err(error.into());
                }
                tracing::warn!(incident = %one.incident.id, %error, "what PagerDuty has of it cannot be so here");
            }
            match self.call_nobody_for(one, first).await {
                Ok(was_left_open) => left_open += usize::from(was_left_open),
                Err(error) if error.is_passing() => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(incident = %one.incident.id, %error, "what was left open is called for");
                }
            }
        }
        if left_open > 0 {
            self.tell_of_left_open(left_open, first).await?;
        }
        if starts_round {
            seen.notes_left = at.incidents;
        }
        let some = seen.notes_left.len().min(NOTES_AT_ONCE);
        for id in seen.notes_left.drain(..some) {
            if let Some(ours) = known.get(&id) {
                let page = PagerIncident { id, ..PagerIncident::default() };
                if let Err(error) = self.read_notes(&page, *ours, look).await {
                    if error.is_passing() {
                        return Err(error.into());
                    }
                    tracing::warn!(incident = %page.id, %error, "its notes cannot be so here");
                }
            }
        }
        Ok(())
    }

    /// Whether it is over here, the pager was asked to end it, and has done so: nobody looks at it any more, so its end is not seen.
    async fn has_been_ended(
        &self,
        ours: Option<&Loaded<Incident, IncidentEvent>>,
        one: &SeenIncident,
    ) -> Result<bool, EngineError> {
        let is_open = matches!(one.status, SeenStatus::Triggered | SeenStatus::Acknowledged);
        let asked = |ours: &&Loaded<Incident, IncidentEvent>| {
            let ours = &ours.state;
            is_open && !ours.status.is_open() && ours.pager_asked && !ours.pager_over && !ours.pager_refused
        };
        let Some(ours) = ours.filter(asked) else { return Ok(false) };
        // what was asked for an end before this one says nothing of it
        let opens = |event: &IncidentEvent| {
            matches!(event, IncidentEvent::Opened { .. } | IncidentEvent::Reopened { .. })
        };
        let since = ours.events.iter().rev().find(|one| opens(&one.event)).map_or(0, |one| one.seq);
        let prefix = format!("pager/resolve/{}/", StreamId::Incident(ours.state.id));
        let left = self.store().outbox_left(prefix.clone()).await?;
        let of_this = |key: &String| {
            key.strip_prefix(&prefix).and_then(|seq| seq.parse().ok()).is_some_and(|seq: u64| seq > since)
        };
        Ok(left.iter().any(of_this))
    }

    async fn make_up_for(
        &self,
        one: &SeenIncident,
        ours: Option<IncidentId>,
        (look, began, taken): (&PagerLook, DateTime<Utc>, &BTreeMap<String, bool>),
        (before, seen): (&Once, &mut Seen),
    ) -> Result<(), EngineError> {
        let id = &one.incident.id;
        let loaded = match ours {
            Some(ours) => load_incident(self.store(), ours).await?,
            None => None,
        };
        // what has changed here since then may be what was seen, or come after it: the next look knows
        if loaded.as_ref().is_some_and(|loaded| loaded.events.last().is_some_and(|last| last.at >= began)) {
            return Ok(());
        }
        let incident = ours;
        let has_been_ended = self.has_been_ended(loaded.as_ref(), one).await?;
        let ours = loaded.map(|loaded| loaded.state);
        let last = seen.last.get(id);
        let taken_seq = ours.as_ref().map_or(0, |ours| ours.taken_seq);
        let seen_before = last.filter(|last| last.taken_seq == taken_seq).map(|last| &last.status);
        let had_ended = seen.ended.contains(id);
        if has_been_ended {
            seen.ended.insert(id.clone());
        } else {
            seen.ended.remove(id);
        }
        let before_this = Before { seen: seen_before, has_taken: taken.get(id).copied(), had_ended };
        if let Some(ours) = ours.as_ref().filter(|ours| is_to_tell_again(ours, before_this, one, self.now()))
        {
            let commander = ours.commander.as_ref().and_then(|one| self.directory().person_of(&one.who));
            let email = commander.and_then(|person| person.pagerduty_email.clone());
            let origin = Origin::system("pagerduty", Cause::Engine);
            self.change_incident(ours.id, &IncidentCommand::TellAgain { email }, &origin, None).await?;
            return Ok(());
        }
        let mut all = drift(ours.as_ref(), before_this, one, self.now());
        let mut said = Said::Nothing;
        if let Some(ours) = &ours {
            all.extend(self.moved(ours, one));
            said = self.said_of_severity(ours, last).await?;
            let is_named = self.reprioritised(ours, one, last.map(|last| &last.priority), said);
            // the pager does not say when
            let named =
                is_named.then_some(Drifted { kind: PagerEventKind::PriorityChanged, at: began, by: None });
            all.extend(named);
        }
        let told_seq = match said {
            Said::JustTold(seq) | Said::Told(seq) => Some(seq),
            Said::Nothing | Said::Waits | Said::Refused => None,
        };
        let mut waits = false;
        for drifted in all {
            let key = (id.clone(), word(&drifted.kind));
            // what takes back what a webhook has just told may be how it was before that: the API may lag behind its webhooks
            let takes_back =
                matches!(drifted.kind, PagerEventKind::Reopened | PagerEventKind::Unacknowledged);
            let has_to_be_seen_twice = match look.tells {
                PagerTells::Webhooks => true,
                PagerTells::Both => takes_back,
                PagerTells::Nothing => false,
            };
            if has_to_be_seen_twice && !before.contains(&key) {
                seen.once.insert(key);
                waits = true;
                continue;
            }
            let is_end = matches!(drifted.kind, PagerEventKind::Resolved | PagerEventKind::MergedInto { .. });
            if let Some(incident) = incident.filter(|_| is_end)
                // what was written at the end belongs to it, and nobody looks at it any more
                && !self.read_notes(&one.incident, incident, look).await?
            {
                let tries = seen.unread.entry(id.clone()).or_default();
                *tries += 1;
                if *tries < NOTES_TRIES {
                    seen.once.insert(key);
                    waits = true;
                    continue;
                }
            }
            self.make_up_for_one(&one.incident, drifted, look).await?;
        }
        if !waits {
            let (status, priority) = (one.status.clone(), one.incident.priority.clone());
            seen.last.insert(id.clone(), Last { status, priority, taken_seq, told_seq });
        }
        Ok(())
    }

    /// Notes what was written there; what cannot be read is left for the next round. `false` where another try may do it.
    async fn read_notes(
        &self,
        page: &PagerIncident,
        ours: IncidentId,
        look: &PagerLook,
    ) -> Result<bool, EngineError> {
        let Some(pager) = self.inner.parts.pager.clone() else { return Ok(true) };
        let notes = match pager.notes(&page.id).await {
            Ok(notes) => notes,
            Err(error) => {
                tracing::debug!(incident = %page.id, %error, "its notes cannot be read now");
                return Ok(matches!(error, PagerError::Permanent { .. }));
            }
        };
        let Some(loaded) = load_incident(self.store(), ours).await? else { return Ok(true) };
        let may_be_told = look.tells == PagerTells::Webhooks;
        let until = if may_be_told { self.now() - PATIENCE } else { self.now() };
        for note in missed_notes(&loaded.state, &notes, until) {
            self.make_up_for_one(page, note, look).await?;
        }
        Ok(true)
    }

    /// Whether the pager has taken the acknowledgements that were made here, by its ids; without those that are on their way. It is asked
    /// before the look: what leaves meanwhile may or may not be seen.
    async fn taken_by_pager(&self, rows: &[IncidentRow]) -> Result<BTreeMap<String, bool>, EngineError> {
        let mut taken = BTreeMap::new();
        let led = [Status::Acknowledged, Status::Mitigating, Status::Monitoring].map(Status::word);
        for row in rows.iter().filter(|row| led.contains(&row.status.as_str())) {
            let Some(pager_id) = &row.pager_id else { continue };
            // one that does not read keeps nobody from looking at the others
            let Ok(Some(loaded)) = load_incident(self.store(), row.id).await else { continue };
            let key = format!("pager/ack/{}/{}", StreamId::Incident(row.id), loaded.state.taken_seq);
            if !self.store().outbox_waits(key.clone()).await? {
                taken.insert(pager_id.clone(), self.store().outbox_left(key.clone()).await?.contains(&key));
            }
        }
        Ok(taken)
    }

    /// It is another service's at the pager.
    fn moved(&self, ours: &Incident, seen: &SeenIncident) -> Option<Drifted> {
        let page = &seen.incident;
        let known = page.service_id.as_deref().and_then(|id| self.settings().service_by_pager_id(id));
        let name = known.map(|service| &service.name).or(page.service_name.as_ref())?;
        let is_moved = ours.status.is_open() && *name != ours.service;
        is_moved.then(|| Drifted { kind: PagerEventKind::ServiceChanged, at: self.now(), by: None })
    }

    async fn said_of_severity(&self, ours: &Incident, last: Option<&Last>) -> Result<Said, EngineError> {
        let Some(seq) = ours.told.said_here() else { return Ok(Said::Nothing) };
        if last.is_some_and(|last| last.told_seq == Some(seq)) {
            return Ok(Said::Told(seq));
        }
        let key = severity_key(ours.id, seq);
        if self.store().outbox_waits(key.clone()).await? {
            return Ok(Said::Waits);
        }
        let has_left = self.store().outbox_left(key.clone()).await?.contains(&key);
        Ok(if has_left { Said::JustTold(seq) } else { Said::Refused })
    }

    /// Somebody has named another priority there, or it has the one that it was told. The pager does not say when: what it has although
    /// it was told another is the later word, and so is one that differs from the last look. Without either, what somebody has said
    /// here stays.
    fn reprioritised(
        &self,
        ours: &Incident,
        seen: &SeenIncident,
        last: Option<&Option<String>>,
        said: Said,
    ) -> bool {
        let named = self.severity_named(&seen.incident);
        let differs = named.as_ref().is_some_and(|named| *named != ours.severity);
        let has_changed = last.is_some_and(|last| *last != seen.incident.priority);
        let is_told = named.as_ref().is_some_and(|named| ours.told.awaits(named));
        let is_new = match (said, has_changed) {
            // what was said here is on its way there
            (Said::Waits, _) => false,
            // it has what it was told; anything else may be as it was before that
            (Said::JustTold(_), _) => is_told && !differs,
            (Said::Told(_), _) => differs || is_told,
            // what it was told before the one that it refused is no news
            (Said::Refused, true) => differs && !is_told,
            (Said::Refused, false) => false,
            (Said::Nothing, true) => differs,
            // high urgency is not taken below its floor by what the page said from its beginning
            // nor is what the rules made of it by that very priority
            (Said::Nothing, false) if ours.reminders.is_severity_guessed => {
                let facts = self.facts_of(&seen.incident);
                let known = ours.chosen.as_ref().and_then(|chosen| chosen.priority.as_ref());
                let is_same = ours.chosen.is_some() && known == facts.priority.as_ref();
                !is_same && !self.choose(&facts).severity_guessed
            }
            (Said::Nothing, false) => differs,
        };
        // nothing is told to what is over there, so what stands there says nothing of what was said here since
        let is_word = has_changed || !ours.pager_over;
        is_new && is_word && ours.status.is_open()
    }

    /// Somebody has acknowledged a page by which Blocks had called them.
    async fn look_at_call(
        &self,
        key: &str,
        one: &SeenIncident,
        look: &PagerLook,
        (before, once): (&Once, &mut Once),
    ) -> Result<(), EngineError> {
        let Some(page) = CallPage::of_key(key).filter(|_| one.status == SeenStatus::Acknowledged) else {
            return Ok(());
        };
        let (kind, at) = (PagerEventKind::CallAnswered(page), one.since.unwrap_or_else(|| self.now()));
        let loaded = load_incident(self.store(), page.incident).await?;
        if !loaded.is_some_and(|loaded| loaded.state.hears_answer(page.seq, at)) {
            return Ok(());
        }
        let key = (one.incident.id.clone(), word(&kind));
        if look.tells == PagerTells::Webhooks && !before.contains(&key) {
            once.insert(key);
            return Ok(());
        }
        self.make_up_for_one(&one.incident, Drifted { kind, at, by: one.by.clone() }, look).await
    }

    async fn make_up_for_one(
        &self,
        page: &PagerIncident,
        one: Drifted,
        look: &PagerLook,
    ) -> Result<(), EngineError> {
        let Drifted { kind, at, by } = one;
        let actor = match &by {
            Some(user) => self.pager_user(Some(&user.id), user.name.as_deref()).await,
            None => Actor::system("pagerduty"),
        };
        let origin = Origin { occurred_at: Some(at), ..Origin::of(actor, Cause::Engine) };
        let word = word(&kind);
        let (agent_id, agent_name) = by.map_or((None, None), |user| (Some(user.id), user.name));
        let about = match &kind {
            PagerEventKind::CallAnswered(call) => Some(call.incident),
            _ => None,
        };
        let event = PagerEvent { kind, incident: page.clone(), agent_id, agent_name, occurred_at: at };
        if look.tells == PagerTells::Nothing {
            return self.heed(&event, &origin, None).await.map(|_| ());
        }
        let before = self.head_of_pager(&page.id, about).await?;
        self.heed(&event, &origin, None).await?;
        let after = self.head_of_pager(&page.id, about).await?;
        let Some((id, _)) = after.filter(|_| after != before) else { return Ok(()) };
        match look.tells {
            // it was seen twice, half a minute apart
            PagerTells::Webhooks => self.receipt(id, word).await,
            // seen for the first time: a webhook may be on its way
            PagerTells::Both | PagerTells::Nothing => {
                self.is_found(&event, id);
                Ok(())
            }
        }
    }

    /// An incident of the pager here, or the one that a page of ours is about, and how many events it has.
    async fn head_of_pager(
        &self,
        pager_id: &str,
        about: Option<IncidentId>,
    ) -> Result<Option<(IncidentId, u64)>, EngineError> {
        let known = match about {
            Some(id) => Some(id),
            None => self.incident_of_pager(pager_id).await?,
        };
        let Some(id) = known else { return Ok(None) };
        Ok(load_incident(self.store(), id).await?.map(|loaded| (id, loaded.state.seq)))
    }
}

/// The key of the message that tells the pager a severity, by the event that said it.
fn severity_key(id: IncidentId, seq: u64) -> String {
    format!("pager/severity/{}/{seq}", StreamId::Incident(id))
}

/// What happened, in a word.
pub(crate) fn word(kind: &PagerEventKind) -> &'static str {
    match kind {
        PagerEventKind::Triggered => "triggered",
        PagerEventKind::Acknowledged => "acknowledged",
        PagerEventKind::CallAnswered(_) => "page acknowledged",
        PagerEventKind::Unacknowledged => "unacknowledged",
        PagerEventKind::Resolved => "resolved",
        PagerEventKind::Reopened => "reopened",
        PagerEventKind::MergedInto { .. } => "merged",
        PagerEventKind::PriorityChanged => "priority changed",
        PagerEventKind::ServiceChanged => "service changed",
        PagerEventKind::BridgeChanged { .. } => "bridge changed",
        PagerEventKind::Note { .. } => "note written",
        PagerEventKind::Responder { .. }
        | PagerEventKind::UpdateGiven { .. }
        | PagerEventKind::Told { .. } => "told",
    }
}

/// A look came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookError {
    /// The pager did not tell.
    #[error("{0}")]
    Pager(#[from] PagerError),
    /// The store did not take it, or does not read.
    #[error("{0}")]
    Engine(#[from] EngineError),
}
