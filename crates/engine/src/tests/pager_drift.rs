//! Everything in which the two sides may have drifted apart: after a few looks both have the same, and then nothing more happens.

use std::time::Duration;

use runbook_core::incident::{End, Incident, IncidentEvent, Status};
use runbook_core::people::Role;
use runbook_core::ports::{
    PagerCall, PagerEventKind, PagerIncident, PagerUser, SeenIncident, SeenNote, SeenStatus,
};
use runbook_core::request::Request;

use crate::clock::Clock as _;
use crate::incidents::load_incident;
use crate::settings::{PagerLook, PagerTells};
use crate::testkit::{Bench, check, locked, page};

/// What happens, in turn. What begins with a capital letter of the pager's happens there, and nobody is told.
#[derive(Debug, Clone, Copy)]
enum Do {
    /// It opens an incident, with this priority.
    Opens(&'static str, Option<&'static str>),
    /// The same, and tells it.
    Pages(&'static str, Option<&'static str>),
    /// Somebody takes it.
    Takes(&'static str, &'static str),
    /// Its acknowledgement runs out.
    RunsOut(&'static str),
    Ends(&'static str),
    Reopens(&'static str),
    Merges(&'static str, &'static str),
    Prioritises(&'static str, &'static str),
    Moves(&'static str, &'static str),
    Bridges(&'static str, &'static str),
    Writes(&'static str, &'static str),
    /// It tells how this one stands, as a webhook would have: late, perhaps.
    Tells(&'static str),
    /// It cannot be reached from now on, or can.
    Away(bool),
    /// It refuses so many calls for good.
    Refuses(usize),
    /// This process is not there for so many hours.
    Down(u64),
    /// So many seconds pass.
    Pass(u64),
    /// Somebody asks this here.
    Ack,
    Resolve,
    Severity(&'static str),
    Note,
    Responder,
    /// Somebody asks for a rollback, which waits for approval.
    Rollback,
    /// Somebody else approves it, and it succeeds.
    Approve,
}

use Do::*;

/// A kind of drift: its name, how it comes about, and what it is to come to, an incident after the other.
type Kind = (&'static str, &'static [Do], &'static [&'static str]);

const KINDS: &[Kind] = &[
    ("a page that nobody told", &[Opens("Q1", Some("P1"))], &["triggered P1 flowengine"]),
    (
        "and somebody has it already",
        &[Opens("Q1", Some("P1")), Takes("Q1", "ana")],
        &["acknowledged P1 flowengine"],
    ),
    ("a page that was over before anybody looked", &[Opens("Q1", Some("P1")), Ends("Q1")], &[]),
    (
        "a page while this process was not there",
        &[Down(1), Opens("Q1", None), Down(1)],
        &["triggered P2 flowengine"],
    ),
    (
        "two pages at once",
        &[Opens("Q1", Some("P1")), Opens("Q2", Some("P2"))],
        &["triggered P1 flowengine", "triggered P2 flowengine"],
    ),
    ("its acknowledgement", &[Pages("Q1", Some("P1")), Takes("Q1", "ana")], &["acknowledged P1 flowengine"]),
    (
        "acknowledged, and it ran out again",
        &[Pages("Q1", Some("P1")), Takes("Q1", "ana"), RunsOut("Q1")],
        &["triggered P1 flowengine"],
    ),
    (
        "only that it ran out",
        &[Pages("Q1", Some("P1")), Takes("Q1", "ana"), Tells("Q1"), RunsOut("Q1")],
        &["triggered P1 flowengine"],
    ),
    (
        "ran out, and taken by another",
        &[Pages("Q1", Some("P1")), Takes("Q1", "ana"), Tells("Q1"), RunsOut("Q1"), Takes("Q1", "ben")],
        &["acknowledged P1 flowengine"],
    ),
    ("its end", &[Pages("Q1", Some("P1")), Ends("Q1")], &["resolved P1 flowengine"]),
    (
        "acknowledged and over",
        &[Pages("Q1", Some("P1")), Takes("Q1", "ana"), Ends("Q1")],
        &["resolved P1 flowengine"],
    ),
    (
        "its end while a plan waits",
        &[Pages("Q1", Some("P1")), Rollback, Ends("Q1")],
        &["monitoring P1 flowengine"],
    ),
    (
        "opened again",
        &[Pages("Q1", Some("P1")), Ends("Q1"), Tells("Q1"), Pass(60), Reopens("Q1")],
        &["triggered P1 flowengine"],
    ),
    (
        "over and opened again",
        &[Pages("Q1", Some("P1")), Ends("Q1"), Pass(5), Reopens("Q1")],
        &["triggered P1 flowengine"],
    ),
    (
        "opened again and taken",
        &[Pages("Q1", Some("P1")), Ends("Q1"), Tells("Q1"), Pass(60), Reopens("Q1"), Takes("Q1", "ben")],
        &["acknowledged P1 flowengine"],
    ),
    (
        "opened again and over again",
        &[Pages("Q1", Some("P1")), Ends("Q1"), Tells("Q1"), Pass(60), Reopens("Q1"), Ends("Q1")],
        &["resolved P1 flowengine"],
    ),
    (
        "a priority where there was none",
        &[Pages("Q1", None), Prioritises("Q1", "P1")],
        &["triggered P1 flowengine"],
    ),
    ("another priority", &[Pages("Q1", Some("P1")), Prioritises("Q1", "P3")], &["triggered P3 flowengine"]),
    (
        "another priority than was said here",
        &[Pages("Q1", Some("P1")), Severity("P2"), Pass(120), Prioritises("Q1", "P4")],
        &["triggered P4 flowengine"],
    ),
    (
        "a priority that was said here before, minutes after another",
        &[
            Pages("Q1", Some("P3")),
            Severity("P1"),
            Pass(240),
            Severity("P2"),
            Pass(240),
            Prioritises("Q1", "P1"),
        ],
        &["triggered P1 flowengine"],
    ),
    (
        "and a second after another",
        &[
            Pages("Q1", Some("P3")),
            Severity("P1"),
            Pass(240),
            Severity("P2"),
            Pass(1),
            Prioritises("Q1", "P1"),
        ],
        &["triggered P1 flowengine"],
    ),
    (
        "another priority while this process was not there",
        &[Pages("Q1", Some("P3")), Severity("P1"), Pass(240), Prioritises("Q1", "P4"), Down(1)],
        &["triggered P4 flowengine"],
    ),
    ("another service", &[Pages("Q1", Some("P1")), Moves("Q1", "PBILL")], &["triggered P1 billing"]),
    (
        "a service that is not configured",
        &[Pages("Q1", Some("P1")), Moves("Q1", "PODD")],
        &["triggered P1 Service of PODD"],
    ),
    (
        "a bridge",
        &[Pages("Q1", Some("P1")), Bridges("Q1", "https://meet.example.com/1")],
        &["triggered P1 flowengine"],
    ),
    (
        "another bridge",
        &[
            Pages("Q1", Some("P1")),
            Bridges("Q1", "https://meet.example.com/1"),
            Pass(120),
            Bridges("Q1", "https://meet.example.com/2"),
        ],
        &["triggered P1 flowengine"],
    ),
    ("a note", &[Pages("Q1", Some("P1")), Writes("Q1", "it is the queue")], &["triggered P1 flowengine"]),
    (
        "notes before and at its end",
        &[
            Pages("Q1", Some("P1")),
            Writes("Q1", "one"),
            Writes("Q1", "two"),
            Writes("Q1", "three"),
            Ends("Q1"),
        ],
        &["resolved P1 flowengine"],
    ),
    (
        "merged into one that is known",
        &[Pages("Q1", Some("P1")), Pages("Q2", Some("P2")), Merges("Q2", "Q1")],
        &["triggered P1 flowengine", "closed P2 flowengine"],
    ),
    (
        "merged into one that is not",
        &[Pages("Q1", Some("P1")), Merges("Q1", "Q9")],
        &["resolved P1 flowengine"],
    ),
    (
        "merged while a plan waits",
        &[Pages("Q1", Some("P1")), Rollback, Pages("Q2", Some("P1")), Merges("Q1", "Q2")],
        &["monitoring P1 flowengine", "triggered P1 flowengine"],
    ),
    (
        "taken here while the pager was away",
        &[Pages("Q1", Some("P1")), Away(true), Ack, Pass(3_600), Away(false)],
        &["acknowledged P1 flowengine"],
    ),
    (
        "taken here, and refused there for good",
        &[Pages("Q1", Some("P1")), Refuses(1), Ack],
        &["acknowledged P1 flowengine"],
    ),
    (
        "taken here, taken there, and ran out unseen",
        &[Pages("Q1", Some("P1")), Ack, Pass(1), RunsOut("Q1"), Down(1)],
        &["triggered P1 flowengine"],
    ),
    (
        "ended here while the pager was away",
        &[Pages("Q1", Some("P1")), Ack, Away(true), Resolve, Pass(3_600), Away(false)],
        &["resolved P1 flowengine"],
    ),
    (
        "ended here and there",
        &[Pages("Q1", Some("P1")), Ack, Away(true), Resolve, Ends("Q1"), Pass(600), Away(false)],
        &["resolved P1 flowengine"],
    ),
    (
        "a severity said here while the pager was away",
        &[Pages("Q1", Some("P1")), Away(true), Severity("P3"), Pass(3_600), Away(false)],
        &["triggered P3 flowengine"],
    ),
    (
        "a severity said here after another was said there, while the pager was away",
        &[
            Pages("Q1", Some("P1")),
            Away(true),
            Prioritises("Q1", "P3"),
            Pass(600),
            Severity("P2"),
            Pass(600),
            Away(false),
        ],
        &["triggered P2 flowengine"],
    ),
    (
        "a note written here while the pager was away",
        &[Pages("Q1", Some("P1")), Away(true), Note, Pass(3_600), Away(false)],
        &["triggered P1 flowengine"],
    ),
    (
        "a responder asked here while the pager was away",
        &[Pages("Q1", Some("P1")), Away(true), Responder, Pass(3_600), Away(false)],
        &["triggered P1 flowengine"],
    ),
    (
        "ran out, over, and opened again: nobody has it, and nobody is said to",
        &[
            Pages("Q1", Some("P1")),
            Takes("Q1", "ana"),
            Tells("Q1"),
            Pass(120),
            RunsOut("Q1"),
            Pass(120),
            Ends("Q1"),
            Tells("Q1"),
            Pass(60),
            Reopens("Q1"),
        ],
        &["triggered P1 flowengine"],
    ),
    (
        "taken here, ran out, over, and opened again",
        &[
            Pages("Q1", Some("P1")),
            Ack,
            Pass(120),
            RunsOut("Q1"),
            Pass(120),
            Ends("Q1"),
            Tells("Q1"),
            Pass(60),
            Reopens("Q1"),
        ],
        &["triggered P1 flowengine"],
    ),
    (
        "taken here when it is mitigated already",
        &[Pages("Q1", Some("P1")), Rollback, Approve, Ack],
        &["monitoring P1 flowengine"],
    ),
    (
        "taken here, refused there for good, and mitigated",
        &[Pages("Q1", Some("P1")), Refuses(1), Ack, Rollback, Approve],
        &["monitoring P1 flowengine"],
    ),
    (
        "taken there when it is mitigated already",
        &[Pages("Q1", Some("P1")), Rollback, Approve, Takes("Q1", "ben")],
        &["monitoring P1 flowengine"],
    ),
    (
        "taken on both sides by two",
        &[Pages("Q1", Some("P1")), Away(true), Ack, Takes("Q1", "ben"), Pass(600), Away(false)],
        &["acknowledged P1 flowengine"],
    ),
    (
        "everything of one at once",
        &[
            Pages("Q1", None),
            Takes("Q1", "ana"),
            Prioritises("Q1", "P1"),
            Moves("Q1", "PBILL"),
            Bridges("Q1", "https://meet.example.com/1"),
            Writes("Q1", "all of it"),
        ],
        &["acknowledged P1 billing"],
    ),
    (
        "two days without this process",
        &[
            Pages("Q1", Some("P1")),
            Pages("Q2", Some("P2")),
            Pages("Q3", Some("P2")),
            Down(1),
            Ends("Q1"),
            Merges("Q3", "Q2"),
            Opens("Q4", Some("P3")),
            Takes("Q4", "ben"),
            Down(47),
        ],
        &[
            "resolved P1 flowengine",
            "triggered P2 flowengine",
            "closed P2 flowengine",
            "acknowledged P2 flowengine",
        ],
    ),
    (
        "told late, after it was seen",
        &[
            Pages("Q1", Some("P1")),
            Takes("Q1", "ana"),
            Pass(180),
            Tells("Q1"),
            Ends("Q1"),
            Pass(180),
            Tells("Q1"),
        ],
        &["resolved P1 flowengine"],
    ),
];

struct Scene {
    bench: Bench,
    told: usize,
}

fn page_of(id: &str, priority: Option<&str>, bench: &Bench) -> PagerIncident {
    PagerIncident { priority: priority.map(str::to_owned), created_at: Some(bench.now()), ..page(id) }
}

impl Scene {
    async fn new(tells: PagerTells) -> Scene {
        let every = Duration::from_secs(if tells == PagerTells::Webhooks { 60 } else { 5 });
        let look = PagerLook { every, notes_every: Duration::from_secs(30), tells };
        let bench = Bench::with(&[], |settings| settings.pager_look = Some(look)).await;
        Scene { bench, told: 0 }
    }

    fn there(&self, id: &str, change: impl FnOnce(&mut SeenIncident)) {
        let now = self.bench.clock.now();
        let mut pager = locked(&self.bench.world.pager);
        let one = pager.one(id).expect("the pager has it");
        one.since = Some(now);
        change(one);
    }

    async fn tell(&mut self, id: &str) {
        let one = locked(&self.bench.world.pager).one(id).expect("the pager has it").clone();
        let kind = match one.status {
            SeenStatus::Triggered => PagerEventKind::Triggered,
            SeenStatus::Acknowledged => PagerEventKind::Acknowledged,
            SeenStatus::Resolved => PagerEventKind::Resolved,
            SeenStatus::MergedInto { other } => PagerEventKind::MergedInto { other },
        };
        self.told += 1;
        let name = format!("told-{}", self.told);
        let agent = one.by.map(|user| user.id);
        self.bench.pager_says(&name, kind, one.incident, agent.as_deref()).await;
        self.bench.pass(1_000).await;
    }

    async fn ask(&mut self, who: &str, request: Request) {
        self.told += 1;
        let name = format!("asked-{}", self.told);
        self.bench.ask(&name, who, request).await;
    }

    async fn plays(&mut self, what: Do) {
        let user = |name: &str| Some(PagerUser { id: format!("P-{name}"), name: Some(name.to_owned()) });
        let first = || Some("INC-1".to_owned());
        match what {
            Opens(id, priority) | Pages(id, priority) => {
                let incident = page_of(id, priority, &self.bench);
                let since = Some(self.bench.now());
                let one = SeenIncident { incident, since, ..SeenIncident::default() };
                locked(&self.bench.world.pager).seen.push(one);
                locked(&self.bench.world.pager).notes.entry(id.to_owned()).or_default();
                if matches!(what, Pages(..)) {
                    self.tell(id).await;
                    // its diagnostics are through
                    self.bench.pass(10_000).await;
                }
            }
            Takes(id, who) => self.there(id, |one| {
                (one.status, one.by) = (SeenStatus::Acknowledged, user(who));
            }),
            RunsOut(id) => self.there(id, |one| (one.status, one.by) = (SeenStatus::Triggered, None)),
            Ends(id) => self.there(id, |one| (one.status, one.by) = (SeenStatus::Resolved, user("ben"))),
            Reopens(id) => self.there(id, |one| (one.status, one.by) = (SeenStatus::Triggered, user("ben"))),
            Merges(id, other) => self.there(id, |one| {
                one.status = SeenStatus::MergedInto { other: other.to_owned() };
            }),
            Prioritises(id, priority) => {
                self.there(id, |one| one.incident.priority = Some(priority.to_owned()));
            }
            Moves(id, service) => self.there(id, |one| {
                one.incident.service_id = Some(service.to_owned());
                one.incident.service_name = Some(format!("Service of {service}"));
            }),
            Bridges(id, url) => self.there(id, |one| one.bridge = Some(url.to_owned())),
            Writes(id, text) => {
                let at = Some(self.bench.now());
                let mut pager = locked(&self.bench.world.pager);
                let notes = pager.notes.entry(id.to_owned()).or_default();
                let note =
                    SeenNote { id: format!("N-{}", notes.len()), at, by: user("ben"), text: text.to_owned() };
                notes.push(note);
            }
            Tells(id) => self.tell(id).await,
            Away(is_away) => locked(&self.bench.world.pager).is_away = is_away,
            Refuses(times) => locked(&self.bench.world.pager).refuses = times,
            Down(hours) => self.bench.is_down_for(Duration::from_secs(3_600 * hours)).await,
            Pass(seconds) => self.bench.pass(1_000 * seconds).await,
            Ack => self.ask("ana", Request::IncidentAck { incident: first() }).await,
            Resolve => self.ask("ana", Request::IncidentResolve { incident: first() }).await,
            Severity(to) => {
                let severity = Request::IncidentSeverity { incident: first(), severity: to.to_owned() };
                self.ask("ana", severity).await;
            }
            Note => {
                let note = Request::TimelineAdd { incident: first(), text: "seen from here".to_owned() };
                self.ask("ana", note).await;
            }
            Responder => {
                let role = Role::Responder;
                let give = Request::IncidentRole { incident: first(), role, who: "ben".to_owned() };
                self.ask("ana", give).await;
            }
            Approve => {
                let run = self.bench.asked_runs()[0];
                let yes = self.bench.approval(run);
                self.ask("ben", yes).await;
                self.bench.pass(10_000).await;
            }
            Rollback => {
                let rollback =
                    Request::RunbookRollback { service: None, params: [].into(), incident: first() };
                self.ask("ana", rollback).await;
            }
        }
    }

    /// Every incident here, by number.
    async fn ours(&self) -> Vec<(Incident, Vec<IncidentEvent>)> {
        let ids: Vec<_> = locked(&self.bench.data).incidents.keys().copied().collect();
        let mut all = Vec::new();
        for id in ids {
            let loaded = load_incident(self.bench.engine.store(), id).await.unwrap().unwrap();
            all.push((loaded.state, loaded.events.into_iter().map(|envelope| envelope.event).collect()));
        }
        all.sort_by_key(|(incident, _): &(Incident, Vec<IncidentEvent>)| incident.number);
        all
    }

    /// How much has come of looking at the pager, and how often it was called.
    async fn of_pager(&self) -> (Vec<usize>, usize) {
        let is_of_pager = |event: &&IncidentEvent| {
            matches!(
                event,
                IncidentEvent::Acknowledged { .. }
                    | IncidentEvent::Unacknowledged
                    | IncidentEvent::SeverityChanged { .. }
                    | IncidentEvent::PagerNoted { .. }
                    | IncidentEvent::ServiceChanged { .. }
                    | IncidentEvent::BridgeChanged { .. }
                    | IncidentEvent::ResolveHeld { .. }
                    | IncidentEvent::Resolved { .. }
                    | IncidentEvent::Reopened { .. }
            )
        };
        let ours = self.ours().await;
        let events = ours.iter().map(|(_, events)| events.iter().filter(is_of_pager).count()).collect();
        // whom a plan waits for, and whom an incident calls, is paged meanwhile
        let is_page = |call: &&PagerCall| matches!(call, PagerCall::Page { .. } | PagerCall::EndPage { .. });
        (events, locked(&self.bench.world.pager).calls.iter().filter(|call| !is_page(call)).count())
    }

    /// In what both sides differ.
    async fn differences(&self) -> Vec<String> {
        let ours = self.ours().await;
        let seen = locked(&self.bench.world.pager).seen.clone();
        let mut all = Vec::new();
        // a page of ours is about an incident that is there already
        for one in seen.iter().filter(|one| one.key.is_none()) {
            let id = &one.incident.id;
            let found = ours
                .iter()
                .find(|(incident, _)| incident.pager.as_ref().is_some_and(|pager| pager.id == *id));
            let Some((incident, events)) = found else {
                if one.status != SeenStatus::Resolved {
                    all.push(format!("{id} is not here"));
                }
                continue;
            };
            let is_led = incident.status.is_open() && !incident.pager_resolved;
            let is_same = match &one.status {
                SeenStatus::Triggered => incident.status == Status::Triggered,
                SeenStatus::Acknowledged => {
                    incident.status.is_open() && incident.status != Status::Triggered && is_led
                }
                SeenStatus::Resolved => !is_led,
                SeenStatus::MergedInto { .. } => !is_led,
            };
            let merged = matches!(&incident.end, Some(End::Merged { .. }));
            let is_merged = !merged || matches!(one.status, SeenStatus::MergedInto { .. });
            if !is_same || !is_merged {
                all.push(format!("{id} is {:?} there and {:?} here", one.status, incident.status));
            }
            if one.incident.priority.as_ref().is_some_and(|priority| {
                *priority != incident.severity && !incident.reminders.is_severity_guessed && is_led
            }) {
                all.push(format!("{id} is {:?} there and {} here", one.incident.priority, incident.severity));
            }
            let service = match one.incident.service_id.as_deref() {
                Some("PFLOW") => "flowengine".to_owned(),
                Some("PBILL") => "billing".to_owned(),
                other => format!("Service of {}", other.unwrap_or_default()),
            };
            if is_led && service != incident.service {
                all.push(format!("{id} is {service}'s there and {}'s here", incident.service));
            }
            if is_led && one.bridge.is_some() && one.bridge != incident.bridge.url {
                all.push(format!("{id} has another bridge"));
            }
            let notes = locked(&self.bench.world.pager).notes.get(id).cloned().unwrap_or_default();
            for note in notes {
                let is_noted = |event: &&IncidentEvent| matches!(event, IncidentEvent::PagerNoted { id: Some(id), .. } if *id == note.id);
                let times = events.iter().filter(is_noted).count();
                let is_ours = note.text.contains(", in INC-");
                if times != usize::from(!is_ours) {
                    all.push(format!("{id}: the note {:?} is here {times} times", note.text));
                }
            }
            // what was said here is there
            for event in events {
                if let IncidentEvent::NoteAdded { text, .. } = event {
                    let notes = locked(&self.bench.world.pager).notes.get(id).cloned().unwrap_or_default();
                    if notes.iter().filter(|note| note.text.ends_with(text.as_str())).count() != 1 {
                        all.push(format!("{id}: {text:?} is not there once"));
                    }
                }
                if let IncidentEvent::RoleGiven { asked: true, .. } = event {
                    let calls = locked(&self.bench.world.pager).calls.clone();
                    let asks = calls.iter().filter(|call| matches!(call, PagerCall::AskResponder { .. }));
                    if asks.count() != 1 {
                        all.push(format!("{id}: nobody was asked, or twice"));
                    }
                }
            }
        }
        all
    }
}

/// What is wrong after this kind of drift.
async fn left_of((name, steps, wanted): &Kind, tells: PagerTells) -> Vec<String> {
    let mut scene = Scene::new(tells).await;
    for step in *steps {
        scene.plays(*step).await;
        if !matches!(step, Opens(..)) {
            scene.bench.pass(700).await;
        }
    }
    // what the pager refused is told again after ten minutes
    let patience = if steps.iter().any(|step| matches!(step, Refuses(_))) { 15 } else { 5 };
    scene.bench.pass(patience * 60_000).await;
    let shown: Vec<_> = scene
        .ours()
        .await
        .iter()
        .map(|(incident, _)| format!("{} {} {}", incident.status.word(), incident.severity, incident.service))
        .collect();
    let mut wrong = scene.differences().await;
    wrong.extend(check(&scene.bench));
    if shown != *wanted {
        wrong.push(format!("it came to {shown:?}"));
    }
    // nobody is said to have what nobody here has taken
    let asked = steps.iter().filter(|step| matches!(step, Ack | Refuses(_))).count();
    let calls = locked(&scene.bench.world.pager).calls.clone();
    let told = calls.iter().filter(|call| matches!(call, PagerCall::Acknowledge { .. })).count();
    if told > asked {
        wrong.push(format!("the pager was told {told} times that somebody has it"));
    }
    let before = scene.of_pager().await;
    scene.bench.pass(10 * 60_000).await;
    let after = scene.of_pager().await;
    scene.bench.end();
    if after != before {
        wrong.push("it goes on, although both sides have the same".to_owned());
    }
    wrong.into_iter().map(|wrong| format!("{name}, {tells:?}: {wrong}")).collect()
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_drift_is_mended_where_webhooks_are_lost() {
    let counted = format!("{} kinds of drift", KINDS.len());
    assert!(include_str!("../../../../docs/pagerduty.md").contains(&counted), "{counted}");
    let mut wrong = Vec::new();
    for kind in KINDS {
        wrong.extend(left_of(kind, PagerTells::Webhooks).await);
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_drift_is_mended_by_looking_alone() {
    let mut wrong = Vec::new();
    for kind in KINDS {
        wrong.extend(left_of(kind, PagerTells::Nothing).await);
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// The table has teeth: a side that is changed behind the other's back is found to differ.
#[tokio::test(start_paused = true)]
async fn what_is_not_mended_is_found() {
    let mut scene = Scene::new(PagerTells::Nothing).await;
    scene.plays(Pages("Q1", Some("P1"))).await;
    scene.bench.pass(10_000).await;
    assert_eq!(scene.differences().await, Vec::<String>::new());
    locked(&scene.bench.world.pager).is_away = true;
    for (step, wanted) in [
        (Takes("Q1", "ana"), "Q1 is Acknowledged there and Triggered here"),
        (Prioritises("Q1", "P3"), "Q1 is Some(\"P3\") there and P1 here"),
        (Moves("Q1", "PBILL"), "Q1 is billing's there and flowengine's here"),
        (Bridges("Q1", "https://meet.example.com/1"), "Q1 has another bridge"),
        (Writes("Q1", "odd"), "Q1: the note \"odd\" is here 0 times"),
        (Opens("Q2", None), "Q2 is not here"),
        (Note, "Q1: \"seen from here\" is not there once"),
    ] {
        scene.plays(step).await;
        let found = scene.differences().await;
        assert!(found.iter().any(|one| one == wanted), "{wanted}: {found:?}");
    }
}
