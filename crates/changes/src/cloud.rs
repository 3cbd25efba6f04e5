//! CloudEvents 1.0 over HTTP, and what some of CDEvents' types mean.
//!
//! In structured mode the event is the body (`Content-Type: application/cloudevents+json`). In binary mode its attributes are headers
//! that begin with `ce-`, percent-encoded, and the body is its data; such a message is written as a structured one before it is
//! stored, so that one reading is enough.

use blocks_hooks::loose::text;
use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;
use runbook_core::change::ToldChange;
use serde_json::{Map, Value};

use crate::plain::{self, Envelope};
use crate::translate::Meaning;

/// How the names of the headers begin.
const PREFIX: &str = "ce-";
/// The attributes that every event has.
const REQUIRED: [&str; 4] = ["specversion", "id", "source", "type"];
/// How the types of CDEvents begin.
const CDEVENTS: &str = "dev.cdevents.";
/// Those that tell of a change of a service, each with what was done.
const DEPLOYMENTS: [(&str, &str); 5] = [
    ("deployed", "deployed"),
    ("upgraded", "upgraded to"),
    ("rolledback", "rolled back to"),
    ("published", "published"),
    ("removed", "removed"),
];

/// How a message says that it is an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Not at all.
    Plain,
    /// The body is the event.
    Structured,
    /// The headers are its attributes.
    Binary,
}

/// How this message is to be read.
///
/// # Errors
/// When it is one of CloudEvents' ways that are not taken.
pub(crate) fn mode(headers: &HeaderMap) -> Result<Mode, String> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media.starts_with("application/cloudevents-batch") {
        return Err("batches of events are not taken; hint: send each event by itself".to_owned());
    }
    match media.strip_prefix("application/cloudevents") {
        Some("" | "+json") => Ok(Mode::Structured),
        Some(_) => Err(format!("events as {media} are not read; hint: application/cloudevents+json")),
        None if headers.contains_key("ce-specversion") => Ok(Mode::Binary),
        None => Ok(Mode::Plain),
    }
}

/// A message in binary mode as a structured one.
///
/// # Errors
/// When a header does not read, or the data is no JSON.
pub(crate) fn structured(headers: &HeaderMap, body: &[u8]) -> Result<Vec<u8>, String> {
    let mut event = Map::new();
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix(PREFIX) else { continue };
        let value = decoded(value.as_bytes()).ok_or_else(|| format!("the header ce-{name} does not read"))?;
        event.insert(name.to_owned(), Value::String(value));
    }
    if !body.trim_ascii().is_empty() {
        let data = serde_json::from_slice(body).map_err(|error| format!("the data is not json: {error}"))?;
        event.insert("data".to_owned(), data);
    }
    Ok(Value::Object(event).to_string().into_bytes())
}

/// The value of a header: quotes are taken off first, as older senders wrote them, and percents are decoded once.
fn decoded(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?.trim();
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let unquoted = inner.map(|inner| {
        let mut escaped = false;
        let keep = |c: &char| {
            escaped = *c == '\\' && !escaped;
            !escaped
        };
        inner.chars().filter(keep).collect::<String>()
    });
    let text = unquoted.as_deref().unwrap_or(text);
    Some(percent_decode_str(text).decode_utf8().ok()?.into_owned())
}

/// Whether an object is an event.
pub(crate) fn is_event(object: &Map<String, Value>) -> bool {
    object.contains_key("specversion")
}

/// What makes a repetition of an event fall away: its source and its id, as the specification has it.
pub(crate) fn identity(event: &Map<String, Value>) -> Option<(String, String)> {
    Some((text(event.get("source"))?, text(event.get("id"))?))
}

/// What an event means.
///
/// # Errors
/// Why it is none, or tells of no change.
pub(crate) fn read(event: &Map<String, Value>) -> Result<Meaning, String> {
    if let Some(missing) = REQUIRED.iter().find(|name| text(event.get(**name)).is_none()) {
        return Err(format!("the event has no {missing}, which CloudEvents ask for"));
    }
    let version = text(event.get("specversion")).unwrap_or_default();
    if !version.trim().starts_with("1.") {
        return Err("the event is of another version of CloudEvents than 1.0".to_owned());
    }
    let kind = text(event.get("type")).unwrap_or_default();
    let empty = Map::new();
    let data = event.get("data").and_then(Value::as_object).unwrap_or(&empty);
    let envelope = Envelope {
        service: text(event.get("subject")),
        summary: None,
        at: plain::at(event.get("time"))?,
        source: text(event.get("source")),
        kind: Some(kind.clone()),
    };
    match kind.strip_prefix(CDEVENTS) {
        None => plain::read(data, envelope).map(Meaning::change),
        Some(what) => match done(what) {
            Some(done) => deployment(data, done, envelope).map(Meaning::change),
            None => Ok(Meaning::Other(kind)),
        },
    }
}

/// What a type such as `service.deployed.0.2.0` says was done with a service.
fn done(kind: &str) -> Option<&'static str> {
    let predicate = kind.strip_prefix("service.")?.split('.').next()?;
    DEPLOYMENTS.iter().find(|(name, _)| *name == predicate).map(|(_, done)| *done)
}

/// A deployment of CDEvents: a subject with an artifact and an environment.
fn deployment(data: &Map<String, Value>, done: &str, mut envelope: Envelope) -> Result<ToldChange, String> {
    let at = |pointer: &str| {
        let mut names = pointer.split('/');
        let first = data.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name))
    };
    let artifact = text(at("subject/content/artifactId"));
    let environment =
        text(at("subject/content/environment/name")).or_else(|| text(at("subject/content/environment/id")));
    // behind the @ of a package URL stands its version
    let version = artifact.as_deref().and_then(|artifact| artifact.rsplit_once('@')).map(|(_, version)| {
        let version = version.split(['?', '#']).next().unwrap_or_default();
        percent_decode_str(version).decode_utf8_lossy().into_owned()
    });
    let mut summary = done.to_owned();
    if let Some(artifact) = &artifact {
        summary.push(' ');
        summary.push_str(&percent_decode_str(artifact).decode_utf8_lossy());
    }
    if let Some(environment) = environment {
        summary.push_str(&format!(" in {environment}"));
    }
    envelope.service = text(at("subject/id")).or(envelope.service);
    envelope.at = match envelope.at {
        Some(at) => Some(at),
        None => plain::at(at("context/timestamp"))?,
    };
    (envelope.summary, envelope.kind) = (Some(summary), None);
    let mut change = plain::read(&Map::new(), envelope)?;
    change.version = plain::line(version, 100);
    // `service/myapp`, `daemonset/myapp`
    let last = change.service.first().and_then(|name| name.rsplit_once('/')).map(|(_, last)| last.to_owned());
    change.service.extend(last.filter(|last| !last.is_empty()));
    Ok(change)
}
