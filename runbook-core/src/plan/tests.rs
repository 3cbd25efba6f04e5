//! From whole documents to plans, and everything that may stand in the way.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::runbook::{self, Document, Effect, EffectSource};

fn parse(name: &str, text: &str) -> Document {
    runbook::parse(name, text).with_hash_of(text.as_bytes())
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn given(pairs: &[(&str, &str)]) -> PlanRequest {
    PlanRequest { given: map(pairs), ..PlanRequest::default() }
}

fn including(documents: &[(&str, &str)]) -> PlanRequest {
    let documents = documents.iter().map(|(name, text)| ((*name).to_owned(), parse(name, text))).collect();
    PlanRequest { documents, ..PlanRequest::default() }
}

fn codes(document: &Document, request: &PlanRequest) -> Vec<(String, Option<u32>)> {
    draft(document, request)
        .unwrap()
        .problems
        .into_iter()
        .map(|problem| (problem.code, problem.line))
        .collect()
}

fn texts(plan: &Plan) -> Vec<(&str, &str)> {
    plan.all_commands().map(|command| (command.id.as_str(), command.text.as_str())).collect()
}

#[test]
fn placeholders_take_values() {
    let document = parse("x", "## Look\n```bash\nkubectl logs <pod> -n \"<name space>\"\n```\n");
    let plan = build(&document, &given(&[("pod", "$(touch x)"), ("name_space", "prod")])).unwrap();
    assert_eq!(texts(&plan), [("look/1", "kubectl logs \"${pod}\" -n \"${name_space}\"\n")]);
    assert_eq!(plan.params, map(&[("pod", "$(touch x)"), ("name_space", "prod")]));
    assert!(plan.is_mutating(), "a value that is not plain is nothing that only reads");
    let plain = build(&document, &given(&[("pod", "web-1"), ("name_space", "prod")])).unwrap();
    assert!(!plain.is_mutating());

    let missing = build(&document, &given(&[("pod", "web")])).unwrap_err().to_string();
    assert!(missing.contains("<name space>") && missing.contains("--param name_space=VALUE"), "{missing}");
    let unknown = build(&document, &given(&[("pot", "web")])).unwrap_err().to_string();
    assert!(unknown.contains("pod, name_space"), "{unknown}");
    let option = build(&document, &given(&[("pod", "--all"), ("name_space", "x")])).unwrap_err().to_string();
    assert!(option.contains("option") && !option.contains("--all"), "{option}");
    assert!(build(&document, &given(&[("pod", "a\0b"), ("name_space", "x")])).is_err());
}

#[test]
fn a_placeholder_with_a_value_is_no_warning_any_more() {
    let text = "## Look\n```bash\nls <dir>\n```\n```bash\nls $TEAM_REGION\n```\n";
    let document = parse("x", text);
    for (values, environment, warned) in [
        (&[][..], &[][..], &[3, 6][..]),
        (&[("dir", "web")], &[], &[6]),
        (&[("dir", "web"), ("TEAM_REGION", "eu")], &[], &[]),
        (&[("TEAM_REGION", "eu")], &[], &[3]),
        (&[], &["TEAM_REGION"], &[3]),
    ] {
        let environment = environment.iter().map(|name: &&str| (*name).to_owned()).collect();
        let draft = draft(&document, &PlanRequest { environment, ..given(values) }).unwrap();
        let lines: Vec<u32> = draft
            .warnings
            .iter()
            .filter(|found| {
                matches!(found.code, runbook::codes::PLACEHOLDER | runbook::codes::UNSET_VARIABLE)
            })
            .map(|found| found.line)
            .collect();
        assert_eq!(lines, warned, "{values:?}");
    }
}

#[test]
fn a_step_is_one_reason_of_the_risk_however_many_commands_it_has() {
    let block = "```bash\ntool a\n```\n";
    let declared = "```bash {effect=once}\ntool a\n```\n";
    for (text, reasons) in [
        (format!("## S\n{block}"), &["S: its effect is not declared and it has no undo"][..]),
        (format!("## S\n{block}{block}"), &["S: 2 commands have effects that are not declared and no undo"]),
        (format!("## S\n{declared}{declared}"), &["S: 2 commands must not be repeated and have no undo"]),
        (
            format!("## S\n{declared}{block}"),
            &[
                "S: its effect is not declared and it has no undo",
                "S: it must not be repeated and has no undo",
            ],
        ),
        (format!("## S\n{block}```bash {{undo}}\ntool b\n```\n"), &[]),
    ] {
        let plan = build(&parse("x", &text), &PlanRequest::default()).unwrap();
        assert_eq!(assess(&plan, true).reasons, reasons, "{text}");
    }
}

#[test]
fn a_section_that_is_not_there_is_told_with_the_nearest() {
    let words = ["alpha", "beta", "gamma", "rollback db", "rollback web", "restart"];
    let text: String = words.iter().map(|word| format!("## {word}\n```bash\nls\n```\n")).collect();
    for (text, wanted, hint) in [
        ("# T", "x", "hint: the runbook has no sections"),
        ("## a\n```bash\nls\n```\n## b\n```bash\nls\n```\n", "x", "hint: the runbook has a, b"),
        (
            &text,
            "rolback-web",
            "hint: near it are rollback-web, rollback-db; `blocks runbook show` lists all 6 sections",
        ),
        (&text, "rollback", "hint: near it are rollback-db, rollback-web; `blocks"),
        (&text, "the db", "hint: `blocks runbook show` lists all 6 sections"),
        (&text, "", "hint: `blocks runbook show` lists all 6 sections"),
    ] {
        let request = PlanRequest { section: Some(wanted.to_owned()), ..PlanRequest::default() };
        let error = draft(&parse("x", text), &request).unwrap_err().to_string();
        assert!(error.contains(hint), "{wanted}: {error}");
    }
}

#[test]
fn a_declared_parameter_stands_for_a_placeholder_of_its_name() {
    let text =
        "---\nparams:\n  POD: { pattern: '[a-z-]+' }\n---\n## Look\n```bash\nkubectl logs <pod>\n```\n";
    let document = parse("x", text);
    let plan = build(&document, &given(&[("POD", "web")])).unwrap();
    assert_eq!(texts(&plan), [("look/1", "kubectl logs \"${POD}\"\n")]);
    assert_eq!(plan.steps[0].effect(), Effect::Read);
    // the pattern allows it, and then the table of read-only commands says nothing any more
    let option = build(&document, &given(&[("POD", "--all")])).unwrap();
    assert_eq!(option.steps[0].commands[0].effect_source, EffectSource::Unknown);
    assert!(option.is_mutating());
}

#[test]
fn a_placeholder_whose_variable_the_text_sets_takes_no_value() {
    for body in ["pod=other\nkubectl logs <pod>", "for pod in a b; do kubectl logs <pod>; done"] {
        let document = parse("x", &format!("## Look\n```bash\n{body}\n```\n"));
        let error = build(&document, &given(&[("pod", "web")])).unwrap_err().to_string();
        assert!(error.contains("sets $pod"), "{error}");
    }
    let captured =
        parse("x", "## A\n```bash {capture=pod type=string}\ndate\n```\n```bash\nkubectl logs <pod>\n```\n");
    assert!(build(&captured, &given(&[("pod", "web")])).is_err());
    let same = parse("x", "## Look\n```bash\npod=<pod>\nkubectl logs <pod>\n```\n");
    assert!(build(&same, &given(&[("pod", "web")])).is_ok());
}

#[test]
fn where_a_value_might_be_read_as_another_language_only_plain_ones_pass() {
    let document = parse("x", "## Ask\n```bash\npsql -c \"select <id>\"\n```\n");
    assert!(build(&document, &given(&[("id", "42")])).is_ok());
    for value in ["1; drop table x", "1 or 1=1", "'", "1--", "$(x)"] {
        assert!(build(&document, &given(&[("id", value)])).is_err(), "{value}");
    }
}

#[test]
fn values_fit_what_is_declared() {
    let front = "---\nparams:\n  N: { type: integer, default: 3 }\n  R: { type: enum, values: [eu, us] }\n  O: { required: false }\n---\n## S\n```bash\nls\n```\n";
    let document = parse("x", front);
    let plan = build(&document, &given(&[("R", "eu")])).unwrap();
    assert_eq!(plan.params, map(&[("N", "3"), ("O", ""), ("R", "eu")]));
    for (name, value) in [("N", "3x"), ("N", "03"), ("R", "EU"), ("R", "")] {
        let mut values = map(&[("R", "eu")]);
        values.insert(name.to_owned(), value.to_owned());
        let request = PlanRequest { given: values, ..PlanRequest::default() };
        assert!(matches!(build(&document, &request), Err(PlanError::BadParam { .. })), "{name}={value}");
    }
    assert!(matches!(build(&document, &given(&[])), Err(PlanError::MissingParam { .. })));
    let configured = PlanRequest { configured: map(&[("R", "us")]), ..PlanRequest::default() };
    assert_eq!(build(&document, &configured).unwrap().params["R"], "us");
}

#[test]
fn a_draft_shows_everything_and_says_what_is_in_the_way() {
    let text = "---\nparams: { A: {}, B: {} }\n---\n## S\n```bash\nkubectl logs <pod>\n```\n```bash {colour=red}\nls\n```\n```bash {retries=2}\nrm x\n```\n## T\n```bash {when=\"A == b\"}\nls\n```\n```bash {foreach=\"C in A\"}\nls\n```\n";
    let document = parse("x", text);
    let draft = draft(&document, &given(&[])).unwrap();
    let found: Vec<&str> = draft.problems.iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!(found, ["RB0104", "RB0118", "RB0031", "RB0031", "RB0031", "RB0031", "RB0031"]);
    assert_eq!(texts(&draft.plan)[0], ("s/1", "kubectl logs <pod>\n"));
    assert_eq!(draft.plan.all_commands().count(), 5);
    let flow: Vec<_> =
        draft.plan.flow_commands().map(|(command, what)| (command.id.as_str(), what)).collect();
    assert_eq!(flow, [("t/1", "when"), ("t/2", "foreach")]);
    let refused = draft.plan.check_runnable().unwrap_err();
    assert_eq!(refused.code(), "RB0042");
    for problem in &draft.problems {
        assert!(!problem.message.contains("; hint:"), "{problem:?}");
    }
}

#[test]
fn a_secret_is_bound_and_never_held() {
    let text =
        "---\nparams: { TOKEN: { secret: true } }\n---\n## S\n```bash\ncurl -fsS https://example.com/\n```\n";
    let document = parse("x", text);
    assert!(matches!(build(&document, &given(&[])), Err(PlanError::SecretParam { .. })));
    let error = build(&document, &given(&[("TOKEN", "hunter2")])).unwrap_err();
    assert!(matches!(error, PlanError::SecretGiven { .. }) && !error.to_string().contains("hunter2"));
    let configured = PlanRequest { configured: map(&[("TOKEN", "hunter2")]), ..PlanRequest::default() };
    assert!(matches!(build(&document, &configured), Err(PlanError::SecretGiven { .. })));
    let held = |mac: &str| PlanRequest { secrets: map(&[("TOKEN", mac)]), ..PlanRequest::default() };
    let (one, two) = (build(&document, &held("aa")).unwrap(), build(&document, &held("bb")).unwrap());
    assert_eq!((one.params.len(), one.secrets["TOKEN"].as_str()), (0, "aa"));
    assert_ne!(one.fingerprint().unwrap(), two.fingerprint().unwrap());
    let unreadable = PlanRequest { unreadable: map(&[("TOKEN", "nowhere; hint: look")]), ..held("aa") };
    assert_eq!(build(&document, &unreadable).unwrap(), one, "a value that is there counts");
    let unreadable = PlanRequest { secrets: BTreeMap::new(), ..unreadable };
    let refused = draft(&document, &unreadable).unwrap().problems;
    assert_eq!((refused[0].code.as_str(), refused[0].hint.as_deref()), ("RB0043", Some("look")));
    assert!(refused[0].message.ends_with("nowhere"), "{refused:?}");
    let plain = parse("x", "---\nparams: { TOKEN: { default: abc } }\n---\n## S\n```bash\nls\n```\n");
    assert!(
        matches!(build(&plain, &unreadable), Err(PlanError::BadParam { .. })),
        "never another value instead"
    );
    let without = parse("x", "## S\n```bash\nls\n```\n");
    assert!(!serde_json::to_string(&build(&without, &given(&[])).unwrap()).unwrap().contains("secrets"));
}

#[test]
fn one_name_is_secret_everywhere_or_nowhere() {
    let secret = "---\nparams: { TOKEN: { secret: true } }\n---\n";
    let plain = "---\nparams: { TOKEN: { default: abc } }\n---\n";
    let inner = "## S\n```bash\nls\n```\n";
    let outer = "## S\n```include\nrunbook: inner\n```\n";
    let captured = "## S\n```bash {effect=read capture=TOKEN pattern=[a-z]+}\nls\n```\n";
    for (document, included, fits) in [
        (format!("{secret}{outer}"), format!("{secret}{inner}"), true),
        (outer.to_owned(), format!("{secret}{inner}"), true),
        (format!("{secret}{outer}"), format!("{plain}{inner}"), false),
        (format!("{plain}{outer}"), format!("{secret}{inner}"), false),
        (format!("{secret}{captured}"), inner.to_owned(), false),
    ] {
        let request = PlanRequest { secrets: map(&[("TOKEN", "aa")]), ..including(&[("inner", &included)]) };
        let made = build(&parse("outer", &document), &request);
        assert_eq!(made.is_ok(), fits, "{document}{included}: {made:?}");
        assert!(fits || matches!(made, Err(PlanError::BadParam { .. })), "{made:?}");
    }
}

const OUTER: &str = "---\nparams: { NS: { default: prod } }\n---\n## Before\n```bash\ndate\n```\n```include {name=look}\nrunbook: inner\nparams:\n  SPACE: $NS\n  COUNT: 2\n```\n```bash\nuptime\n```\n";
const INNER: &str = "---\nparams: { SPACE: { pattern: '[a-z]+' }, COUNT: { type: integer }, SORT: { default: age } }\n---\n## See\n```bash\nkubectl get pods -n \"$SPACE\"\n```\n";

#[test]
fn an_included_runbook_stands_in_the_place_of_its_block() {
    let document = parse("outer", OUTER);
    let request = including(&[("inner", INNER)]);
    let plan = build(&document, &request).unwrap();
    assert_eq!(
        texts(&plan),
        [
            ("before/1", "date\n"),
            ("look/see/1", "kubectl get pods -n \"$SPACE\"\n"),
            ("before/3", "uptime\n")
        ]
    );
    let ids: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["before", "look/see", "before~2"]);
    assert_eq!(plan.steps[1].params, map(&[("COUNT", "2"), ("SORT", "age"), ("SPACE", "prod")]));
    assert_eq!(plan.params, map(&[("NS", "prod")]));
    assert_eq!(plan.included, map(&[("inner", request.documents["inner"].sha256.as_ref().unwrap())]));
    // another text of the included runbook is another plan
    let other = including(&[("inner", &format!("{INNER}\n"))]);
    assert_ne!(plan.fingerprint().unwrap(), build(&document, &other).unwrap().fingerprint().unwrap());
}

