//! Variables that the configuration hands on to commands (`[exec] env`): no runbook has to set them.

use super::codes;
use super::model::{Document, ParameterSource, Step};
use super::variables;

/// Takes back what the reader said about variables that are handed on: they have their values.
///
/// The reader knows no configuration, so this is for whoever shows a document. A plan asks the configuration by itself.
pub fn hand_on(document: &mut Document, environment: &[String]) {
    let handed = |name: &str| environment.iter().any(|known| known == name);
    let is_handed = |spelling: &String| variables::of_placeholder(spelling).is_some_and(handed);
    for step in &mut document.steps {
        let Step { commands, baselines, probe, undo, .. } = step;
        for command in commands.iter_mut().chain(baselines).chain(probe.as_deref_mut()).chain(undo) {
            command.placeholders.retain(|spelling| !is_handed(spelling));
        }
    }
    document.diagnostics.retain(|finding| {
        let named = finding.message.strip_prefix("nothing sets `$").and_then(|rest| rest.split_once('`'));
        finding.code != codes::UNSET_VARIABLE || named.is_none_or(|(name, _)| !handed(name))
    });
    for parameter in &mut document.params {
        parameter.spellings.retain(|spelling| !is_handed(spelling));
    }
    document.params.retain(|parameter| {
        parameter.source != ParameterSource::Placeholder || !parameter.spellings.is_empty()
    });
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn what_is_handed_on_has_its_value() {
        let text = "# T\n## Step 1: S\n```bash\nls $TEAM_REGION $OTHER\n```\n```bash\nls $TEAM_REGION\n```\n";
        // handed on, runnable commands, unset variables, parameters
        for (names, runnable, unset, params) in [
            (&[][..], 0, 3, 2),
            (&["NOBODY"], 0, 3, 2),
            (&["TEAM_REGION"], 1, 1, 1),
            (&["TEAM_REGION", "OTHER"], 2, 0, 0),
        ] {
            let mut document = parse("x", text);
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            hand_on(&mut document, &names);
            let found = document.diagnostics.iter().filter(|one| one.code == codes::UNSET_VARIABLE).count();
            let coverage = document.coverage();
            assert_eq!(
                (coverage.runnable, found, document.params.len()),
                (runnable, unset, params),
                "{names:?}"
            );
        }
    }
}
