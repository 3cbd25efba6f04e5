//! What becomes of alerts: given, when, then.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::*;
use crate::ids::{IncidentId, IncidentNumber};
use crate::severity::{Severities, parse};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
}

fn severities() -> Severities {
    let text = r#"
default = "four"
[[scheme]]
id = "four"
name = "Four"
[[scheme.severity]]
id = "P1"
name = "Critical"
definition = "all is down"
[[scheme.severity]]
id = "P2"
name = "High"
definition = "much is down"
[[scheme.severity]]
id = "P3"
name = "Medium"
definition = "some is down"
[[scheme.severity]]
id = "P4"
name = "Low"
definition = "little is down"
"#;
    parse(text).unwrap()
}

fn alert(labels: &[(&str, &str)], firing: bool, starts: i64) -> SentAlert {
    SentAlert {
        fingerprint: "f1".to_owned(),
        firing,
        labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        starts_at: Some(at(starts)),
        ..SentAlert::default()
    }
}

fn holder(n: u64, ended: Option<i64>) -> Holder {
    Holder {
        id: IncidentId(Uuid::from_u128(n.into())),
        number: IncidentNumber(n),
        ended_at: ended.map(at),
        paged_at: None,
        is_final: false,
        private: false,
    }
}

/// An alert that is told of again and again.
struct Bench {
    policy: AlertPolicy,
    around: Around,
    row: Option<AlertRow>,
    labels: Vec<(&'static str, &'static str)>,
    /// When it ended, by the sender's account.
    ends: Option<i64>,
    anytime: bool,
    private: bool,
    with_group: bool,
    links: Vec<AlertLink>,
    /// When the message came, where it has waited.
    received: Option<i64>,
}

impl Bench {
    fn new() -> Bench {
        let policy = AlertPolicy::default();
        let labels = vec![("alertname", "Down"), ("service", "shop"), ("severity", "critical")];
        Bench {
            policy,
            around: Around::default(),
            row: None,
            labels,
            ends: None,
            anytime: false,
            private: false,
            with_group: false,
            links: Vec::new(),
            received: None,
        }
    }

    fn told(&mut self, firing: bool, starts: i64, now: i64) -> What {
        let mut sent = alert(&self.labels, firing, starts);
        sent.ends_at = self.ends.filter(|_| !firing).map(at);
        sent.links.clone_from(&self.links);
        let of = about(&sent, &self.policy);
        let severities = severities();
        let severe = severity(&sent, &self.policy, severities.default_scheme(), None);
        let told = Told {
            source: "alertmanager",
            sender: None,
            group: Some("g"),
            alert: &sent,
            about: &of,
            severity: &severe,
            private: self.private,
            anytime: self.anytime,
            with_group: self.with_group,
            received_at: at(self.received.unwrap_or(now)),
        };
        let (what, mut row) = decide(told, self.row.as_ref(), &self.around, &self.policy, at(now));
        if what == What::Opens {
            row.incident = Some(holder(1, None).id);
            self.around.own = Some(holder(1, None));
        }
        self.row = Some(row);
        what
    }

    fn settled(&mut self, now: i64) -> Option<What> {
        let row = self.row.clone().unwrap();
        let of = about(&row.alert, &self.policy);
        let severities = severities();
        let severe = severity(&row.alert, &self.policy, severities.default_scheme(), None);
        let told = Told {
            source: "alertmanager",
            sender: None,
            group: Some("g"),
            alert: &row.alert,
            about: &of,
            severity: &severe,
            private: self.private,
            anytime: self.anytime,
            with_group: self.with_group,
            received_at: at(now),
        };
        let (what, mut row) = settle(told, &row, &self.around, &self.policy, at(now))?;
        if what == What::Opens {
            row.incident = Some(holder(1, None).id);
            self.around.own = Some(holder(1, None));
        }
        self.row = Some(row);
        Some(what)
    }

    fn why(&self) -> &str {
        &self.row.as_ref().unwrap().decisions.last().unwrap().why
    }

    fn became(&self) -> &str {
        self.row.as_ref().unwrap().became()
    }
}

