//! What a document's includes come to, for whoever only looks: `show` and `lint` say of them what a plan would.

use std::collections::{BTreeMap, BTreeSet};

use super::build::{PlanRequest, draft};
use super::error::{PlanError, Problem};
use crate::runbook::{Command, CommandKind, Diagnostic, Document, Level, Param, Step, codes, settle_blocks};

/// Includes that are looked at; a plan takes fewer steps.
const MOST: usize = 1_000;
/// What stands for a value that only a run has.
const SOME_VALUE: &str = "x";

/// Notes what stands in the way of each include, as a finding and as the reason why it does not run. `documents` are the
/// runbooks that can be included, `refused` says why one cannot be read.
pub fn settle_includes(
    document: &mut Document,
    documents: &BTreeMap<String, Document>,
    refused: &BTreeMap<String, String>,
) {
    let includes = |step: &Step| step.commands.iter().any(|command| command.include.is_some());
    if !document.steps.iter().any(includes) {
        return;
    }
    let (alone, request) = alone(document, documents, refused);
    let mut looked: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut found: Vec<(usize, usize, Problem)> = Vec::new();
    let all = document.steps.iter().enumerate().flat_map(|(at, step)| {
        let commands = step.commands.iter().enumerate();
        commands
            .filter(|(_, command)| command.include.is_some())
            .map(move |(n, command)| (at, n, step, command))
    });
    for (at, n, step, command) in all.take(MOST) {
        let Some(include) = &command.include else { continue };
        let inside = looked
            .entry(include.runbook.clone())
            .or_insert_with(|| first_refused(&include.runbook, documents));
        let problem = match problem(&alone, &request, step, command) {
            Some(problem) => Some(problem),
            None => inside.as_ref().map(|reason| {
                Problem::from(PlanError::Include {
                    command: command.id.clone(),
                    line: command.line,
                    runbook: include.runbook.clone(),
                    reason: format!(
                        "it does not run: {reason}; hint: `blocks runbook lint` on that runbook says more"
                    ),
                })
            }),
        };
        found.extend(problem.map(|problem| (at, n, problem)));
    }
    for (at, n, problem) in found {
        let Some(command) = document.steps.get_mut(at).and_then(|step| step.commands.get_mut(n)) else {
            continue;
        };
        let cycle = codes::INCLUDE_CYCLE.to_string() == problem.code;
        document.diagnostics.push(Diagnostic {
            code: if cycle { codes::INCLUDE_CYCLE } else { codes::INCLUDE },
            level: Level::Error,
            line: command.line,
            column: 1,
            message: problem.message.clone(),
            hint: problem.hint,
        });
        command.not_runnable.get_or_insert(problem.message);
    }
    document.diagnostics.sort_by_key(|found| (found.line, found.column, found.code));
    settle_blocks(document);
}

/// The document without its steps, with some value for each of its parameters.
fn alone(
    document: &Document,
    documents: &BTreeMap<String, Document>,
    refused: &BTreeMap<String, String>,
) -> (Document, PlanRequest) {
    let mut front = document.front.clone();
    for param in front.params.values_mut() {
        let Param { secret, .. } = *param;
        *param = Param { secret, default: (!secret).then(|| SOME_VALUE.to_owned()), ..Param::default() };
    }
    let secrets = front.params.iter().filter(|(_, param)| param.secret);
    let secrets = secrets.map(|(name, _)| (name.clone(), String::new())).collect();
    let alone = Document {
        name: document.name.clone(),
        title: String::new(),
        front,
        headings: Vec::new(),
        blocks: Vec::new(),
        links: Vec::new(),
        allowed_remarks: Vec::new(),
        sections: Vec::new(),
        steps: Vec::new(),
        text_items: 0,
        params: document.params.clone(),
        diagnostics: Vec::new(),
        sha256: Some(String::new()),
    };
    let request = PlanRequest {
        documents: documents.clone(),
        refused: refused.clone(),
        secrets,
        ..PlanRequest::default()
    };
    (alone, request)
}

/// The first thing that is in the way of one include, whatever the values are.
fn problem(alone: &Document, request: &PlanRequest, step: &Step, command: &Command) -> Option<Problem> {
    let refers = command.include.as_ref().is_some_and(|include| !include.references().is_empty());
    let step = Step { commands: vec![command.clone()], ..step.clone() };
    let document = Document { steps: vec![step], ..alone.clone() };
    let drafted = draft(&document, request).ok()?;
    drafted.problems.into_iter().find(|problem| match problem.error {
        PlanError::Include { .. } | PlanError::IncludeCycle { .. } => true,
        // a value that is handed on is known to a run only
        PlanError::BadParam { .. } => !refers,
        _ => false,
    })
}

