//! What is done to the two sides, and when each thing showed.
//!
//! Times are taken around the sandbox's own handling of a command, so they are a little too long, never too short.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use blocks_engine::{Clock as _, SystemClock};
use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::figures::{Flood, Typed};
use super::world::{CHANNEL, PATIENCE, SERVICE, Way, World};
use crate::args::BenchSlackArgs;
use crate::bench::times::Times;
use crate::exit::Stop;

/// Between two typed commands.
const BETWEEN_COMMANDS: Duration = Duration::from_millis(20);
/// Every so many pages one is a P1, for which a rollback is asked.
const ASKED_OF: usize = 20;
/// How long the last message of a flood may take after it: one channel takes one a second.
const SETTLE: Duration = Duration::from_secs(600);

/// Commands over one way in, while runs are in flight.
pub(super) async fn typed(way: Way, args: &BenchSlackArgs) -> Result<Typed, Stop> {
    let world = World::start(way).await?;
    world.hold(args.in_flight).await?;
    let mut typed = Typed::default();
    let mut sent = Vec::new();
    for _ in 0..args.commands {
        let (at, began) = (SystemClock.now(), Instant::now());
        let said = world.command(CHANNEL, "runbook list").await?;
        if said["http_status"] == 200 {
            typed.acknowledged.0.push(ms(began.elapsed()));
            sent.push((at, said["response_url_token"].as_str().unwrap_or_default().to_owned()));
        } else {
            typed.refused += 1;
        }
        tokio::time::sleep(BETWEEN_COMMANDS).await;
    }
    typed.in_flight = world.running()?;
    let began = Instant::now();
    let shown = loop {
        let shown = answers(&world.control.state().await?);
        if sent.iter().all(|(_, token)| shown.contains_key(token)) || began.elapsed() > PATIENCE {
            break shown;
        }
        tokio::time::sleep(BETWEEN_COMMANDS).await;
    };
    for (at, token) in &sent {
        match shown.get(token) {
            Some(shown) => typed.answered.0.push(between(*at, *shown)),
            None => typed.lost += 1,
        }
    }
    world.end().await?;
    Ok(typed)
}

/// When each answer (not the acknowledgement before it) was shown, by the token of its address.
fn answers(state: &Value) -> BTreeMap<String, DateTime<Utc>> {
    let all = state["slack"]["ephemerals"].as_array();
    let answers = all.into_iter().flatten().filter(|one| one["source"] == "response_url");
    answers
        .filter_map(|one| Some((one["response_url_token"].as_str()?.to_owned(), time(&one["posted_at"])?)))
        .collect()
}

/// One page at a time: how long until its card shows, and how many had none.
pub(super) async fn pages(args: &BenchSlackArgs) -> Result<(Times, u64), Stop> {
    let world = World::start(Way::Http).await?;
    let (mut times, mut lost) = (Times::default(), 0);
    for number in 1..=args.pages {
        let at = SystemClock.now();
        let title = title(number);
        world.page(&title, "P1").await?;
        let shown = world
            .until("a card", PATIENCE, |state| {
                messages(state, "card/").into_iter().find(|card| card.holds(&title)).map(|card| card.at)
            })
            .await;
        match shown {
            Ok(shown) => times.0.push(between(at, shown)),
            Err(_) => lost += 1,
        }
    }
    world.end().await?;
    Ok((times, lost))
}