#[test]
fn an_include_that_does_not_fit_is_a_problem() {
    let outer = |params: &str| parse("outer", &format!("## S\n```include\nrunbook: inner\n{params}```\n"));
    for (params, code) in [
        ("params: { SPACE: prod, COUNT: 1 }\n", None),
        ("params: { SPACE: prod, COUNT: 1, NOPE: 1 }\n", Some("RB0131")),
        ("params: { SPACE: $NS, COUNT: 1 }\n", Some("RB0131")),
        ("params: { SPACE: PROD, COUNT: 1 }\n", Some("RB0031")),
        ("params: { SPACE: prod, COUNT: many }\n", Some("RB0031")),
        ("params: { SPACE: prod }\n", Some("RB0031")),
    ] {
        let found = codes(&outer(params), &including(&[("inner", INNER)]));
        assert_eq!(found.first().map(|found| found.0.as_str()), code, "{params}: {found:?}");
    }
    let alone = outer("params: { SPACE: prod, COUNT: 1 }\n");
    assert_eq!(codes(&alone, &PlanRequest::default()), [("RB0131".to_owned(), Some(3))]);
    let broken = including(&[("inner", "## S\n```bash {colour=red}\nls\n```\n")]);
    assert!(codes(&outer(""), &broken).iter().any(|found| found.0 == "RB0104"));
    let undo = parse("outer", "## S\n```include\nrunbook: inner\n```\n```bash {undo effect=once}\nls\n```\n");
    assert!(
        codes(&undo, &including(&[("inner", "## S\n```bash\nls\n```\n")]))
            .iter()
            .any(|found| found.0 == "RB0131")
    );
}

