//! Who is asked for what and when, and that nobody is asked too often.

use chrono::{DateTime, Duration, Utc};
use proptest::prelude::*;

use super::kit::*;
use super::random::outside;
use crate::cases::cases;
use crate::ids::RunId;
use crate::incident::{
    Decision, Effect, Incident, IncidentCommand, IncidentEvent, Look, OpenIncident, Rules, RunOutcome, Topic,
    Urgency, Waiting, next_look, next_look_after_change,
};
use crate::message::Outgoing;
use crate::people::{Actor, Role};
use crate::severity::{Severity, parse};

const FILE: &str = r#"default = "s"
[[scheme]]
id = "s"
name = "test"
[[scheme.severity]]
id = "P1"
name = "Critical"
definition = "all is lost"
mttr_target_min = 15
update_interval_min = 30
propose_rollback_after_min = 30
rollback_at_once = ["data loss", "breach"]
ask_without_runbook = ["tl", "product"]
remind_commander_after_min = 2
remind_severity_after_min = 5
remind_roles_after_min = 10
phases = [
  { name = "Detection", from_min = 0, to_min = 5 },
  { name = "Triage", from_min = 5, to_min = 10 },
]
"#;

fn severity() -> Severity {
    parse(FILE).unwrap().default_scheme().get("P1").unwrap().clone()
}

fn rules() -> Rules {
    Rules {
        severity: Some(severity()),
        on_call: Some(person("olga")),
        without_runbook: vec![person("tom"), person("pia")],
        has_diagnostics: true,
        rollback: Some("rollback".to_owned()),
        quiet: vec![person("quentin")],
        is_quiet: false,
    }
}

fn at(minute: i64) -> DateTime<Utc> {
    start_of_day() + Duration::minutes(minute)
}

fn look_with(rules: Rules, waiting: Vec<Waiting>) -> IncidentCommand {
    IncidentCommand::Look(Box::new(Look { rules, waiting, refresh: false }))
}

fn look() -> IncidentCommand {
    look_with(rules(), Vec::new())
}

fn approval(run: RunId, who: &[&str]) -> Waiting {
    Waiting {
        topic: Topic::Approval { run, until: at(600) },
        title: "Roll back".to_owned(),
        what: "code 4F2A".to_owned(),
        who: who.iter().map(|name| person(name)).collect(),
        commander_first: true,
    }
}

/// What was asked for, of whom, with a mention or without, and the text.
fn asked(decision: &Decision, after: &Incident, look: &Look) -> Option<(Topic, Option<Actor>, bool, String)> {
    let event = decision.events.iter().find_map(|event| match event {
        IncidentEvent::Asked { about, to, mention } => Some((about.clone(), to.clone(), *mention)),
        _ => None,
    })?;
    let sent = decision.effects.iter().any(|effect| {
        matches!(effect, Effect::Send(Outgoing::Ask { about, mention, .. }) if (about, *mention) == (&event.0, event.2))
    });
    assert!(sent, "what is asked is said");
    let asking =
        after.still_asks(look, &event.0, after.reminders.said_at.unwrap()).expect("it asks for it still");
    assert_eq!((&asking.to, asking.mention), (&event.1, event.2), "the message is the event");
    assert_eq!(asking.may_snooze, event.0.urgency() == Urgency::Reminder);
    Some((event.0, event.1, event.2, asking.text))
}

impl Bench {
    fn looks(
        &mut self,
        minute: i64,
        command: &IncidentCommand,
    ) -> Option<(Topic, Option<Actor>, bool, String)> {
        self.looks_at(at(minute), command)
    }

    fn looks_at(
        &mut self,
        now: DateTime<Utc>,
        command: &IncidentCommand,
    ) -> Option<(Topic, Option<Actor>, bool, String)> {
        self.now = now;
        let IncidentCommand::Look(look) = command else { panic!("not a look: {command:?}") };
        asked(&self.give_as(Actor::system("timer"), command).unwrap(), &self.incident, look)
    }

    fn says(&mut self, name: &str, command: &IncidentCommand) {
        self.give_as(person(name), command).unwrap();
    }

