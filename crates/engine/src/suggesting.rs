//! Runbooks that may help: ranked by the rules, by what they say, and by how they did before.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use runbook_core::ids::IncidentId;
use runbook_core::incident::{Incident, IncidentCommand};
use runbook_core::journal::Cause;
use runbook_core::ports::{IncidentRow, Store};
use runbook_core::request::Request;
use runbook_core::rules::{Choice, Facts, TriedPage};
use runbook_core::suggest::{Candidate, Need, Past, Suggestion, suggest};
use runbook_core::view;
use serde_json::json;
use tokio::time::Instant;

use crate::choosing::choice;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::library::Library;
use crate::origin::{Asker, Origin, Reply};
use crate::sees::Hidden;
use crate::settings::Settings;

/// So many runs and incidents of the past are looked through.
const LOOK: usize = 2_000;

/// So long what was looked through for one incident is looked through for the next ones: in a storm each would read everything.
const FRESH: Duration = Duration::from_secs(5);

/// What is looked through: the runbooks, and what was run for which incident and how that ended.
#[derive(Debug)]
pub(crate) struct Shelf {
    candidates: Vec<Candidate>,
    past: Vec<(IncidentId, Past)>,
}

/// What was looked through last, and when.
pub(crate) type LastShelf = tokio::sync::Mutex<Option<(Instant, Arc<Shelf>)>>;

/// Where everything is that is looked through.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The journal and its rows.
    pub store: &'a dyn Store,
    /// What is configured.
    pub settings: &'a Settings,
    /// The runbooks.
    pub library: &'a Library,
    /// The incidents that whoever asks does not see.
    pub hidden: &'a Hidden,
}

/// The runbooks that may help an incident, or a page that says this; and which rule chooses what.
///
/// # Errors
/// When the store does not read.
pub async fn reply(
    sources: &Sources<'_>,
    row: Option<&IncidentRow>,
    page: &TriedPage,
) -> Result<Reply, EngineError> {
    let incident = match row {
        Some(row) => load_incident(sources.store, row.id).await?.map(|loaded| loaded.state),
        None => None,
    };
    let facts = match &incident {
        Some(incident) => {
            Facts { service: incident.service.clone(), title: incident.title.clone(), ..Facts::default() }
        }
        None => page.facts(),
    };
    let asked = choice(sources.settings, &facts);
    let found = ranked(sources, &shelf(sources).await?, &facts, incident.as_ref(), &asked);
    // of an incident what has been chosen counts, not what would be by now
    let why = match &incident {
        Some(incident) if incident.chosen.is_some() => view::why(incident),
        _ => asked.words(),
    };
    let named = incident.as_ref().map(|incident| incident.number.to_string());
    let mut text = match &named {
        Some(number) => format!("{number}, {}: {}\nwhy: {why}", facts.service, facts.title),
        None => format!("a page of {}: {}\nwhy: {why}", facts.service, facts.title),
    };
    let about = named.as_ref().map_or_else(String::new, |number| format!(" --incident {number}"));
    for (index, one) in found.iter().enumerate() {
        let (place, name, title) = (index + 1, &one.runbook, &one.title);
        let _ = write!(text, "\n{place}. {title}: {}\n   `blocks runbook run {name}{about}`", one.words());
    }
    if found.is_empty() {
        text.push_str("\nno runbook is known to help; `blocks runbook list` names all of them");
    }
    let chosen = incident.as_ref().and_then(|incident| incident.chosen.clone());
    let chosen = chosen.unwrap_or_else(|| asked.chosen.clone());
    let severity = incident.as_ref().map_or(&asked.severity, |incident| &incident.severity);
    let data = json!({
        "incident": named,
        "service": facts.service,
        "title": facts.title,
        "severity": severity,
        "why": why,
        "rule": chosen.rule,
        "triage": chosen.triage,
        "suggestions": found,
    });
    Ok(Reply { text, data })
}

fn ranked(
    sources: &Sources<'_>,
    shelf: &Shelf,
    facts: &Facts,
    incident: Option<&Incident>,
    asked: &Choice,
) -> Vec<Suggestion> {
    let chosen = incident.and_then(|incident| incident.chosen.as_ref()).unwrap_or(&asked.chosen);
    let service = sources.settings.service(&facts.service);
    let need = Need {
        service: &facts.service,
        title: &facts.title,
        rule: chosen.rule.as_deref().map(|rule| (rule, chosen.suggest.as_slice())),
        rollback: service.and_then(|service| service.rollback.as_deref()),
        looks: &chosen.triage,
        private: incident.is_some_and(|incident| incident.private),
    };
    let own = incident.map(|incident| incident.id);
    let others = shelf.past.iter().filter(|(of, _)| Some(*of) != own);
    let past: Vec<Past> = others.map(|(_, past)| past.clone()).collect();
    suggest(need, &shelf.candidates, &past)
}

