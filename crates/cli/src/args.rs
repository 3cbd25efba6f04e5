//! The command line: the shared grammar, and what only a shell has.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::printer::Output;

/// Incident and runbook automation: Markdown runbooks that run, joined to the incident they serve.
#[derive(Debug, Parser)]
#[command(name = "blocks", version, arg_required_else_help = true, propagate_version = true)]
#[command(
    after_help = "Begin with:\n  blocks demo                       one whole incident, on this machine, without any account\n  blocks runbook list               the runbooks that can be named\n  blocks runbook plan NAME          what would run, without running it\n\nA word that is not a command is looked up as a program `blocks-WORD` on PATH."
)]
pub(crate) struct Cli {
    /// Configuration file [default: ./blocks.toml when it is there]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Text for people, or JSON for programs
    #[arg(short = 'o', long = "output", global = true, value_enum, default_value_t)]
    pub(crate) output: Output,
    /// Answer prompts with yes (never approvals, questions or doubt)
    #[arg(long, global = true)]
    pub(crate) yes: bool,
    /// Wait so long for a person where a run needs one (a terminal waits, nobody else does): 30s, 10m, 1h
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
    #[command(subcommand)]
    pub(crate) command: Option<Top>,
}

/// A duration as people write it.
fn duration(text: &str) -> Result<Duration, String> {
    let seconds = runbook_core::duration::parse_seconds(text);
    seconds.map(|s| Duration::from_secs(u64::from(s))).ok_or_else(|| "write it as 30s, 10m or 1h".to_owned())
}

/// The first word.
#[derive(Debug, Subcommand)]
pub(crate) enum Top {
    /// What terminal, chat and API share.
    #[command(flatten)]
    Shared(blocks_grammar::Command),
    /// Play one whole incident on this machine, without any account
    #[command(
        after_help = "Examples:\n  blocks demo\n  blocks demo --hands-on            you play, in a browser\n  blocks demo -o json | jq .ok\n  blocks demo --break slack-down"
    )]
    Demo(DemoArgs),
    /// Drills: lead an incident in the sandbox, and see how it went
    #[command(subcommand)]
    Drill(DrillCommand),
    /// Run the server: webhooks and Slack in, runs and messages out
    #[command(after_help = "Example: blocks serve --config blocks.toml")]
    Serve(ServeArgs),
    /// Run the sandbox: a Slack workspace, a PagerDuty account and a service to break
    Sandbox(SandboxArgs),
    /// Check programs, configuration, store, Slack and PagerDuty, and say how to mend each
    Doctor,
    /// Measure speed, memory and size against a bare server
    #[command(after_help = "Example: blocks bench --floor PATH --write docs/benchmarks.md")]
    Bench(BenchArgs),
    /// The Slack app
    #[command(subcommand)]
    Slack(SlackCommand),
    /// PagerDuty's side
    #[command(subcommand, name = "pagerduty")]
    PagerDuty(PagerDutyCommand),
    /// API tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Print completions for a shell
    #[command(
        after_help = "Example: blocks completions bash > ~/.local/share/bash-completion/completions/blocks"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// A program on PATH: `blocks-WORD`.
    #[command(external_subcommand)]
    External(Vec<OsString>),
}

/// `blocks demo ...`
#[derive(Debug, Clone, Args)]
pub(crate) struct DemoArgs {
    /// Break something, to see how it is told
    #[arg(long = "break", value_enum, value_name = "WHAT")]
    pub(crate) fault: Option<Fault>,
    /// Play it yourself: everything stands until Ctrl-C, and the page to do it on is printed
    #[arg(long, conflicts_with = "fault")]
    pub(crate) hands_on: bool,
    /// Folder to play in; a fresh one in the temporary folder when absent
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// `blocks drill ...`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum DrillCommand {
    /// Let a page go out in the sandbox, and score how people lead the incident
    #[command(
        after_help = "Examples:\n  blocks drill run\n  blocks drill run --limit 30m -o json | jq '.points[] | select(.met | not)'\n\nExit status 0: it was led to its end, whatever the score; 1: it was stopped, or its time was over."
    )]
    Run(DrillArgs),
}

