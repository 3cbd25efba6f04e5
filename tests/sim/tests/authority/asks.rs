//! Everything that somebody can ask for, and every way in which they can come. A new request, answer, credential or command of
//! the language does not compile here, or fails `everything_is_tried`, until it is listed.

use blocks_grammar::{ChatParse, Surface, commands_on, parse_chat};
use runbook_core::message::Answer;
use runbook_core::people::{Credential, Role};
use runbook_core::request::Request;
use runbook_core::rules::TriedPage;
use serde_json::json;

use crate::dice::Dice;
use crate::stage::BOOKS;

/// The name of a request's kind.
pub(crate) fn kind_of(request: &Request) -> &'static str {
    match request {
        Request::RunbookList => "runbook_list",
        Request::RunbookRuns { .. } => "runbook_runs",
        Request::RunbookSuggest { .. } => "runbook_suggest",
        Request::RunbookShow { .. } => "runbook_show",
        Request::RunbookPlan { .. } => "runbook_plan",
        Request::RunbookRun { .. } => "runbook_run",
        Request::RunbookRollback { .. } => "runbook_rollback",
        Request::RunbookStatus { .. } => "runbook_status",
        Request::RunbookApprove { .. } => "runbook_approve",
        Request::RunbookRefuse { .. } => "runbook_refuse",
        Request::RunbookPause { .. } => "runbook_pause",
        Request::RunbookResume { .. } => "runbook_resume",
        Request::RunbookSkip { .. } => "runbook_skip",
        Request::RunbookAttach { .. } => "runbook_attach",
        Request::RunbookTakeOver { .. } => "runbook_take_over",
        Request::RunbookCancel { .. } => "runbook_cancel",
        Request::RunbookAnswer { .. } => "runbook_answer",
        Request::RunbookRetry { .. } => "runbook_retry",
        Request::RunbookMarkDone { .. } => "runbook_mark_done",
        Request::RunbookUndo { .. } => "runbook_undo",
        Request::IncidentList { .. } => "incident_list",
        Request::IncidentShow { .. } => "incident_show",
        Request::IncidentAck { .. } => "incident_ack",
        Request::IncidentSeverity { .. } => "incident_severity",
        Request::IncidentResolve { .. } => "incident_resolve",
        Request::IncidentDeclare { .. } => "incident_declare",
        Request::IncidentStatus { .. } => "incident_status",
        Request::IncidentCatchUp { .. } => "incident_catch_up",
        Request::IncidentExplain { .. } => "incident_explain",
        Request::IncidentReopen { .. } => "incident_reopen",
        Request::IncidentNone { .. } => "incident_none",
        Request::IncidentMerge { .. } => "incident_merge",
        Request::IncidentRole { .. } => "incident_role",
        Request::IncidentUpdate { .. } => "incident_update",
        Request::UpdateDraft { .. } => "update_draft",
        Request::UpdateEdit { .. } => "update_edit",
        Request::UpdateSend { .. } => "update_send",
        Request::UpdateDiscard { .. } => "update_discard",
        Request::UpdateDrafts { .. } => "update_drafts",
        Request::TimelineAdd { .. } => "timeline_add",
        Request::ActionAdd { .. } => "action_add",
        Request::ActionList { .. } => "action_list",
        Request::ActionDone { .. } => "action_done",
        Request::Report { .. } => "report",
        Request::IncidentSnooze { .. } => "incident_snooze",
        Request::IncidentReminders { .. } => "incident_reminders",
        Request::RollbackRequest { .. } => "rollback_request",
        Request::HandOver { .. } => "hand_over",
        Request::HandOverTake { .. } => "hand_over_take",
        Request::HandOverShift { .. } => "hand_over_shift",
        Request::Escalate { .. } => "escalate",
        Request::OnCall { .. } => "on_call",
        Request::OnCallExport { .. } => "on_call_export",
        Request::OnCallTest { .. } => "on_call_test",
        Request::TriggerList => "trigger_list",
        Request::TriggerTest { .. } => "trigger_test",
        Request::Menu { .. } => "menu",
        Request::PirDraft { .. } => "pir_draft",
        Request::JournalVerify { .. } => "journal_verify",
        Request::InboxList { .. } => "inbox_list",
        Request::InboxRetry { .. } => "inbox_retry",
        Request::Help { .. } => "help",
    }
}

