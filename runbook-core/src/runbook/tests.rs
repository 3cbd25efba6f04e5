//! Whole documents, arbitrary text, and the collection of real runbooks beside the checkout.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::expectation::Check;

fn found(document: &Document) -> Vec<(Code, u32)> {
    document.diagnostics.iter().map(|d| (d.code, d.line)).collect()
}

fn step<'a>(document: &'a Document, id: &str) -> &'a Step {
    let ids: Vec<&str> = document.steps.iter().map(|s| s.id.as_str()).collect();
    document.steps.iter().find(|s| s.id == id).unwrap_or_else(|| panic!("no step {id} in {ids:?}"))
}

const ROLLBACK: &str = r#"---
service: shop
timebox: 15 min
params:
  NAMESPACE: { default: prod, pattern: "[a-z-]+" }
---
# Go back one version

## When

Errors after a release.

## Procedure (12 min)

**Step 1: Go back (5 min)**

```bash {baseline=REVISION pattern=[0-9]{1,6} effect=read}
kubectl rollout history deployment/shop -n "$NAMESPACE" -o jsonpath='{.metadata.generation}'
```

```bash {name=go-back effect=once timeout=60s}
# Return to the revision before
kubectl rollout undo deployment/shop -n "$NAMESPACE" --to-revision="$REVISION"

# Watch it
kubectl rollout status deployment/shop -n "$NAMESPACE"
# Expected: 'deployment "shop" successfully rolled out' within 45s
```

```bash {probe}
kubectl get deployment shop -n "$NAMESPACE"
```

```bash {undo effect=once}
kubectl rollout undo deployment/shop -n "$NAMESPACE" --to-revision="$REVISION"
```

**Step 2: Look (5 min)**

```console
$ kubectl get deployment shop -n prod
NAME   READY
shop   3/3
# Expected: 3/3 ready
$ curl -fsS https://shop.example.com/health
ok
```

- [ ] Tell support

**Step 3: Cause (Next 24h)**

- [ ] Read the timeline
- [x] Collect logs
"#;

#[test]
fn a_whole_runbook() {
    let document = parse("rollback", ROLLBACK);
    assert_eq!(found(&document), []);
    assert_eq!(document.title, "Go back one version");
    assert_eq!(document.front.service.as_deref(), Some("shop"));
    assert_eq!(document.sha256, None);
    let hashed = document.clone().with_hash_of(ROLLBACK.as_bytes());
    assert_eq!(hashed.sha256, Some(hash::sha256_hex(ROLLBACK.as_bytes())));
    let ids: Vec<&str> = document.steps.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(ids, ["step-1-go-back", "step-2-look", "step-3-cause"]);

    let one = step(&document, "step-1-go-back");
    assert_eq!((one.title.as_str(), one.line, one.timebox_s), ("Step 1: Go back", 15, Some(300)));
    let [command] = one.commands.as_slice() else { panic!("{:?}", one.commands) };
    assert_eq!((command.id.as_str(), command.line), ("go-back", 23));
    assert_eq!(command.title.as_deref(), Some("Return to the revision before"));
    assert_eq!((command.effect, command.effect_source), (Effect::Once, EffectSource::Declared));
    assert_eq!(command.timeout_ms, Some(60_000));
    assert!(
        command.text.starts_with("kubectl rollout undo") && command.text.ends_with("-n \"$NAMESPACE\"\n")
    );
    assert_eq!((command.expectations[0].line, command.expectations[0].within_ms), (27, Some(45_000)));
    assert_eq!(one.baselines[0].id, "step-1-go-back/baseline-1");
    assert_eq!(one.baselines[0].capture.as_ref().unwrap().name, "REVISION");
    assert_eq!(one.probe.as_ref().unwrap().id, "step-1-go-back/probe-1");
    assert_eq!(one.undo[0].id, "step-1-go-back/undo-1");

    let two = step(&document, "step-2-look");
    let texts: Vec<&str> = two.commands.iter().map(|c| c.text.as_str()).collect();
    assert_eq!(
        texts,
        ["kubectl get deployment shop -n prod\n", "curl -fsS https://shop.example.com/health\n"]
    );
    assert_eq!((two.commands[0].id.as_str(), two.commands[0].effect), ("step-2-look/1", Effect::Read));
    assert!(two.commands.iter().all(|c| c.reason().is_none()));
    assert_eq!(two.manual_items[0].text, "Tell support");

    let three = step(&document, "step-3-cause");
    assert_eq!((three.due_s, three.timebox_s, three.manual_items.len()), (Some(86_400), None, 2));
}

