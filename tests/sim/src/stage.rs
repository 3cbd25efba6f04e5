//! The stage: a world, a disk, and an engine on them that dies and is started again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use blocks_engine::{Asker, Clock, Engine, Library, PagerTells, Parts, Settings};
use blocks_store::memory::Data;
use runbook_core::alert::AlertNotice;
use runbook_core::ports::{
    InboxItem, Intake, PagerEvent, PagerEventKind, PagerIncident, Signal, Translated, Translator,
};
use runbook_core::request::Request;
use tokio::time::sleep;

use crate::disk::{Disk, Faults, LifeGate};
use crate::judge::Judge;
use crate::life::Life;
use crate::locked;
use crate::organisation::{self, SERVICES};
use crate::outside::{
    Account, ChatRoom, Happening, Machine, Numbered, Outside, PagerLine, SetClock, true_time,
};
use crate::random::Random;
use crate::runbooks::Books;
use crate::script::{Action, Script, Webhook};
use crate::sides::SENDER;

type Signals = Arc<Mutex<BTreeMap<String, Translated>>>;

/// Knows what each message means by its id.
struct ById {
    source: &'static str,
    signals: Signals,
}

impl Translator for ById {
    fn source(&self) -> &'static str {
        self.source
    }

    fn translate(&self, item: &InboxItem) -> Translated {
        let unreadable = Translated::Unreadable { reason: "not json".to_owned() };
        locked(&self.signals).get(&item.id).cloned().unwrap_or(unreadable)
    }
}

/// What messages and requests find at the address of the engine: perhaps one that has died.
#[derive(Clone)]
struct Address(Arc<Mutex<(Engine, Life)>>);

impl Address {
    fn now(&self) -> (Engine, Life) {
        locked(&self.0).clone()
    }
}

/// Everything of one world.
pub(crate) struct Stage {
    pub(crate) seed: u64,
    pub(crate) outside: Arc<Mutex<Outside>>,
    pub(crate) data: Arc<Mutex<Data>>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) clock: SetClock,
    pub(crate) crashes: u64,
    books: Arc<Books>,
    settings: Settings,
    ids: Arc<Numbered>,
    signals: Signals,
    address: Address,
    /// Messages and requests that have no answer yet.
    under_way: Arc<AtomicUsize>,
    /// When the next life ends.
    next_end: Option<u64>,
    told: u64,
    /// How the pager tells, where it is looked at, too, and how many of a hundred webhooks never come.
    tells: Option<PagerTells>,
    lost: u64,
}

impl Stage {
    /// The stage, with an engine that runs.
    pub(crate) async fn open(script: &Script, reviews: PathBuf, traced: bool) -> Stage {
        let settings = organisation::settings(&script.shape, reviews);
        let outside = Arc::new(Mutex::new(Outside::new(Judge::new(script.shape.others), traced)));
        if script.shape.sides.tells.is_some() {
            let mut account = Account::default();
            for timed in &script.actions {
                if let Action::Webhook(webhook) = &timed.action {
                    account.happens(happening(script.seed, webhook));
                }
            }
            locked(&outside).pager.account = Some(account);
        }
        locked(&outside).judge.knows(script);
        let faults = Arc::new(Faults::default());
        faults.slow.store(script.shape.slow_store, Ordering::SeqCst);
        let parts = Making {
            seed: script.seed,
            outside: &outside,
            data: &Arc::default(),
            faults: &faults,
            clock: &SetClock::new(),
            books: &Arc::new(Books::of(script.seed)),
            settings: &settings,
            ids: &Arc::default(),
            signals: &Signals::default(),
        };
        let (engine, life) = parts.engine();
        let mut stage = Stage {
            seed: script.seed,
            outside: Arc::clone(&outside),
            data: Arc::clone(parts.data),
            faults: Arc::clone(&faults),
            clock: parts.clock.clone(),
            crashes: 0,
            books: Arc::clone(parts.books),
            ids: Arc::clone(parts.ids),
            signals: Arc::clone(parts.signals),
            address: Address(Arc::new(Mutex::new((engine, life)))),
            under_way: Arc::default(),
            next_end: None,
            told: 0,
            tells: script.shape.sides.tells,
            lost: script.shape.sides.lost,
            settings,
        };
        stage.start().await;
        stage
    }

