//! Gives the text of an expectation its typed meaning.

use super::model::{Check, Comparison, Expectation};
use super::phrase::{ROW_WORDS, decimal, quoted, ratio, unit, whole};

/// Nouns that mean "lines or rows of the output" when a count stands before them.
const ROW_NOUNS: &[&str] = &[
    "line",
    "lines",
    "row",
    "rows",
    "result",
    "results",
    "hit",
    "hits",
    "match",
    "matches",
    "entry",
    "entries",
    "record",
    "records",
    "item",
    "items",
    "repo",
    "repos",
    "repository",
    "repositories",
    "pod",
    "pods",
    "node",
    "nodes",
    "file",
    "files",
    "job",
    "jobs",
];
/// Nouns that may stand between a ratio and its word.
const RATIO_NOUNS: &[&str] =
    &["pods", "replicas", "nodes", "instances", "containers", "services", "deployments"];

/// Classifies an expectation's text (what follows `Expected:`). The line is left 0 for the caller to fill in.
///
/// A bracket at the end is a note, unless it holds the only part that can be checked: in `All pods Running (3/3)`
/// it does. Text that is not understood as a whole is [`Check::Person`]; classifying the same text again always
/// gives the same value.
#[must_use]
pub fn classify(text: &str) -> Expectation {
    let text = text.trim();
    let (head, note, within_ms) = take_apart(text);
    let check = check_of(head, note, within_ms.is_some());
    Expectation { line: 0, text: text.to_owned(), check, within_ms }
}

/// Splits off `within 45s` and a bracket at the end, in either order.
fn take_apart(text: &str) -> (&str, Option<&str>, Option<u64>) {
    let mut head = text.trim().trim_end_matches('.').trim_end();
    let (mut note, mut within_ms) = (None, None);
    for _ in 0..2 {
        if note.is_none()
            && let Some(body) = head.strip_suffix(')')
            && let Some(open) = body.rfind('(')
            && !body[open + 1..].contains(')')
        {
            note = Some(body[open + 1..].trim());
            head = body[..open].trim_end();
        }
        if within_ms.is_none()
            && let Some((before, ms)) = deadline(head)
        {
            within_ms = Some(ms);
            head = before.trim_end().trim_end_matches(',').trim_end();
        }
    }
    (head, note, within_ms)
}

/// `... within 45s`, `... within 1 min`: what stands before, and milliseconds.
fn deadline(text: &str) -> Option<(&str, u64)> {
    let at = text.to_ascii_lowercase().rfind("within ")?;
    if !(at == 0 || text[..at].ends_with(' ')) {
        return None;
    }
    let span = text[at + "within ".len()..].trim();
    let digits = span.bytes().take_while(u8::is_ascii_digit).count();
    let factor = match span[digits..].trim().to_ascii_lowercase().as_str() {
        "ms" | "milliseconds" => 1,
        "s" | "sec" | "secs" | "second" | "seconds" => 1000,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        _ => return None,
    };
    Some((&text[..at], whole(&span[..digits])?.checked_mul(factor)?))
}

fn check_of(head: &str, note: Option<&str>, has_deadline: bool) -> Check {
    if head.is_empty() {
        // `(a note)` alone says nothing; `within 45s` alone asks for an end in time
        return if note.is_none() && has_deadline { Check::ExitZero } else { Check::Person };
    }
    let check = typed(head);
    let Some(inside) = note.map(typed) else { return check };
    match (check, inside) {
        // `All pods Running (3/3)`
        (Check::Person, Check::Ratio { have, want, word: None }) => {
            every_row_word(head).map_or(Check::Person, |word| Check::Ratio { have, want, word: Some(word) })
        }
        // `List of repositories (9-50 repos)`
        (Check::Person, inside @ Check::Count { .. }) => inside,
        (Check::Person, _) => Check::Person,
        // two things are asked for, and only one of them would be judged
        (
            _,
            Check::Ratio { .. }
            | Check::Count { .. }
            | Check::Number { .. }
            | Check::Pairs { .. }
            | Check::HttpStatus { .. },
        ) => Check::Person,
        (check, _) => check,
    }
}

/// `All pods Running`: the word that each row must carry.
fn every_row_word(head: &str) -> Option<String> {
    let words: Vec<&str> = head.split_whitespace().collect();
    let lead = words.first()?.to_ascii_lowercase();
    let word = words.last()?;
    let every = matches!(lead.as_str(), "all" | "every" | "each") && words.len() <= 4;
    let known = ROW_WORDS.contains(&word.to_ascii_lowercase().as_str());
    let plain = words.iter().all(|word| word.chars().all(|c| c.is_alphabetic() || c == '-'));
    (every && known && plain && words.len() >= 2).then(|| (*word).to_owned())
}

