//! Events in words, for the timeline. Text from outside is escaped here; the rest is ours.

use super::escape::escape_markdown as md;
use crate::duration::for_people;
use crate::expectation::Outcome;
use crate::ids::RunId;
use crate::incident::{IncidentEvent, RunOutcome, note_words};
use crate::plan::Fingerprint;
use crate::ports::Exit;
use crate::rules::Chosen;
use crate::run::{Overrun, Question, Run, RunEvent, Unit, UnitRole, refused_words};

/// The word for a verdict, as in the JSON output.
pub(super) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::Late => "late",
        Outcome::Ask => "ask",
    }
}

/// How a command ended.
pub(super) fn exit(exit: Exit) -> String {
    match exit {
        Exit::Code { code } => format!("exit status {code}"),
        Exit::Signal { signal } => format!("signal {signal}"),
        Exit::TimedOut => "ended because its time was up".to_owned(),
        Exit::Cancelled => "ended because somebody cancelled".to_owned(),
    }
}

/// An expectation as written; the implied one is named.
pub(super) fn expected(text: &str) -> String {
    if text.trim().is_empty() { "exit status 0".to_owned() } else { md(text) }
}

fn run_outcome(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Succeeded => "succeeded",
        RunOutcome::Incomplete => "ended without everything that it was to do",
        RunOutcome::Vouched => "ended, by a person's word that a change of it is done",
        RunOutcome::Failed => "failed",
        RunOutcome::Cancelled => "was cancelled",
        RunOutcome::Undone => "was undone",
        RunOutcome::UndoFailed => "could not be undone",
    }
}

fn because(reason: Option<&str>) -> String {
    reason.map_or_else(String::new, |reason| format!(": {}", md(reason)))
}

fn looks(chosen: &Chosen) -> String {
    if chosen.triage.is_empty() {
        "nothing looks".to_owned()
    } else {
        format!("{} looks", chosen.triage.join(", "))
    }
}

