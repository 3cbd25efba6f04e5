//! What shellcheck says about a runbook's commands, in the form of our own findings.
//!
//! It is optional: nothing is missing where the program is not there. `BLOCKS_SHELLCHECK` names another one.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use runbook_core::runbook::{Command, CommandKind, Diagnostic, Document, Level, codes};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// At most so many commands of one document are looked at.
const MOST_COMMANDS: usize = 200;
/// Time for one command.
const EACH: Duration = Duration::from_secs(10);
/// Time for one document.
const ALL: Duration = Duration::from_secs(60);
/// More than this is no answer, in bytes.
const MOST_OUTPUT: u64 = 1 << 20;
/// Variables that come from parameters and captures, or are read by a later command, are none of its business.
const NOT_ASKED: &str = "SC2154,SC2034";

/// The program: `BLOCKS_SHELLCHECK`, else `shellcheck` on PATH; `None` when there is none.
pub(crate) fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    match std::env::var_os("BLOCKS_SHELLCHECK").filter(|named| !named.is_empty()) {
        Some(named) => Some(PathBuf::from(named)),
        None => blocks_exec::find_program("shellcheck", &path),
    }
}

/// The findings about a document whose text is `source`, in document order.
///
/// # Errors
/// Why nothing of what it says can be told, in lowercase: the program does not start, does not answer in time, or answers something else.
pub(crate) async fn findings(
    program: &Path,
    document: &Document,
    source: &str,
) -> Result<Vec<Diagnostic>, String> {
    let lines: Vec<&str> = source.lines().collect();
    let look = async {
        let mut found = Vec::new();
        let told = |command: &&Command| !is_told(command, document);
        for command in commands(document).filter(told).take(MOST_COMMANDS) {
            let (text, above) = with_directives(command, &lines);
            let answer = tokio::time::timeout(EACH, ask(program, &text)).await;
            let late =
                || format!("it gave no answer within {} s about line {}", EACH.as_secs(), command.line);
            let comments = answer.map_err(|_| late())??;
            found.extend(comments.iter().map(|comment| comment.finding(command.line, above, &lines, &text)));
        }
        found.sort_by_key(|finding| (finding.line, finding.column));
        Ok(found)
    };
    tokio::time::timeout(ALL, look)
        .await
        .map_err(|_| format!("it was not done within {} s", ALL.as_secs()))?
}

/// The shell commands, without those whose text is no complete shell as it stands.
pub(super) fn commands(document: &Document) -> impl Iterator<Item = &Command> {
    let all = document.steps.iter().flat_map(|step| {
        step.commands.iter().chain(&step.baselines).chain(step.probe.as_deref()).chain(&step.undo)
    });
    all.filter(|command| {
        // a variable that nothing sets is shell all the same
        let shell = command.placeholders.iter().all(|placeholder| placeholder.starts_with('$'));
        command.kind == CommandKind::Shell && shell
    })
}

/// Whether a finding of our own says that the text is no whole shell text: shellcheck would say it again in five ways.
fn is_told(command: &Command, document: &Document) -> bool {
    let last = command.line.saturating_add(u32::try_from(command.text.lines().count()).unwrap_or(u32::MAX));
    let about = |found: &&Diagnostic| matches!(found.code, codes::SHELL_REFUSED | codes::UNFINISHED_SHELL);
    command.not_runnable.is_some()
        && document.diagnostics.iter().filter(about).any(|found| (command.line..last).contains(&found.line))
}

/// The command's text below the `# shellcheck ...` comments that stand directly above it, and how many these are.
fn with_directives(command: &Command, lines: &[&str]) -> (String, u32) {
    let before = lines.get(..(command.line as usize).saturating_sub(1)).unwrap_or_default();
    let directives: Vec<&str> = before
        .iter()
        .rev()
        .take_while(|line| line.trim_start().starts_with('#'))
        .map(|line| line.trim_start())
        .filter(|line| line.trim_start_matches(['#', ' ']).starts_with("shellcheck "))
        .collect();
    let mut text = String::new();
    for line in directives.iter().rev() {
        text.push_str(line);
        text.push('\n');
    }
    text.push_str(&command.text);
    (text, u32::try_from(directives.len()).unwrap_or(u32::MAX))
}

/// shellcheck's `json1` form.
#[derive(Debug, Deserialize)]
struct Answer {
    comments: Vec<Comment>,
}

/// One remark of it. Lines and columns begin at 1.
#[derive(Debug, Deserialize)]
struct Comment {
    line: u32,
    column: u32,
    code: u32,
    message: String,
}

