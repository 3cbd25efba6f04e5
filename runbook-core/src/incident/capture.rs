//! Messages of the chat on an incident's record: what somebody marked, and what became of it afterwards.
//!
//! The record keeps every version. A message that was changed, deleted or unmarked is followed by an event of its own;
//! nothing that was noted goes away.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::command::IncidentCommand;
use super::decide::Decision;
use super::event::IncidentEvent;
use super::state::Incident;
use crate::journal::millis;
use crate::people::Actor;

/// How somebody said that a message belongs on the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// With a pushpin as a reaction.
    Pushpin,
    /// With the message's own menu.
    Shortcut,
}

/// A file of a message: its content stays in the chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileLink {
    /// Its name.
    pub name: String,
    /// Where a person can look at it.
    pub url: Option<String>,
}

/// The message that a note is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteSource {
    /// How it came on the timeline.
    pub via: Via,
    /// Its channel.
    pub channel: String,
    /// Its id within it.
    pub ts: String,
    /// Who wrote it.
    pub author: Actor,
    /// When.
    #[serde(with = "millis")]
    pub said_at: DateTime<Utc>,
    /// Where a person can look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permalink: Option<String>,
    /// Its files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileLink>,
    /// The chat's id of this version, where it had been changed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What became of a message that is on the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum NoteChange {
    /// Its author changed it.
    Edited {
        /// The text now.
        text: String,
        /// Its files now.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        files: Vec<FileLink>,
        /// The chat's id of this version: later ones compare greater.
        version: String,
    },
    /// It was deleted in the chat.
    Deleted,
    /// Nobody marks it any more.
    Unmarked,
}

/// A message that is, or was, on the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Captured {
    /// Its channel.
    pub channel: String,
    /// Its id within it.
    pub ts: String,
    /// How it came on the timeline.
    pub via: Via,
    /// Its text as it was noted last.
    pub text: String,
    /// Its files as they were noted last.
    pub files: Vec<FileLink>,
    /// The chat's id of that version.
    pub version: Option<String>,
    /// It was deleted in the chat.
    pub is_deleted: bool,
    /// Nobody marks it any more.
    pub is_unmarked: bool,
}

impl Incident {
    /// What is noted of that message.
    #[must_use]
    pub fn captured(&self, channel: &str, ts: &str) -> Option<&Captured> {
        self.captured.iter().find(|known| known.ts == ts && known.channel == channel)
    }

    /// Applies a note, or what became of one.
    pub(super) fn capture(&mut self, event: &IncidentEvent) {
        match event {
            IncidentEvent::NoteAdded { text, source: Some(source) } => {
                self.captured.retain(|known| known.ts != source.ts || known.channel != source.channel);
                self.captured.push(Captured {
                    channel: source.channel.clone(),
                    ts: source.ts.clone(),
                    via: source.via,
                    text: text.clone(),
                    files: source.files.clone(),
                    version: source.version.clone(),
                    is_deleted: false,
                    is_unmarked: false,
                });
            }
            IncidentEvent::NoteFollowed { channel, ts, change } => {
                let known =
                    self.captured.iter_mut().find(|known| known.ts == *ts && known.channel == *channel);
                let Some(known) = known else { return };
                match change {
                    NoteChange::Edited { text, files, version } => {
                        known.text.clone_from(text);
                        known.files.clone_from(files);
                        known.version = Some(version.clone());
                    }
                    NoteChange::Deleted => known.is_deleted = true,
                    NoteChange::Unmarked => known.is_unmarked = true,
                }
            }
            _ => {}
        }
    }
}

/// Decides about a message of the chat. What is noted already, and what changes nothing, comes to nothing.
pub(super) fn decide(state: &Incident, command: &IncidentCommand) -> Decision {
    let event = match command {
        IncidentCommand::CaptureNote { text, source } => {
            let known = state.captured(&source.channel, &source.ts);
            known
                .is_none_or(|known| known.is_unmarked)
                .then(|| IncidentEvent::NoteAdded { text: text.clone(), source: Some(source.clone()) })
        }
        IncidentCommand::FollowNote { channel, ts, change } => {
            let known = state.captured(channel, ts).filter(|known| !known.is_deleted && !known.is_unmarked);
            known.filter(|known| is_news(known, change)).map(|_| IncidentEvent::NoteFollowed {
                channel: channel.clone(),
                ts: ts.clone(),
                change: change.clone(),
            })
        }
        _ => None,
    };
    Decision { events: event.into_iter().collect(), effects: Vec::new() }
}

fn is_news(known: &Captured, change: &NoteChange) -> bool {
    match change {
        NoteChange::Edited { text, files, version } => {
            // Told late, or once more.
            let is_later = known.version.as_ref().is_none_or(|before| version > before);
            is_later && (*text != known.text || *files != known.files)
        }
        NoteChange::Deleted => true,
        // Whoever used the menu took no reaction off.
        NoteChange::Unmarked => known.via == Via::Pushpin,
    }
}

