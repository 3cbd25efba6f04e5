//! Whole documents: what becomes of their blocks, items and time boxes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser};

use crate::runbook::{Code, Command, Document, Step, codes, parse, parse_bytes};

fn found(document: &Document) -> Vec<(Code, u32)> {
    document.diagnostics.iter().map(|d| (d.code, d.line)).collect()
}

/// Text of each command with the reason why it does not run.
fn commands(document: &Document) -> Vec<(String, Option<String>)> {
    let all = document.steps.iter().flat_map(Step::all_commands);
    all.map(|(_, command)| (command.text.trim_end().to_owned(), command.reason())).collect()
}

fn items(document: &Document) -> Vec<&str> {
    document.steps.iter().flat_map(|step| &step.manual_items).map(|item| item.text.as_str()).collect()
}

/// Text and kind of the expectations of each command.
fn expected(document: &Document) -> Vec<Vec<(&str, &str)>> {
    let all = document.steps.iter().flat_map(Step::all_commands);
    all.map(|(_, one)| one.expectations.iter().map(|e| (e.text.as_str(), e.check.kind())).collect()).collect()
}

#[test]
fn prose_beside_a_block_is_an_expectation() {
    const UNCLEAR: &[Code] = &[codes::UNCLEAR_EXPECTATION];
    const CLEAR: &[Code] = &[];
    type Row = (&'static str, &'static [(&'static str, &'static str)], &'static [Code]);
    // what follows a block of two commands, what the last one of them expects, and the findings
    let below: &[Row] = &[
        ("Expected: 5/5 ready\n", &[("5/5 ready", "ratio")], CLEAR),
        ("\nExpected output: 3/3 ready\n", &[("3/3 ready", "ratio")], CLEAR),
        ("\n**Expected:** 5/5 ready\n", &[("5/5 ready", "ratio")], CLEAR),
        ("\n**Expected**: 5/5 ready\n\nMore.\n", &[("5/5 ready", "ratio")], CLEAR),
        ("\n**Expected result: 5 rows**\n", &[("5 rows", "count")], CLEAR),
        ("\n**Expected result: 5 rows**\nand no error\n", &[("5 rows", "person")], CLEAR),
        ("\nExpected: 5/5 ready\nand image web:v2\n", &[("5/5 ready and image web:v2", "person")], CLEAR),
        ("\nExpected: `5/5` ready\n", &[("5/5 ready", "ratio")], CLEAR),
        ("\n> Expected: 5/5 ready\n", &[("5/5 ready", "ratio")], CLEAR),
        ("\n- Expected: 5/5 ready\n", &[("5/5 ready", "ratio")], CLEAR),
        ("\nYou should see 5/5 ready.\n", &[("5/5 ready", "ratio")], CLEAR),
        ("\nThe output should be 5.\n", &[("5", "number")], CLEAR),
        ("\nShould return 0 lines\n", &[("0 lines", "count")], CLEAR),
        ("\nYou should see confirmation\n", &[("confirmation", "person")], CLEAR),
        ("\nYou should see `ready`\n", &[("ready", "text")], CLEAR),
        (
            "\nExpected: 5 rows\n\nExpected: HTTP 200\n",
            &[("5 rows", "count"), ("HTTP 200", "http_status")],
            CLEAR,
        ),
        ("\nExpected:\n\n- 5/5 ready\n- no rows\n", &[("5/5 ready", "ratio"), ("no rows", "count")], CLEAR),
        ("\nExpected:\n\n5/5 ready\n", &[("5/5 ready", "person")], CLEAR),
        ("\nExpected output:\n\n```\nup\n```\n", &[("up", "output")], CLEAR),
        ("\nExpected output:\n\n    up\n", &[("up", "output")], CLEAR),
        ("\nExpected output: 5/5\n\n```\nup\n```\n", &[("5/5", "ratio"), ("up", "output")], CLEAR),
        ("\n### Expected output\n\n```\nup\n```\n", &[("up", "output")], CLEAR),
        ("\nSample output:\n\n```\nup\n```\n", &[("up", "output")], CLEAR),
        ("\nSuccess looks like:\n\n```\nup\n```\n", &[("up", "output")], CLEAR),
        ("\nThe output should look like this:\n\n```\nup\n```\n", &[("up", "output")], CLEAR),
        ("\n**Expected Output**\n\n```\nup\n```\n", &[("up", "output")], CLEAR),
        ("\n```text\nx\n```\n\nExpected: 5/5 ready\n", &[("5/5 ready", "person")], UNCLEAR),
        ("\nLook.\n\nExpected: 5/5 ready\n", &[("5/5 ready", "person")], UNCLEAR),
        ("\nExpected: 5/5 ready if it is up\n", &[("5/5 ready if it is up", "person")], UNCLEAR),
        ("\nIf it is up, you should see 5/5.\n", &[("5/5", "person")], UNCLEAR),
        ("\nLook.\n\nYou should see 5/5.\n", &[], CLEAR),
        ("\n## Next\n\nExpected: 5/5\n", &[], CLEAR),
        ("\nIf you see an error, restart it.\n", &[], CLEAR),
        ("\nExpected:\n\n## Next\n", &[], UNCLEAR),
        ("\nExepcted: 5/5\n", &[], &[codes::MISSPELT_EXPECTATION]),
        ("\n- [ ] Expected: 5/5\n", &[], CLEAR),
        // the next block's own
        ("\n## Next\n\nYou should see 5/5:\n\n```bash\npwd\n```\n", &[], CLEAR),
    ];
    for (text, wanted, findings) in below {
        let document = parse("a", &format!("## Look\n\n```bash\nls\n\n# then\nwc\n```\n{text}"));
        let all = expected(&document);
        assert_eq!(all[1], *wanted, "{text}");
        assert!(all[0].is_empty(), "{text}");
        let codes: Vec<Code> = found(&document).into_iter().map(|(code, _)| code).collect();
        assert_eq!(codes, *findings, "{text}\n{:?}", document.diagnostics);
    }
}

#[test]
fn prose_is_about_the_command_that_it_stands_at() {
    type Wanted = &'static [&'static [(&'static str, &'static str)]];
    let rows: &[(&str, Wanted, usize)] = &[
        ("You should see 5/5:\n\n```bash\nls\n```\n", &[&[("5/5", "ratio")]], 0),
        ("Expected: 5/5\n\n```bash\nls\n\n# then\nwc\n```\n", &[&[], &[("5/5", "person")]], 1),
        ("Expected: 5/5\n\nLook.\n\n```bash\nls\n```\n", &[&[("5/5", "person")]], 1),
        ("```bash\nls\n```\nYou should see 5/5.\n```bash\nwc\n```\n", &[&[("5/5", "ratio")], &[]], 0),
        (
            "```bash\nls\n```\n\nNow the other one. You should see 5/5.\n\n```bash\nwc\n```\n",
            &[&[("5/5", "person")], &[]],
            1,
        ),
        (
            "1. One\n   ```bash\n   ls\n   ```\n   Expected: 5/5\n2. Two\n   ```bash\n   wc\n   ```\n   Expected: 3 rows\n",
            &[&[("5/5", "ratio")], &[("3 rows", "count")]],
            0,
        ),
        (
            "1. One\n   ```bash\n   ls\n   ```\n   Expected:\n2. Two\n   ```bash\n   wc\n   ```\n",
            &[&[], &[]],
            1,
        ),
        (
            "1. One. Expected: 5/5\n   ```bash\n   ls\n   ```\n2. Two. You should see 3 rows\n   ```bash\n   wc\n   ```\n",
            &[&[("5/5", "ratio")], &[("3 rows", "count")]],
            0,
        ),
        (
            "- One\n  ```bash\n  ls\n  ```\n- Expected: 5/5\n- Two\n  ```bash\n  wc\n  ```\n",
            &[&[("5/5", "ratio")], &[]],
            0,
        ),
        ("1. One\n   ```bash\n   ls\n   ```\n\nExpected: 5/5\n", &[&[("5/5", "person")]], 1),
        ("```bash {undo}\nls\n```\n\nExpected: 5/5\n", &[&[("5/5", "ratio")]], 0),
        ("```promql\nup\n```\n\nExpected: 5 series\n", &[&[("5 series", "count")]], 0),
        (
            "```bash\nls\n```\n\nThe following should return 0 lines:\n\n```bash\nmyctl list\n```\n",
            &[&[], &[("0 lines", "count")]],
            0,
        ),
        (
            "```bash\nls\n```\n\nIt should return 0 lines:\n\n```bash\nmyctl list\n```\n",
            &[&[("0 lines", "person")], &[]],
            1,
        ),
        (
            "```bash\nls\n```\n\nVerify that the pods are up.\n\nMore.\n",
            &[&[("Verify that the pods are up", "person")]],
            0,
        ),
        ("```bash\nls\n```\n\nVerify that the pods are up.\n\n```bash\nwc\n```\n", &[&[], &[]], 0),
        ("Verify that the pods are up.\n\n```bash\nwc\n```\n", &[&[]], 0),
        ("```bash\nls\n```\n\n---\n\nExpected: 5/5\n\n```bash\nwc\n```\n", &[&[], &[("5/5", "ratio")]], 0),
        (
            "```bash\nls\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nYou should see 5/5:\n\n```bash\nwc\n```\n",
            &[&[], &[("5/5", "ratio")]],
            0,
        ),
        ("```bash\nls\n```\n\n<br>\n\nExpected: 5/5\n", &[&[("5/5", "person")]], 1),
        // a command is no output, whatever stands above it
        ("```bash\nls\n```\n\nYou should see:\n\n```bash\nkubectl get pods\n```\n", &[&[], &[]], 1),
        ("```bash\nls\n```\n\nYou should see:\n\n```bash\nup\n```\n", &[&[("up", "output")]], 0),
        ("Expected: 5/5\n\n## Next\n\n```bash\nls\n```\n", &[&[]], 0),
    ];
    for (text, wanted, unclear) in rows {
        let document = parse("a", &format!("## Look\n\n{text}"));
        assert_eq!(expected(&document), *wanted, "{text}");
        let found = found(&document).into_iter().filter(|(code, _)| *code == codes::UNCLEAR_EXPECTATION);
        assert_eq!(found.count(), *unclear, "{text}");
    }
}

