//! The slash command under which the app was installed.

use std::borrow::Cow;

use blocks_grammar::SERVER_COMMANDS;

/// Longest command with its slash, in characters (Slack's manifest schema).
const MAX: usize = 32;
/// How every text of ours writes the command: at the beginning of code, with something behind it.
const OURS: &str = "`/blocks ";
/// The same in a shell.
const SHELLS: &str = "`blocks ";

/// Slack takes no such command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no slash command\nhint: {rule}", rule = CommandWord::RULE)]
pub struct NoCommand(String);

/// The slash command that people type. What comes in is taken whatever it is called; this is how our own texts name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandWord(String);

impl Default for CommandWord {
    fn default() -> Self {
        CommandWord("/blocks".to_owned())
    }
}

impl CommandWord {
    /// What to write.
    pub const RULE: &str = "write / and at most 31 lowercase letters, digits, dashes or underscores";

    /// Reads a command such as `/incident`.
    ///
    /// # Errors
    /// When it is none that Slack takes.
    pub fn new(command: &str) -> Result<CommandWord, NoCommand> {
        let word = command.strip_prefix('/').unwrap_or_default();
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        if word.is_empty() || command.len() > MAX || !word.chars().all(is_word) {
            return Err(NoCommand(command.to_owned()));
        }
        Ok(CommandWord(command.to_owned()))
    }

    /// The command, with its slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Words of ours, with the command as it is typed here. Only what begins code is the command: an address, a path or a
    /// command of a runbook that happens to hold the word stays as it is.
    ///
    /// What a hint says as it is typed in a shell is said as it is typed here, where it can be typed here.
    pub(crate) fn said<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let said = respelled(text, SHELLS, OURS, |after| {
            let line = after.split('`').next().unwrap_or_default();
            let first = line.split(' ').next().unwrap_or_default();
            !SERVER_COMMANDS.contains(&first) && !after[line.len()..].starts_with("` in a shell")
        });
        if self.0 == "/blocks" || !said.contains(OURS) {
            return said;
        }
        Cow::Owned(respelled(&said, OURS, &format!("`{} ", self.0), |_| true).into_owned())
    }
}

/// The text with `to` for each `from` that begins code (not a block of it: that is somebody's output) and that is to be
/// respelled by what follows.
fn respelled<'a>(text: &'a str, from: &str, to: &str, is_meant: impl Fn(&str) -> bool) -> Cow<'a, str> {
    let mut parts = text.split(from);
    let first = parts.next().unwrap_or_default();
    if first.len() == text.len() {
        return Cow::Borrowed(text);
    }
    let mut said = first.to_owned();
    for after in parts {
        let is_block = said.ends_with('`');
        said.push_str(if !is_block && is_meant(after) { to } else { from });
        said.push_str(after);
    }
    Cow::Owned(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_slack_takes_is_a_command() {
        for good in ["/blocks", "/incident", "/inc-2_b"] {
            assert_eq!(CommandWord::new(good).unwrap().as_str(), good);
        }
        for bad in
            ["", "/", "blocks", "/Incident", "/a b", "//x", "/a/b", "/ä", &format!("/{}", "x".repeat(32))]
        {
            let error = CommandWord::new(bad).unwrap_err().to_string();
            assert!(error.contains("is no slash command\nhint: "), "{error}");
        }
    }

    #[test]
    fn our_commands_are_renamed_and_nothing_else_is() {
        let word = CommandWord::new("/incident").unwrap();
        let text = "`/blocks ack INC-1` takes it, `/blocks status` shows it";
        assert_eq!(word.said(text), "`/incident ack INC-1` takes it, `/incident status` shows it");
        for other in [
            "see https://x.example/blocks/y and https://x.example/blocks y",
            "disk /blocks is full, so is `/blocks/y`; `df /blocks x`",
            "`/blocks` and `/blocksmith x` and `blocks runbook status` in a shell",
            "`blocks doctor` and `blocks drill run`, ``blocks x",
            "a `/block",
        ] {
            assert_eq!(word.said(other), other);
        }
        assert_eq!(CommandWord::default().said(text), text);
        let shell = "look with `blocks runbook status 0198`, or `blocks doctor`";
        assert_eq!(word.said(shell), "look with `/incident runbook status 0198`, or `blocks doctor`");
        let here = "look with `/blocks runbook status 0198`, or `blocks doctor`";
        assert_eq!(CommandWord::default().said(shell), here);
    }
}
