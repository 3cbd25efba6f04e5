//! The bench: a world, a disk, and an engine on them that can be ended and started again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, SubsecRound as _, Utc};
use runbook_core::ids::{IncidentId, RunId};
use runbook_core::incident::{Incident, IncidentEvent};
use runbook_core::ports::{
    ChatMark, ChatSignal, InboxItem, Intake, Mail, Marking, PagerEvent, PagerEventKind, PagerIncident,
    Signal, StatusPage, Translated, Translator, Watcher,
};
use runbook_core::request::Request;
use runbook_core::run::{Run, RunEvent};
use tempfile::TempDir;
use tokio::time::Instant;
use uuid::Uuid;

use super::chat::FakeChat;
use super::executor::ScriptedExecutor;
use super::meter::FakeMeter;
use super::pager::FakePager;
use super::samples;
use super::{Act, Data, FakeOutside, Faults, Life, LifeGate, MemStore, World, locked};
use crate::clock::{Clock, Ids};
use crate::engine::{Engine, Parts};
use crate::incidents::load_incident;
use crate::library::Library;
use crate::runs::load_run;
use crate::settings::Settings;

/// How long the machine needs until the next process runs.
const RESTART: Duration = Duration::from_secs(5);

/// The clock of tokio, which the tests steer, as times of a day.
#[derive(Clone)]
pub(crate) struct FakeClock {
    pub(crate) morning: DateTime<Utc>,
    start: Instant,
}

impl Clock for FakeClock {
    fn now(&self) -> DateTime<Utc> {
        (self.morning + chrono::Duration::from_std(self.start.elapsed()).unwrap()).trunc_subsecs(3)
    }
}

struct SequentialIds(AtomicU64);

impl Ids for SequentialIds {
    fn fresh(&self) -> Uuid {
        // The number leads, so that a short prefix names one.
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::SeqCst) + 1) << 96)
    }
}

type Signals = Arc<Mutex<BTreeMap<String, Translated>>>;

/// Knows what each message means by its id.
struct FakeTranslator {
    source: &'static str,
    signals: Signals,
}

impl Translator for FakeTranslator {
    fn source(&self) -> &'static str {
        self.source
    }

    fn translate(&self, item: &InboxItem) -> Translated {
        let unreadable = Translated::Unreadable { reason: "not json".to_owned() };
        locked(&self.signals).get(&item.id).cloned().unwrap_or(unreadable)
    }
}

/// A world, a disk and an engine.
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) world: Arc<World>,
    pub(crate) data: Arc<Mutex<Data>>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) clock: FakeClock,
    pub(crate) folder: TempDir,
    life: Life,
    /// When the coming lives end.
    ends: Vec<u64>,
    /// How many lives there were.
    pub(crate) lives: usize,
    ids: Arc<SequentialIds>,
    signals: Signals,
    pub(crate) settings: Settings,
}

impl Bench {
    /// A bench whose engine runs for ever.
    pub(crate) async fn new() -> Bench {
        Bench::with(&[], |_| {}).await
    }

