//! What a severity, an incident, a runbook, a plan, a run, an approval and a review *are*, and how each changes.
//!
//! Pure: no I/O, no clock, no randomness. `now`, identifiers and text come in as arguments; effects go out as
//! returned values. The two aggregates, [`incident::Incident`] and [`run::Run`], are each a pair of functions:
//! `decide` (live work) and `evolve` (the only way state changes, used by recovery too).

pub mod alert;
pub mod approvers;
pub mod backoff;
#[cfg(test)]
mod cases;
pub mod change;
pub mod choices;
pub mod drill;
pub mod duration;
pub mod expectation;
pub mod explain;
pub mod form;
pub mod going_on;
pub mod handing;
pub mod ids;
pub mod inbox_text;
pub mod incident;
pub mod incident_text;
pub mod journal;
pub mod message;
pub mod next;
pub mod oncall;
pub mod pattern;
pub mod people;
pub mod plan;
pub mod ports;
pub mod report;
pub mod request;
pub mod review;
pub mod rules;
pub mod run;
pub mod runbook;
pub mod sabotage;
pub mod severity;
pub mod stays;
pub mod suggest;
pub mod trigger;
pub mod update;
pub mod view;
