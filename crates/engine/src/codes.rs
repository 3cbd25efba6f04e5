//! Short codes. Four characters are soon made to fit: whoever writes plans can vary one until its code is that of another. So a
//! short code names a plan only while no other plan on record has it.

use chrono::Duration;
use runbook_core::plan::Fingerprint;
use runbook_core::ports::RunRow;

use crate::engine::Engine;
use crate::error::EngineError;

/// How long ago somebody may have seen a code that they type now, in days.
const REMEMBERED_DAYS: i64 = 30;

impl Engine {
    /// Refuses what was typed when it is less than a whole fingerprint and fits another plan as well that people may have
    /// seen. What does not name this run is left to the core's check.
    pub(crate) async fn check_code(&self, row: &RunRow, typed: Option<&str>) -> Result<(), EngineError> {
        let (Some(typed), Some(own)) = (typed, &row.fingerprint) else { return Ok(()) };
        if typed.len() >= own.as_str().len() || !own.is_named_by(typed) {
            return Ok(());
        }
        let since = self.now() - Duration::days(REMEMBERED_DAYS);
        let typed = typed.to_ascii_lowercase();
        let Some(other) = self.store().other_of_code(typed.clone(), own.clone(), since).await? else {
            return Ok(());
        };
        let apart = other.fingerprint.as_ref().map_or(typed.len(), |other| alike(own, other)) + 1;
        Err(EngineError::Refused(format!(
            "{} stands for two plans: run {} ({}) and run {} ({}); hint: look at `blocks runbook status {}`, then approve with at least {apart} characters of its fingerprint",
            typed.to_ascii_uppercase(),
            row.id,
            row.runbook,
            other.id,
            other.runbook,
            row.id,
        )))
    }
}

/// With how many characters both begin.
fn alike(one: &Fingerprint, other: &Fingerprint) -> usize {
    one.as_str().bytes().zip(other.as_str().bytes()).take_while(|(a, b)| a == b).count()
}
