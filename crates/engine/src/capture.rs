//! Messages of the chat for an incident's timeline: marked, looked at, noted, and followed afterwards.
//!
//! Looking at one is a call to the chat, so it goes through the outbox: a chat that is slow or limits keeps nobody waiting,
//! and a crash in between loses nothing.

use chrono::{DateTime, Utc};
use runbook_core::ids::IncidentNumber;
use runbook_core::incident::{FileLink, Incident, IncidentCommand, NoteChange, NoteSource, Via};
use runbook_core::journal::Cause;
use runbook_core::message::{Look, Outgoing, ReplyTo};
use runbook_core::people::{Actor, Credential};
use runbook_core::ports::{ChatMark, ChatReceipt, Commit, InboxItem, IncidentRow, Marking, Quote};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::{Origin, Pace, outbox_item};
use crate::said::{by_name, one_line};

const LOOK: usize = 10_000;
/// Longest text of a message that is recorded, in characters; the link leads to all of it.
const TEXT_MAX: usize = 1_500;
/// How much of it is shown back.
const ECHO_MAX: usize = 100;

impl Engine {
    /// Somebody marked a message, or one has changed.
    pub(crate) async fn chat_mark(&self, item: &InboxItem, mark: ChatMark) -> Result<(), EngineError> {
        let actor = match mark.user_id.as_str() {
            "" => Actor::system("chat"),
            id => self.directory().actor(&Credential::Slack { user_id: id.to_owned() }),
        };
        let origin = Origin {
            actor: actor.clone(),
            cause: Cause::Inbox { source: item.source.clone(), id: item.id.clone() },
            occurred_at: None,
            inbox: Some((item.source.clone(), item.id.clone())),
            reply_to: mark.reply_to.clone(),
            trigger: None,
        };
        let here = self.incidents_in(&mark.channel).await?;
        let (via, given) = match mark.what {
            Marking::Edited { text, files, version } => {
                let (text, files) = (self.recorded(&text), self.named(&files));
                let change = NoteChange::Edited { text, files, version };
                return self.follow(&here, &mark.channel, &mark.ts, change, &origin).await;
            }
            Marking::Deleted => {
                return self.follow(&here, &mark.channel, &mark.ts, NoteChange::Deleted, &origin).await;
            }
            Marking::Mark { via, given } => (Some(via), given),
            Marking::Unmark => (None, None),
        };
        let is_known = self.directory().person_of(&actor).is_some();
        let answer = match (here.is_empty(), is_known, via) {
            (false, true, _) => None,
            // A pushpin is used for other things too: where nothing is ours, strangers and those who take one off are told
            // nothing.
            (true, _, None) | (true, false, Some(Via::Pushpin)) | (false, false, None) => Some(None),
            (true, true, Some(_)) => Some(Some(
                "This channel belongs to no incident, so nothing was put on a timeline; hint: `/blocks timeline add TEXT --incident INC-1`"
                    .to_owned(),
            )),
            (_, false, Some(_)) => Some(Some(format!(
                "{actor} is not known here, and nothing was put on a timeline; hint: add a [[person]] with this slack_id to blocks.toml"
            ))),
        };
        let mut commit = Commit::default();
        let now = self.now();
        match answer {
            Some(answer) => origin.settle(&mut commit, answer.as_deref(), now),
            None => {
                origin.settle(&mut commit, None, now);
                let look = Look {
                    channel: mark.channel,
                    ts: mark.ts,
                    by: actor,
                    via,
                    given,
                    reply_to: mark.reply_to,
                    change: None,
                    cause: (item.source.clone(), item.id.clone()),
                };
                let cause = format!("{}/{}", item.source, item.id);
                self.enqueue(&mut commit, &Outgoing::Look(Box::new(look)), &cause, Pace::AtOnce, now);
            }
        }
        self.store().commit(commit).await?;
        self.touch();
        Ok(())
    }