#[test]
fn commands_on_a_condition_carry_the_words_of_the_document() {
    const CODE: &[u32] = &[];
    // the document, the words for its last command, and the lines of the findings
    let rows: &[(&str, Option<&str>, &[u32])] = &[
        ("If that does not help:\n\n```bash\nrm x\n```\n", Some("If that does not help:"), &[8]),
        ("If that does not help:\n\n```bash\nls\n```\n", Some("If that does not help:"), CODE),
        ("Otherwise:\n\n```bash\nrm x\n```\n\n```bash\nrm y\n```\n", Some("Otherwise:"), &[8, 12]),
        ("Otherwise:\n\n```bash\nrm x\n```\n\nThen this:\n\n```bash\nrm y\n```\n", None, &[8]),
        ("### Option A\n\n```bash\nrm x\n```\n\n#### More\n\n```bash\nrm y\n```\n", Some("Option A"), &[5]),
        ("### Option A\n\n```bash\nrm x\n```\n\n### More\n\n```bash\nrm y\n```\n", None, &[5]),
        ("**Option A**\n\nRun:\n\n```bash\nrm x\n```\n", Some("Option A"), &[5]),
        ("**Option A:** delete it.\n\nRun:\n\n```bash\nrm x\n```\n", Some("Option A"), &[5]),
        ("**Option A**\n\n**Run:**\n\n```bash\nrm x\n```\n", Some("Option A"), &[5]),
        ("**Option A**\n\n**Afterwards**\n\n```bash\nrm x\n```\n", None, CODE),
        (
            "If it is stuck:\n\n1. Look\n2. Delete it:\n   ```bash\n   rm x\n   ```\n",
            Some("If it is stuck:"),
            &[10],
        ),
        ("If it is stuck:\n\nRun this to delete it:\n\n```bash\nrm x\n```\n", Some("If it is stuck:"), &[10]),
        (
            "- If it is stuck:\n  - Delete it:\n    ```bash\n    rm x\n    ```\n",
            Some("If it is stuck:"),
            &[8],
        ),
        ("- If it is stuck, call somebody\n- Delete it:\n  ```bash\n  rm x\n  ```\n", None, CODE),
        ("- If it is stuck, delete it\n\n```bash\nrm x\n```\n", None, CODE),
        (
            "1. Look\n   ```bash\n   ls\n   ```\n   Otherwise:\n   ```bash\n   rm x\n   ```\n",
            Some("Otherwise:"),
            &[11],
        ),
        ("```bash\n# If it is stuck\nrm x\n```\n", Some("If it is stuck"), &[7]),
        ("```bash\nls\n\n# If it is stuck\nrm x\n```\n", Some("If it is stuck"), &[9]),
        // undo, probe and what a flow decides
        ("### Rollback\n\n```bash {undo}\nrm x\n```\n", None, CODE),
        ("Otherwise:\n\n```bash {when=\"a == b\"}\nrm x\n```\n", None, CODE),
        // the author knows better
        ("Otherwise:\n\n```bash {conditional=no}\nrm x\n```\n", None, CODE),
        (
            "Otherwise:\n\n```bash\n# blocks: allow RB0173 it always runs\nrm x\n```\n",
            Some("Otherwise:"),
            CODE,
        ),
        (
            "Otherwise:\n\n<!-- blocks: allow RB0173 it always runs -->\n```bash\nrm x\n```\n",
            Some("Otherwise:"),
            CODE,
        ),
        (
            "<!-- blocks: allow RB0173 it always runs -->\n### Option A\n\n```bash\nrm x\n```\n",
            Some("Option A"),
            CODE,
        ),
        // a block that does not run needs no word about when
        ("Otherwise:\n\n```bash\nrm <file>\n```\n", Some("Otherwise:"), &[8]),
        ("Otherwise, do not run this:\n\n```bash\nrm x\n```\n", Some("Otherwise, do not run this:"), CODE),
        ("* If it hangs\n\n```bash\nrm x\n```\n", Some("If it hangs"), &[8]),
        ("* If it hangs\n  ```bash\n  rm y\n  ```\n\n```bash\nrm x\n```\n", None, &[7]),
        ("## FAQ\n\n**Q: It hangs?**\n\n```bash\nrm x\n```\n", Some("Q: It hangs?"), &[10]),
        ("## FAQ\n\n### Does it hang?\n\n```bash\nrm x\n```\n", Some("Does it hang?"), &[7]),
        ("## Look\n\n### Does it hang?\n\n```bash\nrm x\n```\n", None, &[]),
        // what goes back
        ("### Rollback\n\n```bash\nrm x\n```\n", Some("Rollback"), &[5]),
        ("To undo this:\n\n```bash\nrm x\n```\n", Some("To undo this:"), &[8]),
    ];
    for (text, words, lines) in rows {
        let document = parse("x", &format!("# Web\n```bash\nls\n```\n{text}"));
        let last = document.steps.iter().flat_map(Step::all_commands).last().unwrap().1;
        assert_eq!(last.only_if.as_ref().map(|found| found.text.as_str()), *words, "{text}");
        let found = found(&document).into_iter().filter(|(code, _)| *code == codes::CONDITIONAL);
        assert_eq!(found.map(|(_, line)| line).collect::<Vec<_>>(), *lines, "{text}");
        assert!(
            document.diagnostics.iter().all(|one| one.code != codes::ALLOW),
            "{:?}",
            document.diagnostics
        );
        let allowed = last.only_if.as_ref().is_some_and(|found| found.allowed);
        assert_eq!(allowed, text.contains("allow"), "{text}");
    }
}

