//! What is done in chat beside typing a command: messages that are marked for a timeline, and forms.

use std::collections::BTreeMap;

use runbook_core::form::{FieldKind, FormFor};
use runbook_core::incident::{FileLink, IncidentEvent, NoteChange, Via, note_words};
use runbook_core::message::ReplyTo;
use runbook_core::ports::{
    ChatSignal, Intake as _, Marking, PagerEventKind, PagerIncident, Quote, Signal, Translated,
};
use runbook_core::request::Request;

use crate::testkit::{Bench, ChatFault, check, locked, page};

const TS: &str = "1789000000.000100";

fn pin() -> Marking {
    Marking::Mark { via: Via::Pushpin, given: None }
}

fn edited(text: &str, version: &str) -> Marking {
    Marking::Edited { text: text.to_owned(), files: Vec::new(), version: version.to_owned() }
}

fn said(text: &str) -> Quote {
    Quote {
        author_id: Some("U-cora".to_owned()),
        text: text.to_owned(),
        permalink: Some("https://x.slack.com/archives/C1/p1".to_owned()),
        is_marked: Some(true),
        ..Quote::default()
    }
}

impl Bench {
    fn answered(&self, id: &str) -> Option<String> {
        locked(&self.world.chat).answer(id)
    }

    async fn notes(&self) -> Vec<String> {
        let (_, events) = self.incident_events(self.incident().await.id).await;
        events.iter().filter_map(note_words).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_marked_message_is_on_the_timeline_once_and_is_followed() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    locked(&bench.world.chat).said.insert(TS.to_owned(), said("p95 is up\n<!channel> <@U-ana|A>"));
    bench.marks("pin", "ana", ("C1", TS), pin()).await;
    let told = bench.answered("pin").unwrap();
    assert_eq!(told, "INC-1: it is on the timeline: cora: p95 is up @channel @ana");
    let noted = "noted from chat, by cora: p95 is up @channel @ana (https://x.slack.com/archives/C1/p1)";
    assert_eq!(bench.notes().await, [noted]);
    // again, by somebody else and in another way
    bench.marks("pin-2", "ben", ("C1", TS), pin()).await;
    assert_eq!(bench.answered("pin-2").as_deref(), Some("INC-1: it is on the timeline already."));
    let menu = Marking::Mark { via: Via::Shortcut, given: Some(Box::new(said("x"))) };
    bench.marks("menu", "ben", ("C1", TS), menu).await;
    assert_eq!(bench.notes().await, [noted]);
    // its author changes it, twice told and once late; then it is unmarked by one of two, by both, and marked again
    for (id, what) in [
        ("edit", edited("p95 is <b> 3 s", "1789000100.0")),
        ("edit-again", edited("p95 is <b> 3 s", "1789000100.0")),
        ("edit-late", edited("p95 is 2 s", "1789000050.0")),
        ("unmark", Marking::Unmark),
    ] {
        bench.marks(id, "cora", ("C1", TS), what).await;
    }
    let changed = "a message of this timeline was changed to: p95 is <b> 3 s";
    assert_eq!(bench.notes().await, [noted, changed]);
    // a change that nobody told of is noted when somebody marks it again
    let newer = Quote { version: Some("1789000200.0".to_owned()), ..said("p95 is fine") };
    locked(&bench.world.chat).said.insert(TS.to_owned(), newer);
    bench.marks("pin-again", "cora", ("C1", TS), pin()).await;
    let changed_again = "a message of this timeline was changed to: p95 is fine";
    assert_eq!(bench.notes().await, [noted, changed, changed_again]);
    locked(&bench.world.chat).said.get_mut(TS).unwrap().is_marked = Some(false);
    bench.marks("unmark-2", "ana", ("C1", TS), Marking::Unmark).await;
    assert!(bench.answered("unmark-2").unwrap().contains("the record keeps it"));
    bench.marks("pin-3", "ana", ("C1", TS), pin()).await;
    bench.marks("gone", "", ("C1", TS), Marking::Deleted).await;
    bench.marks("gone-2", "", ("C1", TS), Marking::Deleted).await;
    let notes = bench.notes().await;
    assert_eq!(notes.len(), 6, "{notes:?}");
    assert!(notes[3].contains("is not marked any more"), "{notes:?}");
    assert!(notes[5].contains("was deleted in the chat"), "{notes:?}");
    assert_eq!(bench.answered("edit").or(bench.answered("gone")), None, "nobody asked");
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_no_incident_or_comes_from_strangers_is_not_noted() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    locked(&bench.world.chat).said.insert(TS.to_owned(), said("x"));
    bench.marks("stranger", "zoe", ("C1", TS), pin()).await;
    assert!(bench.answered("stranger").unwrap().contains("slack:U-zoe is not known here"));
    bench.marks("elsewhere", "ana", ("C99", TS), pin()).await;
    assert!(bench.answered("elsewhere").unwrap().contains("belongs to no incident"));
    bench.marks("stranger-elsewhere", "zoe", ("C99", TS), pin()).await;
    bench.marks("unmark-elsewhere", "ana", ("C99", TS), Marking::Unmark).await;
    assert_eq!(bench.answered("stranger-elsewhere").or(bench.answered("unmark-elsewhere")), None);
    bench.marks("none", "ana", ("C1", "1.0"), pin()).await;
    let told = bench.answered("none").unwrap();
    assert!(told.contains("could not be read") && told.contains("timeline add"), "{told}");
    // a message that cannot be read came along with the menu
    let given =
        Quote { files: vec![FileLink { name: "a\n\u{202e}.png".to_owned(), url: None }], ..said("y") };
    let menu = Marking::Mark { via: Via::Shortcut, given: Some(Box::new(given)) };
    bench.marks("menu", "ana", ("C1", "2.0"), menu).await;
    assert_eq!(
        bench.notes().await,
        ["noted from chat, by cora: y [files: a .png] (https://x.slack.com/archives/C1/p1)"]
    );
    // longer than the record takes
    locked(&bench.world.chat).said.insert("3.0".to_owned(), said(&"é<".repeat(2_000)));
    bench.marks("long", "ana", ("C1", "3.0"), pin()).await;
    let notes = bench.notes().await;
    assert!(notes[1].chars().count() < 1_700 && notes[1].contains("[...]"), "{}", notes[1]);
}

/// A chat that is busy delays the note and loses nothing; what is told twice is noted once.
#[tokio::test(start_paused = true)]
async fn a_busy_chat_and_a_lost_answer_lose_no_mark() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    locked(&bench.world.chat).said.insert(TS.to_owned(), said("x"));
    locked(&bench.world.chat)
        .faults
        .extend([("look/", ChatFault::Retry(Some(20_000))), ("look/", ChatFault::AnswerLost)]);
    bench.marks("pin", "ana", ("C1", TS), pin()).await;
    bench.pass(60_000).await;
    assert_eq!(bench.notes().await.len(), 1);
    assert!(bench.answered("pin").is_some());
}

