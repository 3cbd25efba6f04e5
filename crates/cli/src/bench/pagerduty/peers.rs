//! What a user would pick instead: Debian's programs, on PATH or unpacked where `cargo xtask tools` puts them.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::exit::Stop;

/// Where Debian's Alertmanager looks for its templates: it has none of its own.
const FILES: &[u8] = b"/usr/share/prometheus/alertmanager";

/// A program, or why there is none.
pub(super) fn find(given: Option<&Path>, tool: &str, name: &str) -> Result<PathBuf, String> {
    if let Some(given) = given {
        return std::fs::canonicalize(given).map_err(|error| format!("{}: {error}", given.display()));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let unpacked = Path::new("target/tools").join(tool).join("usr/bin").join(name);
    blocks_exec::find_program(name, &path)
        .or_else(|| std::fs::canonicalize(unpacked).ok())
        .ok_or_else(|| format!("{name} is neither on PATH nor in target/tools"))
}

/// Alertmanager as it can be started. One that is only unpacked gets a copy that looks for its templates in the folder that it is
/// started with: nothing is installed for it.
pub(super) fn startable(program: &Path, folder: &Path) -> Result<PathBuf, Stop> {
    let tree = program.parent().and_then(Path::parent).and_then(Path::parent);
    let files = tree.map(|tree| tree.join("usr/share/prometheus/alertmanager"));
    let Some(files) =
        files.filter(|files| files.is_dir() && files != Path::new(&*String::from_utf8_lossy(FILES)))
    else {
        return Ok(program.to_owned());
    };
    let mut bytes = std::fs::read(program).map_err(Stop::failed)?;
    let link = folder.join("f");
    std::os::unix::fs::symlink(&files, &link).map_err(Stop::failed)?;
    let Some(place) = padded(&link, FILES.len()) else {
        return Err(Stop::failed("the temporary folder's name is too long for Alertmanager's copy"));
    };
    replace(&mut bytes, FILES, &place);
    let copy = folder.join("alertmanager");
    let file = OpenOptions::new().write(true).create_new(true).mode(0o755).open(&copy);
    file.and_then(|mut file| file.write_all(&bytes)).map_err(Stop::failed)?;
    Ok(copy)
}

/// A path of exactly this length: slashes more mean nothing.
fn padded(path: &Path, length: usize) -> Option<Vec<u8>> {
    let text = path.to_str()?;
    let (folder, name) = text.rsplit_once('/')?;
    let more = length.checked_sub(text.len())?;
    Some(format!("{folder}/{}{name}", "/".repeat(more)).into_bytes())
}

/// Puts one text in another's place, everywhere; both are equally long.
fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    let places: Vec<usize> = bytes
        .windows(from.len())
        .enumerate()
        .filter(|(_, window)| *window == from)
        .map(|(at, _)| at)
        .collect();
    for at in places {
        if let Some(place) = bytes.get_mut(at..at + from.len()) {
            place.copy_from_slice(to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_made_as_long_as_another() {
        let path = padded(Path::new("/tmp/a/f"), 12).unwrap();
        assert_eq!(path, b"/tmp/a/////f");
        assert_eq!(padded(Path::new("/tmp/a/f"), 7), None);
        let mut bytes = b"x/usr/y/usr/z".to_vec();
        replace(&mut bytes, b"/usr/", b"/abc/");
        assert_eq!(bytes, b"x/abc/y/abc/z");
    }

    #[test]
    fn what_is_not_there_is_said() {
        let why = find(None, "nothing", "no-such-program-of-anybodys").unwrap_err();
        assert!(why.contains("no-such-program-of-anybodys"), "{why}");
        assert!(find(Some(Path::new("/nonexistent/webhook")), "webhook", "webhook").is_err());
    }
}
