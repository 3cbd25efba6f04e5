//! The acts of the demo, in order. Each waits for what the outside shows, for a bounded time.

use std::time::Duration;

use serde_json::{Value, json};

use super::clients::blocks_json;
use super::story::Story;
use super::world::World;
use crate::args::Fault;
use crate::exit::Stop;

/// How long each thing may take to show.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long a whole rollback may take.
const RUN_PATIENCE: Duration = Duration::from_secs(60);
/// How often to look.
const LOOK: Duration = Duration::from_millis(60);

/// The failure rate, in percent, at which the page goes out: well past the 10 % that the diagnostics look for, so that
/// chance decides nothing.
const CLEARLY_BAD: f64 = 25.0;

const COMMANDER: &str = "U0ANA";
const SECOND_PERSON: &str = "U0BEN";
const SERVICE: &str = "PFLOW01";

/// Where the demo stopped, why, and what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) at: &'static str,
    pub(crate) error: String,
    pub(crate) hint: String,
}

impl Failure {
    fn new(at: &'static str, error: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure { at, error: error.into(), hint: hint.into() }
    }
}

/// A failure of the demo itself at one act.
fn broken(at: &'static str) -> impl Fn(Stop) -> Failure {
    move |stop| Failure::new(at, stop.text, "see server.log and sandbox.log in the demo's folder")
}

/// Plays the incident.
pub(crate) async fn play(world: &mut World, fault: Option<Fault>, story: &mut Story) -> Result<(), Failure> {
    let page = page(world, fault, story).await?;
    let channel = card(world, story).await?;
    triage(world, story).await?;
    take(world, &page, story).await?;
    let plan = ask_for_rollback(world, &channel, story).await?;
    approve(world, &channel, &plan, fault, story).await?;
    rollback(world, story).await?;
    resolve(world, &channel, &page, story).await?;
    review(world, story).await
}

/// The bad version, and the page that it causes.
pub(crate) async fn page(
    world: &mut World,
    fault: Option<Fault>,
    story: &mut Story,
) -> Result<String, Failure> {
    let at = "page";
    let control = &world.control;
    let faults = match fault {
        Some(Fault::BadSignature) => json!({ "bad_signature": true }),
        Some(Fault::WebhookLost) => json!({ "drop_webhooks": ["incident.triggered"] }),
        Some(Fault::SlackDown) => json!({ "slack": "down" }),
        Some(Fault::TargetStaysBad) => json!({ "target_stays_bad": true }),
        Some(Fault::SamePersonApproves | Fault::ExpectationWrong) | None => json!({}),
    };
    control.post("faults", faults).await.map_err(broken(at))?;
    control.post("target/deploy", json!({ "version": "v1.2" })).await.map_err(broken(at))?;
    let stats = wait(PATIENCE, async || {
        let stats = control.target_stats().await?;
        let bad = stats["version"] == "v1.2" && stats["failure_rate_percent"].as_f64() > Some(CLEARLY_BAD);
        Ok(bad.then_some(stats))
    })
    .await
    .map_err(broken(at))?;
    let stats = stats.ok_or_else(|| {
        Failure::new(at, "the bad version never failed", "the sandbox's target is broken: see sandbox.log")
    })?;
    story.tell(&format!("flowengine is given v1.2: {} % of its flows fail", stats["failure_rate_percent"]));
    let body = json!({ "service_id": SERVICE, "title": "Flow failure rate over 10 %", "priority": "P1", "urgency": "high" });
    let paged = control.post("pagerduty/trigger", body).await.map_err(broken(at))?;
    let id = first_text(&paged, &["/id", "/incident/id"]);
    let delivery = wait(PATIENCE, async || {
        let state = control.state().await?;
        Ok(deliveries(&state, "incident.triggered").find(|one| one["outcome"] != "retry").cloned())
    })
    .await
    .map_err(broken(at))?;
    match delivery {
        Some(delivery) if delivery["status"] == 202 => {
            story.tell(&format!(
                "PagerDuty pages; its signed webhook is stored and acknowledged in {} ms",
                delivery["elapsed_ms"]
            ));
            Ok(id)
        }
        Some(delivery) if delivery["status"] == 401 => Err(Failure::new(
            at,
            "the webhook's signature does not match, so it was refused with 401 and nothing was stored",
            "PAGERDUTY_WEBHOOK_SECRET must be the secret of the webhook subscription; while rotating, give both, separated by a comma",
        )),
        Some(delivery) if delivery["outcome"] == "lost" => Err(Failure::new(
            at,
            "PagerDuty sent its webhook and it never arrived, so no incident was opened",
            "look at the webhook subscription's deliveries in PagerDuty and at what stands between it and [server] listen",
        )),
        Some(delivery) => {
            let error = format!("the webhook was not taken: {delivery}");
            Err(Failure::new(at, error, "see server.log in the demo's folder"))
        }
        None => {
            let ended =
                world.server_end().map_or_else(String::new, |end| format!(": the server ended with {end}"));
            Err(Failure::new(
                at,
                format!("the webhook was never answered{ended}"),
                "see server.log in the demo's folder",
            ))
        }
    }
}

