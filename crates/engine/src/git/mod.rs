//! Runbooks in Git: which commit a document is of, whether it is as committed, and fetching them from elsewhere; and which
//! deployments a repository shows. Always through the system's `git`.

mod deployments;
mod look;
mod objects;
mod program;
mod refresh;
mod source;
mod tree;
mod waits;

pub use deployments::GitDeployments;
pub(crate) use look::provenance_of;
pub use source::{Fetched, GitSource};
