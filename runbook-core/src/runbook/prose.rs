//! What prose beside a command says about its output: `**Expected:** 5/5 ready`, "you should see ...".
//!
//! A sentence is less certain than a comment in the block. Only what begins like a label, or plainly speaks of the
//! output, is an expectation; and only a sentence that says one thing, without a condition, is left to the grammar.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::forbidden::sentences;
use super::phrases::search;

/// Bytes of a text that are looked at; more is no expectation that a machine should judge.
const LONGEST: usize = 4096;

/// What a text expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The expectation; empty when it is only announced.
    pub(crate) text: String,
    /// It begins like a label: `Expected: ...`.
    pub(crate) label: bool,
    /// It stands at the beginning of the text.
    pub(crate) first: bool,
    /// More is said than the text holds, so that a person judges it.
    pub(crate) partly: bool,
    /// The sentence has a condition.
    pub(crate) condition: bool,
    /// It speaks of what stands below it.
    pub(crate) below: bool,
    /// It ends in a colon, so that it may introduce what stands below it.
    pub(crate) open: bool,
    /// It says what output should show: "You should see ...".
    pub(crate) shown: bool,
    /// It asks to look, or says what a command does, which is about the block directly above and no other one.
    pub(crate) request: bool,
}

/// Whose output a sentence may speak of, as its last words before `should`.
const SUBJECTS: &[&str] = &[
    "",
    "it",
    "this",
    "that",
    "which",
    "output",
    "result",
    "results",
    "command",
    "response",
    "query",
    "status",
    "value",
    "number",
    "count",
    "following",
    "below",
];
/// What output does.
const VERBS: &[&str] = &[
    "see",
    "return",
    "show",
    "print",
    "output",
    "report",
    "display",
    "contain",
    "include",
    "be",
    "read",
    "say",
    "look like",
    "list",
];
/// What people do with output.
const SEEN: &[&str] = &["see", "get", "receive"];
/// Words between `should` and its verb.
const ADVERBS: &[&str] = &["now", "then", "also", "always", "only", "just", "again", "still"];
/// Words that make a sentence's truth depend on something.
const CONDITIONS: &[&str] =
    &["if", "unless", "otherwise", "else", "when", "whenever", "depending", "except", "case"];
/// Words of a sentence that only comes near to what is expected.
const NEARLY: &[&str] = &[
    "or",
    "either",
    "may",
    "might",
    "could",
    "until",
    "once",
    "after",
    "before",
    "usually",
    "normally",
    "something",
    "similar",
    "like",
    "about",
    "around",
    "approximately",
    "not",
    "no longer",
    "ideally",
    "any",
    "some",
    "various",
];
/// What stands for the text below.
const POINTERS: &[&str] = &[
    "the following",
    "this",
    "something like this",
    "output like this",
    "like this",
    "the following output",
];
/// Words that open a sentence and say nothing.
const OPENERS: &[&str] = &["then", "now", "and", "so", "here", "afterwards", "note", "note that", "there"];

/// Part of every text that speaks of output.
static SIGNS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    search(
        &[
            "xpect",
            "XPECT",
            "hould",
            "HOULD",
            " see ",
            "erify",
            "onfirm",
            "utput:",
            "nsure ",
            "heck that ",
            "ake sure ",
            " returns ",
            " prints ",
            " shows ",
        ],
        false,
    )
});

/// What the text says is expected; `None` when it does not speak of output.
pub(crate) fn read(text: &str) -> Option<Wanted> {
    let looked_at = text.get(..text.floor_char_boundary(LONGEST)).unwrap_or(text);
    // nearly every text is passed over here
    if !SIGNS.is_match(looked_at) {
        return None;
    }
    let mut at = 0;
    for (number, sentence) in sentences(looked_at).enumerate() {
        let from = looked_at.get(at..)?.find(sentence)? + at;
        at = from + sentence.len();
        let Some(mut wanted) =
            label(looked_at.get(from..)?, sentence).or_else(|| says(sentence)).or_else(|| asks(sentence))
        else {
            continue;
        };
        wanted.first = number == 0;
        let more = !wanted.label && looked_at.get(at..).is_some_and(|more| !more.trim().is_empty());
        wanted.partly |= more || text.len() > LONGEST;
        return Some(wanted);
    }
    None
}

/// `Expected: ...` and its relatives. The text after the colon is all that follows, however many sentences.
fn label(rest: &str, sentence: &str) -> Option<Wanted> {
    let begins = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
    let head = begins.split(':').next().filter(|head| head.len() < begins.len())?;
    // the colon belongs to this sentence
    if head.len() + (rest.len() - begins.len()) > sentence.len() {
        return None;
    }
    let text = begins.get(head.len() + 1..)?.trim();
    let text = text.trim_start_matches(['*', '_']).trim_start();
    let lower = head.to_ascii_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    let (first, others) = words.split_first()?;
    let noun = |word: &&str| {
        matches!(
            word.trim_matches(['*', '_']),
            "output"
                | "outputs"
                | "result"
                | "results"
                | "response"
                | "value"
                | "values"
                | "outcome"
                | "state"
                | "status"
                | "return"
                | "behavior"
                | "behaviour"
                | "code"
                | "exit"
        )
    };
    let plain = match *first {
        "expected" | "expect" | "expects" => others.iter().all(noun),
        "verify" | "confirm" | "output" if others.is_empty() && !text.is_empty() => {
            return Some(Wanted { partly: true, ..wanted(text, true, rest) });
        }
        _ => return None,
    };
    if plain {
        return Some(wanted(text, true, rest));
    }
    // `Expected after a minute: ...`
    (words.len() <= 8).then(|| Wanted { partly: true, ..wanted(begins, true, rest) })
}

