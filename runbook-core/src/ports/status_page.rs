//! The public status page, as the engine sees it.

use super::{BoxFuture, SendError};
use crate::update::{Arrival, ComponentStatus, Impact, PageState};

/// A public status page.
pub trait StatusPage: Send + Sync {
    /// Publishes one update.
    ///
    /// `key` names it for ever; when `attempt` is above 1 an earlier try may have arrived, so the adapter looks before it
    /// publishes again. The arrival's id is what the page calls the incident.
    fn publish<'a>(
        &'a self,
        key: &'a str,
        attempt: u32,
        post: &'a StatusPost,
    ) -> BoxFuture<'a, Result<Published, SendError>>;
}

/// What became of an update for the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// It is there.
    There(Arrival),
    /// The page does not know the incident that it is about any more: somebody has deleted it there.
    Gone,
}

/// One update for the page: plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusPost {
    /// What the page calls the incident that it is about; a new one when absent.
    pub on_page: Option<String>,
    /// The incident's name there, when it is new.
    pub name: String,
    /// The text.
    pub body: String,
    /// Where the incident stands.
    pub status: PageState,
    /// How bad it is shown to be; the page's own reckoning when absent.
    pub impact: Option<Impact>,
    /// A component's id and what it is set to.
    pub component: Option<(String, ComponentStatus)>,
}