    /// Follows the timer, as the engine does, and gives what was asked for with the minute.
    fn follows(&mut self, until: DateTime<Utc>, rules: &Rules) -> Vec<(i64, Topic)> {
        let mut all = Vec::new();
        while let Some(due) = next_look(&self.incident, rules, self.now).filter(|due| *due <= until) {
            let before = self.now;
            let said = self.looks_at(due.max(before), &look_with(rules.clone(), Vec::new()));
            all.extend(said.clone().map(|(topic, ..)| ((self.now - start_of_day()).num_minutes(), topic)));
            let next = next_look(&self.incident, rules, self.now);
            assert!(said.is_some() || next.is_none_or(|next| next > self.now), "it would look for ever");
        }
        self.now = until;
        all
    }
}

/// Acknowledged, with every role.
fn led(severity_guessed: bool) -> Bench {
    let request = OpenIncident { severity_guessed, ..request(true) };
    let mut bench = Bench::open(&request, at(0)).0;
    bench.learns(&acknowledge("ana", "blocks"));
    for role in [Role::CommunicationsLead, Role::Scribe] {
        bench.learns(&IncidentCommand::GiveRole { by: person("ana"), role, to: person("ben"), ask: None });
    }
    bench
}

fn failed(run: RunId) -> IncidentCommand {
    IncidentCommand::EndRun { run, outcome: RunOutcome::Failed, reason: None }
}

#[test]
fn a_page_that_nobody_takes_is_asked_about_in_this_order() {
    let guessed = OpenIncident { severity_guessed: true, ..request(true) };
    let mut bench = Bench::open(&guessed, at(0)).0;
    let target = Topic::Target { target_s: 900 };
    assert_eq!(
        bench.follows(at(95), &rules()),
        [
            (2, Topic::Commander),
            (5, Topic::Severity),
            (10, Topic::Roles),
            (15, target),
            (30, Topic::RollbackOverdue),
            (31, Topic::Update),
            (61, Topic::Update),
            (91, Topic::Update),
        ]
    );
    assert_eq!(bench.replayed(), bench.incident);
}

/// Of another team's page nobody is mentioned whom only the configuration names; whoever of ours has it is.
#[test]
fn of_a_service_that_is_not_named_nobody_is_mentioned_who_has_nothing_to_do_with_it() {
    let chosen = crate::rules::Chosen { is_unlisted: true, ..crate::rules::Chosen::default() };
    let unlisted = OpenIncident { severity_guessed: true, chosen: Some(Box::new(chosen)), ..request(true) };
    let mut bench = Bench::open(&unlisted, at(0)).0;
    for minute in [2, 5, 10, 15, 30] {
        let (topic, _, mention, _) = bench.looks(minute, &look()).unwrap();
        assert!(!mention, "{minute}: {topic:?}");
    }
    bench.says("zoe", &IncidentCommand::RequestRollback { reason: "worse".to_owned() });
    let (topic, to, mention, _) = bench.looks(40, &look()).unwrap();
    assert_eq!((topic, to, mention), (Topic::RollbackRequested { number: 1 }, Some(person("olga")), true));
    bench.learns(&acknowledge("ana", "blocks"));
    let (topic, to, mention, _) = bench.looks(95, &look()).unwrap();
    assert_eq!((topic, to, mention), (Topic::Update, Some(person("ana")), true));
}

#[test]
fn a_late_page_is_asked_about_one_thing_a_minute() {
    let guessed = OpenIncident { severity_guessed: true, ..request(true) };
    let mut bench = Bench::open(&guessed, at(40)).0;
    let minutes: Vec<i64> = bench.follows(at(50), &rules()).into_iter().map(|(minute, _)| minute).collect();
    assert_eq!(minutes, [40, 41, 42, 43, 44, 45]);
}

