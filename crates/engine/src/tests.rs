//! The engine on in-memory adapters and a paused clock.

mod crashes;
mod incidents;
mod locks;
mod messages;
mod outage;
mod p1;
mod runs;
mod verbs;
mod yeses;
