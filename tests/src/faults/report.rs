//! Plays cases in several worlds at once, and says what came of them.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::rc::Rc;

use serde_json::Value;
use tokio::task::LocalSet;

use super::cases::{Case, Way, cases_of};
use super::world::{Shape, World};

/// What came of one runbook.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// The runbook.
    pub runbook: String,
    /// Steps with commands, and all of their commands.
    pub steps: usize,
    /// Commands of all roles.
    pub commands: usize,
    /// Plays in which something failed.
    pub failed: usize,
    /// Plays in which something ran twice.
    pub twice: usize,
    /// Points of no return that its plan names.
    pub no_return: usize,
    /// What was not clean.
    pub dirty: Vec<String>,
}

/// What came of all.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// One row for each runbook.
    pub rows: Vec<Row>,
}

impl Table {
    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "{:<32} {:>5} {:>8} {:>14} {:>9} {:>9} {:>6}\n",
            "runbook", "steps", "commands", "failed-in-turn", "run-twice", "no-return", "clean"
        );
        for row in &self.rows {
            let clean = if row.dirty.is_empty() { "yes" } else { "NO" };
            let _ = writeln!(
                text,
                "{:<32} {:>5} {:>8} {:>14} {:>9} {:>9} {clean:>6}",
                row.runbook, row.steps, row.commands, row.failed, row.twice, row.no_return
            );
        }
        for dirty in self.rows.iter().flat_map(|row| &row.dirty) {
            let _ = writeln!(text, "  {dirty}");
        }
        text
    }

    /// Everything that was not clean.
    #[must_use]
    pub fn dirty(&self) -> Vec<&str> {
        self.rows.iter().flat_map(|row| &row.dirty).map(String::as_str).collect()
    }
}

/// Plays every case of these runbooks (name and text) that `wanted` picks, in so many worlds.
pub async fn play(runbooks: &[(String, String)], worlds: usize, wanted: impl Fn(&Case) -> bool) -> Table {
    let mut table = Table::default();
    let (mut looks, mut changes) = (VecDeque::new(), VecDeque::new());
    let first = World::start(false).await;
    for (name, document) in runbooks {
        let plan = first.plan(name, document).await;
        let cases: Vec<Case> =
            cases_of(name, document, &plan).into_iter().filter(|case| wanted(case)).collect();
        let mut row = row_of(name, &plan);
        row.twice = cases.iter().filter(|case| case.way != Way::Undo).count();
        row.failed = cases.iter().filter(|case| case.fault.is_some()).count();
        table.rows.push(row);
        for case in cases {
            if case.looks { looks.push_back(case) } else { changes.push_back(case) }
        }
    }
    let changes = Rc::new(RefCell::new(changes));
    let results = Rc::new(RefCell::new(Vec::new()));
    // worlds are processes of their own: one thread is enough to look after them
    let players = LocalSet::new();
    let mut first = Some(first);
    for _ in 0..worlds {
        let player = player(first.take(), false, Rc::clone(&changes), Rc::clone(&results));
        players.spawn_local(player);
    }
    players.spawn_local(player(None, true, Rc::new(RefCell::new(looks)), Rc::clone(&results)));
    players.await;
    let mut through: BTreeMap<String, Shape> = BTreeMap::new();
    for (case, result) in results.take() {
        let Some(row) = table.rows.iter_mut().find(|row| row.runbook == case.runbook) else { continue };
        match result {
            Err(what) => row.dirty.push(format!("{}: {what}", case.name())),
            Ok(None) => {}
            // however it came through, the world is the same then
            Ok(Some(shape)) => {
                let first = through.entry(case.runbook.clone()).or_insert_with(|| shape.clone());
                if *first != shape {
                    row.dirty.push(format!("{}: it comes to {shape:?}, and to {first:?}", case.name()));
                }
            }
        }
    }
    table
}

/// What came of a case.
type Outcome = Result<Option<Shape>, String>;

async fn player(
    world: Option<World>,
    is_well: bool,
    queue: Rc<RefCell<VecDeque<Case>>>,
    results: Rc<RefCell<Vec<(Case, Outcome)>>>,
) {
    let mut world = world;
    loop {
        let next = queue.borrow_mut().pop_front();
        let Some(case) = next else { return };
        let here = match world.take() {
            Some(here) => here,
            None => World::start(is_well).await,
        };
        let result = here.play(&case).await;
        // what an unclean one left is nothing to go on with: the next one gets a world of its own
        world = result.is_ok().then_some(here);
        results.borrow_mut().push((case, result));
    }
}

fn row_of(name: &str, plan: &Value) -> Row {
    let mut row = Row { runbook: name.to_owned(), ..Row::default() };
    for step in plan["steps"].as_array().into_iter().flatten() {
        let count = |role: &str| step[role].as_array().map_or(0, Vec::len);
        let probes = usize::from(step["probe"].is_object());
        let commands = count("baselines") + count("commands") + count("undo") + probes;
        row.commands += commands;
        row.steps += usize::from(commands > 0);
        row.no_return += usize::from(step["reversal"] == "no_return");
    }
    row
}
