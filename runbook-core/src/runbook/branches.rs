//! Conditions in a document's own words: "If that does not help, ...", "Option B", a section `## Rollback`.
//!
//! No run can know whether they hold, so a command below one is not simply the next one in the line. What is read
//! here errs on the side of a condition: a person then decides, by a section or by an attribute.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use memchr::memmem;

use super::forbidden::sentences;
use super::phrases::{begins_with, search};
use super::titles;

/// Bytes of a text that are looked at.
const LONGEST: usize = 4096;
/// Characters of a condition that are kept.
const LONGEST_WORDS: usize = 160;

/// What a text makes of the commands below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Branch {
    /// They run on a condition, or instead of others.
    Conditional,
    /// They take back what others do.
    Inverse,
}

/// Beginnings of sentences that are a condition or an alternative.
const LEADS: &[&str] = &[
    "if ",
    "if,",
    "unless ",
    "otherwise",
    "else ",
    "else:",
    "else,",
    "alternatively",
    "alternative:",
    "failing that",
    "as a last resort",
    "last resort",
    "as a fallback",
    "fallback:",
    "in case ",
    "in the event ",
    "in an emergency",
    "in emergencies",
    "or:",
    "or,",
    "or ",
    "either:",
    "optional:",
    "optional ",
    "optional.",
    "optional,",
    "optionally",
    "only if ",
    "only when ",
    "only after ",
    "only with ",
    "only on ",
    "only run ",
    "only do ",
    "only use ",
    "only as ",
    "only for ",
    "only in ",
    "another option",
    "another way",
    "plan b",
    "should the ",
    "should this ",
    "should that ",
    "should it ",
    "should you ",
    "should any ",
    "should these ",
    "depending on ",
    "provided that ",
    "provided the ",
    "assuming ",
    "in that case",
    "in which case",
    "in the unlikely ",
    "in the rare ",
    "worst case",
    "in the worst case",
    "this is a last resort",
    "emergency only",
    "emergencies only",
    "emergency:",
    "skip this ",
    "skip when ",
    "skip on ",
    "not needed ",
    "not required ",
    "not necessary ",
    "choose one",
    "choose either",
    "pick one",
    "one of the following",
    "a second option",
    "the second option",
    "second option",
    "you can also",
    "you could also",
    "you may also",
    "yes ->",
    "yes =>",
    "yes \u{2192}",
    "yes:",
    "no ->",
    "no =>",
    "no \u{2192}",
    "no:",
    "previously we ",
    "previously, we ",
    "not recommended",
    "do not automate",
    "don't automate",
    "only then",
    "q: ",
];
/// Conditions within a sentence, but ` if `, whose surroundings count.
const WITHIN: &[&str] = &[
    " unless ",
    " only when ",
    " in case ",
    " as a last resort",
    " a last resort",
    " only after ",
    " only in an emergency",
    " only in emergencies",
    " was run during ",
    " were run during ",
    " do not automate",
    " one of the following:",
    " (optional)",
    "(if ",
    "(only ",
    "(optional",
    "(when ",
    "(unless ",
];
static CONDITIONS: LazyLock<AhoCorasick> = LazyLock::new(|| search(WITHIN, false));
/// Beginnings of words before an `if` that asks instead.
const ASKS: &[&str] = &[
    "as",
    "ask",
    "check",
    "confirm",
    "decid",
    "detect",
    "determin",
    "even",
    "find",
    "identif",
    "investigat",
    "know",
    "look",
    "out",
    "see",
    "show",
    "sure",
    "tell",
    "test",
    "understand",
    "unsure",
    "verif",
    "whether",
    "wonder",
];
/// What follows an `if` that is no condition.
const NO_CONDITIONS: &[&str] = &["any", "available", "possible"];
/// Beginnings of what a person does on a condition, with no command.
const BY_HAND: &[&str] = &[
    "abort",
    "alert",
    "ask",
    "call",
    "consult",
    "contact",
    "do not",
    "don't",
    "escalate",
    "go ",
    "inform",
    "involve",
    "move on",
    "no action",
    "notify",
    "open ",
    "page ",
    "please contact",
    "please escalate",
    "proceed",
    "reach out",
    "read",
    "refer",
    "see ",
    "skip",
    "stop",
    "tell",
    "that is fine",
    "there is nothing",
    "wait",
    "you should",
    "you will",
    "you'll",
    "it should",
    "it will",
    "the output",
    "you can skip",
    "you do not",
    "you don't",
];
/// Titles and labels that are one system or place of several.
const PLACES: &[&str] = &[
    "linux",
    "mac",
    "macos",
    "mac os",
    "windows",
    "ubuntu",
    "debian",
    "centos",
    "rhel",
    "fedora",
    "alpine",
    "mysql",
    "mariadb",
    "postgres",
    "postgresql",
    "staging",
    "production",
    "prod",
    "eks",
    "gke",
    "aks",
    "systemd",
    "linux/macos",
    "staging/production",
];
/// Words behind which a letter or number names one of several ways.
const WAYS: &[&str] =
    &["option", "alternative", "method", "approach", "scenario", "case", "variant", "plan", "path"];