impl Comment {
    /// As our own finding, with the place in the file.
    fn finding(&self, first: u32, above: u32, lines: &[&str], text: &str) -> Diagnostic {
        let inner = self.line.saturating_sub(above).max(1);
        let line = first.saturating_add(inner - 1);
        let written = lines.get((line as usize).saturating_sub(1)).copied().unwrap_or_default();
        let own = text.lines().nth((self.line as usize).saturating_sub(1)).unwrap_or_default();
        // the fence may be indented in the file, or the line may carry a prompt
        let indent = written
            .find(own.trim_end())
            .map_or(0, |at| written.get(..at).map_or(0, |lead| lead.chars().count()));
        Diagnostic {
            code: codes::SHELLCHECK,
            level: Level::Warning,
            line,
            column: self.column.saturating_add(u32::try_from(indent).unwrap_or(0)).max(1),
            message: format!("SC{}: {}", self.code, self.message),
            hint: Some(format!(
                "see shellcheck's own page on SC{0}; `# shellcheck disable=SC{0}` above the line silences it, as does `# blocks: allow RB0157 the reason`",
                self.code
            )),
        }
    }
}

/// Asks about one text, given on standard input.
#[expect(
    clippy::disallowed_methods,
    reason = "linting starts the user's own shellcheck, which runs nothing of the text"
)]
async fn ask(program: &Path, text: &str) -> Result<Vec<Comment>, String> {
    let mut child = tokio::process::Command::new(program)
        // `--norc`: a file in the working folder must not decide
        .args(["--norc", "-s", "bash", "-S", "info", "-e", NOT_ASKED, "-f", "json1", "-"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").as_deref().unwrap_or(OsStr::new("/usr/bin:/bin")))
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{} could not be started: {error}", program.display()))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let give = async move {
        if let Some(mut stdin) = stdin {
            // one that does not read everything still answers
            let _ = stdin.write_all(text.as_bytes()).await;
        }
    };
    let take = async move {
        let mut bytes = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(MOST_OUTPUT).read_to_end(&mut bytes).await.map_err(|error| error.to_string())?;
        }
        Ok::<_, String>(bytes)
    };
    let ((), bytes) = tokio::join!(give, take);
    let bytes = bytes?;
    // it ends with 1 when it has something to say, so the answer alone decides
    child.wait().await.map_err(|error| format!("{} did not end: {error}", program.display()))?;
    let answer: Answer = serde_json::from_slice(&bytes).map_err(|error| {
        format!("{} answered something else than shellcheck's json1: {error}", program.display())
    })?;
    Ok(answer.comments)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use runbook_core::runbook::parse;

    use super::*;

    /// A stand-in that keeps what it was given and answers with one remark.
    fn stand_in(folder: &Path, answer: &str) -> PathBuf {
        let program = folder.join("shellcheck");
        let text = format!(
            "#!/bin/sh\ncat >> '{}'\nprintf '%s' '{answer}'\nexit 1\n",
            folder.join("seen").display()
        );
        std::fs::write(&program, text).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        program
    }

    const SOURCE: &str =
        "# T\n\n## S\n\n1. a\n\n   ```bash\n   # shellcheck disable=SC2046\n   ls\n   rm $x\n   ```\n";

    #[tokio::test]
    async fn remarks_point_into_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let remark = r#"{"comments":[{"file":"-","line":3,"endLine":3,"column":4,"endColumn":6,"level":"info","code":2086,"message":"Quote it.","fix":null}]}"#;
        let program = stand_in(folder.path(), remark);
        let found = findings(&program, &parse("x", SOURCE), SOURCE).await.unwrap();
        let [finding] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            (finding.code, finding.level, finding.line, finding.column),
            (codes::SHELLCHECK, Level::Warning, 10, 7)
        );
        assert_eq!(finding.message, "SC2086: Quote it.");
        let seen = std::fs::read_to_string(folder.path().join("seen")).unwrap();
        assert_eq!(seen, "# shellcheck disable=SC2046\nls\nrm $x\n");
    }

    #[tokio::test]
    async fn another_answer_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let program = stand_in(folder.path(), "not json");
        let error = findings(&program, &parse("x", SOURCE), SOURCE).await.unwrap_err();
        assert!(error.contains("json1"), "{error}");
        let missing = findings(&folder.path().join("gone"), &parse("x", SOURCE), SOURCE).await.unwrap_err();
        assert!(missing.contains("could not be started"), "{missing}");
        let quiet = stand_in(folder.path(), r#"{"comments":[]}"#);
        assert_eq!(findings(&quiet, &parse("x", SOURCE), SOURCE).await.unwrap(), []);
    }
}
