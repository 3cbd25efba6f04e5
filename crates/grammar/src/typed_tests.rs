//! What people type at three in the morning, on a phone, with Slack's escapes: each line, and what it is taken for.

use std::collections::BTreeMap;

use runbook_core::people::Role;

use super::*;

fn request(text: &str) -> Request {
    match parse_chat(text) {
        ChatParse::Request(request) => request,
        ChatParse::Usage { text: usage, .. } => panic!("{text:?} gave: {usage}"),
    }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn declare(title: &str, severity: Option<&str>, service: Option<&str>, private: bool) -> Request {
    Request::IncidentDeclare {
        description: None,
        title: title.to_owned(),
        severity: severity.map(str::to_owned),
        service: service.map(str::to_owned),
        private,
    }
}

fn update(incident: Option<&str>, text: &str) -> Request {
    Request::IncidentUpdate { incident: incident.map(str::to_owned), text: text.to_owned() }
}

fn note(incident: Option<&str>, text: &str) -> Request {
    Request::TimelineAdd { incident: incident.map(str::to_owned), text: text.to_owned() }
}

fn reopen(incident: Option<&str>, reason: &str) -> Request {
    Request::IncidentReopen { incident: incident.map(str::to_owned), reason: reason.to_owned() }
}

fn none(incident: Option<&str>, reason: &str) -> Request {
    Request::IncidentNone { incident: incident.map(str::to_owned), reason: reason.to_owned() }
}

fn merge(incident: Option<&str>, into: &str) -> Request {
    Request::IncidentMerge { incident: incident.map(str::to_owned), into: into.to_owned() }
}

fn rollback(incident: Option<&str>, reason: &str) -> Request {
    Request::RollbackRequest { incident: incident.map(str::to_owned), reason: reason.to_owned() }
}

fn hand_over(incident: Option<&str>, who: &str, run: Option<&str>, note: Option<&str>) -> Request {
    let own = |text: Option<&str>| text.map(str::to_owned);
    Request::HandOver { incident: own(incident), who: who.to_owned(), run: own(run), note: own(note) }
}

fn escalate(incident: Option<&str>, who: Option<&str>, reason: Option<&str>) -> Request {
    let own = |text: Option<&str>| text.map(str::to_owned);
    Request::Escalate { incident: own(incident), who: own(who), reason: own(reason) }
}

fn role(role: Role, who: &str, incident: Option<&str>) -> Request {
    Request::IncidentRole { incident: incident.map(str::to_owned), role, who: who.to_owned() }
}

fn add(text: &str, owner: Option<&str>, due: Option<&str>, incident: Option<&str>) -> Request {
    Request::ActionAdd {
        incident: incident.map(str::to_owned),
        text: text.to_owned(),
        owner: owner.map(str::to_owned),
        due: due.map(str::to_owned),
    }
}

#[test]
fn what_is_typed_is_what_is_meant() {
    let (p2, shop) = (Some("P2"), Some("shop"));
    let (inc, here) = (Some("INC-3"), None);
    let table: &[(&str, Request)] = &[
        // nothing at all, and what phones make of it
        ("", Request::Menu { incident: None }),
        (" \u{200b}\u{a0}", Request::Menu { incident: None }),
        ("Menu", Request::Menu { incident: None }),
        // titles with and without quotes, straight and typographic, with apostrophes
        ("declare checkout is slow", declare("checkout is slow", None, None, false)),
        ("Declare checkout is slow", declare("checkout is slow", None, None, false)),
        ("declare \"checkout is slow\"", declare("checkout is slow", None, None, false)),
        ("declare “checkout is slow”", declare("checkout is slow", None, None, false)),
        ("declare ‘checkout is slow’", declare("checkout is slow", None, None, false)),
        (
            "declare checkout’s slow, don't know why",
            declare("checkout’s slow, don't know why", None, None, false),
        ),
        ("declare checkout is slow --severity p2", declare("checkout is slow", p2, None, false)),
        ("declare checkout is slow —severity P2", declare("checkout is slow", p2, None, false)),
        ("declare checkout is slow –severity=P2 –service shop", declare("checkout is slow", p2, shop, false)),
        ("declare --severity P2 checkout is slow", declare("checkout is slow", p2, None, false)),
        ("incident declare checkout is slow", declare("checkout is slow", None, None, false)),
        ("declare keys leaked —private", declare("keys leaked", None, None, true)),
        ("declare 5xx – every call", declare("5xx – every call", None, None, false)),
        ("declare p95 &gt; 150 s &amp; rising", declare("p95 > 150 s & rising", None, None, false)),
        ("declare -40 % orders", declare("-40 % orders", None, None, false)),
        ("declare #3 in the queue is stuck", declare("#3 in the queue is stuck", None, None, false)),
        (
            "declare see <https://x.example/d?a=1&amp;b=2|graph>",
            declare("see https://x.example/d?a=1&b=2", None, None, false),
        ),
        ("declare told in <#C012|support>", declare("told in <#C012|support>", None, None, false)),
        // how it stands
        ("status", Request::IncidentStatus { incident: None }),
        ("Status 3", Request::IncidentStatus { incident: some("INC-3") }),
        ("incident status inc-3", Request::IncidentStatus { incident: some("INC-3") }),
        ("catch-up", Request::IncidentCatchUp { incident: None }),
        ("Catch-up INC-3", Request::IncidentCatchUp { incident: some("INC-3") }),
        ("oncall", Request::OnCall { service: None }),
        ("oncall flowengine", Request::OnCall { service: Some("flowengine".to_owned()) }),
        ("Oncall", Request::OnCall { service: None }),
        // who does what
        ("role commander @ana", role(Role::Commander, "@ana", here)),
        ("role Commander <@U0ANA|ana>", role(Role::Commander, "<@U0ANA|ana>", here)),
        ("role ic <@U0ANA>", role(Role::Commander, "<@U0ANA>", here)),
        ("role comms ben 3", role(Role::CommunicationsLead, "ben", inc)),
        ("role communications-lead ben", role(Role::CommunicationsLead, "ben", here)),
        ("Role scribe me", role(Role::Scribe, "me", here)),
        ("incident role responder “ben” INC-3", role(Role::Responder, "ben", inc)),
        // updates and notes
        ("update half of the flows pass again", update(here, "half of the flows pass again")),
        ("update “half of the flows pass”", update(here, "half of the flows pass")),
        ("update INC-3 half of the flows pass", update(inc, "half of the flows pass")),
        ("update half of the flows pass –incident 3", update(inc, "half of the flows pass")),
        ("update \"INC-3 is the same\"", update(here, "INC-3 is the same")),
        ("update 3 pods restart", update(here, "3 pods restart")),
        ("update <@U0ANA|ana> looks at it", update(here, "<@U0ANA|ana> looks at it")),
        ("Update we’re back &lt;5 % fail", update(here, "we’re back <5 % fail")),
        ("timeline add the provider says it is them", note(here, "the provider says it is them")),
        ("Timeline Add inc-3 it’s them", note(inc, "it’s them")),
        ("timeline add <!channel> look", note(here, "<!channel> look")),
        // ends
        ("resolve", Request::IncidentResolve { incident: None }),
        ("reopen it fails again", reopen(here, "it fails again")),
        ("Reopen INC-3 it fails again", reopen(inc, "it fails again")),
        ("reopen “it fails again” —incident INC-3", reopen(inc, "it fails again")),
        ("not-an-incident a load test", none(here, "a load test")),
        ("Not-an-incident inc-3 a drill", none(inc, "a drill")),
        ("incident not-an-incident 'a drill'", none(here, "a drill")),
        ("merge INC-3 into INC-1", merge(inc, "INC-1")),
        ("merge 3 into 1", merge(inc, "INC-1")),
        ("merge inc-3 Into inc-1", merge(inc, "INC-1")),
        ("merge INC-3 INC-1", merge(inc, "INC-1")),
        ("merge into INC-1", merge(here, "INC-1")),
        // what is to be done
        ("action add alert on p95", add("alert on p95", None, None, here)),
        (
            "action add alert on p95 –owner <@U0ANA|ana> –due 5d",
            add("alert on p95", Some("<@U0ANA|ana>"), Some("5d"), here),
        ),
        ("Action Add INC-3 “raise it” --due 2026-12-31", add("raise it", None, Some("2026-12-31"), inc)),
        ("action list", Request::ActionList { incident: None, all: false }),
        ("action list —all", Request::ActionList { incident: None, all: true }),
        ("action done 2", Request::ActionDone { incident: None, number: 2 }),
        ("action done 2 inc-3", Request::ActionDone { incident: some("INC-3"), number: 2 }),
        ("report", Request::Report { since: None, service: None }),
        (
            "Report —since 7d –service flowengine",
            Request::Report { since: some("7d"), service: some("flowengine") },
        ),
        // reminders, and who wants a rollback
        ("snooze 30", Request::IncidentSnooze { incident: None, minutes: 30 }),
        ("Snooze 90min inc-3", Request::IncidentSnooze { incident: some("INC-3"), minutes: 90 }),
        ("incident snooze 60 3", Request::IncidentSnooze { incident: some("INC-3"), minutes: 60 }),
        ("reminders off", Request::IncidentReminders { incident: None, on: false, all: false }),
        ("Reminders On INC-3", Request::IncidentReminders { incident: some("INC-3"), on: true, all: false }),
        ("reminders off —all", Request::IncidentReminders { incident: None, on: false, all: true }),
        ("rollback request orders are lost", rollback(here, "orders are lost")),
        ("Rollback Request INC-3 “orders are lost”", rollback(inc, "orders are lost")),
        // passing on, and calling one more
        ("handover INC-3 to <@U0BEN|ben>", hand_over(inc, "<@U0BEN|ben>", None, None)),
        ("Hand-over to @ben the pool’s full", hand_over(here, "@ben", None, Some("the pool’s full"))),
        ("handover 3 to ben", hand_over(inc, "ben", None, None)),
        ("handover @ben —run 0198", hand_over(here, "@ben", Some("0198"), None)),
        ("handover take", Request::HandOverTake { incident: None, run: None }),
        ("Handover Take inc-3 –run 01", Request::HandOverTake { incident: some("INC-3"), run: some("01") }),
        ("handover shift", Request::HandOverShift { to: None, post: false }),
        ("handover Shift —post", Request::HandOverShift { to: None, post: true }),
        ("handover shift to @ben", Request::HandOverShift { to: some("@ben"), post: true }),
        ("escalate", escalate(here, None, None)),
        ("Escalate INC-3 nobody answers", escalate(inc, None, Some("nobody answers"))),
        ("escalate to <@U0BEN|ben> he knows it", escalate(here, Some("<@U0BEN|ben>"), Some("he knows it"))),
        ("escalate INC-3 @ben", escalate(inc, Some("@ben"), None)),
        ("escalate secondary", escalate(here, Some("secondary"), None)),
        ("escalate @ben, wake up", escalate(here, Some("@ben"), Some("wake up"))),
        ("escalate to ben: wake up", escalate(here, Some("ben"), Some("wake up"))),
        ("escalate ben!", escalate(here, Some("ben"), None)),
        ("escalate ben, wake up", escalate(here, None, Some("ben, wake up"))),
        // and what was there before
        ("Ack", Request::IncidentAck { incident: None }),
        ("severity p1 3", Request::IncidentSeverity { incident: some("INC-3"), severity: "P1".to_owned() }),
        (
            "runbook rollback",
            Request::RunbookRollback { service: None, params: BTreeMap::new(), incident: None },
        ),
        (
            "Runbook Rollback —incident inc-3",
            Request::RunbookRollback { service: None, params: BTreeMap::new(), incident: some("INC-3") },
        ),
        (
            "runbook rollback shop --param room=<#C012|incidents> --param who=<@U0ANA|ana> --param pod=<pod>",
            Request::RunbookRollback {
                service: some("shop"),
                params: [("room", "#incidents"), ("who", "@ana"), ("pod", "<pod>")]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into(),
                incident: None,
            },
        ),
    ];
    assert!(table.len() >= 60, "{}", table.len());
    for (text, expected) in table {
        assert_eq!(request(text), *expected, "{text}");
    }
}

/// Slack shows an answer of at most 3,500 characters; a list that is cut names no command at its end.
#[test]
fn the_overview_fits_into_one_answer() {
    let ChatParse::Usage { text, .. } = parse_chat("help") else { panic!("help is no request") };
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    assert!(escaped.chars().count() <= 3_400, "{} characters", escaped.chars().count());
    for word in ["declare", "catch-up", "merge", "action add", "runbook undo", "journal verify", "menu"] {
        assert!(text.contains(&format!("`{word}")), "{word}: {text}");
    }
    assert!(!text.contains("`incident declare"), "the short form stands for it: {text}");
}
