//! Passing on: command, a run, or a whole shift.

use chrono::{DateTime, Duration, Utc};
use runbook_core::handing::{self, Shift, Standing};
use runbook_core::ids::{IncidentId, RunId};
use runbook_core::incident::{Incident, IncidentCommand, IncidentEvent, Topic, Waiting, decide};
use runbook_core::journal::{Cause, StreamId};
use runbook_core::message::{ChatMessage, Outgoing};
use runbook_core::people::{Actor, Person, Role};
use runbook_core::ports::{Commit, CommitError, IncidentRow, RowChange, Store, Timer, TimerChange};
use runbook_core::request::Request;
use runbook_core::run::Run;
use serde_json::json;
use uuid::Uuid;

use crate::climb::clock_stopped;
use crate::deliver::Rendered;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::{MAX_TRIES, apply_incident, load_incident};
use crate::late;
use crate::origin::{Asker, Origin, Pace, Reply};
use crate::runs::load_run;
use crate::said::Said;
use crate::sees::Seer;
use crate::settings::Settings;
use crate::streams::Loaded;

/// The timer's word for what is on offer.
pub(crate) const OFFER: &str = "handover";
/// The timer's word, and its key, for the shift.
pub(crate) const SHIFT: &str = "shift";
/// What `--run` names where command is meant, and not a run.
const COMMAND: &str = "command";
/// How many rows are looked through.
const LOOK: usize = 10_000;
/// Characters of one message about a shift.
const PART: usize = 2_500;
/// A shift that is told later than this tells nothing that the next one does not.
const TOO_LATE_H: i64 = 12;

impl Engine {
    /// Passes something on, takes it, or tells the shift.
    pub(crate) async fn handing_request(
        &self,
        request: &Request,
        asker: &Asker,
        origin: &Origin,
    ) -> Result<Reply, EngineError> {
        match request {
            Request::HandOver { .. } => self.hand_over(request, asker, origin).await,
            Request::HandOverTake { incident, run } => {
                self.take_handover(incident.as_deref(), run.as_deref(), asker, origin).await
            }
            Request::HandOverShift { to, post } => {
                self.hand_over_shift((to.as_deref(), *post), asker, origin).await
            }
            other => self.escalate(other, asker, origin).await,
        }
    }

    async fn hand_over(
        &self,
        request: &Request,
        asker: &Asker,
        origin: &Origin,
    ) -> Result<Reply, EngineError> {
        let Request::HandOver { incident, who, run, note } = request else {
            return Err(EngineError::Refused("that hands nothing over".to_owned()));
        };
        self.require_standing(asker, "hand anything over")?;
        let run = match run {
            Some(named) => Some(self.run_to_pass_on(named, asker).await?),
            None => None,
        };
        let row = match (&run, incident.as_deref()) {
            (Some((run, incident)), None) => self.row_of(*incident, run.id).await?,
            (_, named) => self.find_incident(named, asker).await?,
        };
        if let Some((run, _)) = run.as_ref().filter(|(_, incident)| *incident != row.id) {
            return Err(EngineError::Refused(format!(
                "run {} does not serve {}; hint: `blocks runbook status {}` says which it serves",
                run.id, row.number, run.id
            )));
        }
        let person = self.person_meant(who, asker)?;
        let to = Actor::Person(person.name.clone());
        if to == asker.actor {
            return Err(EngineError::Refused(format!(
                "{to} cannot hand it over to themselves; hint: `handover {} to @NAME`",
                row.number
            )));
        }
        if !self.has_standing(&to) {
            return Err(EngineError::Refused(format!(
                "{to} may not take it over; hint: a [[person]] with the role commander or responder in blocks.toml may"
            )));
        }
        let note = match note.as_deref() {
            Some(note) => Some(self.said(Said::Text, note)?),
            None => None,
        };
        let what = what(run.as_ref().map(|(run, _)| run.id));
        let stays = if run.is_some() { "it stays where it is" } else { "the commander stays the same" };
        let text = format!(
            "{to} is asked to take {what} over, with one press or `{}`, within {} min. Until then {stays}.",
            take_line(&row.number.to_string(), run.as_ref().map(|(run, _)| run.id)),
            runbook_core::incident::HANDOVER_WINDOW_S / 60
        );
        let run = run.map(|(run, _)| (run.id, run.requester));
        let command = IncidentCommand::OfferHandover { by: asker.actor.clone(), to, run: run.clone(), note };
        let reply = self.on_record(&row, &command, origin, &text).await?;
        let Some(loaded) = load_incident(self.store(), row.id).await? else { return Ok(reply) };
        let summary = self.standing(&loaded.state).await?;
        let offer = loaded.state.passed.offer(run.map(|(run, _)| run)).map(|offer| {
            json!({ "to": offer.to.to_string(), "run": offer.run, "until": time(offer.until), "note": offer.note })
        });
        Ok(Reply {
            text: reply.text,
            data: json!({ "incident": reply.data, "offer": offer, "summary": summary }),
        })
    }

