//! The example runbooks: clean, shown in full, and carried out against real servers.

use blocks_tests::servers::{Postgres, Prometheus, PrometheusConfig};
use blocks_tests::{AppConfig, Shop, TestApp, repository, text, until};
use serde_json::{Value, json};

const ORDERS: &str = "create table orders (id int primary key, state text, region text);
    insert into orders select n, case when n <= 12 then 'stuck' else 'paid' end, case when n % 2 = 0 then 'eu' else 'us' end
        from generate_series(1, 400) n;
    create table settings (name text primary key, value text);
    insert into settings values ('queue_limit', '50');";

fn example(name: &str) -> (&'static str, String) {
    let path = repository().join(format!("docs/examples/{name}.md"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let name = match name {
        "slow_checkout" => "slow_checkout",
        "check_database" => "check_database",
        _ => "flow",
    };
    (name, text)
}

fn steps_of(run: &Value) -> Vec<(String, String)> {
    let steps = run["steps"].as_array().cloned().unwrap_or_default();
    steps.iter().map(|step| (text(&step["id"]), text(&step["status"]))).collect()
}

#[tokio::test]
async fn the_examples_are_clean_and_shown_in_full() {
    let app = TestApp::start(&AppConfig { triage: None, ..AppConfig::default() }).await;
    let folder = repository().join("docs/examples").display().to_string();
    let linted = app.blocks(&["runbook", "lint", "--deny", "warnings", &folder, "-o", "json"]).await;
    assert_eq!((linted.code, &linted.json()["findings"]), (0, &json!([])), "{linted:?}");
    assert_eq!(linted.json()["files"], 3);
    let shown = app.blocks_json(&["runbook", "show", &format!("{folder}/slow_checkout.md")]).await;
    let kinds: Vec<_> = shown["steps"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|step| step["commands"].as_array().cloned().unwrap_or_default())
        .map(|command| text(&command["kind"]))
        .collect();
    for kind in ["shell", "http", "promql", "sql", "include"] {
        assert!(kinds.iter().any(|found| found == kind), "{kind} is not there: {kinds:?}");
    }
    let phases: Vec<_> =
        shown["steps"].as_array().unwrap().iter().map(|step| text(&step["phases"][0])).collect();
    assert!(phases.first().is_some_and(|phase| phase.starts_with("Phase 1")), "{phases:?}");
    assert_eq!(shown["coverage"]["refused"], 0, "{shown}");
}

#[tokio::test]
async fn the_reference_runbook_runs_against_real_servers_and_is_undone() {
    let Some(postgres) = Postgres::start().await.or_not_run("the reference runbook") else { return };
    let shop = Shop::start().await;
    let scrape = PrometheusConfig { targets: vec![shop.address], ..PrometheusConfig::default() };
    let Some(prometheus) = Prometheus::start(&scrape).await.or_not_run("the reference runbook") else {
        return;
    };
    let made = postgres.psql(ORDERS).await;
    assert_eq!(made.code, 0, "{made:?}");
    prometheus.wait_for("checkout_failed_orders").await;

    let folder = tempfile::tempdir().unwrap();
    let url_file = folder.path().join("orders.url");
    std::fs::write(&url_file, postgres.url()).unwrap();
    let more = format!(
        "[[connection]]\nname = \"orders\"\nkind = \"postgres\"\nurl_file = \"{}\"\n\
         [[connection]]\nname = \"metrics\"\nkind = \"prometheus\"\nurl = \"{}\"\n\
         [[connection]]\nname = \"shop\"\nkind = \"http\"\nurl = \"http://{}\"\n",
        url_file.display(),
        prometheus.base(),
        shop.address
    );
    let runbooks = vec![example("slow_checkout"), example("check_database"), example("flow")];
    let app = TestApp::start(&AppConfig { triage: None, runbooks, more, ..AppConfig::default() }).await;
    let (ana, ben) = (app.token("ana").await, app.token("ben").await);
    let params = json!({
        "service_url": format!("http://{}", shop.address),
        "order_id": "7",
        // a value is a value, whatever it looks like
        "note": "50 % off\", \"mode\": \"free",
    });
    let ask = json!({ "request": "runbook_run", "name": "slow_checkout", "params": params });
    let asked = app.api(Some(&ana), ask).await;
    assert_eq!(asked.status, 200, "{asked:?}");
    let run = text(&asked.json()["data"]["id"]);
    assert_eq!(app.approve(&ana, &run).await.status, 409, "the one who asks does not approve");
    let approved = app.approve(&ben, &run).await;
    assert_eq!(approved.status, 200, "{approved:?}");
    let ended = until("the run is over", async || {
        let shown = app.blocks_json(&["runbook", "status", &run]).await;
        (!matches!(text(&shown["status"]).as_str(), "running" | "planned")).then_some(shown)
    })
    .await;
    assert_eq!(ended["status"], "succeeded", "{ended:#}");
    for step in ended["steps"].as_array().unwrap() {
        for expectation in step["expectations"].as_array().unwrap() {
            assert_eq!(expectation["outcome"], "pass", "{expectation} of {}", step["id"]);
        }
    }
    let included = steps_of(&ended).iter().filter(|(id, _)| id.contains('/')).count();
    assert_eq!(included, 2, "the included steps are the run's own: {:?}", steps_of(&ended));
    assert_eq!(
        shop.changes(),
        [json!({ "mode": "plain", "note": "50 % off\", \"mode\": \"free", "limit": 20 })],
        "a parameter is one value in the body"
    );
    let limit = "select value from settings where name = 'queue_limit';";
    assert_eq!(postgres.psql(limit).await.stdout.trim(), "20");

    let undone = app.api(Some(&ana), json!({ "request": "runbook_undo", "run": run })).await;
    assert_eq!(undone.status, 200, "{undone:?}");
    app.run_when(&run, "undone").await;
    assert_eq!(shop.changes().last(), Some(&json!({ "mode": "express" })));
    assert_eq!(postgres.psql(limit).await.stdout.trim(), "50");

    let flow = app.api(Some(&ana), json!({ "request": "runbook_run", "name": "flow", "params": {} })).await;
    assert_eq!(flow.status, 200, "{flow:?}");
    let run = text(&flow.json()["data"]["id"]);
    let approved = app.approve(&ben, &run).await;
    assert_eq!(approved.status, 200, "{approved:?}");
    let ended = app.run_when(&run, "succeeded").await;
    assert_eq!(ended["steps"][2]["detail"], "3 of 3", "{ended:#}");
    app.assert_journal_verifies().await;
}
