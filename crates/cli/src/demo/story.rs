//! The story as it goes: on stderr, with times. One line each, so that it reads the same on a terminal and in a pipe.

use chrono::{DateTime, Utc};

use blocks_engine::{Clock as _, SystemClock};

use super::act::Failure;
use super::world::World;
use crate::printer;

/// Tells what happens.
pub(crate) struct Story {
    began: DateTime<Utc>,
}

impl Story {
    pub(crate) fn new(title: &str, began: DateTime<Utc>) -> Story {
        printer::note(title);
        Story { began }
    }

    /// One thing that happened.
    pub(crate) fn tell(&mut self, text: &str) {
        let since = SystemClock.now() - self.began;
        let seconds = since.num_milliseconds() as f64 / 1000.0;
        printer::note(&format!("{seconds:7.2} s  {text}"));
    }

    /// What a person may do now.
    pub(crate) fn invitation(&self, world: &World) {
        printer::note(&format!(
            "\nOpen {} in a browser: \"A first walk\" says where to begin. Everything stands until Ctrl-C.\nBeside it, in \
             another terminal:\n  {} incident list --config {}",
            world.page(),
            world.program.display(),
            world.config_file().display()
        ));
    }

    /// The end that everybody hoped for.
    pub(crate) fn farewell(&self, world: &World, report: &serde_json::Value) {
        printer::data(report["pir_path"].as_str().unwrap_or("no review"));
        let blocks = world.program.display();
        let config = world.config_file().display().to_string();
        printer::note(&format!(
            "\nThe review is written: every statement names the event that proves it.\nWhat to try next:\n  \
             less {}\n  {blocks} incident show INC-1 --config {config}\n  {blocks} journal verify --config {config}\n  \
             {blocks} runbook plan rollback_to_pilot --config {config}\n  {blocks} demo --break slack-down\n  \
             {blocks} demo --hands-on      the same world, played by you in a browser\n\
             Then your own: README.md shows the ten lines to a real Slack workspace and PagerDuty account.",
            report["pir_path"].as_str().unwrap_or("")
        ));
    }

    /// The end that was not hoped for.
    pub(crate) fn failure(&self, failure: &Failure) {
        printer::note(&format!(
            "\nThe demo stopped at: {}\n{}\nhint: {}",
            failure.at, failure.error, failure.hint
        ));
    }
}
