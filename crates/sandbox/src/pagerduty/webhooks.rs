//! Delivery of webhooks: in order per incident, at least once, given up on only as PagerDuty gives up.
//!
//! | answer | what happens |
//! | --- | --- |
//! | 2xx within the time limit | delivered |
//! | none in time, no connection, 5xx, 429 | tried again after a pause that doubles; later events of that incident wait |
//! | any other status | dropped at once; three drops in a row disable the subscription and empty its queues |

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::account::{Delivery, Webhook};
use crate::clock;
use crate::server::App;
use crate::shared::lock;
use crate::sign;

const DROPS_TO_DISABLE: u32 = 3;
/// How often a webhook that waits for PagerDuty looks whether it is back.
const DOWN_LOOK: Duration = Duration::from_millis(100);

/// Starts a worker for each incident that has webhooks waiting and no worker yet.
pub(super) fn dispatch(app: &Arc<App>) {
    let mut account = lock(&app.pagerduty);
    let idle: Vec<String> = account
        .queues
        .iter()
        .filter(|(incident, queue)| !queue.is_empty() && !account.busy.contains(*incident))
        .map(|(incident, _)| incident.clone())
        .collect();
    for incident in idle {
        account.busy.insert(incident.clone());
        tokio::spawn(work(Arc::clone(app), incident));
    }
}

async fn work(app: Arc<App>, incident: String) {
    let mut stopped = app.stopped.clone();
    loop {
        let next = {
            let mut account = lock(&app.pagerduty);
            let front = account.queues.get(&incident).and_then(|q| q.front().cloned());
            if front.is_none() {
                account.queues.remove(&incident);
                account.busy.remove(&incident);
            }
            front
        };
        let Some(webhook) = next else { return };
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return,
            () = deliver(&app, &webhook) => {}
        }
        let mut account = lock(&app.pagerduty);
        if let Some(queue) = account.queues.get_mut(&incident)
            && queue.front().is_some_and(|w| w.webhook_id == webhook.webhook_id)
        {
            queue.pop_front();
        }
    }
}

/// Attempts one webhook until it is delivered, dropped or lost.
async fn deliver(app: &App, webhook: &Webhook) {
    let (base_ms, max_ms, timeout_ms) = {
        let config = &lock(&app.pagerduty).config;
        (config.retry_base_ms, config.retry_max_ms, config.webhook_timeout_ms)
    };
    let mut pause_ms = base_ms.max(1);
    for attempt in 1.. {
        // While PagerDuty is down its webhooks wait; they come in order afterwards.
        while app.faults().pagerduty_is_down() {
            tokio::time::sleep(DOWN_LOOK).await;
        }
        let (at, started) = (clock::now(), Instant::now());
        let note = |status, outcome, error| {
            let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            let delivery = Delivery {
                event_id: webhook.event_id.clone(),
                webhook_id: webhook.webhook_id.clone(),
                event_type: webhook.event_type.clone(),
                incident_id: webhook.incident.clone(),
                attempt,
                status,
                outcome,
                error,
                elapsed_ms,
                at: clock::iso(at),
            };
            let mut account = lock(&app.pagerduty);
            account.deliveries.push(delivery);
            account
        };
        if app.faults().drop_webhooks.contains(&webhook.event_type) {
            drop(note(None, "lost", Some("lost on purpose: faults.drop_webhooks".into())));
            return;
        }
        match attempt_once(app, webhook, Duration::from_millis(timeout_ms)).await {
            Ok(status) if (200..300).contains(&status) => {
                note(Some(status), "delivered", None).drops_in_a_row = 0;
                return;
            }
            Ok(status) if status != 429 && status < 500 => {
                let mut account = note(Some(status), "dropped", None);
                account.drops_in_a_row += 1;
                if account.drops_in_a_row >= DROPS_TO_DISABLE {
                    account.subscription_disabled = true;
                    account.queues.values_mut().for_each(VecDeque::clear);
                }
                return;
            }
            Ok(status) => drop(note(Some(status), "retry", None)),
            Err(error) => drop(note(None, "retry", Some(error))),
        }
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        if lock(&app.pagerduty).subscription_disabled {
            return;
        }
        pause_ms = pause_ms.saturating_mul(2).min(max_ms);
    }
}

async fn attempt_once(app: &App, webhook: &Webhook, limit: Duration) -> Result<u16, String> {
    let (url, secrets, subscription) = match &webhook.target {
        Some(target) => (target.url.clone(), vec![target.secret.clone()], target.id.clone()),
        None => {
            let url = app.blocks_url("/hooks/pagerduty").ok_or("blocks_url is not set")?;
            let account = lock(&app.pagerduty);
            (url, account.config.webhook_secrets.clone(), account.subscription_id.clone())
        }
    };
    let secrets = if app.faults().bad_signature {
        secrets.iter().map(|s| format!("not-{s}")).collect()
    } else {
        secrets
    };
    let request = app
        .client
        .post(url)
        .header("content-type", "application/json")
        .header("user-agent", "PagerDuty-Webhook/V3.0")
        .header("x-pagerduty-signature", sign::pagerduty_v1(&secrets, webhook.body.as_bytes()))
        .header("x-webhook-id", &webhook.webhook_id)
        .header("x-webhook-subscription", subscription)
        .timeout(limit)
        .body(webhook.body.clone());
    match request.send().await {
        Ok(answer) => Ok(answer.status().as_u16()),
        Err(error) if error.is_timeout() => Err(format!("no answer within {} ms", limit.as_millis())),
        Err(error) => Err(error.without_url().to_string()),
    }
}