/// What waited is as old as it was when it came, whoever has it taken up again.
#[test]
fn what_was_received_before_the_newest_word_changes_nothing() {
    let mut bench = Bench::new();
    assert_eq!(bench.told(true, 0, 10), What::Opens);
    assert!(matches!(bench.told(false, 0, 3_600), What::Ends(Some(_))));
    bench.around.own = Some(holder(1, Some(3_600)));
    bench.received = Some(1_800);
    assert_eq!((bench.told(true, 1_800, 3_900), bench.became()), (What::Stays, "told_late"));
    assert!(bench.why().contains("newer words of it at"), "{}", bench.why());
    // what waited for less counts, in the order in which it came
    bench.received = Some(3_700);
    assert_ne!(bench.told(true, 3_700, 4_000), What::Stays);
    bench.around.own = Some(holder(1, None));
    bench.received = Some(3_600);
    assert_eq!(bench.told(false, 3_700, 4_000), What::Stays);
    bench.received = Some(3_700);
    assert!(
        matches!(bench.told(false, 3_700, 4_000), What::Ends(Some(_))),
        "at the same time: the later one"
    );
    // a clock that was set back makes nobody deaf
    bench.received = None;
    assert_ne!(bench.told(true, 3_000, 3_000), What::Stays);
}

#[test]
fn an_alert_opens_stays_and_ends() {
    let mut bench = Bench::new();
    assert_eq!(bench.told(true, 0, 1), What::Opens);
    assert!(bench.why().starts_with("no open incident holds this alert"), "{}", bench.why());
    assert_eq!(bench.told(true, 0, 2), What::Stays, "told again");
    let id = holder(1, None).id;
    assert_eq!(bench.told(false, 0, 3), What::Ends(Some(id)));
    assert!(!bench.row.as_ref().unwrap().firing);
    assert_eq!(bench.told(false, 0, 4), What::Stays);
    assert_eq!(bench.told(true, 5, 6), What::FiresAgain(id), "its incident is open still");
    assert_eq!(bench.row.as_ref().unwrap().decisions.len(), 3);
}

#[test]
fn it_is_reopened_only_within_the_window() {
    let id = holder(1, None).id;
    for (ended, now, is_final, wanted) in [
        (100, 101, false, What::Reopens(id)),
        (100, 100 + 30 * 60 - 1, false, What::Reopens(id)),
        (100, 100 + 30 * 60, false, What::Opens),
        (100, 101, true, What::Opens),
    ] {
        let mut bench = Bench::new();
        bench.told(true, 0, 1);
        bench.told(false, 0, 99);
        bench.around.own = Some(Holder { is_final, ..holder(1, Some(ended)) });
        assert_eq!(bench.told(true, now - 1, now), wanted, "{ended} {now} {is_final}");
        assert!(bench.why().contains("INC-1"), "{}", bench.why());
    }
}

/// Its service has become private since: what it says goes into nothing that others read.
#[test]
fn a_private_alert_goes_back_into_no_public_incident() {
    for (private_now, held_privately, ended, wanted) in [
        (true, false, None, What::Opens),
        (true, false, Some(99), What::Opens),
        (true, true, None, What::FiresAgain(holder(1, None).id)),
        (false, true, None, What::FiresAgain(holder(1, None).id)),
        (false, true, Some(99), What::Reopens(holder(1, None).id)),
    ] {
        let mut bench = Bench::new();
        bench.told(true, 0, 1);
        bench.told(false, 0, 99);
        bench.around.own = Some(Holder { private: held_privately, ..holder(1, ended) });
        bench.private = private_now;
        assert_eq!(bench.told(true, 100, 101), wanted, "{private_now} {held_privately} {ended:?}");
    }
    // while it goes on it stays where it is
    let mut bench = Bench::new();
    bench.told(true, 0, 1);
    bench.private = true;
    assert_eq!(bench.told(true, 0, 100), What::Stays);
}

