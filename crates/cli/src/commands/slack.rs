//! `blocks slack manifest`: what Slack is told about the app.

use std::path::Path;

use slack_bot::{CommandWord, ManifestConfig, Tier, manifest};

use crate::args::{SlackCommand, SlackTier};
use crate::config::Config;
use crate::exit::{Code, Stop};
use crate::printer::{self, Output};

/// Prints the manifest as JSON, which Slack takes as it is.
pub(crate) fn run(command: SlackCommand, config: Option<&Path>, output: Output) -> Result<Code, Stop> {
    let SlackCommand::Manifest { tier, url, command } = command;
    let tier = match tier {
        SlackTier::Read => Tier::Read,
        SlackTier::Respond => Tier::Respond,
        SlackTier::Full => Tier::Full,
    };
    let command = match command {
        Some(command) => CommandWord::new(&command).map_err(Stop::usage)?,
        None => Config::load(config)?.file.slack.unwrap_or_default().word(),
    };
    let is_for_sockets = url.is_none();
    let made = manifest(&ManifestConfig { tier, command, url }).map_err(Stop::usage)?;
    match output {
        Output::Json => printer::json(&made),
        Output::Text => printer::data(&format!("{made:#}")),
    }
    printer::note(if is_for_sockets {
        "then, in the app's settings under Basic Information, make an app-level token with connections:write: that is SLACK_APP_TOKEN"
    } else {
        "then, in the app's settings under Basic Information, is the signing secret: that is SLACK_SIGNING_SECRET"
    });
    Ok(Code::Success)
}
