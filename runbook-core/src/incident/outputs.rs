//! What diagnostics printed, as far as people are shown it: its beginning on the card, and all of it as a file below that.

use super::state::{Evidence, Incident};
use crate::expectation::Outcome;

/// Outputs of one incident that are shown.
const SHOWN: usize = 8;
/// What the card shows of one: so many lines, so much of each, and so much in all.
const LINES: usize = 4;
const LINE_MAX: usize = 160;
const TEXT_MAX: usize = 400;
/// Longest name of a diagnostic in a file's name.
const NAME_MAX: usize = 60;

/// The beginning of what a command printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// As much of it as a card shows.
    pub text: String,
    /// Whether that is all.
    pub is_whole: bool,
}

/// What a card shows of an output.
#[must_use]
pub fn excerpt(output: &str) -> Excerpt {
    let shown: Vec<String> =
        output.lines().take(LINES).map(|line| line.chars().take(LINE_MAX).collect()).collect();
    let text = shown.join("\n");
    let is_same = output.trim_end().lines().eq(text.trim_end().lines());
    let is_whole = is_same && text.chars().count() <= TEXT_MAX;
    Excerpt { text, is_whole }
}

/// An output that people are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownOutput<'a> {
    /// Its SHA-256.
    pub sha256: &'a str,
    /// What a file with all of it is called, `INC-12-pool-usage.txt`: letters, digits and dashes alone.
    pub file: String,
}

impl Incident {
    /// The outputs that say more than the verdict (what failed, and what is only there to be read), each once.
    #[must_use]
    pub fn shown_outputs(&self) -> Vec<ShownOutput<'_>> {
        let mut shown: Vec<ShownOutput<'_>> = Vec::new();
        for line in self.evidence.iter().filter(|line| says_more(line.outcome, &line.expected)) {
            let Some(sha256) = line.output_sha256.as_deref() else { continue };
            if shown.len() == SHOWN {
                break;
            }
            if shown.iter().any(|known| known.sha256 == sha256) {
                continue;
            }
            let file = self.file_of(line, &shown);
            shown.push(ShownOutput { sha256, file });
        }
        shown
    }

    /// A name that no other file of the incident has.
    fn file_of(&self, line: &Evidence, others: &[ShownOutput<'_>]) -> String {
        let words = line.command.to_lowercase();
        let words = words.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let mut name: String = words.collect::<Vec<_>>().join("-").chars().take(NAME_MAX).collect();
        if name.is_empty() {
            "output".clone_into(&mut name);
        }
        let number = self.number;
        let named = |again: usize| match again {
            1 => format!("{number}-{name}.txt"),
            again => format!("{number}-{name}-{again}.txt"),
        };
        let is_free = |file: &String| others.iter().all(|other| other.file != *file);
        (1..=SHOWN).map(named).find(is_free).unwrap_or_else(|| named(SHOWN + 1))
    }

    /// Whether an output becomes one that is shown by these verdicts.
    pub(super) fn is_newly_shown(
        &self,
        sha256: &str,
        mut verdicts: impl Iterator<Item = (Outcome, String)>,
    ) -> bool {
        let shown = self.shown_outputs();
        shown.len() < SHOWN
            && shown.iter().all(|known| known.sha256 != sha256)
            && verdicts.any(|(outcome, expected)| says_more(outcome, &expected))
    }

    /// Where all of it is, when an output is longer than what is shown of it.
    pub(crate) fn whole_words(&self, sha256: &str) -> Option<String> {
        let shown = self.shown_outputs().into_iter().find(|shown| shown.sha256 == sha256)?;
        Some(match (self.file_failed, self.has_moved) {
            (true, _) => {
                "more than this was printed, but not every file of it could be shared: the timeline says why"
                    .to_owned()
            }
            (false, false) => format!("all of it: `{}`, a file in this thread", shown.file),
            (false, true) => {
                format!("all of it: `{}`, a file in this thread or in that of the shared channel", shown.file)
            }
        })
    }
}

fn says_more(outcome: Outcome, expected: &str) -> bool {
    outcome != Outcome::Pass || expected.is_empty()
}
