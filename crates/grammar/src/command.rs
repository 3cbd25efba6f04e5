//! The commands as clap types, and the requests that they stand for.

use std::collections::BTreeMap;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use runbook_core::ids::IncidentNumber;
use runbook_core::request::Request;
use runbook_core::rules::TriedPage;

use crate::handing::{EscalateArgs, HandOverArgs};
use crate::inbox::InboxCommand;
use crate::incident::{ActionCommand, IncidentCommand, IncidentVerb, RollbackCommand, TimelineCommand};
use crate::oncall::{OnCallArgs, TriggerCommand};

/// Everything that terminal and chat can both ask for. The terminal embeds it with `#[command(flatten)]`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Runbooks: look at them, run them, decide about a run
    #[command(subcommand)]
    Runbook(RunbookCommand),
    /// Incidents: look at them, take them, end them
    #[command(subcommand)]
    Incident(IncidentCommand),
    /// Post-incident reviews
    #[command(subcommand)]
    Pir(PirCommand),
    /// The journal
    #[command(subcommand)]
    Journal(JournalCommand),
    /// What came in and was not understood
    #[command(subcommand)]
    Inbox(InboxCommand),
    /// The incident's verbs, without the word before them.
    #[command(flatten)]
    Verb(IncidentVerb),
    /// An incident's timeline
    #[command(subcommand)]
    Timeline(TimelineCommand),
    /// What is to be done because of an incident
    #[command(subcommand)]
    Action(ActionCommand),
    /// Ask for a rollback
    #[command(subcommand)]
    Rollback(RollbackCommand),
    /// Pass command, a run or the shift on; take what is passed on to you
    #[command(
        name = "handover",
        alias = "hand-over",
        after_help = "Examples:\n  blocks handover INC-12 to @ben the pool is still full\n  blocks handover to @ben --run 0198\n  blocks handover take INC-12\n  blocks handover shift\n  blocks handover shift to @ben\n  blocks handover shift --post\n\nUntil somebody takes it, nothing has changed. A shift is told to you alone; with `to` or `--post` also in the channel of `[handover]`, and as notes at PagerDuty."
    )]
    HandOver(HandOverArgs),
    /// Ask one person more, and page them: the next of the severity's steps, or whom you name
    #[command(
        after_help = "Examples:\n  blocks escalate\n  blocks escalate INC-12 nobody answers\n  blocks escalate to @ben he knows the pool\n  blocks escalate secondary\n\nBehind `to` stands a name of blocks.toml, a mention in chat, or a duty."
    )]
    Escalate(EscalateArgs),
    /// How the incidents of some days went: times against their targets, runbooks, what is to be done
    #[command(
        after_help = "Examples:\n  blocks report\n  blocks report --since 7d --service flowengine\n  blocks report --since 2026-11-01 -o json | jq .severities"
    )]
    Report {
        /// Since when: a length of time such as 7d, or a day; 30 days when absent
        #[arg(long, value_name = "WHEN")]
        since: Option<String>,
        /// Only those of this service
        #[arg(long, value_name = "NAME")]
        service: Option<String>,
    },
    /// Who is on call for each service, and whom to ask
    #[command(
        name = "oncall",
        after_help = "Examples:\n  blocks oncall\n  blocks oncall flowengine\n  blocks oncall export > oncall.ics\n  blocks oncall test flowengine\n  blocks oncall export --from 2026-12-01 --until 2027-01-01 -o json\n\nBy PagerDuty, when it was last asked, and by the [[rotation]] of blocks.toml. Being on call gives nobody a right."
    )]
    OnCall(OnCallArgs),
    /// Triggers: questions that are asked again and again
    #[command(subcommand)]
    Trigger(TriggerCommand),
    /// What makes sense to type next
    #[command(after_help = "Example: blocks menu INC-12")]
    Menu(IncidentArg),
}

