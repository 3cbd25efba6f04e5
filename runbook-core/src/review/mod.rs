//! The post-incident review (PIR), drafted from the journal.
//!
//! Every sentence is tied to the events that prove it: `[e12]` is the incident's twelfth event, `[r1.7]` the seventh of
//! its first run. What nobody recorded is written as unknown. Nothing here reads a clock, so the same journal gives the
//! same draft.

mod cite;
mod escape;
mod findings;
mod moments;
mod runs;
#[cfg(test)]
mod tests;
mod view;
mod words;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use handlebars::Handlebars;
use serde::Serialize;

pub use cite::{EventRef, Statement};
pub use escape::escape_markdown;

use cite::Book;
use escape::escape_markdown as md;
use moments::{Moments, full, place};
use runs::Told;
use view::{Impact, StreamRow, TimelineRow, TriageRow, View};

use crate::incident::{Incident, IncidentEvent};
use crate::journal::Envelope;
use crate::run::{Run, RunEvent};
use crate::severity::Severity;

/// Everything that a review is drafted from.
#[derive(Debug, Clone, Copy)]
pub struct ReviewInput<'a> {
    /// The incident as it is now.
    pub incident: &'a Incident,
    /// Its events, all of them, in order.
    pub events: &'a [Envelope<IncidentEvent>],
    /// Its runs, oldest first, each with its events in order. They are numbered from 1 as they come.
    pub runs: &'a [(Run, Vec<Envelope<RunEvent>>)],
    /// What the incident's severity means; `None` when the configuration no longer knows it.
    pub severity: Option<&'a Severity>,
    /// When the draft is made.
    pub drafted_at: DateTime<Utc>,
    /// The review's date, `YYYY-MM-DD`, in the configured zone. Times in the text are UTC all the same.
    pub date: &'a str,
}

/// A drafted review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Draft {
    /// `PIR_2025-12-09_INC-1.md`.
    pub file_name: String,
    /// The review as Markdown.
    pub text: String,
    /// What it states, with the proof, in the order in which it was put together.
    pub statements: Vec<Statement>,
}

/// A review cannot be drafted.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// The incident's events do not begin with its opening.
    #[error("the events of {0} do not begin with its opening; hint: run `blocks journal verify`")]
    NoOpening(String),
    /// A run's events do not begin with its planning.
    #[error("the events of run {0} do not begin with its planning; hint: run `blocks journal verify`")]
    NoPlan(String),
    /// The date would not make a file name.
    #[error("'{0}' is not a date; hint: write it as 2025-12-31")]
    Date(String),
    /// The template does not fit.
    #[error("the review's template cannot be filled in: {0}; hint: compare it with the one that is shipped")]
    Template(#[from] Box<handlebars::RenderError>),
}

/// Drafts the review.
///
/// # Errors
/// When the events are not whole, the date is none, or the template asks for something that is not there.
pub fn draft(input: &ReviewInput<'_>, template: &str) -> Result<Draft, ReviewError> {
    let incident = input.incident;
    let date = NaiveDate::parse_from_str(input.date, "%Y-%m-%d")
        .ok()
        .filter(|date| date.to_string() == input.date)
        .ok_or_else(|| ReviewError::Date(input.date.to_owned()))?;
    let moments =
        Moments::read(input.events).ok_or_else(|| ReviewError::NoOpening(incident.number.to_string()))?;
    let runs = input
        .runs
        .iter()
        .map(|(run, events)| Told::read(run, events).ok_or_else(|| ReviewError::NoPlan(run.id.to_string())))
        .collect::<Result<Vec<_>, _>>()?;
    let mut book = Book::new(runs.iter().map(|told| told.planned.stream).collect());
    let view = view(input, &moments, &runs, &mut book);

    let mut engine = Handlebars::new();
    engine.register_escape_fn(handlebars::no_escape); // every value is Markdown already
    engine.set_strict_mode(true);
    let filled = engine.render_template(template, &view).map_err(Box::new)?;
    // A value without marks leaves a space behind, and two would be a line break in Markdown.
    let mut text: String = filled.lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
    text.truncate(text.trim_end().len());
    text.push('\n');
    Ok(Draft {
        file_name: format!("PIR_{date}_{}.md", incident.number),
        text,
        statements: book.into_statements(),
    })
}

