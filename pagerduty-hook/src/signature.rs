//! The signature of a v3 webhook: HMAC-SHA256 over the raw body, in lowercase hex.
//!
//! PagerDuty signs no timestamp, so there is no replay window here: a repeated message falls away by its id.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use crate::Secret;

/// The header that carries the signatures.
pub(crate) const HEADER: &str = "x-pagerduty-signature";

/// Signatures of one header that are looked at. PagerDuty sends one per secret, so two while rotating; the bound
/// keeps a hostile header from costing more than a good one.
const MAX_SIGNATURES: usize = 16;

/// A webhook that does not prove that it comes from PagerDuty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is no signature header.
    #[error("the webhook has no X-PagerDuty-Signature header")]
    Missing,
    /// The header names no version that we know.
    #[error("the X-PagerDuty-Signature header holds no v1 signature")]
    NoKnownVersion,
    /// No signature belongs to this body and one of the secrets.
    #[error(
        "the webhook's signature does not match; check PAGERDUTY_WEBHOOK_SECRET against the subscription's"
    )]
    Mismatch,
}

impl SignatureError {
    /// The word that refusals are counted under.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            SignatureError::Missing => "missing_signature",
            SignatureError::NoKnownVersion | SignatureError::Mismatch => "bad_signature",
        }
    }
}

/// Checks that one of the `v1=` signatures in `header` belongs to `body` under one of `secrets`.
///
/// The key is the secret's text as it stands, even where it looks like Base64. Every secret is compared with
/// every signature, in constant time; signatures of other versions are passed over. An empty secret matches
/// nothing, since anybody could sign with it.
///
/// # Errors
/// [`SignatureError`] when there is no header, none of its signatures is `v1`, or none matches.
pub fn verify(secrets: &[Secret], header: Option<&str>, body: &[u8]) -> Result<(), SignatureError> {
    let header = header.ok_or(SignatureError::Missing)?;
    let signatures: Vec<&[u8]> = header
        .split(',')
        .filter_map(|part| part.trim().strip_prefix("v1="))
        .map(str::as_bytes)
        .take(MAX_SIGNATURES)
        .collect();
    if signatures.is_empty() {
        return Err(SignatureError::NoKnownVersion);
    }
    let mut matched = Choice::from(0);
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else { continue };
        mac.update(body);
        // The text is compared, not the decoded bytes: one spelling, so that no changed header is accepted.
        let expected = hex::encode(mac.finalize().into_bytes());
        for signature in &signatures {
            matched |= expected.as_bytes().ct_eq(signature);
        }
    }
    if bool::from(matched) { Ok(()) } else { Err(SignatureError::Mismatch) }
}

