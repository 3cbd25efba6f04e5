//! What the engine and a supervisor say to each other: a length, then that many bytes of JSON.
//!
//! It carries secrets, so it goes over the supervisor's standard input or its private socket and nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use runbook_core::ids::RunId;
use runbook_core::ports::{Job, SecretValue};
use runbook_core::runbook::{CommandKind, Effect};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::config::ExecConfig;
use crate::record::Ended;

/// More is an error of the other side. A job may hold large values, an outcome both outputs.
const LONGEST: usize = 256 << 20;

/// What the engine asks.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    /// Prepare a command, and carry it out as soon as it is known that bash can read it. A connection that ends before
    /// that is a no.
    Run(Box<Order>),
    /// Whether bash can read it; else why not.
    Checked {
        /// Which.
        attempt: u32,
        /// What bash says.
        says: Result<(), String>,
    },
    /// Say how an attempt ends.
    Resume {
        /// Which.
        attempt: u32,
    },
    /// End everything.
    Cancel,
    /// End everything, and yourself.
    End,
}

/// What a supervisor answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tell {
    /// The socket is there.
    Ready,
    /// The attempt goes on.
    UnderWay,
    /// It is over, and that is on disk.
    Ended(Ended),
    /// Nothing is known of it here.
    Unknown,
    /// Nothing is alive any more.
    Quiet,
}

/// A job with everything that carrying it out needs.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    settings: Settings,
    run: RunId,
    incident: String,
    step: String,
    attempt: u32,
    effect: Effect,
    text: String,
    variables: BTreeMap<String, String>,
    secrets: BTreeMap<String, Secret>,
    directory: PathBuf,
    timeout_ms: u64,
    carry_from: Option<u32>,
    /// An engine of before does not say so.
    #[serde(default)]
    must_be_set: BTreeSet<String>,
}

/// A secret parameter as it travels.
#[derive(Clone, Serialize, Deserialize)]
struct Secret {
    value: String,
    /// The command does not get it; its output is searched for it all the same.
    withheld: bool,
}

/// [`ExecConfig`] as it travels: of the environment only what is handed on.
#[derive(Clone, Serialize, Deserialize)]
struct Settings {
    bash: PathBuf,
    state_dir: PathBuf,
    env_names: Vec<String>,
    env: BTreeMap<String, String>,
    secrets: Vec<String>,
    output_limit_bytes: usize,
    grace_ms: u64,
}

impl Order {
    pub(crate) fn new(config: &ExecConfig, job: &Job) -> Self {
        let exposed = |(name, secret): (&String, &SecretValue)| {
            let value = secret.expose().to_owned();
            (name.clone(), Secret { value, withheld: secret.is_withheld() })
        };
        let planned = |name: &&String| job.environment.contains(name);
        let env_names: Vec<String> = config.env_names.iter().filter(planned).cloned().collect();
        let handed_on = |(name, _): &(&String, &String)| env_names.contains(name);
        let settings = Settings {
            bash: config.bash.clone(),
            state_dir: config.state_dir.clone(),
            env: config
                .env
                .iter()
                .filter(handed_on)
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            env_names,
            secrets: config.secrets.clone(),
            output_limit_bytes: config.output_limit_bytes,
            grace_ms: u64::try_from(config.grace.as_millis()).unwrap_or(u64::MAX),
        };
        Self {
            settings,
            run: job.run,
            incident: job.incident.clone(),
            step: job.step.clone(),
            attempt: job.attempt,
            effect: job.effect,
            text: job.text.clone(),
            variables: job.variables.clone(),
            secrets: job.secrets.iter().map(exposed).collect(),
            directory: job.directory.clone(),
            timeout_ms: job.timeout_ms,
            carry_from: job.carry_from,
            must_be_set: job.must_be_set.clone(),
        }
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    pub(crate) fn open(self) -> (ExecConfig, Job) {
        let mut config = ExecConfig::new(self.settings.bash, self.settings.state_dir);
        config.env_names.clone_from(&self.settings.env_names);
        config.env = self.settings.env;
        config.secrets = self.settings.secrets;
        config.output_limit_bytes = self.settings.output_limit_bytes;
        config.grace = Duration::from_millis(self.settings.grace_ms);
        let secrets = self.secrets.into_iter().map(|(name, Secret { value, withheld })| {
            let secret = SecretValue::new(value);
            (name, if withheld { secret.withheld() } else { secret })
        });
        let job = Job {
            run: self.run,
            incident: self.incident,
            step: self.step,
            attempt: self.attempt,
            kind: CommandKind::Shell,
            connection: None,
            effect: self.effect,
            text: self.text,
            variables: self.variables,
            environment: self.settings.env_names,
            secrets: secrets.collect(),
            directory: self.directory,
            timeout_ms: self.timeout_ms,
            carry_from: self.carry_from,
            must_be_set: self.must_be_set,
        };
        (config, job)
    }
}

/// Reads one message; `None` at the end.
///
/// # Errors
///
/// What reading gave, or what is no message.
pub(crate) async fn read<T: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length).await {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message is too long"));
    }
    // Grows with what really comes.
    let mut text = Vec::new();
    from.take(length as u64).read_to_end(&mut text).await?;
    if text.len() < length {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&text)?))
}

/// Writes one message.
///
/// # Errors
///
/// What writing gave, or a message that cannot be written (a path that is not UTF-8).
pub(crate) async fn write<T: Serialize>(to: &mut (impl AsyncWrite + Unpin), message: &T) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let length = u32::try_from(bytes.len() - 4).ok().filter(|length| *length as usize <= LONGEST);
    let length =
        length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the message is too long"))?;
    if let Some(front) = bytes.first_chunk_mut() {
        *front = length.to_le_bytes();
    }
    to.write_all(&bytes).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_message_is_an_end_or_an_error() {
        let mut bytes = Vec::new();
        write(&mut bytes, &Ask::Resume { attempt: 3 }).await.unwrap();
        let mut whole = bytes.as_slice();
        assert!(matches!(read::<Ask>(&mut whole).await, Ok(Some(Ask::Resume { attempt: 3 }))));
        for cut in 0..bytes.len() {
            assert!(matches!(read::<Ask>(&mut &bytes[..cut]).await, Ok(None)), "{cut}");
        }
        assert!(read::<Ask>(&mut &[255, 255, 255, 255, 1][..]).await.is_err());
        assert!(read::<Ask>(&mut &[2, 0, 0, 0, b'{', b'}'][..]).await.is_err());
    }
}