/// A note, or what became of one, in a line of plain text; `None` for any other event. `actor` is not in it.
#[must_use]
pub fn note_words(event: &IncidentEvent) -> Option<String> {
    Some(match event {
        IncidentEvent::NoteAdded { text, source: None } => format!("noted: {text}"),
        IncidentEvent::NoteAdded { text, source: Some(source) } => {
            let link = source.permalink.as_ref().map(|link| format!(" ({link})")).unwrap_or_default();
            format!("noted from chat, by {}: {}{}{link}", source.author, said(text), files(&source.files))
        }
        IncidentEvent::NoteFollowed { change, .. } => match change {
            NoteChange::Edited { text, files: now, .. } => {
                format!("a message of this timeline was changed to: {}{}", said(text), files(now))
            }
            NoteChange::Deleted => {
                "a message of this timeline was deleted in the chat; the record keeps it".to_owned()
            }
            NoteChange::Unmarked => {
                "a message of this timeline is not marked any more; the record keeps it".to_owned()
            }
        },
        _ => return None,
    })
}

fn said(text: &str) -> &str {
    if text.is_empty() { "(no text)" } else { text }
}

fn files(files: &[FileLink]) -> String {
    if files.is_empty() {
        return String::new();
    }
    let one = |file: &FileLink| match &file.url {
        Some(url) => format!("{} {url}", file.name),
        None => file.name.clone(),
    };
    format!(" [files: {}]", files.iter().map(one).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::tests::kit::{Bench, request};
    use super::*;

    fn source(ts: &str, version: Option<&str>, via: Via) -> Box<NoteSource> {
        Box::new(NoteSource {
            via,
            channel: "C1".to_owned(),
            ts: ts.to_owned(),
            author: Actor::Person("ana".to_owned()),
            said_at: DateTime::UNIX_EPOCH,
            permalink: Some("https://x.slack.com/archives/C1/p1".to_owned()),
            files: Vec::new(),
            version: version.map(str::to_owned),
        })
    }

    fn edited(text: &str, version: &str) -> NoteChange {
        NoteChange::Edited { text: text.to_owned(), files: Vec::new(), version: version.to_owned() }
    }

    /// What is done to one message, and whether it comes to an event.
    #[test]
    fn every_version_is_kept_and_nothing_is_noted_twice() {
        enum Do {
            Mark(Via, &'static str),
            Follow(NoteChange),
        }
        let table: &[(&str, &[(Do, bool)])] = &[
            ("marked twice", &[(Do::Mark(Via::Pushpin, "a"), true), (Do::Mark(Via::Shortcut, "a"), false)]),
            (
                "changed, told twice and late",
                &[
                    (Do::Mark(Via::Pushpin, "a"), true),
                    (Do::Follow(edited("b", "2.0")), true),
                    (Do::Follow(edited("b", "2.0")), false),
                    (Do::Follow(edited("c", "1.0")), false),
                    (Do::Follow(edited("b", "3.0")), false),
                    (Do::Follow(edited("c", "3.0")), true),
                ],
            ),
            (
                "deleted, then told of again",
                &[
                    (Do::Mark(Via::Pushpin, "a"), true),
                    (Do::Follow(NoteChange::Deleted), true),
                    (Do::Follow(NoteChange::Deleted), false),
                    (Do::Follow(edited("b", "2.0")), false),
                    (Do::Mark(Via::Pushpin, "a"), false),
                ],
            ),
            (
                "unmarked and marked again",
                &[
                    (Do::Mark(Via::Pushpin, "a"), true),
                    (Do::Follow(NoteChange::Unmarked), true),
                    (Do::Follow(NoteChange::Unmarked), false),
                    (Do::Mark(Via::Shortcut, "a"), true),
                    (Do::Follow(NoteChange::Unmarked), false),
                ],
            ),
            (
                "never marked",
                &[(Do::Follow(edited("b", "2.0")), false), (Do::Follow(NoteChange::Deleted), false)],
            ),
        ];
        for (what, done) in table {
            let (mut bench, _) = Bench::open(&request(false), DateTime::UNIX_EPOCH);
            for (number, (one, is_news)) in done.iter().enumerate() {
                let command = match one {
                    Do::Mark(via, text) => IncidentCommand::CaptureNote {
                        text: (*text).to_owned(),
                        source: source("1.0", None, *via),
                    },
                    Do::Follow(change) => IncidentCommand::FollowNote {
                        channel: "C1".to_owned(),
                        ts: "1.0".to_owned(),
                        change: change.clone(),
                    },
                };
                let before = bench.events.len();
                let _ = bench.learns(&command);
                assert_eq!(bench.events.len() > before, *is_news, "{what}, {number}");
            }
        }
    }

    #[test]
    fn notes_read_as_one_line() {
        let mut with_file = source("1.0", None, Via::Pushpin);
        with_file.files = vec![FileLink { name: "graph.png".to_owned(), url: Some("https://f".to_owned()) }];
        let event = IncidentEvent::NoteAdded { text: String::new(), source: Some(with_file) };
        assert_eq!(
            note_words(&event).as_deref(),
            Some(
                "noted from chat, by ana: (no text) [files: graph.png https://f] (https://x.slack.com/archives/C1/p1)"
            )
        );
        let old: IncidentEvent = serde_json::from_str(r#"{"type":"note_added","text":"x"}"#).unwrap();
        assert_eq!(old, IncidentEvent::NoteAdded { text: "x".to_owned(), source: None });
        assert_eq!(serde_json::to_string(&old).unwrap(), r#"{"type":"note_added","text":"x"}"#);
    }
}
