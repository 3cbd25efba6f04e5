//! `blocks pagerduty setup`, and the ping that `doctor` waits for.

use std::os::unix::fs::PermissionsExt as _;

use blocks_tests::{AppConfig, TestApp};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test]
async fn the_subscription_is_made_put_right_and_tried() {
    let mut app = TestApp::start(&AppConfig { triage: None, ..AppConfig::default() }).await;
    // in front of the engine, as an address that stays
    let front = blocks_tests::Proxy::start(app.address().to_owned()).await;
    let url = format!("http://{}", front.address);
    let hook = format!("{url}/hooks/pagerduty");
    let file = app.dir.join("webhook-secret").display().to_string();
    let setup = async |app: &TestApp, more: &[&str]| {
        let words = [&["pagerduty", "setup", "--url", &url, "-o", "json"], more].concat();
        app.blocks(&words).await
    };
    let doctor = async |app: &TestApp| {
        let said = app.blocks_json(&["doctor"]).await;
        let checks = said["checks"].as_array().cloned().unwrap_or_default();
        checks.into_iter().find(|check| check["name"] == "pagerduty webhook").unwrap_or_default()
    };
    let step =
        |said: &serde_json::Value, at: usize| said["steps"][at].as_str().unwrap_or_default().to_owned();
    assert_eq!(doctor(&app).await["warning"], true, "nobody has made one");

    // it says what it would do, and does nothing unasked
    let told = setup(&app, &["--dry-run"]).await;
    assert_eq!((told.code, &told.json()["done"]), (0, &json!(false)), "{told:?}");
    assert!(told.json()["steps"][0].as_str().unwrap().contains(&hook), "{told:?}");
    let homeless = setup(&app, &["--yes"]).await;
    assert!(homeless.code == 2 && homeless.stderr.contains("--secret-file"), "{homeless:?}");
    let unasked = setup(&app, &["--secret-file", &file]).await;
    assert!(unasked.code == 3 && unasked.stderr.contains("--yes"), "{unasked:?}");
    assert!(!std::path::Path::new(&file).exists());

    let made = setup(&app, &["--yes", "--secret-file", &file]).await;
    assert_eq!((made.code, &made.json()["done"]), (0, &json!(true)), "{made:?}");
    let secret = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(
        secret.len() == 64 && !format!("{made:?}").contains(&secret),
        "it is in the file alone: {made:?}"
    );
    // nothing is sent with a secret that the engine does not know, whoever says so
    assert!(step(&made.json(), 0).contains("switched off until"), "{made:?}");
    let unknown = setup(&app, &["--yes"]).await;
    assert!(
        unknown.code == 3 && unknown.stderr.contains("is not in PAGERDUTY_WEBHOOK_SECRET"),
        "{unknown:?}"
    );
    let early = setup(&app, &["--yes", "--secret-file", &file]).await;
    assert!(early.code == 3 && early.stderr.contains("does not know its secret"), "{early:?}");
    // this command reads it, and the engine was not restarted yet
    let both = format!("{},{secret}", app.secrets["PAGERDUTY_WEBHOOK_SECRET"]);
    app.set("PAGERDUTY_WEBHOOK_SECRET", &both);
    let early = setup(&app, &["--yes"]).await;
    assert!(early.code == 3 && early.stderr.contains("restart `blocks serve`"), "{early:?}");
    assert!(!format!("{unknown:?}{early:?}").contains(&secret));
    let off = doctor(&app).await;
    assert!(off["ok"] == false && off["detail"].as_str().unwrap().contains("is switched off"), "{off}");
    app.end_server().await;
    let gone = setup(&app, &["--yes"]).await;
    assert!(gone.code == 3 && gone.stderr.contains("cannot be seen from here"), "{gone:?}");
    app.start_server().await;
    front.leads_to(app.address());
    assert_eq!(setup(&app, &["--yes"]).await.json()["done"], true);
    // again, it does nothing
    let again = setup(&app, &["--yes"]).await;
    assert_eq!((again.code, &again.json()["steps"]), (0, &json!([])), "{again:?}");
    // of what was tried one ping is kept, and nothing else came of it
    assert_eq!(app.sql("SELECT count(*) FROM inbox WHERE source = 'pagerduty'"), 1);

    // at another address: that of one that is there cannot be changed
    let elsewhere = blocks_tests::Proxy::start(app.address().to_owned()).await;
    let other_url = format!("http://{}", elsewhere.address);
    let refused = app.blocks(&["pagerduty", "setup", "--url", &other_url, "--yes"]).await;
    assert!(refused.code == 3 && refused.stderr.contains("--recreate"), "{refused:?}");
    let other = app.dir.join("another-secret").display().to_string();
    let words = ["pagerduty", "setup", "--url", &other_url, "--yes", "--recreate", "--secret-file", &other];
    let recreated = app.blocks(&words).await;
    assert_eq!(recreated.code, 0, "{recreated:?}");
    // it sends nothing while the engine does not know its secret, and the old one stays
    assert!(recreated.stdout.contains("switched off until"), "{recreated:?}");
    assert!(recreated.stderr.contains("with a comma between them"), "{recreated:?}");
    let setup = async |app: &TestApp, more: &[&str]| {
        let words = [&["pagerduty", "setup", "--url", &other_url, "-o", "json"], more].concat();
        app.blocks(&words).await
    };
    let told = setup(&app, &["--dry-run"]).await.json();
    assert!(step(&told, 0).contains("it is switched off"), "{told}");
    assert!(step(&told, 1).contains("it sends to another address"), "{told}");
    assert_eq!((&told["done"], &told["steps"][2]), (&json!(false), &json!(null)), "{told}");
    // right after it: nothing is switched on, and the old one is not deleted
    let early = setup(&app, &["--yes", "--secret-file", &other]).await;
    assert!(early.code == 3 && early.stderr.contains("does not know its secret"), "{early:?}");
    assert_eq!(setup(&app, &["--dry-run"]).await.json(), told);
    // somebody who says so knows better
    assert_eq!(setup(&app, &["--yes", "--unverified"]).await.json()["done"], true);
    assert_eq!(setup(&app, &["--yes"]).await.json()["steps"], json!([]), "one is left, and it is active");
    // the same for another secret of the same address
    let third = app.dir.join("third-secret").display().to_string();
    assert_eq!(setup(&app, &["--yes", "--recreate", "--secret-file", &third]).await.code, 0);
    // its secret is lost: another one takes the place of the one that waits
    let fourth = app.dir.join("fourth-secret").display().to_string();
    let lost = setup(&app, &["--yes", "--recreate", "--secret-file", &fourth]).await;
    assert!(lost.code == 0 && step(&lost.json(), 0).starts_with("delete "), "{lost:?}");
    let wrong = setup(&app, &["--yes", "--secret-file", &third]).await;
    assert!(wrong.code == 3 && wrong.stderr.contains("is not in PAGERDUTY_WEBHOOK_SECRET"), "{wrong:?}");
    let secret = std::fs::read_to_string(&fourth).unwrap().trim().to_owned();
    assert_eq!(secret.len(), 64);
    app.set("PAGERDUTY_WEBHOOK_SECRET", &format!("{both},{secret}"));
    app.end_server().await;
    app.start_server().await;
    elsewhere.leads_to(app.address());
    let told = setup(&app, &["--dry-run"]).await.json();
    assert!(step(&told, 0).contains("it is switched off"), "{told}");
    assert!(step(&told, 1).contains("takes its place"), "{told}");
    assert_eq!(setup(&app, &["--yes"]).await.json()["done"], true);
    assert_eq!(setup(&app, &["--yes"]).await.json()["steps"], json!([]));
    // PagerDuty switches it off
    app.control("pagerduty/disable", json!({})).await;
    let off = doctor(&app).await;
    assert!(off["detail"].as_str().unwrap().contains("is switched off"), "{off}");
    let enabled = app.blocks(&["pagerduty", "setup", "--url", &other_url, "--yes"]).await;
    assert!(enabled.code == 0 && enabled.stdout.contains("enable "), "{enabled:?}");
}

