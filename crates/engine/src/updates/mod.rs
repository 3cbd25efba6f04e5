//! Updates for stakeholders: drafted on request, shown, and sent by a person.

mod deliver;
mod requests;
mod settings;

pub use settings::{UpdateSettings, UpdatesOfService};