/// `blocks drill run ...`
#[derive(Debug, Clone, Args)]
pub(crate) struct DrillArgs {
    /// When to stop and score what has been done by then
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    pub(crate) limit: Duration,
    /// Folder to play in; a fresh one in the temporary folder when absent
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// What a demo can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// PagerDuty signs with another secret
    BadSignature,
    /// The rollback does not help
    TargetStaysBad,
    /// Only the requester tries to approve
    SamePersonApproves,
    /// Slack does not answer
    SlackDown,
    /// The runbook expects something else than what is there
    ExpectationWrong,
    /// PagerDuty's webhook never arrives
    WebhookLost,
}

/// `blocks serve ...`
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArgs {
    /// End when standard input closes (for a parent process that may die)
    #[arg(long, hide = true)]
    pub(crate) end_with_stdin: bool,
}

/// `blocks bench ...`
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct BenchArgs {
    /// Something else than the server
    #[command(subcommand)]
    pub(crate) what: Option<BenchWhat>,
    /// The bare server and load generator; without it only our own side is measured
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) floor: Option<PathBuf>,
    /// How often each side is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// Seconds of each load
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=300))]
    pub(crate) secs: u32,
    /// Seconds without a request before memory is looked at
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub(crate) idle_secs: u64,
    /// Write the report there too
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
}

/// What else is measured.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum BenchWhat {
    /// Measure runs: one command after another, many at once, recovery, much output
    #[command(after_help = "Example: blocks bench engine --write docs/benchmarks-engine.md")]
    Engine(BenchEngineArgs),
    /// Measure Slack against the sandbox: acknowledgements, answers, cards, approvals beside many cards
    #[command(after_help = "Example: blocks bench slack --write docs/benchmarks-slack.md")]
    Slack(BenchSlackArgs),
    /// Measure pages and alerts: acknowledged, begun, lost, told of, and seen by diagnostics
    #[command(
        name = "pagerduty",
        after_help = "Example: blocks bench pagerduty --floor PROGRAM --write docs/benchmarks-pagerduty.md"
    )]
    PagerDuty(BenchPagerDutyArgs),
}

/// `blocks bench pagerduty ...`
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct BenchPagerDutyArgs {
    /// The bare server and load generator; without it what is compared with it is not measured
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) floor: Option<PathBuf>,
    /// Debian's webhook; looked for on PATH and in target/tools when absent
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) webhook: Option<PathBuf>,
    /// Debian's prometheus-alertmanager; looked for on PATH and in target/tools when absent
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) alertmanager: Option<PathBuf>,
    /// How often everything is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub(crate) rounds: u32,
    /// Seconds of each load of acknowledgements
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub(crate) secs: u32,
    /// Pages whose command is waited for, ten a second
    #[arg(long, default_value_t = 60, value_parser = in_range(1, 1_000))]
    pub(crate) pages: usize,
    /// Pages at once over 32 connections, each with a command
    #[arg(long, default_value_t = 400, value_parser = in_range(1, 5_000))]
    pub(crate) burst: usize,
    /// Alerts, each of its own
    #[arg(long, default_value_t = 10_000, value_parser = in_range(1, 20_000))]
    pub(crate) alerts: usize,
    /// Pages of the storm
    #[arg(long, default_value_t = 1_000, value_parser = in_range(1, 2_000))]
    pub(crate) storm: usize,
    /// Seconds in which they come
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub(crate) storm_secs: u64,
    /// Write the report there too
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// Write every figure there, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) write_json: Option<PathBuf>,
}

/// `blocks bench slack ...`
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct BenchSlackArgs {
    /// How often everything is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub(crate) rounds: u32,
    /// Runs in flight while commands are typed
    #[arg(long, default_value_t = 100, value_parser = in_range(1, 500))]
    pub(crate) in_flight: usize,
    /// Commands typed over each way in
    #[arg(long, default_value_t = 300, value_parser = in_range(1, 2_000))]
    pub(crate) commands: usize,
    /// Pages whose card is waited for one by one; Slack lets 20 channels a minute be opened
    #[arg(long, default_value_t = 15, value_parser = in_range(1, 18))]
    pub(crate) pages: usize,
    /// Pages of the flood
    #[arg(long, default_value_t = 200, value_parser = in_range(1, 300))]
    pub(crate) incidents: usize,
    /// Seconds in which they come
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub(crate) secs: u64,
    /// Write the report there too
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// Write every figure there, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) write_json: Option<PathBuf>,
}