#[test]
fn a_document_about_going_back_goes_back() {
    let body = "## Rollback\n\n```bash\nrm x\n```\n";
    let look = "## Look\n\n```bash\nls\n```\n\n";
    for (name, text, is_condition) in [
        ("web", format!("# Web\n\n{look}{body}"), true),
        ("web", format!("# Web\n\n{body}"), false),
        ("rollback", format!("# Web\n\n{look}{body}"), false),
        ("web", format!("# Roll the web back\n\n{look}{body}"), false),
        ("web", format!("---\nkind: rollback\n---\n# Web\n\n{look}{body}"), false),
        ("web", format!("---\ntitle: Undo a release\n---\n# Web\n\n{look}{body}"), false),
        ("web", format!("# Restart or rollback web\n\n## Restart\n\n```bash\nrm y\n```\n\n{body}"), true),
        ("web", format!("# Web\n\n{look}## Step 2: Roll back\n\n```bash\nrm x\n```\n"), false),
    ] {
        let document = parse(name, &text);
        let last = document.steps.iter().flat_map(Step::all_commands).last().unwrap().1;
        assert_eq!(last.only_if.is_some(), is_condition, "{text}");
    }
}

#[test]
fn items_know_their_place_among_the_commands() {
    let text = "## Step 1: Do\n\n1. Run:\n   ```bash\n   ls\n   ```\n2. Call somebody\n3. Run:\n   ```bash\n   wc\n   ```\n\n- [ ] Close it\n";
    let document = parse("x", text);
    let places: Vec<_> = document
        .steps
        .iter()
        .flat_map(|step| &step.manual_items)
        .map(|item| (item.text.as_str(), item.after_commands))
        .collect();
    assert_eq!(places, [("Call somebody", Some(1)), ("Close it", Some(2))]);
}

