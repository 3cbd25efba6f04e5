//! What a test says about variables: `[ -n "$X" ]`, `[[ -v X && $Y ]]`, `[ "$X" = prod ]`.

use super::super::super::names::is_identifier;
use super::assigned::{Effect, Names, Notes, Since};
use super::simple::Part;

/// What is set where a test, whose words these are, holds, and where it does not. `None` is a mark between two clauses.
pub(super) fn effect(
    words: &[Option<Part<'_, '_>>],
    marks: &[&str],
    end: usize,
    notes: &mut Notes,
) -> Effect {
    let is_mark = |word: &Option<Part<'_, '_>>, mark: &str| match word {
        None => true,
        Some(part) => part.plain() == mark,
    };
    let all =
        marks.contains(&"&&") || words.iter().any(|word| word.as_ref().is_some_and(|w| w.plain() == "-a"));
    let any =
        marks.contains(&"||") || words.iter().any(|word| word.as_ref().is_some_and(|w| w.plain() == "-o"));
    let (mut yes, mut no) = (Names::new(), Names::new());
    for clause in words.split(|word| is_mark(word, "-a") || is_mark(word, "-o")) {
        let clause: Vec<Part<'_, '_>> =
            clause.iter().flatten().filter(|part| !matches!(part.plain(), "]" | "]]")).copied().collect();
        let Some((name, is_there, tested)) = asked(&clause) else { continue };
        if let Some(at) = tested {
            notes.tests.insert(at);
        }
        let since = Since { at: end, asked: true, read: false };
        // of several that must hold, each one does; of several that may, none did
        if is_there && !any {
            yes.insert(name.to_owned(), since);
        } else if !is_there && !all {
            no.insert(name.to_owned(), since);
        }
    }
    Effect { yes: Some(yes), no: Some(no) }
}

/// The variable that one clause asks about, whether it is set where the clause holds, and where it is read for that.
fn asked<'a>(clause: &[Part<'_, 'a>]) -> Option<(&'a str, bool, Option<usize>)> {
    match clause {
        [not, rest @ ..] if not.plain() == "!" && !rest.is_empty() => {
            asked(rest).map(|(name, is_there, at)| (name, !is_there, at))
        }
        [only] => variable(only).map(|(name, at)| (name, true, Some(at))),
        [option, operand] => match option.plain() {
            "-n" => variable(operand).map(|(name, at)| (name, true, Some(at))),
            "-z" => variable(operand).map(|(name, at)| (name, false, Some(at))),
            "-v" => {
                let name = operand.raw.split('[').next().unwrap_or_default();
                is_identifier(name).then_some((name, true, None))
            }
            _ => None,
        },
        [left, operator, right] if matches!(operator.plain(), "=" | "==" | "!=") => {
            let same = operator.plain() != "!=";
            let is_empty = |part: &Part<'_, '_>| matches!(part.raw, "\"\"" | "''");
            if is_empty(right) {
                return variable(left).map(|(name, at)| (name, !same, Some(at)));
            }
            if is_empty(left) {
                return variable(right).map(|(name, at)| (name, !same, Some(at)));
            }
            // equal to a word that is not empty, and no pattern
            let is_word =
                !right.word.expands && !right.word.runs && !right.raw.contains(['*', '?', '[', '(']);
            let (name, _) = variable(left).filter(|_| same && is_word)?;
            Some((name, true, None))
        }
        _ => None,
    }
}

/// The variable that a word is, and nothing else, and where it stands.
fn variable<'a>(part: &Part<'_, 'a>) -> Option<(&'a str, usize)> {
    let bare = part.raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).unwrap_or(part.raw);
    let lead = usize::from(bare.len() != part.raw.len());
    let behind = bare.strip_prefix('$')?;
    let name = match behind.strip_prefix('{') {
        Some(inside) => {
            let inside = inside.strip_suffix('}')?;
            let end = inside.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(inside.len());
            let (name, rest) = inside.split_at_checked(end)?;
            matches!(rest, "" | ":-" | "-" | "[*]" | "[@]" | "[0]" | "+x" | ":+x" | "+1" | "+set")
                .then_some(name)?
        }
        None => behind,
    };
    is_identifier(name).then_some((name, part.at + lead))
}
