//! What changed at the service lately, from everybody who tells: one list, newest first, each change once.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};

use super::event::ChangeNoted;

/// So many stand on the card.
const MOST: usize = 10;
/// What changed longer than this before the impact was detected is no suspect, in hours.
const WINDOW_H: i64 = 24;

/// Two who tell of the same version within this time tell of the same deployment, in minutes.
const SAME_MIN: i64 = 60;

/// One list. What a diagnostic reports comes first, in its own order: it was looked at now. The others follow, newest first,
/// those without a time last. A change that stands there already, by its address, its words or its version, is not said twice.
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
    let mut all = without_doubles(all);
    all.truncate(MOST);
    all
}

/// Without what somebody else tells, too: of a deployment that two tell of one word stays, and what a diagnostic says of a version
/// goes into the line of whoever tells when it came, and by whom.
fn without_doubles(all: Vec<ChangeNoted>) -> Vec<ChangeNoted> {
    let (looked, mut kept): (Vec<_>, Vec<_>) = all.into_iter().partition(|change| change.source.is_none());
    loop {
        let before = kept.len();
        kept = once_each(kept);
        if kept.len() == before {
            break;
        }
    }
    kept.truncate(MOST);
    let mut all = Vec::new();
    for line in looked {
        let its = |change: &&mut ChangeNoted| {
            change.version.as_deref().is_some_and(|version| names(&line.text, version))
        };
        match kept.iter_mut().find(its) {
            Some(change) if change.text.contains(&line.text) => {}
            Some(change) => change.text = format!("{}; {}", change.text, line.text),
            None => all.push(line),
        }
    }
    all.extend(kept);
    all
}

/// Of those who tell of the same deployment whoever says its version stays, else the latest; an address that only another has stays
/// too.
fn once_each(told: Vec<ChangeNoted>) -> Vec<ChangeNoted> {
    let mut kept: Vec<ChangeNoted> = Vec::new();
    for mut change in told {
        match kept.iter_mut().find(|known| known.is_same_deployment(&change)) {
            Some(known) => {
                if known.version.is_none() {
                    std::mem::swap(known, &mut change);
                }
                known.url = known.url.take().or(change.url);
            }
            None => kept.push(change),
        }
    }
    kept.sort_by_key(|change| std::cmp::Reverse(change.at));
    kept
}

/// Whether a text names this version, as a word of its own: `v1.2` in `image shop:1.2`, a commit by seven of its letters.
fn names(text: &str, version: &str) -> bool {
    let wanted = plain(version);
    let is_telling = wanted.len() >= 3 && wanted.contains(|c: char| c.is_ascii_digit());
    let is_end = |c: char| !c.is_alphanumeric() && !matches!(c, '.' | '-' | '_' | '+');
    is_telling && text.split(is_end).any(|word| is_same_version(&plain(word), &wanted))
}

fn is_same_version(one: &str, other: &str) -> bool {
    let is_commit = |text: &str| text.len() >= 7 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    one == other || (is_commit(one) && is_commit(other) && (one.starts_with(other) || other.starts_with(one)))
}

