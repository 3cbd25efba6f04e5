//! Plays a script: action by action, until the world is at rest and everything that was begun has ended.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::Ordering;
use std::time::Duration;

use blocks_engine::{Asker, Clock as _};
use runbook_core::ids::RunId;
use runbook_core::incident::IncidentEvent;
use runbook_core::journal::{self, StoredEvent};
use runbook_core::people::{Credential, Role};
use runbook_core::ports::{ChatSignal, RunRow, Signal, Translated};
use runbook_core::request::Request;

use crate::judge::{Click, Violation, check_quiet};
use crate::locked;
use crate::organisation::DECIDERS;
use crate::random::Random;
use crate::script::{Action, Ask, Code, DiskFault, OutsideFault, Script, Way, What, Which};
use crate::sides::Group;
use crate::stage::Stage;

/// How long a world gets to come to rest, in virtual seconds: longer than any timeout and any wait between two attempts.
const REST_S: u64 = 400;
/// A reconciler that looks every half minute has looked.
const RECONCILED_S: u64 = 31;
/// What is lost was seen twice by then, notes were read, and what came and went is steady.
const SEEN_S: u64 = 95;
/// How often people answer until every run has ended.
const ROUNDS: u64 = 60;

/// What playing a world came to.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    pub(crate) violations: Vec<Violation>,
    /// Every action, event, process and message with its time; empty unless it was asked for.
    pub trace: String,
    /// How many actions there were.
    pub actions: u64,
    /// How many lives ended.
    pub crashes: u64,
    /// How often each kind of thing happened.
    pub by_kind: BTreeMap<&'static str, u64>,
}

impl Outcome {
    /// The first thing that must never be, by its rule and in words; `None` when there was none.
    #[must_use]
    pub fn failure(&self) -> Option<(&'static str, String)> {
        self.violations.first().map(|violation| (violation.rule, violation.text.clone()))
    }
}

/// A world that can be played.
#[derive(Debug, Clone)]
pub struct World {
    script: Script,
}

thread_local! {
    /// What panicked on this thread: the runtime keeps it to itself.
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl World {
    /// The world of a seed.
    #[must_use]
    pub fn of(seed: u64) -> World {
        World { script: Script::of(seed).with_sides() }
    }

    /// The world of a seed without its sides: webhooks, people and faults alone.
    #[must_use]
    pub fn plain(seed: u64) -> World {
        World { script: Script::of(seed) }
    }

    /// How many actions it has.
    #[must_use]
    pub fn actions(&self) -> usize {
        self.script.actions.len()
    }

    /// The same world with these of its actions alone.
    #[must_use]
    pub fn only(&self, keep: &[usize]) -> World {
        World { script: self.script.only(keep) }
    }

    /// Plays it. `folder` is where reviews go; a trace is kept when it is asked for.
    #[must_use]
    pub fn play(&self, folder: &Path, traced: bool) -> Outcome {
        listen_for_panics();
        let reviews = folder.join("reviews");
        let _ = std::fs::remove_dir_all(&reviews);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without any driver but time");
        runtime.block_on(play(&self.script, reviews, traced))
    }
}

fn listen_for_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.with(|panics| panics.borrow_mut().push(info.to_string()));
            usual(info);
        }));
    });
    PANICS.with(|panics| panics.borrow_mut().clear());
}

