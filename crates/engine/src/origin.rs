//! Who asks, from where, and where the answer goes.

use chrono::{DateTime, Duration, Utc};
use runbook_core::ids::{IncidentId, RunId};
use runbook_core::incident::Urgency;
use runbook_core::journal::{Cause, Stamp};
use runbook_core::message::{Outgoing, ReplyTo};
use runbook_core::people::Actor;
use runbook_core::ports::{Commit, InboxOutcome, OutboxItem};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::capture::look_group;
use crate::outbox::{MAIL_LANE, PAGE_LANE};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// The person or program.
    pub actor: Actor,
    /// Whether they came by chat (paths and servers are not for chat).
    pub channel: Option<String>,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reply {
    /// For people.
    pub text: String,
    /// For programs.
    pub data: serde_json::Value,
}

/// Where a change comes from: who, why, when; which inbox message it settles; where the answer goes.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) actor: Actor,
    pub(crate) cause: Cause,
    pub(crate) occurred_at: Option<DateTime<Utc>>,
    /// The inbox message (source, id) that this change settles, in the same transaction.
    pub(crate) inbox: Option<(String, String)>,
    /// Where an answer for the person goes.
    pub(crate) reply_to: Option<ReplyTo>,
    /// What opens a form before the person, once and at once.
    pub(crate) trigger: Option<String>,
}

impl Origin {
    pub(crate) fn engine() -> Origin {
        Origin::system("engine", Cause::Engine)
    }

    pub(crate) fn system(part: &str, cause: Cause) -> Origin {
        Origin::of(Actor::system(part), cause)
    }

    /// Of somebody, now, who is answered by whoever called.
    pub(crate) fn of(actor: Actor, cause: Cause) -> Origin {
        Origin { actor, cause, occurred_at: None, inbox: None, reply_to: None, trigger: None }
    }

    pub(crate) fn stamp(&self, now: DateTime<Utc>) -> Stamp {
        Stamp { now, occurred_at: self.occurred_at, actor: self.actor.clone(), cause: self.cause.clone() }
    }

    /// Adds to a commit that the inbox message is dealt with, and the answer.
    pub(crate) fn settle(&self, commit: &mut Commit, answer: Option<&str>, now: DateTime<Utc>) {
        self.settle_with(commit, answer, Vec::new(), now);
    }

    /// The same, with lines that one press types.
    pub(crate) fn settle_with(
        &self,
        commit: &mut Commit,
        answer: Option<&str>,
        offers: Vec<String>,
        now: DateTime<Utc>,
    ) {
        if let Some((source, id)) = &self.inbox {
            commit.inbox_done = Some((source.clone(), id.clone(), InboxOutcome::Done));
            if let (Some(to), Some(text)) = (&self.reply_to, answer) {
                let message = Outgoing::Reply { to: to.clone(), text: text.to_owned(), offers };
                commit.outbox.extend(outbox_item(&message, &format!("{source}/{id}"), Pace::AtOnce, now));
            }
        }
    }
}

/// Least time between two edits of one message. Slack allows 50 edits a minute; two messages are live at a time.
const EDIT_PAUSE_MS: i64 = 1_500;

/// How soon an edit is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// At once: somebody waits for it (a new status, a plan, an end).
    AtOnce,
    /// With what else comes in a moment, so that edits stay few.
    Gather,
}

/// The key of an incident's card.
pub(crate) fn card_key(incident: IncidentId) -> String {
    format!("card/{incident}")
}

/// The key of a run's plan.
pub(crate) fn plan_key(run: RunId) -> String {
    format!("plan/{run}")
}

/// How the keys of the pages for a yes begin; whom they are for follows.
pub(crate) fn approval_pages(run: RunId, until: DateTime<Utc>) -> String {
    format!("pager/page/approval/{run}/{}/", until.timestamp_millis())
}