#[test]
fn a_circle_of_includes_is_named() {
    let include = |name: &str| format!("## S\n```include\nrunbook: {name}\n```\n");
    let document = parse("a", &include("b"));
    let request = including(&[("a", &include("b")), ("b", &include("c")), ("c", &include("a"))]);
    let error = build(&document, &request).unwrap_err();
    assert_eq!(error.code(), "RB0132");
    assert!(error.to_string().contains("a > b > c > a"), "{error}");
    assert_eq!(build(&parse("a", &include("a")), &request).unwrap_err().code(), "RB0132");
}

#[test]
fn includes_that_multiply_end() {
    let twice = |name: &str| {
        format!("## S\n```include\nrunbook: {name}\n```\n## T\n```include\nrunbook: {name}\n```\n")
    };
    let names: Vec<String> = (0..15).map(|n| format!("d{n}")).collect();
    let texts: Vec<String> = (0..15)
        .map(|n| if n == 14 { "## S\n```bash\nls\n```\n".to_owned() } else { twice(&format!("d{}", n + 1)) })
        .collect();
    let documents: Vec<(&str, &str)> =
        names.iter().map(String::as_str).zip(texts.iter().map(String::as_str)).collect();
    let draft = draft(&parse("d0", &texts[0]), &including(&documents)).unwrap();
    assert!(draft.plan.steps.len() <= 1_001, "{}", draft.plan.steps.len());
    assert!(draft.problems.iter().any(|problem| problem.message.contains("more than 1000 steps")));
    let deep: Vec<String> =
        (0..30).map(|n| format!("## S\n```include\nrunbook: e{}\n```\n", n + 1)).collect();
    let names: Vec<String> = (0..30).map(|n| format!("e{n}")).collect();
    let documents: Vec<(&str, &str)> =
        names.iter().map(String::as_str).zip(deep.iter().map(String::as_str)).collect();
    let error = build(&parse("e0", &deep[0]), &including(&documents)).unwrap_err().to_string();
    assert!(error.contains("too deeply"), "{error}");
}