/// `blocks bench engine ...`
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct BenchEngineArgs {
    /// How often each side is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub(crate) rounds: u32,
    /// Commands of the run whose commands are timed one by one
    #[arg(long, default_value_t = 100, value_parser = in_range(2, 2_000))]
    pub(crate) commands: usize,
    /// Runs side by side
    #[arg(long, default_value_t = 16, value_parser = in_range(1, 256))]
    pub(crate) runs: usize,
    /// Commands of each of them; not more than --commands
    #[arg(long, default_value_t = 25, value_parser = in_range(1, 2_000))]
    pub(crate) commands_of_each: usize,
    /// Runs in flight that are recovered
    #[arg(long, default_value_t = 1_000, value_parser = in_range(1, 5_000))]
    pub(crate) in_flight: usize,
    /// MiB that one command writes
    #[arg(long, default_value_t = 1_024, value_parser = clap::value_parser!(u64).range(1..=4_096))]
    pub(crate) output_mib: u64,
    /// Write the report there too
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// Write every figure there, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) write_json: Option<PathBuf>,
}

/// A count within bounds: a benchmark has an end.
fn in_range(least: usize, most: usize) -> impl Fn(&str) -> Result<usize, String> + Clone {
    move |text| match text.parse() {
        Ok(count) if (least..=most).contains(&count) => Ok(count),
        Ok(_) => Err(format!("it must be from {least} to {most}")),
        Err(_) => Err(format!("'{text}' is no count")),
    }
}

/// `blocks sandbox ...`
#[derive(Debug, Clone, Args)]
pub(crate) struct SandboxArgs {
    /// Folder for its kubectl and home; a fresh one in the temporary folder when absent
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Loopback address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// End when standard input closes (for a parent process that may die)
    #[arg(long, hide = true)]
    pub(crate) end_with_stdin: bool,
    /// Be the target service only
    #[arg(long, hide = true)]
    pub(crate) target: bool,
}

/// `blocks slack ...`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum SlackCommand {
    /// Print the app's manifest, for "create an app from a manifest" at api.slack.com/apps
    #[command(
        after_help = "Examples:\n  blocks slack manifest                                    Socket Mode: no public address\n  blocks slack manifest --url https://blocks.example.com   Slack calls this address\n  blocks slack manifest --tier read                        the fewest scopes"
    )]
    Manifest {
        /// How much of Slack the app may touch
        #[arg(long, value_enum, default_value_t)]
        tier: SlackTier,
        /// Where Slack reaches Blocks (mode = "http"); without it the app is for Socket Mode
        #[arg(long, value_name = "URL")]
        url: Option<url::Url>,
        /// The slash command [default: that of the configuration, else /blocks]
        #[arg(long, value_name = "WORD")]
        command: Option<String>,
    },
}

/// How much of Slack the app may touch. Each holds the ones before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SlackTier {
    /// Cards, plans and answers in channels that exist
    Read,
    /// Also: channels of incidents, and looking before something is sent again
    Respond,
    /// Also: files, for the review
    #[default]
    Full,
}

/// `blocks pagerduty ...`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum PagerDutyCommand {
    /// Make the webhook subscription, or put it right: says what it will do, and asks
    #[command(
        after_help = "Examples:\n  blocks pagerduty setup --url https://blocks.example.com --dry-run\n  blocks pagerduty setup --url https://blocks.example.com --service checkout --secret-file /etc/blocks/pagerduty-webhook\n\nDone twice, it does nothing. The secret is shown nowhere but in that file."
    )]
    Setup(SetupArgs),
}

/// `blocks pagerduty setup ...`
#[derive(Debug, Clone, Args)]
pub(crate) struct SetupArgs {
    /// Where PagerDuty reaches Blocks; /hooks/pagerduty is added
    #[arg(long, value_name = "URL")]
    pub(crate) url: url::Url,
    /// A service of blocks.toml with a pagerduty_id: the subscription is for its incidents alone, beside those of other services. Without it, a new
    /// one is for the whole account
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,
    /// A new file for the secret of a new subscription, which nobody else may read; or the file with that of one that is to be
    /// switched on, where PAGERDUTY_WEBHOOK_SECRET does not hold it
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Make a new one, with another address or secret, switched off beside the old one: the next setup switches it on and
    /// deletes the old one
    #[arg(long)]
    pub(crate) recreate: bool,
    /// Switch on without having seen that the server at the address knows the secret
    #[arg(long)]
    pub(crate) unverified: bool,
    /// Only say what it would do
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `blocks token ...`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token for a person and print it once
    #[command(after_help = "Example: blocks token create --person ana")]
    Create {
        /// A person's name in blocks.toml
        #[arg(long, value_name = "NAME")]
        person: String,
    },
}
