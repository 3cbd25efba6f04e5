//! Judging tested like a classifier: real shapes of output against what a careful person says about them.
//!
//! The data files hold outputs, each followed by the expectations that it is judged by:
//!
//! ```text
//! @ kubectl get deployment web          a command; what follows is what it did
//! | NAME   READY                        a line of standard output (`\e`, `\r`, `\t`, `\n`, `\\`; `\c`: no line end)
//! ! Warning: old API                    a line of standard error
//! # exit=1 truncated elapsed=46000      how it ended (exit=none: by a signal; timed_out)
//! pass right     5/5 ready              the right outcome, the class of the row, the expectation
//! ```
//!
//! `pass_or_ask` and `fail_or_ask` are right outcomes where asking a person is as good. `\s` is a space at a line's end.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Check, Expectation, Judgement, Observed, Outcome, classify, judge};

const FILES: [(&str, &str); 15] = [
    ("kubectl", include_str!("kubectl.txt")),
    ("rollout", include_str!("rollout.txt")),
    ("psql", include_str!("psql.txt")),
    ("sql in other ways", include_str!("sql_locale.txt")),
    ("curl", include_str!("curl.txt")),
    ("aws", include_str!("aws.txt")),
    ("prometheus", include_str!("prometheus.txt")),
    ("systemd", include_str!("systemd.txt")),
    ("text", include_str!("text.txt")),
    ("own tools", include_str!("own.txt")),
    ("machine", include_str!("machine.txt")),
    ("containers", include_str!("containers.txt")),
    ("stores", include_str!("stores.txt")),
    ("network", include_str!("network.txt")),
    ("attacks", include_str!("attacks.txt")),
];
/// Rows whose answer a person knows and for which one is asked all the same: at most this share, in percent.
const MOST_UNSURE: f64 = 3.0;

/// One pair of an expectation and what a command did, with the right outcome.
#[derive(Debug, Clone)]
pub(super) struct Row {
    tool: &'static str,
    command: String,
    stdout: String,
    stderr: String,
    exit: Option<i32>,
    truncated: bool,
    timed_out: bool,
    elapsed_ms: u64,
    truth: Outcome,
    /// Asking a person is as good.
    or_ask: bool,
    class: String,
    text: String,
}

impl Row {
    fn observed(&self) -> Observed<'_> {
        Observed {
            exit_code: self.exit,
            stdout: &self.stdout,
            stderr: &self.stderr,
            truncated: self.truncated,
            elapsed_ms: self.elapsed_ms,
            timed_out: self.timed_out,
        }
    }
}

fn rows() -> Vec<Row> {
    FILES.iter().flat_map(|(tool, text)| read(tool, text)).collect()
}

pub(super) fn read(tool: &'static str, text: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let empty = Row {
        tool,
        command: String::new(),
        stdout: String::new(),
        stderr: String::new(),
        exit: Some(0),
        truncated: false,
        timed_out: false,
        elapsed_ms: 900,
        truth: Outcome::Ask,
        or_ask: false,
        class: String::new(),
        text: String::new(),
    };
    let mut now = empty.clone();
    for (at, line) in text.lines().enumerate() {
        let place = format!("{tool}, line {}: {line}", at + 1);
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        match mark {
            "" if rest.is_empty() => {}
            "@" => now = Row { command: rest.to_owned(), ..empty.clone() },
            "|" => now.stdout.push_str(&unescape(rest)),
            "!" => now.stderr.push_str(&unescape(rest)),
            "#" => {
                for word in rest.split_whitespace() {
                    match word.split_once('=') {
                        Some(("exit", code)) => now.exit = code.parse().ok(),
                        Some(("elapsed", ms)) => now.elapsed_ms = ms.parse().expect(&place),
                        None if word == "truncated" => now.truncated = true,
                        None if word == "timed_out" => now.timed_out = true,
                        _ => panic!("{place}"),
                    }
                }
            }
            "pass" | "fail" | "late" | "ask" | "pass_or_ask" | "fail_or_ask" => {
                let (truth, or_ask) =
                    mark.strip_suffix("_or_ask").map_or((mark, false), |truth| (truth, true));
                let truth = serde_json::from_str(&format!("\"{truth}\"")).expect(&place);
                let (class, text) = rest.trim_start().split_once(' ').expect(&place);
                rows.push(Row {
                    truth,
                    or_ask,
                    class: class.to_owned(),
                    text: text.trim().to_owned(),
                    ..now.clone()
                });
            }
            _ => panic!("{place}"),
        }
    }
    rows
}

