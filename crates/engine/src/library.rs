//! The runbooks that can be named: the team's folders first, the embedded ones always.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use runbook_core::plan::settle_includes;
use runbook_core::runbook::{Document, hand_on, parse, parse_bytes};

use crate::git::{Fetched, GitSource};

/// Largest runbook that is read, in bytes. What can be followed in an incident is far smaller; the linter says so.
const MAX_BYTES: u64 = 256 * 1024 * 1024;
/// Endings of Markdown files, in lowercase.
const ENDINGS: &[&str] = &["md", "markdown", "mdown", "mkd", "mdx"];
/// Most runbooks that one may include, directly or through others.
const MAX_INCLUDED: usize = 256;

/// Where runbooks come from.
#[derive(Debug, Clone, Default)]
pub struct Library {
    git: Option<GitSource>,
    folders: Vec<PathBuf>,
    embedded: BTreeMap<String, String>,
    embedded_directory: PathBuf,
}

/// One runbook, read now.
#[derive(Debug, Clone)]
pub struct LibraryEntry {
    /// What it says.
    pub document: Document,
    /// All of its text, as written.
    pub text: String,
    /// The folder that its commands start in.
    pub directory: PathBuf,
    /// Where it is, for people.
    pub source: String,
    /// The file that was read; none for an embedded one.
    pub file: Option<PathBuf>,
    /// What it includes, directly or through others, by name. One that is not found is not here: the plan says so.
    pub included: BTreeMap<String, Document>,
    /// The files of these, by name; an embedded one has none.
    pub included_files: BTreeMap<String, PathBuf>,
    /// What it includes and what may not be read, with the reason.
    pub refused: BTreeMap<String, String>,
}

/// A runbook is not there or does not read.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// Nobody knows the name.
    #[error("there is no runbook '{name}'{nearest}; hint: `blocks runbook list` shows them")]
    Unknown {
        /// The name.
        name: String,
        /// `, did you mean 'x'?` or empty.
        nearest: String,
    },
    /// The file does not read.
    #[error("the runbook {path} does not read: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// Two files of a folder have the name.
    #[error(
        "several runbooks are named '{name}': {paths}; hint: rename all but one of them, or name the file by its path"
    )]
    Ambiguous {
        /// The name.
        name: String,
        /// The files.
        paths: String,
    },
    /// The repository that runbooks come from was never fetched.
    #[error(
        "the runbooks of {repository} are not here: {reason}; hint: `blocks doctor` tries again and says what is wrong; a file is run by its path meanwhile"
    )]
    NotFetched {
        /// The repository.
        repository: String,
        /// Why.
        reason: String,
    },
    /// A link leads out of the folders.
    #[error(
        "the runbook {path} is a link to {target}, outside the folders that runbooks are read from; hint: put the file itself there, or add its folder to [runbooks] paths"
    )]
    LeadsOut {
        /// The link.
        path: String,
        /// Where it leads.
        target: String,
    },
}

impl Library {
    /// A library over folders and embedded texts; `embedded_directory` is where embedded ones start.
    #[must_use]
    pub fn new(folders: Vec<PathBuf>, embedded: &[(&str, &str)], embedded_directory: PathBuf) -> Library {
        let embedded = embedded.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Library { git: None, folders, embedded, embedded_directory }
    }

    /// The same with runbooks of a repository: they come before all others.
    #[must_use]
    pub fn with_git(self, git: Option<GitSource>) -> Library {
        Library { git, ..self }
    }

    /// The repository that runbooks are fetched from, and what is there of it now.
    #[must_use]
    pub fn git(&self) -> Option<(&GitSource, Result<Fetched, String>)> {
        self.git.as_ref().map(|git| (git, git.fetched()))
    }

    /// Asks the repository for what is new, unless that was done less than `patience` ago; without patience, in any case.
    /// Blocks while it does.
    ///
    /// # Errors
    /// Why it cannot be reached; what was fetched before stays in use.
    pub fn refresh(&self, patience: Option<Duration>) -> Result<(), String> {
        self.git.as_ref().map_or(Ok(()), |git| git.refresh(patience))
    }

    /// Every name with where it comes from, sorted.
    #[must_use]
    pub fn names(&self) -> BTreeMap<String, String> {
        let source = |paths: &[PathBuf]| match paths {
            [] => EMBEDDED.to_owned(),
            [first, ..] => first.display().to_string(),
        };
        self.index().into_iter().map(|(name, paths)| (name, source(&paths))).collect()
    }

