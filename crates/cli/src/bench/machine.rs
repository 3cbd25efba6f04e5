//! Where and of what a benchmark was taken.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::process;

/// How long git may take.
const GIT: Duration = Duration::from_secs(10);

/// The machine, the commit and the binary.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    /// The commit of the checkout in the working directory, when there is one.
    pub(crate) commit: Option<String>,
    /// Whether that checkout had changes that are in no commit.
    pub(crate) dirty: bool,
    pub(crate) cores: usize,
    pub(crate) memory_mib: Option<u64>,
    pub(crate) cpu: Option<String>,
    pub(crate) kernel: Option<String>,
    /// The file system of the temporary folder, where both sides keep their stores.
    pub(crate) file_system: Option<String>,
    /// Before anything was started.
    pub(crate) load_average: Option<String>,
    /// Whether this binary was built for release.
    pub(crate) release: bool,
}

impl Setting {
    /// Looks. `report` is the file that will be written: it does not make the checkout dirty.
    pub(crate) async fn look(report: Option<&Path>) -> Setting {
        let commit = git(&["rev-parse", "--short=12", "HEAD"]).await.map(|text| text.trim().to_owned());
        let mut status = vec!["status".to_owned(), "--porcelain".to_owned(), "--".to_owned(), ".".to_owned()];
        status.extend(report.map(|file| format!(":(exclude){}", file.display())));
        let status: Vec<&str> = status.iter().map(String::as_str).collect();
        let dirty = git(&status).await.is_some_and(|text| !text.trim().is_empty());
        let read = |path: &str| std::fs::read_to_string(path).ok();
        let line = |path: &str| read(path).map(|text| text.trim().to_owned());
        Setting {
            commit,
            dirty,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: read("/proc/meminfo").and_then(|text| memory_mib(&text)),
            cpu: read("/proc/cpuinfo").and_then(|text| cpu(&text)),
            kernel: line("/proc/sys/kernel/osrelease"),
            file_system: read("/proc/mounts").and_then(|text| file_system(&text, &std::env::temp_dir())),
            load_average: line("/proc/loadavg")
                .map(|text| text.split(' ').take(3).collect::<Vec<_>>().join(" ")),
            release: !cfg!(debug_assertions),
        }
    }

    /// Whether the machine had other things to do when the benchmark began.
    #[expect(clippy::cast_precision_loss, reason = "no machine has 2^52 cores")]
    pub(crate) fn is_loaded(&self) -> bool {
        let load = self.load_average.as_ref().and_then(|load| load.split(' ').next()?.parse::<f64>().ok());
        load.is_some_and(|load| load > self.cores as f64 / 2.0)
    }

    /// `c5745e8d1f2a` or `c5745e8d1f2a, with changes`.
    pub(crate) fn commit_text(&self) -> String {
        match &self.commit {
            Some(commit) if self.dirty => format!("{commit}, with changes in no commit"),
            Some(commit) => commit.clone(),
            None => "unknown".to_owned(),
        }
    }

    /// The table at the top of a report.
    pub(crate) fn write(&self, text: &mut String, at: DateTime<Utc>, stripped: Option<bool>) {
        let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
        let memory = self.memory_mib.map_or_else(|| "unknown".to_owned(), |mib| format!("{mib} MiB"));
        let build = match (self.release, stripped) {
            (true, Some(true)) => "release, stripped",
            (true, Some(false)) => "release, not stripped",
            (true, None) => "release",
            (false, _) => "debug (not what is aimed at)",
        };
        let _ = writeln!(text, "| | |\n| --- | --- |");
        for (name, value) in [
            ("commit", self.commit_text()),
            ("taken at", at.to_rfc3339_opts(SecondsFormat::Secs, true)),
            ("build", build.to_owned()),
            ("CPU", format!("{}, {} cores", known(&self.cpu), self.cores)),
            ("memory", memory),
            ("kernel", known(&self.kernel)),
            ("file system of the stores", known(&self.file_system)),
            ("load average before", known(&self.load_average)),
        ] {
            let _ = writeln!(text, "| {name} | {value} |");
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "commit": self.commit, "dirty": self.dirty, "release": self.release, "cores": self.cores,
            "memory_mib": self.memory_mib, "cpu": self.cpu, "kernel": self.kernel,
            "file_system": self.file_system, "load_average": self.load_average,
        })
    }
}

async fn git(words: &[&str]) -> Option<String> {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    process::output(Path::new("git"), &words, GIT).await.ok()
}

fn memory_mib(meminfo: &str) -> Option<u64> {
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(total.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? / 1024)
}

fn cpu(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The type of the innermost mount that holds a folder.
fn file_system(mounts: &str, folder: &Path) -> Option<String> {
    let parsed = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let holding = parsed.filter(|(place, _)| folder.starts_with(place));
    holding.max_by_key(|(place, _)| place.len()).map(|(_, kind)| kind.to_owned())
}

/// Whether a program has a symbol table: a stripped one has none.
pub(crate) fn is_stripped(program: &[u8]) -> bool {
    !program.windows(9).any(|bytes| bytes == b"\0.symtab\0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read() {
        assert_eq!(memory_mib("MemTotal:        4096000 kB\nMemFree: 1 kB\n"), Some(4000));
        assert_eq!(memory_mib(""), None);
        assert_eq!(
            cpu("processor : 0\nmodel name\t: Some CPU @ 2 GHz\n").as_deref(),
            Some("Some CPU @ 2 GHz")
        );
    }

    #[test]
    fn the_innermost_mount_counts() {
        let mounts = "overlay / overlay rw 0 0\ntmpfs /tmp tmpfs rw 0 0\nx /tmpfoo ext4 rw 0 0\n";
        assert_eq!(file_system(mounts, Path::new("/tmp/a")).as_deref(), Some("tmpfs"));
        assert_eq!(file_system(mounts, Path::new("/var/tmp")).as_deref(), Some("overlay"));
    }

    #[test]
    fn a_symbol_table_is_seen() {
        assert!(is_stripped(b"\x7fELF .text\0.data\0"));
        assert!(!is_stripped(b"\x7fELF\0.symtab\0.strtab\0"));
    }
}