/// The typed meaning of a text without note and deadline.
fn typed(text: &str) -> Check {
    let lower = text.to_ascii_lowercase();
    None.or_else(|| exit_zero(&lower))
        .or_else(|| http_status(&lower))
        .or_else(|| ratio_check(text))
        .or_else(|| count(&lower))
        .or_else(|| number(text))
        .or_else(|| quoted(text).and_then(contains))
        .or_else(|| pairs(text))
        .or_else(|| token(text))
        .unwrap_or(Check::Person)
}

fn exit_zero(lower: &str) -> Option<Check> {
    let phrases = [
        "exit 0",
        "exits 0",
        "exit code 0",
        "exit status 0",
        "exit code: 0",
        "exits with 0",
        "exit code is 0",
    ];
    phrases.contains(&lower).then_some(Check::ExitZero)
}

/// `HTTP 200`, `HTTP/1.1 200 OK`, `status code 204`, `200 OK`.
fn http_status(lower: &str) -> Option<Check> {
    const REASONS: &[&str] = &[
        "ok",
        "created",
        "accepted",
        "no content",
        "moved permanently",
        "found",
        "not modified",
        "bad request",
        "unauthorized",
        "forbidden",
        "not found",
        "too many requests",
        "internal server error",
        "bad gateway",
        "service unavailable",
    ];
    let leads =
        ["http status code ", "http status ", "status code ", "http code ", "http/1.1 ", "http/2 ", "http "];
    let lead = leads.iter().find_map(|lead| lower.strip_prefix(lead));
    let rest = lead.unwrap_or(lower).trim();
    let (code, reason) =
        rest.split_once(' ').map_or((rest, None), |(code, reason)| (code, Some(reason.trim())));
    let status = code.parse::<u16>().ok().filter(|status| code.len() == 3 && (100..600).contains(status))?;
    let reason_known = reason.is_none_or(|reason| REASONS.contains(&reason));
    (reason_known && (lead.is_some() || reason.is_some())).then_some(Check::HttpStatus { status })
}

/// `5/5`, `5/5 ready`, `5/5 pods Running`.
fn ratio_check(text: &str) -> Option<Check> {
    let mut words = text.split_whitespace();
    let (have, want) = ratio(words.next()?)?;
    let mut rest: Vec<&str> = words.collect();
    if rest.first().is_some_and(|noun| RATIO_NOUNS.contains(&noun.to_ascii_lowercase().as_str())) {
        rest.remove(0);
    }
    let word = match rest.as_slice() {
        [] => None,
        // kubectl writes READY in the header and the ratio in the row
        [word] if word.eq_ignore_ascii_case("ready") => None,
        [word] if ROW_WORDS.contains(&word.to_ascii_lowercase().as_str()) => Some((*word).to_owned()),
        _ => return None,
    };
    Some(Check::Ratio { have, want, word })
}

/// `0 lines`, `9-50 rows`, `at least 3 results`, `no output`.
fn count(lower: &str) -> Option<Check> {
    if matches!(lower, "no output" | "nothing" | "empty" | "empty output" | "no output at all") {
        return Some(Check::Count { min: 0, max: 0 });
    }
    let (amount, noun) = lower.rsplit_once(' ')?;
    if !ROW_NOUNS.contains(&noun) {
        return None;
    }
    let (min, max) = count_range(amount.trim())?;
    (min <= max).then_some(Check::Count { min, max })
}

fn count_range(amount: &str) -> Option<(u64, u64)> {
    if matches!(amount, "no" | "zero") {
        return Some((0, 0));
    }
    if let Some(n) = whole(amount) {
        return Some((n, n));
    }
    if let Some(n) = amount.strip_suffix('+').and_then(|n| whole(n.trim())) {
        return Some((n, u64::MAX));
    }
    if let Some((low, high)) = amount.strip_prefix("between ").and_then(|rest| rest.split_once(" and ")) {
        return Some((whole(low.trim())?, whole(high.trim())?));
    }
    for separator in ["-", "–", " to "] {
        if let Some((low, high)) = amount.split_once(separator) {
            return Some((whole(low.trim())?, whole(high.trim())?));
        }
    }
    let (op, rest) = comparison(amount)?;
    let n = whole(rest)?;
    match op {
        Comparison::Less => Some((0, n.checked_sub(1)?)),
        Comparison::AtMost => Some((0, n)),
        Comparison::Greater => Some((n.checked_add(1)?, u64::MAX)),
        Comparison::AtLeast => Some((n, u64::MAX)),
        Comparison::Equal => Some((n, n)),
    }
}