/// Every kind of [`kind_of`].
pub(crate) const KINDS: [&str; 62] = [
    "runbook_suggest",
    "runbook_list",
    "runbook_runs",
    "runbook_show",
    "runbook_plan",
    "runbook_run",
    "runbook_rollback",
    "runbook_status",
    "runbook_approve",
    "runbook_refuse",
    "runbook_pause",
    "runbook_resume",
    "runbook_skip",
    "runbook_attach",
    "runbook_take_over",
    "runbook_cancel",
    "runbook_answer",
    "runbook_retry",
    "runbook_mark_done",
    "runbook_undo",
    "incident_list",
    "incident_show",
    "incident_ack",
    "incident_severity",
    "incident_resolve",
    "incident_declare",
    "incident_status",
    "incident_catch_up",
    "incident_explain",
    "incident_reopen",
    "incident_none",
    "incident_merge",
    "incident_role",
    "incident_update",
    "update_draft",
    "update_edit",
    "update_send",
    "update_discard",
    "update_drafts",
    "timeline_add",
    "action_add",
    "action_list",
    "action_done",
    "incident_snooze",
    "incident_reminders",
    "rollback_request",
    "hand_over",
    "hand_over_take",
    "hand_over_shift",
    "escalate",
    "report",
    "on_call",
    "menu",
    "pir_draft",
    "journal_verify",
    "on_call_export",
    "on_call_test",
    "trigger_list",
    "trigger_test",
    "inbox_list",
    "inbox_retry",
    "help",
];

/// A way in, as it shows who comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// A slash command of the Slack user that the configuration names.
    SlackWords,
    /// A button, by the same.
    SlackButton,
    /// A second Slack account, which nobody knows.
    SlackGuest,
    /// Their own API token.
    Token,
    /// Their own user on the machine: a terminal, or the unix socket.
    OsUser,
    /// A user of the machine whom nobody claims; everybody can become it.
    Root,
    /// The shared API token.
    Service,
    /// PagerDuty's hook.
    PagerDuty,
}

pub(crate) const WAYS: [Way; 8] = [
    Way::SlackWords,
    Way::SlackButton,
    Way::SlackGuest,
    Way::Token,
    Way::OsUser,
    Way::Root,
    Way::Service,
    Way::PagerDuty,
];

/// Who that is for the engine when they come by that way. Every credential that there is comes of some way.
pub(crate) fn credential(human: &str, way: Way) -> Credential {
    match way {
        Way::SlackWords | Way::SlackButton => Credential::Slack { user_id: format!("U-{human}") },
        Way::SlackGuest => Credential::Slack { user_id: format!("U-{human}-guest") },
        Way::Token => Credential::Token { person: human.to_owned() },
        Way::OsUser => Credential::OsUser { name: human.to_owned() },
        Way::Root => Credential::OsUser { name: "root".to_owned() },
        Way::Service => Credential::ServiceToken,
        Way::PagerDuty => Credential::PagerDuty { email: format!("{human}@example.com") },
    }
}

/// The credential's name.
pub(crate) fn credential_name(credential: &Credential) -> &'static str {
    match credential {
        Credential::Slack { .. } => "slack",
        Credential::PagerDuty { .. } => "pagerduty",
        Credential::OsUser { .. } => "os_user",
        Credential::Token { .. } => "token",
        Credential::ServiceToken => "service",
    }
}

/// The word in the action id of a button that asks for this: some requests have several buttons, which say it differently.
pub(crate) fn button(dice: &mut Dice, request: &Request) -> Option<&'static str> {
    let answers: &[Answer] = match request {
        Request::RunbookApprove { .. } => &[Answer::Approve],
        Request::RunbookRefuse { .. } => &[Answer::Refuse],
        Request::RunbookAnswer { yes: true, .. } => &[Answer::Yes, Answer::GoOn],
        Request::RunbookAnswer { yes: false, .. } => &[Answer::No],
        Request::RunbookMarkDone { .. } => &[Answer::MarkDone, Answer::PutRight],
        Request::RunbookResume { .. } => &[Answer::Resume],
        Request::RunbookRetry { .. } => &[Answer::Retry, Answer::WaitOn],
        Request::RunbookCancel { .. } => &[Answer::Cancel],
        Request::RunbookUndo { .. } => &[Answer::Undo, Answer::GoBack],
        _ => return None,
    };
    // a new answer does not compile until it stands here and above
    Some(match dice.pick(answers) {
        Answer::Approve => "approve",
        Answer::Refuse => "refuse",
        Answer::Yes => "yes",
        Answer::No => "no",
        Answer::MarkDone => "mark_done",
        Answer::Resume => "resume",
        Answer::Retry => "retry",
        Answer::Cancel => "cancel",
        Answer::Undo => "undo",
        Answer::WaitOn => "wait_on",
        Answer::GoOn => "go_on",
        Answer::GoBack => "go_back",
        Answer::PutRight => "put_right",
    })
}

