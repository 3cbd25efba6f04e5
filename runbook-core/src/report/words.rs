//! The report as text.

use super::{Named, OfActions, OfRunbook, OfSeverity, Report, Spread};
use crate::duration::for_people;

/// Incidents of one list that are named; the rest is counted.
const NAMED: usize = 10;
/// Characters of a title.
const TITLE_MAX: usize = 80;

impl Report {
    /// A line for each thing that there is to tell.
    #[must_use]
    pub fn text(&self) -> String {
        let mut lines = vec![self.head()];
        lines.extend(self.severities.iter().map(OfSeverity::line));
        lines.extend(list("missed their target", &self.missed));
        lines.extend(list("open", &self.open));
        lines.extend(self.runbooks.iter().map(OfRunbook::line));
        lines.extend(self.actions.line());
        lines.extend((self.hidden > 0).then(|| {
            format!("{} more, private, that you have no part in: nothing here counts them", self.hidden)
        }));
        lines.extend(self.newest_only.map(|count| {
            format!("there were more: only the newest {count} incidents are counted; hint: a shorter time, as in `report --since 7d`")
        }));
        lines.join("\n")
    }

    fn head(&self) -> String {
        let of = self.service.as_ref().map_or_else(String::new, |service| format!(" of {service}"));
        let mut head = format!(
            "{} to {}: {}{of}",
            self.period.first_day,
            self.period.last_day,
            counted(self.incidents, "incident")
        );
        if self.not_incidents > 0 {
            head.push_str(&format!(", beside {} that ended as none", self.not_incidents));
        }
        if self.merged > 0 {
            head.push_str(&format!(", and {} that became part of another", self.merged));
        }
        head
    }
}

impl OfSeverity {
    fn line(&self) -> String {
        let mut parts = vec![format!("{}: {}", self.severity, counted(self.incidents, "incident"))];
        parts.extend(self.acknowledged.map(|spread| format!("taken {}", spread.words())));
        parts.extend(self.mitigated.map(|spread| format!("mitigated {}", spread.words())));
        let judged = self.met + self.missed;
        parts.extend((judged > 0).then(|| format!("target met by {} of {judged}", self.met)));
        parts.extend((self.open > 0).then(|| format!("{} open", self.open)));
        parts.join("; ")
    }
}

impl Spread {
    fn words(&self) -> String {
        match self.count {
            1 => format!("after {}", for_people(self.median_s)),
            _ => format!(
                "after {} (median; slowest {})",
                for_people(self.median_s),
                for_people(self.slowest_s)
            ),
        }
    }
}

impl OfRunbook {
    fn line(&self) -> String {
        let mut parts: Vec<String> =
            self.outcomes.iter().map(|(word, count)| format!("{count} {}", word.replace('_', " "))).collect();
        let going_on = self.runs - self.outcomes.values().sum::<usize>();
        parts.extend((going_on > 0).then(|| format!("{going_on} not ended")));
        format!("{}: {}: {}", self.runbook, counted(self.runs, "run"), parts.join(", "))
    }
}

impl OfActions {
    fn line(&self) -> Option<String> {
        let late = if self.overdue > 0 { format!(" ({} overdue)", self.overdue) } else { String::new() };
        (self.done + self.open > 0).then(|| format!("actions: {} to do{late}, {} done", self.open, self.done))
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn list(what: &str, incidents: &[Named]) -> Vec<String> {
    if incidents.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!("{what}:")];
    lines.extend(incidents.iter().take(NAMED).map(|one| {
        let target = one
            .target_s
            .map_or_else(String::new, |target_s| format!(", target {}", for_people(u64::from(target_s))));
        let title: String = one.title.chars().take(TITLE_MAX).collect();
        format!(
            "  {} {} {}, {}{target}: {title}",
            one.number,
            one.severity,
            one.service,
            for_people(one.took_s)
        )
    }));
    let more = incidents.len().saturating_sub(NAMED);
    lines.extend((more > 0).then(|| format!("  and {more} more")));
    lines
}
