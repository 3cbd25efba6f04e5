//! The read-model row of a run.

use super::state::{Run, Status};
use crate::ports::RunRow;
use crate::{going_on, view};

impl Run {
    /// The read-model row.
    #[must_use]
    pub fn row(&self) -> RunRow {
        RunRow {
            id: self.id,
            incident: self.incident,
            runbook: self.plan.runbook.clone(),
            target: self.plan.target.clone(),
            mutating: self.plan.is_mutating() && !self.unasked,
            status: self.word().to_owned(),
            open: self.status.is_open(),
            created_at: self.created_at,
            fingerprint: Some(self.fingerprint.clone()),
            note: self.note(),
        }
    }

    /// Without what, or by whose word, it ended well.
    fn note(&self) -> Option<String> {
        if self.status != Status::Succeeded {
            return None;
        }
        let notes: Vec<String> =
            view::passed_over_words(self).into_iter().chain(going_on::vouched_words(self)).collect();
        // one line, whatever people gave as a reason
        (!notes.is_empty()).then(|| notes.join("; ").split_whitespace().collect::<Vec<_>>().join(" "))
    }
}
