//! The shell around the core: it reads, decides with the core, writes events, timers and messages in one
//! transaction, and only then performs effects.
//!
//! Nothing here takes a hint: every loop re-reads the store, so that a restart is the same path as a normal day.

mod absent;
mod alerts;
mod approval_page;
mod approving;

mod attach;
mod calls;
mod capture;
mod carry_on;
mod change_events;
mod changes;
mod choosing;
mod climb;
mod clock;
mod codes;
mod crash;
mod deaf;
mod deliver;
pub mod describe;
mod early;
mod engine;
mod error;
mod escalate;
mod forms;
mod git;
mod guarded;
pub mod handover;
mod heartbeat;
mod held;
mod inbox;
pub mod incident_reads;
mod incident_requests;
mod incidents;
mod late;
pub mod left_open;
pub mod letters;
mod library;
mod locks;
mod metrics;
pub mod on_call;
mod origin;
mod outbox;
mod outputs;
mod pager_echo;
mod pager_events;
mod pager_look;
mod pager_people;
mod people;
mod pings;
mod planning;
mod plans;
pub mod read;
mod recover;
mod refusals;
mod reminders;
mod requests;
mod review;
mod ringing;
mod runs;
mod said;
mod secrets;
mod sees;
mod settings;
mod sharing;
mod show;
mod streams;
pub mod suggesting;
#[cfg(test)]
mod testkit;
#[cfg(test)]
mod tests;
mod ticker;
mod triage;
pub mod triggers;
mod under_way;
pub mod unsent;
mod untold;
mod updates;
pub mod which;

pub use absent::Absent;
pub use alerts::{explain, explain_loose};
pub use clock::{Clock, Ids, SystemClock, UuidV7};
pub use engine::{Engine, Parts};
pub use error::EngineError;
pub use git::{Fetched, GitDeployments, GitSource};
pub use heartbeat::HeartbeatSettings;
pub use library::{Library, LibraryEntry, LibraryError, is_markdown};
pub use metrics::Metrics;
pub use origin::{Asker, Reply};
pub use people::People;
pub use plans::{Asked, draft_reply};
pub use secrets::{SecretKey, SecretSource};
pub use sees::Hidden;
pub use settings::{
    HandoverSettings, PagerLook, PagerTells, PirSettings, RotationSettings, ServiceSettings, Settings,
    TriageSettings,
};
pub use show::{IncidentShow, RecoveredRun, RecoveredStep, RunShow, StepShow, TimelineEntry};
pub use updates::{UpdateSettings, UpdatesOfService, drafts};
