//! The shipped runbooks as the parser understands them.

use runbook_core::expectation::{Check, Observed, Outcome, judge_command};
use runbook_core::runbook::{Command, Document, Effect, codes, parse};

use crate::RUNBOOKS;

/// Programs that a shipped runbook may not need.
const NOT_EVERYWHERE: [&str; 6] = ["jq", "psql", "blocks", "aws", "yq", "python"];

fn documents() -> Vec<Document> {
    RUNBOOKS.iter().map(|(name, text)| parse(name, text)).collect()
}

/// Every command with its document's name, whatever it is for.
fn commands(document: &Document) -> impl Iterator<Item = &Command> {
    document.steps.iter().flat_map(|step| {
        step.commands.iter().chain(&step.baselines).chain(step.probe.as_deref()).chain(&step.undo)
    })
}

#[test]
fn every_runbook_parses_without_a_finding() {
    for document in documents() {
        // The test flow is an effect that leaves nothing behind to take back.
        let test_flow: Vec<u32> =
            commands(&document).filter(|one| one.id == "test-flow").map(|one| one.line).collect();
        let known = |line: u32| document.name == "rollback_to_previous_version" && test_flow.contains(&line);
        let mut found = document.diagnostics.iter();
        let unknown = found.find(|finding| finding.code != codes::NO_UNDO || !known(finding.line));
        assert_eq!(unknown, None, "{}", document.name);
        assert!(document.front.title.is_some() && document.front.owner.is_some(), "{}", document.name);
        assert_eq!(document.front.service.as_deref(), Some("flowengine"), "{}", document.name);
        assert!(commands(&document).count() > 0, "{}", document.name);
    }
}

#[test]
fn every_command_runs_and_is_judged_by_the_machine() {
    for document in documents() {
        for command in commands(&document) {
            let place = format!("{}: {}", document.name, command.id);
            assert_eq!(command.not_runnable, None, "{place}");
            assert_eq!(command.placeholders, [""; 0], "{place}");
            assert!(command.timeout_ms.is_some(), "{place}: no timeout");
            assert!(command.expectations.iter().all(|one| one.check != Check::Person), "{place}");
        }
    }
}

#[test]
fn commands_need_only_bash_curl_and_kubectl_and_name_the_namespace() {
    for document in documents() {
        for command in commands(&document) {
            let words: Vec<&str> = command.text.split(|c: char| !(c.is_alphanumeric() || c == '-')).collect();
            for program in NOT_EVERYWHERE {
                assert!(!words.contains(&program), "{}: {} needs {program}", document.name, command.id);
            }
            let calls = words.iter().filter(|word| **word == "kubectl").count();
            let namespaces = command.text.matches("-n \"$namespace\"").count();
            assert_eq!(calls, namespaces, "{}: {} names its namespace each time", document.name, command.id);
        }
    }
}

#[test]
fn a_triage_runbook_only_reads() {
    for document in documents().iter().filter(|document| document.front.kind.as_deref() == Some("triage")) {
        assert!(!document.front.match_terms.is_empty() && !document.front.severity.is_empty());
        for command in commands(document) {
            assert_eq!(command.effect, Effect::Read, "{}: {}", document.name, command.id);
        }
    }
}

#[test]
fn every_change_to_the_cluster_can_be_undone_and_probed() {
    let mut changes = 0;
    for document in documents() {
        for step in &document.steps {
            let changing = step.commands.iter().filter(|command| command.effect != Effect::Read);
            // The test flow changes nothing that could be taken back.
            if changing.filter(|command| command.text.contains("kubectl")).count() == 0 {
                continue;
            }
            changes += 1;
            let place = format!("{}: {}", document.name, step.title);
            assert_eq!(step.undo.len(), 1, "{place}");
            assert!(step.probe.is_some(), "{place}");
            assert!(!step.baselines.is_empty(), "{place}");
            // Undo and probe start from parameters and baselines; a captured value is not there.
            for captured in step.commands.iter().filter_map(|command| command.capture.as_ref()) {
                let name = format!("${}", captured.name);
                let users = step.undo.iter().chain(step.probe.as_deref());
                assert!(users.clone().all(|command| !command.text.contains(&name)), "{place} uses {name}");
            }
        }
    }
    assert_eq!(changes, 4);
}