/// A subscription for one service leaves other teams' pages where they are, and nobody widens it by asking once more.
#[tokio::test]
async fn a_subscription_for_one_service_stays_one() {
    let more = "[[service]]\nname = \"billing\"\npagerduty_id = \"PBILL01\"\n[[service]]\nname = \"plain\"\n";
    let config = AppConfig { triage: None, more: more.to_owned(), ..AppConfig::default() };
    let app = TestApp::start(&config).await;
    let url = format!("http://{}", app.address());
    let setup = async |more: &[&str]| {
        let words = [&["pagerduty", "setup", "--url", &url, "-o", "json"], more].concat();
        app.blocks(&words).await
    };
    for (name, wanted) in [("nobody", "there is no service 'nobody'"), ("plain", "has no `pagerduty_id`")] {
        let refused = setup(&["--service", name, "--dry-run"]).await;
        assert!(refused.code == 2 && refused.stderr.contains(wanted), "{refused:?}");
        assert!(refused.stderr.contains("hint: "), "{refused:?}");
    }
    let said = |finished: &blocks_tests::Finished| finished.json()["steps"].to_string();
    for (name, id) in [("flowengine", "PFLOW01"), ("billing", "PBILL01")] {
        let file = app.dir.join(format!("secret-of-{name}")).display().to_string();
        let made = setup(&["--service", name, "--yes", "--secret-file", &file]).await;
        assert_eq!(made.code, 0, "{made:?}");
        assert!(said(&made).contains(&format!("for the incidents of the service {id}")), "{made:?}");
        assert!(made.stderr.contains(&format!("--service {name}`")), "{made:?}");
        assert!(!made.stderr.contains("deletes the old one"), "{made:?}");
        let on = setup(&["--service", name, "--yes", "--unverified"]).await;
        assert!(on.code == 0 && said(&on).contains("it is switched off"), "{on:?}");
    }
    // asked for once more, by name or without, nothing is to be done
    for more in [&["--yes"][..], &["--yes", "--service", "flowengine"]] {
        let again = setup(more).await;
        assert_eq!((again.code, said(&again)), (0, "[]".to_owned()), "{again:?}");
    }
    let told = app.blocks(&["pagerduty", "setup", "--url", &url]).await;
    let wanted = "for the incidents of the service PBILL01, the incidents of the service PFLOW01 sends to";
    assert!(told.code == 0 && told.stdout.contains(wanted), "{told:?}");
}

