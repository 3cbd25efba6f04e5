//! Tests of the way from a trigger, or from a step of the escalation, to a person: sent for real, marked as tests in every word, measured,
//! and written into the alert-validation log.
//!
//! Nothing here opens an incident: what could be mistaken for one, and would count in a report, is not made.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use runbook_core::ids::IncidentId;
use runbook_core::message::Outgoing;
use runbook_core::oncall::{Roster, ToCall};
use runbook_core::ports::{Commit, PageUrgency, PagerCall, TEST_KEY};
use runbook_core::trigger::{Reading, Trigger, shown};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::origin::{Asker, Pace, Reply};

/// A message has to be there by then.
const CHAT_TARGET: Duration = Duration::from_secs(30);
/// A page has to be there by then.
const PAGE_TARGET: Duration = Duration::from_secs(60);
/// A page that has not left by so long after its time is not sent any more: nobody is woken by a test that is over.
const GRACE: Duration = Duration::from_secs(30);
/// How often it is looked whether it is.
const LOOK: Duration = Duration::from_millis(100);
/// The log, in the data folder.
const LOG: &str = "alert-validation.csv";
/// Its first line.
const HEAD: &str = "at,what,by,way,to,received_ms,target_ms,result\n";

/// One way that is tested.
struct Way {
    kind: &'static str,
    to: String,
    key: String,
    target: Duration,
    /// Why it is not tried at all.
    missing: Option<String>,
    /// The page that is ended afterwards.
    page: Option<String>,
}

/// Whom a test pages.
#[derive(Clone, PartialEq, Eq)]
struct Paged {
    to: String,
    email: Option<String>,
    /// Without an e-mail, whoever is on call for the service.
    or_anybody: bool,
}

/// What became of it.
struct Tested {
    way: Way,
    received_ms: Option<u64>,
}

impl Tested {
    fn is_good(&self) -> bool {
        self.way.missing.is_none()
            && self.received_ms.is_some_and(|ms| u128::from(ms) <= self.way.target.as_millis())
    }

    fn result(&self) -> String {
        match (&self.way.missing, self.received_ms) {
            (Some(why), _) => format!("not possible: {why}"),
            (None, None) => "not received".to_owned(),
            (None, Some(_)) if self.is_good() => "received in time".to_owned(),
            (None, Some(_)) => "received too late".to_owned(),
        }
    }
}

impl Engine {
    /// Sends a trigger's message and its page as a test, and tells how long each took.
    pub(crate) async fn test_trigger(&self, name: &str, asker: &Asker) -> Result<Reply, EngineError> {
        self.require_standing(asker, "test a trigger")?;
        let settings = self.settings();
        let shown_to = self.triggers_shown_to(asker);
        let Some(trigger) = shown_to.iter().find(|one| one.name == name).cloned() else {
            let known: Vec<&str> = shown_to.iter().map(|one| one.name.as_str()).collect();
            return Err(EngineError::NotFound(format!(
                "there is no trigger '{}'; hint: blocks.toml names: {}",
                name.escape_default(),
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            )));
        };
        let answers = match self.read_trigger(&trigger).await {
            Reading::Failed(reason) => format!("its question has no answer: {reason}"),
            Reading::Values(samples) => {
                let numbers = samples.iter().map(|one| one.value).filter(|value| !value.is_nan());
                match numbers.reduce(|one, other| trigger.when.worse(one, other)) {
                    None => "its question has an answer without a number".to_owned(),
                    Some(value) => format!(
                        "it reads {}, and would fire {} {}",
                        shown(value),
                        trigger.when.sign(),
                        shown(trigger.limit)
                    ),
                }
            }
        };
        let id = self.inner.parts.ids.fresh();
        let text = format!(
            "TEST, nothing is wrong: {} tests the trigger {} ({}). Nobody has to do anything.",
            asker.actor, trigger.name, trigger.says
        );
        let mut ways = Vec::new();
        let mut commit = Commit::default();
        // where nothing is said in a channel, there is no such way
        if settings.has_chat && !self.is_told_privately(&trigger) {
            ways.push(self.test_message(&trigger, &text, id, &mut commit));
        }
        if let Some(duty) = &trigger.page {
            let service = trigger.service.clone().or_else(|| {
                let services = &settings.services;
                services.first().filter(|_| services.len() == 1).map(|service| service.name.clone())
            });
            let service = service.unwrap_or_default();
            let roster = self.roster(&service);
            match self.paged_for(duty, &service, &roster) {
                Some(paged) => ways.push(self.test_page(&paged, &service, (&text, id), &mut commit)),
                None => ways.push(nobody(duty)),
            }
        }
        let tested = self.send_and_wait(ways, commit).await?;
        self.report_test(&format!("trigger {}", trigger.name), Some(&answers), tested, asker).await
    }