async fn play(script: &Script, reviews: PathBuf, traced: bool) -> Outcome {
    let stage = Stage::open(script, reviews, traced).await;
    let groups = script.shape.sides.groups.clone();
    let is_patient = script.shape.sides.tells.is_some() || !groups.is_empty();
    let mut player = Player { stage, asked: 0, groups, told: BTreeSet::new(), is_patient };
    let mut by_kind: BTreeMap<&'static str, u64> = BTreeMap::new();
    for timed in &script.actions {
        let now = locked(&player.stage.outside).elapsed_ms();
        player.pass(timed.at_ms.saturating_sub(now)).await;
        if player.is_lost() {
            break;
        }
        locked(&player.stage.outside).tell(|| format!("action {:?}", timed.action));
        *by_kind.entry(timed.action.word()).or_default() += 1;
        player.act(&timed.action).await;
    }
    player.stage.mend();
    if !player.is_lost() {
        player.finish().await;
    }
    let panics = PANICS.with(|panics| panics.borrow_mut().split_off(0));
    let mut outside = locked(&player.stage.outside);
    for panic in panics {
        outside.judge.accuse("panic", panic);
    }
    for (what, times) in std::mem::take(&mut outside.counts) {
        *by_kind.entry(what).or_default() += times;
    }
    let violations = outside.judge.violations().to_vec();
    for violation in &violations {
        outside.tell(|| format!("VIOLATION {}: {}", violation.rule, violation.text));
    }
    Outcome {
        violations,
        trace: outside.trace(),
        actions: script.actions.len() as u64,
        crashes: player.stage.crashes,
        by_kind,
    }
}

struct Player {
    stage: Stage,
    /// The alerts there are, and of which groups anything was told.
    groups: Vec<Group>,
    told: BTreeSet<usize>,
    /// What is on its way is seen by looking, or gets steady: that takes a while.
    is_patient: bool,
    /// How many things were asked: names each of them.
    asked: u64,
}

impl Player {
    fn is_lost(&self) -> bool {
        !locked(&self.stage.outside).judge.violations().is_empty()
            || PANICS.with(|panics| !panics.borrow().is_empty())
    }

    /// Lets time pass; the pager tells what it has to.
    async fn pass(&mut self, ms: u64) {
        let mut left = ms;
        while left > 0 {
            let step = left.min(1_000);
            self.stage.pass(step).await;
            self.stage.pager_tells();
            left -= step;
        }
    }

    async fn act(&mut self, action: &Action) {
        match action {
            Action::Webhook(webhook) => self.stage.webhook(webhook, 0),
            Action::Alerts { number, group, as_of_ms } => {
                self.told.insert(*group);
                if let Some(group) = self.groups.get(*group) {
                    self.stage.alerts(format!("a{number}"), group.notice(*as_of_ms));
                }
            }
            Action::Ask(ask) => self.ask(ask),
            Action::Crash { after, again, takes_machine } => self.stage.arm(*after, *again, *takes_machine),
            Action::Disk(fault) => {
                let faults = &self.stage.faults;
                match fault {
                    DiskFault::Refuses(times) => faults.refuses.store(*times, Ordering::SeqCst),
                    DiskFault::LosesAnswers(times) => faults.loses_answers.store(*times, Ordering::SeqCst),
                    DiskFault::Conflicts(times) => faults.conflicts.store(*times, Ordering::SeqCst),
                    DiskFault::Away(ms) => {
                        faults.away.store(true, Ordering::SeqCst);
                        let (faults, ms) = (faults.clone(), *ms);
                        tokio::spawn(async move {
                            tokio::time::sleep(Duration::from_millis(ms)).await;
                            faults.away.store(false, Ordering::SeqCst);
                        });
                    }
                }
            }
            Action::Outside { fault, times } => {
                let mut outside = locked(&self.stage.outside);
                let left = match fault {
                    OutsideFault::ChatBusy => &mut outside.chat.busy,
                    OutsideFault::ChatRefuses => &mut outside.chat.refuses,
                    OutsideFault::ChatLosesAnswer => &mut outside.chat.loses_answers,
                    OutsideFault::PagerBusy => &mut outside.pager.busy,
                    OutsideFault::PagerRefuses => &mut outside.pager.refuses,
                    OutsideFault::PagerLosesAnswer => &mut outside.pager.loses_answers,
                    OutsideFault::PagerKeepsNames => &mut outside.pager.keeps_names,
                };
                *left = *times;
            }
            Action::Clock { jump_ms } => self.stage.clock.jump(*jump_ms),
            Action::Deploy { changes } => self.stage.deploy(*changes).await,
        }
    }

