//! What a test says about variables: `[ -n "$X" ]`, `[[ -v X && $Y ]]`, `[ "$X" = prod ]`.

use super::super::super::names::is_identifier;
use super::assigned::{Effect, Names, Notes, Since};
use super::simple::Part;

/// A variable that a clause asks about.
struct Asked<'a> {
    name: &'a str,
    /// It has a value where the clause holds; else it has one where it does not.
    is_there: bool,
    /// Where it is read, where that is no use of it.
    tested: Option<usize>,
}

/// What several clauses that are looked at one after the other say.
struct Joined {
    /// Each of them must hold.
    all: bool,
    /// One of them is enough.
    any: bool,
    /// All are looked at, also where an earlier one has decided.
    whole: bool,
}

/// What is set where `[ ... ]` or `test ...` holds, and where it does not.
pub(super) fn of_command(words: &[Part<'_, '_>], end: usize, notes: &mut Notes) -> Effect {
    let words = match words.split_last() {
        Some((last, rest)) if last.plain() == "]" => rest,
        _ => words,
    };
    let is_mark = |word: &Part<'_, '_>| matches!(word.plain(), "-a" | "-o");
    let has = |mark: &str| words.iter().any(|word| word.plain() == mark);
    let is_joined = words.iter().any(is_mark);
    // brackets take clauses together, and where nobody knows how many words there are, nobody knows what they mean
    if words.iter().any(is_bracket) || is_joined && !words.iter().all(is_one_word) {
        return Effect::nothing();
    }
    match words {
        // of four words, the first turns around what the other three say together
        [not, rest @ ..] if rest.len() == 3 && not.plain() == "!" && is_joined => {
            let turned = of_command(rest, end, notes);
            Effect { yes: turned.no, no: turned.yes, ..turned }
        }
        _ => {
            let clauses: Vec<&[Part<'_, '_>]> = words.split(is_mark).collect();
            together(&clauses, &Joined { all: has("-a"), any: has("-o"), whole: true }, end, notes)
        }
    }
}

/// What is set where `[[ ... ]]` holds, and where it does not; no variable is split there. `None` is a mark.
pub(super) fn of_brackets(
    words: &[Option<Part<'_, '_>>],
    marks: &[&str],
    end: usize,
    notes: &mut Notes,
) -> Effect {
    let clauses: Vec<Vec<Part<'_, '_>>> =
        words.split(Option::is_none).map(|clause| clause.iter().flatten().copied().collect()).collect();
    let clauses: Vec<&[Part<'_, '_>]> = clauses.iter().map(Vec::as_slice).collect();
    together(
        &clauses,
        &Joined { all: marks.contains(&"&&"), any: marks.contains(&"||"), whole: false },
        end,
        notes,
    )
}

fn together(clauses: &[&[Part<'_, '_>]], joined: &Joined, end: usize, notes: &mut Notes) -> Effect {
    let in_words = joined.whole;
    let (mut yes, mut no) = (Names::new(), Names::new());
    // a test that ends with an error does not hold, whatever its variables are
    let mut fails = joined.whole && clauses.len() > 1 && !clauses.iter().all(|clause| cannot_fail(clause));
    for clause in clauses {
        if let Some(Asked { name, is_there, tested }) = asked(clause, in_words) {
            notes.tests.extend(tested);
            let since = Since { at: end, asked: true, read: false };
            // of several that must hold, each one does; of several that may, none did
            if is_there && !joined.any {
                yes.insert(name.to_owned(), since);
            } else if !is_there && !joined.all && !fails {
                no.insert(name.to_owned(), since);
            }
        }
        fails |= !cannot_fail(clause);
    }
    Effect { yes: Some(yes), no: Some(no), ..Effect::nothing() }
}

