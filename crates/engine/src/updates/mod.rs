//! Updates for stakeholders: drafted on request, shown, and sent by a person.

mod deliver;
mod read;
mod requests;
mod settings;

pub use read::drafts;
pub use settings::{UpdateSettings, UpdatesOfService};
