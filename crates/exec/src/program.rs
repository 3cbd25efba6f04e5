//! Finding programs, so that a missing one is said before anything starts.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// Where a program is: `name` itself if it is a path, else the first executable file of that name on `path`.
///
/// Empty entries of `path` (the working directory, by old custom) are skipped.
#[must_use]
pub fn find_program(name: &str, path: &OsStr) -> Option<PathBuf> {
    if name.is_empty() {
        return None;
    }
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|file| is_executable(file));
    }
    std::env::split_paths(path)
        .filter(|folder| !folder.as_os_str().is_empty())
        .map(|folder| folder.join(name))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.is_file() && access(file, Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn finds_the_first_executable_file() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, good, later) =
            (folder.path().join("plain"), folder.path().join("good"), folder.path().join("later"));
        for dir in [&plain, &good, &later] {
            std::fs::create_dir_all(dir).unwrap();
            std::fs::write(dir.join("tool"), "").unwrap();
        }
        std::fs::create_dir(plain.join("other")).unwrap();
        for dir in [&good, &later] {
            std::fs::set_permissions(dir.join("tool"), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path = std::env::join_paths([Path::new(""), &plain, &good, &later]).unwrap();
        assert_eq!(find_program("tool", &path), Some(good.join("tool")));
        assert_eq!(find_program("other", &path), None);
        assert_eq!(find_program("", &path), None);
        assert_eq!(
            find_program(good.join("tool").to_str().unwrap(), OsStr::new("")),
            Some(good.join("tool"))
        );
        assert_eq!(find_program(plain.join("tool").to_str().unwrap(), &path), None);
    }
}