    /// The message was looked at: it is noted where it belongs, and whoever marked it is told.
    pub(crate) async fn looked(&self, look: &Look, receipt: &ChatReceipt) -> Result<(), EngineError> {
        let Some(seen) = receipt.seen.as_deref() else { return Ok(()) };
        let origin = self.origin_of(look, seen.thread.as_deref());
        let Some(incident) = self.incident_of(look, seen).await? else {
            let text = "That message belongs to no incident: in a channel of several, only what stands in the thread of an incident's card does. Nothing was put on a timeline; hint: `/blocks timeline add TEXT --incident INC-1`";
            return self.tell(look, &origin, look.via.map(|_| text.to_owned())).await;
        };
        let Some(via) = look.via else {
            // Another one may still mark it.
            if seen.is_marked == Some(true) {
                return self.tell(look, &origin, None).await;
            }
            return self.unmark(look, &origin).await;
        };
        let text = self.recorded(&seen.text);
        let known = incident.captured(&look.channel, &look.ts).is_some_and(|known| !known.is_unmarked);
        let source = NoteSource {
            via,
            channel: look.channel.clone(),
            ts: look.ts.clone(),
            author: self.author(seen),
            said_at: time_of(&look.ts).unwrap_or_else(|| self.now()),
            permalink: seen.permalink.clone(),
            files: self.named(&seen.files),
            version: seen.version.clone(),
        };
        let answer = if known {
            format!("{}: it is on the timeline already.", incident.number)
        } else {
            format!("{}: it is on the timeline: {}: {}", incident.number, source.author, short(&text))
        };
        let command = match (known, source.version.clone()) {
            // A change that nobody told of, or that came before the note was written.
            (true, Some(version)) => IncidentCommand::FollowNote {
                channel: source.channel,
                ts: source.ts,
                change: NoteChange::Edited { text, files: source.files, version },
            },
            _ => IncidentCommand::CaptureNote { text, source: Box::new(source) },
        };
        let origin = Origin { occurred_at: time_of(&look.ts), ..origin };
        self.change_incident(incident.id, &command, &origin, None).await?;
        self.tell(look, &origin, Some(answer)).await
    }

    /// The message cannot be looked at, for good: whoever marked it is told what to do instead. Whether anybody still marks
    /// an unmarked one is not known then, and nothing is said of it.
    pub(crate) async fn not_looked(&self, look: &Look, reason: &str) -> Result<(), EngineError> {
        let origin = self.origin_of(look, None);
        if look.via.is_none() {
            return Ok(());
        }
        let text = format!(
            "That message could not be read, and nothing was put on a timeline: {reason}\nhint: `/blocks timeline add TEXT` writes it down"
        );
        self.tell(look, &origin, Some(text)).await
    }

    async fn unmark(&self, look: &Look, origin: &Origin) -> Result<(), EngineError> {
        for row in self.incidents_in(&look.channel).await? {
            let (channel, ts) = (look.channel.clone(), look.ts.clone());
            let command = IncidentCommand::FollowNote { channel, ts, change: NoteChange::Unmarked };
            let before = load_incident(self.store(), row.id).await?.map_or(0, |loaded| loaded.events.len());
            self.change_incident(row.id, &command, origin, None).await?;
            let after = load_incident(self.store(), row.id).await?.map_or(0, |loaded| loaded.events.len());
            if after > before {
                let text =
                    format!("{}: noted that it is not marked any more; the record keeps it.", row.number);
                return self.tell(look, origin, Some(text)).await;
            }
        }
        Ok(())
    }

    fn origin_of(&self, look: &Look, thread: Option<&str>) -> Origin {
        let mut reply_to = look.reply_to.clone();
        // Where the message stands in a thread, so does the answer.
        if let (Some(ReplyTo::Person { thread: place, .. }), Some(thread)) = (&mut reply_to, thread)
            && thread != look.ts
        {
            place.get_or_insert_with(|| thread.to_owned());
        }
        let (source, id) = look.cause.clone();
        let cause = Cause::Inbox { source, id };
        Origin { actor: look.by.clone(), cause, occurred_at: None, inbox: None, reply_to, trigger: None }
    }

