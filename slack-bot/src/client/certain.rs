//! Attempts that certainly posted nothing: Slack said that there were too many calls. Nothing has to be looked for after them.
//!
//! Looking has a limit of its own: many messages that wait for one channel would look for each other's sake until that, too,
//! is used up. What is remembered dies with the process; then it is looked for.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Beyond so many entries all are forgotten.
const MANY: usize = 4_096;

/// By key, the last attempt up to which nothing was posted.
#[derive(Debug, Default)]
pub(super) struct Certain(Mutex<HashMap<String, u32>>);

impl Certain {
    /// Whether no attempt before this one can have posted anything.
    pub(super) fn nothing_before(&self, key: &str, attempt: u32) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        attempt <= 1 || known.get(key).is_some_and(|last| last.saturating_add(1) >= attempt)
    }

    /// Nothing before this attempt posted anything, and neither did this one.
    pub(super) fn refused(&self, key: &str, attempt: u32) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MANY {
            known.clear();
        }
        known.insert(key.to_owned(), attempt);
    }

    /// What came of it is known, or will never be.
    pub(super) fn forget(&self, key: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_unbroken_row_of_refusals_is_certain() {
        let certain = Certain::default();
        assert!(certain.nothing_before("a", 1) && !certain.nothing_before("a", 2));
        certain.refused("a", 1);
        assert!(
            certain.nothing_before("a", 2)
                && !certain.nothing_before("a", 3)
                && !certain.nothing_before("b", 2)
        );
        certain.refused("a", 2);
        assert!(certain.nothing_before("a", 3));
        certain.forget("a");
        assert!(!certain.nothing_before("a", 4));
        for number in 0..=MANY {
            certain.refused(&number.to_string(), 1);
        }
        assert!(certain.0.lock().unwrap().len() <= MANY);
    }
}
