//! What the core needs from outside, as traits without any runtime's types.
//!
//! An adapter implements one of these and nothing else of Blocks knows its wire types.

mod chat;
mod executor;
mod intake;
mod mail;
mod mark;
mod pager;
mod status_page;
mod store;

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
pub use pager::{
    ESCALATE_KEY, LookAt, PAGE_KEY_PREFIX, PageDetails, Pager, PagerCall, PagerError, PagerUser, SeenChange,
    SeenIncident, SeenNote, SeenStatus, UNDO_FAILED_KEY,
};
pub use status_page::{Published, StatusPage, StatusPost};
pub use store::{
    Append, Blob, Commit, CommitError, CounterRaise, DeadLetter, InboxOutcome, IncidentRow, OutboxItem,
    OutboxResult, OutboxRow, RowChange, RunRow, Store, StoreError, StoreReport, StreamSummary, Timer,
    TimerChange, TokenRow,
};

/// A boxed future: keeps the ports usable as trait objects, whatever the runtime.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