/// `runbook ...`
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum RunbookCommand {
    /// Name the runbooks
    List,
    /// Name the runbooks that may help, and say why; and which rule chooses severity and diagnostics
    #[command(
        after_help = "Examples:\n  blocks runbook suggest INC-12\n  blocks runbook suggest --service flowengine --title \"the pool is full\" --urgency high --label team=db"
    )]
    Suggest {
        /// The incident; the one that is meant here when nothing is named
        #[arg(value_name = "INC", conflicts_with = "Tried")]
        incident: Option<String>,
        /// A page that nobody sent
        #[command(flatten)]
        page: Tried,
    },
    /// Show what Blocks understood of a runbook
    #[command(after_help = "Example: blocks runbook show rollback_to_pilot")]
    Show {
        /// The runbook's name; in a shell also a path to its file
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Show what would run, without running it
    #[command(
        after_help = "Examples:\n  blocks runbook plan rollback_to_pilot --param repo=shop\n  blocks runbook plan launch --section rollback-to-pilot"
    )]
    Plan {
        /// The runbook's name; in a shell also a path to its file
        #[arg(value_name = "NAME")]
        name: String,
        /// One section only: its id, its title, or the start of either (`show` lists them)
        #[arg(long, value_name = "SECTION")]
        section: Option<String>,
        /// Parameter values
        #[command(flatten)]
        params: Params,
    },
    /// Plan a runbook and run it once it is approved
    #[command(after_help = "Example: blocks runbook run rollback_to_pilot --incident INC-12")]
    Run {
        /// The runbook's name; in a shell also a path to its file
        #[arg(value_name = "NAME")]
        name: String,
        /// One section only: its id, its title, or the start of either (`show` lists them)
        #[arg(long, value_name = "SECTION")]
        section: Option<String>,
        /// Parameter values
        #[command(flatten)]
        params: Params,
        /// The incident that it serves; the channel's, or the only open one, when absent
        #[arg(long, value_name = "INC")]
        incident: Option<String>,
    },
    /// Run the rollback that is configured for a service
    #[command(
        after_help = "Examples:\n  blocks runbook rollback flowengine\n  blocks runbook rollback --incident INC-12"
    )]
    Rollback {
        /// The service; the incident's when absent
        #[arg(value_name = "SERVICE")]
        service: Option<String>,
        /// Parameter values
        #[command(flatten)]
        params: Params,
        /// The incident that it serves; the channel's, or the only open one of that service, when absent
        #[arg(long, value_name = "INC")]
        incident: Option<String>,
    },
    /// Name the runs, newest first: the open ones, with what to type next
    #[command(after_help = "Examples:\n  blocks runbook runs\n  blocks runbook runs --all --incident INC-12")]
    Runs {
        /// Those that have ended too
        #[arg(long)]
        all: bool,
        /// Only those of this incident
        #[arg(long, value_name = "INC")]
        incident: Option<String>,
    },
    /// Show where a run stands
    Status(RunArg),
    /// Say yes to one fingerprint
    #[command(
        after_help = "Example: blocks runbook approve --fingerprint 4F2A --reason \"error budget is gone\""
    )]
    Approve {
        /// The run
        #[command(flatten)]
        run: RunArg,
        /// The fingerprint that you saw, or its four characters; a different one refuses
        #[arg(long, value_name = "CODE")]
        fingerprint: Option<String>,
        /// Why; it goes into the review
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Say no: the run is cancelled
    Refuse {
        /// The run
        #[command(flatten)]
        run: RunArg,
        /// Why; it goes into the review
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Answer what only a person can tell
    #[command(allow_missing_positional = true, after_help = "Example: blocks runbook answer yes")]
    Answer {
        /// The run
        #[command(flatten)]
        run: RunArg,
        /// Is it as expected?
        #[arg(value_name = "yes|no", required = true, ignore_case = true, hide_possible_values = true)]
        answer: AnswerWord,
        /// What you looked at: the command's id, as `status` prints it; refused when something else is in question now
        #[arg(long, value_name = "ID")]
        step: Option<String>,
        /// What you saw; it goes into the review
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Follow a run live: its steps, what its command writes, and what is left of its box
    #[command(after_help = "Examples:\n  blocks runbook attach\n  blocks runbook attach 0198 --wait 10m")]
    Attach(RunArg),
    /// Start nothing more of a run; what runs goes on to its end
    #[command(after_help = "Example: blocks runbook pause --reason \"the graph looks odd\"")]
    Pause {
        /// The run
        #[command(flatten)]
        run: RunArg,
        /// Why; it goes into the review
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Let a paused run go on
    #[command(after_help = "Example: blocks runbook resume")]
    Resume {
        /// The run
        #[command(flatten)]
        run: RunArg,
        /// Why; it goes into the review
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Go on without the command in question: it counts neither as done nor as failed
    #[command(
        after_help = "Example: blocks runbook skip --reason \"the dashboard is down, ana sees it recover\"\n\nNothing in question? `pause` the run first, then the next command is. A command in doubt is not passed over."
    )]
    Skip {
        /// The run
        #[command(flatten)]
        run: RunArg,
        /// Why; it goes into the review
        #[arg(long, value_name = "TEXT", required = true)]
        reason: String,
        /// What you looked at: the command's id, as `status` prints it; refused when something else is in question now
        #[arg(long, value_name = "ID")]
        step: Option<String>,
        /// Without all that is left of its loop or parallel group, not only what is in question
        #[arg(long)]
        rest: bool,
    },
    /// End a run that only waits for a person, so that its target is free
    #[command(
        after_help = "Example: blocks runbook take-over 0198 --reason \"ana is not reachable\"\n\nThe run ends, and its undo stays possible. A run that goes on by itself is not taken over, nor one that is half undone."
    )]
    TakeOver {
        /// The run that holds the target
        #[command(flatten)]
        run: RunArg,
        /// Why; it goes into the review
        #[arg(long, value_name = "TEXT", required = true)]
        reason: String,
    },
    /// Stop a run
    #[command(
        after_help = "Example: blocks runbook cancel 0198 --reason \"the page was false\"\n\nOf a run that is being undone, the undo is stopped: it has failed then, and holds its target until somebody has looked."
    )]
    Cancel(Order),
    /// Run the step in question again
    #[command(after_help = "Example: blocks runbook retry --reason \"the disk has room again\"")]
    Retry {
        /// The run
        #[command(flatten)]
        run: RunArg,
        /// What you looked at: the command's id, as `status` prints it; refused when something else is in question now
        #[arg(long, value_name = "ID")]
        step: Option<String>,
        /// Why; it goes into the review
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Say that the step in question has happened
    #[command(
        after_help = "Example: blocks runbook mark-done 0198 --step scale --reason \"the revision is 3 now\"\n\nOf a failed undo, that one is put right by hand then, and what is left of the undo goes on."
    )]
    MarkDone {
        /// The run
        #[command(flatten)]
        run: RunArg,
        /// What you looked at: the command's id, as `status` prints it; refused when something else is in question now
        #[arg(long, value_name = "ID")]
        step: Option<String>,
        /// What you saw; it goes into the review
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Undo what a run did
    #[command(after_help = "Example: blocks runbook undo 0198 --reason \"it made it worse\"")]
    Undo(Order),
    /// Take up what a Blocks that is gone has left, and say where each open run stands
    #[command(after_help = "Example: blocks runbook recover -o json | jq .runs")]
    Recover,
    /// Check runbook files: every finding with its place, its reason and what to do
    #[command(
        after_help = "Examples:\n  blocks runbook lint docs/runbooks\n  blocks runbook lint --deny warnings runbooks\n  blocks runbook lint -o json FILE | jq .findings\n\nA finding's code has a page: docs/errors/RB0108.md"
    )]
    Lint {
        /// Files or folders
        #[arg(value_name = "PATH", required = true)]
        paths: Vec<String>,
        /// What makes the exit status 1; errors alone when absent
        #[arg(long, value_name = "LEVEL")]
        deny: Option<Deny>,
    },
    /// Print the JSON Schema of the front matter, for an editor's completion
    #[command(after_help = "Example: blocks runbook schema > .vscode/runbook.schema.json")]
    Schema,
}

