//! Secrets: only from the environment, or from files that the environment names (`NAME_FILE`).

use std::path::PathBuf;

use runbook_core::runbook::OWN_SECRETS;

/// Every secret that is set. Never shown.
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    values: Vec<(&'static str, String)>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.values.iter().map(|(name, _)| name)).finish()
    }
}

/// A secret is missing or does not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error(
        "RB0004: {name} is not set, and {needed_by} needs it\nhint: set it in the environment, or {name}_FILE to a file that holds it"
    )]
    Missing { name: &'static str, needed_by: &'static str },
    #[error("RB0005: {name}_FILE names {path}, which cannot be read: {source}")]
    Unreadable { name: &'static str, path: String, source: std::io::Error },
    #[error(
        "RB0004: {variable} is not set, and the connection '{connection}' needs it\nhint: set it in the environment, or take the [[connection]] out"
    )]
    ConnectionMissing { variable: String, connection: String },
    #[error(
        "RB0005: the connection '{connection}' names {path}, which cannot be read: {source}\nhint: the path is relative to the configuration file"
    )]
    ConnectionUnreadable { connection: String, path: String, source: std::io::Error },
    #[error("RB0003: {0}\nhint: docs/reference/configuration.md shows an address of each kind")]
    Connection(blocks_exec::ConnectionError),
}

impl Secrets {
    /// Reads every secret that is set.
    pub(crate) fn read() -> Result<Secrets, SecretError> {
        let mut values = Vec::new();
        for name in OWN_SECRETS {
            if let Some(path) = std::env::var_os(format!("{name}_FILE")).map(PathBuf::from) {
                let text = std::fs::read_to_string(&path).map_err(|source| SecretError::Unreadable {
                    name,
                    path: path.display().to_string(),
                    source,
                })?;
                let value = text.trim();
                if !value.is_empty() {
                    values.push((name, value.to_owned()));
                }
            } else if let Ok(value) = std::env::var(name)
                && !value.is_empty()
            {
                values.push((name, value));
            }
        }
        Ok(Secrets { values })
    }

    /// The secret of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// The secret of that name, or who needs it.
    pub(crate) fn need(&self, name: &'static str, needed_by: &'static str) -> Result<&str, SecretError> {
        self.get(name).ok_or(SecretError::Missing { name, needed_by })
    }

    /// Every value, so that it can be kept out of output. A list while rotating counts as its members too.
    pub(crate) fn all(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .values
            .iter()
            .flat_map(|(_, value)| value.split(',').map(str::trim).chain(std::iter::once(value.as_str())))
            .filter(|value| value.len() >= blocks_exec::MIN_SECRET_BYTES)
            .map(str::to_owned)
            .collect();
        all.sort();
        all.dedup();
        all
    }
}
