//! Who is on call: rotations of blocks.toml, and what the pager said when it was last asked. Kept in the store, so that it is known when
//! the pager cannot be reached.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::PoisonError;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use runbook_core::ids::IncidentId;
use runbook_core::incident::{Incident, IncidentCommand};
use runbook_core::message::ChatMessage;
use runbook_core::oncall::{PagerTurn, Roster, SeenOnCall, Shift, ToCall, Turn, calendar, roster_lines};
use runbook_core::people::{Actor, Person, Role};
use runbook_core::ports::{Commit, IncidentRow, Kept, Store};
use runbook_core::severity::Severity;
use serde_json::{Value, json};

use crate::deliver::Rendered;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::{Asker, Origin, Reply};
use crate::sees::{Seer, may_see};
use crate::settings::{ServiceSettings, Settings};

/// Where what the pager said is kept.
const KEY: &str = "oncall";
/// Between two times that the pager is asked by itself.
const EVERY: Duration = Duration::from_secs(600);
/// What is younger than this is not asked for again because somebody wants to know.
const FRESH: chrono::Duration = chrono::Duration::seconds(60);
/// So long somebody who wants to know waits for the pager.
const PATIENCE: Duration = Duration::from_secs(4);
/// An export covers so many days where nobody says how many.
const EXPORT_DAYS: i64 = 28;
/// And at most so many.
const EXPORT_MOST_DAYS: i64 = 366;
/// At most so many shifts are exported.
const EXPORT_MOST: usize = 5_000;

impl Engine {
    /// Takes up what an earlier process was told.
    pub(crate) async fn recall_on_call(&self) -> Result<(), EngineError> {
        let seen = seen(self.store()).await?;
        *self.inner.on_call.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        Ok(())
    }

