//! The workspace as one person sees it on the sandbox's page: channels, messages in order, and what is new.

use std::collections::BTreeMap;

use serde_json::Value;

use super::workspace::{Channel, Ephemeral, Message, Workspace};

/// Messages of one channel that are shown; older ones are only counted.
pub(crate) const SHOWN_MAX: usize = 100;

/// Up to where each person has read: by person, and by channel or `CHANNEL/THREAD`.
pub(crate) type Marks = BTreeMap<(String, String), String>;

/// A person of the workspace.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// A channel in somebody's list.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    pub(crate) id: String,
    /// With its `#`; a direct message bears the app's name.
    pub(crate) name: String,
    pub(crate) topic: String,
    pub(crate) is_private: bool,
    pub(crate) is_archived: bool,
    pub(crate) unread: usize,
    pub(crate) bookmarks: Vec<(String, String)>,
}

/// A message as it is shown.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) ts: String,
    pub(crate) author: String,
    pub(crate) is_app: bool,
    pub(crate) text: String,
    pub(crate) blocks: Value,
    pub(crate) files: Vec<Attached>,
    /// Each emoji with how many people put it there.
    pub(crate) reactions: Vec<(String, usize)>,
    pub(crate) is_edited: bool,
    pub(crate) is_pinned: bool,
    /// The one who looks has put a pushpin on it.
    pub(crate) is_marked: bool,
    /// Nobody else sees it.
    pub(crate) only_you: bool,
    pub(crate) replies: usize,
    pub(crate) new_replies: usize,
}

/// A file of a message.
#[derive(Debug, Clone)]
pub(crate) struct Attached {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) name: String,
    pub(crate) content: String,
}

/// A channel's or thread's messages, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lines {
    pub(crate) shown: Vec<Line>,
    pub(crate) older: usize,
    /// The newest `ts` among them.
    pub(crate) newest: Option<String>,
}

impl Workspace {
    /// Everybody who can sit before the page.
    pub(crate) fn people(&self) -> Vec<Person> {
        self.config.users.iter().map(|u| Person { id: u.id.clone(), name: u.name.clone() }).collect()
    }

    /// The app's user.
    pub(crate) fn bot(&self) -> Person {
        Person { id: self.config.bot_user_id.clone(), name: "blocks".to_owned() }
    }

    /// The names of all channels that somebody may know, by id.
    pub(crate) fn channel_names(&self, user: &str) -> BTreeMap<String, String> {
        let visible = self.channels.iter().filter(|c| !c.is_im && is_visible(c, user));
        visible.map(|c| (c.id.clone(), c.name.clone())).collect()
    }

    /// Somebody's channels: those that were there first come first, direct messages last.
    pub(crate) fn rooms(&self, user: &str, marks: &Marks) -> Vec<Room> {
        let mut visible: Vec<&Channel> = self.channels.iter().filter(|c| is_visible(c, user)).collect();
        visible.sort_by_key(|c| (c.is_im, c.is_archived));
        visible.into_iter().map(|channel| self.room(channel, user, marks)).collect()
    }

    fn room(&self, channel: &Channel, user: &str, marks: &Marks) -> Room {
        let mark = read_up_to(marks, user, &channel.id);
        let is_new = |ts: &str, author: &str| ts > mark && author != user;
        let posts = channel.messages.iter().filter(|m| is_top(m) && is_new(&m.ts, &m.user)).count();
        let whispers = self.whispers(user, &channel.id, None).filter(|e| is_new(&e.ts, "")).count();
        let bookmarks = channel.bookmarks.iter().map(|b| {
            let text = |field: &str| b[field].as_str().unwrap_or_default().to_owned();
            (text("title"), text("link"))
        });
        Room {
            id: channel.id.clone(),
            name: if channel.is_im { "direct: Blocks".to_owned() } else { format!("#{}", channel.name) },
            topic: channel.topic.clone(),
            is_private: channel.is_private,
            is_archived: channel.is_archived,
            unread: posts + whispers,
            bookmarks: bookmarks.collect(),
        }
    }

