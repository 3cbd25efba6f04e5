//! Feeds a function: every seed and every file of a corpus first, then changed ones until the time is over.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::mutate::mutate;
use super::random::Random;

/// Inputs longer than this are replayed, and not changed.
const MOST_TO_CHANGE: usize = 64 * 1024;
/// How many inputs the pool grows to.
const POOL: usize = 2_000;
/// An input that is still being read after so long will never be: an endless loop, or something like it. Far above what
/// any input of the usual size takes on a busy machine.
const ENDLESS: Duration = Duration::from_secs(60);
/// How long a failure is made smaller.
const SHRINKING: Duration = Duration::from_secs(10);
/// An input of up to so many bytes stands in the line that repeats its failure.
const FITS_A_LINE: usize = 2_000;

/// What is fuzzed.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The folder of its seeds below `tests/fuzz-seeds`, and the head of the file that a failure is kept in.
    pub name: &'static str,
    /// Panics when something does not hold.
    pub target: fn(&[u8]),
}

/// For how long, from which numbers, and from which files.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long inputs are changed; replaying comes first and is not counted.
    pub time: Duration,
    /// After how many calls it is over, whatever the time: the same on every machine.
    pub calls: Option<u64>,
    /// The one input to look at, and nothing else.
    pub input: Option<Vec<u8>>,
    /// What the changes are made from.
    pub seed: u64,
    /// Folders whose files are replayed, subfolders included. One that is not there is empty.
    pub folders: Vec<PathBuf>,
    /// Where a failing input is kept.
    pub failures: PathBuf,
    /// After how long one input counts as endless.
    pub endless: Duration,
}

impl Settings {
    /// From `BLOCKS_FUZZ_SECS` (1 when not set), `BLOCKS_FUZZ_SEED` and `BLOCKS_FUZZ_CORPUS` (else `../shared/corpus`);
    /// to repeat a failure, from `BLOCKS_FUZZ_INPUT` (hexadecimal) or `BLOCKS_FUZZ_CALLS`.
    ///
    /// Without a seed, a plain run always does the same; one of a given length does something new each time.
    ///
    /// # Panics
    /// When a variable is not a number.
    #[must_use]
    pub fn from_environment(repository: &Path, name: &str) -> Settings {
        let number = |variable: &str| {
            let text = std::env::var(variable).ok()?;
            Some(text.parse::<u64>().unwrap_or_else(|_| panic!("{variable}={text} is not a whole number")))
        };
        let seconds = number("BLOCKS_FUZZ_SECS");
        let fresh = || seconds.map(|_| anything());
        let corpus = std::env::var_os("BLOCKS_FUZZ_CORPUS").map(PathBuf::from);
        let input = std::env::var("BLOCKS_FUZZ_INPUT").ok();
        Settings {
            time: Duration::from_secs(seconds.unwrap_or(1)),
            calls: number("BLOCKS_FUZZ_CALLS"),
            input: input.map(|text| {
                hex::decode(&text).unwrap_or_else(|_| panic!("BLOCKS_FUZZ_INPUT={text} is not hexadecimal"))
            }),
            seed: number("BLOCKS_FUZZ_SEED").or_else(fresh).unwrap_or(1),
            folders: vec![
                repository.join("tests/fuzz-seeds").join(name),
                corpus.unwrap_or_else(|| repository.join("../shared/corpus")),
            ],
            failures: repository.join("target/fuzz-failures"),
            endless: ENDLESS,
        }
    }
}

/// A number that nobody chose: the standard library seeds its hash tables with one.
fn anything() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    std::hash::RandomState::new().build_hasher().finish() >> 32
}

/// What a run came to when nothing failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    /// Files that were replayed, of each folder in the order of [`Settings::folders`] summed up.
    pub files: usize,
    /// How often the function was called.
    pub executions: u64,
}

/// An input for which something does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the function said.
    pub said: String,
    /// The smallest input that was found to fail.
    pub input: Vec<u8>,
    /// Where it is kept.
    pub path: PathBuf,
    /// Which call of the run it was.
    pub call: u64,
    /// The function is still at it in a thread that cannot be stopped: end the process.
    pub endless: bool,
}