/// Two sections as the parser marks them; the second one has an error.
fn sectioned() -> Document {
    use crate::runbook::{Heading, Section};
    let text = "# T\n## First part (5 min)\n```bash {capture=REV type=integer}\ndate\n```\n## Second\n```bash {colour=red}\nls\n```\n## Third\n```bash\nkubectl get pods -l rev=\"$REV\"\n```\n";
    let mut document = parse("x", text);
    let section = |id: &str, title: &str, line: u32, at: usize, timebox_s| Section {
        id: id.to_owned(),
        title: title.to_owned(),
        line,
        level: 2,
        timebox_s,
        steps: at..at + 1,
    };
    document.sections = vec![
        section("first-part", "First part", 2, 0, Some(300)),
        section("second", "Second", 6, 1, None),
        section("third", "Third", 10, 2, None),
    ];
    document.headings =
        [2, 6, 10].map(|line| Heading { level: 2, line, text: String::new() }).into_iter().collect();
    document
}

#[test]
fn one_section_is_planned_by_itself() {
    let document = sectioned();
    let section = |wanted: &str| {
        let request = PlanRequest { section: Some(wanted.to_owned()), ..PlanRequest::default() };
        build(&document, &request)
    };
    for wanted in ["first-part", "First Part", "fir"] {
        let plan = section(wanted).unwrap();
        assert_eq!((plan.section.as_deref(), plan.limit_s), (Some("first-part"), Some(300)), "{wanted}");
        assert_eq!(plan.steps.len(), 1);
    }
    assert_eq!(section("second").unwrap_err().code(), "RB0104");
    assert!(matches!(section("third"), Err(PlanError::OutsideCapture { name, .. }) if name == "REV"));
    for wanted in ["", "x", "irst"] {
        assert!(matches!(section(wanted), Err(PlanError::Section { .. })), "{wanted}");
    }
    assert!(matches!(build(&document, &PlanRequest::default()), Err(PlanError::Document { .. })));
    let whole = parse("x", "---\napprovals: x\n---\n## First part\n```bash\nls\n```\n");
    let document = Document { sections: document.sections.clone(), ..whole };
    let request = PlanRequest { section: Some("first-part".into()), ..PlanRequest::default() };
    assert_eq!(codes(&document, &request)[0].0, "RB0103");
}