/// One event of the incident in a few words.
pub(super) fn incident_event(event: &IncidentEvent) -> String {
    match event {
        IncidentEvent::Opened {
            number,
            severity,
            severity_reason,
            service,
            title,
            pager,
            private,
            alerted,
            ..
        } => {
            let from = match (pager, private, alerted) {
                (_, true, true) => "by an alert, as private",
                (_, true, false) => "declared as private",
                (Some(_), false, _) => "paged",
                (None, false, true) => "by an alert",
                (None, false, false) => "declared",
            };
            format!(
                "{number} opened as {} ({}) for {}, {from}: {}",
                md(severity),
                md(severity_reason),
                md(service),
                md(title)
            )
        }
        IncidentEvent::Acknowledged { via } if via == "page" => {
            "acknowledged, by the page by which they were called".to_owned()
        }
        IncidentEvent::Acknowledged { via } => format!("acknowledged in {}", md(via)),
        IncidentEvent::Unacknowledged => "the acknowledgement ran out".to_owned(),
        IncidentEvent::CommanderTaken { commander, acting } => {
            let how = if *acting { "acting commander" } else { "commander" };
            format!("{} is {how}", md(&commander.to_string()))
        }
        IncidentEvent::SeverityChanged { from, to, reason, .. } => {
            format!("severity changed from {} to {}{}", md(from), md(to), because(reason.as_deref()))
        }
        IncidentEvent::RulesAsked { facts, chosen } => {
            format!("{facts} details of the page are known: {} ({})", md(&looks(chosen)), md(&chosen.reason))
        }
        IncidentEvent::PagerNoted { what, text, .. } => {
            format!("the pager says {}{}", md(what), because(text.as_deref()))
        }
        IncidentEvent::ServiceChanged { from, to, .. } => {
            format!("moved from the service {} to {}", md(from), md(to))
        }
        IncidentEvent::BridgeChanged { url, numbers } => {
            let parts: Vec<_> = url.iter().chain(numbers).map(|part| md(part)).collect();
            match parts.is_empty() {
                true => "the bridge was taken off".to_owned(),
                false => format!("the bridge is {}", parts.join(", ")),
            }
        }
        IncidentEvent::AlertsChanged { tally, reasons, .. } => {
            let why = if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) };
            md(&format!("{}, told by {}{why}", tally.words(), tally.sources.join(", ")))
        }
        IncidentEvent::AlertsDamped { alerts } => {
            format!("comes and goes, and is damped: {}", md(&alerts.join(", ")))
        }
        IncidentEvent::AlertsSteady { alerts } => format!("steady again: {}", md(&alerts.join(", "))),
        IncidentEvent::ChannelOpened { channel } => format!("channel {} opened", md(channel)),
        IncidentEvent::CardPosted { .. } => "card posted".to_owned(),
        IncidentEvent::BriefPosted { .. } => "told in the shared channel".to_owned(),
        IncidentEvent::RunPlanned { runbook, triage, .. } => {
            let what = if *triage { "diagnostics" } else { "run" };
            format!("{what} of {} planned", md(runbook))
        }
        IncidentEvent::RunbooksSuggested { all } => {
            let names: Vec<_> = all.iter().map(|one| md(&one.runbook)).collect();
            format!("runbooks that may help: {}", names.join(", "))
        }
        IncidentEvent::TriageShared { runbook, from, .. } => {
            format!("{} has just looked for {from}: what it finds counts here", md(runbook))
        }
        IncidentEvent::EvidenceFound {
            title, expected: wanted, outcome: verdict, reason, shared, ..
        } => {
            let of = shared.map_or_else(String::new, |shared| {
                format!(", looked at for {} at {}", shared.from, shared.at.format("%H:%M:%S UTC"))
            });
            format!(
                "{}: expected {}: {} ({}){of}",
                md(title),
                expected(wanted),
                outcome(*verdict),
                md(reason)
            )
        }
        IncidentEvent::ChangesFound { changes } => {
            let lines: Vec<_> = changes.iter().map(|change| md(&change.words())).collect();
            format!("what changed: {}", lines.join("; "))
        }
        IncidentEvent::LookEnded { commands, cut, .. } => {
            format!("one of the diagnostics ended: {commands} commands{}", because(cut.as_deref()))
        }
        IncidentEvent::TriageEnded { commands, passed, failed, ask, cut, .. } => format!(
            "diagnostics ended: {commands} commands, {passed} expectations passed, {failed} failed, {ask} for a person{}",
            because(cut.as_deref())
        ),
        IncidentEvent::TriageFailed { runbook, reason } => {
            format!("diagnostics of {} could not start: {}", md(runbook), md(reason))
        }
        IncidentEvent::MitigationStarted { .. } => "mitigation began".to_owned(),
        IncidentEvent::RunTakenUp { .. } => "a run that had ended waits for a yes to go on".to_owned(),
        IncidentEvent::RunEnded { runbook, outcome, reason, .. } => {
            format!("{} {}{}", md(runbook), run_outcome(*outcome), because(reason.as_deref()))
        }
        IncidentEvent::Mitigated { reason } => format!("mitigated: {}", md(reason)),
        IncidentEvent::ResolveRequested => "asked to resolve".to_owned(),
        IncidentEvent::ResolveHeld { reason } => format!("resolved at the pager, held here: {}", md(reason)),
        IncidentEvent::Resolved { via } => format!("resolved in {}", md(via)),
        IncidentEvent::PagerJoined { pager, why, .. } => {
            format!("PagerDuty pages for it, too ({}): {}", md(&pager.id), md(why))
        }
        IncidentEvent::Reopened { via, reason, .. } => {
            format!("open again in {}{}", md(via), because(reason.as_deref()))
        }
        IncidentEvent::NotAnIncident { reason } => format!("closed as no incident: {}", md(reason)),
        IncidentEvent::MergedInto { other, .. } => format!("merged into {other}"),
        IncidentEvent::MergedFrom { other, title, .. } => {
            format!("{other} merged into this one: {}", md(title))
        }
        IncidentEvent::RoleGiven { role, to, .. } => format!("{} is {}", md(&to.to_string()), role.words()),
        IncidentEvent::UpdateGiven { text } => format!("update for people outside: {}", md(text)),
        IncidentEvent::UpdateDrafted { draft } => {
            format!("update {} drafted ({}, {})", draft.short_code(), md(&draft.title), draft.audience.word())
        }
        IncidentEvent::UpdateEdited { code, .. } => format!("an update's draft changed, now {}", short(code)),
        IncidentEvent::UpdateSent { code, text, .. } => {
            format!("update {} sent to people outside: {}", short(code), md(text))
        }
        IncidentEvent::UpdateDiscarded { .. } => "an update's draft thrown away".to_owned(),
        IncidentEvent::DraftPosted { .. } => "an update's draft shown in its channel".to_owned(),
        IncidentEvent::UpdateArrived { arrival, .. } => match &arrival.link {
            Some(link) => format!("an update arrived: {}", md(link)),
            None => "an update arrived".to_owned(),
        },
        IncidentEvent::UpdateFailed { reason, .. } => format!("an update did not leave: {}", md(reason)),
        IncidentEvent::PageTaken { from, .. } => {
            format!("what the status page shows of {from} is kept up to date from here")
        }
        IncidentEvent::NoteAdded { text, source: None } => format!("noted: {}", md(text)),
        IncidentEvent::NoteAdded { .. } | IncidentEvent::NoteFollowed { .. } => {
            md(&note_words(event).unwrap_or_default())
        }
        IncidentEvent::ActionAdded { number, text, .. } => format!("action {number}: {}", md(text)),
        IncidentEvent::ActionDone { number } => format!("action {number} is done"),
        IncidentEvent::ReviewDrafted { file, .. } => format!("review drafted: {}", md(file)),
        IncidentEvent::TargetMissed { target_s } => {
            format!("the {} to mitigate have passed", for_people(u64::from(*target_s)))
        }
        IncidentEvent::SeverityConfirmed { .. } => "severity confirmed".to_owned(),
        IncidentEvent::Asked { about, to, .. } => {
            let whom = to.as_ref().map_or_else(|| "the channel".to_owned(), |to| md(&to.to_string()));
            format!("{whom} is asked for {}", about.words())
        }
        IncidentEvent::RemindersSnoozed { until } => {
            format!("reminders are held until {}", until.format("%H:%M UTC"))
        }
        IncidentEvent::RemindersSet { on, all } => format!(
            "reminders {}{}",
            if *on { "on" } else { "off" },
            if *all { " for everybody" } else { "" }
        ),
        IncidentEvent::RollbackRequested { reason } => format!("asks for a rollback: {}", md(reason)),
        IncidentEvent::HandoverOffered { to, run, note, until } => format!(
            "{} is asked to take {} over by {}{}",
            md(&to.to_string()),
            passed(*run),
            until.format("%H:%M UTC"),
            because(note.as_deref())
        ),
        IncidentEvent::HandoverTaken { from, run } => {
            format!("takes {} over from {}", passed(*run), md(&from.to_string()))
        }
        IncidentEvent::HandoverLapsed { to, run } => {
            format!("{} did not take {} over in time", md(&to.to_string()), passed(*run))
        }
        IncidentEvent::ShiftHandedOver { to, .. } => {
            let whom = to.as_ref().map_or_else(|| "the next shift".to_owned(), |to| md(&to.to_string()));
            format!("the shift is handed over to {whom}")
        }
        IncidentEvent::Escalated { to, step, reason, paged, .. } => format!(
            "{}{} is asked for{}{}",
            md(&to.to_string()),
            step.as_deref().map_or_else(String::new, |step| format!(" ({})", md(step))),
            if *paged { ", with a page" } else { "" },
            because(reason.as_deref())
        ),
        IncidentEvent::CallAnswered { call } => {
            format!("has answered the page by which they were called (event {call})")
        }
        IncidentEvent::StepDue { after_s, who, nobody, rings } => {
            let mut text = format!(
                "nobody has acknowledged by {}: {}",
                for_people(u64::from(*after_s)),
                md(&who.join(", "))
            );
            if !rings.is_empty() {
                let names: Vec<String> = rings.iter().map(ToString::to_string).collect();
                text.push_str(&format!("; PagerDuty itself rings for {}", md(&names.join(", "))));
            }
            if !nobody.is_empty() {
                text.push_str(&format!("; nobody is left to tell for {}", md(&nobody.join(", "))));
            }
            text
        }
        IncidentEvent::PagerAway => "the pager takes no page: whom to call is shown".to_owned(),
        IncidentEvent::DeliveryFailed { what, reason } => {
            format!("not delivered: {}: {}", md(what), md(reason))
        }
    }
}

