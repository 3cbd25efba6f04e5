//! A yes to one plan, and then one byte of anything that the plan stands for is another one: nothing of it runs.

use std::collections::BTreeMap;
use std::path::Path;

use blocks_engine::Asker;
use runbook_core::journal::StreamId;
use runbook_core::request::Request;
use runbook_core::run::RunEvent;

use crate::asks::{Way, button_body, credential, off_by_one};
use crate::dice::Dice;
use crate::play;
use crate::stage::{Kept, Stage, locked};

/// What is changed.
pub(crate) const KINDS: [&str; 12] = [
    "nothing",
    "document",
    "included",
    "document gone",
    "secret",
    "environment",
    "more environment",
    "typed",
    "short",
    "parameter",
    "stored plan",
    "stored plan, later",
];

/// Plans, changes one thing, and says yes to what was shown.
pub(crate) fn one(seed: u64, kept: Kept, kinds: &mut BTreeMap<&'static str, u64>) -> Result<(), String> {
    let mut dice = Dice::new(seed ^ 0x0B17);
    let kind = *dice.pick(&KINDS);
    // only the disk in memory can be written by another hand from here
    let kind = if kept == Kept::OnDisk && kind.starts_with("stored") { "document" } else { kind };
    *kinds.entry(kind).or_default() += 1;
    play(kept, changed(seed, kept, kind, &mut dice)).map_err(|wrong| format!("seed {seed}, {kind}: {wrong}"))
}

async fn changed(seed: u64, kept: Kept, kind: &str, dice: &mut Dice) -> Result<(), String> {
    let stage = Stage::new(seed, kept, 1).await;
    stage.notes.all_end_well();
    if kind == "stored plan, later" {
        stage.notes.all_fail();
    }
    let ana = credential("ana", Way::Token);
    let params: BTreeMap<String, String> = [("REGION".to_owned(), "north".to_owned())].into();
    let ask = |params: &BTreeMap<String, String>| Request::RunbookRun {
        name: "full".to_owned(),
        params: params.clone(),
        section: None,
        incident: None,
    };
    let asked = stage.asks(&ana, &ask(&params)).await.map_err(|error| error.to_string())?;
    let id = asked.data["id"].as_str().unwrap_or_default().to_owned();
    let runs = stage.runs().await;
    let (run, shown) =
        runs.iter().map(|(run, _)| (run.id, run.fingerprint.to_string())).next().ok_or("no run")?;
    let (mut approve, mut named) = (id.clone(), shown.clone());
    let mut settings = stage.settings.clone();
    match kind {
        "document" => flip_file(dice, &stage.file("runbooks/full.md"))?,
        "included" => flip_file(dice, &stage.file("runbooks/repeats.md"))?,
        "document gone" => std::fs::remove_file(stage.file("runbooks/full.md")).map_err(|e| e.to_string())?,
        "secret" => flip_file(dice, &stage.file("token"))?,
        "environment" => settings.exec_env = vec!["PATI".to_owned()],
        "more environment" => settings.exec_env.push("AWS_PROFILE".to_owned()),
        "typed" => named = off_by_one(dice, &shown),
        "short" => named = off_by_one(dice, &shown[..4]),
        "parameter" => {
            // the yes was to north; it is said to the run on nortg
            let params = [("REGION".to_owned(), "nortg".to_owned())].into();
            let other = stage.asks(&ana, &ask(&params)).await.map_err(|error| error.to_string())?;
            approve = other.data["id"].as_str().unwrap_or_default().to_owned();
        }
        "stored plan" => flip_stored(dice, &stage, run)?,
        _ => {}
    }
    let yes = Request::RunbookApprove { run: Some(approve), fingerprint: Some(named), reason: None };
    // by whatever way, on this engine or on the one that comes after it
    let next = stage.another(settings);
    if dice.percent(50) && !kind.contains("environment") {
        let body = button_body(dice, "U-ben", &yes).ok_or("no button")?;
        stage.comes_in("slack", "interaction", body, 1).await;
    } else {
        let actor = next.directory().actor(&credential("ben", Way::OsUser));
        let _ = next.request(&yes, &Asker { actor, channel: None }).await;
    }
    stage.quiet().await;
    if kind == "stored plan, later" {
        // the first command failed and changed nothing; it is tried again from a plan that is another one by now
        let before = locked(&stage.notes.starts).len();
        if before != 1 {
            return Err(format!("the first command was to fail: {before} began"));
        }
        stage.notes.all_end_well();
        flip_stored(dice, &stage, run)?;
        let actor = next.directory().actor(&credential("ben", Way::OsUser));
        let _ = next
            .request(
                &Request::RunbookRetry { run: Some(id), reason: None, step: None },
                &Asker { actor, channel: None },
            )
            .await;
        stage.quiet().await;
        let after = locked(&stage.notes.starts).len();
        return if after == before {
            Ok(())
        } else {
            Err("another plan went on with the old yes".to_owned())
        };
    }
    let starts = locked(&stage.notes.starts).clone();
    match (kind, starts.len(), stage.notes.effects()) {
        ("nothing", 3, 2) => Ok(()),
        ("nothing", ..) => Err(format!("the unchanged plan was to run: {starts:?}")),
        (_, 0, 0) => Ok(()),
        (..) => Err(format!("it ran with a yes to something else: {starts:?}")),
    }
}

/// Another byte at some place of a file; never only a line end more or less at its very end.
fn flip_file(dice: &mut Dice, path: &Path) -> Result<(), String> {
    let mut bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let at = usize::try_from(dice.below(bytes.len() as u64 - 1)).unwrap_or(0);
    bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
    std::fs::write(path, bytes).map_err(|error| error.to_string())
}

/// Another byte somewhere in the plan as it is stored, such that the event still reads and says something else.
fn flip_stored(dice: &mut Dice, stage: &Stage, run: runbook_core::ids::RunId) -> Result<(), String> {
    let mut data = locked(&stage.data);
    let stream = StreamId::Run(run);
    let events = data.streams.iter_mut().find(|(known, _)| *known == stream).map(|(_, events)| events);
    let first = events.and_then(|events| events.first_mut()).ok_or("no events")?;
    let plan_in = |bytes: &[u8]| {
        let stored =
            runbook_core::journal::StoredEvent { seq: first.seq, bytes: bytes.to_vec(), hash: first.hash };
        let envelope = runbook_core::journal::open::<RunEvent>(&stored).ok()?;
        match envelope.event {
            RunEvent::Planned { plan, .. } => Some(*plan),
            _ => None,
        }
    };
    let before = plan_in(&first.bytes).ok_or("the plan does not read")?;
    for _ in 0..10_000 {
        let mut bytes = first.bytes.clone();
        let at = usize::try_from(dice.below(bytes.len() as u64)).unwrap_or(0);
        bytes[at] = *dice.pick(b"0123456789abcdefghijklmnopqrstuvwxyz _-");
        if plan_in(&bytes).is_some_and(|after| after != before && after.format == before.format) {
            first.bytes = bytes;
            return Ok(());
        }
    }
    Err("no byte can be changed".to_owned())
}
