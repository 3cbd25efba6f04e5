//! Content hashes.

use sha2::{Digest, Sha256};

/// SHA-256 of the bytes as 64 lowercase hexadecimal digits.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    #[test]
    fn known_values() {
        // The two test vectors of FIPS 180-4 that everybody knows.
        for (text, hash) in [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ] {
            assert_eq!(super::sha256_hex(text.as_bytes()), hash);
        }
    }
}
