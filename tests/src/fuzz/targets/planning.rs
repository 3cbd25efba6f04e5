//! Planning with values from outside.

use runbook_core::plan::{Draft, Plan, PlanError, PlanRequest, assess, build, draft};
use runbook_core::runbook::{Document, Level, ParameterSource};

use super::decoded;
use super::document::check;

/// A value that is plain everywhere.
const NEUTRAL: &str = "v";

/// What stands before a line of `%%` is the value of every parameter; behind it is the document.
pub fn planning(data: &[u8]) {
    let text = decoded(data);
    let (value, text) = text.split_once("\n%%\n").unwrap_or((NEUTRAL, &text));
    let document = check(text).with_hash_of(text.as_bytes());
    let request = request(&document, value);
    let Some(drafted) = drafted(&document, &request) else { return };
    assert_eq!(drafted, draft(&document, &request).expect("it was made a moment ago"), "planned in two ways");
    let runs = drafted.problems.is_empty();
    assert_eq!(build(&document, &request).is_ok(), runs, "{:?}", drafted.problems);
    let wrong = document.diagnostics.iter().any(|found| found.level == Level::Error);
    assert!(!(runs && wrong), "a document with an error is planned: {:?}", document.diagnostics);
    let plan = &drafted.plan;
    let written = serde_json::to_string(plan).expect("a plan is written");
    let read: Plan = serde_json::from_str(&written).expect("a stored plan is read");
    assert_eq!(&read, plan, "stored, it is another plan");
    let fingerprint = plan.fingerprint().expect("a plan has one");
    assert_eq!(
        fingerprint,
        read.fingerprint().expect("so has this one"),
        "stored, it has another fingerprint"
    );
    let _ = assess(plan, false);
    if !runs {
        return;
    }
    for (name, given) in &request.given {
        assert_eq!(
            plan.params.get(name),
            Some(given),
            "{name} has another value than the one that was given"
        );
    }

    let neutral = self::request(&document, NEUTRAL);
    let Some(neutral) = self::drafted(&document, &neutral).filter(|neutral| neutral.problems.is_empty())
    else {
        return;
    };
    let commands = || plan.all_commands().zip(neutral.plan.all_commands());
    assert_eq!(plan.all_commands().count(), neutral.plan.all_commands().count(), "a value made commands");
    for (command, neutral) in commands() {
        assert_eq!(command.id, neutral.id);
        assert_eq!(command.text, neutral.text, "{value:?} is in the text that is carried out");
        assert!(command.effect >= neutral.effect, "{value:?} makes it harmless: {command:?}");
    }
    let same = neutral.plan.fingerprint().expect("a plan has one") == fingerprint;
    assert_eq!(same, neutral.plan == *plan, "one fingerprint for two plans, or two for one");
}

/// Everything that may be given has this value, and the document may include itself by another name.
fn request(document: &Document, value: &str) -> PlanRequest {
    let open = |name: &String| document.front.params.get(name).is_none_or(|declared| !declared.secret);
    let secret = |name: &String| !open(name);
    let found = document.params.iter().filter(|param| param.source == ParameterSource::Placeholder);
    let names = || document.front.params.keys().chain(found.clone().map(|param| &param.name));
    PlanRequest {
        given: names().filter(|name| open(name)).map(|name| (name.clone(), value.to_owned())).collect(),
        secrets: names().filter(|name| secret(name)).map(|name| (name.clone(), "00".repeat(32))).collect(),
        documents: [("other".to_owned(), Document { name: "other".to_owned(), ..document.clone() })].into(),
        ..PlanRequest::default()
    }
}

fn drafted(document: &Document, request: &PlanRequest) -> Option<Draft> {
    match draft(document, request) {
        Ok(drafted) => Some(drafted),
        Err(error @ (PlanError::UnknownParam { .. } | PlanError::SecretGiven { .. })) => {
            panic!("it does not know its own parameters: {error}")
        }
        Err(_) => None,
    }
}
