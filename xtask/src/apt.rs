//! Debian packages, fetched and unpacked without being installed. Only the system's own sources are asked, and apt
//! checks what they send; nothing here needs root or changes the system.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::{Failure, program, quiet};

/// apt, perhaps with lists of our own where the system has none or old ones.
#[derive(Debug)]
pub(crate) struct Apt {
    own: PathBuf,
    has_own_lists: bool,
}

impl Apt {
    /// Keeps its own state, if it comes to need some, in `folder`.
    pub(crate) fn new(folder: PathBuf) -> Apt {
        let has_own_lists = folder.join("state/lists").is_dir();
        Apt { own: folder, has_own_lists }
    }

    /// Asks for the newest lists, into our own folder.
    pub(crate) fn update(&mut self) -> Result<(), Failure> {
        for folder in ["state/lists/partial", "cache/archives/partial"] {
            make_folder(&self.own.join(folder))?;
        }
        self.has_own_lists = true;
        quiet(self.command("apt-get").arg("update")).map(drop)
    }

    /// The packages' names, where `#` stands for the number in the name of what `newest` depends on: the release that
    /// the distribution carries.
    pub(crate) fn names(&self, patterns: &[&str], newest: Option<&str>) -> Result<Vec<String>, Failure> {
        let Some(newest) = newest else {
            return Ok(patterns.iter().map(|&name| name.to_owned()).collect());
        };
        let told = quiet(self.command("apt-cache").args(["depends", newest]))?;
        let prefix = format!("{newest}-");
        let number = told
            .split_whitespace()
            .filter_map(|word| word.strip_prefix(&prefix))
            .find(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
            .ok_or_else(|| Failure::Tools(format!("apt knows no release of {newest}")))?;
        Ok(patterns.iter().map(|name| name.replace('#', number)).collect())
    }

    /// What apt would install beside these packages, as far as it is libraries.
    pub(crate) fn libraries_for(&self, packages: &[String]) -> Result<Vec<String>, Failure> {
        let mut simulation = self.command("apt-get");
        simulation.args(["--simulate", "--no-install-recommends", "-o", "Debug::NoLocking=1", "install"]);
        let told = quiet(simulation.args(packages))?;
        let names = told.lines().filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next());
        // The C library must be the system's own: its loader starts the program. LLVM is PostgreSQL's compiler for
        // queries, 100 MB that it does without.
        let unwanted = ["libjs-", "libllvm", "libc6", "libc-"];
        Ok(names
            .filter(|name| name.starts_with("lib") && !unwanted.iter().any(|part| name.starts_with(part)))
            .map(str::to_owned)
            .collect())
    }

    /// Fetches packages and unpacks them over each other into `tree`.
    pub(crate) fn unpack(&self, packages: &[String], tree: &Path) -> Result<(), Failure> {
        let archives = tree.join("archives");
        make_folder(&archives)?;
        quiet(self.command("apt-get").current_dir(&archives).arg("download").args(packages))?;
        let unread = |source| Failure::File { path: archives.display().to_string(), source };
        for archive in archives.read_dir().map_err(unread)? {
            let archive = archive.map_err(unread)?.path();
            quiet(program("dpkg-deb").arg("--extract").arg(&archive).arg(tree))?;
        }
        std::fs::remove_dir_all(&archives).map_err(unread)
    }

    fn command(&self, name: &str) -> Command {
        let mut command = program(name);
        command.env("LC_ALL", "C.UTF-8").env("DEBIAN_FRONTEND", "noninteractive");
        // A machine without a network is told so soon.
        command.args(["-q", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20"]);
        command.args(["-o", "Acquire::https::Timeout=20", "-o", "Dir::Cache::pkgcache="]);
        command.args(["-o", "Dir::Cache::srcpkgcache="]);
        if self.has_own_lists {
            for (option, folder) in [("Dir::State", "state/"), ("Dir::Cache", "cache/")] {
                command.arg("-o").arg(format!("{option}={}", self.own.join(folder).display()));
            }
            command.args(["-o", "Dir::State::status=/var/lib/dpkg/status"]);
        }
        command
    }
}

/// A folder that every user may enter: servers do not run as root.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)))
        .map_err(|source| Failure::File { path: folder.display().to_string(), source })
}