/// The body that Slack sends when that button is pressed.
pub(crate) fn button_body(dice: &mut Dice, user: &str, request: &Request) -> Option<String> {
    let word = button(dice, request)?;
    let (run, fingerprint, reason) = match request {
        Request::RunbookApprove { run, fingerprint, reason } => {
            (run, fingerprint.as_deref(), reason.as_deref())
        }
        Request::RunbookRefuse { run, .. }
        | Request::RunbookAnswer { run, .. }
        | Request::RunbookMarkDone { run, .. }
        | Request::RunbookResume { run, .. }
        | Request::RunbookRetry { run, .. }
        | Request::RunbookCancel { run, .. }
        | Request::RunbookUndo { run, .. } => (run, None, None),
        _ => return None,
    };
    let value = json!({ "run": run, "fingerprint": fingerprint }).to_string();
    let payload = json!({
        "type": "block_actions",
        "user": { "id": user },
        "channel": { "id": "C1" },
        "container": { "channel_id": "C1" },
        "state": { "values": { "b": { "blocks:reason": { "type": "plain_text_input", "value": reason } } } },
        "actions": [{ "action_id": format!("blocks:{word}"), "value": value }],
    });
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    Some(form.append_pair("payload", &payload.to_string()).finish())
}

/// The body that Slack sends when somebody types the request.
pub(crate) fn command_body(user: &str, request: &Request) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("command", "/blocks").append_pair("user_id", user).append_pair("channel_id", "C1");
    form.append_pair("text", &words(request)).finish()
}

