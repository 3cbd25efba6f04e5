//! Which runbooks may help an incident: what the rules name, then what its words and the past say, each with its reason.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// So many are suggested.
pub const MOST: usize = 5;
/// Below this nothing is suggested: one word in a heading is no reason.
const LEAST: u32 = 10;
/// A word in the text of more than one in so many runbooks is no reason for one of them.
const MANY: usize = 4;
/// Words that say nothing of what is wrong.
const EMPTY_WORDS: [&str; 22] = [
    "and", "are", "but", "error", "fail", "failed", "failing", "for", "from", "has", "high", "incident",
    "its", "not", "over", "runbook", "service", "the", "this", "too", "was", "with",
];

/// A runbook, as far as it is looked at for this.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The service that it is for.
    pub service: Option<String>,
    /// Terms of its front matter that an alert's title may match.
    pub match_terms: Vec<String>,
    /// Its headings.
    pub headings: Vec<String>,
    /// All of its text.
    pub text: String,
    /// It is for private incidents alone.
    pub private: bool,
}

/// A run of the past that was to change something, and went to an end of its own: one that was cancelled, or never got its yes,
/// tells nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// The runbook's name.
    pub runbook: String,
    /// The service of its incident.
    pub service: String,
    /// What its incident was about.
    pub title: String,
    /// It succeeded.
    pub worked: bool,
}

/// What it is to help.
#[derive(Debug, Clone, Copy)]
pub struct Need<'a> {
    /// The service's name.
    pub service: &'a str,
    /// What it is about.
    pub title: &'a str,
    /// The rule that matched, and the runbooks that it names.
    pub rule: Option<(&'a str, &'a [String])>,
    /// The service's rollback.
    pub rollback: Option<&'a str>,
    /// Runbooks that look by themselves: they are no suggestion.
    pub looks: &'a [String],
    /// Only named people see it.
    pub private: bool,
}

/// A runbook that may help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// Its name.
    pub runbook: String,
    /// Its title.
    pub title: String,
    /// Why, the strongest first.
    pub reasons: Vec<String>,
    /// How often it worked for incidents like this one.
    pub worked: u32,
    /// Of so many times.
    pub of: u32,
}

impl Suggestion {
    /// The reasons in one line, and how often it worked.
    #[must_use]
    pub fn words(&self) -> String {
        let worked = match self.of {
            0 => String::new(),
            1 if self.worked == 1 => "; worked the one time".to_owned(),
            1 => "; did not work the one time".to_owned(),
            of => format!("; worked {} of {of} times", self.worked),
        };
        format!("{}{worked}", self.reasons.join(", "))
    }
}

/// The runbooks that may help, the best first.
#[must_use]
pub fn suggest(need: Need<'_>, candidates: &[Candidate], past: &[Past]) -> Vec<Suggestion> {
    let wanted = words(need.title);
    let texts: Vec<BTreeSet<String>> =
        candidates.iter().map(|candidate| &words(&candidate.text) & &wanted).collect();
    // what most of them say tells none of them apart
    let is_rare = |word: &String| {
        let with = texts.iter().filter(|text| text.contains(word)).count();
        with * MANY <= candidates.len().max(MANY)
    };
    let rare: BTreeSet<String> = wanted.iter().filter(|word| is_rare(word)).cloned().collect();
    let mut all: Vec<(u32, Suggestion)> = candidates
        .iter()
        .zip(&texts)
        .filter_map(|(candidate, text)| weigh(need, &wanted, candidate, &(text & &rare), past))
        .collect();
    all.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.runbook.cmp(&other.runbook)));
    all.into_iter().map(|(_, one)| one).take(MOST).collect()
}

fn weigh(
    need: Need<'_>,
    wanted: &BTreeSet<String>,
    candidate: &Candidate,
    in_text: &BTreeSet<String>,
    past: &[Past],
) -> Option<(u32, Suggestion)> {
    if need.looks.contains(&candidate.name) || (candidate.private && !need.private) {
        return None;
    }
    let (mut weight, mut reasons) = (0, Vec::new());
    let place = need.rule.and_then(|(_, names)| names.iter().position(|name| *name == candidate.name));
    if let (Some((rule, _)), Some(place)) = (need.rule, place) {
        weight += 100_000 - u32::try_from(place.min(1_000)).unwrap_or(1_000);
        reasons.push(format!("rule '{rule}' names it"));
    }
    let is_others = candidate.service.as_deref().is_some_and(|service| service != need.service);
    if is_others && place.is_none() {
        return None;
    }
    if need.rollback == Some(candidate.name.as_str()) {
        weight += 30;
        reasons.push("it is this service's rollback".to_owned());
    }
    let title = need.title.to_lowercase();
    let term = candidate.match_terms.iter().find(|term| {
        let term = term.trim().to_lowercase();
        !term.is_empty() && title.contains(&term)
    });
    if let Some(term) = term {
        weight += 60;
        reasons.push(format!("it is for alerts that say '{}'", term.trim()));
    }
    let said = |text: &str| -> Vec<String> { words(text).intersection(wanted).cloned().collect() };
    let in_title = said(&format!("{} {}", candidate.title, candidate.name));
    if !in_title.is_empty() {
        weight += 12 * count(in_title.len());
        reasons.push(format!("its title says {}", in_title.join(", ")));
    }
    let in_headings: Vec<String> =
        said(&candidate.headings.join(" ")).into_iter().filter(|word| !in_title.contains(word)).collect();
    if !in_headings.is_empty() {
        weight += 4 * count(in_headings.len());
        reasons.push(format!("its headings say {}", in_headings.join(", ")));
    }
    let is_new = |word: &&String| !in_title.contains(word) && !in_headings.contains(word);
    let in_text: Vec<&str> = in_text.iter().filter(is_new).map(String::as_str).collect();
    if !in_text.is_empty() {
        weight += 5 * count(in_text.len());
        reasons.push(format!("its text says {}", in_text.join(", ")));
    }
    let alike = |one: &&Past| {
        one.runbook == candidate.name
            && (one.service == need.service || !words(&one.title).is_disjoint(wanted))
    };
    let of = count(past.iter().filter(alike).count());
    let worked = count(past.iter().filter(alike).filter(|one| one.worked).count());
    if worked > 0 {
        // how often it worked counts for more than how often it was tried
        weight += 10 + 40 * worked / of;
        reasons.push("it helped incidents like this one".to_owned());
    }
    if weight < LEAST {
        return None;
    }
    if candidate.service.as_deref() == Some(need.service) {
        weight += 5;
    }
    let (runbook, title) = (candidate.name.clone(), candidate.title.clone());
    Some((weight, Suggestion { runbook, title, reasons, worked, of }))
}