#[test]
fn one_person_is_asked_and_the_text_says_what_to_type() {
    let mut bench = Bench::paged();
    let said = bench.looks(2, &look()).unwrap();
    let text = "INC-1: nobody commands yet, 2 min after detection. `/blocks ack INC-1` takes it.";
    assert_eq!(said, (Topic::Commander, Some(person("olga")), true, text.to_owned()));
    assert_eq!(bench.looks(4, &look()), None, "once");
    // nobody is known: the channel is told, and nobody is mentioned
    let mut bench = Bench::paged();
    let (_, to, mention, _) =
        bench.looks(2, &look_with(Rules { on_call: None, ..rules() }, Vec::new())).unwrap();
    assert_eq!((to, mention), (None, false));
    // whoever took it is asked for the rest
    let mut bench = led(true);
    let (topic, to, _, text) = bench.looks(5, &look()).unwrap();
    assert_eq!((topic, to), (Topic::Severity, Some(person("ana"))));
    assert!(text.contains("`/blocks severity P1 INC-1` confirms it"), "{text}");
    let (_, to, _, text) = bench.looks(15, &look()).unwrap();
    assert_eq!(to, Some(person("ana")));
    assert!(text.contains("the 15 min to mitigate a P1 have passed"), "{text}");
    // somebody whom nobody knows here cannot be mentioned
    let mut bench = Bench::paged();
    let by = Actor::Outside("pagerduty:x@example.com".to_owned());
    bench.learns(&IncidentCommand::Acknowledge { by, via: "pagerduty".to_owned(), email: None });
    let (topic, to, ..) = bench.looks(10, &look()).unwrap();
    assert_eq!((topic, to), (Topic::Roles, Some(person("olga"))));
}

#[test]
fn what_is_no_longer_so_is_not_asked() {
    let mut bench = led(true);
    bench.learns(&IncidentCommand::ChangeSeverity {
        to: "P1".to_owned(),
        target_s: Some(900),
        word: crate::incident::Word::Here { email: None },
    });
    assert!(matches!(bench.events.last().unwrap().event, IncidentEvent::SeverityConfirmed { .. }));
    let again = bench.learns(&IncidentCommand::ChangeSeverity {
        to: "P1".to_owned(),
        target_s: Some(900),
        word: crate::incident::Word::Here { email: None },
    });
    assert_eq!(again, Decision::default(), "confirmed once");
    assert_eq!(bench.looks(14, &look()), None);
    bench.learns(&IncidentCommand::GiveUpdate { by: person("ana"), text: "half of it works".to_owned() });
    bench.learns(&link(RUN, true));
    bench.learns(&IncidentCommand::StartMitigation { run: RUN });
    bench.learns(&IncidentCommand::EndRun { run: RUN, outcome: RunOutcome::Succeeded, reason: None });
    assert_eq!(bench.looks(43, &look()), None, "mitigated, and told of 14 min ago: no target, no rollback");
    assert_eq!(bench.looks(45, &look()).unwrap().0, Topic::Update);
    bench.learns(&resolve("ana"));
    bench.learns(&pager_ends(2_800));
    assert_eq!(next_look(&bench.incident, &rules(), bench.now), None);
    assert_eq!(bench.looks(200, &look()), None);
}

/// A message may leave long after it was decided: it speaks of what is so then, to whoever has to know it then.
#[test]
fn what_leaves_late_is_for_whoever_commands_by_then() {
    let mut bench = led(true);
    let request = IncidentCommand::RequestRollback { reason: "orders are lost".to_owned() };
    bench.says("pia", &request);
    let (about, to, mention, _) = bench.looks(1, &look()).unwrap();
    assert_eq!((&to, mention), (&Some(person("ana")), true));
    bench.says(
        "ana",
        &IncidentCommand::GiveRole { by: person("ana"), role: Role::Commander, to: person("tom"), ask: None },
    );
    let later = |bench: &Bench, about: &Topic| bench.incident.still_asks(&Look::default(), about, at(20));
    let asking = later(&bench, &about).unwrap();
    assert_eq!((asking.to, asking.mention), (Some(person("tom")), true));
    // a reminder that its person turned down meanwhile mentions nobody, and one that is not due any more is not sent
    let (about, _, mention, _) = bench.looks(14, &look()).unwrap();
    assert_eq!((&about, mention), (&Topic::Severity, true));
    bench.says("tom", &IncidentCommand::SetReminders { on: false, all: false });
    assert!(!later(&bench, &about).unwrap().mention);
    bench.learns(&IncidentCommand::ChangeSeverity {
        to: "P1".to_owned(),
        target_s: Some(900),
        word: crate::incident::Word::Here { email: None },
    });
    assert_eq!(later(&bench, &about), None);
}

/// Something happens in the moment in which the minute is over, and the look that was due then has not been taken yet.
#[test]
fn a_change_puts_no_look_off_that_is_due() {
    let mut bench = led(false);
    bench.learns(&link(RUN, true));
    let waits = look_with(rules(), vec![approval(RUN, &["ben"])]);
    assert!(bench.looks(1, &waits).unwrap().2, "somebody is mentioned");
    let (soon, over) = (at(1) + Duration::seconds(59), at(2));
    let next = next_look_after_change(&bench.incident, &rules(), soon);
    assert_eq!(next, Some(over), "not before the minute is over");
    for now in [over, over + Duration::milliseconds(470)] {
        assert_eq!(next_look_after_change(&bench.incident, &rules(), now), Some(now));
        assert!(
            next_look(&bench.incident, &rules(), now).is_none_or(|next| next > now),
            "a look ends in a wait"
        );
    }
}