#[test]
fn what_the_document_says_not_to_run_does_not_run() {
    const TITLE: Option<&str> = Some("its title says not to run it");
    const TEXT: Option<&str> = Some("the text above says not to run it");
    const COMMENT: Option<&str> = Some("a comment in it says not to run it");
    // the document, the reason of its last block, and the lines of the findings about it
    let rows: &[(&str, Option<&str>, &[u32])] = &[
        ("## Look\n\nDo not run this:\n\n```bash\nls\n```\n", TEXT, &[5]),
        ("## Look\n\n> **Warning:** never run this.\n\n```bash\nls\n```\n", TEXT, &[5]),
        ("## Look\n\n1. Do not run this:\n   ```bash\n   ls\n   ```\n", TEXT, &[4]),
        ("## Bad example\n\n```bash\nls\n```\n", TITLE, &[3]),
        ("## Do not run these\n\n### One\n\n```bash\nls\n```\n", TITLE, &[5]),
        ("## Look\n\n**Step 1: do not run this**\n\n```bash\nls\n```\n", TEXT, &[5]),
        ("## Look\n\n```bash\nls\n# Wrong: this loses data\nrm x\n```\n", COMMENT, &[5]),
        ("## Look\n\n```console\n# do not run this\n$ ls\n```\n", COMMENT, &[4]),
        ("## Look\n\n```sql\n-- do not run this\nselect 1;\n```\n", COMMENT, &[4]),
        ("## Look\n\nDo not run this.\n\n```promql\nup\n```\n", TEXT, &[5]),
        // the block below it stands below the same text
        ("## Look\n\nDo not run these:\n\n```bash\nls\n```\n\n```bash\npwd\n```\n", TEXT, &[5, 9]),
        ("## Look\n\nDo not run this:\n\n```bash\nls\n```\n\nBut this:\n\n```bash\npwd\n```\n", None, &[5]),
        ("## Look\n\nNever run this:\n\n```text\nls\n```\n\n```bash\nls\n```\n", TEXT, &[9]),
        // a condition is for people
        ("## Look\n\nDo not run this on production.\n\n```bash\nls\n```\n", None, &[5]),
        ("## Look\n\n```bash\n# never run this as root\nls\n```\n", None, &[4]),
        // attributes say that it is meant to run
        ("## Look\n\nDo not run this.\n\n```bash {name=look}\nls\n```\n", None, &[5]),
        ("## Look\n\nDo not run this.\n\n```bash {effect=read}\nls\n```\n", None, &[5]),
        ("## Look\n\nDo not run this on production.\n\n```bash {timeout=5s}\nls\n```\n", None, &[]),
        // nothing of it
        ("## Look\n\nRun this, not the old one:\n\n```bash\nls\n```\n", None, &[]),
        ("# Do not run\n\n## Look\n\n```bash\nls\n```\n", None, &[]),
        ("## Do not run these\n\ntext\n\n## Look\n\n```bash\nls\n```\n", None, &[]),
        ("## Look\n\nDo not run this.\n\n```text\nls\n```\n\ntext\n\n```bash\nls\n```\n", None, &[]),
        ("## Look\n\n```bash\ncat <<E\n# do not run this\nE\n```\n", None, &[]),
    ];
    for (text, reason, lines) in rows {
        let document = parse("x", text);
        let block = document.blocks.last().unwrap();
        assert_eq!((block.runnable, block.reason.as_deref()), (reason.is_none(), *reason), "{text}");
        let last = commands(&document).pop().unwrap();
        assert_eq!(last.1.as_deref(), *reason, "{text}");
        let found = found(&document).into_iter().filter(|(code, _)| *code == codes::FORBIDDEN);
        assert_eq!(found.map(|(_, line)| line).collect::<Vec<_>>(), *lines, "{text}");
    }
    // neither its placeholders nor what it would do matters
    let document = parse("x", "## Bad example\n\n```bash\nkubectl delete pod <pod>\n```\n");
    assert_eq!(found(&document), [(codes::FORBIDDEN, 3)]);
    assert_eq!(document.params, []);
}

