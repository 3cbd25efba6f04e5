//! Slack's request signature, checked against a time that is given.

use std::fmt;

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How far a request's timestamp may be from ours, in seconds, either way (Slack's own recommendation).
pub const TOLERANCE_S: u64 = 300;

/// A secret: shown by nothing.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret. White space around it (a file's last newline) is no part of it.
    #[must_use]
    pub fn new(text: &str) -> Secret {
        Secret(text.trim().to_owned())
    }

    /// The secret itself, for the one call that needs it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// A request is not proven to be Slack's. Never holds the expected signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// One of the two headers is absent.
    #[error("the signature or its timestamp is missing")]
    Missing,
    /// The timestamp is no number of seconds.
    #[error("the timestamp is not a number")]
    BadTimestamp,
    /// Too old, or from the future: a replay, or a clock that is wrong.
    #[error("the timestamp is more than {TOLERANCE_S} s from our clock")]
    Stale,
    /// The signature is another one.
    #[error("the signature does not match")]
    Mismatch,
    /// No secret is configured: anybody could sign with an empty one.
    #[error("no signing secret is configured")]
    NoSecret,
}

impl SignatureError {
    /// A short word for counters.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            SignatureError::Missing => "missing_signature",
            SignatureError::BadTimestamp => "bad_timestamp",
            SignatureError::Stale => "stale_timestamp",
            SignatureError::Mismatch => "bad_signature",
            SignatureError::NoSecret => "no_secret",
        }
    }
}

/// Checks the headers `X-Slack-Request-Timestamp` and `X-Slack-Signature` of a request against its raw body.
///
/// # Errors
/// When a header is missing or malformed, the time is more than [`TOLERANCE_S`] away from `now`, or the signature is
/// not the one that the secret gives.
pub fn verify(
    secret: &Secret,
    timestamp: Option<&str>,
    signature: Option<&str>,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<(), SignatureError> {
    let (timestamp, signature) = timestamp.zip(signature).ok_or(SignatureError::Missing)?;
    // Only digits: the text goes into the signed base as it is, so `+1` must not mean `1`.
    if timestamp.is_empty() || timestamp.len() > 12 || !timestamp.bytes().all(|b| b.is_ascii_digit()) {
        return Err(SignatureError::BadTimestamp);
    }
    let seconds: i64 = timestamp.parse().map_err(|_| SignatureError::BadTimestamp)?;
    if now.timestamp().abs_diff(seconds) > TOLERANCE_S {
        return Err(SignatureError::Stale);
    }
    if secret.0.is_empty() {
        return Err(SignatureError::NoSecret);
    }
    let given = signature
        .strip_prefix("v0=")
        .and_then(|hex| hex::decode(hex).ok())
        .ok_or(SignatureError::Mismatch)?;
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.0.as_bytes()).map_err(|_| SignatureError::NoSecret)?;
    mac.update(b"v0:");
    mac.update(timestamp.as_bytes());
    mac.update(b":");
    mac.update(body);
    // Compares in constant time.
    mac.verify_slice(&given).map_err(|_| SignatureError::Mismatch)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Slack's published example.
    const PUBLISHED: (&str, &str, &str, &str) = (
        "8f742231b10e8888abcd99yyyzzz85a5",
        "1531420618",
        "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
        "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    );
    const OURS: (&str, &str, &str, &str) = (
        "runbook-test-signing-secret",
        "1789000000",
        "token=legacy&team_id=T0001&team_domain=acme&channel_id=C0001&channel_name=incidents&user_id=U0001&user_name=oncall&command=%2Fblocks&text=runbook+rollback+checkout&api_app_id=A0001&is_enterprise_install=false&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT0001%2F1%2Fabc&trigger_id=1.2.abc",
        "v0=2b3400cb7caf1f06fb37797b7ea718ecc25299031e02fc48d871777497b998d1",
    );

    pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    /// Signs as Slack does.
    pub(crate) fn sign(secret: &str, timestamp: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("v0:{timestamp}:").as_bytes());
        mac.update(body);
        format!("v0={}", hex::encode(mac.finalize().into_bytes()))
    }

    #[test]
    fn both_vectors() {
        for (secret, timestamp, body, signature) in [PUBLISHED, OURS] {
            let check = |secret: &str, body: &str, off: i64| {
                let now = at(timestamp.parse::<i64>().unwrap() + off);
                verify(&Secret::new(secret), Some(timestamp), Some(signature), body.as_bytes(), now)
            };
            assert_eq!(check(secret, body, 0), Ok(()));
            assert_eq!(check(secret, body, 300), Ok(()));
            assert_eq!(check(secret, body, -300), Ok(()));
            assert_eq!(check(secret, body, 301), Err(SignatureError::Stale));
            assert_eq!(check(secret, body, -301), Err(SignatureError::Stale));
            assert_eq!(check("another", body, 0), Err(SignatureError::Mismatch));
            assert_eq!(check(secret, &format!("{body} "), 0), Err(SignatureError::Mismatch));
            assert_eq!(check("", body, 0), Err(SignatureError::NoSecret));
        }
    }

    #[test]
    fn malformed_headers() {
        let (secret, timestamp, body, signature) = OURS;
        let check = |timestamp: Option<&str>, signature: Option<&str>| {
            verify(&Secret::new(secret), timestamp, signature, body.as_bytes(), at(1_789_000_000))
        };
        assert_eq!(check(None, Some(signature)), Err(SignatureError::Missing));
        assert_eq!(check(Some(timestamp), None), Err(SignatureError::Missing));
        for bad in ["", "+1789000000", "-1", "1789000000.0", "abc", " 1789000000", "99999999999999999999"] {
            assert_eq!(check(Some(bad), Some(signature)), Err(SignatureError::BadTimestamp), "{bad}");
        }
        let hex = signature.strip_prefix("v0=").unwrap();
        for bad in [
            "",
            "v0=",
            hex,
            &format!("v1={hex}"),
            &format!("v0={}", &hex[..62]),
            "v0=zz",
            &format!("{signature}00"),
        ] {
            assert_eq!(check(Some(timestamp), Some(bad)), Err(SignatureError::Mismatch), "{bad}");
        }
    }

    #[test]
    fn a_body_need_not_be_text() {
        let body = [0xff, 0x00, 0xfe];
        let signature = sign("s", 1_000_000_000, &body);
        let now = at(1_000_000_000);
        assert_eq!(verify(&Secret::new("s"), Some("1000000000"), Some(&signature), &body, now), Ok(()));
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::new("hunter2\n")), "Secret(***)");
        assert_eq!(Secret::new(" hunter2\n").expose(), "hunter2");
    }
}
