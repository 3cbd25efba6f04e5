//! One organisation on one store: the real engine and the real translators, commands that only note that they began, and a
//! clock that is set by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use blocks_engine::{Asker, Clock, Engine, EngineError, Ids, Library, Parts, PirSettings, Reply, SecretKey};
use blocks_engine::{SecretSource, ServiceSettings, Settings};
use blocks_store::SqliteStore;
use blocks_store::memory::{Data, Gate, MemoryStore};
use chrono::{DateTime, Utc};
use pagerduty_hook::PagerDutyTranslator;
use runbook_core::ids::RunId;
use runbook_core::journal::{Envelope, StreamId, open};
use runbook_core::oncall::PagerTurn;
use runbook_core::people::{Credential, Directory, Person, Role};
use runbook_core::plan::ApprovalPolicy;
use runbook_core::ports::{
    Begun, BoxFuture, Commit, CommitError, ExecError, Executor, Exit, Finished, InboxItem, Intake as _, Job,
    LookAt, Output, PageDetails, Pager, PagerCall, PagerError, Resumed, RunRow, SeenChange, SeenIncident,
    SeenNote, StateOutcome, Store, StoreError,
};
use runbook_core::request::Request;
use runbook_core::run::{Run, RunEvent, evolve};
use slack_bot::SlackTranslator;
use tempfile::TempDir;
use uuid::Uuid;

use crate::dice::Dice;
use crate::watched::{Signs, Watch, Watched};

/// Seconds that a yes may take.
pub(crate) const WINDOW_S: u32 = 900;

/// A runbook, and how many other people must say yes to it beside what `[approvals]` asks for.
pub(crate) struct Book {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    pub(crate) changes: bool,
    pub(crate) raised: u8,
}

const MUTATE: &str = "```bash {name=mutate effect=once timeout=60s}\nmutate-now\n```\n";
const UNDO: &str = "\n```bash {undo effect=once timeout=60s}\nmutate-back\n```\n";

/// Every risk, and every way in which a yes is asked for.
pub(crate) const BOOKS: &[Book] = &[
    Book {
        name: "looks",
        text: "---\nservice: shop\n---\n# Looks\n\n## Look\n\n```bash {effect=read}\nlook\n```\n",
        changes: false,
        raised: 0,
    },
    Book {
        name: "looks_at_bank",
        text: "---\nservice: bank\n---\n# Looks\n\n## Look\n\n```bash {effect=read}\nlook\n```\n",
        changes: false,
        raised: 2,
    },
    Book {
        name: "repeats",
        text: "---\nservice: shop\n---\n# Repeats\n\n## Do\n\n```bash {effect=idempotent}\nmutate-again\n```\n",
        changes: true,
        raised: 0,
    },
    Book {
        name: "undoes",
        text: "---\nservice: shop\n---\n# Undoes\n\n## Look\n\n```bash {name=first effect=read}\nlook\n```\n\n## Do\n\nMUTATEUNDO",
        changes: true,
        raised: 0,
    },
    Book {
        name: "once",
        text: "---\nservice: shop\n---\n# Once\n\n## Do\n\nMUTATE",
        changes: true,
        raised: 0,
    },
    Book {
        name: "asks_two",
        text: "---\nservice: shop\napprovals: 2\n---\n# Two\n\n## Do\n\nMUTATE",
        changes: true,
        raised: 2,
    },
    Book {
        name: "elsewhere",
        text: "---\nservice: bank\nlock: elsewhere\n---\n# Bank\n\n## Do\n\nMUTATE",
        changes: true,
        raised: 2,
    },
    Book {
        name: "outer",
        text: "---\nservice: shop\n---\n# Outer\n\n## Do\n\n```include {name=part}\nrunbook: asks_two\n```\n",
        changes: true,
        raised: 2,
    },
    Book {
        name: "part_of_bank",
        text: "---\nservice: shop\n---\n# Outer\n\n## Do\n\n```include {name=part}\nrunbook: elsewhere\n```\n",
        changes: true,
        raised: 2,
    },
    Book {
        name: "full",
        text: "---\nservice: full\nparams: { REGION: { default: north }, TOKEN: { secret: true } }\n---\n# Full\n\n## Do\n\n```bash {baseline name=before effect=read capture=REV pattern=[0-9a-z]+}\nlook \"$REGION\"\n```\n\n```bash {name=mutate effect=once timeout=60s}\nmutate-now \"$REGION\" \"$TOKEN\"\n# Expected: \"42\"\n```\n\n```bash {undo effect=idempotent timeout=30s retries=2}\nmutate-back \"$REV\"\n```\n\n```bash {probe effect=read}\nlook\n```\n\n## Then\n\n```include {name=part}\nrunbook: repeats\n```\n",
        changes: true,
        raised: 0,
    },
];

