//! `blocks token create`: an API token for a person, shown once and stored hashed.

use blocks_engine::{Clock as _, SystemClock};
use blocks_server::hash_token;
use runbook_core::ports::{Store as _, TokenRow};
use serde_json::json;

use super::compose::open_store;
use crate::args::TokenCommand;
use crate::config::Config;
use crate::exit::{Code, Stop};
use crate::printer::{self, Output};
use crate::random::hex_secret;

/// Makes a token. Whoever may write the store may do this, so it works beside a running engine too.
pub(crate) async fn run(
    command: &TokenCommand,
    config: Option<&std::path::Path>,
    output: Output,
) -> Result<Code, Stop> {
    let TokenCommand::Create { person } = command;
    let config = Config::load(config)?;
    if config.settings.directory.person(person).is_none() {
        let known: Vec<_> =
            config.settings.directory.people().iter().map(|known| known.name.as_str()).collect();
        return Err(Stop::usage(if known.is_empty() {
            format!(
                "no [[person]] is configured, so there is no '{person}'\nhint: add a [[person]] with name = \"{person}\" to blocks.toml, or name the file with --config"
            )
        } else {
            format!("there is no person '{person}' in blocks.toml\nhint: known are: {}", known.join(", "))
        }));
    }
    let token = format!("blk_{}", hex_secret(32)?);
    let store = open_store(&config)?;
    let row = TokenRow { sha256: hash_token(&token), person: person.clone(), created_at: SystemClock.now() };
    store.token_put(row).await.map_err(Stop::failed)?;
    match output {
        Output::Json => printer::json(&json!({ "person": person, "token": token })),
        Output::Text => {
            printer::data(&token);
            printer::note("this is the only time it is shown: keep it where secrets are kept");
        }
    }
    Ok(Code::Success)
}