/// A document with one step, and what is found in it.
fn lint(body: &str) -> Vec<(Code, u32)> {
    found(&parse("x", &format!("## Step\n{body}")))
}

#[test]
fn findings_point_at_their_line() {
    let rows: Vec<(&str, Vec<(Code, u32)>)> = vec![
        ("```bash\nls\n```\n", vec![]),
        ("```bash {colour=red}\nls\n```\n", vec![(codes::ATTRIBUTE, 2)]),
        ("```bash\n# why\nkubectl logs <pod>\n```\n", vec![(codes::PLACEHOLDER, 4)]),
        ("```\nkubectl get pods\n```\n", vec![(codes::UNTAGGED_FENCE, 2)]),
        ("```\nNAME READY\n```\n", vec![]),
        ("    $ kubectl get pods\n", vec![(codes::UNTAGGED_FENCE, 2)]),
        ("\n    $ kubectl get pods\n", vec![(codes::UNTAGGED_FENCE, 3)]),
        ("```text\nkubectl get pods\n```\n", vec![]),
        ("```yaml\na: 1\n```\n", vec![]),
        ("```bahs\nls\n```\n", vec![(codes::UNTAGGED_FENCE, 2)]),
        ("text\n\n~~~Terminal {name=x}\nls\n~~~\n", vec![(codes::UNTAGGED_FENCE, 4)]),
        ("```sql\nselect 1\n```\n", vec![]),
        ("```bash\nls\n", vec![(codes::UNCLOSED_FENCE, 2)]),
        (
            "```bash {effect=once}\nkubectl -n a rollout undo deployment/x\n```\n",
            vec![(codes::NO_UNDO, 3), (codes::UNPINNED_UNDO, 3), (codes::NEVER_VALIDATED, 3)],
        ),
        (
            "```bash {effect=idempotent}\nkubectl scale deployment x --replicas=0\n```\n```bash {undo}\ntrue\n```\n",
            vec![(codes::NO_NAMESPACE, 3), (codes::NEVER_VALIDATED, 3)],
        ),
        (
            "```bash\ngrep \"\u{201a}\u{f9}\u{e5}\" f\n# Expected: 0 lines\n```\n",
            vec![(codes::CANNOT_FAIL, 3)],
        ),
        ("```bash {name=a}\nls\n```\n```bash {name=a}\nls\n```\n", vec![(codes::DUPLICATE_NAME, 6)]),
        ("```bash {effect=once}\nrm x\n```\n", vec![(codes::NO_UNDO, 3), (codes::NEVER_VALIDATED, 3)]),
        ("```bash\n# only a comment\n```\n", vec![(codes::NO_COMMAND, 2)]),
        ("```console\nno prompt\n```\n", vec![(codes::NO_COMMAND, 2)]),
        ("```bash\n# Expected: 1 line\nls\n```\n", vec![(codes::STRAY_EXPECTATION, 3)]),
        ("```bash\necho 'a\n```\n", vec![(codes::UNFINISHED_SHELL, 3)]),
        ("```bash {probe}\nrm x\n```\n", vec![(codes::NOT_READ_ONLY, 3)]),
        ("```bash {probe effect=read}\npsql -c x\n```\n", vec![]),
        (
            "```bash {baseline=PATH pattern=.+}\nls\n```\n",
            vec![(codes::VARIABLE_NAME, 2), (codes::ATTRIBUTE_CONFLICT, 2)],
        ),
        ("```bash {probe}\nls\n```\n```bash {probe}\nls\n```\n", vec![(codes::SECOND_PROBE, 6)]),
        (
            "```bash {capture=A pattern=.+}\nls\n# Expected: 1 line\npwd\n```\n",
            vec![(codes::ATTRIBUTE_CONFLICT, 2)],
        ),
        (
            "### A (5 min)\n\n**Step 1: b (4 min)**\n```bash\nls\n```\n**Step 2: c (2 min)**\n```bash\nls\n```\n",
            vec![(codes::TIME_BOXES, 2)],
        ),
    ];
    for (body, mut expected) in rows {
        let mut found = lint(body);
        // many of these have only the block that is asked about
        found.retain(|(code, _)| *code != codes::NOTHING_TO_DO);
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{body}");
    }
}