    /// A run that serves an incident, and which.
    async fn run_to_pass_on(&self, named: &str, asker: &Asker) -> Result<(Run, IncidentId), EngineError> {
        let find = Request::RunbookStatus { run: Some(named.to_owned()) };
        let row = self.find_run(&find, asker, |row| row.open).await?;
        let Some(loaded) = load_run(self.store(), row.id).await? else {
            return Err(EngineError::NotFound(format!("there is no run {named}")));
        };
        let run = loaded.state;
        match run.incident {
            Some(incident) if run.status.is_open() || run.holds_target() => Ok((run, incident)),
            Some(_) => Err(EngineError::Refused(format!(
                "run {} is over: there is nothing to hand over; hint: `blocks runbook runs` names the open ones",
                run.id
            ))),
            None => Err(EngineError::Refused(format!(
                "run {} serves no incident, on whose record it could be handed over; hint: whoever has standing can decide about it",
                run.id
            ))),
        }
    }

    async fn row_of(&self, id: IncidentId, run: RunId) -> Result<IncidentRow, EngineError> {
        let rows = self.store().incidents(false, LOOK).await?;
        rows.into_iter()
            .find(|row| row.id == id)
            .ok_or_else(|| EngineError::NotFound(format!("the incident of run {run} is not there")))
    }

    async fn take_handover(
        &self,
        named: Option<&str>,
        run: Option<&str>,
        asker: &Asker,
        origin: &Origin,
    ) -> Result<Reply, EngineError> {
        self.require_standing(asker, "take anything over")?;
        let row = self.find_incident(named, asker).await?;
        let Some(loaded) = load_incident(self.store(), row.id).await? else {
            return Err(EngineError::NotFound(format!("there is no incident {}", row.number)));
        };
        let passed = &loaded.state.passed;
        let run = match run {
            Some(named) if named.eq_ignore_ascii_case(COMMAND) => None,
            Some(named) => {
                let known = passed.offers.iter().filter_map(|offer| offer.run);
                let mut known: Vec<RunId> = known.chain(passed.holders.keys().copied()).collect();
                known.retain(|run| run.to_string().starts_with(&named.to_lowercase()));
                known.sort();
                known.dedup();
                match known.as_slice() {
                    [one] => Some(*one),
                    _ => {
                        return Err(EngineError::NotFound(format!(
                            "no single run of {} that is handed over begins with '{}'; hint: `blocks handover shift` names what is on offer",
                            row.number,
                            named.chars().filter(|c| !c.is_control()).take(40).collect::<String>()
                        )));
                    }
                }
            }
            // Without a word about which, what is on offer to them is meant; of several, none is guessed.
            None => {
                let own: Vec<_> = passed.offers.iter().filter(|offer| offer.to == asker.actor).collect();
                match own.as_slice() {
                    [] => None,
                    [only] => only.run,
                    several => {
                        let number = row.number.to_string();
                        let lines: Vec<_> = several
                            .iter()
                            .map(|offer| format!("`handover take {number} --run {}`", what_run(offer.run)))
                            .collect();
                        return Err(EngineError::Refused(format!(
                            "{number}: more than one thing is handed over to you, and nothing is taken; hint: {}",
                            lines.join(" or ")
                        )));
                    }
                }
            }
        };
        let text = match run {
            None => "You command.".to_owned(),
            Some(run) => format!("You answer for run {run}: its questions come to you."),
        };
        let command = IncidentCommand::TakeHandover { by: asker.actor.clone(), run };
        self.on_record(&row, &command, origin, &text).await
    }

    /// What nobody took in time stays where it was, and that is told.
    pub(crate) async fn offers_lapse(&self, id: IncidentId, origin: &Origin) -> Result<(), EngineError> {
        self.change_incident(id, &IncidentCommand::LapseHandover, origin, None).await.map(|_| ())
    }