    /// Pages everybody whom the steps of a service's severity would, each as a test.
    pub(crate) async fn test_escalation(
        &self,
        service: Option<&str>,
        asker: &Asker,
    ) -> Result<Reply, EngineError> {
        self.require_standing(asker, "test an escalation")?;
        let settings = self.settings();
        let service = match (service, settings.services.as_slice()) {
            (Some(name), _) => settings.named_service(name)?,
            (None, [only]) => only,
            (None, _) => {
                return Err(EngineError::Usage(
                    "which service is meant? hint: `oncall test SERVICE`".to_owned(),
                ));
            }
        };
        let scheme = settings.severities.default_scheme();
        // the longest path: that of the most severe, which is walked for every lesser one
        let Some(severity) = scheme.severities.iter().find(|severity| !severity.escalation.is_empty()) else {
            return Err(EngineError::Refused(
                "no severity has steps; hint: `escalation` in the file of severities".to_owned(),
            ));
        };
        let roster = self.roster(&service.name);
        let text = format!(
            "TEST, nothing is wrong: {} tests the escalation of {} ({}). Nobody has to do anything.",
            asker.actor, service.name, severity.id
        );
        let (mut ways, mut commit) = (Vec::new(), Commit::default());
        let mut all: Vec<Paged> = Vec::new();
        for name in severity.escalation.iter().flat_map(|step| &step.who) {
            match self.paged_for(name, &service.name, &roster) {
                Some(paged) if all.contains(&paged) => {}
                Some(paged) => {
                    let id = self.inner.parts.ids.fresh();
                    ways.push(self.test_page(&paged, &service.name, (&text, id), &mut commit));
                    all.push(paged);
                }
                None => ways.push(nobody(name)),
            }
        }
        let what = format!("escalation of {} ({})", service.name, severity.id);
        let tested = self.send_and_wait(ways, commit).await?;
        self.report_test(&what, None, tested, asker).await
    }

    fn test_message(&self, trigger: &Trigger, text: &str, id: Uuid, commit: &mut Commit) -> Way {
        let severity = trigger.severity.as_deref();
        let scheme = self.settings().severities.default_scheme();
        let channel = trigger.channel.clone().or_else(|| {
            let own = severity.and_then(|severity| scheme.get(severity));
            own.and_then(|severity| severity.channels.first().cloned())
        });
        let missing =
            channel.is_none().then(|| "neither the trigger nor its severity names a channel".to_owned());
        if let (Some(channel), None) = (&channel, &missing) {
            let message = Outgoing::Notice { channel: channel.clone(), text: text.to_owned() };
            self.enqueue(commit, &message, &format!("test/{id}"), Pace::AtOnce, self.now());
        }
        Way {
            kind: "chat",
            to: channel.unwrap_or_default(),
            key: format!("notice/test/{id}"),
            target: CHAT_TARGET,
            missing,
            page: None,
        }
    }

