//! Who may let what run, over every way in: any order of anything, by people who each come in many ways.
//!
//! In a process of its own: a defect is switched on for all of it. `BLOCKS_PROOF_CASES` says how many worlds of each kind are
//! played (the usual number is small), `BLOCKS_PROOF_SEED` where they begin. What fails names its seed.
#![cfg(test)]

mod asks;
mod change;
mod dice;
mod judge;
mod stage;
mod watched;
mod wire;

use std::future::Future;

use blocks_engine::Clock as _;
use runbook_core::request::Request;
use runbook_core::sabotage::{self, Sabotage};
use serde_json::json;

use asks::{KINDS, WAYS, Way, button_body, command_body, credential, credential_name, kind_of, some_request};
use dice::Dice;
use judge::{Truth, judge};
use stage::{BOOKS, KNOWN, Kept, Stage, Tally, locked};
use wire::{Door, Shows, Wire, user_here};

/// How many worlds of a kind are played.
fn cases(usual: u64) -> u64 {
    let asked = std::env::var("BLOCKS_PROOF_CASES").ok().and_then(|text| text.parse().ok());
    asked.map_or(usual, |asked: u64| (asked * usual).div_ceil(100))
}

fn first_seed() -> u64 {
    std::env::var("BLOCKS_PROOF_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// Plays in virtual time when everything is in memory.
fn play<T>(kept: Kept, world: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(kept == Kept::InMemory);
    builder.build().unwrap().block_on(world)
}

fn pager_body(dice: &mut Dice, human: &str) -> (String, &'static str) {
    let kind = *dice.pick(&["triggered", "acknowledged", "resolved", "reopened", "unacknowledged"]);
    let body = json!({ "event": {
        "id": "01E", "event_type": format!("incident.{kind}"), "resource_type": "incident",
        "occurred_at": "2026-01-05T09:00:00Z",
        "agent": { "id": format!("P-{human}"), "type": "user_reference", "summary": human },
        "data": {
            "id": format!("Q{}", dice.below(3)), "type": "incident", "title": "it fails", "urgency": "high",
            "service": { "id": dice.pick(&["Pshop", "Pbank"]), "summary": "s" },
        },
    }});
    (body.to_string(), kind)
}

/// `steps` things done by these humans. Says what is wrong in the end.
async fn world(
    seed: u64,
    kept: Kept,
    irreversible: u8,
    humans: &[&str],
    steps: u32,
    tally: &Tally,
) -> Result<(), String> {
    let mut dice = Dice::new(seed);
    let stage = Stage::new(seed, kept, irreversible).await;
    let mut truth = Truth::default();
    let mut sent: Vec<(String, &str, &str, String)> = Vec::new();
    for _ in 0..steps {
        let human = *dice.pick(humans);
        let way = *dice.pick(&WAYS);
        let runs = stage.runs().await;
        let known: Vec<asks::KnownRun> = runs
            .iter()
            .filter(|(run, _)| !run.unasked || dice.percent(10))
            .map(|(run, _)| (run.id.to_string(), run.fingerprint.to_string(), run.status.word()))
            .collect();
        let request = some_request(&mut dice, human, &known);
        if dice.percent(8) {
            stage.clock.pass(i64::try_from(dice.below(1_200)).unwrap());
            tally.count("time passes");
            stage.quiet().await; // what is due by now has fired
        }
        let mut by = human.to_owned();
        if dice.percent(6) && !sent.is_empty() {
            let (whose, source, kind, body) = dice.pick(&sent).clone();
            stage.comes_in(source, kind, body, 1).await;
            tally.count("an old message again");
            by = whose;
        } else {
            tally.count(credential_name(&credential(human, way)));
            let user = if way == Way::SlackGuest { format!("U-{human}-guest") } else { format!("U-{human}") };
            let message = match way {
                Way::SlackWords => Some(("slack", "command", command_body(&user, &request))),
                Way::SlackButton | Way::SlackGuest => Some(match button_body(&mut dice, &user, &request) {
                    Some(body) => ("slack", "interaction", body),
                    None => ("slack", "command", command_body(&user, &request)),
                }),
                Way::PagerDuty => {
                    let (body, kind) = pager_body(&mut dice, human);
                    tally.count(&format!("pagerduty {kind}"));
                    Some(("pagerduty", "webhook", body))
                }
                Way::Token | Way::OsUser | Way::Root | Way::Service => None,
            };
            tally.count(if message.as_ref().is_some_and(|(source, ..)| *source == "pagerduty") {
                "a webhook"
            } else {
                kind_of(&request)
            });
            match message {
                Some((source, kind, body)) => {
                    let times = if dice.percent(20) { 2 } else { 1 };
                    stage.comes_in(source, kind, body.clone(), times).await;
                    sent.push((by.clone(), source, kind, body));
                }
                None => drop(stage.asks(&credential(human, way), &request).await),
            }
        }
        let runs = stage.runs().await;
        truth.note(&by, &runs);
    }
    *locked(&tally.0).entry("effects".to_owned()).or_default() += stage.notes.effects();
    judge(&stage, &truth, irreversible).await?;
    if humans.len() == 1 && irreversible > 0 && stage.notes.effects() > 0 {
        return Err(format!("one human alone had an effect: {:?}", locked(&stage.notes.starts)));
    }
    Ok(())
}

/// One human with every identity they can have, on plans to which another person is due: nothing of it ever runs.
fn alone(seed: u64, kept: Kept, tally: &Tally) -> Result<(), String> {
    let mut dice = Dice::new(seed ^ 0xA10E);
    // `zoe` is somebody whom the configuration does not name at all
    let human = *dice.pick(&["ana", "ben", "dan", "cora", "zoe"]);
    let irreversible = *dice.pick(&[1, 2]);
    play(kept, world(seed, kept, irreversible, &[human], 46, tally))
        .map_err(|wrong| format!("seed {seed}: {wrong}"))
}

/// Everybody at once, under every setting.
fn together(seed: u64, kept: Kept, tally: &Tally) -> Result<(), String> {
    let mut dice = Dice::new(seed ^ 0x70E7);
    let irreversible = *dice.pick(&[0, 1, 1, 2]);
    let mut humans = KNOWN.to_vec();
    humans.push("zoe");
    play(kept, world(seed, kept, irreversible, &humans, 54, tally))
        .map_err(|wrong| format!("seed {seed}: {wrong}"))
}

/// The same through the real server, by tokens and by the user of the machine, with Slack between: one of the people is that
/// user, or none is, and then everybody may be.
async fn served(
    seed: u64,
    irreversible: u8,
    humans: &[&str],
    steps: u32,
    tally: &Tally,
) -> Result<(), String> {
    let mut dice = Dice::new(seed);
    let owner = *dice.pick(&["ana", "ben", "dan", "cora", "nobody"]);
    let here = user_here();
    let os_user = |name: &str| if name == owner { here.clone() } else { format!("{name}-of-elsewhere") };
    let stage = Stage::where_user_is(seed, Kept::InMemory, irreversible, os_user).await;
    let wire = Wire::start(&stage.engine, &*stage.store, stage.file("socket"), stage.clock.now()).await;
    let mut truth = Truth::default();
    for _ in 0..steps {
        let human = *dice.pick(humans);
        let runs = stage.runs().await;
        let known: Vec<asks::KnownRun> = runs
            .iter()
            .map(|(run, _)| (run.id.to_string(), run.fingerprint.to_string(), run.status.word()))
            .collect();
        let request = some_request(&mut dice, human, &known);
        if dice.percent(5) {
            stage.clock.pass(i64::try_from(dice.below(1_200)).unwrap());
            stage.quiet().await;
        }
        let door = *dice.pick(&[Door::Http, Door::Socket]);
        let shows = match dice.below(10) {
            0..6 => Shows::Own(human.to_owned()),
            6..8 => Shows::Nothing,
            8 => Shows::Shared,
            _ => Shows::Guessed,
        };
        // whose the user of the machine is comes by the socket alone; whose it is not, cannot
        let is_theirs = owner == human || owner == "nobody";
        if dice.percent(20) {
            let user = format!("U-{human}");
            let (kind, body) = match button_body(&mut dice, &user, &request) {
                Some(body) => ("interaction", body),
                None => ("command", command_body(&user, &request)),
            };
            stage.comes_in("slack", kind, body, 1).await;
            tally.count("slack between");
        } else if door == Door::Socket && shows == Shows::Nothing && !is_theirs {
            tally.count("a closed door");
        } else {
            let status = wire.post(door, &shows, &request).await;
            stage.quiet().await;
            let nobody = shows == Shows::Guessed || (door == Door::Http && shows == Shows::Nothing);
            if nobody != (status == 401) {
                return Err(format!("{status} for {shows:?} at {door:?}: {request:?}"));
            }
            let what = match &shows {
                Shows::Own(_) => "own token",
                Shows::Nothing => "nothing",
                Shows::Shared => "shared token",
                Shows::Guessed => "guessed token",
            };
            tally.count(&format!("{door:?} {what}"));
        }
        truth.note(human, &stage.runs().await);
    }
    *locked(&tally.0).entry("served effects".to_owned()).or_default() += stage.notes.effects();
    wire.stop().await;
    judge(&stage, &truth, irreversible).await?;
    if humans.len() == 1 && irreversible > 0 && stage.notes.effects() > 0 {
        return Err(format!("one human alone had an effect: {:?}", locked(&stage.notes.starts)));
    }
    Ok(())
}

/// Everybody, or one human alone in every third world, through the server.
fn over_the_wire(seed: u64, _: Kept, tally: &Tally) -> Result<(), String> {
    let mut dice = Dice::new(seed ^ 0x31E5);
    let irreversible = *dice.pick(&[1, 1, 2]);
    let mut humans = KNOWN.to_vec();
    humans.push("zoe");
    if seed.is_multiple_of(3) {
        humans = vec![*dice.pick(&humans)];
    }
    play(Kept::InMemory, served(seed, irreversible, &humans, 54, tally))
        .map_err(|wrong| format!("seed {seed}: {wrong}"))
}

/// Two engines on one store get every yes at the same moment: the plan is started once.
fn at_once(seed: u64, kept: Kept) -> Result<(), String> {
    let world = async {
        let mut dice = Dice::new(seed ^ 0xA70C);
        let stage = Stage::new(seed, kept, 1).await;
        stage.notes.all_end_well();
        let replica = stage.another(stage.settings.clone());
        let name = *dice.pick(&["once", "asks_two", "undoes"]);
        let request =
            Request::RunbookRun { name: name.to_owned(), params: [].into(), section: None, incident: None };
        let ana = credential("ana", Way::Token);
        stage.asks(&ana, &request).await.map_err(|error| error.to_string())?;
        let (run, _) = stage.runs().await.remove(0);
        let yes = |human: &str| Request::RunbookApprove {
            run: Some(run.id.to_string()),
            fingerprint: Some(run.fingerprint.to_string()),
            reason: Some(format!("{human} says so to the right plan")),
        };
        let by = |engine: &blocks_engine::Engine, human: &str, way: Way| {
            let asker = blocks_engine::Asker {
                actor: engine.directory().actor(&credential(human, way)),
                channel: None,
            };
            let (engine, request) = (engine.clone(), yes(human));
            async move { engine.request(&request, &asker).await.is_ok() }
        };
        // ana tries too, and ben and dan each come twice, by two ways, to two engines
        let _ = tokio::join!(
            by(&stage.engine, "ben", Way::Token),
            by(&replica, "dan", Way::OsUser),
            by(&replica, "ben", Way::OsUser),
            by(&stage.engine, "dan", Way::Token),
            by(&replica, "ana", Way::OsUser),
            by(&stage.engine, "ana", Way::Root),
        );
        stage.quiet().await;
        let mut truth = Truth::default();
        let runs = stage.runs().await;
        truth.note("ana", &runs);
        judge(&stage, &truth, 1).await?;
        match (stage.notes.effects(), runs[0].0.status.word()) {
            (1, "succeeded") => Ok(()),
            other => Err(format!("one start, and it succeeds: {other:?}")),
        }
    };
    play(kept, world).map_err(|wrong| format!("seed {seed}: {wrong}"))
}

fn each(usual: u64, mut one: impl FnMut(u64) -> Result<(), String>) -> Result<(), String> {
    let first = first_seed();
    (first..first + cases(usual)).try_for_each(&mut one)
}

/// Everything in one test: the defects on purpose are switched on for the whole process.
#[test]
fn nobody_lets_their_own_request_run() {
    let tally = Tally::default();
    let mut all = vec![
        ("alone", each(20, |seed| alone(seed, Kept::InMemory, &tally))),
        ("alone, on disk", each(2, |seed| alone(seed + 1_000, Kept::OnDisk, &tally))),
        ("together", each(40, |seed| together(seed, Kept::InMemory, &tally))),
        ("together, on disk", each(2, |seed| together(seed + 1_000, Kept::OnDisk, &tally))),
        ("at once", each(40, |seed| at_once(seed, Kept::InMemory))),
        ("at once, on disk", each(5, |seed| at_once(seed, Kept::OnDisk))),
        ("over the wire", each(30, |seed| over_the_wire(seed, Kept::InMemory, &tally))),
    ];
    let mut kinds = std::collections::BTreeMap::new();
    all.push(("one byte", each(120, |seed| change::one(seed, Kept::InMemory, &mut kinds))));
    all.push(("one byte, on disk", each(20, |seed| change::one(seed, Kept::OnDisk, &mut kinds))));
    for (what, came) in &all {
        assert_eq!(*came, Ok(()), "{what}");
    }
    let tally = tally.0.into_inner().unwrap();
    println!("{tally:?}\n{kinds:?}");
    for tried in
        KINDS.iter().chain(&["slack", "pagerduty", "os_user", "token", "service", "an old message again"])
    {
        assert!(tally.contains_key(*tried), "{tried} was never tried");
    }
    for door in ["Http", "Socket"] {
        for shown in ["own token", "nothing", "shared token", "guessed token"] {
            assert!(tally.contains_key(&format!("{door} {shown}")), "{door} {shown} was never tried");
        }
    }
    assert!(tally["served effects"] > 3, "so little ran over the wire that this shows nothing: {tally:?}");
    assert!(tally["effects"] > 20, "so little ran that this shows nothing: {tally:?}");
    assert!(kinds.len() >= change::KINDS.len(), "{kinds:?}");
    assert!(BOOKS.len() > 5);

    // what is here to find defects finds them
    for (name, defect, find) in [
        ("approve-own", Sabotage::ApproveOwn, &alone as &dyn Fn(u64, Kept, &Tally) -> Result<(), String>),
        ("approve-own", Sabotage::ApproveOwn, &together),
        ("accept-stale-approval", Sabotage::AcceptStaleApproval, &together),
        ("approve-own", Sabotage::ApproveOwn, &over_the_wire),
        ("accept-stale-approval", Sabotage::AcceptStaleApproval, &over_the_wire),
        ("accept-stale-approval", Sabotage::AcceptStaleApproval, &|seed, kept, _| {
            change::one(seed, kept, &mut std::collections::BTreeMap::new())
        }),
    ] {
        sabotage::switch(Some(defect));
        let caught = (1..=60).find(|seed| find(*seed, Kept::InMemory, &Tally::default()).is_err());
        sabotage::switch(None);
        println!("{name}: caught at world {caught:?}");
        assert!(caught.is_some(), "{name} is not caught");
    }
}
