//! Shapes that break parsers: each grows with one thing only, so that a part that is worse than linear shows.

/// A name for people, and a document of about so many bytes.
pub(crate) type Shape = (&'static str, fn(usize) -> String);

/// Every shape.
pub(crate) const SHAPES: &[Shape] = &[
    ("nested lists, one level per line", |n| nested(n, "- ")),
    ("nested lists on one line", |n| "- ".repeat(n / 2)),
    ("10,000 nested lists, then text", |n| filled(&"- ".repeat(10_000), n)),
    ("nested quotes on one line", |n| "> ".repeat(n / 2)),
    ("10,000 nested quotes, then text", |n| filled(&"> ".repeat(10_000), n)),
    ("nested ordered items with fences", nested_fences),
    ("[", |n| "[".repeat(n)),
    ("[a](", |n| "[a](".repeat(n / 4)),
    ("![", |n| "![".repeat(n / 2)),
    ("backtick runs of growing length", backticks),
    ("`", |n| "` ".repeat(n / 2)),
    ("*", |n| "*".repeat(n)),
    ("*a _b", |n| "*a _b ".repeat(n / 6)),
    ("<", |n| "<".repeat(n)),
    ("<a", |n| "<a ".repeat(n / 3)),
    ("<?", |n| "<?".repeat(n / 2)),
    ("<![CDATA[", |n| "<![CDATA[".repeat(n / 9)),
    ("[^", |n| "[^".repeat(n / 2)),
    ("[a]: definitions with titles that never end", |n| "[a]: b \"\n".repeat(n / 9)),
    ("a|b without a table", |n| "a|b\n".repeat(n / 4)),
    ("~~", |n| "~~a ".repeat(n / 4)),
    ("<!--", |n| "<!--".repeat(n / 4)),
    ("&", |n| "&".repeat(n)),
    ("backslashes", |n| "\\".repeat(n)),
    ("one line of words", |n| "word ".repeat(n / 5)),
    ("one line of two-byte letters", |n| "é".repeat(n / 2)),
    ("empty lines", |n| "\n".repeat(n)),
    ("CRLF lines", |n| "a line of text\r\n".repeat(n / 16)),
    ("NUL bytes", |n| "\0".repeat(n)),
    ("unclosed fences", |n| "```bash\n".repeat(n / 8)),
    ("fences of growing length", growing_fences),
    ("headings with one title", |n| "## Look\n\n- [ ] a\n\n".repeat(n / 18)),
    ("headings with one title and time boxes", |n| "## Look (5 min)\n\n- [ ] a\n\n".repeat(n / 26)),
    ("nested headings with time boxes", |n| {
        "## A (1 h)\n\n### B (5 min)\n\n```bash\nls\n```\n\n".repeat(n / 44)
    }),
    ("steps of one command", |n| numbered(n, |i| format!("## Step {i}\n\n```bash\nls {i}\n```\n\n"))),
    ("commands in one fence", |n| format!("```bash\n{}```\n", "ls\n# Expected: x\n".repeat(n / 17))),
    ("one command of many lines", |n| format!("```bash\n{}```\n", "kubectl get pods -n a\n".repeat(n / 22))),
    ("comments in one fence", |n| format!("```bash\nls\n{}```\n", "# a comment\n".repeat(n / 12))),
    ("comments that go on", |n| format!("```bash\nls\n# Expected: a,\n{}```\n", "#   b,\n".repeat(n / 7))),
    ("verify comments", |n| format!("```bash\nls\n{}```\n", "# Verify it\n\n".repeat(n / 13))),
    ("verify comments behind commands", |n| format!("```bash\n{}```\n", "ls\n# Verify it\n".repeat(n / 15))),
    ("expectations before any command", |n| format!("```bash\n{}```\n", "# Expected: 1\n".repeat(n / 14))),
    ("expectations before any query", |n| format!("```promql\n{}```\n", "# Expected: 1\n".repeat(n / 14))),
    ("expectations before any statement", |n| {
        format!("```sql\n{}```\n", "/* Expected: 1 */ ".repeat(n / 18))
    }),
    ("queries that cannot be read", |n| format!("```promql\n{}```\n", "up(\n\n".repeat(n / 5))),
    ("statements in one fence", |n| format!("```sql\n{}```\n", "begin;\n-- Expected: 1\n".repeat(n / 22))),
    ("root prompts", |n| format!("```console\n{}```\n", "root@a:~# ls\n".repeat(n / 13))),
    ("comments that forbid nothing", |n| format!("```bash\nls\n{}```\n", "# do not stop\n".repeat(n / 14))),
    ("a paragraph that forbids nothing", |n| {
        format!("{}\n\n```bash\nls\n```\n", "do not run x ".repeat(n / 13))
    }),
    ("empty lines between comments", |n| format!("```bash\nls\n{}# Verify\n```\n", "\n".repeat(n))),
    ("an open quote", |n| format!("```bash\necho '{}\n```\n", "a\n".repeat(n / 2))),
    ("open loops", |n| format!("```bash\n{}```\n", "for i in a; do\n".repeat(n / 15))),
    ("loops with expectations inside", |n| {
        format!("```bash\nfor i in a; do\n{}done\n```\n", "ls\n# Expected: x\n".repeat(n / 17))
    }),
    ("open here-documents", |n| format!("```bash\n{}```\n", "cat <<E\n".repeat(n / 8))),
    ("here-documents on one line", |n| format!("```bash\ncat {}\n```\n", "<<E ".repeat(n / 4))),
    ("brackets", |n| format!("```bash\n{}\n```\n", "(".repeat(n))),
    ("substitutions", |n| format!("```bash\necho {}\n```\n", "$(".repeat(n / 2))),
    ("command that goes on", |n| format!("```bash\nls {}\n```\n", "\\\n".repeat(n / 2))),
    ("console with output", |n| format!("```console\n$ ls\n{}```\n", "out\n".repeat(n / 4))),
    ("console prompts", |n| format!("```console\n{}```\n", "$ ls\n".repeat(n / 5))),
    ("console with open quotes", |n| format!("```console\n{}```\n", "$ echo 'a\nb\n".repeat(n / 12))),
    ("console: each line goes on", |n| format!("```console\n$ ls \\\n{}```\n", "a \\\n".repeat(n / 4))),
    ("console: long lines go on", |n| {
        format!("```console\n$ echo '\n{}```\n", format!("{}\n", "a".repeat(n / 200)).repeat(200))
    }),
    ("changes without a namespace", |n| format!("```bash\n{}```\n", "kubectl delete pod a\n".repeat(n / 21))),
    ("changes without a namespace on one line", |n| {
        format!("```bash\n{}\n```\n", "kubectl delete pod a; ".repeat(n / 22))
    }),
    ("a long line of changes at its end", |n| {
        format!("```bash\necho {}; {}\n```\n", "a".repeat(n / 2), "kubectl delete pod a; ".repeat(n / 44))
    }),
    ("probes", |n| format!("## A\n\n{}", "```bash {probe}\nls\n```\n\n".repeat(n / 24))),
    ("fences without commands", |n| "```bash\n```\n\n".repeat(n / 13)),
    ("output fences", |n| format!("```bash\nls\n```\n\n{}", "Output:\n\n```\na\n```\n\n".repeat(n / 20))),
    ("placeholders", |n| format!("```bash\n{}```\n", numbered(n, |i| format!("ls <pod-{i}>\n")))),
    ("open angles", |n| format!("```bash\necho '{}'\n```\n", "<a ".repeat(n / 3))),
    ("closing tags", |n| format!("```bash\necho '{}'\n```\n", "</a".repeat(n / 3))),
    ("map indexes", |n| format!("```bash\necho {}\n```\n", "a[AB]".repeat(n / 5))),
    ("functions and their uses", functions),
    ("fences with one name", |n| "```bash {name=a}\nls\n```\n\n".repeat(n / 25)),
    ("one info string of many attributes", |n| {
        format!("```bash {{{}}}\nls\n```\n", numbered(n, |i| format!("a{i}=b ")))
    }),
    ("one info string of flags", |n| format!("```bash {{{}}}\nls\n```\n", "a ".repeat(n / 2))),
    ("misread text", |n| format!("```bash\ngrep {} f\n```\n", "â€™".repeat(n / 8))),
    ("title of brackets", |n| format!("## {}\n\n- [ ] a\n", "(".repeat(n))),
    ("title of closed brackets", |n| format!("## {}\n\n- [ ] a\n", "(a)".repeat(n / 3))),
    ("many tables", |n| "| a | b |\n| --- | --- |\n| 1 | 2 |\n\n".repeat(n / 35)),
    ("one wide table", |n| {
        format!("|{}\n|{}\n|{}\n", " a |".repeat(n / 12), " - |".repeat(n / 12), " b |".repeat(n / 12))
    }),
    ("a table of short rows", |n| {
        format!("|{}\n|{}\n{}", "a|".repeat(1000), "-|".repeat(1000), "|a\n".repeat(n / 3))
    }),
    ("link definitions", |n| numbered(n, |i| format!("[a{i}]: /b\n"))),
    ("many task items", |n| "- [ ] do it\n".repeat(n / 12)),
    ("ordered items with a long text and fences", long_item),
    ("front matter of scalars", |n| front(&numbered(n, |i| format!("k{i}: v\n")))),
    ("front matter: one long list", |n| front(&format!("match: [{}a]\n", "a, ".repeat(n / 3)))),
    ("front matter: one long text", |n| front(&format!("title: {}\n", "a".repeat(n)))),
    ("front matter of parameters", |n| {
        front(&format!("params:\n{}", numbered(n, |i| format!("  P{i}: {{ pattern: \"[a\" }}\n"))))
    }),
    ("front matter: nested", |n| front(&format!("match: {}\n", "[".repeat(n)))),
    ("front matter: nested mappings", |n| front(&format!("params: {}\n", "{a: ".repeat(n / 4)))),
    ("front matter: aliases of aliases", |_| front(&bomb())),
    ("front matter that never ends", |n| format!("---\ntitle: a\n{}", "b\n".repeat(n / 2))),
    ("links in a line", |n| "[a](b.md) ".repeat(n / 10)),
    ("links, one to a line", |n| numbered(n, |i| format!("[a](b{i}.md#c)\n\n"))),
    ("links to their own headings", |n| {
        numbered(n, |i| format!("## Look {i}\n\n[a](#look-{i}) [b](#look)\n\n"))
    }),
    ("uses of one definition", |n| format!("[a]: /b\n\n{}\n", "[a] ".repeat(n / 4))),
    ("a table of many rows", |n| format!("| a | b |\n| - | - |\n{}", "| 1 | 2 |\n".repeat(n / 10))),
    ("placeholders on one line", |n| {
        format!("```bash\nls {}\n```\n", numbered(n, |i| format!("<pod-{i}> ")))
    }),
    ("placeholders in deep substitutions", |n| {
        let (open, close) = ("$(ls ".repeat(n / 12), ")".repeat(n / 12));
        format!("```bash\n{open}{}{close}\n```\n", "<a> ".repeat(n / 8))
    }),
    ("quotes in deep braces", |n| {
        let (open, close) = ("${a:-".repeat(n / 12), "}".repeat(n / 12));
        format!("```bash\nls <a> {open}{}{close}\n```\n", "''".repeat(n / 4))
    }),
    ("spellings of one placeholder", |n| {
        format!(
            "```bash\n{}```\n",
            numbered(n, |i| {
                let marks: String = (0..20).map(|bit| if i >> bit & 1 == 0 { '-' } else { '_' }).collect();
                format!("ls <a{marks}b>\n")
            })
        )
    }),
    ("placeholders in bodies of here-documents on one line", |n| {
        format!("```bash\ncat {}\n{}```\n", "<<E ".repeat(n / 12), "<a>\nE\n".repeat(n / 12))
    }),
    ("one placeholder on many lines", |n| format!("```bash\n{}```\n", "ls <pod>\n".repeat(n / 9))),
    ("one placeholder in many fences", |n| "```bash\nls <pod>\n```\n\n".repeat(n / 22)),
    ("parameters and their uses", |n| {
        let params = numbered(n / 2, |i| format!("  P{i}: {{ default: a }}\n"));
        let uses = numbered(n / 2, |i| format!("ls \"$P{i}\"\n"));
        format!("---\nparams:\n{params}---\n# A\n\n```bash\n{uses}```\n")
    }),
    ("captures and their uses", |n| {
        numbered(n, |i| format!("```bash {{capture=V{i} pattern=.}}\nls \"$V{i}\"\n```\n\n"))
    }),
    ("assignments and their uses", |n| {
        format!("```bash\n{}```\n", numbered(n, |i| format!("v{i}=1; ls \"$v{i}\"\n")))
    }),
    ("here-documents", |n| format!("```bash\n{}```\n", "cat <<E\na\nE\n".repeat(n / 12))),
    ("bodies of here-documents with expectations above", |n| {
        format!("```bash\n{}```\n", "cat <<E # Expected: 1\na\nE\n".repeat(n / 26))
    }),
    ("pipes", |n| format!("```bash\nls {}\n```\n", "| wc ".repeat(n / 5))),
    ("parts with titles", |n| format!("```bash\n{}```\n", "# Look\nls\n\n".repeat(n / 11))),
    ("parts with titles that a job ties together", |n| {
        format!("```bash\nls &\n{}```\n", "# Look\nls\n\n".repeat(n / 11))
    }),
    ("comments that allow", |n| "<!-- blocks: allow RB0114 -->\n\n".repeat(n / 32)),
    ("comments that allow, and what they allow", |n| {
        "<!-- blocks: allow RB0114 -->\n\n```bash\nkubectl delete pod a\n```\n\n".repeat(n / 66)
    }),
    ("expected output by a fence", |n| {
        "```bash\nls\n```\n\nExpected output:\n\n```\na\n```\n\n".repeat(n / 44)
    }),
    ("includes", |n| numbered(n, |i| format!("```include\nrunbook: r{i}\n```\n\n"))),
    ("one include of many parameters", |n| {
        format!("```include\nrunbook: r\nparams:\n{}```\n", numbered(n, |i| format!("  p{i}: a\n")))
    }),
    ("http fences", |n| "```http\nGET /health\n# Expected: 200\n```\n\n".repeat(n / 41)),
    ("one http fence of many requests", |n| {
        format!("```http\n{}```\n", "GET /a\n# Expected: 200\n\n".repeat(n / 23))
    }),
    ("one http fence of many headers", |n| {
        format!("```http\nGET /a\n{}```\n", numbered(n, |i| format!("X-{i}: a\n")))
    }),
    ("one promql fence of many queries", |n| {
        format!("```promql\n{}```\n", "up{job=\"a\"}\n# Expected: 1\n".repeat(n / 28))
    }),
    ("promql brackets", |n| format!("```promql\n{}\n```\n", "(".repeat(n))),
    ("one sql fence of many queries", |n| {
        format!("```sql\n{}```\n", "select 1;\n-- Expected: 1\n".repeat(n / 25))
    }),
    ("an open sql comment", |n| format!("```sql\n{}```\n", "/* ".repeat(n / 3))),
    ("sql dollar quotes", |n| format!("```sql\n{}\n```\n", numbered(n, |i| format!("$a{i}$ ")))),
    ("fences that nobody runs", |n| "```yaml\na: b\n```\n\n".repeat(n / 19)),
    ("fences without a language", |n| "```\nkubectl get pods\n```\n\n".repeat(n / 27)),
    ("bold steps", |n| numbered(n, |i| format!("**Step {i} (5 min)**\n\n- [ ] a\n\n"))),
    ("front matter of indentation", |n| front(&nested(n, "a:\n"))),
];

/// `front matter: aliases of aliases`: nine values, each ten times the one before.
fn bomb() -> String {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    text.push_str("match: *a8\n");
    text
}

fn front(yaml: &str) -> String {
    format!("---\n{yaml}---\n\n# A\n")
}

/// Each line one level deeper; the indentation itself makes the size quadratic in the levels.
fn nested(bytes: usize, mark: &str) -> String {
    let mut text = String::with_capacity(bytes);
    let mut level = 0;
    while text.len() < bytes {
        text.push_str(&"  ".repeat(level));
        text.push_str(mark.trim_end());
        text.push_str(if mark.ends_with('\n') { "\n" } else { " a\n" });
        level += 1;
    }
    text
}

fn filled(head: &str, bytes: usize) -> String {
    format!("{head}a\n\n{}", "text\n\n".repeat(bytes.saturating_sub(head.len()) / 6))
}

fn nested_fences(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes);
    let mut indent = String::new();
    while text.len() < bytes {
        text.push_str(&format!("{indent}1. a\n\n{indent}   ```bash\n{indent}   ls\n{indent}   ```\n\n"));
        indent.push_str("   ");
    }
    text
}

fn backticks(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes);
    let mut length = 1;
    while text.len() < bytes {
        text.push_str(&"`".repeat(length));
        text.push_str(" a ");
        length += 1;
    }
    text
}

fn growing_fences(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes);
    let mut length = 3;
    while text.len() < bytes {
        text.push_str(&"`".repeat(length));
        text.push_str("bash\nls\n");
        length += 1;
    }
    text
}

fn numbered(bytes: usize, line: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(bytes + 64);
    let mut number = 0;
    while text.len() < bytes {
        text.push_str(&line(number));
        number += 1;
    }
    text
}

fn functions(bytes: usize) -> String {
    numbered(bytes, |i| format!("```bash\nf{i}() {{ ls; }}\n```\n\n```bash\nls f{i}\n```\n\n"))
}

fn long_item(bytes: usize) -> String {
    let text = "word ".repeat(bytes / 10);
    format!("1. {text}\n\n{}", "   ```bash\n   ls\n   ```\n\n".repeat(bytes / 2 / 27))
}
