//! One world: Blocks, the sandbox, and the service as it is to be found again.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cases::{Case, Fault, Way};
use super::tools::Tools;
use crate::{AppConfig, TestApp, poll, text};

/// What a runbook may change and must leave as it was. Numbers of revisions are not part of it: Kubernetes counts on.
pub type Shape = BTreeMap<String, Value>;

/// How often a person says the same thing before giving up.
const PATIENCE: usize = 8;

/// Blocks and its world.
#[derive(Debug)]
pub struct World {
    app: TestApp,
    tools: Tools,
    ana: String,
    ben: String,
    /// The service before anything ran.
    before: Shape,
}

impl World {
    /// A world in which the bad release has just been rolled out, or in which all is well.
    pub async fn start(is_well: bool) -> World {
        let app = TestApp::start(&AppConfig { triage: None, ..AppConfig::default() }).await;
        let tools = Tools::install(&app.dir.join("sandbox/bin"), &app.dir);
        if !is_well {
            app.deploy_what_fails().await;
        }
        let (ana, ben) = (app.token("ana").await, app.token("ben").await);
        let mut world = World { app, tools, ana, ben, before: Shape::new() };
        world.before = world.at_rest().await;
        world
    }

    /// The plan of a document, as people are shown it.
    ///
    /// # Panics
    /// When there is none.
    pub async fn plan(&self, runbook: &str, document: &str) -> Value {
        self.write(runbook, document);
        let asked = json!({ "request": "runbook_plan", "name": runbook, "params": {} });
        let answer = self.app.api(Some(&self.ana), asked).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["data"].clone()
    }

    fn write(&self, runbook: &str, document: &str) {
        let path = self.app.dir.join(format!("runbooks/{runbook}.md"));
        std::fs::write(path, document).expect("the folder can be written");
    }

    /// The service as it is now; `None` while pods come and go.
    async fn shape(&self) -> Option<Shape> {
        let listed = self.app.deployments().await;
        let mut shape = Shape::new();
        for item in listed["items"].as_array()? {
            let count = |field: &str| item["status"][field].as_u64().unwrap_or(0);
            let wanted = item["spec"]["replicas"].as_u64()?;
            if [count("replicas"), count("updatedReplicas"), count("readyReplicas")] != [wanted; 3] {
                return None;
            }
            let template = &item["spec"]["template"]["spec"];
            shape.insert(text(&item["metadata"]["name"]), json!({ "replicas": wanted, "runs": template }));
        }
        for thing in self.tools.things() {
            shape.insert(format!("said of {thing}"), json!(true));
        }
        Some(shape)
    }

    async fn at_rest(&self) -> Shape {
        poll::until("the service is at rest", async || self.shape().await).await
    }

    /// Plays a case, and returns the world in which the runbook had come through, where it did. An error says what was
    /// not as it should be.
    ///
    /// # Errors
    /// When the world is not clean afterwards, or something happened without a yes.
    pub async fn play(&self, case: &Case) -> Result<Option<Shape>, String> {
        let mut through = None;
        self.write(&case.runbook, &case.text);
        self.tools.forget();
        if let (Some(fault), true) = (case.fault, case.way != Way::UndoTwice) {
            self.tools.fail(case.attempt, case.onwards, fault, case.scope);
        }
        let mut run = Play::begin(self, case).await?;
        run.comes_to_rest().await?;
        match case.way {
            Way::Undo => {
                self.tools.mend();
                run.must_have_failed(case)?;
                run.undo().await?;
            }
            Way::Again => {
                self.tools.mend();
                run.must_have_failed(case)?;
                run.again(case).await?;
                through = Some(self.at_rest().await);
                run.once_was_asked_for(case)?;
                run.undo().await?;
            }
            Way::UndoTwice => {
                if let Some(fault) = case.fault {
                    self.tools.fail(None, false, fault, case.scope);
                }
                run.undo_fails().await?;
            }
            Way::Twice => {
                let after = self.at_rest().await;
                let mut second = Play::begin(self, case).await?;
                second.comes_to_rest().await?;
                second.stop().await?;
                self.is("a second run changes nothing", &after).await?;
                second.undo().await?;
                // the second run goes back to what it found, and the first to what was there before it
                self.is("the second run is undone", &after).await?;
                run.undo().await?;
                through = Some(after);
            }
        }
        run.once_was_asked_for(case)?;
        self.is("it is as it was before", &self.before).await?;
        Ok(through)
    }

    async fn is(&self, what: &str, wanted: &Shape) -> Result<(), String> {
        let found = self.at_rest().await;
        if found == *wanted { Ok(()) } else { Err(format!("not so: {what}: {found:?}, not {wanted:?}")) }
    }
}

/// A run that people take care of.
struct Play<'a> {
    world: &'a World,
    id: String,
    shown: Value,
    /// Yeses to running something again.
    fresh: usize,
    /// Orders to undo.
    undos: usize,
}

