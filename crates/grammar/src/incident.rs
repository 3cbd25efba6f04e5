//! The words about incidents, and the requests that they stand for. Each verb is the same with `incident` before it and
//! without.

use std::str::FromStr as _;

use clap::{Args, Subcommand, ValueEnum};
use runbook_core::ids::IncidentNumber;
use runbook_core::people::Role;
use runbook_core::request::Request;

use crate::command::{IncidentArg, RequestError, incident_number};
use crate::update::UpdateArgs;

/// `incident ...`
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum IncidentCommand {
    /// Show the open incidents
    List {
        /// Resolved ones too
        #[arg(long)]
        all: bool,
    },
    /// Show one incident with its timeline
    Show(IncidentArg),
    /// Tell why an incident is as it is: what opened it, its severity, what became of each alert
    #[command(
        after_help = "Example: blocks incident explain INC-12\n\nWithout an incident, what became of alerts that are in none: silenced by maintenance, of a severity that opens\nnone, ended before they were known."
    )]
    Explain(IncidentArg),
    /// What changes or tells how one stands.
    #[command(flatten)]
    Verb(IncidentVerb),
}

/// What is done to an incident. `blocks ack` is short for `blocks incident ack`, and so are the others.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum IncidentVerb {
    /// Open an incident without the pager (its severity's steps call people)
    #[command(
        after_help = "Examples:\n  blocks declare checkout is slow --severity P2 --service shop\n  blocks declare \"keys are on a public page\" --private\n\nA private incident has a private channel, to which whoever declares it and the commanders are invited."
    )]
    Declare {
        /// What it is about, in a few words
        #[arg(value_name = "TITLE", required = true, allow_negative_numbers = true)]
        title: Vec<String>,
        /// The severity; the service's own when absent
        #[arg(long, value_name = "LEVEL")]
        severity: Option<String>,
        /// The service; the only one when there is one
        #[arg(long, value_name = "NAME")]
        service: Option<String>,
        /// Named people only: a private channel, and nothing in a public one
        #[arg(long)]
        private: bool,
    },
    /// Show how an incident stands: what its card says
    #[command(after_help = "Example: blocks status INC-12")]
    Status(IncidentArg),
    /// Take an incident; the first to take it is its acting commander
    #[command(after_help = "Example: blocks ack INC-12")]
    Ack(IncidentArg),
    /// Change an incident's severity
    #[command(after_help = "Example: blocks severity P2 INC-12")]
    Severity(SeverityArgs),
    /// Give somebody a role; whoever is made commander commands from then on
    #[command(
        after_help = "Examples:\n  blocks role commander @ana\n  blocks role scribe me INC-12\n\nRoles: commander, communications, scribe, responder."
    )]
    Role {
        /// `commander`, `communications`, `scribe` or `responder`
        #[arg(value_name = "ROLE")]
        role: String,
        /// A name of blocks.toml, a mention in chat, or `me`
        #[arg(value_name = "WHO")]
        who: String,
        /// The incident
        #[command(flatten)]
        incident: IncidentArg,
    },
    /// Record what people outside the incident are told
    #[command(
        after_help = "Examples:\n  blocks update \"v1.1 is back, we watch it\"\n  blocks update INC-12 half of the flows pass again\n  blocks update draft outage --param what=\"orders are late\" --eta \"30 min\"\n  blocks update send 4F2A\n\nThe card shows it, and when the next one is due by the severity. `update drafts` names the templates and what waits\n(`draft TEMPLATE`, `edit CODE TEXT`, `send CODE`, `discard CODE`); a text that begins with one of these words goes in quotes."
    )]
    Update(UpdateArgs),
    /// Say that an incident is over
    #[command(after_help = "Example: blocks resolve INC-12")]
    Resolve(IncidentArg),
    /// Say that an incident is not over
    #[command(
        after_help = "Examples:\n  blocks reopen it fails again\n  blocks reopen INC-12 the fix did not hold\n\nPagerDuty does not open again what is over there: it gets a note, and nobody is paged."
    )]
    Reopen(Said),
    /// End it as no incident: no target counts, and no review is drafted
    #[command(after_help = "Example: blocks not-an-incident INC-12 a load test that nobody had told of")]
    NotAnIncident(Said),
    /// Make one incident part of another, which goes on
    #[command(
        after_help = "Examples:\n  blocks merge INC-2 into INC-1\n\nINC-2 is closed, its runs and timeline stay where they are, and both timelines say so."
    )]
    Merge {
        /// `INC-2 into INC-1`; INC-1 goes on
        #[arg(value_name = "INC", required = true, num_args = 1..=3)]
        words: Vec<String>,
    },
    /// Hold an incident's reminders for a while; approvals and questions are never held
    #[command(after_help = "Example: blocks snooze 30 INC-12")]
    Snooze {
        /// For so many minutes
        #[arg(value_name = "30|60|90", value_parser = snooze_minutes)]
        minutes: u32,
        /// The incident
        #[command(flatten)]
        incident: IncidentArg,
    },
    /// Turn an incident's reminders off or on, for you or for everybody; approvals and questions stay
    #[command(
        after_help = "Examples:\n  blocks reminders off\n  blocks reminders off --all INC-12\n  blocks reminders on\n\n`reminders = false` under your [[person]] says so for every incident."
    )]
    Reminders {
        /// `on` or `off`
        #[arg(value_name = "on|off", value_enum, ignore_case = true, hide_possible_values = true)]
        switch: Switch,
        /// The incident
        #[command(flatten)]
        incident: IncidentArg,
        /// For everybody in the incident's channel, not only for you
        #[arg(long)]
        all: bool,
    },
    /// Tell whoever joins now what they need, in a dozen lines
    #[command(after_help = "Example: blocks catch-up INC-12")]
    CatchUp(IncidentArg),
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// `rollback ...`
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum RollbackCommand {
    /// Ask whoever commands for a rollback; nothing starts by it
    #[command(
        after_help = "Example: blocks rollback request orders are lost\n\nThe commander is asked, and plans it with `runbook rollback`."
    )]
    Request(Said),
}

