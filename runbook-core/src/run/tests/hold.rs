//! Pause, resume, and going on without a command.

use super::*;

fn pause() -> RunCommand {
    RunCommand::Pause { reason: Some("the graph looks odd".to_owned()) }
}

fn resume() -> RunCommand {
    RunCommand::Resume { reason: None }
}

fn pass_over() -> RunCommand {
    RunCommand::PassOver { rest: false, reason: "the dashboard is down".to_owned() }
}

#[test]
fn a_pause_lets_the_live_command_end_and_starts_none_after_it() {
    let mut bench = Bench::approved(two());
    let attempt = bench.starts();
    assert_eq!(words(&bench.give("eva", &pause()).unwrap().events), ["pause_ordered"]);
    assert_eq!((bench.status(), bench.run.word()), ("running", "paused"));
    assert_eq!(bench.run.hold.as_ref().unwrap().by, person("eva"));
    assert!(bench.give("ana", &pause()).is_err(), "twice");
    assert_eq!(words(&bench.engine(&ok(attempt))), ["command_ended"]);
    for nothing in [RunCommand::Advance, RunCommand::Recover, RunCommand::Expire] {
        assert_eq!(bench.engine(&nothing), [], "{nothing:?}");
    }
    assert_eq!(bench.replayed().hold, bench.run.hold, "a restart finds it paused");
    let resumed = bench.give("ana", &resume()).unwrap();
    assert!(resumed.effects.contains(&Effect::Continue(ResumePoint::Next)));
    assert!(bench.give("ana", &resume()).is_err(), "twice");
    bench.runs_through();
    assert_eq!(bench.status(), "succeeded");
    laws::check(&bench);
}

/// People read "the command under way goes on to its end" until they are told that nothing is under way any more.
#[test]
fn a_paused_run_shows_that_its_command_is_gone() {
    for never_begun in [true, false] {
        let mut bench = Bench::approved(one(AGAIN));
        let attempt = bench.starts();
        bench.give("ana", &pause()).unwrap();
        let gone = match never_begun {
            true => RunCommand::NeverBegun { attempt, reason: "nobody began it".to_owned() },
            false => RunCommand::Recover,
        };
        let decision = bench.give_as(&Actor::system("recovery"), &gone).unwrap();
        let tells = Effect::Send(Outgoing::Progress { run: bench.run.id });
        assert!(decision.effects.contains(&tells), "{gone:?}: {:?}", decision.effects);
        assert_eq!(bench.engine(&RunCommand::Advance), [], "it stays paused");
        bench.give("ana", &resume()).unwrap();
        bench.runs_through();
        assert_eq!(bench.status(), "succeeded");
        laws::check(&bench);
    }
}

#[test]
fn what_can_be_paused() {
    for (name, mut bench, can) in [
        ("waits for a yes", Bench::of(two(), 1), false),
        ("between two commands", Bench::approved(two()), true),
        ("asks", asking(), true),
        ("in doubt", in_doubt(), true),
        ("failed", failed(two()), false),
        ("being undone", undoing(), true),
        ("cancelled", cancelled(), false),
    ] {
        assert_eq!(bench.give("ana", &pause()).is_ok(), can, "{name}");
        assert!(bench.engine(&RunCommand::Advance).is_empty() || !can, "{name}");
        laws::check(&bench);
    }
}

fn asking() -> Bench {
    let mut first = command("first", AGAIN);
    first.expectations = vec![expectation("looks fine", Check::Person, None)];
    let mut bench = Bench::approved(vec![step("1", vec![first, command("second", AGAIN)], vec![])]);
    let attempt = bench.starts();
    bench.engine(&ok(attempt));
    assert_eq!(bench.status(), "paused");
    bench
}

fn failed(steps: Vec<crate::plan::PlanStep>) -> Bench {
    let mut bench = Bench::approved(steps);
    let attempt = bench.starts();
    bench.engine(&fails(attempt));
    assert!(matches!(bench.status(), "failed" | "paused"), "{}", bench.status());
    bench
}

/// A read that says how it must come out.
fn check(id: &str) -> PlannedCommand {
    let expectations = vec![expectation("exit code 0", Check::ExitZero, None)];
    PlannedCommand { expectations, ..command(id, READ) }
}