#[test]
fn a_severity_without_figures_reminds_of_nothing() {
    let mut bench =
        Bench::open(&OpenIncident { target_s: None, severity_guessed: true, ..request(true) }, at(0)).0;
    let bare = Severity {
        update_interval_s: None,
        propose_rollback_after_s: None,
        remind_commander_after_s: None,
        remind_severity_after_s: None,
        remind_roles_after_s: None,
        phases: Vec::new(),
        ..severity()
    };
    for severity in [Some(bare), None] {
        let rules = Rules { severity, ..rules() };
        assert_eq!(next_look(&bench.incident, &rules, bench.now), None);
        assert_eq!(bench.looks(500, &look_with(rules, Vec::new())), None);
    }
}

#[test]
fn what_waits_for_somebody_goes_first_and_is_never_held() {
    let mut bench = led(true);
    let both = || vec![approval(RUN, &["cleo", "ana"]), approval(OTHER, &["cleo"])];
    bench.learns(&IncidentCommand::SetReminders { on: false, all: true });
    bench.learns(&IncidentCommand::Snooze { minutes: 90 });
    bench.says("cleo", &IncidentCommand::SetReminders { on: false, all: false });
    // the commander where their yes counts, else the first whose does
    let (topic, to, mention, text) = bench.looks(6, &look_with(rules(), both())).unwrap();
    assert_eq!((topic, to, mention), (both()[0].topic.clone(), Some(person("ana")), true));
    assert!(text.contains("Roll back (code 4F2A) waits for your yes"), "{text}");
    let half = at(6) + Duration::seconds(59);
    assert_eq!(bench.looks_at(half, &look_with(rules(), both())), None, "a minute has not passed");
    let (topic, to, mention, _) = bench.looks(7, &look_with(rules(), both())).unwrap();
    assert_eq!((topic, to, mention), (both()[1].topic.clone(), Some(person("cleo")), true));
    assert_eq!(bench.looks(8, &look_with(rules(), both())), None, "each once, and no reminder");
    // the target is said, and mentions nobody
    let (topic, _, mention, _) = bench.looks(15, &look()).unwrap();
    assert_eq!((topic, mention), (Topic::Target { target_s: 900 }, false));
    // a line without a mention keeps nobody from being asked
    let again = vec![Waiting {
        topic: Topic::Question { run: RUN, about: "check/x/1".into() },
        ..approval(RUN, &["ben"])
    }];
    assert!(bench.looks(15, &look_with(rules(), again)).unwrap().2);
}

#[test]
fn a_question_goes_to_whoever_asked_for_the_run() {
    let mut bench = led(false);
    let question = |who: Actor| Waiting {
        topic: Topic::Question { run: RUN, about: "check/x/1".to_owned() },
        who: vec![who],
        commander_first: false,
        ..approval(RUN, &[])
    };
    let (_, to, ..) = bench.looks(1, &look_with(rules(), vec![question(person("ben"))])).unwrap();
    assert_eq!(to, Some(person("ben")));
    let mut bench = led(false);
    let (_, to, ..) =
        bench.looks(1, &look_with(rules(), vec![question(Actor::Local("root".into()))])).unwrap();
    assert_eq!(to, Some(person("ana")), "nobody can mention a user of the machine");
}

#[test]
fn snoozed_is_asked_later() {
    let mut bench = Bench::paged();
    assert_eq!(bench.looks(2, &look()).unwrap().0, Topic::Commander);
    bench.now = at(3);
    bench.says("ana", &IncidentCommand::Snooze { minutes: 30 });
    assert_eq!(
        bench.follows(at(36), &rules()),
        [
            (15, Topic::Target { target_s: 900 }),
            (30, Topic::RollbackOverdue),
            (33, Topic::Commander),
            (34, Topic::Update),
            (35, Topic::Roles)
        ],
        "what was asked before is asked again, one a minute"
    );
    // whoever turns them on again wants them now
    let mut bench = Bench::paged();
    bench.now = at(1);
    bench.says("ana", &IncidentCommand::Snooze { minutes: 90 });
    assert_eq!(bench.looks(3, &look()), None);
    bench.says("ana", &IncidentCommand::SetReminders { on: true, all: false });
    assert_eq!(bench.looks(3, &look()).unwrap().0, Topic::Commander);
    assert_eq!(bench.replayed(), bench.incident);
}