impl RollbackCommand {
    /// The request that this command stands for.
    ///
    /// # Errors
    /// When no reason is given.
    pub fn to_request(&self) -> Result<Request, RequestError> {
        let RollbackCommand::Request(said) = self;
        let (incident, reason) = said.read("the reason")?;
        Ok(Request::RollbackRequest { incident, reason })
    }
}

fn snooze_minutes(text: &str) -> Result<u32, String> {
    match text.trim_end_matches("min").trim_end_matches('m').trim() {
        "30" => Ok(30),
        "60" => Ok(60),
        "90" => Ok(90),
        _ => Err("reminders are held for 30, 60 or 90 minutes".to_owned()),
    }
}

/// `timeline ...`
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum TimelineCommand {
    /// Write something on an incident's timeline
    #[command(
        after_help = "Example: blocks timeline add \"the provider says that it is them\" --incident INC-12"
    )]
    Add(Said),
}

/// `action ...`
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ActionCommand {
    /// Something to do because of an incident; it goes into the review
    #[command(
        after_help = "Examples:\n  blocks action add alert on p95 --owner ana --due 5d\n  blocks action add \"raise the pool's limit\" --due 2026-12-31"
    )]
    Add {
        /// What
        #[command(flatten)]
        what: Said,
        /// Who does it: a name of blocks.toml, a mention in chat, or `me`
        #[arg(long, value_name = "NAME")]
        owner: Option<String>,
        /// By when: 2026-12-31, today, tomorrow, 5d
        #[arg(long, value_name = "DATE")]
        due: Option<String>,
    },
    /// What is to be done because of an incident
    #[command(after_help = "Examples:\n  blocks action list INC-12\n  blocks action list --all")]
    List {
        /// The incident
        #[command(flatten)]
        incident: IncidentArg,
        /// What is not done, of every incident
        #[arg(long)]
        all: bool,
    },
    /// Say that one of these is done
    #[command(after_help = "Example: blocks action done 2 INC-12")]
    Done {
        /// Its number, as `action list` prints it
        #[arg(value_name = "NUMBER")]
        number: u32,
        /// The incident
        #[command(flatten)]
        incident: IncidentArg,
    },
}

/// A severity, and which incident.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct SeverityArgs {
    /// The severity, such as `P2`
    #[arg(value_name = "LEVEL")]
    pub level: String,
    /// The incident
    #[command(flatten)]
    pub incident: IncidentArg,
}

/// Words of a person, and which incident they are about.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Said {
    /// The text, with or without quotes; `INC-12` as its first word names the incident
    #[arg(value_name = "TEXT", required = true, allow_negative_numbers = true)]
    pub words: Vec<String>,
    /// The incident; the channel's, or the only one, when absent
    #[arg(long, value_name = "INC")]
    pub incident: Option<String>,
}

impl Said {
    /// The incident, and the text without it.
    pub(crate) fn read(&self, what: &'static str) -> Result<(Option<String>, String), RequestError> {
        let named = self.incident.as_deref().map(incident_number);
        let mut words = self.words.as_slice();
        let mut first = None;
        // A quoted text is one word, and never taken apart.
        if let (None, Some((word, rest))) = (&named, words.split_first())
            && is_incident(word)
        {
            first = Some(incident_number(word));
            words = rest;
        }
        let text = words.join(" ").trim().to_owned();
        if text.is_empty() {
            return Err(RequestError::NothingSaid(
                what,
                "write it behind the command; quotes are not needed",
            ));
        }
        Ok((named.or(first), text))
    }
}

impl IncidentCommand {
    /// The request that this command stands for.
    ///
    /// # Errors
    /// When something that has to be said is missing.
    pub fn to_request(&self) -> Result<Request, RequestError> {
        Ok(match self {
            IncidentCommand::List { all } => Request::IncidentList { all: *all },
            IncidentCommand::Show(args) => Request::IncidentShow { incident: args.number() },
            IncidentCommand::Explain(args) => Request::IncidentExplain { incident: args.number() },
            IncidentCommand::Verb(verb) => return verb.to_request(),
        })
    }
}