fn count(number: usize) -> u32 {
    u32::try_from(number.min(1_000)).unwrap_or(1_000)
}

/// The words that say something, each once.
fn words(text: &str) -> BTreeSet<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .map(|word| word.strip_suffix('s').filter(|stem| stem.chars().count() > 3).unwrap_or(word))
        .filter(|word| word.chars().count() >= 3 && !EMPTY_WORDS.contains(word))
        .filter(|word| word.chars().any(char::is_alphabetic))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn runbook(name: &str, title: &str, service: Option<&str>) -> Candidate {
        Candidate {
            name: name.to_owned(),
            title: title.to_owned(),
            service: service.map(str::to_owned),
            ..Candidate::default()
        }
    }

    fn past(runbook: &str, service: &str, worked: bool) -> Past {
        let (runbook, service) = (runbook.to_owned(), service.to_owned());
        Past { runbook, service, title: "something else".to_owned(), worked }
    }

    fn need(title: &str) -> Need<'_> {
        Need { service: "shop", title, rule: None, rollback: None, looks: &[], private: false }
    }

    fn names(all: &[Suggestion]) -> Vec<&str> {
        all.iter().map(|one| one.runbook.as_str()).collect()
    }

    #[test]
    fn rules_come_first_then_words_and_the_past_each_with_its_reason() {
        let mut pool = runbook("grow_pool", "Grow the connection pool", Some("shop"));
        pool.match_terms = vec!["Pool Is Full".to_owned()];
        let all = [
            runbook("restart", "Restart the workers", None),
            pool,
            runbook("drain", "Drain a node", None),
            runbook("other", "Connection pool of billing", Some("billing")),
            Candidate { private: true, ..runbook("breach", "Connection pool breach", None) },
        ];
        let history =
            [past("restart", "shop", true), past("restart", "shop", true), past("restart", "shop", false)];
        let named = ["drain".to_owned()];
        let need = Need { rule: Some(("node", &named)), ..need("the pool is full: 200 connections") };
        let found = suggest(need, &all, &history);
        assert_eq!(names(&found), ["drain", "grow_pool", "restart"]);
        assert_eq!(found[0].words(), "rule 'node' names it");
        assert_eq!(
            found[1].words(),
            "it is for alerts that say 'Pool Is Full', its title says connection, pool"
        );
        assert_eq!(found[2].words(), "it helped incidents like this one; worked 2 of 3 times");
    }

    #[test]
    fn what_never_worked_says_so_and_is_no_reason() {
        let all = [runbook("restart", "Restart the workers", None)];
        assert_eq!(suggest(need("pool is full"), &all, &[past("restart", "shop", false)]), []);
        let found = suggest(need("workers hang"), &all, &[past("restart", "shop", false)]);
        assert_eq!(found[0].words(), "its title says worker; did not work the one time");
    }

    #[test]
    fn what_looks_by_itself_is_no_suggestion() {
        let all = [runbook("look", "Workers", None)];
        let looks = ["look".to_owned()];
        assert_eq!(suggest(Need { looks: &looks, ..need("workers hang") }, &all, &[]), []);
    }

    #[test]
    fn what_few_texts_say_is_a_reason_and_what_many_say_is_none() {
        let says = |name: &str, text: &str| Candidate {
            text: text.to_owned(),
            ..runbook(name, "Steps of the platform", None)
        };
        let mut all =
            vec![says("rotate", "kubectl get certificates; a stale chain is replaced; workers restart")];
        all.extend(["a", "b", "c", "d"].map(|name| says(name, "restart the workers")));
        let found = suggest(need("stale certificates of the workers"), &all, &[]);
        assert_eq!(names(&found), ["rotate"]);
        assert_eq!(found[0].words(), "its text says certificate, stale");
    }

    proptest! {
        #[test]
        fn any_text_is_survived_and_the_order_of_runbooks_does_not_count(
            title in ".{0,80}",
            titles in proptest::collection::vec(".{0,40}", 0..8),
            seed in any::<usize>(),
        ) {
            let mut all: Vec<Candidate> = titles
                .iter()
                .enumerate()
                .map(|(index, title)| runbook(&format!("r{index}"), title, None))
                .collect();
            let found = suggest(need(&title), &all, &[]);
            if !all.is_empty() {
                let middle = seed % all.len();
                all.rotate_left(middle);
            }
            prop_assert_eq!(&found, &suggest(need(&title), &all, &[]));
            prop_assert!(found.len() <= MOST && found.iter().all(|one| !one.reasons.is_empty()));
        }
    }
}