    async fn hand_over_shift(
        &self,
        (to, post): (Option<&str>, bool),
        asker: &Asker,
        origin: &Origin,
    ) -> Result<Reply, EngineError> {
        let seer = self.seer(asker);
        if post {
            self.require_standing(asker, "hand a shift over")?;
        }
        let to = match to {
            Some(who) => Some(self.person_meant(who, asker)?),
            None => None,
        };
        let now = self.now();
        let shift = gather(self.store(), self.settings(), seer, to, now).await?;
        let data = serde_json::to_value(&shift).map_err(|error| EngineError::Journal(error.to_string()))?;
        if !post {
            return self.answer(origin, Reply { text: shift.text(), data }).await;
        }
        let settings = self.settings();
        let mut posted = match (&settings.handover.channel, settings.has_chat) {
            (Some(_), true) => "It is posted where shifts are told".to_owned(),
            (None, true) => {
                "It is posted nowhere: `channel` under [handover] in blocks.toml names no place".to_owned()
            }
            (_, false) => "It is posted nowhere: no chat is configured".to_owned(),
        };
        if settings.has_pager {
            posted.push_str(", and noted at PagerDuty on each open incident that it knows");
        }
        let text = format!("{}\n{posted}.", shift.text());
        let cause = self.inner.parts.ids.fresh().to_string();
        self.post_shift(to, origin, Some(&text), &cause, None).await?;
        Ok(Reply { text, data })
    }