/// The outbox row of a message. `cause` makes the key of messages that are not about one thing unique.
pub(crate) fn outbox_item(
    message: &Outgoing,
    cause: &str,
    pace: Pace,
    now: DateTime<Utc>,
) -> Option<OutboxItem> {
    let about = |incident: &IncidentId| format!("incident/{incident}");
    let (key, lane, group, coalesce) = match message {
        // Asked for again when a new severity has a channel of its own; a card that waits for it must not be before it.
        Outgoing::Channel { incident } => {
            (format!("channel/{incident}"), 0, format!("channel/{incident}"), true)
        }
        Outgoing::Invite { incident, who } => {
            (format!("invite/{cause}/{who}"), 0, format!("invites/{incident}"), false)
        }
        Outgoing::Card { incident } => (card_key(*incident), 1, about(incident), true),
        Outgoing::Brief { incident } => (format!("brief/{incident}"), 1, format!("brief/{incident}"), true),
        Outgoing::Plan { run } => (plan_key(*run), 0, plan_key(*run), true),
        Outgoing::Progress { run } => (format!("progress/{run}"), 2, format!("progress/{run}"), true),
        Outgoing::Note { incident, .. } => (format!("note/{cause}"), 3, format!("notes/{incident}"), false),
        // what must be heard is not behind what waits for its turn
        Outgoing::Ask { incident, about, .. } if about.urgency() == Urgency::Must => {
            (format!("ask/{cause}"), 0, format!("asks/{incident}/must"), false)
        }
        Outgoing::Ask { incident, .. } => (format!("ask/{cause}"), 0, format!("asks/{incident}"), false),
        Outgoing::Offer { incident, .. } => (format!("offer/{cause}"), 0, format!("calls/{incident}"), false),
        // one event may call several
        Outgoing::Call { incident, to, .. } => {
            (format!("call/{cause}/{to}"), 0, format!("calls/{incident}"), false)
        }
        Outgoing::Notice { channel, .. } => {
            (format!("notice/{cause}"), 1, format!("notices/{channel}"), false)
        }
        Outgoing::WhomToCall { incident } => {
            (format!("whom-to-call/{cause}"), 0, format!("calls/{incident}"), false)
        }
        Outgoing::Shift { part, .. } => (format!("shift/{cause}/{part}"), 2, "shift".to_owned(), false),
        Outgoing::ApprovalPage { run, until, to, .. } => {
            let key = format!("{}{to}", approval_pages(*run, *until));
            (key, 0, format!("pager/approval/{run}"), false)
        }
        // Behind the page itself: what became of that is known by then.
        Outgoing::ApprovalOver { run, until, .. } => {
            let key = format!("pager/end/approval/{run}/{}", until.timestamp_millis());
            (key, 0, format!("pager/approval/{run}"), false)
        }
        Outgoing::Review { incident } => (format!("review/{cause}"), 3, format!("review/{incident}"), false),
        // What one command printed is there once, whatever asks for it.
        Outgoing::Output { incident, sha256 } => {
            (format!("output/{incident}/{sha256}"), 3, format!("outputs/{incident}"), false)
        }
        Outgoing::Reply { .. } => (format!("reply/{cause}"), 0, format!("reply/{cause}"), false),
        Outgoing::Form { .. } => (format!("form/{cause}"), 0, format!("form/{cause}"), false),
        // In the order in which a message was marked and unmarked.
        Outgoing::Look(look) => (format!("look/{cause}"), 3, look_group(&look.channel, &look.ts), false),
        // People wait for it, as for a plan: it is there to be decided about.
        Outgoing::Draft { draft, .. } => (format!("draft/{draft}"), 0, format!("draft/{draft}"), true),
        // One way of a draft leaves once, whatever asks for it. What goes to one place leaves in order: "resolved" is never
        // overtaken by what was sent before it.
        Outgoing::Update { incident, draft, way, to } => {
            let lane = match to.split('/').next() {
                Some("mail") => MAIL_LANE,
                Some("page") => PAGE_LANE,
                _ => 1,
            };
            (format!("update/{draft}/{way}"), lane, format!("update/{incident}/{to}"), false)
        }
        // In order: how it ended is not told before that it began.
        Outgoing::Change { run, .. } => (format!("change/{cause}"), 3, format!("change/{run}"), false),
        Outgoing::Alert { key, action } => {
            (format!("alert/{}/{cause}", action.word()), 3, format!("alert/{key}"), false)
        }
        Outgoing::Pager { call, .. } => {
            let (verb, about) = match call {
                runbook_core::ports::PagerCall::Acknowledge { incident, .. } => ("ack", incident),
                runbook_core::ports::PagerCall::Resolve { incident, .. } => ("resolve", incident),
                runbook_core::ports::PagerCall::Note { incident, .. } => ("note", incident),
                // by itself: it waits for nothing else that is told of the incident, and its end is behind it
                runbook_core::ports::PagerCall::Page { key, .. } => ("page", key),
                runbook_core::ports::PagerCall::EndPage { key } => ("end", key),
                runbook_core::ports::PagerCall::Event { key, .. } => ("event", key),
                runbook_core::ports::PagerCall::Change { key, .. } => ("change", key),
                runbook_core::ports::PagerCall::Severity { incident, .. } => ("severity", incident),
                runbook_core::ports::PagerCall::AskResponder { incident, .. } => ("ask", incident),
            };
            // one event may page several, or end several pages
            let which = match call {
                runbook_core::ports::PagerCall::Page { key, .. }
                | runbook_core::ports::PagerCall::EndPage { key } => {
                    key.rsplit('/').next().map_or_else(String::new, |last| format!("/{last}"))
                }
                // or write several notes
                runbook_core::ports::PagerCall::Note { text, .. } => {
                    let hash = hex::encode(Sha256::digest(text));
                    format!("/{}", hash.get(..8).unwrap_or_default())
                }
                _ => String::new(),
            };
            (format!("pager/{verb}/{cause}{which}"), 0, format!("pager/{about}"), false)
        }
    };
    // Our own message types always serialise; a failure here would be a defect, and must not stop a run.
    let payload = serde_json::to_value(message).ok()?;
    let due =
        if coalesce && pace == Pace::Gather { now + Duration::milliseconds(EDIT_PAUSE_MS) } else { now };
    Some(OutboxItem { key, lane, group, payload, coalesce, due })
}
