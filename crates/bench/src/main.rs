//! `language`: how fast a runbook is understood, against the bare parser and against mask in the same run.
//!
//! Absolute times say more about the machine than about Blocks. So all sides take turns on the same documents, and what is
//! aimed at is a ratio of each round. A missed aim is written down as missed, and is no failure of the tool.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for developers: its report goes to stdout, its progress to stderr"
)]

mod aims;
mod clock;
mod documents;
mod machine;
mod measure;
mod memory;
mod report;
mod shapes;
mod sides;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::documents::MB;
use crate::machine::Setting;
use crate::report::Report;
use crate::sides::Side;

/// The sizes of the growth table, in MB.
const GROWTH_MB: [usize; 5] = [1, 3, 10, 30, 100];

/// Measures how fast runbooks are understood.
#[derive(Debug, Parser)]
#[command(name = "language")]
struct Args {
    /// Write the report (Markdown) to this file too
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// What goes to stdout
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
    /// Rounds of each measurement
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// The largest document of the growth table, in MB
    #[arg(long, default_value_t = 100, value_name = "MB")]
    largest: usize,
    /// Leave out the shapes that break parsers
    #[arg(long)]
    no_shapes: bool,
    /// Only the shapes that break parsers; with --write, their table takes its place in the report that is there
    #[arg(long, conflicts_with_all = ["no_shapes", "blocks"])]
    shapes: bool,
    /// How long one shape may take, all its readings together
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    shape_seconds: u64,
    /// Measure this shape alone: the benchmark starts itself with it
    #[arg(long, hide = true, value_name = "INDEX")]
    shape_of: Option<usize>,
    /// Also measure `runbook lint` of this binary over 1,000 files
    #[arg(long, value_name = "PATH")]
    blocks: Option<PathBuf>,
    /// Print the document of so many bytes that is measured, and end
    #[arg(long, value_name = "BYTES")]
    print: Option<usize>,
    /// Read this file and print by how many bytes the memory's peak rose: the benchmark starts itself with it
    #[arg(long, hide = true, value_name = "FILE")]
    memory_of: Option<PathBuf>,
    /// Who reads that file
    #[arg(long, hide = true, value_enum, default_value = "ours")]
    memory_side: Side,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// The Markdown report
    Text,
    /// One object
    Json,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("language: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    if let Some(file) = &args.memory_of {
        let rise = memory::of_this_process(args.memory_side, file)
            .map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
        println!("{}", rise.map_or_else(|| "refused".to_owned(), |bytes| bytes.to_string()));
        return Ok(());
    }
    if let Some(index) = args.shape_of {
        let limit = std::time::Duration::from_secs(args.shape_seconds);
        std::thread::spawn(move || {
            std::thread::sleep(limit);
            std::process::exit(1);
        });
        measure::shape(index, |nanoseconds| println!("{nanoseconds}"));
        return Ok(());
    }
    if let Some(bytes) = args.print {
        print!("{}", documents::document(bytes, 1));
        return Ok(());
    }
    let report = measured(args)?;
    if let Some(file) = &args.write {
        let text = if args.shapes {
            let before = std::fs::read_to_string(file)
                .map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
            report.shapes_into(&before)
        } else {
            report.markdown()
        };
        std::fs::write(file, text)
            .map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
    }
    match args.output {
        Output::Json => println!("{}", report.json()),
        Output::Text => print!("{}", report.markdown()),
    }
    Ok(())
}

fn measured(args: &Args) -> Result<Report, String> {
    let setting = Setting::look(args.write.as_deref());
    if !setting.release {
        eprintln!(
            "this is a debug build: its figures say little\nhint: cargo run --release -p blocks-bench --bin language"
        );
    }
    let rounds = usize::from(args.rounds);
    let at = clock::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    if args.shapes {
        let shapes = measure::shapes(args.shape_seconds)?;
        return Ok(Report { setting, at, shapes, ..Report::default() });
    }
    eprintln!("one document of 10 KB");
    let small = measure::small(rounds);
    eprintln!("10 MB as 1,000 documents");
    let many = measure::many(rounds);
    eprintln!("10 MB as one document");
    let large = measure::large(rounds);
    let mut growth = Vec::new();
    for megabytes in GROWTH_MB.into_iter().filter(|megabytes| *megabytes <= args.largest) {
        eprintln!("growth: {megabytes} MB");
        growth.push((megabytes, measure::growth(megabytes, rounds)));
    }
    eprintln!("memory");
    let memory = measure::memory(10 * MB, rounds)?;
    let shapes = if args.no_shapes {
        Vec::new()
    } else {
        eprintln!("shapes");
        measure::shapes(args.shape_seconds)?
    };
    let command_line =
        args.blocks.as_deref().map(|blocks| measure::command_line(blocks, rounds)).transpose()?;
    Ok(Report { setting, at, small, many, large, growth, memory, shapes, command_line })
}
