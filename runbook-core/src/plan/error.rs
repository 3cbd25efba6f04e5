//! What stands between a document and a run of it.

use serde::Serialize;

/// Why a document does not make a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// It has an error.
    #[error("{name}.md:{line}: {code}: {message}; hint: `blocks runbook lint` shows every finding")]
    Document {
        /// The runbook.
        name: String,
        /// Where.
        line: u32,
        /// Its code.
        code: String,
        /// What is wrong.
        message: String,
    },
    /// A command cannot run.
    #[error("command {command} (line {line}) is not runnable: {reason}")]
    NotRunnable {
        /// Its id.
        command: String,
        /// Where.
        line: u32,
        /// Why, with a hint.
        reason: String,
    },
    /// A baseline or probe would change something.
    #[error(
        "{role} {command} is not read-only; hint: a {role} must be known to change nothing (effect=read)"
    )]
    NotReadOnly {
        /// `baseline` or `probe`.
        role: &'static str,
        /// Its id.
        command: String,
    },
    /// A command would be repeated by itself although it must not be.
    #[error(
        "command {command} (line {line}) has retries and may not be repeated; hint: say effect=read or effect=idempotent if repeating it is safe, or remove retries"
    )]
    Retries {
        /// Its id.
        command: String,
        /// Where.
        line: u32,
    },
    /// A command would be looked at again and again although it must not be repeated.
    #[error(
        "command {command} (line {line}) waits with until, which repeats it, and it may not be repeated; hint: say effect=read or effect=idempotent if repeating it is safe, or wait in a block of its own that only looks"
    )]
    Waits {
        /// Its id.
        command: String,
        /// Where.
        line: u32,
    },
    /// A loop or group as no run carries it out.
    #[error(
        "command {command} has {what}, which a run does not carry out; hint: `blocks runbook plan` shows it; take it out, or do it by hand"
    )]
    Flow {
        /// Its id.
        command: String,
        /// What of it.
        what: &'static str,
    },
    /// A loop goes through something that has no value when its turn comes.
    #[error(
        "command {command} goes through {name}, and nothing gives {name} a value before; hint: declare {name} under params:, capture it in an earlier command, or write the list: [a, b]"
    )]
    UnknownList {
        /// Its id.
        command: String,
        /// What has no value.
        name: String,
    },
    /// A condition looks at something that has no value when its turn comes.
    #[error(
        "command {command} runs only when {condition}, and nothing gives {name} a value before; hint: declare {name} under params:, or capture it in an earlier command"
    )]
    UnknownCondition {
        /// Its id.
        command: String,
        /// As written.
        condition: String,
        /// What has no value.
        name: String,
    },
    /// The document runs a command that may change something only on a condition, or instead of another.
    #[error(
        "command {command} (line {line}) does not run in its turn: line {words_line} says `{words}`; hint: plan the section that is needed with --section, do it by hand, or write {{conditional=no}} behind its block's language when it always runs"
    )]
    Conditional {
        /// Its id.
        command: String,
        /// Where.
        line: u32,
        /// The document's words.
        words: String,
        /// Where they stand.
        words_line: u32,
    },
    /// A parameter has no value.
    #[error(
        "parameter '{name}' has no value ({description}); hint: give it with --param {name}=VALUE or under [service.params]"
    )]
    MissingParam {
        /// Its name.
        name: String,
        /// What it is.
        description: String,
    },
    /// A value was given for something that is not a parameter.
    #[error("there is no parameter '{name}'; hint: the runbook declares: {known}")]
    UnknownParam {
        /// Its name.
        name: String,
        /// What there is.
        known: String,
    },
    /// A value or a name is not acceptable.
    #[error("parameter '{name}': {reason}")]
    BadParam {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// A secret parameter has no usable value.
    #[error("parameter '{name}' is secret and has no usable value: {reason}")]
    SecretParam {
        /// Its name.
        name: String,
        /// Where it was looked for and what is wrong there, with a hint; never the value.
        reason: String,
    },
    /// A secret was given in the clear.
    #[error(
        "parameter '{name}' is secret, so its value is never given on a command line, in a request or in plain configuration; hint: write {name} = {{ file = \"path\" }} or {{ env = \"NAME\" }} under params of its [[service]], or set BLOCKS_PARAM_{name} for Blocks"
    )]
    SecretGiven {
        /// Its name.
        name: String,
    },
    /// Two commands share an id.
    #[error("two commands are named '{id}'; hint: give each fence its own name=")]
    DuplicateId {
        /// The id.
        id: String,
    },
    /// There is no section of that name, or several fit.
    #[error("no one section is meant by '{wanted}'; hint: {known}")]
    Section {
        /// What was asked for.
        wanted: String,
        /// The nearest ones that there are.
        known: String,
    },
    /// A section's command reads a value that a command outside of it captures or sets.
    #[error(
        "command {command} (line {line}) reads ${name}, which only a command outside the section sets; hint: plan the whole runbook"
    )]
    OutsideCapture {
        /// Its id.
        command: String,
        /// Where.
        line: u32,
        /// The captured value.
        name: String,
    },
    /// An http, promql or sql command lacks what it needs beside its text.
    #[error("command {command}: {reason}")]
    Kind {
        /// Its id.
        command: String,
        /// What it lacks, with a hint.
        reason: String,
    },
    /// An include cannot be put in.
    #[error("include {command} (line {line}) of '{runbook}': {reason}")]
    Include {
        /// Its command's id.
        command: String,
        /// Where.
        line: u32,
        /// The runbook that is asked for.
        runbook: String,
        /// Why not, with a hint.
        reason: String,
    },
    /// Runbooks include each other.
    #[error("runbooks include each other in a circle: {way}; hint: take out one of the includes")]
    IncludeCycle {
        /// Its command's id.
        command: String,
        /// Where.
        line: u32,
        /// The way round: `a > b > a`.
        way: String,
    },
    /// There is nothing to do in it.
    #[error("nothing in {name}.md runs and nothing in it is for a person to do{left}; hint: {hint}")]
    Empty {
        /// The runbook.
        name: String,
        /// What is in it instead.
        left: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// Nobody said what the document's bytes are, so that nobody could tell whether it has changed since.
    #[error("the hash of {name}.md is not known; hint: this is a mistake of the program, please report it")]
    NoHash {
        /// The runbook.
        name: String,
    },
}

