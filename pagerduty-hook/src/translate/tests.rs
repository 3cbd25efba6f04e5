use std::collections::BTreeMap;
use std::path::Path;

use chrono::TimeZone;
use proptest::prelude::*;
use runbook_core::ports::Answer;
use serde_json::{Value, json};

use super::*;

fn received_at() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 2, 3, 4, 5).unwrap()
}

fn translate(body: &[u8]) -> Translated {
    PagerDutyTranslator.translate(&InboxItem {
        source: SOURCE.to_owned(),
        id: "1".to_owned(),
        kind: "webhook".to_owned(),
        body: body.to_vec(),
        received_at: received_at(),
    })
}

fn event(event_type: &str, data: &Value) -> Value {
    json!({ "event": {
        "id": "01E", "event_type": event_type, "resource_type": "incident",
        "occurred_at": "2026-01-02T03:04:04.123Z",
        "agent": { "id": "PUSER1", "type": "user_reference", "summary": "Ana" },
        "client": null, "data": data,
    }})
}

fn full() -> Value {
    json!({
        "id": "PINC1", "type": "incident", "self": "https://api.example.com/incidents/PINC1",
        "html_url": "https://acme.example.com/incidents/PINC1", "number": 7, "status": "triggered",
        "incident_key": "key", "created_at": "2026-01-02T03:04:00Z", "reopened_at": null,
        "title": "failure rate over 10 %", "incident_type": { "name": "incident_default" },
        "service": { "id": "PFLOW01", "type": "service_reference", "summary": "flowengine" },
        "assignees": [], "teams": [], "priority": { "id": "P53ZZH5", "summary": "P1" },
        "urgency": "high", "conference_bridge": { "conference_number": 1000 }, "resolve_reason": null,
    })
}

