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

impl Roster {
    /// Everybody who stands for a name now, whom to ask first first: whom the pager's policy has at that level, whose turn it
    /// is by a rotation of that name, and who has it as a duty or a role.
    #[must_use]
    pub fn stand_for<'a>(&self, name: &str, directory: &'a Directory) -> Vec<&'a Person> {
        let level = LEVELS.iter().position(|known| *known == name).map(|index| index + 1);
        let of_level = self.pager.iter().flatten().filter(|turn| turn.is_on(self.now));
        let of_level = of_level.filter(|turn| usize::try_from(turn.level).ok() == level);
        let by_pager = of_level.filter_map(|turn| known(turn, directory));
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

    /// Whether the pager's own policy comes to this person, sooner or later.
    #[must_use]
    pub fn is_in_policy(&self, person: &Person) -> bool {
        self.pager.iter().flatten().any(|turn| turn.is_on(self.now) && is(turn, person))
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