/// The request as it is typed.
fn words(request: &Request) -> String {
    let mut words: Vec<String> = Vec::new();
    let named = |verb: &str, what: &Option<String>| {
        let what = what.as_deref().unwrap_or_default();
        vec![verb.to_owned(), what.to_owned()]
    };
    match request {
        Request::RunbookList => words.push("runbook list".to_owned()),
        Request::RunbookRuns { .. } => words.push("runbook runs".to_owned()),
        Request::RunbookSuggest { .. } => words.push("runbook suggest --service shop".to_owned()),
        Request::RunbookShow { name } => words.push(format!("runbook show {name}")),
        Request::RunbookPlan { name, .. } => words.push(format!("runbook plan {name}")),
        Request::RunbookRun { name, .. } => words.push(format!("runbook run {name}")),
        Request::RunbookRollback { service, incident, .. } => {
            words = named("runbook rollback", service);
            words.extend(incident.iter().map(|number| format!("--incident {number}")));
        }
        Request::RunbookStatus { run } => words = named("runbook status", run),
        Request::RunbookApprove { run, fingerprint, reason } => {
            words = named("runbook approve", run);
            words.extend(fingerprint.iter().map(|code| format!("--fingerprint {code}")));
            words.extend(reason.iter().map(|reason| format!("--reason \"{reason}\"")));
        }
        Request::RunbookRefuse { run, .. } => words = named("runbook refuse", run),
        Request::RunbookPause { run, .. } => words = named("runbook pause", run),
        Request::RunbookResume { run, .. } => words = named("runbook resume", run),
        Request::RunbookSkip { run, reason, rest, .. } => {
            words = named("runbook skip", run);
            words.push(format!("--reason \"{reason}\""));
            words.extend(rest.then(|| "--rest".to_owned()));
        }
        Request::RunbookAttach { run, .. } => words = named("runbook attach", run),
        Request::RunbookTakeOver { run, reason } => {
            words = named("runbook take-over", run);
            words.push(format!("--reason \"{reason}\""));
        }
        Request::RunbookCancel { run, .. } => words = named("runbook cancel", run),
        Request::RunbookAnswer { run, yes, .. } => {
            words = named("runbook answer", run);
            words.push(if *yes { "yes" } else { "no" }.to_owned());
        }
        Request::RunbookRetry { run, .. } => words = named("runbook retry", run),
        Request::RunbookMarkDone { run, .. } => words = named("runbook mark-done", run),
        Request::RunbookUndo { run, .. } => words = named("runbook undo", run),
        Request::IncidentList { .. } => words.push("incident list".to_owned()),
        Request::IncidentShow { incident } => words = named("incident show", incident),
        Request::IncidentAck { incident } => words = named("ack", incident),
        Request::IncidentSeverity { severity, .. } => words.push(format!("severity {severity}")),
        Request::IncidentResolve { incident } => words = named("resolve", incident),
        Request::IncidentDeclare { title, .. } => words.push(format!("declare {title}")),
        Request::IncidentStatus { incident } => words = named("status", incident),
        Request::IncidentCatchUp { incident } => words = named("catch-up", incident),
        Request::IncidentExplain { incident } => words = named("incident explain", incident),
        Request::IncidentReopen { reason, .. } => words.push(format!("reopen {reason}")),
        Request::IncidentNone { reason, .. } => words.push(format!("not-an-incident {reason}")),
        Request::IncidentMerge { into, .. } => words.push(format!("merge into {into}")),
        Request::IncidentRole { who, .. } => words.push(format!("role commander {who}")),
        Request::IncidentUpdate { text, .. } => words.push(format!("update {text}")),
        Request::UpdateDraft { template, .. } => words.push(format!("update draft {template}")),
        Request::UpdateEdit { draft, text, .. } => words.push(format!("update edit {draft} {text}")),
        Request::UpdateSend { draft, .. } => words.push(format!("update send {draft}")),
        Request::UpdateDiscard { draft, .. } => words.push(format!("update discard {draft}")),
        Request::UpdateDrafts { .. } => words.push("update drafts".to_owned()),
        Request::TimelineAdd { text, .. } => words.push(format!("timeline add {text}")),
        Request::ActionAdd { text, .. } => words.push(format!("action add {text}")),
        Request::ActionList { incident, .. } => words = named("action list", incident),
        Request::ActionDone { number, .. } => words.push(format!("action done {number}")),
        Request::IncidentSnooze { minutes, .. } => words.push(format!("snooze {minutes}")),
        Request::IncidentReminders { on, all, .. } => {
            words.push(format!("reminders {}", if *on { "on" } else { "off" }));
            words.extend(all.then(|| "--all".to_owned()));
        }
        Request::RollbackRequest { reason, .. } => words.push(format!("rollback request {reason}")),
        Request::HandOver { who, .. } => words.push(format!("handover to {who}")),
        Request::HandOverTake { .. } => words.push("handover take".to_owned()),
        Request::HandOverShift { to, post } => {
            words.push("handover shift".to_owned());
            words.extend(to.iter().map(|who| format!("to {who}")));
            words.extend((*post && to.is_none()).then(|| "--post".to_owned()));
        }
        Request::Escalate { who, .. } => {
            words.push("escalate".to_owned());
            words.extend(who.iter().map(|who| format!("to {who}")));
        }
        Request::Report { .. } => words.push("report".to_owned()),
        Request::OnCall { .. } => words.push("oncall".to_owned()),
        Request::OnCallExport { .. } => words.push("oncall export".to_owned()),
        Request::OnCallTest { .. } => words.push("oncall test".to_owned()),
        Request::TriggerList => words.push("trigger list".to_owned()),
        Request::TriggerTest { name } => words.push(format!("trigger test {name}")),
        Request::Menu { .. } => {}
        Request::PirDraft { incident } => words = named("pir draft", incident),
        Request::JournalVerify { .. } => words.push("journal verify".to_owned()),
        Request::InboxList { .. } => words.push("inbox list".to_owned()),
        Request::InboxRetry { .. } => words.push("inbox retry --all".to_owned()),
        Request::Help { .. } => words.push("help".to_owned()),
    }
    words.join(" ")
}

