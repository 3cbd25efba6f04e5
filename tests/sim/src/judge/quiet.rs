//! What must hold of a world at rest: nothing is on its way, and nobody has anything to do but people.

use blocks_store::memory::Data;
use runbook_core::incident::{Incident, Topic, evolve as evolve_incident};
use runbook_core::journal::{StreamId, open, verify_stream};
use runbook_core::run::{Run, Status, evolve as evolve_run};
use runbook_core::view;

use super::incident::IncidentWatch;
use super::run::{in_flight, waits_for_person};
use crate::outside::Outside;

/// Looks at everything, and accuses.
pub(crate) fn check(outside: &mut Outside, data: &Data) {
    let mut found: Vec<(&'static str, String)> = Vec::new();
    for (stream, events) in &data.streams {
        if let Err(error) = verify_stream(stream, events) {
            found.push(("chain", error.to_string()));
        }
        // What lives in the engine and in the judge grew event by event; this is what a restart would make of the disk.
        let same = match stream {
            StreamId::Run(id) => {
                let replayed = events.iter().try_fold(None, |state: Option<Run>, stored| {
                    open(stored).ok().and_then(|envelope| evolve_run(state, &envelope).ok()).map(Some)
                });
                replayed.flatten().as_ref() == outside.judge.runs.get(id).map(|watch| &watch.run)
            }
            StreamId::Incident(id) => {
                let replayed = events.iter().try_fold(None, |state: Option<Incident>, stored| {
                    open(stored).ok().and_then(|envelope| evolve_incident(state, &envelope).ok()).map(Some)
                });
                replayed.flatten().as_ref() == outside.judge.incidents.get(id).map(|watch| &watch.incident)
            }
        };
        if !same {
            found.push(("replay", format!("{stream}: replaying it gives something else")));
        }
    }
    // One whose answer was lost, and that was then refused for good, is not looked for any more: the next one with its key
    // is a message of its own.
    let doubles = outside.chat.doubles();
    for key in doubles.into_iter().filter(|key| !outside.chat.refused.contains(key)) {
        found.push(("message", format!("{key} is there more than once")));
    }
    for watch in outside.judge.runs.values() {
        check_run(&watch.run, outside, data, &mut found);
    }
    for watch in outside.judge.incidents.values() {
        check_incident(&watch.incident, outside, data, &mut found);
        check_pager(&watch.incident, outside, &mut found);
    }
    super::sides::check(outside, data, &mut found);
    let truth = outside.pager.truth(outside.elapsed_ms());
    for (pager_id, (_, is_over)) in &truth {
        let is_known =
            |watch: &IncidentWatch| watch.incident.pager.as_ref().is_some_and(|pager| pager.id == *pager_id);
        if !is_over && !outside.judge.incidents.values().any(is_known) {
            found.push(("reordered", format!("{pager_id} of the pager is open, and has no incident")));
        }
    }
    for (rule, text) in found {
        outside.judge.accuse(rule, text);
    }
}

fn check_run(run: &Run, outside: &Outside, data: &Data, found: &mut Vec<(&'static str, String)>) {
    let id = run.id;
    let name = format!("run {id} ({}) is {}", run.plan.runbook, run.word());
    if run.status == Status::Planned || run.goes_on() || in_flight(run) {
        found.push(("lost-run", format!("{name} and nothing carries it on")));
    }
    let has_timer = data.timers.contains_key(&format!("approval/{id}"));
    if matches!(run.status, Status::WaitingForApproval { .. }) && !has_timer {
        found.push(("open-state", format!("{name} and no timer will end that")));
    }
    if run.unasked {
        return;
    }
    // nothing of a private incident goes anywhere but into its own channel
    let is_nowhere = run.incident.and_then(|id| outside.judge.incidents.get(&id)).is_some_and(|watch| {
        let channel = format!("channel/{}", watch.incident.id);
        watch.incident.private && outside.chat.refused.contains(&channel)
    });
    let refused = |kind: &str| is_nowhere || outside.chat.refused.contains(&format!("{kind}/{id}"));
    match outside.chat.progress(id) {
        Some(shown) if !refused("progress") && shown.state != view::state_words(run) => {
            found.push(("message", format!("{name}, and people see: {}", shown.state)));
        }
        Some(shown) if waits_for_person(run) && shown.question.is_none() && !refused("progress") => {
            found.push(("open-state", format!("{name} and asks nobody")));
        }
        None if waits_for_person(run) && !refused("progress") => {
            found.push(("open-state", format!("{name} and nobody sees it")));
        }
        _ => {}
    }
    match outside.chat.plan(id) {
        Some(shown)
            if !refused("plan")
                && shown.waiting != matches!(run.status, Status::WaitingForApproval { .. }) =>
        {
            found.push(("message", format!("{name}, and its plan shows: {}", shown.state)));
        }
        None if matches!(run.status, Status::WaitingForApproval { .. }) && !refused("plan") => {
            found.push(("open-state", format!("{name} and nobody sees the plan")));
        }
        _ => {}
    }
}

fn check_incident(
    incident: &Incident,
    outside: &Outside,
    data: &Data,
    found: &mut Vec<(&'static str, String)>,
) {
    let number = incident.number.to_string();
    let is_open = incident.status.is_open();
    let name = format!("{number} is {}", incident.status.word());
    let is_refused = |key: String| outside.chat.refused.contains(&key);
    // nothing of a private incident goes anywhere but into its own channel
    let refused = is_refused(format!("card/{}", incident.id))
        || incident.private && is_refused(format!("channel/{}", incident.id));
    match outside.chat.card(&number) {
        _ if refused => {}
        None => found.push(("open-state", format!("{name} and has no card"))),
        Some(card) if card.status != incident.status.word() => {
            found.push(("message", format!("{name}, and its card says {}", card.status)));
        }
        Some(_) => {}
    }
    let counts = is_open && incident.target_s.is_some() && incident.mitigated_at.is_none();
    let has_timer = data.timers.contains_key(&format!("target/{}", incident.id));
    if counts && incident.target_missed.is_none() && !has_timer {
        found.push(("open-state", format!("{name} and no timer looks at its target")));
    }
    let is_asked = incident
        .target_s
        .is_some_and(|target_s| incident.reminders.asked.contains_key(&Topic::Target { target_s }));
    // once the pager has ended it, nobody is asked about its target
    let lasts = counts && incident.status < runbook_core::incident::Status::Monitoring;
    if lasts && !is_asked && !data.timers.contains_key(&format!("look/{}", incident.id)) {
        found.push(("open-state", format!("{name} and nobody will be told that its target has passed")));
    }
    if is_open && incident.service == "shop" && !incident.is_looked_at() {
        found.push(("lost-run", format!("{name} and its diagnostics never began")));
    }
    if incident.is_reviewed() && incident.review_file.is_none() {
        found.push(("lost-run", format!("{name} and its review was never drafted")));
    }
}

/// It is over where it is over at the pager, and nowhere else.
fn check_pager(incident: &Incident, outside: &Outside, found: &mut Vec<(&'static str, String)>) {
    let (is_open, name) =
        (incident.status.is_open(), format!("{} is {}", incident.number, incident.status.word()));
    let truth = outside.pager.truth(outside.elapsed_ms());
    let over_at_pager = incident.pager.as_ref().and_then(|pager| truth.get(&pager.id));
    let run_open = incident.unfinished_runs().next().is_some();
    match over_at_pager {
        Some((_, true)) if is_open && !run_open && !incident.pager_resolved => {
            found.push(("reordered", format!("{name}, and the pager says that it is over")));
        }
        Some((_, false)) if !is_open && !incident.pager_refused => {
            found.push(("reordered", format!("{name}, and the pager says that it is not over")));
        }
        _ => {}
    }
}