    /// The messages of a channel, or of one of its threads.
    pub(crate) fn lines(&self, user: &str, channel: &str, thread: Option<&str>, marks: &Marks) -> Lines {
        let Some(home) = self.channel(channel).filter(|c| is_visible(c, user)) else {
            return Lines::default();
        };
        let wanted = |m: &&Message| match thread {
            None => is_top(m),
            Some(ts) => m.ts == ts || m.thread_ts.as_deref() == Some(ts),
        };
        let posts: Vec<&Message> = home.messages.iter().filter(wanted).collect();
        let cut = posts.len().saturating_sub(SHOWN_MAX);
        let mut all: Vec<Line> = posts[cut..].iter().map(|m| self.line(home, m, user, marks)).collect();
        all.extend(self.whispers(user, channel, thread).map(|e| whispered(e, &self.bot().name)));
        all.sort_by(|a, b| a.ts.cmp(&b.ts));
        let older = all.len().saturating_sub(SHOWN_MAX);
        let newest = all.last().map(|line| line.ts.clone());
        Lines { shown: all.split_off(older), older: cut + older, newest }
    }

    fn line(&self, home: &Channel, message: &Message, user: &str, marks: &Marks) -> Line {
        let bot = self.bot();
        let is_app = message.user == bot.id;
        let mark = read_up_to(marks, user, &format!("{}/{}", home.id, message.ts));
        let replies = home
            .messages
            .iter()
            .filter(|m| m.thread_ts.as_deref() == Some(&message.ts) && m.ts != message.ts);
        let (mut count, mut new) = (0, 0);
        for reply in replies {
            count += 1;
            new += usize::from(reply.ts.as_str() > mark && reply.user != user);
        }
        Line {
            ts: message.ts.clone(),
            author: if is_app { bot.name } else { self.name_of(&message.user) },
            is_app,
            text: message.text.clone(),
            blocks: message.blocks.clone(),
            files: message.files.iter().filter_map(|id| self.attached(id)).collect(),
            reactions: message
                .marks()
                .into_iter()
                .map(|(name, users)| (name.to_owned(), users.len()))
                .collect(),
            is_edited: message.edited_ts.is_some(),
            is_pinned: home.pins.contains(&message.ts),
            is_marked: message.reactions.iter().any(|one| one.name == "pushpin" && one.user == user),
            only_you: false,
            replies: count,
            new_replies: new,
        }
    }

    fn whispers<'a>(
        &'a self,
        user: &'a str,
        channel: &'a str,
        thread: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Ephemeral> {
        self.ephemerals.iter().filter(move |e| {
            !e.deleted && e.user == user && e.channel == channel && e.thread_ts.as_deref() == thread
        })
    }

    fn name_of(&self, id: &str) -> String {
        self.user(id).map_or_else(|| id.to_owned(), |user| user.name.clone())
    }

    /// A file's content, if that person may see where it was shared.
    pub(crate) fn file_for(&self, user: &str, id: &str) -> Option<Attached> {
        let file = self.files.iter().find(|f| f.id == id)?;
        let home = self.channel(file.channel.as_deref()?)?;
        is_visible(home, user).then(|| self.attached(id)).flatten()
    }

    fn attached(&self, id: &str) -> Option<Attached> {
        let file = self.files.iter().find(|f| f.id == id)?;
        Some(Attached {
            id: file.id.clone(),
            title: file.title.clone(),
            name: file.name.clone(),
            content: file.content.clone().unwrap_or_default(),
        })
    }
}

fn whispered(ephemeral: &Ephemeral, author: &str) -> Line {
    Line {
        ts: ephemeral.ts.clone(),
        author: author.to_owned(),
        is_app: true,
        text: ephemeral.text.clone(),
        blocks: ephemeral.blocks.clone(),
        files: Vec::new(),
        reactions: Vec::new(),
        is_edited: false,
        is_pinned: false,
        is_marked: false,
        only_you: true,
        replies: 0,
        new_replies: 0,
    }
}

/// It stands in the channel itself, not only in a thread.
fn is_top(message: &Message) -> bool {
    message.broadcast || message.thread_ts.as_ref().is_none_or(|thread| *thread == message.ts)
}

fn is_visible(channel: &Channel, user: &str) -> bool {
    !channel.is_private || channel.members.contains(user)
}

fn read_up_to<'a>(marks: &'a Marks, user: &str, place: &str) -> &'a str {
    marks.get(&(user.to_owned(), place.to_owned())).map_or("", String::as_str)
}
