//! Who acts: people, services and Blocks itself. Authority belongs to a person, never to a button.

use serde::{Deserialize, Serialize};

/// Somebody or something that causes an event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Actor {
    /// A known person, by the name in the configuration.
    Person(String),
    /// A machine user on this host that no person claims. May run, never approve.
    Local(String),
    /// A person that an outside system names and no configuration knows, such as `slack:U0X`.
    Outside(String),
    /// A program with a token: `service:api`.
    Service(String),
    /// Blocks itself: `system:triage`, `system:timer`, `system:recovery`.
    System(String),
}

impl From<Actor> for String {
    fn from(actor: Actor) -> String {
        match actor {
            Actor::Person(name) => format!("person:{name}"),
            Actor::Local(name) => format!("local:{name}"),
            Actor::Outside(name) => format!("outside:{name}"),
            Actor::Service(name) => format!("service:{name}"),
            Actor::System(name) => format!("system:{name}"),
        }
    }
}

impl From<String> for Actor {
    /// Total, so that a journal of a later version still reads: an unknown kind is an outside actor.
    fn from(text: String) -> Actor {
        match text.split_once(':') {
            Some(("person", name)) => Actor::Person(name.to_owned()),
            Some(("local", name)) => Actor::Local(name.to_owned()),
            Some(("service", name)) => Actor::Service(name.to_owned()),
            Some(("system", name)) => Actor::System(name.to_owned()),
            Some(("outside", name)) => Actor::Outside(name.to_owned()),
            _ => Actor::Outside(text),
        }
    }
}

impl std::fmt::Display for Actor {
    /// A person by bare name, everything else with its kind.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Actor::Person(name) => f.write_str(name),
            other => f.write_str(&String::from(other.clone())),
        }
    }
}

impl Actor {
    /// Blocks itself, in one of its parts.
    #[must_use]
    pub fn system(part: &str) -> Actor {
        Actor::System(part.to_owned())
    }
}

/// A role in an incident, or a standing that the configuration gives to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Decides.
    Commander,
    /// Speaks to those outside the incident.
    CommunicationsLead,
    /// Keeps the record.
    Scribe,
    /// Works on it.
    Responder,
}

impl Role {
    /// The role in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Role::Commander => "commander",
            Role::CommunicationsLead => "communications lead",
            Role::Scribe => "scribe",
            Role::Responder => "responder",
        }
    }
}

/// A number to call. It is printed only where that is meant.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Phone(String);

impl Phone {
    /// This number.
    #[must_use]
    pub fn new(number: &str) -> Phone {
        Phone(number.to_owned())
    }

    /// The number itself.
    #[must_use]
    pub fn number(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Phone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Phone(..)")
    }
}

/// A person as the configuration knows them: one person however they come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Short unique name, used in the journal.
    pub name: String,
    /// Slack user id.
    #[serde(default)]
    pub slack_id: Option<String>,
    /// E-mail of the PagerDuty user.
    #[serde(default)]
    pub pagerduty_email: Option<String>,
    /// User name on the machine that runs Blocks.
    #[serde(default)]
    pub os_user: Option<String>,
    /// What this person may be.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// What this person stands for in the severities' lists: `primary`, `engineering-tl`, `product`, `business`.
    #[serde(default)]
    pub duties: Vec<String>,
    /// Where this person can be called. Shown to people who respond, never in a channel.
    #[serde(default, skip_serializing)]
    pub phone: Option<Phone>,
    /// `false`: no reminder mentions this person. Approvals and questions do.
    #[serde(default = "yes")]
    pub reminders: bool,
}

fn yes() -> bool {
    true
}

impl Person {
    /// Whether this person stands for a name of the severities' lists, by duty or by role.
    #[must_use]
    pub fn stands_for(&self, name: &str) -> bool {
        let is_role = |role: &Role| match role {
            Role::Commander => name == "commander",
            Role::CommunicationsLead => name == "communications-lead",
            Role::Scribe => name == "scribe",
            Role::Responder => name == "responder",
        };
        self.duties.iter().any(|duty| duty == name) || self.roles.iter().any(is_role)
    }
}