    /// The runs that people asked for, oldest first.
    fn runs(&self) -> Vec<RunRow> {
        let data = locked(&self.stage.data);
        let outside = locked(&self.stage.outside);
        let asked = |row: &&RunRow| outside.judge.run(row.id).is_some_and(|run| !run.unasked);
        let mut rows: Vec<_> = data.runs.values().filter(asked).cloned().collect();
        rows.sort_by_key(|row| row.id);
        rows
    }

    fn which(&self, which: Which) -> Option<RunRow> {
        let mut runs = self.runs();
        match which {
            Which::Newest | Which::Unnamed => runs.pop(),
            Which::Open => {
                let open = runs.iter().rfind(|row| row.open || row.status == "failed");
                open.or(runs.last()).cloned()
            }
            Which::Any(number) => {
                let index = Random::new(number).index(runs.len());
                (index < runs.len()).then(|| runs.swap_remove(index))
            }
        }
    }

    /// The code that a plan shows, as the person sees it now.
    fn code(&self, run: Option<RunId>, which: Code) -> Option<String> {
        let rows = self.runs();
        let outside = locked(&self.stage.outside);
        let judge = &outside.judge;
        let own = run.and_then(|run| judge.run(run)).map(|run| run.fingerprint.code());
        match which {
            Code::Own => own,
            Code::Nothing => None,
            Code::OfAnother => {
                let codes = rows.iter().filter_map(|row| judge.run(row.id)).map(|run| run.fingerprint.code());
                let mut others = codes.filter(|code| Some(code) != own.as_ref());
                Some(others.next().unwrap_or_else(|| "0000".to_owned()))
            }
        }
    }

    /// Somebody asks for something, about the run that they mean.
    fn ask(&mut self, ask: &Ask) {
        let row = self.which(ask.run);
        self.ask_about(ask, row.as_ref());
    }

    fn ask_about(&mut self, ask: &Ask, row: Option<&RunRow>) {
        self.asked += 1;
        let tag = format!("ask {}", self.asked);
        let what = match (ask.what, row) {
            (What::Sensible(choice), Some(row)) => sensible(&row.status, choice),
            (What::Sensible(_), None) => What::Rollback,
            (what, _) => what,
        };
        let id = row.as_ref().map(|row| row.id);
        let run = if ask.run == Which::Unnamed { None } else { id.map(|id| id.to_string()) };
        let params = BTreeMap::new;
        let mut code = None;
        let request = match what {
            What::Run(number) => {
                let name = ["triage", "rollback", "restart", "drain"][number % 4].to_owned();
                Request::RunbookRun { name, params: params(), section: None, incident: None }
            }
            What::Rollback => {
                let service = (self.asked.is_multiple_of(2)).then(|| "shop".to_owned());
                Request::RunbookRollback { service, params: params(), incident: None }
            }
            What::Approve(which) => {
                code = self.code(id, which);
                Request::RunbookApprove { run, fingerprint: code.clone(), reason: Some(tag.clone()) }
            }
            What::Refuse => Request::RunbookRefuse { run, reason: None },
            What::Pause => Request::RunbookPause { run, reason: None },
            What::Resume => Request::RunbookResume { run, reason: None },
            What::Skip => Request::RunbookSkip { run, reason: tag.clone(), rest: false, step: None },
            What::TakeOver => Request::RunbookTakeOver { run, reason: tag.clone() },
            What::Cancel => Request::RunbookCancel { run, reason: None },
            What::Yes => Request::RunbookAnswer { run, yes: true, reason: None, step: None },
            What::No => Request::RunbookAnswer { run, yes: false, reason: None, step: None },
            What::Retry => Request::RunbookRetry { run, reason: None, step: None },
            What::MarkDone => Request::RunbookMarkDone { run, reason: None, step: None },
            What::Undo => Request::RunbookUndo { run, reason: None },
            What::Ack => Request::IncidentAck { incident: None },
            What::Severity(number) => {
                let severity = ["P1", "P2", "P3", "P4"][number % 4].to_owned();
                Request::IncidentSeverity { incident: None, severity }
            }
            What::Resolve => Request::IncidentResolve { incident: None },
            What::Verb(choice) => verb(choice, &tag),
            What::Status | What::Sensible(_) => Request::RunbookStatus { run },
        };
        let name = ask.who.name();
        let credential = match ask.way {
            Way::Chat => Credential::Slack { user_id: format!("U-{name}") },
            Way::Shell => Credential::OsUser { name: name.to_owned() },
            Way::Token => Credential::Token { person: name.to_owned() },
        };
        let actor = self.stage.engine().directory().actor(&credential);
        let mut outside = locked(&self.stage.outside);
        outside.tell(|| format!("{tag}: {actor} by {:?}: {request:?}", ask.way));
        outside.judge.clicked(tag.clone(), Click { by: actor.clone(), code });
        drop(outside);
        for after_ms in std::iter::once(ask.late_ms).chain(ask.again_ms.map(|ms| ask.late_ms + ms)) {
            if ask.way == Way::Chat {
                let signal = ChatSignal {
                    user_id: format!("U-{name}"),
                    channel: "C1".to_owned(),
                    request: request.clone(),
                    reply_to: Some(tag.clone().into()),
                    trigger: None,
                    asked: None,
                };
                let signal = Translated::Signal(Signal::Chat(signal));
                self.stage.hand_in("slack", tag.clone(), signal, after_ms);
            } else {
                self.stage.request(request.clone(), Asker { actor: actor.clone(), channel: None }, after_ms);
            }
        }
    }

