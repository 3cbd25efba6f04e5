//! Runbooks and plans as text for people and JSON for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use runbook_core::duration::for_people;
use runbook_core::expectation::{Check, JudgedBy};
use runbook_core::plan::{Plan, PlannedCommand, Problem, Provenance, RiskAssessment};
use runbook_core::run::UnitRole;
use runbook_core::runbook::{
    Command, Diagnostic, Document, Effect, EffectSource, Level, Param, ParamType, Parameter, Step,
};
use runbook_core::view::{flow_lines, reversal_words};
use serde_json::{Value, json};

use crate::error::EngineError;
use crate::library::{Library, LibraryEntry};
use crate::origin::Reply;

/// The runbooks that can be named.
#[must_use]
pub fn runbooks(library: &Library) -> Reply {
    let mut text = String::new();
    let mut data = Vec::new();
    let mut sources = library.names();
    for (name, entry) in library.read_all() {
        let source = sources.remove(&name).unwrap_or_default();
        let title = entry.map_or_else(|error| error.to_string(), |entry| entry.document.title);
        let _ = writeln!(text, "{name:<36} {title}");
        data.push(json!({ "name": name, "title": title, "source": source }));
    }
    Reply { text, data: json!({ "runbooks": data }) }
}

/// What Blocks understood of a runbook, where commands see the variables that `environment` names.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn runbook(entry: &LibraryEntry, environment: &[String]) -> Result<Reply, EngineError> {
    let document = entry.looked_at(environment);
    let outline = document.outline();
    let mut data = serde_json::to_value(&outline).map_err(|error| EngineError::Journal(error.to_string()))?;
    if let Value::Object(map) = &mut data {
        map.insert("name".to_owned(), json!(entry.document.name));
        map.insert("source".to_owned(), json!(entry.source));
        map.insert("sha256".to_owned(), json!(entry.document.sha256));
    }
    Ok(Reply { text: runbook_text(entry, &document), data })
}

fn runbook_text(entry: &LibraryEntry, document: &Document) -> String {
    let outline = document.outline();
    let mut text = format!("{} ({})\n{}\n", document.title, entry.source, outline.coverage.line());
    if document.text_items > 0 {
        let _ = writeln!(text, "{} read as text", counted(document.text_items as usize, "list item"));
    }
    if !document.params.is_empty() {
        text.push_str("\nparameters\n");
        for parameter in &document.params {
            let _ = writeln!(text, "  {}", parameter_line(parameter));
        }
    }
    if !document.sections.is_empty() {
        text.push_str("\nsections (plan one with --section ID)\n");
        for section in &document.sections {
            let steps = document.steps.get(section.steps.clone()).unwrap_or_default();
            let boxes: u32 = steps.iter().filter_map(|step| step.timebox_s).fold(0, u32::saturating_add);
            let _ = writeln!(
                text,
                "  {}: {} (line {}), {}{}",
                section.id,
                section.title,
                section.line,
                counted(steps.len(), "step"),
                boxes_text(boxes, section.timebox_s)
            );
        }
    }
    for (number, step) in (1..).zip(&document.steps) {
        step_text(&mut text, number, step);
    }
    if !document.diagnostics.is_empty() {
        text.push_str("\nfindings\n");
        for finding in &document.diagnostics {
            let _ = writeln!(text, "  {}", finding_line(&entry.source, finding));
        }
    }
    text
}

/// `FILE:LINE:COLUMN: warning RB0108: what is wrong`.
#[must_use]
pub fn finding_line(source: &str, finding: &Diagnostic) -> String {
    let level = if finding.level == Level::Error { "error" } else { "warning" };
    format!("{source}:{}:{}: {level} {}: {}", finding.line, finding.column, finding.code, finding.message)
}

fn parameter_line(parameter: &Parameter) -> String {
    let Param { kind, default, required, values, pattern, secret, description } = &parameter.declared;
    let mut words = vec![match kind {
        ParamType::String => "text".to_owned(),
        ParamType::Integer => "whole number".to_owned(),
        ParamType::Boolean => "true or false".to_owned(),
        ParamType::Enum => format!("one of {}", values.join(", ")),
        ParamType::Duration => "length of time".to_owned(),
    }];
    if let Some(pattern) = pattern {
        words.push(format!("matching {pattern}"));
    }
    if *secret {
        words.push("secret".to_owned());
    }
    match (default, required) {
        (Some(default), _) => words.push(format!("default {default}")),
        (None, Some(false)) => words.push("may be left out".to_owned()),
        (None, _) => words.push("needed".to_owned()),
    }
    if !parameter.spellings.is_empty() {
        words.push(format!("written {} (line {})", parameter.spellings.join(", "), parameter.line));
    }
    let description = description.as_deref().map_or_else(String::new, |text| format!(": {text}"));
    format!("{} ({}){description}", parameter.name, words.join(", "))
}