/// A group of the chat whose members have roles: whoever keeps it says who.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Slack's id of the user group, `S...`.
    pub slack_id: String,
    /// What its members may be.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// What they stand for in the severities' lists.
    #[serde(default)]
    pub duties: Vec<String>,
}

/// How somebody showed who they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Credential {
    /// A Slack user id in a request whose signature was verified.
    Slack {
        /// The id.
        user_id: String,
    },
    /// A PagerDuty user's e-mail, read over PagerDuty's API.
    PagerDuty {
        /// The e-mail.
        email: String,
    },
    /// The effective user of the process on the other end of the unix socket.
    OsUser {
        /// The user's name.
        name: String,
    },
    /// A per-person API token, already looked up.
    Token {
        /// The person's name.
        person: String,
    },
    /// The shared API token.
    ServiceToken,
}

/// Everybody that the configuration knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    people: Vec<Person>,
}

impl Directory {
    /// Builds the directory.
    ///
    /// # Errors
    /// When two people share a name, a Slack id, an e-mail or a machine user: one identity must be one person.
    pub fn new(people: Vec<Person>) -> Result<Directory, DirectoryError> {
        for (index, person) in people.iter().enumerate() {
            for other in people.iter().take(index) {
                let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
                let what = if person.name == other.name {
                    Some("name")
                } else if same(&person.slack_id, &other.slack_id) {
                    Some("slack_id")
                } else if same(&lower(&person.pagerduty_email), &lower(&other.pagerduty_email)) {
                    Some("pagerduty_email")
                } else if same(&person.os_user, &other.os_user) {
                    Some("os_user")
                } else {
                    None
                };
                if let Some(what) = what {
                    return Err(DirectoryError {
                        first: other.name.clone(),
                        second: person.name.clone(),
                        what,
                    });
                }
            }
        }
        Ok(Directory { people })
    }

    /// The same people, with what each has as a member of these groups (given by their Slack ids) beside their own. Who is in a
    /// group and is not known stays unknown.
    #[must_use]
    pub fn with_groups(&self, groups: &[(&Group, &[String])]) -> Directory {
        let mut people = self.people.clone();
        for person in &mut people {
            let Some(id) = person.slack_id.clone() else { continue };
            for (group, _) in groups.iter().filter(|(_, members)| members.contains(&id)) {
                for role in &group.roles {
                    if !person.roles.contains(role) {
                        person.roles.push(*role);
                    }
                }
                for duty in &group.duties {
                    if !person.duties.contains(duty) {
                        person.duties.push(duty.clone());
                    }
                }
            }
        }
        Directory { people }
    }

    /// Those of them of whom this is so.
    #[must_use]
    pub fn only(&self, is_so: impl Fn(&Person) -> bool) -> Directory {
        Directory { people: self.people.iter().filter(|person| is_so(person)).cloned().collect() }
    }

