//! The deliveries: many senders at once, each with one life after the other; somebody who kills; and people who act.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::sync::{Mutex as Turn, Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::life::{Act, Agent, Event, Kind, Life, What};
use super::pager::Pager;
use super::report::Tally;
use super::send::{Message, Sender, Sent};
use super::world::World;
use crate::app::{client, send};
use crate::crash::Random;

/// Of a hundred messages so many are sent twice at once, again a little later, later under another delivery's id, and long after.
const AT_ONCE: u64 = 14;
const LATER: u64 = 12;
const OTHER_ID: u64 = 8;
const LONG_AFTER: u64 = 8;
/// So many messages are remembered to be sent again long after.
const REMEMBERED: usize = 200;
/// A message that comes again and again.
const STORM: u64 = 250;
/// How often it is looked whether something is so.
const LOOK: Duration = Duration::from_millis(15);

/// What was sent.
#[derive(Debug, Default)]
pub(super) struct Played {
    /// Lives from 0 to this were told to their end.
    pub(super) lives: u64,
    pub(super) deliveries: u64,
    pub(super) duplicates: u64,
    /// What the pager told of what was done from here.
    pub(super) echoes: BTreeSet<String>,
    pub(super) dropped: Vec<String>,
    pub(super) kills: BTreeMap<&'static str, u64>,
    pub(super) ended_alone: u64,
    pub(super) wrong: Vec<String>,
    pub(super) tally: Tally,
}

/// What a run is made from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) deliveries: u64,
    pub(super) connections: u64,
    pub(super) kills: u64,
    /// Whether the named points are alive in the program.
    pub(super) has_points: bool,
    /// So long an effect may take.
    pub(super) patience: Duration,
}

pub(super) struct Shared {
    plan: Plan,
    next: AtomicU64,
    sent: AtomicU64,
    progress: Notify,
    address: watch::Receiver<String>,
    pager: Arc<Pager>,
    token: String,
    http: reqwest::Client,
    store: Turn<Connection>,
    played: Mutex<Played>,
    tell: Arc<dyn Fn(u64) + Send + Sync>,
}

/// Plays it all; the world is settled afterwards by whoever calls.
pub(super) async fn play(
    plan: Plan,
    world: &mut World,
    pager: &Arc<Pager>,
    (token, store): (String, Connection),
    tell: Arc<dyn Fn(u64) + Send + Sync>,
) -> Played {
    let shared = Arc::new(Shared {
        plan,
        next: AtomicU64::new(0),
        sent: AtomicU64::new(0),
        progress: Notify::new(),
        address: world.address(),
        pager: Arc::clone(pager),
        token,
        http: client(),
        store: Turn::new(store),
        played: Mutex::default(),
        tell,
    });
    let mut senders = JoinSet::new();
    for number in 0..plan.connections.max(1) {
        senders.spawn(Arc::clone(&shared).send_lives(number));
    }
    let all = async { while senders.join_next().await.is_some() {} };
    tokio::pin!(all);
    let mut killer = Killer { shared: Arc::clone(&shared), random: Random::of(plan.seed, 1 << 42), done: 0 };
    loop {
        tokio::select! {
            () = &mut all => break,
            () = killer.work(world) => {}
        }
    }
    killer.stand_up(world).await;
    let mut played = std::mem::take(&mut *shared.played.lock().unwrap_or_else(PoisonError::into_inner));
    played.lives = shared.next.load(Ordering::Relaxed);
    played.deliveries = shared.sent.load(Ordering::Relaxed);
    played
}