fn unescape(line: &str) -> String {
    let mut text = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('e')) => text.push('\u{1b}'),
            ('\\', Some('r')) => text.push('\r'),
            ('\\', Some('t')) => text.push('\t'),
            ('\\', Some('n')) => text.push('\n'),
            ('\\', Some('s')) => text.push(' '),
            ('\\', Some('0')) => text.push('\u{a0}'),
            ('\\', Some('c')) => return text,
            ('\\', Some(other)) => text.push(other),
            (c, _) => text.push(c),
        }
    }
    text.push('\n');
    text
}

/// What the table says about a judge.
#[derive(Debug, Default)]
pub(super) struct Score {
    total: usize,
    /// Judged pass, and it is not.
    pub(super) false_passes: Vec<String>,
    /// Judged fail, and it passes.
    pub(super) false_fails: Vec<String>,
    /// Judged fail where a person could not tell, or late where it fails, or fail where it is late.
    pub(super) mislabelled: Vec<String>,
    /// A person was asked, and the output says it.
    pub(super) unsure: Vec<String>,
    /// A person was asked where the output says it, but not to everybody.
    pub(super) asked: Vec<String>,
    /// (truth, judged) and how often.
    matrix: BTreeMap<(Outcome, Outcome), usize>,
    /// Per class of rows: how many, and how many were unsure.
    classes: BTreeMap<String, (usize, usize)>,
}

