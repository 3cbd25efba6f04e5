//! Following a run in a terminal: its steps, what its commands write, what is left of the box, and what it asks.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::time::Duration;

use blocks_engine::Reply;
use blocks_grammar::{ChatParse, parse_chat};
use runbook_core::duration::for_people;
use runbook_core::request::Request;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::follow::{is_moving, lines};
use crate::exit::Stop;
use crate::printer;

/// Between two looks at a run: at first and after each change, and at most while nothing changes.
const LOOK_SOON: Duration = Duration::from_millis(20);
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// The same as a multiple of what a look takes: the whole run is read each time, and looking is to be a small part of the
/// time, however long the run is.
pub(super) const REST: u32 = 4;

/// How long a run that waits for a person is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Not at all: nobody is there.
    None,
    /// At most until then.
    Until(Instant),
    /// As long as it takes: somebody is there, and can answer.
    Terminal,
}

impl Patience {
    /// `--wait` counts wherever it is given; else a terminal waits.
    pub(crate) fn of(wait: Option<Duration>) -> Patience {
        match wait {
            Some(wait) => Patience::Until(Instant::now() + wait),
            None if std::io::stdin().is_terminal() => Patience::Terminal,
            None => Patience::None,
        }
    }

    fn is_over(self) -> bool {
        match self {
            Patience::None => true,
            Patience::Until(end) => Instant::now() >= end,
            Patience::Terminal => false,
        }
    }
}

/// Follows a run until it ends, or waits for a person longer than there is patience. What began it says from where on
/// its commands' lines are to be told; without it, those of what runs now are.
pub(crate) async fn follow<A>(
    run: &str,
    begun: Option<&Value>,
    patience: Patience,
    mut ask: A,
) -> Result<Reply, Stop>
where
    A: AsyncFnMut(&Request) -> Result<Reply, Stop>,
{
    let mut told = Told::new(std::io::stderr().is_terminal());
    let mut cursor = begun.and_then(|begun| begun["cursor"].as_str()).map(str::to_owned);
    if let Some(begun) = begun.filter(|begun| begun["output"].is_array()) {
        told.tell(begun);
    }
    let mut lines = None;
    let mut pause = LOOK_SOON;
    loop {
        let looked = Instant::now();
        let look = Request::RunbookAttach { run: Some(run.to_owned()), cursor: cursor.clone() };
        let mut reply = ask(&look).await.inspect_err(|_| told.clear())?;
        cursor = reply.data["cursor"].as_str().map(str::to_owned).or(cursor);
        let took = looked.elapsed();
        pause = if told.tell(&reply.data) { LOOK_SOON } else { (pause * 2).min(LOOK_AGAIN) };
        if let Some(data) = reply.data.as_object_mut() {
            // told by now; who reads the end reads where the run stands
            data.remove("output");
            data.remove("cursor");
        }
        let waits = waits_for_person(&reply.data);
        if !is_moving(&reply.data) && (!waits || patience.is_over()) {
            told.clear();
            return Ok(reply);
        }
        if waits && told.asks(&reply) && patience == Patience::Terminal {
            printer::note(
                "type an answer such as `answer yes`, `retry`, `skip --reason TEXT`, `undo`, `cancel`; or `leave`",
            );
        }
        let pause = pause.max(took * REST);
        let typed = if waits && patience == Patience::Terminal {
            let lines = lines.get_or_insert_with(typed_lines);
            tokio::select! {
                line = lines.recv() => Some(line.unwrap_or_else(|| "leave".to_owned())),
                () = tokio::time::sleep(pause) => None,
            }
        } else {
            tokio::time::sleep(pause).await;
            None
        };
        match typed.as_deref().map(str::trim) {
            None | Some("") => {}
            Some("leave" | "exit" | "quit") => {
                told.clear();
                return Ok(reply);
            }
            Some(line) => match verb(line, run, told.step.as_deref()) {
                Ok(request) => match ask(&request).await {
                    Ok(answer) => printer::note(&answer.text),
                    Err(stop) => printer::note(&stop.text),
                },
                Err(why) => printer::note(&why),
            },
        }
    }
}

