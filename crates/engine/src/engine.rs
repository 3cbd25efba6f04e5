//! The engine's parts and its handle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use runbook_core::ids::{IncidentId, RunId};
use runbook_core::oncall::SeenOnCall;
use runbook_core::people::Directory;
use runbook_core::ports::{
    Accepted, BoxFuture, Chat, Executor, InboxItem, Intake, Mail, Meter, Pager, PagerStanding, StatusPage,
    Store, StoreError, Translator, Watcher,
};
use runbook_core::request::Request;
use tokio::sync::{Mutex, Notify, watch};
use tokio::task::JoinSet;

use crate::approval_page::AskedFor;
use crate::clock::{Clock, Ids};
use crate::deaf::Hearing;
use crate::heartbeat::Pulse;
use crate::held::HeldRuns;
use crate::library::Library;
use crate::metrics::Metrics;
use crate::pager_echo::Echoes;
use crate::pager_people::NotAsked;
use crate::pings::Pings;
use crate::refusals::Refusals;
use crate::settings::Settings;
use crate::sharing::Sharing;
use crate::triggers::TriggerTranslator;
use crate::under_way::UnderWay;
use crate::untold::Untold;

/// How long a command may be on its way to its process until it is looked at again.
const STARTING: Duration = Duration::from_millis(50);

/// Everything that the engine is made of.
pub struct Parts {
    /// Durable state.
    pub store: Arc<dyn Store>,
    /// Runs commands.
    pub executor: Arc<dyn Executor>,
    /// The chat system, when there is one.
    pub chat: Option<Arc<dyn Chat>>,
    /// The pager, when there is one.
    pub pager: Option<Arc<dyn Pager>>,
    /// E-mail, when it is configured.
    pub mail: Option<Arc<dyn Mail>>,
    /// The public status page, when there is one.
    pub status_page: Option<Arc<dyn StatusPage>>,
    /// What answers the queries of triggers, when there is something.
    pub meter: Option<Arc<dyn Meter>>,
    /// Somebody outside who notices when Blocks is silent.
    pub watcher: Option<Arc<dyn Watcher>>,
    /// One translator per inbox source.
    pub translators: Vec<Arc<dyn Translator>>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn Ids>,
    /// The runbooks.
    pub library: Library,
    /// What is configured.
    pub settings: Settings,
}

/// A cheap handle to the engine.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) parts: Parts,
    pub(crate) translators: BTreeMap<&'static str, Arc<dyn Translator>>,
    pub(crate) metrics: Metrics,
    /// When this process began.
    pub(crate) since: DateTime<Utc>,
    pub(crate) inbox_wake: Notify,
    pub(crate) outbox_wake: Notify,
    /// Serialises the check of a target's lock with the start of a run.
    pub(crate) target_gate: Mutex<()>,
    /// Serialises what both an event and the reconciler may begin: diagnostics and reviews.
    pub(crate) reconcile_gate: Mutex<()>,
    /// Held from looking whether a plan waits already until it is written.
    pub(crate) plan_gate: Mutex<()>,
    /// What the pager tells and what is seen there open an incident once.
    pub(crate) pager_gate: Mutex<()>,
    /// What was seen there, and may still be told.
    pub(crate) untold: std::sync::Mutex<Untold>,
    /// Alerts are decided about in one place at a time.
    pub(crate) alert_gate: Mutex<()>,
    /// When each incident's alerts were last told of on its timeline.
    pub(crate) alerts_told: std::sync::Mutex<BTreeMap<IncidentId, DateTime<Utc>>>,
    /// What came to each incident's alerts since, and why: told with the next that is.
    pub(crate) alerts_waiting: std::sync::Mutex<BTreeMap<IncidentId, crate::alerts::Kinds>>,
    /// The source and the fingerprint behind which the next look at watched alerts begins.
    pub(crate) alerts_looked: std::sync::Mutex<Option<(String, String)>>,
    /// `true` once draining: nothing new is started.
    pub(crate) draining: watch::Sender<bool>,
    /// Raised at every change of a run, so that a terminal can follow it.
    pub(crate) changed: watch::Sender<u64>,
    /// What this process has begun.
    pub(crate) under_way: UnderWay,
    /// Yeses that did not count and are not written yet.
    pub(crate) refusals: Refusals,
    /// What its changes of runs have led to.
    pub(crate) held: HeldRuns,
    /// Whom it has paged lately for a yes.
    pub(crate) asked: AskedFor,
    /// Whom it has mentioned lately.
    pub(crate) pings: Pings,
    /// Who waits for whose diagnostics, and what runs on which target.
    pub(crate) sharing: Sharing,
    /// Triggers whose answer is waited for.
    pub(crate) asking: std::sync::Mutex<BTreeSet<String>>,
    /// Who was on call when the pager was last asked.
    pub(crate) on_call: std::sync::Mutex<Option<SeenOnCall>>,
    /// Whether it works.
    pub(crate) pulse: Pulse,
    /// What is over at the pager and was never known here.
    /// What the pager will tell of what it was told.
    pub(crate) echoes: Echoes,
    /// Whether the pager is asked who somebody is.
    pub(crate) not_asked: NotAsked,
    /// Until when the pager is not asked for whom it rings: it took its time.
    pub(crate) rings_not_asked: NotAsked,
    /// Whether the pager is heard.
    pub(crate) hearing: Hearing,
    /// Tasks beside the loops.
    pub(crate) tasks: std::sync::Mutex<JoinSet<()>>,
}

