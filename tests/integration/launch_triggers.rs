//! The launch's triggers as they are documented, asked of a real Prometheus: the real binary and the sandbox.
//!
//! Each world has two pods, two repositories and two providers, and figures that differ among them, so that a query that adds, divides
//! or takes the worst of the wrong things has another answer: each is compared with what the figures come to by hand.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use blocks_tests::servers::{Prometheus, PrometheusConfig};
use blocks_tests::{AppConfig, TestApp, messages_with_key, repository, text, unix_now, until_or_show};
use serde_json::Value;

use super::servers::served;

/// Seconds of figures before now: more than any query looks back.
const PAST_S: i64 = 3_900;
/// Seconds of figures after now, so that they go on while the test does. Prometheus takes ten minutes of them.
const AHEAD_S: i64 = 540;
/// Seconds between two of them.
const STEP_S: i64 = 30;
/// What gauges show differs from their hour for so many seconds until now.
const LATELY_S: i64 = 120;
/// A pod has counted before: what it shows is no rate.
const BEFORE: f64 = 10_000.0;

/// What the two pods of a world show; of repositories, `[shop, web]`, and of providers, `[one, two]`.
struct World {
    name: &'static str,
    /// Flows of an hour: failed ones, and others.
    failed: [f64; 2],
    succeeded: [f64; 2],
    /// Flows of an hour that took 100, 200 and 400 seconds at most.
    took: [[f64; 3]; 2],
    /// What a day of flows costs, and how many features it has.
    cost: [[f64; 2]; 2],
    features: [[f64; 2]; 2],
    /// Kill rates of the hour, and those of the repository `shop` lately.
    kills: [[f64; 2]; 2],
    lately: [f64; 2],
    /// What of the daily quotas, 1,000 and 50, is used, as each pod has heard last.
    used: [[f64; 2]; 2],
    /// Connections of the database's server, as each pod has heard last.
    connections: [f64; 2],
    /// What each trigger reads, and whether it fires.
    wanted: [(&'static str, f64, bool); 11],
    /// What those that fire name.
    named: &'static [(&'static str, &'static str)],
}

const WORLDS: [World; 3] = [
    World {
        name: "failing",
        failed: [4.0, 4.0],
        succeeded: [20.0, 12.0],
        took: [[98.0, 100.0, 100.0], [0.0, 0.0, 80.0]],
        cost: [[30.0, 20.0], [25.0, 15.0]],
        features: [[30.0, 1.0], [20.0, 5.0]],
        kills: [[0.50, 0.80], [0.62, 0.84]],
        lately: [0.60, 0.68],
        used: [[960.0, 10.0], [900.0, 9.0]],
        connections: [195.0, 180.0],
        wanted: [
            ("failure-rate", 0.2, true),
            ("p95", 377.5, true),
            ("failures", 8.0, true),
            ("spend", 90.0, true),
            ("spend-breach", 90.0, true),
            ("feature-cost", 35.0 / 6.0, true),
            ("kill-rate", 0.56, true),
            ("quota-watch", 0.96, true),
            ("quota", 0.96, true),
            ("pool", 195.0, true),
            ("pool-lasts", 195.0, true),
        ],
        named: &[
            ("feature-cost", "repo=web"),
            ("kill-rate", "repo=shop"),
            ("quota-watch", "provider=one"),
            ("quota", "provider=one"),
        ],
    },
    // one pod is slow, fails and is dear, and the whole is not; the budget is passed and not broken
    World {
        name: "between",
        failed: [3.0, 1.0],
        succeeded: [17.0, 29.0],
        took: [[96.0, 96.0, 96.0], [0.0, 0.0, 4.0]],
        cost: [[20.0, 14.0], [14.0, 12.0]],
        features: [[40.0, 2.0], [20.0, 8.0]],
        kills: [[0.55, 0.80], [0.69, 0.84]],
        lately: [0.50, 0.58],
        used: [[800.0, 10.0], [580.0, 9.0]],
        connections: [185.0, 170.0],
        wanted: [
            ("failure-rate", 0.08, false),
            ("p95", 100.0 * 95.0 / 96.0, false),
            ("failures", 4.0, false),
            ("spend", 60.0, true),
            ("spend-breach", 60.0, false),
            ("feature-cost", 2.6, false),
            ("kill-rate", 0.62, false),
            ("quota-watch", 0.80, true),
            ("quota", 0.80, false),
            ("pool", 185.0, false),
            ("pool-lasts", 185.0, false),
        ],
        named: &[("quota-watch", "provider=one")],
    },
    World {
        name: "healthy",
        failed: [1.0, 1.0],
        succeeded: [99.0, 99.0],
        took: [[98.0, 100.0, 100.0], [96.0, 100.0, 100.0]],
        cost: [[6.0, 4.0], [6.0, 4.0]],
        features: [[100.0, 80.0], [90.0, 70.0]],
        kills: [[0.80, 0.70], [0.84, 0.75]],
        lately: [0.80, 0.84],
        used: [[400.0, 10.0], [380.0, 9.0]],
        connections: [80.0, 78.0],
        wanted: [
            ("failure-rate", 0.01, false),
            ("p95", 100.0 * 190.0 / 194.0, false),
            ("failures", 2.0, false),
            ("spend", 20.0, false),
            ("spend-breach", 20.0, false),
            ("feature-cost", 12.0 / 190.0, false),
            ("kill-rate", 0.725, false),
            ("quota-watch", 0.40, false),
            ("quota", 0.40, false),
            ("pool", 80.0, false),
            ("pool-lasts", 80.0, false),
        ],
        named: &[],
    },
];

/// Series by name and labels, each with a figure for before and one for now.
type Series = Vec<(String, [f64; 2])>;

/// Everything that the launch's triggers ask for, with the times at which it was so.
fn figures(world: &World, now: i64) -> String {
    let mut page = String::new();
    let mut family = |name: &str, kind: &str, series: Series| {
        let _ = writeln!(page, "# TYPE {name} {kind}");
        for (series, [from, other]) in series {
            for at in (now - PAST_S..=now + AHEAD_S).step_by(STEP_S as usize) {
                #[expect(clippy::cast_precision_loss, reason = "a few thousand seconds")]
                let value = match kind {
                    // from here on it rises by so much an hour
                    "gauge" if at > now - LATELY_S => other,
                    "gauge" => from,
                    _ => from + other * (at - now + PAST_S) as f64 / 3_600.0,
                };
                let _ = writeln!(page, "{series} {value} {}", at * 1_000);
            }
        }
    };
    let pods = [(0, "a"), (1, "b")];
    let of_pods = |one: &dyn Fn(usize, &str) -> Series| -> Series {
        pods.iter().flat_map(|(index, pod)| one(*index, pod)).collect()
    };
    let of_two = |name: &str, label: &str, names: [&str; 2], value: &dyn Fn(usize, usize) -> [f64; 2]| {
        of_pods(&|index, pod| {
            let series = names.iter().enumerate();
            let one = |(which, of): (usize, &&str)| {
                (format!("{name}{{pod=\"{pod}\",{label}=\"{of}\"}}"), value(index, which))
            };
            series.map(one).collect()
        })
    };
    let hourly = |value: f64| [BEFORE, value];
    let daily = |value: f64| [BEFORE, value / 24.0];
    let flows = of_two("flow_status", "status", ["failed", "success"], &|pod, which| {
        hourly([world.failed[pod], world.succeeded[pod]][which])
    });
    family("flow_status", "counter", flows);
    let took = of_pods(&|index, pod| {
        let [under_100, under_200, under_400] = world.took[index];
        let buckets = [("100", under_100), ("200", under_200), ("400", under_400), ("+Inf", under_400)];
        let name = |le: &str| format!("flow_duration_seconds_bucket{{pod=\"{pod}\",le=\"{le}\"}}");
        buckets.iter().map(|(le, value)| (name(le), hourly(*value))).collect()
    });
    family("flow_duration_seconds", "histogram", took);
    let repos = ["shop", "web"];
    let mut costs = of_two("flow_cost_usd_sum", "repo", repos, &|pod, repo| daily(world.cost[pod][repo]));
    costs.extend(of_two("flow_cost_usd_count", "repo", repos, &|pod, repo| daily(world.features[pod][repo])));
    family("flow_cost_usd", "histogram", costs);
    let kills = of_two("mutation_kill_rate", "repo", repos, &|pod, repo| {
        let of_hour = world.kills[pod][repo];
        [of_hour, if repo == 0 { world.lately[pod] } else { of_hour }]
    });
    family("mutation_kill_rate", "gauge", kills);
    let providers = ["one", "two"];
    let used =
        of_two("model_quota_used", "provider", providers, &|pod, provider| [world.used[pod][provider]; 2]);
    family("model_quota_used", "gauge", used);
    let limits =
        of_two("model_quota_limit", "provider", providers, &|_, provider| [[1_000.0, 50.0][provider]; 2]);
    family("model_quota_limit", "gauge", limits);
    let connections = of_pods(&|index, pod| {
        vec![(format!("pg_stat_activity_connections{{pod=\"{pod}\"}}"), [world.connections[index]; 2])]
    });
    family("pg_stat_activity_connections", "gauge", connections);
    page
}

/// Each documented query, on figures that are bad, on figures that are not, and on figures between. What has to last half an hour there
/// has to last ten seconds here; how long each lasts as documented is tried with the engine's clock.
#[tokio::test]
async fn the_launchs_triggers_tell_bad_figures_from_good_ones() {
    let path = repository().join("docs/examples/triggers.toml");
    let shown = std::fs::read_to_string(path).unwrap();
    let lines = shown.lines().filter(|line| !line.starts_with("channel = "));
    let triggers: Vec<String> = lines
        .map(|line| match line {
            line if line.starts_with("for = ") => "for = \"10 s\"".to_owned(),
            "[[trigger]]" => "[[trigger]]\nevery = \"5 s\"\nchannel = \"C0INCIDENTS\"".to_owned(),
            line => line.to_owned(),
        })
        .collect();
    for world in &WORLDS {
        let targets = vec![served(figures(world, unix_now())).await];
        let scrape = PrometheusConfig { targets, ..PrometheusConfig::default() };
        let Some(prometheus) = Prometheus::start(&scrape).await.or_not_run("the launch's triggers") else {
            return;
        };
        // the family that stands last, the hour of it
        prometheus.wait_for("count_over_time(pg_stat_activity_connections[1h]) > 110").await;
        let more = format!(
            "[[connection]]\nname = \"metrics\"\nkind = \"prometheus\"\nurl = \"{}\"\n{}\n",
            prometheus.base(),
            triggers.join("\n")
        );
        let people = vec![
            ("ana", "\"commander\", \"responder\"]\nduties = [\"product\""),
            ("ben", "\"responder\"]\nduties = [\"primary\", \"business\""),
        ];
        let app = TestApp::start(&AppConfig { people, triage: None, more, ..AppConfig::default() }).await;
        let wanted: BTreeMap<&str, &str> = world
            .wanted
            .iter()
            .map(|(name, _, fires)| (*name, if *fires { "firing" } else { "quiet" }))
            .collect();
        let listed =
            until_or_show(&format!("{}: the triggers stand as they should", world.name), async || {
                let listed = app.blocks_json(&["trigger", "list"]).await;
                let all = listed["triggers"].as_array().cloned().unwrap_or_default();
                let stands =
                    |one: &Value| !one["value"].is_null() && one["status"] == wanted[&*text(&one["name"])];
                if all.len() == wanted.len() && all.iter().all(stands) {
                    Ok(all)
                } else {
                    Err(listed.to_string())
                }
            })
            .await;
        for (name, value, _) in &world.wanted {
            let one = listed.iter().find(|one| one["name"] == *name).unwrap();
            let read = one["value"].as_f64().unwrap();
            // an hour of figures has its edges, and what is so lately counts in it
            assert!((read / value - 1.0).abs() < 0.03, "{}: {name} reads {read}, not {value}", world.name);
        }
        app.outbox_is_empty().await;
        let state = app.state().await;
        let firing: Vec<&str> =
            wanted.iter().filter(|(_, is)| **is == "firing").map(|(name, _)| *name).collect();
        for name in &firing {
            let said = messages_with_key(&state, &format!("notice/{name}/"));
            assert_eq!(said.len(), 1, "{}: {name}: {said:?}", world.name);
            let said = text(&said[0].1["text"]);
            for label in ["repo=shop", "repo=web", "provider=one", "provider=two"] {
                let is_named = world.named.contains(&(name, label));
                assert_eq!(said.contains(label), is_named, "{}: {said}", world.name);
            }
        }
        let incident = app.incident("INC-1").await;
        assert_eq!(incident.is_null(), world.name == "healthy", "{incident}");
        if world.name == "failing" {
            // a turn is named by when that began, and was handed in when it fired
            let lasted = "received_at / 1000 - cast(substr(id, instr(id, '/') + 1) as integer)";
            let fired = |names: &str, fits: &str| {
                let of = format!("source = 'trigger' and id like '%/fires' and {names}");
                app.sql(&format!("select count(*) from inbox where {of} and {lasted} {fits}"))
            };
            let lasting = "substr(id, 1, instr(id, '/') - 1) in ('failure-rate', 'p95', 'pool-lasts')";
            assert_eq!((fired(lasting, ">= 10000"), fired(lasting, "< 10000")), (3, 0));
            assert_eq!((fired(&format!("not {lasting}"), "= 0"), fired("true", ">= 0")), (8, 11));
        }
        app.assert_journal_verifies().await;
    }
}
