//! Text that the output must hold.

use super::judge::shorten;
use super::model::Judgement;
use super::pairs::psql_bool;
use super::phrase::fold_quotes;
use super::rows::{self, Kind};

/// Words that turn what follows into its opposite, or into a wish.
const DENIALS: &[&str] = &[
    "not",
    "no",
    "never",
    "cannot",
    "without",
    "isn\"t",
    "wasn\"t",
    "aren\"t",
    "failed",
    "fail",
    "non",
    "neither",
    "nor",
    "couldn\"t",
    "could",
    "unable",
    "should",
    "would",
    "will",
    "must",
    "if",
    "when",
    "unless",
    "until",
    "before",
    "once",
    "waiting",
    "expected",
    "expecting",
    "expect",
    "wanted",
    "grep",
    "echo",
    "previously",
    "previous",
    "formerly",
    "from",
    "former",
    "last",
    "was",
    "were",
    "lost",
    "almost",
    "nearly",
    "yet",
    "hardly",
    "instead",
    "stopped",
    "nicht",
    "kein",
    "keine",
    "pas",
    "aucun",
];
/// Words of a line that make everything behind them doubtful.
const TROUBLE: &[&str] =
    &["error", "failed", "failure", "fatal", "exception", "rejected", "refused", "denied", "timeout"];
/// Words shortly behind the text that take it back.
const TAKEN_BACK: &[&str] = &[
    "false",
    "no",
    "not",
    "never",
    "failed",
    "fails",
    "error",
    "errors",
    "failure",
    "failures",
    "but",
    "except",
    "however",
    "partially",
    "warnings",
    "nein",
    "aborted",
    "dry",
    "simulated",
    "rejected",
    "skipped",
    "expected",
];
/// Words of output that speak of something gone wrong, whatever else it says.
const GLOOM: &[&str] = &[
    "missing",
    "fail",
    "failed",
    "failing",
    "failure",
    "corrupt",
    "corrupted",
    "unhealthy",
    "unreachable",
    "unavailable",
    "degraded",
    "crashed",
    "crashloopbackoff",
    "dead",
    "down",
    "inactive",
    "stuck",
    "expired",
    "broken",
];

/// Where a text was found in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hit {
    /// Part of a longer word, such as `inactive`.
    InWord,
    /// Joined to more by punctuation, such as `registry/web:v1`.
    Joined,
    /// After a denial.
    Denied,
    /// On its own.
    Clear,
}

pub(crate) fn judge(text: &str, stdout: &str, stderr: &str) -> Judgement {
    let needle = tidy(text);
    let lines: Vec<String> = stdout.lines().map(tidy).filter(|line| !line.is_empty()).collect();
    if needle.is_empty() {
        return Judgement::ask("the expected text is empty");
    }
    if lines.is_empty() {
        return if tidy(stderr).contains(&needle) {
            Judgement::ask("found on standard error only")
        } else {
            Judgement::fail(format!("no output, wanted `{}`", shorten(text)))
        };
    }
    if let Some(judgement) = in_cells(&needle, stdout).or_else(|| unit_state(&needle, &lines)) {
        return judgement;
    }
    let bare = |line: &str| line.trim_matches('"').trim().to_owned();
    if needle.chars().all(char::is_alphabetic) {
        // one word is too little to be sure of inside a sentence or a table
        if lines.iter().all(|line| bare(line) == bare(&needle)) {
            return Judgement::pass(format!("found `{}`", shorten(text)));
        }
    }
    let best = lines.iter().filter_map(|line| hit(line, &needle)).max();
    match best {
        Some(Hit::Clear) if needle.chars().all(char::is_alphabetic) => {
            Judgement::ask(format!("`{}` is there, among other output", shorten(text)))
        }
        Some(Hit::Clear) => match rival(&lines, &needle) {
            Some(other) => {
                Judgement::ask(format!("`{}` is there, and so is `{}`", shorten(text), shorten(&other)))
            }
            None => match in_gloom(&lines, &needle) {
                Some(line) => {
                    Judgement::ask(format!("`{}` is there, and so is `{}`", shorten(text), shorten(line)))
                }
                None => Judgement::pass(format!("found `{}`", shorten(text))),
            },
        },
        Some(Hit::Denied) => Judgement::ask(format!("`{}` is there, after a denial", shorten(text))),
        Some(Hit::Joined) => {
            Judgement::ask(format!("`{}` is there only as part of something longer", shorten(text)))
        }
        Some(Hit::InWord) | None => {
            let lower = needle.to_lowercase();
            if lines.iter().any(|line| hit(&line.to_lowercase(), &lower).is_some_and(|hit| hit > Hit::InWord))
            {
                return Judgement::ask(format!("`{}` is there in other capitals", shorten(text)));
            }
            // psql's `t` where others write `true`
            let wanted = psql_bool(&needle);
            if wanted.is_some() && lines.iter().any(|line| psql_bool(line) == wanted) {
                return Judgement::ask(format!("it says the same as `{}` in another way", shorten(text)));
            }
            let first = lines.first().map(|line| shorten(line)).unwrap_or_default();
            Judgement::fail(format!("`{}` is not in the output, which begins `{first}`", shorten(text)))
        }
    }
}

