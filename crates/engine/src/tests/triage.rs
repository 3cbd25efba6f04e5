//! Who looks at an incident by itself, why, how long, and for whom.

use std::time::Duration;

use runbook_core::incident::{ChangeNoted, Incident, IncidentEvent};
use runbook_core::pattern::Pattern;
use runbook_core::ports::{PageDetails, PagerEventKind, SeenChange};
use runbook_core::request::Request;
use runbook_core::rules::{Rule, Say, When};

use crate::settings::TriageSettings;
use crate::testkit::{Act, Bench, check, locked, page};

const SECOND: &str = "---\ntitle: Second look\nservice: flowengine\n---\n# Second look\n\n## Pool (1 min)\n\n```bash {name=pool effect=read timeout=15s}\nshow-pool\n# Expected: < 10\n```\n";

fn rule(when: When, severity: &str, triage: &[&str]) -> Rule {
    let triage = (!triage.is_empty()).then(|| triage.iter().map(|name| (*name).to_owned()).collect());
    Rule {
        name: "pool".to_owned(),
        when,
        say: Say { severity: Some(severity.to_owned()), triage, suggest: Vec::new() },
    }
}

fn titled(text: &str) -> When {
    When { title: Some(When::title_pattern(text).unwrap()), ..When::default() }
}

fn by_detail() -> When {
    let details = [("pool.used".to_owned(), Pattern::new("200").unwrap())].into();
    When { details, ..When::default() }
}

fn told() -> PageDetails {
    PageDetails { details: [("pool.used".to_owned(), "200".to_owned())].into(), ..PageDetails::default() }
}

async fn all(bench: &Bench) -> Vec<Incident> {
    let mut ids: Vec<_> = locked(&bench.data).incidents.values().map(|row| (row.number, row.id)).collect();
    ids.sort();
    let mut all = Vec::new();
    for (_, id) in ids {
        all.push(bench.incident_events(id).await.0);
    }
    all
}