    /// One answer for each mark, however often it was looked at.
    async fn tell(&self, look: &Look, origin: &Origin, text: Option<String>) -> Result<(), EngineError> {
        let (Some(to), Some(text)) = (origin.reply_to.clone(), text) else { return Ok(()) };
        let cause = format!("{}/{}", look.cause.0, look.cause.1);
        let message = Outgoing::Reply { to, text, offers: Vec::new() };
        let commit = Commit {
            outbox: outbox_item(&message, &cause, Pace::AtOnce, self.now()).into_iter().collect(),
            ..Commit::default()
        };
        self.store().commit(commit).await?;
        self.touch();
        Ok(())
    }

    /// Notes what became of a message, where it is noted.
    async fn follow(
        &self,
        here: &[IncidentRow],
        channel: &str,
        ts: &str,
        change: NoteChange,
        origin: &Origin,
    ) -> Result<(), EngineError> {
        let mut commit = Commit::default();
        // Whoever looks at it at this moment may have seen it as it was before. Asked first: what is not under way by now
        // has ended, and is seen below, or has not begun, and will see it as it is.
        if !here.is_empty() && self.is_looked_at(channel, ts).await? {
            let (source, id) = origin.inbox.clone().unwrap_or_default();
            let cause = format!("{source}/{id}");
            let look = Look {
                channel: channel.to_owned(),
                ts: ts.to_owned(),
                by: origin.actor.clone(),
                via: None,
                given: None,
                reply_to: None,
                change: Some(change),
                cause: (source, id),
            };
            origin.settle(&mut commit, None, self.now());
            self.enqueue(&mut commit, &Outgoing::Look(Box::new(look)), &cause, Pace::AtOnce, self.now());
            self.store().commit(commit).await?;
            self.touch();
            return Ok(());
        }
        for row in here {
            let is_noted = load_incident(self.store(), row.id)
                .await?
                .is_some_and(|loaded| loaded.state.captured(channel, ts).is_some());
            if is_noted {
                let (channel, ts) = (channel.to_owned(), ts.to_owned());
                let command = IncidentCommand::FollowNote { channel, ts, change };
                return self.change_incident(row.id, &command, origin, None).await.map(|_| ());
            }
        }
        origin.settle(&mut commit, None, self.now());
        Ok(self.store().commit(commit).await?)
    }

    /// Whether somebody waits for what a message says. Those on their way are still due.
    async fn is_looked_at(&self, channel: &str, ts: &str) -> Result<bool, EngineError> {
        let group = look_group(channel, ts);
        Ok(self.store().outbox_due(self.now(), LOOK).await?.iter().any(|row| row.group == group))
    }

    /// Notes what had become of a message while it was being looked at.
    pub(crate) async fn changed_meanwhile(
        &self,
        look: &Look,
        change: &NoteChange,
    ) -> Result<(), EngineError> {
        let origin = self.origin_of(look, None);
        for row in self.incidents_in(&look.channel).await? {
            let (channel, ts, change) = (look.channel.clone(), look.ts.clone(), change.clone());
            let command = IncidentCommand::FollowNote { channel, ts, change };
            self.change_incident(row.id, &command, &origin, None).await?;
        }
        Ok(())
    }

    /// The incidents that are talked about in a channel, or that had their card there.
    async fn incidents_in(&self, channel: &str) -> Result<Vec<IncidentRow>, EngineError> {
        let rows = self.store().incidents(false, LOOK).await?;
        let is_here = |row: &IncidentRow| {
            let shared = row.brief.as_ref().map(|(shared, _)| shared.as_str());
            row.channel.as_deref() == Some(channel) || shared == Some(channel)
        };
        Ok(rows.into_iter().filter(is_here).collect())
    }