/// The first command that cannot run in a runbook and in what it includes, or the first error of these.
fn first_refused(runbook: &str, documents: &BTreeMap<String, Document>) -> Option<String> {
    let mut seen = BTreeSet::from([runbook]);
    let mut waiting = vec![runbook];
    while let Some(name) = waiting.pop() {
        let Some(document) = documents.get(name) else { continue };
        if let Some(error) = document.diagnostics.iter().find(|found| found.level == Level::Error) {
            return Some(format!("{name}.md:{}: {}: {}", error.line, error.code, error.message));
        }
        for (_, command) in document.steps.iter().flat_map(Step::all_commands) {
            if let Some(reason) = &command.not_runnable {
                return Some(format!("{name}.md:{}: {reason}", command.line));
            }
            if command.kind == CommandKind::Include
                && let Some(include) = &command.include
                && seen.insert(&include.runbook)
            {
                waiting.push(&include.runbook);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::parse;

    fn include(runbook: &str, more: &str) -> String {
        format!("# T\n\n## S\n\n```include\nrunbook: {runbook}\n{more}```\n")
    }

    #[test]
    fn each_include_says_what_a_plan_would_say() {
        let given = "params:\n  N: $N\n";
        let rows = [
            (include("fine", ""), None),
            (include("missing", ""), Some("there is no such runbook")),
            (include("kept", ""), Some("may not be read")),
            (include("outer", ""), Some("outer > outer")),
            (include("circle", ""), Some("outer > circle > outer")),
            (include("broken", ""), Some("broken.md:6: RB0170")),
            (include("around", ""), Some("broken.md:6: RB0170")),
            (include("forbidden", ""), Some("its title says not to run it")),
            (include("fine", "params:\n  X: 1\n"), Some("no parameter 'X'")),
            (include("counts", "params:\n  N: x\n"), Some("'N'")),
            (include("counts", "params:\n  N: 3\n"), None),
            // what the run gives is not known yet
            (format!("---\nparams:\n  N: {{}}\n---\n{}", include("counts", given)), None),
            (format!("---\nparams:\n  N: {{ type: integer }}\n---\n{}", include("counts", given)), None),
            (include("needs", ""), None),
        ];
        let documents: BTreeMap<String, Document> = [
            ("fine", "# F\n\n## S\n\n```bash\nls /a\n```\n".to_owned()),
            ("circle", include("outer", "")),
            ("broken", "# B\n\n## S\n\n```bash\ndone\n```\n".to_owned()),
            ("around", include("broken", "")),
            ("forbidden", "# B\n\n## Bad\n\nDo not run this:\n\n```bash\nls /a\n```\n\n## Bad example\n\n```bash\nls /b\n```\n".to_owned()),
            ("counts", "---\nparams:\n  N: { type: integer }\n---\n# C\n\n## S\n\n```bash\necho \"$N\"\n```\n".to_owned()),
            ("needs", "# N\n\n## S\n\n```bash\nls <dir>\n```\n".to_owned()),
        ]
        .into_iter()
        .map(|(name, text)| (name.to_owned(), parse(name, &text)))
        .collect();
        let refused = BTreeMap::from([("kept".to_owned(), "may not be read".to_owned())]);
        for (text, wanted) in rows {
            let mut document = parse("outer", &text);
            let before = document.diagnostics.len();
            settle_includes(&mut document, &documents, &refused);
            let reason = document.steps[0].commands[0].not_runnable.clone();
            match wanted {
                None => assert_eq!(reason, None, "{text}"),
                Some(wanted) => {
                    let reason = reason.unwrap_or_default();
                    assert!(
                        reason.contains(wanted)
                            || wanted.contains("says not") && reason.contains("does not run"),
                        "{text}: {reason}"
                    );
                }
            }
            let told = document.diagnostics.len() - before;
            assert_eq!(told, usize::from(wanted.is_some()), "{text}: {:?}", document.diagnostics);
            assert_eq!(document.blocks[0].runnable, wanted.is_none(), "{text}");
        }
    }
}