    /// Asks the pager again and again, until the engine is drained.
    pub(crate) async fn on_call_loop(&self) {
        let mut stop = self.inner.draining.subscribe();
        while !self.is_draining() {
            self.ask_who_is_on_call().await;
            tokio::select! {
                biased;
                () = tokio::time::sleep(EVERY) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Asks the pager. Where it gives no answer, what it said before stays, with its age.
    async fn ask_who_is_on_call(&self) {
        let Some(pager) = self.inner.parts.pager.clone() else { return };
        let services: Vec<String> =
            self.settings().services.iter().filter_map(|service| service.pagerduty_id.clone()).collect();
        if services.is_empty() {
            return;
        }
        let at = self.now();
        let said = match pager.on_call(&services).await {
            Ok(services) => SeenOnCall { at, services },
            Err(error) => {
                tracing::warn!(%error, "PagerDuty does not say who is on call; what it said before stays");
                return;
            }
        };
        // our own type always serialises
        let Ok(value) = serde_json::to_string(&said) else { return };
        let kept = vec![Kept { key: KEY.to_owned(), at, value }];
        if let Err(error) = self.store().commit(Commit { kept, ..Commit::default() }).await {
            tracing::warn!(%error, "who is on call cannot be kept now");
        }
        *self.inner.on_call.lock().unwrap_or_else(PoisonError::into_inner) = Some(said);
    }

    /// The same, where what is known is not of just now, and no longer than somebody waits.
    pub(crate) async fn refresh_on_call(&self) {
        let known =
            self.inner.on_call.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|seen| seen.at);
        if known.is_some_and(|at| self.now() - at < FRESH) {
            return;
        }
        if tokio::time::timeout(PATIENCE, self.ask_who_is_on_call()).await.is_err() {
            tracing::warn!("PagerDuty is slow to say who is on call; what it said before stays");
        }
    }

    /// Who is on call for a service now.
    pub(crate) fn roster(&self, service: &str) -> Roster {
        let seen = self.inner.on_call.lock().unwrap_or_else(PoisonError::into_inner);
        roster(self.settings(), seen.as_ref(), service, self.now())
    }

    /// Who is on call, for whoever asks.
    pub(crate) async fn tell_on_call(
        &self,
        service: Option<&str>,
        here: Option<(&IncidentRow, Option<String>)>,
        asker: &Asker,
    ) -> Result<Reply, EngineError> {
        if let Some(name) = service {
            self.settings().named_service(name)?;
        }
        self.refresh_on_call().await;
        let numbers = match self.seer(asker) {
            Seer::Machine => true,
            Seer::Person(person) => {
                person.roles.iter().any(|role| matches!(role, Role::Commander | Role::Responder))
            }
            Seer::Channel | Seer::Program => false,
        };
        let seen = self.inner.on_call.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(on_call(self.settings(), seen.as_ref(), (service, here), numbers, self.now()))
    }

    /// Somebody has come. Where the severity has its commander from a rotation, that is either whoever commands by it, or they are
    /// told that somebody else acts.
    pub(crate) async fn commander_comes(&self, id: IncidentId, who: &Actor) -> Result<(), EngineError> {
        let Some(loaded) = load_incident(self.store(), id).await? else { return Ok(()) };
        let Some(by_rotation) = self.commander_by_rotation(&loaded.state) else { return Ok(()) };
        if by_rotation != *who {
            // of another team's nobody here has to hear
            if loaded.state.is_of_others() {
                return Ok(());
            }
            let person = self.directory().person_of(&by_rotation);
            if loaded.state.private && !person.is_some_and(|person| may_see(person, &loaded.state)) {
                return Ok(());
            }
            let origin = Origin::system("rotation", runbook_core::journal::Cause::Engine);
            let command = IncidentCommand::TellRotation { to: by_rotation };
            return self.change_incident(id, &command, &origin, None).await.map(|_| ());
        }
        let command = IncidentCommand::TakeByRotation { by: who.clone(), severity_asks: true };
        let origin = Origin::of(who.clone(), runbook_core::journal::Cause::Engine);
        self.change_incident(id, &command, &origin, None).await.map(|_| ())
    }

    /// Who commands this incident by the rotation that its severity names.
    pub(crate) fn commander_by_rotation(&self, incident: &Incident) -> Option<Actor> {
        let severity = self.settings().severities.default_scheme().get(&incident.severity)?;
        let rotation = severity.commander_rotation.as_deref()?;
        let roster = self.roster(&incident.service);
        let who = self.directory().person(&roster.turn(rotation)?.who)?;
        Some(Actor::Person(who.name.clone()))
    }

    /// A page about an incident does not get through.
    pub(crate) async fn pager_is_away(&self, incident: IncidentId) -> Result<(), EngineError> {
        let origin = Origin::engine();
        self.change_incident(incident, &IncidentCommand::NotePagerAway, &origin, None).await.map(|_| ())
    }

    /// Who is on call for its service, with numbers: PagerDuty rings for nobody now.
    pub(crate) async fn render_whom_to_call(&self, id: IncidentId) -> Result<Rendered, EngineError> {
        let Some(loaded) = load_incident(self.store(), id).await? else { return Ok(Rendered::Obsolete) };
        let incident = loaded.state;
        if !incident.status.is_open() {
            return Ok(Rendered::Obsolete);
        }
        let channel = match self.channel_of(&incident) {
            Ok(channel) => channel,
            Err(rendered) => return Ok(rendered),
        };
        let roster = self.roster(&incident.service);
        let lines = roster_lines(&roster, self.directory(), true, self.now());
        let text = format!(
            "{}: PagerDuty takes no page now, and one is not through. Call somebody who is on call for {}:\n{}",
            incident.number,
            incident.service,
            lines.join("\n")
        );
        Ok(Rendered::Chat(Box::new(ChatMessage::Note { channel, thread: incident.card_ts.clone(), text })))
    }
}

/// What the pager said when it was last asked, as it is kept.
///
/// # Errors
/// When the store cannot be read.
pub async fn seen(store: &dyn Store) -> Result<Option<SeenOnCall>, EngineError> {
    let kept = store.kept(KEY.to_owned()).await?;
    // what another release kept may not read: it is asked for again
    Ok(kept.into_iter().find(|kept| kept.key == KEY).and_then(|kept| serde_json::from_str(&kept.value).ok()))
}

/// Who is on call for a service at a moment.
fn roster(settings: &Settings, seen: Option<&SeenOnCall>, service: &str, now: DateTime<Utc>) -> Roster {
    let turn = |one: &crate::settings::RotationSettings| {
        let shift = one.rotation.is_for(service).then(|| one.rotation.at(&one.zone, now)).flatten()?;
        Some(Turn { rotation: one.rotation.name.clone(), who: shift.who, until: shift.until })
    };
    let id = settings.service(service).and_then(|service| service.pagerduty_id.as_ref());
    let levels = seen.zip(id).and_then(|(seen, id)| seen.services.get(id));
    Roster {
        pager: levels.cloned(),
        asked_at: seen.map(|seen| seen.at),
        turns: settings.rotations.iter().filter_map(turn).collect(),
        now,
    }
}

/// Who is on call: for one service or each of them. `here` is an incident and who commands it. Numbers only where `numbers` says so.
#[must_use]
pub fn on_call(
    settings: &Settings,
    seen: Option<&SeenOnCall>,
    (service, here): (Option<&str>, Option<(&IncidentRow, Option<String>)>),
    numbers: bool,
    now: DateTime<Utc>,
) -> Reply {
    let mut text = String::new();
    let mut data = json!({ "asked_at": seen.map(|seen| time(seen.at)) });
    if let Some((row, commander)) = here {
        let _ = writeln!(text, "{}: {} commands", row.number, commander.as_deref().unwrap_or("nobody"));
        data["incident"] = json!({ "number": row.number.to_string(), "commander": commander });
    }
    let directory = &settings.directory;
    let mut services = Vec::new();
    for one in settings.services.iter().filter(|one| service.is_none_or(|name| one.name == name)) {
        let roster = roster(settings, seen, &one.name, now);
        let lines = roster_lines(&roster, directory, numbers, now);
        let _ = writeln!(text, "{}\n  {}", one.name, lines.join("\n  "));
        services.push(json!({
            "service": one.name,
            "pager": roster.pager.as_ref().map(|levels| levels.iter().map(|turn| level(turn, settings, numbers)).collect::<Vec<_>>()),
            "rotations": roster.turns.iter().map(|turn| json!({
                "rotation": turn.rotation,
                "person": turn.who,
                "until": time(turn.until),
                "phone": phone(settings, &turn.who, numbers),
            })).collect::<Vec<_>>(),
        }));
    }
    data["services"] = json!(services);
    let mut roles = BTreeMap::new();
    for role in [Role::Commander, Role::CommunicationsLead, Role::Scribe, Role::Responder] {
        let people = directory.people().iter().filter(|person| person.roles.contains(&role));
        let names: Vec<&str> = people.map(|person| person.name.as_str()).collect();
        let shown = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        let _ = writeln!(text, "{}: {shown}", role.words());
        roles.insert(role, names);
    }
    data["roles"] = json!(roles);
    let groups = if settings.groups.is_empty() { "" } else { " and of Slack's groups" };
    let _ = write!(
        text,
        "What people may do follows from the roles of blocks.toml{groups}: being on call gives nobody a right."
    );
    Reply { text, data }
}

fn level(turn: &PagerTurn, settings: &Settings, numbers: bool) -> Value {
    let is_theirs = |email: &String| {
        let people = settings.directory.people().iter();
        let mut theirs = people.filter(|person| {
            person.pagerduty_email.as_ref().is_some_and(|known| known.eq_ignore_ascii_case(email))
        });
        theirs.next().map(|person| person.name.clone())
    };
    let person = turn.email.as_ref().and_then(is_theirs);
    json!({
        "level": turn.level,
        "person": person,
        "name": turn.name,
        "schedule": turn.schedule,
        "until": turn.until.map(time),
        "phone": person.as_deref().and_then(|name| phone(settings, name, numbers)),
    })
}

fn phone(settings: &Settings, name: &str, numbers: bool) -> Option<String> {
    let person = settings.directory.person(name).filter(|_| numbers)?;
    person.phone.as_ref().map(|phone| phone.number().to_owned())
}

/// Whom the severities' steps would call, and who may not take an incident here: nobody heeds their `ack`. Each with the name they
/// are called by; those whom only the pager knows, too.
#[must_use]
pub fn called_without_standing(
    settings: &Settings,
    seen: Option<&SeenOnCall>,
    now: DateTime<Utc>,
) -> Vec<String> {
    let directory = &settings.directory;
    let severities = &settings.severities.default_scheme().severities;
    let of_severity = |severity: &'_ Severity| -> Vec<String> {
        let steps = severity.escalation.iter().flat_map(|step| &step.who);
        steps.chain(&severity.commander_rotation).cloned().collect()
    };
    let names: BTreeSet<String> = severities.iter().flat_map(of_severity).collect();
    let may_take =
        |person: &Person| person.roles.iter().any(|role| matches!(role, Role::Commander | Role::Responder));
    let mut all = BTreeSet::new();
    for name in &names {
        let in_turn = settings.rotations.iter().filter(|one| one.rotation.name == *name);
        let in_turn = in_turn.flat_map(|one| &one.rotation.people);
        let in_turn = in_turn.filter_map(|who| directory.person(who));
        let on_duty = directory.people().iter().filter(|person| person.stands_for(name));
        for person in in_turn.chain(on_duty).filter(|person| !may_take(person)) {
            all.insert(format!("{} ({name})", person.name));
        }
        for service in &settings.services {
            for one in roster(settings, seen, &service.name, now).to_call(name, directory) {
                match one {
                    ToCall::Person(person) if may_take(person) => {}
                    ToCall::Person(person) => {
                        all.insert(format!("{} ({name})", person.name));
                    }
                    ToCall::Stranger(turn) => {
                        let who = turn.email.as_deref().unwrap_or("somebody");
                        all.insert(format!("{who} ({name} at PagerDuty, no [[person]])"));
                    }
                }
            }
        }
    }
    all.into_iter().collect()
}

/// Names of the severities' steps that nobody stands for now, by service: a step would call nobody. Where the pager has a service and
/// was never asked who is on call, it may know somebody, and nothing is said of that service.
#[must_use]
pub fn called_for_nobody(
    settings: &Settings,
    seen: Option<&SeenOnCall>,
    now: DateTime<Utc>,
) -> Vec<(String, Vec<String>)> {
    let steps = settings.severities.default_scheme().severities.iter().flat_map(|one| &one.escalation);
    let names: BTreeSet<&String> = steps.flat_map(|step| &step.who).collect();
    let is_known = |service: &&ServiceSettings| service.pagerduty_id.is_none() || seen.is_some();
    let of = |service: &ServiceSettings| {
        let roster = roster(settings, seen, &service.name, now);
        let is_empty = |name: &&&String| roster.to_call(name, &settings.directory).is_empty();
        let nobody: Vec<String> = names.iter().filter(is_empty).map(|name| (*name).clone()).collect();
        (!nobody.is_empty()).then(|| (service.name.clone(), nobody))
    };
    settings.services.iter().filter(is_known).filter_map(of).collect()
}

/// The shifts of the rotations, as a calendar and as data.
///
/// # Errors
/// When the days are none, end before they begin, or are more than a year.
pub fn export(
    settings: &Settings,
    (from, until): (Option<&str>, Option<&str>),
    now: DateTime<Utc>,
) -> Result<Reply, EngineError> {
    let day = |text: &str| {
        text.parse::<NaiveDate>().map_err(|_| {
            EngineError::Usage(format!("'{}' is no day; hint: write it as 2026-11-30", text.escape_default()))
        })
    };
    let from = from.map(day).transpose()?.unwrap_or(now.date_naive());
    let until = match until {
        Some(text) => day(text)?,
        None => from.checked_add_signed(chrono::Duration::days(EXPORT_DAYS)).unwrap_or(from),
    };
    let days = (until - from).num_days();
    if !(1..=EXPORT_MOST_DAYS).contains(&days) {
        return Err(EngineError::Usage(format!(
            "{from} to {until} is {days} days; hint: an export covers 1 to {EXPORT_MOST_DAYS}, such as --from {from} --until {}",
            from.checked_add_signed(chrono::Duration::days(EXPORT_DAYS)).unwrap_or(from)
        )));
    }
    if settings.rotations.is_empty() {
        return Err(EngineError::NotFound(
            "there is no rotation to export; hint: a [[rotation]] in blocks.toml, as docs/oncall.md has it"
                .to_owned(),
        ));
    }
    let (from, until) = (from.and_time(NaiveTime::MIN).and_utc(), until.and_time(NaiveTime::MIN).and_utc());
    let mut shifts: Vec<(String, Shift)> = Vec::new();
    for one in &settings.rotations {
        let left = EXPORT_MOST.saturating_sub(shifts.len());
        let all = one.rotation.between(&one.zone, from, until, left);
        shifts.extend(all.into_iter().map(|shift| (one.rotation.name.clone(), shift)));
    }
    if shifts.len() >= EXPORT_MOST {
        return Err(EngineError::Usage(format!(
            "that is {EXPORT_MOST} shifts or more; hint: fewer days, with --until"
        )));
    }
    shifts.sort_by(|one, other| (one.1.from, &one.0).cmp(&(other.1.from, &other.0)));
    let data = json!({
        "from": time(from),
        "until": time(until),
        "shifts": shifts.iter().map(|(rotation, shift)| json!({
            "rotation": rotation,
            "person": shift.who,
            "from": time(shift.from),
            "until": time(shift.until),
        })).collect::<Vec<_>>(),
    });
    Ok(Reply { text: calendar(&shifts, now).trim_end().to_owned(), data })
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
