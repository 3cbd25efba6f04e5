//! Integration tests: the real binary as processes, real sockets on loopback, SQLite, and the sandbox.
//!
//! No fixed ports, no internet, no assertion about time. What a machine cannot do is said as "not run" and fails.

#[cfg(test)]
mod alert_bad_input;
#[cfg(test)]
mod alerts;
mod approval_pages;
#[cfg(test)]
mod authority;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod chat;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod command_word;
#[cfg(test)]
mod config;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod deliveries;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod drill;
#[cfg(test)]
mod each;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod flow;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod handover;
#[cfg(test)]
mod heartbeat;
mod holders;
#[cfg(test)]
mod house;
#[cfg(test)]
mod inbox;
#[cfg(test)]
mod incident_verbs;
#[cfg(test)]
mod intake;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod kinds;
#[cfg(test)]
mod launch;
#[cfg(test)]
mod launch_triggers;
#[cfg(test)]
mod oncall;
#[cfg(test)]
mod outage;
mod outputs;
#[cfg(test)]
mod p1;
#[cfg(test)]
mod page;
#[cfg(test)]
mod pager_bad_input;
#[cfg(test)]
mod pager_details;
mod pager_look;
#[cfg(test)]
mod pager_setup;
#[cfg(test)]
mod planted;
#[cfg(test)]
mod provenance;
#[cfg(test)]
mod reminders;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod slack_corpus;
#[cfg(test)]
mod slack_faults;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod standin;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod two_way;
#[cfg(test)]
mod undo;
#[cfg(test)]
mod updates;
#[cfg(test)]
mod verbs;
mod words;
