//! E-mail, as the engine sees it.

use super::{BoxFuture, SendError};
use crate::update::Arrival;

/// A way to send e-mail.
pub trait Mail: Send + Sync {
    /// Sends one mail to one address.
    ///
    /// `key` names it for ever: the mail's own id is made of it, so that whoever gets it twice, after an answer that was lost,
    /// can tell. It cannot be looked for before it is sent again.
    fn send<'a>(
        &'a self,
        key: &'a str,
        attempt: u32,
        letter: &'a Letter,
    ) -> BoxFuture<'a, Result<Arrival, SendError>>;
}

/// One mail: plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// The text.
    pub text: String,
    /// What keeps the mails of one incident together.
    pub thread: String,
}
