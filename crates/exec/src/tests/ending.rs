//! Timeout, cancel, and what outlives its command.

use tokio::net::TcpListener;

use super::*;
use crate::leftovers::Leftovers;

/// Whether a process that a command told us about is alive (a zombie is not).
pub(super) fn alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn pid_of(survivors: &[String], name: &str) -> String {
    let found = survivors.iter().find(|survivor| survivor.ends_with(&format!(" {name}")));
    found.unwrap_or_else(|| panic!("no {name} in {survivors:?}")).split(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_command_whose_time_is_up_is_ended() {
    let cases = [
        "sleep 1000",
        "trap '' TERM; echo deaf; while :; do sleep 1000; done",
        "trap 'exit 0' TERM; sleep 1000 & wait",
        "bash -c 'trap \"\" TERM; sleep 1000; sleep 1000'",
        "kill -STOP $$",
        "setsid sleep 1000",
        "yes",
    ];
    for text in cases {
        let bench = Bench::new();
        let job = Job { timeout_ms: 300, ..bench.job(1, text) };
        let finished = bench.executor.run(job).await.unwrap();
        assert_eq!(finished.exit, Exit::TimedOut, "{text}");
        assert_eq!(finished.state, StateOutcome::Missing, "{text}");
        assert!(Leftovers::of_run(bench.run).is_empty(), "{text}");
        assert!(
            finished.survivors.iter().all(|survivor| !survivor.contains("could not")),
            "{text}: {finished:?}"
        );
        bench.refused(bench.job(2, "true")).await;
    }
}

#[tokio::test]
async fn what_is_left_behind_is_ended_and_reported() {
    let cases = [
        // Holds the pipes.
        ("sleep 1000 & echo started", "sleep"),
        // Does not.
        ("sleep 1000 >/dev/null 2>&1 & echo started", "sleep"),
        // Left the group and the session.
        ("setsid sleep 1000 & echo started", "sleep"),
        // Forked twice, so that its parent is gone.
        ("( (sleep 1000 & ) & ); echo started", "sleep"),
        ("setsid bash -c '(setsid sleep 1000 &) &'; echo started", "sleep"),
        // Deaf to TERM.
        ("setsid bash -c 'trap \"\" TERM; sleep 1000 & wait; wait' & echo started", "bash"),
        ("exec 3>&1; (trap '' TERM; exec sleep 1000) & echo started", "sleep"),
        ("cp \"$(type -P sleep)\" './a) b('; './a) b(' 1000 & echo started", "a) b("),
    ];
    for (text, name) in cases {
        let bench = Bench::new();
        let finished = bench.run(text).await;
        assert_eq!(code(&finished), 0, "{text}: {finished:?}");
        assert_eq!(finished.stdout.text, "started\n", "{text}");
        assert!(!alive(&pid_of(&finished.survivors, name)), "{text}");
        assert!(Leftovers::of_run(bench.run).is_empty(), "{text}");
        assert_eq!(finished.state, StateOutcome::Written, "{text}");
    }
}

#[tokio::test]
async fn what_ends_by_itself_is_no_survivor() {
    let bench = Bench::new();
    let finished = bench.run("echo text > >(cat; echo last)").await;
    assert_eq!(finished.stdout.text, "text\nlast\n");
    assert_eq!(finished.survivors, Vec::<String>::new());
}

#[tokio::test]
async fn whoever_leaves_everything_behind_is_found_all_the_same() {
    let bench = Bench::new();
    // Outside the group and the session, without our marks and without a parent of ours.
    let text = "(setsid env -i \"$(type -P bash)\" -c 'trap \"\" TERM; while :; do read -t 0.1 < <(:); done' &) ; echo started";
    let finished = bench.run(text).await;
    assert_eq!((code(&finished), finished.stdout.text.as_str()), (0, "started\n"));
    assert!(!alive(&pid_of(&finished.survivors, "bash")), "{finished:?}");
}

#[tokio::test]
async fn a_pipe_held_by_somebody_unknown_does_not_hold_us() {
    let bench = Bench::new();
    let milestone = Milestone::new().await;
    let text = format!("echo $$ > pid; mkfifo go; {}; read < go; echo started", milestone.line());
    let hold = async {
        milestone.reached().await;
        let pid = std::fs::read_to_string(bench.work().join("pid")).unwrap();
        // Nobody of the command's: this test.
        let held =
            std::fs::OpenOptions::new().write(true).open(format!("/proc/{}/fd/1", pid.trim())).unwrap();
        tokio::fs::write(bench.work().join("go"), "go\n").await.unwrap();
        held
    };
    let (finished, _held) = tokio::join!(bench.run(&text), hold);
    assert_eq!(code(&finished), 0);
    assert!(finished.stdout.text.starts_with("started\n"), "{finished:?}");
    assert!(finished.stdout.text.contains("an unknown process still holds this output"), "{finished:?}");
}

/// Where a command says how far it has come: by connecting, which can be awaited.
pub(super) struct Milestone(TcpListener);

impl Milestone {
    pub(super) async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// The command's line that says it.
    pub(super) fn line(&self) -> String {
        format!(": <>/dev/tcp/127.0.0.1/{}", self.0.local_addr().unwrap().port())
    }

    pub(super) async fn reached(&self) {
        self.0.accept().await.unwrap();
    }
}

#[tokio::test]
async fn cancel_ends_the_run_and_no_other() {
    let bench = Bench::new();
    let (one, two) = (new_run(), new_run());
    let milestone = Milestone::new().await;
    let text = format!("setsid sleep 1000 & trap '' TERM\n{}\nread < fifo; echo went on", milestone.line());
    let fifo = bench.run("mkfifo fifo").await;
    assert_eq!(code(&fifo), 0);
    let first = bench.executor.run(Job { run: one, ..bench.job(1, &text) });
    let second = bench.executor.run(Job { run: two, ..bench.job(1, &text) });
    let cancel = async {
        milestone.reached().await;
        milestone.reached().await;
        bench.executor.cancel(one).await;
        // Opening waits for the reader, which must be the other run's.
        tokio::fs::write(bench.work().join("fifo"), "go\n").await.unwrap();
    };
    let (first, second, ()) = tokio::join!(first, second, cancel);
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.exit, Exit::Cancelled);
    assert_eq!(first.state, StateOutcome::Missing);
    assert!(Leftovers::of_run(one).is_empty(), "{first:?}");
    assert_eq!(code(&second), 0, "{second:?}");
    assert_eq!(second.stdout.text, "went on\n");
    // Nothing to cancel is fine, and a run can go on after a cancel.
    bench.executor.cancel(one).await;
    let after =
        bench.executor.run(Job { run: one, carry_from: None, ..bench.job(2, "echo again") }).await.unwrap();
    assert_eq!(after.stdout.text, "again\n");
}

/// Processes that work in the bench's folder, as everything does that a command starts.
fn at_work(bench: &Bench) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let here =
        |pid: &String| std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == bench.work());
    pids.filter(|pid| here(pid) && alive(pid)).collect()
}

