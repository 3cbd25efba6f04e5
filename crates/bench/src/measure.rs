//! The measuring itself: rounds in which the sides take turns.

use std::path::Path;
use std::time::Duration;

use crate::aims::{Medians, Round, median};
use crate::clock::{processor_time, time};
use crate::documents::{KB, MB, document};
use crate::machine::command;
use crate::memory;
use crate::shapes::{SHAPES, Shape};
use crate::sides::{self, Side};

/// How often the 10 KB document is read in one round: a reading by itself is too short for the clock.
const READINGS: usize = 200;
/// The two sizes of a shape, in bytes: below the size of a block whose commands are read.
pub(crate) const SHAPE_BYTES: [usize; 2] = [50 * KB, 800 * KB];
/// A shape that takes more than this many times as long at sixteen times the size grows worse than linearly. Linear is 16,
/// quadratic is 256, and what leaves the caches costs a few times as much without being looked at any oftener.
pub(crate) const WORST_GROWTH: f64 = 64.0;
/// How long one text is read again and again.
const LOOKING: Duration = Duration::from_millis(200);
/// How often at most.
const MOST_READINGS: usize = 50;
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

/// A shape's times at both sizes, in milliseconds, for the floor and for ours; `None` where the time was over.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ShapeTimes {
    pub(crate) name: &'static str,
    pub(crate) floor: [Option<f64>; 2],
    pub(crate) ours: [Option<f64>; 2],
    /// Ours grew too much: worse than linearly.
    pub(crate) steep: bool,
}

impl ShapeTimes {
    /// From what a child said: nanoseconds of the floor at both sizes, then of ours.
    fn read(name: &'static str, said: &str) -> ShapeTimes {
        let mut figures = said.lines().map(|line| line.trim().parse::<f64>().ok().map(|ns| ns / 1e6));
        let mut next = || figures.next().flatten();
        let (floor, ours) = ([next(), next()], [next(), next()]);
        let steep = match (floor, ours) {
            ([Some(floor_small), Some(floor_large)], [Some(small), Some(large)]) => {
                // what grows in the parser beneath grows in ours as well
                let worst = WORST_GROWTH.max(1.5 * floor_large / floor_small.max(1e-6));
                large > TOO_SHORT.as_secs_f64() * 1e3 && large / small.max(1e-6) > worst
            }
            // the parser beneath takes all the time there is: that is not ours to mend
            ([_, None], _) => false,
            // ours takes more time than it is given, or does not come back at all
            _ => true,
        };
        ShapeTimes { name, floor, ours, steep }
    }

    /// How many times as long ours takes at the larger size.
    pub(crate) fn growth(&self) -> Option<f64> {
        let [Some(small), Some(large)] = self.ours else { return None };
        Some(large / small.max(1e-6))
    }
}

/// Reads every shape at both sizes, each in a process of its own that is given so many seconds.
///
/// # Errors
/// When that process cannot be started.
pub(crate) fn shapes(seconds: u64) -> Result<Vec<ShapeTimes>, String> {
    let own =
        std::env::current_exe().map_err(|error| format!("this program's own path is unknown: {error}"))?;
    let one = |(index, (name, _)): (usize, &Shape)| {
        let output = command(&own)
            .arg(format!("--shape-of={index}"))
            .arg(format!("--shape-seconds={seconds}"))
            // memory that was used once is used again: asking for pages anew is not what grows here (glibc)
            .env("MALLOC_MMAP_MAX_", "0")
            .env("MALLOC_TRIM_THRESHOLD_", "17179869184")
            .output()
            .map_err(|error| format!("{} cannot be started again: {error}", own.display()))?;
        Ok(ShapeTimes::read(name, &String::from_utf8_lossy(&output.stdout)))
    };
    SHAPES.iter().enumerate().map(one).collect()
}

/// In the child: measures one shape, and says each figure as soon as it has it.
pub(crate) fn shape(index: usize, say: impl Fn(u128)) {
    let Some((_, make)) = SHAPES.get(index) else { return };
    let texts = SHAPE_BYTES.map(make);
    for text in &texts {
        say(quickest(|| {
            sides::floor(text);
        })
        .as_nanos());
    }
    for text in &texts {
        say(quickest(|| drop(sides::ours(text))).as_nanos());
    }
}

/// The quickest of three readings, or of as many as fit into [`LOOKING`]: what disturbs a short one shows at once. A slow
/// one is not repeated.
fn quickest(mut work: impl FnMut()) -> Duration {
    let (mut best, mut sum) = (Duration::MAX, Duration::ZERO);
    for reading in 1.. {
        let took = processor_time(&mut work).0;
        best = best.min(took);
        sum += took;
        if best > Duration::from_secs(1) || reading >= 3 && sum > LOOKING || reading == MOST_READINGS {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_child_says_is_a_verdict() {
        for (said, ours, steep) in [
            ("1000000\n4000000\n2000000\n8000000\n", [Some(2.0), Some(8.0)], false),
            ("1000000\n16000000\n2000000\n320000000\n", [Some(2.0), Some(320.0)], true),
            ("1000000\n280000000\n2000000\n320000000\n", [Some(2.0), Some(320.0)], false), // not ours
            ("1000\n16000\n2000\n320000\n", [Some(0.002), Some(0.32)], false), // too short to count
            ("1000000\n4000000\n2000000\n", [Some(2.0), None], true),          // the time was over
            ("1000000\n4000000\n", [None, None], true),
            ("1000000\n", [None, None], false), // the parser beneath does not come back
        ] {
            let read = ShapeTimes::read("a", said);
            assert_eq!((read.ours, read.steep), (ours, steep), "{said}");
        }
    }
}
