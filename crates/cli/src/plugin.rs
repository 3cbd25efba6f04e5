//! Unknown words: programs on PATH, longest name first, as kubectl does with its plugins.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;

use runbook_core::ids::IncidentNumber;

use crate::exit::{Code, Stop};

/// Whether a program is meant although the first word is a command: `blocks status flows` is `blocks-status-flows` where
/// that is on PATH, since no incident is called so.
pub(crate) fn is_meant(words: &[OsString]) -> bool {
    let plain = plain(words);
    let [first, second, ..] = plain.as_slice() else { return false };
    let is_incident = second.to_ascii_uppercase().parse::<IncidentNumber>().is_ok();
    first == "status" && !is_incident && found(&plain).is_some_and(|(count, _)| count > 1)
}

/// The words that can be part of a program's name.
fn plain(words: &[OsString]) -> Vec<String> {
    words
        .iter()
        .map_while(|word| word.to_str())
        .take_while(|word| {
            !word.is_empty()
                && !word.starts_with('-')
                && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        })
        .map(str::to_owned)
        .collect()
}

/// The program of the longest name on PATH, with how many words are its name.
fn found(plain: &[String]) -> Option<(usize, PathBuf)> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    (1..=plain.len()).rev().find_map(|count| {
        let name = format!("blocks-{}", plain.iter().take(count).cloned().collect::<Vec<_>>().join("-"));
        blocks_exec::find_program(&name, &path).map(|program| (count, program))
    })
}

/// Becomes `blocks-a-b` or `blocks-a`, whichever is on PATH; says so when neither is.
#[expect(
    clippy::disallowed_methods,
    reason = "an unknown word becomes the user's own program: exec, not a child"
)]
pub(crate) fn run(words: &[OsString]) -> Stop {
    if let Some((count, program)) = found(&plain(words)) {
        let error = std::process::Command::new(&program).args(words.iter().skip(count)).exec();
        return Stop::failed(format!("{} could not be started: {error}", program.display()));
    }
    let first = words.first().map_or_else(String::new, |word| word.to_string_lossy().into_owned());
    let known: Vec<_> =
        blocks_grammar::COMMANDS.iter().filter_map(|command| command.path.split(' ').next()).collect();
    let near = known
        .into_iter()
        .chain(["demo", "serve", "sandbox", "doctor", "token", "completions"])
        .map(|word| (strsim::damerau_levenshtein(word, &first), word))
        .min()
        .filter(|(distance, _)| *distance <= 2)
        .map_or_else(String::new, |(_, word)| format!("; did you mean `blocks {word}`?"));
    Stop::new(
        Code::Usage,
        format!(
            "'{first}' is neither a command nor a program `blocks-{first}` on PATH{near}\nhint: `blocks --help` lists the commands"
        ),
    )
}