#[test]
fn what_would_run_wrongly_is_not_runnable() {
    for body in [
        "```bash {colour=red}\nls\n```\n",
        "```bash\nkubectl logs <pod>\n```\n",
        "```bash\nls\n",
        "```bash\necho 'a\n```\n",
        "```bash\ngrep \"\u{201a}\u{f9}\u{e5}\" f\n```\n",
        "```bash {capture=A pattern=.+}\nls\n# Expected: 1 line\npwd\n```\n",
    ] {
        let document = parse("x", &format!("## S\n{body}"));
        assert!(document.steps[0].commands.iter().all(|c| c.reason().is_some()), "{body}");
    }
    let probe = parse("x", "## S\n```bash {probe}\nrm x\n```\n").steps.remove(0).probe.unwrap();
    assert!(probe.reason().is_some());
}

#[test]
fn a_function_makes_its_name_unknown() {
    let text = "## S\n```bash\nls\n# Expected: 1 line\nls() { rm x; }\n```\n```bash\npwd\n```\n";
    let commands = parse("x", text).steps.remove(0).commands;
    let effects: Vec<Effect> = commands.iter().map(|c| c.effect).collect();
    assert_eq!(effects, [Effect::Once, Effect::Once, Effect::Read]);
}

#[test]
fn steps_come_from_titles_that_hold_something() {
    let text = "# T\n\n```bash\nls\n```\n\n## Section\n\ntext\n\n## Do\n\n1. First thing:\n\n   ```bash\n   pwd\n   ```\n\n2. Nothing\n3. Second\n   ```bash\n   date\n   ```\n\nthen\n\n```bash\nwhoami\n```\n\n## Step 2: All (5 min)\n\n1. a\n   ```bash\n   ls\n   ```\n2. b\n   ```bash\n   pwd\n   ```\n";
    let document = parse("x", text);
    let steps: Vec<(&str, usize)> =
        document.steps.iter().map(|s| (s.id.as_str(), s.commands.len())).collect();
    assert_eq!(
        steps,
        [("t", 1), ("first-thing", 1), ("nothing", 0), ("second", 1), ("do", 1), ("step-2-all", 2)]
    );
    assert_eq!(document.steps[5].timebox_s, Some(300));
    assert_eq!(
        document.steps[2].manual_items,
        [ManualItem { line: 19, text: "Nothing".into(), after_commands: Some(0) }]
    );
    assert_eq!(document.steps[1].commands[0].text, "pwd\n");
}

#[test]
fn an_expected_output_fence_belongs_to_the_command_above() {
    let text = "## S\n```bash\nls\n```\nExpected output:\n```\nready to serve\n```\n\n```bash\npwd\n```\nYou should see:\n\n```text\na\nb\n```\n";
    let document = parse("x", text);
    let commands = &document.steps[0].commands;
    let output = |text: &str| Check::Output { text: text.into(), sample: false };
    assert_eq!(commands[0].expectations[0].check, output("ready to serve"));
    let second = &commands[1].expectations[0].check;
    assert_eq!((commands[0].expectations[0].line, second), (7, &output("a\nb")));
    assert_eq!(found(&document), []);
}