/// `pir ...`
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum PirCommand {
    /// Draft the post-incident review again
    Draft(IncidentArg),
}

/// `journal ...`
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum JournalCommand {
    /// Check that the journal is whole
    #[command(
        after_help = "Example: blocks journal verify --expect 3f1c...\n\nThe chains show any edit, gap or reorder. Only a head that was kept elsewhere shows that the newest end was cut off."
    )]
    Verify {
        /// A head that an earlier `journal verify` printed: it must still be part of the chain
        #[arg(long, value_name = "HEAD")]
        expect: Option<String>,
    },
    /// Print every event as JSON lines, exactly as stored, with its hash
    #[command(
        after_help = "Examples:\n  blocks journal export > journal.jsonl\n  blocks journal export run/0198 | jq .event.event.type"
    )]
    Export {
        /// A stream, `incident/ID` or `run/ID`, or the start of one; all of them when absent
        #[arg(value_name = "STREAM")]
        stream: Option<String>,
    },
}

/// Which incident.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct IncidentArg {
    /// `INC-12` or `12`; the channel's, or the only open one, when absent
    #[arg(value_name = "INC")]
    pub incident: Option<String>,
}

/// Which run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct RunArg {
    /// The run's id or the start of it; the only one in question when absent
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
}

/// Which run, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Order {
    /// The run
    #[command(flatten)]
    pub run: RunArg,
    /// Why; it goes into the review
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// A page that nobody sent, to see what the rules make of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Tried {
    /// The service of a page, without an incident
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// What that page says
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// Its priority, such as P1
    #[arg(long, value_name = "NAME")]
    pub priority: Option<String>,
    /// Its urgency
    #[arg(long, value_name = "URGENCY", value_parser = ["high", "low"])]
    pub urgency: Option<String>,
    /// One of its labels; may be given several times
    #[arg(long = "label", value_name = "NAME=VALUE")]
    pub labels: Vec<Fact>,
    /// One of its details; may be given several times
    #[arg(long = "detail", value_name = "NAME=VALUE")]
    pub details: Vec<Fact>,
}