    /// Every name with what it reads as, without what it includes. Each folder is read once.
    #[must_use]
    pub fn read_all(&self) -> BTreeMap<String, Result<LibraryEntry, LibraryError>> {
        let roots = self.roots();
        let read = |name: &str, paths: Vec<PathBuf>| match only(name, paths)? {
            Some(path) => read_inside(&path, &roots),
            None => self.read_embedded(name),
        };
        self.index()
            .into_iter()
            .map(|(name, paths)| {
                let entry = read(&name, paths);
                (name, entry)
            })
            .collect()
    }

    /// The files of each name, all in the first folder that has it; none for an embedded one.
    fn index(&self) -> BTreeMap<String, Vec<PathBuf>> {
        let mut names: BTreeMap<String, Vec<PathBuf>> =
            self.embedded.keys().map(|name| (name.clone(), Vec::new())).collect();
        for folder in self.all_folders().unwrap_or_default().iter().rev() {
            let Ok(entries) = std::fs::read_dir(folder) else { continue };
            let mut here: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
            for path in entries.flatten().map(|entry| entry.path()).filter(|path| is_markdown(path)) {
                if let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) {
                    here.entry(stem.to_owned()).or_default().push(path);
                }
            }
            here.values_mut().for_each(|paths| paths.sort());
            names.extend(here);
        }
        names
    }

    /// Reads the runbook of that name. Neither a name nor a link reaches outside the folders.
    ///
    /// # Errors
    /// When nobody knows the name, or the file does not read.
    pub fn find(&self, name: &str) -> Result<LibraryEntry, LibraryError> {
        Ok(self.complete(self.find_alone(name)?))
    }

    /// The entry with everything that it includes: from the folder of the file that asks, then from the library.
    #[must_use]
    pub fn complete(&self, entry: LibraryEntry) -> LibraryEntry {
        collect(entry, self.roots(), &|name| self.find_alone(name))
    }

    /// The folders as they are called without links.
    fn roots(&self) -> Vec<PathBuf> {
        let tree = self.git().and_then(|(_, fetched)| fetched.ok()).map(|fetched| fetched.tree);
        self.folders.iter().chain(&tree).filter_map(|folder| std::fs::canonicalize(folder).ok()).collect()
    }

    /// Every folder, in the order in which they are asked. Without its repository there is none: what has a name there is
    /// not to be found elsewhere.
    fn all_folders(&self) -> Result<Vec<PathBuf>, LibraryError> {
        let Some((git, fetched)) = self.git() else { return Ok(self.folders.clone()) };
        match fetched {
            Ok(fetched) => {
                let mut folders = git.folders_in(&fetched.tree);
                folders.extend(self.folders.iter().cloned());
                Ok(folders)
            }
            Err(reason) => Err(LibraryError::NotFetched { repository: git.shown(), reason }),
        }
    }

    fn find_alone(&self, name: &str) -> Result<LibraryEntry, LibraryError> {
        if is_plain(name) {
            for folder in &self.all_folders()? {
                if let Some(path) = only(name, named_in(folder, name))? {
                    return read_inside(&path, &self.roots());
                }
            }
            return self.read_embedded(name);
        }
        Err(self.unknown(name))
    }

    fn read_embedded(&self, name: &str) -> Result<LibraryEntry, LibraryError> {
        let text = self.embedded.get(name).ok_or_else(|| self.unknown(name))?;
        Ok(LibraryEntry {
            document: parse(name, text).with_hash_of(text.as_bytes()),
            text: (*text).to_owned(),
            directory: self.embedded_directory.clone(),
            source: EMBEDDED.to_owned(),
            file: None,
            included: BTreeMap::new(),
            included_files: BTreeMap::new(),
            refused: BTreeMap::new(),
        })
    }

    fn unknown(&self, name: &str) -> LibraryError {
        LibraryError::Unknown { name: name.to_owned(), nearest: self.nearest(name) }
    }

    fn nearest(&self, name: &str) -> String {
        let wanted = name.to_lowercase();
        let names = self.names();
        let found = names.keys().find(|known| {
            let known = known.to_lowercase();
            !wanted.is_empty() && (known.contains(&wanted) || wanted.contains(&known))
        });
        found.map_or_else(String::new, |known| format!(", did you mean '{known}'?"))
    }
}

/// What stands for a path where there is none.
const EMBEDDED: &str = "embedded";