/// Beginnings of a title of what goes back.
const BACK: &[&str] = &[
    "undo",
    "undoing",
    "rollback",
    "roll back",
    "rolling back",
    "roll-back",
    "revert",
    "reverting",
    "back out",
    "backout",
    "back-out",
    "how to roll back",
    "how to undo",
    "how to revert",
];

/// What a title says about the commands below it.
pub(crate) fn of_title(title: &str) -> Option<Branch> {
    let numbered = titles::is_numbered(title);
    let lower = lowered(title);
    let bare = if numbered { behind_number(&lower) } else { &lower };
    let of_old = ["(obsolete)", "(deprecated)", "(not recommended)", "(old)"]
        .iter()
        .any(|mark| lower.contains(mark))
        || ["obsolete", "deprecated", "uninstall", "to reproduce "].iter().any(|lead| bare.starts_with(lead));
    if of_old || is_place(bare) || is_example(bare) {
        return Some(Branch::Conditional);
    }
    if begins(bare) && !by_hand(bare) || is_way(bare) || bare.starts_with("fallback") || within(&lower) {
        return Some(Branch::Conditional);
    }
    // a numbered step back is one of its procedure
    (!numbered && goes_back(bare)).then_some(Branch::Inverse)
}

/// What the text directly above a block says about it.
pub(crate) fn of_text(text: &str) -> Option<Branch> {
    let lower = lowered(text);
    let all: Vec<&str> = sentences(&lower).collect();
    let (last, before) = all.split_last()?;
    let last = last.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '(');
    let introduces = last.ends_with(':');
    if guards(last) || is_example(last) || introduces && (is_place(last) || last.ends_with(" only:")) {
        return Some(Branch::Conditional);
    }
    if is_way(last) || (begins(last) || within(last)) && (introduces || !by_hand(last)) {
        return Some(Branch::Conditional);
    }
    // `If it is stuck, it needs a restart. Run:`
    let own = introduces && last.split_whitespace().count() > 3;
    if !own && before.iter().any(|sentence| begins(sentence) && !by_hand(sentence)) {
        return Some(Branch::Conditional);
    }
    let back = last.strip_prefix("to ").is_some_and(goes_back) || introduces && goes_back(last);
    back.then_some(Branch::Inverse)
}

/// `FAQ`, `Troubleshooting`: what is below such a title answers one question each.
pub(crate) fn is_about_problems(title: &str) -> bool {
    let lower = lowered(title);
    let bare = behind_number(&lower).trim_end_matches(':').trim();
    [
        "faq",
        "frequently asked",
        "troubleshoot",
        "common problems",
        "common issues",
        "known issues",
        "known problems",
    ]
    .iter()
    .any(|lead| bare.starts_with(lead))
}

/// Whether a document whose title speaks of going back speaks of something else as well, which a step of it does:
/// `Restart or rollback web` with a step `Restart`.
pub(crate) fn is_about_more(title: &str, step: &str) -> bool {
    const OTHERS: &[&str] = &[
        "restart", "deploy", "release", "upgrade", "update", "install", "scale", "migrate", "failover",
        "promote", "rollout", "apply", "reload", "start",
    ];
    let lower = lowered(title).replace(['_', '-', '/'], " ");
    let connected = [" or ", " and ", " & ", ", ", " + "].iter().any(|word| lower.contains(word));
    let step = lowered(step);
    let first = behind_number(&step).split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    connected && !first.is_empty()
        || OTHERS.contains(&first) && lower.split_whitespace().any(|word| word == first)
}

/// Whether a document is about going back as a whole.
pub(crate) fn is_about_going_back(title: &str) -> bool {
    let lower = lowered(title).replace(['_', '-'], " ");
    ["rollback", "roll back", "rolling back", "undo", "revert", "back out", "backout", " back "]
        .iter()
        .any(|word| lower.contains(word))
        || lower.starts_with("roll ") && lower.contains(" back")
}