#[test]
fn commands_for_others_are_listed_and_counted() {
    let text = "## Look\n\n```console\n$ ls\nout\n# systemctl restart web\nroot@web-1:~#\n$ pwd\nmysql> select 1;\n```\n";
    let document = parse("x", text);
    let row = |text: &str, reason: Option<&str>| (text.to_owned(), reason.map(str::to_owned));
    assert_eq!(
        commands(&document),
        [
            row("ls", None),
            row("systemctl restart web", Some("it is for root")),
            row("pwd", None),
            row("mysql> select 1;", Some("it is for another program")),
        ]
    );
    assert_eq!(found(&document), [(codes::OTHER_PROMPT, 6)]);
    assert_eq!(
        document.coverage_line(),
        "4 commands: 2 runnable (2 judged by machine), 2 refused (it is for another program; it is for root)"
    );
    for (body, reason) in [
        ("```console\n# systemctl restart web\n```\n", "it is for root"),
        ("```console\nroot@web-1:~# systemctl restart web\n# Expected: active\n```\n", "it is for root"),
        ("```bash\nroot@web-1:~# rm <file>\n```\n", "it is for root"),
        ("```bash\n>>> print(1)\n```\n", "it is for another program"),
        ("```bash\nλ ls\n```\n", "it begins with what may be a prompt"),
        ("```console\n(venv) pip list\n```\n", "it begins with what may be a prompt"),
        ("```bash\n> kubectl get pods\n```\n", "it begins with what may be a prompt"),
    ] {
        let document = parse("x", &format!("## Look\n\n{body}"));
        let all = commands(&document);
        assert_eq!((all.len(), all[0].1.as_deref()), (1, Some(reason)), "{body}");
        assert!(!document.blocks[0].runnable, "{body}");
        let codes: Vec<Code> = found(&document).into_iter().map(|(code, _)| code).collect();
        assert_eq!(codes, [codes::OTHER_PROMPT], "{body}");
    }
    assert_eq!(parse("x", "## Look\n\n```console\nroot@web-1:~#\n```\n").steps, []);
}

#[test]
fn prompts_of_other_shells_are_taken_off() {
    for line in [
        "% ls -l",
        "❯ ls -l",
        "➜  shop git:(main) ✗ ls -l",
        "(venv) $ ls -l",
        "ana@mac shop % ls -l",
        "mac:shop ana$ ls -l",
        "~/shop $ ls -l",
    ] {
        let document = parse("x", &format!("## Look\n\n```bash\n{line}\nout\n```\n"));
        assert_eq!(commands(&document), [("ls -l".to_owned(), None)], "{line}");
        // further down, nothing of the block runs
        let document = parse("x", &format!("## Look\n\n```bash\ncd a\n{line}\n```\n"));
        assert!(commands(&document).iter().all(|(_, reason)| reason.is_some()), "{line}");
        assert!(found(&document).contains(&(codes::OTHER_PROMPT, 5)), "{line}");
    }
}

#[test]
fn output_among_commands_stops_the_block() {
    for (output, line) in [
        ("NAME    READY   STATUS\nweb-1   1/1     Running\n", 5),
        ("HTTP/1.1 200 OK\n", 5),
        ("{\n  \"status\": \"ok\"\n}\n", 5),
        ("\n2024-05-01T10:00:00Z started\n", 6),
        (" count\n-------\n     5\n(1 row)\n", 6),
        ("# it prints\nEvents: none\n", 6),
    ] {
        let document = parse("x", &format!("## Look\n\n```bash\nls\n{output}```\n"));
        let all = commands(&document);
        assert!(
            all.iter().all(|(_, reason)| reason.as_deref() == Some("output stands among its commands")),
            "{output}"
        );
        assert!(found(&document).contains(&(codes::PASTED_OUTPUT, line)), "{output}: {:?}", found(&document));
    }
    for body in [
        "for i in NAME READY; do\n  echo $i\ndone\n",
        "A=(\n  NAME READY\n  HTTP/1.1 OK\n)\n",
        "cat <<E\nNAME READY\nE\n",
        "echo '\nNAME READY\n'\n",
        "f() {\n  ls\n}\n",
    ] {
        let document = parse("x", &format!("## Look\n\n```bash\n{body}```\n"));
        assert!(commands(&document).iter().all(|(_, reason)| reason.is_none()), "{body}");
    }
}

#[test]
fn ranges_that_chain_are_windows() {
    let boxes = |text: &str| -> Vec<(Option<u32>, Option<u32>)> {
        let minutes = |s: Option<u32>| s.map(|s| s / 60);
        parse("x", text).steps.iter().map(|step| (minutes(step.starts_s), minutes(step.timebox_s))).collect()
    };
    let list = "## Playbook (30 min)\n\n1. **See (0-5 min):**\n   - a\n2. **Look (5-10 min):**\n   - Run:\n     ```bash\n     ls\n     ```\n   - b\n3. **Mend (10-30 min):**\n   - c\n";
    let document = parse("x", &list.replace(" (30 min)", ""));
    let minutes = |s: u32| s / 60;
    let steps: Vec<_> = document
        .steps
        .iter()
        .map(|step| (step.starts_s.map(minutes), step.timebox_s.map(minutes), step.manual_items.len()))
        .collect();
    assert_eq!(steps, [(Some(0), Some(5), 1), (Some(5), Some(5), 1), (Some(10), Some(20), 1)]);
    let headings = "## P (30 min)\n\n### A (0-5 min)\n\n- [ ] a\n\n### B (5-30 min)\n\n- [ ] b\n";
    assert_eq!(boxes(headings), [(Some(0), Some(5)), (Some(5), Some(25))]);
    // the sum is the last end, so nothing is over the limit
    assert_eq!(found(&parse("x", headings)), []);
    let phases = "## P\n\n### A (0-5 min)\n\n**Step 1: a (4 min)**\n\n```bash\nls\n```\n\n### B (5-10 min)\n\n**Step 2: b (6 min)**\n\n```bash\nls\n```\n";
    assert_eq!(found(&parse("x", phases)), [(codes::TIME_BOXES, 11)], "a window's limit is its length");
    // neither begins at 0 nor chains: the longer time, as ever
    assert_eq!(boxes("## A (5-10 min)\n\n- [ ] a\n\n## B (5-10 min)\n\n- [ ] b\n"), [(None, Some(10)); 2]);
    let gap = "## A (0-5 min)\n\n- [ ] a\n\n## B (6-10 min)\n\n- [ ] b\n";
    assert_eq!(boxes(gap), [(None, Some(5)), (None, Some(10))]);
    // of other parents
    let apart = "## A\n\n### B (0-5 min)\n\n- [ ] a\n\n## C\n\n### D (5-10 min)\n\n- [ ] b\n";
    assert_eq!(boxes(apart), [(None, Some(5)), (None, Some(10))]);
}

