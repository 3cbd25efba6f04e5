//! The engine on in-memory adapters and a paused clock.

mod alerts;
mod approval_pages;
mod chat;
mod climb;
mod crashes;
mod escalate;
mod handover;
mod incidents;
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
mod triage;
mod triggers;
mod updates;
mod verbs;
mod yeses;
