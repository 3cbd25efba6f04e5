//! The two vendors' request signatures, sender's side.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

fn hmac_hex(secret: &str, parts: &[&[u8]]) -> String {
    // HMAC takes a key of any length, so the error arm is unreachable; an empty string would simply never verify.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    for part in parts {
        mac.update(part);
    }
    hex::encode(mac.finalize().into_bytes())
}

/// `X-Slack-Signature` for a raw body sent at `timestamp` (unix seconds).
/// Source: Slack, "Verifying requests from Slack".
pub(crate) fn slack_v0(secret: &str, timestamp: i64, body: &[u8]) -> String {
    let head = format!("v0:{timestamp}:");
    format!("v0={}", hmac_hex(secret, &[head.as_bytes(), body]))
}

/// `X-PagerDuty-Signature` over the exact raw body: one `v1=` per secret, comma separated, as while a secret is rotated.
/// Source: PagerDuty developer docs, "Verifying Webhook Signatures".
pub(crate) fn pagerduty_v1(secrets: &[String], body: &[u8]) -> String {
    secrets.iter().map(|s| format!("v1={}", hmac_hex(s, &[body]))).collect::<Vec<_>>().join(",")
}

/// SHA-256 of a body, hex: what request logs keep of it.
pub(crate) fn digest(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slack_signature_matches_the_published_vector_and_ours() {
        let published = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        assert_eq!(
            slack_v0("8f742231b10e8888abcd99yyyzzz85a5", 1_531_420_618, published.as_bytes()),
            "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
        );
        let ours = "token=legacy&team_id=T0001&team_domain=acme&channel_id=C0001&channel_name=incidents&user_id=U0001&user_name=oncall&command=%2Fblocks&text=runbook+rollback+checkout&api_app_id=A0001&is_enterprise_install=false&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT0001%2F1%2Fabc&trigger_id=1.2.abc";
        assert_eq!(
            slack_v0("runbook-test-signing-secret", 1_789_000_000, ours.as_bytes()),
            "v0=2b3400cb7caf1f06fb37797b7ea718ecc25299031e02fc48d871777497b998d1"
        );
    }

    #[test]
    fn pagerduty_signature_matches_the_vector_and_lists_every_secret() {
        let body = br#"{"event":{"id":"01TEST","event_type":"pagey.ping","resource_type":"pagey","occurred_at":"2026-01-01T00:00:00.000Z","agent":null,"client":null,"data":{"message":"hi","type":"ping"}}}"#;
        let good = "v1=1e01e2b28e509f0b093eae004532d6cf4333f46aca1a3c4eb1481558f4755eb8";
        assert_eq!(pagerduty_v1(&["pd-test-secret".into()], body), good);
        let rotating = pagerduty_v1(&["new".into(), "pd-test-secret".into()], body);
        assert_eq!(rotating.split(',').count(), 2);
        assert!(rotating.ends_with(good));
    }
}
