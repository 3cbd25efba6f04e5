//! What changed at the service lately, from everybody who tells: one list, newest first, each change once.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};

use super::event::ChangeNoted;

/// So many stand on the card.
const MOST: usize = 10;
/// What changed longer than this before the impact was detected is no suspect, in hours.
const WINDOW_H: i64 = 24;

/// One list. What a diagnostic reports comes first, in its own order: it was looked at now. The others follow, newest first,
/// those without a time last. A change that stands there already, by its address or its words, is not said twice.
pub(super) fn merged(mut all: Vec<ChangeNoted>, detected_at: DateTime<Utc>) -> Vec<ChangeNoted> {
    let from = detected_at - Duration::hours(WINDOW_H);
    all.retain(|change| change.at.is_none_or(|at| at >= from) && !change.text.trim().is_empty());
    // a stable sort: what is equal keeps its order
    all.sort_by_key(|change| (change.source.is_some(), std::cmp::Reverse(change.at)));
    let (mut urls, mut words) = (BTreeSet::new(), BTreeSet::new());
    all.retain(|change| {
        let is_new_url = change.url.as_ref().is_none_or(|url| urls.insert(url.clone()));
        let text = change.text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        // the same words at another time are another change
        words.insert((text, change.at)) && is_new_url
    });
    all.truncate(MOST);
    all
}

impl ChangeNoted {
    /// The change in one line: when, what, who says so and where.
    #[must_use]
    pub fn words(&self) -> String {
        let at = self.at.map_or_else(String::new, |at| format!("{} ", at.format("%d %b %H:%M UTC")));
        let source = self.source.as_ref().map_or_else(String::new, |source| format!(" ({source})"));
        let url = self.url.as_ref().map_or_else(String::new, |url| format!(" {url}"));
        format!("{at}{}{source}{url}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::incident::tests::kit::start_of_day;

    fn told(minutes_before: i64, text: &str, url: Option<&str>) -> ChangeNoted {
        ChangeNoted {
            text: text.to_owned(),
            at: Some(start_of_day() - Duration::minutes(minutes_before)),
            source: Some("PagerDuty".to_owned()),
            url: url.map(str::to_owned),
        }
    }

    fn looked(text: &str) -> ChangeNoted {
        ChangeNoted { text: text.to_owned(), ..ChangeNoted::default() }
    }

    #[test]
    fn the_newest_is_first_and_none_stands_twice() {
        let all = vec![
            told(50, "flag x is on", None),
            looked("v1.2 rolled out 6 min ago"),
            told(6, "Deploy v1.2", Some("https://ci.example.com/7")),
            told(7, "deploy v1.2 again told", Some("https://ci.example.com/7")),
            told(50, "Flag  X is on", None),
            told(60 * 25, "long ago", None),
            told(-2, "after it was detected", None),
            looked("  "),
            looked("v1.1 rolled out yesterday"),
        ];
        let found = merged(all, start_of_day());
        let texts: Vec<&str> = found.iter().map(|one| one.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "v1.2 rolled out 6 min ago",
                "v1.1 rolled out yesterday",
                "after it was detected",
                "Deploy v1.2",
                "flag x is on",
            ]
        );
        assert_eq!(merged(found.clone(), start_of_day()), found, "it is settled");
        let words = found[3].words();
        assert!(words.ends_with("UTC Deploy v1.2 (PagerDuty) https://ci.example.com/7"), "{words}");
    }

    proptest! {
        #[test]
        fn any_list_is_bounded_settled_and_newest_first(
            all in proptest::collection::vec((any::<bool>(), -100_i64..3_000, "[ab ]{0,4}"), 0..30),
        ) {
            let all = all
                .into_iter()
                .map(|(is_told, minutes, text)| if is_told { told(minutes, &text, None) } else { looked(&text) })
                .collect();
            let found = merged(all, start_of_day());
            prop_assert!(found.len() <= MOST);
            prop_assert_eq!(merged(found.clone(), start_of_day()), found.clone());
            let times: Vec<_> = found.iter().filter_map(|one| one.at).collect();
            prop_assert!(times.is_sorted_by(|one, next| one >= next));
        }
    }
}