    /// The incident whose channel or thread a message stands in. A channel of several incidents is none's own.
    async fn incident_of(&self, look: &Look, seen: &Quote) -> Result<Option<Incident>, EngineError> {
        let (channel, thread) = (look.channel.as_str(), seen.thread.as_deref().unwrap_or(&look.ts));
        let is_its = |incident: &Incident| {
            let is_own = incident.in_own_channel && incident.channel.as_deref() == Some(channel);
            is_own || incident.is_thread(channel, thread)
        };
        self.incident_at(channel, thread, is_its).await
    }

    /// The incident in whose card's thread somebody speaks, or in that of the two lines that lead to it.
    pub(crate) async fn incident_of_thread(
        &self,
        channel: &str,
        thread: &str,
    ) -> Result<Option<IncidentNumber>, EngineError> {
        let is_its = |incident: &Incident| incident.is_thread(channel, thread);
        Ok(self.incident_at(channel, thread, is_its).await?.map(|incident| incident.number))
    }

    async fn incident_at(
        &self,
        channel: &str,
        thread: &str,
        is_its: impl Fn(&Incident) -> bool,
    ) -> Result<Option<Incident>, EngineError> {
        for row in self.incidents_in(channel).await? {
            // one that is led elsewhere has one thread here
            let is_elsewhere = row.channel.as_deref() != Some(channel);
            if is_elsewhere && row.brief.as_ref().is_none_or(|(_, ts)| ts != thread) {
                continue;
            }
            let Some(loaded) = load_incident(self.store(), row.id).await? else { continue };
            if is_its(&loaded.state) {
                return Ok(Some(loaded.state));
            }
        }
        Ok(None)
    }

    fn author(&self, seen: &Quote) -> Actor {
        match (&seen.author_id, &seen.author_name) {
            (Some(id), _) => self.directory().actor(&Credential::Slack { user_id: id.clone() }),
            (None, Some(name)) => Actor::Outside(format!("slack:{}", one_line(name))),
            (None, None) => Actor::Outside("slack:somebody".to_owned()),
        }
    }

    /// Files as they are recorded: a name is one line, too.
    fn named(&self, files: &[FileLink]) -> Vec<FileLink> {
        let one = |file: &FileLink| FileLink { name: self.recorded(&file.name), url: file.url.clone() };
        files.iter().map(one).collect()
    }

    /// A message's text as it is recorded: one line, people by name, as long as the record takes.
    fn recorded(&self, text: &str) -> String {
        let line = one_line(&by_name(text, self.directory()));
        match line.char_indices().nth(TEXT_MAX) {
            Some((end, _)) => format!("{} [...]", line.get(..end).unwrap_or_default()),
            None => line,
        }
    }
}

/// What happens to one message happens in its order.
pub(crate) fn look_group(channel: &str, ts: &str) -> String {
    format!("look/{channel}/{ts}")
}

/// When a message was written, by its id: unix seconds with microseconds.
fn time_of(ts: &str) -> Option<DateTime<Utc>> {
    let (seconds, rest) = ts.split_once('.').unwrap_or((ts, "0"));
    let micros: String = rest.chars().chain("000000".chars()).take(6).collect();
    let nanos = micros.parse::<u32>().ok()?.checked_mul(1_000)?;
    DateTime::from_timestamp(seconds.parse().ok()?, nanos)
}

fn short(text: &str) -> String {
    match text.char_indices().nth(ECHO_MAX) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None if text.is_empty() => "(no text)".to_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_messages_id_is_its_time() {
        let at = |ts: &str| time_of(ts).map(|at| at.timestamp_micros());
        assert_eq!(at("1789000000.000123"), Some(1_789_000_000_000_123));
        assert_eq!(at("1789000000"), Some(1_789_000_000_000_000));
        assert_eq!(at("x.1"), None);
        assert_eq!(at("99999999999999999.0"), None);
        assert_eq!(short(""), "(no text)");
        assert_eq!(short(&"é".repeat(101)).chars().count(), 103);
    }
}