/// What others read shows no words of what has become private since, and no reason names what few know of.
#[test]
fn private_words_stay_among_those_who_may_read_them() {
    let mut bench = Bench::new();
    bench.told(true, 0, 1);
    bench.private = true;
    bench.labels[0].1 = "Secret";
    bench.links = vec![AlertLink { what: "runbook".to_owned(), url: "https://secret".to_owned() }];
    let shown = |bench: &Bench| {
        let row = bench.row.as_ref().unwrap();
        (row.title.clone(), row.alert.links.len())
    };
    for (firing, now) in [(true, 100), (false, 200)] {
        bench.told(firing, 0, now);
        assert_eq!(shown(&bench), ("Down".to_owned(), 0), "{firing}");
    }
    bench.around.own = Some(holder(1, Some(200)));
    assert_eq!(bench.told(true, 300, 301), What::Opens);
    assert_eq!(shown(&bench), ("Secret".to_owned(), 1), "one of its own");
    for (private, is_final) in [(true, false), (true, true), (false, false)] {
        let mut bench = Bench::new();
        bench.told(true, 0, 1);
        bench.told(false, 0, 2);
        bench.around.own = Some(Holder { private, is_final, ..holder(1, Some(2)) });
        assert_eq!(bench.told(true, 86_400, 86_401), What::Opens);
        assert_eq!(bench.why().contains("INC-1"), !private, "{}", bench.why());
    }
}

#[test]
fn what_a_person_ended_stays_ended_while_its_alert_goes_on() {
    let mut bench = Bench::new();
    bench.told(true, 0, 1);
    bench.around.own = Some(holder(1, Some(60)));
    assert_eq!(bench.told(true, 0, 120), What::Stays);
    // hours later it still fires, and nobody looks at it any more
    assert_eq!(bench.told(true, 0, 60 + 30 * 60), What::Opens);
    // what was no incident is none however long it goes on
    bench.around.own = Some(Holder { is_final: true, ..holder(1, Some(60)) });
    assert_eq!(bench.told(true, 0, 90_000), What::Stays);
}

#[test]
fn group_before_service_and_the_service_only_within_its_window() {
    let other = holder(7, None);
    let mut bench = Bench::new();
    bench.around.group = Some(other.clone());
    assert_eq!(bench.told(true, 0, 1), What::Joins(other.id));
    assert!(bench.why().contains("INC-7 holds alerts of the same group"), "{}", bench.why());
    for (since, now, wanted) in [(0, 599, What::Joins(other.id)), (0, 600, What::Opens)] {
        let mut bench = Bench::new();
        bench.around.storm = Some((other.clone(), at(since)));
        assert_eq!(bench.told(true, 0, now), wanted);
    }
}

/// Its incident has become a part of another: whatever is told of it is about that one, and what says nothing new is counted there.
#[test]
fn it_goes_along_when_its_incident_is_merged() {
    let (own, other) = (holder(1, None), holder(2, None));
    for (firing, starts, wanted, became) in [
        (true, 0, What::Follows(other.id), "followed"),
        (false, 0, What::Ends(Some(other.id)), "ended"),
        // of a former time, and counted all the same
        (false, -50, What::Follows(other.id), "told_late"),
    ] {
        let mut bench = Bench::new();
        bench.told(true, 0, 1);
        assert_eq!(bench.row.as_ref().unwrap().incident, Some(own.id));
        bench.around.own = Some(other.clone());
        assert_eq!(bench.told(firing, starts, 120), wanted, "{firing} {starts}");
        assert_eq!(bench.row.as_ref().unwrap().incident, Some(other.id));
        assert_eq!(bench.became(), became);
    }
    // it had ended there, and fires again here
    let mut bench = Bench::new();
    bench.told(true, 0, 1);
    bench.told(false, 0, 2);
    bench.around.own = Some(other.clone());
    assert_eq!(bench.told(true, 100, 120), What::FiresAgain(other.id));
    // what is looked at again without being told of goes along, too
    let mut bench = Bench::new();
    bench.policy.flap_turns = 1;
    bench.told(true, 0, 1);
    bench.told(false, 0, 2);
    bench.around.own = Some(other.clone());
    assert_eq!(bench.settled(2 + 600), Some(What::Ends(Some(other.id))));
}

/// What fires again opens its incident again, unless the page for it was faster and has opened one.
#[test]
fn it_joins_the_page_that_came_before_it() {
    let other = holder(7, None);
    for (paged, now, wanted) in [
        (Some(150), 200, What::Joins(other.id)),
        (None, 200, What::Reopens(holder(1, None).id)),
        // it is older than that end: something else
        (Some(50), 200, What::Reopens(holder(1, None).id)),
        (Some(150), 150 + 600, What::Reopens(holder(1, None).id)),
    ] {
        let mut bench = Bench::new();
        bench.told(true, 0, 1);
        bench.told(false, 0, 99);
        bench.around.own = Some(holder(1, Some(100)));
        let other = Holder { paged_at: paged.map(at), ..other.clone() };
        bench.around.storm = Some((other, at(150)));
        assert_eq!(bench.told(true, now - 1, now), wanted, "{paged:?} {now}");
    }
    // known by the key of its group, however long ago that was and whatever its service is called
    let mut bench = Bench::new();
    bench.around.paged = Some(Holder { paged_at: Some(at(0)), ..other.clone() });
    assert_eq!(bench.told(true, 0, 90_000), What::Joins(other.id));
    assert!(bench.why().contains("the page of INC-7 has the key of its group"), "{}", bench.why());
}

