//! What has not left yet, by where it goes: for whoever asks whether something has arrived. What a message says is never told.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use runbook_core::duration::for_people;
use runbook_core::ids::IncidentId;
use runbook_core::inbox_text;
use runbook_core::ports::{Store, Unsent};
use serde_json::{Value, json};

use crate::error::EngineError;
use crate::sees::Hidden;

/// So many of those that wait are counted, and of those given up.
const AT_ONCE: usize = 10_000;
/// What waits for less than this, and was not tried in vain, is on its way.
const FRESH: TimeDelta = TimeDelta::seconds(5);
/// Longest reason that is shown, in characters: they are other people's words.
const REASON: usize = 200;

/// Where messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Destination {
    Slack,
    PagerDuty,
    Email,
    StatusPage,
}

impl Destination {
    const ALL: [Destination; 4] =
        [Destination::PagerDuty, Destination::Slack, Destination::Email, Destination::StatusPage];

    /// Where what is in this group of the outbox goes, as [`crate::origin::outbox_item`] has named it.
    pub(crate) fn of_group(group: &str) -> Destination {
        let mut words = group.split('/');
        match (words.next(), words.nth(1)) {
            (Some("pager" | "alert" | "change"), _) => Destination::PagerDuty,
            (Some("update"), Some("mail")) => Destination::Email,
            (Some("update"), Some("page")) => Destination::StatusPage,
            _ => Destination::Slack,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Destination::Slack => "slack",
            Destination::PagerDuty => "pagerduty",
            Destination::Email => "email",
            Destination::StatusPage => "status_page",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Destination::Slack => "Slack",
            Destination::PagerDuty => "PagerDuty",
            Destination::Email => "e-mail",
            Destination::StatusPage => "the status page",
        }
    }
}

/// What has not left, for one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Way {
    to: Destination,
    waiting: usize,
    oldest: Option<DateTime<Utc>>,
    /// One of those that wait was tried.
    tried: bool,
    reason: Option<String>,
    given_up: usize,
    /// When the newest of them was asked for, and why it was given up.
    newest: Option<DateTime<Utc>>,
    why: Option<String>,
}

/// What has not left, by where it goes; nothing stands in it of a destination for which all has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    ways: Vec<Way>,
    /// More wait, or were given up, than are counted.
    more: bool,
}

/// Looks what has not left: all that waits, and what was given up of what was asked for since then. Of an incident that is hidden the
/// messages are counted, and no reason is told.
///
/// # Errors
/// When the store does not read.
pub async fn backlog(
    store: &dyn Store,
    since: DateTime<Utc>,
    hidden: &Hidden,
) -> Result<Backlog, EngineError> {
    let mut unsent = store.outbox_unsent(since, AT_ONCE + 1).await?;
    let (dead, waiting): (Vec<_>, Vec<_>) = unsent.drain(..).partition(|one| one.dead);
    let more = waiting.len() > AT_ONCE || dead.len() > AT_ONCE;
    let goes = |to: Destination, all: &[Unsent]| -> Vec<Unsent> {
        let of = all.iter().take(AT_ONCE).filter(|one| Destination::of_group(&one.group) == to);
        of.cloned().collect()
    };
    let ways = Destination::ALL.into_iter().map(|to| {
        let (waiting, dead) = (goes(to, &waiting), goes(to, &dead));
        let has_reason = |one: &&Unsent| one.error.is_some() && !is_hidden(&one.group, hidden);
        // that of an attempt says more than what is waited for; the oldest was tried last
        let tried = waiting.iter().filter(|one| one.attempts > 0).find(has_reason);
        let told = tried.or_else(|| waiting.iter().find(has_reason));
        Way {
            to,
            waiting: waiting.len(),
            oldest: waiting.iter().map(|one| one.created_at).min(),
            tried: waiting.iter().any(|one| one.attempts > 0 && one.error.is_some()),
            reason: told.and_then(reason),
            given_up: dead.len(),
            newest: dead.iter().map(|one| one.created_at).max(),
            why: dead.iter().find(has_reason).and_then(reason),
        }
    });
    Ok(Backlog { ways: ways.filter(|way| way.waiting + way.given_up > 0).collect(), more })
}

/// Whether a group is that of an incident which is hidden.
fn is_hidden(group: &str, hidden: &Hidden) -> bool {
    let mut ids = group.split('/').filter_map(|word| word.parse().ok().map(IncidentId));
    ids.any(|id| hidden.hides(Some(id)))
}

fn reason(of: &Unsent) -> Option<String> {
    of.error.as_ref().map(|text| inbox_text::beginning(text.as_bytes(), REASON))
}

