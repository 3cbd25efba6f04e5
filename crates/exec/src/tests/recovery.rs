//! An engine that ends, a supervisor that ends, and both: what the next engine finds.

use std::collections::BTreeSet;
use std::sync::Arc;

use runbook_core::ports::{Begun, Resumed};

use super::ending::{Milestone, alive};
use super::*;
use crate::leftovers::Leftovers;
use crate::record::{Mark, Records};

impl Bench {
    fn records(&self) -> Records {
        Records::new(self.run_folder())
    }

    fn begun(&self, attempt: u32) -> Begun {
        self.job(attempt, "").begun()
    }

    /// An engine that comes later.
    fn next_engine(self) -> Self {
        let Self { folder, executor, run } = self;
        let config = executor.config().clone();
        drop(executor);
        Self { folder, executor: ShellExecutor::new(config).unwrap(), run }
    }

    async fn end_of(&self, attempt: u32) -> Result<Finished, ExecError> {
        match self.executor.resume(self.begun(attempt)).await {
            Resumed::Ended(ended) => ended,
            Resumed::UnderWay(end) => end.await,
        }
    }

    /// A command that has come to its milestone, and whose engine is no more; it goes on when `go` is written to.
    async fn left_alone(attempt: u32, text: &str) -> Self {
        let bench = Bench::new();
        let milestone = Milestone::new().await;
        rustix_fifo(&bench.work().join("go"));
        let text = format!("echo ran >> effects\n{}\nread < go\n{text}", milestone.line());
        let job = Job { carry_from: None, ..bench.job(attempt, &text) };
        tokio::select! {
            finished = bench.executor.run(job) => panic!("{finished:?}"),
            () = milestone.reached() => {}
        }
        bench.next_engine()
    }

    async fn go(&self) {
        tokio::fs::write(self.work().join("go"), "go\n").await.unwrap();
    }

    async fn kill_supervisor(&self) {
        let supervisor = self.records().supervisor().unwrap();
        supervisor.kill().await;
        while supervisor.alive().is_some() {
            tokio::task::yield_now().await;
        }
    }

    fn effects(&self) -> usize {
        std::fs::read_to_string(self.work().join("effects")).unwrap_or_default().lines().count()
    }
}

fn rustix_fifo(path: &std::path::Path) {
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
}

#[tokio::test]
async fn a_command_outlives_its_engine_and_the_next_one_hears_its_end() {
    let bench = Bench::left_alone(1, "a=1; echo went on; exit 7").await;
    let Resumed::UnderWay(end) = bench.executor.resume(bench.begun(1)).await else { panic!("it goes on") };
    let (finished, ()) = tokio::join!(end, bench.go());
    let finished = finished.unwrap();
    assert_eq!((code(&finished), finished.stdout.text.as_str()), (7, "went on\n"));
    assert_eq!((finished.state, bench.effects()), (StateOutcome::Written, 1));
    // What it left can be built upon, in the same supervisor.
    let supervisor = bench.records().supervisor();
    assert_eq!(bench.executor.run(bench.job(2, "echo $a")).await.unwrap().stdout.text, "1\n");
    assert_eq!(bench.records().supervisor(), supervisor);
    // It is asked as often as anybody likes.
    assert_eq!(bench.end_of(1).await.unwrap(), finished);
}

#[tokio::test]
async fn what_ended_while_nobody_was_there_is_known_even_without_a_supervisor() {
    let bench = Bench::left_alone(1, "echo went on").await;
    bench.go().await;
    let records = bench.records();
    while records.outcome(1).unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    bench.kill_supervisor().await;
    let finished = bench.end_of(1).await.unwrap();
    assert_eq!((code(&finished), finished.stdout.text.as_str()), (0, "went on\n"));
}

#[tokio::test]
async fn an_attempt_is_begun_once_whatever_is_ordered() {
    let bench = Bench::new();
    let job = || Job { carry_from: None, ..bench.job(1, "echo ran >> effects; a=1") };
    bench.executor.run(job()).await.unwrap();
    for _ in 0..2 {
        let again = bench.executor.run(job()).await;
        assert!(
            matches!(&again, Err(ExecError::Lost(reason)) if reason.contains("begun before")),
            "{again:?}"
        );
        bench.kill_supervisor().await;
    }
    assert_eq!(bench.effects(), 1);
    let next = bench.executor.run(bench.job(2, "echo $a")).await.unwrap();
    assert_eq!(next.stdout.text, "1\n", "its state is untouched");
}

