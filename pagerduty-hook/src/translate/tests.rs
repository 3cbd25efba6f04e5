use std::collections::BTreeMap;
use std::path::Path;

use chrono::TimeZone;
use proptest::prelude::*;
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
        high_urgency: Some(true),
        created_at: Some(Utc.with_ymd_and_hms(2026, 1, 2, 3, 4, 0).unwrap()),
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
    ];
    for (event_type, kind) in acted_on {
        assert_eq!(pager(&event(event_type, &full())).kind, kind, "{event_type}");
    }
    let kept = [
        "incident.reassigned",
        "incident.delegated",
        "incident.escalated",
        "incident.service_updated",
        "incident.incident_type.changed",
        "incident.status_update_published",
        "incident.responder.added",
        "incident.responder.replied",
        "incident.conference_bridge.updated",
        "incident.custom_field_values.updated",
        "incident.role.assigned",
        "incident.task.created",
        "incident.task.updated",
        "incident.task.completed",
        "incident.workflow.started",
        "incident.workflow.completed",
        "incident.action_invocation.created",
        "incident.action_invocation.updated",
        "incident.action_invocation.terminated",
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
    assert_eq!(read.kind, PagerEventKind::Note { text: "looking".to_owned() });
    assert_eq!(read.incident, PagerIncident { id: "PINC1".to_owned(), ..PagerIncident::default() });

    let cut = json!({ "incident": reference, "content": "lo", "trimmed": true });
    let read = pager(&event("incident.annotated", &cut));
    assert_eq!(read.kind, PagerEventKind::Note { text: "lo [...]".to_owned() });
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
    ("conference_bridge_updated_v3.json", "ignored incident.conference_bridge.updated"),
    ("escalate_v3.json", "ignored incident.escalated"),
    ("priority_updated_v3.json", "priority P2 Q3B15VLMF3ASBD"),
    ("reassigned_v3.json", "ignored incident.reassigned"),
    ("resolved_v3.json", "resolved PCPZE64"),
    ("responder_added.json", "ignored incident.responder.added"),
    ("responder_replied_v3.json", "ignored incident.responder.replied"),
    ("service_updated_v3.json", "ignored incident.service_updated"),
    ("status_updated_v3.json", "ignored incident.status_update_published"),
    ("triggered_v3.json", "triggered PFQZPSY"),
    ("v2_incident_trigger.json", "unreadable"),
    ("v3_signature_vector.json", "priority P1 PGR0VU2"),
    ("workflow_completed_v3.json", "ignored incident.workflow.completed"),
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
    assert!(event.agent_id.is_some() && event.agent_name.is_some(), "{id}");
    match event.kind {
        PagerEventKind::Triggered => format!("triggered {id}"),
        PagerEventKind::Acknowledged => format!("acknowledged {id}"),
        PagerEventKind::Resolved => format!("resolved {id}"),
        PagerEventKind::PriorityChanged => {
            format!("priority {} {id}", event.incident.priority.unwrap_or_default())
        }
        PagerEventKind::Note { text } => {
            assert!(!text.is_empty());
            format!("note {id}")
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