/// A version without what only some write: capitals, the `v` before a digit, a full stop behind it.
fn plain(version: &str) -> String {
    let text = version.trim().trim_end_matches('.').to_lowercase();
    match text.strip_prefix('v') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => rest.to_owned(),
        _ => text,
    }
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

    /// Whether two tell of one deployment: the same version, within the time that word of it takes to come from everywhere. One who
    /// tells of a version again tells of it again.
    fn is_same_deployment(&self, other: &ChangeNoted) -> bool {
        let (Some(one), Some(two)) = (self.at, other.at) else { return false };
        let is_told_of = |version: &Option<String>, by: &ChangeNoted| {
            let told = by.version.as_deref();
            version.as_deref().is_some_and(|version| match told {
                Some(told) => is_same_version(&plain(told), &plain(version)),
                None => names(&by.text, version),
            })
        };
        let is_of_it = is_told_of(&self.version, other) || is_told_of(&other.version, self);
        if self.source == other.source {
            // with what a diagnostic said of it in its line, or without
            return is_of_it && one == two;
        }
        is_of_it && (one - two).abs() <= Duration::minutes(SAME_MIN)
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
            version: None,
        }
    }

    fn of(source: &str, minutes_before: i64, text: &str, version: &str, url: Option<&str>) -> ChangeNoted {
        let version = Some(version.to_owned()).filter(|version| !version.is_empty());
        ChangeNoted { source: Some(source.to_owned()), version, ..told(minutes_before, text, url) }
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

    /// The hook, a tag, PagerDuty and the cluster tell of the same deployments, each in its own words.
    #[test]
    fn a_deployment_that_several_tell_of_stands_once() {
        let ci = "https://ci.example.com/7";
        let all = vec![
            looked("revision 8: shop:1.4.2"),
            looked("revision 7: shop:1.4.1"),
            of("hook", 5, "rolled out (v1.4.2) by ana", "v1.4.2", None),
            of("PagerDuty", 4, "Deploy 1.4.2 to production", "", Some(ci)),
            of("Git", 40, "tag v1.4.2", "v1.4.2", None),
            // twice by the same: two deployments
            of("hook", 300, "rolled out", "a1b2c3d4e5f6", None),
            of("hook", 320, "rolled out", "a1b2c3d4e5f6", None),
            of("Git", 310, "a fix", "a1b2c3d", None),
            // the same version long before, and a word that is part of another
            of("Git", 200, "tag v1.4.1", "1.4.1", None),
            of("PagerDuty", 201, "Deploy 1.4.10", "", None),
        ];
        let found = merged(all.clone(), start_of_day());
        let texts: Vec<&str> = found.iter().map(|one| one.text.as_str()).collect();
        assert_eq!(texts[0], "rolled out (v1.4.2) by ana; revision 8: shop:1.4.2");
        assert_eq!(texts.iter().filter(|text| text.contains("1.4.2")).count(), 1, "{texts:#?}");
        assert_eq!(texts.iter().filter(|text| text.contains("1.4.1")).count(), 2, "{texts:#?}");
        assert_eq!(found.iter().filter(|one| one.version.as_deref() == Some("a1b2c3d4e5f6")).count(), 2);
        assert!(!texts.contains(&"a fix"), "{texts:#?}");
        assert_eq!(found[0].url.as_deref(), Some(ci));
        assert_eq!(merged(found.clone(), start_of_day()), found, "it is settled");
        let again = found.iter().cloned().chain(all).collect();
        assert_eq!(merged(again, start_of_day()), found, "and told again it is the same");
    }

    #[test]
    fn versions_are_words_of_their_own() {
        for (text, version, wanted) in [
            ("image shop:v1.4.2", "1.4.2", true),
            ("image shop:1.4.2, ready", "V1.4.2", true),
            ("deployed 1.4.20", "1.4.2", false),
            ("deployed 1.4.2-rc1", "1.4.2", false),
            ("deployed a1b2c3d.", "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334", true),
            ("deployed a1b2c3", "a1b2c3d4", false),
            ("revision 7", "7", false),
            ("a release", "release", false),
            ("", "", false),
        ] {
            assert_eq!(names(text, version), wanted, "{text:?} {version:?}");
        }
    }

    proptest! {
        #[test]
        fn any_list_is_bounded_settled_and_newest_first(
            all in proptest::collection::vec(
                (0_u8..4, -100_i64..3_000, "([ab ]|v1\\.[12] ){0,3}", "(v1\\.[12])?"), 0..30,
            ),
        ) {
            let all = all
                .into_iter()
                .map(|(who, minutes, text, version)| match who {
                    0 => looked(&text),
                    1 => told(minutes, &text, None),
                    2 => of("hook", minutes, &text, &version, None),
                    _ => of("Git", minutes, &text, &version, Some("https://ci.example.com/1")),
                })
                .collect();
            let found = merged(all, start_of_day());
            prop_assert!(found.len() <= MOST);
            prop_assert_eq!(merged(found.clone(), start_of_day()), found.clone());
            let times: Vec<_> = found.iter().filter_map(|one| one.at).collect();
            prop_assert!(times.is_sorted_by(|one, next| one >= next));
        }
    }
}