#[tokio::test]
async fn what_was_never_begun_never_will_be() {
    let bench = Bench::new();
    bench.run("true").await;
    // With a supervisor that lives and one that does not.
    for attempt in [2, 3] {
        let refused = bench.end_of(attempt).await;
        assert!(matches!(&refused, Err(ExecError::NotStarted(_))), "{refused:?}");
        assert_eq!(bench.records().mark(attempt).unwrap(), Mark::Void);
        let late = bench.executor.run(bench.job(attempt, "touch ran")).await;
        assert!(late.is_err() && !bench.work().join("ran").exists(), "{late:?}");
        bench.kill_supervisor().await;
    }
}

/// An engine that ended just after the intent had not even made the run's folder.
#[tokio::test]
async fn what_has_not_even_a_folder_was_never_begun() {
    let bench = Bench::new();
    let never = bench.end_of(1).await;
    assert!(matches!(&never, Err(ExecError::NotStarted(_))), "{never:?}");
    assert_eq!(bench.records().mark(1).unwrap(), Mark::Void);
    let late = bench.executor.run(bench.job(1, "touch ran")).await;
    assert!(late.is_err() && !bench.work().join("ran").exists(), "{late:?}");
}

#[tokio::test]
async fn a_killed_supervisor_leaves_doubt_and_nobody_alive() {
    for text in [
        "kill -9 $PPID; sleep 1000",
        "setsid sleep 1000 & kill -9 $PPID; wait",
        "env -i sleep 1000 & kill -9 $PPID; trap '' TERM; while :; do sleep 1000; done",
    ] {
        let bench = Bench::new();
        let lost = bench.executor.run(bench.job(1, text)).await;
        let Err(ExecError::Lost(reason)) = &lost else { panic!("{text}: {lost:?}") };
        assert!(reason.contains("what was left of it was ended"), "{text}: {reason}");
        let names = reason.rsplit(": ").next().unwrap();
        for process in names.split(", ") {
            assert!(!alive(process.split(' ').next().unwrap()), "{text}: {process} of {reason}");
        }
        assert!(Leftovers::of_run(bench.run).is_empty(), "{text}");
        // The run can go on, with a new one.
        let next = bench.executor.run(Job { carry_from: None, ..bench.job(2, "echo on") }).await.unwrap();
        assert_eq!(next.stdout.text, "on\n");
    }
}

#[tokio::test]
async fn engine_and_supervisor_killed_is_doubt_and_what_lives_is_ended() {
    let bench = Bench::left_alone(1, "touch never").await;
    bench.kill_supervisor().await;
    // what a shell wrote when it ended in just that moment, and nobody searched
    let unsearched = ["state.new", "directory.new"].map(|kind| bench.records().file(1, kind));
    for path in &unsearched {
        std::fs::write(path, "declare -- TOKEN=\"s3cr3t-of-somebody\"\n# end of state\n").unwrap();
    }
    let Resumed::Ended(lost) = bench.executor.resume(bench.begun(1)).await else {
        panic!("nobody could know")
    };
    assert!(matches!(&lost, Err(ExecError::Lost(_))), "{lost:?}");
    assert!(Leftovers::of_run(bench.run).is_empty());
    assert!(!bench.work().join("never").exists());
    assert_eq!(bench.effects(), 1);
    assert!(unsearched.iter().all(|path| !path.exists()), "they stay in the folder");
}

#[tokio::test]
async fn a_supervisor_of_another_boot_is_not_looked_for() {
    let bench = Bench::left_alone(1, "true").await;
    let supervisor = bench.records().supervisor().unwrap();
    let path = bench.run_folder().join("supervisor.json");
    let text = std::fs::read_to_string(&path).unwrap().replace(&supervisor.boot_id, "another");
    std::fs::write(&path, text).unwrap();
    std::fs::remove_file(bench.run_folder().join("socket")).unwrap();
    let lost = bench.end_of(1).await;
    assert!(matches!(&lost, Err(ExecError::Lost(_))), "{lost:?}");
    supervisor.kill().await;
    bench.executor.cancel(bench.run).await;
}

#[tokio::test]
async fn a_resumed_command_can_be_cancelled() {
    let bench = Bench::left_alone(1, "touch never").await;
    let Resumed::UnderWay(end) = bench.executor.resume(bench.begun(1)).await else { panic!("it goes on") };
    let (finished, ()) = tokio::join!(end, bench.executor.cancel(bench.run));
    assert_eq!(finished.unwrap().exit, Exit::Cancelled);
    // And one that nobody waits for.
    let bench = Bench::left_alone(1, "touch never").await;
    bench.executor.cancel(bench.run).await;
    assert!(Leftovers::of_run(bench.run).is_empty());
    assert_eq!(bench.end_of(1).await.unwrap().exit, Exit::Cancelled);
}