#[test]
fn the_rollback_names_its_revision_both_ways() {
    let text = crate::find("rollback_to_previous_version").unwrap();
    let document = parse("rollback_to_previous_version", text);
    let undos: Vec<&Command> = commands(&document).filter(|one| one.text.contains("rollout undo")).collect();
    let effects: Vec<_> = undos.iter().map(|command| command.effect).collect();
    // the way back looks first whether it has been gone already
    assert_eq!(effects, [Effect::Once, Effect::Idempotent]);
    for command in undos {
        assert!(command.text.contains("--to-revision=\"$"), "{}", command.id);
    }
}

#[test]
fn boxes_fit_the_whole() {
    for (name, boxes_min) in
        [("rollback_to_previous_version", vec![5, 5, 5]), ("rollback_to_pilot", vec![5, 5, 10, 5])]
    {
        let document = parse(name, crate::find(name).unwrap());
        let boxes: Vec<u32> =
            document.steps.iter().filter_map(|step| step.timebox_s).map(|s| s / 60).collect();
        assert_eq!(boxes, boxes_min, "{name}");
    }
    let pilot = parse("rollback_to_pilot", crate::find("rollback_to_pilot").unwrap());
    let due: Vec<u32> = pilot.steps.iter().filter_map(|step| step.due_s).map(|s| s / 3600).collect();
    assert_eq!(due, [24, 48]);
}

/// What the commands print when all is well, and what they print when it is not.
const OUTPUTS: &[(&str, &str, &str, Outcome)] = &[
    ("flow_failure_response", "failure-rate", "failure rate: 0.5 %\n", Outcome::Pass),
    ("flow_failure_response", "failure-rate", "failure rate: 32.66331658291457 %\n", Outcome::Fail),
    ("flow_failure_response", "failure-rate", "failure rate: 10 %\n", Outcome::Fail),
    ("flow_failure_response", "p95", "P95: 95.1 s\n", Outcome::Pass),
    ("flow_failure_response", "p95", "P95: 180.4 s\n", Outcome::Fail),
    ("flow_failure_response", "health", "200\n", Outcome::Pass),
    ("flow_failure_response", "health", "503\n", Outcome::Fail),
    ("flow_failure_response", "replicas", DEPLOYMENT_5_OF_5, Outcome::Pass),
    ("flow_failure_response", "replicas", DEPLOYMENT_3_OF_5, Outcome::Fail),
    (
        "rollback_to_previous_version",
        "image-before",
        "image: flowengine:v1.2\nalready-stable: no\n",
        Outcome::Pass,
    ),
    (
        "rollback_to_previous_version",
        "image-before",
        "image: flowengine:v1.1\nalready-stable: yes\n",
        Outcome::Fail,
    ),
    ("rollback_to_previous_version", "image-before", "image: \nalready-stable: unknown\n", Outcome::Fail),
    ("rollback_to_previous_version", "rollback", "deployment.apps/flowengine rolled back\n", Outcome::Pass),
    ("rollback_to_previous_version", "rollout", ROLLED_OUT, Outcome::Pass),
    ("rollback_to_previous_version", "image-after", "image: flowengine:v1.1\nstable: yes\n", Outcome::Pass),
    ("rollback_to_previous_version", "image-after", "image: flowengine:v1.2\nstable: no\n", Outcome::Fail),
    ("rollback_to_previous_version", "replicas", DEPLOYMENT_5_OF_5, Outcome::Pass),
    ("rollback_to_previous_version", "test-flow", "200\n", Outcome::Pass),
    ("rollback_to_previous_version", "test-flow", "500\n", Outcome::Fail),
    ("rollback_to_previous_version", "failure-rate", "failure rate: 9.9 %\nP95: 141.5 s\n", Outcome::Pass),
    ("rollback_to_previous_version", "failure-rate", "failure rate: 34 %\nP95: 141.5 s\n", Outcome::Fail),
    ("rollback_to_previous_version", "failure-rate", "failure rate: 1 %\nP95: 181 s\n", Outcome::Fail),
    ("rollback_to_pilot", "stop-portal", "deployment.apps/onboarding-portal scaled\n", Outcome::Pass),
    ("rollback_to_pilot", "portal-stopped", PORTAL_0_OF_0, Outcome::Pass),
    ("rollback_to_pilot", "rollout", ROLLED_OUT, Outcome::Pass),
    (
        "rollback_to_pilot",
        "pilot-only",
        "still enabled: compliance-service\npilot-only: yes\n",
        Outcome::Pass,
    ),
    ("rollback_to_pilot", "pilot-only", "still enabled: a b\npilot-only: no\n", Outcome::Fail),
    ("rollback_to_manual_review", "switch-off", "deployment.apps/flowengine scaled\n", Outcome::Pass),
    ("rollback_to_manual_review", "pods-gone", "pods-left: 0\n", Outcome::Pass),
    ("rollback_to_manual_review", "pods-gone", "pods-left: 2\n", Outcome::Fail),
    ("rollback_to_manual_review", "pods-gone", "pods-left: unknown\n", Outcome::Fail),
    ("rollback_to_manual_review", "replicas-after", FLOWENGINE_0_OF_0, Outcome::Pass),
    ("rollback_to_manual_review", "replicas-after", DEPLOYMENT_3_OF_5, Outcome::Fail),
];

