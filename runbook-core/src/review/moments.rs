//! The moments of an incident that durations are counted between, each with the event that proves it.

use chrono::{DateTime, NaiveDate, Utc};

use super::cite::{Book, EventRef};
use super::escape::escape_markdown as md;
use super::view::{Measured, PhaseRow, Span};
use super::words;
use crate::duration::for_people;
use crate::incident::IncidentEvent;
use crate::journal::Envelope;
use crate::people::Actor;

/// A moment and its proof.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) at: DateTime<Utc>,
    pub(super) event: EventRef,
}

/// What the incident's events say about its course. Reopening voids what was said about its end.
pub(super) struct Moments {
    pub(super) opened: Moment,
    pub(super) detected: Moment,
    pub(super) paged: bool,
    pub(super) alerted: bool,
    pub(super) service: String,
    pub(super) severity: EventRef,
    pub(super) target_s: Option<u32>,
    pub(super) commander: Option<(Actor, bool, EventRef)>,
    pub(super) triage: Option<(Moment, String)>,
    pub(super) triage_ended: Option<(Moment, String)>,
    pub(super) mitigated: Option<(Moment, String)>,
    pub(super) resolved: Option<(Moment, String)>,
}

/// Where an event stands.
pub(super) fn place<E>(envelope: &Envelope<E>) -> EventRef {
    EventRef { stream: envelope.stream, seq: envelope.seq }
}

impl Moments {
    /// Reads the course; `None` when the events do not begin with the opening.
    pub(super) fn read(events: &[Envelope<IncidentEvent>]) -> Option<Moments> {
        let first = events.first()?;
        let IncidentEvent::Opened { detected_at, pager, service, target_s, alerted, .. } = &first.event
        else {
            return None;
        };
        let opened = Moment { at: first.at, event: place(first) };
        let mut moments = Moments {
            opened,
            detected: Moment { at: *detected_at, event: opened.event },
            paged: pager.is_some(),
            alerted: *alerted,
            service: service.clone(),
            severity: opened.event,
            target_s: *target_s,
            commander: None,
            triage: None,
            triage_ended: None,
            mitigated: None,
            resolved: None,
        };
        for envelope in events.iter().skip(1) {
            moments.take(envelope);
        }
        Some(moments)
    }

    fn take(&mut self, envelope: &Envelope<IncidentEvent>) {
        let here = Moment { at: envelope.at, event: place(envelope) };
        match &envelope.event {
            IncidentEvent::SeverityChanged { target_s, .. } => {
                self.severity = here.event;
                self.target_s = *target_s;
            }
            IncidentEvent::CommanderTaken { commander, acting } => {
                self.commander = Some((commander.clone(), *acting, here.event));
            }
            IncidentEvent::RunPlanned { runbook, triage: true, .. } => {
                self.triage.get_or_insert((here, md(runbook)));
            }
            IncidentEvent::TriageEnded { .. } => {
                self.triage_ended.get_or_insert((here, words::incident_event(&envelope.event)));
            }
            IncidentEvent::Mitigated { reason } => {
                self.mitigated.get_or_insert((here, md(reason)));
            }
            IncidentEvent::Resolved { .. } => {
                let how = "not marked before it was resolved".to_owned();
                self.mitigated.get_or_insert((here, how));
                self.resolved = Some((here, words::incident_event(&envelope.event)));
            }
            IncidentEvent::Reopened { .. } => {
                self.mitigated = None;
                self.resolved = None;
            }
            _ => {}
        }
    }

