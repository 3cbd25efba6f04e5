//! When Slack may be asked for what again: what it said itself, its rule of one message a second for each channel, and what it
//! takes of each other method in a minute, of which a part is kept for what people wait for.
//!
//! Each method waits for itself, and posting for each channel by itself: nobody waits for what another may not do. A delivery
//! begins when its own method has room. What else it calls on its way is counted and never held back: it would be left half
//! done.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use runbook_core::message::{ChatMessage, ReplyTo};
use tokio::time::Instant;

use super::Method;

/// Slack takes about one message a second for each channel, and more in short bursts.
const BETWEEN_POSTS: Duration = Duration::from_secs(1);
/// Slack's limits count by the minute: so long when it does not say how long.
const UNSAID: Duration = Duration::from_secs(5);
/// Longest pause that is believed.
const LONGEST: Duration = Duration::from_secs(600);
/// So much of what Slack takes in a minute is used, in percent: after one too many it takes none for a while.
const USED: usize = 96;
/// So much of it by what only shows how things go on; the rest is for what somebody waits for, such as plans and questions.
const ROUTINE: usize = 72;
const MINUTE: Duration = Duration::from_secs(60);
/// A turn that has led to no call after so long leads to none: the store was not there, and the next try takes a turn anew.
const UNUSED: Duration = Duration::from_secs(3);
/// Beyond so many entries those that are over are forgotten.
const MANY: usize = 256;

/// A method, and for posting the channel.
type Budget = (Method, String);

/// What is to be waited for.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Slack refused it until then.
    held: Mutex<HashMap<Budget, Instant>>,
    /// The last message of each channel.
    posted: Mutex<HashMap<String, Instant>>,
    /// What was called of each method that has a limit by the minute.
    used: Mutex<HashMap<Method, Used>>,
}

/// The last minute of one method.
#[derive(Debug, Default)]
struct Used {
    /// Its calls, oldest first.
    calls: VecDeque<Instant>,
    /// Turns whose call has not been made, oldest first.
    turns: VecDeque<Instant>,
}

impl Used {
    fn forget(&mut self) {
        for (times, life) in [(&mut self.calls, MINUTE), (&mut self.turns, UNUSED)] {
            while times.front().is_some_and(|at| at.elapsed() >= life) {
                times.pop_front();
            }
        }
    }

    /// When there is room for one more of at most `most`: once the oldest that are too many are over.
    fn room(&self, most: usize) -> Option<Instant> {
        let calls = self.calls.iter().map(|at| *at + MINUTE);
        let mut ends: Vec<_> = calls.chain(self.turns.iter().map(|at| *at + UNUSED)).collect();
        ends.sort_unstable();
        ends.get(ends.len().checked_sub(most)?).copied()
    }
}

/// How many calls of a method are made in a minute.
fn most(method: Method, is_urgent: bool) -> Option<usize> {
    Some(method.per_minute()? * if is_urgent { USED } else { ROUTINE } / 100)
}

fn budget(method: Method, channel: &str) -> Budget {
    let of_channel = method == Method::PostMessage;
    (method, if of_channel { channel.to_owned() } else { String::new() })
}

impl Pace {
    /// Slack has said that there were too many calls.
    pub(super) fn hold(&self, method: Method, channel: &str, after: Option<Duration>) {
        let until = Instant::now() + after.unwrap_or(UNSAID).min(LONGEST);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        forget(&mut held, |until| *until <= Instant::now());
        held.insert(budget(method, channel), until);
    }

    /// A message was posted.
    pub(super) fn post(&self, channel: &str) {
        let mut posted = self.posted.lock().unwrap_or_else(PoisonError::into_inner);
        forget(&mut posted, |at| at.elapsed() >= BETWEEN_POSTS);
        posted.insert(channel.to_owned(), Instant::now());
    }

