//! Loops and groups of a plan: which commands speak of an item, and what no run carries out.

use std::collections::{BTreeMap, BTreeSet};

use super::error::PlanError;
use super::model::{Plan, PlanStep, PlannedCommand};
use super::section::reads;
use super::values::words;
use crate::runbook::kinds::variables;
use crate::runbook::variables::places::Flows;
use crate::runbook::{CommandKind, Foreach, check_items};

/// Completes the loops of the steps, and says what is wrong with them: an undo or a probe that reads a loop's variable is
/// for one item, each item goes only where it may stand, and no name has two meanings.
pub(super) fn settle(steps: &mut [PlanStep], taken: &BTreeSet<&str>, problems: &mut Vec<PlanError>) {
    let has_loop = |step: &PlanStep| step.commands.iter().any(|command| command.flow.foreach.is_some());
    if !steps.iter().any(has_loop) {
        return;
    }
    for step in steps.iter_mut() {
        settle_inverse(step, problems);
    }
    let all = || {
        steps
            .iter()
            .flat_map(|step| step.baselines.iter().chain(&step.commands).chain(&step.probe).chain(&step.undo))
    };
    let shell = all().filter(|command| command.kind == CommandKind::Shell);
    let flows = Flows::of(&shell.map(|command| command.text.as_str()).collect::<Vec<_>>());
    let captured: BTreeSet<String> =
        all().filter_map(|command| command.capture.as_ref()).map(|capture| capture.name.clone()).collect();
    for step in steps.iter_mut() {
        let own: BTreeSet<String> = step.params.keys().cloned().collect();
        let PlanStep { commands, probe, undo, .. } = step;
        for command in commands.iter_mut().chain(probe).chain(undo) {
            let Some(foreach) = &mut command.flow.foreach else { continue };
            foreach.places = flows.places(&foreach.name);
            let name = &foreach.name;
            if taken.contains(name.as_str()) || captured.contains(name) || own.contains(name) {
                problems.push(wrong(&command.id, format!(
                    "its loop's {name} is also a parameter or a captured value; hint: name the loop's variable otherwise"
                )));
            }
            if let Some(Err(why)) = foreach.items.as_deref().map(|items| check_items(items, &foreach.places))
            {
                let source = &foreach.source;
                problems.push(wrong(&command.id, format!("it cannot go through {source}: {why}")));
            }
        }
    }
}

fn wrong(command: &str, reason: String) -> PlanError {
    PlanError::Kind { command: command.to_owned(), reason }
}

/// An undo or a probe that reads the variable of a loop of its step is one for each item.
fn settle_inverse(step: &mut PlanStep, problems: &mut Vec<PlanError>) {
    let mut loops: BTreeMap<String, (Foreach, bool)> = BTreeMap::new();
    for foreach in step.commands.iter().filter_map(|command| command.flow.foreach.as_ref()) {
        // what appears at run time may be another list by the second time
        let differs = |known: &Foreach| {
            known.source != foreach.source || known.items != foreach.items || foreach.items.is_none()
        };
        loops
            .entry(foreach.name.clone())
            .and_modify(|(known, twofold)| *twofold |= differs(known))
            .or_insert_with(|| (foreach.clone(), false));
    }
    let names: BTreeSet<String> = loops.keys().cloned().collect();
    let PlanStep { probe, undo, .. } = step;
    for command in probe.iter_mut().chain(undo) {
        let in_text = reads(&command.text, &names).map(String::as_str);
        let in_kind = || {
            let named = variables(command.kind, &command.text).into_iter();
            named.filter_map(|(name, _)| names.get(&*name).map(String::as_str)).next()
        };
        let Some((foreach, twofold)) = in_text.or_else(in_kind).and_then(|name| loops.get(name)) else {
            continue;
        };
        if *twofold {
            problems.push(wrong(&command.id, format!(
                "it reads {0}, and two loops of its step go through different lists as {0}; hint: give each a name of its own",
                foreach.name
            )));
        }
        // one item after the other, and none is let off
        command.flow.foreach = Some(Foreach { concurrency: 1, canary: false, budget: 0, ..foreach.clone() });
    }
}