#[test]
fn a_variable_that_nothing_sets_takes_a_value_or_keeps_its_command_from_running() {
    let document = parse("x", "## S\n```bash\nkubectl delete pod $POD -n \"$NS\"\n```\n");
    let missing = build(&document, &given(&[("NS", "shop")])).unwrap_err().to_string();
    assert!(missing.contains("--param POD=VALUE"), "{missing}");
    let plan = build(&document, &given(&[("POD", "web-1"), ("NS", "shop")])).unwrap();
    assert_eq!(texts(&plan), [("s/1", "kubectl delete pod $POD -n \"$NS\"\n")], "nothing is rewritten");
    assert_eq!(plan.params, map(&[("NS", "shop"), ("POD", "web-1")]));
    let configured =
        PlanRequest { configured: map(&[("POD", "web-1"), ("NS", "shop")]), ..PlanRequest::default() };
    assert_eq!(build(&document, &configured).unwrap().params, plan.params);
    let handed_on = PlanRequest { environment: vec!["NS".into()], ..given(&[("POD", "web-1")]) };
    assert!(build(&document, &handed_on).is_ok(), "the machine gives it");
    for (pod, ns, fits) in [("web 1", "shop", false), ("web*", "shop", false), ("web", "a b", true)] {
        assert_eq!(build(&document, &given(&[("POD", pod), ("NS", ns)])).is_ok(), fits, "{pod} {ns}");
    }
    let other = build(&document, &given(&[("pod", "web"), ("NS", "a")])).unwrap_err();
    assert!(matches!(other, PlanError::UnknownParam { .. }));
    // an include hands it on like any parameter
    let outer = "---\nparams: { P: { default: web } }\n---\n## S\n```include\nrunbook: inner\nparams: { POD: $P }\n```\n";
    let request = including(&[("inner", "## S\n```bash\nkubectl logs \"$POD\"\n```\n")]);
    assert_eq!(build(&parse("outer", outer), &request).unwrap().steps[0].params, map(&[("POD", "web")]));
}