#[test]
fn whoever_wants_none_is_not_mentioned() {
    let mut bench = led(true);
    bench.says("ana", &IncidentCommand::SetReminders { on: false, all: false });
    let (_, to, mention, _) = bench.looks(5, &look()).unwrap();
    assert_eq!((to, mention), (Some(person("ana")), false));
    bench.says("ana", &IncidentCommand::SetReminders { on: true, all: false });
    bench.says("ana", &IncidentCommand::SetReminders { on: false, all: true });
    assert_eq!(bench.looks(44, &look()).unwrap().0, Topic::RollbackOverdue, "a decision is never held");
    let (topic, _, mention, _) = bench.looks(46, &look()).unwrap();
    assert_eq!((topic, mention), (Topic::Target { target_s: 900 }, false));
    assert_eq!(bench.looks(48, &look()), None, "no update is asked for");
    // the configuration may say so for good
    let mut bench = Bench::paged();
    let (_, _, mention, _) = bench
        .looks(2, &look_with(Rules { on_call: Some(person("quentin")), ..rules() }, Vec::new()))
        .unwrap();
    assert!(!mention);
    let mut bench = Bench::paged();
    let is_quiet = Rules { is_quiet: true, ..rules() };
    assert_eq!(bench.looks(12, &look_with(is_quiet.clone(), Vec::new())), None);
    assert!(
        !bench.looks(15, &look_with(is_quiet.clone(), Vec::new())).unwrap().2,
        "the target mentions nobody"
    );
    assert!(bench.looks(30, &look_with(is_quiet, Vec::new())).unwrap().2, "a decision does");
}

#[test]
fn a_failed_mitigation_proposes_the_rollback() {
    let mut bench = led(false);
    bench.learns(&link(OTHER, true));
    let restart =
        IncidentCommand::LinkRun { run: RUN, runbook: "restart".into(), mutating: true, triage: false };
    bench.learns(&restart);
    bench.learns(&IncidentCommand::EndRun { run: OTHER, outcome: RunOutcome::Cancelled, reason: None });
    bench.learns(&IncidentCommand::StartMitigation { run: RUN });
    assert_eq!(bench.looks(1, &look()), None);
    bench.learns(&failed(RUN));
    let (topic, to, mention, text) = bench.looks(2, &look()).unwrap();
    assert_eq!((topic, to, mention), (Topic::MitigationFailed { run: RUN }, Some(person("ana")), true));
    assert!(
        text.contains("restart failed") && text.contains("`/blocks runbook rollback flowengine`"),
        "{text}"
    );
    // it is tried again, and fails again
    bench.learns(&IncidentCommand::StartMitigation { run: RUN });
    assert_eq!(bench.looks(3, &look()), None);
    bench.learns(&failed(RUN));
    assert!(bench.looks(4, &look()).is_some());
    assert_eq!(bench.looks(6, &look()), None);
    // of the rollback itself no rollback is proposed
    let mut bench = led(false);
    bench.learns(&link(RUN, true));
    bench.learns(&IncidentCommand::StartMitigation { run: RUN });
    bench.learns(&failed(RUN));
    let (.., text) = bench.looks(2, &look()).unwrap();
    assert!(text.contains("rollback failed") && !text.contains("Roll back?"), "{text}");
}

#[test]
fn the_rollback_is_asked_about_at_once_where_data_or_security_is_at_stake() {
    let title = "Data Loss in `orders` <!channel>".to_owned();
    let mut bench = Bench::open(&OpenIncident { title, ..request(true) }, at(0)).0;
    bench.learns(&acknowledge("ana", "blocks"));
    let (topic, to, mention, text) = bench.looks(1, &look()).unwrap();
    assert_eq!((topic, to, mention), (Topic::RollbackAtStake, Some(person("ana")), true));
    assert!(text.contains("Data Loss in 'orders'") && text.contains("Roll back?"), "{text}");
}