#[test]
fn the_pager_knows_it_by_what_its_sender_calls_it() {
    let mut bench = Bench::new();
    bench.told(true, 0, 1);
    let mut row = bench.row.unwrap();
    let group = r#"{}:{alertname="InstanceDown"}"#;
    row.group = Some(group.to_owned());
    let digest = <sha2::Sha256 as sha2::Digest>::digest(group);
    let (hash, upper, name) = (hex::encode(digest), hex::encode_upper(digest), row.fingerprint.clone());
    for (key, service, wanted) in [
        (hash.as_str(), "shop", true),
        (&upper, "shop", true),
        // the same whatever its service is called there
        (&hash, "The Shop", true),
        (&hash[..63], "shop", false),
        // a name that others may have for something else
        (&name, "shop", true),
        (&name, "The Shop", false),
        (group, "shop", true),
        (group, "The Shop", false),
        ("", "shop", false),
    ] {
        assert_eq!(row.is_known_as(key, service), wanted, "{key} {service}");
    }
    row.group = None;
    assert!(!row.is_known_as(&hash, "shop"));
}

/// What asks for an hour before it tells joins what is open, however long nothing came to that.
#[test]
fn what_joins_at_any_time_waits_for_no_window() {
    let other = holder(7, None);
    let mut bench = Bench { anytime: true, ..Bench::new() };
    bench.around.storm = Some((other.clone(), at(0)));
    assert_eq!(bench.told(true, 90_000, 90_000), What::Joins(other.id));
    assert_eq!(bench.why(), "INC-7 is of the same service, shop, and is open");
}

#[test]
fn what_is_told_late_changes_nothing() {
    let mut bench = Bench::new();
    assert_eq!(bench.told(false, 0, 1), What::Ends(None), "its end comes first");
    assert_eq!(bench.told(true, 0, 2), What::Stays);
    assert_eq!(bench.became(), "told_late");
    // much later it is no lateness: the sender lost sight of it for a while
    assert_eq!(bench.told(true, 0, 62), What::Opens);
    // the end of an earlier time
    assert_eq!(bench.told(true, 100, 101), What::Stays);
    assert_eq!(bench.told(false, 50, 102), What::Stays);
    assert!(bench.row.as_ref().unwrap().firing);
}

/// Nobody has named the end of what ends with its group: that it fires is no word of a former time, however soon it comes.
#[test]
fn what_ended_with_its_group_is_heard_at_once() {
    for (with_group, why, wanted) in [
        (true, "the sender says that its whole group is over", What::FiresAgain(holder(1, None).id)),
        (false, "the sender says that it has ended", What::Stays),
    ] {
        let mut bench = Bench::new();
        bench.told(true, 0, 1);
        bench.with_group = with_group;
        bench.ends = Some(100);
        assert!(matches!(bench.told(false, 0, 101), What::Ends(Some(_))));
        assert!(bench.why().starts_with(why), "{}", bench.why());
        bench.with_group = false;
        assert_eq!(bench.told(true, 0, 110), wanted);
        assert!(!bench.row.as_ref().unwrap().ended_unnamed);
    }
}

/// A start that is yet to come is none: what is told after it is heard.
#[test]
fn a_start_in_the_future_makes_no_alert_deaf() {
    let id = holder(1, None).id;
    for (starts, kept) in [(62, None), (90_000, None), (61, Some(at(61)))] {
        let mut bench = Bench::new();
        assert_eq!(bench.told(true, starts, 1), What::Opens, "{starts}");
        assert_eq!(bench.row.as_ref().unwrap().alert.starts_at, kept, "{starts}");
        bench.ends = Some(70);
        assert_eq!(bench.told(false, 2, 70), What::Ends(Some(id)), "{starts}");
    }
    // as a row was kept before
    let mut bench = Bench::new();
    bench.told(true, 0, 1);
    bench.row.as_mut().unwrap().alert.starts_at = Some(at(90_000));
    assert_eq!(bench.told(false, 0, 2), What::Ends(Some(id)));
}