fn step_text(text: &mut String, number: usize, step: &Step) {
    let timebox = timebox_text(step.timebox_s, step.starts_s);
    let due = step.due_s.map_or_else(String::new, |s| format!(" [due after {}]", for_people(u64::from(s))));
    let phases =
        if step.phases.is_empty() { String::new() } else { format!("{} > ", step.phases.join(" > ")) };
    let _ = writeln!(
        text,
        "\n{number}. {phases}{} (line {}, {}){timebox}{due}",
        step.title,
        step.line,
        step.kind()
    );
    let count = step.commands.len();
    // in the order of the document: what a person does stands between the commands
    let mut items = step.manual_items.iter().peekable();
    for (position, (role, command)) in step.all_commands().enumerate() {
        while let Some(item) = items.next_if(|item| item.position(count) <= position) {
            let _ = writeln!(text, "  [ ] {}", item.text);
        }
        let role = if role == "main" { String::new() } else { format!("{role} ") };
        let _ = writeln!(
            text,
            "  {role}{}: {}",
            command_word(command),
            command.title.as_deref().unwrap_or(&command.id)
        );
        for line in command.text.trim_end().lines() {
            let _ = writeln!(text, "      {line}");
        }
        if let Some(reason) = command.reason() {
            let _ = writeln!(text, "    does not run: {reason}");
        }
        if let Some(only_if) = &command.only_if {
            let _ = writeln!(text, "    only if: {} (line {})", only_if.text, only_if.line);
        }
        for expectation in &command.expectations {
            let _ = writeln!(text, "    expected: {} ({})", expectation.text, judge_word(&expectation.check));
        }
    }
    for item in items {
        let _ = writeln!(text, "  [ ] {}", item.text);
    }
}

fn command_word(command: &Command) -> String {
    format!("{}, {}", command.kind.word(), effect_words(command.effect, command.effect_source))
}

fn effect_words(effect: Effect, source: EffectSource) -> String {
    let effect = match effect {
        Effect::Read => "read",
        Effect::Idempotent => "idempotent",
        Effect::Once => "once",
    };
    let source = match source {
        EffectSource::Declared => "declared",
        EffectSource::Table => "known to change nothing",
        EffectSource::Unknown => "not declared",
    };
    format!("{effect} ({source})")
}

fn judge_word(check: &Check) -> &'static str {
    match check.judged_by() {
        JudgedBy::Machine => "machine",
        JudgedBy::Person => "you check",
    }
}

/// ` [5 min]`, or ` [5 min: from 10 min to 15 min]`.
fn timebox_text(timebox_s: Option<u32>, starts_s: Option<u32>) -> String {
    let Some(timebox_s) = timebox_s else { return String::new() };
    let span = |s: u32| for_people(u64::from(s));
    let window = starts_s.map_or_else(String::new, |from| {
        format!(": from {} to {}", span(from), span(from.saturating_add(timebox_s)))
    });
    format!(" [{}{window}]", span(timebox_s))
}

fn boxes_text(boxes_s: u32, limit_s: Option<u32>) -> String {
    let boxes = for_people(u64::from(boxes_s));
    match limit_s {
        Some(limit) => format!(", boxes {boxes} of {}", for_people(u64::from(limit))),
        None if boxes_s > 0 => format!(", boxes {boxes}"),
        None => String::new(),
    }
}

