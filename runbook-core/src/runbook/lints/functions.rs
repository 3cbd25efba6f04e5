//! Functions that a document defines: their names are no known programs any more.

use std::collections::BTreeSet;

use super::super::model::{Command, CommandKind, Document, Effect, EffectSource, Step};
use super::super::shell::{Kind, lex, simple_commands};

/// A function carries over to later commands, so a name that the document defines is no known program any more.
pub(super) fn distrust_redefined(document: &mut Document) {
    let all = |step: &Step| -> Vec<String> {
        let commands =
            step.commands.iter().chain(&step.baselines).chain(step.probe.as_deref()).chain(&step.undo);
        commands
            .filter(|command| is_shell(command) && may_define(&command.text))
            .flat_map(|command| defined_functions(&command.text))
            .collect()
    };
    let names: BTreeSet<String> = document.steps.iter().flat_map(all).collect();
    if names.is_empty() {
        return;
    }
    for step in &mut document.steps {
        let Step { commands, baselines, probe, undo, .. } = step;
        for command in commands.iter_mut().chain(baselines).chain(probe.as_deref_mut()).chain(undo) {
            if !is_shell(command) {
                continue;
            }
            let uses = simple_commands(&lex(&command.text).tokens)
                .iter()
                .any(|simple| simple.words.iter().any(|word| names.contains(word.text())));
            if uses && command.effect_source == EffectSource::Table {
                command.effect = Effect::Once;
                command.effect_source = EffectSource::Unknown;
            }
        }
    }
}

/// `now()` in a statement or a query defines nothing.
fn is_shell(command: &Command) -> bool {
    command.kind == CommandKind::Shell
}

/// Whether it is worth looking for functions: nearly no text has `function` or an empty pair of brackets in it.
fn may_define(text: &str) -> bool {
    let empty_pair = |at: usize| {
        let behind = text.get(at + 1..).unwrap_or_default();
        behind.trim_start_matches([' ', '\t', '\r']).starts_with(')')
    };
    memchr::memchr_iter(b'(', text.as_bytes()).any(empty_pair)
        || text.contains("function")
        || text.contains("\\\n")
}

/// The names in `name() {` and `function name`.
pub(crate) fn defined_functions(text: &str) -> Vec<String> {
    let tokens = lex(text).tokens;
    let word = |index: usize| match tokens.get(index).map(|token| &token.kind) {
        Some(Kind::Word(word)) => Some(word.text()),
        _ => None,
    };
    let op = |index: usize, op: &str| matches!(tokens.get(index).map(|token| &token.kind), Some(Kind::Op(o)) if *o == op);
    (0..tokens.len())
        .filter_map(|i| match word(i)? {
            "function" => word(i + 1).map(str::to_owned),
            name if op(i + 1, "(") && op(i + 2, ")") => Some(name.to_owned()),
            _ => None,
        })
        .collect()
}
