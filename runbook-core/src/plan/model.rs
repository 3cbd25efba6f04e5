//! The plan as a value, and its fingerprint.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::canonical::canonical_json;
use super::error::PlanError;
use super::loops;
use super::provenance::Provenance;
use crate::expectation::Expectation;
use crate::runbook::{Capture, CommandKind, Effect, EffectSource, Flow, ManualItem, condition};

/// Version of the plan's form; part of the fingerprint. A plan of this form has the fingerprint that was made of it.
pub const PLAN_FORMAT: u16 = 3;

/// A runbook frozen with its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of the plan form of the writer.
    pub format: u16,
    /// The runbook's name.
    pub runbook: String,
    /// The runbook's title.
    pub title: String,
    /// SHA-256 of the document's bytes, lowercase hex.
    pub document_sha256: String,
    /// The same of every included document, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub included: BTreeMap<String, String>,
    /// The commit that the document comes from, when it lies in Git.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
    /// The section that was planned; the whole document when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// What it acts on: the lock's name.
    pub target: String,
    /// Parameter values, by name.
    pub params: BTreeMap<String, String>,
    /// HMAC-SHA256 of each secret parameter's value, lowercase hex: bound by the fingerprint, the value nowhere.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, String>,
    /// The service whose configuration says where those values are; read again when a command starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets_of: Option<String>,
    /// Names of the environment variables that commands may see.
    pub environment: Vec<String>,
    /// The steps, in order.
    pub steps: Vec<PlanStep>,
    /// The document's own limit in seconds.
    pub limit_s: Option<u32>,
    /// How many other people the document, or one that it includes, wants at least.
    pub approvals: Option<u8>,
    /// The document says that it is a rollback: undoing it brings back what was rolled back.
    #[serde(default, skip_serializing_if = "is_false")]
    pub rolls_back: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// What becomes of a step's effect when the run is to be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reversal {
    /// It changes nothing.
    None,
    /// Its undo takes it back.
    Undo,
    /// Its undo takes it back, to what was rolled back: the bad version.
    GoesBack,
    /// It has no undo; repeating it is safe, and it stays.
    Stays,
    /// It has no undo and must not be repeated: a point of no return.
    NoReturn,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanStep {
    /// The step's id in the document.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Parameter values that hold in this step only: those of an included runbook.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    /// Its time box in seconds.
    pub timebox_s: Option<u32>,
    /// Where its box begins, in seconds, when it is a window of the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_s: Option<u32>,
    /// Due so many seconds after the run: an action, not a part of it.
    pub due_s: Option<u32>,
    /// Read-only commands whose values must be known before the first effect.
    pub baselines: Vec<PlannedCommand>,
    /// What runs, in order.
    pub commands: Vec<PlannedCommand>,
    /// Tells whether the effect happened.
    pub probe: Option<PlannedCommand>,
    /// The declared inverse.
    pub undo: Vec<PlannedCommand>,
    /// What only a person can do.
    pub manual_items: Vec<ManualItem>,
}

impl PlanStep {
    /// The strongest effect of its commands; [`Effect::Read`] for a step without any.
    #[must_use]
    pub fn effect(&self) -> Effect {
        self.commands.iter().map(|command| command.effect).max().unwrap_or(Effect::Read)
    }
}

/// One command of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedCommand {
    /// Its id in the document, unique.
    pub id: String,
    /// What it is for, for people.
    pub title: Option<String>,
    /// What carries it out.
    #[serde(default)]
    pub kind: CommandKind,
    /// Exactly what is carried out; for the shell, what bash gets.
    pub text: String,
    /// Which configured connection it uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// How often a failed attempt is repeated by itself.
    #[serde(default)]
    pub retries: u8,
    /// When and how often it runs.
    #[serde(default, skip_serializing_if = "Flow::is_plain")]
    pub flow: Flow,
    /// What it does to the world.
    pub effect: Effect,
    /// Where that is known from.
    pub effect_source: EffectSource,
    /// Milliseconds until it is ended.
    pub timeout_ms: u64,
    /// The variable that its output becomes.
    pub capture: Option<Capture>,
    /// The document's own words for when it runs, or instead of what; shown, and judged by nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// What its output must show.
    pub expectations: Vec<Expectation>,
}

