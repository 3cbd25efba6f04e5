//! What a draft says, how it is proven, and that nothing from outside becomes structure.

use chrono::Duration;
use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser};
use serde_json::Value;

use super::*;
use crate::cases::cases;
use crate::expectation::{Check, Outcome};
use crate::ids::RunId;
use crate::incident::tests::{kit as incidents, random as incident_random};
use crate::incident::{ChangeNoted, IncidentCommand, OpenIncident};
use crate::people::Actor;
use crate::run::tests::{kit as bench, random as run_random};
use crate::run::{NewRun, RunCommand};
use crate::runbook::Effect;
use crate::severity::Response;

const TEMPLATE: &str = include_str!("../../../runbooks/templates/pir.md.hbs");
const SAMPLE: &str = include_str!("../../../runbooks/templates/pir.sample.json");

fn p1() -> Severity {
    Severity {
        id: "P1".to_owned(),
        name: "Critical".to_owned(),
        definition: "it is down".to_owned(),
        mttr_target_s: Some(900),
        response: Some(Response::WithinS(0)),
        decision_authority: None,
        response_team: Vec::new(),
        opens_incident: true,
        page: Vec::new(),
        channels: Vec::new(),
        phases: Vec::new(),
        escalation: Vec::new(),
        update_interval_s: None,
        propose_rollback_after_s: None,
        rollback_at_once: Vec::new(),
        may_ask_rollback: Vec::new(),
        ask_without_runbook: Vec::new(),
        remind_commander_after_s: None,
        remind_severity_after_s: None,
        remind_roles_after_s: None,
        commander_rotation: None,
        pir_due_s: Some(172_800),
    }
}

/// An incident and its runs, each hearing what the others do, as in the engine's transactions.
struct Stage {
    incident: incidents::Bench,
    runs: Vec<bench::Bench>,
}

impl Stage {
    fn open(request: &OpenIncident) -> Stage {
        let now = incidents::start_of_day() + Duration::seconds(2);
        Stage { incident: incidents::Bench::open(request, now).0, runs: Vec::new() }
    }

    fn plan(&mut self, request: &NewRun) -> usize {
        self.runs.push(bench::Bench::plan(request, self.incident.now).0);
        self.tell();
        self.runs.len() - 1
    }

    fn with(&mut self, run: usize, act: impl FnOnce(&mut bench::Bench)) {
        let run = &mut self.runs[run];
        run.now = run.now.max(self.incident.now);
        act(run);
        self.tell();
    }

    fn tell(&mut self) {
        for run in &mut self.runs {
            self.incident.now = self.incident.now.max(run.now);
            for command in std::mem::take(&mut run.told) {
                self.incident.learns(&command);
            }
        }
    }

    fn draft_with(&self, severity: Option<&Severity>, template: &str) -> Result<Draft, ReviewError> {
        let runs: Vec<_> = self.runs.iter().map(|run| (run.run.clone(), run.events.clone())).collect();
        let input = ReviewInput {
            incident: &self.incident.incident,
            events: &self.incident.events,
            runs: &runs,
            severity,
            drafted_at: self.incident.now,
            date: "2025-12-09",
        };
        draft(&input, template)
    }

    fn draft(&self) -> Draft {
        self.draft_with(Some(&p1()), TEMPLATE).unwrap()
    }
}

fn numbered(request: NewRun, number: u128) -> NewRun {
    NewRun { id: RunId(uuid::Uuid::from_u128(number)), ..request }
}

