use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;
use runbook_core::expectation::Outcome;
use runbook_core::form::{FieldKind, Form, FormField, FormFor};
use runbook_core::ids::RunId;
use runbook_core::incident::{FileLink, IncidentEvent, NoteChange, NoteSource, Via, note_words};
use runbook_core::message::{
    Answer, CardButton, CardView, EvidenceLine, PlanStepView, PlanView, ProgressStepView, ProgressView,
    QuestionView,
};
use runbook_core::people::Actor;
use serde_json::Value;

use super::Rendered;
use super::page::{BLOCKS_MAX, BUTTON_MAX, FALLBACK_MAX, HEADER_MAX, SECTION_MAX, TOTAL_MAX};
use super::text::units;
use crate::command_word::CommandWord;
use crate::signature::tests::at;

fn card(view: &CardView) -> Rendered {
    super::card(&CommandWord::default(), view)
}

fn plan(view: &PlanView) -> Rendered {
    super::plan(&CommandWord::default(), view)
}

fn progress(view: &ProgressView) -> Rendered {
    super::progress(&CommandWord::default(), view)
}

fn form(form: &Form) -> Value {
    super::form(&CommandWord::default(), form)
}

pub(crate) fn run_id() -> RunId {
    "01920000-0000-7000-8000-000000000001".parse().unwrap()
}

pub(crate) fn card_view() -> CardView {
    CardView {
        number: "INC-1".into(),
        title: "flow failures above 10 %".into(),
        severity: "P1".into(),
        status: "mitigating".into(),
        service: "flowengine".into(),
        phase: Some("triage (5-10 min)".into()),
        detected_at: at(1_789_000_000),
        target_s: Some(900),
        target_quarters: Some(2),
        mitigated_at: None,
        resolved_at: None,
        commander: Some("ana (acting)".into()),
        pager_url: Some("https://acme.pagerduty.com/incidents/Q1".into()),
        bridge: Some("https://meet.example.com/incidents".into()),
        dial: Vec::new(),
        alerts: None,
        evidence: vec![EvidenceLine {
            outcome: Outcome::Fail,
            title: "failure rate".into(),
            detail: "wanted < 10 %, found 33 %".into(),
            output: Some("failure rate: 33 %".into()),
            whole: Some("all of it: `INC-1-failure-rate.txt`, a file in this thread".into()),
        }],
        triage: Some("4 commands, 1 failed".into()),
        changes: vec!["v1.2 rolled out 3 min before detection".into()],
        runs: vec![],
        suggestions: vec!["`runbook rollback flowengine`: v1.2 is new".into()],
        roles: vec!["scribe: cat".into()],
        update: Some("14:10 UTC by ana: half of the flows pass".into()),
        update_due: Some(at(1_789_001_800)),
        reminders: Some("held until 01:00 UTC; `/blocks reminders on` ends it".into()),
        ended: None,
        private: false,
        buttons: vec![CardButton::Rollback],
    }
}

pub(crate) fn plan_view() -> PlanView {
    PlanView {
        run: run_id(),
        asked: Some("00ff00ff00ff00ff".into()),
        title: "Rollback to the previous version".into(),
        incident: Some("INC-1".into()),
        target: "flowengine".into(),
        fingerprint: "4f2a".repeat(16),
        code: "4F2A".into(),
        risk: "reversible".into(),
        risk_reasons: vec!["every effect can be undone".into()],
        provenance: vec![],
        boxes_s: 1_500,
        limit_s: Some(1_800),
        deadline: None,
        params: vec![("namespace".into(), "production".into())],
        steps: vec![PlanStepView {
            title: "Roll back".into(),
            timebox_s: Some(300),
            effect: "once".into(),
            baselines: vec!["kubectl get deployment flowengine -o jsonpath='{.metadata.annotations}'".into()],
            commands: vec!["kubectl rollout undo deployment/flowengine --to-revision=1".into()],
            undo: Some("kubectl rollout undo deployment/flowengine --to-revision=2".into()),
            reversal: "goes back to what is rolled back here: the bad version".into(),
        }],
        again: vec![],
        requested_by: "ana".into(),
        approvals_needed: 1,
        approvers: Some("who may approve it: eva".into()),
        state: "waits for approval".into(),
        waiting: true,
        expires_at: Some(at(1_789_000_900)),
    }
}

