//! A mail server and a status page that keep what they are told.

use std::sync::Arc;

use runbook_core::ports::{BoxFuture, Letter, Mail, Published, SendError, StatusPage, StatusPost, Watcher};
use runbook_core::update::Arrival;

use super::{Life, World, locked};

/// What both hold.
#[derive(Default)]
pub(crate) struct OutsideState {
    /// Every mail.
    pub(crate) mails: Vec<Letter>,
    /// The mail server takes connections and says nothing.
    pub(crate) says_nothing: bool,
    /// The mail server puts everything off.
    pub(crate) is_busy: bool,
    /// The mail server refuses everything.
    pub(crate) refuses: bool,
    /// What was published, with the id of the incident that it was about or that was made for it.
    pub(crate) posts: Vec<(String, StatusPost)>,
    /// How often it was heard that Blocks works.
    pub(crate) beats: u64,
    /// Incidents that somebody has deleted at the status page.
    pub(crate) deleted: Vec<String>,
}

/// The way to both; one per life.
pub(crate) struct FakeOutside {
    pub(crate) world: Arc<World>,
    pub(crate) life: Life,
}

impl Watcher for FakeOutside {
    fn beat(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            self.life.alive().await;
            locked(&self.world.outside).beats += 1;
            Ok(())
        })
    }
}

impl Mail for FakeOutside {
    fn send<'a>(
        &'a self,
        key: &'a str,
        _attempt: u32,
        letter: &'a Letter,
    ) -> BoxFuture<'a, Result<Arrival, SendError>> {
        Box::pin(async move {
            self.life.point().await;
            if locked(&self.world.outside).says_nothing {
                std::future::pending::<()>().await;
            }
            let mut outside = locked(&self.world.outside);
            if outside.is_busy {
                return Err(SendError::Retry { after_ms: None, reason: "451 later".to_owned() });
            }
            if outside.refuses {
                return Err(SendError::Permanent { reason: "550 no such user".to_owned() });
            }
            outside.mails.push(letter.clone());
            Ok(Arrival { id: Some(key.to_owned()), link: None })
        })
    }
}

impl StatusPage for FakeOutside {
    fn publish<'a>(
        &'a self,
        _key: &'a str,
        _attempt: u32,
        post: &'a StatusPost,
    ) -> BoxFuture<'a, Result<Published, SendError>> {
        Box::pin(async move {
            self.life.point().await;
            let mut outside = locked(&self.world.outside);
            if post.on_page.as_ref().is_some_and(|id| outside.deleted.contains(id)) {
                return Ok(Published::Gone);
            }
            let id = post.on_page.clone().unwrap_or_else(|| format!("p{}", outside.posts.len() + 1));
            outside.posts.push((id.clone(), post.clone()));
            Ok(Published::There(Arrival { id: Some(id), link: None }))
        })
    }
}
