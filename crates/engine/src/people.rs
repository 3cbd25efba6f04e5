//! Who may do what: the people of the configuration, with the roles that groups of the chat give them at the moment.
//!
//! A group gives roles to people who are configured, and makes nobody known: a chat's name is no identity, since people change it.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use runbook_core::people::{Directory, Group};
use runbook_core::ports::SendError;
use tokio::time::Instant;

use crate::engine::Engine;

/// How often the chat is asked who is in its groups.
const EACH: Duration = Duration::from_secs(60);
/// So long a group's last known members count while the chat does not tell them.
const BELIEVED: Duration = Duration::from_secs(3_600);

/// The directory as it is now. What it was stays readable, so that whoever holds a person of it keeps them: it grows by one
/// for each change of a group, and those are few.
#[derive(Debug, Clone, Default)]
pub struct People(Arc<Version>);

#[derive(Debug, Default)]
struct Version {
    directory: Directory,
    next: OnceLock<Box<Version>>,
}

impl From<Directory> for People {
    fn from(directory: Directory) -> People {
        People(Arc::new(Version { directory, next: OnceLock::new() }))
    }
}

impl Deref for People {
    type Target = Directory;

    fn deref(&self) -> &Directory {
        &self.newest().directory
    }
}

impl People {
    fn newest(&self) -> &Version {
        let mut version: &Version = &self.0;
        while let Some(next) = version.next.get() {
            version = next;
        }
        version
    }

    /// The people as they are configured, with the roles that these groups give them. Whether that changes anything.
    fn put(&self, groups: &[(&Group, &[String])]) -> bool {
        let directory = self.0.directory.with_groups(groups);
        let newest = self.newest();
        if newest.directory == directory {
            return false;
        }
        // one task writes, so nobody was faster
        newest.next.set(Box::new(Version { directory, next: OnceLock::new() })).is_ok()
    }
}

/// What is known of one group.
struct Known {
    members: Vec<String>,
    at: Instant,
}

impl Engine {
    /// Asks the chat who is in the configured groups, until the engine is drained.
    pub(crate) async fn groups_loop(&self) {
        let mut stop = self.inner.draining.subscribe();
        let mut known = BTreeMap::new();
        while !self.is_draining() {
            self.look_at_groups(&mut known).await;
            tokio::select! {
                biased;
                () = tokio::time::sleep(EACH) => {}
                _ = stop.changed() => {}
            }
        }
    }

    async fn look_at_groups(&self, known: &mut BTreeMap<String, Known>) {
        let Some(chat) = self.inner.parts.chat.clone() else { return };
        let settings = self.settings();
        for group in &settings.groups {
            match chat.members(&group.slack_id).await {
                Ok(members) => {
                    known.insert(group.slack_id.clone(), Known { members, at: Instant::now() });
                }
                Err(error) => {
                    // one that is gone, or may not be read, has no members; one that is not answered may have them still
                    let is_silent = matches!(error, SendError::Retry { .. });
                    let (SendError::Retry { reason, .. } | SendError::Permanent { reason }) = error;
                    let is_recent = |known: &Known| known.at.elapsed() < BELIEVED;
                    let is_believed = is_silent && known.get(&group.slack_id).is_some_and(is_recent);
                    if !is_believed {
                        known.remove(&group.slack_id);
                    }
                    let group = &group.slack_id;
                    tracing::warn!(group, is_believed, reason, "the members of a group are not told");
                }
            }
        }
        let groups: Vec<(&Group, &[String])> = settings
            .groups
            .iter()
            .filter_map(|group| Some((group, known.get(&group.slack_id)?.members.as_slice())))
            .collect();
        if settings.directory.put(&groups) {
            tracing::info!("the groups of the chat give other roles than before");
        }
    }
}

#[cfg(test)]
mod tests {
    use runbook_core::people::{Actor, Person, Role};

    use super::*;
    use crate::settings::Settings;
    use crate::testkit::{Bench, locked};

    fn groups(settings: &mut Settings) {
        let group = |id: &str, role| Group {
            slack_id: id.to_owned(),
            roles: vec![role],
            duties: vec!["primary".to_owned()],
        };
        settings.groups = vec![group("S-leads", Role::Commander), group("S-ops", Role::Responder)];
    }

    fn roles(bench: &Bench, name: &str) -> Vec<Role> {
        bench.engine.directory().person(name).map(|person| person.roles.clone()).unwrap_or_default()
    }

    /// What a group says holds from the next look; while the chat is silent an hour long, and not after a restart.
    #[tokio::test(start_paused = true)]
    async fn a_group_of_the_chat_gives_roles_to_people_who_are_known() {
        let mut bench = Bench::with(&[], groups).await;
        let is_in = |bench: &Bench, group: &str, who: &[&str]| {
            let who = who.iter().map(|who| (*who).to_owned()).collect();
            locked(&bench.world.chat).groups.insert(group.to_owned(), who);
        };
        is_in(&bench, "S-leads", &["U-cora", "U-nobody"]);
        is_in(&bench, "S-ops", &["U-cora"]);
        bench.pass(61_000).await;
        assert_eq!(roles(&bench, "cora"), [Role::Scribe, Role::Commander, Role::Responder]);
        assert!(bench.engine.has_standing(&Actor::Person("cora".to_owned())));
        let people = bench.engine.directory().people();
        assert_eq!(people.len(), 3, "a group makes nobody known");
        assert_eq!(people.iter().find(|one| one.stands_for("primary")).map(|one| &*one.name), Some("cora"));
        let engine = bench.engine.clone();
        let held: &Person = engine.directory().person("cora").unwrap();

        is_in(&bench, "S-leads", &[]);
        bench.pass(61_000).await;
        assert_eq!(roles(&bench, "cora"), [Role::Scribe, Role::Responder]);
        assert_eq!(held.roles.len(), 3, "what somebody looks at does not change under them");
        assert!(!bench.engine.directory().person("cora").unwrap().roles.contains(&Role::Commander));

        locked(&bench.world.chat).groups.clear();
        bench.pass(30 * 60_000).await;
        assert_eq!(roles(&bench, "cora"), [Role::Scribe, Role::Responder]);
        bench.pass(31 * 60_000).await;
        assert_eq!(roles(&bench, "cora"), [Role::Scribe]);
        assert!(!bench.engine.has_standing(&Actor::Person("cora".to_owned())));
    }
}