impl Tried {
    fn to_page(&self) -> TriedPage {
        let map =
            |facts: &[Fact]| facts.iter().map(|Fact(name, value)| (name.clone(), value.clone())).collect();
        TriedPage {
            service: self.service.clone(),
            title: self.title.clone(),
            priority: self.priority.clone(),
            high_urgency: self.urgency.as_deref().map(|urgency| urgency == "high"),
            labels: map(&self.labels),
            details: map(&self.details),
        }
    }
}

/// A label or detail of a page, `NAME=VALUE`: its name is whatever its sender calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact(String, String);

impl FromStr for Fact {
    type Err = String;

    fn from_str(text: &str) -> Result<Fact, String> {
        let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
        Ok(Fact(name.to_owned(), value.to_owned()))
    }
}

/// Parameter values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Params {
    /// A parameter's value; may be given several times
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub values: Vec<Param>,
}

/// One parameter value, `NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// Letters, digits, `-` and `_`, not starting with a digit.
    pub name: String,
    /// Everything after the first `=`.
    pub value: String,
}

impl FromStr for Param {
    type Err = String;

    fn from_str(text: &str) -> Result<Param, String> {
        let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !starts_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            return Err("a name has letters, digits, - and _, and starts with a letter or _".to_owned());
        }
        Ok(Param { name: name.to_owned(), value: value.to_owned() })
    }
}

/// From which level on findings make `runbook lint` fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Deny {
    /// Errors
    Errors,
    /// Errors and warnings
    Warnings,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AnswerWord {
    /// It is as expected
    #[value(alias = "y")]
    Yes,
    /// It is not
    #[value(alias = "n")]
    No,
}

/// A command is no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A parameter has two values.
    #[error("parameter `{0}` is given twice\nhint: give each parameter once")]
    ParamTwice(String),
    /// Something has to be said.
    #[error("{0} is missing\nhint: {1}")]
    NothingSaid(&'static str, &'static str),
    /// A draft is named otherwise.
    #[error(
        "that names no draft: it is `{0}`\nhint: `update drafts` lists them; to record these words as an update, put them in quotes"
    )]
    NoDraft(&'static str),
    /// These options are those of a draft.
    #[error(
        "--param, --eta, --to, --impact and --component belong to `update draft TEMPLATE`\nhint: `update drafts` names the templates"
    )]
    OnlyWithDraft,
    /// Which of two incidents goes on has to be said.
    #[error(
        "name the incident that is part of another, and the other\nhint: `merge INC-2 into INC-1`; INC-1 goes on"
    )]
    MergeOfWhat,
    /// It has to be said what is passed on, and to whom.
    #[error(
        "say who takes it over\nhint: `handover INC-12 to @ben`; `handover take` takes it, `handover shift` is about all that is open"
    )]
    HandOverOfWhat,
    /// It does not say whose on-call is meant.
    #[error(
        "name one service, or none; days are for an export\nhint: `oncall flowengine`, `oncall export --from 2026-12-01`"
    )]
    OnCallOfWhat,
    /// The word is no role.
    #[error("`{0}` is no role\nhint: commander, communications, scribe or responder")]
    NoRole(String),
    /// It works on files of this machine, not on the state of Blocks.
    #[error("`{0}` works on files and is available in a shell only")]
    TerminalOnly(&'static str),
}