    /// A bench whose first lives end at these points; the one after them does not.
    pub(crate) async fn with(ends: &[u64], change: impl FnOnce(&mut Settings)) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("runbooks")).unwrap();
        for (name, text) in samples::runbooks() {
            std::fs::write(folder.path().join("runbooks").join(format!("{name}.md")), text).unwrap();
        }
        let world = Arc::new(World::default());
        world.will("show-failure-rate", &[Act::Ends(400, 0, "34 %\n")]);
        world.will("list-changes", &[Act::Ends(300, 0, "v1.2 rolled out 6 min ago\n")]);
        world.will("roll-back", &[Act::Ends(2_000, 0, "rolled back\n")]);
        world.will("roll-forward", &[Act::Ends(2_000, 0, "rolled forward\n")]);
        world.will("look-at-it", &[Act::Ends(1_000, 0, "healthy\n")]);
        world.will("restart-it", &[Act::Ends(1_000, 0, "done\n")]);
        for name in ["ana", "ben", "cora", "zoe"] {
            locked(&world.pager).emails.insert(format!("P-{name}"), format!("{name}@example.com"));
        }
        let mut settings = samples::settings(folder.path().join("reviews"));
        change(&mut settings);
        let morning = "2026-01-05T09:00:00Z".parse().unwrap();
        let clock = FakeClock { morning, start: Instant::now() };
        let data = Arc::new(Mutex::new(Data::default()));
        let faults = Arc::new(Faults::default());
        let ids = Arc::new(SequentialIds(AtomicU64::new(0)));
        let signals = Signals::default();
        let life = Life::new(None);
        let engine =
            build(&world, &data, &faults, &clock, &ids, &signals, &settings, folder.path().to_owned(), &life);
        let ends = ends.iter().rev().copied().collect();
        let mut bench = Bench {
            engine,
            world,
            data,
            faults,
            clock,
            folder,
            life,
            ends,
            lives: 0,
            ids,
            signals,
            settings,
        };
        bench.reboot().await;
        bench
    }

    /// Ends the present process as `kill -9` does, and starts the next one on what is on the disk.
    pub(crate) async fn reboot(&mut self) {
        loop {
            locked(&self.engine.inner.tasks).abort_all();
            if self.lives > 0 {
                tokio::time::sleep(RESTART).await;
            }
            self.life = Life::new(self.ends.pop());
            self.lives += 1;
            self.engine = build(
                &self.world,
                &self.data,
                &self.faults,
                &self.clock,
                &self.ids,
                &self.signals,
                &self.settings,
                self.folder.path().to_owned(),
                &self.life,
            );
            tokio::select! {
                started = self.engine.start() => return started.unwrap(),
                () = self.life.over() => {}
            }
        }
    }

    /// Ends the present process as `kill -9` does.
    pub(crate) fn end(&self) {
        locked(&self.engine.inner.tasks).abort_all();
    }

    /// Ends the present process as `kill -9` does, and leaves it so for a while.
    pub(crate) async fn is_down_for(&mut self, down: Duration) {
        self.end();
        tokio::time::sleep(down).await;
        self.reboot().await;
    }

    /// Starts the next process, which ends at this point of its life.
    pub(crate) async fn ends_soon(&mut self, point: u64) {
        self.ends.push(point);
        self.reboot().await;
    }

    /// Hands a message in as its sender does: again and again, until it is taken.
    pub(crate) async fn hand_in(&mut self, source: &str, id: &str, signal: Translated) {
        self.hand_in_body(source, id, b"{}", signal).await;
    }

    /// What the message of this id means from now on.
    pub(crate) fn means(&self, id: &str, signal: Translated) {
        locked(&self.signals).insert(id.to_owned(), signal);
    }

    /// As [`Bench::hand_in`], with these bytes.
    pub(crate) async fn hand_in_body(&mut self, source: &str, id: &str, body: &[u8], signal: Translated) {
        self.means(id, signal);
        let item = InboxItem {
            source: source.to_owned(),
            id: id.to_owned(),
            kind: "webhook".to_owned(),
            body: body.to_vec(),
            received_at: self.clock.now(),
        };
        loop {
            let engine = self.engine.clone();
            let accepted = tokio::select! {
                accepted = engine.accept(item.clone()) => accepted.is_ok(),
                () = self.life.over() => false,
            };
            if accepted {
                return;
            }
            self.pass(100).await;
        }
    }

    /// The pager tells something; `agent` is the pager's id of who did it.
    pub(crate) async fn pager_says(
        &mut self,
        id: &str,
        kind: PagerEventKind,
        incident: PagerIncident,
        agent: Option<&str>,
    ) {
        let event = PagerEvent {
            kind,
            incident,
            agent_id: agent.map(str::to_owned),
            agent_name: agent.map(|agent| format!("Name of {agent}")),
            occurred_at: self.clock.now(),
        };
        self.hand_in("pagerduty", id, Translated::Signal(Signal::Pager(event))).await;
    }

    /// The pager's word about the usual page, which it had so many seconds after the morning.
    pub(crate) fn event(&self, kind: PagerEventKind, second: i64) -> Translated {
        let occurred_at = self.clock.morning + chrono::Duration::seconds(second);
        let incident = samples::page("Q1");
        let event = PagerEvent { kind, incident, agent_id: None, agent_name: None, occurred_at };
        Translated::Signal(Signal::Pager(event))
    }

    /// The usual page, and time enough for its diagnostics and messages.
    pub(crate) async fn paged(&mut self) -> Incident {
        self.pager_says("page", PagerEventKind::Triggered, samples::page("Q1"), None).await;
        self.pass(10_000).await;
        self.incident().await
    }

    /// Somebody asks something in the incident's channel; the answer goes to the address `id`.
    pub(crate) async fn says(&mut self, id: &str, user: &str, request: Request) {
        self.hand_in("slack", id, heard(id, user, request, None, None)).await;
    }

    /// Somebody presses a button that answers the question of that short name; the answer they get.
    pub(crate) async fn presses(&mut self, id: &str, user: &str, request: Request, asked: &str) -> String {
        self.hand_in("slack", id, heard(id, user, request, None, Some(asked))).await;
        self.pass(5_000).await;
        locked(&self.world.chat).answer(id).unwrap_or_default()
    }

    /// Somebody asks something that a form may be opened for; the answer goes to the address `id`.
    pub(crate) async fn types(&mut self, id: &str, user: &str, request: Request, trigger: &str) {
        self.hand_in("slack", id, heard(id, user, request, Some(trigger), None)).await;
        self.pass(5_000).await;
    }

    /// Something is done to a message of a channel; an answer goes to the address `id`.
    pub(crate) async fn marks(&mut self, id: &str, user: &str, (channel, ts): (&str, &str), what: Marking) {
        let mark = ChatMark {
            user_id: if user.is_empty() { String::new() } else { format!("U-{user}") },
            channel: channel.to_owned(),
            ts: ts.to_owned(),
            what,
            reply_to: Some(id.to_owned().into()),
        };
        self.hand_in("slack", id, Translated::Signal(Signal::Mark(mark))).await;
        self.pass(5_000).await;
    }

    /// Asks in chat, and returns the answer.
    pub(crate) async fn ask(&mut self, id: &str, user: &str, request: Request) -> String {
        self.says(id, user, request).await;
        self.pass(1_000).await;
        locked(&self.world.chat).answer(id).unwrap_or_else(|| panic!("{id} got no answer"))
    }

    /// What time it is.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Lets virtual time pass, through as many lives as it takes.
    pub(crate) async fn pass(&mut self, ms: u64) {
        let until = Instant::now() + Duration::from_millis(ms);
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                () = self.life.over() => {}
            }
            self.reboot().await;
        }
    }

    /// Lets time pass until it is so, at most half a virtual hour.
    pub(crate) async fn until(&mut self, what: &str, is_so: impl Fn(&Bench) -> bool) {
        for _ in 0..18_000 {
            if is_so(self) {
                return;
            }
            self.pass(100).await;
        }
        let (rows, backlog) = {
            let data = locked(&self.data);
            let runs: Vec<_> = data.runs.values().cloned().collect();
            let incidents: Vec<_> = data.incidents.values().cloned().collect();
            (format!("{incidents:?}\n{runs:?}"), data.backlog())
        };
        panic!("it never came to this: {what}\n{rows}\nin the outbox: {backlog:?}");
    }

    /// The only incident.
    pub(crate) async fn incident(&self) -> Incident {
        let ids: Vec<_> = locked(&self.data).incidents.keys().copied().collect();
        assert_eq!(ids.len(), 1, "one incident");
        self.incident_events(ids[0]).await.0
    }

    pub(crate) async fn incident_events(&self, id: IncidentId) -> (Incident, Vec<IncidentEvent>) {
        let loaded = load_incident(self.engine.store(), id).await.unwrap().unwrap();
        (loaded.state, loaded.events.into_iter().map(|envelope| envelope.event).collect())
    }

    /// The runs that people asked for, oldest first.
    pub(crate) fn asked_runs(&self) -> Vec<RunId> {
        let data = locked(&self.data);
        let mut rows: Vec<_> = data.runs.values().filter(|row| row.mutating).collect();
        rows.sort_by_key(|row| (row.created_at, row.id));
        rows.into_iter().map(|row| row.id).collect()
    }

    /// How many events there are.
    pub(crate) fn data_events(&self) -> usize {
        locked(&self.data).streams.iter().map(|(_, events)| events.len()).sum()
    }

    /// The status word of a run.
    pub(crate) fn status(&self, id: RunId) -> String {
        locked(&self.data).runs.get(&id).map_or_else(String::new, |row| row.status.clone())
    }

    pub(crate) async fn run(&self, id: RunId) -> (Run, Vec<RunEvent>) {
        let loaded = load_run(self.engine.store(), id).await.unwrap().unwrap();
        (loaded.state, loaded.events.into_iter().map(|envelope| envelope.event).collect())
    }

    /// A yes to exactly what this run's plan shows.
    pub(crate) fn approval(&self, id: RunId) -> Request {
        let fingerprint = Some(self.code(id));
        Request::RunbookApprove { run: Some(id.to_string()), fingerprint, reason: None }
    }

    /// The code that the newest shown plan of this run carries.
    pub(crate) fn code(&self, id: RunId) -> String {
        locked(&self.world.chat).plan(id).expect("the plan is shown").code
    }

    /// Overwrites a runbook.
    pub(crate) fn rewrite(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join("runbooks").join(format!("{name}.md")), text).unwrap();
    }

    /// The reviews in their folder.
    pub(crate) fn reviews(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.folder.path().join("reviews")) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }
}