/// The two of a pair have starts of their own; 100 is known, and the other began at 95.
#[test]
fn the_other_of_a_pair_is_heard() {
    let id = holder(1, None).id;
    for (ends, wanted) in [
        (Some(200), What::Ends(Some(id))),
        (Some(100), What::Ends(Some(id))),
        // of a former time
        (Some(99), What::Stays),
        (None, What::Stays),
    ] {
        let mut bench = Bench::new();
        bench.told(true, 100, 101);
        bench.ends = ends;
        assert_eq!(bench.told(false, 95, 201), wanted, "{ends:?}");
        assert_eq!(bench.became() == "told_late", wanted == What::Stays, "{ends:?}");
    }
    let mut bench = Bench::new();
    bench.told(true, 100, 101);
    assert_eq!(bench.told(true, 95, 102), What::Stays);
    let row = bench.row.as_ref().unwrap();
    assert_eq!((row.alert.starts_at, row.turns.len(), row.became()), (Some(at(95)), 0, "opened"));
    bench.ends = Some(200);
    assert_eq!(bench.told(false, 95, 201), What::Ends(Some(id)));
    // both starts are of what has ended, and neither is for ever
    for (starts, now, wanted) in [
        (95, 202, What::Stays),
        (100, 203, What::Stays),
        (90, 260, What::Stays),
        (90, 261, What::FiresAgain(id)),
    ] {
        assert_eq!(bench.told(true, starts, now), wanted, "{starts} {now}");
    }
}

#[test]
fn what_comes_and_goes_is_damped_until_it_is_steady() {
    let mut bench = Bench::new();
    let id = holder(1, None).id;
    bench.told(true, 0, 1);
    for turn in 1..6_i64 {
        let what = bench.told(turn % 2 == 0, turn * 60, 1 + turn * 60);
        assert!(matches!(what, What::Ends(_) | What::FiresAgain(_)), "{turn}: {what:?}");
    }
    // the sixth turn: it fires, and from now on holds its incident open
    assert_eq!(bench.told(true, 360, 361), What::FiresAgain(id));
    assert!(bench.row.as_ref().unwrap().damped);
    assert_eq!(bench.became(), "damped");
    assert_eq!(bench.told(false, 360, 420), What::Stays);
    assert!(bench.row.as_ref().unwrap().firing, "it counts as firing");
    assert_eq!(bench.settled(420 + 599), None);
    assert_eq!(bench.settled(420 + 600), Some(What::Ends(Some(id))));
    let row = bench.row.as_ref().unwrap();
    assert!(!row.damped && !row.firing && !row.is_watched());
}

#[test]
fn the_turn_that_ends_it_is_held_too() {
    let mut bench = Bench::new();
    bench.policy.flap_turns = 1;
    bench.told(true, 0, 1);
    assert_eq!(bench.told(false, 0, 2), What::Stays);
    assert!(bench.row.as_ref().unwrap().firing && bench.row.as_ref().unwrap().damped);
    bench.told(true, 3, 4);
    assert_eq!(bench.settled(4 + 600), Some(What::Stays), "it fires, and is steady");
    assert_eq!(bench.became(), "steady");
    bench.policy.flap_turns = 0;
    for turn in 0..50 {
        bench.told(turn % 2 == 0, 700 + turn, 700 + turn);
        assert!(!bench.row.as_ref().unwrap().damped);
    }
}

#[test]
fn maintenance_silences_with_its_reason_and_not_beyond_its_end() {
    let window = |service: Option<&str>, labels: &[(&str, &str)]| Maintenance {
        service: service.map(str::to_owned),
        labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        from: Some(at(0)),
        until: at(100),
        reason: "the database moves".to_owned(),
    };
    for (maintenance, now, wanted) in [
        (window(Some("shop"), &[]), 50, What::Silenced),
        (window(None, &[("alertname", "Down")]), 50, What::Silenced),
        (window(Some("shop"), &[("alertname", "Up")]), 50, What::Opens),
        (window(Some("bank"), &[]), 50, What::Opens),
        (window(Some("shop"), &[]), -1, What::Opens),
        (window(Some("shop"), &[]), 100, What::Opens),
    ] {
        let mut bench = Bench::new();
        bench.policy.maintenance = vec![maintenance];
        assert_eq!(bench.told(true, -10, now), wanted);
        if wanted != What::Silenced {
            continue;
        }
        assert!(bench.why().ends_with(": the database moves"), "{}", bench.why());
        assert_eq!(bench.told(true, -10, 60), What::Stays);
        assert_eq!(bench.settled(99), None);
        assert_eq!(bench.settled(100), Some(What::Opens), "it still fires when that is over");
    }
}