    pub(crate) fn engine(&self) -> Engine {
        self.address.now().0
    }

    pub(crate) fn life(&self) -> Life {
        self.address.now().1
    }

    /// Starts the present engine, or the next one when it dies of that.
    async fn start(&mut self) {
        loop {
            let (engine, life) = self.address.now();
            if let Some(end) = self.next_end.take() {
                life.arm(end, false);
            }
            tokio::select! {
                biased;
                () = life.over() => {}
                started = engine.start() => match started {
                    Ok(()) => return,
                    // As a process that cannot read its store: it ends, and is started again.
                    Err(_) => life.end(),
                },
            }
            self.renew().await;
        }
    }

    /// Puts a new engine on what is on the disk.
    async fn renew(&mut self) {
        self.crashes += 1;
        let mut random = Random::of(self.seed, "restart", self.crashes);
        if self.life().takes_machine() {
            locked(&self.outside).stop_machine();
        }
        locked(&self.outside).tell(|| "the process dies".to_owned());
        sleep(Duration::from_millis(random.pick(&[50, 1_000, 5_000]))).await;
        let made = Making {
            seed: self.seed,
            outside: &self.outside,
            data: &self.data,
            faults: &self.faults,
            clock: &self.clock,
            books: &self.books,
            settings: &self.settings,
            ids: &self.ids,
            signals: &self.signals,
        };
        *locked(&self.address.0) = made.engine();
        locked(&self.outside).tell(|| "a process starts".to_owned());
    }

    /// The process is gone: the next one starts.
    async fn reboot(&mut self) {
        self.renew().await;
        self.start().await;
    }

    /// The process dies at the `after`th point from now, and the one after it perhaps too.
    pub(crate) fn arm(&mut self, after: u64, again: Option<u64>, takes_machine: bool) {
        self.life().arm(after, takes_machine);
        self.next_end = again;
    }

    /// Nothing goes wrong any more.
    pub(crate) fn mend(&mut self) {
        self.faults.mend();
        self.clock.mend();
        self.life().disarm();
        self.next_end = None;
        let mut outside = locked(&self.outside);
        let Outside { chat, pager, .. } = &mut *outside;
        (chat.busy, chat.refuses, chat.loses_answers) = (0, 0, 0);
        (pager.busy, pager.refuses, pager.loses_answers, pager.keeps_names) = (0, 0, 0, 0);
    }

    /// Ends the process in good order, and starts it again, perhaps with another version of a runbook.
    pub(crate) async fn deploy(&mut self, changes: Option<usize>) {
        let (engine, life) = self.address.now();
        tokio::select! {
            biased;
            () = life.over() => {}
            () = engine.drain(Duration::from_secs(10)) => life.end(),
        }
        if let Some(number) = changes {
            let mut books = self.books.as_ref().clone();
            books.change(number);
            self.books = Arc::new(books);
        }
        self.reboot().await;
    }

    /// Ends the process now.
    pub(crate) async fn kill(&mut self) {
        self.life().end();
        self.reboot().await;
    }

    /// Lets virtual time pass, through as many lives as it takes.
    pub(crate) async fn pass(&mut self, ms: u64) {
        let until = tokio::time::Instant::now() + Duration::from_millis(ms);
        loop {
            let life = self.life();
            tokio::select! {
                biased;
                () = life.over() => {}
                () = tokio::time::sleep_until(until) => return,
            }
            self.reboot().await;
        }
    }

    /// Nothing is on its way: only people and timers have something to do.
    pub(crate) fn is_at_rest(&self) -> bool {
        let data = locked(&self.data);
        let moves = |row: &runbook_core::ports::RunRow| matches!(row.status.as_str(), "running" | "undoing");
        let outside = locked(&self.outside);
        self.under_way.load(Ordering::SeqCst) == 0
            && data.pending() == 0
            && data.backlog().is_empty()
            && outside.processes.alive() == 0
            && outside.pager.to_tell.is_empty()
            && outside.pager.to_tell_of.is_empty()
            && !data.runs.values().any(moves)
    }