impl Shared {
    fn note(&self, change: impl FnOnce(&mut Played)) {
        change(&mut self.played.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// One life after the other, as long as there is to be more. The number of a life that is begun is always told to its end.
    async fn send_lives(self: Arc<Self>, worker: u64) {
        let random = |offset: u64| Random::of(self.plan.seed, worker.wrapping_add(offset << 43));
        let mut post = Post {
            first: Sender::new(self.address.clone(), random(1)),
            second: Sender::new(self.address.clone(), random(2)),
            random: random(3),
            shared: Arc::clone(&self),
            remembered: Vec::new(),
        };
        while self.sent.load(Ordering::Relaxed) < self.plan.deliveries {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            post.tell_life(&Life::of(self.plan.seed, number)).await;
        }
        let (first, second) = (post.first.tally, post.second.tally);
        self.note(|played| {
            played.tally.add(first);
            played.tally.add(second);
        });
    }

    fn has_sent(&self, first: bool) {
        let sent = self.sent.fetch_add(1, Ordering::Relaxed) + 1;
        if !first {
            self.note(|played| played.duplicates += 1);
        }
        self.progress.notify_one();
        (self.tell)(sent);
    }

    /// The number here of an incident, once it is known.
    async fn number_of(&self, pager: &str) -> String {
        loop {
            let found = {
                let store = self.store.lock().await;
                let sql = "SELECT number FROM incidents WHERE row ->> '$.pager_id' = ?1";
                store
                    .prepare_cached(sql)
                    .and_then(|mut select| select.query_row([pager], |row| row.get::<_, i64>(0)))
            };
            match found {
                Ok(number) => return format!("INC-{number}"),
                Err(_) => sleep(LOOK).await,
            }
        }
    }

    /// Whether a person's note is on the timeline.
    async fn has_note(&self, pager: &str, text: &str) -> bool {
        let store = self.store.lock().await;
        let sql = "SELECT count(*) FROM events JOIN incidents ON stream = 'incident/' || id
                   WHERE row ->> '$.pager_id' = ?1 AND instr(bytes, ?2) > 0";
        let count = store.prepare_cached(sql).and_then(|mut select| {
            select.query_row(rusqlite::params![pager, text.as_bytes()], |row| row.get::<_, i64>(0))
        });
        count.is_ok_and(|count| count > 0)
    }

    /// One request of a person; status 0 when nobody answered.
    async fn ask(&self, request: &Value) -> u16 {
        let address = self.address.borrow().clone();
        let asked = self.http.post(format!("http://{address}/api/v1/requests"));
        send(asked.json(request).bearer_auth(&self.token)).await.status
    }
}

/// Who sends the messages of one life at a time.
struct Post {
    first: Sender,
    second: Sender,
    random: Random,
    shared: Arc<Shared>,
    /// Messages that may come again long after: life, and place.
    remembered: Vec<(u64, usize)>,
}

impl Post {
    async fn tell_life(&mut self, life: &Life) {
        let mut later = Vec::new();
        for place in life.order(self.shared.plan.seed) {
            let Some(event) = life.events.get(place) else { continue };
            let twice = self.random.percent(AT_ONCE);
            self.tell(life, event, None, twice).await;
            if place == 0 {
                let acts = timeout(self.shared.plan.patience, self.act(life)).await;
                if acts.is_err() {
                    self.wrong(format!("{}: what people did is not at the pager in time", life.pager));
                }
                if life.kind == Kind::Storm {
                    for _ in 0..STORM / 2 {
                        self.tell_again(life, event, None, true).await;
                    }
                }
            }
            if self.random.percent(LATER) {
                later.push(place);
            }
            if self.random.percent(50) && !later.is_empty() {
                let place = later.remove(0);
                self.tell_place_again(life, place).await;
            }
            self.remember(life, place).await;
        }
        for place in later {
            self.tell_place_again(life, place).await;
        }
        if life.kind == Kind::Looked
            && timeout(self.shared.plan.patience, self.hear_of_look(life)).await.is_err()
        {
            self.wrong(format!("{}: what was looked at is not at the pager in time", life.pager));
        }
    }

    /// Now and then something old comes again.
    async fn remember(&mut self, life: &Life, place: usize) {
        if self.remembered.len() < REMEMBERED {
            self.remembered.push((life.number, place));
        } else {
            let at = usize::try_from(self.random.below(REMEMBERED as u64)).unwrap_or_default();
            if let Some(slot) = self.remembered.get_mut(at) {
                *slot = (life.number, place);
            }
        }
        if self.random.percent(LONG_AFTER) {
            let at = usize::try_from(self.random.below(self.remembered.len() as u64)).unwrap_or_default();
            if let Some((number, place)) = self.remembered.get(at).copied() {
                let old = Life::of(self.shared.plan.seed, number);
                self.tell_place_again(&old, place).await;
            }
        }
    }

    async fn tell_place_again(&mut self, life: &Life, place: usize) {
        let Some(event) = life.events.get(place) else { return };
        // without an id of its own it is another message under another delivery's
        let other = self.random.below(LATER + OTHER_ID) < OTHER_ID && event.message_id() == event.id;
        let webhook = other.then(|| format!("{}-again", event.webhook));
        self.tell_again(life, event, webhook.as_deref(), false).await;
    }

    async fn tell(&mut self, life: &Life, event: &Event, webhook: Option<&str>, twice: bool) {
        self.send(life, event, webhook, (true, twice)).await;
    }

    async fn tell_again(&mut self, life: &Life, event: &Event, webhook: Option<&str>, twice: bool) {
        self.send(life, event, webhook, (false, twice)).await;
    }

    async fn send(
        &mut self,
        life: &Life,
        event: &Event,
        webhook: Option<&str>,
        (first, twice): (bool, bool),
    ) {
        let body = event.body(life);
        let message = Message { webhook: webhook.unwrap_or(&event.webhook), body: &body };
        let sent = if twice {
            let (sent, also) = tokio::join!(self.first.deliver(&message), self.second.deliver(&message));
            self.shared.has_sent(false);
            if sent == Sent::Taken { also } else { sent }
        } else {
            self.first.deliver(&message).await
        };
        self.shared.has_sent(first);
        if let Sent::Dropped(status) = sent {
            let id = event.message_id();
            self.shared.note(|played| played.dropped.push(format!("{id} was dropped for good: {status}")));
        }
    }

    /// People here take it and write notes; the pager tells of both.
    async fn act(&mut self, life: &Life) {
        if life.acts.is_empty() {
            return;
        }
        let number = self.shared.number_of(&life.pager).await;
        for (place, act) in life.acts.iter().enumerate() {
            match act {
                Act::Take => {
                    let request = json!({ "request": "incident_ack", "incident": number });
                    while self.shared.ask(&request).await != 200 {
                        sleep(LOOK).await;
                    }
                    self.shared.pager.until(&life.pager, |done| (done.acknowledged > 0).then_some(())).await;
                    self.echo(life, place, What::Acknowledged).await;
                }
                Act::Note { text } => {
                    let request = json!({ "request": "timeline_add", "incident": number, "text": text });
                    // one whose answer is lost is looked for before it is written again
                    while self.shared.ask(&request).await != 200
                        && !self.shared.has_note(&life.pager, text).await
                    {
                        sleep(LOOK).await;
                    }
                    let note = self.shared.pager.until(&life.pager, |done| done.notes.last().cloned()).await;
                    self.echo(life, place, What::Note { id: note.0, text: note.1 }).await;
                }
            }
        }
    }

    /// What a runbook found is written at the pager, which tells of that.
    async fn hear_of_look(&mut self, life: &Life) {
        let note = self.shared.pager.until(&life.pager, |done| done.notes.last().cloned()).await;
        self.echo(life, 0, What::Note { id: note.0, text: note.1 }).await;
    }

    /// The pager tells of what was done there from here.
    async fn echo(&mut self, life: &Life, place: usize, what: What) {
        let Some(first) = life.events.first() else { return };
        let (id, webhook) =
            (format!("01ECHO{:010X}{place:02X}", life.number), format!("wh-echo-{}-{place}", life.number));
        let event = Event {
            id: id.clone(),
            webhook,
            at: first.at + 100 * i64::try_from(place + 1).unwrap_or(1),
            agent: Agent::Ana,
            what,
            status: "acknowledged",
            ..first.clone()
        };
        self.shared.note(|played| {
            played.echoes.insert(id);
        });
        let twice = self.random.percent(AT_ONCE);
        self.tell(life, &event, None, twice).await;
    }

    fn wrong(&self, text: String) {
        self.shared.note(|played| played.wrong.push(text));
    }
}

/// Who kills the server, again and again, and starts it.
struct Killer {
    shared: Arc<Shared>,
    random: Random,
    done: u64,
}

impl Killer {
    /// Waits for the next kill's time, and does it. May be given up while it waits.
    async fn work(&mut self, world: &mut World) {
        let plan = self.shared.plan;
        let due = (self.done + 1) * plan.deliveries / (plan.kills + 1);
        while self.done >= plan.kills || self.shared.sent.load(Ordering::Relaxed) < due {
            tokio::select! {
                () = self.shared.progress.notified() => {}
                () = sleep(Duration::from_millis(500)) => {}
            }
            if !world.is_up() {
                self.stand_up(world).await;
            }
        }
        self.done += 1;
        self.kill(world).await;
    }

    async fn kill(&mut self, world: &mut World) {
        let is_at_point = self.shared.plan.has_points && self.random.percent(60);
        let moment = if is_at_point { "in-commit" } else { "any-time" };
        if is_at_point {
            let (passes, linger) = (self.random.below(60), self.random.below(6));
            world.give_order(&format!("in-commit {passes} {linger} {}", self.done));
            for _ in 0..2_000 {
                if !world.is_up() {
                    break;
                }
                sleep(Duration::from_millis(5)).await;
            }
            let _taken = world.take_order_back();
            world.kill().await;
        } else {
            sleep(Duration::from_micros(self.random.below(60_000))).await;
            let _up = world.is_up();
            world.kill().await;
        }
        self.count(moment);
        // now and then the next one is killed, too, before or just after it has looked at what was left
        if self.random.percent(35) {
            let point = if self.random.percent(50) { "before-checkpoint" } else { "after-checkpoint" };
            let is_at_point = self.shared.plan.has_points && self.random.percent(60);
            if is_at_point {
                world.give_order(&format!("{point} 0 0 {}", self.done));
            }
            let has_stood = world.start().await;
            let was_taken = is_at_point && !world.take_order_back();
            if has_stood && !was_taken {
                sleep(Duration::from_micros(self.random.below(150_000))).await;
            }
            world.kill().await;
            self.count(if was_taken { point } else { "after-start" });
        }
        self.stand_up(world).await;
    }

    fn count(&self, moment: &'static str) {
        self.shared.note(|played| *played.kills.entry(moment).or_default() += 1);
    }

    /// Starts it where it does not live.
    async fn stand_up(&mut self, world: &mut World) {
        if world.has_ended_alone() {
            let log = world.log();
            self.shared.note(|played| {
                played.ended_alone += 1;
                played.wrong.push(format!("a server ended by itself: {log}"));
            });
            world.forget();
        }
        if !world.is_up() && !world.start().await {
            let log = world.log();
            self.shared.note(|played| played.wrong.push(format!("a server does not start: {log}")));
        }
    }
}