/// "Verify that the pods are up.", "The command returns 3 rows.": for a person.
fn asks(sentence: &str) -> Option<Wanted> {
    let sentence = sentence.trim().trim_start_matches(|c: char| !c.is_alphanumeric());
    let lower = sentence.to_ascii_lowercase();
    let asked = ["verify ", "ensure ", "check that ", "make sure ", "confirm "].iter().any(|lead| lower.starts_with(lead))
        && [" is ", " are ", " has ", " have "].iter().any(|verb| lower.contains(verb))
        // what is done first, or looked up, is no output
        && ![" you ", " before ", " if ", " whether "].iter().any(|word| lower.contains(word));
    let said = ["the command ", "this command ", "the query ", "this ", "it "].iter().any(|subject| {
        lower.strip_prefix(subject).is_some_and(|rest| {
            ["returns ", "prints ", "shows ", "outputs "].iter().any(|verb| rest.starts_with(verb))
        })
    });
    let digits = lower.contains(|c: char| c.is_ascii_digit());
    if lower.ends_with(':') || !(asked || said && digits) {
        return None;
    }
    Some(Wanted { partly: true, request: true, ..wanted(sentence, false, sentence) })
}

/// "You should see ...", "The output should be ...", "Expect ...".
fn says(sentence: &str) -> Option<Wanted> {
    let sentence = sentence.trim_start_matches(|c: char| !c.is_alphanumeric());
    let lower = sentence.to_ascii_lowercase();
    // `All pods should be Running`
    if ["all ", "every ", "each "].iter().any(|word| lower.starts_with(word)) && lower.contains(" should be ")
    {
        return Some(Wanted { partly: true, ..wanted(sentence, false, sentence) });
    }
    if let Some(rest) = lower.strip_prefix("expect ").or_else(|| lower.strip_prefix("expected ")) {
        let rest = rest.strip_prefix("to see ").unwrap_or(rest);
        let text = sentence.get(sentence.len() - rest.len()..)?;
        return Some(wanted(text, false, sentence));
    }
    let (subject, rest) = should(&lower)?;
    let after = sentence.get(sentence.len() - rest.len()..)?;
    let mut wanted = Wanted { shown: true, ..wanted(after, false, sentence) };
    if rest.is_empty() && !sentence.trim_end().ends_with(':') {
        return None;
    }
    let subject = if wanted.below { "" } else { subject };
    let opener = subject.trim_end_matches(',').trim();
    wanted.partly |= !opener.is_empty() && !OPENERS.contains(&opener);
    if lower.contains(" not ")
        || lower.contains("n't ")
        || lower.contains(" never ")
        || lower.contains(" no longer ")
    {
        wanted.text = sentence.trim().to_owned();
        wanted.partly = true;
    }
    Some(wanted)
}

/// What stands before the subject, and what follows the verb.
fn should(lower: &str) -> Option<(&str, &str)> {
    let modal = [" should ", " will "].iter().filter_map(|word| Some((lower.find(word)?, word.len()))).min();
    let (before, rest, will) = match modal {
        _ if lower.starts_with("should ") => ("", lower.get("should ".len()..)?, false),
        Some((at, length)) => (lower.get(..at)?, lower.get(at + length..)?, length == " will ".len()),
        None => return None,
    };
    let mut rest = rest;
    while let Some((word, more)) = rest.split_once(' ') {
        if !ADVERBS.contains(&word) && !matches!(word, "not" | "never" | "no" | "longer") {
            break;
        }
        rest = more;
    }
    let last = before.rsplit([' ', ',']).next().unwrap_or_default();
    let before_subject = before.get(..before.len() - last.len())?.trim_end();
    let people = matches!(last, "you" | "we");
    let verbs = if people { SEEN } else { VERBS };
    if !people && (will || !SUBJECTS.contains(&last)) {
        return None;
    }
    let verb = verbs.iter().find(|verb| {
        rest.strip_prefix(**verb).is_some_and(|more| more.is_empty() || more.starts_with([' ', ':']))
    })?;
    // `the output`, `the above command`
    let before_subject = before_subject.rsplit_once("the ").map_or(before_subject, |(head, between)| {
        if between.split_whitespace().count() <= 1 { head } else { before_subject }
    });
    let before_subject = if before_subject == "the" { "" } else { before_subject };
    Some((before_subject, rest.get(verb.len()..)?.trim_start()))
}