    /// Hands a message in as its sender does: again and again, until it is taken.
    pub(crate) fn hand_in(&self, source: &'static str, id: String, signal: Translated, after_ms: u64) {
        locked(&self.signals).insert(id.clone(), signal);
        let (address, clock, under_way) =
            (self.address.clone(), self.clock.clone(), Arc::clone(&self.under_way));
        under_way.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            sleep(Duration::from_millis(after_ms)).await;
            let item = InboxItem {
                source: source.to_owned(),
                id,
                kind: "message".to_owned(),
                body: b"{}".to_vec(),
                received_at: clock.now(),
            };
            loop {
                let (engine, life) = address.now();
                let taken = tokio::select! {
                    biased;
                    () = life.over() => false,
                    taken = engine.accept(item.clone()) => taken.is_ok(),
                };
                if taken {
                    break;
                }
                sleep(Duration::from_secs(1)).await;
            }
            under_way.fetch_sub(1, Ordering::SeqCst);
        });
    }

    /// Asks over the API or a shell; nobody asks again when the process dies of it.
    pub(crate) fn request(&self, request: Request, asker: Asker, after_ms: u64) {
        let (address, outside) = (self.address.clone(), Arc::clone(&self.outside));
        let under_way = Arc::clone(&self.under_way);
        under_way.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            sleep(Duration::from_millis(after_ms)).await;
            let (engine, life) = address.now();
            let answer = tokio::select! {
                biased;
                () = life.over() => "no answer".to_owned(),
                answer = engine.request(&request, &asker) => match answer {
                    Ok(reply) => reply.text,
                    Err(error) => error.to_string(),
                },
            };
            locked(&outside).tell(|| format!("answer for {}: {answer}", asker.actor));
            under_way.fetch_sub(1, Ordering::SeqCst);
        });
    }

    /// The pager tells something that happened.
    pub(crate) fn webhook(&self, webhook: &Webhook, after_ms: u64) {
        if let Some(tells) = self.tells {
            return self.tells_of(&happening(self.seed, webhook), tells, after_ms);
        }
        let (service, pager_id, ..) = SERVICES[webhook.incident % SERVICES.len()];
        let incident = format!("Q{}", webhook.incident);
        let occurred_at = true_time(webhook.occurred_ms);
        locked(&self.outside).pager.happened(&incident, &webhook.kind, occurred_at);
        let priority = Random::of(self.seed, "priority", webhook.number).pick(&["P1", "P2", "P3", "P4"]);
        let event = PagerEvent {
            kind: webhook.kind.clone(),
            incident: PagerIncident {
                id: incident,
                url: None,
                title: Some(format!("{service} is in trouble")),
                service_id: Some(pager_id.to_owned()),
                service_name: Some(service.to_owned()),
                priority: Some(priority.to_owned()),
                priority_id: None,
                high_urgency: Some(webhook.number.is_multiple_of(2)),
                created_at: None,
                key: None,
            },
            agent_id: webhook.agent.map(|who| format!("P-{}", who.name())),
            agent_name: webhook.agent.map(|who| who.name().to_owned()),
            occurred_at,
        };
        let signal = Translated::Signal(Signal::Pager(event));
        self.hand_in("pagerduty", format!("w{}", webhook.number), signal, after_ms);
    }

    /// The same where the pager is looked at: what did not come about is not told, and not everything that did is.
    fn tells_of(&self, one: &Happening, tells: PagerTells, after_ms: u64) {
        let mut outside = locked(&self.outside);
        let now_ms = outside.elapsed_ms();
        let Some(account) = &outside.pager.account else { return };
        let is_lost =
            tells == PagerTells::Nothing || Random::of(self.seed, "lost", one.number).percent(self.lost);
        let held = account.at(one.at_ms).incidents.remove(&one.incident);
        let Some(held) = held.filter(|_| account.at(now_ms).took.contains(&one.number)) else { return };
        outside.tell(|| format!("the pager has {one:?}, lost: {is_lost}"));
        if is_lost {
            outside.count("lost");
            return;
        }
        drop(outside);
        let kind = match &one.kind {
            PagerEventKind::Note { id: None, text } => {
                PagerEventKind::Note { id: Some(format!("note-{}", one.number)), text: text.clone() }
            }
            other => other.clone(),
        };
        let event = PagerEvent {
            kind,
            incident: held.seen.incident,
            agent_id: one.by.clone(),
            agent_name: one.by.as_ref().map(|id| id.trim_start_matches("P-").to_owned()),
            occurred_at: true_time(one.at_ms),
        };
        let signal = Translated::Signal(Signal::Pager(event));
        self.hand_in("pagerduty", format!("w{}", one.number), signal, after_ms);
    }

    /// The sender of alerts tells how a group stood.
    pub(crate) fn alerts(&self, id: String, notice: AlertNotice) {
        self.hand_in(SENDER, id, Translated::Signal(Signal::Alerts(notice)), 0);
    }

    /// The pager tells what it was asked to do, a little later.
    pub(crate) fn pager_tells(&mut self) {
        let of = std::mem::take(&mut locked(&self.outside).pager.to_tell_of);
        for one in of {
            let Some(tells) = self.tells else { continue };
            self.told += 1;
            let late = Random::of(self.seed, "told", self.told).pick(&[20, 400, 4_000]);
            self.tells_of(&one, tells, late);
        }
        let to_tell = std::mem::take(&mut locked(&self.outside).pager.to_tell);
        let occurred_ms = locked(&self.outside).elapsed_ms();
        for (incident, kind) in to_tell {
            self.told += 1;
            let number = 1_000 + self.told;
            let incident = incident.trim_start_matches('Q').parse().unwrap_or(0);
            let webhook = Webhook { number, incident, kind, agent: None, occurred_ms };
            let late = Random::of(self.seed, "told", self.told).pick(&[20, 400, 4_000]);
            self.webhook(&webhook, late);
        }
    }
}

