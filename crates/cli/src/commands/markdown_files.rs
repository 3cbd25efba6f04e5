//! Which files of the named paths are linted.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use blocks_engine::is_markdown;

/// Folders whose Markdown is somebody else's, or made by a build.
const SKIPPED: &[&str] = &["node_modules", "target", "vendor"];

/// What was found below the named paths.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The files, sorted, each once.
    pub(super) files: Vec<PathBuf>,
    /// What was left out and why, for people.
    pub(super) notes: Vec<String>,
    /// Named folders without any Markdown file.
    pub(super) empty: Vec<PathBuf>,
}

/// Collects the files: a named file as it is, a named folder with everything below it.
///
/// # Errors
/// The path that cannot be read, with the reason.
pub(super) fn collect(paths: &[PathBuf]) -> Result<Found, (PathBuf, std::io::Error)> {
    let mut found = Found::default();
    let mut files = BTreeSet::new();
    for path in paths {
        let failed = |error| (path.clone(), error);
        if !fs::metadata(path).map_err(failed)?.is_dir() {
            files.insert(path.clone());
            continue;
        }
        let root = fs::canonicalize(path).map_err(failed)?;
        let mut walk = Walk { root, seen: BTreeSet::new(), files: Vec::new(), notes: &mut found.notes };
        walk.folder(path).map_err(failed)?;
        let walked = walk.files;
        if walked.is_empty() {
            found.empty.push(path.clone());
        }
        files.extend(walked);
    }
    found.files = files.into_iter().collect();
    Ok(found)
}

struct Walk<'n> {
    /// The named folder without links.
    root: PathBuf,
    /// Files and folders that were taken, without links: a link to one of them leads in a circle, or twice to one file.
    seen: BTreeSet<PathBuf>,
    files: Vec<PathBuf>,
    notes: &'n mut Vec<String>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path) -> std::io::Result<()> {
        if !self.seen.insert(fs::canonicalize(folder)?) {
            return Ok(());
        }
        let mut entries = fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        let mut links = Vec::new();
        for entry in entries {
            let (kind, path) = (entry.file_type()?, entry.path());
            if kind.is_symlink() {
                // what is there by its own name comes first
                links.push(path);
            } else if kind.is_dir() {
                if !is_skipped(&path) {
                    self.folder(&path)?;
                }
            } else if kind.is_file() && is_markdown(&path) {
                self.file(path);
            }
        }
        for link in links {
            self.link(link)?;
        }
        Ok(())
    }

    fn file(&mut self, path: PathBuf) {
        let own = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        if self.seen.insert(own) {
            self.files.push(path);
        }
    }

    fn link(&mut self, link: PathBuf) -> std::io::Result<()> {
        if is_skipped(&link) {
            return Ok(());
        }
        let Ok(target) = fs::canonicalize(&link) else {
            if is_markdown(&link) {
                self.notes
                    .push(format!("{} is a link that leads nowhere, so it is not linted", link.display()));
            }
            return Ok(());
        };
        let wanted = target.is_dir() || is_markdown(&link);
        if wanted && !target.starts_with(&self.root) {
            self.notes.push(format!(
                "{} is a link to {}, outside of the folder, so it is not linted",
                link.display(),
                target.display()
            ));
        } else if target.is_dir() {
            return self.folder(&link);
        } else if wanted {
            self.file(link);
        }
        Ok(())
    }
}

/// Hidden folders, and those whose contents are not the team's own text.
fn is_skipped(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with('.') || SKIPPED.contains(&name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn markdown_of_a_folder_is_found_once() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = folder.path();
        for path in [
            "a.md",
            "B.MD",
            "c.markdown",
            "d.mdx",
            "e.txt",
            "sub/f.Md",
            ".hidden/g.md",
            "node_modules/h.md",
            "target/i.md",
            "sub/vendor/j.md",
        ] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "# T\n").unwrap();
        }
        fs::write(outside.path().join("out.md"), "# T\n").unwrap();
        symlink(root.join("a.md"), root.join("0.md")).unwrap();
        symlink(root, root.join("sub/round")).unwrap();
        symlink(outside.path().join("out.md"), root.join("out.md")).unwrap();
        symlink(outside.path(), root.join("outside")).unwrap();
        symlink(root.join("nothing"), root.join("gone.md")).unwrap();
        // what only a link shows
        fs::create_dir(root.join("data")).unwrap();
        fs::write(root.join("data/raw"), "# T\n").unwrap();
        symlink(root.join("data/raw"), root.join("raw.md")).unwrap();
        let found = collect(&[root.to_path_buf()]).unwrap();
        let names: Vec<_> = found
            .files
            .iter()
            .map(|path| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["B.MD", "a.md", "c.markdown", "d.mdx", "raw.md", "sub/f.Md"]);
        assert_eq!(found.notes.len(), 3, "{:?}", found.notes);
        for named in ["out.md", "outside", "gone.md"] {
            assert!(found.notes.iter().any(|note| note.contains(&format!("/{named} is a link"))), "{named}");
        }
        assert_eq!(found.empty, Vec::<PathBuf>::new());
        let empty = collect(&[root.join("data"), root.join("e.txt")]).unwrap();
        assert_eq!((empty.empty, empty.files), (vec![root.join("data")], vec![root.join("e.txt")]));
        assert!(collect(&[root.join("none")]).is_err());
    }
}