    /// Who this credential belongs to.
    #[must_use]
    pub fn actor(&self, credential: &Credential) -> Actor {
        let known = |found: Option<&Person>, unknown: Actor| {
            found.map_or(unknown, |person| Actor::Person(person.name.clone()))
        };
        match credential {
            Credential::Slack { user_id } => known(
                self.people.iter().find(|p| p.slack_id.as_deref() == Some(user_id)),
                Actor::Outside(format!("slack:{user_id}")),
            ),
            Credential::PagerDuty { email } => known(
                self.people.iter().find(|p| {
                    p.pagerduty_email.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(email))
                }),
                Actor::Outside(format!("pagerduty:{email}")),
            ),
            Credential::OsUser { name } => known(
                self.people.iter().find(|p| p.os_user.as_deref() == Some(name)),
                Actor::Local(name.clone()),
            ),
            Credential::Token { person } => {
                known(self.person(person), Actor::Outside(format!("token:{person}")))
            }
            Credential::ServiceToken => Actor::Service("api".to_owned()),
        }
    }

    /// The person of that name.
    #[must_use]
    pub fn person(&self, name: &str) -> Option<&Person> {
        self.people.iter().find(|p| p.name == name)
    }

    /// The person behind an actor, when it is one.
    #[must_use]
    pub fn person_of(&self, actor: &Actor) -> Option<&Person> {
        match actor {
            Actor::Person(name) => self.person(name),
            _ => None,
        }
    }

    /// The person whom somebody names: by name, with or without `@`, or as a chat mention.
    #[must_use]
    pub fn named(&self, text: &str) -> Option<&Person> {
        if let Some(inside) = text.strip_prefix("<@").and_then(|rest| rest.strip_suffix('>')) {
            let id = inside.split('|').next().unwrap_or_default();
            return self.people.iter().find(|person| person.slack_id.as_deref() == Some(id));
        }
        let name = text.strip_prefix('@').unwrap_or(text);
        self.person(name).or_else(|| {
            let mut alike = self.people.iter().filter(|person| person.name.eq_ignore_ascii_case(name));
            alike.next().filter(|_| alike.next().is_none())
        })
    }

    /// The first person who stands for a name of the severities' lists.
    #[must_use]
    pub fn on_duty(&self, name: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.stands_for(name))
    }

    /// Everybody, in configuration order.
    #[must_use]
    pub fn people(&self) -> &[Person] {
        &self.people
    }
}

fn lower(text: &Option<String>) -> Option<String> {
    text.as_ref().map(|text| text.to_ascii_lowercase())
}

/// Two people claim the same identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("people '{first}' and '{second}' share the same {what}: one identity must belong to one person")]
pub struct DirectoryError {
    first: String,
    second: String,
    what: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str, slack: &str) -> Person {
        Person {
            name: name.to_owned(),
            slack_id: Some(slack.to_owned()),
            pagerduty_email: Some(format!("{name}@example.com")),
            os_user: None,
            roles: vec![Role::Responder],
            duties: vec![format!("{name}-duty")],
            phone: None,
            reminders: true,
        }
    }

    #[test]
    fn one_person_however_they_come() {
        let directory = Directory::new(vec![person("ana", "U0ANA"), person("ben", "U0BEN")]).unwrap();
        let ana = Actor::Person("ana".to_owned());
        let by_slack = Credential::Slack { user_id: "U0ANA".to_owned() };
        let by_mail = Credential::PagerDuty { email: "Ana@Example.com".to_owned() };
        assert_eq!(directory.actor(&by_slack), ana);
        assert_eq!(directory.actor(&by_mail), ana);
        let stranger = Credential::Slack { user_id: "U0X".to_owned() };
        assert_eq!(directory.actor(&stranger), Actor::Outside("slack:U0X".to_owned()));
    }

    #[test]
    fn who_stands_for_a_name_is_found_by_duty_and_by_role() {
        let directory = Directory::new(vec![person("ana", "U1"), person("ben", "U2")]).unwrap();
        for (name, who) in [("ben-duty", Some("ben")), ("responder", Some("ana")), ("commander", None)] {
            assert_eq!(directory.on_duty(name).map(|person| person.name.as_str()), who, "{name}");
        }
    }

    #[test]
    fn a_shared_identity_is_refused() {
        let error = Directory::new(vec![person("ana", "U1"), person("ben", "U1")]).unwrap_err();
        assert!(error.to_string().contains("slack_id"), "{error}");
    }

    #[test]
    fn actors_survive_their_text_form() {
        for actor in [
            Actor::Person("ana".into()),
            Actor::Local("root".into()),
            Actor::Outside("slack:U1".into()),
            Actor::Service("api".into()),
            Actor::system("triage"),
        ] {
            assert_eq!(Actor::from(String::from(actor.clone())), actor);
        }
    }
}
