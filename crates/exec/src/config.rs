//! What the executor is told once, at the start.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::environment;

/// Names handed on from Blocks' own environment unless the configuration says otherwise (design section 6).
pub const DEFAULT_ENV_NAMES: [&str; 8] =
    ["PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "KUBECONFIG", "SSH_AUTH_SOCK"];

/// A shorter secret would be found everywhere by chance and make output unreadable.
pub const MIN_SECRET_BYTES: usize = 8;

/// How commands are run.
#[derive(Clone)]
pub struct ExecConfig {
    /// The bash executable (5.0 or later).
    pub bash: PathBuf,
    /// Folder for the runs' private folders, `blocks-data/runs`. Made if it is not there.
    pub state_dir: PathBuf,
    /// Names of variables handed on from `env`.
    pub env_names: Vec<String>,
    /// The caller's environment; only `env_names` of it are used.
    pub env: BTreeMap<String, String>,
    /// Values that must never be kept or handed on. At least [`MIN_SECRET_BYTES`] bytes each.
    pub secrets: Vec<String>,
    /// Bytes kept of each stream's head, and as many of its tail.
    pub output_limit_bytes: usize,
    /// Time between TERM and KILL.
    pub grace: Duration,
    /// The program that calls [`crate::supervise`], and the arguments with which it does. Opened once, so that a new
    /// version in its place changes nothing for this engine.
    pub supervisor: (PathBuf, Vec<OsString>),
}

/// The argument with which `blocks` is a supervisor.
pub const SUPERVISE: &str = "__supervise";

impl ExecConfig {
    /// The defaults: [`DEFAULT_ENV_NAMES`], nothing to hand on, no secrets, 64 KiB of head and of tail, 5 s of
    /// grace, this program with [`SUPERVISE`] as supervisor.
    #[must_use]
    pub fn new(bash: PathBuf, state_dir: PathBuf) -> Self {
        Self {
            bash,
            state_dir,
            env_names: DEFAULT_ENV_NAMES.map(str::to_owned).to_vec(),
            env: BTreeMap::new(),
            secrets: Vec::new(),
            output_limit_bytes: 64 * 1024,
            grace: Duration::from_secs(5),
            supervisor: (PathBuf::from("/proc/self/exe"), vec![SUPERVISE.into()]),
        }
    }

    /// # Errors
    ///
    /// A secret that is too short, or a name that must not be handed on.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.secrets.iter().any(|secret| secret.len() < MIN_SECRET_BYTES) {
            return Err(ConfigError::ShortSecret);
        }
        for name in &self.env_names {
            if let Some(reason) = environment::refused_env_name(name) {
                return Err(ConfigError::EnvName { name: name.clone(), reason });
            }
        }
        Ok(())
    }
}

/// Leaves out the environment's values and the secrets.
impl fmt::Debug for ExecConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecConfig")
            .field("bash", &self.bash)
            .field("state_dir", &self.state_dir)
            .field("env_names", &self.env_names)
            .field("secrets", &self.secrets.len())
            .field("output_limit_bytes", &self.output_limit_bytes)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

/// The executor cannot work with this configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A secret that cannot be redacted sensibly.
    #[error("a secret has fewer than {MIN_SECRET_BYTES} bytes and cannot be redacted; use a longer one")]
    ShortSecret,
    /// A name in `[exec] env` that must not be handed on.
    #[error("the variable `{name}` cannot be handed to commands: {reason}; take it out of `[exec] env`")]
    EnvName {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// The folder for the runs cannot be used.
    #[error("the folder {path} for the runs cannot be used: {source}; check that it is writable", path = path.display())]
    StateDir {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The supervisor's program cannot be used.
    #[error("the program {path} that supervises commands cannot be opened: {source}; check that it is there", path = path.display())]
    Supervisor {
        /// The program.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_secrets_and_loader_names_are_refused() {
        let base = ExecConfig::new("/bin/bash".into(), "runs".into());
        assert!(base.check().is_ok());
        let short = ExecConfig { secrets: vec!["1234567".to_owned()], ..base.clone() };
        assert!(matches!(short.check(), Err(ConfigError::ShortSecret)));
        for name in ["BASH_ENV", "BLOCKS_API_TOKEN", "SLACK_BOT_TOKEN", "a-b", ""] {
            let config = ExecConfig { env_names: vec![name.to_owned()], ..base.clone() };
            assert!(matches!(config.check(), Err(ConfigError::EnvName { .. })), "{name}");
        }
    }

    #[test]
    fn debug_shows_no_value() {
        let mut config = ExecConfig::new("/bin/bash".into(), "runs".into());
        config.secrets = vec!["hunter2hunter2".to_owned()];
        config.env.insert("TZ".to_owned(), "hunter3hunter3".to_owned());
        assert!(!format!("{config:?}").contains("hunter"));
    }
}
