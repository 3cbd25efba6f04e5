//! What a runbook document says once it has been understood.
//!
//! These are plain values: [`super::parse()`] makes them, the planner ([`crate::plan`]) freezes them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::diagnostic::Diagnostic;
use super::hash::sha256_hex;
use super::placeholders::{Guard, Place};
use crate::expectation::Expectation;
use crate::pattern::Pattern;

/// A runbook as understood: its front matter, its steps and everything that was noticed on the way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    /// The runbook's name: its file name without `.md`.
    pub name: String,
    /// The front matter's `title`, else the first level-one heading, else the name.
    pub title: String,
    /// What the YAML front matter declares.
    pub front: FrontMatter,
    /// The headings in document order.
    pub headings: Vec<Heading>,
    /// Every code block, run or not, in document order.
    pub blocks: Vec<CodeBlock>,
    /// Links and images that lead to other files, and links to places of this document that are not there, in document
    /// order.
    pub links: Vec<Link>,
    /// Where remarks of shellcheck are allowed.
    #[serde(skip)]
    pub allowed_remarks: Vec<AllowedRemarks>,
    /// Headings that have steps below them: what can be planned by itself.
    pub sections: Vec<Section>,
    /// The steps in document order.
    pub steps: Vec<Step>,
    /// How many list items are read as text: neither an item for a person nor the place of a command.
    pub text_items: u32,
    /// Declared parameters, then placeholders that were found, each once.
    pub params: Vec<Parameter>,
    /// Findings, in document order. A document with an error-level finding is never planned.
    pub diagnostics: Vec<Diagnostic>,
    /// SHA-256 of the document's bytes, lowercase hex; known once [`Document::with_hash_of`] was told them. Only what is
    /// planned needs it: to understand a text and to find what is wrong with it takes less time than hashing it.
    pub sha256: Option<String>,
}

impl Document {
    /// The document with the hash of the bytes that it was read from; without one it is never planned.
    #[must_use]
    pub fn with_hash_of(self, bytes: &[u8]) -> Document {
        Document { sha256: Some(sha256_hex(bytes)), ..self }
    }
}

impl Document {
    /// The names of the values that its commands capture.
    pub fn captured(&self) -> impl Iterator<Item = &str> {
        let commands = self.steps.iter().flat_map(|step| step.all_commands().map(|(_, command)| command));
        commands.filter_map(|command| command.capture.as_ref()).map(|capture| capture.name.as_str())
    }
}

/// A heading as CommonMark reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Heading {
    /// 1 to 6.
    pub level: u8,
    /// 1-based line of its text.
    pub line: u32,
    /// Its text as written, marks of emphasis, code and links included.
    pub text: String,
}

/// A code block and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodeBlock {
    /// The first word of the info string as written; empty without one.
    pub language: String,
    /// The whole info string.
    pub info: String,
    /// 1-based line of the opening fence, or of the first line of indented code.
    pub line_start: u32,
    /// 1-based line of the closing fence, or of the block's last line.
    pub line_end: u32,
    /// `false` for indented code.
    pub fenced: bool,
    /// Whether it stands inside a list item.
    pub in_list: bool,
    /// Whether its closing fence is there; indented code needs none.
    pub closed: bool,
    /// Whether each of its commands can run as it stands.
    pub runnable: bool,
    /// Why not.
    pub reason: Option<String>,
}

/// A `blocks: allow` of shellcheck's remarks, which are only known later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedRemarks {
    /// 1-based line of the comment.
    pub line: u32,
    /// 1-based column of the comment.
    pub column: u32,
    /// The first line that it is about.
    pub first: u32,
    /// The last one.
    pub last: u32,
}

/// A link to another file of the same tree, or to a place of the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// 1-based line.
    pub line: u32,
    /// 1-based column in characters.
    pub column: u32,
    /// The path as written, without `#fragment`; or the fragment alone.
    pub target: String,
}

/// A heading that has steps below it: a procedure that can be planned by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    /// Slug of the title, unique among the sections.
    pub id: String,
    /// The title without its time box.
    pub title: String,
    /// 1-based line.
    pub line: u32,
    /// Heading level.
    pub level: u8,
    /// Its own limit in seconds: `(30 minutes)` in its title, or in a bold `Procedure (30 minutes):` below it.
    pub timebox_s: Option<u32>,
    /// The steps below it, as positions in [`Document::steps`].
    pub steps: std::ops::Range<usize>,
}

/// A parameter, declared or found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// What `--param NAME=value` takes.
    pub name: String,
    /// Where it comes from.
    pub source: ParameterSource,
    /// 1-based line of the declaration, or of the first place where it was found.
    pub line: u32,
    /// What is declared about it; defaults for a placeholder.
    #[serde(flatten)]
    pub declared: Param,
    /// Spellings found in commands: `<pod>`, `YOUR_POD`.
    pub spellings: Vec<String>,
}