/// Whether a file is Markdown by its ending: `.md`, `.markdown`, `.mdx` and the like, in any case.
#[must_use]
pub fn is_markdown(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

/// The Markdown files of a folder that have this name, sorted.
pub(crate) fn named_in(folder: &Path, name: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let fits = |path: &PathBuf| {
        is_markdown(path) && path.file_stem().is_some_and(|stem| stem == name) && path.is_file()
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(fits).collect();
    paths.sort();
    paths
}

/// The one file of a name. A guess between two would run what nobody meant.
fn only(name: &str, paths: Vec<PathBuf>) -> Result<Option<PathBuf>, LibraryError> {
    if paths.len() > 1 {
        let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(LibraryError::Ambiguous { name: name.to_owned(), paths: paths.join(" and ") });
    }
    Ok(paths.into_iter().next())
}

/// A name that stays inside a folder.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' '))
        && !name.starts_with('.')
}

/// The entry with its includes, nearest first. A circle is gone through once. Beside the entry's own folder, `roots` are
/// the folders that may be read.
fn collect(
    entry: LibraryEntry,
    mut roots: Vec<PathBuf>,
    elsewhere: &dyn Fn(&str) -> Result<LibraryEntry, LibraryError>,
) -> LibraryEntry {
    let (mut included, mut included_files, mut refused) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut seen = BTreeSet::new();
    // beside the file that asks comes first; an embedded one has nothing beside it
    let folder_of = |entry: &LibraryEntry| (entry.source != EMBEDDED).then(|| entry.directory.clone());
    roots.extend(folder_of(&entry));
    let mut waiting = vec![(names(&entry.document), folder_of(&entry))];
    while let Some((names, folder)) = waiting.pop() {
        for name in names {
            if included.len() >= MAX_INCLUDED || !is_plain(&name) || !seen.insert(name.clone()) {
                continue;
            }
            let beside = folder.as_ref().map_or_else(Vec::new, |folder| named_in(folder, &name));
            let read = match only(&name, beside) {
                Ok(Some(path)) => read_inside(&path, &roots),
                Ok(None) => elsewhere(&name),
                Err(error) => Err(error),
            };
            match read {
                Ok(next) => {
                    waiting.push((self::names(&next.document), folder_of(&next)));
                    included_files.extend(next.file.map(|file| (name.clone(), file)));
                    included.insert(name, next.document);
                }
                Err(LibraryError::Unknown { .. }) => {}
                Err(error) => {
                    refused.insert(name, error.to_string());
                }
            }
        }
    }
    LibraryEntry { included, included_files, refused, ..entry }
}

/// The runbooks that a document's includes name.
fn names(document: &Document) -> Vec<String> {
    let commands = document.steps.iter().flat_map(|step| step.all_commands().map(|(_, command)| command));
    commands.filter_map(|command| command.include.as_ref()).map(|include| include.runbook.clone()).collect()
}

/// Whether an entry's document gets its hash, which only what is shown or planned needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Yes,
    No,
}

/// Reads one file as a runbook, whatever folder it is in, with what it includes from its own folder. It may be a link:
/// whoever names a path means what is there.
///
/// # Errors
/// When the file does not read.
pub(crate) fn read_file(path: &Path, hash: Hash) -> Result<LibraryEntry, LibraryError> {
    let unknown = |name: &str| LibraryError::Unknown { name: name.to_owned(), nearest: String::new() };
    Ok(collect(read_alone(path, None, hash)?, Vec::new(), &|name| Err(unknown(name))))
}

/// Reads one file that lies in one of these folders once links are followed.
fn read_inside(path: &Path, roots: &[PathBuf]) -> Result<LibraryEntry, LibraryError> {
    read_alone(path, Some(roots), Hash::Yes)
}

fn read_alone(path: &Path, roots: Option<&[PathBuf]>, hash: Hash) -> Result<LibraryEntry, LibraryError> {
    let shown = || path.display().to_string();
    let unreadable = |reason: String| LibraryError::Unreadable { path: shown(), reason };
    let failed = |error: std::io::Error| unreadable(error.to_string());
    let file = File::open(path).map_err(failed)?;
    if let Some(roots) = roots {
        // what was opened is asked, not the path: a link may lead elsewhere a moment later
        let target = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(failed)?;
        if !roots.iter().any(|root| target.starts_with(root)) {
            return Err(LibraryError::LeadsOut { path: shown(), target: target.display().to_string() });
        }
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(unreadable(format!("it has more than the {MAX_BYTES} bytes that are read")));
    }
    let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    // A bare file name has the parent "", which is no folder to the system, so the path is made absolute first.
    let absolute = std::path::absolute(path).map_err(failed)?;
    let directory = absolute.parent().map_or_else(|| PathBuf::from("/"), Path::to_path_buf);
    let directory = std::fs::canonicalize(&directory).unwrap_or(directory);
    let (document, source) = (parse_bytes(&name, &bytes), shown());
    let document = if hash == Hash::Yes { document.with_hash_of(&bytes) } else { document };
    Ok(LibraryEntry {
        document,
        text: String::from_utf8_lossy(&bytes).into_owned(),
        directory,
        source,
        file: Some(path.to_path_buf()),
        included: BTreeMap::new(),
        included_files: BTreeMap::new(),
        refused: BTreeMap::new(),
    })
}

