//! What every shipped file has to keep.

mod documents;

use std::collections::BTreeSet;
use std::path::Path;

use runbook_core::severity::{Response, Severities, parse as parse_severities};
use serde_json::Value;

use super::{PIR_SAMPLE, PIR_TEMPLATE, RUNBOOKS, SEVERITIES, find};

fn severities() -> Severities {
    parse_severities(SEVERITIES).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_runbook_file_is_embedded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let names =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<String> =
        names.filter_map(|name| name.strip_suffix(".md").map(str::to_owned)).collect();
    let embedded: BTreeSet<String> = RUNBOOKS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(files, embedded);
    assert!(RUNBOOKS.is_sorted_by_key(|(name, _)| *name));
}

#[test]
fn a_runbook_is_found_by_its_exact_name() {
    assert!(find("rollback_to_pilot").is_some_and(|text| text.contains("pilot repository")));
    assert_eq!(find("rollback_to_pilot.md"), None);
    assert_eq!(find(""), None);
}

#[test]
fn p1_is_as_agreed() {
    let severities = severities();
    let scheme = severities.default_scheme();
    assert_eq!(scheme.id, "p1-p4");
    let targets =
        ["P1", "P2", "P3", "P4"].map(|id| scheme.get(id).and_then(|severity| severity.mttr_target_s));
    assert_eq!(targets, [Some(15 * 60), Some(30 * 60), Some(2 * 3600), Some(24 * 3600)]);
    let p1 = scheme.get("P1").unwrap();
    let ends: Vec<u32> = p1.phases.iter().map(|phase| phase.to_s / 60).collect();
    assert_eq!(ends, [5, 10, 15, 30, 60]);
    let escalation: Vec<u32> = p1.escalation.iter().map(|step| step.after_s / 60).collect();
    assert_eq!(escalation, [0, 5, 10, 15]);
    let reviews = ["P1", "P2", "P3", "P4"].map(|id| scheme.get(id).and_then(|severity| severity.pir_due_s));
    assert_eq!(reviews, [Some(48 * 3600), Some(48 * 3600), Some(48 * 3600), None]);
}

#[test]
fn the_second_scheme_has_response_times_and_a_backlog() {
    let severities = severities();
    let scheme = severities.scheme("p0-p3").unwrap();
    let responses = ["P0", "P1", "P2", "P3"].map(|id| scheme.get(id).and_then(|severity| severity.response));
    let expected =
        [Response::WithinS(0), Response::WithinS(3600), Response::WithinS(4 * 3600), Response::NextSprint];
    assert_eq!(responses, expected.map(Some));
    let opening: Vec<bool> = scheme.severities.iter().map(|severity| severity.opens_incident).collect();
    assert_eq!(opening, [true, true, true, false]);
    assert!(scheme.severities.iter().all(|severity| severity.decision_authority.is_some()));
}

fn render(view: &Value) -> String {
    let mut engine = handlebars::Handlebars::new();
    engine.register_escape_fn(handlebars::no_escape);
    engine.set_strict_mode(true);
    engine.render_template(PIR_TEMPLATE, view).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_review_renders_its_sample() {
    let text = render(&serde_json::from_str(PIR_SAMPLE).unwrap());
    for line in [
        "# Post-incident review: More than 10 % of the flows fail",
        "- **Time to mitigate:** 6 min 40 s, from detection to impact stopped; target 15 min: met [e1] [e27]",
        "| Detection | 14:02:11 | PagerDuty triggered for flowengine [e1] |",
        "| Resolution | unknown | unknown |",
        "- Repositories affected: unknown",
        "- Flows failed: 41 of 126 [e6]",
        "| Roll back the deployment | pass | 4 of 4 | [e19] [e22] |",
        "| find out why v1.2 passed its tests | nobody yet | no date yet | [e9] |",
        "| [e31] | 14:20:15 | ana | resolved |",
    ] {
        assert!(text.lines().any(|found| found == line), "no line {line:?} in\n{text}");
    }
    assert!(!text.contains("{{") && !text.contains("\n\n\n"), "{text}");
}

#[test]
fn a_review_that_knows_nothing_says_so() {
    let mut view: Value = serde_json::from_str(PIR_SAMPLE).unwrap();
    for (key, value) in view.as_object_mut().unwrap() {
        match value {
            Value::Array(items) if key != "phases" => items.clear(),
            Value::Object(_) if key != "severity" && key != "impact" => *value = Value::Null,
            _ => {}
        }
    }
    let text = render(&view);
    for line in
        ["- **Duration:** unknown", "- **Commander:** unknown", "No runbook ran.", "None was asked for."]
    {
        assert!(text.lines().any(|found| found == line), "no line {line:?} in\n{text}");
    }
    assert!(!text.contains("{{") && !text.contains("\n\n\n"), "{text}");
}