/// Where a parameter comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterSource {
    /// `params:` in the front matter.
    Declared,
    /// A placeholder in a command.
    Placeholder,
}

/// The optional YAML front matter. Unknown keys are errors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FrontMatter {
    /// Overrides the first heading.
    pub title: Option<String>,
    /// The service that the runbook acts on; also the default lock target.
    pub service: Option<String>,
    /// What the runbook is for: `triage`, `rollback`, ... One for `security` is for named people only.
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

impl FrontMatter {
    /// Whether it is carried out in private incidents alone: what it finds, and that it is needed, is for named people.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("security"))
    }
}

/// A declared parameter. Its value reaches the shell as an environment variable of the same name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Param {
    /// What to enter, for people.
    pub description: Option<String>,
    /// What kind of value it takes.
    #[serde(rename = "type")]
    pub kind: ParamType,
    /// Value used when none is given.
    pub default: Option<String>,
    /// Whether a value is needed; without a default it is, unless this says `false` (the variable is then empty).
    pub required: Option<bool>,
    /// The values that `type: enum` takes.
    pub values: Vec<String>,
    /// Pattern that the whole value must match: a small, linear subset (see [`crate::pattern`]).
    pub pattern: Option<String>,
    /// A secret value is never shown, journaled or fingerprinted in the clear.
    pub secret: bool,
}

/// What kind of value a parameter takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParamType {
    /// Any text without NUL.
    #[default]
    String,
    /// A whole number, such as `-3`.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// One of [`Param::values`].
    Enum,
    /// A length of time, such as `45s` or `10m`.
    Duration,
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
    /// Titles of the headings around it, outermost first, without the document's own.
    pub phases: Vec<String>,
    /// `(5 min)` in the title, in seconds; the length of a window.
    pub timebox_s: Option<u32>,
    /// Where the window begins, in seconds, when the titles' ranges are windows: `(0-5 min)`, `(5-10 min)`, ...
    pub starts_s: Option<u32>,
    /// `(Next 24h)` or `(48h after ...)`: an action due so many seconds after the run, not a time box.
    pub due_s: Option<u32>,
    /// The commands that run, in order.
    pub commands: Vec<Command>,
    /// Fences marked `baseline`: read-only, run before the step's first effect.
    pub baselines: Vec<Command>,
    /// Fence marked `probe`: read-only, exit 0 when the step's effect has happened, 1 when it has not.
    pub probe: Option<Box<Command>>,
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
    /// How many of the step's commands come before it; not known in plans of older forms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_commands: Option<u32>,
}

impl ManualItem {
    /// An item whose place among the commands is not known yet.
    #[must_use]
    pub fn new(line: u32, text: String) -> Self {
        Self { line, text, after_commands: None }
    }

    /// The position among a step's commands before which it comes; behind all of them when it is not known.
    #[must_use]
    pub fn position(&self, commands: usize) -> usize {
        self.after_commands
            .and_then(|after| usize::try_from(after).ok())
            .map_or(commands, |after| after.min(commands))
    }
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
    /// What carries it out.
    pub kind: CommandKind,
    /// Exactly what is carried out, without prompts and expectation comments, ending in a newline.
    pub text: String,
    /// What it does to the world.
    pub effect: Effect,
    /// Where [`Command::effect`] comes from.
    pub effect_source: EffectSource,
    /// `timeout=` in milliseconds.
    pub timeout_ms: Option<u64>,
    /// `retries=`: how often a failed command is tried again by itself; only where [`Command::effect`] allows it.
    pub retries: u8,
    /// `connection=`: which configured connection an http, promql or sql command uses.
    pub connection: Option<String>,
    /// `when=`, `foreach=` and `parallel=`.
    pub flow: Flow,
    /// What an include asks for.
    pub include: Option<Include>,
    /// `capture=NAME`: the command's trimmed standard output becomes this variable for later commands.
    pub capture: Option<Capture>,
    /// What its output must show; empty means exit status 0.
    pub expectations: Vec<Expectation>,
    /// Why it cannot run whatever the parameters are; `None` means that only [`Command::placeholders`] stand in the way.
    pub not_runnable: Option<String>,
    /// Placeholders as written (`<pod>`, `YOUR_X`), each once.
    pub placeholders: Vec<String>,
    /// The document's own words for when it runs, or instead of what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_if: Option<Box<OnlyIf>>,
}