/// What runs unasked when a page comes: it looks, and holds what may not run.
const TRIAGE: &str = "---\nservice: shop\n---\n# Triage\n\n## Look\n\n```bash {name=seen effect=read}\nlook\n```\n\nMUTATE\n\n## Guess\n\n```bash {name=guess}\nmutate-unknown\n```\n";

const SEVERITIES: &str = "default = \"s\"\n[[scheme]]\nid = \"s\"\nname = \"s\"\n[[scheme.severity]]\nid = \"P1\"\nname = \"High\"\ndefinition = \"d\"\nmttr_target_min = 15\n[[scheme.severity]]\nid = \"P2\"\nname = \"Low\"\ndefinition = \"d\"\n";

/// The people of the configuration; the first three may decide.
pub(crate) const KNOWN: [&str; 4] = ["ana", "ben", "dan", "cora"];

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A clock that stands until it is set.
#[derive(Clone, Default)]
pub(crate) struct HandClock(Arc<AtomicI64>);

impl Clock for HandClock {
    fn now(&self) -> DateTime<Utc> {
        let morning: DateTime<Utc> = "2026-01-05T09:00:00Z".parse().unwrap();
        morning + chrono::Duration::seconds(self.0.load(Ordering::SeqCst))
    }
}

impl HandClock {
    pub(crate) fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

#[derive(Default)]
struct Numbered(AtomicU64);

impl Ids for Numbered {
    fn fresh(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::SeqCst) + 1) << 96)
    }
}

/// A command that began.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    pub(crate) run: RunId,
    pub(crate) attempt: u32,
    pub(crate) text: String,
}

/// Commands that note that they began, and end as the dice say.
pub(crate) struct Notes {
    pub(crate) starts: Mutex<Vec<Started>>,
    dice: Mutex<Dice>,
    /// Of a hundred commands, so many end badly or are lost.
    bad: AtomicU64,
}

impl Notes {
    pub(crate) fn all_end_well(&self) {
        self.bad.store(0, Ordering::SeqCst);
    }

    pub(crate) fn all_fail(&self) {
        self.bad.store(100, Ordering::SeqCst);
    }

    /// How many commands that change something began.
    pub(crate) fn effects(&self) -> usize {
        locked(&self.starts).iter().filter(|start| start.text.contains("mutate")).count()
    }
}

impl Executor for Notes {
    fn run(&self, job: Job) -> BoxFuture<'_, Result<Finished, ExecError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            let start = Started { run: job.run, attempt: job.attempt, text: job.text };
            locked(&self.starts).push(start);
            let (bad, kind) = {
                let mut dice = locked(&self.dice);
                (dice.percent(self.bad.load(Ordering::SeqCst)), dice.below(2))
            };
            if bad && kind == 0 && self.bad.load(Ordering::SeqCst) < 100 {
                return Err(ExecError::Lost("its supervisor is gone".to_owned()));
            }
            Ok(Finished {
                exit: Exit::Code { code: i32::from(bad) },
                stdout: Output { text: "42\n".to_owned(), dropped_bytes: 0 },
                stderr: Output::default(),
                elapsed_ms: 5,
                state: StateOutcome::Written,
                survivors: Vec::new(),
            })
        })
    }

    fn cancel(&self, _: RunId) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn resume(&self, _: Begun) -> BoxFuture<'_, Resumed<'_>> {
        Box::pin(async { Resumed::Ended(Err(ExecError::Lost("nobody knows".to_owned()))) })
    }

    fn end_leftovers(&self, _: BTreeSet<RunId>) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// A pager that knows everybody's address.
