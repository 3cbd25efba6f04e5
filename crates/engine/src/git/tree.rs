//! A commit laid out as a folder. Written file by file and not checked out, so that no filter runs, no name leads out, and a
//! link is there only when it stays inside.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::objects::Objects;
use super::program::{Bounds, Reach, git, run};

/// Most files of a commit.
const MOST_FILES: usize = 20_000;
/// Most bytes of all its files.
const MOST_BYTES: u64 = 256 * 1024 * 1024;
/// Longest target of a link.
const LONGEST_LINK: u64 = 4096;
const LIST: Bounds<'static> =
    Bounds { time: Duration::from_secs(30), output: 16 * 1024 * 1024, folder: None };

/// One file of a commit.
struct Entry {
    mode: Mode,
    id: Vec<u8>,
    size: u64,
    path: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Plain,
    Executable,
    Link,
}

/// Lays a commit out, unless that is done, and tells how many files were left out.
pub(super) fn lay_out(bare: &Path, commit: &str, to: &Path) -> Result<usize, String> {
    let (entries, mut left_out) = list(bare, commit)?;
    if to.is_dir() {
        // counted again, so that it is told again
        return Ok(left_out
            + entries.iter().filter(|entry| to.join(&entry.path).symlink_metadata().is_err()).count());
    }
    let files = entries.iter().filter(|entry| entry.mode != Mode::Link);
    let bytes = entries.iter().map(|entry| entry.size).fold(0, u64::saturating_add);
    if entries.len() > MOST_FILES || bytes > MOST_BYTES {
        return Err(format!(
            "commit {commit} has {} files and {bytes} bytes, more than the {MOST_FILES} and {MOST_BYTES} that are laid out",
            entries.len()
        ));
    }
    let new = to.with_extension("new");
    let failed = |error: std::io::Error| format!("{} cannot be written: {error}", new.display());
    match std::fs::remove_dir_all(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    std::fs::create_dir_all(&new).map_err(failed)?;
    let mut objects = Objects::of(bare)?;
    for entry in files {
        left_out += usize::from(!write(&mut objects, entry, &new)?);
    }
    // last, so that no file was written through one
    let mut links = Vec::new();
    for entry in entries.iter().filter(|entry| entry.mode == Mode::Link) {
        match link(&mut objects, entry, &new)? {
            Some(path) => links.push(path),
            None => left_out += 1,
        }
    }
    left_out += remove_leading_out(&new, &links).map_err(failed)?;
    let synced = File::open(&new).and_then(|folder| Ok(rustix::fs::syncfs(&folder)?));
    synced.and_then(|()| std::fs::rename(&new, to)).map_err(failed)?;
    Ok(left_out)
}

/// The files of a commit, and how many are not to be laid out: submodules, and names that lead out or cannot be shown.
fn list(bare: &Path, commit: &str) -> Result<(Vec<Entry>, usize), String> {
    let mut command = git(bare, Reach::Here);
    command.args(["ls-tree", "-r", "-z", "--long", "--full-tree", commit]);
    let printed = run(command, LIST)?;
    let mut left_out = 0;
    let mut entries = Vec::new();
    for line in printed.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        match entry(line) {
            Some(entry) => entries.push(entry),
            None => left_out += 1,
        }
    }
    Ok((entries, left_out))
}

/// `MODE TYPE ID SIZE<tab>PATH`
fn entry(line: &[u8]) -> Option<Entry> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let (head, path) = (line.get(..tab)?, line.get(tab + 1..)?);
    let mut words = head.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let (mode, kind, id, size) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let mode = match mode {
        b"100644" | b"100664" => Mode::Plain,
        b"100755" => Mode::Executable,
        b"120000" => Mode::Link,
        _ => return None,
    };
    let size = std::str::from_utf8(size).ok()?.parse().ok()?;
    let path = std::str::from_utf8(path).ok().filter(|path| is_plain(path))?;
    (kind == b"blob").then(|| Entry { mode, id: id.to_vec(), size, path: PathBuf::from(path) })
}

/// A path that stays inside and that a terminal can show.
fn is_plain(path: &str) -> bool {
    !path.chars().any(char::is_control)
        && path.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.eq_ignore_ascii_case(".git"))
}

/// Writes one file; `false` when its name is taken by something else of the same commit.
fn write(objects: &mut Objects, entry: &Entry, below: &Path) -> Result<bool, String> {
    let path = below.join(&entry.path);
    if path.parent().is_some_and(|folder| std::fs::create_dir_all(folder).is_err()) {
        return Ok(false);
    }
    let mode = if entry.mode == Mode::Executable { 0o555 } else { 0o444 };
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
    let failed = |error: std::io::Error| format!("{} cannot be written: {error}", path.display());
    let mut file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    let found = objects.copy(&entry.id, &mut file)?;
    file.flush().map_err(failed)?;
    if found.is_none() {
        return Err(format!("the content of {} is not there", entry.path.display()));
    }
    Ok(true)
}

/// Makes one link that could stay inside; where it leads is looked at when all are there.
fn link(objects: &mut Objects, entry: &Entry, below: &Path) -> Result<Option<PathBuf>, String> {
    let mut target = Vec::new();
    if entry.size > LONGEST_LINK || objects.copy(&entry.id, &mut target)?.is_none() {
        return Ok(None);
    }
    let (path, target) = (below.join(&entry.path), Path::new(OsStr::from_bytes(&target)));
    let parent = path.parent().is_some_and(|folder| std::fs::create_dir_all(folder).is_ok());
    // a link in the place of a folder that later links are made in would lead them out
    let is_inside = path
        .parent()
        .and_then(|folder| std::fs::canonicalize(folder).ok())
        .is_some_and(|folder| std::fs::canonicalize(below).is_ok_and(|below| folder.starts_with(below)));
    let made = parent && is_inside && target.is_relative() && symlink(target, &path).is_ok();
    Ok(made.then_some(path))
}

/// Removes links that lead out or nowhere, until none does.
fn remove_leading_out(below: &Path, links: &[PathBuf]) -> std::io::Result<usize> {
    let root = std::fs::canonicalize(below)?;
    let mut removed = 0;
    loop {
        let before = removed;
        for link in links {
            let is_there = link.symlink_metadata().is_ok();
            let stays = std::fs::canonicalize(link).is_ok_and(|target| target.starts_with(&root));
            if is_there && !stays {
                std::fs::remove_file(link)?;
                removed += 1;
            }
        }
        if removed == before {
            return Ok(removed);
        }
    }
}
