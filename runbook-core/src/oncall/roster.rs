//! Who is on call for one service at one moment, and whom that makes of a name of the severities' steps.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::journal::millis;
use crate::people::{Directory, Person};

/// The pager's levels by the names that the severities use.
const LEVELS: [&str; 2] = ["primary", "secondary"];

/// Somebody whom the pager's policy pages, at one of its levels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PagerTurn {
    /// Counted from 1: whom it pages first.
    pub level: u32,
    /// The e-mail at the pager.
    #[serde(default)]
    pub email: Option<String>,
    /// The name there.
    #[serde(default)]
    pub name: Option<String>,
    /// What puts them there, such as a schedule's name.
    #[serde(default)]
    pub schedule: Option<String>,
    /// Until when; always when absent.
    #[serde(default, with = "millis::option")]
    pub until: Option<DateTime<Utc>>,
}

/// What the pager said when it was asked: by its ids of services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenOnCall {
    /// When it was asked.
    #[serde(with = "millis")]
    pub at: DateTime<Utc>,
    /// For each service, whom its policy pages, in order of level.
    pub services: std::collections::BTreeMap<String, Vec<PagerTurn>>,
}

/// Somebody's turn by a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The rotation's name.
    pub rotation: String,
    /// Who.
    pub who: String,
    /// Until when.
    pub until: DateTime<Utc>,
}

/// Who is on call for one service at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    /// By the pager, in order of level; `None` where it was never asked, or does not know the service.
    pub pager: Option<Vec<PagerTurn>>,
    /// When the pager was asked.
    pub asked_at: Option<DateTime<Utc>>,
    /// By rotations.
    pub turns: Vec<Turn>,
    /// The moment. What the pager said before it may have ended since.
    pub now: DateTime<Utc>,
}

impl PagerTurn {
    /// Whether it has not ended. Who has the next one is known when the pager is asked again.
    #[must_use]
    pub fn is_on(&self, now: DateTime<Utc>) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Somebody who is to be called by a name of the severities' steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToCall<'a> {
    /// Somebody who is known here.
    Person(&'a Person),
    /// Whom the pager's policy has there, and who is nobody here: they are known by their e-mail at the pager.
    Stranger(&'a PagerTurn),
}

impl Roster {
    /// Whether the pager's policy has a level of that name.
    #[must_use]
    pub fn is_level(name: &str) -> bool {
        LEVELS.contains(&name)
    }

    /// Whether what the pager said says nothing of now: it was never asked about this service, or somebody's turn has ended since.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        self.pager.as_ref().is_none_or(|turns| turns.iter().any(|turn| !turn.is_on(self.now)))
    }

    /// Whom the pager's policy has now at the level of that name.
    fn of_level(&self, name: &str) -> impl Iterator<Item = &PagerTurn> {
        let level = LEVELS.iter().position(|known| *known == name).map(|index| index + 1);
        let on = self.pager.iter().flatten().filter(|turn| turn.is_on(self.now));
        on.filter(move |turn| usize::try_from(turn.level).ok() == level)
    }

    /// Everybody who stands for a name now, whom to call first first: also whom the pager has at that level and nobody here knows.
    #[must_use]
    pub fn to_call<'a>(&'a self, name: &str, directory: &'a Directory) -> Vec<ToCall<'a>> {
        let is_of_level = |person: &&Person| self.of_level(name).any(|turn| is(turn, person));
        let (of_level, others): (Vec<&Person>, Vec<&Person>) =
            self.stand_for(name, directory).into_iter().partition(is_of_level);
        let is_stranger = |turn: &&PagerTurn| turn.email.is_some() && known(turn, directory).is_none();
        let strangers = self.of_level(name).filter(is_stranger).map(ToCall::Stranger);
        let of_level = of_level.into_iter().map(ToCall::Person);
        of_level.chain(strangers).chain(others.into_iter().map(ToCall::Person)).collect()
    }

    /// Everybody who stands for a name now, whom to ask first first: whom the pager's policy has at that level, whose turn it
    /// is by a rotation of that name, and who has it as a duty or a role.
    #[must_use]
    pub fn stand_for<'a>(&self, name: &str, directory: &'a Directory) -> Vec<&'a Person> {
        let by_pager = self.of_level(name).filter_map(|turn| known(turn, directory));
        let by_turn = self.turns.iter().filter(|turn| turn.rotation == name);
        let by_turn = by_turn.filter_map(|turn| directory.person(&turn.who));
        let by_duty = directory.people().iter().filter(|person| person.stands_for(name));
        let mut all: Vec<&Person> = Vec::new();
        for person in by_pager.chain(by_turn).chain(by_duty) {
            if !all.iter().any(|known| known.name == person.name) {
                all.push(person);
            }
        }
        all
    }

    /// Whether the pager's own policy comes to whoever has this e-mail there, sooner or later.
    #[must_use]
    pub fn is_in_policy(&self, email: &str) -> bool {
        let is_theirs =
            |turn: &PagerTurn| turn.email.as_ref().is_some_and(|known| known.eq_ignore_ascii_case(email));
        self.pager.iter().flatten().any(|turn| turn.is_on(self.now) && is_theirs(turn))
    }

    /// Whose turn it is by the rotation of that name.
    #[must_use]
    pub fn turn(&self, rotation: &str) -> Option<&Turn> {
        self.turns.iter().find(|turn| turn.rotation == rotation)
    }
}

/// The person whom the pager means, where they are known here.
pub(super) fn known<'a>(turn: &PagerTurn, directory: &'a Directory) -> Option<&'a Person> {
    directory.people().iter().find(|person| is(turn, person))
}

fn is(turn: &PagerTurn, person: &Person) -> bool {
    match (&turn.email, &person.pagerduty_email) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        _ => false,
    }
}
