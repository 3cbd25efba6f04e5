//! The account as Blocks meets it, over real sockets.

use serde_json::{Value, json};

use crate::sign;
use crate::testkit::World;

fn deliveries(state: &Value) -> Vec<(String, u64, String)> {
    let list = state["pagerduty"]["deliveries"].as_array().unwrap();
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    list.iter().map(|d| (text(&d["type"]), d["status"].as_u64().unwrap_or(0), text(&d["outcome"]))).collect()
}

#[tokio::test]
async fn a_webhook_is_signed_and_tried_again_until_it_is_taken() {
    let world = World::with(|c| c.pagerduty.webhook_secrets.push("the-new-one".into())).await;
    world.script(&[503, 429, 500, 202]);
    let id = world.trigger().await;
    let state = world.until("delivered", |s| deliveries(s).len() == 4).await;
    let statuses: Vec<u64> = deliveries(&state).iter().map(|d| d.1).collect();
    assert_eq!(statuses, [503, 429, 500, 202]);
    let seen = world.seen();
    assert!(seen.iter().all(|s| s.path == "/hooks/pagerduty" && s.body == seen[0].body));
    assert!(
        seen.iter().all(|s| s.headers["x-webhook-id"] == seen[0].headers["x-webhook-id"]),
        "stable over retries"
    );
    let expected = sign::pagerduty_v1(&world.config.pagerduty.webhook_secrets, seen[0].body.as_bytes());
    assert_eq!(seen[0].headers["x-pagerduty-signature"], expected);
    assert_eq!(expected.matches("v1=").count(), 2);
    let event: Value = serde_json::from_str(&seen[0].body).unwrap();
    assert_eq!(event["event"]["event_type"], "incident.triggered");
    assert_eq!(event["event"]["data"]["id"], id);
    assert_eq!(event["event"]["data"]["priority"]["summary"], "P1");
    assert_eq!(event["event"]["data"]["service"]["id"], "PFLOW01");
}