impl Engine {
    /// Builds the engine. Nothing runs before [`Engine::start`] or a request.
    #[must_use]
    pub fn new(parts: Parts) -> Engine {
        let mut translators: BTreeMap<_, _> =
            parts.translators.iter().map(|translator| (translator.source(), translator.clone())).collect();
        // what triggers tell is our own
        let own: Arc<dyn Translator> = Arc::new(TriggerTranslator);
        translators.insert(own.source(), own);
        let since = parts.clock.now();
        Engine {
            inner: Arc::new(Inner {
                parts,
                translators,
                metrics: Metrics::default(),
                since,
                inbox_wake: Notify::new(),
                outbox_wake: Notify::new(),
                target_gate: Mutex::new(()),
                reconcile_gate: Mutex::new(()),
                plan_gate: Mutex::new(()),
                pager_gate: Mutex::new(()),
                untold: std::sync::Mutex::default(),
                alert_gate: Mutex::new(()),
                alerts_told: std::sync::Mutex::default(),
                alerts_waiting: std::sync::Mutex::default(),
                alerts_looked: std::sync::Mutex::default(),
                draining: watch::Sender::new(false),
                changed: watch::Sender::new(0),
                under_way: UnderWay::default(),
                refusals: Refusals::default(),
                held: HeldRuns::default(),
                asked: AskedFor::default(),
                pings: Pings::default(),
                sharing: Sharing::default(),
                asking: std::sync::Mutex::default(),
                on_call: std::sync::Mutex::default(),
                pulse: Pulse::default(),
                echoes: Echoes::default(),
                not_asked: NotAsked::default(),
                rings_not_asked: NotAsked::default(),
                hearing: Hearing::default(),
                tasks: std::sync::Mutex::new(JoinSet::new()),
            }),
        }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        self.inner.parts.store.as_ref()
    }

    /// What `/metrics` counts.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// How it goes with asking the pager; `None` where there is none.
    #[must_use]
    pub fn pager_standing(&self) -> Option<PagerStanding> {
        self.inner.parts.pager.as_ref().map(|pager| pager.standing())
    }

    /// The people.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.inner.parts.settings.directory
    }

    /// What is configured.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.inner.parts.settings
    }

    /// The runbooks.
    #[must_use]
    pub fn library(&self) -> &Library {
        &self.inner.parts.library
    }

    /// Fires at every change of any run.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changed.subscribe()
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.inner.parts.clock.now()
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.inner.draining.borrow()
    }

    /// Runs something beside; [`Engine::drain`] waits for it.
    pub(crate) fn spawn(&self, task: BoxFuture<'static, ()>) {
        let mut tasks = self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    pub(crate) fn touch(&self) {
        self.inner.changed.send_modify(|count| *count += 1);
        self.inner.outbox_wake.notify_one();
    }

    /// Ends what an earlier process left of a run.
    pub(crate) async fn end_processes(&self, run: RunId) {
        self.inner.parts.executor.cancel(run).await;
    }

    /// Ends what this process began of a run before `order`, and returns when it is gone.
    pub(crate) async fn end_attempts(&self, run: RunId, before: u64) {
        while self.inner.under_way.is_alive(run, before) {
            self.inner.parts.executor.cancel(run).await;
            if self.inner.under_way.is_alive(run, before) {
                // One that was just being started may have missed the order.
                tokio::time::sleep(STARTING).await;
            }
        }
    }
}

impl Intake for Engine {
    fn accept(&self, item: InboxItem) -> BoxFuture<'_, Result<Accepted, StoreError>> {
        Box::pin(async move {
            let source = item.source.clone();
            let accepted = self.store().accept(item).await?;
            let outcome = if accepted == Accepted::New { "new" } else { "duplicate" };
            let labels = format!("source=\"{source}\",outcome=\"{outcome}\"");
            self.inner.metrics.count("blocks_inbox_accepted_total", labels);
            self.inner.inbox_wake.notify_one();
            Ok(accepted)
        })
    }

    fn refused(&self, source: &'static str, reason: &'static str) {
        let labels = format!("source=\"{source}\",reason=\"{reason}\"");
        self.inner.metrics.count("blocks_inbox_refused_total", labels);
    }

    fn form_faults<'a>(
        &'a self,
        user_id: &'a str,
        request: &'a Request,
    ) -> BoxFuture<'a, BTreeMap<String, String>> {
        Box::pin(async move { self.faults_of(user_id, request) })
    }

    fn now(&self) -> DateTime<Utc> {
        Engine::now(self)
    }
}
