//! The run: one execution of one plan. Intent before effect, outcome after, and doubt said aloud.

mod again;
mod approve;
mod budget;
mod command;
mod decide;
mod event;
mod hold;
mod lock;
mod names;
mod probe;
mod reads;
mod row;
mod several;
mod stage;
mod state;
#[cfg(test)]
pub(crate) mod tests;
mod undo;
mod wait;

pub use approve::{Approval, refused_words};
pub use budget::Budget;
pub use command::{NewRun, Rejection, RunCommand};
pub use decide::{Decision, Effect, ResumePoint, decide, plan_run};
pub use event::{MessageKind, Overrun, Question, RunEvent, Unit, UnitRole, Verdict};
pub use hold::Hold;
pub use lock::{LOCK_COUNTER, take_target, taken_epoch, takes_target};
pub use stage::LoopCount;
pub use state::{Attempt, CommandPhase, Run, Status, evolve};
