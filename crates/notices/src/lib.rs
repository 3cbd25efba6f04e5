//! Updates out of the house: e-mail over SMTP ([`SmtpMail`]) and Atlassian's Statuspage ([`AtlassianPage`]);
//! and the heartbeat ([`HttpHeartbeat`]), which says to a watcher outside that Blocks works.
//!
//! What is sent, and whether it may be, is decided elsewhere: here a text becomes a message that is nothing but that text. No
//! word from outside becomes a header, an address or markup.

mod heartbeat;
mod secret;
mod smtp;
mod statuspage;

pub use heartbeat::{HeartbeatConfig, HeartbeatError, HttpHeartbeat, PLACE};
pub use secret::Secret;
pub use smtp::{SmtpConfig, SmtpError, SmtpMail, SmtpTls};
pub use statuspage::{AtlassianPage, PageError, StatuspageConfig};
