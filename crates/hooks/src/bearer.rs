//! A secret that came in a header, compared so that nobody learns anything of the right one by trying.

use http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::Secret;

/// What stands behind the scheme (`Bearer`, `Basic`, whatever the case of its letters) in the header `Authorization`.
#[must_use]
pub fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a [u8]> {
    let given = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (before, after) = given.split_at_checked(scheme.len())?;
    let rest = after.strip_prefix(b" ").filter(|_| before.eq_ignore_ascii_case(scheme.as_bytes()))?;
    Some(rest.trim_ascii_start())
}

/// Whether what was given is one of these secrets, each as `spelt`. Every one is compared, in constant time; an empty secret is
/// nobody's.
#[must_use]
pub fn matches(secrets: &[Secret], given: &[u8], spelt: impl Fn(&str) -> String) -> bool {
    let mut matched = Choice::from(0);
    for known in secrets.iter().filter(|secret| !secret.is_empty()) {
        matched |= same(spelt(known.expose()).as_bytes(), given);
    }
    bool::from(matched)
}

/// Compares hashes, so that not even the length shows.
fn same(known: &[u8], given: &[u8]) -> Choice {
    Sha256::digest(known).as_slice().ct_eq(Sha256::digest(given).as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_the_list_and_nothing_like_it() {
        let list = Secret::list("new-token,old-token");
        let is_known = |line: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, line.parse().unwrap());
            credentials(&headers, "Bearer").is_some_and(|given| matches(&list, given, str::to_owned))
        };
        for known in ["Bearer new-token", "bearer old-token", "BEARER   old-token"] {
            assert!(is_known(known), "{known}");
        }
        for other in [
            "Bearer new",
            "Bearer new-tokens",
            "Bearer ",
            "Bearer",
            "",
            "new-token",
            "Basic new-token",
            "Bearernew-token",
        ] {
            assert!(!is_known(other), "{other}");
        }
        assert!(!matches(&[Secret::new("")], b"", str::to_owned), "an empty secret is nobody's");
        assert!(!matches(&[], b"", str::to_owned));
    }
}