pub(crate) fn progress_view() -> ProgressView {
    ProgressView {
        is_over: false,
        run: run_id(),
        asked: Some("00ff00ff00ff00ff".into()),
        title: "Rollback to the previous version".into(),
        state: "paused".into(),
        boxes_s: 480,
        step: None,
        deadline: None,
        steps: vec![ProgressStepView {
            title: "Roll back".into(),
            state: "late".into(),
            verdicts: vec![EvidenceLine {
                outcome: Outcome::Late,
                title: "rolled out".into(),
                detail: "45 s".into(),
                output: None,
                whole: None,
            }],
        }],
        question: Some(QuestionView {
            text: "Did it roll out?".into(),
            evidence: vec!["3/5 ready".into()],
            answers: vec![Answer::Yes, Answer::Retry, Answer::Undo],
        }),
    }
}

fn json(rendered: &Rendered) -> Vec<Value> {
    rendered.blocks.iter().map(|block| serde_json::to_value(block).unwrap()).collect()
}

/// All text of a message, in order.
pub(crate) fn texts(rendered: &Rendered) -> String {
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| match value {
                Value::String(text) if key == "text" => found.push(text.clone()),
                value => walk(value, found),
            }),
            Value::Array(values) => values.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    json(rendered).iter().for_each(|block| walk(block, &mut found));
    found.join("\n")
}

fn buttons(rendered: &Rendered) -> Vec<(String, Option<String>)> {
    json(rendered)
        .iter()
        .filter(|block| block["type"] == "actions")
        .flat_map(|block| block["elements"].as_array().unwrap().clone())
        .map(|button| {
            (button["action_id"].as_str().unwrap().to_owned(), button["style"].as_str().map(str::to_owned))
        })
        .collect()
}