fn pager(body: &Value) -> PagerEvent {
    match translate(body.to_string().as_bytes()) {
        Translated::Signal(Signal::Pager(event)) => event,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_whole_incident_is_carried_over() {
    let read = pager(&event("incident.triggered", &full()));
    let incident = PagerIncident {
        id: "PINC1".to_owned(),
        url: Some("https://acme.example.com/incidents/PINC1".to_owned()),
        title: Some("failure rate over 10 %".to_owned()),
        service_id: Some("PFLOW01".to_owned()),
        service_name: Some("flowengine".to_owned()),
        priority: Some("P1".to_owned()),
        priority_id: Some("P53ZZH5".to_owned()),
        high_urgency: Some(true),
        created_at: Some(Utc.with_ymd_and_hms(2026, 1, 2, 3, 4, 0).unwrap()),
        key: Some("key".to_owned()),
    };
    let occurred_at = "2026-01-02T03:04:04.123Z".parse().unwrap();
    let expected = PagerEvent {
        kind: PagerEventKind::Triggered,
        incident,
        agent_id: Some("PUSER1".to_owned()),
        agent_name: Some("Ana".to_owned()),
        occurred_at,
    };
    assert_eq!(read, expected);
}

#[test]
fn an_incident_needs_nothing_but_its_id() {
    let sparse = json!({ "event": { "event_type": "incident.triggered", "data": { "id": "PINC1" } } });
    let expected = PagerEvent {
        kind: PagerEventKind::Triggered,
        incident: PagerIncident { id: "PINC1".to_owned(), ..PagerIncident::default() },
        agent_id: None,
        agent_name: None,
        occurred_at: received_at(),
    };
    assert_eq!(pager(&sparse), expected);
    // The same with every other field null, then of a shape that nobody expects.
    for odd in [Value::Null, json!(7), json!({ "id": [] }), json!(["x"])] {
        let mut data = full();
        for (name, value) in data.as_object_mut().unwrap() {
            if name != "id" {
                *value = odd.clone();
            }
        }
        let mut odd_event = event("incident.triggered", &data);
        odd_event["event"]["agent"] = odd.clone();
        odd_event["event"]["occurred_at"] = odd.clone();
        odd_event["event"]["client"] = odd;
        assert_eq!(pager(&odd_event), expected);
    }
}

#[test]
fn every_event_type_has_its_meaning() {
    use PagerEventKind as Kind;
    let acted_on = [
        ("incident.triggered", Kind::Triggered),
        ("incident.acknowledged", Kind::Acknowledged),
        ("incident.unacknowledged", Kind::Unacknowledged),
        ("incident.resolved", Kind::Resolved),
        ("incident.reopened", Kind::Reopened),
        ("incident.priority_updated", Kind::PriorityChanged),
        ("incident.service_updated", Kind::ServiceChanged),
    ];
    for (event_type, kind) in acted_on {
        assert_eq!(pager(&event(event_type, &full())).kind, kind, "{event_type}");
    }
    let kept = [
        "service.created",
        "service.updated",
        "service.deleted",
        "service.custom_field_values.updated",
        "pagey.ping",
        "incident.something_new",
        "INCIDENT.TRIGGERED",
    ];
    for event_type in kept {
        let read = translate(event(event_type, &json!({ "incident": null })).to_string().as_bytes());
        assert_eq!(read, Translated::Ignored { kind: event_type.to_owned() });
    }
}

fn told(what: &str, text: &str) -> PagerEventKind {
    PagerEventKind::Told { what: what.to_owned(), text: (!text.is_empty()).then(|| text.to_owned()) }
}

/// What is told of an incident beside its own life: the payloads have the shape of PagerDuty's documents.
#[test]
fn what_else_is_told_of_an_incident() {
    let user = |name: &str| json!({ "id": "PU", "type": "user_reference", "summary": name });
    let named = |name: &str| json!({ "id": "PX", "type": "some_reference", "summary": name });
    let mut own = full();
    own["assignees"] = json!([user("Ana"), user("Ben"), null, ["x"]]);
    own["escalation_policy"] = named("Backend");
    let field = |name: &str, value: Value| json!({ "id": name, "name": name, "value": value });
    let fields = json!({
        "custom_fields": [field("env", json!("prod")), field("regions", json!(["a", "b"])), field("same", json!(1))],
        "changed_custom_fields": [field("env", Value::Null), field("regions", json!([])), field("gone", json!(true))],
    });
    let role = |now: Value, before: Value| {
        json!({
            "assignee": now, "old_assignee": before, "role": named("Scribe"), "status": "assigned",
            "incident": { "id": "PINC1", "type": "incident_reference" },
        })
    };
    let roles = json!({ "incident": null, "incident_role_assignments": [
        role(user("Ana"), Value::Null), role(Value::Null, user("Ben")), role(user("Ana"), user("Ben")),
    ]});
    let task = json!({ "id": "PT", "name": "Call the bank", "status": "open", "assignees": [user("Ana")] });
    let flow =
        json!({ "id": "PW", "summary": "started by hand", "incident_workflow": named("Declare major") });
    let action = json!({ "id": "PA", "action": named("Restart"), "state": "failed" });
    let responder = |state: &str| {
        json!({
            "user": user("Ben"), "escalation_policy": named("Backend"), "message": " please help\n", "state": state,
        })
    };
    let heard = |answer: Answer| PagerEventKind::Responder {
        id: Some("PU".to_owned()),
        name: Some("Ben".to_owned()),
        answer,
        message: Some("please help".to_owned()),
    };
    let on_call =
        json!({ "user": null, "escalation_policy": named("Backend"), "message": null, "state": "pending" });
    let somebody = PagerEventKind::Responder {
        id: None,
        name: Some("by the escalation policy Backend".to_owned()),
        answer: Answer::Asked,
        message: None,
    };
    let number = |label: Value, number: Value| json!({ "label": label, "number": number });
    let bridge = json!({
        "conference_url": "https://meet.example.com/1",
        "conference_numbers": [number(json!("US"), json!("+1 5")), number(Value::Null, json!(49)), number(json!("x"), Value::Null)],
    });
    let bridged = PagerEventKind::BridgeChanged {
        url: Some("https://meet.example.com/1".to_owned()),
        numbers: vec!["US: +1 5".to_owned(), "49".to_owned()],
    };
    let no_bridge = PagerEventKind::BridgeChanged { url: None, numbers: Vec::new() };
    let update = |text: &str, trimmed: bool| json!({ "id": "PUPD", "message": text, "trimmed": trimmed });
    let given = |text: &str| PagerEventKind::UpdateGiven { text: text.to_owned() };
    let long = "é".repeat(5_000);
    let cases = [
        ("incident.reassigned", own.clone(), told("reassigned", "to Ana, Ben")),
        ("incident.delegated", own.clone(), told("delegated", "by the escalation policy Backend")),
        (
            "incident.escalated",
            own.clone(),
            told("escalated", "to Ana, Ben, by the escalation policy Backend"),
        ),
        ("incident.escalated", full(), told("escalated", "")),
        ("incident.incident_type.changed", own, told("its type changed", "incident_default")),
        (
            "incident.custom_field_values.updated",
            fields,
            told(
                "fields changed",
                "env: prod (was nothing); regions: a, b (was nothing); gone: nothing (was true)",
            ),
        ),
        (
            "incident.role.assigned",
            roles,
            told("a role changed", "Scribe: Ana; Scribe: nobody (was Ben); Scribe: Ana (was Ben)"),
        ),
        ("incident.task.created", task.clone(), told("a task was added", "Call the bank, now open, to Ana")),
        ("incident.task.updated", task.clone(), told("a task changed", "Call the bank, now open, to Ana")),
        ("incident.task.completed", task, told("a task is done", "Call the bank, now open, to Ana")),
        (
            "incident.workflow.started",
            flow.clone(),
            told("a workflow started", "Declare major, started by hand"),
        ),
        ("incident.workflow.completed", flow, told("a workflow ended", "Declare major, started by hand")),
        ("incident.action_invocation.created", action.clone(), told("an action was invoked", "Restart")),
        ("incident.action_invocation.updated", action.clone(), told("an action goes on", "Restart, failed")),
        ("incident.action_invocation.terminated", action, told("an action ended", "Restart, failed")),
        ("incident.responder.added", responder("pending"), heard(Answer::Asked)),
        ("incident.responder.added", on_call, somebody),
        ("incident.responder.replied", responder("accepted"), heard(Answer::Comes)),
        ("incident.responder.replied", responder("declined"), heard(Answer::Declines)),
        ("incident.responder.replied", responder("something new"), heard(Answer::Asked)),
        ("incident.conference_bridge.updated", bridge, bridged),
        ("incident.conference_bridge.updated", json!({ "conference_numbers": null }), no_bridge),
        ("incident.status_update_published", update("looking", false), given("looking")),
        ("incident.status_update_published", update("loo", true), given("loo [...]")),
        (
            "incident.status_update_published",
            update(&long, false),
            given(&format!("{} [...]", "é".repeat(1_000))),
        ),
    ];
    for (event_type, mut data, kind) in cases {
        let refers = data.get("type").is_none() && data.get("incident_role_assignments").is_none();
        if refers {
            data["incident"] = json!({ "id": "PINC1", "type": "incident_reference", "summary": null });
        }
        let read = pager(&event(event_type, &data));
        assert_eq!((read.incident.id.as_str(), read.kind), ("PINC1", kind), "{event_type}");
        // what is about an incident that is not named is kept for a person
        if refers {
            data["incident"] = Value::Null;
            let read = translate(event(event_type, &data).to_string().as_bytes());
            assert!(matches!(read, Translated::Unreadable { .. }), "{event_type}: {read:?}");
        }
    }
}

#[test]
fn a_merge_is_not_a_resolution() {
    let mut data = full();
    data["resolve_reason"] = json!({ "type": "merge_resolve_reason", "incident": { "id": "PINC2", "type": "incident_reference" } });
    let read = pager(&event("incident.resolved", &data));
    assert_eq!(read.kind, PagerEventKind::MergedInto { other: "PINC2".to_owned() });
    assert_eq!(read.incident.id, "PINC1");

    data["resolve_reason"] = json!({ "type": "some_other_reason" });
    assert_eq!(pager(&event("incident.resolved", &data)).kind, PagerEventKind::Resolved);

    // Taking it for a resolution would close what still burns under another id.
    data["resolve_reason"] = json!({ "type": "merge_resolve_reason", "incident": null });
    let read = translate(event("incident.resolved", &data).to_string().as_bytes());
    assert!(matches!(read, Translated::Unreadable { .. }), "{read:?}");
}

#[test]
fn a_note_belongs_to_the_incident_that_it_names() {
    let reference = json!({ "id": "PINC1", "type": "incident_reference", "summary": null });
    let note = json!({ "incident": reference, "id": "PNOTE", "content": "looking", "trimmed": false });
    let read = pager(&event("incident.annotated", &note));
    assert_eq!(read.kind, PagerEventKind::Note { id: Some("PNOTE".to_owned()), text: "looking".to_owned() });
    assert_eq!(read.incident, PagerIncident { id: "PINC1".to_owned(), ..PagerIncident::default() });

    let cut = json!({ "incident": reference, "content": "lo", "trimmed": true });
    let read = pager(&event("incident.annotated", &cut));
    assert_eq!(read.kind, PagerEventKind::Note { id: None, text: "lo [...]".to_owned() });
}

#[test]
fn only_a_person_is_an_agent() {
    let cases = [
        (json!({ "id": "PU", "type": "user_reference", "summary": "Ana" }), Some("PU"), Some("Ana")),
        (json!({ "id": "PU", "type": "user_reference" }), Some("PU"), None),
        (json!({ "id": "PS", "type": "service_reference", "summary": "flowengine" }), None, None),
        (json!({ "id": "PX" }), None, None),
        (Value::Null, None, None),
    ];
    for (agent, id, name) in cases {
        let mut body = event("incident.acknowledged", &full());
        body["event"]["agent"] = agent;
        let read = pager(&body);
        assert_eq!((read.agent_id.as_deref(), read.agent_name.as_deref()), (id, name), "{body}");
    }
}

#[test]
fn what_does_not_read_says_why() {
    let cases: [(&[u8], &str); 11] = [
        (b"", "not json"),
        (b"\xff\xfe", "not json"),
        (b"{\"event\":", "not json"),
        (b"[]", "not a json object"),
        (b"null", "not a json object"),
        (b"{}", "no event object"),
        (b"{\"messages\":[]}", "v2 webhook"),
        (b"{\"event\":7}", "no event object"),
        (b"{\"event\":{}}", "no event_type"),
        (b"{\"event\":{\"event_type\":\"incident.triggered\",\"data\":{}}}", "without the incident's id"),
        (
            b"{\"event\":{\"event_type\":\"incident.annotated\",\"data\":{}}}",
            "without the incident's reference",
        ),
    ];
    for (body, expected) in cases {
        match translate(body) {
            Translated::Unreadable { reason } => assert!(reason.contains(expected), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
    let deep = [b"{\"event\":".as_slice(), &b"[".repeat(100_000)].concat();
    assert!(matches!(translate(&deep), Translated::Unreadable { .. }));
    let long = event(&"é".repeat(5_000), &Value::Null).to_string();
    let Translated::Ignored { kind } = translate(long.as_bytes()) else { panic!("kept") };
    assert_eq!(kind.chars().count(), MAX_KIND);
}

/// Captured webhooks: what each of them means.
const CORPUS: [(&str, &str); 15] = [
    ("acknowledged_v3.json", "acknowledged PQ1K5C8"),
    ("annotated_v3.json", "note Q3B15VLMF3ASBD"),
    ("conference_bridge_updated_v3.json", "bridge Q3B15VLMF3ASBD"),
    ("escalate_v3.json", "escalated Q3B15VLMF3ASBD"),
    ("priority_updated_v3.json", "priority P2 Q3B15VLMF3ASBD"),
    ("reassigned_v3.json", "reassigned PIQUG8X"),
    ("resolved_v3.json", "resolved PCPZE64"),
    ("responder_added.json", "responder Asked Q3B15VLMF3ASBD"),
    ("responder_replied_v3.json", "responder Comes Q3B15VLMF3ASBD"),
    ("service_updated_v3.json", "service P844A2S Q3B15VLMF3ASBD"),
    ("status_updated_v3.json", "update Q3B15VLMF3ASBD"),
    ("triggered_v3.json", "triggered PFQZPSY"),
    ("v2_incident_trigger.json", "unreadable"),
    ("v3_signature_vector.json", "priority P1 PGR0VU2"),
    ("workflow_completed_v3.json", "a workflow ended Q3B15VLMF3ASBD"),
];

fn summary(read: Translated) -> String {
    let event = match read {
        Translated::Signal(Signal::Pager(event)) => event,
        Translated::Ignored { kind } => return format!("ignored {kind}"),
        Translated::Unreadable { .. } => return "unreadable".to_owned(),
        other => panic!("{other:?}"),
    };
    let id = event.incident.id;
    assert!(event.incident.url.is_some() && event.incident.title.is_some(), "{id}");
    let is_automatic = matches!(&event.kind, PagerEventKind::Told { what, .. } if what == "a workflow ended");
    assert!(is_automatic || (event.agent_id.is_some() && event.agent_name.is_some()), "{id}");
    match event.kind {
        PagerEventKind::Triggered => format!("triggered {id}"),
        PagerEventKind::Acknowledged => format!("acknowledged {id}"),
        PagerEventKind::CallAnswered(page) => format!("call {} answered at {id}", page.seq),
        PagerEventKind::Resolved => format!("resolved {id}"),
        PagerEventKind::PriorityChanged => {
            format!("priority {} {id}", event.incident.priority.unwrap_or_default())
        }
        PagerEventKind::Note { text, .. } => {
            assert!(!text.is_empty());
            format!("note {id}")
        }
        PagerEventKind::ServiceChanged => {
            format!("service {} {id}", event.incident.service_id.unwrap_or_default())
        }
        PagerEventKind::BridgeChanged { url, .. } => {
            assert!(url.is_some());
            format!("bridge {id}")
        }
        PagerEventKind::Responder { id: user, answer, message, .. } => {
            assert!(user.is_some() && message.is_some());
            format!("responder {answer:?} {id}")
        }
        PagerEventKind::UpdateGiven { text } => {
            assert!(!text.is_empty());
            format!("update {id}")
        }
        PagerEventKind::Told { what, text } => {
            assert!(text.is_some());
            format!("{what} {id}")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn captured_webhooks() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/payloads/pagerduty");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("not run: no captured webhooks at {}", folder.display());
        return;
    };
    let mut read = BTreeMap::new();
    for entry in entries {
        let path = entry.unwrap().path();
        let mut body = std::fs::read(&path).unwrap();
        // The vector wraps the body in the headers that belong to it.
        let json: Value = serde_json::from_slice(&body).unwrap();
        if let Some(inner) = json.get("body").and_then(Value::as_str) {
            body = inner.as_bytes().to_vec();
        }
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        read.insert(name, summary(translate(&body)));
    }
    println!("{} captured webhooks read", read.len());
    let expected = CORPUS.map(|(name, meaning)| (name.to_owned(), meaning.to_owned()));
    assert_eq!(read, BTreeMap::from(expected));
}

/// Any JSON, with our own words among the keys and values, so that it gets past the first branch.
fn any_json() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "event",
        "event_type",
        "data",
        "id",
        "incident",
        "content",
        "resolve_reason",
        "merge_resolve_reason",
        "type",
        "incident.triggered",
        "incident.resolved",
        "incident.annotated",
    ]);
    let word = words.prop_map(str::to_owned);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(word.clone(), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..512)) {
        translate(&body);
    }

    #[test]
    fn no_json_makes_it_panic(body in any_json()) {
        translate(body.to_string().as_bytes());
    }

    #[test]
    fn a_changed_byte_does_not_make_it_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut body = event("incident.resolved", &full()).to_string().into_bytes();
        let at = at.index(body.len());
        body[at] = byte;
        translate(&body);
    }

    #[test]
    fn unknown_fields_change_nothing(name in "[a-z]{1,3}_new", value in any_json()) {
        let plain = event("incident.triggered", &full());
        let mut more = plain.clone();
        more[name.as_str()] = value.clone();
        more["event"][name.as_str()] = value.clone();
        more["event"]["data"][name.as_str()] = value.clone();
        more["event"]["data"]["service"][name.as_str()] = value;
        prop_assert_eq!(translate(more.to_string().as_bytes()), translate(plain.to_string().as_bytes()));
    }
}

/// Something is added to what is read, and at the end of what there is that cannot be.
#[test]
fn the_end_of_all_times_is_no_time() {
    for far in ["+262142-12-31T23:59:59Z", "-262143-01-01T00:00:00Z", "0001-01-01T00:00:00Z"] {
        let mut body = event("incident.triggered", &full());
        body["event"]["occurred_at"] = json!(far);
        body["event"]["data"]["created_at"] = json!(far);
        let read = pager(&body);
        assert_eq!((read.occurred_at, read.incident.created_at), (received_at(), None), "{far}");
    }
}