fn undoing() -> Bench {
    let mut bench = failed(two());
    bench.give("ana", &RunCommand::Undo).unwrap();
    bench
}

fn cancelled() -> Bench {
    let mut bench = Bench::approved(two());
    bench.give("ana", &RunCommand::Cancel { reason: None }).unwrap();
    bench
}

#[test]
fn an_answer_to_a_paused_run_is_taken_and_starts_nothing() {
    let mut bench = asking();
    bench.give("eva", &pause()).unwrap();
    bench.give("ana", &RunCommand::Answer { yes: true, reason: None }).unwrap();
    assert_eq!(bench.run.word(), "paused");
    assert_eq!(bench.engine(&RunCommand::Advance), []);
    let refused = bench.give("ana", &RunCommand::Answer { yes: true, reason: None }).unwrap_err();
    assert!(refused.to_string().contains("`resume`"), "{refused}");
    bench.give("ana", &resume()).unwrap();
    bench.runs_through();
    assert_eq!(bench.status(), "succeeded");
    laws::check(&bench);
}

#[test]
fn cancel_and_undo_work_from_a_pause() {
    let mut bench = Bench::approved(two());
    let attempt = bench.starts();
    bench.engine(&ok(attempt));
    bench.give("eva", &pause()).unwrap();
    let mut other = Bench::approved(two());
    other.starts();
    other.give("eva", &pause()).unwrap();
    bench.give("ana", &RunCommand::Cancel { reason: None }).unwrap();
    assert_eq!((bench.status(), bench.run.hold.is_none()), ("cancelled", true));
    bench.give("ana", &RunCommand::Undo).unwrap();
    bench.runs_through();
    assert_eq!(bench.status(), "undone");
    other.give("ana", &RunCommand::Cancel { reason: None }).unwrap();
    assert_eq!(other.status(), "cancelled");
    // straight from the pause: nothing is under way any more
    let mut third = Bench::approved(two());
    let attempt = third.starts();
    third.give("eva", &pause()).unwrap();
    assert!(third.give("ana", &RunCommand::Undo).is_err(), "its command is under way");
    third.engine(&ok(attempt));
    third.give("ana", &RunCommand::Undo).unwrap();
    third.runs_through();
    assert_eq!(third.status(), "undone");
    for bench in [bench, other, third] {
        laws::check(&bench);
    }
}

#[test]
fn an_undo_can_be_paused_and_goes_on() {
    let mut bench = undoing();
    bench.give("eva", &pause()).unwrap();
    assert_eq!(bench.run.word(), "paused");
    assert_eq!(bench.engine(&RunCommand::Advance), []);
    bench.give("ana", &resume()).unwrap();
    bench.runs_through();
    assert_eq!(bench.status(), "undone");
    laws::check(&bench);
}

#[test]
fn a_failed_check_is_passed_over_and_is_no_success_of_its_step() {
    let steps = vec![step("1", vec![check("look"), command("more", READ)], vec![])];
    let mut bench = failed(steps);
    let decision = bench.give("ana", &pass_over()).unwrap();
    assert_eq!(words(&decision.events), ["passed_over"], "nothing that is left changes anything");
    bench.runs_through();
    assert_eq!(bench.status(), "succeeded");
    assert_eq!(started_ids(&bench), ["look", "more"]);
    let said = crate::view::state_words(&bench.run);
    assert!(said.contains("without look, which ana passed over (the dashboard is down)"), "{said}");
    assert_eq!(crate::view::step_state(&bench.run, 0), "skipped");
    laws::check(&bench);
}

#[test]
fn going_on_to_a_change_without_a_check_wants_another_persons_yes() {
    let steps = vec![step("1", vec![check("look"), command("act", ONCE)], vec![])];
    let mut bench = failed(steps);
    let decision = bench.give("ana", &pass_over()).unwrap();
    assert_eq!(words(&decision.events), ["passed_over", "approval_asked"]);
    assert_eq!(bench.engine(&RunCommand::Advance), [], "the earlier yes was to a plan with the check");
    assert_eq!(words(&bench.give("ana", &approve("ana")).unwrap().events), ["approval_refused"]);
    bench.give("ben", &approve("ben")).unwrap();
    bench.runs_through();
    assert_eq!(started_ids(&bench), ["look", "act"]);
    laws::check(&bench);
}

