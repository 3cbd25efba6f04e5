//! The words that ask who is on call.

use clap::{Args, Subcommand};
use runbook_core::request::Request;

use crate::command::RequestError;

/// `oncall ...`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct OnCallArgs {
    /// A service; `test` and a service; or `export`, for the shifts of the rotations as a calendar
    #[arg(value_name = "SERVICE")]
    pub words: Vec<String>,
    /// With `export`: from this day, such as 2026-11-30; today when absent
    #[arg(long, value_name = "DAY")]
    pub from: Option<String>,
    /// With `export`: until this day; four weeks later when absent
    #[arg(long, value_name = "DAY")]
    pub until: Option<String>,
}

impl OnCallArgs {
    /// The request that this command stands for.
    ///
    /// # Errors
    /// When more is said than one service, or days without an export.
    pub fn to_request(&self) -> Result<Request, RequestError> {
        let has_days = self.from.is_some() || self.until.is_some();
        Ok(match self.words.as_slice() {
            [export] if export.eq_ignore_ascii_case("export") => {
                Request::OnCallExport { from: self.from.clone(), until: self.until.clone() }
            }
            [test] if test.eq_ignore_ascii_case("test") && !has_days => Request::OnCallTest { service: None },
            [test, service] if test.eq_ignore_ascii_case("test") && !has_days => {
                Request::OnCallTest { service: Some(service.clone()) }
            }
            [] if !has_days => Request::OnCall { service: None },
            [service] if !has_days => Request::OnCall { service: Some(service.clone()) },
            _ => return Err(RequestError::OnCallOfWhat),
        })
    }
}

/// `trigger ...`
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum TriggerCommand {
    /// Where each trigger stands
    #[command(
        after_help = "Example: blocks trigger list -o json | jq '.triggers[] | select(.status != \"quiet\")'"
    )]
    List,
    /// Send a trigger's message and page as a test, and measure how long they take
    #[command(
        after_help = "Example: blocks trigger test failure-rate\n\nWhat is sent says in every word that it is a test; no incident is opened, and the page is ended. The result is written into alert-validation.csv in the data folder."
    )]
    Test {
        /// The trigger's name
        #[arg(value_name = "NAME")]
        name: String,
    },
}

impl TriggerCommand {
    /// The request that this command stands for.
    #[must_use]
    pub fn to_request(&self) -> Request {
        match self {
            TriggerCommand::List => Request::TriggerList,
            TriggerCommand::Test { name } => Request::TriggerTest { name: name.clone() },
        }
    }
}
