//! The floor: the same shell and the same three durable writes with nothing around them, and barer ones beside it.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use blocks_exec::DEFAULT_ENV_NAMES;
use rusqlite::Connection;
use tokio::time::Instant;

use super::place::{Place, bash};
use super::{Course, Shell};
use crate::exit::Stop;

/// What is done around each command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Around {
    /// bash on the script that the engine gave it, an intent and an outcome committed to SQLite, the status in a file.
    Same,
    /// The same writes, and bash on the command's text alone.
    Plain,
    /// bash on the command's text alone, and nothing written.
    Nothing,
}

/// Runs the commands one after the other.
pub(super) fn run(around: Around, shell: &Shell) -> Result<Course, Stop> {
    let place = Place::new()?;
    let bash = bash()?;
    let folder = place.path();
    shell.write(folder)?;
    let mut journal = match around {
        Around::Nothing => None,
        _ => Some(journal(folder).map_err(Stop::failed)?),
    };
    let mut starts = Vec::with_capacity(shell.len() + 1);
    for number in 1..=shell.len() {
        starts.push(Instant::now());
        if let Some(journal) = &mut journal {
            record(journal, number, "started").map_err(Stop::failed)?;
        }
        let file = if around == Around::Same { "wrapper.sh" } else { "command.sh" };
        let output = start(&bash, &folder.join(format!("{number}.{file}")), folder)?;
        if let Some(journal) = &mut journal {
            keep(folder, number, &output).map_err(Stop::failed)?;
            if around == Around::Same {
                hand_on(folder, number).map_err(Stop::failed)?;
            }
            record(journal, number, "ended").map_err(Stop::failed)?;
        }
    }
    starts.push(Instant::now());
    let ms = |from: usize, to: usize| match (starts.get(from), starts.get(to)) {
        (Some(from), Some(to)) => (*to - *from).as_secs_f64() * 1_000.0,
        _ => 0.0,
    };
    Ok(Course { cold: ms(0, 1), warm: super::per(ms(1, shell.len()), shell.len() - 1) })
}

/// How many commands a second bash can be started for at all, that many side by side. Nothing is written by this.
pub(super) fn rate(shell: &Shell, side_by_side: usize) -> Result<f64, Stop> {
    let bash = bash()?;
    let places: Vec<Place> = (0..side_by_side).map(|_| Place::new()).collect::<Result<_, _>>()?;
    for place in &places {
        shell.write(place.path())?;
    }
    let began = Instant::now();
    std::thread::scope(|scope| {
        let bash = &bash;
        let all: Vec<_> = places
            .iter()
            .map(|place| {
                scope.spawn(move || {
                    for number in 1..=shell.len() {
                        start(bash, &place.path().join(format!("{number}.wrapper.sh")), place.path())?;
                        hand_on(place.path(), number).map_err(Stop::failed)?;
                    }
                    Ok::<_, Stop>(())
                })
            })
            .collect();
        all.into_iter().try_for_each(|one| {
            one.join().unwrap_or_else(|_| Err(Stop::failed("a thread of the floor ended")))
        })
    })?;
    Ok(super::rate(side_by_side * shell.len(), began.elapsed()))
}

#[expect(clippy::disallowed_methods, reason = "the floor is a bare process start")]
fn start(bash: &Path, script: &Path, folder: &Path) -> Result<std::process::Output, Stop> {
    let output = Command::new(bash)
        .args(["--noprofile", "--norc"])
        .arg(script)
        .env_clear()
        // What commands of a run are given too: bash takes its time over a language.
        .envs(DEFAULT_ENV_NAMES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(Stop::failed)?;
    if output.status.success() {
        return Ok(output);
    }
    Err(Stop::failed(format!(
        "a command of the floor failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    )))
}

/// As the store has it: write-ahead log, on disk at each commit.
fn journal(folder: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(folder.join("floor.db"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch("CREATE TABLE events (n INTEGER PRIMARY KEY, command INTEGER, what TEXT)")?;
    Ok(connection)
}

fn record(journal: &Connection, number: usize, what: &str) -> rusqlite::Result<()> {
    let mut insert = journal.prepare_cached("INSERT INTO events (command, what) VALUES (?1, ?2)")?;
    insert.execute(rusqlite::params![i64::try_from(number).unwrap_or(i64::MAX), what]).map(drop)
}

/// Write, sync, rename.
fn keep(folder: &Path, number: usize, output: &std::process::Output) -> std::io::Result<()> {
    let new = folder.join(format!("{number}.outcome.new"));
    let mut file = File::create_new(&new)?;
    let text = serde_json::json!({
        "code": output.status.code(),
        "stdout": String::from_utf8_lossy(&output.stdout), "stderr": String::from_utf8_lossy(&output.stderr),
    });
    file.write_all(text.to_string().as_bytes())?;
    file.sync_data()?;
    fs::rename(new, folder.join(format!("{number}.outcome")))
}

/// What the next command starts from.
fn hand_on(folder: &Path, number: usize) -> std::io::Result<()> {
    for kind in ["state", "directory"] {
        fs::rename(folder.join(format!("{number}.{kind}.new")), folder.join(format!("{number}.{kind}")))?;
    }
    Ok(())
}