/// What a webhook tells, as it happened at the pager.
fn happening(seed: u64, webhook: &Webhook) -> Happening {
    let priority = Random::of(seed, "priority", webhook.number).pick(&["P1", "P2", "P3", "P4"]);
    Happening {
        at_ms: webhook.occurred_ms,
        number: webhook.number,
        incident: format!("Q{}", webhook.incident),
        kind: webhook.kind.clone(),
        by: webhook.agent.map(|who| format!("P-{}", who.name())),
        priority: priority.to_owned(),
    }
}

/// What an engine is made of.
struct Making<'a> {
    seed: u64,
    outside: &'a Arc<Mutex<Outside>>,
    data: &'a Arc<Mutex<Data>>,
    faults: &'a Arc<Faults>,
    clock: &'a SetClock,
    books: &'a Arc<Books>,
    settings: &'a Settings,
    ids: &'a Arc<Numbered>,
    signals: &'a Signals,
}

impl Making<'_> {
    fn engine(&self) -> (Engine, Life) {
        let life = Life::new();
        let outside = || Arc::clone(self.outside);
        let gate = LifeGate {
            seed: self.seed,
            faults: Arc::clone(self.faults),
            outside: outside(),
            life: life.clone(),
        };
        let translator =
            |source| -> Arc<dyn Translator> { Arc::new(ById { source, signals: Arc::clone(self.signals) }) };
        let texts: Vec<_> =
            self.books.texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let executor = Machine {
            seed: self.seed,
            books: Arc::clone(self.books),
            outside: outside(),
            life: life.clone(),
        };
        let engine = Engine::new(Parts {
            store: Arc::new(Disk::new(Arc::clone(self.data), gate)),
            executor: Arc::new(executor),
            chat: Some(Arc::new(ChatRoom { outside: outside(), life: life.clone() })),
            pager: Some(Arc::new(PagerLine { outside: outside(), life: life.clone() })),
            mail: None,
            status_page: None,
            meter: None,
            watcher: None,
            translators: vec![translator("pagerduty"), translator("slack"), translator(SENDER)],
            clock: Arc::new(self.clock.clone()),
            ids: Arc::<Numbered>::clone(self.ids),
            library: Library::new(Vec::new(), &texts, PathBuf::from("/nowhere")),
            settings: self.settings.clone(),
        });
        (engine, life)
    }
}
