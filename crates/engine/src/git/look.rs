//! Which commit a runbook and what it includes come from, and whether they are as committed there.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use runbook_core::plan::{Drilled, Provenance, short_commit};
use sha2::{Digest, Sha256};

use super::objects::Objects;
use super::source::GitSource;
use crate::library::LibraryEntry;
use crate::settings::Settings;

/// A repository that a file lies in.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    /// The folder that paths of the repository begin in.
    root: PathBuf,
    /// Where `git` is asked.
    repository: PathBuf,
    /// The commit that was laid out there; the one that is checked out otherwise.
    commit: Option<String>,
}

/// One repository, asked once.
struct Repository {
    /// The conversation and the commit, or why there is none.
    asked: Result<(Objects, String), String>,
}

/// Where an entry comes from; `None` when its file is in no repository, or embedded.
pub(crate) fn provenance_of(settings: &Settings, entry: &LibraryEntry) -> Option<Provenance> {
    let source = settings.git.as_ref();
    let file = std::fs::canonicalize(entry.file.as_ref()?).ok()?;
    let main = place_of(&file, source)?;
    let mut repositories: BTreeMap<PathBuf, Repository> = BTreeMap::new();
    let mut found = Provenance {
        path: shown(&file, &main.root),
        commit: repository(&mut repositories, &main).asked.as_ref().ok().map(|(_, commit)| commit.clone()),
        ..Provenance::default()
    };
    if let Some(source) = source.filter(|_| main.commit.is_some()) {
        found.repository = Some(source.shown());
        found.branch = source.branch().map(str::to_owned);
        found.pinned = source.is_pinned();
        found.unreached_since = source.fetched().ok().and_then(|fetched| fetched.unreached_since());
    }
    // what is compared with the drilled commit: paths of the main repository
    let mut compared = Vec::new();
    let own = entry.file.iter().map(|file| (None, file, entry.document.sha256.as_deref()));
    let included = entry.included_files.iter().map(|(name, file)| {
        let sha256 = entry.included.get(name).and_then(|document| document.sha256.as_deref());
        (Some(name), file, sha256)
    });
    for (name, file, sha256) in own.chain(included) {
        let canonical = std::fs::canonicalize(file).unwrap_or_else(|_| file.clone());
        let Some(place) = place_of(&canonical, source) else {
            found.dirty.push(format!("{} is in no Git repository", file.display()));
            continue;
        };
        let repository = repository(&mut repositories, &place);
        let (objects, commit) = match &mut repository.asked {
            Ok(asked) => asked,
            Err(reason) => {
                found
                    .dirty
                    .push(format!("{}: its commit cannot be told: {reason}", shown(&canonical, &place.root)));
                continue;
            }
        };
        if let Some(name) = name.filter(|_| found.commit.as_ref() != Some(commit)) {
            found.included.insert(name.clone(), commit.clone());
        }
        let mut expected = vec![(canonical.clone(), sha256.unwrap_or_default().to_owned())];
        expected.extend(link_of(file, &canonical, &place.root));
        for (path, sha256) in expected {
            let relative = path.strip_prefix(&place.root).unwrap_or(&path).to_path_buf();
            found.dirty.extend(difference(objects, commit, &relative, &sha256));
            if place.root == main.root {
                compared.push((relative, sha256));
            }
        }
    }
    if let Some(drilled) = settings.drilled.get(&entry.document.name) {
        let same = repositories.get_mut(&main.root).is_some_and(|repository| match &mut repository.asked {
            Ok((objects, _)) => {
                compared.iter().all(|(path, sha256)| is_as_in(objects, drilled, path, sha256))
            }
            Err(_) => false,
        });
        let commit = drilled.clone();
        found.drilled = if same { Drilled::Unchanged { commit } } else { Drilled::Changed { commit } };
    }
    Some(found)
}

/// The repository around a file that is named without links.
fn place_of(file: &Path, source: Option<&GitSource>) -> Option<Place> {
    if let Some((repository, commit, root)) = source.and_then(|source| source.laid_out(file)) {
        return Some(Place { root, repository, commit: Some(commit) });
    }
    // `.git` is a folder, or a file in a linked work tree
    let root = file.ancestors().skip(1).find(|folder| folder.join(".git").symlink_metadata().is_ok())?;
    Some(Place { root: root.to_path_buf(), repository: root.to_path_buf(), commit: None })
}

fn repository<'a>(known: &'a mut BTreeMap<PathBuf, Repository>, place: &Place) -> &'a mut Repository {
    known.entry(place.root.clone()).or_insert_with(|| Repository { asked: ask(place) })
}

fn ask(place: &Place) -> Result<(Objects, String), String> {
    let mut objects = Objects::of(&place.repository)?;
    let name = format!("{}^{{commit}}", place.commit.as_deref().unwrap_or("HEAD"));
    match objects.hash(name.as_bytes())? {
        Some((object, _)) => Ok((objects, object.id)),
        None => Err("the repository holds no commit".to_owned()),
    }
}

/// How a file differs from its commit, for people.
fn difference(objects: &mut Objects, commit: &str, path: &Path, sha256: &str) -> Option<String> {
    let (shown, short) = (plain(path), short_commit(commit));
    if path.as_os_str().as_bytes().contains(&b'\n') {
        return Some(format!("{shown}: a name with a line break cannot be compared with its commit"));
    }
    match objects.hash(&named(commit, path)) {
        Err(reason) => Some(format!("{shown}: it cannot be compared with its commit: {reason}")),
        Ok(Some((object, found))) if object.kind == "blob" && found == sha256 => None,
        Ok(Some((object, _))) if object.kind == "blob" => {
            Some(format!("{shown} is modified: not as in commit {short}"))
        }
        Ok(_) => Some(format!("{shown} is untracked: not in commit {short}")),
    }
}

fn is_as_in(objects: &mut Objects, commit: &str, path: &Path, sha256: &str) -> bool {
    matches!(objects.hash(&named(commit, path)), Ok(Some((_, found))) if found == sha256)
}

fn named(commit: &str, path: &Path) -> Vec<u8> {
    [commit.as_bytes(), b":", path.as_os_str().as_bytes()].concat()
}

/// A link by which a file was reached, where it is one of the repository, with the hash of what it says.
fn link_of(file: &Path, canonical: &Path, root: &Path) -> Option<(PathBuf, String)> {
    let folder = std::fs::canonicalize(
        file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")),
    )
    .ok()?;
    let path = folder.join(file.file_name()?);
    if path == canonical || !path.starts_with(root) {
        return None;
    }
    let target = std::fs::read_link(&path).ok()?;
    Some((path, hex::encode(Sha256::digest(target.as_os_str().as_bytes()))))
}

fn shown(file: &Path, root: &Path) -> String {
    plain(file.strip_prefix(root).unwrap_or(file))
}

/// A path as one line that a terminal can show.
fn plain(path: &Path) -> String {
    path.to_string_lossy().chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}