impl Failure {
    /// The line that shows it again, on any machine.
    #[must_use]
    pub fn replay(&self, plan: Plan, settings: &Settings) -> String {
        let variables = if self.input.len() <= FITS_A_LINE {
            format!("BLOCKS_FUZZ_INPUT={}", hex::encode(&self.input))
        } else {
            // the corpus is not everywhere, and what is in the pool decides what comes next
            let corpus =
                settings.folders.last().map(|folder| folder.display().to_string()).unwrap_or_default();
            let corpus = if Path::new(&corpus).is_dir() { corpus } else { "none".to_owned() };
            format!(
                "BLOCKS_FUZZ_CORPUS={corpus} BLOCKS_FUZZ_SEED={} BLOCKS_FUZZ_CALLS={}",
                settings.seed, self.call
            )
        };
        format!("{variables} cargo test -p blocks-tests --test integration -- --exact fuzz::{}", plan.name)
    }
}

/// What a function is reading now, and how many it has begun.
type Now = Arc<Mutex<(u64, Vec<u8>)>>;

/// Runs the plan.
///
/// # Errors
/// The first failure, made smaller and written to a file; an endless one as it is.
///
/// # Panics
/// When the runner itself is broken.
pub fn run(plan: Plan, settings: &Settings) -> Result<Replayed, Failure> {
    let now = Now::default();
    let (done, wait) = channel();
    let (own, watched) = (settings.clone(), Arc::clone(&now));
    std::thread::spawn(move || done.send(work(plan, &own, &watched)));
    let mut seen = 0;
    loop {
        match wait.recv_timeout(settings.endless) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Disconnected) => panic!("the runner of {} is broken", plan.name),
            Err(RecvTimeoutError::Timeout) => {}
        }
        let (count, input) = now.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if count == seen {
            let said = format!("still reading after {} s", settings.endless.as_secs_f32());
            return Err(kept(plan, settings, input, said, count, true));
        }
        seen = count;
    }
}

fn work(plan: Plan, settings: &Settings, now: &Now) -> Result<Replayed, Failure> {
    let holds = |data: &[u8]| holds(plan, data, now);
    if let Some(input) = &settings.input {
        holds(input).map_err(|said| kept(plan, settings, input.clone(), said, 1, false))?;
        return Ok(Replayed { files: 0, executions: 1 });
    }
    let mut pool = Vec::new();
    for folder in &settings.folders {
        read(folder, &mut pool);
    }
    let files = pool.len();
    let mut executions = 0;
    for data in &pool {
        executions += 1;
        holds(data).map_err(|said| failure(plan, settings, data, said, executions, now))?;
    }
    pool.retain(|data| data.len() <= MOST_TO_CHANGE);
    let mut random = Random::new(settings.seed);
    let start = Instant::now();
    while settings.calls.map_or_else(|| start.elapsed() < settings.time, |calls| executions < calls) {
        for _ in 0..8 {
            let data = mutate(&pool, &mut random);
            executions += 1;
            holds(&data).map_err(|said| failure(plan, settings, &data, said, executions, now))?;
            // without coverage, wandering off is the way to what nobody thought of
            if data.len() < 4096 && random.one_in(32) {
                if pool.len() < POOL {
                    pool.push(data);
                } else if let Some(slot) = (files < POOL).then(|| files + random.below(POOL - files))
                    && let Some(old) = pool.get_mut(slot)
                {
                    *old = data;
                }
            }
        }
    }
    Ok(Replayed { files, executions })
}

fn read(folder: &Path, pool: &mut Vec<Vec<u8>>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            read(&path, pool);
        } else if let Ok(data) = std::fs::read(&path) {
            pool.push(data);
        }
    }
}

thread_local! {
    /// This thread expects panics and reports them itself.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Calls the function; what it panicked with is the error.
fn holds(plan: Plan, data: &[u8], now: &Now) -> Result<(), String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                before(info);
            }
        }));
    });
    {
        let mut now = now.lock().unwrap_or_else(PoisonError::into_inner);
        now.0 += 1;
        now.1.clear();
        now.1.extend_from_slice(data);
    }
    QUIET.set(true);
    let done = catch_unwind(AssertUnwindSafe(|| (plan.target)(data)));
    QUIET.set(false);
    done.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "a panic without a text".to_owned())
    })
}

fn failure(plan: Plan, settings: &Settings, data: &[u8], said: String, call: u64, now: &Now) -> Failure {
    let (input, said) = shrink(plan, data.to_vec(), said, now);
    kept(plan, settings, input, said, call, false)
}

fn kept(plan: Plan, settings: &Settings, input: Vec<u8>, said: String, call: u64, endless: bool) -> Failure {
    let path = settings.failures.join(format!("{}-{:016x}", plan.name, hash(&input)));
    let kept = std::fs::create_dir_all(&settings.failures).and_then(|()| std::fs::write(&path, &input));
    let said = match kept {
        Ok(()) => said,
        Err(error) => format!("{said} (and {} cannot be written: {error})", path.display()),
    };
    Failure { said, input, path, call, endless }
}