/// What becomes of a message between the look at it and its note is not lost.
#[tokio::test(start_paused = true)]
async fn a_message_that_changes_while_it_is_looked_at_is_followed() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    for (ts, what, wanted) in [
        (TS, edited("two", "1789000100.0"), "was changed to: two"),
        ("1789000001.000100", Marking::Deleted, "was deleted in the chat"),
    ] {
        locked(&bench.world.chat).said.insert(ts.to_owned(), said("one"));
        locked(&bench.world.chat).faults.push(("look/", ChatFault::AnswerLate(20_000)));
        let before = bench.notes().await.len();
        bench.marks(&format!("pin {ts}"), "ana", ("C1", ts), pin()).await;
        bench.marks(&format!("change {ts}"), "cora", ("C1", ts), what).await;
        assert_eq!(bench.notes().await.len(), before, "it is still being looked at");
        bench.pass(60_000).await;
        let notes = bench.notes().await.split_off(before);
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].contains("by cora: one") && notes[1].contains(wanted), "{notes:?}");
    }
}

fn empty_declaration() -> Request {
    FormFor::Declare.request(BTreeMap::new())
}

#[tokio::test(start_paused = true)]
async fn a_declaration_without_a_word_opens_a_form() {
    let mut bench = Bench::new().await;
    let told = bench.ask("typed", "ana", empty_declaration()).await;
    assert!(told.contains("the title is missing") && told.contains("/blocks declare TITLE"), "{told}");
    bench.types("stranger", "zoe", empty_declaration(), "t0").await;
    assert!(bench.answered("stranger").unwrap().contains("not known here"));
    bench.types("late", "ana", empty_declaration(), "expired").await;
    let told = bench.answered("late").unwrap();
    assert!(told.contains("it took too long") && told.contains("`/blocks declare TITLE"), "{told}");
    // what is to be typed instead is as private as what was asked for
    let mut private = empty_declaration();
    if let Request::IncidentDeclare { private, severity, service, .. } = &mut private {
        (*private, *severity) = (true, Some("P1".to_owned()));
        *service = Some("flow \"engine\"".to_owned());
    }
    bench.types("private", "ana", private, "expired").await;
    let told = bench.answered("private").unwrap();
    let line = "`/blocks declare TITLE --severity P1 --service \"flow 'engine'\" --private`";
    assert!(told.contains(line), "{told}");
    // a pause of the chat's is longer than what opens a form lives
    locked(&bench.world.chat).faults.push(("form/", ChatFault::Retry(Some(20_000))));
    bench.types("limited", "ana", empty_declaration(), "t0").await;
    assert!(bench.answered("limited").unwrap().contains("Type it instead"));
    assert!(locked(&bench.world.chat).forms.is_empty());
    bench.types("form", "ana", empty_declaration(), "t1").await;
    let form = locked(&bench.world.chat).forms.pop().unwrap();
    assert_eq!((form.about, form.channel.as_str()), (FormFor::Declare, "C1"));
    let names: Vec<&str> = form.fields.iter().map(|field| field.name.as_str()).collect();
    assert!(
        names.starts_with(&["title", "severity"]) && names.ends_with(&["private", "description"]),
        "{names:?}"
    );
    assert_eq!(bench.answered("form"), None, "the form is the answer");
    let filled = |title: &str, severity: &str| {
        let values = [("title", title), ("severity", severity), ("description", "since 10:00 <!here>")];
        FormFor::Declare
            .request(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    };
    for (user, request, faulty) in [
        ("ana", filled("it fails", "P9"), vec!["severity"]),
        ("ana", filled(" ", "P1"), vec!["title"]),
        ("ana", filled(&"x".repeat(201), "P1"), vec!["title"]),
        ("zoe", filled("", "P9"), vec![]),
        ("ana", filled("it fails", "P1"), vec![]),
    ] {
        let faults = bench.engine.form_faults(&format!("U-{user}"), &request).await;
        assert_eq!(faults.keys().map(String::as_str).collect::<Vec<_>>(), faulty, "{request:?}");
    }
    let told = bench.ask("sent", "ana", filled("it fails", "P1")).await;
    assert!(told.starts_with("INC-1 is open as P1"), "{told}");
    assert_eq!(bench.notes().await, ["noted: since 10:00 @here"]);
    let (incident, events) = bench.incident_events(bench.incident().await.id).await;
    assert!(matches!(events[1], IncidentEvent::NoteAdded { .. }) && incident.captured.is_empty());
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, IncidentEvent::NoteFollowed { change: NoteChange::Deleted, .. }))
    );
}