/// A condition as it is shown: the sentence that holds it, or all of a short text.
pub(crate) fn words(text: &str) -> String {
    let looked_at = text.get(..text.floor_char_boundary(LONGEST)).unwrap_or(text);
    let lower = looked_at.to_ascii_lowercase();
    let mut at = 0;
    for sentence in sentences(&lower) {
        let from = lower.get(at..).and_then(|rest| rest.find(sentence)).unwrap_or_default() + at;
        at = from + sentence.len();
        let bare = sentence.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '(');
        if begins(bare) || within(bare) || is_way(bare) {
            return titles::shorten(looked_at.get(from..at).unwrap_or_default().trim(), LONGEST_WORDS);
        }
    }
    titles::shorten(looked_at.trim(), LONGEST_WORDS)
}

fn lowered(text: &str) -> String {
    let text = text.get(..text.floor_char_boundary(LONGEST)).unwrap_or(text);
    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '(');
    let lower = text.to_ascii_lowercase();
    if lower.is_ascii() { lower } else { lower.replace(['\u{2019}', '\u{2018}'], "'") }
}

fn behind_number(title: &str) -> &str {
    let mut rest = title;
    for lead in ["step ", "phase ", "task "] {
        while let Some(behind) = rest.strip_prefix(lead) {
            rest = behind;
        }
    }
    rest.trim_start_matches(|c: char| c.is_ascii_digit() || !c.is_alphanumeric() && c != '(')
}

/// Whether a sentence begins with a condition.
fn begins(sentence: &str) -> bool {
    let sentence = sentence.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '(');
    let openers = ["then ", "and ", "but ", "also ", "finally, ", "note: ", "note that ", "step: "];
    let bare =
        openers.iter().find_map(|opener| sentence.strip_prefix(opener)).unwrap_or(sentence).trim_start();
    if matches!(bare, "else" | "or" | "either" | "optional" | "alternative" | "alternatives") {
        return true;
    }
    let lead = begins_with(bare, LEADS);
    let fails = bare.starts_with("when ")
        && [
            "fail",
            " not ",
            "n't ",
            "still",
            "stuck",
            "cannot",
            "unable",
            "when needed",
            "when necessary",
            "when required",
        ]
        .iter()
        .any(|word| bare.contains(word));
    let when = bare.strip_prefix("when ").or_else(|| bare.strip_prefix("whenever ")).is_some_and(|rest| {
        // `When the rollout is done:` is what comes next
        let ends = ["done", "finish", "complet", "ready", "ended", "succe", "over:", "through"];
        rest.ends_with(':') && !rest.contains(',') && !ends.iter().any(|end| rest.contains(end))
    });
    let not_there = bare.starts_with("where ") && (bare.contains(" not ") || bare.contains("n't "));
    let fails = fails || when || not_there || approval(bare);
    // `should the output be 5?` asks, `Or ...` in a question does as well
    (lead || fails)
        && (!bare.ends_with('?') || bare.starts_with("q: "))
        && no_condition(bare.strip_prefix("if ")).is_none()
}

/// `With the commander's approval:`, `Get approval first.`
fn approval(sentence: &str) -> bool {
    const LEADS: &[&str] = &[
        "with ",
        "after ",
        "once ",
        "requires ",
        "needs ",
        "get ",
        "obtain ",
        "ask for ",
        "request ",
        "pending ",
        "on ",
    ];
    let said = ["approval", "approved", "permission", "sign-off", "signed off"];
    sentence.split_whitespace().count() <= 10
        && begins_with(sentence, LEADS)
        && said.iter().any(|word| sentence.contains(word))
}

/// `If it lags, stop here.`: what follows runs only otherwise.
fn guards(sentence: &str) -> bool {
    let Some((_, then)) = sentence.strip_prefix("if ").and_then(|rest| rest.split_once(", ")) else {
        return false;
    };
    let then = then.trim_start_matches("then ").trim_start_matches("please ").trim_end_matches(['.', '!']);
    let stops = [
        "stop here",
        "stop and ",
        "abort",
        "do not continue",
        "do not proceed",
        "do not go on",
        "don't continue",
        "don't proceed",
        "don't go on",
        "do not run",
    ];
    matches!(then, "stop" | "stop now") || stops.iter().any(|stop| then.starts_with(stop))
}