fn wanted(text: &str, label: bool, sentence: &str) -> Wanted {
    let text = text.trim().trim_end_matches(':').trim_end();
    let lower = text.to_ascii_lowercase();
    let text = if POINTERS.contains(&lower.as_str()) { "" } else { text };
    let text = if label || text.ends_with("..") { text } else { text.strip_suffix('.').unwrap_or(text) };
    let sentence = sentence.to_ascii_lowercase();
    let words = sentence.split(|c: char| !c.is_alphanumeric() && c != '\'');
    let mut condition = false;
    let mut nearly = false;
    for word in words {
        condition |= CONDITIONS.contains(&word);
        nearly |= NEARLY.contains(&word);
    }
    Wanted {
        text: text.to_owned(),
        label,
        first: true,
        partly: nearly && !label,
        condition,
        below: !label && points_down(&sentence),
        open: !label && sentence.trim_end().ends_with(':'),
        shown: false,
        request: false,
    }
}

/// `The following should ...`, `The next command should ...`, `The command below should ...`.
fn points_down(sentence: &str) -> bool {
    let subject = sentence.split(" should ").next().unwrap_or_default();
    subject.len() < sentence.len()
        && subject.split_whitespace().any(|word| matches!(word, "following" | "next" | "below"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text, and `p` for partly, `c` for a condition, `l` for a label, `n` for not first.
    fn of(text: &str) -> Option<(String, String)> {
        read(text).map(|wanted| {
            let marks =
                [(wanted.label, 'l'), (wanted.partly, 'p'), (wanted.condition, 'c'), (!wanted.first, 'n')];
            (wanted.text, marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect())
        })
    }

    #[test]
    fn what_speaks_of_output_is_told_from_other_prose() {
        let rows: &[(&str, Option<(&str, &str)>)] = &[
            ("Expected: 5/5 ready", Some(("5/5 ready", "l"))),
            ("Expected output: 5/5 ready", Some(("5/5 ready", "l"))),
            ("Expected Result: no rows. And no errors.", Some(("no rows. And no errors.", "l"))),
            ("\u{2705} Expected: 5/5", Some(("5/5", "l"))),
            ("EXPECTED: 5/5", Some(("5/5", "l"))),
            ("Expect: HTTP 200", Some(("HTTP 200", "l"))),
            ("Expected output:", Some(("", "l"))),
            ("Expected: 0 if all is well", Some(("0 if all is well", "lc"))),
            ("Expected after a minute: 5/5", Some(("Expected after a minute: 5/5", "lp"))),
            ("Verify: 5/5", Some(("5/5", "lp"))),
            ("Wait a minute. Expected: 5/5", Some(("5/5", "ln"))),
            ("You should see 5/5 ready.", Some(("5/5 ready", ""))),
            ("You should now see:", Some(("", ""))),
            ("You will see 3 rows", Some(("3 rows", ""))),
            ("Then you should see 5/5 ready", Some(("5/5 ready", ""))),
            ("After a minute, you should see 5/5 ready", Some(("5/5 ready", "p"))),
            ("If all is well you should see 5/5 ready", Some(("5/5 ready", "pc"))),
            ("You should see something like 5/5", Some(("something like 5/5", "p"))),
            ("You should not see any error", Some(("You should not see any error", "p"))),
            ("You should see 5/5 ready. Go on then.", Some(("5/5 ready", "p"))),
            ("The output should be 5", Some(("5", ""))),
            ("The output should look like this:", Some(("", "p"))),
            ("The command should return 0 lines", Some(("0 lines", ""))),
            ("Should return 0 lines", Some(("0 lines", ""))),
            ("It should show \"ready\"", Some(("\"ready\"", ""))),
            ("This should return HTTP 200", Some(("HTTP 200", ""))),
            ("Expect HTTP 200", Some(("HTTP 200", ""))),
            ("Expect to see 3 rows", Some(("3 rows", ""))),
            ("The following should return 0 lines:", Some(("0 lines", ""))),
            ("The command below should return 0 lines:", Some(("0 lines", ""))),
            ("All pods should be Running", Some(("All pods should be Running", "p"))),
            ("Verify that the pods are up.", Some(("Verify that the pods are up", "p"))),
            ("Make sure the lag is 0.", Some(("Make sure the lag is 0", "p"))),
            ("The command returns 3 rows.", Some(("The command returns 3 rows", "p"))),
            ("Verify that the pods are up:", None),
            ("Make sure that you are on the VPN.", None),
            ("Check the logs.", None),
            ("It returns the pods.", None),
            ("Expectations are high", None),
            ("You should report the result", None),
            ("You should be able to log in", None),
            ("The team should be told", None),
            ("The pods should be drained first", None),
            ("If you see errors, then restart it", None),
            ("The pod will see traffic", None),
            ("Unexpected: errors", None),
            ("", None),
        ];
        for (text, wanted) in rows {
            let wanted = wanted.map(|(text, marks)| (text.to_owned(), marks.to_owned()));
            assert_eq!(of(text), wanted, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in "(Expected|you |should |see|: |\\. |not |, |the |ž|\u{2705}|\n|output){0,30}") {
            let _ = read(&text);
        }
    }
}
