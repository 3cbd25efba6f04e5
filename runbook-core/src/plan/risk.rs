//! Risk, computed from the plan, and what policy asks because of it.

use serde::{Deserialize, Serialize};

use super::model::Plan;
use crate::runbook::{Effect, EffectSource};

/// How much can go wrong for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// Changes nothing.
    ReadOnly,
    /// Each effect can be undone or repeated, one target, drilled lately.
    Reversible,
    /// All else.
    Irreversible,
}

impl Risk {
    /// The word for people and JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Risk::ReadOnly => "read-only",
            Risk::Reversible => "reversible",
            Risk::Irreversible => "irreversible",
        }
    }
}

/// A risk and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskAssessment {
    /// The risk.
    pub risk: Risk,
    /// Why it is not lower, for people.
    pub reasons: Vec<String>,
}

/// Assesses a plan. `drilled` says whether this very document was drilled lately.
#[must_use]
pub fn assess(plan: &Plan, drilled: bool) -> RiskAssessment {
    let mut reasons: Vec<String> =
        plan.provenance.iter().flat_map(|provenance| provenance.dirty.iter().cloned()).collect();
    // what nobody committed is no witness of what its own commands do
    let by_its_own_word =
        || plan.all_commands().any(|command| command.effect_source == EffectSource::Declared);
    if !plan.is_mutating() && (reasons.is_empty() || !by_its_own_word()) {
        return RiskAssessment { risk: Risk::ReadOnly, reasons: Vec::new() };
    }
    for step in &plan.steps {
        if !step.undo.is_empty() {
            continue;
        }
        let once = || step.commands.iter().filter(|command| command.effect == Effect::Once);
        let unknown = once().filter(|command| command.effect_source == EffectSource::Unknown).count();
        let known = once().count() - unknown;
        // one line for the step, however many commands it has
        let reason = |count: usize, one: &str, several: &str| match count {
            0 => None,
            1 => Some(format!("{}: {one}", step.title)),
            _ => Some(format!("{}: {count} commands {several}", step.title)),
        };
        reasons.extend(reason(
            unknown,
            "its effect is not declared and it has no undo",
            "have effects that are not declared and no undo",
        ));
        reasons.extend(reason(
            known,
            "it must not be repeated and has no undo",
            "must not be repeated and have no undo",
        ));
    }
    if !drilled {
        reasons.push("not drilled lately".to_owned());
    }
    let risk = if reasons.is_empty() { Risk::Reversible } else { Risk::Irreversible };
    RiskAssessment { risk, reasons }
}

/// How many other people policy asks for. A document and a service may only raise it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalPolicy {
    /// For reversible plans.
    pub reversible: u8,
    /// For irreversible plans.
    pub irreversible: u8,
}

impl Default for ApprovalPolicy {
    /// The commander alone for what can be undone, one other person for the rest (design section 7.8).
    fn default() -> Self {
        ApprovalPolicy { reversible: 0, irreversible: 1 }
    }
}

impl ApprovalPolicy {
    /// Other people needed for a plan of this risk, given what the document and the service add.
    #[must_use]
    pub fn needed(&self, risk: Risk, document: Option<u8>, service: Option<u8>) -> u8 {
        let base = match risk {
            Risk::ReadOnly => 0,
            Risk::Reversible => self.reversible,
            Risk::Irreversible => self.irreversible,
        };
        base.max(document.unwrap_or(0)).max(service.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{PlanRequest, Provenance, build};
    use crate::runbook::parse;

    #[test]
    fn what_is_not_as_committed_is_irreversible_and_says_so() {
        let once = "# A\n## S\n```bash {effect=once}\nx\n```\n```bash {undo}\ny\n```\n";
        let declared = "# A\n## S\n```bash {effect=read}\nx\n```\n";
        let known = "# A\n## S\n```bash\nuptime\n```\n";
        let dirty = vec!["a.md is changed".to_owned()];
        for (text, dirty, risk, named) in [
            (once, dirty.clone(), Risk::Irreversible, true),
            (once, vec![], Risk::Reversible, false),
            (declared, dirty.clone(), Risk::Irreversible, true),
            (declared, vec![], Risk::ReadOnly, false),
            (known, dirty, Risk::ReadOnly, false),
        ] {
            let provenance = Some(Provenance { path: "a.md".into(), dirty, ..Provenance::default() });
            let request = PlanRequest { provenance, ..PlanRequest::default() };
            let document = parse("a", text).with_hash_of(text.as_bytes());
            let plan = build(&document, &request).unwrap();
            let assessed = assess(&plan, true);
            assert_eq!(assessed.risk, risk, "{text}: {assessed:?}");
            assert_eq!(
                assessed.reasons.iter().any(|reason| reason == "a.md is changed"),
                named,
                "{assessed:?}"
            );
        }
    }

    #[test]
    fn provenance_changes_the_fingerprint_and_its_absence_does_not() {
        let document = parse("a", "# A\n## S\n```bash\nuptime\n```\n").with_hash_of(b"a");
        let planned = |provenance: Option<Provenance>| {
            build(&document, &PlanRequest { provenance, ..PlanRequest::default() }).unwrap()
        };
        let at = |commit: &str| Provenance { commit: Some(commit.into()), ..Provenance::default() };
        let (without, one, other) = (planned(None), planned(Some(at("aa"))), planned(Some(at("bb"))));
        assert!(!serde_json::to_string(&without).unwrap().contains("provenance"));
        let prints = [&without, &one, &other].map(|plan| plan.fingerprint().unwrap());
        assert!(prints[0] != prints[1] && prints[1] != prints[2] && prints[0] != prints[2]);
    }

    #[test]
    fn a_document_and_a_service_only_raise_what_policy_asks() {
        let policy = ApprovalPolicy::default();
        for (risk, document, service, needed) in [
            (Risk::ReadOnly, None, None, 0),
            (Risk::ReadOnly, None, Some(1), 1),
            (Risk::Reversible, None, None, 0),
            (Risk::Reversible, Some(2), Some(1), 2),
            (Risk::Irreversible, Some(0), Some(0), 1),
        ] {
            assert_eq!(policy.needed(risk, document, service), needed, "{risk:?} {document:?} {service:?}");
        }
    }
}