impl Score {
    pub(super) fn of(rows: &[Row], judge: impl Fn(&Expectation, &Observed<'_>) -> Judgement) -> Score {
        let mut score = Score { total: rows.len(), ..Score::default() };
        for row in rows {
            let found = judge(&classify(&row.text), &row.observed());
            *score.matrix.entry((row.truth, found.outcome)).or_default() += 1;
            let class = score.classes.entry(row.class.clone()).or_default();
            class.0 += 1;
            let line = format!(
                "{} `{}`: `{}` is {:?} ({}), judged {:?}: {}",
                row.tool, row.command, row.text, row.truth, row.class, found.outcome, found.reason
            );
            match (row.truth, found.outcome) {
                (truth, judged) if truth == judged => {}
                (_, Outcome::Pass) => score.false_passes.push(line),
                (Outcome::Pass, Outcome::Fail) => score.false_fails.push(line),
                (_, Outcome::Ask) if row.or_ask => score.asked.push(line),
                (_, Outcome::Ask) => {
                    class.1 += 1;
                    score.unsure.push(line);
                }
                _ => score.mislabelled.push(line),
            }
        }
        score
    }

    pub(super) fn percent(&self, lines: &[String]) -> f64 {
        lines.len() as f64 * 100.0 / self.total.max(1) as f64
    }

    /// Why this judge must not be used.
    fn objections(&self) -> Vec<String> {
        let mut objections: Vec<String> =
            self.false_passes.iter().map(|line| format!("false pass: {line}")).collect();
        if self.percent(&self.false_fails) >= 2.0 {
            objections.extend(self.false_fails.iter().map(|line| format!("false fail: {line}")));
        }
        objections.extend(self.mislabelled.iter().map(|line| format!("mislabelled: {line}")));
        if self.percent(&self.unsure) > MOST_UNSURE {
            objections.extend(self.unsure.iter().map(|line| format!("unsure: {line}")));
        }
        objections
    }

    pub(super) fn report(&self) -> String {
        use Outcome::{Ask, Fail, Late, Pass};
        let mut text = format!("{} rows\ntruth \\ judged   pass   fail   late    ask\n", self.total);
        for truth in [Pass, Fail, Late, Ask] {
            let cells = [Pass, Fail, Late, Ask].map(|judged| {
                format!("{:>7}", self.matrix.get(&(truth, judged)).copied().unwrap_or_default())
            });
            let _ = writeln!(text, "{:<13}{}", format!("{truth:?}").to_lowercase(), cells.concat());
        }
        let _ = writeln!(
            text,
            "false pass {}, false fail {} ({:.1} %), mislabelled {}, unsure {} ({:.1} %)",
            self.false_passes.len(),
            self.false_fails.len(),
            self.percent(&self.false_fails),
            self.mislabelled.len(),
            self.unsure.len(),
            self.percent(&self.unsure)
        );
        for (class, (count, unsure)) in &self.classes {
            let _ = writeln!(text, "  {class:<12}{count:>4} rows, {unsure} unsure");
        }
        for line in self.false_fails.iter().chain(&self.unsure) {
            let _ = writeln!(text, "  {line}");
        }
        text
    }
}

#[test]
fn no_false_pass_few_false_fails_and_few_needless_questions() {
    let rows = rows();
    assert!(rows.len() >= 400, "{} rows", rows.len());
    let score = Score::of(&rows, judge);
    println!("{}", score.report());
    for class in ["right", "wrong", "empty", "truncated", "locale", "warnings", "late", "attack"] {
        assert!(score.classes.get(class).is_some_and(|(count, _)| *count >= 10), "few rows of class {class}");
    }
    let objections = score.objections();
    assert!(objections.is_empty(), "{}", objections.join("\n"));
}

/// Judges with one mistake each. The table must object to every one of them.
#[test]
fn the_table_notices_judges_that_are_wrong() {
    type Judge = fn(&Expectation, &Observed<'_>) -> Judgement;
    let judges: [(&str, Judge); 12] = [
        ("empty output passes", |expectation, observed| match observed.stdout.trim() {
            "" if observed.exit_code == Some(0) => Judgement::pass("nothing wrong to be seen"),
            _ => judge(expectation, observed),
        }),
        ("cut output counts as whole", |expectation, observed| {
            judge(expectation, &Observed { truncated: false, ..observed.clone() })
        }),
        ("the exit status does not count", |expectation, observed| {
            judge(expectation, &Observed { exit_code: Some(0), ..observed.clone() })
        }),
        ("deadlines do not count", |expectation, observed| {
            judge(expectation, &Observed { elapsed_ms: 0, ..observed.clone() })
        }),
        ("missed deadlines fail", |expectation, observed| {
            let found = judge(expectation, observed);
            if found.outcome == Outcome::Late { Judgement::fail(found.reason) } else { found }
        }),
        ("standard error does not count", |expectation, observed| {
            judge(expectation, &Observed { stderr: "", ..observed.clone() })
        }),
        ("text is a substring", |expectation, observed| match &expectation.check {
            Check::Contains { text } if observed.stdout.contains(text.as_str()) => {
                Judgement::pass("it is there")
            }
            _ => judge(expectation, observed),
        }),
        ("pairs are two substrings", |expectation, observed| match &expectation.check {
            Check::Pairs { pairs }
                if observed.exit_code == Some(0)
                    && pairs
                        .iter()
                        .all(|(a, b)| observed.stdout.contains(a) && observed.stdout.contains(b)) =>
            {
                Judgement::pass("they are there")
            }
            _ => judge(expectation, observed),
        }),
        ("the first number is the number", |expectation, observed| {
            let first = super::scan::line(observed.stdout).amounts.into_iter().next();
            match (super::want::Want::of(&expectation.check), first) {
                (Some(want), Some(one)) if want.judge(&one) == super::want::Verdict::Yes => {
                    Judgement::pass("it fits")
                }
                _ => judge(expectation, observed),
            }
        }),
        ("a status anywhere", |expectation, observed| match &expectation.check {
            Check::HttpStatus { status } if observed.stdout.contains(&status.to_string()) => {
                Judgement::pass("seen")
            }
            _ => judge(expectation, observed),
        }),
        ("everything is asked", |_, _| Judgement::ask("who knows")),
        ("everything fails", |_, _| Judgement::fail("no")),
    ];
    let rows = rows();
    for (mistake, wrong) in judges {
        let score = Score::of(&rows, wrong);
        let objections = score.objections();
        assert!(!objections.is_empty(), "{mistake}: the table did not notice");
        println!("{mistake}: {} objections", objections.len());
    }
}
