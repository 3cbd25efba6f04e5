//! What a stored message means.

use runbook_core::change::ToldChange;
use runbook_core::ports::{InboxItem, Signal, Translated, Translator};
use serde_json::Value;

use crate::inbound::SOURCE;
use crate::{cloud, plain};

/// What a message says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Meaning {
    /// Something was changed.
    Change(Box<ToldChange>),
    /// Something else happened, of this type.
    Other(String),
}

impl Meaning {
    pub(crate) fn change(change: ToldChange) -> Meaning {
        Meaning::Change(Box::new(change))
    }
}

/// A message that was read, and what makes its repetition fall away.
pub(crate) struct Read {
    pub(crate) meaning: Meaning,
    /// Its sender's own id of it, with what that is unique within.
    pub(crate) identity: Option<(String, String)>,
    /// Whether it says when.
    pub(crate) is_timed: bool,
}

/// Reads a message: an event where it says that it is one, else a change in our own words.
///
/// # Errors
/// Why it is neither, in lowercase.
pub(crate) fn read(body: &[u8], is_event: bool) -> Result<Read, String> {
    let value: Value =
        serde_json::from_slice(body).map_err(|error| format!("the body is not json: {error}"))?;
    let Value::Object(object) = value else { return Err("the body is not a json object".to_owned()) };
    if is_event || cloud::is_event(&object) {
        let (meaning, identity) = (cloud::read(&object)?, cloud::identity(&object));
        return Ok(Read { meaning, identity, is_timed: true });
    }
    let change = plain::read(&object, plain::Envelope::default())?;
    let id = blocks_hooks::loose::text(object.get("id"));
    let within = format!("{}\n{}", change.source, change.service.join("\n"));
    let (identity, is_timed) = (id.map(|id| (within, id)), change.at.is_some());
    Ok(Read { meaning: Meaning::change(change), identity, is_timed })
}

/// Says what stored messages mean.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChangeTranslator;

impl Translator for ChangeTranslator {
    fn source(&self) -> &'static str {
        SOURCE
    }

    fn translate(&self, item: &InboxItem) -> Translated {
        match read(&item.body, item.kind == crate::inbound::EVENT) {
            Ok(Read { meaning: Meaning::Change(mut change), .. }) => {
                change.key.clone_from(&item.id);
                Translated::Signal(Signal::Change(change))
            }
            Ok(Read { meaning: Meaning::Other(kind), .. }) => Translated::Ignored { kind },
            Err(reason) => Translated::Unreadable { reason },
        }
    }
}

#[cfg(test)]
mod tests;