/// From page to resolved: diagnostics, a refused and a counted yes, a rollback that helps. `text` stands wherever text from
/// outside can stand.
fn whole(text: &str) -> Stage {
    let mut stage = Stage::open(&OpenIncident {
        title: text.to_owned(),
        service: text.to_owned(),
        severity_reason: text.to_owned(),
        ..incidents::request(true)
    });
    let mut look = bench::command("what-changed", Effect::Read);
    look.title = Some(text.to_owned());
    look.expectations = vec![bench::expectation(text, Check::Person, None)];
    let triage = bench::plan(vec![bench::step("look", vec![look], vec![])]);
    let triage = NewRun { unasked: true, requester: Actor::system("triage"), ..bench::request(triage, 0) };
    let triage = stage.plan(&numbered(triage, 0x31));
    stage.with(triage, |run| {
        let attempt = run.starts();
        let mut ended = bench::finished(crate::ports::Exit::Code { code: 0 });
        ended.stdout.text = format!("{}\n", text.replace('\n', " "));
        run.engine(&bench::finish(attempt, ended));
        run.engine(&RunCommand::Advance);
    });
    stage.incident.learns(&incidents::acknowledge(text, "blocks"));

    let mut go_back = bench::command("go-back", Effect::Once);
    go_back.title = Some(text.to_owned());
    let mut steps = vec![bench::step("1", vec![go_back], vec![bench::command("undo", Effect::Once)])];
    steps.push(bench::follow_up("tomorrow", 86_400));
    steps[0].title = text.to_owned();
    steps[1].title = text.to_owned();
    steps[1].manual_items[0].text = text.to_owned();
    let mut plan = bench::plan(steps);
    plan.title = text.to_owned();
    plan.runbook = text.to_owned();
    let rollback = stage.plan(&numbered(bench::request(plan, 1), 0x32));
    stage.with(rollback, |run| {
        run.give("ana", &bench::approve("ana")).unwrap();
        let yes = RunCommand::Approve {
            by: bench::person(text),
            may_approve: true,
            fingerprint: Some(bench::AS_SHOWN.to_owned()),
            reason: Some(text.to_owned()),
        };
        run.give("ben", &yes).unwrap();
        run.runs_through();
        assert_eq!(run.status(), "succeeded");
    });
    let failed = IncidentCommand::RecordDeliveryFailure { what: text.to_owned(), reason: text.to_owned() };
    stage.incident.learns(&failed);
    stage.incident.learns(&incidents::resolve("ana"));
    stage.incident.learns(&incidents::pager_ends(7_200));
    stage
}

/// Marks that stand in the text: `[e12]`, `[r1.7]`, not those that somebody wrote into a title.
fn marks(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (index, _) in text.match_indices('[') {
        let escaped = text[..index].ends_with('\\');
        let inside = text[index + 1..].split(']').next().unwrap_or_default();
        let digits = inside.trim_start_matches(['e', 'r']);
        let is_mark = inside.len() == digits.len() + 1
            && !digits.is_empty()
            && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
        if is_mark && !escaped {
            found.push(inside.to_owned());
        }
    }
    found
}

/// Every mark and every statement names an event that exists, and the appendix lists each event once.
fn check_evidence(stage: &Stage, draft: &Draft) {
    let mut known = std::collections::BTreeSet::new();
    known.extend(stage.incident.events.iter().map(|envelope| format!("e{}", envelope.seq)));
    for (index, run) in stage.runs.iter().enumerate() {
        known.extend(run.events.iter().map(|envelope| format!("r{}.{}", index + 1, envelope.seq)));
    }
    let (story, appendix) = draft.text.split_once("\n## Timeline\n").unwrap();
    let listed: Vec<_> =
        appendix.lines().filter(|line| line.starts_with("| [")).map(|line| marks(line)[0].clone()).collect();
    let unique: std::collections::BTreeSet<_> = listed.iter().collect();
    assert_eq!(unique.len(), listed.len(), "an event is listed twice");
    for mark in marks(story) {
        assert!(known.contains(&mark), "[{mark}] names no event");
        assert!(unique.contains(&mark), "[{mark}] is not in the appendix");
    }
    assert!(unique.iter().all(|mark| known.contains(*mark)));
    for statement in &draft.statements {
        assert!(!statement.evidence.is_empty(), "nothing proves {:?}", statement.text);
        for event in &statement.evidence {
            let exists = stage
                .incident
                .events
                .iter()
                .map(|envelope| (envelope.stream, envelope.seq))
                .chain(stage.runs.iter().flat_map(|run| run.events.iter().map(|e| (e.stream, e.seq))))
                .any(|place| place == (event.stream, event.seq));
            assert!(exists, "{:?} rests on nothing", statement.text);
        }
    }
}

