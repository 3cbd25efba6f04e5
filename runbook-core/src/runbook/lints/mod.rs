//! What a runbook's commands, once understood, should have said.

use super::codes::{self, finding};
use super::diagnostic::Diagnostic;
use super::lines::Lines;
use super::model::{Command, Document, Effect, EffectSource, Step};
use super::mojibake;
use super::shell::{Kind, Simple, lex, simple_commands};
use super::steps::SectionBox;
use super::titles::{parse_span_s, span_text, sum_s};

/// Checks every step. A command whose check can never fail loses its right to run.
pub(crate) fn check(document: &mut Document, boxes: &[SectionBox], lines: &Lines<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    distrust_redefined(document);
    for step in &mut document.steps {
        let Step { commands, baselines, probe, undo, .. } = step;
        for command in commands.iter_mut().chain(baselines).chain(probe).chain(undo) {
            check_command(command, lines, &mut found);
        }
        check_undo(step, lines, &mut found);
    }
    check_boxes(document, boxes, lines, &mut found);
    found
}

/// A function carries over to later commands, so a name that the document defines is no known program any more.
fn distrust_redefined(document: &mut Document) {
    let all = |step: &Step| -> Vec<String> {
        let commands = step.commands.iter().chain(&step.baselines).chain(&step.probe).chain(&step.undo);
        commands.flat_map(|command| defined_functions(&command.text)).collect()
    };
    let names: Vec<String> = document.steps.iter().flat_map(all).collect();
    if names.is_empty() {
        return;
    }
    for step in &mut document.steps {
        let Step { commands, baselines, probe, undo, .. } = step;
        for command in commands.iter_mut().chain(baselines).chain(probe).chain(undo) {
            let uses = simple_commands(&lex(&command.text).tokens)
                .iter()
                .any(|simple| simple.words.iter().any(|word| names.contains(&word.value)));
            if uses && command.effect_source == EffectSource::Table {
                command.effect = Effect::Once;
                command.effect_source = EffectSource::Unknown;
            }
        }
    }
}

/// The names in `name() {` and `function name`.
fn defined_functions(text: &str) -> Vec<String> {
    let tokens = lex(text).tokens;
    let word = |index: usize| match tokens.get(index).map(|token| &token.kind) {
        Some(Kind::Word(word)) => Some(word.value.clone()),
        _ => None,
    };
    let op = |index: usize, op: &str| matches!(tokens.get(index).map(|token| &token.kind), Some(Kind::Op(o)) if *o == op);
    (0..tokens.len())
        .filter_map(|i| match word(i)?.as_str() {
            "function" => word(i + 1),
            name if op(i + 1, "(") && op(i + 2, ")") => Some(name.to_owned()),
            _ => None,
        })
        .collect()
}

fn check_command(command: &mut Command, lines: &Lines<'_>, found: &mut Vec<Diagnostic>) {
    let text = command.text.clone();
    let own_lines = Lines::new(&text);
    for simple in simple_commands(&lex(&text).tokens) {
        let line = command.line.saturating_add(own_lines.line(simple.start) - 1);
        // in a loop or behind a wrapper the program is not the first word
        let Some(at) = simple.words.iter().position(|word| !word.quoted && is_checked(&word.value)) else {
            continue;
        };
        let program = simple.words[at].value.as_str();
        let args: Vec<&str> = simple.words[at + 1..].iter().map(|word| word.value.as_str()).collect();
        let place = (line, lines.column_of(line, program));
        if program == "kubectl" {
            check_kubectl(&args, place, found);
        } else if let Some(run) = misread_pattern(&simple) {
            found.push(finding(
                codes::CANNOT_FAIL,
                (line, lines.column_of(line, &run)),
                format!(
                    "the search for `{run}` can never find anything: it is text read in a wrong encoding"
                ),
                "write the character that was meant, and save the file as UTF-8",
            ));
            command.not_runnable.get_or_insert_with(|| "its check can never fail".to_owned());
        }
    }
}