#[tokio::test]
async fn an_incidents_events_arrive_in_order_and_another_incident_does_not_wait() {
    let world = World::with(|c| c.pagerduty.retry_base_ms = 20).await;
    world.script(&[503; 4]);
    let first = world.trigger().await;
    world.control(&format!("pagerduty/incidents/{first}/acknowledge"), json!({"user": "ana"})).await;
    world.control(&format!("pagerduty/incidents/{first}/resolve"), json!({"user": "ana"})).await;
    let second = world.trigger().await;
    world.until("all four", |s| deliveries(s).iter().filter(|d| d.2 == "delivered").count() == 4).await;
    let arrived = |id: &str| -> Vec<String> {
        let mut types: Vec<String> = world
            .seen()
            .iter()
            .filter(|s| s.body.contains(id))
            .map(|s| {
                serde_json::from_str::<Value>(&s.body).unwrap()["event"]["event_type"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        types.dedup();
        types
    };
    assert_eq!(arrived(&first), ["incident.triggered", "incident.acknowledged", "incident.resolved"]);
    assert_eq!(arrived(&second), ["incident.triggered"]);
}

#[tokio::test]
async fn another_4xx_drops_at_once_and_three_in_a_row_disable_the_subscription() {
    let world = World::new().await;
    world.script(&[401, 401, 200, 401, 401, 401]);
    for n in 1..=6 {
        world.trigger().await;
        world.until("attempted", |s| deliveries(s).len() == n).await;
    }
    let state = world.until("disabled", |s| s["pagerduty"]["subscription"]["disabled"] == true).await;
    let dropped = deliveries(&state).iter().filter(|d| d.2 == "dropped").count();
    assert_eq!(dropped, 5, "no second attempt of a dropped one");
    world.trigger().await;
    assert_eq!(world.state().await["pagerduty"]["webhooks_queued"], 0);
    let subscription = state["pagerduty"]["subscription"]["id"].as_str().unwrap();
    world.pagerduty("POST", &format!("webhook_subscriptions/{subscription}/enable"), json!({})).await;
    world.trigger().await;
    world.until("delivered again", |s| deliveries(s).last().is_some_and(|d| d.2 == "delivered")).await;
    world.pagerduty("POST", &format!("webhook_subscriptions/{subscription}/ping"), json!({})).await;
    world.until("pinged", |s| deliveries(s).last().is_some_and(|d| d.0 == "pagey.ping")).await;
}

#[tokio::test]
async fn faults_lose_a_webhook_or_spoil_its_signature() {
    let world = World::new().await;
    world.control("faults", json!({"drop_webhooks": ["incident.triggered"]})).await;
    world.trigger().await;
    let state = world.until("lost", |s| deliveries(s).len() == 1).await;
    assert_eq!(deliveries(&state)[0].2, "lost");
    assert!(world.seen().is_empty());
    world.control("faults", json!({"drop_webhooks": [], "bad_signature": true})).await;
    world.trigger().await;
    world.until("sent", |s| deliveries(s).len() == 2).await;
    let seen = world.seen().pop().unwrap();
    let right = sign::pagerduty_v1(&world.config.pagerduty.webhook_secrets, seen.body.as_bytes());
    assert_ne!(seen.headers["x-pagerduty-signature"], right);
}

/// Each refusal once: method, path, body, status, code.
#[tokio::test]
async fn a_service_has_its_name_and_a_page_the_urgency_that_was_sent() {
    let world = World::new().await;
    let (_, answer) = world.pagerduty("GET", "services/PFLOW01", json!({})).await;
    let service = &answer["service"];
    assert_eq!((&service["id"], &service["name"]), (&json!("PFLOW01"), &json!("flowengine")));
    for urgency in ["low", "high"] {
        let sent = json!({"incident": {
            "type": "incident",
            "title": urgency,
            "service": {"id": "PFLOW01", "type": "service_reference"},
            "urgency": urgency,
        }});
        let (status, made) = world.pagerduty("POST", "incidents", sent).await;
        assert_eq!(status, 201, "{made}");
        let path = format!("incidents/{}", made["incident"]["id"].as_str().unwrap());
        assert_eq!(world.pagerduty("GET", &path, json!({})).await.1["incident"]["urgency"], urgency);
    }
}

#[tokio::test]
async fn refusals() {
    let world = World::new().await;
    let id = world.trigger().await;
    let incident = format!("incidents/{id}");
    let change = |c: Value| json!({"incident": c});
    let create = |c: Value| json!({"incident": c});
    let service = json!({"id": "PFLOW01", "type": "service_reference"});
    let table = [
        ("GET", "nonsense".to_owned(), json!({}), 404, 2100),
        ("GET", "incidents/QNOPE".to_owned(), json!({}), 404, 2100),
        ("GET", "services/PNOPE".to_owned(), json!({}), 404, 2100),
        ("GET", "incidents?statuses[]=open".to_owned(), json!({}), 400, 2001),
        ("GET", "incidents?offset=9999".to_owned(), json!({}), 400, 2001),
        ("PUT", incident.clone(), json!({}), 400, 2001),
        ("PUT", incident.clone(), change(json!({"status": "gone"})), 400, 2001),
        ("PUT", incident.clone(), change(json!({"urgency": "mid"})), 400, 2001),
        ("PUT", incident.clone(), change(json!({"priority": {"id": "PNOPE"}})), 400, 1020),
        (
            "PUT",
            "incidents".to_owned(),
            json!({"incidents": vec![json!({"id": id, "type": "incident"}); 251]}),
            413,
            2001,
        ),
        ("POST", format!("{incident}/notes"), json!({"note": {"content": ""}}), 400, 2001),
        ("POST", "incidents".to_owned(), create(json!({"type": "incident", "service": service})), 400, 2001),
        ("POST", "incidents".to_owned(), create(json!({"type": "incident", "title": "x"})), 400, 2001),
    ];
    for (method, path, body, status, code) in table {
        let (got, answer) = world.pagerduty(method, &path, body.clone()).await;
        assert_eq!((got, &answer["error"]["code"]), (status, &json!(code)), "{method} {path} {body}");
    }
    let acknowledge = change(json!({"type": "incident_reference", "status": "acknowledged"}));
    assert_eq!(world.pagerduty("PUT", &incident, acknowledge.clone()).await.0, 200);
    assert_eq!(world.pagerduty("PUT", &incident, acknowledge.clone()).await.1["error"]["code"], 1002);
    let resolve =
        change(json!({"type": "incident_reference", "status": "resolved", "resolution": "rolled back"}));
    assert_eq!(world.pagerduty("PUT", &incident, resolve.clone()).await.1["incident"]["status"], "resolved");
    assert_eq!(world.pagerduty("PUT", &incident, resolve).await.1["error"]["code"], 1001);
    let state = world.until("two webhooks for a resolution with a note", |s| deliveries(s).len() == 4).await;
    let types: Vec<String> = deliveries(&state).into_iter().map(|d| d.0).collect();
    assert_eq!(
        types,
        ["incident.triggered", "incident.acknowledged", "incident.resolved", "incident.annotated"]
    );

    let url = format!("{}/pagerduty/{incident}", world.sandbox.url());
    let token = format!("Token token={}", world.config.pagerduty.api_token);
    let put = || world.client.put(&url).json(&acknowledge);
    let no_token: Value = put().send().await.unwrap().json().await.unwrap();
    assert_eq!(no_token["error"]["code"], 2010);
    let bad_token: Value =
        put().header("authorization", "Token token=x").send().await.unwrap().json().await.unwrap();
    assert_eq!(bad_token["error"]["code"], 2006);
    let no_from = put().header("authorization", &token).send().await.unwrap();
    assert_eq!(no_from.status(), 400);
    let unknown = put().header("authorization", &token).header("from", "x@example.com").send().await.unwrap();
    assert_eq!(unknown.json::<Value>().await.unwrap()["error"]["code"], 1008);
}

#[tokio::test]
async fn lists_are_paged_and_filtered_and_the_log_tells_the_story() {
    let world = World::new().await;
    for _ in 0..3 {
        world.trigger().await;
    }
    let (_, first) = world.pagerduty("GET", "incidents?limit=2&total=true", json!({})).await;
    assert_eq!(
        (&first["more"], &first["total"], first["incidents"].as_array().unwrap().len()),
        (&json!(true), &json!(3), 2)
    );
    let (_, rest) = world
        .pagerduty("GET", "incidents?limit=2&offset=2&statuses[]=triggered&service_ids[]=PFLOW01", json!({}))
        .await;
    assert_eq!(
        (&rest["more"], &rest["total"], rest["incidents"].as_array().unwrap().len()),
        (&json!(false), &Value::Null, 1)
    );
    let id = rest["incidents"][0]["id"].as_str().unwrap();
    world
        .pagerduty("POST", &format!("incidents/{id}/notes"), json!({"note": {"content": "card: http://x"}}))
        .await;
    let many = json!({"incidents": [{"id": id, "type": "incident_reference", "status": "resolved"}]});
    assert_eq!(world.pagerduty("PUT", "incidents", many).await.0, 200);
    let (_, log) = world.pagerduty("GET", &format!("incidents/{id}/log_entries"), json!({})).await;
    let types: Vec<&str> =
        log["log_entries"].as_array().unwrap().iter().map(|l| l["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["resolve_log_entry", "annotate_log_entry", "assign_log_entry", "trigger_log_entry"]);
    for (path, name) in
        [("users", "users"), ("services", "services"), ("priorities", "priorities"), ("oncalls", "oncalls")]
    {
        assert!(
            !world.pagerduty("GET", path, json!({})).await.1[name].as_array().unwrap().is_empty(),
            "{path}"
        );
    }
}

#[tokio::test]
async fn events_open_and_close_incidents_and_changes_page_nobody() {
    let world = World::new().await;
    let key = world.config.pagerduty.services[0].routing_key.clone();
    let send = async |path: &str, body: Value| {
        let url = format!("{}/events/v2/{path}", world.sandbox.url());
        let answer = world.client.post(url).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let event = |action: &str, severity: &str| {
        json!({"routing_key": key, "event_action": action, "dedup_key": "flow-1",
            "payload": {"summary": "flows fail", "source": "flowengine", "severity": severity}})
    };
    assert_eq!(send("enqueue", event("trigger", "critical")).await.0, 202);
    assert_eq!(send("enqueue", event("trigger", "critical")).await.0, 202);
    let state = world.state().await;
    let incidents = state["pagerduty"]["incidents"].as_array().unwrap();
    assert_eq!(
        (incidents.len(), &incidents[0]["incident_key"], &incidents[0]["urgency"]),
        (1, &json!("flow-1"), &json!("high"))
    );
    assert_eq!(send("enqueue", event("resolve", "critical")).await.0, 202);
    assert_eq!(world.state().await["pagerduty"]["incidents"][0]["status"], "resolved");
    assert_eq!(send("enqueue", event("resolve", "critical")).await.0, 202, "202 does not mean applied");

    let mut short = event("trigger", "critical");
    short["routing_key"] = json!("short");
    for bad in [
        short,
        event("trigger", "loud"),
        event("explode", "info"),
        json!({"routing_key": key, "event_action": "trigger"}),
    ] {
        let (status, answer) = send("enqueue", bad).await;
        assert_eq!((status, &answer["status"]), (400, &json!("invalid event")));
    }
    let change = json!({"routing_key": key, "payload": {"summary": "rollback executed", "source": "blocks"}});
    assert_eq!(send("change/enqueue", change).await.0, 202);
    let state = world.state().await;
    assert_eq!(state["pagerduty"]["change_events"][0]["summary"], "rollback executed");
    for (summary, at) in [("old", "2026-01-05T08:00:00Z"), ("new", "2026-01-05T09:00:00+00:00")] {
        let payload = json!({"summary": summary, "source": "ci", "timestamp": at});
        assert_eq!(send("change/enqueue", json!({"routing_key": key, "payload": payload})).await.0, 202);
    }
    let service = &world.config.pagerduty.services[0].id;
    for (path, wanted) in [
        ("change_events?until=2026-01-06T00:00:00Z".to_owned(), Ok(vec!["old", "new"])),
        ("change_events?since=2026-01-05T08:00:01Z&until=2026-01-05T09:00:01Z".to_owned(), Ok(vec!["new"])),
        ("change_events?since=2026-01-05T08:00:00Z&until=2026-01-05T09:00:00Z".to_owned(), Ok(vec!["old"])),
        (
            format!("services/{service}/change_events?since=2026-01-05T09:00:00Z&until=2026-01-06T00:00:00Z"),
            Ok(vec!["new"]),
        ),
        ("change_events?since=yesterday".to_owned(), Err(400)),
        (format!("services/{service}/change_events?until=5"), Err(400)),
        ("services/PNONE/change_events".to_owned(), Err(404)),
    ] {
        let (status, answer) = world.pagerduty("GET", &path, json!(null)).await;
        let names = answer["change_events"].as_array().into_iter().flatten();
        let names: Vec<_> = names.filter_map(|one| one["summary"].as_str()).collect();
        let got = if status == 200 { Ok(names) } else { Err(status) };
        assert_eq!(got, wanted, "{path}");
    }
    assert_eq!(state["pagerduty"]["incidents"].as_array().unwrap().len(), 1);
}
