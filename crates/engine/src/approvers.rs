//! Who may say yes to a run that waits for others, as blocks.toml stands: a run that nobody may approve says so.

use runbook_core::people::Actor;
use runbook_core::run::{Run, Status};

use crate::engine::Engine;

/// Who may still say yes, and how many have to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Approvers {
    pub(crate) names: Vec<String>,
    due: usize,
}

impl Engine {
    /// `None` where no other person's yes is waited for.
    pub(crate) fn approvers(&self, run: &Run) -> Option<Approvers> {
        let waits = matches!(run.status, Status::WaitingForApproval { .. });
        if !waits || run.yeses_due() == 0 {
            return None;
        }
        let may = |name: &String| {
            let actor = Actor::Person(name.clone());
            self.has_standing(&actor)
                && actor != run.requester
                && run.repeat_ordered_by.as_ref() != Some(&actor)
                && !run.approvals.iter().any(|approval| approval.by == actor)
        };
        let names = self.directory().people().iter().map(|person| person.name.clone()).filter(may).collect();
        Some(Approvers { names, due: usize::from(run.yeses_due()).saturating_sub(run.approvals.len()) })
    }
}

impl Approvers {
    pub(crate) fn are_enough(&self) -> bool {
        self.names.len() >= self.due
    }

    /// In one line.
    pub(crate) fn words(&self) -> String {
        let names = self.names.join(", ");
        if self.are_enough() {
            return format!("who may say yes: {names}");
        }
        let who = if names.is_empty() { "nobody".to_owned() } else { format!("only {names}") };
        format!(
            "it cannot be approved as blocks.toml stands: {} more must say yes, and {who} may; hint: name them there as [[person]] with the role commander or responder",
            self.due
        )
    }
}