/// The incident's channel and card.
pub(crate) async fn card(world: &World, story: &mut Story) -> Result<String, Failure> {
    let at = "card";
    let found = wait(PATIENCE, async || {
        let state = world.control.state().await?;
        Ok(find_message(&state, "card/").map(|(channel, _)| channel.clone()))
    })
    .await
    .map_err(broken(at))?;
    let Some(channel) = found else {
        let waiting = blocks(world, &["incident", "list"]).await.unwrap_or_default();
        let open = waiting["incidents"].as_array().map_or(0, Vec::len);
        return Err(Failure::new(
            at,
            format!(
                "no card came to Slack; Blocks has {open} open incident, and its messages wait in the outbox"
            ),
            "Slack does not answer: check slack.api_url and Slack's status; all else goes on, and the messages leave when it is back",
        ));
    };
    story.tell(&format!("INC-1 is open as P1; #{} has its one live card", text(&channel["name"])));
    Ok(text(&channel["id"]))
}

/// The diagnostics.
async fn triage(world: &World, story: &mut Story) -> Result<(), Failure> {
    let at = "triage";
    let shown =
        wait_incident(world, PATIENCE * 4, |shown| !shown["triage"].is_null()).await.map_err(broken(at))?;
    let Some(shown) = shown else {
        let hint = "see what the timeline says: `blocks incident show INC-1`";
        return Err(Failure::new(at, "the diagnostics did not end", hint));
    };
    let triage = &shown["triage"];
    story.tell(&format!(
        "the diagnostics ran unasked: {} commands, {} expectations met, {} not",
        triage["commands"], triage["passed"], triage["failed"]
    ));
    for event in shown["timeline"].as_array().into_iter().flatten() {
        if event["event"]["type"] == "evidence_found" && event["event"]["outcome"] == "fail" {
            let (title, reason) = (text(&event["event"]["title"]), text(&event["event"]["reason"]));
            story.tell(&format!("  fail  {title}: {reason}"));
        }
    }
    Ok(())
}

/// Ana acknowledges at PagerDuty and is acting commander.
async fn take(world: &World, page: &str, story: &mut Story) -> Result<(), Failure> {
    let at = "acknowledge";
    let path = format!("pagerduty/incidents/{page}/acknowledge");
    world.control.post(&path, json!({ "user": "ana@example.com" })).await.map_err(broken(at))?;
    let taken =
        wait_incident(world, PATIENCE, |shown| shown["commander"] == "ana").await.map_err(broken(at))?;
    if taken.is_none() {
        let hint = "each [[person]] needs the e-mail of their PagerDuty user as pagerduty_email";
        return Err(Failure::new(at, "nobody became commander", hint));
    }
    story.tell("ana acknowledges in PagerDuty: she is acting commander");
    Ok(())
}

/// A plan with its buttons in the channel.
struct Plan {
    ts: String,
}