struct Addresses;

impl Pager for Addresses {
    fn call<'a>(&'a self, _: &'a str, _: u32, _: &'a PagerCall) -> BoxFuture<'a, Result<(), PagerError>> {
        Box::pin(async { Ok(()) })
    }

    fn user_email<'a>(&'a self, user: &'a str) -> BoxFuture<'a, Result<Option<String>, PagerError>> {
        Box::pin(async move { Ok(Some(format!("{}@example.com", user.trim_start_matches("P-")))) })
    }

    fn look<'a>(&'a self, _: &'a LookAt) -> BoxFuture<'a, Result<Vec<SeenIncident>, PagerError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn details<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<PageDetails, PagerError>> {
        Box::pin(async { Ok(PageDetails::default()) })
    }

    fn on_call<'a>(
        &'a self,
        _: &'a [String],
    ) -> BoxFuture<'a, Result<BTreeMap<String, Vec<PagerTurn>>, PagerError>> {
        Box::pin(async { Ok(BTreeMap::new()) })
    }

    fn changes<'a>(
        &'a self,
        _: &'a str,
        _: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Vec<SeenChange>, PagerError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn notes<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<SeenNote>, PagerError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// Lets others come between, as a real store does.
#[derive(Clone)]
struct Between(Arc<Mutex<Dice>>);

impl Between {
    async fn others(&self) {
        let turns = locked(&self.0).below(4);
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    }
}

impl Gate for Between {
    fn before_read(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            self.others().await;
            Ok(())
        })
    }
    fn before_write(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.before_read()
    }
    fn before_commit<'a>(&'a self, _: &'a mut Commit) -> BoxFuture<'a, Result<(), CommitError>> {
        Box::pin(async {
            self.others().await;
            Ok(())
        })
    }
    fn wrote(&self, _: &Data) {}
    fn after_write(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.before_read()
    }
}

/// Where everything is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    InMemory,
    OnDisk,
}

/// The organisation, its store and its engine.
pub(crate) struct Stage {
    pub(crate) engine: Engine,
    pub(crate) notes: Arc<Notes>,
    pub(crate) clock: HandClock,
    pub(crate) settings: Settings,
    /// What is on the disk, when it is one in memory.
    pub(crate) data: Arc<Mutex<Data>>,
    /// What is asked from here; the engines have it behind `watched`.
    pub(crate) store: Arc<dyn Store>,
    watched: Arc<dyn Store>,
    watch: Watch,
    ids: Arc<Numbered>,
    folder: TempDir,
    messages: AtomicU64,
}

impl Stage {
    /// `irreversible` as in `[approvals]`; every person's user on the machine has their name.
    pub(crate) async fn new(seed: u64, kept: Kept, irreversible: u8) -> Stage {
        Stage::where_user_is(seed, kept, irreversible, str::to_owned).await
    }

