use runbook_core::ports::Pager;
use serde_json::{Value, json};

use super::*;
use crate::rest::tests::{Peer, refusal, turn};

const OPEN: &str = "GET /pd/incidents?statuses%5B%5D=triggered&statuses%5B%5D=acknowledged&date_range=all&include%5B%5D=conference_bridge&service_ids%5B%5D=PFLOW01&limit=100&offset=0";
const NEXT: &str = "GET /pd/incidents?statuses%5B%5D=triggered&statuses%5B%5D=acknowledged&date_range=all&include%5B%5D=conference_bridge&service_ids%5B%5D=PFLOW01&limit=100&offset=2";

fn incident(id: &str, status: &str) -> Value {
    json!({
        "id": id, "type": "incident", "summary": "[#7] it fails", "html_url": format!("https://acme.example.com/incidents/{id}"),
        "incident_number": 7, "title": "it fails", "created_at": "2026-01-02T03:04:00Z", "status": status,
        "incident_key": "blocks/x", "service": { "id": "PFLOW01", "type": "service_reference", "summary": "flowengine" },
        "assignments": [], "acknowledgements": [], "last_status_change_at": "2026-01-02T03:05:00Z",
        "last_status_change_by": { "id": "PUSER1", "type": "user_reference", "summary": "Ana" },
        "priority": { "id": "P53ZZH5", "summary": "P1" }, "urgency": "high",
        "conference_bridge": { "conference_number": 1000, "conference_url": "https://meet.example.com/1" },
        "resolve_reason": null,
    })
}

fn incidents(all: &[Value], more: bool) -> Value {
    json!({ "incidents": all, "limit": 100, "offset": 0, "more": more, "total": null })
}

#[tokio::test]
async fn what_is_open_and_what_is_asked_for_is_read() {
    let mut merged = incident("PINC4", "resolved");
    merged["resolve_reason"] = json!({ "type": "merge_resolve_reason", "incident": { "id": "PINC1" } });
    let mut bare = json!({ "id": "PINC2", "status": "acknowledged", "conference_bridge": null });
    bare["last_status_change_by"] = json!({ "id": "PFLOW01", "type": "service_reference" });
    let notes = json!({ "notes": [
        { "id": "N2", "content": "second", "created_at": "2026-01-02T03:07:00Z", "user": null },
        { "id": "N1", "content": "first", "created_at": "2026-01-02T03:06:00Z", "user": { "id": "PUSER1", "type": "user_reference" } },
        { "id": "N3", "content": "" }, { "content": "x" }, null,
    ], "more": false });
    let of = |id: &'static str, answer: Value| turn(id, 200, answer);
    let peer = Peer::start(vec![
        of(OPEN, incidents(&[incident("PINC1", "triggered"), bare], true)),
        of(NEXT, incidents(&[incident("PINC1", "triggered"), json!({ "id": "PINC9" }), json!(7)], false)),
        of(
            "GET /pd/incidents/PINC3?include%5B%5D=conference_bridge",
            json!({ "incident": incident("PINC3", "resolved") }),
        ),
        of("GET /pd/incidents/PINC4?include%5B%5D=conference_bridge", json!({ "incident": merged })),
        turn("GET /pd/incidents/PGONE?include%5B%5D=conference_bridge", 404, refusal(2100, "Not Found")),
        // one that may not be read, or not now, is no reason to see nothing
        turn("GET /pd/incidents/PHIDE?include%5B%5D=conference_bridge", 403, refusal(2010, "Access Denied")),
        turn(
            "GET /pd/incidents/PBUSY?include%5B%5D=conference_bridge",
            429,
            refusal(2020, "Rate Limit Exceeded"),
        ),
        of("GET /pd/incidents/PINC1/notes?limit=100&offset=0", notes),
        of("GET /pd/incidents/PINC2/notes?limit=100&offset=0", json!({ "notes": null })),
    ])
    .await;
    let these =
        ["PINC1", "PINC3", "PINC4", "PGONE", "../users", "PHIDE", "PBUSY", "PLAST"].map(str::to_owned);
    let at = LookAt { services: vec!["PFLOW01".to_owned()], incidents: these.to_vec() };
    let client = peer.client();
    let seen = client.look(&at).await.unwrap();
    // it had enough of us, for a second
    client.health.pass(1_000);
    let notes = client.notes("PINC1").await.unwrap();
    assert_eq!(client.notes("PINC2").await, Ok(Vec::new()));
    assert!(client.notes("../users").await.is_err());
    peer.is_content();
    let short: Vec<_> = seen.iter().map(|one| (one.incident.id.as_str(), one.status.clone())).collect();
    assert_eq!(
        short,
        [
            ("PINC1", SeenStatus::Triggered),
            ("PINC2", SeenStatus::Acknowledged),
            ("PINC3", SeenStatus::Resolved),
            ("PINC4", SeenStatus::MergedInto { other: "PINC1".to_owned() }),
        ]
    );
    let ana = |name: Option<&str>| Some(PagerUser { id: "PUSER1".to_owned(), name: name.map(str::to_owned) });
    let first = &seen[0];
    assert_eq!((first.by.clone(), first.key.as_deref()), (ana(Some("Ana")), Some("blocks/x")));
    assert_eq!(first.since, Some("2026-01-02T03:05:00Z".parse().unwrap()));
    assert_eq!(first.bridge.as_deref(), Some("https://meet.example.com/1"));
    assert_eq!(first.incident.priority.as_deref(), Some("P1"));
    assert_eq!(notes.iter().map(|note| note.id.as_str()).collect::<Vec<_>>(), ["N1", "N2"], "oldest first");
    assert_eq!((notes[0].by.clone(), notes[1].by.clone()), (ana(None), None));
    // a service is nobody
    assert_eq!((seen[1].by.clone(), seen[1].since, seen[1].bridge.clone()), (None, None, None));
}

