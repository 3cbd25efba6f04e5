//! What a command's output must show, as typed values.

use serde::{Deserialize, Serialize};

/// One `# Expected:` line (or a relative of it), with what judges it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// 1-based line.
    pub line: u32,
    /// The text as written, after `Expected:`.
    pub text: String,
    /// How it is judged.
    pub check: Check,
    /// `within 45s`: a miss of this deadline is `late`, not `fail`. Milliseconds from the command's start.
    pub within_ms: Option<u64>,
}

/// The typed meaning of an expectation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Check {
    /// Exit status 0 and nothing else said.
    ExitZero,
    /// `exit code 1`: this exit status, which is another one than 0.
    ExitStatus {
        /// The status.
        status: i32,
    },
    /// `5/5 ready`, `All pods Running (5/5)`: a ratio whose parts are as written.
    Ratio {
        /// Left of the slash.
        have: u64,
        /// Right of the slash.
        want: u64,
        /// A word each row must carry, such as `Running`.
        word: Option<String>,
    },
    /// `All pods Running`: every row carries the word as its state.
    EveryRow {
        /// The word, such as `Running`.
        word: String,
    },
    /// `0 lines`, `9-50 rows`: how many lines or rows the output has.
    Count {
        /// Fewest.
        min: u64,
        /// Most.
        max: u64,
    },
    /// `< 50`, `below 10 %`: a number in the output, compared.
    Number {
        /// The comparison.
        op: Comparison,
        /// The bound, in the unit the text names.
        bound: f64,
        /// `true`: every number with the unit must satisfy it; `false`: the output holds one number.
        every: bool,
        /// `%`, `ms`, ... when the text names one; only numbers with a unit of its family are looked at.
        unit: Option<String>,
    },
    /// `lag < 10s`: every number that the output gives this name, compared.
    Named {
        /// The name.
        name: String,
        /// As in [`Check::Number`].
        op: Comparison,
        /// As in [`Check::Number`].
        bound: f64,
        /// As in [`Check::Number`].
        unit: Option<String>,
    },
    /// `10-20`, `between 1 and 3 GiB`: a number in the output between two others, both included.
    Range {
        /// The least, in the unit the text names.
        min: f64,
        /// The most.
        max: f64,
        /// As in [`Check::Number`].
        every: bool,
        /// As in [`Check::Number`].
        unit: Option<String>,
    },
    /// `HTTP 200`.
    HttpStatus {
        /// The status code.
        status: u16,
    },
    /// Text that the output must hold; quote style does not matter.
    Contains {
        /// The text.
        text: String,
    },
    /// A block of output as the document shows it: all that the command writes.
    Output {
        /// The block.
        text: String,
        /// It is only an example, so that other output is no failure.
        sample: bool,
    },
    /// `enabled: true`, `Mode=COMPLIANCE`: pairs looked for in JSON, YAML, tables or text.
    Pairs {
        /// Name and value.
        pairs: Vec<(String, String)>,
    },
    /// Only a person can tell.
    Person,
}

impl Check {
    /// The kind in one word, for documents and pages: `exit_status`, `ratio`, `count`, `number`, `range`,
    /// `http_status`, `text`, `output`, `pairs` or `person`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Check::ExitZero | Check::ExitStatus { .. } => "exit_status",
            Check::Ratio { .. } | Check::EveryRow { .. } => "ratio",
            Check::Count { .. } => "count",
            Check::Number { .. } | Check::Named { .. } => "number",
            Check::Range { .. } => "range",
            Check::HttpStatus { .. } => "http_status",
            Check::Contains { .. } => "text",
            Check::Output { .. } => "output",
            Check::Pairs { .. } => "pairs",
            Check::Person => "person",
        }
    }

    /// Who can say whether it holds. A machine that is not sure still asks a person.
    #[must_use]
    pub fn judged_by(&self) -> JudgedBy {
        match self {
            Check::Person | Check::Output { sample: true, .. } => JudgedBy::Person,
            _ => JudgedBy::Machine,
        }
    }
}

/// Who judges an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JudgedBy {
    /// Blocks compares the output.
    Machine,
    /// A person looks; of the command only its exit status is judged.
    Person,
}

/// A numeric comparison: the output's number on the left, the bound on the right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `=`
    Equal,
}

/// What judging an expectation came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The output shows it.
    Pass,
    /// The output shows something else.
    Fail,
    /// The deadline was missed and it may still come.
    Late,
    /// Only a person can tell (the card says "you check").
    Ask,
}

/// What a command did, as judging sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed<'a> {
    /// Exit status; `None` when a signal or a timeout ended it.
    pub exit_code: Option<i32>,
    /// Standard output, lossily decoded, possibly cut in the middle.
    pub stdout: &'a str,
    /// Standard error, likewise.
    pub stderr: &'a str,
    /// `true` when part of the output was dropped; judging then prefers [`Outcome::Ask`] to a guess.
    pub truncated: bool,
    /// From start to end in milliseconds.
    pub elapsed_ms: u64,
    /// `true` when it was ended because its time was up.
    pub timed_out: bool,
}

/// An outcome and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// What it came to.
    pub outcome: Outcome,
    /// Why, in a few lowercase words ("exit status 1", "found 3/5, wanted 5/5").
    pub reason: String,
}