    /// Waits until nothing is on its way, and looks at everything.
    async fn rest(&mut self, least_s: u64) {
        let least_s = if self.is_patient { least_s.max(SEEN_S) } else { least_s };
        for second in 0..REST_S {
            if self.is_lost() || (second >= least_s && self.stage.is_at_rest()) {
                break;
            }
            self.pass(1_000).await;
        }
        if self.is_lost() {
            return;
        }
        let data = locked(&self.stage.data);
        let mut outside = locked(&self.stage.outside);
        let (pending, backlog) = (data.pending(), data.backlog());
        if pending > 0 || !backlog.is_empty() {
            let text = format!("{pending} messages are not dealt with, and these do not leave: {backlog:?}");
            outside.judge.accuse("lost-message", text);
        }
        check_quiet(&mut outside, &data);
    }

    /// Nothing goes wrong any more, and people answer until every run has ended. Then a restart changes nothing.
    async fn finish(&mut self) {
        // its sender repeats how it is
        let told: Vec<usize> = self.told.iter().copied().collect();
        let now_ms = locked(&self.stage.outside).elapsed_ms();
        let last_ms = self.groups.iter().flat_map(Group::turns).max().unwrap_or(0);
        if !told.is_empty() {
            self.pass(last_ms.saturating_sub(now_ms)).await;
        }
        for group in told {
            let Some(group) = self.groups.get(group) else { continue };
            let notice = group.notice(u64::MAX);
            let last = notice.alerts.iter().map(|alert| (alert.fingerprint.clone(), alert.firing));
            locked(&self.stage.outside).judge.told_last.extend(last);
            self.stage.alerts(format!("last {}", group.name), notice);
        }
        self.rest(RECONCILED_S).await;
        let mut random = Random::of(self.stage.seed, "finish", 0);
        for _ in 0..ROUNDS {
            let open: Vec<_> = self.runs().into_iter().filter(|row| row.open).collect();
            if open.is_empty() || self.is_lost() {
                break;
            }
            for row in open {
                for who in DECIDERS {
                    let what = sensible(&row.status, random.next());
                    let run = Which::Open;
                    let ask = Ask { who, way: Way::Chat, what, run, late_ms: 0, again_ms: None };
                    self.ask_about(&ask, Some(&row));
                }
            }
            self.rest(1).await;
        }
        if self.is_lost() {
            return;
        }
        let open: Vec<_> = self.runs().into_iter().filter(|row| row.open).collect();
        if let Some(row) = open.first() {
            let text = format!("run {} is {}, whatever people do", row.id, row.status);
            locked(&self.stage.outside).judge.accuse("lost-run", text);
            return;
        }
        // A timer may fire while the next process starts, and has every right to.
        let soon = self.stage.clock.now() + chrono::Duration::minutes(2);
        if locked(&self.stage.data).timers.values().any(|timer| timer.due < soon) {
            return;
        }
        // An incident without a suggestion may find one in what was run for others since it was looked at.
        let is_hint = |stored: &&StoredEvent| {
            journal::open::<IncidentEvent>(stored)
                .is_ok_and(|envelope| matches!(envelope.event, IncidentEvent::RunbooksSuggested { .. }))
        };
        let events = |stage: &Stage| -> usize {
            let data = locked(&stage.data);
            data.streams.iter().flat_map(|(_, events)| events).filter(|stored| !is_hint(stored)).count()
        };
        let before = events(&self.stage);
        self.stage.kill().await;
        self.rest(2).await;
        let after = events(&self.stage);
        if before != after {
            let text = format!("a restart at rest wrote {} events", after - before);
            locked(&self.stage.outside).judge.accuse("replay", text);
        }
    }
}

