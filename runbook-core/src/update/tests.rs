//! Drafts of updates: each shipped template with a full and an empty incident, what is refused, and what never becomes syntax.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::ids::{DraftId, IncidentId};
use crate::incident::tests::kit::{Bench, RUN, acknowledge, link, person, request, start_of_day};
use crate::incident::{
    Decision, Effect, IncidentCommand, IncidentEvent, OpenIncident, Rejection, RunOutcome,
};
use crate::message::Outgoing;
use crate::people::{Person, Role};
use crate::severity::{Severities, parse};

fn severities() -> Severities {
    parse(include_str!("../../../runbooks/severities.toml")).unwrap()
}

fn template(name: &str) -> Template {
    let path = format!("{}/../runbooks/templates/updates/{name}.md.hbs", env!("CARGO_MANIFEST_DIR"));
    Template::parse(name, &std::fs::read_to_string(path).unwrap()).unwrap()
}

fn params(given: &[(&str, &str)]) -> BTreeMap<String, String> {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// One that was paged, taken, rolled back and mitigated.
fn full() -> Bench {
    let mut bench = Bench::paged();
    bench.learns(&acknowledge("ana", "blocks"));
    bench.learns(&link(RUN, true));
    bench.learns(&IncidentCommand::StartMitigation { run: RUN });
    bench.now = start_of_day() + Duration::seconds(399);
    bench.learns(&IncidentCommand::EndRun { run: RUN, outcome: RunOutcome::Succeeded, reason: None });
    bench
}

/// One of which nothing is known but that it is there.
fn empty() -> Bench {
    Bench::open(&OpenIncident { title: String::new(), ..request(false) }, start_of_day()).0
}

fn values(bench: &Bench, eta: Option<&str>) -> Values {
    let severities = severities();
    let severity = severities.default_scheme().get(&bench.incident.severity);
    let now: DateTime<Utc> = start_of_day() + Duration::seconds(400);
    let eta = eta.map(|text| super::eta(text, now, &Utc).unwrap_or_else(|_| text.to_owned()));
    Values::of(&bench.incident, Known { events: &bench.events, severity, eta: eta.as_deref(), now })
}

fn filled(name: &str, bench: &Bench, eta: Option<&str>, given: &[(&str, &str)]) -> String {
    let (subject, text) = template(name).fill(&values(bench, eta), &params(given)).unwrap();
    format!("{subject}\n--\n{text}")
}

#[test]
fn each_template_with_all_that_can_be_known() {
    let bench = full();
    type Given = &'static [(&'static str, &'static str)];
    let table: &[(&str, Given, &str)] = &[
        (
            "outage",
            &[("what", "orders are late"), ("workaround", "order by phone")],
            "flowengine: orders are late\n--\nflowengine: orders are late.\n\nSince: 2025-12-09 14:02 UTC\nWhat you can do meanwhile: order by phone\nExpected to be over: about 2025-12-09 14:53 UTC\nNext update: 2025-12-09 14:38 UTC",
        ),
        (
            "resolved",
            &[("what", "orders were late"), ("cause", "a bad release")],
            "flowengine: over: orders were late\n--\nflowengine works again.\n\nWhat it was: orders were late\nFrom: 2025-12-09 14:02 UTC\nUntil: 2025-12-09 14:08 UTC\nWhy: a bad release",
        ),
        (
            "rollback_begun",
            &[("version", "v1.1")],
            "INC-1 flowengine: a rollback has begun\n--\nINC-1 (P1, Critical): flowengine is being rolled back.\n\nWhat it is about: More than 10 % of the flows fail\nBack to: v1.1\nCommander: ana\nDetected: 2025-12-09 14:02 UTC\nExpected to be done: about 2025-12-09 14:53 UTC\nNext update: 2025-12-09 14:38 UTC\n\nDone so far:\n- rollback: succeeded, 2025-12-09 14:08 UTC",
        ),
        (
            "rollback_complete",
            &[("version", "v1.1"), ("check", "the failure rate is below 1 %")],
            "INC-1 flowengine: rolled back\n--\nINC-1 (P1, Critical): flowengine is rolled back.\n\nWhat it is about: More than 10 % of the flows fail\nNow on: v1.1\nWhat shows that it works: the failure rate is below 1 %\nDetected: 2025-12-09 14:02 UTC\nImpact stopped: 2025-12-09 14:08 UTC (after 6 min 40 s)\nCommander: ana\nNext update: 2025-12-09 14:38 UTC\n\nDone:\n- rollback: succeeded, 2025-12-09 14:08 UTC",
        ),
        (
            "launch",
            &[
                ("what", "v2"),
                ("when", "Monday 9:00"),
                ("who", "ana"),
                ("scope", "the pilot"),
                ("back", "rollback_to_pilot"),
            ],
            "Launch: v2\n--\nWe launch v2.\n\nWhen: Monday 9:00\nFor whom: the pilot\nLed by: ana\nHow it is taken back: rollback_to_pilot\nFollowed as: INC-1\nNext update: 2025-12-09 14:38 UTC",
        ),
        (
            "onboarding",
            &[("who", "the shop"), ("from", "Monday"), ("contact", "ben"), ("first", "one repository")],
            "On board: the shop\n--\nthe shop is on board with flowengine.\n\nFrom: Monday\nFirst: one repository\nWhom to ask: ben\nFollowed as: INC-1",
        ),
        (
            "weekly",
            &[
                ("week", "2025-W50"),
                ("went_well", "a"),
                ("went_wrong", "b"),
                ("figures", "99 %"),
                ("next", "c"),
            ],
            "flowengine: week 2025-W50\n--\nflowengine, week 2025-W50\n\nWent well: a\nDid not: b\nFigures: 99 %\nNext: c\nFollowed as: INC-1",
        ),
    ];
    for (name, given, wanted) in table {
        assert_eq!(filled(name, &bench, Some("45 min"), given), *wanted, "{name}");
    }
}

#[test]
fn what_nobody_has_said_is_unknown() {
    let bench = empty();
    let table = [
        (
            "outage",
            "flowengine: unknown\n--\nflowengine: unknown.\n\nSince: 2025-12-09 14:02 UTC\nWhat you can do meanwhile: unknown\nExpected to be over: unknown\nNext update: 2025-12-09 14:38 UTC",
        ),
        (
            "resolved",
            "flowengine: over: unknown\n--\nflowengine works again.\n\nWhat it was: unknown\nFrom: 2025-12-09 14:02 UTC\nUntil: unknown\nWhy: unknown",
        ),
        (
            "rollback_begun",
            "INC-1 flowengine: a rollback has begun\n--\nINC-1 (P1, Critical): flowengine is being rolled back.\n\nWhat it is about: unknown\nBack to: unknown\nCommander: unknown\nDetected: 2025-12-09 14:02 UTC\nExpected to be done: unknown\nNext update: 2025-12-09 14:38 UTC",
        ),
        (
            "rollback_complete",
            "INC-1 flowengine: rolled back\n--\nINC-1 (P1, Critical): flowengine is rolled back.\n\nWhat it is about: unknown\nNow on: unknown\nWhat shows that it works: unknown\nDetected: 2025-12-09 14:02 UTC\nImpact stopped: unknown (after unknown)\nCommander: unknown\nNext update: 2025-12-09 14:38 UTC\n\nDone:\n- no run of a runbook that changed something has ended",
        ),
        (
            "launch",
            "Launch: unknown\n--\nWe launch unknown.\n\nWhen: unknown\nFor whom: unknown\nLed by: unknown\nHow it is taken back: unknown\nFollowed as: INC-1\nNext update: 2025-12-09 14:38 UTC",
        ),
        (
            "onboarding",
            "On board: unknown\n--\nunknown is on board with flowengine.\n\nFrom: unknown\nFirst: unknown\nWhom to ask: unknown\nFollowed as: INC-1",
        ),
        (
            "weekly",
            "flowengine: week unknown\n--\nflowengine, week unknown\n\nWent well: unknown\nDid not: unknown\nFigures: unknown\nNext: unknown\nFollowed as: INC-1",
        ),
    ];
    for (name, wanted) in table {
        assert_eq!(filled(name, &bench, None, &[]), wanted, "{name}");
    }
}

#[test]
fn a_public_text_tells_nothing_that_an_alert_wrote() {
    let bench = full();
    for name in ["outage", "resolved"] {
        let text = filled(name, &bench, None, &[]);
        assert!(template(name).audience == Audience::Public && !text.contains("10 %"), "{text}");
        assert!(!text.contains("ana") && !text.contains("INC-1") && !text.contains("rollback"), "{text}");
    }
}

#[test]
fn a_template_that_would_fail_at_night_is_refused_when_it_is_read() {
    let good = "---\ntitle: A\naudience: public\nchannels: [slack]\nsubject: s\n---\nx\n";
    assert_eq!(Template::parse("a", good).unwrap().title, "A");
    for (name, text, wanted) in [
        ("../a", good.to_owned(), "its name is none"),
        ("a", "x".to_owned(), "has no front matter"),
        ("a", "---\ntitle: A\n".to_owned(), "has no end"),
        ("a", good.replace("title: A\n", ""), "title"),
        ("a", good.replace("subject", "subjekt"), "subjekt"),
        ("a", good.replace("[slack]", "[]"), "channels are none"),
        ("a", good.replace("[slack]", "[fax]"), "fax"),
        ("a", good.replace("[slack]", "[slack, slack]"), "twice"),
        ("a", good.replace("[slack]", "[statuspage]"), "the key statuspage is missing"),
        (
            "a",
            good.replace("public", "internal").replace("[slack]", "[statuspage]"),
            "a status page is public",
        ),
        ("a", good.replace("subject: s", "subject: s\nstatuspage: {status: broken}"), "broken"),
        ("a", good.replace("subject: s", "subject: s\nparams: {a-b: x}"), "parameter's name is none"),
        ("a", good.replace("x\n", "{{who}}\n"), "cannot be filled in"),
        ("a", good.replace("x\n", "{{param.who}}\n"), "cannot be filled in"),
        ("a", good.replace("x\n", "{{#if done}}\n"), "cannot be filled in"),
        ("a", good.replace("x\n", "\n"), "the text is empty"),
        ("a", good.replace("x\n", &"x".repeat(TEXT_MAX + 1)), "the text is too long"),
    ] {
        let error = Template::parse(name, &text).unwrap_err().to_string();
        assert!(error.contains(wanted) && error.contains("hint: "), "{wanted}: {error}");
    }
    let error = template("outage").fill(&Values::unknown(), &params(&[("who", "x")])).unwrap_err();
    assert!(error.to_string().contains("it knows what (what people notice"), "{error}");
}

fn draft(ways: Vec<Way>, audience: Audience, text: &str) -> Draft {
    let draft = Draft {
        id: DraftId(Uuid::from_u128(0x31)),
        template: "outage".to_owned(),
        title: "An outage".to_owned(),
        audience,
        subject: "flowengine: orders are late".to_owned(),
        text: text.to_owned(),
        ways,
        code: String::new(),
    };
    draft.sealed(IncidentId(Uuid::from_u128(0x11)))
}

fn public() -> Draft {
    let page = Way::StatusPage { status: PageState::Identified, impact: None, component: None };
    draft(
        vec![Way::Slack { channel: None }, Way::Mail { to: "a@example.com".to_owned() }, page],
        Audience::Public,
        "x",
    )
}

fn update(command: UpdateCommand) -> IncidentCommand {
    IncidentCommand::Update(command)
}

fn send(draft: &Draft, may_publish: bool) -> IncidentCommand {
    update(UpdateCommand::Send { draft: draft.id, code: draft.code.clone(), by: person("ana"), may_publish })
}

/// The places to which a decision lets something leave.
fn leaves(decision: &Decision) -> Vec<(u32, String)> {
    let ways = decision.effects.iter().filter_map(|effect| match effect {
        Effect::Send(Outgoing::Update { way, to, .. }) => Some((*way, to.clone())),
        _ => None,
    });
    ways.collect()
}

fn refusal(bench: &mut Bench, command: &IncidentCommand) -> String {
    match bench.give(command) {
        Err(error @ Rejection::Update(_)) => error.to_string(),
        other => panic!("{command:?}: {other:?}"),
    }
}

#[test]
fn nothing_leaves_without_a_send_and_a_send_is_once() {
    let mut bench = full();
    let draft = public();
    let drafted = bench.learns(&update(UpdateCommand::Draft(Box::new(draft.clone()))));
    assert_eq!(leaves(&drafted), [], "a draft is shown, and nothing else");
    assert_eq!(bench.learns(&update(UpdateCommand::Draft(Box::new(draft.clone())))), Decision::default());
    assert!(refusal(&mut bench, &send(&draft, false)).contains("ana may not send what is public"));
    let other = Draft { code: "00".repeat(32), ..draft.clone() };
    assert!(refusal(&mut bench, &send(&other, true)).contains("says something else by now"));
    let sent = bench.learns(&send(&draft, true));
    let wanted = [(0, "slack/".to_owned()), (1, "mail/a@example.com".to_owned()), (2, "page".to_owned())];
    assert_eq!(leaves(&sent), wanted);
    assert!(refusal(&mut bench, &send(&draft, true)).contains("is sent by ana at"), "a second press");
    let update_told = bench.incident.update.as_ref().unwrap();
    assert_eq!((update_told.text.as_str(), update_told.by.clone()), ("x", person("ana")));
    for command in [
        UpdateCommand::Discard { draft: draft.id },
        UpdateCommand::Edit { draft: draft.id, code: draft.code.clone(), text: "y".to_owned() },
    ] {
        assert!(refusal(&mut bench, &update(command)).contains("nothing was done"));
    }
    assert_eq!(bench.replayed(), bench.incident);
}

#[test]
fn a_text_that_changes_has_another_code() {
    let mut bench = full();
    let draft = public();
    bench.learns(&update(UpdateCommand::Draft(Box::new(draft.clone()))));
    let edit = |code: &str, text: &str| {
        update(UpdateCommand::Edit { draft: draft.id, code: code.to_owned(), text: text.to_owned() })
    };
    bench.learns(&edit(&draft.code, "one\n\n\n\ntwo <b>\u{202e}"));
    let held = bench.incident.drafts.get(draft.id).unwrap().clone();
    assert_eq!(held.draft.text, "one\n\ntwo \u{2039}b\u{203a}", "no markup for the status page");
    assert_ne!(held.draft.code, draft.code);
    assert_eq!(held.draft.code, held.draft.code_for(bench.incident.id));
    assert!(refusal(&mut bench, &send(&draft, true)).contains(&held.draft.short_code()));
    assert!(refusal(&mut bench, &edit(&draft.code, "three")).contains("says something else"));
    assert!(refusal(&mut bench, &edit(&held.draft.code, " ")).contains("the text is empty"));
    assert!(refusal(&mut bench, &edit(&held.draft.code, &"x".repeat(TEXT_MAX + 1))).contains("too long"));
    bench.learns(&send(&held.draft, true));
    assert_eq!(bench.replayed(), bench.incident);
}

#[test]
fn a_private_incident_stays_in_its_channel() {
    let mut bench = Bench::open(&OpenIncident { private: true, ..request(true) }, start_of_day()).0;
    let mail = Way::Mail { to: "a@example.com".to_owned() };
    let other = Way::Slack { channel: Some("updates".to_owned()) };
    for way in [mail, other] {
        let draft = draft(vec![way], Audience::Internal, "x");
        let said = refusal(&mut bench, &update(UpdateCommand::Draft(Box::new(draft))));
        assert!(said.contains("INC-1 is private"), "{said}");
    }
    let own = draft(vec![Way::Slack { channel: None }], Audience::Internal, "x");
    bench.learns(&update(UpdateCommand::Draft(Box::new(own.clone()))));
    assert_eq!(leaves(&bench.learns(&send(&own, false))).len(), 1, "internal: anybody known may send it");
}

#[test]
fn what_arrives_is_recorded_once_and_what_fails_is_told() {
    let mut bench = full();
    let draft = public();
    bench.learns(&update(UpdateCommand::Draft(Box::new(draft.clone()))));
    bench.learns(&send(&draft, true));
    let arrival = Arrival { id: Some("p1".to_owned()), link: None };
    let arrived = update(UpdateCommand::RecordArrival { draft: draft.id, way: 2, arrival });
    assert_eq!(bench.learns(&arrived).events.len(), 1);
    assert_eq!(bench.learns(&arrived), Decision::default());
    assert_eq!(bench.incident.drafts.open_on_page().collect::<Vec<_>>(), ["p1"]);
    let failed = bench.learns(&update(UpdateCommand::RecordFailure {
        draft: draft.id,
        way: 1,
        reason: "550 no\nsuch user".to_owned(),
        gone: None,
    }));
    let told = failed.effects.iter().any(|effect| {
        matches!(effect, Effect::Send(Outgoing::Note { text, .. }) if text.contains("550 no such user") && text.contains("a@example.com"))
    });
    assert!(told, "{failed:?}");
    let lines = bench.incident.drafts.get(draft.id).unwrap().way_lines();
    assert!(
        lines[0].ends_with("(on its way)")
            && lines[1].contains("NOT SENT")
            && lines[2].ends_with("(arrived)")
    );
}

fn drafted(bench: &mut Bench, id: u128, template: &str, audience: Audience, ways: Vec<Way>) -> Draft {
    let draft = Draft {
        id: DraftId(Uuid::from_u128(id)),
        template: template.to_owned(),
        ..draft(ways, audience, "x")
    };
    let draft = draft.sealed(bench.incident.id);
    bench.learns(&update(UpdateCommand::Draft(Box::new(draft.clone()))));
    draft
}

fn slack() -> Vec<Way> {
    vec![Way::Slack { channel: None }]
}

fn resolve() -> IncidentCommand {
    IncidentCommand::Resolve { by: person("ana"), email: None }
}

fn reopen() -> IncidentCommand {
    IncidentCommand::Reopen { by: person("ana"), reason: "it fails again".to_owned() }
}

/// One that nobody's pager knows.
fn declared() -> Bench {
    Bench::open(&OpenIncident { pager: None, ..request(false) }, start_of_day()).0
}

#[test]
fn what_everybody_reads_holds_when_it_leaves() {
    let mut bench = declared();
    let old = drafted(&mut bench, 1, "outage", Audience::Public, slack());
    let internal = drafted(&mut bench, 2, "rollback_begun", Audience::Internal, slack());
    // while it is open, nobody is told that it is over, by whatever it is called
    let page = Way::StatusPage { status: PageState::Resolved, impact: None, component: None };
    for (template, ways) in [("resolved", slack()), ("own", vec![page])] {
        let over = Draft { template: template.to_owned(), ..draft(ways, Audience::Public, "x") };
        let over = over.sealed(bench.incident.id);
        let said = refusal(&mut bench, &update(UpdateCommand::Draft(Box::new(over))));
        assert!(
            said.contains("INC-1 is triggered") && said.contains("`incident resolve INC-1` first"),
            "{said}"
        );
    }
    drafted(&mut bench, 3, "resolved", Audience::Internal, slack());
    bench.learns(&resolve());
    let said = refusal(&mut bench, &send(&old, true));
    assert!(
        said.contains("written before INC-1 was over") && said.contains("`update draft outage INC-1`"),
        "{said}"
    );
    assert_eq!(leaves(&bench.learns(&send(&internal, false))).len(), 1, "what stays inside leaves");
    // what was written after it leaves, and what was written before that does not
    let slow = drafted(&mut bench, 4, "resolved", Audience::Public, slack());
    let over = drafted(&mut bench, 5, "resolved", Audience::Public, slack());
    assert_eq!(leaves(&bench.learns(&send(&over, true))).len(), 1);
    let said = refusal(&mut bench, &send(&slow, true));
    assert!(said.contains(&format!("before update {} was sent", over.short_code())), "{said}");
    let again = drafted(&mut bench, 6, "resolved", Audience::Public, slack());
    bench.learns(&reopen());
    let said = refusal(&mut bench, &send(&again, true));
    assert!(said.contains("would tell everybody that it is over"), "{said}");
    assert_eq!(bench.replayed(), bench.incident);
}

/// The drafts that a decision shows.
fn shown(decision: &Decision) -> Vec<DraftId> {
    let drafts = decision.effects.iter().filter_map(|effect| match effect {
        Effect::Send(Outgoing::Draft { draft, .. }) => Some(*draft),
        _ => None,
    });
    drafts.collect()
}

fn why(bench: &Bench, draft: &Draft) -> Option<String> {
    let held = bench.incident.drafts.get(draft.id).unwrap();
    let view = view(&bench.incident, held, &[]);
    let text = as_text(&view, "/");
    assert_eq!(text.contains("update send"), view.waiting && view.void.is_none(), "{text}");
    view.void
}

#[test]
fn a_draft_is_shown_again_when_it_holds_no_more() {
    let mut bench = declared();
    let old = drafted(&mut bench, 1, "outage", Audience::Public, slack());
    let sent = drafted(&mut bench, 2, "outage", Audience::Public, slack());
    let internal = drafted(&mut bench, 3, "rollback_begun", Audience::Internal, slack());
    assert_eq!((why(&bench, &old), why(&bench, &internal)), (None, None));
    assert_eq!(shown(&bench.learns(&acknowledge("ana", "blocks"))), [], "nothing changes for them");
    assert_eq!(shown(&bench.learns(&send(&sent, true))), [sent.id, old.id]);
    assert_eq!(
        why(&bench, &old).unwrap(),
        format!("it was written before update {} was sent", sent.short_code())
    );
    assert_eq!(why(&bench, &sent), None, "that is over");
    let new = drafted(&mut bench, 4, "outage", Audience::Public, slack());
    assert_eq!(shown(&bench.learns(&resolve())), [old.id, new.id]);
    assert_eq!(why(&bench, &new).unwrap(), "it was written before INC-1 was over");
    assert_eq!(why(&bench, &internal), None, "what stays inside may be sent");
    let over = drafted(&mut bench, 5, "resolved", Audience::Public, slack());
    assert_eq!(why(&bench, &over), None);
    assert_eq!(shown(&bench.learns(&reopen())), [old.id, new.id, over.id]);
    assert_eq!(
        why(&bench, &over).unwrap(),
        "INC-1 is acknowledged, and this tells everybody that it is over"
    );
    bench.learns(&update(UpdateCommand::Discard { draft: over.id }));
    assert_eq!(why(&bench, &over), None);
}

#[test]
fn an_incident_that_became_part_of_another_tells_the_public_nothing() {
    let mut bench = declared();
    let old = drafted(&mut bench, 1, "outage", Audience::Public, slack());
    bench.learns(&IncidentCommand::MergeInto {
        by: person("ana"),
        email: None,
        id: IncidentId(Uuid::from_u128(0x12)),
        other: crate::ids::IncidentNumber(2),
    });
    let said = refusal(&mut bench, &send(&old, true));
    assert!(
        said.contains("INC-1 is part of INC-2") && said.contains("`update draft outage INC-2`"),
        "{said}"
    );
    let new = draft(slack(), Audience::Public, "x");
    assert!(refusal(&mut bench, &update(UpdateCommand::Draft(Box::new(new)))).contains("is part of INC-2"));
}

#[test]
fn what_stands_at_the_status_page_is_kept_up_to_date_and_forgotten_when_it_is_gone() {
    let page = |status| vec![Way::StatusPage { status, impact: None, component: None }];
    let arrives = |draft: &Draft, id: &str| {
        let arrival = Arrival { id: Some(id.to_owned()), link: None };
        update(UpdateCommand::RecordArrival { draft: draft.id, way: 0, arrival })
    };
    let open = |bench: &Bench| bench.incident.drafts.open_on_page().map(str::to_owned).collect::<Vec<_>>();
    let mut bench = declared();
    let take = update(UpdateCommand::TakePage {
        page: "other".to_owned(),
        status: PageState::Identified,
        from: crate::ids::IncidentNumber(9),
    });
    let first = drafted(&mut bench, 1, "outage", Audience::Public, page(PageState::Identified));
    bench.learns(&send(&first, true));
    bench.learns(&arrives(&first, "own"));
    assert_eq!(bench.learns(&take).events.len(), 1);
    assert_eq!(bench.learns(&take), Decision::default(), "told twice");
    assert_eq!(open(&bench), ["own", "other"]);
    let second = drafted(&mut bench, 2, "outage", Audience::Public, page(PageState::Monitoring));
    bench.learns(&send(&second, true));
    bench.learns(&update(UpdateCommand::RecordFailure {
        draft: second.id,
        way: 0,
        reason: "deleted there".to_owned(),
        gone: Some("own".to_owned()),
    }));
    assert_eq!(open(&bench), ["other"]);
    assert!(bench.incident.drafts.get(second.id).unwrap().state_words().contains("NOT SENT to status page"));
    bench.learns(&resolve());
    let over = drafted(&mut bench, 3, "resolved", Audience::Public, page(PageState::Resolved));
    bench.learns(&send(&over, true));
    bench.learns(&arrives(&over, "other"));
    assert_eq!(open(&bench), Vec::<String>::new());
    assert_eq!(bench.replayed(), bench.incident);
}

#[test]
fn fifty_addresses_that_are_refused_are_one_message() {
    let mut bench = full();
    let mails = (0..RECIPIENTS_MAX - 1).map(|n| Way::Mail { to: format!("a{n}@example.com") });
    let page = Way::StatusPage { status: PageState::Identified, impact: None, component: None };
    let draft = drafted(&mut bench, 1, "outage", Audience::Public, mails.chain([page]).collect());
    bench.learns(&send(&draft, true));
    let mut notes = Vec::new();
    for way in 0..u32::try_from(RECIPIENTS_MAX).unwrap() {
        let reason = "550 no such user".to_owned();
        let failed =
            bench.learns(&update(UpdateCommand::RecordFailure { draft: draft.id, way, reason, gone: None }));
        notes.extend(failed.effects.into_iter().filter_map(|effect| match effect {
            Effect::Send(Outgoing::Note { text, .. }) => Some(text),
            _ => None,
        }));
    }
    assert_eq!(notes.len(), 2, "the mails, and the page: {notes:?}");
    assert!(notes[0].contains("a0@example.com") && notes[1].contains("status page"), "{notes:?}");
    let held = bench.incident.drafts.get(draft.id).unwrap();
    assert!(held.state_words().ends_with("and 47 more"), "{}", held.state_words());
    assert_eq!(held.way_lines().iter().filter(|line| line.contains("NOT SENT: 550")).count(), 50);
}

#[test]
fn when_it_will_be_over() {
    // a summer's evening in Madrid, two hours ahead of UTC
    let now: DateTime<Utc> = "2025-07-09T20:10:00Z".parse().unwrap();
    let madrid = chrono::FixedOffset::east_opt(7_200).unwrap();
    for (text, wanted) in [
        ("30 min", "about 2025-07-09 20:40 UTC"),
        ("1 h 30 min", "about 2025-07-09 21:40 UTC"),
        ("1h30m", "about 2025-07-09 21:40 UTC"),
        ("30 d", "about 2025-08-08 20:10 UTC"),
        ("23:30", "about 2025-07-09 21:30 UTC"),
        ("7:05", "about 2025-07-10 05:05 UTC"),
        ("23:30 UTC", "about 2025-07-09 23:30 UTC"),
        ("2025-07-10 09:00", "about 2025-07-10 07:00 UTC"),
        ("by 23:30 CEST", "by 23:30 CEST"),
        ("23:30 Europe/Madrid", "23:30 Europe/Madrid"),
        ("2 hours after the provider is back", "2 hours after the provider is back"),
        ("2025-07-10", "2025-07-10"),
        ("not known yet", "not known yet"),
    ] {
        assert_eq!(eta(text, now, &madrid).as_deref(), Ok(wanted), "{text}");
    }
    for text in [
        "30",
        "1.5h",
        "-5 min",
        "\u{2212}5 min",
        "0 min",
        "999999 h",
        "31 d",
        "99999999999 min",
        "25:00",
        "14:61",
        "14.30",
        "about 23:30",
        "2020-01-01 10:00",
        "2025-12-24 10:00",
        "23:30:00",
    ] {
        let said = eta(text, now, &madrid).expect_err(text);
        assert!(said.contains("hint: write `30 min`"), "{said}");
    }
}

#[test]
fn who_may_send_what_is_public() {
    let somebody = |roles: &[Role], duties: &[&str]| Person {
        name: "x".to_owned(),
        slack_id: None,
        pagerduty_email: None,
        os_user: None,
        roles: roles.to_vec(),
        duties: duties.iter().map(|duty| (*duty).to_owned()).collect(),
        reminders: true,
        phone: None,
    };
    let allowed = ["commander".to_owned(), "communications-lead".to_owned(), "business".to_owned()];
    for (person, may) in [
        (Some(somebody(&[Role::Commander], &[])), true),
        (Some(somebody(&[Role::CommunicationsLead], &[])), true),
        (Some(somebody(&[Role::Scribe], &["business"])), true),
        (Some(somebody(&[Role::Responder, Role::Scribe], &["primary"])), false),
        (None, false),
    ] {
        assert_eq!(may_publish(person.as_ref(), &allowed), may, "{person:?}");
    }
    assert!(!may_publish(Some(&somebody(&[Role::Commander], &[])), &[]), "nobody is named");
}

#[test]
fn addresses() {
    for good in ["a@example.com", " a.b+c@sub.example.com ", "a@localhost"] {
        assert_eq!(address(good).as_deref(), Ok(good.trim()), "{good}");
    }
    for bad in
        ["", "a", "@b", "a@", "a@b@c", "a b@c", "A <a@b>", "a@b, c@d", "a@b\r\nBcc: c@d", "a@.b", "a@b;c"]
    {
        assert!(address(bad).is_err(), "{bad:?}");
    }
}

proptest! {
    /// A value is text of one line wherever it stands: it begins no line, and is no template.
    #[test]
    fn nothing_given_becomes_a_line_or_a_template(
        value in "(\n|\r|\u{2028}|\u{202e}|\\{\\{number\\}\\}|\\{\\{> x\\}\\}|---|Subject: x|[ -~]){0,60}"
    ) {
        let bench = full();
        let template = template("outage");
        let known = template.fill(&values(&bench, None), &params(&[("what", "x")])).unwrap();
        let given = template.fill(&values(&bench, Some(&value)), &params(&[("what", &value), ("workaround", &value)])).unwrap();
        prop_assert_eq!(given.1.lines().count(), known.1.lines().count(), "{}", given.1);
        prop_assert_eq!(given.0.lines().count(), 1);
        prop_assert!(!given.1.contains("INC-1"), "{}", given.1);
        let is_clean = !given.1.contains(['\u{202e}', '\u{2028}', '\r']);
        prop_assert!(is_clean);
    }

    /// Whatever is asked in whatever order: nothing leaves but by a send of exactly the text that is there, once.
    #[test]
    fn only_a_send_lets_something_leave(steps in proptest::collection::vec((0..6u8, any::<bool>()), 1..30)) {
        let mut bench = full();
        let draft = public();
        let mut left = 0;
        for (step, right) in steps {
            let code = bench.incident.drafts.get(draft.id).map_or_else(String::new, |held| held.draft.code.clone());
            let code = if right { code } else { draft.code.clone() };
            let before = bench.incident.drafts.get(draft.id).cloned();
            let is_send = step == 3;
            let command = match step {
                0 | 1 => UpdateCommand::Draft(Box::new(draft.clone())),
                2 => UpdateCommand::Edit { draft: draft.id, code: code.clone(), text: format!("y{left}") },
                3 => UpdateCommand::Send { draft: draft.id, code: code.clone(), by: person("ana"), may_publish: right },
                4 => UpdateCommand::Discard { draft: draft.id },
                _ => UpdateCommand::RecordPosted { draft: draft.id, channel: "C".to_owned(), ts: "1".to_owned() },
            };
            let Ok(decision) = bench.give(&update(command)) else { continue };
            let ways = leaves(&decision);
            if !ways.is_empty() {
                left += 1;
                let before = before.unwrap();
                prop_assert!(is_send && right && before.state == DraftState::Drafted && before.draft.code == code);
                let is_recorded = decision.events.iter().any(|event| matches!(event, IncidentEvent::UpdateSent { .. }));
                prop_assert!(is_recorded);
            }
        }
        prop_assert!(left <= 1);
        prop_assert_eq!(bench.replayed(), bench.incident);
    }
}