/// A run as somebody who asks knows it: its id, its fingerprint, and where it stands.
pub(crate) type KnownRun = (String, String, &'static str);

/// Some request. `who` goes into the reason of a yes: so the record tells which human gave it, and whether it was to the
/// right plan.
pub(crate) fn some_request(dice: &mut Dice, who: &str, known: &[KnownRun]) -> Request {
    let run = (!known.is_empty()).then(|| dice.pick(known).clone());
    let waiting: Vec<_> = known.iter().filter(|run| run.2 == "waiting_for_approval").cloned().collect();
    let run = if !waiting.is_empty() && dice.percent(60) { Some(dice.pick(&waiting).clone()) } else { run };
    let id = run.as_ref().map(|run| run.0.clone());
    match dice.below(110) {
        0..16 => Request::RunbookRun {
            name: dice.pick(BOOKS).name.to_owned(),
            params: [].into(),
            section: None,
            incident: None,
        },
        16..20 => {
            Request::RunbookRollback { service: Some("shop".to_owned()), params: [].into(), incident: None }
        }
        20..58 => some_yes(dice, who, run.as_ref(), known),
        58..60 => Request::RunbookPause { run: id, reason: None },
        60..63 => Request::RunbookResume { run: id, reason: None },
        63..66 => Request::RunbookSkip {
            run: id,
            reason: "it is seen elsewhere".to_owned(),
            rest: false,
            step: None,
        },
        66 => Request::RunbookTakeOver { run: id, reason: "nobody is there".to_owned() },
        67 => Request::RunbookAttach { run: id, cursor: None },
        68..70 => Request::RunbookRefuse { run: id, reason: None },
        70..72 => Request::RunbookCancel { run: id, reason: None },
        72..74 => Request::RunbookAnswer { run: id, yes: dice.percent(60), reason: None, step: None },
        74..83 => Request::RunbookRetry { run: id, reason: None, step: None },
        83..85 => Request::RunbookMarkDone { run: id, reason: Some("seen".to_owned()), step: None },
        85..88 => Request::RunbookUndo { run: id, reason: None },
        88 => Request::IncidentAck { incident: None },
        89 => Request::IncidentSeverity { incident: None, severity: "P2".to_owned() },
        90 => Request::IncidentResolve { incident: None },
        91 => Request::PirDraft { incident: None },
        92 => Request::IncidentShow { incident: None },
        93 => Request::IncidentList { all: true },
        94 if dice.percent(50) => Request::RunbookRuns { all: false, incident: None },
        94 => Request::RunbookStatus { run: id },
        95 if dice.percent(70) => match dice.below(5) {
            0 => Request::TriggerList,
            4 => Request::RunbookSuggest {
                incident: None,
                page: TriedPage { service: Some("shop".to_owned()), ..TriedPage::default() },
            },
            1 => Request::TriggerTest { name: "nothing".to_owned() },
            2 => Request::OnCallExport { from: None, until: None },
            _ => Request::OnCallTest { service: Some("nowhere".to_owned()) },
        },
        95 => Request::RunbookList,
        96 => Request::RunbookShow { name: dice.pick(BOOKS).name.to_owned() },
        97 => {
            Request::RunbookPlan { name: dice.pick(BOOKS).name.to_owned(), params: [].into(), section: None }
        }
        98 if dice.percent(40) => Request::InboxRetry { id: None, source: None },
        98 if dice.percent(40) => Request::InboxList { source: None, all: true, body: true },
        98 => Request::JournalVerify { expect: None },
        99 => Request::Help { topic: None },
        _ => about_incidents(dice, who),
    }
}

/// Something about an incident, and the people and actions around it.
fn about_incidents(dice: &mut Dice, who: &str) -> Request {
    let incident = None;
    let said = || format!("{who} says so");
    match dice.below(28) {
        0 => Request::IncidentDeclare {
            description: None,
            title: format!("{who} saw something"),
            severity: None,
            service: None,
            private: dice.percent(20),
        },
        1 => Request::IncidentStatus { incident },
        2 => Request::IncidentCatchUp { incident },
        3 => Request::IncidentReopen { incident, reason: said() },
        4 => Request::IncidentNone { incident, reason: said() },
        5 => Request::IncidentMerge { incident, into: format!("INC-{}", 1 + dice.below(3)) },
        6 => {
            let who = (*dice.pick(&["me", "@ana", "ben", "nobody"])).to_owned();
            Request::IncidentRole { incident, role: Role::Commander, who }
        }
        7 => Request::IncidentUpdate { incident, text: said() },
        8 => Request::TimelineAdd { incident, text: said() },
        9 => Request::ActionAdd { incident, text: said(), owner: None, due: None },
        10 => Request::ActionList { incident, all: dice.percent(50) },
        11 => Request::ActionDone { incident, number: 1 },
        12 => Request::OnCall { service: None },
        13 => Request::IncidentSnooze { incident, minutes: 30 },
        14 => Request::IncidentReminders { incident, on: dice.percent(50), all: dice.percent(50) },
        15 => Request::RollbackRequest { incident, reason: said() },
        16 => Request::UpdateDraft {
            incident,
            template: "outage".to_owned(),
            params: [].into(),
            eta: None,
            to: Vec::new(),
            impact: None,
            component: None,
        },
        17 => Request::UpdateEdit { incident, draft: "4f2a".to_owned(), text: said() },
        18 => Request::UpdateSend { incident, draft: "4f2a".to_owned() },
        19 => Request::UpdateDiscard { incident, draft: "4f2a".to_owned() },
        20 => Request::UpdateDrafts { incident },
        21 => Request::HandOver {
            incident,
            who: (*dice.pick(&["@ana", "ben", "nobody"])).to_owned(),
            run: None,
            note: None,
        },
        22 => Request::HandOverTake { incident, run: None },
        23 => Request::HandOverShift { to: None, post: dice.percent(50) },
        24 => {
            let who = (*dice.pick(&["@ana", "ben", "commander", "nobody"])).to_owned();
            Request::Escalate { incident, who: dice.percent(50).then_some(who), reason: None }
        }
        25 => Request::Report { since: None, service: None },
        26 => Request::IncidentExplain { incident },
        _ => Request::Menu { incident },
    }
}

fn some_yes(dice: &mut Dice, who: &str, run: Option<&KnownRun>, known: &[KnownRun]) -> Request {
    let (fingerprint, to) = match (run, dice.below(10)) {
        (Some((_, own, _)), 0..6) => (Some(own.clone()), "right"),
        (Some((_, own, _)), 6) => (Some(own.chars().take(4).collect()), "right"),
        (Some((_, own, _)), 7) => (Some(off_by_one(dice, own)), "wrong"),
        (Some((_, own, _)), 8) => {
            let other = dice.pick(known).1.clone();
            let to = if other == *own { "right" } else { "wrong" };
            (Some(other), to)
        }
        _ => (None, "nothing"),
    };
    let reason = dice.percent(90).then(|| format!("{who} says so to the {to} plan"));
    Request::RunbookApprove { run: run.map(|run| run.0.clone()), fingerprint, reason }
}

/// The same text with one character changed.
pub(crate) fn off_by_one(dice: &mut Dice, text: &str) -> String {
    let at = dice.below(text.len() as u64);
    let other = |c: char| if c == '0' { '1' } else { '0' };
    let change = |(index, c): (usize, char)| if index as u64 == at { other(c) } else { c };
    text.chars().enumerate().map(change).collect()
}

/// Every command that chat offers stands for a request that is listed.
#[test]
fn every_command_of_the_language_is_listed() {
    for surface in [Surface::Chat, Surface::Api] {
        for command in commands_on(surface) {
            match parse_chat(command.example) {
                ChatParse::Request(request) => assert!(KINDS.contains(&kind_of(&request)), "{request:?}"),
                ChatParse::Usage { .. } if !command.is_on(Surface::Chat) => {}
                ChatParse::Usage { .. } => panic!("the example of {} does not read", command.path),
            }
        }
    }
    // what is typed here is what is meant
    let mut dice = Dice::new(1);
    let known = [("run1".to_owned(), "ab".repeat(32), "waiting_for_approval")];
    for _ in 0..2_000 {
        let request = some_request(&mut dice, "ana", &known);
        if matches!(request, Request::Help { .. }) {
            continue; // is answered where it is asked
        }
        let is_for_programs = matches!(
            request,
            Request::InboxList { .. }
                | Request::InboxRetry { .. }
                | Request::OnCallExport { .. }
                | Request::OnCallTest { .. }
                | Request::TriggerTest { .. }
        );
        if is_for_programs {
            assert!(matches!(parse_chat(&words(&request)), ChatParse::Usage { .. }), "{}", words(&request));
            continue;
        }
        match parse_chat(&words(&request)) {
            ChatParse::Request(read) => assert_eq!(kind_of(&read), kind_of(&request), "{}", words(&request)),
            ChatParse::Usage { .. } => panic!("{} does not read", words(&request)),
        }
    }
}