/// What psql prints for one column, and its `t` and `f` alone: the cells are all there is.
fn in_cells(needle: &str, stdout: &str) -> Option<Judgement> {
    let rows = rows::read(stdout);
    if rows.more || rows.contradicts_itself() || rows.lines.is_empty() {
        return None;
    }
    let table = rows.kind == Kind::Ruled && rows.declared.is_some() && rows.header.len() == 1;
    let cells: Vec<&str> = rows.lines.iter().map(|line| line.trim()).collect();
    if !table && !cells.iter().all(|cell| matches!(*cell, "t" | "f")) {
        return None;
    }
    let wanted = psql_bool(needle);
    let fits = |cell: &str| cell == needle || wanted.is_some() && psql_bool(cell) == wanted;
    let fitting = cells.iter().filter(|cell| fits(cell)).count();
    let first = shorten(cells.first().copied().unwrap_or_default());
    if fitting == cells.len() {
        return Some(Judgement::pass(format!("found `{first}`, wanted `{needle}`")));
    }
    let all_bool = wanted.is_some() && cells.iter().all(|cell| psql_bool(cell).is_some());
    all_bool.then(|| match fitting {
        0 => Judgement::fail(format!("found `{first}`, wanted `{needle}`")),
        some => Judgement::ask(format!("{some} of {} rows say `{needle}`", cells.len())),
    })
}

/// `active (running)` in what `systemctl status` prints about one unit or several.
fn unit_state(needle: &str, lines: &[String]) -> Option<Judgement> {
    let (head, rest) = needle.split_once(" (")?;
    if !(rest.ends_with(')') && head.chars().all(char::is_alphabetic)) {
        return None;
    }
    let says =
        |line: &str| line.strip_prefix(needle).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    let states: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("Active: ")).collect();
    let fitting = states.iter().filter(|state| says(state)).count();
    match states.as_slice() {
        // `systemctl is-active` says only half of it
        [] => lines
            .iter()
            .all(|line| line == head)
            .then(|| Judgement::ask(format!("it says `{head}`, and nothing of `({rest}`"))),
        [first, ..] if fitting == 0 => {
            Some(Judgement::fail(format!("the unit is `{}`, wanted `{needle}`", shorten(first))))
        }
        all if fitting == all.len() => Some(Judgement::pass(format!("found `{needle}`"))),
        all => Some(Judgement::ask(format!("{fitting} of {} units are `{needle}`", all.len()))),
    }
}

/// A line that speaks of something gone wrong in other words than the text itself.
fn in_gloom<'a>(lines: &'a [String], needle: &str) -> Option<&'a String> {
    let own = needle.to_ascii_lowercase();
    let gloom: Vec<&str> = GLOOM.iter().copied().filter(|word| !own.contains(word)).collect();
    lines.iter().find(|line| gloomy(line, &gloom))
}

/// Whether a line speaks of something gone wrong or long past; `0 failed`, `failed=0` and "no failure" are good news.
fn gloomy(line: &str, gloom: &[&str]) -> bool {
    let none =
        |word: &str| matches!(word, "0" | "no" | "zero" | "none" | "not" | "never" | "without" | "false");
    let mut words = line.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).peekable();
    let mut last = "";
    while let Some(word) = words.next() {
        // the longest has 16 letters
        if (4..=16).contains(&word.len()) {
            let lower = word.to_ascii_lowercase();
            let next = words.peek().map(|next| next.to_ascii_lowercase());
            let good = none(&last.to_ascii_lowercase()) || next.is_some_and(|next| none(&next));
            if !good && gloom.contains(&lower.as_str()) {
                return true;
            }
        }
        last = word;
    }
    // `expires in -3 days`
    let mut words = line.split(' ').peekable();
    while let Some(word) = words.next() {
        let past = word.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if past && words.peek().is_some_and(|unit| unit.starts_with("day") || unit.starts_with("hour")) {
            return true;
        }
    }
    false
}

