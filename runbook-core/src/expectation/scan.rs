//! Finds the numbers in output, and says where digits are not a plain number.

use super::phrase::decimal;
use super::units::{Family, Unit, unit};
use super::want::Amount;

/// The numbers of a text.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Numbers in order.
    pub(crate) amounts: Vec<Amount>,
    /// Digits that are no plain number (a date, `2/3`, an address).
    pub(crate) odd: bool,
    /// Families of the units that follow such digits.
    pub(crate) odd_families: Vec<Family>,
    /// Words that make it doubtful what the number is: `retry 3`, `line 7`.
    pub(crate) suspicious: bool,
    /// The number is what is left, not what is used: `12% free`.
    pub(crate) left: bool,
    /// The number may be how much is lost: `100% packet loss`.
    pub(crate) loss: bool,
    /// Words that make a plain number one of things gone wrong: `5 errors`.
    pub(crate) gloomy: bool,
    /// A name without a number: `panics: x`.
    pub(crate) blank: bool,
    /// A number stands without a unit and without the things that it counts: `900 (p99)`.
    pub(crate) rival: bool,
}

/// Words before a number that make it a limit rather than a measurement.
const LIMITS: &[&str] = &[
    "limit",
    "max",
    "maximum",
    "threshold",
    "target",
    "quota",
    "of",
    "goal",
    "slo",
    "sla",
    "budget",
    "allowed",
    "under",
    "below",
    "above",
    "over",
    "wanted",
    "expected",
    "expect",
    "want",
    "than",
    "min",
    "minimum",
    "about",
    "approximately",
    "approx",
    "roughly",
    "around",
    "circa",
    "ca",
    "nearly",
    "almost",
    "least",
    "most",
    "<",
    ">",
    "<=",
    ">=",
    "~",
    "≤",
    "≥",
    "≈",
    "≲",
    "≳",
    "±",
    "≠",
    "≪",
    "≫",
    "!=",
    "=<",
    "=>",
    "<~",
    "~=",
    ">>",
    "<<",
    "until",
    "within",
    "hard",
    "soft",
    "capacity",
];
/// Words that speak of something going wrong rather than of a measurement.
const SUSPICIOUS: &[&str] = &[
    "not",
    "unable",
    "cannot",
    "could",
    "couldn't",
    "refused",
    "denied",
    "timeout",
    "timed",
    "retry",
    "retrying",
    "retries",
    "attempt",
    "attempts",
    "line",
    "exit",
    "exited",
    "code",
    "column",
    "signal",
    "pid",
    "port",
    "unknown",
    "unavailable",
    "failed",
    "expected",
    "estimated",
    "estimate",
    "previously",
    "yesterday",
    "was",
    "skipped",
    "set",
    "gave",
    "giving",
    "pending",
    "infinity",
    "inf",
    "infinite",
    "nan",
];
/// Words of what is lost or goes wrong.
const LOSSES: &[&str] =
    &["loss", "lost", "dropped", "error", "errors", "failure", "failures", "failed", "rejected", "unhealthy"];
/// Words that say that a counted thing went wrong.
const GLOOM: &[&str] = &[
    "error",
    "errors",
    "failure",
    "failures",
    "panics",
    "crashes",
    "crashed",
    "unavailable",
    "unreachable",
    "unhealthy",
    "missing",
    "corrupt",
    "corrupted",
    "lost",
    "down",
    "dead",
    "broken",
    "degraded",
    "pending",
    "not",
];

/// Words that make a number something else than what was measured, wherever they stand.
const DOUBTFUL: &[&str] = &[
    "partial",
    "partially",
    "incomplete",
    "truncated",
    "estimated",
    "estimate",
    "estimates",
    "estimation",
    "approx",
    "approximate",
    "approximated",
    "approximately",
    "approximation",
    "roughly",
    "circa",
    "stale",
    "outdated",
    "obsolete",
    "cached",
    "sampled",
    "extrapolated",
    "projected",
    "preliminary",
    "provisional",
    "interim",
    "unverified",
    "unconfirmed",
    "unreliable",
    "inaccurate",
    "guess",
    "guessed",
    "maybe",
    "perhaps",
    "probably",
    "possibly",
    "least",
    "simulated",
    "fake",
    "placeholder",
];
/// Words that multiply a number, wherever they stand in its line.
const SCALES: &[&str] = &[
    "dozen",
    "dozens",
    "hundred",
    "hundreds",
    "thousand",
    "thousands",
    "million",
    "millions",
    "billion",
    "billions",
    "trillion",
    "trillions",
    "lakh",
    "lakhs",
    "crore",
    "crores",
    "milliard",
    "milliards",
    "mio",
    "mrd",
    "mln",
];
/// Words right behind a number that make it another one.
const BEHIND: &[&str] =
    &["k", "m", "b", "g", "t", "mn", "mm", "bn", "tn", "or", "plus", "ish", "+", "x", "×", "*"];