#[test]
fn items_are_for_a_person_or_said_to_be_text() {
    type Row<'a> = (&'a str, &'a [&'a str], u32);
    let rows: &[Row<'_>] = &[
        // what a task announces is to be done as well
        (
            "## Look\n\n- [ ] Do this:\n  - a\n  - b:\n    - c\n- [ ] d\n  - why\n",
            &["Do this:", "a", "b:", "c", "d"],
            1,
        ),
        ("## Look\n\n- [ ] a:\n  1. b\n  2. c\n", &["a:", "b", "c"], 0),
        ("## 2. Look\n\n- a:\n  - b\n- c\n  - why\n", &["a:", "b", "c"], 1),
        // beside a command
        (
            "## Look\n\n1. Look:\n   - Run:\n     ```bash\n     ls\n     ```\n   - a\n   - b\n2. c\n",
            &["a", "b", "c"],
            0,
        ),
        (
            "## Look\n\n1. Look:\n   - a\n   - Run:\n     ```bash\n     ls\n     ```\n   - b:\n     - c\n   - Then:\n     ```bash\n     pwd\n     ```\n",
            &["a", "b:", "c"],
            0,
        ),
        // what stands below a command explains it
        ("## Look\n\n1. Run:\n   ```bash\n   ls\n   ```\n   - why\n", &[], 1),
        ("## Step 1: Look\n\n- a\n\n```bash\nls\n```\n", &[], 1),
        ("## Look\n\n- Run:\n  ```bash\n  ls\n  ```\n- why\n", &[], 1),
        ("## Look\n\n- [ ] Run:\n  ```bash\n  ls\n  ```\n", &["Run:"], 0),
        ("## Look\n\n1. [ ] a\n2. [ ] Run\n   ```bash\n   ls\n   ```\n3. [ ] b\n", &["a", "Run", "b"], 0),
        // a command that somebody is told to run
        ("## Pods\n\n1. Run `kubectl get pods`\n2. a\n", &["Run kubectl get pods", "a"], 0),
        ("## Pods\n\n```bash\nls\n```\n\n1. Then execute: `aws s3 ls`\n", &["Then execute: aws s3 ls"], 0),
        ("## Pods\n\n1. `kubectl get pods`\n", &["kubectl get pods"], 0),
        ("## Pods\n\n```bash\nls\n```\n\n1. Run times are long\n2. Make sure\n", &[], 2),
        ("## Background\n\n1. Run `kubectl get pods`\n", &[], 1),
        // causes are no steps, and neither is a summary
        ("## 5. Verify\n\nLook. The common causes:\n\n1. a\n2. b\n", &["Look."], 2),
        ("## 5. Mend\n\nBecause of that, do the following:\n\n1. a\n", &["a"], 0),
        ("## Why so\n\nThe procedure is harmless. To keep it so:\n\n1. a\n\n## Look\n\n- [ ] b\n", &["b"], 1),
        ("## Executive summary\n\n1. a\n\n## Look\n\n- [ ] b\n", &["b"], 1),
        ("## Alpha\n\nText.\n\n- a\n  - b\n", &[], 2),
    ];
    for (text, expected, text_items) in rows {
        let document = parse("x", text);
        assert_eq!((items(&document), document.text_items), (expected.to_vec(), *text_items), "{text}");
        assert_eq!(document.coverage().text_items, *text_items);
    }
}

#[test]
fn no_step_is_without_a_title() {
    for (text, titles) in [
        (
            "# N\n\n1. - ```bash\n     ls\n     ```\n2. - - a\n   - ```bash\n     df\n     ```\n",
            &["N", "a"][..],
        ),
        ("# N\n\n1. - See a\n     ```bash\n     ls\n     ```\n", &["See a"]),
        ("1. - ```bash\n     ls\n     ```\n", &["x"]),
        ("# (5 min)\n\n```bash\nls\n```\n", &["line 1"]),
    ] {
        let document = parse("x", text);
        let found: Vec<&str> = document.steps.iter().map(|step| step.title.as_str()).collect();
        assert_eq!(found, titles, "{text}");
        assert!(document.steps.iter().all(|step| !step.id.is_empty()));
    }
}

#[test]
fn an_error_about_all_of_it_is_said_in_the_coverage() {
    let body = "# T\n\n```bash\nls\n```\n";
    let rows: Vec<(Vec<u8>, &str)> = vec![
        (format!("---\nservice: [\n---\n{body}").into_bytes(), "RB0101"),
        (format!("---\nservice: web\ncolour: red\n---\n{body}").into_bytes(), "RB0102"),
        ([body.as_bytes(), b"\xff\n"].concat(), "RB0125"),
        (format!("{body}\0").into_bytes(), "RB0126"),
    ];
    for (bytes, code) in rows {
        let document = parse_bytes("x", &bytes);
        let coverage = document.coverage();
        assert_eq!((coverage.commands, coverage.runnable, coverage.refused), (1, 0, 1), "{code}");
        let line = coverage.line();
        assert!(
            line.starts_with("1 command: nothing of the document runs: ") && line.contains(code),
            "{line}"
        );
        assert!(!document.blocks[0].runnable);
        let json = serde_json::to_value(document.outline()).unwrap();
        assert_eq!(json["steps"][0]["commands"][0]["runnable"], false);
    }
    let fine = parse("x", body);
    assert_eq!((fine.stopped_by(), fine.coverage().runnable), (None, 1));
}