async fn ask_for_rollback(world: &World, channel: &str, story: &mut Story) -> Result<Plan, Failure> {
    let at = "plan";
    let body = json!({ "user": COMMANDER, "channel": channel, "text": "runbook rollback flowengine" });
    let answer = world.control.post("slack/command", body).await.map_err(broken(at))?;
    if answer["http_status"] != 200 {
        return Err(Failure::new(
            at,
            format!("the slash command was not taken: {answer}"),
            "see server.log in the demo's folder",
        ));
    }
    let found = wait(PATIENCE, async || {
        let state = world.control.state().await?;
        let plan = find_message(&state, "plan/").map(|(_, message)| message.clone());
        Ok(plan.filter(|message| message["blocks"].to_string().contains("blocks:approve")))
    })
    .await
    .map_err(broken(at))?;
    let Some(message) = found else {
        let error = format!("no plan came to the channel: {}", last_answer(world).await);
        return Err(Failure::new(at, error, "`blocks runbook plan` in a shell says what is wrong with it"));
    };
    let shown = incident(world).await.map_err(broken(at))?;
    let run = rollback_of(&shown);
    story.tell(&format!(
        "/blocks runbook rollback flowengine: the plan is shown, code {}, {}, with the undo of its steps",
        text(&run["code"]),
        text(&run["risk"])
    ));
    Ok(Plan { ts: text(&message["ts"]) })
}

async fn approve(
    world: &World,
    channel: &str,
    plan: &Plan,
    fault: Option<Fault>,
    story: &mut Story,
) -> Result<(), Failure> {
    let at = "approval";
    press_approve(world, channel, plan, COMMANDER).await.map_err(broken(at))?;
    let refused = wait_incident(world, PATIENCE, |shown| {
        rollback_of(shown)["refused_approvals"].as_array().is_some_and(|list| !list.is_empty())
    })
    .await
    .map_err(broken(at))?;
    let Some(shown) = refused else {
        return Err(Failure::new(
            at,
            "the requester's own approval was not refused",
            "this is a defect: please report it",
        ));
    };
    let refusal = rollback_of(&shown)["refused_approvals"][0].clone();
    story.tell(&format!("ana presses Approve herself and is refused: {}", text(&refusal["reason"])));
    if fault == Some(Fault::SamePersonApproves) {
        // She is stubborn; it changes nothing.
        press_approve(world, channel, plan, COMMANDER).await.map_err(broken(at))?;
        let stubborn = wait_incident(world, PATIENCE, |shown| {
            rollback_of(shown)["refused_approvals"].as_array().is_some_and(|list| list.len() > 1)
        })
        .await
        .map_err(broken(at))?;
        let still = stubborn.as_ref().map_or(Value::Null, |shown| rollback_of(shown)["status"].clone());
        return Err(Failure::new(
            at,
            format!("{}; the run is {}", text(&refusal["reason"]), text(&still)),
            "another person in blocks.toml with the role commander or responder must press Approve",
        ));
    }
    press_approve(world, channel, plan, SECOND_PERSON).await.map_err(broken(at))?;
    let approved = wait_incident(world, PATIENCE, |shown| {
        rollback_of(shown)["approvals"].as_array().is_some_and(|list| !list.is_empty())
    })
    .await
    .map_err(broken(at))?;
    if approved.is_none() {
        let error = format!("ben's approval did not count: {}", last_answer(world).await);
        return Err(Failure::new(
            at,
            error,
            "approvers need a [[person]] entry with the role commander or responder",
        ));
    }
    story.tell("ben looks at the same code and presses Approve: the run starts");
    Ok(())
}

async fn press_approve(world: &World, channel: &str, plan: &Plan, user: &str) -> Result<(), Stop> {
    let body = json!({ "user": user, "channel": channel, "ts": plan.ts, "action_id": "blocks:approve" });
    let answer = world.control.post("slack/click", body).await?;
    if answer["http_status"] == 200 {
        Ok(())
    } else {
        Err(Stop::failed(format!("the click was not taken: {answer}")))
    }
}