#[expect(clippy::too_many_arguments, reason = "the parts of an engine are many, and each is named once")]
fn build(
    world: &Arc<World>,
    data: &Arc<Mutex<Data>>,
    faults: &Arc<Faults>,
    clock: &FakeClock,
    ids: &Arc<SequentialIds>,
    signals: &Signals,
    settings: &Settings,
    folder: PathBuf,
    life: &Life,
) -> Engine {
    let translator =
        |source| -> Arc<dyn Translator> { Arc::new(FakeTranslator { source, signals: Arc::clone(signals) }) };
    let outside = || Arc::new(FakeOutside { world: Arc::clone(world), life: life.clone() });
    Engine::new(Parts {
        store: Arc::new(MemStore::new(
            Arc::clone(data),
            LifeGate { faults: Arc::clone(faults), world: Arc::clone(world), life: life.clone() },
        )),
        executor: Arc::new(ScriptedExecutor::new(Arc::clone(world), life.clone())),
        chat: Some(Arc::new(FakeChat { world: Arc::clone(world), life: life.clone() })),
        pager: Some(Arc::new(FakePager {
            clock: clock.clone(),
            world: Arc::clone(world),
            life: life.clone(),
        })),
        mail: settings.updates.has_mail.then(|| outside() as Arc<dyn Mail>),
        status_page: settings.updates.has_status_page.then(|| outside() as Arc<dyn StatusPage>),
        meter: Some(Arc::new(FakeMeter { world: Arc::clone(world) })),
        watcher: settings.heartbeat.as_ref().map(|_| outside() as Arc<dyn Watcher>),
        translators: ["pagerduty", "slack", "alertmanager", "change"].map(translator).to_vec(),
        clock: Arc::new(clock.clone()),
        ids: Arc::<SequentialIds>::clone(ids),
        library: Library::new(vec![folder.join("runbooks")], &[], folder),
        settings: settings.clone(),
    })
}

/// What the chat hands in of what a person said or pressed in the incident's channel.
fn heard(id: &str, user: &str, request: Request, trigger: Option<&str>, asked: Option<&str>) -> Translated {
    Translated::Signal(Signal::Chat(ChatSignal {
        user_id: format!("U-{user}"),
        channel: "C1".to_owned(),
        request,
        reply_to: Some(id.to_owned().into()),
        trigger: trigger.map(str::to_owned),
        asked: asked.map(str::to_owned),
    }))
}
