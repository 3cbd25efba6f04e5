//! The launch's triggers as they are documented: each fires when its `for` has passed, not before, and one good answer breaks it.

use std::path::Path;

use runbook_core::duration::parse_seconds;
use runbook_core::request::Request;
use runbook_core::trigger::{Ask, Comparison, Trigger};

use super::triggers::{lines, reads, the_incidents, trigger, with};
use crate::testkit::Bench;

const MINUTE: u64 = 60_000;

/// The file that the documentation shows. Each asks a question of its own here: several share one there.
fn documented() -> Vec<Trigger> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples/triggers.toml");
    let file: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let read = |table: &toml::Value| {
        let text = |key: &str| table.get(key).and_then(toml::Value::as_str).map(str::to_owned);
        let limit = &table["limit"];
        #[expect(clippy::cast_precision_loss, reason = "limits are small")]
        let limit = limit.as_float().or_else(|| limit.as_integer().map(|whole| whole as f64));
        let name = text("name").unwrap();
        Trigger {
            says: text("says").unwrap(),
            ask: Ask::Query { connection: None, query: name.clone() },
            when: match text("when").unwrap().as_str() {
                ">" => Comparison::Above,
                "<" => Comparison::Below,
                other => panic!("{other}"),
            },
            limit: limit.unwrap(),
            for_s: text("for").map_or(0, |lasts| parse_seconds(&lasts).unwrap()),
            severity: text("severity"),
            service: text("service"),
            channel: text("channel"),
            page: text("page"),
            propose: None,
            ..trigger(&name, "")
        }
    };
    file["trigger"].as_array().unwrap().iter().map(read).collect()
}

/// The names of those that are so, in the file's order.
async fn those_that_are(bench: &mut Bench, word: &str) -> Vec<String> {
    let id = format!("list-{}", bench.now());
    let listed = bench.ask(&id, "ana", Request::TriggerList).await;
    let is_so = |line: &&str| line.split_whitespace().nth(1) == Some(word);
    listed.lines().filter(is_so).map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

fn all_read(bench: &Bench, triggers: &[Trigger], bad: bool) {
    for trigger in triggers {
        // what is just at the limit is not over it
        let value = match (bad, trigger.when) {
            (false, _) => trigger.limit,
            (true, Comparison::Below | Comparison::AtMost) => trigger.limit * 0.99,
            (true, Comparison::Above | Comparison::AtLeast) => trigger.limit * 1.01,
        };
        reads(bench, &trigger.name, Ok(value));
    }
}

fn lasting(triggers: &[Trigger], most_min: u32) -> Vec<String> {
    triggers.iter().filter(|one| one.for_s <= most_min * 60).map(|one| one.name.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn each_fires_when_its_time_has_passed_and_not_before() {
    let triggers = documented();
    let lasts: Vec<u32> = triggers.iter().map(|one| one.for_s / 60).collect();
    assert_eq!(lasts, [60, 30, 0, 0, 0, 0, 0, 0, 0, 0, 10], "as the launch runbook has them");
    let mut bench = Bench::with(&[], with(triggers.clone())).await;
    all_read(&bench, &triggers, true);
    // a question has been asked a minute ago at most, and an answer that is asked for twice is none too early
    for (minutes, fired) in [(2, 0), (7, 0), (3, 10), (17, 10)] {
        bench.pass(minutes * MINUTE).await;
        assert_eq!(those_that_are(&mut bench, "firing").await, lasting(&triggers, fired));
    }
    // just before the second would fire, one good answer breaks it
    assert_eq!(those_that_are(&mut bench, "pending").await, ["failure-rate", "p95"]);
    all_read(&bench, &triggers, false);
    bench.pass(MINUTE + 5_000).await;
    assert_eq!(those_that_are(&mut bench, "quiet").await.len(), triggers.len());
    all_read(&bench, &triggers, true);
    for (minutes, fired) in [(2, 0), (7, 0), (3, 10), (17, 10), (4, 30), (26, 30), (4, 60)] {
        bench.pass(minutes * MINUTE).await;
        assert_eq!(those_that_are(&mut bench, "firing").await, lasting(&triggers, fired));
    }
    let (incidents, said) = (the_incidents(&bench).await, lines(&bench));
    assert_eq!(incidents.len(), 1, "one service, one incident");
    for trigger in &triggers {
        let fires = format!("trigger {} fires: {}", trigger.name, trigger.says);
        let note = super::triggers::notes(&incidents[0].1).iter().any(|note| note.starts_with(&fires));
        assert_eq!(note, trigger.severity.is_some(), "{fires}");
        let line = said.iter().any(|line| line.starts_with(&fires));
        assert_eq!(line, trigger.channel.is_some(), "{fires}: {said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn none_fires_on_healthy_figures() {
    let triggers = documented();
    let mut bench = Bench::with(&[], with(triggers.clone())).await;
    all_read(&bench, &triggers, false);
    for _ in 0..9 {
        bench.pass(10 * MINUTE).await;
        assert_eq!(those_that_are(&mut bench, "quiet").await.len(), triggers.len());
    }
    assert_eq!((the_incidents(&bench).await.len(), lines(&bench).len()), (0, 0));
}
