//! What the machine's own bash says about a runbook's commands: `bash -n` reads a text and runs nothing of it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use runbook_core::runbook::{Command, Diagnostic, Document, Level, codes};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::shellcheck::commands;

/// At most so many commands of one document are looked at.
const MOST_COMMANDS: usize = 200;
/// Time for one document.
const ALL: Duration = Duration::from_secs(20);
/// More than this is not read of an answer, in bytes.
const MOST_OUTPUT: u64 = 16 << 10;

/// bash on PATH.
pub(crate) fn program() -> Option<PathBuf> {
    blocks_exec::find_program("bash", &std::env::var_os("PATH").unwrap_or_default())
}

/// What bash refuses of the commands that nothing else stands in the way of.
///
/// # Errors
/// Why there is no answer, in lowercase.
pub(crate) async fn findings(program: &Path, document: &Document) -> Result<Vec<Diagnostic>, String> {
    let look = async {
        let mut found = Vec::new();
        let asked = commands(document).filter(|command| command.not_runnable.is_none());
        for command in asked.take(MOST_COMMANDS) {
            if let Some(said) = ask(program, &command.text).await? {
                found.push(finding(command, &said));
            }
        }
        Ok(found)
    };
    tokio::time::timeout(ALL, look)
        .await
        .map_err(|_| format!("bash was still reading after {} s", ALL.as_secs()))?
}

/// `bash: line 3: syntax error near unexpected token `done'` as our own finding.
fn finding(command: &Command, said: &str) -> Diagnostic {
    let first = said.lines().next().unwrap_or_default();
    let (inner, reason) = first
        .split_once(": line ")
        .and_then(|(_, rest)| rest.split_once(": "))
        .map_or((1, first), |(line, reason)| (line.parse().unwrap_or(1_u32), reason));
    let last = command.line.saturating_add(u32::try_from(command.text.lines().count()).unwrap_or(0));
    Diagnostic {
        code: codes::SHELL_REFUSED,
        level: Level::Error,
        // an end that is missing is told one line behind the text
        line: command
            .line
            .saturating_add(inner.saturating_sub(1))
            .min(last.saturating_sub(1).max(command.line)),
        column: 1,
        message: format!("bash refuses this command's text: {reason}"),
        hint: Some(
            "correct it, or tag the block as text; `bash -n FILE` tries a text without running it".to_owned(),
        ),
    }
}

/// What bash says against a text, given on standard input.
#[expect(clippy::disallowed_methods, reason = "bash -n reads the text and runs nothing of it")]
async fn ask(program: &Path, text: &str) -> Result<Option<String>, String> {
    let mut child = tokio::process::Command::new(program)
        .args(["--noprofile", "--norc", "-n"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").as_deref().unwrap_or(OsStr::new("/usr/bin:/bin")))
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{} could not be started: {error}", program.display()))?;
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let give = async move {
        if let Some(mut stdin) = stdin {
            // it may stop reading at its first complaint
            let _ = stdin.write_all(text.as_bytes()).await;
        }
    };
    let take = async move {
        let mut said = Vec::new();
        if let Some(stderr) = stderr {
            stderr.take(MOST_OUTPUT).read_to_end(&mut said).await.map_err(|error| error.to_string())?;
        }
        Ok::<_, String>(said)
    };
    let ((), said) = tokio::join!(give, take);
    let said = said?;
    let status = child.wait().await.map_err(|error| format!("{} did not end: {error}", program.display()))?;
    Ok((!status.success()).then(|| String::from_utf8_lossy(&said).trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use runbook_core::runbook::parse;

    use super::*;

    #[tokio::test]
    async fn what_bash_refuses_is_told_with_its_line() {
        let Some(bash) = program() else { return };
        // a substitution is not looked into by our own check
        let text = "# T\n\n## S\n\n```bash\necho a\necho $(if)\n```\n\n```bash\necho b\n```\n";
        let document = parse("x", text);
        let found = findings(&bash, &document).await.unwrap();
        let places: Vec<_> = found.iter().map(|found| (found.code, found.line)).collect();
        assert_eq!(places, [(codes::SHELL_REFUSED, 7)], "{found:?}");
        assert!(found[0].message.contains("syntax error"), "{}", found[0].message);
    }

    #[test]
    fn an_answer_of_another_form_points_at_the_command() {
        let text = "# T\n\n## S\n\n```bash\necho a\n```\n";
        let document = parse("x", text);
        let command = &document.steps[0].commands[0];
        for (said, line, ends) in [
            ("bash: line 9: unexpected end of file", 6, "unexpected end of file"),
            ("something else", 6, "something else"),
            ("", 6, "text: "),
        ] {
            let found = finding(command, said);
            assert_eq!(found.line, line, "{said}");
            assert!(found.message.ends_with(ends), "{}", found.message);
        }
    }
}
