//! The outbox's loop: what is due leaves, several messages at once, and nothing waits behind what is slow.
//!
//! One group sends one message at a time. What people wait for (answers, plans, calls to the pager) has places of its own:
//! a chat system that is slow with cards and notes does not keep an approval waiting. Mail and the status page get few places:
//! a mail server that says nothing keeps no card waiting. The pager is called one call at a time, whatever the incident: while it says
//! nothing the others do not fill the places in which answers and plans leave.

use std::collections::HashMap;
use std::time::Duration;

use runbook_core::ports::OutboxRow;
use tokio::task::{Id, JoinSet};
use tokio::time::sleep;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::heartbeat::Loop;

/// How often the loop looks without having been woken, and the pause of a group whose message could not be handled.
const TICK: Duration = Duration::from_millis(500);
/// So that what is due then is due when it is looked at.
const A_LITTLE: Duration = Duration::from_millis(5);
/// Messages on their way at once.
const AT_ONCE: usize = 24;
/// So many places are for [`FIRST_LANE`] alone.
const FOR_PEOPLE: usize = 8;
/// So many times further it is looked where nothing of what is due first has a place.
const FURTHER: usize = 8;
/// The lane of what people wait for.
const FIRST_LANE: u8 = 0;
/// The lanes of what goes to servers outside the house, which answer when they like: the status page, and mail.
pub(crate) const PAGE_LANE: u8 = 4;
pub(crate) const MAIL_LANE: u8 = 5;
/// So many of each of these are under way at once: they never fill the places that cards and notes need.
const OUTSIDE_AT_ONCE: usize = 4;
/// How the groups of what goes to the pager begin: its calls are made one at a time anyway.
const TO_PAGER: [&str; 3] = ["pager/", "change/", "alert/"];

/// The messages on their way, and the group of each.
#[derive(Default)]
struct Sending {
    tasks: JoinSet<()>,
    groups: HashMap<Id, (u8, String)>,
}

fn is_to_pager(group: &str) -> bool {
    TO_PAGER.iter().any(|begin| group.starts_with(begin))
}

impl Sending {
    /// Whether this one can be sent now, beside the others.
    fn has_place(&self, row: &OutboxRow) -> bool {
        let places = if row.lane == FIRST_LANE { AT_ONCE } else { AT_ONCE - FOR_PEOPLE };
        let alike = self.groups.values().filter(|(lane, _)| *lane == row.lane).count();
        let is_free = row.lane < PAGE_LANE || alike < OUTSIDE_AT_ONCE;
        let is_held = is_to_pager(&row.group) && self.groups.values().any(|(_, group)| is_to_pager(group));
        is_free
            && !is_held
            && self.groups.len() < places
            && !self.groups.values().any(|(_, group)| *group == row.group)
    }

    /// Waits until one is done; for ever while there is none.
    async fn one_done(&mut self) {
        let (id, is_whole) = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => (id, true),
            Some(Err(error)) => (error.id(), false),
            None => return std::future::pending().await,
        };
        self.groups.remove(&id);
        if !is_whole {
            // It would be due again at once.
            sleep(TICK).await;
        }
    }
}

impl Engine {
    /// Sends until the engine is drained, and waits for what is then on its way.
    pub(crate) async fn outbox_loop(&self) {
        let mut stop = self.inner.draining.subscribe();
        let mut sending = Sending::default();
        while !self.is_draining() {
            self.inner.pulse.turned(Loop::Outbox, self.now());
            if let Err(error) = self.send_due(&mut sending).await {
                tracing::warn!(%error, "the outbox cannot be read now");
            }
            tokio::select! {
                biased;
                () = sending.one_done() => {}
                () = self.inner.outbox_wake.notified() => {}
                () = sleep(TICK) => {}
                _ = stop.changed() => {}
            }
        }
        while sending.tasks.join_next().await.is_some() {}
    }

    /// Wakes the loop for what is due again before it would look by itself.
    pub(crate) fn look_at_the_outbox_in(&self, pause: chrono::Duration) {
        let Some(pause) = pause.to_std().ok().filter(|pause| *pause < TICK) else { return };
        let engine = self.clone();
        self.spawn(Box::pin(async move {
            sleep(pause + A_LITTLE).await;
            engine.inner.outbox_wake.notify_one();
        }));
    }

    async fn send_due(&self, sending: &mut Sending) -> Result<(), EngineError> {
        // Those on their way are still due: one of each of their groups.
        let mut most = sending.groups.len() + AT_ONCE;
        loop {
            let rows = self.store().outbox_due(self.now(), most).await?;
            let are_all = rows.len() < most;
            // in order of their lanes: behind this one is nothing that people wait for
            let is_past_first = rows.last().is_some_and(|row| row.lane != FIRST_LANE);
            for row in rows {
                if sending.has_place(&row) {
                    self.begin_to_send(row, sending);
                }
            }
            let places = if is_past_first { AT_ONCE - FOR_PEOPLE } else { AT_ONCE };
            if are_all || sending.groups.len() >= places {
                return Ok(());
            }
            // what has to wait for its turn does not hide what is behind it
            most *= FURTHER;
        }
    }

    fn begin_to_send(&self, row: OutboxRow, sending: &mut Sending) {
        let (engine, place) = (self.clone(), (row.lane, row.group.clone()));
        let task = sending.tasks.spawn(async move {
            let key = row.key.clone();
            if let Err(error) = engine.deliver(row).await {
                tracing::warn!(%key, %error, "a message could not be handled now");
                sleep(TICK).await;
            }
        });
        sending.groups.insert(task.id(), place);
    }
}