impl IncidentVerb {
    /// The request that this verb stands for.
    ///
    /// # Errors
    /// When something that has to be said is missing.
    pub fn to_request(&self) -> Result<Request, RequestError> {
        Ok(match self {
            IncidentVerb::Declare { title, severity, service, private } => {
                let title = title.join(" ").trim().to_owned();
                if title.is_empty() {
                    return Err(RequestError::NothingSaid("the title", "`declare checkout is slow`"));
                }
                Request::IncidentDeclare {
                    description: None,
                    title,
                    severity: severity.as_deref().map(severity_id),
                    service: service.clone(),
                    private: *private,
                }
            }
            IncidentVerb::Status(args) => Request::IncidentStatus { incident: args.number() },
            IncidentVerb::Ack(args) => Request::IncidentAck { incident: args.number() },
            IncidentVerb::Severity(args) => Request::IncidentSeverity {
                incident: args.incident.number(),
                severity: severity_id(&args.level),
            },
            IncidentVerb::Role { role, who, incident } => {
                Request::IncidentRole { incident: incident.number(), role: role_of(role)?, who: who.clone() }
            }
            IncidentVerb::Update(args) => return args.to_request(),
            IncidentVerb::Resolve(args) => Request::IncidentResolve { incident: args.number() },
            IncidentVerb::Reopen(said) => {
                let (incident, reason) = said.read("the reason")?;
                Request::IncidentReopen { incident, reason }
            }
            IncidentVerb::NotAnIncident(said) => {
                let (incident, reason) = said.read("the reason")?;
                Request::IncidentNone { incident, reason }
            }
            IncidentVerb::Merge { words } => merge(words)?,
            IncidentVerb::Snooze { minutes, incident } => {
                Request::IncidentSnooze { incident: incident.number(), minutes: *minutes }
            }
            IncidentVerb::Reminders { switch, incident, all } => Request::IncidentReminders {
                incident: incident.number(),
                on: *switch == Switch::On,
                all: *all,
            },
            IncidentVerb::CatchUp(args) => Request::IncidentCatchUp { incident: args.number() },
        })
    }
}

impl TimelineCommand {
    /// The request that this command stands for.
    ///
    /// # Errors
    /// When nothing is said.
    pub fn to_request(&self) -> Result<Request, RequestError> {
        let TimelineCommand::Add(said) = self;
        let (incident, text) = said.read("the text")?;
        Ok(Request::TimelineAdd { incident, text })
    }
}

impl ActionCommand {
    /// The request that this command stands for.
    ///
    /// # Errors
    /// When nothing is said.
    pub fn to_request(&self) -> Result<Request, RequestError> {
        Ok(match self {
            ActionCommand::Add { what, owner, due } => {
                let (incident, text) = what.read("the text")?;
                Request::ActionAdd { incident, text, owner: owner.clone(), due: due.clone() }
            }
            ActionCommand::List { incident, all } => {
                Request::ActionList { incident: incident.number(), all: *all }
            }
            ActionCommand::Done { number, incident } => {
                Request::ActionDone { incident: incident.number(), number: *number }
            }
        })
    }
}

/// `INC-2 into INC-1`, `INC-2 INC-1`, or `into INC-1` where the channel says which.
fn merge(words: &[String]) -> Result<Request, RequestError> {
    let is_into = |word: &String| word.eq_ignore_ascii_case("into");
    let (incident, into) = match words {
        [into, other] if is_into(into) => (None, other),
        [one, into, other] if is_into(into) => (Some(one), other),
        [one, other] => (Some(one), other),
        _ => return Err(RequestError::MergeOfWhat),
    };
    Ok(Request::IncidentMerge {
        incident: incident.map(|one| incident_number(one)),
        into: incident_number(into),
    })
}

/// `INC-12`, and not a bare number: "3 pods restart" is a text.
pub(crate) fn is_incident(word: &str) -> bool {
    word.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("INC-"))
        && IncidentNumber::from_str(&word.to_ascii_uppercase()).is_ok()
}

fn role_of(word: &str) -> Result<Role, RequestError> {
    Ok(match word.to_ascii_lowercase().as_str() {
        "commander" | "ic" => Role::Commander,
        "communications" | "communications-lead" | "comms" => Role::CommunicationsLead,
        "scribe" => Role::Scribe,
        "responder" => Role::Responder,
        _ => return Err(RequestError::NoRole(word.chars().filter(|c| *c != '`').take(40).collect())),
    })
}

/// `p2` is `P2`; other schemes' ids are passed on as typed.
pub(crate) fn severity_id(text: &str) -> String {
    let mut chars = text.chars();
    let is_level = chars.next().is_some_and(|c| c.eq_ignore_ascii_case(&'p'))
        && !chars.as_str().is_empty()
        && chars.all(|c| c.is_ascii_digit());
    if is_level { text.to_ascii_uppercase() } else { text.to_owned() }
}