#[tokio::test(start_paused = true)]
async fn a_rule_chooses_severity_and_several_runbooks_and_the_card_says_why() {
    let looks = ["triage", "second"];
    let mut bench =
        Bench::with(&[], |settings| settings.rules = vec![rule(titled(".*Failure Rate.*"), "P3", &looks)])
            .await;
    bench.rewrite("second", SECOND);
    bench.world.will("show-pool", &[Act::Ends(5_000, 0, "12\n")]);
    let incident = bench.paged().await;
    assert_eq!(incident.severity, "P3", "a rule may go below the floor of high urgency");
    let card = locked(&bench.world.chat).card().unwrap();
    assert_eq!(card.why.as_deref(), Some("P3 (rule 'pool': title); triage, second looks"));
    assert_eq!(incident.runs.iter().filter(|run| run.triage).count(), 2);
    let triage = incident.triage.unwrap();
    assert_eq!((triage.commands, triage.passed, triage.failed), (3, 1, 2), "{:?}", incident.evidence);
    let (_, events) = bench.incident_events(incident.id).await;
    let ended = |event: &&IncidentEvent| matches!(event, IncidentEvent::TriageEnded { .. });
    assert_eq!(events.iter().filter(ended).count(), 1, "the diagnostics are through once");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Of several runbooks one that cannot start takes nothing from the others, and the card says both.
#[tokio::test(start_paused = true)]
async fn one_that_cannot_start_takes_nothing_from_the_others() {
    let looks = ["none", "triage", "gone"];
    let mut bench =
        Bench::with(&[], |settings| settings.rules = vec![rule(When::default(), "P2", &looks)]).await;
    let incident = bench.paged().await;
    assert!(incident.triage.is_some() && !incident.triage_impossible);
    let line = locked(&bench.world.chat).card().unwrap().triage.unwrap();
    assert!(line.contains("2 commands ran") && line.contains("none could not start"), "{line}");
    assert!(line.contains("gone could not start"), "{line}");
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn details_that_come_late_change_what_nobody_has_named() {
    for is_named in [false, true] {
        let mut pool = rule(by_detail(), "P3", &["triage", "second"]);
        pool.say.suggest = vec!["widen".to_owned()];
        let mut bench = Bench::with(&[], |settings| settings.rules = vec![pool]).await;
        bench.rewrite("second", SECOND);
        bench.rewrite("by_title", "# When the flow failure rate rises\n\n1. Look.\n");
        bench.rewrite("widen", "# Widen it\n\n1. Ask for more.\n");
        bench.world.will("show-pool", &[Act::Ends(100, 0, "3\n")]);
        {
            let mut pager = locked(&bench.world.pager);
            pager.details.insert("Q1".to_owned(), told());
            pager.details_take = Duration::from_secs(3_600);
        }
        let first = bench.paged().await;
        assert_eq!(first.severity, "P1");
        assert!(first.triage.is_some(), "it did not wait for what nobody told");
        let names = |incident: &Incident| -> Vec<String> {
            incident.suggested.iter().map(|one| one.runbook.clone()).collect()
        };
        assert_eq!(names(&first).first().map(String::as_str), Some("by_title"));
        if is_named {
            let severity = Request::IncidentSeverity { incident: None, severity: "P2".to_owned() };
            bench.ask("severity", "ana", severity).await;
        }
        locked(&bench.world.pager).details_take = Duration::ZERO;
        bench.pass(90_000).await;
        let incident = bench.incident().await;
        assert_eq!(incident.severity, if is_named { "P2" } else { "P3" });
        assert_eq!(incident.runs.iter().filter(|run| run.triage).count(), 2, "the second looks, too");
        assert_eq!(names(&incident)[..2], ["widen", "by_title"], "the rule's first, once it matches");
        assert_eq!(incident.triage.unwrap().commands, 3);
        let card = locked(&bench.world.chat).card().unwrap();
        assert!(card.why.as_deref().unwrap().contains("rule 'pool': detail pool.used"), "{:?}", card.why);
        let asked = locked(&bench.world.pager).details_asked;
        bench.pass(90_000).await;
        assert_eq!(locked(&bench.world.pager).details_asked, asked, "what is known is not asked again");
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn details_that_come_at_once_are_waited_for() {
    let rules = vec![rule(by_detail(), "P3", &["triage"])];
    let mut bench = Bench::with(&[], |settings| settings.rules = rules).await;
    {
        let mut pager = locked(&bench.world.pager);
        pager.details.insert("Q1".to_owned(), told());
        pager.details_take = Duration::from_millis(500);
    }
    let incident = bench.paged().await;
    assert_eq!(incident.severity, "P3");
    assert!(incident.reminders.is_severity_guessed, "a rule made it, and nobody has named it");
    assert_eq!(incident.runs.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn with_the_pager_away_everything_goes_on_by_what_is_known() {
    let rules = vec![rule(by_detail(), "P3", &["second"])];
    let mut bench = Bench::with(&[], |settings| settings.rules = rules).await;
    locked(&bench.world.pager).is_away = true;
    let incident = bench.paged().await;
    assert_eq!((incident.severity.as_str(), incident.triage.is_some()), ("P1", true));
}

fn shared(share_s: u32) -> TriageSettings {
    TriageSettings { share_s, ..TriageSettings::default() }
}

/// Many pages of one service are looked at once, also where the engine ends and starts meanwhile, and each has the evidence.
#[tokio::test(start_paused = true)]
async fn many_pages_of_a_service_are_looked_at_once() {
    for ends in [vec![], vec![40], vec![120], vec![300]] {
        let mut bench = Bench::with(&ends, |settings| settings.triage = shared(60)).await;
        bench.world.will("show-failure-rate", &[Act::Ends(9_000, 0, "34 %\n")]);
        for number in 0..30 {
            bench
                .pager_says(
                    &format!("page {number}"),
                    PagerEventKind::Triggered,
                    page(&format!("Q{number}")),
                    None,
                )
                .await;
            bench.pass(100).await;
        }
        bench.pass(120_000).await;
        let all = all(&bench).await;
        assert_eq!(all.len(), 30);
        let own: usize = all.iter().map(|one| one.runs.iter().filter(|run| run.triage).count()).sum();
        assert_eq!(own, 1, "{ends:?}");
        for one in &all {
            assert_eq!(one.evidence.len(), 2, "{} {ends:?}", one.number);
            assert_eq!(
                one.triage.map(|triage| (triage.passed, triage.failed)),
                Some((1, 1)),
                "{}",
                one.number
            );
            assert_eq!(one.changes.len(), 1, "{}", one.number);
        }
        let borrowed = &all[7].evidence[0];
        assert_eq!(borrowed.shared.map(|shared| shared.from), Some(all[0].number));
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}

/// Nobody waits for a look that was over before they shared it.
#[tokio::test(start_paused = true)]
async fn a_look_that_is_over_is_shared_and_not_waited_for() {
    let mut bench = Bench::with(&[], |settings| settings.triage = shared(60)).await;
    bench.world.will("show-failure-rate", &[Act::Ends(9_000, 0, "34 %\n")]);
    bench.pager_says("page 0", PagerEventKind::Triggered, page("Q0"), None).await;
    bench.pass(20_000).await;
    bench.pager_says("page 1", PagerEventKind::Triggered, page("Q1"), None).await;
    bench.pass(20_000).await;
    let all = all(&bench).await;
    let own: usize = all.iter().map(|one| one.runs.iter().filter(|run| run.triage).count()).sum();
    assert_eq!((all.len(), own), (2, 1));
    assert!(all.iter().all(|one| one.evidence.len() == 2 && one.triage.is_some()), "{all:?}");
    assert_eq!(bench.engine.inner.sharing.waited_for(), 0);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// What was seen a while ago is looked at again; what is of another service, or private, is no one else's.
#[tokio::test(start_paused = true)]
async fn nothing_is_shared_beyond_the_window() {
    let mut bench = Bench::with(&[], |settings| settings.triage = shared(30)).await;
    for (id, wait) in [("Q1", 40_000), ("Q2", 5_000), ("Q3", 5_000)] {
        bench.pager_says(id, PagerEventKind::Triggered, page(id), None).await;
        bench.pass(wait).await;
    }
    let own: Vec<_> = all(&bench).await.iter().map(|one| one.runs.len()).collect();
    assert_eq!(own, [1, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_is_cut_off_and_the_card_says_so() {
    let bounds = TriageSettings { budget_s: 20, ..shared(60) };
    let mut bench = Bench::with(&[], |settings| settings.triage = bounds).await;
    bench.world.will("show-failure-rate", &[Act::Hangs]);
    for id in ["Q1", "Q2"] {
        bench.pager_says(id, PagerEventKind::Triggered, page(id), None).await;
    }
    bench.pass(60_000).await;
    for one in all(&bench).await {
        assert!(one.triage.is_some(), "{}", one.number);
        assert_eq!(one.looks.cut.len(), 1, "{}", one.number);
        assert!(one.looks.cut[0].starts_with("triage was cut off"), "{:?}", one.looks.cut);
    }
    assert_eq!(bench.world.started("show-failure-rate"), 1);
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn so_many_commands_run_on_a_target_at_a_time() {
    let bounds = TriageSettings { budget_s: 100, per_target: 2, share_s: 0 };
    let mut bench = Bench::with(&[], |settings| settings.triage = bounds).await;
    bench.world.will("show-failure-rate", &[Act::Ends(5_000, 0, "34 %\n")]);
    for id in ["Q1", "Q2", "Q3", "Q4", "Q5"] {
        bench.pager_says(id, PagerEventKind::Triggered, page(id), None).await;
    }
    bench.pass(3_000).await;
    assert_eq!(bench.world.started("show-failure-rate"), 2);
    bench.pass(60_000).await;
    assert_eq!(bench.world.started("show-failure-rate"), 5);
    assert!(all(&bench).await.iter().all(|one| one.triage.is_some_and(|triage| triage.commands == 2)));
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// The pager is asked once for incidents that come together, what it says stands beside what the diagnostics found, and one that
/// is away is asked again.
#[tokio::test(start_paused = true)]
async fn what_the_pager_was_told_of_changes_stands_on_the_card() {
    for is_away in [false, true] {
        let mut bench = Bench::new().await;
        let at = bench.now() - chrono::Duration::minutes(9);
        let deploy = |minutes, text: &str| SeenChange {
            at: Some(at - chrono::Duration::minutes(minutes)),
            text: text.to_owned(),
            url: Some("https://ci.example.com/7".to_owned()),
        };
        let told = vec![deploy(60 * 30, "long ago"), deploy(0, "Deploy v1.2"), deploy(0, "Deploy v1.2")];
        {
            let mut pager = locked(&bench.world.pager);
            pager.changes.insert("PFLOW".to_owned(), told);
            pager.is_away = is_away;
        }
        for id in ["Q1", "Q2", "Q3"] {
            bench.pager_says(id, PagerEventKind::Triggered, page(id), None).await;
        }
        bench.pass(10_000).await;
        if is_away {
            assert!(all(&bench).await.iter().all(|one| one.changes.len() == 1), "the diagnostics' own");
            locked(&bench.world.pager).is_away = false;
            bench.pass(90_000).await;
        }
        for one in all(&bench).await {
            let words: Vec<String> = one.changes.iter().map(ChangeNoted::words).collect();
            assert_eq!(words.len(), 2, "{words:?}");
            assert_eq!(words[0], "v1.2 rolled out 6 min ago");
            assert!(words[1].ends_with("Deploy v1.2 (PagerDuty) https://ci.example.com/7"), "{words:?}");
        }
        let asked = locked(&bench.world.pager).changes_asked;
        assert_eq!(asked, if is_away { 2 } else { 1 });
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}
