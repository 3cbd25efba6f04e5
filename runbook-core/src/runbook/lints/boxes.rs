//! Time boxes that add up to more than their limit.

use super::super::codes::{self, finding};
use super::super::diagnostic::Diagnostic;
use super::super::lines::Lines;
use super::super::model::{Document, Step};
use super::super::steps::SectionBox;
use super::super::titles::{parse_span_s, span_text, sum_s};

/// Each section's box, and the front matter's `timebox`.
pub(super) fn check(
    document: &Document,
    boxes: &[SectionBox],
    lines: &Lines<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let sum = |steps: &[Step]| sum_s(steps.iter().filter_map(|step| step.timebox_s));
    let mut compare = |line: u32, what: &dyn std::fmt::Display, limit_s: u32, sum_s: u32| {
        if sum_s > limit_s {
            found.push(finding(
                codes::TIME_BOXES,
                (line, lines.indent(line)),
                format!(
                    "the steps' time boxes add up to {}, and {what} is {}",
                    span_text(sum_s),
                    span_text(limit_s)
                ),
                "shorten a step's box or raise the limit",
            ));
        }
    };
    for section in boxes {
        let steps = document.steps.get(section.steps.clone()).unwrap_or_default();
        compare(section.line, &format_args!("the box of `{}`", section.title), section.limit_s, sum(steps));
    }
    if let Some(limit_s) = document.front.timebox.as_deref().and_then(parse_span_s) {
        compare(1, &"the runbook's time box", limit_s, sum(&document.steps));
    }
}