#[tokio::test]
async fn nothing_outlives_a_cancel() {
    let cases = [
        "trap '' TERM INT HUP; (trap '' TERM; sleep 1000) & :",
        "setsid bash -c 'trap \"\" TERM; while :; do sleep 1000; done' &",
        "setsid env -i \"$(type -P bash)\" -c 'trap \"\" TERM; while :; do read -t 1000 < <(:); done' & disown",
        "( (setsid sleep 1000 & ) & ); (exec -c setsid sleep 1000 &)",
        "sleep 1000 & kill -STOP $!; setsid sleep 1000 & kill -STOP $!",
        "exec 3>&1 4>&2; (trap '' TERM; exec sleep 1000 >&3 2>&4) & exec >&- 2>&-",
        "for i in {1..100}; do sleep 1000 & setsid sleep 1000 & done",
        "grow() { if [ $1 -gt 0 ]; then (grow $(($1 - 1)) &); fi; sleep 1000; }; (grow 50 &)",
    ];
    for text in cases {
        let bench = Bench::new();
        let milestone = Milestone::new().await;
        let text = format!("{text}\n{}\nwhile :; do sleep 1000; done", milestone.line());
        let cancel = async {
            milestone.reached().await;
            bench.executor.cancel(bench.run).await;
        };
        let (finished, ()) = tokio::join!(bench.executor.run(bench.job(1, &text)), cancel);
        let finished = finished.unwrap();
        assert_eq!(finished.exit, Exit::Cancelled, "{text}: {finished:?}");
        assert_eq!(at_work(&bench), Vec::<String>::new(), "{text}: {finished:?}");
    }
}

