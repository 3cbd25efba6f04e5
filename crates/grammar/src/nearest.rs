//! The command that somebody may have meant.

use crate::surface::{CommandInfo, Surface, commands_on};

/// The offered command nearest to what was typed, when one is near enough to be worth naming.
pub(crate) fn nearest(words: &[String], surface: Surface) -> Option<&'static CommandInfo> {
    let first = words.first()?.to_lowercase();
    let two = words.get(1).map(|second| format!("{first} {}", second.to_lowercase()));
    commands_on(surface)
        .flat_map(|command| {
            let last = command.path.rsplit(' ').next().unwrap_or(command.path);
            let group = command.path.split(' ').next().unwrap_or(command.path);
            let whole = two.as_deref().map(|two| distance(two, command.path));
            // The whole command says more than its last word, and that more than its group.
            [
                (whole, 0),
                (Some(distance(&first, last)), 1),
                (Some(distance(&first, group).filter(|far| *far > 0)), 2),
            ]
            .into_iter()
            .filter_map(move |(far, rank)| Some(((rank, far??), command)))
        })
        .min_by_key(|(key, _)| *key)
        .map(|(_, command)| command)
}

/// Edits between two words; `None` when they are too many for a slip of the finger.
fn distance(typed: &str, command: &str) -> Option<usize> {
    let edits = strsim::damerau_levenshtein(typed, command);
    let allowed = (command.chars().count() / 3).clamp(1, 3);
    (edits <= allowed).then_some(edits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger() {
        let table = [
            ("rolback", Some("runbook rollback")),
            ("runbook rolback", Some("runbook rollback")),
            ("runbok rollback", Some("runbook rollback")),
            ("rollback flowengine", Some("runbook rollback")),
            ("akc", Some("ack")),
            ("sevrity P2", Some("severity")),
            ("aprove", Some("runbook approve")),
            ("incidnet show", Some("incident show")),
            ("weather", None),
            ("runbook frobnicate", None),
            ("xyzzy plugh", None),
        ];
        for (typed, expected) in table {
            let words: Vec<String> = typed.split(' ').map(str::to_owned).collect();
            assert_eq!(nearest(&words, Surface::Chat).map(|command| command.path), expected, "{typed}");
        }
    }
}
