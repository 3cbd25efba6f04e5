//! What a yes stands for, when somebody makes a code fit; how often one that does not count is written down; and what holds a
//! target, however many runs came after it.

use std::collections::BTreeMap;

use runbook_core::ids::RunId;
use runbook_core::people::Actor;
use runbook_core::ports::RunRow;
use runbook_core::request::Request;
use runbook_core::run::RunEvent;
use uuid::Uuid;

use crate::origin::Asker;
use crate::testkit::{Act, Bench, locked};

const GROUND: &str = "---\nservice: flowengine\nparams: { n: { default: \"0\" } }\n---\n# Ground\n\n## Do\n\n```bash {name=do effect=once timeout=60s}\nrestart-it \"$n\"\n```\n";

fn asker(name: &str) -> Asker {
    Asker { actor: Actor::Person(name.to_owned()), channel: None }
}

fn params(n: u32) -> BTreeMap<String, String> {
    [("n".to_owned(), n.to_string())].into()
}

async fn asked(bench: &Bench, n: u32) -> RunId {
    let request =
        Request::RunbookRun { name: "ground".to_owned(), params: params(n), section: None, incident: None };
    let reply = bench.engine.request(&request, &asker("ana")).await.unwrap();
    reply.data["id"].as_str().unwrap().parse().unwrap()
}

fn yes(run: Option<RunId>, typed: &str) -> Request {
    let fingerprint = Some(typed.to_owned());
    Request::RunbookApprove { run: run.map(|run| run.to_string()), fingerprint, reason: None }
}

/// Two values whose plans have one code: whoever writes both finds such a pair among a few hundred.
async fn ground(bench: &Bench) -> (u32, u32, String) {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for n in 0..20_000 {
        let request = Request::RunbookPlan { name: "ground".to_owned(), params: params(n), section: None };
        let plan = bench.engine.request(&request, &asker("ana")).await.unwrap();
        let code = plan.data["code"].as_str().unwrap().to_owned();
        if let Some(first) = seen.insert(code.clone(), n) {
            return (first, n, code);
        }
    }
    panic!("no two of 20,000 plans share one of 65,536 codes");
}