fn counted(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// A plan for people: exactly what would run, in order.
#[must_use]
pub fn plan_text(
    plan: &Plan,
    code: Option<&str>,
    risk: &RiskAssessment,
    needed: u8,
    problems: &[Problem],
) -> String {
    let mut text = format!(
        "{}\n{} on {}, {}{}\napprovals by other people: {needed}\n{}\n",
        plan.section
            .as_ref()
            .map_or_else(|| plan.title.clone(), |section| format!("{} > {section}", plan.title)),
        code.map_or_else(|| "no code".to_owned(), |code| format!("code {code}")),
        plan.target,
        risk.risk.word(),
        if risk.reasons.is_empty() { String::new() } else { format!(" ({})", risk.reasons.join("; ")) },
        boxes_text(plan.boxes_s(), plan.limit_s).trim_start_matches(", "),
    );
    for line in plan.provenance.iter().flat_map(Provenance::lines) {
        let _ = writeln!(text, "{line}");
    }
    for (name, value) in &plan.params {
        let _ = writeln!(text, "  {name} = {value}");
    }
    for name in plan.secrets.keys() {
        let _ = writeln!(text, "  {name} (secret)");
    }
    let mut in_the_way = InTheWay::new();
    for problem in problems {
        if let Some(command) = &problem.command {
            in_the_way.entry(command).or_default().push(problem);
        }
    }
    for index in 0..plan.steps.len() {
        plan_step_text(&mut text, plan, index, &in_the_way);
    }
    text
}

/// What stands in the way of each command, by its id.
type InTheWay<'a> = BTreeMap<&'a str, Vec<&'a Problem>>;
/// As many of them are shown at the command; all of them follow at the end.
const MOST_AT_A_COMMAND: usize = 3;

fn plan_step_text(text: &mut String, plan: &Plan, index: usize, problems: &InTheWay<'_>) {
    let Some(step) = plan.steps.get(index) else { return };
    let number = index + 1;
    let reversal = reversal_words(plan.reversal(index));
    let timebox = timebox_text(step.timebox_s, step.starts_s);
    let due = step.due_s.map_or_else(String::new, |s| format!(" [due after {}]", for_people(u64::from(s))));
    let _ = writeln!(text, "\n{number}. {}{timebox}{due}", step.title);
    for (name, value) in &step.params {
        let _ = writeln!(text, "  {name} = {value}");
    }
    for command in &step.baselines {
        planned_text(text, "baseline", command, problems);
    }
    // in the order of the document: what a person does stands between the commands
    let count = step.commands.len();
    let mut items = step.manual_items.iter().peekable();
    for (position, command) in step.commands.iter().enumerate() {
        while let Some(item) = items.next_if(|item| item.position(count) <= position) {
            let _ = writeln!(text, "  by hand: {}", item.text);
        }
        planned_text(text, "run", command, problems);
    }
    for item in items {
        let _ = writeln!(text, "  by hand: {}", item.text);
    }
    for command in &step.undo {
        planned_text(text, "undo", command, problems);
    }
    if !reversal.is_empty() {
        let _ = writeln!(text, "  {}{reversal}", if step.undo.is_empty() { "" } else { "the undo " });
    }
    if let Some(probe) = &step.probe {
        planned_text(text, "probe", probe, problems);
    }
}

fn planned_text(text: &mut String, role: &str, command: &PlannedCommand, problems: &InTheWay<'_>) {
    let connection = command.connection.as_deref().map_or_else(String::new, |name| format!(" over {name}"));
    let _ = writeln!(
        text,
        "  {role}: {}{connection}, {}, at most {}",
        command.kind.word(),
        effect_words(command.effect, command.effect_source),
        for_people(command.timeout_ms.div_ceil(1000)),
    );
    for line in command.text.trim_end().lines() {
        let _ = writeln!(text, "      {line}");
    }
    let own = problems.get(command.id.as_str()).into_iter().flatten();
    for problem in own.take(MOST_AT_A_COMMAND) {
        let _ = writeln!(text, "    does not run: {}", problem.message);
    }
    if let Some(condition) = &command.condition {
        let _ = writeln!(text, "    only if: {condition}");
    }
    let unit_role = match role {
        "undo" => UnitRole::Undo,
        "probe" => UnitRole::Probe,
        _ => UnitRole::Main,
    };
    for line in flow_lines(command, unit_role) {
        let _ = writeln!(text, "    {line}");
    }
    if command.retries > 0 {
        let _ = writeln!(text, "    tried again up to {} times", command.retries);
    }
    if let Some(capture) = &command.capture {
        let each = if capture.lines { "each line" } else { "its output" };
        let _ = writeln!(text, "    {each} becomes {}, matching {}", capture.name, capture.pattern);
    }
    for expectation in &command.expectations {
        let _ = writeln!(text, "    expected: {} ({})", expectation.text, judge_word(&expectation.check));
    }
}