/// Many pages in a short time, all of whose cards go to one channel; now and then a P1 with a channel of its own, for which a
/// rollback is asked at once.
pub(super) async fn flood(args: &BenchSlackArgs) -> Result<Flood, Stop> {
    let world = std::sync::Arc::new(World::start(Way::Http).await?);
    let mut flood = Flood { pages: args.incidents, ..Flood::default() };
    let (mut sent, mut asking) = (BTreeMap::new(), JoinSet::new());
    let began = Instant::now();
    let pace = Duration::from_secs(args.secs) / u32::try_from(args.incidents).unwrap_or(u32::MAX);
    for number in 1..=args.incidents {
        let is_asked = number % ASKED_OF == 1;
        let title = title(number);
        sent.insert(title.clone(), SystemClock.now());
        world.page(&title, if is_asked { "P1" } else { "P3" }).await?;
        if is_asked {
            asking.spawn(ask(std::sync::Arc::clone(&world), title));
        }
        tokio::time::sleep_until(began + pace * u32::try_from(number).unwrap_or(u32::MAX)).await;
    }
    flood.backlog = world.waiting()?;
    let mut asked = Vec::new();
    while let Some(done) = asking.join_next().await {
        match done.map_err(Stop::failed)? {
            Ok(one) => asked.push(one),
            // A P1 without a channel, or a command that was not taken.
            Err(_) => flood.lost += 1,
        }
    }
    let settling = Instant::now();
    while world.waiting()? > 0 && settling.elapsed() < SETTLE {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let state = world.control.state().await?;
    let (cards, plans) = (messages(&state, "card/"), messages(&state, "plan/"));
    for (title, at) in &sent {
        match cards.iter().find(|card| card.holds(title)) {
            Some(card) => flood.cards.0.push(between(*at, card.at)),
            None => flood.lost += 1,
        }
    }
    for (channel, at) in &asked {
        match plans.iter().find(|plan| plan.channel == *channel) {
            Some(plan) => flood.approvals.0.push(between(*at, plan.at)),
            None => flood.lost += 1,
        }
    }
    flood.doubled = doubled(&cards) + doubled(&plans);
    flood.lost += undelivered(&state);
    flood.given_up = world.given_up()? as u64;
    let world = std::sync::Arc::into_inner(world).ok_or_else(|| Stop::failed("somebody still asks"))?;
    world.end().await?;
    Ok(flood)
}

/// Waits for the P1's channel and asks for the rollback in it: the channel, and when it was asked.
async fn ask(world: std::sync::Arc<World>, title: String) -> Result<(String, DateTime<Utc>), Stop> {
    let channel = world
        .until("the channel of a P1", PATIENCE, |state| {
            messages(state, "card/").into_iter().find(|card| card.holds(&title)).map(|card| card.channel)
        })
        .await?;
    let at = SystemClock.now();
    let said = world.command(&channel, &format!("runbook rollback {SERVICE}")).await?;
    if said["http_status"] == 200 {
        Ok((channel, at))
    } else {
        Err(Stop::failed(format!("the command was not taken: {said}")))
    }
}

/// What stands in a page and in no other one.
fn title(number: usize) -> String {
    format!("page {number:05} of the benchmark")
}

/// A message of ours that is in Slack.
struct Shown {
    channel: String,
    key: String,
    text: String,
    at: DateTime<Utc>,
}

impl Shown {
    fn holds(&self, text: &str) -> bool {
        self.text.contains(text)
    }
}

/// The messages whose key begins so.
fn messages(state: &Value, kind: &str) -> Vec<Shown> {
    let each = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut found = Vec::new();
    for channel in each(&state["slack"]["channels"]) {
        for message in each(&channel["messages"]) {
            let key = message.pointer("/metadata/event_payload/key").and_then(Value::as_str);
            if let (Some(key), Some(at)) =
                (key.filter(|key| key.starts_with(kind)), time(&message["posted_at"]))
            {
                found.push(Shown {
                    channel: channel["id"].as_str().unwrap_or_default().to_owned(),
                    key: key.to_owned(),
                    text: message["text"].as_str().unwrap_or_default().to_owned(),
                    at,
                });
            }
        }
    }
    found
}

/// How many of them are there once more.
fn doubled(messages: &[Shown]) -> u64 {
    let keys: BTreeSet<&str> = messages.iter().map(|message| message.key.as_str()).collect();
    (messages.len() - keys.len()) as u64
}

/// Webhooks that PagerDuty gave up, or still waits with.
fn undelivered(state: &Value) -> u64 {
    let all = state["pagerduty"]["deliveries"].as_array();
    let dropped = all.into_iter().flatten().filter(|one| one["outcome"] == "dropped").count() as u64;
    dropped + state["pagerduty"]["webhooks_queued"].as_u64().unwrap_or_default()
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str()?.parse().ok()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn between(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    ms((to - from).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_sandbox_shows_is_read() {
        let message = |key: &str, text: &str| json!({ "text": text, "posted_at": "2026-01-05T09:00:01.500Z", "metadata": { "event_payload": { "key": key } } });
        let state = json!({
            "slack": {
                "channels": [{ "id": "C1", "messages": [
                    message("card/1", "P1 INC-1 page 00001 of the benchmark"), message("card/1", "x"), message("plan/1", "y"),
                    { "text": "somebody's", "posted_at": "2026-01-05T09:00:01.500Z" },
                ]}],
                "ephemerals": [
                    { "source": "command_ack", "response_url_token": "a", "posted_at": "2026-01-05T09:00:00.000Z" },
                    { "source": "response_url", "response_url_token": "a", "posted_at": "2026-01-05T09:00:00.250Z" },
                ],
            },
            "pagerduty": { "webhooks_queued": 2, "deliveries": [{ "outcome": "dropped" }, { "outcome": "delivered" }] },
        });
        let cards = messages(&state, "card/");
        assert_eq!((cards.len(), doubled(&cards)), (2, 1));
        assert!(cards[0].holds(&title(1)) && !cards[0].holds(&title(10)));
        assert_eq!(undelivered(&state), 3);
        let from = "2026-01-05T09:00:00.000Z".parse().unwrap();
        assert!((between(from, answers(&state)["a"]) - 250.0).abs() < f64::EPSILON);
        assert!((between(from, cards[0].at) - 1_500.0).abs() < f64::EPSILON);
    }
}