#[test]
fn parameters_in_expectations_are_expanded_and_bound() {
    let front = "---\nparams:\n  REPLICAS: { type: integer, default: 5 }\n  TAG: { default: v1 }\n---\n";
    let text = "## S\n```bash\nkubectl get deploy web -n a\n# Expected: $REPLICAS/$REPLICAS ready\n# Expected: image: $TAG\n```\n```bash {capture=REV pattern=[0-9]+}\ndate +%s\n# Expected: \"at $REV\"\n```\n```bash\nfor i in 1 2; do\n  ls $i\n  # Expected: $REPLICAS lines\ndone\n```\n";
    let document = parse("x", &format!("{front}{text}"));
    let planned = |pairs: &[(&str, &str)]| {
        let plan = build(&document, &given(pairs)).unwrap();
        let all = plan.all_commands().flat_map(|command| command.expectations.clone());
        let all: Vec<(String, &str)> = all.map(|one| (one.text.clone(), one.check.kind())).collect();
        (all, plan.fingerprint().unwrap())
    };
    let (all, first) = planned(&[]);
    let row = |text: &str, kind: &'static str| (text.to_owned(), kind);
    let expected = [
        row("5/5 ready", "ratio"),
        row("image: v1", "pairs"),
        row("\"at $REV\"", "person"),
        row("5 lines", "person"),
    ];
    assert_eq!(all, expected);
    let (all, second) = planned(&[("REPLICAS", "3"), ("TAG", "v2, state: ok")]);
    assert_eq!(all[..2], [row("3/3 ready", "ratio"), row("image: v2, state: ok", "pairs")]);
    assert_ne!(first, second);
    // a status that a value names is asked of curl
    let document = parse(
        "x",
        "---\nparams: { CODE: { type: integer, default: 204 } }\n---\n## S\n```bash\ncurl https://a.example.com/\n# Expected: HTTP $CODE\n```\n",
    );
    let plan = build(&document, &PlanRequest::default()).unwrap();
    assert!(texts(&plan)[0].1.contains("--write-out"), "{plan:?}");
    let secret = parse(
        "x",
        "---\nparams: { TOKEN: { secret: true } }\n---\n## S\n```bash\nls\n# Expected: \"is $TOKEN\"\n```\n",
    );
    let request = PlanRequest { secrets: map(&[("TOKEN", "aa")]), ..PlanRequest::default() };
    assert_eq!(codes(&secret, &request), [("RB0164".to_owned(), Some(7))]);
}