/// What of loops and groups no run carries out, by the first command that asks for it.
///
/// # Errors
/// [`PlanError::Flow`].
pub(super) fn check(plan: &Plan) -> Result<(), PlanError> {
    let refuse = |command: &PlannedCommand, what: &'static str| {
        Err(PlanError::Flow { command: command.id.clone(), what })
    };
    let mut past: BTreeSet<&str> = BTreeSet::new();
    let mut group: Option<(&str, Vec<&PlannedCommand>)> = None;
    for step in &plan.steps {
        for command in step.baselines.iter().chain(&step.commands) {
            let flow = &command.flow;
            let is_baseline = step.baselines.iter().any(|one| one.id == command.id);
            if flow.foreach.is_some() && flow.parallel.is_some() {
                return refuse(command, "foreach in a parallel group");
            }
            if flow.foreach.is_some() && command.capture.is_some() {
                return refuse(command, "a captured value in a foreach");
            }
            let of = flow.parallel.as_deref().filter(|_| !is_baseline);
            match (&mut group, of) {
                (Some((name, members)), Some(of)) if *name == of => members.push(command),
                (now, of) => {
                    if let Some((name, members)) = now.take() {
                        past.insert(name);
                        check_group(&members)?;
                    }
                    if of.is_some_and(|of| past.contains(of)) {
                        return refuse(command, "a parallel group whose members are not neighbours");
                    }
                    *now = of.map(|of| (of, vec![command]));
                }
            }
        }
    }
    group.map_or(Ok(()), |(_, members)| check_group(&members))
}

/// The members of a group know nothing of each other: what one gives, no other may look at.
fn check_group(members: &[&PlannedCommand]) -> Result<(), PlanError> {
    let mut given: BTreeMap<&str, &str> = BTreeMap::new();
    for member in members {
        let Some(capture) = &member.capture else { continue };
        if given.insert(&capture.name, &member.id).is_some() {
            let what = "a captured value that another member of its parallel group captures as well";
            return Err(PlanError::Flow { command: member.id.clone(), what });
        }
    }
    for member in members.iter().filter(|_| !given.is_empty()) {
        let looks = |name: &str| given.get(name).is_some_and(|by| *by != member.id);
        let in_text = words(&member.text).any(looks);
        let in_condition = member.flow.when.as_deref().is_some_and(|when| {
            crate::runbook::condition(when).is_ok_and(|condition| looks(&condition.name))
        });
        if in_text || in_condition {
            let what = "a value that another member of its parallel group captures";
            return Err(PlanError::Flow { command: member.id.clone(), what });
        }
    }
    Ok(())
}