/// The variable that one clause asks about. In `[` it makes no word where it is not quoted and has no value.
fn asked<'a>(clause: &[Part<'_, 'a>], in_words: bool) -> Option<Asked<'a>> {
    let may_vanish = |part: &Part<'_, '_>| in_words && !is_one_word(part);
    let found = |part: &Part<'_, 'a>, is_there: bool| {
        variable(part).map(|(name, at)| Asked { name, is_there, tested: Some(at) })
    };
    match clause {
        [not, rest @ ..] if not.plain() == "!" && !rest.is_empty() => {
            // without the variable, `!` is compared
            if rest.len() == 3 && rest.iter().any(may_vanish) {
                return None;
            }
            asked(rest, in_words).map(|asked| Asked { is_there: !asked.is_there, ..asked })
        }
        [only] => found(only, true),
        [option, operand] => match option.plain() {
            // `[ -n ]` holds, as any one word does, and so does `[ -z ]`
            "-n" if may_vanish(operand) => None,
            "-n" => found(operand, true),
            "-z" => found(operand, false),
            "-v" => {
                let name = operand.raw.split('[').next().unwrap_or_default();
                is_identifier(name).then_some(Asked { name, is_there: true, tested: None })
            }
            _ => None,
        },
        [left, operator, right] if right.raw == "0" && matches!(operator.plain(), "-gt" | "-ne" | "-eq") => {
            let bare = left.raw.trim_matches('"');
            let name = bare.strip_prefix("${#")?.strip_suffix('}').filter(|name| is_identifier(name))?;
            let tested = Some(left.at + usize::from(bare.len() != left.raw.len()));
            Some(Asked { name, is_there: operator.plain() != "-eq", tested })
        }
        [left, operator, right] if matches!(operator.plain(), "=" | "==" | "!=") => {
            let same = operator.plain() != "!=";
            if let Some(part) = behind_mark(left, right.word.text()) {
                return found(&part, !same);
            }
            let is_empty = |part: &Part<'_, '_>| matches!(part.raw, "\"\"" | "''");
            for (empty, part) in [(right, left), (left, right)] {
                if is_empty(empty) {
                    // `[ = "" ]` is an error, which does not hold either
                    return found(part, !same).filter(|_| !(same && may_vanish(part)));
                }
            }
            // equal to a word that is not empty, and no pattern
            let is_word = !right.word.expands
                && !right.word.runs
                && !right.word.reshaped
                && !right.word.text().is_empty()
                && !right.raw.contains(['*', '?', '[', '(']);
            let (name, _) = variable(left).filter(|_| same && is_word)?;
            Some(Asked { name, is_there: true, tested: None })
        }
        _ => None,
    }
}

/// `$X` in `"x$X"`, which is compared with `x`.
fn behind_mark<'t, 'a>(part: &Part<'t, 'a>, mark: &str) -> Option<Part<'t, 'a>> {
    let lead = usize::from(part.raw.starts_with('"'));
    let raw = part.raw.get(lead..part.raw.len() - lead)?.strip_prefix(mark)?;
    let at = part.at + lead + mark.len();
    (matches!(mark, "x" | "X" | "_") && raw.starts_with('$')).then_some(Part { raw, at, ..*part })
}

/// Whether bash always knows what to say of a clause.
fn cannot_fail(clause: &[Part<'_, '_>]) -> bool {
    match clause {
        [not, rest @ ..] if not.plain() == "!" && !rest.is_empty() => cannot_fail(rest),
        [_] => true,
        [option, _] => option.plain().len() == 2 && option.plain().starts_with('-'),
        [_, operator, _] => matches!(operator.plain(), "=" | "==" | "!="),
        _ => false,
    }
}

fn is_bracket(word: &Part<'_, '_>) -> bool {
    matches!(word.raw.trim_matches(['\\', '\'', '"']), "(" | ")")
}

/// Whether it is one word whatever its variables are.
fn is_one_word(part: &Part<'_, '_>) -> bool {
    let is_list = part.raw.contains("[@]") || part.raw.contains("$@") || part.raw.contains("${@");
    let is_bare = (part.word.expands || part.word.runs) && !part.word.quoted;
    !part.word.splits && !is_list && !is_bare
}

/// The variable that a word is, and nothing else, and where it stands.
pub(super) fn variable<'a>(part: &Part<'_, 'a>) -> Option<(&'a str, usize)> {
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