    /// A method is called.
    pub(super) fn call(&self, method: Method) {
        if method.per_minute().is_none() {
            return;
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let used = used.entry(method).or_default();
        used.forget();
        // It was counted as a turn, perhaps. One that is never used is used up by whoever calls next without one.
        used.turns.pop_front();
        used.calls.push_back(Instant::now());
    }

    /// How long Slack takes no call of this method, by its own word. Posting rests for each channel by itself.
    pub(super) fn rests(&self, method: Method) -> Option<Duration> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let until = held.get(&budget(method, "")).filter(|_| method != Method::PostMessage)?;
        until.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero())
    }

    /// How long what somebody waits for would have to wait for this method, which is not posting. Takes no turn.
    pub(super) fn delay(&self, method: Method) -> Option<Duration> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let until = held.get(&budget(method, "")).copied();
        drop(held);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let used = used.entry(method).or_default();
        used.forget();
        let room = most(method, true).and_then(|most| used.room(most));
        until
            .max(room)
            .and_then(|until| until.checked_duration_since(Instant::now()))
            .filter(|wait| !wait.is_zero())
    }

    /// How long this message for the channel with that id, as far as it is known, has to wait; `None` when it may leave, and
    /// then its turn is taken.
    pub(super) fn turn(&self, message: &ChatMessage, id: Option<&str>) -> Option<Duration> {
        let (method, channel, is_urgent) = match message {
            ChatMessage::OpenChannel { .. } => (Method::CreateChannel, "", true),
            // what it comes to in the end is worth more than how it goes on
            ChatMessage::Card { channel, ts, view } => (
                if ts.is_some() { Method::UpdateMessage } else { Method::PostMessage },
                channel.as_str(),
                ts.is_some() && (view.resolved_at.is_some() || view.ended.is_some()),
            ),
            ChatMessage::Brief { channel, ts, .. } => (
                if ts.is_some() { Method::UpdateMessage } else { Method::PostMessage },
                channel.as_str(),
                false,
            ),
            // a question is shown by an edit, and so is that there is none any more
            ChatMessage::Progress { channel, ts, view, .. } => (
                if ts.is_some() { Method::UpdateMessage } else { Method::PostMessage },
                channel.as_str(),
                ts.is_some() && (view.question.is_some() || view.is_over),
            ),
            // Somebody waits for it: only Slack's own no holds it back.
            ChatMessage::Plan { channel, ts, .. } | ChatMessage::Draft { channel, ts, .. } => (
                if ts.is_some() { Method::UpdateMessage } else { Method::PostMessage },
                channel.as_str(),
                true,
            ),
            ChatMessage::Note { channel, .. } => (Method::PostMessage, channel.as_str(), false),
            ChatMessage::Ask { channel, .. } | ChatMessage::Offer { channel, .. } => {
                (Method::PostMessage, channel.as_str(), true)
            }
            ChatMessage::Upload { .. } => (Method::CompleteUpload, "", false),
            ChatMessage::Reply { to: ReplyTo::Person { .. }, .. } => (Method::PostEphemeral, "", true),
            ChatMessage::Invite { .. } => (Method::Invite, "", true),
            ChatMessage::Look { .. } => (Method::Replies, "", true),
            ChatMessage::Form { .. } => (Method::OpenView, "", true),
            ChatMessage::Reply { .. } => return None,
        };
        let channel = id.unwrap_or(channel);
        let now = Instant::now();
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let until = held.get(&budget(method, channel)).copied();
        drop(held);
        let mut posted = self.posted.lock().unwrap_or_else(PoisonError::into_inner);
        let after_last = match method {
            Method::PostMessage if !is_urgent => posted.get(channel).map(|at| *at + BETWEEN_POSTS),
            _ => None,
        };
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let used = used.entry(method).or_default();
        used.forget();
        let most = most(method, is_urgent);
        let after_others = most.and_then(|most| used.room(most));
        let wait =
            until.max(after_last).max(after_others).filter(|until| *until > now).map(|until| until - now);
        if wait.is_none() && most.is_some() {
            used.turns.push_back(now);
        }
        if wait.is_none() && method == Method::PostMessage {
            // The turn is taken: several that ask at once would else all go, and Slack would refuse most of them.
            forget(&mut posted, |at| at.elapsed() >= BETWEEN_POSTS);
            posted.insert(channel.to_owned(), now);
        }
        wait
    }
}

