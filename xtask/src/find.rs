//! Where the programs are that the tests start: installed, or unpacked under `target/tools/`.
//!
//! The chore that fetches them (`xtask/src/tools.rs`) and the tests that start them (`tests/src/servers/`) compile this
//! one file, so that both always find the same programs, with or without `cargo xtask`.

use std::ffi::OsString;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Set to `download`, only what lies under `target/tools/` is used, even where the system has the program.
const CHOICE: &str = "BLOCKS_TOOLS";

/// Programs that belong together.
#[derive(Debug)]
pub(crate) struct Tool {
    /// Its folder under `target/tools/`.
    pub(crate) name: &'static str,
    /// The first is looked for; all of them lie in one folder.
    pub(crate) programs: &'static [&'static str],
    /// Where Debian's package puts them; one part may be `*`.
    pub(crate) folder: &'static str,
    /// The oldest major version that will do.
    pub(crate) at_least: u32,
}

pub(crate) const POSTGRES: Tool = Tool {
    name: "postgres",
    programs: &["postgres", "initdb", "psql"],
    folder: "/usr/lib/postgresql/*/bin",
    at_least: 15,
};

pub(crate) const PROMETHEUS: Tool =
    Tool { name: "prometheus", programs: &["prometheus", "promtool"], folder: "/usr/bin", at_least: 2 };

/// Debian's name of Alertmanager.
pub(crate) const ALERTMANAGER: Tool =
    Tool { name: "alertmanager", programs: &["prometheus-alertmanager"], folder: "/usr/bin", at_least: 0 };

/// The browser in which pages are tried. Debian's `/usr/bin/chromium` is a script around this one.
pub(crate) const CHROMIUM: Tool =
    Tool { name: "chromium", programs: &["chromium"], folder: "/usr/lib/chromium", at_least: 114 };

/// A tool that is there and answers `--version`.
#[derive(Debug)]
pub(crate) struct Found {
    /// Where its programs are.
    pub(crate) folder: PathBuf,
    /// The unpacked tree that it is part of, if it is not the system's own.
    pub(crate) tree: Option<PathBuf>,
}

impl Found {
    /// What its programs need beside the environment: where an unpacked tree has its libraries.
    pub(crate) fn environment(&self) -> Vec<(String, OsString)> {
        let Some(tree) = &self.tree else { return Vec::new() };
        // One folder for each kind of machine, such as `x86_64-linux-gnu`; one library keeps a part of its own below it.
        let folders = ["usr/lib/*", "lib/*", "usr/lib/*/pulseaudio"]
            .iter()
            .flat_map(|at| matching(&tree.join(at)))
            .filter(|folder| {
                let below = folder.strip_prefix(tree).unwrap_or(folder);
                below.to_string_lossy().contains("-linux-")
            });
        match std::env::join_paths(folders) {
            Ok(paths) if !paths.is_empty() => vec![("LD_LIBRARY_PATH".to_owned(), paths)],
            _ => Vec::new(),
        }
    }
}

/// The tool, or why there is none that will do.
pub(crate) fn find(repository: &Path, tool: &Tool) -> Result<Found, String> {
    let mut refused = Vec::new();
    let tree = unpacked(repository, tool);
    let own = matching(&tree.join(tool.folder.trim_start_matches('/')));
    let own = own.into_iter().map(|folder| Found { folder, tree: Some(tree.clone()) });
    for found in installed(tool).into_iter().chain(own) {
        match usable(&found, tool) {
            Ok(()) => return Ok(found),
            Err(why) => refused.push(why),
        }
    }
    if refused.is_empty() {
        return Err(format!("{}: not found", tool.programs.join(", ")));
    }
    Err(refused.join("; "))
}

/// Where a tool is unpacked.
pub(crate) fn unpacked(repository: &Path, tool: &Tool) -> PathBuf {
    repository.join("target/tools").join(tool.name)
}

/// Whether any user may read this, and all folders above it: a server does not run as root.
pub(crate) fn is_open_to_all(path: &Path) -> bool {
    path.ancestors().filter(|part| !part.as_os_str().is_empty()).all(|part| {
        let needed = if part == path { 0o005 } else { 0o001 };
        part.metadata().is_ok_and(|found| found.permissions().mode() & needed == needed)
    })
}

/// Whether this process is root's.
pub(crate) fn is_root() -> bool {
    Path::new("/proc/self").metadata().is_ok_and(|process| process.uid() == 0)
}

/// Folders of the system in which the tool's first program is. A link leads to where its companions are, too.
fn installed(tool: &Tool) -> Vec<Found> {
    if std::env::var_os(CHOICE).is_some_and(|choice| choice == "download") {
        return Vec::new();
    }
    let first = tool.programs.first().copied().unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path)
        .chain(matching(Path::new(tool.folder)))
        .filter(|folder| folder.is_absolute())
        .filter_map(|folder| folder.join(first).canonicalize().ok()?.parent().map(Path::to_path_buf))
        .collect();
    let mut seen = Vec::new();
    folders.retain(|folder| {
        !seen.contains(folder) && {
            seen.push(folder.clone());
            true
        }
    });
    folders.into_iter().map(|folder| Found { folder, tree: None }).collect()
}

/// Existing folders for a path of which one part may have a `*`, the highest number first.
pub(crate) fn matching(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in pattern {
        let name = part.to_string_lossy();
        let Some((before, after)) = name.split_once('*') else {
            found.iter_mut().for_each(|folder| folder.push(part));
            continue;
        };
        let entries = found.iter().filter_map(|folder| folder.read_dir().ok()).flatten().flatten();
        let mut names: Vec<_> = entries
            .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
            .filter(|(name, _)| name.starts_with(before) && name.ends_with(after))
            .collect();
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.parse::<u32>().unwrap_or_default()));
        found = names.into_iter().map(|(_, path)| path).collect();
    }
    found.retain(|folder| folder.is_dir());
    found
}

/// Every program is there, the first one starts, and it is not too old.
fn usable(found: &Found, tool: &Tool) -> Result<(), String> {
    for name in tool.programs {
        let program = found.folder.join(name);
        if !program.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0) {
            return Err(format!("{} is not there", program.display()));
        }
        // An unpacked tree can be copied to where a server's user may read it; an installed program stays where it is.
        if found.tree.is_none() && is_root() && !is_open_to_all(&program) {
            return Err(format!("{} is closed to other users than root", program.display()));
        }
    }
    let program = found.folder.join(tool.programs.first().copied().unwrap_or_default());
    match version(&program, found) {
        Some(version) if version >= tool.at_least => Ok(()),
        Some(version) => {
            Err(format!("{} is version {version}, older than {}", program.display(), tool.at_least))
        }
        None => Err(format!("{} does not tell its version", program.display())),
    }
}

/// The major version that a program tells: the first number that begins a word.
#[expect(clippy::disallowed_methods, reason = "asks a program of the tests for its version")]
fn version(program: &Path, found: &Found) -> Option<u32> {
    let told = Command::new(program)
        .arg("--version")
        .envs(found.environment())
        .stdin(Stdio::null())
        .output()
        .ok()
        .filter(|told| told.status.success())?;
    // Older releases of Prometheus tell it on standard error.
    let text = [told.stdout, told.stderr].concat();
    String::from_utf8_lossy(&text).split_whitespace().find_map(|word| {
        word.split(|c: char| !c.is_ascii_digit()).next().filter(|number| !number.is_empty())?.parse().ok()
    })
}
