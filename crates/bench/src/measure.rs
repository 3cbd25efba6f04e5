//! The measuring itself: rounds in which the sides take turns.

use std::path::Path;
use std::time::Duration;

use crate::aims::{Medians, Round, median};
use crate::clock::time;
use crate::documents::{KB, MB, document};
use crate::machine::command;
use crate::memory;
use crate::shapes::SHAPES;
use crate::sides::{self, Side};

/// How often the 10 KB document is read in one round: a reading by itself is too short for the clock.
const READINGS: usize = 200;
/// The two sizes of a shape, in bytes: below the limit that a document once had.
pub(crate) const SHAPE_BYTES: [usize; 2] = [200 * KB, 800 * KB];
/// A shape that takes more than this many times as long at four times the size grows worse than linearly. Linear is 4,
/// quadratic is 16, and the machine is never quite the same.
const WORST_GROWTH: f64 = 8.0;
/// A shape that is read as quickly as this has no growth worth a word.
const TOO_SHORT: Duration = Duration::from_millis(5);

/// Rounds of one thing.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Rounds {
    pub(crate) rounds: Vec<Round>,
    pub(crate) refused: bool,
}

impl Rounds {
    pub(crate) fn medians(&self) -> Medians {
        Medians::of(&self.rounds)
    }
}

/// Reads all texts with each side, `rounds` times, `readings` times each; every figure is multiplied by `factor`
/// seconds. The order turns by one from round to round.
pub(crate) fn reading(texts: &[String], rounds: usize, readings: usize, factor: f64) -> Rounds {
    let mut all = Rounds::default();
    for number in 0..rounds {
        let mut round = Round::default();
        let mut order = Side::ALL;
        order.rotate_left(number % Side::ALL.len());
        for side in order {
            let took: Option<Duration> = (0..readings).map(|_| side.read(texts)).sum();
            all.refused |= took.is_none();
            let figure = took.map(|took| took.as_secs_f64() * factor);
            match side {
                Side::Floor => round.floor = figure,
                Side::Mask => round.mask = figure,
                Side::Ours => round.ours = figure,
            }
        }
        all.rounds.push(round);
    }
    all
}

/// Microseconds for one document of 10 KB.
#[expect(clippy::cast_precision_loss, reason = "a few hundred")]
pub(crate) fn small(rounds: usize) -> Rounds {
    reading(&[document(10 * KB, 1)], rounds, READINGS, 1e6 / READINGS as f64)
}

/// Milliseconds for 10 MB as 1,000 documents.
pub(crate) fn many(rounds: usize) -> Rounds {
    let texts: Vec<String> = (0..1_000).map(|variant| document(10 * KB, variant)).collect();
    reading(&texts, rounds, 1, 1e3)
}

/// Milliseconds for 10 MB as one document.
pub(crate) fn large(rounds: usize) -> Rounds {
    reading(&[document(10 * MB, 1)], rounds, 1, 1e3)
}

/// Milliseconds per MB for one document of so many MB.
#[expect(clippy::cast_precision_loss, reason = "at most a few hundred")]
pub(crate) fn growth(megabytes: usize, rounds: usize) -> Rounds {
    reading(&[document(megabytes * MB, 1)], rounds, 1, 1e3 / megabytes as f64)
}

/// The peak's rise as multiples of the document's size, for one document of so many bytes.
///
/// # Errors
/// Why there is no figure.
#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52 bytes")]
pub(crate) fn memory(bytes: usize, rounds: usize) -> Result<Rounds, String> {
    let text = document(bytes, 1);
    let file = Scratch::new("memory")?;
    let path = file.0.join("document.md");
    std::fs::write(&path, &text).map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    let mut all = Rounds::default();
    for _ in 0..rounds {
        let mut figure = |side| -> Result<Option<f64>, String> {
            let rise = memory::in_a_child(side, &path)?;
            all.refused |= rise.is_none();
            Ok(rise.map(|rise| rise as f64 / text.len() as f64))
        };
        let round =
            Round { floor: figure(Side::Floor)?, mask: figure(Side::Mask)?, ours: figure(Side::Ours)? };
        all.rounds.push(round);
    }
    Ok(all)
}

/// A shape's times at both sizes, in milliseconds, for the floor and for ours.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ShapeTimes {
    pub(crate) name: &'static str,
    pub(crate) floor: [f64; 2],
    pub(crate) ours: [f64; 2],
    /// Ours grew too much: worse than linearly.
    pub(crate) steep: bool,
}

/// Reads every shape at both sizes.
pub(crate) fn shapes() -> Vec<ShapeTimes> {
    SHAPES.iter().map(|(name, make)| shape(name, *make)).collect()
}

fn shape(name: &'static str, make: fn(usize) -> String) -> ShapeTimes {
    let texts = SHAPE_BYTES.map(make);
    let floor = [0, 1].map(|at| {
        quickest(|| {
            sides::floor(&texts[at]);
        })
    });
    let ours = [0, 1].map(|at| quickest(|| drop(sides::ours(&texts[at]))));
    let growth = ours[1].as_secs_f64() / ours[0].as_secs_f64().max(1e-9);
    let steep = ours[1] > TOO_SHORT && growth > WORST_GROWTH;
    let milliseconds = |times: [Duration; 2]| times.map(|time| time.as_secs_f64() * 1e3);
    ShapeTimes { name, floor: milliseconds(floor), ours: milliseconds(ours), steep }
}

/// The quickest of three readings; a slow one is not repeated.
fn quickest(mut work: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..3 {
        best = best.min(time(&mut work).0);
        if best > Duration::from_secs(1) {
            break;
        }
    }
    best
}

/// Milliseconds of the whole command `blocks runbook lint` over 1,000 files of 10 KB.
///
/// # Errors
/// Why there is no figure.
pub(crate) fn command_line(blocks: &Path, rounds: usize) -> Result<f64, String> {
    let folder = Scratch::new("lint")?;
    let mut files = Vec::new();
    for variant in 0..1_000 {
        let path = folder.0.join(format!("runbook-{variant}.md"));
        std::fs::write(&path, document(10 * KB, variant))
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        files.push(path);
    }
    let mut times = Vec::new();
    for _ in 0..rounds {
        let (took, ended) = time(|| {
            command(blocks)
                .args(["-o", "json", "runbook", "lint"])
                .args(&files)
                .current_dir(&folder.0)
                .output()
        });
        let output = ended.map_err(|error| format!("{} cannot be started: {error}", blocks.display()))?;
        // findings are no failure of the measurement; a misuse is
        if output.stdout.is_empty() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{} said nothing: {}", blocks.display(), said.trim()));
        }
        times.push(took.as_secs_f64() * 1e3);
    }
    median(times).ok_or_else(|| "no round was measured".to_owned())
}

/// A folder of this process, removed with what is in it.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(what: &str) -> Result<Scratch, String> {
        let path = std::env::temp_dir().join(format!("blocks-language-{what}-{}", std::process::id()));
        std::fs::create_dir_all(&path)
            .map_err(|error| format!("{} cannot be made: {error}", path.display()))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