#[test]
fn whoever_passed_a_command_over_is_not_the_other_person() {
    let steps = vec![step("1", vec![check("look"), command("act", ONCE)], vec![])];
    let mut bench = failed(steps);
    bench.give("ben", &pass_over()).unwrap();
    assert_eq!(words(&bench.give("ben", &approve("ben")).unwrap().events), ["approval_refused"]);
    assert_eq!(words(&bench.give("eva", &approve("eva")).unwrap().events), ["approved", "started"]);
    laws::check(&bench);
}

#[test]
fn a_change_that_was_passed_over_mitigates_nothing_and_is_undone_where_it_may_have_happened() {
    let mut bench = failed(one(ONCE));
    bench.give("ana", &pass_over()).unwrap();
    bench.runs_through();
    assert_eq!(bench.status(), "succeeded");
    assert!(
        matches!(bench.told.last(), Some(IncidentCommand::EndRun { outcome: RunOutcome::Incomplete, .. })),
        "{:?}",
        bench.told
    );
    assert!(bench.run.next_undo().is_some(), "its failed attempt may have changed something");
    laws::check(&bench);
}

#[test]
fn the_next_command_of_a_paused_run_can_be_passed_over() {
    let steps = vec![step("1", vec![command("a", READ), command("b", READ), command("c", READ)], vec![])];
    let mut bench = Bench::approved(steps);
    let refused = bench.give("ana", &pass_over()).unwrap_err();
    assert!(refused.to_string().contains("`pause` it"), "{refused}");
    let attempt = bench.starts();
    bench.give("ana", &pause()).unwrap();
    assert!(bench.give("ana", &pass_over()).is_err(), "one is under way");
    bench.engine(&ok(attempt));
    bench.give("ana", &pass_over()).unwrap();
    assert_eq!(bench.run.word(), "paused", "it stays paused");
    bench.give("ana", &resume()).unwrap();
    bench.runs_through();
    assert_eq!(started_ids(&bench), ["a", "c"]);
    laws::check(&bench);
}

/// Two people, one asks and the other passes something over: nobody is left, and that is said with what to do.
#[test]
fn who_may_still_approve_is_said_and_so_is_that_nobody_can() {
    let told =
        |bench: &Bench, people: &[&str]| crate::approvers::approvers(&bench.run, people).map(|who| who.words);
    let mut bench = Bench::of(two(), 1);
    assert_eq!(told(&bench, &["ana", "ben", "eva"]).unwrap(), "who may approve it: ben, eva");
    assert!(told(&bench, &["ana"]).unwrap().starts_with("nobody with standing"));
    bench.give("ben", &approve("ben")).unwrap();
    assert_eq!(told(&bench, &["ana", "ben"]), None, "it waits for nobody");
    let attempt = bench.starts();
    bench.engine(&fails(attempt));
    bench.give("ben", &pass_over()).unwrap();
    assert_eq!(bench.status(), "waiting_for_approval");
    let words = told(&bench, &["ana", "ben"]).unwrap();
    assert!(
        words.contains("ana asked for it, ben ordered this, or went past something; hint: `cancel` it"),
        "{words}"
    );
    assert_eq!(told(&bench, &["ana", "ben", "eva"]).unwrap(), "who may approve it: eva");
    // two are needed, and one is left
    let mut bench = Bench::of(two(), 2);
    bench.give("ben", &approve("ben")).unwrap();
    assert_eq!(told(&bench, &["ana", "ben", "eva"]).unwrap(), "who may approve it: eva");
    let mut bench = Bench::of(two(), 2);
    assert!(told(&bench, &["ana", "ben"]).unwrap().starts_with("2 yeses are missing, and only ben can"));
    bench.give("ben", &approve("ben")).unwrap();
    assert!(told(&bench, &["ana", "ben"]).unwrap().contains("ben has approved it"));
}