#[test]
fn a_section_alone_has_only_what_its_own_commands_set() {
    let text = "# T\n## First\n```bash\nPOD=web\n```\n## Second\n```bash\nkubectl logs \"$POD\"\n```\n";
    let document = parse("x", text);
    assert!(build(&document, &PlanRequest::default()).is_ok());
    let second = |environment: &[&str]| {
        let environment = environment.iter().map(|name| (*name).to_owned()).collect();
        build(
            &document,
            &PlanRequest { section: Some("second".into()), environment, ..PlanRequest::default() },
        )
    };
    assert!(matches!(second(&[]), Err(PlanError::OutsideCapture { name, .. }) if name == "POD"));
    assert!(second(&["POD"]).is_ok());
}

proptest! {
    #[test]
    fn a_value_is_never_in_a_commands_text(value in "[^\0]{1,40}", place in 0..4_usize) {
        let place = ["run <pod>", "run \"<pod>-x\"", "run 'a <pod>'", "cat <<EOF\n<pod>\nEOF"][place];
        let document = parse("x", &format!("## S\n```bash\n{place}\n```\n"));
        let marked = format!("Zq{value}qZ");
        if let Ok(plan) = build(&document, &given(&[("pod", &marked)])) {
            for (_, text) in texts(&plan) {
                prop_assert!(!text.contains("Zq"));
            }
            prop_assert_eq!(&plan.params["pod"], &marked);
        }
    }

    #[test]
    fn a_draft_of_any_document_is_made(body in "(## S\n|```bash\n|```\n|ls <a>\n|```include\n|runbook: x\n|rm x\n|# Expected: 1\n|kubectl get [NAME]\n){0,20}") {
        let document = parse("x", &body);
        let draft = draft(&document, &including(&[("x", &body)])).unwrap();
        prop_assert_eq!(build(&document, &including(&[("x", &body)])).is_ok(), draft.problems.is_empty());
    }
}

#[test]
fn a_plan_of_nothing_is_an_error() {
    let rows = [
        ("# T\n\nSome text.\n", Some("")),
        ("# T\n\n```\nkubectl get pods\n```\n", Some("1 block that looks like commands")),
        ("# T\n\n- a\n- b\n", Some("2 list items that are text")),
        ("# T\n\n- [ ] Look.\n", None),
        ("# T\n\n```bash\nls\n```\n", None),
    ];
    for (text, told) in rows {
        let problems = draft(&parse("x", text), &PlanRequest::default()).unwrap().problems;
        let message = problems.first().map(|problem| problem.message.as_str());
        assert_eq!(message.is_some(), told.is_some(), "{text}: {message:?}");
        assert!(message.unwrap_or_default().contains(told.unwrap_or_default()), "{text}: {message:?}");
        assert!(problems.len() < 2, "{text}");
    }
}