/// Whether a word or a name says that a number is not simply what was measured: `partial=true`, `approx_count`.
pub(crate) fn doubtful(name: &str) -> bool {
    // the shortest has four letters; most words of a long output are shorter or hold none
    if !(4..=256).contains(&name.len()) || !name.bytes().any(|b| b.is_ascii_alphabetic()) {
        return false;
    }
    let lower = name.to_ascii_lowercase();
    let mut parts = lower.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).peekable();
    let mut found = false;
    while let Some(part) = parts.next() {
        // `partial=false` says the opposite
        found |= DOUBTFUL.contains(&part) && !matches!(parts.peek(), Some(&("false" | "no" | "none")));
    }
    found
}

/// Whether a word or a name multiplies the number: `millions`, `count_in_thousands`.
pub(crate) fn scales(name: &str) -> bool {
    (3..=256).contains(&name.len())
        && name.bytes().any(|b| b.is_ascii_alphabetic())
        && name
            .split(|c: char| !c.is_alphanumeric())
            .any(|part| SCALES.contains(&part.to_ascii_lowercase().as_str()))
}

/// Reads the numbers of one line.
pub(crate) fn line(line: &str) -> Scan {
    let mut scan = Scan::default();
    let words: Vec<&str> = line
        .split(|c: char| c.is_whitespace() || c == '|' || c == '│')
        .flat_map(pieces)
        .filter(|word| !word.is_empty())
        .collect();
    let mut i = 0;
    let mut before = "";
    let mut scaled = false;
    while let Some(&word) = words.get(i) {
        i += 1;
        let lower = word.trim_matches(|c: char| "()[]{}\"'`:.!?".contains(c)).to_ascii_lowercase();
        let numeric = word.contains(|c: char| c.is_numeric());
        if !numeric {
            scan.left |=
                matches!(lower.as_str(), "free" | "left" | "remaining" | "idle" | "available" | "avail");
            scan.suspicious |= SUSPICIOUS.contains(&lower.as_str()) || doubtful(word);
            scan.loss |= LOSSES.contains(&lower.as_str());
            scan.gloomy |= GLOOM.contains(&lower.as_str());
            scan.blank |= before.ends_with(':');
            scaled |= scales(word);
            before = word;
            continue;
        }
        i += usize::from(token(word, before, words.get(i).copied(), &mut scan));
        before = word;
    }
    if scaled {
        scan.amounts.iter_mut().for_each(|amount| amount.guarded = true);
    }
    scan
}

/// Splits at `,` and `;` that do not stand between digits.
fn pieces(word: &str) -> impl Iterator<Item = &str> {
    let bytes = word.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let mut start = 0;
    let mut cuts = Vec::new();
    for (at, c) in word.char_indices() {
        if matches!(c, ',' | ';') && !(c == ',' && digit(at.checked_sub(1)) && digit(Some(at + 1))) {
            cuts.push(word.get(start..at).unwrap_or_default());
            start = at + 1;
        }
    }
    cuts.push(word.get(start..).unwrap_or_default());
    cuts.into_iter()
}

