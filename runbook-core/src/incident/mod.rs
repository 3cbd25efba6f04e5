//! The incident: what it is, how it changes, what must happen because of it.

mod alerts;
mod calls;
mod capture;
mod changes;
mod clock;
mod command;
mod decide;
mod drift;
mod event;
mod handover;
mod join;
mod late;
mod look;
mod outputs;
mod pager;
mod record;
mod reminders;
mod state;
mod tell;
#[cfg(test)]
pub(crate) mod tests;
mod triage_note;
mod verbs;

pub use alerts::{Alerts, AlertsTold, Raise, open_for_alerts};
pub use calls::{CallAnswer, Calls, ESCALATION};
pub use capture::{Captured, FileLink, NoteChange, NoteSource, Via, note_words};
pub use clock::{Callee, Clock, PagerRings, Rung, StandIns};
pub use command::{AskAtPager, IncidentCommand, LookEnd, OpenIncident, Rejection, Taken, Word};
pub use decide::{
    ACK_NOT_REPEATED, ACK_WITHDRAWN, Decision, Effect, LEFT_OPEN, RESOLVE_NOT_REPEATED, RESOLVE_WITHDRAWN,
    decide, open,
};
pub use drift::{Before, Drifted, drift, is_to_tell_again, missed_notes};
pub use event::{ChangeNoted, IncidentEvent, PagerRef, RunOutcome, SharedFrom};
pub use handover::{Escalate, HANDOVER_WINDOW_S, Offer, PagedOver, Passed};
pub use join::{Joining, PageSeverity};
pub use late::{LastWords, SAME_SERVICE};
pub use look::SharedLook;
pub use outputs::{Excerpt, ShownOutput, excerpt};
pub use pager::Bridge;
pub use record::{ActionItem, End, Update};
pub use reminders::{
    Asking, Look, Reminders, RollbackRequest, Rules, Topic, Urgency, Waiting, next_look,
    next_look_after_change, waiting,
};
pub use state::{Commander, Evidence, Incident, Replay, RunLink, Status, Triage, evolve};
pub use tell::Told;
