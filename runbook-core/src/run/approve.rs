//! Approval: a person's yes to one fingerprint. One check, used by every way in.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::state::Run;
use crate::journal::millis;
use crate::people::Actor;
use crate::plan::Fingerprint;
use crate::sabotage::{self, Sabotage};

/// A yes that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub by: Actor,
    /// When.
    #[serde(with = "millis")]
    pub at: DateTime<Utc>,
    /// To what.
    pub fingerprint: Fingerprint,
    /// Why, when they said.
    pub reason: Option<String>,
}

/// Why this person's yes to this run does not count; `None` when it does.
///
/// `may_approve` says whether the configuration gives this person the standing; authority is the person's, so a
/// button that reached somebody else changes nothing.
pub(super) fn objection(
    run: &Run,
    by: &Actor,
    may_approve: bool,
    named_fingerprint: Option<&str>,
) -> Option<String> {
    let confirms_own = run.approvals_needed == 0 && *by == run.requester;
    match by {
        Actor::Person(_) if may_approve => {}
        Actor::Person(name) => {
            return Some(format!("{name} has no role that may approve (commander or responder)"));
        }
        Actor::Local(_) if confirms_own => {}
        other => return Some(format!("{other} is not a person in blocks.toml, so may not approve")),
    }
    if run.approvals_needed > 0 && *by == run.requester && !sabotage::is_on(Sabotage::ApproveOwn) {
        return Some(format!("{by} asked for this run: another person must approve it"));
    }
    if run.approvals_needed > 0 && run.repeat_ordered_by.as_ref() == Some(by) {
        return Some(format!("{by} ordered the repetition: another person must approve it"));
    }
    if run.approvals.iter().any(|approval| approval.by == *by) {
        return Some(format!("{by} has approved it already: another person must approve it"));
    }
    match named_fingerprint {
        Some(_) if sabotage::is_on(Sabotage::AcceptStaleApproval) => None,
        None if run.approvals_needed > 0 || run.repeats.is_some() => Some(format!(
            "a yes names what it is a yes to: look at the plan, then approve with its code ({})",
            "--fingerprint CODE"
        )),
        Some(typed) if !run.fingerprint.is_named_by(typed) => Some(format!(
            "the approval names another plan: this run's code is {}, look at it again",
            run.fingerprint.code()
        )),
        _ => None,
    }
}

/// `true` when enough people have said yes to exactly this fingerprint.
pub(super) fn is_complete(run: &Run, one_more: bool) -> bool {
    let given = run.approvals.iter().filter(|approval| approval.fingerprint == run.fingerprint).count();
    given + usize::from(one_more) >= usize::from(run.approvals_needed.max(1))
}