fn forget<K: std::hash::Hash + Eq>(entries: &mut HashMap<K, Instant>, is_over: impl Fn(&Instant) -> bool) {
    if entries.len() >= MANY {
        entries.retain(|_, at| !is_over(at));
    }
}

#[cfg(test)]
mod tests {
    use runbook_core::message::ProgressView;

    use super::*;
    use crate::render::tests::progress_view;

    fn note(channel: &str) -> ChatMessage {
        ChatMessage::Note { channel: channel.to_owned(), thread: None, text: "x".to_owned() }
    }

    #[tokio::test(start_paused = true)]
    async fn one_channel_waits_for_itself() {
        let pace = Pace::default();
        assert_eq!(pace.turn(&note("C1"), None), None);
        assert_eq!(pace.turn(&note("C1"), None), Some(BETWEEN_POSTS), "of two that ask at once, one goes");
        pace.post("C1");
        assert_eq!(pace.turn(&note("C1"), None), Some(BETWEEN_POSTS));
        assert_eq!(pace.turn(&note("C2"), None), None);
        tokio::time::advance(BETWEEN_POSTS).await;
        assert_eq!(pace.turn(&note("C1"), None), None);
    }

    /// One busy run uses up the edits that only show how it goes on, and not those that a question is shown by.
    #[tokio::test(start_paused = true)]
    async fn a_question_waits_for_no_other_edits() {
        let pace = Pace::default();
        let edit = |view: ProgressView| ChatMessage::Progress {
            channel: "C1".to_owned(),
            ts: Some("1.0".to_owned()),
            thread: None,
            view,
        };
        let routine = edit(ProgressView { question: None, ..progress_view() });
        let asks = edit(progress_view());
        assert!(matches!(&asks, ChatMessage::Progress { view, .. } if view.question.is_some()));
        let edits = |is_urgent| most(Method::UpdateMessage, is_urgent).unwrap();
        assert_eq!((edits(false), edits(true)), (36, 48), "of 50");
        for number in 0..edits(false) {
            assert_eq!(pace.turn(&routine, None), None, "{number}");
            pace.call(Method::UpdateMessage);
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        let gone = Duration::from_millis(100) * 36;
        assert_eq!(pace.turn(&routine, None), Some(MINUTE - gone));
        for number in edits(false)..edits(true) {
            assert_eq!(pace.turn(&asks, None), None, "{number}");
            pace.call(Method::UpdateMessage);
        }
        assert_eq!(pace.turn(&asks, None), Some(MINUTE - gone), "Slack would refuse it, and more than it");
        tokio::time::advance(MINUTE - gone).await;
        assert!(pace.turn(&routine, None).is_some(), "the questions took their part");
        assert_eq!(pace.turn(&asks, None), None);
        pace.call(Method::UpdateMessage);
        tokio::time::advance(gone).await;
        assert_eq!(pace.turn(&routine, None), None);
    }

    /// What is called on the way of a delivery counts, and holds back what begins with the same method alone.
    #[tokio::test(start_paused = true)]
    async fn each_method_has_a_minute_of_its_own() {
        let pace = Pace::default();
        let open = ChatMessage::OpenChannel {
            name: "inc-1".to_owned(),
            topic: String::new(),
            invite: Vec::new(),
            private: false,
            bookmarks: Vec::new(),
        };
        let look = ChatMessage::Look { channel: "C1".to_owned(), ts: "1.0".to_owned(), given: None };
        let edit = ChatMessage::Progress {
            channel: "C1".to_owned(),
            ts: Some("1.0".to_owned()),
            thread: None,
            view: ProgressView { question: None, ..progress_view() },
        };
        for number in 0..19 {
            assert_eq!(pace.delay(Method::CreateChannel), None, "it takes no turn");
            assert_eq!(pace.turn(&open, None), None, "{number}");
            for method in [Method::CreateChannel, Method::SetPurpose, Method::SetTopic, Method::Invite] {
                pace.call(method);
            }
        }
        assert_eq!(pace.turn(&open, None), Some(MINUTE), "Slack takes 20");
        assert_eq!(pace.delay(Method::CreateChannel), Some(MINUTE));
        assert_eq!(
            pace.turn(&ChatMessage::Invite { channel: "C1".to_owned(), who: "U1".to_owned() }, None),
            None
        );
        // a turn and its call are one
        for number in 0..36 {
            assert_eq!(pace.turn(&edit, None), None, "{number}");
            pace.call(Method::UpdateMessage);
        }
        assert_eq!(pace.turn(&edit, None), Some(MINUTE));
        // a lost answer is looked for as often as it has to be
        for _ in 0..60 {
            pace.call(Method::Replies);
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        assert_eq!(pace.turn(&look, None), Some(MINUTE - Duration::from_millis(4_800)), "until 47 are left");
        for channel in 0..200 {
            assert_eq!(pace.turn(&note(&format!("C{channel}")), None), None, "posting has no such limit");
            pace.call(Method::PostMessage);
        }
        tokio::time::advance(MINUTE).await;
        assert_eq!([&open, &edit, &look].map(|message| pace.turn(message, None)), [None; 3]);
        // turns that lead to nothing, as while the store is not there, keep nobody waiting for a minute
        for _ in 0..19 {
            pace.turn(&open, None);
        }
        assert_eq!(pace.turn(&open, None), Some(UNUSED));
        tokio::time::advance(UNUSED).await;
        assert_eq!([&open, &look].map(|message| pace.turn(message, None)), [None; 2]);
        // of a turn that was not used the next call makes use
        pace.call(Method::Replies);
        pace.call(Method::Replies);
        let used = pace.used.lock().unwrap();
        assert_eq!((used[&Method::Replies].calls.len(), used[&Method::Replies].turns.len()), (2, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_slack_refused_waits_as_long_as_it_said() {
        let pace = Pace::default();
        pace.hold(Method::PostMessage, "C1", Some(Duration::from_secs(30)));
        pace.hold(Method::UpdateMessage, "C1", None);
        assert_eq!(pace.rests(Method::UpdateMessage), Some(UNSAID));
        assert_eq!((pace.rests(Method::PostMessage), pace.rests(Method::ListChannels)), (None, None));
        assert_eq!(
            pace.turn(&note("incidents"), Some("C1")),
            Some(Duration::from_secs(30)),
            "it is that one"
        );
        assert_eq!(pace.turn(&note("C1"), None), Some(Duration::from_secs(30)));
        assert_eq!(pace.turn(&note("C2"), None), None, "another channel");
        let upload = ChatMessage::Upload {
            channel: "C1".to_owned(),
            thread: None,
            filename: String::new(),
            title: String::new(),
            comment: String::new(),
            content: String::new(),
        };
        assert_eq!(pace.turn(&upload, None), None, "another method");
        tokio::time::advance(Duration::from_secs(31)).await;
        assert_eq!(pace.turn(&note("C1"), None), None);
        pace.hold(Method::PostMessage, "C1", Some(Duration::from_secs(1_000_000)));
        assert_eq!(pace.turn(&note("C1"), None), Some(LONGEST), "nonsense is not believed");
        for number in 0..10 * MANY {
            pace.post(&format!("C{number}"));
            tokio::time::advance(BETWEEN_POSTS).await;
        }
        assert!(pace.posted.lock().unwrap().len() <= MANY);
    }
}