fn is_checked(word: &str) -> bool {
    matches!(word, "kubectl" | "grep" | "egrep" | "fgrep" | "zgrep" | "rg")
}

fn misread_pattern(simple: &Simple) -> Option<String> {
    simple.words.iter().find_map(|word| mojibake::find(&word.value)).map(str::to_owned)
}

fn check_kubectl(args: &[&str], at: (u32, u32), found: &mut Vec<Diagnostic>) {
    let verb = kubectl_verb(args);
    let pinned = args.iter().any(|arg| arg.starts_with("--to-revision"));
    if verb.starts_with(&["rollout", "undo"]) && !pinned {
        found.push(finding(
            codes::UNPINNED_UNDO,
            at,
            "`rollout undo` without a revision goes back to the bad version when it runs twice",
            "capture the revision in a baseline and add --to-revision=\"$REVISION\"",
        ));
    }
    let names_one = args.iter().any(|arg| {
        matches!(*arg, "-n" | "-A" | "--all-namespaces")
            || arg.starts_with("--namespace")
            || arg.starts_with("-n")
    });
    if changes_namespaced(&verb) && !names_one {
        found.push(finding(
            codes::NO_NAMESPACE,
            at,
            "this kubectl command changes something and takes the namespace from whoever runs it",
            "name the namespace with -n",
        ));
    }
}

/// Verbs that change something inside a namespace.
fn changes_namespaced(verb: &[&str]) -> bool {
    match verb {
        ["create" | "delete" | "get" | "edit", kind, ..]
            if matches!(
                kind.split('/').next().unwrap_or_default(),
                "namespace"
                    | "namespaces"
                    | "ns"
                    | "node"
                    | "nodes"
                    | "pv"
                    | "clusterrole"
                    | "clusterrolebinding"
                    | "crd"
            ) =>
        {
            false
        }
        ["rollout", "undo" | "restart" | "pause" | "resume", ..] => true,
        [
            "apply" | "create" | "delete" | "edit" | "patch" | "replace" | "scale" | "set" | "annotate"
            | "label" | "expose" | "run" | "autoscale" | "exec" | "cp",
            ..,
        ] => true,
        _ => false,
    }
}

fn check_undo(step: &Step, lines: &Lines<'_>, found: &mut Vec<Diagnostic>) {
    if !step.undo.is_empty() {
        return;
    }
    if let Some(command) = step.commands.iter().find(|command| command.effect == Effect::Once) {
        found.push(finding(
            codes::NO_UNDO,
            (command.line, lines.indent(command.line)),
            format!(
                "the step `{}` changes something that must not be repeated, and declares no undo",
                step.title
            ),
            "add a block marked undo, or effect=read when the command changes nothing",
        ));
    }
}

fn check_boxes(document: &Document, boxes: &[SectionBox], lines: &Lines<'_>, found: &mut Vec<Diagnostic>) {
    let sum = |steps: &[Step]| sum_s(steps.iter().filter_map(|step| step.timebox_s));
    let mut compare = |line: u32, what: &str, limit_s: u32, sum_s: u32| {
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
        compare(section.line, &format!("the box of `{}`", section.title), section.limit_s, sum(steps));
    }
    if let Some(limit_s) = document.front.timebox.as_deref().and_then(parse_span_s) {
        compare(1, "the runbook's time box", limit_s, sum(&document.steps));
    }
}

fn kubectl_verb<'a>(args: &[&'a str]) -> Vec<&'a str> {
    let mut words = Vec::new();
    let mut i = 0;
    while i < args.len() {
        let arg = args[i];
        if arg.starts_with('-') {
            if matches!(arg, "-n" | "--namespace" | "--context" | "-l" | "-o") {
                i += 1;
            }
        } else {
            words.push(arg);
        }
        i += 1;
    }
    words
}