const DEPLOYMENT_5_OF_5: &str = "\
NAME         READY   UP-TO-DATE   AVAILABLE   AGE
flowengine   5/5     5            5           9d
";
const DEPLOYMENT_3_OF_5: &str = "\
NAME         READY   UP-TO-DATE   AVAILABLE   AGE
flowengine   3/5     5            3           9d
";
const FLOWENGINE_0_OF_0: &str = "\
NAME         READY   UP-TO-DATE   AVAILABLE   AGE
flowengine   0/0     0            0           9d
";
const PORTAL_0_OF_0: &str = "\
NAME                READY   UP-TO-DATE   AVAILABLE   AGE
onboarding-portal   0/0     0            0           9d
";
const ROLLED_OUT: &str = "\
Waiting for deployment \"flowengine\" rollout to finish: 3 out of 5 new replicas have been updated...
deployment \"flowengine\" successfully rolled out
";

fn judged(name: &str, id: &str, observed: &Observed<'_>) -> Vec<Outcome> {
    let document = parse(name, crate::find(name).unwrap());
    let command =
        commands(&document).find(|one| one.id == id).unwrap_or_else(|| panic!("{name}: no command {id}"));
    assert!(!command.expectations.is_empty(), "{name}: {id}");
    judge_command(&command.expectations, observed).iter().map(|one| one.outcome).collect()
}

fn printed(stdout: &str) -> Observed<'_> {
    Observed { exit_code: Some(0), stdout, stderr: "", truncated: false, elapsed_ms: 900, timed_out: false }
}

#[test]
fn outputs_are_judged_as_meant() {
    for (name, id, stdout, outcome) in OUTPUTS {
        let outcomes = judged(name, id, &printed(stdout));
        let expected = match outcome {
            Outcome::Pass => outcomes.iter().all(|one| *one == Outcome::Pass),
            other => outcomes.contains(other),
        };
        assert!(expected, "{name}: {id}: {stdout:?} wanted {outcome:?}, got {outcomes:?}");
    }
}

#[test]
fn a_slow_rollout_is_late_and_not_failed() {
    let observed = Observed {
        exit_code: Some(1),
        stdout: "Waiting for deployment \"flowengine\" rollout to finish: 1 old replicas are pending termination...\n",
        stderr: "error: timed out waiting for the condition\n",
        truncated: false,
        elapsed_ms: 45_080,
        timed_out: false,
    };
    let outcomes = judged("rollback_to_previous_version", "rollout", &observed);
    assert!(outcomes.contains(&Outcome::Late) && !outcomes.contains(&Outcome::Fail), "{outcomes:?}");
}
