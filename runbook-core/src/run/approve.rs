//! Approval: a person's yes to one fingerprint. One check, used by every way in.

use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::state::Run;
use crate::journal::millis;
use crate::people::Actor;
use crate::plan::{Fingerprint, PLAN_FORMAT};
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

/// Whether a plan is the one that its fingerprint was made of. It is compared when that is first asked, and the answer goes
/// with the run: a plan never changes once it was read.
#[derive(Debug, Clone, Default)]
pub struct Compared(OnceLock<bool>);

impl PartialEq for Compared {
    /// It follows from the plan and the fingerprint, which are compared themselves.
    fn eq(&self, _: &Compared) -> bool {
        true
    }
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
    reason: Option<&String>,
) -> Option<String> {
    let confirms_own = run.yeses_due() == 0 && *by == run.requester;
    match by {
        Actor::Person(_) if may_approve => {}
        Actor::Person(name) => {
            return Some(format!("{name} has no role that may approve (commander or responder)"));
        }
        Actor::Local(_) if confirms_own => {}
        other => return Some(format!("{other} is not a person in blocks.toml, so may not approve")),
    }
    if !run.is_as_planned() {
        return Some("the plan on disk is not the one that this run's code stands for".to_owned());
    }
    if run.yeses_due() > 0 && *by == run.requester && !sabotage::is_on(Sabotage::ApproveOwn) {
        return Some(format!("{by} asked for this run: another person must approve it"));
    }
    if run.yeses_due() > 0 && run.asked_for_by().contains(by) {
        let did = if run.ordered_again(by) { "ordered the repetition" } else { "went past a command" };
        return Some(format!("{by} {did}: another person must approve it"));
    }
    if run.approvals.iter().any(|approval| approval.by == *by) {
        return Some(format!("{by} has approved it already: another person must approve it"));
    }
    let says_why = reason.is_some_and(|reason| !reason.trim().is_empty());
    if run.needs_reason() && !says_why {
        return Some(
            "nobody else is asked, so the record must say why: approve with a reason (--reason TEXT)"
                .to_owned(),
        );
    }
    match named_fingerprint {
        Some(_) if sabotage::is_on(Sabotage::AcceptStaleApproval) => None,
        None if run.needs_code() => Some(format!(
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

/// Why a yes did not count, and how often when that was more than once.
#[must_use]
pub fn refused_words(reason: &str, times: u32) -> String {
    if times == 1 { reason.to_owned() } else { format!("{reason} ({times} times)") }
}

/// `true` when enough people have said yes to exactly this fingerprint.
pub(super) fn is_complete(run: &Run, one_more: bool) -> bool {
    let given = run.approvals.iter().filter(|approval| approval.fingerprint == run.fingerprint).count();
    given + usize::from(one_more) >= usize::from(run.yeses_due().max(1))
}

impl Run {
    /// Of these people with standing, those whose yes to it would count now.
    #[must_use]
    pub fn whose_yes_counts<'a>(&self, standing: &[&'a str]) -> Vec<&'a str> {
        let (seen, says_why) = (Some(self.fingerprint.as_str()), "why".to_owned());
        let counts = |name: &&&str| {
            let by = Actor::Person((**name).to_owned());
            objection(self, &by, true, seen, Some(&says_why)).is_none()
        };
        standing.iter().filter(counts).copied().collect()
    }

    /// How many people must say yes; 0 when the one who asked confirms alone.
    ///
    /// A user of the machine whom nobody in the configuration claims may be any of the people who could approve. Where
    /// another person's yes is due, one more is due for each such unknown hand, so that as many as policy asks for are
    /// certainly somebody else's.
    #[must_use]
    pub fn yeses_due(&self) -> u8 {
        if self.approvals_needed == 0 {
            return 0;
        }
        let unknown = |actor: &Actor| u8::from(matches!(actor, Actor::Local(_)));
        let hands = std::iter::once(&self.requester).chain(self.asked_for_by()).map(unknown);
        hands.fold(self.approvals_needed, u8::saturating_add)
    }

    /// Whether a yes has to say why: nobody else is asked, so the record must.
    #[must_use]
    pub fn needs_reason(&self) -> bool {
        self.yeses_due() == 0 && self.plan.is_mutating()
    }

    /// Whether a yes has to name the code of the plan that it is a yes to.
    #[must_use]
    pub fn needs_code(&self) -> bool {
        self.yeses_due() > 0 || self.repeats.is_some()
    }

    /// Whether the plan is still the one that the fingerprint was made of: what is approved and started is never
    /// something else, not even when the file it is kept in was written by another hand. A plan of an older form is
    /// taken as it is.
    #[must_use]
    pub fn is_as_planned(&self) -> bool {
        let compare = || {
            self.plan.format != PLAN_FORMAT || self.plan.fingerprint().is_ok_and(|now| now == self.planned_as)
        };
        *self.compared.0.get_or_init(compare)
    }
}
