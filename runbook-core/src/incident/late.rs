//! When the pager said last what it says again and again: how severe it is, whose it is, where people talk, who has it. Its messages
//! come in any order, and an older word never takes the place of a later one.

use chrono::{DateTime, Utc};

use super::event::IncidentEvent;
use super::state::Incident;
use crate::journal::Envelope;
use crate::ports::PagerEventKind;
use crate::sabotage::{self, Sabotage};

/// What is noted when it is still of the same service, and that was said later than what is known.
pub const SAME_SERVICE: &str = "service";
/// What is noted when an acknowledgement has run out of which nobody has told yet.
pub(super) const RUN_OUT: &str = "unacknowledged";

/// The times of the pager's last words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastWords {
    severity: Option<DateTime<Utc>>,
    service: Option<DateTime<Utc>>,
    bridge: Option<DateTime<Utc>>,
    taken: Option<DateTime<Utc>>,
}

impl LastWords {
    /// Keeps when the pager said it; what others said has no time of the pager.
    pub(super) fn hear(&mut self, envelope: &Envelope<IncidentEvent>) {
        let Some(at) = envelope.occurred_at else { return };
        let word = match &envelope.event {
            IncidentEvent::Opened { pager: Some(_), .. } => {
                self.service = Some(at);
                &mut self.severity
            }
            IncidentEvent::SeverityChanged { .. } | IncidentEvent::SeverityConfirmed { .. } => {
                &mut self.severity
            }
            IncidentEvent::ServiceChanged { .. } => &mut self.service,
            IncidentEvent::BridgeChanged { .. } => &mut self.bridge,
            IncidentEvent::Acknowledged { .. } | IncidentEvent::Unacknowledged => &mut self.taken,
            IncidentEvent::PagerNoted { what, .. } if what == SAME_SERVICE => &mut self.service,
            IncidentEvent::PagerNoted { what, .. } if what == RUN_OUT => &mut self.taken,
            _ => return,
        };
        *word = (*word).max(Some(at));
    }
}

fn is_after(word: Option<DateTime<Utc>>, at: DateTime<Utc>) -> bool {
    word.is_some_and(|word| word > at) && !sabotage::is_on(Sabotage::BelieveLate)
}

impl Incident {
    /// Whether the pager has told a later word on the same, so that this one changes nothing.
    #[must_use]
    pub fn knows_later_word(&self, kind: &PagerEventKind, occurred_at: DateTime<Utc>) -> bool {
        let word = match kind {
            PagerEventKind::ServiceChanged => self.last_words.service,
            PagerEventKind::BridgeChanged { .. } => self.last_words.bridge,
            _ => return false,
        };
        is_after(word, occurred_at)
    }

    /// Whether the pager has told later how severe it is.
    pub(super) fn knows_later_severity(&self, occurred_at: DateTime<Utc>) -> bool {
        is_after(self.last_words.severity, occurred_at)
    }

    /// Whether this word on the severity is later than the last one.
    pub(super) fn is_later_on_severity(&self, occurred_at: DateTime<Utc>) -> bool {
        self.last_words.severity.is_some_and(|word| word < occurred_at)
    }

    /// Whether the pager has told by then, or later, who has it or that nobody does.
    pub(super) fn knows_who_has_it_at(&self, occurred_at: DateTime<Utc>) -> bool {
        self.last_words.taken.is_some_and(|word| word >= occurred_at)
    }

    /// Whether an acknowledgement had run out before anybody told of it.
    pub(super) fn has_run_out_since(&self, occurred_at: DateTime<Utc>) -> bool {
        is_after(self.last_words.taken, occurred_at)
    }
}
