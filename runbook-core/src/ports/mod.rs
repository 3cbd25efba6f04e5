//! What the core needs from outside, as traits without any runtime's types.
//!
//! An adapter implements one of these and nothing else of Blocks knows its wire types.

mod chat;
mod executor;
mod intake;
mod mail;
mod mark;
mod meter;
mod pager;
mod status_page;
mod store;
mod watcher;

use std::future::Future;
use std::pin::Pin;

pub use chat::{Attempt, Chat, ChatReceipt, SendError, Spot};
pub use executor::{
    Begun, ExecError, Executor, Exit, Finished, Job, Output, REDACTED, Resumed, SecretValue, StateOutcome,
    Written,
};
pub use intake::{
    Accepted, Answer, ChatAnswer, ChatSignal, InboxItem, Intake, PagerEvent, PagerEventKind, PagerIncident,
    Signal, Translated, Translator,
};
pub use mail::{Letter, Mail};
pub use mark::{ChatMark, Marking, Quote};
pub use meter::Meter;
pub use pager::{
    CallPage, Circuit, ESCALATE_KEY, EventAction, EventSeverity, LookAt, PAGE_KEY_PREFIX, PageDetails,
    PageUrgency, Pager, PagerCall, PagerError, PagerStanding, PagerUser, SeenChange, SeenIncident, SeenNote,
    SeenStatus, TEST_KEY, UNDO_FAILED_KEY,
};
pub use status_page::{Published, StatusPage, StatusPost};
pub use store::{
    AlertsOf, Append, Blob, Commit, CommitError, CounterRaise, DEAD_LETTER, DeadLetter, EARLY_KEY,
    GIVEN_UP_AMONG, InboxOutcome, InboxStand, IncidentRow, Kept, Letters, OutboxItem, OutboxResult,
    OutboxRow, RowChange, RunRow, Store, StoreError, StoreReport, StreamSummary, Timer, TimerChange,
    TokenRow, Unsent,
};
pub use watcher::Watcher;

/// A boxed future: keeps the ports usable as trait objects, whatever the runtime.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
