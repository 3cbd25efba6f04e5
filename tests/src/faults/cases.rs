//! Which commands fail, how, and what a person does then.

use serde_json::Value;

use crate::text;

/// How a tool fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It says no, and has done nothing.
    ExitBefore,
    /// It says no, and has done it.
    ExitAfter,
    /// It says yes and something that makes no sense, and has done nothing.
    NonsenseBefore,
    /// The same, and has done it.
    NonsenseAfter,
    /// It does nothing until its time is up.
    HangBefore,
    /// It does it, and then nothing until its time is up.
    HangAfter,
}

impl Fault {
    /// What the tools call it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Fault::ExitBefore => "exit-before",
            Fault::ExitAfter => "exit-after",
            Fault::NonsenseBefore => "nonsense-before",
            Fault::NonsenseAfter => "nonsense-after",
            Fault::HangBefore => "hang-before",
            Fault::HangAfter => "hang-after",
        }
    }

    /// Somebody would have to wait for its end: that of the time limit, or of a loop that waits for a better answer.
    fn lasts(self) -> bool {
        !matches!(self, Fault::ExitBefore | Fault::ExitAfter)
    }
}

/// What a person does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Undoes what was done, as soon as that is offered.
    Undo,
    /// Runs it again until it is through, and undoes it all then.
    Again,
    /// Undoes it, and the undo fails; somebody orders it again.
    UndoTwice,
    /// Nothing fails; it is run to its end, and the whole runbook once more.
    Twice,
}

/// One play.
#[derive(Debug, Clone)]
pub struct Case {
    /// The runbook.
    pub runbook: String,
    /// Its text for this play.
    pub text: String,
    /// The command that fails, as the plan calls it.
    pub command: String,
    /// The attempt that fails; of an undo nobody knows the number before.
    pub attempt: Option<u32>,
    /// Later attempts fail too: those of a command that is looked at until it is well.
    pub onwards: bool,
    /// The calls of it that fail: `all`, `change`, `look`.
    pub scope: &'static str,
    /// How.
    pub fault: Option<Fault>,
    /// And then.
    pub way: Way,
    /// Commands of the runbook that must not be repeated.
    pub once: usize,
    /// The command must not be repeated.
    pub is_once: bool,
    /// The whole runbook only looks: at a service that is well, so that nothing but the fault fails.
    pub looks: bool,
}

impl Case {
    /// What it is called in a report.
    #[must_use]
    pub fn name(&self) -> String {
        let fault = self.fault.map_or("nothing", Fault::word);
        format!("{} / {} / {fault} ({}) / {:?}", self.runbook, self.command, self.scope, self.way)
    }
}

/// Ways in which a command that only reads fails: each in one of them, in turn.
const OF_READS: [Fault; 3] = [Fault::ExitBefore, Fault::NonsenseBefore, Fault::HangBefore];
const OF_EFFECTS: [Fault; 5] =
    [Fault::ExitBefore, Fault::ExitAfter, Fault::NonsenseAfter, Fault::HangBefore, Fault::HangAfter];

/// Everything that is to be played of a runbook, from its plan.
#[must_use]
pub fn cases_of(runbook: &str, document: &str, plan: &Value) -> Vec<Case> {
    let case = |command: &Value, attempt: Option<u32>, scope, fault: Option<Fault>, way| Case {
        runbook: runbook.to_owned(),
        text: match fault {
            Some(fault) if fault.lasts() => hurried(document, command, attempt.is_none()),
            _ => document.to_owned(),
        },
        command: text(&command["id"]),
        attempt,
        onwards: command["flow"]["until"].is_object(),
        scope,
        fault,
        way,
        once: 0,
        is_once: command["effect"] == "once",
        looks: false,
    };
    let mut cases = vec![case(&Value::Null, None, "all", None, Way::Twice)];
    let (mut attempt, mut reads, mut once) = (0, 0, 0);
    for step in plan["steps"].as_array().into_iter().flatten() {
        let of = |role: &str| step[role].as_array().cloned().unwrap_or_default();
        // the first attempt of the next command: each item of a loop is an attempt of its own
        let mut next = attempt + 1;
        for command in of("baselines").iter().chain(&of("commands")) {
            attempt = next;
            let items = command["flow"]["foreach"]["items"].as_array().map_or(1, Vec::len);
            next += u32::try_from(items).unwrap_or(1);
            if command["effect"] == "read" {
                // nobody can notice nonsense where nothing is expected
                let judged = command["expectations"].as_array().is_some_and(|all| !all.is_empty())
                    || command["capture"].is_object();
                let fault = if judged { OF_READS[reads % OF_READS.len()] } else { Fault::ExitBefore };
                reads += 1;
                cases.push(case(command, Some(attempt), "all", Some(fault), Way::Undo));
                continue;
            }
            if command["effect"] == "once" {
                once += 1;
            }
            for fault in OF_EFFECTS {
                cases.push(case(command, Some(attempt), "change", Some(fault), Way::Undo));
            }
            for fault in [Fault::ExitAfter, Fault::HangAfter] {
                cases.push(case(command, Some(attempt), "change", Some(fault), Way::Again));
            }
        }
        attempt = next - 1;
        for command in of("undo") {
            for (scope, fault) in [
                ("change", Fault::ExitBefore),
                ("change", Fault::ExitAfter),
                ("change", Fault::HangBefore),
                ("change", Fault::HangAfter),
            ] {
                cases.push(case(&command, None, scope, Some(fault), Way::UndoTwice));
            }
        }
    }
    let changes = plan["steps"].as_array().into_iter().flatten().any(|step| step["reversal"] != "none");
    for case in &mut cases {
        case.once = once;
        case.looks = !changes;
    }
    cases
}

/// The document with little time for that command, so that nobody waits for it.
fn hurried(document: &str, command: &Value, undo: bool) -> String {
    let name = format!("name={} ", text(&command["id"]));
    let baseline = format!("baseline={} ", text(&command["capture"]["name"]));
    let is_it = |line: &str| {
        line.starts_with("```")
            && (undo && line.contains("{undo ") || line.contains(&name) || line.contains(&baseline))
    };
    let mut lines = Vec::new();
    for line in document.lines() {
        let place = line.find("timeout=").filter(|_| is_it(line));
        lines.push(place.map_or_else(
            || line.to_owned(),
            |at| {
                let (before, rest) = line.split_at(at);
                let end = rest.find([' ', '}']).unwrap_or(rest.len());
                format!("{before}timeout=2s{}", &rest[end..])
            },
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}