/// A part of a document; `%` stands for a number of its own.
fn part() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "# Title\n\n",
        "## Look\n\n",
        "## Step 3: Do (5 min)\n\n",
        "\n**Step 1: Go back**\n\n",
        "### Overview\n\n",
        "\nFollow these steps:\n\n",
        "- [ ] task %\n",
        "- [x] task %:\n",
        "  - [ ] task %\n",
        "    - [ ] task %:\n",
        "  - plain\n",
        "- plain:\n",
        "1. plain\n",
        "2. plain:\n",
        "   - [ ] task %\n",
        "   1. [ ] task %\n",
        "   - plain\n",
        "1. [ ] task %\n",
        "\n\n",
        "```bash\nls\n```\n\n",
        "   ```bash\n   ls\n   ```\n\n",
        "  ```bash {name=n%}\n  ls\n  ```\n",
        "```text\nls\n```\n\n",
    ])
}

proptest! {
    #[test]
    fn each_task_is_a_manual_item_once(parts in proptest::collection::vec(part(), 0..30)) {
        let mut text = String::new();
        let mut number = 0;
        for part in parts {
            number += 1;
            text.push_str(&part.replace('%', &number.to_string()));
        }
        let document = parse("x", &text);
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for item in items(&document) {
            // its text may go on in further lines
            let name: Vec<&str> = item.split_whitespace().take(2).collect();
            *counts.entry(name.join(" ").trim_end_matches(':').to_owned()).or_default() += 1;
        }
        // what CommonMark reads as an item, and not as the text of one or as code
        let events: Vec<Event<'_>> = Parser::new_ext(&text, Options::ENABLE_TASKLISTS).collect();
        for pair in events.windows(2) {
            let [Event::TaskListMarker(_), Event::Text(task)] = pair else { continue };
            let count = counts.get(task.trim_end_matches(':')).copied();
            prop_assert_eq!(count, Some(1), "{} in\n{}", task, text);
        }
    }
}

#[test]
fn neither_of_two_commands_with_one_name_runs() {
    let block = |name: &str, line: &str| format!("```bash {{name={name}}}\n{line}\n```\n\n");
    let text =
        format!("# T\n\n## S\n\n{}{}{}", block("a", "ls /1"), block("b", "ls /2"), block("a", "ls /3"));
    let document = parse("x", &text);
    let reasons: Vec<_> = document.steps[0].commands.iter().map(Command::reason).collect();
    let told = Some("two commands are named `a`".to_owned());
    assert_eq!(reasons, [told.clone(), None, told]);
    let runnable: Vec<bool> = document.blocks.iter().map(|block| block.runnable).collect();
    assert_eq!(runnable, [false, true, false]);
}

#[test]
fn fences_that_markdown_takes_for_text_are_told() {
    let rows: &[(&str, &[u32])] = &[
        ("!!! note\n\n    ```bash\n    ls /a\n    ```\n", &[3]),
        ("!!! note \"x\"\n    ```bash\n    ls /a\n    ```\n", &[2]),
        ("=== \"Linux\"\n\n    text\n\n    ```bash\n    ls /a\n    ```\n", &[5]),
        ("??? tip\n    Text.\n    ~~~sh\n    ls /a\n    ~~~\n", &[3]),
        (":::note\n\n```bash\nls /a\n```\n\n:::\n", &[]),
        ("- item\n\n  ```bash\n  ls /a\n  ```\n", &[]),
        ("Text.\n\n    ls /a\n", &[]),
        ("Text !!! note\n\n```bash\nls /a\n```\n", &[]),
    ];
    for (text, lines) in rows {
        let document = parse("x", text);
        let told = document.diagnostics.iter().filter(|found| found.code == codes::LOST_FENCE);
        assert_eq!(told.map(|found| found.line).collect::<Vec<_>>(), *lines, "{text}");
    }
}

#[test]
fn commands_with_characters_of_printed_text_do_not_run() {
    let text = "# T\n\n## S\n\n```bash\nkubectl get pods –n shop\n```\n\n```bash\nkubectl get pods\n\n# Then\necho “a (b”\n```\n";
    let document = parse("x", text);
    let runs: Vec<bool> =
        document.steps[0].commands.iter().map(|command| command.not_runnable.is_none()).collect();
    assert_eq!(runs, [false, true, false]);
    let told: Vec<_> = document
        .diagnostics
        .iter()
        .filter(|found| found.code == codes::TYPOGRAPHY)
        .map(|found| (found.line, found.column, found.hint.clone().unwrap_or_default()))
        .collect();
    let meant = |text: &str| format!("probably meant: `{text}`");
    assert_eq!(told, [(6, 18, meant("kubectl get pods -n shop")), (13, 6, meant("echo \"a (b\""))]);
    assert!(document.diagnostics.iter().all(|found| found.code != codes::SHELL_REFUSED));
}

type Told = (Vec<(String, String)>, Vec<(Code, u32)>);

/// Commands, each with why it does not run or on what condition it does, and the codes of some findings.
fn told(text: &str, wanted: &[Code]) -> Told {
    let document = parse("x", &format!("# T\n\n## Step\n\n{text}"));
    let all = document.steps.iter().flat_map(Step::all_commands);
    let commands = all
        .map(|(_, one)| {
            let only_if = one.only_if.as_ref().map(|only_if| format!("only if {}", only_if.text));
            (one.text.trim_end().to_owned(), one.reason().or(only_if).unwrap_or_default())
        })
        .collect();
    let found = found(&document).into_iter().filter(|(code, _)| wanted.contains(code)).collect();
    (commands, found)
}