fn hash(data: &[u8]) -> u64 {
    data.iter()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Leaves out as much as still fails, larger parts first.
fn shrink(plan: Plan, mut data: Vec<u8>, mut said: String, now: &Now) -> (Vec<u8>, String) {
    let start = Instant::now();
    let mut part = data.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        let mut smaller = false;
        while at < data.len() && start.elapsed() < SHRINKING {
            let mut without = data.clone();
            without.drain(at..(at + part).min(data.len()));
            if let Err(now_said) = holds(plan, &without, now) {
                (data, said, smaller) = (without, now_said, true);
            } else {
                at += part;
            }
        }
        if start.elapsed() >= SHRINKING || part == 1 && !smaller {
            return (data, said);
        }
        part = (part / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(folder: &Path, seed: u64) -> Settings {
        Settings {
            time: Duration::from_secs(30),
            calls: None,
            input: None,
            seed,
            folders: vec![folder.join("seeds")],
            failures: folder.join("failures"),
            endless: ENDLESS,
        }
    }

    /// A planted mistake: one token of the dictionary, somewhere behind a heading.
    fn planted(data: &[u8]) {
        let text = String::from_utf8_lossy(data);
        assert!(!(text.contains("## ") && text.contains("<<EOF")), "planted");
    }

    #[test]
    fn a_planted_mistake_is_found_made_small_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan { name: "planted", target: planted };
        // it stops at the first failure, long before the time is over
        let failure = run(plan, &settings(folder.path(), 7)).unwrap_err();
        assert_eq!(failure.said, "planted");
        assert_eq!(failure.input.len(), "## <<EOF".len(), "{:?}", String::from_utf8_lossy(&failure.input));
        assert_eq!(std::fs::read(&failure.path).unwrap(), failure.input);
        let again = run(plan, &settings(folder.path(), 7)).unwrap_err();
        assert_eq!(again, failure, "one seed, one way");
        let by_calls =
            Settings { time: Duration::ZERO, calls: Some(failure.call), ..settings(folder.path(), 7) };
        assert_eq!(run(plan, &by_calls).unwrap_err(), failure, "one seed, so many calls");
        let too_few = Settings { calls: Some(failure.call.saturating_sub(8)), ..by_calls.clone() };
        assert!(run(plan, &too_few).is_ok());

        let line = failure.replay(plan, &by_calls);
        assert_eq!(
            line,
            format!(
                "BLOCKS_FUZZ_INPUT={} cargo test -p blocks-tests --test integration -- --exact fuzz::planted",
                hex::encode(&failure.input)
            )
        );
        let alone = Settings { input: Some(failure.input.clone()), ..by_calls.clone() };
        assert_eq!(run(plan, &alone).unwrap_err(), Failure { call: 1, ..failure.clone() });
        let large = Failure { input: vec![b'a'; 100_000], ..failure };
        let line = large.replay(plan, &by_calls);
        let of = format!("BLOCKS_FUZZ_CORPUS=none BLOCKS_FUZZ_SEED=7 BLOCKS_FUZZ_CALLS={} cargo", large.call);
        assert!(line.starts_with(&of), "{line}");
    }

    #[test]
    fn a_failing_seed_fails_before_anything_is_changed() {
        let folder = tempfile::tempdir().unwrap();
        let seeds = folder.path().join("seeds/deeper");
        std::fs::create_dir_all(&seeds).unwrap();
        std::fs::write(seeds.join("a"), "xx\n## a\ncat <<EOF\n").unwrap();
        let plan = Plan { name: "planted", target: planted };
        let settings = Settings { time: Duration::ZERO, ..settings(folder.path(), 1) };
        assert_eq!(run(plan, &settings).unwrap_err().said, "planted");
        let fine = Plan { name: "fine", target: |_| () };
        assert_eq!(run(fine, &settings).unwrap().files, 1);
    }

    #[test]
    fn an_endless_loop_is_found_too() {
        let folder = tempfile::tempdir().unwrap();
        let seeds = folder.path().join("seeds");
        std::fs::create_dir_all(&seeds).unwrap();
        std::fs::write(seeds.join("a"), "forever").unwrap();
        let target = |data: &[u8]| {
            if data == b"forever" {
                loop {
                    std::thread::park();
                }
            }
        };
        let settings = Settings { endless: Duration::from_millis(50), ..settings(folder.path(), 1) };
        let failure = run(Plan { name: "endless", target }, &settings).unwrap_err();
        assert!(failure.endless && failure.said.starts_with("still reading"), "{failure:?}");
        assert_eq!(std::fs::read(&failure.path).unwrap(), b"forever");
    }
}