/// What is handed over: command, or a run.
fn passed(run: Option<RunId>) -> String {
    run.map_or_else(|| "command".to_owned(), |run| format!("run {run}"))
}

/// The title of a step.
pub(super) fn step(run: &Run, unit: Unit) -> String {
    run.plan.steps.get(unit.step).map_or_else(|| "unknown step".to_owned(), |step| md(&step.title))
}

/// A command by its title, else its id, with what it is for where it is not the step itself.
pub(super) fn command(run: &Run, unit: Unit) -> String {
    let name = run
        .command(unit)
        .map_or_else(|| "unknown command".to_owned(), |one| md(one.title.as_deref().unwrap_or(&one.id)));
    let name = run.item(unit).map_or(name.clone(), |(_, item)| format!("{name} [{}]", md(item)));
    match unit.role {
        UnitRole::Main => name,
        UnitRole::Baseline => format!("{name} (baseline)"),
        UnitRole::Undo => format!("{name} (undo)"),
        UnitRole::Probe => format!("{name} (probe)"),
    }
}

/// The runbook and the code of the plan: what a yes was about.
pub(super) fn plan(run: &Run, fingerprint: &Fingerprint) -> String {
    format!("{}, code {}", md(&run.plan.runbook), fingerprint.code())
}

fn question(run: &Run, question: &Question) -> String {
    let unit = command(run, question.unit());
    match question {
        Question::Check { .. } => format!("asked: is {unit} as expected?"),
        Question::Doubt { reason, .. } => format!("asked: did {unit} happen? ({})", md(reason)),
        Question::Late { .. } => format!("asked: {unit} is late; go on?"),
        Question::Overrun { reason, .. } => format!("asked: go on with {unit}? ({})", md(reason)),
        Question::Blocked { reason, .. } => format!("asked: go on after {unit}? ({})", md(reason)),
        Question::Guard { reason, .. } => format!("asked: go on although {unit} failed? ({})", md(reason)),
        Question::Canary { .. } => {
            format!("asked: run the others, although {unit} was not seen to be good?")
        }
    }
}