/// What PagerDuty would put into the header.
pub(crate) fn signed(secret: &Secret, body: &[u8]) -> String {
    // a key of HMAC may have any length
    let signature = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).map(|mut mac| {
        mac.update(body);
        hex::encode(mac.finalize().into_bytes())
    });
    format!("v1={}", signature.unwrap_or_default())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    pub(crate) const SECRET: &str = "pd-test-secret";
    pub(crate) const BODY: &str = r#"{"event":{"id":"01TEST","event_type":"pagey.ping","resource_type":"pagey","occurred_at":"2026-01-01T00:00:00.000Z","agent":null,"client":null,"data":{"message":"hi","type":"ping"}}}"#;
    pub(crate) const SIGNATURE: &str = "v1=1e01e2b28e509f0b093eae004532d6cf4333f46aca1a3c4eb1481558f4755eb8";
    const OTHER: &str = "v1=0000000000000000000000000000000000000000000000000000000000000000";

    pub(crate) fn sign(secret: &str, body: &[u8]) -> String {
        signed(&Secret::new(secret), body)
    }

    #[test]
    fn the_known_vector() {
        assert_eq!(BODY.len(), 181);
        assert_eq!(verify(&[Secret::new(SECRET)], Some(SIGNATURE), BODY.as_bytes()), Ok(()));
        assert_eq!(sign(SECRET, BODY.as_bytes()), SIGNATURE);
    }

    #[test]
    fn a_signature_that_pagerduty_made() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../shared/corpus/payloads/pagerduty/v3_signature_vector.json");
        let Ok(text) = std::fs::read_to_string(&path) else {
            println!("not run: no captured signature at {}", path.display());
            return;
        };
        let vector: serde_json::Value = serde_json::from_str(&text).unwrap();
        let field = |pointer: &str| vector.pointer(pointer).and_then(|it| it.as_str()).unwrap();
        let (secret, body) = (Secret::new(field("/secret")), field("/body").as_bytes());
        let header = field("/headers/X-PagerDuty-Signature");
        assert_eq!(verify(std::slice::from_ref(&secret), Some(header), body), Ok(()));
        assert_eq!(verify(&[secret], Some(OTHER), body), Err(SignatureError::Mismatch));
    }

    #[test]
    fn headers_and_secrets() {
        let upper = SIGNATURE.to_ascii_uppercase().replace("V1=", "v1=");
        let missing = Err(SignatureError::Missing);
        let unknown = Err(SignatureError::NoKnownVersion);
        let wrong = Err(SignatureError::Mismatch);
        type Case<'a> = (&'a [&'a str], Option<String>, Result<(), SignatureError>);
        let cases: Vec<Case<'_>> = vec![
            (&[SECRET], Some(SIGNATURE.to_owned()), Ok(())),
            (&["old", SECRET], Some(SIGNATURE.to_owned()), Ok(())),
            (&[SECRET, "old"], Some(SIGNATURE.to_owned()), Ok(())),
            (&[SECRET], Some(format!("{OTHER},{SIGNATURE}")), Ok(())),
            (&[SECRET], Some(format!("{SIGNATURE}, {OTHER}")), Ok(())),
            (&[SECRET], Some(format!("v2=abc ,  {SIGNATURE} ")), Ok(())),
            (&[SECRET], None, missing),
            (&[SECRET], Some(String::new()), unknown),
            (&[SECRET], Some(SIGNATURE.replace("v1=", "v2=")), unknown),
            (&[SECRET], Some(SIGNATURE.replace("v1=", "V1=")), unknown),
            (&[SECRET], Some(SIGNATURE.replace("v1=", "")), unknown),
            (&[SECRET], Some(upper), wrong),
            (&[SECRET], Some("v1=".to_owned()), wrong),
            (&[SECRET], Some(SIGNATURE[..60].to_owned()), wrong),
            (&[SECRET], Some(format!("{SIGNATURE}00")), wrong),
            (&["other"], Some(SIGNATURE.to_owned()), wrong),
            (&[], Some(SIGNATURE.to_owned()), wrong),
            (&[""], Some(sign("", BODY.as_bytes())), wrong),
        ];
        for (secrets, header, expected) in cases {
            let secrets: Vec<Secret> = secrets.iter().copied().map(Secret::new).collect();
            assert_eq!(verify(&secrets, header.as_deref(), BODY.as_bytes()), expected, "{header:?}");
        }
    }

    #[test]
    fn a_flood_of_signatures_is_bounded() {
        let flood = [OTHER; MAX_SIGNATURES].join(",");
        let header = format!("{flood},{SIGNATURE}");
        let result = verify(&[Secret::new(SECRET)], Some(&header), BODY.as_bytes());
        assert_eq!(result, Err(SignatureError::Mismatch));
    }

    /// Every bit of the body and of the header, one at a time.
    fn every_flip_is_refused(secret: &str, body: &[u8]) {
        let secrets = [Secret::new(secret)];
        let header = sign(secret, body);
        assert_eq!(verify(&secrets, Some(&header), body), Ok(()));
        for bit in 0..body.len() * 8 {
            let mut changed = body.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(&secrets, Some(&header), &changed).is_err(), "body bit {bit}");
        }
        for bit in 0..header.len() * 8 {
            let mut changed = header.clone().into_bytes();
            changed[bit / 8] ^= 1 << (bit % 8);
            // A header that is not text never comes this far.
            let Ok(changed) = String::from_utf8(changed) else { continue };
            assert!(verify(&secrets, Some(&changed), body).is_err(), "header bit {bit}: {changed}");
        }
    }

    #[test]
    fn no_single_bit_of_the_vector_may_change() {
        every_flip_is_refused(SECRET, BODY.as_bytes());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn no_single_bit_may_change(
            secret in "[A-Za-z0-9+/]{1,64}",
            body in prop::collection::vec(any::<u8>(), 0..48),
        ) {
            every_flip_is_refused(&secret, &body);
        }

        #[test]
        fn no_header_makes_it_panic(header in ".{0,200}", body in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(verify(&[Secret::new(SECRET)], Some(&header), &body).is_err());
        }
    }
}
