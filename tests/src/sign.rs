//! The two vendors' signatures and Slack's form bodies, for requests that a test makes by hand.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

fn hmac_hex(secret: &str, parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length is a key");
    for part in parts {
        mac.update(part);
    }
    hex::encode(mac.finalize().into_bytes())
}

/// `X-PagerDuty-Signature` over a raw body.
///
/// # Panics
/// Never.
#[must_use]
pub fn pagerduty_signature(secret: &str, body: &[u8]) -> String {
    format!("v1={}", hmac_hex(secret, &[body]))
}

/// `X-Slack-Signature` over a raw body at a time in unix seconds.
///
/// # Panics
/// Never.
#[must_use]
pub fn slack_signature(secret: &str, at: i64, body: &[u8]) -> String {
    format!("v0={}", hmac_hex(secret, &[format!("v0:{at}:").as_bytes(), body]))
}

/// A form body as Slack sends it.
///
/// # Panics
/// Never.
#[must_use]
pub fn form(fields: &[(&str, &str)]) -> String {
    let url = reqwest::Url::parse_with_params("http://form/", fields).expect("fields make a query");
    url.query().unwrap_or_default().to_owned()
}

/// Now, in unix seconds.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the tests' one clock: Slack's signatures carry the time")]
pub fn unix_now() -> i64 {
    chrono::Utc::now().timestamp()
}