/// A comparison at the beginning of a text, and the rest.
fn comparison(text: &str) -> Option<(Comparison, &str)> {
    // longest first
    const WORDS: &[(&str, Comparison)] = &[
        ("no more than ", Comparison::AtMost),
        ("not more than ", Comparison::AtMost),
        ("no less than ", Comparison::AtLeast),
        ("fewer than ", Comparison::Less),
        ("less than ", Comparison::Less),
        ("more than ", Comparison::Greater),
        ("greater than ", Comparison::Greater),
        ("at most ", Comparison::AtMost),
        ("up to ", Comparison::AtMost),
        ("at least ", Comparison::AtLeast),
        ("exactly ", Comparison::Equal),
        ("below ", Comparison::Less),
        ("under ", Comparison::Less),
        ("above ", Comparison::Greater),
        ("over ", Comparison::Greater),
        ("<=", Comparison::AtMost),
        (">=", Comparison::AtLeast),
        ("==", Comparison::Equal),
        ("≤", Comparison::AtMost),
        ("≥", Comparison::AtLeast),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
        ("=", Comparison::Equal),
    ];
    WORDS.iter().find_map(|(word, op)| {
        let head = text.get(..word.len())?;
        head.eq_ignore_ascii_case(word).then(|| (*op, text[word.len()..].trim()))
    })
}

/// `< 50`, `below 10 %`, `All providers < 50%`, `7`.
fn number(text: &str) -> Option<Check> {
    let (every, rest) = match every_prefix(text) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (op, amount) = match comparison(rest) {
        Some(found) => found,
        None if !every => (Comparison::Equal, rest),
        None => return None,
    };
    let digits = amount
        .char_indices()
        .find(|&(at, c)| !(c.is_ascii_digit() || c == '.' || at == 0 && c == '-'))
        .map_or(amount.len(), |(at, _)| at);
    let bound = decimal(&amount[..digits])?;
    let unit = match amount[digits..].trim() {
        "" => None,
        word => Some(unit(word)?.to_owned()),
    };
    Some(Check::Number { op, bound, every, unit })
}

/// `All providers < 50%` -> `< 50%`.
fn every_prefix(text: &str) -> Option<&str> {
    let lower = text.to_ascii_lowercase();
    if !["all ", "every ", "each "].iter().any(|lead| lower.starts_with(lead)) {
        return None;
    }
    // the subject is up to three plain words
    let mut at = text.find(' ')? + 1;
    for _ in 0..3 {
        if comparison(&text[at..]).is_some() {
            return Some(&text[at..]);
        }
        let word = text[at..].split_once(' ')?.0;
        if !word.chars().all(|c| c.is_alphabetic() || matches!(c, '-' | '_')) {
            return None;
        }
        at += word.len() + 1;
    }
    comparison(&text[at..]).map(|_| &text[at..])
}

/// Text to look for. Text that stands for something else (`...`, `<name>`, `*`) is for a person.
fn contains(text: &str) -> Option<Check> {
    let text = text.trim();
    let stands_for_more = ["...", "…", "<", ">", "*", "{", "}", "\n"].iter().any(|mark| text.contains(mark));
    let says_something = text.chars().any(char::is_alphanumeric);
    (says_something && !stands_for_more).then(|| Check::Contains { text: text.to_owned() })
}

/// `enabled: true`, `Mode=COMPLIANCE, Years=7`, `{"status":"ready"}`.
fn pairs(text: &str) -> Option<Check> {
    if text.starts_with('{') {
        return json_pairs(text);
    }
    let mut pairs = Vec::new();
    for part in text.split([',', ';']).flat_map(|part| part.split(" and ")) {
        pairs.push(pair(part.trim())?);
    }
    Some(Check::Pairs { pairs })
}