#[test]
fn a_whole_incident_is_told_and_proven() {
    let stage = whole("v1.2 fails");
    let draft = stage.draft();
    assert_eq!(draft.file_name, "PIR_2025-12-09_INC-1.md");
    for line in [
        "# Post-incident review: v1.2 fails",
        "- **Severity:** P1 (Critical) [e1]",
        "- **Commander:** v1.2 fails (acting: first to acknowledge) [e8]",
        "- **Time to mitigate:** 18 s, from detection to impact stopped; target 15 min: met [e1] [e12]",
        "- **Time to resolve:** 21 s, from detection to resolved [e1] [e15]",
        "- **Review due:** 2025-12-11 14:02:32, 48 h after it was resolved [e1] [e15]",
        "Unknown: not recorded during the incident. _To be written by people, in one or two paragraphs._",
        "- Repositories affected: unknown: not recorded during the incident",
        "- Users affected: unknown: not recorded during the incident",
        "- what changed: v1.2 fails [e4]",
        "- the impact stopped within the target of 15 min [e1] [e12]",
        "- every expectation of v1.2 fails was met [r2.7] [r2.8]",
        "Undo: not undone [r2.1] [r2.8]",
        "| v1.2 fails | pass | 1 of 1 | [r2.7] |",
        "| v1.2 fails | unknown: left to people | 0 of 0 | [r2.1] [r2.8] |",
        "| v1.2 fails: v1.2 fails (of v1.2 fails) | nobody yet | 2025-12-10 14:02:27 | [r2.1] [r2.8] |",
        "| hold the review | v1.2 fails | 2025-12-11 14:02:32 | [e8] [e15] |",
        "- `e` is `incident/00000000-0000-0000-0000-000000000011`",
        "- `r2.` is `run/00000000-0000-0000-0000-000000000032`",
    ] {
        assert!(draft.text.lines().any(|found| found == line), "no line {line:?} in\n{}", draft.text);
    }
    for part in
        ["| ana | refused |", "another person must approve it | [r2.3] |", "| v1.2 fails | approved |"]
    {
        assert!(draft.text.contains(part), "no {part:?} in\n{}", draft.text);
    }
    assert!(!draft.text.contains("\n\n\n") && !draft.text.contains(" \n"), "{}", draft.text);
    check_evidence(&stage, &draft);
    assert_eq!(stage.draft(), draft, "the same journal gives the same draft");
}

#[test]
fn what_is_not_known_is_said_to_be_unknown() {
    let stage = Stage::open(&incidents::request(true));
    let draft = stage.draft_with(None, TEMPLATE).unwrap();
    for line in [
        "- **Severity:** P1 [e1]",
        "- **Duration:** unknown",
        "- **Commander:** unknown",
        "- **Time to mitigate:** unknown",
        "- **Time to resolve:** unknown",
        "- **Review due:** unknown",
        "| Triage | unknown | unknown |",
        "| Resolution | unknown | unknown |",
        "- Flows failed: unknown: not recorded during the incident",
        "No diagnostic was judged.",
        "No runbook ran.",
        "None was asked for.",
    ] {
        assert!(draft.text.lines().any(|found| found == line), "no line {line:?} in\n{}", draft.text);
    }
    check_evidence(&stage, &draft);
}

#[test]
fn the_target_is_about_the_time_to_mitigate() {
    // seconds until the fix, verdict
    for (seconds, verdict) in [(896, "met"), (897, "missed"), (3_600, "missed")] {
        let (mut incident, _) = incidents::Bench::open(&incidents::request(false), incidents::start_of_day());
        incident.now = incidents::start_of_day() + Duration::seconds(seconds);
        incident.learns(&IncidentCommand::TargetPassed);
        incident.now =
            incident.now.max(incidents::start_of_day() + Duration::seconds(seconds)) + Duration::seconds(1);
        incident.learns(&incidents::resolve("ana"));
        let stage = Stage { incident, runs: Vec::new() };
        let text = stage.draft().text;
        assert!(text.contains(&format!("target 15 min: {verdict} [e1]")), "{seconds}: {text}");
        let wrong = "the impact did not stop within the target of 15 min";
        assert_eq!(text.contains(wrong), verdict == "missed", "{seconds}");
        assert_eq!(text.contains("find out why the target was missed"), verdict == "missed", "{seconds}");
    }
}

#[test]
fn an_end_before_the_start_has_no_length() {
    let late = incidents::start_of_day() + Duration::hours(1);
    let request = OpenIncident { detected_at: late, ..incidents::request(false) };
    let (mut incident, _) = incidents::Bench::open(&request, incidents::start_of_day());
    incident.learns(&incidents::resolve("ana"));
    let text = Stage { incident, runs: Vec::new() }.draft().text;
    assert!(
        text.contains("- **Time to mitigate:** unknown\n") && text.contains("- **Duration:** unknown\n"),
        "{text}"
    );
}