impl PlanError {
    /// Its code; each has a page under `docs/errors/`.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            PlanError::Document { code, .. } => code,
            PlanError::NotReadOnly { .. } => "RB0119",
            PlanError::Retries { .. } | PlanError::Waits { .. } => "RB0118",
            PlanError::Flow { .. } | PlanError::UnknownCondition { .. } | PlanError::UnknownList { .. } => {
                "RB0042"
            }
            PlanError::Conditional { .. } => "RB0173",
            PlanError::SecretParam { .. } | PlanError::SecretGiven { .. } => "RB0043",
            PlanError::DuplicateId { .. } => "RB0107",
            PlanError::Include { .. } => "RB0131",
            PlanError::IncludeCycle { .. } => "RB0132",
            _ => "RB0031",
        }
    }

    fn place(&self) -> (Option<&str>, Option<u32>) {
        match self {
            PlanError::Document { line, .. } => (None, Some(*line)),
            PlanError::NotRunnable { command, line, .. }
            | PlanError::Retries { command, line }
            | PlanError::Waits { command, line }
            | PlanError::OutsideCapture { command, line, .. }
            | PlanError::Conditional { command, line, .. }
            | PlanError::Include { command, line, .. }
            | PlanError::IncludeCycle { command, line, .. } => (Some(command), Some(*line)),
            PlanError::NotReadOnly { command, .. }
            | PlanError::Flow { command, .. }
            | PlanError::UnknownCondition { command, .. }
            | PlanError::UnknownList { command, .. }
            | PlanError::Kind { command, .. } => (Some(command), None),
            PlanError::DuplicateId { id } => (Some(id), None),
            _ => (None, None),
        }
    }
}

/// One thing that stands in the way of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The command's id, when it is about one.
    pub command: Option<String>,
    /// 1-based line in its document, when it is known.
    pub line: Option<u32>,
    /// Its code.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// The same as an error.
    #[serde(skip)]
    pub error: PlanError,
}

impl From<PlanError> for Problem {
    fn from(error: PlanError) -> Problem {
        let text = error.to_string();
        let (message, hint) = match text.split_once("; hint: ") {
            Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
            None => (text, None),
        };
        let (command, line) = error.place();
        let (command, code) = (command.map(str::to_owned), error.code().to_owned());
        Problem { command, line, code, message, hint, error }
    }
}