#[tokio::test]
async fn its_time_limit_holds_without_an_engine() {
    let bench = Bench::new();
    let milestone = Milestone::new().await;
    let text = format!("trap '' TERM\n{}\nwhile :; do sleep 1000; done", milestone.line());
    let job = Job { timeout_ms: 1_000, ..bench.job(1, &text) };
    tokio::select! {
        finished = bench.executor.run(job) => panic!("{finished:?}"),
        () = milestone.reached() => {}
    }
    let bench = bench.next_engine();
    assert_eq!(bench.end_of(1).await.unwrap().exit, Exit::TimedOut);
}

#[tokio::test]
async fn leftovers_of_other_runs_are_ended_at_a_start() {
    let kept = Bench::left_alone(1, "echo kept").await;
    let mut ended = Bench::left_alone(1, "touch never").await;
    // Both runs in one engine's folder, and a third engine's run that is nobody's business here.
    let other = Bench::left_alone(1, "echo other").await;
    let folder = kept.run_folder();
    std::fs::create_dir(ended.run_folder().parent().unwrap().join(kept.run.to_string())).unwrap();
    ended.executor.end_leftovers(BTreeSet::from([kept.run])).await;
    assert!(Leftovers::of_run(ended.run).is_empty());
    assert!(ended.records().supervisor().is_none_or(|one| one.alive().is_none()));
    assert_eq!(ended.end_of(1).await.unwrap().exit, Exit::Cancelled);
    ended = ended.next_engine();
    ended.executor.end_leftovers(BTreeSet::new()).await;
    assert!(Leftovers::of_run(kept.run).is_empty(), "{folder:?}");
    let (end, ()) = tokio::join!(other.end_of(1), other.go());
    assert_eq!(end.unwrap().stdout.text, "other\n");
}

#[tokio::test]
async fn a_stopped_supervisor_is_not_waited_for_for_ever() {
    let bench = Arc::new(Bench::new());
    bench.run("true").await;
    let supervisor = bench.records().supervisor().unwrap();
    crate::process::signal(
        supervisor.alive().unwrap(),
        supervisor.start_ticks,
        rustix::process::Signal::STOP,
    );
    // Whoever cancels waits for its grace and a while, then it is killed. The time that is paused also passes while the
    // connection is made, on a busy machine before it is.
    tokio::time::pause();
    while supervisor.alive().is_some() {
        bench.executor.cancel(bench.run).await;
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn nothing_that_was_open_reaches_a_command() {
    use std::os::fd::AsRawFd as _;
    let bench = Bench::new();
    let open = std::fs::File::open("/dev/zero").unwrap();
    rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::empty()).unwrap();
    let finished = bench.run("ls -l /proc/self/fd; ls -l /proc/$PPID/fd").await;
    rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::CLOEXEC).unwrap();
    assert!(
        code(&finished) == 0 && !finished.stdout.text.contains("/dev/zero"),
        "{}: {finished:?}",
        open.as_raw_fd()
    );
}

#[tokio::test]
async fn an_outcome_that_the_disk_does_not_take_is_told_and_kept_later() {
    let bench = Bench::new();
    let obstacle = bench.run_folder().join("1.outcome");
    std::fs::create_dir_all(&obstacle).unwrap();
    let finished = bench.run("echo told").await;
    assert_eq!(finished.stdout.text, "told\n");
    std::fs::remove_dir(&obstacle).unwrap();
    let records = bench.records();
    while records.outcome(1).unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.end_of(1).await.unwrap(), finished);
}

#[tokio::test]
async fn an_outcome_that_does_not_read_is_no_success() {
    let bench = Bench::new();
    bench.run("true").await;
    for text in ["", "{\"key\":", "{\"key\":\"other/step/1\",\"ended\":{\"not_started\":\"x\"}}"] {
        std::fs::write(bench.run_folder().join("1.outcome"), text).unwrap();
        let lost = bench.end_of(1).await;
        assert!(matches!(&lost, Err(ExecError::Lost(_))), "{text}: {lost:?}");
    }
}

/// The files that hold it need not have survived the machine: the outcome has, or nothing is started.
#[tokio::test]
async fn the_next_supervisor_takes_what_is_handed_on_from_the_outcome() {
    let bench = Bench::new();
    bench.run("a=kept; mkdir -p below; cd below").await;
    bench.kill_supervisor().await;
    for kind in ["state", "directory"] {
        std::fs::write(bench.records().file(1, kind), "").unwrap();
    }
    let next = bench.executor.run(bench.job(2, "echo $a ${PWD##*/}")).await.unwrap();
    assert_eq!(next.stdout.text, "kept below\n");
    bench.kill_supervisor().await;
    std::fs::remove_file(bench.records().file(2, "outcome")).unwrap();
    let third = bench.executor.run(bench.job(3, "touch ran")).await;
    assert!(matches!(&third, Err(ExecError::NotStarted(why)) if why.contains("no shell state")), "{third:?}");
    assert!(!bench.work().join("below/ran").exists());
}