#[test]
fn what_a_file_holds_or_a_comment_holds_does_not_run() {
    const CODES: &[Code] = &[codes::FILE_CONTENT, codes::COMMENTED_OUT, codes::FORBIDDEN];
    const FILE: &str = "it is the content of a file";
    const COMMENT: &str = "it stands in a comment";
    const TEXT: &str = "the text above says not to run it";
    type Row = (&'static str, &'static [&'static str], &'static [(Code, u32)]);
    let rows: &[Row] = &[
        ("```bash\n#!/bin/sh\nrm a\n```\n", &[FILE], &[(codes::FILE_CONTENT, 6)]),
        ("```bash {name=a}\n#!/bin/sh\nrm a\n```\n", &[""], &[]),
        ("Save this as `a.sh`:\n\n```bash\nrm a\n```\n", &[FILE], &[(codes::FILE_CONTENT, 7)]),
        (
            "- Add this line to the crontab:\n\n  ```bash\n  rm a\n  ```\n",
            &[FILE],
            &[(codes::FILE_CONTENT, 7)],
        ),
        ("Create `/a` with this content:\n\n```bash\ncat > /a <<E\nE\n```\n", &[""], &[]),
        ("Save this as `a.sh`:\n\n```bash\n$ rm a\n```\n", &[""], &[]),
        (
            "{/*\n\n```bash\nrm a\n```\n\n*/}\n\n```bash\nrm b\n```\n",
            &[COMMENT, ""],
            &[(codes::COMMENTED_OUT, 7)],
        ),
        ("<!--\n```bash\nrm a\n```\n-->\n\n```bash\nrm b\n```\n", &[""], &[(codes::COMMENTED_OUT, 6)]),
        ("<!-- do not run -->\n```bash\nrm a\n```\n", &[TEXT], &[(codes::FORBIDDEN, 6)]),
        ("{/* do not run this */}\n\n```bash\nrm a\n```\n", &[TEXT], &[(codes::FORBIDDEN, 7)]),
        ("<!-- a note -->\n```bash\nrm a\n```\n", &[""], &[]),
    ];
    for (text, reasons, findings) in rows {
        let (commands, found) = told(text, CODES);
        let said: Vec<&str> = commands.iter().map(|(_, said)| said.as_str()).collect();
        assert_eq!((said.as_slice(), found.as_slice()), (*reasons, *findings), "{text}");
    }
}

#[test]
fn comments_summaries_and_tabs_are_conditions() {
    let rows: &[(&str, &[(&str, &str)])] = &[
        ("```bash\nrm a\n# OR\nrm b\n```\n", &[("rm a", ""), ("rm b", "only if OR")]),
        ("```bash\nrm a\n\n# OR\n\nrm b\n```\n", &[("rm a", ""), ("rm b", "only if OR")]),
        (
            "```bash\nls a\n# if not running, restart\nrm a\n# look\nls a\n```\n",
            &[("ls a", ""), ("rm a", "only if if not running, restart"), ("ls a", "")],
        ),
        (
            "```bash\nls a\n# if this fails, stop here\nrm a\n```\n",
            &[("ls a", ""), ("rm a", "only if if this fails, stop here")],
        ),
        (
            "```bash\n# staging\nrm a\n# production:\nrm b\n```\n",
            &[("rm a", "only if staging"), ("rm b", "only if production")],
        ),
        ("```bash\n# production\nrm a\n# and more\nrm b\n```\n", &[("rm a\n# and more\nrm b", "")]),
        (
            "<details>\n<summary>If it is <b>stuck</b></summary>\n\n```bash\nrm a\n```\n",
            &[("rm a", "only if If it is stuck")],
        ),
        (
            "<Tabs>\n<TabItem label=\"A\">\n\n```bash\nrm a\n```\n\n</TabItem>\n</Tabs>\n\n```bash\nrm b\n```\n",
            &[("rm a", "only if tab A"), ("rm b", "")],
        ),
        (
            "{% tabs %}\n{% tab title=\"A\" %}\n\n```bash\nrm a\n```\n\n{% endtab %}\n{% endtabs %}\n\n```bash\nrm b\n```\n",
            &[("rm a", "only if tab A"), ("rm b", "")],
        ),
    ];
    for (text, expected) in rows {
        let (commands, _) = told(text, &[]);
        let said: Vec<(&str, &str)> =
            commands.iter().map(|(text, said)| (text.as_str(), said.as_str())).collect();
        assert_eq!(said.as_slice(), *expected, "{text}");
    }
    let steps = parse("x", "# T\n\n<h2>Step 2: <i>go</i></h2>\n\n```bash\nls\n```\n").steps;
    assert_eq!(steps[0].title, "Step 2: go");
}

#[test]
fn a_placeholder_that_reads_as_a_comment_stops_its_block() {
    for (text, expected) in [
        ("kubectl delete pod #{pod} -n shop", 1),
        ("kubectl delete pod a #{ not one", 0),
        ("ls # {pod}", 0),
        ("#{pod}\nls", 0),
    ] {
        let (commands, found) = told(&format!("```bash\n{text}\n```\n"), &[codes::PLACEHOLDER]);
        assert_eq!((found.len(), usize::from(!commands[0].1.is_empty())), (expected, expected), "{text}");
    }
}

#[test]
fn retries_need_a_command_that_may_be_repeated() {
    for (info, expected) in [
        ("retries=2", 1),
        ("retries=2 effect=idempotent", 0),
        ("until=2m", 1),
        ("until=2m effect=idempotent", 0),
        ("timeout=2s", 0),
    ] {
        let (commands, found) =
            told(&format!("```bash {{{info}}}\nrm a\n```\n"), &[codes::ATTRIBUTE_CONFLICT]);
        assert_eq!((found.len(), usize::from(!commands[0].1.is_empty())), (expected, expected), "{info}");
    }
}
