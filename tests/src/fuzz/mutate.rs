//! Makes new inputs from old ones.

use super::random::Random;

/// The usual length of an input in bytes; every size-th one may be larger.
const USUAL: usize = 8 * 1024;
/// The largest input in bytes.
const LARGEST: usize = 128 * 1024;

/// What Markdown, YAML, shells, prompts and expectations are made of.
pub(crate) const TOKENS: &[&str] = &[
    "```bash\n",
    "```console\n",
    "```\n",
    "~~~sh\n",
    "````\n",
    "```bash {name=a effect=once}\n",
    "{undo}",
    "{probe}",
    "{\"name\":\"a\"}",
    "baseline=X pattern=.",
    "capture=REV pattern=[0-9]{1,4} max=8",
    "timeout=45s",
    "retries=2",
    "when=",
    "foreach=\"x in y\"",
    "parallel=",
    "# ",
    "## ",
    "### Step 1: a (5 min)\n",
    "**Step 2 (1 h)**\n\n",
    "- ",
    "1. ",
    "   ",
    "- [ ] ",
    "> ",
    "\n\n",
    "\n",
    "\r\n",
    "\t",
    "| a | b |\n| - | - |\n",
    "[a](b.md)",
    "<!-- ",
    " -->",
    "<!-- blocks: allow RB0114 -->",
    "---\n",
    "---\ntitle: a\n---\n",
    "title: ",
    "service: ",
    "severity: [P1]",
    "params:\n  NAME: { default: a, pattern: \"[a-z]\" }\n",
    "timebox: 15 min\n",
    "&a ",
    "*a",
    "!!str ",
    "{",
    "}",
    "[",
    "]",
    ": ",
    "'",
    "\"",
    "`",
    "$(",
    "${",
    "<(",
    "((",
    ")",
    "<<EOF\n",
    "EOF\n",
    "<<-'E' ",
    "|",
    "||",
    "&&",
    ";",
    "&",
    "\\\n",
    "\\",
    "for i in a b; do\n",
    "done\n",
    "if true; then\n",
    "fi\n",
    "case $a in\n",
    "esac\n",
    "f() { ls; }\n",
    "$ ",
    "$ ls\n",
    "> ",
    "# \u{20}",
    "root@host:~# ",
    "ana@web-1:~$ ",
    "[ana@web-1 log]% ",
    "bash-5.2$ ",
    "$ \\\n",
    "$ cat <<EOF # Expected: 1\n",
    "$ ls # Expected: 1\n",
    "postgres=# ",
    "# Expected: ",
    "# Expected: 5/5 ready\n",
    "# Expected: < 10 %\n",
    "# Verify ",
    "# Should return ",
    "Output:\n\n",
    "<pod>",
    "YOUR_TOKEN",
    "{repo}",
    "[NAME]",
    "kubectl delete pod a",
    "kubectl rollout undo deploy/a",
    "curl -s ",
    "grep ",
    "5/5 ready",
    "All pods Running (3/3)",
    "0 lines",
    "9-50 rows",
    "at least 3 results",
    "< 50",
    ">= 99.9 %",
    "HTTP 200",
    "200 OK",
    "\"text\"",
    "enabled: true",
    "Mode=COMPLIANCE, Years=7",
    "exit code 0",
    "within 45s",
    "no output",
    "NAME  READY  STATUS\nweb  5/5  Running\n",
    "HTTP/1.1 200 OK\r\n",
    "error: ",
    "(0 rows)\n",
    "{\"a\": {\"b\": [1, true]}}",
    "0",
    "1",
    "-1",
    "18446744073709551616",
    "1e309",
    "0.1",
    "%",
    "ms",
    "\u{feff}",
    "\u{fffd}",
    "\u{0}",
    "\u{a0}",
    "é",
    "日本",
    "\u{202e}",
    "\u{1b}[31m",
    "(",
    "Running",
];

/// A new input from the pool.
pub(crate) fn mutate(pool: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let empty: &[u8] = &[];
    let among: Vec<&[u8]> = pool.iter().map(Vec::as_slice).collect();
    let mut data = random.pick(&among).unwrap_or(empty).to_vec();
    let limit = if random.one_in(256) { LARGEST } else { USUAL };
    for _ in 0..=random.below(6) {
        change(&mut data, &among, limit, random);
    }
    if data.len() > limit {
        // another window each time, not always the head
        let from = random.below(data.len() - limit);
        data.drain(..from);
        data.truncate(limit);
    }
    data
}

fn change(data: &mut Vec<u8>, among: &[&[u8]], limit: usize, random: &mut Random) {
    match random.below(10) {
        0 => {
            let at = random.below(data.len());
            if let Some(byte) = data.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => {
            let at = random.below(data.len());
            if let Some(byte) = data.get_mut(at) {
                *byte = u8::try_from(random.below(256)).unwrap_or(0);
            }
        }
        2..=4 => {
            let token = random.pick(TOKENS).unwrap_or_default();
            insert(data, token.as_bytes(), random);
        }
        5 => {
            // a piece of another input
            let other = random.pick(among).unwrap_or_default();
            let piece = range(other.len(), random);
            insert(data, &other[piece], random);
        }
        6 => {
            let piece = range(data.len(), random);
            data.drain(piece);
        }
        7 => {
            let piece = data[range(data.len(), random)].to_vec();
            let times = 1 + random.below(if piece.len() < 16 { 200 } else { 4 });
            if piece.len().saturating_mul(times) <= limit {
                insert(data, &piece.repeat(times), random);
            }
        }
        8 => data.truncate(random.below(data.len() + 1)),
        _ => {
            // a whole line, somewhere else
            let lines: Vec<&[u8]> = data.split_inclusive(|byte| *byte == b'\n').collect();
            let line = random.pick(&lines).unwrap_or_default().to_vec();
            insert(data, &line, random);
        }
    }
}

fn insert(data: &mut Vec<u8>, what: &[u8], random: &mut Random) {
    let at = random.below(data.len() + 1);
    data.splice(at..at, what.iter().copied());
}

/// A part of something so long; short ones are as likely as long ones.
fn range(length: usize, random: &mut Random) -> std::ops::Range<usize> {
    let start = random.below(length + 1);
    let most = if random.one_in(2) { 16 } else { length };
    let end = start + random.below(most.min(length - start) + 1);
    start..end
}
