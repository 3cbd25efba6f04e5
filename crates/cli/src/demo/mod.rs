//! `blocks demo`: one whole incident on the real code path, without any account.
//!
//! The server and the sandbox are processes of their own that share nothing with each other but TCP and a
//! `blocks.toml`. The demo is a third party: it moves the sandbox's hands, and everything that it reports is read back
//! from the sandbox's state, the target's request log, or the journal.

pub(crate) mod act;
pub(crate) mod clients;
mod processes;
mod report;
pub(crate) mod story;
pub(crate) mod world;

use blocks_engine::{Clock as _, SystemClock};

use crate::args::DemoArgs;
use crate::commands::compose_check;
use crate::commands::serve::wait_for_the_end;
use crate::exit::{Code, Stop};
use crate::printer::{self, Output};

/// Plays the incident and reports.
pub(crate) async fn run(args: &DemoArgs, output: Output) -> Result<Code, Stop> {
    compose_check()?;
    let began = SystemClock.now();
    let mut story = story::Story::new(
        "Blocks: one incident, from the page to the review. Everything happens on this machine.\n",
        began,
    );
    let mut world = world::World::build(args.dir.as_deref(), args.fault, &mut story).await?;
    if args.hands_on {
        return hands_on(&mut world, &story, output).await;
    }
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

/// Leaves the playing to the person before the page.
async fn hands_on(world: &mut world::World, story: &story::Story, output: Output) -> Result<Code, Stop> {
    let config = world.config_file();
    match output {
        Output::Json => printer::json(&serde_json::json!({ "page": world.page(), "config": config })),
        Output::Text => {
            printer::data(&world.page());
            story.invitation(world);
        }
    }
    wait_for_the_end(false).await?;
    world.end().await?;
    Ok(Code::Success)
}
