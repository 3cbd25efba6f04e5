//! What the pager is told of the diagnostics, for whoever reads there alone.

use super::decide::Effect;
use super::state::{Incident, Triage};
use crate::message::Outgoing;
use crate::ports::PagerCall;
use crate::view::{outcome_word, verdict_text};

/// Most lines of what was found, and of what changed.
const MOST_LINES: usize = 30;
const MOST_CHANGES: usize = 10;
/// Longest line, in characters: a note of PagerDuty's takes 25,000 in all.
const LINE_MAX: usize = 300;

/// The note about diagnostics that are through. The same state makes the same text: it is known again when it comes back.
pub(super) fn triage_note(incident: &Incident, triage: Triage) -> String {
    let mut lines = vec![format!(
        "{}: the diagnostics of {} are through: {} commands, {} as expected, {} not, {} for a person",
        incident.number, incident.service, triage.commands, triage.passed, triage.failed, triage.ask
    )];
    lines.extend(incident.evidence.iter().take(MOST_LINES).map(|found| {
        let text = verdict_text(&found.expected, &found.reason);
        one_line(&format!("{}: {}: {text}", outcome_word(found.outcome), found.title))
    }));
    lines.extend(more(incident.evidence.len(), MOST_LINES));
    lines.extend(incident.looks.cut.iter().take(MOST_CHANGES).map(|line| one_line(line)));
    lines.extend(
        incident
            .changes
            .iter()
            .take(MOST_CHANGES)
            .map(|change| one_line(&format!("changed: {}", change.words()))),
    );
    lines.extend(more(incident.changes.len(), MOST_CHANGES));
    lines.join("\n")
}

/// The note about diagnostics that could not start: nobody looked, and silence would read as "all well".
pub(super) fn failed_note(incident: &Incident, runbook: &str, reason: &str) -> String {
    one_line(&format!(
        "{}: nobody has looked: the diagnostics {runbook} could not start: {reason}",
        incident.number
    ))
}

/// Writes it, where the pager is to be told.
pub(super) fn told(incident: &Incident, text: String) -> Option<Effect> {
    let pager = incident.pager.as_ref().filter(|_| incident.tells_pager)?;
    let call = PagerCall::Note { incident: pager.id.clone(), from: None, text };
    Some(Effect::Send(Outgoing::Pager { incident: incident.id, call }))
}

fn more(all: usize, most: usize) -> Option<String> {
    all.checked_sub(most).filter(|left| *left > 0).map(|left| format!("... and {left} more"))
}

fn one_line(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(LINE_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