/// Reads one word; tells whether the next word was its unit.
fn token(word: &str, before: &str, next: Option<&str>, scan: &mut Scan) -> bool {
    let tail = word.trim_end_matches(|c: char| "()[]{}\"'`:".contains(c));
    // `45?`, `45...`, `45 or more`
    let unsure = tail.ends_with('?')
        || tail.ends_with("..")
        || next.is_some_and(|next| {
            let next = next.trim_matches(|c: char| "()[]{}\"'`:.!?".contains(c)).to_ascii_lowercase();
            let power = || next.strip_prefix(['x', '×', '*']).is_some_and(|rest| rest.starts_with("10"));
            BEHIND.contains(&next.as_str()) || power()
        });
    let unsure = |guarded: bool, unit: Option<&Unit>| guarded || unsure && unit.is_none();
    let mut guarded = limit(before);
    let mut word = word.trim_matches(|c: char| "()[]{}\"'`:".contains(c)).trim_end_matches(['.', '!', '?']);
    // `load=0.5` and `"load":0.5` are about their right side
    if let Some((left, right)) = word.rsplit_once(['=', ':'])
        && left.contains(|c: char| c.is_alphabetic())
    {
        if left.contains(['=', ':', '/'])
            || (word.contains(&format!("{left}:")) && !left.ends_with(['"', '\'']))
        {
            return odd(word, next, scan);
        }
        guarded = limit(left) || doubtful(left) || scales(left);
        word = right.trim_matches(['"', '\'']);
    }
    let body = word.trim_start_matches(['<', '>', '~', '≤', '≥', '≈', '≲', '≳', '±', '≠', '≪', '≫', '=']);
    guarded |= body.len() < word.len();
    let body = body.trim_start_matches(['$', '€']);
    let (sign, digits) = match body.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => (-1.0, rest),
        None => (1.0, body.strip_prefix('+').unwrap_or(body)),
    };
    match digits.chars().next() {
        Some(c) if c.is_ascii_digit() => {}
        // `v1.2`, `web-3`: a name
        Some(c) if c.is_alphabetic() && !c.is_numeric() => return false,
        _ => return odd(word, next, scan),
    }
    let end = digits.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ','))).unwrap_or(digits.len());
    let (amount, attached) = digits.split_at_checked(end).unwrap_or((digits, ""));
    let Some((value, or)) = readings(amount) else { return odd(word, next, scan) };
    if attached.is_empty() {
        let follows = next.and_then(|next| unit(next.trim_matches(['(', ')', ']', '.', ':'])));
        // with a unit behind it, a point is a point
        let or = if amount.contains(',') || follows.is_none() { or } else { None };
        let guarded = unsure(guarded, follows);
        scan.rival |= follows.is_none() && !next.is_some_and(counted);
        scan.amounts.push(Amount { value: sign * value, or: or.map(|or| sign * or), unit: follows, guarded });
        return follows.is_some();
    }
    if let Some(unit) = unit(attached) {
        let or = if amount.contains(',') { or } else { None };
        scan.amounts.push(Amount {
            value: sign * value,
            or: or.map(|or| sign * or),
            unit: Some(unit),
            guarded,
        });
        return false;
    }
    match span(digits) {
        Some(value) => {
            let unit = unit("ms");
            scan.amounts.push(Amount { value: sign * value, or: None, unit, guarded });
            false
        }
        None => odd(word, next, scan),
    }
}

/// Whether a word behind a number is what it counts: `4 packets`, `3 received`.
fn counted(word: &str) -> bool {
    let word = word.trim_end_matches(['.', ':', ')']);
    let left = ["free", "left", "used", "total", "available", "min", "max", "avg"].contains(&word);
    word.len() >= 3 && !left && word.chars().all(|c| c.is_alphabetic() || c == '-')
}

/// Whether a name or word makes the number behind it a limit rather than a measurement.
pub(crate) fn limit(word: &str) -> bool {
    if !word.contains(|c: char| {
        c.is_ascii_alphabetic() || matches!(c, '<' | '>' | '~' | '=') || !c.is_ascii() && !c.is_alphanumeric()
    }) {
        return false;
    }
    let word = word.trim_matches(|c: char| "()[]{}\"'`:.".contains(c)).to_ascii_lowercase();
    // `memory_limit` is a limit too
    let last = word.rsplit(['_', '-', '.']).next().unwrap_or_default();
    let first = word.split(['_', '-', '.']).next().unwrap_or_default();
    [word.as_str(), last, first].iter().any(|word| LIMITS.contains(word))
}