    /// Whom a step of that name pages, as the clock finds them: whom the pager can ring for first.
    fn paged_for(&self, name: &str, service: &str, roster: &Roster) -> Option<Paged> {
        let is_level = Roster::is_level(name);
        let paged = |one: ToCall<'_>| match one {
            ToCall::Person(person) => {
                let email = person.pagerduty_email.clone();
                Paged { to: person.name.clone(), email, or_anybody: is_level }
            }
            ToCall::Stranger(turn) => {
                let name = turn.name.as_ref().or(turn.email.as_ref()).map_or("somebody", String::as_str);
                Paged { to: format!("pagerduty:{name}"), email: turn.email.clone(), or_anybody: true }
            }
        };
        let all: Vec<Paged> = roster.to_call(name, self.directory()).into_iter().map(paged).collect();
        let can_ring = all.iter().find(|one| one.email.is_some() || one.or_anybody);
        let is_there = self.settings().service(service).is_some_and(|known| known.pagerduty_id.is_some());
        let anybody =
            || Paged { to: "pagerduty:whoever is on call".to_owned(), email: None, or_anybody: true };
        can_ring.or(all.first()).cloned().or_else(|| (is_level && is_there).then(anybody))
    }

    fn test_page(&self, paged: &Paged, service: &str, (text, id): (&str, Uuid), commit: &mut Commit) -> Way {
        let at_pager = self.settings().service(service).and_then(|service| service.pagerduty_id.clone());
        let missing = match (&at_pager, &paged.email) {
            _ if !self.settings().has_pager => Some("no pager is configured".to_owned()),
            (None, _) => Some(format!("the service '{service}' has no `pagerduty_id`")),
            (_, None) if !paged.or_anybody => Some(format!("{} has no `pagerduty_email`", paged.to)),
            _ => None,
        };
        let until = self.now() + PAGE_TARGET + GRACE;
        let key = format!("{TEST_KEY}{}/{id}", until.timestamp_millis());
        let outbox_key = format!("pager/page/test/{id}/{id}");
        if missing.is_none() {
            let call = PagerCall::Page {
                incident: String::new(),
                key: key.clone(),
                title: text.to_owned(),
                text: text.to_owned(),
                to: paged.email.clone(),
                service: at_pager,
                // whoever tests wants to know that it wakes them
                urgency: PageUrgency::High,
            };
            // it is about no incident
            let message = Outgoing::Pager { incident: IncidentId(Uuid::nil()), call };
            self.enqueue(commit, &message, &format!("test/{id}"), Pace::AtOnce, self.now());
        }
        Way {
            kind: "page",
            to: paged.to.clone(),
            key: outbox_key,
            target: PAGE_TARGET,
            missing,
            page: Some(key),
        }
    }

    /// Lets it leave, waits until the other sides have it, and ends what rings.
    async fn send_and_wait(&self, ways: Vec<Way>, commit: Commit) -> Result<Vec<Tested>, EngineError> {
        let began = tokio::time::Instant::now();
        self.store().commit(commit).await?;
        self.touch();
        let mut tested: Vec<Tested> = ways.into_iter().map(|way| Tested { way, received_ms: None }).collect();
        let mut left = tokio::time::interval(LOOK);
        loop {
            left.tick().await;
            // what has not left by now does not, and is not taken for what has
            if began.elapsed() >= PAGE_TARGET + GRACE {
                break;
            }
            let mut waits = false;
            for one in tested.iter_mut().filter(|one| one.way.missing.is_none() && one.received_ms.is_none())
            {
                if self.store().outbox_waits(one.way.key.clone()).await? {
                    waits = true;
                } else if self.store().outbox_left(one.way.key.clone()).await?.contains(&one.way.key) {
                    one.received_ms = u64::try_from(began.elapsed().as_millis()).ok();
                } else {
                    one.way.missing = Some("it was refused for good; the log of Blocks says why".to_owned());
                }
            }
            if !waits || began.elapsed() > PAGE_TARGET {
                break;
            }
        }
        let mut commit = Commit::default();
        for one in &tested {
            // what has not left yet is ended behind it
            if let (Some(key), None) = (&one.way.page, &one.way.missing) {
                let call = PagerCall::EndPage { key: key.clone() };
                let message = Outgoing::Pager { incident: IncidentId(Uuid::nil()), call };
                self.enqueue(&mut commit, &message, key, Pace::AtOnce, self.now());
            }
        }
        self.store().commit(commit).await?;
        self.touch();
        Ok(tested)
    }

    /// Writes the log, and answers.
    async fn report_test(
        &self,
        what: &str,
        answers: Option<&str>,
        tested: Vec<Tested>,
        asker: &Asker,
    ) -> Result<Reply, EngineError> {
        let at = self.now();
        let mut text = format!("test of the {what}");
        if let Some(answers) = answers {
            let _ = write!(text, ": {answers}");
        }
        let mut lines = String::new();
        for one in &tested {
            let took = one.received_ms.map_or_else(String::new, |ms| {
                format!(" after {ms} ms (at most {} s)", one.way.target.as_secs())
            });
            let _ = write!(text, "\n  {} to {}: {}{took}", one.way.kind, one.way.to, one.result());
            let target_ms = one.way.target.as_millis().to_string();
            let cells = [
                time(at),
                what.to_owned(),
                asker.actor.to_string(),
                one.way.kind.to_owned(),
                one.way.to.clone(),
                one.received_ms.map_or_else(String::new, |ms| ms.to_string()),
                target_ms,
                one.result(),
            ];
            lines.push_str(&cells.map(|cell| quoted(&cell)).join(","));
            lines.push('\n');
        }
        let path = self.settings().data_dir.join(LOG);
        let written = {
            let path = path.clone();
            tokio::task::spawn_blocking(move || append(&path, &lines)).await
        };
        let written = written.map_err(std::io::Error::other).and_then(|written| written);
        match &written {
            Ok(()) => {
                let _ = write!(text, "\nIt is written into {}.", path.display());
            }
            Err(error) => {
                let _ = write!(text, "\nIt could NOT be written into {}: {error}.", path.display());
            }
        }
        let passed = !tested.is_empty() && tested.iter().all(Tested::is_good);
        let ways: Vec<Value> = tested
            .iter()
            .map(|one| {
                json!({
                    "way": one.way.kind,
                    "to": one.way.to,
                    "received_ms": one.received_ms,
                    "target_ms": u64::try_from(one.way.target.as_millis()).unwrap_or(u64::MAX),
                    "result": one.result(),
                    "passed": one.is_good(),
                })
            })
            .collect();
        let data = json!({
            "what": what,
            "at": time(at),
            "reads": answers,
            "passed": passed,
            "ways": ways,
            "log": path,
            "logged": written.is_ok(),
        });
        Ok(Reply { text, data })
    }
}