impl Command {
    /// The request that this command stands for.
    ///
    /// # Errors
    /// When a parameter is given twice, or the command is the terminal's own (`runbook lint`, `runbook schema`,
    /// `journal export`).
    pub fn to_request(&self) -> Result<Request, RequestError> {
        Ok(match self {
            Command::Runbook(command) => return command.to_request(),
            Command::Incident(command) => return command.to_request(),
            Command::Pir(command) => command.to_request(),
            Command::Journal(command) => return command.to_request(),
            Command::Inbox(command) => command.to_request(),
            Command::Verb(verb) => return verb.to_request(),
            Command::Timeline(command) => return command.to_request(),
            Command::Action(command) => return command.to_request(),
            Command::Rollback(command) => return command.to_request(),
            Command::HandOver(args) => return args.to_request(),
            Command::Escalate(args) => args.to_request(),
            Command::Report { since, service } => {
                Request::Report { since: since.clone(), service: service.clone() }
            }
            Command::OnCall(args) => return args.to_request(),
            Command::Trigger(command) => command.to_request(),
            Command::Menu(args) => Request::Menu { incident: args.number() },
        })
    }
}

impl RunbookCommand {
    /// The request that this command stands for. A name is passed on as typed: the terminal deals with paths first.
    ///
    /// # Errors
    /// When a parameter is given twice, or the command is the terminal's own (`runbook lint`, `runbook schema`).
    pub fn to_request(&self) -> Result<Request, RequestError> {
        Ok(match self {
            RunbookCommand::List => Request::RunbookList,
            RunbookCommand::Suggest { incident, page } => Request::RunbookSuggest {
                incident: incident.as_deref().map(incident_number),
                page: page.to_page(),
            },
            RunbookCommand::Show { name } => Request::RunbookShow { name: name.clone() },
            RunbookCommand::Plan { name, section, params } => Request::RunbookPlan {
                name: name.clone(),
                params: params.to_map()?,
                section: section.clone(),
            },
            RunbookCommand::Run { name, section, params, incident } => Request::RunbookRun {
                name: name.clone(),
                params: params.to_map()?,
                section: section.clone(),
                incident: incident.as_deref().map(incident_number),
            },
            RunbookCommand::Rollback { service, params, incident } => Request::RunbookRollback {
                service: service.clone(),
                params: params.to_map()?,
                incident: incident.as_deref().map(incident_number),
            },
            RunbookCommand::Runs { all, incident } => {
                Request::RunbookRuns { all: *all, incident: incident.as_deref().map(incident_number) }
            }
            RunbookCommand::Status(run) => Request::RunbookStatus { run: run.run.clone() },
            RunbookCommand::Approve { run, fingerprint, reason } => Request::RunbookApprove {
                run: run.run.clone(),
                fingerprint: fingerprint.clone(),
                reason: reason.clone(),
            },
            RunbookCommand::Refuse { run, reason } => {
                Request::RunbookRefuse { run: run.run.clone(), reason: reason.clone() }
            }
            RunbookCommand::Answer { run, answer, step, reason } => Request::RunbookAnswer {
                run: run.run.clone(),
                yes: *answer == AnswerWord::Yes,
                reason: reason.clone(),
                step: step.clone(),
            },
            RunbookCommand::Attach(run) => Request::RunbookAttach { run: run.run.clone(), cursor: None },
            RunbookCommand::Pause { run, reason } => {
                Request::RunbookPause { run: run.run.clone(), reason: reason.clone() }
            }
            RunbookCommand::Resume { run, reason } => {
                Request::RunbookResume { run: run.run.clone(), reason: reason.clone() }
            }
            RunbookCommand::Skip { run, reason, step, rest } => Request::RunbookSkip {
                run: run.run.clone(),
                reason: reason.clone(),
                rest: *rest,
                step: step.clone(),
            },
            RunbookCommand::TakeOver { run, reason } => {
                Request::RunbookTakeOver { run: run.run.clone(), reason: reason.clone() }
            }
            RunbookCommand::Cancel(order) => {
                Request::RunbookCancel { run: order.run.run.clone(), reason: order.reason.clone() }
            }
            RunbookCommand::Retry { run, step, reason } => {
                Request::RunbookRetry { run: run.run.clone(), reason: reason.clone(), step: step.clone() }
            }
            RunbookCommand::MarkDone { run, step, reason } => {
                Request::RunbookMarkDone { run: run.run.clone(), reason: reason.clone(), step: step.clone() }
            }
            RunbookCommand::Undo(order) => {
                Request::RunbookUndo { run: order.run.run.clone(), reason: order.reason.clone() }
            }
            RunbookCommand::Recover => return Err(RequestError::TerminalOnly("runbook recover")),
            RunbookCommand::Lint { .. } => return Err(RequestError::TerminalOnly("runbook lint")),
            RunbookCommand::Schema => return Err(RequestError::TerminalOnly("runbook schema")),
        })
    }