#[tokio::test]
async fn what_is_not_told_is_no_look() {
    let at = LookAt { services: vec!["PFLOW01".to_owned()], ..LookAt::default() };
    let peer = Peer::start(vec![turn(OPEN, 503, "")]).await;
    let refused = peer.client().look(&at).await;
    assert!(matches!(refused, Err(PagerError::Retry { .. })), "{refused:?}");
    let limited = turn(OPEN, 429, refusal(2020, "Rate Limit Exceeded")).header("ratelimit-reset", "7");
    let peer = Peer::start(vec![limited]).await;
    let refused = peer.client().look(&at).await;
    assert!(matches!(refused, Err(PagerError::Retry { after_ms: Some(7_000), .. })), "{refused:?}");
    // of the whole account's incidents nothing is read
    assert_eq!(peer.client().look(&LookAt::default()).await, Ok(Vec::new()));
    peer.is_content();
}

/// One incident that is never told does not hide those behind it; several, or a limit, end the look.
#[tokio::test]
async fn the_others_are_seen_behind_one_that_is_not_told() {
    const ILL: &str = "GET /pd/incidents/PILL?include%5B%5D=conference_bridge";
    const WELL: &str = "GET /pd/incidents/PINC1?include%5B%5D=conference_bridge";
    let well = || turn(WELL, 200, json!({ "incident": incident("PINC1", "resolved") }));
    let ill = || turn(ILL, 503, "");
    let seen = async |turns, ids: &[&str]| {
        let peer = Peer::start(turns).await;
        let incidents = ids.iter().map(|id| (*id).to_owned()).collect();
        let seen = peer.client().look(&LookAt { services: Vec::new(), incidents }).await.unwrap();
        peer.is_content();
        seen.len()
    };
    assert_eq!(seen(vec![ill(), well()], &["PILL", "PINC1"]).await, 1);
    let many = ["PILL", "PILL", "PILL", "PILL", "PINC1"];
    assert_eq!(seen(vec![ill(), ill(), ill(), ill()], &many).await, 0, "it ends");
}

/// Hundreds of services are more than one address holds.
#[tokio::test]
async fn many_services_are_asked_for_some_at_a_time() {
    let services: Vec<_> = (0..250).map(|n| format!("PSERVICE{n:06}")).collect();
    let turns = services.chunks(100).zip(["PINC1", "PINC2", "PINC3"]).map(|(services, found)| {
        let ids: String = services.iter().map(|id| format!("&service_ids%5B%5D={id}")).collect();
        let open = "statuses%5B%5D=triggered&statuses%5B%5D=acknowledged&date_range=all&include%5B%5D=conference_bridge";
        let asked = format!("GET /pd/incidents?{open}{ids}&limit=100&offset=0");
        assert!(asked.len() < 8_000);
        turn(asked.leak(), 200, incidents(&[incident(found, "triggered")], false))
    });
    let peer = Peer::start(turns.collect()).await;
    let at = LookAt { services, incidents: Vec::new() };
    let seen = peer.client().look(&at).await.unwrap();
    peer.is_content();
    let found: Vec<_> = seen.iter().map(|one| one.incident.id.as_str()).collect();
    assert_eq!(found, ["PINC1", "PINC2", "PINC3"]);
}

/// A list would be taken for the fields of an object in their order.
#[test]
fn what_is_no_object_is_no_incident_and_no_note() {
    let note = json!({ "id": "N1", "content": "first" });
    assert!(seen_note(&note).is_some());
    assert_eq!(seen_note(&json!(["N1", "first"])), None);
    assert_eq!(seen(&json!(["PINC1", "triggered"])), None);
}

/// Something is added to what is read, and at the end of what there is that cannot be.
#[test]
fn the_end_of_all_times_is_no_time() {
    let mut one = incident("PINC1", "acknowledged");
    (one["created_at"], one["last_status_change_at"]) =
        (json!("+262142-12-31T23:59:59Z"), json!("-262143-01-01T00:00:00Z"));
    let read = seen(&one).unwrap();
    assert_eq!((read.incident.created_at, read.since), (None, None));
    let note = json!({ "id": "N1", "content": "first", "created_at": "+262142-12-31T23:59:59Z" });
    assert_eq!(seen_note(&note).map(|note| note.at), Some(None));
}