#[test]
fn the_severity_is_the_alerts_word_or_said_to_be_none() {
    let severities = severities();
    let scheme = severities.default_scheme();
    let severities_of = [("gold", "P2"), ("page", "none")];
    let severities_of = severities_of.map(|(word, id)| (word.to_owned(), id.to_owned()));
    let policy = AlertPolicy { severities: BTreeMap::from(severities_of), ..AlertPolicy::default() };
    for (label, of_service, wanted, guessed) in [
        (Some("critical"), None, "P1", false),
        (Some("Warning "), None, "P3", false),
        (Some("P2"), None, "P2", false),
        (Some("p4"), Some("P1"), "P4", false),
        (Some("gold"), None, "P2", false),
        (Some("info"), None, "P4", false),
        (Some("purple"), None, "P4", true),
        (Some("purple"), Some("P2"), "P2", true),
        (Some(" "), None, "P4", true),
        (None, None, "P4", true),
        (None, Some("P2"), "P2", true),
    ] {
        let labels: Vec<_> = label.iter().map(|label| ("severity", *label)).collect();
        match severity(&alert(&labels, true, 0), &policy, scheme, of_service) {
            SeverityFound::Is { id, reason, guessed: is_guessed } => {
                assert_eq!((id.as_str(), is_guessed), (wanted, guessed), "{label:?}: {reason}");
                let says_so = reason.contains("counts");
                assert_eq!(says_so, guessed, "{label:?}: {reason}");
            }
            SeverityFound::OpensNone { reason } => panic!("{label:?}: {reason}"),
        }
    }
    for label in ["none", "None", "page"] {
        let found = severity(&alert(&[("severity", label)], true, 0), &policy, scheme, Some("P1"));
        assert!(matches!(found, SeverityFound::OpensNone { .. }), "{label}");
    }
    let by_priority = severity(&alert(&[("priority", "high")], true, 0), &policy, scheme, None);
    assert!(matches!(by_priority, SeverityFound::Is { id, .. } if id == "P2"));
}

#[test]
fn an_alert_that_opens_none_is_quiet_until_it_says_otherwise() {
    let mut bench = Bench::new();
    bench.labels = vec![("alertname", "Watchdog"), ("severity", "none")];
    assert_eq!(bench.told(true, 0, 1), What::OpensNone);
    assert_eq!(bench.told(true, 0, 90_000), What::Stays);
    assert_eq!(bench.row.as_ref().unwrap().decisions.len(), 1);
}

#[test]
fn what_an_alert_is_about() {
    let bank = ServiceMatch {
        service: "bank".to_owned(),
        labels: BTreeMap::from([("team".to_owned(), "pay".to_owned())]),
    };
    let policy = AlertPolicy { services: vec![bank], ..AlertPolicy::default() };
    let sent = |labels: &[(&str, &str)], summary: &str| {
        let mut sent = alert(labels, true, 0);
        sent.annotations.insert("summary".to_owned(), summary.to_owned());
        about(&sent, &policy)
    };
    let named = sent(&[("alertname", "Down"), ("service", "shop")], "the shop\nis \u{7}down");
    assert_eq!((named.title.as_str(), named.service.as_str()), ("the shop is down", "shop"));
    let matched = sent(&[("alertname", "Down"), ("team", "pay"), ("service", "shop")], " ");
    assert_eq!((matched.title.as_str(), matched.service.as_str()), ("Down", "bank"));
    let unknown = sent(&[], "");
    assert_eq!((unknown.title.as_str(), unknown.service.as_str()), ("alert f1", UNKNOWN_SERVICE));
    assert!(unknown.is_of_nobody() && unknown.name.is_none());
    let long = sent(&[], &"x".repeat(5_000));
    assert_eq!(long.title.chars().count(), 200);
}