#[tokio::test]
async fn two_commands_of_one_run_do_not_end_each_other() {
    let bench = Bench::new();
    let milestone = Milestone::new().await;
    assert_eq!(code(&bench.run("mkfifo go").await), 0);
    // The first has left its session behind and its children orphaned when the second sweeps.
    let text = format!(
        "setsid bash -c '(read < go; echo heard >> heard) &'\n{}\nwhile [ ! -e heard ]; do sleep 0.05; done",
        milestone.line()
    );
    let first = bench.executor.run(Job { carry_from: None, ..bench.job(2, &text) });
    let second = async {
        milestone.reached().await;
        let job = Job { carry_from: None, ..bench.job(3, "setsid sleep 1000 & sleep 1000 & echo swept") };
        let finished = bench.executor.run(job).await.unwrap();
        tokio::fs::write(bench.work().join("go"), "go\n").await.unwrap();
        finished
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(code(&first.unwrap()), 0);
    assert_eq!((second.survivors.len(), second.stdout.text.as_str()), (2, "swept\n"), "{second:?}");
    assert_eq!(at_work(&bench), Vec::<String>::new());
}

#[tokio::test]
async fn odd_commands_end_like_others() {
    for (text, expected) in [
        ("exec >&- 2>&-; read -t 0.1 < <(sleep 1000) ; exit 4", 4),
        ("exec bash -c 'exit 5'", 5),
        ("trap 'echo mine' EXIT; exit 6", 6),
        ("while read -r line; do :; done; exit 7", 7),
        ("ulimit -c; [ $(ulimit -c) = 0 ] && [ $(umask) = 0077 ] && exit 8", 8),
        ("f=$(mktemp) && [ \"$(dirname \"$f\")\" = \"$TMPDIR\" ] && exit 9", 9),
    ] {
        let finished = Bench::new().run(text).await;
        assert_eq!(code(&finished), expected, "{text}: {finished:?}");
    }
}

#[tokio::test]
async fn runs_beside_each_other_do_not_meet() {
    let bench = Bench::new();
    let text = |n: u32| format!("v={n}; for i in $(seq 50); do echo {n}; done; cd /; sleep 1000 & exit {n}");
    let jobs = (1..=6).map(|n| {
        let job = Job { run: new_run(), ..bench.job(1, &text(n)) };
        let (run, executor) = (job.run, &bench.executor);
        let second = Job { run, ..bench.job(2, "echo $v $PWD") };
        async move {
            let first = executor.run(job).await.unwrap();
            (n, first, executor.run(second).await.unwrap())
        }
    });
    let mut jobs = jobs.collect::<Vec<_>>().into_iter();
    let mut next = || jobs.next().unwrap();
    let (a, b, c, d, e, f) = tokio::join!(next(), next(), next(), next(), next(), next());
    for (n, first, second) in [a, b, c, d, e, f] {
        assert_eq!(code(&first), i32::try_from(n).unwrap());
        assert_eq!(first.stdout.text, format!("{n}\n").repeat(50));
        assert_eq!(first.survivors.len(), 1, "{first:?}");
        assert_eq!(second.stdout.text, format!("{n} /\n"));
    }
}

#[tokio::test]
async fn nothing_of_a_command_runs_that_bash_cannot_read_to_its_end() {
    let bench = Bench::new();
    let texts = ["touch ran; foo (bar)\n", "touch ran\nif true; then\n", "touch ran\necho 'a\n"];
    for (text, attempt) in texts.into_iter().zip(1..) {
        let refused = bench.executor.run(Job { carry_from: None, ..bench.job(attempt, text) }).await;
        assert!(matches!(refused, Err(ExecError::NotStarted(_))), "{text}: {refused:?}");
        assert!(!bench.work().join("ran").exists(), "{text}");
    }
    let patterns = "shopt -s extglob\necho !(x)\n";
    assert!(bench.executor.run(Job { carry_from: None, ..bench.job(4, patterns) }).await.is_ok());
}
