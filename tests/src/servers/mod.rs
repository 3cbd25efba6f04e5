//! Real servers for tests, each on a free port and in a temporary folder, gone when dropped.
//!
//! Their programs are found as `cargo xtask tools` finds them. Where that fails a test says "not run" and why; on an
//! unattended machine that is a failure.

mod alertmanager;
mod chromium;
mod devtools;
#[path = "../../../xtask/src/find.rs"]
mod find;
mod postgres;
mod prometheus;
mod server;

use std::io::Write;
use std::path::Path;

pub use alertmanager::{Alertmanager, AlertmanagerConfig};
pub use chromium::{Chromium, Part};
pub use postgres::{DATABASE, Postgres, ROLE};
pub use prometheus::{Prometheus, PrometheusConfig};

/// Starts of a server before a test gives up: another process may take the free port first.
const TRIES: u32 = 5;
/// Names the file that collects what was not run, for `cargo xtask test` to tell at its end.
const LIST: &str = "BLOCKS_NOT_RUN";

/// A server, or why this machine cannot have one.
#[derive(Debug)]
pub enum Outcome<T> {
    /// It runs and answers.
    Started(T),
    /// It cannot be had here; the reason.
    NotHere(String),
}

impl<T> Outcome<T> {
    /// The server; without it the test says that `what` is not run, and has nothing left to do.
    ///
    /// # Panics
    /// On an unattended machine (`CI` is set), where not run is a failure.
    pub fn or_not_run(self, what: &str) -> Option<T> {
        match self {
            Outcome::Started(server) => Some(server),
            Outcome::NotHere(why) => {
                not_run(what, &why);
                None
            }
        }
    }
}

/// Says on standard error, past the test runner, that `what` is not run, and why; `cargo xtask test` says it again.
///
/// # Panics
/// On an unattended machine (`CI` is set), where not run is a failure.
pub fn not_run(what: &str, why: &str) {
    let is_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    let list = std::env::var_os(LIST);
    report(what, why, is_ci, list.as_deref().map(Path::new), &mut std::io::stderr());
}

fn report(what: &str, why: &str, is_ci: bool, list: Option<&Path>, terminal: &mut impl Write) {
    let line = format!("not run: {what}: {why}; hint: `cargo xtask tools` says what is missing\n");
    assert!(!is_ci, "{line}");
    // The runner hides what a passing test prints, but not what it writes.
    let _ = terminal.write_all(line.as_bytes());
    if let Some(list) = list {
        let opened = std::fs::OpenOptions::new().create(true).append(true).open(list);
        let written = opened.and_then(|mut file| file.write_all(line.as_bytes()));
        assert!(written.is_ok(), "{} cannot be written: {written:?}", list.display());
    }
}

#[cfg(test)]
mod tests {
    use super::find::{Tool, find};
    use super::*;

    /// A tool that no system has, unpacked in several releases; its programs are bash, which tells a version.
    fn unpacked(releases: &[&str], programs: &'static [&'static str]) -> (tempfile::TempDir, Tool) {
        let bash = blocks_exec::find_program("bash", &std::env::var_os("PATH").unwrap()).unwrap();
        let repository = tempfile::tempdir().unwrap();
        let folder = "/usr/lib/no-such-server/*/bin";
        let tool =
            Tool { name: "no-such", programs: &["no-such-server", "no-such-client"], folder, at_least: 3 };
        for release in releases {
            let folder = format!("target/tools/no-such{}", folder.replace('*', release));
            let folder = repository.path().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            for program in programs {
                std::os::unix::fs::symlink(&bash, folder.join(program)).unwrap();
            }
        }
        (repository, tool)
    }

    #[test]
    fn an_unpacked_tool_is_found_in_its_newest_release() {
        let (repository, tool) = unpacked(&["9", "16", "15"], &["no-such-server", "no-such-client"]);
        let found = find(repository.path(), &tool).unwrap();
        assert!(found.folder.ends_with("no-such-server/16/bin"), "{found:?}");
        assert_eq!(found.environment(), []);
        let libraries = found.tree.as_ref().unwrap().join("usr/lib/some-linux-gnu");
        std::fs::create_dir_all(&libraries).unwrap();
        assert_eq!(found.environment(), [("LD_LIBRARY_PATH".to_owned(), libraries.into_os_string())]);
    }

    #[test]
    fn a_tool_that_will_not_do_is_refused_with_the_reason() {
        let (nothing, tool) = unpacked(&[], &[]);
        let reason = find(nothing.path(), &tool).unwrap_err();
        assert_eq!(reason, "no-such-server, no-such-client: not found");
        let (half, tool) = unpacked(&["16"], &["no-such-server"]);
        let reason = find(half.path(), &tool).unwrap_err();
        assert!(reason.ends_with("16/bin/no-such-client is not there"), "{reason}");
        let (old, tool) = unpacked(&["16"], &["no-such-server", "no-such-client"]);
        let reason = find(old.path(), &Tool { at_least: 999, ..tool }).unwrap_err();
        assert!(
            reason.contains("no-such-server is version ") && reason.ends_with("older than 999"),
            "{reason}"
        );
    }

    #[test]
    fn what_is_not_run_is_said_and_listed() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("not-run.txt");
        let mut terminal = Vec::new();
        report("one", "no server", false, Some(&list), &mut terminal);
        report("two", "no server", false, Some(&list), &mut terminal);
        let said = String::from_utf8(terminal).unwrap();
        assert!(said.starts_with("not run: one: no server; hint: "), "{said}");
        assert_eq!((said.lines().count(), std::fs::read_to_string(&list).unwrap()), (2, said));
    }

    #[test]
    #[should_panic(expected = "not run: one: no server")]
    fn what_is_not_run_fails_on_an_unattended_machine() {
        report("one", "no server", true, None, &mut Vec::new());
    }
}