fn odd(word: &str, next: Option<&str>, scan: &mut Scan) -> bool {
    scan.odd = true;
    let tail = word.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '%');
    let tail =
        tail.get(tail.rfind(|c: char| c.is_ascii_digit()).map_or(0, |at| at + 1)..).unwrap_or_default();
    let percent = word.contains('%').then_some("%");
    let units = next.into_iter().chain(tail.split('/')).chain([tail]).chain(percent).filter_map(unit);
    for family in units.map(|unit| unit.family) {
        if !scan.odd_families.contains(&family) {
            scan.odd_families.push(family);
        }
    }
    false
}

/// A number as written, and what else it may be: `1,023` and `1.023` may be a thousand and twenty-three.
fn readings(text: &str) -> Option<(f64, Option<f64>)> {
    let groups = |text: &str, mark: char| -> Option<f64> {
        let mut parts = text.split(mark);
        let first = parts.next()?;
        let fits = (1..=3).contains(&first.len()) && !first.starts_with('0');
        let mut count = 0;
        for part in parts {
            count += 1;
            if part.len() != 3 || count > 4 {
                return None;
            }
        }
        (fits && count > 0).then(|| decimal(&text.replace(mark, ""))).flatten()
    };
    if let Some((whole, rest)) = text.split_once(',') {
        // `1,234.5`
        if let Some((left, right)) = text.rsplit_once('.') {
            let left = groups(left, ',')?;
            return Some((decimal(&format!("{left}.{right}"))?, None)).filter(|_| !right.contains(','));
        }
        let thousands = groups(text, ',');
        let comma = if rest.contains(',') { None } else { decimal(&format!("{whole}.{rest}")) };
        return match (thousands, comma) {
            (Some(a), b) => Some((a, b)),
            (None, Some(b)) => Some((b, None)),
            (None, None) => None,
        };
    }
    match (decimal(text), groups(text, '.')) {
        (Some(value), or) => Some((value, or)),
        (None, Some(thousands)) => Some((thousands, None)),
        (None, None) => None,
    }
}

/// `1h2m3.5s`, `0m1.2s`: milliseconds.
fn span(text: &str) -> Option<f64> {
    let (mut rest, mut total, mut largest) = (text, 0.0, f64::INFINITY);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (amount, after) = rest.split_at_checked(end)?;
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (word, after) = after.split_at_checked(end)?;
        let unit = unit(word).filter(|unit| unit.family == Family::Time && unit.least < largest)?;
        largest = unit.least;
        total += decimal(amount)? * unit.least;
        rest = after;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<f64> {
        line(text).amounts.iter().map(|amount| amount.value).collect()
    }

    #[test]
    fn numbers_and_what_only_looks_like_them() {
        assert_eq!(values("a 5 b -2.5, (7)"), [5.0, -2.5, 7.0]);
        assert_eq!(values("load=0.5 \"x\":3,"), [0.5, 3.0]);
        assert_eq!(values("v1.2 web-3 2024-01-02 10:30 10.0.0.1 2/3 host:8080 a=1:b=2"), [0.0; 0]);
        assert!(line("2024-01-02").odd && line("host:8080").odd && line("٢٣").odd);
        assert_eq!(values("1m30s 0m1.5s 2h"), [90_000.0, 1500.0, 2.0]);
        assert_eq!(line("used=600,limit=200").amounts.len(), 2);
        assert_eq!(values("{\"used\":600,\"limit\":200}"), [600.0, 200.0]);
        assert!(line("of 80%").amounts[0].guarded && line("<5ms").amounts[0].guarded);
        assert!(!line("cpu 80%").amounts[0].guarded);
        assert!(line("35%/70%").odd_families.contains(&Family::Percent));
    }

    #[test]
    fn commas_and_points() {
        assert_eq!(readings("1,023"), Some((1023.0, Some(1.023))));
        assert_eq!(readings("1.023"), Some((1.023, Some(1023.0))));
        assert_eq!(readings("0.152"), Some((0.152, None)));
        assert_eq!(readings("23,5"), Some((23.5, None)));
        assert_eq!(readings("1,234,567"), Some((1_234_567.0, None)));
        assert_eq!(readings("1.234.567"), Some((1_234_567.0, None)));
        assert_eq!(readings("1,234.5"), Some((1234.5, None)));
        for bad in ["1.2.3", "1,2,3", ",", "1.", "1,234.5,6"] {
            assert_eq!(readings(bad), None, "{bad}");
        }
    }
}
