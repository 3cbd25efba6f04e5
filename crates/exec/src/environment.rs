//! The environment of a command: from nothing, then only what is named (design section 6).

use std::collections::BTreeMap;
use std::path::Path;

use runbook_core::ports::Job;

use crate::config::{ExecConfig, MIN_SECRET_BYTES};

/// Blocks' own secrets by name; never handed on, whatever the configuration says.
const OWN_SECRETS: [&str; 6] = [
    "SLACK_BOT_TOKEN",
    "SLACK_APP_TOKEN",
    "SLACK_SIGNING_SECRET",
    "PAGERDUTY_WEBHOOK_SECRET",
    "PAGERDUTY_API_TOKEN",
    "PAGERDUTY_ROUTING_KEY",
];

/// Names that bash or the loader act on: as a parameter they would change what runs rather than what it works on.
const REFUSED: [&str; 42] = [
    "_",
    "PATH",
    "HOME",
    "SHELL",
    "PWD",
    "OLDPWD",
    "SHLVL",
    "IFS",
    "ENV",
    "CDPATH",
    "PROMPT_COMMAND",
    "PS0",
    "PS1",
    "PS2",
    "PS3",
    "PS4",
    "SHELLOPTS",
    "POSIXLY_CORRECT",
    "GLOBIGNORE",
    "EXECIGNORE",
    "FIGNORE",
    "TIMEFORMAT",
    "TMOUT",
    "UID",
    "EUID",
    "PPID",
    "GROUPS",
    "DIRSTACK",
    "FUNCNAME",
    "PIPESTATUS",
    "RANDOM",
    "SRANDOM",
    "SECONDS",
    "LINENO",
    "HISTCMD",
    "EPOCHSECONDS",
    "EPOCHREALTIME",
    "GCONV_PATH",
    "PERL5OPT",
    "RUBYOPT",
    "PYTHONSTARTUP",
    "NODE_OPTIONS",
];

const REFUSED_PREFIXES: [&str; 5] = ["BASH", "BLOCKS_", "LD_", "DYLD_", "GIT_CONFIG"];

/// A variable that a command must not get.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// Not a shell name.
    #[error("`{0}` is not a variable name; use letters, digits and `_`, not starting with a digit")]
    NotAName(String),
    /// A name with a meaning for bash, the loader or Blocks.
    #[error("`{0}` cannot be a parameter because it changes how programs run; use another name")]
    Reserved(String),
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

/// Whether a parameter or captured value may have this name.
///
/// # Errors
///
/// [`VariableError::NotAName`] or [`VariableError::Reserved`].
pub fn check_variable_name(name: &str) -> Result<(), VariableError> {
    if !is_name(name) {
        return Err(VariableError::NotAName(name.to_owned()));
    }
    let reserved = REFUSED.contains(&name)
        || OWN_SECRETS.contains(&name)
        || REFUSED_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    if reserved { Err(VariableError::Reserved(name.to_owned())) } else { Ok(()) }
}

/// Why a name from `[exec] env` cannot be handed on, if so.
///
/// More is allowed than for a parameter: the operator's `PATH` and `LD_LIBRARY_PATH` are the operator's business.
pub(crate) fn refused_env_name(name: &str) -> Option<&'static str> {
    if !is_name(name) {
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

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first == b'_' || first.is_ascii_alphabetic())
        && bytes.all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["pod", "POD_1", "_x", "KUBECONFIG", "Deployment", "TZ", "LDAP"] {
            assert_eq!(check_variable_name(good), Ok(()), "{good}");
        }
        for bad in ["", "1a", "a-b", "a b", "a=b", "ä", "a\n", "$(x)", "a\0"] {
            assert!(matches!(check_variable_name(bad), Err(VariableError::NotAName(_))), "{bad:?}");
        }
        for reserved in ["PATH", "LD_PRELOAD", "BASH_ENV", "BASHOPTS", "ENV", "IFS", "PS4", "BLOCKS_RUN", "_"]
        {
            assert!(matches!(check_variable_name(reserved), Err(VariableError::Reserved(_))), "{reserved}");
        }
    }
}