#[test]
fn windows_line_ends_and_front_matter_keep_the_lines() {
    let text = "---\r\ntitle: T\r\n---\r\n## S\r\n\r\n```bash\r\nls\r\npwd\r\n# Expected: 1 line\r\n```\r\n";
    let document = parse("x", text);
    let command = &document.steps[0].commands[0];
    assert_eq!((command.text.as_str(), command.line, command.expectations[0].line), ("ls\npwd\n", 7, 9));
    assert_eq!(document.title, "T");
}

#[test]
fn a_large_document_is_read_and_said_to_be_large() {
    let section = format!("## Look\n\n{}\n\n```bash\nls\n```\n\n", "text ".repeat(180));
    let text = format!("# T\n\n{}", section.repeat(1200));
    let document = parse("x", &text);
    assert_eq!(found(&document).first(), Some(&(codes::LARGE, 1)));
    assert_eq!((document.steps.len(), document.blocks.len()), (1200, 1200));
    assert_eq!(document.steps.last().map(|step| step.line), Some(3 + 8 * 1199));
    // a thousand findings of one code are enough
    let same = document.diagnostics.iter().filter(|d| d.code == codes::SAME_TITLE);
    assert_eq!(same.count(), 1001);
}

#[test]
fn bytes_that_are_not_text_are_said_where_they_are() {
    type Row<'a> = (&'a [u8], &'a [(Code, u32, u32)]);
    let rows: &[Row<'_>] = &[
        (b"- [ ] a\n", &[]),
        (b"\xef\xbb\xbf# T\r\n\r\n## A\r\n- [ ] a\r\n", &[]),
        (b"# T\n", &[(codes::NOTHING_TO_DO, 1, 1)]),
        (b"# T\n\nab\xff c\xfe\n", &[(codes::NOT_UTF8, 3, 3)]),
        (b"# T\r\r\xc3", &[(codes::NOT_UTF8, 3, 1)]),
        (b"# T\n\xc3\xa9\0\n", &[(codes::NUL, 2, 2)]),
        (b"\xff\xfe#\0 \0", &[(codes::NOT_UTF8, 1, 1), (codes::NUL, 1, 4)]),
        (b"", &[]),
    ];
    for (bytes, expected) in rows {
        let document = parse_bytes("x", bytes);
        let found: Vec<_> = document.diagnostics.iter().map(|d| (d.code, d.line, d.column)).collect();
        assert_eq!(found, *expected, "{bytes:?}");
    }
    let message = &parse_bytes("x", b"a\xff\xff b\xfe").diagnostics[0].message;
    assert!(message.contains("2 other places"), "{message}");
}

#[test]
fn a_lone_return_ends_a_line() {
    let text = "# T\r\r## A\r\r```bash\rls\r```\r";
    let document = parse("x", text);
    assert_eq!(document.headings.iter().map(|h| h.line).collect::<Vec<_>>(), [1, 3]);
    assert_eq!((document.steps[0].commands[0].line, document.blocks[0].line_end), (6, 7));
}

/// Id, number of commands, and manual items of each step.
fn shape(text: &str) -> Vec<(String, usize, Vec<String>)> {
    let items = |step: &Step| step.manual_items.iter().map(|item| item.text.clone()).collect();
    parse("x", text).steps.iter().map(|step| (step.id.clone(), step.commands.len(), items(step))).collect()
}