impl LibraryEntry {
    /// Whether it is for named people only: itself, or one that it includes.
    pub(crate) fn is_private(&self) -> bool {
        let mut documents = std::iter::once(&self.document).chain(self.included.values());
        documents.any(|document| document.front.is_private())
    }

    /// Reads one file as a runbook, whatever folder it is in, with what it includes from its own folder;
    /// [`Library::complete`] adds what comes from the library.
    ///
    /// # Errors
    /// When the file does not read.
    pub fn from_file(path: &Path) -> Result<LibraryEntry, LibraryError> {
        read_file(path, Hash::Yes)
    }

    /// As [`LibraryEntry::from_file`], for looking only: its document has no hash, so it is never planned.
    ///
    /// # Errors
    /// When the file does not read.
    pub fn to_look_at(path: &Path) -> Result<LibraryEntry, LibraryError> {
        read_file(path, Hash::No)
    }

    /// The document with what is in the way of its includes, as a plan would say it. What is planned is
    /// [`LibraryEntry::document`], which is without. What `environment` names is handed on to commands, so nothing has to
    /// set it.
    #[must_use]
    pub fn looked_at(&self, environment: &[String]) -> Cow<'_, Document> {
        let commands =
            || self.document.steps.iter().flat_map(|step| step.all_commands().map(|(_, command)| command));
        let includes = commands().any(|command| command.include.is_some());
        if !includes && commands().all(|command| command.placeholders.is_empty()) {
            return Cow::Borrowed(&self.document);
        }
        let mut document = self.document.clone();
        hand_on(&mut document, environment);
        if includes {
            settle_includes(&mut document, &self.included, &self.refused);
        }
        Cow::Owned(document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_reaches_outside_the_folders() {
        let library = Library::new(vec![PathBuf::from("/")], &[("ok", "# ok")], PathBuf::from("/"));
        for name in ["../etc/passwd", "/etc/passwd", "etc/x", "", "..", ".hidden", "a\0b", "a/b"] {
            assert!(library.find(name).is_err(), "{name:?}");
        }
        assert_eq!(library.find("ok").unwrap().document.title, "ok");
        let error = library.find("o").unwrap_err().to_string();
        assert!(error.contains("did you mean 'ok'"), "{error}");
    }

    #[test]
    fn every_ending_of_markdown_is_found_and_two_files_of_one_name_are_refused() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (folder, file) in [
            (&first, "a.markdown"),
            (&first, "b.MD"),
            (&first, "c.Mdx"),
            (&first, "d.e.md"),
            (&first, "twice.md"),
            (&first, "twice.markdown"),
            (&first, "no.txt"),
            (&second, "a.md"),
            (&second, "only.mdx"),
        ] {
            std::fs::write(folder.path().join(file), format!("# {file}")).unwrap();
        }
        let asks = "# Asks\n## S\n```include\nrunbook: a\n```\n```include {name=b}\nrunbook: twice\n```\n";
        std::fs::write(first.path().join("asks.md"), asks).unwrap();
        let folders = vec![first.path().to_path_buf(), second.path().to_path_buf()];
        let library = Library::new(folders, &[("embedded", "# x")], PathBuf::from("/"));
        let names: Vec<String> = library.names().into_keys().collect();
        assert_eq!(names, ["a", "asks", "b", "c", "d.e", "embedded", "only", "twice"]);
        // the first folder that knows the name is asked
        for (name, title) in
            [("a", "a.markdown"), ("b", "b.MD"), ("c", "c.Mdx"), ("d.e", "d.e.md"), ("only", "only.mdx")]
        {
            assert_eq!(library.find(name).unwrap().document.title, title, "{name}");
        }
        let error = library.find("twice").unwrap_err().to_string();
        assert!(error.contains("twice.markdown and ") && error.contains("twice.md;"), "{error}");
        assert!(matches!(library.find("no").unwrap_err(), LibraryError::Unknown { .. }));
        let asks = library.find("asks").unwrap();
        assert_eq!(asks.included.keys().collect::<Vec<_>>(), ["a"]);
        assert!(asks.refused["twice"].contains("several runbooks"), "{:?}", asks.refused);
    }

