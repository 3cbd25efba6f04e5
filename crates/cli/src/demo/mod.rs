//! `blocks demo`: one whole incident on the real code path, without any account.
//!
//! The server and the sandbox are processes of their own that share nothing with each other but TCP and a
//! `blocks.toml`. The demo is a third party: it moves the sandbox's hands, and everything that it reports is read back
//! from the sandbox's state, the target's request log, or the journal.

mod act;
mod clients;
mod processes;
mod report;
mod story;
mod world;

use blocks_engine::{Clock as _, SystemClock};

use crate::args::DemoArgs;
use crate::commands::compose_check;
use crate::exit::{Code, Stop};
use crate::printer::{self, Output};

/// Plays the incident and reports.
pub(crate) async fn run(args: &DemoArgs, output: Output) -> Result<Code, Stop> {
    compose_check()?;
    let began = SystemClock.now();
    let mut story = story::Story::new(began);
    let mut world = world::World::build(args, &mut story).await?;
    let played = act::play(&mut world, args.fault, &mut story).await;
    let report = report::collect(&world, played.as_ref().err(), began).await;
    let ended = world.end().await;
    let ok = report["ok"] == true;
    match (&played, output) {
        (_, Output::Json) => printer::json(&report),
        (Ok(()), Output::Text) => story.farewell(&world, &report),
        (Err(_), Output::Text) => {}
    }
    if let Err(failure) = &played {
        story.failure(failure);
    }
    ended?;
    Ok(if ok { Code::Success } else { Code::Failed })
}