const ASKS: &str = "---\ntitle: Scale it\nservice: flowengine\nparams:\n  replicas: {type: integer, description: how many}\n  mode: {type: enum, values: [fast, slow], default: slow}\n  note: {required: false}\n---\n# Scale it\n\n## Look\n\n```bash {effect=read}\necho $replicas $mode $note\n```\n";

#[tokio::test(start_paused = true)]
async fn a_runbook_that_needs_values_asks_for_them() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    bench.rewrite("scale_it", ASKS);
    let run = |params: &[(&str, &str)]| Request::RunbookRun {
        name: "scale_it".to_owned(),
        params: params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        section: None,
        incident: None,
    };
    let told = bench.ask("typed", "ana", run(&[])).await;
    assert!(told.contains("parameter 'replicas' has no value"), "{told}");
    bench.types("late", "ana", run(&[]), "expired").await;
    let told = bench.answered("late").unwrap();
    assert!(
        told.contains("`/blocks runbook run scale_it --incident INC-1 --param replicas=VALUE`"),
        "{told}"
    );
    bench.types("form", "ana", run(&[("note", "typed")]), "t1").await;
    let form = locked(&bench.world.chat).forms.pop().unwrap();
    let shown: Vec<_> = form
        .fields
        .iter()
        .map(|field| (field.name.as_str(), field.value.as_deref(), field.is_required))
        .collect();
    assert_eq!(
        shown,
        [("mode", Some("slow"), false), ("note", Some("typed"), false), ("replicas", None, true)]
    );
    assert!(matches!(&form.fields[0].kind, FieldKind::Choice { options } if options.len() == 2));
    assert_eq!(form.fields[2].help.as_deref(), Some("how many; a whole number"));
    for (params, faulty) in [
        (vec![("replicas", "many")], vec!["replicas"]),
        (vec![("mode", "odd")], vec!["mode", "replicas"]),
        (vec![("replicas", "3")], vec![]),
    ] {
        let filled = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let faults = bench.engine.form_faults("U-ana", &form.about.request(filled)).await;
        assert_eq!(faults.keys().map(String::as_str).collect::<Vec<_>>(), faulty, "{params:?}");
    }
    // sent in, it is what the typed line would be; what is complete asks for nothing
    let filled = BTreeMap::from([("replicas".to_owned(), "3".to_owned())]);
    let sent = bench.ask("sent", "ana", form.about.request(filled)).await;
    assert!(sent.starts_with("Scale it (code "), "{sent}");
    bench.types("whole", "ana", run(&[("replicas", "3")]), "t2").await;
    assert!(bench.answered("whole").unwrap().starts_with("Scale it (code "));
    assert!(locked(&bench.world.chat).forms.is_empty());
}

