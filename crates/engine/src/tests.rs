//! The engine on in-memory adapters and a paused clock.

mod alerts;
mod approval_pages;
mod change_events;
mod chat;
mod crashes;
mod escalate;
mod handover;
mod heartbeat;
mod incidents;
mod letters;
mod locks;
mod messages;
mod outage;
mod outputs;
mod p1;
mod pager;
mod pager_drift;
mod pager_look;
mod private;
mod reminders;
mod runs;
mod updates;
mod verbs;
mod yeses;
