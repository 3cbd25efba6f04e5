//! The runbooks, severities and templates that Blocks ships, embedded in the binary.
//!
//! The files beside this crate are the product; here they only get names. A runbook on the configured paths with the
//! same name goes before the embedded one. Adding a runbook is one file and one line in [`RUNBOOKS`]; a test refuses a
//! file without its line.
//!
//! `templates/pir.sample.json` is a whole context for [`PIR_TEMPLATE`], with every field that the template reads. Values
//! come escaped for Markdown, because the template is rendered with `no_escape`; `null` is written as unknown.

/// The shipped runbooks by name (the file name without `.md`), in alphabetical order, with their Markdown text.
pub const RUNBOOKS: &[(&str, &str)] = &[
    ("flow_failure_response", include_str!("../flow_failure_response.md")),
    ("rollback_to_manual_review", include_str!("../rollback_to_manual_review.md")),
    ("rollback_to_pilot", include_str!("../rollback_to_pilot.md")),
    ("rollback_to_previous_version", include_str!("../rollback_to_previous_version.md")),
];

/// The severity schemes as TOML, for [`runbook_core::severity::parse`].
pub const SEVERITIES: &str = include_str!("../severities.toml");

/// The Handlebars template of the post-incident review.
pub const PIR_TEMPLATE: &str = include_str!("../templates/pir.md.hbs");

/// A full context for [`PIR_TEMPLATE`] as JSON: the shape of the view, and what tests render.
pub const PIR_SAMPLE: &str = include_str!("../templates/pir.sample.json");

/// The shipped templates of updates by name (the file name without `.md.hbs`), in alphabetical order. A team's own template
/// of the same name goes before one of these.
pub const UPDATE_TEMPLATES: &[(&str, &str)] = &[
    ("launch", include_str!("../templates/updates/launch.md.hbs")),
    ("onboarding", include_str!("../templates/updates/onboarding.md.hbs")),
    ("outage", include_str!("../templates/updates/outage.md.hbs")),
    ("resolved", include_str!("../templates/updates/resolved.md.hbs")),
    ("rollback_begun", include_str!("../templates/updates/rollback_begun.md.hbs")),
    ("rollback_complete", include_str!("../templates/updates/rollback_complete.md.hbs")),
    ("weekly", include_str!("../templates/updates/weekly.md.hbs")),
];

/// The text of the shipped runbook with this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static str> {
    RUNBOOKS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests;
