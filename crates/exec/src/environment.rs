//! The environment of a command: from nothing, then only what is named (design section 6).

use std::collections::BTreeMap;
use std::path::Path;

use runbook_core::ports::Job;
use runbook_core::runbook::{OWN_SECRETS, check_variable, is_identifier};

use crate::config::{ExecConfig, MIN_SECRET_BYTES};

/// A variable that a command must not get.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// Not a name, or one with a meaning for bash, for what it starts, or for Blocks.
    #[error("{0}; use another name")]
    Name(String),
    /// A NUL byte cannot be in an environment.
    #[error("the value of `{0}` has a NUL byte in it; remove it")]
    Nul(String),
    /// The value holds a secret of Blocks.
    #[error("the value of `{0}` holds one of Blocks' own secrets; commands never get those")]
    OwnSecret(String),
    /// A secret that cannot be redacted sensibly.
    #[error(
        "the secret `{0}` has fewer than {MIN_SECRET_BYTES} bytes and cannot be redacted; use a longer one"
    )]
    ShortSecret(String),
}

/// Whether a parameter or captured value may have this name: what a runbook may not set never reaches a command.
///
/// # Errors
///
/// [`VariableError::Name`].
pub fn check_variable_name(name: &str) -> Result<(), VariableError> {
    check_variable(name).map_err(VariableError::Name)
}

/// Why a name from `[exec] env` cannot be handed on, if so.
///
/// More is allowed than for a parameter: the operator's `PATH` and `LD_LIBRARY_PATH` are the operator's business.
pub(crate) fn refused_env_name(name: &str) -> Option<&'static str> {
    if !is_identifier(name) {
        Some("it is not a variable name")
    } else if name.starts_with("BLOCKS_") || OWN_SECRETS.contains(&name) {
        Some("it is Blocks' own")
    } else if name.starts_with("BASH")
        || matches!(name, "ENV" | "SHELLOPTS" | "POSIXLY_CORRECT" | "IFS" | "PS4")
    {
        Some("it changes how bash runs")
    } else {
        None
    }
}

/// The variables of one command, complete. `temporary` is where its temporary files go.
///
/// bash itself adds `PWD`, `OLDPWD`, `SHLVL` and `_`.
///
/// # Errors
///
/// A parameter's name or value that must not reach the command.
pub(crate) fn build(
    config: &ExecConfig,
    job: &Job,
    temporary: &Path,
) -> Result<BTreeMap<String, String>, VariableError> {
    let mut variables = BTreeMap::new();
    for name in &config.env_names {
        let Some(value) = config.env.get(name) else { continue };
        if holds_secret(config, value) || value.contains('\0') {
            tracing::warn!(%name, "variable not handed to the command: its value is a secret or has a NUL byte");
            continue;
        }
        variables.insert(name.clone(), value.clone());
    }
    variables.insert("TMPDIR".to_owned(), temporary.display().to_string());
    let own = [
        ("BLOCKS_RUN", job.run.to_string()),
        ("BLOCKS_STEP", job.step.clone()),
        ("BLOCKS_ATTEMPT", job.attempt.to_string()),
        ("BLOCKS_INCIDENT", job.incident.clone()),
    ];
    check_secrets(job)?;
    let values = job.values();
    for name in values.keys() {
        check_variable_name(name)?;
    }
    let given = values.iter().map(|(name, value)| (name.as_str(), value.clone()));
    for (name, value) in given.chain(own) {
        check_value(&config.secrets, name, &value)?;
        variables.insert(name.to_owned(), value);
    }
    Ok(variables)
}

/// Whether the job's secret parameters can be kept out of its output.
///
/// # Errors
///
/// [`VariableError::ShortSecret`].
pub(crate) fn check_secrets(job: &Job) -> Result<(), VariableError> {
    match job.secrets.iter().find(|(_, value)| value.expose().len() < MIN_SECRET_BYTES) {
        Some((name, _)) => Err(VariableError::ShortSecret(name.clone())),
        None => Ok(()),
    }
}

/// Whether a value may reach a command, whatever carries it out.
///
/// # Errors
///
/// [`VariableError::Nul`] or [`VariableError::OwnSecret`].
pub(crate) fn check_value(secrets: &[String], name: &str, value: &str) -> Result<(), VariableError> {
    if value.contains('\0') {
        return Err(VariableError::Nul(name.to_owned()));
    }
    if secrets.iter().any(|secret| value.contains(secret.as_str())) {
        return Err(VariableError::OwnSecret(name.to_owned()));
    }
    Ok(())
}

fn holds_secret(config: &ExecConfig, value: &str) -> bool {
    config.secrets.iter().any(|secret| value.contains(secret.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["pod", "POD_1", "_x", "Deployment", "AWS_REGION", "LDAP"] {
            assert_eq!(check_variable_name(good), Ok(()), "{good}");
        }
        // not a name, of the shell, of what it starts, of Blocks
        for bad in [
            "",
            "1a",
            "a-b",
            "a b",
            "a=b",
            "ä",
            "a\n",
            "$(x)",
            "a\0",
            "PATH",
            "LD_PRELOAD",
            "BASH_ENV",
            "BASHOPTS",
            "ENV",
            "IFS",
            "PS4",
            "_",
            "PYTHONPATH",
            "KUBECONFIG",
            "https_proxy",
            "BLOCKS_RUN",
            "SLACK_BOT_TOKEN",
        ] {
            assert!(matches!(check_variable_name(bad), Err(VariableError::Name(_))), "{bad:?}");
        }
    }
}
