//! `effect=read` on what plainly changes something: a plan would call it harmless, and it could run unasked.

use super::super::codes;
use super::super::diagnostic::Diagnostic;
use super::super::kinds::{http, sql};
use super::super::model::{Command, CommandKind, Effect, EffectSource, Step};
use super::calls::Call;
use super::effectful::{changes, destroys, removes_own_files};
use super::script::{Script, is_shown_only};

const HINT: &str = "say effect=once, or effect=idempotent when it may be repeated";

/// Commands of every kind that declare that they read.
pub(super) fn false_read(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    for unit in script.units.iter().filter(|unit| says_read(unit.command)) {
        if let Some((call, what)) = unit.calls.iter().find_map(|call| Some((call, change(call)?))) {
            let message = format!("the block says effect=read, and `{what}` changes something");
            found.push(script.at_call(codes::FALSE_READ, call, message, HINT));
        }
    }
    let commands = script.document.steps.iter().flat_map(Step::all_commands).map(|(_, command)| command);
    for command in commands.filter(|command| says_read(command) && !is_shown_only(command)) {
        let known = match command.kind {
            CommandKind::Sql => sql::known_change(&command.text),
            CommandKind::Http => http::known_change(&command.text),
            CommandKind::Shell | CommandKind::Promql | CommandKind::Include => None,
        };
        if let Some(why) = known {
            let first = command.text.split_whitespace().next().unwrap_or_default();
            let message = format!("the block says effect=read, and {why}");
            found.push(script.at(codes::FALSE_READ, command.line, first, message, HINT));
        }
    }
}

fn says_read(command: &Command) -> bool {
    command.effect == Effect::Read && command.effect_source == EffectSource::Declared
}

/// What the call changes for certain, in words; stricter than what the warnings take for a change.
fn change(call: &Call<'_>) -> Option<String> {
    if removes_own_files(call) || call.has(&["--help", "--version"]) {
        return None;
    }
    let program = call.program();
    let operands: Vec<&str> = call.operands().take(4).collect();
    let reads = match program {
        // only asks for a process, or ends a job that the command began itself
        "kill" => {
            call.texts().iter().any(|arg| matches!(*arg, "-0" | "-l" | "-L"))
                || call.operands().any(|of| of.starts_with(['$', '%']))
        }
        "kubectl" | "oc" => call.has(&["--list"]) || operands.contains(&"cp"),
        // a name may begin like a verb; the verb comes first
        "aws" => operands
            .iter()
            .find_map(|word| {
                let reads =
                    ["describe-", "list-", "get-", "start-query"].iter().any(|lead| word.starts_with(lead));
                let other =
                    ["delete-", "terminate-", "create-", "update-", "put-", "modify-", "stop-", "start-"]
                        .iter()
                        .any(|lead| word.starts_with(lead));
                (reads || other).then_some(reads)
            })
            .unwrap_or_default(),
        // what it runs elsewhere is a call of its own
        "ssh" => true,
        _ => false,
    };
    if reads {
        return None;
    }
    destroys(call).or_else(|| {
        let known = matches!(program, "rm" | "rmdir" | "unlink") || changes(call);
        known.then(|| {
            format!("{program} {}", operands.first().copied().unwrap_or_default()).trim_end().to_owned()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::parse;
    use super::*;

    /// Whether the one command may not call itself a reader.
    fn lies(fence: &str, text: &str) -> bool {
        let document = parse("x", &format!("## S\n\n```{fence}\n{text}\n```\n"));
        let said = document.diagnostics.iter().any(|found| found.code == codes::FALSE_READ);
        assert_eq!(document.steps[0].commands[0].not_runnable.is_some(), said, "{text}");
        said
    }

    #[test]
    fn what_changes_something_is_no_reader() {
        for (kind, text) in [
            ("bash", "kubectl delete pod a -n b"),
            ("bash", "kubectl apply -n b -f a.yaml"),
            ("bash", "kubectl scale deploy/a -n b --replicas=3"),
            ("bash", "kubectl rollout undo deploy/a -n b --to-revision=3"),
            ("bash", "ls\nrm /srv/a"),
            ("bash", "echo $(rm -rf /srv/a)"),
            ("bash", "ssh host 'rm -r /srv/a'"),
            ("bash", "systemctl restart web"),
            ("bash", "kill 17"),
            ("bash", "aws ec2 terminate-instances --instance-ids i-1"),
            ("bash", "psql -c 'delete from a'"),
            ("http", "POST http://x/restart"),
            ("http", "DELETE http://x/a"),
            ("http", "PUT http://x/_search"),
            ("sql", "delete from a;"),
            ("sql", "select pg_terminate_backend(1);"),
        ] {
            assert!(lies(&format!("{kind} {{effect=read}}"), text), "{text}");
            assert!(!lies(&format!("{kind} {{effect=once}}"), text), "{text}");
        }
        for (kind, text) in [
            ("bash", "our-tool look"),
            ("bash", "kubectl exec deploy/a -n b -- our-tool look"),
            ("bash", "kubectl set env deploy/a -n b --list"),
            ("bash", "kubectl delete pod a -n b --dry-run=server"),
            ("bash", "kubectl rollout status deploy/a -n b"),
            ("bash", "rm -rf /tmp/a"),
            ("bash", "kill -0 17"),
            ("bash", "kubectl port-forward svc/a 80 & p=$!; curl http://localhost; kill $p"),
            ("bash", "ssh host our-tool look"),
            ("bash", "aws ecs describe-services --cluster start-up"),
            ("bash", "aws logs start-query --query-string x"),
            ("bash", "psql -c 'select 1'"),
            ("http", "GET http://x/a"),
            ("http", "POST http://x/logs-1/_search?size=1"),
            ("http", "POST http://x/api/v1/query_range"),
            ("sql", "select our_report(1);"),
        ] {
            assert!(!lies(&format!("{kind} {{effect=read}}"), text), "{text}");
        }
    }
}