async fn rollback(world: &World, story: &mut Story) -> Result<(), Failure> {
    let at = "rollback";
    let ended = wait_incident(world, RUN_PATIENCE, |shown| {
        !matches!(
            rollback_of(shown)["status"].as_str(),
            None | Some("running" | "waiting_for_approval" | "planned")
        )
    })
    .await
    .map_err(broken(at))?;
    let Some(shown) = ended else {
        return Err(Failure::new(
            at,
            "the rollback did not end",
            "`blocks runbook status` says where it stands",
        ));
    };
    let run = rollback_of(&shown);
    if run["status"] != "succeeded" {
        let missed = expectations(run).find(|one| one["outcome"] != "pass");
        let what = missed.map_or_else(String::new, |one| {
            format!(": expected {}, but {}", text(&one["text"]), text(&one["reason"]))
        });
        return Err(Failure::new(
            at,
            format!("the run is {}{what}", text(&run["status"])),
            "nothing was hidden: the card offers what is safe; look at the step, then retry it, or mend the expectation if it is the one that is wrong",
        ));
    }
    let stats = world.control.target_stats().await.map_err(broken(at))?;
    let met = expectations(run).count();
    story.tell(&format!(
        "rolled back: flowengine runs {}, {} % of its flows fail; all {met} expectations were met",
        text(&stats["version"]),
        stats["failure_rate_percent"]
    ));
    Ok(())
}

async fn resolve(world: &World, channel: &str, page: &str, story: &mut Story) -> Result<(), Failure> {
    let at = "resolve";
    let monitoring =
        wait_incident(world, PATIENCE, |shown| shown["status"] == "monitoring").await.map_err(broken(at))?;
    if monitoring.is_none() {
        return Err(Failure::new(
            at,
            "the incident did not go to monitoring",
            "`blocks incident show INC-1` tells why",
        ));
    }
    story.tell("the incident is in monitoring: the impact has stopped");
    let body = json!({ "user": COMMANDER, "channel": channel, "text": "incident resolve" });
    world.control.post("slack/command", body).await.map_err(broken(at))?;
    let at_pagerduty = wait(PATIENCE, async || {
        let state = world.control.state().await?;
        let incidents = state["pagerduty"]["incidents"].as_array().cloned().unwrap_or_default();
        Ok(incidents.into_iter().find(|one| one["id"] == page && one["status"] == "resolved"))
    })
    .await
    .map_err(broken(at))?;
    if at_pagerduty.is_none() {
        let error = format!("PagerDuty was not resolved: {}", last_answer(world).await);
        return Err(Failure::new(at, error, "check PAGERDUTY_API_TOKEN and pagerduty.from"));
    }
    let resolved =
        wait_incident(world, PATIENCE, |shown| shown["status"] == "resolved").await.map_err(broken(at))?;
    if resolved.is_none() {
        let hint = "PagerDuty's incident.resolved webhook makes an incident resolved: look at its deliveries";
        return Err(Failure::new(at, "PagerDuty is resolved and its webhook did not come back", hint));
    }
    story.tell("ana vouches for the fix; Blocks resolves at PagerDuty, and its webhook comes back");
    Ok(())
}

