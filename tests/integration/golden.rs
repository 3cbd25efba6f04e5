//! Journals that earlier releases have written (`tests/golden`): this one reads them, and comes to the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use blocks_tests::repository;
use runbook_core::incident::{self, Incident, IncidentEvent};
use runbook_core::journal::{self, Hash, StoredEvent, StreamId};
use runbook_core::run::{self, CommandPhase, Run, RunEvent, UnitRole};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// All files together.
const AT_MOST_BYTES: u64 = 200_000;

fn journals() -> Vec<PathBuf> {
    let folder = repository().join("tests/golden");
    let releases = files(&folder).into_iter().filter(|path| path.is_dir());
    let all: Vec<_> = releases.flat_map(|release| files(&release)).collect();
    let size: u64 = all.iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!(size < AT_MOST_BYTES, "the golden journals have grown to {size} bytes");
    let journals: Vec<_> =
        all.into_iter().filter(|path| path.extension().is_some_and(|end| end == "jsonl")).collect();
    assert!(journals.len() >= 3, "{journals:?}");
    journals
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Every stream of a journal as `blocks journal export` wrote it, with the bytes as they were stored.
fn streams(journal: &Path) -> BTreeMap<String, (StreamId, Vec<StoredEvent>)> {
    let mut streams = BTreeMap::new();
    for line in std::fs::read_to_string(journal).unwrap().lines() {
        let line: BTreeMap<String, Box<RawValue>> = serde_json::from_str(line).unwrap();
        let name: String = serde_json::from_str(line["stream"].get()).unwrap();
        let hash: String = serde_json::from_str(line["hash"].get()).unwrap();
        let mut bytes = [0; 32];
        hex::decode_to_slice(hash, &mut bytes).unwrap();
        let event = StoredEvent {
            seq: line["seq"].get().parse().unwrap(),
            bytes: line["event"].get().as_bytes().to_vec(),
            hash: Hash(bytes),
        };
        let stream = name.parse().unwrap();
        streams.entry(name).or_insert_with(|| (stream, Vec::new())).1.push(event);
    }
    streams
}

fn read<S, E: DeserializeOwned>(
    events: &[StoredEvent],
    evolve: impl Fn(Option<S>, &journal::Envelope<E>) -> Result<S, incident::Replay>,
) -> S {
    let mut state = None;
    for stored in events {
        let event = journal::open(stored).unwrap_or_else(|error| panic!("{error}"));
        state = Some(evolve(state, &event).unwrap_or_else(|error| panic!("event {}: {error}", stored.seq)));
    }
    state.unwrap()
}

fn phase(phase: &CommandPhase) -> String {
    match phase {
        CommandPhase::Started { .. } => "started".to_owned(),
        CommandPhase::Ended { verdicts, vouched, .. } => {
            let verdicts: Vec<_> = verdicts.iter().map(|verdict| json!(verdict.outcome)).collect();
            format!("ended {}{}", Value::from(verdicts), if *vouched { ", vouched for" } else { "" })
        }
        CommandPhase::InDoubt { reason, .. } => format!("in doubt: {reason}"),
        CommandPhase::MarkedDone => "marked as done".to_owned(),
        CommandPhase::Probed => "done, as its probe saw".to_owned(),
        CommandPhase::NotStarted { reason } => format!("not started: {reason}"),
        CommandPhase::Skipped { reason } => format!("skipped: {reason}"),
        CommandPhase::PassedOver { by, reason, .. } => format!("passed over by {by}: {reason}"),
    }
}

fn of_run(run: &Run) -> Value {
    let commands = run.commands.iter().map(|(unit, state)| {
        let role = match unit.role {
            UnitRole::Baseline => "baseline",
            UnitRole::Main => "main",
            UnitRole::Undo => "undo",
            UnitRole::Probe => "probe",
        };
        let name = run.command(*unit).map_or("", |command| command.id.as_str());
        (format!("{}/{role}/{} {name}", unit.step + 1, unit.index + 1), json!(phase(state)))
    });
    json!({
        "runbook": run.plan.runbook,
        "target": run.plan.target,
        "steps": run.plan.steps.iter().map(|step| step.title.clone()).collect::<Vec<_>>(),
        "fingerprint": run.fingerprint.to_string(),
        "risk": run.risk.risk.word(),
        "status": run.status.word(),
        "is_open": run.status.is_open(),
        "unasked": run.unasked,
        "requester": run.requester.to_string(),
        "approvals": run.approvals.iter().map(|yes| yes.by.to_string()).collect::<Vec<_>>(),
        "refused_approvals": run.refused_approvals.iter().map(|(by, why)| format!("{by}: {why}")).collect::<Vec<_>>(),
        "attempts": run.attempts,
        "values": run.values,
        "commands": commands.collect::<serde_json::Map<_, _>>(),
        "created_at": run.created_at.to_rfc3339(),
        "ended_at": run.ended_at.map(|at| at.to_rfc3339()),
        "events": run.seq,
    })
}

fn of_incident(incident: &Incident) -> Value {
    json!({
        "number": incident.number.to_string(),
        "service": incident.service,
        "title": incident.title,
        "severity": incident.severity,
        "status": incident.status.word(),
        "commander": incident.commander.as_ref().map(|commander| commander.who.to_string()),
        "evidence": incident.evidence.len(),
        "runs": incident.runs.len(),
        "review_file": incident.review_file,
        "opened_at": incident.opened_at.to_rfc3339(),
        "acknowledged_at": incident.acknowledged_at.map(|at| at.to_rfc3339()),
        "mitigated_at": incident.mitigated_at.map(|at| at.to_rfc3339()),
        "resolved_at": incident.resolved_at.map(|at| at.to_rfc3339()),
    })
}

fn summary(streams: &BTreeMap<String, (StreamId, Vec<StoredEvent>)>) -> Value {
    let one = |(name, (stream, events)): (&String, &(StreamId, Vec<StoredEvent>))| {
        let summary = match stream {
            StreamId::Run(_) => of_run(&read(events, run::evolve)),
            StreamId::Incident(_) => of_incident(&read(events, incident::evolve)),
        };
        (name.clone(), summary)
    };
    streams.iter().map(one).collect::<serde_json::Map<_, _>>().into()
}

#[test]
fn every_journal_verifies_and_comes_to_its_summary() {
    let mut written = Vec::new();
    for journal in journals() {
        let streams = streams(&journal);
        for (stream, events) in streams.values() {
            let verified = journal::verify_stream(stream, events).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(verified.events, events.len() as u64);
        }
        let (found, file) = (summary(&streams), journal.with_extension("summary.json"));
        if !file.exists() && std::env::var_os("BLOCKS_GOLDEN_NEW").is_some() {
            std::fs::write(&file, format!("{found:#}\n")).unwrap();
            written.push(file.clone());
        }
        let text =
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let recorded: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(found, recorded, "{}", journal.display());
    }
    assert!(written.is_empty(), "read these, and commit them when they say what happened: {written:?}");
}

/// What is true of every event of every journal.
fn each_event(check: impl Fn(StreamId, &StoredEvent)) {
    for journal in journals() {
        for (stream, events) in streams(&journal).values() {
            for event in events {
                check(*stream, event);
            }
        }
    }
}

fn opened(stream: StreamId, event: &StoredEvent) -> Result<String, String> {
    let said = |error: journal::OpenError| error.to_string();
    match stream {
        StreamId::Run(_) => journal::open::<RunEvent>(event).map(|event| format!("{event:?}")).map_err(said),
        StreamId::Incident(_) => {
            journal::open::<IncidentEvent>(event).map(|event| format!("{event:?}")).map_err(said)
        }
    }
}

fn with(event: &StoredEvent, change: impl FnOnce(&mut Value)) -> StoredEvent {
    let mut value: Value = serde_json::from_slice(&event.bytes).unwrap();
    change(&mut value);
    StoredEvent { seq: event.seq, bytes: serde_json::to_vec(&value).unwrap(), hash: event.hash }
}

#[test]
fn an_event_of_a_later_version_is_a_clear_error() {
    each_event(|stream, event| {
        let later = with(event, |value| value["v"] = json!(2));
        let error = opened(stream, &later).unwrap_err();
        let expected =
            format!("event {} has version 2, this release reads up to 1 (use the newer release)", event.seq);
        assert_eq!(error, expected);
        // Whatever else is new in it.
        let other = with(&later, |value| value["event"] = json!({ "type": "of_a_later_release" }));
        assert_eq!(opened(stream, &other).unwrap_err(), expected);
        let unknown = with(event, |value| value["event"] = json!({ "type": "of_a_later_release" }));
        let error = opened(stream, &unknown).unwrap_err();
        assert!(error.contains("of_a_later_release") && error.contains("journal verify"), "{error}");
    });
}

#[test]
fn a_field_that_a_later_release_adds_is_ignored() {
    each_event(|stream, event| {
        let more = with(event, |value| {
            value["of_a_later_release"] = json!({ "a": [1] });
            value["event"]["of_a_later_release"] = json!("b");
        });
        assert_eq!(opened(stream, &more), opened(stream, event));
    });
}