impl Backlog {
    /// What is worth telling people, a line for each: what waits for long or was tried in vain, and what was given up.
    #[must_use]
    pub fn lines(&self, now: DateTime<Utc>) -> Vec<String> {
        let mut lines = Vec::new();
        for way in &self.ways {
            let to = way.to.name();
            let because = |reason: &Option<String>| {
                reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"))
            };
            let oldest = way.oldest.map_or(TimeDelta::zero(), |oldest| now - oldest);
            if way.waiting > 0 && (way.tried || oldest >= FRESH) {
                let (lasts, why) = (for_people(seconds(oldest)), because(&way.reason));
                lines.push(match way.waiting {
                    1 => format!("1 message waits for {to}, for {lasts}{why}"),
                    many => format!("{many} messages wait for {to}, the oldest for {lasts}{why}"),
                });
            }
            if let Some(newest) = way.newest {
                let (old, why) = (for_people(seconds(now - newest)), because(&way.why));
                lines.push(match way.given_up {
                    1 => format!("1 message for {to} was given up, {old} old{why}"),
                    many => {
                        format!("{many} messages for {to} were given up, the newest {old} old{why}")
                    }
                });
            }
        }
        if self.more {
            lines.push(format!("and more: {AT_ONCE} are counted"));
        }
        lines
    }

    /// For programs: a list of destinations.
    #[must_use]
    pub fn data(&self, now: DateTime<Utc>) -> Value {
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let ways = self.ways.iter().map(|way| {
            json!({
                "to": way.to.word(),
                "waiting": way.waiting,
                "oldest_at": way.oldest.map(time),
                "oldest_ms": way.oldest.map(|at| (now - at).num_milliseconds().max(0)),
                "error": way.reason,
                "given_up": way.given_up,
                "given_up_newest_at": way.newest.map(time),
                "given_up_error": way.why,
            })
        });
        Value::Array(ways.collect())
    }
}

fn seconds(span: TimeDelta) -> u64 {
    u64::try_from(span.num_seconds()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use runbook_core::ids::{DraftId, RunId};
    use runbook_core::message::Outgoing;
    use runbook_core::people::Actor;
    use runbook_core::ports::{EventAction, PagerCall};
    use runbook_core::run::ChangeMoment;
    use uuid::Uuid;

    use super::*;
    use crate::origin::{Pace, outbox_item};

    fn at(s: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(s, 0).unwrap()
    }

    /// Each message goes where it is delivered to.
    #[test]
    fn a_group_tells_where_its_messages_go() {
        let (id, run) = (Uuid::from_u128(7), RunId(Uuid::from_u128(8)));
        let (incident, draft) = (IncidentId(id), DraftId(id));
        let update = |to: &str| Outgoing::Update { incident, draft, way: 0, to: to.to_owned() };
        let to = Actor::Person("ana".to_owned());
        let call = PagerCall::EndPage { key: "blocks/undo-failed/7".to_owned() };
        for (message, goes) in [
            (Outgoing::Card { incident }, Destination::Slack),
            (Outgoing::Plan { run }, Destination::Slack),
            (Outgoing::Note { incident, text: "x".to_owned() }, Destination::Slack),
            (Outgoing::Notice { channel: "mail/page".to_owned(), text: "x".to_owned() }, Destination::Slack),
            (update("slack/C1"), Destination::Slack),
            (update("mail/a@example.com"), Destination::Email),
            (update("page"), Destination::StatusPage),
            (Outgoing::Pager { incident, call }, Destination::PagerDuty),
            (Outgoing::ApprovalPage { incident, run, until: at(0), to }, Destination::PagerDuty),
            (Outgoing::ApprovalOver { incident, run, until: at(0) }, Destination::PagerDuty),
            (
                Outgoing::Change { run, moment: ChangeMoment { at: at(0), ended: None } },
                Destination::PagerDuty,
            ),
            (Outgoing::Alert { key: "gap".to_owned(), action: EventAction::Resolve }, Destination::PagerDuty),
        ] {
            let item = outbox_item(&message, "cause", Pace::AtOnce, at(0)).unwrap();
            assert_eq!(Destination::of_group(&item.group), goes, "{message:?}: {}", item.group);
        }
    }

    fn way(waiting: usize, oldest: i64, tried: bool, reason: Option<&str>) -> Way {
        Way {
            to: Destination::PagerDuty,
            waiting,
            oldest: (waiting > 0).then(|| at(oldest)),
            tried,
            reason: reason.map(str::to_owned),
            given_up: 0,
            newest: None,
            why: None,
        }
    }

    #[test]
    fn what_waits_is_said_in_one_line() {
        let given_up = Way {
            given_up: 2,
            newest: Some(at(400)),
            why: Some("gone".to_owned()),
            ..way(0, 0, false, None)
        };
        for (way, wanted) in [
            (
                way(7, 280, true, Some("503")),
                vec!["7 messages wait for PagerDuty, the oldest for 12 min: 503"],
            ),
            (way(1, 996, false, None), vec![]),
            (way(1, 999, true, Some("503")), vec!["1 message waits for PagerDuty, for 1 s: 503"]),
            (way(1, 940, false, None), vec!["1 message waits for PagerDuty, for 1 min"]),
            // its turn comes later
            (way(1, 1_010, false, None), vec![]),
            (given_up, vec!["2 messages for PagerDuty were given up, the newest 10 min old: gone"]),
        ] {
            let backlog = Backlog { ways: vec![way], more: false };
            assert_eq!(backlog.lines(at(1_000)), wanted);
        }
    }
}