/// Lines typed at the terminal. A thread of their own, not the runtime's: nobody waits for it at the end.
fn typed_lines() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// What a person typed about the run that is followed: a run verb, without the run. `yes` and `no` are answers. It is about
/// the command whose question they were shown, and about no later one.
fn verb(line: &str, run: &str, step: Option<&str>) -> Result<Request, String> {
    let line = line.trim().trim_start_matches("blocks ").trim_start_matches("runbook ").trim();
    let words = match line.to_ascii_lowercase().as_str() {
        "y" | "yes" => "answer yes".to_owned(),
        "n" | "no" => "answer no".to_owned(),
        _ => line.to_owned(),
    };
    match parse_chat(&format!("runbook {words}")) {
        ChatParse::Request(mut request) if request.is_run_verb() => {
            // whoever names another run was not shown its question
            if let (Some(step), None) = (step, request.run()) {
                request.name_step(step);
            }
            request.name_run(run);
            Ok(request)
        }
        ChatParse::Request(_) => Err("only what decides about this run can be typed here".to_owned()),
        ChatParse::Usage { text, .. } => Err(text),
    }
}

/// Whether only a person can carry it on.
fn waits_for_person(run: &Value) -> bool {
    matches!(run["status"].as_str(), Some("waiting_for_approval" | "paused" | "in_doubt"))
}

/// What was told so far.
#[derive(Debug, Default)]
struct Told {
    steps: BTreeMap<String, String>,
    state: String,
    step: Option<String>,
    is_terminal: bool,
    has_line: bool,
}

impl Told {
    fn new(is_terminal: bool) -> Told {
        Told { is_terminal, ..Told::default() }
    }

    /// Tells every step whose status is another one than before, and every line that was written since. `false` when there
    /// was nothing to tell.
    fn tell(&mut self, run: &Value) -> bool {
        // what begins is told before what it writes, what ends after it
        let (mut lines, ended): (Vec<_>, Vec<_>) =
            self.changes(run).into_iter().partition(|line| line.starts_with("running"));
        lines.extend(self.output(run));
        lines.extend(ended);
        let has_changed = !lines.is_empty();
        if has_changed {
            self.clear();
        }
        for line in lines {
            printer::note(&line);
        }
        if self.is_terminal
            && let Some(line) = box_line(run)
        {
            printer::status(&line);
            self.has_line = true;
        }
        has_changed
    }

    /// Takes the passing line away.
    fn clear(&mut self) {
        if std::mem::take(&mut self.has_line) {
            printer::status("");
        }
    }

    /// Tells what the run waits for, once for each question.
    fn asks(&mut self, reply: &Reply) -> bool {
        let state = format!("{}{}", reply.data["state"], reply.data["question"]);
        if self.state == state {
            return false;
        }
        self.state = state;
        self.step = reply.data["question"]["step"].as_str().map(str::to_owned);
        self.clear();
        printer::note(&format!("waits: {}", reply.data["state"].as_str().unwrap_or_default()));
        for line in question_lines(&reply.data).into_iter().chain(lines(&reply.data)) {
            printer::note(&line);
        }
        true
    }

    fn output(&self, run: &Value) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in run["output"].as_array().into_iter().flatten() {
            let sign = if piece["stream"] == "stderr" { '!' } else { '|' };
            let text = piece["text"].as_str().unwrap_or_default();
            let of = piece["of"].as_str().map_or_else(String::new, |of| format!("[{of}] "));
            lines.extend(text.lines().map(|line| format!("  {sign} {of}{line}")));
        }
        lines
    }

    fn changes(&mut self, run: &Value) -> Vec<String> {
        let mut lines = Vec::new();
        for step in run["steps"].as_array().into_iter().flatten() {
            let word = |name: &str| step[name].as_str().unwrap_or_default().to_owned();
            let (id, status) = (word("id"), word("status"));
            if self.steps.get(&id) != Some(&status) {
                if status != "waiting" {
                    let within = step["timebox_s"].as_u64().filter(|_| status == "running");
                    let within = within.map_or_else(String::new, |s| format!(" [box {}]", for_people(s)));
                    lines.push(format!("{status:<10} {}{within}", word("title")));
                }
                self.steps.insert(id, status);
            }
        }
        lines
    }
}