/// Whether a page is that of a test that is over.
pub(crate) fn is_of_a_past_test(key: &str, now: DateTime<Utc>) -> bool {
    let until = key.strip_prefix(TEST_KEY).and_then(|rest| rest.split('/').next()?.parse().ok());
    until.is_some_and(|until| now.timestamp_millis() >= until)
}

fn nobody(duty: &str) -> Way {
    Way {
        kind: "page",
        to: duty.to_owned(),
        key: String::new(),
        target: PAGE_TARGET,
        missing: Some(format!("nobody stands for {duty}")),
        page: None,
    }
}

/// A cell of a table that other programs read: none begins a formula, a line or another cell.
fn quoted(cell: &str) -> String {
    let cell: String = cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let guard = if cell.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    if cell.contains([',', '"']) || !guard.is_empty() {
        format!("\"{guard}{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

/// Lines at the end of the log, which is there for its owner alone.
fn append(path: &std::path::Path, lines: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    if file.metadata()?.len() == 0 {
        file.write_all(HEAD.as_bytes())?;
    }
    file.write_all(lines.as_bytes())?;
    file.sync_all()
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::{is_of_a_past_test, quoted};

    #[test]
    fn the_page_of_a_test_has_its_time() {
        let at = |ms| DateTime::<Utc>::from_timestamp_millis(ms).unwrap();
        for (key, now, is_past) in [
            ("blocks/test/1000/x", 999, false),
            ("blocks/test/1000/x", 1_000, true),
            ("blocks/test/x", 1_000, false),
            ("blocks/escalate/1000/x", 1_000, false),
        ] {
            assert_eq!(is_of_a_past_test(key, at(now)), is_past, "{key} {now}");
        }
    }

    #[test]
    fn a_cell_stays_a_cell() {
        for (cell, written) in [
            ("ana", "ana"),
            ("a, b", "\"a, b\""),
            ("a \"b\"", "\"a \"\"b\"\"\""),
            ("=cmd()", "\"'=cmd()\""),
            ("a\nb", "a b"),
        ] {
            assert_eq!(quoted(cell), written);
        }
    }
}
