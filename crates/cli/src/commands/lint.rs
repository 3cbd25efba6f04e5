//! `blocks runbook lint PATH...`: every finding, with its place.

use std::path::{Path, PathBuf};

use blocks_engine::LibraryEntry;
use blocks_grammar::Deny;
use runbook_core::runbook::Level;
use serde_json::json;

use crate::exit::{Code, Stop};
use crate::printer::{self, Output};

/// Lints files and folders; exit 1 when something is an error.
pub(crate) fn run(paths: &[PathBuf], deny: Option<Deny>, output: Output) -> Result<Code, Stop> {
    let mut files = Vec::new();
    for path in paths {
        collect(path, &mut files)
            .map_err(|error| Stop::usage(format!("{} cannot be read: {error}", path.display())))?;
    }
    files.sort();
    let mut findings = Vec::new();
    let (mut errors, mut warnings) = (0_u32, 0_u32);
    for file in &files {
        let entry = LibraryEntry::from_file(file).map_err(Stop::failed)?;
        for finding in &entry.document.diagnostics {
            let level = match finding.level {
                Level::Error => {
                    errors += 1;
                    "error"
                }
                Level::Warning => {
                    warnings += 1;
                    "warning"
                }
            };
            if output == Output::Text {
                printer::data(&format!(
                    "{}:{}:{}: {level} {}: {}",
                    entry.source, finding.line, finding.column, finding.code, finding.message
                ));
                if let Some(hint) = &finding.hint {
                    printer::data(&format!("  hint: {hint}"));
                }
            }
            findings.push(json!({
                "file": entry.source,
                "code": finding.code.to_string(),
                "level": level,
                "line": finding.line,
                "column": finding.column,
                "message": finding.message,
                "hint": finding.hint,
            }));
        }
    }
    match output {
        Output::Json => printer::json(
            &json!({ "files": files.len(), "errors": errors, "warnings": warnings, "findings": findings }),
        ),
        Output::Text => {
            printer::note(&format!("{} files, {errors} errors, {warnings} warnings", files.len()));
        }
    }
    let denied = errors > 0 || (deny == Some(Deny::Warnings) && warnings > 0);
    Ok(if denied { Code::Failed } else { Code::Success })
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !path.is_dir() {
        std::fs::metadata(path)?;
        files.push(path.to_path_buf());
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        // A linked folder may lead in a circle, so it is not followed.
        if kind.is_dir() {
            collect(&entry.path(), files)?;
        } else if kind.is_file() && entry.path().extension().is_some_and(|extension| extension == "md") {
            files.push(entry.path());
        }
    }
    Ok(())
}