#[test]
fn whoever_asks_for_a_rollback_is_heard_and_starts_nothing() {
    let mut bench = led(false);
    let request = IncidentCommand::RequestRollback { reason: "orders are lost".to_owned() };
    bench.says("pia", &request);
    let (topic, to, _, text) = bench.looks(1, &look()).unwrap();
    assert_eq!((topic, to), (Topic::RollbackRequested { number: 1 }, Some(person("ana"))));
    assert!(text.starts_with("INC-1: a rollback is asked for by pia: orders are lost. Roll back?"), "{text}");
    assert!(bench.incident.runs.is_empty());
    // what came since then is one question
    bench.says("tom", &request);
    bench.says("pia", &IncidentCommand::RequestRollback { reason: "still".to_owned() });
    let (topic, _, _, text) = bench.looks(3, &look()).unwrap();
    assert_eq!(topic, Topic::RollbackRequested { number: 3 });
    assert!(text.contains("asked for by 2; tom: orders are lost; pia: still. Roll back?"), "{text}");
    let topic = bench.looks(4, &look()).map(|asked| asked.0);
    assert!(!matches!(topic, Some(Topic::RollbackRequested { .. })), "{topic:?}");
    // one that has begun answers it
    bench.says("tom", &request);
    bench.learns(&link(RUN, true));
    assert_eq!(bench.looks(5, &look()), None);
    bench.learns(&IncidentCommand::StartMitigation { run: RUN });
    bench.learns(&IncidentCommand::EndRun { run: RUN, outcome: RunOutcome::Succeeded, reason: None });
    assert!(bench.give(&request).is_err(), "the impact has stopped");
    // what is opened again is not rolled back because of what was asked before
    let (by, reason) = (person("ana"), "so".to_owned());
    bench.says("ana", &IncidentCommand::EndAsNone { by: by.clone(), email: None, reason: reason.clone() });
    bench.says("ana", &IncidentCommand::Reopen { by, reason });
    assert!(bench.incident.reminders.rollback_requests.is_empty());
    let next = bench.looks(7, &look());
    assert!(!matches!(next, Some((Topic::RollbackRequested { .. }, ..))), "{next:?}");
}

#[test]
fn without_a_runbook_those_who_know_are_asked_one_after_the_other() {
    let mut bench = led(false);
    let rules = Rules { rollback: None, has_diagnostics: false, ..rules() };
    assert_eq!(bench.looks(4, &look_with(rules.clone(), Vec::new())), None, "triage has not begun");
    let (_, to, mention, text) = bench.looks(5, &look_with(rules.clone(), Vec::new())).unwrap();
    assert_eq!((to, mention), (Some(person("tom")), true));
    assert!(text.contains("(tl and product: tom and pia)"), "{text}");
    assert_eq!(bench.looks(5, &look_with(rules.clone(), Vec::new())), None);
    let (_, to, mention, text) = bench.looks(6, &look_with(rules.clone(), Vec::new())).unwrap();
    assert_eq!((to, mention), (Some(person("pia")), true));
    assert!(text.contains("for you too"), "{text}");
    // with diagnostics, when they are over
    let mut bench = led(false);
    let rules = Rules { has_diagnostics: true, without_runbook: Vec::new(), ..rules };
    assert_eq!(bench.looks(6, &look_with(rules.clone(), Vec::new())), None);
    bench.learns(&IncidentCommand::FailTriage { runbook: "triage".into(), reason: "gone".into() });
    let (topic, to, mention, text) = bench.looks(6, &look_with(rules, Vec::new())).unwrap();
    assert_eq!((topic, to, mention), (Topic::NoRunbook { who: None }, None, false));
    assert!(text.contains("nobody in blocks.toml"), "{text}");
}

#[test]
fn the_card_is_looked_at_when_it_says_something_else() {
    let mut bench = led(false);
    let mut marks = Vec::new();
    while let Some(due) = next_look(&bench.incident, &rules(), bench.now).filter(|due| *due <= at(16)) {
        marks.push((due - start_of_day()).num_seconds());
        bench.now = due;
        let refresh = Look { rules: rules(), waiting: Vec::new(), refresh: true };
        let decision =
            bench.give_as(Actor::system("timer"), &IncidentCommand::Look(Box::new(refresh))).unwrap();
        let incident = bench.incident.id;
        assert_eq!(decision.effects.first(), Some(&Effect::Send(Outgoing::Card { incident })));
    }
    // quarters of the target, and the ends of the phases
    assert_eq!(marks, [225, 300, 450, 600, 675, 900]);
}

