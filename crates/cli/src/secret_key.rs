//! The key that plans are bound to their secret values with: made once, in the data folder, readable by its owner only.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use blocks_engine::SecretKey;

use crate::exit::Stop;
use crate::random;

/// Its name in the data folder.
const NAME: &str = "secret.key";
/// How many bytes it has.
const BYTES: usize = 32;

/// The key of this data folder, if it is there and can be read: for showing plans, which makes nothing.
pub(crate) fn existing(data_dir: &Path) -> Option<SecretKey> {
    read(&data_dir.join(NAME)).ok()
}

/// The key of this data folder, made when it is not there.
///
/// # Errors
///
/// A file that cannot be read or made, that others may read, or that is no whole key.
pub(crate) fn needed(data_dir: &Path) -> Result<SecretKey, Stop> {
    let path = data_dir.join(NAME);
    let shown = path.display();
    match read(&path) {
        Err(Unusable::Unreadable(error)) if error.kind() == ErrorKind::NotFound => {}
        Ok(key) => return Ok(key),
        Err(Unusable::Unreadable(error)) => {
            return Err(Stop::failed(format!("{shown} cannot be read: {error}")));
        }
        Err(Unusable::Open) => {
            let text =
                "others may read it\nhint: `chmod 600` it; if somebody may have taken it, remove it instead";
            return Err(Stop::failed(format!("{shown} cannot be used: {text}")));
        }
        Err(Unusable::Broken) => {
            let text = "it is no whole key\nhint: remove it; plans with secrets that wait for approval must then be made again";
            return Err(Stop::failed(format!("{shown} cannot be used: {text}")));
        }
    }
    let bytes = random::bytes::<BYTES>()?;
    let made = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        File::open(data_dir)?.sync_all()
    };
    made().map_err(|error| Stop::failed(format!("{shown} cannot be made: {error}")))?;
    Ok(SecretKey::new(bytes))
}

/// Why a key is not used.
enum Unusable {
    Unreadable(std::io::Error),
    Open,
    Broken,
}

fn read(path: &Path) -> Result<SecretKey, Unusable> {
    let file = File::open(path).map_err(Unusable::Unreadable)?;
    if file.metadata().map_err(Unusable::Unreadable)?.mode() & 0o077 != 0 {
        return Err(Unusable::Open);
    }
    let mut bytes = Vec::new();
    file.take(BYTES as u64 + 1).read_to_end(&mut bytes).map_err(Unusable::Unreadable)?;
    <[u8; BYTES]>::try_from(bytes).map(SecretKey::new).map_err(|_| Unusable::Broken)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_its_owners_only() {
        let folder = tempfile::tempdir().unwrap();
        assert!(existing(folder.path()).is_none() && !folder.path().join(NAME).exists());
        let made = needed(folder.path()).map_err(|stop| stop.to_string()).unwrap();
        let path = folder.path().join(NAME);
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(needed(folder.path()).ok() == Some(made.clone()) && existing(folder.path()) == Some(made));

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(needed(folder.path()).is_err() && existing(folder.path()).is_none());
        std::fs::remove_file(&path).unwrap();
        for length in [0, 31, 33] {
            OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&path)
                .unwrap()
                .write_all(&vec![1; length])
                .unwrap();
            assert!(needed(folder.path()).is_err(), "{length} bytes are no key");
        }
    }
}