#[test]
fn doubt_and_a_failed_undo_become_work() {
    let mut stage = Stage::open(&incidents::request(true));
    let steps = vec![
        bench::step(
            "1",
            vec![bench::command("go-back", Effect::Once)],
            vec![bench::command("undo", Effect::Once)],
        ),
        bench::step("2", vec![bench::command("look", Effect::Read)], vec![]),
    ];
    let run = stage.plan(&bench::request(bench::plan(steps), 1));
    stage.with(run, |run| {
        run.give("ben", &bench::approve("ben")).unwrap();
        run.starts();
        run.engine(&RunCommand::Recover);
    });
    let text = stage.draft().text;
    assert!(text.contains("| Step 1 | in doubt | 0 of 1 | [r1.6] |"), "{text}");
    assert!(text.contains("| Step 2 | not reached | 0 of 1 | [r1.1] |"), "{text}");
    assert!(text.contains("not ended (in doubt)"), "{text}");
    assert!(
        text.contains("| find out whether go-back happened | nobody yet | no date yet | [r1.6] |"),
        "{text}"
    );
    stage.with(run, |run| {
        run.give("ana", &RunCommand::Undo).unwrap();
        let attempt = run.starts();
        run.engine(&bench::fails(attempt));
    });
    let draft = stage.draft();
    let text = &draft.text;
    assert!(text.contains("Undo: failed; the target needs a person [r1.1] [r1.11]"), "{text}");
    assert!(text.contains("look at flowengine: its undo failed"), "{text}");
    check_evidence(&stage, &draft);
}

/// The shape of a page, without its text.
fn structure(text: &str) -> Vec<String> {
    let mut shape = Vec::new();
    for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Text(_) => {}
            Event::Code(_) => shape.push("code".to_owned()),
            other => shape.push(format!("{other:?}")),
        }
    }
    shape
}

#[test]
fn text_from_outside_stays_text() {
    let plain = whole("plain").draft();
    for hostile in [
        "<script>alert(1)</script>",
        "a | b | c",
        "`code` **bold** _it_ ~~no~~",
        "[click](https://x.test) ![](x)",
        "one\n\n# two\n- three\n\n| a | b |\n| --- | --- |",
        "{{#each timeline}}{{title}}{{/each}}",
        "[e99] [r7.1]",
        "<!-- [e1] -->",
        "# title",
        "1. first",
        "---",
        "&lt;b&gt; &amp;",
        "\\| \\[x\\] \\",
        "a\u{202E}b\u{0}c\r\nd",
    ] {
        let stage = whole(hostile);
        let draft = stage.draft();
        assert_eq!(structure(&draft.text), structure(&plain.text), "{hostile:?}\n{}", draft.text);
        check_evidence(&stage, &draft);
    }
}

#[test]
fn a_template_that_asks_for_more_is_refused_with_a_hint() {
    let stage = Stage::open(&incidents::request(true));
    let error = stage.draft_with(None, "{{weather}}").unwrap_err().to_string();
    assert!(error.contains("weather") && error.contains("hint"), "{error}");
}

#[test]
fn a_date_that_is_none_makes_no_file_name() {
    let stage = Stage::open(&incidents::request(true));
    for date in ["../../etc/passwd", "2025-13-01", "2025-12-9", "", "2025-12-09 "] {
        let input = ReviewInput {
            incident: &stage.incident.incident,
            events: &stage.incident.events,
            runs: &[],
            severity: None,
            drafted_at: stage.incident.now,
            date,
        };
        assert!(matches!(draft(&input, TEMPLATE), Err(ReviewError::Date(_))), "{date:?}");
        let input = ReviewInput { events: &stage.incident.events[1..], date: "2025-12-09", ..input };
        assert!(matches!(draft(&input, TEMPLATE), Err(ReviewError::NoOpening(_))));
    }
}

/// Every key path of a view, arrays and what is missing looked through.
fn paths(value: &Value, at: &str, found: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let at = format!("{at}.{key}");
                paths(inner, &at, found);
                found.insert(at);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| paths(item, at, found)),
        _ => {}
    }
}