fn anything() -> impl Strategy<Value = IncidentCommand> {
    let run = prop_oneof![Just(RUN), Just(OTHER)];
    prop_oneof![
        4 => outside(),
        1 => (run.clone(), any::<bool>()).prop_map(|(run, mutating)| link(run, mutating)),
        1 => run.clone().prop_map(|run| IncidentCommand::StartMitigation { run }),
        1 => run.prop_map(failed),
        1 => prop_oneof![Just(30u32), Just(60), Just(90)].prop_map(|minutes| IncidentCommand::Snooze { minutes }),
        1 => any::<(bool, bool)>().prop_map(|(on, all)| IncidentCommand::SetReminders { on, all }),
        1 => Just(IncidentCommand::RequestRollback { reason: "it is bad".to_owned() }),
    ]
}

fn waits() -> impl Strategy<Value = Vec<Waiting>> {
    let one = (prop_oneof![Just(RUN), Just(OTHER)], 0..4i64, any::<bool>()).prop_map(|(run, n, asks)| {
        let topic = match asks {
            true => Topic::Approval { run, until: at(600 + n) },
            false => Topic::Question { run, about: n.to_string() },
        };
        Waiting { topic, commander_first: asks, ..approval(run, &["ana", "cleo"]) }
    });
    prop::collection::vec(one, 0..3)
}

proptest! {
    #![proptest_config(cases(600))]
    #[test]
    fn nobody_is_mentioned_twice_in_a_minute(
        guessed in any::<bool>(),
        late in 0..50i64,
        steps in prop::collection::vec((prop_oneof![3 => 0..5_000i64, 2 => 0..90_000i64, 1 => 0..3_600_000i64], prop::option::of(anything()), waits()), 0..60),
    ) {
        let opened = OpenIncident { severity_guessed: guessed, ..request(true) };
        let mut bench = Bench::open(&opened, at(late)).0;
        for (ms, command, waiting) in steps {
            bench.now += Duration::milliseconds(ms);
            match command {
                Some(command) => drop(bench.give_as(person("ana"), &command)),
                None => {
                    let musts: Vec<Topic> = waiting.iter().map(|waiting| waiting.topic.clone())
                        .filter(|topic| !bench.incident.reminders.asked.contains_key(topic)).collect();
                    let said = bench.looks_at(bench.now, &look_with(rules(), waiting));
                    if let (Some((topic, ..)), false) = (said, musts.is_empty()) {
                        prop_assert!(musts.contains(&topic), "{topic:?} before {musts:?}");
                    }
                }
            }
            if let Some(next) = next_look(&bench.incident, &rules(), bench.now) {
                prop_assert!(next >= bench.now);
            }
        }
        let mentions: Vec<DateTime<Utc>> = bench.events.iter()
            .filter(|envelope| matches!(envelope.event, IncidentEvent::Asked { mention: true, .. }))
            .map(|envelope| envelope.at).collect();
        for pair in mentions.windows(2) {
            prop_assert!(pair[1] - pair[0] >= Duration::seconds(60), "{mentions:?}");
        }
        prop_assert_eq!(bench.replayed(), bench.incident);
    }

    #[test]
    fn whoever_follows_the_timer_asks_for_everything_that_is_due(
        late in 0..50i64,
        steps in prop::collection::vec((0..1_200_000i64, anything()), 0..12),
    ) {
        let mut bench = Bench::open(&request(true), at(late)).0;
        for (ms, command) in steps {
            let then = bench.now + Duration::milliseconds(ms);
            bench.follows(then, &rules());
            drop(bench.give_as(person("ana"), &command));
        }
        // what is due by then was asked for within the minutes that the quiet rule takes
        let by = bench.now + Duration::hours(3);
        bench.follows(by, &rules());
        let left = next_look(&bench.incident, &rules(), bench.now);
        prop_assert!(left.is_none_or(|next| next > by - Duration::minutes(1)), "{left:?}");
        let open = bench.incident.status.is_open();
        let asked = &bench.incident.reminders.asked;
        let held = bench.incident.reminders.all_off;
        if open && !held && bench.incident.commander.is_none() {
            prop_assert!(asked.contains_key(&Topic::Commander), "{asked:?}");
        }
    }
}
