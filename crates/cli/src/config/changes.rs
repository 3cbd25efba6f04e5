//! Who tells of changes of which service, and what of a repository counts as a deployment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use blocks_changes::Secret;
use blocks_engine::GitDeployments;

use super::file::{ConfigFile, ServiceTable};
use super::secrets::Secrets;

/// The secret of whoever tells of changes.
pub(crate) const TOKEN: &str = "BLOCKS_CHANGE_TOKEN";

/// A wrong key: where it is, what is wrong, and what to write.
type Wrong = (String, String, &'static str);

/// Who may tell of changes; nobody without the secret.
pub(crate) fn tokens(secrets: &Secrets) -> Vec<Secret> {
    secrets.get(TOKEN).map(Secret::list).unwrap_or_default()
}

/// What cannot work: a name that means two services, and a repository of which nothing counts.
pub(super) fn check(file: &ConfigFile) -> Result<(), Wrong> {
    let mut known: BTreeMap<&str, &str> =
        file.service.iter().map(|service| (service.name.as_str(), service.name.as_str())).collect();
    let ids = file.service.iter().filter_map(|one| Some((one.pagerduty_id.as_deref()?, one.name.as_str())));
    known.extend(ids);
    for (index, service) in file.service.iter().enumerate() {
        for alias in &service.aliases {
            let at = format!("service.{index}.aliases");
            if alias.trim().is_empty() {
                return Err((at, "a name is empty".to_owned(), "take it out"));
            }
            if let Some(other) = known.insert(alias, &service.name).filter(|other| *other != service.name) {
                let message = format!("'{alias}' means {other} already");
                return Err((at, message, "a name means one service"));
            }
        }
        deployments(service, Path::new(""))
            .map_err(|(key, message, hint)| (format!("service.{index}.deployments.{key}"), message, hint))?;
    }
    Ok(())
}

/// What counts as a deployment of a service; the repository is relative to the configuration's folder.
pub(super) fn deployments(
    service: &ServiceTable,
    base: &Path,
) -> Result<Option<GitDeployments>, (&'static str, String, &'static str)> {
    let Some(table) = &service.deployments else { return Ok(None) };
    if table.git.trim().is_empty() || table.git.contains("://") {
        let message = format!("'{}' is no folder of this machine", table.git);
        return Err(("git", message, "the path of a clone that somebody keeps up to date"));
    }
    let path: PathBuf = base.join(&table.git);
    let path = std::path::absolute(&path).unwrap_or(path);
    GitDeployments::new(path, table.tags.as_deref(), table.branch.as_deref(), table.folder.as_deref())
        .map(Some)
}