/// One kind of quotes and single blanks, so that only the words count.
fn tidy(text: &str) -> String {
    fold_quotes(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The best place of the needle in a line.
fn hit(line: &str, needle: &str) -> Option<Hit> {
    let mut best = None;
    let trouble = trouble(line);
    for (at, _) in line.match_indices(needle) {
        let end = at + needle.len();
        let (Some(before), Some(after)) = (line.get(..at), line.get(end..)) else { continue };
        let found = match (left(before, needle), right(after, needle)) {
            (Hit::Clear, Hit::Clear) if denied(before, needle) || trouble < at || taken_back(after) => {
                Hit::Denied
            }
            (left, right) => left.min(right),
        };
        best = best.max(Some(found));
        if best == Some(Hit::Clear) {
            break;
        }
    }
    best
}

/// Where a line begins to speak of trouble, or behind its end; a comment speaks of nothing.
fn trouble(line: &str) -> usize {
    if line.starts_with('#') || line.starts_with("//") {
        return 0;
    }
    let mut at = 0;
    for word in line.split(|c: char| !c.is_alphanumeric()) {
        if word.len() <= 9 && TROUBLE.contains(&word.to_ascii_lowercase().as_str()) {
            return at;
        }
        // the separator may be longer than one byte: step over it whole
        at += word.len();
        at += line.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    }
    usize::MAX
}

/// `rolled out: false`, `rolled out?`, `done with 3 errors`; `done, 0 errors` is fine.
fn taken_back(after: &str) -> bool {
    let near = head_of(after, 64);
    if near.trim_start_matches('"').starts_with('?') {
        return true;
    }
    let mut last = String::new();
    for word in near.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).take(5) {
        let word = word.to_lowercase();
        // `completed 90 days ago`; `active since Monday; 2 days ago` says how long
        if word == "since" {
            return false;
        }
        if word == "ago" {
            return true;
        }
        // `rolled out 0 of 5`
        if last == "0" && matches!(word.as_str(), "of" | "replicas" | "times") {
            return true;
        }
        if TAKEN_BACK.contains(&word.as_str()) && !matches!(last.as_str(), "0" | "no" | "zero" | "without") {
            // `no errors` is good news, `no` alone is not
            let good = matches!(word.as_str(), "no") && near.to_lowercase().contains("no error");
            if !good {
                return true;
            }
        }
        last = word;
    }
    false
}

/// At most so many bytes of the beginning.
fn head_of(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// At most so many bytes of the end.
fn tail_of(text: &str, bytes: usize) -> &str {
    let mut start = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text.get(start..).unwrap_or_default()
}

fn left(before: &str, needle: &str) -> Hit {
    edge(before.chars().next_back(), needle.chars().next(), None)
}

fn right(after: &str, needle: &str) -> Hit {
    let mut chars = after.chars();
    edge(chars.next(), needle.chars().next_back(), Some(chars.next()))
}

/// How an occurrence is bounded on one side; `beyond` is what follows the neighbour, on the right side only.
fn edge(neighbour: Option<char>, own: Option<char>, beyond: Option<Option<char>>) -> Hit {
    let Some(neighbour) = neighbour else { return Hit::Clear };
    let ends_sentence = matches!(neighbour, '.' | ':' | '!' | '?')
        && beyond.is_some_and(|next| next.is_none_or(|next| next.is_whitespace() || next == '"'));
    if neighbour.is_whitespace()
        || "\"()[]{}<>,;|=".contains(neighbour) && !(neighbour == '=' && beyond.is_some())
        || ends_sentence
    {
        Hit::Clear
    } else if neighbour.is_alphanumeric() && own.is_some_and(char::is_alphanumeric) {
        Hit::InWord
    } else {
        Hit::Joined
    }
}

fn denied(before: &str, needle: &str) -> bool {
    // what is looked for may itself be a denial
    let own = |word: &str| needle.split(' ').any(|part| part.eq_ignore_ascii_case(word));
    let near = tail_of(before, 80).split_whitespace().rev().take(4);
    // what a sentence before says is about something else
    near.take_while(|word| !word.ends_with(['.', '!', ';'])).any(|word| {
        let word: String = word.to_lowercase().trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
        DENIALS.contains(&word.as_str()) && !own(&word)
    })
}

/// For `web:v1.1`: another `web:...` in the output; for `v1.29.4` another version.
fn rival(lines: &[String], needle: &str) -> Option<String> {
    if needle.contains(' ') {
        return None;
    }
    let mut words =
        lines.iter().flat_map(|line| line.split(|c: char| c.is_whitespace() || "\"()[]{},;|".contains(c)));
    let found = if let Some((stem, _)) = needle.rsplit_once(':') {
        let stem = format!("{stem}:");
        words.find(|word| word.contains(&stem) && *word != needle)
    } else if is_version(needle) {
        let marked = needle.starts_with('v');
        words.find(|word| is_version(word) && word.starts_with('v') == marked && *word != needle)
    } else {
        None
    };
    found.map(str::to_owned)
}

/// `v1.29.4`, `2.14.3`; four numbers are an address.
fn is_version(word: &str) -> bool {
    let mut parts = word.strip_prefix('v').unwrap_or(word).split('.');
    parts.clone().count() == 3
        && parts.all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}