async fn shelf(sources: &Sources<'_>) -> Result<Shelf, EngineError> {
    Ok(Shelf { candidates: candidates(sources.library), past: past(sources).await? })
}

fn candidates(library: &Library) -> Vec<Candidate> {
    let read = library.read_all().into_values().filter_map(Result::ok);
    read.map(|entry| Candidate {
        private: entry.is_private(),
        name: entry.document.name,
        title: entry.document.title,
        service: entry.document.front.service,
        match_terms: entry.document.front.match_terms,
        headings: entry.document.headings.into_iter().map(|heading| heading.text).collect(),
        text: entry.text,
    })
    .collect()
}

/// What was run for other incidents, and how that ended. What was done in a private one tells nobody else anything.
async fn past(sources: &Sources<'_>) -> Result<Vec<(IncidentId, Past)>, EngineError> {
    let incidents: BTreeMap<IncidentId, IncidentRow> =
        sources.store.incidents(false, LOOK).await?.into_iter().map(|row| (row.id, row)).collect();
    let runs = sources.store.runs(None, false, LOOK).await?;
    let of = |run: runbook_core::ports::RunRow| {
        let incident = run.incident.filter(|id| !sources.hidden.hides(Some(*id)))?;
        let row = incidents.get(&incident).filter(|row| !row.private)?;
        let says_something = run.mutating && !run.open && run.status != "cancelled";
        let past = || Past {
            worked: run.status == "succeeded",
            runbook: run.runbook,
            service: row.service.clone(),
            title: row.title.clone(),
        };
        says_something.then(|| (incident, past()))
    };
    Ok(runs.into_iter().filter_map(of).collect())
}

impl Engine {
    pub(crate) async fn suggest_request(
        &self,
        request: &Request,
        asker: &Asker,
    ) -> Result<Reply, EngineError> {
        let Request::RunbookSuggest { incident, page } = request else {
            return Err(EngineError::Refused("that asks for no suggestion".to_owned()));
        };
        let hidden = self.hidden_from(asker).await?;
        let sources = self.sources(&hidden);
        if let Some(service) = &page.service {
            self.settings().named_service(service)?;
        }
        let row = match page.is_empty() {
            false => None,
            true => Some(self.find_any_incident(incident.as_deref(), asker).await?),
        };
        reply(&sources, row.as_ref(), page).await
    }

    fn sources<'a>(&'a self, hidden: &'a Hidden) -> Sources<'a> {
        Sources { store: self.store(), settings: self.settings(), library: self.library(), hidden }
    }

    /// Looks once for runbooks that may help an incident; what is found stands on its card.
    pub(crate) async fn suggest_runbooks(&self, id: IncidentId) -> Result<(), EngineError> {
        let Some(loaded) = load_incident(self.store(), id).await? else { return Ok(()) };
        let incident = loaded.state;
        let chosen = incident.chosen.clone().unwrap_or_default();
        let is_there = |name: &String| incident.suggested.iter().any(|one| one.runbook == *name);
        // a rule that matches once the details are known may name others
        let is_due = incident.suggested.is_empty() || !chosen.suggest.iter().all(is_there);
        if !is_due || !incident.status.is_open() {
            return Ok(());
        }
        if !self.inner.sharing.is_first_look(id, &incident.service, chosen.rule.as_deref()) {
            return Ok(());
        }
        let facts =
            Facts { service: incident.service.clone(), title: incident.title.clone(), ..Facts::default() };
        let hidden = Hidden::default();
        let asked = self.choose(&facts);
        let shelf = self.shelf_lately().await?;
        let mut all = ranked(&self.sources(&hidden), &shelf, &facts, Some(&incident), &asked);
        // the card has a line of its own for it
        let service = self.settings().service(&incident.service);
        let rollback = service.and_then(|service| service.rollback.as_deref());
        all.retain(|one| Some(one.runbook.as_str()) != rollback);
        let origin = Origin::system("triage", Cause::Engine);
        self.change_incident(id, &IncidentCommand::Suggest { all }, &origin, None).await.map(|_| ())
    }

    /// What there is to look through, as of a moment ago: of those who come together one reads it.
    async fn shelf_lately(&self) -> Result<Arc<Shelf>, EngineError> {
        let mut last = self.inner.sharing.shelf.lock().await;
        if let Some((_, shelf)) = last.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return Ok(Arc::clone(shelf));
        }
        let shelf = Arc::new(shelf(&self.sources(&Hidden::default())).await?);
        *last = Some((Instant::now(), Arc::clone(&shelf)));
        Ok(shelf)
    }
}