    /// The same, where the users of the machine are called otherwise.
    pub(crate) async fn where_user_is(
        seed: u64,
        kept: Kept,
        irreversible: u8,
        os_user: impl Fn(&str) -> String,
    ) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let books = folder.path().join("runbooks");
        std::fs::create_dir(&books).unwrap();
        let triage = [("triage", TRIAGE)];
        for (name, text) in BOOKS.iter().map(|book| (book.name, book.text)).chain(triage) {
            let text = text.replace("MUTATE", MUTATE).replace("UNDO", UNDO);
            std::fs::write(books.join(format!("{name}.md")), text).unwrap();
        }
        std::fs::write(folder.path().join("token"), "t0ken-of-the-full-one\n").unwrap();
        let data = Arc::new(Mutex::new(Data::default()));
        let store: Arc<dyn Store> = match kept {
            Kept::InMemory => {
                let between = Between(Arc::new(Mutex::new(Dice::new(seed ^ 0x5707))));
                Arc::new(MemoryStore::new(Arc::clone(&data), between))
            }
            Kept::OnDisk => Arc::new(SqliteStore::open(&folder.path().join("blocks.db")).unwrap()),
        };
        let notes = Notes {
            starts: Mutex::default(),
            dice: Mutex::new(Dice::new(seed ^ 0xE4EC)),
            bad: AtomicU64::new(30),
        };
        let settings = settings(seed, folder.path(), irreversible, os_user);
        let watch: Watch = Arc::default();
        let watched: Arc<dyn Store> =
            Arc::new(Watched { store: Arc::clone(&store), watch: Arc::clone(&watch) });
        let (notes, clock, ids) = (Arc::new(notes), HandClock::default(), Arc::new(Numbered::default()));
        let engine = build(&watched, &notes, &clock, &ids, folder.path(), settings.clone());
        engine.start().await.unwrap();
        let messages = AtomicU64::new(0);
        Stage { engine, notes, clock, settings, data, store, watched, watch, ids, folder, messages }
    }

    /// Another engine on the same store, with its loops not begun: a second replica, or the next life.
    pub(crate) fn another(&self, settings: Settings) -> Engine {
        build(&self.watched, &self.notes, &self.clock, &self.ids, self.folder.path(), settings)
    }

    /// A file beside the configuration.
    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Somebody asks over the API, the socket or a terminal.
    pub(crate) async fn asks(&self, who: &Credential, request: &Request) -> Result<Reply, EngineError> {
        let actor = self.engine.directory().actor(who);
        let answer = self.engine.request(request, &Asker { actor, channel: None }).await;
        self.quiet().await;
        answer
    }

    /// A message comes in, `times` times; the first is stored.
    pub(crate) async fn comes_in(&self, source: &str, kind: &str, body: String, times: usize) {
        let number = self.messages.fetch_add(1, Ordering::SeqCst);
        for _ in 0..times {
            let item = InboxItem {
                source: source.to_owned(),
                id: format!("{source}-{number}"),
                kind: kind.to_owned(),
                body: body.clone().into_bytes(),
                received_at: self.clock.now(),
            };
            self.engine.accept(item).await.unwrap();
        }
        self.quiet().await;
    }

    /// Waits until nothing is on its way: no message that is not dealt with, no run that goes on by itself, no timer that
    /// is due.
    pub(crate) async fn quiet(&self) {
        let mut signs = self.watch.subscribe();
        let first = signs.borrow_and_update().looks;
        loop {
            let seen = *signs.borrow_and_update();
            let now = self.clock.now();
            let pending = self.store.inbox_pending(1).await.unwrap();
            let due = self.store.timers_due(now, 1).await.unwrap();
            let rows = self.store.runs(None, false, 10_000).await.unwrap();
            let moves = |row: &RunRow| matches!(row.status.as_str(), "planned" | "running" | "undoing");
            let moving: Vec<_> =
                rows.iter().filter(|row| moves(row)).map(|row| StreamId::Run(row.id)).collect();
            if pending.is_empty() && due.is_empty() && moving.is_empty() {
                return;
            }
            // what waits until it may be tried again waits for the clock, which nobody else sets
            let later = self.store.timers_due(now + chrono::Duration::days(1), 10_000).await.unwrap();
            let retry = later.iter().find(|timer| timer.what == "retry" && moving.contains(&timer.stream));
            if let (true, Some(retry)) = (due.is_empty(), retry) {
                self.clock.pass((retry.due - now).num_seconds() + 1);
            }
            let Signs { looks, .. } = *signs.wait_for(|now| *now != seen).await.unwrap();
            assert!(looks < first + 1_000, "it does not come to rest: {rows:?}");
        }
    }

    /// Every run with its events, oldest first.
    pub(crate) async fn runs(&self) -> Vec<(Run, Vec<Envelope<RunEvent>>)> {
        let mut all = Vec::new();
        for row in self.store.runs(None, false, 10_000).await.unwrap() {
            let mut state = None;
            let mut events = Vec::new();
            for stored in self.store.load(StreamId::Run(row.id)).await.unwrap() {
                let envelope: Envelope<RunEvent> = open(&stored).unwrap();
                state = Some(evolve(state, &envelope).unwrap());
                events.push(envelope);
            }
            all.extend(state.map(|run| (run, events)));
        }
        all.sort_by_key(|(run, _)| run.id);
        all
    }
}

