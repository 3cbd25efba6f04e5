//! Who may still say yes to a run that waits for other people, and what to do when nobody can.

use crate::run::{Run, Status};

/// So many people are named.
const NAMED: usize = 6;

/// Who may still say yes to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approvers {
    /// Their names in the configuration.
    pub names: Vec<String>,
    /// As many as are still needed.
    pub are_enough: bool,
    /// In one line; where they are too few also why, and what to do.
    pub words: String,
}

/// Of the people with standing, who may still approve this run. `None` while it waits for nobody else.
#[must_use]
pub fn approvers(run: &Run, standing: &[&str]) -> Option<Approvers> {
    let waits = matches!(run.status, Status::WaitingForApproval { .. }) && run.yeses_due() > 0;
    if !waits || !run.is_as_planned() {
        return None;
    }
    let may = run.whose_yes_counts(standing);
    let missing = usize::from(run.yeses_due()).saturating_sub(run.approvals.len()).max(1);
    let mut names = may.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if let more @ 1.. = may.len().saturating_sub(NAMED) {
        names.push_str(&format!(" and {more} more"));
    }
    let are_enough = may.len() >= missing;
    let say = |words| {
        Some(Approvers { names: may.iter().map(|name| (*name).to_owned()).collect(), are_enough, words })
    };
    if are_enough {
        return say(format!("who may approve it: {names}"));
    }
    let mut why = vec![format!("{} asked for it", run.requester)];
    let asked_for_by = run.asked_for_by();
    let ordered = asked_for_by.iter().filter(|by| ***by != run.requester);
    why.extend(ordered.map(|by| format!("{by} ordered this, or went past something")));
    why.extend(run.approvals.iter().map(|approval| format!("{} has approved it", approval.by)));
    let who = match missing {
        _ if may.is_empty() => "nobody with standing in blocks.toml can approve it".to_owned(),
        missing => format!("{missing} yeses are missing, and only {names} can still give one"),
    };
    let hint = match run.undoing {
        true => {
            "give the role commander or responder to one more [[person]], or `cancel` it, which leaves the undo as failed"
        }
        false => {
            "`cancel` it, and plan it again so that somebody is left who neither asks nor orders; or give the role commander \
             or responder to one more [[person]]"
        }
    };
    say(format!("{who}: {}; hint: {hint}", why.join(", ")))
}