#[test]
fn the_count_in_words() {
    let words = |firing, total, left_out| Tally { firing, total, left_out, ..Tally::default() }.words();
    assert_eq!(words(5, 8, 0), "5 of 8 alerts fire");
    assert_eq!(words(1, 1, 0), "1 of 1 alert fires");
    assert_eq!(words(1, 3, 2), "1 of 3 alerts fires, and 2 more were left out");
    assert_eq!(words(0, 1, 0), "the one alert has ended");
    assert_eq!(words(0, 8, 1), "all 8 alerts have ended, and 1 more was left out");
    let first = (0..5).map(|n| n.to_string()).collect::<Vec<_>>();
    let tally = Tally { total: 500, first, ..Tally::default() };
    assert_eq!(tally.shown().as_deref(), Some("the first 5 of 500"));
    assert_eq!(Tally { total: 5, ..tally }.shown(), None);
}

/// However the words of one alert come, a row is whole: it is watched while something is to come, keeps few turns and decisions, and
/// one that fires says so.
#[test]
fn a_row_is_whole_whatever_comes() {
    let mut state = 7_u64;
    let mut number = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for _ in 0..300 {
        let mut bench = Bench::new();
        let mut now = 0;
        for _ in 0..60 {
            now += i64::try_from(number(400)).unwrap();
            let firing = number(2) == 0;
            let starts = now - i64::try_from(number(500)).unwrap();
            let what = if number(5) == 0 && bench.row.is_some() {
                bench.settled(now).unwrap_or(What::Stays)
            } else {
                bench.told(firing, starts, now)
            };
            if let What::Ends(Some(id)) = what {
                assert_eq!(Some(id), bench.row.as_ref().unwrap().incident);
                bench.around.own = Some(holder(1, Some(now)));
            }
            if matches!(what, What::Reopens(_)) {
                bench.around.own = Some(holder(1, None));
            }
            let row = bench.row.as_ref().unwrap();
            assert!(row.turns.len() <= 32 && row.decisions.len() <= 6);
            assert!(row.damped || row.firing == row.alert.firing || row.incident.is_none(), "{row:?}");
            assert!(!row.firing || row.incident.is_some(), "{row:?}");
            if row.damped {
                assert!(row.is_watched());
            }
        }
        assert!(
            bench.settled(now + TimeDelta::days(2).num_seconds()).is_none_or(|_| !bench
                .row
                .as_ref()
                .unwrap()
                .damped)
        );
    }
}

/// Each group of a sender speaks for itself; what was told before that was kept counts until the next word.
#[test]
fn what_is_left_out_is_counted_by_group() {
    let of = |group: &str, count| BTreeMap::from([(group_key("alertmanager", None, Some(group)), count)]);
    let mut tally = Tally::default();
    for (group, count, sum) in [("a", 100, 100), ("b", 0, 100), ("b", 3, 103), ("a", 40, 43), ("a", 0, 3)] {
        tally.leave_out(&of(group, count));
        assert_eq!(tally.left_out, sum, "{group} {count}");
    }
    tally.leave_out(&BTreeMap::new());
    assert_eq!(tally.left_out, 3);
    let key = |source, sender| group_key(source, sender, Some("a"));
    let keys = [key("alertmanager", None), key("grafana", None), key("alertmanager", Some("eu"))];
    assert!(keys[0] != keys[1] && keys[0] != keys[2] && keys[1] != keys[2], "{keys:?}");
    let mut old: Tally =
        serde_json::from_str(r#"{"sources":["grafana"],"firing":1,"total":1,"left_out":5}"#).unwrap();
    old.leave_out_along(&tally);
    assert_eq!(old.left_out, 8);
    old.leave_out_along(&tally);
    assert_eq!(old.left_out, 8, "both know of the same group");
    let text = serde_json::to_string(&old).unwrap();
    assert_eq!(serde_json::from_str::<Tally>(&text).unwrap(), old);
    old.leave_out(&of("c", 1));
    assert_eq!(old.left_out, 4);
    let many: BTreeMap<String, u64> = (0..300).map(|n| (format!("s/{n}"), 1)).collect();
    old.leave_out(&many);
    assert_eq!((old.left_out_of.len(), old.left_out), (100, 102));
}