    #[test]
    fn includes_are_found_beside_the_file_then_in_the_library() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let include = |name: &str| format!("# T\n## S\n```include\nrunbook: {name}\n```\n");
        write("outer.md", &format!("{}{}", include("beside"), include("team").replace("# T\n", "")));
        write("beside.md", &include("embedded"));
        write("both.md", "# beside");
        let embedded =
            [("embedded", include("both")), ("team", include("outer")), ("both", "# library".to_owned())];
        let embedded: Vec<(&str, &str)> =
            embedded.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let library = Library::new(vec![], &embedded, PathBuf::from("/"));
        let file = read_file(&folder.path().join("outer.md"), Hash::Yes).unwrap();
        assert!(file.document.sha256.is_some());
        assert_eq!(file.included.keys().collect::<Vec<_>>(), ["beside"]);
        let entry = library.complete(file);
        let found: Vec<_> =
            entry.included.iter().map(|(name, document)| (name.as_str(), document.title.as_str())).collect();
        // `both` is asked for by an embedded runbook, which has nothing beside it; the circle back to `outer` ends
        assert_eq!(found, [("beside", "T"), ("both", "library"), ("embedded", "T"), ("team", "T")]);
        let all = library.find("embedded").unwrap();
        assert_eq!(all.included.keys().collect::<Vec<_>>(), ["both"]);
    }

    #[test]
    fn a_bare_file_name_starts_in_the_folder_it_is_in() {
        // Tests run in the package's folder; any file of it will do.
        let entry = read_file(Path::new("Cargo.toml"), Hash::Yes).unwrap();
        let here = std::fs::canonicalize(std::env::current_dir().unwrap()).unwrap();
        assert_eq!(entry.directory, here);
        assert_eq!(entry.source, "Cargo.toml");
        let below = read_file(Path::new("src/../Cargo.toml"), Hash::No).unwrap();
        assert_eq!(below.directory, here);
    }

    #[test]
    fn a_link_is_read_when_it_stays_inside() {
        use std::os::unix::fs::symlink;

        let (inside, more, outside) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |folder: &tempfile::TempDir, name: &str| folder.path().join(name);
        let asks = "# Asks\n## S\n```include\nrunbook: out\n```\n```include {name=b}\nrunbook: in\n```\n";
        std::fs::write(at(&inside, "asks.md"), asks).unwrap();
        std::fs::write(at(&inside, "real.md"), "# Real").unwrap();
        std::fs::write(at(&more, "more.md"), "# More").unwrap();
        std::fs::write(at(&outside, "secret.md"), "# Secret").unwrap();
        std::fs::create_dir(at(&inside, "..data")).unwrap();
        std::fs::write(at(&inside, "..data/deep.md"), "# Deep").unwrap();
        for (link, target) in [
            ("in.md", at(&inside, "real.md")),
            ("relative.md", "real.md".into()),
            ("deep.md", "..data/deep.md".into()),
            ("twice.md", "in.md".into()),
            ("other.md", at(&more, "more.md")),
            ("out.md", at(&outside, "secret.md")),
            ("around.md", "out.md".into()),
            ("gone.md", at(&outside, "gone.md")),
        ] {
            symlink(target, at(&inside, link)).unwrap();
        }
        // a folder may be a link itself
        symlink(inside.path(), at(&outside, "runbooks")).unwrap();
        let folders = vec![at(&outside, "runbooks"), more.path().to_path_buf()];
        let library = Library::new(folders, &[("out", "# Embedded")], PathBuf::from("/"));
        for (name, title) in [
            ("real", "Real"),
            ("in", "Real"),
            ("relative", "Real"),
            ("deep", "Deep"),
            ("twice", "Real"),
            ("other", "More"),
        ] {
            assert_eq!(library.find(name).unwrap().document.title, title, "{name}");
        }
        let target = std::fs::canonicalize(at(&outside, "secret.md")).unwrap().display().to_string();
        for name in ["out", "around"] {
            let error = library.find(name).unwrap_err();
            assert!(matches!(error, LibraryError::LeadsOut { .. }), "{name}: {error}");
            let said = error.to_string();
            assert!(said.contains(&target) && said.contains("hint: "), "{said}");
        }
        assert!(matches!(library.find("gone").unwrap_err(), LibraryError::Unknown { .. }));

        // the same for what is included, from the library and beside a file that was named
        for asks in [library.find("asks").unwrap(), read_file(&at(&inside, "asks.md"), Hash::Yes).unwrap()] {
            assert_eq!(asks.included.keys().collect::<Vec<_>>(), ["in"]);
            assert!(asks.refused["out"].contains(&target), "{:?}", asks.refused);
        }
        // whoever names a path means what is there
        assert_eq!(read_file(&at(&inside, "out.md"), Hash::No).unwrap().document.title, "Secret");
    }
}