    /// The runbook that `show`, `plan` and `run` name, as typed: in a shell it may be a path.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            RunbookCommand::Show { name }
            | RunbookCommand::Plan { name, .. }
            | RunbookCommand::Run { name, .. } => Some(name),
            _ => None,
        }
    }
}

impl PirCommand {
    /// The request that this command stands for.
    #[must_use]
    pub fn to_request(&self) -> Request {
        match self {
            PirCommand::Draft(args) => Request::PirDraft { incident: args.number() },
        }
    }
}

impl JournalCommand {
    /// The request that this command stands for.
    ///
    /// # Errors
    /// When the command is the terminal's own (`journal export`).
    pub fn to_request(&self) -> Result<Request, RequestError> {
        match self {
            JournalCommand::Verify { expect } => Ok(Request::JournalVerify { expect: expect.clone() }),
            JournalCommand::Export { .. } => Err(RequestError::TerminalOnly("journal export")),
        }
    }
}

impl IncidentArg {
    pub(crate) fn number(&self) -> Option<String> {
        self.incident.as_deref().map(incident_number)
    }
}

impl Params {
    pub(crate) fn to_map(&self) -> Result<BTreeMap<String, String>, RequestError> {
        let mut map = BTreeMap::new();
        for param in &self.values {
            // Taking one of two silently would run something that the person did not mean.
            if map.insert(param.name.clone(), param.value.clone()).is_some() {
                return Err(RequestError::ParamTwice(param.name.clone()));
            }
        }
        Ok(map)
    }
}

/// `12`, `inc-12` and `INC-12` are one incident; anything else is passed on for the engine to refuse.
pub(crate) fn incident_number(text: &str) -> String {
    let upper = text.to_ascii_uppercase();
    IncidentNumber::from_str(&upper).map_or_else(|_| text.to_owned(), |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: Command,
    }

    fn request(line: &str) -> Result<Request, String> {
        let words = std::iter::once("blocks").chain(line.split_whitespace());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        line.command.to_request().map_err(|error| error.to_string())
    }

    #[test]
    fn a_shell_line_is_a_request() {
        assert_eq!(request("ack 12"), Ok(Request::IncidentAck { incident: Some("INC-12".into()) }));
        assert_eq!(request("ack"), request("incident ack"));
        assert_eq!(request("severity p1 inc-3"), request("incident severity P1 INC-3"));
        assert_eq!(request("resolve"), request("incident resolve"));
        assert_eq!(
            request("runbook plan ./my.md --param a=1 --param b=x=y"),
            Ok(Request::RunbookPlan {
                name: "./my.md".into(),
                params: BTreeMap::from([("a".into(), "1".into()), ("b".into(), "x=y".into())]),
                section: None,
            })
        );
    }

    #[test]
    fn a_parameter_has_one_value_and_a_proper_name() {
        assert!(request("runbook plan x --param a=1 --param a=2").unwrap_err().contains("given twice"));
        for bad in ["a", "=1", "1a=1", "a b=1", "é=1", "a.b=1"] {
            assert!(Param::from_str(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn files_are_not_a_request() {
        assert!(request("runbook lint a.md").unwrap_err().contains("shell only"));
        assert!(request("runbook lint").is_err());
    }
}
