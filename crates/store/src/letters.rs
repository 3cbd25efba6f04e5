//! What of a kept message is handed out: its body is looked through once, and only as much of it is kept as is wanted.

use aho_corasick::{AhoCorasick, BuildError};
use runbook_core::ports::{DeadLetter, InboxItem, Letters};

/// What is wanted of the kept messages.
pub(crate) struct Wanted {
    words: Option<Result<AhoCorasick, BuildError>>,
    most: Option<usize>,
}

impl Wanted {
    pub(crate) fn new(which: &Letters) -> Wanted {
        let words: Vec<&String> = which.words.iter().filter(|word| !word.is_empty()).collect();
        Wanted { words: (!words.is_empty()).then(|| AhoCorasick::new(words)), most: which.body }
    }

    /// Whether a body has one of the words. Where they are too many to be looked for it may have.
    fn is_in(&self, body: &[u8]) -> bool {
        match &self.words {
            Some(Ok(words)) => words.is_match(body),
            Some(Err(_)) => true,
            None => false,
        }
    }

    /// Whether bodies have to be read at all.
    pub(crate) fn bodies(&self) -> bool {
        self.words.is_some() || self.most != Some(0)
    }

    /// What is handed out of a message whose body has that size.
    pub(crate) fn of(&self, mut item: InboxItem, reason: String, size: usize) -> DeadLetter {
        let has_word = self.is_in(&item.body);
        if let Some(most) = self.most {
            item.body.truncate(most);
            item.body.shrink_to_fit();
        }
        DeadLetter { item, reason, size, has_word }
    }
}