/// A condition in a document's own words: no run can know whether it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OnlyIf {
    /// The words: `If that does not help, delete the pod:`.
    pub text: String,
    /// 1-based line where they stand.
    pub line: u32,
    /// The author allows the command to run in its turn (`blocks: allow`).
    pub allowed: bool,
    /// It says that the command takes back what others do.
    #[serde(skip)]
    pub(crate) inverse: bool,
    /// The line of the finding about it.
    #[serde(skip)]
    pub(crate) told_at: u32,
}

impl Command {
    /// Why it does not run as it stands; `None` means runnable.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.not_runnable.clone().or_else(|| {
            (!self.placeholders.is_empty())
                .then(|| format!("unresolved placeholder {}", self.placeholders.join(", ")))
        })
    }
}

/// What carries a command out, named by the fence's language.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandKind {
    /// bash.
    #[default]
    Shell,
    /// One HTTP request.
    Http,
    /// One Prometheus instant query.
    Promql,
    /// PostgreSQL statements.
    Sql,
    /// Another runbook's steps.
    Include,
}

impl CommandKind {
    /// The word for people and JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            CommandKind::Shell => "shell",
            CommandKind::Http => "http",
            CommandKind::Promql => "promql",
            CommandKind::Sql => "sql",
            CommandKind::Include => "include",
        }
    }
}

/// When and how often a command runs. Shown and bound by the fingerprint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Flow {
    /// `when=`: the condition as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// `foreach="NAME in SOURCE"`: once for each line of a parameter or captured value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreach: Option<Foreach>,
    /// `parallel=GROUP`: neighbours of one group run at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel: Option<String>,
    /// `until=10m every=15s`: looked at again and again until it is as expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
}

/// `until=DURATION`, with or without `every=DURATION`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Until {
    /// Milliseconds from the first look until it is late.
    pub deadline_ms: u64,
    /// Milliseconds between the end of one look and the next; growing ones when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_ms: Option<u64>,
}

impl Flow {
    /// Whether nothing but the order of the document decides.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Flow::default()
    }
}

/// `foreach="NAME in SOURCE"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreach {
    /// The variable that holds the line at hand.
    pub name: String,
    /// The parameter or captured value that is gone through, or the list itself as it is written.
    pub source: String,
    /// The items, as far as they are known before the run: those of a parameter or of a written list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<String>>,
    /// `concurrency=`: how many items may be under way at once.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub concurrency: u16,
    /// `canary`: the first item alone, and the others once it is as expected.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub canary: bool,
    /// `budget=`: how many items may fail without ending the run.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub budget: u16,
    /// Where commands let an item go: what may stand there. Empty before there is a plan.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub places: BTreeSet<Place>,
}

fn one() -> u16 {
    1
}

fn is_one(number: &u16) -> bool {
    *number == 1
}

fn is_zero(number: &u16) -> bool {
    *number == 0
}

/// Another runbook whose steps stand in the place of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Include {
    /// The runbook's name: its file name without `.md`.
    pub runbook: String,
    /// Values for its parameters; `$NAME` alone stands for a parameter of the including runbook.
    pub params: BTreeMap<String, String>,
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
    /// `lines`: several lines, each of which must match; for a loop to go through.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lines: bool,
    /// Where later commands of the plan let the value go: what may stand there. Empty before there is a plan.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub places: BTreeSet<Place>,
}

impl Capture {
    /// Whether a value may become this variable.
    ///
    /// # Errors
    /// Why not, in lowercase; the value is not repeated.
    pub fn check(&self, value: &str) -> Result<(), String> {
        if value.len() > self.max_bytes as usize {
            return Err(format!("it has {} bytes, and {} may be", value.len(), self.max_bytes));
        }
        let pattern = Pattern::new(&self.pattern);
        let fits = |text: &str| pattern.as_ref().is_ok_and(|pattern| pattern.is_match(text));
        if self.lines {
            let misfit = value.lines().position(|line| !line.trim().is_empty() && !fits(line.trim()));
            if let Some(line) = misfit {
                return Err(format!("line {} of the output does not match", line + 1));
            }
        } else if !fits(value) {
            return Err(format!("the output ({} bytes) does not match", value.len()));
        }
        // what a machine said is not what a person chose: a wide pattern is no promise about it
        let integer = |place: &Place| place.guard >= Guard::Address && value.parse::<i64>().is_ok();
        // a pattern that takes nothing means it
        let counts = |place: &&Place| !(value.is_empty() && place.guard == Guard::Free);
        let mut places = self.places.iter().filter(counts);
        places.try_for_each(|place| place.check(value, integer(place))).map_err(|why| {
            format!("a later command uses it where it could become a part of a program: {why}")
        })
    }
}