#[test]
fn what_runs_on_a_condition_is_in_no_plan_that_does_not_ask_for_it() {
    const CHANGE: &str = "```bash\nrm x\n```\n";
    let look = "# Web\n\n## Look\n\n```bash\nls\n```\n\n";
    // what follows the look, the section, and the lines of the commands that are refused
    let rows: &[(&str, Option<&str>, &[u32])] = &[
        ("## If it is stuck\n\n", None, &[12]),
        ("## If it is stuck\n\n", Some("if it is stuck"), &[]),
        ("## If it is stuck\n\n### One\n\n", Some("one"), &[]),
        ("## If it is stuck\n\n", Some("look"), &[]),
        ("## Restart\n\n", None, &[]),
        ("## Restart\n\nOtherwise:\n\n", None, &[14]),
        // the section was asked for, and what stands on a condition in it was not
        ("## Restart\n\nOtherwise:\n\n", Some("restart"), &[14]),
        ("## Rollback\n\n", None, &[12]),
        ("## Rollback\n\n", Some("rollback"), &[]),
        ("## Restart\n\nOtherwise:\n\n<!-- blocks: allow RB0173 always -->\n", None, &[]),
    ];
    for (between, section, refused) in rows {
        let document = parse("web", &format!("{look}{between}{CHANGE}"));
        let request = PlanRequest { section: section.map(str::to_owned), ..PlanRequest::default() };
        let found: Vec<_> = codes(&document, &request);
        let wanted: Vec<_> = refused.iter().map(|line| ("RB0173".to_owned(), Some(*line))).collect();
        assert_eq!(found, wanted, "{between} {section:?}");
        // a run that only looks carries nothing else out
        let looks = PlanRequest { only_looks: true, ..request };
        assert_eq!(codes(&document, &looks), [], "{between} {section:?}");
    }
    let reads = parse("web", "# Web\n\nIf it is stuck:\n\n```bash\nls\n```\n");
    let plan = build(&reads, &PlanRequest::default()).unwrap();
    assert_eq!(plan.steps[0].commands[0].condition.as_deref(), Some("If it is stuck:"));
}

#[test]
fn what_is_included_on_a_condition_is_on_it_as_a_whole() {
    let inner = ("inner", "# Inner\n\n## One\n\n```bash\nls\n```\n\n## Two\n\n```bash\nrm x\n```\n");
    let outer = |text: &str| {
        parse("outer", &format!("# Outer\n\n## Run\n\n{text}\n\n```include\nrunbook: inner\n```\n"))
    };
    assert_eq!(codes(&outer("Run it:"), &including(&[inner])), []);
    assert_eq!(codes(&outer("Otherwise:"), &including(&[inner])), [("RB0173".to_owned(), Some(8))]);
}

#[test]
fn items_keep_their_place_around_what_is_included() {
    let inner = ("inner", "# Inner\n\n## One\n\n```bash\nls\n```\n");
    let text = "# Outer\n\n## Step 1: Run\n\n- [ ] first\n\n```bash\nls\n```\n\n- [ ] second\n\n```include\nrunbook: inner\n```\n\n- [ ] third\n\n```bash\nwc\n```\n\n- [ ] fourth\n";
    let plan = build(&parse("outer", text), &including(&[inner])).unwrap();
    let places: Vec<Vec<_>> = plan
        .steps
        .iter()
        .map(|step| step.manual_items.iter().map(|item| (item.text.as_str(), item.after_commands)).collect())
        .collect();
    assert_eq!(
        places,
        [
            vec![("first", Some(0)), ("second", Some(1))],
            vec![],
            vec![("third", Some(0)), ("fourth", Some(1))],
        ]
    );
    // plans of older forms say nothing about the place
    let mut json = serde_json::to_value(&plan).unwrap();
    let old = json["steps"][0]["manual_items"][0].as_object_mut().unwrap();
    old.remove("after_commands");
    let read: Plan = serde_json::from_value(json).unwrap();
    assert_eq!(read.steps[0].manual_items[0].position(2), 2);
}