fn pair(part: &str) -> Option<(String, String)> {
    let at = part.find(['=', ':'])?;
    let (key, rest) = part.split_at(at);
    let key = key.trim_end();
    let value = &rest[1..];
    // `web:v1` is a name, `key: value` a pair
    if rest.starts_with(':') && !value.starts_with(' ') {
        return None;
    }
    let value = value.trim();
    let key_fits = key.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'));
    let value_fits = match quoted(value) {
        Some(inside) => !inside.contains(['*', '…', '<', '>']) && !inside.contains("..."),
        None => {
            value.chars().any(char::is_alphanumeric)
                && value.chars().all(|c| c.is_alphanumeric() || "_.:/@+-".contains(c))
                && !value.contains("...")
        }
    };
    (key_fits && value_fits).then(|| (key.to_owned(), quoted(value).unwrap_or(value).to_owned()))
}

fn json_pairs(text: &str) -> Option<Check> {
    let serde_json::Value::Object(object) = serde_json::from_str(text).ok()? else { return None };
    let pairs: Option<Vec<(String, String)>> = object
        .into_iter()
        .map(|(key, value)| super::pairs::scalar(&value).map(|value| (key, value)))
        .collect();
    pairs.filter(|pairs| !pairs.is_empty()).map(|pairs| Check::Pairs { pairs })
}