/// One event of a run in a few words; `None` for what is no part of the story.
pub(super) fn run_event(run: &Run, event: &RunEvent) -> Option<String> {
    Some(match event {
        RunEvent::Planned { fingerprint, risk, requester, approvals_needed, .. } => format!(
            "{} planned for {}: {}, {approvals_needed} approvals by others needed",
            plan(run, fingerprint),
            md(&requester.to_string()),
            risk.risk.word()
        ),
        RunEvent::ApprovalAsked { .. } => "asked for approval".to_owned(),
        RunEvent::Approved { by, fingerprint, reason } => format!(
            "{} approved {}{}",
            md(&by.to_string()),
            plan(run, fingerprint),
            because(reason.as_deref())
        ),
        RunEvent::ApprovalRefused { by, reason, times } => {
            format!(
                "the yes of {} does not count: {}",
                md(&by.to_string()),
                md(&refused_words(reason, *times))
            )
        }
        RunEvent::ApprovalExpired => "the approval expired".to_owned(),
        RunEvent::OrderDropped { reason } => {
            format!("no yes to what was ordered: {}; it stands where it stood", md(reason))
        }
        RunEvent::Started => "run started".to_owned(),
        RunEvent::CommandStarted { unit, attempt, .. } => {
            format!("{} started, attempt {attempt}", command(run, *unit))
        }
        RunEvent::CommandEnded { unit, exit: how, verdicts, survivors, .. } => {
            let passed = verdicts.iter().filter(|verdict| verdict.outcome == Outcome::Pass).count();
            let left = match survivors.len() {
                0 => String::new(),
                count => format!(", {count} processes outlived it"),
            };
            format!(
                "{}: {}, {passed} of {} as expected{left}",
                command(run, *unit),
                exit(*how),
                verdicts.len()
            )
        }
        // The value itself may be anything, so it stays in the journal.
        RunEvent::ValueCaptured { unit, name, .. } => {
            format!("{} gave a value for {}", command(run, *unit), md(name))
        }
        RunEvent::ItemsBound { unit, items, .. } => {
            format!("{} goes through a list of {}", command(run, *unit), items.len())
        }
        RunEvent::CommandNotStarted { unit, reason, .. } => {
            format!("{} not started: {}", command(run, *unit), md(reason))
        }
        RunEvent::CommandInDoubt { unit, reason, .. } => {
            format!("{} in doubt: {}", command(run, *unit), md(reason))
        }
        RunEvent::CommandSkipped { unit, reason } => {
            format!("{} skipped: {}", command(run, *unit), md(reason))
        }
        RunEvent::FailureNoted { unit, reason } => {
            format!("{} only looks, so its failure was noted: {}", command(run, *unit), md(reason))
        }
        RunEvent::Asked { question: asked } => question(run, asked),
        RunEvent::AnsweredYes { unit, reason } => {
            format!("answered yes for {}{}", command(run, *unit), because(reason.as_deref()))
        }
        RunEvent::AnsweredNo { unit, reason } => {
            format!("answered no for {}{}", command(run, *unit), because(reason.as_deref()))
        }
        RunEvent::ProbeOrdered { unit } => {
            format!("the probe is asked whether {} has happened", command(run, *unit))
        }
        RunEvent::DoubtSettled { unit, reason } => {
            format!("{} is no longer in doubt: {}", command(run, *unit), md(reason))
        }
        RunEvent::RetryOrdered { unit } => format!("{} ordered to run again", command(run, *unit)),
        RunEvent::OverrunAccepted { what, reason } => {
            let over = match what {
                Overrun::Box { step: index } => {
                    let unit = Unit { step: *index, role: UnitRole::Main, index: 0, item: None };
                    format!("the box of {}", step(run, unit))
                }
                Overrun::Deadline => "the target".to_owned(),
            };
            format!("goes on after {over}{}", because(reason.as_deref()))
        }
        RunEvent::LockTaken { .. } => format!("{} locked for this run", md(&run.plan.target)),
        RunEvent::TakenOver { by, reason } => {
            format!("{} taken over by {}: {}", md(&run.plan.target), md(&by.to_string()), md(reason))
        }
        RunEvent::PauseOrdered { reason } => format!("paused{}", because(reason.as_deref())),
        RunEvent::ResumeOrdered { reason } => format!("resumed{}", because(reason.as_deref())),
        RunEvent::PassedOver { unit, reason } => {
            format!("{} passed over: {}", command(run, *unit), md(reason))
        }
        RunEvent::RetryScheduled { unit, .. } => format!("{} is tried again by itself", command(run, *unit)),
        RunEvent::ReasonGiven { verb, reason } => format!("why {}: {}", md(verb), md(reason)),
        RunEvent::Succeeded => "run succeeded".to_owned(),
        RunEvent::Failed { reason } => format!("run failed: {}", md(reason)),
        RunEvent::Cancelled { reason } => format!("run cancelled{}", because(reason.as_deref())),
        RunEvent::UndoStarted => "undo began".to_owned(),
        RunEvent::Undone => "undone".to_owned(),
        RunEvent::UndoFailed { reason } => format!("undo failed: {}", md(reason)),
        RunEvent::MessagePosted { .. } => return None,
    })
}

/// The beginning of a code, as people compare it.
fn short(code: &str) -> String {
    code.chars().filter(char::is_ascii_hexdigit).take(4).collect::<String>().to_ascii_uppercase()
}