#[test]
fn documents_without_commands_are_checklists() {
    type Row<'a> = (&'a str, &'a [(&'a str, &'a [&'a str])]);
    let rows: &[Row<'_>] = &[
        // the title says what to do
        ("## Rollback\n\n1. a\n2. b\n   - c\n", &[("rollback", &["a", "b"])]),
        // so does the line above
        ("## Alpha\n\nFollow these steps:\n\n1. a\n", &[("alpha", &["a"])]),
        // nothing else is a step, so every ordered list is
        ("## Alpha\n\n1. a\n\n## Overview\n\n1. b\n", &[("alpha", &["a"])]),
        // something is, so this list is text
        ("## Alpha\n\n1. a\n\n## Rollback\n\n1. b\n", &[("rollback", &["b"])]),
        // only text below a title that announces itself
        ("## Step 1: Call\n\nCall them. Then wait.\n", &[("step-1-call", &["Call them."])]),
        ("## 2. Look\n\n- a\n- b\n", &[("2-look", &["a", "b"])]),
        ("## 1. Overview\n\ntext\n", &[]),
        ("## 1. Look\n\ntext\n\n### A\n\ntext\n", &[]),
        ("## Step 1\n", &[("step-1", &["Step 1"])]),
        (
            "**Step 1:** Call them.\n\n**Step 2:** Wait.\n",
            &[("step-1-call-them", &["Step 1: Call them."]), ("step-2-wait", &["Step 2: Wait."])],
        ),
        ("## Cause (Next 24h)\n\nLook for it.\n", &[("cause", &["Look for it."])]),
        // what an item only announces is in it
        ("## Triage\n\n1. Look at:\n   - a\n   - b\n", &[("triage", &["Look at:", "a", "b"])]),
        ("## Alpha\n\ntext\n\n- a\n", &[]),
    ];
    for (text, expected) in rows {
        let found = shape(text);
        let found: Vec<(&str, Vec<&str>)> = found
            .iter()
            .map(|(id, _, items)| (id.as_str(), items.iter().map(String::as_str).collect()))
            .collect();
        let expected: Vec<(&str, Vec<&str>)> =
            expected.iter().map(|(id, items)| (*id, items.to_vec())).collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn a_list_with_commands_has_a_step_for_each_item() {
    let text = "## Alpha\n\n1. Tell:\n   - Ana\n2. Look\n   ```bash\n   ls\n   ```\n3. Wait\n";
    let expected = [("tell", 0, vec!["Ana"]), ("look", 1, vec![]), ("wait", 0, vec!["Wait"])];
    let expected =
        expected.map(|(id, n, items)| (id.to_owned(), n, items.into_iter().map(str::to_owned).collect()));
    assert_eq!(shape(text), expected);
    let announced = "## Step 1: Alpha\n\n1. Tell\n2. Look\n   ```bash\n   ls\n   ```\n3. Wait\n";
    assert_eq!(
        shape(announced),
        [("step-1-alpha".to_owned(), 1, vec!["Tell".to_owned(), "Wait".to_owned()])]
    );
}

#[test]
fn sections_phases_and_limits() {
    let text = "# T\n\n## Back (30 min)\n\n### To one\n\n**Procedure (20 min):**\n\n**Step 1: a (5 min)**\n\n```bash\nls\n```\n\n**Step 2: b (4 min)**\n\n```bash\nls\n```\n\n### To two\n\n```bash\nls\n```\n\n## Notes\n\ntext\n\n## To two\n\n```bash\nls\n```\n";
    let document = parse("x", text);
    let sections: Vec<(&str, u32, Option<u32>, std::ops::Range<usize>)> =
        document.sections.iter().map(|s| (s.id.as_str(), s.line, s.timebox_s, s.steps.clone())).collect();
    assert_eq!(
        sections,
        [
            ("t", 1, None, 0..4),
            ("back", 3, Some(1800), 0..3),
            ("to-one", 5, Some(1200), 0..2),
            ("to-two", 21, None, 2..3),
            ("to-two-2", 31, None, 3..4),
        ]
    );
    assert_eq!(document.steps[1].phases, ["Back", "To one"]);
    assert_eq!(document.steps[2].phases, ["Back"]);
    assert_eq!(document.steps[3].id, "to-two-2");
    // in different sections, so nothing is said about it
    assert!(!found(&document).iter().any(|(code, _)| *code == codes::SAME_TITLE));
    let twice = parse("x", "## A\n\n**Step 1: a**\n```bash\nls\n```\n**Step 1: a**\n```bash\nls\n```\n");
    assert_eq!(found(&twice), [(codes::SAME_TITLE, 7)]);
}

#[test]
fn a_misspelt_language_is_said_with_the_one_that_was_meant() {
    let rows = [
        ("bahs", "bash"),
        ("shel", "shell"),
        ("shell-session", "console"),
        ("sh-session", "console"),
        ("shellsession", "console"),
        ("terminal", "bash"),
        ("cmd", "bash"),
    ];
    for (language, meant) in rows {
        let document = parse("x", &format!("## Step\n```{language}\n$ ls\n```\n"));
        let [finding] = document.diagnostics.as_slice() else { panic!("{:?}", document.diagnostics) };
        assert_eq!((finding.code, finding.line, finding.column), (codes::UNTAGGED_FENCE, 2, 1));
        assert_eq!(
            finding.message,
            format!("`{language}` is no known language, so this block never runs; was `{meant}` meant?")
        );
        assert!(document.steps.is_empty());
    }
}

#[test]
fn headings_are_kept_as_written_and_titles_are_plain() {
    let document = parse("x", "# `T` u\n## **Part** `a` ##\n### Run `b`\n```bash\nls\n```\n");
    let headings: Vec<_> = document.headings.iter().map(|h| (h.level, h.line, h.text.as_str())).collect();
    assert_eq!(document.title, "T u");
    assert_eq!(headings, [(1, 1, "`T` u"), (2, 2, "**Part** `a`"), (3, 3, "Run `b`")]);
    let titles: Vec<_> = document.sections.iter().map(|s| (s.id.as_str(), s.title.as_str())).collect();
    assert!(titles.contains(&("part-a", "Part a")), "{titles:?}");
    let step = step(&document, "run-b");
    assert_eq!((step.title.as_str(), step.phases.as_slice()), ("Run b", ["Part a".to_owned()].as_slice()));
}

#[test]
fn blocks_say_why_they_do_not_run() {
    let rows = [
        ("```bash\nls\n```\n", None),
        ("~~~sh\nls\n~~~\n", None),
        ("```bash\nkubectl logs <pod>\n```\n", Some("unresolved placeholder <pod>")),
        ("```yaml\na: 1\n```\n", Some("yaml is not run")),
        ("```bahs\nls\n```\n", Some("bahs is not run; was `bash` meant?")),
        ("```shell-session\n$ ls\n```\n", Some("shell-session is not run; was `console` meant?")),
        ("```\na\n```\n", Some("no language")),
        ("```\nkubectl get pods\n```\n", Some("no language, and it looks like shell")),
        ("    kubectl get pods\n", Some("indented code is not run, and it looks like shell")),
        ("    a\n", Some("indented code is not run")),
        ("```console\nkubectl get pods\n```\n", Some("console without a prompt, and it looks like shell")),
        ("```bash\n# ls\n```\n", Some("it holds no command")),
        ("```bash\nls\n", Some("its fence is never closed")),
        ("```bash{name=x\nls\n```\n", Some("`{name=x` after the language is not a list of attributes")),
        ("```console\nroot@web-1:~# ls\n```\n", Some("its commands are for root or for another program")),
        ("```bash\nmysql> show tables;\n```\n", Some("its commands are for root or for another program")),
        ("```bash\n$ ls\nmysql> q\n```\n", Some("some of its commands are for root or for another program")),
        (
            "```bash\nmysql -u a\nmysql> q\n```\n",
            Some("it mixes commands with lines that begin with a prompt"),
        ),
        ("```bash\ncd a\n$ ls\n```\n", Some("it mixes commands with lines that begin with a prompt")),
        ("```bash\ncat <<E\n$ ls\nE\n```\n", None),
    ];
    for (body, reason) in rows {
        let document = parse("x", &format!("## S\n\n{body}"));
        let block = &document.blocks[0];
        assert_eq!((block.runnable, block.reason.as_deref()), (reason.is_none(), reason), "{body}");
        let runs = document.steps.iter().flat_map(|s| &s.commands).filter(|c| c.reason().is_none()).count();
        let partly = reason.is_some_and(|reason| reason.starts_with("some"));
        assert_eq!(runs > 0, block.runnable || partly, "{body}");
    }
}

#[test]
fn output_is_never_run() {
    let text = "## S\n\n```bash\nls\n```\n\nYou should see:\n\n```bash\nready\n```\n\n```console\n$ pwd\n/srv\n$ date # Expected: 1 line\n```\n\nOutput:\n\n```console\nrunning\n```\n";
    let document = parse("x", text);
    let commands: Vec<(&str, usize)> =
        document.steps[0].commands.iter().map(|c| (c.text.as_str(), c.expectations.len())).collect();
    assert_eq!(commands, [("ls\n", 1), ("pwd\n", 0), ("date\n", 2)]);
    assert_eq!(document.blocks[1].reason.as_deref(), Some("sample output"));
    assert_eq!(document.blocks[3].reason.as_deref(), Some("sample output"));
}

#[test]
fn coverage_in_one_line() {
    let text = "## S\n\n```bash\nls\n# Expected: 1 line\n```\n```bash\npwd\n# Verify the folder\n```\n```bash\nls <a>\n```\n```bash\nls '\n```\n\n- [ ] a\n\n```\nkubectl get pods\n```\n";
    let document = parse("x", text);
    assert_eq!(
        document.coverage_line(),
        "4 commands: 2 runnable (1 judged by machine, 1 needs a person), 1 needs values, 1 refused (its text ends inside a quote); 1 manual item; 1 unmarked block"
    );
    assert_eq!(parse("x", "text").coverage_line(), "0 commands");
    let json = serde_json::to_value(document.outline()).unwrap();
    assert_eq!(json["blocks"][2]["reason"], "unresolved placeholder <a>");
    assert_eq!(json["steps"][0]["expectations"][1]["judged_by"], "person");
}

/// Inputs that would take minutes if any part looked at everything for each thing it finds.
#[test]
fn hostile_documents_end() {
    for unit in [
        "<",
        "[AB] ",
        "{end} ",
        "<a> ",
        "```bash\n",
        "$ 'x\n",
        "1. ",
        "> ",
        "**a**\n\n",
        "## a\n```bash\nls\n```\n",
        "# Expected: 1\n",
        "cat <<E\n",
        "((",
        "$(",
        "\"$(",
        "- [ ] a\n",
        "# a (1 min)\n",
        "a=b ",
        "`",
        "(a) ",
    ] {
        let body = unit.repeat(40_000 / unit.len());
        let _ = parse("x", &body);
        let _ = parse("x", &format!("## S\n```console\n{body}\n```\n"));
        let _ = parse("x", &format!("## S\n```bash\n{body}\n```\n"));
        let _ = parse("x", &format!("---\n{body}\n---\n"));
    }
}

#[test]
fn real_runbooks_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/runbooks");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("not run: the collection of real runbooks is not beside the checkout");
        return;
    };
    let (mut files, mut steps, mut commands, mut expectations) = (0, 0, 0, 0);
    for entry in entries {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let document = parse("x", &text);
        check_invariants(&document, &text);
        files += 1;
        steps += document.steps.len();
        commands += document.steps.iter().map(|s| s.commands.len()).sum::<usize>();
        expectations +=
            document.steps.iter().flat_map(|s| &s.commands).map(|c| c.expectations.len()).sum::<usize>();
    }
    println!("read {files} runbooks: {steps} steps, {commands} commands, {expectations} expectations");
    assert_eq!(files, 61, "another number of runbooks than the collection had");
    assert!(commands > 150, "{commands}");
}

