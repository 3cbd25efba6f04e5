//! What follows from a command that ended: its output is kept and judged, and the run goes on, asks or fails.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::decide::{Decision, Effect, ResumePoint, ask, carry_on, fail, live, merge, refresh, title_of};
use super::doubts::doubt;
use super::event::{Question, RunEvent, Unit, UnitRole, Verdict};
use super::state::Run;
use super::{again, probe, reads, several, wait};
use crate::expectation::{Judgement, Observed, Outcome, judge_command};
use crate::incident::{ChangeNoted, IncidentCommand, excerpt};
use crate::plan::PlannedCommand;
use crate::ports::{Blob, Exit, Finished, REDACTED, StateOutcome};
use crate::runbook::{CommandKind, Effect as CommandEffect, ends_in_search};

/// A read command of this name reports what changed at the service; its lines go onto the card.
const WHAT_CHANGED: &str = "what-changed";

/// A shell that ended past the trap that writes down its state.
const WITHOUT_SHELL: &str = "its shell ended without handing on its variables";

pub(super) fn finish(state: &Run, attempt: u32, finished: &Finished, now: DateTime<Utc>) -> Decision {
    let Some((unit, command)) = live(state, attempt) else { return Decision::default() };
    let mut decision = Decision::default();
    let mut verdicts = judge(command, finished);
    let captured = capture(command, finished, &mut verdicts);
    let has = |verdicts: &[Verdict], wanted| verdicts.iter().any(|verdict| verdict.outcome == wanted);
    let failed = has(&verdicts, Outcome::Fail);
    let next = wait::after(state, unit, finished, &mut verdicts, now);
    // what was awaited is late then, and not only slow
    let missed = failed && !has(&verdicts, Outcome::Fail);
    if next.is_none() && is_without_shell(state, unit, finished) && !has(&verdicts, Outcome::Fail) {
        let text = "what its shell was to hand on".to_owned();
        verdicts.push(Verdict { text, outcome: Outcome::Ask, reason: WITHOUT_SHELL.to_owned() });
    }
    let mut store = |text: &str| {
        if text.is_empty() {
            return None;
        }
        let sha256 = hex::encode(Sha256::digest(text.as_bytes()));
        decision.blobs.push(Blob { sha256: sha256.clone(), bytes: text.as_bytes().to_vec() });
        Some(sha256)
    };
    let stdout_sha256 = store(&finished.stdout.text);
    let stderr_sha256 = store(&finished.stderr.text);
    decision.events.push(RunEvent::CommandEnded {
        unit,
        attempt,
        exit: finished.exit,
        elapsed_ms: finished.elapsed_ms,
        stdout_sha256: stdout_sha256.clone(),
        stderr_sha256,
        verdicts: verdicts.clone(),
        state_written: finished.state == StateOutcome::Written,
        survivors: finished.survivors.clone(),
        missed,
    });
    if let Some((name, value)) = captured {
        decision.events.push(RunEvent::ValueCaptured { unit, name, value });
    }
    let failed = verdicts.iter().any(|verdict| verdict.outcome == Outcome::Fail);
    // a probe's no is an answer
    let again = failed && unit.role != UnitRole::Probe && finished.exit != Exit::Cancelled;
    if let Some(due) = next.or_else(|| again::due(state, unit, attempt, now).filter(|_| again)) {
        decision.events.push(RunEvent::RetryScheduled { unit, attempt, due });
        decision.effects.push(Effect::RetryTimer { attempt, due });
        decision.effects.extend(refresh(state));
        return decision;
    }
    if let (Some(_), true) = (state.incident, state.unasked) {
        decision.effects.push(Effect::TellIncident(IncidentCommand::AddEvidence {
            run: state.id,
            command: command.id.clone(),
            title: title_of(state, unit, command),
            verdicts: verdicts.iter().map(|v| (v.text.clone(), v.outcome, v.reason.clone())).collect(),
            output_sha256: stdout_sha256,
            is_long: !excerpt(&finished.stdout.text).is_whole,
            changes: changes(command, finished),
        }));
    }
    if state.unasked {
        decision.effects.push(Effect::Continue(ResumePoint::Next));
        return decision;
    }
    if state.is_of_several(unit) {
        return several::ended(state, unit, attempt, command.effect, finished, decision);
    }
    settle(state, unit, command, finished, &verdicts, decision)
}