#[test]
fn what_is_never_passed_over() {
    let reading = |text: &str| PlannedCommand { text: text.to_owned(), ..command("later", AGAIN) };
    let with = |first: PlannedCommand, text: &str| vec![step("1", vec![first, reading(text)], vec![])];
    let sets = || PlannedCommand { text: "POD=$(kubectl get pods)\n".to_owned(), ..check("find") };
    let baseline = || {
        let mut steps = one(ONCE);
        steps[0].baselines = vec![capturing("revision")];
        steps
    };
    let cases = [
        ("a doubt", in_doubt(), "a command in doubt is not passed over"),
        ("a value", failed(with(capturing("rev"), "to $REVISION\n")), "read REVISION"),
        ("a baseline", failed(baseline()), "needs its value"),
        ("its end", Bench::of(one(ONCE), 1), "no command is in question"),
        ("an undo", undoing(), "no command is in question"),
    ];
    for (name, mut bench, why) in cases {
        let refused = bench.give("ana", &pass_over()).unwrap_err().to_string();
        assert!(refused.contains(why), "{name}: {refused}");
        laws::check(&bench);
    }
    let mut unset = Bench::approved(with(sets(), "rm $POD\n"));
    let attempt = unset.starts();
    unset.engine(&RunCommand::NotStarted { attempt, reason: "no bash".to_owned() });
    let refused = unset.give("ana", &pass_over()).unwrap_err().to_string();
    assert!(refused.contains("read $POD"), "{refused}");
    let mut nobody = Bench::approved(with(sets(), "echo no\n"));
    let attempt = nobody.starts();
    nobody.engine(&RunCommand::NotStarted { attempt, reason: "no bash".to_owned() });
    assert!(
        nobody.give("ana", &RunCommand::PassOver { rest: false, reason: " ".to_owned() }).is_err(),
        "no reason"
    );
    nobody.give("ana", &pass_over()).unwrap();
    // a repetition that never began leaves the first attempt as unknown as it was
    let mut repeated = in_doubt();
    repeated.give("ana", &RunCommand::Retry).unwrap();
    repeated.give("ben", &approve("ben")).unwrap();
    let attempt = repeated.starts();
    repeated.engine(&RunCommand::NotStarted { attempt, reason: "no bash".to_owned() });
    let refused = repeated.give("ana", &pass_over()).unwrap_err().to_string();
    assert!(refused.contains("may have had its effect"), "{refused}");
}

/// A button that says "go on" is no way around the second person whom `skip` wants.
#[test]
fn going_on_after_a_failed_check_is_passing_it_over() {
    let mut bench = failed(vec![step("1", vec![check("look"), command("act", ONCE)], vec![])]);
    let decision = bench.give("ana", &RunCommand::Answer { yes: true, reason: None }).unwrap();
    assert_eq!(words(&decision.events), ["passed_over", "approval_asked"]);
    assert_eq!(words(&bench.give("ana", &approve("ana")).unwrap().events), ["approval_refused"]);
    bench.give("ben", &approve("ben")).unwrap();
    bench.runs_through();
    assert_eq!(started_ids(&bench), ["look", "act"]);
    laws::check(&bench);
}

/// What was seen to fail is marked as done by one person, and the change after it begins with another's yes.
#[test]
fn a_word_against_what_was_seen_is_no_way_around_the_other_person() {
    let mut bench = failed(vec![step("1", vec![command("act", ONCE), command("more", ONCE)], vec![])]);
    let decision = bench.give("ana", &RunCommand::MarkDone { reason: None }).unwrap();
    assert_eq!(words(&decision.events), ["answered_yes", "approval_asked"]);
    assert_eq!(bench.engine(&RunCommand::Advance), []);
    assert_eq!(words(&bench.give("ana", &approve("ana")).unwrap().events), ["approval_refused"]);
    bench.give("ben", &approve("ben")).unwrap();
    bench.runs_through();
    assert_eq!(started_ids(&bench), ["act", "more"]);
    laws::check(&bench);
    // with the requester's yes alone nothing else begins, whoever says that it happened
    let mut bench = failed(vec![step("1", vec![command("act", ONCE), command("more", ONCE)], vec![])]);
    bench.give("ben", &RunCommand::MarkDone { reason: None }).unwrap();
    assert_eq!(words(&bench.give("ben", &approve("ben")).unwrap().events), ["approval_refused"]);
}
