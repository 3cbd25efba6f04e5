//! What can be read about updates, with an engine or without.

use runbook_core::ports::{IncidentRow, Store};
use runbook_core::update::{Held, as_text, view};
use serde_json::json;

use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::Reply;
use crate::settings::Settings;

/// The drafts of an incident, and the templates. `slash` stands before what is to be typed in chat.
///
/// # Errors
/// When the journal does not read.
pub async fn drafts(
    store: &dyn Store,
    settings: &Settings,
    row: Option<&IncidentRow>,
    slash: &str,
) -> Result<Reply, EngineError> {
    let senders = &settings.updates.send_public;
    let (mut lines, mut shown) = (Vec::new(), Vec::new());
    if let Some(row) = row {
        let Some(loaded) = load_incident(store, row.id).await? else {
            return Err(EngineError::NotFound(format!("there is no incident {}", row.number)));
        };
        let incident = &loaded.state;
        for held in incident.drafts.iter() {
            let draft = &held.draft;
            lines.push(format!(
                "{}: {} ({}, {}) {}",
                incident.number,
                draft.short_code(),
                draft.title,
                draft.audience.word(),
                held.state_words()
            ));
            shown.push(serde_json::to_value(view(incident, held, senders)).unwrap_or_default());
        }
        if lines.is_empty() {
            lines.push(format!("{}: no draft so far.", incident.number));
        }
        let waiting: Vec<&Held> = incident.drafts.waiting().collect();
        // A chat's answer holds one; each stands in the channel anyway.
        if waiting.len() == 1 || slash.is_empty() {
            for held in waiting {
                lines.push(String::new());
                lines.push(as_text(&view(incident, held, senders), slash));
            }
        }
        lines.push(String::new());
    }
    let templates = &settings.updates.templates;
    lines.push(format!("Templates, for `{slash}blocks update draft TEMPLATE`:"));
    lines.extend(
        templates.iter().map(|one| {
            format!("{} ({}): {}; {}", one.name, one.audience.word(), one.title, one.known_params())
        }),
    );
    let names: Vec<_> = templates.iter().map(|one| &one.name).collect();
    Ok(Reply { text: lines.join("\n"), data: json!({ "drafts": shown, "templates": names }) })
}