    /// Posts the shift, writes it on each open incident's record, and sets when it is told by itself next: all of it, or
    /// nothing.
    async fn post_shift(
        &self,
        to: Option<&Person>,
        origin: &Origin,
        say: Option<&str>,
        cause: &str,
        next: Option<DateTime<Utc>>,
    ) -> Result<(), EngineError> {
        let whom = to.map(|person| Actor::Person(person.name.clone()));
        for _ in 0..MAX_TRIES {
            let now = self.now();
            let shift = gather(self.store(), self.settings(), Seer::Channel, to, now).await?;
            let mut commit = Commit::default();
            origin.settle(&mut commit, say, now);
            for row in self.store().incidents(true, LOOK).await? {
                let told = shift.incidents.iter().find(|told| told.number == row.number.to_string());
                let (Some(told), Some(loaded)) = (told, load_incident(self.store(), row.id).await?) else {
                    continue;
                };
                let text = pager_note(told, whom.as_ref(), &origin.actor);
                let command = IncidentCommand::TellShift { to: whom.clone(), text };
                let decision = decide(&loaded.state, &command, now)?;
                if decision.events.is_empty() {
                    continue;
                }
                let (append, after) =
                    apply_incident(row.id, Some(loaded.state), loaded.head, &decision.events, origin, now)?;
                self.incident_effects(&mut commit, &append, &decision, &after, now);
                commit.rows.push(RowChange::Incident(after.row()));
                commit.appends.push(append);
            }
            if self.settings().handover.channel.is_some() {
                for (part, text) in (0..).zip(handing::parts(&shift.text(), PART)) {
                    let to = whom.clone().filter(|_| part == 0);
                    self.enqueue(&mut commit, &Outgoing::Shift { text, to, part }, cause, Pace::AtOnce, now);
                }
            }
            commit.timers.extend(next.map(shift_timer));
            match self.store().commit(commit).await {
                Ok(()) => {
                    self.touch();
                    return Ok(());
                }
                Err(CommitError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(EngineError::Contended("the shift's incidents".to_owned()))
    }

    /// The next moment at which the shift is told by itself.
    fn next_shift(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let handover = &self.settings().handover;
        handing::next_at(&handover.zone, handover.at?, after)
    }

    /// Sets the shift's timer where there is none. One whose time has come while nothing ran is not moved: it fires.
    pub(crate) async fn keep_shift_time(&self) -> Result<(), EngineError> {
        let now = self.now();
        let Some(next) = self.next_shift(now) else { return Ok(()) };
        if self.store().timers_due(now, LOOK).await?.iter().any(|timer| timer.key == SHIFT) {
            return Ok(());
        }
        let commit = Commit { timers: vec![shift_timer(next)], ..Commit::default() };
        Ok(self.store().commit(commit).await?)
    }

    /// Its time has come.
    pub(crate) async fn shift_is_due(&self, due: DateTime<Utc>) -> Result<(), EngineError> {
        let now = self.now();
        let Some(next) = self.next_shift(now.max(due)) else { return Ok(()) };
        if now - due > Duration::hours(TOO_LATE_H) {
            tracing::warn!(%due, "nothing ran when the shift was to be told, and it is too late for it now");
            let commit = Commit { timers: vec![shift_timer(next)], ..Commit::default() };
            return Ok(self.store().commit(commit).await?);
        }
        let origin = Origin::system("timer", Cause::Timer);
        // One key for one moment: told once, however often this is tried.
        self.post_shift(None, &origin, None, &time(due), Some(next)).await
    }

    pub(crate) async fn standing(&self, incident: &Incident) -> Result<Standing, EngineError> {
        standing_of(self.store(), self.settings(), incident, self.now()).await
    }

    /// Renders what is passed on, and what calls somebody.
    pub(crate) async fn render_handing(&self, message: &Outgoing) -> Result<Rendered, EngineError> {
        let chat = |message: ChatMessage| Ok(Rendered::Chat(Box::new(message)));
        let mention =
            |who: &Actor| self.directory().person_of(who).and_then(|person| person.slack_id.clone());
        // Whom the chat does not know is named.
        let addressed = |who: &Actor, text: &str| match mention(who) {
            Some(_) => text.to_owned(),
            None => format!("{who}: {text}"),
        };
        let (incident, to) = match message {
            Outgoing::Shift { text, to, .. } => {
                let Some(channel) = self.settings().handover.channel.clone() else {
                    return Ok(Rendered::Obsolete);
                };
                let mention = to.as_ref().and_then(mention);
                return chat(ChatMessage::Ask {
                    channel,
                    thread: None,
                    mention,
                    text: text.clone(),
                    snooze: None,
                });
            }
            Outgoing::Offer { incident, to, .. } | Outgoing::Call { incident, to, .. } => (incident, to),
            _ => return Ok(Rendered::Obsolete),
        };
        let Some(loaded) = load_incident(self.store(), *incident).await? else {
            return Ok(Rendered::Obsolete);
        };
        let called_at = loaded.state.passed.escalated.get(to).copied();
        let is_call = matches!(message, Outgoing::Call { .. });
        if !loaded.state.status.is_open()
            || (is_call && (has_come(&loaded, to) || clock_stopped(&loaded, to)))
        {
            return Ok(Rendered::Obsolete);
        }
        let incident = loaded.state;
        let channel = match self.channel_of(&incident) {
            Ok(channel) => channel,
            Err(rendered) => return Ok(rendered),
        };
        let thread = incident.thread();
        let mention = mention(to);
        match message {
            Outgoing::Call { text, .. } => {
                let late = called_at.and_then(|at| late::mark(at, self.inner.since, self.now()));
                let text = late.map_or_else(|| text.clone(), |late| format!("{late}\n{text}"));
                let text = addressed(to, &text);
                chat(ChatMessage::Ask { channel, thread, mention, text, snooze: None })
            }
            Outgoing::Offer { run, .. } => {
                let offer = incident.passed.offer(*run);
                let Some(offer) = offer.filter(|offer| offer.to == *to && self.now() < offer.until) else {
                    return Ok(Rendered::Obsolete);
                };
                let note =
                    offer.note.as_ref().map_or_else(String::new, |note| format!(" {}: {note}", offer.from));
                let lines = self.standing(&incident).await?.lines().join("\n");
                let text = format!(
                    "{}: {} hands {} over to {to}, who can take it until {}: the button, or `/blocks {}`.{note}\n{lines}",
                    incident.number,
                    offer.from,
                    what(*run),
                    offer.until.format("%H:%M UTC"),
                    take_line(&incident.number.to_string(), *run),
                );
                let number = incident.number.to_string();
                chat(ChatMessage::Offer { channel, thread, mention, text, incident: number, run: *run })
            }
            _ => Ok(Rendered::Obsolete),
        }
    }
}

/// Whether somebody has done anything in the incident since they were called: they need no call any more.
pub(crate) fn has_come(loaded: &Loaded<Incident, IncidentEvent>, who: &Actor) -> bool {
    let called_at = loaded.state.passed.escalated.get(who).copied();
    called_at.is_some_and(|at| loaded.events.iter().any(|one| one.at > at && one.actor == *who))
}

/// What the next shift has to know, for whoever reads the journal of this machine.
///
/// # Errors
/// When the journal does not read.
pub async fn shift(store: &dyn Store, settings: &Settings, now: DateTime<Utc>) -> Result<Reply, EngineError> {
    let shift = gather(store, settings, Seer::Machine, None, now).await?;
    let data = serde_json::to_value(&shift).map_err(|error| EngineError::Journal(error.to_string()))?;
    Ok(Reply { text: shift.text(), data })
}

async fn gather(
    store: &dyn Store,
    settings: &Settings,
    seer: Seer<'_>,
    to: Option<&Person>,
    now: DateTime<Utc>,
) -> Result<Shift, EngineError> {
    let people = &settings.directory;
    let decides =
        |person: &Person| person.roles.iter().any(|role| matches!(role, Role::Commander | Role::Responder));
    let shows_numbers = match seer {
        Seer::Machine => true,
        Seer::Person(person) => decides(person),
        Seer::Channel | Seer::Program => false,
    };
    let mut shift = Shift {
        at: now,
        to: to.map(|person| person.name.clone()),
        incidents: Vec::new(),
        private_hidden: 0,
        other_runs: Vec::new(),
        other_waits: Vec::new(),
        other_risks: Vec::new(),
        overdue: Vec::new(),
        contacts: Vec::new(),
    };
    if let Some(person) = to {
        shift.contact(person, "takes the shift", shows_numbers);
    }
    let today = now.with_timezone(&settings.handover.zone).date_naive();
    let mut rows = store.incidents(false, LOOK).await?;
    rows.sort_by_key(|row| row.number);
    for row in rows {
        let Some(loaded) = load_incident(store, row.id).await? else { continue };
        let incident = loaded.state;
        if !seer.sees(&incident) {
            shift.private_hidden += usize::from(row.open);
            continue;
        }
        if !row.open {
            let late = handing::overdue(&incident, today);
            shift.overdue.extend(late.into_iter().map(|line| format!("{} {line}", row.number)));
            continue;
        }
        for (who, why) in handing::involved(&incident) {
            if let Some(person) = people.person_of(who) {
                shift.contact(person, &why, shows_numbers);
            }
        }
        shift.incidents.push(standing_of(store, settings, &incident, now).await?);
    }
    // Whom the steps of the severities would page next may have to be called when the pager is away.
    let severities = &settings.severities.default_scheme().severities;
    for step in severities.iter().flat_map(|severity| &severity.escalation).flat_map(|step| &step.who) {
        if let Some(person) = people.on_duty(step) {
            shift.contact(person, step, shows_numbers);
        }
    }
    for row in store.runs(None, false, LOOK).await? {
        let is_left = row.open || row.status == "undo_failed";
        if row.incident.is_none()
            && is_left
            && let Some(loaded) = load_run(store, row.id).await?
        {
            shift.other_run(&loaded.state);
        }
    }
    Ok(shift)
}

async fn standing_of(
    store: &dyn Store,
    settings: &Settings,
    incident: &Incident,
    now: DateTime<Utc>,
) -> Result<Standing, EngineError> {
    let mut runs = Vec::new();
    for link in &incident.runs {
        runs.extend(load_run(store, link.run).await?.map(|loaded| loaded.state));
    }
    let severity = settings.severities.default_scheme().get(&incident.severity);
    let today = now.with_timezone(&settings.handover.zone).date_naive();
    Ok(handing::standing(incident, &runs, severity, now, today))
}

/// What a run waits for, asked of whoever it was handed over to.
pub(crate) fn passed_on(incident: &Incident, run: RunId, waiting: Waiting) -> Waiting {
    match (incident.passed.holders.get(&run), &waiting.topic) {
        (Some(holder), Topic::Question { .. }) => Waiting { who: vec![holder.clone()], ..waiting },
        _ => waiting,
    }
}

fn pager_note(told: &Standing, to: Option<&Actor>, by: &Actor) -> String {
    let to = to.map_or_else(|| "the next shift".to_owned(), ToString::to_string);
    format!("{}: the shift is handed over to {to}, by {by}.\n{}", told.number, told.lines().join("\n"))
}

/// What is typed to take it: each run has a line of its own.
fn take_line(number: &str, run: Option<RunId>) -> String {
    let which = run.map_or_else(String::new, |run| format!(" --run {run}"));
    format!("handover take {number}{which}")
}

/// What `--run` names.
fn what_run(run: Option<RunId>) -> String {
    run.map_or_else(|| COMMAND.to_owned(), |run| run.to_string())
}

fn what(run: Option<RunId>) -> String {
    run.map_or_else(|| COMMAND.to_owned(), |run| format!("run {run}"))
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

fn shift_timer(due: DateTime<Utc>) -> TimerChange {
    // It belongs to no incident; the store keeps a stream with each timer.
    let stream = StreamId::Incident(IncidentId(Uuid::nil()));
    TimerChange::Set(Timer { key: SHIFT.to_owned(), due, stream, what: SHIFT.to_owned() })
}
