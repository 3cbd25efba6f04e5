//! Whose word a question is about, and that nobody else is kept from answering it.

use std::collections::BTreeSet;

use super::kit::*;
use super::laws;
use super::{AGAIN, ONCE};
use crate::plan::PlannedCommand;
use crate::ports::{Exit, Finished, Output};
use crate::run::RunCommand;
use crate::runbook::Foreach;
use crate::view::state_words;

fn skip() -> RunCommand {
    RunCommand::PassOver { rest: false, reason: "not needed".to_owned() }
}

const DONE: RunCommand = RunCommand::MarkDone { reason: None };

/// Whose yes would count now.
fn may(bench: &Bench) -> Vec<&'static str> {
    bench.run.whose_yes_counts(&["ana", "ben", "cas", "eva"])
}

/// One command that fails, and then one whose list appears.
fn with_a_list() -> Bench {
    let mut capture = capturing("hosts");
    let made = capture.capture.as_mut().unwrap();
    (made.pattern, made.lines) = ("[a-z]+".to_owned(), true);
    let foreach = Foreach {
        name: "host".to_owned(),
        source: "REVISION".to_owned(),
        items: None,
        concurrency: 1,
        budget: 0,
        canary: false,
        places: BTreeSet::new(),
    };
    let mut each = command("each", AGAIN);
    each.flow.foreach = Some(foreach);
    let mut bench = Bench::approved(vec![step("1", vec![command("do", ONCE), capture, each], vec![])]);
    bench.starts();
    bench
}

/// Lets the list appear.
fn list_appears(bench: &mut Bench) {
    let attempt = bench.starts();
    let stdout = Output { text: "a\nb\n".to_owned(), dropped_bytes: 0 };
    bench.engine(&finish(attempt, Finished { stdout, ..finished(Exit::Code { code: 0 }) }));
    bench.engine(&RunCommand::Advance);
    assert_eq!(bench.status(), "waiting_for_approval");
}

#[test]
fn an_order_keeps_nobody_from_a_later_question() {
    // what ben does about the first command, and whose yes counts to what that asks
    for (order, asks) in [(RunCommand::Retry, vec!["cas", "eva"]), (skip(), vec!["cas", "eva"])] {
        let mut bench = with_a_list();
        bench.engine(&fails(1));
        bench.give("ben", &order).unwrap();
        assert_eq!(may(&bench), asks, "{order:?}");
        bench.give("cas", &approve("cas")).unwrap();
        if order == RunCommand::Retry {
            let attempt = bench.starts();
            bench.engine(&ok(attempt));
        }
        list_appears(&mut bench);
        assert_eq!(may(&bench), ["ben", "cas", "eva"], "{order:?}: only who asked for the run may not");
        assert!(
            !state_words(&bench.run).contains("passed over"),
            "that has its yes: {}",
            state_words(&bench.run)
        );
        bench.give("ben", &approve("ben")).unwrap();
        bench.runs_through();
        assert_eq!(bench.status(), "succeeded", "{order:?}");
        laws::check(&bench);
    }
    // a repetition that needs no yes asks nothing, and a word about a doubt is no part of the list
    for doubt in [false, true] {
        let mut bench = with_a_list();
        if doubt {
            bench.engine(&RunCommand::Recover);
            bench.give("ben", &DONE).unwrap();
        } else {
            bench.engine(&RunCommand::NotStarted { attempt: 1, reason: "no bash".to_owned() });
            bench.give("ben", &RunCommand::Retry).unwrap();
            assert_eq!(bench.status(), "running");
            let attempt = bench.starts();
            bench.engine(&ok(attempt));
        }
        list_appears(&mut bench);
        assert_eq!(may(&bench), ["ben", "cas", "eva"], "{doubt}");
        assert!(!state_words(&bench.run).contains("ben says"), "{}", state_words(&bench.run));
    }
}

#[test]
fn everybody_whose_word_a_question_names_is_kept_from_it_and_from_no_other() {
    let plain = |id: &str| PlannedCommand { title: Some(id.to_owned()), ..command(id, ONCE) };
    let commands = ["a", "b", "c", "d", "e"].map(plain).to_vec();
    let mut bench = Bench::approved(vec![step("1", commands, vec![])]);
    bench.starts();
    bench.engine(&RunCommand::Recover);
    bench.give("ben", &DONE).unwrap();
    let attempt = bench.starts();
    bench.engine(&fails(attempt));
    bench.give("cas", &skip()).unwrap();
    let said = state_words(&bench.run);
    assert!(said.contains("ben says that") && said.contains("which cas passed over"), "{said}");
    assert_eq!(may(&bench), ["eva"], "{said}");
    for (name, told) in [("ben", "ben went past a command"), ("cas", "cas went past a command")] {
        let refused = bench.give(name, &approve(name)).unwrap().refusal.unwrap().to_string();
        assert!(refused.contains(told), "{refused}");
    }
    bench.give("eva", &approve("eva")).unwrap();
    // what eva agreed to is agreed to
    let attempt = bench.starts();
    bench.engine(&fails(attempt));
    bench.give("eva", &skip()).unwrap();
    let said = state_words(&bench.run);
    assert!(!said.contains("ben says") && !said.contains("cas passed over"), "{said}");
    assert_eq!(may(&bench), ["ben", "cas"], "{said}");
    bench.give("ben", &approve("ben")).unwrap();
    bench.runs_through();
    assert_eq!(bench.status(), "succeeded");
    let said = state_words(&bench.run);
    for word in ["ben says that", "which cas passed over", "which eva passed over"] {
        assert!(said.contains(word), "the end names all: {said}");
    }
    laws::check(&bench);
}