/// `Linux`, `On Ubuntu:`, `For MySQL:`.
fn is_place(text: &str) -> bool {
    let bare = text.trim_end_matches(':').trim();
    let bare =
        ["on ", "for ", "using ", "in "].iter().find_map(|lead| bare.strip_prefix(lead)).unwrap_or(bare);
    PLACES.contains(&bare)
}

/// `Example:`
fn is_example(text: &str) -> bool {
    matches!(text.trim_end_matches(':').trim(), "example" | "examples" | "for example" | "e.g" | "e.g.")
}

fn no_condition(rest: Option<&str>) -> Option<()> {
    let first = rest?.split(|c: char| !c.is_alphanumeric()).next()?;
    NO_CONDITIONS.contains(&first).then_some(())
}

/// Whether a sentence holds a condition.
fn within(sentence: &str) -> bool {
    const IF: &[u8] = b" if ";
    let example = ["for example", "e.g.", "for instance"].iter().any(|lead| sentence.starts_with(lead));
    !example
        && (CONDITIONS.is_match(sentence)
            || memmem::find_iter(sentence.as_bytes(), IF).any(|at| {
                let before = sentence.get(..at).unwrap_or_default();
                let word =
                    before.rsplit(|c: char| !c.is_alphanumeric() && c != '\'').next().unwrap_or_default();
                let asks = begins_with(word, ASKS)
                    || before.ends_with(',') && word.is_empty() && asks_before(before);
                !asks && !asks_before(before) && no_condition(sentence.get(at + IF.len()..)).is_none()
            }))
}

/// `Check with the following query if ...`
fn asks_before(before: &str) -> bool {
    let first = before.split_whitespace().next().unwrap_or_default();
    [
        "check",
        "verify",
        "see",
        "determine",
        "confirm",
        "find",
        "test",
        "ask",
        "investigate",
        "identify",
        "decide",
        "look",
    ]
    .contains(&first)
}

/// Whether what is said to be done on a condition is done by a person.
fn by_hand(sentence: &str) -> bool {
    let marks = [", ", " then ", " \u{2192} ", " -> "];
    let Some((_, then)) = marks.iter().find_map(|mark| sentence.split_once(mark)) else { return false };
    let then = then.trim_start().trim_start_matches("then ").trim_start_matches("please ");
    begins_with(then, BY_HAND)
}

/// `Option A`, `Method 2: ...`.
fn is_way(text: &str) -> bool {
    begins_with(text, WAYS)
        && WAYS.iter().any(|way| {
            let Some(rest) = text.strip_prefix(way).and_then(|rest| rest.strip_prefix([' ', '#'])) else {
                return false;
            };
            let name =
                rest.trim_start_matches('#').split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            let number = (1..=2).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_digit());
            let letter = name.len() == 1 && name != "a" || name == "a" && !rest.starts_with("a ");
            number
                || letter && name.bytes().all(|b| b.is_ascii_alphabetic())
                || matches!(name, "one" | "two" | "three" | "ii" | "iii")
        })
}