/// One word of output, such as `web:v1.1` or `Running`.
fn token(text: &str) -> Option<Check> {
    let plain = text.len() >= 2
        && text.starts_with(|c: char| c.is_alphanumeric() || c == '/')
        && text.ends_with(|c: char| c.is_alphanumeric())
        && text.chars().all(|c| c.is_alphanumeric() || "_.:/@+-#".contains(c));
    (plain && !text.contains("...")).then(|| Check::Contains { text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(have: u64, want: u64, word: Option<&str>) -> Check {
        Check::Ratio { have, want, word: word.map(str::to_owned) }
    }
    fn count(min: u64, max: u64) -> Check {
        Check::Count { min, max }
    }
    fn number(op: Comparison, bound: f64, every: bool, unit: Option<&str>) -> Check {
        Check::Number { op, bound, every, unit: unit.map(str::to_owned) }
    }
    fn text(text: &str) -> Check {
        Check::Contains { text: text.to_owned() }
    }
    fn pairs(pairs: &[(&str, &str)]) -> Check {
        Check::Pairs { pairs: pairs.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect() }
    }

    #[test]
    fn texts_get_their_meaning() {
        use Comparison::{AtLeast, AtMost, Equal, Greater, Less};
        let rows: Vec<(&str, Check)> = vec![
            ("3/3", ratio(3, 3, None)),
            ("3/3 ready", ratio(3, 3, None)),
            ("3/3 Ready.", ratio(3, 3, None)),
            ("3/3 pods Running", ratio(3, 3, Some("Running"))),
            ("3/3 replicas", ratio(3, 3, None)),
            ("All pods Running (3/3)", ratio(3, 3, Some("Running"))),
            ("Running (3/3)", Check::Person),
            ("Some pods (3/3)", Check::Person),
            ("3/3 available and serving", Check::Person),
            ("0 lines", count(0, 0)),
            ("no matches", count(0, 0)),
            ("nothing", count(0, 0)),
            ("9-50 rows", count(9, 50)),
            ("9 to 50 rows", count(9, 50)),
            ("between 9 and 50 rows", count(9, 50)),
            ("3+ results", count(3, u64::MAX)),
            ("at least 1 hit", count(1, u64::MAX)),
            ("< 5 lines", count(0, 4)),
            ("> 5 lines", count(6, u64::MAX)),
            ("< 0 lines", Check::Person),
            ("50-9 rows", Check::Person),
            ("7 days", Check::Person),
            ("0 errors", Check::Person),
            ("The stored repositories (9-50 repos)", count(9, 50)),
            ("< 50", number(Less, 50.0, false, None)),
            ("<50 (usual at night)", number(Less, 50.0, false, None)),
            ("below 10 %", number(Less, 10.0, false, Some("%"))),
            ("≥ 99.9%", number(AtLeast, 99.9, false, Some("%"))),
            ("at most 200 ms", number(AtMost, 200.0, false, Some("ms"))),
            ("> -3", number(Greater, -3.0, false, None)),
            ("7", number(Equal, 7.0, false, None)),
            ("All providers < 50% (fresh)", number(Less, 50.0, true, Some("%"))),
            ("every single model pool below 90 %", number(Less, 90.0, true, Some("%"))),
            ("All 5 providers < 50%", Check::Person),
            ("all providers are fine", Check::Person),
            ("error rate < 1 %", Check::Person),
            ("< 50 connections", Check::Person),
            ("< 5 and > 3", Check::Person),
            ("HTTP 200", Check::HttpStatus { status: 200 }),
            ("HTTP/1.1 204 No Content", Check::HttpStatus { status: 204 }),
            ("200 OK", Check::HttpStatus { status: 200 }),
            ("HTTP status 503", Check::HttpStatus { status: 503 }),
            ("HTTP 200 + a body", Check::Person),
            ("HTTP 999", Check::Person),
            ("HTTP 200 (< 2 s)", Check::Person),
            ("\"deployment 'web' rolled out\"", text("deployment 'web' rolled out")),
            ("\"a\" or \"b\"", Check::Person),
            ("\"pod web-* deleted\"", Check::Person),
            ("\"pod <name> deleted\"", Check::Person),
            ("web:v1.1", text("web:v1.1")),
            ("web:v1.1 (the one before)", text("web:v1.1")),
            ("Running", text("Running")),
            ("https://example.com/x", text("https://example.com/x")),
            ("web-... Running", Check::Person),
            ("enabled: true", pairs(&[("enabled", "true")])),
            ("enabled: false (switched off)", pairs(&[("enabled", "false")])),
            ("value: \"true\"", pairs(&[("value", "true")])),
            ("A=1, B=two", pairs(&[("A", "1"), ("B", "two")])),
            ("a: 1 and b: 2", pairs(&[("a", "1"), ("b", "2")])),
            ("{\"status\":\"ready\",\"n\":1}", pairs(&[("n", "1"), ("status", "ready")])),
            ("{\"a\":[1]}", Check::Person),
            ("status: all is well", Check::Person),
            ("error: not found", Check::Person),
            ("count: <5", Check::Person),
            ("exit code 0", Check::ExitZero),
            ("within 45s", Check::ExitZero),
            ("", Check::Person),
            ("(a note)", Check::Person),
            ("The flow succeeds", Check::Person),
        ];
        for (written, check) in rows {
            assert_eq!(classify(written).check, check, "{written}");
        }
    }

    #[test]
    fn deadlines() {
        let rows = [
            ("\"rolled out\" within 45s", Some(45_000), text("rolled out")),
            ("\"rolled out\" within 45s (usually)", Some(45_000), text("rolled out")),
            ("3/3 ready (all zones) within 2 min", Some(120_000), ratio(3, 3, None)),
            ("A page arrives within 1 min", Some(60_000), Check::Person),
            ("ready within a minute", None, Check::Person),
            ("ready within 45 parsecs", None, Check::Person),
        ];
        for (written, within_ms, check) in rows {
            let expectation = classify(written);
            assert_eq!((expectation.within_ms, expectation.check), (within_ms, check), "{written}");
        }
    }

    /// The shapes of the first runbook's eighteen lines, in other words, with what judges each.
    #[test]
    fn the_eighteen_shapes() {
        use Comparison::Less;
        let rows: Vec<(&str, Check, Option<u64>)> = vec![
            ("4/4 ready", ratio(4, 4, None), None),
            ("<40 (usual level)", number(Less, 40.0, false, None), None),
            ("Mode=GOVERNANCE, Days=30", pairs(&[("Mode", "GOVERNANCE"), ("Days", "30")]), None),
            ("setting: \"on\"", pairs(&[("setting", "on")]), None),
            ("≥20 trained, ≥75% passed", Check::Person, None),
            ("Notice seen in #alerts within 20s", Check::Person, Some(20_000)),
            ("Notice seen in #status within 20s", Check::Person, Some(20_000)),
            ("Second on-call gets a page within 2 min", Check::Person, Some(120_000)),
            ("0 lines (nothing went wrong)", count(0, 0), None),
            ("All pods Running (4/4)", ratio(4, 4, Some("Running")), None),
            ("All vendors <60% (new day)", number(Less, 60.0, true, Some("%")), None),
            ("HTTP 200", Check::HttpStatus { status: 200 }, None),
            ("Names of later repos (5-30 repos)", count(5, 30), None),
            ("active: true", pairs(&[("active", "true")]), None),
            ("active: false (it was turned off)", pairs(&[("active", "false")]), None),
            (
                "\"deployment 'shop' successfully rolled out\" within 30s",
                text("deployment 'shop' successfully rolled out"),
                Some(30_000),
            ),
            ("shop:v2.0 (the stable one)", text("shop:v2.0"), None),
            ("Order goes through with v2.0", Check::Person, None),
        ];
        assert_eq!(rows.len(), 18);
        for (written, check, within_ms) in rows {
            let expectation = classify(written);
            assert_eq!((expectation.check, expectation.within_ms), (check, within_ms), "{written}");
        }
    }
}
