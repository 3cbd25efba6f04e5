//! A secret that does not show itself.

use std::fmt;

use sha2::{Digest, Sha256};

/// A sender's token, the key that it signs with, or a token of our own for its API. Its `Debug` form shows nothing of it, not even
/// the length.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret as it stands. An empty one is allowed here and never matches a signature.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// Several secrets separated by commas, as a variable has them while one is rotated.
    /// Space around each, and empty ones, fall away.
    #[must_use]
    pub fn list(text: &str) -> Vec<Secret> {
        text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(Secret::new).collect()
    }

    /// The secret itself: for a key or a header, never for text that a person or a log gets.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Writes it and a line end where it is kept.
    ///
    /// # Errors
    /// When that does not take it.
    pub fn write_to(&self, place: &mut dyn std::io::Write) -> std::io::Result<()> {
        writeln!(place, "{}", self.0)
    }

    /// A few characters by which it is known again, and which tell nothing of it.
    #[must_use]
    pub fn mark(&self) -> String {
        let mut digest = hex::encode(Sha256::digest(format!("webhook subscription {}", self.0)));
        digest.truncate(12);
        digest
    }

    /// `true` when there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(hidden)");
        assert_eq!(format!("{:?}", vec![Secret::new("")]), "[Secret(hidden)]");
    }

    #[test]
    fn a_list_drops_space_and_nothing_else() {
        let cases: [(&str, &[&str]); 5] = [
            ("", &[]),
            (" , ,", &[]),
            ("one", &["one"]),
            ("old, new ", &["old", "new"]),
            ("a+b/c==,d e", &["a+b/c==", "d e"]),
        ];
        for (text, expected) in cases {
            let read: Vec<String> = Secret::list(text).iter().map(|one| one.expose().to_owned()).collect();
            assert_eq!(read, expected, "{text:?}");
        }
    }
}
