//! Checks that can never fail: a search for misread text, and an exit status that is always 0.

use super::super::codes;
use super::super::diagnostic::Diagnostic;
use super::super::mojibake;
use super::super::shell::{Kind, lex};
use super::calls::{Call, last_line};
use super::script::{Script, Unit};
use crate::expectation::Check;

/// The findings; a command that holds one loses its right to run.
pub(super) fn cannot_fail(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    for unit in &script.units {
        for call in &unit.calls {
            if let Some(run) = misread_pattern(call) {
                found.push(script.at(
                    codes::CANNOT_FAIL,
                    call.line,
                    run,
                    format!(
                        "the search for `{run}` can never find anything: it is text read in a wrong encoding"
                    ),
                    &mojibake::repair(run).map_or_else(
                        || "write the character that was meant, and save the file as UTF-8".to_owned(),
                        |meant| {
                            format!("write `{meant}`, which was probably meant, and save the file as UTF-8")
                        },
                    ),
                ));
            }
        }
        if asks_exit_status_alone(unit) && always_succeeds(&unit.command.text) {
            let line = last_line(unit.command.line, &unit.command.text);
            found.push(script.at(
                codes::CANNOT_FAIL,
                line,
                "||",
                "the exit status is what is checked here, and the command's last part always succeeds",
                "take out the part that hides the status",
            ));
        }
    }
}

fn misread_pattern<'c>(call: &'c Call<'_>) -> Option<&'c str> {
    if !matches!(call.program(), "grep" | "egrep" | "fgrep" | "zgrep" | "rg" | "ag") {
        return None;
    }
    call.args.iter().find_map(|word| mojibake::find(&word.value))
}

/// Somebody wrote an expectation, and it is about the exit status and nothing else.
fn asks_exit_status_alone(unit: &Unit<'_>) -> bool {
    let expectations = &unit.command.expectations;
    !expectations.is_empty() && expectations.iter().all(|expectation| expectation.check == Check::ExitZero)
}

/// The text ends in `|| true`, `|| :` or `; true`.
fn always_succeeds(text: &str) -> bool {
    if !text.contains([';', '|']) {
        return false;
    }
    let tokens = lex(text).tokens;
    let mut tail = tokens.iter().rev().filter(|token| !matches!(token.kind, Kind::Newline | Kind::Comment));
    let last = tail.next().is_some_and(|token| {
        token.depth == 0 && matches!(&token.kind, Kind::Word(word) if matches!(word.text(), "true" | ":"))
    });
    last && tail.next().is_some_and(|token| matches!(token.kind, Kind::Op("||" | ";")))
}
