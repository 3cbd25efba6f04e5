//! The incident's card.

use chrono::{DateTime, Utc};
use runbook_core::expectation::Outcome;
use runbook_core::message::{AlertsView, CardView, EvidenceLine};

use super::page::{Page, Rendered};
use super::text::{clip, escape, fence, line, link, prose, span};
use crate::card_button::CardValue;
use crate::command_word::CommandWord;

/// Most room for what one diagnostic printed.
const OUTPUT_MAX: usize = 500;
/// Most room for where all of that is.
const WHOLE_MAX: usize = 200;

/// Most lines of each list; the journal and the console have all of them.
const LIST_MAX: usize = 12;
/// Most room for what people outside were told.
const UPDATE_MAX: usize = 700;
/// Cells of the target bar.
const BAR: i64 = 10;
/// Cells of each quarter while the impact lasts.
const QUARTER: i64 = 2;

/// Renders the card: what it is, how it stands against the target, what was found, what to do next.
pub(crate) fn card(word: &CommandWord, view: &CardView) -> Rendered {
    let mut page = Page::new(&format!("{} {} {}", view.severity, view.number, view.title));
    let mut facts =
        vec![format!("*Status:* {}   *Service:* {}", line(&view.status, 100), line(&view.service, 100))];
    facts.extend(view.phase.as_deref().map(|phase| format!("*Phase:* {}", line(phase, 100))));
    facts.extend(target(view));
    let commander = view.commander.as_deref().map_or_else(
        || "nobody yet; the first to acknowledge is acting commander".to_owned(),
        |name| line(name, 100),
    );
    facts.push(format!("*Commander:* {commander}"));
    facts.extend(view.roles.iter().map(|role| line(role, 200)));
    facts.extend(view.private.then(|| "*Private:* nothing of it stands in a public channel".to_owned()));
    facts.extend(view.ended.as_deref().map(|ended| format!("*Ended:* {}", line(ended, 300))));
    facts.extend(view.update.as_deref().map(|update| format!("*Last update:* {}", line(update, UPDATE_MAX))));
    facts.extend(view.update_due.map(|due| format!("*Next update:* by {}", clock(due))));
    facts.extend(
        view.reminders.as_deref().map(|held| format!("*Reminders:* {}", prose(word, &one_line(held), 200))),
    );
    facts.extend(view.resolved_at.map(|at| format!("*Resolved:* {} after {}", clock(at), since(view, at))));
    facts.extend(view.bridge.as_deref().and_then(|url| link(url, "join the bridge")));
    facts.extend((!view.dial.is_empty()).then(|| format!("*Call:* {}", line(&view.dial.join(", "), 300))));
    facts.extend(view.pager_url.as_deref().and_then(|url| link(url, "open in PagerDuty")));
    page.lines(facts);

    if let Some(alerts) = &view.alerts {
        list(&mut page, "Alerts", alerts_lines(alerts));
    }
    let mut evidence: Vec<String> = view.evidence.iter().map(evidence_line).collect();
    evidence.extend(view.triage.as_deref().map(|triage| line(triage, 300)));
    list(&mut page, "Evidence", evidence);
    list(&mut page, "What changed", view.changes.iter().map(|change| format!("• {}", line(change, 300))));
    list(&mut page, "Runs", view.runs.iter().map(|run| format!("• {}", prose(word, &one_line(run), 300))));
    list(
        &mut page,
        "Next",
        view.suggestions.iter().map(|next| format!("• {}", prose(word, &one_line(next), 400))),
    );
    if page.is_cut() {
        page.must(&word.said("Not everything fits here: `/blocks incident show` has all of it."));
    }
    if let Some(value) = CardValue::new(&view.number, &view.service) {
        page.card_buttons(&view.buttons, &value);
    }
    page.finish(&format!("{} {} {}: {}", view.severity, view.number, view.title, view.status))
}

