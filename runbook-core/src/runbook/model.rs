//! What a runbook document says once it has been understood.
//!
//! These are plain values: [`super::parse()`] makes them, the planner ([`crate::plan`]) freezes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::diagnostic::Diagnostic;
use crate::expectation::Expectation;

/// A runbook as understood: its front matter, its steps and everything that was noticed on the way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    /// The runbook's name: its file name without `.md`.
    pub name: String,
    /// The front matter's `title`, else the first level-one heading, else the name.
    pub title: String,
    /// What the YAML front matter declares.
    pub front: FrontMatter,
    /// The steps in document order.
    pub steps: Vec<Step>,
    /// Findings, in document order. A document with an error-level finding is never planned.
    pub diagnostics: Vec<Diagnostic>,
    /// SHA-256 of the document's bytes, lowercase hex.
    pub sha256: String,
}

/// The optional YAML front matter. Unknown keys are errors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FrontMatter {
    /// Overrides the first heading.
    pub title: Option<String>,
    /// The service that the runbook acts on; also the default lock target.
    pub service: Option<String>,
    /// What the runbook is for: `triage`, `rollback`, ...
    pub kind: Option<String>,
    /// Severities it is meant for, such as `P1`.
    pub severity: Vec<String>,
    /// Free-text terms that an alert's title may match (lowercase substrings).
    #[serde(rename = "match")]
    pub match_terms: Vec<String>,
    /// Declared parameters by name.
    pub params: BTreeMap<String, Param>,
    /// How many other people must approve. May only raise what policy asks for.
    pub approvals: Option<u8>,
    /// Name of the target lock; the service when absent.
    pub lock: Option<String>,
    /// The whole runbook's time box, such as `15 min`.
    pub timebox: Option<String>,
    /// Who keeps this runbook true.
    pub owner: Option<String>,
}

/// A declared parameter. Its value reaches the shell as an environment variable of the same name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Param {
    /// What to enter, for people.
    pub description: Option<String>,
    /// Value used when none is given.
    pub default: Option<String>,
    /// Pattern that the whole value must match: a small, linear subset (see [`crate::pattern`]).
    pub pattern: Option<String>,
    /// A secret value is never shown, journaled or fingerprinted in the clear.
    pub secret: bool,
}

/// One step: a heading, a bold `Step N` line or a list item that holds commands or manual items.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// Stable, unique within the document: a slug of the title.
    pub id: String,
    /// The title without its time box.
    pub title: String,
    /// Where it starts: 1-based line, front matter included.
    pub line: u32,
    /// `(5 min)` in the title, in seconds.
    pub timebox_s: Option<u32>,
    /// `(Next 24h)` or `(48h after ...)`: an action due so many seconds after the run, not a time box.
    pub due_s: Option<u32>,
    /// The commands that run, in order.
    pub commands: Vec<Command>,
    /// Fences marked `baseline`: read-only, run before the step's first effect.
    pub baselines: Vec<Command>,
    /// Fence marked `probe`: read-only, exit 0 when the step's effect has happened, 1 when it has not.
    pub probe: Option<Command>,
    /// Fences marked `undo`: the declared inverse of the step.
    pub undo: Vec<Command>,
    /// `- [ ]` items: what only a person can do.
    pub manual_items: Vec<ManualItem>,
}

/// A checklist item for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManualItem {
    /// 1-based line.
    pub line: u32,
    /// The item's text.
    pub text: String,
}

/// One judged unit inside a step: the text that bash will get, and what its output must show.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Command {
    /// `name=` in the info string, else `<step id>/<n>` (n from 1); for a baseline, probe or undo
    /// `<step id>/baseline-<n>` and so on. Unique within the document.
    pub id: String,
    /// 1-based line of the command's first line.
    pub line: u32,
    /// From the comment just above the command, when there is one that is not an expectation.
    pub title: Option<String>,
    /// Exactly what the shell gets, without prompts and expectation comments, ending in a newline.
    pub text: String,
    /// What it does to the world.
    pub effect: Effect,
    /// Where [`Command::effect`] comes from.
    pub effect_source: EffectSource,
    /// `timeout=` in milliseconds.
    pub timeout_ms: Option<u64>,
    /// `capture=NAME`: the command's trimmed standard output becomes this variable for later commands.
    pub capture: Option<Capture>,
    /// What its output must show; empty means exit status 0.
    pub expectations: Vec<Expectation>,
    /// Why it cannot run (an unresolved placeholder, an error in its annotations); `None` means runnable.
    pub not_runnable: Option<String>,
    /// Placeholders as written (`<pod>`, `YOUR_X`).
    pub placeholders: Vec<String>,
}

/// What a command does to the world. Unknown is [`Effect::Once`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Safe to repeat.
    Idempotent,
    /// Must not be repeated.
    Once,
}

/// Where an effect class comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectSource {
    /// `effect=` in the info string.
    Declared,
    /// The table of known read-only commands.
    Table,
    /// Nothing is known, so `once`.
    Unknown,
}

/// A value that appears at run time: bound to a name, a pattern and a maximum before it may be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// The environment variable that later commands read.
    pub name: String,
    /// Pattern that the whole trimmed output must match; outside it the run pauses.
    pub pattern: String,
    /// Longest accepted value in bytes.
    pub max_bytes: u32,
}