/// Whether an item makes of a command that only reads one of which nobody knows what it does.
pub(super) fn is_odd(foreach: &Foreach, text: &str, is_plain: impl Fn(&str) -> bool) -> bool {
    words(text).any(|word| word == foreach.name) && foreach.items.iter().flatten().any(|item| !is_plain(item))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{PlanRequest, draft};
    use super::*;
    use crate::runbook::{Effect, parse};

    fn drafted(body: &str, hosts: &str) -> (Plan, Vec<String>) {
        let text = format!("---\nparams:\n  hosts: {{ description: d }}\n---\n# T\n\n## S\n\n{body}");
        let given: BTreeMap<_, _> = [("hosts".to_owned(), hosts.to_owned())].into();
        let document = parse("t", &text).with_hash_of(text.as_bytes());
        let drafted = draft(&document, &PlanRequest { given, ..PlanRequest::default() }).unwrap();
        let problems = drafted.problems.into_iter().map(|problem| problem.message).collect();
        (drafted.plan, problems)
    }

    fn each(command: &str) -> String {
        format!("```bash {{foreach=\"host in hosts\"}}\n{command}\n```\n")
    }

    #[test]
    fn the_items_of_a_parameter_are_in_the_plan_and_its_code() {
        let (plan, problems) = drafted(&each("ls \"$host\""), "a, b\nc");
        assert_eq!(problems, [""; 0]);
        let foreach = plan.steps[0].commands[0].flow.foreach.clone().unwrap();
        assert_eq!(foreach.items.unwrap(), ["a", "b", "c"]);
        let (other, _) = drafted(&each("ls \"$host\""), "a, b, d");
        assert_ne!(plan.fingerprint().unwrap(), other.fingerprint().unwrap());
        let list = ["a".to_owned()];
        let bound = plan.fingerprint().unwrap().with_list("s/1", &list);
        assert_ne!(bound, plan.fingerprint().unwrap().with_list("s/2", &list));
    }

    #[test]
    fn an_item_is_held_to_what_values_are_held_to() {
        for (command, hosts, problems, effect) in [
            ("ls \"$host\"", "web-1", 0, Effect::Read),
            ("ls \"$host\"", "web-1, -R", 1, Effect::Once),
            ("cat \"$host\"", "/home/app/.aws/credentials", 0, Effect::Once),
            ("eval \"echo $host\"", "web-1", 0, Effect::Once),
            ("eval \"echo $host\"", "web-1, $(id)", 1, Effect::Once),
            ("ssh \"$host\" uptime", "web-1, -F/tmp/evil", 1, Effect::Once),
            ("x=$host; (( x ))", "a[$(id)]", 1, Effect::Once),
            ("ls \"$host\"", "a, b, a", 1, Effect::Read),
            ("ls /", "-R", 0, Effect::Read),
        ] {
            let (plan, found) = drafted(&each(command), hosts);
            assert_eq!(found.len(), problems, "{command} with {hosts}: {found:?}");
            assert_eq!(plan.steps[0].commands[0].effect, effect, "{command} with {hosts}");
        }
        let many: Vec<String> = (0..300).map(|n| n.to_string()).collect();
        assert_eq!(drafted(&each("ls \"$host\""), &many.join(",")).1.len(), 1);
    }

    #[test]
    fn an_undo_or_a_probe_that_reads_the_item_is_for_one() {
        let undo =
            "```bash {undo effect=idempotent}\necho \"$host\"\n```\n```bash {probe effect=read}\nls\n```\n";
        let (plan, problems) = drafted(&format!("{}{undo}", each("rm \"x-$host\"")), "a, b");
        assert_eq!(problems, [""; 0]);
        let step = &plan.steps[0];
        assert_eq!(step.undo[0].flow.foreach.as_ref().map(|foreach| foreach.name.as_str()), Some("host"));
        assert!(step.probe.as_ref().unwrap().flow.foreach.is_none());
        // two loops that mean different things by it
        let other = "```bash {foreach=\"host in [c]\"}\nrm \"y-$host\"\n```\n";
        let (_, problems) = drafted(&format!("{}{other}{undo}", each("rm \"x-$host\"")), "a, b");
        assert!(problems.iter().any(|problem| problem.contains("different lists")), "{problems:?}");
    }

    #[test]
    fn a_name_has_one_meaning() {
        let taken = "```bash {foreach=\"hosts in [a]\"}\nls \"$hosts\"\n```\n";
        let (_, problems) = drafted(taken, "b");
        assert!(problems.iter().any(|problem| problem.contains("is also a parameter")), "{problems:?}");
        // elsewhere the loop's variable has no value
        let after = format!("{}```bash\nls \"$host\"\n```\n", each("ls \"$host\""));
        assert_eq!(drafted(&after, "a").1.len(), 1);
        // a member of a group sees nothing that was set before it
        let group = "```bash\nX=1\n```\n```bash {parallel=a effect=read}\nls \"$X\"\n```\n";
        assert_eq!(drafted(group, "a").1.len(), 1);
    }

    #[test]
    fn a_list_is_known_before_it_is_gone_through() {
        let capture = "```bash {capture=PODS pattern=[a-z]+ lines effect=read}\necho a\n```\n";
        let over = "```bash {foreach=\"pod in PODS\" effect=once}\necho \"$pod\"\n```\n";
        let (plan, problems) = drafted(&format!("{capture}{over}"), "a");
        assert_eq!((problems.len(), plan.check_runnable().is_ok()), (0, true), "{problems:?}");
        let (plan, _) = drafted(&format!("{over}{capture}"), "a");
        assert_eq!(plan.check_runnable().unwrap_err().code(), "RB0042");
    }
}