fn settings(seed: u64, folder: &Path, irreversible: u8, os_user: impl Fn(&str) -> String) -> Settings {
    let person = |name: &str| Person {
        name: name.to_owned(),
        slack_id: Some(format!("U-{name}")),
        pagerduty_email: Some(format!("{name}@example.com")),
        os_user: Some(os_user(name)),
        roles: if name == "cora" { vec![Role::Scribe] } else { vec![Role::Commander, Role::Responder] },
        duties: Vec::new(),
        phone: None,
        reminders: true,
    };
    let service = |name: &str, approvals: Option<u8>| ServiceSettings {
        name: name.to_owned(),
        pagerduty_id: Some(format!("P{name}")),
        channel: Some("incidents".to_owned()),
        triage: (name == "shop").then(|| "triage".to_owned()),
        rollback: Some("once".to_owned()),
        approvals,
        ..ServiceSettings::default()
    };
    let mut full = service("full", None);
    full.secrets.insert("TOKEN".to_owned(), SecretSource::File(folder.join("token")));
    Settings {
        services: vec![service("shop", None), service("bank", Some(2)), full],
        directory: Directory::new(KNOWN.map(person).to_vec()).unwrap().into(),
        groups: Vec::new(),
        severities: runbook_core::severity::parse(SEVERITIES).unwrap(),
        policy: ApprovalPolicy { reversible: irreversible, irreversible },
        page_approvals: false,
        handover: blocks_engine::HandoverSettings::default(),
        approval_window_s: WINDOW_S,
        // in every second world the same again needs another person
        repeat_window_s: if seed.is_multiple_of(2) { 600 } else { 0 },
        channel_per_incident: Vec::new(),
        connections: Vec::new(),
        git: None,
        drilled: BTreeMap::new(),
        exec_env: vec!["PATH".to_owned()],
        has_chat: false,
        has_pager: true,
        tells_pager: false,
        triggers: Vec::new(),
        rotations: Vec::new(),
        heartbeat: None,
        pager_from: None,
        sends_events: false,
        tells_changes: false,
        pager_priorities: BTreeMap::new(),
        pager_look: None,
        updates: blocks_engine::UpdateSettings::default(),
        alerts: runbook_core::alert::AlertPolicy::default(),
        rules: Vec::new(),
        triage: blocks_engine::TriageSettings { share_s: 0, ..blocks_engine::TriageSettings::default() },
        data_dir: folder.to_path_buf(),
        secret_key: Some(SecretKey::new([7; 32])),
        pir: PirSettings {
            dir: folder.join("reviews"),
            template: "# {{title}}\n".to_owned(),
            zone: chrono::FixedOffset::east_opt(0).unwrap(),
        },
    }
}

fn build(
    store: &Arc<dyn Store>,
    notes: &Arc<Notes>,
    clock: &HandClock,
    ids: &Arc<Numbered>,
    folder: &Path,
    settings: Settings,
) -> Engine {
    Engine::new(Parts {
        store: Arc::clone(store),
        executor: Arc::<Notes>::clone(notes),
        chat: None,
        pager: Some(Arc::new(Addresses)),
        mail: None,
        status_page: None,
        meter: None,
        watcher: None,
        translators: vec![
            Arc::new(SlackTranslator::new("https://slack.com/api")),
            Arc::new(PagerDutyTranslator),
        ],
        clock: Arc::new(clock.clone()),
        ids: Arc::<Numbered>::clone(ids),
        library: Library::new(vec![folder.join("runbooks")], &[], folder.to_path_buf()),
        settings,
    })
}

/// How often each thing was tried.
#[derive(Debug, Default)]
pub(crate) struct Tally(pub(crate) Mutex<BTreeMap<String, usize>>);

impl Tally {
    pub(crate) fn count(&self, what: &str) {
        *locked(&self.0).entry(what.to_owned()).or_default() += 1;
    }
}
