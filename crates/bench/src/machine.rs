//! Where and of what the benchmark was taken.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

/// The machine, the commit and the compiler.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Setting {
    /// The checkout's commit, and whether it had changes that are in no commit.
    pub(crate) commit: Option<(String, bool)>,
    pub(crate) rustc: Option<String>,
    pub(crate) cores: usize,
    pub(crate) cpu: Option<String>,
    /// Whether the processor has instructions for SHA-256.
    pub(crate) sha: bool,
    pub(crate) memory_mib: Option<u64>,
    pub(crate) kernel: Option<String>,
    /// Before anything was measured.
    pub(crate) load_average: Option<String>,
    pub(crate) release: bool,
}

impl Setting {
    /// Looks. `report` is the file that will be written: it does not make the checkout dirty.
    pub(crate) fn look(report: Option<&Path>) -> Setting {
        let line = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        let cpuinfo = line("/proc/cpuinfo").unwrap_or_default();
        let mut status = vec!["status".to_owned(), "--porcelain".to_owned(), "--".to_owned(), ".".to_owned()];
        status.extend(report.map(|file| format!(":(exclude){}", file.display())));
        let status: Vec<&str> = status.iter().map(String::as_str).collect();
        let dirty = said("git", &status).is_some_and(|text| !text.is_empty());
        Setting {
            commit: said("git", &["rev-parse", "--short=12", "HEAD"]).map(|commit| (commit, dirty)),
            rustc: said("rustc", &["--version"]),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            cpu: field(&cpuinfo, "model name"),
            sha: field(&cpuinfo, "flags").is_some_and(|flags| flags.split(' ').any(|flag| flag == "sha_ni")),
            memory_mib: line("/proc/meminfo")
                .and_then(|text| kilobytes(&text, "MemTotal:"))
                .map(|kb| kb / 1024),
            kernel: line("/proc/sys/kernel/osrelease"),
            load_average: line("/proc/loadavg")
                .map(|text| text.split(' ').take(3).collect::<Vec<_>>().join(" ")),
            release: !cfg!(debug_assertions),
        }
    }

    /// Names and values for people.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String)> {
        let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
        let commit = match &self.commit {
            Some((commit, true)) => format!("{commit}, with changes in no commit"),
            Some((commit, false)) => commit.clone(),
            None => "unknown".to_owned(),
        };
        let sha = if self.sha { "with" } else { "without" };
        vec![
            ("commit", commit),
            ("build", if self.release { "release" } else { "debug (not what is aimed at)" }.to_owned()),
            ("compiler", known(&self.rustc)),
            ("CPU", format!("{}, {} cores, {sha} SHA instructions", known(&self.cpu), self.cores)),
            ("memory", self.memory_mib.map_or_else(|| "unknown".to_owned(), |mib| format!("{mib} MiB"))),
            ("kernel", known(&self.kernel)),
            ("load average before", known(&self.load_average)),
        ]
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "commit": self.commit.as_ref().map(|(commit, _)| commit),
            "dirty": self.commit.as_ref().map(|(_, dirty)| dirty),
            "release": self.release, "rustc": self.rustc, "cores": self.cores, "cpu": self.cpu, "sha": self.sha,
            "memory_mib": self.memory_mib, "kernel": self.kernel, "load_average": self.load_average,
        })
    }
}

/// The one place where the benchmark makes a process.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark starts itself, git, rustc and the binary it is given"
)]
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.stdin(std::process::Stdio::null());
    command
}

/// What a program prints, when it ends well.
fn said(program: &str, words: &[&str]) -> Option<String> {
    let output = command(Path::new(program)).args(words).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn field(cpuinfo: &str, name: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The kilobytes behind a name, as files in `/proc` write them.
pub(crate) fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read() {
        assert_eq!(kilobytes("MemTotal:  4096 kB\nVmHWM:\t 12 kB\n", "VmHWM:"), Some(12));
        assert_eq!(kilobytes("VmHWM: lots\n", "VmHWM:"), None);
        assert_eq!(field("processor : 0\nmodel name\t: A CPU\n", "model name").as_deref(), Some("A CPU"));
    }
}