/// What follows from a judged command in a run that people asked for.
fn settle(
    state: &Run,
    unit: Unit,
    command: &PlannedCommand,
    finished: &Finished,
    verdicts: &[Verdict],
    decision: Decision,
) -> Decision {
    if unit.role == UnitRole::Probe {
        return merge(decision, probe::answered(state, finished, verdicts));
    }
    let worst = |wanted: Outcome| verdicts.iter().find(|verdict| verdict.outcome == wanted);
    let cut_off = !matches!(finished.exit, Exit::Code { .. });
    let cancelled = finished.exit == Exit::Cancelled;
    // A cut-off effect may or may not exist: saying "failed" would claim to know.
    if cut_off && command.effect == CommandEffect::Once {
        let reason = format!("it was ended before it finished ({})", exit_words(finished.exit));
        return doubt(state, unit, finished_attempt(&decision), &reason, decision);
    }
    if let Some(failed) = worst(Outcome::Fail) {
        let reason = format!("{}: {}", title_of(state, unit, command), several::expected(failed));
        if let Some(next) = reads::after_failure(state, unit, &reason).filter(|_| !cancelled) {
            return merge(decision, next);
        }
        return fail(state, unit, &reason, decision);
    }
    let is_missing = verdicts.iter().any(is_of_shell);
    let asks = verdicts.iter().any(|verdict| verdict.outcome == Outcome::Ask && !is_of_shell(verdict));
    // whatever a person sees, it brings nothing there that later commands need
    let question = if is_missing && state.missed_without_its_shell(unit).is_some() {
        Some(Question::Blocked { unit, reason: WITHOUT_SHELL.to_owned() })
    } else if worst(Outcome::Late).is_some() {
        Some(Question::Late { unit })
    } else if asks {
        Some(Question::Check { unit })
    } else if is_missing {
        Some(Question::Blocked { unit, reason: format!("{WITHOUT_SHELL}; later commands may miss them") })
    } else {
        None
    };
    let next = question.map_or_else(|| carry_on(state, Vec::new()), |question| ask(state, question));
    merge(decision, next)
}

fn finished_attempt(decision: &Decision) -> u32 {
    decision
        .events
        .iter()
        .find_map(|event| match event {
            RunEvent::CommandEnded { attempt, .. } => Some(*attempt),
            _ => None,
        })
        .unwrap_or(0)
}

fn judge(command: &PlannedCommand, finished: &Finished) -> Vec<Verdict> {
    let observed = Observed {
        exit_code: match finished.exit {
            Exit::Code { code } => Some(code),
            Exit::Signal { .. } | Exit::TimedOut | Exit::Cancelled => None,
        },
        stdout: &finished.stdout.text,
        stderr: &finished.stderr.text,
        truncated: finished.stdout.dropped_bytes > 0,
        elapsed_ms: finished.elapsed_ms,
        timed_out: finished.exit == Exit::TimedOut,
    };
    let stopped_silently = || {
        command.kind == CommandKind::Shell
            && observed.stdout.trim().is_empty()
            && !ends_in_search(&command.text)
    };
    let texts = command.expectations.iter().map(|expectation| expectation.text.clone());
    let texts = texts.chain(std::iter::once(String::new()));
    texts
        .zip(judge_command(&command.expectations, &observed))
        .map(|(text, judgement)| {
            let Judgement { outcome, reason } = judgement;
            // status 1 and no output say "nothing found" only where something was searched
            if outcome == Outcome::Pass && observed.exit_code == Some(1) && stopped_silently() {
                let reason = "exit status 1 without any output, and no search that would say so".to_owned();
                return Verdict { text, outcome: Outcome::Ask, reason };
            }
            Verdict { text, outcome, reason }
        })
        .collect()
}

/// The value that a command's output becomes. Outside its pattern it fails the command: nobody may use it.
fn capture(
    command: &PlannedCommand,
    finished: &Finished,
    verdicts: &mut Vec<Verdict>,
) -> Option<(String, String)> {
    let capture = command.capture.as_ref()?;
    if verdicts.iter().any(|verdict| verdict.outcome == Outcome::Fail) {
        return None;
    }
    let value = finished.stdout.text.trim();
    if value.contains(REDACTED) {
        verdicts.push(Verdict {
            text: format!("a value for {} that holds no secret", capture.name),
            outcome: Outcome::Fail,
            reason: "the output holds a secret, which is never captured".to_owned(),
        });
        return None;
    }
    let checked = match finished.stdout.dropped_bytes {
        0 => capture.check(value),
        dropped => Err(format!("{dropped} bytes of the output were not kept")),
    };
    match checked {
        Ok(()) => Some((capture.name.clone(), value.to_owned())),
        Err(reason) => {
            verdicts.push(Verdict {
                text: format!("a value for {} that matches {}", capture.name, capture.pattern),
                outcome: Outcome::Fail,
                reason,
            });
            None
        }
    }
}

fn changes(command: &PlannedCommand, finished: &Finished) -> Vec<ChangeNoted> {
    if command.id != WHAT_CHANGED {
        return Vec::new();
    }
    let lines = finished.stdout.text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.take(10).map(|line| ChangeNoted { text: line.to_owned(), ..ChangeNoted::default() }).collect()
}

/// Whether it ended without the state that the next command begins with.
fn is_without_shell(state: &Run, unit: Unit, finished: &Finished) -> bool {
    finished.state == StateOutcome::Missing
        && unit.role == UnitRole::Main // undo and baselines hand nothing on
        && !state.unasked
        && !state.is_of_several(unit)
        && more_main_commands(state, unit)
}

fn is_of_shell(verdict: &Verdict) -> bool {
    verdict.outcome == Outcome::Ask && verdict.reason == WITHOUT_SHELL
}

fn more_main_commands(state: &Run, unit: Unit) -> bool {
    state.units().any(|other| other > unit && other.role == UnitRole::Main)
}

pub(super) fn exit_words(exit: Exit) -> String {
    match exit {
        Exit::Code { code } => format!("exit status {code}"),
        Exit::Signal { signal } => format!("signal {signal}"),
        Exit::TimedOut => "its time was up".to_owned(),
        Exit::Cancelled => "cancelled".to_owned(),
    }
}