#[tokio::test(start_paused = true)]
async fn a_code_that_was_made_to_fit_another_plan_is_a_yes_to_neither() {
    let mut bench = Bench::new().await;
    bench.rewrite("ground", GROUND);
    let (good, bad, code) = ground(&bench).await;
    // ben looks at the one; ana withdraws it and asks for the other, which has the same code
    let shown = asked(&bench, good).await;
    let cancel = Request::RunbookCancel { run: Some(shown.to_string()), reason: None };
    bench.engine.request(&cancel, &asker("ana")).await.unwrap();
    let planted = asked(&bench, bad).await;
    let (seen, _) = bench.run(shown).await;
    let (other, _) = bench.run(planted).await;
    assert_eq!((seen.fingerprint.code(), other.fingerprint.code()), (code.clone(), code.clone()));
    assert_ne!(seen.fingerprint, other.fingerprint);
    let whole = other.fingerprint.to_string();
    for (run, typed) in [(None, code.clone()), (Some(planted), code.clone()), (None, code.to_lowercase())] {
        let refused = bench.engine.request(&yes(run, &typed), &asker("ben")).await.unwrap_err().to_string();
        for said in [&*code, "two plans", &shown.to_string(), &planted.to_string(), "characters"] {
            assert!(refused.contains(said), "{said}: {refused}");
        }
    }
    // the whole fingerprint of what was shown is no yes to the other
    let wrong = bench.engine.request(&yes(None, seen.fingerprint.as_str()), &asker("ben")).await;
    assert!(wrong.unwrap_err().to_string().contains("another plan"));
    bench.pass(5_000).await;
    assert_eq!(bench.world.started("restart-it"), 0);
    assert_eq!(bench.status(planted), "waiting_for_approval");
    // as many characters as tell them apart are one to this plan, and no other
    let apart = seen.fingerprint.as_str().bytes().zip(whole.bytes()).take_while(|(a, b)| a == b).count() + 1;
    bench.engine.request(&yes(Some(planted), &whole[..apart]), &asker("ben")).await.unwrap();
    bench.pass(5_000).await;
    assert_eq!(bench.world.started("restart-it"), 1);
    // the same plan again is no other plan: its code is enough
    let again = asked(&bench, bad).await;
    let refused = bench.engine.request(&yes(Some(again), &code), &asker("ben")).await;
    assert!(refused.is_err(), "the withdrawn one is still remembered");
    tokio::time::advance(std::time::Duration::from_secs(31 * 24 * 3_600)).await;
    let again = asked(&bench, bad).await;
    bench.engine.request(&yes(Some(again), &code), &asker("ben")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn yeses_of_a_stranger_are_counted_and_do_not_fill_the_journal() {
    let mut bench = Bench::new().await;
    bench.rewrite("ground", GROUND);
    let run = asked(&bench, 1).await;
    let (state, before) = bench.run(run).await;
    let typed = state.fingerprint.to_string();
    let strangers = [
        Asker { actor: Actor::Outside("slack:U-zoe".to_owned()), channel: None },
        asker("cora"), // known, and may not
    ];
    for _ in 0..200 {
        for who in &strangers {
            let refused = bench.engine.request(&yes(Some(run), &typed), who).await;
            assert!(refused.is_err(), "each of them is told");
        }
        bench.pass(1_000).await;
    }
    let (state, after) = bench.run(run).await;
    // three at once and one a minute, of each of the two; and where the plan was posted
    assert!(after.len() - before.len() <= 2 * (3 + 4) + 1, "{after:?}");
    assert!(state.refused_approvals.len() >= 8, "{:?}", state.refused_approvals);
    bench.engine.request(&yes(Some(run), &typed), &asker("ben")).await.unwrap();
    bench.pass(5_000).await;
    assert_eq!(bench.status(run), "succeeded");
    let (_, events) = bench.run(run).await;
    for who in &strangers {
        let times = events.iter().map(|event| match event {
            RunEvent::ApprovalRefused { by, times, .. } if *by == who.actor => *times,
            _ => 0,
        });
        assert_eq!(times.sum::<u32>(), 200, "none is lost: {events:?}");
    }
    let counted = |event: &RunEvent| matches!(event, RunEvent::ApprovalRefused { .. });
    assert!(events.iter().rposition(counted) < events.iter().position(|event| *event == RunEvent::Started));
}

/// So many rows that came later and are about something else.
fn many(bench: &Bench, at_once: u128) {
    let mut data = locked(&bench.data);
    let row = data.runs.values().next().unwrap().clone();
    let created_at = row.created_at + chrono::Duration::milliseconds(1);
    for n in 0..at_once {
        let id = RunId(Uuid::from_u128(u128::MAX - n));
        let other = RunRow {
            id,
            target: "elsewhere".to_owned(),
            open: false,
            status: "succeeded".to_owned(),
            created_at,
            ..row.clone()
        };
        data.runs.insert(id, other);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_and_a_repeat_are_found_behind_ten_thousand_runs() {
    let mut bench = Bench::with(&[], |settings| settings.repeat_window_s = 600).await;
    bench.rewrite("ground", GROUND);
    bench.world.will("restart-it", &[Act::Hangs]);
    let first = asked(&bench, 1).await;
    let code = bench.run(first).await.0.fingerprint.to_string();
    bench.engine.request(&yes(Some(first), &code), &asker("ben")).await.unwrap();
    bench.pass(1_000).await;
    assert_eq!(bench.status(first), "running");
    many(&bench, 10_500);
    let second = asked(&bench, 2).await;
    let (state, _) = bench.run(second).await;
    assert_eq!(state.repeats, Some(first));
    let code = state.fingerprint.to_string();
    let refused = bench.engine.request(&yes(Some(second), &code), &asker("ben")).await.unwrap_err();
    assert!(refused.to_string().contains(&format!("locked by run {first}")), "{refused}");
    // and it can be named, so that somebody can end it
    let cancel = Request::RunbookCancel { run: Some(first.to_string()), reason: None };
    bench.engine.request(&cancel, &asker("ana")).await.unwrap();
}

/// Two people press the same, or one plans it twice: whoever confirms when it has run already did not know that, and the plan
/// is void. Asked for again, it is a repetition, which one person alone does not confirm.
#[tokio::test(start_paused = true)]
async fn what_has_run_since_it_was_planned_is_not_run_again_on_a_yes_from_before() {
    for (others, numbers) in [("ben", [1, 1]), ("ana", [1, 2])] {
        let mut bench = Bench::with(&[], |settings| {
            settings.repeat_window_s = 600;
            settings.policy.irreversible = 0;
        })
        .await;
        bench.rewrite("ground", GROUND);
        let mut plans = Vec::new();
        for (who, n) in ["ana", others].into_iter().zip(numbers) {
            let request = Request::RunbookRun {
                name: "ground".to_owned(),
                params: params(n),
                section: None,
                incident: None,
            };
            let reply = bench.engine.request(&request, &asker(who)).await.unwrap();
            plans.push((who, reply.data["id"].as_str().unwrap().parse::<RunId>().unwrap()));
        }
        let confirm = |id: RunId| Request::RunbookApprove {
            run: Some(id.to_string()),
            fingerprint: None,
            reason: Some("it has to be".to_owned()),
        };
        let [(first_who, first), (second_who, second)] = plans[..] else { panic!("two plans") };
        bench.engine.request(&confirm(first), &asker(first_who)).await.unwrap();
        bench.pass(5_000).await;
        assert_eq!(bench.status(first), "succeeded");
        let refused =
            bench.engine.request(&confirm(second), &asker(second_who)).await.unwrap_err().to_string();
        let wanted = format!("the same ran on flowengine since this was planned (run {first})");
        assert!(refused.contains(&wanted) && refused.contains("this plan is void"), "{refused}");
        bench.pass(5_000).await;
        assert_eq!((bench.status(second).as_str(), bench.world.started("restart-it")), ("cancelled", 1));
        let third = asked(&bench, 1).await;
        let (state, _) = bench.run(third).await;
        assert_eq!((state.repeats, state.approvals_needed), (Some(first), 1));
    }
}
