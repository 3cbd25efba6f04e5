//! The commands, one file each.

mod bash_check;
mod client;
mod compose;
mod doctor;
mod export;
mod follow;
mod incidents;
mod lint;
mod live;
mod local;
mod logs;
mod markdown_files;
mod pagerduty;
mod recover;
pub(crate) mod sandbox;
pub(crate) mod serve;
mod shared;
mod shellcheck;
mod slack;
mod token;

pub(crate) use shared::open_journal;

use clap::{CommandFactory as _, Parser as _};

use crate::args::{Cli, DrillCommand, Top};
use crate::exit::{Code, Stop};
use crate::{bench, demo, drill, plugin, printer};

/// Reads the command line and does what it says.
pub(crate) async fn dispatch() -> Result<Code, Stop> {
    let typed: Vec<_> = std::env::args_os().skip(1).collect();
    if plugin::is_meant(&typed) {
        return Err(plugin::run(&typed));
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap knows which of its messages are help: those are no errors.
            let printed = error.print();
            if error.use_stderr() {
                return Ok(Code::Usage);
            }
            if let Err(error) = printed {
                printer::remember(&error);
            }
            return written(Code::Success);
        }
    };
    let output = cli.output;
    let done = match command(cli).await {
        Ok(code) => written(code),
        Err(stop) => Err(stop),
    };
    done.inspect_err(|stop| {
        if output == printer::Output::Json {
            printer::error_document(&stop.text);
        }
    })
}

/// A command whose data did not arrive has not succeeded.
fn written(code: Code) -> Result<Code, Stop> {
    match printer::unwritten() {
        Some(reason) => Err(Stop::new(
            if code == Code::Success { Code::Failed } else { code },
            format!("RB0010: the output could not be written: {reason}"),
        )),
        None => Ok(code),
    }
}

async fn command(cli: Cli) -> Result<Code, Stop> {
    let config = cli.config.as_deref();
    match cli.command {
        None => Ok(Code::Usage),
        Some(Top::Shared(command)) => shared::run(&command, config, cli.output, (cli.yes, cli.wait)).await,
        Some(Top::Demo(args)) => demo::run(&args, cli.output).await,
        Some(Top::Drill(DrillCommand::Run(args))) => drill::run(&args, cli.output).await,
        Some(Top::Serve(args)) => serve::run(&args, config).await,
        Some(Top::Sandbox(args)) => sandbox::run(&args, cli.output).await,
        Some(Top::Doctor) => doctor::run(config, cli.output).await,
        Some(Top::Bench(args)) => bench::run(&args, cli.output).await,
        Some(Top::Slack(command)) => slack::run(command, config, cli.output),
        Some(Top::PagerDuty(command)) => pagerduty::run(command, config, cli.output, cli.yes).await,
        Some(Top::Token(command)) => token::run(&command, config, cli.output).await,
        Some(Top::Completions { shell }) => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "blocks", &mut text);
            printer::data(String::from_utf8_lossy(&text).trim_end());
            Ok(Code::Success)
        }
        Some(Top::External(words)) => Err(plugin::run(&words)),
    }
}

/// What must be there before a demo starts.
pub(crate) fn compose_check() -> Result<(), Stop> {
    compose::check_programs()
}