#[test]
fn the_view_has_the_shape_of_the_sample() {
    let stage = whole("plain");
    let shown = stage.draft_with(Some(&p1()), "{{#each this}}{{@key}}\n{{/each}}").unwrap().text;
    let top: std::collections::BTreeSet<_> = shown.lines().map(str::to_owned).collect();
    let sample: Value = serde_json::from_str(SAMPLE).unwrap();
    let wanted: std::collections::BTreeSet<_> = sample.as_object().unwrap().keys().cloned().collect();
    assert_eq!(top, wanted);

    let runs: Vec<_> = stage.runs.iter().map(|run| (run.run.clone(), run.events.clone())).collect();
    let (incident, events) = (&stage.incident.incident, &stage.incident.events[..]);
    let severity = Some(&p1()).cloned();
    let input = ReviewInput {
        incident,
        events,
        runs: &runs,
        severity: severity.as_ref(),
        drafted_at: stage.incident.now,
        date: "2025-12-09",
    };
    let moments = Moments::read(events).unwrap();
    let told: Vec<_> = runs.iter().map(|(run, events)| Told::read(run, events).unwrap()).collect();
    let mut book = Book::new(told.iter().map(|told| told.planned.stream).collect());
    let view = serde_json::to_value(view(&input, &moments, &told, &mut book)).unwrap();
    let (mut ours, mut theirs) = Default::default();
    paths(&view, "", &mut ours);
    paths(&sample, "", &mut theirs);
    // What the sample has only for one of the three, every one may have.
    let impact = |path: &String| !path.starts_with(".impact.");
    ours.retain(impact);
    theirs.retain(impact);
    assert_eq!(ours, theirs);
}

#[derive(Debug, Clone)]
enum Turn {
    Incident(IncidentCommand),
    Run(usize, run_random::Happening),
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        1 => incident_random::outside().prop_map(Turn::Incident),
        4 => (0..2usize, run_random::happening()).prop_map(|(run, happening)| Turn::Run(run, happening)),
    ]
}

proptest! {
    #![proptest_config(cases(96))]
    #[test]
    fn whatever_happened_is_drafted_and_every_mark_names_an_event(
        title in incident_random::text(),
        paged in any::<bool>(),
        known in any::<bool>(),
        plans in prop::collection::vec(run_random::new_run(), 0..3),
        turns in prop::collection::vec(turn(), 0..60),
    ) {
        let mut stage = Stage::open(&OpenIncident { title: title.clone(), ..incidents::request(paged) });
        for (index, plan) in plans.into_iter().enumerate() {
            let mut plan = numbered(plan, 0x31 + index as u128);
            plan.plan.title.clone_from(&title);
            stage.plan(&plan);
        }
        let mut last = vec![None; stage.runs.len()];
        for turn in turns {
            match turn {
                // A refusal is an answer too.
                Turn::Incident(command) => drop(stage.incident.give(&command)),
                Turn::Run(run, happening) if run < stage.runs.len() => {
                    stage.with(run, |bench| run_random::happen(bench, &happening, &mut last[run]));
                }
                Turn::Run(..) => {}
            }
        }
        let severity = p1();
        let draft = stage.draft_with(known.then_some(&severity), TEMPLATE).unwrap();
        prop_assert!(!draft.text.contains("\n\n\n"), "{}", draft.text);
        check_evidence(&stage, &draft);
        prop_assert_eq!(stage.incident.replayed(), stage.incident.incident.clone());
    }
}

#[test]
fn changes_and_evidence_are_shown_with_their_verdicts() {
    let mut stage = Stage::open(&incidents::request(true));
    stage.incident.learns(&IncidentCommand::AddEvidence {
        run: incidents::RUN,
        command: "failure-rate".to_owned(),
        title: "Share of flows that fail".to_owned(),
        verdicts: vec![("< 10 %".to_owned(), Outcome::Fail, "found 32.5 %".to_owned())],
        output_sha256: None,
        is_long: false,
        changes: vec![ChangeNoted { text: "v1.2 rolled out".to_owned(), ..ChangeNoted::default() }],
    });
    let text = stage.draft().text;
    for line in [
        "| Share of flows that fail | \\< 10 % | fail | found 32.5 % | [e2] |",
        "- Share of flows that fail: expected \\< 10 %: fail (found 32.5 %) [e2]",
        "- what changed: v1.2 rolled out [e3]",
    ] {
        assert!(text.lines().any(|found| found == line), "no line {line:?} in\n{text}");
    }
}