async fn review(world: &World, story: &mut Story) -> Result<(), Failure> {
    let at = "review";
    let drafted =
        wait_incident(world, PATIENCE, |shown| !shown["review_file"].is_null()).await.map_err(broken(at))?;
    let Some(shown) = drafted else {
        return Err(Failure::new(at, "no review was drafted", "`blocks pir draft INC-1` says what is wrong"));
    };
    let posted = wait(PATIENCE, async || {
        let state = world.control.state().await?;
        let files = state["slack"]["files"].as_array().map(Vec::as_slice).unwrap_or_default();
        let is_there = files.iter().any(|file| file["name"] == shown["review_file"]);
        Ok(is_there.then_some(()))
    })
    .await
    .map_err(broken(at))?;
    if posted.is_none() {
        return Err(Failure::new(
            at,
            "the review was drafted and did not come to Slack",
            "the bot needs the scope files:write",
        ));
    }
    let closed = wait(PATIENCE, async || {
        let state = world.control.state().await?;
        let card = find_message(&state, "card/").map(|(_, message)| text(&message["text"]));
        Ok(card.filter(|text| text.contains("resolved")))
    })
    .await
    .map_err(broken(at))?;
    if closed.is_none() {
        return Err(Failure::new(
            at,
            "the card never said that the incident is resolved",
            "see server.log in the demo's folder",
        ));
    }
    story.tell(&format!(
        "the card says resolved; the review is drafted and posted: {}",
        text(&shown["review_file"])
    ));
    let verified = blocks(world, &["journal", "verify"]).await.map_err(broken("verify"))?;
    if verified["verified"] != true {
        return Err(Failure::new(
            "verify",
            format!("the journal does not verify: {verified}"),
            "this is a defect: please report it",
        ));
    }
    story.tell(&format!("the journal verifies: {} events, hash-chained", verified["events"]));
    Ok(())
}

/// Looks until something is there, or the time is up.
async fn wait<T>(
    patience: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>, Stop>,
) -> Result<Option<T>, Stop> {
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        if let Some(found) = look().await? {
            return Ok(Some(found));
        }
        if tokio::time::Instant::now() >= deadline {
            return Ok(None);
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn wait_incident(
    world: &World,
    patience: Duration,
    fits: impl Fn(&Value) -> bool,
) -> Result<Option<Value>, Stop> {
    wait(patience, async || {
        let shown = incident(world).await?;
        Ok(fits(&shown).then_some(shown))
    })
    .await
}

/// `blocks incident show INC-1 -o json`, as anybody would read it.
pub(crate) async fn incident(world: &World) -> Result<Value, Stop> {
    blocks(world, &["incident", "show", "INC-1"]).await
}

/// A read command of this program.
pub(crate) async fn blocks(world: &World, words: &[&str]) -> Result<Value, Stop> {
    blocks_json(&world.program, &world.config_file(), words).await
}

/// The run that people asked for; `null` while there is none.
pub(crate) fn rollback_of(shown: &Value) -> &Value {
    let runs = shown["runs"].as_array();
    runs.and_then(|runs| runs.iter().find(|run| run["unasked"] == false)).unwrap_or(&Value::Null)
}

fn expectations(run: &Value) -> impl Iterator<Item = &Value> {
    let steps = run["steps"].as_array().into_iter().flatten();
    steps.flat_map(|step| step["expectations"].as_array().into_iter().flatten())
}

/// Webhook deliveries of one type.
pub(crate) fn deliveries<'a>(state: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    let all = state["pagerduty"]["deliveries"].as_array().into_iter().flatten();
    all.filter(move |one| one["type"] == kind)
}

/// The channel and message that carry this kind of key in their metadata.
pub(crate) fn find_message<'a>(state: &'a Value, prefix: &str) -> Option<(&'a Value, &'a Value)> {
    state["slack"]["channels"].as_array()?.iter().find_map(|channel| {
        let messages = channel["messages"].as_array()?;
        let found = messages.iter().find(|message| {
            let key = message.pointer("/metadata/event_payload/key").and_then(Value::as_str);
            key.is_some_and(|key| key.starts_with(prefix))
        })?;
        Some((channel, found))
    })
}

/// What Blocks last told somebody alone.
async fn last_answer(world: &World) -> String {
    let state = world.control.state().await.unwrap_or_default();
    let last = state["slack"]["ephemerals"].as_array().and_then(|list| list.last()).cloned();
    last.map_or_else(|| "no answer came".to_owned(), |message| text(&message["text"]))
}

fn first_text(value: &Value, pointers: &[&str]) -> String {
    pointers.iter().find_map(|pointer| value.pointer(pointer)).map(text).unwrap_or_default()
}

/// A JSON string's text; other values as JSON.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
