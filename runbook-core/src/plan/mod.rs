//! A plan: a runbook frozen with its parameters. What is shown is what is approved is what runs.

mod build;
mod canonical;
mod curl;
mod error;
mod expand;
mod includes;
mod kinds;
mod loops;
mod model;
mod provenance;
mod risk;
mod scope;
mod secrets;
mod section;
#[cfg(test)]
mod tests;
mod values;

pub use build::{Draft, PlanRequest, build, draft};
pub use canonical::canonical_json;
pub use error::{PlanError, Problem};
pub use includes::settle_includes;
pub use model::{Fingerprint, PLAN_FORMAT, Plan, PlanStep, PlannedCommand, Reversal};
pub use provenance::{Drilled, Provenance, short_commit};
pub use risk::{ApprovalPolicy, Risk, RiskAssessment, assess};
