//! A command that writes a GiB: the most memory that engine and supervisor have at any time.

use std::path::Path;

use tokio::time::Instant;

use super::place::{PATIENCE, Place};
use crate::bench::process::Process;
use crate::bench::servers::environment;
use crate::exit::Stop;

/// Between two looks at a process.
const LOOK: std::time::Duration = std::time::Duration::from_millis(5);

/// What it came to, in MiB and seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Peak {
    pub(super) engine: f64,
    pub(super) supervisor: f64,
    pub(super) seconds: f64,
}

/// Runs it with the real command in a process of its own.
pub(super) async fn run(mib: u64) -> Result<Peak, Stop> {
    let place = Place::new()?;
    let bytes = mib << 20;
    let text = format!(
        "---\nservice: output\n---\n# Output\n\n## Write\n\n```bash {{effect=read timeout=10m}}\nset +o pipefail; yes 'the quick brown fox jumps over the lazy dog, again and again' | head -c {bytes}\n```\n"
    );
    let file = place.runbook("output", &text)?;
    let ours = std::env::current_exe().map_err(Stop::failed)?;
    let words = [
        "runbook",
        "run",
        &file.display().to_string(),
        "--yes",
        "--config",
        &place.config().display().to_string(),
    ]
    .map(str::to_owned);
    let began = Instant::now();
    let log = place.path().join("log");
    let mut process = Process::start("blocks runbook run", &ours, &words, &environment(place.path()), &log)?;
    let (mut engine, mut supervisor) = (0, 0);
    let ended = loop {
        engine = process.peak().unwrap_or(0).max(engine);
        supervisor = supervisors(&place.runs()).max(supervisor);
        if let Some(status) = process.has_ended() {
            break status;
        }
        if began.elapsed() > PATIENCE {
            return Err(Stop::failed("a GiB of output does not come to its end"));
        }
        tokio::time::sleep(LOOK).await;
    };
    if engine == 0 || supervisor == 0 || !ended.contains(": 0") {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        return Err(Stop::failed(format!("the run of much output ended with {ended}: {}", said.trim())));
    }
    let mib = crate::bench::mib;
    Ok(Peak { engine: mib(engine), supervisor: mib(supervisor), seconds: began.elapsed().as_secs_f64() })
}

/// The supervisors' peaks, as their runs' folders name them.
fn supervisors(runs: &Path) -> u64 {
    let Ok(folders) = std::fs::read_dir(runs) else { return 0 };
    let peak = |folder: std::fs::DirEntry| {
        let text = std::fs::read(folder.path().join("supervisor.json")).ok()?;
        let pid = serde_json::from_slice::<serde_json::Value>(&text).ok()?["pid"].as_u64()?;
        crate::bench::process::peak_of(u32::try_from(pid).ok()?)
    };
    folders.flatten().filter_map(peak).sum()
}