fn view(input: &ReviewInput<'_>, moments: &Moments, runs: &[Told<'_>], book: &mut Book) -> View {
    let incident = input.incident;
    let severity = match input.severity {
        Some(severity) => format!("{} ({})", md(&incident.severity), md(&severity.name)),
        None => md(&incident.severity),
    };
    let (due, review_due) = review_due(input, moments, book);
    let unknown = || Some(cite::Said { text: NOT_RECORDED.to_owned(), refs: String::new() });
    View {
        title: md(&incident.title),
        incident: incident.number.to_string(),
        date: input.date.to_owned(),
        zone: format!("UTC, and of {} where no date stands beside them", moments.day()),
        drafted: format!(
            "{}, from {} events of the incident and {} of its runs",
            full(input.drafted_at),
            input.events.len(),
            runs.iter().map(|told| told.events.len()).sum::<usize>()
        ),
        severity: book.say(severity, &[moments.severity]),
        duration: moments.duration(book),
        commander: moments.commander.as_ref().map(|(who, acting, event)| {
            let how = if *acting { " (acting: first to acknowledge)" } else { "" };
            book.say(format!("{}{how}", md(&who.to_string())), &[*event])
        }),
        time_to_mitigate: moments.time_to_mitigate(book),
        time_to_resolve: moments.time_to_resolve(book),
        review_due,
        phases: moments.phases(book),
        observations: findings::observations(book, input.events),
        impact: Impact { repositories: unknown(), flows: unknown(), users: unknown() },
        went_well: findings::went_well(book, moments, runs),
        went_wrong: findings::went_wrong(book, moments, input.events, runs),
        triage: triage(book, input.events),
        runbooks: runs.iter().map(|told| told.section(book, moments)).collect(),
        approvals: runs.iter().flat_map(|told| told.approvals(book, moments)).collect(),
        actions: findings::actions(book, moments, input.events, runs, due),
        lessons: Vec::new(),
        timeline: timeline(book, input, moments, runs),
        streams: std::iter::once(("e".to_owned(), moments.opened.event.stream.to_string()))
            .chain(
                runs.iter()
                    .enumerate()
                    .map(|(index, told)| (format!("r{}.", index + 1), told.planned.stream.to_string())),
            )
            .map(|(label, stream)| StreamRow { label, stream })
            .collect(),
    }
}

/// What stands where only people can tell.
const NOT_RECORDED: &str = "unknown: not recorded during the incident";

/// When the review is due, as a time and as the template shows it; no text when the severity asks for none.
fn review_due(
    input: &ReviewInput<'_>,
    moments: &Moments,
    book: &mut Book,
) -> (Option<DateTime<Utc>>, Option<String>) {
    let Some(severity) = input.severity else { return (None, Some("unknown".to_owned())) };
    let Some(due_s) = severity.pir_due_s else { return (None, None) };
    let within = crate::duration::for_people(u64::from(due_s));
    let due = moments.resolved.as_ref().and_then(|(resolved, _)| {
        Some((resolved.at.checked_add_signed(Duration::seconds(i64::from(due_s)))?, resolved.event))
    });
    match due {
        Some((due, event)) => {
            let said = book
                .say(format!("{}, {within} after it was resolved", full(due)), &[event, moments.severity]);
            (Some(due), Some(format!("{} {}", said.text, said.refs)))
        }
        None => (None, Some(format!("{within} after it is resolved"))),
    }
}

fn triage(book: &mut Book, events: &[Envelope<IncidentEvent>]) -> Vec<TriageRow> {
    let mut rows = Vec::new();
    for envelope in events {
        let IncidentEvent::EvidenceFound { title, expected, outcome, reason, .. } = &envelope.event else {
            continue;
        };
        let (title, expected) = (md(title), words::expected(expected));
        let (outcome, reason) = (words::outcome(*outcome).to_owned(), md(reason));
        let refs = book.cite(&format!("{title}: {expected}: {outcome}: {reason}"), &[place(envelope)]);
        rows.push(TriageRow { title, expected, outcome, reason, refs });
    }
    rows
}

/// Every event once, in the order of time; within a stream, in its own order.
fn timeline(book: &Book, input: &ReviewInput<'_>, moments: &Moments, runs: &[Told<'_>]) -> Vec<TimelineRow> {
    let mut rows = Vec::new();
    for envelope in input.events {
        rows.push(row(book, moments, envelope, words::incident_event(&envelope.event)));
    }
    for told in runs {
        for envelope in told.events {
            if let Some(text) = words::run_event(told.run, &envelope.event) {
                rows.push(row(book, moments, envelope, text));
            }
        }
    }
    rows.sort_by_key(|(at, _)| *at);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn row<E>(
    book: &Book,
    moments: &Moments,
    envelope: &Envelope<E>,
    mut text: String,
) -> (DateTime<Utc>, TimelineRow) {
    if let Some(occurred_at) = envelope.occurred_at {
        text = format!("{text} (by its source: {})", moments.clock(occurred_at));
    }
    if envelope.clamped {
        text.push_str(" (the clock had gone back)");
    }
    let row = TimelineRow {
        label: book.label(place(envelope)),
        at: moments.clock(envelope.at),
        actor: md(&envelope.actor.to_string()),
        text,
    };
    (envelope.at, row)
}
