//! Whole documents: what becomes of their blocks, items and time boxes.

use crate::runbook::{Code, Document, Step, codes, parse};

fn found(document: &Document) -> Vec<(Code, u32)> {
    document.diagnostics.iter().map(|d| (d.code, d.line)).collect()
}

/// Text of each command with the reason why it does not run.
fn commands(document: &Document) -> Vec<(String, Option<String>)> {
    let all = document.steps.iter().flat_map(Step::all_commands);
    all.map(|(_, command)| (command.text.trim_end().to_owned(), command.reason())).collect()
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
