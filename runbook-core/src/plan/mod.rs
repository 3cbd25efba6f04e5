//! A plan: a runbook frozen with its parameters. What is shown is what is approved is what runs.

mod build;
mod canonical;
mod model;
mod risk;

pub use build::{PlanError, PlanRequest, build};
pub use canonical::canonical_json;
pub use model::{Fingerprint, Plan, PlanStep, PlannedCommand, RESERVED_VARIABLES};
pub use risk::{ApprovalPolicy, Risk, RiskAssessment, assess};
