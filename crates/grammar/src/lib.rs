//! The command language shared by terminal, chat and API: clap definitions, surfaces, chat word splitting. No I/O.
//!
//! What follows `/blocks` in chat is what follows `blocks` in a shell. [`Command`] is what both understand: the
//! terminal embeds it in its own parser, [`parse_chat`] reads a typed chat line with it. [`COMMANDS`] names the
//! surfaces of every command; a test holds the two together.

mod chat;
mod command;
mod handing;
mod inbox;
mod incident;
mod nearest;
mod oncall;
mod split;
mod surface;
mod update;

pub use chat::{ChatParse, parse_chat};
pub use command::{
    AnswerWord, Command, Deny, JournalCommand, Param, PirCommand, RequestError, RunbookCommand,
};
pub use handing::{EscalateArgs, HandOverArgs};
pub use inbox::{InboxCommand, RetryArgs};
pub use incident::{ActionCommand, IncidentCommand, IncidentVerb, RollbackCommand, Switch, TimelineCommand};
pub use oncall::{OnCallArgs, TriggerCommand};
pub use split::{SplitError, split_words};
pub use surface::{
    COMMANDS, CommandInfo, SERVER_COMMANDS, Surface, SurfaceOption, TERMINAL_OPTIONS, commands_on,
};
