//! The run: one execution of one plan. Intent before effect, outcome after, and doubt said aloud.

mod again;
mod answers;
mod approvals;
mod approve;
mod budget;
mod canary;
mod command;
mod decide;
mod doubts;
mod event;
mod handed;
mod hold;
mod lock;
mod names;
mod needs;
mod outcome;
mod probe;
mod reads;
mod row;
mod said;
mod several;
mod stage;
mod start;
mod state;
mod strict;
#[cfg(test)]
pub(crate) mod tests;
mod undo;
mod vouch;
mod wait;
mod why;

pub use approvals::plan_run;
pub use approve::{Approval, Compared, refused_words};
pub use budget::Budget;
pub use command::{NewRun, Rejection, RunCommand};
pub use decide::{Decision, Effect, ResumePoint, decide};
pub use event::{MessageKind, Overrun, Question, RunEvent, Unit, UnitRole, Verdict};
pub use handed::Handed;
pub use hold::Hold;
pub use lock::{LOCK_COUNTER, take_target, taken_epoch, takes_target};
pub use said::Said;
pub(crate) use several::of_group;
pub use stage::LoopCount;
pub use state::{Attempt, CommandPhase, Run, Status, evolve};
pub use vouch::Word;