/// What holds for every document whatever its text.
fn check_invariants(document: &Document, text: &str) {
    let ends = text.replace("\r\n", "\n").replace('\r', "\n").matches('\n').count();
    let lines = u32::try_from(ends).unwrap() + 1;
    for heading in &document.headings {
        assert!(heading.line >= 1 && heading.line <= lines && (1..=6).contains(&heading.level));
    }
    for block in &document.blocks {
        assert!(
            block.line_start >= 1 && block.line_start <= block.line_end && block.line_end <= lines,
            "{block:?}"
        );
        assert_eq!(block.runnable, block.reason.is_none());
    }
    for section in &document.sections {
        assert!(section.steps.start < section.steps.end && section.steps.end <= document.steps.len());
    }
    let mut ids = std::collections::BTreeSet::new();
    for step in &document.steps {
        assert!(ids.insert(step.id.clone()), "{} twice", step.id);
        assert!(step.line >= 1 && step.line <= lines);
        let empty = step.commands.is_empty() && step.baselines.is_empty() && step.undo.is_empty();
        assert!(!(empty && step.probe.is_none() && step.manual_items.is_empty()), "{} is empty", step.id);
        let all = step.commands.iter().chain(&step.baselines).chain(step.probe.as_deref()).chain(&step.undo);
        for command in all {
            assert!(ids.insert(command.id.clone()), "{} twice", command.id);
            assert!(command.line > step.line || command.line >= 1);
            assert!(command.line <= lines);
            assert!(command.text.ends_with('\n') && !command.text.trim().is_empty());
            assert!(command.placeholders.is_empty() || command.reason().is_some());
        }
    }
    for diagnostic in &document.diagnostics {
        let info = codes::info(diagnostic.code).unwrap();
        assert_eq!(info.level, diagnostic.level);
        assert!(diagnostic.line >= 1 && diagnostic.line <= lines && diagnostic.column >= 1, "{diagnostic:?}");
        assert!(!diagnostic.message.is_empty() && diagnostic.hint.is_some());
    }
}

