//! The review: drafted from the timeline, written to its file, posted.

use std::io::Write as _;
use std::path::Path;

use runbook_core::ids::IncidentId;
use runbook_core::incident::IncidentCommand;
use runbook_core::ports::{Blob, BoxFuture, Commit};
use runbook_core::review::{Draft, ReviewInput, draft};
use sha2::{Digest, Sha256};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::Origin;
use crate::runs::load_run;

/// Why a review is drafted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// The incident is over and has none yet.
    Due,
    /// Somebody asks for a fresh one.
    Asked,
}

impl Engine {
    /// Drafts the review of an incident and returns the file. A draft that people have changed is never overwritten.
    pub(crate) fn draft_review(
        &self,
        id: IncidentId,
        occasion: Occasion,
    ) -> BoxFuture<'static, Result<String, EngineError>> {
        let engine = self.clone();
        Box::pin(async move {
            // One at a time: the end of an incident and the reconciler may both find it due.
            let _gate = engine.inner.reconcile_gate.lock().await;
            let Some(loaded) = load_incident(engine.store(), id).await? else {
                return Err(EngineError::NotFound(format!("there is no incident {id}")));
            };
            if let (Occasion::Due, Some(file)) = (occasion, &loaded.state.review_file) {
                return Ok(file.clone());
            }
            let mut runs = Vec::new();
            for link in &loaded.state.runs {
                if let Some(run) = load_run(engine.store(), link.run).await? {
                    runs.push((run.state, run.events));
                }
            }
            let settings = engine.settings();
            let now = engine.now();
            let date =
                loaded.state.opened_at.with_timezone(&settings.pir.zone).format("%Y-%m-%d").to_string();
            let input = ReviewInput {
                incident: &loaded.state,
                events: &loaded.events,
                runs: &runs,
                drafted_at: now,
                date: &date,
                severity: settings.severities.default_scheme().get(&loaded.state.severity),
            };
            let Draft { file_name, text, .. } = draft(&input, &settings.pir.template)
                .map_err(|error| EngineError::Refused(format!("the review could not be drafted: {error}")))?;
            let sha256 = hex::encode(Sha256::digest(text.as_bytes()));
            // First into the store: a file that a crash kept off the record is known as ours by its hash.
            let blob = Blob { sha256: sha256.clone(), bytes: text.clone().into_bytes() };
            engine.store().commit(Commit { blobs: vec![blob], ..Commit::default() }).await?;
            let unwritable = |error: std::io::Error| {
                EngineError::Refused(format!(
                    "the review could not be written to {}: {error}; hint: check [pir] dir",
                    settings.pir.dir.display()
                ))
            };
            let mut ours: Vec<_> = loaded.state.review_sha256.clone().into_iter().collect();
            for found in drafts_there(&settings.pir.dir, &file_name).map_err(unwritable)? {
                if engine.store().blob(found.clone()).await?.is_some() {
                    ours.push(found);
                }
            }
            let file = write_draft(&settings.pir.dir, &file_name, &text, &ours).map_err(unwritable)?;
            let command = IncidentCommand::RecordReview { file: file.clone(), sha256, post: true };
            engine.change_incident(id, &command, &Origin::engine(), None).await?;
            tracing::info!(incident = %loaded.state.number, file, "review drafted");
            Ok(file)
        })
    }
}

/// Drafts of one review beside each other at most.
const MAX_DRAFTS: u32 = 1_000;

/// The name of the draft with that number: the first one has none.
fn draft_name(file_name: &str, number: u32) -> String {
    let stem = file_name.trim_end_matches(".md");
    if number == 1 { file_name.to_owned() } else { format!("{stem}-{number}.md") }
}

/// SHA-256 of each draft that is there, in the order of their numbers.
fn drafts_there(dir: &Path, file_name: &str) -> std::io::Result<Vec<String>> {
    let mut found = Vec::new();
    for number in 1..MAX_DRAFTS {
        match std::fs::read(dir.join(draft_name(file_name, number))) {
            Ok(bytes) => found.push(hex::encode(Sha256::digest(&bytes))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Writes the draft; beside it, with a number, when the file is there and is not a draft of ours, by its SHA-256.
fn write_draft(dir: &Path, file_name: &str, text: &str, ours: &[String]) -> std::io::Result<String> {
    std::fs::create_dir_all(dir)?;
    for number in 1..MAX_DRAFTS {
        let name = draft_name(file_name, number);
        let path = dir.join(&name);
        let free = match std::fs::read(&path) {
            Ok(bytes) => {
                let sha256 = hex::encode(Sha256::digest(&bytes));
                bytes == text.as_bytes() || ours.contains(&sha256)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
            Err(error) => return Err(error),
        };
        if free {
            let mut file = tempfile_in(dir, &name)?;
            file.1.write_all(text.as_bytes())?;
            file.1.sync_all()?;
            std::fs::rename(&file.0, &path)?;
            return Ok(name);
        }
    }
    Err(std::io::Error::other(format!("there are too many drafts of {file_name}")))
}

fn tempfile_in(dir: &Path, name: &str) -> std::io::Result<(std::path::PathBuf, std::fs::File)> {
    let path = dir.join(format!(".{name}.tmp"));
    let file = std::fs::File::create(&path)?;
    Ok((path, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_that_people_changed_is_never_overwritten() {
        let dir = std::env::temp_dir().join(format!("blocks-review-{}", std::process::id()));
        let first = write_draft(&dir, "PIR_2026-01-01_INC-1.md", "one", &[]).unwrap();
        let ours = [hex::encode(Sha256::digest(b"one"))];
        let second = write_draft(&dir, "PIR_2026-01-01_INC-1.md", "two", &ours).unwrap();
        assert_eq!(first, second, "our own draft is replaced");
        std::fs::write(dir.join(&first), "edited by people").unwrap();
        let third = write_draft(&dir, "PIR_2026-01-01_INC-1.md", "three", &ours).unwrap();
        assert_eq!(third, "PIR_2026-01-01_INC-1-2.md");
        assert_eq!(std::fs::read_to_string(dir.join(&first)).unwrap(), "edited by people");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
