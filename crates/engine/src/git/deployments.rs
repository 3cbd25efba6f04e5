//! What of a service's repository counts as a deployment of it: tags, or commits on a branch. Only looked at, as it lies here.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use chrono::{DateTime, Utc};
use runbook_core::incident::ChangeNoted;
use runbook_core::update::one_line;

use super::program::{Bounds, Reach, git, run};
use super::source::{is_branch, is_inside};

/// Time that a look may take.
const LOOK_TIME: Duration = Duration::from_secs(3);
/// Bytes that it may print.
const OUTPUT: u64 = 256 * 1024;
/// So many are looked at, the newest.
const MOST: usize = 20;
/// Longest subject that is shown, in characters.
const SUBJECT_MAX: usize = 200;
/// What stands between the parts of a line, and behind it. Whoever writes it into a name spoils the line of that commit.
const PART: char = '\u{1f}';
const END: char = '\u{1e}';

/// What counts as a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mark {
    /// A tag whose name matches this pattern.
    Tag(String),
    /// A commit on this branch, as the branch itself goes; of those that touch the folder, where one is named.
    Commit { branch: String, folder: Option<String> },
}

/// A repository on this machine, and what of it counts as a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitDeployments {
    repository: PathBuf,
    mark: Mark,
}

impl GitDeployments {
    /// Deployments of a repository: tags of a pattern, or commits on a branch, and of a folder there.
    ///
    /// # Errors
    /// The key that cannot be used (`tags`, `branch` or `folder`), why, and what to write.
    pub fn new(
        repository: PathBuf,
        tags: Option<&str>,
        branch: Option<&str>,
        folder: Option<&str>,
    ) -> Result<GitDeployments, (&'static str, String, &'static str)> {
        let mark = match (tags, branch) {
            (Some(tags), None) => {
                // of a pattern what is no name of a tag are its stars, question marks and brackets
                let name: String =
                    tags.chars().map(|c| if matches!(c, '*' | '?' | '[' | ']') { 'x' } else { c }).collect();
                if !is_branch(&name) {
                    return Err(("tags", format!("'{tags}' matches no tag"), "such as tags = \"v*\""));
                }
                if folder.is_some() {
                    let message = "a tag is of the whole repository".to_owned();
                    return Err(("folder", message, "take folder out, or name a branch"));
                }
                Mark::Tag(tags.to_owned())
            }
            (None, Some(branch)) => {
                if !is_branch(branch) {
                    return Err((
                        "branch",
                        format!("'{branch}' cannot be a branch"),
                        "write its name, such as branch = \"main\"",
                    ));
                }
                if let Some(folder) = folder.filter(|folder| !is_inside(folder)) {
                    let hint = "a path inside the repository, such as folder = \"services/shop\"";
                    return Err(("folder", format!("'{folder}' leads out of the repository"), hint));
                }
                Mark::Commit { branch: branch.to_owned(), folder: folder.map(str::to_owned) }
            }
            _ => {
                let message = "either tags or a branch says what counts as a deployment".to_owned();
                return Err(("tags", message, "write tags = \"v*\", or branch = \"main\""));
            }
        };
        Ok(GitDeployments { repository, mark })
    }

    /// The repository.
    #[must_use]
    pub fn repository(&self) -> &Path {
        &self.repository
    }

    /// What was deployed since then, newest first. Takes a while, and waits.
    ///
    /// # Errors
    /// What `git` says is wrong.
    pub fn since(&self, since: DateTime<Utc>) -> Result<Vec<ChangeNoted>, String> {
        let mut seen = match &self.mark {
            Mark::Tag(pattern) => self.tags(pattern)?,
            Mark::Commit { branch, folder } => self.commits(branch, folder.as_deref(), since)?,
        };
        seen.retain(|change| change.at.is_some_and(|at| at >= since));
        Ok(seen)
    }

    /// The newest deployment, however old it is.
    ///
    /// # Errors
    /// What `git` says is wrong.
    pub fn newest(&self) -> Result<Option<ChangeNoted>, String> {
        Ok(self.since(DateTime::UNIX_EPOCH)?.into_iter().next())
    }

    fn tags(&self, pattern: &str) -> Result<Vec<ChangeNoted>, String> {
        let mut list = git(&self.repository, Reach::Here);
        // a tag of its own has a tagger and a time; a mere name has its commit's
        list.args(["for-each-ref", "--sort=-creatordate", &format!("--count={MOST}")]);
        list.arg(
            "--format=%(refname:lstrip=2)%1f%(creatordate:unix)%1f%(taggername)%1f%(contents:subject)%1e",
        );
        list.arg(format!("refs/tags/{pattern}"));
        Ok(lines(&look(list)?)
            .filter_map(|[name, at, author, subject]| noted(at, format!("tag {name}"), subject, author, name))
            .collect())
    }

    fn commits(
        &self,
        branch: &str,
        folder: Option<&str>,
        since: DateTime<Utc>,
    ) -> Result<Vec<ChangeNoted>, String> {
        let mut last = Err(String::new());
        // one of the repository's own, or one that it knows of another
        for place in ["refs/heads", "refs/remotes"] {
            let mut list = git(&self.repository, Reach::Here);
            list.args(["rev-list", "--first-parent", &format!("--max-count={MOST}")]);
            list.arg(format!("--max-age={}", since.timestamp().max(0)));
            list.arg("--format=%x1e%H%x1f%ct%x1f%an%x1f%s%x1e").arg(format!("{place}/{branch}")).arg("--");
            list.args(folder);
            last = look(list);
            if last.is_ok() {
                break;
            }
        }
        Ok(lines(&last?)
            .filter_map(|[commit, at, author, subject]| {
                let short = commit.get(..7)?;
                noted(at, format!("commit {short}"), subject, author, commit)
            })
            .collect())
    }
}

fn look(command: Command) -> Result<String, String> {
    let printed = run(command, Bounds { time: LOOK_TIME, output: OUTPUT, folder: None })?;
    Ok(String::from_utf8_lossy(&printed).into_owned())
}

/// The lines with four parts; what stands between them is git's own.
fn lines(printed: &str) -> impl Iterator<Item = [&str; 4]> {
    printed.split(END).filter_map(|line| {
        let parts: Vec<&str> = line.trim_matches('\n').split(PART).collect();
        parts.try_into().ok()
    })
}

fn noted(at: &str, what: String, subject: &str, author: &str, version: &str) -> Option<ChangeNoted> {
    let subject: String = one_line(subject).chars().take(SUBJECT_MAX).collect();
    let author = one_line(author);
    let mut text = if subject.is_empty() { what } else { format!("{what}: {subject}") };
    if !author.is_empty() {
        text.push_str(&format!(" by {author}"));
    }
    Some(ChangeNoted {
        text: one_line(&text),
        at: Some(DateTime::from_timestamp(at.trim().parse().ok()?, 0)?),
        source: Some("Git".to_owned()),
        url: None,
        version: Some(version.to_owned()),
    })
}

#[cfg(test)]
mod tests;