fn markdown() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("# Title\n".to_owned()),
        Just("## Step 1: x (5 min)\n".to_owned()),
        Just("**Step 2: y (Next 24h)**\n".to_owned()),
        Just("```bash\n".to_owned()),
        Just("```bash {name=a effect=once undo}\n".to_owned()),
        Just("```console\n$ ls\nout\n".to_owned()),
        Just("```\n".to_owned()),
        Just("~~~sh {probe}\n".to_owned()),
        Just("1. item\n   ".to_owned()),
        Just("- [ ] task\n".to_owned()),
        Just("> ".to_owned()),
        Just("root@a:~# ls\nmysql> q\n".to_owned()),
        Just("1. a:\n   - b\n2. c\n".to_owned()),
        Just("**Procedure (5 min):**\n\n".to_owned()),
        Just("\r".to_owned()),
        Just("# Expected: 5/5 ready\n".to_owned()),
        Just("# Verify this\n".to_owned()),
        Just("Expected output:\n".to_owned()),
        Just("for i in a; do\n".to_owned()),
        Just("done\n".to_owned()),
        Just("cat <<EOF\nEOF\n".to_owned()),
        Just("kubectl rollout undo deploy/<x>\n".to_owned()),
        Just("---\n".to_owned()),
        Just("title: x\n".to_owned()),
        Just("params: {A: {pattern: '[a'}}\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("\n".to_owned()),
        "[ -~]{0,12}\n",
        "\\PC{0,6}",
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_a_document(text in any::<String>()) {
        check_invariants(&parse("x", &text), &text);
    }

    #[test]
    fn any_markdown_is_a_document(text in markdown()) {
        let document = parse("x", &text);
        check_invariants(&document, &text);
        prop_assert_eq!(document, parse("x", &text));
    }

    #[test]
    fn any_bytes_are_a_document(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let document = parse_bytes("x", &bytes);
        check_invariants(&document, &String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_front_matter_is_survived(yaml in "[ -~\n\t]{0,60}") {
        let text = format!("---\n{yaml}\n---\n# T\n");
        check_invariants(&parse("x", &text), &text);
    }
}