impl<'a> Play<'a> {
    async fn begin(world: &'a World, case: &Case) -> Result<Play<'a>, String> {
        let asked = json!({
            "request": "runbook_run", "name": case.runbook, "params": { "settle_seconds": "3" },
        });
        let plain = json!({ "request": "runbook_run", "name": case.runbook, "params": {} });
        let takes = case.text.contains("  settle_seconds:");
        let answer = world.app.api(Some(&world.ana), if takes { asked } else { plain }).await;
        if answer.status != 200 {
            return Err(format!("it cannot be planned: {}", answer.body));
        }
        let id = text(&answer.json()["data"]["id"]);
        let mut play = Play { world, id, shown: Value::Null, fresh: 0, undos: 0 };
        play.look().await;
        play.approve().await?;
        Ok(play)
    }

    async fn approve(&mut self) -> Result<(), String> {
        if self.status() != "waiting_for_approval" {
            return Ok(());
        }
        let yes = self.world.app.approve(&self.world.ben, &self.id).await;
        if yes.status == 200 { Ok(()) } else { Err(format!("the yes is not taken: {}", yes.body)) }
    }

    fn status(&self) -> String {
        text(&self.shown["status"])
    }

    /// Waits until it does nothing by itself.
    async fn look(&mut self) {
        let request = json!({ "request": "runbook_status", "run": self.id });
        self.shown = poll::until(&format!("run {} rests", self.id), async || {
            let shown = self.world.app.api(Some(&self.world.ana), request.clone()).await.json();
            let moves = matches!(text(&shown["data"]["status"]).as_str(), "running" | "undoing" | "planned");
            (shown["data"].is_object() && !moves).then(|| shown["data"].clone())
        })
        .await;
    }

    async fn comes_to_rest(&mut self) -> Result<(), String> {
        self.look().await;
        match self.status().as_str() {
            "waiting_for_approval" => Err("it waits for a yes that it had".to_owned()),
            _ => Ok(()),
        }
    }

    /// Says something, as `ana`.
    async fn say(&mut self, request: &str, yes: Option<bool>) -> Result<(), String> {
        let mut asked = json!({ "request": request, "run": self.id });
        if let Some(yes) = yes {
            asked["yes"] = json!(yes);
        }
        let answer = self.world.app.api(Some(&self.world.ana), asked).await;
        if answer.status != 200 {
            return Err(format!("{request} is refused while it is {}: {}", self.status(), answer.body));
        }
        if request == "runbook_undo" || text(&self.shown["status"]) == "undo_failed" {
            self.undos += 1;
        }
        self.look().await;
        if self.status() == "waiting_for_approval" {
            self.approve().await?;
            self.fresh += 1;
            self.look().await;
        }
        Ok(())
    }

    fn choices(&self) -> Vec<String> {
        let choices = self.shown["question"]["choices"].as_array().cloned().unwrap_or_default();
        choices.iter().map(|choice| text(&choice["answer"])).collect()
    }

    /// A fault must have been met, and noticed: by a question, an end, or a note.
    fn must_have_failed(&self, case: &Case) -> Result<(), String> {
        if self.world.tools.seen(&self.id).faults == 0 {
            return Err("nothing was made to fail".to_owned());
        }
        let noted = self.shown["noted_failures"].as_array().is_some_and(|noted| !noted.is_empty());
        // what has had its effect may be seen to have had it
        let had_effect =
            matches!(case.fault, Some(Fault::ExitAfter | Fault::NonsenseAfter | Fault::HangAfter));
        if self.status() == "succeeded" && !noted && !had_effect {
            return Err(format!("nobody noticed: {}", self.shown));
        }
        Ok(())
    }

    /// Takes the undo that is offered; where none is, ends the run.
    async fn undo(&mut self) -> Result<(), String> {
        let offered = self.choices();
        let last = offered.last().map(String::as_str);
        if offered.iter().any(|answer| matches!(answer.as_str(), "undo" | "go_back"))
            && !matches!(last, Some("undo" | "go_back"))
        {
            return Err(format!("undoing does not stand last: {offered:?}"));
        }
        let refused = self.say("runbook_undo", None).await.err();
        match refused {
            Some(reason) if reason.contains("nothing to undo") => self.stop().await,
            Some(reason) => Err(reason),
            None if self.status() == "undone" => Ok(()),
            None => Err(format!("the undo ends as {}: {}", self.status(), self.shown["question"])),
        }
    }

    /// Ends a run that still asks.
    async fn stop(&mut self) -> Result<(), String> {
        if matches!(self.status().as_str(), "paused" | "in_doubt") {
            self.say("runbook_cancel", None).await?;
        }
        Ok(())
    }

    /// Runs again whatever failed, until it is through. Before what must not be repeated, the person looks.
    async fn again(&mut self, case: &Case) -> Result<(), String> {
        let mut has_looked = !case.is_once;
        for _ in 0..PATIENCE {
            match self.status().as_str() {
                "succeeded" => return Ok(()),
                "failed" | "in_doubt" if !has_looked && !self.world.tools.seen(&self.id).once.is_empty() => {
                    has_looked = true;
                    self.say("runbook_mark_done", None).await?;
                }
                "paused" | "in_doubt" | "failed" => self.say("runbook_retry", None).await?,
                other => return Err(format!("it is {other}")),
            }
        }
        Err(format!("it does not get through: {}", self.shown))
    }

    /// The undo meets its fault; then somebody who has looked orders it again.
    async fn undo_fails(&mut self) -> Result<(), String> {
        self.say("runbook_undo", None).await?;
        let faults = self.world.tools.seen(&self.id).faults;
        self.world.tools.mend();
        match self.status().as_str() {
            "undo_failed" | "in_doubt" | "paused" if faults > 0 => {}
            other => return Err(format!("the undo met {faults} faults and is {other}")),
        }
        for _ in 0..PATIENCE {
            match self.status().as_str() {
                "undone" => return Ok(()),
                "undo_failed" | "in_doubt" | "paused" => self.say("runbook_retry", None).await?,
                other => return Err(format!("it is {other}")),
            }
        }
        Err(format!("the undo does not get through: {}", self.shown))
    }

    /// What must not be repeated has reached the service once, and once more for each fresh yes.
    fn once_was_asked_for(&self, case: &Case) -> Result<(), String> {
        let seen = self.world.tools.seen(&self.id).once;
        let asked = case.once + self.undos + self.fresh;
        if seen.len() <= asked && seen.values().all(|count| *count == 1) {
            return Ok(());
        }
        Err(format!("what must not be repeated reached the service in {seen:?}, and {asked} were asked for"))
    }
}