/// SHA-256 over the plan's canonical JSON: what an approval is bound to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The same for a plan of which one command is to go through this list: what a yes to the list is bound to.
    #[must_use]
    pub fn with_list(&self, command: &str, items: &[String]) -> Fingerprint {
        let whole = serde_json::json!({ "plan": self.0, "command": command, "items": items });
        Fingerprint(hex::encode(Sha256::digest(canonical_json(&whole).as_bytes())))
    }

    /// The same for what is asked while such a plan runs, after `seq` events of the run: what a yes to that is bound to.
    #[must_use]
    pub fn with_question(&self, seq: u64, asked: &serde_json::Value) -> Fingerprint {
        let whole = serde_json::json!({ "plan": self.0, "seq": seq, "asked": asked });
        Fingerprint(hex::encode(Sha256::digest(canonical_json(&whole).as_bytes())))
    }

    /// Lowercase hex, 64 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The four characters that people compare: `4F2A`.
    #[must_use]
    pub fn code(&self) -> String {
        self.0.chars().take(4).collect::<String>().to_ascii_uppercase()
    }

    /// Whether what a person typed names this fingerprint: all of it, or a prefix of at least four characters.
    #[must_use]
    pub fn is_named_by(&self, typed: &str) -> bool {
        typed.len() >= 4 && self.0.starts_with(&typed.to_ascii_lowercase())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Plan {
    /// Its fingerprint.
    ///
    /// # Errors
    /// When the plan cannot be written as JSON, which no plan that was built can cause.
    pub fn fingerprint(&self) -> Result<Fingerprint, serde_json::Error> {
        let text = canonical_json(&serde_json::to_value(self)?);
        Ok(Fingerprint(hex::encode(Sha256::digest(text.as_bytes()))))
    }

    /// Every command: of each step its baselines, its commands, its probe and its undo.
    pub fn all_commands(&self) -> impl Iterator<Item = &PlannedCommand> {
        self.steps
            .iter()
            .flat_map(|step| step.baselines.iter().chain(&step.commands).chain(&step.probe).chain(&step.undo))
    }

    /// The commands that carry `when`, `foreach`, `parallel` or `until`, with the first of them.
    pub fn flow_commands(&self) -> impl Iterator<Item = (&PlannedCommand, &'static str)> {
        self.all_commands().filter_map(|command| {
            let flow = &command.flow;
            let words = [
                ("when", flow.when.is_some()),
                ("foreach", flow.foreach.is_some()),
                ("parallel", flow.parallel.is_some()),
                ("until", flow.until.is_some()),
            ];
            words.into_iter().find(|(_, is_there)| *is_there).map(|(what, _)| (command, what))
        })
    }

    /// Whether a run carries out everything that the plan says. What shows a plan does not ask this.
    ///
    /// # Errors
    /// [`PlanError::Flow`] for the first command whose loop or group no run carries out; [`PlanError::UnknownCondition`] and
    /// [`PlanError::UnknownList`] for the first that looks at what no parameter and no earlier command gives a value.
    pub fn check_runnable(&self) -> Result<(), PlanError> {
        loops::check(self)?;
        let mut captured = BTreeSet::new();
        for step in &self.steps {
            // undo begins when everything before has had its turn
            let of_step = step.baselines.iter().chain(&step.commands).chain(&step.probe).chain(&step.undo);
            for command in of_step {
                let list = command.flow.foreach.as_ref().filter(|foreach| foreach.items.is_none());
                if let Some(foreach) = list
                    && !captured.contains(foreach.source.as_str())
                {
                    return Err(PlanError::UnknownList {
                        command: command.id.clone(),
                        name: foreach.source.clone(),
                    });
                }
                let name = command.flow.when.as_deref().map(|text| condition(text).map(|read| read.name));
                if let Some(name) = name {
                    let name = name.unwrap_or_default();
                    let known = step.params.contains_key(&name)
                        || self.params.contains_key(&name)
                        || captured.contains(name.as_str());
                    if !known {
                        return Err(PlanError::UnknownCondition {
                            command: command.id.clone(),
                            condition: command.flow.when.clone().unwrap_or_default(),
                            name,
                        });
                    }
                }
                captured.extend(command.capture.as_ref().map(|capture| capture.name.as_str()));
            }
        }
        Ok(())
    }

    /// What becomes of a step's effect when the run is to be undone.
    #[must_use]
    pub fn reversal(&self, step: usize) -> Reversal {
        let Some(planned) = self.steps.get(step) else { return Reversal::None };
        match (planned.effect(), planned.undo.is_empty()) {
            (Effect::Read, _) => Reversal::None,
            (_, false) if self.undo_goes_back(step) => Reversal::GoesBack,
            (_, false) => Reversal::Undo,
            (Effect::Idempotent, true) => Reversal::Stays,
            (Effect::Once, true) => Reversal::NoReturn,
        }
    }

    /// Whether a step's undo brings back what was rolled back: in a rollback, and where the step itself goes to an
    /// earlier version.
    #[must_use]
    pub fn undo_goes_back(&self, step: usize) -> bool {
        let Some(planned) = self.steps.get(step).filter(|step| !step.undo.is_empty()) else { return false };
        let earlier = |text: &str| ["rollout undo", "helm rollback"].iter().any(|words| text.contains(words));
        planned.effect() != Effect::Read
            && (self.rolls_back || planned.commands.iter().any(|command| earlier(&command.text)))
    }

    /// `true` when some command may change something.
    #[must_use]
    pub fn is_mutating(&self) -> bool {
        self.steps.iter().any(|step| step.effect() != Effect::Read)
    }

    /// Sum of the steps' boxes in seconds.
    #[must_use]
    pub fn boxes_s(&self) -> u32 {
        self.steps.iter().filter_map(|step| step.timebox_s).sum()
    }
}