/// The alerts: how many fire, the first of them, and where to look.
fn alerts_lines(alerts: &AlertsView) -> Vec<String> {
    let shown = alerts.shown.as_deref().map_or_else(String::new, |shown| format!("; {shown}:"));
    let sources = line(&alerts.sources.join(", "), 100);
    let mut lines = vec![format!("*{}* ({sources}){shown}", line(&alerts.count, 100))];
    lines.extend(alerts.held.as_ref().map(|held| line(held, 200)));
    lines.extend(alerts.first.iter().map(|first| format!("• {}", line(first, 200))));
    lines.extend(alerts.damped.iter().map(|name| format!("• comes and goes, damped: {}", line(name, 200))));
    let links: Vec<String> =
        alerts.links.iter().filter_map(|(what, url)| link(url, &line(what, 40))).collect();
    lines.extend((!links.is_empty()).then(|| links.join("   ")));
    lines
}

/// A judged diagnostic: the word carries the meaning, the sign only helps to find it.
pub(super) fn evidence_line(evidence: &EvidenceLine) -> String {
    let word = match evidence.outcome {
        Outcome::Pass => "✓ pass",
        Outcome::Fail => "✗ fail",
        Outcome::Late => "◷ late",
        Outcome::Ask => "? you check",
    };
    let detail = line(&evidence.detail, 300);
    let detail = if detail.is_empty() { detail } else { format!(" ({detail})") };
    let mut text = format!("*{word}* {}{detail}", line(&evidence.title, 200));
    if let Some(output) = &evidence.output {
        text.push('\n');
        text.push_str(&fence(output, OUTPUT_MAX).text);
    }
    if let Some(whole) = &evidence.whole {
        text.push('\n');
        text.push_str(&clip(&escape(&one_line(whole)), WHOLE_MAX));
    }
    text
}

fn list(page: &mut Page, title: &str, lines: impl IntoIterator<Item = String>) {
    let mut lines: Vec<String> = lines.into_iter().collect();
    if lines.is_empty() {
        return;
    }
    let more = lines.len().saturating_sub(LIST_MAX);
    lines.truncate(LIST_MAX);
    if more > 0 {
        lines.push(format!("… and {more} more"));
    }
    lines.insert(0, format!("*{title}*"));
    page.lines(lines);
}

/// Time to mitigate against the target, both counted from detection. A card is edited when something happens, not by
/// the minute: while the impact lasts it names the moment that counts, which stays true.
fn target(view: &CardView) -> Option<String> {
    let detected = clock(view.detected_at);
    let Some(allowed) = view.target_s.map(i64::from) else {
        return Some(match view.mitigated_at {
            Some(at) => format!("*Mitigated:* {} after detection at {detected}", since(view, at)),
            None => format!("*Detected:* {detected}"),
        });
    };
    let Some(mitigated) = view.mitigated_at else {
        let due = view.detected_at + chrono::TimeDelta::seconds(allowed);
        let used = view.target_quarters.map_or_else(String::new, used);
        return Some(format!(
            "*Target:* mitigate by {}, {} after detection at {detected}{used}",
            clock(due),
            span(allowed)
        ));
    };
    let took = (mitigated - view.detected_at).num_seconds().max(0);
    let cells = if allowed > 0 { (took * BAR / allowed).clamp(0, BAR) } else { BAR };
    let bar = bar(cells, BAR);
    let verdict = if took <= allowed { "within the target" } else { "over the target" };
    Some(format!("*Mitigated:* {} of {} from detection {bar} {verdict}", span(took), span(allowed)))
}

/// How much of the target is used, in quarters: the card is shown anew at each of them, so that it stays true.
fn used(quarters: u8) -> String {
    let words = match quarters {
        0 => "less than a quarter of it is used",
        1 => "a quarter of it is used",
        2 => "half of it is used",
        3 => "three quarters of it are used",
        _ => "*the target has passed*",
    };
    format!(" {} {words}", bar(i64::from(quarters.min(4)) * QUARTER, 4 * QUARTER))
}

fn bar(cells: i64, of: i64) -> String {
    (0..of).map(|cell| if cell < cells { '█' } else { '░' }).collect()
}

fn since(view: &CardView, at: DateTime<Utc>) -> String {
    span((at - view.detected_at).num_seconds().max(0))
}

fn clock(at: DateTime<Utc>) -> String {
    at.format("%H:%M UTC").to_string()
}

/// Our own line with a command in backticks: kept as code, but on one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