    fn detection_name(&self) -> &'static str {
        if self.paged { "the pager triggered" } else { "detection" }
    }

    /// From detection to the end.
    pub(super) fn duration(&self, book: &mut Book) -> Option<Span> {
        let (resolved, _) = self.resolved.as_ref()?;
        self.span(book, "Duration", self.detection_name(), *resolved, "resolved")
    }

    /// From detection to the end, named for comparing with the time to mitigate.
    pub(super) fn time_to_resolve(&self, book: &mut Book) -> Option<Span> {
        let (resolved, _) = self.resolved.as_ref()?;
        self.span(book, "Time to resolve", "detection", *resolved, "resolved")
    }

    /// From detection until the impact stopped, held against the severity's target: that is what the target is about.
    pub(super) fn time_to_mitigate(&self, book: &mut Book) -> Option<Measured> {
        let (mitigated, _) = self.mitigated.as_ref()?;
        let mut span = self.span(book, "Time to mitigate", "detection", *mitigated, "impact stopped")?;
        let target = self.target_s.map(|seconds| for_people(u64::from(seconds)));
        let verdict = self.met_target().map(|met| if met { "met" } else { "missed" }.to_owned());
        if let (Some(target), Some(verdict)) = (&target, &verdict) {
            let text = format!("Time to mitigate: {}, target {target}: {verdict}", span.text);
            span.refs = book.cite(&text, &[self.detected.event, mitigated.event, self.severity]);
        }
        Some(Measured { span, target, verdict })
    }

    /// Whether the impact stopped before the target; `None` when one of them is not known.
    pub(super) fn met_target(&self) -> Option<bool> {
        let (mitigated, _) = self.mitigated.as_ref()?;
        let taken = (mitigated.at - self.detected.at).num_milliseconds();
        (taken >= 0).then_some(taken < i64::from(self.target_s?) * 1_000)
    }

    /// `None` when the end lies before the start: two clocks disagree, so the length is not known.
    fn span(
        &self,
        book: &mut Book,
        what: &str,
        start_name: &str,
        end: Moment,
        end_name: &str,
    ) -> Option<Span> {
        let seconds = u64::try_from((end.at - self.detected.at).num_milliseconds()).ok()? / 1_000;
        let text = for_people(seconds);
        let (start, stop) = (full(self.detected.at), full(end.at));
        let said = format!("{what}: {text}, from {start} ({start_name}) to {stop} ({end_name})");
        let refs = book.cite(&said, &[self.detected.event, end.event]);
        Some(Span {
            text,
            start,
            start_name: start_name.to_owned(),
            end: stop,
            end_name: end_name.to_owned(),
            refs,
        })
    }

    /// The four named moments; one that is not recorded has neither time nor text.
    pub(super) fn phases(&self, book: &mut Book) -> Vec<PhaseRow> {
        let how = match (self.paged, self.alerted) {
            (true, _) => "the pager triggered for",
            (false, true) => "an alert fired for",
            (false, false) => "declared for",
        };
        let detection = format!("{how} {}, opened here at {}", md(&self.service), self.clock(self.opened.at));
        let mut rows =
            vec![self.phase(book, "Detection", self.detected.at, detection, &[self.detected.event])];
        rows.push(match (&self.triage, &self.triage_ended) {
            (Some((start, runbook)), Some((end, counts))) => {
                let text = format!("{runbook}: {counts} at {}", self.clock(end.at));
                self.phase(book, "Triage", start.at, text, &[start.event, end.event])
            }
            (Some((start, runbook)), None) => {
                let text = format!("{runbook} planned; its end is unknown");
                self.phase(book, "Triage", start.at, text, &[start.event])
            }
            (None, Some((end, counts))) => self.phase(book, "Triage", end.at, counts.clone(), &[end.event]),
            (None, None) => not_recorded("Triage"),
        });
        for (name, moment) in [("Mitigation", &self.mitigated), ("Resolution", &self.resolved)] {
            rows.push(match moment {
                Some((at, text)) => self.phase(book, name, at.at, text.clone(), &[at.event]),
                None => not_recorded(name),
            });
        }
        rows
    }

    fn phase(
        &self,
        book: &mut Book,
        name: &str,
        at: DateTime<Utc>,
        text: String,
        evidence: &[EventRef],
    ) -> PhaseRow {
        let refs = book.cite(&text, evidence);
        PhaseRow { name: name.to_owned(), at: Some(self.clock(at)), text: Some(text), refs }
    }

    /// The day that times without a date are of: that of the detection, in UTC.
    pub(super) fn day(&self) -> NaiveDate {
        self.detected.at.date_naive()
    }

    /// A time in UTC; with its date when that is not the day of the detection.
    pub(super) fn clock(&self, at: DateTime<Utc>) -> String {
        if at.date_naive() == self.day() { at.format("%H:%M:%S").to_string() } else { full(at) }
    }
}

fn not_recorded(name: &str) -> PhaseRow {
    PhaseRow { name: name.to_owned(), at: None, text: None, refs: String::new() }
}

/// A date and time in UTC.
pub(super) fn full(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}