/// One of the verbs about incidents; `tag` is what the person says.
fn verb(choice: u64, tag: &str) -> Request {
    let mut random = Random::new(choice);
    let incident = random.pick(&[None, None, Some("INC-1"), Some("INC-2")]).map(str::to_owned);
    let (said, into) = (tag.to_owned(), random.pick(&["INC-1", "INC-2"]).to_owned());
    let who = random.pick(&["me", "@ben", "<@U-dan>", "nobody"]).to_owned();
    let role = random.pick(&[Role::Commander, Role::Commander, Role::Scribe, Role::Responder]);
    let private = random.percent(30);
    // drawn last, so that the other verbs of a world stay what they were
    let (verb, reminds) = (random.below(14), random.below(20));
    match reminds {
        0 => {
            let minutes = random.pick(&[30, 60, 90]);
            return Request::IncidentSnooze { incident, minutes };
        }
        1 => {
            let (on, all) = (random.percent(50), random.percent(30));
            return Request::IncidentReminders { incident, on, all };
        }
        2 | 3 => return Request::RollbackRequest { incident, reason: said },
        _ => {}
    }
    match verb {
        0 => {
            let service = Some("shop".to_owned());
            Request::IncidentDeclare { title: said, severity: None, service, private, description: None }
        }
        1..=3 => Request::IncidentReopen { incident, reason: said },
        4..=5 => Request::IncidentNone { incident, reason: said },
        6 => Request::IncidentMerge { incident, into },
        7..=8 => Request::IncidentRole { incident, role, who },
        9 => Request::IncidentUpdate { incident, text: said },
        10 => Request::TimelineAdd { incident, text: said },
        11 => Request::ActionAdd { incident, text: said, owner: Some(who), due: Some("5d".to_owned()) },
        12 => Request::ActionDone { incident, number: 1 },
        _ => Request::IncidentCatchUp { incident },
    }
}

/// One of the things that make sense where a run stands.
fn sensible(status: &str, choice: u64) -> What {
    let mut random = Random::new(choice);
    match status {
        "waiting_for_approval" => random.weighted(&[(12, What::Approve(Code::Own)), (1, What::Refuse)]),
        "in_doubt" => random.pick(&[
            What::MarkDone,
            What::MarkDone,
            What::Retry,
            What::Cancel,
            What::Undo,
            What::TakeOver,
        ]),
        "paused" => random.pick(&[
            What::Yes,
            What::Yes,
            What::No,
            What::Retry,
            What::Undo,
            What::Cancel,
            What::Resume,
            What::Resume,
            What::Skip,
            What::TakeOver,
        ]),
        "failed" => random.pick(&[What::Retry, What::Retry, What::Undo, What::Skip]),
        "cancelled" => random.pick(&[What::Retry, What::Retry, What::Undo]),
        "running" => random.weighted(&[(6, What::Status), (1, What::Cancel), (2, What::Pause)]),
        "undoing" => random.weighted(&[(6, What::Status), (1, What::Pause)]),
        "succeeded" => random.weighted(&[(6, What::Resolve), (1, What::Undo)]),
        "undo_failed" => What::MarkDone,
        _ => What::Resolve,
    }
}
