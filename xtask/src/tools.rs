//! Makes sure that the programs are there which the tests start beside our own: found on this machine, else fetched as
//! Debian packages into `target/tools/`. Nothing is installed on the system.

use std::path::{Path, PathBuf};

use crate::apt::{Apt, make_folder};
use crate::find::{ALERTMANAGER, CHROMIUM, Found, POSTGRES, PROMETHEUS, Tool, find, unpacked};
use crate::steps::{Failure, program, quiet, say};

/// A tool, and the packages it comes in.
struct Wanted {
    tool: Tool,
    packages: &'static [&'static str],
    /// `#` in a package's name is the number of the release that this package leads to.
    newest: Option<&'static str>,
    /// Nothing is lost without it but the check that it makes.
    is_optional: bool,
}

const WANTED: &[Wanted] = &[
    Wanted {
        tool: POSTGRES,
        packages: &["postgresql-#", "postgresql-client-#"],
        newest: Some("postgresql"),
        is_optional: false,
    },
    Wanted { tool: PROMETHEUS, packages: &["prometheus"], newest: None, is_optional: false },
    Wanted { tool: ALERTMANAGER, packages: &["prometheus-alertmanager"], newest: None, is_optional: false },
    Wanted {
        tool: CHROMIUM,
        packages: &["chromium", "chromium-common", "fonts-dejavu-core"],
        newest: None,
        is_optional: false,
    },
    Wanted {
        tool: Tool { name: "shellcheck", programs: &["shellcheck"], folder: "/usr/bin", at_least: 0 },
        packages: &["shellcheck"],
        newest: None,
        is_optional: true,
    },
    // what `blocks bench pagerduty` is compared with
    Wanted {
        tool: Tool { name: "webhook", programs: &["webhook"], folder: "/usr/bin", at_least: 0 },
        packages: &["webhook"],
        newest: None,
        is_optional: true,
    },
];

/// The repository that this chore was built in.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Finds or fetches every tool, and says where each is. What the tests will have to do without is the failure.
pub(crate) fn tools() -> Result<(), Failure> {
    let repository = repository();
    let mut apt = Apt::new(repository.join("target/tools/apt"));
    let mut missing = Vec::new();
    for wanted in WANTED {
        let name = wanted.tool.name;
        let done = find(&repository, &wanted.tool).or_else(|why| {
            say(&format!("tools: {why}; fetching the packages of {name}"));
            fetch(&repository, wanted, &mut apt).map_err(|failure| format!("{why}; {failure}"))
        });
        match done {
            Ok(found) => say(&format!("tools: {name}: {}", found.folder.display())),
            Err(why) if wanted.is_optional => say(&format!("tools: {name}: done without: {why}")),
            Err(why) => missing.push(format!("not run: what needs {name}: {why}")),
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let hint = "hint: install it with the system's package manager";
    Err(Failure::Tools(format!("{}; {hint}", missing.join("\n"))))
}

/// Unpacks a tool beside its place and moves it there whole, so that a broken off attempt leaves nothing that is found.
fn fetch(repository: &Path, wanted: &Wanted, apt: &mut Apt) -> Result<Found, Failure> {
    let tree = unpacked(repository, &wanted.tool);
    let draft = tree.with_extension(format!("new-{}", std::process::id()));
    let filled = fill(&draft, wanted, apt).or_else(|_| {
        // The system's lists are missing, closed to us, or older than what its sources still carry.
        let _ = std::fs::remove_dir_all(&draft);
        apt.update()?;
        fill(&draft, wanted, apt)
    });
    let moved = filled.and_then(|()| {
        // What is there already was found unusable.
        let _ = std::fs::remove_dir_all(&tree);
        std::fs::rename(&draft, &tree)
            .map_err(|source| Failure::File { path: tree.display().to_string(), source })
    });
    let _ = std::fs::remove_dir_all(&draft);
    moved?;
    find(repository, &wanted.tool)
        .map_err(|why| Failure::Tools(format!("what was fetched does not run: {why}")))
}

/// The tool's packages, and the libraries only if the system lacks some.
fn fill(tree: &Path, wanted: &Wanted, apt: &Apt) -> Result<(), Failure> {
    make_folder(tree)?;
    let packages = apt.names(wanted.packages, wanted.newest)?;
    apt.unpack(&packages, tree)?;
    if lacking(tree, &wanted.tool)?.is_empty() {
        return Ok(());
    }
    apt.unpack(&apt.libraries_for(&packages)?, tree)?;
    match lacking(tree, &wanted.tool)? {
        still if still.is_empty() => Ok(()),
        still => Err(Failure::Tools(format!("libraries are missing: {}", still.join(", ")))),
    }
}

/// Shared libraries that the unpacked programs need and the loader does not find.
fn lacking(tree: &Path, tool: &Tool) -> Result<Vec<String>, Failure> {
    let mut lacking = Vec::new();
    for folder in crate::find::matching(&tree.join(tool.folder.trim_start_matches('/'))) {
        let found = Found { folder, tree: Some(tree.to_path_buf()) };
        for name in tool.programs {
            // A program that is linked statically makes it fail, and lacks nothing.
            let told = quiet(program("ldd").arg(found.folder.join(name)).envs(found.environment()));
            if let Err(failure @ Failure::Start { .. }) = told {
                return Err(failure);
            }
            let told = told.unwrap_or_default();
            lacking.extend(
                told.lines().filter(|line| line.contains("not found")).map(|line| line.trim().to_owned()),
            );
        }
    }
    lacking.sort();
    lacking.dedup();
    Ok(lacking)
}
