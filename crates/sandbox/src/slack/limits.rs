//! Slack's two kinds of limit: calls per method and minute, and posts per channel.

use chrono::{DateTime, Utc};

use super::ApiError;
use super::workspace::{Bucket, Workspace};

/// Posts that one channel takes at once before one per second holds.
const BURST: f64 = 5.0;

fn limited(seconds: u64) -> ApiError {
    ApiError { retry_after: Some(seconds.max(1)), ..ApiError::new("ratelimited") }
}

/// At most `most` calls of a method in any 60 seconds.
pub(super) fn tier(
    workspace: &mut Workspace,
    method: &str,
    most: usize,
    now: DateTime<Utc>,
) -> Result<(), ApiError> {
    let now_ms = now.timestamp_millis();
    let calls = workspace.tier_calls.entry(method.to_owned()).or_default();
    while calls.front().is_some_and(|at| now_ms - at >= 60_000) {
        calls.pop_front();
    }
    if calls.len() >= most {
        let wait_ms = calls.front().map_or(1_000, |at| 60_000 - (now_ms - at)).max(1);
        return Err(limited((wait_ms as u64).div_ceil(1000)));
    }
    calls.push_back(now_ms);
    Ok(())
}

/// One post per second and channel, with a burst of five.
pub(super) fn post(workspace: &mut Workspace, channel: &str, now: DateTime<Utc>) -> Result<(), ApiError> {
    let now_ms = now.timestamp_millis();
    let bucket =
        workspace.buckets.entry(channel.to_owned()).or_insert(Bucket { tokens: BURST, at_ms: now_ms });
    let earned = (now_ms - bucket.at_ms).max(0) as f64 / 1000.0;
    bucket.tokens = (bucket.tokens + earned).min(BURST);
    bucket.at_ms = now_ms;
    if bucket.tokens < 1.0 {
        return Err(limited((1.0 - bucket.tokens).ceil() as u64));
    }
    bucket.tokens -= 1.0;
    Ok(())
}
