//! `blocks runbook lint PATH...`: every finding, with its place, its reason and what to do.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use blocks_engine::{LibraryEntry, LibraryError, describe};
use blocks_grammar::Deny;
use runbook_core::runbook::{Coverage, Diagnostic, Level, check_links, silence_remarks};
use serde_json::{Value, json};

use super::{bash_check, markdown_files, shellcheck};
use crate::config::Config;
use crate::exit::{Code, Stop};
use crate::printer::{self, Output};

/// What all files came to.
#[derive(Default)]
struct Sum {
    files: u32,
    errors: u32,
    warnings: u32,
    findings: Vec<Value>,
    documents: Vec<Value>,
}

/// One file as a runbook, with what is wrong with it.
struct Looked {
    entry: LibraryEntry,
    found: Vec<Diagnostic>,
}

/// Files that are read before the first of them is told of.
const BATCH: usize = 64;

/// Lints files and folders; exit 1 when something is an error, or a warning where those are denied.
pub(crate) async fn run(
    paths: &[PathBuf],
    config: Option<&Config>,
    deny: Option<Deny>,
    output: Output,
) -> Result<Code, Stop> {
    let markdown_files::Found { files, notes, empty } = markdown_files::collect(paths)
        .map_err(|(path, error)| Stop::usage(format!("{} cannot be read: {error}", path.display())))?;
    for note in notes {
        printer::note(&note);
    }
    if let Some(folder) = empty.first() {
        return Err(Stop::usage(format!(
            "no Markdown files found in {}\nhint: files end in .md, .markdown or .mdx; hidden folders, node_modules, target and vendor are left out",
            folder.display()
        )));
    }
    let program = shellcheck::program();
    let bash = bash_check::program();
    let mut sum = Sum::default();
    // a batch at a time: the documents of a large tree need not be in memory together
    let batches = files.chunks(BATCH).flat_map(|batch| batch.iter().zip(look_all(batch, config)));
    for (file, looked) in batches {
        let Looked { entry, mut found } = looked.map_err(Stop::failed)?;
        if let Some(program) = &program {
            // what it says points at lines, so it needs them as they are
            let text = std::fs::read(file).map_err(Stop::failed)?;
            match shellcheck::findings(program, &entry.document, &String::from_utf8_lossy(&text)).await {
                Ok(more) => found.extend(silence_remarks(&entry.document, more)),
                Err(reason) => {
                    printer::note(&format!("{}: nothing from shellcheck: {reason}", entry.source));
                }
            }
        }
        if let Some(bash) = &bash {
            match bash_check::findings(bash, &entry.document).await {
                Ok(more) => found.extend(more),
                Err(reason) => printer::note(&format!("{}: bash was not asked: {reason}", entry.source)),
            }
        }
        found.sort_by_key(|finding| (finding.line, finding.column, finding.code));
        sum.take(&entry, &found, output);
    }
    match output {
        Output::Json => printer::json(&json!({
            "files": sum.files,
            "errors": sum.errors,
            "warnings": sum.warnings,
            "shellcheck": program.is_some(),
            "findings": sum.findings,
            "documents": sum.documents,
        })),
        Output::Text => printer::note(&sum.line(program.is_some())),
    }
    let denied = sum.errors > 0 || (deny == Some(Deny::Warnings) && sum.warnings > 0);
    Ok(if denied { Code::Failed } else { Code::Success })
}

/// Looks at each file, on as many threads as there are processors; what comes back is in the order of the files.
fn look_all(files: &[PathBuf], config: Option<&Config>) -> Vec<Result<Looked, LibraryError>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(files.len());
    let next = AtomicUsize::new(0);
    let work = || {
        let mut looked = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = files.get(at) else { return looked };
            looked.push((at, look(file, config)));
        }
    };
    let mut all = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut all = work();
        for other in others {
            all.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        all
    });
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, looked)| looked).collect()
}

fn look(file: &Path, config: Option<&Config>) -> Result<Looked, LibraryError> {
    let entry = LibraryEntry::to_look_at(file)?;
    let (entry, environment) = match config {
        Some(config) => (config.library.complete(entry), config.settings.exec_env.as_slice()),
        None => (entry, &[][..]),
    };
    let folder = file.parent().unwrap_or(Path::new(""));
    let entry = LibraryEntry { document: entry.looked_at(environment).into_owned(), ..entry };
    let mut found = entry.document.diagnostics.clone();
    found.extend(check_links(&entry.document, &|target| folder.join(target).exists()));
    Ok(Looked { entry, found })
}

impl Sum {
    fn take(&mut self, entry: &LibraryEntry, found: &[Diagnostic], output: Output) {
        self.files += 1;
        for finding in found {
            match finding.level {
                Level::Error => self.errors += 1,
                Level::Warning => self.warnings += 1,
            }
            if output == Output::Text {
                printer::data(&describe::finding_line(&entry.source, finding));
                if let Some(hint) = &finding.hint {
                    printer::data(&format!("  hint: {hint}"));
                }
            } else {
                self.findings.push(json!({
                    "file": entry.source,
                    "code": finding.code,
                    "level": finding.level,
                    "line": finding.line,
                    "column": finding.column,
                    "message": finding.message,
                    "hint": finding.hint,
                }));
            }
        }
        let coverage: Coverage = entry.document.coverage();
        if output == Output::Text {
            printer::data(&format!("{}: {}", entry.source, coverage.line()));
        } else {
            self.documents.push(json!({ "file": entry.source, "coverage": coverage }));
        }
    }

    fn line(&self, with_shellcheck: bool) -> String {
        let counted = |n: u32, noun: &str| if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") };
        let hint = if with_shellcheck { "" } else { "; shellcheck is not installed, so it was not asked" };
        format!(
            "{}, {}, {}{hint}",
            counted(self.files, "file"),
            counted(self.errors, "error"),
            counted(self.warnings, "warning")
        )
    }
}
