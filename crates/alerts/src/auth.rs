//! Who sends a webhook: a bearer token, HTTP's basic login, or an HMAC over the body. Everything is compared in constant time.

use blocks_hooks::{Secret, credentials, matches};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, header};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

/// Signatures that are looked at in one header.
const MAX_SIGNATURES: usize = 4;

/// How a sender proves that it is who it says. One of the ways is enough; without any, nothing is taken.
#[derive(Debug, Clone, Default)]
pub struct Proof {
    /// Bearer tokens, and the one before while rotating.
    pub tokens: Vec<Secret>,
    /// A login whose password is one of these tokens.
    pub basic: Option<Basic>,
    /// A signature.
    pub hmac: Option<HmacCheck>,
}

/// HTTP's basic login.
#[derive(Debug, Clone)]
pub struct Basic {
    /// The user's name.
    pub user: String,
}

/// A signature over the body.
#[derive(Debug, Clone)]
pub struct HmacCheck {
    /// The keys, and the one before while rotating.
    pub secrets: Vec<Secret>,
    /// The header with the signature, in hex.
    pub signature: HeaderName,
    /// The header with the time that is signed with the body, in seconds since 1970, where the sender sends one.
    pub timestamp: Option<HeaderName>,
    /// How far that time may be from ours, in seconds.
    pub tolerance_s: i64,
}

/// What was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// The sender holds the token; the body may be from whenever.
    Token,
    /// The sender signed this body, for all times.
    Body,
    /// The sender signed this body at this time.
    At(i64),
}

/// What was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No proof came.
    Missing,
    /// It is another's, or of another body.
    Wrong,
    /// It is too old, or from times to come.
    Stale,
}

impl Refusal {
    /// The word that refusals are counted under.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Refusal::Missing => "missing_proof",
            Refusal::Wrong => "bad_proof",
            Refusal::Stale => "stale_proof",
        }
    }
}

impl Proof {
    /// Checks what can be checked before the body is read: anything but a signature.
    ///
    /// # Errors
    /// [`Refusal`] when the body will not help.
    pub(crate) fn check_head(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        match self.signature(headers) {
            Some(_) => Ok(()),
            None => self.check_token(headers),
        }
    }