fn goes_back(text: &str) -> bool {
    BACK.iter()
        .any(|word| text.strip_prefix(word).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_told_from_what_comes_next() {
        let (yes, back) = (Some(Branch::Conditional), Some(Branch::Inverse));
        let rows: &[(&str, Option<Branch>)] = &[
            ("If that does not help, delete the pod:", yes),
            ("If that does not help, delete the pod.", yes),
            ("Only if told by the commander:", yes),
            ("Only on the primary:", yes),
            ("Otherwise run:", yes),
            ("Else:", yes),
            ("Option A: restart it", yes),
            ("**Option B**", yes),
            ("As a last resort, delete the volume:", yes),
            ("Alternatively:", yes),
            ("Or:", yes),
            ("When the restart fails, delete it:", yes),
            ("Should the restart fail, delete it:", yes),
            ("Delete the pod if it is stuck:", yes),
            ("Unless it is the leader, restart it:", yes),
            ("Optionally, clear the cache:", yes),
            ("If it is stuck, the database needs a restart. Run:", yes),
            ("If it is stuck, the database needs a restart. It takes a minute.", yes),
            ("But if it is still down:", yes),
            ("To undo this, run:", back),
            ("Rollback:", back),
            ("To roll back:", back),
            ("Provided that the lag is 0:", yes),
            ("Assuming the pod is stuck:", yes),
            ("Whenever the queue is full:", yes),
            ("When the queue is full:", yes),
            ("It may hang. In that case:", yes),
            ("Where that does not help, run:", yes),
            ("In the unlikely case that it hangs:", yes),
            ("This is a last resort:", yes),
            ("Use this only in an emergency:", yes),
            ("Worst case:", yes),
            ("Skip this step on staging.", yes),
            ("Not needed when on EKS:", yes),
            ("Replica only:", yes),
            ("Choose one:", yes),
            ("Try one of the following:", yes),
            ("A second option is", yes),
            ("You can also:", yes),
            ("On Ubuntu:", yes),
            ("For MySQL:", yes),
            ("Linux:", yes),
            ("Yes -> restart it", yes),
            ("No \u{2192} delete it", yes),
            ("With the IC's approval:", yes),
            ("After approval from the IC:", yes),
            ("Requires approval:", yes),
            ("Get approval first. Then run:", yes),
            ("Example:", yes),
            ("Previously we used:", yes),
            ("This command was run during the incident:", yes),
            ("Not recommended:", yes),
            ("Manual step, do not automate:", yes),
            ("If the replica lags, stop here.", yes),
            ("If it is not there, do not continue!", yes),
            ("Q: What if it hangs?", yes),
            ("When the rollout is done:", None),
            ("When it is ready:", None),
            ("On the primary:", None),
            ("After the restart is approved by nobody, there are many more words to say:", None),
            ("Run this:", None),
            ("Check if the pods are up:", None),
            ("To see if the pods are up, run:", None),
            ("Check with this query if the table is there:", None),
            ("If it is stuck, call the database team. Now restart the service:", None),
            ("If it fails, contact the owner.", None),
            ("Delete the old pods, if any:", None),
            ("For example, if the host is web-1, run:", None),
            ("If all went well, you should see it.", None),
            ("When the file that is needed is there, run:", None),
            ("When the rollout is done, look at the pods:", None),
            ("After the restart, run:", None),
            ("Order the pods by age:", None),
            ("Optional fields are shown as well:", yes),
            ("The rollback of yesterday shows how:", None),
            ("", None),
        ];
        for (text, branch) in rows {
            assert_eq!(of_text(text), *branch, "{text}");
        }
        let titles: &[(&str, Option<Branch>)] = &[
            ("If the queue is stuck", yes),
            ("Option A: Restart", yes),
            ("Method 2", yes),
            ("Cleanup (only if it failed)", yes),
            ("Step 4: Roll back (if needed)", yes),
            ("Step 4: If it fails, restart", yes),
            ("3. Otherwise", yes),
            ("Optional: clear the cache", yes),
            ("Undo", back),
            ("Rollback", back),
            ("Rollback Procedure", back),
            ("Revert the change", back),
            ("Emergency only", yes),
            ("Uninstall", yes),
            ("Old way (obsolete)", yes),
            ("DEPRECATED: the old way", yes),
            ("macOS", yes),
            ("Staging", yes),
            ("Example", yes),
            ("To reproduce the failure", yes),
            ("Production readiness", None),
            ("Linux kernel parameters", None),
            ("Examples of load", None),
            ("Step 1: Roll back the deployment", None),
            ("1. Undo the change", None),
            ("If three are down \u{2192} escalate", None),
            ("Options", None),
            ("Option a la carte", None),
            ("Case study", None),
            ("Rollbacks of last year", None),
            ("How to tell if it is stuck", None),
            ("Restart", None),
        ];
        for (title, branch) in titles {
            assert_eq!(of_title(title), *branch, "{title}");
        }
        for (title, is) in
            [("Roll FlowEngine back to the pilot", true), ("rollback_to_pilot", true), ("Deploy", false)]
        {
            assert_eq!(is_about_going_back(title), is, "{title}");
        }
        for (title, step, is) in [
            ("Restart or rollback web", "Restart", true),
            ("deploy-rollback", "Deploy v2", true),
            ("Rollback web", "Stop writes", false),
            ("Roll web back", "Restart", false),
        ] {
            assert_eq!(is_about_more(title, step), is, "{title}");
        }
        assert!(
            is_about_problems("3. Troubleshooting") && is_about_problems("FAQ") && !is_about_problems("Fix")
        );
        assert_eq!(
            words("It is slow. If that does not help, delete it:"),
            "If that does not help, delete it:"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in "(If |if |, |\\. |: |option |a|\u{2019}|ž|rollback|only |\\(|\n){0,30}") {
            let _ = (of_text(&text), of_title(&text), words(&text), is_about_going_back(&text));
        }
    }
}