fn question_lines(run: &Value) -> Vec<String> {
    let question = &run["question"];
    let text = question["text"].as_str().map(|text| format!("  ? {text}"));
    let evidence = question["evidence"].as_array().into_iter().flatten();
    text.into_iter().chain(evidence.filter_map(Value::as_str).map(|line| format!("      {line}"))).collect()
}

/// What is left of the box of the step that runs, and until the target.
fn box_line(run: &Value) -> Option<String> {
    let budget = &run["budget"];
    let span = |ms: i64| {
        let words = for_people(ms.unsigned_abs().div_ceil(1_000));
        if ms < 0 { format!("{words} over") } else { format!("{words} left") }
    };
    let mut parts = Vec::new();
    if let Some(left) = budget["box_left_ms"].as_i64() {
        parts.push(format!("{} of this step's box", span(left)));
    }
    if let Some(left) = budget["deadline_left_ms"].as_i64() {
        parts.push(format!("{} until the target", span(left)));
    }
    (is_moving(run) && !parts.is_empty()).then(|| format!("  {}", parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_change_of_a_step_is_told_once() {
        let run = |first: &str, second: &str| {
            json!({ "steps": [
                { "id": "a", "title": "Look", "status": first, "timebox_s": 300 },
                { "id": "b", "title": "Act", "status": second },
            ] })
        };
        let mut told = Told::default();
        assert_eq!(told.changes(&run("running", "waiting")), ["running    Look [box 5 min]"]);
        assert!(told.changes(&run("running", "waiting")).is_empty());
        assert_eq!(told.changes(&run("done", "running")), ["done       Look", "running    Act"]);
    }

    #[test]
    fn lines_of_output_say_which_stream_they_are() {
        let run = json!({ "output": [
            { "stream": "stdout", "text": "one\ntwo\n" },
            { "stream": "stderr", "text": "bad" },
            { "stream": "stdout", "text": "up\nwell\n", "of": "web-1" },
        ] });
        let told = ["  | one", "  | two", "  ! bad", "  | [web-1] up", "  | [web-1] well"];
        assert_eq!(Told::default().output(&run), told);
    }

    #[test]
    fn what_is_left_is_told_while_it_moves() {
        let run = |status: &str, left: i64| json!({ "status": status, "budget": { "box_left_ms": left, "deadline_left_ms": 600_000 } });
        assert_eq!(
            box_line(&run("running", 90_000)).as_deref(),
            Some("  1 min 30 s left of this step's box, 10 min left until the target")
        );
        assert!(box_line(&run("running", -5_000)).unwrap().contains("5 s over of this step's box"));
        assert_eq!(box_line(&run("paused", 1)), None);
        assert_eq!(box_line(&json!({ "status": "running" })), None);
    }

    #[test]
    fn a_typed_verb_is_about_the_followed_run() {
        let (run, step) = (|| Some("0199".to_owned()), || Some("scale".to_owned()));
        for (line, wanted) in [
            ("yes", Request::RunbookAnswer { run: run(), yes: true, reason: None, step: step() }),
            ("answer no", Request::RunbookAnswer { run: run(), yes: false, reason: None, step: step() }),
            ("blocks runbook retry", Request::RunbookRetry { run: run(), reason: None, step: step() }),
            ("resume", Request::RunbookResume { run: run(), reason: None }),
            (
                "skip --reason 'not needed'",
                Request::RunbookSkip { run: run(), reason: "not needed".into(), rest: false, step: step() },
            ),
            ("retry 77", Request::RunbookRetry { run: Some("77".into()), reason: None, step: None }),
            ("cancel 77", Request::RunbookCancel { run: Some("77".into()), reason: None }),
        ] {
            assert_eq!(verb(line, "0199", Some("scale")), Ok(wanted), "{line}");
        }
        for line in ["run other", "rollback", "list", "nonsense", "skip"] {
            assert!(verb(line, "0199", Some("scale")).is_err(), "{line}");
        }
    }
}