    /// Checks a message.
    ///
    /// # Errors
    /// [`Refusal`] when nothing proves who sent it.
    pub(crate) fn check(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Result<Signed, Refusal> {
        match self.signature(headers) {
            Some(hmac) => hmac.check(headers, body, now),
            None => self.check_token(headers).map(|()| Signed::Token),
        }
    }

    /// How this message has to be signed, where it says that it is.
    fn signature(&self, headers: &HeaderMap) -> Option<&HmacCheck> {
        self.hmac.as_ref().filter(|hmac| headers.contains_key(&hmac.signature))
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if !headers.contains_key(header::AUTHORIZATION) {
            return Err(Refusal::Missing);
        }
        let is_known = if let Some(token) = credentials(headers, "Bearer") {
            matches(&self.tokens, token, str::to_owned)
        } else if let (Some(login), Some(basic)) = (credentials(headers, "Basic"), &self.basic) {
            matches(&self.tokens, login, |token| base64(format!("{}:{token}", basic.user).as_bytes()))
        } else {
            false
        };
        if is_known { Ok(()) } else { Err(Refusal::Wrong) }
    }
}

impl HmacCheck {
    fn check(&self, headers: &HeaderMap, body: &[u8], now: DateTime<Utc>) -> Result<Signed, Refusal> {
        let time = match &self.timestamp {
            None => None,
            Some(name) => {
                let text = headers.get(name).and_then(|value| value.to_str().ok()).ok_or(Refusal::Missing)?;
                // one spelling: what is signed is what was sent
                let seconds: i64 = text.parse().map_err(|_| Refusal::Wrong)?;
                Some((text, seconds))
            }
        };
        let mut matched = Choice::from(0);
        for secret in self.secrets.iter().filter(|secret| !secret.is_empty()) {
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else { continue };
            if let Some((text, _)) = time {
                mac.update(text.as_bytes());
                mac.update(b":");
            }
            mac.update(body);
            let expected = hex::encode(mac.finalize().into_bytes());
            for given in headers.get_all(&self.signature).iter().take(MAX_SIGNATURES) {
                matched |= expected.as_bytes().ct_eq(given.as_bytes());
            }
        }
        if !bool::from(matched) {
            return Err(Refusal::Wrong);
        }
        match time {
            None => Ok(Signed::Body),
            Some((_, seconds))
                if now.timestamp().saturating_sub(seconds).saturating_abs() <= self.tolerance_s =>
            {
                Ok(Signed::At(seconds))
            }
            Some(_) => Err(Refusal::Stale),
        }
    }
}

/// Base64 with padding, as a login is written.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let whole =
            chunk.iter().fold(0_u32, |whole, byte| whole << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS.get((whole >> (18 - 6 * place) & 63) as usize).copied().unwrap_or(b'=');
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_everybody_writes_it() {
        for (text, wanted) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("blocks:s3cret", "YmxvY2tzOnMzY3JldA=="),
        ] {
            assert_eq!(base64(text.as_bytes()), wanted);
        }
    }

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        map
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    #[test]
    fn tokens_and_logins() {
        let proof = Proof {
            tokens: Secret::list("new-token,old-token"),
            basic: Some(Basic { user: "blocks".to_owned() }),
            hmac: None,
        };
        for (given, wanted) in [
            ("Bearer new-token", Ok(Signed::Token)),
            ("bearer old-token", Ok(Signed::Token)),
            ("Bearer new-token ", Err(Refusal::Wrong)),
            ("Bearer new", Err(Refusal::Wrong)),
            ("Bearer ", Err(Refusal::Wrong)),
            ("new-token", Err(Refusal::Wrong)),
            ("Basic YmxvY2tzOm5ldy10b2tlbg==", Ok(Signed::Token)),
            ("Basic YW5hOm5ldy10b2tlbg==", Err(Refusal::Wrong)),
        ] {
            let found = proof.check(&headers(&[("authorization", given)]), b"{}", now());
            assert_eq!(found, wanted, "{given}");
        }
        assert_eq!(proof.check(&HeaderMap::new(), b"{}", now()), Err(Refusal::Missing));
        let empty = Proof { tokens: Secret::list(""), ..Proof::default() };
        assert_eq!(empty.check(&headers(&[("authorization", "Bearer ")]), b"", now()), Err(Refusal::Wrong));
    }

    fn sign(secret: &str, text: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(text);
        hex::encode(mac.finalize().into_bytes())
    }

    #[test]
    fn signatures_with_and_without_a_time() {
        let check = |timestamp: bool| Proof {
            hmac: Some(HmacCheck {
                secrets: Secret::list("key-1,key-2"),
                signature: HeaderName::from_static("x-grafana-alerting-signature"),
                timestamp: timestamp.then(|| HeaderName::from_static("x-time")),
                tolerance_s: 300,
            }),
            ..Proof::default()
        };
        let body = b"{\"a\":1}";
        let signed = |signature: &str| headers(&[("x-grafana-alerting-signature", signature)]);
        assert_eq!(check(false).check(&signed(&sign("key-2", body)), body, now()), Ok(Signed::Body));
        assert_eq!(check(false).check(&signed(&sign("key-3", body)), body, now()), Err(Refusal::Wrong));
        let upper = sign("key-1", body).to_uppercase();
        assert_eq!(check(false).check(&signed(&upper), body, now()), Err(Refusal::Wrong), "one spelling");
        for (offset, wanted) in [
            (0, Ok(Signed::At(1_800_000_000))),
            (-300, Ok(Signed::At(1_799_999_700))),
            (-301, Err(Refusal::Stale)),
            (301, Err(Refusal::Stale)),
        ] {
            let time = (1_800_000_000 + offset).to_string();
            let text = [time.as_bytes(), b":", body].concat();
            let mut lines = signed(&sign("key-1", &text));
            lines.insert("x-time", time.parse().unwrap());
            assert_eq!(check(true).check(&lines, body, now()), wanted, "{offset}");
            lines.insert("x-time", "1800000001".parse().unwrap());
            assert_eq!(
                check(true).check(&lines, body, now()),
                Err(Refusal::Wrong),
                "another time than was signed"
            );
        }
        assert_eq!(check(true).check(&signed(&sign("key-1", body)), body, now()), Err(Refusal::Missing));
    }
}
