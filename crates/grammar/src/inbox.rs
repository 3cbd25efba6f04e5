//! The words about what came in and was not understood.

use clap::{Args, Subcommand};
use runbook_core::request::Request;

/// `inbox ...`
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum InboxCommand {
    /// Name what was accepted and could not be understood or acted on, newest first
    #[command(
        after_help = "Examples:\n  blocks inbox list\n  blocks inbox list --source pagerduty --body\n  blocks inbox list -o json | jq .letters"
    )]
    List {
        /// Only what came from there, such as pagerduty or slack
        #[arg(long, value_name = "SOURCE")]
        source: Option<String>,
        /// What was understood and is of no consequence too, such as a ping
        #[arg(long)]
        all: bool,
        /// With the beginning of each body; what may be a secret is taken out
        #[arg(long)]
        body: bool,
    },
    /// Take it up again, the way it first came: after an upgrade, or once what was missing is there
    #[command(
        after_help = "Examples:\n  blocks inbox retry 01CH754SM17TWPE2V2H4VPBRO7\n  blocks inbox retry --all --source pagerduty\n\nWhat somebody asked for in chat is not done in their name much later: then they ask again."
    )]
    Retry(RetryArgs),
}

/// Which of them.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct RetryArgs {
    /// Its id, as `inbox list` prints it
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    pub id: Option<String>,
    /// All of them
    #[arg(long)]
    pub all: bool,
    /// Only what came from there, such as pagerduty or slack
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<String>,
}

impl InboxCommand {
    /// The request that this command stands for.
    #[must_use]
    pub fn to_request(&self) -> Request {
        match self {
            InboxCommand::List { source, all, body } => {
                Request::InboxList { source: source.clone(), all: *all, body: *body }
            }
            InboxCommand::Retry(RetryArgs { id, source, .. }) => {
                Request::InboxRetry { id: id.clone(), source: source.clone() }
            }
        }
    }
}
