//! What an http, promql or sql command needs beside its text: a connection, and a value for each name in it.

use std::collections::BTreeSet;

use super::error::PlanError;
use super::model::{Plan, PlannedCommand};
use crate::runbook::kinds::{http, sql, variables};
use crate::runbook::{CommandKind, Effect};

/// Adds what stands in the way. `connections` are the configured ones; without them only names are looked at.
pub(super) fn check(
    plan: &Plan,
    connections: Option<&[(CommandKind, String)]>,
    problems: &mut Vec<PlanError>,
) {
    // a value may be captured anywhere in the run before it is used; which step comes first is the run's to see
    let captured = plan.all_commands().filter_map(|command| command.capture.as_ref());
    let captured: BTreeSet<&str> = captured.map(|capture| capture.name.as_str()).collect();
    for step in &plan.steps {
        let commands = step.baselines.iter().chain(&step.commands).chain(&step.probe).chain(&step.undo);
        for command in commands {
            let known = |name: &str| {
                plan.params.contains_key(name)
                    || plan.secrets.contains_key(name)
                    || step.params.contains_key(name)
                    || captured.contains(name)
                    || command.flow.foreach.as_ref().is_some_and(|foreach| foreach.name == name)
            };
            let unknown = variables(command.kind, &command.text).into_iter().find(|(name, _)| !known(name));
            if let Some((name, _)) = unknown {
                problems.push(wrong(command, format!(
                    "it reads {name}, which is neither a parameter nor a captured value; hint: declare it under `params:`"
                )));
            }
            if let Some(reason) = connections.and_then(|all| connection(command, all)) {
                problems.push(wrong(command, reason));
            }
            if command.kind == CommandKind::Sql
                && command.effect == Effect::Read
                && let Some(reason) = sql::known_change(&command.text)
            {
                problems.push(wrong(
                    command,
                    format!("it says effect=read, and {reason}; hint: say effect=once or effect=idempotent"),
                ));
            }
        }
    }
}

fn wrong(command: &PlannedCommand, reason: String) -> PlanError {
    PlanError::Kind { command: command.id.clone(), reason }
}

/// Why the connection that the command needs is not there.
fn connection(command: &PlannedCommand, all: &[(CommandKind, String)]) -> Option<String> {
    let needed = match command.kind {
        CommandKind::Shell | CommandKind::Include => return None,
        CommandKind::Http => command.connection.is_some() || http::needs_connection(&command.text),
        CommandKind::Promql | CommandKind::Sql => true,
    };
    if !needed {
        return None;
    }
    let word = command.kind.word();
    let names: Vec<&str> =
        all.iter().filter(|(kind, _)| *kind == command.kind).map(|(_, name)| name.as_str()).collect();
    match (&command.connection, names.as_slice()) {
        (_, []) => {
            Some(format!("no connection for {word} is configured; hint: add a [[connection]] to blocks.toml"))
        }
        (Some(name), names) if !names.contains(&name.as_str()) => {
            Some(format!("there is no connection '{name}' for {word}; hint: there is {}", names.join(", ")))
        }
        (None, names) if names.len() > 1 => Some(format!(
            "there are several connections for {word}; hint: name one with connection=, of {}",
            names.join(", ")
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PlanRequest, draft};
    use super::*;
    use crate::runbook::parse;

    fn problems(body: &str, connections: &[(CommandKind, &str)]) -> Vec<String> {
        let text =
            format!("---\nservice: web\nparams:\n  region: {{ default: eu }}\n---\n# T\n\n## S\n\n{body}");
        let connections = connections.iter().map(|(kind, name)| (*kind, (*name).to_owned())).collect();
        let request = PlanRequest { connections: Some(connections), ..PlanRequest::default() };
        let drafted = draft(&parse("t", &text).with_hash_of(text.as_bytes()), &request).unwrap();
        drafted.problems.into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn a_kind_has_its_connection_and_its_values() {
        use CommandKind::{Http, Promql, Sql};
        let query = "```promql\nup{region=\"$region\"}\n```\n";
        assert_eq!(problems(query, &[(Promql, "m")]), [""; 0]);
        assert!(problems(query, &[(Sql, "m")])[0].contains("no connection for promql"));
        assert!(problems(query, &[(Promql, "a"), (Promql, "b")])[0].contains("several"));
        let named = "```promql {connection=c}\nup\n```\n";
        assert!(problems(named, &[(Promql, "a")])[0].contains("no connection 'c'"));
        let stranger = "```sql\nselect :'who';\n```\n";
        assert!(problems(stranger, &[(Sql, "a")])[0].contains("it reads who"));
        let whole = "```http\nGET https://status.example.com/{{region}}\n```\n";
        assert_eq!(problems(whole, &[]), [""; 0]);
        let part = "```http\nGET /status\n```\n";
        assert!(problems(part, &[])[0].contains("no connection for http"));
        assert_eq!(problems(part, &[(Http, "a")]), [""; 0]);
        let lie = "```sql {effect=read}\ndelete from a;\n```\n";
        assert!(problems(lie, &[(Sql, "a")])[0].contains("effect=read"));
    }
}