/// What people say below a card that has moved to the incident's own channel belongs to the incident still, and is followed;
/// what stands beside it does not.
#[tokio::test(start_paused = true)]
async fn what_is_said_below_a_card_that_has_moved_belongs_to_its_incident() {
    let mut bench = Bench::new().await;
    let small = PagerIncident { priority: Some("P3".to_owned()), high_urgency: Some(false), ..page("Q1") };
    bench.pager_says("page", PagerEventKind::Triggered, small, None).await;
    bench.pass(10_000).await;
    let other = PagerIncident {
        priority: Some("P3".to_owned()),
        high_urgency: Some(false),
        service_id: Some("PBILL".to_owned()),
        ..page("Q2")
    };
    bench.pager_says("other", PagerEventKind::Triggered, other, None).await;
    bench.pass(10_000).await;
    let grave = Request::IncidentSeverity { incident: Some("INC-1".to_owned()), severity: "P1".to_owned() };
    bench.ask("grave", "ana", grave).await;
    bench.pass(10_000).await;
    let first = bench.engine.store().incidents(false, 10).await.unwrap().pop().unwrap();
    let (shared, card) = first.brief.clone().unwrap();
    assert_eq!((shared.as_str(), first.channel.as_deref()), ("CINCIDENTS", Some("C1")));

    let below = Quote { thread: Some(card.clone()), ..said("it is the queue") };
    locked(&bench.world.chat).said.insert(TS.to_owned(), below);
    locked(&bench.world.chat).said.insert("2.0".to_owned(), said("it is lunch"));
    bench.marks("pin", "ana", (&shared, TS), pin()).await;
    assert_eq!(bench.answered("pin").as_deref(), Some("INC-1: it is on the timeline: cora: it is the queue"));
    bench.marks("edit", "cora", (&shared, TS), edited("it is the pool", "1789000100.0")).await;
    bench.marks("beside", "ana", (&shared, "2.0"), pin()).await;
    assert!(bench.answered("beside").unwrap().contains("belongs to no incident"));
    let (_, events) = bench.incident_events(first.id).await;
    let notes: Vec<_> = events.iter().filter_map(note_words).collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[1].ends_with("was changed to: it is the pool"), "{notes:?}");

    // several incidents are open: a mention below the two lines means the one
    let status = Request::IncidentStatus { incident: None };
    for (id, thread, wanted) in [("below", Some(card), "P1 INC-1 "), ("beside", None, "2 incidents fit")] {
        let user = "U-ana".to_owned();
        let signal = ChatSignal {
            user_id: user.clone(),
            channel: shared.clone(),
            request: status.clone(),
            reply_to: Some(ReplyTo::Person { user, channel: shared.clone(), thread }),
            trigger: None,
            asked: None,
        };
        bench.hand_in("slack", &format!("status {id}"), Translated::Signal(Signal::Chat(signal))).await;
        bench.pass(1_000).await;
        let told = locked(&bench.world.chat).replies.last().cloned().unwrap().1;
        assert!(told.starts_with(wanted), "{id}: {told}");
    }
    assert_eq!(check(&bench), Vec::<String>::new());
}
