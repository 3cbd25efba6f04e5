//! Who sees what of private incidents: who opened one, who has a part in it, the commanders, and whoever asks in its channel.

use std::collections::BTreeSet;

use runbook_core::ids::IncidentId;
use runbook_core::incident::Incident;
use runbook_core::people::{Actor, Person, Role};
use runbook_core::ports::IncidentRow;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::Asker;

const LOOK: usize = 10_000;

/// Whom something is shown to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Seer<'a> {
    /// Everybody in a channel: nothing private, and no numbers.
    Channel,
    /// One person, who sees their private incidents.
    Person(&'a Person),
    /// Whoever reads the files of this machine.
    Machine,
    /// A program.
    Program,
}

impl Seer<'_> {
    /// Whether nothing is hidden from them.
    pub(crate) fn sees_all(self) -> bool {
        match self {
            Seer::Machine => true,
            Seer::Person(person) => person.roles.contains(&Role::Commander),
            Seer::Channel | Seer::Program => false,
        }
    }

    /// Whether they see an incident.
    pub(crate) fn sees(self, incident: &Incident) -> bool {
        match self {
            _ if !incident.private => true,
            Seer::Machine => true,
            Seer::Person(person) => may_see(person, incident),
            Seer::Channel | Seer::Program => false,
        }
    }
}

/// Whom a private incident is shown to: who opened it, who has a part in it, and the commanders.
pub(crate) fn may_see(person: &Person, incident: &Incident) -> bool {
    let is = |actor: &Actor| *actor == Actor::Person(person.name.clone());
    person.roles.contains(&Role::Commander)
        || is(&incident.opened_by)
        || incident.commander.as_ref().is_some_and(|commander| is(&commander.who))
        || incident.roles.iter().any(|(_, who)| is(who))
        || incident.passed.shows(&Actor::Person(person.name.clone()))
}

/// The private incidents that somebody does not see; none by default, as for whoever reads the files.
#[derive(Debug, Clone, Default)]
pub struct Hidden {
    ids: BTreeSet<IncidentId>,
    /// Older ones were not looked at, and are hidden: ids are in the order of time.
    oldest_seen: Option<IncidentId>,
    /// Who can let somebody in.
    commanders: Vec<String>,
    /// The name of who asks, where a person does.
    asker: Option<String>,
}

impl Hidden {
    /// Whether this incident is hidden, or what belongs to it; what belongs to none is not.
    #[must_use]
    pub fn hides(&self, incident: Option<IncidentId>) -> bool {
        let hides = |id| self.ids.contains(&id) || self.oldest_seen.is_some_and(|oldest| id < oldest);
        incident.is_some_and(hides)
    }

    /// Whom to ask about what is hidden.
    pub(crate) fn whom_to_ask(&self) -> String {
        match self.commanders.as_slice() {
            [] => "whoever has a part in it".to_owned(),
            names => names.join(" or "),
        }
    }

    /// # Errors
    /// When the incident is hidden: that it is there is no secret, since its number is one of a row.
    pub(crate) fn refuse(&self, row: &IncidentRow) -> Result<(), EngineError> {
        if !self.hides(Some(row.id)) {
            return Ok(());
        }
        let number = row.number;
        let line = self.asker.as_ref().map(|name| format!(" with `role responder @{name} {number}`"));
        Err(EngineError::Forbidden(format!(
            "{number} is private; hint: ask {} to let you in{}",
            self.whom_to_ask(),
            line.unwrap_or_default()
        )))
    }
}

impl Engine {
    /// Whom an answer is shown to.
    pub(crate) fn seer<'a>(&'a self, asker: &Asker) -> Seer<'a> {
        match &asker.actor {
            Actor::Service(_) => Seer::Program,
            Actor::System(_) => Seer::Machine,
            Actor::Local(_) if asker.channel.is_none() => Seer::Machine,
            actor => match self.directory().person_of(actor) {
                Some(person) => Seer::Person(person),
                None => Seer::Channel,
            },
        }
    }

    /// The private incidents that somebody who asks does not see.
    pub(crate) async fn hidden_from(&self, asker: &Asker) -> Result<Hidden, EngineError> {
        let seer = self.seer(asker);
        if seer.sees_all() {
            return Ok(Hidden::default());
        }
        let rows = self.store().incidents(false, LOOK).await?;
        let oldest_seen = if rows.len() < LOOK { None } else { rows.iter().map(|row| row.id).min() };
        let mut ids = BTreeSet::new();
        for row in rows.into_iter().filter(|row| row.private) {
            // chat lets nobody else into its channel
            let is_here = asker.channel.is_some() && row.channel == asker.channel;
            let sees = is_here
                || match load_incident(self.store(), row.id).await? {
                    Some(loaded) => seer.sees(&loaded.state),
                    None => false,
                };
            if !sees {
                ids.insert(row.id);
            }
        }
        let people = self.directory().people().iter();
        let commanders = people.filter(|person| person.roles.contains(&Role::Commander));
        Ok(Hidden {
            ids,
            oldest_seen,
            commanders: commanders.map(|person| person.name.clone()).collect(),
            asker: match seer {
                Seer::Person(person) => Some(person.name.clone()),
                Seer::Channel | Seer::Machine | Seer::Program => None,
            },
        })
    }
}
