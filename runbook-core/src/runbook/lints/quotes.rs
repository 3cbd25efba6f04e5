//! An expectation that quotes a name in another way than kubectl prints it.

use super::super::codes;
use super::super::diagnostic::Diagnostic;
use super::calls::Call;
use super::kubectl;
use super::script::Script;

/// Nouns before which kubectl prints a name in double quotes.
const NOUNS: &[&str] = &[
    "deployment",
    "daemon set",
    "daemonset",
    "statefulset",
    "pod",
    "service",
    "namespace",
    "node",
    "job",
    "cronjob",
    "configmap",
    "secret",
    "ingress",
    "replicaset",
    "deployment.apps",
    "daemonset.apps",
    "statefulset.apps",
    "job.batch",
    "cronjob.batch",
];

/// `deployment 'web' successfully rolled out`, where kubectl prints double quotes.
pub(super) fn quote_style(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    for unit in script.units.iter().filter(|unit| unit.calls.iter().any(prints_quoted_names)) {
        for expectation in &unit.command.expectations {
            if let Some(name) = single_quoted_name(&expectation.text) {
                found.push(script.at(
                    codes::QUOTE_STYLE,
                    expectation.line,
                    name,
                    format!("kubectl prints {name} in double quotes: whoever compares by eye or with grep finds nothing"),
                    "write the quotes as kubectl prints them: \"NAME\"",
                ));
            }
        }
    }
}

fn prints_quoted_names(call: &Call<'_>) -> bool {
    call.program == "kubectl"
        && matches!(kubectl::words(call).as_slice(), ["rollout", "status", ..] | ["delete" | "drain", ..])
}

/// The first `'name'` behind one of the nouns, quotes included.
fn single_quoted_name(text: &str) -> Option<&str> {
    let mut from = 0;
    while let Some(open) = text.get(from..)?.find('\'').map(|at| at + from) {
        let length = text.get(open + 1..)?.find('\'')?;
        let end = open + length + 2;
        let name = text.get(open + 1..end - 1)?;
        let before = text.get(..open)?.trim_end().to_ascii_lowercase();
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.$".contains(c));
        if plain && NOUNS.iter().any(|noun| before.ends_with(noun)) {
            return text.get(open..end);
        }
        from = end - 1;
    }
    None
}