#[test]
fn the_card_says_it_in_words() {
    let shown = texts(&card(&card_view()));
    for part in [
        "P1 INC-1 flow failures above 10 %",
        "*Status:* mitigating",
        "mitigate by 00:41 UTC, 15 min after detection at 00:26 UTC ████░░░░ half of it is used",
        "ana (acting)",
        "*Reminders:* held until 01:00 UTC; `/blocks reminders on` ends it",
        "<https://acme.pagerduty.com/incidents/Q1|open in PagerDuty>",
        "*✗ fail* failure rate (wanted &lt; 10 %, found 33 %)",
        "```\nfailure rate: 33 %\n```\nall of it: `INC-1-failure-rate.txt`, a file in this thread",
        "v1.2 rolled out",
        "`runbook rollback flowengine`",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
}

#[test]
fn how_much_of_the_target_is_used_is_said_in_words() {
    for (quarters, expected) in [
        (None, "after detection at 00:26 UTC"),
        (Some(0), "░░░░░░░░ less than a quarter of it is used"),
        (Some(1), "██░░░░░░ a quarter of it is used"),
        (Some(3), "██████░░ three quarters of it are used"),
        (Some(4), "████████ *the target has passed*"),
        (Some(9), "████████ *the target has passed*"),
    ] {
        let shown = texts(&card(&CardView { target_quarters: quarters, ..card_view() }));
        assert!(shown.contains(expected), "{expected}: {shown}");
        assert_eq!(shown.contains('░') || shown.contains('█'), quarters.is_some());
    }
}

#[test]
fn the_target_counts_from_detection_to_mitigation() {
    for (took, expected) in [
        (360, "6 min of 15 min from detection ████░░░░░░ within the target"),
        (900, "15 min of 15 min from detection ██████████ within the target"),
        (1_800, "30 min of 15 min from detection ██████████ over the target"),
    ] {
        let mut view = card_view();
        view.mitigated_at = Some(view.detected_at + TimeDelta::seconds(took));
        let shown = texts(&card(&view));
        assert!(shown.contains(expected), "{shown}");
    }
}

#[test]
fn a_plan_shows_exactly_what_would_run_and_offers_buttons_while_it_waits() {
    let rendered = plan(&plan_view());
    let shown = texts(&rendered);
    for part in [
        "*Code:* `4F2A`",
        "*Risk:* reversible",
        "25 min, within the limit of 30 min",
        "*namespace* = production",
        "*1. Roll back* (once, 5 min)\nCaptured first:\n```\nkubectl get deployment flowengine -o",
        "```\nkubectl rollout undo deployment/flowengine --to-revision=1\n```\nUndo (goes back to what is rolled back here: the bad version):\n```\n",
        "one other person",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    let expected =
        [("blocks:approve".to_owned(), Some("primary".to_owned())), ("blocks:refuse".to_owned(), None)];
    assert_eq!(buttons(&rendered), expected);
    let known = PlanView { provenance: vec!["commit 0123456789ab (a_b.md)".into()], ..plan_view() };
    let shown = serde_json::to_string(&plan(&known).blocks).unwrap();
    assert!(shown.contains("commit 0123456789ab"), "{shown}");
    let decided = PlanView { waiting: false, state: "approved by ben".into(), ..plan_view() };
    assert_eq!(buttons(&plan(&decided)), []);
}

#[test]
fn a_plan_that_does_not_fit_says_so() {
    assert!(!texts(&plan(&plan_view())).contains("Not all of this plan"));
    let long = vec!["x".repeat(5_000)];
    let mut view = plan_view();
    view.steps[0].commands = long;
    assert!(texts(&plan(&view)).contains("Not all of this plan fits here"));
    let mut view = plan_view();
    view.steps = vec![view.steps[0].clone(); 200];
    let rendered = plan(&view);
    assert!(texts(&rendered).contains("Not all of this plan fits here"));
    let refuse = [("blocks:refuse".to_owned(), None)];
    assert_eq!(buttons(&rendered), refuse, "nobody approves by a button what is not all there to be read");
}

#[test]
fn undo_is_never_the_primary_button() {
    let mut view = progress_view();
    let style = |view: &ProgressView| buttons(&progress(view));
    assert_eq!(style(&view)[0], ("blocks:yes".into(), Some("primary".into())));
    view.question.as_mut().unwrap().answers = vec![Answer::Undo, Answer::Cancel, Answer::Undo];
    assert_eq!(style(&view), [("blocks:undo".into(), None), ("blocks:cancel".into(), None)]);
    for (first, id) in [
        (Answer::GoBack, "blocks:go_back"),
        (Answer::GoOn, "blocks:go_on"),
        (Answer::PutRight, "blocks:put_right"),
    ] {
        view.question.as_mut().unwrap().answers = vec![first];
        assert_eq!(style(&view), [(id.into(), None)], "{first:?}");
    }
    view.question = None;
    assert_eq!(style(&view), []);
}

/// Slack's limits, and no markup but ours.
fn check(rendered: &Rendered) {
    let blocks = json(rendered);
    assert!(blocks.len() <= BLOCKS_MAX, "{} blocks", blocks.len());
    assert!(units(&rendered.text) <= FALLBACK_MAX);
    let mut total = units(&rendered.text);
    for block in &blocks {
        let text = block["text"]["text"].as_str();
        match block["type"].as_str().unwrap() {
            "header" => assert!((1..=HEADER_MAX).contains(&units(text.unwrap()))),
            "section" => assert!((1..=SECTION_MAX).contains(&units(text.unwrap()))),
            "actions" => {
                let elements = block["elements"].as_array().unwrap();
                assert!((1..=25).contains(&elements.len()));
                for button in elements {
                    assert!((1..=BUTTON_MAX).contains(&units(button["text"]["text"].as_str().unwrap())));
                    assert!(units(button["value"].as_str().unwrap()) <= 2_000);
                }
            }
            "context" => assert!(units(block["elements"][0]["text"].as_str().unwrap()) <= 300),
            other => panic!("unexpected block {other}"),
        }
        total += text.map_or(0, units);
    }
    assert!(total <= TOTAL_MAX + 500, "{total} in total");
    for shown in [texts(rendered), rendered.text.clone()] {
        for (at, _) in shown.match_indices('<') {
            let rest = &shown[at..];
            assert!(
                rest.starts_with("<http://") || rest.starts_with("<https://"),
                "markup from outside: {rest:.60}"
            );
            assert!(rest.contains("|open in PagerDuty>"), "a link from outside: {rest:.60}");
        }
        for (at, _) in shown.match_indices('&') {
            let rest = &shown[at..];
            let whole = ["&amp;", "&lt;", "&gt;"].iter().any(|entity| rest.starts_with(entity));
            assert!(whole, "a broken entity: {rest:.20}");
        }
    }
}

/// Text that tries to be more than text.
pub(crate) fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "<!channel>",
        "<@U1>",
        "<https://evil.example|open in PagerDuty>",
        "&",
        "&amp;",
        "```",
        "`",
        "\n",
        "*",
        "_",
        ">",
        "<",
        "|",
        " ",
        "a",
        "\u{202e}",
        "\u{0}",
        "𝄞",
        "&lt;!here&gt;",
        "--->",
    ]);
    prop_oneof![
        4 => prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat()),
        1 => any::<String>(),
        1 => (prop::sample::select(vec!["&", "<!here>", "`", "x", "𝄞"]), 0_usize..3_500).prop_map(|(piece, n)| piece.repeat(n)),
    ]
}

