//! `blocks drill run`: an incident that people lead on the real code path against the sandbox, and a score for it.
//!
//! The world is the demo's: nothing of it can reach a real cluster or account. What the score says is read from the
//! drill's own journal when it is over.

use std::path::Path;
use std::time::Duration;

use blocks_engine::{Clock as _, Reply, SystemClock, incident_reads};
use serde_json::{Value, json};

use crate::args::DrillArgs;
use crate::commands::serve::wait_for_the_end;
use crate::commands::{compose_check, open_journal};
use crate::config::Config;
use crate::demo::act;
use crate::demo::story::Story;
use crate::demo::world::World;
use crate::exit::{Code, Stop};
use crate::printer::{self, Output};

/// How often it is looked whether it is over.
const LOOK: Duration = Duration::from_secs(1);
/// The incident of a fresh journal.
const INCIDENT: &str = "INC-1";

/// How a drill ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The incident is over, and its review is drafted.
    Played,
    /// Somebody stopped it.
    Stopped,
    /// Its time was over.
    TimeUp,
}

impl End {
    fn word(self) -> &'static str {
        match self {
            End::Played => "played",
            End::Stopped => "stopped",
            End::TimeUp => "time_up",
        }
    }
}

/// Builds the world, lets the page go out, waits for the end, and scores.
pub(crate) async fn run(args: &DrillArgs, output: Output) -> Result<Code, Stop> {
    compose_check()?;
    let title = "Blocks: a drill. You lead the incident; everything happens on this machine.\n";
    let mut story = Story::new(title, SystemClock.now());
    let mut world = World::build(args.dir.as_deref(), None, &mut story).await?;
    let begun = begin(&mut world, &mut story).await;
    let end = match &begun {
        Ok(()) => tokio::select! {
            ended = until_over(&world) => ended.map(|()| End::Played),
            stopped = wait_for_the_end(false) => stopped.map(|()| End::Stopped),
            () = tokio::time::sleep(args.limit) => Ok(End::TimeUp),
        },
        Err(stop) => Err(Stop::failed(stop.text.clone())),
    };
    world.end().await?;
    let end = end?;
    let scored = scored(&world.config_file()).await?;
    match output {
        Output::Json => printer::json(&report(&world, end, &scored.data)),
        Output::Text => {
            printer::data(&scored.text);
            tell(&world, end);
        }
    }
    Ok(if end == End::Played { Code::Success } else { Code::Failed })
}

/// The page goes out, and whoever leads is told where.
async fn begin(world: &mut World, story: &mut Story) -> Result<(), Stop> {
    let failed = |failure: act::Failure| {
        Stop::failed(format!(
            "the drill did not begin: {}: {}\nhint: {}",
            failure.at, failure.error, failure.hint
        ))
    };
    act::page(world, None, story).await.map_err(failed)?;
    act::card(world, story).await.map_err(failed)?;
    story.tell("the clock of the target runs: it is yours");
    printer::note(&format!(
        "\nLead it at {} as ana (a commander) and ben (a responder), or in another terminal:\n  {} status {INCIDENT} \
         --config {}\nIt is over when the incident is resolved, or at Ctrl-C; then it is scored.",
        world.page(),
        world.program.display(),
        world.config_file().display(),
    ));
    Ok(())
}

/// Returns when the incident is over and its review is there.
async fn until_over(world: &World) -> Result<(), Stop> {
    loop {
        let shown = act::incident(world).await?;
        if shown["status"] == "resolved" && !shown["review_file"].is_null() {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The score, from the journal that the drill left.
async fn scored(config: &Path) -> Result<Reply, Stop> {
    let config = Config::load(Some(config))?;
    let store = open_journal(&config)?;
    Ok(incident_reads::score(&store, &config.settings, INCIDENT, SystemClock.now()).await?)
}

fn report(world: &World, end: End, scored: &Value) -> Value {
    json!({
        "incident": INCIDENT,
        "end": end.word(),
        "points": scored["points"],
        "met": scored["met"],
        "of": scored["of"],
        "dir": world.dir,
    })
}

fn tell(world: &World, end: End) {
    let how = match end {
        End::Played => "It was led to its end.",
        End::Stopped => "It was stopped before the incident was over.",
        End::TimeUp => "Its time was over before the incident was.",
    };
    printer::note(&format!(
        "\n{how} Its journal and review are in {}:\n  {} incident show {INCIDENT} --config {}",
        world.dir.display(),
        world.program.display(),
        world.config_file().display(),
    ));
}
