//! `[runbooks] git`: the repository that runbooks are fetched from.

use std::path::Path;

use blocks_engine::GitSource;

use super::file::RunbooksTable;

/// The key that cannot be used, why, and what to write.
type Wrong = (String, String, &'static str);

/// The configured repository. A path is relative to the configuration's folder.
pub(super) fn source(
    table: &RunbooksTable,
    base: &Path,
    data_dir: &Path,
) -> Result<Option<GitSource>, Wrong> {
    let is_commit =
        |text: &String| matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some((name, commit)) = table.drilled.iter().find(|(_, commit)| !is_commit(commit)) {
        let message = format!("'{commit}', at which '{name}' was drilled, is not a whole commit");
        let hint = "write all 40 (or 64) characters that `git rev-parse COMMIT` prints";
        return Err((format!("drilled.{name}"), message, hint));
    }
    let Some(written) = &table.git else {
        let beside = [("branch", table.branch.is_some()), ("pin", table.pin.is_some())];
        return match beside.iter().find(|(_, is_there)| *is_there) {
            None => Ok(None),
            Some((key, _)) => {
                let message = format!("there is a {key}, and no repository that it is of");
                Err(((*key).to_owned(), message, "add git = \"ADDRESS\" under [runbooks]"))
            }
        };
    };
    let make = |url: &str| {
        GitSource::new(data_dir, url, table.branch.as_deref(), table.pin.as_deref(), &table.folders)
            .map_err(|(key, message, hint)| (key.to_owned(), message, hint))
    };
    // as git tells them apart: a colon before the first slash is a host's
    let is_path = !written.split('/').next().unwrap_or_default().contains(':');
    let as_written = make(written)?;
    if !is_path {
        return Ok(Some(as_written));
    }
    let path = std::path::absolute(base.join(written)).unwrap_or_else(|_| base.join(written));
    match path.to_str() {
        Some(path) => make(path).map(Some),
        None => Err(("git".to_owned(), format!("the path of '{written}' is not UTF-8"), "rename its folder")),
    }
}