/// A server that takes whatever comes proves nothing.
#[tokio::test]
async fn what_takes_everything_does_not_know_a_secret() {
    let mut app = TestApp::start(&AppConfig { triage: None, ..AppConfig::default() }).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0_u8; 4_096]).await;
            let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(answer).await;
        }
    });
    let file = app.dir.join("secret").display().to_string();
    let made = app.blocks(&["pagerduty", "setup", "--url", &url, "--yes", "--secret-file", &file]).await;
    assert_eq!(made.code, 0, "{made:?}");
    let secret = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    app.set("PAGERDUTY_WEBHOOK_SECRET", &secret);
    let refused = app.blocks(&["pagerduty", "setup", "--url", &url, "--yes"]).await;
    assert!(refused.code == 3 && refused.stderr.contains("signed with another secret"), "{refused:?}");
}

#[tokio::test]
async fn a_ping_that_arrives_is_seen() {
    let mut app = TestApp::start(&AppConfig { triage: None, ..AppConfig::default() }).await;
    // in front of the engine, as an address that stays
    let front = blocks_tests::Proxy::start(app.address().to_owned()).await;
    let (url, file) = (format!("http://{}", front.address), app.dir.join("secret").display().to_string());
    let made = app.blocks(&["pagerduty", "setup", "--url", &url, "--yes", "--secret-file", &file]).await;
    assert_eq!(made.code, 0, "{made:?}");
    let secret = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    let known = [app.secrets["PAGERDUTY_WEBHOOK_SECRET"].clone(), secret].join(",");
    app.set("PAGERDUTY_WEBHOOK_SECRET", &known);
    app.end_server().await;
    app.start_server().await;
    front.leads_to(app.address());
    let on = app.blocks(&["pagerduty", "setup", "--url", &url, "--yes"]).await;
    assert_eq!(on.code, 0, "{on:?}");
    let said = app.blocks_json(&["doctor"]).await;
    let checks = said["checks"].as_array().cloned().unwrap_or_default();
    let check = checks.into_iter().find(|check| check["name"] == "pagerduty webhook").unwrap_or_default();
    assert_eq!((&check["ok"], &check["warning"]), (&json!(true), &json!(false)), "{check}");
    assert!(check["detail"].as_str().unwrap().contains("has arrived"), "{check}");
}