fn many(max: usize) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(hostile(), 0..max)
}

/// A yes covers each value to its last character: what is not shown whole is approved by no button.
#[test]
fn a_value_is_shown_whole_or_is_approved_by_no_button() {
    let amp = "&".repeat(61);
    for (name, value, is_whole) in [
        ("n", "production".to_owned(), true),
        ("n", "a  b\n\tc".to_owned(), true),
        ("n", amp[..60].to_owned(), true),
        ("n", amp.clone(), false),
        ("n", format!("{}https://evil.example", "<".repeat(80)), false),
        ("n", format!(" {}", "x".repeat(400)), false),
        (&"n".repeat(61), "x".to_owned(), false),
    ] {
        let view = PlanView { params: vec![(name.to_owned(), value.clone())], ..plan_view() };
        let shown = serde_json::to_string(&plan(&view).blocks).unwrap();
        assert_eq!(shown.contains("blocks:approve"), is_whole, "{name} = {value}: {shown}");
        let said = serde_json::to_string(&crate::render::text::escape(&value)).unwrap();
        assert!(!is_whole || shown.contains(said.trim_matches('"')), "{value}: {shown}");
    }
}

fn evidence() -> impl Strategy<Value = Vec<EvidenceLine>> {
    let outcome = prop::sample::select(vec![Outcome::Pass, Outcome::Fail, Outcome::Late, Outcome::Ask]);
    let output = (prop::option::of(hostile()), prop::option::of(hostile()));
    let line =
        (outcome, hostile(), hostile(), output).prop_map(|(outcome, title, detail, (output, whole))| {
            EvidenceLine { outcome, title, detail, output, whole }
        });
    prop::collection::vec(line, 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_card_keeps_the_limits(
        words in prop::collection::vec(hostile(), 8),
        said in prop::collection::vec(hostile(), 2),
        roles in many(3),
        pager_url in prop::option::of(prop_oneof![hostile(), Just("https://x.example/<!channel>?a=1&b=|".to_owned())]),
        evidence in evidence(),
        changes in many(30),
        runs in many(30),
        suggestions in many(30),
        mitigated in prop::option::of(-1_000_i64..100_000),
    ) {
        let [number, title, severity, status, service, phase, commander, triage]: [String; 8] = words.try_into().unwrap();
        let mut view = CardView {
            number, title, severity, status, service, phase: Some(phase), commander: Some(commander), triage: Some(triage),
            bridge: pager_url.clone(), dial: said.clone(), pager_url, evidence, changes, runs, suggestions, roles, update: said.first().cloned(),
            ended: said.last().cloned(), private: true, ..card_view()
        };
        view.mitigated_at = mitigated.map(|seconds| view.detected_at + TimeDelta::seconds(seconds));
        check(&card(&view));
    }

    #[test]
    fn any_plan_keeps_the_limits(
        words in prop::collection::vec(hostile(), 9),
        risk_reasons in many(30),
        steps in prop::collection::vec((hostile(), hostile(), many(3), many(5), prop::option::of(hostile())), 0..60),
        params in prop::collection::vec((hostile(), hostile()), 0..30),
        waiting in any::<bool>(),
    ) {
        let [title, incident, target, fingerprint, code, risk, requested_by, state, _]: [String; 9] =
            words.try_into().unwrap();
        let steps = steps
            .into_iter()
            .map(|(title, effect, baselines, commands, undo)| PlanStepView {
                title, timebox_s: Some(60), effect, baselines, commands, undo, reversal: String::new(),
            })
            .collect();
        check(&plan(&PlanView {
            title, incident: Some(incident), target, fingerprint, code, risk, provenance: risk_reasons.clone(),
            risk_reasons, params, steps, requested_by,
            state, waiting, ..plan_view()
        }));
    }

    #[test]
    fn any_progress_keeps_the_limits(
        words in prop::collection::vec(hostile(), 3),
        steps in prop::collection::vec((hostile(), hostile(), evidence()), 0..40),
        known in many(10),
    ) {
        let [title, state, text]: [String; 3] = words.try_into().unwrap();
        let steps = steps
            .into_iter()
            .map(|(title, state, verdicts)| ProgressStepView { title, state, verdicts })
            .collect();
        let question = QuestionView { text, evidence: known, answers: vec![Answer::Retry, Answer::Undo] };
        check(&progress(&ProgressView { title, state, steps, question: Some(question), ..progress_view() }));
    }

    /// What is asked for in a form, and what stands in it, comes from runbooks and from what people typed.
    #[test]
    fn any_form_keeps_the_limits_and_pings_nobody(
        words in prop::collection::vec(hostile(), 4),
        fields in prop::collection::vec((hostile(), hostile(), prop::option::of(hostile()), 0_u8..4), 0..20),
    ) {
        let [title, lead, submit, channel]: [String; 4] = words.try_into().unwrap();
        let fields = fields.into_iter().enumerate().map(|(number, (label, help, value, kind))| FormField {
            name: format!("p{number}"),
            kind: match kind {
                0 => FieldKind::Line { max: 3_000 },
                1 => FieldKind::Text { max: 9_000 },
                2 => FieldKind::Choice { options: vec![(label.clone(), help.clone())] },
                _ => FieldKind::Tick { text: help.clone() },
            },
            label, help: Some(help), value, is_required: kind == 0,
        });
        let view = form(&Form { about: FormFor::Declare, channel, title, lead, submit, fields: fields.collect() });
        check_texts(&view);
        for (place, most) in [("title", 24), ("submit", 24), ("close", 24)] {
            prop_assert!((1..=most).contains(&units(view[place]["text"].as_str().unwrap())), "{place}");
        }
    }

    /// A message of somebody's that is put on a timeline, as it is told back, posted or read later.
    #[test]
    fn any_captured_text_pings_nobody(text in hostile(), name in hostile(), change in hostile()) {
        let source = NoteSource {
            via: Via::Pushpin,
            channel: "C1".to_owned(),
            ts: "1.0".to_owned(),
            author: Actor::Outside(format!("slack:{name}")),
            said_at: DateTime::UNIX_EPOCH,
            permalink: Some("https://x.slack.com/archives/C1/p1?a=1&cid=C1".to_owned()),
            files: vec![FileLink { name: name.clone(), url: Some(change.clone()) }],
            version: None,
        };
        let files = source.files.clone();
        let change = NoteChange::Edited { text: change, files, version: "2.0".to_owned() };
        for event in [
            IncidentEvent::NoteAdded { text: crate::quote::readable(&text), source: Some(Box::new(source)) },
            IncidentEvent::NoteFollowed { channel: "C1".to_owned(), ts: "1.0".to_owned(), change },
        ] {
            let shown = super::text::prose(&CommandWord::default(), &note_words(&event).unwrap(), 3_500);
            prop_assert!(!shown.contains('<'), "{}", shown);
        }
    }
}

/// Only `mrkdwn` is read for marks; in it nothing from outside is one.
fn check_texts(value: &Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("type").and_then(Value::as_str) == Some("mrkdwn") {
                assert!(!fields["text"].as_str().unwrap().contains('<'), "{value}");
            } else if fields.get("type").and_then(Value::as_str) == Some("plain_text") {
                assert!((1..=500).contains(&units(fields["text"].as_str().unwrap())), "{value}");
            }
            fields.values().for_each(check_texts);
        }
        Value::Array(items) => items.iter().for_each(check_texts),
        _ => {}
    }
}

#[test]
fn whoever_acts_alone_is_asked_why_beside_the_buttons() {
    let fields = |needed: u8| {
        let view = PlanView { approvals_needed: needed, ..plan_view() };
        json(&plan(&view)).into_iter().filter(|block| block["type"] == "input").collect::<Vec<_>>()
    };
    assert_eq!(fields(1), Vec::<Value>::new());
    assert_eq!(fields(0).len(), 1);
    assert_eq!(fields(0)[0]["element"]["action_id"], "blocks:reason");
}
