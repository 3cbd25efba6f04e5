//! Random names: ids, trigger ids, response_url tokens, secrets.

use std::sync::atomic::{AtomicU64, Ordering};

const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
static FALLBACK: AtomicU64 = AtomicU64::new(1);

/// `n` random characters out of `0-9A-Z`. Unique even if the system has no randomness to give (then they count).
pub(crate) fn upper(n: usize) -> String {
    let mut bytes = vec![0u8; n];
    if !random(&mut bytes) {
        let mut count = FALLBACK.fetch_add(1, Ordering::Relaxed);
        for byte in bytes.iter_mut().rev() {
            *byte = (count % 36) as u8;
            count /= 36;
        }
    }
    bytes.iter().map(|b| char::from(ALPHABET[usize::from(*b) % ALPHABET.len()])).collect()
}

#[expect(clippy::disallowed_methods, reason = "this is where the sandbox's names and secrets are made")]
fn random(bytes: &mut [u8]) -> bool {
    getrandom::fill(bytes).is_ok()
}

/// The same in lower case.
pub(crate) fn lower(n: usize) -> String {
    upper(n).to_ascii_lowercase()
}

/// A version 4 UUID as text (`X-Webhook-Id` has this form).
pub(crate) fn uuid() -> String {
    let mut b = [0u8; 16];
    if !random(&mut b) {
        b[..8].copy_from_slice(&FALLBACK.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    }
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    let h = hex::encode(b);
    format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn ids_have_their_length_and_do_not_repeat() {
        let seen: BTreeSet<String> = (0..1000).map(|_| super::upper(9)).collect();
        assert_eq!(seen.len(), 1000);
        assert!(
            seen.iter()
                .all(|id| id.len() == 9 && id.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()))
        );
        assert_eq!(super::uuid().len(), 36);
        assert_ne!(super::uuid(), super::uuid());
    }
}
